/* SPDX-License-Identifier: MIT */
/*
 * The socket's file: made, taken over from a server that has died, removed.
 *
 * Layer: serve. Whoever may connect is domain 0, so the file is its owner's alone (mode 0600).
 * Two servers that start at one time are told apart by a lock on the folder while they look.
 */
#ifndef WRG_SERVE_LISTEN_H
#define WRG_SERVE_LISTEN_H

#include <sys/types.h>

#include "base/base.h"

struct wrg_serve_socket {
    int fd; /* listens, non-blocking */
    const char *path;
    dev_t dev;
    ino_t ino;
};

/*
 * Listens at `path`, which must live as long. A socket there that nobody serves is replaced.
 * -EADDRINUSE: somebody serves it; -ENOTSOCK: the file is something else; -ENAMETOOLONG: over 107
 * bytes; else what the system says. The file is as it was then.
 */
WRG_MUST_USE int wrg_serve_listen(struct wrg_serve_socket *socket, const char *path);

/* Closes it, and removes the file if it is still this one. */
void wrg_serve_unlisten(struct wrg_serve_socket *socket);

#endif
