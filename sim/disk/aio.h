/* SPDX-License-Identifier: MIT */
/*
 * File I/O that ends later: an interface, and two engines behind it.
 *
 * What it is    A caller fills in an operation and submits it; later `reap` calls its `done`, in
 *               the thread that reaps. The engine is io_uring where the kernel lets us, and a few
 *               threads with plain system calls where it does not, as in many containers.
 * Layer         disk. aio_uring.c is linked into programs with the commands only, so that
 *               whoever links the simulator does not need liburing
 * Bounds        as many operations in flight as create says; threads: WRG_AIO_THREADS
 * Units         bytes
 * Ownership     an operation, and what it points to, is the caller's and stays until done. Nothing
 *               is allocated after create
 * Threads       one thread submits, reaps and destroys
 * Errors        create: -errno. submit: -EAGAIN when as many as allowed are in flight. What became
 *               of an operation goes to done: bytes moved, which may be fewer than asked for, or
 *               -errno
 */
#ifndef WRG_DISK_AIO_H
#define WRG_DISK_AIO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/base.h"

#define WRG_AIO_THREADS 4

enum wrg_aio_kind { WRG_AIO_READ, WRG_AIO_WRITE, WRG_AIO_SYNC, WRG_AIO_PUNCH };

struct wrg_aio_op {
    enum wrg_aio_kind kind;
    int fd;
    uint64_t offset;
    uint64_t len;            /* of a punch */
    const struct iovec *iov; /* of a read or write */
    uint32_t niov;           /* at most IOV_MAX */
    void (*done)(struct wrg_aio_op *op, int64_t result);
    struct wrg_aio_op *next; /* the engine's, as long as it has the operation; so is the rest */
    int64_t result;
};

struct wrg_aio;

struct wrg_aio_engine {
    const char *name;
    void (*submit)(struct wrg_aio *aio, struct wrg_aio_op *op);
    /* Calls done of all that have ended; with `wait` of one at least, unless a
       signal comes first. Returns how many. */
    uint32_t (*reap)(struct wrg_aio *aio, bool wait);
    void (*destroy)(struct wrg_aio *aio);
};

struct wrg_aio { /* first in an engine's own */
    const struct wrg_aio_engine *engine;
    uint32_t depth, flying;
};

/* io_uring, or threads where the kernel refuses it. */
WRG_MUST_USE int wrg_aio_create(struct wrg_aio **aio, uint32_t depth);
WRG_MUST_USE int wrg_aio_create_uring(struct wrg_aio **aio, uint32_t depth);
WRG_MUST_USE int wrg_aio_create_threads(struct wrg_aio **aio, uint32_t depth);
/* Waits for what is in flight. */
void wrg_aio_destroy(struct wrg_aio *aio);

/* An operation may be submitted again from its own done. */
WRG_MUST_USE int wrg_aio_submit(struct wrg_aio *aio, struct wrg_aio_op *op);
/* Returns how many have ended; waits for one only if some are in flight. */
uint32_t wrg_aio_reap(struct wrg_aio *aio, bool wait);
/* The operation by a plain system call, now: what threads do, and whoever has no engine. */
int64_t wrg_aio_perform(const struct wrg_aio_op *op);

#endif
