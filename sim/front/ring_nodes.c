/* SPDX-License-Identifier: MIT */
/*
 * How a ring is spelled: ring-page-order or num-ring-pages, ring-ref and ring-ref%u.
 *
 * A limit of the backend's that is no power of two is rounded down; of two limits the smaller one
 * counts. What an earlier connection has spelled otherwise is taken away: it would be believed.
 * Source: xen/io/blkif.h, max-ring-page-order, max-ring-pages, ring-page-order, num-ring-pages.
 */
#include <string.h>

#include "front/front.h"

enum { NAME_BYTES = 48 };

uint32_t wrg_front_ring_pages(struct wrg_front *front)
{
    uint32_t limit = 1u << front->port->params.ring_order;
    uint32_t order = 0, pages = 1;
    bool by_order = !wrg_xenbus_read_u32(&front->bus, "max-ring-page-order", &order);
    bool by_pages = !wrg_xenbus_read_u32(&front->bus, "max-ring-pages", &pages);

    if (!by_order && !by_pages)
        return 1;
    if (by_order && order < front->port->params.ring_order)
        limit = 1u << order;
    while (by_pages && limit > 1 && limit > pages)
        limit /= 2;
    return limit;
}

static int write_or_remove(struct wrg_front *front, uint32_t transaction, const char *name,
                           bool written, uint64_t value)
{
    return written ? wrg_xenbus_write_u64(&front->bus, transaction, name, value)
                   : wrg_xenbus_remove(&front->bus, transaction, name);
}

/*
 * One page goes by the old name: a ring-page-order, even of 0, would ask for ring-ref0. What an
 * earlier connection with more pages has left behind would ask for grants that are over.
 */
int wrg_front_write_ring_size(struct wrg_front *front, uint32_t transaction, uint32_t npages)
{
    uint8_t spelling = front->port->params.ring_nodes;
    bool several = npages > 1;
    int result = write_or_remove(front, transaction, "ring-page-order",
                                 several && spelling != WRG_RING_NODES_PAGES,
                                 (uint64_t)__builtin_ctz(npages));

    if (!result)
        result = write_or_remove(front, transaction, "num-ring-pages",
                                 several && spelling != WRG_RING_NODES_ORDER, npages);
    return result;
}

int wrg_front_write_ring_refs(struct wrg_front *front, uint32_t transaction, const char *prefix,
                              const struct front_ring *ring)
{
    char name[NAME_BYTES];
    size_t len = strlen(prefix);
    int result = 0;

    memcpy(name, prefix, len);
    memcpy(name + len, "ring-ref", sizeof("ring-ref"));
    if (ring->npages == 1)
        return wrg_xenbus_write_u64(&front->bus, transaction, name, ring->grefs[0]);
    len += sizeof("ring-ref") - 1;
    for (uint32_t i = 0; i < ring->npages && !result; i++) {
        wrg_format_u64(i, name + len);
        result = wrg_xenbus_write_u64(&front->bus, transaction, name, ring->grefs[i]);
    }
    return result;
}
