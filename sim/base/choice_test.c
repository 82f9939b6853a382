/* SPDX-License-Identifier: MIT */
#include "base/choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TAKE(c, bound) wrg_choice_take((c), (bound), WRG_CHOICE_OTHER)

static void constant__always_zero_and_recorded(void **state)
{
    struct wrg_choice_step taken[2];
    struct wrg_choice c;

    wrg_choice_constant(&c, taken, 2);
    assert_int_equal(wrg_choice_take(&c, 5, WRG_CHOICE_TASK), 0);
    assert_int_equal(wrg_choice_take(&c, 1, WRG_CHOICE_WAKE), 0);
    assert_int_equal(c.taken_count, 2);
    assert_int_equal(taken[0].bound, 5);
    assert_int_equal(taken[0].why, WRG_CHOICE_TASK);
    assert_int_equal(taken[1].why, WRG_CHOICE_WAKE);
}

static void full_record__counts_on_and_writes_nothing(void **state)
{
    struct wrg_choice_step taken[3];
    struct wrg_choice c;

    memset(taken, 0xee, sizeof(taken));
    wrg_choice_prng(&c, 1, taken, 2);
    for (int i = 0; i < 5; i++)
        (void)TAKE(&c, 10);
    assert_int_equal(c.taken_count, 5);
    assert_int_equal(taken[1].bound, 10);
    assert_int_equal(taken[2].bound, 0xeeeeeeee);
}

static void no_record__values_do_not_change(void **state)
{
    struct wrg_choice_step taken[16];
    struct wrg_choice with, without;

    wrg_choice_prng(&with, 99, taken, 16);
    wrg_choice_prng(&without, 99, NULL, 0);
    for (int i = 0; i < 16; i++) {
        uint32_t a = TAKE(&with, 1000);
        uint32_t b = TAKE(&without, 1000);

        assert_int_equal(a, b);
        assert_int_equal(taken[i].value, a);
    }
}

static void recorded_run__replays_a_prng_run(void **state)
{
    struct wrg_choice_step taken[64];
    struct wrg_choice c;
    uint32_t values[64];

    wrg_choice_prng(&c, 5, taken, 64);
    for (uint32_t i = 0; i < 64; i++)
        values[i] = TAKE(&c, i + 1);
    wrg_choice_recorded(&c, values, 64, NULL, 0);
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(TAKE(&c, i + 1), values[i]);
    assert_int_equal(c.folded_count, 0);
}

static void record_at_its_end__falls_to_zero(void **state)
{
    static const uint32_t values[2] = { 3, 4 };
    struct wrg_choice c;

    wrg_choice_recorded(&c, values, 2, NULL, 0);
    assert_int_equal(TAKE(&c, 9), 3);
    assert_int_equal(TAKE(&c, 9), 4);
    assert_int_equal(TAKE(&c, 9), 0);
    assert_int_equal(c.taken_count, 3);
}

static void record_of_another_run__folded_and_counted(void **state)
{
    static const uint32_t values[2] = { 11, UINT32_MAX };
    struct wrg_choice c;

    wrg_choice_recorded(&c, values, 2, NULL, 0);
    assert_int_equal(TAKE(&c, 4), 3);
    assert_int_equal(TAKE(&c, 1), 0);
    assert_int_equal(c.folded_count, 2);
}

/* The second bound depends on the first choice: 1 + 2 + 3 leaves. */
static void odometer_over_a_tree__each_leaf_once(void **state)
{
    struct wrg_choice_step digits[4];
    struct wrg_choice c;
    int seen[3][3] = { { 0 } };
    int runs = 0;

    wrg_choice_enumerate(&c, digits, 4);
    do {
        uint32_t a = TAKE(&c, 3);
        uint32_t b = TAKE(&c, a + 1);

        seen[a][b]++;
        runs++;
        assert_true(runs < 100);
    } while (wrg_choice_next(&c));
    assert_int_equal(runs, 6);
    for (int a = 0; a < 3; a++)
        for (int b = 0; b <= a; b++)
            assert_int_equal(seen[a][b], 1);
    assert_int_equal(c.folded_count, 0);
}

static void odometer_deeper_than_its_digits__ends_and_tells(void **state)
{
    struct wrg_choice_step digits[2];
    struct wrg_choice c;
    int runs = 0;
    bool overflowed = false;

    wrg_choice_enumerate(&c, digits, 2);
    do {
        for (int i = 0; i < 5; i++)
            (void)TAKE(&c, 2);
        overflowed = overflowed || c.taken_count > c.taken_cap;
        runs++;
        assert_true(runs < 100);
    } while (wrg_choice_next(&c));
    assert_int_equal(runs, 4);
    assert_true(overflowed);
}

static void odometer_without_choices__one_run(void **state)
{
    struct wrg_choice_step digits[2];
    struct wrg_choice c;

    wrg_choice_enumerate(&c, digits, 2);
    assert_false(wrg_choice_next(&c));
}

/* A record or a wake-up elsewhere must not shift later choices. */
static void bound_of_one__takes_a_number_too(void **state)
{
    struct wrg_choice a, b;

    wrg_choice_prng(&a, 8, NULL, 0);
    wrg_choice_prng(&b, 8, NULL, 0);
    assert_int_equal(TAKE(&a, 1), 0);
    (void)TAKE(&b, 1000);
    assert_int_equal(TAKE(&a, 1u << 30), TAKE(&b, 1u << 30));
}

static void why_names__known_and_unknown(void **state)
{
    for (uint32_t why = 0; why < WRG_CHOICE_WHYS; why++) {
        assert_non_null(wrg_choice_why_name(why));
        assert_string_not_equal(wrg_choice_why_name(why), "?");
    }
    assert_string_equal(wrg_choice_why_name(WRG_CHOICE_WHYS), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant__always_zero_and_recorded),
        cmocka_unit_test(full_record__counts_on_and_writes_nothing),
        cmocka_unit_test(no_record__values_do_not_change),
        cmocka_unit_test(recorded_run__replays_a_prng_run),
        cmocka_unit_test(record_at_its_end__falls_to_zero),
        cmocka_unit_test(record_of_another_run__folded_and_counted),
        cmocka_unit_test(odometer_over_a_tree__each_leaf_once),
        cmocka_unit_test(odometer_deeper_than_its_digits__ends_and_tells),
        cmocka_unit_test(odometer_without_choices__one_run),
        cmocka_unit_test(bound_of_one__takes_a_number_too),
        cmocka_unit_test(why_names__known_and_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
