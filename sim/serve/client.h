/* SPDX-License-Identifier: MIT */
/*
 * One client of a served store: its connection, and the bytes on their way.
 *
 * Layer: serve. Bounds: CLIENT_IN_BYTES hold several messages, CLIENT_OUT_BYTES several replies
 * and events. Both buffers are linear; what is left moves to the front.
 * Errors: a call that returns false has found the connection over; the server drops it then.
 */
#ifndef WRG_SERVE_CLIENT_H
#define WRG_SERVE_CLIENT_H

#include "store/xenstore_wire.h"

#define WRG_SERVE_IN_BYTES  (4 * 4096)
#define WRG_SERVE_OUT_BYTES (16 * 4096)
/* Room there must be before a request is carried out: an event that it causes, and its reply. */
#define WRG_SERVE_ROOM (WRG_XS_EVENT_ROOM + WRG_XS_REPLY_ROOM)

struct wrg_serve_client {
    int fd; /* -1: no client */
    uint16_t conn;
    bool has_events; /* the store may hold events for it */
    bool overrun;    /* events of it were lost */
    uint32_t in_bytes;
    uint32_t out_begin, out_end; /* what is still to be sent */
    uint8_t in[WRG_SERVE_IN_BYTES];
    uint8_t out[WRG_SERVE_OUT_BYTES];
};

/* Called after each request, before events are taken from the store: to look for losses. */
struct wrg_serve_hook {
    void *ctx;
    void (*after_request)(void *ctx);
};

/* Reads once what the socket has. */
WRG_MUST_USE bool wrg_serve_client_receive(struct wrg_serve_client *client);

/* Carries out what has been read, sends what can be sent. */
WRG_MUST_USE bool wrg_serve_client_work(struct wrg_serve_client *client, struct wrg_xenstore *xs,
                                        const struct wrg_serve_hook *hook);

/* What to poll for. */
short wrg_serve_client_wants(const struct wrg_serve_client *client);

#endif
