/* SPDX-License-Identifier: MIT */
/*
 * Files by name: all `*.wring` below a folder, sorted. Layer: cli.
 */
#ifndef WRG_CLI_FILES_H
#define WRG_CLI_FILES_H

#include <stddef.h>

#include "base/base.h"

struct wrg_files {
    char **paths; /* each owned */
    size_t count;
};

/*
 * Appends a file, or what is below a folder, sorted by name. 0 or -errno (-ENOENT: no such path).
 * Symbolic links to folders are not followed below the first.
 */
WRG_MUST_USE int wrg_files_add(struct wrg_files *files, const char *path);
void wrg_files_fini(struct wrg_files *files);

#endif
