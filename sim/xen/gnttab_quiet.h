/* SPDX-License-Identifier: MIT */
/*
 * The grant table's usual case, fast: version 1, one task at a time, nobody listening, no faults.
 *
 * What it is    The loops that big requests spend their time in. Each does as many entries as are
 *               usual (granted in order, pinned by nobody else, in one table) and leaves the first
 *               that is not to the general code, which also says what is right: gnttab_quiet_test.c
 *               holds both against each other.
 * Layer         xen, private to gnttab*.c
 * Errors        none: what would fail is not usual
 */
#ifndef WRG_XEN_GNTTAB_QUIET_H
#define WRG_XEN_GNTTAB_QUIET_H

#include "xen/hypervisor.h"

static inline bool wrg_gnttab_is_quiet(const struct wrg_xen *xen)
{
    return !xen->trace->on && !xen->parallel;
}

/* All return how many of the first entries are done; the first two take a table of version 1. */
uint32_t wrg_gnttab_grant_quiet(struct wrg_xen *xen, struct wrg_domain *dom,
                                const struct wrg_gnttab_grant *args, uint32_t first,
                                uint32_t count);
uint32_t wrg_gnttab_end_quiet(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t *grefs,
                              uint32_t count);
/* slots: of dom->mappings, taken together by the caller, one an entry. */
uint32_t wrg_gnttab_map_quiet(struct wrg_xen *xen, struct wrg_domain *dom,
                              const struct wrg_gnttab_map *args, uint32_t first,
                              const uint32_t *slots, uint32_t count);
uint32_t wrg_gnttab_unmap_quiet(struct wrg_xen *xen, struct wrg_domain *dom, const uint32_t *pages,
                                uint32_t count);

/* The calls of gnttab.h, of any arguments: gnttab_one.c hands over what is not a single page. */
WRG_MUST_USE int wrg_gnttab_grant_any(struct wrg_xen *xen, struct wrg_domain *dom,
                                      struct wrg_gnttab_grant *args);
void wrg_gnttab_end_any(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_gnttab_end *args);
WRG_MUST_USE int wrg_gnttab_map_any(struct wrg_xen *xen, struct wrg_domain *dom,
                                    struct wrg_gnttab_map *args);
void wrg_gnttab_unmap_any(struct wrg_xen *xen, struct wrg_domain *dom,
                          struct wrg_gnttab_unmap *args);

/* A grant of a view that was just given; whether the page has secrets is looked up. */
void wrg_gnttab_emit_grant(struct wrg_xen *xen, struct wrg_domain *dom,
                           const struct wrg_gnttab_grant *args, uint32_t gref,
                           const struct wrg_view *view);

#endif
