/* SPDX-License-Identifier: MIT */
/*
 * What scripted peers of both seats have in common.
 *
 * What it is    The first member of either driver: tasks, lock, xenbus, event channel; and what
 *               does not depend on the seat.
 * Layer         hostile; sees include/wringer only
 * Bounds        one queue
 * Ownership     the driver's, from init to fini
 * Threads       `lock` guards the connection of either driver; it is held over whole operations, so
 *               that a script and a task of the driver never see each other half-way. What may be
 *               called from outside of any task (kick, repent, close) takes no lock: it leaves a
 *               note and wakes a task
 * Errors        0 or -errno from init; nothing is held after a failure
 */
#ifndef WRG_HOSTILE_PEER_H
#define WRG_HOSTILE_PEER_H

#include "hostile/hostile.h"

struct hostile_peer {
    struct wrg_port *port;
    struct wrg_xenbus_device bus;
    uint32_t xenbus_task, ring_task;
    uint32_t lock;
    uint32_t evtchn; /* 0: none */
    uint8_t seat;    /* enum wrg_seat */
    bool closing;    /* was asked to close */
    bool masked;     /* by the script */
};

struct hostile_peer_args {
    struct wrg_port *port;
    void *self;        /* for the tasks */
    const char *other; /* the node that names the other end */
    const char *xenbus_name, *ring_name;
    void (*xenbus_fn)(void *self);
    void (*ring_fn)(void *self);
    void (*found)(void *self); /* the device is there, no task runs yet; NULL: nothing to do */
    uint8_t seat;
};

/* Part of a page (or of the pages of one handle) that a poke may write. */
struct hostile_place {
    uint32_t page;
    uint32_t off;  /* where offset 0 of the poke is */
    uint32_t room; /* bytes from the start of the page on that exist */
};

/* An index word to write, and the peer's event word that says whether it wants to hear of it. */
struct hostile_index {
    uint32_t page;
    uint32_t index_off, event_off;
    uint32_t from, to; /* what the peer was shown last, what it is shown now */
    uint8_t index_site, event_site;
};

int wrg_hostile_peer_init(struct hostile_peer *peer, const struct hostile_peer_args *args);
void wrg_hostile_peer_fini(struct hostile_peer *peer);
void wrg_hostile_peer_lock(struct hostile_peer *peer);
void wrg_hostile_peer_unlock(struct hostile_peer *peer);
void wrg_hostile_peer_wake(struct hostile_peer *peer, uint32_t task);
/* Closes the event channel if there is one. */
void wrg_hostile_peer_close_evtchn(struct hostile_peer *peer);
/* Unmasks what the script has masked. */
void wrg_hostile_peer_unmask(struct hostile_peer *peer);
/* False: there is no channel. */
bool wrg_hostile_peer_send(struct hostile_peer *peer);
/* Block of a driver's own, zeroed; NULL: none. */
void *wrg_hostile_alloc(struct wrg_port *port, size_t size, uint8_t kind);
void wrg_hostile_free(struct wrg_port *port, void *ptr);

/* `old` with the poke applied; only its low `len` bytes count. */
uint64_t wrg_hostile_combine(uint64_t old, const struct wrg_hostile_poke *poke);
/* How many bytes it writes: 1..8. */
uint32_t wrg_hostile_poke_len(const struct wrg_hostile_poke *poke);
/* False: beyond the place. */
bool wrg_hostile_patch(struct wrg_port *port, const struct hostile_place *place,
                       const struct wrg_hostile_poke *poke);
/* The place of an index word or of a slot. False: the target is neither. */
bool wrg_hostile_ring_place(const struct wrg_ring *ring, const struct wrg_hostile_poke *poke,
                            struct hostile_place *place);
/* Writes the index; true if the peer has asked for an event. */
bool wrg_hostile_show(struct wrg_port *port, const struct hostile_index *index);

/* Of the seats (front_poke.c, back_poke.c); the peer's lock is held. */
bool wrg_hostile_front_poke(struct hostile_peer *peer, const struct wrg_hostile_poke *args);
bool wrg_hostile_back_poke(struct hostile_peer *peer, const struct wrg_hostile_poke *args);

#endif
