/* SPDX-License-Identifier: MIT */
#include "disk/file_move.h"

#include <errno.h>

/* Vectors from `next` on, as far as there is room. */
static int fill(struct wrg_file_move *move)
{
    bool to_pages = move->op.kind == WRG_AIO_READ;
    struct iovec *last = NULL;

    move->first = move->niov = 0;
    move->left = 0;
    for (; move->next < move->nvec; move->next++) {
        const struct wrg_vec *vec = &move->vec[move->next];
        uint8_t *at = wrg_xen_dma(move->xen, move->dom, vec, to_pages);
        if (!at)
            return -EFAULT;
        if (last && (uint8_t *)last->iov_base + last->iov_len == at) {
            last->iov_len += vec->len;
        } else if (move->niov < WRG_FILE_IOVS) {
            last = &move->iov[move->niov++];
            *last = (struct iovec){ .iov_base = at, .iov_len = vec->len };
        } else {
            break;
        }
        move->left += vec->len;
    }
    return 0;
}

static void aim(struct wrg_file_move *move)
{
    move->op.iov = move->iov + move->first;
    move->op.niov = move->niov - move->first;
}

int wrg_file_move_begin(struct wrg_file_move *move, int fd, const struct wrg_disk_request *request,
                        const struct wrg_disk_context *context)
{
    move->op.fd = fd;
    move->op.offset = request->sector << WRG_DISK_SECTOR_SHIFT;
    move->xen = context->xen;
    move->dom = context->dom;
    move->vec = request->vec;
    move->nvec = request->nvec;
    move->next = move->first = move->niov = 0;
    move->left = 0;
    if (request->op == WRG_IO_FLUSH) {
        move->op.kind = WRG_AIO_SYNC;
        return 0;
    }
    if (request->op == WRG_IO_DISCARD) {
        move->op.kind = WRG_AIO_PUNCH;
        move->op.len = request->nsectors << WRG_DISK_SECTOR_SHIFT;
        return 0;
    }
    move->op.kind = request->op == WRG_IO_WRITE ? WRG_AIO_WRITE : WRG_AIO_READ;
    int error = fill(move);
    aim(move);
    return error;
}

/* What was moved is not moved again. */
static void advance(struct wrg_file_move *move, uint64_t bytes)
{
    move->op.offset += bytes;
    move->left -= bytes;
    while (bytes) {
        struct iovec *iov = &move->iov[move->first];
        uint64_t n = wrg_min_u64(bytes, iov->iov_len);
        iov->iov_base = (uint8_t *)iov->iov_base + n;
        iov->iov_len -= n;
        bytes -= n;
        move->first += iov->iov_len == 0;
    }
}

int wrg_file_move_step(struct wrg_file_move *move, int64_t result)
{
    int error;

    if (result == -EINTR || result == -EAGAIN)
        return -EINPROGRESS;
    if (result < 0)
        return (int)result;
    if (move->op.kind != WRG_AIO_READ && move->op.kind != WRG_AIO_WRITE)
        return 0;
    if (result == 0 && move->left)
        return move->op.kind == WRG_AIO_READ ? -ENODATA : -EIO;
    advance(move, wrg_min_u64((uint64_t)result, move->left));
    error = move->left ? 0 : fill(move);
    aim(move);
    if (error)
        return error;
    return move->left ? -EINPROGRESS : 0;
}
