/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target: one world, and bytes that become a case which attacks one driver.
 *
 * What it is  target.c is compiled once a target (WRG_FUZZ_TARGET: "back", "front" or
 *             "xenstore") and linked twice: with libFuzzer, and with replay_main.c, which
 *             replays files.
 * Layer       above sim/; may have mutable statics, as engines call it without a context
 * Errors      a finding aborts under an engine, after `DEDUP_TOKEN: RULE--role.place`; a case can
 *             do nothing else to end the process
 * Units       nanoseconds of CLOCK_MONOTONIC
 * Left out    AFL++'s glue for the mutator
 */
#ifndef WRG_FUZZ_TARGET_H
#define WRG_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

#include "trace/trace.h"
#include "world/world.h"

/*
 * What a process has done so far. With WRG_FUZZ_STATS=FILE in the environment it lives in that
 * file, so that whoever started the target can read it at any time, and after any kind of end.
 * scripts/campaign knows this layout.
 */
struct wrg_fuzz_stats {
    uint64_t execs;            /* cases run */
    uint64_t requests;         /* answered ring requests */
    uint64_t snapshots;        /* cases that started from the connected snapshot */
    uint64_t findings;         /* cases that broke a rule */
    uint64_t first_request_ns; /* when the first case with an answered request ended; 0: none yet */
};

#define WRG_FUZZ_TOKEN_MAX 96

/*
 * With WRG_FUZZ_REACH=FILE in the environment the cells of struct wrg_reach lie in that file; it
 * goes on with what is there. `wringer reach --fuzz FILE` reads it.
 */

/* Builds worlds: several for an engine, one for a replayer. 0 or -errno. */
WRG_MUST_USE int wrg_fuzz_init(bool engine);

/* Runs a case, which must stay until the next one, and counts it. Never NULL. */
const struct wrg_verdict *wrg_fuzz_run(const struct wrg_case *c);

/* Of the last run's finding: two with the same token are one. "RING-004--back.ring.response" */
void wrg_fuzz_token(char token[WRG_FUZZ_TOKEN_MAX]);

const struct wrg_fuzz_stats *wrg_fuzz_stats(void);

/* ---- feedback.c: what counts as new beside edges; 4 KiB of counters ---- */

wrg_trace_fn wrg_feedback_on_event;
/* Cells are counted here, and marked in `reach`. */
struct wrg_reach_sink wrg_feedback_reach(struct wrg_reach *reach);
/* After a run. Returns how many responses a backend stored in it. */
uint32_t wrg_feedback_note(const struct wrg_case *c, const struct wrg_verdict *verdict);

/* ---- what engines call ---- */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                                 uint8_t *out, size_t max, unsigned seed);

#endif
