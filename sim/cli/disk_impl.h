/* SPDX-License-Identifier: MIT */
/*
 * What the files of `wringer disk` share. Layer: cli; of disk.c, disk_world.c and disk_result.c.
 */
#ifndef WRG_CLI_DISK_IMPL_H
#define WRG_CLI_DISK_IMPL_H

#include <signal.h>

#include "case/text.h"
#include "cli/disk_copy.h"
#include "cli/disk_image.h"
#include "disk/aio.h"
#include "disk/file_disk.h"

#define WRG_DISK_MIB 1048576.0

struct wrg_disk_command {
    const struct wrg_cli *cli;
    unsigned ring_order, queues, segments, depth;
    const char *abi;
    bool persistent, verify, has_faults, check, direct, sync, json;
    uint64_t faults;
    enum wrg_engine engine;
    struct wrg_disk_images images;
    struct wrg_aio *aio;
    struct wrg_file_disk files[2]; /* by enum wrg_copy_device */
    bool open[2];
    struct wrg_case_list cases;
    struct wrg_case c;
    struct wrg_world *world;
    struct wrg_copy copy;
    struct wrg_verdict verdict;
    bool tty;
    double began, noted, shown, flushed; /* seconds */
    uint64_t noted_at;
};

/* disk_world.c: both 0 or an exit code, after one line on stderr. */
WRG_MUST_USE int wrg_disk_command_build(struct wrg_disk_command *disk,
                                        const volatile sig_atomic_t *stop);
WRG_MUST_USE int wrg_disk_command_run(struct wrg_disk_command *disk);
void wrg_disk_command_demolish(struct wrg_disk_command *disk);
double wrg_disk_command_clock(void); /* seconds */

/* disk_result.c: the part becomes the target, or goes, or waits for the next copy. */
WRG_MUST_USE int wrg_disk_command_conclude(struct wrg_disk_command *disk);
void wrg_disk_command_print(const struct wrg_disk_command *disk);

#endif
