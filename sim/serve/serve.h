/* SPDX-License-Identifier: MIT */
/*
 * A store on a unix socket: many clients at once, each of them domain 0, as with xenstored.
 *
 * What it is  One thread around poll: bytes from a client become messages (store/xenstore_wire.h),
 *             replies and watch events queue in its buffer, and go out as fast as it reads.
 * Layer       serve, above the simulator and below reports and commands
 * Bounds      WRG_SERVE_CLIENTS clients; more wait in the socket's backlog. Output of 64 KiB a
 *             client: until there is room for one more reply nothing is read from it, so that a
 *             client that does not read delays itself alone. Watch events wait in the store,
 *             limits.conn_events a client; who falls behind by more is disconnected, for an event
 *             that is lost without notice would be worse. All memory is allocated at creation.
 * Order       Replies in the order of the requests. A client that watches what it changes itself
 *             sees the event before the reply, as with C xenstored, and after it for WATCH.
 * Threads     One server belongs to one thread; nothing here touches another's state.
 * Errors      -errno of the machine. What clients do wrong ends their connection at most.
 * Left out    guests (they connect by a shared page, not by a socket), TCP, live update, logs
 */
#ifndef WRG_SERVE_SERVE_H
#define WRG_SERVE_SERVE_H

#include "store/xenstore.h"

#define WRG_SERVE_CLIENTS   254
#define WRG_SERVE_NODES     100000 /* unless told otherwise */
#define WRG_SERVE_NODES_MIN 1000
#define WRG_SERVE_NODES_MAX 1000000 /* the store's limit is 2^20 */

struct wrg_serve;

/*
 * A store for `nodes` nodes with /tool/xenstored in it, and room for all clients. The memory is
 * reserved, and used as the store fills. -ENOMEM, or -EINVAL for a number out of range.
 */
WRG_MUST_USE int wrg_serve_create(struct wrg_serve **out, uint32_t nodes);

/* Closes all connections; NULL is fine. */
void wrg_serve_destroy(struct wrg_serve *serve);

/* Adds a client that is connected already. It owns fd from now on, -EMFILE (too many) aside. */
WRG_MUST_USE int wrg_serve_attach(struct wrg_serve *serve, int fd);

/*
 * Serves until stop_fd is readable, which it does not read. listen_fd: a non-blocking socket that
 * listens, or -1. Returns 0, or -errno when poll itself fails.
 */
WRG_MUST_USE int wrg_serve_run(struct wrg_serve *serve, int listen_fd, int stop_fd);

uint32_t wrg_serve_clients(const struct wrg_serve *serve);

#endif
