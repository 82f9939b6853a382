/* SPDX-License-Identifier: MIT */
/*
 * Helpers of a xenbus driver: states, numbers in nodes, the other end's directory.
 *
 * Layer         public; implemented by sim/guest on nothing but the port
 * Errors        -errno of the store; numbers are parsed by the kernel's rules (wringer/scan.h)
 * Source        xen/io/xenbus.h; Linux's xenbus_client in behaviour
 */
#ifndef WRINGER_XENBUS_H
#define WRINGER_XENBUS_H

#include <wringer/port.h>
#include <wringer/scan.h>
#include <wringer/wire.h>

struct wrg_xenbus_device {
    struct wrg_port *port;
    uint32_t dir;       /* own directory */
    uint32_t other_dir; /* the other end's directory */
    enum wrg_xenbus_state state;
    uint16_t other_domid;
    bool watching;
    bool own_changed; /* out of drain_events: the own node that is watched was written */
    char other_path[64];
    char token[8];
    char own_path[128]; /* of the own node that is watched; empty: none */
};

/* Opens both directories; `other` is the node that names the other end ("backend", "frontend"). */
int wrg_xenbus_init(struct wrg_xenbus_device *dev, struct wrg_port *port, const char *other);
/* Watches the other end's state: the task is woken for each change (and once now). */
int wrg_xenbus_watch_state(struct wrg_xenbus_device *dev, uint32_t task);
/* Watches a node of the own directory that the toolstack writes: same task, told by own_changed. */
int wrg_xenbus_watch_own(struct wrg_xenbus_device *dev, const char *name, uint32_t task);
/* Takes all events off the queue that are there; returns how many. */
uint32_t wrg_xenbus_drain_events(struct wrg_xenbus_device *dev);
void wrg_xenbus_fini(struct wrg_xenbus_device *dev);
/*
 * The toolstack has made both directories anew (the guest was moved): opens them again, in state
 * Initialising. Watches stay: they are by path.
 */
int wrg_xenbus_reopen(struct wrg_xenbus_device *dev, const char *other);
/* Part of the nodename below /local/domain/<domid>/: "device/vbd/51712". */
const char *wrg_xenbus_relative_name(const char *nodename);
/* Number at the end of the nodename: the handle of a frontend's requests. 0: it has none. */
uint32_t wrg_xenbus_handle(const char *nodename);

/* The other end's state now; Unknown if its node is missing. */
enum wrg_xenbus_state wrg_xenbus_read_other_state(struct wrg_xenbus_device *dev);
/*
 * Runs `write` within a transaction and commits it, again while somebody else was faster, up to 16
 * times. What write returns but 0 aborts it and is returned; -EAGAIN: it never got through.
 */
int wrg_xenbus_transact(struct wrg_xenbus_device *dev,
                        int (*write)(void *ctx, uint32_t transaction), void *ctx);
/* Writes the own state, once: nothing happens if it is that already. */
int wrg_xenbus_switch_state(struct wrg_xenbus_device *dev, enum wrg_xenbus_state state);
/*
 * In one transaction: what `write` writes, and the own state as it is, which makes the other end
 * look again. -ESHUTDOWN, and nothing is written: the state is not what it was (any more).
 */
int wrg_xenbus_rewrite_state(struct wrg_xenbus_device *dev,
                             int (*write)(void *ctx, uint32_t transaction), void *ctx);
/* What stands in the own state node; Unknown if it is missing or no number. */
enum wrg_xenbus_state wrg_xenbus_read_own_state(struct wrg_xenbus_device *dev);
/* Writes "<errno> <text>" to error/<nodename>/error and closes. */
void wrg_xenbus_fatal(struct wrg_xenbus_device *dev, int error, const char *text);

/*
 * Handing a device over, for a frontend: from firmware to an operating system, or to a kernel that
 * was started over a running one. The connection is walked to its end and back to its beginning (F
 * 5, B 5, F 6, B 6, F 1, B 2), with 5 s for each step, and what the last owner wrote is removed: a
 * ring-page-order that is left would be believed by the backend together with the ring-ref of the
 * next owner.
 */
struct wrg_xenbus_walk {
    uint8_t next;         /* 1 + the step that is not done yet; 0: no walk */
    uint64_t deadline_ns; /* of that step; 0: nobody waits yet */
};
/* From where the backend is. */
void wrg_xenbus_walk_begin(struct wrg_xenbus_device *dev, struct wrg_xenbus_walk *walk);
/* Whenever the task was woken; true: the walk is over. */
bool wrg_xenbus_walk_on(struct wrg_xenbus_device *dev, struct wrg_xenbus_walk *walk, uint32_t task);

/* A number of a node of the other end, or `absent` if it is missing or no number. */
uint64_t wrg_xenbus_read_u64(struct wrg_xenbus_device *dev, const char *name, uint64_t absent);
/* The same, of an own node that the toolstack writes. */
uint64_t wrg_xenbus_read_own_u64(struct wrg_xenbus_device *dev, const char *name, uint64_t absent);
/* "%u" of a node of the other end: 0, -ERANGE when it is no number, or the store's error. */
int wrg_xenbus_read_u32(struct wrg_xenbus_device *dev, const char *name, uint32_t *value);
/* As the kernel's xenbus_read_unsigned: `absent` for all that is no number of that kind. */
uint32_t wrg_xenbus_read_unsigned(struct wrg_xenbus_device *dev, const char *name, uint32_t absent);
/* A text node of the own directory; -ENOENT, -ERANGE. */
int wrg_xenbus_read_own_text(struct wrg_xenbus_device *dev, const char *name, char *buf,
                             size_t cap);
/* A text node of the other end; -ENOENT, -ERANGE. */
int wrg_xenbus_read_text(struct wrg_xenbus_device *dev, const char *name, char *buf, size_t cap);
/* Writes an own node, in a transaction or outside of one (0). */
int wrg_xenbus_write_u64(struct wrg_xenbus_device *dev, uint32_t transaction, const char *name,
                         uint64_t value);
int wrg_xenbus_write_text(struct wrg_xenbus_device *dev, uint32_t transaction, const char *name,
                          const char *value);
/* Removes an own node; one that is not there is fine. */
int wrg_xenbus_remove(struct wrg_xenbus_device *dev, uint32_t transaction, const char *name);

#endif
