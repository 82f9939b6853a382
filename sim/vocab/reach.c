/* SPDX-License-Identifier: MIT */
#include "vocab/reach.h"

#include "base/base.h"

/* ---- names ---- */

static const char *const features[] = {
#define WRG_REACH_FEATURE(symbol, name) name,
#include "vocab/reach.def"
};
static const char *const operations[] = {
#define WRG_REACH_OPERATION(symbol, name) name,
#include "vocab/reach.def"
};
static const char *const paths[] = {
#define WRG_REACH_PATH(symbol, name, operations) name,
#include "vocab/reach.def"
};
static const char *const phases[] = {
#define WRG_REACH_PHASE(symbol, name) name,
#include "vocab/reach.def"
};

const char *wrg_reach_feature_name(unsigned feature)
{
    WRG_ASSERT(feature < WRG_NR_FEATURES);
    return features[feature];
}

const char *wrg_reach_operation_name(unsigned operation)
{
    WRG_ASSERT(operation < WRG_NR_OPERATIONS);
    return operations[operation];
}

const char *wrg_reach_path_name(unsigned path)
{
    WRG_ASSERT(path < WRG_NR_PATHS);
    return paths[path];
}

const char *wrg_reach_phase_name(unsigned phase)
{
    WRG_ASSERT(phase < WRG_NR_REACH_PHASES);
    return phases[phase];
}

/* ---- cells ---- */

struct wrg_reach_cell wrg_reach_cell_at(uint32_t index)
{
    struct wrg_reach_cell cell;

    cell.phase = (uint8_t)(index % WRG_NR_REACH_PHASES);
    index /= WRG_NR_REACH_PHASES;
    cell.path = (uint8_t)(index % WRG_NR_PATHS);
    index /= WRG_NR_PATHS;
    cell.operation = (uint8_t)(index % WRG_NR_OPERATIONS);
    cell.feature = (uint8_t)(index / WRG_NR_OPERATIONS);
    return cell;
}

#define OP(symbol) (1u << WRG_OPERATION_##symbol)
#define DATA       (OP(READ) | OP(WRITE) | OP(INDIRECT_READ) | OP(INDIRECT_WRITE))
#define OPTIONAL   (OP(BARRIER) | OP(DISCARD) | OP(ERASE))
#define OTHERS     (OP(FLUSH) | OPTIONAL)
#define INVALID    (OP(INDIRECT_OTHER) | OP(UNKNOWN))

static const uint16_t ends_of[] = {
#define WRG_REACH_PATH(symbol, name, operations) (operations),
#include "vocab/reach.def"
};

#define FEATURE(symbol) (UINT32_C(1) << WRG_FEATURE_##symbol)
#define PATH(symbol)    (UINT32_C(1) << WRG_PATH_##symbol)
#define PHASE(symbol)   (1u << WRG_REACH_##symbol)
#define ANY             UINT32_MAX

static const struct impossible {
    uint32_t features, operations, paths, phases; /* a bit each */
    const char *why;
} impossible[] = {
#define WRG_REACH_IMPOSSIBLE(features, operations, paths, phases, why)                             \
    { (features), (operations), (paths), (phases), (why) },
#include "vocab/reach.def"
};

bool wrg_reach_can_end(unsigned operation, unsigned path)
{
    WRG_ASSERT(operation < WRG_NR_OPERATIONS && path < WRG_NR_PATHS);
    return ends_of[path] >> operation & 1;
}

/* The first that rules it out; NULL: none. */
static const struct impossible *find_impossible(const struct wrg_reach_cell *cell)
{
    if (!wrg_reach_can_end(cell->operation, cell->path))
        return NULL;
    for (size_t i = 0; i < WRG_ARRAY_LEN(impossible); i++) {
        const struct impossible *row = &impossible[i];
        if (row->features >> cell->feature & row->operations >> cell->operation &
            row->paths >> cell->path & row->phases >> cell->phase & 1)
            return row;
    }
    return NULL;
}

const char *wrg_reach_why_never(const struct wrg_reach_cell *cell)
{
    const struct impossible *row = find_impossible(cell);

    return row ? row->why : NULL;
}

const char *wrg_reach_reason(unsigned i, unsigned *cells)
{
    if (i >= WRG_ARRAY_LEN(impossible))
        return NULL;
    *cells = 0;
    for (uint32_t index = 0; index < WRG_REACH_CELLS; index++) {
        const struct wrg_reach_cell cell = wrg_reach_cell_at(index);
        *cells += find_impossible(&cell) == &impossible[i];
    }
    return impossible[i].why;
}

bool wrg_reach_possible(const struct wrg_reach_cell *cell)
{
    return wrg_reach_can_end(cell->operation, cell->path) && !wrg_reach_why_never(cell);
}
