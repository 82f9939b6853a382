/* SPDX-License-Identifier: MIT */
/*
 * Scripted peers: an endpoint for either seat that does what the ops of a case say.
 *
 * What it is    By default an honest, simple driver; every call below makes it deviate. The world's
 *               director calls them from a task of its own, in the order of the case.
 * Layer         hostile; sees include/wringer only
 * Bounds        12 queues; 64 data pages each that requests use in turn; requests of up to 65,535
 *               claimed segments, of which at most 4,096 are written
 * Ownership     everything belongs to the endpoint and goes back to the port at stop
 * Threads       fiber engine: director and tasks of the endpoint, one at a time
 * Errors        a call that can have no effect now (no ring, no request) returns false
 * Left out      maps, unmaps and copies of a hostile peer's own: reserved in the op table
 */
#ifndef WRG_HOSTILE_HOSTILE_H
#define WRG_HOSTILE_HOSTILE_H

#include <wringer/wringer.h>

extern const struct wrg_endpoint wrg_hostile_front_endpoint;
extern const struct wrg_endpoint wrg_hostile_back_endpoint;

/* ---- both seats ---- */

enum wrg_hostile_target { /* as the op `poke` numbers them */
                          WRG_HOSTILE_REQ_PROD,
                          WRG_HOSTILE_REQ_EVENT,
                          WRG_HOSTILE_RSP_PROD,
                          WRG_HOSTILE_RSP_EVENT,
                          WRG_HOSTILE_SLOT, /* index: slot of the ring */
                          /* index: page of the last request; back: of the last one it mapped */
                          WRG_HOSTILE_INDIRECT,
                          WRG_HOSTILE_DATA, /* front: index: data page */
                          WRG_HOSTILE_GRANT /* front: index: gref; off within its 8 bytes */
};

struct wrg_hostile_poke {
    uint8_t target; /* enum wrg_hostile_target */
    uint8_t len;    /* 1..8 */
    uint8_t mode;   /* 0 set, 1 xor, 2 add */
    uint8_t queue;
    uint16_t off;
    uint32_t index;
    uint64_t value;
};

enum wrg_hostile_event { /* as the op `event` numbers them */
                         WRG_HOSTILE_SEND,
                         WRG_HOSTILE_MASK,
                         WRG_HOSTILE_UNMASK,
                         WRG_HOSTILE_CLOSE,
                         WRG_HOSTILE_REBIND, /* close, and bind the other end's port afresh */
                         WRG_HOSTILE_RESET   /* all ports of the domain */
};

struct wrg_hostile_signal {
    uint8_t action; /* enum wrg_hostile_event */
    uint8_t queue;
    uint16_t count;
};

/* Seat of the endpoint decides which side does it; false also if there is no such queue. */
bool wrg_hostile_poke(void *self, const struct wrg_hostile_poke *args);
bool wrg_hostile_event(void *self, const struct wrg_hostile_signal *args);
/* Closes in order: 5, then 6 when the other end follows; gives back what it can. */
void wrg_hostile_close(void *self);

/* ---- the front's seat ---- */

enum { WRG_HOSTILE_AUTO_HANDLE = 0xfffe };
#define WRG_HOSTILE_AUTO32 UINT32_C(0xfffffffe)
#define WRG_HOSTILE_AUTO64 UINT64_C(0xfffffffffffffffe)

struct wrg_hostile_req {
    uint8_t op, inner;
    uint8_t flag;
    uint8_t queue;
    uint16_t nseg;
    uint16_t handle; /* WRG_HOSTILE_AUTO_HANDLE */
    uint64_t sector;
    uint64_t id; /* WRG_HOSTILE_AUTO64: ordinal of the request */
    uint64_t nr_sectors;
};
/* Writes the next slot, with valid pages and grants; not yet published. */
bool wrg_hostile_request(void *self, const struct wrg_hostile_req *args);

struct wrg_hostile_seg {
    uint16_t index, count;
    uint8_t first, last;
    uint32_t gref; /* WRG_HOSTILE_AUTO32: keep */
};
bool wrg_hostile_segment(void *self, const struct wrg_hostile_seg *args);

enum wrg_hostile_grant_kind { /* as the op `grant` numbers them */
                              WRG_HOSTILE_GOOD,
                              WRG_HOSTILE_READONLY,
                              WRG_HOSTILE_REVOKED,
                              WRG_HOSTILE_FOREIGN, /* granted in another domain's table only */
                              WRG_HOSTILE_ZERO,
                              WRG_HOSTILE_ALL_ONES,
                              WRG_HOSTILE_RING,
                              /* the request's own indirect page; the ring if it has none */
                              WRG_HOSTILE_OF_INDIRECT,
                              WRG_HOSTILE_UNOWNED,  /* an entry whose frame is not this domain's */
                              WRG_HOSTILE_TRANSFER, /* an entry of type accept_transfer */
                              WRG_HOSTILE_OTHER_DOMID, /* granted to somebody else */
                              WRG_HOSTILE_UNSTABLE,    /* its flags change under Xen's eyes */
                              WRG_HOSTILE_SUB_PAGE,    /* a part of a page */
                              WRG_HOSTILE_TRANSITIVE   /* of a grant by a third domain */
};
struct wrg_hostile_grant {
    bool indirect; /* else of segments */
    uint8_t kind;  /* enum wrg_hostile_grant_kind */
    uint16_t index, count;
};
bool wrg_hostile_regrant(void *self, const struct wrg_hostile_grant *args);

struct wrg_hostile_fill {
    bool indirect; /* else data pages */
    uint16_t index, count;
    uint32_t seed;
};
bool wrg_hostile_fill(void *self, const struct wrg_hostile_fill *args);

struct wrg_hostile_publish {
    int32_t prod_delta;
    uint8_t notify; /* 0 as the backend asks, 1 yes, 2 no */
    uint8_t queue;
};
bool wrg_hostile_publish(void *self, const struct wrg_hostile_publish *args);
/* As an honest frontend would, on all queues that have something to publish. */
void wrg_hostile_publish_rest(void *self);
/*
 * Publishes what was put and not published, and sends an event whatever the backend asked for, on
 * all queues. Their tasks do it, soon: may be called from outside of any task. Without a channel:
 * closes.
 */
void wrg_hostile_kick(void *self);
/* Responses that were taken so far. */
uint32_t wrg_hostile_responses(void *self);
/* Wakes this task whenever responses were taken (none: UINT32_MAX). */
void wrg_hostile_notify_task(void *self, uint32_t task);

/* ---- the back's seat ---- */

enum wrg_hostile_misdeed { /* as the op `rsp` numbers them */
                           WRG_HOSTILE_NONE,
                           WRG_HOSTILE_DROP,    /* never answers */
                           WRG_HOSTILE_TWICE,   /* answers twice */
                           WRG_HOSTILE_EARLY,   /* answers before its pages are unmapped */
                           WRG_HOSTILE_REFETCH, /* reads its slot twice */
                           /* stores a whole response structure, padding included */
                           WRG_HOSTILE_LEAK_PAD,
                           /* stores bytes of fresh memory behind the response */
                           WRG_HOSTILE_LEAK_SECRET,
                           WRG_HOSTILE_TOUCH_AFTER_UNMAP, /* reads a data page after unmapping it */
                           WRG_HOSTILE_KEEP_MAPPED,       /* never unmaps */
                           /* a read brings other bytes, a write leaves a sector out */
                           WRG_HOSTILE_WRONG_DATA,
                           WRG_HOSTILE_WRONG_SECTOR,   /* one sector on */
                           WRG_HOSTILE_WRITE_READONLY, /* stores into a page mapped read-only */
                           WRG_HOSTILE_UNASKED_GREF,   /* maps a gref that no request names */
                           WRG_HOSTILE_SPIN,           /* works for ever without a wait */
                           WRG_HOSTILE_IDLE_LOOP,      /* wakes itself for ever */
                           WRG_HOSTILE_WRITE_ANYWAY,   /* writes to a disk that is read-only */
                           WRG_HOSTILE_KEEP_RING,      /* never unmaps the ring */
                           WRG_HOSTILE_SKIP_FLUSH,     /* does not ask the disk to flush */
                           /* puts its answer on the ring of the next queue */
                           WRG_HOSTILE_OTHER_QUEUE
};

#define WRG_HOSTILE_AUTO_STATUS INT32_C(0x7ffffffe)

struct wrg_hostile_answer {
    uint32_t req;       /* ordinal of the request in its queue from 1; 0: the next no other names */
    uint64_t id;        /* WRG_HOSTILE_AUTO64 */
    uint16_t operation; /* WRG_HOSTILE_AUTO_HANDLE */
    int32_t status;     /* WRG_HOSTILE_AUTO_STATUS */
    int32_t prod_delta; /* added to rsp_prod as it is published */
    uint8_t notify;     /* 0 as the frontend asks, 1 yes, 2 no */
    uint8_t misdeed;    /* enum wrg_hostile_misdeed */
    uint8_t queue;
    bool used; /* out */
};
/*
 * Says how requests will be answered, those not named honestly; the array stays the caller's. What
 * is marked as used is not used again, so that a plan can be handed on to the next backend.
 */
void wrg_hostile_plan(void *self, struct wrg_hostile_answer *answers, uint32_t count);
/*
 * Liveness: forgets the plan, answers honestly from now on, ends loops, unmasks the channel. May be
 * called from outside of any task.
 */
void wrg_hostile_repent(void *self);

#endif
