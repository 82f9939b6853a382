/* SPDX-License-Identifier: MIT */
/*
 * Transactions: records of the nodes touched. xenstore_commit.c checks and applies them.
 *
 * An operation that fails for want of memory or quota leaves the transaction poisoned instead of
 * undoing half of its records: its commit then fails, as with C xenstored.
 */
#include "store/xenstore_impl.h"

#include <errno.h>
#include <string.h>

enum low { LOW_READ, LOW_WRITTEN };

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

bool wrg_xsi_tx_has_recreated(const struct wrg_xenstore *xs, uint32_t txn, uint32_t node)
{
    uint32_t r = txn == WRG_XSI_NONE ? WRG_XSI_NONE : find_record(xs, txn, node);

    return r != WRG_XSI_NONE && (xs->record[r].flags & WRG_XSI_REC_RECREATED);
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

int wrg_xsi_tx_poison(struct wrg_xenstore *xs, uint32_t txn, int error)
{
    xs->txn[txn].poisoned = 1;
    xs->clock++;
    return error;
}

/* To the end of both lists: that of application and that of first touches. */
static void append_record(struct wrg_xenstore *xs, uint32_t r)
{
    struct wrg_xsi_txn *txn = &xs->txn[xs->record[r].txn];

    insert_record(xs, r, WRG_XSI_NONE);
    if (txn->last_touched != WRG_XSI_NONE)
        xs->record[txn->last_touched].touched_next = r;
    else
        txn->first_touched = r;
    txn->last_touched = r;
    txn->nrecords++;
}

static int get_record(struct wrg_xenstore *xs, uint32_t txn, uint32_t n, uint32_t *out)
{
    struct wrg_xsi_node *node = &xs->node[n];
    uint32_t r = find_record(xs, txn, n);

    *out = r;
    if (r != WRG_XSI_NONE) {
        /* What came or went since may be undone again, but not what was built on it. */
        if (!(xs->record[r].flags & WRG_XSI_REC_CHANGED) &&
            (node->live ? node->birth : 0) != xs->record[r].birth_seen)
            xs->txn[txn].lost = 1;
        return 0;
    }
    if (xs->conn[xs->txn[txn].conn].domid != 0 &&
        wrg_xsi_over(xs, xs->txn[txn].nrecords, xs->quota.tx_nodes))
        return wrg_xsi_tx_poison(xs, txn, -ENOSPC);
    r = wrg_xsi_take(&xs->s.records, xs->record);
    if (r == WRG_XSI_NONE)
        return wrg_xsi_tx_poison(xs, txn, -ENOMEM);
    memset(&xs->record[r], 0, sizeof(xs->record[r]));
    xs->record[r].link = node->records;
    xs->record[r].node = n;
    xs->record[r].txn = txn;
    xs->record[r].birth_seen = node->live ? node->birth : 0;
    xs->record[r].generation_seen = node->generation;
    if (node->live)
        xs->record[r].before = node->body;
    node->records = r;
    node->refs++;
    xs->clock++;
    append_record(xs, r);
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

static uint32_t depth_of(const struct wrg_xenstore *xs, uint32_t n)
{
    uint32_t depth = 0;

    for (; n > WRG_XSI_SPECIALS; n = xs->node[n].parent)
        depth++;
    return depth;
}

/* The lowest common path of all that was read, or written, so far. */
static void lower(struct wrg_xenstore *xs, uint32_t txn, enum low which, uint32_t n)
{
    uint32_t other = xs->txn[txn].low[which];
    uint32_t depth, other_depth;

    if (!xs->quota.tree_conflicts)
        return;
    if (other == WRG_XSI_NONE)
        other = n;
    depth = depth_of(xs, n);
    other_depth = depth_of(xs, other);
    while (n != other) {
        if (depth >= other_depth) {
            n = xs->node[n].parent;
            depth--;
        } else {
            other = xs->node[other].parent;
            other_depth--;
        }
    }
    xs->txn[txn].low[which] = n; /* a node with a record, or an ancestor of one: it stays known */
}

int wrg_xsi_tx_read(struct wrg_xenstore *xs, uint32_t txn, uint32_t node, bool children)
{
    uint32_t r;
    int ret = get_record(xs, txn, node, &r);

    if (ret)
        return ret;
    if (children || !(xs->record[r].flags & WRG_XSI_REC_CHANGED))
        xs->record[r].flags |= WRG_XSI_REC_CHECK;
    if (!children)
        lower(xs, txn, LOW_READ, node);
    return 0;
}

/* Watches will be told; of a node that was also removed with an ancestor, all of them. */
static void want_events(struct wrg_xenstore *xs, uint32_t r, bool exact)
{
    uint32_t *flags = &xs->record[r].flags;

    if (!(*flags & WRG_XSI_REC_FIRE))
        *flags |= WRG_XSI_REC_FIRE | (exact ? WRG_XSI_REC_EXACT : 0);
    else if (!exact)
        *flags &= ~(uint32_t)WRG_XSI_REC_EXACT;
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
        return wrg_xsi_tx_poison(xs, where->txn, ret);
    xs->record[r].flags |= WRG_XSI_REC_VALUE;
    if (xs->quota.writes_conflict)
        xs->record[r].flags |= WRG_XSI_REC_CHECK;
    want_events(xs, r, false);
    lower(xs, where->txn, LOW_WRITTEN, where->node);
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
            return wrg_xsi_tx_poison(xs, where->txn, ret);
    }
    body = &xs->record[r].body;
    body->nperms = perms->nperms;
    memcpy(body->letters, perms->letters, sizeof(body->letters));
    memcpy(body->domids, perms->domids, sizeof(body->domids));
    xs->record[r].flags |= WRG_XSI_REC_PERMS;
    want_events(xs, r, false);
    lower(xs, where->txn, LOW_WRITTEN, where->node);
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
    struct wrg_xsi_body inherited;
    const struct wrg_xsi_body *seen;
    uint32_t top = xs->node[where->node].parent;
    uint32_t next = WRG_XSI_NONE;
    int ret;

    while (!(seen = wrg_xsi_view(xs, where->txn, top)))
        top = xs->node[top].parent;
    inherited = *seen;
    ret = wrg_xsi_tx_read(xs, where->txn, top, true);
    /* From below, each before its child: applied in that order, a parent is there in time. */
    for (uint32_t n = where->node; n != top && ret == 0; n = xs->node[n].parent)
        ret = create_one(xs, where, n, &inherited, &next);
    if (ret == 0) {
        want_events(xs, find_record(xs, where->txn, where->node), false);
        lower(xs, where->txn, LOW_WRITTEN, top);
    }
    xs->clock++;
    return ret;
}

static int mark_removed(struct wrg_xenstore *xs, uint32_t txn, uint32_t n, bool top)
{
    uint32_t r;
    int ret = get_record(xs, txn, n, &r);

    if (ret)
        return ret;
    wrg_xsi_drop_body(xs, &xs->record[r].body);
    xs->record[r].flags = WRG_XSI_REC_CHECK | WRG_XSI_REC_CHANGED |
                          (xs->record[r].flags & (WRG_XSI_REC_FIRE | WRG_XSI_REC_EXACT));
    want_events(xs, r, !top);
    move_record(xs, r, WRG_XSI_NONE);
    return 0;
}

static bool is_below(const struct wrg_xenstore *xs, uint32_t n, uint32_t top)
{
    while (n > WRG_XSI_SPECIALS && n != top)
        n = xs->node[n].parent;
    return n == top;
}

/* What only the transaction knows needs no removal at commit, no order, and no events. */
static void forget_created(struct wrg_xenstore *xs, uint32_t txn, uint32_t top)
{
    for (uint32_t r = xs->txn[txn].first; r != WRG_XSI_NONE; r = xs->record[r].next) {
        struct wrg_xsi_record *record = &xs->record[r];
        if ((record->flags & WRG_XSI_REC_PRESENT) && is_below(xs, record->node, top)) {
            wrg_xsi_drop_body(xs, &record->body);
            record->flags = WRG_XSI_REC_CHECK | WRG_XSI_REC_CHANGED |
                            (record->flags & (WRG_XSI_REC_FIRE | WRG_XSI_REC_EXACT));
        }
    }
}

int wrg_xsi_tx_remove(struct wrg_xenstore *xs, const struct wrg_xsi_where *where)
{
    uint32_t top = where->node;
    uint32_t parent = xs->node[top].parent;
    int ret = wrg_xsi_tx_read(xs, where->txn, parent, true);

    if (ret)
        return ret;
    ret = mark_removed(xs, where->txn, top, true);
    for (uint32_t n = wrg_xsi_next_below(xs, top, top); n != WRG_XSI_NONE && ret == 0;
         n = wrg_xsi_next_below(xs, n, top))
        ret = mark_removed(xs, where->txn, n, false);
    forget_created(xs, where->txn, top);
    if (ret == 0)
        lower(xs, where->txn, LOW_WRITTEN, parent);
    xs->clock++;
    return ret;
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
    xs->s.ntxns--;
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
        return -xs->quota.transactions_errno;
    t = wrg_xsi_take(&xs->s.txns, xs->txn);
    if (t == WRG_XSI_NONE)
        return -ENOMEM;
    while (conn->next_tx == 0 || wrg_xsi_tx_find(xs, slot, conn->next_tx))
        conn->next_tx++;
    xs->txn[t] = (struct wrg_xsi_txn){
        .link = conn->txns, .id = conn->next_tx++, .conn = slot, .started = xs->s.generation
    };
    conn->txns = t;
    domain->transactions++;
    xs->s.ntxns++;
    xs->clock++;
    *tx = xs->txn[t].id;
    return 0;
}

int wrg_xenstore_transaction_end(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                 bool commit)
{
    struct wrg_xsi_where where;
    int ret = wrg_xsi_begin(xs, call, &where);

    if (ret)
        return ret;
    if (where.txn == WRG_XSI_NONE)
        return -ENOENT;
    if (commit)
        ret = wrg_xsi_tx_commit(xs, where.txn, where.domid);
    if (commit && ret == 0)
        wrg_xsi_debit(xs, where.domid, 1); /* its own is still open */
    wrg_xsi_tx_drop(xs, where.txn);
    return ret;
}
