/* SPDX-License-Identifier: MIT */
/*
 * One request of a file disk on its way: from or to the pages themselves, without a copy between.
 * Layer: disk; of file_disk.c. Units: bytes of the file. Vectors that are neighbours in memory go
 * as one; a batch holds WRG_FILE_IOVS of them, and a request takes as many batches as it needs, and
 * another try for what the kernel moved in part only. The pages must stay mapped until it is over.
 */
#ifndef WRG_DISK_FILE_MOVE_H
#define WRG_DISK_FILE_MOVE_H

#include "disk/aio.h"
#include "disk/disk.h"

#define WRG_FILE_IOVS 1024u /* IOV_MAX of Linux */

struct wrg_file_disk;

struct wrg_file_move {
    struct wrg_aio_op op; /* first; ready to be performed or submitted */
    struct wrg_file_disk *disk;
    struct wrg_disk_landing landing; /* of who does not wait */
    struct wrg_xen *xen;
    struct wrg_domain *dom;
    const struct wrg_vec *vec;
    uint32_t nvec, next; /* vector of the next batch */
    uint32_t first;      /* vector of this batch that is not moved yet, in iov */
    uint32_t niov;
    uint64_t left; /* bytes of this batch */
    bool busy;
    struct iovec *iov; /* WRG_FILE_IOVS */
};

/* The request has been checked. -EFAULT: a page that the domain may not use. */
WRG_MUST_USE int wrg_file_move_begin(struct wrg_file_move *move, int fd,
                                     const struct wrg_disk_request *request,
                                     const struct wrg_disk_context *context);
/*
 * Takes the result of `op`. -EINPROGRESS: there is more to do, and op says what. 0: all is done;
 * -ENODATA: the file ends here; -errno.
 */
WRG_MUST_USE int wrg_file_move_step(struct wrg_file_move *move, int64_t result);

#endif
