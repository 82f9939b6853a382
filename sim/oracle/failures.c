/* SPDX-License-Identifier: MIT */
/*
 * DATA-007: what has failed is not reported as done. A frontend that has read that a request failed
 * does not tell the block layer that the I/O was a success, whose data it would take for good.
 *
 * What it is    Failed responses whose request belongs to one I/O: the only one in flight that
 *               reads, or writes, where the request begins. It is judged when it ends, if the
 *               frontend has read that response as it was published. It may ask once more: a
 *               response to a request of the same kind and place makes up for the failure.
 * Layer         oracle
 * Bounds        WRG_FAILURES at one time; beyond them nothing is judged, and it is counted. Costs
 *               nothing until something fails, where the shadow disk follows the I/Os anyway
 * Source        xen/io/blkif.h: BLKIF_RSP_ERROR
 * Left out      a ring on which a response has named another request than it answers, or none:
 *               whatever the frontend then took for done, others may end in its stead. One on which
 *               a backend has written over requests: they are known as it reads them, and their
 *               I/Os as the frontend wrote them. Flushes, discards and what a backend does not
 *               offer after all: a frontend may do without (Linux does, and reports success)
 */
#include <inttypes.h>
#include <string.h>

#include "oracle/checkers.h"

enum { READ = WRG_CASE_IO_READ, WRITE = WRG_CASE_IO_WRITE };

#define TAG_STEP       1025u /* from one tag to the next, mostly; odd: no place is left out */
#define RESPONSE_BYTES 12u   /* up to the end of its status */

/* ---- the I/Os, where the shadow disk does not follow them ---- */

static void on_submit(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_data *data = &((struct wrg_oracles *)ctx)->data;
    struct wrg_data_io *io = &data->ios[ev->a % WRG_DATA_IOS];

    if (io->epoch == data->epoch)
        return;
    *io = (struct wrg_data_io){
        .epoch = data->epoch,
        .tag = ev->a,
        .op = ev->b == WRG_CASE_IO_BARRIER ? (uint8_t)WRITE : (uint8_t)ev->b,
        .sector = ev->c,
        .nsectors = ev->d,
    };
    data->inflight++;
}

static void on_complete(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    struct wrg_data_io *io = &o->data.ios[ev->a % WRG_DATA_IOS];

    wrg_failures_end_io(o, ev);
    if (io->epoch != o->data.epoch || io->tag != ev->a)
        return;
    io->epoch = o->data.epoch - 1;
    o->data.inflight--;
}

/* ---- whose failure it is ---- */

static bool is_of(const struct wrg_data_io *io, const struct wrg_failure *failure)
{
    return io->op == failure->op && failure->sector - io->sector < io->nsectors;
}

/*
 * NULL: none, or one of several. All places are looked at, in the order in which the block edge
 * usually fills them.
 */
static const struct wrg_data_io *find_owner(const struct wrg_data *data,
                                            const struct wrg_failure *failure)
{
    const struct wrg_data_io *owner = NULL;
    uint32_t left = data->inflight;

    for (uint32_t i = 1; i <= WRG_DATA_IOS && left; i++) {
        const struct wrg_data_io *io = &data->ios[(i * TAG_STEP - 1) % WRG_DATA_IOS];
        if (io->epoch != data->epoch)
            continue;
        left--;
        if (!is_of(io, failure))
            continue;
        if (owner)
            return NULL;
        owner = io;
    }
    return owner;
}

/* False: a frontend may make something else of its end. */
static bool is_followed(struct wrg_tap_request *request, int16_t status)
{
    if (!wrg_tap_has_header(request) || !wrg_tap_segments(request))
        return false;
    if (wrg_tap_wire(request)->operation == WRG_BLKIF_OP_WRITE_BARRIER)
        return status != WRG_BLKIF_RSP_EOPNOTSUPP;
    return wrg_tap_operation(request) == READ || wrg_tap_operation(request) == WRITE;
}

static uint8_t op_of(struct wrg_tap_request *request)
{
    return wrg_tap_operation(request) == READ ? READ : WRITE;
}

static void drop(struct wrg_failures *failures, uint32_t i)
{
    failures->at[i] = failures->at[--failures->count];
}

/* ---- responses ---- */

static void on_take(void *ctx, const struct wrg_tap_note *note)
{
    struct wrg_oracles *o = ctx;
    struct wrg_failures *failures = &o->failures;
    uint8_t bytes[WRG_BLKIF_MAX_RESPONSE_BYTES] = { 0 };
    struct wrg_blkif_response response = { 0 };

    for (uint32_t i = 0; i < failures->count; i++) {
        struct wrg_failure *failure = &failures->at[i];
        if (failure->taken || failure->lane != note->lane->number ||
            failure->position != note->position)
            continue;
        failure->taken = note->within == 0 && note->len >= RESPONSE_BYTES;
        if (failure->taken) {
            memcpy(bytes, note->bytes, RESPONSE_BYTES);
            wrg_wire_get_response(bytes, &response);
        }
        if (failure->taken && response.id == failure->id && response.status == failure->status)
            return;
        drop(failures, i); /* it was changed after it was published, or is read in parts */
        return;
    }
}

static void on_answer(void *ctx, const struct wrg_tap_note *note)
{
    struct wrg_oracles *o = ctx;

    if (note->match != WRG_TAP_MATCHED)
        o->failures.misled |= UINT32_C(1) << note->lane->number;
    if (note->match != WRG_TAP_MATCHED || note->response.status != WRG_BLKIF_RSP_OKAY ||
        !o->failures.count)
        return;
    struct wrg_tap_request *request = &o->tap.records[note->request - o->tap.records];
    if (!is_followed(request, 0))
        return;
    for (uint32_t i = o->failures.count; i-- > 0;)
        if (o->failures.at[i].op == op_of(request) &&
            o->failures.at[i].sector == wrg_tap_wire(request)->sector_number)
            drop(&o->failures, i);
}

/* The script of a backend writes over what is in the ring. */
static void on_store(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_failures *failures = &((struct wrg_oracles *)ctx)->failures;

    if (ev->role == WRG_ROLE_BACK && wrg_event_class(ev) == WRG_SHARED_RING_SLOT &&
        wrg_event_site(ev) == WRG_EVENT_SITE_SCRIPT)
        failures->misled |= UINT32_C(1) << wrg_event_lane(ev);
}

/* The first failure of a run: from now on there is something to follow. */
static void listen(struct wrg_oracles *o)
{
    if (o->failures.listening)
        return;
    o->failures.listening = true;
    wrg_tap_listen(&o->tap, WRG_TAP_TAKE, on_take, o);
    if (o->config.honest_back)
        wrg_tap_listen(&o->tap, WRG_TAP_ANSWER, on_answer, o);
}

static void on_failed(void *ctx, const struct wrg_tap_note *note)
{
    struct wrg_oracles *o = ctx;

    if (note->match != WRG_TAP_MATCHED)
        return;
    struct wrg_tap_request *request = &o->tap.records[note->request - o->tap.records];
    if (!is_followed(request, note->response.status))
        return;
    struct wrg_failure failure = { .lane = note->lane->number,
                                   .epoch = note->lane->epoch,
                                   .position = note->position,
                                   .op = op_of(request),
                                   .status = note->response.status,
                                   .id = note->response.id,
                                   .sector = wrg_tap_wire(request)->sector_number };
    const struct wrg_data_io *owner = find_owner(&o->data, &failure);
    if (!owner)
        return;
    if (o->failures.count == WRG_FAILURES) {
        o->forgotten++;
        return;
    }
    failure.tag = owner->tag;
    o->failures.at[o->failures.count++] = failure;
    listen(o);
}

/* ---- the end of an I/O ---- */

/* Whatever was in flight on a ring that is gone may be asked for again. */
static bool is_current(const struct wrg_oracles *o, const struct wrg_failure *failure)
{
    return o->tap.lanes[failure->lane].epoch == failure->epoch &&
           !(o->failures.misled >> failure->lane & 1);
}

void wrg_failures_judge(struct wrg_oracles *o, const struct wrg_event *ev)
{
    for (uint32_t i = o->failures.count; i-- > 0;) {
        const struct wrg_failure failure = o->failures.at[i];
        if (failure.tag != ev->a)
            continue;
        drop(&o->failures, i);
        if (ev->b || !failure.taken || !is_current(o, &failure))
            continue;
        wrg_trace_report(o->trace, WRG_RULE_DATA_007, ev,
                         "an I/O is reported done, but its request at sector %" PRIu64
                         " was answered with status %d",
                         failure.sector, failure.status);
    }
}

void wrg_failures_begin(struct wrg_oracles *o)
{
    const struct wrg_oracle_config *config = &o->config;

    o->failures.count = 0;
    o->failures.misled = 0;
    o->failures.listening = false;
    if (!config->honest_front || !(config->judged & WRG_JUDGE_FRONT) || !config->accesses ||
        config->units_differ)
        return;
    wrg_tap_listen(&o->tap, WRG_TAP_FAILED, on_failed, o);
    if (!config->honest_back) {
        wrg_tap_listen(&o->tap, WRG_TAP_ANSWER, on_answer, o);
        wrg_trace_subscribe(o->trace, WRG_EV_STORE, on_store, o);
    }
    if (wrg_data_is_wanted(config))
        return;
    wrg_trace_subscribe(o->trace, WRG_EV_BLK_SUBMIT, on_submit, o);
    wrg_trace_subscribe(o->trace, WRG_EV_BLK_COMPLETE, on_complete, o);
}
