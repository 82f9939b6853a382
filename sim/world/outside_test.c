/* SPDX-License-Identifier: MIT */
/* A disk that answers from outside of the world. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "case/text.h"
#include "disk/disk.h"
#include "world/program.h"
#include "world/world.h"

enum { SECTORS = 4096, REQUESTS = 5 };

static const char text[] = "wringer 1\nconfig victim=none\n";

static struct {
    struct wrg_disk disk;
    struct wrg_disk_landing landing[REQUESTS];
    uint32_t flying;
    uint32_t done, failed;
    struct wrg_case_list cases;
    struct wrg_case c;
    struct wrg_world *world;
} f;

/* ---- a disk whose requests land when the test says so ---- */

static int execute(struct wrg_disk *disk, const struct wrg_disk_request *request,
                   struct wrg_disk_context *context)
{
    if (!context->landing || f.flying == REQUESTS)
        return -EIO;
    f.landing[f.flying++] = *context->landing;
    return -EINPROGRESS;
}

static int transfer(struct wrg_disk *disk, const struct wrg_disk_run *run)
{
    return -EIO;
}

static void info(const struct wrg_disk *disk, struct wrg_disk_info *out)
{
    out->sectors = SECTORS;
    out->flush = true;
}

static void reset(struct wrg_disk *disk)
{
}

static const struct wrg_disk_ops ops = {
    .execute = execute, .transfer = transfer, .info = info, .reset = reset
};

/* ---- a program that flushes it ---- */

static void on_done(const struct wrg_program_done *done)
{
    f.done++;
    f.failed += done->error != 0;
    wrg_program_wake(f.world);
}

static void flush_all(void *ctx, struct wrg_world *world)
{
    const struct wrg_program_io io = { .op = WRG_IO_FLUSH, .done = on_done };

    for (uint32_t i = 0; i < REQUESTS; i++)
        if (wrg_program_submit(world, &io))
            f.failed++;
    while (f.done < REQUESTS && wrg_program_wait(world))
        ;
}

static int setup_world(void **state)
{
    char err[128];
    struct wrg_world_options options = { .program = flush_all };

    memset(&f, 0, sizeof(f));
    f.disk.ops = &ops;
    options.disks[0] = &f.disk;
    if (wrg_case_parse(text, strlen(text), "test", &f.cases, err, sizeof(err)))
        return -1;
    wrg_case_list_get(&f.cases, 0, &f.c);
    f.world = wrg_world_create(&options);
    return f.world ? wrg_world_start(f.world, &f.c) : -1;
}

static int teardown_world(void **state)
{
    wrg_world_destroy(f.world);
    wrg_case_list_fini(&f.cases);
    return 0;
}

static void land(uint32_t i, int error)
{
    f.landing[i].land(f.landing[i].ctx, f.landing[i].token, error);
}

static void nobody_can_run_until_a_disk_answers__blocked(void **state)
{
    assert_int_equal(wrg_world_run(f.world, 0), WRG_WORLD_BLOCKED);
    assert_int_equal(f.flying, REQUESTS);
    assert_int_equal(f.done, 0);
    for (uint32_t i = REQUESTS; i-- > 1;) {
        land(i, i == 3 ? -EIO : 0);
        assert_int_equal(wrg_world_run(f.world, 0), WRG_WORLD_BLOCKED);
        assert_int_equal(f.done, REQUESTS - i);
    }
    land(0, 0);
    assert_int_equal(wrg_world_run(f.world, 0), WRG_WORLD_FINISHED);
    assert_int_equal(f.done, REQUESTS);
    assert_int_equal(f.failed, 1);
}

static void nothing_has_landed__blocked_still(void **state)
{
    for (uint32_t tries = 0; tries < 3; tries++)
        assert_int_equal(wrg_world_run(f.world, 0), WRG_WORLD_BLOCKED);
    for (uint32_t i = 0; i < REQUESTS; i++)
        land(i, 0);
    assert_int_equal(wrg_world_run(f.world, 0), WRG_WORLD_FINISHED);
    assert_int_equal(f.failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_can_run_until_a_disk_answers__blocked, setup_world,
                                        teardown_world),
        cmocka_unit_test_setup_teardown(nothing_has_landed__blocked_still, setup_world,
                                        teardown_world),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
