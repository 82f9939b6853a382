/* SPDX-License-Identifier: MIT */
#include "fault/fault.h"

#include <string.h>

#include "base/rng.h"

void wrg_fault_begin(struct wrg_fault *fault)
{
    fault->armed = false;
    fault->connected = false;
    fault->nrules = fault->nrates = 0;
    fault->any_nth = 0;
    memset(fault->hits, 0, sizeof(fault->hits));
    memset(fault->calls, 0, sizeof(fault->calls));
}

bool wrg_fault_add(struct wrg_fault *fault, const struct wrg_fault_rule *rule)
{
    if (fault->nrules == WRG_FAULT_RULES_MAX)
        return false;
    fault->rules[fault->nrules] = *rule;
    fault->rules[fault->nrules].fired = false;
    fault->nrules++;
    return true;
}

bool wrg_fault_add_rate(struct wrg_fault *fault, const struct wrg_fault_rate *rate)
{
    if (fault->nrates == WRG_FAULT_RATES_MAX)
        return false;
    fault->rates[fault->nrates] = *rate;
    fault->rates[fault->nrates].fired = false;
    fault->nrates++;
    return true;
}

void wrg_fault_enable(struct wrg_fault *fault, bool on)
{
    fault->armed = on && (fault->nrules || fault->nrates || fault->any_nth);
}

uint32_t wrg_fault_hits(const struct wrg_fault *fault, enum wrg_fault_group group)
{
    uint32_t hits = 0;

    for (unsigned site = 0; site < WRG_COUNT_SITE; site++)
        if (wrg_fault_info((enum wrg_fault_site)site)->group == group)
            hits += fault->hits[site];
    return hits;
}

static bool counts_for(uint8_t side, uint8_t role)
{
    return side == WRG_CASE_WHOSE_ANY || (side == WRG_CASE_WHOSE_FRONT) == (role == WRG_ROLE_FRONT);
}

uint32_t wrg_fault_calls(const struct wrg_fault *fault, enum wrg_fault_site site, uint8_t side)
{
    uint32_t calls = 0;

    for (uint8_t role = 0; role < WRG_COUNT_ROLE; role++)
        if (counts_for(side, role))
            calls += __atomic_load_n(&fault->calls[role][site], __ATOMIC_RELAXED);
    return calls;
}

uint32_t wrg_fault_all_calls(const struct wrg_fault *fault)
{
    uint32_t calls = 0;

    for (unsigned site = 0; site < WRG_COUNT_SITE; site++)
        calls += wrg_fault_calls(fault, (enum wrg_fault_site)site, WRG_CASE_WHOSE_ANY);
    return calls;
}

static int32_t ask_rule(const struct wrg_fault *fault, struct wrg_fault_rule *rule,
                        enum wrg_fault_site site, uint8_t role)
{
    if (rule->site != site || !counts_for(rule->side, role))
        return 0;
    uint32_t call = wrg_fault_calls(fault, site, rule->side);
    if (call < rule->nth || call - rule->nth >= rule->count)
        return 0;
    __atomic_store_n(&rule->fired, true, __ATOMIC_RELAXED);
    return rule->status;
}

static int32_t ask_rate(const struct wrg_fault *fault, struct wrg_fault_rate *rate,
                        enum wrg_fault_site site, uint8_t role)
{
    if (!fault->connected && !rate->from_start)
        return 0;
    if ((rate->site && rate->site - 1 != (int)site) || !counts_for(rate->side, role))
        return 0;
    uint64_t state = rate->seed ^ (uint64_t)site << 40 ^ (uint64_t)role << 48 ^
                     (uint64_t)__atomic_load_n(&fault->calls[role][site], __ATOMIC_RELAXED) << 8;
    uint64_t draw = wrg_splitmix64(&state);
    if (draw % 1000 >= rate->per_1000)
        return 0;
    const struct wrg_fault_info *info = wrg_fault_info(site);
    __atomic_store_n(&rate->fired, true, __ATOMIC_RELAXED);
    return info->statuses[(draw >> 32) % info->nstatuses].status;
}

/* The first that hits; rules before rates. */
static int32_t find_status(struct wrg_fault *fault, enum wrg_fault_site site, uint8_t role)
{
    int32_t status = 0;

    if (role == WRG_FAULT_EXEMPT)
        return 0;
    if (fault->any_nth && wrg_fault_all_calls(fault) == fault->any_nth) {
        __atomic_store_n(&fault->any_site, (uint8_t)site, __ATOMIC_RELAXED);
        status = wrg_fault_info(site)->statuses[0].status;
    }
    for (uint32_t i = 0; i < fault->nrules && !status; i++)
        status = ask_rule(fault, &fault->rules[i], site, role);
    for (uint32_t i = 0; i < fault->nrates && !status; i++)
        status = ask_rate(fault, &fault->rates[i], site, role);
    return status;
}

int32_t wrg_fault_ask(struct wrg_fault *fault, enum wrg_fault_site site, uint8_t role)
{
    int32_t status = find_status(fault, site, role);

    if (status)
        (void)__atomic_fetch_add(&fault->hits[site], 1, __ATOMIC_RELAXED);
    return status;
}
