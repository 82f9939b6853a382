/* SPDX-License-Identifier: MIT */
#include "report/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "case/codec.h"

static struct wrg_case c;
static struct wrg_verdict verdict;
static char *text;

static int forget(void **state)
{
    free(text);
    text = NULL;
    memset(&verdict, 0, sizeof(verdict));
    wrg_case_init(&c);
    return 0;
}

static FILE *start(void)
{
    static size_t len;
    FILE *out;

    free(text); /* of what was printed before */
    text = NULL;
    out = open_memstream(&text, &len);

    assert_non_null(out);
    return out;
}

static void assert_has(const char *part)
{
    if (!strstr(text, part))
        fail_msg("no \"%s\" in:\n%s", part, text);
}

static void print_event(const struct wrg_event *ev)
{
    FILE *out = start();

    wrg_report_event(ev, out);
    fclose(out);
}

static void packed_load__is_taken_apart(void **state)
{
    struct wrg_event ev = { .kind = WRG_EV_LOAD,
                            .role = WRG_ROLE_BACK,
                            .step = 812,
                            .a = 7,
                            .b = 64u << 16 | 4,
                            .c = 6 | (uint64_t)WRG_SHARED_RING_SLOT << 8 | UINT64_C(3) << 32,
                            .d = 0x12345 };

    print_event(&ev);
    assert_string_equal(text, "   812  back       load frame=7 off=64 len=4 site=ring.request "
                              "class=ring-slot request=3 value=0x12345");
    ev.c |= wrg_event_scope(11, 0);
    print_event(&ev);
    assert_has("request=3 lane=11 value");
}

static void status_of_a_map__is_signed(void **state)
{
    struct wrg_event ev = { .kind = WRG_EV_MAP,
                            .role = WRG_ROLE_BACK,
                            .a = 9,
                            .b = 5000,
                            .c = 3,
                            .d = 1 | UINT64_C(1) << 16 | (uint64_t)(uint32_t)-9 << 32 };

    print_event(&ev);
    assert_has("gref=9 handle=0x1388 frame=3 granter=1 readonly=1 status=-9");
}

static void place_on_the_disk__has_its_frame(void **state)
{
    struct wrg_event ev = { .kind = WRG_EV_DISK_DATA, .d = UINT64_C(21) << 32 | 512u << 16 | 1024 };

    print_event(&ev);
    assert_has("frame=21 off=512 len=1024");
}

static void values_with_names__are_named(void **state)
{
    struct wrg_event phase = { .kind = WRG_EV_PHASE, .a = WRG_PHASE_QUIET, .role = 99 };
    struct wrg_event fault = { .kind = WRG_EV_FAULT, .a = WRG_FAULT_GNTTAB_MAP, .c = 0xffffffff };
    struct wrg_event unknown = { .kind = 999 };

    print_event(&phase);
    assert_has("nobody     phase phase=quiet");
    print_event(&fault);
    assert_has("site=gnttab-map nth=0 status=-1");
    print_event(&unknown);
    assert_has("unknown");
}

static struct wrg_report finding(const struct wrg_event *window, uint32_t count)
{
    struct wrg_op op = wrg_op_make(WRG_OP_REQ);

    op.line = 4;
    op.req.nseg = 2;
    assert_true(wrg_case_append(&c, &op));
    op.line = 5;
    op.req.nseg = 3;
    assert_true(wrg_case_append(&c, &op));
    verdict.rule = WRG_RULE_RING_004;
    verdict.step = 812;
    verdict.role = WRG_ROLE_BACK;
    strcpy(verdict.detail, "id 0x17 was not asked for");
    return (struct wrg_report){ .path = "a.wring",
                                .label = "n=3",
                                .engine = "fiber",
                                .replay = "wringer run a.wring",
                                .c = &c,
                                .verdict = &verdict,
                                .window = window,
                                .window_count = count };
}

static void finding__says_all_that_is_needed(void **state)
{
    struct wrg_event ev = { .kind = WRG_EV_LOAD, .role = WRG_ROLE_BACK, .c = UINT64_C(2) << 32 };
    struct wrg_report report = finding(&ev, 1);
    FILE *out = start();

    wrg_report_text(&report, out);
    fclose(out);
    assert_has("RING-004: The id of a response is that of a request in flight\n");
    assert_has("case    a.wring (n=3)\n");
    assert_has("broken by back at step 812\n");
    assert_has("id 0x17 was not asked for\n");
    assert_has("during  line 5: req     nseg=3\n");
    assert_has("replay: wringer run a.wring\n");
    assert_has("request=2");
}

static void finding_about_the_whole_run__names_no_request(void **state)
{
    struct wrg_event events[] = {
        { .kind = WRG_EV_LOAD, .role = WRG_ROLE_BACK, .c = UINT64_C(2) << 32 },
        { .kind = WRG_EV_PHASE, .a = WRG_PHASE_QUIET, .role = WRG_ROLE_SCRIPT },
    };
    struct wrg_report report = finding(events, 2);

    assert_null(wrg_report_op(&report));
    report.window_count = 1;
    assert_ptr_equal(wrg_report_op(&report), &c.ops[1]);
    verdict.role = WRG_ROLE_FRONT;
    assert_null(wrg_report_op(&report));
}

static void long_window__is_one_screen(void **state)
{
    struct wrg_event window[WRG_TRACE_WINDOW] = { { 0 } };
    struct wrg_report report = finding(window, WRG_TRACE_WINDOW);
    FILE *out = start();
    unsigned lines = 0;

    wrg_report_text(&report, out);
    fclose(out);
    for (const char *p = text; *p; p++)
        lines += *p == '\n';
    assert_in_range(lines, 10, 40);
}

static void json__holds_the_same(void **state)
{
    struct wrg_event ev = { .kind = WRG_EV_LOAD, .role = WRG_ROLE_BACK, .c = UINT64_C(1) << 32 };
    struct wrg_report report = finding(&ev, 1);
    json_t *object;
    const json_t *found;

    strcpy(verdict.detail, "byte \xff");
    verdict.hash = UINT64_C(0x00ff00000000beef);
    verdict.dead_ops = 1;
    verdict.dead[0] = 1;
    object = wrg_report_json(&report);
    found = json_object_get(object, "finding");
    assert_string_equal(json_string_value(json_object_get(object, "hash")), "00ff00000000beef");
    assert_string_equal(json_string_value(json_object_get(found, "rule")), "RING-004");
    assert_string_equal(json_string_value(json_object_get(found, "detail")), "byte ?");
    assert_string_equal(json_string_value(json_object_get(found, "op")), "req     nseg=2");
    assert_int_equal(json_array_size(json_object_get(object, "dead_ops")), 1);
    json_decref(object);
}

static void clean_run__has_null_for_its_finding(void **state)
{
    struct wrg_report report = finding(NULL, 0);
    json_t *object;

    verdict.rule = WRG_RULE_CLEAN;
    object = wrg_report_json(&report);
    assert_true(json_is_null(json_object_get(object, "finding")));
    assert_true(json_is_null(json_object_get(object, "expected")));
    json_decref(object);
}

static void xml__takes_no_byte_that_it_cannot_hold(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        { "a<b>&\"c\"", "a&lt;b&gt;&amp;&quot;c&quot;" },
        { "\x01\x1b[0m", "??[0m" },
        { "\xc3\xa9", "\xc3\xa9" },
        { "\xc3", "?" },
        { "\xed\xa0\x80", "???" }, /* a surrogate */
        { "\xf0\x9f\x8d\x8b", "\xf0\x9f\x8d\x8b" },
        { "\xf0\x9f\x8d", "???" },
        { "\xff\xfe", "??" },
        { "a\nb", "a&#10;b" },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(rows); i++) {
        FILE *out = start();

        wrg_xml_escape(rows[i].in, out);
        fclose(out);
        assert_string_equal(text, rows[i].out);
    }
}

static void junit__counts_by_status(void **state)
{
    static const struct wrg_junit_case cases[] = {
        { "corpus.seed", "a.wring", "", 0.5, WRG_JUNIT_PASSED },
        { "corpus.seed", "b.wring", "expected clean, got \"RING-004\"", 0.25, WRG_JUNIT_FAILED },
        { "corpus.seed", "c.wring", "c.wring:1:1: what", 0, WRG_JUNIT_ERROR },
        { "corpus.seed", "d.wring", "only a sanitizer", 0, WRG_JUNIT_SKIPPED },
    };
    FILE *out = start();

    wrg_junit_print(cases, WRG_ARRAY_LEN(cases), out);
    fclose(out);
    assert_has("tests=\"4\" failures=\"1\" errors=\"1\" skipped=\"1\" time=\"0.750\"");
    assert_has("<testcase classname=\"corpus.seed\" name=\"a.wring\" time=\"0.500\"/>");
    assert_has("<failure message=\"expected clean, got &quot;RING-004&quot;\"/>");
    assert_has("<error message=");
    assert_has("<skipped message=");
}

#define TEST(name) cmocka_unit_test_setup(name, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(packed_load__is_taken_apart),
        TEST(status_of_a_map__is_signed),
        TEST(place_on_the_disk__has_its_frame),
        TEST(values_with_names__are_named),
        TEST(finding__says_all_that_is_needed),
        TEST(finding_about_the_whole_run__names_no_request),
        TEST(long_window__is_one_screen),
        TEST(json__holds_the_same),
        TEST(clean_run__has_null_for_its_finding),
        TEST(xml__takes_no_byte_that_it_cannot_hold),
        TEST(junit__counts_by_status),
    };
    int result = cmocka_run_group_tests(tests, NULL, NULL);

    free(text);
    return result;
}
