/* SPDX-License-Identifier: MIT */
/*
 * Helpers of a driver that maps: what a kernel does about pages that are paged out.
 *
 * Layer         public; implemented by sim/guest on nothing but the port
 * Units         milliseconds of the world's clock
 * Threads       the calling task waits; it must hold no lock
 * Source        GNTST_eagain of xen/grant_table.h; Linux's batch calls in behaviour
 */
#ifndef WRINGER_GRANT_H
#define WRINGER_GRANT_H

#include <wringer/port.h>

/*
 * As wrg_port_gnttab_map and wrg_port_gnttab_copy, but entries that fail with GNTST_eagain are
 * tried again, each after 1, 2, 3 .. 255 ms, and are GNTST_bad_page if that was not enough. `task`
 * is the caller's: wakes that come while it waits are not lost.
 */
int wrg_grant_map_patiently(struct wrg_port *port, struct wrg_gnttab_map *args, uint32_t task);
int wrg_grant_copy_patiently(struct wrg_port *port, struct wrg_gnttab_copy *args, uint32_t task);

#endif
