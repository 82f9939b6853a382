/* SPDX-License-Identifier: MIT */
/*
 * Pages that the backend still maps when they are to be taken back. It could write to whatever came
 * after, so they stay as they are, and are tried again whenever the backend has moved on.
 */
#include "front/front.h"

void wrg_front_keep(struct wrg_front *front, uint32_t gref, uint32_t page)
{
    if (front->nkept < FRONT_KEPT_MAX)
        front->kept[front->nkept++] = (struct front_kept){ .gref = gref, .page = page };
}

/* One atomic step: the grant is gone, or it was in use; never first a look and then the deed. */
static bool take_back(struct wrg_front *front, uint32_t gref, uint32_t page)
{
    struct wrg_gnttab_end end = { .count = 1, .grefs = &gref };
    struct wrg_page_free free_page = { .page = page, .count = 1 };

    (void)wrg_port_gnttab_end(front->port, &end);
    if (end.still_in_use)
        return false;
    if (page != WRG_NO_PAGE)
        (void)wrg_port_page_free(front->port, &free_page);
    return true;
}

bool wrg_front_unshare(struct wrg_front *front, uint32_t gref, uint32_t page)
{
    if (take_back(front, gref, page))
        return true;
    wrg_front_keep(front, gref, page);
    return false;
}

void wrg_front_retry_kept(struct wrg_front *front)
{
    uint32_t left = 0;

    for (uint32_t i = 0; i < front->nkept; i++)
        if (!take_back(front, front->kept[i].gref, front->kept[i].page))
            front->kept[left++] = front->kept[i];
    front->nkept = left;
}
