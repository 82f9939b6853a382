/* SPDX-License-Identifier: MIT */
/*
 * Numbers in store values, read as the Linux kernel reads them, and written in decimal.
 *
 * Layer: public; header only, no state, any thread.
 *
 * The kernel's sscanf differs from libc's, and fuzzed values show it:
 * - leading white space is skipped; then at least one digit must follow ("%d": or '-' and a digit);
 * - "%u" refuses '-' and '+', "%d" refuses '+'; a lone '-' is no number;
 * - what follows the digits is ignored ("12x" is 12, "0x10" is 0);
 * - there is no overflow: the digits are taken modulo 2^64, and the result is cut to the width of
 *   its type, "4294967296" as "%u" is 0.
 * Errors: -ERANGE when nothing was converted (empty, blank, wrong sign, no digit), as
 * xenbus_scanf says; *out is left alone then. Source: Linux lib/vsprintf.c.
 *
 * Left out: other bases, and field widths; no node of the protocol needs them.
 */
#ifndef WRINGER_SCAN_H
#define WRINGER_SCAN_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WRG_FORMAT_U64_MAX 20 /* digits of 2^64 - 1 */

/* isspace of the kernel: also 0xa0. */
static inline bool wrg_scan_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || (unsigned char)c == 0xa0;
}

static inline bool wrg_scan_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline const char *wrg_scan_skip_space(const char *text)
{
    while (wrg_scan_is_space(*text))
        text++;
    return text;
}

/* "%llu" */
static inline int wrg_scan_u64(const char *text, uint64_t *out)
{
    uint64_t value = 0;

    text = wrg_scan_skip_space(text);
    if (!wrg_scan_is_digit(*text))
        return -ERANGE;
    for (; wrg_scan_is_digit(*text); text++)
        value = value * 10 + (uint64_t)(*text - '0');
    *out = value;
    return 0;
}

/* "%u" */
static inline int wrg_scan_u32(const char *text, uint32_t *out)
{
    uint64_t value;
    int ret = wrg_scan_u64(text, &value);

    if (ret == 0)
        *out = (uint32_t)value;
    return ret;
}

/* "%d" */
static inline int wrg_scan_i32(const char *text, int32_t *out)
{
    uint64_t value;
    bool negative;
    int ret;

    text = wrg_scan_skip_space(text);
    negative = *text == '-';
    if (negative && !wrg_scan_is_digit(text[1]))
        return -ERANGE;
    ret = wrg_scan_u64(text + negative, &value);
    if (ret == 0)
        *out = (int32_t)(uint32_t)(negative ? 0 - value : value);
    return ret;
}

/* Decimal digits and a NUL to out[WRG_FORMAT_U64_MAX + 1]; returns the length without the NUL. */
static inline size_t wrg_format_u64(uint64_t value, char *out)
{
    char digits[WRG_FORMAT_U64_MAX];
    size_t len = 0;

    do {
        digits[len++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    for (size_t i = 0; i < len; i++)
        out[i] = digits[len - 1 - i];
    out[len] = '\0';
    return len;
}

#endif
