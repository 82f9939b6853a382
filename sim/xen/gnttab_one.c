/* SPDX-License-Identifier: MIT */
/*
 * What is usual of a single page, whether anybody listens or not: the four calls of a request of
 * one segment (gnttab_quiet.h). They look at everything before they change anything, so that
 * whatever is not usual is left to the general code as it was. On threads they have Xen's lock, and
 * nobody else reads or writes an entry without it.
 */
#include "xen/gnttab_impl.h"
#include "xen/gnttab_quiet.h"

#define IN_USE (GTF_reading | GTF_writing)

static inline union wrg_grant_word *word_at(struct wrg_xen *xen, const struct wrg_domain *dom,
                                            uint32_t gref)
{
    return (union wrg_grant_word *)(void *)wrg_gnttab_entry(xen, dom, gref);
}

/* Before a change of an entry. */
static inline void mark_entry(struct wrg_xen *xen, const struct wrg_domain *dom, uint32_t gref)
{
    wrg_memory_mark(&xen->memory, dom->gnttab.first_frame + gref / WRG_GNTTAB_PER_FRAME);
}

bool wrg_gnttab_grant_one(struct wrg_xen *xen, struct wrg_domain *dom,
                          const struct wrg_gnttab_grant *args)
{
    const struct wrg_view *view = wrg_xen_view(dom, args->pages[0]);
    uint32_t gref = view ? wrg_slots_take(&dom->gnttab.refs) : WRG_SLOTS_NONE;

    if (gref == WRG_SLOTS_NONE)
        return false;
    mark_entry(xen, dom, gref);
    wrg_memory_mark_meta(&xen->memory, view->frame);
    xen->memory.frames[view->frame].granted++;
    word_at(xen, dom, gref)->word = (uint64_t)view->frame << 32 | (uint64_t)args->domid << 16 |
                                    GTF_permit_access | (args->readonly ? GTF_readonly : 0);
    dom->gnttab.given++;
    args->grefs[0] = gref;
    if (xen->trace->on)
        wrg_gnttab_emit_grant(xen, dom, args, gref, view);
    return true;
}

bool wrg_gnttab_end_one(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t *gref)
{
    struct wrg_slots *refs = &dom->gnttab.refs;

    if (*gref < WRG_GNTTAB_RESERVED || !wrg_slots_is_taken(refs, *gref))
        return false;
    union wrg_grant_word *entry = word_at(xen, dom, *gref);
    uint32_t frame = (uint32_t)(entry->word >> 32);
    if ((entry->word & (IN_USE | GTF_type_mask)) != GTF_permit_access ||
        frame >= xen->memory.nframes || !xen->memory.frames[frame].granted)
        return false;
    mark_entry(xen, dom, *gref);
    entry->entry.flags = 0;
    xen->memory.frames[frame].granted--;
    wrg_slots_put(refs, *gref);
    dom->gnttab.given--;
    wrg_xen_emit(xen, .kind = WRG_EV_GRANT_END, .role = dom->role, .a = *gref, .b = frame);
    *gref = WRG_NO_GREF;
    return true;
}

/* Of version 1, and nobody plays with the table. */
static inline bool is_usual(const struct wrg_domain *granter)
{
    return granter && granter->gnttab.version == 1 && !granter->gnttab.flip.times;
}

/* A grant of a page of the granter's own, to this domain, for what it wants, that nobody maps. */
static inline bool may_map(struct wrg_xen *xen, const struct wrg_domain *granter, uint16_t domid,
                           uint32_t gref, bool write)
{
    uint32_t mask =
        UINT32_C(0xffff) << 16 | GTF_type_mask | GTF_sub_page | (write ? GTF_readonly : 0);

    if (gref >= wrg_gnttab_size(&granter->gnttab) || wrg_gnttab_pins(&granter->gnttab.pins[gref]))
        return false;
    uint64_t word = word_at(xen, granter, gref)->word;
    return !(((uint32_t)word ^ ((uint32_t)domid << 16 | GTF_permit_access)) & mask) &&
           wrg_gnttab_owns(granter, word >> 32);
}

static void tell_map(struct wrg_xen *xen, const struct wrg_domain *dom,
                     const struct wrg_gnttab_map *args, uint32_t frame)
{
    const struct wrg_gnttab_map_op *op = &args->ops[0];

    if (dom->role == WRG_ROLE_BACK)
        wrg_fetch_mapped(&xen->fetch, (uint8_t)wrg_xen_voice(xen), &xen->memory.frames[frame],
                         op->gref, frame);
    wrg_xen_emit(xen, .kind = WRG_EV_MAP, .role = dom->role, .a = op->gref, .b = op->page,
                 .c = frame, .d = args->domid | (uint64_t)args->readonly << 16);
}

bool wrg_gnttab_map_one(struct wrg_xen *xen, struct wrg_domain *dom,
                        const struct wrg_gnttab_map *args)
{
    struct wrg_domain *granter = wrg_xen_domain(xen, args->domid);
    struct wrg_gnttab_map_op *op = &args->ops[0];
    const bool write = !args->readonly;

    if (!is_usual(granter) || !may_map(xen, granter, dom->domid, op->gref, write))
        return false;
    uint32_t slot = wrg_slots_take(&dom->mappings);
    if (slot == WRG_SLOTS_NONE)
        return false;
    uint8_t row = wrg_xen_fault_row(xen, dom);
    if (WRG_UNLIKELY(!wrg_fault_pass(xen->fault, WRG_FAULT_GNTTAB_MAP, row, 1))) {
        wrg_slots_put(&dom->mappings, slot);
        return false;
    }
    union wrg_grant_word *entry = word_at(xen, granter, op->gref);
    uint32_t frame = (uint32_t)(entry->word >> 32), at = dom->nframes + slot;
    mark_entry(xen, granter, op->gref);
    wrg_memory_mark_meta(&xen->memory, frame);
    entry->entry.flags |= write ? IN_USE : GTF_reading;
    granter->gnttab.pins[op->gref] = (struct wrg_grant_pin){
        .frame = frame & 0xffffff,
        .grantee = dom->domid & 0xff,
        .count = { [WRG_PIN_HOST_READ] = !write, [WRG_PIN_HOST_WRITE] = write },
    };
    dom->gnttab.maptrack[slot] = (struct wrg_maptrack){ .gref = op->gref,
                                                        .granter = args->domid,
                                                        .readonly = args->readonly,
                                                        .kinds = GNTMAP_host_map };
    xen->memory.frames[frame].mapped++;
    granter->gnttab.pinned++;
    op->page = wrg_gnttab_generation(&dom->views[at]) | at;
    op->status = GNTST_okay;
    dom->views[at] = (struct wrg_view){ .base = wrg_memory_at(&xen->memory, frame),
                                        .handle = op->page,
                                        .frame = frame & 0xffffff,
                                        .flags = write ? WRG_VIEW_WRITE : 0 };
    if (xen->trace->on)
        tell_map(xen, dom, args, frame);
    return true;
}

bool wrg_gnttab_unmap_one(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t page)
{
    uint32_t at = page & WRG_VIEW_MASK, slot = at - dom->nframes;

    if (at < dom->nframes || !wrg_xen_view(dom, page))
        return false;
    const struct wrg_maptrack track = dom->gnttab.maptrack[slot];
    struct wrg_domain *granter = &xen->domains[track.granter];
    struct wrg_grant_pin *pin = &granter->gnttab.pins[track.gref];
    uint32_t pins = wrg_gnttab_pins(pin);
    if (!is_usual(granter) ||
        (pins != 1u << 8 * WRG_PIN_HOST_READ && pins != 1u << 8 * WRG_PIN_HOST_WRITE))
        return false;
    struct wrg_view *view = &dom->views[at];
    uint32_t frame = view->frame;
    mark_entry(xen, granter, track.gref);
    word_at(xen, granter, track.gref)->entry.flags &= (uint16_t)~IN_USE;
    memset(pin->count, 0, sizeof(pin->count));
    xen->memory.frames[frame].mapped--;
    wrg_gnttab_retire(view, at);
    wrg_slots_put(&dom->mappings, slot);
    granter->gnttab.pinned--;
    wrg_xen_emit(xen, .kind = WRG_EV_UNMAP, .role = dom->role, .a = track.gref, .b = page,
                 .c = frame, .d = track.granter);
    return true;
}
