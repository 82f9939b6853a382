/* SPDX-License-Identifier: MIT */
/* Errors and effects follow xen/event_channel.h and Xen's event_channel_op. */
#include "xen/test_xen.h"

static struct {
    uint32_t front, back; /* ports of a bound pair */
    int front_task, back_task;
    uint32_t front_runs, back_runs;
} e;

static void on_front(void *arg)
{
    (void)arg;
    e.front_runs++;
}

static void on_back(void *arg)
{
    (void)arg;
    e.back_runs++;
}

static int make_worker(void (*fn)(void *), uint8_t role)
{
    const struct wrg_task_args args = { .fn = fn, .name = "w", .role = role, .worker = true };
    int task = wrg_sched_task_create(&t.sched, &args);

    assert_true(task >= 0);
    return task;
}

static void run(void)
{
    assert_int_equal(wrg_sched_run(&t.sched), WRG_SCHED_IDLE);
}

static uint32_t alloc_port(struct wrg_domain *dom, uint16_t remote)
{
    struct wrg_evtchn_alloc_unbound args = { .remote_domid = remote };

    assert_int_equal(wrg_evtchn_alloc_unbound(&t.xen, dom, &args), 0);
    return args.evtchn;
}

static int bind(struct wrg_domain *dom, uint16_t remote, uint32_t port, uint32_t *out)
{
    struct wrg_evtchn_bind_interdomain args = { .remote_domid = remote, .remote_evtchn = port };
    int result = wrg_evtchn_bind_interdomain(&t.xen, dom, &args);

    if (out)
        *out = args.evtchn;
    return result;
}

/* Port operations by name, so that tables can hold them. */
enum op { LISTEN, SEND, MASK, UNMASK, EOI, CLOSE, NR_OPS };

static int op(enum op what, struct wrg_domain *dom, uint32_t port)
{
    struct wrg_evtchn_listen listen = { .evtchn = port, .task = (uint32_t)e.front_task };
    struct wrg_evtchn_send send = { .evtchn = port };
    struct wrg_evtchn_mask mask = { .evtchn = port };
    struct wrg_evtchn_unmask unmask = { .evtchn = port };
    struct wrg_evtchn_eoi eoi = { .evtchn = port };
    struct wrg_evtchn_close close = { .evtchn = port };

    switch (what) {
    case LISTEN: return wrg_evtchn_listen(&t.xen, dom, &listen);
    case SEND: return wrg_evtchn_send(&t.xen, dom, &send);
    case MASK: return wrg_evtchn_mask(&t.xen, dom, &mask);
    case UNMASK: return wrg_evtchn_unmask(&t.xen, dom, &unmask);
    case EOI: return wrg_evtchn_eoi(&t.xen, dom, &eoi);
    default: return wrg_evtchn_close(&t.xen, dom, &close);
    }
}

static uint8_t status_of(struct wrg_domain *dom, uint32_t port)
{
    struct wrg_evtchn_status args = { .evtchn = port };

    assert_int_equal(wrg_evtchn_status(&t.xen, dom, &args), 0);
    return args.status;
}

/* A bound pair with a task at each end, the initial event of the binding consumed. */
static int setup_pair(void **state)
{
    if (setup_xen(state))
        return -1;
    memset(&e, 0, sizeof(e));
    e.front_task = make_worker(on_front, WRG_ROLE_FRONT);
    e.back_task = make_worker(on_back, WRG_ROLE_BACK);
    e.front = alloc_port(t.front, WRG_DOM_BACK);
    assert_int_equal(bind(t.back, WRG_DOM_FRONT, e.front, &e.back), 0);
    assert_int_equal(op(LISTEN, t.front, e.front), 0);
    struct wrg_evtchn_listen listen = { .evtchn = e.back, .task = (uint32_t)e.back_task };
    assert_int_equal(wrg_evtchn_listen(&t.xen, t.back, &listen), 0);
    run();
    assert_int_equal(op(EOI, t.back, e.back), 0);
    run();
    return 0;
}

#define P(f) cmocka_unit_test_setup_teardown(f, setup_pair, teardown_xen)

static void binding__leaves_new_port_pending(void **state)
{
    (void)state;
    assert_int_equal(e.back_runs, 1); /* at listen, in setup */
    assert_int_equal(e.front_runs, 0);
    assert_int_equal(status_of(t.front, e.front), EVTCHNSTAT_interdomain);
    assert_int_equal(status_of(t.back, e.back), EVTCHNSTAT_interdomain);
}

static void alloc_unbound__lowest_port_from_1(void **state)
{
    (void)state;
    assert_int_equal(alloc_port(t.front, WRG_DOM_BACK), 1);
    assert_int_equal(alloc_port(t.front, WRG_DOM_FRONT), 2); /* remote may be self */
    assert_int_equal(status_of(t.front, 1), EVTCHNSTAT_unbound);
    assert_int_equal(status_of(t.front, 3), EVTCHNSTAT_closed);
}

static void alloc_unbound_for_no_domain__esrch(void **state)
{
    struct wrg_evtchn_alloc_unbound args = { .remote_domid = 99 };

    (void)state;
    assert_int_equal(wrg_evtchn_alloc_unbound(&t.xen, t.front, &args), -ESRCH);
    assert_int_equal(alloc_port(t.front, WRG_DOM_BACK), 1);
}

static void ports_used_up__enospc(void **state)
{
    struct wrg_evtchn_alloc_unbound args = { .remote_domid = WRG_DOM_BACK };
    uint32_t theirs = alloc_port(t.back, WRG_DOM_FRONT);

    (void)state;
    t.trace.on = false;
    for (uint32_t i = 1; i < WRG_EVTCHN_PORTS; i++)
        assert_int_equal(alloc_port(t.front, WRG_DOM_BACK), i);
    assert_int_equal(wrg_evtchn_alloc_unbound(&t.xen, t.front, &args), -ENOSPC);
    assert_int_equal(bind(t.front, WRG_DOM_BACK, theirs, NULL), -ENOSPC);
    assert_int_equal(status_of(t.back, theirs), EVTCHNSTAT_unbound);
}

static void bind_errors__as_xen_gives_them(void **state)
{
    uint32_t for_stranger = alloc_port(t.front, WRG_DOM_STRANGER);
    uint32_t closed = alloc_port(t.front, WRG_DOM_BACK);

    (void)state;
    assert_int_equal(op(CLOSE, t.front, closed), 0);
    assert_int_equal(bind(t.back, 99, 1, NULL), -ESRCH);
    assert_int_equal(bind(t.back, WRG_DOM_FRONT, 0, NULL), -EINVAL);
    assert_int_equal(bind(t.back, WRG_DOM_FRONT, UINT32_MAX, NULL), -EINVAL);
    assert_int_equal(bind(t.back, WRG_DOM_FRONT, closed, NULL), -EINVAL);
    assert_int_equal(bind(t.back, WRG_DOM_FRONT, for_stranger, NULL), -EINVAL);
    assert_int_equal(bind(t.back, WRG_DOM_FRONT, e.front, NULL), -EINVAL); /* bound already */
    assert_int_equal(t.back->evtchns.slots.taken, 2);                      /* port 0 and ours */
}

static void op_on_invalid_port__einval(void **state)
{
    static const uint32_t ports[] = { 0, 5, WRG_EVTCHN_PORTS, WRG_EVTCHN_PORTS + 7, UINT32_MAX };

    (void)state;
    for (int what = LISTEN; what < NR_OPS; what++)
        for (size_t i = 0; i < WRG_ARRAY_LEN(ports); i++)
            assert_int_equal(op((enum op)what, t.front, ports[i]), -EINVAL);
    struct wrg_evtchn_status zero = { .evtchn = 0 }, far = { .evtchn = WRG_EVTCHN_PORTS };
    assert_int_equal(wrg_evtchn_status(&t.xen, t.front, &zero), -EINVAL);
    assert_int_equal(wrg_evtchn_status(&t.xen, t.front, &far), -EINVAL);
}

static void send_on_unbound__dropped_and_zero(void **state)
{
    uint32_t port = alloc_port(t.front, WRG_DOM_BACK);

    (void)state;
    forget_events();
    assert_int_equal(op(SEND, t.front, port), 0);
    assert_int_equal(nth_event(WRG_EV_EVTCHN_SEND, 0)->ev.b, 0);
    run();
    assert_int_equal(e.back_runs, 1);
}

static void send__wakes_the_peer_once(void **state)
{
    (void)state;
    assert_int_equal(op(SEND, t.back, e.back), 0);
    run();
    assert_int_equal(e.front_runs, 1);
    assert_int_equal(e.back_runs, 1);
    run();
    assert_int_equal(e.front_runs, 1);
}

static void sends_before_eoi__coalesce_into_one(void **state)
{
    (void)state;
    assert_int_equal(op(SEND, t.back, e.back), 0);
    run();
    forget_events();
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(op(SEND, t.back, e.back), 0);
    assert_int_equal(nth_event(WRG_EV_EVTCHN_SEND, 0)->ev.b, 1); /* set pending */
    assert_int_equal(nth_event(WRG_EV_EVTCHN_SEND, 1)->ev.b, 0); /* was pending */
    run();
    assert_int_equal(e.front_runs, 1); /* the EOI is outstanding */
    assert_int_equal(op(EOI, t.front, e.front), 0);
    run();
    assert_int_equal(e.front_runs, 2);
    assert_int_equal(op(EOI, t.front, e.front), 0);
    run();
    assert_int_equal(e.front_runs, 2);
}

static void masked_port__delivers_at_unmask(void **state)
{
    (void)state;
    assert_int_equal(op(MASK, t.front, e.front), 0);
    assert_int_equal(op(SEND, t.back, e.back), 0);
    run();
    assert_int_equal(e.front_runs, 0);
    assert_int_equal(op(UNMASK, t.front, e.front), 0);
    run();
    assert_int_equal(e.front_runs, 1);
    assert_int_equal(op(UNMASK, t.front, e.front), 0);
    run();
    assert_int_equal(e.front_runs, 1); /* nothing was pending any more */
}

static void unmask_before_eoi__not_delivered_twice(void **state)
{
    (void)state;
    assert_int_equal(op(SEND, t.back, e.back), 0);
    run();
    assert_int_equal(op(SEND, t.back, e.back), 0);
    assert_int_equal(op(MASK, t.front, e.front), 0);
    assert_int_equal(op(UNMASK, t.front, e.front), 0);
    run();
    assert_int_equal(e.front_runs, 1);
    assert_int_equal(op(EOI, t.front, e.front), 0);
    run();
    assert_int_equal(e.front_runs, 2);
}

static void event_before_listen__delivered_at_listen(void **state)
{
    uint32_t front = alloc_port(t.front, WRG_DOM_BACK), back;

    (void)state;
    assert_int_equal(bind(t.back, WRG_DOM_FRONT, front, &back), 0);
    assert_int_equal(op(SEND, t.back, back), 0);
    run();
    assert_int_equal(e.front_runs, 0);
    assert_int_equal(op(LISTEN, t.front, front), 0);
    run();
    assert_int_equal(e.front_runs, 1);
}

static void close__peer_falls_back_to_unbound_and_closer_may_rebind(void **state)
{
    uint32_t again;

    (void)state;
    assert_int_equal(op(CLOSE, t.back, e.back), 0);
    assert_int_equal(status_of(t.back, e.back), EVTCHNSTAT_closed);
    assert_int_equal(status_of(t.front, e.front), EVTCHNSTAT_unbound);
    assert_int_equal(op(SEND, t.front, e.front), 0);
    assert_int_equal(bind(t.stranger, WRG_DOM_FRONT, e.front, NULL), -EINVAL);
    assert_int_equal(bind(t.back, WRG_DOM_FRONT, e.front, &again), 0);
    assert_int_equal(again, e.back); /* lowest port first */
    assert_int_equal(op(SEND, t.back, again), 0);
    run();
    assert_int_equal(e.front_runs, 1); /* its listener is still there */
}

static void close_while_pending__nothing_is_delivered(void **state)
{
    (void)state;
    assert_int_equal(op(MASK, t.front, e.front), 0);
    assert_int_equal(op(SEND, t.back, e.back), 0);
    assert_int_equal(op(CLOSE, t.front, e.front), 0);
    uint32_t fresh = alloc_port(t.front, WRG_DOM_BACK);
    assert_int_equal(fresh, e.front);
    assert_int_equal(op(LISTEN, t.front, fresh), 0);
    run();
    assert_int_equal(e.front_runs, 0);
    assert_int_equal(status_of(t.back, e.back), EVTCHNSTAT_unbound);
}

static void domain_dies__all_its_ports_close(void **state)
{
    (void)state;
    alloc_port(t.back, WRG_DOM_FRONT);
    wrg_xen_kill_domain(&t.xen, WRG_DOM_BACK);
    assert_int_equal(t.back->evtchns.slots.taken, 1);
    assert_int_equal(status_of(t.front, e.front), EVTCHNSTAT_unbound);
    assert_int_equal(op(SEND, t.front, e.front), 0);
    run();
    assert_int_equal(e.back_runs, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        P(binding__leaves_new_port_pending),
        X(alloc_unbound__lowest_port_from_1),
        X(alloc_unbound_for_no_domain__esrch),
        X(ports_used_up__enospc),
        P(bind_errors__as_xen_gives_them),
        P(op_on_invalid_port__einval),
        P(send_on_unbound__dropped_and_zero),
        P(send__wakes_the_peer_once),
        P(sends_before_eoi__coalesce_into_one),
        P(masked_port__delivers_at_unmask),
        P(unmask_before_eoi__not_delivered_twice),
        P(event_before_listen__delivered_at_listen),
        P(close__peer_falls_back_to_unbound_and_closer_may_rebind),
        P(close_while_pending__nothing_is_delivered),
        P(domain_dies__all_its_ports_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
