/* SPDX-License-Identifier: MIT */
/*
 * A disk in a file: the end of a chain, for commands that are given an image.
 *
 * What it is    An image file or a block device, read and written past the page cache where that
 *               can be had (O_DIRECT) and is asked for. While anybody listens, each page goes
 *               through a buffer of the disk, so that what is told of is what was moved. Else the
 *               file moves data from and to the pages themselves; and with an engine (aio.h)
 *               requests that may end later do so. No case can name a file.
 * Layer         disk
 * Units         sectors of 512 bytes
 * Bounds        the size is what it was when the file was opened; WRG_FILE_FLIGHTS requests that
 *               end later, what is more waits for the file
 * Ownership     the file is open, and the buffers held, from open to close; the engine is the
 *               caller's, and is destroyed before the disk is closed
 * Threads       one task at a time; without an engine a call blocks until the file has answered
 * Errors        of open: see wrg_file_disk_reason. Of requests: as disk.h, and what the file says;
 *               -EIO also if the file has become shorter. After an error of a write any part of it
 *               may be there
 * Events        as a memory disk (memory_disk.h)
 * Left out      secure erase: a file system keeps no promise of that; locks against another user
 *               of the image, and blame for a vector of a wrong length
 */
#ifndef WRG_DISK_FILE_DISK_H
#define WRG_DISK_FILE_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "disk/aio.h"
#include "disk/disk.h"
#include "disk/file_move.h"

#define WRG_FILE_FLIGHTS 32

struct wrg_file_disk {
    struct wrg_disk disk; /* first: a link of a chain */
    int fd;
    bool readonly;
    bool direct; /* past the page cache */
    uint64_t sectors;
    uint8_t *buffer;     /* of a page */
    uint32_t hole_bytes; /* discards make holes of that size; 0: they are not offered */
    int error;           /* the first that the file has given; -ENODATA: it has become shorter */
    struct wrg_aio *aio; /* or NULL */
    struct wrg_file_move *moves; /* WRG_FILE_FLIGHTS, and one that is waited for */
};

struct wrg_file_disk_args {
    const char *path;
    bool readonly;
    bool direct;  /* where the file system and its block size allow it; else as if not asked for */
    bool discard; /* offers to make holes */
    struct wrg_aio *aio; /* or NULL */
};

/* -errno; nothing is open then. */
WRG_MUST_USE int wrg_file_disk_open(struct wrg_file_disk *disk,
                                    const struct wrg_file_disk_args *args);
void wrg_file_disk_close(struct wrg_file_disk *disk);
/* What an error of open means for an image, in words; never NULL. */
const char *wrg_file_disk_reason(int error);

#endif
