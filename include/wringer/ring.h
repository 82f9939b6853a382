/* SPDX-License-Identifier: MIT */
/*
 * The shared ring of one queue, seen from either side.
 *
 * What it is    The rules of the ring on pages of the port: private indices, bounds of what the
 *               peer writes, one copy of each slot, publication and notification.
 * Layer         public; implemented by sim/ring
 * Bounds        1..16 pages, 32..512 entries, indices free-running modulo 2^32
 * Ownership     the structures belong to the endpoint; the pages stay whose they are
 * Threads       one task at a time puts (and pushes), one at a time gets
 * Errors        -EPROTO: the peer's index is out of range; the ring must not be used any further
 * Source        xen/io/ring.h; barriers as in its RING_PUSH_* and RING_FINAL_CHECK_* macros
 */
#ifndef WRINGER_RING_H
#define WRINGER_RING_H

#include <wringer/page.h>
#include <wringer/wire.h>

struct wrg_ring { /* what both sides know */
    struct wrg_port *port;
    uint32_t page; /* handle of the first page */
    uint32_t entries;
    uint8_t npages;
    uint8_t abi; /* enum wrg_abi */
    uint8_t queue;
};

struct wrg_front_ring {
    struct wrg_ring ring;
    uint32_t req_prod;  /* private: next request to fill */
    uint32_t published; /* what the backend has been shown of it */
    uint32_t rsp_cons;  /* private: next response to read */
};

struct wrg_back_ring {
    struct wrg_ring ring;
    uint32_t req_cons;  /* private: next request to read */
    uint32_t rsp_prod;  /* private: next response to fill */
    uint32_t published; /* what the frontend has been shown of it; written by push */
};

struct wrg_ring_args {
    struct wrg_port *port;
    uint32_t page; /* handle of the first page, which can be written */
    uint8_t npages;
    uint8_t abi;
    uint8_t queue;
};

/* The frontend's side: writes the header of a fresh ring. */
void wrg_front_ring_init(struct wrg_front_ring *front, const struct wrg_ring_args *args);
/* How many requests may be put before the ring is full. */
uint32_t wrg_front_ring_free(const struct wrg_front_ring *front);
/* Fills the next slot; invisible to the backend until wrg_front_ring_push. */
void wrg_front_ring_put(struct wrg_front_ring *front, const struct wrg_blkif_request *request);
/* Publishes what was put; true if the backend asked for an event. */
bool wrg_front_ring_push(struct wrg_front_ring *front);
/* How many responses wait, after checking the backend's index; -EPROTO. */
int wrg_front_ring_pending(struct wrg_front_ring *front);
/* Copies the next response once and steps over it. One must be pending. */
void wrg_front_ring_get(struct wrg_front_ring *front, struct wrg_blkif_response *response);
/* Asks for an event with the next response; true if one has come meanwhile. */
bool wrg_front_ring_final_check(struct wrg_front_ring *front);

/* The backend's side: attaches to a ring that the frontend has set up. -EPROTO: bogus indices. */
int wrg_back_ring_attach(struct wrg_back_ring *back, const struct wrg_ring_args *args);
/* How many requests wait, after checking the frontend's index; -EPROTO. */
int wrg_back_ring_pending(struct wrg_back_ring *back);
/* Copies the next request once, decodes the copy, and steps over it. One must be pending. */
void wrg_back_ring_get(struct wrg_back_ring *back, struct wrg_blkif_request *request);
/* Asks for an event with the next request; true if one has come meanwhile. */
bool wrg_back_ring_final_check(struct wrg_back_ring *back);
/* Fills the slot of the next response, which a request that was got has left; not visible yet. */
void wrg_back_ring_put(struct wrg_back_ring *back, const struct wrg_blkif_response *response);
/* Responses that were put and not pushed. By the task that pushes, others may put meanwhile. */
static inline uint32_t wrg_back_ring_unpushed(const struct wrg_back_ring *back)
{
    return __atomic_load_n(&back->rsp_prod, __ATOMIC_RELAXED) - back->published;
}

/* Publishes what was put; true if the frontend asked for an event. */
bool wrg_back_ring_push(struct wrg_back_ring *back);
/* Declares that the ring is not used any more, before its pages go. */
void wrg_ring_retire(struct wrg_ring *ring);

#endif
