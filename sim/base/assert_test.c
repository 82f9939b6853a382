/* SPDX-License-Identifier: MIT */
#include "base/base.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Replaces the weak default. */
void wrg_assert_hook(void)
{
    fputs("context of the run\n", stderr);
    fflush(stderr);
}

/* Runs WRG_ASSERT(ok) in a child; its stderr goes to text. Returns the wait status. */
static int assert_in_child(bool ok, char *text, size_t size)
{
    int fds[2], status;
    ssize_t got;
    size_t len = 0;
    pid_t pid;

    assert_int_equal(pipe(fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(fds[1], 2);
        close(fds[0]);
        signal(SIGABRT, SIG_DFL);
        WRG_ASSERT(ok);
        _exit(0);
    }
    close(fds[1]);
    while (len < size - 1 && (got = read(fds[0], text + len, size - 1 - len)) > 0)
        len += (size_t)got;
    text[len] = 0;
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void false_condition__prints_place_and_hook_and_aborts(void **state)
{
    char text[512];
    int status = assert_in_child(false, text, sizeof(text));

    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_ptr_equal(strstr(text, "wringer: internal error: "), text);
    assert_non_null(strstr(text, "assert_test.c:"));
    assert_non_null(strstr(text, ": ok\ncontext of the run\n"));
}

static void true_condition__goes_on_silently(void **state)
{
    char text[512];
    int status = assert_in_child(true, text, sizeof(text));

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_string_equal(text, "");
}

static void div_up_at_the_limits__does_not_overflow(void **state)
{
    assert_true(wrg_div_up_u64(0, 512) == 0);
    assert_true(wrg_div_up_u64(1, 512) == 1);
    assert_true(wrg_div_up_u64(512, 512) == 1);
    assert_true(wrg_div_up_u64(513, 512) == 2);
    assert_true(wrg_div_up_u64(UINT64_MAX, 2) == UINT64_C(1) << 63);
}

static void array_len_and_powers__as_defined(void **state)
{
    int three[3] = { 0 };

    assert_int_equal(WRG_ARRAY_LEN(three), 3);
    assert_true(wrg_is_pow2_u64(1) && wrg_is_pow2_u64(UINT64_C(1) << 63));
    assert_false(wrg_is_pow2_u64(0) || wrg_is_pow2_u64(6));
    assert_true(wrg_min_u64(1, UINT64_MAX) == 1 && wrg_max_u64(1, UINT64_MAX) == UINT64_MAX);
    assert_true(wrg_min_u32(7, 3) == 3 && wrg_max_u32(7, 3) == 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(false_condition__prints_place_and_hook_and_aborts),
        cmocka_unit_test(true_condition__goes_on_silently),
        cmocka_unit_test(div_up_at_the_limits__does_not_overflow),
        cmocka_unit_test(array_len_and_powers__as_defined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
