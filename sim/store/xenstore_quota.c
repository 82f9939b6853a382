/* SPDX-License-Identifier: MIT */
/* What a domU may have of everything: the limits of three stores, and the books kept for them. */
#include <errno.h>
#include <string.h>

#include "store/xenstore_impl.h"

#define PERM_BYTES 8u /* what a permission counts for in the size of a node */
#define MICRO      1000000

#define C_DEFAULTS                                                                                 \
    .nodes = 1000, .watches = 128, .transactions = 10, .value_bytes = 2048, .node_bytes = 2048,    \
    .perms = 5, .tx_nodes = 1024, .path_bytes = WRG_XS_REL_PATH_MAX, .memory_bytes = 5u << 19,     \
    .outstanding = 20, .event_timeout_us = 20 * MICRO, .writes_burst = 10, .nodes_errno = ENOSPC,  \
    .transactions_errno = ENOSPC, .value_errno = ENOSPC

const struct wrg_xs_quota wrg_xs_quota_default = {
    C_DEFAULTS,
    .node_header_bytes = 24,
    .slack = 1,
    .watches_errno = E2BIG,
};

const struct wrg_xs_quota wrg_xs_quota_recent = {
    C_DEFAULTS,
    .node_header_bytes = 16,
    .slack = -1,
    .watches_errno = ENOSPC,
    .anyone_reads_release = true,
};

const struct wrg_xs_quota wrg_xs_quota_oxenstored = {
    .nodes = 1000,
    .watches = 100,
    .transactions = 10,
    .value_bytes = 2048,
    .perms = WRG_XS_PERMS_MAX, /* it has no limit of its own */
    .tx_nodes = 1024,
    .path_bytes = 1024,
    .outstanding = 1024,
    .nodes_errno = WRG_XS_EQUOTA,
    .transactions_errno = WRG_XS_EQUOTA,
    .watches_errno = WRG_XS_EQUOTA,
    .value_errno = E2BIG,
    .tree_conflicts = true,
};

const char *wrg_xenstore_error_name(int error)
{
    static const struct {
        int error;
        const char *name;
    } names[] = { { EACCES, "EACCES" },
                  { EEXIST, "EEXIST" },
                  { EISDIR, "EISDIR" },
                  { ENOENT, "ENOENT" },
                  { ENOMEM, "ENOMEM" },
                  { ENOSPC, "ENOSPC" },
                  { EIO, "EIO" },
                  { ENOSYS, "ENOSYS" },
                  { ENOTEMPTY, "ENOTEMPTY" },
                  { EROFS, "EROFS" },
                  { EBUSY, "EBUSY" },
                  { EAGAIN, "EAGAIN" },
                  { EISCONN, "EISCONN" },
                  { E2BIG, "E2BIG" },
                  { EPERM, "EPERM" },
                  { WRG_XS_EQUOTA, "EQUOTA" } };

    for (size_t i = 0; i < WRG_ARRAY_LEN(names); i++)
        if (error == -names[i].error)
            return names[i].name;
    return "EINVAL";
}

int wrg_xsi_check_size(const struct wrg_xenstore *xs, uint16_t domid, size_t len,
                       uint32_t child_bytes, uint32_t nperms)
{
    size_t bytes = xs->quota.node_header_bytes + len + child_bytes + (size_t)nperms * PERM_BYTES;

    return domid != 0 && xs->quota.node_bytes != 0 && bytes > xs->quota.node_bytes ? -ENOSPC : 0;
}

/* ---- memory ---- */

int wrg_xsi_check_memory(const struct wrg_xenstore *xs, uint16_t domid, size_t more)
{
    if (domid == 0 || xs->quota.memory_bytes == 0)
        return 0;
    return wrg_xsi_domain(xs, domid)->memory + more >= xs->quota.memory_bytes ? -ENOMEM : 0;
}

void wrg_xsi_uncharge(struct wrg_xenstore *xs, uint32_t n)
{
    struct wrg_xsi_node *node = &xs->node[n];

    if (node->charged == 0)
        return;
    wrg_xsi_domain(xs, node->body.domids[0])->memory -= node->charged;
    node->charged = 0;
}

void wrg_xsi_charge(struct wrg_xenstore *xs, uint32_t n)
{
    struct wrg_xsi_node *node = &xs->node[n];
    struct wrg_xsi_domain *domain;

    if (node->body.domids[0] == 0)
        return;
    domain = wrg_xsi_domain(xs, node->body.domids[0]);
    if (!domain) /* charged when somebody gets to know it */
        return;
    domain->memory -= node->charged;
    node->charged = xs->quota.node_header_bytes + node->path_len + node->body.len +
                    node->child_bytes + node->body.nperms * PERM_BYTES;
    domain->memory += node->charged;
}

void wrg_xsi_charge_conn(struct wrg_xenstore *xs, uint16_t domid, int64_t bytes)
{
    struct wrg_xsi_domain *domain = domid == 0 ? NULL : wrg_xsi_domain(xs, domid);

    if (domain)
        domain->memory = (uint32_t)(domain->memory + bytes);
}

/* ---- rate of writes ---- */

static int64_t credit_now(const struct wrg_xenstore *xs, const struct wrg_xsi_domain *domain)
{
    int64_t full = (int64_t)xs->quota.writes_burst * MICRO;
    uint64_t waited = xs->s.now_us - domain->credit_us;

    if (!domain->has_credit || waited > UINT32_MAX)
        return full;
    int64_t credit = domain->credit + (int64_t)(waited * xs->quota.writes_per_second);
    return credit < full ? credit : full;
}

/* Like xenstored's: a write that no open transaction can conflict with is free. */
void wrg_xsi_debit(struct wrg_xenstore *xs, uint16_t domid, uint32_t others)
{
    struct wrg_xsi_domain *domain;

    if (xs->quota.writes_per_second == 0 || domid == 0 || xs->s.ntxns <= others)
        return;
    domain = wrg_xsi_domain(xs, domid);
    domain->credit = credit_now(xs, domain) - MICRO;
    domain->credit_us = xs->s.now_us;
    domain->has_credit = 1;
}

static const struct wrg_xsi_domain *stallable(const struct wrg_xenstore *xs, uint16_t conn)
{
    uint32_t slot = conn & 0xff;

    if (slot >= xs->s.conns.used || !xs->conn[slot].open || xs->conn[slot].serial != conn >> 8 ||
        xs->conn[slot].domid == 0)
        return NULL;
    return wrg_xsi_domain(xs, xs->conn[slot].domid);
}

enum wrg_xs_stall wrg_xenstore_stalled(const struct wrg_xenstore *xs, uint16_t conn)
{
    const struct wrg_xs_quota *quota = &xs->quota;
    const struct wrg_xsi_domain *domain = stallable(xs, conn);

    if (!domain)
        return WRG_XS_STALL_NONE;
    if (quota->writes_per_second != 0 && credit_now(xs, domain) < 0)
        return WRG_XS_STALL_RATE;
    if (quota->outstanding != 0 && domain->outstanding >= quota->outstanding)
        return WRG_XS_STALL_OUTSTANDING;
    if (quota->memory_bytes != 0 && domain->memory >= quota->memory_bytes)
        return WRG_XS_STALL_MEMORY;
    return WRG_XS_STALL_NONE;
}

uint64_t wrg_xenstore_stalled_until(const struct wrg_xenstore *xs, uint16_t conn)
{
    const struct wrg_xsi_domain *domain = stallable(xs, conn);
    uint32_t rate = xs->quota.writes_per_second;

    if (!domain || rate == 0 || credit_now(xs, domain) >= 0)
        return xs->s.now_us;
    return xs->s.now_us + ((uint64_t)-credit_now(xs, domain) + rate - 1) / rate;
}

void wrg_xenstore_set_time(struct wrg_xenstore *xs, uint64_t now_us)
{
    if (now_us == xs->s.now_us)
        return;
    xs->s.now_us = now_us;
    xs->clock++;
    if (xs->quota.event_timeout_us != 0 && now_us > xs->quota.event_timeout_us)
        wrg_xsi_drop_older(xs, now_us - xs->quota.event_timeout_us);
}

/* ---- requests whose events wait ---- */

uint32_t wrg_xsi_cause(struct wrg_xenstore *xs)
{
    if (xs->actor == WRG_XSI_NONE)
        return WRG_XSI_NONE;
    if (xs->cause == WRG_XSI_NONE) {
        /* There are as many as events, so this one cannot be missing. */
        xs->cause = wrg_xsi_take(&xs->s.causes, xs->cause_pool);
        WRG_ASSERT(xs->cause != WRG_XSI_NONE);
        xs->cause_pool[xs->cause] = (struct wrg_xsi_cause){ .domain = xs->actor };
        xs->domain[xs->actor].outstanding++;
    }
    xs->cause_pool[xs->cause].events++;
    return xs->cause;
}

void wrg_xsi_end_cause(struct wrg_xenstore *xs, uint32_t c)
{
    if (c == WRG_XSI_NONE || --xs->cause_pool[c].events != 0)
        return;
    xs->domain[xs->cause_pool[c].domain].outstanding--;
    wrg_xsi_give(&xs->s.causes, xs->cause_pool, c);
}
