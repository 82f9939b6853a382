/* SPDX-License-Identifier: MIT */
/*
 * The engine of io_uring, by liburing; and the choice of the engine. Buffered writes go to the
 * kernel's workers, so that they run beside whoever submits them.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>

#include "disk/aio.h"

struct uring {
    struct wrg_aio aio; /* first */
    struct io_uring ring;
    struct wrg_aio_op *refused; /* that could not be submitted: they end with an error */
};

static const struct wrg_aio_engine engine;

static struct uring *uring_of(struct wrg_aio *aio)
{
    return (struct uring *)(void *)aio;
}

/* A kernel may know io_uring, and not what we ask of it. */
static bool knows_all(struct io_uring *ring)
{
    static const uint8_t wanted[] = { IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_FSYNC,
                                      IORING_OP_FALLOCATE };
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
    bool all = probe != NULL;

    for (size_t i = 0; i < WRG_ARRAY_LEN(wanted) && all; i++)
        all = io_uring_opcode_supported(probe, wanted[i]);
    if (probe)
        io_uring_free_probe(probe);
    return all;
}

int wrg_aio_create_uring(struct wrg_aio **aio, uint32_t depth)
{
    struct uring *uring = calloc(1, sizeof(*uring));
    int error;

    if (!uring)
        return -ENOMEM;
    uring->aio = (struct wrg_aio){ .engine = &engine, .depth = depth };
    error = io_uring_queue_init(depth, &uring->ring, 0);
    if (!error && !knows_all(&uring->ring)) {
        io_uring_queue_exit(&uring->ring);
        error = -ENOSYS;
    }
    if (error) {
        free(uring);
        return error;
    }
    *aio = &uring->aio;
    return 0;
}

int wrg_aio_create(struct wrg_aio **aio, uint32_t depth)
{
    /* Whatever the reason is: seccomp, sysctl, an old kernel, locked memory. */
    return wrg_aio_create_uring(aio, depth) ? wrg_aio_create_threads(aio, depth) : 0;
}

static void destroy(struct wrg_aio *aio)
{
    struct uring *uring = uring_of(aio);

    io_uring_queue_exit(&uring->ring);
    free(uring);
}

static void prepare(struct io_uring_sqe *sqe, const struct wrg_aio_op *op)
{
    switch (op->kind) {
    case WRG_AIO_READ: io_uring_prep_readv(sqe, op->fd, op->iov, op->niov, op->offset); break;
    case WRG_AIO_WRITE: io_uring_prep_writev(sqe, op->fd, op->iov, op->niov, op->offset); break;
    case WRG_AIO_SYNC: io_uring_prep_fsync(sqe, op->fd, IORING_FSYNC_DATASYNC); break;
    case WRG_AIO_PUNCH:
        io_uring_prep_fallocate(sqe, op->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                (off_t)op->offset, (off_t)op->len);
        break;
    }
}

static void refuse(struct uring *uring, struct wrg_aio_op *op, int error)
{
    op->result = error;
    op->next = uring->refused;
    uring->refused = op;
}

static void submit(struct wrg_aio *aio, struct wrg_aio_op *op)
{
    struct uring *uring = uring_of(aio);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);

    if (!sqe) { /* entries that an earlier submit has left */
        (void)io_uring_submit(&uring->ring);
        sqe = io_uring_get_sqe(&uring->ring);
    }
    if (!sqe) {
        refuse(uring, op, -EAGAIN);
        return;
    }
    prepare(sqe, op);
    io_uring_sqe_set_data(sqe, op);
    /* What it does not take now stays in the ring, and goes with the next one, or with a reap. */
    (void)io_uring_submit(&uring->ring);
}

static uint32_t end_refused(struct uring *uring)
{
    struct wrg_aio_op *op = uring->refused;
    uint32_t count = 0;

    uring->refused = NULL;
    for (struct wrg_aio_op *next; op; op = next, count++) {
        next = op->next;
        uring->aio.flying--;
        op->done(op, op->result);
    }
    return count;
}

static uint32_t reap(struct wrg_aio *aio, bool wait)
{
    struct uring *uring = uring_of(aio);
    uint32_t count = end_refused(uring);
    struct io_uring_cqe *cqe;

    /* A signal ends the wait: the caller may want to know. */
    if (wait && !count)
        (void)io_uring_submit_and_wait(&uring->ring, 1);
    while (io_uring_peek_cqe(&uring->ring, &cqe) == 0) {
        struct wrg_aio_op *op = io_uring_cqe_get_data(cqe);
        int64_t result = cqe->res;
        io_uring_cqe_seen(&uring->ring, cqe);
        aio->flying--;
        count++;
        op->done(op, result);
    }
    return count;
}

static const struct wrg_aio_engine engine = {
    .name = "io_uring", .submit = submit, .reap = reap, .destroy = destroy
};
