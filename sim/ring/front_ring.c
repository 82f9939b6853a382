/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "ring/ring.h"

void wrg_front_ring_init(struct wrg_front_ring *front, const struct wrg_ring_args *args)
{
    static const uint32_t header[] = { 0, 1, 0, 1 }; /* req_prod, req_event, rsp_prod, rsp_event */

    wrg_ring_setup(&front->ring, args);
    front->req_prod = front->published = front->rsp_cons = 0;
    wrg_page_store(args->port, args->page, WRG_WIRE_REQ_PROD, header, sizeof(header),
                   WRG_SITE_RING_INIT);
    wrg_ring_declare_to_port(&front->ring, 0);
}

uint32_t wrg_front_ring_free(const struct wrg_front_ring *front)
{
    return front->ring.entries - (front->req_prod - front->rsp_cons);
}

WRG_RING_OF_LAYOUT void put(enum wrg_abi abi, struct wrg_front_ring *front,
                            const struct wrg_blkif_request *request)
{
    uint8_t slot[WRG_BLKIF_MAX_REQUEST_BYTES];

    /* Padding goes out as zeros: what the slot's last user left is not this request's to show. */
    memset(slot, 0, sizeof(slot));
    uint32_t len = (uint32_t)wrg_wire_put_request(abi, request, slot);
    wrg_page_store(front->ring.port, front->ring.page,
                   wrg_ring_slot(&front->ring, abi, front->req_prod), slot, len, WRG_SITE_REQUEST);
    front->req_prod++;
}

void wrg_front_ring_put(struct wrg_front_ring *front, const struct wrg_blkif_request *request)
{
    WRG_RING_BY_LAYOUT(&front->ring, put, front, request);
}

bool wrg_front_ring_push(struct wrg_front_ring *front)
{
    static const struct wrg_page_publish words = { .store_off = WRG_WIRE_REQ_PROD,
                                                   .load_off = WRG_WIRE_REQ_EVENT,
                                                   .store_site = WRG_SITE_REQ_PROD,
                                                   .load_site = WRG_SITE_REQ_EVENT };
    uint32_t from = front->published;

    front->published = front->req_prod;
    return wrg_ring_publish(&front->ring, &words, from, front->published);
}

int wrg_front_ring_pending(struct wrg_front_ring *front)
{
    uint32_t prod = wrg_page_load_u32(front->ring.port, front->ring.page, WRG_WIRE_RSP_PROD,
                                      WRG_ORDER_ACQUIRE, WRG_SITE_RSP_PROD);

    /* More responses than requests are outstanding; an index that went backwards shows here too. */
    if (prod - front->rsp_cons > front->published - front->rsp_cons)
        return -EPROTO;
    return (int)(prod - front->rsp_cons);
}

WRG_RING_OF_LAYOUT void get(enum wrg_abi abi, struct wrg_front_ring *front,
                            struct wrg_blkif_response *response)
{
    uint8_t slot[WRG_BLKIF_MAX_RESPONSE_BYTES];

    wrg_page_load(front->ring.port, front->ring.page,
                  wrg_ring_slot(&front->ring, abi, front->rsp_cons), slot,
                  wrg_wire_response_size(abi), WRG_SITE_RESPONSE);
    wrg_wire_get_response(slot, response);
    front->rsp_cons++;
}

void wrg_front_ring_get(struct wrg_front_ring *front, struct wrg_blkif_response *response)
{
    WRG_RING_BY_LAYOUT(&front->ring, get, front, response);
}

bool wrg_front_ring_final_check(struct wrg_front_ring *front)
{
    const struct wrg_ring_recheck recheck = {
        .event_off = WRG_WIRE_RSP_EVENT,
        .index_off = WRG_WIRE_RSP_PROD,
        .event_site = WRG_SITE_RSP_EVENT,
        .index_site = WRG_SITE_RSP_PROD,
        .cons = front->rsp_cons,
    };

    return wrg_ring_recheck(&front->ring, &recheck);
}
