/* SPDX-License-Identifier: MIT */
/*
 * What libFuzzer takes for new beside edges: states of the protocol, pairs of conflicting sites.
 *
 * Edges alone do not tell a write that was refused from one that was not, nor a byte that changed
 * between two reads from one that did not. 4 KiB of counters in all, for libFuzzer clears and scans
 * them at each run. Only shared words count: data pages would be noise, and cost.
 */
#include <string.h>

#include <wringer/page.h>

#include "target.h"

#define WORDS 1024u /* of shared memory, told apart by hash */

enum { SITES = 16, STATES = 9, PHASES = 8, OUTCOMES = 16 };

static struct {
    uint8_t pairs[2][4][SITES][SITES]; /* this access stores; role and site before; site now */
    uint8_t states[PHASES][STATES][STATES];
    uint8_t responses[16][4];
    uint8_t ops[64][2];
    uint8_t maps[2][OUTCOMES];
    uint8_t copies[2][OUTCOMES];
    uint8_t faults[64];
    uint8_t xs[2][16];
    uint8_t requests[16], failed[16];
    uint8_t store[32][16]; /* action, kind of error */
    uint8_t reach[503];    /* cells of vocab/reach.h, modulo a prime */
} counters __attribute__((section("__libfuzzer_extra_counters"), used
#ifdef __clang__
                          ,
                          no_sanitize("address")
#endif
                              ));
WRG_STATIC_ASSERT(sizeof(counters) <= 4096, "libFuzzer scans them at each run");

static struct {
    uint8_t accessed; /* in this run */
    uint8_t role, site;
} words[WORDS];
static uint32_t answers; /* in this run */
static uint8_t asked;    /* of the store */

struct wrg_reach_sink wrg_feedback_reach(struct wrg_reach *reach)
{
    return (struct wrg_reach_sink){ .reach = reach,
                                    .counters = counters.reach,
                                    .ncounters = sizeof(counters.reach) };
}

static void bump(uint8_t *counter)
{
    *counter = (uint8_t)(*counter + (*counter < UINT8_MAX));
}

static unsigned log2_of(uint32_t n)
{
    return n ? 32u - (unsigned)__builtin_clz(n) : 0;
}

static void on_access(const struct wrg_event *ev, const uint8_t *bytes)
{
    uint32_t key = (ev->a * 0x9e3779b1u ^ wrg_event_off(ev) >> 2) % WORDS;
    uint8_t site = wrg_event_site(ev) % SITES;

    if (words[key].accessed && words[key].role != ev->role)
        bump(&counters.pairs[ev->kind == WRG_EV_STORE][words[key].role & 3][words[key].site][site]);
    words[key].accessed = 1;
    words[key].role = ev->role;
    words[key].site = site;
    /* A response: id 8, operation 1, pad 1, status 2; the payload has the new bytes first. */
    if (ev->kind == WRG_EV_STORE && ev->role == WRG_ROLE_BACK &&
        wrg_event_class(ev) == WRG_SHARED_RING_SLOT && bytes && wrg_event_len(ev) >= 12) {
        bump(&counters.responses[bytes[8] & 15][-(int8_t)bytes[10] & 3]);
        answers++;
    }
}

static void on_tamper(const struct wrg_event *ev)
{
    uint32_t key = (ev->a * 0x9e3779b1u ^ wrg_event_off(ev) >> 2) % WORDS;

    words[key].accessed = 1;
    words[key].role = WRG_ROLE_SCRIPT;
    words[key].site = WRG_SITE_SCRIPT;
}

void wrg_feedback_on_event(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    unsigned side = ev->role == WRG_ROLE_BACK;

    switch (ev->kind) {
    case WRG_EV_LOAD:
    case WRG_EV_STORE:
        if (wrg_event_class(ev) != WRG_SHARED_NONE)
            on_access(ev, len ? payload : NULL);
        break;
    case WRG_EV_TAMPER: on_tamper(ev); break;
    case WRG_EV_MAP: bump(&counters.maps[side][-(int32_t)(ev->d >> 32) & 15]); break;
    case WRG_EV_COPY: bump(&counters.copies[side][-(int32_t)ev->d & 15]); break;
    case WRG_EV_FAULT: bump(&counters.faults[ev->a % 64]); break;
    case WRG_EV_XS_CHANGE: bump(&counters.xs[side][ev->b & 15]); break;
    case WRG_EV_STORE_CALL: asked = (uint8_t)(ev->a >> 8); break;
    case WRG_EV_STORE_REPLY: bump(&counters.store[asked % 32][ev->a % 16]); break;
    case WRG_EV_PHASE:
        bump(&counters.states[ev->a % PHASES][ev->b % STATES][ev->c % STATES]);
        break;
    default: break;
    }
}

uint32_t wrg_feedback_note(const struct wrg_case *c, const struct wrg_verdict *verdict)
{
    uint32_t dead = 0;
    uint32_t answered = answers;

    for (uint16_t i = 0; i < c->nops; i++) {
        bool is_dead = dead < verdict->dead_ops && verdict->dead[dead] == i;

        dead += is_dead;
        bump(&counters.ops[c->ops[i].kind % 64][is_dead]);
    }
    counters.requests[log2_of(answered) & 15] = 1;
    counters.failed[log2_of(verdict->ios_failed) & 15] = 1;
    memset(words, 0, sizeof(words));
    answers = 0;
    return answered;
}
