/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int wrg_cli_finish(const struct wrg_cli *cli, int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    wrg_cli_error(cli, "standard output: %s", strerror(errno ? errno : EIO));
    return WRG_EXIT_FAULT;
}

void wrg_cli_print_json(json_t *document)
{
    WRG_ASSERT(document);
    json_dumpf(document, stdout, JSON_INDENT(2));
    fputc('\n', stdout);
    json_decref(document);
}

/* Closes the file in any case. 0 or -errno. */
static int fill(FILE *out, wrg_cli_writer *write, const void *ctx)
{
    int result = 0;

    errno = 0;
    write(ctx, out);
    if (fflush(out) || ferror(out))
        result = errno ? -errno : -EIO;
    if (fclose(out) && result == 0)
        result = errno ? -errno : -EIO;
    return result;
}

/* mkostemp makes a file for the owner only; a new file gets what open(2) would give it. */
static void set_mode(int fd, const struct stat *old)
{
    mode_t mask = umask(0);

    umask(mask);
    if (fchmod(fd, old ? old->st_mode & 07777 : 0666 & ~mask))
        return; /* the owner can read it: good enough on file systems without modes */
}

static int replace(const char *path, const struct stat *old, wrg_cli_writer *write, const void *ctx)
{
    char temporary[PATH_MAX];
    int fd, result;
    FILE *out;

    if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= (int)sizeof(temporary))
        return -ENAMETOOLONG;
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    set_mode(fd, old);
    out = fdopen(fd, "w");
    if (!out) {
        close(fd);
        unlink(temporary);
        return -ENOMEM;
    }
    result = fill(out, write, ctx);
    if (result == 0 && rename(temporary, path))
        result = -errno;
    if (result)
        unlink(temporary);
    return result;
}

/* A device or a pipe cannot be replaced, only written to. */
static int write_through(const char *path, wrg_cli_writer *write, const void *ctx)
{
    FILE *out = fopen(path, "we");

    return out ? fill(out, write, ctx) : -errno;
}

static int write_to(const char *path, wrg_cli_writer *write, const void *ctx)
{
    char real[PATH_MAX];
    struct stat st;

    if (!realpath(path, real)) /* the file behind a link is replaced, not the link */
        return errno == ENOENT ? replace(path, NULL, write, ctx) : -errno;
    if (stat(real, &st))
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    return S_ISREG(st.st_mode) ? replace(real, &st, write, ctx) : write_through(real, write, ctx);
}

int wrg_cli_write_file(const struct wrg_cli *cli, const char *path, wrg_cli_writer *write,
                       const void *ctx)
{
    int result = write_to(path, write, ctx);

    if (result == 0)
        return WRG_EXIT_OK;
    wrg_cli_error(cli, "%s: %s", path, strerror(-result));
    /* A wrong name is the user's, a full disk the machine's. */
    return result == -ENOSPC || result == -EIO || result == -EDQUOT || result == -ENOMEM
               ? WRG_EXIT_FAULT
               : WRG_EXIT_USAGE;
}
