/* SPDX-License-Identifier: MIT */
/* Connections, the domains behind them, and who may do what. */
#include "store/xenstore_impl.h"

#include <errno.h>
#include <string.h>

struct wrg_xsi_conn *wrg_xsi_conn(struct wrg_xenstore *xs, uint16_t id)
{
    uint32_t slot = id & 0xff;
    struct wrg_xsi_conn *conn = &xs->conn[slot];

    if (slot >= xs->s.conns.used || !conn->open || conn->serial != id >> 8)
        return NULL;
    return conn;
}

bool wrg_xenstore_is_privileged(struct wrg_xenstore *xs, uint16_t id)
{
    const struct wrg_xsi_conn *conn = wrg_xsi_conn(xs, id);

    return conn && conn->domid == 0;
}

struct wrg_xsi_domain *wrg_xsi_domain(const struct wrg_xenstore *xs, uint16_t domid)
{
    for (uint32_t d = 1; d < xs->s.domains.used; d++)
        if (xs->domain[d].domid == domid)
            return &xs->domain[d];
    return NULL;
}

/* Domains stay known: there are few, and their nodes may outlive them. */
struct wrg_xsi_domain *wrg_xsi_know_domain(struct wrg_xenstore *xs, uint16_t domid)
{
    struct wrg_xsi_domain *domain = wrg_xsi_domain(xs, domid);
    uint32_t d;

    if (domain)
        return domain;
    d = wrg_xsi_take(&xs->s.domains, xs->domain);
    if (d == WRG_XSI_NONE)
        return NULL;
    domain = &xs->domain[d];
    memset(domain, 0, sizeof(*domain));
    domain->domid = domid;
    /* The toolstack made nodes for it before anybody knew it. */
    for (uint32_t n = WRG_XSI_ROOT; n < xs->s.nodes.used; n++) {
        if (!xs->node[n].live || xs->node[n].body.domids[0] != domid)
            continue;
        domain->nodes++;
        wrg_xsi_charge(xs, n);
    }
    xs->clock++;
    return domain;
}

static uint32_t letter_perm(uint8_t letter)
{
    static const uint8_t perms[256] = {
        ['r'] = WRG_XSI_READ, ['w'] = WRG_XSI_WRITE, ['b'] = WRG_XSI_READ | WRG_XSI_WRITE
    };
    return perms[letter];
}

uint32_t wrg_xsi_perm_for(const struct wrg_xenstore *xs, uint16_t domid,
                          const struct wrg_xsi_body *body)
{
    const struct wrg_xsi_domain *domain;

    if (domid == 0 || body->domids[0] == domid)
        return WRG_XSI_READ | WRG_XSI_WRITE | WRG_XSI_OWNER;
    domain = wrg_xsi_domain(xs, domid);
    if (domain && domain->has_target && body->domids[0] == domain->target)
        return WRG_XSI_READ | WRG_XSI_WRITE | WRG_XSI_OWNER;
    for (uint32_t i = 1; i < body->nperms; i++)
        if (body->domids[i] == domid ||
            (domain && domain->has_target && body->domids[i] == domain->target))
            return letter_perm(body->letters[i]);
    return letter_perm(body->letters[0]);
}

static uint32_t intern_home(struct wrg_xenstore *xs, uint16_t domid)
{
    char digits[5];
    size_t at = sizeof(digits);
    uint32_t parent, n = WRG_XSI_ROOT;
    static const char *const names[] = { "local", "domain" };

    xs->node[n].refs++;
    for (size_t i = 0; i < WRG_ARRAY_LEN(names) && n != WRG_XSI_NONE; i++) {
        parent = n;
        n = wrg_xsi_intern(xs, parent, names[i], strlen(names[i]));
        wrg_xsi_unref(xs, parent);
    }
    if (n == WRG_XSI_NONE)
        return n;
    do
        digits[--at] = (char)('0' + domid % 10);
    while ((domid /= 10) != 0);
    parent = n;
    n = wrg_xsi_intern(xs, parent, digits + at, sizeof(digits) - at);
    wrg_xsi_unref(xs, parent);
    return n;
}

int wrg_xenstore_connect(struct wrg_xenstore *xs, uint16_t domid, uint16_t *id)
{
    struct wrg_xsi_domain *domain = wrg_xsi_know_domain(xs, domid);
    uint32_t slot, home;
    uint8_t serial;

    if (!domain)
        return -ENOMEM;
    home = intern_home(xs, domid);
    if (home == WRG_XSI_NONE)
        return -ENOMEM;
    slot = wrg_xsi_take(&xs->s.conns, xs->conn);
    if (slot == WRG_XSI_NONE) {
        wrg_xsi_unref(xs, home);
        return -ENOMEM;
    }
    serial = xs->conn[slot].serial;
    memset(&xs->conn[slot], 0, sizeof(xs->conn[slot]));
    xs->conn[slot].serial = (uint8_t)(serial + 1);
    xs->conn[slot].open = 1;
    xs->conn[slot].domid = domid;
    xs->conn[slot].domain = domid == 0 ? WRG_XSI_NONE : (uint32_t)(domain - xs->domain);
    xs->conn[slot].home = home;
    xs->conn[slot].next_tx = 1;
    domain->nconns++;
    xs->clock++;
    *id = wrg_xsi_conn_id(xs, slot);
    return 0;
}

void wrg_xenstore_disconnect(struct wrg_xenstore *xs, uint16_t id)
{
    struct wrg_xsi_conn *conn = wrg_xsi_conn(xs, id);
    uint32_t slot = id & 0xff;

    if (!conn)
        return;
    wrg_xsi_reset_conn(xs, slot);
    wrg_xsi_unref(xs, conn->home);
    wrg_xsi_domain(xs, conn->domid)->nconns--;
    conn->open = 0;
    wrg_xsi_give(&xs->s.conns, xs->conn, slot);
    xs->clock++;
}
