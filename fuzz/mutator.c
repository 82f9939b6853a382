/* SPDX-License-Identifier: MIT */
/*
 * Glue between libFuzzer and the mutator of cases (case/mutate.h).
 *
 * With WRG_FUZZ_FIXED in the environment inputs stay as they are: that is how scripts/campaign
 * measures what a fixed corpus costs inside the engine.
 */
#include <stdlib.h>
#include <string.h>

#include "case/mutate.h"
#include "target.h"

/*
 * What one input may ask for at most: two of the largest requests, and so many of the small ones.
 * The mutator keeps to less nearly always, but what once is beyond may grow, and one such input
 * takes as long as ten thousand others.
 */
#define PAGES_MAX    8192u
#define REQUESTS_MAX 512u

/* Seven cases of eight keep the connection they start with. */
#define LIFE_MOST(seed) ((seed) / RAW_SHARE % 8u == 0 ? 3u : 0u)

/* Three of four have one guest: each more connects, and does its I/O, in every run. */
#define GUESTS_MOST(seed) ((seed) / RAW_SHARE / 8u % 4u == 0 ? 4u : 1u)

/*
 * Fifteen cases of sixteen are no longer than this, which twenty requests and what happens to them
 * fit in: a run's time grows with its ops, and what long ones find short ones mostly find sooner.
 */
#define OPS_SHORT      40u
#define OPS_MOST(seed) ((seed) / RAW_SHARE / 32u % 16u == 0 ? WRG_CASE_OPS_MAX : OPS_SHORT)

static struct wrg_case bounded; /* too large for the stack */

/* One mutation in so many is of raw bytes: what typed ops cannot express, the decoder must bear. */
#define RAW_SHARE 20u

static enum wrg_profile profile(void)
{
    if (strcmp(WRG_FUZZ_TARGET, "xenstore") == 0)
        return WRG_PROFILE_XENSTORE;
    return strcmp(WRG_FUZZ_TARGET, "front") == 0 ? WRG_PROFILE_FRONT : WRG_PROFILE_BACK;
}

static bool is_fixed(void)
{
    static int fixed = -1;

    if (fixed < 0)
        fixed = getenv("WRG_FUZZ_FIXED") != NULL;
    return fixed;
}

static uint64_t pages_of(const struct wrg_op *op)
{
    if (op->kind == WRG_OP_REQ)
        return op->req.nseg < 4096u ? op->req.nseg : 4096u;
    return op->kind == WRG_OP_IO ? (op->io.count / 8u + 1u) * (uint64_t)op->io.times : 0;
}

/*
 * Ops after which the next run cannot start from the connected world: a case of them takes ten
 * times as long as others. One shows what the first one leads to, more mostly repeat it.
 */
static bool changes_life(const struct wrg_op *op)
{
    return op->kind == WRG_OP_RECONNECT || op->kind == WRG_OP_DETACH || op->kind == WRG_OP_KILL ||
           op->kind == WRG_OP_XS || op->kind == WRG_OP_TOOLSTACK;
}

/* Takes out what is beyond `most`; true if there was such. */
static bool bound_life(struct wrg_case *c, unsigned most)
{
    unsigned kept = 0, seen = 0;

    for (unsigned i = 0; i < c->nops; i++) {
        seen += changes_life(&c->ops[i]);
        if (!changes_life(&c->ops[i]) || seen <= most)
            c->ops[kept++] = c->ops[i];
    }
    bool beyond = kept < c->nops;
    c->nops = (uint16_t)kept;
    return beyond;
}

/* Takes out a stretch somewhere; the config, which stands first, stays. */
static bool bound_ops(struct wrg_case *c, unsigned most, unsigned seed)
{
    if (c->nops <= most)
        return false;
    unsigned beyond = c->nops - most, at = 1 + seed % most;

    memmove(&c->ops[at], &c->ops[at + beyond], (most - at) * sizeof(c->ops[0]));
    c->nops = (uint16_t)most;
    return true;
}

/* Guests beside the first, one of which may be the neighbour. */
static bool bound_guests(struct wrg_case *c, unsigned most)
{
    bool beyond = false;

    for (unsigned i = 0; i < c->nops; i++) {
        struct wrg_op_config *config = &c->ops[i].config;
        if (c->ops[i].kind != WRG_OP_CONFIG ||
            config->guests + (config->neighbour != WRG_NO) <= most)
            continue;
        config->guests = 1;
        config->neighbour = WRG_NO;
        beyond = true;
    }
    return beyond;
}

/* True if it was beyond. */
static bool bound_op(struct wrg_op *op, uint64_t *pages, uint64_t *requests)
{
    uint64_t times = op->kind == WRG_OP_IO ? op->io.times : op->kind == WRG_OP_REQ;

    if (op->kind == WRG_OP_CONFIG &&
        op->config.memory != wrg_op_make(WRG_OP_CONFIG).config.memory) {
        /* A world is built anew for another size, which takes longer than a thousand cases. */
        op->config.memory = wrg_op_make(WRG_OP_CONFIG).config.memory;
        return true;
    }
    if (*pages + pages_of(op) <= PAGES_MAX && *requests + times <= REQUESTS_MAX) {
        *pages += pages_of(op);
        *requests += times;
        return false;
    }
    if (op->kind == WRG_OP_IO) {
        op->io.times = 1;
        op->io.count = 8;
    } else if (op->kind == WRG_OP_REQ) {
        op->req.nseg = 1;
    }
    return true;
}

/* Bytes that ask for too much are replaced by canonical ones that do not; others stay. */
static size_t bound(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    uint64_t pages = 0, requests = 0;

    wrg_case_decode(data, size, &bounded);
    bool beyond = bound_life(&bounded, LIFE_MOST(seed));
    beyond |= bound_guests(&bounded, GUESTS_MOST(seed));
    beyond |= bound_ops(&bounded, OPS_MOST(seed), seed / 7u);
    for (unsigned i = 0; i < bounded.nops; i++)
        beyond |= bound_op(&bounded.ops[i], &pages, &requests);
    return beyond ? wrg_case_encode(&bounded, data, max) : size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    if (is_fixed())
        return size;
    if (seed % RAW_SHARE == 0)
        size = LLVMFuzzerMutate(data, size, max);
    else
        size = wrg_mutate(data, size, max, seed, profile());
    return bound(data, size, max, seed);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                                 uint8_t *out, size_t max, unsigned seed)
{
    if (is_fixed()) {
        size_t size = a_size < max ? a_size : max;

        memcpy(out, a, size);
        return size;
    }
    size_t size = wrg_crossover((struct wrg_bytes){ a, a_size }, (struct wrg_bytes){ b, b_size },
                                out, max, seed);
    return bound(out, size, max, seed);
}
