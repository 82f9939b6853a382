/* SPDX-License-Identifier: MIT */
/*
 * The simulated Xen as a whole: memory, domains, grants, events, store, and who is told.
 *
 * Layer         xen; driven by guest (the port), toolstack and world
 * Bounds        WRG_DOMAINS domains; the front's gets the bulk of memory
 * Threads       fiber engine: one task at a time. Thread engine: every call below runs under
 *               xen->lock, which is never held while an endpoint touches shared memory
 * Errors        -errno and GNTST_* as real Xen gives them
 */
#ifndef WRG_XEN_HYPERVISOR_H
#define WRG_XEN_HYPERVISOR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <wringer/page.h>
#include <wringer/port.h>

#include "base/base.h"
#include "base/mutex.h"
#include "base/slots.h"
#include "fault/fault.h"
#include "sched/sched.h"
#include "trace/trace.h"
#include "xen/evtchn.h"
#include "xen/fetch.h"
#include "xen/gnttab.h"
#include "xen/memory.h"
#include "store/xenstore.h"

enum { /* domids; the table is indexed by them */
       WRG_DOM_TOOLSTACK = 0,
       WRG_DOM_FRONT = 1,
       WRG_DOM_BACK = 2,
       WRG_DOM_STRANGER = 3,
       WRG_DOM_GUEST = 4, /* the first of the guests beside the front's domain */
       WRG_GUESTS_MAX = 4,
       WRG_DOMAINS = WRG_DOM_GUEST + WRG_GUESTS_MAX - 1
};

struct wrg_domain {
    uint16_t domid;
    bool alive;
    uint8_t role;   /* enum wrg_role its actions are traced under */
    uint8_t voices; /* a bit for each whom tasks of this domain speak for */
    uint32_t first_frame, nframes;
    /* Address space: own pages at [0, nframes), mappings at [nframes, nviews). */
    struct wrg_view *views;
    uint32_t nviews;
    struct wrg_fetch_spots spots;
    struct wrg_slots own;      /* over nframes */
    struct wrg_slots mappings; /* over nviews - nframes: maptrack */
    struct wrg_gnttab gnttab;
    struct wrg_evtchns evtchns;
    uint16_t xs_conn;
};

struct wrg_xen {
    struct wrg_memory memory;
    uint16_t ndomains; /* that there are: up to WRG_DOMAINS */
    struct wrg_domain domains[WRG_DOMAINS];
    struct wrg_fetch fetch;
    struct wrg_xenstore *store;
    struct wrg_sched *sched;
    struct wrg_trace *trace;
    struct wrg_fault *fault;
    bool parallel;
    bool faults_for_all;   /* they hit tasks that speak for any device, not for the first alone */
    struct wrg_mutex lock; /* thread engine */
};

struct wrg_xen_limits {
    uint32_t frames;
    uint32_t back_frames; /* of them, for the back beyond the few that any driver needs */
    uint32_t mappings;    /* of the back's domain */
    uint32_t guests;      /* the front's domain and more of its kind, each with a like share of the
                             memory; 0 means 1 */
    bool prefault;
};

WRG_MUST_USE int wrg_xen_init(struct wrg_xen *xen, const struct wrg_xen_limits *limits);
void wrg_xen_fini(struct wrg_xen *xen);
/*
 * Divides the same memory anew, for as many guests and with as much of it for the back as is now
 * asked for; the other limits stay. It is to be reset before its next use. After -ENOMEM it is good
 * for wrg_xen_fini only.
 */
WRG_MUST_USE int wrg_xen_reshape(struct wrg_xen *xen, const struct wrg_xen_limits *limits);
/* A world without guests: domains alive, nothing allocated, an empty store. */
void wrg_xen_reset(struct wrg_xen *xen);

struct wrg_xen_saved;
/* NULL: too much is in use for a snapshot. The caller frees it with wrg_xen_saved_free. */
struct wrg_xen_saved *wrg_xen_save(struct wrg_xen *xen);
void wrg_xen_restore(struct wrg_xen *xen, const struct wrg_xen_saved *saved);
void wrg_xen_saved_free(struct wrg_xen_saved *saved);

/* Domain death: mappings are released, channels closed, the store told. */
void wrg_xen_kill_domain(struct wrg_xen *xen, uint16_t domid);

/*
 * The back's domain, which died, is built again: nothing is left of its memory, mappings and
 * channels, and it has a new connection to the store. -ENOMEM: the store has no room for that.
 */
WRG_MUST_USE int wrg_xen_build_back(struct wrg_xen *xen);

static inline void wrg_xen_lock(struct wrg_xen *xen)
{
    if (xen->parallel)
        wrg_mutex_lock(&xen->lock);
}
static inline void wrg_xen_unlock(struct wrg_xen *xen)
{
    if (xen->parallel)
        wrg_mutex_unlock(&xen->lock);
}

static inline struct wrg_domain *wrg_xen_domain(struct wrg_xen *xen, uint16_t domid)
{
    return domid < xen->ndomains && xen->domains[domid].alive ? &xen->domains[domid] : NULL;
}

/* Emits an event of a domain; does not return if a checker reports a finding inside of a task. */
struct wrg_xen_event {
    enum wrg_event_kind kind;
    uint8_t role;
    uint32_t a, b;
    uint64_t c, d;
    const void *payload;
    uint32_t len;
    uint32_t implied; /* so many bytes at the end follow from other events */
};
/* Ends the run if the event was reported, unless no task does it. */
void wrg_xen_emit_finding(struct wrg_xen *xen);

/* Whom the caller speaks for: the number of a device. */
static inline unsigned wrg_xen_voice(const struct wrg_xen *xen)
{
    const struct wrg_sched *sched = xen->sched;

    if (WRG_LIKELY(sched->cur))
        return sched->cur->voice;
    int task = xen->parallel ? wrg_sched_current(sched) : WRG_TASK_NONE;
    return task == WRG_TASK_NONE ? sched->voice : sched->tasks[task].voice;
}

/* As whom its calls count for faults, which may hit all as if they were the first device's. */
static inline uint8_t wrg_xen_fault_row(const struct wrg_xen *xen, const struct wrg_domain *dom)
{
    unsigned device = wrg_xen_voice(xen);

    return WRG_UNLIKELY(device) && !xen->faults_for_all ? wrg_fault_row(device, dom->role)
                                                        : dom->role;
}

/* With anything unusual. */
void wrg_xen_emit_slowly(struct wrg_xen *xen, const struct wrg_event *event, const void *payload,
                         uint32_t len, uint32_t implied);

/* By value, and inline: the operands are written to where the trace keeps the event. */
__attribute__((always_inline)) static inline void wrg_xen_emit_on(struct wrg_xen *xen,
                                                                  const struct wrg_xen_event event)
{
    const struct wrg_sched *sched = xen->sched;
    struct wrg_trace *trace = xen->trace;

    if (WRG_UNLIKELY(!wrg_trace_is_usual(trace))) {
        const struct wrg_event copy = { .kind = (uint16_t)event.kind,
                                        .role = event.role,
                                        .a = event.a,
                                        .b = event.b,
                                        .c = event.c,
                                        .d = event.d };
        wrg_xen_emit_slowly(xen, &copy, event.payload, event.len, event.implied);
        return;
    }
    struct wrg_event *ev = wrg_trace_begin(trace);
    const uint32_t head =
        (uint32_t)event.kind | (uint32_t)event.role << WRG_EVENT_ROLE_SHIFT | sched->stamp;
    memcpy(ev, &head, sizeof(head));
    ev->step = (uint32_t)sched->steps;
    ev->a = event.a;
    ev->b = event.b;
    ev->c = event.c;
    ev->d = event.d;
    wrg_trace_end(trace, event.kind, ev, event.payload, event.len, event.implied);
    if (WRG_UNLIKELY(trace->over))
        wrg_xen_emit_finding(xen);
}

#define wrg_xen_emit(xen, ...)                                                                     \
    do {                                                                                           \
        if ((xen)->trace->on)                                                                      \
            wrg_xen_emit_on((xen), (struct wrg_xen_event){ __VA_ARGS__ });                         \
    } while (0)

/* ---- pages (page.c) ---- */

enum wrg_fill { WRG_FILL_SECRET, WRG_FILL_ZERO, WRG_FILL_LATER /* by the caller, all of it */ };
/* Pages of one's own, neighbours. WRG_NO_PAGE when memory is used up. */
uint32_t wrg_xen_page_alloc(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t count,
                            enum wrg_fill fill);
void wrg_xen_page_free(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t page, uint32_t count);
/* The view behind a handle, or NULL if the handle is not valid (any more). */
static inline struct wrg_view *wrg_xen_view(const struct wrg_domain *dom, uint32_t page)
{
    uint32_t slot = page & WRG_VIEW_MASK;

    if (slot >= dom->nviews || dom->views[slot].handle != page || !dom->views[slot].base)
        return NULL;
    return &dom->views[slot];
}
/* The long way of an access of an endpoint: instrumented, straddling, or wrong. */
void wrg_xen_access(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_access *access);
/* Hardware, or a committed hostile store: memory without preemption, judgement or marks. */
void wrg_xen_peek(struct wrg_xen *xen, uint32_t frame, uint32_t off, void *dst, uint32_t len);
void wrg_xen_patch(struct wrg_xen *xen, uint32_t frame, uint32_t off, const void *src,
                   uint32_t len);
/*
 * The bytes of a page for a transfer by a device, or NULL after telling the checkers that the
 * handle is not valid, not writable, or the range is not within one page.
 */
uint8_t *wrg_xen_dma(struct wrg_xen *xen, struct wrg_domain *dom, const struct wrg_vec *vec,
                     bool write);

#endif
