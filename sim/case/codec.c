/* SPDX-License-Identifier: MIT */
#include "case/codec.h"

#include <endian.h>
#include <string.h>

#include "base/base.h"

/* What is left of the operands of one op. */
struct block {
    const uint8_t *at;
    size_t left;
};

/*
 * One access of the whole width: of a loop over bytes clang makes one, too, but after the sanitizer
 * has added a check a byte, and this is in the fuzz loop.
 */
static inline uint64_t load(const uint8_t *at, unsigned bytes)
{
    uint64_t v = 0;

    memcpy(&v, at, bytes);
    return le64toh(v);
}

static inline void store(uint8_t *at, uint64_t v, unsigned bytes)
{
    v = htole64(v);
    memcpy(at, &v, bytes);
}

static inline bool take(struct block *b, unsigned bytes, uint64_t *v)
{
    if (WRG_UNLIKELY(b->left < bytes)) {
        b->left = 0; /* half an operand is none, and none can follow it */
        return false;
    }
    *v = load(b->at, bytes);
    b->at += bytes;
    b->left -= bytes;
    return true;
}

/* ---- one operand in, by type: the folding is a constant expression wherever it can be ---- */

#define FOLD_U8(v, lo, hi, names)       wrg_fold(v, lo, hi)
#define FOLD_U16(v, lo, hi, names)      wrg_fold(v, lo, hi)
#define FOLD_U32(v, lo, hi, names)      wrg_fold(v, lo, hi)
#define FOLD_U64(v, lo, hi, names)      wrg_fold(v, lo, hi)
#define FOLD_I32(v, lo, hi, names)      (v)
#define FOLD_FLAG(v, lo, hi, names)     wrg_fold(v, 0, 1)
#define FOLD_ENUM8(v, lo, hi, names)    wrg_fold(v, 0, WRG_COUNT_##names - 1)
#define FOLD_RULE(v, lo, hi, names)     wrg_fold_rule((uint16_t)(v))
#define FOLD_OPT32(v, lo, hi, names)    ((v) == WRG_ABSENT ? (v) : wrg_fold(v, lo, hi))
#define FOLD_AUTO16(v, lo, hi, names)   (v)
#define FOLD_AUTO32(v, lo, hi, names)   (v)
#define FOLD_AUTO64(v, lo, hi, names)   (v)
#define FOLD_AUTOI32(v, lo, hi, names)  (v)
#define FOLD_ACTOR(v, lo, hi, names)    wrg_fold_actor((uint8_t)(v))
#define FOLD_SECTION(v, lo, hi, names)  wrg_fold_section((uint32_t)(v))
#define FOLD_OPCODE(v, lo, hi, names)   (v)
#define FOLD_OPCODE16(v, lo, hi, names) (v)

/* One statement an operand: compilers and checkers take functions of many badly. */
#define GET_NUMBER(op, field, TYPE, lo, hi, dflt, names)                                           \
    to->field = take(&b, sizeof(to->field), &v)                                                    \
                    ? (__typeof__(to->field))FOLD_##TYPE(v, lo, hi, names)                         \
                    : (__typeof__(to->field))(dflt);
#define GET_U8                                         GET_NUMBER
#define GET_U16                                        GET_NUMBER
#define GET_U32                                        GET_NUMBER
#define GET_U64                                        GET_NUMBER
#define GET_I32                                        GET_NUMBER
#define GET_FLAG                                       GET_NUMBER
#define GET_ENUM8                                      GET_NUMBER
#define GET_RULE                                       GET_NUMBER
#define GET_OPT32                                      GET_NUMBER
#define GET_AUTO16                                     GET_NUMBER
#define GET_AUTO32                                     GET_NUMBER
#define GET_AUTO64                                     GET_NUMBER
#define GET_AUTOI32                                    GET_NUMBER
#define GET_ACTOR                                      GET_NUMBER
#define GET_SECTION                                    GET_NUMBER
#define GET_OPCODE                                     GET_NUMBER
#define GET_OPCODE16                                   GET_NUMBER
#define GET_TEXT(op, field, TYPE, lo, hi, dflt, names) get_text(&b, to->field, hi);

/* What follows the first NUL is no part of the text, and is encoded as NULs. */
static void get_text(struct block *b, char *to, unsigned bytes)
{
    size_t len = 0;

    if (b->left >= bytes) {
        len = strnlen((const char *)b->at, bytes);
        memcpy(to, b->at, len);
        b->at += bytes;
        b->left -= bytes;
    } else {
        b->left = 0;
    }
    memset(to + len, 0, bytes + 1 - len);
}

#define GET(op, field, text, TYPE, lo, hi, dflt, names, klass, help)                               \
    GET_##TYPE(op, field, TYPE, lo, hi, dflt, names)
#define DECODER_LIVE(member)                                                                       \
    static void decode_##member(struct block b, struct wrg_op_##member *to)                        \
    {                                                                                              \
        uint64_t v;                                                                                \
                                                                                                   \
        (void)v;                                                                                   \
        WRG_ARGS_##member(GET)                                                                     \
    }
#define DECODER_RESERVED(member)
#define DECODER(kind, symbol, member, text, state, help) DECODER_##state(member)
WRG_OPS(DECODER)
#undef DECODER

/* ---- one operand out ---- */

#define PUT_NUMBER(field, hi)                                                                      \
    store(at, (uint64_t)from->field, sizeof(from->field));                                         \
    at += sizeof(from->field);
#define PUT_U8       PUT_NUMBER
#define PUT_U16      PUT_NUMBER
#define PUT_U32      PUT_NUMBER
#define PUT_U64      PUT_NUMBER
#define PUT_I32      PUT_NUMBER
#define PUT_FLAG     PUT_NUMBER
#define PUT_ENUM8    PUT_NUMBER
#define PUT_RULE     PUT_NUMBER
#define PUT_OPT32    PUT_NUMBER
#define PUT_AUTO16   PUT_NUMBER
#define PUT_AUTO32   PUT_NUMBER
#define PUT_AUTO64   PUT_NUMBER
#define PUT_AUTOI32  PUT_NUMBER
#define PUT_ACTOR    PUT_NUMBER
#define PUT_SECTION  PUT_NUMBER
#define PUT_OPCODE   PUT_NUMBER
#define PUT_OPCODE16 PUT_NUMBER
#define PUT_TEXT(field, hi)                                                                        \
    put_text(at, from->field, hi);                                                                 \
    at += (hi);

static void put_text(uint8_t *at, const char *text, unsigned bytes)
{
    size_t len = strnlen(text, bytes);

    memcpy(at, text, len);
    memset(at + len, 0, bytes - len);
}

#define PUT(op, field, text, TYPE, lo, hi, dflt, names, klass, help) PUT_##TYPE(field, hi)
#define ENCODER_LIVE(member)                                                                       \
    static void encode_##member(const struct wrg_op_##member *from, uint8_t *at)                   \
    {                                                                                              \
        WRG_ARGS_##member(PUT)(void) at;                                                           \
    }
#define ENCODER_RESERVED(member)
#define ENCODER(kind, symbol, member, text, state, help) ENCODER_##state(member)
WRG_OPS(ENCODER)
#undef ENCODER

/* ---- ops ---- */

#define DECODE_LIVE(symbol, member)                                                                \
    case WRG_OP_##symbol:                                                                          \
        decode_##member(b, &to->member);                                                           \
        break;
#define DECODE_RESERVED(symbol, member)
#define DECODE(number, symbol, member, text, state, help) DECODE_##state(symbol, member)

/* False: a kind that is not known, or means nothing yet. */
static bool decode_op(unsigned kind, struct block b, struct wrg_op *to)
{
    switch (kind) {
        WRG_OPS(DECODE)
    default: return false;
    }
    to->kind = (uint8_t)kind;
    to->line = 0;
    wrg_op_settle(to);
    return true;
}

void wrg_case_decode(const uint8_t *data, size_t len, struct wrg_case *out)
{
    size_t at = 1;
    unsigned nops = 0;

    out->version = WRG_CASE_VERSION; /* the only one, and what anything else is read as */
    while (at + 2 <= len && nops < WRG_CASE_OPS_MAX) {
        size_t want = data[at + 1];
        size_t have = len - at - 2;
        struct block b = { data + at + 2, want < have ? want : have };

        nops += decode_op(data[at], b, &out->ops[nops]);
        at += 2 + b.left;
    }
    out->nops = (uint16_t)nops;
}

#define ENCODE_LIVE(symbol, member)                                                                \
    case WRG_OP_##symbol:                                                                          \
        encode_##member(&op->member, at);                                                          \
        break;
#define ENCODE_RESERVED(symbol, member)
#define ENCODE(number, symbol, member, text, state, help) ENCODE_##state(symbol, member)

static void encode_op(const struct wrg_op *op, uint8_t *at)
{
    switch (op->kind) {
        WRG_OPS(ENCODE)
    default: WRG_ASSERT(!"a kind that has no operands of its own in a case");
    }
}

size_t wrg_case_encode(const struct wrg_case *from, uint8_t *buf, size_t cap)
{
    size_t at = 1;

    if (cap == 0)
        return 0;
    buf[0] = from->version;
    for (unsigned i = 0; i < from->nops; i++) {
        const struct wrg_op *op = &from->ops[i];
        size_t bytes = wrg_op_info(op->kind)->wire_bytes;

        if (cap - at < 2 + bytes)
            break;
        buf[at] = op->kind;
        buf[at + 1] = (uint8_t)bytes;
        encode_op(op, buf + at + 2);
        at += 2 + bytes;
    }
    return at;
}

size_t wrg_case_encoded_bytes(const struct wrg_case *from)
{
    size_t bytes = 1;

    for (unsigned i = 0; i < from->nops; i++)
        bytes += 2u + wrg_op_info(from->ops[i].kind)->wire_bytes;
    return bytes;
}

/* ---- cases ---- */

void wrg_case_init(struct wrg_case *out)
{
    out->version = WRG_CASE_VERSION;
    out->nops = 0;
}

bool wrg_case_append(struct wrg_case *to, const struct wrg_op *op)
{
    if (to->nops == WRG_CASE_OPS_MAX)
        return false;
    to->ops[to->nops++] = *op;
    return true;
}

const struct wrg_op *wrg_case_first(const struct wrg_case *from, enum wrg_op_kind kind)
{
    for (unsigned i = 0; i < from->nops; i++)
        if (from->ops[i].kind == kind)
            return &from->ops[i];
    return NULL;
}

struct wrg_op_config wrg_case_config(const struct wrg_case *from)
{
    const struct wrg_op *op = wrg_case_first(from, WRG_OP_CONFIG);

    return op ? op->config : wrg_op_make(WRG_OP_CONFIG).config;
}

struct wrg_op_sched wrg_case_sched(const struct wrg_case *from)
{
    const struct wrg_op *op = wrg_case_first(from, WRG_OP_SCHED);

    return op ? op->sched : wrg_op_make(WRG_OP_SCHED).sched;
}

int wrg_case_expect(const struct wrg_case *from)
{
    const struct wrg_op *op = wrg_case_first(from, WRG_OP_EXPECT);

    return op ? op->expect.rule : -1;
}
