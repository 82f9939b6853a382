/* SPDX-License-Identifier: MIT */
#include "case/value.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "vocab/word.h"

/* ---- spans and messages ---- */

void wrg_message_set(struct wrg_message msg, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(msg.buf, msg.cap, format, args);
    va_end(args);
}

const char *wrg_span_show(struct wrg_span span, char buf[WRG_SHOWN_BYTES])
{
    size_t shown = span.len < 40 ? span.len : 40;
    size_t at = 0;

    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)span.at[i];

        if (c >= 0x20 && c < 0x7f)
            buf[at++] = (char)c;
        else
            at += (size_t)snprintf(buf + at, 5, "\\x%02x", c);
    }
    memcpy(buf + at, shown < span.len ? "..." : "", shown < span.len ? 4 : 1);
    return buf;
}

bool wrg_span_is(struct wrg_span span, const char *word)
{
    return strlen(word) == span.len && memcmp(span.at, word, span.len) == 0;
}

/* ---- printing ---- */

static void print_text(const char *text, FILE *out)
{
    fputc('"', out);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c >= 0x20 && c < 0x7f)
            fputc(c, out);
        else
            fprintf(out, "\\x%02x", c);
    }
    fputc('"', out);
}

static bool reads_better_in_hex(const struct wrg_arg *arg, uint64_t v)
{
    switch (arg->klass) {
    case WRG_CLASS_VALUE:
    case WRG_CLASS_SEED:
    case WRG_CLASS_ID:
    case WRG_CLASS_GREF: return v > 9;
    case WRG_CLASS_SECTOR: return v > UINT32_MAX;
    default: return false;
    }
}

static void print_number(const struct wrg_arg *arg, uint64_t v, FILE *out)
{
    if (arg->type == WRG_ARG_I32 || arg->type == WRG_ARG_AUTOI32)
        fprintf(out, "%" PRId64, (int64_t)v);
    else if (reads_better_in_hex(arg, v))
        fprintf(out, "0x%" PRIx64, v);
    else
        fprintf(out, "%" PRIu64, v);
}

static void print_dotted(const char *word, unsigned number, FILE *out)
{
    fputs(word, out);
    if (number)
        fprintf(out, ".%u", number);
}

void wrg_value_print(const struct wrg_op *op, const struct wrg_arg *arg, FILE *out)
{
    uint64_t special;
    const char *word;
    uint64_t v;

    if (arg->type == WRG_ARG_TEXT) {
        print_text(wrg_arg_text(op, arg), out);
        return;
    }
    v = wrg_arg_get(op, arg);
    if (wrg_arg_special(arg, &special, &word) && v == special)
        fputs(word, out);
    else if (arg->type == WRG_ARG_RULE)
        fputs(wrg_rule_id((unsigned)v), out);
    else if (arg->type == WRG_ARG_ACTOR)
        print_dotted(wrg_name(WRG_NAMES_ROLE, wrg_actor_role((uint8_t)v)),
                     wrg_actor_index((uint8_t)v), out);
    else if (arg->type == WRG_ARG_SECTION)
        print_dotted(wrg_name(WRG_NAMES_SECTION, wrg_section_kind((uint32_t)v)),
                     wrg_section_ordinal((uint32_t)v), out);
    else if (arg->names && v < arg->names->count)
        fputs(arg->names->words[v], out);
    else
        print_number(arg, v, out);
}

/* ---- what an operand takes ---- */

static void range_of_words(const struct wrg_names *names, char *buf, size_t cap)
{
    size_t at = 0;

    for (unsigned i = 0; i < names->count && at < cap; i++)
        at += (size_t)snprintf(buf + at, cap - at, "%s%s", i ? ", " : "one of ", names->words[i]);
}

const char *wrg_value_range(const struct wrg_arg *arg, char *buf, size_t cap)
{
    uint64_t special;
    const char *word;
    bool beside = wrg_arg_special(arg, &special, &word);

    switch (arg->type) {
    case WRG_ARG_FLAG:
    case WRG_ARG_ENUM8: range_of_words(arg->names, buf, cap); break;
    case WRG_ARG_RULE: snprintf(buf, cap, "clean or a rule id such as RING-004"); break;
    case WRG_ARG_ACTOR:
        snprintf(buf, cap, "front, back, toolstack or script, with .0 to .15 after it");
        break;
    case WRG_ARG_SECTION:
        snprintf(buf, cap, "a section such as request.1, with .0 to .65535 after it");
        break;
    case WRG_ARG_TEXT:
        snprintf(buf, cap, "a \"quoted\" text up to %" PRIu64 " bytes", arg->max);
        break;
    case WRG_ARG_I32:
    case WRG_ARG_AUTOI32:
        snprintf(buf, cap, "%d..%d%s", INT32_MIN, INT32_MAX, beside ? " or auto" : "");
        break;
    default:
        snprintf(buf, cap, "%s%" PRIu64 "..%" PRIu64 "%s%s", arg->names ? "an operation or " : "",
                 arg->min, arg->max, beside ? " or " : "", beside ? word : "");
    }
    return buf;
}

/* ---- parsing ---- */

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

/* Decimal or 0x, no sign. -EINVAL: no number; -ERANGE: more than 64 bits. */
static int parse_unsigned(struct wrg_span text, uint64_t *out)
{
    unsigned base = text.len > 2 && text.at[0] == '0' && (text.at[1] | 32) == 'x' ? 16 : 10;
    uint64_t v = 0;
    int result = text.len ? 0 : -EINVAL;

    for (size_t i = base == 16 ? 2 : 0; i < text.len; i++) {
        unsigned digit = (unsigned)digit_of(text.at[i]);

        if (digit >= base)
            return -EINVAL;
        if (v > (UINT64_MAX - digit) / base)
            result = -ERANGE;
        v = v * base + digit;
    }
    *out = v;
    return result;
}

/* A number within the operand's range. */
static int parse_number(const struct wrg_arg *arg, struct wrg_span text, uint64_t *out)
{
    bool is_signed = arg->type == WRG_ARG_I32 || arg->type == WRG_ARG_AUTOI32;
    bool minus = is_signed && text.len > 1 && text.at[0] == '-';
    uint64_t max = is_signed ? (uint64_t)INT32_MAX + minus : arg->max;
    int result;

    if (minus)
        text = (struct wrg_span){ text.at + 1, text.len - 1 };
    result = parse_unsigned(text, out);
    if (result)
        return result;
    if (*out > max || (!is_signed && *out < arg->min))
        return -ERANGE;
    if (minus)
        *out = -*out;
    return 0;
}

static int parse_word(const struct wrg_names *names, struct wrg_span text, uint64_t *out)
{
    for (unsigned i = 0; i < names->count; i++)
        if (wrg_span_is(text, names->words[i])) {
            *out = i;
            return 0;
        }
    return -EINVAL;
}

/* word, or word.number with a number below `bound`. */
static int parse_dotted(enum wrg_names_id id, unsigned bound, struct wrg_span text, uint64_t *out)
{
    const char *dot = memchr(text.at, '.', text.len);
    struct wrg_span word = { text.at, dot ? (size_t)(dot - text.at) : text.len };
    uint64_t number = 0;
    uint64_t kind;

    if (parse_word(wrg_names(id), word, &kind))
        return -EINVAL;
    if (dot && parse_unsigned((struct wrg_span){ dot + 1, text.len - word.len - 1 }, &number))
        return -EINVAL;
    if (number >= bound)
        return -ERANGE;
    *out = kind * bound + number;
    return 0;
}

static int parse_rule(struct wrg_span text, uint64_t *out)
{
    char id[32];

    if (text.len >= sizeof(id))
        return -EINVAL;
    memcpy(id, text.at, text.len);
    id[text.len] = '\0';
    *out = WRG_RULE_CLEAN;
    if (strcmp(id, "clean") == 0)
        return 0;
    if (!wrg_rule_by_id(id))
        return -EINVAL;
    *out = wrg_rule_by_id(id)->number;
    return 0;
}

static int parse_by_type(const struct wrg_arg *arg, struct wrg_span text, uint64_t *out)
{
    const char *word;

    if (wrg_arg_special(arg, out, &word) && wrg_span_is(text, word))
        return 0;
    switch (arg->type) {
    case WRG_ARG_FLAG:
    case WRG_ARG_ENUM8: return parse_word(arg->names, text, out);
    case WRG_ARG_RULE: return parse_rule(text, out);
    case WRG_ARG_ACTOR: return parse_dotted(WRG_NAMES_ROLE, 16, text, out);
    case WRG_ARG_SECTION: return parse_dotted(WRG_NAMES_SECTION, 65536, text, out);
    default:
        if (arg->names && parse_word(arg->names, text, out) == 0)
            return 0;
        return parse_number(arg, text, out);
    }
}

/* The nearest word that the operand knows, or NULL. */
static const char *nearest(const struct wrg_arg *arg, struct wrg_span text)
{
    const struct wrg_names *names = arg->names;
    struct wrg_nearest near;
    uint64_t special;
    const char *word;

    if (arg->type == WRG_ARG_ACTOR)
        names = wrg_names(WRG_NAMES_ROLE);
    if (arg->type == WRG_ARG_SECTION)
        names = wrg_names(WRG_NAMES_SECTION);
    wrg_nearest_start(&near, text.at, text.len);
    if (wrg_arg_special(arg, &special, &word))
        wrg_nearest_offer(&near, word);
    for (unsigned i = 0; names && i < names->count; i++)
        wrg_nearest_offer(&near, names->words[i]);
    if (arg->type == WRG_ARG_RULE)
        wrg_nearest_offer(&near, "clean");
    for (size_t i = 0; arg->type == WRG_ARG_RULE && i < wrg_rule_count(); i++)
        wrg_nearest_offer(&near, wrg_rule_at(i)->id);
    return wrg_nearest_word(&near);
}

static int refuse(const struct wrg_arg *arg, struct wrg_span text, struct wrg_message msg)
{
    const char *near = nearest(arg, text);
    char shown[WRG_SHOWN_BYTES];
    char range[1024];

    /* A list of fifty nodes helps nobody who is one letter away. */
    if (near && arg->names && arg->names->count > 12)
        snprintf(range, sizeof(range), "one of %u names", arg->names->count);
    else
        wrg_value_range(arg, range, sizeof(range));
    wrg_message_set(msg, "'%s' takes %s, not '%s'%s%s%s", arg->name, range,
                    wrg_span_show(text, shown), near ? "; did you mean '" : "", near ? near : "",
                    near ? "'?" : "");
    return -EINVAL;
}

/* One character of a quoted text; 0: a bad escape. *at moves on. */
static unsigned char unescape(const char **at, const char *end)
{
    char c = *(*at)++;

    if (c != '\\')
        return (unsigned char)c;
    if (*at == end)
        return 0;
    c = *(*at)++;
    switch (c) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case '"':
    case '\\': return (unsigned char)c;
    case 'x':
        if (end - *at < 2 || digit_of((*at)[0]) > 15 || digit_of((*at)[1]) > 15)
            return 0;
        c = (char)(digit_of((*at)[0]) << 4 | digit_of((*at)[1]));
        *at += 2;
        return (unsigned char)c;
    default: return 0;
    }
}

static int parse_text(struct wrg_op *op, const struct wrg_arg *arg, struct wrg_span text,
                      struct wrg_message msg)
{
    char value[256] = "";
    const char *end = text.at + text.len - 1;
    size_t len = 0;

    WRG_ASSERT(arg->max < sizeof(value));
    if (text.len < 2 || text.at[0] != '"' || *end != '"')
        return refuse(arg, text, msg);
    for (const char *at = text.at + 1; at < end;) {
        unsigned char c = unescape(&at, end);

        if (c == 0) {
            wrg_message_set(
                msg, "'%s' has a bad escape; there are \\n \\t \\r \\\" \\\\ and \\x01..\\xff",
                arg->name);
            return -EINVAL;
        }
        if (len == arg->max) {
            wrg_message_set(msg, "'%s' takes at most %u bytes", arg->name, (unsigned)arg->max);
            return -EINVAL;
        }
        value[len++] = (char)c;
    }
    memcpy(wrg_arg_text_mut(op, arg), value, arg->max + 1);
    return 0;
}

int wrg_value_parse(struct wrg_op *op, const struct wrg_arg *arg, struct wrg_span text,
                    struct wrg_message msg)
{
    uint64_t v;

    if (arg->type == WRG_ARG_TEXT)
        return parse_text(op, arg, text, msg);
    if (parse_by_type(arg, text, &v))
        return refuse(arg, text, msg);
    wrg_arg_set(op, arg, v);
    return 0;
}
