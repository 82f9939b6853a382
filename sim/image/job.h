/* SPDX-License-Identifier: MIT */
/*
 * A disk image copied through the simulated rings: a guest with two devices reads from the one and
 * writes to the other (copy.h); below their backends are files (disk_files.h).
 *
 * Layer    image
 * Shapes   open the files, build a world on them, run it, and then the part becomes the target, or
 *          goes, or waits for the next job to go on from it
 * Units    sectors of 512 bytes; seconds
 * Owner    run opens files and a world; fini gives them back, whatever run has returned
 * Errors   an exit code, and one line in `files.problem`
 * Threads  one, but for those of the thread engine
 */
#ifndef WRG_IMAGE_JOB_H
#define WRG_IMAGE_JOB_H

#include <signal.h>

#include "case/text.h"
#include "image/copy.h"
#include "image/files.h"
#include "disk/aio.h"
#include "disk/file_disk.h"

struct wrg_image_job {
    /* the caller's */
    unsigned ring_order, queues, segments, depth;
    const char *abi;
    bool persistent, verify, has_faults, check, direct, sync;
    uint64_t faults; /* their seed */
    enum wrg_engine engine;
    struct wrg_image_files files;
    const volatile sig_atomic_t *stop;
    /* Some times a second; NULL: nobody looks. */
    void (*show)(void *ctx, const struct wrg_copy *copy, double seconds);
    void *ctx;
    /* what came of it */
    struct wrg_copy copy;
    struct wrg_verdict verdict;
    double seconds;
    const char *waiting; /* how the files were waited for */
    /* its own */
    struct wrg_aio *aio;
    struct wrg_file_disk disks[2]; /* by enum wrg_copy_device */
    bool open[2];
    struct wrg_case_list cases;
    struct wrg_case c;
    struct wrg_world *world;
    double began, noted, shown, flushed;
    uint64_t noted_at;
};

/* What a job is unless somebody says otherwise. */
void wrg_image_job_init(struct wrg_image_job *job);
WRG_MUST_USE int wrg_image_job_run(struct wrg_image_job *job);
void wrg_image_job_fini(struct wrg_image_job *job);

#endif
