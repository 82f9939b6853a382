/* SPDX-License-Identifier: MIT */
#include "disk/aio.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int wrg_aio_submit(struct wrg_aio *aio, struct wrg_aio_op *op)
{
    if (aio->flying == aio->depth)
        return -EAGAIN;
    aio->flying++;
    aio->engine->submit(aio, op);
    return 0;
}

uint32_t wrg_aio_reap(struct wrg_aio *aio, bool wait)
{
    return aio->flying ? aio->engine->reap(aio, wait) : 0;
}

void wrg_aio_destroy(struct wrg_aio *aio)
{
    while (aio->flying)
        (void)aio->engine->reap(aio, true);
    aio->engine->destroy(aio);
}

static int64_t perform_once(const struct wrg_aio_op *op)
{
    switch (op->kind) {
    case WRG_AIO_READ: return preadv(op->fd, op->iov, (int)op->niov, (off_t)op->offset);
    case WRG_AIO_WRITE: return pwritev(op->fd, op->iov, (int)op->niov, (off_t)op->offset);
    case WRG_AIO_SYNC: return fdatasync(op->fd);
    case WRG_AIO_PUNCH:
        return fallocate(op->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)op->offset,
                         (off_t)op->len);
    }
    errno = EINVAL;
    return -1;
}

int64_t wrg_aio_perform(const struct wrg_aio_op *op)
{
    int64_t result;

    do
        result = perform_once(op);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}
