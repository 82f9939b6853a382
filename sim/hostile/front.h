/* SPDX-License-Identifier: MIT */
/*
 * The scripted frontend.
 *
 * What it is    Connects like an honest driver, then does nothing of its own but take responses.
 *               Requests come from the script, which can edit them before and after publication.
 * Layer         hostile; sees include/wringer only
 * Bounds        12 queues; of each: 64 data pages, granted once; 512 slots of 8 indirect pages; 64
 *               edited grant entries
 * Ownership     a page goes back when its last gref has been taken back; until then it is kept
 * Threads       the peer's lock guards the link
 * Errors        a call of the port that fails makes the operation fail, and leaves it undone
 */
#ifndef WRG_HOSTILE_FRONT_H
#define WRG_HOSTILE_FRONT_H

#include "hostile/peer.h"

enum {
    FRONT_DATA_PAGES = 64,
    /* Requests side by side use pages of their own as long as they are direct. */
    FRONT_DATA_STRIDE = WRG_BLKIF_MAX_DIRECT_SEGMENTS,
    FRONT_KEPT = 256,
    FRONT_EDITS = 64,
    FRONT_NR_KINDS = WRG_HOSTILE_TRANSITIVE + 1
};

struct front_entry { /* a grant entry, version 1, as it lies in memory */
    uint16_t flags, domid;
    uint32_t frame;
};

/* A gref and the page behind it, which is given back with it. */
struct front_share {
    uint32_t gref; /* WRG_NO_GREF: nothing */
    uint32_t page;
};

/* An entry that the script has edited. The port cannot read entries: what was written is here. */
struct front_edit {
    uint32_t gref;
    bool own; /* one that was granted here: `was` is put back before it is ended */
    struct front_entry was, now;
};

struct front_slot { /* indirect pages of the last request in a ring slot */
    struct front_share pages[WRG_BLKIF_MAX_INDIRECT_PAGES];
    uint8_t count;
};

/* The request that was put last: edits go to it. */
struct front_last {
    bool valid;
    uint8_t operation;
    uint32_t index;   /* of its slot, free-running */
    uint32_t ordinal; /* from 1 */
    uint8_t bytes[WRG_BLKIF_MAX_REQUEST_BYTES];
};

struct front_link {
    struct wrg_front_ring ring;
    uint16_t handle; /* of the device */
    bool touched;    /* the script has done something with it */
    struct front_share ring_pages[WRG_BLKIF_MAX_RING_PAGES];
    uint32_t data_page;                  /* handle of the first */
    uint32_t data[FRONT_DATA_PAGES];     /* grefs, read-write */
    uint32_t readonly[FRONT_DATA_PAGES]; /* grefs; granted when first asked for */
    bool data_is_whole;                  /* no data gref was taken back yet */
    uint32_t scratch_page;               /* behind the special grefs */
    uint32_t special[FRONT_NR_KINDS];
    uint32_t shown;     /* the req_prod that the backend sees */
    uint32_t reclaimed; /* index: slots before it hold nothing */
    struct front_last last;
    uint32_t nkept;
    struct front_share kept[FRONT_KEPT]; /* could not be taken back with their slot */
    uint32_t nedits;
    struct front_edit edits[FRONT_EDITS];
    struct front_slot slots[]; /* one an entry */
};

struct hostile_front;

struct front_queue {
    struct hostile_front *front;
    struct wrg_port *port;
    struct hostile_channel *channel;
    struct front_link *link; /* NULL: not connected */
    struct front_link *rest; /* closed; the backend still uses something of it */
    bool kick;               /* its task shall publish, and send an event */
};

struct hostile_front {
    struct hostile_peer peer; /* first: either seat is a peer */
    struct front_queue queues[HOSTILE_QUEUES];
    uint32_t nqueues;   /* of the connection, or of the last one; 0: there was none yet */
    uint32_t last;      /* queue of the request that was put last */
    uint32_t requests;  /* put since start */
    uint32_t responses; /* taken since start */
    uint32_t notify_task;
    bool suspended;         /* the guest was moved */
    bool handed_over, left; /* as firmware does: nothing more is done, unless it is to close */
    struct wrg_xenbus_walk walk;
};

/* Negotiation (front_connect.c); under the lock. */
int wrg_hostile_front_set_up(struct hostile_front *front);
/* Gives back what can be given back; `final`: the backend is gone or has closed. */
void wrg_hostile_front_give_back(struct hostile_front *front, bool final);
/* The queue that the script names, if it is connected; NULL: it is not. */
struct front_queue *wrg_hostile_front_queue(struct hostile_front *front, uint32_t queue);

/* Publication (front_publish.c). */
void wrg_hostile_front_work(void *channel);

/* Of the request that was put last. */
static inline struct front_slot *wrg_hostile_front_last_slot(struct front_link *link)
{
    return &link->slots[link->last.index & (link->ring.ring.entries - 1)];
}

/* Grants (front_grant.c). Which data page a segment of the last request uses. */
uint32_t wrg_hostile_front_data_index(const struct front_link *link, uint32_t segment);
/* The gref of that kind for a segment of the last request; false: it cannot be had. */
bool wrg_hostile_front_gref(struct front_queue *queue, uint8_t kind, uint32_t segment,
                            uint32_t *gref);
/* Of whichever queue has granted it, else of the one that is named. */
bool wrg_hostile_front_poke_entry(struct front_queue *queue, const struct wrg_hostile_poke *args);
/* Takes a grant back; true: done, *gref is WRG_NO_GREF then. Edited entries wait for `final`. */
bool wrg_hostile_front_end(struct front_queue *queue, struct front_link *link, uint32_t *gref,
                           bool final);

/* Indirect pages of the last request (front_indirect.c). */
bool wrg_hostile_front_share_indirect(struct front_queue *queue, struct front_slot *slot,
                                      const struct wrg_hostile_req *args);
/* Takes back what a request has left in its slot. */
void wrg_hostile_front_reclaim(struct front_queue *queue, struct front_slot *slot);
/* Of all requests that were put since the last time. */
void wrg_hostile_front_reclaim_all(struct front_queue *queue);

#endif
