/* SPDX-License-Identifier: MIT */
/*
 * INFO-001, INFO-002: what the peer sees and was not meant to.
 *
 * Fresh pages and port allocations carry a pattern: it must not reach a shared page, nor lie in a
 * page when that is granted. Pad bytes of a response keep what the slot held, or become zero.
 * Layer: oracle. Source: XSA-403, XSA-216.
 */
#include "oracle/checkers.h"

static void on_secret(void *ctx, const struct wrg_tap_note *note)
{
    struct wrg_oracles *o = ctx;

    if (!wrg_oracle_judges(o, note->ev->role))
        return;
    wrg_trace_report(o->trace, WRG_RULE_INFO_001, note->ev,
                     "uninitialised memory is stored to a shared page at offset %u",
                     wrg_event_off(note->ev));
}

static void on_grant(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    if (!ev->d || !wrg_oracle_judges(o, ev->role))
        return;
    wrg_trace_report(o->trace, WRG_RULE_INFO_001, ev,
                     "gref %u grants a page that holds uninitialised memory", ev->a);
}

/* A copy from a page of one's own whose bytes nobody has written. */
static void on_copy(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    if (!(ev->d >> 48 & 0xff) || !wrg_oracle_judges(o, ev->role))
        return;
    wrg_trace_report(o->trace, WRG_RULE_INFO_001, ev, "uninitialised memory is copied to gref %u",
                     ev->b);
}

/* The first pad byte in [from, to) that becomes something of its own; UINT32_MAX: none. */
static uint32_t spoilt_pad(const struct wrg_tap_note *note, uint32_t from, uint32_t to)
{
    uint32_t at = wrg_max_u32(from, note->within);

    to = wrg_min_u32(to, note->within + note->len);
    while (at < to && (!note->bytes[at - note->within] ||
                       note->bytes[at - note->within] == note->old[at - note->within]))
        at++;
    return at < to ? at : UINT32_MAX;
}

/* Pads of a response: one byte, and four more at the end of the 64-bit layout. */
static void on_put_response(void *ctx, const struct wrg_tap_note *note)
{
    enum { PAD = 9, STATUS = 10, END = 12 };
    struct wrg_oracles *o = ctx;

    if (note->within + note->len <= PAD || !wrg_oracle_judges(o, note->ev->role))
        return;
    uint32_t at = spoilt_pad(note, PAD, STATUS);
    if (at == UINT32_MAX)
        at = spoilt_pad(note, END, wrg_wire_response_size((enum wrg_abi)note->ring->abi));
    if (at != UINT32_MAX)
        wrg_trace_report(o->trace, WRG_RULE_INFO_002, note->ev,
                         "pad byte %u of response %u%s becomes 0x%02x", at, note->position,
                         wrg_tap_queue_text(note->lane), note->bytes[at - note->within]);
}

void wrg_info_begin(struct wrg_oracles *o)
{
    wrg_trace_subscribe(o->trace, WRG_EV_GRANT, on_grant, o);
    wrg_trace_subscribe(o->trace, WRG_EV_COPY, on_copy, o);
    if (!o->config.accesses)
        return;
    wrg_tap_listen(&o->tap, WRG_TAP_SECRET, on_secret, o);
    if (o->config.judged & WRG_JUDGE_BACK)
        wrg_tap_listen(&o->tap, WRG_TAP_PUT_RESPONSE, on_put_response, o);
}
