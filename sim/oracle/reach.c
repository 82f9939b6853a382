/* SPDX-License-Identifier: MIT */
/*
 * What requests have gone through: marks a cell of vocab/reach.h for each that ends.
 *
 * What it is    No checker: it judges nothing, and listens only where somebody wants to know.
 *               A request is counted when its response is published, or when its ring goes without
 *               one; an error is put down to what failed below the backend since the request was
 *               fetched, else to what is wrong with the request itself.
 * Layer         oracle
 * Bounds        a failing disk is put down to the response that comes next
 * Source        xen/io/blkif.h
 */
#include "oracle/checkers.h"

enum { FRONT = WRG_ROLE_FRONT, BACK = WRG_ROLE_BACK, NO_CAUSE = WRG_NR_PATHS };

/* ---- what the connection has ---- */

static const struct node {
    const char *name;
    bool wanted; /* its number has to be above `more` to count; else it has to be 0 */
    uint8_t role, more;
    uint8_t bit; /* of facts.nodes */
} nodes[] = {
    { "feature-persistent", true, FRONT, 0, 0 },     { "feature-persistent", true, BACK, 0, 1 },
    { "multi-queue-num-queues", true, FRONT, 1, 2 }, { "discard-secure", true, BACK, 0, 3 },
    { "trusted", false, WRG_ROLE_TOOLSTACK, 0, 4 },
};
enum { PERSISTENT_BOTH = 3, QUEUES = 1 << 2, ERASE = 1 << 3, UNTRUSTED = 1 << 4 };

static void on_change(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_reach_facts *facts = &((struct wrg_oracles *)ctx)->reach.facts;
    const char *value;
    uint32_t value_len, number;

    for (unsigned i = 0; i < WRG_ARRAY_LEN(nodes); i++) {
        const struct node *node = &nodes[i];
        if (ev->role != node->role ||
            !wrg_tap_path_ends(payload, len, node->name, &value, &value_len))
            continue;
        bool is_number = wrg_tap_number(value, value_len, &number);
        bool on = is_number && (node->wanted ? number > node->more : number == 0);
        facts->nodes = (uint8_t)((facts->nodes & ~(1u << node->bit)) | (unsigned)on << node->bit);
    }
    if (ev->role == BACK && wrg_tap_path_ends(payload, len, "sector-size", &value, &value_len))
        facts->blocks =
            wrg_tap_number(value, value_len, &number) && number > WRG_BLKIF_SECTOR_BYTES;
}

static uint32_t features_of(const struct wrg_oracles *o)
{
    const struct wrg_reach_facts *facts = &o->reach.facts;
    const struct wrg_tap_facts *tap = &o->tap.facts;
    const bool has[] = {
        [WRG_FEATURE_PLAIN] = false,
        [WRG_FEATURE_RING_PAGES] = facts->npages > 1,
        [WRG_FEATURE_X86_32] = facts->abi == WRG_ABI_X86_32,
        [WRG_FEATURE_BARRIER] = tap->barrier == WRG_TAP_OFFERED,
        [WRG_FEATURE_DISCARD] = tap->discard == WRG_TAP_OFFERED,
        [WRG_FEATURE_ERASE] = tap->discard == WRG_TAP_OFFERED && (facts->nodes & ERASE),
        [WRG_FEATURE_READ_ONLY] = tap->readonly,
        [WRG_FEATURE_PERSISTENT] = (facts->nodes & PERSISTENT_BOTH) == PERSISTENT_BOTH,
        [WRG_FEATURE_COPY] = tap->copies,
        [WRG_FEATURE_QUEUES] = facts->nodes & QUEUES,
        [WRG_FEATURE_SECTOR_SIZE] = facts->blocks,
        [WRG_FEATURE_UNTRUSTED] = facts->nodes & UNTRUSTED,
        [WRG_FEATURE_AGAIN] = facts->connections > 1,
    };
    uint32_t features = 0;

    for (unsigned i = 0; i < WRG_ARRAY_LEN(has); i++)
        features |= (uint32_t)has[i] << i;
    return features ? features : 1u << WRG_FEATURE_PLAIN;
}

static uint8_t phase_of(const struct wrg_oracles *o)
{
    const uint8_t *state = o->states.facts.state;

    if (o->liveness.facts.dead)
        return WRG_REACH_DEAD;
    if (state[BACK] == WRG_XENBUS_CLOSING || state[BACK] == WRG_XENBUS_CLOSED)
        return WRG_REACH_BACK_CLOSING;
    if (state[FRONT] == WRG_XENBUS_CLOSING || state[FRONT] == WRG_XENBUS_CLOSED)
        return WRG_REACH_FRONT_CLOSING;
    return state[FRONT] == WRG_XENBUS_CONNECTED && state[BACK] == WRG_XENBUS_CONNECTED
               ? WRG_REACH_CONNECTED
               : WRG_REACH_CONNECTING;
}

/* ---- what was asked ---- */

static uint8_t indirect_operation(uint8_t inner)
{
    if (inner == WRG_BLKIF_OP_READ)
        return WRG_OPERATION_INDIRECT_READ;
    return inner == WRG_BLKIF_OP_WRITE ? WRG_OPERATION_INDIRECT_WRITE
                                       : WRG_OPERATION_INDIRECT_OTHER;
}

static uint8_t operation_of(struct wrg_tap_request *request)
{
    const struct wrg_blkif_request *wire = wrg_tap_wire(request);

    switch (wire->operation) {
    case WRG_BLKIF_OP_READ: return WRG_OPERATION_READ;
    case WRG_BLKIF_OP_WRITE: return WRG_OPERATION_WRITE;
    case WRG_BLKIF_OP_WRITE_BARRIER: return WRG_OPERATION_BARRIER;
    case WRG_BLKIF_OP_FLUSH_DISKCACHE: return WRG_OPERATION_FLUSH;
    case WRG_BLKIF_OP_INDIRECT: return indirect_operation(wire->indirect_op);
    case WRG_BLKIF_OP_DISCARD:
        return wire->flag & WRG_BLKIF_DISCARD_SECURE ? WRG_OPERATION_ERASE : WRG_OPERATION_DISCARD;
    default: return WRG_OPERATION_UNKNOWN;
    }
}

/* ---- what went wrong ---- */

/* Of the request that was fetched last: its grants are taken before the next one is fetched. */
static bool names_indirect_page(const struct wrg_tap *tap, uint32_t gref)
{
    struct wrg_tap_request *request = &tap->records[tap->newest];
    uint32_t pages;

    if (!tap->nactive || wrg_tap_wire(request)->operation != WRG_BLKIF_OP_INDIRECT)
        return false;
    pages = wrg_min_u32(wrg_wire_indirect_pages(wrg_tap_wire(request)->nr_segments),
                        WRG_BLKIF_MAX_INDIRECT_PAGES);
    for (uint32_t k = 0; k < pages; k++)
        if (wrg_tap_wire(request)->indirect_grefs[k] == gref)
            return true;
    return false;
}

static void on_map(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    bool failed = ev->kind == WRG_EV_COPY ? (int32_t)ev->d != 0 : ev->d >> 32 != 0;

    if (ev->role == BACK && failed)
        o->reach.cause =
            names_indirect_page(&o->tap, ev->a) ? WRG_PATH_INDIRECT_GRANT : WRG_PATH_DATA_GRANT;
}

static void on_disk_done(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    if (ev->b)
        o->reach.cause = WRG_PATH_DISK;
}

static void on_fault(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;

    if (ev->role == BACK && ev->a == WRG_FAULT_ALLOC)
        o->reach.cause = WRG_PATH_MEMORY;
}

static void on_fetch(void *ctx, const struct wrg_tap_note *note)
{
    struct wrg_oracles *o = ctx;

    o->reach.cause = NO_CAUSE;
}

static bool writes(uint8_t operation)
{
    static const bool table[WRG_NR_OPERATIONS] = {
        [WRG_OPERATION_WRITE] = true,   [WRG_OPERATION_INDIRECT_WRITE] = true,
        [WRG_OPERATION_FLUSH] = true,   [WRG_OPERATION_BARRIER] = true,
        [WRG_OPERATION_DISCARD] = true, [WRG_OPERATION_ERASE] = true,
    };

    return table[operation];
}

/* Nothing below has failed: it is the request. */
static uint8_t why_refused(const struct wrg_oracles *o, struct wrg_tap_request *request)
{
    switch (wrg_status_flaw(&o->tap, request)) {
    case WRG_FLAW_HEAD: return WRG_PATH_HEAD;
    case WRG_FLAW_SEGMENT: return WRG_PATH_SEGMENT;
    case WRG_FLAW_RANGE: return WRG_PATH_RANGE;
    default: break;
    }
    return o->tap.facts.readonly && writes(operation_of(request)) ? WRG_PATH_READ_ONLY
                                                                  : WRG_PATH_OTHER_ERROR;
}

static uint8_t path_of(const struct wrg_oracles *o, struct wrg_tap_request *request, int16_t status)
{
    switch (status) {
    case WRG_BLKIF_RSP_OKAY: return WRG_PATH_OKAY;
    case WRG_BLKIF_RSP_EOPNOTSUPP: return WRG_PATH_NOT_SUPPORTED;
    case WRG_BLKIF_RSP_ERROR:
        return o->reach.cause != NO_CAUSE ? o->reach.cause : why_refused(o, request);
    default: return WRG_PATH_WRONG_STATUS;
    }
}

/* ---- marking ---- */

/*
 * A peer may write over a slot while its request is in flight, and so make another one of it: what
 * cannot have come of that one was no fault of its own, or counts for nothing.
 */
static void mark(struct wrg_oracles *o, uint8_t operation, uint8_t path)
{
    const struct wrg_reach_sink *sink = &o->config.reach;
    uint32_t features = features_of(o);
    struct wrg_reach_cell cell = { .operation = operation, .path = path, .phase = phase_of(o) };

    if (!wrg_reach_can_end(operation, path)) {
        if (path == WRG_PATH_OKAY || path >= WRG_PATH_OTHER_ERROR ||
            !wrg_reach_can_end(operation, WRG_PATH_OTHER_ERROR))
            return;
        cell.path = WRG_PATH_OTHER_ERROR;
    }
    for (; features; features &= features - 1) {
        cell.feature = (uint8_t)__builtin_ctz(features);
        uint32_t index = wrg_reach_index(&cell);
        wrg_reach_set(sink->reach, index);
        if (sink->ncounters) {
            uint8_t *counter = &sink->counters[index % sink->ncounters];
            *counter = (uint8_t)(*counter + (*counter < UINT8_MAX));
        }
    }
}

static void on_answer(void *ctx, const struct wrg_tap_note *note)
{
    static const uint8_t paths[] = {
        [WRG_TAP_TWICE] = WRG_PATH_TWICE,
        [WRG_TAP_NO_REQUEST] = WRG_PATH_NOTHING_ASKED,
        [WRG_TAP_WRONG_ID] = WRG_PATH_WRONG_ID,
    };
    struct wrg_oracles *o = ctx;
    struct wrg_tap_request *request =
        note->request ? &o->tap.records[note->request - o->tap.records] : NULL;

    if (request)
        mark(o, operation_of(request),
             note->match == WRG_TAP_WRONG_OP ? WRG_PATH_WRONG_OPERATION
                                             : path_of(o, request, note->response.status));
    else if (note->match < WRG_ARRAY_LEN(paths) && paths[note->match])
        mark(o, WRG_OPERATION_NONE, paths[note->match]);
    o->reach.cause = NO_CAUSE;
}

/* ---- rings come and go ---- */

static void on_declare(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_reach_facts *facts = &((struct wrg_oracles *)ctx)->reach.facts;

    if ((uint8_t)(ev->c >> 16) != BACK)
        return;
    facts->abi = (uint8_t)ev->c;
    facts->npages = (uint8_t)(ev->c >> 8);
    facts->connections = (uint8_t)wrg_min_u32(facts->connections + 1u, UINT8_MAX);
}

static void mark_unanswered(struct wrg_oracles *o)
{
    for (uint32_t i = 0; i < o->tap.nactive; i++)
        mark(o, operation_of(wrg_tap_active(&o->tap, i)), WRG_PATH_UNANSWERED);
}

static void on_retire(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    if (ev->b == BACK)
        mark_unanswered(ctx);
}

/* Nobody retires the ring of a backend that dies. */
static void on_death(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    mark_unanswered(ctx);
}

void wrg_reach_begin(struct wrg_oracles *o)
{
    o->reach = (struct wrg_reach_state){ .cause = NO_CAUSE };
    if (!o->config.reach.reach)
        return;
    wrg_trace_subscribe(o->trace, WRG_EV_XS_CHANGE, on_change, o);
    wrg_trace_subscribe(o->trace, WRG_EV_MAP, on_map, o);
    wrg_trace_subscribe(o->trace, WRG_EV_COPY, on_map, o);
    wrg_trace_subscribe(o->trace, WRG_EV_DISK_DONE, on_disk_done, o);
    wrg_trace_subscribe(o->trace, WRG_EV_FAULT, on_fault, o);
    wrg_trace_subscribe(o->trace, WRG_EV_RING_DECLARE, on_declare, o);
    wrg_trace_subscribe(o->trace, WRG_EV_RING_RETIRE, on_retire, o);
    wrg_trace_subscribe(o->trace, WRG_EV_DEATH, on_death, o);
    wrg_tap_listen(&o->tap, WRG_TAP_FETCH, on_fetch, o);
    wrg_tap_listen(&o->tap, WRG_TAP_ANSWER, on_answer, o);
}
