/* SPDX-License-Identifier: MIT */
/*
 * The FIFO ABI, and delivery while upcalls are off.
 *
 * What it is    Queues of pending ports, one for each virtual CPU and priority, and the event words
 *               as a guest would read them. Ports are linked when they are raised and leave the
 *               queue when the guest takes them, in order of priority and then of arrival; with the
 *               2-level ABI they are taken in order of their numbers.
 * Layer         xen
 * Bounds        131,072 ports, of which those can be raised for which the guest has given pages of
 *               1024 event words; 16 priorities, 0 is served first, a new port has 7
 * Source        xen/event_channel.h: event_word_t, evtchn_fifo_control_block
 * Left out      the pages behind control blocks and arrays are checked, and not written
 */
#include <errno.h>
#include <string.h>

#include "xen/evtchn_impl.h"

#define WORDS_PER_PAGE (WRG_PAGE_SIZE / sizeof(event_word_t))

/* ---- queues ---- */

static bool has_word(const struct wrg_evtchns *evtchns, uint32_t port)
{
    return evtchns->fifo_on && port < evtchns->fifo.array_ports;
}

static void link_port(struct wrg_evtchns *evtchns, struct wrg_evtchn *chn)
{
    struct wrg_evtchn_fifo *fifo = &evtchns->fifo;
    struct wrg_evtchn_queue *queue = &fifo->queues[chn->vcpu][chn->priority];
    uint32_t port = wrg_evtchn_number(evtchns, chn);

    /* Without a word the pending bit waits for the page, without a control block for an unmask. */
    if (chn->linked || !has_word(evtchns, port) || !(fifo->control >> chn->vcpu & 1))
        return;
    chn->linked = 1;
    chn->link = 0;
    if (queue->tail)
        evtchns->ports[queue->tail].link = port & EVTCHN_FIFO_LINK_MASK;
    else
        queue->head = port;
    queue->tail = port;
    fifo->ready[chn->vcpu] |= 1u << chn->priority;
}

struct wrg_evtchn *wrg_evtchn_fifo_next(struct wrg_evtchns *evtchns)
{
    struct wrg_evtchn_fifo *fifo = &evtchns->fifo;
    unsigned vcpu = 0;

    while (vcpu < WRG_EVTCHN_VCPUS && !fifo->ready[vcpu])
        vcpu++;
    if (vcpu == WRG_EVTCHN_VCPUS)
        return NULL;
    unsigned priority = (unsigned)__builtin_ctz(fifo->ready[vcpu]);
    struct wrg_evtchn_queue *queue = &fifo->queues[vcpu][priority];
    struct wrg_evtchn *chn = &evtchns->ports[queue->head];

    queue->head = chn->link;
    if (!queue->head) {
        queue->tail = 0;
        fifo->ready[vcpu] &= ~(1u << priority);
    }
    chn->linked = chn->link = 0;
    return chn;
}

/* ---- upcalls ---- */

/* A port that was masked or closed while it stood in the queue just leaves it. */
static void take_if_raised(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn *chn)
{
    uint32_t port = wrg_evtchn_number(&dom->evtchns, chn);

    if (wrg_evtchn_at(&dom->evtchns, port) && chn->pending && !chn->held)
        wrg_evtchn_hand_over(xen, dom, chn);
}

static void upcall(struct wrg_xen *xen, struct wrg_domain *dom)
{
    struct wrg_evtchns *evtchns = &dom->evtchns;
    uint32_t high = wrg_slots_high(&evtchns->slots);
    struct wrg_evtchn *chn;

    while (evtchns->fifo_on && (chn = wrg_evtchn_fifo_next(evtchns)))
        take_if_raised(xen, dom, chn);
    for (uint32_t port = 1; !evtchns->fifo_on && port < high; port++)
        take_if_raised(xen, dom, &evtchns->ports[port]);
}

void wrg_evtchn_raise_slow(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn *chn)
{
    if (dom->evtchns.fifo_on)
        link_port(&dom->evtchns, chn);
    if (!dom->evtchns.upcalls_off)
        upcall(xen, dom);
}

void wrg_evtchn_set_upcalls(struct wrg_xen *xen, struct wrg_domain *dom, bool on)
{
    dom->evtchns.upcalls_off = !on;
    dom->evtchns.slow = !on || dom->evtchns.fifo_on;
    if (on)
        upcall(xen, dom);
}

/* ---- event_channel_op ---- */

void wrg_evtchn_fifo_forget(struct wrg_evtchns *evtchns)
{
    uint32_t high = wrg_slots_high(&evtchns->slots);

    for (uint32_t port = 0; port < high; port++)
        evtchns->ports[port].linked = evtchns->ports[port].link = 0;
    evtchns->fifo_on = false;
    evtchns->slow = evtchns->upcalls_off;
}

int wrg_evtchn_init_control(struct wrg_xen *xen, struct wrg_domain *dom,
                            struct wrg_evtchn_init_control *args)
{
    struct wrg_evtchns *evtchns = &dom->evtchns;

    args->link_bits = EVTCHN_FIFO_LINK_BITS;
    if (args->vcpu >= WRG_EVTCHN_VCPUS)
        return -ENOENT;
    if (args->offset > WRG_PAGE_SIZE - sizeof(evtchn_fifo_control_block_t) || args->offset % 8 ||
        !wrg_xen_view(dom, args->page) ||
        (evtchns->fifo_on && evtchns->fifo.control >> args->vcpu & 1))
        return -EINVAL;
    if (!evtchns->fifo_on) {
        memset(&evtchns->fifo, 0, sizeof(evtchns->fifo));
        evtchns->fifo_on = evtchns->slow = true;
        wrg_evtchn_fit(evtchns);
    }
    evtchns->fifo.control |= (uint8_t)(1u << args->vcpu);
    return 0;
}

int wrg_evtchn_expand_array(struct wrg_xen *xen, struct wrg_domain *dom,
                            struct wrg_evtchn_expand_array *args)
{
    struct wrg_evtchns *evtchns = &dom->evtchns;
    uint32_t first = evtchns->fifo.array_ports;

    if (!evtchns->fifo_on)
        return -EOPNOTSUPP;
    if (first >= WRG_EVTCHN_PORTS_FIFO)
        return -ENOSPC;
    if (!wrg_xen_view(dom, args->page))
        return -EINVAL;
    evtchns->fifo.array_ports = first + (uint32_t)WORDS_PER_PAGE;
    /* What was raised before there was a word for it. */
    for (uint32_t port = first; port < first + WORDS_PER_PAGE; port++) {
        struct wrg_evtchn *chn = wrg_evtchn_at(evtchns, port);
        if (chn)
            wrg_evtchn_raise(xen, dom, chn);
    }
    return 0;
}

int wrg_evtchn_set_priority(struct wrg_xen *xen, struct wrg_domain *dom,
                            struct wrg_evtchn_set_priority *args)
{
    struct wrg_evtchn *chn = wrg_evtchn_at(&dom->evtchns, args->evtchn);

    if (!chn)
        return -EINVAL;
    if (!dom->evtchns.fifo_on)
        return -ENOSYS;
    if (args->priority > EVTCHN_FIFO_PRIORITY_MIN)
        return -EINVAL;
    chn->priority = args->priority & 15u; /* a port that is queued stays where it is */
    return 0;
}

uint32_t wrg_evtchn_word(const struct wrg_domain *dom, uint32_t port)
{
    const struct wrg_evtchns *evtchns = &dom->evtchns;

    if (port == 0 || port >= evtchns->slots.count || !has_word(evtchns, port))
        return 0;
    const struct wrg_evtchn *chn = &evtchns->ports[port];
    return (uint32_t)chn->pending << EVTCHN_FIFO_PENDING |
           (uint32_t)(chn->held != 0) << EVTCHN_FIFO_MASKED |
           (uint32_t)chn->linked << EVTCHN_FIFO_LINKED | chn->link;
}
