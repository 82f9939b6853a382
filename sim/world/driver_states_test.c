/* SPDX-License-Identifier: MIT */
/*
 * The state machines of the reference drivers, one driver at a time: what it does in each of its
 * states when the other end, which is domain 0's writes here, comes to each of its own.
 */
#include "world/driver_fixture.h"

/* ---- the backend ---- */

struct step {
    const char *own, *event, *then;
};

/* `removed` for the other end's directory. */
static const struct step back_steps[] = {
    { "1", "1", "2" },  { "2", "1", "2" },  { "4", "1", "4" }, { "5", "1", "5" }, { "6", "1", "2" },
    { "1", "2", "5" },  { "2", "2", "5" },  { "4", "2", "5" }, { "5", "2", "5" }, { "6", "2", "6" },
    { "1", "3", "4" },  { "2", "3", "4" },  { "4", "3", "4" }, { "5", "3", "5" }, { "6", "3", "4" },
    { "1", "4", "4" },  { "2", "4", "4" },  { "4", "4", "4" }, { "5", "4", "5" }, { "6", "4", "4" },
    { "1", "5", "5" },  { "2", "5", "5" },  { "4", "5", "5" }, { "5", "5", "5" }, { "6", "5", "5" },
    { "1", "6", "6" },  { "2", "6", "6" },  { "4", "6", "6" }, { "5", "6", "6" }, { "6", "6", "6" },
    { "1", "7", "5" },  { "2", "7", "5" },  { "4", "7", "5" }, { "5", "7", "5" }, { "6", "7", "6" },
    { "1", "8", "5" },  { "2", "8", "5" },  { "4", "8", "5" }, { "5", "8", "5" }, { "6", "8", "6" },
    { "4", "99", "5" }, { "4", "-1", "5" },
};

static void back_in_each_state__each_frontend_state(void **state)
{
    for (size_t i = 0; i < WRG_ARRAY_LEN(back_steps); i++) {
        const struct step *step = &back_steps[i];
        if (i)
            assert_int_equal(setup(state), 0);
        back_in(step->own);
        front_says(step->event);
        if (strcmp(get(BACK "/state"), step->then) != 0)
            fail_msg("backend in %s, frontend comes to %s: %s, not %s", step->own, step->event,
                     get(BACK "/state"), step->then);
        if (i + 1 < WRG_ARRAY_LEN(back_steps))
            teardown_guests(state);
    }
}

static void frontend_directory_removed__backend_closes_for_good(void **state)
{
    static const char *const owns[] = { "1", "2", "4", "5", "6" };

    for (size_t i = 0; i < WRG_ARRAY_LEN(owns); i++) {
        if (i)
            assert_int_equal(setup(state), 0);
        back_in(owns[i]);
        take(FRONT "/state");
        settle();
        assert_string_equal(get(BACK "/state"), "6");
        front_says("1"); /* nobody listens any more */
        assert_string_equal(get(BACK "/state"), "6");
        if (i + 1 < WRG_ARRAY_LEN(owns))
            teardown_guests(state);
    }
}

static void closed_while_offline__backend_is_gone(void **state)
{
    back_in("4");
    set(BACK "/online", "0");
    front_says("6");
    assert_string_equal(get(BACK "/state"), "6");
    set(BACK "/online", "1");
    front_says("1");
    assert_string_equal(get(BACK "/state"), "6");
}

static void frontend_in_a_senseless_state__error_node(void **state)
{
    back_in("4");
    front_says("7");
    assert_string_equal(get("/local/domain/2/error/backend/vbd/1/51712/error"),
                        "22 frontend in a state it cannot be in");
}

static void no_device_yet__announced_but_not_connected(void **state)
{
    offer_ring();
    start(&wrg_back_endpoint, g.back);
    assert_string_equal(get(BACK "/state"), "2");
    assert_string_equal(get(BACK "/feature-max-indirect-segments"), "32");
    assert_string_equal(get(BACK "/sectors"), "");
    front_says("3");
    assert_string_equal(get(BACK "/state"), "2");
    set(BACK "/hotplug-status", "connected"); /* which this backend does not look at */
    settle();
    assert_string_equal(get(BACK "/state"), "2");
    hotplug();
    settle();
    assert_string_equal(get(BACK "/state"), "4");
    assert_string_equal(get(BACK "/sectors"), "77");
}

static void device_named_wrongly__error_node(void **state)
{
    set(BACK "/physical-device", "nonsense");
    start(&wrg_back_endpoint, g.back);
    assert_string_equal(get(BACK "/state"), "5");
    assert_memory_equal(get("/local/domain/2/error/backend/vbd/1/51712/error"), "34 ", 3);
}

static void other_device_later__refused_with_a_warning(void **state)
{
    back_in("4");
    forget_events();
    set(BACK "/physical-device", "8:1");
    settle();
    assert_int_equal(count_events(WRG_EV_LOG), 1);
    assert_string_equal(get(BACK "/state"), "4");
    forget_events();
    set(BACK "/physical-device", "ca:1"); /* what it was */
    settle();
    assert_int_equal(count_events(WRG_EV_LOG), 0);
}

static void mode_without_w__read_only(void **state)
{
    static const struct {
        const char *mode, *info;
    } table[] = { { "w", "0" }, { "r", "4" }, { "!w", "0" }, { "", "4" } };

    for (size_t i = 0; i < WRG_ARRAY_LEN(table); i++) {
        if (i)
            assert_int_equal(setup(state), 0);
        set(BACK "/mode", table[i].mode);
        back_in("4");
        assert_string_equal(get(BACK "/info"), table[i].info);
        if (i + 1 < WRG_ARRAY_LEN(table))
            teardown_guests(state);
    }
}

static void mode_missing__error_node(void **state)
{
    take(BACK "/mode");
    hotplug();
    start(&wrg_back_endpoint, g.back);
    assert_string_equal(get(BACK "/state"), "5");
    assert_memory_equal(get("/local/domain/2/error/backend/vbd/1/51712/error"), "2 ", 2);
}

static void limit_not_offered_any_more__node_is_removed(void **state)
{
    set(BACK "/feature-max-indirect-segments", "256");
    g.back->params.indirect_absent = true;
    back_in("4");
    assert_string_equal(get(BACK "/feature-max-indirect-segments"), "");
}

static void stale_ring_page_order__single_page_is_not_found(void **state)
{
    set(FRONT "/ring-page-order", "2"); /* of an earlier owner: ring-ref is another name then */
    hotplug();
    offer_ring();
    start(&wrg_back_endpoint, g.back);
    front_says("3");
    assert_string_equal(get(BACK "/state"), "5");
    assert_memory_equal(get("/local/domain/2/error/backend/vbd/1/51712/error"), "2 ", 2);
}

static void ring_page_order_that_is_no_number__single_page(void **state)
{
    set(FRONT "/ring-page-order", "x");
    back_in("4");
}

static void ring_page_order_beyond_the_offer__error_node(void **state)
{
    set(FRONT "/ring-page-order", "5");
    hotplug();
    offer_ring();
    start(&wrg_back_endpoint, g.back);
    front_says("3");
    assert_string_equal(get(BACK "/state"), "5");
    assert_memory_equal(get("/local/domain/2/error/backend/vbd/1/51712/error"), "22 ", 3);
}

/* ---- the frontend ---- */

static const struct step front_steps[] = {
    { "1", "1", "1" }, { "3", "1", "3" }, { "4", "1", "4" },  { "6", "1", "6" },  { "1", "2", "3" },
    { "3", "2", "3" }, { "4", "2", "4" }, { "6", "2", "6" },  { "1", "3", "1" },  { "3", "3", "3" },
    { "4", "3", "4" }, { "6", "3", "6" }, { "1", "4", "4" },  { "3", "4", "4" },  { "4", "4", "4" },
    { "6", "4", "6" }, { "1", "5", "6" }, { "3", "5", "6" },  { "4", "5", "6" },  { "6", "5", "6" },
    { "1", "6", "1" }, { "3", "6", "6" }, { "4", "6", "6" },  { "6", "6", "6" },  { "1", "7", "1" },
    { "3", "7", "3" }, { "4", "7", "4" }, { "6", "7", "6" },  { "1", "8", "1" },  { "3", "8", "3" },
    { "4", "8", "4" }, { "6", "8", "6" }, { "4", "99", "4" }, { "4", "-1", "4" },
};

static void front_in_each_state__each_backend_state(void **state)
{
    for (size_t i = 0; i < WRG_ARRAY_LEN(front_steps); i++) {
        const struct step *step = &front_steps[i];
        if (i)
            assert_int_equal(setup(state), 0);
        front_in(step->own);
        assert_string_equal(get(FRONT "/state"), step->own);
        back_says(step->event);
        if (strcmp(get(FRONT "/state"), step->then) != 0)
            fail_msg("frontend in %s, backend comes to %s: %s, not %s", step->own, step->event,
                     get(FRONT "/state"), step->then);
        if (i + 1 < WRG_ARRAY_LEN(front_steps))
            teardown_guests(state);
    }
}

static void commits_that_fail__nothing_of_the_ring_is_published(void **state)
{
    const struct wrg_fault_rule rule = {
        .site = WRG_FAULT_XS_TRANSACTION_END, .nth = 1, .count = 1000, .status = -ENOSPC
    };

    offer_disk();
    start(&wrg_front_endpoint, g.front);
    assert_true(wrg_fault_add(&t.fault, &rule));
    wrg_fault_enable(&t.fault, true);
    set(BACK "/state", "2");
    settle();
    assert_string_equal(get(FRONT "/ring-ref"), "");
    assert_string_equal(get(FRONT "/event-channel"), "");
    assert_string_equal(get(FRONT "/protocol"), "");
}

static void ring_offered__nodes_are_there_with_the_state(void **state)
{
    front_in("3");
    assert_string_equal(get(FRONT "/ring-page-order"), "");
    assert_string_not_equal(get(FRONT "/ring-ref"), "");
    assert_string_not_equal(get(FRONT "/event-channel"), "");
    assert_string_equal(get(FRONT "/protocol"), "x86_64-abi");
}

static void request__handle_is_the_end_of_the_directory(void **state)
{
    struct wrg_vec vec = { .len = 512 };
    struct wrg_io io = { .tag = 1, .nvec = 1, .op = WRG_IO_READ, .vec = &vec };
    uint16_t handle = 0;
    uint32_t gref = WRG_NO_GREF;

    front_in("4");
    vec.page = port_pages(g.front, 1);
    assert_int_equal(wrg_front_endpoint.submit(self, &io), 0);
    settle();
    assert_int_equal(wrg_scan_u32(get(FRONT "/ring-ref"), &gref), 0);
    const struct map_result ring = map_gref(t.back, WRG_DOM_FRONT, gref, false);
    assert_int_equal(ring.status, 0);
    memcpy(&handle, bytes_of(t.back, ring.page) + 64 + 2, sizeof(handle));
    assert_int_equal(handle, 51712);
}

static void backend_directory_removed__frontend_closes(void **state)
{
    front_in("4");
    assert_int_equal(g.readies, 1);
    take(BACK "/state");
    settle();
    assert_string_equal(get(FRONT "/state"), "6");
    assert_int_equal(g.gones, 1);
}

static void connected_written_again__size_is_read_again(void **state)
{
    front_in("4");
    back_says("4");
    assert_int_equal(g.readies, 1);
    set(BACK "/sectors", "128");
    back_says("4");
    assert_int_equal(g.readies, 2);
    set(BACK "/sectors", "0");
    back_says("4");
    assert_int_equal(g.readies, 2);
}

static void front_that_finds_a_connection__walks_it_to_its_end(void **state)
{
    offer_disk();
    set(FRONT "/state", "4");
    set(FRONT "/ring-page-order", "3");
    set(FRONT "/ring-ref0", "8");
    set(BACK "/state", "4");
    t.sched.now_ns = 0;
    start(&wrg_front_endpoint, g.front);
    /* The backend does nothing, and has 5 s for each step. */
    assert_int_equal(t.sched.now_ns, UINT64_C(15000000000));
    assert_string_equal(get(FRONT "/ring-page-order"), "");
    assert_string_equal(get(FRONT "/ring-ref0"), "");
}

static void front_of_firmware__leaves_the_device_as_it_was_found(void **state)
{
    g.front->params.handoff = true;
    front_in("4");
    wrg_front_endpoint.detach(self);
    set(BACK "/state", "5");
    settle();
    assert_string_equal(get(FRONT "/state"), "6");
    set(BACK "/state", "6");
    settle();
    assert_string_equal(get(FRONT "/state"), "1");
    back_says("2");
    assert_string_equal(get(FRONT "/state"), "1");
    assert_string_equal(get(FRONT "/ring-ref"), "");
    assert_string_equal(get(FRONT "/event-channel"), "");
    assert_string_equal(get(FRONT "/protocol"), "");
}

static void guest_moved__set_up_anew_with_the_next_backend(void **state)
{
    const struct wrg_vbd_spec spec = { .id = xvda };

    front_in("4");
    assert_int_equal(wrg_toolstack_add_vbd(t.xen.store, dom0().conn, &spec), 0);
    wrg_front_endpoint.resume(self);
    settle();
    assert_string_equal(get(FRONT "/state"), "1");
    offer_disk();
    back_says("2");
    assert_string_equal(get(FRONT "/state"), "3");
    back_says("4");
    assert_string_equal(get(FRONT "/state"), "4");
    assert_int_equal(g.readies, 2);
    assert_int_equal(g.gones, 0);
    assert_int_equal(g.front_guest.dom->gnttab.given, 1); /* the ring's, and not two */
}

/* The backend has bound the channel, and does not say that it is connected. */
static void event_before_the_ring_is_up__counted_as_spurious(void **state)
{
    struct wrg_evtchn_bind_interdomain bind = { .remote_domid = WRG_DOM_FRONT };

    front_in("3");
    bind.remote_evtchn = (uint32_t)strtoul(get(FRONT "/event-channel"), NULL, 10);
    assert_int_equal(wrg_port_evtchn_bind_interdomain(g.back, &bind), 0);
    for (uint64_t n = 1; n <= 2; n++) { /* without the EOI of the first there is no second */
        struct wrg_evtchn_send send = { .evtchn = bind.evtchn };
        assert_int_equal(wrg_port_evtchn_send(g.back, &send), 0);
        settle();
        assert_int_equal(wrg_late_eoi_stats(&g.front_guest).spurious_events, n);
    }
    assert_string_equal(get(FRONT "/state"), "3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(back_in_each_state__each_frontend_state),
        T(frontend_directory_removed__backend_closes_for_good),
        T(closed_while_offline__backend_is_gone),
        T(frontend_in_a_senseless_state__error_node),
        T(no_device_yet__announced_but_not_connected),
        T(device_named_wrongly__error_node),
        T(other_device_later__refused_with_a_warning),
        T(mode_without_w__read_only),
        T(mode_missing__error_node),
        T(limit_not_offered_any_more__node_is_removed),
        T(stale_ring_page_order__single_page_is_not_found),
        T(ring_page_order_that_is_no_number__single_page),
        T(ring_page_order_beyond_the_offer__error_node),
        T(front_in_each_state__each_backend_state),
        T(commits_that_fail__nothing_of_the_ring_is_published),
        T(ring_offered__nodes_are_there_with_the_state),
        T(request__handle_is_the_end_of_the_directory),
        T(backend_directory_removed__frontend_closes),
        T(connected_written_again__size_is_read_again),
        T(front_that_finds_a_connection__walks_it_to_its_end),
        T(front_of_firmware__leaves_the_device_as_it_was_found),
        T(event_before_the_ring_is_up__counted_as_spurious),
        T(guest_moved__set_up_anew_with_the_next_backend),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
