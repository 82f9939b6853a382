/* SPDX-License-Identifier: MIT */
/* The program that copies, above two devices of this test, which answer late, out of order, or
   wrongly. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "image/copy.h"

enum { FIRST = 1000, SECTORS = 1000, PAGES = 256, DEPTH = 5, LATE = 64, SECTOR = 512 };

struct late {
    struct wrg_program_io io;
    bool used;
};

static struct {
    uint8_t disk[2][SECTORS * SECTOR];
    uint8_t memory[PAGES * WRG_PAGE_SIZE];
    uint32_t pages; /* given out */
    struct late late[LATE];
    uint32_t flying, woken, submitted, flushes;
    struct wrg_rng rng;
    uint32_t fail_every; /* requests; 0: none */
    uint32_t fail_since; /* all requests from this one on; 0: none */
    bool keep_pages, mute, lie, no_flush;
    uint32_t stop_after;
    volatile sig_atomic_t stop;
    bool hole[SECTORS];
    bool ask_flush;
    struct wrg_copy copy;
} f;

/* ---- the world that the program sees ---- */

uint32_t wrg_program_pages_alloc(struct wrg_world *world, uint32_t count)
{
    uint32_t at = f.pages;

    if (count > PAGES - at)
        return WRG_NO_PAGE;
    f.pages += count;
    return FIRST + at;
}

uint8_t *wrg_program_page(struct wrg_world *world, uint32_t page)
{
    return f.memory + (size_t)(page - FIRST) * WRG_PAGE_SIZE;
}

int wrg_program_submit(struct wrg_world *world, const struct wrg_program_io *io)
{
    if (f.flying == DEPTH)
        return -EAGAIN;
    for (uint32_t i = 0; i < LATE; i++) {
        if (f.late[i].used)
            continue;
        f.late[i] = (struct late){ .io = *io, .used = true };
        f.flying++;
        f.submitted++;
        return 0;
    }
    return -EIO;
}

static void move(const struct wrg_program_io *io)
{
    uint8_t *disk = f.disk[io->device] + io->sector * SECTOR;

    for (uint32_t i = 0; i < io->nvec; i++) {
        uint8_t *page = wrg_program_page(NULL, io->vec[i].page);
        if (io->op == WRG_IO_WRITE)
            memcpy(disk, page, io->vec[i].len);
        else
            memcpy(page, disk, io->vec[i].len);
        disk += io->vec[i].len;
    }
}

static bool fails(void)
{
    return (f.fail_since && f.submitted >= f.fail_since) ||
           (f.fail_every && wrg_rng_below(&f.rng, f.fail_every) == 0);
}

static void answer(const struct wrg_program_io *io)
{
    struct wrg_program_done done = { .ctx = io->ctx };

    if (io->op == WRG_IO_FLUSH) {
        f.flushes++;
        done.error = f.no_flush ? -EOPNOTSUPP : 0;
    } else if (fails()) {
        done.error = -EIO;
        done.pages_kept = f.keep_pages;
    } else {
        move(io);
    }
    if (f.lie && io->op == WRG_IO_WRITE)
        f.disk[io->device][io->sector * SECTOR] ^= 1;
    io->done(&done);
    if (f.stop_after && f.submitted >= f.stop_after)
        f.stop = 1;
}

void wrg_program_wake(struct wrg_world *world)
{
    f.woken++;
}

bool wrg_program_wait(struct wrg_world *world)
{
    if (!f.woken && f.mute)
        return false;
    for (uint32_t tries = 0; !f.woken && f.flying && tries < 10000; tries++) {
        struct late *late = &f.late[wrg_rng_below(&f.rng, LATE)];
        if (!late->used)
            continue;
        late->used = false;
        f.flying--;
        answer(&late->io);
    }
    bool woken = f.woken != 0;
    f.woken = 0;
    return woken;
}

/* ---- what the copy asks ---- */

static bool next(void *ctx, bool both, uint64_t from, uint64_t *first, uint64_t *count)
{
    while (from < SECTORS && f.hole[from])
        from++;
    *first = from;
    for (*count = 0; from < SECTORS && !f.hole[from]; from++)
        ++*count;
    return *count != 0;
}

static bool progress(void *ctx, const struct wrg_copy *copy)
{
    /* What counts as copied is copied. */
    assert_memory_equal(f.disk[0], f.disk[1], copy->copied * SECTOR);
    return f.ask_flush;
}

static int setup_copy(void **state)
{
    memset(&f, 0, sizeof(f));
    wrg_rng_seed(&f.rng, 7);
    for (size_t i = 0; i < sizeof(f.disk[0]); i++)
        f.disk[0][i] = (uint8_t)(i * 31 + i / 512 * 7);
    f.copy = (struct wrg_copy){ .sectors = SECTORS,
                                .slots = 4,
                                .pages = 3,
                                .tries = 1,
                                .stop = &f.stop,
                                .next = next,
                                .progress = progress };
    return 0;
}

static int teardown_copy(void **state)
{
    wrg_copy_fini(&f.copy);
    return 0;
}

#define C(f) cmocka_unit_test_setup_teardown(f, setup_copy, teardown_copy)

static void run_copy(enum wrg_copy_end end)
{
    wrg_copy_main(&f.copy, NULL);
    assert_int_equal(f.copy.end, end);
}

static void out_of_order__the_same_bytes(void **state)
{
    run_copy(WRG_COPY_DONE);
    assert_memory_equal(f.disk[0], f.disk[1], sizeof(f.disk[0]));
    assert_int_equal(f.copy.moved, SECTORS);
    assert_int_equal(f.copy.copied, SECTORS);
    assert_int_equal(f.flushes, 0);
}

static void begun_before__the_rest_only(void **state)
{
    f.copy.begin = 301;
    memcpy(f.disk[1], f.disk[0], 301 * SECTOR);
    run_copy(WRG_COPY_DONE);
    assert_memory_equal(f.disk[0], f.disk[1], sizeof(f.disk[0]));
    assert_int_equal(f.copy.moved, SECTORS - 301);
}

static void holes__left_out(void **state)
{
    for (uint32_t i = 100; i < 400; i++)
        f.hole[i] = true;
    memset(f.disk[0] + 100 * SECTOR, 0, 300 * SECTOR);
    for (uint32_t i = 900; i < SECTORS; i++)
        f.hole[i] = true;
    memset(f.disk[0] + 900 * SECTOR, 0, 100 * SECTOR);
    run_copy(WRG_COPY_DONE);
    assert_memory_equal(f.disk[0], f.disk[1], sizeof(f.disk[0]));
    assert_int_equal(f.copy.moved, SECTORS - 400);
    assert_int_equal(f.copy.copied, SECTORS);
}

static void failing_now_and_then__tried_again(void **state)
{
    f.fail_every = 3;
    f.copy.tries = 40;
    run_copy(WRG_COPY_DONE);
    assert_memory_equal(f.disk[0], f.disk[1], sizeof(f.disk[0]));
    assert_true(f.copy.retried > 0);
}

static void pages_kept_by_the_backend__others_taken(void **state)
{
    f.fail_every = 4;
    f.keep_pages = true;
    f.copy.tries = 40;
    run_copy(WRG_COPY_DONE);
    assert_memory_equal(f.disk[0], f.disk[1], sizeof(f.disk[0]));
    assert_true(f.pages > f.copy.slots * f.copy.pages);
}

static void failing_for_good__says_where(void **state)
{
    f.fail_since = 30;
    f.copy.tries = 5;
    run_copy(WRG_COPY_FAILED);
    assert_int_equal(f.copy.error, -EIO);
    assert_true(f.copy.copied <= f.copy.failed);
    assert_true(f.copy.failed < SECTORS);
    assert_int_equal(f.flying, 0);
}

static void stopped__everything_below_is_copied_and_flushed(void **state)
{
    f.stop_after = 40;
    run_copy(WRG_COPY_STOPPED);
    assert_true(f.copy.copied > 0 && f.copy.copied < SECTORS);
    assert_memory_equal(f.disk[0], f.disk[1], f.copy.copied * SECTOR);
    assert_int_equal(f.copy.durable, f.copy.copied);
    assert_int_equal(f.flying, 0);
    f.stop = 0;
    f.stop_after = 0;
    f.copy.begin = f.copy.copied;
    wrg_copy_fini(&f.copy);
    f.pages = 0;
    f.copy.end = WRG_COPY_DONE;
    run_copy(WRG_COPY_DONE);
    assert_memory_equal(f.disk[0], f.disk[1], sizeof(f.disk[0]));
}

static void no_answer__stuck(void **state)
{
    f.mute = true;
    run_copy(WRG_COPY_STUCK);
}

static void verified__compared_whole(void **state)
{
    f.copy.verify = true;
    f.copy.flush = true;
    run_copy(WRG_COPY_DONE);
    assert_int_equal(f.copy.compared, SECTORS);
    assert_int_equal(f.flushes, 1);
    assert_int_equal(f.copy.durable, SECTORS);
}

static bool trusting(void *ctx, const struct wrg_copy *copy)
{
    return false;
}

static void backend_that_writes_something_else__found_by_comparing(void **state)
{
    f.copy.verify = true;
    f.copy.slots = 1; /* the first piece is the first that is compared */
    f.copy.progress = trusting;
    f.lie = true;
    run_copy(WRG_COPY_DIFFERS);
    assert_int_equal(f.copy.failed, 0);
}

static void flush_that_nobody_offers__promises_nothing(void **state)
{
    f.no_flush = true;
    f.copy.flush = true;
    run_copy(WRG_COPY_DONE);
    assert_int_equal(f.copy.durable, 0);
}

static void asked_to_flush__durable_never_ahead(void **state)
{
    f.ask_flush = true;
    run_copy(WRG_COPY_DONE);
    assert_true(f.flushes > 1);
    assert_true(f.copy.durable > 0 && f.copy.durable <= f.copy.copied);
}

static void memory_for_fewer_slots__does_with_them(void **state)
{
    f.pages = PAGES - 4;
    run_copy(WRG_COPY_DONE);
    assert_int_equal(f.copy.slots, 1);
    assert_memory_equal(f.disk[0], f.disk[1], sizeof(f.disk[0]));
}

static void memory_for_none__said(void **state)
{
    f.pages = PAGES - 2;
    run_copy(WRG_COPY_NO_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        C(out_of_order__the_same_bytes),
        C(begun_before__the_rest_only),
        C(holes__left_out),
        C(failing_now_and_then__tried_again),
        C(pages_kept_by_the_backend__others_taken),
        C(failing_for_good__says_where),
        C(stopped__everything_below_is_copied_and_flushed),
        C(no_answer__stuck),
        C(verified__compared_whole),
        C(backend_that_writes_something_else__found_by_comparing),
        C(flush_that_nobody_offers__promises_nothing),
        C(asked_to_flush__durable_never_ahead),
        C(memory_for_fewer_slots__does_with_them),
        C(memory_for_none__said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
