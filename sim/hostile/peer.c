/* SPDX-License-Identifier: MIT */
#include "hostile/peer.h"

#include <errno.h>
#include <string.h>

/* ---- life ---- */

int wrg_hostile_peer_grow(struct hostile_peer *peer, unsigned nqueues)
{
    int result = 0;

    while (peer->nchannels < nqueues && !result) {
        struct hostile_channel *channel = &peer->channels[peer->nchannels];
        const struct wrg_worker ring = {
            .fn = peer->ring_fn, .arg = channel, .name = peer->ring_name, .task = &channel->task
        };
        channel->peer = peer;
        channel->queue = peer->nchannels;
        result = wrg_workers_create(peer->port, &ring, 1);
        if (!result)
            peer->nchannels++;
    }
    return result;
}

static void exit_tasks(struct hostile_peer *peer)
{
    for (unsigned i = 0; i < peer->nchannels; i++)
        wrg_worker_exit(peer->port, peer->channels[i].task);
}

static int create_tasks(struct hostile_peer *peer, const struct hostile_peer_args *args)
{
    const struct wrg_worker bus = { .fn = args->xenbus_fn,
                                    .arg = args->self,
                                    .name = args->xenbus_name,
                                    .task = &peer->xenbus_task };
    int result = wrg_hostile_peer_grow(peer, 1);

    if (result)
        return result;
    result = wrg_workers_create(peer->port, &bus, 1);
    if (result) {
        exit_tasks(peer);
        return result;
    }
    result = wrg_xenbus_watch_state(&peer->bus, peer->xenbus_task);
    if (result) {
        exit_tasks(peer);
        wrg_worker_exit(peer->port, peer->xenbus_task);
    }
    return result;
}

int wrg_hostile_peer_init(struct hostile_peer *peer, const struct hostile_peer_args *args)
{
    uint32_t *const lock = &peer->lock;
    int result;

    peer->port = args->port;
    peer->seat = args->seat;
    peer->ring_name = args->ring_name;
    peer->ring_fn = args->ring_fn;
    result = wrg_xenbus_init(&peer->bus, args->port, args->other);
    if (!result && args->found)
        args->found(args->self);
    if (!result)
        result = wrg_locks_create(peer->port, &lock, 1);
    if (result)
        return result;
    result = create_tasks(peer, args);
    if (result)
        wrg_lock_give_back(peer->port, peer->lock);
    return result;
}

void wrg_hostile_peer_fini(struct hostile_peer *peer)
{
    for (unsigned i = 0; i < peer->nchannels; i++)
        wrg_hostile_close_evtchn(&peer->channels[i]);
    wrg_xenbus_fini(&peer->bus);
    exit_tasks(peer);
    wrg_worker_exit(peer->port, peer->xenbus_task);
    wrg_lock_give_back(peer->port, peer->lock);
}

void wrg_hostile_peer_lock(struct hostile_peer *peer)
{
    wrg_port_lock(peer->port, peer->lock);
}

void wrg_hostile_peer_unlock(struct hostile_peer *peer)
{
    wrg_port_unlock(peer->port, peer->lock);
}

void wrg_hostile_peer_wake(struct hostile_peer *peer, uint32_t task)
{
    struct wrg_task_wake wake = { .task = task };

    (void)wrg_port_task_wake(peer->port, &wake);
}

void wrg_hostile_peer_wake_rings(struct hostile_peer *peer)
{
    for (unsigned i = 0; i < peer->nchannels; i++)
        wrg_hostile_peer_wake(peer, peer->channels[i].task);
}

struct hostile_node wrg_hostile_node(unsigned nqueues, unsigned queue, const char *name)
{
    struct hostile_node node = { .name = "" };
    size_t at = 0;

    if (nqueues > 1) {
        static const char head[] = "queue-";
        memcpy(node.name, head, sizeof(head) - 1);
        at = sizeof(head) - 1;
        at += wrg_format_u64(queue, node.name + at);
        node.name[at++] = '/';
    }
    for (; *name && at < sizeof(node.name) - 1; name++)
        node.name[at++] = *name;
    node.name[at] = 0;
    return node;
}

void *wrg_hostile_alloc(struct wrg_port *port, size_t size, uint8_t kind)
{
    struct wrg_alloc alloc = { .size = size, .kind = kind, .zero = true };

    return wrg_port_alloc(port, &alloc) ? NULL : alloc.ptr;
}

void wrg_hostile_free(struct wrg_port *port, void *ptr)
{
    struct wrg_free args = { .ptr = ptr };

    (void)wrg_port_free(port, &args);
}

/* ---- events ---- */

int wrg_hostile_listen(struct hostile_channel *channel, uint32_t evtchn)
{
    struct wrg_evtchn_listen listen = { .evtchn = evtchn, .task = channel->task };

    channel->evtchn = evtchn;
    return wrg_port_evtchn_listen(channel->peer->port, &listen);
}

void wrg_hostile_close_evtchn(struct hostile_channel *channel)
{
    struct wrg_evtchn_close close = { .evtchn = channel->evtchn };

    if (!channel->evtchn)
        return;
    channel->evtchn = 0;
    channel->masked = false;
    (void)wrg_port_evtchn_close(channel->peer->port, &close);
}

void wrg_hostile_unmask(struct hostile_channel *channel)
{
    struct wrg_evtchn_unmask unmask = { .evtchn = channel->evtchn };

    if (!channel->masked)
        return;
    channel->masked = false;
    (void)wrg_port_evtchn_unmask(channel->peer->port, &unmask);
}

bool wrg_hostile_send(struct hostile_channel *channel)
{
    struct wrg_evtchn_send send = { .evtchn = channel->evtchn };

    return channel->evtchn && wrg_port_evtchn_send(channel->peer->port, &send) == 0;
}

/* ---- states ---- */

void wrg_hostile_close(void *self)
{
    struct hostile_peer *peer = self;

    __atomic_store_n(&peer->closing, true, __ATOMIC_RELEASE);
    wrg_hostile_peer_wake(peer, peer->xenbus_task);
}
