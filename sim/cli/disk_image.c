/* SPDX-License-Identifier: MIT */
#include "cli/disk_image.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "disk/disk.h"
#include "disk/file_disk.h"

#define SECTOR  512u
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static int refuse(const struct wrg_disk_images *images, const char *name, const char *what)
{
    wrg_cli_error(images->cli, "%s: %s", name, what);
    return WRG_EXIT_USAGE;
}

/* ---- source ---- */

/* A file disk will look at it again; this is for its size and its holes. */
static int open_source(struct wrg_disk_images *images)
{
    const struct wrg_file_disk_args args = { .path = images->source_name, .readonly = true };
    struct wrg_file_disk disk;
    int error = wrg_file_disk_open(&disk, &args);

    if (error)
        return refuse(images, images->source_name, wrg_file_disk_reason(error));
    images->sectors = disk.sectors;
    images->source = fcntl(disk.fd, F_DUPFD_CLOEXEC, 0);
    wrg_file_disk_close(&disk);
    if (images->source < 0 || fstat(images->source, &images->st))
        return refuse(images, images->source_name, strerror(errno));
    return WRG_EXIT_OK;
}

static bool source_has_changed(const struct wrg_disk_images *images)
{
    struct stat now;

    return fstat(images->source, &now) || now.st_size != images->st.st_size ||
           now.st_mtim.tv_sec != images->st.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != images->st.st_mtim.tv_nsec;
}

/* ---- target ---- */

/* Where it really is. What is not there yet is where its folder is. */
static int find_target(struct wrg_disk_images *images)
{
    char folder[PATH_MAX], copy[PATH_MAX];
    struct stat st;

    if (strlen(images->target_name) + 1 > sizeof(copy))
        return refuse(images, images->target_name, strerror(ENAMETOOLONG));
    if (realpath(images->target_name, images->target)) {
        if (stat(images->target, &st))
            return refuse(images, images->target_name, strerror(errno));
        if (S_ISDIR(st.st_mode))
            return refuse(images, images->target_name, "it is a folder");
        if (!S_ISREG(st.st_mode))
            return refuse(images, images->target_name, "it is no file");
        if (st.st_dev == images->st.st_dev && st.st_ino == images->st.st_ino)
            return refuse(images, images->target_name, "source and target are the same file");
        return images->force
                   ? WRG_EXIT_OK
                   : refuse(images, images->target_name, "it exists; --force replaces it");
    }
    strcpy(copy, images->target_name);
    if (errno != ENOENT || !realpath(dirname(copy), folder))
        return refuse(images, images->target_name, strerror(errno));
    strcpy(copy, images->target_name);
    if (!*copy || copy[strlen(copy) - 1] == '/')
        return refuse(images, images->target_name, "it is no name of a file");
    if (snprintf(images->target, sizeof(images->target), "%s/%s", folder, basename(copy)) >=
        (int)sizeof(images->target))
        return refuse(images, images->target_name, strerror(ENAMETOOLONG));
    return WRG_EXIT_OK;
}

/* The machine's fault, not the user's. */
static int out_of_room(const struct wrg_disk_images *images, int error)
{
    bool room = error == ENOSPC || error == EDQUOT || error == EFBIG || error == EIO;

    wrg_cli_error(images->cli, "%s: %s", images->target_name, strerror(error));
    return room ? WRG_EXIT_FAULT : WRG_EXIT_USAGE;
}

static int open_part(struct wrg_disk_images *images)
{
    struct stat open_one, named;

    images->out = open(images->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (images->out < 0)
        return out_of_room(images, errno);
    /* The one that held the lock may have given it away, and the name with it. */
    if (flock(images->out, LOCK_EX | LOCK_NB) || fstat(images->out, &open_one) ||
        stat(images->part, &named) || open_one.st_ino != named.st_ino)
        return refuse(images, images->target_name, "another copy is at work on it");
    return WRG_EXIT_OK;
}

/*
 * A new one, rather than the old one made empty: some file systems write everything out when a file
 * is closed that was made empty while it was open.
 */
static int replace_part(struct wrg_disk_images *images)
{
    (void)!unlink(images->part);
    close(images->out);
    return open_part(images);
}

/* ---- state ---- */

static void read_boot_id(char id[64])
{
    FILE *in = fopen(BOOT_ID, "re");

    if (!in || fscanf(in, "%63s", id) != 1)
        strcpy(id, "unknown");
    if (in)
        fclose(in);
}

/* A word, and a number right behind it. Steps over both. */
static bool take_number(const char **at, const char *word, uint64_t *value)
{
    size_t len = strlen(word);
    char *end;

    if (strncmp(*at, word, len) != 0 || !isdigit((unsigned char)(*at)[len]))
        return false;
    errno = 0;
    *value = strtoull(*at + len, &end, 10);
    *at = end;
    return errno == 0;
}

/* How far an earlier copy of this very source has come; 0: nowhere. */
static uint64_t read_state(const struct wrg_disk_images *images)
{
    char text[512] = "", boot[64], boot_now[64];
    uint64_t size, sec, nsec, copied, durable;
    const char *at = text;
    FILE *in = fopen(images->state, "re");
    int whole = 0;

    if (!in)
        return 0;
    (void)!fread(text, 1, sizeof(text) - 1, in);
    fclose(in);
    if (!take_number(&at, "wringer-disk 1\nsize ", &size) ||
        !take_number(&at, "\nchanged ", &sec) || !take_number(&at, ".", &nsec) ||
        !take_number(&at, "\ncopied ", &copied) || !take_number(&at, "\ndurable ", &durable) ||
        sscanf(at, "\nboot %63s end%n", boot, &whole) != 1 || !whole)
        return 0;
    if (size != images->sectors * SECTOR || sec != (uint64_t)images->st.st_mtim.tv_sec ||
        nsec != (uint64_t)images->st.st_mtim.tv_nsec)
        return 0;
    read_boot_id(boot_now);
    if (strcmp(boot, boot_now) != 0 || strcmp(boot, "unknown") == 0)
        copied = durable;
    return copied <= images->sectors ? copied : 0;
}

void wrg_disk_images_note(const struct wrg_disk_images *images, uint64_t copied, uint64_t durable)
{
    char temporary[sizeof(images->state) + 8], boot[64];
    FILE *out;
    bool good;

    snprintf(temporary, sizeof(temporary), "%s.new", images->state);
    out = fopen(temporary, "we");
    if (!out)
        return;
    read_boot_id(boot);
    good = fprintf(out,
                   "wringer-disk 1\nsize %" PRIu64 "\nchanged %" PRIu64 ".%09" PRIu64
                   "\ncopied %" PRIu64 "\ndurable %" PRIu64 "\nboot %s\nend\n",
                   images->sectors * SECTOR, (uint64_t)images->st.st_mtim.tv_sec,
                   (uint64_t)images->st.st_mtim.tv_nsec, copied, durable, boot) > 0;
    good = fclose(out) == 0 && good;
    if (!good || rename(temporary, images->state))
        (void)!unlink(temporary);
}

/* The part as an earlier copy has left it, or empty; in either case as long as the source. */
static int prepare_part(struct wrg_disk_images *images)
{
    struct stat st;
    int code = WRG_EXIT_OK;

    if (fstat(images->out, &st))
        return out_of_room(images, errno);
    if (st.st_size == (off_t)(images->sectors * SECTOR))
        images->begin = read_state(images);
    if (images->begin)
        return WRG_EXIT_OK;
    (void)!unlink(images->state);
    if (st.st_size)
        code = replace_part(images);
    if (!code && ftruncate(images->out, (off_t)(images->sectors * SECTOR)))
        code = out_of_room(images, errno);
    return code;
}

int wrg_disk_images_open(struct wrg_disk_images *images)
{
    int code;

    images->source = images->out = -1;
    images->begin = 0;
    code = open_source(images);
    if (!code)
        code = find_target(images);
    if (code)
        return code;
    snprintf(images->part, sizeof(images->part), "%s.wringer-part", images->target);
    snprintf(images->state, sizeof(images->state), "%s.wringer-state", images->target);
    code = open_part(images);
    if (code)
        return code;
    code = prepare_part(images);
    if (code)
        wrg_disk_images_abandon(images);
    return code;
}

void wrg_disk_images_close(struct wrg_disk_images *images)
{
    if (images->source >= 0)
        close(images->source);
    if (images->out >= 0)
        close(images->out);
    images->source = images->out = -1;
}

/* ---- the end ---- */

void wrg_disk_images_abandon(struct wrg_disk_images *images)
{
    (void)!unlink(images->part);
    (void)!unlink(images->state);
}

static int sync_folder(const struct wrg_disk_images *images)
{
    char copy[PATH_MAX];
    int fd, result;

    strcpy(copy, images->target);
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    result = fsync(fd);
    close(fd);
    return result;
}

int wrg_disk_images_commit(struct wrg_disk_images *images, bool sync)
{
    mode_t mask = umask(0);
    mode_t mode = S_ISREG(images->st.st_mode) ? images->st.st_mode & 0777 : 0600;

    umask(mask);
    if (source_has_changed(images))
        return refuse(images, images->source_name, "it was changed while it was copied");
    (void)!fchmod(images->out, mode & ~mask); /* some file systems have no modes */
    if (sync && fsync(images->out))
        return out_of_room(images, errno);
    if (rename(images->part, images->target))
        return out_of_room(images, errno);
    (void)!unlink(images->state);
    if (sync && sync_folder(images))
        return out_of_room(images, errno);
    return WRG_EXIT_OK;
}

/* ---- holes ---- */

/* Where data of a file begin and end; the whole rest where a file system does not tell. */
static bool next_data(int fd, uint64_t sectors, uint64_t from, uint64_t *first, uint64_t *end)
{
    off_t data, hole;

    *first = from;
    *end = sectors;
    if (from >= sectors)
        return false;
    data = lseek(fd, (off_t)(from * SECTOR), SEEK_DATA);
    if (data < 0)
        return errno != ENXIO;
    hole = lseek(fd, data, SEEK_HOLE);
    *first = wrg_max_u64(from, (uint64_t)data / SECTOR);
    if (hole > data)
        *end = wrg_min_u64(sectors, ((uint64_t)hole + SECTOR - 1) / SECTOR);
    return *first < *end;
}

bool wrg_disk_images_next(const struct wrg_disk_images *images, bool both, uint64_t from,
                          uint64_t *first, uint64_t *count)
{
    uint64_t end, other, other_end;
    bool any = true;

    if (!images->sparse) {
        *first = from;
        *count = images->sectors - from;
        return from < images->sectors;
    }
    any = next_data(images->source, images->sectors, from, first, &end);
    if (both && next_data(images->out, images->sectors, from, &other, &other_end) &&
        (!any || other < *first)) {
        end = any ? wrg_min_u64(other_end, *first) : other_end;
        *first = other;
        any = true;
    }
    *count = any ? end - *first : 0;
    return any;
}
