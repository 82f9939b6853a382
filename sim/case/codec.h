/* SPDX-License-Identifier: MIT */
/*
 * Bytes to case and back.
 *
 * file := version(1) op*, op := kind(1) len(1) operands[len], little-endian. Decoding is total:
 * every byte string is a case, the empty one included. A first byte that is no known version is
 * read as version 1. Unknown and reserved kinds are skipped by their length; an operand that is
 * missing at the end of a block, wholly or in part, takes its default, surplus bytes are ignored,
 * values out of range are folded into it; a block cut off by the end of the input is decoded as
 * far as it goes. Ops beyond WRG_CASE_OPS_MAX are ignored.
 * Encoding is canonical (full operands, in table order), so encode(decode(x)) is a fixpoint.
 *
 * Layer: case. Owner: the caller owns everything. Threads: no state.
 * Left out: the text form, see text.h.
 */
#ifndef WRG_CASE_CODEC_H
#define WRG_CASE_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "vocab/ops.h"

#define WRG_CASE_VERSION 1u

/* No encoded case is longer. */
#define WRG_CASE_BYTES_MAX (1u + WRG_CASE_OPS_MAX * (2u + 255u))

void wrg_case_decode(const uint8_t *data, size_t len, struct wrg_case *out);

/*
 * Writes the canonical bytes, as many whole ops as fit into cap. Returns the bytes written; 0 only
 * for a cap of 0.
 */
size_t wrg_case_encode(const struct wrg_case *from, uint8_t *buf, size_t cap);

/* Length of the canonical encoding of the whole case, in bytes. */
size_t wrg_case_encoded_bytes(const struct wrg_case *from);

/* A case without ops. */
void wrg_case_init(struct wrg_case *out);

/* Appends an op; false if the case is full. */
bool wrg_case_append(struct wrg_case *to, const struct wrg_op *op);

/* The first op of a kind, or NULL. */
const struct wrg_op *wrg_case_first(const struct wrg_case *from, enum wrg_op_kind kind);

/* The first config (or sched), or one of defaults. */
struct wrg_op_config wrg_case_config(const struct wrg_case *from);
struct wrg_op_sched wrg_case_sched(const struct wrg_case *from);

/* The number of the rule expected, WRG_RULE_CLEAN, or -1 if the case expects nothing. */
int wrg_case_expect(const struct wrg_case *from);

#endif
