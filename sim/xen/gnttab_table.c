/* SPDX-License-Identifier: MIT */
/* The table itself: its frames, how it grows, and its version. */
#include <errno.h>
#include <string.h>

#include "xen/gnttab.h"
#include "xen/gnttab_impl.h"

static void clear_frames(struct wrg_xen *xen, uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        wrg_memory_mark(&xen->memory, first + i);
        memset(wrg_memory_at(&xen->memory, first + i), 0, WRG_PAGE_SIZE);
    }
}

/* Status frames for so many grant frames. */
static uint32_t status_frames_for(uint32_t nframes)
{
    return (nframes * WRG_GNTTAB_PER_FRAME_V2 + WRG_GNTTAB_STATUS_FRAME - 1) /
           WRG_GNTTAB_STATUS_FRAME;
}

static uint32_t status_frames(const struct wrg_gnttab *gnttab)
{
    return gnttab->version == 2 ? status_frames_for(gnttab->nframes) : 0;
}

/* What the guest's kernel has given: nothing. */
static void forget_refs(struct wrg_gnttab *gnttab)
{
    wrg_slots_init(&gnttab->refs, gnttab->refs.words, WRG_GNTTAB_FRAMES_MAX * WRG_GNTTAB_PER_FRAME);
    /* Refs beyond the table's frames do not exist: the list ends there. */
    gnttab->refs.count = wrg_gnttab_size(gnttab);
    for (uint32_t i = 0; i < WRG_GNTTAB_RESERVED && gnttab->nframes; i++)
        (void)wrg_slots_take(&gnttab->refs);
    gnttab->given = 0;
}

void wrg_gnttab_reset(struct wrg_domain *dom)
{
    struct wrg_gnttab *gnttab = &dom->gnttab;

    gnttab->version = 1;
    gnttab->nframes = gnttab->max_frames = gnttab->kept_frames = 0;
    gnttab->pinned = gnttab->abandoned_pages = 0;
    gnttab->flip = (struct wrg_grant_flip){ .times = 0 };
    forget_refs(gnttab);
}

void wrg_gnttab_setup(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t max_frames)
{
    struct wrg_gnttab *gnttab = &dom->gnttab;

    WRG_ASSERT(max_frames <= WRG_GNTTAB_FRAMES_MAX && dom->own.taken == 0);
    gnttab->max_frames = max_frames;
    gnttab->first_frame = dom->first_frame;
    gnttab->status_frame = dom->first_frame + max_frames;
    gnttab->kept_frames = max_frames + status_frames_for(max_frames);
    for (uint32_t i = 0; i < gnttab->kept_frames; i++) /* never given out as pages */
        (void)wrg_slots_take(&dom->own);
    gnttab->nframes = 1;
    clear_frames(xen, gnttab->first_frame, 1);
    forget_refs(gnttab);
}

bool wrg_gnttab_grow(struct wrg_xen *xen, struct wrg_domain *dom)
{
    struct wrg_gnttab *gnttab = &dom->gnttab;
    uint32_t had = status_frames(gnttab);

    if (gnttab->nframes == gnttab->max_frames)
        return false;
    clear_frames(xen, gnttab->first_frame + gnttab->nframes, 1);
    gnttab->nframes++;
    clear_frames(xen, gnttab->status_frame + had, status_frames(gnttab) - had);
    gnttab->refs.count = wrg_gnttab_size(gnttab);
    return true;
}

/* ---- version ---- */

/* A reserved entry that is to be taken over: an empty one, or a plain grant that nobody is in. */
static bool is_plain(struct wrg_grant_entry entry, uint16_t status)
{
    if ((entry.flags & GTF_type_mask) == GTF_invalid)
        return true;
    return (entry.flags & (GTF_type_mask | GTF_sub_page)) == GTF_permit_access &&
           !(status & (GTF_reading | GTF_writing));
}

/* Whether a ref of the guest's own use, or any other, is mapped. */
static bool is_pinned(const struct wrg_gnttab *gnttab)
{
    for (uint32_t gref = WRG_GNTTAB_RESERVED; gref < wrg_gnttab_size(gnttab); gref++)
        if (wrg_gnttab_pins(&gnttab->pins[gref]))
            return true;
    return false;
}

/* The guest's pages are not granted any more. */
static void forget_grants(struct wrg_xen *xen, struct wrg_domain *dom)
{
    struct wrg_grant_entry entry;

    for (uint32_t gref = WRG_GNTTAB_RESERVED; gref < wrg_slots_high(&dom->gnttab.refs); gref++) {
        if (!wrg_slots_is_taken(&dom->gnttab.refs, gref))
            continue;
        (void)wrg_gnttab_peek(xen, dom, gref, &entry);
        if (wrg_gnttab_owns(dom, entry.frame) && xen->memory.frames[entry.frame].granted) {
            wrg_memory_mark_meta(&xen->memory, entry.frame);
            xen->memory.frames[entry.frame].granted--;
        }
    }
}

int wrg_gnttab_set_version(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t version)
{
    struct wrg_grant_entry kept[WRG_GNTTAB_RESERVED] = { { 0 } };
    struct wrg_gnttab *gnttab = &dom->gnttab;

    if (version != 1 && version != 2)
        return -EINVAL;
    if (version == gnttab->version)
        return 0;
    if (is_pinned(gnttab))
        return -EBUSY;
    for (uint32_t gref = 0; gref < WRG_GNTTAB_RESERVED && gnttab->nframes; gref++) {
        (void)wrg_gnttab_peek(xen, dom, gref, &kept[gref]);
        if (!is_plain(kept[gref], wrg_gnttab_status(xen, dom, gref)))
            return -EINVAL;
    }
    forget_grants(xen, dom);
    gnttab->version = (uint8_t)version;
    clear_frames(xen, gnttab->first_frame, gnttab->nframes);
    clear_frames(xen, gnttab->status_frame, status_frames(gnttab));
    forget_refs(gnttab);
    for (uint32_t gref = 0; gref < WRG_GNTTAB_RESERVED && gnttab->nframes; gref++)
        wrg_gnttab_poke(xen, dom, gref, &kept[gref]);
    return 0;
}

/* ---- questions ---- */

void wrg_gnttab_query(struct wrg_xen *xen, struct wrg_gnttab_query *args)
{
    const struct wrg_domain *dom = wrg_xen_domain(xen, args->domid);

    args->status = dom ? GNTST_okay : GNTST_bad_domain;
    if (!dom)
        return;
    args->version = dom->gnttab.version;
    args->frames = dom->gnttab.nframes;
    args->max_frames = dom->gnttab.max_frames;
}

void wrg_gnttab_status_frames(struct wrg_xen *xen, struct wrg_gnttab_status_frames *args)
{
    const struct wrg_domain *dom = wrg_xen_domain(xen, args->domid);

    args->status = GNTST_bad_domain;
    if (!dom)
        return;
    args->status = GNTST_general_error;
    if (args->count > status_frames(&dom->gnttab))
        return;
    for (uint32_t i = 0; i < args->count; i++)
        args->frames[i] = dom->gnttab.status_frame + i;
    args->status = GNTST_okay;
}
