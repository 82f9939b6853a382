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
 * Others read the same nodes by other rules, and a driver of theirs needs those: a whole number
 * with nothing behind it, in any base (tapback's states); true is any number but 0 (Linux), or
 * exactly 1 (QEMU, EDK2, tapback).
 *
 * Left out: field widths; no node of the protocol needs them.
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

/* Its value, -1: none. */
static inline int wrg_scan_hex_digit(char c)
{
    if (wrg_scan_is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
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

/* "%x:%x", of which both must be there: the node physical-device. */
static inline int wrg_scan_device(const char *text, uint32_t *major, uint32_t *minor)
{
    uint32_t out[2] = { 0, 0 };

    for (unsigned i = 0; i < 2; i++) {
        unsigned digits = 0;
        text = wrg_scan_skip_space(text);
        for (int digit; (digit = wrg_scan_hex_digit(*text)) >= 0; text++, digits++)
            out[i] = out[i] << 4 | (uint32_t)digit;
        if (digits == 0 || (i == 0 && *text++ != ':'))
            return -ERANGE;
    }
    *major = out[0];
    *minor = out[1];
    return 0;
}

/* strtol with base 0 over the whole text: "0x4" and "04" are numbers, "4x" and "" are none. */
static inline int wrg_scan_whole(const char *text, int64_t *out)
{
    uint64_t value = 0;
    bool negative;
    int base = 10;

    text = wrg_scan_skip_space(text);
    negative = *text == '-';
    text += negative || *text == '+';
    if (text[0] == '0' && (text[1] | 0x20) == 'x' && wrg_scan_hex_digit(text[2]) >= 0) {
        base = 16;
        text += 2;
    } else if (text[0] == '0') {
        base = 8;
    }
    if (wrg_scan_hex_digit(*text) < 0)
        return -ERANGE;
    for (; *text; text++) {
        int digit = wrg_scan_hex_digit(*text);
        if (digit < 0 || digit >= base)
            return -ERANGE;
        if (value > (INT64_MAX - (uint64_t)digit) / (uint64_t)base)
            return -ERANGE;
        value = value * (uint64_t)base + (uint64_t)digit;
    }
    *out = negative ? -(int64_t)value : (int64_t)value;
    return 0;
}

/* Any number but 0 is true; what is no number is not. */
static inline bool wrg_scan_is_true(const char *text)
{
    uint32_t value = 0;

    return wrg_scan_u32(text, &value) == 0 && value != 0;
}

/* "1", and nothing else. */
static inline bool wrg_scan_is_one(const char *text)
{
    return text[0] == '1' && text[1] == '\0';
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
