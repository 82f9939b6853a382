/* SPDX-License-Identifier: MIT */
#include "serve/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* An open folder with a lock on it, or -errno. */
static int lock_folder(const char *path)
{
    char copy[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
    int fd;

    strcpy(copy, path); /* its length was checked */
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    /* Without a lock, on whatever file system, it is as good as elsewhere. */
    (void)flock(fd, LOCK_EX);
    return fd;
}

/* 0 if nobody serves the file that is there; it is gone then. */
static int remove_stale(const struct sockaddr_un *address)
{
    struct stat found;
    int fd, error;

    if (lstat(address->sun_path, &found) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(found.st_mode))
        return -ENOTSOCK;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    error = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? errno : 0;
    close(fd);
    /* All else, be it a full backlog or a missing permission, is somebody's. */
    if (error != ECONNREFUSED)
        return -EADDRINUSE;
    return unlink(address->sun_path) < 0 ? -errno : 0;
}

static int bind_and_listen(struct wrg_serve_socket *s, const struct sockaddr_un *address)
{
    struct stat made = { 0 };
    mode_t mask;
    int ret;

    s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0)
        return -errno;
    mask = umask(0177);
    ret = bind(s->fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
    umask(mask);
    if (ret == 0 && (listen(s->fd, SOMAXCONN) < 0 || lstat(s->path, &made) < 0)) {
        ret = -errno;
        unlink(s->path);
    }
    if (ret) {
        close(s->fd);
        return ret;
    }
    s->dev = made.st_dev;
    s->ino = made.st_ino;
    return 0;
}

int wrg_serve_listen(struct wrg_serve_socket *s, const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int folder, ret;

    if (path[0] == '\0')
        return -ENOENT;
    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    s->path = path;
    folder = lock_folder(path);
    if (folder < 0)
        return folder;
    ret = remove_stale(&address);
    if (ret == 0)
        ret = bind_and_listen(s, &address);
    close(folder);
    return ret;
}

void wrg_serve_unlisten(struct wrg_serve_socket *s)
{
    struct stat now;

    if (lstat(s->path, &now) == 0 && now.st_dev == s->dev && now.st_ino == s->ino)
        unlink(s->path);
    close(s->fd);
}
