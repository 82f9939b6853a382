/* SPDX-License-Identifier: MIT */
/*
 * Event channels: one pending bit a port, no data, no counting.
 *
 * What it is    Xen's table of ports of a domain, and where its guest kernel hangs on: which task
 *               an event wakes, and why a port is held back (masked, or its EOI is outstanding).
 *               When an EOI comes is the guest's business: guest/late_eoi.h.
 * Layer         xen
 * Bounds        port 0 is never valid. 2-level: ports below 4096, or below 1024 where the guest's
 *               words have 32 bits; FIFO: below 131,072. A domain's own limit, 1023 by default as
 *               libxl sets it, is the highest port it may have. WRG_EVTCHN_VCPUS virtual CPUs
 * Memory        the table has room for all ports of FIFO; only pages of it that were used are real,
 *               and neither reset nor restore looks at more than has been used
 * Errors        -errno as Xen's event_channel_op gives them; nothing has changed after a failure
 * Source        xen/event_channel.h
 * Left out      bitmaps and event words in guest memory: both ABIs are state with the rules that a
 *               guest sees, so a guest cannot corrupt its own. BUSY of an event word, which real
 *               Xen sets only inside of one step, is never seen. -EBUSY and -EAGAIN of a reset
 *               that is in progress, for a call here is one step. -EINVAL also where Xen would say
 *               that a port nobody ever had is closed, or unmask it to no effect
 */
#ifndef WRG_XEN_EVTCHN_H
#define WRG_XEN_EVTCHN_H

#include <stdbool.h>
#include <stdint.h>

#include <wringer/port.h>

#include "base/slots.h"

#define WRG_EVTCHN_PORTS_2L    4096   /* 64 words of 64 bits */
#define WRG_EVTCHN_PORTS_2L_32 1024   /* 32 words of 32 bits */
#define WRG_EVTCHN_PORTS_FIFO  131072 /* what 17 link bits can name */
#define WRG_EVTCHN_MAX_PORT    1023   /* libxl's max_event_channels, unless told otherwise */
#define WRG_EVTCHN_VCPUS       4
#define WRG_EVTCHN_PRIORITIES  16
#define WRG_EVTCHN_NOBODY      255

struct wrg_xen;
struct wrg_domain;

/* Why a port that is pending is not delivered; 0: it is. To Xen it is masked. */
enum wrg_evtchn_hold {
    WRG_EVTCHN_MASKED = 1,  /* by the guest */
    WRG_EVTCHN_SERVED = 2,  /* delivered, and the driver owes the EOI */
    WRG_EVTCHN_DELAYED = 4, /* the driver gave the EOI, the kernel waits with it */
    WRG_EVTCHN_UNHEARD = 8, /* nobody listens yet: new ports start masked */
};

struct wrg_evtchn {
    uint8_t state; /* EVTCHNSTAT_*, or WRG_EVTCHN_OF_XEN */
    bool pending;
    uint8_t held; /* enum wrg_evtchn_hold */
    uint8_t task; /* who is woken, or WRG_EVTCHN_NOBODY */
    uint16_t remote_domid;
    uint8_t vcpu;
    uint8_t empties;      /* events in a row that the driver called spurious */
    uint32_t remote_port; /* of a VIRQ or PIRQ: its number */
    uint32_t link : 17;   /* FIFO: the next port in the queue */
    uint32_t linked : 1;
    uint32_t priority : 4;
};
enum { WRG_EVTCHN_OF_XEN = 0x80 }; /* unbound, and Xen itself is the consumer */

struct wrg_evtchn_queue {
    uint32_t head, tail; /* ports; 0: empty */
};

struct wrg_evtchn_fifo {
    uint32_t array_ports;             /* for which there are event words */
    uint32_t ready[WRG_EVTCHN_VCPUS]; /* a bit for each priority with something in its queue */
    uint8_t control;                  /* a bit for each vcpu that has a control block */
    struct wrg_evtchn_queue queues[WRG_EVTCHN_VCPUS][WRG_EVTCHN_PRIORITIES];
};

struct wrg_evtchns {
    struct wrg_evtchn *ports; /* lazily backed; valid where the slot is taken */
    struct wrg_slots slots;
    uint64_t events;   /* delivered, since the domain exists */
    uint32_t max_port; /* max_event_channels of the domain */
    bool words32;      /* a 32-bit guest */
    bool fifo_on;
    bool upcalls_off; /* the guest has its interrupts off */
    bool slow;        /* fifo_on or upcalls_off: delivery is not one step */
    struct wrg_evtchn_fifo fifo;
};

/* ---- life of a domain's table ---- */
WRG_MUST_USE int wrg_evtchn_init(struct wrg_domain *dom);
void wrg_evtchn_fini(struct wrg_domain *dom);
/* No ports, 2-level, 64 bits, the default limit. */
void wrg_evtchn_clear(struct wrg_domain *dom);
struct wrg_evtchns_saved;
struct wrg_evtchns_saved *wrg_evtchn_save(const struct wrg_domain *dom);
void wrg_evtchn_restore(struct wrg_domain *dom, const struct wrg_evtchns_saved *saved);
void wrg_evtchn_saved_free(struct wrg_evtchns_saved *saved);
/* What the toolstack decides when it builds the domain, before any port is there. */
void wrg_evtchn_configure(struct wrg_domain *dom, uint32_t max_port, bool words32);
/* Closes all ports of a dead domain. */
void wrg_evtchn_close_all(struct wrg_xen *xen, struct wrg_domain *dom);

/* ---- event_channel_op ---- */
int wrg_evtchn_alloc_unbound(struct wrg_xen *xen, struct wrg_domain *dom,
                             struct wrg_evtchn_alloc_unbound *args);
int wrg_evtchn_bind_interdomain(struct wrg_xen *xen, struct wrg_domain *dom,
                                struct wrg_evtchn_bind_interdomain *args);
int wrg_evtchn_send(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_send *args);
int wrg_evtchn_unmask(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_unmask *args);
int wrg_evtchn_close(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_close *args);
int wrg_evtchn_status(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_status *args);
int wrg_evtchn_reset(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_reset *args);
/* evtchn_bind.c */
int wrg_evtchn_bind_virq(struct wrg_xen *xen, struct wrg_domain *dom,
                         struct wrg_evtchn_bind_virq *args);
int wrg_evtchn_bind_ipi(struct wrg_xen *xen, struct wrg_domain *dom,
                        struct wrg_evtchn_bind_ipi *args);
int wrg_evtchn_bind_pirq(struct wrg_xen *xen, struct wrg_domain *dom,
                         struct wrg_evtchn_bind_pirq *args);
int wrg_evtchn_bind_vcpu(struct wrg_xen *xen, struct wrg_domain *dom,
                         struct wrg_evtchn_bind_vcpu *args);
/* evtchn_fifo.c */
int wrg_evtchn_init_control(struct wrg_xen *xen, struct wrg_domain *dom,
                            struct wrg_evtchn_init_control *args);
int wrg_evtchn_expand_array(struct wrg_xen *xen, struct wrg_domain *dom,
                            struct wrg_evtchn_expand_array *args);
int wrg_evtchn_set_priority(struct wrg_xen *xen, struct wrg_domain *dom,
                            struct wrg_evtchn_set_priority *args);

/* ---- Xen's own ---- */
/* A port of the domain whose consumer is Xen, as device models are given; port or -ENOSPC. */
int wrg_evtchn_alloc_for_xen(struct wrg_xen *xen, struct wrg_domain *dom, uint16_t remote_domid);
/* Xen raises a VIRQ; nothing happens where it is not bound. */
void wrg_evtchn_raise_virq(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t virq,
                           uint32_t vcpu);
/* The event word of a port as FIFO has it in guest memory; 0 where there is none. */
uint32_t wrg_evtchn_word(const struct wrg_domain *dom, uint32_t port);

/* ---- the guest kernel's end ---- */
int wrg_evtchn_listen(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_listen *args);
int wrg_evtchn_mask(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_evtchn_mask *args);
/* With upcalls off, events stay pending (and queued); off to on delivers what has gathered. */
void wrg_evtchn_set_upcalls(struct wrg_xen *xen, struct wrg_domain *dom, bool on);
/* One reason less to hold the port back; delivers what is pending if it was the last. */
void wrg_evtchn_release(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t port,
                        enum wrg_evtchn_hold reason);

/* The port if it is open, or NULL. */
static inline struct wrg_evtchn *wrg_evtchn_at(const struct wrg_evtchns *evtchns, uint32_t port)
{
    if (port == 0 || !wrg_slots_is_taken(&evtchns->slots, port))
        return NULL;
    return &evtchns->ports[port];
}

#endif
