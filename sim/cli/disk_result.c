/* SPDX-License-Identifier: MIT */
/*
 * How a copy of `wringer disk` has ended: whose fault it is, what becomes of the files, what is
 * said.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli/disk_impl.h"
#include "report/report.h"

#define SECTOR 512u

/* What the file itself has said, if it has said anything. */
static int blame_file(const struct wrg_disk_command *disk, unsigned which)
{
    const char *name =
        which == WRG_COPY_SOURCE ? disk->images.source_name : disk->images.target_name;
    int error = disk->files[which].error;

    if (!error)
        return WRG_EXIT_OK;
    if (which == WRG_COPY_SOURCE && error == -ENODATA) {
        wrg_cli_error(disk->cli, "%s: it became shorter while it was copied", name);
        return WRG_EXIT_USAGE;
    }
    wrg_cli_error(disk->cli, "%s: %s", name, strerror(-error));
    return WRG_EXIT_FAULT;
}

static int blame_copy(const struct wrg_disk_command *disk)
{
    static const char *const devices[] = { "source", "target" };
    const struct wrg_copy *copy = &disk->copy;
    int code = blame_file(disk, WRG_COPY_SOURCE);

    if (!code)
        code = blame_file(disk, WRG_COPY_TARGET);
    if (code)
        return code;
    switch (copy->end) {
    case WRG_COPY_FAILED:
        wrg_cli_error(disk->cli,
                      "sector %" PRIu64 ": the device of the %s failed %" PRIu32
                      " times, at last with %s; there is no copy",
                      copy->failed, devices[copy->failed_device], copy->tries,
                      strerror(-copy->error));
        return WRG_EXIT_FAULT;
    case WRG_COPY_DIFFERS:
        wrg_cli_error(disk->cli, "sector %" PRIu64 ": the copy differs, and was removed",
                      copy->failed);
        return WRG_EXIT_FINDING;
    case WRG_COPY_STUCK:
        wrg_cli_error(disk->cli, "requests were not answered; there is no copy");
        return WRG_EXIT_FINDING;
    case WRG_COPY_NO_MEMORY:
        wrg_cli_error(disk->cli, "%s", strerror(ENOMEM));
        return WRG_EXIT_FAULT;
    default: return WRG_EXIT_OK;
    }
}

/* After an interrupt: the next copy begins here. */
static int pause_copy(struct wrg_disk_command *disk)
{
    const struct wrg_copy *copy = &disk->copy;

    wrg_disk_images_note(&disk->images, copy->copied, copy->durable);
    wrg_cli_error(disk->cli,
                  "interrupted after %.0f of %.0f MiB; the same command again goes on from there",
                  (double)copy->copied * SECTOR / WRG_DISK_MIB,
                  (double)copy->sectors * SECTOR / WRG_DISK_MIB);
    return WRG_EXIT_FAULT;
}

static int blame_drivers(const struct wrg_disk_command *disk)
{
    const struct wrg_verdict *v = &disk->verdict;

    if (v->rule != WRG_RULE_CLEAN) {
        wrg_cli_error(disk->cli, "%s at step %" PRIu32 ": %s; there is no copy",
                      wrg_rule_id(v->rule), v->step, v->detail);
        return WRG_EXIT_FINDING;
    }
    if (!disk->copy.started) {
        wrg_cli_error(disk->cli, "the devices did not connect; there is no copy");
        return WRG_EXIT_FAULT;
    }
    return WRG_EXIT_OK;
}

int wrg_disk_command_conclude(struct wrg_disk_command *disk)
{
    int code = blame_drivers(disk);

    if (!code && disk->copy.end == WRG_COPY_STOPPED)
        return pause_copy(disk);
    if (!code)
        code = blame_copy(disk);
    if (!code)
        code = wrg_disk_images_commit(&disk->images, disk->sync);
    if (code)
        wrg_disk_images_abandon(&disk->images);
    return code;
}

/* ---- saying it ---- */

static json_int_t bytes_of(uint64_t sectors)
{
    return (json_int_t)sectors * (json_int_t)SECTOR;
}

static void print_json(const struct wrg_disk_command *disk, double seconds)
{
    const struct wrg_copy *copy = &disk->copy;

    wrg_cli_print_json(json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:s, s:s}", "source", disk->images.source_name,
        "target", disk->images.target_name, "bytes", bytes_of(copy->sectors), "copied_bytes",
        bytes_of(copy->moved), "begun_at_bytes", bytes_of(copy->begin), "compared_bytes",
        bytes_of(copy->compared), "tried_again", (json_int_t)copy->retried, "seconds", seconds,
        "engine", disk->engine == WRG_ENGINE_FIBER ? "fiber" : "thread", "files",
        disk->aio ? disk->aio->engine->name : "synchronous"));
}

static void print_text(const struct wrg_disk_command *disk, double seconds)
{
    const struct wrg_copy *copy = &disk->copy;

    printf("%s: %" PRIu64 " bytes, %.1f MiB copied in %.2f s, %.0f MiB/s", disk->images.target_name,
           copy->sectors * SECTOR, (double)copy->moved * SECTOR / WRG_DISK_MIB, seconds,
           (double)copy->moved * SECTOR / WRG_DISK_MIB / (seconds + 1e-9));
    if (copy->begin)
        printf(", begun at %.1f MiB", (double)copy->begin * SECTOR / WRG_DISK_MIB);
    if (disk->has_faults)
        printf(", %" PRIu64 " pieces tried again", copy->retried);
    if (disk->verify)
        printf(", %.1f MiB compared", (double)copy->compared * SECTOR / WRG_DISK_MIB);
    putchar('\n');
}

void wrg_disk_command_print(const struct wrg_disk_command *disk)
{
    double seconds = wrg_disk_command_clock() - disk->began;

    if (disk->json)
        print_json(disk, seconds);
    else
        print_text(disk, seconds);
}
