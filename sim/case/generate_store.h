/* SPDX-License-Identifier: MIT */
/*
 * New `store` ops: few clients on few paths, so that they get in each other's way.
 *
 * Layer: case. Threads: state is in the generator passed in. Deterministic: a seed, the same ops.
 */
#ifndef WRG_CASE_GENERATE_STORE_H
#define WRG_CASE_GENERATE_STORE_H

#include "case/generate.h"

/* One op, or the beginning of a transaction and something in it. */
unsigned wrg_generate_store(struct wrg_rng *rng, struct wrg_op out[WRG_GENERATE_MAX]);

#endif
