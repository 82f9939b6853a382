/* SPDX-License-Identifier: MIT */
#include "store/xenstore.h"

#include <errno.h>
#include <string.h>

#include "store/xenstore_impl.h"

static size_t domain_value_max(const struct wrg_xenstore *xs, uint16_t domid)
{
    return domid == 0 ? WRG_XS_PAYLOAD_MAX : wrg_min_u64(xs->quota.value_bytes, WRG_XS_PAYLOAD_MAX);
}

static int put_reply(struct wrg_xs_reply *reply, const char *data, size_t len)
{
    reply->len = len;
    if (len > reply->cap)
        return -ERANGE;
    memcpy(reply->data, data, len);
    if (len < reply->cap)
        reply->data[len] = '\0';
    return 0;
}

int wrg_xsi_locate_to_read(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                           const char *path, struct wrg_xsi_where *where)
{
    int ret = wrg_xsi_locate(xs, call, path, where);

    if (ret || where->txn == WRG_XSI_NONE)
        return ret;
    ret = wrg_xsi_hold(xs, where);
    if (ret)
        return ret;
    uint32_t node = where->node;
    ret = wrg_xsi_tx_read(xs, where->txn, node, false);
    if (ret)
        where->node = WRG_XSI_NONE; /* without a record nothing else may hold it */
    wrg_xsi_unref(xs, node);
    return ret;
}

int wrg_xenstore_open(struct wrg_xenstore *xs, const struct wrg_xs_call *call, const char *path,
                      uint32_t *dir)
{
    struct wrg_xs_call plain = { .conn = call->conn, .dir = call->dir };
    struct wrg_xsi_where where;
    struct wrg_xsi_body *body;
    int ret = wrg_xsi_locate(xs, &plain, path, &where);

    if (ret == 0)
        ret = wrg_xsi_access(xs, &where, WRG_XSI_READ, &body);
    if (ret == 0)
        *dir = xs->node[where.node].birth << WRG_XSI_DIR_NODE_BITS | where.node;
    return ret;
}

int wrg_xenstore_read(struct wrg_xenstore *xs, const struct wrg_xs_call *call, const char *path,
                      struct wrg_xs_reply *reply)
{
    struct wrg_xsi_where where;
    struct wrg_xsi_body *body;
    int ret = wrg_xsi_locate_to_read(xs, call, path, &where);

    if (ret == 0)
        ret = wrg_xsi_access(xs, &where, WRG_XSI_READ, &body);
    if (ret == 0)
        ret = put_reply(reply, xs->heap + body->value, body->len);
    return ret;
}

/*
 * Makes the held node and its missing ancestors live, with the permissions of the nearest ancestor
 * there is; what a domU creates is its own. `value` is a block that the node takes over.
 */
static void create_chain(struct wrg_xenstore *xs, const struct wrg_xsi_where *where, uint32_t value,
                         size_t len)
{
    uint32_t n = where->node;
    uint32_t below = WRG_XSI_NONE;
    struct wrg_xsi_body body;

    /* On the way up the unused sibling links of the nodes remember the way down. */
    for (; !xs->node[n].live; n = xs->node[n].parent) {
        xs->node[n].next = below;
        below = n;
    }
    body = xs->node[n].body;
    body.value = 0;
    body.len = 0;
    if (where->domid != 0)
        body.domids[0] = where->domid;
    while (below != WRG_XSI_NONE) {
        n = below;
        below = xs->node[n].next;
        xs->node[n].body = body;
        wrg_xsi_link(xs, n);
        wrg_xsi_own(xs, &body, 1);
    }
    xs->node[where->node].body.value = value;
    xs->node[where->node].body.len = (uint16_t)len;
    wrg_xsi_charge(xs, where->node);
}

/* Sizes of the held node, its missing ancestors, and of `top`, which gets a new child. */
static int check_sizes(const struct wrg_xenstore *xs, const struct wrg_xsi_where *where,
                       uint32_t top, size_t len)
{
    const struct wrg_xsi_body *body = wrg_xsi_view(xs, where->txn, top);
    uint32_t child_bytes = 0;
    int ret = 0;

    for (uint32_t n = where->node; n != top && ret == 0; n = xs->node[n].parent) {
        ret = wrg_xsi_check_size(xs, where->domid, n == where->node ? len : 0, child_bytes,
                                 body->nperms);
        child_bytes = xs->node[n].name_len + 1u;
    }
    if (ret)
        return ret;
    child_bytes += wrg_xsi_child_bytes(xs, where->domid, where->txn, top);
    return wrg_xsi_check_size(xs, where->domid, body->len, child_bytes, body->nperms);
}

/* Whether the caller may create the held node, which it does not see, and missing ancestors. */
static int check_creation(const struct wrg_xenstore *xs, const struct wrg_xsi_where *where,
                          size_t len)
{
    uint32_t missing = 0;
    uint32_t n = where->node;
    size_t bytes = len;
    int ret;

    if (where->domid == 0)
        return 0;
    for (; !wrg_xsi_view(xs, where->txn, n); n = xs->node[n].parent, missing++)
        bytes += xs->quota.node_header_bytes + xs->node[n].path_len;
    if (wrg_xsi_over(xs, wrg_xsi_domain(xs, where->domid)->nodes + missing - 1, xs->quota.nodes))
        return -xs->quota.nodes_errno;
    ret = check_sizes(xs, where, n, len);
    return ret ? ret : wrg_xsi_check_memory(xs, where->domid, bytes);
}

static int create_held(struct wrg_xenstore *xs, const struct wrg_xsi_where *where,
                       const void *value, size_t len)
{
    uint32_t block = 0;

    if (len != 0) {
        block = wrg_xsi_heap_take(xs, len);
        if (block == 0)
            return -ENOMEM;
        memcpy(xs->heap + block, value, len);
    }
    create_chain(xs, where, block, len);
    return 0;
}

/* For want of memory or quota: in a transaction that is fatal. */
static int fail(struct wrg_xenstore *xs, const struct wrg_xsi_where *where, int error)
{
    return where->txn == WRG_XSI_NONE ? error : wrg_xsi_tx_poison(xs, where->txn, error);
}

static int create_now(struct wrg_xenstore *xs, const struct wrg_xsi_where *where, const void *value,
                      size_t len)
{
    int ret = create_held(xs, where, value, len);

    if (ret)
        return ret;
    wrg_xsi_debit(xs, where->domid, 0);
    wrg_xsi_notify(xs, where->domid, where->node,
                   value ? WRG_XS_CHANGE_WRITE : WRG_XS_CHANGE_MKDIR);
    wrg_xsi_fire(xs, where->node, false, NULL);
    return 0;
}

/* The node is not there, and the caller may create it. value NULL: mkdir. */
static int create(struct wrg_xenstore *xs, struct wrg_xsi_where *where, const void *value,
                  size_t len)
{
    int ret = wrg_xsi_hold(xs, where);

    if (ret)
        return fail(xs, where, ret);
    ret = check_creation(xs, where, len);
    if (ret)
        ret = fail(xs, where, ret);
    else if (where->txn == WRG_XSI_NONE)
        ret = create_now(xs, where, value, len);
    else
        ret = wrg_xsi_tx_create(xs, where);
    if (ret == 0 && where->txn != WRG_XSI_NONE && value)
        ret = wrg_xsi_tx_write(xs, where, value, len);
    wrg_xsi_unref(xs, where->node);
    return ret;
}

static int check_value(const struct wrg_xenstore *xs, const struct wrg_xsi_where *where,
                       const struct wrg_xsi_body *body, size_t len)
{
    int ret = wrg_xsi_check_size(xs, where->domid, len,
                                 wrg_xsi_child_bytes(xs, where->domid, where->txn, where->node),
                                 body->nperms);

    if (ret || len <= body->len)
        return ret;
    return wrg_xsi_check_memory(xs, where->domid, len - body->len);
}

static int overwrite(struct wrg_xenstore *xs, const struct wrg_xsi_where *where, const void *value,
                     size_t len)
{
    int ret;

    if (where->txn != WRG_XSI_NONE)
        return wrg_xsi_tx_write(xs, where, value, len);
    ret = wrg_xsi_set_value(xs, &xs->node[where->node].body, value, len);
    if (ret)
        return ret;
    wrg_xsi_touch(xs, where->node);
    wrg_xsi_debit(xs, where->domid, 0);
    wrg_xsi_notify(xs, where->domid, where->node, WRG_XS_CHANGE_WRITE);
    wrg_xsi_fire(xs, where->node, false, NULL);
    return 0;
}

int wrg_xenstore_write(struct wrg_xenstore *xs, const struct wrg_xs_call *call, const char *path,
                       const void *value, size_t len)
{
    struct wrg_xsi_where where;
    struct wrg_xsi_body *body;
    int ret = wrg_xsi_locate(xs, call, path, &where);

    if (ret)
        return ret;
    ret = wrg_xsi_access(xs, &where, WRG_XSI_WRITE, &body);
    if (ret && ret != -ENOENT)
        return ret;
    if (len > domain_value_max(xs, where.domid))
        return fail(xs, &where, -xs->quota.value_errno);
    if (ret) /* An empty value is a value: an mkdir's has no pointer. */
        return create(xs, &where, len ? value : "", len);
    ret = check_value(xs, &where, body, len);
    return ret ? fail(xs, &where, ret) : overwrite(xs, &where, value, len);
}

int wrg_xenstore_mkdir(struct wrg_xenstore *xs, const struct wrg_xs_call *call, const char *path)
{
    struct wrg_xsi_where where;
    struct wrg_xsi_body *body;
    int ret = wrg_xsi_locate(xs, call, path, &where);

    if (ret)
        return ret;
    ret = wrg_xsi_access(xs, &where, WRG_XSI_WRITE, &body);
    return ret == -ENOENT ? create(xs, &where, NULL, 0) : ret;
}

static bool has_parent(const struct wrg_xenstore *xs, const struct wrg_xsi_where *where)
{
    if (where->node != WRG_XSI_NONE)
        return wrg_xsi_view(xs, where->txn, xs->node[where->node].parent) != NULL;
    return strchr(where->rest, '/') == NULL && wrg_xsi_view(xs, where->txn, where->nearest) != NULL;
}

int wrg_xenstore_rm(struct wrg_xenstore *xs, const struct wrg_xs_call *call, const char *path)
{
    struct wrg_xsi_where where;
    struct wrg_xsi_body *body;
    int ret = wrg_xsi_locate_to_read(xs, call, path, &where);

    if (ret)
        return ret;
    ret = wrg_xsi_access(xs, &where, WRG_XSI_WRITE, &body);
    if (ret == -ENOENT && has_parent(xs, &where))
        return 0;
    if (ret)
        return ret;
    if (where.node == WRG_XSI_ROOT)
        return -EINVAL;
    if (where.txn != WRG_XSI_NONE)
        return wrg_xsi_tx_remove(xs, &where);
    wrg_xsi_debit(xs, where.domid, 0);
    wrg_xsi_remove_tree(xs, where.node, where.domid, true);
    return 0;
}
