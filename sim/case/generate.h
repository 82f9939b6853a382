/* SPDX-License-Identifier: MIT */
/*
 * New ops: mostly those of a valid session, hostile values being the rare choice.
 *
 * A profile says who is attacked and so which ops do anything. Segment counts come from a
 * distribution with a long thin tail, because the size of inputs decides how many run a second:
 * three in four ask for 1..12, most others for 13..64, one in fifty for a boundary value.
 *
 * Layer: case. Threads: state is in the generator passed in. Deterministic: a seed, the same ops.
 */
#ifndef WRG_CASE_GENERATE_H
#define WRG_CASE_GENERATE_H

#include "base/rng.h"
#include "case/codec.h"

enum wrg_profile {
    WRG_PROFILE_BACK,     /* a backend is the victim: requests are scripted */
    WRG_PROFILE_FRONT,    /* a frontend is the victim: responses are scripted */
    WRG_PROFILE_XENSTORE, /* the store is the victim: its clients are scripted */
    WRG_PROFILE_COUNT
};

/* Ops that belong together, such as req, grant, publish. */
#define WRG_GENERATE_MAX 4u
unsigned wrg_generate_ops(struct wrg_rng *rng, enum wrg_profile profile,
                          struct wrg_op out[WRG_GENERATE_MAX]);

/* A number of segments, 0..65535. */
uint32_t wrg_generate_nseg(struct wrg_rng *rng);

/* Redraws one operand as in a new op. */
void wrg_generate_arg(struct wrg_rng *rng, struct wrg_op *op, const struct wrg_arg *arg);

#endif
