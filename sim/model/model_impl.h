/* SPDX-License-Identifier: MIT */
/*
 * The inside of the model. Layer: model; private to store_model.c, model_tree.c, model_node.c,
 * model_rm.c, model_tx.c and model_watch.c.
 */
#ifndef WRG_MODEL_MODEL_IMPL_H
#define WRG_MODEL_MODEL_IMPL_H

#include <errno.h>
#include <string.h>

#include "model/store_model.h"

enum { RIGHT_READ = 1, RIGHT_WRITE = 2, RIGHT_OWN = 4 };

enum {
    ABS_PATH_MAX = 3072,
    REL_PATH_MAX = 2048,
    PAYLOAD_MAX = 4096,
    ENTRIES_MAX = 8, /* of a list of permissions */
    NODE_HEADER = 24,
};

struct node {
    char path[WRG_MODEL_PATH_MAX + 1];
    size_t len;
    char value[PAYLOAD_MAX + 1];
    unsigned nperms;
    struct wrg_store_entry perms[ENTRIES_MAX];
    uint64_t born;    /* when it was created */
    uint64_t changed; /* when its value, permissions or list of children last did */
};

struct tree { /* in the order of creation */
    unsigned count;
    struct node nodes[WRG_MODEL_NODES];
};

struct change { /* what watchers are told */
    char path[WRG_MODEL_PATH_MAX + 1];
    bool exact;      /* below a node that was removed */
    unsigned nperms; /* as they were, 0: not looked at */
    struct wrg_store_entry perms[ENTRIES_MAX];
};

struct touch {       /* of a transaction, in the order of the first one */
    bool read;       /* all of the node counts at commit; else only whether it is there */
    bool wrote, set; /* the value; the permissions */
    bool told;       /* watchers will be */
    struct change change;
};

struct tx {
    bool open, poisoned;
    bool loose; /* something was asked when it had lost: what it sees then is not said */
    uint8_t client;
    uint32_t ordinal;
    struct tree base, work; /* as nodes were when they were touched first; now */
    uint64_t synced;
    unsigned ntouches;
    struct touch touches[WRG_MODEL_TOUCHES];
};

struct watch { /* in the order of registration */
    uint8_t client;
    char path[WRG_MODEL_PATH_MAX + 1]; /* absolute */
    unsigned skip;                     /* bytes of it that a relative watch does not see */
    char token[WRG_MODEL_TOKEN_MAX + 1];
};

struct event { /* oldest first */
    uint8_t client;
    char path[WRG_MODEL_PATH_MAX + 1];
    char token[WRG_MODEL_TOKEN_MAX + 1];
};

struct wrg_store_model {
    bool full;
    uint64_t now;
    uint64_t outside; /* calls that may have changed what is committed */
    const struct wrg_store_quota *quota;
    struct {
        bool open;
        uint32_t started; /* transactions */
    } clients[WRG_STORE_CLIENTS];
    struct {
        bool introduced;
        bool known; /* was introduced or connected once */
        int target; /* domid, -1: none */
    } domains[WRG_STORE_DOMAINS];
    struct tree tree, scratch;
    struct {
        const char *path;
        unsigned nperms;
        struct wrg_store_entry perms[ENTRIES_MAX];
    } specials[2];
    struct tx txs[WRG_MODEL_OPEN_TXS];
    unsigned nwatches, nevents;
    struct watch watches[WRG_MODEL_WATCHES];
    struct event events[WRG_MODEL_EVENTS];
    char path[WRG_STORE_PATH_MAX + 32]; /* of the call, absolute */
};

/* Who asks, and what it sees. */
struct view {
    struct wrg_store_model *m;
    uint16_t domid;
    struct tree *tree;
    struct tx *tx; /* NULL: none */
};

static inline bool is_dom0(const struct view *v)
{
    return v->domid == 0;
}

/* ---- store_model.c ---- */

/* The path of the call as an absolute one, into m->path. */
int wrg_model_make_path(struct wrg_store_model *m, const struct wrg_store_call *call);

/* ---- model_tree.c: nodes and paths, no rights ---- */

struct node *wrg_model_find(struct tree *tree, const char *path);
/* The parent's path; "/" is its own. */
void wrg_model_parent(const char *path, char *parent);
bool wrg_model_is_below(const char *path, const char *top); /* or the same */
bool wrg_model_is_child(const char *path, const char *parent);
/* Appends a node without value. NULL: full. */
struct node *wrg_model_append(struct wrg_store_model *m, struct tree *tree, const char *path);
/* False: full. */
bool wrg_model_append_copy(struct wrg_store_model *m, struct tree *tree, const struct node *from);
void wrg_model_delete(struct tree *tree, struct node *node);
void wrg_model_copy(struct tree *to, const struct tree *from);
unsigned wrg_model_owned(const struct tree *tree, uint16_t domid);
/* Full if it is longer than what the model keeps. */
bool wrg_model_keep(struct wrg_store_model *m, char *to, const char *path, size_t max);

/* ---- model_node.c: what a client may ask of nodes ---- */

/* The rights that a list gives a domain. */
unsigned wrg_model_rights(const struct wrg_store_model *m, uint16_t domid,
                          const struct wrg_store_entry *perms, unsigned count);
/*
 * 0 if the node is there and may be used so; who may do nothing of that with what is above a
 * missing node does not learn that it is missing.
 */
int wrg_model_look_up(const struct view *v, const char *path, unsigned need, struct node **out);
typedef void wrg_model_fn(const struct view *v, const struct wrg_store_call *call,
                          struct wrg_store_answer *out);
wrg_model_fn wrg_model_read, wrg_model_write, wrg_model_mkdir, wrg_model_rm, wrg_model_directory,
    wrg_model_directory_part, wrg_model_get_perms, wrg_model_set_perms;

/* ---- model_rm.c ---- */

void wrg_model_remove_owned(struct wrg_store_model *m, uint16_t domid);
/* Of lists of nodes that others own. */
void wrg_model_drop_entries(struct wrg_store_model *m, uint16_t domid);

/* ---- model_tx.c ---- */

struct tx *wrg_model_tx(struct wrg_store_model *m, const struct wrg_store_call *call);
/* Returns the entry for it, NULL outside of transactions and when there is no room. */
struct touch *wrg_model_touch(const struct view *v, const char *path, bool read);
void wrg_model_touch_to_write(const struct view *v, const char *path);
/* Reads the node, unless the transaction has written its value itself. */
void wrg_model_touch_to_read(const struct view *v, const char *path);
/* Reads the node, unless it was touched already. */
void wrg_model_touch_to_set(const struct view *v, const char *path);
/* An operation failed for want of something. */
void wrg_model_poison(const struct view *v);
/* What it has not touched it sees as it is now. */
void wrg_model_sync(struct wrg_store_model *m, struct tx *tx);
bool wrg_model_has_lost(struct wrg_store_model *m, struct tx *tx);
int wrg_model_start(struct wrg_store_model *m, uint8_t client);
void wrg_model_commit(const struct view *v, struct wrg_store_answer *out);

/* ---- model_watch.c ---- */

int wrg_model_watch(const struct view *v, const struct wrg_store_call *call);
int wrg_model_unwatch(const struct view *v, const struct wrg_store_call *call);
void wrg_model_unwatch_all(struct wrg_store_model *m, uint8_t client);
void wrg_model_next_event(struct wrg_store_model *m, uint8_t client, struct wrg_store_answer *out);
/* Tells watchers at once, or when the transaction is committed. */
void wrg_model_changed(const struct view *v, const struct change *change);
/* Of a commit: the node may be gone by now, or never have been. */
void wrg_model_fire_late(struct wrg_store_model *m, const struct change *change);
void wrg_model_fire(struct wrg_store_model *m, const struct change *change);
void wrg_model_fire_special(struct wrg_store_model *m, const char *path);

#endif
