/* SPDX-License-Identifier: MIT */
/*
 * Event channels: one pending bit a port, no data, no counting.
 *
 * What it is    Xen's table of ports of a domain, and the guest kernel's end of each: the task that
 *               an event wakes, and the late EOI that keeps the port masked until the driver is
 *               done.
 * Layer         xen
 * Bounds        ports 1..1022 of a domain (libxl's default limit); port 0 is never valid
 * Errors        -errno as Xen's event_channel_op gives them
 * Source        xen/event_channel.h
 * Left out      FIFO, VIRQs, PIRQs, IPIs, priorities, several virtual CPUs; delays of late EOI
 */
#ifndef WRG_XEN_EVTCHN_H
#define WRG_XEN_EVTCHN_H

#include <stdbool.h>
#include <stdint.h>

#include <wringer/port.h>

#include "base/slots.h"

#define WRG_EVTCHN_PORTS 1023

struct wrg_xen;
struct wrg_domain;

struct wrg_evtchn {
    uint8_t state; /* EVTCHNSTAT_closed, _unbound, _interdomain */
    bool pending, masked;
    bool in_service; /* delivered, and its EOI is outstanding */
    uint16_t remote_domid;
    uint16_t remote_port;
    uint8_t task; /* who is woken, 255: nobody listens */
};

struct wrg_evtchns {
    struct wrg_slots slots;
    uint64_t words[(WRG_EVTCHN_PORTS + 63) / 64];
    struct wrg_evtchn ports[WRG_EVTCHN_PORTS];
};

void wrg_evtchn_init(struct wrg_domain *dom);
int wrg_evtchn_alloc_unbound(struct wrg_xen *xen, struct wrg_domain *dom,
                             struct wrg_evtchn_alloc_unbound *args);
int wrg_evtchn_bind_interdomain(struct wrg_xen *xen, struct wrg_domain *dom,
                                struct wrg_evtchn_bind_interdomain *args);
int wrg_evtchn_listen(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_listen *args);
int wrg_evtchn_send(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_send *args);
int wrg_evtchn_mask(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_mask *args);
int wrg_evtchn_unmask(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_unmask *args);
int wrg_evtchn_eoi(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_eoi *args);
int wrg_evtchn_close(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_close *args);
int wrg_evtchn_status(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_status *args);
/* Closes all ports of a dead domain. */
void wrg_evtchn_close_all(struct wrg_xen *xen, struct wrg_domain *dom);

#endif
