/* SPDX-License-Identifier: MIT */
/*
 * The director: a task that carries out the ops of the case in their order, and the ops that are
 * not carried out at a place of their own but wait for one: faults, tampers, preemptions, answers.
 */
#include "world/world_impl.h"

static void collect_fault(struct wrg_world *w, uint16_t index, const struct wrg_op_fault *op)
{
    const struct wrg_fault_rule rule = {
        .site = (uint8_t)op->site,
        .nth = op->nth,
        .side = op->side,
        .device = op->device,
        .count = op->count,
        .op = index,
        .status = wrg_fault_status((enum wrg_fault_site)op->site, op->status),
    };

    (void)wrg_fault_add(&w->fault, &rule); /* beyond the bound it stays a dead op */
}

static void collect_rate(struct wrg_world *w, uint16_t index, const struct wrg_op_fault_rate *op)
{
    const struct wrg_fault_rate rate = {
        .site = op->site,
        .side = op->side,
        .device = op->device,
        .from_start = op->since == WRG_CASE_SINCE_START,
        .per_1000 = op->per_1000,
        .op = index,
        .seed = op->seed,
    };

    (void)wrg_fault_add_rate(&w->fault, &rate); /* beyond the bound it stays a dead op */
}

/* The scheduler knows a task by its role within the world. */
static uint8_t actor_of(uint8_t actor, uint8_t device)
{
    unsigned role = (unsigned)wrg_actor_role(actor) | (unsigned)device << WRG_TRACE_ROLE_BITS;

    return WRG_ACTOR(role, wrg_actor_index(actor));
}

static void collect_preempt(struct wrg_world *w, uint16_t index, const struct wrg_op_preempt *op)
{
    w->preempt_op[w->npreempts] = index;
    w->preempts[w->npreempts++] =
        (struct wrg_sched_preempt){ .section = op->section,
                                    .event = op->event,
                                    .task = actor_of(op->task, op->device),
                                    .to = actor_of(op->to, op->to_device) };
}

static void collect_answer(struct wrg_world *w, uint16_t index, const struct wrg_op_rsp *op)
{
    w->answer_op[w->nanswers] = index;
    w->answers[w->nanswers++] = (struct wrg_hostile_answer){ .req = op->req,
                                                             .id = op->id,
                                                             .operation = op->operation,
                                                             .status = op->status,
                                                             .prod_delta = op->prod,
                                                             .notify = op->notify,
                                                             .misdeed = op->misdeed,
                                                             .queue = op->queue };
}

static void collect_tamper(struct wrg_world *w, uint16_t index, const struct wrg_op_tamper *op)
{
    struct wrg_fetch *fetch = &w->xen.fetch;

    if (fetch->ntampers == WRG_FETCH_TAMPERS)
        return;
    fetch->tampers[fetch->ntampers++] = (struct wrg_tamper){ .request = op->req,
                                                             .fetch = op->fetch,
                                                             .off = op->off,
                                                             .len = op->len,
                                                             .mode = op->mode,
                                                             .value = op->val,
                                                             .device = op->device,
                                                             .queue = op->queue,
                                                             .op = index };
}

/* Before the world is prepared: what decides whether the snapshot will do. */
void wrg_director_collect(struct wrg_world *w)
{
    w->npreempts = w->nanswers = 0;
    w->early = w->toolstack.hold = false;
    for (uint16_t i = 0; i < w->c->nops; i++) {
        const struct wrg_op *op = &w->c->ops[i];
        w->effective[i] = false;
        if (op->kind == WRG_OP_FAULT)
            collect_fault(w, i, &op->fault);
        else if (op->kind == WRG_OP_FAULT_RATE)
            collect_rate(w, i, &op->fault_rate);
        else if (op->kind == WRG_OP_PREEMPT)
            collect_preempt(w, i, &op->preempt);
        else if (op->kind == WRG_OP_RSP)
            collect_answer(w, i, &op->rsp);
        else if (op->kind == WRG_OP_WAIT && op->wait.what == WRG_CASE_WAIT_CONNECTED)
            w->early = true;
        else if (op->kind == WRG_OP_TOOLSTACK && op->toolstack.action == WRG_CASE_ACTION_HOLD)
            w->early = w->toolstack.hold = true;
    }
}

/* After it: tampers are keyed by requests, which begin when the device is connected. */
static void arm_tampers(struct wrg_world *w)
{
    struct wrg_fetch *fetch = &w->xen.fetch;

    for (uint16_t i = 0; i < w->c->nops; i++)
        if (w->c->ops[i].kind == WRG_OP_TAMPER)
            collect_tamper(w, i, &w->c->ops[i].tamper);
    fetch->tamper_on = fetch->ntampers != 0;
    fetch->tamper_seat = w->victim == WRG_CASE_VICTIM_FRONT ? WRG_SEAT_FRONT : WRG_SEAT_BACK;
}

void wrg_director_account(struct wrg_world *w)
{
    const struct wrg_fetch *fetch = &w->xen.fetch;

    for (uint32_t i = 0; i < w->fault.nrules; i++)
        w->effective[w->fault.rules[i].op] = w->fault.rules[i].fired;
    for (uint32_t i = 0; i < w->fault.nrates; i++)
        w->effective[w->fault.rates[i].op] = w->fault.rates[i].fired;
    for (uint32_t i = 0; i < w->npreempts; i++)
        w->effective[w->preempt_op[i]] = w->preempts[i].fired;
    for (uint32_t i = 0; i < w->nanswers; i++)
        w->effective[w->answer_op[i]] = w->answers[i].used;
    for (uint32_t i = 0; i < fetch->ntampers; i++)
        w->effective[fetch->tampers[i].op] = fetch->tampers[i].fired;
}

void wrg_director_kill(struct wrg_world *w, uint16_t domid)
{
    unsigned seat = domid == WRG_DOM_FRONT ? WRG_SEAT_FRONT : WRG_SEAT_BACK;

    if (w->dead[seat])
        return;
    wrg_devices_on_death(w, domid);
    w->dead[seat] = true;
    w->closing = true;
    w->vbd.self[seat] = NULL; /* what it had allocated goes with the world */
    if (seat == WRG_SEAT_FRONT)
        __atomic_store_n(&w->vbd.edge.state.ready, false, __ATOMIC_RELEASE);
    wrg_guest_drop_locks(&w->vbd.guests[seat]);
    wrg_xen_kill_domain(&w->xen, domid);
}

/* A scripted front that has put requests and says nothing of publishing means them to be seen. */
static void publish_rest(struct wrg_world *w)
{
    void *front = w->vbd.self[WRG_SEAT_FRONT];

    if (wrg_world_scripted(w, WRG_SEAT_FRONT) && front)
        wrg_hostile_publish_rest(front);
}

void wrg_director_brief(struct wrg_world *w)
{
    if (wrg_world_scripted(w, WRG_SEAT_BACK) && w->vbd.self[WRG_SEAT_BACK])
        wrg_hostile_plan(w->vbd.self[WRG_SEAT_BACK], w->answers, w->nanswers);
    if (wrg_world_scripted(w, WRG_SEAT_FRONT) && w->vbd.self[WRG_SEAT_FRONT])
        wrg_hostile_notify_task(w->vbd.self[WRG_SEAT_FRONT], (uint32_t)w->director);
}

void wrg_director_main(void *arg)
{
    struct wrg_world *w = arg;
    bool published = false;

    arm_tampers(w);
    wrg_director_brief(w);
    for (uint16_t i = 0; i < w->c->nops; i++) {
        bool effect = wrg_op_execute(w, &w->c->ops[i]);
        w->effective[i] |= effect;
        published |= w->c->ops[i].kind == WRG_OP_PUBLISH;
    }
    if (!published)
        publish_rest(w);
    if (wrg_world_scripted(w, WRG_SEAT_FRONT) && w->vbd.self[WRG_SEAT_FRONT])
        wrg_hostile_notify_task(w->vbd.self[WRG_SEAT_FRONT], UINT32_MAX);
    __atomic_store_n(&w->director_done, true, __ATOMIC_RELEASE);
}
