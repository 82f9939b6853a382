/* SPDX-License-Identifier: MIT */
/*
 * Reach: which combinations of feature, operation, way to end and phase of the connection requests
 * have gone through.
 *
 * Layer   vocab
 * Shape   a bit a cell, all combinations; wrg_reach_possible tells those that can be reached at all
 */
#ifndef WRG_VOCAB_REACH_H
#define WRG_VOCAB_REACH_H

#include <stdbool.h>
#include <stdint.h>

enum wrg_reach_feature {
#define WRG_REACH_FEATURE(symbol, name) WRG_FEATURE_##symbol,
#include "vocab/reach.def"
    WRG_NR_FEATURES
};

enum wrg_reach_operation {
#define WRG_REACH_OPERATION(symbol, name) WRG_OPERATION_##symbol,
#include "vocab/reach.def"
    WRG_NR_OPERATIONS
};

enum wrg_reach_path {
#define WRG_REACH_PATH(symbol, name, operations) WRG_PATH_##symbol,
#include "vocab/reach.def"
    WRG_NR_PATHS
};

enum wrg_reach_phase {
#define WRG_REACH_PHASE(symbol, name) WRG_REACH_##symbol,
#include "vocab/reach.def"
    WRG_NR_REACH_PHASES
};

struct wrg_reach_cell {
    uint8_t feature, operation, path, phase;
};

#define WRG_REACH_CELLS (WRG_NR_FEATURES * WRG_NR_OPERATIONS * WRG_NR_PATHS * WRG_NR_REACH_PHASES)
#define WRG_REACH_WORDS ((WRG_REACH_CELLS + 63) / 64)

struct wrg_reach {
    uint64_t bits[WRG_REACH_WORDS];
};

static inline uint32_t wrg_reach_index(const struct wrg_reach_cell *cell)
{
    return ((cell->feature * (uint32_t)WRG_NR_OPERATIONS + cell->operation) * WRG_NR_PATHS +
            cell->path) *
               WRG_NR_REACH_PHASES +
           cell->phase;
}

static inline void wrg_reach_set(struct wrg_reach *reach, uint32_t index)
{
    reach->bits[index / 64] |= UINT64_C(1) << index % 64;
}

static inline bool wrg_reach_has(const struct wrg_reach *reach, uint32_t index)
{
    return reach->bits[index / 64] >> index % 64 & 1;
}

/* The cell of an index below WRG_REACH_CELLS. */
struct wrg_reach_cell wrg_reach_cell_at(uint32_t index);

/* Whether requests of this operation can end so. */
bool wrg_reach_can_end(unsigned operation, unsigned path);

/*
 * Why a request that can end so never does in such a connection, as a sentence; NULL: it can, or no
 * request ends so anyway.
 */
const char *wrg_reach_why_never(const struct wrg_reach_cell *cell);

/* Reason `i`, and how many combinations it is the first to rule out; NULL behind the last. */
const char *wrg_reach_reason(unsigned i, unsigned *cells);

/* Whether an honest or a hostile pair can come there at all. */
bool wrg_reach_possible(const struct wrg_reach_cell *cell);

const char *wrg_reach_feature_name(unsigned feature);
const char *wrg_reach_operation_name(unsigned operation);
const char *wrg_reach_path_name(unsigned path);
const char *wrg_reach_phase_name(unsigned phase);

#endif
