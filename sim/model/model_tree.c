/* SPDX-License-Identifier: MIT */
/* Nodes as a flat array. Layer: model. */
#include "model/model_impl.h"

struct node *wrg_model_find(struct tree *tree, const char *path)
{
    for (unsigned i = 0; i < tree->count; i++)
        if (strcmp(tree->nodes[i].path, path) == 0)
            return &tree->nodes[i];
    return NULL;
}

void wrg_model_parent(const char *path, char *parent)
{
    size_t len = (size_t)(strrchr(path, '/') - path);

    memmove(parent, path, len);
    parent[len] = 0;
    if (len == 0)
        strcpy(parent, "/");
}

bool wrg_model_is_below(const char *path, const char *top)
{
    size_t len = strlen(top);

    if (strcmp(top, "/") == 0)
        return path[0] == '/';
    return strncmp(path, top, len) == 0 && (path[len] == 0 || path[len] == '/');
}

bool wrg_model_is_child(const char *path, const char *parent)
{
    char own[WRG_MODEL_PATH_MAX + 1];

    if (strcmp(path, "/") == 0)
        return false;
    wrg_model_parent(path, own);
    return strcmp(own, parent) == 0;
}

bool wrg_model_keep(struct wrg_store_model *m, char *to, const char *path, size_t max)
{
    if (strlen(path) > max) {
        m->full = true;
        to[0] = 0;
        return false;
    }
    strcpy(to, path);
    return true;
}

struct node *wrg_model_append(struct wrg_store_model *m, struct tree *tree, const char *path)
{
    struct node *node = &tree->nodes[tree->count];

    if (tree->count == WRG_MODEL_NODES || strlen(path) > WRG_MODEL_PATH_MAX) {
        m->full = true;
        return NULL;
    }
    tree->count++;
    strcpy(node->path, path);
    node->len = 0;
    node->nperms = 0;
    node->born = node->changed = ++m->now;
    return node;
}

/* A node is mostly room for a value that it does not have. */
static void copy_node(struct node *to, const struct node *from)
{
    strcpy(to->path, from->path);
    to->len = from->len;
    memmove(to->value, from->value, from->len);
    to->nperms = from->nperms;
    memcpy(to->perms, from->perms, sizeof(to->perms));
    to->born = from->born;
    to->changed = from->changed;
}

bool wrg_model_append_copy(struct wrg_store_model *m, struct tree *tree, const struct node *from)
{
    if (tree->count == WRG_MODEL_NODES) {
        m->full = true;
        return false;
    }
    copy_node(&tree->nodes[tree->count++], from);
    return true;
}

void wrg_model_delete(struct tree *tree, struct node *node)
{
    struct node *end = &tree->nodes[--tree->count];

    for (; node < end; node++)
        copy_node(node, node + 1);
}

void wrg_model_copy(struct tree *to, const struct tree *from)
{
    to->count = from->count;
    for (unsigned i = 0; i < from->count; i++)
        copy_node(&to->nodes[i], &from->nodes[i]);
}

unsigned wrg_model_owned(const struct tree *tree, uint16_t domid)
{
    unsigned count = 0;

    for (unsigned i = 0; i < tree->count; i++)
        count += tree->nodes[i].perms[0].domid == domid;
    return count;
}
