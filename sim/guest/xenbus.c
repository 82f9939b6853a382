/* SPDX-License-Identifier: MIT */
#include <wringer/xenbus.h>

#include <errno.h>
#include <string.h>

#define TEXT_MAX 64
/* Commits that may lose against others before the caller is told. */
#define TRANSACTION_TRIES 16

static int read_node(struct wrg_xenbus_device *dev, uint32_t dir, const char *name, char *buf,
                     size_t cap)
{
    struct wrg_xs_read read = { .dir = dir, .name = name, .value = buf, .cap = cap };

    return wrg_port_xs_read(dev->port, &read);
}

static int open_dir(struct wrg_xenbus_device *dev, const char *path, uint32_t *dir)
{
    struct wrg_xs_open open = { .path = path };
    int result = wrg_port_xs_open(dev->port, &open);

    *dir = open.dir;
    return result;
}

/* Both directories, and whose the other one is. */
static int open_both(struct wrg_xenbus_device *dev, const char *other)
{
    struct wrg_port *port = dev->port;
    char name[16];
    char value[TEXT_MAX];
    uint32_t domid = 0;
    size_t len = strlen(other);
    int result;

    dev->state = WRG_XENBUS_INITIALISING;
    result = open_dir(dev, port->nodename, &dev->dir);
    if (!result)
        result = read_node(dev, dev->dir, other, dev->other_path, sizeof(dev->other_path));
    if (!result)
        result = open_dir(dev, dev->other_path, &dev->other_dir);
    if (result || len + sizeof("-id") > sizeof(name))
        return result ? result : -EINVAL;
    memcpy(name, other, len);
    memcpy(name + len, "-id", sizeof("-id"));
    result = read_node(dev, dev->dir, name, value, sizeof(value));
    if (!result)
        result = wrg_scan_u32(value, &domid);
    dev->other_domid = (uint16_t)domid;
    return result;
}

int wrg_xenbus_init(struct wrg_xenbus_device *dev, struct wrg_port *port, const char *other)
{
    memset(dev, 0, sizeof(*dev));
    dev->port = port;
    return open_both(dev, other);
}

int wrg_xenbus_reopen(struct wrg_xenbus_device *dev, const char *other)
{
    return open_both(dev, other);
}

int wrg_xenbus_watch_state(struct wrg_xenbus_device *dev, uint32_t task)
{
    char path[sizeof(dev->other_path) + sizeof("/state")];
    size_t len = strlen(dev->other_path);

    memcpy(path, dev->other_path, len);
    memcpy(path + len, "/state", sizeof("/state"));
    memcpy(dev->token, "state", sizeof("state"));
    struct wrg_xs_watch watch = { .path = path, .token = dev->token, .task = task };
    int result = wrg_port_xs_watch(dev->port, &watch);
    dev->watching = result == 0;
    return result;
}

int wrg_xenbus_watch_own(struct wrg_xenbus_device *dev, const char *name, uint32_t task)
{
    size_t len = strlen(dev->port->nodename);
    struct wrg_xs_watch watch = { .path = dev->own_path, .token = "own", .task = task };
    int result;

    if (len + strlen(name) + sizeof("/") > sizeof(dev->own_path))
        return -EINVAL;
    memcpy(dev->own_path, dev->port->nodename, len);
    dev->own_path[len] = '/';
    memcpy(dev->own_path + len + 1, name, strlen(name) + 1);
    result = wrg_port_xs_watch(dev->port, &watch);
    if (result)
        dev->own_path[0] = '\0';
    return result;
}

uint32_t wrg_xenbus_drain_events(struct wrg_xenbus_device *dev)
{
    struct wrg_xs_next_event event;
    uint32_t count = 0;

    for (dev->own_changed = false; wrg_port_xs_next_event(dev->port, &event) == 0; count++)
        dev->own_changed |= event.token[0] == 'o';
    return count;
}

void wrg_xenbus_fini(struct wrg_xenbus_device *dev)
{
    char path[sizeof(dev->other_path) + sizeof("/state")];
    size_t len = strlen(dev->other_path);

    if (dev->own_path[0]) {
        struct wrg_xs_unwatch own = { .path = dev->own_path, .token = "own" };
        (void)wrg_port_xs_unwatch(dev->port, &own);
        dev->own_path[0] = '\0';
    }
    if (!dev->watching)
        return;
    memcpy(path, dev->other_path, len);
    memcpy(path + len, "/state", sizeof("/state"));
    struct wrg_xs_unwatch unwatch = { .path = path, .token = dev->token };
    (void)wrg_port_xs_unwatch(dev->port, &unwatch);
    dev->watching = false;
}

static enum wrg_xenbus_state read_state(struct wrg_xenbus_device *dev, uint32_t dir)
{
    char value[TEXT_MAX];
    int32_t state = 0;

    if (read_node(dev, dir, "state", value, sizeof(value)) || wrg_scan_i32(value, &state))
        return WRG_XENBUS_UNKNOWN;
    return (enum wrg_xenbus_state)state;
}

enum wrg_xenbus_state wrg_xenbus_read_other_state(struct wrg_xenbus_device *dev)
{
    return read_state(dev, dev->other_dir);
}

enum wrg_xenbus_state wrg_xenbus_read_own_state(struct wrg_xenbus_device *dev)
{
    return read_state(dev, dev->dir);
}

int wrg_xenbus_transact(struct wrg_xenbus_device *dev,
                        int (*write)(void *ctx, uint32_t transaction), void *ctx)
{
    int result = -EAGAIN;

    for (unsigned tries = 0; tries < TRANSACTION_TRIES && result == -EAGAIN; tries++) {
        struct wrg_xs_transaction_start begin = { .transaction = 0 };
        result = wrg_port_xs_transaction_start(dev->port, &begin);
        if (result)
            return result;
        int written = write(ctx, begin.transaction);
        struct wrg_xs_transaction_end end = { .transaction = begin.transaction,
                                              .abort = written != 0 };
        result = wrg_port_xs_transaction_end(dev->port, &end);
        if (written)
            return written;
    }
    return result;
}

struct state_write {
    struct wrg_xenbus_device *dev;
    enum wrg_xenbus_state state;
    int (*more)(void *ctx, uint32_t transaction); /* what else is written; NULL: nothing */
    void *ctx;
};

/* What stands in the own state node, within a transaction. */
static int read_stored_state(struct wrg_xenbus_device *dev, uint32_t transaction, int32_t *stored)
{
    char value[TEXT_MAX];
    struct wrg_xs_read read = { .transaction = transaction,
                                .dir = dev->dir,
                                .name = "state",
                                .value = value,
                                .cap = sizeof(value) };
    int result = wrg_port_xs_read(dev->port, &read);

    *stored = (int32_t)dev->state;
    if (!result)
        (void)!wrg_scan_i32(value, stored);
    return result;
}

/*
 * Writes the state unless somebody else has begun to close the device, or has closed it. A
 * toolstack that asks for it writes Closing, and must not be overwritten by a step that began
 * before.
 */
static int write_state(void *ctx, uint32_t transaction)
{
    const struct state_write *args = ctx;
    struct wrg_xenbus_device *dev = args->dev;
    int32_t stored;
    int result = read_stored_state(dev, transaction, &stored);

    if (result)
        return result;
    bool foreign = (stored == WRG_XENBUS_CLOSING && dev->state != WRG_XENBUS_CLOSING) ||
                   (stored == WRG_XENBUS_CLOSED && dev->state < WRG_XENBUS_CLOSING);
    if (foreign && args->state < WRG_XENBUS_CLOSING)
        return -ESHUTDOWN;
    return wrg_xenbus_write_u64(dev, transaction, "state", (uint64_t)args->state);
}

int wrg_xenbus_switch_state(struct wrg_xenbus_device *dev, enum wrg_xenbus_state state)
{
    struct state_write args = { .dev = dev, .state = state };
    int result;

    if (dev->state == state)
        return 0;
    result = wrg_xenbus_transact(dev, write_state, &args);
    if (!result)
        dev->state = state;
    return result;
}

static int rewrite(void *ctx, uint32_t transaction)
{
    const struct state_write *args = ctx;
    int32_t stored;
    int result = read_stored_state(args->dev, transaction, &stored);

    if (!result && stored != (int32_t)args->dev->state)
        result = -ESHUTDOWN;
    if (!result)
        result = args->more(args->ctx, transaction);
    if (!result)
        result = wrg_xenbus_write_u64(args->dev, transaction, "state", (uint64_t)stored);
    return result;
}

int wrg_xenbus_rewrite_state(struct wrg_xenbus_device *dev,
                             int (*write)(void *ctx, uint32_t transaction), void *ctx)
{
    struct state_write args = { .dev = dev, .more = write, .ctx = ctx };

    return wrg_xenbus_transact(dev, rewrite, &args);
}

void wrg_xenbus_fatal(struct wrg_xenbus_device *dev, int error, const char *text)
{
    char path[sizeof("error/") + sizeof(dev->port->nodename) + sizeof("/error")] = "error/";
    const char *name = wrg_xenbus_relative_name(dev->port->nodename);
    char value[96];
    size_t len = wrg_format_u64((uint64_t)(error < 0 ? -error : error), value);

    strncat(path, name, sizeof(path) - strlen(path) - 1);
    strncat(path, "/error", sizeof(path) - strlen(path) - 1);
    value[len++] = ' ';
    size_t room = strnlen(text, sizeof(value) - len);
    memcpy(value + len, text, room);
    struct wrg_xs_write write = { .name = path, .value = value, .len = len + room };
    (void)wrg_port_xs_write(dev->port, &write);
    struct wrg_log log = { .text = text };
    (void)wrg_port_log(dev->port, &log);
    (void)wrg_xenbus_switch_state(dev, WRG_XENBUS_CLOSING);
}
