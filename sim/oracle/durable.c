/* SPDX-License-Identifier: MIT */
/*
 * DATA-002 after a power cut: what was flushed, and reported so, is there; or what was written over
 * it since. DATA-006 after it: where the data of a barrier are left, so is all that was done when
 * the barrier was submitted, by whatever ring.
 *
 * What it is    All versions of a sector that a power cut may leave: each write of the block layer
 *               adds one, and a version goes when one that was written after it has been flushed.
 *               A flush covers the writes that were done when it was submitted; a barrier does the
 *               same, and its own data are durable when it is done. They count if the backend has
 *               answered one with success meanwhile: a frontend may leave out what nobody offers
 *               to do. After the cut the disk tells what is left of each sector.
 * Layer         oracle
 * Bounds        WRG_DURABLE_VERSIONS versions and WRG_DATA_IOS I/Os; beyond them nothing is judged
 *               any more, and it is counted. Costs nothing where the disk has no volatile cache
 * Source        xen/io/blkif.h: BLKIF_OP_FLUSH_DISKCACHE, BLKIF_OP_WRITE_BARRIER
 * Left out      what was discarded; a sector of which nothing was flushed: any content may be left
 *               of it
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "oracle/checkers.h"

#define BUCKETS (1u << 14)
#define GOLDEN  UINT64_C(0x9e3779b97f4a7c15)

enum { WRITE = WRG_CASE_IO_WRITE, FLUSH = WRG_CASE_IO_FLUSH, BARRIER = WRG_CASE_IO_BARRIER };

int wrg_durable_init(struct wrg_durable *durable)
{
    durable->versions = calloc(WRG_DURABLE_VERSIONS, sizeof(*durable->versions));
    durable->buckets = calloc(BUCKETS, sizeof(*durable->buckets));
    durable->ios = calloc(WRG_DATA_IOS, sizeof(*durable->ios));
    return durable->versions && durable->buckets && durable->ios ? 0 : -ENOMEM;
}

void wrg_durable_fini(struct wrg_durable *durable)
{
    free(durable->versions);
    free(durable->buckets);
    free(durable->ios);
}

/* ---- versions ---- */

/* Places are numbered from 1: 0 is the end of a chain. */
static struct wrg_version *version_at(const struct wrg_durable *durable, uint32_t place)
{
    return &durable->versions[place - 1];
}

static uint32_t *bucket_of(const struct wrg_durable *durable, uint64_t sector)
{
    return &durable->buckets[(sector * GOLDEN) >> 50];
}

static bool is_flushed(const struct wrg_durable *durable, const struct wrg_version *version)
{
    return version->ended && !version->failed &&
           (version->kept || version->ended < durable->flushed);
}

/* What ended before this was written over by something flushed; 0: nothing of it is flushed. */
static uint32_t floor_of(const struct wrg_durable *durable, uint64_t sector)
{
    uint32_t at = *bucket_of(durable, sector), latest = 0;

    for (; at; at = version_at(durable, at)->next) {
        const struct wrg_version *version = version_at(durable, at);
        if (version->sector == sector && is_flushed(durable, version))
            latest = wrg_max_u32(latest, version->began);
    }
    return latest;
}

/* Whether a power cut cannot leave it. One that failed may have come at any time. */
static bool is_over(const struct wrg_version *version, uint32_t floor)
{
    return version->ended && !version->failed && version->ended < floor;
}

/* Drops the versions of a sector that are over, or all of them. */
static void prune(struct wrg_durable *durable, uint64_t sector, bool all)
{
    uint32_t *link = bucket_of(durable, sector);
    uint32_t floor = floor_of(durable, sector);

    while (*link) {
        uint32_t place = *link;
        struct wrg_version *version = version_at(durable, place);
        if (version->sector != sector || !(all || is_over(version, floor))) {
            link = &version->next;
            continue;
        }
        *link = version->next;
        version->next = durable->free;
        durable->free = place;
    }
}

static void lose_track(struct wrg_oracles *o)
{
    o->durable.lost = true;
    o->forgotten++;
}

/* NULL: the table is full. */
static struct wrg_version *add(struct wrg_oracles *o, uint64_t sector)
{
    struct wrg_durable *durable = &o->durable;
    uint32_t *bucket = bucket_of(durable, sector);
    uint32_t place = durable->free;

    if (place) {
        durable->free = version_at(durable, place)->next;
    } else if (durable->used < WRG_DURABLE_VERSIONS) {
        place = ++durable->used;
    } else {
        lose_track(o);
        return NULL;
    }
    struct wrg_version *version = version_at(durable, place);
    *version = (struct wrg_version){ .sector = sector, .next = *bucket };
    *bucket = place;
    return version;
}

/* ---- the block edge ---- */

static void on_submit(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    struct wrg_durable *durable = &o->durable;
    struct wrg_durable_io *io = &durable->ios[ev->a % WRG_DATA_IOS];

    durable->now++;
    if (io->op && io->epoch == durable->epoch)
        lose_track(o); /* its place is taken */
    *io = (struct wrg_durable_io){ .epoch = durable->epoch,
                                   .tag = ev->a,
                                   .op = (uint8_t)ev->b,
                                   .sector = ev->c,
                                   .nsectors = ev->d,
                                   .began = durable->now,
                                   .answers = durable->answers,
                                   .barriers = durable->barriers };
}

static void on_data(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    if ((ev->b != WRITE && ev->b != BARRIER) || o->durable.lost)
        return;
    for (uint32_t i = 0; i < len / sizeof(uint64_t); i++) {
        prune(&o->durable, ev->c + i, false);
        struct wrg_version *version = add(o, ev->c + i);
        if (!version)
            return;
        version->tag = ev->a;
        version->barrier = ev->b == BARRIER;
        version->began = o->durable.now;
        memcpy(&version->digest, (const uint8_t *)payload + i * sizeof(version->digest),
               sizeof(version->digest));
    }
}

static void end_write(struct wrg_durable *durable, const struct wrg_durable_io *io, bool failed)
{
    bool kept = io->op == BARRIER && !failed && io->barriers != durable->barriers;
    uint64_t count = wrg_min_u64(io->nsectors, WRG_DURABLE_VERSIONS);

    for (uint64_t i = 0; i < count; i++) {
        uint32_t at = *bucket_of(durable, io->sector + i);
        for (; at; at = version_at(durable, at)->next) {
            struct wrg_version *version = version_at(durable, at);
            if (version->tag != io->tag || version->sector != io->sector + i || version->ended)
                continue;
            version->ended = durable->now;
            version->failed = failed;
            version->kept = kept;
        }
    }
}

static void on_complete(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_durable *durable = &((struct wrg_oracles *)ctx)->durable;
    struct wrg_durable_io *io = &durable->ios[ev->a % WRG_DATA_IOS];

    durable->now++;
    if (io->epoch != durable->epoch || io->tag != ev->a)
        return;
    if (io->op == WRITE || io->op == BARRIER)
        end_write(durable, io, ev->b != 0);
    if ((io->op == FLUSH || io->op == BARRIER) && !ev->b && io->answers != durable->answers)
        durable->flushed = wrg_max_u32(durable->flushed, io->began);
    io->epoch = durable->epoch - 1;
}

/* A flush that the backend says it has done. */
static void on_answer(void *ctx, const struct wrg_tap_note *note)
{
    struct wrg_oracles *o = ctx;

    if (note->match != WRG_TAP_MATCHED || note->response.status != WRG_BLKIF_RSP_OKAY)
        return;
    struct wrg_tap_request *request = &o->tap.records[note->request - o->tap.records];
    uint8_t operation = wrg_tap_wire(request)->operation;
    bool barrier = operation == WRG_BLKIF_OP_WRITE_BARRIER;
    if (!wrg_tap_has_header(request))
        return;
    o->durable.answers += barrier || operation == WRG_BLKIF_OP_FLUSH_DISKCACHE;
    o->durable.barriers += barrier;
}

/* ---- the cut ---- */

/* Whether this may be left of a sector. */
static bool may_be_left(const struct wrg_durable *durable, uint64_t sector, uint64_t digest)
{
    uint32_t at = *bucket_of(durable, sector);
    uint32_t floor = floor_of(durable, sector);

    for (; at; at = version_at(durable, at)->next) {
        const struct wrg_version *version = version_at(durable, at);
        if (version->sector != sector)
            continue;
        if (version->digest == digest && !is_over(version, floor))
            return true;
    }
    return floor == 0; /* nothing was promised */
}

/* Whether nothing with this digest can be left once this version is on the medium. */
static bool is_lost_behind(const struct wrg_durable *durable, const struct wrg_version *version,
                           uint64_t digest)
{
    uint32_t at = *bucket_of(durable, version->sector);

    if (!version->ended || version->failed)
        return false;
    for (; at; at = version_at(durable, at)->next) {
        const struct wrg_version *other = version_at(durable, at);
        if (other->sector == version->sector && other->digest == digest &&
            !is_over(other, version->began))
            return false;
    }
    return true;
}

/* What is left of a sector, and what is not, for the order among all sectors. */
static void note_order(struct wrg_durable *durable, uint64_t sector, uint64_t digest)
{
    uint32_t at = *bucket_of(durable, sector);

    for (; at; at = version_at(durable, at)->next) {
        const struct wrg_version *version = version_at(durable, at);
        if (version->sector != sector)
            continue;
        /* Also of one that failed: in flight when the power went, say. */
        if (version->barrier && version->digest == digest)
            durable->cut.reached = wrg_max_u32(durable->cut.reached, version->began);
        if (!is_lost_behind(durable, version, digest) || version->ended >= durable->cut.lost)
            continue;
        durable->cut.lost = version->ended;
        durable->cut.sector = sector;
    }
}

static void begin_cut(struct wrg_durable *durable)
{
    durable->cut.reached = 0;
    durable->cut.lost = UINT32_MAX;
}

/* A frontend may do without barriers where they are not offered. */
static void judge_order(struct wrg_oracles *o, const struct wrg_event *ev)
{
    const struct wrg_durable *durable = &o->durable;
    const struct wrg_tap_facts *facts = &o->tap.facts;

    if (durable->lost || durable->cut.lost >= durable->cut.reached || facts->refused ||
        facts->barrier != WRG_TAP_OFFERED || !(o->config.judged & WRG_JUDGE_BACK))
        return;
    wrg_trace_report(o->trace, WRG_RULE_DATA_006, ev,
                     "data of a barrier outlived a power cut, but not what was written to sector "
                     "%" PRIu64 " before it",
                     durable->cut.sector);
}

static void on_left(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    struct wrg_event event = *ev;

    event.role = o->config.judged & WRG_JUDGE_BACK ? WRG_ROLE_BACK : WRG_ROLE_FRONT;
    for (uint32_t i = 0; i < len / sizeof(uint64_t) && !o->durable.lost; i++) {
        uint64_t digest;
        memcpy(&digest, (const uint8_t *)payload + i * sizeof(digest), sizeof(digest));
        if (!may_be_left(&o->durable, ev->c + i, digest)) {
            wrg_trace_report(o->trace, WRG_RULE_DATA_002, &event,
                             "sector %" PRIu64 " was written and flushed, but a power cut took it",
                             ev->c + i);
            return;
        }
        note_order(&o->durable, ev->c + i, digest);
        /* From now on it is the only one; `began` and `ended` lie before all that is to come. */
        prune(&o->durable, ev->c + i, true);
        struct wrg_version *left = add(o, ev->c + i);
        if (left)
            *left = (struct wrg_version){ .sector = left->sector,
                                          .digest = digest,
                                          .began = o->durable.now,
                                          .ended = o->durable.now,
                                          .next = left->next };
    }
}

/* Of what is discarded nothing is promised any more. */
static void on_discard(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    if (ev->d > WRG_DURABLE_VERSIONS) {
        lose_track(o);
        return;
    }
    for (uint64_t i = 0; i < ev->d; i++)
        prune(&o->durable, ev->c + i, true);
}

/* What the disk did not tell of was durable long ago, and now all of it is. */
static void on_cut(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    struct wrg_event event = *ev;

    event.role = WRG_ROLE_BACK; /* nobody else knows of the disk */
    judge_order(o, &event);
    begin_cut(&o->durable);
    o->durable.flushed = ++o->durable.now;
}

void wrg_durable_begin(struct wrg_oracles *o)
{
    struct wrg_durable *durable = &o->durable;

    if (!o->config.volatile_cache || !wrg_data_is_wanted(&o->config))
        return;
    durable->lost = false;
    durable->now = durable->flushed = durable->answers = durable->barriers = 0;
    durable->used = durable->free = 0;
    memset(durable->buckets, 0, BUCKETS * sizeof(*durable->buckets));
    begin_cut(durable);
    durable->epoch += 2; /* one apart is an I/O that is over */
    wrg_trace_subscribe(o->trace, WRG_EV_BLK_SUBMIT, on_submit, o);
    wrg_trace_subscribe(o->trace, WRG_EV_BLK_DATA, on_data, o);
    wrg_trace_subscribe(o->trace, WRG_EV_BLK_COMPLETE, on_complete, o);
    wrg_trace_subscribe(o->trace, WRG_EV_DISK_LEFT, on_left, o);
    wrg_trace_subscribe(o->trace, WRG_EV_DISK_CUT, on_cut, o);
    wrg_trace_subscribe(o->trace, WRG_EV_DISK_DISCARD, on_discard, o);
    wrg_tap_listen(&o->tap, WRG_TAP_ANSWER, on_answer, o);
}
