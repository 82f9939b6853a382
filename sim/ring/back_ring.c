/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "ring/ring.h"

int wrg_back_ring_attach(struct wrg_back_ring *back, const struct wrg_ring_args *args)
{
    uint32_t req_prod;

    wrg_ring_setup(&back->ring, args);
    /* A ring that an earlier backend served goes on where its responses ended. */
    back->rsp_prod = wrg_page_load_u32(args->port, args->page, WRG_WIRE_RSP_PROD, WRG_ORDER_ACQUIRE,
                                       WRG_SITE_RSP_PROD);
    back->req_cons = back->rsp_prod;
    back->published = back->rsp_prod;
    wrg_ring_declare_to_port(&back->ring, back->req_cons);
    req_prod = wrg_page_load_u32(args->port, args->page, WRG_WIRE_REQ_PROD, WRG_ORDER_ACQUIRE,
                                 WRG_SITE_REQ_PROD);
    return req_prod - back->rsp_prod > back->ring.entries ? -EPROTO : 0;
}

int wrg_back_ring_pending(struct wrg_back_ring *back)
{
    uint32_t prod = wrg_page_load_u32(back->ring.port, back->ring.page, WRG_WIRE_REQ_PROD,
                                      WRG_ORDER_ACQUIRE, WRG_SITE_REQ_PROD);

    /*
     * Two bounds. The producer may be at most a ring ahead of the last response: beyond that, slots
     * would be both request and response. And it may not be behind what was consumed already.
     */
    /* Another task may put responses meanwhile; any value it had is a valid bound. */
    uint32_t answered = __atomic_load_n(&back->rsp_prod, __ATOMIC_RELAXED);
    if (prod - answered > back->ring.entries || prod - back->req_cons > back->ring.entries)
        return -EPROTO;
    return (int)(prod - back->req_cons);
}

WRG_RING_OF_LAYOUT void get(enum wrg_abi abi, struct wrg_back_ring *back,
                            struct wrg_blkif_request *request)
{
    uint8_t slot[WRG_BLKIF_MAX_REQUEST_BYTES];

    /* One copy, of which everything is decoded and checked: the peer may write the slot at any
     * time. */
    wrg_page_load(back->ring.port, back->ring.page, wrg_ring_slot(&back->ring, abi, back->req_cons),
                  slot, wrg_wire_request_size(abi), WRG_SITE_REQUEST);
    wrg_wire_get_request(abi, slot, request);
    back->req_cons++;
}

void wrg_back_ring_get(struct wrg_back_ring *back, struct wrg_blkif_request *request)
{
    WRG_RING_BY_LAYOUT(&back->ring, get, back, request);
}

bool wrg_back_ring_final_check(struct wrg_back_ring *back)
{
    const struct wrg_ring_recheck recheck = {
        .event_off = WRG_WIRE_REQ_EVENT,
        .index_off = WRG_WIRE_REQ_PROD,
        .event_site = WRG_SITE_REQ_EVENT,
        .index_site = WRG_SITE_REQ_PROD,
        .cons = back->req_cons,
    };

    return wrg_ring_recheck(&back->ring, &recheck);
}

WRG_RING_OF_LAYOUT void put(enum wrg_abi abi, struct wrg_back_ring *back,
                            const struct wrg_blkif_response *response)
{
    /*
     * Up to the status, in one store: the pad byte between operation and status goes out as zero,
     * and what lies behind the status keeps the frontend's own bytes. Nothing of ours can leak
     * there.
     */
    enum { UP_TO_STATUS = 12 };
    uint8_t slot[WRG_BLKIF_MAX_RESPONSE_BYTES] = { 0 };
    uint32_t off = wrg_ring_slot(&back->ring, abi, back->rsp_prod);

    wrg_wire_put_response(response, slot);
    wrg_page_store(back->ring.port, back->ring.page, off, slot, UP_TO_STATUS, WRG_SITE_RESPONSE);
    __atomic_store_n(&back->rsp_prod, back->rsp_prod + 1, __ATOMIC_RELAXED);
}

void wrg_back_ring_put(struct wrg_back_ring *back, const struct wrg_blkif_response *response)
{
    WRG_RING_BY_LAYOUT(&back->ring, put, back, response);
}

bool wrg_back_ring_push(struct wrg_back_ring *back)
{
    static const struct wrg_page_publish words = { .store_off = WRG_WIRE_RSP_PROD,
                                                   .load_off = WRG_WIRE_RSP_EVENT,
                                                   .store_site = WRG_SITE_RSP_PROD,
                                                   .load_site = WRG_SITE_RSP_EVENT };
    uint32_t from = back->published;

    back->published = back->rsp_prod;
    return wrg_ring_publish(&back->ring, &words, from, back->published);
}
