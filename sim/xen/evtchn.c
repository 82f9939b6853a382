/* SPDX-License-Identifier: MIT */
#include "xen/evtchn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "xen/evtchn_impl.h"

WRG_STATIC_ASSERT(WRG_EVTCHN_PORTS_FIFO == EVTCHN_FIFO_NR_CHANNELS &&
                      WRG_EVTCHN_PRIORITIES == EVTCHN_FIFO_MAX_QUEUES,
                  "ports and priorities are those of the public header");
WRG_STATIC_ASSERT(WRG_SCHED_TASKS <= WRG_EVTCHN_NOBODY, "a task's id has 8 bits");

#define TABLE_BYTES (WRG_EVTCHN_PORTS_FIFO * sizeof(struct wrg_evtchn))

/* ---- ports ---- */

uint32_t wrg_evtchn_take(struct wrg_domain *dom)
{
    uint32_t port = wrg_slots_take(&dom->evtchns.slots);

    if (port == WRG_SLOTS_NONE)
        return 0;
    struct wrg_evtchn *chn = &dom->evtchns.ports[port];
    struct wrg_evtchn fresh = { .task = WRG_EVTCHN_NOBODY,
                                .held = WRG_EVTCHN_UNHEARD,
                                .priority = EVTCHN_FIFO_PRIORITY_DEFAULT };
    /* A port may still stand in a queue that its last owner has not read. */
    if (WRG_UNLIKELY(dom->evtchns.fifo_on)) {
        fresh.linked = chn->linked;
        fresh.link = chn->link;
    }
    *chn = fresh;
    return port;
}

void wrg_evtchn_emit_open(struct wrg_xen *xen, const struct wrg_domain *dom, uint32_t port)
{
    const struct wrg_evtchn *chn = &dom->evtchns.ports[port];

    wrg_xen_emit(xen, .kind = WRG_EV_EVTCHN_OPEN, .role = dom->role, .a = port,
                 .b = chn->remote_port, .c = chn->remote_domid);
}

/* Others' ports are the toolstack's to ask for; 0 means one's own, as DOMID_SELF does. */
static int target_of(struct wrg_xen *xen, struct wrg_domain *dom, uint16_t domid,
                     struct wrg_domain **target)
{
    *target = dom;
    if (domid == 0 || domid == DOMID_SELF || domid == dom->domid)
        return 0;
    *target = wrg_xen_domain(xen, domid);
    if (!*target)
        return -ESRCH;
    return dom->domid == WRG_DOM_TOOLSTACK ? 0 : -EPERM;
}

int wrg_evtchn_alloc_unbound(struct wrg_xen *xen, struct wrg_domain *dom,
                             struct wrg_evtchn_alloc_unbound *args)
{
    struct wrg_domain *owner;
    int result = target_of(xen, dom, args->domid, &owner);

    if (result)
        return result;
    uint32_t port = wrg_evtchn_take(owner);
    if (!port)
        return -ENOSPC;
    struct wrg_evtchn *chn = &owner->evtchns.ports[port];
    chn->state = EVTCHNSTAT_unbound;
    chn->remote_domid = args->remote_domid == DOMID_SELF ? dom->domid : args->remote_domid;
    args->evtchn = port;
    wrg_evtchn_emit_open(xen, owner, port);
    return 0;
}

/* Whether the port waits for this domain. */
static bool waits_for(const struct wrg_evtchn *theirs, const struct wrg_domain *dom)
{
    return theirs && (theirs->state & ~WRG_EVTCHN_OF_XEN) == EVTCHNSTAT_unbound &&
           theirs->remote_domid == dom->domid;
}

int wrg_evtchn_bind_interdomain(struct wrg_xen *xen, struct wrg_domain *dom,
                                struct wrg_evtchn_bind_interdomain *args)
{
    uint16_t domid = args->remote_domid == DOMID_SELF ? dom->domid : args->remote_domid;
    struct wrg_domain *remote = wrg_xen_domain(xen, domid);

    if (!remote)
        return -ESRCH;
    struct wrg_evtchn *theirs = wrg_evtchn_at(&remote->evtchns, args->remote_evtchn);
    if (!waits_for(theirs, dom))
        return -EINVAL;
    uint32_t port = wrg_evtchn_take(dom);
    if (!port)
        return -ENOSPC;
    struct wrg_evtchn *ours = &dom->evtchns.ports[port];
    ours->state = EVTCHNSTAT_interdomain;
    theirs->state = (theirs->state & WRG_EVTCHN_OF_XEN) | EVTCHNSTAT_interdomain;
    ours->remote_domid = remote->domid;
    ours->remote_port = args->remote_evtchn;
    theirs->remote_port = port;
    /* An event may have come before the binding: the new port starts pending. */
    ours->pending = true;
    args->evtchn = port;
    wrg_evtchn_emit_open(xen, dom, port);
    return 0;
}

/* ---- events ---- */

int wrg_evtchn_listen(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_listen *args)
{
    struct wrg_evtchn *chn = wrg_evtchn_at(&dom->evtchns, args->evtchn);

    if (!chn || args->task >= WRG_SCHED_TASKS)
        return -EINVAL;
    chn->task = (uint8_t)args->task;
    wrg_evtchn_release(xen, dom, args->evtchn, WRG_EVTCHN_UNHEARD);
    return 0;
}

/* A port without a peer. An IPI raises itself, whoever waits for a peer loses the event. */
static int send_alone(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn *chn,
                      bool *fresh)
{
    if (chn->state == EVTCHNSTAT_unbound)
        return 0;
    if (chn->state != EVTCHNSTAT_ipi)
        return -EINVAL;
    *fresh = !chn->pending;
    chn->pending = true;
    wrg_evtchn_raise(xen, dom, chn);
    return 0;
}

int wrg_evtchn_send(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_send *args)
{
    struct wrg_evtchn *chn = wrg_evtchn_at(&dom->evtchns, args->evtchn);
    bool fresh = false;

    if (!chn)
        return -EINVAL;
    if (WRG_LIKELY(chn->state == EVTCHNSTAT_interdomain)) {
        struct wrg_domain *remote = &xen->domains[chn->remote_domid];
        struct wrg_evtchn *theirs = &remote->evtchns.ports[chn->remote_port];
        fresh = !theirs->pending;
        theirs->pending = true;
        wrg_evtchn_raise(xen, remote, theirs);
    } else {
        int result = send_alone(xen, dom, chn, &fresh);
        if (result)
            return result;
    }
    wrg_xen_emit(xen, .kind = WRG_EV_EVTCHN_SEND, .role = dom->role, .a = args->evtchn, .b = fresh);
    return 0;
}

int wrg_evtchn_mask(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_mask *args)
{
    struct wrg_evtchn *chn = wrg_evtchn_at(&dom->evtchns, args->evtchn);

    if (!chn)
        return -EINVAL;
    chn->held |= WRG_EVTCHN_MASKED;
    return 0;
}

int wrg_evtchn_unmask(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_unmask *args)
{
    if (!wrg_evtchn_at(&dom->evtchns, args->evtchn))
        return -EINVAL;
    wrg_evtchn_release(xen, dom, args->evtchn, WRG_EVTCHN_MASKED);
    return 0;
}

void wrg_evtchn_release(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t port,
                        enum wrg_evtchn_hold reason)
{
    struct wrg_evtchn *chn = &dom->evtchns.ports[port];

    chn->held &= (uint8_t)~reason;
    wrg_evtchn_raise(xen, dom, chn);
}

/* ---- the end of a port ---- */

/* The peer falls back to unbound, for the closer's domain: that is the one it waited for before. */
static void unbind_peer(struct wrg_xen *xen, const struct wrg_evtchn *chn)
{
    struct wrg_evtchn *theirs = &xen->domains[chn->remote_domid].evtchns.ports[chn->remote_port];

    theirs->state = (theirs->state & WRG_EVTCHN_OF_XEN) | EVTCHNSTAT_unbound;
    theirs->remote_port = 0;
}

static void close_port(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t port)
{
    struct wrg_evtchn *chn = &dom->evtchns.ports[port];
    struct wrg_evtchn closed = { .linked = chn->linked, .link = chn->link };

    if ((chn->state & ~WRG_EVTCHN_OF_XEN) == EVTCHNSTAT_interdomain)
        unbind_peer(xen, chn);
    *chn = closed; /* pending too: whoever gets the port next starts clean */
    wrg_slots_put(&dom->evtchns.slots, port);
    wrg_xen_emit(xen, .kind = WRG_EV_EVTCHN_CLOSE, .role = dom->role, .a = port);
}

int wrg_evtchn_close(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_close *args)
{
    const struct wrg_evtchn *chn = wrg_evtchn_at(&dom->evtchns, args->evtchn);

    if (!chn || chn->state & WRG_EVTCHN_OF_XEN)
        return -EINVAL;
    close_port(xen, dom, args->evtchn);
    return 0;
}

int wrg_evtchn_status(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_status *args)
{
    const struct wrg_evtchn *chn = wrg_evtchn_at(&dom->evtchns, args->evtchn);

    *args = (struct wrg_evtchn_status){ .evtchn = args->evtchn };
    if (args->evtchn == 0 || args->evtchn >= dom->evtchns.slots.count)
        return -EINVAL;
    if (!chn)
        return 0; /* EVTCHNSTAT_closed */
    args->status = chn->state & (uint8_t)~WRG_EVTCHN_OF_XEN;
    args->vcpu = chn->vcpu;
    args->remote_domid = chn->remote_domid;
    args->remote_evtchn = chn->remote_port;
    return 0;
}

int wrg_evtchn_reset(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_reset *args)
{
    struct wrg_domain *target;
    int result = target_of(xen, dom, args->domid, &target);

    if (result)
        return result;
    struct wrg_evtchns *evtchns = &target->evtchns;
    uint32_t high = wrg_slots_high(&evtchns->slots);
    for (uint32_t port = 1; port < high; port++) {
        struct wrg_evtchn_close close = { .evtchn = port };
        (void)wrg_evtchn_close(xen, target, &close); /* but for those of Xen */
    }
    if (evtchns->fifo_on) {
        wrg_evtchn_fifo_forget(evtchns);
        wrg_evtchn_fit(evtchns);
    }
    return 0;
}

void wrg_evtchn_close_all(struct wrg_xen *xen, struct wrg_domain *dom)
{
    uint32_t high = wrg_slots_high(&dom->evtchns.slots);

    for (uint32_t port = 1; port < high; port++)
        if (wrg_evtchn_at(&dom->evtchns, port))
            close_port(xen, dom, port);
}

/* ---- the table ---- */

static uint32_t capacity(const struct wrg_evtchns *evtchns)
{
    uint32_t ports = evtchns->words32 ? WRG_EVTCHN_PORTS_2L_32 : WRG_EVTCHN_PORTS_2L;

    if (evtchns->fifo_on)
        ports = WRG_EVTCHN_PORTS_FIFO;
    return evtchns->max_port < ports ? evtchns->max_port + 1 : ports;
}

/* The bits behind the end, in the last word, are never free. */
static void fence_off(struct wrg_slots *slots, bool on)
{
    uint64_t beyond = slots->count % 64 ? UINT64_MAX << (slots->count % 64) : 0;

    if (beyond && on)
        slots->words[slots->count / 64] |= beyond;
    else if (beyond)
        slots->words[slots->count / 64] &= ~beyond;
}

/* Ports beyond a new, lower end (those of Xen) are lost, as in Xen: it finds none there. */
void wrg_evtchn_fit(struct wrg_evtchns *evtchns)
{
    struct wrg_slots *slots = &evtchns->slots;
    uint32_t count = capacity(evtchns);
    size_t had = wrg_slots_words(slots->count);

    if (wrg_slots_words(count) > had)
        memset(slots->words + had, 0, (wrg_slots_words(count) - had) * sizeof(*slots->words));
    if (slots->touched > wrg_slots_words(count))
        slots->touched = (uint32_t)wrg_slots_words(count);
    slots->count = count;
    slots->hint = 0;
    fence_off(slots, true);
}

int wrg_evtchn_init(struct wrg_domain *dom)
{
    struct wrg_evtchns *evtchns = &dom->evtchns;
    void *table = mmap(NULL, TABLE_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (table == MAP_FAILED)
        return -ENOMEM;
    evtchns->ports = table;
    evtchns->slots.words = calloc(wrg_slots_words(WRG_EVTCHN_PORTS_FIFO), sizeof(uint64_t));
    if (!evtchns->slots.words)
        return -ENOMEM;
    wrg_evtchn_clear(dom);
    return 0;
}

void wrg_evtchn_fini(struct wrg_domain *dom)
{
    if (dom->evtchns.ports)
        munmap(dom->evtchns.ports, TABLE_BYTES);
    free(dom->evtchns.slots.words);
    dom->evtchns.ports = NULL;
    dom->evtchns.slots.words = NULL;
}

void wrg_evtchn_clear(struct wrg_domain *dom)
{
    struct wrg_evtchns *evtchns = &dom->evtchns;

    if (evtchns->fifo_on)
        wrg_evtchn_fifo_forget(evtchns);
    evtchns->events = 0;
    evtchns->upcalls_off = evtchns->slow = false;
    wrg_evtchn_configure(dom, WRG_EVTCHN_MAX_PORT, false);
}

void wrg_evtchn_configure(struct wrg_domain *dom, uint32_t max_port, bool words32)
{
    struct wrg_evtchns *evtchns = &dom->evtchns;

    evtchns->max_port = max_port;
    evtchns->words32 = words32;
    wrg_slots_init(&evtchns->slots, evtchns->slots.words, capacity(evtchns));
    (void)wrg_slots_take(&evtchns->slots); /* port 0 is never valid */
}

/* ---- snapshot ---- */

struct wrg_evtchns_saved {
    struct wrg_evtchns evtchns;
    struct wrg_slots_saved slots;
    uint64_t *words; /* behind the ports */
    uint32_t nports;
    struct wrg_evtchn ports[];
};

struct wrg_evtchns_saved *wrg_evtchn_save(const struct wrg_domain *dom)
{
    const struct wrg_evtchns *evtchns = &dom->evtchns;
    uint32_t nports = wrg_slots_high(&evtchns->slots);
    size_t ports = nports * sizeof(evtchns->ports[0]);
    size_t words = evtchns->slots.touched * sizeof(uint64_t);
    struct wrg_evtchns_saved *saved = malloc(sizeof(*saved) + ports + sizeof(uint64_t) + words);

    WRG_ASSERT(saved); /* while a world is being built, out of memory ends the program */
    uintptr_t behind = (uintptr_t)saved->ports + ports;
    saved->words = (uint64_t *)((behind + 7) & ~(uintptr_t)7);
    saved->evtchns = *evtchns;
    saved->nports = nports;
    wrg_slots_save(&evtchns->slots, &saved->slots, saved->words);
    memcpy(saved->ports, evtchns->ports, nports * sizeof(saved->ports[0]));
    return saved;
}

/* Ports that were opened since the save need no care: a port starts clean when it is taken. */
void wrg_evtchn_restore(struct wrg_domain *dom, const struct wrg_evtchns_saved *saved)
{
    struct wrg_evtchns *evtchns = &dom->evtchns;

    if (evtchns->fifo_on)
        wrg_evtchn_fifo_forget(evtchns);
    fence_off(&evtchns->slots, false);
    memcpy(evtchns->ports, saved->ports, saved->nports * sizeof(saved->ports[0]));
    wrg_slots_restore(&evtchns->slots, &saved->slots, saved->words);
    fence_off(&evtchns->slots, true);
    evtchns->events = saved->evtchns.events;
    evtchns->max_port = saved->evtchns.max_port;
    evtchns->words32 = saved->evtchns.words32;
    evtchns->upcalls_off = saved->evtchns.upcalls_off;
    evtchns->fifo_on = saved->evtchns.fifo_on;
    evtchns->slow = saved->evtchns.slow;
    if (evtchns->fifo_on)
        evtchns->fifo = saved->evtchns.fifo;
}

void wrg_evtchn_saved_free(struct wrg_evtchns_saved *saved)
{
    free(saved);
}
