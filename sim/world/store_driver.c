/* SPDX-License-Identifier: MIT */
#include "world/store_driver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/xenstore.h"

/* An id that no transaction has. */
#define NO_TX UINT32_C(0xfffffff0)

struct wrg_store_driver {
    struct wrg_xenstore *xs;
    void *mem;
    struct {
        bool open;
        uint16_t conn;
        uint32_t started;
        uint32_t tx[WRG_STORE_TXS]; /* the last ones, started modulo their number */
    } clients[WRG_STORE_CLIENTS];
    struct wrg_store_text text;
    struct wrg_store_answer answer;
};

static const struct wrg_xs_limits limits = {
    .nodes = 2048,
    .connections = 16,
    .domains = 16,
    .watches = 128,
    .events = 4096,
    .transactions = 32,
    .tx_records = 4096,
    .heap_bytes = 2u << 20,
    .conn_events = 1024,
};

struct wrg_store_driver *wrg_store_driver_create(void)
{
    struct wrg_store_driver *d = calloc(1, sizeof(*d));
    size_t bytes = wrg_xenstore_bytes(&limits);

    if (!d)
        return NULL;
    if (posix_memalign(&d->mem, 16, bytes)) {
        free(d);
        return NULL;
    }
    int result = wrg_xenstore_init(&d->xs, &limits, d->mem, bytes);
    WRG_ASSERT(result == 0);
    return d;
}

void wrg_store_driver_destroy(struct wrg_store_driver *d)
{
    if (!d)
        return;
    free(d->mem);
    free(d);
}

static void set_quota(struct wrg_store_driver *d, uint32_t n)
{
    const struct wrg_store_quota *from = wrg_store_quota_at(n);
    struct wrg_xs_quota quota = wrg_xs_quota_default;

    quota.nodes = from->nodes;
    quota.watches = from->watches;
    quota.transactions = from->transactions;
    quota.value_bytes = from->value_bytes;
    quota.node_bytes = from->node_bytes;
    quota.perms = from->perms;
    quota.tx_nodes = from->tx_nodes;
    quota.slack = from->slack;
    quota.watches_errno = from->watches_errno;
    quota.keep_nodes_of_dead = from->keep_nodes_of_dead;
    wrg_xenstore_set_quota(d->xs, &quota);
}

static int open_client(struct wrg_store_driver *d, uint8_t client)
{
    int result = 0;

    if (d->clients[client].open)
        return 0;
    result = wrg_xenstore_connect(d->xs, wrg_store_domid(client), &d->clients[client].conn);
    d->clients[client].open = result == 0;
    d->clients[client].started = 0;
    return result;
}

void wrg_store_driver_begin(struct wrg_store_driver *d)
{
    wrg_xenstore_reset(d->xs);
    set_quota(d, 0);
    for (uint8_t i = 0; i < WRG_STORE_CLIENTS; i++) {
        d->clients[i].open = false;
        int result = open_client(d, i);
        WRG_ASSERT(result == 0);
    }
}

/* A connection that the store has closed may belong to somebody else soon. */
static void forget(struct wrg_store_driver *d, uint16_t domid)
{
    for (uint8_t i = 0; i < WRG_STORE_CLIENTS; i++)
        if (wrg_store_domid(i) == domid)
            d->clients[i].open = false;
}

/* ---- messages ---- */

static void do_directory_part(struct wrg_store_driver *d, const struct wrg_xs_call *xs,
                              const struct wrg_store_call *call, struct wrg_store_answer *out)
{
    struct wrg_xs_reply reply = { .data = out->data, .cap = WRG_XS_PAYLOAD_MAX + 1 };

    out->result = wrg_xenstore_directory_part(d->xs, xs, call->path, call->n, &reply);
    if (out->result)
        return;
    size_t generation = strnlen(out->data, reply.len) + 1;
    out->len = generation <= reply.len ? reply.len - generation : 0;
    memmove(out->data, out->data + generation, out->len);
}

static void do_get_perms(struct wrg_store_driver *d, const struct wrg_xs_call *xs,
                         const struct wrg_store_call *call, struct wrg_store_answer *out)
{
    struct wrg_xs_perm perms[WRG_XS_PERMS_MAX];
    struct wrg_store_entry entries[WRG_XS_PERMS_MAX];
    size_t count = WRG_XS_PERMS_MAX;

    out->result = wrg_xenstore_get_perms(d->xs, xs, call->path, perms, &count);
    if (out->result)
        return;
    for (size_t i = 0; i < count; i++)
        entries[i] = (struct wrg_store_entry){ perms[i].domid, perms[i].letter };
    out->len = wrg_store_perms_print(entries, count, out->data);
}

/* What is no list at all is a letter that does not exist. */
static void do_set_perms(struct wrg_store_driver *d, const struct wrg_xs_call *xs,
                         const struct wrg_store_call *call, struct wrg_store_answer *out)
{
    struct wrg_store_entry entries[WRG_STORE_PERMS];
    struct wrg_xs_perm perms[WRG_STORE_PERMS] = { { .letter = 'x' } };
    int count = wrg_store_perms_parse(call->value, entries);

    for (int i = 0; i < count; i++)
        perms[i] = (struct wrg_xs_perm){ .domid = entries[i].domid, .letter = entries[i].letter };
    out->result =
        wrg_xenstore_set_perms(d->xs, xs, call->path, perms, count < 0 ? 1 : (size_t)count);
}

static void do_event(struct wrg_store_driver *d, const struct wrg_xs_call *xs,
                     struct wrg_store_answer *out)
{
    struct wrg_xs_event event = { .data = out->data, .cap = sizeof(out->data) };

    out->result = wrg_xenstore_next_event(d->xs, xs->conn, &event);
    if (out->result == 0)
        out->len = event.len;
}

static int start(struct wrg_store_driver *d, const struct wrg_xs_call *xs, uint8_t client)
{
    uint32_t tx = 0;

    int result = wrg_xenstore_transaction_start(d->xs, xs, &tx);
    if (result == 0)
        d->clients[client].tx[d->clients[client].started++ % WRG_STORE_TXS] = tx;
    return result;
}

static int end(struct wrg_store_driver *d, const struct wrg_xs_call *xs, bool commit)
{
    return wrg_xenstore_transaction_end(d->xs, xs, commit);
}

static int release(struct wrg_store_driver *d, const struct wrg_xs_call *xs, uint16_t domid)
{
    int result = wrg_xenstore_release(d->xs, xs, domid);

    if (result == 0)
        forget(d, domid);
    return result;
}

static void ask_about_node(struct wrg_store_driver *d, const struct wrg_xs_call *xs,
                           const struct wrg_store_call *call, struct wrg_store_answer *out)
{
    struct wrg_xs_reply reply = { .data = out->data, .cap = WRG_XS_PAYLOAD_MAX + 1 };

    switch (call->action) {
    case WRG_CASE_STORE_READ: out->result = wrg_xenstore_read(d->xs, xs, call->path, &reply); break;
    case WRG_CASE_STORE_DIRECTORY:
        out->result = wrg_xenstore_directory(d->xs, xs, call->path, &reply);
        break;
    case WRG_CASE_STORE_DIRECTORY_PART: do_directory_part(d, xs, call, out); return;
    case WRG_CASE_STORE_WRITE:
        out->result = wrg_xenstore_write(d->xs, xs, call->path, call->value, call->len);
        break;
    case WRG_CASE_STORE_MKDIR: out->result = wrg_xenstore_mkdir(d->xs, xs, call->path); break;
    case WRG_CASE_STORE_RM: out->result = wrg_xenstore_rm(d->xs, xs, call->path); break;
    case WRG_CASE_STORE_GET_PERMS: do_get_perms(d, xs, call, out); return;
    default: do_set_perms(d, xs, call, out); return;
    }
    out->len = out->result ? 0 : reply.len;
}

static void ask(struct wrg_store_driver *d, const struct wrg_xs_call *xs,
                const struct wrg_store_call *call, struct wrg_store_answer *out)
{
    switch (call->action) {
    case WRG_CASE_STORE_WATCH:
        out->result = wrg_xenstore_watch(d->xs, xs, call->path, call->value);
        break;
    case WRG_CASE_STORE_UNWATCH:
        out->result = wrg_xenstore_unwatch(d->xs, xs, call->path, call->value, false);
        break;
    case WRG_CASE_STORE_EVENT: do_event(d, xs, out); break;
    case WRG_CASE_STORE_START: out->result = start(d, xs, call->client); break;
    case WRG_CASE_STORE_COMMIT: out->result = end(d, xs, true); break;
    case WRG_CASE_STORE_ABORT: out->result = end(d, xs, false); break;
    case WRG_CASE_STORE_RESET_WATCHES: out->result = wrg_xenstore_reset_watches(d->xs, xs); break;
    case WRG_CASE_STORE_INTRODUCE:
        out->result = wrg_xenstore_introduce(d->xs, xs, call->dom);
        break;
    case WRG_CASE_STORE_RELEASE: out->result = release(d, xs, call->dom); break;
    case WRG_CASE_STORE_SET_TARGET:
        out->result =
            wrg_xenstore_set_target(d->xs, xs, call->dom, (uint16_t)(call->n % WRG_STORE_DOMAINS));
        break;
    case WRG_CASE_STORE_IS_INTRODUCED:
        out->len = 1;
        out->data[0] = wrg_xenstore_is_introduced(d->xs, call->dom) ? 'T' : 'F';
        break;
    default: ask_about_node(d, xs, call, out);
    }
}

/* ---- one call ---- */

static bool do_outside(struct wrg_store_driver *d, const struct wrg_store_call *call)
{
    switch (call->action) {
    case WRG_CASE_STORE_DIE:
        if (call->dom == 0) /* nobody would be left to see it */
            return true;
        wrg_xenstore_domain_died(d->xs, call->dom);
        forget(d, call->dom);
        return true;
    case WRG_CASE_STORE_CONNECT: {
        int result = open_client(d, call->client);
        WRG_ASSERT(result == 0);
        return true;
    }
    case WRG_CASE_STORE_DISCONNECT:
        if (d->clients[call->client].open)
            wrg_xenstore_disconnect(d->xs, d->clients[call->client].conn);
        d->clients[call->client].open = false;
        return true;
    case WRG_CASE_STORE_QUOTA: set_quota(d, call->n); return true;
    default: return false;
    }
}

static uint32_t tx_of(const struct wrg_store_driver *d, const struct wrg_store_call *call)
{
    uint32_t started = d->clients[call->client].started;

    if (call->tx > started)
        return NO_TX;
    return d->clients[call->client].tx[(started - call->tx) % WRG_STORE_TXS];
}

void wrg_store_driver_do(struct wrg_store_driver *d, const struct wrg_store_call *call,
                         struct wrg_store_answer *out)
{
    struct wrg_xs_call xs = { .conn = d->clients[call->client].conn };

    out->result = 0;
    out->any = out->fails = false;
    out->len = 0;
    if (do_outside(d, call))
        return;
    if (!d->clients[call->client].open) {
        out->result = -EBADF;
        return;
    }
    if (call->tx)
        xs.tx = tx_of(d, call);
    ask(d, &xs, call, out);
}

void wrg_store_driver_ask(struct wrg_store_driver *d, const struct wrg_op_store *op)
{
    struct wrg_store_call call = wrg_store_call_of(op, &d->text);

    wrg_store_driver_do(d, &call, &d->answer);
}

struct wrg_store_answer *wrg_store_driver_answer(struct wrg_store_driver *d)
{
    return &d->answer;
}
