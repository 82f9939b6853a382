/* SPDX-License-Identifier: MIT */
/*
 * Inside the store: what its files share, and nobody else sees.
 *
 * Layer: store. Shapes. A *node* is an identity: a (parent, name) pair found by hash. It is *live*
 * when the committed store has it; it may also stand for a path that only a watch, a queued event
 * or a transaction names. So a watch hangs on its node whether or not that exists, firing is a
 * walk to the root, a queued event is two integers, and its path is built when it is taken.
 *
 * A transaction keeps *records*, one a node it touched, in the order in which they are applied:
 * what was there at the first touch, what must be unchanged at commit, and the new body.
 *
 * Names, values and tokens lie in one heap of power-of-two blocks with a free list for each size.
 * Everything is indices and lies in one piece of memory, pools filled from index 0, so an image is
 * a copy of the used parts. Each pool element begins with its link word (free list, or as the
 * element says).
 */
#ifndef WRG_STORE_XENSTORE_IMPL_H
#define WRG_STORE_XENSTORE_IMPL_H

#include "store/xenstore.h"

#define WRG_XSI_NONE           0u /* index 0 of every pool is never handed out */
#define WRG_XSI_ROOT           1u
#define WRG_XSI_SPECIALS       2u /* parent of @introduceDomain and @releaseDomain */

#define WRG_XSI_HEAP_CLASSES   9 /* 32 bytes to 8 KiB */
#define WRG_XSI_SPECIALS_NAMED 2 /* @introduceDomain and @releaseDomain, in this order */
#define WRG_XSI_DIR_NODE_BITS  20
#define WRG_XSI_DIR_NODE_MASK  ((1u << WRG_XSI_DIR_NODE_BITS) - 1)

enum { WRG_XSI_READ = 1, WRG_XSI_WRITE = 2, WRG_XSI_OWNER = 4 };

struct wrg_xsi_pool {
    uint32_t count; /* elements, the unused element 0 included */
    uint32_t used;  /* elements ever handed out, from 0 */
    uint32_t free;  /* first of the free list */
    uint32_t size_bytes;
};

/* What a node holds, in the store or in a transaction's record. */
struct wrg_xsi_body {
    uint32_t value; /* heap block; 0 for an empty value */
    uint16_t len;
    uint8_t nperms;
    uint8_t letters[WRG_XS_PERMS_MAX];
    uint16_t domids[WRG_XS_PERMS_MAX];
};

struct wrg_xsi_node {
    uint32_t link; /* next in hash bucket */
    uint32_t hash;
    uint32_t parent;
    uint32_t refs; /* children, records, watches, events, homes, 1 if live, holders of a call */
    uint32_t first_child, last_child; /* live ones, in order of creation */
    uint32_t next, prev;              /* siblings, while live */
    uint32_t records;                 /* of all transactions */
    uint32_t watches;
    uint32_t birth; /* how often this slot became live; kept when the slot is freed */
    uint32_t name;  /* heap block */
    uint16_t name_len;
    uint16_t path_len;
    uint8_t in_use;
    uint8_t live;
    uint32_t child_bytes; /* names of the children with their NULs */
    uint32_t events;      /* queued ones that name it; not of the special paths */
    uint32_t charged;     /* bytes of the owner's memory quota */
    uint64_t generation;  /* of the last change of value, permissions or children; 0: not live */
    uint64_t perms_generation; /* of its last change of permissions */
    uint64_t tree_generation;  /* the highest of it and all below; kept with tree_conflicts only */
    struct wrg_xsi_body body;
};

enum {
    WRG_XSI_REC_CHECK = 1,   /* generation must be unchanged at commit */
    WRG_XSI_REC_CHANGED = 2, /* body and present are the transaction's */
    WRG_XSI_REC_PRESENT = 4,
    WRG_XSI_REC_VALUE = 8, /* what was done, for the observer */
    WRG_XSI_REC_PERMS = 16,
    WRG_XSI_REC_RECREATED = 32, /* removed and created again within the transaction */
    WRG_XSI_REC_FIRE = 64,      /* watches are told at commit */
    WRG_XSI_REC_EXACT = 128,    /* those on the node alone: it went with an ancestor */
};

struct wrg_xsi_record {
    uint32_t link; /* next of the same node */
    uint32_t node;
    uint32_t txn;
    uint32_t next, prev; /* of the same transaction, in order of application */
    uint32_t flags;
    uint32_t touched_next; /* of the same transaction, in order of the first touch */
    uint32_t birth_seen;   /* 0: was not live */
    uint64_t generation_seen;
    struct wrg_xsi_body before; /* permissions at the first touch; none: it was not there */
    struct wrg_xsi_body body;
};

struct wrg_xsi_txn {
    uint32_t link; /* next of the same connection */
    uint32_t id;
    uint32_t conn; /* slot */
    uint32_t first, last;
    uint32_t first_touched, last_touched;
    uint32_t nrecords;
    uint32_t poisoned; /* an operation ran out of memory or quota: it cannot be committed */
    uint32_t lost;     /* it has seen a node both there and missing: a conflict, whatever comes */
    uint32_t low[2];   /* lowest common path of what was read, and written, by node; 0: nothing */
    uint64_t started;  /* generation at its start */
};

struct wrg_xsi_watch {
    uint32_t link; /* next of the same node */
    uint32_t node;
    uint32_t conn;       /* slot */
    uint32_t next, prev; /* of the same connection, in order of registration */
    uint32_t token;      /* heap block */
    uint16_t token_len;
    uint8_t relative;
    uint8_t closed;  /* unwatched; lives on while events of it are queued */
    uint32_t queued; /* events */
    uint64_t order;  /* of registration */
};

struct wrg_xsi_event {
    uint32_t link; /* next in queue */
    uint32_t watch;
    uint32_t node;
    uint32_t beside; /* next of the same node */
    uint32_t cause;  /* the domU's request that brought it about; 0: none */
    uint64_t queued_us;
};

/* A request of a domU with events that somebody has not taken yet. */
struct wrg_xsi_cause {
    uint32_t link;
    uint32_t events;
    uint32_t domain;
};

struct wrg_xsi_conn {
    uint32_t link;
    uint8_t open;
    uint8_t serial; /* upper half of the connection's id */
    uint16_t domid;
    uint32_t domain; /* index; 0 for domain 0, which has no quota */
    uint32_t home;   /* node of /local/domain/<domid> */
    uint32_t first_watch, last_watch;
    uint32_t first_event, last_event;
    uint32_t nevents;
    uint32_t txns;
    uint32_t next_tx;
};

struct wrg_xsi_domain {
    uint32_t link;
    uint16_t domid;
    uint8_t introduced;
    uint8_t has_target;
    uint16_t target;
    uint16_t nconns;
    uint8_t shut_down;
    uint8_t has_credit;                    /* credit below was set */
    uint32_t nodes, watches, transactions; /* for the quota */
    uint32_t memory;                       /* bytes */
    uint32_t outstanding;                  /* causes */
    int64_t credit;                        /* millionths of a write */
    uint64_t credit_us;                    /* when that was so */
};

/* All that an image holds beside the pools. */
struct wrg_xsi_state {
    struct wrg_xsi_pool nodes, records, txns, watches, events, causes, conns, domains;
    uint32_t heap_used; /* bytes, from 0 */
    uint32_t heap_free[WRG_XSI_HEAP_CLASSES];
    uint64_t generation; /* last one given out */
    uint64_t watch_order;
    uint64_t events_lost;
    uint64_t now_us;
    uint32_t ntxns;   /* open */
    uint32_t commits; /* since init or reset, for lose_every */
    struct wrg_xsi_body special[WRG_XSI_SPECIALS_NAMED];
};

struct wrg_xenstore {
    struct wrg_xsi_state s;
    uint64_t clock; /* counts changes of anything; never goes back */
    struct wrg_xs_limits limits;
    struct wrg_xs_quota quota;
    struct wrg_xs_observer observer;
    uint32_t actor; /* domain (index) whose request is being served; 0: none, or domain 0 */
    uint32_t cause; /* of its events so far; 0: none yet */
    uint32_t bucket_mask;
    uint32_t *buckets;
    uint32_t *matches; /* watches that a change fires, while it is being fired */
    char *scratch;     /* for paths handed to the observer */
    char *heap;
    struct wrg_xsi_node *node;
    struct wrg_xsi_record *record;
    struct wrg_xsi_txn *txn;
    struct wrg_xsi_watch *watch;
    struct wrg_xsi_event *event;
    struct wrg_xsi_cause *cause_pool;
    struct wrg_xsi_conn *conn;
    struct wrg_xsi_domain *domain;
};

/* ---- xenstore.c ---- */

struct wrg_xsi_where;
/* Finds the node, and tells the transaction that it was looked at, there or not. */
WRG_MUST_USE int wrg_xsi_locate_to_read(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                        const char *path, struct wrg_xsi_where *where);

/* ---- xenstore_pool.c: elements and blocks; 0 when there is no more ---- */

uint32_t wrg_xsi_take(struct wrg_xsi_pool *pool, void *base);
void wrg_xsi_give(struct wrg_xsi_pool *pool, void *base, uint32_t index);
uint32_t wrg_xsi_heap_take(struct wrg_xenstore *xs, size_t len);
void wrg_xsi_heap_give(struct wrg_xenstore *xs, uint32_t block, size_t len);
/* Replaces a value; -ENOMEM leaves it as it was. */
WRG_MUST_USE int wrg_xsi_set_value(struct wrg_xenstore *xs, struct wrg_xsi_body *body,
                                   const void *value, size_t len);
void wrg_xsi_drop_body(struct wrg_xenstore *xs, struct wrg_xsi_body *body);

/* ---- xenstore_node.c: identities, paths, the committed tree ---- */

void wrg_xsi_unref(struct wrg_xenstore *xs, uint32_t node);
/* Child by name; 0 if nobody knows it. */
uint32_t wrg_xsi_child(const struct wrg_xenstore *xs, uint32_t parent, const char *name,
                       size_t len);
/* The same, made if need be, with a reference held for the caller; 0: no memory. */
uint32_t wrg_xsi_intern(struct wrg_xenstore *xs, uint32_t parent, const char *name, size_t len);
void wrg_xsi_hash_insert(struct wrg_xenstore *xs, uint32_t node);
/* Writes the path without NUL to out[path_len]. */
void wrg_xsi_path(const struct wrg_xenstore *xs, uint32_t node, char *out);
/* Makes the node live as the last child of its live parent; the caller fills the body. */
void wrg_xsi_link(struct wrg_xenstore *xs, uint32_t node);
/* A live node becomes the youngest of its siblings. */
void wrg_xsi_move_last(struct wrg_xenstore *xs, uint32_t node);
/* Removes the live node and all below it, tells the observer, and watchers if `fire`. */
void wrg_xsi_remove_tree(struct wrg_xenstore *xs, uint32_t node, uint16_t actor, bool fire);
/* The next live node below `top` in the order of the tree, parents first; 0 at the end. */
uint32_t wrg_xsi_next_below(const struct wrg_xenstore *xs, uint32_t node, uint32_t top);
/* The same without what is below `node`. */
uint32_t wrg_xsi_next_beside(const struct wrg_xenstore *xs, uint32_t node, uint32_t top);
/* The node changed: new generation. */
void wrg_xsi_touch(struct wrg_xenstore *xs, uint32_t node);
void wrg_xsi_notify(struct wrg_xenstore *xs, uint16_t actor, uint32_t node,
                    enum wrg_xs_change kind);
void wrg_xsi_own(struct wrg_xenstore *xs, const struct wrg_xsi_body *body, int delta);

/* ---- xenstore_conn.c ---- */

struct wrg_xsi_conn *wrg_xsi_conn(struct wrg_xenstore *xs, uint16_t id);
static inline uint16_t wrg_xsi_conn_id(const struct wrg_xenstore *xs, uint32_t slot)
{
    return (uint16_t)(xs->conn[slot].serial << 8 | slot);
}
struct wrg_xsi_domain *wrg_xsi_domain(const struct wrg_xenstore *xs, uint16_t domid);
/* The same, made if need be; NULL: no memory. */
struct wrg_xsi_domain *wrg_xsi_know_domain(struct wrg_xenstore *xs, uint16_t domid);
uint32_t wrg_xsi_perm_for(const struct wrg_xenstore *xs, uint16_t domid,
                          const struct wrg_xsi_body *body);

/* ---- xenstore_quota.c ---- */

/* True when a domU that has `now` of something may not have one more. */
static inline bool wrg_xsi_over(const struct wrg_xenstore *xs, uint32_t now, uint32_t limit)
{
    return (int64_t)now + 1 > (int64_t)limit + xs->quota.slack;
}
/* 0, or -ENOSPC when a node of these sizes is too big for a domU. */
WRG_MUST_USE int wrg_xsi_check_size(const struct wrg_xenstore *xs, uint16_t domid, size_t len,
                                    uint32_t child_bytes, uint32_t nperms);
/* -ENOMEM when the domU may not have so many bytes more. */
WRG_MUST_USE int wrg_xsi_check_memory(const struct wrg_xenstore *xs, uint16_t domid, size_t more);
/* The memory of a live node, of its owner of now and of before; domain 0's is not counted. */
void wrg_xsi_charge(struct wrg_xenstore *xs, uint32_t node);
void wrg_xsi_uncharge(struct wrg_xenstore *xs, uint32_t node);
/* Tokens, paths and events of a connection; no check. */
void wrg_xsi_charge_conn(struct wrg_xenstore *xs, uint16_t domid, int64_t bytes);
/* A write, or commit, that may disturb a transaction; `others`: open ones that do not count. */
void wrg_xsi_debit(struct wrg_xenstore *xs, uint16_t domid, uint32_t others);
/* A request begins, of a domU (index) whose events count as its outstanding ones, or of 0. */
static inline void wrg_xsi_begin_cause(struct wrg_xenstore *xs, uint32_t domain)
{
    xs->actor = domain;
    xs->cause = WRG_XSI_NONE;
}
uint32_t wrg_xsi_cause(struct wrg_xenstore *xs);
void wrg_xsi_end_cause(struct wrg_xenstore *xs, uint32_t cause);

/* ---- xenstore_path.c: from a call and its path to a node ---- */

struct wrg_xsi_where {
    uint32_t slot; /* connection */
    uint16_t domid;
    uint8_t relative;
    uint32_t txn;  /* 0: none */
    uint32_t node; /* 0: nobody knows the path; then `nearest` is the deepest node that is known */
    uint32_t nearest;
    const char *rest; /* what follows `nearest` in the path */
};

/* Checks connection and transaction: fills slot, domid and txn. */
WRG_MUST_USE int wrg_xsi_begin(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                               struct wrg_xsi_where *where);
/* Checks the path, too. */
WRG_MUST_USE int wrg_xsi_locate(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                const char *path, struct wrg_xsi_where *where);
/* Makes where->node known and holds a reference to it, which the caller drops. */
WRG_MUST_USE int wrg_xsi_hold(struct wrg_xenstore *xs, struct wrg_xsi_where *where);
/* What the caller sees there, if it has that permission: 0 and *body, -ENOENT or -EACCES. */
WRG_MUST_USE int wrg_xsi_access(struct wrg_xenstore *xs, const struct wrg_xsi_where *where,
                                uint32_t perm, struct wrg_xsi_body **body);

/* ---- xenstore_perms.c ---- */

/* Drops the domain's entries beyond the first. True if there was one. */
bool wrg_xsi_forget_domain(struct wrg_xsi_body *body, uint16_t domid);
/* Whether the domain may read the special path: 0 @introduceDomain, 1 @releaseDomain. */
bool wrg_xsi_special_readable(const struct wrg_xenstore *xs, uint16_t domid, uint32_t which);
void wrg_xsi_reset_specials(struct wrg_xenstore *xs);

/* ---- xenstore_tx.c ---- */

/* The body that a transaction (0: none) sees, or NULL. */
struct wrg_xsi_body *wrg_xsi_view(const struct wrg_xenstore *xs, uint32_t txn, uint32_t node);
/* The transaction has removed the node and made it anew. */
bool wrg_xsi_tx_has_recreated(const struct wrg_xenstore *xs, uint32_t txn, uint32_t node);
/* Notes a read; children too: also of what the transaction has written itself. */
WRG_MUST_USE int wrg_xsi_tx_read(struct wrg_xenstore *xs, uint32_t txn, uint32_t node,
                                 bool children);
WRG_MUST_USE int wrg_xsi_tx_write(struct wrg_xenstore *xs, const struct wrg_xsi_where *where,
                                  const void *value, size_t len);
WRG_MUST_USE int wrg_xsi_tx_create(struct wrg_xenstore *xs, const struct wrg_xsi_where *where);
WRG_MUST_USE int wrg_xsi_tx_remove(struct wrg_xenstore *xs, const struct wrg_xsi_where *where);
WRG_MUST_USE int wrg_xsi_tx_set_perms(struct wrg_xenstore *xs, const struct wrg_xsi_where *where,
                                      const struct wrg_xsi_body *perms);
/* Its commit will fail; returns `error`. */
int wrg_xsi_tx_poison(struct wrg_xenstore *xs, uint32_t txn, int error);
uint32_t wrg_xsi_tx_find(const struct wrg_xenstore *xs, uint32_t slot, uint32_t id);
void wrg_xsi_tx_drop(struct wrg_xenstore *xs, uint32_t txn);

/* ---- xenstore_list.c ---- */

/*
 * Bytes of the names of a node's children, as a transaction (0: none) sees them now. Nothing for
 * domain 0, of whom they are not counted.
 */
uint32_t wrg_xsi_child_bytes(const struct wrg_xenstore *xs, uint16_t domid, uint32_t txn,
                             uint32_t node);

/* ---- xenstore_commit.c ---- */

/* 0 and everything is done, or why not and nothing is. */
WRG_MUST_USE int wrg_xsi_tx_commit(struct wrg_xenstore *xs, uint32_t txn, uint16_t domid);

/* ---- xenstore_watch.c ---- */

/*
 * Queues events for a change of `node`: exact only for watches on the node itself, else for those
 * on its ancestors too. `before`: permissions that counted until now, may be NULL. Of a node that
 * is not live only they count.
 */
void wrg_xsi_fire(struct wrg_xenstore *xs, uint32_t node, bool exact,
                  const struct wrg_xsi_body *before);
void wrg_xsi_fire_special(struct wrg_xenstore *xs, uint32_t which);
extern const char *const wrg_xsi_special_names[WRG_XSI_SPECIALS_NAMED];
/* Drops events of domUs that were queued before this time. */
void wrg_xsi_drop_older(struct wrg_xenstore *xs, uint64_t before_us);
/* Its watches, queued events and transactions go. */
void wrg_xsi_reset_conn(struct wrg_xenstore *xs, uint32_t slot);
void wrg_xsi_drop_watches(struct wrg_xenstore *xs, uint32_t slot);

#endif
