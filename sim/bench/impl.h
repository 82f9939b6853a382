/* SPDX-License-Identifier: MIT */
/*
 * What the benchmarks share: where figures go, and a world that runs one case again and again.
 *
 * Layer   bench
 * Units   seconds
 * Errors  a run that does not do its work ends with a complaint, never with a figure
 */
#ifndef WRG_BENCH_IMPL_H
#define WRG_BENCH_IMPL_H

#include "bench/bench.h"
#include "runner/runner.h"

struct wrg_bench {
    const struct wrg_bench_args *args;
    bool failed;
    struct wrg_case c;
};

/* A world with a case, measured again and again. */
struct wrg_bench_subject {
    struct wrg_bench *bench;
    const char *name;
    struct wrg_runner runner;
    const struct wrg_case *c;
    uint32_t ios; /* that a run must complete */
};

/* ---- bench.c ---- */

double wrg_bench_now(void);
void wrg_bench_keep_best(double *best, double seconds);
bool wrg_bench_wanted(const struct wrg_bench *bench, const char *name);
/* It, or a name that begins with it. */
bool wrg_bench_wanted_below(const struct wrg_bench *bench, const char *prefix);
/* A figure, if it is wanted; limit: NAN if there is none. */
void wrg_bench_add(struct wrg_bench *bench, const char *name, double value, const char *unit,
                   double limit);
/* The same, beside another way of ours to do it, which it may well beat. */
void wrg_bench_add_beside(struct wrg_bench *bench, const char *name, double value, const char *unit,
                          double peer);
/* Complains, and the whole has failed. */
void wrg_bench_fail(struct wrg_bench *bench, const char *format, ...) WRG_PRINTF(2, 3);

/* ---- subject.c ---- */

/* checked: with all checkers and the trace hash. It runs the bench's own case. */
void wrg_bench_subject_init(struct wrg_bench_subject *subject, struct wrg_bench *bench,
                            const char *name, bool checked);
/* Seconds of `runs` runs, negative if one failed. */
double wrg_bench_subject_time(struct wrg_bench_subject *subject, uint32_t runs);

/* ---- benchmarks, those of them that are wanted ---- */

void wrg_bench_requests(struct wrg_bench *bench);
void wrg_bench_worlds(struct wrg_bench *bench);
void wrg_bench_store_port(struct wrg_bench *bench);
void wrg_bench_store_nodes(struct wrg_bench *bench);
void wrg_bench_socket(struct wrg_bench *bench);

#endif
