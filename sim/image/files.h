/* SPDX-License-Identifier: MIT */
/*
 * The files of a copy: where an image comes from, where it goes to, and what a later copy needs to
 * go on where this one has stopped.
 *
 * Layer   image
 * Shapes  the copy grows in TARGET.wringer-part and gets its name when it is complete, so that a
 *         target is whole, or as it was. Beside it TARGET.wringer-state says of which source it is
 *         (size, time of change), and how far it has come: `copied` holds as long as the machine
 *         runs (its boot id stands there too), `durable` was flushed before it was written down,
 *         and holds always
 * Units   sectors of 512 bytes
 * Owner   init takes nothing; open takes files and paths, and close gives them back. The part is
 *         locked: one copy at a time
 * Errors  an exit code, and one line in `problem`
 */
#ifndef WRG_IMAGE_FILES_H
#define WRG_IMAGE_FILES_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "runner/outcome.h"

struct wrg_image_files {
    /* the caller's */
    const char *source_name; /* as they were typed */
    const char *target_name;
    bool force;  /* replace a target that exists */
    bool sparse; /* what is a hole stays one */
    /* its own */
    char problem[PATH_MAX + 256];
    char target[PATH_MAX]; /* behind symbolic links */
    char part[PATH_MAX + 16];
    char state[PATH_MAX + 16];
    int source, out; /* descriptors, -1: none */
    struct stat st;  /* of the source when it was opened */
    uint64_t sectors;
    uint64_t begin; /* where an earlier copy has stopped */
};

/* Says what is wrong. Returns the code. */
int wrg_image_refuse(struct wrg_image_files *files, enum wrg_exit code, const char *format, ...)
    WRG_PRINTF(3, 4);

/* Of zeroes: no names yet, and holes stay holes. */
void wrg_image_files_init(struct wrg_image_files *files);
WRG_MUST_USE int wrg_image_files_open(struct wrg_image_files *files);
void wrg_image_files_close(struct wrg_image_files *files);

/* Everything below `copied` is in the part, below `durable` on the medium. Best effort: without it
   a later copy begins anew. */
void wrg_image_files_note(const struct wrg_image_files *files, uint64_t copied, uint64_t durable);
/* The source is what it was, and the part gets the name of the target; `sync`: for good. */
WRG_MUST_USE int wrg_image_files_commit(struct wrg_image_files *files, bool sync);
/* Removes the part. */
void wrg_image_files_abandon(struct wrg_image_files *files);

/*
 * The next run of sectors at or after `from` that holds data in the source, or with `both` in one
 * of the two. False: there is none.
 */
bool wrg_image_files_next(const struct wrg_image_files *files, bool both, uint64_t from,
                          uint64_t *first, uint64_t *count);

#endif
