/* SPDX-License-Identifier: MIT */
/*
 * What is measured: one row a benchmark, and the case that it runs.
 *
 * Layer   bench
 * Bounds  a case holds WRG_CASE_OPS_MAX ops, so requests come from `times=` of a few hundred `io`
 * Source  conditions common to all: both reference drivers, native ABI, as many ring pages as the
 *         depth needs
 */
#ifndef WRG_BENCH_PLAN_H
#define WRG_BENCH_PLAN_H

#include "sched/sched.h"
#include "vocab/ops.h"

/* How data move. */
enum wrg_bench_way { WRG_BENCH_MAP, WRG_BENCH_COPY, WRG_BENCH_PERSISTENT };

/* What a figure stands beside. */
enum wrg_bench_beside {
    WRG_BESIDE_RING,         /* a bare ring and copy loop */
    WRG_BESIDE_COPY,         /* a bare copy loop */
    WRG_BESIDE_MAP_AND_COPY, /* the same by map, and a bare copy loop more */
    WRG_BESIDE_TWO_THREADS,  /* a bare ring between two threads */
};

struct wrg_bench_plan {
    const char *name;
    uint8_t op;        /* enum wrg_case_io */
    uint32_t segments; /* a request, pages of 4 KiB */
    uint32_t requests; /* a run of the case */
    uint16_t depth;
    uint16_t memory_mib;
    uint64_t disk_bytes;
    uint8_t beside; /* enum wrg_bench_beside */
    uint8_t way;    /* enum wrg_bench_way */
    uint8_t queues; /* 0: one */
    uint8_t engine; /* enum wrg_engine */
    uint16_t spin;  /* looks for a wake before a task sleeps */
    bool checked;   /* also with all checkers and the hash */
    bool counted;   /* also how many events its rings cost */
};

extern const struct wrg_bench_plan wrg_bench_plans[];
extern const size_t wrg_bench_plans_count;

/* Pages that the data go through: buffers rotate, two for each request that may be in flight. */
uint32_t wrg_bench_pages(const struct wrg_bench_plan *plan);

/* Requests that are measured; divide: a power of two by which the case is shortened. */
static inline uint32_t wrg_bench_plan_requests(const struct wrg_bench_plan *plan, uint32_t divide)
{
    return plan->requests / divide;
}

/* The case of a plan. Returns all its requests, those included that fill the disk first. */
uint32_t wrg_bench_case(const struct wrg_bench_plan *plan, uint32_t divide, struct wrg_case *out);

/* One read of one page between honest drivers. */
void wrg_bench_cycle_case(struct wrg_case *out);

#endif
