/* SPDX-License-Identifier: MIT */
#include "ring/test_ring.h"

static void attach_to_fresh_ring__starts_at_zero(void **state)
{
    assert_int_equal(r.back.req_cons, 0);
    assert_int_equal(r.back.rsp_prod, 0);
    assert_int_equal(wrg_back_ring_pending(&r.back), 0);
}

static void attach_to_used_ring__goes_on_where_responses_ended(void **state)
{
    put_requests(1, 7);
    (void)wrg_front_ring_push(&r.front);
    get_requests(1, 7);
    put_responses(1, 4);
    (void)wrg_back_ring_push(&r.back);
    /* The backend restarts with three requests that were never answered. */
    assert_int_equal(wrg_back_ring_attach(&r.back, &r.back_args), 0);
    assert_int_equal(wrg_back_ring_pending(&r.back), 3);
    get_requests(5, 3);
}

static void attach_to_bogus_indices__eproto(void **state)
{
    static const struct {
        uint32_t req_prod, rsp_prod;
        int result;
    } cases[] = {
        { 32, 0, 0 },         { 33, 0, -EPROTO },    { 0, 1, -EPROTO },
        { 5, 5, 0 },          { 4, 5, -EPROTO },     { UINT32_MAX, 0, -EPROTO },
        { 3, UINT32_MAX, 0 }, { 31, UINT32_MAX, 0 }, { 32, UINT32_MAX, -EPROTO },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(cases); i++) {
        set_word(WRG_WIRE_REQ_PROD, cases[i].req_prod);
        set_word(WRG_WIRE_RSP_PROD, cases[i].rsp_prod);
        assert_int_equal(wrg_back_ring_attach(&r.back, &r.back_args), cases[i].result);
    }
}

static void producer_index_of_frontend__checked(void **state)
{
    static const struct {
        uint32_t prod;
        int pending;
    } cases[] = {
        /* 3 consumed, none answered, 32 slots */
        { 3, 0 },
        { 4, 1 },
        { 32, 29 },
        { 33, -EPROTO },
        { 2, -EPROTO },
        { 0, -EPROTO },
        { 35, -EPROTO },
        { UINT32_MAX, -EPROTO },
        { 0x80000003u, -EPROTO },
    };

    put_requests(1, 3);
    (void)wrg_front_ring_push(&r.front);
    get_requests(1, 3);
    for (size_t i = 0; i < WRG_ARRAY_LEN(cases); i++) {
        set_word(WRG_WIRE_REQ_PROD, cases[i].prod);
        assert_int_equal(wrg_back_ring_pending(&r.back), cases[i].pending);
    }
}

static void answered_requests__make_room_for_the_frontend(void **state)
{
    put_requests(1, 32);
    (void)wrg_front_ring_push(&r.front);
    get_requests(1, 32);
    set_word(WRG_WIRE_REQ_PROD, 33);
    assert_int_equal(wrg_back_ring_pending(&r.back), -EPROTO);
    put_responses(1, 1);
    assert_int_equal(wrg_back_ring_pending(&r.back), 1);
}

static void response__pad_zero_and_bytes_behind_it_kept(void **state)
{
    uint32_t frame = frame_of(t.front, r.front_args.page);
    uint8_t slot[16];

    memset(slot, 0xab, sizeof(slot));
    wrg_xen_patch(&t.xen, frame, WRG_WIRE_RING, slot, sizeof(slot));
    put_responses(0x1122334455667788, 1);
    wrg_xen_peek(&t.xen, frame, WRG_WIRE_RING, slot, sizeof(slot));
    assert_int_equal(slot[0], 0x88);
    assert_int_equal(slot[8], WRG_BLKIF_OP_WRITE);
    assert_int_equal(slot[9], 0);
    assert_int_equal(slot[10], 0xff);
    assert_int_equal(slot[11], 0xff);
    assert_int_equal(slot[12], 0xab);
    assert_int_equal(slot[15], 0xab);
}

static void push__notifies_if_the_event_index_is_among_the_new(void **state)
{
    static const struct {
        uint32_t event;
        bool notify;
    } cases[] = {
        { 10, false }, { 11, true }, { 14, true }, { 15, false }, { 0x80000000u, false },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(cases); i++) {
        start_at(10);
        set_word(WRG_WIRE_RSP_EVENT, cases[i].event);
        put_responses(1, 4);
        assert_int_equal(wrg_back_ring_push(&r.back), cases[i].notify);
        assert_int_equal(word(WRG_WIRE_RSP_PROD), 14);
        assert_false(wrg_back_ring_push(&r.back)); /* nothing new */
    }
}

static void push_over_2_to_32__notifies_right(void **state)
{
    start_at(UINT32_MAX - 1);
    set_word(WRG_WIRE_RSP_EVENT, 1);
    put_responses(1, 2); /* to 0 */
    assert_false(wrg_back_ring_push(&r.back));
    put_responses(3, 1); /* to 1 */
    assert_true(wrg_back_ring_push(&r.back));
}

static void final_check__asks_for_the_next_and_looks_again(void **state)
{
    put_requests(1, 1);
    assert_true(wrg_front_ring_push(&r.front));
    get_requests(1, 1);
    put_requests(2, 1);
    assert_false(wrg_front_ring_push(&r.front)); /* nobody asked: it would be lost here */
    assert_true(wrg_back_ring_final_check(&r.back));
    get_requests(2, 1);
    assert_false(wrg_back_ring_final_check(&r.back));
    assert_int_equal(word(WRG_WIRE_REQ_EVENT), 3);
    put_requests(3, 1);
    assert_true(wrg_front_ring_push(&r.front));
}

static void final_check__barrier_between_event_index_and_producer(void **state)
{
    watch_fences();
    assert_false(wrg_back_ring_final_check(&r.back));
    assert_access_barrier_access(WRG_EV_STORE, WRG_SITE_REQ_EVENT, WRG_EV_LOAD, WRG_SITE_REQ_PROD);
    assert_int_equal((uint8_t)(t.seen[1].ev.c >> 24), WRG_ORDER_ACQUIRE);
}

/* ---- what the fetch shadow sees ---- */

static void get__one_fetch_of_the_whole_slot(void **state)
{
    put_requests(1, 2);
    (void)wrg_front_ring_push(&r.front);
    forget_events();
    get_requests(1, 2);
    assert_int_equal(count_events(WRG_EV_LOAD), 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct wrg_event *ev = &nth_event(WRG_EV_LOAD, i)->ev;
        assert_int_equal(wrg_event_len(ev), 112);
        assert_int_equal(wrg_event_class(ev), WRG_SHARED_RING_SLOT);
        assert_int_equal(wrg_event_request(ev), i + 1);
        assert_int_equal(wrg_event_flag(ev), 0);
    }
}

static void slot_over_two_pages__two_loads_no_double_fetch(void **state)
{
    uint32_t straddling = (2 * WRG_PAGE_SIZE - WRG_WIRE_RING) / 112;

    make_ring(WRG_ABI_X86_64, 4);
    put_requests(1, straddling + 1);
    (void)wrg_front_ring_push(&r.front);
    get_requests(1, straddling);
    forget_events();
    get_requests(straddling + 1, 1);
    assert_int_equal(count_events(WRG_EV_LOAD), 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct wrg_event *ev = &nth_event(WRG_EV_LOAD, i)->ev;
        assert_int_equal(wrg_event_request(ev), straddling + 1);
        assert_int_equal(wrg_event_flag(ev), 0);
    }
}

static void many_laps__never_a_double_fetch(void **state)
{
    for (uint64_t id = 1; id < 40 * 7; id += 7) {
        forget_events();
        put_requests(id, 7);
        (void)wrg_front_ring_push(&r.front);
        get_requests(id, 7);
        put_responses(id, 7);
        (void)wrg_back_ring_push(&r.back);
        assert_int_equal(wrg_front_ring_pending(&r.front), 7);
        get_responses(id, 7);
        for (uint32_t i = 0; i < count_events(WRG_EV_LOAD); i++)
            assert_int_equal(wrg_event_flag(&nth_event(WRG_EV_LOAD, i)->ev), 0);
    }
}

static void slot_changed_after_the_copy__copy_stays(void **state)
{
    struct wrg_blkif_request got;
    uint8_t byte = WRG_BLKIF_OP_DISCARD;

    put_requests(1, 1);
    (void)wrg_front_ring_push(&r.front);
    wrg_back_ring_get(&r.back, &got);
    wrg_xen_patch(&t.xen, frame_of(t.front, r.front_args.page), WRG_WIRE_RING, &byte, 1);
    assert_int_equal(got.operation, WRG_BLKIF_OP_WRITE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        R(attach_to_fresh_ring__starts_at_zero),
        R(attach_to_used_ring__goes_on_where_responses_ended),
        R(attach_to_bogus_indices__eproto),
        R(producer_index_of_frontend__checked),
        R(answered_requests__make_room_for_the_frontend),
        R(response__pad_zero_and_bytes_behind_it_kept),
        R(push__notifies_if_the_event_index_is_among_the_new),
        R(push_over_2_to_32__notifies_right),
        R(final_check__asks_for_the_next_and_looks_again),
        R(final_check__barrier_between_event_index_and_producer),
        R(get__one_fetch_of_the_whole_slot),
        BARE(slot_over_two_pages__two_loads_no_double_fetch),
        R(many_laps__never_a_double_fetch),
        R(slot_changed_after_the_copy__copy_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
