/* SPDX-License-Identifier: MIT */
/*
 * The four calls of a request, as they begin: what is usual of a single page is done here, whether
 * anybody listens or not. They look at everything before they change anything, so that whatever is
 * not usual, and requests of more pages, are left to the general code (gnttab_quiet.h) as they
 * were. Calls stand last: they are jumps. What tells the checkers is out of the way. On threads
 * they have Xen's lock, and nobody else reads or writes an entry without it.
 */
#include "xen/gnttab_impl.h"
#include "xen/gnttab_quiet.h"

#define IN_USE  (GTF_reading | GTF_writing)
#define NO_PAGE UINT32_MAX

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

/* ---- who grants ---- */

int wrg_gnttab_grant(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_grant *args)
{
    if (WRG_UNLIKELY(args->count != 1 || dom->gnttab.version != 1))
        return wrg_gnttab_grant_any(xen, dom, args);
    const struct wrg_view *view = wrg_xen_view(dom, args->pages[0]);
    uint32_t gref = view ? wrg_slots_take(&dom->gnttab.refs) : WRG_SLOTS_NONE;
    if (WRG_UNLIKELY(gref == WRG_SLOTS_NONE))
        return wrg_gnttab_grant_any(xen, dom, args);
    uint32_t frame = view->frame;
    mark_entry(xen, dom, gref);
    wrg_memory_mark_meta(&xen->memory, frame);
    xen->memory.frames[frame].granted++;
    word_at(xen, dom, gref)->word = (uint64_t)frame << 32 | (uint64_t)args->domid << 16 |
                                    GTF_permit_access | (args->readonly ? GTF_readonly : 0);
    dom->gnttab.given++;
    args->grefs[0] = gref;
    if (WRG_UNLIKELY(xen->trace->on))
        wrg_gnttab_emit_grant(xen, dom, args, gref, view);
    return 0;
}

__attribute__((noinline)) static void tell_end(struct wrg_xen *xen, const struct wrg_domain *dom,
                                               uint32_t gref, uint32_t frame)
{
    wrg_xen_emit(xen, .kind = WRG_EV_GRANT_END, .role = dom->role, .a = gref, .b = frame);
}

/* The frame of a grant that stands, and that nobody has mapped; NO_PAGE: it is not that simple. */
static inline uint32_t idle_frame(struct wrg_xen *xen, const struct wrg_domain *dom, uint32_t gref)
{
    if (gref < WRG_GNTTAB_RESERVED || !wrg_slots_is_taken(&dom->gnttab.refs, gref))
        return NO_PAGE;
    uint64_t word = word_at(xen, dom, gref)->word;
    uint32_t frame = (uint32_t)(word >> 32);
    if ((word & (IN_USE | GTF_type_mask)) != GTF_permit_access || frame >= xen->memory.nframes ||
        !xen->memory.frames[frame].granted)
        return NO_PAGE;
    return frame;
}

void wrg_gnttab_end(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_end *args)
{
    if (WRG_UNLIKELY(args->count != 1 || dom->gnttab.version != 1)) {
        wrg_gnttab_end_any(xen, dom, args);
        return;
    }
    uint32_t gref = args->grefs[0], frame = idle_frame(xen, dom, gref);
    if (WRG_UNLIKELY(frame == NO_PAGE)) {
        wrg_gnttab_end_any(xen, dom, args);
        return;
    }
    args->still_in_use = 0;
    args->grefs[0] = WRG_NO_GREF;
    mark_entry(xen, dom, gref);
    word_at(xen, dom, gref)->entry.flags = 0;
    xen->memory.frames[frame].granted--;
    wrg_slots_put(&dom->gnttab.refs, gref);
    dom->gnttab.given--;
    if (WRG_UNLIKELY(xen->trace->on))
        tell_end(xen, dom, gref, frame);
}

/* ---- who maps ---- */

/* Of version 1, and nobody plays with the table. */
static inline bool is_usual(const struct wrg_domain *granter)
{
    return granter && granter->gnttab.version == 1 && !granter->gnttab.flip.times;
}

/*
 * The frame that a map would give: of a grant of a page of the granter's own, to this domain, for
 * what it wants, that nobody maps. NO_PAGE: it is not that simple.
 */
static inline uint32_t free_frame(struct wrg_xen *xen, const struct wrg_domain *granter,
                                  uint16_t domid, const struct wrg_gnttab_map *args)
{
    const struct wrg_gnttab *gnttab = &granter->gnttab;
    uint32_t gref = args->ops[0].gref;
    uint32_t mask =
        UINT32_C(0xffff) << 16 | GTF_type_mask | GTF_sub_page | (args->readonly ? 0 : GTF_readonly);

    if (gref >= gnttab->nframes * WRG_GNTTAB_PER_FRAME || wrg_gnttab_pins(&gnttab->pins[gref]))
        return NO_PAGE;
    uint64_t word = word_at(xen, granter, gref)->word;
    uint32_t frame = (uint32_t)(word >> 32);
    if ((((uint32_t)word ^ ((uint32_t)domid << 16 | GTF_permit_access)) & mask) ||
        frame - granter->first_frame >= granter->nframes)
        return NO_PAGE;
    return frame;
}

__attribute__((noinline)) static void tell_map(struct wrg_xen *xen, const struct wrg_domain *dom,
                                               const struct wrg_gnttab_map *args, uint32_t frame)
{
    const struct wrg_gnttab_map_op *op = &args->ops[0];

    if (dom->role == WRG_ROLE_BACK)
        wrg_fetch_mapped(&xen->fetch, (uint8_t)wrg_xen_voice(xen), &xen->memory.frames[frame],
                         op->gref, frame);
    wrg_xen_emit(xen, .kind = WRG_EV_MAP, .role = dom->role, .a = op->gref, .b = op->page,
                 .c = frame, .d = args->domid | (uint64_t)args->readonly << 16);
}

/* Xen's record of a mapping, and the granter's entry says that it is in use. */
static inline void note_mapping(struct wrg_xen *xen, struct wrg_domain *granter,
                                const struct wrg_domain *dom, const struct wrg_gnttab_map *args,
                                uint32_t frame)
{
    const bool write = !args->readonly;
    uint32_t gref = args->ops[0].gref;

    mark_entry(xen, granter, gref);
    wrg_memory_mark_meta(&xen->memory, frame);
    word_at(xen, granter, gref)->entry.flags |= write ? IN_USE : GTF_reading;
    granter->gnttab.pins[gref] = (struct wrg_grant_pin){
        .frame = frame & 0xffffff,
        .grantee = dom->domid & 0xff,
        .count = { [WRG_PIN_HOST_READ] = !write, [WRG_PIN_HOST_WRITE] = write },
    };
    xen->memory.frames[frame].mapped++;
    granter->gnttab.pinned++;
}

int wrg_gnttab_map(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_map *args)
{
    struct wrg_domain *granter = wrg_xen_domain(xen, args->domid);
    struct wrg_gnttab_map_op *op = &args->ops[0];

    if (WRG_UNLIKELY(args->count != 1 || args->flags || args->contiguous || xen->fault->armed ||
                     !is_usual(granter)))
        return wrg_gnttab_map_any(xen, dom, args);
    uint32_t frame = free_frame(xen, granter, dom->domid, args);
    uint32_t slot = frame == NO_PAGE ? WRG_SLOTS_NONE : wrg_slots_take(&dom->mappings);
    if (WRG_UNLIKELY(slot == WRG_SLOTS_NONE))
        return wrg_gnttab_map_any(xen, dom, args);
    (void)wrg_fault_pass(xen->fault, WRG_FAULT_GNTTAB_MAP, wrg_xen_fault_row(xen, dom), 1);
    note_mapping(xen, granter, dom, args, frame);
    dom->gnttab.maptrack[slot] = (struct wrg_maptrack){ .gref = op->gref,
                                                        .granter = args->domid,
                                                        .readonly = args->readonly,
                                                        .kinds = GNTMAP_host_map };
    struct wrg_view *view = &dom->views[dom->nframes + slot];
    op->page = wrg_gnttab_generation(view) | (dom->nframes + slot);
    op->status = GNTST_okay;
    *view = (struct wrg_view){ .base = wrg_memory_at(&xen->memory, frame),
                               .handle = op->page,
                               .frame = frame & 0xffffff,
                               .flags = args->readonly ? 0 : WRG_VIEW_WRITE };
    if (WRG_UNLIKELY(xen->trace->on))
        tell_map(xen, dom, args, frame);
    return 0;
}

__attribute__((noinline)) static void tell_unmap(struct wrg_xen *xen, const struct wrg_domain *dom,
                                                 const struct wrg_maptrack *track, uint32_t page,
                                                 uint32_t frame)
{
    wrg_xen_emit(xen, .kind = WRG_EV_UNMAP, .role = dom->role, .a = track->gref, .b = page,
                 .c = frame, .d = track->granter);
}

/* The only mapping of its grant, which is a host's. */
static inline bool is_alone(struct wrg_xen *xen, const struct wrg_maptrack *track)
{
    const struct wrg_domain *granter = &xen->domains[track->granter];
    uint32_t pins = wrg_gnttab_pins(&granter->gnttab.pins[track->gref]);

    return is_usual(granter) &&
           (pins == 1u << 8 * WRG_PIN_HOST_READ || pins == 1u << 8 * WRG_PIN_HOST_WRITE);
}

void wrg_gnttab_unmap(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_unmap *args)
{
    uint32_t page = args->count == 1 ? args->pages[0] : 0;
    uint32_t slot = (page & WRG_VIEW_MASK) - dom->nframes;
    struct wrg_view *view = wrg_xen_view(dom, page);

    if (WRG_UNLIKELY(args->count != 1 || args->flags || !view ||
                     slot >= dom->nviews - dom->nframes ||
                     !is_alone(xen, &dom->gnttab.maptrack[slot]))) {
        wrg_gnttab_unmap_any(xen, dom, args);
        return;
    }
    const struct wrg_maptrack *track = &dom->gnttab.maptrack[slot];
    struct wrg_domain *granter = &xen->domains[track->granter];
    struct wrg_grant_pin *pin = &granter->gnttab.pins[track->gref];
    uint32_t frame = view->frame;
    mark_entry(xen, granter, track->gref);
    word_at(xen, granter, track->gref)->entry.flags &= (uint16_t)~IN_USE;
    memset(pin->count, 0, sizeof(pin->count));
    xen->memory.frames[frame].mapped--;
    wrg_gnttab_retire(view, page & WRG_VIEW_MASK);
    wrg_slots_put(&dom->mappings, slot);
    granter->gnttab.pinned--;
    if (WRG_UNLIKELY(xen->trace->on))
        tell_unmap(xen, dom, track, page, frame);
}
