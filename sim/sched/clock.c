/* SPDX-License-Identifier: MIT */
#include "sched/sched_impl.h"

#include <errno.h>

/*
 * Virtual time. It stands still while anything can run, so a timeout never races with work: the
 * outcome depends on the case alone, and a run takes no longer for a second than for a year.
 *
 * A timer id is its number in the run << 8 | slot, so that cancelling one that has fired is
 * harmless.
 */
WRG_STATIC_ASSERT(WRG_SCHED_TIMERS <= 256, "a timer's slot has 8 bits of its id");
#define NUMBERS (1u << 23)

static bool timer_live(const struct wrg_sched *s, uint32_t slot)
{
    return s->timer_live[slot / 64] >> (slot % 64) & 1;
}

static void timer_drop(struct wrg_sched *s, uint32_t slot)
{
    s->timer_live[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
    while (s->timers_high > 0 && !timer_live(s, s->timers_high - 1))
        s->timers_high--;
}

uint64_t wrg_sched_now(const struct wrg_sched *s)
{
    return __atomic_load_n(&s->now_ns, __ATOMIC_RELAXED);
}

static int timer_set(struct wrg_sched *s, const struct wrg_timer_args *args)
{
    for (uint32_t slot = 0; slot < WRG_SCHED_TIMERS; slot++) {
        struct wrg_timer *timer = &s->timers[slot];

        if (timer_live(s, slot))
            continue;
        s->timers_made = (s->timers_made + 1) % NUMBERS;
        timer->id = (int)(s->timers_made << 8 | slot);
        timer->deadline_ns = args->deadline_ns;
        timer->task = (int16_t)args->task;
        timer->housekeeping = args->housekeeping;
        s->timer_live[slot / 64] |= UINT64_C(1) << (slot % 64);
        s->timers_high = wrg_max_u32(s->timers_high, slot + 1);
        return timer->id;
    }
    return -ENOSPC;
}

int wrg_sched_timer_set(struct wrg_sched *s, const struct wrg_timer_args *args)
{
    int id;

    WRG_ASSERT(args->task >= 0 && (uint32_t)args->task < s->tasks_max);
    wrg_sched_lock(s);
    id = timer_set(s, args);
    wrg_sched_unlock(s);
    return id;
}

void wrg_sched_timer_cancel(struct wrg_sched *s, int timer)
{
    uint32_t slot = (uint32_t)timer & 0xff;

    if (timer < 0 || slot >= WRG_SCHED_TIMERS)
        return;
    wrg_sched_lock(s);
    if (timer_live(s, slot) && s->timers[slot].id == timer)
        timer_drop(s, slot);
    wrg_sched_unlock(s);
}

void wrg_sched_cancel_timers_of(struct wrg_sched *s, int id)
{
    for (uint32_t slot = s->timers_high; slot-- > 0;)
        if (timer_live(s, slot) && s->timers[slot].task == id)
            timer_drop(s, slot);
}

/* The earliest deadline; *busy says whether any of them is more than housekeeping. */
static uint64_t earliest(const struct wrg_sched *s, bool *busy)
{
    uint64_t first = WRG_SCHED_FOREVER;

    *busy = false;
    for (int id = wrg_set_from(&s->timed, 0); id >= 0; id = wrg_set_from(&s->timed, id + 1)) {
        first = wrg_min_u64(first, s->tasks[id].deadline_ns);
        *busy |= !s->tasks[id].housekeeping;
    }
    for (uint32_t slot = 0; slot < s->timers_high; slot++) {
        if (!timer_live(s, slot))
            continue;
        first = wrg_min_u64(first, s->timers[slot].deadline_ns);
        *busy |= !s->timers[slot].housekeeping;
    }
    return first;
}

static void fire_timer(struct wrg_sched *s, uint32_t slot)
{
    int id = s->timers[slot].task;
    uint8_t state = wrg_task_state(&s->tasks[id]);

    timer_drop(s, slot);
    __atomic_store_n(&s->tasks[id].pending, true, __ATOMIC_RELEASE);
    if (state == WRG_TASK_WAITING || state == WRG_TASK_PARKED)
        wrg_sched_ready(s, id);
}

bool wrg_sched_clock_jump(struct wrg_sched *s)
{
    bool busy;
    uint64_t first = earliest(s, &busy);

    if (!busy)
        return false;
    if (first > s->now_ns)
        __atomic_store_n(&s->now_ns, first, __ATOMIC_RELAXED);
    for (int id = wrg_set_from(&s->timed, 0); id >= 0; id = wrg_set_from(&s->timed, id + 1))
        if (s->tasks[id].deadline_ns <= s->now_ns)
            wrg_sched_ready(s, id);
    for (uint32_t slot = s->timers_high; slot-- > 0;)
        if (timer_live(s, slot) && s->timers[slot].deadline_ns <= s->now_ns)
            fire_timer(s, slot);
    return true;
}
