/* SPDX-License-Identifier: MIT */
#include "disk/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/rng.h"

/* As many sectors at a time as an event has room for digests of. */
#define RUN_SECTORS (WRG_TRACE_PAYLOAD_MAX / sizeof(uint64_t))

static const struct wrg_disk_ops ops;

static struct wrg_cache_disk *self_of(struct wrg_disk *disk)
{
    return (struct wrg_cache_disk *)(void *)disk;
}

int wrg_cache_disk_init(struct wrg_cache_disk *cache, struct wrg_disk *next)
{
    *cache = (struct wrg_cache_disk){ .disk = { .ops = &ops, .next = next } };
    cache->writes = calloc(WRG_CACHE_WRITES, sizeof(*cache->writes));
    cache->bytes = calloc(WRG_CACHE_SECTORS, WRG_SECTOR_SIZE);
    if (cache->writes && cache->bytes)
        return 0;
    wrg_cache_disk_fini(cache);
    return -ENOMEM;
}

void wrg_cache_disk_fini(struct wrg_cache_disk *cache)
{
    free(cache->writes);
    free(cache->bytes);
    memset(cache, 0, sizeof(*cache));
}

/* Everything is durable. */
static void forget(struct wrg_cache_disk *cache)
{
    cache->nwrites = cache->nsectors = 0;
}

static uint8_t *bytes_at(const struct wrg_cache_disk *cache, uint32_t at)
{
    return cache->bytes + (size_t)at * WRG_SECTOR_SIZE;
}

/* ---- requests ---- */

/* Keeps what a write is about to cover. */
static void remember(struct wrg_cache_disk *cache, const struct wrg_disk_request *request)
{
    uint64_t count = wrg_disk_request_sectors(request);

    if (cache->nwrites == WRG_CACHE_WRITES || count > WRG_CACHE_SECTORS - cache->nsectors)
        forget(cache);
    if (!count || count > WRG_CACHE_SECTORS)
        return;
    const struct wrg_disk_run run = { .sector = request->sector,
                                      .count = (uint32_t)count,
                                      .bytes = bytes_at(cache, cache->nsectors) };
    if (wrg_disk_transfer(cache->disk.next, &run))
        return; /* nor can it be written */
    cache->writes[cache->nwrites++] = (struct wrg_cached_write){ .sector = request->sector,
                                                                 .count = (uint32_t)count,
                                                                 .at = cache->nsectors };
    cache->nsectors += (uint32_t)count;
}

static int execute(struct wrg_disk *disk, const struct wrg_disk_request *request,
                   struct wrg_disk_context *context)
{
    struct wrg_cache_disk *cache = self_of(disk);
    int error;

    if (request->op == WRG_IO_WRITE)
        remember(cache, request);
    error = wrg_disk_execute(disk->next, request, context);
    /* What is erased does not come back either. */
    if ((request->op == WRG_IO_FLUSH || request->op == WRG_IO_SECURE_ERASE) && !error)
        forget(cache);
    return error;
}

static void info(const struct wrg_disk *disk, struct wrg_disk_info *out)
{
    wrg_disk_info(disk->next, out);
    out->flush = true;
}

static void reset(struct wrg_disk *disk)
{
    forget(self_of(disk));
    wrg_disk_reset(disk->next);
}

/* ---- the power cut ---- */

/*
 * Swaps a run with the medium. False: it cannot be reached, because the disk has become smaller;
 * then both stay as they are.
 */
static bool swap_run(struct wrg_cache_disk *cache, uint64_t sector, uint32_t at, uint32_t count)
{
    uint8_t now[RUN_SECTORS * WRG_SECTOR_SIZE];
    const struct wrg_disk_run read = { .sector = sector, .count = count, .bytes = now };
    const struct wrg_disk_run write = {
        .write = true, .sector = sector, .count = count, .bytes = bytes_at(cache, at)
    };

    if (wrg_disk_transfer(cache->disk.next, &read) || wrg_disk_transfer(cache->disk.next, &write))
        return false;
    memcpy(bytes_at(cache, at), now, (size_t)count * WRG_SECTOR_SIZE);
    return true;
}

/* Back to what is durable; the cache then holds what was written, instead of what was covered. */
static void roll_back(struct wrg_cache_disk *cache)
{
    for (uint32_t i = cache->nwrites; i-- > 0;) {
        const struct wrg_cached_write *write = &cache->writes[i];
        for (uint32_t done = 0; done < write->count; done += RUN_SECTORS)
            if (!swap_run(cache, write->sector + done, write->at + done,
                          wrg_min_u32(write->count - done, RUN_SECTORS)))
                break;
    }
}

static void shuffle(struct wrg_cache_disk *cache, struct wrg_rng *rng)
{
    for (uint32_t i = cache->nwrites; i > 1; i--) {
        uint32_t other = wrg_rng_below(rng, i);
        struct wrg_cached_write write = cache->writes[i - 1];
        cache->writes[i - 1] = cache->writes[other];
        cache->writes[other] = write;
    }
}

/* What could not be rolled back cannot be written either. */
static void write_run(const struct wrg_cache_disk *cache, const struct wrg_cached_write *write,
                      uint32_t done, uint32_t count)
{
    const struct wrg_disk_run run = { .write = true,
                                      .sector = write->sector + done,
                                      .count = count,
                                      .bytes = bytes_at(cache, write->at + done) };

    (void)!wrg_disk_transfer(cache->disk.next, &run);
}

/* Returns how many writes have survived, in part at least. */
static uint32_t write_some(struct wrg_cache_disk *cache, const struct wrg_cut_args *args)
{
    struct wrg_rng rng;
    uint32_t kept = 0;

    wrg_rng_seed(&rng, args->seed);
    shuffle(cache, &rng);
    for (uint32_t i = 0; i < cache->nwrites; i++) {
        const struct wrg_cached_write *write = &cache->writes[i];
        uint32_t unit = args->torn ? 1 : RUN_SECTORS;
        bool keep = wrg_rng_below(&rng, 2) != 0, any = false;
        for (uint32_t done = 0; done < write->count; done += unit) {
            if (args->torn)
                keep = wrg_rng_below(&rng, 2) != 0;
            any |= keep;
            if (keep)
                write_run(cache, write, done, wrg_min_u32(write->count - done, unit));
        }
        kept += any;
    }
    return kept;
}

/* What the medium holds now, wherever it could be something else. */
static void tell(struct wrg_cache_disk *cache, const struct wrg_disk_context *context,
                 uint32_t kept)
{
    uint8_t now[RUN_SECTORS * WRG_SECTOR_SIZE];
    uint64_t digests[RUN_SECTORS];

    for (uint32_t i = 0; i < cache->nwrites; i++) {
        const struct wrg_cached_write *write = &cache->writes[i];
        for (uint32_t done = 0; done < write->count; done += RUN_SECTORS) {
            const struct wrg_disk_run run = { .sector = write->sector + done,
                                              .count =
                                                  wrg_min_u32(write->count - done, RUN_SECTORS),
                                              .bytes = now };
            if (wrg_disk_transfer(cache->disk.next, &run))
                break;
            wrg_digest_sectors(now, run.count, digests);
            wrg_xen_emit(context->xen, .kind = WRG_EV_DISK_LEFT, .role = context->dom->role,
                         .c = run.sector, .payload = digests,
                         .len = run.count * (uint32_t)sizeof(*digests));
        }
    }
    wrg_xen_emit(context->xen, .kind = WRG_EV_DISK_CUT, .role = context->dom->role,
                 .a = cache->nwrites, .b = kept);
}

void wrg_cache_disk_cut(struct wrg_cache_disk *cache, const struct wrg_cut_args *args,
                        const struct wrg_disk_context *context)
{
    uint32_t kept = args->lost == WRG_CUT_NONE ? cache->nwrites : 0;

    if (args->lost != WRG_CUT_NONE)
        roll_back(cache);
    if (args->lost == WRG_CUT_SOME)
        kept = write_some(cache, args);
    tell(cache, context, kept);
    forget(cache);
}

static const struct wrg_disk_ops ops = {
    .execute = execute, .transfer = wrg_disk_pass_transfer, .info = info, .reset = reset
};
