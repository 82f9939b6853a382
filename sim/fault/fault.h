/* SPDX-License-Identifier: MIT */
/*
 * Fault points: every port call that can fail asks here first.
 *
 * What it is    A counter a site, and the rules of the case: the n-th call at a site fails with a
 *               status. A second kind of rule fails the n-th fallible call of all.
 * Layer         fault
 * Units         nth counts from 1 within a run; entries of a batch count one by one
 * Errors        the status is the site's own kind: GNTST_* at grant sites, -errno elsewhere
 * Source        vocab/faults.def says of each site why real Xen or a guest kernel may do this
 */
#ifndef WRG_FAULT_FAULT_H
#define WRG_FAULT_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "vocab/faults.h"

#define WRG_FAULT_RULES_MAX 64

struct wrg_fault_rule {
    uint8_t site;
    uint16_t count;
    uint16_t op; /* index of the op in the case, for the ledger of dead ops */
    uint32_t nth;
    int32_t status;
    bool fired;
};

struct wrg_fault {
    bool armed; /* false in the liveness phase, and when no rule is set */
    uint32_t nrules;
    uint32_t any_nth; /* 0, or: the n-th fallible call of all fails with its default status */
    uint32_t any_count;
    uint8_t any_site; /* where it hit */
    uint32_t calls[WRG_COUNT_SITE];
    struct wrg_fault_rule rules[WRG_FAULT_RULES_MAX];
};

void wrg_fault_begin(struct wrg_fault *fault);
/* False: no room for more rules. */
bool wrg_fault_add(struct wrg_fault *fault, const struct wrg_fault_rule *rule);
/* Arms or disarms all rules. */
void wrg_fault_enable(struct wrg_fault *fault, bool on);
/* For wrg_fault_point, which has counted the call. */
int32_t wrg_fault_ask(struct wrg_fault *fault, enum wrg_fault_site site);

/* On real threads a count may miss a call: faults are keyed by it on fibers only. */
static inline void wrg_fault_count(uint32_t *count)
{
    __atomic_store_n(count, __atomic_load_n(count, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

/* 0: go on. Else the status that the call shall fail with. */
static inline int32_t wrg_fault_point(struct wrg_fault *fault, enum wrg_fault_site site)
{
    wrg_fault_count(&fault->calls[site]);
    wrg_fault_count(&fault->any_count);
    return __builtin_expect(fault->armed, 0) ? wrg_fault_ask(fault, site) : 0;
}

/* True: none of the next `calls` calls at the site fails, and they are counted. False: ask one by
 * one. */
static inline bool wrg_fault_pass(struct wrg_fault *fault, enum wrg_fault_site site, uint32_t calls)
{
    uint32_t *counts[] = { &fault->calls[site], &fault->any_count };

    if (__builtin_expect(fault->armed, 0))
        return false;
    for (unsigned i = 0; i < 2; i++)
        __atomic_store_n(counts[i], __atomic_load_n(counts[i], __ATOMIC_RELAXED) + calls,
                         __ATOMIC_RELAXED);
    return true;
}

#endif
