/* SPDX-License-Identifier: MIT */
/*
 * Fault sites, their names, statuses and reasons. Layer: vocab. Pure data, see faults.def.
 */
#ifndef WRG_VOCAB_FAULTS_H
#define WRG_VOCAB_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "vocab/faults.def"

#define WRG_FAULT_VALUE(symbol, name, group, what) WRG_FAULT_##symbol,
enum wrg_fault_site { WRG_FAULTS(WRG_FAULT_VALUE) WRG_COUNT_SITE };
#undef WRG_FAULT_VALUE

#define WRG_FAULT_GROUP_VALUE(symbol, name) WRG_FAULT_GROUP_##symbol,
enum wrg_fault_group { WRG_FAULT_GROUPS(WRG_FAULT_GROUP_VALUE) WRG_FAULT_GROUP_COUNT };
#undef WRG_FAULT_GROUP_VALUE

struct wrg_fault_status {
    int32_t status;
    const char *why; /* a real system may do this */
};

struct wrg_fault_info {
    const char *name;                        /* as in a case: "gnttab-map" */
    const char *what;                        /* the call does */
    const struct wrg_fault_status *statuses; /* the default first */
    uint8_t nstatuses;
    uint8_t group; /* enum wrg_fault_group */
};

/* The table's row. site: below WRG_COUNT_SITE. */
const struct wrg_fault_info *wrg_fault_info(enum wrg_fault_site site);

/* "grant tables" and so on. */
const char *wrg_fault_group_name(enum wrg_fault_group group);

/* "bad_page" or "ENOMEM", as the site's calls name the status. Never NULL. */
const char *wrg_fault_status_name(enum wrg_fault_site site, int32_t status);

bool wrg_fault_allows(enum wrg_fault_site site, int32_t status);

/*
 * The status that a fault at this site really returns: `wanted` if the site may return it, the
 * site's default otherwise (so for WRG_AUTO_I32, and for statuses that no real system returns
 * there, since a driver may rely on those not happening).
 */
int32_t wrg_fault_status(enum wrg_fault_site site, int32_t wanted);

#endif
