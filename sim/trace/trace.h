/* SPDX-License-Identifier: MIT */
/*
 * The event stream: what happens in a world goes through here, and everything else listens.
 *
 * What it is    A stream with subscribers, a running hash, a window of the last events, and the
 *               one place where a finding is reported.
 * Layer         trace
 * Bounds        8 subscribers an event kind, payloads of up to 128 bytes, a window of 64 events
 * Threads       fiber engine: one task at a time. Thread engine: emission is serialised by a lock
 *               that nobody holds across an access to shared memory; there is no hash
 * Errors        none: too many subscribers is a bug of ours
 * Left out      a file format of its own: stored traces are the events as they stand
 */
#ifndef WRG_TRACE_TRACE_H
#define WRG_TRACE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/base.h"
#include "base/mutex.h"
#include "vocab/events.h"
#include "vocab/rules.h"

#define WRG_TRACE_SUBSCRIBERS_MAX 8
#define WRG_TRACE_AUDIENCES       4
/* Above the role of an event: which audience it is for. */
#define WRG_TRACE_ROLE_BITS   WRG_EVENT_VOICE_BITS
#define WRG_TRACE_ROLE_MASK   3u
#define WRG_TRACE_PAYLOAD_MAX 128
#define WRG_TRACE_WINDOW      64
#define WRG_TRACE_KEPT        2048 /* bytes of payloads that are hashed at once */

typedef void wrg_trace_fn(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len);

struct wrg_finding {
    enum wrg_rule rule; /* WRG_RULE_CLEAN: none */
    uint32_t step;
    uint8_t role; /* who did it */
    char detail[160];
};

struct wrg_trace_sub {
    wrg_trace_fn *fn; /* NULL: those before it are all */
    void *ctx;
};

struct wrg_trace {
    bool on; /* nobody listens otherwise, and nothing is emitted */
    bool hashing;
    uint8_t audience; /* of those who subscribe now */
    union {           /* with any of these, an event goes the long way (wrg_trace_emit) */
        struct {
            bool parallel; /* thread engine */
            bool divided;  /* there is more than one audience */
            bool tapped;
            bool over; /* there is a finding */
        };
        uint32_t unusual;
    };
    struct wrg_trace_sub subs[WRG_TRACE_AUDIENCES][WRG_NR_EVENTS][WRG_TRACE_SUBSCRIBERS_MAX + 1];
    wrg_trace_fn *tap;
    void *tap_ctx;
    struct wrg_finding finding; /* the first one */
    uint64_t turns;             /* full ones of the window */
    struct wrg_event *next;     /* in it */
    /*
     * The last events, as a ring, a full turn of which is hashed at once. Likewise payloads, each
     * filled up to whole words with zeros, with room for one behind the last. So the state of the
     * hash is two words, the events of the unfinished turn, and the payloads that are kept.
     */
    uint64_t chain;
    uint64_t lengths; /* of all payloads, mixed */
    uint32_t kept;    /* bytes */
    struct wrg_event window[WRG_TRACE_WINDOW];
    uint8_t payloads[WRG_TRACE_KEPT + WRG_TRACE_PAYLOAD_MAX + sizeof(uint64_t)];
    struct wrg_mutex lock; /* thread engine */
};

void wrg_trace_init(struct wrg_trace *trace);
/* Forgets what was seen, keeps who listens. */
void wrg_trace_reset(struct wrg_trace *trace);
void wrg_trace_subscribe(struct wrg_trace *trace, enum wrg_event_kind kind, wrg_trace_fn *fn,
                         void *ctx);
/* How many the audience that is chosen has. */
uint32_t wrg_trace_subscribers(const struct wrg_trace *trace, enum wrg_event_kind kind);
/* Of the audience that is chosen; of the first: of all, and it is the only one then. */
void wrg_trace_unsubscribe_all(struct wrg_trace *trace);
/*
 * Whoever subscribes from now on belongs to this audience. Each hears events of its own number,
 * with the bare role in them, and of deaths and births; the hash and the tap have all as they are.
 */
void wrg_trace_choose(struct wrg_trace *trace, uint8_t audience);

/* Sees all events before anybody else: recorders. NULL: nobody does. */
void wrg_trace_tap(struct wrg_trace *trace, wrg_trace_fn *fn, void *ctx);

/*
 * Where the payload of the next event may be put together before it begins: then it is not copied.
 * Not if `parallel`: others have the same place.
 */
static inline uint8_t *wrg_trace_room(struct wrg_trace *trace)
{
    return trace->payloads + trace->kept;
}

/*
 * Tells an event, if the run has no finding: then it is over, and what its tasks still do is not
 * judged. Call only if trace->on. payload may be NULL with len 0; its last `implied` bytes follow
 * from other events, so that the hash does without them.
 */
void wrg_trace_emit(struct wrg_trace *trace, const struct wrg_event *ev, const void *payload,
                    uint32_t len, uint32_t implied);

/*
 * The same with nothing unusual, for an event that is written where it stays: fill in all of what
 * begin returns, then end that. Between the two nothing else is emitted. The kind is told once
 * more, since it is a constant where events are made.
 */
static inline struct wrg_event *wrg_trace_begin(struct wrg_trace *trace);
static inline void wrg_trace_end(struct wrg_trace *trace, enum wrg_event_kind kind,
                                 const struct wrg_event *ev, const void *payload, uint32_t len,
                                 uint32_t implied);

/* A subscriber reports that a rule is broken. The first report counts and ends the run. */
void wrg_trace_report(struct wrg_trace *trace, enum wrg_rule rule, const struct wrg_event *ev,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Events so far. */
static inline uint64_t wrg_trace_count(const struct wrg_trace *trace)
{
    return trace->turns * WRG_TRACE_WINDOW + (uint64_t)(trace->next - trace->window);
}

static inline bool wrg_trace_has_finding(const struct wrg_trace *trace)
{
    return __atomic_load_n(&trace->over, __ATOMIC_RELAXED); /* on threads it is asked at any time */
}

static inline bool wrg_trace_is_usual(const struct wrg_trace *trace)
{
    return !__atomic_load_n(&trace->unusual, __ATOMIC_RELAXED);
}

/* A full turn of the window is hashed. */
void wrg_trace_turn(struct wrg_trace *trace);
/* Puts a payload behind those that are hashed next. */
void wrg_trace_keep(struct wrg_trace *trace, const void *payload, uint32_t len);
/* There are enough of them. */
void wrg_trace_turn_payloads(struct wrg_trace *trace);

/* A turn of the lengths of all payloads. */
#define WRG_TRACE_LENGTH_FACTOR UINT64_C(0x9e3779b97f4a7c15)

/* The same for whole words, of which there are as many as the compiler knows. */
__attribute__((always_inline)) static inline void wrg_trace_keep_words(struct wrg_trace *trace,
                                                                       const void *payload,
                                                                       uint32_t len)
{
    uint8_t *to = wrg_trace_room(trace);

    if (payload != to) /* else it was put together here */
        memcpy(to, payload, len);
    trace->lengths = trace->lengths * WRG_TRACE_LENGTH_FACTOR + len;
    trace->kept += len;
    if (WRG_UNLIKELY(trace->kept >= WRG_TRACE_KEPT))
        wrg_trace_turn_payloads(trace);
}

static inline void wrg_trace_tell(const struct wrg_trace_sub *sub, const struct wrg_event *ev,
                                  const void *payload, uint32_t len)
{
    for (; sub->fn; sub++)
        sub->fn(sub->ctx, ev, payload, len);
}

static inline struct wrg_event *wrg_trace_begin(struct wrg_trace *trace)
{
    return trace->next;
}

static inline void wrg_trace_end(struct wrg_trace *trace, enum wrg_event_kind kind,
                                 const struct wrg_event *ev, const void *payload, uint32_t len,
                                 uint32_t implied)
{
    WRG_ASSERT(kind < WRG_NR_EVENTS);
    if (WRG_UNLIKELY(++trace->next == trace->window + WRG_TRACE_WINDOW))
        wrg_trace_turn(trace);
    wrg_trace_tell(trace->subs[0][kind], ev, payload, len);
    if (len == implied || !trace->hashing)
        return;
    /* Last: the payload may lie where it is kept. */
    if (__builtin_constant_p(len - implied) && (len - implied) % sizeof(uint64_t) == 0)
        wrg_trace_keep_words(trace, payload, len - implied);
    else
        wrg_trace_keep(trace, payload, len - implied);
}

/* The hash of all events so far. */
uint64_t wrg_trace_hash(const struct wrg_trace *trace);

/* What a snapshot needs: the state of the hash, and the count. */
struct wrg_trace_saved {
    uint64_t chain, lengths, turns;
    uint32_t unfinished; /* events of the turn that is not full */
    uint32_t kept;
    struct wrg_event window[WRG_TRACE_WINDOW];
    uint8_t payloads[WRG_TRACE_KEPT];
};
void wrg_trace_save(const struct wrg_trace *trace, struct wrg_trace_saved *saved);
void wrg_trace_restore(struct wrg_trace *trace, const struct wrg_trace_saved *saved);

#endif
