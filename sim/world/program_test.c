/* SPDX-License-Identifier: MIT */
/*
 * A program that copies one device of a guest to the other, through two drivers at each end.
 */
#include "world/world_fixture.h"

#include <errno.h>

#include "disk/memory_disk.h"
#include "world/program.h"

enum { SECTORS = 1024, AT_ONCE = 4, PAGES = 3, SECTORS_EACH = PAGES * 8 };

static struct wrg_memory_disk disks[2];

/* ---- the program ---- */

struct buffer {
    struct copy *copy;
    uint32_t page;
    struct wrg_vec vec[PAGES];
    uint64_t sector;
    uint32_t nvec;
    bool busy;
};

struct copy {
    struct wrg_world *world;
    struct buffer buffers[AT_ONCE];
    uint64_t sectors;
    unsigned reads, writes, flushes;
    int error;
    bool kept;
};

/* Tasks of both devices come here, at one time on the thread engine. */
static void note(struct copy *copy, int error)
{
    __atomic_fetch_or(&copy->error, error, __ATOMIC_RELAXED);
}

static uint32_t load(const uint32_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

static void on_written(const struct wrg_program_done *done)
{
    struct buffer *buffer = done->ctx;

    __atomic_fetch_add(&buffer->copy->writes, 1, __ATOMIC_RELAXED);
    note(buffer->copy, done->error);
    __atomic_store_n(&buffer->busy, false, __ATOMIC_RELEASE);
    wrg_program_wake(buffer->copy->world);
}

/* A request may be made where another one ends. */
static void on_read(const struct wrg_program_done *done)
{
    struct buffer *buffer = done->ctx;
    const struct wrg_program_io io = { .device = 1,
                                       .op = WRG_IO_WRITE,
                                       .sector = buffer->sector,
                                       .nvec = buffer->nvec,
                                       .vec = buffer->vec,
                                       .done = on_written,
                                       .ctx = buffer };

    __atomic_fetch_add(&buffer->copy->reads, 1, __ATOMIC_RELAXED);
    note(buffer->copy, done->error);
    note(buffer->copy, wrg_program_submit(buffer->copy->world, &io));
}

static int start_read(struct buffer *buffer, uint64_t sector)
{
    uint64_t left = buffer->copy->sectors - sector;
    const struct wrg_program_io io = { .op = WRG_IO_READ,
                                       .sector = sector,
                                       .nvec = left < SECTORS_EACH ? (uint32_t)left / 8 : PAGES,
                                       .vec = buffer->vec,
                                       .done = on_read,
                                       .ctx = buffer };

    buffer->sector = sector;
    buffer->nvec = io.nvec;
    buffer->busy = true;
    return wrg_program_submit(buffer->copy->world, &io);
}

static struct buffer *free_buffer(struct copy *copy)
{
    for (unsigned i = 0; i < AT_ONCE; i++)
        if (!__atomic_load_n(&copy->buffers[i].busy, __ATOMIC_ACQUIRE))
            return &copy->buffers[i];
    return NULL;
}

static void setup_buffers(struct copy *copy)
{
    for (unsigned i = 0; i < AT_ONCE; i++) {
        struct buffer *buffer = &copy->buffers[i];
        buffer->copy = copy;
        buffer->page = wrg_program_pages_alloc(copy->world, PAGES);
        for (uint32_t k = 0; k < PAGES; k++)
            buffer->vec[k] = (struct wrg_vec){ .page = buffer->page + k, .len = WRG_PAGE_SIZE };
    }
}

static void on_flushed(const struct wrg_program_done *done)
{
    struct copy *copy = done->ctx;

    __atomic_fetch_add(&copy->flushes, 1, __ATOMIC_RELEASE);
    note(copy, done->error);
    wrg_program_wake(copy->world);
}

static void copy_all(void *ctx, struct wrg_world *world)
{
    struct copy *copy = ctx;
    const struct wrg_program_io flush = {
        .device = 1, .op = WRG_IO_FLUSH, .done = on_flushed, .ctx = copy
    };

    copy->world = world;
    copy->sectors = wrg_program_sectors(world, 0);
    setup_buffers(copy);
    for (uint64_t sector = 0; sector < copy->sectors; sector += SECTORS_EACH) {
        struct buffer *buffer;
        while (!(buffer = free_buffer(copy)))
            if (!wrg_program_wait(world))
                return;
        note(copy, start_read(buffer, sector));
    }
    while (load(&copy->writes) < load(&copy->reads) ||
           load(&copy->reads) * SECTORS_EACH < copy->sectors)
        if (!wrg_program_wait(world))
            return;
    note(copy, wrg_program_submit(world, &flush));
    while (!load(&copy->flushes) && wrg_program_wait(world))
        ;
    for (unsigned i = 0; i < AT_ONCE; i++)
        wrg_program_pages_free(world, copy->buffers[i].page, PAGES);
}

/* ---- tests ---- */

/* A disk that stays as it is between runs. */
static void keep(struct wrg_disk *disk)
{
}

static struct wrg_disk_ops ops;

static int setup(void **state)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct wrg_memory_disk_args args = { .sectors = SECTORS, .chunks = 16 };
        if (wrg_memory_disk_init(&disks[i], &args))
            return -1;
        ops = *disks[i].disk.ops;
        ops.reset = keep;
        disks[i].disk.ops = &ops;
    }
    return 0;
}

static int teardown(void **state)
{
    for (unsigned i = 0; i < 2; i++)
        wrg_memory_disk_fini(&disks[i]);
    return 0;
}

static void move(unsigned disk, bool write, uint8_t *bytes)
{
    const struct wrg_disk_run run = { .write = write, .count = SECTORS, .bytes = bytes };

    assert_int_equal(wrg_disk_transfer(&disks[disk].disk, &run), 0);
}

static struct wrg_world *make_world(enum wrg_engine engine, struct copy *copy)
{
    const struct wrg_world_options options = { .engine = engine,
                                               .oracles = true,
                                               .hash = engine == WRG_ENGINE_FIBER,
                                               .program = copy_all,
                                               .program_ctx = copy,
                                               .devices = 2,
                                               .disks = { &disks[0].disk, &disks[1].disk } };
    struct wrg_world *world = wrg_world_create(&options);

    assert_non_null(world);
    return world;
}

static void copy_on(enum wrg_engine engine)
{
    struct wrg_case *c = fixture_case("config victim=none indirect-max=64\n");
    struct copy copy = { 0 };
    struct wrg_world *world = make_world(engine, &copy);
    uint8_t *source = malloc(SECTORS * 512), *target = malloc(SECTORS * 512);

    for (uint32_t i = 0; i < SECTORS * 512; i++)
        source[i] = (uint8_t)(i * 31 + i / 512 * 7 + 1);
    memset(target, 0, SECTORS * 512);
    move(0, true, source);
    move(1, true, target);
    struct wrg_verdict verdict = fixture_run(world, c);
    fixture_expect_clean(&verdict, "copy");
    assert_int_equal(copy.error, 0);
    assert_int_equal(copy.flushes, 1);
    assert_int_equal(verdict.ios, 2 * 43 + 1);
    assert_int_equal(verdict.ios_failed, 0);
    move(1, false, target);
    assert_memory_equal(source, target, SECTORS * 512);
    free(source);
    free(target);
    wrg_world_destroy(world);
    free(c);
}

static void copy_from_device_to_device__same_bytes(void **state)
{
    copy_on(WRG_ENGINE_FIBER);
}

static void copy_on_threads__same_bytes(void **state)
{
    copy_on(WRG_ENGINE_THREAD);
}

static void copy_twice__same_hash(void **state)
{
    struct wrg_case *c = fixture_case("config victim=none\nsched seed=5\n");
    struct copy copy = { 0 };
    struct wrg_world *world = make_world(WRG_ENGINE_FIBER, &copy);
    uint64_t hashes[2];

    for (unsigned i = 0; i < 2; i++) {
        copy = (struct copy){ 0 };
        struct wrg_verdict verdict = fixture_run(world, c);
        fixture_expect_clean(&verdict, "again");
        hashes[i] = verdict.hash;
    }
    assert_int_equal(hashes[0], hashes[1]);
    wrg_world_destroy(world);
    free(c);
}

/* Neither is a request of a program that asks for too much, or of a device that is not there. */
static void misuse(void *ctx, struct wrg_world *world)
{
    int *results = ctx;
    const struct wrg_program_io nowhere = { .device = 2, .op = WRG_IO_FLUSH };
    const struct wrg_program_io too_long = { .op = WRG_IO_READ, .nvec = 4097 };

    results[0] = wrg_program_submit(world, &nowhere);
    results[1] = wrg_program_submit(world, &too_long);
    results[2] = wrg_program_wait(world);
}

static void misuse__is_refused_and_a_wait_for_nothing_ends(void **state)
{
    struct wrg_case *c = fixture_case("config victim=none\n");
    int results[3] = { 0, 0, 1 };
    const struct wrg_world_options options = {
        .oracles = true, .program = misuse, .program_ctx = results, .devices = 2
    };
    struct wrg_world *world = wrg_world_create(&options);

    struct wrg_verdict verdict = fixture_run(world, c);
    fixture_expect_clean(&verdict, "misuse");
    assert_int_equal(results[0], -EINVAL);
    assert_int_equal(results[1], -EINVAL);
    assert_false(results[2]);
    wrg_world_destroy(world);
    free(c);
}

#define P(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        P(copy_from_device_to_device__same_bytes),
        P(copy_on_threads__same_bytes),
        P(copy_twice__same_hash),
        P(misuse__is_refused_and_a_wait_for_nothing_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
