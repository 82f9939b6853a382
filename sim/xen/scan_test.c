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
    (void)state;
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

    (void)state;
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

    (void)state;
    for (size_t i = 0; i < WRG_ARRAY_LEN(table); i++) {
        size_t len = wrg_format_u64(table[i].value, text);
        assert_string_equal(text, table[i].text);
        assert_int_equal(text[len], 0);
        assert_int_not_equal(text[len - 1], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernel_rules__each_row),
        cmocka_unit_test(nothing_converted__out_left_alone),
        cmocka_unit_test(format__digits_and_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
