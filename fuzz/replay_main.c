/* SPDX-License-Identifier: MIT */
/*
 * replay-<target>: runs files as the fuzz target does, without an engine.
 *
 * usage: replay-TARGET [--text] [--seconds N] FILE|DIR...
 *
 * Prints a line a case; text files are welcome here. --text prints the case as text instead, with
 * its victim and judge spelled out, as `wringer run` takes it. --seconds runs all files again and
 * again for so long, and prints how many a second. Crashes of the driver end the process.
 * Exit codes: 0 clean, 1 finding, 2 usage or unreadable input, 3 fault of the tool.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "case/load.h"
#include "case/value.h"
#include "target.h"

enum { EXIT_CLEAN, EXIT_FINDING, EXIT_USAGE, EXIT_FAULT };

struct replay {
    bool text;
    double seconds; /* > 0: measure */
    int code;
    size_t files;
    struct wrg_case *cases; /* to measure */
    size_t count;
};

static struct wrg_case one; /* too large for the stack */

static void fail(struct replay *replay, int code, const char *path, const char *what)
{
    fprintf(stderr, "replay-" WRG_FUZZ_TARGET ": %s: %s\n", path, what);
    if (code > replay->code)
        replay->code = code;
}

/* ---- as text ---- */

static void print_config(const struct wrg_op *op)
{
    const struct wrg_op_info *info = wrg_op_info(WRG_OP_CONFIG);

    printf("config  victim=" WRG_FUZZ_TARGET);
    if (strcmp(WRG_FUZZ_TARGET, "xenstore") != 0) /* which is judged anyway */
        printf(" judge=" WRG_FUZZ_TARGET);
    for (unsigned i = 0; op && i < info->nargs; i++) {
        const struct wrg_arg *arg = &info->args[i];

        if (wrg_arg_is_default(op, arg) || strcmp(arg->name, "victim") == 0 ||
            strcmp(arg->name, "judge") == 0)
            continue;
        printf(" %s=", arg->name);
        wrg_value_print(op, arg, stdout);
    }
    putchar('\n');
}

/* Of several configs the first counts. What the case expected is not what was found. */
static void print_text(const struct wrg_case *c)
{
    printf(WRG_CASE_TEXT_MARK "%u\n", c->version);
    print_config(wrg_case_first(c, WRG_OP_CONFIG));
    for (unsigned i = 0; i < c->nops; i++) {
        if (c->ops[i].kind == WRG_OP_CONFIG || c->ops[i].kind == WRG_OP_EXPECT)
            continue;
        wrg_case_print_op(&c->ops[i], stdout);
        putchar('\n');
    }
}

/* ---- runs ---- */

static void run(struct replay *replay, const char *path)
{
    const struct wrg_verdict *verdict = wrg_fuzz_run(&one);
    char token[WRG_FUZZ_TOKEN_MAX];

    if (verdict->rule == WRG_RULE_CLEAN) {
        printf("%s: clean, %" PRIu32 " requests, %" PRIu32 " ops, %" PRIu32 " dead\n", path,
               verdict->requests, verdict->ops, verdict->dead_ops);
        return;
    }
    wrg_fuzz_token(token);
    printf("%s: %s\n  detail  %s\nDEDUP_TOKEN: %s\n", path, wrg_rule_id(verdict->rule),
           verdict->detail, token);
    int code = verdict->rule >= WRG_RULE_TOOL_001 ? EXIT_FAULT : EXIT_FINDING;
    if (code > replay->code)
        replay->code = code;
}

static void keep(struct replay *replay)
{
    struct wrg_case *cases = realloc(replay->cases, (replay->count + 1) * sizeof(*cases));

    WRG_ASSERT(cases);
    cases[replay->count++] = one;
    replay->cases = cases;
}

static double now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void measure(const struct replay *replay)
{
    const struct wrg_fuzz_stats before = *wrg_fuzz_stats();
    const double start = now();
    double took = 0;

    while (took < replay->seconds) {
        for (size_t i = 0; i < replay->count; i++)
            (void)wrg_fuzz_run(&replay->cases[i]);
        took = now() - start;
    }
    printf("%.0f executions/s, %.0f requests/s\n",
           (double)(wrg_fuzz_stats()->execs - before.execs) / took,
           (double)(wrg_fuzz_stats()->requests - before.requests) / took);
}

/* ---- files ---- */

static void replay_file(struct replay *replay, const char *path)
{
    struct wrg_case_list list;
    char err[512];
    int result = wrg_case_load(path, &list, err, sizeof(err));

    if (result) {
        fprintf(stderr, "replay-" WRG_FUZZ_TARGET ": %s\n", err);
        replay->code = result == -ENOMEM ? EXIT_FAULT : EXIT_USAGE;
        return;
    }
    replay->files++;
    for (size_t i = 0; i < list.count; i++) {
        wrg_case_list_get(&list, i, &one);
        if (replay->text)
            print_text(&one);
        else if (replay->seconds > 0)
            keep(replay);
        else
            run(replay, path);
    }
    wrg_case_list_fini(&list);
}

static int no_dots(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void replay_path(struct replay *replay, const char *path)
{
    struct dirent **entries;
    struct stat st;
    int count;

    if (stat(path, &st)) {
        fail(replay, EXIT_USAGE, path, strerror(errno));
        return;
    }
    if (!S_ISDIR(st.st_mode)) {
        replay_file(replay, path);
        return;
    }
    count = scandir(path, &entries, no_dots, alphasort);
    if (count < 0) {
        fail(replay, EXIT_USAGE, path, strerror(errno));
        return;
    }
    for (int i = 0; i < count; i++) {
        char *child;

        if (asprintf(&child, "%s/%s", path, entries[i]->d_name) < 0)
            abort();
        replay_path(replay, child);
        free(child);
        free(entries[i]);
    }
    free(entries);
}

static int usage(void)
{
    fprintf(stderr, "usage: replay-" WRG_FUZZ_TARGET " [--text] [--seconds N] FILE|DIR...\n");
    return EXIT_USAGE;
}

static int parse(struct replay *replay, int argc, char **argv)
{
    int i = 1;

    for (; i < argc && argv[i][0] == '-'; i++) {
        char *end = NULL;

        if (strcmp(argv[i], "--text") == 0) {
            replay->text = true;
        } else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc) {
            replay->seconds = strtod(argv[++i], &end);
            if (*end || !(replay->seconds > 0))
                return -1;
        } else {
            return -1;
        }
    }
    return i < argc ? i : -1;
}

int main(int argc, char **argv)
{
    struct replay replay = { 0 };
    int first = parse(&replay, argc, argv);

    if (first < 0)
        return usage();
    if (wrg_fuzz_init(false)) {
        fail(&replay, EXIT_FAULT, "world", strerror(ENOMEM));
        return EXIT_FAULT;
    }
    for (int i = first; i < argc; i++)
        replay_path(&replay, argv[i]);
    if (replay.count && replay.code == EXIT_CLEAN)
        measure(&replay);
    else if (!replay.text)
        printf("%" PRIu64 " executions of %zu files\n", wrg_fuzz_stats()->execs, replay.files);
    free(replay.cases);
    if (fflush(stdout) || ferror(stdout))
        fail(&replay, EXIT_FAULT, "standard output", strerror(errno));
    return replay.code;
}
