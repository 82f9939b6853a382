/* SPDX-License-Identifier: MIT */
#include "trace/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/digest.h"

enum { BLOCKS_A_TURN = WRG_TRACE_WINDOW * sizeof(struct wrg_event) / WRG_DIGEST_BYTES };

WRG_STATIC_ASSERT(sizeof(struct wrg_event) == 32, "events are hashed as bytes");
WRG_STATIC_ASSERT(WRG_TRACE_WINDOW * sizeof(struct wrg_event) % WRG_DIGEST_BYTES == 0,
                  "a turn is hashed in whole blocks");

void wrg_trace_init(struct wrg_trace *trace)
{
    memset(trace, 0, sizeof(*trace));
    pthread_mutex_init(&trace->lock, NULL);
}

void wrg_trace_fini(struct wrg_trace *trace)
{
    pthread_mutex_destroy(&trace->lock);
}

void wrg_trace_reset(struct wrg_trace *trace)
{
    trace->finding.rule = WRG_RULE_CLEAN;
    trace->finding.detail[0] = 0;
    trace->count = 0;
    trace->chain = 0;
}

void wrg_trace_subscribe(struct wrg_trace *trace, enum wrg_event_kind kind, wrg_trace_fn *fn,
                         void *ctx)
{
    uint8_t n = trace->nsubs[kind];

    WRG_ASSERT(n < WRG_TRACE_SUBSCRIBERS_MAX);
    trace->subs[kind][n].fn = fn;
    trace->subs[kind][n].ctx = ctx;
    trace->nsubs[kind] = (uint8_t)(n + 1);
}

void wrg_trace_unsubscribe_all(struct wrg_trace *trace)
{
    memset(trace->nsubs, 0, sizeof(trace->nsubs));
}

/* Once in 64 events: kept out of the way of the others. */
__attribute__((noinline)) static void absorb_turn(struct wrg_trace *trace)
{
    uint64_t digests[BLOCKS_A_TURN];

    wrg_digest_sectors(trace->window, BLOCKS_A_TURN, digests);
    for (unsigned i = 0; i < BLOCKS_A_TURN; i += 2)
        trace->chain = wrg_digest_words(trace->chain, digests[i], digests[i + 1]);
}

void wrg_trace_end(struct wrg_trace *trace, const void *payload, uint32_t len)
{
    uint64_t count = trace->count++;
    const struct wrg_event *ev = &trace->window[count % WRG_TRACE_WINDOW];

    WRG_ASSERT(len <= WRG_TRACE_PAYLOAD_MAX && ev->kind < WRG_NR_EVENTS);
    if (trace->hashing) {
        if (len)
            trace->chain = wrg_digest_bytes(trace->chain, payload, len);
        if (count % WRG_TRACE_WINDOW == WRG_TRACE_WINDOW - 1)
            absorb_turn(trace);
    }
    if (WRG_UNLIKELY(trace->tap))
        trace->tap(trace->tap_ctx, ev, payload, len);
    const struct wrg_trace_sub *sub = trace->subs[ev->kind];
    for (const struct wrg_trace_sub *end = sub + trace->nsubs[ev->kind]; sub < end; sub++)
        sub->fn(sub->ctx, ev, payload, len);
    if (WRG_UNLIKELY(trace->parallel))
        pthread_mutex_unlock(&trace->lock);
}

void wrg_trace_emit(struct wrg_trace *trace, const struct wrg_event *ev, const void *payload,
                    uint32_t len)
{
    struct wrg_event *to = wrg_trace_begin(trace);

    if (!to)
        return;
    *to = *ev;
    wrg_trace_end(trace, payload, len);
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
}

/* Events of the turn that is not hashed yet. */
static size_t unfinished(const struct wrg_trace *trace)
{
    return trace->count % WRG_TRACE_WINDOW;
}

uint64_t wrg_trace_hash(const struct wrg_trace *trace)
{
    return XXH3_64bits_withSeed(trace->window, unfinished(trace) * sizeof(*trace->window),
                                trace->chain);
}

void wrg_trace_save(const struct wrg_trace *trace, struct wrg_trace_saved *saved)
{
    saved->chain = trace->chain;
    saved->count = trace->count;
    memcpy(saved->window, trace->window, unfinished(trace) * sizeof(*trace->window));
}

void wrg_trace_restore(struct wrg_trace *trace, const struct wrg_trace_saved *saved)
{
    trace->finding.rule = WRG_RULE_CLEAN;
    trace->finding.detail[0] = 0;
    trace->chain = saved->chain;
    trace->count = saved->count;
    memcpy(trace->window, saved->window, unfinished(trace) * sizeof(*trace->window));
}
