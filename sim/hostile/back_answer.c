/* SPDX-License-Identifier: MIT */
/*
 * Answers, honest or as planned, and what else is planned for a request.
 */
#include <string.h>

#include "hostile/back.h"

enum { NOTIFY_AS_ASKED, NOTIFY_YES, NOTIFY_NO };
enum { GNTST_OKAY = 0, TOUCH_BYTES = 8, SECRET_BYTES = 32, PAD_BYTE = 0xa5 };

static const struct wrg_hostile_answer honest = { .id = WRG_HOSTILE_AUTO64,
                                                  .operation = WRG_HOSTILE_AUTO_HANDLE,
                                                  .status = WRG_HOSTILE_AUTO_STATUS };

/* ---- the plan ---- */

void wrg_hostile_plan(void *self, struct wrg_hostile_answer *answers, uint32_t count)
{
    struct hostile_back *back = self;

    back->answers = answers;
    __atomic_store_n(&back->repented, false, __ATOMIC_RELEASE);
    __atomic_store_n(&back->nanswers, count, __ATOMIC_RELEASE);
}

void wrg_hostile_repent(void *self)
{
    struct hostile_back *back = self;

    __atomic_store_n(&back->nanswers, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&back->repented, true, __ATOMIC_RELEASE);
    __atomic_store_n(&back->spin, false, __ATOMIC_RELEASE);
    __atomic_store_n(&back->idle_loop, false, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < back->peer.nchannels; i++)
        wrg_hostile_unmask(&back->peer.channels[i]);
    wrg_hostile_peer_wake_rings(&back->peer);
}

static struct wrg_hostile_answer *find_answer(const struct back_queue *queue, uint32_t req)
{
    const struct hostile_back *back = queue->back;
    uint32_t count = __atomic_load_n(&back->nanswers, __ATOMIC_ACQUIRE);

    for (uint32_t i = 0; i < count; i++)
        if (back->answers[i].req == req && back->answers[i].queue == queue->channel->queue &&
            !back->answers[i].used)
            return &back->answers[i];
    return NULL;
}

struct wrg_hostile_answer wrg_hostile_back_choose(const struct back_queue *queue)
{
    struct wrg_hostile_answer *answer = find_answer(queue, queue->requests);

    if (!answer)
        answer = find_answer(queue, 0);
    if (!answer)
        return honest;
    answer->used = true;
    return *answer;
}

static const struct wrg_hostile_answer *answer_of(const struct back_task *task)
{
    return __atomic_load_n(&task->back->repented, __ATOMIC_ACQUIRE) ? &honest : &task->answer;
}

uint8_t wrg_hostile_back_echo(const struct hostile_back *back, const struct wrg_blkif_request *wire)
{
    bool inner = wire->operation == WRG_BLKIF_OP_INDIRECT && back->indirect_max != 0 &&
                 !back->peer.port->params.echo_outer;

    return inner ? wire->indirect_op : wire->operation;
}

/* ---- responses ---- */

static uint32_t response_offset(const struct back_queue *queue)
{
    const struct wrg_back_ring *ring = &queue->link->ring;

    return wrg_wire_slot_offset((enum wrg_abi)ring->ring.abi, ring->ring.entries, ring->rsp_prod);
}

/* As a driver holds it on its stack, where nobody has cleared what lies between the members. */
static void put_with_padding(struct back_queue *queue, const struct wrg_blkif_response *response)
{
    uint8_t bytes[WRG_BLKIF_MAX_RESPONSE_BYTES];
    enum wrg_abi abi = (enum wrg_abi)queue->link->ring.ring.abi;

    memset(bytes, PAD_BYTE, sizeof(bytes));
    wrg_wire_put_response(response, bytes);
    wrg_page_store(queue->back->peer.port, queue->link->ring.ring.page, response_offset(queue),
                   bytes, wrg_wire_response_size(abi), WRG_SITE_RESPONSE);
    queue->link->ring.rsp_prod++;
}

static void leak_behind(struct back_queue *queue)
{
    enum wrg_abi abi = (enum wrg_abi)queue->link->ring.ring.abi;
    struct wrg_page_alloc alloc = { .count = 1 };
    uint8_t bytes[SECRET_BYTES];

    if (wrg_port_page_alloc(queue->back->peer.port, &alloc))
        return;
    struct wrg_page_free args = { .page = alloc.page, .count = 1 };
    wrg_page_load(queue->back->peer.port, alloc.page, 0, bytes, sizeof(bytes), WRG_SITE_SCRIPT);
    (void)wrg_port_page_free(queue->back->peer.port, &args);
    wrg_page_store(queue->back->peer.port, queue->link->ring.ring.page,
                   response_offset(queue) + wrg_wire_response_size(abi), bytes, sizeof(bytes),
                   WRG_SITE_RESPONSE);
}

static void put_response(struct back_queue *queue, const struct wrg_hostile_answer *answer,
                         const struct wrg_blkif_response *response)
{
    if (answer->misdeed == WRG_HOSTILE_LEAK_SECRET)
        leak_behind(queue);
    if (answer->misdeed == WRG_HOSTILE_LEAK_PAD)
        put_with_padding(queue, response);
    else
        wrg_back_ring_put(&queue->link->ring, response);
}

static void push_responses(struct back_queue *queue, const struct wrg_hostile_answer *answer)
{
    struct back_link *link = queue->link;
    const struct hostile_index index = {
        .page = link->ring.ring.page,
        .index_off = WRG_WIRE_RSP_PROD,
        .event_off = WRG_WIRE_RSP_EVENT,
        .index_site = WRG_SITE_RSP_PROD,
        .event_site = WRG_SITE_RSP_EVENT,
        .from = link->shown,
        .to = link->ring.rsp_prod + (uint32_t)answer->prod_delta,
    };
    bool wanted = wrg_hostile_show(queue->back->peer.port, &index);

    link->ring.published = link->ring.rsp_prod;
    link->shown = index.to;
    if (answer->notify == NOTIFY_YES || (answer->notify == NOTIFY_AS_ASKED && wanted))
        (void)wrg_hostile_send(queue->channel);
}

static struct back_queue *next_queue(struct back_queue *queue)
{
    struct hostile_back *back = queue->back;
    uint32_t next = queue->channel->queue + 1u;

    return &back->queues[next < back->nqueues ? next : 0];
}

static void respond(struct back_queue *queue, const struct wrg_hostile_answer *answer,
                    struct wrg_blkif_response response)
{
    uint32_t times = answer->misdeed == WRG_HOSTILE_TWICE ? 2 : 1;

    if (answer->misdeed == WRG_HOSTILE_OTHER_QUEUE)
        queue = next_queue(queue);

    if (!queue->link)
        return;
    if (answer->id != WRG_HOSTILE_AUTO64)
        response.id = answer->id;
    if (answer->operation != WRG_HOSTILE_AUTO_HANDLE)
        response.operation = (uint8_t)answer->operation;
    if (answer->status != WRG_HOSTILE_AUTO_STATUS)
        response.status = (int16_t)answer->status;
    for (uint32_t i = 0; i < times; i++)
        put_response(queue, answer, &response);
    push_responses(queue, answer);
}

void wrg_hostile_back_refuse(struct back_queue *queue, const struct wrg_blkif_request *wire)
{
    const struct wrg_blkif_response response = { .id = wire->id,
                                                 .operation =
                                                     wrg_hostile_back_echo(queue->back, wire),
                                                 .status = WRG_BLKIF_RSP_ERROR };

    respond(queue, &honest, response);
}

/* ---- misdeeds before the disk is asked ---- */

/* What is left out keeps its old bytes. Other pages as a source would break another rule first. */
static void write_less(struct back_task *task)
{
    struct wrg_vec *last = &task->vecs[task->nvec - 1];

    if (last->len > WRG_SECTOR_SIZE)
        last->len = (uint16_t)(last->len - WRG_SECTOR_SIZE);
    else
        task->nvec--;
}

static void move_sector(struct back_task *task)
{
    if (task->sector + task->nsectors < task->back->sectors)
        task->sector++;
    else if (task->sector)
        task->sector--;
}

/* WRG_NO_PAGE: not mapped. */
static uint32_t map_readonly(struct hostile_back *back, uint32_t gref)
{
    struct wrg_gnttab_map_op op = { .gref = gref };
    struct wrg_gnttab_map map = {
        .domid = back->peer.bus.other_domid, .readonly = true, .count = 1, .ops = &op
    };

    return wrg_port_gnttab_map(back->peer.port, &map) || op.status != GNTST_OKAY ? WRG_NO_PAGE
                                                                                 : op.page;
}

static void unmap_one(struct hostile_back *back, uint32_t page)
{
    struct wrg_gnttab_unmap unmap = { .count = 1, .pages = &page };

    if (page != WRG_NO_PAGE)
        (void)wrg_port_gnttab_unmap(back->peer.port, &unmap);
}

static void write_readonly(struct back_task *task)
{
    const uint8_t bytes[TOUCH_BYTES] = { PAD_BYTE };
    uint32_t page = map_readonly(task->back, task->segs[0].gref);

    if (page != WRG_NO_PAGE)
        wrg_page_store(task->back->peer.port, page, 0, bytes, sizeof(bytes), WRG_SITE_DATA);
    unmap_one(task->back, page);
}

/* The ring's: the one gref that is always granted, and that no request has a reason to name. */
static void map_unasked(struct back_task *task)
{
    unmap_one(task->back, map_readonly(task->back, task->queue->link->ring_gref));
}

void wrg_hostile_back_spoil(struct back_task *task)
{
    switch (answer_of(task)->misdeed) {
    case WRG_HOSTILE_WRONG_DATA:
        if (task->io_op == WRG_IO_WRITE)
            write_less(task);
        break;
    case WRG_HOSTILE_WRONG_SECTOR: move_sector(task); break;
    case WRG_HOSTILE_WRITE_READONLY: write_readonly(task); break;
    case WRG_HOSTILE_UNASKED_GREF: map_unasked(task); break;
    default: break;
    }
}

/* ---- the end of a request ---- */

static void read_other_data(struct back_task *task)
{
    struct wrg_port *port = task->back->peer.port;
    uint8_t bytes[TOUCH_BYTES];

    if (!task->nmapped || task->io_op != WRG_IO_READ)
        return;
    wrg_page_load(port, task->vecs[0].page, task->vecs[0].off, bytes, sizeof(bytes), WRG_SITE_DATA);
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] ^= UINT8_MAX;
    wrg_page_store(port, task->vecs[0].page, task->vecs[0].off, bytes, sizeof(bytes),
                   WRG_SITE_DATA);
}

static void keep(struct back_task *task)
{
    task->next = task->back->kept;
    task->back->kept = task;
}

void wrg_hostile_back_drop_kept(struct hostile_back *back)
{
    while (back->kept) {
        struct back_task *task = back->kept;
        back->kept = task->next;
        wrg_hostile_back_unmap(task);
        wrg_hostile_back_free(task);
    }
}

static void unmap_and_touch(struct back_task *task, bool touch)
{
    uint32_t page = task->nmapped ? task->pages[0] : WRG_NO_PAGE;
    uint8_t bytes[TOUCH_BYTES];

    wrg_hostile_back_unmap(task);
    if (touch && page != WRG_NO_PAGE)
        wrg_page_load(task->back->peer.port, page, 0, bytes, sizeof(bytes), WRG_SITE_DATA);
}

/* Loops begin in the ring's task, which is where a driver's would be. */
static void begin_loop(struct back_queue *queue, uint8_t misdeed)
{
    struct hostile_back *back = queue->back;

    if (misdeed != WRG_HOSTILE_SPIN && misdeed != WRG_HOSTILE_IDLE_LOOP)
        return;
    __atomic_store_n(misdeed == WRG_HOSTILE_SPIN ? &back->spin : &back->idle_loop, true,
                     __ATOMIC_RELEASE);
    wrg_hostile_peer_wake(&back->peer, queue->channel->task);
}

void wrg_hostile_back_finish(struct back_task *task, int16_t status)
{
    struct hostile_back *back = task->back;
    const struct wrg_hostile_answer answer = *answer_of(task);
    const struct wrg_blkif_response response = { .id = task->id,
                                                 .operation = task->operation,
                                                 .status = status };
    bool keeps = answer.misdeed == WRG_HOSTILE_KEEP_MAPPED && task->nmapped;

    back->keep_ring |= answer.misdeed == WRG_HOSTILE_KEEP_RING;
    if (answer.misdeed == WRG_HOSTILE_WRONG_DATA)
        read_other_data(task);
    if (!keeps && answer.misdeed != WRG_HOSTILE_EARLY)
        unmap_and_touch(task, answer.misdeed == WRG_HOSTILE_TOUCH_AFTER_UNMAP);
    respond(task->queue, &answer, response);
    begin_loop(task->queue, answer.misdeed);
    if (keeps) {
        keep(task);
        return;
    }
    wrg_hostile_back_unmap(task);
    wrg_hostile_back_free(task);
}
