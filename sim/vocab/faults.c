/* SPDX-License-Identifier: MIT */
#include "vocab/faults.h"

#include "base/base.h"

#define LIST(...)                                                                                  \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define STATUSES(symbol, text, list, why) static const int32_t status_##symbol[] = LIST list;
WRG_FAULTS(STATUSES)
#undef STATUSES

static const struct wrg_fault_info faults[WRG_COUNT_SITE] = {
#define SITE(symbol, text, list, reason)                                                           \
    [WRG_FAULT_##symbol] = { .name = text,                                                         \
                             .why = reason,                                                        \
                             .statuses = status_##symbol,                                          \
                             .nstatuses = WRG_ARRAY_LEN(status_##symbol) },
    WRG_FAULTS(SITE)
#undef SITE
};

const struct wrg_fault_info *wrg_fault_info(enum wrg_fault_site site)
{
    WRG_ASSERT((unsigned)site < WRG_COUNT_SITE);
    return &faults[site];
}

int32_t wrg_fault_status(enum wrg_fault_site site, int32_t wanted)
{
    const struct wrg_fault_info *info = wrg_fault_info(site);

    for (unsigned i = 0; i < info->nstatuses; i++)
        if (info->statuses[i] == wanted)
            return wanted;
    return info->statuses[0];
}
