/* SPDX-License-Identifier: MIT */
/*
 * The wiretap: derives from events what goes on between the two ends of a ring.
 *
 * What it is    Which frames are a ring, what each side has published, which request a slot
 *               carried as it was fetched, which segments its indirect pages held as they were
 *               loaded, which grefs are mapped, and which response answers which request. Checkers
 *               register for notes; the order of registration is the order of delivery.
 * Layer         wiretap; sees vocab, wire, trace and base only
 * Lanes         one for each ring, as the port numbers them when it is declared: what has to do
 *               with positions and ids is a lane's own. Grefs, the disk and what is offered are
 *               shared
 * Bounds        16 lanes, 512 slots each, 2,048 requests in flight, 65,536 grefs. Beyond that, or
 *               where a response cannot be read, a lane is not sure any more, and so is the tap
 *               (wrg_tap_sure), until the backend declares its next ring there
 * Units         positions are free-running indices, modulo 2^32
 * Reset         by epoch: a new run does not touch the tables
 * Threads       one at a time (trace.h)
 * Source        xen/io/ring.h, xen/io/blkif.h; the payload of events is as sim/xen/page.c makes it
 * Left out      indirect pages that are copied, not mapped: their segments are unknown
 */
#ifndef WRG_WIRETAP_WIRETAP_H
#define WRG_WIRETAP_WIRETAP_H

#include <stdbool.h>
#include <stdint.h>

#include <wringer/units.h>
#include <wringer/wire.h>

#include "trace/trace.h"

#define WRG_TAP_RECORDS   2048 /* full rings, and requests whose id is not unique */
#define WRG_TAP_LANES     16
#define WRG_TAP_SLOTS     512
#define WRG_TAP_GREFS     65536
#define WRG_TAP_ANSWERED  512
#define WRG_TAP_IDS       1024
#define WRG_TAP_LISTENERS 6

struct wrg_tap_request { /* as it was fetched; what each response asks for comes first */
    uint32_t position;
    uint32_t serial;  /* of the run, from 1; 0: free */
    uint32_t scope;   /* what the port calls it: operand `request` of loads */
    uint32_t trouble; /* wrg_tap.facts.trouble when it was fetched */
    uint32_t mapped;  /* wrg_tap.map_time when it was fetched */
    uint16_t place;   /* in wrg_tap.active */
    uint8_t lane;
    uint8_t abi;
    struct wrg_units units; /* those of its numbers; what the functions below give is in sectors */
    bool has_id;            /* all bytes of its id were loaded */
    bool twin;              /* another request in flight has its id: it may be answered already */
    bool voted;             /* a twin: a response has taken its turn */
    bool confused;          /* an indirect page is known by two places of one request */
    uint8_t open;           /* bit k: indirect page k is mapped */
    uint8_t linked;         /* bit k: indirect page k was mapped */
    /* What follows from the bytes. */
    bool header;          /* operation, id, segment count and sector are known */
    uint8_t operation;    /* that moves its data: the inner one of an indirect request */
    uint16_t segments;    /* bit i: segment i of the slot itself is known */
    uint32_t nr_segments; /* that it says to have, 0 for operations without data */
    uint64_t have[2];     /* a bit a byte of the slot */
    struct wrg_blkif_request wire;
    uint32_t frame[WRG_BLKIF_MAX_INDIRECT_PAGES]; /* of indirect pages */
    uint8_t bytes[WRG_BLKIF_MAX_REQUEST_BYTES];   /* of one that was loaded in parts */
};

struct wrg_tap_page { /* an indirect page, as it was loaded */
    uint64_t have[64];
    uint8_t bytes[WRG_BLKIF_PAGE_BYTES];
};

struct wrg_tap_ring { /* as one seat has declared it */
    bool live;
    bool known; /* prod is */
    uint8_t abi, npages;
    uint32_t entries, stride;
    uint32_t inverse; /* of stride: a product is cheaper than a division */
    uint32_t prod;    /* own producer index, as stored last */
    uint32_t index;   /* of the consumer when it was declared */
    uint32_t frames[WRG_BLKIF_MAX_RING_PAGES];
};

struct wrg_tap_gref {
    uint32_t epoch, gref, frame, live;
    uint32_t time; /* of the last map or unmap */
};

struct wrg_tap_response { /* what was stored into a slot in this lap */
    uint32_t epoch, position;
    uint16_t have;
    uint8_t bytes[WRG_BLKIF_MAX_RESPONSE_BYTES];
};

struct wrg_tap_slot { /* what was fetched from it */
    uint32_t epoch, position;
    uint32_t serial; /* of the request */
    uint16_t record;
};

/* What a response turned out to be. */
enum wrg_tap_match {
    WRG_TAP_MATCHED,
    WRG_TAP_MATCHED_TWIN, /* one of several with this id */
    WRG_TAP_WRONG_OP,
    WRG_TAP_TWICE,      /* its id was answered before and is not in flight */
    WRG_TAP_NO_REQUEST, /* nothing is in flight */
    WRG_TAP_WRONG_ID,
    WRG_TAP_NOT_PUT,  /* nothing was ever written where it lies */
    WRG_TAP_NOT_SEEN, /* the ids in flight are not all known */
};

enum wrg_tap_note_kind {
    WRG_TAP_PROD_LOAD,    /* a seat loads the other's producer index: value */
    WRG_TAP_PROD_STORE,   /* a seat stores its own: before (if known), value */
    WRG_TAP_FETCH,        /* the back opens a slot: position, request */
    WRG_TAP_TAKE,         /* the front reads a response: position, within, bytes, len */
    WRG_TAP_PUT_REQUEST,  /* the front writes a slot: position */
    WRG_TAP_PUT_RESPONSE, /* the back writes a slot: position, within, bytes, old, len */
    WRG_TAP_ANSWER,       /* a response is published: position, response, match, request */
    WRG_TAP_AGAIN,        /* a load whose flag is set, behind what else it was; only ev is valid */
    WRG_TAP_SECRET,       /* a store whose flag is set; likewise */
    WRG_TAP_FAILED,       /* an ANSWER whose status is not OKAY, again */
    WRG_TAP_NOTES
};

struct wrg_tap_note {
    enum wrg_tap_note_kind kind;
    uint8_t seat; /* whose deed: 0 front, 1 back */
    const struct wrg_tap_lane *lane;
    bool known; /* before is valid */
    const struct wrg_event *ev;
    const struct wrg_tap_ring *ring;
    uint32_t position, before, value;
    uint32_t within, len;
    const uint8_t *bytes, *old;
    enum wrg_tap_match match;
    const struct wrg_tap_request *request; /* ANSWER: NULL unless matched or of the wrong op */
    struct wrg_blkif_response response;
};

typedef void wrg_tap_fn(void *ctx, const struct wrg_tap_note *note);

/* What is known of one ring, in the order of its slots and ids. */
struct wrg_tap_lane {
    struct wrg_tap_lane_facts { /* what a snapshot keeps */
        struct wrg_tap_ring rings[2];
        uint8_t device, queue;
        bool seen, seen_bogus; /* seen_prod is valid; it was out of range when it was loaded */
        uint32_t seen_prod;    /* what the back has loaded of the front's index */
        uint32_t rsp_prod;     /* private index of the back: responses put, published or not */
        uint32_t next_fetch;
    } facts;
    uint8_t number;
    uint32_t epoch;
    uint32_t nactive;   /* requests in flight */
    uint32_t nunseen;   /* of them: those whose id is not known */
    uint32_t nanswered; /* ids of the past, the last WRG_TAP_ANSWERED of them */
    uint64_t answered[WRG_TAP_ANSWERED];
    struct wrg_tap_slot slots[WRG_TAP_SLOTS];
    struct wrg_tap_response responses[WRG_TAP_SLOTS];
};

struct wrg_tap_facts { /* what a snapshot keeps, but for those of lanes */
    uint32_t nlanes;
    uint32_t trouble;  /* counts what may make a valid request fail */
    uint32_t requests; /* fetched so far */
    uint32_t disk_inflight;
    bool disk;                       /* its events are seen */
    bool refused;                    /* the disk has turned out not to do what is offered */
    bool copies;                     /* the back copies grants: mappings do not tell all */
    uint8_t flush, barrier, discard; /* enum wrg_tap_offer */
    uint32_t discard_granularity;    /* as the backend tells, in bytes; 0: it does not */
    uint8_t persistent[2];           /* by seat, bits of enum wrg_tap_persistent */
    bool has_indirect_max;
    bool told_indirect_max; /* by the backend itself, not by what it was asked to offer */
    uint32_t indirect_max;  /* as the backend advertises it */
    bool has_capacity;
    bool readonly;
    uint64_t least_sectors, most_sectors;
};

/* What a seat's node said since the last connection ended: who reads it saw one of these. */
enum wrg_tap_persistent { WRG_TAP_NOW_ON = 1, WRG_TAP_EVER_ON = 2 };

enum wrg_tap_offer { WRG_TAP_UNKNOWN, WRG_TAP_NOT_OFFERED, WRG_TAP_OFFERED };

struct wrg_tap {
    struct wrg_tap_facts facts;
    bool front_linux;
    uint32_t unsure;        /* a bit a lane, and one for the grefs */
    uint32_t backs;         /* a bit a lane that a backend serves */
    struct wrg_units units; /* the backend's */
    uint64_t ring_frames;   /* a bit for each frame number modulo 64 */
    uint32_t epoch;         /* of grefs */
    uint32_t serial;
    uint32_t map_time;
    uint32_t mapped;     /* grefs of requests that are mapped now, with multiplicity */
    bool last_map_named; /* by a request in flight */
    uint32_t nactive;
    uint32_t open_pages;
    uint32_t hint_serial, hint_next; /* which gref is mapped next, most likely */
    uint16_t hint_record;
    uint16_t newest;
    uint16_t nfree_used; /* records that have been in use since begin */
    uint16_t nfree;
    uint16_t free[WRG_TAP_RECORDS];
    uint16_t active[WRG_TAP_RECORDS];
    struct wrg_tap_ids { /* of those in flight whose id falls here */
        uint16_t count;
        uint16_t records; /* the exclusive or: the record, if it is one */
    } ids[WRG_TAP_IDS];
    struct wrg_tap_lane *lanes; /* those below facts.nlanes are in use */
    struct wrg_tap_request *records;
    struct wrg_tap_page *pages; /* 8 a record */
    struct wrg_tap_gref *grefs;
    struct wrg_tap_listener {
        wrg_tap_fn *fn; /* NULL: those before it are all */
        void *ctx;
    } listeners[WRG_TAP_NOTES][WRG_TAP_LISTENERS + 1];
};

WRG_MUST_USE int wrg_tap_init(struct wrg_tap *tap);
void wrg_tap_fini(struct wrg_tap *tap);
/* Forgets everything, listeners too; subscribes to the trace. */
void wrg_tap_begin(struct wrg_tap *tap, struct wrg_trace *trace, bool accesses);
/* After facts were put back. */
void wrg_tap_resume(struct wrg_tap *tap);
void wrg_tap_listen(struct wrg_tap *tap, enum wrg_tap_note_kind kind, wrg_tap_fn *fn, void *ctx);

#define WRG_TAP_UNSURE_GREFS (UINT32_C(1) << 31)

/* Requests in flight are all known: what is not among them was not asked for. */
static inline bool wrg_tap_sure(const struct wrg_tap *tap)
{
    return !tap->unsure && tap->backs;
}

/* For findings: of which queue, unless it is the first. */
const char *wrg_tap_queue_text(const struct wrg_tap_lane *lane);

/* The request in place `i` < nactive. */
static inline struct wrg_tap_request *wrg_tap_active(const struct wrg_tap *tap, uint32_t i)
{
    return &tap->records[tap->active[i]];
}

/* Both ends may have agreed to keep grants mapped between requests. */
static inline bool wrg_tap_persistent(const struct wrg_tap *tap)
{
    return tap->facts.persistent[0] & tap->facts.persistent[1] & WRG_TAP_EVER_ON;
}

/* ---- requests (request.c) ---- */

/* Opens a request at a position; NULL: no room, and the tap is not sure any more. */
struct wrg_tap_request *wrg_tap_open(struct wrg_tap *tap, struct wrg_tap_lane *lane, uint32_t slot,
                                     uint32_t position);
void wrg_tap_close(struct wrg_tap *tap, struct wrg_tap_request *request);
void wrg_tap_close_all(struct wrg_tap *tap);
void wrg_tap_close_lane(struct wrg_tap *tap, const struct wrg_tap_lane *lane);
/* Bytes of its slot were loaded; those that were loaded before stay. Then it is decoded anew. */
void wrg_tap_feed(struct wrg_tap *tap, struct wrg_tap_request *request, uint32_t within,
                  const uint8_t *bytes, uint32_t len);
/* The slot as the neutral request. */
static inline const struct wrg_blkif_request *wrg_tap_wire(const struct wrg_tap_request *request)
{
    return &request->wire;
}
/* Whether all of these bytes of the slot were loaded. */
bool wrg_tap_has(const struct wrg_tap_request *request, uint32_t off, uint32_t len);
/* Whether operation, id, segment count and sector are known. */
static inline bool wrg_tap_has_header(const struct wrg_tap_request *request)
{
    return request->header;
}
/* Segments that it says to have, 0 for operations without data. */
static inline uint32_t wrg_tap_segments(const struct wrg_tap_request *request)
{
    return request->nr_segments;
}
/* The operation that moves its data: the inner one of an indirect request. */
static inline uint8_t wrg_tap_operation(const struct wrg_tap_request *request)
{
    return request->operation;
}
bool wrg_tap_indirect_segment(const struct wrg_tap *tap, const struct wrg_tap_request *request,
                              uint32_t i, struct wrg_blkif_segment *seg);
/* False: this segment was not loaded, or there is none. */
static inline bool wrg_tap_segment(const struct wrg_tap *tap, const struct wrg_tap_request *request,
                                   uint32_t i, struct wrg_blkif_segment *seg)
{
    if (i >= request->nr_segments)
        return false;
    if (request->wire.operation == WRG_BLKIF_OP_INDIRECT)
        return wrg_tap_indirect_segment(tap, request, i, seg);
    if (!(request->segments >> i & 1))
        return false;
    *seg = request->wire.seg[i];
    return true;
}
/* The request in flight that was fetched from here; NULL: none. */
static inline struct wrg_tap_request *wrg_tap_at(const struct wrg_tap *tap, uint8_t number,
                                                 uint32_t position)
{
    const struct wrg_tap_lane *lane = &tap->lanes[number];
    uint32_t entries = lane->facts.rings[1].entries;
    const struct wrg_tap_slot *slot = &lane->slots[entries ? position & (entries - 1) : 0];

    if (slot->epoch != lane->epoch || slot->position != position ||
        tap->records[slot->record].serial != slot->serial)
        return NULL;
    return &tap->records[slot->record];
}
/* Finds whom a published response answers, and takes that request out of flight. */
enum wrg_tap_match wrg_tap_answer(struct wrg_tap *tap, struct wrg_tap_lane *lane,
                                  const struct wrg_blkif_response *response,
                                  struct wrg_tap_request **request, bool *done);

/* ---- grants (grant.c) ---- */

/* Is this gref named by a request in flight? Yes, no, or: not all of their segments are known. */
enum wrg_tap_named { WRG_TAP_NAMED, WRG_TAP_NOT_NAMED, WRG_TAP_MAYBE_NAMED };
enum wrg_tap_named wrg_tap_names(struct wrg_tap *tap, uint32_t gref,
                                 const struct wrg_tap_request *except);
/* The same, for one after the other in the order of segments. */
enum wrg_tap_named wrg_tap_named_next(struct wrg_tap *tap, uint32_t gref);
/* What is known of a gref; NULL: it was not mapped since the ring was declared. */
static inline const struct wrg_tap_gref *wrg_tap_gref(const struct wrg_tap *tap, uint32_t gref)
{
    const struct wrg_tap_gref *entry = &tap->grefs[gref % WRG_TAP_GREFS];

    return entry->epoch == tap->epoch && entry->gref == gref ? entry : NULL;
}
void wrg_tap_on_map(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len);
void wrg_tap_on_unmap(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len);
/* A frame that was mapped for an earlier request, and kept: an indirect page of this one? */
void wrg_tap_link_kept(struct wrg_tap *tap, struct wrg_tap_request *request, uint32_t frame);
/* Bytes of an indirect page were loaded. */
void wrg_tap_on_indirect(struct wrg_tap *tap, const struct wrg_event *ev, const uint8_t *bytes,
                         uint32_t len);

/* ---- what else an event tells (facts.c) ---- */

/* A connection has ended: only what is offered now counts. */
void wrg_tap_forget_persistent(struct wrg_tap_facts *facts);
void wrg_tap_subscribe_facts(struct wrg_tap *tap, struct wrg_trace *trace);

/* Whether the path of a store change ends in this name; its value follows the NUL. */
bool wrg_tap_path_ends(const char *text, uint32_t len, const char *name, const char **value,
                       uint32_t *value_len);
/* The number that a node's text begins with; false: none. */
bool wrg_tap_number(const char *text, uint32_t len, uint32_t *number);

#endif
