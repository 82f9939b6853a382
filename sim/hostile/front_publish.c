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

static bool publish(struct front_queue *queue, int32_t prod_delta, uint8_t notify)
{
    struct front_link *link = queue->link;
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
        wanted = wrg_hostile_show(queue->port, &index);
        link->shown = index.to;
    }
    if (notify == NOTIFY_YES || (notify == NOTIFY_AS_ASKED && wanted))
        effect |= wrg_hostile_send(queue->channel);
    return effect;
}

bool wrg_hostile_publish(void *self, const struct wrg_hostile_publish *args)
{
    struct hostile_front *front = self;
    struct front_queue *queue;
    bool effect;

    wrg_hostile_peer_lock(&front->peer);
    queue = wrg_hostile_front_queue(front, args->queue);
    effect = queue && publish(queue, args->prod_delta, args->notify);
    wrg_hostile_peer_unlock(&front->peer);
    return effect;
}

void wrg_hostile_publish_rest(void *self)
{
    struct hostile_front *front = self;

    for (uint8_t i = 0; i < front->nqueues; i++) {
        const struct wrg_hostile_publish args = { .queue = i };
        const struct front_link *link = front->queues[i].link;
        if (link && unpublished(link))
            (void)wrg_hostile_publish(front, &args);
    }
}

void wrg_hostile_kick(void *self)
{
    struct hostile_front *front = self;

    for (unsigned i = 0; i < front->peer.nchannels; i++)
        __atomic_store_n(&front->queues[i].kick, true, __ATOMIC_RELEASE);
    wrg_hostile_peer_wake_rings(&front->peer);
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

static uint32_t load_rsp_prod(struct front_queue *queue)
{
    return wrg_page_load_u32(queue->port, queue->link->ring.ring.page, WRG_WIRE_RSP_PROD,
                             WRG_ORDER_ACQUIRE, WRG_SITE_SCRIPT);
}

/* Steps over the responses that are there; true: more have come while the event was asked for. */
static bool take(struct front_queue *queue, uint32_t *taken)
{
    struct wrg_front_ring *ring = &queue->link->ring;
    struct wrg_port *port = queue->port;
    uint32_t prod = load_rsp_prod(queue);
    uint32_t count = prod - ring->rsp_cons;

    if (count > ring->ring.entries)
        count = ring->ring.entries;
    ring->rsp_cons = prod;
    *taken += count;
    __atomic_add_fetch(&queue->front->responses, count, __ATOMIC_RELEASE);
    wrg_port_section(port, WRG_AT_FINAL_CHECK, queue->front->responses);
    wrg_page_store_u32(port, ring->ring.page, WRG_WIRE_RSP_EVENT, prod + 1, WRG_ORDER_RELAXED,
                       WRG_SITE_SCRIPT);
    wrg_page_fence(port, WRG_FENCE_MB);
    return load_rsp_prod(queue) != prod;
}

static void kick(struct front_queue *queue)
{
    wrg_hostile_unmask(queue->channel);
    if (unpublished(queue->link))
        (void)publish(queue, 0, NOTIFY_NO);
    /* For a queue that was never used, the event would be one too many. */
    if (queue->channel->queue && !queue->link->touched)
        return;
    /* Without a channel the backend cannot be told of anything but the end. */
    if (queue->channel->evtchn)
        (void)wrg_hostile_send(queue->channel);
    else
        wrg_hostile_close(&queue->front->peer);
}

static uint32_t work(struct front_queue *queue)
{
    uint32_t taken = 0;

    if (__atomic_exchange_n(&queue->kick, false, __ATOMIC_ACQ_REL))
        kick(queue);
    wrg_port_section(queue->port, WRG_AT_RESPONSE, queue->front->responses + 1);
    while (take(queue, &taken))
        ;
    /* Responses are not read: which request is answered is known only when all are. */
    if (taken && queue->link->ring.rsp_cons == queue->link->ring.req_prod)
        wrg_hostile_front_reclaim_all(queue);
    if (queue->channel->evtchn) {
        struct wrg_evtchn_eoi eoi = { .evtchn = queue->channel->evtchn, .spurious = taken == 0 };
        (void)wrg_port_evtchn_eoi(queue->port, &eoi);
    }
    return taken;
}

void wrg_hostile_front_work(void *arg)
{
    const struct hostile_channel *channel = arg;
    struct hostile_front *front = (struct hostile_front *)(void *)channel->peer;
    struct front_queue *queue = &front->queues[channel->queue];
    uint32_t task = __atomic_load_n(&front->notify_task, __ATOMIC_ACQUIRE);
    uint32_t taken = 0;

    wrg_hostile_peer_lock(&front->peer);
    if (queue->link)
        taken = work(queue);
    wrg_hostile_peer_unlock(&front->peer);
    if (taken && task != UINT32_MAX)
        wrg_hostile_peer_wake(&front->peer, task);
}
