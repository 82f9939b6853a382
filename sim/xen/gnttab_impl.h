/* SPDX-License-Identifier: MIT */
/*
 * Parts of the grant table that the guest's side, Xen's side and copy share. Inline: they are run
 * for each segment of a request. Layer: xen, private to gnttab*.c.
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
WRG_STATIC_ASSERT(sizeof(union wrg_grant_word) == sizeof(grant_entry_v1_t), "v1 entries");

/* Grant frames are neighbours, so the table is one array. */
static inline struct wrg_grant_entry *wrg_gnttab_entry(struct wrg_xen *xen,
                                                       const struct wrg_domain *dom, uint32_t gref)
{
    uint8_t *table = wrg_memory_at(&xen->memory, dom->gnttab.first_frame);

    return (struct wrg_grant_entry *)(void *)table + gref;
}

static inline struct wrg_grant_entry wrg_gnttab_load(const struct wrg_grant_entry *entry)
{
    union wrg_grant_word word = { .word = __atomic_load_n((const uint64_t *)(const void *)entry,
                                                          __ATOMIC_ACQUIRE) };

    return word.entry;
}

/* Before an entry is written. */
static inline void wrg_gnttab_mark(struct wrg_xen *xen, const struct wrg_domain *dom, uint32_t gref)
{
    wrg_memory_mark(&xen->memory, dom->gnttab.first_frame + gref / WRG_GNTTAB_PER_FRAME);
}

static inline bool wrg_gnttab_owns(const struct wrg_domain *dom, uint32_t frame)
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

struct wrg_pin_args {
    uint32_t gref;
    uint16_t grantee;
    bool write;
};

/* The first pin reads the entry; while a pin is there, what was recorded then counts. */
static inline int16_t wrg_gnttab_check_unpinned(const struct wrg_domain *granter,
                                                const struct wrg_grant_entry *entry,
                                                const struct wrg_pin_args *args)
{
    if ((entry->flags & (GTF_type_mask | GTF_sub_page)) != GTF_permit_access ||
        entry->domid != args->grantee)
        return GNTST_general_error;
    if (args->write && (entry->flags & GTF_readonly))
        return GNTST_general_error;
    if (!wrg_gnttab_owns(granter, entry->frame))
        return GNTST_bad_page;
    return GNTST_okay;
}

/* The caller counts granter->gnttab.pinned. */
static inline int16_t wrg_gnttab_pin(struct wrg_xen *xen, struct wrg_domain *granter,
                                     const struct wrg_pin_args *args, uint32_t *frame)
{
    if (args->gref >= wrg_gnttab_size(&granter->gnttab))
        return GNTST_bad_gntref;
    struct wrg_grant_pin *pins = &granter->gnttab.pins[args->gref];
    struct wrg_grant_entry *shared = wrg_gnttab_entry(xen, granter, args->gref);
    struct wrg_grant_entry entry = wrg_gnttab_load(shared);
    struct wrg_grant_pin now = *pins;
    if (!now.readers && !now.writers) {
        int16_t status = wrg_gnttab_check_unpinned(granter, &entry, args);
        if (status != GNTST_okay)
            return status;
        now.frame = entry.frame;
        now.grantee = args->grantee;
    } else if (now.grantee != args->grantee ||
               (args->write && !now.writers && (entry.flags & GTF_readonly))) {
        return GNTST_general_error;
    }
    if ((args->write ? now.writers : now.readers) >= WRG_GNTTAB_PINS_MAX)
        return GNTST_general_error;
    now.writers += args->write;
    now.readers += !args->write;
    *pins = now;
    uint16_t bits = (uint16_t)(GTF_reading | (args->write ? GTF_writing : 0));
    wrg_gnttab_mark(xen, granter, args->gref);
    if (WRG_UNLIKELY(xen->parallel))
        __atomic_fetch_or(&shared->flags, bits, __ATOMIC_SEQ_CST);
    else
        shared->flags = entry.flags | bits;
    *frame = now.frame;
    return GNTST_okay;
}

/* The caller counts granter->gnttab.pinned. */
static inline void wrg_gnttab_unpin(struct wrg_xen *xen, struct wrg_domain *granter, uint32_t gref,
                                    bool write)
{
    struct wrg_grant_pin *pins = &granter->gnttab.pins[gref];
    uint16_t clear = 0;

    pins->writers -= write;
    pins->readers -= !write;
    if (!pins->writers)
        clear = pins->readers ? GTF_writing : GTF_writing | GTF_reading;
    wrg_gnttab_mark(xen, granter, gref);
    struct wrg_grant_entry *shared = wrg_gnttab_entry(xen, granter, gref);
    if (WRG_UNLIKELY(xen->parallel))
        __atomic_fetch_and(&shared->flags, (uint16_t)~clear, __ATOMIC_SEQ_CST);
    else
        shared->flags &= (uint16_t)~clear;
}

#endif
