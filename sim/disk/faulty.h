/* SPDX-License-Identifier: MIT */
/*
 * The fault points of the disk: each request asks once, at disk-read, disk-write, disk-flush or
 * disk-discard, and fails with the status of the rule that hits, doing nothing. Layer: disk.
 * The rules are those of xen->fault (fault/fault.h); they are asked under the Xen lock. Nothing is
 * allocated.
 */
#ifndef WRG_DISK_FAULTY_H
#define WRG_DISK_FAULTY_H

#include "disk/disk.h"

struct wrg_faulty_disk {
    struct wrg_disk disk; /* first: a link of a chain */
};

void wrg_faulty_disk_init(struct wrg_faulty_disk *faulty, struct wrg_disk *next);

#endif
