/* SPDX-License-Identifier: MIT */
/*
 * Where a scripted back can write: the ring, and pages of the last request while they are granted.
 */
#include "hostile/back.h"

enum { GNTST_OKAY = 0 };

/* Through a mapping of its own, which lasts as long as the write. */
static bool poke_gref(struct hostile_back *back, uint32_t gref, const struct wrg_hostile_poke *args)
{
    struct wrg_gnttab_map_op op = { .gref = gref };
    struct wrg_gnttab_map map = { .domid = back->peer.bus.other_domid, .count = 1, .ops = &op };
    struct wrg_gnttab_unmap unmap = { .count = 1, .pages = &op.page };
    struct hostile_place place = { .room = WRG_PAGE_SIZE };
    bool effect;

    if (wrg_port_gnttab_map(back->peer.port, &map) || op.status != GNTST_OKAY)
        return false;
    place.page = op.page;
    effect = wrg_hostile_patch(back->peer.port, &place, args);
    (void)wrg_port_gnttab_unmap(back->peer.port, &unmap);
    return effect;
}

bool wrg_hostile_back_poke(struct hostile_peer *peer, const struct wrg_hostile_poke *args)
{
    struct hostile_back *back = (struct hostile_back *)(void *)peer;
    struct back_link *link = args->queue < back->nqueues ? back->queues[args->queue].link : NULL;
    struct hostile_place place;

    if (!link)
        return false;
    if (wrg_hostile_ring_place(&link->ring.ring, args, &place))
        return wrg_hostile_patch(peer->port, &place, args);
    if (args->target == WRG_HOSTILE_INDIRECT && args->index < link->nindirect)
        return poke_gref(back, link->indirect[args->index], args);
    if (args->target == WRG_HOSTILE_DATA && args->index < link->ndata)
        return poke_gref(back, link->data[args->index], args);
    return false;
}
