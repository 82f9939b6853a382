/* SPDX-License-Identifier: MIT */
#include "guest/test_guest.h"

static struct {
    char text[64];
    uint32_t lock, worker, runs;
    int rc;
} s;

static void note(char c)
{
    size_t len = strlen(s.text);

    if (len < sizeof(s.text) - 1)
        s.text[len] = c;
}

static int setup(void **state)
{
    memset(&s, 0, sizeof(s));
    return setup_guests(state);
}

#define C(f) cmocka_unit_test_setup_teardown(f, setup, teardown_guests)

/* ---- the dispatcher ---- */

static void fault_at_a_call__refused_with_event_and_no_effect(void **state)
{
    const struct wrg_fault_rule rule = {
        .site = WRG_FAULT_PAGE_ALLOC, .nth = 2, .count = 1, .status = -ENOMEM
    };
    struct wrg_page_alloc args = { .count = 1 };

    assert_true(wrg_fault_add(&t.fault, &rule));
    wrg_fault_enable(&t.fault, true);
    assert_int_equal(wrg_port_page_alloc(g.front, &args), 0);
    forget_events();
    assert_int_equal(wrg_port_page_alloc(g.front, &args), -ENOMEM);
    assert_int_equal(count_events(WRG_EV_PAGE_ALLOC), 0);
    assert_int_equal(nth_event(WRG_EV_FAULT, 0)->ev.a, WRG_FAULT_PAGE_ALLOC);
    assert_int_equal((int32_t)nth_event(WRG_EV_FAULT, 0)->ev.c, -ENOMEM);
    assert_int_equal(wrg_port_page_alloc(g.front, &args), 0);
}

/* No handler is reached, so arguments of nothing but zeros will do. */
static void every_call_with_a_site__refused_with_each_of_its_statuses(void **state)
{
    enum { NONE = 255 };
#define WRG_FAULT_NONE NONE
    static const uint8_t sites[WRG_NR_CALLS] = {
#define WRG_PORT_CALL(symbol, name, site, why) [WRG_CALL_##symbol] = WRG_FAULT_##site,
#include <wringer/calls.def>
    };
#undef WRG_FAULT_NONE
    uint64_t args[64] = { 0 };

    for (unsigned call = 0; call < WRG_NR_CALLS; call++) {
        if (sites[call] == NONE)
            continue;
        const struct wrg_fault_info *info = wrg_fault_info((enum wrg_fault_site)sites[call]);
        for (unsigned i = 0; i < info->nstatuses; i++) {
            const struct wrg_fault_rule rule = {
                .site = sites[call], .nth = 1, .count = 1, .status = info->statuses[i].status
            };
            wrg_fault_begin(&t.fault);
            assert_true(wrg_fault_add(&t.fault, &rule));
            wrg_fault_enable(&t.fault, true);
            forget_events();
            assert_int_equal(g.front->calls[call](g.front, args), rule.status);
            assert_int_equal(count_events(WRG_EV_FAULT), 1);
            assert_int_equal(nth_event(WRG_EV_FAULT, 0)->ev.b, 1);
        }
    }
    for (unsigned i = 0; i < WRG_ARRAY_LEN(args); i++)
        assert_int_equal(args[i], 0);
}

static void call_in_controller(void *arg)
{
    struct wrg_clock_read clock = { 0 };

    assert_int_equal(wrg_port_clock_read(g.front, &clock), 0);
}

static void call__is_a_preemption_point(void **state)
{
    make_task(g.front, call_in_controller, NULL, false);
    run_idle();
    uint64_t one = t.sched.steps;
    make_task(g.front, call_in_controller, NULL, false);
    make_task(g.front, call_in_controller, NULL, false);
    run_idle();
    assert_int_equal(t.sched.steps, 3 * one);
    assert_true(one >= 2); /* the call, and the end of fn */
}

static void unsupported_calls__refuse_clearly(void **state)
{
    struct wrg_window_open window = { .page = port_pages(g.front, 1), .ptr = &s };

    assert_int_equal(wrg_port_window_open(g.front, &window), -EOPNOTSUPP);
    assert_null(window.ptr);
}

static void grant_table__version_and_size_by_port(void **state)
{
    struct wrg_gnttab_set_version v2 = { 2 }, v3 = { 3 };
    struct wrg_gnttab_query query = { .domid = WRG_DOM_FRONT };
    uint32_t frame = 0;
    struct wrg_gnttab_status_frames status = { .domid = WRG_DOM_FRONT,
                                               .count = 1,
                                               .frames = &frame };

    assert_int_equal(wrg_port_gnttab_set_version(g.front, &v3), -EINVAL);
    assert_int_equal(wrg_port_gnttab_set_version(g.front, &v2), 0);
    assert_int_equal(wrg_port_gnttab_query(g.back, &query), 0);
    assert_int_equal(query.status, 0);
    assert_int_equal(query.version, 2);
    assert_int_equal(query.frames, 1);
    assert_int_equal(query.max_frames, WRG_GNTTAB_FRAMES_MAX);
    assert_int_equal(wrg_port_gnttab_status_frames(g.front, &status), 0);
    assert_int_equal(status.status, 0);
    assert_int_equal(frame, t.front->gnttab.status_frame);
}

static void edit_that_flips__arms_the_other_processor(void **state)
{
    struct wrg_gnttab_edit edit = { .gref = 20, .flags = 1, .flip = 0x20, .flips = 3 };

    assert_int_equal(wrg_port_gnttab_edit(g.front, &edit), 0);
    assert_int_equal(t.front->gnttab.flip.gref, 20);
    assert_int_equal(t.front->gnttab.flip.times, 3);
    assert_int_equal(t.front->gnttab.flip.mask, 0x20);
}

static void block_edge__reaches_the_world(void **state)
{
    struct wrg_disk_info info = { 0 };
    struct wrg_disk_submit submit = { 0 };
    struct wrg_blk_ready ready = { 0 };
    struct wrg_blk_complete complete = { .tag = 9 };
    struct wrg_blk_gone gone = { 0 };

    assert_int_equal(wrg_port_disk_info(g.back, &info), 0);
    assert_int_equal(info.sectors, 77);
    assert_int_equal(wrg_port_disk_submit(g.back, &submit), -EAGAIN);
    assert_int_equal(wrg_port_blk_ready(g.front, &ready), 0);
    assert_int_equal(wrg_port_blk_complete(g.front, &complete), 0);
    assert_int_equal(wrg_port_blk_gone(g.front, &gone), 0);
    assert_int_equal(g.infos + g.submits + g.readies + g.completes + g.gones, 5);
    assert_int_equal(g.last_tag, 9);
}

static void log_text__event_cut_to_a_payload(void **state)
{
    char text[300];
    struct wrg_log args = { .text = text };

    memset(text, 'x', sizeof(text));
    text[299] = 0;
    forget_events();
    assert_int_equal(wrg_port_log(g.front, &args), 0);
    assert_int_equal(nth_event(WRG_EV_LOG, 0)->len, WRG_TRACE_PAYLOAD_MAX - 1);
}

/* ---- memory ---- */

static void alloc__secret_or_zero_and_counted(void **state)
{
    struct wrg_alloc raw = { .size = 64, .kind = WRG_ALLOC_POOL };
    struct wrg_alloc zero = { .size = 64, .kind = WRG_ALLOC_HEAP, .zero = true };
    uint32_t ledger[WRG_NR_LEDGERS];

    assert_int_equal(wrg_port_alloc(g.front, &raw), 0);
    assert_int_equal(wrg_port_alloc(g.front, &zero), 0);
    assert_true(wrg_memory_has_secret(raw.ptr, 64));
    assert_int_equal(*(uint64_t *)zero.ptr, 0);
    wrg_guest_ledger(&g.front_guest, ledger);
    assert_int_equal(ledger[WRG_LEDGER_POOL_BLOCKS], 1);
    assert_int_equal(ledger[WRG_LEDGER_HEAP_BLOCKS], 1);
    struct wrg_free args[] = { { raw.ptr }, { zero.ptr }, { NULL } };
    for (size_t i = 0; i < WRG_ARRAY_LEN(args); i++)
        assert_int_equal(wrg_port_free(g.front, &args[i]), 0);
    wrg_guest_ledger(&g.front_guest, ledger);
    assert_int_equal(ledger[WRG_LEDGER_POOL_BLOCKS] + ledger[WRG_LEDGER_HEAP_BLOCKS], 0);
}

static void free_twice__mem_001(void **state)
{
    struct wrg_alloc alloc = { .size = 64, .kind = WRG_ALLOC_POOL };

    assert_int_equal(wrg_port_alloc(g.front, &alloc), 0);
    struct wrg_free args = { alloc.ptr };
    assert_int_equal(wrg_port_free(g.front, &args), 0);
    forget_events();
    assert_int_equal(wrg_port_free(g.front, &args), -EINVAL);
    assert_int_equal(violation(), WRG_RULE_MEM_001);
}

/* Checkers excuse what follows from it, so they are told. */
static void alloc_too_big__enomem_and_told(void **state)
{
    struct wrg_alloc args = { .size = 1 << 20, .kind = WRG_ALLOC_POOL };
    struct wrg_page_alloc pages = { .count = 1u << 30 }, none = { .count = 0 };

    assert_int_equal(wrg_port_alloc(g.front, &args), -ENOMEM);
    assert_int_equal(wrg_port_page_alloc(g.front, &pages), -ENOMEM);
    assert_int_equal(wrg_port_page_alloc(g.front, &none), -ENOMEM);
    assert_int_equal(count_events(WRG_EV_FAULT), 3);
    assert_int_equal(nth_event(WRG_EV_FAULT, 0)->ev.a, WRG_FAULT_ALLOC);
    assert_int_equal(nth_event(WRG_EV_FAULT, 1)->ev.a, WRG_FAULT_PAGE_ALLOC);
}

static void ledger__counts_what_is_held(void **state)
{
    uint32_t pages[2], grefs[2], ledger[WRG_NR_LEDGERS];
    struct wrg_gnttab_grant grant = {
        .domid = WRG_DOM_BACK, .count = 2, .pages = pages, .grefs = grefs
    };
    struct wrg_gnttab_map_op op;
    struct wrg_gnttab_map map = { .domid = WRG_DOM_FRONT, .count = 1, .ops = &op };
    struct wrg_evtchn_alloc_unbound evtchn = { .remote_domid = WRG_DOM_BACK };

    pages[0] = port_pages(g.front, 2);
    pages[1] = pages[0] + 1;
    assert_int_equal(wrg_port_gnttab_grant(g.front, &grant), 0);
    op.gref = grefs[1];
    assert_int_equal(wrg_port_gnttab_map(g.back, &map), 0);
    assert_int_equal(wrg_port_evtchn_alloc_unbound(g.front, &evtchn), 0);
    wrg_guest_ledger(&g.front_guest, ledger);
    assert_int_equal(ledger[WRG_LEDGER_PAGES], 2);
    assert_int_equal(ledger[WRG_LEDGER_GRANTS], 2);
    assert_int_equal(ledger[WRG_LEDGER_EVTCHNS], 1);
    assert_int_equal(ledger[WRG_LEDGER_MAPPINGS], 0);
    wrg_guest_ledger(&g.back_guest, ledger);
    assert_int_equal(ledger[WRG_LEDGER_MAPPINGS], 1);
    assert_int_equal(ledger[WRG_LEDGER_PAGES], 0);
}

/* ---- event channels ---- */

static void evtchn_calls__each_reaches_xen_with_its_errors(void **state)
{
    struct wrg_evtchn_bind_virq virq = { .virq = 0 };
    struct wrg_evtchn_bind_ipi ipi = { .vcpu = 1 };
    struct wrg_evtchn_bind_pirq pirq = { .pirq = 1 };
    struct wrg_evtchn_init_control init = { .page = port_pages(g.front, 1) };
    struct wrg_evtchn_expand_array expand = { .page = init.page };
    struct wrg_evtchn_reset other = { .domid = WRG_DOM_BACK }, own = { .domid = 0 };

    assert_int_equal(wrg_port_evtchn_bind_virq(g.front, &virq), 0);
    assert_int_equal(wrg_port_evtchn_bind_ipi(g.front, &ipi), 0);
    struct wrg_evtchn_status status = { .evtchn = ipi.evtchn };
    struct wrg_evtchn_bind_vcpu vcpu = { .evtchn = ipi.evtchn };
    struct wrg_evtchn_set_priority priority = { .evtchn = ipi.evtchn, .priority = 3 };
    assert_int_equal(wrg_port_evtchn_status(g.front, &status), 0);
    assert_int_equal(status.vcpu, 1);
    assert_int_equal(wrg_port_evtchn_bind_vcpu(g.front, &vcpu), -EINVAL);
    assert_int_equal(wrg_port_evtchn_set_priority(g.front, &priority), -ENOSYS);
    assert_int_equal(wrg_port_evtchn_expand_array(g.front, &expand), -EOPNOTSUPP);
    assert_int_equal(wrg_port_evtchn_init_control(g.front, &init), 0);
    assert_int_equal(wrg_port_evtchn_expand_array(g.front, &expand), 0);
    assert_int_equal(wrg_port_evtchn_set_priority(g.front, &priority), 0);
    assert_int_equal(wrg_port_evtchn_reset(g.front, &own), 0);
    assert_int_equal(wrg_port_evtchn_expand_array(g.front, &expand), -EOPNOTSUPP);
    /* Neither seat owns interrupts of the machine, nor another domain's ports. */
    assert_int_equal(wrg_port_evtchn_bind_pirq(g.front, &pirq), -EPERM);
    assert_int_equal(wrg_port_evtchn_bind_pirq(g.back, &pirq), -EPERM);
    assert_int_equal(wrg_port_evtchn_reset(g.front, &other), -EPERM);
}

/* ---- inline accessors ---- */

static void accessors__same_bytes_with_and_without_hooks(void **state)
{
    uint32_t page = port_pages(g.front, 2);

    for (int on = 0; on < 2; on++) {
        uint8_t in[200], out[200];
        memset(in, 3 + on, sizeof(in));
        hooks(on);
        forget_events();
        wrg_page_store(g.front, page, 4000, in, sizeof(in), WRG_SITE_USER); /* straddles */
        wrg_page_load(g.front, page, 4000, out, sizeof(out), WRG_SITE_USER);
        assert_memory_equal(in, out, sizeof(in));
        wrg_page_store_u32(g.front, page, 4096 + 8, 0x1234567u + (uint32_t)on, WRG_ORDER_RELEASE,
                           WRG_SITE_USER);
        assert_int_equal(wrg_page_load_u32(g.front, page + 1, 8, WRG_ORDER_ACQUIRE, WRG_SITE_USER),
                         0x1234567 + on);
        /* Without hooks only what straddles goes the long way: two pieces. */
        assert_int_equal(count_events(WRG_EV_LOAD), on ? 3 : 2);
    }
}

static void three_fences(void *arg)
{
    wrg_page_fence(g.front, WRG_FENCE_MB);
    wrg_page_fence(g.front, WRG_FENCE_RMB);
    wrg_page_fence(g.front, WRG_FENCE_WMB);
}

static void fence__is_a_preemption_point_with_hooks_only(void **state)
{
    hooks(false);
    make_task(g.front, three_fences, NULL, false);
    run_idle();
    uint64_t without = t.sched.steps;
    hooks(true);
    make_task(g.front, three_fences, NULL, false);
    run_idle();
    assert_int_equal(t.sched.steps, 2 * without + 3);
}

static void fast_access_to_dead_handle__violation_all_the_same(void **state)
{
    uint32_t page = port_pages(g.front, 1);
    struct wrg_page_free args = { .page = page, .count = 1 };
    uint8_t byte = 9;

    hooks(false);
    assert_int_equal(wrg_port_page_free(g.front, &args), 0);
    forget_events();
    wrg_page_load(g.front, page, 0, &byte, 1, WRG_SITE_USER);
    assert_int_equal(violation(), WRG_RULE_GNT_001);
    assert_int_equal(byte, 0);
}

static void first_fast_store_after_restore__marks_the_frame(void **state)
{
    uint32_t page = port_pages(g.front, 1);
    uint8_t one = 1, two = 2, got;

    hooks(false);
    wrg_page_store(g.front, page, 0, &one, 1, WRG_SITE_USER);
    struct wrg_xen_saved *saved = wrg_xen_save(&t.xen);
    assert_non_null(saved);
    for (unsigned i = 0; i < 2; i++) {
        wrg_page_store(g.front, page, 0, &two, 1, WRG_SITE_USER);
        wrg_xen_restore(&t.xen, saved);
        wrg_page_load(g.front, page, 0, &got, 1, WRG_SITE_USER);
        assert_int_equal(got, 1);
    }
    wrg_xen_saved_free(saved);
}

/* ---- ring declarations ---- */

static void ring_declare_of_bad_pages__einval(void **state)
{
    uint32_t page = port_pages(g.front, 2);
    struct wrg_ring_declare bad[] = {
        { .page = page, .npages = 0 },
        { .page = page, .npages = 17 },
        { .page = page, .npages = 3 },
        { .page = WRG_NO_PAGE, .npages = 1 },
    };
    struct wrg_ring_declare good = { .page = page, .npages = 2, .abi = WRG_ABI_X86_32 };

    for (size_t i = 0; i < WRG_ARRAY_LEN(bad); i++)
        assert_int_equal(wrg_port_ring_declare(g.front, &bad[i]), -EINVAL);
    assert_int_equal(count_events(WRG_EV_RING_DECLARE), 0);
    assert_int_equal(wrg_port_ring_declare(g.front, &good), 0);
    const struct seen *seen = nth_event(WRG_EV_RING_DECLARE, 0);
    assert_int_equal(seen->ev.b, 64);
    assert_int_equal(seen->ev.c, WRG_ABI_X86_32 | 2 << 8 | WRG_SEAT_FRONT << 16);
    assert_int_equal(seen->len, 8);
}

/* ---- tasks, timers ---- */

static void count_run(void *arg)
{
    s.runs++;
}

static void timer_set_again__replaces_and_forever_cancels(void **state)
{
    uint32_t task = make_task(g.front, count_run, NULL, true);
    struct wrg_timer_set late = { task, 5000 }, soon = { task, 10 }, off = { task, WRG_FOREVER };
    struct wrg_timer_set nobody = { WRG_SCHED_TASKS, 10 };
    struct wrg_clock_read clock;

    assert_int_equal(wrg_port_timer_set(g.front, &late), 0);
    assert_int_equal(wrg_port_timer_set(g.front, &soon), 0);
    run_idle();
    assert_int_equal(s.runs, 1);
    assert_int_equal(wrg_port_clock_read(g.front, &clock), 0);
    assert_int_equal(clock.now_ns, 10);
    assert_int_equal(wrg_port_timer_set(g.front, &soon), 0);
    assert_int_equal(wrg_port_timer_set(g.front, &off), 0);
    run_idle();
    assert_int_equal(s.runs, 1);
    assert_int_equal(wrg_port_timer_set(g.front, &nobody), -EINVAL);
}

static void task_exit__worker_never_runs_again(void **state)
{
    uint32_t task = make_task(g.front, count_run, NULL, true);
    struct wrg_task_wake wake = { task };
    struct wrg_task_exit gone = { task };

    assert_int_equal(wrg_port_task_wake(g.front, &wake), 0);
    run_idle();
    assert_int_equal(s.runs, 1);
    assert_int_equal(wrg_port_task_exit(g.front, &gone), 0);
    assert_int_equal(wrg_port_task_wake(g.front, &wake), 0);
    run_idle();
    assert_int_equal(s.runs, 1);
}

/* ---- locks ---- */

static void lock(void)
{
    struct wrg_lock_take args = { s.lock };

    assert_int_equal(wrg_port_lock_take(g.front, &args), 0);
}

static void unlock(void)
{
    struct wrg_lock_drop args = { s.lock };

    assert_int_equal(wrg_port_lock_drop(g.front, &args), 0);
}

static void new_lock(void)
{
    struct wrg_lock_create args;

    assert_int_equal(wrg_port_lock_create(g.front, &args), 0);
    s.lock = args.lock;
}

static void critical(void *arg)
{
    char name = (char)(intptr_t)arg;

    for (unsigned i = 0; i < 3; i++) {
        lock();
        note(name);
        wrg_sched_yield(&t.sched);
        wrg_sched_yield(&t.sched);
        note(name);
        unlock();
    }
}

static void lock_under_contention__sections_do_not_mix(void **state)
{
    new_lock();
    for (intptr_t i = 0; i < 3; i++)
        make_task(g.front, critical, (void *)('a' + i), false);
    run_idle();
    assert_int_equal(strlen(s.text), 18);
    for (unsigned i = 0; i < 18; i += 2)
        assert_int_equal(s.text[i], s.text[i + 1]);
}

static void hold_and_wake(void *arg)
{
    struct wrg_task_wake wake = { s.worker };

    lock();
    assert_int_equal(wrg_port_task_wake(g.front, &wake), 0); /* runs, and waits for the lock */
    wrg_sched_yield(&t.sched);
    assert_int_equal(wrg_port_task_wake(g.front, &wake), 0); /* real work comes meanwhile */
    wrg_sched_yield(&t.sched);
    unlock();
}

static void lock_and_count(void *arg)
{
    lock();
    s.runs++;
    unlock();
}

static void wake_while_waiting_for_lock__put_back(void **state)
{
    new_lock();
    s.worker = make_task(g.front, lock_and_count, NULL, true);
    make_task(g.front, hold_and_wake, NULL, false);
    run_idle();
    assert_int_equal(s.runs, 2); /* for the first wake, and once more for the one in between */
}

static void locks_used_up_and_bad_ids__errors(void **state)
{
    struct wrg_lock_create args;
    struct wrg_lock_take take = { WRG_LOCKS_MAX };
    struct wrg_lock_drop drop = { UINT32_MAX };

    for (unsigned i = 0; i < WRG_LOCKS_MAX; i++) {
        assert_int_equal(wrg_port_lock_create(g.front, &args), 0);
        assert_int_equal(args.lock, i);
    }
    assert_int_equal(wrg_port_lock_create(g.front, &args), -ENOSPC);
    assert_int_equal(wrg_port_lock_take(g.front, &take), -EINVAL);
    assert_int_equal(wrg_port_lock_drop(g.front, &drop), -EINVAL);
    wrg_guest_reset(&g.front_guest);
    assert_int_equal(wrg_port_lock_create(g.front, &args), 0);
}

/* ---- snapshot ---- */

static void guest_restore__state_and_memory_of_the_save(void **state)
{
    struct wrg_alloc alloc = { .size = 40, .kind = WRG_ALLOC_POOL, .zero = true };
    uint32_t before[WRG_NR_LEDGERS], after[WRG_NR_LEDGERS];

    assert_int_equal(wrg_port_alloc(g.front, &alloc), 0);
    char *text = alloc.ptr;
    strcpy(text, "kept");
    new_lock();
    struct wrg_guest_saved *saved = wrg_guest_save(&g.front_guest);
    wrg_guest_ledger(&g.front_guest, before);
    strcpy(text, "gone");
    lock();
    new_lock();
    assert_int_equal(wrg_port_alloc(g.front, &alloc), 0);
    wrg_guest_restore(&g.front_guest, saved);
    wrg_guest_ledger(&g.front_guest, after);
    assert_memory_equal(before, after, sizeof(before));
    assert_string_equal(text, "kept");
    assert_false(g.front_guest.locks_held[0]);
    assert_false(g.front_guest.locks_used[1]);
    wrg_guest_saved_free(saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        C(fault_at_a_call__refused_with_event_and_no_effect),
        C(every_call_with_a_site__refused_with_each_of_its_statuses),
        C(call__is_a_preemption_point),
        C(unsupported_calls__refuse_clearly),
        C(grant_table__version_and_size_by_port),
        C(edit_that_flips__arms_the_other_processor),
        C(block_edge__reaches_the_world),
        C(log_text__event_cut_to_a_payload),
        C(alloc__secret_or_zero_and_counted),
        C(free_twice__mem_001),
        C(alloc_too_big__enomem_and_told),
        C(ledger__counts_what_is_held),
        C(evtchn_calls__each_reaches_xen_with_its_errors),
        C(accessors__same_bytes_with_and_without_hooks),
        C(fence__is_a_preemption_point_with_hooks_only),
        C(fast_access_to_dead_handle__violation_all_the_same),
        C(first_fast_store_after_restore__marks_the_frame),
        C(ring_declare_of_bad_pages__einval),
        C(timer_set_again__replaces_and_forever_cancels),
        C(task_exit__worker_never_runs_again),
        C(lock_under_contention__sections_do_not_mix),
        C(wake_while_waiting_for_lock__put_back),
        C(locks_used_up_and_bad_ids__errors),
        C(guest_restore__state_and_memory_of_the_save),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
