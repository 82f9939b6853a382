/* SPDX-License-Identifier: MIT */
#include "model/store_model.h"

#include <stdio.h>
#include <stdlib.h>

#include "model/model_impl.h"

/* ---- life ---- */

struct wrg_store_model *wrg_store_model_create(void)
{
    return calloc(1, sizeof(struct wrg_store_model));
}

void wrg_store_model_destroy(struct wrg_store_model *m)
{
    free(m);
}

void wrg_store_model_begin(struct wrg_store_model *m)
{
    m->full = false;
    m->now = m->outside = 0;
    m->quota = wrg_store_quota_at(0);
    m->nwatches = m->nevents = 0;
    for (unsigned i = 0; i < WRG_MODEL_OPEN_TXS; i++)
        m->txs[i].open = false;
    for (unsigned i = 0; i < WRG_STORE_CLIENTS; i++) {
        m->clients[i].open = true;
        m->clients[i].started = 0;
    }
    for (unsigned i = 0; i < WRG_STORE_DOMAINS; i++) {
        m->domains[i].introduced = false;
        m->domains[i].known = i <= 3; /* that is who the clients are */
        m->domains[i].target = -1;
    }
    m->domains[0].introduced = true;
    m->specials[0].path = "@introduceDomain";
    m->specials[1].path = "@releaseDomain";
    for (unsigned i = 0; i < WRG_ARRAY_LEN(m->specials); i++) {
        m->specials[i].nperms = 1;
        m->specials[i].perms[0] = (struct wrg_store_entry){ 0, 'n' };
    }
    m->tree.count = 0;
    struct node *root = wrg_model_append(m, &m->tree, "/");
    root->nperms = 1;
    root->perms[0] = (struct wrg_store_entry){ 0, 'n' };
}

bool wrg_store_model_is_full(const struct wrg_store_model *m)
{
    return m->full;
}

/* ---- paths ---- */

static bool is_well_formed(const char *path)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789-/_@";
    size_t len = strlen(path);

    if (len == 0 || strspn(path, allowed) != len || strstr(path, "//"))
        return false;
    return len == 1 || path[len - 1] != '/';
}

/* Any can be watched that is a name with, perhaps, parts of it; two have permissions. */
static bool is_special(const struct wrg_store_model *m, const struct wrg_store_call *call)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789/";
    const char *name = call->path + 1;

    if (call->action == WRG_CASE_STORE_WATCH || call->action == WRG_CASE_STORE_UNWATCH)
        return *name && strlen(call->path) <= REL_PATH_MAX && !name[strspn(name, allowed)];
    if (call->action != WRG_CASE_STORE_GET_PERMS && call->action != WRG_CASE_STORE_SET_PERMS)
        return false;
    return strcmp(call->path, m->specials[0].path) == 0 ||
           strcmp(call->path, m->specials[1].path) == 0;
}

/* What counts of a path: not that it is somebody's home. */
static size_t counted(const char *path)
{
    static const char homes[] = "/local/domain/";
    size_t home = sizeof(homes) - 1;
    size_t len = strlen(path);

    if (strncmp(path, homes, home) != 0)
        return len;
    size_t digits = strspn(path + home, "0123456789");
    bool is_home = digits && digits <= 5 && path[home + digits] == '/';
    return is_home ? len - (home + digits + 1) : len;
}

/* The path of the call as an absolute one. */
int wrg_model_make_path(struct wrg_store_model *m, const struct wrg_store_call *call)
{
    bool absolute = call->path[0] == '/';

    if (call->path[0] == '@') {
        strcpy(m->path, call->path);
        return is_special(m, call) ? 0 : -EINVAL;
    }
    if (strlen(call->path) > (absolute ? ABS_PATH_MAX : REL_PATH_MAX))
        return -EINVAL;
    strcpy(m->path, "/local/domain/0/");
    m->path[14] = (char)('0' + wrg_store_domid(call->client));
    strcpy(m->path + (absolute ? 0 : 16), call->path);
    return is_well_formed(m->path) && counted(m->path) <= REL_PATH_MAX ? 0 : -EINVAL;
}

/* ---- clients and domains ---- */

static void drop_txs(struct wrg_store_model *m, uint8_t client)
{
    for (unsigned i = 0; i < WRG_MODEL_OPEN_TXS; i++)
        if (m->txs[i].client == client)
            m->txs[i].open = false;
}

static void forget(struct wrg_store_model *m, uint8_t client)
{
    drop_txs(m, client);
    wrg_model_unwatch_all(m, client);
}

static void drop_client(struct wrg_store_model *m, uint8_t client)
{
    forget(m, client);
    m->clients[client].open = false;
}

static void drop_clients_of(struct wrg_store_model *m, uint16_t domid)
{
    for (uint8_t i = 0; i < WRG_STORE_CLIENTS; i++)
        if (wrg_store_domid(i) == domid)
            drop_client(m, i);
}

/* Again: its connection begins anew. */
static void do_introduce(const struct view *v, const struct wrg_store_call *call,
                         struct wrg_store_answer *out)
{
    if (call->dom == 0)
        return;
    if (v->m->domains[call->dom].introduced) {
        for (uint8_t i = 0; i < WRG_STORE_CLIENTS; i++)
            if (wrg_store_domid(i) == call->dom)
                forget(v->m, i);
        return;
    }
    v->m->domains[call->dom].introduced = v->m->domains[call->dom].known = true;
    wrg_model_fire_special(v->m, "@introduceDomain");
}

static void remove_domain(struct wrg_store_model *m, uint16_t domid)
{
    bool was_introduced = m->domains[domid].introduced;

    if (!m->domains[domid].known)
        return;

    m->domains[domid].introduced = false;
    m->domains[domid].target = -1;
    drop_clients_of(m, domid);
    if (!m->quota->keep_nodes_of_dead)
        wrg_model_remove_owned(m, domid);
    wrg_model_drop_entries(m, domid);
    for (unsigned i = 0; i < WRG_STORE_DOMAINS; i++)
        if (m->domains[i].target == domid)
            m->domains[i].target = -1;
    if (was_introduced)
        wrg_model_fire_special(m, "@releaseDomain");
}

static void do_release(const struct view *v, const struct wrg_store_call *call,
                       struct wrg_store_answer *out)
{
    if (call->dom == 0)
        out->result = -EINVAL;
    else if (!v->m->domains[call->dom].introduced)
        out->result = -ENOENT;
    else
        remove_domain(v->m, call->dom);
}

static void do_set_target(const struct view *v, const struct wrg_store_call *call,
                          struct wrg_store_answer *out)
{
    unsigned target = call->n % WRG_STORE_DOMAINS;

    if (!v->m->domains[call->dom].introduced || !v->m->domains[target].introduced)
        out->result = -ENOENT;
    else
        v->m->domains[call->dom].target = (int)target;
}

static void do_is_introduced(const struct view *v, const struct wrg_store_call *call,
                             struct wrg_store_answer *out)
{
    out->len = 1;
    out->data[0] = v->m->domains[call->dom].introduced ? 'T' : 'F';
}

/* ---- what needs no path ---- */

static void do_start(const struct view *v, const struct wrg_store_call *call,
                     struct wrg_store_answer *out)
{
    out->result = v->tx ? -EBUSY : wrg_model_start(v->m, call->client);
}

static void do_commit(const struct view *v, const struct wrg_store_call *call,
                      struct wrg_store_answer *out)
{
    if (!v->tx) {
        out->result = -ENOENT;
        return;
    }
    wrg_model_commit(v, out);
    v->tx->open = false;
}

static void do_abort(const struct view *v, const struct wrg_store_call *call,
                     struct wrg_store_answer *out)
{
    out->result = v->tx ? 0 : -ENOENT;
    if (v->tx)
        v->tx->open = false;
}

static void do_reset_watches(const struct view *v, const struct wrg_store_call *call,
                             struct wrg_store_answer *out)
{
    forget(v->m, call->client);
}

static void do_event(const struct view *v, const struct wrg_store_call *call,
                     struct wrg_store_answer *out)
{
    wrg_model_next_event(v->m, call->client, out);
}

static void do_watch(const struct view *v, const struct wrg_store_call *call,
                     struct wrg_store_answer *out)
{
    out->result = wrg_model_watch(v, call);
}

static void do_unwatch(const struct view *v, const struct wrg_store_call *call,
                       struct wrg_store_answer *out)
{
    out->result = wrg_model_unwatch(v, call);
}

static const struct {
    wrg_model_fn *fn;
    bool path, tx; /* what of the call counts */
    bool dom0;     /* nobody else may */
} actions[WRG_COUNT_STORE] = {
    [WRG_CASE_STORE_READ] = { wrg_model_read, true, true },
    [WRG_CASE_STORE_WRITE] = { wrg_model_write, true, true },
    [WRG_CASE_STORE_MKDIR] = { wrg_model_mkdir, true, true },
    [WRG_CASE_STORE_RM] = { wrg_model_rm, true, true },
    [WRG_CASE_STORE_DIRECTORY] = { wrg_model_directory, true, true },
    [WRG_CASE_STORE_DIRECTORY_PART] = { wrg_model_directory_part, true, true },
    [WRG_CASE_STORE_GET_PERMS] = { wrg_model_get_perms, true, true },
    [WRG_CASE_STORE_SET_PERMS] = { wrg_model_set_perms, false, true },
    [WRG_CASE_STORE_WATCH] = { do_watch, true, false },
    [WRG_CASE_STORE_UNWATCH] = { do_unwatch, true, false },
    [WRG_CASE_STORE_EVENT] = { do_event, false, false },
    [WRG_CASE_STORE_START] = { do_start, false, true },
    [WRG_CASE_STORE_COMMIT] = { do_commit, false, true },
    [WRG_CASE_STORE_ABORT] = { do_abort, false, true },
    [WRG_CASE_STORE_RESET_WATCHES] = { do_reset_watches, false, true },
    [WRG_CASE_STORE_INTRODUCE] = { do_introduce, false, true, true },
    [WRG_CASE_STORE_RELEASE] = { do_release, false, true, true },
    [WRG_CASE_STORE_SET_TARGET] = { do_set_target, false, true, true },
    [WRG_CASE_STORE_IS_INTRODUCED] = { do_is_introduced, false, false },
};

/* ---- one call ---- */

/* Those that are no message of a client. */
static bool do_outside(struct wrg_store_model *m, const struct wrg_store_call *call)
{
    switch (call->action) {
    case WRG_CASE_STORE_DIE:
        if (call->dom) /* without domain 0 nobody would be left to see it */
            remove_domain(m, call->dom);
        return true;
    case WRG_CASE_STORE_CONNECT:
        if (!m->clients[call->client].open)
            m->clients[call->client].started = 0;
        m->clients[call->client].open = true;
        return true;
    case WRG_CASE_STORE_DISCONNECT: drop_client(m, call->client); return true;
    case WRG_CASE_STORE_QUOTA: m->quota = wrg_store_quota_at(call->n); return true;
    default: return false;
    }
}

/* A guest that touches too much has lost: from there on only the end of it is judged. */
static void bound_touches(const struct view *v, unsigned before, struct wrg_store_answer *out)
{
    int64_t limit = (int64_t)v->m->quota->tx_nodes + v->m->quota->slack;

    if (is_dom0(v) || v->tx->ntouches == before || v->tx->ntouches <= limit)
        return;
    v->tx->loose = v->tx->poisoned = true;
    out->result = -ENOSPC;
    out->len = 0;
}

static void ask(struct wrg_store_model *m, const struct wrg_store_call *call,
                struct wrg_store_answer *out)
{
    struct view v = { .m = m, .domid = wrg_store_domid(call->client), .tree = &m->tree };

    if (actions[call->action].dom0 && !is_dom0(&v)) {
        out->result = -EACCES;
        return;
    }
    if (actions[call->action].tx && call->tx) {
        v.tx = wrg_model_tx(m, call);
        if (!v.tx) {
            out->result = -ENOENT;
            return;
        }
        v.tree = &v.tx->work;
        /* Special paths are in no tree: what is said of them holds at once. */
        if (call->action < WRG_CASE_STORE_WATCH && call->path[0] != '@') {
            v.tx->loose |= wrg_model_has_lost(m, v.tx);
            out->any = v.tx->loose;
            if (out->any)
                return;
            wrg_model_sync(m, v.tx);
        }
    }
    unsigned touches = v.tx ? v.tx->ntouches : 0;
    if (actions[call->action].path)
        out->result = wrg_model_make_path(m, call);
    if (out->result == 0)
        actions[call->action].fn(&v, call, out);
    if (v.tx)
        bound_touches(&v, touches, out);
}

void wrg_store_model_do(struct wrg_store_model *m, const struct wrg_store_call *call,
                        struct wrg_store_answer *out)
{
    out->result = 0;
    out->any = out->fails = false;
    out->len = 0;
    if (do_outside(m, call))
        ;
    else if (!m->clients[call->client].open)
        out->result = -EBADF;
    else if (!m->full)
        ask(m, call, out);
    m->outside += call->tx == 0 || call->action >= WRG_CASE_STORE_WATCH;
    out->any |= m->full;
}
