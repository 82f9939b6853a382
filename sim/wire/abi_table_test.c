/* SPDX-License-Identifier: MIT */
/*
 * Does `wringer abi` say what the headers say? Compared with text written by hand, not with the
 * table it is printed from.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "wire/abi_table.h"

static char *printed(void (*print)(FILE *out))
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    print(out);
    assert_int_equal(fclose(out), 0);
    return text;
}

#define RW(id, sector, seg)                                                                        \
    "\"fields\": {\"operation\": 0, \"nr_segments\": 1, \"handle\": 2, \"id\": " #id               \
    ", \"sector_number\": " #sector ", \"seg\": " #seg "}}"
#define SEGMENT  "\"gref\": 0, \"first_sect\": 4, \"last_sect\": 5"
#define RESPONSE "\"fields\": {\"id\": 0, \"operation\": 8, \"status\": 10}}\n"
#define RING                                                                                       \
    "\"fields\": {\"req_prod\": 0, \"req_event\": 4, \"rsp_prod\": 8, \"rsp_event\": 12, "         \
    "\"pvt\": 16, \"__pad\": 20, \"ring\": 64}}\n"

static const char layout64[] = "    \"blkif_request\": {\"size\": 112, " RW(
    8, 16,
    24) ",\n"
        "    \"blkif_request_discard\": {\"size\": 32, \"fields\": {\"operation\": 0, \"flag\": 1, "
        "\"handle\": 2, \"id\": 8, \"sector_number\": 16, \"nr_sectors\": 24}},\n"
        "    \"blkif_request_indirect\": {\"size\": 64, \"fields\": {\"operation\": 0, "
        "\"indirect_op\": 1, \"nr_segments\": 2, \"id\": 8, \"sector_number\": 16, \"handle\": 24, "
        "\"indirect_grefs\": 28}},\n"
        "    \"blkif_request_segment\": {\"size\": 8, \"fields\": {" SEGMENT "}},\n"
        "    \"blkif_request_segment_aligned\": {\"size\": 8, \"fields\": {" SEGMENT
        ", \"_pad\": 6}},\n"
        "    \"blkif_response\": {\"size\": 16, " RESPONSE;

static const char layout32[] =
    "  \"x86_32\": {\n"
    "    \"blkif_request\": {\"size\": 108, " RW(
        4, 12, 20) ",\n"
                   "    \"blkif_request_discard\": {\"size\": 28, \"fields\": {\"operation\": 0, "
                   "\"flag\": 1, "
                   "\"handle\": 2, \"id\": 4, \"sector_number\": 12, \"nr_sectors\": 20}},\n"
                   "    \"blkif_request_indirect\": {\"size\": 64, \"fields\": {\"operation\": 0, "
                   "\"indirect_op\": 1, \"nr_segments\": 2, \"id\": 4, \"sector_number\": 12, "
                   "\"handle\": 20, "
                   "\"indirect_grefs\": 24, \"pad\": 56}},\n"
                   "    \"blkif_request_segment\": {\"size\": 8, \"fields\": {" SEGMENT "}},\n"
                   "    \"blkif_request_segment_aligned\": {\"size\": 8, \"fields\": {" SEGMENT
                   ", \"_pad\": 6}},\n"
                   "    \"blkif_response\": {\"size\": 12, " RESPONSE;

/* The commas between structs are left to this function, so that the text above stays readable. */
static void expect_layout(char **expected, const char *name, const char *layout, unsigned int ring,
                          const char *end)
{
    char *longer = NULL;
    size_t length = strlen(layout) - 1;

    assert_true(asprintf(&longer, "%s%s%.*s,\n    \"blkif_sring\": {\"size\": %u, %s  }%s",
                         *expected, name, (int)length, layout, ring, RING, end) > 0);
    free(*expected);
    *expected = longer;
}

static void json__is_the_layout_written_by_hand(void **state)
{
    char *expected = strdup("{\n"), *text = printed(wrg_abi_print_json);

    expect_layout(&expected, "  \"x86_64\": {\n", layout64, 176, ",\n");
    expect_layout(&expected, "", layout32, 172, ",\n");
    expect_layout(&expected, "  \"native\": {\n", layout64, 176, "\n}\n");
    assert_string_equal(text, expected);
    free(expected);
    free(text);
}

static void text__has_a_line_per_member(void **state)
{
    char *text = printed(wrg_abi_print_text);
    unsigned int lines = 0;

    for (const char *at = text; *at != '\0'; at++)
        lines += *at == '\n';
    /* Per layout a title, 7 structs, 36 members (37 in x86_32); two blank lines between. */
    assert_int_equal(lines, 3 * (1 + 7 + 36) + 1 + 2);
    assert_memory_equal(text, "x86_64\n  blkif_request: size 112, align 8\n", 41);
    assert_non_null(strstr(text, "\nx86_32\n  blkif_request: size 108, align 4\n"));
    assert_non_null(strstr(text, "      56  pad\n"));
    free(text);
}

static void members__ascend_without_overlap(void **state)
{
    for (unsigned int i = 0; i < WRG_ABI_COUNT; i++) {
        for (unsigned int j = 0; j < WRG_ABI_STRUCT_COUNT; j++) {
            const struct wrg_abi_struct *st = &wrg_abi_layouts[i].structs[j];
            uint32_t end = 0;

            for (unsigned int k = 0; k < st->field_count; k++) {
                assert_true(st->fields[k].offset_bytes >= end);
                end = st->fields[k].offset_bytes + st->fields[k].size_bytes;
            }
            assert_true(end <= st->size_bytes);
            assert_true(st->size_bytes - end < 8);
            assert_ptr_equal(wrg_abi_find(wrg_abi_layouts[i].abi, st->name), st);
        }
    }
    assert_null(wrg_abi_find(WRG_ABI_NATIVE, "blkif"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json__is_the_layout_written_by_hand),
        cmocka_unit_test(text__has_a_line_per_member),
        cmocka_unit_test(members__ascend_without_overlap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
