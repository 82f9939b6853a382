/* SPDX-License-Identifier: MIT */
/*
 * Both layouts as C structs on any machine: wrg_x64_blkif_request, wrg_x32_blkif_request, ...
 *
 * Layer:  wire. Types only, for assertions and tests; the codec does not use them.
 * Source: transcript.def.
 */
#ifndef WRG_WIRE_TRANSCRIPT_H
#define WRG_WIRE_TRANSCRIPT_H

#include <stdint.h>

/* An attribute on a typedef may also lower the alignment, which no C type of its own can. */
typedef uint64_t wrg_u64_align8 __attribute__((aligned(8)));
typedef uint64_t wrg_u64_align4 __attribute__((aligned(4)));

#define T(name) wrg_x64_##name
#define T_U64   wrg_u64_align8
#define T_I386  0
#include "wire/transcript.def"
#undef T
#undef T_U64
#undef T_I386

#define T(name) wrg_x32_##name
#define T_U64   wrg_u64_align4
#define T_I386  1
#include "wire/transcript.def"
#undef T
#undef T_U64
#undef T_I386

#endif
