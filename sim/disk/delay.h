/* SPDX-License-Identifier: MIT */
/*
 * A filter that takes its time: each request waits before it goes on, for a number of microseconds
 * of virtual time that is drawn from the seed and the ticket. One after the other, so that others
 * queue up behind it. Layer: disk. Units: microseconds of the scheduler's clock; the most is
 * max_us, 0 passes everything at once. A reset keeps both: whoever sets up a run sets them. No
 * other state, so that a run from a snapshot draws the same. The wait may not return if the domain
 * dies or the run ends: above all filters that change something.
 */
#ifndef WRG_DISK_DELAY_H
#define WRG_DISK_DELAY_H

#include <stdint.h>

#include "disk/disk.h"

struct wrg_delay_disk {
    struct wrg_disk disk; /* first: a link of a chain */
    uint32_t max_us;
    uint64_t seed;
};

void wrg_delay_disk_init(struct wrg_delay_disk *delay, struct wrg_disk *next);
void wrg_delay_disk_set(struct wrg_delay_disk *delay, uint32_t max_us, uint64_t seed);
/* How long the request of this ticket waits. */
uint64_t wrg_delay_disk_ns(const struct wrg_delay_disk *delay, uint32_t ticket);

#endif
