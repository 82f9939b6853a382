/* SPDX-License-Identifier: MIT */
/*
 * Ports that are no channels between domains: virtual and physical interrupts, interrupts from one
 * virtual CPU to another, and those that Xen itself listens to. Layer: xen.
 */
#include <errno.h>

#include "xen/evtchn_impl.h"

#define PIRQS 256 /* that a domain may name at all */

/* VIRQs that come to one virtual CPU each; all others are the domain's. */
static bool virq_is_global(uint32_t virq)
{
    switch (virq) {
    case VIRQ_TIMER:
    case VIRQ_DEBUG:
    case VIRQ_XENOPROF:
    case VIRQ_XENPMU: return false;
    default: return true;
    }
}

/* The port that an interrupt is bound to, or 0. */
static uint32_t port_of(const struct wrg_domain *dom, uint8_t state, uint32_t number, uint32_t vcpu)
{
    uint32_t high = wrg_slots_high(&dom->evtchns.slots);

    for (uint32_t port = 1; port < high; port++) {
        const struct wrg_evtchn *chn = wrg_evtchn_at(&dom->evtchns, port);
        bool here = state == EVTCHNSTAT_pirq || virq_is_global(number);
        if (chn && chn->state == state && chn->remote_port == number && (here || chn->vcpu == vcpu))
            return port;
    }
    return 0;
}

static int open_port(struct wrg_xen *xen, struct wrg_domain *dom, const struct wrg_evtchn *want,
                     uint32_t *opened)
{
    uint32_t port = wrg_evtchn_take(dom);

    if (!port)
        return -ENOSPC;
    struct wrg_evtchn *chn = &dom->evtchns.ports[port];
    chn->state = want->state;
    chn->vcpu = want->vcpu;
    chn->remote_domid = dom->domid;
    chn->remote_port = want->remote_port;
    wrg_evtchn_emit_open(xen, dom, port);
    *opened = port;
    return 0;
}

int wrg_evtchn_bind_virq(struct wrg_xen *xen, struct wrg_domain *dom,
                         struct wrg_evtchn_bind_virq *args)
{
    const struct wrg_evtchn want = { .state = EVTCHNSTAT_virq,
                                     .vcpu = (uint8_t)args->vcpu,
                                     .remote_port = args->virq };

    if (args->virq >= NR_VIRQS || (virq_is_global(args->virq) && args->vcpu != 0))
        return -EINVAL;
    if (args->vcpu >= WRG_EVTCHN_VCPUS)
        return -ENOENT;
    if (port_of(dom, EVTCHNSTAT_virq, args->virq, args->vcpu))
        return -EEXIST;
    return open_port(xen, dom, &want, &args->evtchn);
}

int wrg_evtchn_bind_ipi(struct wrg_xen *xen, struct wrg_domain *dom,
                        struct wrg_evtchn_bind_ipi *args)
{
    const struct wrg_evtchn want = { .state = EVTCHNSTAT_ipi, .vcpu = (uint8_t)args->vcpu };

    if (args->vcpu >= WRG_EVTCHN_VCPUS)
        return -ENOENT;
    return open_port(xen, dom, &want, &args->evtchn);
}

/* No device is passed through here: only the toolstack's domain owns interrupts of the machine. */
int wrg_evtchn_bind_pirq(struct wrg_xen *xen, struct wrg_domain *dom,
                         struct wrg_evtchn_bind_pirq *args)
{
    const struct wrg_evtchn want = { .state = EVTCHNSTAT_pirq, .remote_port = args->pirq };

    if (args->pirq >= PIRQS)
        return -EINVAL;
    if (dom->domid != WRG_DOM_TOOLSTACK)
        return -EPERM;
    if (port_of(dom, EVTCHNSTAT_pirq, args->pirq, 0))
        return -EEXIST;
    return open_port(xen, dom, &want, &args->evtchn);
}

int wrg_evtchn_bind_vcpu(struct wrg_xen *xen, struct wrg_domain *dom,
                         struct wrg_evtchn_bind_vcpu *args)
{
    struct wrg_evtchn *chn = wrg_evtchn_at(&dom->evtchns, args->evtchn);

    if (args->vcpu >= WRG_EVTCHN_VCPUS)
        return -ENOENT;
    if (!chn || chn->state & WRG_EVTCHN_OF_XEN || chn->state == EVTCHNSTAT_ipi ||
        (chn->state == EVTCHNSTAT_virq && !virq_is_global(chn->remote_port)))
        return -EINVAL;
    chn->vcpu = (uint8_t)args->vcpu;
    return 0;
}

int wrg_evtchn_alloc_for_xen(struct wrg_xen *xen, struct wrg_domain *dom, uint16_t remote_domid)
{
    uint32_t port = wrg_evtchn_take(dom);

    if (!port)
        return -ENOSPC;
    dom->evtchns.ports[port].state = WRG_EVTCHN_OF_XEN | EVTCHNSTAT_unbound;
    dom->evtchns.ports[port].remote_domid = remote_domid;
    wrg_evtchn_emit_open(xen, dom, port);
    return (int)port;
}

void wrg_evtchn_raise_virq(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t virq,
                           uint32_t vcpu)
{
    uint32_t port = port_of(dom, EVTCHNSTAT_virq, virq, vcpu);

    if (!port)
        return;
    dom->evtchns.ports[port].pending = true;
    wrg_evtchn_raise(xen, dom, &dom->evtchns.ports[port]);
}
