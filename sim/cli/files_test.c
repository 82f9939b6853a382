/* SPDX-License-Identifier: MIT */
#include "cli/files.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "cli/cli.h"

static const struct wrg_cli cli = { .program = "test" };

static int enter(void **state)
{
    char *folder = strdup("/tmp/wrg-files-XXXXXX");

    *state = folder;
    return !folder || !mkdtemp(folder) || chdir(folder);
}

static int leave(void **state)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", (char *)*state);
    free(*state);
    return chdir("/") || system(command);
}

static void touch(const char *path)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs("old", file);
    fclose(file);
}

static void folder__gives_its_cases_sorted_and_nothing_else(void **state)
{
    static const char *const wanted[] = { "f/B.wring", "f/a.wring", "f/m/z.wring", "f/x.wring" };
    struct wrg_files files = { 0 };

    assert_int_equal(mkdir("f", 0755) | mkdir("f/m", 0755) | mkdir("f/.git", 0755), 0);
    touch("f/x.wring");
    touch("f/a.wring");
    touch("f/B.wring");
    touch("f/m/z.wring");
    touch("f/notes.txt");
    touch("f/.wring");
    touch("f/.git/q.wring");
    assert_int_equal(wrg_files_add(&files, "f"), 0);
    assert_int_equal(files.count, WRG_ARRAY_LEN(wanted));
    for (size_t i = 0; i < files.count; i++)
        assert_string_equal(files.paths[i], wanted[i]);
    wrg_files_fini(&files);
}

static void file_named__is_taken_whatever_its_name(void **state)
{
    struct wrg_files files = { 0 };

    touch("crash-1");
    assert_int_equal(wrg_files_add(&files, "crash-1"), 0);
    assert_int_equal(files.count, 1);
    assert_int_equal(wrg_files_add(&files, "absent"), -ENOENT);
    assert_int_equal(wrg_files_add(&files, "crash-1/below"), -ENOTDIR);
    wrg_files_fini(&files);
}

static void write_new(const void *ctx, FILE *out)
{
    fputs(ctx, out);
}

static void fail_to_write(const void *ctx, FILE *out)
{
    fputs("half", out);
    fflush(out);
    close(fileno(out)); /* as if the disk went away */
    fputs("rest", out);
}

static const char *content(const char *path, char buf[16])
{
    FILE *file = fopen(path, "r");
    size_t len;

    assert_non_null(file);
    len = fread(buf, 1, 15, file);
    buf[len] = '\0';
    fclose(file);
    return buf;
}

static void write__replaces_the_whole_file(void **state)
{
    char buf[16];

    touch("out");
    assert_int_equal(wrg_cli_write_file(&cli, "out", write_new, "new"), 0);
    assert_string_equal(content("out", buf), "new");
}

static void failed_write__leaves_what_was_there(void **state)
{
    char buf[16];

    assert_int_equal(mkdir("w", 0755), 0);
    touch("w/o.wring");
    assert_int_not_equal(wrg_cli_write_file(&cli, "w/o.wring", fail_to_write, NULL), 0);
    assert_string_equal(content("w/o.wring", buf), "old");
    assert_int_equal(remove("w/o.wring"), 0);
    assert_int_equal(rmdir("w"), 0); /* no temporary is left */
}

static void write_to_a_folder__is_refused(void **state)
{
    assert_int_equal(mkdir("d", 0755), 0);
    assert_int_equal(wrg_cli_write_file(&cli, "d", write_new, "new"), WRG_EXIT_USAGE);
    assert_int_equal(wrg_cli_write_file(&cli, "d/absent/x", write_new, "new"), WRG_EXIT_USAGE);
}

static void link__stays_a_link(void **state)
{
    struct stat st;
    char buf[16];

    touch("target");
    assert_int_equal(symlink("target", "link"), 0);
    assert_int_equal(wrg_cli_write_file(&cli, "link", write_new, "new"), 0);
    assert_int_equal(lstat("link", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_string_equal(content("target", buf), "new");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folder__gives_its_cases_sorted_and_nothing_else),
        cmocka_unit_test(file_named__is_taken_whatever_its_name),
        cmocka_unit_test(write__replaces_the_whole_file),
        cmocka_unit_test(failed_write__leaves_what_was_there),
        cmocka_unit_test(write_to_a_folder__is_refused),
        cmocka_unit_test(link__stays_a_link),
    };

    return cmocka_run_group_tests(tests, enter, leave);
}
