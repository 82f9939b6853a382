/* SPDX-License-Identifier: MIT */
/*
 * RING-006: the status of a response follows from the request as it was fetched.
 *
 * What it is    A model of the checks that a backend makes. Its outcome is one status, or a set
 *               of them where the evidence is incomplete: segments that were not seen, a grant that
 *               did not map, a fault, a failing disk, a connection that is being closed.
 * Layer         oracle
 * Source        xen/io/blkif.h; the order of checks is Linux blkback's (dispatch_rw_block_io)
 * Left out      flush that carries segments
 */
#include <inttypes.h>

#include "oracle/checkers.h"

/* Sets of statuses. */
enum { OKAY = 1, ERROR = 2, NOTSUPP = 4, FAILS = ERROR | NOTSUPP, ANY = OKAY | FAILS };

static unsigned bit_of(int16_t status)
{
    switch (status) {
    case WRG_BLKIF_RSP_OKAY: return OKAY;
    case WRG_BLKIF_RSP_ERROR: return ERROR;
    case WRG_BLKIF_RSP_EOPNOTSUPP: return NOTSUPP;
    default: return 0;
    }
}

enum segments { GOOD, BAD, UNSEEN };

static bool moves_data(uint8_t operation)
{
    return operation == WRG_BLKIF_OP_READ || operation == WRG_BLKIF_OP_WRITE;
}

/* The bounds within the page, whole blocks, and the sum of sectors. */
static enum segments check_segments(const struct wrg_tap *tap, struct wrg_tap_request *request,
                                    uint64_t *nsectors)
{
    uint32_t n = wrg_tap_segments(request);
    enum segments result = GOOD;
    struct wrg_blkif_segment seg;

    *nsectors = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!wrg_tap_segment(tap, request, i, &seg)) {
            result = UNSEEN;
            continue;
        }
        if (seg.first_sect > seg.last_sect || seg.last_sect >= WRG_BLKIF_SECTORS_PER_PAGE)
            return BAD;
        uint32_t count = seg.last_sect - seg.first_sect + 1u;
        if (count & wrg_block_mask(&tap->units)) /* where it lies in its page is free */
            return BAD;
        *nsectors += count;
    }
    return result;
}

static bool fits(uint64_t sector, uint64_t nsectors, uint64_t capacity)
{
    return sector <= capacity && nsectors <= capacity - sector;
}

/* A read or write whose head is in order. */
static unsigned expect_data(const struct wrg_tap *tap, struct wrg_tap_request *request)
{
    const struct wrg_tap_facts *facts = &tap->facts;
    const struct wrg_blkif_request *wire = wrg_tap_wire(request);
    uint64_t nsectors;
    enum segments segments = check_segments(tap, request, &nsectors);

    if (segments == BAD || (wrg_tap_operation(request) == WRG_BLKIF_OP_WRITE && facts->readonly))
        return ERROR;
    if (wire->sector_number & wrg_block_mask(&tap->units))
        return ERROR;
    /* What was seen of the segments reaches beyond the end already. */
    if (facts->has_capacity && !fits(wire->sector_number, nsectors, facts->most_sectors))
        return ERROR;
    if (segments == UNSEEN || !facts->has_capacity ||
        !fits(wire->sector_number, nsectors, facts->least_sectors))
        return ANY;
    return OKAY;
}

enum wrg_flaw wrg_status_flaw(const struct wrg_tap *tap, struct wrg_tap_request *request)
{
    const struct wrg_blkif_request *wire = wrg_tap_wire(request);
    const struct wrg_tap_facts *facts = &tap->facts;
    bool indirect = wire->operation == WRG_BLKIF_OP_INDIRECT;
    uint32_t most = indirect ? wrg_min_u32(facts->indirect_max, WRG_BLKIF_MAX_INDIRECT_SEGMENTS)
                             : WRG_BLKIF_MAX_DIRECT_SEGMENTS;
    uint64_t nsectors;

    if (wire->operation == WRG_BLKIF_OP_DISCARD)
        return fits(wire->sector_number, wire->nr_sectors, facts->most_sectors) ? WRG_FLAW_NONE
                                                                                : WRG_FLAW_RANGE;
    if (wire->nr_segments > most || (indirect && !moves_data(wire->indirect_op)) ||
        (wire->nr_segments == 0 && moves_data(wrg_tap_operation(request))))
        return WRG_FLAW_HEAD;
    if (check_segments(tap, request, &nsectors) == BAD)
        return WRG_FLAW_SEGMENT;
    return fits(wire->sector_number, nsectors, facts->most_sectors) ? WRG_FLAW_NONE
                                                                    : WRG_FLAW_RANGE;
}

static unsigned expect_flush(const struct wrg_tap_facts *facts, uint32_t nseg)
{
    if (nseg || facts->readonly)
        return ANY;
    return facts->flush == WRG_TAP_OFFERED && !facts->refused ? OKAY : OKAY | NOTSUPP;
}

/*
 * Not offered: refused. Where something else is wrong with it, too, or the disk is read-only,
 * either refusal will do: backends look at these things in different orders.
 */
static unsigned expect_unoffered(const struct wrg_tap_facts *facts, uint8_t offer, bool wrong)
{
    if (offer == WRG_TAP_OFFERED)
        return ANY;
    return facts->readonly || wrong ? FAILS : NOTSUPP;
}

/* One without data is a flush. */
static unsigned expect_barrier(const struct wrg_tap *tap, struct wrg_tap_request *request)
{
    const struct wrg_tap_facts *facts = &tap->facts;
    uint32_t nseg = wrg_tap_wire(request)->nr_segments;

    if (facts->refused) /* until the frontend knows, either answer will do */
        return ANY;
    if (facts->barrier != WRG_TAP_OFFERED)
        return expect_unoffered(facts, facts->barrier, nseg > WRG_BLKIF_MAX_DIRECT_SEGMENTS);
    if (nseg > WRG_BLKIF_MAX_DIRECT_SEGMENTS)
        return ERROR;
    if (nseg == 0)
        return facts->readonly ? OKAY | ERROR : OKAY;
    return expect_data(tap, request);
}

static bool is_aligned(const struct wrg_tap_facts *facts, const struct wrg_blkif_request *wire)
{
    uint64_t granule = facts->discard_granularity / WRG_BLKIF_SECTOR_BYTES;

    return granule <= 1 || (wire->sector_number % granule == 0 && wire->nr_sectors % granule == 0);
}

static unsigned expect_discard(const struct wrg_tap *tap, const struct wrg_blkif_request *wire)
{
    const struct wrg_tap_facts *facts = &tap->facts;
    bool beyond =
        facts->has_capacity && !fits(wire->sector_number, wire->nr_sectors, facts->most_sectors);

    if (facts->discard != WRG_TAP_OFFERED)
        return expect_unoffered(facts, facts->discard, beyond);
    if (facts->readonly)
        return ERROR;
    if (wire->nr_sectors == 0) /* some look where it is, and some do not */
        return OKAY | ERROR;
    if (beyond || (wire->sector_number | wire->nr_sectors) & wrg_block_mask(&tap->units))
        return ERROR;
    if (!facts->has_capacity || !fits(wire->sector_number, wire->nr_sectors, facts->least_sectors))
        return ANY;
    /* It may be left to the disk, which keeps what is not a whole granule. */
    return is_aligned(facts, wire) ? OKAY : OKAY | ERROR;
}

static unsigned expect_indirect(const struct wrg_tap *tap, struct wrg_tap_request *request)
{
    const struct wrg_blkif_request *wire = wrg_tap_wire(request);
    const struct wrg_tap_facts *facts = &tap->facts;

    if (!facts->has_indirect_max || facts->indirect_max == 0)
        return NOTSUPP;
    if (!moves_data(wire->indirect_op) || wire->nr_segments == 0 ||
        wire->nr_segments > wrg_min_u32(facts->indirect_max, WRG_BLKIF_MAX_INDIRECT_SEGMENTS))
        return ERROR;
    return expect_data(tap, request);
}

/* What a request deserves if nothing goes wrong. */
static unsigned expect(const struct wrg_tap *tap, struct wrg_tap_request *request)
{
    const struct wrg_blkif_request *wire = wrg_tap_wire(request);

    if (!wrg_tap_has_header(request))
        return ANY;
    switch (wire->operation) {
    case WRG_BLKIF_OP_READ:
    case WRG_BLKIF_OP_WRITE:
        if (wire->nr_segments == 0 || wire->nr_segments > WRG_BLKIF_MAX_DIRECT_SEGMENTS)
            return ERROR;
        return expect_data(tap, request);
    case WRG_BLKIF_OP_FLUSH_DISKCACHE: return expect_flush(&tap->facts, wire->nr_segments);
    case WRG_BLKIF_OP_INDIRECT: return expect_indirect(tap, request);
    case WRG_BLKIF_OP_WRITE_BARRIER: return expect_barrier(tap, request);
    case WRG_BLKIF_OP_DISCARD: return expect_discard(tap, wire);
    default: return NOTSUPP;
    }
}

/* Success without the data: a gref of it was not mapped since the request was fetched. */
static bool skipped_page(const struct wrg_tap *tap, struct wrg_tap_request *request, uint32_t *gref)
{
    struct wrg_blkif_segment seg;
    uint32_t n = wrg_tap_segments(request);

    if (tap->facts.copies || !wrg_tap_sure(tap) || !moves_data(wrg_tap_operation(request)))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        if (!wrg_tap_segment(tap, request, i, &seg))
            return false;
        const struct wrg_tap_gref *known = wrg_tap_gref(tap, seg.gref);
        *gref = seg.gref;
        if (!known || (!known->live && (int32_t)(known->time - request->mapped) <= 0))
            return true;
    }
    return false;
}

/*
 * What a backend has not looked at was right if it comes from an honest frontend: a request that is
 * refused before its segments were seen is refused for nothing.
 */
static bool refused_unseen(const struct wrg_oracles *o, struct wrg_tap_request *request)
{
    const struct wrg_tap_facts *facts = &o->tap.facts;
    const struct wrg_blkif_request *wire = wrg_tap_wire(request);
    uint64_t most = (uint64_t)wire->nr_segments * WRG_BLKIF_SECTORS_PER_PAGE;
    uint64_t nsectors;

    return o->config.honest_front && wire->operation == WRG_BLKIF_OP_INDIRECT &&
           facts->has_capacity && fits(wire->sector_number, most, facts->least_sectors) &&
           check_segments(&o->tap, request, &nsectors) == UNSEEN;
}

static void on_answer(void *ctx, const struct wrg_tap_note *note)
{
    struct wrg_oracles *o = ctx;
    struct wrg_tap *tap = &o->tap;
    uint32_t gref = 0;

    if (note->match != WRG_TAP_MATCHED)
        return;
    struct wrg_tap_request *request = &tap->records[note->request - tap->records];
    unsigned expected = expect(tap, request);
    unsigned status = bit_of(note->response.status);
    if (expected == ANY && wrg_tap_has_header(request) && refused_unseen(o, request))
        expected = OKAY;
    /* Something below may have failed, and then any failure will do; an invalid one still fails. */
    if (request->trouble != tap->facts.trouble)
        expected |= FAILS;
    if (!(expected & status)) {
        wrg_trace_report(o->trace, WRG_RULE_RING_006, note->ev,
                         "%s request%s with id 0x%" PRIx64 " gets status %d",
                         expected & OKAY ? "valid" : "invalid", wrg_tap_queue_text(note->lane),
                         note->response.id, note->response.status);
        return;
    }
    if (status == OKAY && skipped_page(tap, request, &gref))
        wrg_trace_report(o->trace, WRG_RULE_RING_006, note->ev,
                         "request with id 0x%" PRIx64 " succeeds, but gref %u was not mapped",
                         note->response.id, gref);
}

void wrg_status_begin(struct wrg_oracles *o)
{
    if (o->config.judged & WRG_JUDGE_BACK)
        wrg_tap_listen(&o->tap, WRG_TAP_ANSWER, on_answer, o);
}
