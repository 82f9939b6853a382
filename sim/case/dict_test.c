/* SPDX-License-Identifier: MIT */
#include "case/dict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "case/codec.h"
#include "case/doc.h"

static char *text; /* what the last print made; freed by the test */

static void print_text(void (*print)(FILE *))
{
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    print(out);
    fclose(out);
}

/* The bytes of one `name="\x01\x02"` line; fails on any other form. */
static size_t parse_entry(const char *line, uint8_t *bytes, size_t cap)
{
    const char *at = strchr(line, '=');
    size_t n = 0;

    assert_non_null(at);
    assert_int_equal(at[1], '"');
    for (at += 2; *at != '"'; at += 4) {
        unsigned byte;

        assert_true(n < cap);
        assert_int_equal(sscanf(at, "\\x%2x", &byte), 1);
        bytes[n++] = (uint8_t)byte;
    }
    assert_string_equal(at, "\"");
    return n;
}

static void dictionary__entries_are_well_formed_and_ops_decode(void **state)
{
    unsigned ops = 0, numbers = 0, live = 0;
    char *rest, *line;

    print_text(wrg_dict_print);
    rest = text;
    while ((line = strsep(&rest, "\n")) && *line) {
        uint8_t bytes[1 + 128] = { WRG_CASE_VERSION };
        struct wrg_case one;
        size_t len;

        if (*line == '#')
            continue;
        len = parse_entry(line, bytes + 1, sizeof(bytes) - 1);
        if (strncmp(line, "op_", 3)) {
            numbers++;
            continue;
        }
        wrg_case_decode(bytes, 1 + len, &one);
        assert_int_equal(one.nops, 1);
        ops++;
    }
    for (unsigned kind = 1; kind <= WRG_OP_KIND_MAX; kind++)
        live += wrg_op_info(kind)->live;
    assert_int_equal(ops, live);
    assert_true(live >= 22);
    assert_in_range(numbers, 60, 400);
    free(text);
}

static void dictionary__knows_the_boundaries(void **state)
{
    print_text(wrg_dict_print);
    assert_non_null(strstr(text, "=\"\\x2f\\x61\\x2f\\x62\"\n"));                     /* /a/b */
    assert_non_null(strstr(text, "=\"\\x01\\x10\"\n"));                               /* 4097 */
    assert_non_null(strstr(text, "=\"\\x01\\x02\"\n"));                               /* 513 */
    assert_non_null(strstr(text, "=\"\\x00\\x00\\x00\\x00\\x00\\x00\\x80\\x00\"\n")); /* 2^55 */
    free(text);
}

static void manual__names_every_op_and_operand(void **state)
{
    print_text(wrg_ops_doc_print);
    for (unsigned kind = 1; kind <= WRG_OP_KIND_MAX; kind++) {
        const struct wrg_op_info *info = wrg_op_info(kind);
        char heading[64];

        if (!info->live)
            continue;
        snprintf(heading, sizeof(heading), "\n### %s (%u)\n", info->name, kind);
        assert_non_null(strstr(text, heading));
        for (unsigned i = 0; i < info->nargs; i++) {
            char row[64];

            snprintf(row, sizeof(row), "\n| `%s` | ", info->args[i].name);
            assert_non_null(strstr(strstr(text, heading), row));
        }
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dictionary__entries_are_well_formed_and_ops_decode),
        cmocka_unit_test(dictionary__knows_the_boundaries),
        cmocka_unit_test(manual__names_every_op_and_operand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
