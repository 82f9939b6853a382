/* SPDX-License-Identifier: MIT */
/*
 * Grants that a driver could not take back and left to its kernel: tried again later.
 *
 * What it is    A list that a timer goes through once a second, a few entries a pass; what the peer
 *               has let go of by then is free again, with the page behind it
 * Layer         guest
 * Bounds        WRG_GUEST_DEFERRED entries, WRG_DEFERRED_PASS a pass; what does not fit is never
 *               used again
 * Threads       under the Xen lock; the list's task is made when it is first needed, and is
 *               housekeeping: it keeps no world busy
 * Errors        none: without a task for the list, nothing is tried again
 * Source        Linux's gnttab_end_foreign_access in behaviour
 */
#ifndef WRG_GUEST_DEFERRED_H
#define WRG_GUEST_DEFERRED_H

#include <stdbool.h>
#include <stdint.h>

#define WRG_GUEST_DEFERRED     512
#define WRG_DEFERRED_PASS      10
#define WRG_DEFERRED_PERIOD_NS UINT64_C(1000000000)

struct wrg_guest;
struct wrg_gnttab_end;

struct wrg_deferred {
    uint32_t count;
    int task; /* 1 + its id; 0: none yet */
    struct {
        uint32_t gref;
        uint32_t page; /* handle, or WRG_NO_PAGE */
    } entries[WRG_GUEST_DEFERRED];
};

/* What a driver has abandoned just now; the first `abandoned_pages` of the entries own a page. */
void wrg_guest_defer(struct wrg_guest *guest, const struct wrg_gnttab_end *args);
void wrg_deferred_reset(struct wrg_deferred *deferred);
/* Of what is in use. */
void wrg_deferred_copy(struct wrg_deferred *to, const struct wrg_deferred *from);

#endif
