/* SPDX-License-Identifier: MIT */
/*
 * DF-001: a byte of a slot or of an indirect page is loaded once while its request is handled.
 *
 * The port says whether bytes were loaded before in their scope; ring indices have none, they are
 * judged by RING-. Layer: oracle. Source: XSA-155.
 */
#include "oracle/checkers.h"

static void on_again(void *ctx, const struct wrg_tap_note *note)
{
    struct wrg_oracles *o = ctx;
    const struct wrg_event *ev = note->ev;
    uint8_t class = wrg_event_class(ev);

    if (!wrg_event_request(ev) || !wrg_oracle_judges(o, ev->role))
        return;
    if (class == WRG_SHARED_RING_SLOT || class == WRG_SHARED_INDIRECT)
        wrg_trace_report(o->trace, WRG_RULE_DF_001, ev,
                         "bytes %u to %u of %s are loaded again within request %u",
                         wrg_event_off(ev), wrg_event_off(ev) + wrg_event_len(ev) - 1,
                         class == WRG_SHARED_INDIRECT ? "an indirect page" : "the ring",
                         wrg_event_request(ev));
}

void wrg_double_fetch_begin(struct wrg_oracles *o)
{
    if (o->config.accesses)
        wrg_tap_listen(&o->tap, WRG_TAP_AGAIN, on_again, o);
}
