/* SPDX-License-Identifier: MIT */
/*
 * Benchmarks: what the simulator does in a second, each figure beside its limit from the same run.
 *
 * What it is  requests through both drivers, worlds, the store through a port, with many nodes, and
 *             behind a socket. Each figure is the best of several rounds, in which it and its limit
 *             take turns, so that both see the same machine; a world starts, runs and is judged as
 *             in a replay
 * Layer       bench
 * Units       each figure says its own
 * Owner       all memory is taken and given back within the call
 * Errors      what does not do its work gives a complaint, never a figure
 * Threads     one, but for rows that measure threads
 */
#ifndef WRG_BENCH_BENCH_H
#define WRG_BENCH_BENCH_H

#include <stdbool.h>
#include <wringer/wringer.h>

#include "base/base.h"

struct wrg_bench_figure {
    const char *name;
    double value;
    const char *unit;
    double limit; /* NAN if there is none */
};

/* Who asks, and who is told. */
struct wrg_bench_args {
    const struct wrg_endpoint *driver; /* in its seat; NULL: the reference drivers */
    const char *only;                  /* benchmarks whose name begins so; NULL: all */
    unsigned rounds;
    uint32_t shorter; /* cases and rounds are, by this factor: a power of two up to 16 */
    bool counts;      /* also what 10,000 cycles leave behind */
    void (*figure)(void *ctx, const struct wrg_bench_figure *figure);
    void (*complaint)(void *ctx, const char *text); /* one line */
    void *ctx;
};

/* False: something did not do its work. -ENOMEM and such are complaints too. */
WRG_MUST_USE bool wrg_bench_run(const struct wrg_bench_args *args);

#endif
