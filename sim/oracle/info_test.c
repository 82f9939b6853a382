/* SPDX-License-Identifier: MIT */
/* Is uninitialised memory seen on its way to the peer, and are second looks at shared bytes? */
#include "oracle/test_events.h"

static const uint8_t bytes[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xaa, 11, 12, 13, 14, 15, 16 };

/* ---- INFO-001 ---- */

static void store_somewhere(struct bench *t, uint8_t role, bool secret)
{
    store(t, (struct span){ .role = role, .frame = 300, .flag = secret }, bytes, 8);
}

static void secret_stored_to_a_shared_page__fires(struct bench *t)
{
    store_somewhere(t, BACK, true);
}

static void data_stored_to_a_shared_page__clean(struct bench *t)
{
    store_somewhere(t, BACK, false);
}

static void secret_stored_by_a_role_not_judged__clean(struct bench *t)
{
    store_somewhere(t, FRONT, true);
}

static void grant(struct bench *t, bool secret)
{
    t->config.judged = WRG_JUDGE_FRONT;
    bench_begin(t);
    emit(t, .kind = WRG_EV_GRANT, .role = FRONT, .a = 20, .b = 300, .c = 2, .d = secret);
}

static void page_with_secret_granted__fires(struct bench *t)
{
    grant(t, true);
}

static void copied(struct bench *t, uint64_t secret)
{
    emit(t, .kind = WRG_EV_COPY, .role = BACK, .a = 5000, .b = 20, .c = 512,
         .d = UINT64_C(1) << 40 | secret << 48);
}

static void secret_copied_to_a_gref__fires(struct bench *t)
{
    copied(t, 1);
}

static void data_copied_to_a_gref__clean(struct bench *t)
{
    copied(t, 0);
}

static void filled_page_granted__clean(struct bench *t)
{
    grant(t, false);
}

/* ---- INFO-002 ---- */

static void store_response(struct bench *t, uint32_t within, uint32_t len, const uint8_t *old)
{
    struct span at = slot_at(t, BACK, 3);

    at.off += within;
    store_over(t, at, bytes + within, old, len);
}

static void whole_response_with_stack_bytes__fires(struct bench *t)
{
    static const uint8_t old[16] = { 0 };

    connect_ring(t);
    store_response(t, 0, 16, old);
}

static void pad_behind_the_operation__fires(struct bench *t)
{
    static const uint8_t old[1] = { 0xab };

    connect_ring(t);
    store_response(t, 9, 1, old);
}

static void last_pad_byte__fires(struct bench *t)
{
    static const uint8_t old[1] = { 0 };

    connect_ring(t);
    store_response(t, 15, 1, old);
}

static void members_only__clean(struct bench *t)
{
    static const uint8_t old[16] = { 0 };

    connect_ring(t);
    store_response(t, 0, 9, old);
    store_response(t, 10, 2, old);
}

static void pads_as_they_were__clean(struct bench *t)
{
    connect_ring(t);
    store_response(t, 0, 16, bytes);
}

static void pads_of_zero__clean(struct bench *t)
{
    static const uint8_t zeros[16] = { 0 };

    connect_ring(t);
    store_over(t, slot_at(t, BACK, 3), zeros, bytes, 16);
}

static void bytes_behind_a_32_bit_response__clean(struct bench *t)
{
    static const uint8_t old[4] = { 0 };

    t->abi = WRG_ABI_X86_32;
    connect_ring(t);
    store_response(t, 12, 4, old);
}

static void pad_of_a_32_bit_response__fires(struct bench *t)
{
    static const uint8_t old[16] = { 0 };

    t->abi = WRG_ABI_X86_32;
    connect_ring(t);
    store_response(t, 0, 12, old);
}

/* ---- DF-001 ---- */

static void look(struct bench *t, uint8_t class, bool again, uint32_t request)
{
    load(t,
         (struct span){ .role = BACK,
                        .class = class,
                        .flag = again,
                        .frame = RING_FRAME,
                        .off = 64,
                        .request = request },
         bytes, 8);
}

static void slot_loaded_again__fires(struct bench *t)
{
    look(t, WRG_SHARED_RING_SLOT, true, 1);
}

static void indirect_page_loaded_again__fires(struct bench *t)
{
    look(t, WRG_SHARED_INDIRECT, true, 1);
}

static void slot_loaded_once__clean(struct bench *t)
{
    look(t, WRG_SHARED_RING_SLOT, false, 1);
}

static void index_loaded_again__clean(struct bench *t)
{
    look(t, WRG_SHARED_RING_INDEX, true, 1);
}

static void bytes_of_no_request_loaded_again__clean(struct bench *t)
{
    look(t, WRG_SHARED_RING_SLOT, true, 0);
}

static const struct scenario scenarios[] = {
    PLAY(secret_stored_to_a_shared_page__fires, INFO_001),
    PLAY(data_stored_to_a_shared_page__clean, CLEAN),
    PLAY(secret_stored_by_a_role_not_judged__clean, CLEAN),
    PLAY(page_with_secret_granted__fires, INFO_001),
    PLAY(filled_page_granted__clean, CLEAN),
    PLAY(secret_copied_to_a_gref__fires, INFO_001),
    PLAY(data_copied_to_a_gref__clean, CLEAN),
    PLAY(whole_response_with_stack_bytes__fires, INFO_002),
    PLAY(pad_behind_the_operation__fires, INFO_002),
    PLAY(last_pad_byte__fires, INFO_002),
    PLAY(members_only__clean, CLEAN),
    PLAY(pads_as_they_were__clean, CLEAN),
    PLAY(pads_of_zero__clean, CLEAN),
    PLAY(bytes_behind_a_32_bit_response__clean, CLEAN),
    PLAY(pad_of_a_32_bit_response__fires, INFO_002),
    PLAY(slot_loaded_again__fires, DF_001),
    PLAY(indirect_page_loaded_again__fires, DF_001),
    PLAY(slot_loaded_once__clean, CLEAN),
    PLAY(index_loaded_again__clean, CLEAN),
    PLAY(bytes_of_no_request_loaded_again__clean, CLEAN),
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
