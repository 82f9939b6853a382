/* SPDX-License-Identifier: MIT */
/* Ports that are no channels: VIRQs, PIRQs, IPIs, and those of Xen. */
#include "xen/test_xen.h"

static uint32_t runs;

static void on_event(void *arg)
{
    runs++;
}

static void run(void)
{
    assert_int_equal(wrg_sched_run(&t.sched), WRG_SCHED_IDLE);
}

static void listen_on(struct wrg_domain *dom, uint32_t port)
{
    const struct wrg_task_args task = {
        .fn = on_event, .name = "w", .role = dom->role, .worker = true
    };
    struct wrg_evtchn_listen args = { .evtchn = port };
    int id = wrg_sched_task_create(&t.sched, &task);

    assert_true(id >= 0);
    runs = 0;
    args.task = (uint32_t)id;
    assert_int_equal(wrg_evtchn_listen(&t.xen, dom, &args), 0);
}

static int virq(struct wrg_domain *dom, uint32_t number, uint32_t vcpu, uint32_t *port)
{
    struct wrg_evtchn_bind_virq args = { .virq = number, .vcpu = vcpu };
    int result = wrg_evtchn_bind_virq(&t.xen, dom, &args);

    if (port)
        *port = args.evtchn;
    return result;
}

static int ipi(struct wrg_domain *dom, uint32_t vcpu, uint32_t *port)
{
    struct wrg_evtchn_bind_ipi args = { .vcpu = vcpu };
    int result = wrg_evtchn_bind_ipi(&t.xen, dom, &args);

    *port = args.evtchn;
    return result;
}

static int pirq(struct wrg_domain *dom, uint32_t number, uint32_t *port)
{
    struct wrg_evtchn_bind_pirq args = { .pirq = number };
    int result = wrg_evtchn_bind_pirq(&t.xen, dom, &args);

    *port = args.evtchn;
    return result;
}

static int send_on(struct wrg_domain *dom, uint32_t port)
{
    struct wrg_evtchn_send args = { .evtchn = port };

    return wrg_evtchn_send(&t.xen, dom, &args);
}

static int close_of(struct wrg_domain *dom, uint32_t port)
{
    struct wrg_evtchn_close args = { .evtchn = port };

    return wrg_evtchn_close(&t.xen, dom, &args);
}

static int move_to(struct wrg_domain *dom, uint32_t port, uint32_t vcpu)
{
    struct wrg_evtchn_bind_vcpu args = { .evtchn = port, .vcpu = vcpu };

    return wrg_evtchn_bind_vcpu(&t.xen, dom, &args);
}

static struct wrg_evtchn_status status_of(struct wrg_domain *dom, uint32_t port)
{
    struct wrg_evtchn_status args = { .evtchn = port };

    assert_int_equal(wrg_evtchn_status(&t.xen, dom, &args), 0);
    return args;
}

static struct wrg_domain *dom0(void)
{
    return &t.xen.domains[WRG_DOM_TOOLSTACK];
}

/* ---- binding ---- */

static void virq_errors__as_xen_gives_them(void **state)
{
    assert_int_equal(virq(t.front, NR_VIRQS, 0, NULL), -EINVAL);
    assert_int_equal(virq(t.front, VIRQ_CONSOLE, 1, NULL),
                     -EINVAL); /* the domain's, so on vcpu 0 */
    assert_int_equal(virq(t.front, VIRQ_TIMER, WRG_EVTCHN_VCPUS, NULL), -ENOENT);
    assert_int_equal(virq(t.front, VIRQ_TIMER, 1, NULL), 0);
    assert_int_equal(virq(t.front, VIRQ_TIMER, 1, NULL), -EEXIST);
    assert_int_equal(virq(t.front, VIRQ_TIMER, 2, NULL), 0);
    assert_int_equal(t.front->evtchns.slots.taken, 3);
}

static void virq__raised_by_xen_where_bound(void **state)
{
    uint32_t port;

    assert_int_equal(virq(t.front, VIRQ_TIMER, 1, &port), 0);
    listen_on(t.front, port);
    wrg_evtchn_raise_virq(&t.xen, t.front, VIRQ_TIMER, 0);
    run();
    assert_int_equal(runs, 0);
    wrg_evtchn_raise_virq(&t.xen, t.front, VIRQ_TIMER, 1);
    run();
    assert_int_equal(runs, 1);
    assert_int_equal(close_of(t.front, port), 0);
    wrg_evtchn_raise_virq(&t.xen, t.front, VIRQ_TIMER, 1);
    assert_int_equal(virq(t.front, VIRQ_TIMER, 1, NULL), 0); /* free to be bound again */
}

static void pirq__toolstacks_domain_only(void **state)
{
    uint32_t port, other;

    assert_int_equal(pirq(t.front, 9, &port), -EPERM);
    assert_int_equal(pirq(dom0(), 1u << 20, &port), -EINVAL);
    assert_int_equal(pirq(dom0(), 9, &port), 0);
    assert_int_equal(pirq(dom0(), 9, &other), -EEXIST);
    assert_int_equal(pirq(dom0(), 10, &other), 0);
}

static void ipi_of_no_vcpu__enoent(void **state)
{
    uint32_t port;

    assert_int_equal(ipi(t.front, WRG_EVTCHN_VCPUS, &port), -ENOENT);
    assert_int_equal(ipi(t.front, WRG_EVTCHN_VCPUS - 1, &port), 0);
}

static void ports_used_up__enospc_for_every_kind(void **state)
{
    uint32_t port;

    wrg_evtchn_configure(t.front, 1, false);
    wrg_evtchn_configure(dom0(), 0, false);
    assert_int_equal(ipi(t.front, 0, &port), 0);
    assert_int_equal(ipi(t.front, 0, &port), -ENOSPC);
    assert_int_equal(virq(t.front, VIRQ_TIMER, 0, &port), -ENOSPC);
    assert_int_equal(pirq(dom0(), 1, &port), -ENOSPC);
    assert_int_equal(wrg_evtchn_alloc_for_xen(&t.xen, t.front, WRG_DOM_BACK), -ENOSPC);
}

/* ---- all kinds ---- */

static void status__knows_every_kind(void **state)
{
    uint32_t port;

    assert_int_equal(virq(t.front, VIRQ_TIMER, 3, &port), 0);
    struct wrg_evtchn_status of_virq = status_of(t.front, port);
    assert_int_equal(of_virq.status, EVTCHNSTAT_virq);
    assert_int_equal(of_virq.remote_evtchn, VIRQ_TIMER);
    assert_int_equal(of_virq.vcpu, 3);
    assert_int_equal(pirq(dom0(), 9, &port), 0);
    assert_int_equal(status_of(dom0(), port).status, EVTCHNSTAT_pirq);
    assert_int_equal(status_of(dom0(), port).remote_evtchn, 9);
    assert_int_equal(ipi(t.front, 2, &port), 0);
    assert_int_equal(status_of(t.front, port).status, EVTCHNSTAT_ipi);
    assert_int_equal(status_of(t.front, port).vcpu, 2);
}

static void send_on_virq_or_pirq__einval(void **state)
{
    uint32_t port;

    assert_int_equal(virq(t.front, VIRQ_TIMER, 0, &port), 0);
    assert_int_equal(send_on(t.front, port), -EINVAL);
    assert_int_equal(pirq(dom0(), 9, &port), 0);
    assert_int_equal(send_on(dom0(), port), -EINVAL);
}

static void send_on_ipi__raises_it(void **state)
{
    uint32_t port;

    assert_int_equal(ipi(t.front, 0, &port), 0);
    listen_on(t.front, port);
    assert_int_equal(send_on(t.front, port), 0);
    run();
    assert_int_equal(runs, 1);
}

static void port_of_xen__not_the_guests_to_use(void **state)
{
    struct wrg_evtchn_bind_interdomain bind = { .remote_domid = WRG_DOM_FRONT };
    struct wrg_evtchn_reset reset = { .domid = 0 };
    int port = wrg_evtchn_alloc_for_xen(&t.xen, t.front, WRG_DOM_BACK);

    assert_int_equal(port, 1);
    assert_int_equal(send_on(t.front, 1), -EINVAL);
    assert_int_equal(close_of(t.front, 1), -EINVAL);
    assert_int_equal(move_to(t.front, 1, 1), -EINVAL);
    assert_int_equal(status_of(t.front, 1).status, EVTCHNSTAT_unbound);
    bind.remote_evtchn = 1;
    assert_int_equal(wrg_evtchn_bind_interdomain(&t.xen, t.back, &bind), 0);
    assert_int_equal(status_of(t.front, 1).status, EVTCHNSTAT_interdomain);
    assert_int_equal(send_on(t.back, bind.evtchn), 0);
    assert_int_equal(send_on(t.front, 1), -EINVAL);
    assert_int_equal(wrg_evtchn_reset(&t.xen, t.front, &reset), 0);
    assert_int_equal(status_of(t.front, 1).status, EVTCHNSTAT_interdomain);
    assert_int_equal(close_of(t.back, bind.evtchn), 0);
    assert_int_equal(status_of(t.front, 1).status, EVTCHNSTAT_unbound);
}

static void bind_vcpu__moves_what_may_move(void **state)
{
    struct wrg_evtchn_alloc_unbound alloc = { .remote_domid = WRG_DOM_BACK };
    uint32_t timer, console, other;

    assert_int_equal(wrg_evtchn_alloc_unbound(&t.xen, t.front, &alloc), 0);
    assert_int_equal(virq(t.front, VIRQ_TIMER, 0, &timer), 0);
    assert_int_equal(virq(t.front, VIRQ_CONSOLE, 0, &console), 0);
    assert_int_equal(ipi(t.front, 0, &other), 0);
    assert_int_equal(move_to(t.front, alloc.evtchn, 3), 0);
    assert_int_equal(status_of(t.front, alloc.evtchn).vcpu, 3);
    assert_int_equal(move_to(t.front, console, 1), 0);
    assert_int_equal(move_to(t.front, timer, 1), -EINVAL);
    assert_int_equal(move_to(t.front, other, 1), -EINVAL);
    assert_int_equal(move_to(t.front, 99, 1), -EINVAL);
    assert_int_equal(move_to(t.front, alloc.evtchn, WRG_EVTCHN_VCPUS), -ENOENT);
    assert_int_equal(close_of(t.front, alloc.evtchn), 0);
    assert_int_equal(wrg_evtchn_alloc_unbound(&t.xen, t.front, &alloc), 0);
    assert_int_equal(status_of(t.front, alloc.evtchn).vcpu, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        X(virq_errors__as_xen_gives_them),       X(virq__raised_by_xen_where_bound),
        X(pirq__toolstacks_domain_only),         X(ipi_of_no_vcpu__enoent),
        X(ports_used_up__enospc_for_every_kind), X(status__knows_every_kind),
        X(send_on_virq_or_pirq__einval),         X(send_on_ipi__raises_it),
        X(port_of_xen__not_the_guests_to_use),   X(bind_vcpu__moves_what_may_move),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
