/* SPDX-License-Identifier: MIT */
#include "runner/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "case/codec.h"
#include "runner/runner.h"

static void verdicts__have_their_exit_codes(void **state)
{
    static const struct {
        enum wrg_rule rule;
        bool has_expect;
        enum wrg_rule expected;
        int code;
    } rows[] = {
        { WRG_RULE_CLEAN, false, WRG_RULE_CLEAN, 0 },
        { WRG_RULE_CLEAN, true, WRG_RULE_CLEAN, 0 },
        { WRG_RULE_RING_004, true, WRG_RULE_RING_004, 0 },
        { WRG_RULE_RING_004, false, WRG_RULE_CLEAN, 1 },
        { WRG_RULE_RING_004, true, WRG_RULE_CLEAN, 1 },
        { WRG_RULE_CLEAN, true, WRG_RULE_RING_004, 1 },
        { WRG_RULE_RING_003, true, WRG_RULE_RING_004, 1 },
        { WRG_RULE_LOG_001, false, WRG_RULE_CLEAN, 1 },
        { WRG_RULE_CLEAN, true, WRG_RULE_SAN_ASAN, 0 },
        { WRG_RULE_CLEAN, true, WRG_RULE_SAN_LEAK, 0 },
        { WRG_RULE_TOOL_001, false, WRG_RULE_CLEAN, 3 },
        { WRG_RULE_TOOL_001, true, WRG_RULE_TOOL_001, 3 },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(rows); i++) {
        struct wrg_verdict v = { .rule = rows[i].rule,
                                 .has_expect = rows[i].has_expect,
                                 .expected = rows[i].expected };

        assert_int_equal(wrg_outcome_exit(wrg_outcome_of(&v)), rows[i].code);
    }
}

static void sanitizer_expected__is_a_skip_not_a_pass(void **state)
{
    struct wrg_verdict v = { .has_expect = true, .expected = WRG_RULE_SAN_UBSAN };

    assert_int_equal(wrg_outcome_of(&v), WRG_OUTCOME_SKIP);
}

static void case_that_expects_a_sanitizer__is_told_apart(void **state)
{
    struct wrg_case *c = malloc(sizeof(*c));
    struct wrg_op op = wrg_op_make(WRG_OP_EXPECT);

    assert_non_null(c);
    op.expect.rule = WRG_RULE_SAN_ASAN;
    wrg_case_init(c);
    assert_false(wrg_runner_wants_sanitizer(c));
    assert_true(wrg_case_append(c, &op));
    assert_true(wrg_runner_wants_sanitizer(c));
    c->ops[0].expect.rule = WRG_RULE_LOG_001;
    assert_false(wrg_runner_wants_sanitizer(c));
    free(c);
}

static void tool_fault_beside_a_finding__counts(void **state)
{
    assert_int_equal(wrg_exit_join(WRG_EXIT_FAULT, WRG_EXIT_FINDING), WRG_EXIT_FAULT);
    assert_int_equal(wrg_exit_join(WRG_EXIT_OK, WRG_EXIT_USAGE), WRG_EXIT_USAGE);
    assert_int_equal(wrg_exit_join(WRG_EXIT_FINDING, WRG_EXIT_OK), WRG_EXIT_FINDING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts__have_their_exit_codes),
        cmocka_unit_test(sanitizer_expected__is_a_skip_not_a_pass),
        cmocka_unit_test(case_that_expects_a_sanitizer__is_told_apart),
        cmocka_unit_test(tool_fault_beside_a_finding__counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
