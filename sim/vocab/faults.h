/* SPDX-License-Identifier: MIT */
/*
 * Fault sites, their names and statuses. Layer: vocab. Pure data, see faults.def.
 */
#ifndef WRG_VOCAB_FAULTS_H
#define WRG_VOCAB_FAULTS_H

#include <stdint.h>

#include "vocab/faults.def"

#define WRG_FAULT_VALUE(symbol, name, statuses, why) WRG_FAULT_##symbol,
enum wrg_fault_site { WRG_FAULTS(WRG_FAULT_VALUE) WRG_COUNT_SITE };
#undef WRG_FAULT_VALUE

struct wrg_fault_info {
    const char *name;        /* as in a case: "gnttab-map" */
    const char *why;         /* why a real system may do this */
    const int32_t *statuses; /* the default first */
    uint8_t nstatuses;
};

/* The table's row. site: below WRG_COUNT_SITE. */
const struct wrg_fault_info *wrg_fault_info(enum wrg_fault_site site);

/*
 * The status that a fault at this site really returns: `wanted` if the site may return it, the
 * site's default otherwise (so for WRG_AUTO_I32, and for statuses that no real system returns
 * there, since a driver may rely on those not happening).
 */
int32_t wrg_fault_status(enum wrg_fault_site site, int32_t wanted);

#endif
