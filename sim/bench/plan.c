/* SPDX-License-Identifier: MIT */
#include "bench/plan.h"

#include "base/base.h"
#include "case/codec.h"

#define MIB           (UINT64_C(1) << 20)
#define PAGE_SECTORS  8u
#define TIMES_MAX     4096u
#define FILL_SEGMENTS 64u

/* Two rows each: data come from the disk, or go to it. */
#define BOTH(name_, ...)                                                                           \
    { .name = name_ "read", .op = WRG_CASE_IO_READ, __VA_ARGS__ },                                 \
    {                                                                                              \
        .name = name_ "write", .op = WRG_CASE_IO_WRITE, __VA_ARGS__                                \
    }
#define SMALL .segments = 1, .requests = 65024, .memory_mib = 32, .disk_bytes = MIB
/*
 * Big requests at a small depth: the pages of more would not fit into any cache, nor guest. So many
 * that what is done once, to fill the disk and the guest's buffers, is less than a per cent of all.
 */
#define OF(n, count, depth_)                                                                       \
    .segments = (n), .requests = (count), .depth = (depth_), .memory_mib = 64,                     \
    .disk_bytes = 16 * MIB
#define BIG(n, count, depth_) OF(n, count, depth_), .beside = WRG_BESIDE_COPY

const struct wrg_bench_plan wrg_bench_plans[] = {
    BOTH("fiber.4k.", SMALL, .depth = 32, .checked = true, .counted = true),
    BOTH("fiber.4k.copy.", SMALL, .depth = 32, .way = WRG_BENCH_COPY),
    BOTH("fiber.4k.persistent.", SMALL, .depth = 32, .way = WRG_BENCH_PERSISTENT,
         .beside = WRG_BESIDE_MAP_AND_COPY),
    BOTH("fiber.4k.queues4.", SMALL, .depth = 32, .queues = 4),
    BOTH("fiber.4k.queues12.", SMALL, .depth = 32, .queues = 12),
    BOTH("fiber.depth1.", SMALL, .depth = 1),
    BOTH("fiber.depth4.", SMALL, .depth = 4),
    BOTH("fiber.depth32.", SMALL, .depth = 32),
    BOTH("fiber.depth128.", SMALL, .depth = 128),
    BOTH("fiber.depth512.", SMALL, .depth = 512),
    BOTH("fiber.segs11.", BIG(11, 8192, 32)),
    BOTH("fiber.segs32.", BIG(32, 4096, 16)),
    BOTH("fiber.segs128.", BIG(128, 2048, 8)),
    BOTH("fiber.segs512.", BIG(512, 2016, 2)),
    BOTH("fiber.segs1024.", BIG(1024, 1008, 1)),
    BOTH("fiber.segs4096.", BIG(4096, 256, 1)),
    BOTH("fiber.segs512.copy.", BIG(512, 512, 2), .way = WRG_BENCH_COPY),
    BOTH("fiber.segs512.persistent.", OF(512, 512, 2), .way = WRG_BENCH_PERSISTENT,
         .beside = WRG_BESIDE_MAP_AND_COPY),
    BOTH("thread.4k.", SMALL, .depth = 32, .engine = WRG_ENGINE_THREAD,
         .beside = WRG_BESIDE_TWO_THREADS, .counted = true),
    BOTH("thread.4k.spin.", SMALL, .depth = 32, .engine = WRG_ENGINE_THREAD, .spin = 100,
         .beside = WRG_BESIDE_TWO_THREADS, .counted = true),
    BOTH("thread.4k.queues4.", SMALL, .depth = 32, .engine = WRG_ENGINE_THREAD, .queues = 4,
         .beside = WRG_BESIDE_TWO_THREADS),
};

const size_t wrg_bench_plans_count = WRG_ARRAY_LEN(wrg_bench_plans);

uint32_t wrg_bench_pages(const struct wrg_bench_plan *plan)
{
    return 2u * plan->depth * plan->segments;
}

/* A page of the ring has room for 32 requests. */
static uint8_t order_of(uint16_t depth)
{
    uint8_t order = 0;

    while ((32u << order) < depth)
        order++;
    return order;
}

/* No `sched` op: then tasks switch only where they block, and preemption points cost nothing. */
static void start_case(const struct wrg_bench_plan *plan, struct wrg_case *out)
{
    struct wrg_op config = wrg_op_make(WRG_OP_CONFIG);

    config.config.victim = WRG_CASE_VICTIM_NONE;
    config.config.indirect_max = wrg_max_u32(256, plan->segments);
    config.config.depth = plan->depth;
    config.config.memory = plan->memory_mib;
    config.config.sectors = plan->disk_bytes / 512;
    config.config.ring_order = order_of(plan->depth);
    config.config.queues = (uint8_t)wrg_max_u32(1, plan->queues);
    config.config.data = plan->way == WRG_BENCH_COPY ? WRG_CASE_DATA_COPY : WRG_CASE_DATA_MAP;
    config.config.persistent = config.config.front_persistent =
        plan->way == WRG_BENCH_PERSISTENT ? WRG_YES : WRG_NO;
    /* All pages of the requests in flight, and of their segments: so that none is mapped anew. */
    config.config.pool = 4096;
    wrg_case_init(out);
    WRG_ASSERT(wrg_case_append(out, &config));
}

/* A disk that was never written holds nothing to copy: it would beat the limit. Requests made. */
static uint32_t fill_disk(const struct wrg_bench_plan *plan, struct wrg_case *out)
{
    struct wrg_op op = wrg_op_make(WRG_OP_IO);

    op.io.op = WRG_CASE_IO_WRITE;
    op.io.count = wrg_max_u32(plan->segments, FILL_SEGMENTS) * PAGE_SECTORS;
    op.io.stride = op.io.count;
    op.io.times = (uint16_t)(plan->disk_bytes / 512 / op.io.count);
    WRG_ASSERT(wrg_case_append(out, &op));
    return op.io.times;
}

uint32_t wrg_bench_case(const struct wrg_bench_plan *plan, uint32_t divide, struct wrg_case *out)
{
    uint64_t positions = plan->disk_bytes / 4096 / plan->segments;
    uint32_t requests = wrg_bench_plan_requests(plan, divide);
    uint32_t made = 0, filled;

    start_case(plan, out);
    filled = fill_disk(plan, out);
    while (made < requests) { /* one op walks over the disk once, or stays in the one place */
        struct wrg_op op = wrg_op_make(WRG_OP_IO);

        op.io.op = (uint8_t)plan->op;
        op.io.count = plan->segments * PAGE_SECTORS;
        op.io.stride = positions > 1 ? op.io.count : 0;
        op.io.times = (uint16_t)wrg_min_u64(positions > 1 ? positions : TIMES_MAX, requests - made);
        op.io.pattern = made;
        WRG_ASSERT(wrg_case_append(out, &op));
        made += op.io.times;
    }
    return made + filled;
}

void wrg_bench_cycle_case(struct wrg_case *out)
{
    struct wrg_op op = wrg_op_make(WRG_OP_IO);

    start_case(&wrg_bench_plans[0], out);
    WRG_ASSERT(wrg_case_append(out, &op));
}
