/* SPDX-License-Identifier: MIT */
/* Does the checker know which I/O a failed response belongs to, and what may still become of it? */
#include "oracle/test_events.h"

enum { READ = 0, WRITE = 1, FLUSH = 2, BARRIER = 3, OKAY = 0, ERROR = -1, EOPNOTSUPP = -2 };

static void begin(struct bench *t)
{
    t->config.judged = WRG_JUDGE_FRONT;
    t->config.honest_front = true;
    t->config.honest_back = false;
    bench_begin(t);
    connect_ring(t);
}

static void submit(struct bench *t, uint32_t tag, uint8_t op, uint64_t sector, uint64_t nsectors)
{
    emit(t, .kind = WRG_EV_BLK_SUBMIT, .role = FRONT, .a = tag, .b = op, .c = sector,
         .d = nsectors);
}

static void complete(struct bench *t, uint32_t tag, int error)
{
    emit(t, .kind = WRG_EV_BLK_COMPLETE, .role = FRONT, .a = tag, .b = (uint32_t)error);
}

/* The frontend reads a response. */
static void take(struct bench *t, uint32_t position, struct answer answer)
{
    const struct wrg_blkif_response response = { .id = answer.id,
                                                 .operation = answer.operation,
                                                 .status = answer.status };
    uint8_t slot[WRG_BLKIF_MAX_RESPONSE_BYTES] = { 0 };

    wrg_wire_put_response(&response, slot);
    load(t, slot_at(t, FRONT, position), slot, 12);
}

/* A request of one segment, answered, and the answer read. Ids are positions. */
static void serve(struct bench *t, uint32_t position, uint8_t operation, uint64_t sector,
                  int16_t status)
{
    struct wrg_blkif_request request = rw(operation, position, sector, 1);
    struct answer answer = { .id = position, .operation = operation, .status = status };

    ask(t, position, &request);
    reply(t, position, answer);
    take(t, position, answer);
}

static void failed_and_reported_so__clean(struct bench *t)
{
    begin(t);
    submit(t, 1, READ, 8, 8);
    serve(t, 0, READ, 8, ERROR);
    complete(t, 1, -5);
}

static void failed_and_reported_done__fires(struct bench *t)
{
    begin(t);
    submit(t, 1, READ, 8, 8);
    serve(t, 0, READ, 8, ERROR);
    QUIETLY(t);
    complete(t, 1, 0);
}

static void another_request_was_named_before__not_judged(struct bench *t)
{
    begin(t);
    submit(t, 1, READ, 8, 8);
    submit(t, 2, READ, 0, 8);
    struct wrg_blkif_request request = rw(READ, 0, 0, 1);
    ask(t, 0, &request);
    reply(t, 0, (struct answer){ .id = 31, .operation = READ, .status = OKAY });
    serve(t, 1, READ, 8, ERROR);
    complete(t, 1, 0);
}

static void with_a_status_of_no_name__fires(struct bench *t)
{
    begin(t);
    submit(t, 1, WRITE, 8, 8);
    serve(t, 0, WRITE, 8, 77);
    QUIETLY(t);
    complete(t, 1, 0);
}

static void one_part_of_several__fires(struct bench *t)
{
    begin(t);
    submit(t, 1, WRITE, 8, 24);
    serve(t, 0, WRITE, 8, OKAY);
    serve(t, 1, WRITE, 16, ERROR);
    serve(t, 2, WRITE, 24, OKAY);
    QUIETLY(t);
    complete(t, 1, 0);
}

static void where_both_ends_are_followed__fires(struct bench *t)
{
    t->config.judged = WRG_JUDGE_FRONT | WRG_JUDGE_BACK;
    t->config.honest_front = t->config.disk_errors = true;
    bench_begin(t);
    connect_ring(t);
    submit(t, 1, READ, 8, 8);
    struct wrg_blkif_request request = rw(READ, 0, 8, 1);
    ask(t, 0, &request);
    emit(t, .kind = WRG_EV_DISK_DONE, .role = BACK, .a = 1, .b = (uint32_t)-5);
    reply(t, 0, (struct answer){ .status = ERROR });
    take(t, 0, (struct answer){ .status = ERROR });
    QUIETLY(t);
    complete(t, 1, 0);
}

static void asked_once_more_and_done__clean(struct bench *t)
{
    begin(t);
    submit(t, 1, WRITE, 8, 8);
    serve(t, 0, WRITE, 8, ERROR);
    serve(t, 1, WRITE, 8, OKAY);
    complete(t, 1, 0);
}

static void another_io_in_flight_there__not_judged(struct bench *t)
{
    begin(t);
    submit(t, 1, READ, 8, 8);
    submit(t, 2, READ, 0, 16);
    serve(t, 0, READ, 8, ERROR);
    complete(t, 1, 0);
    complete(t, 2, -5);
}

static void another_io_elsewhere__its_own_business(struct bench *t)
{
    begin(t);
    submit(t, 1, READ, 8, 8);
    submit(t, 2, READ, 16, 8);
    submit(t, 3, WRITE, 8, 8);
    serve(t, 0, READ, 8, ERROR);
    complete(t, 2, 0);
    complete(t, 3, 0);
    QUIETLY(t);
    complete(t, 1, 0);
}

static void published_but_not_read__clean(struct bench *t)
{
    struct wrg_blkif_request request = rw(READ, 0, 8, 1);

    begin(t);
    submit(t, 1, READ, 8, 8);
    ask(t, 0, &request);
    reply(t, 0, (struct answer){ .status = ERROR });
    complete(t, 1, 0);
}

static void changed_before_it_is_read__clean(struct bench *t)
{
    struct wrg_blkif_request request = rw(READ, 0, 8, 1);

    begin(t);
    submit(t, 1, READ, 8, 8);
    ask(t, 0, &request);
    reply(t, 0, (struct answer){ .status = ERROR });
    take(t, 0, (struct answer){ .status = OKAY });
    complete(t, 1, 0);
}

static void ring_is_gone_meanwhile__clean(struct bench *t)
{
    begin(t);
    submit(t, 1, READ, 8, 8);
    serve(t, 0, READ, 8, ERROR);
    connect_ring(t);
    complete(t, 1, 0);
}

static void flush_without_a_cache__may_be_reported_done(struct bench *t)
{
    struct wrg_blkif_request request = { .operation = WRG_BLKIF_OP_FLUSH_DISKCACHE };
    struct answer answer = { .operation = WRG_BLKIF_OP_FLUSH_DISKCACHE, .status = ERROR };

    begin(t);
    submit(t, 1, FLUSH, 0, 0);
    ask(t, 0, &request);
    reply(t, 0, answer);
    take(t, 0, answer);
    complete(t, 1, 0);
}

static void barrier(struct bench *t, int16_t status)
{
    struct answer answer = { .operation = WRG_BLKIF_OP_WRITE_BARRIER, .status = status };
    struct wrg_blkif_request request = rw(WRG_BLKIF_OP_WRITE_BARRIER, 0, 8, 1);

    begin(t);
    submit(t, 1, BARRIER, 8, 8);
    ask(t, 0, &request);
    reply(t, 0, answer);
    take(t, 0, answer);
    QUIETLY(t);
    complete(t, 1, 0);
}

static void barrier_that_failed__fires(struct bench *t)
{
    barrier(t, ERROR);
}

static void barrier_that_is_not_supported_after_all__not_judged(struct bench *t)
{
    barrier(t, EOPNOTSUPP);
}

static void frontend_that_is_not_judged__clean(struct bench *t)
{
    begin(t);
    t->config.judged = 0;
    bench_begin(t);
    connect_ring(t);
    submit(t, 1, READ, 8, 8);
    serve(t, 0, READ, 8, ERROR);
    complete(t, 1, 0);
}

/* What the backend reads is not what the frontend wrote. */
static void request_was_written_over__not_judged(struct bench *t)
{
    struct span at;

    begin(t);
    submit(t, 1, READ, 8, 8);
    at = slot_at(t, BACK, 0);
    at.off += 20;
    at.site = WRG_EVENT_SITE_SCRIPT;
    store(t, at, "over", 4);
    serve(t, 0, READ, 8, ERROR);
    complete(t, 1, 0);
}

static const struct scenario scenarios[] = {
    PLAY(failed_and_reported_so__clean, CLEAN),
    PLAY(failed_and_reported_done__fires, DATA_007),
    PLAY(another_request_was_named_before__not_judged, CLEAN),
    PLAY(with_a_status_of_no_name__fires, DATA_007),
    PLAY(one_part_of_several__fires, DATA_007),
    PLAY(where_both_ends_are_followed__fires, DATA_007),
    PLAY(asked_once_more_and_done__clean, CLEAN),
    PLAY(another_io_in_flight_there__not_judged, CLEAN),
    PLAY(another_io_elsewhere__its_own_business, DATA_007),
    PLAY(published_but_not_read__clean, CLEAN),
    PLAY(changed_before_it_is_read__clean, CLEAN),
    PLAY(ring_is_gone_meanwhile__clean, CLEAN),
    PLAY(flush_without_a_cache__may_be_reported_done, CLEAN),
    PLAY(barrier_that_failed__fires, DATA_007),
    PLAY(barrier_that_is_not_supported_after_all__not_judged, CLEAN),
    PLAY(frontend_that_is_not_judged__clean, CLEAN),
    PLAY(request_was_written_over__not_judged, CLEAN),
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
