/* SPDX-License-Identifier: MIT */
#include "case/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "case/value.h"
#include "vocab/word.h"

/* More columns than a table has that one can read; the product of the lines is bounded anyway. */
#define VARS_MAX 16u

/* A name in a `repeat` line. */
struct var {
    struct wrg_span name;
    struct wrg_span values; /* v1,v2,... */
    size_t nvalues;
    size_t stride; /* cases from one value to the next; the same for all names of a line */
    struct wrg_span chosen;
    const char *stands_at; /* for the message that nobody uses it */
    unsigned line;
    bool used;
};

struct parser {
    const char *file;
    const char *at, *end;   /* what is left of the text */
    const char *line, *eol; /* the line in hand */
    unsigned line_number;
    size_t index; /* which case of the list: mixed radix over the variables */
    size_t count; /* product of the variables so far */
    struct var vars[VARS_MAX];
    unsigned nvars;
    bool crossed; /* what one variable may be depends on another */
    struct wrg_case *out;
    struct wrg_message msg;
};

/* ---- messages ---- */

/* Always -EINVAL. at: within the line in hand. */
static int fail(struct parser *p, const char *at, const char *format, ...) WRG_PRINTF(3, 4);

static int fail(struct parser *p, const char *at, const char *format, ...)
{
    char what[1400];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    wrg_message_set(p->msg, "%s:%u:%u: %s", p->file, p->line_number, (unsigned)(at - p->line) + 1,
                    what);
    return -EINVAL;
}

static int fail_unknown(struct parser *p, struct wrg_span word, const char *what, const char *of,
                        const char *near)
{
    char shown[WRG_SHOWN_BYTES];

    return fail(p, word.at, "unknown %s '%s'%s%s%s%s%s%s", what, wrg_span_show(word, shown),
                *of ? " of '" : "", of, *of ? "'" : "", near ? "; did you mean '" : "",
                near ? near : "", near ? "'?" : "");
}

/* ---- lines and words ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool next_line(struct parser *p)
{
    const char *newline;

    if (p->at == p->end)
        return false;
    newline = memchr(p->at, '\n', (size_t)(p->end - p->at));
    p->line = p->at;
    p->eol = newline ? newline : p->end;
    p->at = newline ? newline + 1 : p->end;
    if (p->eol > p->line && p->eol[-1] == '\r')
        p->eol--;
    p->line_number++;
    return true;
}

/* The next thing of the line, or its end (also where a comment begins). */
static const char *skip_blanks(const struct parser *p, const char *at)
{
    while (at < p->eol && is_blank(*at))
        at++;
    return at < p->eol && *at == '#' ? p->eol : at;
}

/* Up to a blank or `stop`. */
static struct wrg_span word_at(const struct parser *p, const char *at, char stop)
{
    const char *from = at;

    while (at < p->eol && !is_blank(*at) && *at != stop)
        at++;
    return (struct wrg_span){ from, (size_t)(at - from) };
}

/* A value: up to a blank, or from quote to quote. len 0 with a quote there: it does not end. */
static struct wrg_span value_at(const struct parser *p, const char *at)
{
    const char *from = at;

    if (at == p->eol || *at != '"')
        return word_at(p, at, ' ');
    for (at++; at < p->eol && *at != '"'; at++)
        if (*at == '\\' && at + 1 < p->eol)
            at++;
    return (struct wrg_span){ from, at < p->eol ? (size_t)(at + 1 - from) : 0 };
}

/* ---- repeat ---- */

static struct wrg_span nth_value(struct wrg_span values, size_t n)
{
    struct wrg_span v = { values.at, 0 };
    const char *end = values.at + values.len;

    for (const char *at = values.at; at < end; at++)
        if (*at == ',' && n-- == 0)
            break;
        else if (*at == ',')
            v = (struct wrg_span){ at + 1, 0 };
        else
            v.len++;
    return v;
}

static size_t count_values(struct wrg_span values)
{
    size_t n = 1;

    for (size_t i = 0; i < values.len; i++)
        n += values.at[i] == ',';
    return n;
}

/* Where a value is that has nothing in it, or NULL. */
static const char *find_empty(struct wrg_span values)
{
    const char *end = values.at + values.len;
    bool begins = true;

    for (const char *at = values.at; at < end; at++) {
        if (begins && *at == ',')
            return at;
        begins = *at == ',';
    }
    return begins ? end : NULL;
}

static struct var *find_var(struct parser *p, struct wrg_span name)
{
    for (unsigned i = 0; i < p->nvars; i++)
        if (p->vars[i].name.len == name.len && memcmp(p->vars[i].name.at, name.at, name.len) == 0)
            return &p->vars[i];
    return NULL;
}

/* p->count: the cases that the lines above make. */
static int add_var(struct parser *p, struct wrg_span name, struct wrg_span values)
{
    struct var *var = &p->vars[p->nvars];
    const char *empty = find_empty(values);
    size_t n = count_values(values);

    if (empty)
        return fail(p, empty, "'repeat' has an empty value");
    if (p->count * n > WRG_CASE_REPEATS_MAX)
        return fail(p, name.at, "'repeat' makes more than %u cases", WRG_CASE_REPEATS_MAX);
    *var = (struct var){ .name = name,
                         .values = values,
                         .nvalues = n,
                         .stride = p->count,
                         .stands_at = name.at,
                         .line = p->line_number };
    var->chosen = nth_value(values, p->index / p->count % n);
    p->nvars++;
    return 0;
}

/* One name with its values, at *at, which is behind them then. */
static int parse_var(struct parser *p, const char **at)
{
    struct wrg_span name = word_at(p, *at, '='), values;
    const char *equals = *at + name.len;
    char shown[WRG_SHOWN_BYTES];

    if (name.len == 0 || equals == p->eol || *equals != '=')
        return fail(p, name.at, "'repeat' takes name=value,value,... without blanks between");
    values = word_at(p, equals + 1, ' ');
    if (find_var(p, name))
        return fail(p, name.at, "'%s' is repeated twice", wrg_span_show(name, shown));
    if (p->nvars == VARS_MAX)
        return fail(p, name.at, "more than %u names in 'repeat'", VARS_MAX);
    *at = skip_blanks(p, values.at + values.len);
    return add_var(p, name, values);
}

/* Names of one line are columns of a table, and step together; lines multiply. */
static int parse_repeat(struct parser *p, const char *at)
{
    const struct var *first = &p->vars[p->nvars];
    char shown[WRG_SHOWN_BYTES];

    at = skip_blanks(p, at);
    do {
        const struct var *var = &p->vars[p->nvars];

        if (parse_var(p, &at))
            return -EINVAL;
        if (var->nvalues != first->nvalues)
            return fail(p, var->name.at, "'%s' has %zu values, and the first of its line %zu",
                        wrg_span_show(var->name, shown), var->nvalues, first->nvalues);
    } while (at < p->eol);
    p->count *= first->nvalues;
    return 0;
}

/* What `$name` stands for; other values stand for themselves. */
static int substitute(struct parser *p, struct wrg_span *value)
{
    struct wrg_span name = { value->at + 1, value->len - 1 };
    char shown[VARS_MAX][WRG_SHOWN_BYTES];
    struct wrg_nearest near;
    struct var *var;

    if (value->len == 0 || value->at[0] != '$')
        return 0;
    var = find_var(p, name);
    if (var) {
        var->used = true;
        *value = var->chosen;
        return 0;
    }
    wrg_nearest_start(&near, name.at, name.len);
    for (unsigned i = 0; i < p->nvars; i++)
        wrg_nearest_offer(&near, wrg_span_show(p->vars[i].name, shown[i]));
    return fail_unknown(p, name, "name of a 'repeat'", "", wrg_nearest_word(&near));
}

/* ---- ops ---- */

static const char *nearest_op(struct wrg_span name)
{
    struct wrg_nearest near;

    wrg_nearest_start(&near, name.at, name.len);
    for (unsigned kind = 1; kind <= WRG_OP_KIND_MAX; kind++)
        if (wrg_op_info(kind)->live)
            wrg_nearest_offer(&near, wrg_op_info(kind)->name);
    wrg_nearest_offer(&near, "repeat");
    return wrg_nearest_word(&near);
}

/* The operand of that name, or NULL and the nearest name. */
static const struct wrg_arg *find_arg(const struct wrg_op_info *info, struct wrg_span name,
                                      const char **near)
{
    struct wrg_nearest search;

    wrg_nearest_start(&search, name.at, name.len);
    for (unsigned i = 0; i < info->nargs; i++) {
        if (wrg_span_is(name, info->args[i].name))
            return &info->args[i];
        wrg_nearest_offer(&search, info->args[i].name);
    }
    *near = wrg_nearest_word(&search);
    return NULL;
}

static int parse_value(struct parser *p, struct wrg_op *op, const struct wrg_arg *arg,
                       const char **at)
{
    struct wrg_span value = value_at(p, *at);
    const char *start = *at;
    char what[1200];

    if (value.len == 0 && start < p->eol && *start == '"')
        return fail(p, start, "the text of '%s' has no closing quote", arg->name);
    *at = start + value.len;
    if (*at < p->eol && !is_blank(**at))
        return fail(p, *at, "expected a blank after the value of '%s'", arg->name);
    if (substitute(p, &value))
        return -EINVAL;
    if (wrg_value_parse(op, arg, value, (struct wrg_message){ what, sizeof(what) }))
        return fail(p, start, "%s", what);
    return 0;
}

/* One `name=value` at *at, which moves behind it. seen: a bit an operand. */
static int parse_arg(struct parser *p, struct wrg_op *op, const char **at, uint64_t *seen)
{
    const struct wrg_op_info *info = wrg_op_info(op->kind);
    struct wrg_span name = word_at(p, *at, '=');
    const struct wrg_arg *arg;
    char shown[WRG_SHOWN_BYTES];
    bool bare = name.at + name.len == p->eol || name.at[name.len] != '=';
    const char *near = NULL;
    uint64_t bit;

    if (bare && op->kind != WRG_OP_EXPECT)
        return fail(p, *at, "expected name=value, not '%s'", wrg_span_show(name, shown));
    arg = bare ? &info->args[0] : find_arg(info, name, &near);
    if (!arg)
        return fail_unknown(p, name, "operand", info->name, near);
    bit = UINT64_C(1) << (arg - info->args);
    if (*seen & bit)
        return fail(p, *at, "'%s' is given twice", arg->name);
    *seen |= bit;
    *at += bare ? 0 : name.len + 1;
    return parse_value(p, op, arg, at);
}

/* Kinds of which the first counts: in bytes the others are ignored, in text they are a mistake. */
static bool stands_once(unsigned kind)
{
    return kind == WRG_OP_CONFIG || kind == WRG_OP_SCHED || kind == WRG_OP_EXPECT;
}

static int parse_kind(struct parser *p, struct wrg_span name, unsigned *kind)
{
    char shown[WRG_SHOWN_BYTES];

    *kind = wrg_op_kind_by_name(name.at, name.len);
    if (*kind == 0)
        return fail_unknown(p, name, "op", "", nearest_op(name));
    wrg_span_show(name, shown);
    if (!wrg_op_info(*kind)->live)
        return fail(p, name.at, "'%s' is reserved and does nothing yet", shown);
    if (stands_once(*kind) && wrg_case_first(p->out, (enum wrg_op_kind) * kind))
        return fail(p, name.at, "a second '%s'; there can be one", shown);
    if (p->out->nops == WRG_CASE_OPS_MAX)
        return fail(p, name.at, "more than %u ops", WRG_CASE_OPS_MAX);
    return 0;
}

/* Where the operand stands in the line in hand; only for one that is given. */
static const char *stands_at(const struct parser *p, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = p->line; at + len < p->eol; at++)
        if (memcmp(at, name, len) == 0 && at[len] == '=' && at > p->line && is_blank(at[-1]))
            return at + len + 1;
    return p->line;
}

/* Operands that are right each by itself, but not together. */
static int check_together(struct parser *p, const struct wrg_op *op)
{
    const struct wrg_fault_info *info;
    char list[256] = "";
    size_t len = 0;

    if (op->kind != WRG_OP_FAULT)
        return 0;
    p->crossed |= p->nvars > 1;
    if (op->fault.status == WRG_AUTO_I32 ||
        wrg_fault_allows((enum wrg_fault_site)op->fault.site, op->fault.status))
        return 0;
    info = wrg_fault_info((enum wrg_fault_site)op->fault.site);
    for (unsigned i = 0; i < info->nstatuses; i++)
        len += (size_t)snprintf(list + len, sizeof(list) - len, ", %d", info->statuses[i].status);
    return fail(p, stands_at(p, "status"), "'%s' does not fail with %d; it takes auto%s",
                info->name, op->fault.status, list);
}

static int parse_op(struct parser *p, struct wrg_span name)
{
    const char *at = name.at + name.len;
    uint64_t seen = 0;
    struct wrg_op op;
    unsigned kind;

    if (parse_kind(p, name, &kind))
        return -EINVAL;
    op = wrg_op_make((enum wrg_op_kind)kind);
    op.line = (uint16_t)wrg_min_u32(p->line_number, UINT16_MAX);
    for (at = skip_blanks(p, at); at < p->eol; at = skip_blanks(p, at))
        if (parse_arg(p, &op, &at, &seen))
            return -EINVAL;
    if (kind == WRG_OP_EXPECT && !seen)
        return fail(p, p->eol, "'expect' takes clean or a rule id such as RING-004");
    if (check_together(p, &op))
        return -EINVAL;
    (void)wrg_case_append(p->out, &op);
    return 0;
}

static int parse_line(struct parser *p)
{
    const char *at = skip_blanks(p, p->line);
    struct wrg_span name = word_at(p, at, ' ');

    if (at == p->eol)
        return 0;
    if (wrg_span_is(name, "repeat"))
        return parse_repeat(p, at + name.len);
    return parse_op(p, name);
}

/* ---- the file ---- */

static int parse_header(struct parser *p)
{
    char shown[WRG_SHOWN_BYTES];
    struct wrg_span line;
    const char *end;

    if (!next_line(p)) {
        p->line = p->eol = p->at;
        p->line_number = 1;
        return fail(p, p->line, "empty; the first line of a case is 'wringer 1'");
    }
    line = (struct wrg_span){ p->line, (size_t)(p->eol - p->line) };
    if (!wrg_case_is_text(line.at, line.len))
        return fail(p, p->line, "the first line of a case is 'wringer 1', not '%s'",
                    wrg_span_show(line, shown));
    line = word_at(p, p->line + sizeof(WRG_CASE_TEXT_MARK) - 1, ' ');
    end = skip_blanks(p, line.at + line.len);
    if (!wrg_span_is(line, "1"))
        return fail(p, line.at, "version '%s' is not known; this is version 1",
                    wrg_span_show(line, shown));
    return end == p->eol ? 0 : fail(p, end, "nothing follows the version");
}

/* Parses one case of the text; the number of all of them is in p->count then. */
static int parse_one(struct parser *p)
{
    p->count = 1;
    wrg_case_init(p->out);
    if (parse_header(p))
        return -EINVAL;
    while (next_line(p))
        if (parse_line(p))
            return -EINVAL;
    for (unsigned i = 0; i < p->nvars; i++)
        if (!p->vars[i].used) {
            char shown[WRG_SHOWN_BYTES];

            wrg_message_set(p->msg, "%s:%u:8: nothing uses '$%s'", p->file, p->vars[i].line,
                            wrg_span_show(p->vars[i].name, shown));
            return -EINVAL;
        }
    return 0;
}

static struct parser parser_of(const char *text, size_t len, size_t index, struct wrg_case *out)
{
    return (struct parser){ .file = "", .at = text, .end = text + len, .index = index, .out = out };
}

static int check_case(const struct parser *p, const char *text, size_t len, size_t index,
                      struct wrg_case *out)
{
    struct parser again = parser_of(text, len, index, out);

    again.file = p->file;
    again.msg = p->msg;
    return parse_one(&again);
}

/*
 * Ops do not depend on each other, so it is enough to see every value of every variable once, not
 * every combination; but for the operands that do. p: after the parse of case 0.
 */
static int check_values(const struct parser *p, const char *text, size_t len, struct wrg_case *out)
{
    for (size_t i = 1; p->crossed && i < p->count; i++)
        if (check_case(p, text, len, i, out))
            return -EINVAL;
    for (unsigned v = 0; v < p->nvars; v++)
        for (size_t i = 1; i < p->vars[v].nvalues; i++)
            if (check_case(p, text, len, i * p->vars[v].stride, out))
                return -EINVAL;
    return 0;
}

static int list_init(struct wrg_case_list *out, const void *data, size_t len)
{
    *out = (struct wrg_case_list){ .count = 1, .len = len };
    out->source = malloc(len + 1);
    if (!out->source)
        return -ENOMEM;
    if (len)
        memcpy(out->source, data, len);
    out->source[len] = '\0';
    return 0;
}

int wrg_case_parse(const char *text, size_t len, const char *file, struct wrg_case_list *out,
                   char *err, size_t errcap)
{
    struct wrg_case scratch;
    struct parser p;
    int result;

    if (list_init(out, text, len)) {
        wrg_message_set((struct wrg_message){ err, errcap }, "%s: out of memory", file);
        return -ENOMEM;
    }
    out->is_text = true;
    p = parser_of(out->source, len, 0, &scratch);
    p.file = file;
    p.msg = (struct wrg_message){ err, errcap };
    result = parse_one(&p);
    if (!result)
        result = check_values(&p, out->source, len, &scratch);
    out->count = p.count;
    if (result)
        wrg_case_list_fini(out);
    return result;
}

int wrg_case_list_of_bytes(const uint8_t *data, size_t len, struct wrg_case_list *out)
{
    return list_init(out, data, len);
}

void wrg_case_list_get(const struct wrg_case_list *list, size_t index, struct wrg_case *out)
{
    char unused[1];
    struct parser p;
    int result = 0;

    WRG_ASSERT(index < list->count);
    if (list->is_text) {
        p = parser_of(list->source, list->len, index, out);
        p.msg = (struct wrg_message){ unused, sizeof(unused) };
        result = parse_one(&p);
    } else {
        wrg_case_decode((const uint8_t *)list->source, list->len, out);
    }
    WRG_ASSERT(result == 0); /* wrg_case_parse has seen every value of it */
}

const char *wrg_case_list_label(const struct wrg_case_list *list, size_t index, char *buf,
                                size_t cap)
{
    struct wrg_case scratch;
    struct parser p;
    size_t at = 0;

    WRG_ASSERT(index < list->count && cap > 0);
    buf[0] = '\0';
    if (list->count == 1)
        return buf;
    p = parser_of(list->source, list->len, index, &scratch);
    p.msg = (struct wrg_message){ buf, cap };
    WRG_ASSERT(parse_one(&p) == 0);
    for (unsigned i = 0; i < p.nvars && at < cap; i++) {
        const struct var *var = &p.vars[i];

        at += (size_t)snprintf(buf + at, cap - at, "%s%.*s=%.*s", i ? " " : "", (int)var->name.len,
                               var->name.at, (int)var->chosen.len, var->chosen.at);
    }
    return buf;
}

void wrg_case_list_fini(struct wrg_case_list *list)
{
    free(list->source);
    *list = (struct wrg_case_list){ 0 };
}
