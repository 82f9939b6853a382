/* SPDX-License-Identifier: MIT */
/*
 * wringer-replay: the simulator and a small main, for static, foreign and sanitized builds.
 *
 * usage: wringer-replay [--hash] [--times N] [--target back|front|xenstore] FILE...
 *
 * Prints a verdict for each case, or with --hash `HASH  PATH` (PATH#K for the Kth case of a
 * `repeat`). With --times each case must give the same hash N times in one process. No argp and no
 * jansson here, which a static aarch64 program or MSan could not have. Exit codes as of `wringer`:
 * 0 clean or as expected, 1 finding, 2 usage or unreadable input, 3 fault of the tool.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case/load.h"
#include "runner/runner.h"

struct replay {
    bool hash_only;
    uint64_t times;
    int first_file;
    struct wrg_runner runner;
    struct wrg_case c;
};

static int usage(const char *what, const char *arg)
{
    fprintf(stderr,
            "wringer-replay: %s%s; usage: wringer-replay [--hash] [--times N] "
            "[--target back|front|xenstore] FILE...\n",
            what, arg);
    return WRG_EXIT_USAGE;
}

static bool parse_times(const char *text, uint64_t *times)
{
    char *end;

    errno = 0;
    *times = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && !*end && !errno && *times > 0;
}

static bool parse_target(const char *text, enum wrg_target *target)
{
    static const char *const names[] = { "back", "front", "xenstore" };

    for (size_t i = 0; i < WRG_ARRAY_LEN(names); i++)
        if (strcmp(text, names[i]) == 0) {
            *target = (enum wrg_target)(WRG_TARGET_BACK + i);
            return true;
        }
    return false;
}

static int parse_args(struct replay *replay, int argc, char **argv)
{
    int i = 1;

    for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";

        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        if (strcmp(argv[i], "--hash") == 0) {
            replay->hash_only = true;
            continue;
        }
        if ((strcmp(argv[i], "--times") != 0 || !parse_times(value, &replay->times)) &&
            (strcmp(argv[i], "--target") != 0 ||
             !parse_target(value, &replay->runner.options.target)))
            return usage("unknown option, or a wrong value of ", argv[i]);
        i++;
    }
    replay->first_file = i;
    return i < argc ? WRG_EXIT_OK : usage("no file", "");
}

/* Runs it `times` times. 0, -errno, or -ESTALE if the hash was not the same each time. */
static int run_times(struct replay *replay, const struct wrg_runner_args *args,
                     struct wrg_verdict *verdict)
{
    uint64_t hash = 0;
    int result = 0;

    for (uint64_t i = 0; i < replay->times && result == 0; i++) {
        result = wrg_runner_run(&replay->runner, args, verdict);
        if (result == 0 && i > 0 && verdict->hash != hash)
            result = -ESTALE;
        hash = verdict->hash;
    }
    return result;
}

static void print_verdict(const struct replay *replay, const char *name,
                          const struct wrg_verdict *v)
{
    if (replay->hash_only) {
        printf("%016" PRIx64 "  %s\n", v->hash, name);
        return;
    }
    printf("%s: %s", name, wrg_rule_id(v->rule));
    if (v->has_expect && v->expected != v->rule)
        printf(" (expected %s)", wrg_rule_id(v->expected));
    if (v->rule != WRG_RULE_CLEAN)
        printf(" by %s at step %" PRIu32 ": %s", wrg_role_name(v->role), v->step, v->detail);
    printf(", hash %016" PRIx64 ", %" PRIu64 " steps, %" PRIu32 " requests, %" PRIu32 " dead ops\n",
           v->hash, v->steps, v->requests, v->dead_ops);
}

static int replay_case(struct replay *replay, const char *path, const char *label)
{
    const struct wrg_runner_args args = { .path = path, .label = label, .c = &replay->c };
    struct wrg_verdict verdict = { 0 };
    char name[4096 + 16];
    int result;

    snprintf(name, sizeof(name), "%.4095s%s", path, label);
    if (wrg_runner_wants_sanitizer(&replay->c) && !replay->hash_only) {
        printf("%s: skip, only a sanitizer can judge it\n", name);
        return WRG_EXIT_OK;
    }
    result = run_times(replay, &args, &verdict);
    if (result) {
        fprintf(stderr, "wringer-replay: %s: %s\n", name,
                result == -ESTALE ? "not the same hash each time" : strerror(-result));
        return WRG_EXIT_FAULT;
    }
    print_verdict(replay, name, &verdict);
    return wrg_outcome_exit(wrg_outcome_of(&verdict));
}

static int replay_list(struct replay *replay, const char *path, const struct wrg_case_list *list)
{
    int code = WRG_EXIT_OK;

    if (list->is_text && replay->runner.options.target != WRG_TARGET_CASE) {
        fprintf(stderr, "wringer-replay: %s: is text, which fuzz targets do not run\n", path);
        return WRG_EXIT_USAGE;
    }
    for (size_t i = 0; i < list->count; i++) {
        char label[24] = "";

        if (list->count > 1)
            snprintf(label, sizeof(label), "#%zu", i + 1);
        wrg_case_list_get(list, i, &replay->c);
        code = wrg_exit_join(code, replay_case(replay, path, label));
    }
    return code;
}

static int replay_file(struct replay *replay, const char *path)
{
    struct wrg_case_list list;
    char err[512];
    int code;
    int result = wrg_case_load(path, &list, err, sizeof(err));

    if (result) {
        fprintf(stderr, "wringer-replay: %s\n", err);
        return result == -ENOMEM ? WRG_EXIT_FAULT : WRG_EXIT_USAGE;
    }
    code = replay_list(replay, path, &list);
    wrg_case_list_fini(&list);
    return code;
}

int main(int argc, char **argv)
{
    struct replay *replay = calloc(1, sizeof(*replay)); /* a case is too large for the stack */
    int code;

    if (!replay)
        return WRG_EXIT_FAULT;
    wrg_runner_init(&replay->runner, NULL);
    replay->times = 1;
    code = parse_args(replay, argc, argv);
    if (code != WRG_EXIT_OK)
        replay->first_file = argc;
    for (int i = replay->first_file; i < argc; i++)
        code = wrg_exit_join(code, replay_file(replay, argv[i]));
    wrg_runner_fini(&replay->runner);
    free(replay);
    if (fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "wringer-replay: standard output: %s\n", strerror(errno));
        return WRG_EXIT_FAULT;
    }
    return code;
}
