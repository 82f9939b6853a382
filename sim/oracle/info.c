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

    (void)payload;
    (void)len;
    if (!ev->d || !wrg_oracle_judges(o, ev->role))
        return;
    wrg_trace_report(o->trace, WRG_RULE_INFO_001, ev,
                     "gref %u grants a page that holds uninitialised memory", ev->a);
}

/* A copy from a page of one's own whose bytes nobody has written. */
static void on_copy(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    (void)payload;
    (void)len;
    if (!(ev->d >> 48 & 0xff) || !wrg_oracle_judges(o, ev->role))
        return;
    wrg_trace_report(o->trace, WRG_RULE_INFO_001, ev, "uninitialised memory is copied to gref %u",
                     ev->b);
}

/* Pads of a response: one byte, and four more at the end of the 64-bit layout. */
static bool is_pad(const struct wrg_tap_ring *ring, uint32_t within)
{
    uint32_t size = wrg_wire_response_size((enum wrg_abi)ring->abi);

    return within == 9 || (within >= 12 && within < size);
}

static void on_put_response(void *ctx, const struct wrg_tap_note *note)
{
    struct wrg_oracles *o = ctx;
    uint32_t end = wrg_min_u32(note->within + note->len, WRG_BLKIF_MAX_RESPONSE_BYTES);

    if (end <= 9 || !wrg_oracle_judges(o, note->ev->role))
        return;
    for (uint32_t at = wrg_max_u32(note->within, 9); at < end; at++) {
        uint8_t byte = note->bytes[at - note->within];
        if (is_pad(note->ring, at) && byte && byte != note->old[at - note->within]) {
            wrg_trace_report(o->trace, WRG_RULE_INFO_002, note->ev,
                             "pad byte %u of response %u%s becomes 0x%02x", at, note->position,
                             wrg_tap_queue_text(note->lane), byte);
            return;
        }
    }
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
