/* SPDX-License-Identifier: MIT */
/* Does the checker know what a power cut may leave of a sector, and what it must? */
#include "oracle/test_events.h"

enum { WRITE = 1, FLUSH = 2, BARRIER = 3 };

static void begin_volatile(struct bench *t)
{
    t->config.honest_front = t->config.volatile_cache = true;
    bench_begin(t);
    connect_ring(t);
}

static void submit_at(struct bench *t, uint32_t tag, uint8_t op, uint64_t sector, uint64_t digest)
{
    bool data = op == WRITE || op == BARRIER;

    emit(t, .kind = WRG_EV_BLK_SUBMIT, .role = FRONT, .a = tag, .b = op, .c = sector, .d = data);
    if (data)
        emit_bytes(
            t,
            (struct spec){ .kind = WRG_EV_BLK_DATA, .role = FRONT, .a = tag, .b = op, .c = sector },
            &digest, sizeof(digest));
}

static void submit(struct bench *t, uint32_t tag, uint8_t op, uint64_t digest)
{
    submit_at(t, tag, op, 8, digest);
}

static void complete(struct bench *t, uint32_t tag, int error)
{
    emit(t, .kind = WRG_EV_BLK_COMPLETE, .role = FRONT, .a = tag, .b = (uint32_t)error);
}

static void write(struct bench *t, uint32_t tag, uint64_t digest)
{
    submit(t, tag, WRITE, digest);
    complete(t, tag, 0);
}

/* `answered`: there is a request on the ring for it. */
static void flush(struct bench *t, uint32_t tag, bool answered)
{
    submit(t, tag, FLUSH, 0);
    t->o->durable.answers += answered;
    complete(t, tag, 0);
}

/* `answered`: the backend has said that it has done it. */
static void barrier(struct bench *t, uint32_t tag, uint64_t digest, bool answered)
{
    submit(t, tag, BARRIER, digest);
    t->o->durable.answers += answered;
    t->o->durable.barriers += answered;
    complete(t, tag, 0);
}

static void left(struct bench *t, uint64_t sector, uint64_t digest)
{
    emit_bytes(t, (struct spec){ .kind = WRG_EV_DISK_LEFT, .role = BACK, .c = sector }, &digest,
               sizeof(digest));
}

static void cut(struct bench *t, uint64_t digest)
{
    left(t, 8, digest);
    emit(t, .kind = WRG_EV_DISK_CUT, .role = BACK, .a = 1);
}

static void flushed_and_there__clean(struct bench *t)
{
    begin_volatile(t);
    write(t, 1, 100);
    flush(t, 2, true);
    cut(t, 100);
}

static void flushed_and_lost__fires(struct bench *t)
{
    begin_volatile(t);
    write(t, 1, 100);
    flush(t, 2, true);
    QUIETLY(t);
    cut(t, 0);
}

static void not_flushed_and_lost__clean(struct bench *t)
{
    begin_volatile(t);
    write(t, 1, 100);
    cut(t, 0);
}

static void flush_that_nobody_answered__promises_nothing(struct bench *t)
{
    begin_volatile(t);
    write(t, 1, 100);
    flush(t, 2, false);
    cut(t, 0);
}

static void flush_that_failed__promises_nothing(struct bench *t)
{
    begin_volatile(t);
    write(t, 1, 100);
    submit(t, 2, FLUSH, 0);
    t->o->durable.answers++;
    complete(t, 2, -5);
    cut(t, 0);
}

static void written_since(struct bench *t, uint64_t found)
{
    begin_volatile(t);
    write(t, 1, 100);
    flush(t, 2, true);
    write(t, 3, 200);
    write(t, 4, 300);
    cut(t, found);
}

static void written_since_and_the_flushed_is_left__clean(struct bench *t)
{
    written_since(t, 100);
}

static void written_since_and_the_first_of_it_is_left__clean(struct bench *t)
{
    written_since(t, 200);
}

static void written_since_and_the_newest_is_left__clean(struct bench *t)
{
    written_since(t, 300);
}

static void older_than_the_flushed_is_left__fires(struct bench *t)
{
    begin_volatile(t);
    write(t, 1, 50);
    write(t, 2, 100);
    flush(t, 3, true);
    write(t, 4, 200);
    QUIETLY(t);
    cut(t, 50);
}

static void write_that_ends_after_the_flush_began__may_be_lost(struct bench *t)
{
    begin_volatile(t);
    submit(t, 1, WRITE, 100);
    submit(t, 2, FLUSH, 0);
    complete(t, 1, 0);
    t->o->durable.answers++;
    complete(t, 2, 0);
    cut(t, 0);
}

static void failed_write_after_the_flush__may_be_left(struct bench *t)
{
    begin_volatile(t);
    write(t, 1, 100);
    flush(t, 2, true);
    submit(t, 3, WRITE, 200);
    complete(t, 3, -5);
    cut(t, 200);
}

static void flushed_writes_that_overlapped__either_clean(struct bench *t)
{
    begin_volatile(t);
    submit(t, 1, WRITE, 100);
    submit(t, 2, WRITE, 200);
    complete(t, 1, 0);
    complete(t, 2, 0);
    flush(t, 3, true);
    cut(t, 100);
}

static void left_by_one_cut_and_lost_by_the_next__fires(struct bench *t)
{
    begin_volatile(t);
    write(t, 1, 100);
    cut(t, 100);
    QUIETLY(t);
    cut(t, 0);
}

static void survived_unseen_and_lost_by_the_next__fires(struct bench *t)
{
    begin_volatile(t);
    write(t, 1, 100);
    emit(t, .kind = WRG_EV_DISK_CUT, .role = BACK);
    QUIETLY(t);
    cut(t, 0);
}

static void more_versions_than_room__not_judged(struct bench *t)
{
    begin_volatile(t);
    write(t, 1, 100);
    flush(t, 2, true);
    for (uint32_t i = 0; i < WRG_DURABLE_VERSIONS; i++)
        emit_bytes(t,
                   (struct spec){
                       .kind = WRG_EV_BLK_DATA, .role = FRONT, .a = 3, .b = WRITE, .c = 1000 + i },
                   &(uint64_t){ i }, sizeof(uint64_t));
    assert_int_equal(wrg_oracles_forgotten(t->o) > 0, true);
    cut(t, 0);
}

static void no_volatile_cache__not_followed(struct bench *t)
{
    t->config.honest_front = true;
    bench_begin(t);
    connect_ring(t);
    write(t, 1, 100);
    flush(t, 2, true);
    cut(t, 0);
}

static void barrier_done_and_there__clean(struct bench *t)
{
    begin_volatile(t);
    write(t, 1, 100);
    barrier(t, 2, 200, true);
    cut(t, 200);
}

static void barrier_done_and_lost__fires(struct bench *t)
{
    begin_volatile(t);
    write(t, 1, 100);
    barrier(t, 2, 200, true);
    QUIETLY(t);
    cut(t, 100);
}

static void barrier_that_nobody_answered__promises_nothing(struct bench *t)
{
    begin_volatile(t);
    write(t, 1, 100);
    barrier(t, 2, 200, false);
    cut(t, 100);
}

static void barrier_answered_by_a_flush__promises_nothing_of_itself(struct bench *t)
{
    begin_volatile(t);
    write(t, 1, 100);
    submit(t, 2, BARRIER, 200);
    t->o->durable.answers++;
    complete(t, 2, 0);
    cut(t, 100);
}

/* A write to sector 8 that is done, then a barrier to sector 24 that the power interrupts. */
static void interrupt_barrier(struct bench *t)
{
    begin_volatile(t);
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/feature-barrier", "1");
    write(t, 1, 100);
    submit_at(t, 2, BARRIER, 24, 200);
    complete(t, 2, -5);
}

static void barrier_left_but_not_the_write_before_it__fires(struct bench *t)
{
    interrupt_barrier(t);
    left(t, 24, 200);
    QUIETLY(t);
    cut(t, 0);
}

static void barrier_left_and_the_write_before_it__clean(struct bench *t)
{
    interrupt_barrier(t);
    left(t, 24, 200);
    cut(t, 100);
}

static void barrier_lost_and_the_write_before_it__clean(struct bench *t)
{
    interrupt_barrier(t);
    left(t, 24, 0);
    cut(t, 0);
}

static void barrier_left_but_not_a_write_beside_it__clean(struct bench *t)
{
    begin_volatile(t);
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/feature-barrier", "1");
    submit(t, 1, WRITE, 100);
    submit_at(t, 2, BARRIER, 24, 200);
    complete(t, 1, 0);
    complete(t, 2, -5);
    left(t, 24, 200);
    cut(t, 0);
}

static void barrier_left_and_what_was_written_over_since__clean(struct bench *t)
{
    begin_volatile(t);
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/feature-barrier", "1");
    write(t, 1, 100);
    submit_at(t, 2, BARRIER, 24, 200);
    write(t, 3, 300);
    complete(t, 2, -5);
    left(t, 24, 200);
    cut(t, 300);
}

static void barrier_not_offered__no_order(struct bench *t)
{
    begin_volatile(t);
    write(t, 1, 100);
    submit_at(t, 2, BARRIER, 24, 200);
    complete(t, 2, -5);
    left(t, 24, 200);
    cut(t, 0);
}

static const struct scenario scenarios[] = {
    PLAY(barrier_left_but_not_the_write_before_it__fires, DATA_006),
    PLAY(barrier_left_and_the_write_before_it__clean, CLEAN),
    PLAY(barrier_lost_and_the_write_before_it__clean, CLEAN),
    PLAY(barrier_left_but_not_a_write_beside_it__clean, CLEAN),
    PLAY(barrier_left_and_what_was_written_over_since__clean, CLEAN),
    PLAY(barrier_not_offered__no_order, CLEAN),
    PLAY(barrier_done_and_there__clean, CLEAN),
    PLAY(barrier_done_and_lost__fires, DATA_002),
    PLAY(barrier_that_nobody_answered__promises_nothing, CLEAN),
    PLAY(barrier_answered_by_a_flush__promises_nothing_of_itself, CLEAN),
    PLAY(flushed_and_there__clean, CLEAN),
    PLAY(flushed_and_lost__fires, DATA_002),
    PLAY(not_flushed_and_lost__clean, CLEAN),
    PLAY(flush_that_nobody_answered__promises_nothing, CLEAN),
    PLAY(flush_that_failed__promises_nothing, CLEAN),
    PLAY(written_since_and_the_flushed_is_left__clean, CLEAN),
    PLAY(written_since_and_the_first_of_it_is_left__clean, CLEAN),
    PLAY(written_since_and_the_newest_is_left__clean, CLEAN),
    PLAY(older_than_the_flushed_is_left__fires, DATA_002),
    PLAY(write_that_ends_after_the_flush_began__may_be_lost, CLEAN),
    PLAY(failed_write_after_the_flush__may_be_left, CLEAN),
    PLAY(flushed_writes_that_overlapped__either_clean, CLEAN),
    PLAY(left_by_one_cut_and_lost_by_the_next__fires, DATA_002),
    PLAY(survived_unseen_and_lost_by_the_next__fires, DATA_002),
    PLAY(more_versions_than_room__not_judged, CLEAN),
    PLAY(no_volatile_cache__not_followed, CLEAN),
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
