/* SPDX-License-Identifier: MIT */
/* Identities of paths, found by hash of (parent, name), and the committed tree made of them. */
#include "store/xenstore_impl.h"

#include <string.h>

#define HASH_MULTIPLIER 0x9e3779b97f4a7c15ull

static uint64_t load_up_to_8(const char *p, size_t len)
{
    uint64_t word = 0;

    /* Fixed sizes become single loads; a memcpy of `len` would be a call. */
    if (len >= 8) {
        memcpy(&word, p, 8);
    } else if (len >= 4) {
        uint32_t head, tail;
        memcpy(&head, p, 4);
        memcpy(&tail, p + len - 4, 4);
        word = (uint64_t)tail << 32 | head;
    } else {
        for (size_t i = 0; i < len; i++)
            word = word << 8 | (uint8_t)p[i];
    }
    return word;
}

static uint32_t hash_name(uint32_t parent, const char *name, size_t len)
{
    uint64_t h = ((uint64_t)parent << 32 | (uint32_t)len) * HASH_MULTIPLIER;

    while (len > 8) {
        h = (h ^ load_up_to_8(name, 8)) * HASH_MULTIPLIER;
        h ^= h >> 32;
        name += 8;
        len -= 8;
    }
    h = (h ^ load_up_to_8(name, len)) * HASH_MULTIPLIER;
    return (uint32_t)(h >> 32);
}

static uint32_t find(const struct wrg_xenstore *xs, uint32_t hash, uint32_t parent,
                     const char *name, size_t len)
{
    uint32_t n = xs->buckets[hash & xs->bucket_mask];

    while (n != WRG_XSI_NONE) {
        const struct wrg_xsi_node *node = &xs->node[n];
        if (node->hash == hash && node->parent == parent && node->name_len == len &&
            memcmp(xs->heap + node->name, name, len) == 0)
            return n;
        n = node->link;
    }
    return WRG_XSI_NONE;
}

uint32_t wrg_xsi_child(const struct wrg_xenstore *xs, uint32_t parent, const char *name, size_t len)
{
    return find(xs, hash_name(parent, name, len), parent, name, len);
}

/* Sorted by index: a restored store must not differ from the saved one, not even here. */
void wrg_xsi_hash_insert(struct wrg_xenstore *xs, uint32_t node)
{
    uint32_t *at = &xs->buckets[xs->node[node].hash & xs->bucket_mask];

    while (*at != WRG_XSI_NONE && *at < node)
        at = &xs->node[*at].link;
    xs->node[node].link = *at;
    *at = node;
}

static void hash_remove(struct wrg_xenstore *xs, uint32_t node)
{
    uint32_t *at = &xs->buckets[xs->node[node].hash & xs->bucket_mask];

    while (*at != node)
        at = &xs->node[*at].link;
    *at = xs->node[node].link;
}

uint32_t wrg_xsi_intern(struct wrg_xenstore *xs, uint32_t parent, const char *name, size_t len)
{
    uint32_t hash = hash_name(parent, name, len);
    uint32_t n = find(xs, hash, parent, name, len);

    if (n != WRG_XSI_NONE) {
        xs->node[n].refs++;
        return n;
    }
    uint32_t block = wrg_xsi_heap_take(xs, len);
    if (block == 0)
        return WRG_XSI_NONE;
    n = wrg_xsi_take(&xs->s.nodes, xs->node);
    if (n == WRG_XSI_NONE) {
        wrg_xsi_heap_give(xs, block, len);
        return WRG_XSI_NONE;
    }
    memcpy(xs->heap + block, name, len);
    struct wrg_xsi_node *node = &xs->node[n];
    uint32_t birth = node->birth;
    memset(node, 0, sizeof(*node));
    node->birth = birth;
    node->hash = hash;
    node->parent = parent;
    node->refs = 1;
    node->name = block;
    node->name_len = (uint16_t)len;
    node->path_len = (uint16_t)((parent > WRG_XSI_SPECIALS ? xs->node[parent].path_len : 0) + len +
                                (parent != WRG_XSI_SPECIALS));
    node->in_use = 1;
    xs->node[parent].refs++;
    wrg_xsi_hash_insert(xs, n);
    xs->clock++;
    return n;
}

void wrg_xsi_unref(struct wrg_xenstore *xs, uint32_t n)
{
    while (--xs->node[n].refs == 0) {
        struct wrg_xsi_node *node = &xs->node[n];
        uint32_t parent = node->parent;
        WRG_ASSERT(!node->live && node->records == 0 && node->watches == 0);
        hash_remove(xs, n);
        wrg_xsi_heap_give(xs, node->name, node->name_len);
        node->in_use = 0;
        wrg_xsi_give(&xs->s.nodes, xs->node, n);
        xs->clock++;
        n = parent;
    }
}

void wrg_xsi_path(const struct wrg_xenstore *xs, uint32_t n, char *out)
{
    const struct wrg_xsi_node *node = &xs->node[n];
    char *at = out + node->path_len;

    if (n == WRG_XSI_ROOT)
        out[0] = '/';
    while (n > WRG_XSI_SPECIALS) {
        node = &xs->node[n];
        at -= node->name_len;
        memcpy(at, xs->heap + node->name, node->name_len);
        if (node->parent != WRG_XSI_SPECIALS)
            *--at = '/';
        n = node->parent;
    }
}

void wrg_xsi_touch(struct wrg_xenstore *xs, uint32_t node)
{
    xs->node[node].generation = ++xs->s.generation;
    xs->clock++;
    wrg_xsi_charge(xs, node);
    if (xs->quota.tree_conflicts)
        for (; node != WRG_XSI_NONE; node = xs->node[node].parent)
            xs->node[node].tree_generation = xs->s.generation;
}

void wrg_xsi_own(struct wrg_xenstore *xs, const struct wrg_xsi_body *body, int delta)
{
    struct wrg_xsi_domain *domain;

    if (body->domids[0] == 0) /* domain 0 has no quota, and owns most */
        return;
    domain = wrg_xsi_domain(xs, body->domids[0]);
    if (domain)
        domain->nodes += (uint32_t)delta;
}

static void put_last(struct wrg_xenstore *xs, uint32_t n)
{
    struct wrg_xsi_node *node = &xs->node[n];
    struct wrg_xsi_node *parent = &xs->node[node->parent];

    node->next = WRG_XSI_NONE;
    node->prev = parent->last_child;
    if (parent->last_child != WRG_XSI_NONE)
        xs->node[parent->last_child].next = n;
    else
        parent->first_child = n;
    parent->last_child = n;
}

static void take_out(struct wrg_xenstore *xs, uint32_t n)
{
    struct wrg_xsi_node *node = &xs->node[n];
    struct wrg_xsi_node *parent = &xs->node[node->parent];

    if (node->prev != WRG_XSI_NONE)
        xs->node[node->prev].next = node->next;
    else
        parent->first_child = node->next;
    if (node->next != WRG_XSI_NONE)
        xs->node[node->next].prev = node->prev;
    else
        parent->last_child = node->prev;
}

void wrg_xsi_move_last(struct wrg_xenstore *xs, uint32_t n)
{
    take_out(xs, n);
    put_last(xs, n);
}

void wrg_xsi_link(struct wrg_xenstore *xs, uint32_t n)
{
    struct wrg_xsi_node *node = &xs->node[n];
    struct wrg_xsi_node *parent = &xs->node[node->parent];

    WRG_ASSERT(!node->live && parent->live);
    put_last(xs, n);
    parent->child_bytes += node->name_len + 1u;
    node->live = 1;
    node->refs++;
    node->birth++;
    node->perms_generation = xs->s.generation + 1;
    wrg_xsi_touch(xs, node->parent);
    wrg_xsi_touch(xs, n);
}

static void unlink_node(struct wrg_xenstore *xs, uint32_t n)
{
    struct wrg_xsi_node *node = &xs->node[n];
    struct wrg_xsi_node *parent = &xs->node[node->parent];

    take_out(xs, n);
    parent->child_bytes -= node->name_len + 1u;
    node->next = WRG_XSI_NONE;
    node->prev = WRG_XSI_NONE;
    wrg_xsi_uncharge(xs, n);
    wrg_xsi_own(xs, &node->body, -1);
    wrg_xsi_drop_body(xs, &node->body);
    node->live = 0;
    node->generation = 0;
    wrg_xsi_unref(xs, n);
}

uint32_t wrg_xsi_next_beside(const struct wrg_xenstore *xs, uint32_t n, uint32_t top)
{
    while (n != top && xs->node[n].next == WRG_XSI_NONE)
        n = xs->node[n].parent;
    return n == top ? WRG_XSI_NONE : xs->node[n].next;
}

uint32_t wrg_xsi_next_below(const struct wrg_xenstore *xs, uint32_t n, uint32_t top)
{
    if (xs->node[n].first_child != WRG_XSI_NONE)
        return xs->node[n].first_child;
    return wrg_xsi_next_beside(xs, n, top);
}

/*
 * The events of the nodes below come first, children before parents, as C xenstored does it;
 * watches fire while the permissions can still be seen.
 */
void wrg_xsi_remove_tree(struct wrg_xenstore *xs, uint32_t top, uint16_t actor, bool fire)
{
    uint32_t n = top;
    uint32_t above = xs->node[top].parent;

    wrg_xsi_notify(xs, actor, top, WRG_XS_CHANGE_RM);
    for (;;) {
        while (xs->node[n].first_child != WRG_XSI_NONE)
            n = xs->node[n].first_child;
        if (n == top)
            break;
        uint32_t parent = xs->node[n].parent;
        if (fire)
            wrg_xsi_fire(xs, n, true, NULL);
        unlink_node(xs, n);
        n = parent;
    }
    if (fire)
        wrg_xsi_fire(xs, top, false, NULL);
    unlink_node(xs, top);
    wrg_xsi_touch(xs, above);
}

void wrg_xsi_notify(struct wrg_xenstore *xs, uint16_t actor, uint32_t n, enum wrg_xs_change kind)
{
    const struct wrg_xsi_node *node = &xs->node[n];

    if (!xs->observer.on_change)
        return;
    wrg_xsi_path(xs, n, xs->scratch);
    xs->scratch[node->path_len] = '\0';
    xs->observer.on_change(xs->observer.ctx, actor, xs->scratch, xs->heap + node->body.value,
                           node->body.len, kind);
}
