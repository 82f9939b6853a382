/* SPDX-License-Identifier: MIT */
/*
 * What is measured: one row a benchmark, and the case that it runs.
 *
 * Layer   cli
 * Bounds  a case holds WRG_CASE_OPS_MAX ops, so requests come from `times=` of a few hundred `io`
 * Source  conditions common to all: both reference drivers on the fiber engine, data by map, native
 *         ABI, one ring page
 */
#ifndef WRG_CLI_BENCH_PLAN_H
#define WRG_CLI_BENCH_PLAN_H

#include "vocab/ops.h"

struct wrg_bench_plan {
    const char *name;
    enum wrg_case_io op;
    uint32_t segments; /* a request, pages of 4 KiB */
    uint32_t requests; /* a run of the case */
    uint16_t depth;
    uint16_t memory_mib;
    uint64_t disk_bytes;
};

#define WRG_BENCH_PLANS 6
extern const struct wrg_bench_plan wrg_bench_plans[WRG_BENCH_PLANS];

/* Pages that the data go through: buffers rotate, two for each request that may be in flight. */
uint32_t wrg_bench_pages(const struct wrg_bench_plan *plan);

/* Requests that are measured; divide: a power of two by which the case is shortened. */
static inline uint32_t wrg_bench_requests(const struct wrg_bench_plan *plan, uint32_t divide)
{
    return plan->requests / divide;
}

/* The case of a plan. Returns all its requests, those included that fill the disk first. */
uint32_t wrg_bench_case(const struct wrg_bench_plan *plan, uint32_t divide, struct wrg_case *out);

/* One read of one page between honest drivers. */
void wrg_bench_cycle_case(struct wrg_case *out);

#endif
