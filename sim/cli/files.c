/* SPDX-License-Identifier: MIT */
#include "cli/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int append(struct wrg_files *files, const char *path)
{
    char **paths = realloc(files->paths, (files->count + 1) * sizeof(*paths));

    if (!paths)
        return -ENOMEM;
    files->paths = paths;
    paths[files->count] = strdup(path);
    if (!paths[files->count])
        return -ENOMEM;
    files->count++;
    return 0;
}

static bool is_case(const char *name)
{
    size_t len = strlen(name);

    return len > 6 && strcmp(name + len - 6, ".wring") == 0;
}

static int walk(struct wrg_files *files, const char *folder);

static int add_entry(struct wrg_files *files, const char *folder, const char *name)
{
    size_t len = strlen(folder);
    struct stat st;
    char *path;
    int result;

    if (asprintf(&path, "%s%s%s", folder, len && folder[len - 1] == '/' ? "" : "/", name) < 0)
        return -ENOMEM;
    result = lstat(path, &st) ? -errno : 0;
    if (result == 0 && S_ISDIR(st.st_mode))
        result = walk(files, path);
    else if (result == 0 && is_case(name))
        result = append(files, path);
    free(path);
    return result;
}

static int no_dots(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* By bytes, not by locale, so that the order is the same everywhere. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int walk(struct wrg_files *files, const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, no_dots, by_bytes);
    int result = count < 0 ? -errno : 0;

    for (int i = 0; i < count; i++) {
        if (result == 0)
            result = add_entry(files, folder, entries[i]->d_name);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return result;
}

int wrg_files_add(struct wrg_files *files, const char *path)
{
    struct stat st;

    if (stat(path, &st))
        return -errno;
    return S_ISDIR(st.st_mode) ? walk(files, path) : append(files, path);
}

void wrg_files_fini(struct wrg_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->paths[i]);
    free(files->paths);
    *files = (struct wrg_files){ 0 };
}
