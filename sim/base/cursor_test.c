/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void put_each_width__little_endian_bytes(void **state)
{
    static const uint8_t expected[15] = { 0x11, 0x33, 0x22, 0x77, 0x66, 0x55, 0x44, 0xff,
                                          0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88 };
    uint8_t bytes[15];
    struct wrg_cursor c = wrg_cursor_writer(bytes, sizeof(bytes));

    wrg_cursor_put_u8(&c, 0x11);
    wrg_cursor_put_u16(&c, 0x2233);
    wrg_cursor_put_u32(&c, 0x44556677);
    wrg_cursor_put_u64(&c, UINT64_C(0x8899aabbccddeeff));
    assert_true(wrg_cursor_ok(&c));
    assert_int_equal(wrg_cursor_remaining(&c), 0);
    assert_memory_equal(bytes, expected, sizeof(bytes));
}

static void get_what_was_put__same_values(void **state)
{
    uint8_t bytes[15];
    struct wrg_cursor w = wrg_cursor_writer(bytes, sizeof(bytes));
    struct wrg_cursor r = wrg_cursor_reader(bytes, sizeof(bytes));

    wrg_cursor_put_u8(&w, 0xff);
    wrg_cursor_put_u16(&w, 0xfffe);
    wrg_cursor_put_u32(&w, 0xfffffffd);
    wrg_cursor_put_u64(&w, UINT64_MAX - 3);
    assert_int_equal(wrg_cursor_get_u8(&r), 0xff);
    assert_int_equal(wrg_cursor_get_u16(&r), 0xfffe);
    assert_int_equal(wrg_cursor_get_u32(&r), 0xfffffffd);
    assert_true(wrg_cursor_get_u64(&r) == UINT64_MAX - 3);
    assert_true(wrg_cursor_ok(&r));
}

static void get_beyond_the_end__zero_and_failed_for_good(void **state)
{
    const uint8_t bytes[3] = { 1, 2, 3 };
    struct wrg_cursor c = wrg_cursor_reader(bytes, sizeof(bytes));

    assert_int_equal(wrg_cursor_get_u32(&c), 0);
    assert_false(wrg_cursor_ok(&c));
    assert_int_equal(wrg_cursor_remaining(&c), 0);
    assert_int_equal(wrg_cursor_get_u8(&c), 0); /* would fit, but the error sticks */
    assert_int_equal(c.at_bytes, 0);
}

static void huge_lengths__do_not_wrap(void **state)
{
    uint8_t bytes[4] = { 1, 2, 3, 4 };
    struct wrg_cursor c = wrg_cursor_reader(bytes, sizeof(bytes));

    (void)wrg_cursor_get_u8(&c);
    wrg_cursor_skip(&c, SIZE_MAX);
    assert_false(wrg_cursor_ok(&c));
    assert_int_equal(c.at_bytes, 1);
}

static void put_beyond_the_end__writes_nothing(void **state)
{
    uint8_t bytes[4] = { 9, 9, 9, 9 };
    struct wrg_cursor c = wrg_cursor_writer(bytes, 3);

    wrg_cursor_put_u32(&c, 0);
    assert_false(wrg_cursor_ok(&c));
    wrg_cursor_put_u8(&c, 0);
    assert_memory_equal(bytes, "\x09\x09\x09\x09", 4);
}

static void sub_cursor__sees_its_part_only(void **state)
{
    const uint8_t bytes[5] = { 1, 2, 3, 4, 5 };
    struct wrg_cursor c = wrg_cursor_reader(bytes, sizeof(bytes));
    struct wrg_cursor sub = wrg_cursor_sub(&c, 2);
    struct wrg_cursor beyond;

    assert_int_equal(wrg_cursor_get_u16(&sub), 0x0201);
    assert_int_equal(wrg_cursor_get_u8(&sub), 0);
    assert_false(wrg_cursor_ok(&sub));
    assert_int_equal(wrg_cursor_get_u8(&c), 3);
    assert_true(wrg_cursor_ok(&c));
    beyond = wrg_cursor_sub(&c, 3);
    assert_false(wrg_cursor_ok(&beyond));
    assert_false(wrg_cursor_ok(&c));
}

static void bytes_that_do_not_fit__target_is_zeroed(void **state)
{
    const uint8_t bytes[4] = { 1, 2, 3, 4 };
    struct wrg_cursor c = wrg_cursor_reader(bytes, sizeof(bytes));
    uint8_t out[3] = { 7, 7, 7 };

    wrg_cursor_get_bytes(&c, out, 3);
    assert_memory_equal(out, "\x01\x02\x03", 3);
    wrg_cursor_get_bytes(&c, out, 3);
    assert_memory_equal(out, "\0\0\0", 3);
    assert_false(wrg_cursor_ok(&c));
}

static void bytes_and_take__in_order(void **state)
{
    uint8_t bytes[4] = { 0 };
    struct wrg_cursor w = wrg_cursor_writer(bytes, sizeof(bytes));
    struct wrg_cursor r = wrg_cursor_reader(bytes, sizeof(bytes));

    wrg_cursor_put_bytes(&w, "abc", 3);
    wrg_cursor_put_bytes(&w, "de", 2);
    assert_false(wrg_cursor_ok(&w));
    assert_memory_equal(bytes, "abc\0", 4);
    wrg_cursor_skip(&r, 1);
    assert_ptr_equal(wrg_cursor_take(&r, 3), bytes + 1);
    assert_null(wrg_cursor_take(&r, 1));
}

static void empty_input__reads_nothing_without_error(void **state)
{
    struct wrg_cursor c = wrg_cursor_reader(NULL, 0);
    struct wrg_cursor sub = wrg_cursor_sub(&c, 0);

    wrg_cursor_get_bytes(&c, NULL, 0);
    assert_true(wrg_cursor_ok(&c) && wrg_cursor_ok(&sub));
    assert_int_equal(wrg_cursor_get_u8(&c), 0);
    assert_false(wrg_cursor_ok(&c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_each_width__little_endian_bytes),
        cmocka_unit_test(get_what_was_put__same_values),
        cmocka_unit_test(get_beyond_the_end__zero_and_failed_for_good),
        cmocka_unit_test(huge_lengths__do_not_wrap),
        cmocka_unit_test(put_beyond_the_end__writes_nothing),
        cmocka_unit_test(sub_cursor__sees_its_part_only),
        cmocka_unit_test(bytes_that_do_not_fit__target_is_zeroed),
        cmocka_unit_test(bytes_and_take__in_order),
        cmocka_unit_test(empty_input__reads_nothing_without_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
