/* SPDX-License-Identifier: MIT */
#include <wringer/scan.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

struct row {
    const char *text;
    int u_ret; /* of scan_u32 and scan_u64 */
    uint32_t u32;
    uint64_t u64;
    int i_ret;
    int32_t i32;
};

static const struct row rows[] = {
    { "0", 0, 0, 0, 0, 0 },
    { "42", 0, 42, 42, 0, 42 },
    { "12x", 0, 12, 12, 0, 12 },
    { "0x10", 0, 0, 0, 0, 0 },
    { "007", 0, 7, 7, 0, 7 },
    { " \t\n\v\f\r7", 0, 7, 7, 0, 7 },
    { "\xa0"
      "7",
      0, 7, 7, 0, 7 },
    { "7 8", 0, 7, 7, 0, 7 },
    { "", -ERANGE, 0, 0, -ERANGE, 0 },
    { "  ", -ERANGE, 0, 0, -ERANGE, 0 },
    { "x", -ERANGE, 0, 0, -ERANGE, 0 },
    { "+1", -ERANGE, 0, 0, -ERANGE, 0 },
    { "-1", -ERANGE, 0, 0, 0, -1 },
    { "-", -ERANGE, 0, 0, -ERANGE, 0 },
    { "- 1", -ERANGE, 0, 0, -ERANGE, 0 },
    { "--1", -ERANGE, 0, 0, -ERANGE, 0 },
    { "4294967295", 0, UINT32_MAX, UINT32_MAX, 0, -1 },
    { "4294967296", 0, 0, 4294967296u, 0, 0 },
    { "4294967297", 0, 1, 4294967297u, 0, 1 },
    { "2147483648", 0, 2147483648u, 2147483648u, 0, INT32_MIN },
    { "-2147483649", -ERANGE, 0, 0, 0, INT32_MAX },
    { "18446744073709551615", 0, UINT32_MAX, UINT64_MAX, 0, -1 },
    { "18446744073709551617", 0, 1, 1, 0, 1 },
};

static void kernel_rules__each_row(void **state)
{
    for (size_t i = 0; i < WRG_ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        uint32_t u32 = 0;
        uint64_t u64 = 0;
        int32_t i32 = 0;
        assert_int_equal(wrg_scan_u32(row->text, &u32), row->u_ret);
        assert_int_equal(u32, row->u32);
        assert_int_equal(wrg_scan_u64(row->text, &u64), row->u_ret);
        assert_true(u64 == row->u64);
        assert_int_equal(wrg_scan_i32(row->text, &i32), row->i_ret);
        assert_int_equal(i32, row->i32);
    }
}

static void nothing_converted__out_left_alone(void **state)
{
    uint32_t u32 = 5;
    int32_t i32 = 5;

    assert_int_equal(wrg_scan_u32("-1", &u32), -ERANGE);
    assert_int_equal(wrg_scan_i32("-x", &i32), -ERANGE);
    assert_int_equal(u32, 5);
    assert_int_equal(i32, 5);
}

static void format__digits_and_length(void **state)
{
    static const struct {
        uint64_t value;
        const char *text;
    } table[] = { { 0, "0" },
                  { 9, "9" },
                  { 10, "10" },
                  { 51712, "51712" },
                  { UINT64_MAX, "18446744073709551615" } };
    char text[WRG_FORMAT_U64_MAX + 1];

    for (size_t i = 0; i < WRG_ARRAY_LEN(table); i++) {
        size_t len = wrg_format_u64(table[i].value, text);
        assert_string_equal(text, table[i].text);
        assert_int_equal(text[len], 0);
        assert_int_not_equal(text[len - 1], 0);
    }
}

/* ---- rules of others, and of other kinds of nodes ---- */

static void whole_numbers__any_base_and_no_junk(void **state)
{
    static const struct {
        const char *text;
        int result;
        int64_t value;
    } table[] = {
        { "4", 0, 4 },
        { " 4", 0, 4 },
        { "0x4", 0, 4 },
        { "0X1f", 0, 31 },
        { "017", 0, 15 },
        { "0", 0, 0 },
        { "-2", 0, -2 },
        { "+2", 0, 2 },
        { "4x", -ERANGE, 0 },
        { "4 ", -ERANGE, 0 },
        { "", -ERANGE, 0 },
        { "x", -ERANGE, 0 },
        { "08", -ERANGE, 0 },
        { "0x", -ERANGE, 0 },
        { "1f", -ERANGE, 0 },
        { "--1", -ERANGE, 0 },
        { "-", -ERANGE, 0 },
        { "9223372036854775807", 0, INT64_MAX },
        { "9223372036854775808", -ERANGE, 0 },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(table); i++) {
        int64_t value = 0;
        assert_int_equal(wrg_scan_whole(table[i].text, &value), table[i].result);
        assert_int_equal(value, table[i].value);
    }
}

static void true_of_linux__any_number_but_0(void **state)
{
    assert_true(wrg_scan_is_true("1"));
    assert_true(wrg_scan_is_true("2"));
    assert_true(wrg_scan_is_true("1x"));
    assert_false(wrg_scan_is_true("0"));
    assert_false(wrg_scan_is_true("00"));
    assert_false(wrg_scan_is_true(""));
    assert_false(wrg_scan_is_true("yes"));
    assert_false(wrg_scan_is_true("-1"));
    assert_false(wrg_scan_is_true("4294967296"));
}

static void true_of_others__exactly_1(void **state)
{
    assert_true(wrg_scan_is_one("1"));
    assert_false(wrg_scan_is_one("01"));
    assert_false(wrg_scan_is_one("1 "));
    assert_false(wrg_scan_is_one("2"));
    assert_false(wrg_scan_is_one(""));
}

static void physical_device__two_hex_numbers(void **state)
{
    static const struct {
        const char *text;
        int result;
        uint32_t major, minor;
    } table[] = {
        { "ca:1000", 0, 202, 4096 }, { "8:0", 0, 8, 0 },     { "FD:3", 0, 253, 3 },
        { "8:1x", 0, 8, 1 },         { "8", -ERANGE, 0, 0 }, { "8:", -ERANGE, 0, 0 },
        { ":1", -ERANGE, 0, 0 },     { "", -ERANGE, 0, 0 },  { "8-1", -ERANGE, 0, 0 },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(table); i++) {
        uint32_t major = 0, minor = 0;
        assert_int_equal(wrg_scan_device(table[i].text, &major, &minor), table[i].result);
        assert_int_equal(major, table[i].major);
        assert_int_equal(minor, table[i].minor);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernel_rules__each_row),
        cmocka_unit_test(nothing_converted__out_left_alone),
        cmocka_unit_test(format__digits_and_length),
        cmocka_unit_test(whole_numbers__any_base_and_no_junk),
        cmocka_unit_test(true_of_linux__any_number_but_0),
        cmocka_unit_test(true_of_others__exactly_1),
        cmocka_unit_test(physical_device__two_hex_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
