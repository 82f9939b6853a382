/* SPDX-License-Identifier: MIT */
/* What a client may ask of nodes, but for removing them. Layer: model. */
#include "model/model_impl.h"

/* ---- rights ---- */

static unsigned rights_of_letter(char letter)
{
    switch (letter) {
    case 'r': return RIGHT_READ;
    case 'w': return RIGHT_WRITE;
    case 'b': return RIGHT_READ | RIGHT_WRITE;
    default: return 0;
    }
}

unsigned wrg_model_rights(const struct wrg_store_model *m, uint16_t domid,
                          const struct wrg_store_entry *perms, unsigned count)
{
    int target = m->domains[domid].target;

    if (domid == 0 || perms[0].domid == domid || perms[0].domid == target)
        return RIGHT_READ | RIGHT_WRITE | RIGHT_OWN;
    for (unsigned i = 1; i < count; i++)
        if (perms[i].domid == domid || perms[i].domid == target)
            return rights_of_letter(perms[i].letter);
    return rights_of_letter(perms[0].letter);
}

/* The node, or else the nearest one above it: the root is always there. */
static struct node *nearest(const struct view *v, const char *path)
{
    static const char root[] = "/";
    char at[WRG_STORE_PATH_MAX + 32];
    struct node *node;

    strcpy(at, path);
    while (!(node = wrg_model_find(v->tree, at)))
        wrg_model_parent(at, at);
    WRG_ASSERT(node || strcmp(at, root) != 0);
    return node;
}

int wrg_model_look_up(const struct view *v, const char *path, unsigned need, struct node **out)
{
    struct node *node = nearest(v, path);
    bool there = strcmp(node->path, path) == 0;
    unsigned rights = wrg_model_rights(v->m, v->domid, node->perms, node->nperms) & need;
    int result = there ? 0 : -ENOENT;

    *out = there ? node : NULL;
    if (there ? rights != need : rights == 0)
        result = -EACCES;
    return result;
}

/* ---- reading ---- */

void wrg_model_read(const struct view *v, const struct wrg_store_call *call,
                    struct wrg_store_answer *out)
{
    struct node *node;

    out->result = wrg_model_look_up(v, v->m->path, RIGHT_READ, &node);
    wrg_model_touch_to_read(v, v->m->path);
    if (out->result)
        return;
    out->len = node->len;
    memcpy(out->data, node->value, node->len);
}

/* Names of children, each with its NUL; returns the length of all, also beyond cap. */
static size_t list(struct tree *tree, const char *parent, char *to, size_t cap)
{
    size_t len = 0;

    for (unsigned i = 0; i < tree->count; i++) {
        const char *path = tree->nodes[i].path;

        if (!wrg_model_is_child(path, parent))
            continue;
        const char *name = strrchr(path, '/') + 1;
        size_t size = strlen(name) + 1;
        if (to && len + size <= cap) /* NULL: only counted */
            memcpy(to + len, name, size);
        len += size;
    }
    return len;
}

void wrg_model_directory(const struct view *v, const struct wrg_store_call *call,
                         struct wrg_store_answer *out)
{
    struct node *node;

    out->result = wrg_model_look_up(v, v->m->path, RIGHT_READ, &node);
    wrg_model_touch(v, v->m->path, true);
    if (out->result)
        return;
    out->len = list(v->tree, v->m->path, out->data, PAYLOAD_MAX);
    if (out->len > PAYLOAD_MAX) {
        out->len = 0;
        out->result = -E2BIG;
    }
}

/* Whole names from an offset on; an empty one stands behind the last. */
void wrg_model_directory_part(const struct view *v, const struct wrg_store_call *call,
                              struct wrg_store_answer *out)
{
    struct node *node;

    out->result = wrg_model_look_up(v, v->m->path, RIGHT_READ, &node);
    wrg_model_touch(v, v->m->path, true);
    if (out->result)
        return;
    size_t all = list(v->tree, v->m->path, out->data, PAYLOAD_MAX);
    if (all + 24 > PAYLOAD_MAX) { /* several parts: where they are cut depends on the generation */
        out->any = true;
        return;
    }
    size_t from = call->n < all ? call->n : all;
    memmove(out->data, out->data + from, all - from);
    out->data[all - from] = 0;
    out->len = all - from + 1;
}

/* -1: neither of those that have permissions. */
static int special_of(const struct wrg_store_model *m)
{
    for (int i = 0; i < 2; i++)
        if (strcmp(m->path, m->specials[i].path) == 0)
            return i;
    return -1;
}

void wrg_model_get_perms(const struct view *v, const struct wrg_store_call *call,
                         struct wrg_store_answer *out)
{
    int special = special_of(v->m);
    struct node *node;

    if (special >= 0) {
        unsigned count = v->m->specials[special].nperms;
        const struct wrg_store_entry *perms = v->m->specials[special].perms;
        out->result = wrg_model_rights(v->m, v->domid, perms, count) & RIGHT_READ ? 0 : -EACCES;
        if (out->result == 0)
            out->len = wrg_store_perms_print(perms, count, out->data);
        return;
    }
    out->result = wrg_model_look_up(v, v->m->path, RIGHT_READ, &node);
    wrg_model_touch_to_read(v, v->m->path);
    if (out->result == 0)
        out->len = wrg_store_perms_print(node->perms, node->nperms, out->data);
}

/* ---- writing ---- */

static void tell(const struct view *v, const char *path)
{
    struct change change = { 0 };

    strcpy(change.path, path);
    wrg_model_changed(v, &change);
}

/* What fails for want of something leaves a transaction that cannot be committed. */
static int refuse(const struct view *v, int error)
{
    wrg_model_poison(v);
    return error;
}

/* How many nodes would come into being with this one. */
static unsigned missing(const struct view *v, const char *path)
{
    const struct node *above = nearest(v, path);
    const char *at = path + (above->path[1] ? strlen(above->path) : 0);
    unsigned count = 0;

    for (; *at; at++)
        count += *at == '/';
    return count;
}

/* What a transaction has made before counts when it is committed. */
static bool owns_too_many(const struct view *v, unsigned more)
{
    int64_t limit = (int64_t)v->m->quota->nodes + v->m->quota->slack;

    return !is_dom0(v) && wrg_model_owned(&v->m->tree, v->domid) + (int64_t)more > limit;
}

/* What is counted of a node: its value, its permissions, the names of its children. */
static size_t size_of(const struct view *v, const struct node *node, size_t len, unsigned nperms)
{
    return NODE_HEADER + len + 8 * (size_t)nperms + list(v->tree, node->path, NULL, 0);
}

static bool is_too_big(const struct view *v, size_t size)
{
    return !is_dom0(v) && size > v->m->quota->node_bytes;
}

/* A node that is not there yet has no children, and as many permissions as what is above it. */
static bool has_no_room(const struct view *v, const struct node *node, size_t len)
{
    if (node)
        return is_too_big(v, size_of(v, node, len, node->nperms));
    return is_too_big(v, NODE_HEADER + len + 8 * (size_t)nearest(v, v->m->path)->nperms);
}

/* Whether the nearest node, or one on the way, has no room for the name of a new child. */
static bool is_crowded(const struct view *v, const char *path)
{
    const struct node *above = nearest(v, path);
    const char *name = path + (above->path[1] ? strlen(above->path) + 1 : 1);
    size_t size = size_of(v, above, above->len, above->nperms);

    for (;;) {
        size_t len = strcspn(name, "/");
        if (is_too_big(v, size + len + 1))
            return true;
        if (!name[len])
            return false;
        name += len + 1;
        size = NODE_HEADER + 8 * (size_t)above->nperms;
    }
}

/* A new node has its parent's permissions; what a guest creates is its own. */
static struct node *create(const struct view *v, const char *path)
{
    char above[WRG_STORE_PATH_MAX + 32];

    wrg_model_parent(path, above);
    struct node *parent = wrg_model_find(v->tree, above);
    wrg_model_touch(v, above, true);
    if (!parent)
        parent = create(v, above);
    if (!parent)
        return NULL;
    struct node *node = wrg_model_append(v->m, v->tree, path);
    if (!node)
        return NULL;
    parent->changed = ++v->m->now;
    node->nperms = parent->nperms;
    memcpy(node->perms, parent->perms, sizeof(node->perms));
    if (!is_dom0(v))
        node->perms[0].domid = v->domid;
    return node;
}

static int create_for(const struct view *v, const char *path, struct node **out)
{
    if (owns_too_many(v, missing(v, path)) || is_crowded(v, path))
        return refuse(v, -ENOSPC);
    wrg_model_touch(v, nearest(v, path)->path, true);
    wrg_model_touch_to_write(v, path);
    *out = create(v, path);
    return 0;
}

void wrg_model_write(const struct view *v, const struct wrg_store_call *call,
                     struct wrg_store_answer *out)
{
    size_t limit = is_dom0(v) ? PAYLOAD_MAX : v->m->quota->value_bytes;
    struct node *node;

    out->result = wrg_model_look_up(v, v->m->path, RIGHT_WRITE, &node);
    if (out->result && out->result != -ENOENT)
        return;
    if (call->len > limit || has_no_room(v, node, call->len))
        out->result = refuse(v, -ENOSPC);
    else if (out->result == -ENOENT)
        out->result = create_for(v, v->m->path, &node);
    if (out->result || !node)
        return;
    wrg_model_touch_to_write(v, v->m->path);
    node->len = call->len;
    memcpy(node->value, call->value, call->len);
    node->changed = ++v->m->now;
    tell(v, v->m->path);
}

void wrg_model_mkdir(const struct view *v, const struct wrg_store_call *call,
                     struct wrg_store_answer *out)
{
    struct node *node;

    out->result = wrg_model_look_up(v, v->m->path, RIGHT_WRITE, &node);
    if (out->result != -ENOENT)
        return;
    out->result = create_for(v, v->m->path, &node);
    if (out->result == 0 && node)
        tell(v, v->m->path);
}

/* ---- permissions ---- */

/* How many there are is looked at before anything else, what they say after that. */
static int check_perms(const struct view *v, const struct wrg_store_call *call, int count)
{
    if (count == 0)
        return -EINVAL;
    if (count > ENTRIES_MAX || (!is_dom0(v) && count > (int)v->m->quota->perms))
        return -ENOSPC;
    if (count < 0)
        return -EINVAL;
    return wrg_model_make_path(v->m, call);
}

static int set_special(const struct view *v, unsigned which, const struct wrg_store_entry *perms,
                       unsigned count)
{
    const struct wrg_store_entry *now = v->m->specials[which].perms;
    unsigned rights = wrg_model_rights(v->m, v->domid, now, v->m->specials[which].nperms);

    if (!(rights & RIGHT_OWN))
        return -EACCES;
    if (!is_dom0(v) && now[0].domid != perms[0].domid)
        return -EPERM;
    v->m->specials[which].nperms = count;
    memcpy(v->m->specials[which].perms, perms, count * sizeof(perms[0]));
    return 0;
}

void wrg_model_set_perms(const struct view *v, const struct wrg_store_call *call,
                         struct wrg_store_answer *out)
{
    struct wrg_store_entry perms[WRG_STORE_PERMS];
    int count = wrg_store_perms_parse(call->value, perms);
    struct change change = { 0 };
    struct node *node;

    out->result = check_perms(v, call, count);
    if (out->result)
        return;
    int special = special_of(v->m);
    if (special >= 0) {
        out->result = set_special(v, (unsigned)special, perms, (unsigned)count);
        return;
    }
    out->result = wrg_model_look_up(v, v->m->path, RIGHT_WRITE | RIGHT_OWN, &node);
    if (out->result)
        return;
    if (!is_dom0(v) && perms[0].domid != node->perms[0].domid) {
        out->result = -EPERM;
        return;
    }
    if (is_too_big(v, size_of(v, node, node->len, (unsigned)count))) {
        out->result = refuse(v, -ENOSPC);
        return;
    }
    wrg_model_touch_to_set(v, v->m->path);
    strcpy(change.path, node->path);
    change.nperms = node->nperms;
    memcpy(change.perms, node->perms, sizeof(change.perms));
    node->nperms = (unsigned)count;
    memcpy(node->perms, perms, (size_t)count * sizeof(perms[0]));
    node->changed = ++v->m->now;
    wrg_model_changed(v, &change);
}
