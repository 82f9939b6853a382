/* SPDX-License-Identifier: MIT */
#include "case/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "case/boundary.h"
#include "case/mutate.h"

static struct wrg_case one, two;
static uint8_t first[WRG_CASE_BYTES_MAX], second[WRG_CASE_BYTES_MAX];

static char *print(const struct wrg_case *c, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);

    assert_non_null(out);
    wrg_case_print(c, out);
    fclose(out);
    return text;
}

static void assert_same_case(const struct wrg_case *a, const struct wrg_case *b)
{
    size_t n = wrg_case_encode(a, first, sizeof(first));

    assert_int_equal(n, wrg_case_encode(b, second, sizeof(second)));
    assert_memory_equal(first, second, n);
}

static void check_round_trip(const struct wrg_case *c)
{
    struct wrg_case_list list;
    char err[256] = "";
    size_t len;
    char *text = print(c, &len);

    if (wrg_case_parse(text, len, "x", &list, err, sizeof(err)))
        fail_msg("%s\n%s", err, text);
    wrg_case_list_get(&list, 0, &two);
    assert_same_case(c, &two);
    wrg_case_list_fini(&list);
    free(text);
}

static void every_operand_at_many_values__round_trip(void **state)
{
    for (unsigned kind = 1; kind <= WRG_OP_KIND_MAX; kind++) {
        const struct wrg_op_info *info = wrg_op_info(kind);

        for (unsigned i = 0; i < info->nargs; i++) {
            const struct wrg_arg *arg = &info->args[i];
            struct wrg_boundary b = wrg_boundary(arg->klass);

            wrg_case_init(&one);
            one.nops = 1;
            one.ops[0] = wrg_op_make((enum wrg_op_kind)kind);
            check_round_trip(&one);
            for (uint64_t v = 0; v < 300 && arg->type != WRG_ARG_TEXT; v++) {
                wrg_arg_set(&one.ops[0], arg, v < b.count ? b.values[v] : v - b.count);
                wrg_op_settle(&one.ops[0]);
                check_round_trip(&one);
                wrg_arg_set(&one.ops[0], arg, -v);
                wrg_op_settle(&one.ops[0]);
                check_round_trip(&one);
            }
        }
    }
}

static void texts_of_every_byte__round_trip(void **state)
{
    wrg_case_init(&one);
    one.nops = 1;
    for (unsigned c = 1; c < 256; c++) {
        one.ops[0] = wrg_op_make(WRG_OP_XS);
        one.ops[0].xs.path[0] = (char)c;
        memset(one.ops[0].xs.value, (int)c, 32);
        check_round_trip(&one);
    }
}

static void mutated_cases__round_trip(void **state)
{
    uint8_t data[1024];
    size_t len = 0;

    for (unsigned round = 0; round < 4000; round++) {
        if (round % 32 == 0)
            len = 0;
        len = wrg_mutate(data, len, sizeof(data), round, round / 32 % 2);
        wrg_case_decode(data, len, &one);
        /* In bytes the first of these counts, in text there can be one only. */
        for (unsigned i = 1; i < one.nops; i++)
            if (wrg_case_first(&one, (enum wrg_op_kind)one.ops[i].kind) != &one.ops[i] &&
                (one.ops[i].kind == WRG_OP_CONFIG || one.ops[i].kind == WRG_OP_SCHED))
                one.ops[i] = wrg_op_make(WRG_OP_KILL);
        check_round_trip(&one);
    }
}

static void parse_good(const char *text, struct wrg_case_list *list)
{
    char err[256] = "";

    if (wrg_case_parse(text, strlen(text), "x", list, err, sizeof(err)))
        fail_msg("%s", err);
}

static void example_of_the_manual__read_as_meant(void **state)
{
    static const char text[] = "wringer 1\r\n"
                               "# XSA-155 (b)\n"
                               "config  abi=x86_64 indirect-max=absent  victim=back # tail\n"
                               "\n"
                               "\treq op=indirect inner=write nseg=600 sector=8 id=0x17\n"
                               "tamper  req=1 fetch=12 off=5 val=0xff        # why\n"
                               "preempt task=back.1 section=request.3 event=4 to=front\n"
                               "fault   site=disk-write status=-28\n"
                               "rsp     operation=indirect status=-1\n"
                               "xs      node=state value=\"4 # \\\"x\\\" \\x01\"\n"
                               "expect  RING-004";
    struct wrg_case_list list;

    parse_good(text, &list);
    assert_int_equal(list.count, 1);
    wrg_case_list_get(&list, 0, &one);
    assert_int_equal(one.nops, 8);
    assert_int_equal(one.ops[0].config.indirect_max, WRG_ABSENT);
    assert_int_equal(one.ops[1].line, 5);
    assert_int_equal(one.ops[1].req.nseg, 600);
    assert_int_equal(one.ops[3].preempt.task, WRG_ACTOR(WRG_ROLE_BACK, 1));
    assert_int_equal(one.ops[3].preempt.section, WRG_SECTION(WRG_SECTION_REQUEST, 3));
    assert_int_equal(one.ops[4].fault.status, -28);
    assert_int_equal(one.ops[5].rsp.operation, 6);
    assert_string_equal(one.ops[6].xs.value, "4 # \"x\" \x01");
    assert_int_equal(wrg_case_expect(&one), WRG_RULE_RING_004);
    wrg_case_list_fini(&list);
}

static void printed__only_what_differs(void **state)
{
    struct wrg_case_list list;
    size_t len;
    char *text;

    parse_good("wringer 1\nreq nseg=0x258 op=6 inner=read id=23\npublish notify=auto\nexpect clean",
               &list);
    wrg_case_list_get(&list, 0, &one);
    text = print(&one, &len);
    assert_string_equal(text, "wringer 1\nreq     op=indirect nseg=600 id=0x17\npublish\n"
                              "expect  clean\n");
    free(text);
    wrg_case_list_fini(&list);
}

static void repeat__every_combination_once(void **state)
{
    struct wrg_case_list list;
    bool seen[3][2] = { 0 };
    char label[64];

    parse_good("wringer 1\nrepeat n=1,511,512\nrepeat how=read,write # two\n"
               "req nseg=$n inner=$how op=indirect\nexpect clean\n",
               &list);
    assert_int_equal(list.count, 6);
    for (size_t i = 0; i < list.count; i++) {
        wrg_case_list_get(&list, i, &one);
        seen[one.ops[0].req.nseg == 1 ? 0 : one.ops[0].req.nseg - 510][one.ops[0].req.inner] = true;
    }
    for (unsigned i = 0; i < 6; i++)
        assert_true(seen[i / 2][i % 2]);
    assert_string_equal(wrg_case_list_label(&list, 4, label, sizeof(label)), "n=511 how=write");
    assert_string_equal(wrg_case_list_label(&list, 4, label, 6), "n=511");
    wrg_case_list_fini(&list);
}

static void names_of_one_line__step_together(void **state)
{
    struct wrg_case_list list;
    bool seen[3][2] = { 0 };
    char label[64];

    parse_good("wringer 1\nrepeat n=1,2,3 s=16,32,48\nrepeat how=read,write\n"
               "req nseg=$n sector=$s op=$how\nexpect clean\n",
               &list);
    assert_int_equal(list.count, 6);
    for (size_t i = 0; i < list.count; i++) {
        wrg_case_list_get(&list, i, &one);
        assert_int_equal(one.ops[0].req.sector, 16 * one.ops[0].req.nseg);
        seen[one.ops[0].req.nseg - 1][one.ops[0].req.op] = true;
    }
    for (unsigned i = 0; i < 6; i++)
        assert_true(seen[i / 2][i % 2]);
    assert_string_equal(wrg_case_list_label(&list, 4, label, sizeof(label)), "n=2 s=32 how=write");
    wrg_case_list_fini(&list);
}

static void repeat_of_rules__expected_one_by_one(void **state)
{
    struct wrg_case_list list;

    parse_good("wringer 1\nrepeat r=clean,GNT-001\nexpect $r\n", &list);
    wrg_case_list_get(&list, 1, &one);
    assert_int_equal(wrg_case_expect(&one), WRG_RULE_GNT_001);
    wrg_case_list_fini(&list);
}

#define V "wringer 1\n"

static const struct {
    const char *text;
    const char *message;
} mistakes[] = {
    { "", "f.wring:1:1: empty; the first line of a case is 'wringer 1'" },
    { "req\n", "f.wring:1:1: the first line of a case is 'wringer 1', not 'req'" },
    { "\nwringer 1\n", "f.wring:1:1: the first line of a case is 'wringer 1', not ''" },
    { "wringer 2\n", "f.wring:1:9: version '2' is not known; this is version 1" },
    { "wringer \n", "f.wring:1:9: version '' is not known; this is version 1" },
    { "wringer 1 req\n", "f.wring:1:11: nothing follows the version" },
    { V "io sectr=1", "f.wring:2:4: unknown operand 'sectr' of 'io'; did you mean 'sector'?" },
    { V "io bogus=1", "f.wring:2:4: unknown operand 'bogus' of 'io'" },
    { V "\n rq nseg=1", "f.wring:3:2: unknown op 'rq'; did you mean 'req'?" },
    { V "zzzz", "f.wring:2:1: unknown op 'zzzz'" },
    { V "z\x01\xffz", "f.wring:2:1: unknown op 'z\\x01\\xffz'" },
    { V "req  nseg=70000", "f.wring:2:11: 'nseg' takes 0..65535, not '70000'" },
    { V "req nseg=-1", "f.wring:2:10: 'nseg' takes 0..65535, not '-1'" },
    { V "req nseg=", "f.wring:2:10: 'nseg' takes 0..65535, not ''" },
    { V "req nseg=0x", "f.wring:2:10: 'nseg' takes 0..65535, not '0x'" },
    { V "req nseg=3#no", "f.wring:2:10: 'nseg' takes 0..65535, not '3#no'" },
    { V "req sector=18446744073709551616",
      "f.wring:2:12: 'sector' takes 0..18446744073709551615, not '18446744073709551616'" },
    { V "req id=aut", "f.wring:2:8: 'id' takes 0..18446744073709551615 or auto, not 'aut'; "
                      "did you mean 'auto'?" },
    { V "config indirect-max=65536",
      "f.wring:2:21: 'indirect-max' takes 0..65535 or absent, not '65536'" },
    { V "config indirect-max=0xffffffff",
      "f.wring:2:21: 'indirect-max' takes 0..65535 or absent, not '0xffffffff'" },
    { V "config abi=x86-64", "f.wring:2:12: 'abi' takes one of native, x86_64, x86_32, not "
                             "'x86-64'; did you mean 'x86_64'?" },
    { V "config readonly=1", "f.wring:2:17: 'readonly' takes one of no, yes, not '1'" },
    { V "publish prod=2147483648",
      "f.wring:2:14: 'prod' takes -2147483648..2147483647, not '2147483648'" },
    { V "publish prod=-", "f.wring:2:14: 'prod' takes -2147483648..2147483647, not '-'" },
    { V "req op=256", "f.wring:2:8: 'op' takes an operation or 0..255, not '256'" },
    { V "preempt task=bak", "f.wring:2:14: 'task' takes front, back, toolstack or script, with .0 "
                            "to .15 after it, not 'bak'; did you mean 'back'?" },
    { V "preempt section=request.65536",
      "f.wring:2:17: 'section' takes a section such as request.1, with .0 to .65535 after it, not "
      "'request.65536'" },
    { V "xs node=stat", "f.wring:2:9: 'node' takes one of 58 names, not 'stat'; did you mean "
                        "'state'?" },
    { V "xs value=4", "f.wring:2:10: 'value' takes a \"quoted\" text up to 32 bytes, not '4'" },
    { V "xs value=\"4", "f.wring:2:10: the text of 'value' has no closing quote" },
    { V "xs value=\"\\q\"", "f.wring:2:10: 'value' has a bad escape; there are \\n \\t \\r \\\" "
                            "\\\\ and \\x01..\\xff" },
    { V "xs value=\"\\x0\"", "f.wring:2:10: 'value' has a bad escape; there are \\n \\t \\r \\\" "
                             "\\\\ and \\x01..\\xff" },
    { V "xs value=\"4\"by=peer", "f.wring:2:13: expected a blank after the value of 'value'" },
    { V "xs value=\"123456789012345678901234567890123\"",
      "f.wring:2:10: 'value' takes at most 32 bytes" },
    { V "req nseg=1 nseg=2", "f.wring:2:12: 'nseg' is given twice" },
    { V "req 5", "f.wring:2:5: expected name=value, not '5'" },
    { V "req =5", "f.wring:2:5: unknown operand '' of 'req'" },
    { V "req=5", "f.wring:2:1: unknown op 'req=5'" },
    { V "fault nth=2  status=-5 site=alloc # status=",
      "f.wring:2:21: 'alloc' does not fail with -5; it takes auto, -12" },
    { V "fault site=xs-transaction-end status=0",
      "f.wring:2:38: 'xs-transaction-end' does not fail with 0; it takes auto, -11, -28, -12, -2, "
      "-5" },
    { V "repeat a=alloc,xs-read\nrepeat b=auto,-5\nfault site=$a status=$b",
      "f.wring:4:22: 'alloc' does not fail with -5; it takes auto, -12" },
    { V "memory", "f.wring:2:1: 'memory' is reserved and does nothing yet" },
    { V "sched\nsched", "f.wring:3:1: a second 'sched'; there can be one" },
    { V "expect", "f.wring:2:7: 'expect' takes clean or a rule id such as RING-004" },
    { V "expect RING-4", "f.wring:2:8: 'rule' takes clean or a rule id such as RING-004, not "
                         "'RING-4'; did you mean 'RING-004'?" },
    { V "expect RING-04", "f.wring:2:8: 'rule' takes clean or a rule id such as RING-004, not "
                          "'RING-04'; did you mean 'RING-004'?" },
    { V "expect clean clean", "f.wring:2:14: 'rule' is given twice" },
    { V "req nseg=$n", "f.wring:2:11: unknown name of a 'repeat' 'n'" },
    { V "repeat n=1,2\nrepeat abc=1\nreq nseg=$abd",
      "f.wring:4:11: unknown name of a 'repeat' 'abd'; did you mean 'abc'?" },
    { V "repeat n=1,2\nreq", "f.wring:2:8: nothing uses '$n'" },
    { V "repeat n=1,,2\n", "f.wring:2:12: 'repeat' has an empty value" },
    { V "repeat n=1, 2\n", "f.wring:2:12: 'repeat' has an empty value" },
    { V "repeat n=1 2\n",
      "f.wring:2:12: 'repeat' takes name=value,value,... without blanks between" },
    { V "repeat n=1,2 m=1,2,3\n", "f.wring:2:14: 'm' has 3 values, and the first of its line 2" },
    { V "repeat n=1,2 m=1,70000\nreq nseg=$m sector=$n",
      "f.wring:3:10: 'nseg' takes 0..65535, not '70000'" },
    { V "repeat n\n", "f.wring:2:8: 'repeat' takes name=value,value,... without blanks between" },
    { V "repeat n=1\nrepeat n=2\n", "f.wring:3:8: 'n' is repeated twice" },
    { V "repeat n=1,70000\nreq nseg=$n", "f.wring:3:10: 'nseg' takes 0..65535, not '70000'" },
    { V "repeat a=1,2\nrepeat n=1,70000\nreq nseg=$n sector=$a",
      "f.wring:4:10: 'nseg' takes 0..65535, not '70000'" },
};

static void mistake__one_line_with_place_and_expectation(void **state)
{
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct wrg_case_list list;
        char err[2048] = "";

        assert_int_equal(wrg_case_parse(mistakes[i].text, strlen(mistakes[i].text), "f.wring",
                                        &list, err, sizeof(err)),
                         -EINVAL);
        assert_string_equal(err, mistakes[i].message);
        assert_null(list.source);
    }
}

static void too_many__refused(void **state)
{
    struct wrg_case_list list;
    char text[8192] = V;
    char err[256];

    for (unsigned i = 0; i <= WRG_CASE_OPS_MAX; i++)
        strcat(text, "kill\n");
    assert_int_equal(wrg_case_parse(text, strlen(text), "f", &list, err, sizeof(err)), -EINVAL);
    assert_string_equal(err, "f:258:1: more than 256 ops");

    strcpy(text, V "repeat a=");
    for (unsigned i = 0; i < 65; i++)
        strcat(text, "1,");
    strcat(text, "1\nrepeat b=");
    for (unsigned i = 0; i < 65; i++)
        strcat(text, "1,");
    strcat(text, "1\n");
    assert_int_equal(wrg_case_parse(text, strlen(text), "f", &list, err, sizeof(err)), -EINVAL);
    assert_string_equal(err, "f:3:8: 'repeat' makes more than 4096 cases");
}

/* Text under attack: any prefix and any changed byte ends in a case or in one line. */
static void broken_text__never_more_than_one_line(void **state)
{
    static const char good[] = V "repeat n=1,2\nxs value=\"\\x41\\\"\" node=state by=front\n"
                                 "req nseg=$n op=indirect\npreempt task=back.1 section=idle.2\n"
                                 "expect RING-004\n";
    struct wrg_rng rng;
    char err[2048];

    wrg_rng_seed(&rng, 3);
    for (unsigned round = 0; round < 40000; round++) {
        size_t len = round < sizeof(good) ? round : sizeof(good) - 1;
        char *text = malloc(len + 1);
        struct wrg_case_list list;

        memcpy(text, good, len);
        for (unsigned i = 0; round >= sizeof(good) && i < 1 + round % 3; i++)
            text[wrg_rng_below(&rng, (uint32_t)len)] = (char)wrg_rng_below(&rng, 256);
        err[0] = '\0';
        if (wrg_case_parse(text, len, "f", &list, err, sizeof(err)) == 0) {
            for (size_t i = 0; i < list.count; i++)
                wrg_case_list_get(&list, i, &one);
            wrg_case_list_fini(&list);
        } else {
            assert_true(err[0] != '\0');
            for (const char *c = err; *c; c++)
                assert_in_range((unsigned char)*c, 0x20, 0x7e);
        }
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operand_at_many_values__round_trip),
        cmocka_unit_test(texts_of_every_byte__round_trip),
        cmocka_unit_test(mutated_cases__round_trip),
        cmocka_unit_test(example_of_the_manual__read_as_meant),
        cmocka_unit_test(printed__only_what_differs),
        cmocka_unit_test(repeat__every_combination_once),
        cmocka_unit_test(names_of_one_line__step_together),
        cmocka_unit_test(repeat_of_rules__expected_one_by_one),
        cmocka_unit_test(mistake__one_line_with_place_and_expectation),
        cmocka_unit_test(too_many__refused),
        cmocka_unit_test(broken_text__never_more_than_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
