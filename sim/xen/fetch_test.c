/* SPDX-License-Identifier: MIT */
/* The shadow alone: frames are numbers, loads are calls. How pages use it: page.c, ring tests. */
#include "xen/test_xen.h"

#include <wringer/wire.h>

#define RING_FRAME 100
#define RING_PAGE  0x100005 /* handle */
#define RING_PAGES 4
#define STRIDE     112
#define ENTRIES    128 /* 4 pages, 64-bit layout */

#define LANE_PAGES 0x200010 /* handles of the rings of other queues follow it */

static struct wrg_fetch f;
static struct wrg_fetch_spots spots[2]; /* a domain a seat */
static struct wrg_frame indirect_meta;

static void declare(uint8_t seat, uint32_t index)
{
    const struct wrg_fetch_declare args = {
        .seat = seat, .abi = WRG_ABI_X86_64, .npages = RING_PAGES, .index = index, .page = RING_PAGE
    };

    assert_int_equal(wrg_fetch_declare(&f, &spots[seat], &args), 0);
}

/* A one-page ring of another queue, or device, of the back. */
static uint8_t declare_other(uint8_t device, uint8_t queue, uint32_t page)
{
    const struct wrg_fetch_declare args = { .seat = WRG_SEAT_BACK,
                                            .abi = WRG_ABI_X86_64,
                                            .npages = 1,
                                            .device = device,
                                            .queue = queue,
                                            .page = page };

    return wrg_fetch_declare(&f, &spots[WRG_SEAT_BACK], &args);
}

static int setup(void **state)
{
    memset(&f, 0, sizeof(f));
    memset(spots, 0, sizeof(spots));
    memset(&indirect_meta, 0, sizeof(indirect_meta));
    wrg_fetch_begin(&f);
    declare(WRG_SEAT_BACK, 0);
    return 0;
}

#define F(fn) cmocka_unit_test_setup(fn, setup)

/* A load behind the start of a handle, which must lie in one page. */
static struct wrg_fetch_result load_page(uint8_t seat, uint32_t page, uint32_t off, uint32_t len)
{
    struct wrg_fetch_place place = { .frame = RING_FRAME + 5 * (off / WRG_PAGE_SIZE),
                                     .off = off % WRG_PAGE_SIZE,
                                     .len = len };

    const struct wrg_fetch_at at = wrg_fetch_find(&spots[seat], page, off);
    place.ring_off = at.off;
    place.lane = (uint8_t)at.lane;

    return wrg_fetch_load(&f, seat, &place);
}

static struct wrg_fetch_result load_ring(uint8_t seat, uint32_t off, uint32_t len)
{
    return load_page(seat, RING_PAGE, off, len);
}

static struct wrg_fetch_result load_slot(uint32_t slot, uint32_t within, uint32_t len)
{
    return load_ring(WRG_SEAT_BACK, WRG_WIRE_RING + slot * STRIDE + within, len);
}

/* Reads a whole slot that holds an indirect request with grefs that are `step` apart. */
static void read_indirect_of(uint32_t slot, uint16_t nr_segments, uint32_t gref, uint32_t step)
{
    struct wrg_blkif_request request = { .operation = WRG_BLKIF_OP_INDIRECT,
                                         .nr_segments = nr_segments };
    uint8_t bytes[WRG_BLKIF_MAX_REQUEST_BYTES] = { 0 };
    struct wrg_fetch_result loaded;

    for (unsigned i = 0; i < WRG_BLKIF_MAX_INDIRECT_PAGES; i++)
        request.indirect_grefs[i] = gref + i * step;
    (void)wrg_wire_put_request(WRG_ABI_X86_64, &request, bytes);
    loaded = load_slot(slot, 0, STRIDE);
    assert_int_equal(loaded.keep_len, STRIDE);
    memcpy(loaded.keep, bytes, loaded.keep_len);
}

static void read_indirect(uint32_t slot, uint16_t nr_segments, uint32_t gref)
{
    read_indirect_of(slot, nr_segments, gref, 1);
}

static struct wrg_fetch_result load_indirect(uint32_t off, uint32_t len)
{
    const struct wrg_fetch_place place = { .ring_off = WRG_FETCH_NOT_IN_RING,
                                           .frame = 200,
                                           .off = off,
                                           .len = len,
                                           .indirect = indirect_meta.indirect };

    return wrg_fetch_load(&f, WRG_SEAT_BACK, &place);
}

/* ---- slots ---- */

static void first_read_of_slot__opens_a_scope(void **state)
{
    for (uint32_t slot = 0; slot < 3; slot++) {
        struct wrg_fetch_result result = load_slot(slot, 0, STRIDE);
        assert_int_equal(result.class, WRG_SHARED_RING_SLOT);
        assert_int_equal(result.request, slot + 1);
        assert_false(result.again);
    }
}

static void byte_read_twice_in_scope__again(void **state)
{
    assert_false(load_slot(0, 0, 8).again);
    assert_false(load_slot(0, 8, 8).again);
    assert_true(load_slot(0, 15, 2).again);
    assert_int_equal(load_slot(0, 20, 1).request, 1);
}

static void bytes_over_word_borders__marked_each(void **state)
{
    assert_false(load_slot(0, 60, 10).again); /* bits 60..69 */
    assert_true(load_slot(0, 69, 1).again);
    assert_false(load_slot(0, 70, 42).again);
    assert_false(load_slot(0, 0, 60).again);
    assert_true(load_slot(0, 111, 1).again);
}

static void same_slot_in_next_lap__new_scope(void **state)
{
    assert_int_equal(load_slot(0, 0, STRIDE).request, 1);
    wrg_fetch_published(&f, WRG_SEAT_BACK, 0, 1); /* answered */
    struct wrg_fetch_result result = load_slot(0, 0, STRIDE);
    assert_int_equal(result.request, 2);
    assert_false(result.again);
    assert_true(load_slot(0, 0, 1).again);
}

static void answers_out_of_order__other_scopes_stay_open(void **state)
{
    for (uint32_t slot = 0; slot < 4; slot++)
        (void)load_slot(slot, 0, STRIDE);
    wrg_fetch_published(&f, WRG_SEAT_BACK, 0, 1);
    for (uint32_t slot = 1; slot < 4; slot++) {
        struct wrg_fetch_result result = load_slot(slot, 4, 4);
        assert_true(result.again);
        assert_int_equal(result.request, slot + 1);
    }
}

static void indices_near_2_to_32__lap_is_seen(void **state)
{
    declare(WRG_SEAT_BACK, UINT32_MAX);
    assert_int_equal(load_slot(ENTRIES - 1, 0, STRIDE).request, 1); /* index 2^32 - 1 */
    assert_int_equal(load_slot(0, 0, STRIDE).request, 2);           /* index 0 */
    wrg_fetch_published(&f, WRG_SEAT_BACK, 0, 0);
    assert_true(load_slot(0, 0, 1).again);
    assert_false(load_slot(ENTRIES - 1, 0, 1).again);
}

static void front_reads_response__scope_ends_with_its_lap(void **state)
{
    declare(WRG_SEAT_FRONT, 0);
    wrg_fetch_published(&f, WRG_SEAT_FRONT, 0, 1); /* request 0 is out */
    struct wrg_fetch_result result = load_ring(WRG_SEAT_FRONT, WRG_WIRE_RING, 16);
    assert_int_equal(result.request, 1);
    assert_true(load_ring(WRG_SEAT_FRONT, WRG_WIRE_RING, 1).again);
    wrg_fetch_published(&f, WRG_SEAT_FRONT, 0, ENTRIES + 1); /* slot 0 is used again */
    assert_false(load_ring(WRG_SEAT_FRONT, WRG_WIRE_RING, 1).again);
}

static void seats__have_scopes_of_their_own(void **state)
{
    declare(WRG_SEAT_FRONT, 1);
    assert_false(load_slot(0, 0, 8).again);
    assert_false(load_ring(WRG_SEAT_FRONT, WRG_WIRE_RING, 8).again);
}

static void index_words__exempt(void **state)
{
    for (unsigned i = 0; i < 3; i++) {
        struct wrg_fetch_result result = load_ring(WRG_SEAT_BACK, WRG_WIRE_REQ_PROD, 4);
        assert_int_equal(result.class, WRG_SHARED_RING_INDEX);
        assert_int_equal(result.request, 0);
        assert_false(result.again);
    }
}

static void slot_over_two_pages__one_scope(void **state)
{
    /* Slot 36 begins with the second page; 72 is the first one that straddles. */
    uint32_t first = (2 * WRG_PAGE_SIZE - WRG_WIRE_RING) % STRIDE;
    uint32_t slot = (2 * WRG_PAGE_SIZE - WRG_WIRE_RING) / STRIDE;

    assert_true(first != 0);
    struct wrg_fetch_result a = load_slot(slot, 0, first);
    struct wrg_fetch_result b = load_slot(slot, first, STRIDE - first);
    assert_int_equal(a.request, b.request);
    assert_false(b.again);
    assert_true(load_slot(slot, STRIDE - 1, 1).again);
}

static void bytes_behind_last_slot__belong_to_no_request(void **state)
{
    struct wrg_fetch_result result = load_slot(ENTRIES, 0, 8);
    assert_int_equal(result.class, WRG_SHARED_RING_SLOT);
    assert_int_equal(result.request, 0);
}

static void retired_or_redeclared_ring__scopes_gone(void **state)
{
    (void)load_slot(0, 0, STRIDE);
    wrg_fetch_retire(&f, &spots[WRG_SEAT_BACK], WRG_SEAT_BACK, 0);
    assert_int_equal(load_slot(0, 0, STRIDE).class, WRG_SHARED_NONE);
    declare(WRG_SEAT_BACK, 0);
    assert_false(load_slot(0, 0, STRIDE).again);
}

static void other_handle_of_the_frames__not_taken_for_the_ring(void **state)
{
    const uint32_t generation = 1u << WRG_VIEW_BITS;

    assert_int_equal(load_page(WRG_SEAT_BACK, RING_PAGE, 64, 8).class, WRG_SHARED_RING_SLOT);
    assert_int_equal(load_page(WRG_SEAT_BACK, RING_PAGE - 1, 64, 8).class, WRG_SHARED_NONE);
    assert_int_equal(load_page(WRG_SEAT_BACK, RING_PAGE + generation, 64, 8).class,
                     WRG_SHARED_NONE);
    assert_int_equal(load_page(WRG_SEAT_BACK, RING_PAGE + RING_PAGES, 64, 8).class,
                     WRG_SHARED_NONE);
    assert_int_equal(load_page(WRG_SEAT_BACK, RING_PAGE, RING_PAGES * WRG_PAGE_SIZE, 8).class,
                     WRG_SHARED_NONE);
}

static void restore__ordinals_go_on_and_scopes_are_fresh(void **state)
{
    struct wrg_fetch_saved saved;

    (void)load_slot(0, 0, STRIDE);
    wrg_fetch_save(&f, &saved);
    const struct wrg_fetch_spots kept = spots[WRG_SEAT_BACK];
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(load_slot(1, 0, STRIDE).request, 2);
        wrg_fetch_published(&f, WRG_SEAT_BACK, 0, 2);
        wrg_fetch_retire(&f, &spots[WRG_SEAT_BACK], WRG_SEAT_BACK, 0);
        wrg_fetch_restore(&f, &saved);
        spots[WRG_SEAT_BACK] = kept;
    }
    assert_int_equal(load_slot(1, 0, STRIDE).request, 2);
    assert_false(load_slot(0, 0, 1).again);
}

/* ---- indirect pages ---- */

static void indirect_page_named_in_slot__joins_its_scope(void **state)
{
    read_indirect(3, 600, 50);
    wrg_fetch_mapped(&f, 0, &indirect_meta, 51, 200);
    assert_true(indirect_meta.indirect != 0);
    struct wrg_fetch_result result = load_indirect(0, 8);
    assert_int_equal(result.class, WRG_SHARED_INDIRECT);
    assert_int_equal(result.request, 1);
    assert_false(result.again);
    assert_false(load_indirect(8, 4088).again);
    assert_true(load_indirect(4095, 1).again);
    assert_true(load_indirect(7, 1).again);
}

static void page_named_three_times__is_read_three_times(void **state)
{
    read_indirect_of(3, 1300, 50, 0);
    wrg_fetch_mapped(&f, 0, &indirect_meta, 50, 200);
    for (unsigned turn = 0; turn < 3; turn++) {
        assert_false(load_indirect(0, 2048).again);
        assert_false(load_indirect(2048, 2048).again);
    }
    assert_true(load_indirect(0, 8).again);
}

static void gref_beyond_the_pages_in_use__does_not_join(void **state)
{
    read_indirect(0, 600, 50); /* two pages: 50 and 51 */
    wrg_fetch_mapped(&f, 0, &indirect_meta, 52, 200);
    assert_int_equal(indirect_meta.indirect, 0);
    assert_int_equal(load_indirect(0, 8).class, WRG_SHARED_NONE);
}

static void absurd_number_of_segments__joins_eight_pages_at_most(void **state)
{
    read_indirect(0, 65535, 50);
    wrg_fetch_mapped(&f, 0, &indirect_meta, 57, 200);
    assert_int_equal(load_indirect(0, 8).request, 1);
}

static void data_page_of_direct_request__does_not_join(void **state)
{
    uint8_t bytes[STRIDE] = { WRG_BLKIF_OP_WRITE };

    struct wrg_fetch_result loaded = load_slot(0, 0, STRIDE);
    memcpy(loaded.keep, bytes, loaded.keep_len);
    wrg_fetch_mapped(&f, 0, &indirect_meta, 0, 200);
    assert_int_equal(indirect_meta.indirect, 0);
}

static void indirect_page_after_the_answer_and_a_new_lap__left(void **state)
{
    read_indirect(0, 1, 50);
    wrg_fetch_mapped(&f, 0, &indirect_meta, 50, 200);
    (void)load_indirect(0, 8);
    wrg_fetch_published(&f, WRG_SEAT_BACK, 0, 1);
    (void)load_slot(0, 0, STRIDE); /* next lap */
    assert_int_equal(load_indirect(0, 8).class, WRG_SHARED_NONE);
}

/* ---- lanes ---- */

static void queues__have_lanes_and_ordinals_of_their_own(void **state)
{
    assert_int_equal(declare_other(0, 1, LANE_PAGES), 1);
    assert_int_equal(declare_other(0, 2, LANE_PAGES + 1), 2);
    assert_int_equal(load_slot(0, 0, STRIDE).request, 1);
    for (uint32_t lane = 1; lane <= 2; lane++) {
        for (uint32_t slot = 0; slot < 2; slot++) {
            struct wrg_fetch_result result =
                load_page(WRG_SEAT_BACK, LANE_PAGES + lane - 1, WRG_WIRE_RING + slot * STRIDE, 8);
            assert_int_equal(result.class, WRG_SHARED_RING_SLOT);
            assert_int_equal(result.lane, lane);
            assert_int_equal(result.request, slot + 1);
            assert_false(result.again);
        }
    }
    assert_true(load_page(WRG_SEAT_BACK, LANE_PAGES, WRG_WIRE_RING, 8).again);
    assert_int_equal(load_slot(1, 0, STRIDE).request, 2);
}

static void lanes__index_words_tell_which(void **state)
{
    (void)declare_other(0, 1, LANE_PAGES);
    assert_int_equal(load_ring(WRG_SEAT_BACK, WRG_WIRE_REQ_PROD, 4).lane, 0);
    assert_int_equal(load_page(WRG_SEAT_BACK, LANE_PAGES, WRG_WIRE_REQ_PROD, 4).lane, 1);
}

static void first_queue_of_the_first_device__lane_0_however_late(void **state)
{
    wrg_fetch_retire_all(&f, &spots[WRG_SEAT_BACK], WRG_SEAT_BACK);
    wrg_fetch_begin(&f);
    assert_int_equal(declare_other(1, 0, LANE_PAGES), 1);
    assert_int_equal(declare_other(0, 1, LANE_PAGES + 1), 2);
    declare(WRG_SEAT_BACK, 0);
    assert_int_equal(declare_other(1, 0, LANE_PAGES), 1); /* again: the same */
    assert_int_equal(wrg_fetch_lane(&f, 1, 0), 1);
    assert_int_equal(wrg_fetch_lane(&f, 1, 1), WRG_FETCH_NO_LANE);
}

static void ring_that_is_not_to_be_followed__known_all_the_same(void **state)
{
    const struct wrg_fetch_declare args = {
        .seat = WRG_SEAT_BACK, .abi = WRG_ABI_X86_64, .npages = 1, .queue = 1, .page = LANE_PAGES
    };

    assert_int_equal(wrg_fetch_declare(&f, NULL, &args), 1);
    assert_true(f.rings[WRG_SEAT_BACK][1].live);
    assert_int_equal(load_page(WRG_SEAT_BACK, LANE_PAGES, 64, 8).class, WRG_SHARED_NONE);
    wrg_fetch_retire(&f, NULL, WRG_SEAT_BACK, 1);
    assert_false(f.rings[WRG_SEAT_BACK][1].live);
}

static void more_rings_than_lanes__the_rest_is_not_followed(void **state)
{
    for (uint8_t queue = 1; queue < WRG_FETCH_LANES; queue++)
        assert_int_equal(declare_other(0, queue, LANE_PAGES + queue), queue);
    assert_int_equal(declare_other(1, 0, LANE_PAGES + 20), WRG_FETCH_NO_LANE);
    assert_int_equal(load_page(WRG_SEAT_BACK, LANE_PAGES + 20, 64, 8).class, WRG_SHARED_NONE);
    assert_int_equal(load_page(WRG_SEAT_BACK, LANE_PAGES + 15, 64, 8).lane, 15);
}

static void one_of_two_queues_retired__the_other_stays(void **state)
{
    (void)declare_other(0, 1, LANE_PAGES);
    (void)load_slot(0, 0, 8);
    (void)load_page(WRG_SEAT_BACK, LANE_PAGES, WRG_WIRE_RING, 8);
    wrg_fetch_retire(&f, &spots[WRG_SEAT_BACK], WRG_SEAT_BACK, 0);
    assert_int_equal(load_slot(0, 0, 8).class, WRG_SHARED_NONE);
    assert_true(load_page(WRG_SEAT_BACK, LANE_PAGES, WRG_WIRE_RING, 8).again);
}

static void published__counted_over_all_lanes(void **state)
{
    (void)declare_other(0, 1, LANE_PAGES);
    wrg_fetch_published(&f, WRG_SEAT_BACK, 0, 3);
    wrg_fetch_published(&f, WRG_SEAT_BACK, 1, 2);
    assert_int_equal(wrg_fetch_answered(&f, WRG_SEAT_BACK), 5);
    wrg_fetch_begin(&f);
    assert_int_equal(wrg_fetch_answered(&f, WRG_SEAT_BACK), 0);
    assert_int_equal(f.nlanes, 1);
}

/* Both lanes wait for their indirect pages at one time. */
static void indirect_page_of_another_queue__joins_that_lane(void **state)
{
    (void)declare_other(0, 1, LANE_PAGES);
    read_indirect(0, 8, 50);
    (void)load_page(WRG_SEAT_BACK, LANE_PAGES, WRG_WIRE_RING, 8);
    wrg_fetch_mapped(&f, 0, &indirect_meta, 50, 200);
    struct wrg_fetch_result result = load_indirect(0, 8);
    assert_int_equal(result.class, WRG_SHARED_INDIRECT);
    assert_int_equal(result.lane, 0);
    assert_int_equal(result.request, 1);
}

static void page_kept_mapped__joins_the_next_request_that_names_it(void **state)
{
    read_indirect(0, 1, 50);
    wrg_fetch_mapped(&f, 0, &indirect_meta, 50, 200);
    (void)load_indirect(0, 8);
    wrg_fetch_published(&f, WRG_SEAT_BACK, 0, 1);
    read_indirect(1, 1, 50);
    struct wrg_fetch_result result = load_indirect(0, 8);
    assert_int_equal(result.class, WRG_SHARED_INDIRECT);
    assert_int_equal(result.request, 2);
    assert_false(result.again);
    assert_true(load_indirect(0, 8).again);
    read_indirect(2, 1, 51); /* names another one */
    wrg_fetch_published(&f, WRG_SEAT_BACK, 0, 3);
    assert_int_equal(load_indirect(0, 8).request, 2);
}

/* ---- tamper ---- */

static void arm(uint32_t request, uint32_t fetch)
{
    f.tampers[f.ntampers++] = (struct wrg_tamper){ .request = request, .fetch = fetch, .len = 1 };
    f.tamper_on = true;
    f.tamper_seat = WRG_SEAT_BACK;
}

static void tamper__due_at_its_request_and_fetch(void **state)
{
    arm(2, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_null(load_slot(0, i, 1).tamper);
    assert_null(load_slot(1, 0, 1).tamper);
    assert_null(load_slot(1, 1, 1).tamper);
    assert_ptr_equal(load_slot(1, 2, 1).tamper, &f.tampers[0]);
    assert_null(load_slot(1, 3, 1).tamper);
}

static void tamper__counts_fetches_of_indirect_pages(void **state)
{
    arm(1, 4);
    read_indirect(0, 8, 50);
    wrg_fetch_mapped(&f, 0, &indirect_meta, 50, 200);
    assert_null(load_indirect(0, 8).tamper);
    assert_null(load_indirect(8, 8).tamper);
    assert_non_null(load_indirect(16, 8).tamper);
}

static void tamper_switched_off_or_of_the_other_seat__not_due(void **state)
{
    arm(1, 1);
    f.tamper_on = false;
    assert_null(load_slot(0, 0, 1).tamper);
    f.tamper_on = true;
    f.tamper_seat = WRG_SEAT_FRONT;
    arm(2, 1);
    f.tamper_seat = WRG_SEAT_FRONT;
    assert_null(load_slot(1, 0, 1).tamper);
}

static void tamper_of_a_queue__not_due_in_another(void **state)
{
    (void)declare_other(0, 1, LANE_PAGES);
    (void)declare_other(1, 1, LANE_PAGES + 1);
    arm(1, 1);
    f.tampers[0].queue = 1;
    assert_null(load_slot(0, 0, 1).tamper);
    assert_null(load_page(WRG_SEAT_BACK, LANE_PAGES + 1, WRG_WIRE_RING, 1).tamper);
    assert_ptr_equal(load_page(WRG_SEAT_BACK, LANE_PAGES, WRG_WIRE_RING, 1).tamper, &f.tampers[0]);
}

static void tamper_of_another_device__due_there(void **state)
{
    (void)declare_other(1, 0, LANE_PAGES);
    (void)declare_other(2, 0, LANE_PAGES + 1);
    arm(1, 1);
    f.tampers[0].device = 2;
    assert_null(load_slot(0, 0, 1).tamper);
    assert_null(load_page(WRG_SEAT_BACK, LANE_PAGES, WRG_WIRE_RING, 1).tamper);
    assert_ptr_equal(load_page(WRG_SEAT_BACK, LANE_PAGES + 1, WRG_WIRE_RING, 1).tamper,
                     &f.tampers[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        F(first_read_of_slot__opens_a_scope),
        F(byte_read_twice_in_scope__again),
        F(bytes_over_word_borders__marked_each),
        F(same_slot_in_next_lap__new_scope),
        F(answers_out_of_order__other_scopes_stay_open),
        F(indices_near_2_to_32__lap_is_seen),
        F(front_reads_response__scope_ends_with_its_lap),
        F(seats__have_scopes_of_their_own),
        F(index_words__exempt),
        F(slot_over_two_pages__one_scope),
        F(bytes_behind_last_slot__belong_to_no_request),
        F(retired_or_redeclared_ring__scopes_gone),
        F(other_handle_of_the_frames__not_taken_for_the_ring),
        F(restore__ordinals_go_on_and_scopes_are_fresh),
        F(indirect_page_named_in_slot__joins_its_scope),
        F(page_named_three_times__is_read_three_times),
        F(gref_beyond_the_pages_in_use__does_not_join),
        F(absurd_number_of_segments__joins_eight_pages_at_most),
        F(data_page_of_direct_request__does_not_join),
        F(indirect_page_after_the_answer_and_a_new_lap__left),
        F(queues__have_lanes_and_ordinals_of_their_own),
        F(lanes__index_words_tell_which),
        F(first_queue_of_the_first_device__lane_0_however_late),
        F(ring_that_is_not_to_be_followed__known_all_the_same),
        F(more_rings_than_lanes__the_rest_is_not_followed),
        F(one_of_two_queues_retired__the_other_stays),
        F(published__counted_over_all_lanes),
        F(indirect_page_of_another_queue__joins_that_lane),
        F(page_kept_mapped__joins_the_next_request_that_names_it),
        F(tamper__due_at_its_request_and_fetch),
        F(tamper__counts_fetches_of_indirect_pages),
        F(tamper_switched_off_or_of_the_other_seat__not_due),
        F(tamper_of_a_queue__not_due_in_another),
        F(tamper_of_another_device__due_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
