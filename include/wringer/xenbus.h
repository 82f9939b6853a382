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
    char other_path[64];
    char token[8];
};

/* Opens both directories; `other` is the node that names the other end ("backend", "frontend"). */
int wrg_xenbus_init(struct wrg_xenbus_device *dev, struct wrg_port *port, const char *other);
/* Watches the other end's state: the task is woken for each change (and once now). */
int wrg_xenbus_watch_state(struct wrg_xenbus_device *dev, uint32_t task);
/* Takes all events off the queue that are there; returns how many. */
uint32_t wrg_xenbus_drain_events(struct wrg_xenbus_device *dev);
void wrg_xenbus_fini(struct wrg_xenbus_device *dev);

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
/* Writes a sentence to error/<nodename>/error and closes. */
void wrg_xenbus_fatal(struct wrg_xenbus_device *dev, int error, const char *text);

/* A number of a node of the other end, or `absent` if it is missing or no number. */
uint64_t wrg_xenbus_read_u64(struct wrg_xenbus_device *dev, const char *name, uint64_t absent);
/* The same, of an own node that the toolstack writes. */
uint64_t wrg_xenbus_read_own_u64(struct wrg_xenbus_device *dev, const char *name, uint64_t absent);
/* A text node of the other end; -ENOENT, -ERANGE. */
int wrg_xenbus_read_text(struct wrg_xenbus_device *dev, const char *name, char *buf, size_t cap);
/* Writes an own node, in a transaction or outside of one (0). */
int wrg_xenbus_write_u64(struct wrg_xenbus_device *dev, uint32_t transaction, const char *name,
                         uint64_t value);
int wrg_xenbus_write_text(struct wrg_xenbus_device *dev, uint32_t transaction, const char *name,
                          const char *value);

#endif
