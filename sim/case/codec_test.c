/* SPDX-License-Identifier: MIT */
#include "case/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/rng.h"
#include "case/mutate.h"

static struct wrg_case one, two;
static uint8_t first[WRG_CASE_BYTES_MAX], second[WRG_CASE_BYTES_MAX];

/* Decodes from a heap copy of just this size, so that ASan sees a read past its end. */
static void decode_exact(const uint8_t *data, size_t len, struct wrg_case *out)
{
    uint8_t *copy = malloc(len ? len : 1);

    assert_non_null(copy);
    memcpy(copy, data, len);
    wrg_case_decode(copy, len, out);
    free(copy);
}

static void check_fixpoint(const uint8_t *data, size_t len)
{
    size_t n, m;

    decode_exact(data, len, &one);
    n = wrg_case_encode(&one, first, sizeof(first));
    assert_int_equal(n, wrg_case_encoded_bytes(&one));
    decode_exact(first, n, &two);
    m = wrg_case_encode(&two, second, sizeof(second));
    assert_int_equal(one.nops, two.nops);
    assert_int_equal(n, m);
    assert_memory_equal(first, second, n);
}

static void random_bytes__encode_is_a_fixpoint(void **state)
{
    struct wrg_rng rng;
    uint8_t data[512];

    wrg_rng_seed(&rng, 1);
    for (unsigned round = 0; round < 200000; round++) {
        size_t len = wrg_rng_below(&rng, round % 16 ? 64 : sizeof(data));

        wrg_rng_fill(&rng, data, len);
        /* Uniform kinds are mostly unknown ones. */
        for (size_t i = 1; i < len && round % 4; i += 1 + wrg_rng_below(&rng, 24))
            data[i] = (uint8_t)wrg_rng_below(&rng, 30);
        check_fixpoint(data, len);
    }
}

static void mutated_then_broken_bytes__encode_is_a_fixpoint(void **state)
{
    struct wrg_rng rng;
    uint8_t data[2048];
    size_t len = 0;

    wrg_rng_seed(&rng, 2);
    for (unsigned round = 0; round < 20000; round++) {
        if (round % 64 == 0)
            len = 0;
        len = wrg_mutate(data, len, sizeof(data), wrg_rng_u64(&rng), round / 64 % 2);
        data[wrg_rng_below(&rng, (uint32_t)len)] ^= (uint8_t)(1u << wrg_rng_below(&rng, 8));
        check_fixpoint(data, wrg_rng_below(&rng, 4) ? len : wrg_rng_below(&rng, (uint32_t)len));
    }
}

static void empty__no_ops_and_the_version(void **state)
{
    wrg_case_decode(NULL, 0, &one);
    assert_int_equal(one.nops, 0);
    assert_int_equal(wrg_case_encode(&one, first, sizeof(first)), 1);
    assert_int_equal(first[0], 1);
    assert_int_equal(wrg_case_encode(&one, first, 0), 0);
    assert_int_equal(wrg_case_expect(&one), -1);
    assert_int_equal(wrg_case_config(&one).indirect_max, 256);
    assert_int_equal(wrg_case_sched(&one).strategy, WRG_CASE_STRATEGY_STICKY);
}

static void unknown_and_reserved_kinds__skipped_by_length(void **state)
{
    static const uint8_t data[] = { 1, 200, 3, 9, 9, 9, WRG_OP_MEMORY, 1, 0, WRG_OP_KILL,
                                    1, 1,   0, 2, 7, 7 };

    wrg_case_decode(data, sizeof(data), &one);
    assert_int_equal(one.nops, 1);
    assert_int_equal(one.ops[0].kind, WRG_OP_KILL);
    assert_int_equal(one.ops[0].kill.dom, WRG_CASE_DOM_BACK);
}

static void unknown_version__rest_is_read_as_version_1(void **state)
{
    static const uint8_t data[] = { 0xee, WRG_OP_KILL, 0 };

    wrg_case_decode(data, sizeof(data), &one);
    assert_int_equal(one.version, 1);
    assert_int_equal(one.nops, 1);
}

static void operands_missing_or_cut__defaults(void **state)
{
    /* op, inner, half of nseg; then a block whose length lies about the input. */
    static const uint8_t data[] = { 1, WRG_OP_REQ, 3, 6, 1, 0xff, WRG_OP_REQ, 200, 6, 0, 2, 0 };
    const struct wrg_op_req *req;

    wrg_case_decode(data, sizeof(data), &one);
    assert_int_equal(one.nops, 2);
    req = &one.ops[0].req;
    assert_int_equal(req->op, WRG_OPCODE_INDIRECT);
    assert_int_equal(req->inner, WRG_OPCODE_WRITE);
    assert_int_equal(req->nseg, 1);
    assert_int_equal(req->id, WRG_AUTO_64);
    assert_int_equal(one.ops[1].req.nseg, 2);
    assert_int_equal(one.ops[1].req.handle, WRG_AUTO_16);
}

static void surplus_operands__ignored(void **state)
{
    static const uint8_t data[] = { 1, WRG_OP_DETACH, 4, 2, 8, 8, 8, WRG_OP_RECONNECT, 1, 1 };

    wrg_case_decode(data, sizeof(data), &one);
    assert_int_equal(one.nops, 2);
    assert_int_equal(one.ops[0].detach.by, WRG_CASE_DETACH_TOOLSTACK);
    assert_int_equal(one.ops[1].reconnect.by, WRG_CASE_DOM_BACK);
}

/* Through the generic table: what decoder and table say about a kind must be the same. */
static void every_operand__default_when_missing_and_kept_at_its_ends(void **state)
{
    for (unsigned kind = 1; kind <= WRG_OP_KIND_MAX; kind++) {
        const struct wrg_op_info *info = wrg_op_info(kind);
        uint8_t bare[3] = { 1, (uint8_t)kind, 0 };

        wrg_case_decode(bare, sizeof(bare), &one);
        assert_int_equal(one.nops, info->live);
        for (unsigned i = 0; i < info->nargs; i++) {
            const struct wrg_arg *arg = &info->args[i];
            uint64_t ends[2] = { arg->min, arg->max };

            assert_true(wrg_arg_is_default(&one.ops[0], arg));
            for (unsigned e = 0; e < 2 && arg->type != WRG_ARG_TEXT; e++) {
                two = one;
                wrg_arg_set(&two.ops[0], arg, ends[e]);
                wrg_op_settle(&two.ops[0]);
                uint64_t wanted = wrg_arg_get(&two.ops[0], arg);
                wrg_case_decode(first, wrg_case_encode(&two, first, sizeof(first)), &two);
                assert_int_equal(wrg_arg_get(&two.ops[0], arg), wanted);
            }
        }
    }
}

static void status_that_its_site_has_not__read_as_auto(void **state)
{
    const uint8_t data[] = {
        1,    WRG_OP_FAULT, 9, WRG_FAULT_ALLOC,      1, 0, 0, 0, 0xf3, 0xff, 0xff,
        0xff, WRG_OP_FAULT, 9, WRG_FAULT_GNTTAB_MAP, 1, 0, 0, 0, 0xf3, 0xff, 0xff,
        0xff
    }; /* both -13 */

    wrg_case_decode(data, sizeof(data), &one);
    assert_int_equal(one.nops, 2);
    assert_int_equal(one.ops[0].fault.status, WRG_AUTO_I32);
    assert_int_equal(one.ops[1].fault.status, -13);
    check_fixpoint(data, sizeof(data));
}

static void out_of_range__folded_as_the_table_says(void **state)
{
    static const struct {
        uint8_t kind, len, bytes[8];
        uint8_t arg;
        uint64_t value;
    } rows[] = {
        { WRG_OP_FAULT, 1, { 0xff }, 0, 0xff % WRG_COUNT_SITE },
        { WRG_OP_CONFIG, 2, { 0, 7 }, 1, 7 % 5 },
        { WRG_OP_CONFIG, 6, { 0, 0, 0, 0, 1, 0 }, 2, 0 },
        { WRG_OP_CONFIG, 6, { 0, 0, 0xff, 0xff, 0xff, 0xff }, 2, WRG_ABSENT },
        { WRG_OP_SEG, 4, { 0, 0x10, 0, 0 }, 0, 0 },
        { WRG_OP_SEG, 4, { 0, 0, 0, 0 }, 1, 1 },
        { WRG_OP_SEG, 4, { 0, 0, 1, 0x10 }, 1, 1 + 0x1001 % 0x1000 },
        { WRG_OP_PREEMPT, 1, { 0x45 }, 0, 0x05 },
        { WRG_OP_PREEMPT, 5, { 0, 1, 0, 9, 0 }, 1, 0x10001 },
        { WRG_OP_PUBLISH, 4, { 0xff, 0xff, 0xff, 0xff }, 0, UINT64_MAX },
        { WRG_OP_EXPECT, 2, { 32, 0 }, 0, WRG_RULE_LIVE_001 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t data[11] = { 1, rows[i].kind, rows[i].len };

        memcpy(data + 3, rows[i].bytes, rows[i].len);
        wrg_case_decode(data, 3u + rows[i].len, &one);
        assert_int_equal(one.nops, 1);
        assert_int_equal(wrg_arg_get(&one.ops[0], &wrg_op_info(rows[i].kind)->args[rows[i].arg]),
                         rows[i].value);
    }
}

static void unknown_rule__clean_or_a_rule(void **state)
{
    for (unsigned n = 0; n < 65536; n++) {
        uint16_t rule = wrg_fold_rule((uint16_t)n);

        assert_true(rule == WRG_RULE_CLEAN || wrg_rule_by_number(rule));
        if (wrg_rule_by_number(n))
            assert_int_equal(rule, n);
    }
}

static void text_with_a_nul_inside__ends_there(void **state)
{
    uint8_t data[1 + 2 + 3 + 48 + 32] = { 1, WRG_OP_XS, 83, 0, 0, 0, 'a', 0, 'b' };

    memset(data + 6 + 48, 'v', 32);
    wrg_case_decode(data, sizeof(data), &one);
    assert_string_equal(one.ops[0].xs.path, "a");
    assert_int_equal(strlen(one.ops[0].xs.value), 32);
    check_fixpoint(data, sizeof(data));
}

static void more_ops_than_the_limit__ignored(void **state)
{
    uint8_t data[1 + 2 * (WRG_CASE_OPS_MAX + 9)] = { 1 };

    for (size_t i = 1; i < sizeof(data); i += 2)
        data[i] = WRG_OP_KILL;
    wrg_case_decode(data, sizeof(data), &one);
    assert_int_equal(one.nops, WRG_CASE_OPS_MAX);
    assert_false(wrg_case_append(&one, &one.ops[0]));
    check_fixpoint(data, sizeof(data));
}

static void small_buffer__whole_ops_only(void **state)
{
    struct wrg_op op = wrg_op_make(WRG_OP_REQ);
    size_t whole;

    wrg_case_init(&one);
    assert_true(wrg_case_append(&one, &op));
    assert_true(wrg_case_append(&one, &op));
    whole = wrg_case_encoded_bytes(&one);
    assert_int_equal(wrg_case_encode(&one, first, whole), whole);
    assert_int_equal(wrg_case_encode(&one, first, whole - 1), 1 + (whole - 1) / 2);
}

/* Bytes are a promise to every corpus that exists. */
static void one_request__these_very_bytes(void **state)
{
    static const uint8_t bytes[] = {
        1, 8, 32, 6, 1, 0x58, 2,    8, 0, 0, 0, 0, 0, 0, 0, 0x17, 0, 0,
        0, 0, 0,  0, 0, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0,    0,
    };
    struct wrg_op op = wrg_op_make(WRG_OP_REQ);

    op.req.op = WRG_OPCODE_INDIRECT;
    op.req.inner = WRG_OPCODE_WRITE;
    op.req.nseg = 600;
    op.req.sector = 8;
    op.req.id = 0x17;
    wrg_case_init(&one);
    (void)wrg_case_append(&one, &op);
    assert_int_equal(wrg_case_encode(&one, first, sizeof(first)), sizeof(bytes));
    assert_memory_equal(first, bytes, sizeof(bytes));
}

/* As it was written before requests named a queue. */
static void operand_added_since__its_default(void **state)
{
    static const uint8_t bytes[] = {
        1, 8, 31, 6, 1, 0x58, 2,    8,    0, 0, 0, 0, 0, 0, 0, 0x17, 0,
        0, 0, 0,  0, 0, 0,    0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0,    0,
    };

    wrg_case_decode(bytes, sizeof(bytes), &one);
    assert_int_equal(one.nops, 1);
    assert_int_equal(one.ops[0].req.nseg, 600);
    assert_int_equal(one.ops[0].req.queue, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_bytes__encode_is_a_fixpoint),
        cmocka_unit_test(mutated_then_broken_bytes__encode_is_a_fixpoint),
        cmocka_unit_test(empty__no_ops_and_the_version),
        cmocka_unit_test(unknown_and_reserved_kinds__skipped_by_length),
        cmocka_unit_test(unknown_version__rest_is_read_as_version_1),
        cmocka_unit_test(operands_missing_or_cut__defaults),
        cmocka_unit_test(surplus_operands__ignored),
        cmocka_unit_test(every_operand__default_when_missing_and_kept_at_its_ends),
        cmocka_unit_test(status_that_its_site_has_not__read_as_auto),
        cmocka_unit_test(out_of_range__folded_as_the_table_says),
        cmocka_unit_test(unknown_rule__clean_or_a_rule),
        cmocka_unit_test(text_with_a_nul_inside__ends_there),
        cmocka_unit_test(more_ops_than_the_limit__ignored),
        cmocka_unit_test(small_buffer__whole_ops_only),
        cmocka_unit_test(one_request__these_very_bytes),
        cmocka_unit_test(operand_added_since__its_default),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
