/* SPDX-License-Identifier: MIT */
#include "fault/fault.h"

#include <string.h>

void wrg_fault_begin(struct wrg_fault *fault)
{
    fault->armed = false;
    fault->nrules = 0;
    fault->any_nth = 0;
    fault->any_count = 0;
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

void wrg_fault_enable(struct wrg_fault *fault, bool on)
{
    fault->armed = on && (fault->nrules || fault->any_nth);
}

static bool rule_hits(const struct wrg_fault_rule *rule, enum wrg_fault_site site, uint32_t call)
{
    return rule->site == site && call >= rule->nth && call - rule->nth < rule->count;
}

int32_t wrg_fault_ask(struct wrg_fault *fault, enum wrg_fault_site site)
{
    uint32_t call = fault->calls[site];

    if (fault->any_count == fault->any_nth) {
        fault->any_site = (uint8_t)site;
        return wrg_fault_info(site)->statuses[0];
    }
    for (uint32_t i = 0; i < fault->nrules; i++) {
        if (!rule_hits(&fault->rules[i], site, call))
            continue;
        fault->rules[i].fired = true;
        return fault->rules[i].status;
    }
    return 0;
}
