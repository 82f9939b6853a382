/* SPDX-License-Identifier: MIT */
#include "runner/sanitized.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void do_nothing(void *ctx)
{
}

/* volatile: compilers would see through it. */
static void use_after_free(void *ctx)
{
    volatile char *volatile p = malloc(8);

    free((void *)p);
    *(volatile int *)ctx = p[1];
}

static void shift_too_far(void *ctx)
{
    volatile int by = 40;

    *(volatile int *)ctx = 1 << by;
}

static enum wrg_sanitized judge(enum wrg_rule rule, void (*fn)(void *))
{
    enum wrg_sanitized result;
    int scratch = 0;

    assert_int_equal(wrg_sanitized_run(rule, fn, &scratch, &result), 0);
    return result;
}

/* Quiet tells that it is there. */
static bool is_here(enum wrg_rule rule)
{
    return judge(rule, do_nothing) == WRG_SANITIZED_QUIET;
}

static void use_after_free__address_sanitizer_speaks(void **state)
{
    if (!is_here(WRG_RULE_SAN_ASAN))
        skip();
    assert_int_equal(judge(WRG_RULE_SAN_ASAN, use_after_free), WRG_SANITIZED_SPOKE);
}

static void shift_too_far__is_not_a_matter_of_addresses(void **state)
{
    if (!is_here(WRG_RULE_SAN_ASAN) || !is_here(WRG_RULE_SAN_UBSAN))
        skip();
    assert_int_equal(judge(WRG_RULE_SAN_UBSAN, shift_too_far), WRG_SANITIZED_SPOKE);
    assert_int_equal(judge(WRG_RULE_SAN_ASAN, shift_too_far), WRG_SANITIZED_QUIET);
}

static void plain_build__no_sanitizer_is_claimed(void **state)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
    assert_false(is_here(WRG_RULE_SAN_ASAN));
#endif
    assert_int_equal(judge(WRG_RULE_RING_001, use_after_free), WRG_SANITIZED_ABSENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(use_after_free__address_sanitizer_speaks),
        cmocka_unit_test(shift_too_far__is_not_a_matter_of_addresses),
        cmocka_unit_test(plain_build__no_sanitizer_is_claimed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
