/* SPDX-License-Identifier: MIT */
/*
 * The layouts as data, for `wringer abi` and for tests.
 *
 * Layer:   wire; prints to a FILE that the caller gives, otherwise pure data.
 * Shapes:  three layouts (x86_64, x86_32, native), seven structs each, members in the order of
 *          Xen's header.
 * Units:   bytes.
 * Source:  wringer/wire_layout.h, which abi_assert.c ties to Xen's headers.
 */
#ifndef WRG_WIRE_ABI_TABLE_H
#define WRG_WIRE_ABI_TABLE_H

#include <stdint.h>
#include <stdio.h>

#include <wringer/wire.h>

struct wrg_abi_field {
    const char *name;
    uint16_t offset_bytes;
    uint16_t size_bytes;
};

struct wrg_abi_struct {
    const char *name;
    uint16_t size_bytes;
    uint16_t align_bytes;
    uint16_t field_count;
    const struct wrg_abi_field *fields;
};

enum { WRG_ABI_STRUCT_COUNT = 7 };

struct wrg_abi_layout {
    enum wrg_abi abi;
    const struct wrg_abi_struct *structs; /* WRG_ABI_STRUCT_COUNT of them */
};

/* In the order in which they are printed. */
extern const struct wrg_abi_layout wrg_abi_layouts[WRG_ABI_COUNT];

/* The struct of that name (without the ABI), or NULL. */
const struct wrg_abi_struct *wrg_abi_find(enum wrg_abi abi, const char *name);

/* For people: one line a member. */
void wrg_abi_print_text(FILE *out);

/* {"x86_64": {"blkif_request": {"size": 112, "fields": {"operation": 0, ...}}, ...}, ...} */
void wrg_abi_print_json(FILE *out);

#endif
