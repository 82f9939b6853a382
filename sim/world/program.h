/* SPDX-License-Identifier: MIT */
/*
 * Block I/O of a program through the devices of a world.
 *
 * What it is    What a program (struct wrg_world_options) may call: memory of the guest, and
 *               requests to the frontend of a device, each with a callback when it is done.
 *               Checkers judge them like those of a case.
 * Layer         world
 * Shapes        a device is a number below wrg_world_options.devices; pages are handles of the
 *               guest that has all of those devices
 * Bounds        as many requests in flight a device as config depth= says; WRG_WORLD_IO_PAGES
 *               vectors a request
 * Units         sectors of 512 bytes; a vector is within one page, a multiple of sectors
 * Ownership     pages are the program's until it frees them or the run ends; vectors belong to the
 *               caller, and live until done
 * Threads       from the program's task, and from callbacks. A callback runs in a task of the
 *               frontend: it must not wait. On the thread engine it runs beside the program, and
 *               what both use needs a lock of their own
 * Errors        -errno
 */
#ifndef WRG_WORLD_PROGRAM_H
#define WRG_WORLD_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include <wringer/port.h>

#include "base/base.h"

struct wrg_world;

/* ---- memory of the guest ---- */

/* Neighbours: page k has handle `page + k`. WRG_NO_PAGE: memory is used up. */
uint32_t wrg_program_pages_alloc(struct wrg_world *world, uint32_t count);
/* Not while a request uses them; never those that a request has kept. */
void wrg_program_pages_free(struct wrg_world *world, uint32_t page, uint32_t count);
/* The bytes of one page; neighbours lie behind one another. */
uint8_t *wrg_program_page(struct wrg_world *world, uint32_t page);

/* ---- requests ---- */

struct wrg_program_done {
    void *ctx;       /* of the request */
    int error;       /* 0, -EIO, -EOPNOTSUPP */
    bool pages_kept; /* the backend may still write its pages: they must not be used again */
};

struct wrg_program_io {
    unsigned device;
    uint8_t op; /* enum wrg_io_op */
    uint64_t sector;
    uint32_t nvec; /* 0 for a flush and a discard */
    const struct wrg_vec *vec;
    uint64_t nsectors; /* of a discard, which has no vectors */
    void (*done)(const struct wrg_program_done *done);
    void *ctx;
};

/*
 * 0: done will be called, or has been. -EAGAIN: as many as the depth are in flight; one that is
 * done makes room. -EIO: the device has gone, or is not there yet. -EINVAL: no such device, or more
 * vectors than the bound.
 */
WRG_MUST_USE int wrg_program_submit(struct wrg_world *world, const struct wrg_program_io *io);

/* Sectors of a device, as its frontend knows them; 0: it is not connected. */
uint64_t wrg_program_sectors(struct wrg_world *world, unsigned device);

/* ---- waiting ---- */

/* By the program: sleeps until woken, or until nothing else can happen any more: false. */
bool wrg_program_wait(struct wrg_world *world);
/* By a callback: a wake is remembered. */
void wrg_program_wake(struct wrg_world *world);

#endif
