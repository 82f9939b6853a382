/* SPDX-License-Identifier: MIT */
/* The FIFO ABI as xen/event_channel.h describes it. */
#include "xen/evtchn_impl.h"
#include "xen/test_xen.h"

#define BIT(name) (1u << EVTCHN_FIFO_##name)

enum { PORTS = 4 };

static struct {
    uint32_t page;
    uint32_t front[PORTS], back[PORTS];
    char order[64]; /* in which the listeners ran */
} f;

static void on_event(void *arg)
{
    size_t len = strlen(f.order);

    assert_true(len + 1 < sizeof(f.order));
    f.order[len] = *(const char *)arg;
}

static void run(void)
{
    assert_int_equal(wrg_sched_run(&t.sched), WRG_SCHED_IDLE);
}

static int init_control(uint32_t page, uint32_t offset, uint32_t vcpu)
{
    struct wrg_evtchn_init_control args = { .page = page, .offset = offset, .vcpu = vcpu };
    int result = wrg_evtchn_init_control(&t.xen, t.front, &args);

    assert_int_equal(args.link_bits, 17);
    return result;
}

static int expand(uint32_t page)
{
    struct wrg_evtchn_expand_array args = { .page = page };

    return wrg_evtchn_expand_array(&t.xen, t.front, &args);
}

static int set_priority(uint32_t port, uint32_t priority)
{
    struct wrg_evtchn_set_priority args = { .evtchn = port, .priority = priority };

    return wrg_evtchn_set_priority(&t.xen, t.front, &args);
}

static void send_to(unsigned i)
{
    struct wrg_evtchn_send args = { .evtchn = f.back[i] };

    assert_int_equal(wrg_evtchn_send(&t.xen, t.back, &args), 0);
}

static void open_pair(unsigned i)
{
    struct wrg_evtchn_alloc_unbound alloc = { .remote_domid = WRG_DOM_BACK };
    struct wrg_evtchn_bind_interdomain bind = { .remote_domid = WRG_DOM_FRONT };

    assert_int_equal(wrg_evtchn_alloc_unbound(&t.xen, t.front, &alloc), 0);
    bind.remote_evtchn = alloc.evtchn;
    assert_int_equal(wrg_evtchn_bind_interdomain(&t.xen, t.back, &bind), 0);
    f.front[i] = alloc.evtchn;
    f.back[i] = bind.evtchn;
}

/* Tasks run in the order in which they were woken if each runs before the next is made. */
static void listen_on(unsigned i)
{
    static const char names[] = "abcd";
    const struct wrg_task_args task = { .fn = on_event,
                                        .arg = (void *)(uintptr_t)&names[i],
                                        .name = "w",
                                        .role = WRG_ROLE_FRONT,
                                        .worker = true };
    struct wrg_evtchn_listen args = { .evtchn = f.front[i] };
    int id = wrg_sched_task_create(&t.sched, &task);

    assert_true(id >= 0);
    args.task = (uint32_t)id;
    assert_int_equal(wrg_evtchn_listen(&t.xen, t.front, &args), 0);
}

static int setup(void **state)
{
    if (setup_xen(state))
        return -1;
    memset(&f, 0, sizeof(f));
    f.page = page_of(t.front, 1);
    for (unsigned i = 0; i < PORTS; i++)
        open_pair(i);
    return 0;
}

static int setup_fifo(void **state)
{
    if (setup(state) || init_control(f.page, 0, 0) || expand(f.page))
        return -1;
    for (unsigned i = 0; i < PORTS; i++)
        listen_on(i);
    return 0;
}

#define N(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown_xen)
#define F(fn) cmocka_unit_test_setup_teardown(fn, setup_fifo, teardown_xen)

static uint32_t word(unsigned i)
{
    return wrg_evtchn_word(t.front, f.front[i]);
}

static void init_control_errors__as_xen_gives_them(void **state)
{
    assert_int_equal(init_control(f.page, 0, WRG_EVTCHN_VCPUS), -ENOENT);
    assert_int_equal(init_control(f.page, 4096 - 64, 0), -EINVAL); /* 72 bytes */
    assert_int_equal(init_control(f.page, 4, 0), -EINVAL);
    assert_int_equal(init_control(WRG_NO_PAGE, 0, 0), -EINVAL);
    assert_int_equal(expand(f.page), -EOPNOTSUPP); /* none of them has switched to FIFO */
    assert_int_equal(init_control(f.page, 4096 - 72, 0), 0);
    assert_int_equal(init_control(f.page, 0, 0), -EINVAL); /* has one */
    assert_int_equal(init_control(f.page, 0, 1), 0);
}

static void expand_array__1024_ports_each_to_131072(void **state)
{
    assert_int_equal(init_control(f.page, 0, 0), 0);
    assert_int_equal(expand(WRG_NO_PAGE), -EINVAL);
    for (unsigned i = 0; i < 128; i++) {
        assert_int_equal(t.front->evtchns.fifo.array_ports, i * 1024);
        assert_int_equal(expand(f.page), 0);
    }
    assert_int_equal(expand(f.page), -ENOSPC);
}

static void fifo_with_high_limit__131071_ports(void **state)
{
    struct wrg_evtchn_alloc_unbound args = { .remote_domid = WRG_DOM_BACK };
    uint32_t port = 0;

    wrg_evtchn_configure(t.front, UINT32_MAX - 1, false);
    assert_int_equal(init_control(f.page, 0, 0), 0);
    t.trace.on = false;
    while (wrg_evtchn_alloc_unbound(&t.xen, t.front, &args) == 0)
        assert_int_equal(args.evtchn, ++port);
    assert_int_equal(port, 131071);
}

static void fifo_with_default_limit__still_1023_ports(void **state)
{
    struct wrg_evtchn_alloc_unbound args = { .remote_domid = WRG_DOM_BACK };

    assert_int_equal(init_control(f.page, 0, 0), 0);
    t.trace.on = false;
    while (wrg_evtchn_alloc_unbound(&t.xen, t.front, &args) == 0)
        ;
    assert_int_equal(args.evtchn, 1023);
}

static void fifo_with_lower_limit__still_ends_there(void **state)
{
    struct wrg_evtchn_alloc_unbound args = { .remote_domid = WRG_DOM_BACK };

    wrg_evtchn_configure(t.front, 70, false);
    assert_int_equal(init_control(f.page, 0, 0), 0);
    while (wrg_evtchn_alloc_unbound(&t.xen, t.front, &args) == 0)
        ;
    assert_int_equal(args.evtchn, 70);
}

static void event_without_a_word__raised_when_the_page_comes(void **state)
{
    assert_int_equal(init_control(f.page, 0, 0), 0);
    listen_on(0);
    send_to(0);
    run();
    assert_string_equal(f.order, "");
    assert_int_equal(expand(f.page), 0);
    run();
    assert_string_equal(f.order, "a");
}

static void pending_2_level_event__survives_the_switch(void **state)
{
    send_to(1); /* nobody listens yet */
    assert_int_equal(init_control(f.page, 0, 0), 0);
    assert_int_equal(expand(f.page), 0);
    assert_int_equal(word(1), BIT(PENDING) | BIT(MASKED));
    listen_on(1);
    run();
    assert_string_equal(f.order, "b");
}

static void event_word__shows_pending_masked_linked_and_link(void **state)
{
    assert_int_equal(word(0), 0);
    wrg_evtchn_set_upcalls(&t.xen, t.front, false);
    send_to(0);
    assert_int_equal(word(0), BIT(PENDING) | BIT(LINKED)); /* the tail links to nothing */
    send_to(1);
    send_to(0); /* queued already: stays where it is */
    assert_int_equal(word(0), BIT(PENDING) | BIT(LINKED) | f.front[1]);
    assert_int_equal(word(1), BIT(PENDING) | BIT(LINKED));
    assert_int_equal((word(0) | word(1)) & BIT(BUSY), 0);
    wrg_evtchn_set_upcalls(&t.xen, t.front, true);
    assert_int_equal(word(0), BIT(MASKED)); /* until its EOI */
    run();
    assert_string_equal(f.order, "ab");
    assert_int_equal(wrg_evtchn_word(t.front, 0), 0);
    assert_int_equal(wrg_evtchn_word(t.front, 1024), 0);
}

static void masked_event__not_linked_until_unmasked(void **state)
{
    struct wrg_evtchn_mask mask = { .evtchn = f.front[2] };
    struct wrg_evtchn_unmask unmask = { .evtchn = f.front[2] };

    assert_int_equal(wrg_evtchn_mask(&t.xen, t.front, &mask), 0);
    send_to(2);
    assert_int_equal(word(2), BIT(PENDING) | BIT(MASKED));
    run();
    assert_string_equal(f.order, "");
    assert_int_equal(wrg_evtchn_unmask(&t.xen, t.front, &unmask), 0);
    run();
    assert_string_equal(f.order, "c");
}

/* In which order the guest takes what has gathered. Who is woken first does not say it. */
static void assert_order(const char *want)
{
    char got[PORTS + 1] = "";
    const struct wrg_evtchn *chn;

    for (uint32_t nth = 0; (chn = wrg_evtchn_fifo_next(&t.front->evtchns)); nth++) {
        assert_true(nth < PORTS);
        got[nth] = (char)('a' + (chn - t.front->evtchns.ports) - f.front[0]);
    }
    assert_string_equal(got, want);
    for (unsigned i = 0; i < PORTS; i++)
        assert_int_equal(word(i) & ~BIT(PENDING), 0);
}

static void upcall__serves_all_that_is_queued(void **state)
{
    wrg_evtchn_set_upcalls(&t.xen, t.front, false);
    for (unsigned i = 0; i < PORTS; i++) {
        assert_int_equal(set_priority(f.front[i], 15 - 5 * i), 0);
        send_to(i);
    }
    wrg_evtchn_set_upcalls(&t.xen, t.front, true);
    run();
    assert_string_equal(f.order, "abcd");
    for (unsigned i = 0; i < PORTS; i++)
        assert_int_equal(word(i), BIT(MASKED));
    assert_null(wrg_evtchn_fifo_next(&t.front->evtchns));
}

static void equal_priority__served_in_order_of_arrival(void **state)
{
    wrg_evtchn_set_upcalls(&t.xen, t.front, false);
    send_to(3);
    send_to(0);
    send_to(2);
    assert_order("dac");
}

static void priorities__0_is_served_first_and_default_is_7(void **state)
{
    assert_int_equal(set_priority(f.front[0], 15), 0);
    assert_int_equal(set_priority(f.front[1], 8), 0);
    assert_int_equal(set_priority(f.front[3], 0), 0);
    assert_int_equal(set_priority(f.front[2], 16), -EINVAL);
    assert_int_equal(set_priority(99, 1), -EINVAL);
    wrg_evtchn_set_upcalls(&t.xen, t.front, false);
    for (unsigned i = 0; i < PORTS; i++)
        send_to(i);
    assert_int_equal(t.front->evtchns.fifo.queues[0][7].head, f.front[2]);
    assert_order("dcba");
}

static void priority_of_a_queued_event__counts_the_next_time(void **state)
{
    wrg_evtchn_set_upcalls(&t.xen, t.front, false);
    send_to(0);
    send_to(1);
    assert_int_equal(set_priority(f.front[1], 0), 0);
    assert_order("ab");
}

static void set_priority_in_2_level__enosys(void **state)
{
    assert_int_equal(set_priority(f.front[0], 3), -ENOSYS);
    assert_int_equal(set_priority(99, 3), -EINVAL);
}

static void vcpu_without_control_block__event_waits_for_an_unmask(void **state)
{
    struct wrg_evtchn_bind_vcpu move = { .evtchn = f.front[0], .vcpu = 2 };
    struct wrg_evtchn_unmask unmask = { .evtchn = f.front[0] };

    assert_int_equal(wrg_evtchn_bind_vcpu(&t.xen, t.front, &move), 0);
    send_to(0);
    run();
    assert_int_equal(word(0), BIT(PENDING));
    assert_int_equal(init_control(f.page, 128, 2), 0);
    run();
    assert_string_equal(f.order, "");
    assert_int_equal(wrg_evtchn_unmask(&t.xen, t.front, &unmask), 0);
    run();
    assert_string_equal(f.order, "a");
}

static void queued_port_closed_and_taken_again__leaves_the_queue_unserved(void **state)
{
    struct wrg_evtchn_close close = { .evtchn = f.front[1] };

    wrg_evtchn_set_upcalls(&t.xen, t.front, false);
    for (unsigned i = 0; i < 3; i++)
        send_to(i);
    assert_int_equal(wrg_evtchn_close(&t.xen, t.front, &close), 0);
    open_pair(1);
    assert_int_equal(f.front[1], close.evtchn);
    assert_int_equal(word(1), BIT(LINKED) | BIT(MASKED) | f.front[2]);
    wrg_evtchn_set_upcalls(&t.xen, t.front, true);
    run();
    assert_string_equal(f.order, "ac");
    listen_on(1);
    send_to(1);
    run();
    assert_string_equal(f.order, "acb");
}

static void reset__falls_back_to_2_level(void **state)
{
    struct wrg_evtchn_reset args = { .domid = 0 };

    wrg_evtchn_set_upcalls(&t.xen, t.front, false);
    send_to(0);
    assert_int_equal(wrg_evtchn_reset(&t.xen, t.front, &args), 0);
    wrg_evtchn_set_upcalls(&t.xen, t.front, true);
    assert_int_equal(expand(f.page), -EOPNOTSUPP);
    assert_int_equal(t.front->evtchns.slots.count, 1024);
    open_pair(0);
    assert_int_equal(word(0), 0);
    listen_on(0);
    send_to(0);
    run();
    assert_string_equal(f.order, "a");
    assert_int_equal(init_control(f.page, 0, 0), 0);
}

static void save_and_restore__queues_and_abi_come_back(void **state)
{
    struct wrg_evtchn_reset reset = { .domid = 0 };

    wrg_evtchn_set_upcalls(&t.xen, t.front, false);
    send_to(3);
    send_to(1);
    struct wrg_evtchns_saved *saved = wrg_evtchn_save(t.front);
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(wrg_evtchn_reset(&t.xen, t.front, &reset), 0);
        if (round)
            wrg_evtchn_clear(t.front);
        wrg_evtchn_restore(t.front, saved);
        assert_int_equal(word(3), BIT(PENDING) | BIT(LINKED) | f.front[1]);
    }
    t.front->evtchns.slow = false; /* as in a domain that has neither FIFO nor upcalls off */
    wrg_evtchn_restore(t.front, saved);
    assert_true(t.front->evtchns.slow);
    wrg_evtchn_saved_free(saved);
    assert_order("db");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        N(init_control_errors__as_xen_gives_them),
        N(expand_array__1024_ports_each_to_131072),
        N(fifo_with_default_limit__still_1023_ports),
        N(fifo_with_lower_limit__still_ends_there),
        N(event_without_a_word__raised_when_the_page_comes),
        N(pending_2_level_event__survives_the_switch),
        F(event_word__shows_pending_masked_linked_and_link),
        F(masked_event__not_linked_until_unmasked),
        F(upcall__serves_all_that_is_queued),
        F(equal_priority__served_in_order_of_arrival),
        F(priorities__0_is_served_first_and_default_is_7),
        F(priority_of_a_queued_event__counts_the_next_time),
        N(set_priority_in_2_level__enosys),
        F(vcpu_without_control_block__event_waits_for_an_unmask),
        F(queued_port_closed_and_taken_again__leaves_the_queue_unserved),
        F(reset__falls_back_to_2_level),
        F(save_and_restore__queues_and_abi_come_back),
        N(fifo_with_high_limit__131071_ports),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
