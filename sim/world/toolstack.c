/* SPDX-License-Identifier: MIT */
/*
 * The toolstack of a world: a task that does what a case wants done later, and leads the life of
 * the device (toolstack/life.h) where a case asks for that. Worlds that do not ask have no such
 * task.
 */
#include <string.h>

#include "world/world_impl.h"

#define NS_PER_MS UINT64_C(1000000)
#define MAJOR     0xca /* of the disk that the script finds */

static struct wrg_vbd_place place_of(struct wrg_world *w)
{
    return (struct wrg_vbd_place){ .xs = w->xen.store,
                                   .conn = w->xen.domains[WRG_DOM_TOOLSTACK].xs_conn,
                                   .id = &w->vbd.id };
}

static uint64_t now_of(const struct wrg_world *w)
{
    return wrg_sched_now(&w->sched);
}

/* ---- what it can do at any time: it writes nodes ---- */

static bool answer(struct wrg_world *w, uint32_t minor)
{
    const struct wrg_vbd_place at = place_of(w);

    return wrg_toolstack_hotplug_done(at.xs, at.conn, at.id, MAJOR, minor) == 0;
}

static bool fail(struct wrg_world *w, uint32_t value)
{
    const struct wrg_vbd_place at = place_of(w);

    return wrg_toolstack_hotplug_failed(at.xs, at.conn, at.id, "no such device") == 0;
}

static bool be_busy(struct wrg_world *w, uint32_t value)
{
    const struct wrg_vbd_place at = place_of(w);

    return wrg_toolstack_hotplug_busy(at.xs, at.conn, at.id) == 0;
}

static bool set_online(struct wrg_world *w, uint32_t value)
{
    const struct wrg_vbd_place at = place_of(w);

    w->closing = true;
    return wrg_toolstack_set_online(at.xs, at.conn, at.id, value) == 0;
}

static bool unplug(struct wrg_world *w, uint32_t value)
{
    const struct wrg_vbd_place at = place_of(w);

    w->closing = true;
    return wrg_vbd_life_unplug(&w->toolstack.life, &at, now_of(w)) == 0;
}

static bool take_away(struct wrg_world *w, uint32_t value)
{
    const struct wrg_vbd_place at = place_of(w);
    struct wrg_vbd_view view;

    w->closing = true;
    wrg_toolstack_look(at.xs, at.conn, at.id, &view);
    if (view.front_state == WRG_XENBUS_UNKNOWN && view.back_state == WRG_XENBUS_UNKNOWN)
        return false;
    return wrg_toolstack_remove_by_force(at.xs, at.conn, at.id) == 0;
}

static bool (*const actions[WRG_COUNT_ACTION])(struct wrg_world *w, uint32_t value) = {
    [WRG_CASE_ACTION_HOTPLUG] = answer,       [WRG_CASE_ACTION_HOTPLUG_ERROR] = fail,
    [WRG_CASE_ACTION_HOTPLUG_BUSY] = be_busy, [WRG_CASE_ACTION_ONLINE] = set_online,
    [WRG_CASE_ACTION_UNPLUG] = unplug,        [WRG_CASE_ACTION_REMOVE] = take_away,
};

static bool act(struct wrg_world *w, const struct wrg_op_toolstack *op)
{
    wrg_sched_point(&w->sched, WRG_POINT_CALL);
    wrg_xen_lock(&w->xen);
    bool effect = actions[op->action](w, op->value);
    wrg_xen_unlock(&w->xen);
    return effect;
}

/* ---- its task ---- */

static void drop_events(struct wrg_world *w)
{
    char data[WRG_XS_EVENT_MAX];
    struct wrg_xs_event event = { .data = data, .cap = sizeof(data) };

    while (wrg_xenstore_next_event(w->xen.store, place_of(w).conn, &event) == 0)
        ;
}

static void keep_appointments(struct wrg_world *w)
{
    struct wrg_world_toolstack *ts = &w->toolstack;
    uint32_t i = 0;

    while (i < ts->nagenda) {
        struct wrg_agenda_item item = ts->agenda[i];
        if (item.at_ns > now_of(w)) {
            i++;
            continue;
        }
        ts->nagenda--;
        memmove(&ts->agenda[i], &ts->agenda[i + 1], (ts->nagenda - i) * sizeof(*ts->agenda));
        w->effective[item.op] = act(w, &w->c->ops[item.op].toolstack);
    }
}

static void arm_timer(struct wrg_world *w)
{
    struct wrg_world_toolstack *ts = &w->toolstack;
    struct wrg_timer_args timer = { .task = ts->task, .deadline_ns = UINT64_MAX };

    if (ts->life.phase != WRG_VBD_SETTLED)
        timer.deadline_ns = ts->life.deadline_ns;
    for (uint32_t i = 0; i < ts->nagenda; i++)
        timer.deadline_ns = wrg_min_u64(timer.deadline_ns, ts->agenda[i].at_ns);
    if (ts->timer >= 0)
        wrg_sched_timer_cancel(&w->sched, ts->timer);
    ts->timer = timer.deadline_ns == UINT64_MAX ? -1 : wrg_sched_timer_set(&w->sched, &timer);
}

static void work(void *arg)
{
    struct wrg_world *w = arg;
    const struct wrg_vbd_place place = place_of(w);

    keep_appointments(w);
    wrg_sched_point(&w->sched, WRG_POINT_CALL);
    wrg_xen_lock(&w->xen);
    drop_events(w);
    wrg_vbd_life_step(&w->toolstack.life, &place, now_of(w));
    arm_timer(w);
    wrg_xen_unlock(&w->xen);
}

static void watch(struct wrg_world *w, const char *dir, const char *name)
{
    const struct wrg_xs_call dom0 = { .conn = place_of(w).conn };
    char path[WRG_VBD_PATH_MAX + 24];

    strcpy(path, dir);
    strcat(path, name);
    int result = wrg_xenstore_watch(w->xen.store, &dom0, path, "toolstack");
    WRG_ASSERT(result == 0);
}

/* Its task, made when there is something to do. */
static void wake(struct wrg_world *w)
{
    const struct wrg_task_args args = {
        .fn = work, .arg = w, .name = "toolstack", .role = WRG_ROLE_TOOLSTACK, .worker = true
    };
    struct wrg_world_toolstack *ts = &w->toolstack;
    char front[WRG_VBD_PATH_MAX], back[WRG_VBD_PATH_MAX];

    if (ts->task == WRG_TASK_NONE) {
        wrg_vbd_path(&w->vbd, WRG_SEAT_FRONT, front);
        wrg_vbd_path(&w->vbd, WRG_SEAT_BACK, back);
        wrg_xen_lock(&w->xen);
        ts->task = wrg_sched_task_create(&w->sched, &args);
        WRG_ASSERT(ts->task >= 0);
        watch(w, front, "/state");
        watch(w, back, "/state");
        watch(w, back, "/hotplug-status");
        wrg_xen_unlock(&w->xen);
    }
    wrg_sched_wake(&w->sched, ts->task);
}

void wrg_toolstack_on_event(struct wrg_world *w)
{
    if (w->toolstack.task != WRG_TASK_NONE)
        wrg_sched_wake(&w->sched, w->toolstack.task);
}

void wrg_toolstack_watch_over(struct wrg_world *w)
{
    wrg_vbd_life_added(&w->toolstack.life, now_of(w));
    wake(w);
}

/* ---- the op ---- */

static bool note(struct wrg_world *w, const struct wrg_op *op)
{
    struct wrg_world_toolstack *ts = &w->toolstack;

    if (ts->nagenda == WRG_WORLD_AGENDA)
        return false;
    ts->agenda[ts->nagenda++] =
        (struct wrg_agenda_item){ .at_ns = now_of(w) + op->toolstack.when * NS_PER_MS,
                                  .op = (uint16_t)(op - w->c->ops) };
    wake(w);
    return false; /* it will have had an effect when it is done */
}

bool wrg_op_toolstack(struct wrg_world *w, const struct wrg_op *op)
{
    const struct wrg_op_toolstack *args = &op->toolstack;

    if (args->action == WRG_CASE_ACTION_HOLD)
        return true; /* it was taken note of before the device was added */
    if (actions[args->action]) {
        if (args->when && !w->xen.parallel)
            return note(w, op);
        if (args->when) /* the agenda is for one task at a time */
            (void)wrg_wait_idle(w, args->when * NS_PER_MS);
        bool effect = act(w, args);
        wake(w);
        return effect;
    }
    if (args->when) /* these take a while, and the case goes on when they are done */
        (void)wrg_wait_idle(w, args->when * NS_PER_MS);
    return args->action == WRG_CASE_ACTION_ADD ? wrg_world_add_again(w)
                                               : wrg_world_power_cut(w, args->value);
}
