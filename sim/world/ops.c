/* SPDX-License-Identifier: MIT */
/*
 * The ops of a case, one function each, in a table by kind.
 */
#include <string.h>

#include "world/world_impl.h"

typedef bool op_fn(struct wrg_world *w, const struct wrg_op *op);

static void *script(struct wrg_world *w, unsigned seat)
{
    return wrg_world_scripted(w, seat) ? w->vbd.self[seat] : NULL;
}

/* The scripted endpoint that an op speaks of, or NULL. */
static void *side(struct wrg_world *w, uint8_t by)
{
    if (by == WRG_CASE_SIDE_FRONT)
        return script(w, WRG_SEAT_FRONT);
    if (by == WRG_CASE_SIDE_BACK)
        return script(w, WRG_SEAT_BACK);
    void *front = script(w, WRG_SEAT_FRONT);
    return front ? front : script(w, WRG_SEAT_BACK);
}

/* ---- ops that are accounted for elsewhere, or say something of the run as a whole ---- */

static bool op_nothing(struct wrg_world *w, const struct wrg_op *op)
{
    return false;
}

static bool op_taken(struct wrg_world *w, const struct wrg_op *op)
{
    return true;
}

/* ---- I/O of an honest front ---- */

static bool op_io(struct wrg_world *w, const struct wrg_op *op)
{
    struct wrg_edge_io io = { .op = op->io.op,
                              .first = op->io.first,
                              .count = op->io.count,
                              .pattern = op->io.pattern,
                              .sector = op->io.sector };
    bool effect = false;

    if (io.op == WRG_IO_FLUSH)
        io.count = io.first = 0;
    else if (io.count == 0)
        return false;
    w->vbd.edge.given_up = false;
    for (uint32_t i = 0; i < op->io.times; i++) {
        effect |= wrg_edge_submit(&w->vbd, &io);
        io.sector += op->io.stride;
    }
    return effect;
}

/* ---- a scripted front ---- */

static bool op_req(struct wrg_world *w, const struct wrg_op *op)
{
    const struct wrg_hostile_req req = { .op = op->req.op,
                                         .inner = op->req.inner,
                                         .flag = op->req.flag,
                                         .queue = op->req.queue,
                                         .nseg = op->req.nseg,
                                         .handle = op->req.handle,
                                         .sector = op->req.sector,
                                         .id = op->req.id,
                                         .nr_sectors = op->req.nr_sectors };
    void *front = script(w, WRG_SEAT_FRONT);

    if (!front || !wrg_hostile_request(front, &req))
        return false;
    w->sched.budget_steps += 256 + 64 * (uint64_t)wrg_min_u32(req.nseg, 4096);
    return true;
}

static bool op_seg(struct wrg_world *w, const struct wrg_op *op)
{
    const struct wrg_hostile_seg seg = { .index = op->seg.index,
                                         .count = op->seg.count,
                                         .first = op->seg.first,
                                         .last = op->seg.last,
                                         .gref = op->seg.gref };
    void *front = script(w, WRG_SEAT_FRONT);

    return front && wrg_hostile_segment(front, &seg);
}

static bool op_grant(struct wrg_world *w, const struct wrg_op *op)
{
    const struct wrg_hostile_grant grant = { .indirect = op->grant.of == WRG_CASE_GRANT_OF_INDIRECT,
                                             .kind = op->grant.kind,
                                             .index = op->grant.index,
                                             .count = op->grant.count };
    void *front = script(w, WRG_SEAT_FRONT);

    return front && wrg_hostile_regrant(front, &grant);
}

static bool op_fill(struct wrg_world *w, const struct wrg_op *op)
{
    const struct wrg_hostile_fill fill = { .indirect = op->fill.of == WRG_CASE_FILL_OF_INDIRECT,
                                           .index = op->fill.index,
                                           .count = op->fill.count,
                                           .seed = op->fill.seed };
    void *front = script(w, WRG_SEAT_FRONT);

    return front && wrg_hostile_fill(front, &fill);
}

static bool op_publish(struct wrg_world *w, const struct wrg_op *op)
{
    const struct wrg_hostile_publish publish = { .prod_delta = op->publish.prod,
                                                 .notify = op->publish.notify,
                                                 .queue = op->publish.queue };
    void *front = script(w, WRG_SEAT_FRONT);

    return front && wrg_hostile_publish(front, &publish);
}

/* ---- both sides ---- */

static bool op_poke(struct wrg_world *w, const struct wrg_op *op)
{
    const struct wrg_hostile_poke poke = { .target = op->poke.target,
                                           .len = op->poke.len,
                                           .mode = op->poke.mode,
                                           .queue = op->poke.queue,
                                           .off = op->poke.off,
                                           .index = op->poke.index,
                                           .value = op->poke.val };
    void *self = side(w, op->poke.by);

    return self && wrg_hostile_poke(self, &poke);
}

static bool op_event(struct wrg_world *w, const struct wrg_op *op)
{
    const struct wrg_hostile_signal signal = { .action = op->event.action,
                                               .queue = op->event.queue,
                                               .count = op->event.count };
    void *self = side(w, op->event.by);

    w->sched.budget_steps += 16 * (uint64_t)op->event.count;
    return self && wrg_hostile_event(self, &signal);
}

/* ---- xenstore ---- */

static unsigned xs_seat(struct wrg_world *w, const struct wrg_op_xs *op)
{
    enum wrg_node_dir dir = wrg_node_dir((enum wrg_node)op->node);

    if (dir != WRG_NODE_DIR_BOTH)
        return dir == WRG_NODE_DIR_FRONT ? WRG_SEAT_FRONT : WRG_SEAT_BACK;
    if (op->by == WRG_CASE_BY_BACK)
        return WRG_SEAT_BACK;
    if (op->by == WRG_CASE_BY_PEER && wrg_world_scripted(w, WRG_SEAT_BACK))
        return WRG_SEAT_BACK;
    return WRG_SEAT_FRONT;
}

static uint16_t xs_conn(struct wrg_world *w, const struct wrg_op_xs *op)
{
    uint16_t domid = WRG_DOM_TOOLSTACK;

    if (op->by == WRG_CASE_BY_FRONT)
        domid = WRG_DOM_FRONT;
    else if (op->by == WRG_CASE_BY_BACK)
        domid = WRG_DOM_BACK;
    else if (op->by == WRG_CASE_BY_PEER)
        domid = wrg_world_scripted(w, WRG_SEAT_BACK) ? WRG_DOM_BACK : WRG_DOM_FRONT;
    return w->xen.domains[domid].xs_conn;
}

static bool xs_path(struct wrg_world *w, const struct wrg_op_xs *op, char *path, size_t cap)
{
    const char *name = op->path[0] ? op->path : wrg_node_name((enum wrg_node)op->node);

    if (!name || strlen(name) + WRG_VBD_PATH_MAX + 2 > cap)
        return false;
    path[0] = 0;
    if (name[0] != '/') {
        wrg_vbd_path(&w->vbd, xs_seat(w, op), path);
        strcat(path, "/");
    }
    strcat(path, name);
    return true;
}

/* A driver is judged by what it writes, a script in its seat too; not for what a case writes for
 * it. */
static bool xs_is_scripted(const struct wrg_world *w, const struct wrg_op_xs *op)
{
    return op->by == WRG_CASE_BY_PEER || op->by == WRG_CASE_BY_TOOLSTACK ||
           (op->by == WRG_CASE_BY_FRONT && wrg_world_scripted(w, WRG_SEAT_FRONT)) ||
           (op->by == WRG_CASE_BY_BACK && wrg_world_scripted(w, WRG_SEAT_BACK));
}

static bool op_xs(struct wrg_world *w, const struct wrg_op *op)
{
    const struct wrg_xs_call call = { .conn = xs_conn(w, &op->xs) };
    char path[WRG_VBD_PATH_MAX + sizeof(op->xs.path) + 32];
    int result;

    if (!xs_path(w, &op->xs, path, sizeof(path)))
        return false;
    wrg_sched_point(&w->sched, WRG_POINT_CALL);
    wrg_xen_lock(&w->xen);
    w->scripting = !xs_is_scripted(w, &op->xs);
    if (op->xs.action == WRG_CASE_XS_RM)
        result = wrg_xenstore_rm(w->xen.store, &call, path);
    else if (op->xs.action == WRG_CASE_XS_MKDIR)
        result = wrg_xenstore_mkdir(w->xen.store, &call, path);
    else
        result = wrg_xenstore_write(w->xen.store, &call, path, op->xs.value, strlen(op->xs.value));
    w->scripting = false;
    wrg_xen_unlock(&w->xen);
    w->closing = true; /* the device may be anything now: the run ends with a close */
    return result == 0;
}

/* ---- closing, dying ---- */

static bool op_detach(struct wrg_world *w, const struct wrg_op *op)
{
    w->closing = true;
    if (op->detach.by == WRG_CASE_DETACH_TOOLSTACK) {
        wrg_xen_lock(&w->xen);
        int result = wrg_toolstack_unplug(w->xen.store, w->xen.domains[WRG_DOM_TOOLSTACK].xs_conn,
                                          &w->vbd.id);
        wrg_xen_unlock(&w->xen);
        return result == 0;
    }
    unsigned seat = op->detach.by == WRG_CASE_DETACH_FRONT ? WRG_SEAT_FRONT : WRG_SEAT_BACK;
    if (!w->vbd.self[seat])
        return false;
    wrg_vbd_detach(&w->vbd, seat);
    return true;
}

static bool op_kill(struct wrg_world *w, const struct wrg_op *op)
{
    uint16_t domid = op->kill.dom == WRG_CASE_DOM_FRONT ? WRG_DOM_FRONT : WRG_DOM_BACK;

    if (w->kill_dom || w->dead[WRG_SEAT_FRONT] || w->dead[WRG_SEAT_BACK])
        return false; /* one death a run */
    w->closing = true;
    if (op->kill.after == 0) {
        wrg_sched_pause(&w->sched);
        wrg_director_kill(w, domid);
        wrg_sched_unpause(&w->sched);
        return true;
    }
    w->kill_dom = domid;
    w->alarm_kill = w->sched.steps + op->kill.after;
    wrg_sched_alarm(&w->sched, wrg_min_u64(w->alarm_kill, w->alarm_pause));
    return true;
}

/* ---- the disk ---- */

static bool op_resize(struct wrg_world *w, const struct wrg_op *op)
{
    const struct wrg_endpoint *back = w->vbd.endpoints[WRG_SEAT_BACK];

    if (w->vbd.memory_disk.sectors == op->resize.sectors)
        return false;
    wrg_sched_pause(&w->sched); /* the disk's task reads the size without a lock */
    wrg_memory_disk_resize(&w->vbd.memory_disk, op->resize.sectors);
    if (w->vbd.self[WRG_SEAT_BACK] && back->resized)
        back->resized(w->vbd.self[WRG_SEAT_BACK]);
    wrg_sched_unpause(&w->sched);
    return true;
}

static op_fn *const table[] = {
    [WRG_OP_CONFIG] = op_taken,
    [WRG_OP_SCHED] = op_taken,
    [WRG_OP_PREEMPT] = op_nothing,
    [WRG_OP_FAULT] = op_nothing,
    [WRG_OP_TAMPER] = op_nothing,
    [WRG_OP_EXPECT] = op_taken,
    [WRG_OP_IO] = op_io,
    [WRG_OP_REQ] = op_req,
    [WRG_OP_SEG] = op_seg,
    [WRG_OP_GRANT] = op_grant,
    [WRG_OP_FILL] = op_fill,
    [WRG_OP_PUBLISH] = op_publish,
    [WRG_OP_RSP] = op_nothing,
    [WRG_OP_POKE] = op_poke,
    [WRG_OP_XS] = op_xs,
    [WRG_OP_EVENT] = op_event,
    [WRG_OP_WAIT] = wrg_op_wait,
    [WRG_OP_DETACH] = op_detach,
    [WRG_OP_RECONNECT] = wrg_op_reconnect,
    [WRG_OP_RESIZE] = op_resize,
    [WRG_OP_TOOLSTACK] = wrg_op_toolstack,
    [WRG_OP_KILL] = op_kill,
};

/* What an op may cost beside the requests it makes; setting a device up again costs most. */
enum { OP_STEPS = 64, LIFE_STEPS = 4000 };

static uint64_t steps_of(const struct wrg_op *op)
{
    if (op->kind == WRG_OP_RECONNECT || op->kind == WRG_OP_DETACH || op->kind == WRG_OP_XS ||
        op->kind == WRG_OP_TOOLSTACK || op->kind == WRG_OP_RESIZE)
        return LIFE_STEPS;
    if (op->kind == WRG_OP_WAIT)
        return OP_STEPS + wrg_op_wait_steps(op);
    /* Those that cost nothing: a finding of a fuzz target is kept with its config spelled out. */
    return table[op->kind] == op_taken || table[op->kind] == op_nothing ? 0 : OP_STEPS;
}

bool wrg_op_execute(struct wrg_world *w, const struct wrg_op *op)
{
    if (op->kind >= WRG_ARRAY_LEN(table) || !table[op->kind])
        return false;
    w->sched.budget_steps += steps_of(op);
    return table[op->kind](w, op);
}
