/* SPDX-License-Identifier: MIT */
/*
 * What the scripted front shows of its requests, and how it takes responses: unread.
 */
#include "hostile/front.h"

enum { NOTIFY_AS_ASKED, NOTIFY_YES, NOTIFY_NO };

static uint32_t unpublished(const struct front_link *link)
{
    return link->ring.req_prod - link->ring.published;
}

static bool publish(struct hostile_front *front, int32_t prod_delta, uint8_t notify)
{
    struct front_link *link = front->link;
    const struct hostile_index index = {
        .page = link->ring.ring.page,
        .index_off = WRG_WIRE_REQ_PROD,
        .event_off = WRG_WIRE_REQ_EVENT,
        .index_site = WRG_SITE_SCRIPT,
        .event_site = WRG_SITE_SCRIPT,
        .from = link->shown,
        .to = link->ring.req_prod + (uint32_t)prod_delta,
    };
    bool effect = index.to != index.from;
    bool wanted = false;

    link->ring.published = link->ring.req_prod;
    if (effect) {
        wanted = wrg_hostile_show(front->peer.port, &index);
        link->shown = index.to;
    }
    if (notify == NOTIFY_YES || (notify == NOTIFY_AS_ASKED && wanted))
        effect |= wrg_hostile_peer_send(&front->peer);
    return effect;
}

bool wrg_hostile_publish(void *self, int32_t prod_delta, uint8_t notify)
{
    struct hostile_front *front = self;
    bool effect;

    wrg_hostile_peer_lock(&front->peer);
    effect = front->link && publish(front, prod_delta, notify);
    wrg_hostile_peer_unlock(&front->peer);
    return effect;
}

void wrg_hostile_kick(void *self)
{
    struct hostile_front *front = self;

    __atomic_store_n(&front->kick, true, __ATOMIC_RELEASE);
    wrg_hostile_peer_wake(&front->peer, front->peer.ring_task);
}

uint32_t wrg_hostile_unpublished(void *self)
{
    const struct hostile_front *front = self;

    return front->link ? unpublished(front->link) : 0;
}

uint32_t wrg_hostile_responses(void *self)
{
    const struct hostile_front *front = self;

    return __atomic_load_n(&front->responses, __ATOMIC_ACQUIRE);
}

void wrg_hostile_notify_task(void *self, uint32_t task)
{
    struct hostile_front *front = self;

    __atomic_store_n(&front->notify_task, task, __ATOMIC_RELEASE);
}

/* ---- the ring's task ---- */

static uint32_t load_rsp_prod(struct hostile_front *front)
{
    return wrg_page_load_u32(front->peer.port, front->link->ring.ring.page, WRG_WIRE_RSP_PROD,
                             WRG_ORDER_ACQUIRE, WRG_SITE_SCRIPT);
}

/* Steps over the responses that are there; true: more have come while the event was asked for. */
static bool take(struct hostile_front *front, uint32_t *taken)
{
    struct wrg_front_ring *ring = &front->link->ring;
    struct wrg_port *port = front->peer.port;
    uint32_t prod = load_rsp_prod(front);
    uint32_t count = prod - ring->rsp_cons;

    if (count > ring->ring.entries)
        count = ring->ring.entries;
    ring->rsp_cons = prod;
    *taken += count;
    __atomic_add_fetch(&front->responses, count, __ATOMIC_RELEASE);
    wrg_port_section(port, WRG_AT_FINAL_CHECK, front->responses);
    wrg_page_store_u32(port, ring->ring.page, WRG_WIRE_RSP_EVENT, prod + 1, WRG_ORDER_RELAXED,
                       WRG_SITE_SCRIPT);
    wrg_page_fence(port, WRG_FENCE_MB);
    return load_rsp_prod(front) != prod;
}

static void kick(struct hostile_front *front)
{
    wrg_hostile_peer_unmask(&front->peer);
    if (unpublished(front->link))
        (void)publish(front, 0, NOTIFY_NO);
    /* Without a channel the backend cannot be told of anything but the end. */
    if (front->peer.evtchn)
        (void)wrg_hostile_peer_send(&front->peer);
    else
        wrg_hostile_close(&front->peer);
}

static uint32_t work(struct hostile_front *front)
{
    uint32_t taken = 0;

    if (__atomic_exchange_n(&front->kick, false, __ATOMIC_ACQ_REL))
        kick(front);
    wrg_port_section(front->peer.port, WRG_AT_RESPONSE, front->responses + 1);
    while (take(front, &taken))
        ;
    /* Responses are not read: which request is answered is known only when all are. */
    if (taken && front->link->ring.rsp_cons == front->link->ring.req_prod)
        wrg_hostile_front_reclaim_all(front);
    if (front->peer.evtchn) {
        struct wrg_evtchn_eoi eoi = { .evtchn = front->peer.evtchn, .spurious = taken == 0 };
        (void)wrg_port_evtchn_eoi(front->peer.port, &eoi);
    }
    return taken;
}

void wrg_hostile_front_work(void *arg)
{
    struct hostile_front *front = arg;
    uint32_t task = __atomic_load_n(&front->notify_task, __ATOMIC_ACQUIRE);
    uint32_t taken = 0;

    wrg_hostile_peer_lock(&front->peer);
    if (front->link)
        taken = work(front);
    wrg_hostile_peer_unlock(&front->peer);
    if (taken && task != UINT32_MAX)
        wrg_hostile_peer_wake(&front->peer, task);
}
