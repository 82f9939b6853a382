/* SPDX-License-Identifier: MIT */
#include "bench/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "case/codec.h"
#include "bench/limits.h"

static struct wrg_case c;

static void every_plan__stays_on_its_disk_and_makes_its_requests(void **state)
{
    for (size_t i = 0; i < wrg_bench_plans_count; i++) {
        const struct wrg_bench_plan *plan = &wrg_bench_plans[i];
        uint32_t requests = wrg_bench_case(plan, 1, &c);
        uint64_t sectors = wrg_case_config(&c).sectors;
        uint32_t seen = 0, measured = 0;

        for (unsigned k = 0; k < c.nops; k++) {
            const struct wrg_op_io *io = &c.ops[k].io;

            if (c.ops[k].kind != WRG_OP_IO)
                continue;
            seen += io->times;
            if (k > 1) /* config, the op that fills the disk, then what is measured */
                measured += io->times;
            assert_true(io->sector + (io->times - 1) * io->stride + io->count <= sectors);
        }
        assert_int_equal(seen, requests);
        assert_int_equal(measured, wrg_bench_plan_requests(plan, 1));
    }
}

static void disk__is_full_before_it_is_measured(void **state)
{
    for (size_t i = 0; i < wrg_bench_plans_count; i++) {
        wrg_bench_case(&wrg_bench_plans[i], 1, &c);
        assert_int_equal(c.ops[1].kind, WRG_OP_IO);
        assert_int_equal(c.ops[1].io.op, WRG_CASE_IO_WRITE);
        assert_int_equal(c.ops[1].io.stride, c.ops[1].io.count);
        assert_int_equal(c.ops[1].io.times * c.ops[1].io.count, wrg_case_config(&c).sectors);
    }
}

static void operands_of_every_plan__are_within_the_table(void **state)
{
    for (size_t i = 0; i < wrg_bench_plans_count; i++) {
        wrg_bench_case(&wrg_bench_plans[i], 16, &c);
        for (unsigned k = 0; k < c.nops; k++) {
            const struct wrg_op_info *info = wrg_op_info(c.ops[k].kind);

            for (unsigned a = 0; a < info->nargs; a++) {
                uint64_t value = wrg_arg_get(&c.ops[k], &info->args[a]);

                assert_true(wrg_arg_fold(&info->args[a], value) == value);
            }
        }
    }
}

static void limit_copy__moves_what_it_says(void **state)
{
    struct wrg_limit limit;

    assert_int_equal(wrg_limit_init(&limit, 4, 4 * WRG_LIMIT_PAGE_BYTES), 0);
    wrg_limit_copy(&limit, false, 1, 3); /* reads: pages become what the disk holds */
    assert_int_equal(limit.pages[0], 2);
    assert_int_equal(limit.pages[3 * WRG_LIMIT_PAGE_BYTES - 1], 2);
    assert_int_equal(limit.pages[3 * WRG_LIMIT_PAGE_BYTES], 1);
    wrg_limit_fini(&limit);
}

static void limit_ring__moves_a_page_a_request(void **state)
{
    struct wrg_limit limit;

    assert_int_equal(wrg_limit_init(&limit, 64, 64 * WRG_LIMIT_PAGE_BYTES), 0);
    wrg_limit_ring(&limit, true, 32);
    assert_int_equal(limit.disk[0], 1);
    assert_int_equal(limit.disk[32 * WRG_LIMIT_PAGE_BYTES - 1], 1);
    assert_int_equal(limit.disk[32 * WRG_LIMIT_PAGE_BYTES], 2);
    wrg_limit_fini(&limit);
}

static void limit_threads__moves_a_page_a_request(void **state)
{
    struct wrg_limit limit;

    assert_int_equal(wrg_limit_init(&limit, 64, 64 * WRG_LIMIT_PAGE_BYTES), 0);
    wrg_limit_threads(&limit, true, 40);
    assert_int_equal(limit.disk[0], 1);
    assert_int_equal(limit.disk[40 * WRG_LIMIT_PAGE_BYTES - 1], 1);
    assert_int_equal(limit.disk[40 * WRG_LIMIT_PAGE_BYTES], 2);
    wrg_limit_fini(&limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_plan__stays_on_its_disk_and_makes_its_requests),
        cmocka_unit_test(disk__is_full_before_it_is_measured),
        cmocka_unit_test(operands_of_every_plan__are_within_the_table),
        cmocka_unit_test(limit_copy__moves_what_it_says),
        cmocka_unit_test(limit_ring__moves_a_page_a_request),
        cmocka_unit_test(limit_threads__moves_a_page_a_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
