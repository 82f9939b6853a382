/* SPDX-License-Identifier: MIT */
/*
 * The scripted backend.
 *
 * What it is    Connects and serves like an honest driver; a plan says which requests are answered
 *               otherwise, and how. A request carries a copy of its answer from fetch to response.
 * Layer         hostile; sees include/wringer only
 * Bounds        12 queues; rings of 1..16 pages; indirect requests of 1..4096 segments; 64 grefs of
 *               the last request of each queue are remembered for pokes
 * Ownership     a request belongs to the disk until its done, or to the list of kept ones; the
 *               connection stays until the disk has none
 * Threads       the peer's lock guards link and requests; the disk's task takes it to finish one
 * Errors        as the reference backend answers them
 */
#ifndef WRG_HOSTILE_BACK_H
#define WRG_HOSTILE_BACK_H

#include "hostile/peer.h"

enum { BACK_POKE_GREFS = 64 };

struct hostile_back;

struct back_task { /* one request; arrays of nseg entries follow it in the same block */
    struct hostile_back *back;
    struct back_queue *queue; /* that it came from */
    struct back_task *next;   /* on the list of those whose pages stay mapped */
    struct wrg_hostile_answer answer;
    uint64_t id;
    uint8_t operation; /* that an honest response echoes */
    uint8_t io_op;     /* enum wrg_io_op */
    uint16_t nseg;
    uint64_t sector;
    uint64_t nsectors;
    uint32_t nmapped;
    uint32_t nvec; /* that go to the disk */
    struct wrg_blkif_segment *segs;
    struct wrg_vec *vecs;
    uint32_t *pages;
};

struct back_link {
    struct wrg_back_ring ring;
    uint32_t ring_gref; /* of the first page */
    uint8_t ring_pages;
    bool broken;               /* the peer's index was out of range */
    uint32_t shown;            /* the rsp_prod that the frontend sees */
    uint32_t nindirect, ndata; /* grefs of the last request, for pokes */
    uint32_t indirect[WRG_BLKIF_MAX_INDIRECT_PAGES];
    uint32_t data[BACK_POKE_GREFS];
};

struct back_queue {
    struct hostile_back *back;
    struct hostile_channel *channel;
    struct back_link *link; /* NULL: not connected */
    uint32_t requests;      /* fetched since start */
};

struct hostile_back {
    struct hostile_peer peer; /* first: either seat is a peer */
    struct back_queue queues[HOSTILE_QUEUES];
    uint32_t nqueues;       /* connected; 0: not connected */
    struct back_task *kept; /* answered, still mapped */
    uint32_t inflight;      /* requests that the disk has */
    uint64_t sectors;
    struct wrg_units units;
    uint8_t vdisk_info;
    uint32_t indirect_max; /* 0: not supported */
    bool readonly, flush, barrier, discard, discard_secure;
    uint32_t discard_granularity_bytes;
    bool resized;  /* the disk has another size than was published */
    bool stopping; /* the connection goes when the disk is done */
    bool repented; /* answers are honest, whatever was planned */
    bool spin, idle_loop;
    bool keep_ring;                     /* those rings for ever */
    struct wrg_hostile_answer *answers; /* the script's */
    uint32_t nanswers;
};

/* Negotiation (back_connect.c); under the lock. */
int wrg_hostile_back_publish(struct hostile_back *back);
int wrg_hostile_back_connect(struct hostile_back *back);
/* Whether the hotplug script has named a device. */
bool wrg_hostile_back_has_device(struct hostile_back *back);
void wrg_hostile_back_tell_size(struct hostile_back *back);
/* False: the disk still has requests; its last one wakes the xenbus task. */
bool wrg_hostile_back_disconnect(struct hostile_back *back);

/* The ring's task (back_queue.c). */
void wrg_hostile_back_work(void *channel);

/* What a request holds (back_task.c); under the lock. NULL: no memory. */
struct back_task *wrg_hostile_back_alloc(struct back_queue *queue, uint32_t nseg);
void wrg_hostile_back_free(struct back_task *task);
/* Maps the pages of its segments, and makes vectors of them. -EFAULT: not all are mapped. */
int wrg_hostile_back_map(struct back_task *task);
void wrg_hostile_back_unmap(struct back_task *task);

/* Requests (back_request.c); under the lock. */
void wrg_hostile_back_dispatch(struct back_queue *queue, const struct wrg_blkif_request *wire,
                               const struct wrg_hostile_answer *answer);

/* What a request must satisfy (back_check.c). BLKIF_RSP_* */
int16_t wrg_hostile_back_check(const struct hostile_back *back,
                               const struct wrg_blkif_request *wire);
int16_t wrg_hostile_back_check_segments(const struct hostile_back *back, struct back_task *task);

/* The plan (back_answer.c). What it says of the next request. */
struct wrg_hostile_answer wrg_hostile_back_choose(const struct back_queue *queue);
/* Ends the request: unmap, answer, free, in the order that the answer wants. */
void wrg_hostile_back_finish(struct back_task *task, int16_t status);
/* Misdeeds before the disk is asked. */
void wrg_hostile_back_spoil(struct back_task *task);
/* Answers a request for which there was no memory. */
void wrg_hostile_back_refuse(struct back_queue *queue, const struct wrg_blkif_request *wire);
/* Unmaps what was never unmapped. */
void wrg_hostile_back_drop_kept(struct hostile_back *back);
/* What the response of this request echoes. */
uint8_t wrg_hostile_back_echo(const struct hostile_back *back,
                              const struct wrg_blkif_request *wire);

#endif
