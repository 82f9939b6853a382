/* SPDX-License-Identifier: MIT */
/*
 * DATA-001, DATA-002: the shadow disk. What a frontend reads is what was written last, and what it
 * was told is written is on the disk.
 *
 * What it is    A digest a sector, in blocks of eight, from the block edge above the frontend, and
 *               another from the disk below the backend. A sector is not judged while the order
 *               of writes is not known: a write in flight beside a read or another write. A failed
 *               write leaves either content, or, if something is on its way still, nothing to judge
 *               by. From a discard on a sector is what it was, or zeros, until it is written; from
 *               the end of a secure one it is zeros. A write beside a discard is not judged.
 * Layer         oracle
 * Bounds        16,384 blocks and 4,096 I/Os in flight; what is beyond is not judged, and counted
 * Source        xen/io/blkif.h: BLKIF_OP_READ, BLKIF_OP_WRITE
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "oracle/data_blocks.h"

enum { READ = WRG_CASE_IO_READ, WRITE = WRG_CASE_IO_WRITE };

int wrg_data_init(struct wrg_data *data)
{
    static const uint8_t zeros[WRG_BLKIF_SECTOR_BYTES];

    /* The one behind the last is never in use: wrg_span_next may look at it. */
    data->memory = calloc(WRG_DATA_BUCKETS + 2, sizeof(*data->blocks));
    data->blocks = (void *)(((uintptr_t)data->memory + WRG_BLOCK_ALIGN - 1) &
                            ~(WRG_BLOCK_ALIGN - (uintptr_t)1));
    wrg_digest_sectors(zeros, 1, &data->zeros);
    data->ios = calloc(WRG_DATA_IOS, sizeof(*data->ios));
    return data->memory && data->ios ? 0 : -ENOMEM;
}

void wrg_data_fini(struct wrg_data *data)
{
    free(data->memory);
    free(data->ios);
}

static struct wrg_data_io *find_io(const struct wrg_data *data, uint32_t tag)
{
    struct wrg_data_io *io = &data->ios[tag % WRG_DATA_IOS];

    return io->epoch == data->epoch && io->tag == tag ? io : NULL;
}

/* ---- the block edge ---- */

/* A barrier is a write. */
static uint8_t op_of(const struct wrg_event *ev)
{
    return ev->b == WRG_CASE_IO_BARRIER ? (uint8_t)WRITE : (uint8_t)ev->b;
}

static bool discards(uint8_t op)
{
    return op == WRG_CASE_IO_DISCARD || op == WRG_CASE_IO_SECURE_ERASE;
}

static void begin_discard(struct wrg_oracles *o, const struct wrg_place *place, uint32_t since)
{
    struct wrg_sector *sector = place->state;
    uint64_t *first = &place->block->content[0][place->i];
    uint64_t *second = &place->block->content[1][place->i];

    sector->changed = since;
    if (sector->writes)
        sector->flags |= WRG_SECTOR_CLASH;
    if (sector->ncontent == 1 && *first != o->data.zeros) {
        sector->ncontent = 2;
        *second = o->data.zeros;
    } else if (sector->ncontent == 2 && *first != o->data.zeros && *second != o->data.zeros) {
        sector->ncontent = 0;
    }
}

static void end_erase(struct wrg_oracles *o, const struct wrg_place *place, uint32_t since)
{
    struct wrg_sector *sector = place->state;

    if (sector->changed == since && !sector->writes) {
        sector->ncontent = 1;
        place->block->content[0][place->i] = o->data.zeros;
    }
    sector->changed = o->data.now;
}

static void on_submit(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    struct wrg_data *data = &o->data;
    struct wrg_data_io *io = &data->ios[ev->a % WRG_DATA_IOS];

    data->now++;
    if (discards((uint8_t)ev->b)) {
        data->discarding++;
        wrg_blocks_each(o, ev->c, ev->d, begin_discard, data->now);
    }
    if (io->epoch == data->epoch) { /* its place is taken: this one is not followed */
        o->forgotten++;
        return;
    }
    *io = (struct wrg_data_io){ .epoch = data->epoch,
                                .tag = ev->a,
                                .op = op_of(ev),
                                .sector = ev->c,
                                .nsectors = ev->d,
                                .since = data->now };
    data->inflight++;
}

static void begin_write(const struct wrg_oracles *o, const struct wrg_place *place, uint64_t digest,
                        bool followed)
{
    struct wrg_sector *sector = place->state;

    sector->changed = o->data.now;
    if (!followed) {
        sector->flags |= WRG_SECTOR_MURKY;
        return;
    }
    if (sector->writes++ || o->data.discarding)
        sector->flags |= WRG_SECTOR_CLASH;
    place->block->pending[place->i] = digest;
}

/* The role to blame: the frontend is honest, so it is the backend if that is judged. */
static struct wrg_event blame(const struct wrg_oracles *o, const struct wrg_event *ev)
{
    struct wrg_event event = *ev;

    if (o->config.judged & WRG_JUDGE_BACK)
        event.role = WRG_ROLE_BACK;
    return event;
}

/* What a read must bring, as far as it is known; false: not known. */
static bool is_wrong(const struct wrg_place *place, uint64_t digest, uint32_t since)
{
    const struct wrg_sector *sector = place->state;
    const struct wrg_block *block = place->block;

    if (sector->ncontent == 1)
        return digest != block->content[0][place->i];
    if (sector->ncontent == 2)
        return digest != block->content[0][place->i] && digest != block->content[1][place->i];
    return (sector->flags & WRG_SECTOR_ON_DISK) && sector->disk_changed < since &&
           digest != block->disk[place->i];
}

static uint64_t sector_of(const struct wrg_place *place)
{
    return place->block->number * WRG_BLOCK_SECTORS + place->i;
}

/* DATA-001 */
static void end_read(struct wrg_oracles *o, const struct wrg_event *ev,
                     const struct wrg_place *place, uint64_t digest, uint32_t since)
{
    struct wrg_sector *sector = place->state;
    uint64_t *content = &place->block->content[0][place->i];

    if (sector->writes || sector->changed >= since || (sector->flags & WRG_SECTOR_MURKY))
        return;
    if (is_wrong(place, digest, since)) {
        const struct wrg_event event = blame(o, ev);
        wrg_trace_report(o->trace, WRG_RULE_DATA_001, &event,
                         "sector %" PRIu64 " reads as 0x%016" PRIx64 ", it should be 0x%016" PRIx64,
                         sector_of(place), digest,
                         sector->ncontent ? *content : place->block->disk[place->i]);
        return;
    }
    /* Unless it was forgotten meanwhile, or may be still. */
    if (!sector->ncontent && !o->data.discarding && sector->disk_changed < since) {
        sector->ncontent = 1;
        *content = digest;
    }
}

static inline uint32_t digests_in(uint32_t len)
{
    return len / (uint32_t)sizeof(uint64_t);
}

static inline const uint8_t *at_digest(const void *payload, uint32_t i)
{
    return (const uint8_t *)payload + i * sizeof(uint64_t);
}

static inline uint64_t digest_at(const void *payload, uint32_t i)
{
    uint64_t digest;

    memcpy(&digest, at_digest(payload, i), sizeof(digest));
    return digest;
}

static void begin_writes(struct wrg_oracles *o, const struct wrg_span *span, const void *payload,
                         bool followed)
{
    for (uint32_t i = 0; i < span->count; i++) {
        const struct wrg_place place = wrg_place_of(span->block, span->first + i);
        begin_write(o, &place, digest_at(payload, span->done + i), followed);
    }
    wrg_span_join(span);
}

static void on_write_data(struct wrg_oracles *o, const struct wrg_event *ev, const void *payload,
                          uint32_t len)
{
    bool followed = find_io(&o->data, ev->a) != NULL;
    bool plain = followed && !o->data.discarding;
    struct wrg_span span = { 0 };

    while (wrg_span_next(o, &span, ev->c, digests_in(len), true)) {
        struct wrg_block *block = span.block;
        if (WRG_UNLIKELY(!block))
            continue;
        if (WRG_UNLIKELY(!plain || !wrg_span_is_plain(&span) || block->all.writes)) {
            begin_writes(o, &span, payload, followed);
            continue;
        }
        block->all.changed = o->data.now;
        block->all.writes = 1;
        memcpy(block->pending, at_digest(payload, span.done), WRG_BLOCK_DIGESTS);
    }
}

static void end_reads(struct wrg_oracles *o, const struct wrg_event *ev,
                      const struct wrg_span *span, const void *payload, uint32_t since)
{
    for (uint32_t i = 0; i < span->count; i++) {
        const struct wrg_place place = wrg_place_of(span->block, span->first + i);
        uint64_t digest = digest_at(payload, span->done + i);
        /* What it should be is right, whatever goes on beside it. */
        if (place.state->ncontent != 1 || place.block->content[0][place.i] != digest)
            end_read(o, ev, &place, digest, since);
    }
    wrg_span_join(span);
}

static void on_data(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    if (op_of(ev) == WRITE) {
        on_write_data(o, ev, payload, len);
        return;
    }
    const struct wrg_data_io *io = find_io(&o->data, ev->a);
    struct wrg_span span = { 0 };
    if (ev->b != READ || !io)
        return;
    while (wrg_span_next(o, &span, ev->c, digests_in(len), true)) {
        struct wrg_block *block = span.block;
        if (WRG_UNLIKELY(!block))
            continue;
        if (WRG_UNLIKELY(
                !wrg_span_is_plain(&span) || block->all.ncontent != 1 ||
                memcmp(block->content[0], at_digest(payload, span.done), WRG_BLOCK_DIGESTS) != 0))
            end_reads(o, ev, &span, payload, io->since);
    }
}

/* Whether nothing that the frontend has given up can still reach the disk. */
static bool is_settled(const struct wrg_oracles *o)
{
    return o->config.accesses && wrg_tap_sure(&o->tap) && !o->tap.nactive &&
           !o->tap.facts.disk_inflight;
}

static void fail_write(const struct wrg_place *place, bool settled)
{
    struct wrg_sector *sector = place->state;
    struct wrg_block *block = place->block;

    if (!settled)
        sector->flags |= WRG_SECTOR_MURKY;
    if (sector->ncontent == 1 && block->content[0][place->i] != block->pending[place->i]) {
        sector->ncontent = 2;
        block->content[1][place->i] = block->pending[place->i];
    } else if (sector->ncontent != 1) {
        sector->ncontent = 0;
    }
}

/* DATA-002; false: it is broken. */
static bool is_on_disk(const struct wrg_oracles *o, const struct wrg_place *place)
{
    const struct wrg_sector *sector = place->state;

    if (!o->tap.facts.disk || (sector->flags & WRG_SECTOR_MURKY))
        return true;
    return (sector->flags & WRG_SECTOR_ON_DISK) &&
           place->block->disk[place->i] == place->block->pending[place->i];
}

static void end_write(struct wrg_oracles *o, const struct wrg_event *ev,
                      const struct wrg_place *place, bool settled)
{
    struct wrg_sector *sector = place->state;

    if (!sector->writes)
        return;
    sector->writes--;
    sector->changed = o->data.now;
    if (sector->flags & WRG_SECTOR_CLASH) {
        sector->ncontent = 0;
        if (ev->b && !settled)
            sector->flags |= WRG_SECTOR_MURKY;
        if (!sector->writes)
            sector->flags &= (uint8_t)~WRG_SECTOR_CLASH;
        /* Which of them came last is known to the disk only. */
        sector->disk_changed = o->data.now;
        return;
    }
    if (ev->b) {
        fail_write(place, settled);
        return;
    }
    if (!is_on_disk(o, place)) {
        const struct wrg_event event = blame(o, ev);
        wrg_trace_report(o->trace, WRG_RULE_DATA_002, &event,
                         "sector %" PRIu64 " was written, but the disk holds something else",
                         sector_of(place));
        return;
    }
    sector->ncontent = 1;
    place->block->content[0][place->i] = place->block->pending[place->i];
}

/* The end of nearly all writes: one that was alone, went well, and is what the disk holds. */
static inline bool end_plain_write(struct wrg_block *block, uint32_t now)
{
    if (block->all.writes != 1 || block->all.flags != WRG_SECTOR_ON_DISK ||
        memcmp(block->disk, block->pending, WRG_BLOCK_DIGESTS) != 0)
        return false;
    block->all.writes = 0;
    block->all.changed = now;
    block->all.ncontent = 1;
    memcpy(block->content[0], block->pending, WRG_BLOCK_DIGESTS);
    return true;
}

static void end_writes(struct wrg_oracles *o, const struct wrg_event *ev,
                       const struct wrg_span *span, bool settled)
{
    for (uint32_t i = 0; i < span->count; i++) {
        const struct wrg_place place = wrg_place_of(span->block, span->first + i);
        end_write(o, ev, &place, settled);
    }
    wrg_span_join(span);
}

static void on_complete(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    struct wrg_data *data = &o->data;
    struct wrg_data_io *io = find_io(data, ev->a);

    data->now++;
    wrg_failures_end_io(o, ev);
    if (!io)
        return;
    io->epoch = data->epoch - 1;
    data->inflight--;
    bool settled = is_settled(o);
    if (discards(io->op)) {
        data->discarding -= !ev->b || settled;
        if (!ev->b && io->op == WRG_CASE_IO_SECURE_ERASE)
            wrg_blocks_each(o, io->sector, io->nsectors, end_erase, io->since);
        return;
    }
    if (io->op != WRITE)
        return;
    /* Bounded by what was put into the table, whatever a script claims. */
    uint32_t n = (uint32_t)wrg_min_u64(io->nsectors, WRG_DATA_BLOCKS * WRG_BLOCK_SECTORS);
    struct wrg_span span = { 0 };
    while (wrg_span_next(o, &span, io->sector, n, false)) {
        if (WRG_UNLIKELY(!span.block))
            continue;
        if (WRG_UNLIKELY(ev->b || !wrg_span_is_plain(&span) ||
                         !end_plain_write(span.block, data->now)))
            end_writes(o, ev, &span, settled);
    }
}

/* ---- the disk ---- */

static void hold(struct wrg_sector *sector, bool write, uint32_t now)
{
    sector->flags |= WRG_SECTOR_ON_DISK;
    if (write)
        sector->disk_changed = now;
}

/* What the disk holds: digests are its own, taken after the transfer, of reads and writes. */
static void on_disk_data(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    const bool write = ev->b == WRITE;
    struct wrg_span span = { 0 };

    while (wrg_span_next(o, &span, ev->c, digests_in(len), true)) {
        if (WRG_UNLIKELY(!span.block))
            continue;
        if (WRG_LIKELY(wrg_span_is_plain(&span))) {
            memcpy(span.block->disk, at_digest(payload, span.done), WRG_BLOCK_DIGESTS);
            hold(&span.block->all, write, o->data.now);
            continue;
        }
        for (uint32_t i = 0; i < span.count; i++) {
            const struct wrg_place place = wrg_place_of(span.block, span.first + i);
            place.block->disk[place.i] = digest_at(payload, span.done + i);
            hold(place.state, write, o->data.now);
        }
        wrg_span_join(&span);
    }
}

/* A power cut has put these back, and nothing is on its way to them any more. */
static void on_disk_left(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    struct wrg_span span = { 0 };

    on_disk_data(ctx, ev, payload, len);
    while (wrg_span_next(o, &span, ev->c, digests_in(len), true)) {
        for (uint32_t i = 0; span.block && i < span.count; i++) {
            const struct wrg_place place = wrg_place_of(span.block, span.first + i);
            place.state->changed = place.state->disk_changed = o->data.now;
            place.state->ncontent = 1;
            place.block->content[0][place.i] = place.block->disk[place.i];
        }
    }
}

static void forget_disk(struct wrg_oracles *o, const struct wrg_place *place, uint32_t since)
{
    place->state->flags &= (uint8_t)~WRG_SECTOR_ON_DISK;
    place->state->disk_changed = since;
}

static void on_disk_discard(void *ctx, const struct wrg_event *ev, const void *payload,
                            uint32_t len)
{
    struct wrg_oracles *o = ctx;

    wrg_blocks_each(o, ev->c, ev->d, forget_disk, o->data.now);
}

/* Only an honest frontend knows what it wanted, and somebody judged must be there to blame. */
bool wrg_data_is_wanted(const struct wrg_oracle_config *config)
{
    /* Neither is wrong by itself where they count in different units, but the pair is. */
    if (config->units_differ && config->judged != (WRG_JUDGE_FRONT | WRG_JUDGE_BACK))
        return false;
    return config->honest_front && ((config->judged & WRG_JUDGE_BACK) ||
                                    ((config->judged & WRG_JUDGE_FRONT) && config->honest_back));
}

void wrg_data_begin(struct wrg_oracles *o)
{
    struct wrg_data *data = &o->data;

    data->now = data->used = data->inflight = data->discarding = 0;
    data->epoch++;
    if (data->epoch == 0 || data->epoch == UINT32_MAX) { /* old entries would come to life again */
        memset(data->blocks, 0, WRG_DATA_BUCKETS * sizeof(*data->blocks));
        memset(data->ios, 0, WRG_DATA_IOS * sizeof(*data->ios));
        data->epoch = 1;
    }
    if (!wrg_data_is_wanted(&o->config))
        return;
    wrg_trace_subscribe(o->trace, WRG_EV_BLK_SUBMIT, on_submit, o);
    wrg_trace_subscribe(o->trace, WRG_EV_BLK_DATA, on_data, o);
    wrg_trace_subscribe(o->trace, WRG_EV_BLK_COMPLETE, on_complete, o);
    wrg_trace_subscribe(o->trace, WRG_EV_DISK_DATA, on_disk_data, o);
    wrg_trace_subscribe(o->trace, WRG_EV_DISK_LEFT, on_disk_left, o);
    wrg_trace_subscribe(o->trace, WRG_EV_DISK_DISCARD, on_disk_discard, o);
}
