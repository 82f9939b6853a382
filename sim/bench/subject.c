/* SPDX-License-Identifier: MIT */
#include "bench/impl.h"

#include <inttypes.h>
#include <string.h>

void wrg_bench_subject_init(struct wrg_bench_subject *subject, struct wrg_bench *bench,
                            const char *name, bool checked)
{
    *subject = (struct wrg_bench_subject){ .bench = bench, .name = name, .c = &bench->c };
    wrg_runner_init(&subject->runner, bench->args->driver);
    subject->runner.options.oracles = checked;
    subject->runner.options.hash = checked;
    subject->runner.options.prefault = true;
    subject->runner.options.prefault_disk = true;
}

/* One run. False, and a message, if it did not do its work: such a figure would be a lie. */
static bool subject_run(struct wrg_bench_subject *subject)
{
    struct wrg_bench *bench = subject->bench;
    struct wrg_runner_args args = { .path = subject->name, .label = "", .c = subject->c };
    struct wrg_verdict v;
    int result = wrg_runner_run(&subject->runner, &args, &v);

    if (result == 0 && v.rule == WRG_RULE_CLEAN && v.ios == subject->ios && v.ios_failed == 0)
        return true;
    if (result)
        wrg_bench_fail(bench, "%s: %s", subject->name, strerror(-result));
    else
        wrg_bench_fail(bench,
                       "%s: the case failed: %s, %" PRIu32 " of %" PRIu32 " requests, %" PRIu32
                       " of them with an error: %s",
                       subject->name, wrg_rule_id(v.rule), v.ios, subject->ios, v.ios_failed,
                       v.detail);
    return false;
}

double wrg_bench_subject_time(struct wrg_bench_subject *subject, uint32_t runs)
{
    double began = wrg_bench_now();

    for (uint32_t i = 0; i < runs; i++)
        if (!subject_run(subject))
            return -1;
    return wrg_bench_now() - began;
}
