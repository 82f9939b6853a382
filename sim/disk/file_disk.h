/* SPDX-License-Identifier: MIT */
/*
 * A disk in a file: the end of a chain, for commands that are given an image.
 *
 * What it is    An image file or a block device, read and written with pread and pwrite through a
 *               buffer of its own, past the page cache where that can be had (O_DIRECT) and is
 *               asked for. No case can name a file.
 * Layer         disk
 * Units         sectors of 512 bytes
 * Bounds        the size is what it was when the file was opened
 * Ownership     the file is open, and the buffer held, from open to close
 * Threads       one task at a time; a call blocks until the file has answered
 * Errors        of open: see wrg_file_disk_reason. Of requests: as disk.h, and what the file says;
 *               -EIO also if the file has become shorter. After an error of a write any part of it
 *               may be there
 * Events        as a memory disk (memory_disk.h)
 * Left out      io_uring, holes, locks against another user of the image, and blame for a vector
 *               of a wrong length
 */
#ifndef WRG_DISK_FILE_DISK_H
#define WRG_DISK_FILE_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "disk/disk.h"

struct wrg_file_disk {
    struct wrg_disk disk; /* first: a link of a chain */
    int fd;
    bool readonly;
    bool direct; /* past the page cache */
    uint64_t sectors;
    uint8_t *buffer; /* of a page */
};

struct wrg_file_disk_args {
    const char *path;
    bool readonly;
    bool direct; /* where the file system and its block size allow it; else as if not asked for */
};

/* -errno; nothing is open then. */
WRG_MUST_USE int wrg_file_disk_open(struct wrg_file_disk *disk,
                                    const struct wrg_file_disk_args *args);
void wrg_file_disk_close(struct wrg_file_disk *disk);
/* What an error of open means for an image, in words; never NULL. */
const char *wrg_file_disk_reason(int error);

#endif
