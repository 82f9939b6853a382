/* SPDX-License-Identifier: MIT */
/* Watches and their events. Layer: model. */
#include "model/model_impl.h"

/* The same again tells nothing, but of a special path. */
static bool is_queued(const struct wrg_store_model *m, const struct watch *watch, const char *seen)
{
    for (unsigned i = 0; i < m->nevents && seen[0] != '@'; i++)
        if (m->events[i].client == watch->client && strcmp(m->events[i].path, seen) == 0 &&
            strcmp(m->events[i].token, watch->token) == 0)
            return true;
    return false;
}

static void queue(struct wrg_store_model *m, const struct watch *watch, const char *path)
{
    const char *seen = path[0] == '@' ? path : path + watch->skip;
    struct event *event = &m->events[m->nevents];

    if (strlen(seen) + strlen(watch->token) + 2 > PAYLOAD_MAX || is_queued(m, watch, seen))
        return;
    if (m->nevents == WRG_MODEL_EVENTS) {
        m->full = true;
        return;
    }
    event->client = watch->client;
    strcpy(event->path, seen);
    strcpy(event->token, watch->token);
    m->nevents++;
}

static struct watch *find(const struct view *v, const struct wrg_store_call *call)
{
    struct wrg_store_model *m = v->m;

    for (unsigned i = 0; i < m->nwatches; i++) {
        struct watch *watch = &m->watches[i];
        if (watch->client == call->client && strcmp(watch->path, m->path) == 0 &&
            strcmp(watch->token, call->value) == 0)
            return watch;
    }
    return NULL;
}

static unsigned watches_of(const struct wrg_store_model *m, uint16_t domid)
{
    unsigned count = 0;

    for (unsigned i = 0; i < m->nwatches; i++)
        count += wrg_store_domid(m->watches[i].client) == domid;
    return count;
}

int wrg_model_watch(const struct view *v, const struct wrg_store_call *call)
{
    struct wrg_store_model *m = v->m;
    struct watch *watch = &m->watches[m->nwatches];
    bool relative = call->path[0] != '/' && call->path[0] != '@';

    if (call->len > PAYLOAD_MAX)
        return -EINVAL;
    if (find(v, call))
        return -EEXIST;
    if (!is_dom0(v) && watches_of(m, v->domid) >= m->quota->watches + (uint32_t)m->quota->slack)
        return -m->quota->watches_errno;
    if (m->nwatches == WRG_MODEL_WATCHES) {
        m->full = true;
        return 0;
    }
    if (!wrg_model_keep(m, watch->path, m->path, WRG_MODEL_PATH_MAX) ||
        !wrg_model_keep(m, watch->token, call->value, WRG_MODEL_TOKEN_MAX))
        return 0;
    watch->client = call->client;
    watch->skip = relative ? (unsigned)(strlen(m->path) - strlen(call->path)) : 0;
    m->nwatches++;
    queue(m, watch, watch->path);
    return 0;
}

static void remove_watch(struct wrg_store_model *m, struct watch *watch)
{
    struct watch *end = &m->watches[--m->nwatches];

    memmove(watch, watch + 1, (size_t)((char *)end - (char *)watch));
}

int wrg_model_unwatch(const struct view *v, const struct wrg_store_call *call)
{
    struct watch *watch = find(v, call);

    if (!watch)
        return -ENOENT;
    remove_watch(v->m, watch);
    return 0;
}

static void remove_event(struct wrg_store_model *m, unsigned at)
{
    m->nevents--;
    for (; at < m->nevents; at++) { /* as texts, for most of an event is room */
        m->events[at].client = m->events[at + 1].client;
        strcpy(m->events[at].path, m->events[at + 1].path);
        strcpy(m->events[at].token, m->events[at + 1].token);
    }
}

void wrg_model_unwatch_all(struct wrg_store_model *m, uint8_t client)
{
    for (unsigned i = m->nwatches; i-- > 0;)
        if (m->watches[i].client == client)
            remove_watch(m, &m->watches[i]);
    for (unsigned i = m->nevents; i-- > 0;)
        if (m->events[i].client == client)
            remove_event(m, i);
}

void wrg_model_next_event(struct wrg_store_model *m, uint8_t client, struct wrg_store_answer *out)
{
    for (unsigned i = 0; i < m->nevents; i++) {
        const struct event *event = &m->events[i];
        if (event->client != client)
            continue;
        size_t path = strlen(event->path) + 1, token = strlen(event->token) + 1;
        memcpy(out->data, event->path, path);
        memcpy(out->data + path, event->token, token);
        out->len = path + token;
        remove_event(m, i);
        return;
    }
    out->result = -EAGAIN;
}

/* ---- firing ---- */

static bool may_read(struct wrg_store_model *m, uint16_t domid, const char *path)
{
    const struct node *node = wrg_model_find(&m->tree, path);

    return node && (wrg_model_rights(m, domid, node->perms, node->nperms) & RIGHT_READ);
}

/* Who may read the node, now or before the change, or its parent. */
static bool may_know(struct wrg_store_model *m, uint16_t domid, const struct change *change)
{
    char parent[WRG_MODEL_PATH_MAX + 1];

    if (change->nperms && (wrg_model_rights(m, domid, change->perms, change->nperms) & RIGHT_READ))
        return true;
    wrg_model_parent(change->path, parent);
    return may_read(m, domid, change->path) || may_read(m, domid, parent);
}

static bool concerns(const struct watch *watch, const struct change *change)
{
    return change->exact ? strcmp(change->path, watch->path) == 0
                         : wrg_model_is_below(change->path, watch->path);
}

void wrg_model_fire(struct wrg_store_model *m, const struct change *change)
{
    for (unsigned i = 0; i < m->nwatches; i++) {
        const struct watch *watch = &m->watches[i];

        if (concerns(watch, change) && may_know(m, wrg_store_domid(watch->client), change))
            queue(m, watch, change->path);
    }
}

void wrg_model_fire_late(struct wrg_store_model *m, const struct change *change)
{
    if (wrg_model_find(&m->tree, change->path)) {
        wrg_model_fire(m, change);
        return;
    }
    for (unsigned i = 0; i < m->nwatches && change->nperms; i++) {
        const struct watch *watch = &m->watches[i];

        if (concerns(watch, change) &&
            (wrg_model_rights(m, wrg_store_domid(watch->client), change->perms, change->nperms) &
             RIGHT_READ))
            queue(m, watch, change->path);
    }
}

void wrg_model_fire_special(struct wrg_store_model *m, const char *path)
{
    unsigned which = strcmp(m->specials[0].path, path) == 0 ? 0 : 1;

    for (unsigned i = 0; i < m->nwatches; i++) {
        const struct watch *watch = &m->watches[i];
        unsigned rights = wrg_model_rights(m, wrg_store_domid(watch->client),
                                           m->specials[which].perms, m->specials[which].nperms);

        if (strcmp(watch->path, path) == 0 && (rights & RIGHT_READ))
            queue(m, watch, path);
    }
}

void wrg_model_changed(const struct view *v, const struct change *change)
{
    if (!v->tx) {
        wrg_model_fire(v->m, change);
        return;
    }
    struct touch *touch = wrg_model_touch(v, change->path, false);
    if (!touch)
        return;
    touch->change.exact = change->exact && (touch->change.exact || !touch->told);
    touch->told = true;
}
