/* SPDX-License-Identifier: MIT */
#include "world/world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "case/codec.h"
#include "world/world_impl.h"

/* Enough for 32 requests of 4,096 segments, mapped at one time. */
#define MAPPINGS_MAX 140000
#define DISK_CHUNKS  2048 /* of 64 KiB: what one run may write */

static struct wrg_guest *guest_of_conn(struct wrg_world *w, uint16_t conn)
{
    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++)
        if (w->guests[seat].dom->xs_conn == conn)
            return &w->guests[seat];
    return NULL;
}

static void on_store_event(void *ctx, uint16_t conn)
{
    struct wrg_guest *guest = guest_of_conn(ctx, conn);

    if (guest)
        wrg_guest_on_store_event(guest);
}

static void on_store_change(void *ctx, uint16_t domid, const char *path, const char *value,
                            size_t len, enum wrg_xs_change kind)
{
    struct wrg_world *w = ctx;
    char payload[WRG_TRACE_PAYLOAD_MAX];
    size_t path_len = strnlen(path, sizeof(payload) - 1);
    uint8_t role = domid < WRG_DOMAINS ? w->xen.domains[domid].role : WRG_ROLE_SCRIPT;

    if (w->scripting) /* an op of the case in the name of an honest driver */
        role = WRG_ROLE_SCRIPT;

    if (!w->trace.on)
        return;
    memcpy(payload, path, path_len);
    payload[path_len] = 0;
    len = wrg_min_u64(len, sizeof(payload) - path_len - 1);
    if (len)
        memcpy(payload + path_len + 1, value, len);
    wrg_xen_emit(&w->xen, .kind = WRG_EV_XS_CHANGE, .role = role, .a = domid, .b = kind,
                 .payload = payload, .len = (uint32_t)(path_len + 1 + len));
}

/* ---- building ---- */

static int build_disk(struct wrg_world *w)
{
    const struct wrg_memory_disk_args args = { .sectors = w->config.sectors,
                                               .chunks = DISK_CHUNKS };
    int result = wrg_memory_disk_init(&w->memory_disk, &args);

    if (result)
        return result;
    wrg_error_disk_init(&w->error_disk, &w->memory_disk.disk);
    wrg_readonly_disk_init(&w->readonly_disk, &w->error_disk.disk);
    wrg_faulty_disk_init(&w->faulty_disk, &w->readonly_disk.disk);
    wrg_disk_queue_init(&w->disk, &w->xen, &w->xen.domains[WRG_DOM_BACK], &w->faulty_disk.disk);
    return 0;
}

static int build_guests(struct wrg_world *w)
{
    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++) {
        const struct wrg_guest_args args = { .xen = &w->xen,
                                             .domid = wrg_world_domid(seat),
                                             .peer_domid = wrg_world_domid(1 - seat),
                                             .edge = wrg_edge_of(w) };
        int result = wrg_guest_init(&w->guests[seat], &args);
        if (result)
            return result;
    }
    return 0;
}

/* What depends on the amount of guest memory, which the first case of a world decides. */
static int build(struct wrg_world *w)
{
    const struct wrg_xen_limits limits = { .frames = (uint32_t)w->config.memory *
                                                     (1024 * 1024 / WRG_PAGE_SIZE),
                                           .mappings = MAPPINGS_MAX,
                                           .prefault = w->options.prefault };
    const struct wrg_xs_observer observer = { .ctx = w,
                                              .on_change = on_store_change,
                                              .on_event_queued = on_store_event };
    int result = wrg_xen_init(&w->xen, &limits);

    if (result)
        return result;
    wrg_xenstore_set_observer(w->xen.store, &observer);
    result = build_guests(w);
    if (!result)
        result = build_disk(w);
    w->built = result == 0;
    return result;
}

static void demolish(struct wrg_world *w)
{
    if (!w->built)
        return;
    wrg_world_drop_snapshot(w);
    wrg_sched_reset(&w->sched);
    wrg_disk_queue_fini(&w->disk);
    wrg_memory_disk_fini(&w->memory_disk);
    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++)
        wrg_guest_fini(&w->guests[seat]);
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
    w->trace.tap = options->tap;
    w->trace.tap_ctx = options->tap_ctx;
    w->trace.on = options->oracles || options->hash || options->tap;
    w->xen.sched = &w->sched;
    w->xen.trace = &w->trace;
    w->xen.fault = &w->fault;
    w->xen.parallel = w->trace.parallel;
    w->snapshot.sched = malloc(WRG_SCHED_SAVE_MAX);
    w->oracles = options->oracles ? wrg_oracles_create() : NULL;
    if (wrg_sched_init(&w->sched, &limits)) {
        free(w->snapshot.sched);
        free(w);
        return NULL;
    }
    if (wrg_edge_init(w) || !w->snapshot.sched || (options->oracles && !w->oracles)) {
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
    wrg_sched_fini(&w->sched);
    wrg_edge_fini(w);
    if (w->oracles)
        wrg_oracles_destroy(w->oracles);
    wrg_trace_fini(&w->trace);
    free(w->snapshot.sched);
    free(w);
}

/* ---- starting ---- */

static void make_profile(struct wrg_world *w)
{
    const struct wrg_op_config *config = &w->config;
    struct wrg_profile *profile = &w->profile;

    memset(profile, 0, sizeof(*profile)); /* compared as bytes */
    profile->sectors = config->sectors;
    profile->indirect_max = config->indirect_max;
    profile->front_indirect = config->front_indirect;
    profile->memory_mib = config->memory;
    profile->abi = config->abi;
    profile->ring_order = config->ring_order;
    profile->readonly = config->readonly;
    profile->victim = w->victim;
    profile->echo = config->echo;
    profile->front = config->front;
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
    };

    w->victim = w->config.victim;
    if (w->options.target == WRG_TARGET_BACK)
        w->victim = WRG_CASE_VICTIM_BACK;
    else if (w->options.target == WRG_TARGET_FRONT)
        w->victim = WRG_CASE_VICTIM_FRONT;
    bool automatic = w->options.target != WRG_TARGET_CASE || w->config.judge == WRG_CASE_JUDGE_AUTO;
    w->judged = automatic ? by_victim[w->victim] : judged[w->config.judge];
}

static void set_disk(struct wrg_world *w)
{
    wrg_disk_queue_reset(&w->disk);
    wrg_memory_disk_resize(&w->memory_disk, w->config.sectors);
    wrg_error_disk_set(&w->error_disk, w->config.error_first, w->config.error_count);
    w->readonly_disk.on = w->config.readonly;
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

int wrg_world_start(struct wrg_world *w, const struct wrg_case *c)
{
    const struct wrg_op *sched = wrg_case_first(c, WRG_OP_SCHED);

    w->c = c;
    w->config = wrg_case_config(c);
    if (w->built && w->profile.memory_mib != w->config.memory)
        demolish(w);
    set_seats(w);
    make_profile(w);
    if (!w->built) {
        int result = build(w);
        if (result)
            return result;
    }
    w->has_schedule = sched != NULL;
    w->schedule = wrg_case_sched(c);
    w->fail_nth = 0;
    wrg_director_collect(w);
    w->instrumented = needs_hooks(w);
    w->stage = WRG_STAGE_CONNECT;
    w->fresh = true;
    return 0;
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

/* At the first run after start, when all options of the run are known. */
static void begin_run(struct wrg_world *w)
{
    w->fresh = false;
    w->director_done = false;
    w->director = WRG_TASK_NONE;
    w->dead[0] = w->dead[1] = false;
    w->closing = w->reconnected = w->over_budget = w->ended = false;
    w->kill_dom = 0;
    w->alarm_kill = w->alarm_pause = UINT64_MAX;
    set_disk(w);
    w->fault.any_nth = w->fail_nth;
    wrg_fault_enable(&w->fault, true);
    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++)
        wrg_guest_set_hooks(&w->guests[seat],
                            w->instrumented && w->options.engine == WRG_ENGINE_FIBER);
    wrg_world_prepare(w);
}

/* ---- stages ---- */

static void ledgers(struct wrg_world *w, unsigned seat, uint32_t counts[WRG_NR_LEDGERS])
{
    wrg_guest_ledger(&w->guests[seat], counts);
    /* The block layer's buffers and the grant frames are not the driver's. */
    uint32_t buffers = w->edge.lost_pages;
    for (uint32_t i = 0; i < w->edge.high; i++)
        buffers += w->edge.slots[i].npages;
    if (seat == WRG_SEAT_FRONT)
        counts[WRG_LEDGER_PAGES] -= wrg_min_u32(buffers, counts[WRG_LEDGER_PAGES]);
}

static void emit_ledgers(struct wrg_world *w, bool closed)
{
    static const uint8_t roles[] = { WRG_ROLE_FRONT, WRG_ROLE_BACK };

    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++) {
        uint32_t counts[WRG_NR_LEDGERS];
        /* A frontend cannot take back what its peer still maps. */
        bool held = seat == WRG_SEAT_FRONT && w->xen.domains[WRG_DOM_BACK].mappings.taken;
        if (w->dead[seat] || !(w->judged & 1u << seat))
            continue;
        ledgers(w, seat, counts);
        for (unsigned kind = 0; kind < WRG_NR_LEDGERS; kind++) {
            bool excused =
                closed && held && (kind == WRG_LEDGER_GRANTS || kind == WRG_LEDGER_PAGES);
            if (!excused)
                wrg_xen_emit(&w->xen, .kind = WRG_EV_LEDGER, .role = roles[seat], .a = kind,
                             .b = counts[kind], .d = closed ? 0 : w->baseline[seat][kind]);
        }
    }
}

/* As far as memory shows: every request that was published has been answered. */
static bool ring_is_quiet(struct wrg_world *w)
{
    const struct wrg_fetch_ring *ring = &w->xen.fetch.rings[WRG_SEAT_BACK];
    uint32_t req_prod, rsp_prod;

    if (!ring->live)
        return true;
    wrg_xen_peek(&w->xen, ring->frames[0], WRG_WIRE_REQ_PROD, &req_prod, sizeof(req_prod));
    wrg_xen_peek(&w->xen, ring->frames[0], WRG_WIRE_RSP_PROD, &rsp_prod, sizeof(rsp_prod));
    return req_prod == rsp_prod;
}

static bool must_close(struct wrg_world *w)
{
    if (w->config.end != WRG_CASE_END_AUTO || w->closing || w->reconnected || w->early)
        return true;
    return !wrg_world_connected(w) || w->edge.outstanding || !ring_is_quiet(w);
}

/* The caller's step limit counts from here. */
static void arm_pause(struct wrg_world *w)
{
    w->alarm_pause = w->pause_steps ? w->sched.steps + w->pause_steps : UINT64_MAX;
    wrg_sched_alarm(&w->sched, wrg_min_u64(w->alarm_kill, w->alarm_pause));
}

/* Ops after which the connection is not the one of the snapshot any more. */
static bool case_spoils(const struct wrg_world *w)
{
    for (uint16_t i = 0; i < w->c->nops; i++) {
        uint8_t kind = w->c->ops[i].kind;
        if (kind == WRG_OP_DETACH || kind == WRG_OP_RECONNECT || kind == WRG_OP_KILL ||
            kind == WRG_OP_XS)
            return true;
    }
    return w->config.end != WRG_CASE_END_AUTO;
}

static void enter_safety(struct wrg_world *w)
{
    const struct wrg_task_args director = {
        .fn = wrg_director_main, .arg = w, .name = "director", .role = WRG_ROLE_SCRIPT
    };

    if (!w->from_snapshot && !w->early) {
        for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++)
            ledgers(w, seat, w->baseline[seat]);
        /* The second world of a profile is worth a snapshot: the first might stay the only one. */
        bool again = memcmp(&w->seen, &w->profile, sizeof(w->seen)) == 0;
        w->seen = w->profile;
        if (w->options.snapshot && again && !w->fail_nth && wrg_world_connected(w) &&
            !w->fault.nrules && !w->npreempts && !case_spoils(w))
            wrg_world_take_snapshot(w);
    }
    if (!w->early) {
        wrg_world_begin_sched(w, false);
        arm_pause(w);
    }
    w->rsp_start = w->xen.fetch.rings[WRG_SEAT_BACK].published;
    wrg_world_emit_phase(w, WRG_PHASE_SAFETY);
    w->director = wrg_sched_task_create(&w->sched, &director);
    WRG_ASSERT(w->director >= 0);
    w->stage = WRG_STAGE_SAFETY;
}

/* Faults, hostile writes and deviations stop; what is scripted behaves from now on. */
static void enter_liveness(struct wrg_world *w)
{
    if (w->kill_dom) {
        wrg_director_kill(w, (uint16_t)w->kill_dom);
        w->kill_dom = 0;
        w->alarm_kill = UINT64_MAX;
    }
    wrg_director_account(w);
    wrg_fault_enable(&w->fault, false);
    w->xen.fetch.tamper_on = false;
    wrg_sched_liveness(&w->sched);
    wrg_world_emit_phase(w, WRG_PHASE_LIVENESS);
    w->sched.budget_steps += 20000;
    if (wrg_world_scripted(w, WRG_SEAT_FRONT) && w->self[WRG_SEAT_FRONT])
        wrg_hostile_kick(w->self[WRG_SEAT_FRONT]);
    if (wrg_world_scripted(w, WRG_SEAT_BACK) && w->self[WRG_SEAT_BACK])
        wrg_hostile_repent(w->self[WRG_SEAT_BACK]);
    w->stage = WRG_STAGE_LIVENESS;
}

/* A driver in state Closing, or a device never connected, has nothing more to ask for. */
static void ask_to_close(struct wrg_world *w)
{
    unsigned seat = w->victim == WRG_CASE_VICTIM_FRONT ? WRG_SEAT_BACK : WRG_SEAT_FRONT;

    if (w->config.end == WRG_CASE_END_DIE && w->victim != WRG_CASE_VICTIM_NONE) {
        wrg_director_kill(w, wrg_world_domid(seat));
        return;
    }
    if (!w->self[seat])
        seat = 1 - seat;
    if (w->self[seat])
        w->endpoints[seat]->detach(w->self[seat]);
}

static void leave_liveness(struct wrg_world *w)
{
    /* A hostile back that never answered has to go before its victim can be called stuck. */
    bool closes_first = w->victim == WRG_CASE_VICTIM_FRONT && w->edge.outstanding &&
                        !(w->judged & 1u << WRG_SEAT_BACK);

    if (!closes_first)
        wrg_world_emit_phase(w, WRG_PHASE_QUIET);
    if (!must_close(w)) {
        emit_ledgers(w, false);
        w->stage = WRG_STAGE_DONE;
        return;
    }
    if (wrg_trace_has_finding(&w->trace)) {
        w->stage = WRG_STAGE_DONE;
        return;
    }
    wrg_world_emit_phase(w, WRG_PHASE_CLOSE);
    w->sched.budget_steps += 20000;
    ask_to_close(w);
    w->stage = WRG_STAGE_CLOSE;
}

static void leave_close(struct wrg_world *w)
{
    if (w->victim == WRG_CASE_VICTIM_FRONT && !(w->judged & 1u << WRG_SEAT_BACK))
        wrg_world_emit_phase(w, WRG_PHASE_QUIET);
    wrg_world_emit_phase(w, WRG_PHASE_CLOSED);
    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++)
        wrg_world_stop_seat(w, seat);
    emit_ledgers(w, true);
    w->stage = WRG_STAGE_DONE;
}

static void (*const leave[])(struct wrg_world *w) = {
    [WRG_STAGE_CONNECT] = enter_safety,
    [WRG_STAGE_SAFETY] = enter_liveness,
    [WRG_STAGE_LIVENESS] = leave_liveness,
    [WRG_STAGE_CLOSE] = leave_close,
};

static void on_budget(struct wrg_world *w, uint32_t kind)
{
    int task = kind == WRG_BUDGET_TASK ? w->sched.guilty : wrg_sched_stood(&w->sched);
    uint8_t role = task >= 0 ? w->sched.tasks[task].role : WRG_ROLE_SCRIPT;

    w->over_budget = true;
    wrg_xen_emit(&w->xen, .kind = WRG_EV_BUDGET, .role = role, .a = (uint32_t)task, .b = kind,
                 .c = w->sched.steps);
    w->stage = WRG_STAGE_DONE;
}

/* True: the caller's step limit is reached. */
static bool on_alarm(struct wrg_world *w)
{
    if (w->kill_dom && w->sched.steps >= w->alarm_kill) {
        uint16_t domid = (uint16_t)w->kill_dom;
        w->kill_dom = 0;
        w->alarm_kill = UINT64_MAX;
        wrg_director_kill(w, domid);
    }
    bool pause = w->sched.steps >= w->alarm_pause;
    if (pause)
        w->alarm_pause = UINT64_MAX;
    wrg_sched_alarm(&w->sched, wrg_min_u64(w->alarm_kill, w->alarm_pause));
    return pause;
}

enum wrg_world_end wrg_world_run(struct wrg_world *w, uint64_t steps)
{
    if (w->fresh)
        begin_run(w);
    w->pause_steps = steps;
    arm_pause(w);
    if (w->from_snapshot && w->stage == WRG_STAGE_CONNECT)
        enter_safety(w);
    else if (w->early && w->stage == WRG_STAGE_CONNECT)
        enter_safety(w);
    while (w->stage != WRG_STAGE_DONE) {
        enum wrg_sched_end end = wrg_sched_run(&w->sched);
        if (wrg_trace_has_finding(&w->trace) || end == WRG_SCHED_STOPPED)
            w->stage = WRG_STAGE_DONE;
        else if (end == WRG_SCHED_IDLE)
            leave[w->stage](w);
        else if (end == WRG_SCHED_ALARM && on_alarm(w))
            return WRG_WORLD_BUDGET_SPENT;
        else if (end == WRG_SCHED_BUDGET || end == WRG_SCHED_TASK_BUDGET)
            on_budget(w, end == WRG_SCHED_BUDGET ? WRG_BUDGET_RUN : WRG_BUDGET_TASK);
    }
    if (!w->ended) {
        w->ended = true;
        wrg_director_account(w);
        wrg_world_emit_phase(w, WRG_PHASE_END);
    }
    return WRG_WORLD_FINISHED;
}

/* ---- verdict ---- */

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
    verdict->peer_hash = w->peer_hash;
    verdict->steps = w->sched.steps;
    verdict->requests = w->instrumented && !w->xen.parallel
                            ? w->xen.fetch.rings[WRG_SEAT_BACK].published - w->rsp_start
                            : w->edge.completed;
    verdict->ios = w->edge.completed;
    verdict->ios_failed = w->edge.failed;
    verdict->ops = w->c->nops;
    for (uint16_t i = 0; i < w->c->nops; i++)
        if (!w->effective[i])
            verdict->dead[verdict->dead_ops++] = i;
    verdict->blind = w->oracles ? wrg_oracles_blind(w->oracles) : 0;
    verdict->from_snapshot = w->from_snapshot;
    verdict->fallible_calls = w->fault.any_count;
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
    uint64_t have = wrg_min_u64(w->trace.count, WRG_TRACE_WINDOW);
    uint32_t n = (uint32_t)wrg_min_u64(have, cap);

    for (uint32_t i = 0; i < n; i++)
        events[i] = w->trace.window[(w->trace.count - n + i) % WRG_TRACE_WINDOW];
    return n;
}

uint32_t wrg_world_deviations(const struct wrg_world *w, struct wrg_sched_preempt *out,
                              uint32_t cap)
{
    uint32_t n = (uint32_t)wrg_min_u64(w->sched.log_count, WRG_ARRAY_LEN(w->deviations));

    n = wrg_min_u32(n, cap);
    memcpy(out, w->deviations, n * sizeof(*out));
    return n;
}
