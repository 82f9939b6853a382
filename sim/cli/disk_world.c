/* SPDX-License-Identifier: MIT */
/*
 * The world of `wringer disk`: a guest with two devices on two files, and what its program asks.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "cli/disk_impl.h"

#define SECTOR        512u
#define GUEST_MIB     64
#define BUFFER_BYTES  (32u << 20) /* of the guest's memory, at most */
#define TRIES         32          /* of a piece, with faults */
#define FLUSH_SECONDS 10.0        /* between two points that a power cut cannot take back */
#define NOTE_SECONDS  0.1
#define SHOW_SECONDS  0.2
#define CASE_TEXT_MAX 1024

double wrg_disk_command_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- what the copy asks ---- */

static bool next_run(void *ctx, bool both, uint64_t from, uint64_t *first, uint64_t *count)
{
    const struct wrg_disk_command *disk = ctx;

    return wrg_disk_images_next(&disk->images, both, from, first, count);
}

static void show(const struct wrg_disk_command *disk, const struct wrg_copy *copy, double now)
{
    uint64_t done = copy->verifying ? copy->compared : copy->moved;

    fprintf(stderr, "\r%s %.0f of %.0f MiB, %.0f MiB/s ", copy->verifying ? "comparing" : "copying",
            (double)(copy->verifying ? copy->compared : copy->copied) * SECTOR / WRG_DISK_MIB,
            (double)copy->sectors * SECTOR / WRG_DISK_MIB,
            (double)done * SECTOR / WRG_DISK_MIB / (now - disk->began + 1e-9));
}

static bool progress(void *ctx, const struct wrg_copy *copy)
{
    struct wrg_disk_command *disk = ctx;
    double now = wrg_disk_command_clock();
    bool flush = now - disk->flushed > FLUSH_SECONDS;

    if (disk->tty && now - disk->shown > SHOW_SECONDS) {
        show(disk, copy, now);
        disk->shown = now;
    }
    if (!copy->verifying && copy->copied > disk->noted_at && now - disk->noted > NOTE_SECONDS) {
        wrg_disk_images_note(&disk->images, copy->copied, copy->durable);
        disk->noted_at = copy->copied;
        disk->noted = wrg_disk_command_clock();
    }
    if (flush)
        disk->flushed = now;
    return flush;
}

/* ---- building ---- */

static int out_of_memory(const struct wrg_disk_command *disk)
{
    wrg_cli_error(disk->cli, "%s", strerror(ENOMEM));
    return WRG_EXIT_FAULT;
}

static int make_case(struct wrg_disk_command *disk)
{
    const char *yes = disk->persistent ? "yes" : "no";
    char text[CASE_TEXT_MAX], indirect[16], err[256];
    int len;

    snprintf(indirect, sizeof(indirect), "%u", disk->segments);
    len = snprintf(text, sizeof(text),
                   "wringer 1\n"
                   "config victim=none memory=%u depth=%u ring-order=%u queues=%u front-queues=%u "
                   "indirect-max=%s persistent=%s front-persistent=%s abi=%s\n",
                   GUEST_MIB, disk->depth + 1, disk->ring_order, disk->queues, disk->queues,
                   disk->segments > 11 ? indirect : "absent", yes, yes, disk->abi);
    /* Of the calls that a segment takes few fail, or no large request would ever succeed. */
    if (disk->has_faults)
        len += snprintf(text + len, sizeof(text) - (size_t)len,
                        "fault-rate per-1000=1 seed=%" PRIu64 "\n"
                        "fault-rate site=disk-read per-1000=20 seed=%" PRIu64 "\n"
                        "fault-rate site=disk-write per-1000=20 seed=%" PRIu64 "\n",
                        disk->faults, disk->faults, disk->faults);
    if (wrg_case_parse(text, (size_t)len, "disk", &disk->cases, err, sizeof(err))) {
        wrg_cli_error(disk->cli, "%s", err);
        return WRG_EXIT_FAULT;
    }
    wrg_case_list_get(&disk->cases, 0, &disk->c);
    return WRG_EXIT_OK;
}

static int open_file(struct wrg_disk_command *disk, unsigned which)
{
    bool source = which == WRG_COPY_SOURCE;
    const struct wrg_file_disk_args args = { .path = source ? disk->images.source_name
                                                            : disk->images.part,
                                             .readonly = source,
                                             .direct = disk->direct,
                                             .discard = !source,
                                             .aio = disk->aio };
    int error = wrg_file_disk_open(&disk->files[which], &args);

    disk->open[which] = error == 0;
    if (!error)
        return WRG_EXIT_OK;
    wrg_cli_error(disk->cli, "%s: %s", source ? disk->images.source_name : disk->images.target_name,
                  wrg_file_disk_reason(error));
    return WRG_EXIT_USAGE;
}

static int make_world(struct wrg_disk_command *disk)
{
    struct wrg_world_options world = { .engine = disk->engine,
                                       .oracles = disk->check,
                                       .program = wrg_copy_main,
                                       .program_ctx = &disk->copy,
                                       .faults_for_all = true,
                                       .devices = 2 };

    for (unsigned i = 0; i < 2; i++)
        world.disks[i] = &disk->files[i].disk;
    disk->world = wrg_world_create(&world);
    return disk->world ? WRG_EXIT_OK : out_of_memory(disk);
}

static void plan_copy(struct wrg_disk_command *disk, const volatile sig_atomic_t *stop)
{
    struct wrg_copy *copy = &disk->copy;
    uint32_t room = BUFFER_BYTES / WRG_PAGE_SIZE / (disk->verify ? 2 : 1);

    copy->sectors = disk->images.sectors;
    copy->begin = disk->images.begin;
    copy->copied = copy->begin;
    copy->pages = wrg_min_u32(disk->segments, room);
    copy->slots = wrg_min_u32(disk->depth, room / copy->pages);
    copy->tries = disk->has_faults ? TRIES : 1;
    copy->verify = disk->verify;
    copy->flush = disk->sync;
    copy->stop = stop;
    copy->next = next_run;
    copy->progress = progress;
    copy->ctx = disk;
}

int wrg_disk_command_build(struct wrg_disk_command *disk, const volatile sig_atomic_t *stop)
{
    int code = make_case(disk);

    /* On threads, and under checkers, the task of a disk waits for its file itself. */
    if (!code && disk->engine == WRG_ENGINE_FIBER && !disk->check &&
        wrg_aio_create(&disk->aio, 2 * WRG_FILE_FLIGHTS))
        code = out_of_memory(disk);
    for (unsigned i = 0; i < 2 && !code; i++)
        code = open_file(disk, i);
    if (!code)
        code = make_world(disk);
    if (!code)
        plan_copy(disk, stop);
    return code;
}

/* Requests on their way end before what they use goes. */
void wrg_disk_command_demolish(struct wrg_disk_command *disk)
{
    if (disk->aio)
        wrg_aio_destroy(disk->aio);
    if (disk->world)
        wrg_world_destroy(disk->world);
    for (unsigned i = 0; i < 2; i++)
        if (disk->open[i])
            wrg_file_disk_close(&disk->files[i]);
    wrg_copy_fini(&disk->copy);
    wrg_case_list_fini(&disk->cases);
}

/* ---- running ---- */

int wrg_disk_command_run(struct wrg_disk_command *disk)
{
    enum wrg_world_end end;

    disk->began = disk->noted = disk->shown = disk->flushed = wrg_disk_command_clock();
    disk->noted_at = disk->images.begin;
    if (wrg_world_start(disk->world, &disk->c))
        return out_of_memory(disk);
    while ((end = wrg_world_run(disk->world, 0)) != WRG_WORLD_FINISHED)
        if (end == WRG_WORLD_BLOCKED)
            (void)wrg_aio_reap(disk->aio, true);
    wrg_world_verdict(disk->world, &disk->verdict);
    return WRG_EXIT_OK;
}
