/* SPDX-License-Identifier: MIT */
/*
 * `wringer bench`: figures as they come, or one JSON document of all of them.
 */
#include "bench/bench.h"

#include <math.h>
#include <unistd.h>

#include "cli/cli.h"

enum { OPT_JSON = 256, OPT_ONLY, OPT_QUICK };

static const struct argp_option options[] = {
    { "json", OPT_JSON, NULL, 0, "Print JSON", 0 },
    { "only", OPT_ONLY, "PREFIX", 0, "Only benchmarks whose name begins so", 0 },
    { "quick", OPT_QUICK, NULL, 0, "Few and short rounds: for tests, not for figures", 0 },
    { 0 },
};

struct command {
    const struct wrg_cli *cli;
    const char *only;
    bool json, quick;
    json_t *results;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct command *bench = state->input;

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
        "spin; a thread runs whatever task is ready. *.notifications: events a request. "
        "world.cycle: restore the "
        "connected world, one request, "
        "verdict. world.connect: what a fresh connect costs above that. world.page-faults and "
        "world.growth: of 10,000 cycles. store.read, store.write: a guest's calls beside a bare "
        "hash lookup and copy. store.nodes.N, store.churn.N: writes, and removals and creations, "
        "in a directory of N nodes, beside 1,000. store.socket: reads a second of one node over a "
        "socket, beside a bare ping-pong of as many bytes.",
};

/* Text shows its results as they come; JSON comes at the end, so a terminal is told meanwhile. */
static void show_progress(const struct command *bench, const char *done)
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

static void keep_figure(struct command *bench, const struct wrg_bench_figure *figure)
{
    bool has_limit = !isnan(figure->limit);
    json_t *limit = has_limit ? json_real(figure->limit) : json_null();
    json_t *ratio = has_limit ? json_real(figure->value / figure->limit) : json_null();

    json_array_append_new(bench->results, json_pack("{s:s, s:f, s:s, s:o, s:o}", "name",
                                                    figure->name, "value", figure->value, "unit",
                                                    figure->unit, "limit", limit, "ratio", ratio));
    show_progress(bench, figure->name);
}

static void on_figure(void *ctx, const struct wrg_bench_figure *figure)
{
    struct command *bench = ctx;

    if (bench->json) {
        keep_figure(bench, figure);
        return;
    }
    printf("%-28s %14.6g %-18s", figure->name, figure->value, figure->unit);
    if (!isnan(figure->limit))
        printf(" limit %12.6g  ratio %.3f", figure->limit, figure->value / figure->limit);
    putchar('\n');
    fflush(stdout);
}

static void on_complaint(void *ctx, const char *text)
{
    const struct command *bench = ctx;

    wrg_cli_error(bench->cli, "%s", text);
}

int wrg_cmd_bench(const struct wrg_cli *cli, int argc, char **argv)
{
    struct command bench = { .cli = cli };
    struct wrg_bench_args args = {
        .driver = cli->driver, .figure = on_figure, .complaint = on_complaint, .ctx = &bench
    };
    bool ok;

    wrg_cli_parse(cli, &argp, argc, argv, &bench);
    args.only = bench.only;
    args.rounds = bench.quick ? 2 : 11;
    args.shorter = bench.quick ? 16 : 1;
    args.counts = !bench.quick;
    bench.results = json_array();
    ok = wrg_bench_run(&args);
    show_progress(&bench, NULL);
    if (bench.json)
        wrg_cli_print_json(json_pack("{s:O, s:s, s:i, s:b}", "results", bench.results, "statistic",
                                     "best of the rounds", "rounds", (int)args.rounds, "quick",
                                     (int)bench.quick));
    json_decref(bench.results);
    return ok ? WRG_EXIT_OK : WRG_EXIT_FAULT;
}
