/* SPDX-License-Identifier: MIT */
/*
 * The events of a world (events.def), their form, and how their packed operands are read.
 *
 * Layer   vocab
 * Units   step counts scheduler points since the start of the run
 */
#ifndef WRG_VOCAB_EVENTS_H
#define WRG_VOCAB_EVENTS_H

#include <stdint.h>

#include "vocab/ops.h"

enum wrg_event_kind {
#define WRG_EVENT(symbol, name, a, b, c, d, payload) WRG_EV_##symbol,
#include "vocab/events.def"
    WRG_NR_EVENTS
};

struct wrg_event { /* 32 bytes, no padding: they are hashed as they stand */
    uint16_t kind;
    uint8_t role; /* enum wrg_role of who did it */
    uint8_t task; /* task id, 255 outside of tasks */
    uint32_t step;
    uint32_t a, b;
    uint64_t c, d;
};

/* The first four bytes of an event are `kind`, `role` and `task` from the lowest bits up. */
#define WRG_EVENT_ROLE_SHIFT 16
#define WRG_EVENT_TASK_SHIFT 24
/* Above the role, as long as it goes to all: whom it was done for, the number of a device. */
#define WRG_EVENT_VOICE_BITS 2

/* Phases of a run, operand `a` of a phase event. */
enum wrg_phase {
    WRG_PHASE_CONNECT,
    WRG_PHASE_SAFETY,   /* the case runs: faults, hostile writes, deviations */
    WRG_PHASE_LIVENESS, /* all that has stopped: everything must drain */
    WRG_PHASE_QUIET,    /* nothing is runnable any more: judge what is left */
    WRG_PHASE_CLOSE,
    WRG_PHASE_CLOSED,
    WRG_PHASE_END
};

/* What a page holds, as far as the protocol tells: operand `class` of loads and stores. */
enum wrg_shared {
    WRG_SHARED_NONE,
    WRG_SHARED_RING_INDEX,
    WRG_SHARED_RING_SLOT,
    WRG_SHARED_INDIRECT
};

/* What a ledger event counts. */
enum wrg_ledger {
    WRG_LEDGER_MAPPINGS,
    WRG_LEDGER_GRANTS,
    WRG_LEDGER_PAGES,
    WRG_LEDGER_POOL_BLOCKS,
    WRG_LEDGER_HEAP_BLOCKS,
    WRG_LEDGER_EVTCHNS,
    WRG_LEDGER_WATCHES,
    WRG_LEDGER_TRANSACTIONS,
    WRG_NR_LEDGERS
};

enum wrg_budget_kind { WRG_BUDGET_RUN, WRG_BUDGET_TASK };

static inline uint32_t wrg_event_off(const struct wrg_event *ev)
{
    return ev->b >> 16;
}
static inline uint32_t wrg_event_len(const struct wrg_event *ev)
{
    return ev->b & 0xffff;
}
/* A number of wringer/sites.def. */
static inline uint8_t wrg_event_site(const struct wrg_event *ev)
{
    return (uint8_t)ev->c;
}
enum { WRG_EVENT_SITE_SCRIPT = 11 }; /* what a case has an endpoint write over */
static inline uint8_t wrg_event_class(const struct wrg_event *ev)
{
    return (uint8_t)(ev->c >> 8);
}
/* Loads: the bytes were loaded before within the request. Stores: they carry the secret pattern. */
static inline uint8_t wrg_event_flag(const struct wrg_event *ev)
{
    return (uint8_t)(ev->c >> 16);
}
/* Ordinal of the request in its lane, from 1; 0: it belongs to none. */
static inline uint32_t wrg_event_request(const struct wrg_event *ev)
{
    return (uint32_t)(ev->c >> 32) & 0xfffffff;
}
/* The lane of the ring, as it was declared, that this is an access to; 0 where there is no ring. */
static inline uint8_t wrg_event_lane(const struct wrg_event *ev)
{
    return (uint8_t)(ev->c >> 60);
}
/* The lane of the ring that is declared. */
static inline uint8_t wrg_event_declared_lane(const struct wrg_event *ev)
{
    return (uint8_t)(ev->c >> 24);
}
/* Lane and request of an access, as they lie in operand `c`. */
static inline uint64_t wrg_event_scope(uint8_t lane, uint32_t request)
{
    return (uint64_t)lane << 60 | (uint64_t)(request & 0xfffffff) << 32;
}

const char *wrg_event_name(uint16_t kind);
/* Name of operand 0..3 of a kind; "-" if it has none. */
const char *wrg_event_operand(uint16_t kind, unsigned operand);
const char *wrg_role_name(uint8_t role);

#endif
