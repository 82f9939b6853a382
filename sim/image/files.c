/* SPDX-License-Identifier: MIT */
#include "image/files.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "disk/disk.h"
#include "disk/file_disk.h"

#define SECTOR  512u
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

int wrg_image_refuse(struct wrg_image_files *files, enum wrg_exit code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(files->problem, sizeof(files->problem), format, args);
    va_end(args);
    return (int)code;
}

static int refuse(struct wrg_image_files *files, const char *name, const char *what)
{
    return wrg_image_refuse(files, WRG_EXIT_USAGE, "%s: %s", name, what);
}

/* ---- source ---- */

/* A file disk will look at it again; this is for its size and its holes. */
static int open_source(struct wrg_image_files *files)
{
    const struct wrg_file_disk_args args = { .path = files->source_name, .readonly = true };
    struct wrg_file_disk disk;
    int error = wrg_file_disk_open(&disk, &args);

    if (error)
        return refuse(files, files->source_name, wrg_file_disk_reason(error));
    files->sectors = disk.sectors;
    files->source = fcntl(disk.fd, F_DUPFD_CLOEXEC, 0);
    wrg_file_disk_close(&disk);
    if (files->source < 0 || fstat(files->source, &files->st))
        return refuse(files, files->source_name, strerror(errno));
    return WRG_EXIT_OK;
}

static bool source_has_changed(const struct wrg_image_files *files)
{
    struct stat now;

    return fstat(files->source, &now) || now.st_size != files->st.st_size ||
           now.st_mtim.tv_sec != files->st.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != files->st.st_mtim.tv_nsec;
}

/* ---- target ---- */

/* Where it really is. What is not there yet is where its folder is. */
static int find_target(struct wrg_image_files *files)
{
    char folder[PATH_MAX], copy[PATH_MAX];
    struct stat st;

    if (strlen(files->target_name) + 1 > sizeof(copy))
        return refuse(files, files->target_name, strerror(ENAMETOOLONG));
    if (realpath(files->target_name, files->target)) {
        if (stat(files->target, &st))
            return refuse(files, files->target_name, strerror(errno));
        if (S_ISDIR(st.st_mode))
            return refuse(files, files->target_name, "it is a folder");
        if (!S_ISREG(st.st_mode))
            return refuse(files, files->target_name, "it is no file");
        if (st.st_dev == files->st.st_dev && st.st_ino == files->st.st_ino)
            return refuse(files, files->target_name, "source and target are the same file");
        return files->force ? WRG_EXIT_OK
                            : refuse(files, files->target_name, "it exists; --force replaces it");
    }
    strcpy(copy, files->target_name);
    if (errno != ENOENT || !realpath(dirname(copy), folder))
        return refuse(files, files->target_name, strerror(errno));
    strcpy(copy, files->target_name);
    if (!*copy || copy[strlen(copy) - 1] == '/')
        return refuse(files, files->target_name, "it is no name of a file");
    if (snprintf(files->target, sizeof(files->target), "%s/%s", folder, basename(copy)) >=
        (int)sizeof(files->target))
        return refuse(files, files->target_name, strerror(ENAMETOOLONG));
    return WRG_EXIT_OK;
}

/* The machine's fault, not the user's. */
static int out_of_room(struct wrg_image_files *files, int error)
{
    bool room = error == ENOSPC || error == EDQUOT || error == EFBIG || error == EIO;

    return wrg_image_refuse(files, room ? WRG_EXIT_FAULT : WRG_EXIT_USAGE, "%s: %s",
                            files->target_name, strerror(error));
}

static int open_part(struct wrg_image_files *files)
{
    struct stat open_one, named;

    files->out = open(files->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (files->out < 0)
        return out_of_room(files, errno);
    /* The one that held the lock may have given it away, and the name with it. */
    if (flock(files->out, LOCK_EX | LOCK_NB) || fstat(files->out, &open_one) ||
        stat(files->part, &named) || open_one.st_ino != named.st_ino)
        return refuse(files, files->target_name, "another copy is at work on it");
    return WRG_EXIT_OK;
}

/*
 * A new one, rather than the old one made empty: some file systems write everything out when a file
 * is closed that was made empty while it was open.
 */
static int replace_part(struct wrg_image_files *files)
{
    (void)!unlink(files->part);
    close(files->out);
    return open_part(files);
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
static uint64_t read_state(const struct wrg_image_files *files)
{
    char text[512] = "", boot[64], boot_now[64];
    uint64_t size, sec, nsec, copied, durable;
    const char *at = text;
    FILE *in = fopen(files->state, "re");
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
    if (size != files->sectors * SECTOR || sec != (uint64_t)files->st.st_mtim.tv_sec ||
        nsec != (uint64_t)files->st.st_mtim.tv_nsec)
        return 0;
    read_boot_id(boot_now);
    if (strcmp(boot, boot_now) != 0 || strcmp(boot, "unknown") == 0)
        copied = durable;
    return copied <= files->sectors ? copied : 0;
}

void wrg_image_files_note(const struct wrg_image_files *files, uint64_t copied, uint64_t durable)
{
    char temporary[sizeof(files->state) + 8], boot[64];
    FILE *out;
    bool good;

    snprintf(temporary, sizeof(temporary), "%s.new", files->state);
    out = fopen(temporary, "we");
    if (!out)
        return;
    read_boot_id(boot);
    good = fprintf(out,
                   "wringer-disk 1\nsize %" PRIu64 "\nchanged %" PRIu64 ".%09" PRIu64
                   "\ncopied %" PRIu64 "\ndurable %" PRIu64 "\nboot %s\nend\n",
                   files->sectors * SECTOR, (uint64_t)files->st.st_mtim.tv_sec,
                   (uint64_t)files->st.st_mtim.tv_nsec, copied, durable, boot) > 0;
    good = fclose(out) == 0 && good;
    if (!good || rename(temporary, files->state))
        (void)!unlink(temporary);
}

/* The part as an earlier copy has left it, or empty; in either case as long as the source. */
static int prepare_part(struct wrg_image_files *files)
{
    struct stat st;
    int code = WRG_EXIT_OK;

    if (fstat(files->out, &st))
        return out_of_room(files, errno);
    if (st.st_size == (off_t)(files->sectors * SECTOR))
        files->begin = read_state(files);
    if (files->begin)
        return WRG_EXIT_OK;
    (void)!unlink(files->state);
    if (st.st_size)
        code = replace_part(files);
    if (!code && ftruncate(files->out, (off_t)(files->sectors * SECTOR)))
        code = out_of_room(files, errno);
    return code;
}

void wrg_image_files_init(struct wrg_image_files *files)
{
    files->source = files->out = -1;
    files->sparse = true;
}

int wrg_image_files_open(struct wrg_image_files *files)
{
    int code;

    files->begin = 0;
    code = open_source(files);
    if (!code)
        code = find_target(files);
    if (code)
        return code;
    snprintf(files->part, sizeof(files->part), "%s.wringer-part", files->target);
    snprintf(files->state, sizeof(files->state), "%s.wringer-state", files->target);
    code = open_part(files);
    if (code)
        return code;
    code = prepare_part(files);
    if (code)
        wrg_image_files_abandon(files);
    return code;
}

void wrg_image_files_close(struct wrg_image_files *files)
{
    if (files->source >= 0)
        close(files->source);
    if (files->out >= 0)
        close(files->out);
    files->source = files->out = -1;
}

/* ---- the end ---- */

void wrg_image_files_abandon(struct wrg_image_files *files)
{
    (void)!unlink(files->part);
    (void)!unlink(files->state);
}

static int sync_folder(const struct wrg_image_files *files)
{
    char copy[PATH_MAX];
    int fd, result;

    strcpy(copy, files->target);
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    result = fsync(fd);
    close(fd);
    return result;
}

int wrg_image_files_commit(struct wrg_image_files *files, bool sync)
{
    mode_t mask = umask(0);
    mode_t mode = S_ISREG(files->st.st_mode) ? files->st.st_mode & 0777 : 0600;

    umask(mask);
    if (source_has_changed(files))
        return refuse(files, files->source_name, "it was changed while it was copied");
    (void)!fchmod(files->out, mode & ~mask); /* some file systems have no modes */
    if (sync && fsync(files->out))
        return out_of_room(files, errno);
    if (rename(files->part, files->target))
        return out_of_room(files, errno);
    (void)!unlink(files->state);
    if (sync && sync_folder(files))
        return out_of_room(files, errno);
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

bool wrg_image_files_next(const struct wrg_image_files *files, bool both, uint64_t from,
                          uint64_t *first, uint64_t *count)
{
    uint64_t end, other, other_end;
    bool any = true;

    if (!files->sparse) {
        *first = from;
        *count = files->sectors - from;
        return from < files->sectors;
    }
    any = next_data(files->source, files->sectors, from, first, &end);
    if (both && next_data(files->out, files->sectors, from, &other, &other_end) &&
        (!any || other < *first)) {
        end = any ? wrg_min_u64(other_end, *first) : other_end;
        *first = other;
        any = true;
    }
    *count = any ? end - *first : 0;
    return any;
}
