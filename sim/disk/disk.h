/* SPDX-License-Identifier: MIT */
/*
 * The disk below a backend: a chain of filters with a memory disk at its end.
 *
 * What it is    One behaviour a link. A filter embeds struct wrg_disk, looks at a request, refuses
 *               it or hands it to `next`; the last link has no next. Requests run to completion in
 *               the caller's task; queue.h is what makes them asynchronous.
 * Layer         disk
 * Shapes        a request moves a run of sectors from or to a list of pages of one domain
 * Units         sectors of 512 bytes
 * Ownership     links are the caller's, linked by pointers that it keeps alive
 * Threads       one task at a time executes
 * Errors        0; -EINPROGRESS see wrg_disk_context; -EIO the medium, -EROFS a write to a
 *               read-only disk, -EINVAL a vector that is no multiple of sectors, -EFAULT a page
 *               that the domain may not use; faulty.h may inject others. After an error any part of
 *               the data may have been moved
 * Source        the port's wrg_disk_submit (wringer/port.h)
 * Left out      barriers
 */
#ifndef WRG_DISK_DISK_H
#define WRG_DISK_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include <wringer/port.h>

#include "xen/hypervisor.h"

#define WRG_DISK_SECTOR_SHIFT 9

struct wrg_disk_request {
    uint8_t op; /* enum wrg_io_op */
    uint64_t sector;
    uint32_t nvec;
    const struct wrg_vec *vec;
    uint64_t nsectors; /* of a discard, which has no vectors */
};

static inline bool wrg_disk_discards(uint8_t op)
{
    return op == WRG_IO_DISCARD || op == WRG_IO_SECURE_ERASE;
}

/* Where the end of a chain says later how a request has ended. From the thread that runs the
   world, and not from within execute; a request and its vectors live until then. */
struct wrg_disk_landing {
    void (*land)(void *ctx, uint32_t token, int error);
    void *ctx;
    uint32_t token;
};

struct wrg_disk_context { /* on whose behalf, and what it is called in the trace */
    struct wrg_xen *xen;
    struct wrg_domain *dom;
    uint32_t ticket;
    /* NULL: the request is over when execute returns. Else the end of the chain may copy this,
       return -EINPROGRESS, and land the request later. */
    const struct wrg_disk_landing *landing;
};

struct wrg_disk_run { /* sectors in a row, and private memory to move them from or to */
    bool write;
    uint64_t sector;
    uint32_t count;
    uint8_t *bytes;
};

struct wrg_disk;

struct wrg_disk_ops { /* all are required */
    WRG_MUST_USE int (*execute)(struct wrg_disk *disk, const struct wrg_disk_request *request,
                                struct wrg_disk_context *context);
    /* The disk's own business, which nobody sees: no events, no faults, no bad spot. All or
       nothing. -EIO: beyond the end, or no room. */
    WRG_MUST_USE int (*transfer)(struct wrg_disk *disk, const struct wrg_disk_run *run);
    /* Fills in all but queue_limit. */
    void (*info)(const struct wrg_disk *disk, struct wrg_disk_info *info);
    /* Back to empty. */
    void (*reset)(struct wrg_disk *disk);
};

struct wrg_disk {
    const struct wrg_disk_ops *ops;
    struct wrg_disk *next; /* NULL: the end of the chain */
};

static inline WRG_MUST_USE int wrg_disk_execute(struct wrg_disk *disk,
                                                const struct wrg_disk_request *request,
                                                struct wrg_disk_context *context)
{
    return disk->ops->execute(disk, request, context);
}

static inline WRG_MUST_USE int wrg_disk_transfer(struct wrg_disk *disk,
                                                 const struct wrg_disk_run *run)
{
    return disk->ops->transfer(disk, run);
}

static inline void wrg_disk_info(const struct wrg_disk *disk, struct wrg_disk_info *info)
{
    disk->ops->info(disk, info);
}

static inline void wrg_disk_reset(struct wrg_disk *disk)
{
    disk->ops->reset(disk);
}

/* How many sectors a request moves or discards; what is beyond a whole sector in a vector does not
 * count. */
uint64_t wrg_disk_request_sectors(const struct wrg_disk_request *request);

/*
 * For the ends of chains: -EINVAL for a vector that is no multiple of sectors, or larger than a
 * page; -EIO for what lies beyond `sectors`.
 */
WRG_MUST_USE int wrg_disk_check(const struct wrg_disk_request *request, uint64_t sectors);
/* Tells the checkers of a vector that was moved, a digest a sector; `page` is its first byte. */
void wrg_disk_tell(const struct wrg_disk_context *context, const struct wrg_disk_request *request,
                   uint64_t sector, const struct wrg_vec *vec, const uint8_t *page,
                   const uint64_t *digests);
/* Tells them of a discard that was done. */
void wrg_disk_tell_discard(const struct wrg_disk_context *context,
                           const struct wrg_disk_request *request);

/* For filters that keep no data. */
WRG_MUST_USE int wrg_disk_pass_transfer(struct wrg_disk *disk, const struct wrg_disk_run *run);
/* For filters that change nothing about what the disk looks like. */
void wrg_disk_pass_info(const struct wrg_disk *disk, struct wrg_disk_info *info);
/* For filters without state of their own. */
void wrg_disk_pass_reset(struct wrg_disk *disk);

#endif
