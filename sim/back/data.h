/* SPDX-License-Identifier: MIT */
/*
 * How a queue gets at the data of its requests: three ways behind one table, chosen as it connects.
 *
 * What it is    map         each page is mapped for its request (data.c)
 *               copy        data goes through buffers of one's own, by grant copies (copy.c)
 *               persistent  pages stay mapped for later requests (persistent.c)
 * Layer         back; sees include/wringer only
 * Bounds        batches of 64 grefs; what a way keeps lies behind struct back_ring
 * Threads       segments, acquire and purge by the ring's task or under its ring_lock; deliver and
 *               release by whoever ends the request
 * Errors        after a failed acquire, release gives back what was acquired
 * Source        xen/io/blkif.h: feature-persistent; xen/grant_table.h: GNTTABOP_copy
 */
#ifndef WRG_BACK_DATA_H
#define WRG_BACK_DATA_H

#include <string.h>

#include "back/back.h"

enum { BACK_BATCH = 64, BACK_GNTST_OKAY = 0 };

struct back_data {
    size_t (*size)(const struct wrg_back *back); /* bytes behind struct back_ring */
    size_t each;                                 /* bytes of a segment, behind those of every way */
    void (*begin)(struct back_queue *queue);
    void (*end)(struct back_queue *queue); /* nothing is in flight */
    /* Copies what an indirect page begins with, once. */
    int (*segments)(struct back_queue *queue, uint32_t gref, void *bytes, uint32_t len);
    /* Vectors for all segments; what is written is in them. */
    int (*acquire)(struct back_request *req);
    /* What the disk has read goes to the frontend. */
    int (*deliver)(struct back_request *req);
    void (*release)(struct back_request *req);
};

extern const struct back_data wrg_back_map;
extern const struct back_data wrg_back_copy;
extern const struct back_data wrg_back_persistent;

extern const struct back_data *const wrg_back_ways[]; /* by enum back_way */

/* The way that the connection has chosen. */
static inline const struct back_data *wrg_back_data(const struct wrg_back *back)
{
    return wrg_back_ways[back->way];
}

/* Where in this page the data of a segment lies. */
static inline struct wrg_vec wrg_back_vec(const struct wrg_blkif_segment *seg, uint32_t page)
{
    return (struct wrg_vec){
        .page = page,
        .off = (uint16_t)(seg->first_sect * WRG_SECTOR_SIZE),
        .len = (uint16_t)((seg->last_sect - seg->first_sect + 1) * (int)WRG_SECTOR_SIZE),
    };
}

/*
 * The same of many, which have passed wrg_back_check_segments. A vector is made as one word, so
 * that compilers make several at a time.
 */
static inline void wrg_back_vecs(struct wrg_vec *restrict vecs,
                                 const struct wrg_blkif_segment *restrict segs,
                                 const uint32_t *restrict pages, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t word;
        memcpy(&word, &segs[i], sizeof(word));
        uint64_t first = word >> 32 & 0xff, last = word >> 40 & 0xff;
        word =
            pages[i] | first * WRG_SECTOR_SIZE << 32 | (last - first + 1) * WRG_SECTOR_SIZE << 48;
        memcpy(&vecs[i], &word, sizeof(word));
    }
}

/* Maps one page of segments, copies it, unmaps it. */
int wrg_back_map_segments(struct back_queue *queue, uint32_t gref, void *bytes, uint32_t len);
void wrg_back_unmap(struct back_queue *queue, const uint32_t *pages, uint32_t count);

/* The housekeeping of a pool of persistent grants (persistent.c); a worker, arg is the queue. */
void wrg_back_purge(void *queue);

#endif
