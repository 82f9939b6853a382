/* SPDX-License-Identifier: MIT */
/*
 * LOG-001: a peer cannot make a driver flood its log. Lines are weighed against the requests of the
 * run, whichever edge shows most of them. Layer: oracle. Source: XSA-349, kernel practice.
 */
#include <inttypes.h>
#include <string.h>

#include "oracle/checkers.h"

enum { LINES_FREE = 1000, LINES_A_REQUEST = 10 };

static void on_log(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    if (!wrg_oracle_judges(o, ev->role))
        return;
    uint64_t lines = ++o->logs.facts.lines[ev->role];
    uint64_t requests = wrg_max_u64(o->liveness.facts.submitted, o->tap.facts.requests);
    if (lines <= LINES_FREE + LINES_A_REQUEST * requests)
        return;
    wrg_trace_report(o->trace, WRG_RULE_LOG_001, ev,
                     "%" PRIu64 " log lines for %" PRIu64 " requests", lines, requests);
}

void wrg_logs_begin(struct wrg_oracles *o)
{
    memset(&o->logs, 0, sizeof(o->logs));
    wrg_trace_subscribe(o->trace, WRG_EV_LOG, on_log, o);
}
