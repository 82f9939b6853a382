/* SPDX-License-Identifier: MIT */
/*
 * The port: all that Xen and the kernel of its domain give to a block driver.
 *
 * What it is    One table of calls (calls.def), each with a plain argument structure, made through
 *               one function pointer. Handles are integers, buffers are (pointer, length), so that
 *               a call can be marshalled to another process.
 * Layer         public; implemented by sim/guest
 * Units         sizes in bytes, time in nanoseconds of the world's virtual clock, sectors of 512
 *               bytes
 * Ownership     arguments belong to the caller and are not kept; what is handed out by a call
 *               (pages, memory, grefs, ports, watches, tasks) belongs to the endpoint until it
 *               gives it back
 * Threads       any task of the endpoint may call; each call is a preemption point
 * Errors        0 or -errno; nothing has changed after a failure, except in batches, whose entries
 *               carry a status each. Outcomes of the protocol (GNTST_*) are data in the arguments.
 *               The comment at a call names the mistakes of a caller, and what it must expect from
 *               its peer; any call may be refused with what `wringer faults` lists for it
 * Source        xen/grant_table.h, xen/event_channel.h, xen/io/xs_wire.h, xen/io/blkif.h
 */
#ifndef WRINGER_PORT_H
#define WRINGER_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WRG_PAGE_SIZE   4096u
#define WRG_PAGE_SHIFT  12
#define WRG_SECTOR_SIZE 512u
#define WRG_FOREVER     UINT64_MAX
/* A page handle: slot number in the low bits, generation above; 0 names no page. */
#define WRG_VIEW_BITS         20
#define WRG_VIEW_MASK         ((1u << WRG_VIEW_BITS) - 1)
#define WRG_NO_PAGE           0u
#define WRG_NO_GREF           UINT32_MAX
#define WRG_XS_NO_TRANSACTION 0u
#define WRG_LOCKS_MAX         32u /* of one driver: two a queue */

struct wrg_port;
struct wrg_access;

enum wrg_call {
#define WRG_PORT_CALL(symbol, name, fault, why) WRG_CALL_##symbol,
#include <wringer/calls.def>
    WRG_NR_CALLS
};

/* ---- tasks, time, locks ---- */

struct wrg_task_create { /* -ENOSPC: a world has room for 84 tasks of drivers */
    void (*fn)(void *arg);
    void *arg;
    const char *name;
    /* A worker's fn runs once per wake (a wake while it runs makes it run again) and holds nothing
     * on its stack between runs; any other task runs fn once. */
    bool worker;
    bool housekeeping; /* timers of its own do not keep the world from being quiescent */
    uint32_t task;     /* out */
};
struct wrg_task_exit {
    uint32_t task; /* a worker that shall not run again; it must not be running */
};
struct wrg_task_wake {
    uint32_t task;
};
struct wrg_task_wait { /* until woken: 0, or -ETIMEDOUT */
    uint64_t timeout_ns;
};
struct wrg_timer_set { /* wakes the task once; WRG_FOREVER cancels; -EINVAL, -ENOSPC */
    uint32_t task;
    uint64_t delay_ns;
};
struct wrg_clock_read {
    uint64_t now_ns; /* out */
};
struct wrg_lock_create { /* -ENOSPC: WRG_LOCKS_MAX are in use */
    uint32_t lock;       /* out */
};
struct wrg_lock_destroy { /* nobody holds it */
    uint32_t lock;
};
/* Who holds a lock must not wait; it is not recursive. -EINVAL: no such lock. */
struct wrg_lock_take {
    uint32_t lock;
};
struct wrg_lock_drop { /* -EINVAL */
    uint32_t lock;
};

/* ---- memory ---- */

enum wrg_alloc_kind {
    WRG_ALLOC_POOL, /* request objects: a pool whose free objects are poisoned */
    WRG_ALLOC_HEAP, /* the few objects of a connection: malloc, so that a report has a stack */
};
struct wrg_alloc { /* -ENOMEM */
    size_t size;
    uint8_t kind; /* enum wrg_alloc_kind */
    bool zero;    /* else the bytes carry a secret pattern */
    void *ptr;    /* out */
};
struct wrg_free {
    void *ptr; /* NULL is fine */
};
struct wrg_page_alloc { /* -ENOMEM */
    uint32_t count;     /* contiguous slots: page k has handle `page + k` */
    bool zero;          /* else the bytes carry a secret pattern */
    uint32_t page;      /* out */
};
struct wrg_page_free { /* pages of one's own, that nobody maps */
    uint32_t page;
    uint32_t count;
};
struct wrg_window_open { /* a raw pointer to a page, for foreign code; -EOPNOTSUPP */
    uint32_t page;
    void *ptr; /* out */
};
struct wrg_log { /* one line of the driver's log; cut where it is too long */
    const char *text;
};

/* ---- grant tables ---- */

struct wrg_gnttab_grant { /* all or nothing: -ENOSPC when no gref is free */
    uint16_t domid;       /* who may map */
    bool readonly;
    uint32_t count;
    const uint32_t *pages;
    uint32_t *grefs; /* out */
};
/* Revoke. An entry in use stays as it is (version 1: one atomic step), or nobody can map it again
 * but it stays in use (version 2). */
struct wrg_gnttab_end {
    uint32_t count;
    uint32_t *grefs; /* in, out: those that were taken back become WRG_NO_GREF */
    /* What is still in use becomes the kernel's, for a driver that goes: it tries again each
     * second, and until then neither the grefs nor this many pages behind the first are used. */
    bool abandon;
    uint32_t abandoned_pages;
    uint32_t still_in_use; /* out: how many the peer still maps; 0 is success */
};
struct wrg_gnttab_map_op {
    uint32_t gref;
    uint32_t page;  /* out: handle of the mapping, valid while status is 0 */
    int16_t status; /* out: GNTST_* */
};
struct wrg_gnttab_map {
    uint16_t domid; /* who granted */
    bool readonly;
    bool contiguous; /* one handle for all: entry k is `ops[0].page + k`; all or nothing */
    uint32_t count;
    struct wrg_gnttab_map_op *ops;
    /* GNTMAP_device_map, GNTMAP_host_map or both; 0 stands for GNTMAP_host_map. None of them: every
     * entry fails. */
    uint16_t flags;
};
struct wrg_gnttab_unmap { /* a handle that is not mapped is the caller's bug and a finding */
    uint32_t count;
    const uint32_t *pages;
    /* 0: all of it. Else GNTMAP_device_map or GNTMAP_host_map: the handle stays until both are
     * gone. */
    uint16_t flags;
};
struct wrg_gnttab_copy_op {
    bool source_is_gref, dest_is_gref; /* else a page of the caller */
    uint32_t source, dest;             /* gref or page handle */
    uint16_t source_off, dest_off, len;
    int16_t status; /* out: GNTST_* */
};
struct wrg_gnttab_copy {
    uint16_t domid; /* who granted the grefs */
    uint32_t count;
    struct wrg_gnttab_copy_op *ops;
    /* Whose the pages are that are no grefs: 0 stands for DOMID_SELF, anybody else is refused. */
    uint16_t pages_domid;
};
/* Writes an own entry as it stands: what a hostile guest can do. -EINVAL. */
struct wrg_gnttab_edit {
    uint32_t gref;
    uint16_t flags, domid;
    uint32_t frame;
    /* Then another processor of the guest flips these flags, each of the next `flips` times that
     * Xen is about to change the entry. */
    uint16_t flip;
    uint16_t flips;
};
/* 1 or 2, before anything is granted: the table is empty afterwards. -EINVAL, -EBUSY when something
 * is mapped. */
struct wrg_gnttab_set_version {
    uint32_t version;
};
struct wrg_gnttab_query { /* of any domain */
    uint16_t domid;
    int16_t status;              /* out: GNTST_* */
    uint32_t version;            /* out */
    uint32_t frames, max_frames; /* out: grant frames */
};
struct wrg_gnttab_status_frames { /* of version 2 */
    uint16_t domid;
    int16_t status;   /* out: GNTST_*; general_error: there are fewer */
    uint32_t count;   /* wanted */
    uint32_t *frames; /* out */
};

/* ---- event channels ---- */

struct wrg_evtchn_alloc_unbound { /* -ENOSPC; -ESRCH or -EPERM for another domain's port */
    uint16_t remote_domid;        /* who may bind it; need not exist */
    uint32_t evtchn;              /* out */
    uint16_t domid;               /* whose port; 0: one's own */
};
struct wrg_evtchn_bind_interdomain { /* -EINVAL, -ESRCH, -ENOSPC; leaves the new port pending */
    uint16_t remote_domid;
    uint32_t remote_evtchn;
    uint32_t evtchn; /* out */
};
struct wrg_evtchn_bind_virq { /* -EINVAL, -ENOENT, -EEXIST, -ENOSPC */
    uint32_t virq;
    uint32_t vcpu;
    uint32_t evtchn; /* out */
};
struct wrg_evtchn_bind_ipi { /* -ENOENT, -ENOSPC */
    uint32_t vcpu;
    uint32_t evtchn; /* out */
};
struct wrg_evtchn_bind_pirq { /* -EINVAL, -EPERM: no device is passed through to a guest */
    uint32_t pirq;
    uint32_t evtchn; /* out */
};
struct wrg_evtchn_bind_vcpu { /* -ENOENT, -EINVAL */
    uint32_t evtchn;
    uint32_t vcpu;
};
/*
 * An event wakes the task and masks the port until evtchn_eoi (late EOI). A port that nobody
 * listens to keeps its event.
 */
struct wrg_evtchn_listen { /* -EINVAL: the port is not bound, as for all that name a port */
    uint32_t evtchn;
    uint32_t task;
};
struct wrg_evtchn_send { /* -EINVAL; a peer that is gone is no error */
    uint32_t evtchn;
};
struct wrg_evtchn_mask {
    uint32_t evtchn;
};
struct wrg_evtchn_unmask {
    uint32_t evtchn;
};
/*
 * Ends the service of the last event. Whose events are spurious again and again gets the next one
 * late: up to a second. Without an event in service it does nothing.
 */
struct wrg_evtchn_eoi {
    uint32_t evtchn;
    bool spurious; /* nothing was found to do since the event */
};
struct wrg_evtchn_close { /* -EINVAL; the other end becomes unbound */
    uint32_t evtchn;
};
struct wrg_evtchn_status {
    uint32_t evtchn;
    uint8_t status; /* out: EVTCHNSTAT_* */
    uint32_t vcpu;
    uint16_t remote_domid;  /* out: the other end, or who may become it */
    uint32_t remote_evtchn; /* out: its port; the number of a VIRQ or PIRQ */
};
struct wrg_evtchn_reset { /* closes all ports of the domain; -ESRCH, -EPERM */
    uint16_t domid;       /* 0: one's own */
};
/* FIFO event channels. What Xen would keep in these pages it keeps for itself here. */
struct wrg_evtchn_init_control { /* -EINVAL, -ENOENT */
    uint32_t page;
    uint32_t offset; /* of the control block, a multiple of 8 */
    uint32_t vcpu;
    uint8_t link_bits; /* out: 17 */
};
struct wrg_evtchn_expand_array { /* -EOPNOTSUPP, -ENOSPC, -EINVAL */
    uint32_t page;               /* of 1024 more event words */
};
struct wrg_evtchn_set_priority { /* -EINVAL; -ENOSYS without FIFO */
    uint32_t evtchn;
    uint32_t priority; /* 0 first, 15 last; a new port has 7 */
};

/*
 * ---- xenstore ----
 * A name is a path, or one name within `dir`, a directory that the endpoint has opened; dir 0 means
 * that the name is a path. A transaction is 0 outside of any. All of these calls may fail with
 * -EINVAL (no such name can be), -ENOENT (no such node or transaction), -EACCES, and those that
 * write with -ENOSPC (a quota); the comments name what there is beside them.
 */

struct wrg_xs_open {
    uint32_t transaction;
    const char *path;
    uint32_t dir; /* out */
};
struct wrg_xs_read { /* -ERANGE when cap is too small */
    uint32_t transaction;
    uint32_t dir;
    const char *name;
    char *value; /* out, with a NUL behind it */
    size_t cap;
    size_t len; /* out */
};
struct wrg_xs_write { /* makes the node, and all above it, where there is none */
    uint32_t transaction;
    uint32_t dir;
    const char *name;
    const char *value;
    size_t len;
};
struct wrg_xs_mkdir { /* a node that is there is left as it is */
    uint32_t transaction;
    const char *path;
};
struct wrg_xs_rm { /* with all below it; one that is not there is fine where its parent is */
    uint32_t transaction;
    uint32_t dir;
    const char *name;
};
struct wrg_xs_directory { /* names, each with a NUL behind it; -E2BIG */
    uint32_t transaction;
    const char *path;
    char *names;
    size_t cap;
    size_t len; /* out */
};
struct wrg_xs_perm {
    uint16_t domid;
    char letter; /* 'n', 'r', 'w' or 'b'; of the first entry (the owner's): the default */
};
struct wrg_xs_get_perms { /* -ERANGE when cap is too small */
    uint32_t transaction;
    const char *path;
    struct wrg_xs_perm *perms;
    uint32_t cap;
    uint32_t count; /* out */
};
struct wrg_xs_set_perms { /* of a node of one's own, which stays that */
    uint32_t transaction;
    const char *path;
    const struct wrg_xs_perm *perms;
    uint32_t count;
};
struct wrg_xs_watch { /* wakes the task for each queued event; -EEXIST, -E2BIG */
    const char *path;
    const char *token;
    uint32_t task;
};
struct wrg_xs_unwatch {
    const char *path;
    const char *token;
};
struct wrg_xs_next_event { /* -EAGAIN when nothing is queued for the token's task */
    char path[128];        /* out */
    char token[32];        /* out */
};
struct wrg_xs_transaction_start {
    uint32_t transaction; /* out */
};
struct wrg_xs_transaction_end { /* -EAGAIN: somebody else was faster, try again */
    uint32_t transaction;
    bool abort;
};

/* ---- declarations ---- */

/* The ring is in use from now on, and its accesses are judged. -EINVAL: no such pages. */
struct wrg_ring_declare {
    uint32_t page;  /* first handle of the ring */
    uint8_t npages; /* 1..16 */
    uint8_t abi;    /* enum wrg_abi */
    uint8_t queue;
    uint32_t index; /* first index of the consumer: requests for a back, responses for a front */
};
struct wrg_ring_retire { /* before its pages go */
    uint8_t queue;
};

/* ---- the block edge ---- */

struct wrg_vec { /* data within one page: a multiple of sectors */
    uint32_t page;
    uint16_t off;
    uint16_t len;
};
enum wrg_io_op {
    WRG_IO_READ,
    WRG_IO_WRITE,
    WRG_IO_FLUSH,
    /* A write that is on the medium behind all that was done before it was submitted, and before
     * all that is submitted when it is done; not for disks, which are asked to flush, write and
     * flush. */
    WRG_IO_BARRIER,
    WRG_IO_DISCARD,      /* what is there may be forgotten: it reads as it was, or as zeros */
    WRG_IO_SECURE_ERASE, /* the same, but nothing of it may be left */
};

struct wrg_disk_info {
    uint64_t sectors;                   /* out */
    bool readonly;                      /* out */
    bool flush;                         /* out: has a cache to flush */
    bool discard_secure;                /* out: can erase what it discards */
    uint32_t discard_granularity_bytes; /* out: forgets that much at a time; 0: nothing */
    uint32_t block_bytes; /* out: a power of two; what is moved begins and ends at a multiple */
    uint32_t queue_limit; /* out: operations in flight */
};
/* -EAGAIN when queue_limit is reached. done is called by the disk's task, with 0 or -errno. */
struct wrg_disk_submit {
    uint8_t op; /* enum wrg_io_op */
    uint64_t sector;
    uint32_t nvec;
    const struct wrg_vec *vec; /* lives until done */
    uint64_t nsectors;         /* of a discard, which has no vectors */
    void (*done)(void *ctx, int error);
    void *ctx;
};
struct wrg_blk_ready {          /* the device is there, or has changed */
    uint64_t sectors;           /* of 512 bytes, whatever the backend counts in */
    uint32_t sector_size_bytes; /* of a block: what I/O begins and ends at */
    uint32_t vdisk_info;        /* VDISK_* */
    uint32_t max_segments;
    uint32_t physical_size_bytes; /* best to write by; 0: nobody says */
    bool flush;
    bool barrier;
    bool discard, discard_secure;
    uint32_t discard_granularity_bytes, discard_alignment_bytes;
};
struct wrg_blk_complete {
    uint64_t tag;    /* of struct wrg_io */
    int error;       /* 0, -EIO, -EOPNOTSUPP */
    bool pages_kept; /* the peer may still write its pages: they must not be used again */
};
struct wrg_blk_gone {
    int error; /* why no more I/O is taken: 0 closed in order, -EIO error state */
};

/* ---- the port itself ---- */

struct wrg_view;

/* What a kernel would take from module parameters: how implementations may differ. */
struct wrg_params {
    /* Segments; a back's feature-max-indirect-segments, a front's own limit. */
    uint32_t indirect_max;
    bool indirect_absent; /* a back that does not know BLKIF_OP_INDIRECT */
    bool echo_outer;      /* a back that answers an indirect request with operation 6 */
    bool strict_echo;     /* a front that takes operation 6 in a response for a violation */
    bool no_flush;        /* a back that does not offer feature-flush-cache */
    bool barrier;         /* a back that offers feature-barrier, a front that looks for it */
    bool discard;         /* a front that looks for feature-discard */
    bool handoff;       /* a front of firmware: it leaves the device as it would like to find it */
    bool persistent;    /* offers to keep grants of data, a back to keep them mapped */
    bool copy;          /* a back that copies data through grants, and maps none of them */
    uint16_t pool;      /* most grants that a back keeps mapped, of each queue */
    uint8_t abi;        /* a front's ring layout, enum wrg_abi */
    uint8_t ring_order; /* a front's ring pages, 2^n; a back's limit */
    uint8_t queues;     /* most of them; a back that has one only does not speak of queues */
    uint8_t counting;   /* what is counted in blocks of the disk: enum wrg_counting of units.h */
    uint8_t ring_nodes; /* how the pages of a ring, or their limit, are spelled */
    uint32_t physical_bytes; /* a back's physical-sector-size; 0: as sector-size */
};

/* Which nodes tell the size of a ring, and of the largest that a backend takes. */
enum wrg_ring_nodes {
    WRG_RING_NODES_ORDER, /* ring-page-order, max-ring-page-order */
    WRG_RING_NODES_PAGES, /* num-ring-pages, max-ring-pages: deprecated */
    WRG_RING_NODES_BOTH,
};

struct wrg_port {
    int (*const *calls)(struct wrg_port *port, void *args); /* by enum wrg_call */
    /* The long way of an access: instrumented, straddling, or wrong. */
    void (*access)(struct wrg_port *port, struct wrg_access *access);
    void (*section)(struct wrg_port *port, uint32_t section);
    void (*fence)(struct wrg_port *port, int kind);
    void (*point)(struct wrg_port *port); /* here another task may take its turn */
    struct wrg_view *views;               /* read by the inline accessors of page.h only */
    uint8_t *dirty;                       /* one byte a frame, 0: untouched; same */
    uint32_t reach; /* how many views may be used at once: 0 with hooks; same */
    uint32_t hooks; /* nonzero: every access goes the long way */
    bool sections;  /* somebody asks where a task is */
    bool parallel;  /* tasks run at the same time: fences and locks are real ones */
    bool *held;     /* of the inline locks of workers.h, WRG_LOCKS_MAX; NULL: parallel */
    uint16_t domid, peer_domid;
    uint16_t device;
    struct wrg_params params;
    char nodename[64]; /* the device's own xenstore directory */
};

/* One line a call: wrg_port_gnttab_map(port, &args) and so on. */
#define WRG_PORT_CALL(symbol, name, fault, why)                                                    \
    static inline int wrg_port_##name(struct wrg_port *port, struct wrg_##name *args)              \
    {                                                                                              \
        return port->calls[WRG_CALL_##symbol](port, args);                                         \
    }
#include <wringer/calls.def>

/* Names where in the protocol a task is; `preempt section=` in a case refers to it. */
enum wrg_at {
    WRG_AT_IDLE,
    WRG_AT_CONNECT,
    WRG_AT_REQUEST,
    WRG_AT_RESPONSE,
    WRG_AT_FINAL_CHECK,
    WRG_AT_DRAIN,
    WRG_AT_CLOSE,
    WRG_AT_SUBMIT,
    WRG_NR_AT
};

/* `ordinal` counts from 1 within the kind. Costs a predicted branch when nothing listens. */
static inline void wrg_port_section(struct wrg_port *port, enum wrg_at kind, uint32_t ordinal)
{
    if (__builtin_expect(port->sections, 0))
        port->section(port, (uint32_t)kind << 16 | (ordinal & 0xffff));
}

/* ---- a driver, as a whole ---- */

#define WRG_IO_DRIVER_WORDS 8

enum wrg_seat { WRG_SEAT_FRONT, WRG_SEAT_BACK };

struct wrg_io { /* what the block layer hands to a frontend; lives until completion */
    uint64_t tag;
    uint64_t sector;
    uint32_t nvec;
    uint8_t op;                /* enum wrg_io_op */
    const struct wrg_vec *vec; /* pages of the frontend's domain; live until completion */
    uint64_t nsectors;         /* of a discard, which has no pages */
    uint64_t driver[WRG_IO_DRIVER_WORDS]; /* the frontend's own, while it has the I/O */
};

enum {
    WRG_TRAIT_SNAPSHOT = 1, /* all state lies in memory of the port: a world may copy it away */
};

/*
 * A block driver. The first three callbacks are required; what stays NULL is not asked for.
 *
 * start   the device has appeared at port->nodename: allocate, create tasks, set watches. It must
 *         not wait. 0 or -errno; on error nothing is left behind.
 * stop    the driver is unloaded: everything is given back. Called when no task of it runs.
 * detach  close the connection in order, as when the driver is unbound; in the end it is Closed.
 * submit  a front's: hand in a request, which is answered by wrg_port_blk_complete, at once or
 *         later. It is called between wrg_port_blk_ready and wrg_port_blk_gone, by any task of the
 *         world. 0; -EAGAIN: no room now, it is asked again; -EIO: device gone; -EINVAL: not of
 *         whole blocks; -EROFS: nothing can be written.
 * resized a back's: the disk has another size, wrg_port_disk_info says which. Any task.
 * resume  a front's: the guest goes on at another host. The device's directories are new, the
 *         backend is another one, and nobody uses what was granted to the old one. What was in
 *         flight is asked for again. Any task of the world; it must not wait.
 */
struct wrg_endpoint {
    const char *name;
    uint8_t seat; /* enum wrg_seat */
    uint32_t traits;
    int (*start)(struct wrg_port *port, void **self);
    void (*stop)(void *self);
    void (*detach)(void *self);
    int (*submit)(void *self, struct wrg_io *io);
    void (*resized)(void *self);
    void (*resume)(void *self);
};

#endif
