/* SPDX-License-Identifier: MIT */
/*
 * The store's calls: names within open directories, watches that wake tasks (guest.h says the
 * rest).
 */
#include <errno.h>
#include <string.h>

#include "guest/guest.h"

static struct wrg_xs_call make_call(const struct wrg_guest *guest, uint32_t transaction,
                                    uint32_t dir)
{
    return (struct wrg_xs_call){ .conn = wrg_guest_conn(guest), .tx = transaction, .dir = dir };
}

int wrg_guest_xs_open(struct wrg_guest *guest, void *ptr)
{
    struct wrg_xs_open *args = ptr;
    struct wrg_xs_call call = make_call(guest, args->transaction, 0);

    return wrg_xenstore_open(guest->xen->store, &call, args->path, &args->dir);
}

int wrg_guest_xs_read(struct wrg_guest *guest, void *ptr)
{
    struct wrg_xs_read *args = ptr;
    struct wrg_xs_call call = make_call(guest, args->transaction, args->dir);
    struct wrg_xs_reply reply = { .data = args->value, .cap = args->cap };
    int result = wrg_xenstore_read(guest->xen->store, &call, args->name, &reply);

    args->len = reply.len;
    return result == -EMSGSIZE || (!result && reply.len >= args->cap) ? -ERANGE : result;
}

int wrg_guest_xs_write(struct wrg_guest *guest, void *ptr)
{
    const struct wrg_xs_write *args = ptr;
    struct wrg_xs_call call = make_call(guest, args->transaction, args->dir);

    return wrg_xenstore_write(guest->xen->store, &call, args->name, args->value, args->len);
}

int wrg_guest_xs_mkdir(struct wrg_guest *guest, void *ptr)
{
    const struct wrg_xs_mkdir *args = ptr;
    struct wrg_xs_call call = make_call(guest, args->transaction, 0);

    return wrg_xenstore_mkdir(guest->xen->store, &call, args->path);
}

int wrg_guest_xs_rm(struct wrg_guest *guest, void *ptr)
{
    const struct wrg_xs_rm *args = ptr;
    struct wrg_xs_call call = make_call(guest, args->transaction, args->dir);

    return wrg_xenstore_rm(guest->xen->store, &call, args->name);
}

int wrg_guest_xs_directory(struct wrg_guest *guest, void *ptr)
{
    struct wrg_xs_directory *args = ptr;
    struct wrg_xs_call call = make_call(guest, args->transaction, 0);
    struct wrg_xs_reply reply = { .data = args->names, .cap = args->cap };
    int result = wrg_xenstore_directory(guest->xen->store, &call, args->path, &reply);

    args->len = reply.len;
    return result;
}

int wrg_guest_xs_get_perms(struct wrg_guest *guest, void *ptr)
{
    struct wrg_xs_get_perms *args = ptr;
    struct wrg_xs_call call = make_call(guest, args->transaction, 0);
    size_t count = args->cap;
    int result = wrg_xenstore_get_perms(guest->xen->store, &call, args->path, args->perms, &count);

    args->count = (uint32_t)count;
    return result;
}

int wrg_guest_xs_set_perms(struct wrg_guest *guest, void *ptr)
{
    const struct wrg_xs_set_perms *args = ptr;
    struct wrg_xs_call call = make_call(guest, args->transaction, 0);

    return wrg_xenstore_set_perms(guest->xen->store, &call, args->path, args->perms, args->count);
}

/* Which watch it is, in one word: FNV-1a over path and token. */
static uint64_t watch_key(const char *path, const char *token)
{
    uint64_t key = UINT64_C(0xcbf29ce484222325);

    for (; *path; path++)
        key = (key ^ (uint8_t)*path) * UINT64_C(0x100000001b3);
    key *= UINT64_C(0x100000001b3); /* the NUL between the two */
    for (; *token; token++)
        key = (key ^ (uint8_t)*token) * UINT64_C(0x100000001b3);
    return key;
}

static void forget_watch(struct wrg_guest_state *state, uint64_t key)
{
    uint32_t i = 0;

    while (i < state->nwatches && state->watch_keys[i] != key)
        i++;
    WRG_ASSERT(i < state->nwatches);
    state->nwatches--;
    for (; i < state->nwatches; i++) {
        state->watch_keys[i] = state->watch_keys[i + 1];
        state->watch_tasks[i] = state->watch_tasks[i + 1];
    }
}

static void emit_watch(struct wrg_guest *guest, const char *path, uint32_t added)
{
    size_t len = strnlen(path, WRG_TRACE_PAYLOAD_MAX);

    wrg_xen_emit(guest->xen, .kind = WRG_EV_XS_WATCH, .role = guest->dom->role, .a = added,
                 .payload = path, .len = (uint32_t)len);
}

int wrg_guest_xs_watch(struct wrg_guest *guest, void *ptr)
{
    const struct wrg_xs_watch *args = ptr;
    struct wrg_xs_call call = make_call(guest, 0, 0);

    if (guest->state.nwatches == WRG_GUEST_WATCHES)
        return -E2BIG;
    /* Before the call: its first event comes at once and must find its task. */
    guest->state.watch_keys[guest->state.nwatches] = watch_key(args->path, args->token);
    guest->state.watch_tasks[guest->state.nwatches++] = (uint8_t)args->task;
    int result = wrg_xenstore_watch(guest->xen->store, &call, args->path, args->token);
    if (result)
        guest->state.nwatches--;
    else
        emit_watch(guest, args->path, 1);
    return result;
}

int wrg_guest_xs_unwatch(struct wrg_guest *guest, void *ptr)
{
    const struct wrg_xs_unwatch *args = ptr;
    struct wrg_xs_call call = make_call(guest, 0, 0);
    int result = wrg_xenstore_unwatch(guest->xen->store, &call, args->path, args->token, true);

    if (!result) {
        forget_watch(&guest->state, watch_key(args->path, args->token));
        emit_watch(guest, args->path, 0);
    }
    return result;
}

int wrg_guest_xs_next_event(struct wrg_guest *guest, void *ptr)
{
    struct wrg_xs_next_event *args = ptr;
    char data[WRG_XS_EVENT_MAX]; /* a path longer than ours is cut, not left in the queue */
    struct wrg_xs_event event = { .data = data, .cap = sizeof(data) };
    int result = wrg_xenstore_next_event(guest->xen->store, wrg_guest_conn(guest), &event);

    if (result)
        return result;
    strncpy(args->path, event.path, sizeof(args->path) - 1);
    args->path[sizeof(args->path) - 1] = 0;
    strncpy(args->token, event.token, sizeof(args->token) - 1);
    args->token[sizeof(args->token) - 1] = 0;
    return 0;
}

int wrg_guest_xs_transaction_start(struct wrg_guest *guest, void *ptr)
{
    struct wrg_xs_transaction_start *args = ptr;
    struct wrg_xs_call call = make_call(guest, 0, 0);
    int result = wrg_xenstore_transaction_start(guest->xen->store, &call, &args->transaction);

    if (!result)
        guest->state.ntransactions++;
    return result;
}

int wrg_guest_xs_transaction_end(struct wrg_guest *guest, void *ptr)
{
    const struct wrg_xs_transaction_end *args = ptr;
    struct wrg_xs_call call = make_call(guest, args->transaction, 0);
    int32_t fault = args->abort ? 0
                                : wrg_fault_point(guest->xen->fault, WRG_FAULT_XS_TRANSACTION_END,
                                                  guest->fault_row);
    int result = wrg_xenstore_transaction_end(guest->xen->store, &call, !args->abort && !fault);

    if (result != -ENOENT && guest->state.ntransactions)
        guest->state.ntransactions--;
    return fault ? wrg_guest_refuse(guest, WRG_FAULT_XS_TRANSACTION_END, fault) : result;
}
