/* SPDX-License-Identifier: MIT */
#include "vocab/ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "vocab/reach.h"
#include "vocab/word.h"

static void rules__sorted_unique_and_in_their_family(void **state)
{
    static const struct {
        const char *family;
        unsigned from, to;
    } families[] = {
        { "RING-", 1, 31 },    { "LIVE-", 32, 47 },  { "DF-", 48, 63 },    { "INFO-", 64, 79 },
        { "DATA-", 80, 95 },   { "GNT-", 96, 127 },  { "EVT-", 128, 143 }, { "XS-", 144, 175 },
        { "MEM-", 176, 191 },  { "LOG-", 192, 207 }, { "ISO-", 208, 223 }, { "SAN-", 224, 239 },
        { "TOOL-", 240, 255 },
    };

    for (size_t i = 0; i < wrg_rule_count(); i++) {
        const struct wrg_rule_info *rule = wrg_rule_at(i);
        bool placed = false;

        assert_true(i == 0 || rule->number > wrg_rule_at(i - 1)->number);
        assert_ptr_equal(wrg_rule_by_number(rule->number), rule);
        assert_ptr_equal(wrg_rule_by_id(rule->id), rule); /* so no id stands twice */
        assert_true(strlen(rule->demand) > 10 && strlen(rule->source) > 3);
        for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++)
            placed |= strncmp(rule->id, families[f].family, strlen(families[f].family)) == 0 &&
                      rule->number >= families[f].from && rule->number <= families[f].to;
        assert_true(placed);
    }
}

/* Numbers stand in corpora: they may not move. */
static void numbers__final(void **state)
{
    assert_int_equal(WRG_RULE_RING_008, 8);
    assert_int_equal(WRG_RULE_GNT_008, 103);
    assert_int_equal(WRG_RULE_TOOL_001, 240);
    assert_int_equal(WRG_OP_COPY, 27);
    assert_int_equal(WRG_OP_KILL, 22);
    assert_int_equal(WRG_FAULT_DISK_FLUSH, 18);
    assert_int_equal(WRG_FAULT_BLK_READY, 26);
    assert_int_equal(WRG_NODE_RING_REF15, 18);
    assert_int_equal(WRG_NODE_TYPE, 55);
    assert_int_equal(WRG_CASE_MISDEED_IDLE_LOOP, 14);
    assert_int_equal(WRG_OPCODE_INDIRECT, 6);
    assert_int_equal(WRG_SECTION_SUBMIT, 7);
}

/* A reason that rules nothing out, or what another has ruled out, stands there by mistake. */
static void reasons_for_never__each_rules_out_some(void **state)
{
    unsigned n = 0, cells = 0, all = 0;
    const char *why;

    for (; (why = wrg_reach_reason(n, &cells)); n++, all += cells)
        assert_true(cells > 0 && strlen(why) > 10);
    assert_true(n > 0);
    for (uint32_t i = 0; i < WRG_REACH_CELLS; i++) {
        const struct wrg_reach_cell cell = wrg_reach_cell_at(i);
        bool can_end = wrg_reach_can_end(cell.operation, cell.path);
        assert_int_equal(wrg_reach_possible(&cell), can_end && !wrg_reach_why_never(&cell));
        all -= wrg_reach_why_never(&cell) != NULL;
    }
    assert_int_equal(all, 0);
}

static void combinations__ruled_out_or_not(void **state)
{
    const struct wrg_reach_cell never[] = {
        { WRG_FEATURE_PLAIN, WRG_OPERATION_WRITE, WRG_PATH_READ_ONLY, WRG_REACH_CONNECTED },
        { WRG_FEATURE_PLAIN, WRG_OPERATION_ERASE, WRG_PATH_READ_ONLY, WRG_REACH_DEAD },
    };
    const struct wrg_reach_cell possible[] = {
        { WRG_FEATURE_READ_ONLY, WRG_OPERATION_WRITE, WRG_PATH_READ_ONLY, WRG_REACH_CONNECTED },
        { WRG_FEATURE_PLAIN, WRG_OPERATION_WRITE, WRG_PATH_OKAY, WRG_REACH_CONNECTED },
    };

    for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
        assert_false(wrg_reach_possible(&never[i]));
    for (size_t i = 0; i < sizeof(possible) / sizeof(*possible); i++)
        assert_true(wrg_reach_possible(&possible[i]));
}

static void rule_ids__looked_up(void **state)
{
    assert_string_equal(wrg_rule_id(WRG_RULE_CLEAN), "clean");
    assert_string_equal(wrg_rule_id(WRG_RULE_DF_001), "DF-001");
    assert_string_equal(wrg_rule_id(9), "unknown");
    assert_null(wrg_rule_by_number(WRG_RULE_CLEAN));
    assert_null(wrg_rule_by_id("clean"));
    assert_string_equal(wrg_rule_nearest("ring-002"), "RING-002");
    assert_string_equal(wrg_rule_nearest("claen"), "clean");
    assert_null(wrg_rule_nearest("nothing at all"));
}

static void check_statuses(enum wrg_fault_site site, const struct wrg_fault_info *info)
{
    int32_t dflt = info->statuses[0].status;

    assert_true(strlen(info->what) > 10 && info->nstatuses > 0);
    assert_int_equal(wrg_fault_status(site, WRG_AUTO_I32), dflt);
    assert_int_equal(wrg_fault_status(site, 0), dflt);
    for (unsigned i = 0; i < info->nstatuses; i++) {
        int32_t status = info->statuses[i].status;

        assert_true(status != 0 && wrg_fault_allows(site, status));
        assert_int_equal(wrg_fault_status(site, status), status);
        assert_true(strlen(info->statuses[i].why) > 10);
        assert_null(strchr(wrg_fault_status_name(site, status), '?'));
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(info->statuses[j].status, status);
    }
}

static void fault_status__only_what_the_site_returns(void **state)
{
    for (unsigned s = 0; s < WRG_COUNT_SITE; s++) {
        const struct wrg_fault_info *info = wrg_fault_info((enum wrg_fault_site)s);

        check_statuses((enum wrg_fault_site)s, info);
    }
    assert_int_equal(wrg_fault_status(WRG_FAULT_GNTTAB_MAP, -12), -12);
}

static void nodes__named_and_placed(void **state)
{
    assert_null(wrg_node_name(WRG_NODE_OTHER));
    assert_null(wrg_node_name((enum wrg_node)WRG_COUNT_NODE));
    assert_string_equal(wrg_node_name(WRG_NODE_RING_REF0), "ring-ref0");
    assert_int_equal(wrg_node_dir(WRG_NODE_RING_REF0), WRG_NODE_DIR_FRONT);
    assert_int_equal(wrg_node_dir(WRG_NODE_SECTORS), WRG_NODE_DIR_BACK);
    assert_int_equal(wrg_node_dir(WRG_NODE_STATE), WRG_NODE_DIR_BOTH);
}

/* Defaults within range, names unique: a slip in the table shows here. */
static void op_table__consistent(void **state)
{
    for (unsigned kind = 0; kind <= WRG_OP_KIND_MAX; kind++) {
        const struct wrg_op_info *info = wrg_op_info(kind);
        unsigned bytes = 0;

        assert_true(info->nargs <= 64); /* the parser keeps a bit an operand */
        if (info->name)
            assert_int_equal(wrg_op_kind_by_name(info->name, strlen(info->name)), kind);
        for (unsigned i = 0; i < info->nargs; i++) {
            const struct wrg_arg *arg = &info->args[i];

            bytes += arg->wire_bytes;
            assert_int_equal(wrg_arg_fold(arg, arg->dflt), arg->dflt);
            for (unsigned j = 0; j < i; j++)
                assert_string_not_equal(arg->name, info->args[j].name);
        }
        assert_int_equal(bytes, info->wire_bytes);
    }
    assert_int_equal(wrg_op_kind_by_name("nosuch", 6), 0);
}

static void fresh_op__all_defaults(void **state)
{
    for (unsigned kind = 1; kind <= WRG_OP_KIND_MAX; kind++) {
        struct wrg_op op = wrg_op_make((enum wrg_op_kind)kind);

        assert_int_equal(op.kind, kind);
        for (unsigned i = 0; i < wrg_op_info(kind)->nargs; i++)
            assert_true(wrg_arg_is_default(&op, &wrg_op_info(kind)->args[i]));
    }
    assert_int_equal(wrg_op_make(WRG_OP_SEG).seg.last, 7);
    assert_int_equal(wrg_op_make(WRG_OP_CONFIG).config.sectors, 65536);
    assert_int_equal(wrg_op_make(WRG_OP_RSP).rsp.status, WRG_AUTO_I32);
}

static void nearest_word__by_edit_distance(void **state)
{
    static const struct {
        const char *typed, *near;
    } rows[] = {
        { "sectr", "sector" },
        { "setcor", "sector" },
        { "SECTOR", "sector" },
        { "nseg", "nseg" },
        { "x", NULL },
        { "", NULL },
        { "elephant", NULL },
        { "nesg", "nseg" },
        { "a-word-of-more-than-forty-letters-in-one-line", NULL },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct wrg_nearest near;

        wrg_nearest_start(&near, rows[i].typed, strlen(rows[i].typed));
        wrg_nearest_offer(&near, "id");
        wrg_nearest_offer(&near, "sector");
        wrg_nearest_offer(&near, "nseg");
        if (rows[i].near)
            assert_string_equal(wrg_nearest_word(&near), rows[i].near);
        else
            assert_null(wrg_nearest_word(&near));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules__sorted_unique_and_in_their_family),
        cmocka_unit_test(numbers__final),
        cmocka_unit_test(reasons_for_never__each_rules_out_some),
        cmocka_unit_test(combinations__ruled_out_or_not),
        cmocka_unit_test(rule_ids__looked_up),
        cmocka_unit_test(fault_status__only_what_the_site_returns),
        cmocka_unit_test(nodes__named_and_placed),
        cmocka_unit_test(op_table__consistent),
        cmocka_unit_test(fresh_op__all_defaults),
        cmocka_unit_test(nearest_word__by_edit_distance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
