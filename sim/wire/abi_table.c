/* SPDX-License-Identifier: MIT */
#include "wire/abi_table.h"

#include <string.h>

#include "base/base.h"

/* One array of members per struct and layout: fields64_blkif_request, fields32_blkif_request. */
#define FIELD64(st, member, o64, o32, size)                                                        \
    { #member, (o64), (size) != 0 ? (size) : WRG_WIRE_SIZE64_blkif_request },
#define FIELD32(st, member, o64, o32, size)                                                        \
    { #member, (o32), (size) != 0 ? (size) : WRG_WIRE_SIZE32_blkif_request },
#define ONLY32(st, member, o32, size) { #member, (o32), (size) },
#define ARRAYS(st, size64, align64, size32, align32)                                               \
    static const struct wrg_abi_field fields64_##st[] = { WRG_WIRE_FIELDS_##st(                    \
        FIELD64, WRG_WIRE_NO_FIELD) };                                                             \
    static const struct wrg_abi_field fields32_##st[] = { WRG_WIRE_FIELDS_##st(FIELD32, ONLY32) };
WRG_WIRE_STRUCTS(ARRAYS)

#define STRUCT64(st, size64, align64, size32, align32)                                             \
    { #st, (size64), (align64), WRG_ARRAY_LEN(fields64_##st), fields64_##st },
#define STRUCT32(st, size64, align64, size32, align32)                                             \
    { #st, (size32), (align32), WRG_ARRAY_LEN(fields32_##st), fields32_##st },
static const struct wrg_abi_struct structs64[] = { WRG_WIRE_STRUCTS(STRUCT64) };
static const struct wrg_abi_struct structs32[] = { WRG_WIRE_STRUCTS(STRUCT32) };
WRG_STATIC_ASSERT(WRG_ARRAY_LEN(structs64) == WRG_ABI_STRUCT_COUNT, "every layout has all structs");
WRG_STATIC_ASSERT(WRG_ARRAY_LEN(structs32) == WRG_ABI_STRUCT_COUNT, "every layout has all structs");

const struct wrg_abi_layout wrg_abi_layouts[WRG_ABI_COUNT] = {
    { WRG_ABI_X86_64, structs64 },
    { WRG_ABI_X86_32, structs32 },
    { WRG_ABI_NATIVE, structs64 },
};

const struct wrg_abi_struct *wrg_abi_find(enum wrg_abi abi, const char *name)
{
    const struct wrg_abi_struct *structs = abi == WRG_ABI_X86_32 ? structs32 : structs64;

    for (unsigned int i = 0; i < WRG_ABI_STRUCT_COUNT; i++) {
        if (strcmp(structs[i].name, name) == 0)
            return &structs[i];
    }
    return NULL;
}

static void print_struct_text(FILE *out, const struct wrg_abi_struct *st)
{
    fprintf(out, "  %s: size %u, align %u\n", st->name, st->size_bytes, st->align_bytes);
    for (unsigned int i = 0; i < st->field_count; i++)
        fprintf(out, "    %4u  %s\n", st->fields[i].offset_bytes, st->fields[i].name);
}

void wrg_abi_print_text(FILE *out)
{
    for (unsigned int i = 0; i < WRG_ABI_COUNT; i++) {
        fprintf(out, "%s%s\n", i == 0 ? "" : "\n", wrg_wire_abi_name(wrg_abi_layouts[i].abi));
        for (unsigned int j = 0; j < WRG_ABI_STRUCT_COUNT; j++)
            print_struct_text(out, &wrg_abi_layouts[i].structs[j]);
    }
}

/* By hand: names are C identifiers, so nothing needs escaping, and this layer has no jansson. */
static void print_struct_json(FILE *out, const struct wrg_abi_struct *st)
{
    fprintf(out, "    \"%s\": {\"size\": %u, \"fields\": {", st->name, st->size_bytes);
    for (unsigned int i = 0; i < st->field_count; i++)
        fprintf(out, "%s\"%s\": %u", i == 0 ? "" : ", ", st->fields[i].name,
                st->fields[i].offset_bytes);
    fprintf(out, "}}");
}

void wrg_abi_print_json(FILE *out)
{
    for (unsigned int i = 0; i < WRG_ABI_COUNT; i++) {
        fprintf(out, "%s  \"%s\": {\n", i == 0 ? "{\n" : ",\n",
                wrg_wire_abi_name(wrg_abi_layouts[i].abi));
        for (unsigned int j = 0; j < WRG_ABI_STRUCT_COUNT; j++) {
            print_struct_json(out, &wrg_abi_layouts[i].structs[j]);
            fprintf(out, "%s\n", j + 1 < WRG_ABI_STRUCT_COUNT ? "," : "");
        }
        fprintf(out, "  }");
    }
    fprintf(out, "\n}\n");
}
