/* SPDX-License-Identifier: MIT */
#include "trace/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

WRG_STATIC_ASSERT(sizeof(struct wrg_event) == 32, "events are hashed as bytes");

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

/* The words of a payload; a rest of less than a word counts as if zeros followed. */
static void absorb_payload(struct wrg_trace *trace, const uint8_t *payload, uint32_t len)
{
    uint64_t chain = trace->chain + len;
    uint64_t word;

    for (; len >= sizeof(word); payload += sizeof(word), len -= (uint32_t)sizeof(word)) {
        memcpy(&word, payload, sizeof(word));
        chain = (chain ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        chain ^= chain >> 29;
    }
    if (len) {
        word = 0;
        memcpy(&word, payload, len);
        chain = (chain ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        chain ^= chain >> 29;
    }
    trace->chain = chain;
}

static void deliver(struct wrg_trace *trace, const struct wrg_event *ev, const void *payload,
                    uint32_t len)
{
    trace->window[trace->count++ % WRG_TRACE_WINDOW] = *ev;
    if (trace->hashing) {
        if (len)
            absorb_payload(trace, payload, len);
        if (trace->count % WRG_TRACE_WINDOW == 0)
            trace->chain = XXH3_64bits_withSeed(trace->window, sizeof(trace->window), trace->chain);
    }
    if (trace->tap)
        trace->tap(trace->tap_ctx, ev, payload, len);
    for (uint8_t i = 0; i < trace->nsubs[ev->kind]; i++)
        trace->subs[ev->kind][i].fn(trace->subs[ev->kind][i].ctx, ev, payload, len);
}

void wrg_trace_emit(struct wrg_trace *trace, const struct wrg_event *ev, const void *payload,
                    uint32_t len)
{
    WRG_ASSERT(len <= WRG_TRACE_PAYLOAD_MAX && ev->kind < WRG_NR_EVENTS);
    /* After a finding the run is over: what its tasks still do is not judged. */
    if (wrg_trace_has_finding(trace))
        return;
    if (trace->parallel)
        pthread_mutex_lock(&trace->lock);
    deliver(trace, ev, payload, len);
    if (trace->parallel)
        pthread_mutex_unlock(&trace->lock);
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
