/* SPDX-License-Identifier: MIT */
/*
 * DATA-001, DATA-002: the shadow disk. What a frontend reads is what was written last, and what it
 * was told is written is on the disk.
 *
 * What it is    A digest a sector, in blocks of eight, from the block edge above the frontend, and another from the
 *               disk below the backend. A sector is not judged while the order of writes is not
 *               known: a write in flight beside a read or another write. A failed write leaves
 *               either content, or, if something is on its way still, nothing to judge by. From
 *               a discard on a sector is what it was, or zeros, until it is written; from the end
 *               of a secure one it is zeros. A write beside a discard is not judged.
 * Layer         oracle
 * Bounds        16,384 blocks and 4,096 I/Os in flight; what is beyond is not judged, and counted
 * Source        xen/io/blkif.h: BLKIF_OP_READ, BLKIF_OP_WRITE
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "oracle/checkers.h"

#define BUCKETS       (2u * WRG_DATA_BLOCKS)
#define GOLDEN        UINT64_C(0x9e3779b97f4a7c15)
#define WHOLE         ((1u << WRG_BLOCK_SECTORS) - 1)
#define BLOCK_DIGESTS (WRG_BLOCK_SECTORS * sizeof(uint64_t))

WRG_STATIC_ASSERT((BUCKETS & (BUCKETS - 1)) == 0, "buckets are masked");

enum { READ = WRG_CASE_IO_READ, WRITE = WRG_CASE_IO_WRITE, BLOCKS_TOGETHER = 64 };

int wrg_data_init(struct wrg_data *data)
{
    static const uint8_t zeros[WRG_BLKIF_SECTOR_BYTES];

    /* The one behind the last is never in use: next_span may look at it. */
    data->memory = calloc(BUCKETS + 2, sizeof(*data->blocks));
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

/* ---- tables ---- */

/* Where the search begins. Blocks that follow each other lie side by side. */
static uint32_t home_of(uint64_t number)
{
    uint32_t group = (uint32_t)(((number / BLOCKS_TOGETHER) * GOLDEN) >> 40);

    return (group * BLOCKS_TOGETHER + number % BLOCKS_TOGETHER) & (BUCKETS - 1);
}

/* NULL: not known, and not taken either because the table is full. */
__attribute__((noinline)) static struct wrg_block *find_block(struct wrg_oracles *o,
                                                              uint64_t number, bool take)
{
    struct wrg_data *data = &o->data;
    uint32_t at = home_of(number);

    /* Ends: at most half of the buckets are in use. */
    for (; data->blocks[at].epoch == data->epoch; at = (at + 1) & (BUCKETS - 1)) {
        if (data->blocks[at].number == number)
            return &data->blocks[at];
    }
    if (!take)
        return NULL;
    if (data->used == WRG_DATA_BLOCKS) {
        o->forgotten++;
        return NULL;
    }
    data->used++;
    struct wrg_block *block = &data->blocks[at];
    block->number = number;
    block->epoch = data->epoch;
    block->known = 0;
    block->alike = true;
    block->all = (struct wrg_sector){ 0 };
    return block;
}

/* A sector of a block, with a state of its own. */
struct place {
    struct wrg_block *block;
    uint32_t i;
    struct wrg_sector *state;
};

static struct place place_of(struct wrg_block *block, uint32_t i)
{
    for (uint32_t k = 0; block->alike && k < WRG_BLOCK_SECTORS; k++)
        block->each[k] = block->all;
    block->alike = false;
    block->known |= (uint8_t)(1u << i);
    return (struct place){ .block = block, .i = i, .state = &block->each[i] };
}

/* After all sectors of a block were looked at one by one: they may be alike again. */
static void join(struct wrg_block *block)
{
    for (uint32_t i = 1; i < WRG_BLOCK_SECTORS; i++)
        if (memcmp(&block->each[i], &block->each[0], sizeof(block->each[0])) != 0)
            return;
    block->all = block->each[0];
    block->alike = true;
}

/* The part of a range that lies in one block. */
struct span {
    struct wrg_block *block; /* NULL: nothing is known of it */
    uint32_t first;          /* sector in the block */
    uint32_t done;           /* sectors of the range before it */
    uint32_t count;
};

/* To the next part, of a range of n sectors; begin with zeros. False: that was the last one. */
static inline bool next_span(struct wrg_oracles *o, struct span *span, uint64_t sector, uint32_t n,
                             bool take)
{
    struct wrg_block *before = span->block;

    span->done += span->count;
    if (span->done >= n)
        return false;
    uint64_t number = (sector + span->done) / WRG_BLOCK_SECTORS;
    span->first = (sector + span->done) % WRG_BLOCK_SECTORS;
    span->count = wrg_min_u32(WRG_BLOCK_SECTORS - span->first, n - span->done);
    if (before && before[1].number == number && before[1].epoch == o->data.epoch)
        span->block = before + 1;
    else
        span->block = find_block(o, number, take);
    return true;
}

/* All of a block's sectors, and all in one state. */
static inline bool is_plain(const struct span *span)
{
    if (WRG_UNLIKELY(span->count != WRG_BLOCK_SECTORS || !span->block->alike))
        return false;
    span->block->known = WHOLE;
    return true;
}

static void join_whole(const struct span *span)
{
    if (span->count == WRG_BLOCK_SECTORS)
        join(span->block);
}

typedef void sector_fn(struct wrg_oracles *o, const struct place *place, uint32_t since);

static void for_block(struct wrg_oracles *o, struct wrg_block *block, uint64_t first, uint64_t n,
                      sector_fn *fn, uint32_t since)
{
    for (uint32_t i = 0; i < WRG_BLOCK_SECTORS; i++) {
        if (!(block->known >> i & 1) || block->number * WRG_BLOCK_SECTORS + i - first >= n)
            continue;
        const struct place place = place_of(block, i);
        fn(o, &place, since);
    }
}

/* All sectors that are known of a range, which may be as long as the disk. */
static void for_range(struct wrg_oracles *o, uint64_t first, uint64_t n, sector_fn *fn,
                      uint32_t since)
{
    struct wrg_data *data = &o->data;
    struct span span = { 0 };

    while (n <= WRG_DATA_BLOCKS && next_span(o, &span, first, (uint32_t)n, false))
        if (span.block)
            for_block(o, span.block, first, n, fn, since);
    for (uint32_t at = 0; n > WRG_DATA_BLOCKS && at < BUCKETS; at++)
        if (data->blocks[at].epoch == data->epoch)
            for_block(o, &data->blocks[at], first, n, fn, since);
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

static void begin_discard(struct wrg_oracles *o, const struct place *place, uint32_t since)
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

static void end_erase(struct wrg_oracles *o, const struct place *place, uint32_t since)
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

    (void)payload;
    (void)len;
    data->now++;
    if (discards((uint8_t)ev->b)) {
        data->discarding++;
        for_range(o, ev->c, ev->d, begin_discard, data->now);
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

static void begin_write(const struct wrg_oracles *o, const struct place *place, uint64_t digest,
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
static bool is_wrong(const struct place *place, uint64_t digest, uint32_t since)
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

static uint64_t sector_of(const struct place *place)
{
    return place->block->number * WRG_BLOCK_SECTORS + place->i;
}

/* DATA-001 */
static void end_read(struct wrg_oracles *o, const struct wrg_event *ev, const struct place *place,
                     uint64_t digest, uint32_t since)
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

static void begin_writes(struct wrg_oracles *o, const struct span *span, const void *payload,
                         bool followed)
{
    for (uint32_t i = 0; i < span->count; i++) {
        const struct place place = place_of(span->block, span->first + i);
        begin_write(o, &place, digest_at(payload, span->done + i), followed);
    }
    join_whole(span);
}

static void on_write_data(struct wrg_oracles *o, const struct wrg_event *ev, const void *payload,
                          uint32_t len)
{
    bool followed = find_io(&o->data, ev->a) != NULL;
    bool plain = followed && !o->data.discarding;
    struct span span = { 0 };

    while (next_span(o, &span, ev->c, digests_in(len), true)) {
        struct wrg_block *block = span.block;
        if (WRG_UNLIKELY(!block))
            continue;
        if (WRG_UNLIKELY(!plain || !is_plain(&span) || block->all.writes)) {
            begin_writes(o, &span, payload, followed);
            continue;
        }
        block->all.changed = o->data.now;
        block->all.writes = 1;
        memcpy(block->pending, at_digest(payload, span.done), BLOCK_DIGESTS);
    }
}

static void end_reads(struct wrg_oracles *o, const struct wrg_event *ev, const struct span *span,
                      const void *payload, uint32_t since)
{
    for (uint32_t i = 0; i < span->count; i++) {
        const struct place place = place_of(span->block, span->first + i);
        uint64_t digest = digest_at(payload, span->done + i);
        /* What it should be is right, whatever goes on beside it. */
        if (place.state->ncontent != 1 || place.block->content[0][place.i] != digest)
            end_read(o, ev, &place, digest, since);
    }
    join_whole(span);
}

static void on_data(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    if (op_of(ev) == WRITE) {
        on_write_data(o, ev, payload, len);
        return;
    }
    const struct wrg_data_io *io = find_io(&o->data, ev->a);
    struct span span = { 0 };
    if (ev->b != READ || !io)
        return;
    while (next_span(o, &span, ev->c, digests_in(len), true)) {
        struct wrg_block *block = span.block;
        if (WRG_UNLIKELY(!block))
            continue;
        if (WRG_UNLIKELY(!is_plain(&span) || block->all.ncontent != 1 ||
                         memcmp(block->content[0], at_digest(payload, span.done), BLOCK_DIGESTS) !=
                             0))
            end_reads(o, ev, &span, payload, io->since);
    }
}

/* Whether nothing that the frontend has given up can still reach the disk. */
static bool is_settled(const struct wrg_oracles *o)
{
    return o->config.accesses && wrg_tap_sure(&o->tap) && !o->tap.nactive &&
           !o->tap.facts.disk_inflight;
}

static void fail_write(const struct place *place, bool settled)
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
static bool is_on_disk(const struct wrg_oracles *o, const struct place *place)
{
    const struct wrg_sector *sector = place->state;

    if (!o->data.facts.disk || (sector->flags & WRG_SECTOR_MURKY))
        return true;
    return (sector->flags & WRG_SECTOR_ON_DISK) &&
           place->block->disk[place->i] == place->block->pending[place->i];
}

static void end_write(struct wrg_oracles *o, const struct wrg_event *ev, const struct place *place,
                      bool settled)
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
        memcmp(block->disk, block->pending, BLOCK_DIGESTS) != 0)
        return false;
    block->all.writes = 0;
    block->all.changed = now;
    block->all.ncontent = 1;
    memcpy(block->content[0], block->pending, BLOCK_DIGESTS);
    return true;
}

static void end_writes(struct wrg_oracles *o, const struct wrg_event *ev, const struct span *span,
                       bool settled)
{
    for (uint32_t i = 0; i < span->count; i++) {
        const struct place place = place_of(span->block, span->first + i);
        end_write(o, ev, &place, settled);
    }
    join_whole(span);
}

static void on_complete(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    struct wrg_data *data = &o->data;
    struct wrg_data_io *io = find_io(data, ev->a);

    (void)payload;
    (void)len;
    data->now++;
    if (!io)
        return;
    io->epoch = data->epoch - 1;
    data->inflight--;
    bool settled = is_settled(o);
    if (discards(io->op)) {
        data->discarding -= !ev->b || settled;
        if (!ev->b && io->op == WRG_CASE_IO_SECURE_ERASE)
            for_range(o, io->sector, io->nsectors, end_erase, io->since);
        return;
    }
    if (io->op != WRITE)
        return;
    /* Bounded by what was put into the table, whatever a script claims. */
    uint32_t n = (uint32_t)wrg_min_u64(io->nsectors, WRG_DATA_BLOCKS * WRG_BLOCK_SECTORS);
    struct span span = { 0 };
    while (next_span(o, &span, io->sector, n, false)) {
        if (WRG_UNLIKELY(!span.block))
            continue;
        if (WRG_UNLIKELY(ev->b || !is_plain(&span) || !end_plain_write(span.block, data->now)))
            end_writes(o, ev, &span, settled);
    }
}

/* ---- the disk ---- */

static void on_disk(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    (void)ev;
    (void)payload;
    (void)len;
    o->data.facts.disk = true;
}

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
    struct span span = { 0 };

    o->data.facts.disk = true;
    while (next_span(o, &span, ev->c, digests_in(len), true)) {
        if (WRG_UNLIKELY(!span.block))
            continue;
        if (WRG_LIKELY(is_plain(&span))) {
            memcpy(span.block->disk, at_digest(payload, span.done), BLOCK_DIGESTS);
            hold(&span.block->all, write, o->data.now);
            continue;
        }
        for (uint32_t i = 0; i < span.count; i++) {
            const struct place place = place_of(span.block, span.first + i);
            place.block->disk[place.i] = digest_at(payload, span.done + i);
            hold(place.state, write, o->data.now);
        }
        join_whole(&span);
    }
}

/* A power cut has put these back, and nothing is on its way to them any more. */
static void on_disk_left(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    struct span span = { 0 };

    on_disk_data(ctx, ev, payload, len);
    while (next_span(o, &span, ev->c, digests_in(len), true)) {
        for (uint32_t i = 0; span.block && i < span.count; i++) {
            const struct place place = place_of(span.block, span.first + i);
            place.state->changed = place.state->disk_changed = o->data.now;
            place.state->ncontent = 1;
            place.block->content[0][place.i] = place.block->disk[place.i];
        }
    }
}

static void forget_disk(struct wrg_oracles *o, const struct place *place, uint32_t since)
{
    (void)o;
    place->state->flags &= (uint8_t)~WRG_SECTOR_ON_DISK;
    place->state->disk_changed = since;
}

static void on_disk_discard(void *ctx, const struct wrg_event *ev, const void *payload,
                            uint32_t len)
{
    struct wrg_oracles *o = ctx;

    (void)payload;
    (void)len;
    for_range(o, ev->c, ev->d, forget_disk, o->data.now);
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

    data->facts.disk = false;
    data->now = data->used = data->inflight = data->discarding = 0;
    data->epoch++;
    if (data->epoch == 0 || data->epoch == UINT32_MAX) { /* old entries would come to life again */
        memset(data->blocks, 0, BUCKETS * sizeof(*data->blocks));
        memset(data->ios, 0, WRG_DATA_IOS * sizeof(*data->ios));
        data->epoch = 1;
    }
    if (!wrg_data_is_wanted(&o->config))
        return;
    wrg_trace_subscribe(o->trace, WRG_EV_BLK_SUBMIT, on_submit, o);
    wrg_trace_subscribe(o->trace, WRG_EV_BLK_DATA, on_data, o);
    wrg_trace_subscribe(o->trace, WRG_EV_BLK_COMPLETE, on_complete, o);
    wrg_trace_subscribe(o->trace, WRG_EV_DISK_INFO, on_disk, o);
    wrg_trace_subscribe(o->trace, WRG_EV_DISK_SUBMIT, on_disk, o);
    wrg_trace_subscribe(o->trace, WRG_EV_DISK_DATA, on_disk_data, o);
    wrg_trace_subscribe(o->trace, WRG_EV_DISK_LEFT, on_disk_left, o);
    wrg_trace_subscribe(o->trace, WRG_EV_DISK_DISCARD, on_disk_discard, o);
}
