/* SPDX-License-Identifier: MIT */
#include "runner/outcome.h"

enum wrg_outcome wrg_outcome_of(const struct wrg_verdict *verdict)
{
    enum wrg_rule wanted = verdict->has_expect ? verdict->expected : WRG_RULE_CLEAN;

    if (verdict->rule >= WRG_RULE_TOOL_001)
        return WRG_OUTCOME_FAULT;
    if (wrg_rule_is_sanitizer((int)wanted))
        return WRG_OUTCOME_SKIP;
    return verdict->rule == wanted ? WRG_OUTCOME_PASS : WRG_OUTCOME_FAIL;
}

enum wrg_exit wrg_outcome_exit(enum wrg_outcome outcome)
{
    static const enum wrg_exit codes[] = {
        [WRG_OUTCOME_PASS] = WRG_EXIT_OK,
        [WRG_OUTCOME_FAIL] = WRG_EXIT_FINDING,
        [WRG_OUTCOME_SKIP] = WRG_EXIT_OK,
        [WRG_OUTCOME_FAULT] = WRG_EXIT_FAULT,
    };

    return codes[outcome];
}

int wrg_exit_join(int a, int b)
{
    return a > b ? a : b;
}
