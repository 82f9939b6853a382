/* SPDX-License-Identifier: MIT */
#include "disk/test_disk.h"

#include "disk/delay.h"
#include "disk/queue.h"
#include "disk/readonly.h"

static struct {
    struct wrg_disk_queue queue;
    uint32_t done[WRG_DISK_QUEUE_MAX + 8]; /* tags, in order of completion */
    int errors[WRG_DISK_QUEUE_MAX + 8];
    uint32_t ndone;
    int task_of_done;
    bool again; /* submit one more from done */
} q;

static int setup_queue(void **state)
{
    if (setup_disk(state))
        return -1;
    memset(&q, 0, sizeof(q));
    wrg_disk_queue_init(&q.queue, &t.xen, t.back, &d.md.disk);
    return wrg_disk_queue_start(&q.queue);
}

static int teardown_queue(void **state)
{
    wrg_sched_reset(&t.sched); /* joins the worker before what it uses goes */
    return teardown_disk(state);
}

#define Q(f) cmocka_unit_test_setup_teardown(f, setup_queue, teardown_queue)

static void on_done(void *ctx, int error);

static int submit(uint8_t op, uint64_t sector, uint32_t tag)
{
    const struct wrg_disk_submit args = { .op = op,
                                          .sector = sector,
                                          .nvec = op == WRG_IO_FLUSH ? 0 : 1,
                                          .vec = &d.vec[tag % DISK_PAGES],
                                          .done = on_done,
                                          .ctx = (void *)(uintptr_t)tag };

    return wrg_disk_queue_submit(&q.queue, &args);
}

static void on_done(void *ctx, int error)
{
    q.errors[q.ndone] = error;
    q.done[q.ndone++] = (uint32_t)(uintptr_t)ctx;
    q.task_of_done = wrg_sched_current(&t.sched);
    if (q.again) {
        q.again = false;
        assert_int_equal(submit(WRG_IO_READ, 0, 99), 0);
    }
}

static void run_idle(void)
{
    assert_int_equal(wrg_sched_run(&t.sched), WRG_SCHED_IDLE);
}

static void submitted__executed_in_order_by_the_worker(void **state)
{
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(submit(i % 2 ? WRG_IO_WRITE : WRG_IO_READ, i * 8, 10 + i), 0);
    assert_int_equal(q.ndone, 0);
    assert_int_equal(wrg_disk_queue_pending(&q.queue), 5);
    run_idle();
    assert_int_equal(q.ndone, 5);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(q.done[i], 10 + i);
        assert_int_equal(q.errors[i], 0);
    }
    assert_int_equal(q.task_of_done, q.queue.task);
    assert_int_equal(wrg_disk_queue_pending(&q.queue), 0);
}

static void events__submit_data_done_with_one_ticket(void **state)
{
    forget_events();
    assert_int_equal(submit(WRG_IO_WRITE, 16, 0), 0);
    assert_int_equal(submit(WRG_IO_READ, DISK_SECTORS, 1), 0);
    run_idle();
    assert_int_equal(count_events(WRG_EV_DISK_SUBMIT), 2);
    assert_int_equal(count_events(WRG_EV_DISK_DATA), 1);
    assert_int_equal(count_events(WRG_EV_DISK_DONE), 2);
    const struct wrg_event *ev = &nth_event(WRG_EV_DISK_SUBMIT, 0)->ev;
    assert_int_equal(ev->a, 1);
    assert_int_equal(ev->b, WRG_IO_WRITE);
    assert_int_equal(ev->c, 16);
    assert_int_equal(ev->d, 8);
    assert_int_equal(ev->role, WRG_ROLE_BACK);
    assert_int_equal(nth_event(WRG_EV_DISK_DATA, 0)->ev.a, 1);
    assert_int_equal(nth_event(WRG_EV_DISK_DONE, 0)->ev.a, 1);
    assert_int_equal(nth_event(WRG_EV_DISK_DONE, 0)->ev.b, 0);
    assert_int_equal(nth_event(WRG_EV_DISK_DONE, 1)->ev.a, 2);
    assert_int_equal((int32_t)nth_event(WRG_EV_DISK_DONE, 1)->ev.b, -EIO);
    assert_int_equal(q.errors[1], -EIO);
}

static void queue_full__eagain_until_one_is_done(void **state)
{
    for (uint32_t i = 0; i < WRG_DISK_QUEUE_MAX; i++)
        assert_int_equal(submit(WRG_IO_FLUSH, 0, i), 0);
    assert_int_equal(submit(WRG_IO_FLUSH, 0, 5000), -EAGAIN);
    assert_int_equal(count_events(WRG_EV_DISK_SUBMIT), WRG_DISK_QUEUE_MAX);
    run_idle();
    assert_int_equal(q.ndone, WRG_DISK_QUEUE_MAX);
    assert_int_equal(submit(WRG_IO_FLUSH, 0, 5000), 0);
    run_idle();
    assert_int_equal(q.done[WRG_DISK_QUEUE_MAX], 5000);
}

static void submit_from_done__has_room_and_runs(void **state)
{
    for (uint32_t i = 0; i < WRG_DISK_QUEUE_MAX; i++)
        assert_int_equal(submit(WRG_IO_FLUSH, 0, i), 0);
    q.again = true;
    run_idle();
    assert_int_equal(q.ndone, WRG_DISK_QUEUE_MAX + 1);
    assert_int_equal(q.done[WRG_DISK_QUEUE_MAX], 99);
}

static void each_request__has_a_preemption_point_before_it(void **state)
{
    uint64_t steps;

    run_idle();
    steps = t.sched.steps;
    assert_int_equal(submit(WRG_IO_FLUSH, 0, 0), 0);
    run_idle();
    uint64_t one = t.sched.steps - steps;
    steps = t.sched.steps;
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(submit(WRG_IO_FLUSH, 0, 0), 0);
    run_idle();
    assert_int_equal(t.sched.steps - steps, one + 9);
}

static void reset__drops_requests_and_data_and_tickets(void **state)
{
    assert_int_equal(submit(WRG_IO_WRITE, 0, 0), 0);
    run_idle();
    assert_int_equal(d.md.used, 1);
    assert_int_equal(submit(WRG_IO_WRITE, 8, 1), 0);
    wrg_disk_queue_reset(&q.queue);
    assert_int_equal(wrg_disk_queue_pending(&q.queue), 0);
    assert_int_equal(d.md.used, 0);
    run_idle();
    assert_int_equal(q.ndone, 1);
    forget_events();
    assert_int_equal(submit(WRG_IO_READ, 0, 2), 0);
    assert_int_equal(nth_event(WRG_EV_DISK_SUBMIT, 0)->ev.a, 1);
    run_idle();
    assert_int_equal(q.ndone, 2);
}

static void info__tells_limit_and_emits(void **state)
{
    struct wrg_disk_info info = { 0 };
    struct wrg_readonly_disk ro;

    wrg_readonly_disk_init(&ro, &d.md.disk);
    q.queue.disk = &ro.disk;
    forget_events();
    assert_int_equal(wrg_disk_queue_info(&q.queue, &info), 0);
    assert_int_equal(info.queue_limit, WRG_DISK_QUEUE_MAX);
    assert_true(info.readonly);
    assert_int_equal(nth_event(WRG_EV_DISK_INFO, 0)->ev.a, 1);
    assert_int_equal(nth_event(WRG_EV_DISK_INFO, 0)->ev.c, DISK_SECTORS);
}

static void order_of(uint64_t seed, uint32_t order[32])
{
    q.queue.reorder = true;
    q.queue.reorder_seed = seed;
    q.ndone = 0;
    wrg_disk_queue_reset(&q.queue);
    for (uint32_t i = 0; i < 32; i++)
        assert_int_equal(submit(WRG_IO_FLUSH, 0, i), 0);
    run_idle();
    assert_int_equal(q.ndone, 32);
    memcpy(order, q.done, 32 * sizeof(*order));
}

static void reordered__each_once_and_by_seed(void **state)
{
    uint32_t order[32], again[32], moved = 0;
    uint64_t seen = 0;

    order_of(1, order);
    for (uint32_t i = 0; i < 32; i++) {
        seen |= UINT64_C(1) << order[i];
        moved += order[i] != i;
    }
    assert_int_equal(seen, UINT32_MAX);
    assert_true(moved > 20);
    order_of(1, again);
    assert_memory_equal(order, again, sizeof(order));
    order_of(2, again);
    assert_memory_not_equal(order, again, sizeof(order));
}

static void delayed__takes_its_time_each(void **state)
{
    struct wrg_delay_disk delay;
    uint64_t wanted = 0;

    wrg_delay_disk_init(&delay, &d.md.disk);
    wrg_delay_disk_set(&delay, 500, 9);
    q.queue.disk = &delay.disk;
    uint64_t before = wrg_sched_now(&t.sched);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(submit(WRG_IO_WRITE, 8 * i, i), 0);
        wanted += wrg_delay_disk_ns(&delay, i + 1);
    }
    run_idle();
    assert_int_equal(q.ndone, 4);
    assert_true(wanted > 0);
    assert_int_equal(wrg_sched_now(&t.sched) - before, wanted);
}

static void delayed_and_woken__waits_on(void **state)
{
    struct wrg_delay_disk delay;

    wrg_delay_disk_init(&delay, &d.md.disk);
    wrg_delay_disk_set(&delay, 500, 9);
    q.queue.disk = &delay.disk;
    q.again = true; /* submits, and so wakes the task, while the second one is still queued */
    assert_int_equal(submit(WRG_IO_FLUSH, 0, 0), 0);
    assert_int_equal(submit(WRG_IO_FLUSH, 0, 1), 0);
    uint64_t before = wrg_sched_now(&t.sched);
    run_idle();
    assert_int_equal(q.ndone, 3);
    assert_int_equal(wrg_sched_now(&t.sched) - before, wrg_delay_disk_ns(&delay, 1) +
                                                           wrg_delay_disk_ns(&delay, 2) +
                                                           wrg_delay_disk_ns(&delay, 3));
}

/* ---- the thread engine ---- */

#define THREAD_SUBMITS 300

static void submit_many(void *arg)
{
    for (uint32_t i = 0; i < THREAD_SUBMITS; i++)
        while (submit(WRG_IO_FLUSH, 0, (uint32_t)(uintptr_t)arg * 1000 + i) == -EAGAIN)
            wrg_sched_yield(&t.sched);
}

static void threads_submit_in_parallel__all_done_in_order_of_each(void **state)
{
    uint32_t next[3] = { 0 };

    for (uintptr_t i = 0; i < 3; i++) {
        const struct wrg_task_args args = {
            .fn = submit_many, .arg = (void *)i, .name = "submit", .role = WRG_ROLE_BACK
        };
        assert_true(wrg_sched_task_create(&t.sched, &args) >= 0);
    }
    assert_int_equal(wrg_sched_run(&t.sched), WRG_SCHED_IDLE);
    assert_int_equal(q.ndone, 3 * THREAD_SUBMITS);
    for (uint32_t i = 0; i < q.ndone; i++)
        assert_int_equal(q.done[i] % 1000, next[q.done[i] / 1000]++);
}

static int setup_threads(void **state)
{
    const struct wrg_memory_disk_args args = { .sectors = DISK_SECTORS, .chunks = DISK_CHUNKS };

    if (setup_xen_engine(WRG_ENGINE_THREAD))
        return -1;
    memset(&q, 0, sizeof(q));
    if (wrg_memory_disk_init(&d.md, &args))
        return -1;
    wrg_disk_queue_init(&q.queue, &t.xen, t.back, &d.md.disk);
    return wrg_disk_queue_start(&q.queue);
}

/* Writes pages that hold 7 in each byte, three of them, from sector 8 on. */
static uint32_t tear_three(uint64_t seed)
{
    for (uint32_t i = 0; i < 3; i++) {
        memset(bytes_of(t.back, d.page + i), 7, WRG_PAGE_SIZE);
        assert_int_equal(submit(WRG_IO_WRITE, 8 + i * 8, i), 0);
    }
    assert_int_equal(submit(WRG_IO_READ, 100, 5), 0);
    forget_events();
    return wrg_disk_queue_tear(&q.queue, seed);
}

static void power_cut_among_writes__any_sectors_of_them(void **state)
{
    uint8_t sectors[24 * WRG_SECTOR_SIZE];
    const struct wrg_disk_run run = { .sector = 8, .count = 24, .bytes = sectors };
    uint32_t torn, there = 0;

    torn = tear_three(2);
    assert_true(torn > 0 && torn < 24);
    assert_int_equal(count_events(WRG_EV_DISK_LEFT), torn);
    wrg_disk_queue_drop(&q.queue);
    assert_int_equal(wrg_disk_transfer(&d.md.disk, &run), 0);
    for (uint32_t i = 0; i < 24; i++) {
        assert_true(sectors[i * WRG_SECTOR_SIZE] == 7 || sectors[i * WRG_SECTOR_SIZE] == 0);
        assert_int_equal(sectors[i * WRG_SECTOR_SIZE], sectors[i * WRG_SECTOR_SIZE + 511]);
        there += sectors[i * WRG_SECTOR_SIZE] == 7;
    }
    assert_int_equal(there, torn);
    assert_int_equal(q.ndone, 0);
}

static void power_cut_of_another_seed__other_sectors(void **state)
{
    uint64_t first[2];

    for (unsigned i = 0; i < 2; i++) {
        (void)tear_three(2 + i);
        wrg_disk_queue_drop(&q.queue);
        first[i] = 0;
        for (uint32_t k = 0; k < count_events(WRG_EV_DISK_LEFT); k++)
            first[i] |= UINT64_C(1) << nth_event(WRG_EV_DISK_LEFT, k)->ev.c;
    }
    assert_true(first[0] != first[1]);
}

static void power_cut_of_a_readonly_disk__nothing(void **state)
{
    struct wrg_readonly_disk ro;

    wrg_readonly_disk_init(&ro, &d.md.disk);
    q.queue.disk = &ro.disk;
    assert_int_equal(tear_three(2), 0);
    assert_int_equal(d.md.used, 0);
}

static void power_cut_after_the_page_has_gone__nothing_said(void **state)
{
    d.vec[0].page = WRG_NO_PAGE;
    assert_int_equal(submit(WRG_IO_WRITE, 8, 0), 0);
    forget_events();
    assert_int_equal(wrg_disk_queue_tear(&q.queue, 2), 0);
    assert_int_equal(count_events(WRG_EV_VIEW_FAULT), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        Q(submitted__executed_in_order_by_the_worker),
        Q(events__submit_data_done_with_one_ticket),
        Q(queue_full__eagain_until_one_is_done),
        Q(submit_from_done__has_room_and_runs),
        Q(each_request__has_a_preemption_point_before_it),
        Q(reset__drops_requests_and_data_and_tickets),
        Q(info__tells_limit_and_emits),
        Q(reordered__each_once_and_by_seed),
        Q(delayed__takes_its_time_each),
        Q(delayed_and_woken__waits_on),
        cmocka_unit_test_setup_teardown(threads_submit_in_parallel__all_done_in_order_of_each,
                                        setup_threads, teardown_queue),
        Q(power_cut_among_writes__any_sectors_of_them),
        Q(power_cut_of_another_seed__other_sectors),
        Q(power_cut_of_a_readonly_disk__nothing),
        Q(power_cut_after_the_page_has_gone__nothing_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
