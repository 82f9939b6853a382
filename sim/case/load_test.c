/* SPDX-License-Identifier: MIT */
#include "case/load.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[200]; /* of this process alone */
static char err[512];

static const char *path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

/* Writes a file and loads it. */
static int load(const char *name, const void *data, size_t len, struct wrg_case_list *out)
{
    FILE *f = fopen(path_of(name), "wb");
    int result;

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    fclose(f);
    err[0] = '\0';
    result = wrg_case_load(path_of(name), out, err, sizeof(err));
    unlink(path_of(name));
    return result;
}

static void text_by_name_or_by_its_first_word__text(void **state)
{
    static const char text[] = "wringer 1\nkill\n";
    static const char *const names[] = { "a.wring", "crash-1", ".wring" };

    for (size_t i = 0; i < WRG_ARRAY_LEN(names); i++) {
        struct wrg_case_list list;

        assert_int_equal(load(names[i], text, sizeof(text) - 1, &list), 0);
        assert_true(list.is_text);
        wrg_case_list_fini(&list);
    }
}

static void anything_else__bytes(void **state)
{
    static const uint8_t bytes[] = { 1, WRG_OP_KILL, 0 };
    struct wrg_case_list list;
    struct wrg_case one;

    assert_int_equal(load("crash-1", bytes, sizeof(bytes), &list), 0);
    assert_false(list.is_text);
    assert_int_equal(list.count, 1);
    wrg_case_list_get(&list, 0, &one);
    assert_int_equal(one.nops, 1);
    wrg_case_list_fini(&list);
}

static void empty__legal_as_bytes_a_mistake_as_text(void **state)
{
    struct wrg_case_list list;
    struct wrg_case one;

    assert_int_equal(load("crash-1", "", 0, &list), 0);
    wrg_case_list_get(&list, 0, &one);
    assert_int_equal(one.nops, 0);
    wrg_case_list_fini(&list);
    assert_int_equal(load("a.wring", "", 0, &list), -EINVAL);
    assert_non_null(strstr(err, "a.wring:1:1: empty; the first line of a case is 'wringer 1'"));
}

static void bytes_named_wring__a_mistake(void **state)
{
    static const uint8_t bytes[] = { 1, WRG_OP_KILL, 0 };
    struct wrg_case_list list;

    assert_int_equal(load("a.wring", bytes, sizeof(bytes), &list), -EINVAL);
    assert_non_null(strstr(err, "the first line of a case is 'wringer 1', not '\\x01\\x16\\x00'"));
}

static void no_file_or_no_regular_one__one_line(void **state)
{
    struct wrg_case_list list;

    assert_int_equal(wrg_case_load(path_of("none"), &list, err, sizeof(err)), -ENOENT);
    assert_non_null(strstr(err, "none: No such file or directory"));
    assert_int_equal(wrg_case_load(path_of("none/below"), &list, err, sizeof(err)), -ENOENT);
    assert_int_equal(wrg_case_load(folder, &list, err, sizeof(err)), -EISDIR);
    assert_non_null(strstr(err, "is a folder, not a case"));
    assert_int_equal(wrg_case_load("/dev/zero", &list, err, sizeof(err)), -ENOTSUP);
    assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
    assert_int_equal(wrg_case_load(path_of("fifo"), &list, err, sizeof(err)), -ENOTSUP);
    unlink(path_of("fifo"));
}

static void unreadable__one_line(void **state)
{
    struct wrg_case_list list;

    /* Root may read all, so a path below a file is what nobody can open. */
    assert_int_equal(wrg_case_load("/dev/null/case", &list, err, sizeof(err)), -ENOTDIR);
    assert_non_null(strstr(err, "/dev/null/case: Not a directory"));
}

static void size_limit__one_mebibyte(void **state)
{
    struct wrg_case_list list;
    char *big = calloc(1, WRG_CASE_FILE_BYTES_MAX + 1);

    assert_int_equal(load("big", big, WRG_CASE_FILE_BYTES_MAX, &list), 0);
    wrg_case_list_fini(&list);
    assert_int_equal(load("big", big, WRG_CASE_FILE_BYTES_MAX + 1, &list), -EFBIG);
    assert_non_null(strstr(err, "is longer than 1 MiB"));
    free(big);
}

static int make_folder(void **state)
{
    snprintf(folder, sizeof(folder), "%s/load_test.%d", WRG_BINARY_DIR, (int)getpid());
    return mkdir(folder, 0700);
}

static int remove_folder(void **state)
{
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_by_name_or_by_its_first_word__text),
        cmocka_unit_test(anything_else__bytes),
        cmocka_unit_test(empty__legal_as_bytes_a_mistake_as_text),
        cmocka_unit_test(bytes_named_wring__a_mistake),
        cmocka_unit_test(no_file_or_no_regular_one__one_line),
        cmocka_unit_test(unreadable__one_line),
        cmocka_unit_test(size_limit__one_mebibyte),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
