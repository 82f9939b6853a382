/* SPDX-License-Identifier: MIT */
/*
 * Pages that the backend still maps when they are to be taken back. It could write to whatever came
 * after, so they stay as they are, and are tried again whenever the backend has moved on.
 */
#include "front/front.h"

/* The kernel keeps what the driver cannot. */
static void abandon(struct wrg_front *front, uint32_t *grefs, uint32_t count, uint32_t page)
{
    struct wrg_gnttab_end end = {
        .count = count, .grefs = grefs, .abandon = true, .abandoned_pages = page != WRG_NO_PAGE
    };
    struct wrg_page_free free_page = { .page = page, .count = 1 };

    (void)wrg_port_gnttab_end(front->port, &end);
    if (end.still_in_use == 0 && page != WRG_NO_PAGE) /* the backend let go just now */
        (void)wrg_port_page_free(front->port, &free_page);
}

void wrg_front_keep(struct front_queue *queue, uint32_t *grefs, uint32_t count, uint32_t page)
{
    struct wrg_front *front = queue->front;
    struct wrg_alloc alloc = { .size = sizeof(struct front_kept) + count * sizeof(*grefs),
                               .kind = WRG_ALLOC_POOL };

    if (wrg_port_alloc(front->port, &alloc)) {
        abandon(front, grefs, count, page);
        return;
    }
    struct front_kept *kept = alloc.ptr;
    *kept = (struct front_kept){ .next = queue->kept, .page = page };
    for (uint32_t i = 0; i < count; i++)
        if (grefs[i] != WRG_NO_GREF)
            kept->grefs[kept->count++] = grefs[i];
    queue->kept = kept;
}

/* One atomic step each: a grant is gone, or it was in use; never first a look and then the deed. */
static bool take_back(struct wrg_front *front, uint32_t *grefs, uint32_t count, uint32_t page)
{
    struct wrg_gnttab_end end = { .count = count, .grefs = grefs };
    struct wrg_page_free free_page = { .page = page, .count = 1 };

    (void)wrg_port_gnttab_end(front->port, &end);
    if (end.still_in_use)
        return false;
    if (page != WRG_NO_PAGE)
        (void)wrg_port_page_free(front->port, &free_page);
    return true;
}

bool wrg_front_unshare(struct front_queue *queue, uint32_t gref, uint32_t page)
{
    if (take_back(queue->front, &gref, 1, page))
        return true;
    wrg_front_keep(queue, &gref, 1, page);
    return false;
}

static void retry(struct wrg_front *front, struct front_queue *queue)
{
    struct front_kept **link = &queue->kept;

    while (*link) {
        struct front_kept *kept = *link;
        struct wrg_free args = { .ptr = kept };
        if (!take_back(front, kept->grefs, kept->count, kept->page)) {
            link = &kept->next;
            continue;
        }
        *link = kept->next;
        (void)wrg_port_free(front->port, &args);
    }
}

void wrg_front_retry_kept(struct wrg_front *front)
{
    for (unsigned i = 0; i < front->nqueues; i++)
        retry(front, &front->queues[i]);
}

void wrg_front_abandon_kept(struct wrg_front *front)
{
    for (unsigned i = 0; i < front->nqueues; i++) {
        struct front_queue *queue = &front->queues[i];
        while (queue->kept) {
            struct front_kept *kept = queue->kept;
            struct wrg_free args = { .ptr = kept };
            abandon(front, kept->grefs, kept->count, kept->page);
            queue->kept = kept->next;
            (void)wrg_port_free(front->port, &args);
        }
    }
}
