/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/sanitizers.h"
#include "case/load.h"
#include "cli/cli.h"
#include "runner/runner.h"
#include "report/report.h"

enum {
    OPT_SCHEDULES = 256,
    OPT_SEED,
    OPT_TARGET,
    OPT_ENGINE,
    OPT_TRACE,
    OPT_JSON,
    OPT_FAIL_NTH,
    OPT_NO_SNAPSHOT
};

struct run {
    const struct wrg_cli *cli;
    char **paths;
    int count;
    struct wrg_schedules schedules;
    uint64_t seed;
    bool has_seed, trace, json;
    uint32_t fail_nth;
    enum wrg_engine engine;
    enum wrg_target target;
    bool no_snapshot;
    struct wrg_runner runner;
    json_t *results;
    struct wrg_case c;
};

/* In the order of their enum. */
static const char *const targets[] = { "case", "back", "front", "xenstore", NULL };

static const struct argp_option options[] = {
    { "schedules", OPT_SCHEDULES, "N", 0, "Run each case under N schedules, seeds 1..N", 0 },
    { "seed", OPT_SEED, "S", 0, "Run under the schedule of this seed, or begin there", 0 },
    { "target", OPT_TARGET, "T", 0, "Read files as fuzz target T does: back, front or xenstore",
      0 },
    { "engine", OPT_ENGINE, "E", 0, "fiber (default), or thread: real threads, no hash", 0 },
    { "trace", OPT_TRACE, NULL, 0, "Print every event", 0 },
    { "json", OPT_JSON, NULL, 0, "Print results as JSON", 0 },
    { "fail-nth", OPT_FAIL_NTH, "N", 0, "Let the Nth call that may fail, fail", 0 },
    { "no-snapshot", OPT_NO_SNAPSHOT, NULL, 0, "Connect afresh for each case", 0 },
    { 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct run *run = state->input;

    switch (key) {
    case OPT_SCHEDULES: run->schedules.count = wrg_cli_number(state, arg, 1, UINT32_MAX); break;
    case OPT_SEED:
        run->seed = wrg_cli_number(state, arg, 0, UINT64_MAX);
        run->has_seed = true;
        break;
    case OPT_TARGET: run->target = (enum wrg_target)wrg_cli_word(state, arg, targets); break;
    case OPT_ENGINE: run->engine = wrg_cli_engine(state, arg); break;
    case OPT_TRACE: run->trace = true; break;
    case OPT_JSON: run->json = true; break;
    case OPT_FAIL_NTH: run->fail_nth = (uint32_t)wrg_cli_number(state, arg, 1, UINT32_MAX); break;
    case OPT_NO_SNAPSHOT: run->no_snapshot = true; break;
    case ARGP_KEY_ARGS:
        run->paths = state->argv + state->next;
        run->count = state->argc - state->next;
        break;
    case ARGP_KEY_NO_ARGS: argp_usage(state); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .args_doc = "CASE...",
    .doc =
        "Runs cases, and reports what was broken.\v"
        "A case is a file of text (*.wring) or of bytes. A case that expects a rule to be broken "
        "ends well if it is. With --schedules it ends well if some schedule breaks it.",
};

static void print_event(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    FILE *out = ctx;

    wrg_report_event(ev, out);
    if (ev->kind == WRG_EV_XS_CHANGE || ev->kind == WRG_EV_XS_WATCH || ev->kind == WRG_EV_LOG) {
        const unsigned char *text = payload;

        fputs("  ", out);
        for (uint32_t i = 0; i < len; i++)
            fputc(text[i] >= 0x20 && text[i] < 0x7f ? text[i] : text[i] ? '?' : ' ', out);
    }
    fputc('\n', out);
}

/* By outcome. */
static const char *const words[] = { "ok", "FAIL", "skip", "FAULT" };

/* The one line of a case. */
static void print_line(const struct wrg_report *report, enum wrg_outcome outcome, FILE *out)
{
    const struct wrg_verdict *v = report->verdict;

    fprintf(out, "%-5s ", words[outcome]);
    wrg_report_name(report, out);
    fprintf(out, ": %s", wrg_rule_id(v->rule));
    if (outcome == WRG_OUTCOME_FAIL && v->has_expect)
        fprintf(out, " (expected %s)", wrg_rule_id(v->expected));
    if (v->hash)
        fprintf(out, ", hash %016" PRIx64, v->hash);
    fprintf(out, ", %" PRIu64 " steps, %" PRIu32 " requests, %" PRIu32 " dead ops\n", v->steps,
            v->requests, v->dead_ops);
}

/* What to type to see this run again. Owned by the caller. */
static char *replay_line(const struct run *run, const char *path, const uint64_t *seed)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    WRG_ASSERT(out);
    fprintf(out, "%s run %s", run->cli->program, path);
    if (run->target != WRG_TARGET_CASE)
        fprintf(out, " --target %s", targets[run->target]);
    if (run->engine != WRG_ENGINE_FIBER)
        fprintf(out, " --engine %s", wrg_cli_engine_name(run->engine));
    if (seed)
        fprintf(out, " --seed %" PRIu64, *seed);
    if (run->fail_nth)
        fprintf(out, " --fail-nth %" PRIu32, run->fail_nth);
    fclose(out);
    return text;
}

static void print_result(struct run *run, const struct wrg_report *report, enum wrg_outcome outcome)
{
    bool broken = report->verdict->rule != WRG_RULE_CLEAN;
    FILE *out = run->json ? stderr : stdout;

    if (run->json) {
        json_t *object = wrg_report_json(report);

        json_object_set_new(object, "passed", json_boolean(outcome == WRG_OUTCOME_PASS));
        json_array_append_new(run->results, object);
        return;
    }
    print_line(report, outcome, out);
    if (broken || outcome != WRG_OUTCOME_PASS || report->verdict->dead_ops ||
        report->verdict->blind || report->verdict->cut)
        wrg_report_text(report, out);
}

static int finish_case(struct run *run, const struct wrg_runner_args *args,
                       const struct wrg_verdict *verdict, const uint64_t *seed)
{
    enum wrg_outcome outcome = wrg_outcome_of(verdict);
    struct wrg_event window[WRG_TRACE_WINDOW];
    char *replay = replay_line(run, args->path, seed);
    struct wrg_report report = {
        .path = args->path,
        .label = args->label,
        .engine = wrg_cli_engine_name(run->engine),
        .replay = replay,
        .c = args->c,
        .verdict = verdict,
        .window = window,
        .window_count = wrg_world_window(run->runner.world, window, WRG_TRACE_WINDOW),
    };

    print_result(run, &report, outcome);
    free(replay);
    return wrg_outcome_exit(outcome);
}

static int run_sanitized(struct run *run, const struct wrg_runner_args *args)
{
    static const char *const texts[] = { "was reported", "was expected, and not reported",
                                         "can be judged in a build with that sanitizer only",
                                         "could not be judged: no child process" };
    enum wrg_outcome outcome = wrg_runner_sanitized(&run->runner, args);
    const char *rule = wrg_rule_id((unsigned)wrg_case_expect(args->c));

    if (run->json)
        json_array_append_new(
            run->results,
            json_pack("{s:o, s:s, s:s, s:o, s:s}", "case", wrg_report_string(args->path), "label",
                      args->label, "verdict", words[outcome], "passed",
                      outcome == WRG_OUTCOME_SKIP ? json_null()
                                                  : json_boolean(outcome == WRG_OUTCOME_PASS),
                      "expected", rule));
    else
        printf("%-5s %s%s%s: %s %s\n", words[outcome], args->path, args->label[0] ? " " : "",
               args->label, rule, texts[outcome]);
    return wrg_outcome_exit(outcome);
}

static int run_case(struct run *run, const char *path, const char *label)
{
    struct wrg_runner_args args = { .path = path,
                                    .label = label,
                                    .c = &run->c,
                                    .seed = run->seed,
                                    .has_seed = run->has_seed,
                                    .fail_nth = run->fail_nth };
    struct wrg_verdict verdict;
    uint64_t seed = run->seed;
    int result;

    if (wrg_runner_wants_sanitizer(&run->c))
        return run_sanitized(run, &args);
    if (run->schedules.count)
        result = wrg_runner_schedules(&run->runner, &args, &run->schedules, &verdict, &seed);
    else
        result = wrg_runner_run(&run->runner, &args, &verdict);
    if (result) {
        wrg_cli_error(run->cli, "%s: %s", path, strerror(-result));
        return WRG_EXIT_FAULT;
    }
    return finish_case(run, &args, &verdict, run->schedules.count || run->has_seed ? &seed : NULL);
}

static int run_file(struct run *run, const char *path)
{
    struct wrg_case_list list;
    char err[512];
    char label[256];
    int code = WRG_EXIT_OK;
    int result = wrg_case_load(path, &list, err, sizeof(err));

    if (result) {
        wrg_cli_error(run->cli, "%s", err);
        return result == -ENOMEM ? WRG_EXIT_FAULT : WRG_EXIT_USAGE;
    }
    if (list.is_text && run->target != WRG_TARGET_CASE) {
        wrg_cli_error(run->cli, "%s: is text, which fuzz targets do not run; leave out --target",
                      path);
        code = WRG_EXIT_USAGE;
    } else {
        for (size_t i = 0; i < list.count; i++) {
            wrg_case_list_get(&list, i, &run->c);
            wrg_case_list_label(&list, i, label, sizeof(label));
            code = wrg_exit_join(code, run_case(run, path, label));
        }
    }
    wrg_case_list_fini(&list);
    return code;
}

int wrg_cmd_run(const struct wrg_cli *cli, int argc, char **argv)
{
    struct run *run = calloc(1, sizeof(*run)); /* a case is too large for the stack */
    int code = WRG_EXIT_OK;

    if (!run)
        return WRG_EXIT_FAULT;
    run->cli = cli;
    wrg_cli_parse(cli, &argp, argc, argv, run);
    run->schedules.first = run->has_seed ? run->seed : 1;
    run->schedules.progress = true;
    run->results = json_array();
    wrg_runner_init(&run->runner, cli->driver);
    run->runner.options.engine = run->engine;
    run->runner.options.target = run->target;
    run->runner.options.hash = run->engine == WRG_ENGINE_FIBER;
    run->runner.options.peer_hash = run->json && run->engine == WRG_ENGINE_FIBER;
    /* A snapshot keeps heap blocks in their places, so that ASan could not say who freed one. */
    run->runner.options.snapshot =
        !run->no_snapshot && !WRG_HAS_ASAN && run->engine == WRG_ENGINE_FIBER;
    if (run->trace) {
        run->runner.options.tap = print_event;
        run->runner.options.tap_ctx = run->json ? stderr : stdout;
    }
    for (int i = 0; i < run->count; i++)
        code = wrg_exit_join(code, run_file(run, run->paths[i]));
    wrg_runner_fini(&run->runner);
    if (run->json)
        wrg_cli_print_json(json_pack("{s:O, s:i}", "cases", run->results, "exit", code));
    json_decref(run->results);
    free(run);
    return code;
}
