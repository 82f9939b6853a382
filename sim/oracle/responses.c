/* SPDX-License-Identifier: MIT */
/*
 * RING-002 to RING-005: each response answers one request that was fetched, by id and operation.
 *
 * Judged when a response is published, since only then the frontend sees it. Where several requests
 * in flight share an id, any of them will do. Layer: oracle. Source: xen/io/blkif.h.
 */
#include <inttypes.h>

#include "oracle/checkers.h"

static const struct misdeed {
    enum wrg_rule rule;
    const char *text;
} misdeeds[] = {
    [WRG_TAP_WRONG_OP] = { WRG_RULE_RING_005, "has another operation than its request" },
    [WRG_TAP_TWICE] = { WRG_RULE_RING_003, "answers a request for the second time" },
    [WRG_TAP_NO_REQUEST] = { WRG_RULE_RING_002, "answers nothing: no request is in flight" },
    [WRG_TAP_NOT_PUT] = { WRG_RULE_RING_002, "is published, but was never written" },
    [WRG_TAP_WRONG_ID] = { WRG_RULE_RING_004, "has an id that no request in flight has" },
};

static void on_answer(void *ctx, const struct wrg_tap_note *note)
{
    struct wrg_oracles *o = ctx;

    if (note->match == WRG_TAP_MATCHED || note->match == WRG_TAP_MATCHED_TWIN ||
        note->match == WRG_TAP_NOT_SEEN || !wrg_oracle_judges(o, note->ev->role))
        return;
    wrg_trace_report(o->trace, misdeeds[note->match].rule, note->ev,
                     "response %u%s (id 0x%" PRIx64 ", op %u, status %d) %s", note->position,
                     wrg_tap_queue_text(note->lane), note->response.id, note->response.operation,
                     note->response.status, misdeeds[note->match].text);
}

void wrg_responses_begin(struct wrg_oracles *o)
{
    if (o->config.judged & WRG_JUDGE_BACK)
        wrg_tap_listen(&o->tap, WRG_TAP_ANSWER, on_answer, o);
}
