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

#include "cli/bench_limits.h"
#include "cli/bench_plan.h"
#include "cli/bench_store.h"
#include "cli/bench_socket.h"
#include "cli/runner.h"

enum { OPT_JSON = 256, OPT_ONLY, OPT_QUICK };

#define CYCLES        10000u
#define SOCKET_READS  512u /* some milliseconds: short enough to find quiet ones */
#define SOCKET_ROUNDS 16u  /* for each of the others */

struct bench {
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
struct subject {
    struct bench *bench;
    const char *name;
    struct wrg_runner runner;
    uint32_t ios; /* that a run must complete */
};

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
    struct bench *bench = state->input;

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
        "fiber.4k.*: requests a second beside a bare ring and copy loop. fiber.*.oracles: with "
        "all checkers and the trace hash, beside the same without. fiber.segs*: bytes a second "
        "beside a bare copy loop. world.cycle: restore the connected world, one request, "
        "verdict. world.connect: what a fresh connect costs above that. world.page-faults and "
        "world.growth: of 10,000 cycles. store.read, store.write: a guest's calls beside a bare "
        "hash lookup and copy. store.nodes.N, store.churn.N: writes, and removals and creations, "
        "in a directory of N nodes, beside 1,000. store.socket: reads a second of one node over a "
        "socket, beside a bare ping-pong of as many bytes.",
};

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool is_wanted(const struct bench *bench, const char *name)
{
    return !bench->only || strncmp(name, bench->only, strlen(bench->only)) == 0;
}

/* Text shows its results as they come; JSON comes at the end, so a terminal is told meanwhile. */
static void show_progress(const struct bench *bench, const char *done)
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
static void add_result(struct bench *bench, const char *name, double value, const char *unit,
                       double limit)
{
    double ratio = value / limit;
    bool has_limit = !isnan(limit);

    if (!is_wanted(bench, name))
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

/* ---- a world under measurement ---- */

static void subject_init(struct subject *subject, struct bench *bench, const char *name,
                         bool checked)
{
    *subject = (struct subject){ .bench = bench, .name = name };
    wrg_runner_init(&subject->runner, bench->cli);
    subject->runner.options.oracles = checked;
    subject->runner.options.hash = checked;
    subject->runner.options.prefault = true;
    subject->runner.options.prefault_disk = true;
}

/* One run. False, and a message, if it did not do its work: such a figure would be a lie. */
static bool subject_run(struct subject *subject)
{
    struct bench *bench = subject->bench;
    struct wrg_runner_args args = { .path = subject->name, .label = "", .c = &bench->c };
    struct wrg_verdict v;
    int result = wrg_runner_run(&subject->runner, &args, &v);

    if (result == 0 && v.rule == WRG_RULE_CLEAN && v.ios == subject->ios && v.ios_failed == 0)
        return true;
    bench->code = WRG_EXIT_FAULT;
    if (result)
        wrg_cli_error(bench->cli, "%s: %s", subject->name, strerror(-result));
    else
        wrg_cli_error(bench->cli,
                      "%s: the case failed: %s, %" PRIu32 " of %" PRIu32 " requests, %" PRIu32
                      " of them with an error: %s",
                      subject->name, wrg_rule_id(v.rule), v.ios, subject->ios, v.ios_failed,
                      v.detail);
    return false;
}

/* Seconds of `runs` runs, negative if one failed. */
static double subject_time(struct subject *subject, uint32_t runs)
{
    double began = seconds_now();

    for (uint32_t i = 0; i < runs; i++)
        if (!subject_run(subject))
            return -1;
    return seconds_now() - began;
}

static void keep_best(double *best, double seconds)
{
    if (*best == 0 || seconds < *best)
        *best = seconds;
}

/* ---- requests ---- */

struct times {
    double plain, checked, limit; /* the best, seconds; 0: not measured */
};

static void time_limit(const struct wrg_bench_plan *plan, struct wrg_limit *limit,
                       uint32_t requests, double *best)
{
    bool write = plan->op == WRG_CASE_IO_WRITE;
    double began = seconds_now();

    if (plan->segments == 1)
        wrg_limit_ring(limit, write, requests);
    else
        wrg_limit_copy(limit, write, requests, plan->segments);
    keep_best(best, seconds_now() - began);
}

static bool time_rounds(struct bench *bench, const struct wrg_bench_plan *plan,
                        struct subject *plain, struct subject *checked, struct times *best)
{
    uint32_t requests = wrg_bench_requests(plan, bench->shorter);
    struct wrg_limit limit;
    bool ok = true;

    if (wrg_limit_init(&limit, wrg_bench_pages(plan), plan->disk_bytes)) {
        bench->code = WRG_EXIT_FAULT;
        wrg_cli_error(bench->cli, "%s: %s", plan->name, strerror(ENOMEM));
        return false;
    }
    for (unsigned round = 0; round <= bench->rounds && ok; round++) {
        struct times ignored = { 0 };
        struct times *to = round ? best : &ignored; /* the first one warms up */
        double seconds = subject_time(plain, 1);

        ok = seconds > 0;
        keep_best(&to->plain, seconds);
        time_limit(plan, &limit, requests, &to->limit);
        if (ok && checked) {
            seconds = subject_time(checked, 1);
            ok = seconds > 0;
            keep_best(&to->checked, seconds);
        }
    }
    wrg_limit_fini(&limit);
    return ok;
}

static void add_requests(struct bench *bench, const struct wrg_bench_plan *plan,
                         const struct times *best)
{
    uint32_t requests = wrg_bench_requests(plan, bench->shorter);
    bool is_small = plan->segments == 1;
    const char *unit = is_small ? "req/s" : "bytes/s";
    double work = is_small ? requests : (double)requests * plan->segments * 4096;
    char name[64];

    add_result(bench, plan->name, work / best->plain, unit, work / best->limit);
    if (best->checked == 0)
        return;
    snprintf(name, sizeof(name), "%s.oracles", plan->name);
    add_result(bench, name, work / best->checked, unit, work / best->plain);
}

static void bench_requests(struct bench *bench, const struct wrg_bench_plan *plan)
{
    struct subject plain, checked;
    struct times best = { 0 };
    bool both = plan->segments == 1;

    if (!is_wanted(bench, plan->name) &&
        !(bench->only && both && /* its .oracles alone */
          strncmp(bench->only, plan->name, strlen(plan->name)) == 0))
        return;
    subject_init(&plain, bench, plan->name, false);
    subject_init(&checked, bench, plan->name, true);
    plain.ios = wrg_bench_case(plan, bench->shorter, &bench->c);
    checked.ios = plain.ios;
    if (time_rounds(bench, plan, &plain, both ? &checked : NULL, &best))
        add_requests(bench, plan, &best);
    wrg_runner_fini(&plain.runner);
    wrg_runner_fini(&checked.runner);
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
static void bench_counts(struct bench *bench, struct subject *subject)
{
    long faults = -1;
    size_t heap = heap_bytes();
    uint64_t mallocs = wrg_malloc_count ? wrg_malloc_count() : 0;
    double growth;

    for (unsigned round = 0; round < 5; round++) {
        long before = page_faults();

        if (subject_time(subject, CYCLES) < 0)
            return;
        if (faults < 0 || page_faults() - before < faults)
            faults = page_faults() - before;
    }
    growth = (double)heap_bytes() - (double)heap; /* before results are added: they allocate */
    if (wrg_malloc_count)
        mallocs = wrg_malloc_count() - mallocs;
    add_result(bench, "world.page-faults", (double)faults, "per 10000 cycles", NAN);
    add_result(bench, "world.growth", growth, "bytes", NAN);
    if (wrg_malloc_count)
        add_result(bench, "world.mallocs", (double)mallocs / 5, "per 10000 cycles", NAN);
}

static void time_worlds(struct bench *bench, struct subject *kept, struct subject *fresh)
{
    uint32_t cycles = bench->quick ? CYCLES / 20 : CYCLES;
    double cycle = 0, connect = 0;

    if (subject_time(kept, 100) < 0 || subject_time(fresh, 100) < 0)
        return;
    for (unsigned round = 0; round < bench->rounds; round++) {
        double a = subject_time(kept, cycles);
        double b = subject_time(fresh, cycles);

        if (a < 0 || b < 0)
            return;
        keep_best(&cycle, a / cycles * 1e6);
        keep_best(&connect, b / cycles * 1e6);
    }
    add_result(bench, "world.cycle", cycle, "us", NAN);
    add_result(bench, "world.connect", connect - cycle, "us", NAN);
    if (!bench->quick)
        bench_counts(bench, kept);
}

static void bench_worlds(struct bench *bench)
{
    struct subject kept, fresh;

    if (bench->only && strncmp("world.", bench->only, wrg_min_u64(6, strlen(bench->only))) != 0)
        return;
    wrg_bench_cycle_case(&bench->c);
    subject_init(&kept, bench, "world.cycle", false);
    subject_init(&fresh, bench, "world.connect", false);
    kept.ios = fresh.ios = 1;
    fresh.runner.options.snapshot = false;
    time_worlds(bench, &kept, &fresh);
    wrg_runner_fini(&kept.runner);
    wrg_runner_fini(&fresh.runner);
}

/* ---- the store behind a socket ---- */

static int time_socket(struct wrg_bench_socket *s, struct times *best)
{
    double began = seconds_now();
    int ret = wrg_bench_socket_reads(s, SOCKET_READS);

    keep_best(&best->plain, seconds_now() - began);
    began = seconds_now();
    if (ret == 0)
        ret = wrg_bench_socket_limit(s, SOCKET_READS);
    keep_best(&best->limit, seconds_now() - began);
    return ret;
}

static void bench_socket(struct bench *bench)
{
    static const char name[] = "store.socket";
    struct wrg_bench_socket s;
    struct times best = { 0 };
    int ret;

    if (!is_wanted(bench, name))
        return;
    ret = wrg_bench_socket_init(&s);
    if (ret == 0) {
        for (unsigned round = 0; round < bench->rounds * SOCKET_ROUNDS && ret == 0; round++)
            ret = time_socket(&s, &best);
        wrg_bench_socket_fini(&s);
    }
    if (ret == 0) {
        add_result(bench, name, SOCKET_READS / best.plain, "reads/s", SOCKET_READS / best.limit);
        return;
    }
    bench->code = WRG_EXIT_FAULT;
    wrg_cli_error(bench->cli, "%s: %s", name, strerror(-ret));
}

/* ---- the store ---- */

/* A prefix is wanted also where only longer names are asked for. */
static bool is_store_wanted(void *ctx, const char *name)
{
    const struct bench *bench = ctx;

    return is_wanted(bench, name) || strncmp(name, bench->only, strlen(name)) == 0;
}

static void add_store_result(void *ctx, const char *name, double value, const char *unit,
                             double limit)
{
    add_result(ctx, name, value, unit, limit);
}

static void bench_store(struct bench *bench)
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
    struct bench *bench = calloc(1, sizeof(*bench)); /* a case is too large for the stack */
    int code;

    if (!bench)
        return WRG_EXIT_FAULT;
    bench->cli = cli;
    wrg_cli_parse(cli, &argp, argc, argv, bench);
    bench->rounds = bench->quick ? 2 : 11;
    bench->shorter = bench->quick ? 16 : 1;
    bench->results = json_array();
    for (size_t i = 0; i < WRG_BENCH_PLANS; i++)
        bench_requests(bench, &wrg_bench_plans[i]);
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
