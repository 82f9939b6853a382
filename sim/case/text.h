/* SPDX-License-Identifier: MIT */
/*
 * Text to cases and back.
 *
 * First line `wringer 1`, then one op a line, `name=value` in any order, numbers decimal or 0x,
 * `#` begins a comment (after a blank, or the line). Operands left out take their defaults;
 * `expect` takes its rule without a name. `repeat name=v1,v2` makes one case of each value, to
 * stand in later lines as `operand=$name`; several such lines multiply, the first one varies
 * fastest, while several names in one line step together, as the columns of a table. Text is for
 * people, so unlike bytes it may be wrong: one message then, of one line, `file:line:column: what,
 * and what was expected`.
 *
 * Layer: case. Owner: a list owns a copy of its source; wrg_case_list_fini frees it. A list is made
 * before a world is. Threads: a list may be read by several. Bounds: text of 1 MiB,
 * WRG_CASE_OPS_MAX ops, WRG_CASE_REPEATS_MAX cases a file.
 */
#ifndef WRG_CASE_TEXT_H
#define WRG_CASE_TEXT_H

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "case/codec.h"

#define WRG_CASE_FILE_BYTES_MAX (1u << 20)
#define WRG_CASE_REPEATS_MAX    4096u

/* The cases of one file. */
struct wrg_case_list {
    size_t count; /* 1 without `repeat` */
    char *source; /* the text or the bytes */
    size_t len;
    bool is_text;
};

/* Prints `wringer 1` and one line an op, only operands that differ from their default. */
void wrg_case_print(const struct wrg_case *from, FILE *out);

/* One op without the newline. */
void wrg_case_print_op(const struct wrg_op *op, FILE *out);

/*
 * 0, -EINVAL for a mistake, -ENOMEM. file: for messages only. On failure err holds one line without
 * newline, and nothing is left in out.
 */
WRG_MUST_USE int wrg_case_parse(const char *text, size_t len, const char *file,
                                struct wrg_case_list *out, char *err, size_t errcap);

/* As wrg_case_parse, of bytes; they cannot be wrong. 0 or -ENOMEM. */
WRG_MUST_USE int wrg_case_list_of_bytes(const uint8_t *data, size_t len, struct wrg_case_list *out);

/* index: below count. */
void wrg_case_list_get(const struct wrg_case_list *list, size_t index, struct wrg_case *out);

/* What makes this case of the list special: "nseg=512 abi=x86_32"; empty without `repeat`. */
const char *wrg_case_list_label(const struct wrg_case_list *list, size_t index, char *buf,
                                size_t cap);

void wrg_case_list_fini(struct wrg_case_list *list);

/* Text is what begins so; a file whose name ends in .wring is text whatever it begins with. */
#define WRG_CASE_TEXT_MARK "wringer "

static inline bool wrg_case_is_text(const void *data, size_t len)
{
    return len >= sizeof(WRG_CASE_TEXT_MARK) - 1 &&
           memcmp(data, WRG_CASE_TEXT_MARK, sizeof(WRG_CASE_TEXT_MARK) - 1) == 0;
}

#endif
