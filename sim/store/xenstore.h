/* SPDX-License-Identifier: MIT */
/*
 * The store: paths, values, permissions, watches and transactions, as xenstored keeps them.
 *
 * Layer: store. Above it: the port, the toolstack and the world call it; it calls nobody but the
 * observer that was given to it.
 *
 * Shapes and bounds. A connection is a (domid, slot) pair, opened by wrg_xenstore_connect. Every
 * operation takes a `struct wrg_xs_call`: connection, transaction (0: none) and, if wanted, an
 * open directory that relative paths start from. All memory is handed over at init and sized by
 * `struct wrg_xs_limits`; there is no allocation later. Running out of it is -ENOMEM, and then
 * nothing has changed (inside a transaction: the transaction is lost, its commit says -ENOMEM).
 *
 * Paths are NUL-terminated: A-Z a-z 0-9 - / _ @, absolute up to 3072 bytes, others up to 2048; the
 * quota `path_bytes` then holds for what follows /local/domain/<domid>/, whoever asks. Without an
 * open directory a relative path lies under /local/domain/<domid>. '@' begins the special paths
 * @introduceDomain and @releaseDomain: they can be watched, and have permissions, nothing else.
 *
 * Order. Children are listed in the order of their creation. A connection gets its events in the
 * order of the changes, those of one change in the order in which it registered its watches. A
 * removal outside transactions tells of the nodes below first (children before parents, siblings
 * in order of creation; watches on exactly them), of the node itself last. Nothing depends on
 * pointers or hash order: the same calls give the same store, byte by byte of wrg_xenstore_save.
 *
 * Events. One that says what a queued event of that connection says already (same path, same
 * token, whichever watches they are of) is dropped, but not for the special paths. One of more
 * than 4096 bytes is not sent. A watcher is told if it can read the node or its parent, by the
 * permissions of now or by those that a set_perms replaced; of a special path, if it can read that.
 *
 * Threads: none of its own; the caller serialises (thread engine: under the port's store lock).
 *
 * Errors: 0 or -errno as C xenstored gives them, each as the quota structure says where
 * implementations differ; wrg_xenstore_error_name has the name for the wire:
 *   -EINVAL    bad path or character, double or trailing slash, too long, malformed permissions
 *   -EACCES    no permission; node missing and its nearest ancestor does not grant the access;
 *              a call of domain 0 alone
 *   -ENOENT    node missing; unknown transaction; unwatch of an unknown watch; unknown domain;
 *              directory gone
 *   -EBUSY     transaction_start inside a transaction        -EAGAIN  commit lost a conflict
 *   -ENOSPC    too many nodes, transactions or permissions; node or value too big
 *   -E2BIG     too many watches; directory reply over 4096 bytes
 *   -EEXIST    watch is there already                        -EPERM   domU changes an owner
 *   -ENOMEM    a domain's memory quota; commit of a transaction in which an operation failed
 * and, from us only: -EBADF connection closed, -ERANGE reply buffer too small (reply->len says
 * what is needed), -ENOMEM also when the memory given at init is used up.
 *
 * Transactions. Reads are checked at commit: a node read (its value, permissions or children)
 * must be unchanged. A blind write conflicts only if the node was created or removed meanwhile.
 * Creating or removing a node reads its parent, as C xenstored does. A transaction that has lost
 * already sees the store as it is now, not as it was. An operation that fails inside for want of
 * memory or quota (nodes, node or value size, nodes touched) poisons it: its commit is -ENOMEM.
 * A commit asks in this order: poisoned? node quota (-ENOSPC)? conflict? Its events come after all
 * its changes, once for each node that was written, created by name, given permissions or removed
 * (not for ancestors created on the way), in the order in which the transaction first touched
 * them; a node that is gone is told to those who could read it when it was first touched, and one
 * that was never there outside to nobody. Permissions of special paths change at once.
 *
 * Source: xenstore.txt and xenstore-ring.txt of Xen; C xenstored 4.17.
 *
 * Left out: watch depth and @x/<domid> (newer than 4.17); live update; outstanding replies, as
 * there are none here (a call has its reply when it returns), but not requests whose events wait;
 * memory of replies and transactions does not count for the memory quota; oxenstored's delays
 * after conflicts, which never change an answer; entries beyond WRG_XS_PERMS_MAX, for domain 0 too.
 */
#ifndef WRG_STORE_XENSTORE_H
#define WRG_STORE_XENSTORE_H

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

/*
 * What xenstored refuses to a domU (domain 0 is exempt but from path_bytes), and where versions
 * and implementations differ. Numbers are the defaults: C xenstored 4.17.
 */
struct wrg_xs_quota {
    uint32_t nodes;        /* 1000, owned */
    uint32_t watches;      /* 128 */
    uint32_t transactions; /* 10, open */
    uint32_t value_bytes;  /* 2048; domain 0: WRG_XS_PAYLOAD_MAX */
    uint32_t node_bytes;   /* 2048: header + value + children's names + 8 a permission; 0: any */
    uint32_t node_header_bytes; /* 24; 16 in newer versions */
    uint32_t perms;             /* 5 a node; exact, `slack` does not count here */
    uint32_t tx_nodes;          /* 1024 nodes touched in one transaction */
    uint32_t path_bytes;        /* 2048 after /local/domain/<domid>/; 0: limits of the protocol */
    uint32_t memory_bytes;      /* 2.5 MiB: owned nodes, watches, queued events; 0: any */
    uint32_t outstanding;       /* 20 requests whose events wait; only stalls; 0: any */
    uint32_t event_timeout_us;  /* 20 s: how long a domU's event waits; 0: for ever */
    uint32_t writes_per_second; /* 0: no limiter; xenstored: 200; only stalls */
    uint32_t writes_burst;      /* 10 */
    uint32_t lose_every; /* 0; n: each n-th commit is -EAGAIN, to test clients (oxenstored) */
    int32_t slack;       /* off-by-one: 4.17 lets limit + 1 (slack 1) pass, newer limit - 1 */
    int32_t nodes_errno; /* ENOSPC */
    int32_t transactions_errno; /* ENOSPC */
    int32_t watches_errno;      /* E2BIG; ENOSPC in newer versions */
    int32_t value_errno;        /* ENOSPC, of value_bytes; E2BIG with oxenstored */
    bool keep_nodes_of_dead;    /* false: release removes the nodes a domain owns */
    bool keep_perms_of_dead;    /* false: release drops its entries of other nodes' permissions */
    bool anyone_reads_release;  /* false; newer: @releaseDomain is told to everybody */
    bool tree_conflicts;        /* false; oxenstored: all below the lowest common path of what was
                                   read, and of what was written, must be unchanged at commit */
    bool writes_conflict;       /* false; true: a write counts as a read of its node, too */
};

/* What oxenstored calls EQUOTA: no errno has that name, nor has Xen's table of names. */
#define WRG_XS_EQUOTA EDQUOT

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
/* The defaults of C xenstored 4.17, of a recent one, and of oxenstored. */
extern const struct wrg_xs_quota wrg_xs_quota_default;
extern const struct wrg_xs_quota wrg_xs_quota_recent;
extern const struct wrg_xs_quota wrg_xs_quota_oxenstored;

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

/* The name of -error on the wire; EINVAL for what has none, as xenstored does. */
const char *wrg_xenstore_error_name(int error);

/* ---- time: without these calls it stands still, and nothing below happens ---- */

/* The virtual clock. Queued events of domUs older than quota event_timeout_us are dropped. */
void wrg_xenstore_set_time(struct wrg_xenstore *xs, uint64_t now_us);

/* Why xenstored would leave the requests of a connection unread. Operations do not ask it. */
enum wrg_xs_stall {
    WRG_XS_STALL_NONE,
    WRG_XS_STALL_RATE,        /* writes_per_second: those that may disturb a transaction count */
    WRG_XS_STALL_OUTSTANDING, /* events that its requests caused were not taken yet */
    WRG_XS_STALL_MEMORY,
};
enum wrg_xs_stall wrg_xenstore_stalled(const struct wrg_xenstore *xs, uint16_t conn);
/* When a rate stall ends, on the clock of set_time. */
uint64_t wrg_xenstore_stalled_until(const struct wrg_xenstore *xs, uint16_t conn);

/* ---- connections and domains ---- */

/* Opens a connection; ids are never 0. -ENOMEM: no slot is free. */
WRG_MUST_USE int wrg_xenstore_connect(struct wrg_xenstore *xs, uint16_t domid, uint16_t *conn);
/* Closes it: its watches, queued events and transactions go. A closed one is fine. */
void wrg_xenstore_disconnect(struct wrg_xenstore *xs, uint16_t conn);
/* Whether a connection may do what only domain 0 may; false for a closed one. */
bool wrg_xenstore_is_privileged(struct wrg_xenstore *xs, uint16_t conn);

/*
 * These calls are domain 0's (-EACCES), and -ENOENT of an unknown call->tx, which is of no other
 * consequence. Introduce again: without an event, but the domain's watches, queued events and
 * transactions go. release and resume: -EINVAL of domain 0, -ENOENT of one that is not introduced;
 * set_target: -ENOENT unless both are.
 */
WRG_MUST_USE int wrg_xenstore_introduce(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                        uint16_t domid);
WRG_MUST_USE int wrg_xenstore_release(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                      uint16_t domid);
WRG_MUST_USE int wrg_xenstore_resume(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                     uint16_t domid);
WRG_MUST_USE int wrg_xenstore_set_target(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                                         uint16_t domid, uint16_t target);
bool wrg_xenstore_is_introduced(const struct wrg_xenstore *xs, uint16_t domid);

/*
 * The domain shut down or crashed, and is still there: @releaseDomain, once until it is resumed.
 * Of a domain that was not introduced: nothing.
 */
void wrg_xenstore_domain_shut_down(struct wrg_xenstore *xs, uint16_t domid);

/*
 * The domain is dead, whoever noticed: closes its connections, removes the nodes it owns (in the
 * order of the tree), drops its entries of other nodes' permissions, as the quota says; then
 * fires @releaseDomain if it was introduced. An unknown domid is fine.
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
 * whole names as fit into 4096 bytes (or reply->cap) with room for one more NUL; that one, an
 * empty name, ends the last part, and is all there is at an offset beyond the list. An offset
 * inside a name gets the rest of it.
 */
WRG_MUST_USE int wrg_xenstore_directory_part(struct wrg_xenstore *xs,
                                             const struct wrg_xs_call *call, const char *path,
                                             size_t offset, struct wrg_xs_reply *reply);

/* perms[*count] in, *count out: number of entries; -ERANGE: there are more. Special paths too. */
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
/* Removes all watches, queued events and transactions of the connection. -ENOENT: call->tx. */
WRG_MUST_USE int wrg_xenstore_reset_watches(struct wrg_xenstore *xs,
                                            const struct wrg_xs_call *call);

/* Takes the oldest event. -EAGAIN: none; -ERANGE: it stays queued. */
WRG_MUST_USE int wrg_xenstore_next_event(struct wrg_xenstore *xs, uint16_t conn,
                                         struct wrg_xs_event *event);
uint32_t wrg_xenstore_events_queued(const struct wrg_xenstore *xs, uint16_t conn);

/* ---- transactions ---- */

WRG_MUST_USE int wrg_xenstore_transaction_start(struct wrg_xenstore *xs,
                                                const struct wrg_xs_call *call, uint32_t *tx);
/*
 * Ends call->tx in any case but -ENOENT and -EBADF. commit: -EAGAIN conflict, -ENOMEM poisoned,
 * nodes_errno too many nodes.
 */
WRG_MUST_USE int wrg_xenstore_transaction_end(struct wrg_xenstore *xs,
                                              const struct wrg_xs_call *call, bool commit);

#endif
