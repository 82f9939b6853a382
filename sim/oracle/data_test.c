/* SPDX-License-Identifier: MIT */
/* Does the shadow disk know what a read must bring, and when it cannot know? */
#include <errno.h>

#include "oracle/test_events.h"

enum {
    READ = 0,
    WRITE = 1,
    DISCARD = WRG_CASE_IO_DISCARD,
    ERASE = WRG_CASE_IO_SECURE_ERASE,
    MAP_FULL = WRG_DATA_BLOCKS * WRG_BLOCK_SECTORS
};

static void begin_honest(struct bench *t)
{
    t->config.honest_front = true;
    bench_begin(t);
    connect_ring(t);
    emit(t, .kind = WRG_EV_DISK_INFO, .role = BACK, .c = 2048);
}

static void submit(struct bench *t, uint32_t tag, uint8_t op, uint64_t sector)
{
    emit(t, .kind = WRG_EV_BLK_SUBMIT, .role = FRONT, .a = tag, .b = op, .c = sector, .d = 8);
}

/* A page: digest, digest + 1, ... */
static void data(struct bench *t, uint32_t tag, uint8_t op, uint64_t sector, uint64_t digest)
{
    uint64_t digests[8];

    for (uint32_t i = 0; i < 8; i++)
        digests[i] = digest + i;
    emit_bytes(
        t, (struct spec){ .kind = WRG_EV_BLK_DATA, .role = FRONT, .a = tag, .b = op, .c = sector },
        digests, sizeof(digests));
}

/* Half of it digest, digest + 1, ..., half of it second, second + 1, ... */
static void data_of_two(struct bench *t, uint32_t tag, uint64_t sector, uint64_t digest,
                        uint64_t second)
{
    uint64_t digests[8];

    for (uint32_t i = 0; i < 4; i++) {
        digests[i] = digest + i;
        digests[4 + i] = second + i;
    }
    emit_bytes(
        t,
        (struct spec){ .kind = WRG_EV_BLK_DATA, .role = FRONT, .a = tag, .b = READ, .c = sector },
        digests, sizeof(digests));
}

static void complete(struct bench *t, uint32_t tag, int error)
{
    emit(t, .kind = WRG_EV_BLK_COMPLETE, .role = FRONT, .a = tag, .b = (uint32_t)error);
}

static void submit_write(struct bench *t, uint32_t tag, uint64_t sector, uint64_t digest)
{
    submit(t, tag, WRITE, sector);
    data(t, tag, WRITE, sector, digest);
}

/* No request on the ring asks for it: for once the backend is not judged for that. */
static void on_disk(struct bench *t, uint8_t op, uint64_t sector, uint64_t digest)
{
    t->o->tap.unsure = true;
    disk_data(t, op, sector, 20, digest);
    t->o->tap.unsure = false;
}

static void write_all(struct bench *t, uint32_t tag, uint64_t sector, uint64_t digest)
{
    submit_write(t, tag, sector, digest);
    on_disk(t, WRITE, sector, digest);
    complete(t, tag, 0);
}

static void read_all(struct bench *t, uint32_t tag, uint64_t sector, uint64_t digest)
{
    submit(t, tag, READ, sector);
    data(t, tag, READ, sector, digest);
    complete(t, tag, 0);
}

static void read_returns_what_was_written__clean(struct bench *t)
{
    begin_honest(t);
    write_all(t, 1, 8, 100);
    read_all(t, 2, 8, 100);
}

static void read_returns_something_else__fires(struct bench *t)
{
    begin_honest(t);
    write_all(t, 1, 8, 100);
    QUIETLY(t);
    read_all(t, 2, 8, 101);
}

static void read_returns_the_old_content__fires(struct bench *t)
{
    begin_honest(t);
    write_all(t, 1, 8, 100);
    write_all(t, 2, 8, 200);
    read_all(t, 3, 8, 100);
}

/* Half of a block, and half of the next one. */
static void write_over_the_end_of_a_block(struct bench *t)
{
    begin_honest(t);
    write_all(t, 1, 8, 100);
    write_all(t, 2, 16, 200);
    write_all(t, 3, 12, 300);
}

static void read_of_blocks_in_two_pieces__each_of_its_write(struct bench *t)
{
    write_over_the_end_of_a_block(t);
    submit(t, 4, READ, 8);
    data_of_two(t, 4, 8, 100, 300);
    complete(t, 4, 0);
    submit(t, 5, READ, 16);
    data_of_two(t, 5, 16, 304, 204);
    complete(t, 5, 0);
    write_all(t, 6, 8, 400); /* and as one again */
    read_all(t, 7, 8, 400);
}

static void read_of_a_block_in_two_pieces__wrong_half_fires(struct bench *t)
{
    write_over_the_end_of_a_block(t);
    read_all(t, 4, 12, 300);
    QUIETLY(t);
    submit(t, 5, READ, 16);
    data_of_two(t, 5, 16, 304, 205);
}

static void write_of_half_a_block__missing_on_the_disk_fires(struct bench *t)
{
    begin_honest(t);
    write_all(t, 1, 8, 100);
    submit_write(t, 2, 12, 300);
    on_disk(t, WRITE, 12, 301);
    QUIETLY(t);
    complete(t, 2, 0);
}

static void two_reads_differ__fires(struct bench *t)
{
    begin_honest(t);
    read_all(t, 1, 8, 100);
    read_all(t, 2, 8, 200);
}

static void first_read_differs_from_the_disk__fires(struct bench *t)
{
    begin_honest(t);
    submit(t, 1, READ, 8);
    on_disk(t, READ, 8, 500);
    data(t, 1, READ, 8, 501);
}

static void read_of_a_neighbour__clean(struct bench *t)
{
    begin_honest(t);
    write_all(t, 1, 8, 100);
    read_all(t, 2, 16, 300);
    read_all(t, 3, 0, 400);
}

static void read_beside_a_write__clean(struct bench *t)
{
    begin_honest(t);
    write_all(t, 1, 8, 100);
    submit(t, 2, READ, 8);
    write_all(t, 3, 8, 200);
    data(t, 2, READ, 8, 100);
    complete(t, 2, 0);
    read_all(t, 4, 8, 200);
}

static void writes_overlap__either_content_clean(struct bench *t)
{
    begin_honest(t);
    submit_write(t, 1, 8, 100);
    submit_write(t, 2, 8, 200);
    on_disk(t, WRITE, 8, 200);
    on_disk(t, WRITE, 8, 100);
    complete(t, 1, 0);
    complete(t, 2, 0);
    read_all(t, 3, 8, 100);
}

static void writes_overlap_and_read_differs_from_the_disk__fires(struct bench *t)
{
    begin_honest(t);
    submit_write(t, 1, 8, 100);
    submit_write(t, 2, 8, 200);
    on_disk(t, WRITE, 8, 200);
    on_disk(t, WRITE, 8, 100);
    complete(t, 1, 0);
    complete(t, 2, 0);
    QUIETLY(t);
    read_all(t, 3, 8, 200);
}

static void failed_write_leaves_either(struct bench *t, uint64_t found)
{
    begin_honest(t);
    write_all(t, 1, 8, 100);
    submit_write(t, 2, 8, 200);
    complete(t, 2, -5);
    read_all(t, 3, 8, found);
}

static void failed_write_and_the_old_is_read__clean(struct bench *t)
{
    failed_write_leaves_either(t, 100);
}

static void failed_write_and_the_new_is_read__clean(struct bench *t)
{
    failed_write_leaves_either(t, 200);
}

static void failed_write_and_something_else_is_read__fires(struct bench *t)
{
    failed_write_leaves_either(t, 300);
}

static void failed_write_that_may_still_come__clean(struct bench *t)
{
    begin_honest(t);
    write_all(t, 1, 8, 100);
    submit_write(t, 2, 8, 200);
    emit(t, .kind = WRG_EV_DISK_SUBMIT, .role = BACK, .a = 1, .b = WRITE, .c = 8, .d = 8);
    complete(t, 2, -5);
    read_all(t, 3, 8, 300);
}

static void acknowledged_write_is_not_on_the_disk__fires(struct bench *t)
{
    begin_honest(t);
    submit_write(t, 1, 8, 100);
    complete(t, 1, 0);
}

static void acknowledged_write_is_garbled_on_the_disk__fires(struct bench *t)
{
    begin_honest(t);
    submit_write(t, 1, 8, 100);
    on_disk(t, WRITE, 8, 101);
    complete(t, 1, 0);
}

static void no_disk_in_sight__clean(struct bench *t)
{
    t->config.honest_front = true;
    bench_begin(t);
    submit_write(t, 1, 8, 100);
    complete(t, 1, 0);
    read_all(t, 2, 8, 100);
}

static void scripted_backend_not_judged__clean(struct bench *t)
{
    t->config.honest_front = true;
    t->config.honest_back = false;
    t->config.judged = WRG_JUDGE_FRONT;
    bench_begin(t);
    write_all(t, 1, 8, 100);
    read_all(t, 2, 8, 200);
}

/* ---- discards ---- */

static void read_zeros(struct bench *t, uint32_t tag, uint64_t sector)
{
    uint64_t digests[8];

    for (uint32_t i = 0; i < 8; i++)
        digests[i] = t->o->data.zeros;
    submit(t, tag, READ, sector);
    emit_bytes(
        t,
        (struct spec){ .kind = WRG_EV_BLK_DATA, .role = FRONT, .a = tag, .b = READ, .c = sector },
        digests, sizeof(digests));
    complete(t, tag, 0);
}

static void discard_on_disk(struct bench *t, uint8_t op, uint64_t sector)
{
    t->o->tap.unsure = true;
    emit(t, .kind = WRG_EV_DISK_DISCARD, .role = BACK, .a = 1, .b = op, .c = sector, .d = 8);
    t->o->tap.unsure = false;
}

static void discard_all(struct bench *t, uint32_t tag, uint8_t op, uint64_t sector)
{
    submit(t, tag, op, sector);
    discard_on_disk(t, op, sector);
    complete(t, tag, 0);
}

static void discarded_and_old_or_zeros_are_read__clean(struct bench *t)
{
    begin_honest(t);
    write_all(t, 1, 8, 100);
    discard_all(t, 2, DISCARD, 8);
    read_all(t, 3, 8, 100);
    read_zeros(t, 4, 8);
}

static void discarded_and_something_else_is_read__fires(struct bench *t)
{
    begin_honest(t);
    write_all(t, 1, 8, 100);
    discard_all(t, 2, DISCARD, 8);
    QUIETLY(t);
    read_all(t, 3, 8, 200);
}

static void discarded_and_a_neighbour_is_zero__fires(struct bench *t)
{
    begin_honest(t);
    write_all(t, 1, 16, 100);
    discard_all(t, 2, DISCARD, 8);
    QUIETLY(t);
    read_zeros(t, 3, 16);
}

static void erased_and_zeros_are_read__clean(struct bench *t)
{
    begin_honest(t);
    write_all(t, 1, 8, 100);
    discard_all(t, 2, ERASE, 8);
    read_zeros(t, 3, 8);
}

static void erased_and_the_old_is_read__fires(struct bench *t)
{
    begin_honest(t);
    write_all(t, 1, 8, 100);
    discard_all(t, 2, ERASE, 8);
    QUIETLY(t);
    read_all(t, 3, 8, 100);
}

static void erase_failed_and_the_old_is_read__clean(struct bench *t)
{
    begin_honest(t);
    write_all(t, 1, 8, 100);
    submit(t, 2, ERASE, 8);
    complete(t, 2, -EIO);
    read_all(t, 3, 8, 100);
}

static void written_after_a_discard_and_zeros_are_read__fires(struct bench *t)
{
    begin_honest(t);
    write_all(t, 1, 8, 100);
    discard_all(t, 2, DISCARD, 8);
    write_all(t, 3, 8, 200);
    QUIETLY(t);
    read_zeros(t, 4, 8);
}

static void written_beside_a_discard__either_content_clean(struct bench *t)
{
    begin_honest(t);
    submit(t, 1, DISCARD, 8);
    write_all(t, 2, 8, 200);
    discard_on_disk(t, DISCARD, 8);
    complete(t, 1, 0);
    read_zeros(t, 3, 8);
}

static void read_beside_a_discard__not_believed(struct bench *t)
{
    begin_honest(t);
    submit(t, 1, DISCARD, 8);
    read_all(t, 2, 8, 100);
    discard_on_disk(t, DISCARD, 8);
    complete(t, 1, 0);
    read_zeros(t, 3, 8);
}

static void discarded_by_nobodys_wish_and_zeros_are_read__fires(struct bench *t)
{
    begin_honest(t);
    write_all(t, 1, 8, 100);
    discard_on_disk(t, DISCARD, 8);
    QUIETLY(t);
    read_zeros(t, 2, 8);
}

static void table_full__forgets_and_stays_silent(struct bench *t)
{
    begin_honest(t);
    for (uint32_t i = 0; i < MAP_FULL / 8; i++)
        write_all(t, 1, (uint64_t)i * 8, 100);
    QUIETLY(t);
    assert_int_equal(wrg_oracles_forgotten(t->o), 0);
    write_all(t, 1, MAP_FULL, 100);
    read_all(t, 2, MAP_FULL, 200);
    assert_true(wrg_oracles_forgotten(t->o) > 0);
    QUIETLY(t);
    read_all(t, 3, 0, 200); /* what is in the table is judged still */
}

static const struct scenario scenarios[] = {
    PLAY(read_returns_what_was_written__clean, CLEAN),
    PLAY(read_returns_something_else__fires, DATA_001),
    PLAY(read_returns_the_old_content__fires, DATA_001),
    PLAY(read_of_blocks_in_two_pieces__each_of_its_write, CLEAN),
    PLAY(read_of_a_block_in_two_pieces__wrong_half_fires, DATA_001),
    PLAY(write_of_half_a_block__missing_on_the_disk_fires, DATA_002),
    PLAY(two_reads_differ__fires, DATA_001),
    PLAY(first_read_differs_from_the_disk__fires, DATA_001),
    PLAY(read_of_a_neighbour__clean, CLEAN),
    PLAY(read_beside_a_write__clean, CLEAN),
    PLAY(writes_overlap__either_content_clean, CLEAN),
    PLAY(writes_overlap_and_read_differs_from_the_disk__fires, DATA_001),
    PLAY(failed_write_and_the_old_is_read__clean, CLEAN),
    PLAY(failed_write_and_the_new_is_read__clean, CLEAN),
    PLAY(failed_write_and_something_else_is_read__fires, DATA_001),
    PLAY(failed_write_that_may_still_come__clean, CLEAN),
    PLAY(acknowledged_write_is_not_on_the_disk__fires, DATA_002),
    PLAY(acknowledged_write_is_garbled_on_the_disk__fires, DATA_002),
    PLAY(no_disk_in_sight__clean, CLEAN),
    PLAY(scripted_backend_not_judged__clean, CLEAN),
    PLAY(discarded_and_old_or_zeros_are_read__clean, CLEAN),
    PLAY(discarded_and_something_else_is_read__fires, DATA_001),
    PLAY(discarded_and_a_neighbour_is_zero__fires, DATA_001),
    PLAY(erased_and_zeros_are_read__clean, CLEAN),
    PLAY(erased_and_the_old_is_read__fires, DATA_001),
    PLAY(erase_failed_and_the_old_is_read__clean, CLEAN),
    PLAY(written_after_a_discard_and_zeros_are_read__fires, DATA_001),
    PLAY(written_beside_a_discard__either_content_clean, CLEAN),
    PLAY(read_beside_a_discard__not_believed, CLEAN),
    PLAY(discarded_by_nobodys_wish_and_zeros_are_read__fires, DATA_001),
    PLAY(table_full__forgets_and_stays_silent, DATA_001),
};

static void sequences__fire_their_rule_or_none(void **state)
{
    play_all(*state, scenarios, WRG_ARRAY_LEN(scenarios));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sequences__fire_their_rule_or_none, bench_open,
                                        bench_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
