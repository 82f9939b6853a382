/* SPDX-License-Identifier: MIT */
/*
 * Grant table, version 1: the guest's side (give, revoke) and Xen's (map, unmap, copy).
 *
 * What it is    Entries are 8 bytes in frames of the guest, written by the guest's kernel through
 *               this module or by a hostile guest directly, and read by Xen as real Xen reads them:
 *               fields are checked while the entry is not pinned, and the recorded ones count while
 *               it is.
 * Layer         xen
 * Bounds        up to 64 grant frames of 512 entries; refs 0..7 are reserved; 128 pins of a kind
 * Errors        GNTST_* in statuses; -ENOSPC when the guest has no free ref
 * Source        xen/grant_table.h; pin semantics of Xen's common/grant_table.c as behaviour
 * Left out      version 2, transfer, sub-page and transitive grants (refused), cache attributes
 */
#ifndef WRG_XEN_GNTTAB_H
#define WRG_XEN_GNTTAB_H

#include <stdbool.h>
#include <stdint.h>

#include <wringer/port.h>

#include "base/slots.h"

#define WRG_GNTTAB_RESERVED   8
#define WRG_GNTTAB_PER_FRAME  512
#define WRG_GNTTAB_FRAMES_MAX 64
#define WRG_GNTTAB_PINS_MAX   128

struct wrg_xen;
struct wrg_domain;

struct wrg_grant_entry { /* as it lies in guest memory */
    uint16_t flags;
    uint16_t domid;
    uint32_t frame;
};

struct wrg_grant_pin { /* what Xen recorded at the first map */
    uint32_t frame;
    uint16_t grantee;
    uint8_t readers, writers; /* mappings of a kind; neighbours, and the last two bytes */
};

struct wrg_maptrack { /* one mapping, by its slot */
    uint32_t gref;
    uint16_t granter;
    bool readonly;
};

struct wrg_gnttab {
    uint32_t nframes;
    uint32_t first_frame;          /* grant frames are neighbours in the domain's memory */
    struct wrg_slots refs;         /* the guest's free list */
    uint32_t given;                /* refs that the guest has given and not taken back */
    uint32_t abandoned_pages;      /* of drivers that are gone: a peer still mapped them */
    struct wrg_grant_pin *pins;    /* by ref */
    uint32_t pinned;               /* pins that are not zero, together */
    struct wrg_maptrack *maptrack; /* of the mappings this domain made, by slot */
};

static inline uint32_t wrg_gnttab_size(const struct wrg_gnttab *gnttab)
{
    return gnttab->nframes * WRG_GNTTAB_PER_FRAME;
}

/* ---- the guest's kernel ---- */
int wrg_gnttab_grant(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_grant *args);
void wrg_gnttab_end(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_end *args);
/* A raw edit of an entry, by a hostile guest. */
void wrg_gnttab_poke(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t gref,
                     const struct wrg_grant_entry *entry);
/* The entry's bytes as they are now; false: no such ref. */
bool wrg_gnttab_peek(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t gref,
                     struct wrg_grant_entry *entry);

/* ---- Xen ---- */
int wrg_gnttab_map(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_map *args);
void wrg_gnttab_unmap(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_unmap *args);
int wrg_gnttab_copy(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_copy *args);
/* Releases all mappings that a dead domain made. */
void wrg_gnttab_release_all(struct wrg_xen *xen, struct wrg_domain *dom);

#endif
