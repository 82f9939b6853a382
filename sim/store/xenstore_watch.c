/* SPDX-License-Identifier: MIT */
/* Watches, which hang on their node, and the queues of events of the connections. */
#include "store/xenstore_impl.h"

#include <errno.h>
#include <string.h>

#define EVENT_HEADER_BYTES 16 /* of its message */

static void free_watch(struct wrg_xenstore *xs, uint32_t w)
{
    struct wrg_xsi_watch *watch = &xs->watch[w];
    uint32_t node = watch->node;

    wrg_xsi_heap_give(xs, watch->token, watch->token_len);
    wrg_xsi_give(&xs->s.watches, xs->watch, w);
    wrg_xsi_unref(xs, node);
}

static int64_t watch_bytes(const struct wrg_xenstore *xs, uint32_t w)
{
    return xs->node[xs->watch[w].node].path_len + xs->watch[w].token_len;
}

/* Both strings with their NULs, as on the wire. */
static size_t event_bytes(const struct wrg_xenstore *xs, uint32_t w, uint32_t node)
{
    const struct wrg_xsi_watch *watch = &xs->watch[w];
    size_t skip = watch->relative ? xs->node[xs->conn[watch->conn].home].path_len + 1u : 0;

    return xs->node[node].path_len - skip + 1 + watch->token_len + 1;
}

/* Off its node and its connection; it lives on for the events that name it. */
static void close_watch(struct wrg_xenstore *xs, uint32_t w)
{
    struct wrg_xsi_watch *watch = &xs->watch[w];
    struct wrg_xsi_conn *conn = &xs->conn[watch->conn];
    uint32_t *at = &xs->node[watch->node].watches;

    while (*at != w)
        at = &xs->watch[*at].link;
    *at = watch->link;
    if (watch->prev != WRG_XSI_NONE)
        xs->watch[watch->prev].next = watch->next;
    else
        conn->first_watch = watch->next;
    if (watch->next != WRG_XSI_NONE)
        xs->watch[watch->next].prev = watch->prev;
    else
        conn->last_watch = watch->prev;
    watch->closed = 1;
    wrg_xsi_domain(xs, conn->domid)->watches--;
    wrg_xsi_charge_conn(xs, conn->domid, -watch_bytes(xs, w));
    xs->clock++;
    if (watch->queued == 0)
        free_watch(xs, w);
}

/* The node's list is short: no two of its events are the same. */
static void forget_event(struct wrg_xenstore *xs, uint32_t e)
{
    uint32_t *at = &xs->node[xs->event[e].node].events;

    while (*at != e)
        at = &xs->event[*at].beside;
    *at = xs->event[e].beside;
}

static void free_event(struct wrg_xenstore *xs, uint32_t e)
{
    struct wrg_xsi_event *event = &xs->event[e];
    struct wrg_xsi_watch *watch = &xs->watch[event->watch];
    uint32_t w = event->watch;
    uint32_t node = event->node;
    uint32_t cause = event->cause;

    wrg_xsi_charge_conn(xs, xs->conn[watch->conn].domid,
                        -(int64_t)(event_bytes(xs, w, node) + EVENT_HEADER_BYTES));
    if (xs->node[node].parent != WRG_XSI_SPECIALS)
        forget_event(xs, e);
    wrg_xsi_give(&xs->s.events, xs->event, e);
    wrg_xsi_end_cause(xs, cause);
    watch->queued--;
    if (watch->closed && watch->queued == 0)
        free_watch(xs, w);
    wrg_xsi_unref(xs, node);
    xs->clock++;
}

/* Drops queued events of the watch; of every watch when w is 0. */
static void drop_events(struct wrg_xenstore *xs, struct wrg_xsi_conn *conn, uint32_t w)
{
    uint32_t *at = &conn->first_event;
    uint32_t last = WRG_XSI_NONE;

    while (*at != WRG_XSI_NONE) {
        uint32_t e = *at;
        if (w != WRG_XSI_NONE && xs->event[e].watch != w) {
            last = e;
            at = &xs->event[e].link;
            continue;
        }
        *at = xs->event[e].link;
        conn->nevents--;
        free_event(xs, e);
    }
    conn->last_event = last;
}

static bool has_token(const struct wrg_xenstore *xs, uint32_t w, const char *token, size_t len)
{
    const struct wrg_xsi_watch *watch = &xs->watch[w];

    return watch->token_len == len && memcmp(xs->heap + watch->token, token, len) == 0;
}

/* Of which watch a queued event is makes no difference: its reader sees path and token. */
static bool is_queued(const struct wrg_xenstore *xs, uint32_t w, uint32_t node)
{
    const struct wrg_xsi_watch *watch = &xs->watch[w];

    for (uint32_t e = xs->node[node].events; e != WRG_XSI_NONE; e = xs->event[e].beside) {
        const struct wrg_xsi_watch *other = &xs->watch[xs->event[e].watch];
        if (other->conn == watch->conn && other->relative == watch->relative &&
            has_token(xs, xs->event[e].watch, xs->heap + watch->token, watch->token_len))
            return true;
    }
    return false;
}

static void queue_event(struct wrg_xenstore *xs, uint32_t w, uint32_t node)
{
    struct wrg_xsi_watch *watch = &xs->watch[w];
    struct wrg_xsi_conn *conn = &xs->conn[watch->conn];
    uint32_t e = WRG_XSI_NONE;
    size_t bytes = event_bytes(xs, w, node);

    /* An identical event that is still queued says it all, but special events are counted. */
    if (bytes > WRG_XS_PAYLOAD_MAX ||
        (xs->node[node].parent != WRG_XSI_SPECIALS && is_queued(xs, w, node)))
        return;
    xs->clock++;
    bytes += EVENT_HEADER_BYTES;
    if (conn->nevents < xs->limits.conn_events && wrg_xsi_check_memory(xs, conn->domid, bytes) == 0)
        e = wrg_xsi_take(&xs->s.events, xs->event);
    if (e == WRG_XSI_NONE) {
        xs->s.events_lost++;
        return;
    }
    wrg_xsi_charge_conn(xs, conn->domid, (int64_t)bytes);
    xs->event[e] = (struct wrg_xsi_event){
        .watch = w, .node = node, .cause = wrg_xsi_cause(xs), .queued_us = xs->s.now_us
    };
    if (conn->last_event != WRG_XSI_NONE)
        xs->event[conn->last_event].link = e;
    else
        conn->first_event = e;
    conn->last_event = e;
    conn->nevents++;
    watch->queued++;
    if (xs->node[node].parent != WRG_XSI_SPECIALS) {
        xs->event[e].beside = xs->node[node].events;
        xs->node[node].events = e;
    }
    xs->node[node].refs++;
    if (xs->observer.on_event_queued)
        xs->observer.on_event_queued(xs->observer.ctx, wrg_xsi_conn_id(xs, watch->conn));
}

/* The watcher must be able to read the node, or its parent; permissions until now count too. */
static bool may_see(const struct wrg_xenstore *xs, uint16_t domid, uint32_t node,
                    const struct wrg_xsi_body *before)
{
    uint32_t parent = xs->node[node].parent;

    if (!xs->node[node].live)
        return before && (wrg_xsi_perm_for(xs, domid, before) & WRG_XSI_READ);
    if (domid == 0)
        return true;
    if (wrg_xsi_perm_for(xs, domid, &xs->node[node].body) & WRG_XSI_READ)
        return true;
    if (before && (wrg_xsi_perm_for(xs, domid, before) & WRG_XSI_READ))
        return true;
    return parent != WRG_XSI_NONE && xs->node[parent].live &&
           (wrg_xsi_perm_for(xs, domid, &xs->node[parent].body) & WRG_XSI_READ);
}

static uint32_t collect(struct wrg_xenstore *xs, uint32_t node, bool exact)
{
    uint32_t count = 0;

    for (uint32_t n = node; n != WRG_XSI_NONE; n = exact ? WRG_XSI_NONE : xs->node[n].parent)
        for (uint32_t w = xs->node[n].watches; w != WRG_XSI_NONE; w = xs->watch[w].link)
            xs->matches[count++] = w;
    return count;
}

/* Into the order of registration. Each node's list is in it already, so this is mostly a check. */
static void sort_matches(struct wrg_xenstore *xs, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint32_t w = xs->matches[i];
        uint32_t at = i;
        for (; at > 0 && xs->watch[xs->matches[at - 1]].order > xs->watch[w].order; at--)
            xs->matches[at] = xs->matches[at - 1];
        xs->matches[at] = w;
    }
}

void wrg_xsi_fire(struct wrg_xenstore *xs, uint32_t node, bool exact,
                  const struct wrg_xsi_body *before)
{
    uint32_t count = collect(xs, node, exact);

    if (count > 1)
        sort_matches(xs, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t w = xs->matches[i];
        if (may_see(xs, xs->conn[xs->watch[w].conn].domid, node, before))
            queue_event(xs, w, node);
    }
}

void wrg_xsi_fire_special(struct wrg_xenstore *xs, uint32_t which)
{
    const char *name = wrg_xsi_special_names[which];
    uint32_t node = wrg_xsi_child(xs, WRG_XSI_SPECIALS, name, strlen(name));
    uint32_t count = 0;

    if (node == WRG_XSI_NONE) /* nobody watches it */
        return;
    count = collect(xs, node, true);
    for (uint32_t i = 0; i < count; i++)
        if (wrg_xsi_special_readable(xs, xs->conn[xs->watch[xs->matches[i]].conn].domid, which))
            queue_event(xs, xs->matches[i], node);
}

static uint32_t find_watch(const struct wrg_xenstore *xs, const struct wrg_xsi_where *where,
                           const char *token)
{
    size_t len = strlen(token);
    uint32_t w = where->node ? xs->node[where->node].watches : WRG_XSI_NONE;

    while (w != WRG_XSI_NONE && (xs->watch[w].conn != where->slot || !has_token(xs, w, token, len)))
        w = xs->watch[w].link;
    return w;
}

static bool is_special_name(const char *path)
{
    size_t len = strlen(path);

    if (len < 2 || len > WRG_XS_REL_PATH_MAX)
        return false;
    for (const char *p = path + 1; *p != '\0'; p++)
        if (!((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z') && !(*p >= '0' && *p <= '9') && *p != '/')
            return false;
    return true;
}

/* Of a watch's path: the node, and a reference to it if `hold`. Transactions do not matter. */
static int locate(struct wrg_xenstore *xs, const struct wrg_xs_call *call, const char *path,
                  struct wrg_xsi_where *where)
{
    struct wrg_xs_call plain = { .conn = call->conn, .dir = call->dir };
    const struct wrg_xsi_conn *conn = wrg_xsi_conn(xs, call->conn);

    if (!conn)
        return -EBADF;
    if (path[0] != '@')
        return wrg_xsi_locate(xs, &plain, path, where);
    if (!is_special_name(path))
        return -EINVAL;
    *where =
        (struct wrg_xsi_where){ .slot = call->conn & 0xff,
                                .domid = conn->domid,
                                .node = wrg_xsi_child(xs, WRG_XSI_SPECIALS, path, strlen(path)) };
    return 0;
}

static int hold(struct wrg_xenstore *xs, struct wrg_xsi_where *where, const char *path)
{
    if (path[0] != '@')
        return wrg_xsi_hold(xs, where);
    where->node = wrg_xsi_intern(xs, WRG_XSI_SPECIALS, path, strlen(path));
    return where->node == WRG_XSI_NONE ? -ENOMEM : 0;
}

/* Takes over the caller's reference to where->node. */
static int add_watch(struct wrg_xenstore *xs, const struct wrg_xsi_where *where, const char *token,
                     size_t token_len)
{
    struct wrg_xsi_conn *conn = &xs->conn[where->slot];
    uint32_t *at = &xs->node[where->node].watches;
    uint32_t block = wrg_xsi_heap_take(xs, token_len);
    uint32_t w;

    if (block == 0)
        return -ENOMEM;
    w = wrg_xsi_take(&xs->s.watches, xs->watch);
    if (w == WRG_XSI_NONE) {
        wrg_xsi_heap_give(xs, block, token_len);
        return -ENOMEM;
    }
    memcpy(xs->heap + block, token, token_len);
    memset(&xs->watch[w], 0, sizeof(xs->watch[w]));
    xs->watch[w].node = where->node;
    xs->watch[w].conn = where->slot;
    xs->watch[w].prev = conn->last_watch;
    xs->watch[w].token = block;
    xs->watch[w].token_len = (uint16_t)token_len;
    xs->watch[w].relative = where->relative;
    xs->watch[w].order = ++xs->s.watch_order;
    while (*at != WRG_XSI_NONE)
        at = &xs->watch[*at].link;
    *at = w;
    if (conn->last_watch != WRG_XSI_NONE)
        xs->watch[conn->last_watch].next = w;
    else
        conn->first_watch = w;
    conn->last_watch = w;
    wrg_xsi_domain(xs, where->domid)->watches++;
    wrg_xsi_charge_conn(xs, where->domid, watch_bytes(xs, w));
    wrg_xsi_begin_cause(xs, WRG_XSI_NONE); /* the first event is not for a request */
    queue_event(xs, w, where->node);
    return 0;
}

int wrg_xenstore_watch(struct wrg_xenstore *xs, const struct wrg_xs_call *call, const char *path,
                       const char *token)
{
    struct wrg_xsi_where where;
    size_t token_len = strnlen(token, WRG_XS_PAYLOAD_MAX + 1);
    int ret = locate(xs, call, path, &where);

    if (ret)
        return ret;
    if (token_len > WRG_XS_PAYLOAD_MAX)
        return -EINVAL;
    if (find_watch(xs, &where, token) != WRG_XSI_NONE)
        return -EEXIST;
    if (where.domid != 0 &&
        wrg_xsi_over(xs, wrg_xsi_domain(xs, where.domid)->watches, xs->quota.watches))
        return -xs->quota.watches_errno;
    ret = wrg_xsi_check_memory(xs, where.domid, strlen(path) + token_len);
    if (ret == 0)
        ret = hold(xs, &where, path);
    if (ret)
        return ret;
    ret = add_watch(xs, &where, token, token_len);
    if (ret)
        wrg_xsi_unref(xs, where.node);
    return ret;
}

int wrg_xenstore_unwatch(struct wrg_xenstore *xs, const struct wrg_xs_call *call, const char *path,
                         const char *token, bool drop_queued)
{
    struct wrg_xsi_where where;
    uint32_t w;
    int ret = locate(xs, call, path, &where);

    if (ret)
        return ret;
    w = find_watch(xs, &where, token);
    if (w == WRG_XSI_NONE)
        return -ENOENT;
    if (drop_queued)
        drop_events(xs, &xs->conn[where.slot], w);
    close_watch(xs, w);
    return 0;
}

void wrg_xsi_drop_watches(struct wrg_xenstore *xs, uint32_t slot)
{
    struct wrg_xsi_conn *conn = &xs->conn[slot];

    drop_events(xs, conn, WRG_XSI_NONE);
    while (conn->first_watch != WRG_XSI_NONE)
        close_watch(xs, conn->first_watch);
}

int wrg_xenstore_reset_watches(struct wrg_xenstore *xs, const struct wrg_xs_call *call)
{
    struct wrg_xsi_where where;
    int ret = wrg_xsi_begin(xs, call, &where);

    if (ret)
        return ret;
    wrg_xsi_reset_conn(xs, where.slot);
    return 0;
}

void wrg_xsi_reset_conn(struct wrg_xenstore *xs, uint32_t slot)
{
    wrg_xsi_drop_watches(xs, slot);
    while (xs->conn[slot].txns != WRG_XSI_NONE)
        wrg_xsi_tx_drop(xs, xs->conn[slot].txns);
}

static void take_first(struct wrg_xenstore *xs, struct wrg_xsi_conn *conn)
{
    uint32_t e = conn->first_event;

    conn->first_event = xs->event[e].link;
    if (conn->first_event == WRG_XSI_NONE)
        conn->last_event = WRG_XSI_NONE;
    conn->nevents--;
    free_event(xs, e);
}

void wrg_xsi_drop_older(struct wrg_xenstore *xs, uint64_t before_us)
{
    for (uint32_t slot = 1; slot < xs->s.conns.used; slot++) {
        struct wrg_xsi_conn *conn = &xs->conn[slot];
        if (!conn->open || conn->domid == 0)
            continue;
        while (conn->first_event != WRG_XSI_NONE &&
               xs->event[conn->first_event].queued_us < before_us)
            take_first(xs, conn);
    }
}

int wrg_xenstore_next_event(struct wrg_xenstore *xs, uint16_t id, struct wrg_xs_event *out)
{
    struct wrg_xsi_conn *conn = wrg_xsi_conn(xs, id);
    const struct wrg_xsi_watch *watch;
    size_t path_len, skip;
    uint32_t e;

    if (!conn)
        return -EBADF;
    e = conn->first_event;
    if (e == WRG_XSI_NONE)
        return -EAGAIN;
    watch = &xs->watch[xs->event[e].watch];
    path_len = xs->node[xs->event[e].node].path_len;
    skip = watch->relative ? xs->node[conn->home].path_len + 1u : 0;
    out->len = event_bytes(xs, xs->event[e].watch, xs->event[e].node);
    /* The path is built whole before its front is cut off. */
    if (out->cap < out->len + skip)
        return -ERANGE;
    wrg_xsi_path(xs, xs->event[e].node, out->data);
    if (skip != 0)
        memmove(out->data, out->data + skip, path_len - skip);
    out->path = out->data;
    out->data[path_len - skip] = '\0';
    out->token = out->data + path_len - skip + 1;
    memcpy(out->data + path_len - skip + 1, xs->heap + watch->token, watch->token_len);
    out->data[out->len - 1] = '\0';
    take_first(xs, conn);
    return 0;
}

uint32_t wrg_xenstore_events_queued(const struct wrg_xenstore *xs, uint16_t id)
{
    uint32_t slot = id & 0xff;

    if (slot >= xs->s.conns.used || !xs->conn[slot].open || xs->conn[slot].serial != id >> 8)
        return 0;
    return xs->conn[slot].nevents;
}
