/* SPDX-License-Identifier: MIT */
/*
 * Requests through both drivers: the rows of the plan, each beside its limit.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/impl.h"
#include "bench/limits.h"
#include "bench/plan.h"

enum { PLACE_ROUNDS = 4, BIG_SEGMENTS = 512 };

struct times {
    double plain, checked, map, limit; /* the best, seconds; 0: not measured */
};

/* A row under measurement. */
struct row {
    struct wrg_bench *bench;
    const struct wrg_bench_plan *plan;
    uint32_t requests;
    struct wrg_bench_subject plain, checked;
    struct wrg_bench_subject map; /* the same by map, for a row that stands beside it */
    struct wrg_case *map_case;
    struct wrg_limit limit;
    struct times best;
};

/* ---- limits ---- */

static void run_limit(struct row *row)
{
    const struct wrg_bench_plan *plan = row->plan;
    bool write = plan->op == WRG_CASE_IO_WRITE;

    switch (plan->beside) {
    case WRG_BESIDE_RING: wrg_limit_ring(&row->limit, write, row->requests); break;
    case WRG_BESIDE_TWO_THREADS: wrg_limit_threads(&row->limit, write, row->requests); break;
    default: wrg_limit_copy(&row->limit, write, row->requests, plan->segments); break;
    }
}

/* ---- rounds ---- */

static bool time_subject(struct wrg_bench_subject *subject, double *best)
{
    double seconds = wrg_bench_subject_time(subject, 1);

    wrg_bench_keep_best(best, seconds);
    return seconds > 0;
}

/* One after the other, so that all see the same machine. */
static bool time_round(struct row *row, struct times *to)
{
    bool ok = time_subject(&row->plain, &to->plain);
    double began = wrg_bench_now();

    run_limit(row);
    wrg_bench_keep_best(&to->limit, wrg_bench_now() - began);
    if (ok && row->plan->checked)
        ok = time_subject(&row->checked, &to->checked);
    if (ok && row->map_case)
        ok = time_subject(&row->map, &to->map);
    return ok;
}

/*
 * How fast memory is depends on where it happens to lie: the limit and the world are made anew now
 * and then, and the best place of each counts.
 */
static bool move_memory(struct row *row)
{
    wrg_runner_fini(&row->plain.runner);
    wrg_limit_fini(&row->limit);
    return wrg_limit_init(&row->limit, wrg_bench_pages(row->plan), row->plan->disk_bytes) == 0;
}

/* What lies in the cache that all share suffers from others: it takes more to find them idle. */
static unsigned rounds_of(const struct row *row)
{
    unsigned rounds = row->bench->args->rounds;

    return row->plan->segments < BIG_SEGMENTS ? rounds : 2 * rounds;
}

static bool time_rounds(struct row *row)
{
    struct times ignored = { 0 };
    bool ok = time_round(row, &ignored); /* warms up */

    for (unsigned round = 0; round < rounds_of(row) && ok; round++) {
        if (round % PLACE_ROUNDS == PLACE_ROUNDS - 1)
            ok = move_memory(row) && time_round(row, &ignored);
        ok = ok && time_round(row, &row->best);
    }
    return ok;
}

/* ---- notifications ---- */

static void on_event(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    uint64_t *sent = ctx;

    if (ev->kind == WRG_EV_EVTCHN_SEND && ev->role <= WRG_ROLE_BACK)
        __atomic_fetch_add(sent, 1, __ATOMIC_RELAXED);
}

/* Events and requests of a run of the case, shortened so; false: it failed. */
static bool count_run(struct row *row, uint32_t divide, uint64_t *sent, uint32_t *requests)
{
    struct wrg_bench_subject subject;
    bool ok;

    wrg_bench_subject_init(&subject, row->bench, row->plan->name, false);
    subject.runner.options.engine = (enum wrg_engine)row->plan->engine;
    subject.runner.options.spin = row->plan->spin;
    subject.runner.options.tap = on_event;
    subject.runner.options.tap_ctx = sent;
    *sent = 0;
    *requests = subject.ios = wrg_bench_case(row->plan, divide, &row->bench->c);
    ok = wrg_bench_subject_time(&subject, 1) > 0;
    wrg_runner_fini(&subject.runner);
    return ok;
}

/*
 * What a longer run takes more than a shorter one: not what it takes to connect and to close. No
 * two runs on threads are alike, so there it is that of a single one.
 */
static void count_notifications(struct row *row)
{
    bool threads = row->plan->engine == WRG_ENGINE_THREAD;
    uint32_t divide = row->bench->args->shorter;
    uint64_t more, less = 0;
    uint32_t many, few = 0;
    char name[64];

    if (!count_run(row, divide, &more, &many) ||
        (!threads && !count_run(row, 2 * divide, &less, &few)))
        return;
    snprintf(name, sizeof(name), "%s.notifications", row->plan->name);
    wrg_bench_add(row->bench, name, ((double)more - (double)less) / (many - few), "a request", NAN);
}

/* ---- a row ---- */

static void add_row(struct row *row)
{
    const struct wrg_bench_plan *plan = row->plan;
    bool is_small = plan->segments == 1;
    const char *unit = is_small ? "req/s" : "bytes/s";
    double work = is_small ? row->requests : (double)row->requests * plan->segments * 4096;
    char name[64];

    if (plan->beside == WRG_BESIDE_MAP_AND_COPY)
        wrg_bench_add_beside(row->bench, plan->name, work / row->best.plain, unit,
                             work / (row->best.map + row->best.limit));
    else
        wrg_bench_add(row->bench, plan->name, work / row->best.plain, unit, work / row->best.limit);
    snprintf(name, sizeof(name), "%s.oracles", plan->name);
    if (plan->checked)
        wrg_bench_add_beside(row->bench, name, work / row->best.checked, unit,
                             work / row->best.plain);
    if (plan->counted)
        count_notifications(row);
}

static void init_subjects(struct row *row)
{
    const struct wrg_bench_plan *plan = row->plan;
    struct wrg_bench *bench = row->bench;

    wrg_bench_subject_init(&row->plain, bench, plan->name, false);
    wrg_bench_subject_init(&row->checked, bench, plan->name, true);
    wrg_bench_subject_init(&row->map, bench, plan->name, false);
    row->plain.runner.options.engine = (enum wrg_engine)plan->engine;
    row->plain.runner.options.spin = plan->spin;
    row->plain.ios = row->checked.ios = wrg_bench_case(plan, bench->args->shorter, &bench->c);
}

/* The same row by map. */
static int init_map(struct row *row)
{
    struct wrg_bench_plan plan = *row->plan;

    if (plan.beside != WRG_BESIDE_MAP_AND_COPY)
        return 0;
    row->map_case = malloc(sizeof(*row->map_case));
    if (!row->map_case)
        return -ENOMEM;
    plan.way = WRG_BENCH_MAP;
    row->map.ios = wrg_bench_case(&plan, row->bench->args->shorter, row->map_case);
    row->map.c = row->map_case;
    return 0;
}

/* Or what stands behind its own name: its .oracles alone, its notifications. */
static bool is_row_wanted(const struct wrg_bench *bench, const struct wrg_bench_plan *plan)
{
    return plan->checked || plan->counted ? wrg_bench_wanted_below(bench, plan->name)
                                          : wrg_bench_wanted(bench, plan->name);
}

static void measure_row(struct wrg_bench *bench, const struct wrg_bench_plan *plan)
{
    struct row row = { .bench = bench,
                       .plan = plan,
                       .requests = wrg_bench_plan_requests(plan, bench->args->shorter) };
    int result;

    init_subjects(&row);
    result = init_map(&row);
    if (!result)
        result = wrg_limit_init(&row.limit, wrg_bench_pages(plan), plan->disk_bytes);
    if (result) {
        wrg_bench_fail(bench, "%s: %s", plan->name, strerror(-result));
    } else if (time_rounds(&row)) {
        add_row(&row);
    }
    wrg_limit_fini(&row.limit);
    free(row.map_case);
    wrg_runner_fini(&row.plain.runner);
    wrg_runner_fini(&row.checked.runner);
    wrg_runner_fini(&row.map.runner);
}

void wrg_bench_requests(struct wrg_bench *bench)
{
    for (size_t i = 0; i < wrg_bench_plans_count; i++)
        if (is_row_wanted(bench, &wrg_bench_plans[i]))
            measure_row(bench, &wrg_bench_plans[i]);
}
