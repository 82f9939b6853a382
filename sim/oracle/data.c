/* SPDX-License-Identifier: MIT */
/*
 * DATA-001, DATA-002: the shadow disk. What a frontend reads is what was written last, and what it
 * was told is written is on the disk.
 *
 * What it is    A digest a sector, from the block edge above the frontend, and another from the
 *               disk below the backend. A sector is not judged while the order of writes is not
 *               known: a write in flight beside a read or another write. A failed write leaves
 *               either content, or, if something is on its way still, nothing to judge by. From
 *               a discard on a sector is what it was, or zeros, until it is written; from the end
 *               of a secure one it is zeros. A write beside a discard is not judged.
 * Layer         oracle
 * Bounds        65,536 sectors and 4,096 I/Os in flight; what is beyond is not judged, and counted
 * Source        xen/io/blkif.h: BLKIF_OP_READ, BLKIF_OP_WRITE
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "oracle/checkers.h"

#define BUCKETS (2u * WRG_DATA_SECTORS)
#define GOLDEN  UINT64_C(0x9e3779b97f4a7c15)

WRG_STATIC_ASSERT((BUCKETS & (BUCKETS - 1)) == 0, "buckets are masked");

enum { READ = WRG_CASE_IO_READ, WRITE = WRG_CASE_IO_WRITE, SECTORS_A_PAGE = 8 };

int wrg_data_init(struct wrg_data *data)
{
    static const uint8_t zeros[WRG_BLKIF_SECTOR_BYTES];

    /* The one behind the last is never in use: next_sector may look at it. */
    data->sectors = calloc(BUCKETS + 1, sizeof(*data->sectors));
    wrg_digest_sectors(zeros, 1, &data->zeros);
    data->ios = calloc(WRG_DATA_IOS, sizeof(*data->ios));
    return data->sectors && data->ios ? 0 : -ENOMEM;
}

void wrg_data_fini(struct wrg_data *data)
{
    free(data->sectors);
    free(data->ios);
}

/* ---- tables ---- */

/* Where the search begins. Those of one page lie side by side. */
static uint32_t home_of(uint64_t sector)
{
    uint32_t page = (uint32_t)(((sector / SECTORS_A_PAGE) * GOLDEN) >> 40);

    return (page * SECTORS_A_PAGE + sector % SECTORS_A_PAGE) & (BUCKETS - 1);
}

/* NULL: not known, and not taken either because the table is full. */
__attribute__((noinline)) static struct wrg_sector *find_sector(struct wrg_oracles *o,
                                                                uint64_t sector, bool take)
{
    struct wrg_data *data = &o->data;
    uint32_t at = home_of(sector);

    /* Ends: at most half of the buckets are in use. */
    for (; data->sectors[at].epoch == data->epoch; at = (at + 1) & (BUCKETS - 1)) {
        if (data->sectors[at].sector == sector)
            return &data->sectors[at];
    }
    if (!take)
        return NULL;
    if (data->used == WRG_DATA_SECTORS) {
        o->forgotten++;
        return NULL;
    }
    data->used++;
    struct wrg_sector *entry = &data->sectors[at];
    memset(entry, 0, sizeof(*entry));
    entry->sector = sector;
    entry->epoch = data->epoch;
    return entry;
}

/* The sector behind `before`, which may be NULL: most likely it lies behind it here too. */
static inline struct wrg_sector *next_sector(struct wrg_oracles *o, struct wrg_sector *before,
                                             uint64_t sector, bool take)
{
    if (WRG_LIKELY(before && before[1].sector == sector && before[1].epoch == o->data.epoch))
        return before + 1;
    return find_sector(o, sector, take);
}

/* The same, by an epoch that the caller keeps at hand: it goes over many. */
static inline struct wrg_sector *next_of(struct wrg_oracles *o, struct wrg_sector *before,
                                         uint64_t sector, uint32_t epoch)
{
    if (WRG_LIKELY(before && before[1].sector == sector && before[1].epoch == epoch))
        return before + 1;
    return find_sector(o, sector, true);
}

typedef void sector_fn(struct wrg_oracles *o, struct wrg_sector *sector, uint32_t since);

/* All sectors that are known of a range, which may be as long as the disk. */
static void for_range(struct wrg_oracles *o, uint64_t first, uint64_t n, sector_fn *fn,
                      uint32_t since)
{
    struct wrg_data *data = &o->data;

    for (uint64_t i = 0; n <= WRG_DATA_SECTORS && i < n; i++) {
        struct wrg_sector *sector = find_sector(o, first + i, false);
        if (sector)
            fn(o, sector, since);
    }
    for (uint32_t at = 0; n > WRG_DATA_SECTORS && at < BUCKETS; at++) {
        struct wrg_sector *sector = &data->sectors[at];
        if (sector->epoch == data->epoch && sector->sector - first < n)
            fn(o, sector, since);
    }
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

static void begin_discard(struct wrg_oracles *o, struct wrg_sector *sector, uint32_t since)
{
    sector->changed = since;
    if (sector->writes)
        sector->flags |= WRG_SECTOR_CLASH;
    if (sector->ncontent == 1 && sector->content[0] != o->data.zeros) {
        sector->ncontent = 2;
        sector->content[1] = o->data.zeros;
    } else if (sector->ncontent == 2 && sector->content[0] != o->data.zeros &&
               sector->content[1] != o->data.zeros) {
        sector->ncontent = 0;
    }
}

static void end_erase(struct wrg_oracles *o, struct wrg_sector *sector, uint32_t since)
{
    if (sector->changed == since && !sector->writes) {
        sector->ncontent = 1;
        sector->content[0] = o->data.zeros;
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

__attribute__((noinline)) static void begin_write(const struct wrg_oracles *o,
                                                  struct wrg_sector *sector, uint64_t digest,
                                                  bool followed)
{
    sector->changed = o->data.now;
    if (!followed) {
        sector->flags |= WRG_SECTOR_MURKY;
        return;
    }
    if (sector->writes++ || o->data.discarding)
        sector->flags |= WRG_SECTOR_CLASH;
    sector->pending = digest;
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
static bool is_wrong(const struct wrg_sector *sector, uint64_t digest, uint32_t since)
{
    if (sector->ncontent == 1)
        return digest != sector->content[0];
    if (sector->ncontent == 2)
        return digest != sector->content[0] && digest != sector->content[1];
    return (sector->flags & WRG_SECTOR_ON_DISK) && sector->disk_changed < since &&
           digest != sector->disk;
}

/* DATA-001 */
static void end_read(struct wrg_oracles *o, const struct wrg_event *ev, struct wrg_sector *sector,
                     uint64_t digest, uint32_t since)
{
    if (WRG_LIKELY(sector->ncontent == 1 && sector->content[0] == digest))
        return; /* whatever goes on beside it */
    if (sector->writes || sector->changed >= since || (sector->flags & WRG_SECTOR_MURKY))
        return;
    if (is_wrong(sector, digest, since)) {
        const struct wrg_event event = blame(o, ev);
        wrg_trace_report(o->trace, WRG_RULE_DATA_001, &event,
                         "sector %" PRIu64 " reads as 0x%016" PRIx64 ", it should be 0x%016" PRIx64,
                         sector->sector, digest,
                         sector->ncontent ? sector->content[0] : sector->disk);
        return;
    }
    /* Unless it was forgotten meanwhile, or may be still. */
    if (!sector->ncontent && !o->data.discarding && sector->disk_changed < since) {
        sector->ncontent = 1;
        sector->content[0] = digest;
    }
}

static inline uint32_t digests_in(uint32_t len)
{
    return len / (uint32_t)sizeof(uint64_t);
}

static inline uint64_t digest_at(const void *payload, uint32_t i)
{
    uint64_t digest;

    memcpy(&digest, (const uint8_t *)payload + i * sizeof(digest), sizeof(digest));
    return digest;
}

static void on_write_data(struct wrg_oracles *o, const struct wrg_event *ev, const void *payload,
                          uint32_t len)
{
    bool followed = find_io(&o->data, ev->a) != NULL;
    bool plain = followed && !o->data.discarding;
    const uint32_t epoch = o->data.epoch, now = o->data.now;
    const uint64_t first = ev->c;
    struct wrg_sector *sector = NULL;

    for (uint32_t i = 0; i < digests_in(len); i++) {
        sector = next_of(o, sector, first + i, epoch);
        if (!sector)
            continue;
        if (WRG_UNLIKELY(!plain || sector->writes)) {
            begin_write(o, sector, digest_at(payload, i), followed);
            continue;
        }
        sector->changed = now;
        sector->writes = 1;
        sector->pending = digest_at(payload, i);
    }
}

static void on_data(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    if (op_of(ev) == WRITE) {
        on_write_data(o, ev, payload, len);
        return;
    }
    const struct wrg_data_io *io = find_io(&o->data, ev->a);
    struct wrg_sector *sector = NULL;
    if (ev->b != READ || !io)
        return;
    for (uint32_t i = 0; i < digests_in(len); i++) {
        sector = next_sector(o, sector, ev->c + i, true);
        if (sector)
            end_read(o, ev, sector, digest_at(payload, i), io->since);
    }
}

/* Whether nothing that the frontend has given up can still reach the disk. */
static bool is_settled(const struct wrg_oracles *o)
{
    return o->config.accesses && wrg_tap_sure(&o->tap) && !o->tap.nactive &&
           !o->tap.facts.disk_inflight;
}

static void fail_write(struct wrg_sector *sector, bool settled)
{
    if (!settled)
        sector->flags |= WRG_SECTOR_MURKY;
    if (sector->ncontent == 1 && sector->content[0] != sector->pending) {
        sector->ncontent = 2;
        sector->content[1] = sector->pending;
    } else if (sector->ncontent != 1) {
        sector->ncontent = 0;
    }
}

/* DATA-002; false: it is broken. */
static bool is_on_disk(const struct wrg_oracles *o, const struct wrg_sector *sector)
{
    if (!o->data.facts.disk || (sector->flags & WRG_SECTOR_MURKY))
        return true;
    return (sector->flags & WRG_SECTOR_ON_DISK) && sector->disk == sector->pending;
}

/* The end of nearly all writes: one that was alone, went well, and is what the disk holds. */
static inline bool end_plain_write(struct wrg_sector *sector, uint32_t now)
{
    if (sector->writes != 1 || sector->flags != WRG_SECTOR_ON_DISK ||
        sector->disk != sector->pending)
        return false;
    sector->writes = 0;
    sector->changed = now;
    sector->ncontent = 1;
    sector->content[0] = sector->pending;
    return true;
}

__attribute__((noinline)) static void end_write(struct wrg_oracles *o, const struct wrg_event *ev,
                                                struct wrg_sector *sector, bool settled)
{
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
        fail_write(sector, settled);
        return;
    }
    if (!is_on_disk(o, sector)) {
        const struct wrg_event event = blame(o, ev);
        wrg_trace_report(o->trace, WRG_RULE_DATA_002, &event,
                         "sector %" PRIu64 " was written, but the disk holds something else",
                         sector->sector);
        return;
    }
    sector->ncontent = 1;
    sector->content[0] = sector->pending;
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
    bool plain = !ev->b;
    /* Bounded by what was put into the table, whatever a script claims. */
    uint64_t n = wrg_min_u64(io->nsectors, WRG_DATA_SECTORS);
    struct wrg_sector *sector = NULL;
    for (uint64_t i = 0; i < n; i++) {
        sector = next_sector(o, sector, io->sector + i, false);
        if (sector && !(plain && end_plain_write(sector, data->now)))
            end_write(o, ev, sector, settled);
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

/* What the disk holds: digests are its own, taken after the transfer, of reads and writes. */
static void on_disk_data(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    const uint32_t epoch = o->data.epoch, now = o->data.now;
    const uint64_t first = ev->c;
    const bool write = ev->b == WRITE;
    struct wrg_sector *sector = NULL;

    o->data.facts.disk = true;
    for (uint32_t i = 0; i < digests_in(len); i++) {
        sector = next_of(o, sector, first + i, epoch);
        if (!sector)
            continue;
        sector->disk = digest_at(payload, i);
        sector->flags |= WRG_SECTOR_ON_DISK;
        if (write)
            sector->disk_changed = now;
    }
}

/* A power cut has put these back, and nothing is on its way to them any more. */
static void on_disk_left(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    struct wrg_sector *sector = NULL;

    on_disk_data(ctx, ev, payload, len);
    for (uint32_t i = 0; i < len / sizeof(uint64_t); i++) {
        sector = next_sector(o, sector, ev->c + i, true);
        if (!sector)
            continue;
        sector->changed = sector->disk_changed = o->data.now;
        sector->ncontent = 1;
        sector->content[0] = sector->disk;
    }
}

static void forget_disk(struct wrg_oracles *o, struct wrg_sector *sector, uint32_t since)
{
    sector->flags &= (uint8_t)~WRG_SECTOR_ON_DISK;
    sector->disk_changed = since;
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
        memset(data->sectors, 0, BUCKETS * sizeof(*data->sectors));
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
