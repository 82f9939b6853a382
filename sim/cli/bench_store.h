/* SPDX-License-Identifier: MIT */
/*
 * Benchmarks of the store.
 *
 * What it is  store.read, .write  a guest's calls through its port, names in an open directory,
 *                                 beside a bare hash lookup and copy of the same sizes
 *             store.nodes.N       writes to random ones of N nodes of one directory, beside the
 *                                 same at 1,000: what depends on their number shows
 *             store.churn.N       removals and creations there, counted singly
 * Layer       cli
 * Units       operations a second, the best of the rounds
 * Owner       all memory is taken and given back within the call
 */
#ifndef WRG_CLI_BENCH_STORE_H
#define WRG_CLI_BENCH_STORE_H

#include "base/base.h"

/* Where figures go, and how long is measured. */
struct wrg_bench_sink {
    void *ctx;
    bool (*is_wanted)(void *ctx, const char *name);
    /* limit: NAN if there is none. */
    void (*add)(void *ctx, const char *name, double value, const char *unit, double limit);
    unsigned rounds;
    uint32_t shorter; /* rounds are, by this factor */
};

/* -errno: a store could not be made, or answered something wrong. */
WRG_MUST_USE int wrg_bench_store(const struct wrg_bench_sink *sink);

#endif
