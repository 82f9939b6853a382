/* SPDX-License-Identifier: MIT */
/* The guest's kernel: granting, ending, and what a hostile one writes into entries. */
#include <errno.h>

#include "xen/gnttab.h"
#include "xen/gnttab_impl.h"
#include "xen/gnttab_quiet.h"

enum { BATCH = 64 };

void wrg_gnttab_emit_grant(struct wrg_xen *xen, struct wrg_domain *dom,
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
    wrg_gnttab_mark(xen, dom, gref);
    /* The order of xen/grant_table.h: domid and frame, barrier, flags. */
    if (dom->gnttab.version == 2) {
        struct wrg_grant_entry_v2 *shared = wrg_gnttab_entry_v2(xen, dom, gref);
        shared->frame = entry.frame;
        shared->off = shared->len = 0;
        shared->domid = entry.domid;
        __atomic_store_n(&shared->flags, entry.flags, __ATOMIC_RELEASE);
    } else {
        struct wrg_grant_entry *shared = wrg_gnttab_entry(xen, dom, gref);
        shared->domid = entry.domid;
        shared->frame = entry.frame;
        __atomic_store_n(&shared->flags, entry.flags, __ATOMIC_RELEASE);
    }
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
        wrg_gnttab_emit_grant(xen, dom, args, gref, view);
    return 0;
}

/* As many refs as there are; the table grows when there are too few. */
static uint32_t take_refs(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t *grefs,
                          uint32_t count)
{
    struct wrg_slots *refs = &dom->gnttab.refs;
    uint32_t got = wrg_slots_take_many(refs, grefs, count);

    while (WRG_UNLIKELY(got < count) && wrg_gnttab_grow(xen, dom))
        got += wrg_slots_take_many(refs, grefs + got, count - got);
    return got;
}

/* Grefs are taken for all at once. *done: how many were granted. */
static int grant_batch(struct wrg_xen *xen, struct wrg_domain *dom,
                       const struct wrg_gnttab_grant *args, uint32_t *done, uint32_t count)
{
    const uint32_t *pages = args->pages + *done;
    uint32_t *grefs = args->grefs + *done;
    uint32_t got = take_refs(xen, dom, grefs, count);
    uint32_t used = 0;
    int result = 0;

    if (dom->gnttab.version == 1 && wrg_gnttab_is_quiet(xen))
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

int wrg_gnttab_grant_any(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_grant *args)
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

static inline bool is_quiet(const struct wrg_xen *xen, const struct wrg_domain *dom)
{
    return dom->gnttab.version == 1 && wrg_gnttab_is_quiet(xen);
}

/* Version 1: flags become 0 in one atomic step, unless the peer is in it: then nothing changes. */
static bool revoke_v1(struct wrg_grant_entry *entry)
{
    uint16_t flags = __atomic_load_n(&entry->flags, __ATOMIC_RELAXED);

    do {
        if (flags & (GTF_reading | GTF_writing))
            return false;
    } while (!__atomic_compare_exchange_n(&entry->flags, &flags, 0, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_RELAXED));
    return true;
}

/* Version 2: the flags go first, so that nobody can map any more, then who is in is looked up. */
static bool revoke_v2(struct wrg_grant_entry_v2 *entry, const uint16_t *status)
{
    __atomic_store_n(&entry->flags, 0, __ATOMIC_SEQ_CST);
    return !(__atomic_load_n(status, __ATOMIC_SEQ_CST) & (GTF_reading | GTF_writing));
}

static bool revoke(struct wrg_xen *xen, const struct wrg_domain *dom, uint32_t gref)
{
    wrg_gnttab_mark(xen, dom, gref);
    return dom->gnttab.version == 2
               ? revoke_v2(wrg_gnttab_entry_v2(xen, dom, gref), wrg_gnttab_use(xen, dom, gref))
               : revoke_v1(wrg_gnttab_entry(xen, dom, gref));
}

/* True: it is taken back. */
static bool end_one(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t gref)
{
    struct wrg_grant_entry entry;

    /* The guest's kernel knows its page by itself; the entry is read for what the peer sees. */
    (void)wrg_gnttab_peek(xen, dom, gref, &entry);
    bool in_use = !revoke(xen, dom, gref);
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

void wrg_gnttab_end_any(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_end *args)
{
    bool quiet = is_quiet(xen, dom);

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
    if (gref < wrg_gnttab_size(&dom->gnttab))
        write_entry(xen, dom, gref, *entry);
}

bool wrg_gnttab_peek(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t gref,
                     struct wrg_grant_entry *entry)
{
    if (gref >= wrg_gnttab_size(&dom->gnttab))
        return false;
    if (dom->gnttab.version == 2) {
        const struct wrg_grant_entry_v2 *shared = wrg_gnttab_entry_v2(xen, dom, gref);
        *entry = (struct wrg_grant_entry){ .flags = shared->flags,
                                           .domid = shared->domid,
                                           .frame = (uint32_t)shared->frame };
    } else {
        memcpy(entry, wrg_gnttab_entry(xen, dom, gref), sizeof(*entry));
    }
    return true;
}

uint16_t wrg_gnttab_status(struct wrg_xen *xen, const struct wrg_domain *dom, uint32_t gref)
{
    return *wrg_gnttab_use(xen, dom, gref);
}
