/* SPDX-License-Identifier: MIT */
/* The guest's kernel: granting, ending, and what a hostile one writes into entries. */
#include <errno.h>

#include "xen/gnttab.h"
#include "xen/gnttab_impl.h"
#include "xen/gnttab_quiet.h"

enum { BATCH = 64 };

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

static void write_entry(struct wrg_xen *xen, const struct wrg_domain *dom, uint32_t gref,
                        struct wrg_grant_entry entry)
{
    struct wrg_grant_entry *shared = wrg_gnttab_entry(xen, dom, gref);
    const union wrg_grant_word whole = { .entry = entry };

    wrg_gnttab_mark(xen, dom, gref);
    if (!xen->parallel) { /* nobody looks between two stores: one will do */
        memcpy(shared, &whole.word, sizeof(whole.word));
        return;
    }
    /* The order of xen/grant_table.h: domid and frame, barrier, flags. */
    shared->domid = entry.domid;
    shared->frame = entry.frame;
    __atomic_store_n(&shared->flags, entry.flags, __ATOMIC_RELEASE);
}

static int grant_one(struct wrg_xen *xen, struct wrg_domain *dom,
                     const struct wrg_gnttab_grant *args, uint32_t page, uint32_t gref)
{
    const struct wrg_view *view = wrg_xen_view(dom, page);
    uint16_t flags = GTF_permit_access | GTF_readonly;

    if (WRG_UNLIKELY(!view))
        return -EINVAL;
    if (!args->readonly)
        flags = GTF_permit_access;
    wrg_memory_mark_meta(&xen->memory, view->frame);
    xen->memory.frames[view->frame].granted++;
    dom->gnttab.given++;
    write_entry(
        xen, dom, gref,
        (struct wrg_grant_entry){ .flags = flags, .domid = args->domid, .frame = view->frame });
    if (WRG_UNLIKELY(xen->trace->on))
        emit_grant(xen, dom, args, gref, view);
    return 0;
}

/* Grefs are taken for all at once. *done: how many were granted. */
static int grant_batch(struct wrg_xen *xen, struct wrg_domain *dom,
                       const struct wrg_gnttab_grant *args, uint32_t *done, uint32_t count)
{
    const uint32_t *pages = args->pages + *done;
    uint32_t *grefs = args->grefs + *done;
    uint32_t got = wrg_slots_take_many(&dom->gnttab.refs, grefs, count);
    uint32_t used = 0;
    int result = 0;

    if (wrg_gnttab_is_quiet(xen))
        used = wrg_gnttab_grant_quiet(xen, dom, args, *done, got);
    while (used < got && !result) {
        result = grant_one(xen, dom, args, pages[used], grefs[used]);
        used += !result;
    }
    *done += used;
    while (got > used)
        wrg_slots_put(&dom->gnttab.refs, grefs[--got]);
    return result || used == count ? result : -ENOSPC;
}

int wrg_gnttab_grant(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_grant *args)
{
    uint32_t done = 0;

    while (done < args->count) {
        int result = grant_batch(xen, dom, args, &done, wrg_min_u32(args->count - done, BATCH));
        if (result) {
            struct wrg_gnttab_end undo = { .count = done, .grefs = args->grefs };
            wrg_gnttab_end(xen, dom, &undo);
            return result;
        }
    }
    return 0;
}

/* Flags become 0 in one atomic step unless the peer is in it. */
static bool revoke(struct wrg_grant_entry *entry, uint16_t flags, bool parallel)
{
    do {
        if (flags & (GTF_reading | GTF_writing))
            return false;
        if (WRG_LIKELY(!parallel)) {
            entry->flags = 0;
            return true;
        }
    } while (!__atomic_compare_exchange_n(&entry->flags, &flags, 0, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_RELAXED));
    return true;
}

/* True: it is taken back. */
static bool end_one(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t gref)
{
    struct wrg_grant_entry *shared = wrg_gnttab_entry(xen, dom, gref);
    /* The guest's kernel knows its page by itself; the entry is read for what the peer sees. */
    const struct wrg_grant_entry entry = wrg_gnttab_load(shared);
    bool in_use = !revoke(shared, entry.flags, xen->parallel);

    wrg_gnttab_mark(xen, dom, gref);
    wrg_xen_emit(xen, .kind = WRG_EV_GRANT_END, .role = dom->role, .a = gref, .b = entry.frame,
                 .c = in_use);
    if (WRG_UNLIKELY(in_use))
        return false;
    if (entry.frame < xen->memory.nframes && xen->memory.frames[entry.frame].granted)
        xen->memory.frames[entry.frame].granted--;
    dom->gnttab.given--;
    wrg_slots_put(&dom->gnttab.refs, gref);
    return true;
}

void wrg_gnttab_end(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_end *args)
{
    bool quiet = wrg_gnttab_is_quiet(xen);

    args->still_in_use = 0;
    for (uint32_t i = 0; i < args->count; i++) {
        if (quiet)
            i += wrg_gnttab_end_quiet(xen, dom, args->grefs + i, args->count - i);
        if (i == args->count)
            break;
        uint32_t gref = args->grefs[i];
        if (gref == WRG_NO_GREF)
            continue;
        if (WRG_UNLIKELY(gref < WRG_GNTTAB_RESERVED ||
                         !wrg_slots_is_taken(&dom->gnttab.refs, gref))) {
            wrg_xen_emit(xen, .kind = WRG_EV_VIEW_FAULT, .role = dom->role, .a = gref,
                         .c = WRG_RULE_MEM_001);
            continue;
        }
        if (end_one(xen, dom, gref)) {
            args->grefs[i] = WRG_NO_GREF;
            continue;
        }
        args->still_in_use++;
        dom->gnttab.given -= args->abandon;
    }
    if (args->abandon && args->still_in_use)
        dom->gnttab.abandoned_pages += args->abandoned_pages;
}

void wrg_gnttab_poke(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t gref,
                     const struct wrg_grant_entry *entry)
{
    if (gref >= wrg_gnttab_size(&dom->gnttab))
        return;
    wrg_gnttab_mark(xen, dom, gref);
    memcpy(wrg_gnttab_entry(xen, dom, gref), entry, sizeof(*entry));
}

bool wrg_gnttab_peek(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t gref,
                     struct wrg_grant_entry *entry)
{
    if (gref >= wrg_gnttab_size(&dom->gnttab))
        return false;
    memcpy(entry, wrg_gnttab_entry(xen, dom, gref), sizeof(*entry));
    return true;
}
