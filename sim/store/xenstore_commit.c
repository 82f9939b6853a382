/* SPDX-License-Identifier: MIT */
/* The end of a transaction: is it still true, and then all of it at once, and then the events. */
#include <errno.h>
#include <string.h>

#include "store/xenstore_impl.h"

static bool is_current(const struct wrg_xenstore *xs, const struct wrg_xsi_record *record)
{
    const struct wrg_xsi_node *node = &xs->node[record->node];

    if (record->flags & WRG_XSI_REC_CHECK)
        return node->generation == record->generation_seen;
    return (node->live ? node->birth : 0) == record->birth_seen;
}

static bool are_current(const struct wrg_xenstore *xs, const struct wrg_xsi_txn *txn)
{
    if (txn->lost)
        return false;
    for (uint32_t r = txn->first; r != WRG_XSI_NONE; r = xs->record[r].next)
        if (!is_current(xs, &xs->record[r]))
            return false;
    return true;
}

/* Nothing below `n` changed since the start, nor permissions above: oxenstored's way. */
static bool is_same_below(const struct wrg_xenstore *xs, uint32_t t, uint32_t n)
{
    uint64_t started = xs->txn[t].started;

    if (n == WRG_XSI_NONE)
        return true;
    if (!xs->node[n].live) { /* it may be missing if it always was, below something */
        uint32_t r = xs->node[n].records;
        while (r != WRG_XSI_NONE && xs->record[r].txn != t)
            r = xs->record[r].link;
        return r != WRG_XSI_NONE && xs->record[r].birth_seen == 0 &&
               xs->node[xs->node[n].parent].live;
    }
    if (xs->node[n].tree_generation > started)
        return false;
    for (; n != WRG_XSI_NONE; n = xs->node[n].parent)
        if (xs->node[n].perms_generation > started)
            return false;
    return true;
}

/* How many more nodes the domain would own. */
static int32_t count_owned(const struct wrg_xenstore *xs, const struct wrg_xsi_txn *txn,
                           uint16_t domid)
{
    int32_t more = 0;

    for (uint32_t r = txn->first; r != WRG_XSI_NONE; r = xs->record[r].next) {
        const struct wrg_xsi_record *record = &xs->record[r];
        const struct wrg_xsi_node *node = &xs->node[record->node];
        if (!(record->flags & WRG_XSI_REC_CHANGED))
            continue;
        more += (record->flags & WRG_XSI_REC_PRESENT) && record->body.domids[0] == domid;
        more -= node->live && node->body.domids[0] == domid;
    }
    return more;
}

static int check(struct wrg_xenstore *xs, uint32_t t, uint16_t domid)
{
    const struct wrg_xsi_txn *txn = &xs->txn[t];
    int32_t more;

    if (txn->poisoned)
        return -ENOMEM;
    more = domid == 0 ? 0 : count_owned(xs, txn, domid);
    if (more > 0 &&
        wrg_xsi_over(xs, wrg_xsi_domain(xs, domid)->nodes + (uint32_t)more - 1, xs->quota.nodes))
        return -xs->quota.nodes_errno;
    xs->s.commits++;
    xs->clock++;
    if (xs->quota.lose_every != 0 && xs->s.commits % xs->quota.lose_every == 0)
        return -EAGAIN;
    if (xs->quota.tree_conflicts &&
        (!is_same_below(xs, t, txn->low[0]) || !is_same_below(xs, t, txn->low[1])))
        return -EAGAIN;
    return are_current(xs, txn) ? 0 : -EAGAIN;
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
}

static void apply_changed(struct wrg_xenstore *xs, struct wrg_xsi_record *record, uint16_t actor)
{
    struct wrg_xsi_node *node = &xs->node[record->node];
    struct wrg_xsi_body before = node->body;
    bool recreated = record->flags & WRG_XSI_REC_RECREATED;
    bool perms = recreated || (record->flags & WRG_XSI_REC_PERMS);

    if (perms) {
        wrg_xsi_own(xs, &before, -1);
        wrg_xsi_uncharge(xs, record->node);
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
    if (recreated) {
        wrg_xsi_move_last(xs, record->node);
        wrg_xsi_touch(xs, node->parent);
    }
    wrg_xsi_touch(xs, record->node);
    if (perms)
        node->perms_generation = node->generation;
    wrg_xsi_notify(xs, actor, record->node,
                   record->flags & WRG_XSI_REC_VALUE ? WRG_XS_CHANGE_WRITE
                   : recreated                       ? WRG_XS_CHANGE_MKDIR
                                                     : WRG_XS_CHANGE_PERMS);
}

static void apply(struct wrg_xenstore *xs, struct wrg_xsi_record *record, uint16_t actor)
{
    if (!(record->flags & WRG_XSI_REC_CHANGED))
        return;
    if (!(record->flags & WRG_XSI_REC_PRESENT)) {
        if (xs->node[record->node].live)
            wrg_xsi_remove_tree(xs, record->node, actor, false);
    } else if (xs->node[record->node].live) {
        apply_changed(xs, record, actor);
    } else {
        apply_created(xs, record, actor);
    }
}

int wrg_xsi_tx_commit(struct wrg_xenstore *xs, uint32_t t, uint16_t domid)
{
    const struct wrg_xsi_txn *txn = &xs->txn[t];
    int ret = check(xs, t, domid);

    if (ret)
        return ret;
    for (uint32_t r = txn->first; r != WRG_XSI_NONE; r = xs->record[r].next)
        apply(xs, &xs->record[r], domid);
    for (uint32_t r = txn->first_touched; r != WRG_XSI_NONE; r = xs->record[r].touched_next) {
        const struct wrg_xsi_record *record = &xs->record[r];
        if (record->flags & WRG_XSI_REC_FIRE)
            wrg_xsi_fire(xs, record->node, record->flags & WRG_XSI_REC_EXACT,
                         record->before.nperms ? &record->before : NULL);
    }
    return 0;
}
