/* SPDX-License-Identifier: MIT */
#include "case/dict.h"

#include <inttypes.h>
#include <string.h>

#include "base/base.h"
#include "case/boundary.h"
#include "case/codec.h"

static void print_entry(FILE *out, const uint8_t *bytes, size_t len)
{
    fputs("=\"", out);
    for (size_t i = 0; i < len; i++)
        fprintf(out, "\\x%02x", bytes[i]);
    fputs("\"\n", out);
}

static void print_op(FILE *out, unsigned kind)
{
    struct wrg_case one = { .version = WRG_CASE_VERSION, .nops = 1 };
    uint8_t bytes[1 + 2 + 255];
    size_t len;

    one.ops[0] = wrg_op_make((enum wrg_op_kind)kind);
    len = wrg_case_encode(&one, bytes, sizeof(bytes));
    fprintf(out, "op_%s", wrg_op_info(kind)->name);
    print_entry(out, bytes + 1, len - 1);
}

/* Some operand of this class is so wide. */
static bool has_width(enum wrg_arg_class klass, unsigned bytes)
{
    for (unsigned kind = 1; kind <= WRG_OP_KIND_MAX; kind++) {
        const struct wrg_op_info *info = wrg_op_info(kind);

        for (unsigned i = 0; i < info->nargs; i++)
            if (info->args[i].klass == klass && info->args[i].wire_bytes == bytes)
                return true;
    }
    return false;
}

/* An earlier class has printed the same bytes. */
static bool seen_before(unsigned klass, unsigned bytes, uint64_t masked, uint64_t mask)
{
    for (unsigned k = 0; k < klass; k++) {
        struct wrg_boundary b = wrg_boundary((enum wrg_arg_class)k);

        for (size_t i = 0; has_width((enum wrg_arg_class)k, bytes) && i < b.count; i++)
            if ((b.values[i] & mask) == masked)
                return true;
    }
    return false;
}

static void print_values(FILE *out, unsigned klass, unsigned bytes)
{
    struct wrg_boundary b = wrg_boundary((enum wrg_arg_class)klass);
    uint64_t mask = bytes == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * bytes)) - 1;

    for (size_t i = 0; has_width((enum wrg_arg_class)klass, bytes) && i < b.count; i++) {
        uint64_t v = b.values[i] & mask;
        uint8_t le[8];

        if (seen_before(klass, bytes, v, mask))
            continue;
        for (unsigned k = 0; k < bytes; k++)
            le[k] = (uint8_t)(v >> (8 * k));
        fprintf(out, "u%u_%" PRIx64, 8 * bytes, v);
        print_entry(out, le, bytes);
    }
}

/* Words of two bytes and more, each once. */
static void print_words(FILE *out, unsigned klass)
{
    struct wrg_boundary_words b = wrg_boundary_words((enum wrg_arg_class)klass);

    for (size_t i = 0; i < b.count; i++) {
        bool seen = strlen(b.words[i]) < 2;

        for (size_t k = 0; k < i; k++)
            seen |= strcmp(b.words[k], b.words[i]) == 0;
        if (seen)
            continue;
        fprintf(out, "text_%u_%zu", klass, i);
        print_entry(out, (const uint8_t *)b.words[i], strlen(b.words[i]));
    }
}

void wrg_dict_print(FILE *out)
{
    fputs("# Made from the op table; not to be edited.\n", out);
    for (unsigned kind = 1; kind <= WRG_OP_KIND_MAX; kind++)
        if (wrg_op_info(kind)->live)
            print_op(out, kind);
    for (unsigned klass = 0; klass < WRG_COUNT_CLASS; klass++)
        for (unsigned bytes = 2; bytes <= 8; bytes *= 2) /* single bytes are found anyway */
            print_values(out, klass, bytes);
    for (unsigned klass = 0; klass < WRG_COUNT_CLASS; klass++)
        print_words(out, klass);
}
