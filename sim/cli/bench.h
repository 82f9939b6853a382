/* SPDX-License-Identifier: MIT */
/*
 * What the benchmarks share: where results go, and a world that runs one case again and again.
 *
 * Layer   cli
 * Units   seconds
 * Errors  a run that does not do its work ends with a message and a code, never with a figure
 */
#ifndef WRG_CLI_BENCH_H
#define WRG_CLI_BENCH_H

#include "cli/bench_plan.h"
#include "cli/cli.h"
#include "runner/runner.h"

struct wrg_bench {
    const struct wrg_cli *cli;
    const char *only;
    bool json, quick;
    unsigned rounds;
    uint32_t shorter; /* cases are, by this factor */
    int code;
    json_t *results;
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

struct wrg_bench_times {
    double plain, checked, map, limit; /* the best, seconds; 0: not measured */
};

/* ---- bench.c ---- */

double wrg_bench_now(void);
bool wrg_bench_wanted(const struct wrg_bench *bench, const char *name);
/* limit: NAN if there is none. */
void wrg_bench_add(struct wrg_bench *bench, const char *name, double value, const char *unit,
                   double limit);

/* ---- bench_subject.c ---- */

/* checked: with all checkers and the trace hash. It runs the bench's own case. */
void wrg_bench_subject_init(struct wrg_bench_subject *subject, struct wrg_bench *bench,
                            const char *name, bool checked);
/* Seconds of `runs` runs, negative if one failed. */
double wrg_bench_subject_time(struct wrg_bench_subject *subject, uint32_t runs);
void wrg_bench_keep_best(double *best, double seconds);

/* ---- bench_requests.c ---- */

/* One row of the plan, if it is wanted. */
void wrg_bench_requests_of(struct wrg_bench *bench, const struct wrg_bench_plan *plan);

#endif
