/* SPDX-License-Identifier: MIT */
/* Does the model of validation know which status a request deserves, and when it cannot know? */
#include "oracle/test_events.h"

enum { OKAY = WRG_BLKIF_RSP_OKAY, ERROR = WRG_BLKIF_RSP_ERROR, NOTSUPP = WRG_BLKIF_RSP_EOPNOTSUPP };
enum { R = WRG_BLKIF_OP_READ, W = WRG_BLKIF_OP_WRITE };

struct claim { /* a request, the world it comes to, and the statuses that are right */
    const char *name;
    uint8_t operation, inner;
    uint16_t nseg;
    uint64_t sector;
    uint8_t first, last; /* of the last segment; 0, 0 stands for 0, 7 */
    bool readonly;
    uint32_t indirect_max; /* 0: the default, 1024 */
    uint16_t block_bytes;  /* 0: 512 */
    uint8_t counting;      /* enum wrg_counting */
    bool okay, error, notsupp;
};

static const struct claim claims[] = {
    { "read", R, 0, 1, 8, .okay = true },
    { "read of eleven", R, 0, 11, 8, .okay = true },
    { "read of twelve", R, 0, 12, 8, .error = true },
    { "read of none", R, 0, 0, 8, .error = true },
    { "read of 255", R, 0, 255, 8, .error = true },
    { "read of the last sectors", R, 0, 1, 2040, .okay = true },
    { "read over the end", R, 0, 1, 2041, .error = true },
    { "read from beyond", R, 0, 1, 2049, .error = true },
    { "read that wraps", R, 0, 1, UINT64_MAX - 3, .error = true },
    { "last sector of a page", R, 0, 1, 8, 7, 7, .okay = true },
    { "sector eight of a page", R, 0, 1, 8, 0, 8, .error = true },
    { "first behind last", R, 0, 2, 8, 3, 2, .error = true },
    { "read of a read-only disk", R, 0, 1, 8, .readonly = true, .okay = true },
    { "write", W, 0, 1, 8, .okay = true },
    { "write to a read-only disk", W, 0, 1, 8, .readonly = true, .error = true },
    { "barrier", WRG_BLKIF_OP_WRITE_BARRIER, 0, 1, 8, .notsupp = true },
    { "discard", WRG_BLKIF_OP_DISCARD, 0, 0, 8, .notsupp = true },
    { "barrier of twelve", WRG_BLKIF_OP_WRITE_BARRIER, 0, 12, 8, .error = true, .notsupp = true },
    { "discard from beyond", WRG_BLKIF_OP_DISCARD, 0, 0, 2049, .error = true, .notsupp = true },
    { "discard of a read-only disk", WRG_BLKIF_OP_DISCARD, 0, 0, 8, .readonly = true, .error = true,
      .notsupp = true },
    { "reserved", WRG_BLKIF_OP_RESERVED_1, 0, 0, 8, .notsupp = true },
    { "unknown", 200, 0, 0, 8, .notsupp = true },
    { "flush", WRG_BLKIF_OP_FLUSH_DISKCACHE, 0, 0, 0, .okay = true, .notsupp = true },
    { "flush with a segment", WRG_BLKIF_OP_FLUSH_DISKCACHE, 0, 1, 0, .okay = true, .error = true,
      .notsupp = true },
    { "indirect", WRG_BLKIF_OP_INDIRECT, R, 1, 8, .okay = true },
    { "indirect of a page", WRG_BLKIF_OP_INDIRECT, W, 200, 8, .okay = true },
    { "indirect of the maximum", WRG_BLKIF_OP_INDIRECT, R, 255, 8, .indirect_max = 255,
      .okay = true },
    { "indirect beyond the maximum", WRG_BLKIF_OP_INDIRECT, R, 256, 8, .indirect_max = 255,
      .error = true },
    { "indirect of none", WRG_BLKIF_OP_INDIRECT, R, 0, 8, .error = true },
    { "indirect beyond the protocol", WRG_BLKIF_OP_INDIRECT, R, 4097, 8, .indirect_max = 65535,
      .error = true },
    { "indirect not offered", WRG_BLKIF_OP_INDIRECT, R, 1, 8, .indirect_max = WRG_ABSENT,
      .notsupp = true },
    { "indirect flush", WRG_BLKIF_OP_INDIRECT, WRG_BLKIF_OP_FLUSH_DISKCACHE, 1, 8, .error = true },
    { "indirect indirect", WRG_BLKIF_OP_INDIRECT, WRG_BLKIF_OP_INDIRECT, 1, 8, .error = true },
    { "indirect over the end", WRG_BLKIF_OP_INDIRECT, R, 255, 9, .error = true },
    { "block of a page", R, 0, 2, 8, .block_bytes = 4096, .okay = true },
    { "off a block", R, 0, 2, 12, .block_bytes = 4096, .error = true },
    { "part of a block", W, 0, 2, 8, 0, 3, .block_bytes = 4096, .error = true },
    { "block anywhere in its page", W, 0, 1, 8, 3, 6, .block_bytes = 2048, .okay = true },
    { "block across the end of a page", W, 0, 1, 8, 5, 8, .block_bytes = 2048, .error = true },
    { "indirect off a block", WRG_BLKIF_OP_INDIRECT, R, 20, 4, .block_bytes = 4096, .error = true },
    { "number in blocks", R, 0, 1, 255, .block_bytes = 4096, .counting = WRG_COUNTS_NUMBER,
      .okay = true },
    { "number in blocks, beyond the end", R, 0, 1, 256, .block_bytes = 4096,
      .counting = WRG_COUNTS_NUMBER, .error = true },
    { "number in blocks whose sectors wrap", R, 0, 1, UINT64_C(1) << 61, .block_bytes = 4096,
      .counting = WRG_COUNTS_NUMBER, .error = true },
    { "sector in sectors of a disk counted in blocks", R, 0, 1, 2040, .block_bytes = 4096,
      .counting = WRG_COUNTS_NODE, .okay = true },
    { "segment in blocks", R, 0, 1, 255, 0, 1, .block_bytes = 2048, .counting = WRG_COUNTS_ALL,
      .okay = true },
    { "segment in blocks beyond its page", R, 0, 1, 255, 1, 2, .block_bytes = 2048,
      .counting = WRG_COUNTS_ALL, .error = true },
    { "segment of sectors counted in blocks", R, 0, 1, 8, .block_bytes = 2048,
      .counting = WRG_COUNTS_ALL, .error = true },
    { "indirect segments in sectors, counted in blocks", WRG_BLKIF_OP_INDIRECT, R, 20, 8,
      .block_bytes = 4096, .counting = WRG_COUNTS_ALL, .error = true },
    { "indirect write to a read-only disk", WRG_BLKIF_OP_INDIRECT, W, 1, 8, .readonly = true,
      .error = true },
};

static struct wrg_blkif_request request_of(const struct claim *claim)
{
    struct wrg_blkif_request request = rw(claim->operation, 7, claim->sector, claim->nseg);

    if (claim->operation == WRG_BLKIF_OP_INDIRECT)
        return indirect(claim->inner, 7, claim->sector, claim->nseg);
    if (claim->last && claim->nseg) {
        request.seg[claim->nseg - 1].first_sect = claim->first;
        request.seg[claim->nseg - 1].last_sect = claim->last;
    }
    return request;
}

static void open_world(struct bench *t, const struct claim *claim)
{
    bench_config(t);
    t->config.readonly = claim->readonly;
    t->config.units = wrg_units_of(claim->counting, claim->block_bytes ? claim->block_bytes : 512u);
    if (claim->indirect_max)
        t->config.indirect_max = claim->indirect_max;
    bench_begin(t);
    connect_ring(t);
}

/* All that a backend does before it succeeds. */
static void do_work(struct bench *t, const struct wrg_blkif_request *request)
{
    bool through_pages = request->operation == WRG_BLKIF_OP_INDIRECT;
    uint32_t base = through_pages ? 1000 : 20;
    uint32_t n = through_pages ? request->nr_segments : wrg_wire_direct_count(request->nr_segments);

    if (through_pages && n && n <= 512)
        parse_page(t, 0, n);
    for (uint32_t i = 0; i < n && n <= 512; i++) {
        map(t, base + i);
        unmap(t, base + i);
    }
}

static void expect_status(struct bench *t, const struct claim *claim, int16_t status, bool right)
{
    struct wrg_blkif_request request = request_of(claim);
    bool unoffered = claim->indirect_max == WRG_ABSENT;
    uint8_t echo =
        claim->operation == WRG_BLKIF_OP_INDIRECT && !unoffered ? claim->inner : claim->operation;

    open_world(t, claim);
    ask(t, 0, &request);
    if (!unoffered)
        do_work(t, &request);
    QUIETLY(t);
    reply(t, 0, (struct answer){ .id = 7, .operation = echo, .status = status });
    if (t->trace.finding.rule != (right ? WRG_RULE_CLEAN : WRG_RULE_RING_006))
        fail_msg("%s, status %d: %s: %s", claim->name, status, wrg_rule_id(t->trace.finding.rule),
                 t->trace.finding.detail);
}

static void requests_of_all_kinds__status_judged(void **state)
{
    struct bench *t = *state;

    for (size_t i = 0; i < WRG_ARRAY_LEN(claims); i++) {
        const struct claim *claim = &claims[i];
        expect_status(t, claim, OKAY, claim->okay);
        expect_status(t, claim, ERROR, claim->error);
        expect_status(t, claim, NOTSUPP, claim->notsupp);
        expect_status(t, claim, 1, false);
        expect_status(t, claim, -3, false);
    }
}

/* ---- evidence that excuses ---- */

static void ask_read(struct bench *t)
{
    struct wrg_blkif_request request = rw(R, 7, 8, 1);

    connect_ring(t);
    ask(t, 0, &request);
}

static void answer(struct bench *t, int16_t status)
{
    reply(t, 0, (struct answer){ .id = 7, .status = status });
}

static void valid_fails_after_a_failed_map__clean(struct bench *t)
{
    ask_read(t);
    map_status(t, 20, -1);
    answer(t, ERROR);
}

static void succeeds_after_a_failed_map__fires(struct bench *t)
{
    ask_read(t);
    map_status(t, 20, -1);
    answer(t, OKAY);
}

static void succeeds_without_a_map__fires(struct bench *t)
{
    ask_read(t);
    answer(t, OKAY);
}

static void succeeds_by_copy__clean(struct bench *t)
{
    ask_read(t);
    emit(t, .kind = WRG_EV_COPY, .role = BACK, .a = 1, .b = 20, .c = 4096);
    answer(t, OKAY);
}

static void valid_fails_after_a_disk_error__clean(struct bench *t)
{
    ask_read(t);
    emit(t, .kind = WRG_EV_DISK_DONE, .role = BACK, .a = 1, .b = (uint32_t)-5);
    answer(t, ERROR);
}

static void valid_fails_after_a_fault__clean(struct bench *t)
{
    ask_read(t);
    emit(t, .kind = WRG_EV_FAULT, .role = BACK);
    answer(t, ERROR);
}

static void valid_fails_after_an_old_fault__fires(struct bench *t)
{
    emit(t, .kind = WRG_EV_FAULT, .role = BACK);
    ask_read(t);
    answer(t, ERROR);
}

static void valid_fails_while_closing__clean(struct bench *t)
{
    ask_read(t);
    change(t, FRONT, "/local/domain/1/device/vbd/51712/state", "5");
    answer(t, ERROR);
}

static void invalid_succeeds_after_a_fault__fires(struct bench *t)
{
    struct wrg_blkif_request request = rw(R, 7, 8, 0);

    connect_ring(t);
    ask(t, 0, &request);
    emit(t, .kind = WRG_EV_FAULT, .role = BACK);
    answer(t, OKAY);
}

static void valid_fails_with_segments_unseen__clean(struct bench *t)
{
    struct wrg_blkif_request request = indirect(R, 7, 8, 100);

    connect_ring(t);
    ask(t, 0, &request);
    reply(t, 0, (struct answer){ .id = 7, .operation = R, .status = ERROR });
}

static void ask_honestly(struct bench *t, uint64_t sector)
{
    struct wrg_blkif_request request = indirect(R, 7, sector, 100);

    t->config.honest_front = true;
    bench_begin(t);
    connect_ring(t);
    ask(t, 0, &request);
    reply(t, 0, (struct answer){ .id = 7, .operation = R, .status = ERROR });
}

static void honest_one_fails_with_segments_unseen__fires(struct bench *t)
{
    ask_honestly(t, 8);
}

static void honest_one_that_may_end_beyond_fails__clean(struct bench *t)
{
    ask_honestly(t, 2048 - 100);
}

static void valid_fails_with_a_twin_in_flight__clean(struct bench *t)
{
    struct wrg_blkif_request request = rw(R, 7, 8, 1);

    ask_read(t);
    ask(t, 1, &request);
    answer(t, ERROR);
}

static void ask_barrier(struct bench *t, uint32_t nseg, int16_t status)
{
    struct wrg_blkif_request request = rw(WRG_BLKIF_OP_WRITE_BARRIER, 7, 8, nseg);

    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/feature-barrier", "1");
    connect_ring(t);
    ask(t, 0, &request);
    reply(t, 0,
          (struct answer){ .id = 7, .operation = WRG_BLKIF_OP_WRITE_BARRIER, .status = status });
}

static void empty_barrier_offered__clean(struct bench *t)
{
    ask_barrier(t, 0, OKAY);
}

static void barrier_offered_and_refused__fires(struct bench *t)
{
    ask_barrier(t, 1, NOTSUPP);
}

static void barrier_offered_and_nothing_mapped__fires(struct bench *t)
{
    ask_barrier(t, 1, OKAY);
}

static void barrier_offered_and_too_long__fires(struct bench *t)
{
    ask_barrier(t, 12, OKAY);
}

/* In whole granules, or not. */
static void ask_discard(struct bench *t, uint64_t nsectors, int16_t status)
{
    struct wrg_blkif_request request = {
        .operation = WRG_BLKIF_OP_DISCARD, .id = 7, .sector_number = 8, .nr_sectors = nsectors
    };

    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/feature-discard", "1");
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/discard-granularity", "4096");
    connect_ring(t);
    ask(t, 0, &request);
    reply(t, 0, (struct answer){ .id = 7, .operation = WRG_BLKIF_OP_DISCARD, .status = status });
}

static void discard_offered__clean(struct bench *t)
{
    ask_discard(t, 2040, OKAY);
}

static void discard_offered_and_refused__fires(struct bench *t)
{
    ask_discard(t, 8, NOTSUPP);
}

static void discard_of_whole_granules_fails__fires(struct bench *t)
{
    ask_discard(t, 8, ERROR);
}

static void discard_of_a_part_fails__clean(struct bench *t)
{
    ask_discard(t, 9, ERROR);
}

static void discard_of_nothing_fails__clean(struct bench *t)
{
    ask_discard(t, 0, ERROR);
}

static void discard_over_the_end__fires(struct bench *t)
{
    ask_discard(t, 2041, OKAY);
}

static void discard_that_wraps__fires(struct bench *t)
{
    ask_discard(t, UINT64_MAX, OKAY);
}

static void flush_offered_and_refused__fires(struct bench *t)
{
    struct wrg_blkif_request request = rw(WRG_BLKIF_OP_FLUSH_DISKCACHE, 7, 0, 0);

    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/feature-flush-cache", "1");
    connect_ring(t);
    ask(t, 0, &request);
    reply(t, 0,
          (struct answer){ .id = 7, .operation = WRG_BLKIF_OP_FLUSH_DISKCACHE, .status = NOTSUPP });
}

static const struct scenario scenarios[] = {
    PLAY(valid_fails_after_a_failed_map__clean, CLEAN),
    PLAY(succeeds_after_a_failed_map__fires, RING_006),
    PLAY(succeeds_without_a_map__fires, RING_006),
    PLAY(succeeds_by_copy__clean, CLEAN),
    PLAY(valid_fails_after_a_disk_error__clean, CLEAN),
    PLAY(valid_fails_after_a_fault__clean, CLEAN),
    PLAY(valid_fails_after_an_old_fault__fires, RING_006),
    PLAY(valid_fails_while_closing__clean, CLEAN),
    PLAY(invalid_succeeds_after_a_fault__fires, RING_006),
    PLAY(valid_fails_with_segments_unseen__clean, CLEAN),
    PLAY(honest_one_fails_with_segments_unseen__fires, RING_006),
    PLAY(honest_one_that_may_end_beyond_fails__clean, CLEAN),
    PLAY(valid_fails_with_a_twin_in_flight__clean, CLEAN),
    PLAY(empty_barrier_offered__clean, CLEAN),
    PLAY(barrier_offered_and_refused__fires, RING_006),
    PLAY(barrier_offered_and_nothing_mapped__fires, RING_006),
    PLAY(barrier_offered_and_too_long__fires, RING_006),
    PLAY(discard_offered__clean, CLEAN),
    PLAY(discard_offered_and_refused__fires, RING_006),
    PLAY(discard_of_whole_granules_fails__fires, RING_006),
    PLAY(discard_of_a_part_fails__clean, CLEAN),
    PLAY(discard_of_nothing_fails__clean, CLEAN),
    PLAY(discard_over_the_end__fires, RING_006),
    PLAY(discard_that_wraps__fires, RING_006),
    PLAY(flush_offered_and_refused__fires, RING_006),
};

static void evidence__excuses_or_not(void **state)
{
    play_all(*state, scenarios, WRG_ARRAY_LEN(scenarios));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(requests_of_all_kinds__status_judged, bench_open,
                                        bench_close),
        cmocka_unit_test_setup_teardown(evidence__excuses_or_not, bench_open, bench_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
