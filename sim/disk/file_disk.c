/* SPDX-License-Identifier: MIT */
#include "disk/file_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"

static const struct wrg_disk_ops ops;

static void on_done(struct wrg_aio_op *op, int64_t result);

static struct wrg_file_disk *self_of(struct wrg_disk *disk)
{
    return (struct wrg_file_disk *)(void *)disk;
}

/* ---- the file ---- */

const char *wrg_file_disk_reason(int error)
{
    switch (error) {
    case -ENOENT: return "there is no such file";
    case -ENOTDIR: return "a part of the path is no folder";
    case -EISDIR: return "it is a folder";
    case -EACCES:
    case -EPERM: return "it may not be opened";
    case -EROFS: return "it lies on a read-only file system";
    case -ENODEV: return "it is neither a file nor a block device";
    case -ENODATA: return "it is empty";
    case -EMEDIUMTYPE: return "its size is no multiple of 512 bytes";
    case -ENOMEM: return "there is no memory for it";
    default: return "it cannot be opened";
    }
}

/* Its size in bytes. */
static int measure(int fd, off_t *size)
{
    struct stat st;

    if (fstat(fd, &st))
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return -ENODEV;
    *size = lseek(fd, 0, SEEK_END);
    if (*size < 0)
        return -errno;
    if (*size == 0)
        return -ENODATA;
    return *size % WRG_SECTOR_SIZE ? -EMEDIUMTYPE : 0;
}

/*
 * Past the page cache, if single sectors may be read so: a file system may refuse the flag, or want
 * larger blocks than a guest does.
 */
static void try_direct(struct wrg_file_disk *disk)
{
    int flags = fcntl(disk->fd, F_GETFL);
    off_t last = (off_t)(disk->sectors - 1) << WRG_DISK_SECTOR_SHIFT;

    if (flags < 0 || fcntl(disk->fd, F_SETFL, flags | O_DIRECT))
        return;
    disk->direct = pread(disk->fd, disk->buffer, WRG_SECTOR_SIZE, last) == (ssize_t)WRG_SECTOR_SIZE;
    if (!disk->direct)
        (void)!fcntl(disk->fd, F_SETFL, flags);
}

/* What a file can forget is what its file system allocates. */
static uint32_t hole_size(int fd)
{
    struct stat st;

    if (fstat(fd, &st) || st.st_blksize < (blksize_t)WRG_SECTOR_SIZE || st.st_blksize > 1 << 20)
        return WRG_SECTOR_SIZE;
    return (uint32_t)st.st_blksize;
}

/* One block of memory: the moves, and behind them their vectors. */
static int make_moves(struct wrg_file_disk *disk)
{
    size_t count = disk->aio ? WRG_FILE_FLIGHTS + 1 : 1;
    struct iovec *iov;

    disk->moves = calloc(count, sizeof(*disk->moves) + WRG_FILE_IOVS * sizeof(*iov));
    if (!disk->moves)
        return -ENOMEM;
    iov = (struct iovec *)(void *)(disk->moves + count);
    for (size_t i = 0; i < count; i++) {
        disk->moves[i].disk = disk;
        disk->moves[i].op.done = on_done;
        disk->moves[i].iov = iov + i * WRG_FILE_IOVS;
    }
    return 0;
}

int wrg_file_disk_open(struct wrg_file_disk *disk, const struct wrg_file_disk_args *args)
{
    /* Not to wait for whoever opens the other end of a pipe; a file and a disk never wait here. */
    int flags = (args->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK;
    off_t size = 0;
    int error;

    *disk = (struct wrg_file_disk){ .disk = { .ops = &ops },
                                    .readonly = args->readonly,
                                    .aio = args->aio };
    disk->fd = open(args->path, flags);
    if (disk->fd < 0)
        return errno == ENXIO ? -ENODEV : -errno;
    error = measure(disk->fd, &size);
    disk->buffer = error ? NULL : aligned_alloc(WRG_PAGE_SIZE, WRG_PAGE_SIZE);
    if (!error)
        error = disk->buffer ? make_moves(disk) : -ENOMEM;
    if (error) {
        wrg_file_disk_close(disk);
        return error;
    }
    disk->sectors = (uint64_t)size >> WRG_DISK_SECTOR_SHIFT;
    if (args->direct)
        try_direct(disk);
    if (args->discard && !args->readonly)
        disk->hole_bytes = hole_size(disk->fd);
    return 0;
}

void wrg_file_disk_close(struct wrg_file_disk *disk)
{
    (void)!close(disk->fd);
    free(disk->buffer);
    free(disk->moves);
    *disk = (struct wrg_file_disk){ .fd = -1 };
}

/* ---- bytes ---- */

/* The first `len` bytes of the buffer, at most a page; all of them, or an error. */
static int move(struct wrg_file_disk *disk, bool write, uint64_t sector, uint32_t len)
{
    off_t at = (off_t)(sector << WRG_DISK_SECTOR_SHIFT);

    for (uint32_t done = 0; done < len;) {
        ssize_t n = write ? pwrite(disk->fd, disk->buffer + done, len - done, at + done)
                          : pread(disk->fd, disk->buffer + done, len - done, at + done);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0) /* somebody has made the file shorter */
            return -ENODATA;
        done += n > 0 ? (uint32_t)n : 0;
    }
    return 0;
}

/* ---- requests ---- */

/* No guest can change the buffer between the transfer and the digest. */
static int move_vec(struct wrg_file_disk *disk, const struct wrg_disk_request *request,
                    const struct wrg_disk_context *context, const struct wrg_vec *vec,
                    uint64_t sector)
{
    uint64_t digests[WRG_PAGE_SIZE / WRG_SECTOR_SIZE];
    bool write = request->op == WRG_IO_WRITE;
    uint8_t *page = wrg_xen_dma(context->xen, context->dom, vec, !write);
    int error;

    if (!page)
        return -EFAULT;
    if (write)
        memcpy(disk->buffer, page, vec->len);
    error = move(disk, write, sector, vec->len);
    if (error)
        return error;
    if (!write)
        memcpy(page, disk->buffer, vec->len);
    if (!context->xen->trace->on)
        return 0;
    wrg_digest_sectors(disk->buffer, vec->len >> WRG_DISK_SECTOR_SHIFT, digests);
    wrg_disk_tell(context, request, sector, vec, page, digests);
    return 0;
}

/* What a request is told, and what whoever reports needs to know. */
static int blame_file(struct wrg_file_disk *file, int error)
{
    if (error && error != -EFAULT && error != -EOPNOTSUPP && !file->error)
        file->error = error;
    return error == -ENODATA ? -EIO : error;
}

/* Page by page, because somebody listens. */
static int move_watched(struct wrg_file_disk *file, const struct wrg_disk_request *request,
                        const struct wrg_disk_context *context)
{
    uint64_t sector = request->sector;
    int error = 0;

    for (uint32_t i = 0; i < request->nvec && !error; i++) {
        error = move_vec(file, request, context, &request->vec[i], sector);
        sector += request->vec[i].len >> WRG_DISK_SECTOR_SHIFT;
    }
    return error;
}

/* ---- requests that end later ---- */

static void on_done(struct wrg_aio_op *op, int64_t result)
{
    struct wrg_file_move *move = (struct wrg_file_move *)(void *)op;
    int error = wrg_file_move_step(move, result);

    if (error == -EINPROGRESS)
        error = wrg_aio_submit(move->disk->aio, op) ? -EIO : -EINPROGRESS;
    if (error == -EINPROGRESS)
        return;
    move->busy = false;
    move->landing.land(move->landing.ctx, move->landing.token, blame_file(move->disk, error));
}

/* NULL: as many as there may be are on their way. */
static struct wrg_file_move *free_move(struct wrg_file_disk *file)
{
    for (uint32_t i = 1; file->aio && i <= WRG_FILE_FLIGHTS; i++)
        if (!file->moves[i].busy)
            return &file->moves[i];
    return NULL;
}

/* -EAGAIN: it has to be waited for. */
static int start(struct wrg_file_disk *file, const struct wrg_disk_request *request,
                 const struct wrg_disk_context *context)
{
    struct wrg_file_move *move = context->landing ? free_move(file) : NULL;
    int error;

    if (!move)
        return -EAGAIN;
    error = wrg_file_move_begin(move, file->fd, request, context);
    if (error)
        return error;
    move->landing = *context->landing;
    if (wrg_aio_submit(file->aio, &move->op))
        return -EAGAIN;
    move->busy = true;
    return -EINPROGRESS;
}

/* ---- requests ---- */

static int move_now(struct wrg_file_disk *file, const struct wrg_disk_request *request,
                    const struct wrg_disk_context *context)
{
    struct wrg_file_move *move = &file->moves[0];
    int error = wrg_file_move_begin(move, file->fd, request, context);

    if (error)
        return error;
    do
        error = wrg_file_move_step(move, wrg_aio_perform(&move->op));
    while (error == -EINPROGRESS);
    return error;
}

static int check(const struct wrg_file_disk *file, const struct wrg_disk_request *request)
{
    bool discard = request->op == WRG_IO_DISCARD;

    if (request->op == WRG_IO_FLUSH)
        return 0;
    if (request->op == WRG_IO_SECURE_ERASE || (discard && !file->hole_bytes))
        return -EOPNOTSUPP;
    if (request->op != WRG_IO_READ && request->op != WRG_IO_WRITE && !discard)
        return -EINVAL;
    if (request->op != WRG_IO_READ && file->readonly)
        return -EROFS;
    return wrg_disk_check(request, file->sectors);
}

static int execute(struct wrg_disk *disk, const struct wrg_disk_request *request,
                   struct wrg_disk_context *context)
{
    struct wrg_file_disk *file = self_of(disk);
    bool pages = request->op == WRG_IO_READ || request->op == WRG_IO_WRITE;
    bool watched = context->xen->trace->on;
    int error = check(file, request);

    if (error)
        return error;
    if (watched && pages)
        return blame_file(file, move_watched(file, request, context));
    error = watched ? -EAGAIN : start(file, request, context);
    if (error != -EAGAIN)
        return error;
    error = blame_file(file, move_now(file, request, context));
    if (request->op == WRG_IO_DISCARD && !error)
        wrg_disk_tell_discard(context, request);
    return error;
}

static int transfer(struct wrg_disk *disk, const struct wrg_disk_run *run)
{
    struct wrg_file_disk *file = self_of(disk);
    uint32_t a_page = WRG_PAGE_SIZE / WRG_SECTOR_SIZE;
    int error = 0;

    if (run->write && file->readonly)
        return -EROFS;
    if (run->sector > file->sectors || run->count > file->sectors - run->sector)
        return -EIO;
    for (uint32_t done = 0; done < run->count && !error; done += a_page) {
        uint32_t len = wrg_min_u32(run->count - done, a_page) * WRG_SECTOR_SIZE;
        uint8_t *bytes = run->bytes + (size_t)done * WRG_SECTOR_SIZE;
        if (run->write)
            memcpy(file->buffer, bytes, len);
        error = move(file, run->write, run->sector + done, len);
        if (!error && !run->write)
            memcpy(bytes, file->buffer, len);
    }
    return error == -ENODATA ? -EIO : error;
}

static void info(const struct wrg_disk *disk, struct wrg_disk_info *out)
{
    const struct wrg_file_disk *file = (const struct wrg_file_disk *)(const void *)disk;

    out->sectors = file->sectors;
    out->readonly = file->readonly;
    out->flush = true;
    out->discard_granularity_bytes = file->hole_bytes;
}

static void reset(struct wrg_disk *disk)
{
    (void)disk; /* an image keeps what was written to it */
}

static const struct wrg_disk_ops ops = {
    .execute = execute, .transfer = transfer, .info = info, .reset = reset
};
