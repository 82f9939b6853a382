/* SPDX-License-Identifier: MIT */
/*
 * What scripted peers of both seats have in common.
 *
 * What it is    The first member of either driver: tasks, lock, xenbus, event channel; and what
 *               does not depend on the seat.
 * Layer         hostile; sees include/wringer only
 * Bounds        12 queues, each with a channel and a task; those beyond the first are made when a
 *               connection asks for them, and stay
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

enum { HOSTILE_QUEUES = 12 };

struct hostile_peer;

struct hostile_channel { /* of a queue; its task gets this */
    struct hostile_peer *peer;
    uint32_t task;
    uint32_t evtchn; /* 0: none */
    uint8_t queue;
    bool masked; /* by the script */
};

struct hostile_peer {
    struct wrg_port *port;
    struct wrg_xenbus_device bus;
    uint32_t xenbus_task;
    uint32_t lock;
    uint8_t seat;      /* enum wrg_seat */
    bool closing;      /* was asked to close */
    uint8_t nchannels; /* that have a task */
    const char *ring_name;
    void (*ring_fn)(void *channel);
    struct hostile_channel channels[HOSTILE_QUEUES];
};

struct hostile_peer_args {
    struct wrg_port *port;
    void *self;        /* for the tasks */
    const char *other; /* the node that names the other end */
    const char *xenbus_name, *ring_name;
    void (*xenbus_fn)(void *self);
    void (*ring_fn)(void *channel);
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
void wrg_hostile_peer_wake_rings(struct hostile_peer *peer);
/* Tasks for so many queues; those that are there stay. */
int wrg_hostile_peer_grow(struct hostile_peer *peer, unsigned nqueues);
/* "event-channel", or "queue-3/event-channel" where a connection has several queues. */
struct hostile_node {
    char name[32];
};
struct hostile_node wrg_hostile_node(unsigned nqueues, unsigned queue, const char *name);
/* Listens to the channel from the queue's task. */
int wrg_hostile_listen(struct hostile_channel *channel, uint32_t evtchn);
/* Closes the event channel if there is one. */
void wrg_hostile_close_evtchn(struct hostile_channel *channel);
/* Unmasks what the script has masked. */
void wrg_hostile_unmask(struct hostile_channel *channel);
/* False: there is no channel. */
bool wrg_hostile_send(struct hostile_channel *channel);
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

/* Of the seats (front_poke.c, back_poke.c), for script.c; the peer's lock is held. */
bool wrg_hostile_front_poke(struct hostile_peer *peer, const struct wrg_hostile_poke *args);
bool wrg_hostile_back_poke(struct hostile_peer *peer, const struct wrg_hostile_poke *args);

#endif
