/* SPDX-License-Identifier: MIT */
/*
 * Fault points: every port call that can fail asks here first.
 *
 * What it is    A counter a site and side, and what the case wants to fail: rules (the n-th call at
 *               a site), rates (a call in so many, drawn from a seed), and the n-th fallible call
 *               of all. Each is for one device, and calls are counted by device
 * Layer         fault
 * Bounds        WRG_FAULT_RULES_MAX rules, WRG_FAULT_RATES_MAX rates
 * Units         nth counts from 1 within a run, on one side or on both; entries of a batch count
 *               one by one
 * Draws         a rate decides by seed, site, side and number of the call, not from the stream of
 *               the schedule: taking one op out of a case leaves all other draws as they were
 * Threads       fibers; on real threads a count may miss a call
 * Errors        the status is the site's own kind: GNTST_* at grant sites, -errno elsewhere
 * Source        vocab/faults.def says of each status why real Xen or a guest kernel may do this
 */
#ifndef WRG_FAULT_FAULT_H
#define WRG_FAULT_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "vocab/ops.h"

#define WRG_FAULT_RULES_MAX 64
#define WRG_FAULT_RATES_MAX 8
#define WRG_FAULT_DEVICES   4

/* Calls are counted by who makes them: a role for the first device, a row beyond for another. */
#define WRG_FAULT_SIDES 2 /* frontend and backend: nobody else calls for one of the others */
#define WRG_FAULT_ROWS  (WRG_COUNT_ROLE + (WRG_FAULT_DEVICES - 1) * WRG_FAULT_SIDES)

static inline uint8_t wrg_fault_row(unsigned device, unsigned role)
{
    return (uint8_t)(device ? WRG_COUNT_ROLE + (device - 1) * WRG_FAULT_SIDES + role : role);
}

struct wrg_fault_rule {
    uint8_t site;
    uint8_t side; /* enum wrg_case_whose */
    uint8_t device;
    uint16_t count;
    uint16_t op; /* index of the op in the case, for the ledger of dead ops */
    uint32_t nth;
    int32_t status;
    bool fired;
};

struct wrg_fault_rate {
    uint8_t site; /* 0: all; else 1 + site */
    uint8_t side; /* enum wrg_case_whose */
    uint8_t device;
    bool from_start; /* else from when the device is connected */
    uint16_t per_1000;
    uint16_t op;
    uint64_t seed;
    bool fired;
};

struct wrg_fault {
    bool armed;     /* false in the liveness phase, and when nothing is to fail */
    bool connected; /* the case's ops are carried out */
    uint32_t nrules, nrates;
    uint32_t any_nth; /* 0, or: the n-th fallible call of all fails with its default status */
    uint8_t any_site; /* where it hit */
    bool several;     /* rows of devices beside the first are in use */
    uint32_t hits[WRG_FAULT_DEVICES][WRG_COUNT_SITE];
    uint32_t calls[WRG_FAULT_ROWS][WRG_COUNT_SITE];
    struct wrg_fault_rule rules[WRG_FAULT_RULES_MAX];
    struct wrg_fault_rate rates[WRG_FAULT_RATES_MAX];
};

void wrg_fault_begin(struct wrg_fault *fault);
/* False: no room for more. */
bool wrg_fault_add(struct wrg_fault *fault, const struct wrg_fault_rule *rule);
bool wrg_fault_add_rate(struct wrg_fault *fault, const struct wrg_fault_rate *rate);
/* Arms or disarms all. */
void wrg_fault_enable(struct wrg_fault *fault, bool on);
/* How many calls of this group have failed, for this device. */
uint32_t wrg_fault_hits(const struct wrg_fault *fault, enum wrg_fault_group group, unsigned device);
/* Whether anything is to fail for this device. */
bool wrg_fault_concerns(const struct wrg_fault *fault, unsigned device);
/* Calls so far at a site, for the first device. side: enum wrg_case_whose. */
uint32_t wrg_fault_calls(const struct wrg_fault *fault, enum wrg_fault_site site, uint8_t side);
/* The same of both sides, for the device of whoever has this row. */
uint32_t wrg_fault_nth(const struct wrg_fault *fault, enum wrg_fault_site site, uint8_t row);
/* Calls so far at all sites of both sides, for the first device. */
uint32_t wrg_fault_all_calls(const struct wrg_fault *fault);

/* For wrg_fault_point, which has counted the call. */
int32_t wrg_fault_ask(struct wrg_fault *fault, enum wrg_fault_site site, uint8_t row);

/* 0: go on. Else the status that the call shall fail with. row: wrg_fault_row of who calls. */
static inline int32_t wrg_fault_point(struct wrg_fault *fault, enum wrg_fault_site site,
                                      uint8_t row)
{
    uint32_t *count = &fault->calls[row][site];

    __atomic_store_n(count, __atomic_load_n(count, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
    return __builtin_expect(fault->armed, 0) ? wrg_fault_ask(fault, site, row) : 0;
}

/* True: none of the next `calls` calls at the site fails, and they are counted. False: ask one by
 * one. */
static inline bool wrg_fault_pass(struct wrg_fault *fault, enum wrg_fault_site site, uint8_t row,
                                  uint32_t calls)
{
    uint32_t *count = &fault->calls[row][site];

    if (__builtin_expect(fault->armed, 0))
        return false;
    __atomic_store_n(count, __atomic_load_n(count, __ATOMIC_RELAXED) + calls, __ATOMIC_RELAXED);
    return true;
}

#endif
