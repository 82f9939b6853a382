/* SPDX-License-Identifier: MIT */
/* Transactions: a copy of everything, and what was touched in it. Layer: model. */
#include "model/model_impl.h"

struct tx *wrg_model_tx(struct wrg_store_model *m, const struct wrg_store_call *call)
{
    for (unsigned i = 0; i < WRG_MODEL_OPEN_TXS; i++) {
        struct tx *tx = &m->txs[i];
        if (tx->open && tx->client == call->client &&
            tx->ordinal + call->tx == m->clients[call->client].started + 1)
            return tx;
    }
    return NULL;
}

static struct touch *find_touch(struct tx *tx, const char *path)
{
    for (unsigned i = 0; i < tx->ntouches; i++)
        if (strcmp(tx->touches[i].change.path, path) == 0)
            return &tx->touches[i];
    return NULL;
}

struct touch *wrg_model_touch(const struct view *v, const char *path, bool read)
{
    struct tx *tx = v->tx;

    if (!tx)
        return NULL;
    struct touch *touch = find_touch(tx, path);
    if (touch) {
        touch->read |= read;
        return touch;
    }
    touch = &tx->touches[tx->ntouches];
    if (tx->ntouches == WRG_MODEL_TOUCHES ||
        !wrg_model_keep(v->m, touch->change.path, path, WRG_MODEL_PATH_MAX)) {
        v->m->full = true;
        return NULL;
    }
    const struct node *node = wrg_model_find(v->tree, path);
    touch->read = read;
    touch->told = touch->wrote = touch->set = touch->change.exact = false;
    touch->change.nperms = node ? node->nperms : 0;
    if (node)
        memcpy(touch->change.perms, node->perms, sizeof(node->perms));
    tx->ntouches++;
    return touch;
}

void wrg_model_touch_to_write(const struct view *v, const char *path)
{
    struct touch *touch = wrg_model_touch(v, path, false);

    if (touch)
        touch->wrote = true;
}

void wrg_model_touch_to_read(const struct view *v, const char *path)
{
    const struct touch *touch = v->tx ? find_touch(v->tx, path) : NULL;

    if (!touch || !touch->wrote)
        wrg_model_touch(v, path, true);
}

void wrg_model_touch_to_set(const struct view *v, const char *path)
{
    bool again = v->tx && find_touch(v->tx, path);
    struct touch *touch = wrg_model_touch(v, path, !again);

    if (touch)
        touch->set = true;
}

void wrg_model_poison(const struct view *v)
{
    if (v->tx)
        v->tx->poisoned = true;
}

/* All of `now` that was not touched, and all of `mine` that was, by age. */
static void renew(struct wrg_store_model *m, struct tx *tx, struct tree *mine)
{
    unsigned a = 0, b = 0;

    m->scratch.count = 0;
    while (a < m->tree.count || b < mine->count) {
        const struct node *node;

        if (b == mine->count ||
            (a < m->tree.count && m->tree.nodes[a].born <= mine->nodes[b].born)) {
            node = &m->tree.nodes[a++];
            if (find_touch(tx, node->path))
                continue;
        } else {
            node = &mine->nodes[b++];
            if (!find_touch(tx, node->path))
                continue;
        }
        if (!wrg_model_append_copy(m, &m->scratch, node))
            return;
    }
    wrg_model_copy(mine, &m->scratch);
}

void wrg_model_sync(struct wrg_store_model *m, struct tx *tx)
{
    if (tx->synced == m->outside)
        return;
    tx->synced = m->outside;
    renew(m, tx, &tx->base);
    renew(m, tx, &tx->work);
}

/* A node is not what it was when it was touched first. */
static bool differs(struct wrg_store_model *m, struct tx *tx, const struct touch *touch)
{
    const struct node *then = wrg_model_find(&tx->base, touch->change.path);
    const struct node *now = wrg_model_find(&m->tree, touch->change.path);

    if (!then || !now)
        return then != now;
    return then->born != now->born || (touch->read && then->changed != now->changed);
}

bool wrg_model_has_lost(struct wrg_store_model *m, struct tx *tx)
{
    for (unsigned i = 0; i < tx->ntouches; i++)
        if (differs(m, tx, &tx->touches[i]))
            return true;
    return false;
}

/* Domain 0 may have as many as it likes; the model keeps a few only. */
int wrg_model_start(struct wrg_store_model *m, uint8_t client)
{
    int64_t open = 0;
    struct tx *place = NULL;

    for (unsigned i = 0; i < WRG_MODEL_OPEN_TXS; i++) {
        open += m->txs[i].open && wrg_store_domid(m->txs[i].client) == wrg_store_domid(client);
        if (!m->txs[i].open)
            place = &m->txs[i];
    }
    if (wrg_store_domid(client) && open >= (int64_t)m->quota->transactions + m->quota->slack)
        return -ENOSPC;
    if (!place) {
        m->full = true;
        return 0;
    }
    place->open = true;
    place->poisoned = place->loose = false;
    place->client = client;
    place->ordinal = ++m->clients[client].started;
    place->ntouches = 0;
    place->synced = m->outside;
    wrg_model_copy(&place->base, &m->tree);
    wrg_model_copy(&place->work, &m->tree);
    return 0;
}

static void change_parent(struct wrg_store_model *m, const char *path)
{
    char above[WRG_MODEL_PATH_MAX + 1];

    wrg_model_parent(path, above);
    struct node *parent = wrg_model_find(&m->tree, above);
    if (parent)
        parent->changed = ++m->now;
}

/* What the transaction has removed, or removed and made anew, goes. */
static void remove_gone(struct wrg_store_model *m, struct tx *tx)
{
    for (unsigned i = 0; i < tx->ntouches; i++) {
        const char *path = tx->touches[i].change.path;
        struct node *now = wrg_model_find(&m->tree, path);
        const struct node *mine = wrg_model_find(&tx->work, path);

        if (!now || (mine && mine->born == now->born))
            continue;
        wrg_model_delete(&m->tree, now);
        change_parent(m, path);
    }
}

/*
 * What it has written or made comes, in the order in which it was made. Of what somebody else has
 * changed meanwhile, all stays that it has not set itself.
 */
static void take_over(struct wrg_store_model *m, const struct touch *touch, const struct node *mine)
{
    struct node *now = wrg_model_find(&m->tree, mine->path);
    bool is_new = !now;

    if (!is_new && !touch->wrote && !touch->set)
        return;
    if (is_new) {
        change_parent(m, mine->path);
        now = wrg_model_append(m, &m->tree, mine->path);
    }
    if (!now)
        return;
    if (is_new || touch->wrote) {
        now->len = mine->len;
        memcpy(now->value, mine->value, mine->len);
    }
    if (is_new || touch->set) {
        now->nperms = mine->nperms;
        memcpy(now->perms, mine->perms, sizeof(now->perms));
    }
    now->changed = ++m->now;
}

static bool is_owned(const struct node *node, uint16_t domid)
{
    return node && node->perms[0].domid == domid;
}

/* With what is committed now, whatever it was when the transaction began. */
static bool owns_too_many(struct wrg_store_model *m, struct tx *tx, uint16_t domid)
{
    int64_t before = wrg_model_owned(&m->tree, domid);
    int64_t after = before;

    for (unsigned i = 0; i < tx->ntouches; i++) {
        const struct touch *touch = &tx->touches[i];
        const char *path = touch->change.path;
        const struct node *then = wrg_model_find(&tx->base, path);
        const struct node *mine = wrg_model_find(&tx->work, path);
        bool same = then ? mine && mine->born == then->born : !mine;
        if (same && !touch->wrote && !touch->set)
            continue;
        after += is_owned(mine, domid);
        after -= is_owned(wrg_model_find(&m->tree, path), domid);
    }
    return domid && after > before && after > (int64_t)m->quota->nodes + m->quota->slack;
}

static int judge(const struct view *v)
{
    if (v->tx->poisoned)
        return -ENOMEM;
    if (owns_too_many(v->m, v->tx, v->domid))
        return -ENOSPC;
    return wrg_model_has_lost(v->m, v->tx) ? -EAGAIN : 0;
}

void wrg_model_commit(const struct view *v, struct wrg_store_answer *out)
{
    struct wrg_store_model *m = v->m;
    struct tx *tx = v->tx;

    if (tx->loose) {
        out->fails = true;
        if (!tx->poisoned && !wrg_model_has_lost(m, tx)) /* what was lost has come back as it was */
            m->full = true;
        return;
    }
    out->result = judge(v);
    if (out->result)
        return;
    remove_gone(m, tx);
    for (unsigned i = 0; i < tx->work.count; i++) {
        const struct touch *touch = find_touch(tx, tx->work.nodes[i].path);
        if (touch)
            take_over(m, touch, &tx->work.nodes[i]);
    }
    for (unsigned i = 0; i < tx->ntouches; i++)
        if (tx->touches[i].told)
            wrg_model_fire_late(m, &tx->touches[i].change);
}
