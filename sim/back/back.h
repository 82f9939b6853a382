/* SPDX-License-Identifier: MIT */
/*
 * The reference backend: blkback, hardened, in the open.
 *
 * What it is    One device of several queues. Tasks: `back.xenbus` walks the states, a `back.ring`
 *               for each queue drains its ring; the disk's task calls back with what is done. A
 *               request lives in one object, from its copy off the ring to its response.
 * Layer         back; sees include/wringer only
 * Bounds        1..12 queues; rings of 1..16 pages; indirect requests of 1..4096 segments
 * Ownership     everything belongs to struct wrg_back and goes back to the port at stop
 * Threads       two locks a queue: a ring may come and go only under ring_lock, and while
 *               requests are in flight it stays; responses are put under rsp_lock, by whoever
 *               ends the request, and published by the ring's task, many at once. Who takes the
 *               ring_lock of several queues takes them in order
 * Errors        a peer that breaks a ring is cut off: no further request is read, no EOI is given
 * Waits         for the hotplug script: the device is announced at once, and connected when the
 *               node physical-device is there
 * Source        xen/io/blkif.h; where implementations differ, Linux's answers
 */
#ifndef WRG_BACK_BACK_H
#define WRG_BACK_BACK_H

#include <wringer/wringer.h>

#define BACK_RETRY_NS    (UINT64_C(1000) * 1000 * 1000)
#define BACK_CLOSE_TRIES 8 /* then the device's own directory is gone, most likely */

enum { BACK_QUEUES = 12 };

struct wrg_back;
struct back_queue;

/* One request in flight. Arrays of nseg entries follow it in the same block. */
struct back_request {
    struct back_queue *queue;
    uint64_t id;
    uint8_t operation; /* that the response will echo */
    uint8_t io_op;     /* enum wrg_io_op */
    uint8_t step;      /* of a barrier */
    uint16_t nseg;
    uint64_t sector; /* of 512 bytes */
    uint64_t nsectors;
    uint32_t nmapped; /* pages that end with the request */
    uint32_t npooled; /* entries of a pool that it uses */
    struct wrg_blkif_segment *segs;
    struct wrg_vec *vecs;
    uint32_t *pages;
};

/* Why no request is taken off any ring. */
enum back_hold {
    /* How many barriers wait for what came before them, or have not ended: one a queue at most. */
    BACK_BARRIERS = 0x7f,
    BACK_STOPPING = 0x80, /* the connection is being closed */
};

/* How data is got at: data.h says more. */
enum back_way { BACK_MAP, BACK_COPY, BACK_PERSISTENT };

/* What a queue has of one connection; what its way of getting at data keeps lies behind it. */
struct back_ring {
    struct wrg_back_ring ring;
    uint32_t taken;    /* requests off the ring; written by the ring's task */
    uint32_t answered; /* of them, for the frontend to see; written under rsp_lock */
    uint32_t requests; /* names the sections */
    uint32_t evtchn;
    uint32_t page;
    uint8_t npages;
    bool broken; /* the peer's index was out of range */
};

/* A queue is there from the first connection that has so many of them on, until stop. */
struct back_queue {
    struct wrg_back *back;
    struct wrg_port *port;        /* of the device */
    struct back_ring *ring;       /* NULL: not connected */
    struct back_request *waiting; /* a barrier that has not begun; written by the ring's task */
    uint32_t task;
    uint32_t ring_lock;  /* held while the ring is drained, set up or torn down */
    uint32_t rsp_lock;   /* held while responses are put or pushed */
    bool settled;        /* since that barrier came, nobody takes requests */
    uint32_t purge_task; /* where persistent grants are offered */
};

struct wrg_back {
    struct wrg_port *port;
    struct wrg_xenbus_device bus;
    uint32_t xenbus_task;
    uint8_t nqueues;        /* that are there */
    uint8_t nrings;         /* that are connected, the first ones; changed under all ring_locks */
    uint8_t hold;           /* no new requests: enum back_hold */
    uint8_t turn;           /* 1 + the queue whose barrier has begun and not ended; 0: none */
    uint8_t way;            /* of this connection: enum back_way */
    uint64_t sectors;       /* of 512 bytes, whole blocks of them */
    struct wrg_units units; /* that numbers of requests and the node sectors are in */
    uint8_t vdisk_info;     /* VDISK_* */
    uint32_t indirect_max;  /* 0: BLKIF_OP_INDIRECT is not supported */
    uint8_t max_queues;     /* offered */
    bool readonly;
    bool flush, barrier, discard, discard_secure; /* offered */
    uint32_t discard_granularity_bytes;
    bool lost;           /* the disk cannot do any more what is offered: the nodes are to say so */
    bool open;           /* the hotplug script has named a device */
    bool properties_due; /* those of the disk are not published yet, or have changed */
    bool resized;        /* the disk has another size than was published */
    bool detaching;
    bool leaving;          /* the device goes with this connection */
    bool gone;             /* it has: whatever the frontend does, nobody listens */
    uint32_t major, minor; /* of the device, while it is open */
    uint8_t closing_tries; /* to say Closing */
    uint8_t close_tries;   /* to say Closed */
    struct back_queue queues[BACK_QUEUES];
};

/* Driver (back.c). */
extern const struct wrg_endpoint wrg_back_endpoint;

/* The device and its nodes (device.c). */
bool wrg_back_offers_persistent(const struct wrg_back *back);
/* Takes up the device that the hotplug script names, if it does by now. */
int wrg_back_open(struct wrg_back *back);
/* Features, and what is known of the disk. */
int wrg_back_publish(struct wrg_back *back);
/* What was not known then, or has changed. */
int wrg_back_publish_properties(struct wrg_back *back);
/* The next driver may not speak of queues, and would be believed to offer what this one did. */
void wrg_back_take_back_offer(struct wrg_back *back);
/* The disk has turned out not to do what was offered. */
int wrg_back_withdraw(struct wrg_back *back);
/* The disk has another size: the frontend is told, if it is connected. */
int wrg_back_tell_size(struct wrg_back *back);

/* Negotiation (connect.c). */
/* Why it fails, in words. */
int wrg_back_connect(struct wrg_back *back, const char **why);
/* False: requests are in flight, it has to be called again when they are not. */
bool wrg_back_disconnect(struct wrg_back *back);

/* What the frontend says of its rings (ring_nodes.c). */
struct back_ring_size {
    uint8_t npages;
    bool numbered; /* they go by ring-ref0 and so on, also if it is one */
};
/* -EINVAL: no ring that can be served, and why. */
int wrg_back_read_ring_size(struct wrg_back *back, struct back_ring_size *size, const char **why);
/* Those whose names begin with the prefix, npages of them: "", or a directory and a slash. */
int wrg_back_read_ring_refs(struct wrg_back *back, const char *prefix,
                            const struct back_ring_size *size, uint32_t *grefs);

/* The ring (queue.c). */
/* A queue more: its locks and its task. */
int wrg_back_create_queue(struct wrg_back *back);
void wrg_back_destroy_queues(struct wrg_back *back);
void wrg_back_drain(void *queue);
/* Whether every request that was taken off the ring has been answered. */
bool wrg_back_is_idle(struct back_queue *queue);
/*
 * Puts a response on the ring, which the ring's task publishes with those that it finds beside it.
 * True: it is the first of them, and a caller in another task has to ask for that.
 */
bool wrg_back_respond(struct back_queue *queue, uint64_t id, uint8_t operation, int16_t status);
void wrg_back_publish_soon(struct back_queue *queue);
/* Keeps the tasks of all rings off them, in order. */
void wrg_back_lock_rings(struct wrg_back *back);
void wrg_back_unlock_rings(struct wrg_back *back);

/* Requests (request.c). */
void wrg_back_dispatch(struct back_queue *queue, const struct wrg_blkif_request *wire);
/* Unmap, then answer: a frontend that is answered takes its grants back at once. */
bool wrg_back_finish(struct back_request *req, int16_t status);
int16_t wrg_back_status_of(struct wrg_back *back, const struct back_request *req, int error);

/* Barriers (barrier.c). */
/* Nothing is taken off any ring until this has ended. */
void wrg_back_hold(struct back_request *req);
/* By the ring's task: lets the barrier begin if nothing else is in flight. */
void wrg_back_look_at_barrier(struct back_queue *queue);
/* By the ring's task, without its lock: the tasks of the other rings have seen the barrier then. */
void wrg_back_settle(struct back_queue *queue);
/* Nothing but barriers is in flight in one of the queues. */
void wrg_back_wake_barriers(struct wrg_back *back);

/* What a request must satisfy before anything is mapped (validate.c). All give BLKIF_RSP_*. */
int16_t wrg_back_check_header(const struct wrg_back *back, const struct wrg_blkif_request *wire);
int16_t wrg_back_check_discard(const struct wrg_back *back, const struct back_request *req);
/* Segments are in sectors from then on. */
int16_t wrg_back_check_segments(const struct wrg_back *back, struct back_request *req);

#endif
