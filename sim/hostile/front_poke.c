/* SPDX-License-Identifier: MIT */
/*
 * Where a scripted front can write: its ring, its pages, its grant entries.
 */
#include "hostile/front.h"

static bool place_of(struct front_link *link, const struct wrg_hostile_poke *args,
                     struct hostile_place *place)
{
    const struct front_slot *slot = wrg_hostile_front_last_slot(link);

    if (wrg_hostile_ring_place(&link->ring.ring, args, place))
        return true;
    *place = (struct hostile_place){ .page = link->data_page + args->index % FRONT_DATA_PAGES,
                                     .room = WRG_PAGE_SIZE };
    if (args->target == WRG_HOSTILE_DATA)
        return true;
    if (args->target != WRG_HOSTILE_INDIRECT || !link->last.valid || args->index >= slot->count)
        return false;
    place->page = slot->pages[args->index].page;
    return true;
}

bool wrg_hostile_front_poke(struct hostile_peer *peer, const struct wrg_hostile_poke *args)
{
    struct hostile_front *front = (struct hostile_front *)(void *)peer;
    struct front_queue *queue = wrg_hostile_front_queue(front, args->queue);
    struct hostile_place place;

    if (!queue)
        return false;
    if (args->target == WRG_HOSTILE_GRANT)
        return wrg_hostile_front_poke_entry(queue, args);
    return place_of(queue->link, args, &place) && wrg_hostile_patch(peer->port, &place, args);
}
