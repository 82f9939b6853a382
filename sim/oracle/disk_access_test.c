/* SPDX-License-Identifier: MIT */
/* Is the disk touched only where a request in flight says so? */
#include "oracle/test_events.h"

enum { READ = 0, WRITE = 1, FLUSH = 2 };

/* Sectors 8..31 by grefs 20, 21, 22, all mapped. */
static void ask_three(struct bench *t, uint8_t operation)
{
    struct wrg_blkif_request request = rw(operation, 7, 8, 3);

    connect_ring(t);
    ask(t, 0, &request);
    for (uint32_t i = 0; i < 3; i++)
        map(t, 20 + i);
}

/* A vector of any place and length. */
static void vec(struct bench *t, uint8_t op, uint64_t sector, uint32_t gref, uint32_t off,
                uint32_t len)
{
    uint64_t digests[8] = { 0 };

    emit_bytes(t,
               (struct spec){ .kind = WRG_EV_DISK_DATA,
                              .role = BACK,
                              .a = 1,
                              .b = op,
                              .c = sector,
                              .d = (uint64_t)(gref + PAGE_FRAME) << 32 | off << 16 | len },
               digests, len / 512 * 8);
}

static void segments_in_order__clean(struct bench *t)
{
    ask_three(t, READ);
    for (uint32_t i = 0; i < 3; i++)
        vec(t, READ, 8 + i * 8, 20 + i, 0, 4096);
}

static void segments_in_disorder_and_in_parts__clean(struct bench *t)
{
    ask_three(t, WRITE);
    vec(t, WRITE, 24, 22, 0, 4096);
    vec(t, WRITE, 9, 20, 512, 1024);
    vec(t, WRITE, 8, 20, 0, 512);
}

static void sector_before__fires(struct bench *t)
{
    ask_three(t, READ);
    vec(t, READ, 7, 20, 0, 4096);
}

static void sector_behind__fires(struct bench *t)
{
    ask_three(t, READ);
    vec(t, READ, 32, 22, 0, 512);
}

static void longer_than_its_segment__fires(struct bench *t)
{
    struct wrg_blkif_request request = rw(READ, 7, 8, 1);

    request.seg[0].last_sect = 3;
    connect_ring(t);
    ask(t, 0, &request);
    map(t, 20);
    vec(t, READ, 8, 20, 0, 2048);
    QUIETLY(t);
    vec(t, READ, 8, 20, 0, 2560);
}

static void wrong_direction__fires(struct bench *t)
{
    ask_three(t, READ);
    vec(t, WRITE, 8, 20, 0, 4096);
}

static void wrong_page__fires(struct bench *t)
{
    ask_three(t, READ);
    vec(t, READ, 8, 21, 0, 4096);
}

static void wrong_place_in_the_page__fires(struct bench *t)
{
    ask_three(t, READ);
    vec(t, READ, 8, 20, 512, 512);
}

static void nothing_in_flight__fires(struct bench *t)
{
    connect_ring(t);
    vec(t, READ, 8, 20, 0, 4096);
}

static void answered_already__fires(struct bench *t)
{
    segments_in_order__clean(t);
    for (uint32_t i = 0; i < 3; i++)
        unmap(t, 20 + i);
    reply(t, 0, (struct answer){ .id = 7 });
    QUIETLY(t);
    vec(t, READ, 8, 20, 0, 4096);
}

static void indirect_of_200__clean(struct bench *t)
{
    struct wrg_blkif_request request = indirect(WRITE, 7, 8, 200);

    connect_ring(t);
    ask(t, 0, &request);
    parse_page(t, 0, 200);
    for (uint32_t i = 0; i < 200; i++)
        map(t, 1000 + i);
    for (uint32_t i = 0; i < 200; i++)
        vec(t, WRITE, 8 + i * 8, 1000 + i, 0, 4096);
}

static void indirect_one_segment_too_many__fires(struct bench *t)
{
    indirect_of_200__clean(t);
    QUIETLY(t);
    vec(t, WRITE, 8 + 200 * 8, 1199, 0, 4096);
}

static void indirect_not_seen__clean(struct bench *t)
{
    struct wrg_blkif_request request = indirect(WRITE, 7, 8, 200);

    connect_ring(t);
    ask(t, 0, &request);
    vec(t, WRITE, 5000, 1199, 0, 4096);
}

static void backend_that_copies__clean(struct bench *t)
{
    connect_ring(t);
    emit(t, .kind = WRG_EV_COPY, .role = BACK, .a = 1, .b = 20, .c = 4096);
    vec(t, READ, 8, 20, 0, 4096);
}

static void submit(struct bench *t, uint8_t op)
{
    connect_ring(t);
    emit(t, .kind = WRG_EV_DISK_SUBMIT, .role = BACK, .a = 1, .b = op, .c = 8, .d = 8);
}

static void read_only_disk_written__fires(struct bench *t)
{
    t->config.readonly = true;
    bench_begin(t);
    submit(t, WRITE);
}

static void read_only_by_its_own_word_written__fires(struct bench *t)
{
    emit(t, .kind = WRG_EV_DISK_INFO, .role = BACK, .a = 1, .c = 2048);
    submit(t, WRITE);
}

static void read_only_disk_read_and_flushed__clean(struct bench *t)
{
    t->config.readonly = true;
    bench_begin(t);
    submit(t, READ);
    submit(t, FLUSH);
}

static void begin_with_blocks(struct bench *t)
{
    t->config.units = wrg_units_of(WRG_COUNTS_512, 4096);
    bench_begin(t);
}

static void submit_sectors(struct bench *t, uint8_t op, uint64_t sector, uint64_t nsectors)
{
    emit(t, .kind = WRG_EV_DISK_SUBMIT, .role = BACK, .a = 1, .b = op, .c = sector, .d = nsectors);
}

static void whole_blocks__clean(struct bench *t)
{
    begin_with_blocks(t);
    submit_sectors(t, READ, 8, 16);
    submit_sectors(t, WRG_CASE_IO_DISCARD, 16, 8);
    submit_sectors(t, FLUSH, 3, 0); /* of nowhere */
}

static void first_sector_within_a_block__fires(struct bench *t)
{
    begin_with_blocks(t);
    submit_sectors(t, READ, 12, 8);
}

static void last_sector_within_a_block__fires(struct bench *t)
{
    begin_with_blocks(t);
    submit_sectors(t, WRITE, 8, 12);
}

static void part_of_a_block_discarded__fires(struct bench *t)
{
    begin_with_blocks(t);
    submit_sectors(t, WRG_CASE_IO_DISCARD, 8, 4);
}

static void writable_disk_written__clean(struct bench *t)
{
    submit(t, WRITE);
}

/* Sectors 8..23; the disk discards others. */
static void discard(struct bench *t, uint64_t sector, uint64_t nsectors)
{
    struct wrg_blkif_request request = {
        .operation = WRG_BLKIF_OP_DISCARD, .id = 7, .sector_number = 8, .nr_sectors = 16
    };

    connect_ring(t);
    ask(t, 0, &request);
    emit(t, .kind = WRG_EV_DISK_DISCARD, .role = BACK, .a = 1, .b = WRG_CASE_IO_DISCARD,
         .c = sector, .d = nsectors);
}

static void discard_of_what_is_asked__clean(struct bench *t)
{
    discard(t, 8, 16);
}

static void discard_of_a_part__clean(struct bench *t)
{
    discard(t, 16, 8);
}

static void discard_before__fires(struct bench *t)
{
    discard(t, 7, 8);
}

static void discard_behind__fires(struct bench *t)
{
    discard(t, 16, 9);
}

static void read_only_disk_discarded__fires(struct bench *t)
{
    t->config.readonly = true;
    bench_begin(t);
    submit(t, WRG_CASE_IO_SECURE_ERASE);
}

/* ---- barriers ---- */

static void ask_one(struct bench *t, uint32_t position, uint8_t operation, uint32_t gref)
{
    struct wrg_blkif_request request = rw(operation, 7 + position, 8 + position * 100, 1);

    request.seg[0].gref = gref;
    ask(t, position, &request);
    map(t, gref);
}

/* A write, a barrier, a write: 20 to sector 8, 21 to 108, 22 to 208. */
static void ask_around_a_barrier(struct bench *t)
{
    connect_ring(t);
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/feature-barrier", "1");
    ask_one(t, 0, WRITE, 20);
    ask_one(t, 1, WRG_BLKIF_OP_WRITE_BARRIER, 21);
    ask_one(t, 2, WRITE, 22);
}

static void writes_on_their_side_of_a_barrier__clean(struct bench *t)
{
    ask_around_a_barrier(t);
    for (uint32_t i = 0; i < 3; i++)
        vec(t, WRITE, 8 + i * 100, 20 + i, 0, 4096);
}

static void barrier_and_a_read__in_any_order_clean(struct bench *t)
{
    connect_ring(t);
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/feature-barrier", "1");
    ask_one(t, 0, WRG_BLKIF_OP_WRITE_BARRIER, 20);
    ask_one(t, 1, READ, 21);
    vec(t, READ, 108, 21, 0, 4096);
    vec(t, WRITE, 8, 20, 0, 4096);
}

static void write_ahead_of_the_barrier_before_it__fires(struct bench *t)
{
    ask_around_a_barrier(t);
    vec(t, WRITE, 8, 20, 0, 4096);
    QUIETLY(t);
    vec(t, WRITE, 208, 22, 0, 4096);
}

static void write_behind_the_barrier_after_it__fires(struct bench *t)
{
    ask_around_a_barrier(t);
    vec(t, WRITE, 108, 21, 0, 4096);
    QUIETLY(t);
    vec(t, WRITE, 8, 20, 0, 4096);
}

static void barriers_in_a_row_swapped__fires(struct bench *t)
{
    connect_ring(t);
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/feature-barrier", "1");
    ask_one(t, 0, WRG_BLKIF_OP_WRITE_BARRIER, 20);
    ask_one(t, 1, WRG_BLKIF_OP_WRITE_BARRIER, 21);
    QUIETLY(t);
    vec(t, WRITE, 108, 21, 0, 4096);
}

static void barrier_that_failed_unwritten__holds_nobody_up(struct bench *t)
{
    ask_around_a_barrier(t);
    vec(t, WRITE, 8, 20, 0, 4096);
    unmap(t, 20);
    reply(t, 0, (struct answer){ .id = 7, .operation = WRITE });
    emit(t, .kind = WRG_EV_DISK_DONE, .role = BACK, .a = 2, .b = (uint32_t)-5);
    unmap(t, 21);
    reply(t, 1, (struct answer){ .id = 8, .operation = WRG_BLKIF_OP_WRITE_BARRIER, .status = -1 });
    vec(t, WRITE, 208, 22, 0, 4096);
}

/* A write, a barrier without data, a write. */
static void ask_around_an_empty_barrier(struct bench *t)
{
    struct wrg_blkif_request empty = rw(WRG_BLKIF_OP_WRITE_BARRIER, 8, 0, 0);

    t->config.barriers = true;
    bench_begin(t);
    connect_ring(t);
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/feature-barrier", "1");
    ask_one(t, 0, WRITE, 20);
    ask(t, 1, &empty);
    ask_one(t, 2, WRITE, 22);
}

static void answer_empty_barrier(struct bench *t, int16_t status)
{
    reply(t, 0,
          (struct answer){ .id = 8, .operation = WRG_BLKIF_OP_WRITE_BARRIER, .status = status });
}

static void writes_on_their_side_of_an_empty_barrier__clean(struct bench *t)
{
    ask_around_an_empty_barrier(t);
    vec(t, WRITE, 8, 20, 0, 2048);
    vec(t, WRITE, 12, 20, 2048, 2048);
    vec(t, WRITE, 208, 22, 0, 4096);
}

static void write_ahead_of_an_empty_barrier__the_one_before_it_is_late(struct bench *t)
{
    ask_around_an_empty_barrier(t);
    vec(t, WRITE, 208, 22, 0, 4096);
    QUIETLY(t);
    vec(t, WRITE, 8, 20, 0, 4096);
}

static void part_of_a_write_behind_an_empty_barrier__fires(struct bench *t)
{
    ask_around_an_empty_barrier(t);
    vec(t, WRITE, 8, 20, 0, 2048);
    vec(t, WRITE, 208, 22, 0, 4096);
    QUIETLY(t);
    vec(t, WRITE, 12, 20, 2048, 2048);
}

static void empty_barrier_answered_before_the_write_before_it__fires(struct bench *t)
{
    ask_around_an_empty_barrier(t);
    answer_empty_barrier(t, 0);
    QUIETLY(t);
    vec(t, WRITE, 8, 20, 0, 4096);
}

static void empty_barrier_that_failed__holds_nobody_up(struct bench *t)
{
    ask_around_an_empty_barrier(t);
    emit(t, .kind = WRG_EV_DISK_DONE, .role = BACK, .a = 2, .b = (uint32_t)-5);
    answer_empty_barrier(t, -1);
    vec(t, WRITE, 208, 22, 0, 4096);
    vec(t, WRITE, 8, 20, 0, 4096);
}

static const struct scenario scenarios[] = {
    PLAY(writes_on_their_side_of_an_empty_barrier__clean, CLEAN),
    PLAY(write_ahead_of_an_empty_barrier__the_one_before_it_is_late, DATA_006),
    PLAY(part_of_a_write_behind_an_empty_barrier__fires, DATA_006),
    PLAY(empty_barrier_answered_before_the_write_before_it__fires, DATA_006),
    PLAY(empty_barrier_that_failed__holds_nobody_up, CLEAN),
    PLAY(writes_on_their_side_of_a_barrier__clean, CLEAN),
    PLAY(barrier_and_a_read__in_any_order_clean, CLEAN),
    PLAY(write_ahead_of_the_barrier_before_it__fires, DATA_006),
    PLAY(write_behind_the_barrier_after_it__fires, DATA_006),
    PLAY(barriers_in_a_row_swapped__fires, DATA_006),
    PLAY(barrier_that_failed_unwritten__holds_nobody_up, CLEAN),
    PLAY(segments_in_order__clean, CLEAN),
    PLAY(segments_in_disorder_and_in_parts__clean, CLEAN),
    PLAY(sector_before__fires, DATA_003),
    PLAY(sector_behind__fires, DATA_003),
    PLAY(longer_than_its_segment__fires, DATA_003),
    PLAY(wrong_direction__fires, DATA_003),
    PLAY(wrong_page__fires, DATA_003),
    PLAY(wrong_place_in_the_page__fires, DATA_003),
    PLAY(nothing_in_flight__fires, DATA_003),
    PLAY(answered_already__fires, DATA_003),
    PLAY(indirect_of_200__clean, CLEAN),
    PLAY(indirect_one_segment_too_many__fires, DATA_003),
    PLAY(indirect_not_seen__clean, CLEAN),
    PLAY(backend_that_copies__clean, CLEAN),
    PLAY(read_only_disk_written__fires, DATA_004),
    PLAY(read_only_by_its_own_word_written__fires, DATA_004),
    PLAY(read_only_disk_read_and_flushed__clean, CLEAN),
    PLAY(writable_disk_written__clean, CLEAN),
    PLAY(whole_blocks__clean, CLEAN),
    PLAY(first_sector_within_a_block__fires, DATA_003),
    PLAY(last_sector_within_a_block__fires, DATA_003),
    PLAY(part_of_a_block_discarded__fires, DATA_003),
    PLAY(discard_of_what_is_asked__clean, CLEAN),
    PLAY(discard_of_a_part__clean, CLEAN),
    PLAY(discard_before__fires, DATA_003),
    PLAY(discard_behind__fires, DATA_003),
    PLAY(read_only_disk_discarded__fires, DATA_004),
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
