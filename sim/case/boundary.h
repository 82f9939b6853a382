/* SPDX-License-Identifier: MIT */
/*
 * Values at which block drivers went wrong, by class of operand. For mutator and dictionary.
 *
 * Layer: case. Pure data. Source: published advisories and the limits of xen/io/blkif.h.
 */
#ifndef WRG_CASE_BOUNDARY_H
#define WRG_CASE_BOUNDARY_H

#include <stddef.h>
#include <stdint.h>

#include "vocab/ops.h"

struct wrg_boundary {
    const uint64_t *values; /* signed ones are sign-extended */
    size_t count;           /* 0: the class has none */
};

struct wrg_boundary wrg_boundary(enum wrg_arg_class klass);

struct wrg_boundary_words {
    const char *const *words;
    size_t count; /* 0: the class has none */
};

/* Of the classes of texts. */
struct wrg_boundary_words wrg_boundary_words(enum wrg_arg_class klass);

#endif
