/* SPDX-License-Identifier: MIT */
#include "cli/bench_plan.h"

#include "base/base.h"
#include "case/codec.h"

#define MIB           (UINT64_C(1) << 20)
#define PAGE_SECTORS  8u
#define TIMES_MAX     4096u
#define FILL_SEGMENTS 64u

/* Big requests at a small depth: the pages of more would not fit into any cache, nor guest. */
const struct wrg_bench_plan wrg_bench_plans[WRG_BENCH_PLANS] = {
    { "fiber.4k.read", WRG_CASE_IO_READ, 1, 65024, 32, 32, MIB },
    { "fiber.4k.write", WRG_CASE_IO_WRITE, 1, 65024, 32, 32, MIB },
    { "fiber.segs512.read", WRG_CASE_IO_READ, 512, 1024, 2, 64, 16 * MIB },
    { "fiber.segs512.write", WRG_CASE_IO_WRITE, 512, 1024, 2, 64, 16 * MIB },
    { "fiber.segs4096.read", WRG_CASE_IO_READ, 4096, 128, 1, 64, 16 * MIB },
    { "fiber.segs4096.write", WRG_CASE_IO_WRITE, 4096, 128, 1, 64, 16 * MIB },
};

uint32_t wrg_bench_pages(const struct wrg_bench_plan *plan)
{
    return 2u * plan->depth * plan->segments;
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
    uint32_t requests = wrg_bench_requests(plan, divide);
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
