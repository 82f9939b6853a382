/* SPDX-License-Identifier: MIT */
#include "ring/test_ring.h"

static void init__header_as_xen_has_it(void **state)
{
    assert_int_equal(word(WRG_WIRE_REQ_PROD), 0);
    assert_int_equal(word(WRG_WIRE_REQ_EVENT), 1);
    assert_int_equal(word(WRG_WIRE_RSP_PROD), 0);
    assert_int_equal(word(WRG_WIRE_RSP_EVENT), 1);
    assert_int_equal(wrg_front_ring_free(&r.front), 32);
    assert_true(count_events(WRG_EV_RING_DECLARE) == 2);
}

static void put_without_push__invisible(void **state)
{
    put_requests(1, 3);
    assert_int_equal(word(WRG_WIRE_REQ_PROD), 0);
    assert_int_equal(wrg_back_ring_pending(&r.back), 0);
    assert_int_equal(wrg_front_ring_free(&r.front), 29);
    (void)wrg_front_ring_push(&r.front);
    assert_int_equal(word(WRG_WIRE_REQ_PROD), 3);
    assert_int_equal(wrg_back_ring_pending(&r.back), 3);
}

static void round_trip__every_abi_and_ring_size_through_several_laps(void **state)
{
    static const uint8_t sizes[] = { 1, 2, 3, 4, 8, 16 };

    for (int abi = 0; abi < WRG_ABI_COUNT; abi++) {
        for (size_t k = 0; k < WRG_ARRAY_LEN(sizes); k++) {
            make_ring((enum wrg_abi)abi, sizes[k]);
            uint64_t id = 1;
            for (unsigned lap = 0; lap < 5; lap++, id += r.entries - 3) {
                forget_events();
                put_requests(id, r.entries - 3);
                (void)wrg_front_ring_push(&r.front);
                assert_int_equal(wrg_back_ring_pending(&r.back), r.entries - 3);
                get_requests(id, r.entries - 3);
                put_responses(id, r.entries - 3);
                (void)wrg_back_ring_push(&r.back);
                assert_int_equal(wrg_front_ring_pending(&r.front), r.entries - 3);
                get_responses(id, r.entries - 3);
            }
        }
    }
}

static void indices_over_2_to_32__go_on(void **state)
{
    start_at(UINT32_MAX - 5);
    put_requests(1, 20);
    assert_true(wrg_front_ring_push(&r.front));
    assert_int_equal(word(WRG_WIRE_REQ_PROD), 14);
    assert_int_equal(wrg_back_ring_pending(&r.back), 20);
    get_requests(1, 20);
    put_responses(1, 20);
    assert_true(wrg_back_ring_push(&r.back));
    assert_int_equal(wrg_front_ring_pending(&r.front), 20);
    get_responses(1, 20);
    assert_int_equal(wrg_front_ring_free(&r.front), 32);
}

static void full_ring__free_is_zero_until_a_response_is_read(void **state)
{
    put_requests(1, 32);
    assert_int_equal(wrg_front_ring_free(&r.front), 0);
    (void)wrg_front_ring_push(&r.front);
    assert_int_equal(wrg_back_ring_pending(&r.back), 32);
    get_requests(1, 32);
    put_responses(1, 1);
    (void)wrg_back_ring_push(&r.back);
    assert_int_equal(wrg_front_ring_free(&r.front), 0);
    get_responses(1, 1);
    assert_int_equal(wrg_front_ring_free(&r.front), 1);
}

static void padding_of_slot__goes_out_as_zeros(void **state)
{
    struct wrg_blkif_request request = { .operation = WRG_BLKIF_OP_INDIRECT,
                                         .nr_segments = 1,
                                         .indirect_op = WRG_BLKIF_OP_READ,
                                         .id = 3 };
    uint8_t slot[112], secret[112];

    wrg_memory_fill_secret(secret, sizeof(secret));
    forget_events();
    wrg_front_ring_put(&r.front, &request);
    wrg_xen_peek(&t.xen, frame_of(t.front, r.front_args.page), WRG_WIRE_RING, slot, sizeof(slot));
    assert_false(wrg_memory_has_secret(slot, sizeof(slot)));
    for (uint32_t i = 0; i < count_events(WRG_EV_STORE); i++)
        assert_int_equal(wrg_event_flag(&nth_event(WRG_EV_STORE, i)->ev), 0);
}

/* ---- the peer's index ---- */

static void producer_index_of_backend__checked(void **state)
{
    static const struct {
        uint32_t prod;
        int pending;
    } cases[] = {
        { 0, 0 },
        { 1, 1 },
        { 4, 4 },
        { 5, -EPROTO },
        { 32, -EPROTO },
        { 33, -EPROTO },
        { UINT32_MAX, -EPROTO },
        { 0x80000000u, -EPROTO },
    };

    put_requests(1, 4);
    (void)wrg_front_ring_push(&r.front);
    put_requests(5, 2); /* put and not pushed: the backend may not answer them */
    for (size_t i = 0; i < WRG_ARRAY_LEN(cases); i++) {
        set_word(WRG_WIRE_RSP_PROD, cases[i].prod);
        assert_int_equal(wrg_front_ring_pending(&r.front), cases[i].pending);
    }
}

static void producer_index_going_backwards__eproto(void **state)
{
    put_requests(1, 4);
    (void)wrg_front_ring_push(&r.front);
    get_requests(1, 4);
    put_responses(1, 4);
    (void)wrg_back_ring_push(&r.back);
    get_responses(1, 3);
    set_word(WRG_WIRE_RSP_PROD, 2);
    assert_int_equal(wrg_front_ring_pending(&r.front), -EPROTO);
    set_word(WRG_WIRE_RSP_PROD, 3);
    assert_int_equal(wrg_front_ring_pending(&r.front), 0);
}

/* ---- notification ---- */

static void push__notifies_if_the_event_index_is_among_the_new(void **state)
{
    static const struct {
        uint32_t event;
        bool notify;
    } cases[] = {
        { 0, false }, { 10, false }, { 11, true },          { 13, true },
        { 15, true }, { 16, false }, { UINT32_MAX, false },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(cases); i++) {
        start_at(10);
        set_word(WRG_WIRE_REQ_EVENT, cases[i].event);
        put_requests(1, 5);
        assert_int_equal(wrg_front_ring_push(&r.front), cases[i].notify);
    }
}

static void push_of_nothing__touches_nothing(void **state)
{
    forget_events();
    assert_false(wrg_front_ring_push(&r.front));
    assert_int_equal(t.nseen, 0);
}

static void push__index_after_slots_then_barrier_then_event_index(void **state)
{
    put_requests(1, 1);
    watch_fences();
    (void)wrg_front_ring_push(&r.front);
    assert_access_barrier_access(WRG_EV_STORE, WRG_SITE_REQ_PROD, WRG_EV_LOAD, WRG_SITE_REQ_EVENT);
    assert_int_equal((uint8_t)(t.seen[0].ev.c >> 24), WRG_ORDER_RELEASE);
}

static void final_check__asks_for_the_next_and_looks_again(void **state)
{
    put_requests(1, 3);
    (void)wrg_front_ring_push(&r.front);
    get_requests(1, 3);
    put_responses(1, 1);
    (void)wrg_back_ring_push(&r.back);
    get_responses(1, 1);
    watch_fences();
    assert_false(wrg_front_ring_final_check(&r.front));
    assert_int_equal(word(WRG_WIRE_RSP_EVENT), 2);
    assert_access_barrier_access(WRG_EV_STORE, WRG_SITE_RSP_EVENT, WRG_EV_LOAD, WRG_SITE_RSP_PROD);
    put_responses(2, 1);
    assert_true(wrg_back_ring_push(&r.back)); /* the event index asks for it */
    assert_true(wrg_front_ring_final_check(&r.front));
}

/* ---- what the fetch shadow sees ---- */

static void get__one_fetch_a_response(void **state)
{
    put_requests(1, 3);
    (void)wrg_front_ring_push(&r.front);
    get_requests(1, 3);
    put_responses(1, 3);
    (void)wrg_back_ring_push(&r.back);
    forget_events();
    get_responses(1, 3);
    assert_int_equal(count_events(WRG_EV_LOAD), 3);
    for (uint32_t i = 0; i < 3; i++) {
        const struct wrg_event *ev = &nth_event(WRG_EV_LOAD, i)->ev;
        assert_int_equal(wrg_event_request(ev), i + 1);
        assert_int_equal(wrg_event_flag(ev), 0);
    }
}

static void retire__port_knows_no_ring(void **state)
{
    wrg_ring_retire(&r.front.ring);
    assert_int_equal(count_events(WRG_EV_RING_RETIRE), 1);
    assert_false(t.xen.fetch.rings[WRG_SEAT_FRONT][0].live);
    assert_true(t.xen.fetch.rings[WRG_SEAT_BACK][0].live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        R(init__header_as_xen_has_it),
        R(put_without_push__invisible),
        BARE(round_trip__every_abi_and_ring_size_through_several_laps),
        R(indices_over_2_to_32__go_on),
        R(full_ring__free_is_zero_until_a_response_is_read),
        R(padding_of_slot__goes_out_as_zeros),
        R(producer_index_of_backend__checked),
        R(producer_index_going_backwards__eproto),
        R(push__notifies_if_the_event_index_is_among_the_new),
        R(push_of_nothing__touches_nothing),
        R(push__index_after_slots_then_barrier_then_event_index),
        R(final_check__asks_for_the_next_and_looks_again),
        R(get__one_fetch_a_response),
        R(retire__port_knows_no_ring),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
