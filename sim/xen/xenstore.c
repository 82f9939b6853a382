/* SPDX-License-Identifier: MIT */
#include "xen/xenstore.h"

#include <errno.h>
#include <string.h>

#include <wringer/scan.h>

#include "xen/xenstore_impl.h"

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

/* A read: finds the node, and tells the transaction that it was looked at, there or not. */
static int locate_to_read(struct wrg_xenstore *xs, const struct wrg_xs_call *call, const char *path,
                          struct wrg_xsi_where *where)
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
    int ret = locate_to_read(xs, call, path, &where);

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
}

static bool is_over_quota(const struct wrg_xenstore *xs, const struct wrg_xsi_where *where)
{
    uint32_t missing = 0;

    if (where->domid == 0)
        return false;
    for (uint32_t n = where->node; !wrg_xsi_view(xs, where->txn, n); n = xs->node[n].parent)
        missing++;
    return wrg_xsi_over(xs, wrg_xsi_domain(xs, where->domid)->nodes + missing - 1, xs->quota.nodes);
}

static int create_held(struct wrg_xenstore *xs, const struct wrg_xsi_where *where,
                       const void *value, size_t len)
{
    uint32_t block = 0;

    if (is_over_quota(xs, where))
        return -ENOSPC;
    if (len != 0) {
        block = wrg_xsi_heap_take(xs, len);
        if (block == 0)
            return -ENOMEM;
        memcpy(xs->heap + block, value, len);
    }
    create_chain(xs, where, block, len);
    return 0;
}

/* The node is not there, and the caller may create it. value NULL: mkdir. */
static int create(struct wrg_xenstore *xs, struct wrg_xsi_where *where, const void *value,
                  size_t len)
{
    int ret = wrg_xsi_hold(xs, where);

    if (ret) {
        if (where->txn != WRG_XSI_NONE)
            xs->txn[where->txn].poisoned |= ret == -ENOMEM;
        return ret;
    }
    if (where->txn == WRG_XSI_NONE) {
        ret = create_held(xs, where, value, len);
        if (ret == 0) {
            wrg_xsi_notify(xs, where->domid, where->node,
                           value ? WRG_XS_CHANGE_WRITE : WRG_XS_CHANGE_MKDIR);
            wrg_xsi_fire(xs, where->node, false, NULL);
        }
    } else if (is_over_quota(xs, where)) {
        ret = -ENOSPC;
    } else {
        ret = wrg_xsi_tx_create(xs, where);
        if (ret == 0 && value)
            ret = wrg_xsi_tx_write(xs, where, value, len);
    }
    wrg_xsi_unref(xs, where->node);
    return ret;
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
        return -ENOSPC;
    /* An empty value is a value: an mkdir's has no pointer. */
    return ret ? create(xs, &where, len ? value : "", len) : overwrite(xs, &where, value, len);
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
    int ret = locate_to_read(xs, call, path, &where);

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
    wrg_xsi_remove_tree(xs, where.node, where.domid);
    return 0;
}

/* ---- lists of children ---- */

/* Children as a transaction sees them: the committed ones first, its own after them. */
struct children {
    uint32_t txn;
    uint32_t dir;
    uint32_t node;   /* the next committed one to look at */
    uint32_t record; /* the next record to look at */
};

static struct children first_child(const struct wrg_xenstore *xs, const struct wrg_xsi_where *where)
{
    return (struct children){ .txn = where->txn,
                              .dir = where->node,
                              .node = xs->node[where->node].first_child,
                              .record = where->txn ? xs->txn[where->txn].first : WRG_XSI_NONE };
}

static uint32_t next_child(const struct wrg_xenstore *xs, struct children *at)
{
    while (at->node != WRG_XSI_NONE) {
        uint32_t n = at->node;
        at->node = xs->node[n].next;
        if (wrg_xsi_view(xs, at->txn, n))
            return n;
    }
    while (at->record != WRG_XSI_NONE) {
        const struct wrg_xsi_record *record = &xs->record[at->record];
        at->record = record->next;
        if ((record->flags & WRG_XSI_REC_PRESENT) && !xs->node[record->node].live &&
            xs->node[record->node].parent == at->dir)
            return record->node;
    }
    return WRG_XSI_NONE;
}

static int locate_directory(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                            const char *path, struct wrg_xsi_where *where)
{
    struct wrg_xsi_body *body;
    int ret = locate_to_read(xs, call, path, where);

    if (ret == 0)
        ret = wrg_xsi_access(xs, where, WRG_XSI_READ, &body);
    if (ret == 0 && where->txn != WRG_XSI_NONE)
        ret = wrg_xsi_tx_read(xs, where->txn, where->node, true);
    return ret;
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
    at = first_child(xs, &where);
    for (uint32_t n = next_child(xs, &at); n != WRG_XSI_NONE; n = next_child(xs, &at)) {
        const struct wrg_xsi_node *node = &xs->node[n];
        if (len + node->name_len + 1 <= reply->cap) {
            memcpy(reply->data + len, xs->heap + node->name, node->name_len);
            reply->data[len + node->name_len] = '\0';
        }
        len += node->name_len + 1u;
    }
    reply->len = len;
    if (len > WRG_XS_PAYLOAD_MAX)
        return -E2BIG;
    if (len > reply->cap)
        return -ERANGE;
    if (len < reply->cap)
        reply->data[len] = '\0';
    return 0;
}

int wrg_xenstore_directory_part(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                const char *path, size_t offset, struct wrg_xs_reply *reply)
{
    struct wrg_xsi_where where;
    struct children at;
    size_t cap = wrg_min_u64(reply->cap, WRG_XS_PAYLOAD_MAX);
    size_t begin = 0;
    uint32_t n;
    int ret = locate_directory(xs, call, path, &where);

    if (ret)
        return ret;
    if (cap < WRG_FORMAT_U64_MAX + 1)
        return -ERANGE;
    reply->len = wrg_format_u64(xs->node[where.node].generation, reply->data) + 1;
    at = first_child(xs, &where);
    for (n = next_child(xs, &at); n != WRG_XSI_NONE; n = next_child(xs, &at)) {
        const struct wrg_xsi_node *node = &xs->node[n];
        if (begin >= offset) {
            if (reply->len + node->name_len + 1 > cap)
                break;
            memcpy(reply->data + reply->len, xs->heap + node->name, node->name_len);
            reply->len += node->name_len + 1u;
            reply->data[reply->len - 1] = '\0';
        }
        begin += node->name_len + 1u;
    }
    /* The end mark needs room too; without it the client asks for one more part. */
    if (n == WRG_XSI_NONE && reply->len < cap)
        reply->data[reply->len++] = '\0';
    return 0;
}

/* ---- permissions ---- */

int wrg_xenstore_get_perms(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                           const char *path, struct wrg_xs_perm *perms, size_t *count)
{
    struct wrg_xsi_where where;
    struct wrg_xsi_body *body;
    size_t cap = *count;
    int ret = locate_to_read(xs, call, path, &where);

    if (ret == 0)
        ret = wrg_xsi_access(xs, &where, WRG_XSI_READ, &body);
    if (ret)
        return ret;
    *count = body->nperms;
    if (cap < body->nperms)
        return -ERANGE;
    for (size_t i = 0; i < *count; i++)
        perms[i] =
            (struct wrg_xs_perm){ .domid = body->domids[i], .letter = (char)body->letters[i] };
    return 0;
}

static int parse_perms(const struct wrg_xs_perm *perms, size_t count, struct wrg_xsi_body *body)
{
    memset(body, 0, sizeof(*body));
    if (count == 0)
        return -EINVAL;
    if (count > WRG_XS_PERMS_MAX)
        return -ENOSPC;
    for (size_t i = 0; i < count; i++) {
        if (perms[i].letter == '\0' || !strchr("nrwb", perms[i].letter))
            return -EINVAL;
        body->letters[i] = (uint8_t)perms[i].letter;
        body->domids[i] = perms[i].domid;
    }
    body->nperms = (uint8_t)count;
    return 0;
}

static void set_perms_now(struct wrg_xenstore *xs, const struct wrg_xsi_where *where,
                          struct wrg_xsi_body *perms)
{
    struct wrg_xsi_node *node = &xs->node[where->node];
    struct wrg_xsi_body before = node->body;

    perms->value = before.value;
    perms->len = before.len;
    wrg_xsi_own(xs, &before, -1);
    node->body = *perms;
    wrg_xsi_own(xs, perms, 1);
    wrg_xsi_touch(xs, where->node);
    wrg_xsi_notify(xs, where->domid, where->node, WRG_XS_CHANGE_PERMS);
    wrg_xsi_fire(xs, where->node, false, &before);
}

int wrg_xenstore_set_perms(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                           const char *path, const struct wrg_xs_perm *perms, size_t count)
{
    struct wrg_xsi_where where;
    struct wrg_xsi_body parsed, *body;
    int ret = wrg_xsi_locate(xs, call, path, &where);

    if (ret == 0)
        ret = parse_perms(perms, count, &parsed);
    if (ret == 0)
        ret = wrg_xsi_access(xs, &where, WRG_XSI_WRITE | WRG_XSI_OWNER, &body);
    if (ret)
        return ret;
    if (where.domid != 0 && count > xs->quota.perms)
        return -ENOSPC;
    if (where.domid != 0 && parsed.domids[0] != body->domids[0])
        return -EPERM;
    if (where.txn != WRG_XSI_NONE)
        return wrg_xsi_tx_set_perms(xs, &where, &parsed);
    set_perms_now(xs, &where, &parsed);
    return 0;
}
