/* SPDX-License-Identifier: MIT */
/*
 * Several queues, one driver at a time: what either end writes of them, what it makes of what the
 * other end has written, and what becomes of the others when one of them is bad.
 */
#include "world/driver_fixture.h"

#include <wringer/ring.h>

enum { MOST = 12 };

static struct wrg_front_ring rings[MOST];
static uint32_t ports[MOST];

static uint32_t count_of(struct wrg_guest *guest, enum wrg_ledger ledger)
{
    uint32_t counts[WRG_NR_LEDGERS];

    wrg_guest_ledger(guest, counts);
    return counts[ledger];
}

/* ---- the backend ---- */

/* A ring and its channel, named by nodes of that directory, which ends in a slash. */
static void offer(unsigned queue, const char *dir)
{
    struct wrg_ring_args args = { .port = g.front, .npages = 1, .queue = (uint8_t)queue };
    struct wrg_evtchn_alloc_unbound port = { .remote_domid = WRG_DOM_BACK };
    char path[96];
    uint32_t gref;

    args.page = port_pages(g.front, 1);
    struct wrg_gnttab_grant grant = {
        .domid = WRG_DOM_BACK, .count = 1, .pages = &args.page, .grefs = &gref
    };
    args.abi = WRG_ABI_X86_64;
    wrg_front_ring_init(&rings[queue], &args);
    assert_int_equal(wrg_port_gnttab_grant(g.front, &grant), 0);
    assert_int_equal(wrg_port_evtchn_alloc_unbound(g.front, &port), 0);
    ports[queue] = port.evtchn;
    snprintf(path, sizeof(path), FRONT "/%sring-ref", dir);
    set_number(path, gref);
    snprintf(path, sizeof(path), FRONT "/%sevent-channel", dir);
    set_number(path, port.evtchn);
    set(FRONT "/protocol", "x86_64-abi");
}

static void offer_queues(unsigned count)
{
    char dir[16];

    for (unsigned i = 0; i < count; i++) {
        snprintf(dir, sizeof(dir), "queue-%u/", i);
        offer(i, dir);
    }
}

static void start_back(uint8_t queues)
{
    g.back->params.queues = queues;
    hotplug();
    start(&wrg_back_endpoint, g.back);
    assert_string_equal(get(BACK "/state"), "2");
}

static void one_queue__backend_does_not_speak_of_them(void **state)
{
    start_back(1);
    assert_string_equal(get(BACK "/multi-queue-max-queues"), "");
    set(FRONT "/multi-queue-num-queues", "7"); /* so it does not listen either */
    offer(0, "");
    front_says("3");
    assert_string_equal(get(BACK "/state"), "4");
    assert_int_equal(count_of(&g.back_guest, WRG_LEDGER_MAPPINGS), 1);
}

static void several_queues__backend_offers_them_and_takes_that_back(void **state)
{
    start_back(4);
    assert_string_equal(get(BACK "/multi-queue-max-queues"), "4");
    front_says("6");
    wrg_back_endpoint.stop(self);
    assert_string_equal(get(BACK "/multi-queue-max-queues"), "");
}

#define NO_NUMBER "frontend asks for no queue, or for more than there are"
#define NO_RINGS  "reading the rings of the frontend's queues"

/* Of a backend that offers 4; what the frontend has written is right for that number. */
static void number_of_queues__taken_or_refused(void **state)
{
    static const struct {
        const char *value; /* NULL: absent */
        unsigned rings;    /* 0: refused */
        const char *error;
    } table[] = {
        { NULL, 1, "" },
        { "1", 1, "" },
        { "2", 2, "" },
        { "4", 4, "" },
        { "3x", 3, "" },
        { "0", 0, "38 " NO_NUMBER },
        { "5", 0, "38 " NO_NUMBER },
        { "4000000000", 0, "38 " NO_NUMBER },
        { "", 0, "34 " NO_NUMBER },
        { "x", 0, "34 " NO_NUMBER },
        { "-1", 0, "34 " NO_NUMBER },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(table); i++) {
        if (i)
            assert_int_equal(setup(state), 0);
        start_back(4);
        offer_queues(4);
        offer(0, "");
        if (table[i].value)
            set(FRONT "/multi-queue-num-queues", table[i].value);
        front_says("3");
        assert_string_equal(get(BACK "/state"), table[i].rings ? "4" : "5");
        assert_int_equal(count_of(&g.back_guest, WRG_LEDGER_MAPPINGS), table[i].rings);
        assert_int_equal(count_of(&g.back_guest, WRG_LEDGER_EVTCHNS), table[i].rings);
        assert_string_equal(get("/local/domain/2/error/backend/vbd/1/51712/error"), table[i].error);
        if (i + 1 < WRG_ARRAY_LEN(table))
            teardown_guests(state);
    }
}

/* Whatever is missing or wrong, of the first queue, one between or the last: none stays. */
static void bad_queue__none_comes_up_and_the_next_connection_does(void **state)
{
    static const struct {
        const char *node, *value; /* NULL: removed */
        const char *error;
    } table[] = {
        { "queue-0", NULL, "2 " NO_RINGS },
        { "queue-2", NULL, "2 " NO_RINGS },
        { "queue-1/ring-ref", NULL, "2 " NO_RINGS },
        { "queue-2/event-channel", NULL, "2 " NO_RINGS },
        { "queue-0/event-channel", "x", "34 " NO_RINGS },
        { "queue-1/ring-ref", "4000", "14 the pages of a ring cannot be mapped" },
        { "queue-2/ring-ref", "4000", "14 the pages of a ring cannot be mapped" },
        { "queue-0/event-channel", "77", "22 the port of an event-channel cannot be bound" },
        { "queue-2/event-channel", "77", "22 the port of an event-channel cannot be bound" },
    };
    char path[96];

    for (size_t i = 0; i < WRG_ARRAY_LEN(table); i++) {
        if (i)
            assert_int_equal(setup(state), 0);
        start_back(3);
        offer_queues(3);
        set(FRONT "/multi-queue-num-queues", "3");
        snprintf(path, sizeof(path), FRONT "/%s", table[i].node);
        if (table[i].value)
            set(path, table[i].value);
        else
            take(path);
        front_says("3");
        assert_string_equal(get(BACK "/state"), "5");
        assert_string_equal(get("/local/domain/2/error/backend/vbd/1/51712/error"), table[i].error);
        assert_int_equal(count_of(&g.back_guest, WRG_LEDGER_MAPPINGS), 0);
        assert_int_equal(count_of(&g.back_guest, WRG_LEDGER_EVTCHNS), 0);
        assert_int_equal(count_of(&g.back_guest, WRG_LEDGER_HEAP_BLOCKS), 1); /* the driver */
        front_says("6");
        front_says("1");
        offer_queues(2);
        set(FRONT "/multi-queue-num-queues", "2");
        front_says("3");
        assert_string_equal(get(BACK "/state"), "4");
        assert_int_equal(count_of(&g.back_guest, WRG_LEDGER_MAPPINGS), 2);
        if (i + 1 < WRG_ARRAY_LEN(table))
            teardown_guests(state);
    }
}

static void queues_of_an_earlier_connection__are_not_looked_at(void **state)
{
    start_back(4);
    offer_queues(2);
    set(FRONT "/multi-queue-num-queues", "2");
    set(FRONT "/queue-2/ring-ref", "nonsense");
    set(FRONT "/ring-ref", "4000");
    set(FRONT "/event-channel", "77");
    front_says("3");
    assert_string_equal(get(BACK "/state"), "4");
}

/* With a ring-page-order the pages of each queue go by their number, one page too. */
static void ring_page_order__is_that_of_each_queue(void **state)
{
    start_back(2);
    offer_queues(2);
    set(FRONT "/multi-queue-num-queues", "2");
    set(FRONT "/queue-0/ring-ref0", get(FRONT "/queue-0/ring-ref"));
    set(FRONT "/queue-1/ring-ref0", get(FRONT "/queue-1/ring-ref"));
    take(FRONT "/queue-0/ring-ref");
    take(FRONT "/queue-1/ring-ref");
    set(FRONT "/ring-page-order", "0");
    front_says("3");
    assert_string_equal(get(BACK "/state"), "4");
}

/* ---- requests ---- */

static const struct wrg_blkif_request unknown = { .operation = 77, .id = 5 };

static void ask(unsigned queue)
{
    struct wrg_evtchn_send send = { .evtchn = ports[queue] };

    wrg_front_ring_put(&rings[queue], &unknown);
    (void)wrg_front_ring_push(&rings[queue]);
    assert_int_equal(wrg_port_evtchn_send(g.front, &send), 0);
    settle();
}

static void request_in_each_queue__answered_there(void **state)
{
    struct wrg_blkif_response response;

    start_back(3);
    offer_queues(3);
    set(FRONT "/multi-queue-num-queues", "3");
    front_says("3");
    for (unsigned i = 0; i < 3; i++) {
        ask(i);
        for (unsigned k = 0; k < 3; k++)
            assert_int_equal(wrg_front_ring_pending(&rings[k]), k == i);
        wrg_front_ring_get(&rings[i], &response);
        assert_int_equal(response.id, 5);
        assert_int_equal(response.status, WRG_BLKIF_RSP_EOPNOTSUPP);
    }
}

static void index_out_of_range__stops_that_ring_only(void **state)
{
    const uint32_t far = 33;
    struct wrg_evtchn_send send;

    start_back(2);
    offer_queues(2);
    set(FRONT "/multi-queue-num-queues", "2");
    front_says("3");
    wrg_page_store_u32(g.front, rings[0].ring.page, WRG_WIRE_REQ_PROD, far, WRG_ORDER_RELEASE,
                       WRG_SITE_REQ_PROD);
    send.evtchn = ports[0];
    forget_events();
    assert_int_equal(wrg_port_evtchn_send(g.front, &send), 0);
    settle();
    assert_int_equal(count_events(WRG_EV_LOG), 1);
    assert_int_equal(count_events(WRG_EV_EVTCHN_EOI), 0); /* it can send what it likes */
    wrg_page_store_u32(g.front, rings[0].ring.page, WRG_WIRE_REQ_PROD, 0, WRG_ORDER_RELEASE,
                       WRG_SITE_REQ_PROD);
    ask(0);
    assert_int_equal(wrg_front_ring_pending(&rings[0]), 0);
    ask(1);
    assert_int_equal(wrg_front_ring_pending(&rings[1]), 1);
    assert_int_equal(count_events(WRG_EV_EVTCHN_EOI), 1);
    front_says("6");
    assert_string_equal(get(BACK "/state"), "6");
    assert_int_equal(count_of(&g.back_guest, WRG_LEDGER_MAPPINGS), 0);
}

/* ---- the frontend ---- */

static void start_front(const char *offered, uint8_t own)
{
    g.front->params.queues = own;
    if (offered)
        set(BACK "/multi-queue-max-queues", offered);
    offer_disk();
    start(&wrg_front_endpoint, g.front);
    back_says("2");
    assert_string_equal(get(FRONT "/state"), "3");
}

static void numbers_of_both_ends__the_smaller_one(void **state)
{
    static const struct {
        const char *offered; /* NULL: absent */
        uint8_t own;
        unsigned rings;
    } table[] = {
        { NULL, 4, 1 }, { "0", 4, 1 },  { "1", 4, 1 },    { "x", 4, 1 },     { "", 4, 1 },
        { "-2", 4, 1 }, { "3", 4, 3 },  { "3", 3, 3 },    { "3", 2, 2 },     { "3", 1, 1 },
        { "3", 0, 1 },  { "2x", 4, 2 }, { "77", 12, 12 }, { "77", 200, 12 },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(table); i++) {
        unsigned rings_there = table[i].rings;
        char number[12] = "";
        char path[96];
        if (i)
            assert_int_equal(setup(state), 0);
        start_front(table[i].offered, table[i].own);
        if (rings_there > 1)
            snprintf(number, sizeof(number), "%u", rings_there);
        assert_string_equal(get(FRONT "/multi-queue-num-queues"), number);
        /* One lies where it lay before there were several. */
        assert_int_equal(*get(FRONT "/ring-ref") != 0, rings_there == 1);
        assert_int_equal(*get(FRONT "/event-channel") != 0, rings_there == 1);
        for (unsigned k = 0; k < MOST + 1; k++) {
            bool there = rings_there > 1 && k < rings_there;
            snprintf(path, sizeof(path), FRONT "/queue-%u/ring-ref", k);
            assert_int_equal(*get(path) != 0, there);
            snprintf(path, sizeof(path), FRONT "/queue-%u/event-channel", k);
            assert_int_equal(*get(path) != 0, there);
        }
        assert_int_equal(count_of(&g.front_guest, WRG_LEDGER_GRANTS), rings_there);
        assert_int_equal(count_of(&g.front_guest, WRG_LEDGER_EVTCHNS), rings_there);
        if (i + 1 < WRG_ARRAY_LEN(table))
            teardown_guests(state);
    }
}

static void several_pages__order_at_the_top_and_pages_in_each_queue(void **state)
{
    g.front->params.ring_order = 1;
    set(BACK "/max-ring-page-order", "3");
    start_front("2", 2);
    assert_string_equal(get(FRONT "/ring-page-order"), "1");
    assert_string_not_equal(get(FRONT "/queue-0/ring-ref0"), "");
    assert_string_not_equal(get(FRONT "/queue-0/ring-ref1"), "");
    assert_string_not_equal(get(FRONT "/queue-1/ring-ref1"), "");
    assert_string_equal(get(FRONT "/queue-1/ring-ref"), "");
    assert_string_equal(get(FRONT "/queue-1/ring-ref2"), "");
    assert_string_equal(get(FRONT "/queue-1/ring-page-order"), "");
}

static void number_of_an_earlier_connection__removed(void **state)
{
    set(FRONT "/multi-queue-num-queues", "4");
    start_front("1", 4);
    assert_string_equal(get(FRONT "/multi-queue-num-queues"), "");
}

/* From a kernel, or a firmware, that has left them behind. */
static void device_taken_over__nodes_of_its_queues_are_removed(void **state)
{
    set(FRONT "/multi-queue-num-queues", "2");
    set(FRONT "/queue-0/ring-ref", "8");
    set(FRONT "/queue-1/event-channel", "9");
    set(FRONT "/state", "4");
    set(BACK "/state", "4");
    start(&wrg_front_endpoint, g.front); /* walks as far as it can: the backend has its time */
    assert_string_equal(get(FRONT "/multi-queue-num-queues"), "");
    assert_string_equal(get(FRONT "/queue-0/ring-ref"), "");
    assert_string_equal(get(FRONT "/queue-1/event-channel"), "");
}

/* A call of the nth queue is refused: nothing of the others is left. */
static void last_queue_cannot_be_set_up__none_is(void **state)
{
    static const enum wrg_fault_site sites[] = { WRG_FAULT_ALLOC, WRG_FAULT_PAGE_ALLOC,
                                                 WRG_FAULT_GNTTAB_GRANT, WRG_FAULT_EVTCHN_ALLOC };

    for (size_t i = 0; i < WRG_ARRAY_LEN(sites); i++) {
        if (i)
            assert_int_equal(setup(state), 0);
        const struct wrg_fault_rule rule = { .site = sites[i],
                                             .nth = 3 + (sites[i] == WRG_FAULT_ALLOC),
                                             .count = 1,
                                             .status = -ENOSPC };
        g.front->params.queues = 3;
        set(BACK "/multi-queue-max-queues", "3");
        offer_disk();
        assert_true(wrg_fault_add(&t.fault, &rule));
        wrg_fault_enable(&t.fault, true);
        start(&wrg_front_endpoint, g.front);
        back_says("2");
        assert_string_equal(get(FRONT "/state"), "6"); /* nobody followed it into Closing */
        assert_string_equal(get(FRONT "/multi-queue-num-queues"), "");
        assert_int_equal(count_of(&g.front_guest, WRG_LEDGER_GRANTS), 0);
        assert_int_equal(count_of(&g.front_guest, WRG_LEDGER_EVTCHNS), 0);
        assert_int_equal(count_of(&g.front_guest, WRG_LEDGER_PAGES), 0);
        assert_int_equal(count_of(&g.front_guest, WRG_LEDGER_HEAP_BLOCKS), 1);
        if (i + 1 < WRG_ARRAY_LEN(sites))
            teardown_guests(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(one_queue__backend_does_not_speak_of_them),
        T(several_queues__backend_offers_them_and_takes_that_back),
        T(number_of_queues__taken_or_refused),
        T(bad_queue__none_comes_up_and_the_next_connection_does),
        T(queues_of_an_earlier_connection__are_not_looked_at),
        T(ring_page_order__is_that_of_each_queue),
        T(request_in_each_queue__answered_there),
        T(index_out_of_range__stops_that_ring_only),
        T(numbers_of_both_ends__the_smaller_one),
        T(several_pages__order_at_the_top_and_pages_in_each_queue),
        T(number_of_an_earlier_connection__removed),
        T(device_taken_over__nodes_of_its_queues_are_removed),
        T(last_queue_cannot_be_set_up__none_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
