/* SPDX-License-Identifier: MIT */
/*
 * DATA-003, DATA-004, DATA-006: the disk is touched where a request in flight asks for it, a
 * read-only disk is not written, and nothing is written across a barrier.
 *
 * No request can ask for a part of a block. Each sector that moves must be one of a segment: its
 * place on the disk, its place in the page, and the page that the segment's gref was mapped to.
 * Vectors may be split or merged. Segments that were not seen, and data that was copied, excuse
 * everything. Layer: oracle. Source: xen/io/blkif.h: sector_number, first_sect, last_sect,
 * sector-size, BLKIF_OP_WRITE_BARRIER.
 * Barriers. Among the requests of its ring a barrier stands where it was put. One without data
 * leaves nothing on the disk to see, but once something behind it was written, or it was answered
 * with success, what came before it is late. Requests of other rings are before it if they were
 * answered when it was put, and behind it if they are put when it is answered: whoever breaks that
 * touches the disk for a request that is not in flight (DATA-003), or has answered what is not on
 * the disk (DATA-002, durable.c). Left out: discards.
 */
#include <inttypes.h>

#include "oracle/checkers.h"

/* Operations of the block edge are numbered as those of the wire. */
enum { READ = WRG_BLKIF_OP_READ, WRITE = WRG_BLKIF_OP_WRITE };

struct vec { /* a DISK_DATA event, unpacked */
    uint8_t op;
    uint64_t sector;
    uint32_t frame, off, nsectors;
};

struct place { /* a segment, and where it lies on the disk */
    struct wrg_tap_request *request;
    uint32_t i;
    uint64_t sector;
    struct wrg_blkif_segment seg;
};

static uint32_t seg_sectors(const struct wrg_blkif_segment *seg)
{
    return seg->last_sect >= seg->first_sect ? seg->last_sect - seg->first_sect + 1u : 0;
}

static bool mapped_to(const struct wrg_tap *tap, uint32_t gref, uint32_t frame)
{
    const struct wrg_tap_gref *known = wrg_tap_gref(tap, gref);

    return known && known->frame == frame;
}

static bool is_whole_segment(const struct wrg_tap *tap, const struct vec *vec,
                             const struct place *place)
{
    return vec->sector == place->sector &&
           vec->off == place->seg.first_sect * WRG_BLKIF_SECTOR_BYTES &&
           vec->nsectors == seg_sectors(&place->seg) && mapped_to(tap, place->seg.gref, vec->frame);
}

/* Vectors come in the order of segments, most likely one each. */
static bool hinted(struct wrg_oracles *o, const struct vec *vec)
{
    struct wrg_disk_access *hint = &o->disk_access;
    struct place place = { .request = &o->tap.records[hint->hint_record],
                           .i = hint->hint_seg,
                           .sector = hint->hint_sector };

    if (!hint->hint_serial || place.request->serial != hint->hint_serial ||
        wrg_tap_operation(place.request) != vec->op ||
        !wrg_tap_segment(&o->tap, place.request, place.i, &place.seg) ||
        !is_whole_segment(&o->tap, vec, &place))
        return false;
    hint->hint_seg++;
    hint->hint_sector += vec->nsectors;
    return true;
}

enum found { FOUND, NOT_FOUND, NOT_SEEN };

/* Looks for the segment that one sector of a vector belongs to. */
static enum found find_sector(const struct wrg_tap *tap, const struct vec *sector,
                              struct place *place)
{
    uint32_t n = wrg_tap_segments(place->request);
    uint32_t in_page = sector->off / WRG_BLKIF_SECTOR_BYTES;

    place->sector = wrg_tap_wire(place->request)->sector_number;
    for (place->i = 0; place->i < n; place->i++) {
        if (!wrg_tap_segment(tap, place->request, place->i, &place->seg))
            return NOT_SEEN;
        uint32_t count = seg_sectors(&place->seg);
        uint64_t ahead = sector->sector - place->sector;
        if (ahead < count && in_page == place->seg.first_sect + ahead &&
            mapped_to(tap, place->seg.gref, sector->frame))
            return FOUND;
        place->sector += count;
    }
    return NOT_FOUND;
}

static enum found find_request(struct wrg_oracles *o, const struct vec *sector, struct place *place)
{
    enum found result = NOT_FOUND;

    for (uint32_t i = o->tap.nactive; i-- > 0;) {
        place->request = wrg_tap_active(&o->tap, i);
        enum found found = NOT_SEEN;
        if (wrg_tap_has_header(place->request)) {
            if (wrg_tap_operation(place->request) != sector->op)
                continue;
            found = find_sector(&o->tap, sector, place);
        }
        if (found == FOUND)
            return found;
        if (found == NOT_SEEN)
            result = found;
    }
    return result;
}

static void hint_behind(struct wrg_oracles *o, const struct place *place)
{
    struct wrg_disk_access *hint = &o->disk_access;

    hint->hint_serial = place->request->serial;
    hint->hint_seg = place->i + 1;
    hint->hint_sector = place->sector + seg_sectors(&place->seg);
    hint->hint_next = place->request->position + 1;
    hint->hint_lane = place->request->lane;
    hint->hint_record = (uint16_t)(place->request - o->tap.records);
}

static bool begins_with(struct wrg_oracles *o, const struct vec *vec,
                        struct wrg_tap_request *request)
{
    struct place place = { .request = request };

    if (!wrg_tap_has_header(request) || wrg_tap_operation(request) != vec->op)
        return false;
    place.sector = wrg_tap_wire(request)->sector_number;
    if (place.sector != vec->sector || !wrg_tap_segment(&o->tap, request, 0, &place.seg) ||
        !is_whole_segment(&o->tap, vec, &place))
        return false;
    hint_behind(o, &place);
    return true;
}

/* With data or without. */
static bool is_any_barrier(struct wrg_tap_request *request)
{
    return wrg_tap_has_header(request) &&
           wrg_tap_wire(request)->operation == WRG_BLKIF_OP_WRITE_BARRIER;
}

static bool is_barrier(struct wrg_tap_request *request)
{
    return is_any_barrier(request) && wrg_tap_segments(request);
}

static bool begins_any(struct wrg_oracles *o, const struct vec *vec, bool barriers)
{
    for (uint32_t i = 0; i < o->tap.nactive; i++) {
        struct wrg_tap_request *request = wrg_tap_active(&o->tap, i);
        if (is_barrier(request) == barriers && begins_with(o, vec, request))
            return true;
    }
    return false;
}

/*
 * Requests mostly reach the disk in the order in which they came: the next one begins now. A write
 * and a barrier may name the same page for the same sector; the barrier is the one that waits.
 */
static bool begins_request(struct wrg_oracles *o, const struct vec *vec)
{
    struct wrg_tap_request *next =
        wrg_tap_at(&o->tap, o->disk_access.hint_lane, o->disk_access.hint_next);

    if (next && !is_barrier(next) && begins_with(o, vec, next))
        return true;
    return begins_any(o, vec, false) || begins_any(o, vec, true);
}

/* Sector by sector; sets the hint behind the first segment. */
static enum found find_vec(struct wrg_oracles *o, const struct vec *vec)
{
    struct vec sector = *vec;
    struct place place;

    for (uint32_t i = 0; i < vec->nsectors; i++) {
        enum found found = find_request(o, &sector, &place);
        if (found != FOUND)
            return found;
        if (i == 0)
            hint_behind(o, &place);
        sector.sector++;
        sector.off += WRG_BLKIF_SECTOR_BYTES;
    }
    return FOUND;
}

/* ---- barriers ---- */

/*
 * A barrier in flight that came before, of which the disk has seen nothing. Those without data are
 * passed now. One that shares its id with others may have been refused already.
 */
static bool waits_for_barrier(struct wrg_oracles *o, const struct wrg_tap_request *request)
{
    const uint32_t moved = o->disk_access.moved[request->lane];
    uint32_t passed = moved;

    for (uint32_t i = 0; i < o->tap.nactive; i++) {
        struct wrg_tap_request *other = wrg_tap_active(&o->tap, i);
        if (other->lane != request->lane || other->serial >= request->serial ||
            other->serial <= moved || other->twin || !is_any_barrier(other))
            continue;
        if (wrg_tap_segments(other))
            return true;
        passed = wrg_max_u32(passed, other->serial);
    }
    o->disk_access.moved[request->lane] = passed;
    return false;
}

/* One that is done has everything before it on the disk. */
static void on_answer(void *ctx, const struct wrg_tap_note *note)
{
    struct wrg_oracles *o = ctx;

    if (note->match != WRG_TAP_MATCHED || note->response.status != WRG_BLKIF_RSP_OKAY)
        return;
    struct wrg_tap_request *request = &o->tap.records[note->request - o->tap.records];
    uint32_t *moved = &o->disk_access.moved[request->lane];
    if (is_any_barrier(request))
        *moved = wrg_max_u32(*moved, request->serial);
}

/* DATA-006: of the request that the hint is about. Serials of one ring count up as it is read. */
static void judge_order(struct wrg_oracles *o, const struct wrg_event *ev)
{
    struct wrg_disk_access *hint = &o->disk_access;
    struct wrg_tap_request *request = &o->tap.records[hint->hint_record];
    uint32_t *moved = &hint->moved[request->lane];
    bool late = request->serial < *moved;

    if (!late && !waits_for_barrier(o, request)) {
        if (is_barrier(request))
            *moved = request->serial;
        return;
    }
    wrg_trace_report(
        o->trace, WRG_RULE_DATA_006, ev, "sector %" PRIu64 " of request %" PRIu32 " is written %s",
        ev->c, request->position,
        late ? "behind a barrier that came after it" : "before a barrier that came before it");
}

/* ---- events ---- */

/* DATA-003, DATA-006 */
static void on_data(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    const struct vec vec = { .op = (uint8_t)ev->b,
                             .sector = ev->c,
                             .frame = (uint32_t)(ev->d >> 32),
                             .off = (uint16_t)(ev->d >> 16),
                             .nsectors = (uint16_t)ev->d / WRG_BLKIF_SECTOR_BYTES };

    if (ev->role != WRG_ROLE_BACK || !wrg_tap_sure(&o->tap) || o->tap.facts.copies ||
        (vec.op != READ && vec.op != WRITE))
        return;
    enum found found = hinted(o, &vec) || begins_request(o, &vec) ? FOUND : find_vec(o, &vec);
    if (found == FOUND && vec.op == WRITE && o->tap.facts.barrier == WRG_TAP_OFFERED)
        judge_order(o, ev);
    if (found != NOT_FOUND)
        return;
    wrg_trace_report(o->trace, WRG_RULE_DATA_003, ev,
                     "no request in flight asks to %s %u sectors at %" PRIu64 " by frame %u + %u",
                     vec.op == WRITE ? "write" : "read", vec.nsectors, vec.sector, vec.frame,
                     vec.off);
}

/* Whether a request in flight asks to discard all of these sectors. */
static enum found find_discard(const struct wrg_oracles *o, uint64_t sector, uint64_t nsectors)
{
    enum found result = NOT_FOUND;

    for (uint32_t i = 0; i < o->tap.nactive; i++) {
        struct wrg_tap_request *request = wrg_tap_active(&o->tap, i);
        const struct wrg_blkif_request *wire = wrg_tap_wire(request);
        uint64_t ahead = sector - wire->sector_number;
        if (!wrg_tap_has_header(request))
            result = NOT_SEEN;
        else if (wire->operation == WRG_BLKIF_OP_DISCARD && sector >= wire->sector_number &&
                 ahead <= wire->nr_sectors && nsectors <= wire->nr_sectors - ahead)
            return FOUND;
    }
    return result;
}

/* DATA-003 */
static void on_discard(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    if (ev->role != WRG_ROLE_BACK || !wrg_tap_sure(&o->tap) ||
        find_discard(o, ev->c, ev->d) != NOT_FOUND)
        return;
    wrg_trace_report(o->trace, WRG_RULE_DATA_003, ev,
                     "no request in flight asks to discard %" PRIu64 " sectors at %" PRIu64, ev->d,
                     ev->c);
}

/* DATA-003, DATA-004 */
static void on_submit(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    bool discards = ev->b == WRG_CASE_IO_DISCARD || ev->b == WRG_CASE_IO_SECURE_ERASE;

    if (ev->role != WRG_ROLE_BACK || ev->b == WRG_CASE_IO_FLUSH)
        return;
    /* The disk would refuse, and the request fail as it has to: nobody else sees what is amiss. */
    if ((ev->c | ev->d) & wrg_block_mask(&o->tap.units)) {
        wrg_trace_report(o->trace, WRG_RULE_DATA_003, ev,
                         "%" PRIu64 " sectors at %" PRIu64 " are asked for: parts of a block",
                         ev->d, ev->c);
        return;
    }
    if ((ev->b != WRITE && !discards) || !o->tap.facts.readonly)
        return;
    wrg_trace_report(o->trace, WRG_RULE_DATA_004, ev,
                     "%" PRIu64 " sectors at %" PRIu64 " of a read-only disk are %s", ev->d, ev->c,
                     discards ? "discarded" : "written");
}

void wrg_disk_access_begin(struct wrg_oracles *o)
{
    o->disk_access = (struct wrg_disk_access){ 0 };
    if (!(o->config.judged & WRG_JUDGE_BACK))
        return;
    wrg_trace_subscribe(o->trace, WRG_EV_DISK_SUBMIT, on_submit, o);
    if (o->config.barriers)
        wrg_tap_listen(&o->tap, WRG_TAP_ANSWER, on_answer, o);
    if (o->config.accesses) {
        wrg_trace_subscribe(o->trace, WRG_EV_DISK_DATA, on_data, o);
        wrg_trace_subscribe(o->trace, WRG_EV_DISK_DISCARD, on_discard, o);
    }
}
