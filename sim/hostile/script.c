/* SPDX-License-Identifier: MIT */
/*
 * What a script may ask of either seat: events, and writes where that seat can write.
 */
#include "hostile/peer.h"

/* ---- events ---- */

static bool send_events(struct hostile_channel *channel, uint16_t count)
{
    bool sent = false;

    for (uint16_t i = 0; i < count && wrg_hostile_send(channel); i++)
        sent = true;
    return sent;
}

/*
 * The other end falls back to unbound, for this domain, and is bound again by it; from either seat.
 * Its owner is not asked, and notices nothing.
 */
static bool rebind(struct hostile_channel *channel)
{
    struct wrg_port *port = channel->peer->port;
    struct wrg_evtchn_status status = { .evtchn = channel->evtchn };

    if (wrg_port_evtchn_status(port, &status) || status.remote_evtchn == 0)
        return false;
    wrg_hostile_close_evtchn(channel);
    struct wrg_evtchn_bind_interdomain bind = { .remote_domid = status.remote_domid,
                                                .remote_evtchn = status.remote_evtchn };
    if (wrg_port_evtchn_bind_interdomain(port, &bind))
        return true; /* closed it is */
    return wrg_hostile_listen(channel, bind.evtchn) == 0;
}

static bool reset_domain(struct hostile_peer *peer)
{
    struct wrg_evtchn_reset reset = { .domid = 0 };

    for (unsigned i = 0; i < peer->nchannels; i++) {
        peer->channels[i].evtchn = 0;
        peer->channels[i].masked = false;
    }
    return wrg_port_evtchn_reset(peer->port, &reset) == 0;
}

static bool do_event(struct hostile_channel *channel, uint8_t action, uint16_t count)
{
    struct wrg_evtchn_mask mask = { .evtchn = channel->evtchn };
    bool masked = channel->masked;

    if (!channel->evtchn)
        return false;
    switch (action) {
    case WRG_HOSTILE_SEND: return send_events(channel, count);
    case WRG_HOSTILE_MASK:
        channel->masked = true;
        return wrg_port_evtchn_mask(channel->peer->port, &mask) == 0 && !masked;
    case WRG_HOSTILE_UNMASK: wrg_hostile_unmask(channel); return masked;
    case WRG_HOSTILE_CLOSE: wrg_hostile_close_evtchn(channel); return true;
    case WRG_HOSTILE_REBIND: return rebind(channel);
    case WRG_HOSTILE_RESET: return reset_domain(channel->peer);
    default: return false;
    }
}

bool wrg_hostile_event(void *self, const struct wrg_hostile_signal *args)
{
    struct hostile_peer *peer = self;
    bool effect;

    wrg_hostile_peer_lock(peer);
    effect = args->queue < peer->nchannels &&
             do_event(&peer->channels[args->queue], args->action, args->count);
    wrg_hostile_peer_unlock(peer);
    return effect;
}

/* ---- writes ---- */

bool wrg_hostile_poke(void *self, const struct wrg_hostile_poke *args)
{
    struct hostile_peer *peer = self;
    bool effect;

    wrg_hostile_peer_lock(peer);
    effect = peer->seat == WRG_SEAT_FRONT ? wrg_hostile_front_poke(peer, args)
                                          : wrg_hostile_back_poke(peer, args);
    wrg_hostile_peer_unlock(peer);
    return effect;
}
