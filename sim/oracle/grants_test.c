/* SPDX-License-Identifier: MIT */
/* Are mappings what requests ask for, for as long as they are in flight? */
#include "oracle/test_events.h"

enum { READ = WRG_BLKIF_OP_READ };

/* ---- GNT-001, 002, 008, 006 ---- */

static void fault(struct bench *t, uint8_t role, enum wrg_rule rule)
{
    emit(t, .kind = WRG_EV_VIEW_FAULT, .role = role, .a = 77, .b = 8, .c = rule, .d = 4);
}

static void used_after_unmap__fires(struct bench *t)
{
    fault(t, BACK, WRG_RULE_GNT_001);
}

static void written_through_read_only__fires(struct bench *t)
{
    fault(t, BACK, WRG_RULE_GNT_002);
}

static void used_beyond_its_end__fires(struct bench *t)
{
    fault(t, BACK, WRG_RULE_GNT_008);
}

static void freed_twice__fires(struct bench *t)
{
    fault(t, BACK, WRG_RULE_MEM_001);
}

static void fault_of_a_role_not_judged__clean(struct bench *t)
{
    fault(t, FRONT, WRG_RULE_GNT_001);
    fault(t, WRG_ROLE_SCRIPT, WRG_RULE_GNT_001);
}

static void free_page(struct bench *t, uint64_t still)
{
    t->config.judged = WRG_JUDGE_FRONT;
    bench_begin(t);
    emit(t, .kind = WRG_EV_PAGE_FREE, .role = FRONT, .a = 300, .b = 1, .c = still);
}

static void page_freed_while_granted__fires(struct bench *t)
{
    free_page(t, 1);
}

static void page_freed_while_mapped__fires(struct bench *t)
{
    free_page(t, UINT64_C(1) << 32);
}

static void page_freed__clean(struct bench *t)
{
    free_page(t, 0);
}

/* ---- GNT-004 ---- */

static void ask_two(struct bench *t)
{
    struct wrg_blkif_request request = rw(READ, 7, 8, 2); /* grefs 20 and 21 */

    connect_ring(t);
    ask(t, 0, &request);
}

static void grefs_of_the_request_mapped__clean(struct bench *t)
{
    ask_two(t);
    map(t, 20);
    map(t, 21);
    map(t, 20);
}

static void gref_of_no_request_mapped__fires(struct bench *t)
{
    ask_two(t);
    map(t, 20);
    QUIETLY(t);
    map(t, 22);
}

static void gref_of_no_request_refused_by_xen__clean(struct bench *t)
{
    ask_two(t);
    map_status(t, 22, -3);
}

static void ring_mapped_before_it_is_declared__clean(struct bench *t)
{
    map(t, 8);
    connect_ring(t);
}

static void gref_of_a_published_request_that_was_not_fetched__fires(struct bench *t)
{
    struct wrg_blkif_request request = rw(READ, 7, 8, 2);

    connect_ring(t);
    put(t, 0, &request);
    store_index(t, FRONT, 1);
    load_index(t, BACK, 1);
    map(t, 20);
}

static void indirect_grefs_mapped__clean(struct bench *t)
{
    struct wrg_blkif_request request = indirect(READ, 7, 8, 40);

    connect_ring(t);
    ask(t, 0, &request);
    parse_page(t, 0, 40);
    for (uint32_t i = 0; i < 40; i++)
        map(t, 1000 + i);
}

static void gref_behind_the_last_indirect_segment_mapped__fires(struct bench *t)
{
    indirect_grefs_mapped__clean(t);
    QUIETLY(t);
    map(t, 1040);
}

static void second_indirect_page_of_256_segments_mapped__fires(struct bench *t)
{
    struct wrg_blkif_request request = indirect(READ, 7, 0, 256);

    connect_ring(t);
    ask(t, 0, &request);
    parse_page(t, 0, 256);
    QUIETLY(t);
    map(t, 401);
}

static void second_indirect_page_of_513_segments_mapped__clean(struct bench *t)
{
    struct wrg_blkif_request request = indirect(READ, 7, 0, 513);

    connect_ring(t);
    ask(t, 0, &request);
    parse_page(t, 0, 512);
    parse_page(t, 1, 1);
    map(t, 1512);
}

static void segments_not_seen__clean(struct bench *t)
{
    struct wrg_blkif_request request = indirect(READ, 7, 0, 256);

    connect_ring(t);
    ask(t, 0, &request);
    map(t, 400);
    map(t, 9999);
}

static void one_gref_for_all_indirect_pages__clean(struct bench *t)
{
    struct wrg_blkif_request request = indirect(READ, 7, 0, 600);

    for (uint32_t i = 0; i < WRG_BLKIF_MAX_INDIRECT_PAGES; i++)
        request.indirect_grefs[i] = 400;
    connect_ring(t);
    ask(t, 0, &request);
    parse_page(t, 0, 512);
    parse_page(t, 0, 512); /* the second one lies in the same page */
    for (uint32_t i = 0; i < 512; i++)
        map(t, 1000 + i);
}

/* ---- GNT-005 ---- */

static void answer(struct bench *t, uint32_t position, uint64_t id)
{
    reply(t, position, (struct answer){ .id = id });
}

static void answered_after_unmap__clean(struct bench *t)
{
    ask_two(t);
    map(t, 20);
    map(t, 21);
    unmap(t, 21);
    unmap(t, 20);
    answer(t, 0, 7);
}

static void answered_while_mapped__fires(struct bench *t)
{
    ask_two(t);
    map(t, 20);
    map(t, 21);
    unmap(t, 20);
    answer(t, 0, 7);
}

static void stored_while_mapped_and_published_after_unmap__clean(struct bench *t)
{
    ask_two(t);
    map(t, 20);
    map(t, 21);
    respond(t, 0, (struct answer){ .id = 7 });
    unmap(t, 20);
    unmap(t, 21);
    store_index(t, BACK, 1);
}

static void answered_while_another_request_maps_the_same_gref__clean(struct bench *t)
{
    struct wrg_blkif_request other = rw(READ, 8, 8, 2);

    ask_two(t);
    ask(t, 1, &other);
    for (uint32_t i = 0; i < 4; i++)
        map(t, 20 + i % 2);
    unmap(t, 20);
    unmap(t, 21);
    answer(t, 0, 7);
    unmap(t, 20);
    unmap(t, 21);
    answer(t, 1, 8);
}

static void answered_while_an_indirect_page_is_mapped__fires(struct bench *t)
{
    struct wrg_blkif_request request = indirect(READ, 7, 8, 1);

    connect_ring(t);
    ask(t, 0, &request);
    parse_page(t, 0, 1);
    map(t, 1000);
    unmap(t, 1000);
    map(t, 400);
    QUIETLY(t);
    answer(t, 0, 7);
}

static void gref_of_the_ring_named_by_a_request__clean(struct bench *t)
{
    struct wrg_blkif_request request = rw(9, 7, 8, 0); /* refused without a look at its grefs */

    map(t, 20);
    connect_ring(t);
    ask(t, 0, &request);
    reply(t, 0, (struct answer){ .id = 7, .operation = 9, .status = -2 });
}

/* ---- persistent grants ---- */

#define FRONT_NODE "/local/domain/1/device/vbd/51712/feature-persistent"
#define BACK_NODE  "/local/domain/2/backend/vbd/1/51712/feature-persistent"

static void offer(struct bench *t, const char *front, const char *back)
{
    change(t, BACK, BACK_NODE, back);
    change(t, FRONT, FRONT_NODE, front);
}

static void answered_while_mapped_as_agreed__clean(struct bench *t)
{
    offer(t, "1", "1");
    answered_while_mapped__fires(t);
}

static void answered_while_mapped_and_the_front_did_not_offer__fires(struct bench *t)
{
    offer(t, "0", "1");
    answered_while_mapped__fires(t);
}

static void answered_while_mapped_and_the_back_did_not_offer__fires(struct bench *t)
{
    offer(t, "1", "0");
    answered_while_mapped__fires(t);
}

static void answered_while_mapped_after_the_offer_was_dropped__clean(struct bench *t)
{
    offer(t, "1", "1");
    connect_ring(t);
    change(t, FRONT, FRONT_NODE, "0"); /* the backend has read what it was when it connected */
    answered_while_mapped__fires(t);
}

static void answered_while_mapped_by_an_agreement_of_the_last_connection__fires(struct bench *t)
{
    offer(t, "1", "1");
    connect_ring(t);
    change(t, FRONT, FRONT_NODE, "0");
    emit(t, .kind = WRG_EV_RING_RETIRE, .role = BACK, .b = BACK);
    answered_while_mapped__fires(t);
}

/* The page of segments stays mapped, and is read for the next request that names it. */
static void ask_again_by_a_kept_page(struct bench *t)
{
    struct wrg_blkif_request first = indirect(READ, 7, 8, 40), second = indirect(READ, 8, 8, 40);
    struct wrg_blkif_segment seg = { .last_sect = 7, .gref = 1000 };
    struct span at = { .role = BACK, .class = WRG_SHARED_INDIRECT, .frame = 400 + PAGE_FRAME };
    uint8_t bytes[40 * 8];

    offer(t, "1", "1");
    connect_ring(t);
    for (uint32_t i = 0; i < 40; i++, seg.gref++)
        wrg_wire_put_segment(bytes, i, &seg);
    ask(t, 0, &first);
    map(t, 400);
    answer(t, 0, 7);
    ask(t, 1, &second);
    at.request = t->scope[0];
    for (; at.off < sizeof(bytes); at.off += WRG_TRACE_PAYLOAD_MAX)
        load(t, at, bytes + at.off,
             wrg_min_u32(WRG_TRACE_PAYLOAD_MAX, (uint32_t)sizeof(bytes) - at.off));
    for (uint32_t i = 0; i < 40; i++)
        map(t, 1000 + i);
}

static void grefs_in_a_kept_page_mapped__clean(struct bench *t)
{
    ask_again_by_a_kept_page(t);
}

static void gref_that_a_kept_page_does_not_name__fires(struct bench *t)
{
    ask_again_by_a_kept_page(t);
    QUIETLY(t);
    map(t, 1040);
}

/* ---- copies ---- */

static void copy_from(struct bench *t, uint32_t gref)
{
    emit(t, .kind = WRG_EV_COPY, .role = BACK, .a = gref, .b = 5000, .c = 512,
         .d = UINT64_C(1) << 32);
}

static void copy_to(struct bench *t, uint32_t gref)
{
    emit(t, .kind = WRG_EV_COPY, .role = BACK, .a = 5000, .b = gref, .c = 512,
         .d = UINT64_C(1) << 40);
}

static void grefs_of_the_request_copied__clean(struct bench *t)
{
    ask_two(t);
    copy_from(t, 20);
    copy_to(t, 21);
}

static void gref_of_no_request_copied_from__fires(struct bench *t)
{
    ask_two(t);
    copy_from(t, 20);
    QUIETLY(t);
    copy_from(t, 22);
}

static void gref_of_no_request_copied_to__fires(struct bench *t)
{
    ask_two(t);
    copy_to(t, 22);
}

static void gref_copied_to_after_the_answer__fires(struct bench *t)
{
    ask_two(t);
    copy_to(t, 20);
    copy_to(t, 21);
    answer(t, 0, 7);
    QUIETLY(t);
    copy_to(t, 20);
}

static const struct scenario scenarios[] = {
    PLAY(used_after_unmap__fires, GNT_001),
    PLAY(written_through_read_only__fires, GNT_002),
    PLAY(used_beyond_its_end__fires, GNT_008),
    PLAY(freed_twice__fires, MEM_001),
    PLAY(fault_of_a_role_not_judged__clean, CLEAN),
    PLAY(page_freed_while_granted__fires, GNT_006),
    PLAY(page_freed_while_mapped__fires, GNT_006),
    PLAY(page_freed__clean, CLEAN),
    PLAY(grefs_of_the_request_mapped__clean, CLEAN),
    PLAY(gref_of_no_request_mapped__fires, GNT_004),
    PLAY(gref_of_no_request_refused_by_xen__clean, CLEAN),
    PLAY(ring_mapped_before_it_is_declared__clean, CLEAN),
    PLAY(gref_of_a_published_request_that_was_not_fetched__fires, GNT_004),
    PLAY(indirect_grefs_mapped__clean, CLEAN),
    PLAY(gref_behind_the_last_indirect_segment_mapped__fires, GNT_004),
    PLAY(second_indirect_page_of_256_segments_mapped__fires, GNT_004),
    PLAY(second_indirect_page_of_513_segments_mapped__clean, CLEAN),
    PLAY(segments_not_seen__clean, CLEAN),
    PLAY(one_gref_for_all_indirect_pages__clean, CLEAN),
    PLAY(answered_after_unmap__clean, CLEAN),
    PLAY(answered_while_mapped__fires, GNT_005),
    PLAY(stored_while_mapped_and_published_after_unmap__clean, CLEAN),
    PLAY(answered_while_another_request_maps_the_same_gref__clean, CLEAN),
    PLAY(answered_while_an_indirect_page_is_mapped__fires, GNT_005),
    PLAY(gref_of_the_ring_named_by_a_request__clean, CLEAN),
    PLAY(answered_while_mapped_as_agreed__clean, CLEAN),
    PLAY(answered_while_mapped_and_the_front_did_not_offer__fires, GNT_005),
    PLAY(answered_while_mapped_and_the_back_did_not_offer__fires, GNT_005),
    PLAY(answered_while_mapped_after_the_offer_was_dropped__clean, CLEAN),
    PLAY(answered_while_mapped_by_an_agreement_of_the_last_connection__fires, GNT_005),
    PLAY(grefs_in_a_kept_page_mapped__clean, CLEAN),
    PLAY(gref_that_a_kept_page_does_not_name__fires, GNT_004),
    PLAY(grefs_of_the_request_copied__clean, CLEAN),
    PLAY(gref_of_no_request_copied_from__fires, GNT_004),
    PLAY(gref_of_no_request_copied_to__fires, GNT_004),
    PLAY(gref_copied_to_after_the_answer__fires, GNT_004),
};

static void sequences__fire_their_rule_or_none(void **state)
{
    play_all(*state, scenarios, WRG_ARRAY_LEN(scenarios));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sequences__fire_their_rule_or_none, bench_open,
                                        bench_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
