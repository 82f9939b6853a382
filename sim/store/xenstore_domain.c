/* SPDX-License-Identifier: MIT */
/* What domain 0 says about domains, and what becomes of what a dead one leaves behind. */
#include <errno.h>

#include "store/xenstore_impl.h"

enum { INTRODUCE, RELEASE };

static int begin_privileged(struct wrg_xenstore *xs, const struct wrg_xs_call *call)
{
    const struct wrg_xsi_conn *conn = wrg_xsi_conn(xs, call->conn);
    struct wrg_xsi_where where;

    if (!conn)
        return -EBADF;
    return conn->domid == 0 ? wrg_xsi_begin(xs, call, &where) : -EACCES;
}

/* Told to the observer, then to those who watch it; nobody's request is the cause. */
static void announce(struct wrg_xenstore *xs, uint16_t domid, unsigned which)
{
    if (xs->observer.on_change)
        xs->observer.on_change(xs->observer.ctx, domid, wrg_xsi_special_names[which], "", 0,
                               which == INTRODUCE ? WRG_XS_CHANGE_INTRODUCE
                                                  : WRG_XS_CHANGE_RELEASE);
    wrg_xsi_begin_cause(xs, WRG_XSI_NONE);
    wrg_xsi_fire_special(xs, which);
}

/* A domain that comes back under a known number finds none of its old requests answered. */
static void reset_conns(struct wrg_xenstore *xs, uint16_t domid)
{
    for (uint32_t slot = 1; slot < xs->s.conns.used; slot++)
        if (xs->conn[slot].open && xs->conn[slot].domid == domid)
            wrg_xsi_reset_conn(xs, slot);
}

int wrg_xenstore_introduce(struct wrg_xenstore *xs, const struct wrg_xs_call *call, uint16_t domid)
{
    struct wrg_xsi_domain *domain;
    int ret = begin_privileged(xs, call);

    if (ret || domid == 0) /* domain 0 was introduced when the store began */
        return ret;
    domain = wrg_xsi_know_domain(xs, domid);
    if (!domain)
        return -ENOMEM;
    if (domain->introduced) {
        reset_conns(xs, domid);
        return 0;
    }
    domain->introduced = 1;
    xs->clock++;
    announce(xs, domid, INTRODUCE);
    return 0;
}

static int find_introduced(struct wrg_xenstore *xs, const struct wrg_xs_call *call, uint16_t domid,
                           struct wrg_xsi_domain **domain)
{
    int ret = begin_privileged(xs, call);

    if (ret)
        return ret;
    if (domid == 0)
        return -EINVAL;
    *domain = wrg_xsi_domain(xs, domid);
    return *domain && (*domain)->introduced ? 0 : -ENOENT;
}

int wrg_xenstore_release(struct wrg_xenstore *xs, const struct wrg_xs_call *call, uint16_t domid)
{
    struct wrg_xsi_domain *domain;
    int ret = find_introduced(xs, call, domid, &domain);

    if (ret == 0)
        wrg_xenstore_domain_died(xs, domid);
    return ret;
}

int wrg_xenstore_resume(struct wrg_xenstore *xs, const struct wrg_xs_call *call, uint16_t domid)
{
    struct wrg_xsi_domain *domain;
    int ret = find_introduced(xs, call, domid, &domain);

    if (ret)
        return ret;
    domain->shut_down = 0;
    xs->clock++;
    return 0;
}

int wrg_xenstore_set_target(struct wrg_xenstore *xs, const struct wrg_xs_call *call, uint16_t domid,
                            uint16_t target)
{
    struct wrg_xsi_domain *domain = wrg_xsi_domain(xs, domid);
    int ret = begin_privileged(xs, call);

    if (ret)
        return ret;
    if (!wrg_xenstore_is_introduced(xs, domid) || !wrg_xenstore_is_introduced(xs, target))
        return -ENOENT;
    if (!domain) /* domain 0 has all rights already */
        return 0;
    domain->has_target = 1;
    domain->target = target;
    xs->clock++;
    return 0;
}

bool wrg_xenstore_is_introduced(const struct wrg_xenstore *xs, uint16_t domid)
{
    const struct wrg_xsi_domain *domain = wrg_xsi_domain(xs, domid);

    return domid == 0 || (domain && domain->introduced);
}

void wrg_xenstore_domain_shut_down(struct wrg_xenstore *xs, uint16_t domid)
{
    struct wrg_xsi_domain *domain = wrg_xsi_domain(xs, domid);

    if (!domain || !domain->introduced || domain->shut_down)
        return;
    domain->shut_down = 1;
    xs->clock++;
    announce(xs, domid, RELEASE);
}

/* ---- death ---- */

static void remove_owned(struct wrg_xenstore *xs, uint16_t domid)
{
    uint32_t next;

    for (uint32_t n = wrg_xsi_next_below(xs, WRG_XSI_ROOT, WRG_XSI_ROOT); n != WRG_XSI_NONE;
         n = next) {
        if (xs->node[n].body.domids[0] != domid) {
            next = wrg_xsi_next_below(xs, n, WRG_XSI_ROOT);
            continue;
        }
        next = wrg_xsi_next_beside(xs, n, WRG_XSI_ROOT);
        wrg_xsi_remove_tree(xs, n, domid, true);
    }
}

static void forget_in_records(struct wrg_xenstore *xs, uint32_t txn, uint16_t domid)
{
    for (uint32_t r = xs->txn[txn].first; r != WRG_XSI_NONE; r = xs->record[r].next) {
        wrg_xsi_forget_domain(&xs->record[r].body, domid);
        wrg_xsi_forget_domain(&xs->record[r].before, domid);
    }
}

/* Else a new domain of the same number would have the rights of the old one. */
static void forget_perms(struct wrg_xenstore *xs, uint16_t domid)
{
    for (uint32_t n = WRG_XSI_ROOT; n < xs->s.nodes.used; n++)
        if (xs->node[n].live && wrg_xsi_forget_domain(&xs->node[n].body, domid))
            wrg_xsi_charge(xs, n);
    for (uint32_t slot = 1; slot < xs->s.conns.used; slot++)
        for (uint32_t t = xs->conn[slot].open ? xs->conn[slot].txns : WRG_XSI_NONE;
             t != WRG_XSI_NONE; t = xs->txn[t].link)
            forget_in_records(xs, t, domid);
    for (unsigned i = 0; i < WRG_XSI_SPECIALS_NAMED; i++) {
        wrg_xsi_forget_domain(&xs->s.special[i], domid);
        if (xs->s.special[i].domids[0] == domid)
            xs->s.special[i].domids[0] = 0;
    }
}

void wrg_xenstore_domain_died(struct wrg_xenstore *xs, uint16_t domid)
{
    struct wrg_xsi_domain *domain = wrg_xsi_domain(xs, domid);
    bool was_introduced = domain && domain->introduced;

    WRG_ASSERT(domid != 0);
    if (!domain)
        return;
    wrg_xsi_begin_cause(xs, WRG_XSI_NONE);
    for (uint32_t slot = 1; slot < xs->s.conns.used; slot++)
        if (xs->conn[slot].open && xs->conn[slot].domid == domid)
            wrg_xenstore_disconnect(xs, wrg_xsi_conn_id(xs, slot));
    if (!xs->quota.keep_nodes_of_dead)
        remove_owned(xs, domid);
    if (!xs->quota.keep_perms_of_dead)
        forget_perms(xs, domid);
    for (uint32_t d = 1; d < xs->s.domains.used; d++)
        if (xs->domain[d].target == domid)
            xs->domain[d].has_target = 0;
    domain->introduced = 0;
    domain->has_target = 0;
    domain->shut_down = 0;
    xs->clock++;
    if (was_introduced)
        announce(xs, domid, RELEASE);
}
