/* SPDX-License-Identifier: MIT */
#include "world/world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "case/codec.h"
#include "world/world_impl.h"

/* Enough for 32 requests of 4,096 segments, mapped at one time. */
#define MAPPINGS_MAX 140000

static struct wrg_guest *guest_of_conn(struct wrg_world *w, uint16_t conn)
{
    for (unsigned i = 0; i < w->nvbds; i++)
        for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++)
            if (wrg_guest_conn(&wrg_world_device(w, i)->guests[seat]) == conn)
                return &wrg_world_device(w, i)->guests[seat];
    return NULL;
}

static void on_store_event(void *ctx, uint16_t conn)
{
    struct wrg_world *w = ctx;
    struct wrg_guest *guest = guest_of_conn(w, conn);

    if (guest)
        wrg_guest_on_store_event(guest);
    else if (conn == w->xen.domains[WRG_DOM_TOOLSTACK].xs_conn)
        wrg_toolstack_on_event(w);
}

static void on_store_change(void *ctx, uint16_t domid, const char *path, const char *value,
                            size_t len, enum wrg_xs_change kind)
{
    struct wrg_world *w = ctx;
    char payload[WRG_TRACE_PAYLOAD_MAX];
    size_t path_len = strnlen(path, sizeof(payload) - 1);
    uint8_t role = domid < w->xen.ndomains ? w->xen.domains[domid].role : WRG_ROLE_SCRIPT;

    wrg_world_forget_states(w);
    if (w->scripting) /* an op of the case in the name of an honest driver */
        role = WRG_ROLE_SCRIPT;

    if (!w->trace.on)
        return;
    if (kind == WRG_XS_CHANGE_RM) /* what it was is over */
        len = 0;
    memcpy(payload, path, path_len);
    payload[path_len] = 0;
    len = wrg_min_u64(len, sizeof(payload) - path_len - 1);
    if (len)
        memcpy(payload + path_len + 1, value, len);
    uint8_t before = wrg_sched_speak(&w->sched, (uint8_t)wrg_world_device_at(w, path));
    wrg_xen_emit(&w->xen, .kind = WRG_EV_XS_CHANGE, .role = role, .a = domid, .b = kind,
                 .payload = payload, .len = (uint32_t)(path_len + 1 + len));
    (void)wrg_sched_speak(&w->sched, before);
}

/* ---- building ---- */

static struct wrg_xen_limits limits_of(const struct wrg_world *w)
{
    uint32_t frames = (uint32_t)w->config.memory * (1024 * 1024 / WRG_PAGE_SIZE);
    bool copy = w->config.data == WRG_CASE_DATA_COPY; /* into buffers of its own */

    return (struct wrg_xen_limits){ .frames = frames,
                                    .back_frames = copy ? frames / 2 : 0,
                                    .mappings = MAPPINGS_MAX,
                                    .guests = w->profile.guests,
                                    .prefault = w->options.prefault };
}

/* Devices stay when there are fewer of them, and are as new when they are asked for again. */
static int build_devices(struct wrg_world *w)
{
    int result = 0;

    for (unsigned i = 0; i < w->nvbds && !result; i++)
        if (!wrg_world_device(w, i)->built)
            result = wrg_vbd_build(wrg_world_device(w, i));
    return result;
}

/* What depends on the amount of guest memory, which the first case of a world decides. */
static int build(struct wrg_world *w)
{
    const struct wrg_xen_limits limits = limits_of(w);
    const struct wrg_xs_observer observer = { .ctx = w,
                                              .on_change = on_store_change,
                                              .on_event_queued = on_store_event };
    int result = wrg_xen_init(&w->xen, &limits);

    if (result)
        return result;
    w->built = true;
    w->xen.memory.parallel = w->xen.parallel;
    wrg_xenstore_set_observer(w->xen.store, &observer);
    return 0;
}

/* The same memory, for other guests. */
static int reshape(struct wrg_world *w)
{
    const struct wrg_xen_limits limits = limits_of(w);

    wrg_world_drop_snapshot(w);
    wrg_sched_reset(&w->sched);
    return wrg_xen_reshape(&w->xen, &limits);
}

static void demolish(struct wrg_world *w)
{
    if (!w->built)
        return;
    wrg_world_drop_snapshot(w);
    wrg_sched_reset(&w->sched);
    for (unsigned i = 0; i < WRG_WORLD_DEVICES; i++)
        if (wrg_world_device(w, i))
            wrg_vbd_demolish(wrg_world_device(w, i));
    wrg_xen_fini(&w->xen);
    w->built = false;
}

struct wrg_world *wrg_world_create(const struct wrg_world_options *options)
{
    const struct wrg_sched_limits limits = { .engine = options->engine };
    struct wrg_world *w = calloc(1, sizeof(*w));

    if (!w)
        return NULL;
    w->options = *options;
    wrg_trace_init(&w->trace);
    w->trace.parallel = options->engine == WRG_ENGINE_THREAD;
    w->trace.hashing = options->hash && !w->trace.parallel;
    wrg_trace_tap(&w->trace, options->tap, options->tap_ctx);
    w->trace.on = options->oracles || options->hash || options->peer_hash || options->tap;
    w->xen.sched = &w->sched;
    w->xen.trace = &w->trace;
    w->xen.fault = &w->fault;
    w->xen.parallel = w->trace.parallel;
    w->xen.faults_for_all = options->faults_for_all;
    w->snapshot.sched = malloc(WRG_SCHED_SAVE_MAX);
    if (wrg_sched_init(&w->sched, &limits)) {
        free(w->snapshot.sched);
        free(w);
        return NULL;
    }
    if (wrg_vbd_init(&w->vbd, w, 0) || !w->snapshot.sched) {
        wrg_world_destroy(w);
        return NULL;
    }
    return w;
}

void wrg_world_destroy(struct wrg_world *w)
{
    if (!w)
        return;
    demolish(w);
    wrg_store_stage_fini(w);
    wrg_sched_fini(&w->sched);
    wrg_vbd_fini(&w->vbd);
    for (unsigned i = 0; i < WRG_WORLD_DEVICES - 1; i++) {
        if (w->others[i])
            wrg_vbd_fini(w->others[i]);
        free(w->others[i]);
    }
    free(w->snapshot.sched);
    free(w);
}

/* ---- starting ---- */

/* The first has all devices of a program. */
static unsigned guests_of(const struct wrg_world *w, const struct wrg_op_config *config)
{
    unsigned guests = config->guests + (config->neighbour != WRG_NO);

    return w->options.devices > 1 ? 1 : guests < WRG_GUESTS_MAX ? guests : WRG_GUESTS_MAX;
}

static uint8_t victim_of(const struct wrg_world *w, const struct wrg_op_config *config)
{
    switch (w->options.target) {
    case WRG_TARGET_BACK: return WRG_CASE_VICTIM_BACK;
    case WRG_TARGET_FRONT: return WRG_CASE_VICTIM_FRONT;
    case WRG_TARGET_XENSTORE: return WRG_CASE_VICTIM_XENSTORE;
    default: return config->victim;
    }
}

static int make_devices(struct wrg_world *w)
{
    w->nvbds = w->profile.devices;
    w->fault.several = w->nvbds > 1;
    for (uint8_t i = 1; i < w->nvbds; i++) {
        if (w->others[i - 1])
            continue;
        w->others[i - 1] = calloc(1, sizeof(struct wrg_world_vbd));
        if (!w->others[i - 1] || wrg_vbd_init(w->others[i - 1], w, i))
            return -ENOMEM;
    }
    return 0;
}

static void make_profile(const struct wrg_world *w, const struct wrg_op_config *config,
                         struct wrg_profile *profile)
{
    memset(profile, 0, sizeof(*profile)); /* compared as bytes */
    profile->sectors = config->sectors;
    profile->indirect_max = config->indirect_max;
    profile->front_indirect = config->front_indirect;
    profile->memory_mib = config->memory;
    profile->abi = config->abi;
    profile->ring_order = config->ring_order;
    profile->readonly = config->readonly;
    profile->victim = victim_of(w, config);
    profile->echo = config->echo;
    profile->front = config->front;
    profile->grant_version = config->grant_version;
    profile->barrier = config->barrier;
    profile->discard = config->discard;
    profile->pool = config->pool;
    profile->persistent = config->persistent;
    profile->front_persistent = config->front_persistent;
    profile->data = config->data;
    profile->trusted = config->trusted;
    profile->queues = config->queues;
    profile->front_queues = config->front_queues;
    profile->sector_size = config->sector_size;
    profile->physical_sector_size = config->physical_sector_size;
    profile->units = config->units;
    profile->front_units = config->front_units;
    profile->media = config->media;
    profile->ring_nodes = config->ring_nodes;
    profile->back_ring_nodes = config->back_ring_nodes;
    profile->guests = (uint8_t)guests_of(w, config);
    profile->devices = w->options.devices > 1 ? w->options.devices : profile->guests;
}

static void set_seats(struct wrg_world *w)
{
    static const uint8_t judged[] = {
        [WRG_CASE_JUDGE_FRONT] = 1u << WRG_SEAT_FRONT,
        [WRG_CASE_JUDGE_BACK] = 1u << WRG_SEAT_BACK,
        [WRG_CASE_JUDGE_BOTH] = 1u << WRG_SEAT_FRONT | 1u << WRG_SEAT_BACK,
    };
    static const uint8_t by_victim[] = {
        [WRG_CASE_VICTIM_BACK] = 1u << WRG_SEAT_BACK,
        [WRG_CASE_VICTIM_FRONT] = 1u << WRG_SEAT_FRONT,
        [WRG_CASE_VICTIM_NONE] = 1u << WRG_SEAT_FRONT | 1u << WRG_SEAT_BACK,
        [WRG_CASE_VICTIM_XENSTORE] = 0,
    };

    w->victim = victim_of(w, &w->config);
    bool automatic = w->options.target != WRG_TARGET_CASE || w->config.judge == WRG_CASE_JUDGE_AUTO;
    w->judged = automatic ? by_victim[w->victim] : judged[w->config.judge];
}

/* Whether anything needs to see or to steer single accesses. */
static bool needs_hooks(const struct wrg_world *w)
{
    if (w->trace.on || w->has_schedule || w->npreempts)
        return true;
    for (uint16_t i = 0; i < w->c->nops; i++)
        if (w->c->ops[i].kind == WRG_OP_TAMPER || w->c->ops[i].kind == WRG_OP_KILL)
            return true;
    return false;
}

/* Nothing of the device is needed, and what there is of it stays as it is. */
static int start_store(struct wrg_world *w)
{
    memset(w->effective, 0, sizeof(w->effective));
    w->stage = WRG_STAGE_CONNECT;
    w->fresh = true;
    return wrg_store_stage_prepare(w);
}

/* With what follows from other operands. */
static struct wrg_op_config config_of(const struct wrg_case *c)
{
    struct wrg_op_config config = wrg_case_config(c);
    uint16_t size = WRG_SECTOR_SIZE;

    /* Each is legal, but not both together: the frontend's demand counts. */
    if (config.front == WRG_CASE_FRONT_LINUX)
        config.echo = WRG_CASE_ECHO_INNER;
    while (2u * size <= config.sector_size)
        size *= 2;
    config.sector_size = size;
    if (config.media == WRG_CASE_MEDIA_CDROM)
        config.readonly = WRG_YES;
    return config;
}

/* Xen and devices as the profile wants them, from what the last one has left. -ENOMEM */
static int provide(struct wrg_world *w, const struct wrg_profile *before)
{
    int result = 0;

    if (w->built && before->memory_mib != w->profile.memory_mib)
        demolish(w);
    if (!w->built)
        result = build(w);
    else if (before->data != w->profile.data || before->guests != w->profile.guests)
        result = reshape(w);
    if (!result)
        result = make_devices(w);
    if (!result)
        result = build_devices(w);
    return result;
}

int wrg_world_start(struct wrg_world *w, const struct wrg_case *c)
{
    const struct wrg_op *sched = wrg_case_first(c, WRG_OP_SCHED);

    w->c = c;
    w->config = config_of(c);
    set_seats(w);
    wrg_fault_begin(&w->fault);
    memset(w->fallible, 0, sizeof(w->fallible));
    if (w->victim == WRG_CASE_VICTIM_XENSTORE)
        return start_store(w);
    const struct wrg_profile before = w->profile;
    make_profile(w, &w->config, &w->profile);
    int result = provide(w, &before);
    if (result)
        return result;
    w->has_schedule = sched != NULL;
    w->schedule = wrg_case_sched(c);
    w->fail_nth = 0;
    wrg_director_collect(w);
    w->instrumented = needs_hooks(w);
    w->stage = WRG_STAGE_CONNECT;
    w->fresh = true;
    return 0;
}

bool wrg_world_knows(const struct wrg_world *w, const struct wrg_case *c)
{
    const struct wrg_op_config config = config_of(c);
    struct wrg_profile profile;

    make_profile(w, &config, &profile);
    return w->snapshot.valid && memcmp(&w->snapshot.profile, &profile, sizeof(profile)) == 0;
}

void wrg_world_schedule(struct wrg_world *w, uint64_t seed)
{
    w->has_schedule = true;
    w->schedule.strategy = WRG_CASE_STRATEGY_STICKY;
    w->schedule.seed = seed;
    w->instrumented = true;
}

void wrg_world_fail_nth(struct wrg_world *w, uint32_t nth)
{
    w->fail_nth = nth;
}

/* ---- verdict ---- */

/* Where tasks run in parallel there is no order of theirs, and nobody sees single accesses. */
static bool is_applicable(const struct wrg_world *w, uint8_t kind)
{
    return !w->xen.parallel || (kind != WRG_OP_PREEMPT && kind != WRG_OP_TAMPER);
}

static uint64_t peer_hash(const struct wrg_world *w)
{
    uint64_t hash = w->vbd.peer_hash;

    for (unsigned i = 1; i < w->nvbds; i++)
        hash = wrg_digest_words(hash, w->others[i - 1]->peer_hash, i);
    return hash;
}

void wrg_world_verdict(const struct wrg_world *w, struct wrg_verdict *verdict)
{
    int expect = wrg_case_expect(w->c);

    memset(verdict, 0, offsetof(struct wrg_verdict, dead));
    verdict->rule = w->trace.finding.rule;
    verdict->expected = expect < 0 ? WRG_RULE_CLEAN : (enum wrg_rule)expect;
    verdict->has_expect = expect >= 0;
    verdict->step = w->trace.finding.step;
    verdict->role = w->trace.finding.role;
    memcpy(verdict->detail, w->trace.finding.detail, sizeof(verdict->detail));
    verdict->hash = w->trace.hashing ? wrg_trace_hash(&w->trace) : 0;
    verdict->peer_hash = peer_hash(w);
    verdict->steps = w->sched.steps;
    verdict->requests = w->instrumented && !w->xen.parallel
                            ? wrg_fetch_answered(&w->xen.fetch, WRG_SEAT_BACK)
                            : w->vbd.edge.completed;
    for (unsigned i = 0; i < w->nvbds; i++) {
        const struct wrg_edge_above *edge = i ? &w->others[i - 1]->edge : &w->vbd.edge;
        verdict->ios += edge->completed;
        verdict->ios_failed += edge->failed;
        verdict->ios_outstanding += edge->outstanding;
    }
    if (w->victim == WRG_CASE_VICTIM_XENSTORE) { /* there is no device: these are of another run */
        verdict->steps = w->store_calls;
        verdict->requests = verdict->ios = verdict->ios_failed = verdict->ios_outstanding = 0;
    }
    verdict->ops = w->c->nops;
    for (uint16_t i = 0; i < w->c->nops; i++)
        if (!w->effective[i] && is_applicable(w, w->c->ops[i].kind))
            verdict->dead[verdict->dead_ops++] = i;
    verdict->blind = w->vbd.oracles ? wrg_oracles_blind(w->vbd.oracles) : 0;
    verdict->from_snapshot = w->from_snapshot;
    verdict->cut = w->cut;
    verdict->cut_by = w->cut_by;
    verdict->fallible_calls = wrg_fault_all_calls(&w->fault);
}

uint32_t wrg_world_fallible(const struct wrg_world *w, enum wrg_fault_site site)
{
    WRG_ASSERT((unsigned)site < WRG_COUNT_SITE);
    return w->fallible[site];
}

int wrg_world_run_case(struct wrg_world *w, const struct wrg_case *c, struct wrg_verdict *verdict)
{
    int result = wrg_world_start(w, c);

    if (result)
        return result;
    while (wrg_world_run(w, 0) != WRG_WORLD_FINISHED)
        ;
    wrg_world_verdict(w, verdict);
    return 0;
}

const char *wrg_world_checker_name(unsigned bit)
{
    return wrg_oracle_name(bit);
}

uint32_t wrg_world_window(const struct wrg_world *w, struct wrg_event *events, uint32_t cap)
{
    const uint64_t count = wrg_trace_count(&w->trace);
    uint64_t have = wrg_min_u64(count, WRG_TRACE_WINDOW);
    uint32_t n = (uint32_t)wrg_min_u64(have, cap);

    for (uint32_t i = 0; i < n; i++)
        events[i] = w->trace.window[(count - n + i) % WRG_TRACE_WINDOW];
    return n;
}

size_t wrg_world_choices(const struct wrg_world *w, struct wrg_choice_step *out, size_t cap)
{
    size_t have = wrg_min_u64(w->choice.taken_count, WRG_ARRAY_LEN(w->choices));

    if (have > cap)
        have = cap;
    if (have)
        memcpy(out, w->choices, have * sizeof(*out));
    return w->choice.taken_count;
}

uint32_t wrg_world_deviations(const struct wrg_world *w, struct wrg_sched_preempt *out,
                              uint32_t cap)
{
    uint32_t n = (uint32_t)wrg_min_u64(w->sched.log_count, WRG_ARRAY_LEN(w->deviations));

    n = wrg_min_u32(n, cap);
    memcpy(out, w->deviations, n * sizeof(*out));
    return n;
}
