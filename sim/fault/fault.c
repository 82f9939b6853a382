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
    size_t rows = fault->several ? WRG_FAULT_ROWS : WRG_COUNT_ROLE;
    size_t devices = fault->several ? WRG_FAULT_DEVICES : 1;

    memset(fault->hits, 0, devices * sizeof(*fault->hits));
    memset(fault->calls, 0, rows * sizeof(*fault->calls));
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

uint32_t wrg_fault_hits(const struct wrg_fault *fault, enum wrg_fault_group group, unsigned device)
{
    uint32_t hits = 0;

    for (unsigned site = 0; site < WRG_COUNT_SITE; site++)
        if (wrg_fault_info((enum wrg_fault_site)site)->group == group)
            hits += fault->hits[device][site];
    return hits;
}

bool wrg_fault_concerns(const struct wrg_fault *fault, unsigned device)
{
    bool any = fault->any_nth && device == 0;

    for (uint32_t i = 0; i < fault->nrules; i++)
        any |= fault->rules[i].device == device;
    for (uint32_t i = 0; i < fault->nrates; i++)
        any |= fault->rates[i].device == device;
    return any;
}

static bool counts_for(uint8_t side, uint8_t role)
{
    return side == WRG_CASE_WHOSE_ANY || (side == WRG_CASE_WHOSE_FRONT) == (role == WRG_ROLE_FRONT);
}

static uint8_t device_of(uint8_t row)
{
    return row < WRG_COUNT_ROLE ? 0 : (uint8_t)(1 + (row - WRG_COUNT_ROLE) / WRG_FAULT_SIDES);
}

static uint8_t role_of(uint8_t row)
{
    return row < WRG_COUNT_ROLE ? row : (row - WRG_COUNT_ROLE) % WRG_FAULT_SIDES;
}

static uint32_t calls_for(const struct wrg_fault *fault, enum wrg_fault_site site, uint8_t side,
                          uint8_t device)
{
    uint8_t end = device ? WRG_FAULT_SIDES : WRG_COUNT_ROLE;
    uint32_t calls = 0;

    for (uint8_t role = 0; role < end; role++)
        if (counts_for(side, role))
            calls +=
                __atomic_load_n(&fault->calls[wrg_fault_row(device, role)][site], __ATOMIC_RELAXED);
    return calls;
}

uint32_t wrg_fault_calls(const struct wrg_fault *fault, enum wrg_fault_site site, uint8_t side)
{
    return calls_for(fault, site, side, 0);
}

uint32_t wrg_fault_nth(const struct wrg_fault *fault, enum wrg_fault_site site, uint8_t row)
{
    return calls_for(fault, site, WRG_CASE_WHOSE_ANY, device_of(row));
}

uint32_t wrg_fault_all_calls(const struct wrg_fault *fault)
{
    uint32_t calls = 0;

    for (unsigned site = 0; site < WRG_COUNT_SITE; site++)
        calls += wrg_fault_calls(fault, (enum wrg_fault_site)site, WRG_CASE_WHOSE_ANY);
    return calls;
}

static int32_t ask_rule(const struct wrg_fault *fault, struct wrg_fault_rule *rule,
                        enum wrg_fault_site site, uint8_t row)
{
    if (rule->site != site || rule->device != device_of(row) ||
        !counts_for(rule->side, role_of(row)))
        return 0;
    uint32_t call = calls_for(fault, site, rule->side, rule->device);
    if (call < rule->nth || call - rule->nth >= rule->count)
        return 0;
    __atomic_store_n(&rule->fired, true, __ATOMIC_RELAXED);
    return rule->status;
}

static int32_t ask_rate(const struct wrg_fault *fault, struct wrg_fault_rate *rate,
                        enum wrg_fault_site site, uint8_t row)
{
    if ((!fault->connected && !rate->from_start) || rate->device != device_of(row))
        return 0;
    if ((rate->site && rate->site - 1 != (int)site) || !counts_for(rate->side, role_of(row)))
        return 0;
    uint64_t state = rate->seed ^ (uint64_t)site << 40 ^ (uint64_t)row << 48 ^
                     (uint64_t)__atomic_load_n(&fault->calls[row][site], __ATOMIC_RELAXED) << 8;
    uint64_t draw = wrg_splitmix64(&state);
    if (draw % 1000 >= rate->per_1000)
        return 0;
    const struct wrg_fault_info *info = wrg_fault_info(site);
    __atomic_store_n(&rate->fired, true, __ATOMIC_RELAXED);
    return info->statuses[(draw >> 32) % info->nstatuses].status;
}

/* The first that hits; rules before rates. */
static int32_t find_status(struct wrg_fault *fault, enum wrg_fault_site site, uint8_t row)
{
    int32_t status = 0;

    if (fault->any_nth && device_of(row) == 0 && wrg_fault_all_calls(fault) == fault->any_nth) {
        __atomic_store_n(&fault->any_site, (uint8_t)site, __ATOMIC_RELAXED);
        status = wrg_fault_info(site)->statuses[0].status;
    }
    for (uint32_t i = 0; i < fault->nrules && !status; i++)
        status = ask_rule(fault, &fault->rules[i], site, row);
    for (uint32_t i = 0; i < fault->nrates && !status; i++)
        status = ask_rate(fault, &fault->rates[i], site, row);
    return status;
}

int32_t wrg_fault_ask(struct wrg_fault *fault, enum wrg_fault_site site, uint8_t row)
{
    int32_t status = find_status(fault, site, row);

    if (status)
        (void)__atomic_fetch_add(&fault->hits[device_of(row)][site], 1, __ATOMIC_RELAXED);
    return status;
}
