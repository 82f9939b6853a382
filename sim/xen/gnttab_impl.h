/* SPDX-License-Identifier: MIT */
/*
 * What the files of the grant table share: where an entry lies, and pins. Layer: xen, private to
 * gnttab*.c.
 */
#ifndef WRG_XEN_GNTTAB_IMPL_H
#define WRG_XEN_GNTTAB_IMPL_H

#include <stdint.h>
#include <string.h>

#include <xen/xen.h>
#include <xen/grant_table.h>

#include "xen/hypervisor.h"

/* An entry is read and written as a whole where that can be. */
union wrg_grant_word {
    struct wrg_grant_entry entry;
    uint64_t word;
};
WRG_STATIC_ASSERT(sizeof(union wrg_grant_word) == sizeof(grant_entry_v1_t) &&
                      sizeof(struct wrg_grant_entry_v2) == sizeof(grant_entry_v2_t),
                  "entries are as wide as Xen's");
WRG_STATIC_ASSERT(sizeof(struct wrg_grant_pin) == 8, "pins are one word");

/* ---- where things lie ---- */

/* Grant frames are neighbours, so the table is one array. */
static inline struct wrg_grant_entry *wrg_gnttab_entry(struct wrg_xen *xen,
                                                       const struct wrg_domain *dom, uint32_t gref)
{
    uint8_t *table = wrg_memory_at(&xen->memory, dom->gnttab.first_frame);

    return (struct wrg_grant_entry *)(void *)table + gref;
}

static inline struct wrg_grant_entry_v2 *wrg_gnttab_entry_v2(struct wrg_xen *xen,
                                                             const struct wrg_domain *dom,
                                                             uint32_t gref)
{
    uint8_t *table = wrg_memory_at(&xen->memory, dom->gnttab.first_frame);

    return (struct wrg_grant_entry_v2 *)(void *)table + gref;
}

/* Flags and domid, at the start of an entry of either version. */
static inline uint32_t *wrg_gnttab_head(struct wrg_xen *xen, const struct wrg_domain *dom,
                                        uint32_t gref)
{
    return dom->gnttab.version == 2 ? (uint32_t *)(void *)wrg_gnttab_entry_v2(xen, dom, gref)
                                    : (uint32_t *)(void *)wrg_gnttab_entry(xen, dom, gref);
}

/* Where Xen notes that an entry is in use: a status word, or the flags of version 1. */
static inline uint16_t *wrg_gnttab_use(struct wrg_xen *xen, const struct wrg_domain *dom,
                                       uint32_t gref)
{
    uint8_t *status = wrg_memory_at(&xen->memory, dom->gnttab.status_frame);

    return dom->gnttab.version == 2 ? (uint16_t *)(void *)status + gref
                                    : &wrg_gnttab_entry(xen, dom, gref)->flags;
}

/* Before an entry or its status is written. */
static inline void wrg_gnttab_mark(struct wrg_xen *xen, const struct wrg_domain *dom, uint32_t gref)
{
    const struct wrg_gnttab *gnttab = &dom->gnttab;

    wrg_memory_mark(&xen->memory, gnttab->first_frame + gref / wrg_gnttab_per_frame(gnttab));
    if (WRG_UNLIKELY(gnttab->version == 2))
        wrg_memory_mark(&xen->memory, gnttab->status_frame + gref / WRG_GNTTAB_STATUS_FRAME);
}

static inline bool wrg_gnttab_owns(const struct wrg_domain *dom, uint64_t frame)
{
    return frame >= dom->first_frame && frame - dom->first_frame < dom->nframes;
}

/* A slot's first handle has generation 1: 0 is never used. */
static inline uint32_t wrg_gnttab_generation(const struct wrg_view *view)
{
    uint32_t generation = view->handle & ~WRG_VIEW_MASK;

    return generation ? generation : 1u << WRG_VIEW_BITS;
}

/* The handle of view `at` dies; the slot's next one differs. */
static inline void wrg_gnttab_retire(struct wrg_view *view, uint32_t at)
{
    view->base = NULL;
    view->handle += 1u << WRG_VIEW_BITS;
    view->handle = wrg_gnttab_generation(view) | at;
}

/* ---- pins (gnttab_pin.c) ---- */

/* All counts of an entry; 0: nobody has mapped it. */
static inline uint32_t wrg_gnttab_pins(const struct wrg_grant_pin *pin)
{
    uint32_t counts;

    memcpy(&counts, pin->count, sizeof(counts));
    return counts;
}

struct wrg_pin_args {
    uint32_t gref;
    uint16_t grantee;
    bool write;
    bool copy;     /* for the time of a copy, to which a part of a page may be granted */
    uint8_t kinds; /* GNTMAP_device_map, GNTMAP_host_map */
};

struct wrg_pinned {
    uint32_t frame;
    uint16_t off, len; /* what is granted of it */
};

/* GNTST_*. */
int16_t wrg_gnttab_pin(struct wrg_xen *xen, struct wrg_domain *granter,
                       const struct wrg_pin_args *args, struct wrg_pinned *out);
void wrg_gnttab_unpin(struct wrg_xen *xen, struct wrg_domain *granter,
                      const struct wrg_pin_args *args);

#endif
