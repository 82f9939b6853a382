/* SPDX-License-Identifier: MIT */
/*
 * Late EOI: a peer that sends events without work gets its next one late.
 *
 * What it is    The kernel's part of an event channel. From delivery to EOI the port is masked. An
 *               EOI says whether the event was spurious; spurious ones are counted, in a row. Above
 *               the threshold the port stays masked for 2^(count - 1 - threshold) jiffies
 *               longer, a second at most, and the next event that was no lie resets the count. A
 *               loop of upcalls that does not end is slowed down as well: it is looked at every 256
 *               events, and after loop_timeout all EOIs wait for loop_delay.
 * Layer         guest
 * Bounds        WRG_LATE_EOIS ports may be kept back at once; the EOI of any more is not delayed
 * Units         jiffies of 4 ms of the virtual clock (250 a second)
 * Threads       under the Xen lock; the delayed EOIs are given by a task of the kernel's own, made
 *               when the first is due
 * Quiescence    The timer of a delayed EOI is work, no housekeeping: with an event pending behind
 *               it the world is not quiet yet, and calling the work behind that event stuck would
 *               be wrong. It hides no lost notification, for it wakes the kernel's task and not the
 *               driver's: the driver runs only if an event was really sent. With nothing pending,
 *               the clock moves on by a second at most before the world is quiet
 * Honesty       An EOI counts if an event is in service, once. A driver's task may have been woken
 *               by something else, and may not have seen an event that came while it ran: as long
 *               as a wake waits for the task its `spurious` counts for nothing
 * Source        XSA-332 and XSA-391, and how Linux answered them
 * Left out      virtual time stands still while anything runs, so a loop of upcalls takes no time,
 *               and nothing is deferred for it, unless `event_cost_ns` says what an event costs
 */
#ifndef WRG_GUEST_LATE_EOI_H
#define WRG_GUEST_LATE_EOI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

#define WRG_LATE_EOIS          32
#define WRG_JIFFY_NS           (UINT64_C(4) * 1000 * 1000)
#define WRG_JIFFIES_PER_SECOND 250u

struct wrg_guest;
struct wrg_evtchn_eoi;
struct wrg_evtchn_close;
struct wrg_evtchn_reset;

/* What an administrator may set. */
struct wrg_late_eoi_knobs {
    uint32_t spurious_threshold;   /* 1 */
    uint32_t loop_timeout_jiffies; /* event_loop_timeout: 2 */
    uint32_t loop_delay_jiffies;   /* event_eoi_delay: 10 */
    uint64_t event_cost_ns;        /* 0: upcalls take no virtual time */
};

struct wrg_late_eoi { /* part of what a snapshot copies */
    uint64_t spurious_events;
    uint64_t jiffies_delayed;
    uint64_t loop_started_ns; /* when the clock last moved, as far as EOIs know */
    uint64_t loop_first;      /* events delivered before that */
    uint32_t count;           /* of the list */
    int task;                 /* 1 + id of the kernel's task; 0: not made yet */
    int timer;                /* 1 + id; 0: none */
    struct wrg_late_eoi_due {
        uint64_t due_ns;
        uint32_t port;
    } list[WRG_LATE_EOIS];
};

/* As a kernel shows them, by device; a domain of today's worlds has one. */
struct wrg_event_stats {
    uint64_t events;
    uint64_t spurious_events;
    uint64_t jiffies_eoi_delayed;
    uint32_t event_channels;
};

extern const struct wrg_late_eoi_knobs wrg_late_eoi_defaults;

/* Handlers of port calls. */
int wrg_late_eoi_eoi(struct wrg_guest *guest, struct wrg_evtchn_eoi *args);
int wrg_late_eoi_close(struct wrg_guest *guest, struct wrg_evtchn_close *args);
int wrg_late_eoi_reset(struct wrg_guest *guest, struct wrg_evtchn_reset *args);

struct wrg_event_stats wrg_late_eoi_stats(const struct wrg_guest *guest);
/* An event is pending behind a delayed EOI; *due_ns: the time by which the first of those comes. */
WRG_MUST_USE bool wrg_late_eoi_blocks(const struct wrg_guest *guest, uint64_t *due_ns);

#endif
