/* SPDX-License-Identifier: MIT */
/*
 * What a world costs beside its requests: a cycle from the snapshot, a fresh connect, and what
 * 10,000 cycles leave behind.
 */
#include <malloc.h>
#include <math.h>
#include <sys/resource.h>

#include "bench/impl.h"
#include "bench/plan.h"

#define CYCLES 10000u

/* Defined by a program that wraps malloc; how many calls there were so far. */
__attribute__((weak)) uint64_t wrg_malloc_count(void);

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
static void bench_counts(struct wrg_bench *bench, struct wrg_bench_subject *subject)
{
    long faults = -1;
    size_t heap = heap_bytes();
    uint64_t mallocs = wrg_malloc_count ? wrg_malloc_count() : 0;
    double growth;

    for (unsigned round = 0; round < 5; round++) {
        long before = page_faults();

        if (wrg_bench_subject_time(subject, CYCLES) < 0)
            return;
        if (faults < 0 || page_faults() - before < faults)
            faults = page_faults() - before;
    }
    growth = (double)heap_bytes() - (double)heap; /* before results are added: they allocate */
    if (wrg_malloc_count)
        mallocs = wrg_malloc_count() - mallocs;
    wrg_bench_add(bench, "world.page-faults", (double)faults, "per 10000 cycles", NAN);
    wrg_bench_add(bench, "world.growth", growth, "bytes", NAN);
    if (wrg_malloc_count)
        wrg_bench_add(bench, "world.mallocs", (double)mallocs / 5, "per 10000 cycles", NAN);
}

static void time_worlds(struct wrg_bench *bench, struct wrg_bench_subject *kept,
                        struct wrg_bench_subject *fresh)
{
    uint32_t cycles = bench->args->counts ? CYCLES : CYCLES / 20;
    double cycle = 0, connect = 0;

    if (wrg_bench_subject_time(kept, 100) < 0 || wrg_bench_subject_time(fresh, 100) < 0)
        return;
    for (unsigned round = 0; round < bench->args->rounds; round++) {
        double a = wrg_bench_subject_time(kept, cycles);
        double b = wrg_bench_subject_time(fresh, cycles);

        if (a < 0 || b < 0)
            return;
        wrg_bench_keep_best(&cycle, a / cycles * 1e6);
        wrg_bench_keep_best(&connect, b / cycles * 1e6);
    }
    wrg_bench_add(bench, "world.cycle", cycle, "us", NAN);
    wrg_bench_add(bench, "world.connect", connect - cycle, "us", NAN);
    if (bench->args->counts)
        bench_counts(bench, kept);
}

void wrg_bench_worlds(struct wrg_bench *bench)
{
    struct wrg_bench_subject kept, fresh;

    if (!wrg_bench_wanted_below(bench, "world."))
        return;
    wrg_bench_cycle_case(&bench->c);
    wrg_bench_subject_init(&kept, bench, "world.cycle", false);
    wrg_bench_subject_init(&fresh, bench, "world.connect", false);
    kept.ios = fresh.ios = 1;
    fresh.runner.options.snapshot = false;
    time_worlds(bench, &kept, &fresh);
    wrg_runner_fini(&kept.runner);
    wrg_runner_fini(&fresh.runner);
}
