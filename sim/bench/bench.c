/* SPDX-License-Identifier: MIT */
#include "bench/bench.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/impl.h"

#define LIMIT_PASSED 1.1 /* more than this of its limit is no figure */

typedef void benchmark(struct wrg_bench *bench);

static benchmark *const benchmarks[] = {
    wrg_bench_requests,    wrg_bench_worlds, wrg_bench_store_port,
    wrg_bench_store_nodes, wrg_bench_socket,
};

bool wrg_bench_run(const struct wrg_bench_args *args)
{
    struct wrg_bench *bench = calloc(1, sizeof(*bench)); /* a case is too large for the stack */
    bool ok;

    if (!bench) {
        args->complaint(args->ctx, strerror(ENOMEM));
        return false;
    }
    bench->args = args;
    for (size_t i = 0; i < WRG_ARRAY_LEN(benchmarks); i++)
        benchmarks[i](bench);
    ok = !bench->failed;
    free(bench);
    return ok;
}

double wrg_bench_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void wrg_bench_keep_best(double *best, double seconds)
{
    if (*best == 0 || seconds < *best)
        *best = seconds;
}

bool wrg_bench_wanted(const struct wrg_bench *bench, const char *name)
{
    const char *only = bench->args->only;

    return !only || strncmp(name, only, strlen(only)) == 0;
}

bool wrg_bench_wanted_below(const struct wrg_bench *bench, const char *prefix)
{
    return wrg_bench_wanted(bench, prefix) ||
           strncmp(prefix, bench->args->only, strlen(prefix)) == 0;
}

static void WRG_PRINTF(2, 0)
    complain(const struct wrg_bench *bench, const char *format, va_list args)
{
    char text[512];

    vsnprintf(text, sizeof(text), format, args);
    bench->args->complaint(bench->args->ctx, text);
}

static void WRG_PRINTF(2, 3) warn(const struct wrg_bench *bench, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    complain(bench, format, args);
    va_end(args);
}

void wrg_bench_fail(struct wrg_bench *bench, const char *format, ...)
{
    va_list args;

    bench->failed = true;
    va_start(args, format);
    complain(bench, format, args);
    va_end(args);
}

void wrg_bench_add_beside(struct wrg_bench *bench, const char *name, double value, const char *unit,
                          double peer)
{
    const struct wrg_bench_figure figure = {
        .name = name, .value = value, .unit = unit, .limit = peer
    };

    if (wrg_bench_wanted(bench, name))
        bench->args->figure(bench->args->ctx, &figure);
}

void wrg_bench_add(struct wrg_bench *bench, const char *name, double value, const char *unit,
                   double limit)
{
    if (wrg_bench_wanted(bench, name) && !isnan(limit) && value / limit > LIMIT_PASSED)
        warn(bench, "%s: %.2f of its limit: a bug of the benchmark", name, value / limit);
    wrg_bench_add_beside(bench, name, value, unit, limit);
}
