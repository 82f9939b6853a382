/* SPDX-License-Identifier: MIT */
/*
 * Grant references of every kind, and raw edits of their entries.
 *
 * An edited entry keeps its number until the end, when what was granted is put back first: the
 * guest's own books (which frame is granted how often) follow the entry.
 * Source: xen/grant_table.h
 */
#include <string.h>

#include "hostile/front.h"

enum {
    ENTRY_PERMIT_ACCESS = 1,
    ENTRY_ACCEPT_TRANSFER = 2,
    ENTRY_TRANSITIVE = 3,
    ENTRY_READONLY = 4,
    ENTRY_CACHE_DISABLE = 0x40, /* means nothing to anybody here */
    ENTRY_SUB_PAGE = 0x100
};
/* The toolstack's domain has it; every other number of another domain would do as well. */
enum { FRAME_OF_ANOTHER = 0 };

/* ---- entries ---- */

/* A guest knows the frames of its own pages, though only a hostile one has a use for them. */
static uint32_t frame_of(const struct wrg_port *port, uint32_t page)
{
    return port->views[page & WRG_VIEW_MASK].frame;
}

static uint32_t page_in(const struct front_share *shares, uint32_t count, uint32_t gref)
{
    for (uint32_t i = 0; i < count; i++)
        if (shares[i].gref == gref)
            return shares[i].page;
    return WRG_NO_PAGE;
}

static uint32_t indirect_page_of(const struct front_link *link, uint32_t gref)
{
    uint32_t page = page_in(link->kept, link->nkept, gref);

    for (uint32_t i = 0; i < link->ring.ring.entries && page == WRG_NO_PAGE; i++)
        page = page_in(link->slots[i].pages, link->slots[i].count, gref);
    return page;
}

static uint32_t data_page_of(const struct front_link *link, uint32_t gref, bool *readonly)
{
    for (uint32_t i = 0; i < FRONT_DATA_PAGES; i++) {
        *readonly = link->readonly[i] == gref;
        if (*readonly || link->data[i] == gref)
            return link->data_page + i;
    }
    return WRG_NO_PAGE;
}

/* The entry as it was granted; false: the number is none of ours. */
static bool granted_entry(const struct front_queue *queue, const struct front_link *link,
                          uint32_t gref, struct front_entry *entry)
{
    bool readonly = false;
    uint32_t page = data_page_of(link, gref, &readonly);

    if (page == WRG_NO_PAGE)
        page = page_in(link->ring_pages, WRG_BLKIF_MAX_RING_PAGES, gref);
    if (page == WRG_NO_PAGE) {
        page = indirect_page_of(link, gref);
        readonly = page != WRG_NO_PAGE && !queue->front->peer.port->params.persistent;
    }
    for (uint32_t i = 0; i < FRONT_NR_KINDS && page == WRG_NO_PAGE; i++)
        if (link->special[i] == gref)
            page = link->scratch_page;
    if (page == WRG_NO_PAGE || gref == WRG_NO_GREF)
        return false;
    *entry = (struct front_entry){ .domid = queue->front->peer.bus.other_domid,
                                   .frame = frame_of(queue->port, page) };
    entry->flags = (uint16_t)(ENTRY_PERMIT_ACCESS | (readonly ? ENTRY_READONLY : 0));
    return true;
}

static struct front_edit *find_edit(struct front_link *link, uint32_t gref)
{
    for (uint32_t i = 0; i < link->nedits; i++)
        if (link->edits[i].gref == gref)
            return &link->edits[i];
    return NULL;
}

/* What is known of an entry, to be edited; NULL: too many are. */
static struct front_edit *open_edit(struct front_queue *queue, struct front_link *link,
                                    uint32_t gref)
{
    struct front_edit *edit = find_edit(link, gref);
    struct front_entry was = { .flags = 0 };
    bool own = granted_entry(queue, link, gref, &was);

    if (edit && edit->own == own)
        return edit;
    if (!edit && link->nedits == FRONT_EDITS)
        return NULL;
    if (!edit)
        edit = &link->edits[link->nedits++];
    *edit = (struct front_edit){ .gref = gref, .own = own, .was = was, .now = was };
    return edit;
}

static bool write_entry(struct front_queue *queue, uint32_t gref, const struct front_entry *entry)
{
    struct wrg_gnttab_edit edit = {
        .gref = gref, .flags = entry->flags, .domid = entry->domid, .frame = entry->frame
    };

    return wrg_port_gnttab_edit(queue->port, &edit) == 0;
}

/* Who has granted it, and so will take it back. */
static struct front_queue *owner_of(struct front_queue *queue, uint32_t gref)
{
    struct hostile_front *front = queue->front;
    struct front_entry entry;

    for (uint32_t i = 0; i < front->nqueues; i++)
        if (front->queues[i].link &&
            granted_entry(&front->queues[i], front->queues[i].link, gref, &entry))
            return &front->queues[i];
    return queue;
}

bool wrg_hostile_front_poke_entry(struct front_queue *named, const struct wrg_hostile_poke *args)
{
    struct front_queue *queue = owner_of(named, args->index);
    uint32_t len = wrg_hostile_poke_len(args);
    struct front_edit *edit = open_edit(queue, queue->link, args->index);
    uint8_t bytes[sizeof(struct front_entry)];
    uint64_t value = 0;

    if (!edit || args->off + len > sizeof(bytes))
        return false;
    memcpy(bytes, &edit->now, sizeof(bytes));
    memcpy(&value, bytes + args->off, len);
    value = wrg_hostile_combine(value, args);
    memcpy(bytes + args->off, &value, len);
    memcpy(&edit->now, bytes, sizeof(bytes));
    return write_entry(queue, args->index, &edit->now);
}

bool wrg_hostile_front_end(struct front_queue *queue, struct front_link *link, uint32_t *gref,
                           bool final)
{
    struct wrg_gnttab_end end = { .count = 1, .grefs = gref };
    struct front_edit *edit;

    if (*gref == WRG_NO_GREF)
        return true;
    edit = find_edit(link, *gref);
    if (edit && edit->own) {
        /* The edit may have wiped out what Xen notes there: a mapping could not be seen. */
        if (!final)
            return false;
        (void)write_entry(queue, *gref, &edit->was);
        edit->own = false;
    }
    (void)wrg_port_gnttab_end(queue->port, &end);
    if (end.still_in_use)
        return false;
    *gref = WRG_NO_GREF;
    return true;
}

/* ---- kinds ---- */

static uint32_t grant_one(struct front_queue *queue, uint32_t page, bool readonly, uint16_t domid)
{
    uint32_t gref = WRG_NO_GREF;
    struct wrg_gnttab_grant grant = {
        .domid = domid, .readonly = readonly, .count = 1, .pages = &page, .grefs = &gref
    };

    return wrg_port_gnttab_grant(queue->port, &grant) ? WRG_NO_GREF : gref;
}

static uint32_t scratch_page(struct front_queue *queue)
{
    struct wrg_page_alloc alloc = { .count = 1, .zero = true };

    if (queue->link->scratch_page == WRG_NO_PAGE && !wrg_port_page_alloc(queue->port, &alloc))
        queue->link->scratch_page = alloc.page;
    return queue->link->scratch_page;
}

/* What the entry of a special gref says instead of what was granted. */
static struct front_entry special_entry(uint8_t kind, struct front_entry entry)
{
    if (kind == WRG_HOSTILE_REVOKED)
        entry.flags = 0;
    else if (kind == WRG_HOSTILE_FOREIGN)
        memset(&entry, 0, sizeof(entry));
    else if (kind == WRG_HOSTILE_UNOWNED)
        entry.frame = FRAME_OF_ANOTHER;
    else if (kind == WRG_HOSTILE_TRANSFER)
        entry.flags = ENTRY_ACCEPT_TRANSFER;
    else if (kind == WRG_HOSTILE_SUB_PAGE)
        entry.flags |= ENTRY_SUB_PAGE;
    else if (kind == WRG_HOSTILE_TRANSITIVE)
        entry.flags = ENTRY_TRANSITIVE;
    return entry;
}

/* From now on its flags change each time that Xen is about to change them. */
static void destabilize(struct front_queue *queue, uint32_t gref, const struct front_entry *entry)
{
    struct wrg_gnttab_edit edit = { .gref = gref,
                                    .flags = entry->flags,
                                    .domid = entry->domid,
                                    .frame = entry->frame,
                                    .flip = ENTRY_CACHE_DISABLE,
                                    .flips = UINT16_MAX };

    (void)wrg_port_gnttab_edit(queue->port, &edit);
}

/* Numbers are reserved by granting a page of no use, so that no later grant makes them valid. */
static uint32_t special_gref(struct front_queue *queue, uint8_t kind)
{
    struct front_link *link = queue->link;
    uint16_t domid = queue->front->peer.bus.other_domid;
    bool other = kind == WRG_HOSTILE_OTHER_DOMID;

    if (link->special[kind] != WRG_NO_GREF)
        return link->special[kind];
    if (scratch_page(queue) == WRG_NO_PAGE || link->nedits == FRONT_EDITS)
        return WRG_NO_GREF;
    link->special[kind] =
        grant_one(queue, link->scratch_page, false, (uint16_t)(other ? domid + 1 : domid));
    if (other || link->special[kind] == WRG_NO_GREF)
        return link->special[kind];
    struct front_edit *edit = open_edit(queue, link, link->special[kind]);
    edit->now = special_entry(kind, edit->was);
    (void)write_entry(queue, link->special[kind], &edit->now);
    if (kind == WRG_HOSTILE_UNSTABLE)
        destabilize(queue, link->special[kind], &edit->now);
    return link->special[kind];
}

static uint32_t readonly_gref(struct front_queue *queue, uint32_t data)
{
    struct front_link *link = queue->link;

    if (link->readonly[data] == WRG_NO_GREF)
        link->readonly[data] =
            grant_one(queue, link->data_page + data, true, queue->front->peer.bus.other_domid);
    return link->readonly[data];
}

static uint32_t indirect_gref(struct front_link *link)
{
    const struct front_slot *slot = wrg_hostile_front_last_slot(link);

    return slot->count ? slot->pages[0].gref : link->ring_pages[0].gref;
}

uint32_t wrg_hostile_front_data_index(const struct front_link *link, uint32_t segment)
{
    return (link->last.ordinal * FRONT_DATA_STRIDE + segment) % FRONT_DATA_PAGES;
}

bool wrg_hostile_front_gref(struct front_queue *queue, uint8_t kind, uint32_t segment,
                            uint32_t *gref)
{
    uint32_t data = wrg_hostile_front_data_index(queue->link, segment);

    switch (kind) {
    case WRG_HOSTILE_GOOD: *gref = queue->link->data[data]; return true;
    case WRG_HOSTILE_READONLY: *gref = readonly_gref(queue, data); break;
    case WRG_HOSTILE_ZERO: *gref = 0; return true;
    case WRG_HOSTILE_ALL_ONES: *gref = UINT32_MAX; return true;
    case WRG_HOSTILE_RING: *gref = queue->link->ring_pages[0].gref; return true;
    case WRG_HOSTILE_OF_INDIRECT: *gref = indirect_gref(queue->link); return true;
    case WRG_HOSTILE_REVOKED:
    case WRG_HOSTILE_FOREIGN:
    case WRG_HOSTILE_UNOWNED:
    case WRG_HOSTILE_TRANSFER:
    case WRG_HOSTILE_UNSTABLE:
    case WRG_HOSTILE_SUB_PAGE:
    case WRG_HOSTILE_TRANSITIVE:
    case WRG_HOSTILE_OTHER_DOMID: *gref = special_gref(queue, kind); break;
    default: return false;
    }
    return *gref != WRG_NO_GREF;
}
