/* SPDX-License-Identifier: MIT */
/*
 * Nodes of a xenbus device, one at a time: numbers and texts, read and written.
 */
#include <errno.h>
#include <string.h>

#include <wringer/xenbus.h>

#define TEXT_MAX 64

static int read_node(struct wrg_xenbus_device *dev, uint32_t dir, const char *name, char *buf,
                     size_t cap)
{
    struct wrg_xs_read read = { .dir = dir, .name = name, .value = buf, .cap = cap };

    return wrg_port_xs_read(dev->port, &read);
}

static uint64_t read_number(struct wrg_xenbus_device *dev, uint32_t dir, const char *name,
                            uint64_t absent)
{
    char value[TEXT_MAX];
    uint64_t number;

    if (read_node(dev, dir, name, value, sizeof(value)) || wrg_scan_u64(value, &number))
        return absent;
    return number;
}

uint64_t wrg_xenbus_read_u64(struct wrg_xenbus_device *dev, const char *name, uint64_t absent)
{
    return read_number(dev, dev->other_dir, name, absent);
}

uint64_t wrg_xenbus_read_own_u64(struct wrg_xenbus_device *dev, const char *name, uint64_t absent)
{
    return read_number(dev, dev->dir, name, absent);
}

int wrg_xenbus_read_text(struct wrg_xenbus_device *dev, const char *name, char *buf, size_t cap)
{
    return read_node(dev, dev->other_dir, name, buf, cap);
}

int wrg_xenbus_write_text(struct wrg_xenbus_device *dev, uint32_t transaction, const char *name,
                          const char *value)
{
    struct wrg_xs_write write = { .transaction = transaction,
                                  .dir = dev->dir,
                                  .name = name,
                                  .value = value,
                                  .len = strlen(value) };

    return wrg_port_xs_write(dev->port, &write);
}

int wrg_xenbus_write_u64(struct wrg_xenbus_device *dev, uint32_t transaction, const char *name,
                         uint64_t value)
{
    char text[24];
    size_t len = wrg_format_u64(value, text);
    struct wrg_xs_write write = {
        .transaction = transaction, .dir = dev->dir, .name = name, .value = text, .len = len
    };

    return wrg_port_xs_write(dev->port, &write);
}

int wrg_xenbus_read_u32(struct wrg_xenbus_device *dev, const char *name, uint32_t *value)
{
    char text[TEXT_MAX];
    int result = read_node(dev, dev->other_dir, name, text, sizeof(text));

    return result ? result : wrg_scan_u32(text, value);
}

uint32_t wrg_xenbus_read_unsigned(struct wrg_xenbus_device *dev, const char *name, uint32_t absent)
{
    uint32_t value;

    return wrg_xenbus_read_u32(dev, name, &value) ? absent : value;
}

int wrg_xenbus_read_own_text(struct wrg_xenbus_device *dev, const char *name, char *buf, size_t cap)
{
    return read_node(dev, dev->dir, name, buf, cap);
}

int wrg_xenbus_remove(struct wrg_xenbus_device *dev, uint32_t transaction, const char *name)
{
    struct wrg_xs_rm rm = { .transaction = transaction, .dir = dev->dir, .name = name };

    return wrg_port_xs_rm(dev->port, &rm);
}

const char *wrg_xenbus_relative_name(const char *nodename)
{
    static const char home[] = "/local/domain/";
    const char *at = nodename + sizeof(home) - 1;

    if (strncmp(nodename, home, sizeof(home) - 1) != 0)
        return nodename;
    while (wrg_scan_is_digit(*at))
        at++;
    return *at == '/' ? at + 1 : at;
}

uint32_t wrg_xenbus_handle(const char *nodename)
{
    const char *slash = strrchr(nodename, '/');
    uint32_t handle = 0;

    (void)!wrg_scan_u32(slash ? slash + 1 : nodename, &handle);
    return handle;
}
