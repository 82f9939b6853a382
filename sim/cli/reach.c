/* SPDX-License-Identifier: MIT */
/*
 * `wringer reach`: what requests have gone through, in cases and in fuzz targets, and what never.
 *
 * Layer   cli
 * Shape   a source is a row of bits (struct wrg_reach): the cases that are run here, and files of a
 *         fuzz target that ran with WRG_FUZZ_REACH=FILE
 * Errors  a file of another size is refused: its cells would be others
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "case/load.h"
#include "cli/cli.h"
#include "cli/files.h"
#include "runner/runner.h"
#include "report/report.h"
#include "vocab/reach.h"

enum { OPT_FUZZ = 256, OPT_NEVER, OPT_JSON, SOURCES_MAX = 16 };

struct source {
    const char *name;
    struct wrg_reach reach;
};

struct reach {
    const struct wrg_cli *cli;
    char **paths;
    int count;
    bool never, json;
    struct source sources[SOURCES_MAX]; /* the first one: cases */
    unsigned nsources;
    struct wrg_reach all;
    struct wrg_runner runner;
    struct wrg_case c;
};

static const struct argp_option options[] = {
    { "fuzz", OPT_FUZZ, "FILE", 0, "What a fuzz target reached with WRG_FUZZ_REACH=FILE", 0 },
    { "never", OPT_NEVER, NULL, 0, "List what was never reached", 0 },
    { "json", OPT_JSON, NULL, 0, "Print JSON", 0 },
    { 0 },
};

static void add_source(struct argp_state *state, const char *path)
{
    struct reach *reach = state->input;

    if (reach->nsources == SOURCES_MAX)
        argp_error(state, "more than %d files", SOURCES_MAX - 1);
    else
        reach->sources[reach->nsources++].name = path;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct reach *reach = state->input;

    switch (key) {
    case OPT_FUZZ: add_source(state, arg); break;
    case OPT_NEVER: reach->never = true; break;
    case OPT_JSON: reach->json = true; break;
    case ARGP_KEY_ARGS:
        reach->paths = state->argv + state->next;
        reach->count = state->argc - state->next;
        break;
    case ARGP_KEY_NO_ARGS:
        if (reach->nsources == 1)
            argp_usage(state);
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .args_doc = "[FOLDER|FILE...]",
    .doc = "Counts which combinations of feature, operation, way to end and phase of the "
           "connection requests have gone through."
           "\vRuns every *.wring below the folders; --fuzz adds what a fuzz target has counted. "
           "Combinations that cannot be are counted apart, with the reason (vocab/reach.def).",
};

/* ---- sources ---- */

static int read_fuzz(const struct reach *reach, struct source *source)
{
    FILE *file = fopen(source->name, "rb");
    size_t got = file ? fread(&source->reach, 1, sizeof(source->reach), file) : 0;
    bool whole = file && got == sizeof(source->reach) && fgetc(file) == EOF;

    if (!file)
        wrg_cli_error(reach->cli, "%s: %s", source->name, strerror(errno));
    else if (!whole)
        wrg_cli_error(reach->cli, "%s: not %zu bytes of this version's counters", source->name,
                      sizeof(source->reach));
    if (file)
        fclose(file);
    return whole ? WRG_EXIT_OK : WRG_EXIT_USAGE;
}

/* A case that breaks a rule on purpose shows what must not come, not what can. */
static bool breaks_a_rule(const struct wrg_case *c)
{
    const struct wrg_op *expect = wrg_case_first(c, WRG_OP_EXPECT);

    return expect && expect->expect.rule != WRG_RULE_CLEAN;
}

/* Verdicts are the business of `check`. */
static int run_file(struct reach *reach, const char *path)
{
    struct wrg_case_list list;
    struct wrg_verdict verdict;
    char err[512];
    int error = wrg_case_load(path, &list, err, sizeof(err));

    if (error) {
        wrg_cli_error(reach->cli, "%s", err);
        return error == -ENOMEM ? WRG_EXIT_FAULT : WRG_EXIT_USAGE;
    }
    for (size_t i = 0; i < list.count && !error; i++) {
        struct wrg_runner_args args = { .path = path, .label = "", .c = &reach->c };

        wrg_case_list_get(&list, i, &reach->c);
        if (!wrg_runner_wants_sanitizer(&reach->c) && !breaks_a_rule(&reach->c))
            error = wrg_runner_run(&reach->runner, &args, &verdict);
    }
    wrg_case_list_fini(&list);
    if (error)
        wrg_cli_error(reach->cli, "%s: %s", path, strerror(-error));
    return error ? WRG_EXIT_FAULT : WRG_EXIT_OK;
}

static int run_cases(struct reach *reach)
{
    struct wrg_files files = { 0 };
    int code = WRG_EXIT_OK;

    for (int i = 0; i < reach->count && code == WRG_EXIT_OK; i++) {
        int error = wrg_files_add(&files, reach->paths[i]);
        if (!error)
            continue;
        wrg_cli_error(reach->cli, "%s: %s", reach->paths[i], strerror(-error));
        code = WRG_EXIT_USAGE;
    }
    for (size_t i = 0; i < files.count && code == WRG_EXIT_OK; i++)
        code = run_file(reach, files.paths[i]);
    wrg_files_fini(&files);
    return code;
}

static int gather(struct reach *reach)
{
    int code = run_cases(reach);

    for (unsigned i = 1; i < reach->nsources && code == WRG_EXIT_OK; i++)
        code = read_fuzz(reach, &reach->sources[i]);
    for (unsigned i = 0; i < reach->nsources; i++)
        for (unsigned k = 0; k < WRG_REACH_WORDS; k++)
            reach->all.bits[k] |= reach->sources[i].reach.bits[k];
    return code;
}

/* ---- what came of it ---- */

struct tally {
    unsigned reached, possible;
    unsigned stray; /* reached, although taken for impossible */
};

static void count(struct tally *tally, const struct wrg_reach *reach, uint32_t index)
{
    struct wrg_reach_cell cell = wrg_reach_cell_at(index);
    bool possible = wrg_reach_possible(&cell);
    bool has = wrg_reach_has(reach, index);

    tally->possible += possible;
    tally->reached += possible && has;
    tally->stray += !possible && has;
}

static struct tally total(const struct wrg_reach *reach)
{
    struct tally tally = { 0 };

    for (uint32_t i = 0; i < WRG_REACH_CELLS; i++)
        count(&tally, reach, i);
    return tally;
}

static void print_sources(const struct reach *reach)
{
    struct tally all = total(&reach->all);

    printf("%-24s %8s %8s\n", "source", "reached", "of");
    for (unsigned i = 0; i < reach->nsources; i++) {
        struct tally tally = total(&reach->sources[i].reach);
        printf("%-24s %8u %8u\n", reach->sources[i].name, tally.reached, tally.possible);
    }
    printf("%-24s %8u %8u\n", "all", all.reached, all.possible);
    if (all.stray)
        printf("%u more were reached that were taken for impossible\n", all.stray);
}

/* Features across, ways to end down: `reached/possible` over operations and phases. */
static void print_table(const struct reach *reach)
{
    struct tally cells[WRG_NR_PATHS][WRG_NR_FEATURES] = { 0 };

    for (uint32_t i = 0; i < WRG_REACH_CELLS; i++) {
        struct wrg_reach_cell cell = wrg_reach_cell_at(i);
        count(&cells[cell.path][cell.feature], &reach->all, i);
    }
    printf("\n%-16s", "");
    for (unsigned f = 0; f < WRG_NR_FEATURES; f++)
        printf(" %7.7s", wrg_reach_feature_name(f));
    putchar('\n');
    for (unsigned p = 0; p < WRG_NR_PATHS; p++) {
        printf("%-16s", wrg_reach_path_name(p));
        for (unsigned f = 0; f < WRG_NR_FEATURES; f++) {
            char text[16] = "-";
            if (cells[p][f].possible)
                snprintf(text, sizeof(text), "%u/%u", cells[p][f].reached, cells[p][f].possible);
            printf(" %7s", text);
        }
        putchar('\n');
    }
}

static bool is_missing(const struct reach *reach, struct wrg_reach_cell cell)
{
    return wrg_reach_possible(&cell) && !wrg_reach_has(&reach->all, wrg_reach_index(&cell));
}

/* One line for all features that miss the same. */
static void print_missing(const struct reach *reach, struct wrg_reach_cell cell)
{
    unsigned possible = 0, missing = 0;

    for (cell.feature = 0; cell.feature < WRG_NR_FEATURES; cell.feature++) {
        possible += wrg_reach_possible(&cell);
        missing += is_missing(reach, cell);
    }
    if (!missing)
        return;
    printf("%-14s %-15s %-13s", wrg_reach_operation_name(cell.operation),
           wrg_reach_path_name(cell.path), wrg_reach_phase_name(cell.phase));
    for (cell.feature = 0; cell.feature < WRG_NR_FEATURES && missing < possible; cell.feature++)
        if (is_missing(reach, cell))
            printf(" %s", wrg_reach_feature_name(cell.feature));
    puts(missing < possible ? "" : " with any feature");
}

static void print_never(const struct reach *reach)
{
    struct wrg_reach_cell cell = { 0 };

    puts("\nnever:");
    for (cell.operation = 0; cell.operation < WRG_NR_OPERATIONS; cell.operation++)
        for (cell.path = 0; cell.path < WRG_NR_PATHS; cell.path++)
            for (cell.phase = 0; cell.phase < WRG_NR_REACH_PHASES; cell.phase++)
                print_missing(reach, cell);
}

/* Each reason once, with how many combinations it rules out. */
static void print_impossible(void)
{
    const char *why;
    unsigned n = 0;

    puts("\nimpossible:");
    for (unsigned i = 0; (why = wrg_reach_reason(i, &n)); i++)
        printf("%5u  %s\n", n, why);
}

static json_t *cells_json(const struct reach *reach)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < WRG_REACH_CELLS; i++) {
        struct wrg_reach_cell cell = wrg_reach_cell_at(i);
        json_t *by;

        if (!wrg_reach_possible(&cell) && !wrg_reach_has(&reach->all, i))
            continue;
        by = json_array();
        for (unsigned k = 0; k < reach->nsources; k++)
            if (wrg_reach_has(&reach->sources[k].reach, i))
                json_array_append_new(by, json_string(reach->sources[k].name));
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:b, s:o}", "feature",
                                              wrg_reach_feature_name(cell.feature), "operation",
                                              wrg_reach_operation_name(cell.operation), "end",
                                              wrg_reach_path_name(cell.path), "phase",
                                              wrg_reach_phase_name(cell.phase), "possible",
                                              (int)wrg_reach_possible(&cell), "by", by));
    }
    return list;
}

static void print(const struct reach *reach)
{
    if (reach->json) {
        struct tally all = total(&reach->all);
        wrg_cli_print_json(json_pack("{s:i, s:i, s:i, s:o}", "reached", (int)all.reached,
                                     "possible", (int)all.possible, "stray", (int)all.stray,
                                     "cells", cells_json(reach)));
        return;
    }
    print_sources(reach);
    print_table(reach);
    if (reach->never)
        print_never(reach);
    if (reach->never)
        print_impossible();
}

int wrg_cmd_reach(const struct wrg_cli *cli, int argc, char **argv)
{
    struct reach *reach = calloc(1, sizeof(*reach)); /* a case is too large for the stack */
    int code;

    if (!reach)
        return WRG_EXIT_FAULT;
    reach->cli = cli;
    reach->nsources = 1;
    reach->sources[0].name = "cases";
    wrg_cli_parse(cli, &argp, argc, argv, reach);
    wrg_runner_init(&reach->runner, cli->driver);
    reach->runner.options.reach.reach = &reach->sources[0].reach;
    code = gather(reach);
    if (code == WRG_EXIT_OK)
        print(reach);
    wrg_runner_fini(&reach->runner);
    free(reach);
    return code;
}
