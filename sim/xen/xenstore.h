/* SPDX-License-Identifier: MIT */
/*
 * The store: paths, values, permissions, watches and transactions, as xenstored keeps them.
 *
 * Layer: xen. Above it: the port, the toolstack and the world call it; it calls nobody but the
 * observer that was given to it.
 *
 * Shapes and bounds. A connection is a (domid, slot) pair, opened by wrg_xenstore_connect. Every
 * operation takes a `struct wrg_xs_call`: connection, transaction (0: none) and, if wanted, an
 * open directory that relative paths start from. All memory is handed over at init and sized by
 * `struct wrg_xs_limits`; there is no allocation later. Running out of it is -ENOMEM, and then
 * nothing has changed (inside a transaction: the transaction is lost, its commit says -ENOMEM).
 *
 * Paths are NUL-terminated: A-Z a-z 0-9 - / _ @, absolute up to 3072 bytes, others up to 2048.
 * Without an open directory a relative path lies under /local/domain/<domid>. '@' begins the
 * special paths @introduceDomain and @releaseDomain, which can be watched only.
 *
 * Order. Children are listed in the order of their creation, as C xenstored 4.17 does. Events are
 * queued in the order of registration of the watches. Nothing depends on pointers or hash order:
 * the same calls give the same store, byte by byte of wrg_xenstore_save.
 *
 * Threads: none of its own; the caller serialises (thread engine: under the port's store lock).
 *
 * Errors: 0 or -errno as C xenstored gives them:
 *   -EINVAL    bad path or character, double or trailing slash, too long, malformed permissions
 *   -EACCES    no permission; node missing and its nearest ancestor does not grant the access
 *   -ENOENT    node missing; unknown transaction; unwatch of an unknown watch; directory gone
 *   -EBUSY     transaction_start inside a transaction        -EAGAIN  commit lost a conflict
 *   -ENOSPC    too many nodes, transactions or permissions; value too big
 *   -E2BIG     too many watches; directory reply over 4096 bytes
 *   -EEXIST    watch is there already                        -EPERM   domU changes an owner
 * and, from us only: -EBADF connection closed, -ERANGE reply buffer too small (reply->len says
 * what is needed), -ENOMEM the memory given at init is used up.
 *
 * Transactions. Reads are checked at commit: a node read (its value, permissions or children)
 * must be unchanged. A blind write conflicts only if the node was created or removed meanwhile.
 * Creating or removing a node reads its parent, as C xenstored does. A transaction that has lost
 * already sees the store as it is now, not as it was.
 *
 * Source: xenstore.txt and xenstore-ring.txt of Xen; C xenstored 4.17.
 *
 * Left out: rate limits, get/set of permissions of special paths, watch depth, removal of a dead
 * domain's entries from other domains' permission lists.
 */
#ifndef WRG_XEN_XENSTORE_H
#define WRG_XEN_XENSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wringer/port.h> /* struct wrg_xs_perm */

#include "base/base.h"

#define WRG_XS_ABS_PATH_MAX 3072 /* bytes of an absolute path, without NUL */
#define WRG_XS_REL_PATH_MAX 2048 /* bytes of a relative path, without NUL */
#define WRG_XS_PAYLOAD_MAX  4096 /* bytes of a value or a directory reply on the wire */
#define WRG_XS_PERMS_MAX    8    /* entries a node can hold; the quota of a domU is lower */

/* The longest path and the longest token, each with its NUL. */
#define WRG_XS_EVENT_MAX (WRG_XS_ABS_PATH_MAX + 1 + WRG_XS_PAYLOAD_MAX + 1)

/* How much there is of everything; all of it is memory handed over at init. */
struct wrg_xs_limits {
    uint32_t nodes; /* nodes, and paths that only a watch, event or transaction names; < 2^20 */
    uint32_t connections;  /* at most 255 */
    uint32_t domains;      /* domids known: connected or introduced */
    uint32_t watches;      /* of all connections together */
    uint32_t events;       /* queued events, of all connections together */
    uint32_t transactions; /* open at one time, of all connections together */
    uint32_t tx_records;   /* nodes touched in open transactions, together */
    uint32_t heap_bytes;   /* values, names and tokens, in blocks of 32 * 2^n bytes */
    uint32_t conn_events;  /* queued events of one connection; beyond, events are lost */
};

/* What xenstored refuses to a domU. Domain 0 is exempt. */
struct wrg_xs_quota {
    uint32_t nodes;          /* 1000 */
    uint32_t watches;        /* 128 */
    uint32_t transactions;   /* 10 */
    uint32_t value_bytes;    /* 2048; domain 0: WRG_XS_PAYLOAD_MAX */
    uint32_t perms;          /* 5 */
    uint32_t tx_nodes;       /* 1024 nodes touched in one transaction */
    int32_t slack;           /* off-by-one of the version: 4.17 lets limit + 1 (slack 1) pass */
    int32_t watches_errno;   /* E2BIG; ENOSPC in newer versions */
    bool keep_nodes_of_dead; /* false: release removes the nodes a domain owns */
};

struct wrg_xenstore; /* lies at the start of the memory given at init */

struct wrg_xs_call {
    uint16_t conn; /* of wrg_xenstore_connect */
    uint32_t tx;   /* of wrg_xenstore_transaction_start; 0: none */
    uint32_t dir;  /* of wrg_xenstore_open: start of relative paths; 0: /local/domain/<domid> */
};

/*
 * Where a reply goes. The caller sets data and cap; len is set by the call, without the NUL that
 * is added where it fits. cap = WRG_XS_PAYLOAD_MAX + 1 is always enough.
 */
struct wrg_xs_reply {
    char *data;
    size_t cap;
    size_t len;
};

/* A watch event: both strings lie in data, path first. cap = WRG_XS_EVENT_MAX is enough. */
struct wrg_xs_event {
    char *data;
    size_t cap;
    size_t len;       /* of both strings with their NULs, as on the wire */
    const char *path; /* as registered: relative watches see relative paths */
    const char *token;
};

enum wrg_xs_change {
    WRG_XS_CHANGE_WRITE,     /* value written, node created if it was not there */
    WRG_XS_CHANGE_MKDIR,     /* node created without a value */
    WRG_XS_CHANGE_RM,        /* node and everything below it removed */
    WRG_XS_CHANGE_PERMS,     /* permissions set; value is the one the node has */
    WRG_XS_CHANGE_INTRODUCE, /* @introduceDomain */
    WRG_XS_CHANGE_RELEASE,   /* @releaseDomain */
};

/*
 * Who is told. Both may be NULL. on_change is called once a change that took effect, in a
 * transaction when it is committed; domid is who did it. Neither may call back into the store.
 */
struct wrg_xs_observer {
    void *ctx;
    void (*on_change)(void *ctx, uint16_t domid, const char *path, const char *value, size_t len,
                      enum wrg_xs_change kind);
    void (*on_event_queued)(void *ctx, uint16_t conn);
};

/* Limits for a world of two domains and a few devices: about 300 KiB. */
extern const struct wrg_xs_limits wrg_xs_limits_small;
/* The defaults of C xenstored 4.17. */
extern const struct wrg_xs_quota wrg_xs_quota_default;

/* ---- the store as a whole ---- */

/* Bytes of memory that these limits need, alignment included. */
size_t wrg_xenstore_bytes(const struct wrg_xs_limits *limits);

/*
 * Makes an empty store ("/" only, owned by domain 0, readable by none) in mem[bytes], which must
 * be aligned to 16 and outlive it. -EINVAL: limits of zero or beyond the type; -ENOMEM: too small.
 */
WRG_MUST_USE int wrg_xenstore_init(struct wrg_xenstore **out, const struct wrg_xs_limits *limits,
                                   void *mem, size_t bytes);

/* Empties the store and closes all connections; observer and quota stay. Costs what was used. */
void wrg_xenstore_reset(struct wrg_xenstore *xs);

void wrg_xenstore_set_observer(struct wrg_xenstore *xs, const struct wrg_xs_observer *observer);
void wrg_xenstore_set_quota(struct wrg_xenstore *xs, const struct wrg_xs_quota *quota);

/*
 * A mark of now, and whether anything at all (values, queues, connections) changed since. Marks
 * never repeat in the life of a store, also not after restore: take a new one after it.
 */
uint64_t wrg_xenstore_mark(const struct wrg_xenstore *xs);
bool wrg_xenstore_changed_since(const struct wrg_xenstore *xs, uint64_t mark);

/*
 * Image of the whole state but observer and quota: for a store with the same limits, in the same
 * process. Size and cost follow what is used. save: -ERANGE when cap is too small.
 */
size_t wrg_xenstore_save_bytes(const struct wrg_xenstore *xs);
WRG_MUST_USE int wrg_xenstore_save(const struct wrg_xenstore *xs, void *buf, size_t cap);
/* -EINVAL: not an image of a store with these limits; nothing changed then. */
WRG_MUST_USE int wrg_xenstore_restore(struct wrg_xenstore *xs, const void *buf, size_t bytes);

/* Events that found their queue full since init or reset; a healthy world has none. */
uint64_t wrg_xenstore_events_lost(const struct wrg_xenstore *xs);

/* ---- connections and domains ---- */

/* Opens a connection; ids are never 0. -ENOMEM: no slot is free. */
WRG_MUST_USE int wrg_xenstore_connect(struct wrg_xenstore *xs, uint16_t domid, uint16_t *conn);
/* Closes it: its watches, queued events and transactions go. A closed one is fine. */
void wrg_xenstore_disconnect(struct wrg_xenstore *xs, uint16_t conn);

/* Domain 0 only (-EACCES). Introduce again: fine, without an event. */
WRG_MUST_USE int wrg_xenstore_introduce(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                        uint16_t domid);
WRG_MUST_USE int wrg_xenstore_release(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                      uint16_t domid);
WRG_MUST_USE int wrg_xenstore_set_target(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                         uint16_t domid, uint16_t target);
bool wrg_xenstore_is_introduced(const struct wrg_xenstore *xs, uint16_t domid);

/*
 * The domain is dead, whoever noticed: closes its connections, removes the nodes it owns (quota
 * keep_nodes_of_dead), fires @releaseDomain. An unknown domid is fine.
 */
void wrg_xenstore_domain_died(struct wrg_xenstore *xs, uint16_t domid);

/* ---- nodes ---- */

/*
 * Opens a directory of the committed store (call->tx is ignored); read permission is needed. Names
 * within it are then looked up without building a path. The handle is never 0, needs no closing,
 * and goes stale (-ENOENT) when the directory is removed, also when it is created anew.
 */
WRG_MUST_USE int wrg_xenstore_open(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                   const char *path, uint32_t *dir);

WRG_MUST_USE int wrg_xenstore_read(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                   const char *path, struct wrg_xs_reply *reply);
/* Creates the node and missing ancestors. */
WRG_MUST_USE int wrg_xenstore_write(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                    const char *path, const void *value, size_t len);
WRG_MUST_USE int wrg_xenstore_mkdir(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                    const char *path);
/* Removes the node and all below it; 0 if it was not there but its parent is. */
WRG_MUST_USE int wrg_xenstore_rm(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                 const char *path);

/* Children's names, each with its NUL, in creation order. -E2BIG above 4096 bytes. */
WRG_MUST_USE int wrg_xenstore_directory(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                        const char *path, struct wrg_xs_reply *reply);
/*
 * Generation in decimal with NUL, then the children from byte `offset` of the list on, as many
 * whole names as fit into 4096 bytes (or reply->cap); an empty name ends the last part.
 */
WRG_MUST_USE int wrg_xenstore_directory_part(struct wrg_xenstore *xs,
                                             const struct wrg_xs_call *call, const char *path,
                                             size_t offset, struct wrg_xs_reply *reply);

/* perms[*count] in, *count out: number of entries; -ERANGE when there are more. */
WRG_MUST_USE int wrg_xenstore_get_perms(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                        const char *path, struct wrg_xs_perm *perms, size_t *count);
WRG_MUST_USE int wrg_xenstore_set_perms(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                        const char *path, const struct wrg_xs_perm *perms,
                                        size_t count);

/* ---- watches ---- */

/* Queues its first event at once. call->tx is ignored, as xenstored does. */
WRG_MUST_USE int wrg_xenstore_watch(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                    const char *path, const char *token);
/*
 * drop_queued: false: events already queued are still delivered, as from a real store; true: they
 * are dropped, as a guest kernel's xenbus client does for its drivers.
 */
WRG_MUST_USE int wrg_xenstore_unwatch(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                      const char *path, const char *token, bool drop_queued);
/* Removes all watches, queued events and transactions of the connection. */
WRG_MUST_USE int wrg_xenstore_reset_watches(struct wrg_xenstore *xs,
                                            const struct wrg_xs_call *call);

/* Takes the oldest event. -EAGAIN: none; -ERANGE: it stays queued. */
WRG_MUST_USE int wrg_xenstore_next_event(struct wrg_xenstore *xs, uint16_t conn,
                                         struct wrg_xs_event *event);
uint32_t wrg_xenstore_events_queued(const struct wrg_xenstore *xs, uint16_t conn);

/* ---- transactions ---- */

WRG_MUST_USE int wrg_xenstore_transaction_start(struct wrg_xenstore *xs,
                                                const struct wrg_xs_call *call, uint32_t *tx);
/* Ends call->tx in any case but -ENOENT and -EBADF. commit: -EAGAIN conflict, -ENOMEM lost. */
WRG_MUST_USE int wrg_xenstore_transaction_end(struct wrg_xenstore *xs,
                                              const struct wrg_xs_call *call, bool commit);

#endif
