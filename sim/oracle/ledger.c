/* SPDX-License-Identifier: MIT */
/*
 * GNT-003, GNT-007, EVT-001, XS-002, MEM-001: what a role holds when it should hold no more than
 * before. The world says when that may be judged. Layer: oracle. Source: vocab/rules.def.
 */
#include <inttypes.h>

#include "oracle/checkers.h"

static const struct account {
    enum wrg_rule rule;
    const char *what;
} accounts[WRG_NR_LEDGERS] = {
    [WRG_LEDGER_MAPPINGS] = { WRG_RULE_GNT_003, "mappings" },
    [WRG_LEDGER_GRANTS] = { WRG_RULE_GNT_007, "grant references" },
    [WRG_LEDGER_PAGES] = { WRG_RULE_MEM_001, "pages" },
    [WRG_LEDGER_POOL_BLOCKS] = { WRG_RULE_MEM_001, "pool blocks" },
    [WRG_LEDGER_HEAP_BLOCKS] = { WRG_RULE_MEM_001, "heap blocks" },
    [WRG_LEDGER_EVTCHNS] = { WRG_RULE_EVT_001, "event channels" },
    [WRG_LEDGER_WATCHES] = { WRG_RULE_XS_002, "watches" },
    [WRG_LEDGER_TRANSACTIONS] = { WRG_RULE_XS_002, "transactions" },
};

static void on_ledger(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    if (ev->a >= WRG_NR_LEDGERS || ev->b <= ev->d || !wrg_oracle_judges(o, ev->role))
        return;
    wrg_trace_report(o->trace, accounts[ev->a].rule, ev,
                     "%u %s are held, %" PRIu64 " is right; the first is %" PRIu64, ev->b,
                     accounts[ev->a].what, ev->d, ev->c);
}

void wrg_ledgers_begin(struct wrg_oracles *o)
{
    wrg_trace_subscribe(o->trace, WRG_EV_LEDGER, on_ledger, o);
}
