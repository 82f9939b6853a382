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
#define WRITES     (OP(WRITE) | OP(INDIRECT_WRITE) | OP(BARRIER) | OP(DISCARD) | OP(ERASE))
#define OPTIONAL   (OP(BARRIER) | OP(DISCARD) | OP(ERASE))
#define OTHERS     (OP(FLUSH) | OPTIONAL)
#define INVALID    (OP(INDIRECT_OTHER) | OP(UNKNOWN))

static const uint16_t ends_of[] = {
#define WRG_REACH_PATH(symbol, name, operations) (operations),
#include "vocab/reach.def"
};

#define PATH(symbol) (1u << WRG_PATH_##symbol)
/* Ends of what is not offered. */
#define UNOFFERED                                                                                  \
    (PATH(NOT_SUPPORTED) | PATH(UNANSWERED) | PATH(WRONG_STATUS) | PATH(WRONG_OPERATION))

/*
 * What each optional operation must be offered by, to end otherwise than as unknown; unless
 * somebody removes what the backend has written, which nobody does who wants to use it.
 */
static bool is_offered(const struct wrg_reach_cell *cell)
{
    return cell->feature != WRG_FEATURE_PLAIN || !(OPTIONAL >> cell->operation & 1) ||
           (UNOFFERED >> cell->path & 1);
}

bool wrg_reach_can_end(unsigned operation, unsigned path)
{
    WRG_ASSERT(operation < WRG_NR_OPERATIONS && path < WRG_NR_PATHS);
    return ends_of[path] >> operation & 1;
}

bool wrg_reach_possible(const struct wrg_reach_cell *cell)
{
    bool readonly = cell->feature == WRG_FEATURE_READ_ONLY;

    if (!wrg_reach_can_end(cell->operation, cell->path) || !is_offered(cell))
        return false;
    if (cell->path == WRG_PATH_READ_ONLY && cell->feature == WRG_FEATURE_PLAIN)
        return false;
    if (readonly && cell->path == WRG_PATH_OKAY && (WRITES >> cell->operation & 1))
        return false;
    /*
     * Any of them while the connection is in any phase: a state is a node, which a frontend may put
     * back, and a toolstack writes in the name of a backend, while requests lie on the ring; and a
     * guest that dies leaves its ring mapped.
     */
    return true;
}
