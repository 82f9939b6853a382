/* SPDX-License-Identifier: MIT */
/* Errors and effects follow xen/event_channel.h and Xen's event_channel_op. */
#include "xen/test_xen.h"

#include <sys/mman.h>

static struct {
    uint32_t front, back; /* ports of a bound pair */
    int front_task, back_task;
    uint32_t front_runs, back_runs;
} e;

static void on_front(void *arg)
{
    e.front_runs++;
}

static void on_back(void *arg)
{
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

/* What a kernel does at the end of its handler, without delays. */
static int give_eoi(struct wrg_domain *dom, uint32_t port)
{
    if (!wrg_evtchn_at(&dom->evtchns, port))
        return -EINVAL;
    wrg_evtchn_release(&t.xen, dom, port, WRG_EVTCHN_SERVED);
    return 0;
}

/* Port operations by name, so that tables can hold them. */
enum op { LISTEN, SEND, MASK, UNMASK, EOI, CLOSE, NR_OPS };

static int op(enum op what, struct wrg_domain *dom, uint32_t port)
{
    struct wrg_evtchn_listen listen = { .evtchn = port, .task = (uint32_t)e.front_task };
    struct wrg_evtchn_send send = { .evtchn = port };
    struct wrg_evtchn_mask mask = { .evtchn = port };
    struct wrg_evtchn_unmask unmask = { .evtchn = port };
    struct wrg_evtchn_close close = { .evtchn = port };

    switch (what) {
    case LISTEN: return wrg_evtchn_listen(&t.xen, dom, &listen);
    case SEND: return wrg_evtchn_send(&t.xen, dom, &send);
    case MASK: return wrg_evtchn_mask(&t.xen, dom, &mask);
    case UNMASK: return wrg_evtchn_unmask(&t.xen, dom, &unmask);
    case EOI: return give_eoi(dom, port);
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
    assert_int_equal(e.back_runs, 1); /* at listen, in setup */
    assert_int_equal(e.front_runs, 0);
    assert_int_equal(status_of(t.front, e.front), EVTCHNSTAT_interdomain);
    assert_int_equal(status_of(t.back, e.back), EVTCHNSTAT_interdomain);
}

static void alloc_unbound__lowest_port_from_1(void **state)
{
    assert_int_equal(alloc_port(t.front, WRG_DOM_BACK), 1);
    assert_int_equal(alloc_port(t.front, WRG_DOM_FRONT), 2); /* remote may be self */
    assert_int_equal(status_of(t.front, 1), EVTCHNSTAT_unbound);
    assert_int_equal(status_of(t.front, 3), EVTCHNSTAT_closed);
}

static void alloc_unbound_in_no_domain__esrch(void **state)
{
    struct wrg_evtchn_alloc_unbound nowhere = { .remote_domid = WRG_DOM_BACK, .domid = 99 };

    assert_int_equal(wrg_evtchn_alloc_unbound(&t.xen, t.front, &nowhere), -ESRCH);
    /* Who may bind it is not looked for: that domain may come later. */
    assert_int_equal(alloc_port(t.front, 99), 1);
}

static void alloc_unbound_for_another_domain__toolstack_only(void **state)
{
    struct wrg_evtchn_alloc_unbound args = { .remote_domid = WRG_DOM_FRONT, .domid = WRG_DOM_BACK };
    struct wrg_domain *dom0 = &t.xen.domains[WRG_DOM_TOOLSTACK];

    assert_int_equal(wrg_evtchn_alloc_unbound(&t.xen, t.front, &args), -EPERM);
    assert_int_equal(status_of(t.back, 1), EVTCHNSTAT_closed);
    assert_int_equal(wrg_evtchn_alloc_unbound(&t.xen, dom0, &args), 0);
    assert_int_equal(args.evtchn, 1);
    assert_int_equal(status_of(t.back, 1), EVTCHNSTAT_unbound);
    assert_int_equal(status_of(dom0, 1), EVTCHNSTAT_closed);
}

/* All ports up to `last` can be had, and not one more, by no way. */
static void assert_last_port(uint32_t last)
{
    struct wrg_evtchn_alloc_unbound args = { .remote_domid = WRG_DOM_BACK };
    uint32_t theirs = alloc_port(t.back, WRG_DOM_FRONT);

    t.trace.on = false;
    for (uint32_t i = 1; i <= last; i++)
        assert_int_equal(alloc_port(t.front, WRG_DOM_BACK), i);
    assert_int_equal(wrg_evtchn_alloc_unbound(&t.xen, t.front, &args), -ENOSPC);
    assert_int_equal(bind(t.front, WRG_DOM_BACK, theirs, NULL), -ENOSPC);
    assert_int_equal(status_of(t.back, theirs), EVTCHNSTAT_unbound);
    assert_int_equal(op(CLOSE, t.front, last), 0);
    assert_int_equal(bind(t.front, WRG_DOM_BACK, theirs, NULL), 0);
}

static void ports_used_up__enospc(void **state)
{
    assert_last_port(1023); /* max_event_channels as libxl sets it */
}

static void lower_limit__enospc_beyond_it(void **state)
{
    wrg_evtchn_configure(t.front, 70, false);
    assert_last_port(70);
}

/* Lower to higher limit and back: the end of the table comes with the snapshot. */
static void restore_with_another_limit__limit_of_the_save(void **state)
{
    static const uint32_t limits[][2] = { { 70, 1023 }, { 1023, 70 }, { 70, 75 } };
    struct wrg_evtchn_alloc_unbound args = { .remote_domid = WRG_DOM_BACK };

    t.trace.on = false;
    for (size_t i = 0; i < WRG_ARRAY_LEN(limits); i++) {
        wrg_evtchn_configure(t.front, limits[i][0], false);
        struct wrg_evtchns_saved *saved = wrg_evtchn_save(t.front);
        wrg_evtchn_configure(t.front, limits[i][1], false);
        for (uint32_t port = 1; port < 5; port++)
            assert_int_equal(alloc_port(t.front, WRG_DOM_BACK), port);
        wrg_evtchn_restore(t.front, saved);
        for (uint32_t port = 1; port <= limits[i][0]; port++)
            assert_int_equal(alloc_port(t.front, WRG_DOM_BACK), port);
        assert_int_equal(wrg_evtchn_alloc_unbound(&t.xen, t.front, &args), -ENOSPC);
        wrg_evtchn_saved_free(saved);
    }
}

static void two_level_64_bit__4095_ports(void **state)
{
    wrg_evtchn_configure(t.front, 100000, false);
    assert_last_port(4095);
}

static void two_level_32_bit__1023_ports(void **state)
{
    wrg_evtchn_configure(t.front, 100000, true);
    assert_last_port(1023);
}

static void unused_ports__cost_no_memory(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t bytes = WRG_EVTCHN_PORTS_FIFO * sizeof(struct wrg_evtchn);
    unsigned char *resident = calloc(bytes / page, 1);
    unsigned count = 0;

    assert_non_null(resident);
    alloc_port(t.front, WRG_DOM_BACK);
    wrg_xen_reset(&t.xen);
    alloc_port(t.front, WRG_DOM_BACK);
    assert_int_equal(mincore(t.front->evtchns.ports, bytes, resident), 0);
    for (size_t i = 0; i < bytes / page; i++)
        count += resident[i] & 1;
    assert_int_equal(count, 1);
    free(resident);
}

static void numbers__those_of_the_abi(void **state)
{
    static const int ops[] = {
        EVTCHNOP_bind_interdomain,
        EVTCHNOP_bind_virq,
        EVTCHNOP_bind_pirq,
        EVTCHNOP_close,
        EVTCHNOP_send,
        EVTCHNOP_status,
        EVTCHNOP_alloc_unbound,
        EVTCHNOP_bind_ipi,
        EVTCHNOP_bind_vcpu,
        EVTCHNOP_unmask,
        EVTCHNOP_reset,
        EVTCHNOP_init_control,
        EVTCHNOP_expand_array,
        EVTCHNOP_set_priority,
    };
    static const int states[] = { EVTCHNSTAT_closed, EVTCHNSTAT_unbound, EVTCHNSTAT_interdomain,
                                  EVTCHNSTAT_pirq,   EVTCHNSTAT_virq,    EVTCHNSTAT_ipi };

    for (int i = 0; i < (int)WRG_ARRAY_LEN(ops); i++)
        assert_int_equal(ops[i], i);
    for (int i = 0; i < (int)WRG_ARRAY_LEN(states); i++)
        assert_int_equal(states[i], i);
}

static void status__tells_both_ends(void **state)
{
    struct wrg_evtchn_status args = { .evtchn = e.front };

    assert_int_equal(wrg_evtchn_status(&t.xen, t.front, &args), 0);
    assert_int_equal(args.remote_domid, WRG_DOM_BACK);
    assert_int_equal(args.remote_evtchn, e.back);
    assert_int_equal(args.vcpu, 0);
}

static void new_port__masked_until_somebody_listens(void **state)
{
    uint32_t port = alloc_port(t.front, WRG_DOM_BACK), back;

    assert_int_equal(bind(t.back, WRG_DOM_FRONT, port, &back), 0);
    assert_int_equal(op(SEND, t.back, back), 0);
    assert_int_equal(op(UNMASK, t.front, port), 0); /* does not make a listener */
    run();
    assert_true(t.front->evtchns.ports[port].pending);
    assert_int_equal(e.front_runs, 0);
}

static void bind_errors__as_xen_gives_them(void **state)
{
    uint32_t for_stranger = alloc_port(t.front, WRG_DOM_STRANGER);
    uint32_t closed = alloc_port(t.front, WRG_DOM_BACK);

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
    static const uint32_t ports[] = { 0, 5, WRG_EVTCHN_MAX_PORT + 1, WRG_EVTCHN_PORTS_FIFO,
                                      UINT32_MAX };

    for (int what = LISTEN; what < NR_OPS; what++)
        for (size_t i = 0; i < WRG_ARRAY_LEN(ports); i++)
            assert_int_equal(op((enum op)what, t.front, ports[i]), -EINVAL);
    struct wrg_evtchn_status zero = { .evtchn = 0 }, far = { .evtchn = WRG_EVTCHN_MAX_PORT + 1 };
    assert_int_equal(wrg_evtchn_status(&t.xen, t.front, &zero), -EINVAL);
    assert_int_equal(wrg_evtchn_status(&t.xen, t.front, &far), -EINVAL);
}

static void send_on_unbound__dropped_and_zero(void **state)
{
    uint32_t port = alloc_port(t.front, WRG_DOM_BACK);

    forget_events();
    assert_int_equal(op(SEND, t.front, port), 0);
    assert_int_equal(nth_event(WRG_EV_EVTCHN_SEND, 0)->ev.b, 0);
    run();
    assert_int_equal(e.back_runs, 1);
}

static void send__wakes_the_peer_once(void **state)
{
    assert_int_equal(op(SEND, t.back, e.back), 0);
    run();
    assert_int_equal(e.front_runs, 1);
    assert_int_equal(e.back_runs, 1);
    run();
    assert_int_equal(e.front_runs, 1);
}

static void sends_before_eoi__coalesce_into_one(void **state)
{
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

static void rebound_port__keeps_listener_and_starts_pending(void **state)
{
    struct wrg_evtchn_listen listen = { .task = (uint32_t)e.back_task };

    assert_int_equal(op(CLOSE, t.back, e.back), 0);
    assert_int_equal(op(SEND, t.front, e.front), 0); /* lost: nobody is there */
    assert_int_equal(bind(t.back, WRG_DOM_FRONT, e.front, &listen.evtchn), 0);
    assert_int_equal(wrg_evtchn_listen(&t.xen, t.back, &listen), 0);
    run();
    assert_int_equal(e.back_runs, 2); /* the binding made up for it */
    assert_int_equal(op(SEND, t.back, listen.evtchn), 0);
    run();
    assert_int_equal(e.front_runs, 1);
}

static void reset__closes_all_ports_of_the_domain(void **state)
{
    struct wrg_evtchn_reset own = { .domid = 0 };

    alloc_port(t.front, WRG_DOM_BACK);
    assert_int_equal(wrg_evtchn_reset(&t.xen, t.front, &own), 0);
    assert_int_equal(t.front->evtchns.slots.taken, 1);
    assert_int_equal(status_of(t.back, e.back), EVTCHNSTAT_unbound);
    assert_int_equal(op(SEND, t.back, e.back), 0);
    run();
    assert_int_equal(e.front_runs, 0);
    /* One step, so never in progress: no -EBUSY, no -EAGAIN. */
    assert_int_equal(wrg_evtchn_reset(&t.xen, t.front, &own), 0);
    assert_int_equal(alloc_port(t.front, WRG_DOM_BACK), 1);
}

static void reset_of_another_domain__toolstack_only(void **state)
{
    struct wrg_evtchn_reset back = { .domid = WRG_DOM_BACK }, none = { .domid = 99 };

    assert_int_equal(wrg_evtchn_reset(&t.xen, t.front, &back), -EPERM);
    assert_int_equal(wrg_evtchn_reset(&t.xen, t.front, &none), -ESRCH);
    assert_int_equal(status_of(t.back, e.back), EVTCHNSTAT_interdomain);
    assert_int_equal(wrg_evtchn_reset(&t.xen, &t.xen.domains[WRG_DOM_TOOLSTACK], &back), 0);
    assert_int_equal(status_of(t.back, e.back), EVTCHNSTAT_closed);
}

static void sends_while_upcalls_are_off__delivered_when_on(void **state)
{
    wrg_evtchn_set_upcalls(&t.xen, t.front, false);
    assert_int_equal(op(SEND, t.back, e.back), 0);
    assert_int_equal(op(SEND, t.back, e.back), 0);
    run();
    assert_int_equal(e.front_runs, 0);
    wrg_evtchn_set_upcalls(&t.xen, t.front, true);
    run();
    assert_int_equal(e.front_runs, 1);
}

static void domain_dies__all_its_ports_close(void **state)
{
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
        X(alloc_unbound_in_no_domain__esrch),
        X(alloc_unbound_for_another_domain__toolstack_only),
        X(ports_used_up__enospc),
        X(lower_limit__enospc_beyond_it),
        X(restore_with_another_limit__limit_of_the_save),
        X(two_level_64_bit__4095_ports),
        X(two_level_32_bit__1023_ports),
        X(unused_ports__cost_no_memory),
        X(numbers__those_of_the_abi),
        P(status__tells_both_ends),
        P(new_port__masked_until_somebody_listens),
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
        P(rebound_port__keeps_listener_and_starts_pending),
        P(reset__closes_all_ports_of_the_domain),
        P(reset_of_another_domain__toolstack_only),
        P(sends_while_upcalls_are_off__delivered_when_on),
        P(domain_dies__all_its_ports_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
