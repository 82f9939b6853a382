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
#include <unistd.h>

#include "case/load.h"
#include "world/world.h"

enum { EXIT_CLEAN, EXIT_FINDING, EXIT_USAGE, EXIT_FAULT };

struct replay {
    bool hash_only;
    uint64_t times;
    enum wrg_target target;
    int first_file;
    struct wrg_world *world;
    struct wrg_case c;
};

/* An assertion has no argument to find its case by; set only while a case runs. */
static struct {
    const struct wrg_world *world;
    const char *path;
    size_t index;
} running;

void wrg_assert_hook(void)
{
    struct wrg_event window[WRG_TRACE_WINDOW];
    uint32_t count;

    if (!running.world)
        return;
    count = wrg_world_window(running.world, window, WRG_TRACE_WINDOW);
    fprintf(stderr, "wringer: internal error: case %s#%zu, step %" PRIu32 "\n", running.path,
            running.index + 1, count ? window[count - 1].step : 0);
    _exit(EXIT_FAULT);
}

static int usage(const char *what, const char *arg)
{
    fprintf(stderr,
            "wringer-replay: %s%s; usage: wringer-replay [--hash] [--times N] "
            "[--target back|front|xenstore] FILE...\n",
            what, arg);
    return EXIT_USAGE;
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
            (strcmp(argv[i], "--target") != 0 || !parse_target(value, &replay->target)))
            return usage("unknown option, or a wrong value of ", argv[i]);
        i++;
    }
    replay->first_file = i;
    return i < argc ? EXIT_CLEAN : usage("no file", "");
}

static int ready_world(struct replay *replay)
{
    static const struct wrg_world_options wanted = {
        .engine = WRG_ENGINE_FIBER,
        .oracles = true,
        .hash = true,
        .snapshot = true,
    };
    struct wrg_world_options options = wanted;

    if (replay->world)
        return 0;
    options.target = replay->target;
    replay->world = wrg_world_create(&options);
    return replay->world ? 0 : -ENOMEM;
}

/* Runs it `times` times. 0, -errno, or -ESTALE if the hash was not the same each time. */
static int run_times(struct replay *replay, struct wrg_verdict *verdict)
{
    uint64_t hash = 0;
    int result = ready_world(replay);

    running.world = replay->world;
    for (uint64_t i = 0; i < replay->times && result == 0; i++) {
        result = wrg_world_run_case(replay->world, &replay->c, verdict);
        if (result == 0 && i > 0 && verdict->hash != hash)
            result = -ESTALE;
        hash = verdict->hash;
    }
    running.world = NULL;
    return result;
}

static int judge(const struct wrg_verdict *v)
{
    enum wrg_rule wanted = v->has_expect ? v->expected : WRG_RULE_CLEAN;

    if (v->rule >= WRG_RULE_TOOL_001)
        return EXIT_FAULT;
    return v->rule == wanted ? EXIT_CLEAN : EXIT_FINDING;
}

static bool is_skipped(const struct wrg_case *c)
{
    int wanted = wrg_case_expect(c);

    return wanted >= WRG_RULE_SAN_ASAN && wanted < WRG_RULE_TOOL_001;
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

static int replay_case(struct replay *replay, const struct wrg_case_list *list, size_t index)
{
    struct wrg_verdict verdict = { 0 };
    char name[4096 + 16];
    int result;

    snprintf(name, sizeof(name), list->count > 1 ? "%.4095s#%zu" : "%.4095s", running.path,
             index + 1);
    wrg_case_list_get(list, index, &replay->c);
    running.index = index;
    if (is_skipped(&replay->c) && !replay->hash_only) {
        printf("%s: skip, only a sanitizer can judge it\n", name);
        return EXIT_CLEAN;
    }
    result = run_times(replay, &verdict);
    if (result) {
        fprintf(stderr, "wringer-replay: %s: %s\n", name,
                result == -ESTALE ? "not the same hash each time" : strerror(-result));
        return EXIT_FAULT;
    }
    print_verdict(replay, name, &verdict);
    return judge(&verdict);
}

static int replay_file(struct replay *replay, const char *path)
{
    struct wrg_case_list list;
    char err[512];
    int code = EXIT_CLEAN;
    int result = wrg_case_load(path, &list, err, sizeof(err));

    if (result) {
        fprintf(stderr, "wringer-replay: %s\n", err);
        return result == -ENOMEM ? EXIT_FAULT : EXIT_USAGE;
    }
    running.path = path;
    if (list.is_text && replay->target != WRG_TARGET_CASE) {
        fprintf(stderr, "wringer-replay: %s: is text, which fuzz targets do not run\n", path);
        code = EXIT_USAGE;
    }
    for (size_t i = 0; i < list.count && code != EXIT_USAGE; i++) {
        int one = replay_case(replay, &list, i);

        code = one > code ? one : code;
    }
    wrg_case_list_fini(&list);
    return code;
}

int main(int argc, char **argv)
{
    struct replay *replay = calloc(1, sizeof(*replay)); /* a case is too large for the stack */
    int code;

    if (!replay)
        return EXIT_FAULT;
    replay->times = 1;
    code = parse_args(replay, argc, argv);
    if (code != EXIT_CLEAN)
        replay->first_file = argc;
    for (int i = replay->first_file; i < argc; i++) {
        int one = replay_file(replay, argv[i]);

        code = one > code ? one : code;
    }
    if (replay->world)
        wrg_world_destroy(replay->world);
    free(replay);
    if (fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "wringer-replay: standard output: %s\n", strerror(errno));
        return EXIT_FAULT;
    }
    return code;
}
