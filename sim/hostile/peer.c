/* SPDX-License-Identifier: MIT */
#include "hostile/peer.h"

#include <errno.h>

/* ---- life ---- */

static void exit_task(struct hostile_peer *peer, uint32_t task)
{
    struct wrg_task_exit exit = { .task = task };

    (void)wrg_port_task_exit(peer->port, &exit);
}

static int create_task(struct hostile_peer *peer, const struct hostile_peer_args *args, bool ring,
                       uint32_t *task)
{
    struct wrg_task_create create = { .fn = ring ? args->ring_fn : args->xenbus_fn,
                                      .arg = args->self,
                                      .name = ring ? args->ring_name : args->xenbus_name,
                                      .worker = true };
    int result = wrg_port_task_create(peer->port, &create);

    *task = create.task;
    return result;
}

static int create_tasks(struct hostile_peer *peer, const struct hostile_peer_args *args)
{
    int result = create_task(peer, args, true, &peer->ring_task);

    if (result)
        return result;
    result = create_task(peer, args, false, &peer->xenbus_task);
    if (result) {
        exit_task(peer, peer->ring_task);
        return result;
    }
    result = wrg_xenbus_watch_state(&peer->bus, peer->xenbus_task);
    if (result) {
        exit_task(peer, peer->ring_task);
        exit_task(peer, peer->xenbus_task);
    }
    return result;
}

int wrg_hostile_peer_init(struct hostile_peer *peer, const struct hostile_peer_args *args)
{
    struct wrg_lock_create lock = { .lock = 0 };
    int result;

    peer->port = args->port;
    peer->seat = args->seat;
    result = wrg_xenbus_init(&peer->bus, args->port, args->other);
    if (!result && args->found)
        args->found(args->self);
    if (!result)
        result = wrg_port_lock_create(peer->port, &lock);
    if (result)
        return result;
    peer->lock = lock.lock;
    result = create_tasks(peer, args);
    if (result) {
        struct wrg_lock_destroy destroy = { .lock = peer->lock };
        (void)wrg_port_lock_destroy(peer->port, &destroy);
    }
    return result;
}

void wrg_hostile_peer_fini(struct hostile_peer *peer)
{
    struct wrg_lock_destroy destroy = { .lock = peer->lock };

    wrg_hostile_peer_close_evtchn(peer);
    wrg_xenbus_fini(&peer->bus);
    exit_task(peer, peer->ring_task);
    exit_task(peer, peer->xenbus_task);
    (void)wrg_port_lock_destroy(peer->port, &destroy);
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

void wrg_hostile_peer_close_evtchn(struct hostile_peer *peer)
{
    struct wrg_evtchn_close close = { .evtchn = peer->evtchn };

    if (!peer->evtchn)
        return;
    peer->evtchn = 0;
    peer->masked = false;
    (void)wrg_port_evtchn_close(peer->port, &close);
}

void wrg_hostile_peer_unmask(struct hostile_peer *peer)
{
    struct wrg_evtchn_unmask unmask = { .evtchn = peer->evtchn };

    if (!peer->masked)
        return;
    peer->masked = false;
    (void)wrg_port_evtchn_unmask(peer->port, &unmask);
}

bool wrg_hostile_peer_send(struct hostile_peer *peer)
{
    struct wrg_evtchn_send send = { .evtchn = peer->evtchn };

    return peer->evtchn && wrg_port_evtchn_send(peer->port, &send) == 0;
}

static bool send_events(struct hostile_peer *peer, uint16_t count)
{
    bool sent = false;

    for (uint16_t i = 0; i < count && wrg_hostile_peer_send(peer); i++)
        sent = true;
    return sent;
}

/*
 * The other end falls back to unbound, for this domain, and is bound again by it; from either seat.
 * Its owner is not asked, and notices nothing.
 */
static bool rebind(struct hostile_peer *peer)
{
    struct wrg_evtchn_status status = { .evtchn = peer->evtchn };

    if (wrg_port_evtchn_status(peer->port, &status) || status.remote_evtchn == 0)
        return false;
    wrg_hostile_peer_close_evtchn(peer);
    struct wrg_evtchn_bind_interdomain bind = { .remote_domid = status.remote_domid,
                                                .remote_evtchn = status.remote_evtchn };
    if (wrg_port_evtchn_bind_interdomain(peer->port, &bind))
        return true; /* closed it is */
    struct wrg_evtchn_listen listen = { .evtchn = bind.evtchn, .task = peer->ring_task };
    peer->evtchn = bind.evtchn;
    return wrg_port_evtchn_listen(peer->port, &listen) == 0;
}

static bool reset_domain(struct hostile_peer *peer)
{
    struct wrg_evtchn_reset reset = { .domid = 0 };

    peer->evtchn = 0;
    peer->masked = false;
    return wrg_port_evtchn_reset(peer->port, &reset) == 0;
}

static bool do_event(struct hostile_peer *peer, uint8_t action, uint16_t count)
{
    struct wrg_evtchn_mask mask = { .evtchn = peer->evtchn };
    bool masked = peer->masked;

    if (!peer->evtchn)
        return false;
    switch (action) {
    case WRG_HOSTILE_SEND: return send_events(peer, count);
    case WRG_HOSTILE_MASK:
        peer->masked = true;
        return wrg_port_evtchn_mask(peer->port, &mask) == 0 && !masked;
    case WRG_HOSTILE_UNMASK: wrg_hostile_peer_unmask(peer); return masked;
    case WRG_HOSTILE_CLOSE: wrg_hostile_peer_close_evtchn(peer); return true;
    case WRG_HOSTILE_REBIND: return rebind(peer);
    case WRG_HOSTILE_RESET: return reset_domain(peer);
    default: return false;
    }
}

bool wrg_hostile_event(void *self, uint8_t action, uint16_t count)
{
    struct hostile_peer *peer = self;
    bool effect;

    wrg_hostile_peer_lock(peer);
    effect = do_event(peer, action, count);
    wrg_hostile_peer_unlock(peer);
    return effect;
}

/* ---- states ---- */

bool wrg_hostile_connected(void *self)
{
    const struct hostile_peer *peer = self;

    return peer->bus.state == WRG_XENBUS_CONNECTED;
}

void wrg_hostile_close(void *self)
{
    struct hostile_peer *peer = self;

    __atomic_store_n(&peer->closing, true, __ATOMIC_RELEASE);
    wrg_hostile_peer_wake(peer, peer->xenbus_task);
}
