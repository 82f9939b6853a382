/* SPDX-License-Identifier: MIT */
/* Which walks of the xenbus state are called illegal? */
#include "oracle/test_events.h"

#define BACK_STATE  "/local/domain/2/backend/vbd/1/51712/state"
#define FRONT_STATE "/local/domain/1/device/vbd/51712/state"

static const struct walk {
    const char *states; /* one digit a write, '.' for one by the toolstack that follows */
    enum wrg_rule rule;
} walks[] = {
    { ".12456", WRG_RULE_CLEAN },     /* the whole life */
    { ".124562456", WRG_RULE_CLEAN }, /* and again, by InitWait */
    { ".1245612456", WRG_RULE_CLEAN },
    { ".134", WRG_RULE_CLEAN },
    { ".14", WRG_RULE_CLEAN },      /* firmware */
    { ".1244444", WRG_RULE_CLEAN }, /* resize */
    { ".16", WRG_RULE_CLEAN },
    { ".124.12", WRG_RULE_CLEAN },  /* the toolstack makes it anew */
    { ".1245.42", WRG_RULE_CLEAN }, /* what is forged is not where the driver stands */
    { ".124.54", WRG_RULE_XS_001 }, /* but it must not write over a Closing */
    { "4", WRG_RULE_CLEAN },        /* where it comes from is not known */
    { ".1242", WRG_RULE_XS_001 },
    { ".1241", WRG_RULE_XS_001 },
    { ".12454", WRG_RULE_XS_001 },
    { ".12452", WRG_RULE_XS_001 },
    { ".124564", WRG_RULE_XS_001 },
    { ".124563", WRG_RULE_XS_001 },
    { ".19", WRG_RULE_XS_001 },
};

static void walk(struct bench *t, uint8_t role, const char *path, const char *states)
{
    bench_config(t);
    t->config.judged = WRG_JUDGE_FRONT | WRG_JUDGE_BACK;
    bench_begin(t);
    for (; *states; states++) {
        uint8_t who = *states == '.' ? WRG_ROLE_TOOLSTACK : role;
        states += *states == '.';
        char value[2] = { *states, 0 };
        QUIETLY(t);
        change(t, who, path, value);
    }
}

static void walks_of_either_end__judged(void **state)
{
    struct bench *t = *state;

    for (size_t i = 0; i < WRG_ARRAY_LEN(walks); i++) {
        walk(t, BACK, BACK_STATE, walks[i].states);
        if (t->trace.finding.rule != walks[i].rule)
            fail_msg("back %s: %s", walks[i].states, t->trace.finding.detail);
        walk(t, FRONT, FRONT_STATE, walks[i].states);
        if (t->trace.finding.rule != walks[i].rule)
            fail_msg("front %s: %s", walks[i].states, t->trace.finding.detail);
    }
}

static void no_number__fires(void **state)
{
    struct bench *t = *state;

    bench_config(t);
    bench_begin(t);
    change(t, BACK, BACK_STATE, "garbage");
    assert_int_equal(t->trace.finding.rule, WRG_RULE_XS_001);
}

static void others_and_other_nodes__clean(void **state)
{
    struct bench *t = *state;

    bench_config(t);
    bench_begin(t);
    change(t, FRONT, FRONT_STATE, "99"); /* not judged */
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/mystate", "99");
    change(t, BACK, "/local/domain/2/backend/vbd/1/51712/online", "99");
    change(t, BACK, FRONT_STATE, "99"); /* not its own */
    change(t, WRG_ROLE_TOOLSTACK, BACK_STATE, "99");
    change(t, BACK, BACK_STATE, ""); /* removed */
    QUIETLY(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(walks_of_either_end__judged, bench_open, bench_close),
        cmocka_unit_test_setup_teardown(no_number__fires, bench_open, bench_close),
        cmocka_unit_test_setup_teardown(others_and_other_nodes__clean, bench_open, bench_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
