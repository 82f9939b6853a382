/* SPDX-License-Identifier: MIT */
#include "sched/sched_impl.h"

/*
 * Who runs next. A strategy with a seed is for discovery; keyed preempts are for reproducers: an
 * edit elsewhere in the case does not move them, because events are counted per task and section.
 * The log holds every deviation from `stay` in that form, which is what turns the one into the
 * other.
 */

#define STICKY_BOUND 8 /* a switch with p = 1/8 finds most: long runs, and now and then a cut */

void wrg_sched_watch(struct wrg_sched *s, struct wrg_task *t)
{
    uint64_t watch = t->points_limit;

    for (size_t i = 0; i < s->run.preempts_count; i++) {
        const struct wrg_sched_preempt *p = &s->run.preempts[i];
        uint64_t at = t->section_base + p->event;

        if (!p->fired && p->task == t->actor && p->section == t->section && at > t->points)
            watch = wrg_min_u64(watch, at);
    }
    t->watch = watch;
    wrg_sched_disturb(s);
}

/* The task a preempt sends control to at this very event of t, or WRG_TASK_NONE. */
static int keyed(struct wrg_sched *s, const struct wrg_task *t)
{
    uint32_t event = wrg_task_event(t);

    for (size_t i = 0; i < s->run.preempts_count; i++) {
        struct wrg_sched_preempt *p = &s->run.preempts[i];
        int to;

        if (p->fired || p->task != t->actor || p->section != t->section || p->event != event)
            continue;
        to = wrg_sched_find(s, p->to);
        if (to < 0 || !wrg_set_has(&s->ready, to) || &s->tasks[to] == t)
            continue; /* no effect: a dead op */
        p->fired = true;
        return to;
    }
    return WRG_TASK_NONE;
}

/* 0 is the default, the others follow by id: a record that has run out gives a calm run. */
static int nth_candidate(const struct wrg_sched *s, int by_default, uint32_t n)
{
    int id;

    if (n == 0)
        return by_default;
    for (id = wrg_set_from(&s->ready, 0); id >= 0; id = wrg_set_from(&s->ready, id + 1))
        if (id != by_default && --n == 0)
            break;
    return id;
}

static int sticky(struct wrg_sched *s, bool goes_on, int by_default)
{
    struct wrg_choice *choice = s->run.choice;
    uint32_t n;

    if (goes_on) {
        uint32_t cut = wrg_choice_take(choice, STICKY_BOUND, WRG_CHOICE_PREEMPT);

        if (cut != 1)
            return by_default;
    }
    n = wrg_choice_take(choice, s->ready_count, WRG_CHOICE_TASK);
    return nth_candidate(s, by_default, n);
}

static int round_robin(const struct wrg_sched *s, int id)
{
    int next = wrg_set_from(&s->ready, id + 1);

    return next >= 0 ? next : wrg_set_from(&s->ready, 0);
}

static int log_if_deviates(struct wrg_sched *s, const struct wrg_task *t, int by_default, int to)
{
    if (to == by_default)
        return to;
    if (s->log_count < s->run.log_cap)
        s->run.log[s->log_count] = (struct wrg_sched_preempt){
            .task = t->actor,
            .to = s->tasks[to].actor,
            .section = t->section,
            .event = wrg_task_event(t),
        };
    s->log_count++;
    return to;
}

int wrg_sched_choose(struct wrg_sched *s, struct wrg_task *t, int by_default, bool due)
{
    int id = (int)(t - s->tasks);
    int to = due ? keyed(s, t) : WRG_TASK_NONE;

    if (to >= 0)
        return log_if_deviates(s, t, by_default, to);
    to = by_default;
    if (s->ready_count > 1 && s->strategy == WRG_STRATEGY_STICKY)
        to = sticky(s, by_default == id, by_default);
    else if (s->ready_count > 1 && s->strategy == WRG_STRATEGY_ROUND_ROBIN)
        to = round_robin(s, id);
    return log_if_deviates(s, t, by_default, to);
}
