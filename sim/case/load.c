/* SPDX-License-Identifier: MIT */
#include "case/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "case/value.h"

static bool ends_in_wring(const char *path)
{
    size_t len = strlen(path);

    return len >= 6 && strcmp(path + len - 6, ".wring") == 0;
}

/* Up to cap bytes; the number of them, or -errno. */
static ssize_t read_all(int fd, char *buf, size_t cap)
{
    size_t have = 0;

    while (have < cap) {
        ssize_t got = read(fd, buf + have, cap - have);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

/* A fifo or a terminal would block for ever. */
static int open_regular(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    int result = 0;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st))
        result = -errno;
    else if (S_ISDIR(st.st_mode))
        result = -EISDIR;
    else if (!S_ISREG(st.st_mode))
        result = -ENOTSUP;
    else if (st.st_size > (off_t)WRG_CASE_FILE_BYTES_MAX)
        result = -EFBIG;
    if (result == 0)
        return fd;
    close(fd);
    return result;
}

static const char *reason(int error)
{
    switch (error) {
    case -EISDIR: return "is a folder, not a case";
    case -ENOTSUP: return "is not a regular file";
    case -EFBIG: return "is longer than 1 MiB, too long for a case";
    default: return strerror(-error);
    }
}

static int parse_buffer(const char *path, const char *buf, size_t len, struct wrg_case_list *out,
                        struct wrg_message msg)
{
    int result;

    if (ends_in_wring(path) || wrg_case_is_text(buf, len))
        return wrg_case_parse(buf, len, path, out, msg.buf, msg.cap);
    result = wrg_case_list_of_bytes((const uint8_t *)buf, len, out);
    if (result)
        wrg_message_set(msg, "%s: out of memory", path);
    return result;
}

int wrg_case_load(const char *path, struct wrg_case_list *out, char *err, size_t errcap)
{
    struct wrg_message msg = { err, errcap };
    int fd = open_regular(path);
    ssize_t len = fd;
    char *buf = NULL;

    *out = (struct wrg_case_list){ 0 };
    if (fd >= 0) {
        buf = malloc(WRG_CASE_FILE_BYTES_MAX + 1);
        len = buf ? read_all(fd, buf, WRG_CASE_FILE_BYTES_MAX + 1) : -ENOMEM;
        close(fd);
    }
    if (len > (ssize_t)WRG_CASE_FILE_BYTES_MAX)
        len = -EFBIG; /* it has grown since */
    if (len < 0)
        wrg_message_set(msg, "%s: %s", path, reason((int)len));
    else
        len = parse_buffer(path, buf, (size_t)len, out, msg);
    free(buf);
    return (int)len;
}
