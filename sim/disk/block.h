/* SPDX-License-Identifier: MIT */
/*
 * A filter that makes blocks of sectors: a disk whose logical block is larger than 512 bytes. What
 * does not begin and end at a block is refused with -EINVAL, of vectors also their lengths (but not
 * where they lie in their page); what is left behind the last whole block is not there. Layer:
 * disk. Units: sectors stay 512 bytes. Blocks of 512 bytes pass everything; the owner leaves the
 * filter out of the chain then. Source: the queue limits of Linux's block layer.
 */
#ifndef WRG_DISK_BLOCK_H
#define WRG_DISK_BLOCK_H

#include <stdint.h>

#include "disk/disk.h"

struct wrg_block_disk {
    struct wrg_disk disk; /* first: a link of a chain */
    uint32_t block_bytes;
};

void wrg_block_disk_init(struct wrg_block_disk *block, struct wrg_disk *next);
/* A power of two from 512 to a page. */
void wrg_block_disk_set(struct wrg_block_disk *block, uint32_t block_bytes);

#endif
