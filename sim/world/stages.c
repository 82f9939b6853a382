/* SPDX-License-Identifier: MIT */
/*
 * The stages of a run: connect, safety, liveness, close. Each ends when nothing is runnable any
 * more, and a table says what comes next.
 */
#include <string.h>

#include "world/world_impl.h"

#define LEDGER_ANY UINT32_MAX

/* At the first run after start, when all options of the run are known. */
static void begin_run(struct wrg_world *w)
{
    w->fresh = false;
    w->director_done = false;
    w->director = WRG_TASK_NONE;
    w->dead[0] = w->dead[1] = false;
    w->closing = w->reconnected = w->ended = w->cut = false;
    w->next_back.set = false;
    w->rebuilds = 0;
    w->toolstack.task = WRG_TASK_NONE;
    w->toolstack.timer = -1;
    w->toolstack.nagenda = 0;
    w->toolstack.life = (struct wrg_vbd_life){ .phase = WRG_VBD_SETTLED };
    w->kill_dom = 0;
    w->alarm_kill = w->alarm_pause = UINT64_MAX;
    w->fault.any_nth = w->fail_nth;
    wrg_fault_enable(&w->fault, true);
    for (unsigned i = 0; i < w->nvbds; i++)
        wrg_vbd_set_disk(wrg_world_device(w, i));
    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++)
        for (unsigned i = 0; i < w->nvbds; i++)
            wrg_guest_set_hooks(&wrg_world_device(w, i)->guests[seat],
                                w->instrumented && w->options.engine == WRG_ENGINE_FIBER);
    wrg_world_prepare(w);
}

/* ---- stages ---- */

/* What a domain holds for all of its devices, but for the block layer's buffers. */
static void ledgers(struct wrg_world_vbd *vbd, unsigned seat, uint32_t counts[WRG_NR_LEDGERS])
{
    static const uint8_t by_driver[] = { WRG_LEDGER_POOL_BLOCKS, WRG_LEDGER_HEAP_BLOCKS,
                                         WRG_LEDGER_WATCHES, WRG_LEDGER_TRANSACTIONS };
    struct wrg_world *w = vbd->w;
    uint32_t buffers = seat == WRG_SEAT_FRONT && vbd->index == 0 ? w->program.pages : 0;

    wrg_guest_ledger(&vbd->guests[seat], counts);
    for (unsigned i = 0; i < w->nvbds; i++) {
        struct wrg_world_vbd *other = wrg_world_device(w, i);
        uint32_t more[WRG_NR_LEDGERS];
        if (other->guests[seat].dom != vbd->guests[seat].dom)
            continue;
        if (seat == WRG_SEAT_FRONT)
            buffers += wrg_edge_pages(other);
        if (other == vbd)
            continue;
        wrg_guest_ledger(&other->guests[seat], more);
        for (unsigned k = 0; k < WRG_ARRAY_LEN(by_driver); k++)
            counts[by_driver[k]] += more[by_driver[k]];
    }
    if (seat == WRG_SEAT_FRONT)
        counts[WRG_LEDGER_PAGES] -= wrg_min_u32(buffers, counts[WRG_LEDGER_PAGES]);
}

/*
 * What an end that is still connected may keep for the next request, as far as the case says that
 * it may; how much of it was lost shows when it closes.
 */
static uint32_t allowance(const struct wrg_world *w, unsigned seat, unsigned kind)
{
    bool persistent = w->config.persistent && w->config.front_persistent;

    if (seat == WRG_SEAT_FRONT)
        return persistent && (kind == WRG_LEDGER_GRANTS || kind == WRG_LEDGER_PAGES ||
                              kind == WRG_LEDGER_POOL_BLOCKS)
                   ? LEDGER_ANY
                   : 0;
    if (kind == WRG_LEDGER_MAPPINGS && persistent)
        return (uint32_t)w->config.pool * w->config.queues * w->nvbds; /* all in one domain */
    return kind == WRG_LEDGER_PAGES && w->config.data == WRG_CASE_DATA_COPY ? LEDGER_ANY : 0;
}

/* A domain is counted once: with its first device. */
static bool is_first_of(struct wrg_world_vbd *vbd, unsigned seat)
{
    return vbd->index == 0 ||
           (seat == WRG_SEAT_FRONT && vbd->guests[seat].dom != vbd->w->vbd.guests[seat].dom);
}

static void emit_ledger(struct wrg_world_vbd *vbd, unsigned seat, bool closed)
{
    static const uint8_t roles[] = { WRG_ROLE_FRONT, WRG_ROLE_BACK };
    struct wrg_world *w = vbd->w;
    uint32_t counts[WRG_NR_LEDGERS];
    /* A frontend cannot take back what its peer still maps. */
    bool held = seat == WRG_SEAT_FRONT && w->xen.domains[WRG_DOM_BACK].mappings.taken;

    ledgers(vbd, seat, counts);
    for (unsigned kind = 0; kind < WRG_NR_LEDGERS; kind++) {
        bool excused = closed && held && (kind == WRG_LEDGER_GRANTS || kind == WRG_LEDGER_PAGES);
        if (!excused)
            wrg_xen_emit(
                &w->xen, .kind = WRG_EV_LEDGER, .role = roles[seat], .a = kind, .b = counts[kind],
                .d = closed ? 0 : (uint64_t)vbd->baseline[seat][kind] + allowance(w, seat, kind));
    }
}

static void emit_ledgers(struct wrg_world *w, bool closed)
{
    for (unsigned i = 0; i < w->nvbds; i++) {
        struct wrg_world_vbd *vbd = wrg_world_device(w, i);
        uint8_t before = wrg_sched_speak(&w->sched, vbd->index);
        for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++) {
            bool judged = i > 0 || (!w->dead[seat] && w->judged >> seat & 1);
            if (judged && is_first_of(vbd, seat))
                emit_ledger(vbd, seat, closed);
        }
        (void)wrg_sched_speak(&w->sched, before);
    }
}

static void note_baselines(struct wrg_world *w)
{
    for (unsigned i = 0; i < w->nvbds; i++)
        for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++)
            ledgers(wrg_world_device(w, i), seat, wrg_world_device(w, i)->baseline[seat]);
}

/* As far as memory shows: every request that was published has been answered. */
static bool rings_are_quiet(struct wrg_world *w)
{
    uint32_t req_prod, rsp_prod;

    for (uint32_t lane = 0; lane < w->xen.fetch.nlanes; lane++) {
        const struct wrg_fetch_ring *ring = &w->xen.fetch.rings[WRG_SEAT_BACK][lane];
        if (!ring->live)
            continue;
        wrg_xen_peek(&w->xen, ring->frame, WRG_WIRE_REQ_PROD, &req_prod, sizeof(req_prod));
        wrg_xen_peek(&w->xen, ring->frame, WRG_WIRE_RSP_PROD, &rsp_prod, sizeof(rsp_prod));
        if (req_prod != rsp_prod)
            return false;
    }
    return true;
}

/* An honest front may have left its block layer and failed to say so in the store. */
static bool front_has_gone(struct wrg_world *w)
{
    return !wrg_world_scripted(w, WRG_SEAT_FRONT) && !w->vbd.edge.state.ready;
}

static bool must_close(struct wrg_world *w)
{
    if (w->config.end != WRG_CASE_END_AUTO || w->closing || w->reconnected || w->early)
        return true;
    return !wrg_world_connected(w) || front_has_gone(w) || w->vbd.edge.outstanding ||
           !rings_are_quiet(w);
}

/* The caller's step limit counts from here. */
static void arm_pause(struct wrg_world *w)
{
    w->alarm_pause = w->pause_steps ? w->sched.steps + w->pause_steps : UINT64_MAX;
    wrg_sched_alarm(&w->sched, wrg_min_u64(w->alarm_kill, w->alarm_pause));
}

/* Rules of the case that changed how negotiation went. */
static bool anything_fired(const struct wrg_world *w)
{
    bool fired = false;

    for (unsigned i = 0; i < w->nvbds; i++)
        for (unsigned site = 0; site < WRG_COUNT_SITE; site++)
            fired |= w->fault.hits[i][site] != 0;
    for (uint32_t i = 0; i < w->npreempts; i++)
        fired |= w->preempts[i].fired;
    return fired;
}

static void enter_safety(struct wrg_world *w)
{
    const struct wrg_task_args director = {
        .fn = wrg_director_main, .arg = w, .name = "director", .role = WRG_ROLE_SCRIPT
    };

    /* It may still connect, and then holds more than what is measured now. */
    w->closing |= !wrg_world_connected(w);
    if (!w->from_snapshot && !w->early) {
        note_baselines(w);
        if (w->options.snapshot && !anything_fired(w))
            wrg_world_take_snapshot(w);
    }
    if (!w->early) {
        wrg_world_begin_sched(w, false);
        arm_pause(w);
    }
    w->fault.connected = true;
    wrg_world_emit_phase(w, WRG_PHASE_SAFETY);
    wrg_devices_phase(w, WRG_PHASE_SAFETY);
    w->director = wrg_sched_task_create(&w->sched, &director);
    WRG_ASSERT(w->director >= 0);
    wrg_devices_begin(w);
    w->stage = WRG_STAGE_SAFETY;
}

/* A death that is still to come comes now. False: there is none. */
static bool kill_now(struct wrg_world *w)
{
    uint16_t domid = (uint16_t)w->kill_dom;

    w->kill_dom = 0;
    w->alarm_kill = UINT64_MAX;
    if (domid)
        wrg_director_kill(w, domid);
    return domid != 0;
}

/*
 * Nobody can run, and the director waits for an I/O to complete: what it wanted to submit is left
 * out, and the case goes on. What is stuck is judged when the rest has happened.
 */
static bool director_is_stuck(struct wrg_world *w)
{
    if (w->director_done || !w->vbd.edge.waiting)
        return false;
    if (kill_now(w))
        return true;
    w->vbd.edge.waiting = false;
    w->vbd.edge.given_up = true;
    wrg_sched_wake(&w->sched, w->vbd.edge.waiter);
    return true;
}

static void stop_faults(struct wrg_world *w)
{
    wrg_fault_enable(&w->fault, false);
    for (unsigned site = 0; site < WRG_COUNT_SITE; site++)
        w->fallible[site] =
            wrg_fault_calls(&w->fault, (enum wrg_fault_site)site, WRG_CASE_WHOSE_ANY);
}

/* Faults, hostile writes and deviations stop; what is scripted behaves from now on. */
static void enter_liveness(struct wrg_world *w)
{
    if (director_is_stuck(w) || wrg_devices_unstick(w))
        return;
    (void)kill_now(w);
    wrg_director_account(w);
    stop_faults(w);
    w->xen.fetch.tamper_on = false;
    wrg_sched_liveness(&w->sched);
    wrg_world_emit_phase(w, WRG_PHASE_LIVENESS);
    wrg_devices_phase(w, WRG_PHASE_LIVENESS);
    w->sched.budget_steps += 20000;
    if (wrg_world_scripted(w, WRG_SEAT_FRONT) && w->vbd.self[WRG_SEAT_FRONT])
        wrg_hostile_kick(w->vbd.self[WRG_SEAT_FRONT]);
    if (wrg_world_scripted(w, WRG_SEAT_BACK) && w->vbd.self[WRG_SEAT_BACK])
        wrg_hostile_repent(w->vbd.self[WRG_SEAT_BACK]);
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
    if (!w->vbd.self[seat])
        seat = 1 - seat;
    wrg_vbd_detach(&w->vbd, seat);
    if (wrg_vbd_store_has_failed(&w->vbd))
        wrg_vbd_detach(&w->vbd, 1 - seat);
}

/*
 * A hostile back that never answered has to go before its victim can be called stuck; so has one
 * that has closed and could not say so.
 */
static bool back_is_excused(const struct wrg_world *w)
{
    bool hostile = w->victim == WRG_CASE_VICTIM_FRONT && !(w->judged & 1u << WRG_SEAT_BACK);

    return hostile || wrg_vbd_store_has_failed(&w->vbd);
}

static void leave_liveness(struct wrg_world *w)
{
    if (!w->vbd.edge.outstanding || !back_is_excused(w))
        wrg_world_emit_phase(w, WRG_PHASE_QUIET);
    wrg_devices_phase(w, WRG_PHASE_QUIET);
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
    wrg_devices_phase(w, WRG_PHASE_CLOSE);
    w->sched.budget_steps += 20000;
    ask_to_close(w);
    wrg_devices_close(w);
    w->stage = WRG_STAGE_CLOSE;
}

static void leave_close(struct wrg_world *w)
{
    if (back_is_excused(w))
        wrg_world_emit_phase(w, WRG_PHASE_QUIET);
    wrg_world_emit_phase(w, WRG_PHASE_CLOSED);
    wrg_devices_phase(w, WRG_PHASE_CLOSED);
    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++)
        wrg_vbd_stop_seat(&w->vbd, seat);
    wrg_devices_stop(w);
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

    wrg_xen_emit(&w->xen, .kind = WRG_EV_BUDGET, .role = role, .a = (uint32_t)task, .b = kind,
                 .c = w->sched.steps);
    w->cut = !wrg_trace_has_finding(&w->trace);
    w->cut_by = role;
    w->stage = WRG_STAGE_DONE;
}

/* True: the caller's step limit is reached. */
static bool on_alarm(struct wrg_world *w)
{
    if (w->kill_dom && w->sched.steps >= w->alarm_kill)
        (void)kill_now(w);
    bool pause = w->sched.steps >= w->alarm_pause;
    if (pause)
        w->alarm_pause = UINT64_MAX;
    wrg_sched_alarm(&w->sched, wrg_min_u64(w->alarm_kill, w->alarm_pause));
    return pause;
}

enum wrg_world_end wrg_world_run(struct wrg_world *w, uint64_t steps)
{
    if (w->victim == WRG_CASE_VICTIM_XENSTORE) {
        wrg_store_stage_run(w);
        return WRG_WORLD_FINISHED;
    }
    if (w->fresh)
        begin_run(w);
    w->pause_steps = steps;
    arm_pause(w);
    if ((w->from_snapshot || w->early) && w->stage == WRG_STAGE_CONNECT)
        enter_safety(w);
    while (w->stage != WRG_STAGE_DONE) {
        enum wrg_sched_end end = wrg_sched_run(&w->sched);
        if (wrg_trace_has_finding(&w->trace) || end == WRG_SCHED_STOPPED)
            w->stage = WRG_STAGE_DONE;
        else if (end == WRG_SCHED_IDLE && wrg_devices_flying(w))
            return WRG_WORLD_BLOCKED;
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
        wrg_devices_phase(w, WRG_PHASE_END);
    }
    return WRG_WORLD_FINISHED;
}
