/* SPDX-License-Identifier: MIT */
/*
 * Xen's side: copy, which needs no mapping. Each gref is pinned for the time of it; the side that
 * is none is a page of the caller.
 */
#include "xen/gnttab.h"
#include "xen/gnttab_impl.h"

struct side {                   /* of one copy */
    struct wrg_domain *granter; /* NULL: a page of the caller */
    struct wrg_pin_args pin;
    struct wrg_pinned pinned; /* what may be touched */
};

struct half { /* what an operation says of it */
    uint16_t domid;
    bool is_gref, write;
    uint32_t ref;
    uint16_t off, len;
};

static int16_t open_page(struct wrg_domain *dom, const struct half *half, struct side *side)
{
    const struct wrg_view *view = wrg_xen_view(dom, half->ref);

    if (half->domid != DOMID_SELF)
        return GNTST_permission_denied;
    if (!view || (half->write && !(view->flags & WRG_VIEW_WRITE)))
        return GNTST_bad_page;
    side->pinned = (struct wrg_pinned){ .frame = view->frame, .len = WRG_PAGE_SIZE };
    return GNTST_okay;
}

static void close_side(struct wrg_xen *xen, struct side *side)
{
    if (side->granter)
        wrg_gnttab_unpin(xen, side->granter, &side->pin);
}

static int16_t open_gref(struct wrg_xen *xen, struct wrg_domain *dom, const struct half *half,
                         struct side *side)
{
    struct wrg_domain *granter = half->domid == DOMID_SELF ? dom : wrg_xen_domain(xen, half->domid);

    if (!granter)
        return GNTST_bad_domain;
    side->pin = (struct wrg_pin_args){ .gref = half->ref,
                                       .grantee = dom->domid,
                                       .write = half->write,
                                       .copy = true,
                                       .kinds = GNTMAP_host_map };
    int16_t status = wrg_gnttab_pin(xen, granter, &side->pin, &side->pinned);
    if (status == GNTST_okay)
        side->granter = granter;
    return status;
}

static int16_t open_side(struct wrg_xen *xen, struct wrg_domain *dom, const struct half *half,
                         struct side *side)
{
    *side = (struct side){ .granter = NULL };
    return half->is_gref ? open_gref(xen, dom, half, side) : open_page(dom, half, side);
}

static bool is_within(const struct half *half, uint32_t off, uint32_t len)
{
    return half->off >= off && (uint32_t)half->off + half->len <= off + len;
}

/* Both sides are open. */
static int16_t move(struct wrg_xen *xen, const struct half *source, const struct side *from,
                    const struct half *dest, const struct side *to)
{
    if (!is_within(source, 0, WRG_PAGE_SIZE) || !is_within(dest, 0, WRG_PAGE_SIZE))
        return GNTST_bad_copy_arg;
    if (!is_within(source, from->pinned.off, from->pinned.len) ||
        !is_within(dest, to->pinned.off, to->pinned.len))
        return GNTST_general_error;
    wrg_memory_mark(&xen->memory, to->pinned.frame);
    memmove(wrg_memory_at(&xen->memory, to->pinned.frame) + dest->off,
            wrg_memory_at(&xen->memory, from->pinned.frame) + source->off, source->len);
    return GNTST_okay;
}

/* Bytes that nobody has written are about to be shown to the other end. */
static bool shows_secret(struct wrg_xen *xen, const struct half *source, const struct side *from,
                         const struct half *dest)
{
    uint32_t frame = from->pinned.frame;

    return dest->is_gref && !source->is_gref && xen->memory.frames[frame].tainted &&
           wrg_memory_has_secret(wrg_memory_at(&xen->memory, frame) + source->off, source->len);
}

/* What is told of a copy besides its arguments. */
struct seen {
    bool secret;  /* bytes that nobody has written were shown to the other end */
    uint8_t ring; /* 1 + the lane of the ring whose index of requests was written over; 0: none */
};

static int16_t copy_between(struct wrg_xen *xen, struct wrg_domain *dom, const struct half *source,
                            const struct half *dest, struct seen *seen)
{
    struct side from, to;
    int16_t status = open_side(xen, dom, source, &from);

    if (status != GNTST_okay)
        return status;
    status = open_side(xen, dom, dest, &to);
    if (status == GNTST_okay) {
        status = move(xen, source, &from, dest, &to);
        if (status == GNTST_okay && xen->trace->on) {
            seen->secret = shows_secret(xen, source, &from, dest);
            seen->ring = wrg_fetch_index_at(&xen->fetch, to.pinned.frame, dest->off);
        }
        close_side(xen, &to);
    }
    close_side(xen, &from);
    return status;
}

static int16_t fault_of(struct wrg_xen *xen, const struct wrg_domain *dom)
{
    int32_t fault = wrg_fault_point(xen->fault, WRG_FAULT_GNTTAB_COPY, wrg_xen_fault_row(xen, dom));

    if (fault)
        wrg_xen_emit(
            xen, .kind = WRG_EV_FAULT, .role = dom->role, .a = WRG_FAULT_GNTTAB_COPY,
            .b = wrg_fault_nth(xen->fault, WRG_FAULT_GNTTAB_COPY, wrg_xen_fault_row(xen, dom)),
            .c = (uint32_t)fault);
    return (int16_t)fault;
}

static int16_t copy_one(struct wrg_xen *xen, struct wrg_domain *dom,
                        const struct wrg_gnttab_copy *args, const struct wrg_gnttab_copy_op *op,
                        struct seen *seen)
{
    uint16_t pages = args->pages_domid ? args->pages_domid : DOMID_SELF;
    const struct half source = { .domid = op->source_is_gref ? args->domid : pages,
                                 .is_gref = op->source_is_gref,
                                 .ref = op->source,
                                 .off = op->source_off,
                                 .len = op->len };
    const struct half dest = { .domid = op->dest_is_gref ? args->domid : pages,
                               .is_gref = op->dest_is_gref,
                               .write = true,
                               .ref = op->dest,
                               .off = op->dest_off,
                               .len = op->len };
    int16_t fault = fault_of(xen, dom);

    return fault ? fault : copy_between(xen, dom, &source, &dest, seen);
}

int wrg_gnttab_copy(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_copy *args)
{
    for (uint32_t i = 0; i < args->count; i++) {
        struct wrg_gnttab_copy_op *op = &args->ops[i];
        struct seen seen = { .secret = false };
        op->status = copy_one(xen, dom, args, op, &seen);
        wrg_xen_emit(xen, .kind = WRG_EV_COPY, .role = dom->role, .a = op->source, .b = op->dest,
                     .c = op->len,
                     .d = (uint32_t)op->status | (uint64_t)op->source_is_gref << 32 |
                          (uint64_t)op->dest_is_gref << 40 | (uint64_t)seen.secret << 48 |
                          (uint64_t)seen.ring << 56);
    }
    return 0;
}
