/* SPDX-License-Identifier: MIT */
#include "guest/late_eoi.h"

#include <errno.h>

#include "guest/guest.h"

#define LOOK_EVERY  256 /* events of an upcall loop */
#define EMPTIES_MAX UINT8_MAX

const struct wrg_late_eoi_knobs wrg_late_eoi_defaults = { .spurious_threshold = 1,
                                                          .loop_timeout_jiffies = 2,
                                                          .loop_delay_jiffies = 10 };

/* ---- how long ---- */

/* Whether the task that gives the EOI may not have looked since the event. */
static bool has_not_looked(const struct wrg_guest *guest, const struct wrg_evtchn *chn)
{
    return chn->task == WRG_EVTCHN_NOBODY ||
           __atomic_load_n(&guest->xen->sched->tasks[chn->task].pending, __ATOMIC_ACQUIRE);
}

static uint32_t penalty_jiffies(struct wrg_guest *guest, struct wrg_evtchn *chn)
{
    struct wrg_late_eoi *late = &guest->state.late;
    uint32_t threshold = guest->knobs.spurious_threshold;
    uint32_t jiffies = WRG_JIFFIES_PER_SECOND;

    late->spurious_events++;
    if (chn->empties < EMPTIES_MAX)
        chn->empties++;
    if (chn->empties <= threshold)
        return 0;
    uint32_t exponent = chn->empties - 1 - threshold;
    if (exponent < 8) /* 2^8 is more than a second */
        jiffies = 1u << exponent;
    late->jiffies_delayed += jiffies;
    return jiffies;
}

/*
 * Upcalls follow one another without a pause for as long as the clock stands. The first look at the
 * clock starts the timeout, a later one finds it passed.
 */
static bool loop_takes_too_long(struct wrg_guest *guest)
{
    struct wrg_late_eoi *late = &guest->state.late;
    const struct wrg_late_eoi_knobs *knobs = &guest->knobs;
    uint64_t events = guest->dom->evtchns.events;
    uint64_t now = wrg_sched_now(guest->xen->sched);

    if (!knobs->event_cost_ns)
        return false;
    if (late->loop_started_ns != now) {
        late->loop_started_ns = now;
        late->loop_first = events ? events - 1 : 0; /* this one is the loop's first */
    }
    uint64_t looks = (events - late->loop_first) / LOOK_EVERY;
    return looks > 1 && (looks - 1) * LOOK_EVERY * knobs->event_cost_ns >
                            knobs->loop_timeout_jiffies * WRG_JIFFY_NS;
}

static uint32_t delay_jiffies(struct wrg_guest *guest, struct wrg_evtchn *chn, bool spurious)
{
    uint32_t jiffies = 0;

    if (!(chn->held & WRG_EVTCHN_SERVED))
        return 0;
    if (!spurious)
        chn->empties = 0;
    else if (!has_not_looked(guest, chn))
        jiffies = penalty_jiffies(guest, chn);
    if (jiffies == 0 && loop_takes_too_long(guest))
        jiffies = guest->knobs.loop_delay_jiffies;
    return jiffies;
}

/* ---- who waits ---- */

static void drop(struct wrg_late_eoi *late, uint32_t index)
{
    late->list[index] = late->list[--late->count];
}

static void forget(struct wrg_guest *guest, uint32_t port)
{
    struct wrg_late_eoi *late = &guest->state.late;

    for (uint32_t i = late->count; i-- > 0;)
        if (late->list[i].port == port)
            drop(late, i);
}

/* The timer for the first of those that wait. */
static bool arm(struct wrg_guest *guest)
{
    struct wrg_late_eoi *late = &guest->state.late;
    struct wrg_timer_args args = { .task = late->task - 1, .deadline_ns = UINT64_MAX };

    if (late->timer)
        wrg_sched_timer_cancel(guest->xen->sched, late->timer - 1);
    late->timer = 0;
    for (uint32_t i = 0; i < late->count; i++)
        args.deadline_ns = wrg_min_u64(args.deadline_ns, late->list[i].due_ns);
    if (late->count == 0)
        return true;
    int id = wrg_sched_timer_set(guest->xen->sched, &args);
    late->timer = id < 0 ? 0 : id + 1;
    return id >= 0;
}

static void give_until(struct wrg_guest *guest, uint64_t until_ns)
{
    struct wrg_late_eoi *late = &guest->state.late;

    for (uint32_t i = late->count; i-- > 0;) {
        uint32_t port = late->list[i].port;
        const struct wrg_evtchn *chn = wrg_evtchn_at(&guest->dom->evtchns, port);
        if (late->list[i].due_ns > until_ns)
            continue;
        drop(late, i);
        if (!chn)
            continue; /* closed from outside */
        wrg_xen_emit(guest->xen, .kind = WRG_EV_EVTCHN_LATE_EOI, .role = guest->dom->role,
                     .a = port, .b = chn->pending);
        wrg_evtchn_release(guest->xen, guest->dom, port, WRG_EVTCHN_DELAYED);
    }
}

/* The kernel's task; it never touches a ring. */
static void run_late(void *arg)
{
    struct wrg_guest *guest = arg;

    wrg_sched_point(guest->xen->sched, WRG_POINT_CALL);
    wrg_xen_lock(guest->xen);
    give_until(guest, wrg_sched_now(guest->xen->sched));
    if (!arm(guest))
        give_until(guest, UINT64_MAX); /* no timer is left: better early than never */
    wrg_xen_unlock(guest->xen);
}

static bool has_task(struct wrg_guest *guest)
{
    const struct wrg_task_args args = {
        .fn = run_late, .arg = guest, .name = "late-eoi", .role = guest->role, .worker = true
    };
    struct wrg_late_eoi *late = &guest->state.late;

    if (!late->task) {
        int id = wrg_sched_task_create(guest->xen->sched, &args);
        late->task = id < 0 ? 0 : id + 1;
    }
    return late->task != 0;
}

/* False: the EOI has to be given at once. */
static bool keep_back(struct wrg_guest *guest, uint32_t port, uint32_t jiffies)
{
    struct wrg_late_eoi *late = &guest->state.late;

    if (late->count == WRG_LATE_EOIS || !has_task(guest))
        return false;
    late->list[late->count++] = (struct wrg_late_eoi_due){
        .due_ns = wrg_sched_now(guest->xen->sched) + jiffies * WRG_JIFFY_NS, .port = port
    };
    if (arm(guest))
        return true;
    forget(guest, port);
    return false;
}

/* ---- port calls ---- */

int wrg_late_eoi_eoi(struct wrg_guest *guest, struct wrg_evtchn_eoi *args)
{
    struct wrg_domain *dom = guest->dom;
    struct wrg_evtchn *chn = wrg_evtchn_at(&dom->evtchns, args->evtchn);
    uint32_t jiffies = 0;

    if (!chn)
        return -EINVAL;
    if (WRG_UNLIKELY(args->spurious || guest->knobs.event_cost_ns))
        jiffies = delay_jiffies(guest, chn, args->spurious);
    else
        chn->empties = 0;
    if (WRG_UNLIKELY(jiffies) && !keep_back(guest, args->evtchn, jiffies))
        jiffies = 0;
    if (WRG_UNLIKELY(jiffies))
        chn->held |= WRG_EVTCHN_DELAYED;
    wrg_xen_emit(guest->xen, .kind = WRG_EV_EVTCHN_EOI, .role = dom->role, .a = args->evtchn,
                 .b = args->spurious, .c = jiffies);
    wrg_evtchn_release(guest->xen, dom, args->evtchn, WRG_EVTCHN_SERVED);
    return 0;
}

int wrg_late_eoi_close(struct wrg_guest *guest, struct wrg_evtchn_close *args)
{
    if (WRG_UNLIKELY(guest->state.late.count)) {
        forget(guest, args->evtchn);
        (void)arm(guest); /* a timer for one less: it has just given one back */
    }
    return wrg_evtchn_close(guest->xen, guest->dom, args);
}

int wrg_late_eoi_reset(struct wrg_guest *guest, struct wrg_evtchn_reset *args)
{
    int result = wrg_evtchn_reset(guest->xen, guest->dom, args);

    if (result)
        return result;
    guest->state.late.count = 0;
    (void)arm(guest); /* none to wait for */
    return 0;
}

/* ---- what can be seen of it ---- */

struct wrg_event_stats wrg_late_eoi_stats(const struct wrg_guest *guest)
{
    const struct wrg_evtchns *evtchns = &guest->dom->evtchns;

    return (struct wrg_event_stats){ .events = evtchns->events,
                                     .spurious_events = guest->state.late.spurious_events,
                                     .jiffies_eoi_delayed = guest->state.late.jiffies_delayed,
                                     .event_channels = evtchns->slots.taken - 1 };
}

bool wrg_late_eoi_blocks(const struct wrg_guest *guest, uint64_t *due_ns)
{
    const struct wrg_late_eoi *late = &guest->state.late;
    bool blocks = false;

    for (uint32_t i = 0; i < late->count; i++) {
        const struct wrg_evtchn *chn = wrg_evtchn_at(&guest->dom->evtchns, late->list[i].port);
        if (!chn || !chn->pending)
            continue;
        *due_ns = blocks ? wrg_min_u64(*due_ns, late->list[i].due_ns) : late->list[i].due_ns;
        blocks = true;
    }
    return blocks;
}
