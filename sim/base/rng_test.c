/* SPDX-License-Identifier: MIT */
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The published test vector of splitmix64 with seed 1234567. */
static void splitmix_of_the_published_seed__published_numbers(void **state)
{
    static const uint64_t expected[3] = { UINT64_C(6457827717110365317),
                                          UINT64_C(3203168211198807973),
                                          UINT64_C(9817491932198370423) };
    uint64_t s = 1234567;

    for (size_t i = 0; i < 3; i++)
        assert_true(wrg_splitmix64(&s) == expected[i]);
}

/* The vector other implementations test against: state 1, 2, 3, 4. */
static void xoshiro_of_a_small_state__known_numbers(void **state)
{
    static const uint64_t expected[3] = { 11520, 0, 1509978240 };
    struct wrg_rng r = { { 1, 2, 3, 4 } };

    for (size_t i = 0; i < 3; i++)
        assert_true(wrg_rng_u64(&r) == expected[i]);
}

static void saved_state__restores_the_sequence(void **state)
{
    struct wrg_rng r, saved;
    uint64_t first[8];

    wrg_rng_seed(&r, 0);
    (void)wrg_rng_u64(&r);
    saved = r;
    for (size_t i = 0; i < 8; i++)
        first[i] = wrg_rng_u64(&r);
    r = saved;
    for (size_t i = 0; i < 8; i++)
        assert_true(wrg_rng_u64(&r) == first[i]);
}

static void neighbour_seeds__different_sequences(void **state)
{
    struct wrg_rng a, b;

    wrg_rng_seed(&a, 1);
    wrg_rng_seed(&b, 2);
    assert_true(wrg_rng_u64(&a) != wrg_rng_u64(&b));
}

static void below__stays_below_and_reaches_all(void **state)
{
    static const uint32_t bounds[] = { 1, 2, 3, 7, 8, 100 };
    struct wrg_rng r;

    wrg_rng_seed(&r, 42);
    for (size_t b = 0; b < WRG_ARRAY_LEN(bounds); b++) {
        uint32_t seen[100] = { 0 };

        for (int i = 0; i < 20000; i++) {
            uint32_t v = wrg_rng_below(&r, bounds[b]);

            assert_true(v < bounds[b]);
            seen[v]++;
        }
        for (uint32_t v = 0; v < bounds[b]; v++)
            assert_in_range(seen[v], 20000 / bounds[b] * 6 / 10, 20000 / bounds[b] * 14 / 10);
    }
}

static void below_of_extreme_bounds__defined(void **state)
{
    struct wrg_rng r;
    uint32_t top = 0;

    wrg_rng_seed(&r, 7);
    assert_int_equal(wrg_rng_below(&r, 0), 0);
    for (int i = 0; i < 64; i++)
        top |= wrg_rng_below(&r, UINT32_MAX);
    assert_true(top >> 31 == 1);
}

static void fill__little_endian_words_and_no_byte_more(void **state)
{
    uint8_t bytes[12];
    struct wrg_rng r, same;
    uint64_t first, second;

    wrg_rng_seed(&r, 3);
    same = r;
    memset(bytes, 0xee, sizeof(bytes));
    wrg_rng_fill(&r, bytes, 11);
    first = wrg_rng_u64(&same);
    second = wrg_rng_u64(&same);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(bytes[i], (uint8_t)(first >> (8 * i)));
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(bytes[8 + i], (uint8_t)(second >> (8 * i)));
    assert_int_equal(bytes[11], 0xee);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splitmix_of_the_published_seed__published_numbers),
        cmocka_unit_test(xoshiro_of_a_small_state__known_numbers),
        cmocka_unit_test(saved_state__restores_the_sequence),
        cmocka_unit_test(neighbour_seeds__different_sequences),
        cmocka_unit_test(below__stays_below_and_reaches_all),
        cmocka_unit_test(below_of_extreme_bounds__defined),
        cmocka_unit_test(fill__little_endian_words_and_no_byte_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
