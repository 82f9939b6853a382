/* SPDX-License-Identifier: MIT */
/* Nodes that are removed, by a client or with their owner. Layer: model. */
#include "model/model_impl.h"

static void tell_removed(const struct view *v, const struct node *node, bool exact)
{
    struct change change = { .exact = exact };

    strcpy(change.path, node->path);
    wrg_model_changed(v, &change);
}

/* Watchers below are told of their own node only, children before their parents. */
static void tell_below(const struct view *v, const char *top)
{
    for (unsigned i = 0; i < v->tree->count; i++)
        if (wrg_model_is_child(v->tree->nodes[i].path, top)) {
            tell_below(v, v->tree->nodes[i].path);
            tell_removed(v, &v->tree->nodes[i], true);
        }
}

/* In a transaction all of it is looked at from the top down. */
static void touch_below(const struct view *v, const char *top)
{
    wrg_model_touch(v, top, true);
    for (unsigned i = 0; i < v->tree->count; i++)
        if (wrg_model_is_child(v->tree->nodes[i].path, top))
            touch_below(v, v->tree->nodes[i].path);
}

static void remove_tree(const struct view *v, const char *path)
{
    char top[WRG_MODEL_PATH_MAX + 1], above[WRG_MODEL_PATH_MAX + 1];

    strcpy(top, path);
    wrg_model_parent(top, above);
    wrg_model_touch(v, above, true);
    for (unsigned i = v->tree->count; i-- > 0;)
        if (wrg_model_is_below(v->tree->nodes[i].path, top))
            wrg_model_delete(v->tree, &v->tree->nodes[i]);
    wrg_model_find(v->tree, above)->changed = ++v->m->now;
}

void wrg_model_rm(const struct view *v, const struct wrg_store_call *call,
                  struct wrg_store_answer *out)
{
    char above[WRG_STORE_PATH_MAX + 32];
    const char *path = v->m->path;
    struct node *node;

    out->result = wrg_model_look_up(v, path, RIGHT_WRITE, &node);
    wrg_model_touch_to_read(v, path);
    if (out->result == -ENOENT) {
        wrg_model_parent(path, above);
        out->result = wrg_model_find(v->tree, above) ? 0 : -ENOENT;
        return;
    }
    if (out->result)
        return;
    if (strcmp(path, "/") == 0) {
        out->result = -EINVAL;
        return;
    }
    touch_below(v, path);
    tell_below(v, path);
    tell_removed(v, node, false);
    remove_tree(v, path);
}

/* From the top down, siblings in the order of their creation. True: something was removed. */
static bool remove_owned(const struct view *v, const char *top, uint16_t domid)
{
    for (unsigned i = 0; i < v->tree->count; i++) {
        struct node *node = &v->tree->nodes[i];
        if (!wrg_model_is_child(node->path, top))
            continue;
        if (node->perms[0].domid == domid) {
            tell_below(v, node->path);
            tell_removed(v, node, false);
            remove_tree(v, node->path);
            return true;
        }
        if (remove_owned(v, node->path, domid))
            return true;
    }
    return false;
}

void wrg_model_remove_owned(struct wrg_store_model *m, uint16_t domid)
{
    const struct view v = { .m = m, .domid = 0, .tree = &m->tree };

    while (remove_owned(&v, "/", domid))
        ;
}

static unsigned drop_entries(struct wrg_store_entry *perms, unsigned count, uint16_t domid)
{
    unsigned kept = 1;

    for (unsigned i = 1; i < count; i++)
        if (perms[i].domid != domid)
            perms[kept++] = perms[i];
    return kept;
}

static void drop_entries_of_tree(struct tree *tree, uint16_t domid)
{
    for (unsigned i = 0; i < tree->count; i++)
        tree->nodes[i].nperms = drop_entries(tree->nodes[i].perms, tree->nodes[i].nperms, domid);
}

/* Also those that a transaction is about to set. */
void wrg_model_drop_entries(struct wrg_store_model *m, uint16_t domid)
{
    drop_entries_of_tree(&m->tree, domid);
    for (unsigned i = 0; i < WRG_MODEL_OPEN_TXS; i++)
        if (m->txs[i].open)
            drop_entries_of_tree(&m->txs[i].work, domid);
    for (unsigned i = 0; i < WRG_ARRAY_LEN(m->specials); i++) {
        m->specials[i].nperms = drop_entries(m->specials[i].perms, m->specials[i].nperms, domid);
        if (m->specials[i].perms[0].domid == domid)
            m->specials[i].perms[0].domid = 0;
    }
}
