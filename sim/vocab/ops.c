/* SPDX-License-Identifier: MIT */
#include "vocab/ops.h"

#include <string.h>

#include "base/base.h"

/* ---- words ---- */

#define WORD(symbol, text) text,
#define WORDS(names, tag)  static const char *const words_##names[] = { WRG_ENUM_##names(WORD) };
WRG_ENUMS(WORDS)
#undef WORDS
#undef WORD

#define SITE(symbol, text, group, what) text,
static const char *const words_SITE[] = { WRG_FAULTS(SITE) };
#undef SITE

#define SITE(symbol, text, group, what) text,
static const char *const words_SITES[] = { "all", WRG_FAULTS(SITE) };
#undef SITE

#define NODE(symbol, text, dir) text,
static const char *const words_NODE[] = { WRG_NODES(NODE) };
#undef NODE

static const struct wrg_names all_names[WRG_COUNT_NAMES] = {
#define NAMES(names, tag) [WRG_NAMES_##names] = { words_##names, WRG_COUNT_##names },
    WRG_ENUMS(NAMES)
#undef NAMES
        [WRG_NAMES_SITE] = { words_SITE, WRG_COUNT_SITE },
    [WRG_NAMES_NODE] = { words_NODE, WRG_COUNT_NODE },
    [WRG_NAMES_SITES] = { words_SITES, WRG_COUNT_SITES },
};

const struct wrg_names *wrg_names(enum wrg_names_id id)
{
    WRG_ASSERT((unsigned)id < WRG_COUNT_NAMES);
    return &all_names[id];
}

const char *wrg_name(enum wrg_names_id id, unsigned value)
{
    const struct wrg_names *names = wrg_names(id);

    return value < names->count ? names->words[value] : "?";
}

/* ---- the table ---- */

#define NAMES_OF(names) (WRG_NAMES_##names == WRG_NAMES_NONE ? NULL : &all_names[WRG_NAMES_##names])

/* Effective bounds by type: what a table row leaves out. */
#define MAX_U8(hi, names)       (hi)
#define MAX_U16(hi, names)      (hi)
#define MAX_U32(hi, names)      (hi)
#define MAX_U64(hi, names)      (hi)
#define MAX_I32(hi, names)      UINT32_MAX
#define MAX_FLAG(hi, names)     1
#define MAX_ENUM8(hi, names)    (WRG_COUNT_##names - 1)
#define MAX_RULE(hi, names)     UINT16_MAX
#define MAX_OPT32(hi, names)    (hi)
#define MAX_AUTO16(hi, names)   UINT16_MAX
#define MAX_AUTO32(hi, names)   UINT32_MAX
#define MAX_AUTO64(hi, names)   UINT64_MAX
#define MAX_AUTOI32(hi, names)  UINT32_MAX
#define MAX_TEXT(hi, names)     (hi)
#define MAX_ACTOR(hi, names)    (WRG_ACTOR(WRG_COUNT_ROLE, 0) - 1)
#define MAX_SECTION(hi, names)  (WRG_SECTION(WRG_COUNT_SECTION, 0) - 1)
#define MAX_OPCODE(hi, names)   UINT8_MAX
#define MAX_OPCODE16(hi, names) UINT16_MAX

static const uint8_t type_bytes[WRG_ARG_TYPE_COUNT] = {
#define TYPE(type, width, ctype) [WRG_ARG_##type] = (width),
    WRG_ARG_TYPES(TYPE)
#undef TYPE
};

#define WIDTH(TYPE, hi) (WRG_ARG_##TYPE == WRG_ARG_TEXT ? (hi) : WIDTH_##TYPE)
enum {
#define TYPE(type, width, ctype) WIDTH_##type = (width),
    WRG_ARG_TYPES(TYPE)
#undef TYPE
};

#define ARG(op, field, text, TYPE, lo, hi, deflt, words, cls, doc)                                 \
    { .name = text,                                                                                \
      .help = doc,                                                                                 \
      .min = (lo),                                                                                 \
      .max = MAX_##TYPE(hi, words),                                                                \
      .dflt = (uint64_t)(deflt),                                                                   \
      .names = NAMES_OF(words),                                                                    \
      .type = WRG_ARG_##TYPE,                                                                      \
      .klass = WRG_CLASS_##cls,                                                                    \
      .at = offsetof(struct wrg_op, op.field),                                                     \
      .wire_bytes = (uint8_t)WIDTH(TYPE, hi) },

#define ARGS_LIVE(member) static const struct wrg_arg args_##member[] = { WRG_ARGS_##member(ARG) };
#define ARGS_RESERVED(member)
#define ARGS(kind, symbol, member, text, state, doc) ARGS_##state(member)
WRG_OPS(ARGS)
#undef ARGS

#define WIDTH_OF(op, field, text, TYPE, lo, hi, deflt, words, cls, doc) +WIDTH(TYPE, (hi & 255))
#define BODY_LIVE(member)                                                                          \
    .args = args_##member, .nargs = WRG_ARRAY_LEN(args_##member),                                  \
    .wire_bytes = WRG_ARGS_##member(WIDTH_OF), .live = true
#define BODY_RESERVED(member) .live = false

static const struct wrg_op_info infos[WRG_OP_KIND_MAX + 1] = {
#define OP(number, symbol, member, text, state, doc)                                               \
    [number] = { .name = text, .help = doc, BODY_##state(member) },
    WRG_OPS(OP)
#undef OP
};

/* A block is at most 255 bytes long, and its length one byte: a table that grows must not wrap. */
#define FITS_LIVE(member)                                                                          \
    WRG_STATIC_ASSERT((0 WRG_ARGS_##member(WIDTH_OF)) <= 255, "operands of " #member " fit");
#define FITS_RESERVED(member)
#define FITS(number, symbol, member, text, state, doc) FITS_##state(member)
WRG_OPS(FITS)
#undef FITS

const struct wrg_op_info *wrg_op_info(unsigned kind)
{
    return &infos[kind <= WRG_OP_KIND_MAX ? kind : 0];
}

unsigned wrg_op_kind_by_name(const char *name, size_t len)
{
    for (unsigned kind = 1; kind <= WRG_OP_KIND_MAX; kind++) {
        const char *text = infos[kind].name;

        if (text && strlen(text) == len && memcmp(text, name, len) == 0)
            return kind;
    }
    return 0;
}

void wrg_op_settle(struct wrg_op *op)
{
    if (op->kind == WRG_OP_FAULT &&
        !wrg_fault_allows((enum wrg_fault_site)op->fault.site, op->fault.status))
        op->fault.status = WRG_AUTO_I32;
}

struct wrg_op wrg_op_make(enum wrg_op_kind kind)
{
    const struct wrg_op_info *info = wrg_op_info(kind);
    struct wrg_op op;

    memset(&op, 0, sizeof(op));
    op.kind = (uint8_t)kind;
    for (unsigned i = 0; i < info->nargs; i++)
        if (info->args[i].type != WRG_ARG_TEXT)
            wrg_arg_set(&op, &info->args[i], info->args[i].dflt);
    return op;
}

/* ---- operands ---- */

static bool is_signed(const struct wrg_arg *arg)
{
    return arg->type == WRG_ARG_I32 || arg->type == WRG_ARG_AUTOI32;
}

uint64_t wrg_arg_get(const struct wrg_op *op, const struct wrg_arg *arg)
{
    const char *from = (const char *)op + arg->at;
    uint64_t u64;
    uint32_t u32;
    uint16_t u16;

    switch (type_bytes[arg->type]) {
    case 1: return *(const uint8_t *)from;
    case 2: memcpy(&u16, from, sizeof(u16)); return u16;
    case 4:
        memcpy(&u32, from, sizeof(u32));
        return is_signed(arg) ? (uint64_t)(int64_t)(int32_t)u32 : u32;
    default:
        WRG_ASSERT(type_bytes[arg->type] == 8);
        memcpy(&u64, from, sizeof(u64));
        return u64;
    }
}

void wrg_arg_set(struct wrg_op *op, const struct wrg_arg *arg, uint64_t value)
{
    uint64_t u64 = wrg_arg_fold(arg, value);
    uint32_t u32 = (uint32_t)u64;
    uint16_t u16 = (uint16_t)u64;
    uint8_t u8 = (uint8_t)u64;
    char *to = (char *)op + arg->at;

    switch (type_bytes[arg->type]) {
    case 1: memcpy(to, &u8, sizeof(u8)); return;
    case 2: memcpy(to, &u16, sizeof(u16)); return;
    case 4: memcpy(to, &u32, sizeof(u32)); return;
    default: WRG_ASSERT(type_bytes[arg->type] == 8); memcpy(to, &u64, sizeof(u64));
    }
}

uint64_t wrg_arg_fold(const struct wrg_arg *arg, uint64_t value)
{
    unsigned bytes = type_bytes[arg->type];
    uint64_t v = bytes == 8 ? value : value & ((UINT64_C(1) << (8 * bytes)) - 1);

    switch (arg->type) {
    case WRG_ARG_RULE: return wrg_fold_rule((uint16_t)v);
    case WRG_ARG_ACTOR: return wrg_fold_actor((uint8_t)v);
    case WRG_ARG_SECTION: return wrg_fold_section((uint32_t)v);
    case WRG_ARG_OPT32: return v == WRG_ABSENT ? v : wrg_fold(v, arg->min, arg->max);
    default:
        return is_signed(arg) ? (uint64_t)(int64_t)(int32_t)v : wrg_fold(v, arg->min, arg->max);
    }
}

const char *wrg_arg_text(const struct wrg_op *op, const struct wrg_arg *arg)
{
    WRG_ASSERT(arg->type == WRG_ARG_TEXT);
    return (const char *)op + arg->at;
}

char *wrg_arg_text_mut(struct wrg_op *op, const struct wrg_arg *arg)
{
    WRG_ASSERT(arg->type == WRG_ARG_TEXT);
    return (char *)op + arg->at;
}

bool wrg_arg_is_default(const struct wrg_op *op, const struct wrg_arg *arg)
{
    if (arg->type == WRG_ARG_TEXT)
        return wrg_arg_text(op, arg)[0] == '\0';
    return wrg_arg_get(op, arg) == arg->dflt;
}

bool wrg_arg_special(const struct wrg_arg *arg, uint64_t *value, const char **word)
{
    *word = arg->type == WRG_ARG_OPT32 ? "absent" : "auto";
    switch (arg->type) {
    case WRG_ARG_OPT32: *value = WRG_ABSENT; return true;
    case WRG_ARG_AUTO16:
    case WRG_ARG_OPCODE16: *value = WRG_AUTO_16; return true;
    case WRG_ARG_AUTO32: *value = WRG_AUTO_32; return true;
    case WRG_ARG_AUTO64: *value = WRG_AUTO_64; return true;
    case WRG_ARG_AUTOI32: *value = (uint64_t)WRG_AUTO_I32; return true;
    default: return false;
    }
}

uint16_t wrg_fold_rule(uint16_t number)
{
    size_t place;

    if (number == WRG_RULE_CLEAN || wrg_rule_by_number(number))
        return number;
    place = number % (wrg_rule_count() + 1);
    return place == 0 ? WRG_RULE_CLEAN : (uint16_t)wrg_rule_at(place - 1)->number;
}
