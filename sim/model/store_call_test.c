/* SPDX-License-Identifier: MIT */
/* Do questions survive their way through events, and are lists of permissions read as written? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/store_call.h"

static void op_through_an_event__the_same(void **state)
{
    struct wrg_op op = wrg_op_make(WRG_OP_STORE);
    char payload[WRG_STORE_EVENT_BYTES];
    struct wrg_event ev = { 0 };

    op.store.client = 4;
    op.store.action = WRG_CASE_STORE_SET_PERMS;
    op.store.tx = 15;
    op.store.dom = 9;
    op.store.n = UINT32_MAX;
    op.store.path_pad = 4096;
    op.store.value_pad = 4095;
    memset(op.store.path, 'a', 32);
    memset(op.store.value, 'b', 24);
    uint32_t len = wrg_store_call_pack(&op.store, 7, &ev, payload);
    assert_int_equal(len, sizeof(payload));
    struct wrg_op_store back = wrg_store_call_unpack(&ev, payload, len);
    assert_int_equal(back.client, 4);
    assert_int_equal(back.action, WRG_CASE_STORE_SET_PERMS);
    assert_int_equal(back.tx, 15);
    assert_int_equal(back.dom, 9);
    assert_int_equal(back.n, UINT32_MAX);
    assert_int_equal(back.path_pad, 4096);
    assert_int_equal(back.value_pad, 4095);
    assert_string_equal(back.path, op.store.path);
    assert_string_equal(back.value, op.store.value);
}

static void event_of_nonsense__a_legal_op(void **state)
{
    struct wrg_event ev = { .a = UINT32_MAX, .b = UINT32_MAX, .c = UINT64_MAX };
    char payload[128];

    memset(payload, 'z', sizeof(payload));
    struct wrg_op_store op = wrg_store_call_unpack(&ev, payload, sizeof(payload));
    assert_true(op.client < WRG_STORE_CLIENTS && op.action < WRG_COUNT_STORE);
    assert_true(op.tx < WRG_STORE_TXS && op.dom < WRG_STORE_DOMAINS && op.path_pad <= 4096);
    assert_int_equal(strlen(op.path), 32);
    assert_int_equal(strlen(op.value), 0);
    op = wrg_store_call_unpack(&ev, NULL, 0);
    assert_int_equal(strlen(op.path), 0);
}

static void padding__behind_the_text(void **state)
{
    static struct wrg_store_text text;
    struct wrg_op op = wrg_op_make(WRG_OP_STORE);

    strcpy(op.store.path, "/a");
    strcpy(op.store.value, "x");
    op.store.path_pad = 2;
    op.store.value_pad = 3;
    struct wrg_store_call call = wrg_store_call_of(&op.store, &text);
    assert_string_equal(call.path, "/app");
    assert_string_equal(call.value, "xvvv");
    assert_int_equal(call.len, 4);
}

static void lists_of_permissions__read_or_refused(void **state)
{
    static const struct {
        const char *text;
        int count;
    } lists[] = { { "", 0 },
                  { "n0", 1 },
                  { "n0r1w2b3", 4 },
                  { "n", -1 },
                  { "x0", -1 },
                  { "n0r", -1 },
                  { "n0r1n0r1n0r1n0r1n0r1n0r1n0r1n0r1n0", -1 } };
    struct wrg_store_entry entries[WRG_STORE_PERMS];
    char text[2 * WRG_STORE_PERMS + 1];

    for (size_t i = 0; i < WRG_ARRAY_LEN(lists); i++) {
        int count = wrg_store_perms_parse(lists[i].text, entries);
        assert_int_equal(count, lists[i].count);
        if (count < 0)
            continue;
        assert_int_equal(wrg_store_perms_print(entries, (size_t)count, text), 2 * count);
        assert_string_equal(text, lists[i].text);
    }
}

static void answers__agree_in_result_and_every_byte(void **state)
{
    static struct wrg_store_answer a, b;

    a.len = b.len = 2;
    memcpy(a.data, "ab", 2);
    memcpy(b.data, "ab", 2);
    assert_true(wrg_store_answers_agree(&a, &b));
    b.data[1] = 'c';
    assert_false(wrg_store_answers_agree(&a, &b));
    b.any = true;
    assert_true(wrg_store_answers_agree(&a, &b));
    b.any = false;
    b.data[1] = 'b';
    b.len = 1;
    assert_false(wrg_store_answers_agree(&a, &b));
    b.len = 2;
    b.result = -2;
    assert_false(wrg_store_answers_agree(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(op_through_an_event__the_same),
        cmocka_unit_test(event_of_nonsense__a_legal_op),
        cmocka_unit_test(padding__behind_the_text),
        cmocka_unit_test(lists_of_permissions__read_or_refused),
        cmocka_unit_test(answers__agree_in_result_and_every_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
