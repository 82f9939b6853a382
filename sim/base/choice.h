/* SPDX-License-Identifier: MIT */
/*
 * The one source of choices: which task runs next, where a preemption falls, what a hostile value
 * is. Served by a constant, a seeded PRNG, a recorded run, or an odometer that enumerates all.
 *
 * Layer: base. Shapes: a choice is a number in 0 .. bound-1; 0 is the tame one ("no preemption",
 * "go on with this task"), so that an exhausted record falls back to a calm run.
 * Bounds: caller-supplied buffers; taken_count goes on counting when the record is full, so that
 * the caller sees the overflow and nothing is written past the end.
 * Owner: buffers are the caller's and outlive the source. Threads: one source, one thread.
 * Errors: a recorded value at or above its bound is folded into it (value % bound) and counted in
 * folded_count: the record then came from a different run. A bound of 0 is a bug of ours.
 *
 * Each choice is one statement of its own: two in one expression are evaluated in an order that
 * differs between compilers.
 */
#ifndef WRG_BASE_CHOICE_H
#define WRG_BASE_CHOICE_H

#include "base/base.h"
#include "base/rng.h"

/* What a choice is for. Shown in traces and dumps; does not change the value taken. */
enum wrg_choice_why {
    WRG_CHOICE_TASK,    /* who runs next */
    WRG_CHOICE_PREEMPT, /* whether, or where, to preempt */
    WRG_CHOICE_WAKE,    /* which of several waiters wakes */
    WRG_CHOICE_FLUSH,   /* which buffered store becomes visible */
    WRG_CHOICE_FAULT,   /* whether a fault point fires */
    WRG_CHOICE_VALUE,   /* a value of an operand or of data */
    WRG_CHOICE_OTHER,
    WRG_CHOICE_WHYS,
};

enum wrg_choice_mode {
    WRG_CHOICE_CONSTANT,  /* always 0 */
    WRG_CHOICE_PRNG,      /* from a seed */
    WRG_CHOICE_RECORDED,  /* from an array, then 0 */
    WRG_CHOICE_ENUMERATE, /* odometer, advanced between runs */
};

struct wrg_choice_step {
    uint32_t value;
    uint32_t bound;
    uint32_t why; /* enum wrg_choice_why */
};

struct wrg_choice {
    enum wrg_choice_mode mode;
    struct wrg_rng rng;            /* PRNG */
    const uint32_t *recorded;      /* RECORDED: the values */
    size_t recorded_len;           /* RECORDED, ENUMERATE: digits that are set */
    struct wrg_choice_step *taken; /* the record of this run, or NULL; ENUMERATE: the odometer */
    size_t taken_cap;
    size_t taken_count; /* may exceed taken_cap */
    size_t folded_count;
};

/* `taken` may be NULL (cap 0): nothing is recorded, choices are still counted. */
void wrg_choice_constant(struct wrg_choice *c, struct wrg_choice_step *taken, size_t cap);
void wrg_choice_prng(struct wrg_choice *c, uint64_t seed, struct wrg_choice_step *taken,
                     size_t cap);
void wrg_choice_recorded(struct wrg_choice *c, const uint32_t *values, size_t values_len,
                         struct wrg_choice_step *taken, size_t cap);

/*
 * Exhaustive search: run, wrg_choice_next(), run again, until next says false. `digits` is the
 * odometer; choices beyond cap are always 0 and are not enumerated (taken_count > cap tells).
 */
void wrg_choice_enumerate(struct wrg_choice *c, struct wrg_choice_step *digits, size_t cap);

/* Turns the odometer to the next run, deepest choice first. False: all have been seen. */
bool wrg_choice_next(struct wrg_choice *c);

/* "task", "preempt", ...; "?" for a number that is none. */
const char *wrg_choice_why_name(uint32_t why);

/* The modes that are not worth inlining. */
uint32_t wrg_choice_take_slow(struct wrg_choice *c, uint32_t bound);

/* 0 .. bound-1. A bound of 1 is a choice too: it is recorded, and takes a number. */
static inline uint32_t wrg_choice_take(struct wrg_choice *c, uint32_t bound,
                                       enum wrg_choice_why why)
{
    uint32_t value;

    WRG_ASSERT(bound != 0);
    if (WRG_LIKELY(c->mode == WRG_CHOICE_PRNG))
        value = wrg_rng_below(&c->rng, bound);
    else
        value = wrg_choice_take_slow(c, bound);
    if (c->taken_count < c->taken_cap)
        c->taken[c->taken_count] = (struct wrg_choice_step){ value, bound, (uint32_t)why };
    c->taken_count++;
    return value;
}

#endif
