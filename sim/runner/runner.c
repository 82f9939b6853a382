/* SPDX-License-Identifier: MIT */
#include "runner/runner.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/sanitizers.h"
#include "case/codec.h"
#include "runner/sanitized.h"

/*
 * The one mutable static of this layer: an assertion has no argument to find its case by. Set only
 * while a case runs.
 */
static const struct wrg_runner *running;

/* Prints which case it was, and ends with the exit code of a tool fault instead of a signal. */
void wrg_assert_hook(void)
{
    const struct wrg_runner *runner = running;
    struct wrg_event window[WRG_TRACE_WINDOW];
    uint32_t count;

    if (!runner)
        return;
    running = NULL;
    count = wrg_world_window(runner->world, window, WRG_TRACE_WINDOW);
    fprintf(stderr, "wringer: internal error: case %s%s%s, step %" PRIu32 "\n", runner->path,
            runner->label[0] ? " " : "", runner->label, count ? window[count - 1].step : 0);
    _exit(WRG_EXIT_FAULT);
}

void wrg_runner_init(struct wrg_runner *runner, const struct wrg_endpoint *driver)
{
    *runner = (struct wrg_runner){
        .options = { .engine = WRG_ENGINE_FIBER,
                     .oracles = true,
                     .hash = true,
                     .snapshot = true,
                     .share = !WRG_HAS_TSAN },
    };
    if (driver && driver->seat == WRG_SEAT_FRONT)
        runner->options.front = driver;
    else
        runner->options.back = driver;
}

void wrg_runner_fini(struct wrg_runner *runner)
{
    if (runner->world)
        wrg_world_destroy(runner->world);
    runner->world = NULL;
}

int wrg_runner_run(struct wrg_runner *runner, const struct wrg_runner_args *args,
                   struct wrg_verdict *verdict)
{
    int result;

    if (!runner->world)
        runner->world = wrg_world_create(&runner->options);
    if (!runner->world)
        return -ENOMEM;
    runner->path = args->path;
    runner->label = args->label;
    running = runner;
    result = wrg_world_start(runner->world, args->c);
    if (result == 0) {
        if (args->has_seed)
            wrg_world_schedule(runner->world, args->seed);
        if (args->fail_nth)
            wrg_world_fail_nth(runner->world, args->fail_nth);
        if (wrg_world_run(runner->world, 0) != WRG_WORLD_FINISHED)
            result = -EIO; /* no driver here waits for something outside */
    }
    if (result == 0)
        wrg_world_verdict(runner->world, verdict);
    running = NULL;
    return result;
}

bool wrg_runner_wants_sanitizer(const struct wrg_case *c)
{
    return wrg_rule_is_sanitizer(wrg_case_expect(c));
}

struct child {
    struct wrg_runner *runner;
    const struct wrg_runner_args *args;
};

static void run_in_child(void *ctx)
{
    const struct child *child = ctx;
    struct wrg_verdict verdict;

    /* Whatever it is, the sanitizer has the word. */
    if (wrg_runner_run(child->runner, child->args, &verdict) == 0)
        wrg_runner_fini(child->runner);
}

enum wrg_outcome wrg_runner_sanitized(struct wrg_runner *runner, const struct wrg_runner_args *args)
{
    static const enum wrg_outcome outcomes[] = {
        [WRG_SANITIZED_ABSENT] = WRG_OUTCOME_SKIP,
        [WRG_SANITIZED_QUIET] = WRG_OUTCOME_FAIL,
        [WRG_SANITIZED_SPOKE] = WRG_OUTCOME_PASS,
    };
    struct child child = { .runner = runner, .args = args };
    enum wrg_sanitized result;

    if (wrg_sanitized_run((enum wrg_rule)wrg_case_expect(args->c), run_in_child, &child, &result))
        return WRG_OUTCOME_FAULT;
    return outcomes[result];
}

static void show_progress(uint64_t done, uint64_t count)
{
    fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " schedules", done, count);
}

/* Whether there is nothing left to look for. */
static bool is_decided(const struct wrg_verdict *verdict)
{
    if (wrg_outcome_of(verdict) == WRG_OUTCOME_PASS)
        return verdict->rule != WRG_RULE_CLEAN;
    return verdict->rule != WRG_RULE_CLEAN || !verdict->has_expect;
}

int wrg_runner_schedules(struct wrg_runner *runner, const struct wrg_runner_args *args,
                         const struct wrg_schedules *schedules, struct wrg_verdict *verdict,
                         uint64_t *seed)
{
    struct wrg_runner_args one = *args;
    bool progress = schedules->progress && isatty(STDERR_FILENO);
    int result = 0;

    one.has_seed = true;
    for (uint64_t i = 0; i < schedules->count && result == 0; i++) {
        one.seed = schedules->first + i;
        *seed = one.seed;
        result = wrg_runner_run(runner, &one, verdict);
        if (progress && i % 64 == 0)
            show_progress(i, schedules->count);
        if (result == 0 && is_decided(verdict))
            break;
    }
    if (progress)
        fputs("\r\033[K", stderr);
    return result;
}
