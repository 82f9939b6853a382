/* SPDX-License-Identifier: MIT */
#include "xen/evtchn.h"

#include <errno.h>
#include <string.h>

#include <xen/xen.h>
#include <xen/event_channel.h>

#include "xen/hypervisor.h"

#define NOBODY 255

static struct wrg_evtchn *open_port(struct wrg_domain *dom, uint32_t port)
{
    if (port == 0 || port >= WRG_EVTCHN_PORTS || !wrg_slots_is_taken(&dom->evtchns.slots, port))
        return NULL;
    return &dom->evtchns.ports[port];
}

void wrg_evtchn_init(struct wrg_domain *dom)
{
    wrg_slots_init(&dom->evtchns.slots, dom->evtchns.words, WRG_EVTCHN_PORTS);
    (void)wrg_slots_take(&dom->evtchns.slots); /* port 0 is never valid */
}

/* The guest's upcall: one pending bit turns into one wake, and stays masked until the EOI. */
static void deliver(struct wrg_xen *xen, struct wrg_evtchn *chn)
{
    if (!chn->pending || chn->masked || chn->in_service || chn->task == NOBODY)
        return;
    chn->pending = false;
    chn->in_service = true;
    wrg_sched_wake(xen->sched, chn->task);
}

static uint32_t take_port(struct wrg_domain *dom)
{
    uint32_t port = wrg_slots_take(&dom->evtchns.slots);

    if (port != WRG_SLOTS_NONE)
        dom->evtchns.ports[port] = (struct wrg_evtchn){ .task = NOBODY };
    return port;
}

static void emit_open(struct wrg_xen *xen, const struct wrg_domain *dom, uint32_t port)
{
    const struct wrg_evtchn *chn = &dom->evtchns.ports[port];

    wrg_xen_emit(xen, .kind = WRG_EV_EVTCHN_OPEN, .role = dom->role, .a = port,
                 .b = chn->remote_port, .c = chn->remote_domid);
}

int wrg_evtchn_alloc_unbound(struct wrg_xen *xen, struct wrg_domain *dom,
                             struct wrg_evtchn_alloc_unbound *args)
{
    if (!wrg_xen_domain(xen, args->remote_domid))
        return -ESRCH;
    uint32_t port = take_port(dom);
    if (port == WRG_SLOTS_NONE)
        return -ENOSPC;
    dom->evtchns.ports[port].state = EVTCHNSTAT_unbound;
    dom->evtchns.ports[port].remote_domid = args->remote_domid;
    args->evtchn = port;
    emit_open(xen, dom, port);
    return 0;
}

int wrg_evtchn_bind_interdomain(struct wrg_xen *xen, struct wrg_domain *dom,
                                struct wrg_evtchn_bind_interdomain *args)
{
    struct wrg_domain *remote = wrg_xen_domain(xen, args->remote_domid);

    if (!remote)
        return -ESRCH;
    struct wrg_evtchn *theirs = open_port(remote, args->remote_evtchn);
    if (!theirs || theirs->state != EVTCHNSTAT_unbound || theirs->remote_domid != dom->domid)
        return -EINVAL;
    uint32_t port = take_port(dom);
    if (port == WRG_SLOTS_NONE)
        return -ENOSPC;
    struct wrg_evtchn *ours = &dom->evtchns.ports[port];
    ours->state = theirs->state = EVTCHNSTAT_interdomain;
    ours->remote_domid = remote->domid;
    ours->remote_port = (uint16_t)args->remote_evtchn;
    theirs->remote_port = (uint16_t)port;
    /* An event may have come before the binding: the new port starts pending. */
    ours->pending = true;
    args->evtchn = port;
    emit_open(xen, dom, port);
    return 0;
}

int wrg_evtchn_listen(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_listen *args)
{
    struct wrg_evtchn *chn = open_port(dom, args->evtchn);

    if (!chn)
        return -EINVAL;
    chn->task = (uint8_t)args->task;
    deliver(xen, chn);
    return 0;
}

int wrg_evtchn_send(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_send *args)
{
    struct wrg_evtchn *chn = open_port(dom, args->evtchn);
    bool fresh = false;

    if (!chn)
        return -EINVAL;
    if (chn->state == EVTCHNSTAT_interdomain) { /* unbound: silently dropped */
        struct wrg_evtchn *theirs =
            &xen->domains[chn->remote_domid].evtchns.ports[chn->remote_port];
        fresh = !theirs->pending;
        theirs->pending = true;
        deliver(xen, theirs);
    }
    wrg_xen_emit(xen, .kind = WRG_EV_EVTCHN_SEND, .role = dom->role, .a = args->evtchn, .b = fresh);
    return 0;
}

int wrg_evtchn_mask(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_mask *args)
{
    struct wrg_evtchn *chn = open_port(dom, args->evtchn);

    (void)xen;
    if (!chn)
        return -EINVAL;
    chn->masked = true;
    return 0;
}

int wrg_evtchn_unmask(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_unmask *args)
{
    struct wrg_evtchn *chn = open_port(dom, args->evtchn);

    if (!chn)
        return -EINVAL;
    chn->masked = false;
    deliver(xen, chn);
    return 0;
}

int wrg_evtchn_eoi(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_eoi *args)
{
    struct wrg_evtchn *chn = open_port(dom, args->evtchn);

    if (!chn)
        return -EINVAL;
    wrg_xen_emit(xen, .kind = WRG_EV_EVTCHN_EOI, .role = dom->role, .a = args->evtchn,
                 .b = args->spurious);
    chn->in_service = false;
    deliver(xen, chn);
    return 0;
}

int wrg_evtchn_close(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_close *args)
{
    struct wrg_evtchn *chn = open_port(dom, args->evtchn);

    if (!chn)
        return -EINVAL;
    if (chn->state == EVTCHNSTAT_interdomain) {
        /* The peer falls back to unbound, for the closer's domain. */
        struct wrg_evtchn *theirs =
            &xen->domains[chn->remote_domid].evtchns.ports[chn->remote_port];
        theirs->state = EVTCHNSTAT_unbound;
        theirs->remote_domid = dom->domid;
        theirs->remote_port = 0;
    }
    memset(chn, 0, sizeof(*chn));
    wrg_slots_put(&dom->evtchns.slots, args->evtchn);
    wrg_xen_emit(xen, .kind = WRG_EV_EVTCHN_CLOSE, .role = dom->role, .a = args->evtchn);
    return 0;
}

int wrg_evtchn_status(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_status *args)
{
    const struct wrg_evtchn *chn = open_port(dom, args->evtchn);

    (void)xen;
    args->status = chn ? chn->state : EVTCHNSTAT_closed;
    return args->evtchn == 0 || args->evtchn >= WRG_EVTCHN_PORTS ? -EINVAL : 0;
}

void wrg_evtchn_close_all(struct wrg_xen *xen, struct wrg_domain *dom)
{
    for (uint32_t port = 1; port < WRG_EVTCHN_PORTS; port++) {
        struct wrg_evtchn_close args = { .evtchn = port };
        if (open_port(dom, port))
            (void)wrg_evtchn_close(xen, dom, &args);
    }
}
