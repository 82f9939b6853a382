/* SPDX-License-Identifier: MIT */
#include "vocab/faults.h"

#include "base/base.h"
#include "base/errno_name.h"

#define STATUS(status, why) { status, why },
#define STATUSES(symbol, text, group, about)                                                       \
    static const struct wrg_fault_status statuses_##symbol[] = { WRG_FAULT_STATUSES_##symbol(      \
        STATUS) };
WRG_FAULTS(STATUSES)
#undef STATUSES
#undef STATUS

static const struct wrg_fault_info faults[WRG_COUNT_SITE] = {
#define SITE(symbol, text, in, about)                                                              \
    [WRG_FAULT_##symbol] = { .name = text,                                                         \
                             .what = about,                                                        \
                             .statuses = statuses_##symbol,                                        \
                             .nstatuses = WRG_ARRAY_LEN(statuses_##symbol),                        \
                             .group = WRG_FAULT_GROUP_##in },
    WRG_FAULTS(SITE)
#undef SITE
};

static const char *const groups[WRG_FAULT_GROUP_COUNT] = {
#define GROUP(symbol, text) [WRG_FAULT_GROUP_##symbol] = (text),
    WRG_FAULT_GROUPS(GROUP)
#undef GROUP
};

const struct wrg_fault_info *wrg_fault_info(enum wrg_fault_site site)
{
    WRG_ASSERT((unsigned)site < WRG_COUNT_SITE);
    return &faults[site];
}

const char *wrg_fault_group_name(enum wrg_fault_group group)
{
    WRG_ASSERT((unsigned)group < WRG_FAULT_GROUP_COUNT);
    return groups[group];
}

const char *wrg_fault_status_name(enum wrg_fault_site site, int32_t status)
{
    static const char *const gntst[] = {
        [1] = "general_error", [2] = "bad_domain", [3] = "bad_gntref", [8] = "permission_denied",
        [9] = "bad_page",      [12] = "eagain",    [13] = "no_space",
    };
    const uint32_t number = -(uint32_t)status;

    if (status > 0)
        return "positive";
    /* Entries of these two are answered by Xen one by one; all else is a whole call. */
    if (site != WRG_FAULT_GNTTAB_MAP && site != WRG_FAULT_GNTTAB_COPY)
        return wrg_errno_name(status);
    return number < WRG_ARRAY_LEN(gntst) && gntst[number] ? gntst[number] : "?";
}

bool wrg_fault_allows(enum wrg_fault_site site, int32_t status)
{
    const struct wrg_fault_info *info = wrg_fault_info(site);

    for (unsigned i = 0; i < info->nstatuses; i++)
        if (info->statuses[i].status == status)
            return true;
    return false;
}

int32_t wrg_fault_status(enum wrg_fault_site site, int32_t wanted)
{
    return wrg_fault_allows(site, wanted) ? wanted : wrg_fault_info(site)->statuses[0].status;
}
