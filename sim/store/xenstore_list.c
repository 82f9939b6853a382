/* SPDX-License-Identifier: MIT */
/* Lists of children, whole and in parts. */
#include <errno.h>
#include <string.h>

#include <wringer/scan.h>

#include "store/xenstore_impl.h"

/*
 * Children as a transaction sees them: the committed ones first, its own after them, and with
 * these what it has removed and made anew.
 */
struct children {
    uint32_t txn;
    uint32_t dir;
    uint32_t node;   /* the next committed one to look at */
    uint32_t record; /* the next record to look at */
};

static struct children first_child(const struct wrg_xenstore *xs, uint32_t txn, uint32_t node)
{
    return (struct children){ .txn = txn,
                              .dir = node,
                              .node = xs->node[node].first_child,
                              .record = txn ? xs->txn[txn].first : WRG_XSI_NONE };
}

static uint32_t next_child(const struct wrg_xenstore *xs, struct children *at)
{
    while (at->node != WRG_XSI_NONE) {
        uint32_t n = at->node;
        at->node = xs->node[n].next;
        if (wrg_xsi_view(xs, at->txn, n) && !wrg_xsi_tx_has_recreated(xs, at->txn, n))
            return n;
    }
    while (at->record != WRG_XSI_NONE) {
        const struct wrg_xsi_record *record = &xs->record[at->record];
        at->record = record->next;
        bool made = !xs->node[record->node].live || (record->flags & WRG_XSI_REC_RECREATED);
        if ((record->flags & WRG_XSI_REC_PRESENT) && made &&
            xs->node[record->node].parent == at->dir)
            return record->node;
    }
    return WRG_XSI_NONE;
}

static int locate_directory(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                            const char *path, struct wrg_xsi_where *where)
{
    struct wrg_xsi_body *body;
    int ret = wrg_xsi_locate_to_read(xs, call, path, where);

    if (ret == 0)
        ret = wrg_xsi_access(xs, where, WRG_XSI_READ, &body);
    if (ret == 0 && where->txn != WRG_XSI_NONE)
        ret = wrg_xsi_tx_read(xs, where->txn, where->node, true);
    return ret;
}

static size_t list_bytes(const struct wrg_xenstore *xs, uint32_t txn, uint32_t node)
{
    struct children at = first_child(xs, txn, node);
    size_t bytes = 0;

    if (txn == WRG_XSI_NONE)
        return xs->node[node].child_bytes;
    for (uint32_t n = next_child(xs, &at); n != WRG_XSI_NONE; n = next_child(xs, &at))
        bytes += xs->node[n].name_len + 1u;
    return bytes;
}

uint32_t wrg_xsi_child_bytes(const struct wrg_xenstore *xs, uint16_t domid, uint32_t txn,
                             uint32_t node)
{
    return domid == 0 ? 0 : (uint32_t)list_bytes(xs, txn, node);
}

int wrg_xenstore_directory(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                           const char *path, struct wrg_xs_reply *reply)
{
    struct wrg_xsi_where where;
    struct children at;
    size_t len = 0;
    int ret = locate_directory(xs, call, path, &where);

    if (ret)
        return ret;
    reply->len = list_bytes(xs, where.txn, where.node);
    if (reply->len > WRG_XS_PAYLOAD_MAX)
        return -E2BIG;
    if (reply->len > reply->cap)
        return -ERANGE;
    at = first_child(xs, where.txn, where.node);
    for (uint32_t n = next_child(xs, &at); n != WRG_XSI_NONE; n = next_child(xs, &at)) {
        const struct wrg_xsi_node *node = &xs->node[n];
        memcpy(reply->data + len, xs->heap + node->name, node->name_len);
        len += node->name_len + 1u;
        reply->data[len - 1] = '\0';
    }
    WRG_ASSERT(len == reply->len);
    if (len < reply->cap)
        reply->data[len] = '\0';
    return 0;
}

/*
 * Appends the children from byte `offset` of the list on while they fit below `cap`. False if one
 * did not.
 */
static bool put_part(const struct wrg_xenstore *xs, struct children *at, size_t offset, size_t cap,
                     struct wrg_xs_reply *reply)
{
    size_t begin = 0;

    for (uint32_t n = next_child(xs, at); n != WRG_XSI_NONE; n = next_child(xs, at)) {
        const struct wrg_xsi_node *node = &xs->node[n];
        size_t end = begin + node->name_len + 1;
        size_t skip = offset > begin ? offset - begin : 0;
        begin = end;
        if (offset >= end)
            continue;
        size_t len = node->name_len - skip;
        if (reply->len + len + 1 > cap)
            return false;
        memcpy(reply->data + reply->len, xs->heap + node->name + skip, len);
        reply->len += len + 1;
        reply->data[reply->len - 1] = '\0';
    }
    return true;
}

int wrg_xenstore_directory_part(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                const char *path, size_t offset, struct wrg_xs_reply *reply)
{
    struct wrg_xsi_where where;
    struct children at;
    size_t cap = wrg_min_u64(reply->cap, WRG_XS_PAYLOAD_MAX);
    int ret = locate_directory(xs, call, path, &where);

    if (ret)
        return ret;
    if (cap < WRG_FORMAT_U64_MAX + 2)
        return -ERANGE;
    reply->len = wrg_format_u64(xs->node[where.node].generation, reply->data) + 1;
    at = first_child(xs, where.txn, where.node);
    /* Room is left for the end mark, so that a part that holds the last name also says so. */
    if (put_part(xs, &at, offset, cap - 1, reply))
        reply->data[reply->len++] = '\0';
    return 0;
}
