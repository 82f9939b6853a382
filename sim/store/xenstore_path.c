/* SPDX-License-Identifier: MIT */
/* From a call and its path to a node, and whether the caller may do what he wants there. */
#include "store/xenstore_impl.h"

#include <errno.h>
#include <string.h>

static bool is_path_char(char c)
{
    static const uint8_t table[256] = { ['-'] = 1,         ['/'] = 1, ['0' ... '9'] = 1,
                                        ['@' ... 'Z'] = 1, ['_'] = 1, ['a' ... 'z'] = 1 };
    return table[(uint8_t)c];
}

/*
 * What nobody knows of a path: the part before it was found by name, and has passed this check
 * before. No empty component, hence no double and no trailing slash.
 */
static bool is_valid(const char *rest, size_t max)
{
    size_t len = 0;

    if (rest[0] == '/')
        return false;
    for (; rest[len] != '\0'; len++)
        if (len == max || !is_path_char(rest[len]) || (rest[len] == '/' && rest[len + 1] == '/'))
            return false;
    return len != 0 && rest[len - 1] != '/';
}

static uint32_t start_of(const struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                         uint32_t slot)
{
    uint32_t n = call->dir & WRG_XSI_DIR_NODE_MASK;

    if (call->dir == 0)
        return xs->conn[slot].home;
    if (n >= xs->s.nodes.used || !xs->node[n].live ||
        (xs->node[n].birth << WRG_XSI_DIR_NODE_BITS | n) != call->dir)
        return WRG_XSI_NONE;
    return n;
}

static const char *component_end(const char *p)
{
    while (*p != '/' && *p != '\0')
        p++;
    return p;
}

static void walk(const struct wrg_xenstore *xs, struct wrg_xsi_where *where, const char *p)
{
    uint32_t n = where->nearest;

    while (*p != '\0') {
        const char *end = component_end(p);
        n = wrg_xsi_child(xs, where->nearest, p, (size_t)(end - p));
        if (n == WRG_XSI_NONE)
            break;
        where->nearest = n;
        p = *end == '/' && end[1] != '\0' ? end + 1 : end;
        if (*p == '/') { /* a trailing slash: never known */
            n = WRG_XSI_NONE;
            break;
        }
    }
    where->node = n;
    where->rest = p;
}

int wrg_xsi_begin(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                  struct wrg_xsi_where *where)
{
    const struct wrg_xsi_conn *conn = wrg_xsi_conn(xs, call->conn);

    if (!conn)
        return -EBADF;
    wrg_xsi_begin_cause(xs, conn->domain);
    where->slot = call->conn & 0xff;
    where->domid = conn->domid;
    where->txn = WRG_XSI_NONE;
    if (call->tx != 0) {
        where->txn = wrg_xsi_tx_find(xs, where->slot, call->tx);
        if (where->txn == WRG_XSI_NONE)
            return -ENOENT;
    }
    return 0;
}

/* The quota for paths does not count the way to a domain's home, whichever it is. */
static bool is_too_long(const struct wrg_xenstore *xs, const struct wrg_xsi_where *where)
{
    static const char homes[] = "/local/domain/";
    uint32_t n = where->nearest;
    size_t known = n > WRG_XSI_SPECIALS ? xs->node[n].path_len : 0u;
    size_t len = known + 1 + strlen(where->rest);
    size_t at = sizeof(homes) - 1;

    if (len > WRG_XS_ABS_PATH_MAX)
        return true;
    if (xs->quota.path_bytes == 0 || len <= xs->quota.path_bytes)
        return false;
    /* The way home may lie in what is known, in the rest, or across: put together they tell. */
    wrg_xsi_path(xs, n, xs->scratch);
    xs->scratch[known] = '/';
    memcpy(xs->scratch + known + 1, where->rest, len - known);
    if (strncmp(xs->scratch, homes, at) != 0)
        return true;
    while (xs->scratch[at] >= '0' && xs->scratch[at] <= '9')
        at++;
    if (at < sizeof(homes) || at > sizeof(homes) + 4 || xs->scratch[at] != '/')
        return true;
    return len - (at + 1) > xs->quota.path_bytes;
}

int wrg_xsi_locate(struct wrg_xenstore *xs, const struct wrg_xs_call *call, const char *path,
                   struct wrg_xsi_where *where)
{
    bool absolute = path[0] == '/';
    size_t max = absolute ? WRG_XS_ABS_PATH_MAX : WRG_XS_REL_PATH_MAX;
    int ret = wrg_xsi_begin(xs, call, where);

    if (ret)
        return ret;
    where->relative = !absolute && call->dir == 0;
    where->nearest = absolute ? WRG_XSI_ROOT : start_of(xs, call, where->slot);
    if (where->nearest == WRG_XSI_NONE)
        return -ENOENT;
    if (path[0] == '\0' && call->dir == 0)
        return -EINVAL;
    walk(xs, where, path + absolute);
    if (where->node == WRG_XSI_NONE &&
        (path[0] == '@' || (size_t)(where->rest - path) > max ||
         !is_valid(where->rest, max - (size_t)(where->rest - path)) || is_too_long(xs, where)))
        return -EINVAL;
    return 0;
}

int wrg_xsi_hold(struct wrg_xenstore *xs, struct wrg_xsi_where *where)
{
    uint32_t n = where->node;

    if (n != WRG_XSI_NONE) {
        xs->node[n].refs++;
        return 0;
    }
    n = where->nearest;
    xs->node[n].refs++;
    for (const char *p = where->rest; *p != '\0';) {
        const char *end = component_end(p);
        uint32_t parent = n;
        n = wrg_xsi_intern(xs, parent, p, (size_t)(end - p));
        wrg_xsi_unref(xs, parent); /* the child holds it now; without one, all new ones go */
        if (n == WRG_XSI_NONE)
            return -ENOMEM;
        p = *end == '/' ? end + 1 : end;
    }
    where->node = n;
    return 0;
}

int wrg_xsi_access(struct wrg_xenstore *xs, const struct wrg_xsi_where *where, uint32_t perm,
                   struct wrg_xsi_body **body)
{
    struct wrg_xsi_body *seen = NULL;
    uint32_t n = where->nearest;

    if (where->node != WRG_XSI_NONE) {
        seen = wrg_xsi_view(xs, where->txn, where->node);
        n = where->node;
    }
    *body = seen;
    if (seen)
        return (wrg_xsi_perm_for(xs, where->domid, seen) & perm) == perm ? 0 : -EACCES;
    /* Whoever could not do it to the nearest ancestor is not told that the node is missing. */
    while (!(seen = wrg_xsi_view(xs, where->txn, n)))
        n = xs->node[n].parent;
    return wrg_xsi_perm_for(xs, where->domid, seen) & perm ? -ENOENT : -EACCES;
}
