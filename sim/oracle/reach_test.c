/* SPDX-License-Identifier: MIT */
/* Is each end of a request put into the cell that it belongs to, and into no other? */
#include "oracle/test_events.h"

enum { OKAY = WRG_BLKIF_RSP_OKAY, ERROR = WRG_BLKIF_RSP_ERROR };

static struct wrg_reach reached;

static void begin(struct bench *t)
{
    memset(&reached, 0, sizeof(reached));
    bench_config(t);
    t->config.reach = (struct wrg_reach_sink){ .reach = &reached };
    bench_begin(t);
    connect_ring(t);
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/feature-max-indirect-segments", "1024");
    change(t, FRONT, "/local/domain/1/device/vbd/51712/state", "4");
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/state", "4");
}

static unsigned population(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < WRG_REACH_WORDS; i++)
        n += (unsigned)__builtin_popcountll(reached.bits[i]);
    return n;
}

/* This cell, and `others` besides. */
static void assert_cell(struct wrg_reach_cell cell, unsigned others)
{
    if (!wrg_reach_has(&reached, wrg_reach_index(&cell)))
        fail_msg("not reached: %s %s %s %s", wrg_reach_feature_name(cell.feature),
                 wrg_reach_operation_name(cell.operation), wrg_reach_path_name(cell.path),
                 wrg_reach_phase_name(cell.phase));
    assert_int_equal(population(), 1 + others);
}

#define CELL(feature, operation, path, phase)                                                      \
    ((struct wrg_reach_cell){ WRG_FEATURE_##feature, WRG_OPERATION_##operation, WRG_PATH_##path,   \
                              WRG_REACH_##phase })

static void answer(struct bench *t, const struct wrg_blkif_request *request, int16_t status)
{
    uint8_t echo =
        request->operation == WRG_BLKIF_OP_INDIRECT ? request->indirect_op : request->operation;

    reply(t, 0, (struct answer){ .id = request->id, .operation = echo, .status = status });
}

static void read_done__okay_while_connected(void **state)
{
    const struct wrg_blkif_request request = rw(WRG_BLKIF_OP_READ, 7, 8, 1);

    begin(*state);
    ask(*state, 0, &request);
    assert_int_equal(population(), 0);
    map(*state, 20);
    unmap(*state, 20);
    answer(*state, &request, OKAY);
    assert_cell(CELL(PLAIN, READ, OKAY, CONNECTED), 0);
}

static void flaws_of_a_request__told_apart(void **state)
{
    struct wrg_blkif_request request = rw(WRG_BLKIF_OP_WRITE, 7, 8, 12);

    begin(*state);
    ask(*state, 0, &request);
    answer(*state, &request, ERROR);
    assert_cell(CELL(PLAIN, WRITE, HEAD, CONNECTED), 0);

    request = rw(WRG_BLKIF_OP_WRITE, 7, 8, 1);
    request.seg[0].last_sect = 8;
    begin(*state);
    ask(*state, 0, &request);
    answer(*state, &request, ERROR);
    assert_cell(CELL(PLAIN, WRITE, SEGMENT, CONNECTED), 0);

    request = rw(WRG_BLKIF_OP_WRITE, 7, 2048, 1);
    begin(*state);
    ask(*state, 0, &request);
    answer(*state, &request, ERROR);
    assert_cell(CELL(PLAIN, WRITE, RANGE, CONNECTED), 0);
}

static void grant_that_does_not_map__by_what_it_was_for(void **state)
{
    const struct wrg_blkif_request direct = rw(WRG_BLKIF_OP_WRITE, 7, 8, 1);
    const struct wrg_blkif_request request = indirect(WRG_BLKIF_OP_WRITE, 7, 8, 12);

    begin(*state);
    ask(*state, 0, &direct);
    map_status(*state, 20, -3);
    answer(*state, &direct, ERROR);
    assert_cell(CELL(PLAIN, WRITE, DATA_GRANT, CONNECTED), 0);

    begin(*state);
    ask(*state, 0, &request);
    map_status(*state, 400, -3);
    answer(*state, &request, ERROR);
    assert_cell(CELL(PLAIN, INDIRECT_WRITE, INDIRECT_GRANT, CONNECTED), 0);
}

static void failing_disk__disk_error(void **state)
{
    const struct wrg_blkif_request request = rw(WRG_BLKIF_OP_WRITE, 7, 8, 1);

    begin(*state);
    ask(*state, 0, &request);
    map(*state, 20);
    emit(*state, .kind = WRG_EV_DISK_DONE, .role = BACK, .a = 1, .b = 5);
    unmap(*state, 20);
    answer(*state, &request, ERROR);
    assert_cell(CELL(PLAIN, WRITE, DISK, CONNECTED), 0);
}

static void ring_retired_in_flight__unanswered(void **state)
{
    const struct wrg_blkif_request request = rw(WRG_BLKIF_OP_READ, 7, 8, 1);

    begin(*state);
    ask(*state, 0, &request);
    change(*state, BACK, "/local/domain/2/backend/vbd/1/51712/state", "5");
    emit(*state, .kind = WRG_EV_RING_RETIRE, .role = BACK, .b = BACK);
    assert_cell(CELL(PLAIN, READ, UNANSWERED, BACK_CLOSING), 0);
}

static void several_features__a_cell_each(void **state)
{
    const struct wrg_blkif_request request = rw(WRG_BLKIF_OP_READ, 7, 8, 1);

    begin(*state);
    change(*state, BACK, "/local/domain/2/backend/vbd/1/51712/feature-persistent", "1");
    change(*state, FRONT, "/local/domain/1/device/vbd/51712/multi-queue-num-queues", "2");
    ask(*state, 0, &request);
    map(*state, 20);
    answer(*state, &request, OKAY);
    assert_cell(CELL(QUEUES, READ, OKAY, CONNECTED), 0); /* one side alone does not make it so */

    begin(*state);
    change(*state, BACK, "/local/domain/2/backend/vbd/1/51712/feature-persistent", "1");
    change(*state, FRONT, "/local/domain/1/device/vbd/51712/feature-persistent", "1");
    change(*state, FRONT, "/local/domain/1/device/vbd/51712/multi-queue-num-queues", "2");
    ask(*state, 0, &request);
    map(*state, 20);
    answer(*state, &request, OKAY);
    assert_cell(CELL(QUEUES, READ, OKAY, CONNECTED), 1);
    assert_cell(CELL(PERSISTENT, READ, OKAY, CONNECTED), 1);
}

static void response_to_nothing__has_no_operation(void **state)
{
    begin(*state);
    reply(*state, 0, (struct answer){ .id = 9, .operation = WRG_BLKIF_OP_READ, .status = OKAY });
    assert_cell(CELL(PLAIN, NONE, NOTHING_ASKED, CONNECTED), 0);
}

static void cells__there_and_back(void **state)
{
    for (uint32_t i = 0; i < WRG_REACH_CELLS; i++) {
        const struct wrg_reach_cell cell = wrg_reach_cell_at(i);

        assert_true(cell.feature < WRG_NR_FEATURES);
        assert_int_equal(wrg_reach_index(&cell), i);
    }
}

static void what_cannot_be__not_possible(void **state)
{
    const struct wrg_reach_cell cells[] = {
        CELL(PLAIN, BARRIER, READ_ONLY, CONNECTED),
        CELL(COPY, READ, INDIRECT_GRANT, CONNECTED),
        CELL(COPY, FLUSH, SEGMENT, CONNECTED),
    };
    const struct wrg_reach_cell good = CELL(COPY, READ, SEGMENT, BACK_CLOSING);

    for (size_t i = 0; i < WRG_ARRAY_LEN(cells); i++)
        assert_false(wrg_reach_possible(&cells[i]));
    assert_true(wrg_reach_possible(&good));
}

#define T(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(read_done__okay_while_connected),
        T(flaws_of_a_request__told_apart),
        T(grant_that_does_not_map__by_what_it_was_for),
        T(failing_disk__disk_error),
        T(ring_retired_in_flight__unanswered),
        T(several_features__a_cell_each),
        T(response_to_nothing__has_no_operation),
        cmocka_unit_test(cells__there_and_back),
        cmocka_unit_test(what_cannot_be__not_possible),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
