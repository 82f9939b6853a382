/* SPDX-License-Identifier: MIT */
/*
 * A connected device: set up afresh, or taken from the snapshot.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "world/world_impl.h"

#include <wringer/scan.h>

/* The reference drivers; declared here because their layers show them nowhere else. */
extern const struct wrg_endpoint wrg_front_endpoint;
extern const struct wrg_endpoint wrg_back_endpoint;

/* Steps that a run may take before anything was asked of it. */
#define BUDGET_BASE_STEPS       20000
#define BUDGET_TASK_POINTS      400000
#define THREAD_DEADLINE_SECONDS 30.0

static const struct wrg_endpoint *endpoint_of(const struct wrg_world_vbd *vbd, unsigned seat)
{
    const struct wrg_world_options *options = &vbd->w->options;

    if (wrg_vbd_scripted(vbd, seat))
        return seat == WRG_SEAT_FRONT ? &wrg_hostile_front_endpoint : &wrg_hostile_back_endpoint;
    if (seat == WRG_SEAT_FRONT)
        return options->front ? options->front : &wrg_front_endpoint;
    return options->back ? options->back : &wrg_back_endpoint;
}

/*
 * The fetch shadow tells so many rings apart. The device of the case has what it asks for, the
 * others share what is left of that; and so it is when the next backend offers more.
 */
static uint8_t queue_limit(const struct wrg_world_vbd *vbd)
{
    const struct wrg_world *w = vbd->w;
    uint32_t others = w->nvbds - 1, each = 0;

    if (others)
        each = wrg_min_u32(w->config.queues, (WRG_FETCH_LANES - w->config.queues) / others);
    return (uint8_t)(vbd->index ? each : WRG_FETCH_LANES - each * others);
}

static uint8_t queues_of(const struct wrg_world_vbd *vbd, unsigned seat)
{
    const struct wrg_world *w = vbd->w;
    uint8_t queues = w->config.queues;

    /* A scripted front asks for what it is offered. */
    if (seat == WRG_SEAT_FRONT && !wrg_vbd_scripted(vbd, seat))
        queues = w->config.front_queues;
    else if (seat == WRG_SEAT_BACK && vbd->index == 0 && w->next_back.set)
        queues = w->next_back.queues;
    return (uint8_t)wrg_min_u32(queues, queue_limit(vbd));
}

static void set_params(struct wrg_world_vbd *vbd, unsigned seat)
{
    const struct wrg_world *w = vbd->w;
    const struct wrg_op_config *config = &w->config;
    struct wrg_params *params = &vbd->guests[seat].port.params;

    memset(params, 0, sizeof(*params));
    params->abi = (uint8_t)config->abi;
    params->ring_order = config->ring_order;
    params->queues = queues_of(vbd, seat);
    params->strict_echo = config->front == WRG_CASE_FRONT_LINUX;
    params->persistent = seat == WRG_SEAT_FRONT ? config->front_persistent : config->persistent;
    params->copy = config->data == WRG_CASE_DATA_COPY;
    params->pool = config->pool;
    /* Drivers of other guests agree with each other. */
    params->counting =
        seat == WRG_SEAT_FRONT && vbd->index == 0 ? config->front_units : config->units;
    params->ring_nodes = seat == WRG_SEAT_FRONT ? config->ring_nodes : config->back_ring_nodes;
    params->physical_bytes = config->physical_sector_size;
    if (seat == WRG_SEAT_FRONT) {
        params->indirect_max = config->front_indirect;
        params->discard = config->discard != WRG_CASE_DISCARD_NO;
        params->barrier = config->barrier != WRG_CASE_BARRIER_NO;
    } else if (w->next_back.set) {
        params->indirect_absent = w->next_back.indirect_max == WRG_ABSENT;
        params->indirect_max = w->next_back.indirect_max;
        params->echo_outer = config->echo == WRG_CASE_ECHO_OUTER;
        params->ring_order = w->next_back.ring_order;
        params->persistent = w->next_back.persistent;
        params->no_flush = w->next_back.no_flush || config->barrier == WRG_CASE_BARRIER_ONLY;
        params->barrier = config->barrier != WRG_CASE_BARRIER_NO;
    } else {
        params->indirect_absent = config->indirect_max == WRG_ABSENT;
        params->indirect_max = config->indirect_max;
        params->echo_outer = config->echo == WRG_CASE_ECHO_OUTER;
        params->ring_order = 4; /* a back takes any ring of up to 16 pages */
        params->no_flush = config->barrier == WRG_CASE_BARRIER_ONLY;
        params->barrier = config->barrier != WRG_CASE_BARRIER_NO;
    }
}

void wrg_vbd_path(const struct wrg_world_vbd *vbd, unsigned seat, char path[WRG_VBD_PATH_MAX])
{
    if (seat == WRG_SEAT_FRONT)
        wrg_vbd_front_path(&vbd->id, path);
    else
        wrg_vbd_back_path(&vbd->id, path);
}

int wrg_vbd_start_seat(struct wrg_world_vbd *vbd, unsigned seat)
{
    struct wrg_port *port = &vbd->guests[seat].port;
    char path[WRG_VBD_PATH_MAX];

    vbd->endpoints[seat] = endpoint_of(vbd, seat);
    set_params(vbd, seat);
    wrg_vbd_path(vbd, seat, path);
    memcpy(port->nodename, path, sizeof(port->nodename));
    __atomic_store_n(&vbd->self[seat], NULL, __ATOMIC_RELEASE);
    void *self = NULL;
    uint8_t before = wrg_sched_speak(&vbd->w->sched, vbd->index);
    int result = vbd->endpoints[seat]->start(port, &self);
    /* Its tasks may be further by now. */
    __atomic_store_n(&vbd->self[seat], self, __ATOMIC_RELEASE);
    if (seat == WRG_SEAT_FRONT)
        wrg_edge_started(vbd);
    (void)wrg_sched_speak(&vbd->w->sched, before);
    return result;
}

void wrg_vbd_stop_seat(struct wrg_world_vbd *vbd, unsigned seat)
{
    uint8_t before = wrg_sched_speak(&vbd->w->sched, vbd->index);

    if (vbd->self[seat])
        vbd->endpoints[seat]->stop(vbd->self[seat]);
    __atomic_store_n(&vbd->self[seat], NULL, __ATOMIC_RELEASE);
    (void)wrg_sched_speak(&vbd->w->sched, before);
}

void wrg_vbd_detach(struct wrg_world_vbd *vbd, unsigned seat)
{
    uint8_t before = wrg_sched_speak(&vbd->w->sched, vbd->index);

    if (vbd->self[seat])
        vbd->endpoints[seat]->detach(vbd->self[seat]);
    (void)wrg_sched_speak(&vbd->w->sched, before);
}

static uint32_t read_state(struct wrg_world_vbd *vbd, unsigned seat)
{
    struct wrg_world *w = vbd->w;
    char path[WRG_VBD_PATH_MAX + 8];
    char value[16];
    const struct wrg_xs_call dom0 = { .conn = w->xen.domains[WRG_DOM_TOOLSTACK].xs_conn };
    struct wrg_xs_reply reply = { .data = value, .cap = sizeof(value) };
    int32_t state = 0; /* as drivers read it: -1 is no state, but not a node that is gone either */

    wrg_vbd_path(vbd, seat, path);
    strcat(path, "/state");
    if (wrg_xenstore_read(w->xen.store, &dom0, path, &reply) || reply.len >= sizeof(value) ||
        wrg_scan_i32(value, &state))
        return 0;
    return (uint32_t)state;
}

uint32_t wrg_vbd_state(struct wrg_world_vbd *vbd, unsigned seat)
{
    wrg_xen_lock(&vbd->w->xen);
    if (!vbd->state_known[seat])
        vbd->state[seat] = read_state(vbd, seat);
    vbd->state_known[seat] = true;
    uint32_t state = vbd->state[seat];
    wrg_xen_unlock(&vbd->w->xen);
    return state;
}

bool wrg_vbd_connected(struct wrg_world_vbd *vbd)
{
    return wrg_vbd_state(vbd, WRG_SEAT_FRONT) == WRG_XENBUS_CONNECTED &&
           wrg_vbd_state(vbd, WRG_SEAT_BACK) == WRG_XENBUS_CONNECTED;
}

/* ---- scheduler and checkers ---- */

/*
 * Where tasks are in the protocol is asked by keyed preempts, and by strategies that note theirs.
 * While a connection is made it is always told, so that snapshots of one do not differ in it.
 */
static void ask_for_sections(struct wrg_world *w, bool negotiating)
{
    const bool asked = negotiating || w->has_schedule || w->npreempts;

    for (unsigned i = 0; i < w->nvbds; i++) {
        struct wrg_world_vbd *vbd = wrg_world_device(w, i);
        for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++) {
            struct wrg_port *port = &vbd->guests[seat].port;
            port->sections = port->hooks && asked;
        }
    }
}

void wrg_world_begin_sched(struct wrg_world *w, bool negotiating)
{
    const struct wrg_op_sched *sched = &w->schedule;
    struct wrg_sched_run run = {
        .strategy = negotiating || !w->has_schedule ? WRG_STRATEGY_STAY
                                                    : (enum wrg_strategy)sched->strategy,
        .choice = &w->choice,
        .preempts = w->preempts,
        .preempts_count = w->npreempts,
        .log = w->deviations,
        .log_cap = WRG_ARRAY_LEN(w->deviations),
        .budget_steps = w->instrumented ? BUDGET_BASE_STEPS : 0,
        .budget_task_points = w->instrumented ? BUDGET_TASK_POINTS : 0,
        .deadline_seconds = w->options.program ? 0 : THREAD_DEADLINE_SECONDS,
        .spin = w->options.spin,
        .share = w->options.share,
        .points_off = !w->instrumented,
    };

    wrg_choice_prng(&w->choice, w->has_schedule ? sched->seed : 0, w->choices,
                    WRG_ARRAY_LEN(w->choices));
    wrg_sched_begin(&w->sched, &run);
    ask_for_sections(w, negotiating);
}

static void on_response(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_world_vbd *vbd = ctx;

    if (ev->role != WRG_ROLE_BACK || wrg_event_class(ev) != WRG_SHARED_RING_SLOT)
        return;
    /* The old bytes follow the new ones. */
    vbd->peer_hash = wrg_digest_bytes(vbd->peer_hash, payload, len / 2);
}

#define DIGEST_FACTOR UINT64_C(0xd6e8feb86659fd93)
/* Of all sectors of a page. */
#define PAGE_DIGESTS (WRG_PAGE_SIZE / WRG_SECTOR_SIZE * (uint32_t)sizeof(uint64_t))

/* They are mixed already. */
__attribute__((always_inline)) static inline uint64_t join_digests(uint64_t sum, const uint8_t *at,
                                                                   uint32_t len)
{
    for (uint32_t i = 0; i < len; i += (uint32_t)sizeof(sum)) {
        uint64_t digest;
        memcpy(&digest, at + i, sizeof(digest));
        sum = sum * DIGEST_FACTOR + digest;
    }
    return sum;
}

static void on_digests(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_world_vbd *vbd = ctx;
    uint64_t sum;

    if (WRG_LIKELY(len == PAGE_DIGESTS)) /* the same, without a loop */
        sum = join_digests(ev->c, payload, PAGE_DIGESTS);
    else
        sum = join_digests(ev->c, payload, len);
    vbd->peer_hash = wrg_digest_words(vbd->peer_hash, sum, len);
}

static void on_discard(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_world_vbd *vbd = ctx;

    vbd->peer_hash = wrg_digest_words(vbd->peer_hash, ev->c, ev->d ^ ev->b);
}

static void on_end(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_world_vbd *vbd = ctx;

    vbd->peer_hash = wrg_digest_words(vbd->peer_hash, (uint64_t)ev->a << 32 | ev->b, ev->kind);
}

void wrg_vbd_begin_peer_hash(struct wrg_world_vbd *vbd)
{
    struct wrg_trace *trace = &vbd->w->trace;

    vbd->peer_hash = 0;
    if (!vbd->w->options.peer_hash)
        return;
    wrg_trace_subscribe(trace, WRG_EV_STORE, on_response, vbd);
    wrg_trace_subscribe(trace, WRG_EV_BLK_DATA, on_digests, vbd);
    wrg_trace_subscribe(trace, WRG_EV_DISK_DATA, on_digests, vbd);
    wrg_trace_subscribe(trace, WRG_EV_DISK_LEFT, on_digests, vbd);
    wrg_trace_subscribe(trace, WRG_EV_DISK_DISCARD, on_discard, vbd);
    wrg_trace_subscribe(trace, WRG_EV_BLK_COMPLETE, on_end, vbd);
}

static uint32_t vdisk_info(const struct wrg_op_config *config)
{
    static const uint8_t kinds[] = {
        [WRG_CASE_MEDIA_DISK] = 0,
        [WRG_CASE_MEDIA_CDROM] = WRG_VDISK_CDROM | WRG_VDISK_REMOVABLE,
        [WRG_CASE_MEDIA_REMOVABLE] = WRG_VDISK_REMOVABLE,
    };

    return kinds[config->media] | (config->readonly ? WRG_VDISK_READONLY : 0u);
}

struct wrg_oracle_config wrg_world_oracle_config(const struct wrg_world *w)
{
    const struct wrg_op_config *config = &w->config;

    return (struct wrg_oracle_config){
        .judged = w->judged,
        .honest_front = !wrg_world_scripted(w, WRG_SEAT_FRONT),
        .honest_back = !wrg_world_scripted(w, WRG_SEAT_BACK),
        .front_linux = config->front == WRG_CASE_FRONT_LINUX,
        .echo_outer = config->echo == WRG_CASE_ECHO_OUTER,
        .readonly = config->readonly,
        .sectors = config->sectors & ~(uint64_t)(config->sector_size / WRG_SECTOR_SIZE - 1),
        .indirect_max = config->indirect_max,
        .accesses = w->options.engine == WRG_ENGINE_FIBER,
        .faults = wrg_vbd_has_faults(&w->vbd),
        .disk_errors = config->error_count != 0 && config->error_device == 0,
        .barriers = config->barrier != WRG_CASE_BARRIER_NO,
        .volatile_cache = config->cache != WRG_CASE_CACHE_NONE,
        .reach = w->options.reach,
        .units = wrg_units_of(config->units, config->sector_size),
        .units_differ =
            config->sector_size > WRG_SECTOR_SIZE && config->units != config->front_units,
        .vdisk_info = vdisk_info(config),
    };
}

void wrg_world_begin_checkers(struct wrg_world *w)
{
    const struct wrg_oracle_config oracle = wrg_world_oracle_config(w);

    if (w->vbd.oracles)
        wrg_oracles_begin(w->vbd.oracles, &w->trace, &oracle);
    else
        wrg_trace_unsubscribe_all(&w->trace);
    wrg_vbd_begin_peer_hash(&w->vbd);
}

/* ---- afresh ---- */

struct wrg_vbd_spec wrg_vbd_spec_of(const struct wrg_world_vbd *vbd)
{
    const struct wrg_op_config *config = &vbd->w->config;

    return (struct wrg_vbd_spec){ .id = vbd->id,
                                  .readonly = vbd->index == 0 && config->readonly,
                                  .removable = config->media == WRG_CASE_MEDIA_REMOVABLE,
                                  .cdrom = config->media == WRG_CASE_MEDIA_CDROM,
                                  .untrusted = config->trusted == WRG_NO,
                                  .no_discard = config->discard == WRG_CASE_DISCARD_FORBIDDEN };
}

/* The guests' kernels choose it as they start, long before any driver. */
static void set_grant_version(struct wrg_world *w)
{
    for (uint16_t domid = WRG_DOM_FRONT; domid < w->xen.ndomains; domid++) {
        if (domid == WRG_DOM_STRANGER)
            continue;
        int result =
            wrg_gnttab_set_version(&w->xen, &w->xen.domains[domid], w->config.grant_version);
        WRG_ASSERT(result == 0);
    }
}

static void connect_afresh(struct wrg_world *w)
{
    const struct wrg_vbd_spec spec = wrg_vbd_spec_of(&w->vbd);
    uint16_t dom0;
    int result;

    wrg_sched_reset(&w->sched);
    wrg_trace_reset(&w->trace);
    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++)
        wrg_guest_reset(&w->vbd.guests[seat]);
    wrg_devices_reset(w);
    wrg_trace_unsubscribe_all(&w->trace);
    wrg_xen_reset(&w->xen);
    set_grant_version(w);
    wrg_trace_reset(&w->trace);
    w->vbd.disk.tickets = 0;
    wrg_world_forget_states(w);
    wrg_edge_reset(&w->vbd);
    wrg_world_begin_checkers(w);
    wrg_devices_begin_checkers(w);
    wrg_world_begin_sched(w, true);

    dom0 = w->xen.domains[WRG_DOM_TOOLSTACK].xs_conn;
    result = 0;
    for (uint16_t i = 1; i < w->xen.ndomains && !result; i++)
        result = wrg_toolstack_add_domain(w->xen.store, dom0, i);
    if (!result)
        result = wrg_toolstack_add_vbd(w->xen.store, dom0, &spec);
    if (!result && !w->toolstack.hold)
        result = wrg_toolstack_hotplug_done(w->xen.store, dom0, &w->vbd.id, 0xca, 0);
    WRG_ASSERT(result == 0);
    wrg_disk_queue_reset(&w->vbd.disk);
    wrg_world_emit_phase(w, WRG_PHASE_CONNECT);
    wrg_devices_phase(w, WRG_PHASE_CONNECT);
    /* A driver that cannot start leaves its seat empty: the other side must cope. */
    for (unsigned seat = WRG_WORLD_SEATS; seat-- > 0;)
        (void)!wrg_vbd_start_seat(&w->vbd, seat);
    /* After the drivers, so that `preempt task=back` names the first task of the backend. */
    result = wrg_disk_queue_start(&w->vbd.disk);
    WRG_ASSERT(result == 0);
    if (w->toolstack.hold)
        wrg_toolstack_watch_over(w);
    wrg_devices_connect(w);
}

void wrg_world_prepare(struct wrg_world *w)
{
    w->from_snapshot = wrg_world_restore(w);
    if (w->from_snapshot)
        return;
    wrg_world_drop_snapshot(w);
    connect_afresh(w);
}
