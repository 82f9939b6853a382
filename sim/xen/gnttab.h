/* SPDX-License-Identifier: MIT */
/*
 * Grant tables, versions 1 and 2: the guest's side (give, revoke) and Xen's (map, unmap, copy).
 *
 * What it is    Entries are bytes in frames of the guest, written by the guest's kernel through
 *               this module or by a hostile guest directly, and read by Xen as real Xen reads them:
 *               fields are checked while the entry is not pinned, and the recorded ones count while
 *               it is. Version 2 has wider entries, of several forms, and notes what is in use in
 *               frames of its own
 * Files         gnttab_table.c the table: frames, growth, version; gnttab_guest.c the guest's
 *               kernel; gnttab_pin.c what Xen checks and records; gnttab.c map and unmap;
 *               gnttab_copy.c copy; gnttab_quiet*.c the usual case of big requests, fast
 * Layer         xen
 * Bounds        up to 64 grant frames of 512 (version 2: 256) entries, one at first and more when
 *               they are needed; refs 0..7 are reserved; 128 pins of a kind
 * Errors        GNTST_* in statuses; -ENOSPC when the guest has no free ref
 * Source        xen/grant_table.h; pin semantics of Xen's common/grant_table.c as behaviour
 * Left out      transfer and transitive grants (refused), cache attributes, PTE mappings
 */
#ifndef WRG_XEN_GNTTAB_H
#define WRG_XEN_GNTTAB_H

#include <stdbool.h>
#include <stdint.h>

#include <wringer/port.h>

#include "base/slots.h"

#define WRG_GNTTAB_RESERVED      8
#define WRG_GNTTAB_PER_FRAME     512
#define WRG_GNTTAB_PER_FRAME_V2  256
#define WRG_GNTTAB_STATUS_FRAME  2048 /* words of status in a frame */
#define WRG_GNTTAB_FRAMES_MAX    64
#define WRG_GNTTAB_STATUS_FRAMES 8 /* for as many grant frames */
#define WRG_GNTTAB_PINS_MAX      128
#define WRG_GNTTAB_TRIES         5 /* of Xen, to change an entry that somebody else changes too */

struct wrg_xen;
struct wrg_domain;

struct wrg_grant_entry { /* as it lies in guest memory */
    uint16_t flags;
    uint16_t domid;
    uint32_t frame;
};

struct wrg_grant_entry_v2 {
    uint16_t flags;
    uint16_t domid;
    uint16_t off, len; /* of a sub-page; else padding */
    uint64_t frame;
};

enum { /* how often an entry is mapped, a counter a way: index of struct wrg_grant_pin.count */
       WRG_PIN_HOST_READ,
       WRG_PIN_HOST_WRITE,
       WRG_PIN_DEVICE_READ,
       WRG_PIN_DEVICE_WRITE,
       WRG_PINS
};

struct wrg_grant_pin { /* what Xen recorded at the first map, in one word; the counts are its top */
    uint32_t frame : 24;
    uint32_t grantee : 8;
    uint8_t count[WRG_PINS];
};

struct wrg_maptrack { /* one mapping, by its slot */
    uint32_t gref;
    uint16_t granter;
    bool readonly;
    uint8_t kinds; /* GNTMAP_device_map, GNTMAP_host_map: what is still there */
};

/* Another processor of the guest changes an entry whenever Xen is about to. */
struct wrg_grant_flip {
    uint32_t gref;
    uint32_t times;
    uint16_t mask; /* of its flags */
};

struct wrg_gnttab {
    uint8_t version;
    uint32_t nframes, max_frames;
    uint32_t first_frame;          /* grant frames are neighbours in the domain's memory */
    uint32_t status_frame;         /* behind them, version 2 only */
    uint32_t kept_frames;          /* kept for both, whether used or not */
    struct wrg_slots refs;         /* the guest's free list */
    uint32_t given;                /* refs that the guest has given and not taken back */
    uint32_t abandoned_pages;      /* of drivers that are gone: a peer still mapped them */
    struct wrg_grant_pin *pins;    /* by ref */
    uint32_t pinned;               /* pins that are not zero, together */
    struct wrg_maptrack *maptrack; /* of the mappings this domain made, by slot */
    struct wrg_grant_flip flip;
};

static inline uint32_t wrg_gnttab_per_frame(const struct wrg_gnttab *gnttab)
{
    return gnttab->version == 2 ? WRG_GNTTAB_PER_FRAME_V2 : WRG_GNTTAB_PER_FRAME;
}

static inline uint32_t wrg_gnttab_size(const struct wrg_gnttab *gnttab)
{
    return gnttab->nframes * wrg_gnttab_per_frame(gnttab);
}

/* ---- the table ---- */
/* No table. Pins are dropped elsewhere. */
void wrg_gnttab_reset(struct wrg_domain *dom);
/* An empty table of version 1 at the start of the domain's memory. */
void wrg_gnttab_setup(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t max_frames);
/* One more frame; false: there are as many as may be. */
bool wrg_gnttab_grow(struct wrg_xen *xen, struct wrg_domain *dom);
/*
 * Another version, with an empty table: the guest's books of what it has given start anew. Entries
 * below WRG_GNTTAB_RESERVED stay. -EINVAL: no such version, or a reserved entry that cannot be
 * taken over; -EBUSY: something is mapped.
 */
WRG_MUST_USE int wrg_gnttab_set_version(struct wrg_xen *xen, struct wrg_domain *dom,
                                        uint32_t version);
/* Of any domain; GNTST_*. */
void wrg_gnttab_query(struct wrg_xen *xen, struct wrg_gnttab_query *args);
void wrg_gnttab_status_frames(struct wrg_xen *xen, struct wrg_gnttab_status_frames *args);

/* ---- the guest's kernel ---- */
int wrg_gnttab_grant(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_grant *args);
void wrg_gnttab_end(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_end *args);
/* A raw edit of an entry, by a hostile guest. */
void wrg_gnttab_poke(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t gref,
                     const struct wrg_grant_entry *entry);
/* What a status word of version 2 says; the flags of version 1. */
uint16_t wrg_gnttab_status(struct wrg_xen *xen, const struct wrg_domain *dom, uint32_t gref);
/* The entry as it is now; false: no such ref. */
bool wrg_gnttab_peek(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t gref,
                     struct wrg_grant_entry *entry);

/* ---- Xen ---- */
int wrg_gnttab_map(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_map *args);
void wrg_gnttab_unmap(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_unmap *args);
int wrg_gnttab_copy(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_copy *args);
/* Releases all mappings that a dead domain made. */
void wrg_gnttab_release_all(struct wrg_xen *xen, struct wrg_domain *dom);

#endif
