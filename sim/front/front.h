/* SPDX-License-Identifier: MIT */
/*
 * The reference frontend: blkfront, hardened, in the open.
 *
 * What it is    One device of several queues. Tasks: a `front.ring` for each queue puts requests
 *               and takes responses, `front.xenbus` walks the states. What was asked is kept in
 *               private slots and never read back from the ring; a response is copied once and
 *               checked against its slot.
 * Layer         front; sees include/wringer only
 * Bounds        1..12 queues; rings of 1..16 pages; requests of up to what the backend offers, at
 *               most 4096 segments
 * Ownership     everything belongs to struct wrg_front and goes back to the port at stop
 * Threads       a ring and its slots belong to the task of its queue, under ring_lock; the list of
 *               waiting I/O has a lock of its own, inside of the other
 * Errors        a backend that breaks the protocol puts the device into its error state: the ring
 *               is not touched any more, outstanding I/O fails, pages that are still mapped are
 *               kept
 * Source        xen/io/blkif.h; hardening as in protocol's rules for responses
 */
#ifndef WRG_FRONT_FRONT_H
#define WRG_FRONT_FRONT_H

#include <wringer/wringer.h>

#define FRONT_RETRY_NS    (UINT64_C(1000) * 1000 * 1000)
#define FRONT_CLOSE_TRIES 8 /* then the device's own directory is gone, most likely */

enum {
    FRONT_QUEUES = 12,
    FRONT_NO_SLOT = UINT16_MAX,
    FRONT_INLINE_GREFS = WRG_BLKIF_MAX_DIRECT_SEGMENTS,
    FRONT_SEGMENT_BYTES = 8, /* of a page of segments */
    /* How long a backend may take to answer what is in flight, or to follow into Closing. */
    FRONT_CLOSE_TIMEOUT_MS = 10000,
};

/*
 * A request of the block layer, in the room that it leaves for its driver; split into ring requests
 * of what the backend takes.
 */
struct front_io {
    struct front_io *next;
    uint64_t tag;
    uint64_t sector; /* of the next part */
    const struct wrg_vec *vec;
    uint32_t nvec;
    uint32_t done_vec; /* put on the ring so far */
    uint32_t parts;    /* on the ring now */
    int error;
    uint8_t op;
    bool all_put;
    bool stuck;      /* a grant of it could not be taken back */
    bool pages_kept; /* of a data page */
};

_Static_assert(sizeof(struct front_io) <= WRG_IO_DRIVER_WORDS * sizeof(uint64_t),
               "the block layer leaves room for this");

static inline const struct wrg_io *wrg_front_block_io(const struct front_io *io)
{
    return (const struct wrg_io *)(const void *)((const char *)io -
                                                 offsetof(struct wrg_io, driver));
}

/* What is remembered of a ring request; its index is the id. */
struct front_slot {
    struct front_io *io; /* NULL: free */
    uint32_t *grefs;     /* of the data pages: inline_grefs, or a block of the pool */
    uint32_t inline_grefs[FRONT_INLINE_GREFS];
    uint32_t indirect_grefs[WRG_BLKIF_MAX_INDIRECT_PAGES];
    uint32_t indirect_page; /* handle of the first */
    uint16_t nseg;
    uint16_t next_free;
    uint8_t operation; /* that the response must echo */
    uint8_t nindirect;
    uint16_t first_vec; /* of its I/O */
};

/* What of an I/O goes into one ring request. */
struct front_part {
    struct front_io *io;
    uint32_t first_vec, nseg;
    uint32_t shift; /* from bytes to what its segments are counted in */
};

/* A page that is granted to the backend, and stays so for a while. */
struct front_grant {
    struct front_grant *next; /* on the list of free ones */
    uint32_t gref, page;
};

/* What a queue has of one connection. */
struct front_ring {
    struct wrg_front_ring ring;
    uint32_t page;
    uint32_t npages;
    uint32_t grefs[WRG_BLKIF_MAX_RING_PAGES];
    uint32_t evtchn;
    uint16_t free_slot;
    uint32_t outstanding;
    struct front_slot slots[]; /* one an entry */
};

enum front_state {
    FRONT_DOWN,
    FRONT_UP,
    FRONT_SUSPENDED, /* takes I/O, which waits for the next backend */
    FRONT_CLOSING,
    FRONT_ERROR
};

/* Grants that the backend still used when they were to be taken back. */
struct front_kept {
    struct front_kept *next;
    uint32_t page; /* of the first grant; of the others, and where it is none, the block layer's */
    uint32_t count;
    uint32_t grefs[];
};

/* A queue is there from the first connection that has so many of them on, until stop. */
struct front_queue {
    struct wrg_front *front;
    struct wrg_port *port;   /* of the device */
    struct front_ring *ring; /* NULL: not connected */
    uint32_t task;
    uint32_t ring_lock, list_lock;
    uint32_t responses;                /* seen: names the sections */
    uint32_t requests;                 /* likewise */
    uint32_t purge_task;               /* where persistent grants are offered */
    struct front_io *todo, *todo_tail; /* to be put on the ring, under ring_lock */
    struct front_io *head, *tail;      /* submitted, under list_lock */
    struct front_kept *kept;           /* under ring_lock, while there is a ring */
};

struct wrg_front {
    struct wrg_port *port;
    struct wrg_xenbus_device bus;
    uint32_t xenbus_task;
    uint8_t state;       /* enum front_state */
    uint8_t nqueues;     /* that are there */
    uint8_t nrings;      /* that are connected, or were last: the first ones take I/O */
    bool queues_offered; /* the backend speaks of queues */
    uint32_t turn;       /* of the queues: I/O goes to one after the other */
    bool flush, barrier; /* offered */
    bool discard, discard_secure;
    bool persistent; /* both ends keep grants, of this connection */
    bool bounce;     /* data goes through pages of one's own */
    uint32_t discard_granularity_bytes, discard_alignment_bytes;
    uint8_t close_tries;         /* to say Closed */
    bool detaching;              /* no way back but a new start */
    bool suspended;              /* the guest was moved, and this driver has not looked at it yet */
    struct wrg_xenbus_walk walk; /* to where a driver would like to find the device */
    bool handed_over;            /* it was left that way, once */
    bool left;                   /* and nothing more is done, unless it is to be closed after all */
    uint16_t handle;             /* of the device, in each request */
    uint32_t max_segments;
    uint64_t sectors;       /* of the disk, as the block layer was told */
    struct wrg_units units; /* that the node sectors and numbers of requests are in */
    /* What the block layer's I/O must keep to: atomic, it may be submitted while we connect. */
    uint32_t block_mask; /* sectors of a block, less one */
    uint32_t
        offset_mask; /* the same of where data lies in its page, if that is counted in blocks */
    bool readonly;
    const char *refusal;  /* why the backend's properties are not believed; NULL: they are */
    uint64_t deadline_ns; /* of the wait in state CLOSING, 0: none yet */
    struct front_queue queues[FRONT_QUEUES];
};

/* Of flush, barrier and discard: any queue may find out that it is not offered after all. */
static inline bool wrg_front_offers(const bool *feature)
{
    return __atomic_load_n(feature, __ATOMIC_RELAXED);
}

/* Whoever unbinds the driver does not run in a task of it. */
static inline bool wrg_front_detaches(const struct wrg_front *front)
{
    return __atomic_load_n(&front->detaching, __ATOMIC_ACQUIRE);
}
static inline void wrg_front_set_detaching(struct wrg_front *front)
{
    __atomic_store_n(&front->detaching, true, __ATOMIC_RELEASE);
}

/* Driver (front.c). */
extern const struct wrg_endpoint wrg_front_endpoint;
void wrg_front_wake_xenbus(struct wrg_front *front);

/* The xenbus task (states.c). */
void wrg_front_xenbus_work(void *front);
void wrg_front_stop_timer(struct wrg_front *front);

/* Negotiation (connect.c). */
int wrg_front_set_up(struct wrg_front *front);
int wrg_front_connect(struct wrg_front *front);
/* Fails what is outstanding and gives the rings back. */
void wrg_front_tear_down(struct wrg_front *front);

/* How rings are spelled (ring_nodes.c). */
/* As many as both ends take. */
uint32_t wrg_front_ring_pages(struct wrg_front *front);
int wrg_front_write_ring_size(struct wrg_front *front, uint32_t transaction, uint32_t npages);
/* The names begin with the prefix: "", or a directory and a slash. */
int wrg_front_write_ring_refs(struct wrg_front *front, uint32_t transaction, const char *prefix,
                              const struct front_ring *ring);

/* The backend has written Connected again: the disk may have another size. */
int wrg_front_look_again(struct wrg_front *front);

/* Another host (resume.c). */
void wrg_front_resume(void *front);
/* What was in flight waits for the next backend, at whose directories we are then. */
int wrg_front_recover(struct wrg_front *front);

/* Queues (queue.c). */
/* One more: its locks and its task. */
int wrg_front_create_queue(struct wrg_front *front);
void wrg_front_destroy_queues(struct wrg_front *front);
/* The ring's task. */
void wrg_front_work(void *queue);
/* Under a ring_lock: no more ring, ever. */
void wrg_front_enter_error(struct wrg_front *front, const char *why);

/* What a request shares (data.c). */
/* Everything that it needs before it goes on the ring; nothing is held after a failure. */
int wrg_front_share(struct front_queue *queue, struct front_slot *slot,
                    const struct front_part *part);
/* Takes all of it back; what the backend still maps makes the I/O stuck. */
void wrg_front_end_share(struct front_queue *queue, struct front_slot *slot);
/* shift: from bytes to what segments are counted in. */
static inline struct wrg_blkif_segment wrg_front_segment(const struct wrg_vec *vec, uint32_t gref,
                                                         uint32_t shift)
{
    return (struct wrg_blkif_segment){
        .gref = gref,
        .first_sect = (uint8_t)(vec->off >> shift),
        .last_sect = (uint8_t)(((uint32_t)(vec->off + vec->len) >> shift) - 1),
    };
}

/* The same of many, as they lie in a page: as words, so that compilers make several at a time. */
static inline void wrg_front_put_segments(uint8_t *restrict bytes,
                                          const struct wrg_vec *restrict vec,
                                          const uint32_t *restrict grefs, uint32_t shift,
                                          uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t word = wrg_wire_load64((const uint8_t *)&vec[i]);
        uint64_t off = word >> 32 & 0xffff, end = off + (word >> 48);
        uint64_t first = off >> shift & 0xff, last = ((end >> shift) - 1) & 0xff;
        word = grefs[i] | first << 32 | last << 40;
        wrg_wire_store64(bytes + (size_t)i * FRONT_SEGMENT_BYTES, word);
    }
}

/* Bounce pages and persistent grants (persistent.c); under ring_lock. */
size_t wrg_front_pool_size(const struct wrg_front *front); /* bytes behind the slots of a ring */
size_t wrg_front_bounce_size(uint32_t nseg);               /* of grefs and grants */
int wrg_front_bounce(struct front_queue *queue, struct front_slot *slot,
                     const struct front_part *part);
/* Pages of segments, of persistent grants only. */
int wrg_front_take_indirect(struct front_queue *queue, struct front_slot *slot, uint32_t count,
                            uint32_t *pages);
/* What was read goes to the block layer. */
void wrg_front_copy_out(struct front_queue *queue, const struct front_slot *slot);
/* False: the backend still maps one that it should not. */
bool wrg_front_unbounce(struct front_queue *queue, struct front_slot *slot);
/* The housekeeping: a worker, arg is the queue. */
void wrg_front_purge(void *queue);
/* The connection ends, and nothing is in flight. */
void wrg_front_drop_grants(struct front_queue *queue);

/* Requests (request.c). */
int wrg_front_submit(void *front, struct wrg_io *io);
/* From now on there are so many rings: what waits for others waits for these. */
void wrg_front_spread(struct wrg_front *front, uint8_t nrings);
/* Puts what waits while there is room; under ring_lock. */
void wrg_front_issue(struct front_queue *queue);
/* Fails all that waits. */
void wrg_front_fail_waiting(struct wrg_front *front, int error);

/* Pages that the backend would not let go of (kept.c). */
void wrg_front_keep(struct front_queue *queue, uint32_t *grefs, uint32_t count, uint32_t page);
/* Takes a grant back and frees its page; false: the backend still maps it, both are kept. */
bool wrg_front_unshare(struct front_queue *queue, uint32_t gref, uint32_t page);
/* Tries again with all that was kept. */
void wrg_front_retry_kept(struct wrg_front *front);
/* The driver goes; what is still in use is the kernel's from now on. */
void wrg_front_abandon_kept(struct wrg_front *front);

/* Responses and the slots they belong to (response.c). */
void wrg_front_take(struct front_queue *queue, const struct wrg_blkif_response *response);
/* Gives grants back; the slot is free afterwards, and its I/O has a part less on the ring. */
void wrg_front_let_go(struct front_queue *queue, struct front_slot *slot);
/* The same, and completes the part. */
void wrg_front_finish(struct front_queue *queue, struct front_slot *slot, int error);

#endif
