/* SPDX-License-Identifier: MIT */
/*
 * XS-003: what the store answers, and what it tells its watchers, is what the rules say.
 *
 * What it is   Puts every question that a client asks to a model of the store (model/), and
 *              compares answers. What is in a queue of events is seen when a client takes it.
 * Layer        oracle
 * Bounds       those of the model; a run beyond them is not judged any more, and counted
 * Source       docs/misc/xenstore.txt
 */
#include <string.h>

#include "base/digest.h"
#include "base/errno_name.h"
#include "oracle/checkers.h"

int wrg_store_rules_init(struct wrg_store_rules *rules)
{
    rules->model = wrg_store_model_create();
    return rules->model ? 0 : -1;
}

void wrg_store_rules_fini(struct wrg_store_rules *rules)
{
    wrg_store_model_destroy(rules->model);
}

static void on_call(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    struct wrg_store_rules *rules = &o->store_rules;
    bool was_full = wrg_store_model_is_full(rules->model);

    rules->op = wrg_store_call_unpack(ev, payload, len);
    struct wrg_store_call call = wrg_store_call_of(&rules->op, &rules->text);
    wrg_store_model_do(rules->model, &call, &rules->want);
    rules->asked = true;
    rules->number = ev->d;
    o->forgotten += !was_full && wrg_store_model_is_full(rules->model);
}

static bool agrees(const struct wrg_event *ev, const struct wrg_store_answer *want)
{
    if (want->any)
        return true;
    if (want->fails)
        return ev->a != 0;
    return ev->a == (uint32_t)-want->result && ev->b == want->len &&
           ev->c == wrg_digest_bytes(0, want->data, want->len);
}

/* The beginning of a reply, as one can read it. */
static const char *shown(const void *data, size_t len, char to[32])
{
    size_t n = len < 28 ? len : 28;

    for (size_t i = 0; i < n; i++) {
        char c = ((const char *)data)[i];
        to[i] = c ? c : ' ';
    }
    strcpy(to + n, n < len ? "..." : "");
    return to;
}

static void on_reply(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    const struct wrg_store_rules *rules = &o->store_rules;
    const struct wrg_store_answer *want = &rules->want;
    char of_store[32], of_model[32];

    if (!rules->asked || rules->number != ev->d || agrees(ev, want))
        return;
    wrg_trace_report(o->trace, WRG_RULE_XS_003, ev,
                     "client %u %s: the store says %s '%s' (%u bytes), the rules %s '%s' (%zu)",
                     rules->op.client, wrg_name(WRG_NAMES_STORE, rules->op.action),
                     wrg_errno_name((int)ev->a), shown(payload, len, of_store), ev->b,
                     want->fails ? "an error" : wrg_errno_name(want->result),
                     shown(want->data, want->len, of_model), want->len);
}

void wrg_store_rules_begin(struct wrg_oracles *o)
{
    o->store_rules.asked = false;
    wrg_store_model_begin(o->store_rules.model);
    wrg_trace_subscribe(o->trace, WRG_EV_STORE_CALL, on_call, o);
    wrg_trace_subscribe(o->trace, WRG_EV_STORE_REPLY, on_reply, o);
}
