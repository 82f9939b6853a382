/* SPDX-License-Identifier: MIT */
/*
 * The block edge: the block layer above the frontend, the disk below the backend.
 *
 * I/O of the case goes through slots, each with a buffer of its own that is kept for the run.
 * Writes carry a pattern; every sector begins with a stamp that names the write it belongs to.
 * Buffers of reads are stamped too, so that a backend that moves nothing is seen. Where nobody
 * looks (a benchmark without checkers) nothing is stamped.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "world/world_impl.h"

enum { SECTORS_PER_PAGE = WRG_PAGE_SIZE / WRG_SECTOR_SIZE };
#define SUBMIT_TRIES    1000
#define SUBMIT_PAUSE_NS 1000

int wrg_edge_init(struct wrg_world_vbd *vbd)
{
    vbd->edge.slots = calloc(WRG_WORLD_IO_SLOTS, sizeof(*vbd->edge.slots));
    if (!vbd->edge.slots)
        return -ENOMEM;
    /* One mapping for all vectors: 32 MiB of address space, touched only as far as it is used. */
    struct wrg_vec *vecs = calloc((size_t)WRG_WORLD_IO_SLOTS * WRG_WORLD_IO_PAGES, sizeof(*vecs));
    if (!vecs)
        return -ENOMEM;
    for (uint32_t i = 0; i < WRG_WORLD_IO_SLOTS; i++)
        vbd->edge.slots[i].vec = vecs + (size_t)i * WRG_WORLD_IO_PAGES;
    return 0;
}

void wrg_edge_fini(struct wrg_world_vbd *vbd)
{
    if (!vbd->edge.slots)
        return;
    free(vbd->edge.slots[0].vec);
    free(vbd->edge.slots);
}

/* The pages themselves go with the world's memory. */
void wrg_edge_reset(struct wrg_world_vbd *vbd)
{
    struct wrg_edge_above *edge = &vbd->edge;

    for (uint32_t i = 0; i < edge->high; i++) {
        edge->slots[i].page = WRG_NO_PAGE;
        edge->slots[i].npages = 0;
        edge->slots[i].busy = false;
    }
    edge->high = edge->next = 0;
    edge->nslots = wrg_min_u32(2u * vbd->w->config.depth, WRG_WORLD_IO_SLOTS);
    edge->outstanding = edge->submitted = edge->completed = edge->failed = 0;
    edge->lost_pages = 0;
    edge->waiting = edge->given_up = false;
    edge->state.ready = false;
    edge->state.connections = 0;
}

static void lock(struct wrg_world_vbd *vbd)
{
    if (vbd->w->xen.parallel)
        wrg_mutex_lock(&vbd->edge.lock);
}

static void unlock(struct wrg_world_vbd *vbd)
{
    if (vbd->w->xen.parallel)
        wrg_mutex_unlock(&vbd->edge.lock);
}

uint32_t wrg_edge_completed(struct wrg_world_vbd *vbd)
{
    lock(vbd);
    uint32_t completed = vbd->edge.completed;
    unlock(vbd);
    return completed;
}

uint32_t wrg_edge_pages(const struct wrg_world_vbd *vbd)
{
    uint32_t pages = vbd->edge.lost_pages;

    for (uint32_t i = 0; i < vbd->edge.high; i++)
        pages += vbd->edge.slots[i].npages;
    return pages;
}

/* ---- data ---- */

static uint32_t vec_frame(struct wrg_world_vbd *vbd, const struct wrg_vec *vec)
{
    const struct wrg_view *view = wrg_xen_view(vbd->guests[WRG_SEAT_FRONT].dom, vec->page);

    WRG_ASSERT(view);
    return view->frame;
}

static uint8_t *vec_bytes(struct wrg_world_vbd *vbd, const struct wrg_vec *vec)
{
    const struct wrg_view *view = wrg_xen_view(vbd->guests[WRG_SEAT_FRONT].dom, vec->page);

    WRG_ASSERT(view);
    wrg_memory_mark(&vbd->w->xen.memory, view->frame);
    return view->base + vec->off;
}

/* The digests of its sectors: kept with the page, or made in scratch. */
static const uint64_t *vec_digests(struct wrg_world_vbd *vbd, const struct wrg_vec *vec,
                                   uint64_t scratch[SECTORS_PER_PAGE])
{
    const struct wrg_view *view = wrg_xen_view(vbd->guests[WRG_SEAT_FRONT].dom, vec->page);

    WRG_ASSERT(view);
    if (vec->len == WRG_PAGE_SIZE && !vbd->w->xen.parallel)
        return wrg_memory_digests(&vbd->w->xen.memory, view->frame);
    wrg_digest_sectors(view->base + vec->off, vec->len / WRG_SECTOR_SIZE, scratch);
    return scratch;
}

/* A frontend for which the node was gone, because a call was refused, trusts its backend. */
static bool is_untrusted(const struct wrg_world_vbd *vbd)
{
    return vbd->w->config.trusted == WRG_NO && !wrg_vbd_has_faults(vbd);
}

/*
 * For a backend that is not trusted: it finds the secret pattern in a page of the block layer that
 * it sees, but in what is written. Such a page must never be granted.
 */
static void poison(struct wrg_world_vbd *vbd, const struct wrg_io_slot *slot)
{
    bool write = slot->io.op == WRG_IO_WRITE || slot->io.op == WRG_IO_BARRIER;

    for (uint32_t i = 0; i < slot->io.nvec; i++) {
        const struct wrg_vec *vec = &slot->io.vec[i];
        const struct wrg_vec all = { .page = vec->page };
        uint8_t *bytes = vec_bytes(vbd, &all);
        wrg_memory_fill_secret(bytes, WRG_PAGE_SIZE);
        if (write)
            memset(bytes + vec->off, (int)i, vec->len);
        vbd->w->xen.memory.frames[vec_frame(vbd, vec)].tainted = true;
    }
}

/* Each sector begins with this. */
__attribute__((always_inline)) static inline void stamp_all(uint8_t *bytes, uint32_t len,
                                                            uint64_t value)
{
    for (uint32_t off = 0; off < len; off += WRG_SECTOR_SIZE)
        memcpy(bytes + off, &value, sizeof(value));
}

/* A buffer to be read into, with something that no write stamps. */
static void stamp_read(struct wrg_world_vbd *vbd, const struct wrg_io_slot *slot, uint64_t value)
{
    for (uint32_t i = 0; i < slot->io.nvec; i++) {
        const struct wrg_vec *vec = &slot->io.vec[i];
        uint8_t *bytes = vec_bytes(vbd, vec);
        if (WRG_LIKELY(vec->len == WRG_PAGE_SIZE)) /* the same, without a loop */
            stamp_all(bytes, WRG_PAGE_SIZE, value);
        else
            stamp_all(bytes, vec->len, value);
    }
}

/* Stamps each sector: with what is written, or with something that no write stamps. */
static void stamp(struct wrg_world_vbd *vbd, const struct wrg_io_slot *slot, uint32_t pattern)
{
    bool write = slot->io.op == WRG_IO_WRITE || slot->io.op == WRG_IO_BARRIER;
    uint64_t base = vbd->w->config.seed + (uint64_t)pattern * UINT64_C(0x9e3779b97f4a7c15) +
                    slot->io.tag * UINT64_C(0xd1342543de82ef95);
    uint64_t sector = slot->io.sector;

    if (!write) {
        stamp_read(vbd, slot, ~UINT64_C(0) - base);
        return;
    }
    for (uint32_t i = 0; i < slot->io.nvec; i++) {
        const struct wrg_vec *vec = &slot->io.vec[i];
        if (vec->len == WRG_PAGE_SIZE) {
            wrg_memory_stamp(&vbd->w->xen.memory, vec_frame(vbd, vec), base + sector);
            sector += SECTORS_PER_PAGE;
            continue;
        }
        uint8_t *bytes = vec_bytes(vbd, vec);
        for (uint32_t off = 0; off < vec->len; off += WRG_SECTOR_SIZE, sector++) {
            uint64_t value = base + sector;
            memcpy(bytes + off, &value, sizeof(value));
        }
    }
}

static void emit_data(struct wrg_world_vbd *vbd, const struct wrg_io_slot *slot)
{
    uint64_t scratch[SECTORS_PER_PAGE];
    uint64_t sector = slot->io.sector;

    for (uint32_t i = 0; i < slot->io.nvec; i++) {
        const uint64_t *digests = vec_digests(vbd, &slot->io.vec[i], scratch);
        uint32_t n = slot->io.vec[i].len / WRG_SECTOR_SIZE;
        wrg_xen_emit(&vbd->w->xen, .kind = WRG_EV_BLK_DATA, .role = WRG_ROLE_FRONT,
                     .a = (uint32_t)slot->io.tag, .b = slot->io.op, .c = sector, .payload = digests,
                     .len = n * (uint32_t)sizeof(*digests));
        sector += n;
    }
}

/* ---- submitting ---- */

/* A larger one than it had. */
__attribute__((noinline)) static bool make_buffer(struct wrg_world_vbd *vbd,
                                                  struct wrg_io_slot *slot, uint32_t npages)
{
    struct wrg_domain *dom = vbd->guests[WRG_SEAT_FRONT].dom;
    uint32_t index = (uint32_t)(slot - vbd->edge.slots);

    wrg_xen_lock(&vbd->w->xen);
    if (slot->npages)
        wrg_xen_page_free(&vbd->w->xen, dom, slot->page, slot->npages);
    slot->npages = 0;
    slot->page = wrg_xen_page_alloc(&vbd->w->xen, dom, npages, WRG_FILL_LATER);
    wrg_xen_unlock(&vbd->w->xen);
    if (slot->page == WRG_NO_PAGE)
        return false;
    slot->npages = npages;
    for (uint32_t i = 0; i < npages; i++) {
        struct wrg_vec all = { .page = slot->page + i, .len = WRG_PAGE_SIZE };
        uint8_t *bytes = vec_bytes(vbd, &all);
        memset(bytes, (int)(index * 31 + i * 7 + 1), WRG_PAGE_SIZE);
    }
    return true;
}

static struct wrg_io_slot *occupy(struct wrg_edge_above *edge, uint32_t index)
{
    struct wrg_io_slot *slot = &edge->slots[index];

    slot->busy = true;
    edge->outstanding++;
    slot->io.tag = (uint64_t)++edge->submitted * WRG_WORLD_IO_SLOTS + index;
    edge->high = wrg_max_u32(edge->high, index + 1);
    return slot;
}

/* A free slot, in turn, so that buffers rotate; NULL when as many as the depth are busy. */
static struct wrg_io_slot *find_slot(struct wrg_world_vbd *vbd)
{
    struct wrg_edge_above *edge = &vbd->edge;

    if (edge->outstanding >= vbd->w->config.depth)
        return NULL;
    for (uint32_t i = 0; i < edge->nslots; i++) {
        uint32_t index = edge->next;
        edge->next = index + 1 < edge->nslots ? index + 1 : 0;
        if (!edge->slots[index].busy)
            return occupy(edge, index);
    }
    return NULL;
}

/* NULL: all are in use, and will be until something else happens. */
static struct wrg_io_slot *take_slot(struct wrg_world_vbd *vbd)
{
    while (!vbd->edge.given_up) {
        lock(vbd);
        struct wrg_io_slot *slot = find_slot(vbd);
        vbd->edge.waiting = slot == NULL;
        if (!slot)
            vbd->edge.waiter = wrg_sched_current(&vbd->w->sched);
        unlock(vbd);
        if (slot)
            return slot;
        (void)!wrg_sched_wait(&vbd->w->sched, WRG_SCHED_FOREVER);
    }
    return NULL;
}

bool wrg_edge_wait_ready(struct wrg_world_vbd *vbd, uint32_t *seen)
{
    struct wrg_edge_above *edge = &vbd->edge;

    while (!edge->given_up) {
        lock(vbd);
        bool ready = wrg_edge_is_ready(vbd) && edge->state.connections != *seen;
        edge->waiting = !ready;
        edge->waiter = wrg_sched_current(&vbd->w->sched);
        if (ready)
            *seen = edge->state.connections;
        unlock(vbd);
        if (ready)
            return true;
        (void)!wrg_sched_wait(&vbd->w->sched, WRG_SCHED_FOREVER);
    }
    return false;
}

static void fill_vectors(struct wrg_io_slot *slot, const struct wrg_edge_io *args, uint32_t npages)
{
    struct wrg_vec *vec = npages <= WRG_ARRAY_LEN(slot->few) ? slot->few : slot->vec;
    const uint32_t page = slot->page, skipped = args->first * WRG_SECTOR_SIZE;
    const uint32_t end = skipped + args->count * WRG_SECTOR_SIZE;

    for (uint32_t i = 0; i < npages; i++)
        vec[i] = (struct wrg_vec){ .page = page + i, .len = WRG_PAGE_SIZE };
    if (npages) {
        vec[npages - 1].len = (uint16_t)(end - (npages - 1) * WRG_PAGE_SIZE);
        vec[0].off = (uint16_t)skipped;
        vec[0].len = (uint16_t)(vec[0].len - skipped);
    }
    slot->io.nvec = npages;
    slot->io.vec = vec;
}

/*
 * Whether it is worth to wake who waits for room. A thread of its own would be woken for each
 * single I/O; where one task runs at a time, it comes to run when the others sleep.
 */
static bool has_room(const struct wrg_world_vbd *vbd)
{
    return !vbd->w->xen.parallel || vbd->edge.outstanding <= vbd->w->config.depth / 2u;
}

static void give_back(struct wrg_world_vbd *vbd, struct wrg_io_slot *slot, int error,
                      bool pages_kept)
{
    lock(vbd);
    slot->busy = false;
    if (pages_kept) { /* the peer may still write them: the slot gets new ones */
        vbd->edge.lost_pages += slot->npages;
        slot->npages = 0;
    }
    vbd->edge.outstanding--;
    vbd->edge.completed++;
    vbd->edge.failed += error != 0;
    bool wake = vbd->edge.waiting && has_room(vbd);
    vbd->edge.waiting &= !wake;
    unlock(vbd);
    if (wake)
        wrg_sched_wake(&vbd->w->sched, vbd->edge.waiter);
}

__attribute__((noinline)) static void emit_end(struct wrg_world_vbd *vbd,
                                               const struct wrg_io_slot *slot, int error)
{
    wrg_xen_emit(&vbd->w->xen, .kind = WRG_EV_BLK_COMPLETE, .role = WRG_ROLE_FRONT,
                 .a = (uint32_t)slot->io.tag, .b = (uint32_t)error);
}

__attribute__((noinline)) static void emit_submit(struct wrg_world_vbd *vbd,
                                                  const struct wrg_io_slot *slot, uint64_t sectors)
{
    const struct wrg_io *io = &slot->io;

    wrg_xen_emit(&vbd->w->xen, .kind = WRG_EV_BLK_SUBMIT, .role = WRG_ROLE_FRONT,
                 .a = (uint32_t)io->tag, .b = io->op, .c = io->sector, .d = sectors);
    if (io->op == WRG_IO_WRITE || io->op == WRG_IO_BARRIER)
        emit_data(vbd, slot);
}

static void tell_submit(struct wrg_world_vbd *vbd, const struct wrg_io_slot *slot, uint64_t sectors)
{
    if (WRG_UNLIKELY(vbd->w->trace.on))
        emit_submit(vbd, slot, sectors);
    wrg_world_grant_steps(vbd->w, 256 + 64 * (uint64_t)slot->io.nvec);
}

static int try_submit(struct wrg_world_vbd *vbd, struct wrg_io_slot *slot)
{
    if (!wrg_edge_is_ready(vbd))
        return -EIO;
    return vbd->endpoints[WRG_SEAT_FRONT]->submit(vbd->self[WRG_SEAT_FRONT], &slot->io);
}

static int submit_slot(struct wrg_world_vbd *vbd, struct wrg_io_slot *slot)
{
    int result = try_submit(vbd, slot);

    for (uint32_t tries = 1; result == -EAGAIN && tries < SUBMIT_TRIES; tries++) {
        (void)!wrg_sched_wait(&vbd->w->sched, SUBMIT_PAUSE_NS);
        result = try_submit(vbd, slot);
    }
    return result;
}

/* What those see who look at data. */
__attribute__((noinline)) static void mark_data(struct wrg_world_vbd *vbd,
                                                const struct wrg_io_slot *slot, uint32_t pattern)
{
    if (is_untrusted(vbd))
        poison(vbd, slot);
    stamp(vbd, slot, pattern);
}

__attribute__((noinline)) static void end_refused(struct wrg_world_vbd *vbd,
                                                  struct wrg_io_slot *slot, int result)
{
    emit_end(vbd, slot, result);
    give_back(vbd, slot, result, false);
}

bool wrg_edge_submit(struct wrg_world_vbd *vbd, const struct wrg_edge_io *args)
{
    bool discard = wrg_disk_discards(args->op);
    uint32_t npages =
        discard ? 0 : (args->first + args->count + SECTORS_PER_PAGE - 1) / SECTORS_PER_PAGE;
    struct wrg_io_slot *slot;
    int result;

    if (npages > WRG_WORLD_IO_PAGES || wrg_vbd_scripted(vbd, WRG_SEAT_FRONT))
        return false;
    slot = take_slot(vbd);
    if (!slot)
        return false;
    if (slot->npages < npages && !make_buffer(vbd, slot, npages)) {
        give_back(vbd, slot, -ENOMEM, false);
        return false;
    }
    slot->program.done = NULL;
    slot->io.op = args->op;
    slot->io.sector = args->sector;
    slot->io.nsectors = discard ? args->count : 0;
    fill_vectors(slot, args, npages);
    if (vbd->w->instrumented)
        mark_data(vbd, slot, args->pattern);
    tell_submit(vbd, slot, args->count);
    result = submit_slot(vbd, slot);
    if (WRG_UNLIKELY(result))
        end_refused(vbd, slot, result);
    /* What cannot be done with this disk has been refused, which is what a case may be about. */
    return result == 0 || result == -EINVAL || result == -EROFS;
}

/* ---- I/O of a program ---- */

static uint64_t sectors_of(const struct wrg_program_io *io)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < io->nvec; i++)
        bytes += io->vec[i].len;
    return wrg_disk_discards(io->op) ? io->nsectors : bytes / WRG_SECTOR_SIZE;
}

static struct wrg_io_slot *take_program_slot(struct wrg_world_vbd *vbd,
                                             const struct wrg_program_io *io)
{
    lock(vbd);
    struct wrg_io_slot *slot = find_slot(vbd);
    if (slot) {
        slot->program = *io;
        slot->io.op = io->op;
        slot->io.sector = io->sector;
        slot->io.nvec = io->nvec;
        slot->io.vec = io->vec;
        slot->io.nsectors = wrg_disk_discards(io->op) ? io->nsectors : 0;
    }
    unlock(vbd);
    return slot;
}

int wrg_edge_submit_program(struct wrg_world_vbd *vbd, const struct wrg_program_io *io)
{
    const struct wrg_endpoint *front = vbd->endpoints[WRG_SEAT_FRONT];
    struct wrg_io_slot *slot;
    int result;

    if (!wrg_edge_is_ready(vbd))
        return -EIO;
    slot = take_program_slot(vbd, io);
    if (!slot)
        return -EAGAIN;
    uint8_t before = wrg_sched_speak(&vbd->w->sched, vbd->index);
    tell_submit(vbd, slot, sectors_of(io));
    result = front->submit(vbd->self[WRG_SEAT_FRONT], &slot->io);
    if (result)
        end_refused(vbd, slot, result);
    (void)wrg_sched_speak(&vbd->w->sched, before);
    return result;
}

/* ---- callbacks of the frontend ---- */

/* Who waits for room may find that there is none, and waits again. */
static void wake_waiter(struct wrg_world_vbd *vbd, uint32_t connections)
{
    lock(vbd);
    bool wake = vbd->edge.waiting;
    vbd->edge.waiting = false;
    vbd->edge.state.connections += connections;
    unlock(vbd);
    if (wake)
        wrg_sched_wake(&vbd->w->sched, vbd->edge.waiter);
}

void wrg_edge_started(struct wrg_world_vbd *vbd)
{
    if (wrg_edge_is_ready(vbd))
        wake_waiter(vbd, 0);
}

static void blk_ready(void *ctx, const struct wrg_blk_ready *args)
{
    struct wrg_world_vbd *vbd = ctx;
    bool takes_io = vbd->endpoints[WRG_SEAT_FRONT]->submit != NULL;

    wrg_xen_emit(&vbd->w->xen, .kind = WRG_EV_BLK_READY, .role = WRG_ROLE_FRONT,
                 .a = args->max_segments, .b = args->vdisk_info, .c = args->sectors,
                 .d = args->sector_size_bytes - WRG_SECTOR_SIZE);
    __atomic_store_n(&vbd->edge.state.sectors, args->sectors, __ATOMIC_RELAXED);
    __atomic_store_n(&vbd->edge.state.ready, takes_io, __ATOMIC_RELEASE);
    vbd->edge.state.max_segments = args->max_segments;
    wake_waiter(vbd, 1);
}

/* What the checkers hear of an end, which may be the driver's lie: they will say so. */
__attribute__((noinline)) static void tell_complete(struct wrg_world_vbd *vbd,
                                                    const struct wrg_io_slot *slot,
                                                    const struct wrg_blk_complete *args)
{
    if (slot && !args->error && slot->io.op == WRG_IO_READ)
        emit_data(vbd, slot);
    wrg_xen_emit(&vbd->w->xen, .kind = WRG_EV_BLK_COMPLETE, .role = WRG_ROLE_FRONT,
                 .a = (uint32_t)args->tag, .b = (uint32_t)args->error);
}

static void blk_complete(void *ctx, const struct wrg_blk_complete *args)
{
    struct wrg_world_vbd *vbd = ctx;
    struct wrg_io_slot *slot = &vbd->edge.slots[args->tag % WRG_WORLD_IO_SLOTS];
    bool known = slot->busy && slot->io.tag == args->tag;

    if (WRG_UNLIKELY(vbd->w->trace.on))
        tell_complete(vbd, known ? slot : NULL, args);
    if (WRG_UNLIKELY(!known))
        return;
    /* The slot is free before the program is told. */
    const struct wrg_program_done done = { .ctx = slot->program.ctx,
                                           .error = args->error,
                                           .pages_kept = args->pages_kept };
    void (*tell_program)(const struct wrg_program_done *) = slot->program.done;
    give_back(vbd, slot, args->error, args->pages_kept);
    if (tell_program)
        tell_program(&done);
}

static void blk_gone(void *ctx, const struct wrg_blk_gone *args)
{
    struct wrg_world_vbd *vbd = ctx;

    __atomic_store_n(&vbd->edge.state.ready, false, __ATOMIC_RELEASE);
    wrg_xen_emit(&vbd->w->xen, .kind = WRG_EV_BLK_GONE, .role = WRG_ROLE_FRONT,
                 .a = (uint32_t)args->error);
}

/* ---- the backend's disk ---- */

static int disk_info(void *ctx, struct wrg_disk_info *args)
{
    struct wrg_world_vbd *vbd = ctx;

    return wrg_disk_queue_info(&vbd->disk, args);
}

static int disk_submit(void *ctx, struct wrg_disk_submit *args)
{
    struct wrg_world_vbd *vbd = ctx;

    return wrg_disk_queue_submit(&vbd->disk, args);
}

struct wrg_edge wrg_edge_of(struct wrg_world_vbd *vbd)
{
    return (struct wrg_edge){ .ctx = vbd,
                              .disk_info = disk_info,
                              .disk_submit = disk_submit,
                              .blk_ready = blk_ready,
                              .blk_complete = blk_complete,
                              .blk_gone = blk_gone };
}
