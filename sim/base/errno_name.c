/* SPDX-License-Identifier: MIT */
#include "base/errno_name.h"

#include "base/base.h"

#include <errno.h>
#include <string.h>

struct errno_row {
    int err;
    const char *name;
};

#define ROW(e)                                                                                     \
    {                                                                                              \
        e, #e                                                                                      \
    }

static const struct errno_row rows[] = {
    { 0, "OK" },
    /* What xenstored may answer, in the order of xs_wire.h. */
    ROW(EINVAL),
    ROW(EACCES),
    ROW(EEXIST),
    ROW(EISDIR),
    ROW(ENOENT),
    ROW(ENOMEM),
    ROW(ENOSPC),
    ROW(EIO),
    ROW(ENOTEMPTY),
    ROW(ENOSYS),
    ROW(EROFS),
    ROW(EBUSY),
    ROW(EAGAIN),
    ROW(EISCONN),
    ROW(E2BIG),
    ROW(EPERM),
    /* What drivers and the port return besides. */
    ROW(EBADE),
    ROW(EBADF),
    ROW(ECANCELED),
    ROW(ECONNRESET),
    ROW(EDOM),
    ROW(EFAULT),
    ROW(EFBIG),
    ROW(EILSEQ),
    ROW(EINTR),
    ROW(EMFILE),
    ROW(ENAMETOOLONG),
    ROW(ENODATA),
    ROW(ENODEV),
    ROW(ENOLINK),
    ROW(ENOTCONN),
    ROW(ENOTDIR),
    ROW(EOPNOTSUPP),
    ROW(ENXIO),
    ROW(EOVERFLOW),
    ROW(EPIPE),
    ROW(EPROTO),
    ROW(ERANGE),
    ROW(ESHUTDOWN),
    ROW(ESRCH),
    ROW(ESTALE),
    ROW(ETIMEDOUT),
    ROW(EUCLEAN),
    ROW(EXDEV),
    /* Same number on Linux; the later name is accepted, the first one is printed. */
    ROW(ENOTSUP),
    ROW(EWOULDBLOCK),
};

const char *wrg_errno_name(int err)
{
    int64_t wanted = err < 0 ? -(int64_t)err : err;

    for (size_t i = 0; i < WRG_ARRAY_LEN(rows); i++) {
        if (rows[i].err == wanted)
            return rows[i].name;
    }
    return "E?";
}

int wrg_errno_from_name(const char *name)
{
    for (size_t i = 0; i < WRG_ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].err;
    }
    return -1;
}
