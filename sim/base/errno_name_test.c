/* SPDX-License-Identifier: MIT */
#include "base/errno_name.h"

#include <errno.h>
#include <limits.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void both_signs__same_name(void **state)
{
    assert_string_equal(wrg_errno_name(ENOENT), "ENOENT");
    assert_string_equal(wrg_errno_name(-ENOENT), "ENOENT");
    assert_string_equal(wrg_errno_name(0), "OK");
    assert_string_equal(wrg_errno_name(-EOPNOTSUPP), "EOPNOTSUPP");
    assert_string_equal(wrg_errno_name(-EAGAIN), "EAGAIN");
}

static void number_outside_the_table__question_mark(void **state)
{
    assert_string_equal(wrg_errno_name(99999), "E?");
    assert_string_equal(wrg_errno_name(INT_MIN), "E?");
}

/* xs_wire.h: a client of ours must understand each of them. */
static void every_xenstore_name__goes_both_ways(void **state)
{
    static const char *const names[] = { "EINVAL",    "EACCES",  "EEXIST", "EISDIR",
                                         "ENOENT",    "ENOMEM",  "ENOSPC", "EIO",
                                         "ENOTEMPTY", "ENOSYS",  "EROFS",  "EBUSY",
                                         "EAGAIN",    "EISCONN", "E2BIG",  "EPERM" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int err = wrg_errno_from_name(names[i]);

        assert_true(err > 0);
        assert_string_equal(wrg_errno_name(err), names[i]);
    }
}

static void alias_and_unknown_names__number_or_minus_one(void **state)
{
    assert_int_equal(wrg_errno_from_name("ENOTSUP"), EOPNOTSUPP);
    assert_int_equal(wrg_errno_from_name("EWOULDBLOCK"), EAGAIN);
    assert_int_equal(wrg_errno_from_name("OK"), 0);
    assert_int_equal(wrg_errno_from_name("ENOEN"), -1);
    assert_int_equal(wrg_errno_from_name(""), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_signs__same_name),
        cmocka_unit_test(number_outside_the_table__question_mark),
        cmocka_unit_test(every_xenstore_name__goes_both_ways),
        cmocka_unit_test(alias_and_unknown_names__number_or_minus_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
