/* SPDX-License-Identifier: MIT */
/*
 * A run in which the store is the victim: no device, no drivers, no schedule. Clients ask what the
 * `store` ops of the case say, one after the other, and every question and answer is an event.
 */
#include <errno.h>

#include "world/store_driver.h"
#include "world/world_impl.h"

int wrg_store_stage_prepare(struct wrg_world *w)
{
    if (!w->store)
        w->store = wrg_store_driver_create();
    return w->store ? 0 : -ENOMEM;
}

void wrg_store_stage_fini(struct wrg_world *w)
{
    wrg_store_driver_destroy(w->store);
}

/* True: a connected client has asked. */
static bool ask(struct wrg_world *w, const struct wrg_op_store *op, uint32_t step)
{
    struct wrg_store_answer *answer = wrg_store_driver_answer(w->store);
    struct wrg_event ev = { .role = WRG_ROLE_SCRIPT, .task = UINT8_MAX, .step = step };
    char payload[WRG_STORE_EVENT_BYTES];

    w->store_calls++;
    if (w->trace.on) {
        ev.kind = WRG_EV_STORE_CALL;
        uint32_t len = wrg_store_call_pack(op, w->store_calls, &ev, payload);
        wrg_trace_emit(&w->trace, &ev, payload, len, 0);
    }
    wrg_store_driver_ask(w->store, op);
    if (w->trace.on) {
        ev.kind = WRG_EV_STORE_REPLY;
        wrg_store_reply_pack(answer, w->store_calls, &ev);
        wrg_trace_emit(&w->trace, &ev, answer->data,
                       (uint32_t)wrg_min_u64(answer->len, WRG_TRACE_PAYLOAD_MAX), 0);
    }
    return answer->result != -EBADF;
}

/* What is still queued is compared too. */
static void drain(struct wrg_world *w)
{
    struct wrg_op op = wrg_op_make(WRG_OP_STORE);

    op.store.action = WRG_CASE_STORE_EVENT;
    for (op.store.client = 0; op.store.client < WRG_STORE_CLIENTS; op.store.client++)
        while (!wrg_trace_has_finding(&w->trace)) {
            (void)ask(w, &op.store, w->c->nops + 1u);
            if (wrg_store_driver_answer(w->store)->result)
                break;
        }
}

void wrg_store_stage_run(struct wrg_world *w)
{
    wrg_trace_reset(&w->trace);
    wrg_world_begin_checkers(w);
    wrg_store_driver_begin(w->store);
    w->vbd.peer_hash = 0;
    w->store_calls = 0;
    w->from_snapshot = false;
    w->choice.taken_count = 0;
    w->sched.log_count = 0;
    for (unsigned i = 0; i < wrg_store_preamble_count; i++)
        (void)ask(w, &wrg_store_preamble[i], 0);
    for (uint16_t i = 0; i < w->c->nops && !wrg_trace_has_finding(&w->trace); i++) {
        const struct wrg_op *op = &w->c->ops[i];
        if (op->kind == WRG_OP_STORE)
            w->effective[i] = ask(w, &op->store, i + 1u);
        else
            w->effective[i] = op->kind == WRG_OP_CONFIG || op->kind == WRG_OP_EXPECT;
    }
    drain(w);
    w->stage = WRG_STAGE_DONE;
    w->ended = true;
}
