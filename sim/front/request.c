/* SPDX-License-Identifier: MIT */
/*
 * From the block layer's I/O to requests on the ring.
 */
#include <errno.h>
#include <string.h>

#include "front/front.h"

enum { SECTOR_SHIFT = 9 };

static bool takes_io(const struct wrg_front *front)
{
    uint8_t state = __atomic_load_n(&front->state, __ATOMIC_ACQUIRE);

    return state == FRONT_UP || state == FRONT_SUSPENDED;
}

/*
 * One after the other. The block layer knows no order between requests that it has not heard of
 * yet, so any queue will do; all parts of one go the same way.
 */
static uint32_t next_queue(struct wrg_front *front)
{
    uint32_t nrings = __atomic_load_n(&front->nrings, __ATOMIC_ACQUIRE);

    return nrings == 1 ? 0 : __atomic_fetch_add(&front->turn, 1, __ATOMIC_RELAXED) % nrings;
}

/* With its list_lock held. */
static struct front_queue *lock_queue(struct wrg_front *front)
{
    for (;;) {
        uint32_t index = next_queue(front);
        struct front_queue *queue = &front->queues[index];
        wrg_port_lock(front->port, queue->list_lock);
        /* There may be fewer by now: what this one had has gone to others, and so shall this. */
        if (index == 0 || index < __atomic_load_n(&front->nrings, __ATOMIC_ACQUIRE))
            return queue;
        wrg_port_unlock(front->port, queue->list_lock);
    }
}

/* Whole blocks; the block layer was told of their size. */
static bool is_aligned(const struct wrg_io *io, uint32_t mask, uint32_t offset_mask)
{
    uint64_t all = io->sector | io->nsectors;
    uint32_t offsets = 0;

    for (uint32_t i = 0; i < io->nvec; i++) {
        all |= io->vec[i].len / WRG_SECTOR_SIZE;
        offsets |= io->vec[i].off / WRG_SECTOR_SIZE;
    }
    return (all & mask) == 0 && (offsets & offset_mask) == 0;
}

/* What this disk cannot do. */
static int check(const struct wrg_front *front, const struct wrg_io *io)
{
    uint32_t mask = __atomic_load_n(&front->block_mask, __ATOMIC_RELAXED);

    if (io->op != WRG_IO_READ && io->op != WRG_IO_FLUSH &&
        __atomic_load_n(&front->readonly, __ATOMIC_RELAXED))
        return -EROFS;
    if (mask && io->op != WRG_IO_FLUSH &&
        !is_aligned(io, mask, __atomic_load_n(&front->offset_mask, __ATOMIC_RELAXED)))
        return -EINVAL;
    return 0;
}

int wrg_front_submit(void *self, struct wrg_io *io)
{
    struct wrg_front *front = self;
    struct front_io *mine = (struct front_io *)(void *)io->driver;
    struct front_queue *queue;
    bool first = false;
    bool taken = false;
    int refused = check(front, io);

    if (refused && takes_io(front))
        return refused;
    *mine = (struct front_io){
        .tag = io->tag, .sector = io->sector, .vec = io->vec, .nvec = io->nvec, .op = io->op
    };
    queue = lock_queue(front);
    /* Closing fails what waits under this lock: nothing may slip in behind it. */
    if (takes_io(front)) {
        first = queue->head == NULL;
        if (first)
            queue->head = mine;
        else
            queue->tail->next = mine;
        queue->tail = mine;
        taken = true;
    }
    wrg_port_unlock(front->port, queue->list_lock);
    if (!taken)
        return -EIO;
    struct wrg_task_wake wake = { .task = queue->task };
    return first ? wrg_port_task_wake(front->port, &wake) : 0;
}

static void complete(struct wrg_front *front, const struct front_io *io)
{
    struct wrg_blk_complete done = { .tag = io->tag,
                                     .error = io->error,
                                     .pages_kept = io->pages_kept };

    (void)wrg_port_blk_complete(front->port, &done);
}

/* Under ring_lock: takes over what was submitted since the last time. */
static void collect(struct front_queue *queue)
{
    struct wrg_port *port = queue->port;

    wrg_port_lock(port, queue->list_lock);
    if (queue->todo_tail)
        queue->todo_tail->next = queue->head;
    else
        queue->todo = queue->head;
    if (queue->tail)
        queue->todo_tail = queue->tail;
    queue->head = queue->tail = NULL;
    wrg_port_unlock(port, queue->list_lock);
}

/* Under ring_lock: nothing more of the first I/O is to be put on the ring. */
static struct front_io *pop(struct front_queue *queue)
{
    struct front_io *io = queue->todo;

    queue->todo = io->next;
    if (!queue->todo)
        queue->todo_tail = NULL;
    io->all_put = true;
    return io;
}

static void fail_waiting(struct front_queue *queue, int error)
{
    struct wrg_front *front = queue->front;

    /* The ring's task may be putting the parts of the first I/O on the ring. */
    wrg_port_lock(front->port, queue->ring_lock);
    collect(queue);
    while (queue->todo) {
        struct front_io *io = pop(queue);
        io->error = error;
        if (io->parts == 0) /* else its last part completes it */
            complete(front, io);
    }
    wrg_port_unlock(front->port, queue->ring_lock);
}

void wrg_front_fail_waiting(struct wrg_front *front, int error)
{
    for (unsigned i = 0; i < front->nqueues; i++)
        fail_waiting(&front->queues[i], error);
}

static void append(struct front_queue *queue, struct front_io *first, struct front_io *last)
{
    wrg_port_lock(queue->port, queue->ring_lock);
    if (queue->todo_tail)
        queue->todo_tail->next = first;
    else
        queue->todo = first;
    queue->todo_tail = last;
    wrg_port_unlock(queue->port, queue->ring_lock);
}

void wrg_front_spread(struct wrg_front *front, uint8_t nrings)
{
    __atomic_store_n(&front->nrings, nrings, __ATOMIC_RELEASE);
    for (unsigned i = nrings; i < front->nqueues; i++) {
        struct front_queue *queue = &front->queues[i];
        wrg_port_lock(front->port, queue->ring_lock);
        collect(queue);
        struct front_io *first = queue->todo, *last = queue->todo_tail;
        queue->todo = queue->todo_tail = NULL;
        wrg_port_unlock(front->port, queue->ring_lock);
        if (first)
            append(&front->queues[i % nrings], first, last);
    }
}

/* ---- one ring request ---- */

/* A backend that cannot flush flushes for an empty barrier. */
static uint8_t operation_of(const struct wrg_front *front, uint8_t op)
{
    static const uint8_t operations[] = { [WRG_IO_READ] = WRG_BLKIF_OP_READ,
                                          [WRG_IO_WRITE] = WRG_BLKIF_OP_WRITE,
                                          [WRG_IO_FLUSH] = WRG_BLKIF_OP_FLUSH_DISKCACHE,
                                          [WRG_IO_BARRIER] = WRG_BLKIF_OP_WRITE_BARRIER,
                                          [WRG_IO_DISCARD] = WRG_BLKIF_OP_DISCARD,
                                          [WRG_IO_SECURE_ERASE] = WRG_BLKIF_OP_DISCARD };

    return op == WRG_IO_FLUSH && !wrg_front_offers(&front->flush)
               ? (uint8_t)WRG_BLKIF_OP_WRITE_BARRIER
               : operations[op];
}

static void put(struct front_queue *queue, struct front_slot *slot, const struct front_part *part)
{
    const struct wrg_front *front = queue->front;
    struct wrg_blkif_request wire;

    memset(&wire, 0, sizeof(wire));
    wire.id = (uint64_t)(slot - queue->ring->slots);
    wire.sector_number = part->io->sector >> front->units.number;
    wire.handle = front->handle;
    wire.nr_segments = (uint16_t)part->nseg;
    slot->operation = operation_of(front, part->io->op);
    if (slot->nindirect) {
        wire.operation = WRG_BLKIF_OP_INDIRECT;
        wire.indirect_op = slot->operation;
        memcpy(wire.indirect_grefs, slot->indirect_grefs,
               slot->nindirect * sizeof(*wire.indirect_grefs));
    } else {
        wire.operation = slot->operation;
        for (uint32_t i = 0; i < part->nseg; i++)
            wire.seg[i] =
                wrg_front_segment(&part->io->vec[part->first_vec + i], slot->grefs[i], part->shift);
        if (slot->operation == WRG_BLKIF_OP_DISCARD) {
            wire.nr_sectors = wrg_front_block_io(part->io)->nsectors >> front->units.number;
            wire.flag = part->io->op == WRG_IO_SECURE_ERASE ? WRG_BLKIF_DISCARD_SECURE : 0;
        }
    }
    wrg_front_ring_put(&queue->ring->ring, &wire);
}

/* Under ring_lock, so there is one writer; others read it without. */
static void count_outstanding(struct front_ring *ring, int by)
{
    __atomic_store_n(&ring->outstanding, ring->outstanding + (uint32_t)by, __ATOMIC_RELEASE);
}

static struct front_part next_part(const struct wrg_front *front, struct front_io *io)
{
    struct front_part part = { .io = io,
                               .first_vec = io->done_vec,
                               .nseg = io->nvec - io->done_vec,
                               .shift = SECTOR_SHIFT + front->units.segment };

    if (part.nseg > front->max_segments)
        part.nseg = front->max_segments;
    /* There are no indirect barriers: a long one is several, which are in order as well. */
    if (part.nseg > WRG_BLKIF_MAX_DIRECT_SEGMENTS && io->op == WRG_IO_BARRIER)
        part.nseg = WRG_BLKIF_MAX_DIRECT_SEGMENTS;
    return part;
}

/* To what is left of the I/O behind a part that is on the ring. */
static void move_on(struct front_queue *queue, const struct front_part *part)
{
    struct front_io *io = part->io;

    io->done_vec += part->nseg;
    if (io->done_vec == io->nvec) {
        (void)pop(queue);
        return;
    }
    for (uint32_t i = part->first_vec; i < io->done_vec; i++)
        io->sector += io->vec[i].len / WRG_SECTOR_SIZE;
}

/* 0: the next part is on the ring (or the I/O is over); -errno: again when there is room. */
static int issue_part(struct front_queue *queue, struct front_io *io)
{
    struct wrg_front *front = queue->front;
    struct front_ring *ring = queue->ring;
    struct front_slot *slot = &ring->slots[ring->free_slot];
    struct front_part part = next_part(front, io);

    wrg_port_section(front->port, WRG_AT_SUBMIT, ++queue->requests);
    int result = wrg_front_share(queue, slot, &part);
    if (result && (ring->outstanding || io->parts))
        return result; /* something will be given back */
    if (result) {
        io->error = -EIO;
        (void)pop(queue);
        complete(front, io);
        return 0;
    }
    ring->free_slot = slot->next_free;
    slot->io = io;
    put(queue, slot, &part);
    count_outstanding(ring, 1);
    io->parts++;
    move_on(queue, &part);
    return 0;
}

static bool is_offered(const struct wrg_front *front, uint8_t op)
{
    switch (op) {
    case WRG_IO_FLUSH: return wrg_front_offers(&front->flush) || wrg_front_offers(&front->barrier);
    case WRG_IO_BARRIER: return wrg_front_offers(&front->barrier);
    case WRG_IO_DISCARD: return wrg_front_offers(&front->discard);
    case WRG_IO_SECURE_ERASE: return wrg_front_offers(&front->discard) && front->discard_secure;
    default: return true;
    }
}

/*
 * A flush of a backend that has no cache to flush is done at once; what it does not offer, or does
 * not any more, is refused.
 */
static bool skip(struct front_queue *queue, struct front_io *io)
{
    struct wrg_front *front = queue->front;

    if (io->op < WRG_IO_FLUSH || is_offered(front, io->op))
        return false;
    if (io->op != WRG_IO_FLUSH)
        io->error = -EOPNOTSUPP;
    (void)pop(queue);
    if (io->parts == 0) /* else its last part completes it */
        complete(front, io);
    return true;
}

void wrg_front_issue(struct front_queue *queue)
{
    const uint8_t *state = &queue->front->state;

    collect(queue);
    while (queue->todo && __atomic_load_n(state, __ATOMIC_ACQUIRE) == FRONT_UP) {
        if (skip(queue, queue->todo))
            continue;
        if (queue->ring->free_slot == FRONT_NO_SLOT || issue_part(queue, queue->todo))
            return;
    }
}

/* ---- the end of a request ---- */

void wrg_front_let_go(struct front_queue *queue, struct front_slot *slot)
{
    struct front_ring *ring = queue->ring;
    struct front_io *io = slot->io;

    wrg_front_end_share(queue, slot);
    slot->io = NULL;
    slot->next_free = ring->free_slot;
    ring->free_slot = (uint16_t)(slot - ring->slots);
    count_outstanding(ring, -1);
    io->parts--;
}

void wrg_front_finish(struct front_queue *queue, struct front_slot *slot, int error)
{
    struct wrg_front *front = queue->front;
    struct front_io *io = slot->io;

    if (!error && front->bounce && io->op == WRG_IO_READ)
        wrg_front_copy_out(queue, slot);
    wrg_front_let_go(queue, slot);
    if (error || io->stuck)
        io->error = error ? error : -EIO;
    if (io->stuck && __atomic_load_n(&front->state, __ATOMIC_ACQUIRE) != FRONT_ERROR)
        wrg_front_enter_error(front, "backend still maps pages of a request that it has answered");
    if (io->all_put && io->parts == 0)
        complete(front, io);
}
