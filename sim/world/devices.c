/* SPDX-License-Identifier: MIT */
/*
 * The devices beside the first: honest at both ends, served by the same backend domain. Each has
 * checkers of its own, which hear what is done for it and nothing else.
 *
 * Where a case asks for more guests, each has one of these, and a task that writes to it and reads
 * back while the case goes on. Devices of a program belong to the first guest.
 */
#include <string.h>

#include "world/world_impl.h"

#define ROUNDS_MIN  2 /* also of a case that is over at once */
#define ROUNDS_MAX  16
#define ROUND_IOS   3
#define IO_SECTORS  24u
#define PAUSE_NS    50000 /* of virtual time: nobody else can run when it is over */
#define JUDGED_BOTH (1u << WRG_SEAT_FRONT | 1u << WRG_SEAT_BACK)

/* ---- the store ---- */

void wrg_world_forget_states(struct wrg_world *w)
{
    for (unsigned i = 0; i < w->nvbds; i++)
        for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++)
            wrg_world_device(w, i)->state_known[seat] = false;
}

static bool is_below(const char *path, const char *dir)
{
    size_t len = strlen(dir);

    return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

unsigned wrg_world_device_at(struct wrg_world *w, const char *path)
{
    char dir[WRG_VBD_PATH_MAX];

    for (unsigned i = 0; w->nvbds > 1 && i < w->nvbds; i++) {
        for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++) {
            wrg_vbd_path(wrg_world_device(w, i), seat, dir);
            if (is_below(path, dir))
                return i;
        }
    }
    return wrg_xen_voice(&w->xen);
}

/* ---- before a run ---- */

static bool is_neighbour(const struct wrg_world *w, unsigned index)
{
    return w->config.neighbour != WRG_NO && index == w->nvbds - 1;
}

/* A backend domain that closes all of its ports closes those of its other guests with them. */
static bool backends_are_cut(const struct wrg_world *w)
{
    for (unsigned i = 0; i < w->c->nops; i++) {
        const struct wrg_op *op = &w->c->ops[i];
        if (op->kind == WRG_OP_EVENT && op->event.action == WRG_CASE_EVENT_RESET &&
            (op->event.by == WRG_CASE_SIDE_BACK ||
             (op->event.by == WRG_CASE_SIDE_PEER && wrg_world_scripted(w, WRG_SEAT_BACK))))
            return true;
    }
    return false;
}

static bool has_bad_sectors(const struct wrg_world_vbd *vbd)
{
    return vbd->w->config.error_count != 0 && vbd->w->config.error_device == vbd->index;
}

/* The case does something to it, or to what it stands on. */
static bool is_named(const struct wrg_world_vbd *vbd)
{
    const struct wrg_case *c = vbd->w->c;
    bool named = has_bad_sectors(vbd) || wrg_vbd_has_faults(vbd);

    for (uint16_t i = 0; i < c->nops; i++)
        named |= c->ops[i].kind == WRG_OP_TAMPER && c->ops[i].tamper.device == vbd->index;
    return named;
}

/* A device for CDs is read-only, whatever the disk is. */
static struct wrg_oracle_config oracle_config(struct wrg_world_vbd *vbd)
{
    struct wrg_world *w = vbd->w;
    struct wrg_oracle_config oracle = wrg_world_oracle_config(w);
    struct wrg_disk_info info = { .sectors = 0 };

    wrg_disk_info(vbd->disk.disk, &info);
    oracle.judged = backends_are_cut(w) ? 0 : JUDGED_BOTH;
    oracle.honest_front = oracle.honest_back = true;
    oracle.readonly = info.readonly || w->config.media == WRG_CASE_MEDIA_CDROM;
    oracle.sectors = info.sectors;
    oracle.faults = wrg_vbd_has_faults(vbd);
    oracle.disk_errors = has_bad_sectors(vbd);
    if (!oracle.readonly)
        oracle.vdisk_info &= ~WRG_VDISK_READONLY;
    oracle.units_differ = false;
    oracle.reach = (struct wrg_reach_sink){ 0 };
    oracle.front_domid = vbd->id.front_domid;
    oracle.back_domid = vbd->id.back_domid;
    /* No frontend connects to a disk of less than a block. */
    oracle.innocent = is_neighbour(w, vbd->index) && w->judged >> WRG_SEAT_BACK & 1 &&
                      info.sectors != 0 && !is_named(vbd);
    return oracle;
}

void wrg_devices_begin_checkers(struct wrg_world *w)
{
    for (unsigned i = 1; i < w->nvbds; i++) {
        struct wrg_world_vbd *vbd = wrg_world_device(w, i);
        const struct wrg_oracle_config oracle = oracle_config(vbd);
        wrg_trace_choose(&w->trace, (uint8_t)i);
        if (vbd->oracles)
            wrg_oracles_begin(vbd->oracles, &w->trace, &oracle);
        wrg_vbd_begin_peer_hash(vbd);
    }
    wrg_trace_choose(&w->trace, 0);
}

void wrg_devices_reset(struct wrg_world *w)
{
    for (unsigned i = 1; i < w->nvbds; i++) {
        struct wrg_world_vbd *vbd = wrg_world_device(w, i);
        for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++)
            wrg_guest_reset(&vbd->guests[seat]);
        wrg_disk_queue_reset(&vbd->disk);
        wrg_edge_reset(vbd);
    }
}

static void connect(struct wrg_world_vbd *vbd)
{
    struct wrg_world *w = vbd->w;
    const struct wrg_vbd_spec spec = wrg_vbd_spec_of(vbd);
    uint16_t dom0 = w->xen.domains[WRG_DOM_TOOLSTACK].xs_conn;
    uint8_t before = wrg_sched_speak(&w->sched, vbd->index);
    int result = 0;

    for (unsigned seat = 0; seat < WRG_WORLD_SEATS && !result; seat++)
        result = wrg_guest_connect_store(&vbd->guests[seat]);
    if (!result)
        result = wrg_toolstack_add_vbd(w->xen.store, dom0, &spec);
    if (!result)
        result = wrg_toolstack_hotplug_done(w->xen.store, dom0, &vbd->id, 0xca, vbd->index);
    WRG_ASSERT(result == 0);
    for (unsigned seat = WRG_WORLD_SEATS; seat-- > 0;)
        (void)!wrg_vbd_start_seat(vbd, seat);
    result = wrg_disk_queue_start(&vbd->disk);
    WRG_ASSERT(result == 0);
    (void)wrg_sched_speak(&w->sched, before);
    wrg_world_grant_steps(w, WRG_DEVICE_STEPS);
}

void wrg_devices_connect(struct wrg_world *w)
{
    for (unsigned i = 1; i < w->nvbds; i++)
        connect(wrg_world_device(w, i));
}

/* ---- what the other guests do ---- */

static void do_round(struct wrg_world_vbd *vbd, uint32_t round, uint8_t op)
{
    uint32_t range = (uint32_t)wrg_min_u64(wrg_edge_sectors(vbd), 4096) & ~7u;

    for (uint32_t i = 0; i < ROUND_IOS && range > IO_SECTORS; i++) {
        uint32_t nth = round * ROUND_IOS + i;
        const struct wrg_edge_io io = { .op = op,
                                        .sector = nth * IO_SECTORS * 2 % (range - IO_SECTORS),
                                        .count = IO_SECTORS,
                                        .pattern = nth };
        (void)wrg_edge_submit(vbd, &io);
    }
    (void)!wrg_sched_wait(&vbd->w->sched, PAUSE_NS);
}

/* After each connection: a device that has come back is read and written again. */
static void load(void *arg)
{
    struct wrg_world_vbd *vbd = arg;
    const struct wrg_world *w = vbd->w;
    bool writable = w->config.media != WRG_CASE_MEDIA_CDROM;

    uint32_t seen = 0;

    while (wrg_edge_wait_ready(vbd, &seen))
        for (uint32_t round = 0; round < ROUNDS_MAX && wrg_edge_is_ready(vbd); round++) {
            bool over = __atomic_load_n(&w->director_done, __ATOMIC_ACQUIRE);
            if (over && round >= ROUNDS_MIN)
                break;
            if (writable)
                do_round(vbd, round, WRG_IO_WRITE);
            do_round(vbd, round, WRG_IO_READ);
        }
}

void wrg_devices_begin(struct wrg_world *w)
{
    for (unsigned i = 1; i < w->nvbds; i++) {
        struct wrg_world_vbd *vbd = wrg_world_device(w, i);
        const struct wrg_task_args args = { .fn = load,
                                            .arg = vbd,
                                            .name = "load",
                                            .role = (uint8_t)(WRG_ROLE_SCRIPT |
                                                              i << WRG_TRACE_ROLE_BITS) };
        if (w->options.devices > 1)
            continue;
        uint8_t before = wrg_sched_speak(&w->sched, vbd->index);
        int task = wrg_sched_task_create(&w->sched, &args);
        (void)wrg_sched_speak(&w->sched, before);
        WRG_ASSERT(task >= 0);
    }
    wrg_program_begin(w);
}

bool wrg_devices_unstick(struct wrg_world *w)
{
    bool any = wrg_program_unstick(w);

    for (unsigned i = 1; i < w->nvbds; i++) {
        struct wrg_edge_above *edge = &wrg_world_device(w, i)->edge;
        if (!edge->waiting)
            continue;
        edge->waiting = false;
        edge->given_up = any = true;
        wrg_sched_wake(&w->sched, edge->waiter);
    }
    return any;
}

bool wrg_devices_flying(struct wrg_world *w)
{
    for (unsigned i = 0; i < w->nvbds; i++)
        if (wrg_disk_queue_flying(&wrg_world_device(w, i)->disk))
            return true;
    return false;
}

/* ---- the course of a run ---- */

void wrg_devices_phase(struct wrg_world *w, enum wrg_phase phase)
{
    for (unsigned i = 1; i < w->nvbds; i++) {
        struct wrg_world_vbd *vbd = wrg_world_device(w, i);
        uint32_t front = wrg_vbd_state(vbd, WRG_SEAT_FRONT);
        uint32_t back = wrg_vbd_state(vbd, WRG_SEAT_BACK);
        uint8_t before = wrg_sched_speak(&w->sched, vbd->index);
        wrg_xen_emit(&w->xen, .kind = WRG_EV_PHASE, .role = WRG_ROLE_SCRIPT, .a = phase, .b = front,
                     .c = back);
        (void)wrg_sched_speak(&w->sched, before);
    }
}

void wrg_devices_close(struct wrg_world *w)
{
    for (unsigned i = 1; i < w->nvbds; i++) {
        struct wrg_world_vbd *vbd = wrg_world_device(w, i);
        wrg_vbd_detach(vbd, WRG_SEAT_FRONT);
        if (wrg_vbd_store_has_failed(vbd))
            wrg_vbd_detach(vbd, WRG_SEAT_BACK);
        wrg_world_grant_steps(w, WRG_DEVICE_STEPS);
    }
}

void wrg_devices_stop(struct wrg_world *w)
{
    for (unsigned i = 1; i < w->nvbds; i++)
        for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++)
            wrg_vbd_stop_seat(wrg_world_device(w, i), seat);
}

void wrg_devices_on_death(struct wrg_world *w, uint16_t domid)
{
    for (unsigned i = 1; i < w->nvbds; i++) {
        struct wrg_world_vbd *vbd = wrg_world_device(w, i);
        for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++) {
            if (vbd->guests[seat].dom->domid != domid)
                continue;
            vbd->self[seat] = NULL;
            wrg_guest_drop_locks(&vbd->guests[seat]);
            if (seat == WRG_SEAT_FRONT)
                __atomic_store_n(&vbd->edge.state.ready, false, __ATOMIC_RELEASE);
        }
    }
}
