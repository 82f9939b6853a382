/* SPDX-License-Identifier: MIT */
/*
 * The fetch shadow: which request a load of shared memory belongs to, and which bytes of it were
 * loaded before.
 *
 * What it is    For each declared ring, one scope a slot. A scope opens when the ring's own side
 *               first reads a slot of this lap, and counts its fetches; an indirect page joins the
 *               scope whose slot named its gref. Hostile writes (`tamper`) are keyed by scope and
 *               fetch.
 * Layer         xen
 * Lanes         A ring that has been declared lies in a lane, and both seats name one ring by the
 *               same lane: that of its device and queue, for as long as the run lasts. Lane 0 is
 *               queue 0 of device 0; the others go to whoever declares first. Each domain has a
 *               list of where its rings lie in its own address space
 * Bounds        2 seats x 16 lanes, 512 slots a ring, 256 indirect pages under watch at one time;
 *               rings beyond that are not followed
 * Units         requests and fetches count from 1, requests in each lane
 * Threads       fiber engine only: the thread engine has no view of single accesses
 * Left out      a back that fetches several requests before it maps their indirect pages is not
 *               followed into them; two live requests that share an indirect page overwrite each
 *               other's marks; a page that was kept mapped as data is not followed as one of
 *               segments; a slot that is read again after its place in the ring was answered
 *               counts as a new lap
 * Source        XSA-155; the positions follow from xen/io/ring.h: at most one lap is outstanding
 */
#ifndef WRG_XEN_FETCH_H
#define WRG_XEN_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include <wringer/port.h>
#include <wringer/wire.h>

#include "base/base.h"

#define WRG_FETCH_SEATS      2
#define WRG_FETCH_LANES      16
#define WRG_FETCH_NO_LANE    255
#define WRG_FETCH_SLOTS      512
#define WRG_FETCH_RING_PAGES 16
#define WRG_FETCH_INDIRECT   256
#define WRG_FETCH_TAMPERS    64

struct wrg_fetch_scope { /* one slot of a ring */
    uint32_t position;   /* absolute index, modulo 2^32 */
    uint32_t epoch;      /* valid while it is the ring's */
    uint32_t request;    /* ordinal of the scope, from 1 */
    uint32_t fetches;
    uint64_t seen[2];   /* bytes of the slot that were loaded */
    uint8_t bytes[112]; /* as they were loaded first */
};

struct wrg_fetch_indirect {
    uint32_t frame, gref;
    uint32_t slot, position, epoch;
    uint8_t seat, lane;
    uint32_t turns;    /* as which of its request's pages it may still be read, this one included */
    uint64_t seen[64]; /* a bit a byte */
};

struct wrg_fetch_ring {
    bool live;
    uint8_t seat; /* enum wrg_seat: whose loads count */
    uint8_t abi;
    uint8_t npages;
    uint32_t stride, entries;
    uint32_t epoch;
    uint32_t requests;  /* ordinals given out */
    uint32_t answered;  /* entries that this side has published, over all rings of the run */
    uint32_t published; /* the last index that this side has published */
    uint32_t newest;    /* slot of the scope that was opened last */
    uint32_t frame;     /* the first */
    struct wrg_fetch_scope scopes[WRG_FETCH_SLOTS];
};

struct wrg_tamper {
    uint32_t request, fetch;
    uint16_t off;
    uint8_t len, mode; /* mode: 0 set, 1 xor, 2 add */
    uint64_t value;
    uint16_t op; /* index of the op in the case */
    uint8_t device, queue;
    bool fired;
};

/*
 * Where a domain's rings lie: by the handle of the first page, through which alone it is the ring.
 * The frames of a ring may be mapped elsewhere too.
 */
struct wrg_fetch_spots {
    uint32_t count;
    struct wrg_fetch_spot {
        uint32_t page;
        uint8_t npages; /* 0: no ring any more */
        uint8_t lane;
    } at[WRG_FETCH_LANES];
};

struct wrg_fetch {
    uint32_t nlanes;
    struct wrg_fetch_lane {
        uint8_t device, queue;
    } lanes[WRG_FETCH_LANES]; /* those below nlanes are given */
    struct wrg_fetch_ring rings[WRG_FETCH_SEATS][WRG_FETCH_LANES];
    struct wrg_fetch_indirect indirect[WRG_FETCH_INDIRECT];
    uint32_t next_indirect;
    uint32_t ntampers;
    bool tamper_on;
    uint8_t tamper_seat; /* whose fetches are counted for tampering */
    struct wrg_tamper tampers[WRG_FETCH_TAMPERS];
};

/* What a load turned out to be. */
struct wrg_fetch_result {
    uint8_t class;             /* enum wrg_shared */
    uint8_t lane;              /* 0 where there is none */
    bool again;                /* some byte was loaded before in this scope */
    uint32_t request;          /* 0: belongs to none */
    struct wrg_tamper *tamper; /* due before this load, or NULL */
    /* Of a slot, loaded for the first time: where its bytes go, so that its indirect grefs are
     * known. */
    uint8_t *keep;
    uint32_t keep_len;
};

struct wrg_frame;

void wrg_fetch_begin(struct wrg_fetch *fetch);
/* Forgets open scopes, keeps the rings: at a restore of the snapshot. */
struct wrg_fetch_saved {
    uint32_t nlanes;
    struct wrg_fetch_lane lanes[WRG_FETCH_LANES];
    struct {
        bool live;
        uint8_t abi, npages;
        uint32_t stride, entries, requests, published, frame;
    } rings[WRG_FETCH_SEATS][WRG_FETCH_LANES];
};
void wrg_fetch_save(const struct wrg_fetch *fetch, struct wrg_fetch_saved *saved);
void wrg_fetch_restore(struct wrg_fetch *fetch, const struct wrg_fetch_saved *saved);

struct wrg_fetch_declare {
    uint8_t seat, abi, npages;
    uint8_t device, queue;
    uint32_t index; /* published so far by this side */
    uint32_t page;  /* handle of the first page */
    uint32_t frame; /* behind it */
};
/*
 * `spots` are those of the domain that declares, NULL to know of the ring but not to follow it.
 * Returns the lane; WRG_FETCH_NO_LANE: none left.
 */
uint8_t wrg_fetch_declare(struct wrg_fetch *fetch, struct wrg_fetch_spots *spots,
                          const struct wrg_fetch_declare *args);
/* The lane of a queue; WRG_FETCH_NO_LANE: it has none. */
uint8_t wrg_fetch_lane(const struct wrg_fetch *fetch, uint8_t device, uint8_t queue);
void wrg_fetch_retire(struct wrg_fetch *fetch, struct wrg_fetch_spots *spots, uint8_t seat,
                      uint8_t lane);
/* All rings of this seat, whose domain is the only one in it. */
void wrg_fetch_retire_all(struct wrg_fetch *fetch, struct wrg_fetch_spots *spots, uint8_t seat);
/* Entries that this side has published, over all rings of the run. */
uint32_t wrg_fetch_answered(const struct wrg_fetch *fetch, uint8_t seat);

/* Where an access begins, as far as the shadow cares. */
struct wrg_fetch_place {
    uint32_t ring_off; /* in the ring of the seat, or WRG_FETCH_NOT_IN_RING */
    uint32_t frame, off, len;
    uint16_t indirect; /* of struct wrg_frame */
    uint8_t lane;      /* of the ring */
};

#define WRG_FETCH_NOT_IN_RING UINT32_MAX

struct wrg_fetch_at { /* by value, so that it stays in a register */
    uint32_t off;     /* in the ring, or WRG_FETCH_NOT_IN_RING */
    uint32_t lane;    /* 0 where there is no ring */
};

/* Among the others. */
struct wrg_fetch_at wrg_fetch_search(const struct wrg_fetch_spots *spots, uint32_t page,
                                     uint32_t off);

/* Where in which ring the byte `off` behind the start of handle `page` lies: of the first one. */
static inline struct wrg_fetch_at wrg_fetch_find_first(const struct wrg_fetch_spots *spots,
                                                       uint32_t page, uint32_t off)
{
    const struct wrg_fetch_spot *spot = &spots->at[0];
    uint32_t nth = page - spot->page + (off >> WRG_PAGE_SHIFT);

    if (WRG_UNLIKELY(nth >= spot->npages))
        return (struct wrg_fetch_at){ .off = WRG_FETCH_NOT_IN_RING };
    return (struct wrg_fetch_at){ .off = nth << WRG_PAGE_SHIFT | (off & (WRG_PAGE_SIZE - 1)),
                                  .lane = spot->lane };
}

/* Of any. */
static inline struct wrg_fetch_at wrg_fetch_find(const struct wrg_fetch_spots *spots, uint32_t page,
                                                 uint32_t off)
{
    const struct wrg_fetch_at at = wrg_fetch_find_first(spots, page, off);

    return at.off != WRG_FETCH_NOT_IN_RING || spots->count <= 1
               ? at
               : wrg_fetch_search(spots, page, off);
}

/* What `seat` loads now; marks the bytes and counts the fetch. */
struct wrg_fetch_result wrg_fetch_load(struct wrg_fetch *fetch, uint8_t seat,
                                       const struct wrg_fetch_place *place);
/* A producer index was stored by its owner. */
/* 1 + the lane of the ring whose req_prod lies at this place; 0: none. */
uint8_t wrg_fetch_index_at(const struct wrg_fetch *fetch, uint32_t frame, uint32_t off);

void wrg_fetch_published(struct wrg_fetch *fetch, uint8_t seat, uint8_t lane, uint32_t index);
/* The back of `device` has mapped gref of frame: does a request name it as an indirect page? */
void wrg_fetch_mapped(struct wrg_fetch *fetch, uint8_t device, struct wrg_frame *meta,
                      uint32_t gref, uint32_t frame);

#endif
