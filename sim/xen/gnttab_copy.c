/* SPDX-License-Identifier: MIT */
/* Xen's side: copy, which needs no mapping. */
#include "xen/gnttab.h"
#include "xen/gnttab_impl.h"

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
        const struct wrg_pin_args pin = { .gref = ref, .grantee = dom->domid, .write = write };
        int16_t status = wrg_gnttab_pin(xen, granter, &pin, &side->frame);
        if (status != GNTST_okay)
            return status;
        granter->gnttab.pinned++;
        side->pinned = true;
    }
    side->base = wrg_memory_at(&xen->memory, side->frame);
    return GNTST_okay;
}

static void copy_side_close(struct wrg_xen *xen, uint16_t domid, uint32_t gref, bool write)
{
    wrg_gnttab_unpin(xen, &xen->domains[domid], gref, write);
    xen->domains[domid].gnttab.pinned--;
}

static int16_t copy_one(struct wrg_xen *xen, struct wrg_domain *dom, uint16_t domid,
                        const struct wrg_gnttab_copy_op *op)
{
    struct copy_side from, to;
    int32_t fault = wrg_fault_point(xen->fault, WRG_FAULT_GNTTAB_COPY, dom->role);

    if (fault) {
        wrg_xen_emit(xen, .kind = WRG_EV_FAULT, .role = dom->role, .a = WRG_FAULT_GNTTAB_COPY,
                     .b = wrg_fault_calls(xen->fault, WRG_FAULT_GNTTAB_COPY, WRG_CASE_WHOSE_ANY),
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
            copy_side_close(xen, domid, op->dest, true);
    }
    if (from.pinned)
        copy_side_close(xen, domid, op->source, false);
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
