/* SPDX-License-Identifier: MIT */
/* Does each account of the ledger fire its rule, when there is more than before? And log floods. */
#include "oracle/test_events.h"

static const struct {
    enum wrg_ledger kind;
    enum wrg_rule rule;
} accounts[] = {
    { WRG_LEDGER_MAPPINGS, WRG_RULE_GNT_003 },    { WRG_LEDGER_GRANTS, WRG_RULE_GNT_007 },
    { WRG_LEDGER_PAGES, WRG_RULE_MEM_001 },       { WRG_LEDGER_POOL_BLOCKS, WRG_RULE_MEM_001 },
    { WRG_LEDGER_HEAP_BLOCKS, WRG_RULE_MEM_001 }, { WRG_LEDGER_EVTCHNS, WRG_RULE_EVT_001 },
    { WRG_LEDGER_WATCHES, WRG_RULE_XS_002 },      { WRG_LEDGER_TRANSACTIONS, WRG_RULE_XS_002 },
};

static void count(struct bench *t, uint8_t role, uint32_t kind, uint32_t held, uint64_t baseline)
{
    bench_config(t);
    bench_begin(t);
    emit(t, .kind = WRG_EV_LEDGER, .role = role, .a = kind, .b = held, .c = 42, .d = baseline);
}

static void more_than_before__fires(void **state)
{
    struct bench *t = *state;

    assert_int_equal(WRG_ARRAY_LEN(accounts), WRG_NR_LEDGERS);
    for (size_t i = 0; i < WRG_ARRAY_LEN(accounts); i++) {
        count(t, BACK, accounts[i].kind, 3, 2);
        assert_int_equal(t->trace.finding.rule, accounts[i].rule);
    }
}

static void as_before_or_less_or_not_judged__clean(void **state)
{
    struct bench *t = *state;

    for (size_t i = 0; i < WRG_ARRAY_LEN(accounts); i++) {
        count(t, BACK, accounts[i].kind, 2, 2);
        QUIETLY(t);
        count(t, BACK, accounts[i].kind, 1, 2);
        QUIETLY(t);
        count(t, FRONT, accounts[i].kind, 3, 2);
        QUIETLY(t);
    }
    count(t, BACK, WRG_NR_LEDGERS, 3, 2);
    QUIETLY(t);
}

static void log_lines(struct bench *t, uint8_t role, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        emit_bytes(t, (struct spec){ .kind = WRG_EV_LOG, .role = role }, "text", 4);
}

static void a_thousand_lines__clean(struct bench *t)
{
    log_lines(t, BACK, 1000);
    log_lines(t, FRONT, 2000);
}

static void a_thousand_and_one_lines__fires(struct bench *t)
{
    log_lines(t, BACK, 1000);
    QUIETLY(t);
    log_lines(t, BACK, 1);
}

static void ask_one(struct bench *t)
{
    struct wrg_blkif_request request = rw(9, 7, 0, 0);

    connect_ring(t);
    ask(t, 0, &request);
}

static void ten_more_for_a_request__clean(struct bench *t)
{
    ask_one(t);
    log_lines(t, BACK, 1010);
}

static void eleven_more_for_a_request__fires(struct bench *t)
{
    ten_more_for_a_request__clean(t);
    QUIETLY(t);
    log_lines(t, BACK, 1);
}

static const struct scenario scenarios[] = {
    PLAY(a_thousand_lines__clean, CLEAN),
    PLAY(a_thousand_and_one_lines__fires, LOG_001),
    PLAY(ten_more_for_a_request__clean, CLEAN),
    PLAY(eleven_more_for_a_request__fires, LOG_001),
};

static void log_floods__fire(void **state)
{
    play_all(*state, scenarios, WRG_ARRAY_LEN(scenarios));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(more_than_before__fires, bench_open, bench_close),
        cmocka_unit_test_setup_teardown(as_before_or_less_or_not_judged__clean, bench_open,
                                        bench_close),
        cmocka_unit_test_setup_teardown(log_floods__fire, bench_open, bench_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
