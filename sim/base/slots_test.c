/* SPDX-License-Identifier: MIT */
#include "base/slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORDS 8

static uint64_t words[WORDS];
static uint64_t kept[WORDS];
static struct wrg_slots slots;

static void fresh(uint32_t count)
{
    memset(words, 0xff, sizeof(words));
    assert_true(wrg_slots_words(count) <= WORDS);
    wrg_slots_init(&slots, words, count);
}

static void take_many(uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        assert_int_not_equal(wrg_slots_take(&slots), WRG_SLOTS_NONE);
}

static void fresh_set__gives_each_slot_once_lowest_first(void **state)
{
    static const uint32_t counts[] = { 1, 63, 64, 65, 128, 200 };

    for (size_t k = 0; k < WRG_ARRAY_LEN(counts); k++) {
        fresh(counts[k]);
        for (uint32_t i = 0; i < counts[k]; i++)
            assert_int_equal(wrg_slots_take(&slots), i);
        assert_int_equal(wrg_slots_take(&slots), WRG_SLOTS_NONE);
        assert_int_equal(slots.taken, counts[k]);
    }
}

static void put__is_taken_next(void **state)
{
    fresh(200);
    take_many(150);
    wrg_slots_put(&slots, 130);
    wrg_slots_put(&slots, 7);
    assert_false(wrg_slots_is_taken(&slots, 7));
    assert_int_equal(slots.taken, 148);
    assert_int_equal(wrg_slots_take(&slots), 7);
    assert_int_equal(wrg_slots_take(&slots), 130);
    assert_int_equal(wrg_slots_take(&slots), 150);
}

static void run__lowest_gap_that_is_long_enough(void **state)
{
    fresh(200);
    take_many(100);
    wrg_slots_put(&slots, 10);
    wrg_slots_put(&slots, 62);
    wrg_slots_put(&slots, 63);
    wrg_slots_put(&slots, 64); /* a gap over the border of two words */
    assert_int_equal(wrg_slots_take_run(&slots, 3), 62);
    assert_int_equal(wrg_slots_take_run(&slots, 3), 100);
    assert_int_equal(wrg_slots_take_run(&slots, 1), 10);
    assert_int_equal(slots.taken, 103);
}

static void run_longer_than_what_is_left__none_and_nothing_taken(void **state)
{
    fresh(100);
    take_many(90);
    assert_int_equal(wrg_slots_take_run(&slots, 11), WRG_SLOTS_NONE);
    assert_int_equal(wrg_slots_take_run(&slots, UINT32_MAX), WRG_SLOTS_NONE);
    assert_int_equal(slots.taken, 90);
    assert_int_equal(wrg_slots_take_run(&slots, 10), 90);
    assert_int_equal(wrg_slots_take_run(&slots, 2), WRG_SLOTS_NONE);
}

static void slot_beyond_the_end__is_not_taken(void **state)
{
    fresh(65);
    assert_false(wrg_slots_is_taken(&slots, 65));
    assert_false(wrg_slots_is_taken(&slots, UINT32_MAX));
}

static void high__bounds_what_was_ever_taken(void **state)
{
    fresh(200);
    assert_int_equal(wrg_slots_high(&slots), 0);
    take_many(65);
    assert_int_equal(wrg_slots_high(&slots), 128);
    for (uint32_t i = 0; i < 65; i++)
        wrg_slots_put(&slots, i);
    assert_int_equal(wrg_slots_high(&slots), 128);
    take_many(193);
    assert_int_equal(wrg_slots_high(&slots), 200);
    fresh(200);
    assert_int_equal(wrg_slots_take_run(&slots, 65), 0);
    assert_int_equal(wrg_slots_high(&slots), 128);
}

/* Restored state must be word for word that of the save, whatever happened between. */
static void assert_restored(uint32_t count, uint32_t before, uint32_t run, uint32_t freed)
{
    struct wrg_slots_saved saved;
    uint64_t want[WORDS];

    fresh(count);
    take_many(before);
    if (before > 3)
        wrg_slots_put(&slots, 2);
    memcpy(want, words, sizeof(want));
    const struct wrg_slots at_save = slots;
    wrg_slots_save(&slots, &saved, kept);
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < freed && i < before; i++)
            if (wrg_slots_is_taken(&slots, i))
                wrg_slots_put(&slots, i);
        while (run-- > 0 && wrg_slots_take(&slots) != WRG_SLOTS_NONE)
            ;
        wrg_slots_restore(&slots, &saved, kept);
        assert_memory_equal(words, want, wrg_slots_words(count) * sizeof(*words));
        assert_int_equal(slots.taken, at_save.taken);
        assert_int_equal(slots.hint, at_save.hint);
        assert_int_equal(slots.touched, at_save.touched);
        run = count;
    }
    while (wrg_slots_take(&slots) != WRG_SLOTS_NONE)
        ;
    assert_int_equal(slots.taken, count);
}

static void restore__is_the_state_at_save(void **state)
{
    static const uint32_t counts[] = { 64, 65, 128, 200, 512 };

    for (size_t k = 0; k < WRG_ARRAY_LEN(counts); k++) {
        assert_restored(counts[k], 0, counts[k], 0);
        assert_restored(counts[k], 0, 1, 0);
        assert_restored(counts[k], 5, 3, 5);
        assert_restored(counts[k], 64, counts[k], 10);
        assert_restored(counts[k], counts[k], 0, counts[k]);
    }
}

static int model_step(uint8_t *model, uint32_t count, unsigned *seed)
{
    uint32_t pick = (uint32_t)rand_r(seed);
    uint32_t slot;

    if (pick % 3) {
        for (slot = 0; slot < count && model[slot]; slot++)
            ;
        uint32_t got = wrg_slots_take(&slots);
        if (slot == count)
            return got == WRG_SLOTS_NONE;
        model[slot] = 1;
        return got == slot;
    }
    slot = pick / 3 % count;
    if (wrg_slots_is_taken(&slots, slot) != model[slot])
        return 0;
    if (model[slot])
        wrg_slots_put(&slots, slot);
    model[slot] = 0;
    return 1;
}

static void random_walk__agrees_with_a_plain_array(void **state)
{
    uint8_t model[190] = { 0 };
    unsigned seed = 1;

    fresh(sizeof(model));
    for (unsigned i = 0; i < 20000; i++)
        assert_true(model_step(model, sizeof(model), &seed));
}

/* The lowest free ones, in order. */
static void model_take_many(uint8_t *model, uint32_t count, uint32_t max)
{
    uint32_t got[100], slot = 0;
    uint32_t n = wrg_slots_take_many(&slots, got, max);

    for (uint32_t i = 0; i < n; i++, slot++) {
        while (slot < count && model[slot])
            slot++;
        assert_int_equal(got[i], slot);
        model[slot] = 1;
    }
    for (; slot < count && n < max; slot++)
        assert_int_equal(model[slot], 1);
}

/* The lowest gap of n. */
static void model_take_run(uint8_t *model, uint32_t count, uint32_t n)
{
    uint32_t want = WRG_SLOTS_NONE;

    for (uint32_t first = 0; first + n <= count && want == WRG_SLOTS_NONE; first++)
        if (!memchr(model + first, 1, n))
            want = first;
    assert_int_equal(wrg_slots_take_run(&slots, n), want);
    if (want != WRG_SLOTS_NONE)
        memset(model + want, 1, n);
}

/* Some runs that are taken all over, given back together. */
static void model_put_runs(uint8_t *model, uint32_t count, unsigned *seed)
{
    struct wrg_slots_putting putting = wrg_slots_put_begin(&slots);
    uint32_t given = 0;

    for (uint32_t first = 0; first < count;) {
        uint32_t n = 1 + (uint32_t)rand_r(seed) % 64, taken = 0;
        while (taken < n && first + taken < count && model[first + taken])
            taken++;
        assert_int_equal(wrg_slots_are_taken(&slots, first, n), taken == n);
        if (taken == n && rand_r(seed) % 2) {
            wrg_slots_put_run(&putting, first, n);
            memset(model + first, 0, n);
            given += n;
        }
        first += taken == n ? n : 1;
    }
    wrg_slots_put_end(&putting, given);
}

static void runs_at_random__agree_with_a_plain_array(void **state)
{
    uint8_t model[330] = { 0 };
    unsigned seed = 7;

    fresh(sizeof(model));
    for (unsigned i = 0; i < 5000; i++) {
        uint32_t lone = (uint32_t)rand_r(&seed) % sizeof(model), taken = 0;
        model_take_many(model, sizeof(model), (uint32_t)rand_r(&seed) % 101);
        model_take_run(model, sizeof(model), 1 + (uint32_t)rand_r(&seed) % 140);
        if (model[lone]) /* a hole */
            wrg_slots_put(&slots, lone);
        model[lone] = 0;
        if (rand_r(&seed) % 2)
            model_put_runs(model, sizeof(model), &seed);
        for (uint32_t k = 0; k < sizeof(model); k++) {
            assert_int_equal(wrg_slots_is_taken(&slots, k), model[k]);
            taken += model[k];
        }
        assert_int_equal(slots.taken, taken);
    }
}

static void take_many__same_slots_as_one_by_one(void **state)
{
    static const uint32_t holes[] = { 3, 62, 63, 64, 130, 190 };
    uint32_t got[200];

    for (uint32_t max = 0; max <= 12; max++) {
        fresh(200);
        take_many(192); /* 8 are free at the end, and the holes */
        for (size_t i = 0; i < WRG_ARRAY_LEN(holes); i++)
            wrg_slots_put(&slots, holes[i]);
        uint32_t n = wrg_slots_take_many(&slots, got, max);
        assert_int_equal(n, max);
        for (uint32_t i = 0; i < n; i++)
            assert_int_equal(got[i], i < 6 ? holes[i] : 192 + i - 6);
        assert_int_equal(slots.taken, 186 + n);
        for (uint32_t i = n; i < 14; i++)
            assert_int_equal(wrg_slots_take(&slots), i < 6 ? holes[i] : 192 + i - 6);
    }
    assert_int_equal(wrg_slots_take_many(&slots, got, 5), 0);
}

static void take_many_of_few__what_there_is(void **state)
{
    uint32_t got[8];

    fresh(65);
    take_many(62);
    assert_int_equal(wrg_slots_take_many(&slots, got, 8), 3);
    assert_int_equal(got[2], 64);
    assert_int_equal(wrg_slots_high(&slots), 65);
}

static void put_many__same_as_one_by_one(void **state)
{
    static const uint32_t order[] = { 70, 71, 3, 4, 128, 64, 191, 5 };
    uint64_t one_by_one[WORDS];

    for (uint32_t n = 0; n <= WRG_ARRAY_LEN(order); n++) {
        fresh(200);
        take_many(200);
        for (uint32_t i = 0; i < n; i++)
            wrg_slots_put(&slots, order[i]);
        const struct wrg_slots expected = slots;
        memcpy(one_by_one, words, sizeof(words));
        fresh(200);
        take_many(200);
        struct wrg_slots_putting putting = wrg_slots_put_begin(&slots);
        for (uint32_t i = 0; i < n; i++)
            wrg_slots_put_next(&putting, order[i]);
        wrg_slots_put_end(&putting, n);
        assert_memory_equal(words, one_by_one, wrg_slots_words(200) * sizeof(*words));
        assert_int_equal(slots.taken, expected.taken);
        assert_int_equal(slots.hint, expected.hint);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fresh_set__gives_each_slot_once_lowest_first),
        cmocka_unit_test(put__is_taken_next),
        cmocka_unit_test(run__lowest_gap_that_is_long_enough),
        cmocka_unit_test(run_longer_than_what_is_left__none_and_nothing_taken),
        cmocka_unit_test(slot_beyond_the_end__is_not_taken),
        cmocka_unit_test(high__bounds_what_was_ever_taken),
        cmocka_unit_test(take_many__same_slots_as_one_by_one),
        cmocka_unit_test(take_many_of_few__what_there_is),
        cmocka_unit_test(put_many__same_as_one_by_one),
        cmocka_unit_test(runs_at_random__agree_with_a_plain_array),
        cmocka_unit_test(restore__is_the_state_at_save),
        cmocka_unit_test(random_walk__agrees_with_a_plain_array),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
