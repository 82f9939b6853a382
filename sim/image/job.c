/* SPDX-License-Identifier: MIT */
#include "image/job.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECTOR        512u
#define MIB           1048576.0
#define GUEST_MIB     64
#define BUFFER_BYTES  (32u << 20) /* of the guest's memory, at most */
#define TRIES         32          /* of a piece, with faults */
#define FLUSH_SECONDS 10.0        /* between two points that a power cut cannot take back */
#define NOTE_SECONDS  0.1
#define SHOW_SECONDS  0.2
#define CASE_TEXT_MAX 1024

static double clock_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- what the copy asks ---- */

static bool next_run(void *ctx, bool both, uint64_t from, uint64_t *first, uint64_t *count)
{
    const struct wrg_image_job *job = ctx;

    return wrg_image_files_next(&job->files, both, from, first, count);
}

static bool progress(void *ctx, const struct wrg_copy *copy)
{
    struct wrg_image_job *job = ctx;
    double now = clock_seconds();
    bool flush = now - job->flushed > FLUSH_SECONDS;

    if (job->show && now - job->shown > SHOW_SECONDS) {
        job->show(job->ctx, copy, now - job->began);
        job->shown = now;
    }
    if (!copy->verifying && copy->copied > job->noted_at && now - job->noted > NOTE_SECONDS) {
        wrg_image_files_note(&job->files, copy->copied, copy->durable);
        job->noted_at = copy->copied;
        job->noted = clock_seconds();
    }
    if (flush)
        job->flushed = now;
    return flush;
}

/* ---- building ---- */

static int out_of_memory(struct wrg_image_job *job)
{
    return wrg_image_refuse(&job->files, WRG_EXIT_FAULT, "%s", strerror(ENOMEM));
}

static int make_case(struct wrg_image_job *job)
{
    const char *yes = job->persistent ? "yes" : "no";
    char text[CASE_TEXT_MAX], indirect[16], err[256];
    int len;

    snprintf(indirect, sizeof(indirect), "%u", job->segments);
    len = snprintf(text, sizeof(text),
                   "wringer 1\n"
                   "config victim=none memory=%u depth=%u ring-order=%u queues=%u front-queues=%u "
                   "indirect-max=%s persistent=%s front-persistent=%s abi=%s\n",
                   GUEST_MIB, job->depth + 1, job->ring_order, job->queues, job->queues,
                   job->segments > 11 ? indirect : "absent", yes, yes, job->abi);
    /* Of the calls that a segment takes few fail, or no large request would ever succeed. */
    if (job->has_faults)
        len += snprintf(text + len, sizeof(text) - (size_t)len,
                        "fault-rate per-1000=1 seed=%" PRIu64 "\n"
                        "fault-rate site=disk-read per-1000=20 seed=%" PRIu64 "\n"
                        "fault-rate site=disk-write per-1000=20 seed=%" PRIu64 "\n",
                        job->faults, job->faults, job->faults);
    if (wrg_case_parse(text, (size_t)len, "disk", &job->cases, err, sizeof(err))) {
        return wrg_image_refuse(&job->files, WRG_EXIT_FAULT, "%s", err);
    }
    wrg_case_list_get(&job->cases, 0, &job->c);
    return WRG_EXIT_OK;
}

static int open_file(struct wrg_image_job *job, unsigned which)
{
    bool source = which == WRG_COPY_SOURCE;
    const struct wrg_file_disk_args args = { .path =
                                                 source ? job->files.source_name : job->files.part,
                                             .readonly = source,
                                             .direct = job->direct,
                                             .discard = !source,
                                             .aio = job->aio };
    int error = wrg_file_disk_open(&job->disks[which], &args);

    job->open[which] = error == 0;
    if (!error)
        return WRG_EXIT_OK;
    return wrg_image_refuse(&job->files, WRG_EXIT_USAGE, "%s: %s",
                            source ? job->files.source_name : job->files.target_name,
                            wrg_file_disk_reason(error));
}

static int make_world(struct wrg_image_job *job)
{
    struct wrg_world_options world = { .engine = job->engine,
                                       .oracles = job->check,
                                       .program = wrg_copy_main,
                                       .program_ctx = &job->copy,
                                       .faults_for_all = true,
                                       .devices = 2 };

    for (unsigned i = 0; i < 2; i++)
        world.disks[i] = &job->disks[i].disk;
    job->world = wrg_world_create(&world);
    return job->world ? WRG_EXIT_OK : out_of_memory(job);
}

static void plan_copy(struct wrg_image_job *job)
{
    struct wrg_copy *copy = &job->copy;
    uint32_t room = BUFFER_BYTES / WRG_PAGE_SIZE / (job->verify ? 2 : 1);

    copy->sectors = job->files.sectors;
    copy->begin = job->files.begin;
    copy->copied = copy->begin;
    copy->pages = wrg_min_u32(job->segments, room);
    copy->slots = wrg_min_u32(job->depth, room / copy->pages);
    copy->tries = job->has_faults ? TRIES : 1;
    copy->verify = job->verify;
    copy->flush = job->sync;
    copy->stop = job->stop;
    copy->next = next_run;
    copy->progress = progress;
    copy->ctx = job;
}

static int build(struct wrg_image_job *job)
{
    int code = make_case(job);

    /* On threads, and under checkers, the task of a disk waits for its file itself. */
    if (!code && job->engine == WRG_ENGINE_FIBER && !job->check &&
        wrg_aio_create(&job->aio, 2 * WRG_FILE_FLIGHTS))
        code = out_of_memory(job);
    job->waiting = job->aio ? job->aio->engine->name : "synchronous";
    for (unsigned i = 0; i < 2 && !code; i++)
        code = open_file(job, i);
    if (!code)
        code = make_world(job);
    if (!code)
        plan_copy(job);
    return code;
}

/* ---- running ---- */

static int run(struct wrg_image_job *job)
{
    enum wrg_world_end end;

    job->began = job->noted = job->shown = job->flushed = clock_seconds();
    job->noted_at = job->files.begin;
    if (wrg_world_start(job->world, &job->c))
        return out_of_memory(job);
    while ((end = wrg_world_run(job->world, 0)) != WRG_WORLD_FINISHED)
        if (end == WRG_WORLD_BLOCKED)
            (void)wrg_aio_reap(job->aio, true);
    wrg_world_verdict(job->world, &job->verdict);
    return WRG_EXIT_OK;
}

/* ---- the end ---- */

/* What the file itself has said, if it has said anything. */
static int blame_file(struct wrg_image_job *job, unsigned which)
{
    const char *name = which == WRG_COPY_SOURCE ? job->files.source_name : job->files.target_name;
    int error = job->disks[which].error;

    if (!error)
        return WRG_EXIT_OK;
    if (which == WRG_COPY_SOURCE && error == -ENODATA) {
        return wrg_image_refuse(&job->files, WRG_EXIT_USAGE,
                                "%s: it became shorter while it was copied", name);
    }
    return wrg_image_refuse(&job->files, WRG_EXIT_FAULT, "%s: %s", name, strerror(-error));
}

static int blame_copy(struct wrg_image_job *job)
{
    static const char *const devices[] = { "source", "target" };
    const struct wrg_copy *copy = &job->copy;
    int code = blame_file(job, WRG_COPY_SOURCE);

    if (!code)
        code = blame_file(job, WRG_COPY_TARGET);
    if (code)
        return code;
    switch (copy->end) {
    case WRG_COPY_FAILED:
        return wrg_image_refuse(&job->files, WRG_EXIT_FAULT,
                                "sector %" PRIu64 ": the device of the %s failed %" PRIu32
                                " times, at last with %s; there is no copy",
                                copy->failed, devices[copy->failed_device], copy->tries,
                                strerror(-copy->error));
    case WRG_COPY_DIFFERS:
        return wrg_image_refuse(&job->files, WRG_EXIT_FINDING,
                                "sector %" PRIu64 ": the copy differs, and was removed",
                                copy->failed);
    case WRG_COPY_STUCK:
        return wrg_image_refuse(&job->files, WRG_EXIT_FINDING,
                                "requests were not answered; there is no copy");
    case WRG_COPY_NO_MEMORY:
        return wrg_image_refuse(&job->files, WRG_EXIT_FAULT, "%s", strerror(ENOMEM));
    default: return WRG_EXIT_OK;
    }
}

/* After an interrupt: the next copy begins here. */
static int pause_copy(struct wrg_image_job *job)
{
    const struct wrg_copy *copy = &job->copy;

    wrg_image_files_note(&job->files, copy->copied, copy->durable);
    return wrg_image_refuse(
        &job->files, WRG_EXIT_FAULT,
        "interrupted after %.0f of %.0f MiB; the same command again goes on from there",
        (double)copy->copied * SECTOR / MIB, (double)copy->sectors * SECTOR / MIB);
}

static int blame_drivers(struct wrg_image_job *job)
{
    const struct wrg_verdict *v = &job->verdict;

    if (v->rule != WRG_RULE_CLEAN) {
        return wrg_image_refuse(&job->files, WRG_EXIT_FINDING,
                                "%s at step %" PRIu32 ": %s; there is no copy",
                                wrg_rule_id(v->rule), v->step, v->detail);
    }
    if (!job->copy.started) {
        return wrg_image_refuse(&job->files, WRG_EXIT_FAULT,
                                "the devices did not connect; there is no copy");
    }
    return WRG_EXIT_OK;
}

static int conclude(struct wrg_image_job *job)
{
    int code = blame_drivers(job);

    if (!code && job->copy.end == WRG_COPY_STOPPED)
        return pause_copy(job);
    if (!code)
        code = blame_copy(job);
    if (!code)
        code = wrg_image_files_commit(&job->files, job->sync);
    if (code)
        wrg_image_files_abandon(&job->files);
    return code;
}

/* ---- a job ---- */

void wrg_image_job_init(struct wrg_image_job *job)
{
    *job = (struct wrg_image_job){
        .ring_order = 2, .queues = 1, .segments = 256, .depth = 4, .abi = "native"
    };
    wrg_image_files_init(&job->files);
}

int wrg_image_job_run(struct wrg_image_job *job)
{
    int code = wrg_image_files_open(&job->files);

    if (code)
        return code;
    code = build(job);
    if (!code)
        code = run(job);
    if (code) {
        wrg_image_files_abandon(&job->files);
        return code;
    }
    code = conclude(job);
    job->seconds = clock_seconds() - job->began;
    return code;
}

void wrg_image_job_fini(struct wrg_image_job *job)
{
    /* Requests on their way end before what they use goes. */
    if (job->aio)
        wrg_aio_destroy(job->aio);
    if (job->world)
        wrg_world_destroy(job->world);
    for (unsigned i = 0; i < 2; i++)
        if (job->open[i])
            wrg_file_disk_close(&job->disks[i]);
    wrg_copy_fini(&job->copy);
    wrg_case_list_fini(&job->cases);
    wrg_image_files_close(&job->files);
}
