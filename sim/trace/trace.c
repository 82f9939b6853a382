/* SPDX-License-Identifier: MIT */
#include "trace/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/copy.h"
#include "base/digest.h"

enum { WORD = sizeof(uint64_t) };

WRG_STATIC_ASSERT(sizeof(struct wrg_event) == 32, "events are hashed as bytes");
WRG_STATIC_ASSERT(WRG_TRACE_WINDOW * sizeof(struct wrg_event) == WRG_DIGEST_TURN &&
                      WRG_TRACE_KEPT == WRG_DIGEST_TURN,
                  "a turn of either is hashed at once");

void wrg_trace_init(struct wrg_trace *trace)
{
    memset(trace, 0, sizeof(*trace));
    trace->next = trace->window;
    wrg_trace_unsubscribe_all(trace);
}

void wrg_trace_reset(struct wrg_trace *trace)
{
    __atomic_store_n(&trace->over, false, __ATOMIC_RELAXED);
    trace->finding.rule = WRG_RULE_CLEAN;
    trace->finding.detail[0] = 0;
    trace->turns = 0;
    trace->next = trace->window;
    trace->chain = 0;
    trace->lengths = 0;
    trace->kept = 0;
}

/* Each audience has its own events, and what happens to a domain is everybody's. */
static void divide(struct wrg_trace *trace, const struct wrg_event *ev, const void *payload,
                   uint32_t len)
{
    struct wrg_event bare = *ev;
    uint8_t number = ev->role >> WRG_TRACE_ROLE_BITS;
    bool common = ev->kind == WRG_EV_DEATH || ev->kind == WRG_EV_BIRTH;

    WRG_ASSERT(number < WRG_TRACE_AUDIENCES);
    bare.role &= WRG_TRACE_ROLE_MASK;
    for (uint8_t i = 0; i < WRG_TRACE_AUDIENCES; i++) {
        bool heard = wrg_trace_has_finding(trace);
        if (i != number && !common)
            continue;
        wrg_trace_tell(trace->subs[i][ev->kind], &bare, payload, len);
        if (!heard && wrg_trace_has_finding(trace))
            trace->finding.role |= (uint8_t)(i << WRG_TRACE_ROLE_BITS);
    }
}

uint32_t wrg_trace_subscribers(const struct wrg_trace *trace, enum wrg_event_kind kind)
{
    const struct wrg_trace_sub *sub = trace->subs[trace->audience][kind];
    uint32_t n = 0;

    while (sub[n].fn)
        n++;
    return n;
}

void wrg_trace_subscribe(struct wrg_trace *trace, enum wrg_event_kind kind, wrg_trace_fn *fn,
                         void *ctx)
{
    struct wrg_trace_sub *sub = trace->subs[trace->audience][kind];
    uint32_t n = wrg_trace_subscribers(trace, kind);

    WRG_ASSERT(n < WRG_TRACE_SUBSCRIBERS_MAX);
    sub[n] = (struct wrg_trace_sub){ .fn = fn, .ctx = ctx };
    sub[n + 1].fn = NULL;
}

void wrg_trace_unsubscribe_all(struct wrg_trace *trace)
{
    uint8_t last =
        trace->audience == 0 && trace->divided ? WRG_TRACE_AUDIENCES - 1 : trace->audience;

    trace->divided &= trace->audience != 0;
    for (unsigned kind = 0; kind < WRG_NR_EVENTS; kind++)
        for (uint8_t i = trace->audience; i <= last; i++)
            trace->subs[i][kind][0].fn = NULL;
}

void wrg_trace_choose(struct wrg_trace *trace, uint8_t audience)
{
    WRG_ASSERT(audience < WRG_TRACE_AUDIENCES);
    trace->audience = audience;
    trace->divided |= audience != 0;
}

static void absorb(struct wrg_trace *trace, const void *bytes)
{
    trace->chain = wrg_digest_words(trace->chain, wrg_digest_turn(bytes), trace->lengths);
}

void wrg_trace_turn_payloads(struct wrg_trace *trace)
{
    absorb(trace, trace->payloads);
    trace->kept -= WRG_TRACE_KEPT;
    memcpy(trace->payloads, trace->payloads + WRG_TRACE_KEPT, trace->kept);
}

/* With zeros behind it up to a whole word. */
void wrg_trace_keep(struct wrg_trace *trace, const void *payload, uint32_t len)
{
    uint8_t *to = wrg_trace_room(trace);
    uint32_t rest = len % WORD;

    WRG_ASSERT(len <= WRG_TRACE_PAYLOAD_MAX);
    if (payload != to) /* else it was put together here */
        wrg_copy(to, payload, len);
    if (rest) {
        uint64_t word;
        memcpy(&word, to + len - rest, WORD);
        word &= (UINT64_C(1) << 8 * rest) - 1;
        memcpy(to + len - rest, &word, WORD);
    }
    trace->lengths = trace->lengths * WRG_TRACE_LENGTH_FACTOR + len;
    trace->kept += (len + WORD - 1) & ~(WORD - 1u);
    if (WRG_UNLIKELY(trace->kept >= WRG_TRACE_KEPT))
        wrg_trace_turn_payloads(trace);
}

void wrg_trace_turn(struct wrg_trace *trace)
{
    trace->turns++;
    trace->next = trace->window;
    if (trace->hashing)
        absorb(trace, trace->window);
}

void wrg_trace_tap(struct wrg_trace *trace, wrg_trace_fn *fn, void *ctx)
{
    trace->tap = fn;
    trace->tap_ctx = ctx;
    trace->tapped = fn != NULL;
}

static void emit(struct wrg_trace *trace, const struct wrg_event *ev, const void *payload,
                 uint32_t len, uint32_t implied)
{
    struct wrg_event *to = wrg_trace_begin(trace);

    *to = *ev;
    if (trace->tapped)
        trace->tap(trace->tap_ctx, to, payload, len);
    if (!trace->divided) {
        wrg_trace_end(trace, (enum wrg_event_kind)to->kind, to, payload, len, implied);
        return;
    }
    if (++trace->next == trace->window + WRG_TRACE_WINDOW)
        wrg_trace_turn(trace);
    divide(trace, to, payload, len);
    if (len != implied && trace->hashing)
        wrg_trace_keep(trace, payload, len - implied);
}

void wrg_trace_emit(struct wrg_trace *trace, const struct wrg_event *ev, const void *payload,
                    uint32_t len, uint32_t implied)
{
    if (wrg_trace_has_finding(trace))
        return;
    if (trace->parallel)
        wrg_mutex_lock(&trace->lock);
    emit(trace, ev, payload, len, implied);
    if (trace->parallel)
        wrg_mutex_unlock(&trace->lock);
}

void wrg_trace_report(struct wrg_trace *trace, enum wrg_rule rule, const struct wrg_event *ev,
                      const char *format, ...)
{
    va_list args;

    if (wrg_trace_has_finding(trace))
        return;
    trace->finding.step = ev->step;
    trace->finding.role = ev->role;
    va_start(args, format);
    vsnprintf(trace->finding.detail, sizeof(trace->finding.detail), format, args);
    va_end(args);
    trace->finding.rule = rule;
    __atomic_store_n(&trace->over, true, __ATOMIC_RELAXED);
}

/* Events of the turn that is not hashed yet. */
static size_t unfinished(const struct wrg_trace *trace)
{
    return (size_t)(trace->next - trace->window);
}

uint64_t wrg_trace_hash(const struct wrg_trace *trace)
{
    uint64_t events = XXH3_64bits_withSeed(
        trace->window, unfinished(trace) * sizeof(*trace->window), trace->chain);
    uint64_t payloads = XXH3_64bits_withSeed(trace->payloads, trace->kept, trace->lengths);

    return wrg_digest_words(trace->chain, events, payloads);
}

void wrg_trace_save(const struct wrg_trace *trace, struct wrg_trace_saved *saved)
{
    saved->chain = trace->chain;
    saved->lengths = trace->lengths;
    saved->turns = trace->turns;
    saved->unfinished = (uint32_t)unfinished(trace);
    saved->kept = trace->kept;
    memcpy(saved->payloads, trace->payloads, trace->kept);
    memcpy(saved->window, trace->window, unfinished(trace) * sizeof(*trace->window));
}

void wrg_trace_restore(struct wrg_trace *trace, const struct wrg_trace_saved *saved)
{
    __atomic_store_n(&trace->over, false, __ATOMIC_RELAXED);
    trace->finding.rule = WRG_RULE_CLEAN;
    trace->finding.detail[0] = 0;
    trace->chain = saved->chain;
    trace->lengths = saved->lengths;
    trace->turns = saved->turns;
    trace->next = trace->window + saved->unfinished;
    trace->kept = saved->kept;
    memcpy(trace->payloads, saved->payloads, saved->kept);
    memcpy(trace->window, saved->window, unfinished(trace) * sizeof(*trace->window));
}
