/* SPDX-License-Identifier: MIT */
/*
 * Mutation and crossover of cases: the core behind every fuzzing engine.
 *
 * Works on decoded ops and always returns canonical bytes, so a mutation never breaks what
 * follows it. Segments that an input asks for are bounded by a budget; a mutation leads beyond it
 * only one time in 64 (an input that is beyond already may stay there).
 *
 * Layer: case. No I/O, no allocation (some 80 KiB of stack), no state: the result depends on the
 * arguments only. Left out: mutations of raw bytes, which the engine does well itself.
 */
#ifndef WRG_CASE_MUTATE_H
#define WRG_CASE_MUTATE_H

#include "case/generate.h"

#define WRG_SEGMENT_BUDGET 700u

/*
 * Mutates in place; max: what data holds. Returns the new size, 1..max, and 0 only for a max of 0.
 */
size_t wrg_mutate(uint8_t *data, size_t size, size_t max, uint64_t seed, enum wrg_profile profile);

struct wrg_bytes {
    const uint8_t *data;
    size_t size;
};

/*
 * One-point crossover on data ops; sched, preempt, tamper and fault come as a set from one parent.
 * Returns the size, 1..max, and 0 only for a max of 0. out: not one of the parents.
 */
size_t wrg_crossover(struct wrg_bytes a, struct wrg_bytes b, uint8_t *out, size_t max,
                     uint64_t seed);

/* Segments that the reqs and ios of a case ask for, one page each. */
uint64_t wrg_case_segments(const struct wrg_case *from);

#endif
