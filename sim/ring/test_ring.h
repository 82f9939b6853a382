/* SPDX-License-Identifier: MIT */
/*
 * A real ring between two guests: granted, mapped, declared. The bench of this layer's tests.
 * Layer: ring, tests only. Each test has a fresh one in `r`, hooks on.
 */
#ifndef WRG_RING_TEST_RING_H
#define WRG_RING_TEST_RING_H

#include <wringer/ring.h>

#include "guest/test_guest.h"

struct test_ring {
    struct wrg_front_ring front;
    struct wrg_back_ring back;
    struct wrg_ring_args front_args, back_args;
    uint32_t entries;
};

BENCH struct test_ring r;

/* Pages and a window; nothing is initialised. */
BENCH void make_pages(enum wrg_abi abi, uint8_t npages)
{
    struct wrg_gnttab_map_op ops[WRG_BLKIF_MAX_RING_PAGES];
    struct wrg_gnttab_map map = {
        .domid = WRG_DOM_FRONT, .contiguous = true, .count = npages, .ops = ops
    };
    uint32_t first = port_pages(g.front, npages);

    for (uint8_t i = 0; i < npages; i++)
        ops[i].gref = grant_page(t.front, WRG_DOM_BACK, first + i, false);
    assert_int_equal(wrg_port_gnttab_map(g.back, &map), 0);
    r.front_args = (struct wrg_ring_args){
        .port = g.front, .page = first, .npages = npages, .abi = (uint8_t)abi
    };
    r.back_args = (struct wrg_ring_args){
        .port = g.back, .page = ops[0].page, .npages = npages, .abi = (uint8_t)abi
    };
    r.entries = wrg_wire_ring_entries(abi, npages);
}

BENCH void make_ring(enum wrg_abi abi, uint8_t npages)
{
    make_pages(abi, npages);
    wrg_front_ring_init(&r.front, &r.front_args);
    assert_int_equal(wrg_back_ring_attach(&r.back, &r.back_args), 0);
}

BENCH int setup_bare_ring(void **state)
{
    memset(&r, 0, sizeof(r));
    if (setup_guests(state))
        return -1;
    hooks(true);
    return 0;
}

BENCH int setup_ring(void **state)
{
    if (setup_bare_ring(state))
        return -1;
    make_ring(WRG_ABI_X86_64, 1);
    return 0;
}

#define R(f)    cmocka_unit_test_setup_teardown(f, setup_ring, teardown_guests)
#define BARE(f) cmocka_unit_test_setup_teardown(f, setup_bare_ring, teardown_guests)

/* ---- the header, as hardware sees it ---- */

BENCH uint32_t word(uint32_t off)
{
    uint32_t value;

    wrg_xen_peek(&t.xen, frame_of(t.front, r.front_args.page), off, &value, sizeof(value));
    return value;
}

BENCH void set_word(uint32_t off, uint32_t value)
{
    wrg_xen_patch(&t.xen, frame_of(t.front, r.front_args.page), off, &value, sizeof(value));
}

/* All four indices start at `index`, on both sides, as after a long life. */
BENCH void start_at(uint32_t index)
{
    set_word(WRG_WIRE_REQ_PROD, index);
    set_word(WRG_WIRE_RSP_PROD, index);
    set_word(WRG_WIRE_REQ_EVENT, index + 1);
    set_word(WRG_WIRE_RSP_EVENT, index + 1);
    r.front.req_prod = r.front.published = r.front.rsp_cons = index;
    assert_int_equal(wrg_back_ring_attach(&r.back, &r.back_args), 0);
}

/* ---- fences ---- */

BENCH uint32_t fence_after[8]; /* how many events had been seen when it came */
BENCH int fence_kind[8];
BENCH uint32_t nfences;

BENCH void note_fence(struct wrg_port *port, int kind)
{
    assert_true(nfences < 8);
    fence_kind[nfences] = kind;
    fence_after[nfences++] = t.nseen;
}

/* From here on fences are noted, and counted from 0 as events are. */
BENCH void watch_fences(void)
{
    g.front->fence = g.back->fence = note_fence;
    nfences = 0;
    forget_events();
}

/* One access, a full barrier, another access. */
BENCH void assert_access_barrier_access(enum wrg_event_kind first, enum wrg_site first_site,
                                        enum wrg_event_kind second, enum wrg_site second_site)
{
    assert_int_equal(t.nseen, 2);
    assert_int_equal(nfences, 1);
    assert_int_equal(fence_kind[0], WRG_FENCE_MB);
    assert_int_equal(fence_after[0], 1);
    assert_int_equal(t.seen[0].ev.kind, first);
    assert_int_equal(wrg_event_site(&t.seen[0].ev), first_site);
    assert_int_equal(t.seen[1].ev.kind, second);
    assert_int_equal(wrg_event_site(&t.seen[1].ev), second_site);
}

/* ---- requests and responses ---- */

BENCH struct wrg_blkif_request request_of(uint64_t id)
{
    struct wrg_blkif_request request = { .operation = WRG_BLKIF_OP_WRITE,
                                         .nr_segments = 11,
                                         .handle = 51712,
                                         .id = id,
                                         .sector_number = id * 8 };

    for (unsigned i = 0; i < WRG_BLKIF_MAX_DIRECT_SEGMENTS; i++)
        request.seg[i] = (struct wrg_blkif_segment){ (uint32_t)id + i, 1, 6 };
    return request;
}

BENCH void put_requests(uint64_t first_id, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct wrg_blkif_request request = request_of(first_id + i);
        wrg_front_ring_put(&r.front, &request);
    }
}

BENCH void get_requests(uint64_t first_id, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct wrg_blkif_request got, want = request_of(first_id + i);
        memset(&got, 0xee, sizeof(got));
        wrg_back_ring_get(&r.back, &got);
        assert_int_equal(got.id, want.id);
        assert_int_equal(got.operation, want.operation);
        assert_int_equal(got.nr_segments, want.nr_segments);
        assert_int_equal(got.sector_number, want.sector_number);
        assert_memory_equal(got.seg, want.seg, sizeof(want.seg));
    }
}

BENCH void put_responses(uint64_t first_id, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct wrg_blkif_response response = { .id = first_id + i,
                                                     .operation = WRG_BLKIF_OP_WRITE,
                                                     .status = WRG_BLKIF_RSP_ERROR };
        wrg_back_ring_put(&r.back, &response);
    }
}

BENCH void get_responses(uint64_t first_id, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct wrg_blkif_response got = { 0 };
        wrg_front_ring_get(&r.front, &got);
        assert_int_equal(got.id, first_id + i);
        assert_int_equal(got.operation, WRG_BLKIF_OP_WRITE);
        assert_int_equal(got.status, WRG_BLKIF_RSP_ERROR);
    }
}

#endif
