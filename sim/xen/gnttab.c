/* SPDX-License-Identifier: MIT */
#include "xen/gnttab.h"

#include <errno.h>
#include <string.h>

#include <xen/xen.h>
#include <xen/grant_table.h>

#include "xen/hypervisor.h"

WRG_STATIC_ASSERT(sizeof(struct wrg_grant_entry) == sizeof(grant_entry_v1_t), "v1 entries");

static struct wrg_grant_entry *entry_at(struct wrg_xen *xen, const struct wrg_domain *dom,
                                        uint32_t gref)
{
    uint32_t frame = dom->gnttab.first_frame + gref / WRG_GNTTAB_PER_FRAME;
    uint8_t *at = wrg_memory_at(&xen->memory, frame);

    return (struct wrg_grant_entry *)(void *)at + gref % WRG_GNTTAB_PER_FRAME;
}

static void mark_entry(struct wrg_xen *xen, const struct wrg_domain *dom, uint32_t gref)
{
    wrg_memory_mark(&xen->memory, dom->gnttab.first_frame + gref / WRG_GNTTAB_PER_FRAME);
}

/* ---- the guest's kernel ---- */

static void emit_grant(struct wrg_xen *xen, struct wrg_domain *dom,
                       const struct wrg_gnttab_grant *args, uint32_t gref,
                       const struct wrg_view *view)
{
    struct wrg_frame *meta = &xen->memory.frames[view->frame];

    if (meta->tainted) /* a page that was found clean is not searched again */
        meta->tainted = wrg_memory_has_secret(view->base, WRG_PAGE_SIZE);
    wrg_xen_emit(xen, .kind = WRG_EV_GRANT, .role = dom->role, .a = gref, .b = view->frame,
                 .c = args->domid | (uint64_t)args->readonly << 16, .d = meta->tainted);
}

static int grant_one(struct wrg_xen *xen, struct wrg_domain *dom,
                     const struct wrg_gnttab_grant *args, uint32_t i)
{
    const struct wrg_view *view = wrg_xen_view(dom, args->pages[i]);
    uint32_t gref;

    if (!view)
        return -EINVAL;
    gref = wrg_slots_take(&dom->gnttab.refs);
    if (gref == WRG_SLOTS_NONE)
        return -ENOSPC;
    args->grefs[i] = gref;
    mark_entry(xen, dom, gref);
    wrg_memory_mark_meta(&xen->memory, view->frame);
    xen->memory.frames[view->frame].granted++;
    dom->gnttab.given++;
    /* The order of xen/grant_table.h: domid and frame, barrier, flags. */
    struct wrg_grant_entry *entry = entry_at(xen, dom, gref);
    uint16_t flags = (uint16_t)(GTF_permit_access | (args->readonly ? GTF_readonly : 0));
    entry->domid = args->domid;
    entry->frame = view->frame;
    __atomic_store_n(&entry->flags, flags, __ATOMIC_RELEASE);
    if (xen->trace->on)
        emit_grant(xen, dom, args, gref, view);
    return 0;
}

int wrg_gnttab_grant(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_grant *args)
{
    for (uint32_t i = 0; i < args->count; i++) {
        int result = grant_one(xen, dom, args, i);
        if (result) {
            struct wrg_gnttab_end undo = { .count = i, .grefs = args->grefs };
            wrg_gnttab_end(xen, dom, &undo);
            return result;
        }
    }
    return 0;
}

/* Flags become 0 in one atomic step unless the peer is in it. */
static bool revoke(struct wrg_grant_entry *entry, bool parallel)
{
    uint16_t flags = __atomic_load_n(&entry->flags, __ATOMIC_RELAXED);

    do {
        if (flags & (GTF_reading | GTF_writing))
            return false;
        if (!parallel) {
            entry->flags = 0;
            return true;
        }
    } while (!__atomic_compare_exchange_n(&entry->flags, &flags, 0, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_RELAXED));
    return true;
}

void wrg_gnttab_end(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_end *args)
{
    args->still_in_use = 0;
    for (uint32_t i = 0; i < args->count; i++) {
        uint32_t gref = args->grefs[i];
        if (gref == WRG_NO_GREF)
            continue;
        if (gref < WRG_GNTTAB_RESERVED || !wrg_slots_is_taken(&dom->gnttab.refs, gref)) {
            wrg_xen_emit(xen, .kind = WRG_EV_VIEW_FAULT, .role = dom->role, .a = gref,
                         .c = WRG_RULE_MEM_001);
            continue;
        }
        struct wrg_grant_entry *entry = entry_at(xen, dom, gref);
        /* The guest's kernel knows its page by itself; the entry is read for what the peer sees. */
        uint32_t frame = entry->frame;
        bool in_use = !revoke(entry, xen->parallel);
        mark_entry(xen, dom, gref);
        wrg_xen_emit(xen, .kind = WRG_EV_GRANT_END, .role = dom->role, .a = gref, .b = frame,
                     .c = in_use);
        if (in_use) {
            args->still_in_use++;
            dom->gnttab.given -= args->abandon;
            continue;
        }
        if (frame < xen->memory.nframes && xen->memory.frames[frame].granted)
            xen->memory.frames[frame].granted--;
        dom->gnttab.given--;
        wrg_slots_put(&dom->gnttab.refs, gref);
        args->grefs[i] = WRG_NO_GREF;
    }
    if (args->abandon && args->still_in_use)
        dom->gnttab.abandoned_pages += args->abandoned_pages;
}

void wrg_gnttab_poke(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t gref,
                     const struct wrg_grant_entry *entry)
{
    if (gref >= wrg_gnttab_size(&dom->gnttab))
        return;
    mark_entry(xen, dom, gref);
    memcpy(entry_at(xen, dom, gref), entry, sizeof(*entry));
}

bool wrg_gnttab_peek(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t gref,
                     struct wrg_grant_entry *entry)
{
    if (gref >= wrg_gnttab_size(&dom->gnttab))
        return false;
    memcpy(entry, entry_at(xen, dom, gref), sizeof(*entry));
    return true;
}

/* ---- Xen: pins ---- */

static bool owns_frame(const struct wrg_domain *dom, uint32_t frame)
{
    return frame >= dom->first_frame && frame - dom->first_frame < dom->nframes;
}

/* The first pin reads the entry; while a pin is there, what was recorded then counts. */
static int16_t check_unpinned(struct wrg_xen *xen, struct wrg_domain *granter,
                              const struct wrg_grant_entry *entry, uint16_t grantee, bool write)
{
    (void)xen;
    if ((entry->flags & (GTF_type_mask | GTF_sub_page)) != GTF_permit_access ||
        entry->domid != grantee)
        return GNTST_general_error;
    if (write && (entry->flags & GTF_readonly))
        return GNTST_general_error;
    if (!owns_frame(granter, entry->frame))
        return GNTST_bad_page;
    return GNTST_okay;
}

static int16_t pin(struct wrg_xen *xen, struct wrg_domain *granter, uint32_t gref, uint16_t grantee,
                   bool write, uint32_t *frame)
{
    struct wrg_grant_pin *pins;
    struct wrg_grant_entry *shared;
    struct wrg_grant_entry entry;

    if (gref >= wrg_gnttab_size(&granter->gnttab))
        return GNTST_bad_gntref;
    pins = &granter->gnttab.pins[gref];
    shared = entry_at(xen, granter, gref);
    uint64_t word = __atomic_load_n((uint64_t *)(void *)shared, __ATOMIC_ACQUIRE);
    memcpy(&entry, &word, sizeof(entry));
    if (!pins->readers && !pins->writers) {
        int16_t status = check_unpinned(xen, granter, &entry, grantee, write);
        if (status != GNTST_okay)
            return status;
        pins->frame = entry.frame;
        pins->grantee = grantee;
    } else if (pins->grantee != grantee ||
               (write && !pins->writers && (entry.flags & GTF_readonly))) {
        return GNTST_general_error;
    }
    uint8_t *count = write ? &pins->writers : &pins->readers;
    if (*count >= WRG_GNTTAB_PINS_MAX)
        return GNTST_general_error;
    (*count)++;
    granter->gnttab.pinned++;
    uint16_t bits = (uint16_t)(GTF_reading | (write ? GTF_writing : 0));
    mark_entry(xen, granter, gref);
    if (xen->parallel)
        __atomic_fetch_or(&shared->flags, bits, __ATOMIC_SEQ_CST);
    else
        shared->flags |= bits;
    *frame = pins->frame;
    return GNTST_okay;
}

static void unpin(struct wrg_xen *xen, struct wrg_domain *granter, uint32_t gref, bool write)
{
    struct wrg_grant_pin *pins = &granter->gnttab.pins[gref];
    uint16_t clear = 0;

    if (write)
        pins->writers--;
    else
        pins->readers--;
    granter->gnttab.pinned--;
    if (!pins->writers)
        clear |= GTF_writing;
    if (!pins->writers && !pins->readers)
        clear |= GTF_reading;
    mark_entry(xen, granter, gref);
    struct wrg_grant_entry *shared = entry_at(xen, granter, gref);
    if (xen->parallel)
        __atomic_fetch_and(&shared->flags, (uint16_t)~clear, __ATOMIC_SEQ_CST);
    else
        shared->flags &= (uint16_t)~clear;
}

/* ---- Xen: map and unmap ---- */

static int16_t map_one(struct wrg_xen *xen, struct wrg_domain *dom,
                       const struct wrg_gnttab_map *args, uint32_t slot,
                       struct wrg_gnttab_map_op *op)
{
    struct wrg_domain *granter = wrg_xen_domain(xen, args->domid);
    uint32_t frame = 0;

    op->page = WRG_NO_PAGE;
    int32_t fault = wrg_fault_point(xen->fault, WRG_FAULT_GNTTAB_MAP);
    if (fault) {
        wrg_xen_emit(xen, .kind = WRG_EV_FAULT, .role = dom->role, .a = WRG_FAULT_GNTTAB_MAP,
                     .c = (uint32_t)fault);
        return (int16_t)fault;
    }
    if (!granter)
        return GNTST_bad_domain;
    if (slot == WRG_SLOTS_NONE)
        return GNTST_no_space;
    int16_t status = pin(xen, granter, op->gref, dom->domid, !args->readonly, &frame);
    if (status != GNTST_okay)
        return status;
    struct wrg_view *view = &dom->views[dom->nframes + slot];
    uint32_t generation = view->handle & ~WRG_VIEW_MASK;
    if (!generation)
        generation = 1u << WRG_VIEW_BITS;
    view->handle = generation | (dom->nframes + slot);
    view->base = wrg_memory_at(&xen->memory, frame);
    view->frame = frame & 0xffffff;
    view->flags = args->readonly ? 0 : WRG_VIEW_WRITE;
    dom->gnttab.maptrack[slot] = (struct wrg_maptrack){ .gref = op->gref,
                                                        .granter = args->domid,
                                                        .readonly = args->readonly };
    wrg_memory_mark_meta(&xen->memory, frame);
    xen->memory.frames[frame].mapped++;
    op->page = view->handle;
    if (xen->trace->on && dom->role == WRG_ROLE_BACK)
        wrg_fetch_mapped(&xen->fetch, WRG_SEAT_BACK, &xen->memory.frames[frame], op->gref, frame);
    return GNTST_okay;
}

static void emit_map(struct wrg_xen *xen, struct wrg_domain *dom, const struct wrg_gnttab_map *args,
                     const struct wrg_gnttab_map_op *op)
{
    const struct wrg_view *view;

    if (!xen->trace->on)
        return;
    view = op->status == GNTST_okay ? wrg_xen_view(dom, op->page) : NULL;
    wrg_xen_emit(xen, .kind = WRG_EV_MAP, .role = dom->role, .a = op->gref, .b = op->page,
                 .c = view ? view->frame : UINT32_MAX,
                 .d = args->domid | (uint64_t)args->readonly << 16 |
                      (uint64_t)(uint32_t)op->status << 32);
}

static void unmap_slot(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t slot)
{
    const struct wrg_maptrack *track = &dom->gnttab.maptrack[slot];
    struct wrg_view *view = &dom->views[dom->nframes + slot];
    uint32_t handle = view->handle;
    uint32_t frame = view->frame;

    unpin(xen, &xen->domains[track->granter], track->gref, !track->readonly);
    xen->memory.frames[frame].mapped--;
    uint32_t generation = (handle & ~WRG_VIEW_MASK) + (1u << WRG_VIEW_BITS);
    if (!generation)
        generation = 1u << WRG_VIEW_BITS;
    view->base = NULL;
    view->handle = generation | (dom->nframes + slot);
    wrg_slots_put(&dom->mappings, slot);
    wrg_xen_emit(xen, .kind = WRG_EV_UNMAP, .role = dom->role, .a = track->gref, .b = handle,
                 .c = frame, .d = track->granter);
}

/* One window for all: the entries' handles are neighbours and share a generation. */
static int map_window(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_map *args)
{
    uint32_t first = WRG_SLOTS_NONE;
    uint32_t done = 0;
    uint32_t generation = 1u << WRG_VIEW_BITS;
    int result = 0;

    if (args->count)
        first = wrg_slots_take_run(&dom->mappings, args->count);
    if (first == WRG_SLOTS_NONE)
        return -ENOSPC;
    for (uint32_t i = 0; i < args->count; i++)
        generation =
            wrg_max_u32(generation, dom->views[dom->nframes + first + i].handle & ~WRG_VIEW_MASK);
    for (uint32_t i = 0; i < args->count; i++)
        dom->views[dom->nframes + first + i].handle = generation | (dom->nframes + first + i);
    for (; done < args->count && !result; done++) {
        struct wrg_gnttab_map_op *op = &args->ops[done];
        op->status = map_one(xen, dom, args, first + done, op);
        emit_map(xen, dom, args, op);
        if (op->status != GNTST_okay)
            result = -EFAULT;
    }
    if (!result)
        return 0;
    for (uint32_t i = 0; i < args->count; i++) {
        if (i + 1 < done)
            unmap_slot(xen, dom, first + i);
        else
            wrg_slots_put(&dom->mappings, first + i);
    }
    return result;
}

int wrg_gnttab_map(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_map *args)
{
    if (args->contiguous)
        return map_window(xen, dom, args);
    for (uint32_t i = 0; i < args->count; i++) {
        struct wrg_gnttab_map_op *op = &args->ops[i];
        uint32_t slot = wrg_slots_take(&dom->mappings);
        op->status = map_one(xen, dom, args, slot, op);
        if (op->status != GNTST_okay && slot != WRG_SLOTS_NONE)
            wrg_slots_put(&dom->mappings, slot);
        emit_map(xen, dom, args, op);
    }
    return 0;
}

void wrg_gnttab_unmap(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_unmap *args)
{
    for (uint32_t i = 0; i < args->count; i++) {
        uint32_t page = args->pages[i];
        uint32_t slot = page & WRG_VIEW_MASK;
        if (slot < dom->nframes || !wrg_xen_view(dom, page)) {
            wrg_xen_emit(xen, .kind = WRG_EV_VIEW_FAULT, .role = dom->role, .a = page,
                         .c = WRG_RULE_GNT_001);
            continue;
        }
        unmap_slot(xen, dom, slot - dom->nframes);
    }
}

void wrg_gnttab_release_all(struct wrg_xen *xen, struct wrg_domain *dom)
{
    uint32_t high = wrg_slots_high(&dom->mappings);

    for (uint32_t slot = 0; slot < high; slot++)
        if (wrg_slots_is_taken(&dom->mappings, slot))
            unmap_slot(xen, dom, slot);
}

/* ---- Xen: copy ---- */

struct copy_side {
    uint8_t *base;
    uint32_t frame;
    bool pinned;
};

static int16_t copy_side_open(struct wrg_xen *xen, struct wrg_domain *dom, uint16_t domid,
                              bool is_gref, uint32_t ref, bool write, struct copy_side *side)
{
    struct wrg_domain *granter = wrg_xen_domain(xen, domid);

    side->pinned = false;
    if (!is_gref) {
        const struct wrg_view *view = wrg_xen_view(dom, ref);
        if (!view || (write && !(view->flags & WRG_VIEW_WRITE)))
            return GNTST_bad_page;
        side->frame = view->frame;
    } else {
        if (!granter)
            return GNTST_bad_domain;
        int16_t status = pin(xen, granter, ref, dom->domid, write, &side->frame);
        if (status != GNTST_okay)
            return status;
        side->pinned = true;
    }
    side->base = wrg_memory_at(&xen->memory, side->frame);
    return GNTST_okay;
}

static int16_t copy_one(struct wrg_xen *xen, struct wrg_domain *dom, uint16_t domid,
                        const struct wrg_gnttab_copy_op *op)
{
    struct copy_side from, to;
    int32_t fault = wrg_fault_point(xen->fault, WRG_FAULT_GNTTAB_COPY);

    if (fault) {
        wrg_xen_emit(xen, .kind = WRG_EV_FAULT, .role = dom->role, .a = WRG_FAULT_GNTTAB_COPY,
                     .c = (uint32_t)fault);
        return (int16_t)fault;
    }
    if ((uint32_t)op->source_off + op->len > WRG_PAGE_SIZE ||
        (uint32_t)op->dest_off + op->len > WRG_PAGE_SIZE)
        return GNTST_bad_copy_arg;
    int16_t status = copy_side_open(xen, dom, domid, op->source_is_gref, op->source, false, &from);
    if (status != GNTST_okay)
        return status;
    status = copy_side_open(xen, dom, domid, op->dest_is_gref, op->dest, true, &to);
    if (status == GNTST_okay) {
        wrg_memory_mark(&xen->memory, to.frame);
        memmove(to.base + op->dest_off, from.base + op->source_off, op->len);
        if (to.pinned)
            unpin(xen, &xen->domains[domid], op->dest, true);
    }
    if (from.pinned)
        unpin(xen, &xen->domains[domid], op->source, false);
    return status;
}

int wrg_gnttab_copy(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_copy *args)
{
    for (uint32_t i = 0; i < args->count; i++) {
        struct wrg_gnttab_copy_op *op = &args->ops[i];
        op->status = copy_one(xen, dom, args->domid, op);
        wrg_xen_emit(xen, .kind = WRG_EV_COPY, .role = dom->role, .a = op->source, .b = op->dest,
                     .c = op->len, .d = (uint32_t)op->status);
    }
    return 0;
}
