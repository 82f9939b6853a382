/* SPDX-License-Identifier: MIT */
/* Xen's side: map and unmap. */
#include "xen/gnttab.h"

#include <errno.h>

#include "xen/gnttab_impl.h"
#include "xen/gnttab_quiet.h"

enum { BATCH = 64 };

/* What a call names: Linux's usual way stands for none at all. */
static uint8_t kinds_of(uint16_t flags)
{
    return flags ? flags & (GNTMAP_device_map | GNTMAP_host_map) : GNTMAP_host_map;
}

/* Into a slot of `mappings`; faults are asked for before. */
static int16_t map_one(struct wrg_xen *xen, struct wrg_domain *dom,
                       const struct wrg_gnttab_map *args, uint32_t slot,
                       struct wrg_gnttab_map_op *op)
{
    struct wrg_domain *granter = wrg_xen_domain(xen, args->domid);
    const struct wrg_pin_args pin = { .gref = op->gref,
                                      .grantee = dom->domid,
                                      .write = !args->readonly,
                                      .kinds = kinds_of(args->flags) };
    struct wrg_pinned pinned;

    op->page = WRG_NO_PAGE;
    if (!pin.kinds)
        return GNTST_bad_gntref;
    if (!granter)
        return GNTST_bad_domain;
    if (slot == WRG_SLOTS_NONE)
        return GNTST_no_space;
    int16_t status = wrg_gnttab_pin(xen, granter, &pin, &pinned);
    if (status != GNTST_okay)
        return status;
    uint32_t frame = pinned.frame;
    struct wrg_view *view = &dom->views[dom->nframes + slot];
    uint32_t handle = wrg_gnttab_generation(view) | (dom->nframes + slot);
    *view = (struct wrg_view){ .base = wrg_memory_at(&xen->memory, frame),
                               .handle = handle,
                               .frame = frame & 0xffffff,
                               .flags = args->readonly ? 0 : WRG_VIEW_WRITE };
    dom->gnttab.maptrack[slot] = (struct wrg_maptrack){
        .gref = op->gref, .granter = args->domid, .readonly = args->readonly, .kinds = pin.kinds
    };
    wrg_memory_mark_meta(&xen->memory, frame);
    xen->memory.frames[frame].mapped++;
    op->page = handle;
    if (xen->trace->on && dom->role == WRG_ROLE_BACK)
        wrg_fetch_mapped(&xen->fetch, (uint8_t)wrg_xen_voice(xen), &xen->memory.frames[frame],
                         op->gref, frame);
    return GNTST_okay;
}

static int16_t fault_of(struct wrg_xen *xen, const struct wrg_domain *dom)
{
    int32_t fault = wrg_fault_point(xen->fault, WRG_FAULT_GNTTAB_MAP, wrg_xen_fault_row(xen, dom));

    if (fault)
        wrg_xen_emit(
            xen, .kind = WRG_EV_FAULT, .role = dom->role, .a = WRG_FAULT_GNTTAB_MAP,
            .b = wrg_fault_nth(xen->fault, WRG_FAULT_GNTTAB_MAP, wrg_xen_fault_row(xen, dom)),
            .c = (uint32_t)fault);
    return (int16_t)fault;
}

static void emit_map(struct wrg_xen *xen, struct wrg_domain *dom, const struct wrg_gnttab_map *args,
                     const struct wrg_gnttab_map_op *op)
{
    const struct wrg_view *view = op->status == GNTST_okay ? wrg_xen_view(dom, op->page) : NULL;

    wrg_xen_emit(xen, .kind = WRG_EV_MAP, .role = dom->role, .a = op->gref, .b = op->page,
                 .c = view ? view->frame : UINT32_MAX,
                 .d = args->domid | (uint64_t)args->readonly << 16 |
                      (uint64_t)(uint32_t)op->status << 32);
}

/* Parts of a mapping; false: one of them is not there. */
static bool unpin_parts(struct wrg_xen *xen, struct wrg_maptrack *track, uint16_t dom,
                        uint8_t kinds)
{
    const struct wrg_pin_args pin = {
        .gref = track->gref, .grantee = dom, .write = !track->readonly, .kinds = kinds
    };

    if (kinds & ~track->kinds)
        return false;
    wrg_gnttab_unpin(xen, &xen->domains[track->granter], &pin);
    track->kinds &= (uint8_t)~kinds;
    return true;
}

static void unmap_slot(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t slot)
{
    struct wrg_maptrack *track = &dom->gnttab.maptrack[slot];
    struct wrg_view *view = &dom->views[dom->nframes + slot];
    uint32_t handle = view->handle;
    uint32_t frame = view->frame;

    if (track->kinds)
        (void)unpin_parts(xen, track, dom->domid, track->kinds);
    xen->memory.frames[frame].mapped--;
    wrg_gnttab_retire(view, dom->nframes + slot);
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
        op->page = WRG_NO_PAGE;
        op->status = fault_of(xen, dom);
        if (op->status == GNTST_okay)
            op->status = map_one(xen, dom, args, first + done, op);
        if (xen->trace->on)
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

/* Slots are taken for all at once; an entry that fails leaves its slot to the next one. */
static void map_batch(struct wrg_xen *xen, struct wrg_domain *dom,
                      const struct wrg_gnttab_map *args, uint32_t first, uint32_t count)
{
    uint32_t slots[BATCH];
    uint32_t got = wrg_slots_take_many(&dom->mappings, slots, count);
    uint32_t used = 0;
    bool may_fail =
        !wrg_fault_pass(xen->fault, WRG_FAULT_GNTTAB_MAP, wrg_xen_fault_row(xen, dom), count);
    bool quiet = !may_fail && args->flags == 0 && wrg_gnttab_is_quiet(xen);

    for (uint32_t i = 0; i < count; i++) {
        if (quiet) {
            uint32_t usual = wrg_min_u32(count - i, got - used);
            uint32_t done = wrg_gnttab_map_quiet(xen, dom, args, first + i, slots + used, usual);
            used += done;
            i += done;
            if (i == count)
                break;
        }
        struct wrg_gnttab_map_op *op = &args->ops[first + i];
        op->page = WRG_NO_PAGE;
        op->status = may_fail ? fault_of(xen, dom) : GNTST_okay;
        if (op->status == GNTST_okay)
            op->status = map_one(xen, dom, args, used < got ? slots[used] : WRG_SLOTS_NONE, op);
        used += op->status == GNTST_okay;
        if (xen->trace->on)
            emit_map(xen, dom, args, op);
    }
    while (got > used)
        wrg_slots_put(&dom->mappings, slots[--got]);
}

int wrg_gnttab_map_any(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_map *args)
{
    if (args->contiguous)
        return map_window(xen, dom, args);
    for (uint32_t first = 0; first < args->count; first += BATCH)
        map_batch(xen, dom, args, first, wrg_min_u32(args->count - first, BATCH));
    return 0;
}

/* One handle, or a part of it; false: there is no such thing. */
static bool unmap_one(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t page, uint8_t kinds)
{
    uint32_t slot = page & WRG_VIEW_MASK;

    if (slot < dom->nframes || !wrg_xen_view(dom, page))
        return false;
    slot -= dom->nframes;
    if (kinds && !unpin_parts(xen, &dom->gnttab.maptrack[slot], dom->domid, kinds))
        return false;
    if (!kinds || !dom->gnttab.maptrack[slot].kinds)
        unmap_slot(xen, dom, slot);
    return true;
}

void wrg_gnttab_unmap_any(struct wrg_xen *xen, struct wrg_domain *dom,
                          struct wrg_gnttab_unmap *args)
{
    bool quiet = args->flags == 0 && wrg_gnttab_is_quiet(xen);

    for (uint32_t i = 0; i < args->count; i++) {
        if (quiet)
            i += wrg_gnttab_unmap_quiet(xen, dom, args->pages + i, args->count - i);
        if (i == args->count)
            break;
        if (!unmap_one(xen, dom, args->pages[i], (uint8_t)args->flags))
            wrg_xen_emit(xen, .kind = WRG_EV_VIEW_FAULT, .role = dom->role, .a = args->pages[i],
                         .c = WRG_RULE_GNT_001);
    }
}

void wrg_gnttab_release_all(struct wrg_xen *xen, struct wrg_domain *dom)
{
    uint32_t high = wrg_slots_high(&dom->mappings);

    for (uint32_t slot = 0; slot < high; slot++)
        if (wrg_slots_is_taken(&dom->mappings, slot))
            unmap_slot(xen, dom, slot);
}
