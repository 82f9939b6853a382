/* SPDX-License-Identifier: MIT */
/*
 * Benchmarks. Each figure is the best of several rounds, in which the case and its limit take
 * turns, so that both see the same machine; a world starts, runs and is judged as in a replay.
 */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cli/bench.h"
#include "cli/bench_store.h"
#include "cli/bench_socket.h"
#include "runner/runner.h"

enum { OPT_JSON = 256, OPT_ONLY, OPT_QUICK };

#define CYCLES        10000u
#define SOCKET_READS  512u /* some milliseconds: short enough to find quiet ones */
#define SOCKET_ROUNDS 16u  /* for each of the others */

/* Defined by a program that wraps malloc; how many calls there were so far. */
__attribute__((weak)) uint64_t wrg_malloc_count(void);

static const struct argp_option options[] = {
    { "json", OPT_JSON, NULL, 0, "Print JSON", 0 },
    { "only", OPT_ONLY, "PREFIX", 0, "Only benchmarks whose name begins so", 0 },
    { "quick", OPT_QUICK, NULL, 0, "Few and short rounds: for tests, not for figures", 0 },
    { 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct wrg_bench *bench = state->input;

    switch (key) {
    case OPT_JSON: bench->json = true; break;
    case OPT_ONLY: bench->only = arg; break;
    case OPT_QUICK: bench->quick = true; break;
    case ARGP_KEY_ARG: argp_error(state, "'%s': no argument is taken", arg); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .doc =
        "Measures, each figure beside its limit from the same run.\v"
        "fiber.4k.*, fiber.depth*: requests a second beside a bare ring and copy loop. "
        "fiber.*.oracles: with all checkers and the trace hash, beside the same without. "
        "*.persistent.*: beside the same by map and one more copy. fiber.segs*: bytes a second "
        "beside a bare copy loop. thread.*: beside a bare ring between two threads that "
        "spin. *.notifications: events a request. world.cycle: restore the "
        "connected world, one request, "
        "verdict. world.connect: what a fresh connect costs above that. world.page-faults and "
        "world.growth: of 10,000 cycles. store.read, store.write: a guest's calls beside a bare "
        "hash lookup and copy. store.nodes.N, store.churn.N: writes, and removals and creations, "
        "in a directory of N nodes, beside 1,000. store.socket: reads a second of one node over a "
        "socket, beside a bare ping-pong of as many bytes.",
};

double wrg_bench_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

bool wrg_bench_wanted(const struct wrg_bench *bench, const char *name)
{
    return !bench->only || strncmp(name, bench->only, strlen(bench->only)) == 0;
}

/* Text shows its results as they come; JSON comes at the end, so a terminal is told meanwhile. */
static void show_progress(const struct wrg_bench *bench, const char *done)
{
    if (!bench->json || !isatty(STDERR_FILENO))
        return;
    if (done)
        fprintf(stderr, "\r\033[K%zu measured, the last: %s", json_array_size(bench->results),
                done);
    else
        fputs("\r\033[K", stderr);
    fflush(stderr);
}

/* limit: NAN if there is none. */
void wrg_bench_add(struct wrg_bench *bench, const char *name, double value, const char *unit,
                   double limit)
{
    double ratio = value / limit;
    bool has_limit = !isnan(limit);

    if (!wrg_bench_wanted(bench, name))
        return;
    if (has_limit && ratio > 1.1)
        wrg_cli_error(bench->cli, "%s: %.2f of its limit: a bug of the benchmark", name, ratio);
    if (bench->json) {
        json_array_append_new(bench->results,
                              json_pack("{s:s, s:f, s:s, s:o, s:o}", "name", name, "value", value,
                                        "unit", unit, "limit",
                                        has_limit ? json_real(limit) : json_null(), "ratio",
                                        has_limit ? json_real(ratio) : json_null()));
        show_progress(bench, name);
        return;
    }
    printf("%-28s %14.6g %-18s", name, value, unit);
    if (has_limit)
        printf(" limit %12.6g  ratio %.3f", limit, ratio);
    putchar('\n');
    fflush(stdout);
}

/* ---- worlds ---- */

static long page_faults(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt + usage.ru_majflt;
}

static size_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

/* What 10,000 cycles leave behind; the machine may fault pages in and out itself: best of five. */
static void bench_counts(struct wrg_bench *bench, struct wrg_bench_subject *subject)
{
    long faults = -1;
    size_t heap = heap_bytes();
    uint64_t mallocs = wrg_malloc_count ? wrg_malloc_count() : 0;
    double growth;

    for (unsigned round = 0; round < 5; round++) {
        long before = page_faults();

        if (wrg_bench_subject_time(subject, CYCLES) < 0)
            return;
        if (faults < 0 || page_faults() - before < faults)
            faults = page_faults() - before;
    }
    growth = (double)heap_bytes() - (double)heap; /* before results are added: they allocate */
    if (wrg_malloc_count)
        mallocs = wrg_malloc_count() - mallocs;
    wrg_bench_add(bench, "world.page-faults", (double)faults, "per 10000 cycles", NAN);
    wrg_bench_add(bench, "world.growth", growth, "bytes", NAN);
    if (wrg_malloc_count)
        wrg_bench_add(bench, "world.mallocs", (double)mallocs / 5, "per 10000 cycles", NAN);
}

static void time_worlds(struct wrg_bench *bench, struct wrg_bench_subject *kept,
                        struct wrg_bench_subject *fresh)
{
    uint32_t cycles = bench->quick ? CYCLES / 20 : CYCLES;
    double cycle = 0, connect = 0;

    if (wrg_bench_subject_time(kept, 100) < 0 || wrg_bench_subject_time(fresh, 100) < 0)
        return;
    for (unsigned round = 0; round < bench->rounds; round++) {
        double a = wrg_bench_subject_time(kept, cycles);
        double b = wrg_bench_subject_time(fresh, cycles);

        if (a < 0 || b < 0)
            return;
        wrg_bench_keep_best(&cycle, a / cycles * 1e6);
        wrg_bench_keep_best(&connect, b / cycles * 1e6);
    }
    wrg_bench_add(bench, "world.cycle", cycle, "us", NAN);
    wrg_bench_add(bench, "world.connect", connect - cycle, "us", NAN);
    if (!bench->quick)
        bench_counts(bench, kept);
}

static void bench_worlds(struct wrg_bench *bench)
{
    struct wrg_bench_subject kept, fresh;

    if (bench->only && strncmp("world.", bench->only, wrg_min_u64(6, strlen(bench->only))) != 0)
        return;
    wrg_bench_cycle_case(&bench->c);
    wrg_bench_subject_init(&kept, bench, "world.cycle", false);
    wrg_bench_subject_init(&fresh, bench, "world.connect", false);
    kept.ios = fresh.ios = 1;
    fresh.runner.options.snapshot = false;
    time_worlds(bench, &kept, &fresh);
    wrg_runner_fini(&kept.runner);
    wrg_runner_fini(&fresh.runner);
}

/* ---- the store behind a socket ---- */

static int time_socket(struct wrg_bench_socket *s, struct wrg_bench_times *best)
{
    double began = wrg_bench_now();
    int ret = wrg_bench_socket_reads(s, SOCKET_READS);

    wrg_bench_keep_best(&best->plain, wrg_bench_now() - began);
    began = wrg_bench_now();
    if (ret == 0)
        ret = wrg_bench_socket_limit(s, SOCKET_READS);
    wrg_bench_keep_best(&best->limit, wrg_bench_now() - began);
    return ret;
}

static void bench_socket(struct wrg_bench *bench)
{
    static const char name[] = "store.socket";
    struct wrg_bench_socket s;
    struct wrg_bench_times best = { 0 };
    int ret;

    if (!wrg_bench_wanted(bench, name))
        return;
    ret = wrg_bench_socket_init(&s);
    if (ret == 0) {
        for (unsigned round = 0; round < bench->rounds * SOCKET_ROUNDS && ret == 0; round++)
            ret = time_socket(&s, &best);
        wrg_bench_socket_fini(&s);
    }
    if (ret == 0) {
        wrg_bench_add(bench, name, SOCKET_READS / best.plain, "reads/s", SOCKET_READS / best.limit);
        return;
    }
    bench->code = WRG_EXIT_FAULT;
    wrg_cli_error(bench->cli, "%s: %s", name, strerror(-ret));
}

/* ---- the store ---- */

/* A prefix is wanted also where only longer names are asked for. */
static bool is_store_wanted(void *ctx, const char *name)
{
    const struct wrg_bench *bench = ctx;

    return wrg_bench_wanted(bench, name) || strncmp(name, bench->only, strlen(name)) == 0;
}

static void add_store_result(void *ctx, const char *name, double value, const char *unit,
                             double limit)
{
    wrg_bench_add(ctx, name, value, unit, limit);
}

static void bench_store(struct wrg_bench *bench)
{
    const struct wrg_bench_sink sink = { .ctx = bench,
                                         .is_wanted = is_store_wanted,
                                         .add = add_store_result,
                                         .rounds = bench->rounds,
                                         .shorter = bench->shorter };
    int ret = wrg_bench_store(&sink);

    if (ret == 0)
        return;
    bench->code = WRG_EXIT_FAULT;
    wrg_cli_error(bench->cli, "store: %s", strerror(-ret));
}

int wrg_cmd_bench(const struct wrg_cli *cli, int argc, char **argv)
{
    struct wrg_bench *bench = calloc(1, sizeof(*bench)); /* a case is too large for the stack */
    int code;

    if (!bench)
        return WRG_EXIT_FAULT;
    bench->cli = cli;
    wrg_cli_parse(cli, &argp, argc, argv, bench);
    bench->rounds = bench->quick ? 2 : 11;
    bench->shorter = bench->quick ? 16 : 1;
    bench->results = json_array();
    for (size_t i = 0; i < wrg_bench_plans_count; i++)
        wrg_bench_requests_of(bench, &wrg_bench_plans[i]);
    bench_worlds(bench);
    bench_store(bench);
    bench_socket(bench);
    show_progress(bench, NULL);
    if (bench->json)
        wrg_cli_print_json(json_pack("{s:O, s:s, s:i, s:b}", "results", bench->results, "statistic",
                                     "best of the rounds", "rounds", (int)bench->rounds, "quick",
                                     (int)bench->quick));
    json_decref(bench->results);
    code = bench->code;
    free(bench);
    return code;
}
