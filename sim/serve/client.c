/* SPDX-License-Identifier: MIT */
#include "serve/client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

WRG_STATIC_ASSERT(WRG_SERVE_IN_BYTES >= WRG_XS_MESSAGE_MAX, "a message fits");
WRG_STATIC_ASSERT(WRG_SERVE_OUT_BYTES >= WRG_SERVE_ROOM, "an event and a reply fit");

static uint32_t room(const struct wrg_serve_client *client)
{
    return WRG_SERVE_OUT_BYTES - client->out_end;
}

static bool is_temporary(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

bool wrg_serve_client_receive(struct wrg_serve_client *client)
{
    ssize_t got;

    if (client->in_bytes == WRG_SERVE_IN_BYTES)
        return true;
    got = recv(client->fd, client->in + client->in_bytes, WRG_SERVE_IN_BYTES - client->in_bytes, 0);
    if (got < 0)
        return is_temporary(errno);
    client->in_bytes += (uint32_t)got;
    return got > 0;
}

static bool send_out(struct wrg_serve_client *client)
{
    while (client->out_begin < client->out_end) {
        ssize_t sent = send(client->fd, client->out + client->out_begin,
                            client->out_end - client->out_begin, MSG_NOSIGNAL);

        if (sent < 0 && is_temporary(errno))
            break;
        if (sent < 0)
            return false;
        client->out_begin += (uint32_t)sent;
    }
    if (client->out_begin != 0) {
        memmove(client->out, client->out + client->out_begin, client->out_end - client->out_begin);
        client->out_end -= client->out_begin;
        client->out_begin = 0;
    }
    return true;
}

/* Those that the reader is ready for; the rest waits in the store, where equal ones merge. */
static void take_events(struct wrg_serve_client *client, struct wrg_xenstore *xs, uint32_t reserve)
{
    while (client->has_events && room(client) >= WRG_XS_EVENT_ROOM + reserve) {
        size_t size = wrg_xs_wire_event(xs, client->conn, client->out + client->out_end);

        client->out_end += (uint32_t)size;
        client->has_events = size != 0;
    }
}

static void carry_out(struct wrg_serve_client *client, struct wrg_xenstore *xs,
                      const uint8_t *message, const struct wrg_serve_hook *hook)
{
    uint8_t reply[WRG_XS_REPLY_ROOM];
    size_t size = wrg_xs_wire_handle(xs, client->conn, message, reply);

    hook->after_request(hook->ctx);
    if (client->has_events && !wrg_xs_wire_reply_first(message))
        take_events(client, xs, WRG_XS_REPLY_ROOM);
    memcpy(client->out + client->out_end, reply, size);
    client->out_end += (uint32_t)size;
}

/* All whole messages that there is room to answer; *stalled: there are more. */
static bool carry_out_all(struct wrg_serve_client *client, struct wrg_xenstore *xs,
                          const struct wrg_serve_hook *hook, bool *stalled)
{
    uint32_t at = 0;

    *stalled = false;
    while (at < client->in_bytes) {
        int size = wrg_xs_wire_size(client->in + at, client->in_bytes - at);

        if (size < 0)
            return false;
        if (size == 0 || (uint32_t)size > client->in_bytes - at)
            break;
        *stalled = room(client) < WRG_SERVE_ROOM;
        if (*stalled)
            break;
        carry_out(client, xs, client->in + at, hook);
        at += (uint32_t)size;
    }
    if (at != 0) {
        memmove(client->in, client->in + at, client->in_bytes - at);
        client->in_bytes -= at;
    }
    return true;
}

bool wrg_serve_client_work(struct wrg_serve_client *client, struct wrg_xenstore *xs,
                           const struct wrg_serve_hook *hook)
{
    bool stalled;

    /* Bounded: each round but the last carries out a message of those that were read. */
    do {
        bool sane = carry_out_all(client, xs, hook, &stalled);

        take_events(client, xs, 0);
        /* Also before a drop: what was asked properly is answered. */
        if (!send_out(client) || !sane)
            return false;
        if (client->has_events && client->out_end == 0)
            stalled = true; /* as with requests: the socket has room for more */
    } while (stalled && room(client) >= WRG_SERVE_ROOM);
    return true;
}

short wrg_serve_client_wants(const struct wrg_serve_client *client)
{
    short events = 0;

    if (room(client) >= WRG_SERVE_ROOM)
        events |= POLLIN;
    if (client->out_begin < client->out_end)
        events |= POLLOUT;
    return events;
}
