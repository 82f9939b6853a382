/* SPDX-License-Identifier: MIT */
/*
 * How a ring is spelled: ring-page-order, num-ring-pages, ring-ref and ring-ref%u.
 *
 * A ring-page-order, even of 0, asks for ring-ref0 and so on. num-ring-pages is its older kin,
 * whose ring of one page goes by ring-ref; it counts where there is no ring-page-order, and must
 * agree with one. What is no number is as good as absent. A number of pages that is no power of
 * two is refused, not rounded: the two ends would have rings of different sizes. Source:
 * xen/io/blkif.h, ring-page-order, num-ring-pages, ring-ref%u.
 */
#include <errno.h>
#include <string.h>

#include "back/back.h"

/* Why it is refused; NULL: it is not. */
static const char *judge_order(const struct wrg_back *back, uint32_t order)
{
    return order > back->port->params.ring_order ? "ring-page-order is larger than what was offered"
                                                 : NULL;
}

static const char *judge_pages(const struct wrg_back *back, uint32_t pages)
{
    if (pages == 0 || (pages & (pages - 1)) != 0)
        return "num-ring-pages is no power of two";
    return pages > 1u << back->port->params.ring_order
               ? "num-ring-pages is larger than what was offered"
               : NULL;
}

int wrg_back_read_ring_size(struct wrg_back *back, struct back_ring_size *size, const char **why)
{
    uint32_t order = 0, pages = 1;
    bool by_order = !wrg_xenbus_read_u32(&back->bus, "ring-page-order", &order);
    bool by_pages = !wrg_xenbus_read_u32(&back->bus, "num-ring-pages", &pages);

    const char *wrong = by_order   ? judge_order(back, order)
                        : by_pages ? judge_pages(back, pages)
                                   : NULL;

    if (!wrong && by_order && by_pages && pages != 1u << order)
        wrong = "ring-page-order and num-ring-pages disagree";
    if (wrong) {
        *why = wrong;
        return -EINVAL;
    }
    size->npages = (uint8_t)(by_order ? 1u << order : pages);
    size->numbered = by_order || pages > 1;
    return 0;
}

int wrg_back_read_ring_refs(struct wrg_back *back, const char *prefix,
                            const struct back_ring_size *size, uint32_t *grefs)
{
    char name[32];
    size_t len = strlen(prefix);
    int result = 0;

    memcpy(name, prefix, len);
    memcpy(name + len, "ring-ref", sizeof("ring-ref"));
    if (!size->numbered)
        return wrg_xenbus_read_u32(&back->bus, name, &grefs[0]);
    len += sizeof("ring-ref") - 1;
    for (unsigned i = 0; i < size->npages && !result; i++) {
        wrg_format_u64(i, name + len);
        result = wrg_xenbus_read_u32(&back->bus, name, &grefs[i]);
    }
    return result;
}
