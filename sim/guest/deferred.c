/* SPDX-License-Identifier: MIT */
#include "guest/deferred.h"

#include <string.h>

#include "guest/guest.h"

void wrg_deferred_reset(struct wrg_deferred *deferred)
{
    deferred->count = 0;
    deferred->task = 0;
}

void wrg_deferred_copy(struct wrg_deferred *to, const struct wrg_deferred *from)
{
    to->count = from->count;
    to->task = from->task;
    memcpy(to->entries, from->entries, from->count * sizeof(*from->entries));
}

/* Again in a second. */
static void arm(struct wrg_guest *guest)
{
    struct wrg_sched *sched = guest->xen->sched;
    const struct wrg_timer_args timer = { .task = guest->deferred.task - 1,
                                          .deadline_ns =
                                              wrg_sched_now(sched) + WRG_DEFERRED_PERIOD_NS,
                                          .housekeeping = true };

    (void)!wrg_sched_timer_set(sched, &timer);
}

/* True: the gref is free again, and its page too. */
static bool try_again(struct wrg_guest *guest, uint32_t gref, uint32_t page)
{
    struct wrg_gnttab *gnttab = &guest->dom->gnttab;
    struct wrg_gnttab_end end = { .count = 1, .grefs = &gref };

    gnttab->given++; /* it is the guest's again, for the moment */
    wrg_gnttab_end(guest->xen, guest->dom, &end);
    if (end.still_in_use) {
        gnttab->given--;
        return false;
    }
    if (page != WRG_NO_PAGE) {
        gnttab->abandoned_pages--;
        wrg_xen_page_free(guest->xen, guest->dom, page, 1);
    }
    return true;
}

/* The first few of the list; those that are still in use go to its end. */
static void pass(void *arg)
{
    struct wrg_guest *guest = arg;
    struct wrg_deferred *list = &guest->deferred;

    wrg_xen_lock(guest->xen);
    uint32_t turns = wrg_min_u32(list->count, WRG_DEFERRED_PASS);
    for (uint32_t i = 0; i < turns; i++) {
        const uint32_t gref = list->entries[0].gref, page = list->entries[0].page;
        list->count--;
        for (uint32_t k = 0; k < list->count; k++)
            list->entries[k] = list->entries[k + 1];
        if (try_again(guest, gref, page))
            continue;
        list->entries[list->count].gref = gref;
        list->entries[list->count++].page = page;
    }
    if (list->count)
        arm(guest);
    wrg_xen_unlock(guest->xen);
}

static bool has_task(struct wrg_guest *guest)
{
    const struct wrg_task_args args = { .fn = pass,
                                        .arg = guest,
                                        .name = "deferred",
                                        .role = guest->role,
                                        .worker = true,
                                        .housekeeping = true };

    if (!guest->deferred.task) {
        int id = wrg_sched_task_create(guest->xen->sched, &args);
        guest->deferred.task = id < 0 ? 0 : id + 1;
    }
    return guest->deferred.task != 0;
}

/* The guest's own page behind an entry, WRG_NO_PAGE if it is none. */
static uint32_t page_behind(struct wrg_guest *guest, uint32_t gref)
{
    const struct wrg_domain *dom = guest->dom;
    struct wrg_grant_entry entry;

    if (!wrg_gnttab_peek(guest->xen, guest->dom, gref, &entry) ||
        entry.frame - dom->first_frame >= dom->nframes)
        return WRG_NO_PAGE;
    const struct wrg_view *view = &dom->views[entry.frame - dom->first_frame];
    return view->base ? view->handle : WRG_NO_PAGE;
}

void wrg_guest_defer(struct wrg_guest *guest, const struct wrg_gnttab_end *args)
{
    struct wrg_deferred *list = &guest->deferred;
    uint32_t pages = args->abandoned_pages;
    bool was_empty = list->count == 0;

    if (!has_task(guest))
        return;
    for (uint32_t i = 0; i < args->count && list->count < WRG_GUEST_DEFERRED; i++) {
        if (args->grefs[i] == WRG_NO_GREF)
            continue;
        list->entries[list->count].gref = args->grefs[i];
        list->entries[list->count++].page =
            pages ? page_behind(guest, args->grefs[i]) : WRG_NO_PAGE;
        pages -= pages != 0;
    }
    if (was_empty && list->count)
        arm(guest);
}
