/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "case/codec.h"
#include "case/load.h"
#include "cli/cli.h"
#include "cli/files.h"
#include "runner/runner.h"
#include "report/report.h"

enum { OPT_JUNIT = 256, OPT_SCHEDULES, OPT_ALLOW_DEAD, OPT_JSON, OPT_ENGINE };

/* What became of a file. */
struct result {
    enum wrg_exit code;
    enum wrg_junit_status status;
    char message[512];
    double seconds;
};

struct check {
    const struct wrg_cli *cli;
    char **paths;
    int count;
    const char *junit;
    bool allow_dead, json;
    enum wrg_engine engine;
    struct wrg_schedules schedules;
    struct wrg_files files;
    struct result *results; /* one a file */
    struct wrg_runner runner;
    struct wrg_case c;
};

static const struct argp_option options[] = {
    { "junit", OPT_JUNIT, "FILE", 0, "Write JUnit XML", 0 },
    { "schedules", OPT_SCHEDULES, "N", 0, "Run each case under N schedules, seeds 1..N", 0 },
    { "allow-dead", OPT_ALLOW_DEAD, NULL, 0, "Dead ops are no failure", 0 },
    { "json", OPT_JSON, NULL, 0, "Print results as JSON", 0 },
    { "engine", OPT_ENGINE, "E", 0,
      "fiber (default), or thread: real threads, for the cases that they can judge", 0 },
    { 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct check *check = state->input;

    switch (key) {
    case OPT_JUNIT: check->junit = arg; break;
    case OPT_SCHEDULES: check->schedules.count = wrg_cli_number(state, arg, 1, UINT32_MAX); break;
    case OPT_ALLOW_DEAD: check->allow_dead = true; break;
    case OPT_JSON: check->json = true; break;
    case OPT_ENGINE: check->engine = wrg_cli_engine(state, arg); break;
    case ARGP_KEY_ARGS:
        check->paths = state->argv + state->next;
        check->count = state->argc - state->next;
        break;
    case ARGP_KEY_NO_ARGS: argp_usage(state); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .args_doc = "FOLDER|FILE...",
    .doc =
        "Runs every *.wring below the folders, and compares verdicts with what cases expect."
        "\vA case without `expect` must be clean. In corpus/seed, corpus/regress and museum an op "
        "without effect fails the check, as does a run that the step budget ends, so that a change "
        "cannot hollow out a test. "
        "The last line is `N passed, N failed, N skipped`.",
};

/* Folders whose cases are regression tests. */
static bool is_strict(const char *path)
{
    static const char *const folders[] = { "/corpus/seed/", "/corpus/regress/", "/museum/" };
    char real[PATH_MAX];

    for (size_t i = 0; realpath(path, real) && i < WRG_ARRAY_LEN(folders); i++)
        if (strstr(real, folders[i]))
            return true;
    return false;
}

/* The first reason counts, the gravest code too. */
static void set_result(struct result *result, enum wrg_junit_status status, enum wrg_exit code,
                       const char *format, ...) WRG_PRINTF(4, 5);
static void set_result(struct result *result, enum wrg_junit_status status, enum wrg_exit code,
                       const char *format, ...)
{
    va_list args;

    if (result->status != WRG_JUNIT_PASSED && code <= result->code)
        return;
    result->status = status;
    result->code = code;
    va_start(args, format);
    vsnprintf(result->message, sizeof(result->message), format, args);
    va_end(args);
}

static const char *case_name(const struct wrg_runner_args *args, char *buf, size_t cap)
{
    snprintf(buf, cap, args->label[0] ? "(%.100s) " : "%.100s", args->label);
    return buf;
}

static void judge(const struct check *check, const struct wrg_runner_args *args,
                  const struct wrg_verdict *v, struct result *result)
{
    char name[128];
    const char *wanted = wrg_rule_id(v->has_expect ? v->expected : WRG_RULE_CLEAN);
    enum wrg_outcome outcome = wrg_outcome_of(v);

    case_name(args, name, sizeof(name));
    if (outcome == WRG_OUTCOME_FAULT)
        set_result(result, WRG_JUNIT_ERROR, WRG_EXIT_FAULT, "%s%s: %s", name, wrg_rule_id(v->rule),
                   v->detail);
    else if (outcome == WRG_OUTCOME_FAIL && v->rule == WRG_RULE_CLEAN)
        set_result(result, WRG_JUNIT_FAILED, WRG_EXIT_FINDING, "%sexpected %s, nothing was broken",
                   name, wanted);
    else if (outcome == WRG_OUTCOME_FAIL)
        set_result(result, WRG_JUNIT_FAILED, WRG_EXIT_FINDING,
                   "%sexpected %s, got %s by %s at step %" PRIu32 ": %s", name, wanted,
                   wrg_rule_id(v->rule), wrg_role_name(v->role), v->step, v->detail);
    else if (v->cut && is_strict(args->path))
        set_result(result, WRG_JUNIT_FAILED, WRG_EXIT_FINDING,
                   "%scut by the step budget, which %s has spent", name, wrg_role_name(v->cut_by));
    else if (v->dead_ops && !check->allow_dead && check->engine == WRG_ENGINE_FIBER &&
             is_strict(args->path))
        set_result(result, WRG_JUNIT_FAILED, WRG_EXIT_FINDING,
                   "%s%" PRIu32 " dead ops, the first in line %u", name, v->dead_ops,
                   args->c->ops[v->dead[0]].line);
}

static void check_sanitized(struct check *check, const struct wrg_runner_args *args,
                            struct result *result)
{
    const char *rule = wrg_rule_id((unsigned)wrg_case_expect(args->c));

    switch (wrg_runner_sanitized(&check->runner, args)) {
    case WRG_OUTCOME_PASS: break;
    case WRG_OUTCOME_FAIL:
        set_result(result, WRG_JUNIT_FAILED, WRG_EXIT_FINDING, "expected %s, nothing was reported",
                   rule);
        break;
    case WRG_OUTCOME_SKIP:
        set_result(result, WRG_JUNIT_SKIPPED, WRG_EXIT_OK, "%s needs a build with that sanitizer",
                   rule);
        break;
    case WRG_OUTCOME_FAULT:
        set_result(result, WRG_JUNIT_ERROR, WRG_EXIT_FAULT, "no child process for %s", rule);
        break;
    }
}

/* What a case says of an order of tasks means nothing where they run in parallel. */
static bool needs_fibers(const struct wrg_case *c)
{
    return wrg_case_first(c, WRG_OP_SCHED) || wrg_case_first(c, WRG_OP_PREEMPT);
}

static void check_case(struct check *check, const struct wrg_runner_args *args,
                       struct result *result)
{
    struct wrg_verdict verdict;
    uint64_t seed;
    int error;

    if (check->engine == WRG_ENGINE_THREAD && needs_fibers(args->c)) {
        set_result(result, WRG_JUNIT_SKIPPED, WRG_EXIT_OK, "has a schedule, and threads have none");
        return;
    }
    if (wrg_runner_wants_sanitizer(args->c)) {
        check_sanitized(check, args, result);
        return;
    }
    if (check->schedules.count)
        error = wrg_runner_schedules(&check->runner, args, &check->schedules, &verdict, &seed);
    else
        error = wrg_runner_run(&check->runner, args, &verdict);
    if (error)
        set_result(result, WRG_JUNIT_ERROR, WRG_EXIT_FAULT, "%s", strerror(-error));
    else
        judge(check, args, &verdict, result);
}

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void check_file(struct check *check, const char *path, struct result *result)
{
    struct wrg_case_list list;
    char err[512];
    char label[256];
    double began = seconds_now();
    int error = wrg_case_load(path, &list, err, sizeof(err));

    if (error) {
        set_result(result, WRG_JUNIT_ERROR, error == -ENOMEM ? WRG_EXIT_FAULT : WRG_EXIT_USAGE,
                   "%s", err);
        return;
    }
    for (size_t i = 0; i < list.count; i++) {
        struct wrg_runner_args args = { .path = path, .c = &check->c };

        wrg_case_list_get(&list, i, &check->c);
        args.label = wrg_case_list_label(&list, i, label, sizeof(label));
        check_case(check, &args, result);
    }
    wrg_case_list_fini(&list);
    result->seconds = seconds_now() - began;
}

static const char *const words[] = { "pass", "FAIL", "ERROR", "skip" };

static void print_result(const char *path, const struct result *result)
{
    printf("%-5s %s%s%s\n", words[result->status], path, result->message[0] ? ": " : "",
           result->message);
}

static void print_json(const struct check *check, const unsigned of[4], int code)
{
    json_t *files = json_array();

    for (size_t i = 0; i < check->files.count; i++) {
        const struct result *r = &check->results[i];

        json_array_append_new(
            files, json_pack("{s:o, s:s, s:o, s:f}", "file",
                             wrg_report_string(check->files.paths[i]), "result", words[r->status],
                             "message", wrg_report_string(r->message), "seconds", r->seconds));
    }
    wrg_cli_print_json(json_pack("{s:o, s:i, s:i, s:i, s:i}", "files", files, "passed",
                                 (int)of[WRG_JUNIT_PASSED], "failed",
                                 (int)(of[WRG_JUNIT_FAILED] + of[WRG_JUNIT_ERROR]), "skipped",
                                 (int)of[WRG_JUNIT_SKIPPED], "exit", code));
}

/* "corpus/seed/a.wring" is the case "a.wring" of the class "corpus.seed". */
static void write_junit(const void *ctx, FILE *out)
{
    const struct check *check = ctx;
    size_t count = check->files.count;
    struct wrg_junit_case *cases = calloc(count, sizeof(*cases));

    WRG_ASSERT(cases);
    for (size_t i = 0; i < count; i++) {
        const char *path = check->files.paths[i];
        const char *slash = strrchr(path, '/');
        char *classname = strndup(path, slash ? (size_t)(slash - path) : 0);

        WRG_ASSERT(classname);
        for (char *p = classname; *p; p++)
            if (*p == '/')
                *p = '.';
        cases[i] = (struct wrg_junit_case){ .classname = classname,
                                            .name = slash ? slash + 1 : path,
                                            .message = check->results[i].message,
                                            .seconds = check->results[i].seconds,
                                            .status = check->results[i].status };
    }
    wrg_junit_print(cases, count, out);
    for (size_t i = 0; i < count; i++)
        free((char *)cases[i].classname);
    free(cases);
}

static int collect(struct check *check)
{
    for (int i = 0; i < check->count; i++) {
        size_t before = check->files.count;
        int error = wrg_files_add(&check->files, check->paths[i]);

        if (error) {
            wrg_cli_error(check->cli, "%s: %s", check->paths[i], strerror(-error));
            return error == -ENOMEM ? WRG_EXIT_FAULT : WRG_EXIT_USAGE;
        }
        if (check->files.count == before) { /* a check of nothing would pass for ever */
            wrg_cli_error(check->cli, "%s: no *.wring below it", check->paths[i]);
            return WRG_EXIT_USAGE;
        }
    }
    return WRG_EXIT_OK;
}

static int check_all(struct check *check)
{
    unsigned of[4] = { 0 };
    int code = WRG_EXIT_OK;

    check->results = calloc(check->files.count, sizeof(*check->results));
    WRG_ASSERT(check->results);
    for (size_t i = 0; i < check->files.count; i++) {
        struct result *result = &check->results[i];

        check_file(check, check->files.paths[i], result);
        of[result->status]++;
        code = wrg_exit_join(code, (int)result->code);
        if (!check->json)
            print_result(check->files.paths[i], result);
    }
    if (check->junit)
        code =
            wrg_exit_join(code, wrg_cli_write_file(check->cli, check->junit, write_junit, check));
    if (check->json)
        print_json(check, of, code);
    else
        printf("%u passed, %u failed, %u skipped\n", of[WRG_JUNIT_PASSED],
               of[WRG_JUNIT_FAILED] + of[WRG_JUNIT_ERROR], of[WRG_JUNIT_SKIPPED]);
    return code;
}

int wrg_cmd_check(const struct wrg_cli *cli, int argc, char **argv)
{
    struct check *check = calloc(1, sizeof(*check)); /* a case is too large for the stack */
    int code;

    if (!check)
        return WRG_EXIT_FAULT;
    check->cli = cli;
    check->schedules.first = 1;
    check->schedules.progress = true;
    wrg_cli_parse(cli, &argp, argc, argv, check);
    wrg_runner_init(&check->runner, cli->driver);
    check->runner.options.engine = check->engine;
    check->runner.options.hash = check->runner.options.snapshot = check->engine == WRG_ENGINE_FIBER;
    code = collect(check);
    if (code == WRG_EXIT_OK)
        code = check_all(check);
    wrg_runner_fini(&check->runner);
    wrg_files_fini(&check->files);
    free(check->results);
    free(check);
    return code;
}
