/* SPDX-License-Identifier: MIT */
/* Is outstanding work at the quiet end a finding, and only where somebody judged owes it? */
#include "oracle/test_events.h"

static void phase(struct bench *t, enum wrg_phase phase)
{
    emit(t, .kind = WRG_EV_PHASE, .role = WRG_ROLE_TOOLSTACK, .a = phase);
}

/* ---- LIVE-001 of a backend ---- */

static void ask_unknown(struct bench *t)
{
    struct wrg_blkif_request request = rw(9, 7, 0, 0);

    connect_ring(t);
    ask(t, 0, &request);
}

static void request_never_answered__fires(struct bench *t)
{
    ask_unknown(t);
    phase(t, WRG_PHASE_LIVENESS);
    QUIETLY(t);
    phase(t, WRG_PHASE_QUIET);
}

static void request_answered__clean(struct bench *t)
{
    ask_unknown(t);
    reply(t, 0, (struct answer){ .id = 7, .operation = 9, .status = -2 });
    phase(t, WRG_PHASE_QUIET);
}

static void request_never_fetched__fires(struct bench *t)
{
    connect_ring(t);
    store_index(t, FRONT, 1);
    phase(t, WRG_PHASE_QUIET);
}

static void written_over(struct bench *t, uint32_t frame, uint32_t op, uint32_t off)
{
    connect_ring(t);
    store_index(t, FRONT, 1);
    t->o->tap.unsure = true; /* whether anybody asked for it */
    emit(t, .kind = WRG_EV_DISK_DATA, .role = BACK, .a = 1, .b = op,
         .d = (uint64_t)frame << 32 | off << 16 | 512);
    phase(t, WRG_PHASE_QUIET);
}

static void disk_wrote_over_the_index__clean(struct bench *t)
{
    written_over(t, RING_FRAME, WRG_CASE_IO_READ, 0);
}

static void disk_wrote_behind_the_index__fires(struct bench *t)
{
    written_over(t, RING_FRAME, WRG_CASE_IO_READ, 512);
}

static void disk_wrote_over_another_page__fires(struct bench *t)
{
    written_over(t, RING_FRAME + 1, WRG_CASE_IO_READ, 0);
}

static void disk_read_the_index__fires(struct bench *t)
{
    written_over(t, RING_FRAME, WRG_CASE_IO_WRITE, 0);
}

static void copied_over(struct bench *t, uint64_t ring)
{
    connect_ring(t);
    store_index(t, FRONT, 1);
    t->o->tap.unsure = true;
    emit(t, .kind = WRG_EV_COPY, .role = BACK, .a = 5000, .b = 8, .c = 512,
         .d = UINT64_C(1) << 40 | ring << 56);
    phase(t, WRG_PHASE_QUIET);
}

static void copy_went_over_the_index__clean(struct bench *t)
{
    copied_over(t, 1);
}

static void copy_went_elsewhere__fires(struct bench *t)
{
    copied_over(t, 0);
}

static void index_was_bogus_once__clean(struct bench *t)
{
    connect_ring(t);
    store_index(t, FRONT, 100);
    load_index(t, BACK, 100);
    store_index(t, FRONT, 1);
    phase(t, WRG_PHASE_QUIET);
}

static void index_went_back_once__clean(struct bench *t)
{
    ask_unknown(t);
    store_index(t, FRONT, 0);
    store_index(t, FRONT, 1);
    phase(t, WRG_PHASE_QUIET);
}

static void index_taken_back_byte_by_byte__clean(struct bench *t)
{
    const uint8_t zero = 0;

    connect_ring(t);
    store_index(t, FRONT, 4);
    store(t, (struct span){ .role = FRONT, .class = WRG_SHARED_RING_INDEX, .frame = RING_FRAME },
          &zero, 1);
    phase(t, WRG_PHASE_QUIET);
}

static void index_stored_byte_by_byte__fires(struct bench *t)
{
    const uint8_t one = 1;

    connect_ring(t);
    store(t, (struct span){ .role = FRONT, .class = WRG_SHARED_RING_INDEX, .frame = RING_FRAME },
          &one, 1);
    phase(t, WRG_PHASE_QUIET);
}

static void ring_given_up__clean(struct bench *t)
{
    ask_unknown(t);
    emit(t, .kind = WRG_EV_RING_RETIRE, .role = BACK, .b = BACK);
    phase(t, WRG_PHASE_QUIET);
}

static void backend_closes__clean(struct bench *t)
{
    ask_unknown(t);
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/state", "5");
    phase(t, WRG_PHASE_QUIET);
}

static void somebody_died__clean(struct bench *t)
{
    ask_unknown(t);
    emit(t, .kind = WRG_EV_DEATH, .role = WRG_ROLE_TOOLSTACK, .a = 1);
    phase(t, WRG_PHASE_QUIET);
}

/* ---- LIVE-001 of a frontend ---- */

static void submit(struct bench *t, uint8_t judged, bool honest)
{
    t->config.honest_front = honest;
    t->config.judged = judged;
    bench_begin(t);
    emit(t, .kind = WRG_EV_BLK_SUBMIT, .role = FRONT, .a = 1, .c = 8, .d = 8);
}

static void io_never_completed__fires(struct bench *t)
{
    submit(t, WRG_JUDGE_FRONT, true);
    phase(t, WRG_PHASE_QUIET);
}

static void io_completed__clean(struct bench *t)
{
    submit(t, WRG_JUDGE_FRONT, true);
    emit(t, .kind = WRG_EV_BLK_COMPLETE, .role = FRONT, .a = 1, .b = (uint32_t)-5);
    phase(t, WRG_PHASE_QUIET);
}

static void io_of_a_frontend_that_died__clean(struct bench *t)
{
    submit(t, WRG_JUDGE_FRONT, true);
    change(t, FRONT, "/local/domain/1/device/vbd/51712/state", "4");
    emit(t, .kind = WRG_EV_DEATH, .role = WRG_ROLE_TOOLSTACK, .a = 1);
    phase(t, WRG_PHASE_QUIET);
}

static void io_never_completed_after_the_backend_died__fires(struct bench *t)
{
    submit(t, WRG_JUDGE_FRONT, true);
    change(t, FRONT, "/local/domain/1/device/vbd/51712/state", "4");
    emit(t, .kind = WRG_EV_DEATH, .role = WRG_ROLE_TOOLSTACK, .a = 2);
    phase(t, WRG_PHASE_QUIET);
}

/* Another host, without a backend so far. */
static void io_waits_for_a_backend_that_was_never_there__clean(struct bench *t)
{
    submit(t, WRG_JUDGE_FRONT, true);
    change(t, FRONT, "/local/domain/1/device/vbd/51712/state", "4");
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/state", "4");
    emit(t, .kind = WRG_EV_DEATH, .role = WRG_ROLE_TOOLSTACK, .a = 2);
    emit(t, .kind = WRG_EV_BIRTH, .role = WRG_ROLE_TOOLSTACK, .a = 2);
    phase(t, WRG_PHASE_QUIET);
}

static void io_never_completed_by_the_next_backend__fires(struct bench *t)
{
    io_waits_for_a_backend_that_was_never_there__clean(t);
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/state", "4");
    phase(t, WRG_PHASE_QUIET);
}

static void io_of_a_script__clean(struct bench *t)
{
    submit(t, WRG_JUDGE_BACK, false);
    phase(t, WRG_PHASE_QUIET);
}

/* ---- LIVE-002, LIVE-003 ---- */

static void spend(struct bench *t, uint8_t role, enum wrg_budget_kind kind)
{
    emit(t, .kind = WRG_EV_BUDGET, .role = role, .a = 3, .b = kind, .c = 1000);
}

static void wake_without_end__fires(struct bench *t)
{
    spend(t, BACK, WRG_BUDGET_TASK);
}

static void wake_without_end_of_a_role_not_judged__clean(struct bench *t)
{
    spend(t, FRONT, WRG_BUDGET_TASK);
    spend(t, WRG_ROLE_SCRIPT, WRG_BUDGET_TASK);
    spend(t, FRONT, WRG_BUDGET_RUN);
    spend(t, WRG_ROLE_SCRIPT, WRG_BUDGET_RUN);
}

static void run_without_end__fires(struct bench *t)
{
    phase(t, WRG_PHASE_SAFETY);
    spend(t, BACK, WRG_BUDGET_RUN);
}

static void closing_without_end__fires(struct bench *t)
{
    phase(t, WRG_PHASE_CLOSE);
    spend(t, BACK, WRG_BUDGET_RUN);
}

static void wake_without_end_while_closing__fires(struct bench *t)
{
    phase(t, WRG_PHASE_CLOSE);
    spend(t, BACK, WRG_BUDGET_TASK);
}

static void closed(struct bench *t, enum wrg_xenbus_state front, enum wrg_xenbus_state back)
{
    emit(t, .kind = WRG_EV_PHASE, .role = WRG_ROLE_TOOLSTACK, .a = WRG_PHASE_CLOSED, .b = front,
         .c = back);
}

static void backend_stays_while_the_frontend_has_closed__fires(struct bench *t)
{
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/state", "5");
    closed(t, WRG_XENBUS_CLOSED, WRG_XENBUS_CLOSING);
}

static void backend_follows__clean(struct bench *t)
{
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/state", "5");
    closed(t, WRG_XENBUS_CLOSING, WRG_XENBUS_CLOSING);
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/state", "6");
    closed(t, WRG_XENBUS_CLOSED, WRG_XENBUS_CLOSED);
    closed(t, WRG_XENBUS_UNKNOWN, WRG_XENBUS_CLOSED);
}

static void toolstack_writes_over_a_closed_state__clean(struct bench *t)
{
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/state", "6");
    closed(t, WRG_XENBUS_CLOSED, WRG_XENBUS_CLOSING);
}

static void backend_at_the_beginning__clean(struct bench *t)
{
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/state", "1");
    closed(t, WRG_XENBUS_CLOSED, WRG_XENBUS_INITIALISING);
}

/* Its last driver had got as far as Closing; there is none for the new device. */
static void device_made_anew__clean(struct bench *t)
{
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/state", "5");
    change(t, WRG_ROLE_TOOLSTACK, "/local/domain/2/backend/vbd/1/51712/state", "1");
    closed(t, WRG_XENBUS_CLOSED, WRG_XENBUS_INITIALISING);
}

static void other_device_made_anew__fires(struct bench *t)
{
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/state", "5");
    change(t, WRG_ROLE_TOOLSTACK, "/local/domain/1/device/vbd/51712/state", "1");
    closed(t, WRG_XENBUS_CLOSED, WRG_XENBUS_CLOSING);
}

static void remove_dir(struct bench *t, const char *path)
{
    emit_bytes(t, (struct spec){ .kind = WRG_EV_XS_CHANGE, .role = WRG_ROLE_TOOLSTACK, .b = 2 },
               path, (uint32_t)strlen(path) + 1);
}

static void device_removed_and_a_state_forged__clean(struct bench *t)
{
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/state", "5");
    remove_dir(t, "/local/domain/2/backend/vbd/1/51712");
    closed(t, WRG_XENBUS_CLOSED, WRG_XENBUS_INITIALISED);
}

static void node_of_a_device_removed__fires(struct bench *t)
{
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/state", "5");
    remove_dir(t, "/local/domain/2/backend/vbd/1/51712/sectors");
    closed(t, WRG_XENBUS_CLOSED, WRG_XENBUS_CLOSING);
}

static const struct scenario scenarios[] = {
    PLAY(io_waits_for_a_backend_that_was_never_there__clean, CLEAN),
    PLAY(io_never_completed_by_the_next_backend__fires, LIVE_001),
    PLAY(backend_at_the_beginning__clean, CLEAN),
    PLAY(device_made_anew__clean, CLEAN),
    PLAY(other_device_made_anew__fires, LIVE_003),
    PLAY(device_removed_and_a_state_forged__clean, CLEAN),
    PLAY(node_of_a_device_removed__fires, LIVE_003),
    PLAY(request_never_answered__fires, LIVE_001),
    PLAY(request_answered__clean, CLEAN),
    PLAY(request_never_fetched__fires, LIVE_001),
    PLAY(disk_wrote_over_the_index__clean, CLEAN),
    PLAY(disk_wrote_behind_the_index__fires, LIVE_001),
    PLAY(disk_wrote_over_another_page__fires, LIVE_001),
    PLAY(disk_read_the_index__fires, LIVE_001),
    PLAY(copy_went_over_the_index__clean, CLEAN),
    PLAY(copy_went_elsewhere__fires, LIVE_001),
    PLAY(index_was_bogus_once__clean, CLEAN),
    PLAY(index_went_back_once__clean, CLEAN),
    PLAY(index_taken_back_byte_by_byte__clean, CLEAN),
    PLAY(index_stored_byte_by_byte__fires, LIVE_001),
    PLAY(ring_given_up__clean, CLEAN),
    PLAY(backend_closes__clean, CLEAN),
    PLAY(somebody_died__clean, CLEAN),
    PLAY(io_never_completed__fires, LIVE_001),
    PLAY(io_completed__clean, CLEAN),
    PLAY(io_of_a_frontend_that_died__clean, CLEAN),
    PLAY(io_never_completed_after_the_backend_died__fires, LIVE_001),
    PLAY(io_of_a_script__clean, CLEAN),
    PLAY(wake_without_end__fires, LIVE_002),
    PLAY(wake_without_end_of_a_role_not_judged__clean, CLEAN),
    PLAY(run_without_end__fires, LIVE_002),
    PLAY(closing_without_end__fires, LIVE_003),
    PLAY(backend_stays_while_the_frontend_has_closed__fires, LIVE_003),
    PLAY(backend_follows__clean, CLEAN),
    PLAY(toolstack_writes_over_a_closed_state__clean, CLEAN),
    PLAY(wake_without_end_while_closing__fires, LIVE_002),
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
