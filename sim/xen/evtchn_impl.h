/* SPDX-License-Identifier: MIT */
/*
 * What the files of event channels share. Layer: xen, evtchn*.c only.
 */
#ifndef WRG_XEN_EVTCHN_IMPL_H
#define WRG_XEN_EVTCHN_IMPL_H

#include "xen/hypervisor.h"

#include <xen/xen.h>
#include <xen/event_channel.h>

/* A fresh port, or 0 when there is none left. */
uint32_t wrg_evtchn_take(struct wrg_domain *dom);
void wrg_evtchn_emit_open(struct wrg_xen *xen, const struct wrg_domain *dom, uint32_t port);
/* As many ports as ABI and limit allow. */
void wrg_evtchn_fit(struct wrg_evtchns *evtchns);
/* Delivery where it takes more than a step: queues of FIFO, or upcalls that are off. */
void wrg_evtchn_raise_slow(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn *chn);
/* Takes the port that the guest is to serve first out of its queue; NULL: no queue has any. */
struct wrg_evtchn *wrg_evtchn_fifo_next(struct wrg_evtchns *evtchns);
/* FIFO is switched off: no port is on a queue any more. */
void wrg_evtchn_fifo_forget(struct wrg_evtchns *evtchns);

static inline uint32_t wrg_evtchn_number(const struct wrg_evtchns *evtchns,
                                         const struct wrg_evtchn *chn)
{
    return (uint32_t)(chn - evtchns->ports);
}

/* One pending bit turns into one wake, and the port is held until its EOI. */
static inline void wrg_evtchn_hand_over(struct wrg_xen *xen, struct wrg_domain *dom,
                                        struct wrg_evtchn *chn)
{
    chn->pending = false;
    chn->held = WRG_EVTCHN_SERVED;
    dom->evtchns.events++;
    wrg_sched_wake(xen->sched, chn->task);
}

/* Delivers the port if it is pending and nothing holds it back. */
static inline void wrg_evtchn_raise(struct wrg_xen *xen, struct wrg_domain *dom,
                                    struct wrg_evtchn *chn)
{
    if (!chn->pending || chn->held)
        return;
    if (WRG_UNLIKELY(dom->evtchns.slow))
        wrg_evtchn_raise_slow(xen, dom, chn);
    else
        wrg_evtchn_hand_over(xen, dom, chn);
}

#endif
