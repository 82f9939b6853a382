/* SPDX-License-Identifier: MIT */
#include "case/mutate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct wrg_case one, two;

static void assert_canonical(const uint8_t *data, size_t len)
{
    static uint8_t again[WRG_CASE_BYTES_MAX];

    wrg_case_decode(data, len, &one);
    assert_int_equal(wrg_case_encode(&one, again, sizeof(again)), len);
    assert_memory_equal(again, data, len);
}

static void mutate__canonical_and_within_max(void **state)
{
    struct wrg_rng rng;

    wrg_rng_seed(&rng, 1);
    for (unsigned round = 0; round < 20000; round++) {
        size_t max = 1 + wrg_rng_below(&rng, round % 2 ? 64 : 4096);
        size_t len = wrg_rng_below(&rng, (uint32_t)max + 1);
        uint8_t *data = malloc(max); /* just so long: ASan sees a byte beyond */

        wrg_rng_fill(&rng, data, len);
        for (unsigned i = 0; i < 1 + round % 8; i++) {
            len = wrg_mutate(data, len, max, wrg_rng_u64(&rng), round % 2);
            assert_in_range(len, 1, max);
            assert_canonical(data, len);
        }
        free(data);
    }
}

static void mutate_without_room__nothing(void **state)
{
    uint8_t none;

    assert_int_equal(wrg_mutate(&none, 0, 0, 1, WRG_PROFILE_BACK), 0);
}

static void same_seed__same_bytes(void **state)
{
    for (uint64_t seed = 0; seed < 2000; seed++) {
        uint8_t a[512] = { 1, WRG_OP_REQ, 0, WRG_OP_PUBLISH, 0 };
        uint8_t b[512] = { 1, WRG_OP_REQ, 0, WRG_OP_PUBLISH, 0 };
        size_t n = wrg_mutate(a, 5, sizeof(a), seed, WRG_PROFILE_BACK);

        memset(&one, (int)seed, sizeof(one)); /* what lies on the stack must not matter */
        assert_int_equal(n, wrg_mutate(b, 5, sizeof(b), seed, WRG_PROFILE_BACK));
        assert_memory_equal(a, b, n);
    }
}

static void mutate__changes_most_inputs_and_reaches_every_live_kind(void **state)
{
    bool seen[WRG_OP_KIND_MAX + 1] = { false };
    unsigned same = 0;

    for (unsigned seed = 0; seed < 20000; seed++) {
        uint8_t before[4096] = { 1 };
        uint8_t after[4096] = { 1 };
        size_t len = 1;

        for (unsigned i = 0; i < 4; i++)
            len = wrg_mutate(before, len, sizeof(before), seed + i, seed % WRG_PROFILE_COUNT);
        memcpy(after, before, len);
        same += wrg_mutate(after, len, sizeof(after), ~(uint64_t)seed, seed % WRG_PROFILE_COUNT) ==
                    len &&
                memcmp(before, after, len) == 0;
        wrg_case_decode(after, sizeof(after), &one);
        for (unsigned i = 0; i < one.nops; i++)
            seen[one.ops[i].kind] = true;
    }
    assert_in_range(same, 0, 20000 / 6);
    for (unsigned kind = 1; kind <= WRG_OP_KIND_MAX; kind++)
        if (wrg_op_info(kind)->live && kind != WRG_OP_EXPECT)
            assert_true(seen[kind]);
}

static void from_nothing__a_valid_request_soon(void **state)
{
    unsigned good = 0;

    for (unsigned seed = 0; seed < 1000; seed++) {
        uint8_t data[512];
        size_t len = wrg_mutate(data, 0, sizeof(data), seed, WRG_PROFILE_BACK);
        const struct wrg_op *req;

        wrg_case_decode(data, len, &one);
        req = wrg_case_first(&one, WRG_OP_REQ);
        good += req && req->req.id == WRG_AUTO_64 && wrg_case_first(&one, WRG_OP_PUBLISH);
    }
    assert_in_range(good, 200, 1000);
}

/* Of cases mutated from one with so many queues: requests, and those of another queue than 0. */
static void count_queues(uint8_t queues, unsigned *requests, unsigned *elsewhere)
{
    static uint8_t bytes[4096];

    *requests = *elsewhere = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct wrg_op config = wrg_op_make(WRG_OP_CONFIG);
        config.config.queues = queues;
        wrg_case_init(&two);
        assert_true(wrg_case_append(&two, &config));
        size_t len = wrg_case_encode(&two, bytes, sizeof(bytes));
        for (unsigned i = 0; i < 8; i++)
            len = wrg_mutate(bytes, len, sizeof(bytes), seed * 8 + i, WRG_PROFILE_BACK);
        wrg_case_decode(bytes, len, &one);
        for (unsigned i = 0; i < one.nops; i++) {
            *requests += one.ops[i].kind == WRG_OP_REQ;
            *elsewhere += one.ops[i].kind == WRG_OP_REQ && one.ops[i].req.queue != 0;
        }
    }
}

static void queues__used_where_there_are_several(void **state)
{
    unsigned requests, elsewhere;

    count_queues(1, &requests, &elsewhere);
    assert_true(requests > 400);
    assert_in_range(elsewhere, 1, requests / 10); /* dead ones */
    count_queues(4, &requests, &elsewhere);
    assert_true(requests > 400);
    assert_in_range(elsewhere, requests / 4, requests * 9 / 10);
}

static void segment_counts__mostly_small_with_a_long_tail(void **state)
{
    struct wrg_rng rng;
    unsigned upto12 = 0, upto64 = 0, beyond512 = 0;

    wrg_rng_seed(&rng, 4);
    for (unsigned i = 0; i < 100000; i++) {
        uint32_t n = wrg_generate_nseg(&rng);

        assert_in_range(n, 0, 65535);
        upto12 += n <= 12;
        upto64 += n <= 64;
        beyond512 += n > 512;
    }
    assert_in_range(upto12, 65000, 85000);
    assert_in_range(upto64, 96000, 99500);
    assert_in_range(beyond512, 100, 2000);
}

/* What a campaign really runs: the counts that survive many rounds of mutation. */
static void mutated_requests__still_mostly_small_and_within_budget(void **state)
{
    unsigned reqs = 0, upto12 = 0, cases = 0, over = 0;

    for (unsigned seed = 0; seed < 1000; seed++) {
        uint8_t data[4096];
        size_t len = 0;

        for (unsigned i = 0; i < 40; i++)
            len = wrg_mutate(data, len, sizeof(data), seed * 40 + i, WRG_PROFILE_BACK);
        wrg_case_decode(data, len, &one);
        cases++;
        over += wrg_case_segments(&one) > WRG_SEGMENT_BUDGET;
        for (unsigned i = 0; i < one.nops; i++) {
            reqs += one.ops[i].kind == WRG_OP_REQ;
            upto12 += one.ops[i].kind == WRG_OP_REQ && one.ops[i].req.nseg <= 12;
        }
    }
    assert_true(reqs > cases);
    assert_true(upto12 * 10 > reqs * 6);
    assert_in_range(over, 0, cases / 20);
}

static void seed_beyond_the_budget__keeps_its_size(void **state)
{
    struct wrg_op op = wrg_op_make(WRG_OP_REQ);
    unsigned kept = 0;

    op.req.op = WRG_OPCODE_INDIRECT;
    op.req.nseg = 4096;
    for (uint64_t seed = 0; seed < 200; seed++) {
        uint8_t data[512];
        size_t len;

        wrg_case_init(&one);
        (void)wrg_case_append(&one, &op);
        len = wrg_case_encode(&one, data, sizeof(data));
        len = wrg_mutate(data, len, sizeof(data), seed, WRG_PROFILE_BACK);
        wrg_case_decode(data, len, &one);
        kept += wrg_case_segments(&one) >= 4096;
    }
    assert_in_range(kept, 50, 200);
}

static void crossover__canonical_and_of_both_parents(void **state)
{
    struct wrg_rng rng;
    uint8_t a[1024], b[1024], out[1024];
    unsigned of_both = 0;

    wrg_rng_seed(&rng, 5);
    for (unsigned round = 0; round < 5000; round++) {
        size_t na = 0, nb = 0, n, max = 1 + wrg_rng_below(&rng, sizeof(out));

        for (unsigned i = 0; i < 6; i++) {
            na = wrg_mutate(a, na, sizeof(a), wrg_rng_u64(&rng), WRG_PROFILE_BACK);
            nb = wrg_mutate(b, nb, sizeof(b), wrg_rng_u64(&rng), WRG_PROFILE_FRONT);
        }
        n = wrg_crossover((struct wrg_bytes){ a, na }, (struct wrg_bytes){ b, nb }, out, max,
                          round);
        assert_in_range(n, 1, max);
        assert_canonical(out, n);
        of_both += wrg_case_first(&one, WRG_OP_REQ) && wrg_case_first(&one, WRG_OP_IO);
    }
    assert_in_range(of_both, 500, 5000);
}

static void crossover__circumstances_come_from_one_parent(void **state)
{
    struct wrg_op fault = wrg_op_make(WRG_OP_FAULT);
    uint8_t a[64], b[64], out[128];
    size_t na, nb;

    wrg_case_init(&one);
    wrg_case_init(&two);
    for (unsigned i = 0; i < 3; i++) {
        fault.fault.nth = 10 + i;
        (void)wrg_case_append(&one, &fault);
        fault.fault.nth = 20 + i;
        (void)wrg_case_append(&two, &fault);
    }
    na = wrg_case_encode(&one, a, sizeof(a));
    nb = wrg_case_encode(&two, b, sizeof(b));
    for (uint64_t seed = 0; seed < 100; seed++) {
        size_t n = wrg_crossover((struct wrg_bytes){ a, na }, (struct wrg_bytes){ b, nb }, out,
                                 sizeof(out), seed);

        wrg_case_decode(out, n, &one);
        assert_int_equal(one.nops, 3);
        assert_int_equal(one.ops[0].fault.nth / 10, one.ops[2].fault.nth / 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutate__canonical_and_within_max),
        cmocka_unit_test(mutate_without_room__nothing),
        cmocka_unit_test(same_seed__same_bytes),
        cmocka_unit_test(mutate__changes_most_inputs_and_reaches_every_live_kind),
        cmocka_unit_test(from_nothing__a_valid_request_soon),
        cmocka_unit_test(queues__used_where_there_are_several),
        cmocka_unit_test(segment_counts__mostly_small_with_a_long_tail),
        cmocka_unit_test(mutated_requests__still_mostly_small_and_within_budget),
        cmocka_unit_test(seed_beyond_the_budget__keeps_its_size),
        cmocka_unit_test(crossover__canonical_and_of_both_parents),
        cmocka_unit_test(crossover__circumstances_come_from_one_parent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
