/* SPDX-License-Identifier: MIT */
/*
 * Decoded ops: typed structs made from the op table, and the table itself for generic code.
 *
 * An interpreter reads `op->req.nseg`; printer, parser, mutator and documentation go through
 * wrg_op_info. A decoded op always holds values within the range of the table: enums are below
 * their WRG_COUNT_, flags 0 or 1, texts NUL-terminated.
 *
 * Layer: vocab. Shapes: at most WRG_CASE_OPS_MAX ops a case, one fixed-size struct each.
 * Source: ops.def, enums.def, faults.def, nodes.def, rules.def.
 */
#ifndef WRG_VOCAB_OPS_H
#define WRG_VOCAB_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vocab/enums.def"
#include "vocab/faults.h"
#include "vocab/nodes.h"
#include "vocab/ops.def"
#include "vocab/rules.h"

/* More ops than a session needs; a byte string with more is cut there. */
#define WRG_CASE_OPS_MAX 256u

/* Values beside the range of an operand. */
#define WRG_ABSENT   UINT32_C(0xffffffff) /* OPT32: the node is not there */
#define WRG_AUTO_16  UINT16_C(0xfffe)     /* "whatever an honest peer would put here" */
#define WRG_AUTO_32  UINT32_C(0xfffffffe)
#define WRG_AUTO_64  UINT64_C(0xfffffffffffffffe)
#define WRG_AUTO_I32 INT32_C(0x7ffffffe)

/* ---- named values ---- */

/* enum wrg_case_abi { WRG_CASE_ABI_NATIVE, ..., WRG_COUNT_ABI }; and so on, dense from 0. */

#define WRG_ENUM_VALUE(symbol, text) symbol,
/* The words of one table, and how many there are. */
#define WRG_ENUM_TYPE(names, tag) enum tag { WRG_ENUM_##names(WRG_ENUM_VALUE) WRG_COUNT_##names };
WRG_ENUMS(WRG_ENUM_TYPE)
#undef WRG_ENUM_TYPE
#undef WRG_ENUM_VALUE

/* A site by number + 1, or all of them. */
enum { WRG_CASE_SITES_ALL, WRG_COUNT_SITES = WRG_COUNT_SITE + 1 };

/* Tables of words, for generic code. */
#define WRG_NAMES_ID(names, tag) WRG_NAMES_##names,
enum wrg_names_id {
    WRG_NAMES_NONE,
    WRG_ENUMS(WRG_NAMES_ID) WRG_NAMES_SITE,
    WRG_NAMES_NODE,
    WRG_NAMES_SITES,
    WRG_COUNT_NAMES
};
#undef WRG_NAMES_ID

struct wrg_names {
    const char *const *words; /* words[value] */
    unsigned count;
};

const struct wrg_names *wrg_names(enum wrg_names_id id);

/* The word of a value, "?" for a value out of range. */
const char *wrg_name(enum wrg_names_id id, unsigned value);

/* ---- actors and sections ---- */

#define WRG_ACTOR(role, index)     ((uint8_t)((role) << 4 | (index)))
#define WRG_SECTION(kind, ordinal) ((uint32_t)(kind) << 16 | (uint32_t)(ordinal))

static inline enum wrg_role wrg_actor_role(uint8_t actor)
{
    return (enum wrg_role)(actor >> 4);
}

static inline unsigned wrg_actor_index(uint8_t actor)
{
    return actor & 15u;
}

static inline enum wrg_section_kind wrg_section_kind(uint32_t section)
{
    return (enum wrg_section_kind)(section >> 16);
}

static inline unsigned wrg_section_ordinal(uint32_t section)
{
    return section & 0xffffu;
}

/* ---- decoded ops ---- */

#define WRG_OP_VALUE(kind, symbol, member, name, state, help) WRG_OP_##symbol = (kind),
enum wrg_op_kind { WRG_OPS(WRG_OP_VALUE) WRG_OP_KIND_MAX = 63 };
#undef WRG_OP_VALUE

#define WRG_ARG_FIELD(op, field, name, TYPE, lo, hi, dflt, names, klass, help)                     \
    WRG_FIELD_##TYPE(field, hi)
#define WRG_FIELD_U8(field, hi)       uint8_t field;
#define WRG_FIELD_U16(field, hi)      uint16_t field;
#define WRG_FIELD_U32(field, hi)      uint32_t field;
#define WRG_FIELD_U64(field, hi)      uint64_t field;
#define WRG_FIELD_I32(field, hi)      int32_t field;
#define WRG_FIELD_FLAG(field, hi)     uint8_t field;
#define WRG_FIELD_ENUM8(field, hi)    uint8_t field;
#define WRG_FIELD_RULE(field, hi)     uint16_t field;
#define WRG_FIELD_OPT32(field, hi)    uint32_t field;
#define WRG_FIELD_AUTO16(field, hi)   uint16_t field;
#define WRG_FIELD_AUTO32(field, hi)   uint32_t field;
#define WRG_FIELD_AUTO64(field, hi)   uint64_t field;
#define WRG_FIELD_AUTOI32(field, hi)  int32_t field;
#define WRG_FIELD_TEXT(field, hi)     char field[(hi) + 1];
#define WRG_FIELD_ACTOR(field, hi)    uint8_t field;
#define WRG_FIELD_SECTION(field, hi)  uint32_t field;
#define WRG_FIELD_OPCODE(field, hi)   uint8_t field;
#define WRG_FIELD_OPCODE16(field, hi) uint16_t field;

/* struct wrg_op_req { uint8_t op; uint8_t inner; uint16_t nseg; ... }; and so on. */
#define WRG_OP_STRUCT_LIVE(member)                                                                 \
    struct wrg_op_##member {                                                                       \
        WRG_ARGS_##member(WRG_ARG_FIELD)                                                           \
    };
#define WRG_OP_STRUCT_RESERVED(member)
#define WRG_OP_STRUCT(kind, symbol, member, name, state, help) WRG_OP_STRUCT_##state(member)
WRG_OPS(WRG_OP_STRUCT)
#undef WRG_OP_STRUCT

#define WRG_OP_MEMBER_LIVE(member) struct wrg_op_##member member;
#define WRG_OP_MEMBER_RESERVED(member)
#define WRG_OP_MEMBER(kind, symbol, member, name, state, help) WRG_OP_MEMBER_##state(member)
struct wrg_op {
    uint8_t kind;  /* enum wrg_op_kind */
    uint16_t line; /* of the text it comes from; 0: from bytes. Not part of the case. */
    union {
        WRG_OPS(WRG_OP_MEMBER)
    };
};
#undef WRG_OP_MEMBER

struct wrg_case {
    uint8_t version; /* always 1 so far */
    uint16_t nops;
    struct wrg_op ops[WRG_CASE_OPS_MAX]; /* the first nops are defined, the rest is not */
};

/*
 * What operands say together: a fault's status is one of its site's, else auto. Bytes are settled
 * when they are decoded; in text it is a mistake.
 */
void wrg_op_settle(struct wrg_op *op);

/* The op with every operand at its default. */
struct wrg_op wrg_op_make(enum wrg_op_kind kind);

/* ---- the table, for generic code ---- */

#define WRG_ARG_TYPE_ID(type, width, ctype) WRG_ARG_##type,
enum wrg_arg_type { WRG_ARG_TYPES(WRG_ARG_TYPE_ID) WRG_ARG_TYPE_COUNT };
#undef WRG_ARG_TYPE_ID

#define WRG_ARG_CLASS_ID(klass) WRG_CLASS_##klass,
enum wrg_arg_class { WRG_ARG_CLASSES(WRG_ARG_CLASS_ID) WRG_COUNT_CLASS };
#undef WRG_ARG_CLASS_ID

struct wrg_arg {
    const char *name;
    const char *help;
    uint64_t min, max;             /* inclusive; what `absent` and `auto` stand beside */
    uint64_t dflt;                 /* as wrg_arg_get returns it */
    const struct wrg_names *names; /* NULL if values have no names */
    enum wrg_arg_type type;
    enum wrg_arg_class klass;
    uint16_t at; /* of the field in struct wrg_op, bytes */
    uint8_t wire_bytes;
};

struct wrg_op_info {
    const char *name;
    const char *help;
    const struct wrg_arg *args;
    uint8_t nargs;
    uint8_t wire_bytes; /* of all operands */
    bool live;          /* false: reserved, or no such kind (name is NULL) */
};

/* Never NULL. */
const struct wrg_op_info *wrg_op_info(unsigned kind);

/* The kind with that name (reserved ones too), 0 if there is none. */
unsigned wrg_op_kind_by_name(const char *name, size_t len);

/* The operand as a number; I32 and AUTOI32 are sign-extended. Not for TEXT. */
uint64_t wrg_arg_get(const struct wrg_op *op, const struct wrg_arg *arg);

/* Stores the value folded into range. Not for TEXT. */
void wrg_arg_set(struct wrg_op *op, const struct wrg_arg *arg, uint64_t value);

/* The value as it is folded into the range of the operand. */
uint64_t wrg_arg_fold(const struct wrg_arg *arg, uint64_t value);

/* TEXT only: max bytes and a NUL. */
const char *wrg_arg_text(const struct wrg_op *op, const struct wrg_arg *arg);
char *wrg_arg_text_mut(struct wrg_op *op, const struct wrg_arg *arg);

bool wrg_arg_is_default(const struct wrg_op *op, const struct wrg_arg *arg);

/* `auto` or `absent` of the operand's type. False if the type has no such value. */
bool wrg_arg_special(const struct wrg_arg *arg, uint64_t *value, const char **word);

/* ---- folding, shared by the generic code above and the decoder ---- */

static inline uint64_t wrg_fold(uint64_t v, uint64_t lo, uint64_t hi)
{
    if (v >= lo && v <= hi)
        return v;
    return lo + v % (hi - lo + 1); /* the full range of u64 never gets here */
}

static inline uint8_t wrg_fold_actor(uint8_t v)
{
    return v < WRG_ACTOR(WRG_COUNT_ROLE, 0) ? v : (uint8_t)(v % WRG_ACTOR(WRG_COUNT_ROLE, 0));
}

static inline uint32_t wrg_fold_section(uint32_t v)
{
    return v % WRG_SECTION(WRG_COUNT_SECTION, 0);
}

/* An unknown rule number becomes clean or a rule. */
uint16_t wrg_fold_rule(uint16_t number);

#endif
