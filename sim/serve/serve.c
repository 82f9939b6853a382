/* SPDX-License-Identifier: MIT */
#include "serve/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve/client.h"

#define NO_CLIENT      UINT8_MAX
#define CONN_EVENTS    16384u /* a new one is compared with all that wait: 20 us at the limit */
#define HEAP_PER_NODE  640u   /* name and value; only what is used costs memory */
#define HEAP_BYTES_MIN (32u << 20)
#define HEAP_BYTES_MAX (1u << 30)
#define MEMORY_ALIGN   16u

enum { POLL_STOP, POLL_LISTEN, POLL_CLIENTS };

struct wrg_serve {
    struct wrg_xenstore *xs;
    void *memory; /* of the store */
    uint32_t nclients;
    uint64_t events_lost;
    bool is_full; /* of descriptors: nobody is accepted until a client has left */
    struct wrg_serve_client *client[WRG_SERVE_CLIENTS]; /* the first nclients */
    struct wrg_serve_client *clients;                   /* where they all lie */
    struct wrg_serve_client *of_conn[UINT16_MAX + 1];
    struct pollfd polled[POLL_CLIENTS + WRG_SERVE_CLIENTS];
};

WRG_STATIC_ASSERT(WRG_SERVE_CLIENTS <= 255, "the store's connections");

static struct wrg_xs_limits limits_for(uint32_t nodes)
{
    uint64_t heap = wrg_max_u64((uint64_t)nodes * HEAP_PER_NODE, HEAP_BYTES_MIN);

    return (struct wrg_xs_limits){
        .nodes = nodes,
        .connections = WRG_SERVE_CLIENTS,
        .domains = 1024,
        .watches = 65536,
        .events = WRG_SERVE_CLIENTS * CONN_EVENTS, /* one client's do not crowd out another's */
        .transactions = 4096,
        .tx_records = 2 * nodes, /* a transaction may touch them all */
        .heap_bytes = (uint32_t)wrg_min_u64(heap, HEAP_BYTES_MAX),
        .conn_events = CONN_EVENTS,
    };
}

static void on_event_queued(void *ctx, uint16_t conn)
{
    struct wrg_serve *serve = ctx;

    if (serve->of_conn[conn])
        serve->of_conn[conn]->has_events = true;
}

/* What xenstored itself puts into an empty store. */
static int furnish(struct wrg_serve *serve)
{
    struct wrg_xs_call call = { 0 };
    int ret = wrg_xenstore_connect(serve->xs, 0, &call.conn);

    if (ret == 0)
        ret = wrg_xenstore_mkdir(serve->xs, &call, "/tool/xenstored");
    wrg_xenstore_disconnect(serve->xs, call.conn);
    return ret;
}

static int make_store(struct wrg_serve *serve, uint32_t nodes)
{
    const struct wrg_xs_limits limits = limits_for(nodes);
    const struct wrg_xs_observer observer = { .ctx = serve, .on_event_queued = on_event_queued };
    size_t bytes = wrg_xenstore_bytes(&limits);
    int ret;

    serve->memory = calloc(1, bytes); /* large, so it is mapped, aligned, and untouched */
    if (!serve->memory)
        return -ENOMEM;
    WRG_ASSERT((uintptr_t)serve->memory % MEMORY_ALIGN == 0);
    ret = wrg_xenstore_init(&serve->xs, &limits, serve->memory, bytes);
    if (ret)
        return ret;
    wrg_xenstore_set_observer(serve->xs, &observer);
    return furnish(serve);
}

int wrg_serve_create(struct wrg_serve **out, uint32_t nodes)
{
    struct wrg_serve *serve;
    int ret = -ENOMEM;

    if (nodes < WRG_SERVE_NODES_MIN || nodes > WRG_SERVE_NODES_MAX)
        return -EINVAL;
    serve = calloc(1, sizeof(*serve));
    if (!serve)
        return -ENOMEM;
    serve->clients = calloc(WRG_SERVE_CLIENTS, sizeof(*serve->clients));
    if (serve->clients)
        ret = make_store(serve, nodes);
    if (ret) {
        wrg_serve_destroy(serve);
        return ret;
    }
    for (size_t i = 0; i < WRG_SERVE_CLIENTS; i++)
        serve->client[i] = &serve->clients[i];
    *out = serve;
    return 0;
}

/* ---- clients come and go ---- */

static void drop(struct wrg_serve *serve, uint32_t index)
{
    struct wrg_serve_client *client = serve->client[index];

    wrg_xenstore_disconnect(serve->xs, client->conn);
    serve->of_conn[client->conn] = NULL;
    close(client->fd);
    serve->client[index] = serve->client[--serve->nclients];
    serve->client[serve->nclients] = client;
    serve->is_full = false;
}

void wrg_serve_destroy(struct wrg_serve *serve)
{
    if (!serve)
        return;
    while (serve->nclients > 0)
        drop(serve, serve->nclients - 1);
    free(serve->clients);
    free(serve->memory);
    free(serve);
}

uint32_t wrg_serve_clients(const struct wrg_serve *serve)
{
    return serve->nclients;
}

int wrg_serve_attach(struct wrg_serve *serve, int fd)
{
    struct wrg_serve_client *client;
    int flags = fcntl(fd, F_GETFL);

    if (serve->nclients == WRG_SERVE_CLIENTS)
        return -EMFILE;
    client = serve->client[serve->nclients];
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        wrg_xenstore_connect(serve->xs, 0, &client->conn)) {
        close(fd);
        return -EIO;
    }
    client->fd = fd;
    client->has_events = client->overrun = false;
    client->in_bytes = client->out_begin = client->out_end = 0;
    serve->of_conn[client->conn] = client;
    serve->nclients++;
    return 0;
}

static void accept_clients(struct wrg_serve *serve, int listen_fd)
{
    while (serve->nclients < WRG_SERVE_CLIENTS) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        /* Out of descriptors: poll would report the one that waits again and again. */
        serve->is_full = fd < 0 && (errno == EMFILE || errno == ENFILE) && serve->nclients > 0;
        if (fd < 0 || wrg_serve_attach(serve, fd))
            return;
    }
}

/* ---- the loop ---- */

/* Whose queue is full when events were lost has lost some. */
static void note_losses(void *ctx)
{
    struct wrg_serve *serve = ctx;
    uint64_t lost = wrg_xenstore_events_lost(serve->xs);

    if (lost == serve->events_lost)
        return;
    serve->events_lost = lost;
    for (uint32_t i = 0; i < serve->nclients; i++)
        if (wrg_xenstore_events_queued(serve->xs, serve->client[i]->conn) == CONN_EVENTS)
            serve->client[i]->overrun = true;
}

/* Others are told when poll says that they have read something. */
static bool can_be_told(const struct wrg_serve_client *client)
{
    return client->has_events && client->out_end == 0;
}

/* True if a client can be told of events at once; poll waits for the others. */
static bool prepare_poll(struct wrg_serve *serve, int listen_fd, int stop_fd)
{
    bool may_accept = serve->nclients < WRG_SERVE_CLIENTS && !serve->is_full;
    bool is_due = false;

    serve->polled[POLL_STOP] = (struct pollfd){ .fd = stop_fd, .events = POLLIN };
    serve->polled[POLL_LISTEN] =
        (struct pollfd){ .fd = may_accept ? listen_fd : -1, .events = POLLIN };
    for (uint32_t i = 0; i < serve->nclients; i++) {
        const struct wrg_serve_client *client = serve->client[i];

        serve->polled[POLL_CLIENTS + i] =
            (struct pollfd){ .fd = client->fd, .events = wrg_serve_client_wants(client) };
        is_due |= can_be_told(client);
    }
    return is_due;
}

static bool serve_client(struct wrg_serve *serve, struct wrg_serve_client *client, short revents)
{
    const struct wrg_serve_hook hook = { .ctx = serve, .after_request = note_losses };
    bool reads = revents & (POLLIN | POLLHUP | POLLERR) && wrg_serve_client_wants(client) & POLLIN;
    bool alive = !reads || wrg_serve_client_receive(client);

    return wrg_serve_client_work(client, serve->xs, &hook) && alive;
}

static void serve_clients(struct wrg_serve *serve)
{
    /* From the end: who is dropped is replaced by one that was served already. */
    for (uint32_t i = serve->nclients; i-- > 0;) {
        short revents = serve->polled[POLL_CLIENTS + i].revents;

        if (revents != 0 && !serve_client(serve, serve->client[i], revents))
            drop(serve, i);
    }
    /* What they changed, the others are told. */
    for (uint32_t i = serve->nclients; i-- > 0;)
        if (serve->client[i]->overrun ||
            (can_be_told(serve->client[i]) && !serve_client(serve, serve->client[i], 0)))
            drop(serve, i);
}

int wrg_serve_run(struct wrg_serve *serve, int listen_fd, int stop_fd)
{
    for (;;) {
        int timeout = prepare_poll(serve, listen_fd, stop_fd) ? 0 : -1;

        if (poll(serve->polled, POLL_CLIENTS + serve->nclients, timeout) < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        if (serve->polled[POLL_STOP].revents != 0)
            return 0;
        serve_clients(serve);
        if (serve->polled[POLL_LISTEN].revents != 0)
            accept_clients(serve, listen_fd);
    }
}
