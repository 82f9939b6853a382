/* SPDX-License-Identifier: MIT */
/* What XSA-332 asks of a kernel: spurious events are slowed down, honest ones are not. */
#include "guest/test_guest.h"

static struct {
    uint32_t front, back; /* ports of a bound pair */
    uint32_t task;
    uint32_t runs;
    bool give, spurious; /* whether the handler gives an EOI, and what it says */
    uint32_t again;      /* events that the peer sends right after an EOI */
    uint64_t ran_at_ns;
} l;

static int send_event(void)
{
    struct wrg_evtchn_send args = { .evtchn = l.back };

    return wrg_port_evtchn_send(g.back, &args);
}

static void eoi_of(uint32_t port, bool spurious)
{
    struct wrg_evtchn_eoi args = { .evtchn = port, .spurious = spurious };

    assert_int_equal(wrg_port_evtchn_eoi(g.front, &args), 0);
}

static void on_event(void *arg)
{
    l.runs++;
    l.ran_at_ns = wrg_sched_now(&t.sched);
    if (!l.give)
        return;
    eoi_of(l.front, l.spurious);
    for (; l.again; l.again--)
        assert_int_equal(send_event(), 0);
}

static void open_pair(void)
{
    struct wrg_evtchn_alloc_unbound alloc = { .remote_domid = WRG_DOM_BACK };
    struct wrg_evtchn_bind_interdomain bind = { .remote_domid = WRG_DOM_FRONT };

    assert_int_equal(wrg_port_evtchn_alloc_unbound(g.front, &alloc), 0);
    struct wrg_evtchn_listen listen = { .evtchn = alloc.evtchn, .task = l.task };
    bind.remote_evtchn = alloc.evtchn;
    assert_int_equal(wrg_port_evtchn_bind_interdomain(g.back, &bind), 0);
    assert_int_equal(wrg_port_evtchn_listen(g.front, &listen), 0);
    l.front = alloc.evtchn;
    l.back = bind.evtchn;
}

static int setup(void **state)
{
    memset(&l, 0, sizeof(l));
    if (setup_guests(state))
        return -1;
    l.task = make_task(g.front, on_event, NULL, true);
    l.give = l.spurious = true;
    open_pair();
    return 0;
}

#define L(f) cmocka_unit_test_setup_teardown(f, setup, teardown_guests)

/* One event, and all that follows from it; the delay of its EOI. */
static uint64_t event_delay_jiffies(void)
{
    forget_events();
    assert_int_equal(send_event(), 0);
    run_idle();
    assert_int_equal(count_events(WRG_EV_EVTCHN_EOI), 1);
    return nth_event(WRG_EV_EVTCHN_EOI, 0)->ev.c;
}

static uint64_t now_jiffies(void)
{
    return wrg_sched_now(&t.sched) / WRG_JIFFY_NS;
}

/* ---- how long ---- */

static void spurious_events__delay_doubles_up_to_a_second(void **state)
{
    static const uint64_t want[] = { 0, 1, 2, 4, 8, 16, 32, 64, 128, 250, 250, 250 };

    for (size_t i = 0; i < WRG_ARRAY_LEN(want); i++) {
        uint64_t before = now_jiffies();
        assert_int_equal(event_delay_jiffies(), want[i]);
        assert_int_equal(now_jiffies() - before, want[i]);
        assert_int_equal(l.runs, i + 1);
    }
    assert_int_equal(WRG_JIFFY_NS * WRG_JIFFIES_PER_SECOND, 1000000000);
}

static void many_spurious_events__delay_stays_a_second(void **state)
{
    for (unsigned i = 0; i < 600; i++)
        (void)event_delay_jiffies();
    assert_int_equal(event_delay_jiffies(), WRG_JIFFIES_PER_SECOND);
}

static void event_with_work__count_starts_again(void **state)
{
    assert_int_equal(event_delay_jiffies(), 0);
    assert_int_equal(event_delay_jiffies(), 1);
    l.spurious = false;
    assert_int_equal(event_delay_jiffies(), 0);
    l.spurious = true;
    assert_int_equal(event_delay_jiffies(), 0);
    assert_int_equal(event_delay_jiffies(), 1);
}

static void higher_threshold__more_is_forgiven(void **state)
{
    g.front_guest.knobs.spurious_threshold = 3;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(event_delay_jiffies(), 0);
    assert_int_equal(event_delay_jiffies(), 1);
    assert_int_equal(event_delay_jiffies(), 2);
}

static void events_with_work__never_delayed(void **state)
{
    l.spurious = false;
    for (unsigned i = 0; i < 2000; i++)
        assert_int_equal(event_delay_jiffies(), 0);
    assert_int_equal(now_jiffies(), 0);
    assert_int_equal(g.front_guest.state.late.task, 0); /* no task is made for nothing */
}

/* ---- masked meanwhile ---- */

static void event_before_the_eoi__masked(void **state)
{
    l.give = false;
    assert_int_equal(send_event(), 0);
    run_idle();
    assert_int_equal(send_event(), 0);
    run_idle();
    assert_int_equal(l.runs, 1);
    eoi_of(l.front, false);
    run_idle();
    assert_int_equal(l.runs, 2);
}

static void event_behind_a_delayed_eoi__comes_when_that_is_due(void **state)
{
    (void)event_delay_jiffies();
    l.again = 3; /* coalesce */
    assert_int_equal(send_event(), 0);
    run_idle(); /* the world is not quiet before that */
    assert_int_equal(l.runs, 3);
    assert_int_equal(l.ran_at_ns, WRG_JIFFY_NS);
}

static void delayed_eoi_with_nothing_pending__wakes_no_driver(void **state)
{
    for (unsigned i = 0; i < 3; i++)
        (void)event_delay_jiffies();
    assert_int_equal(l.runs, 3);
    assert_int_equal(now_jiffies(), 3);
    assert_int_equal(nth_event(WRG_EV_EVTCHN_LATE_EOI, 0)->ev.b, 0);
    assert_int_equal(t.front->evtchns.ports[l.front].held, 0);
}

static void see_blocks(void *arg)
{
    uint64_t *due = arg;

    assert_false(wrg_late_eoi_blocks(&g.front_guest, due)); /* delayed, but nothing behind it */
    assert_int_equal(send_event(), 0);
    assert_true(wrg_late_eoi_blocks(&g.front_guest, due));
}

static void event_behind_a_delayed_eoi__blocks(void **state)
{
    uint64_t due = 0;

    (void)event_delay_jiffies();
    l.give = false;
    assert_int_equal(send_event(), 0);
    run_idle();
    eoi_of(l.front, true);
    l.give = true;
    make_task(g.back, see_blocks, &due, false);
    run_idle();
    assert_int_equal(due, WRG_JIFFY_NS);
    assert_int_equal(l.runs, 3);
    assert_false(wrg_late_eoi_blocks(&g.front_guest, &due));
}

/* ---- what counts ---- */

static void eoi_without_an_event__does_not_count(void **state)
{
    for (unsigned i = 0; i < 5; i++)
        eoi_of(l.front, true);
    assert_int_equal(wrg_late_eoi_stats(&g.front_guest).spurious_events, 0);
    assert_int_equal(event_delay_jiffies(), 0);
}

static void eoi_of_a_task_that_has_not_looked__does_not_count(void **state)
{
    for (unsigned i = 0; i < 5; i++) {
        l.give = false;
        assert_int_equal(send_event(), 0);
        eoi_of(l.front, true); /* woken, and not run yet */
        run_idle();
    }
    assert_int_equal(wrg_late_eoi_stats(&g.front_guest).spurious_events, 0);
    l.give = true;
    assert_int_equal(event_delay_jiffies(), 0);
}

static void second_eoi_while_delayed__does_not_shorten_it(void **state)
{
    (void)event_delay_jiffies();
    l.give = false;
    assert_int_equal(send_event(), 0);
    run_idle();
    eoi_of(l.front, true);
    eoi_of(l.front, false);
    assert_int_equal(send_event(), 0);
    assert_int_equal(l.runs, 2);
    run_idle();
    assert_int_equal(l.runs, 3);
    assert_int_equal(l.ran_at_ns, WRG_JIFFY_NS);
}

static void counters__as_a_kernel_shows_them(void **state)
{
    for (unsigned i = 0; i < 4; i++)
        (void)event_delay_jiffies();
    l.spurious = false;
    (void)event_delay_jiffies();
    struct wrg_event_stats front = wrg_late_eoi_stats(&g.front_guest);
    struct wrg_event_stats back = wrg_late_eoi_stats(&g.back_guest);
    assert_int_equal(front.events, 5);
    assert_int_equal(front.spurious_events, 4);
    assert_int_equal(front.jiffies_eoi_delayed, 0 + 1 + 2 + 4);
    assert_int_equal(front.event_channels, 1);
    assert_int_equal(back.events + back.spurious_events + back.jiffies_eoi_delayed, 0);
    assert_int_equal(back.event_channels, 1);
}

/* ---- the loop of upcalls ---- */

static void loop_without_end__all_eois_are_deferred(void **state)
{
    l.spurious = false;
    g.front_guest.knobs.event_cost_ns = 2 * WRG_JIFFY_NS / 256 + 1;
    for (unsigned i = 1; i < 512; i++)
        assert_int_equal(event_delay_jiffies(), 0);
    assert_int_equal(event_delay_jiffies(), 10); /* event_eoi_delay */
    assert_int_equal(now_jiffies(), 10);
    assert_int_equal(event_delay_jiffies(), 0); /* there was a pause, this is another loop */
    assert_int_equal(wrg_late_eoi_stats(&g.front_guest).jiffies_eoi_delayed, 0);
}

static void loop_within_its_timeout__nothing_is_deferred(void **state)
{
    l.spurious = false;
    g.front_guest.knobs.event_cost_ns = 2 * WRG_JIFFY_NS / 256; /* exactly event_loop_timeout */
    for (unsigned i = 0; i < 700; i++)
        assert_int_equal(event_delay_jiffies(), 0);
}

/* ---- ends ---- */

/* The next EOI is delayed, and nothing has run since. */
static void delay_one(void)
{
    (void)event_delay_jiffies();
    l.give = false;
    assert_int_equal(send_event(), 0);
    run_idle();
    eoi_of(l.front, true);
    assert_int_equal(g.front_guest.state.late.count, 1);
}

static void close_while_delayed__next_port_is_not_held(void **state)
{
    struct wrg_evtchn_close close = { .evtchn = l.front };

    delay_one();
    assert_int_equal(wrg_port_evtchn_close(g.front, &close), 0);
    open_pair();
    assert_int_equal(l.front, close.evtchn);
    assert_int_equal(send_event(), 0);
    run_idle();
    assert_int_equal(l.runs, 3);
    assert_int_equal(now_jiffies(), 0); /* no timer is left */
}

static void reset_while_delayed__forgotten(void **state)
{
    struct wrg_evtchn_reset reset = { .domid = 0 };

    delay_one();
    assert_int_equal(wrg_port_evtchn_reset(g.front, &reset), 0);
    run_idle();
    assert_int_equal(now_jiffies(), 0);
    assert_int_equal(wrg_late_eoi_stats(&g.front_guest).event_channels, 0);
}

static void port_closed_from_outside_while_delayed__passed_over(void **state)
{
    struct wrg_evtchn_close close = { .evtchn = l.front };

    delay_one();
    assert_int_equal(wrg_evtchn_close(&t.xen, t.front, &close), 0);
    run_idle();
    assert_int_equal(count_events(WRG_EV_EVTCHN_LATE_EOI), 0);
    assert_int_equal(g.front_guest.state.late.count, 0);
}

static void domain_dies_while_delayed__nothing_runs(void **state)
{
    delay_one();
    wrg_xen_kill_domain(&t.xen, WRG_DOM_FRONT);
    run_idle();
    assert_int_equal(l.runs, 2);
    assert_int_equal(now_jiffies(), 0);
}

static void more_ports_than_can_wait__the_rest_is_not_delayed(void **state)
{
    enum { PAIRS = WRG_LATE_EOIS + 1 };
    uint32_t ports[PAIRS];

    l.give = false;
    for (unsigned i = 0; i < PAIRS; i++) {
        if (i)
            open_pair();
        ports[i] = l.front;
        for (unsigned k = 0; k < 2; k++) {
            assert_int_equal(send_event(), 0);
            t.sched.tasks[l.task].pending = false; /* as if it had run: time must stand still */
            if (k == 0)
                eoi_of(l.front, true);
        }
    }
    forget_events();
    for (unsigned i = 0; i < PAIRS; i++)
        eoi_of(ports[i], true);
    assert_int_equal(nth_event(WRG_EV_EVTCHN_EOI, PAIRS - 2)->ev.c, 1);
    assert_int_equal(nth_event(WRG_EV_EVTCHN_EOI, PAIRS - 1)->ev.c, 0);
    run_idle();
    assert_int_equal(count_events(WRG_EV_EVTCHN_LATE_EOI), WRG_LATE_EOIS);
}

static void snapshot__counts_come_back(void **state)
{
    (void)event_delay_jiffies();
    (void)event_delay_jiffies();
    struct wrg_guest_saved *guest = wrg_guest_save(&g.front_guest);
    struct wrg_xen_saved *xen = wrg_xen_save(&t.xen);
    struct wrg_event_stats want = wrg_late_eoi_stats(&g.front_guest);
    assert_int_equal(event_delay_jiffies(), 2);
    wrg_xen_restore(&t.xen, xen);
    wrg_guest_restore(&g.front_guest, guest);
    struct wrg_event_stats got = wrg_late_eoi_stats(&g.front_guest);
    assert_int_equal(got.events, want.events);
    assert_int_equal(got.spurious_events, want.spurious_events);
    assert_int_equal(got.jiffies_eoi_delayed, want.jiffies_eoi_delayed);
    assert_int_equal(event_delay_jiffies(), 2);
    wrg_guest_saved_free(guest);
    wrg_xen_saved_free(xen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        L(spurious_events__delay_doubles_up_to_a_second),
        L(many_spurious_events__delay_stays_a_second),
        L(event_with_work__count_starts_again),
        L(higher_threshold__more_is_forgiven),
        L(events_with_work__never_delayed),
        L(event_before_the_eoi__masked),
        L(event_behind_a_delayed_eoi__comes_when_that_is_due),
        L(delayed_eoi_with_nothing_pending__wakes_no_driver),
        L(event_behind_a_delayed_eoi__blocks),
        L(eoi_without_an_event__does_not_count),
        L(eoi_of_a_task_that_has_not_looked__does_not_count),
        L(second_eoi_while_delayed__does_not_shorten_it),
        L(counters__as_a_kernel_shows_them),
        L(loop_without_end__all_eois_are_deferred),
        L(loop_within_its_timeout__nothing_is_deferred),
        L(close_while_delayed__next_port_is_not_held),
        L(reset_while_delayed__forgotten),
        L(port_closed_from_outside_while_delayed__passed_over),
        L(domain_dies_while_delayed__nothing_runs),
        L(more_ports_than_can_wait__the_rest_is_not_delayed),
        L(snapshot__counts_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
