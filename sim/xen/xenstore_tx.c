/* SPDX-License-Identifier: MIT */
/*
 * Transactions: records of the nodes touched, checked one by one and applied at commit.
 *
 * An operation that fails for want of memory or quota leaves the transaction poisoned instead of
 * undoing half of its records: its commit then fails, as with C xenstored.
 */
#include "xen/xenstore_impl.h"

#include <errno.h>
#include <string.h>

static uint32_t find_record(const struct wrg_xenstore *xs, uint32_t txn, uint32_t node)
{
    uint32_t r = xs->node[node].records;

    while (r != WRG_XSI_NONE && xs->record[r].txn != txn)
        r = xs->record[r].link;
    return r;
}

struct wrg_xsi_body *wrg_xsi_view(const struct wrg_xenstore *xs, uint32_t txn, uint32_t node)
{
    uint32_t r = txn == WRG_XSI_NONE ? WRG_XSI_NONE : find_record(xs, txn, node);

    if (r != WRG_XSI_NONE && (xs->record[r].flags & WRG_XSI_REC_CHANGED))
        return xs->record[r].flags & WRG_XSI_REC_PRESENT ? &xs->record[r].body : NULL;
    return xs->node[node].live ? &xs->node[node].body : NULL;
}

/* Puts a record into its transaction's order, before record `next` or, if that is 0, last. */
static void insert_record(struct wrg_xenstore *xs, uint32_t r, uint32_t next)
{
    struct wrg_xsi_record *record = &xs->record[r];
    struct wrg_xsi_txn *txn = &xs->txn[record->txn];
    uint32_t prev = next ? xs->record[next].prev : txn->last;

    record->next = next;
    record->prev = prev;
    if (prev != WRG_XSI_NONE)
        xs->record[prev].next = r;
    else
        txn->first = r;
    if (next != WRG_XSI_NONE)
        xs->record[next].prev = r;
    else
        txn->last = r;
}

static void extract_record(struct wrg_xenstore *xs, uint32_t r)
{
    const struct wrg_xsi_record *record = &xs->record[r];
    struct wrg_xsi_txn *txn = &xs->txn[record->txn];

    if (record->prev != WRG_XSI_NONE)
        xs->record[record->prev].next = record->next;
    else
        txn->first = record->next;
    if (record->next != WRG_XSI_NONE)
        xs->record[record->next].prev = record->prev;
    else
        txn->last = record->prev;
}

static void move_record(struct wrg_xenstore *xs, uint32_t r, uint32_t next)
{
    if (r == next)
        return;
    extract_record(xs, r);
    insert_record(xs, r, next);
}

static int poison(struct wrg_xenstore *xs, uint32_t txn, int error)
{
    xs->txn[txn].poisoned = 1;
    xs->clock++;
    return error;
}

static int get_record(struct wrg_xenstore *xs, uint32_t txn, uint32_t n, uint32_t *out)
{
    struct wrg_xsi_node *node = &xs->node[n];
    uint32_t r = find_record(xs, txn, n);

    *out = r;
    if (r != WRG_XSI_NONE)
        return 0;
    if (xs->conn[xs->txn[txn].conn].domid != 0 &&
        wrg_xsi_over(xs, xs->txn[txn].nrecords, xs->quota.tx_nodes))
        return poison(xs, txn, -ENOSPC);
    r = wrg_xsi_take(&xs->s.records, xs->record);
    if (r == WRG_XSI_NONE)
        return poison(xs, txn, -ENOMEM);
    memset(&xs->record[r], 0, sizeof(xs->record[r]));
    xs->record[r].link = node->records;
    xs->record[r].node = n;
    xs->record[r].txn = txn;
    xs->record[r].birth_seen = node->live ? node->birth : 0;
    xs->record[r].generation_seen = node->generation;
    node->records = r;
    node->refs++;
    xs->txn[txn].nrecords++;
    xs->clock++;
    insert_record(xs, r, WRG_XSI_NONE);
    *out = r;
    return 0;
}

static void free_record(struct wrg_xenstore *xs, uint32_t r)
{
    uint32_t n = xs->record[r].node;
    uint32_t *at = &xs->node[n].records;

    while (*at != r)
        at = &xs->record[*at].link;
    *at = xs->record[r].link;
    wrg_xsi_drop_body(xs, &xs->record[r].body);
    wrg_xsi_give(&xs->s.records, xs->record, r);
    wrg_xsi_unref(xs, n);
}

int wrg_xsi_tx_read(struct wrg_xenstore *xs, uint32_t txn, uint32_t node, bool children)
{
    uint32_t r;
    int ret = get_record(xs, txn, node, &r);

    if (ret)
        return ret;
    if (children || !(xs->record[r].flags & WRG_XSI_REC_CHANGED))
        xs->record[r].flags |= WRG_XSI_REC_CHECK;
    return 0;
}

/* A body of the transaction's own, with the permissions of what it has seen so far. */
static struct wrg_xsi_body *own_body(struct wrg_xenstore *xs, uint32_t r)
{
    struct wrg_xsi_record *record = &xs->record[r];

    if (!(record->flags & WRG_XSI_REC_CHANGED)) {
        record->body = xs->node[record->node].body;
        record->body.value = 0;
        record->body.len = 0;
        record->flags |= WRG_XSI_REC_CHANGED | WRG_XSI_REC_PRESENT;
    }
    return &record->body;
}

int wrg_xsi_tx_write(struct wrg_xenstore *xs, const struct wrg_xsi_where *where, const void *value,
                     size_t len)
{
    uint32_t r;
    int ret = get_record(xs, where->txn, where->node, &r);

    if (ret)
        return ret;
    ret = wrg_xsi_set_value(xs, own_body(xs, r), value, len);
    if (ret)
        return poison(xs, where->txn, ret);
    xs->record[r].flags |= WRG_XSI_REC_VALUE;
    xs->clock++;
    return 0;
}

int wrg_xsi_tx_set_perms(struct wrg_xenstore *xs, const struct wrg_xsi_where *where,
                         const struct wrg_xsi_body *perms)
{
    const struct wrg_xsi_body *seen = &xs->node[where->node].body;
    struct wrg_xsi_body *body;
    uint32_t r;
    int ret = get_record(xs, where->txn, where->node, &r);

    if (ret)
        return ret;
    if (!(xs->record[r].flags & WRG_XSI_REC_CHANGED)) {
        /* Its value can be read from the record now, so it must be the one of the commit. */
        xs->record[r].flags |= WRG_XSI_REC_CHECK;
        ret = wrg_xsi_set_value(xs, own_body(xs, r), xs->heap + seen->value, seen->len);
        if (ret)
            return poison(xs, where->txn, ret);
    }
    body = &xs->record[r].body;
    body->nperms = perms->nperms;
    memcpy(body->letters, perms->letters, sizeof(body->letters));
    memcpy(body->domids, perms->domids, sizeof(body->domids));
    xs->record[r].flags |= WRG_XSI_REC_PERMS;
    xs->clock++;
    return 0;
}

/* One node that the transaction does not see; `next` is the record it must come before. */
static int create_one(struct wrg_xenstore *xs, const struct wrg_xsi_where *where, uint32_t n,
                      const struct wrg_xsi_body *parent, uint32_t *next)
{
    struct wrg_xsi_record *record;
    uint32_t r;
    int ret = get_record(xs, where->txn, n, &r);

    if (ret)
        return ret;
    record = &xs->record[r];
    record->flags |= WRG_XSI_REC_CHECK | WRG_XSI_REC_CHANGED | WRG_XSI_REC_PRESENT;
    if (record->birth_seen != 0)
        record->flags |= WRG_XSI_REC_RECREATED;
    record->body = *parent;
    record->body.value = 0;
    record->body.len = 0;
    if (where->domid != 0)
        record->body.domids[0] = where->domid;
    move_record(xs, r, *next);
    *next = r;
    return 0;
}

int wrg_xsi_tx_create(struct wrg_xenstore *xs, const struct wrg_xsi_where *where)
{
    const struct wrg_xsi_body *inherited;
    uint32_t top = xs->node[where->node].parent;
    uint32_t next = WRG_XSI_NONE;
    int ret;

    while (!(inherited = wrg_xsi_view(xs, where->txn, top)))
        top = xs->node[top].parent;
    ret = wrg_xsi_tx_read(xs, where->txn, top, true);
    /* From below, each before its child: applied in that order, a parent is there in time. */
    for (uint32_t n = where->node; n != top && ret == 0; n = xs->node[n].parent)
        ret = create_one(xs, where, n, inherited, &next);
    xs->clock++;
    return ret;
}

static int mark_removed(struct wrg_xenstore *xs, uint32_t txn, uint32_t n)
{
    uint32_t r;
    int ret = get_record(xs, txn, n, &r);

    if (ret)
        return ret;
    wrg_xsi_drop_body(xs, &xs->record[r].body);
    xs->record[r].flags = WRG_XSI_REC_CHECK | WRG_XSI_REC_CHANGED;
    move_record(xs, r, WRG_XSI_NONE);
    return 0;
}

static bool is_below(const struct wrg_xenstore *xs, uint32_t n, uint32_t top)
{
    while (n > WRG_XSI_SPECIALS && n != top)
        n = xs->node[n].parent;
    return n == top;
}

/* The next of the committed nodes below `top`, parents first; 0 at the end. */
static uint32_t next_below(const struct wrg_xenstore *xs, uint32_t n, uint32_t top)
{
    if (xs->node[n].first_child != WRG_XSI_NONE)
        return xs->node[n].first_child;
    while (n != top && xs->node[n].next == WRG_XSI_NONE)
        n = xs->node[n].parent;
    return n == top ? WRG_XSI_NONE : xs->node[n].next;
}

int wrg_xsi_tx_remove(struct wrg_xenstore *xs, const struct wrg_xsi_where *where)
{
    uint32_t top = where->node;
    int ret = wrg_xsi_tx_read(xs, where->txn, xs->node[top].parent, true);

    if (ret)
        return ret;
    ret = mark_removed(xs, where->txn, top);
    for (uint32_t n = next_below(xs, top, top); n != WRG_XSI_NONE && ret == 0;
         n = next_below(xs, n, top))
        ret = mark_removed(xs, where->txn, n);
    /* What only the transaction knows needs no removal at commit, and no order. */
    for (uint32_t r = xs->txn[where->txn].first; r != WRG_XSI_NONE; r = xs->record[r].next) {
        struct wrg_xsi_record *record = &xs->record[r];
        if ((record->flags & WRG_XSI_REC_PRESENT) && is_below(xs, record->node, top)) {
            wrg_xsi_drop_body(xs, &record->body);
            record->flags = WRG_XSI_REC_CHECK | WRG_XSI_REC_CHANGED;
        }
    }
    xs->clock++;
    return ret;
}

static bool is_current(const struct wrg_xenstore *xs, const struct wrg_xsi_record *record)
{
    const struct wrg_xsi_node *node = &xs->node[record->node];

    if (record->flags & WRG_XSI_REC_CHECK)
        return node->generation == record->generation_seen;
    return (node->live ? node->birth : 0) == record->birth_seen;
}

static int check(const struct wrg_xenstore *xs, const struct wrg_xsi_txn *txn, uint16_t domid)
{
    const struct wrg_xsi_domain *domain = wrg_xsi_domain(xs, domid);
    uint32_t created = 0;

    if (txn->poisoned)
        return -ENOMEM;
    for (uint32_t r = txn->first; r != WRG_XSI_NONE; r = xs->record[r].next) {
        if (!is_current(xs, &xs->record[r]))
            return -EAGAIN;
        created +=
            (xs->record[r].flags & WRG_XSI_REC_PRESENT) && !xs->node[xs->record[r].node].live;
    }
    if (domid != 0 && created != 0 &&
        wrg_xsi_over(xs, domain->nodes + created - 1, xs->quota.nodes))
        return -ENOSPC;
    return 0;
}

static void apply_created(struct wrg_xenstore *xs, struct wrg_xsi_record *record, uint16_t actor)
{
    xs->node[record->node].body = record->body;
    record->body.value = 0; /* the block has moved */
    record->body.len = 0;
    wrg_xsi_link(xs, record->node);
    wrg_xsi_own(xs, &xs->node[record->node].body, 1);
    wrg_xsi_notify(xs, actor, record->node,
                   record->flags & WRG_XSI_REC_VALUE ? WRG_XS_CHANGE_WRITE : WRG_XS_CHANGE_MKDIR);
    wrg_xsi_fire(xs, record->node, false, NULL);
}

static void apply_changed(struct wrg_xenstore *xs, struct wrg_xsi_record *record, uint16_t actor)
{
    struct wrg_xsi_node *node = &xs->node[record->node];
    struct wrg_xsi_body before = node->body;
    bool recreated = record->flags & WRG_XSI_REC_RECREATED;

    if (recreated || (record->flags & WRG_XSI_REC_PERMS)) {
        wrg_xsi_own(xs, &before, -1);
        node->body = record->body;
        node->body.value = before.value;
        node->body.len = before.len;
        wrg_xsi_own(xs, &node->body, 1);
    }
    if (recreated || (record->flags & WRG_XSI_REC_VALUE)) {
        node->body.value = record->body.value;
        node->body.len = record->body.len;
        record->body.value = before.value; /* freed with the record */
        record->body.len = before.len;
    }
    node->birth += recreated;
    wrg_xsi_touch(xs, record->node);
    wrg_xsi_notify(xs, actor, record->node,
                   record->flags & WRG_XSI_REC_VALUE ? WRG_XS_CHANGE_WRITE
                   : recreated                       ? WRG_XS_CHANGE_MKDIR
                                                     : WRG_XS_CHANGE_PERMS);
    wrg_xsi_fire(xs, record->node, false, &before);
}

static void apply(struct wrg_xenstore *xs, struct wrg_xsi_record *record, uint16_t actor)
{
    if (!(record->flags & WRG_XSI_REC_CHANGED))
        return;
    if (!(record->flags & WRG_XSI_REC_PRESENT)) {
        if (xs->node[record->node].live)
            wrg_xsi_remove_tree(xs, record->node, actor);
    } else if (xs->node[record->node].live) {
        apply_changed(xs, record, actor);
    } else {
        apply_created(xs, record, actor);
    }
}

uint32_t wrg_xsi_tx_find(const struct wrg_xenstore *xs, uint32_t slot, uint32_t id)
{
    uint32_t t = xs->conn[slot].txns;

    while (t != WRG_XSI_NONE && xs->txn[t].id != id)
        t = xs->txn[t].link;
    return t;
}

void wrg_xsi_tx_drop(struct wrg_xenstore *xs, uint32_t t)
{
    struct wrg_xsi_txn *txn = &xs->txn[t];
    struct wrg_xsi_conn *conn = &xs->conn[txn->conn];
    uint32_t *at = &conn->txns;

    for (uint32_t r = txn->first, next; r != WRG_XSI_NONE; r = next) {
        next = xs->record[r].next;
        free_record(xs, r);
    }
    while (*at != t)
        at = &xs->txn[*at].link;
    *at = txn->link;
    wrg_xsi_domain(xs, conn->domid)->transactions--;
    wrg_xsi_give(&xs->s.txns, xs->txn, t);
    xs->clock++;
}

int wrg_xenstore_transaction_start(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                   uint32_t *tx)
{
    struct wrg_xsi_conn *conn = wrg_xsi_conn(xs, call->conn);
    struct wrg_xsi_domain *domain;
    uint32_t slot = call->conn & 0xff;
    uint32_t t;

    if (!conn)
        return -EBADF;
    if (call->tx != 0)
        return wrg_xsi_tx_find(xs, slot, call->tx) ? -EBUSY : -ENOENT;
    domain = wrg_xsi_domain(xs, conn->domid);
    if (conn->domid != 0 && wrg_xsi_over(xs, domain->transactions, xs->quota.transactions))
        return -ENOSPC;
    t = wrg_xsi_take(&xs->s.txns, xs->txn);
    if (t == WRG_XSI_NONE)
        return -ENOMEM;
    while (conn->next_tx == 0 || wrg_xsi_tx_find(xs, slot, conn->next_tx))
        conn->next_tx++;
    xs->txn[t] = (struct wrg_xsi_txn){ .link = conn->txns, .id = conn->next_tx++, .conn = slot };
    conn->txns = t;
    domain->transactions++;
    xs->clock++;
    *tx = xs->txn[t].id;
    return 0;
}

int wrg_xenstore_transaction_end(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                 bool commit)
{
    struct wrg_xsi_conn *conn = wrg_xsi_conn(xs, call->conn);
    uint32_t t;
    int ret = 0;

    if (!conn)
        return -EBADF;
    t = call->tx == 0 ? WRG_XSI_NONE : wrg_xsi_tx_find(xs, call->conn & 0xff, call->tx);
    if (t == WRG_XSI_NONE)
        return -ENOENT;
    if (commit)
        ret = check(xs, &xs->txn[t], conn->domid);
    if (commit && ret == 0)
        for (uint32_t r = xs->txn[t].first; r != WRG_XSI_NONE; r = xs->record[r].next)
            apply(xs, &xs->record[r], conn->domid);
    wrg_xsi_tx_drop(xs, t);
    return ret;
}
