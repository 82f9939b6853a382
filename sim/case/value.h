/* SPDX-License-Identifier: MIT */
/*
 * One operand as text: `600`, `0x5eed`, `indirect`, `auto`, `absent`, `back.1`, `request.3`,
 * `"a text\x0a"`, `RING-004`.
 *
 * Layer: case. Threads: no state. Errors: wrg_value_parse leaves a sentence without its place in
 * the file; the caller knows that.
 */
#ifndef WRG_CASE_VALUE_H
#define WRG_CASE_VALUE_H

#include <stddef.h>
#include <stdio.h>

#include "base/base.h"
#include "vocab/ops.h"

/* A piece of the text that is parsed; not NUL-terminated. */
struct wrg_span {
    const char *at;
    size_t len;
};

/* Where a message goes. A message that does not fit is cut. */
struct wrg_message {
    char *buf;
    size_t cap;
};

void wrg_message_set(struct wrg_message msg, const char *format, ...) WRG_PRINTF(2, 3);

/* The span as it may stand in a one-line message: unprintables escaped, cut after 40 bytes. */
#define WRG_SHOWN_BYTES 176
const char *wrg_span_show(struct wrg_span span, char buf[WRG_SHOWN_BYTES]);

bool wrg_span_is(struct wrg_span span, const char *word);

void wrg_value_print(const struct wrg_op *op, const struct wrg_arg *arg, FILE *out);

/* 0, or -EINVAL with a message; the operand is then unchanged. */
WRG_MUST_USE int wrg_value_parse(struct wrg_op *op, const struct wrg_arg *arg, struct wrg_span text,
                                 struct wrg_message msg);

/* What the operand takes, in words: "0..65535 or absent", "one of read, write, flush". */
const char *wrg_value_range(const struct wrg_arg *arg, char *buf, size_t cap);

#endif
