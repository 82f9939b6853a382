/* SPDX-License-Identifier: MIT */
#include "runner/sanitized.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sanitizers.h"

/* What a report holds, "" where the sanitizer is not in this program. */
static const char *mark_of(enum wrg_rule rule)
{
    switch (rule) {
    case WRG_RULE_SAN_ASAN: return WRG_HAS_ASAN ? "ERROR: AddressSanitizer" : "";
    case WRG_RULE_SAN_LEAK: return WRG_HAS_ASAN ? "ERROR: LeakSanitizer" : "";
    case WRG_RULE_SAN_TSAN: return WRG_HAS_TSAN ? "WARNING: ThreadSanitizer" : "";
    case WRG_RULE_SAN_UBSAN: return WRG_HAS_UBSAN ? ": runtime error: " : "";
    default: return "";
    }
}

/* The end of a long report says nothing new; the pipe is drained all the same. */
static void read_all(int fd, char *buf, size_t cap)
{
    size_t have = 0;
    char spill[512];

    for (;;) {
        size_t room = cap - 1 - have;
        ssize_t got = read(fd, room ? buf + have : spill, room ? room : sizeof(spill));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        have += room ? (size_t)got : 0;
    }
    buf[have] = '\0';
}

static int watch(const int ends[2], void (*fn)(void *), void *ctx, char *buf, size_t cap)
{
    pid_t child;

    fflush(NULL); /* or the child prints it again */
    child = fork();
    if (child < 0)
        return -errno;
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        fn(ctx);
        exit(0);
    }
    close(ends[1]);
    read_all(ends[0], buf, cap);
    close(ends[0]);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    return 0;
}

int wrg_sanitized_run(enum wrg_rule rule, void (*fn)(void *), void *ctx, enum wrg_sanitized *result)
{
    const char *mark = mark_of(rule);
    char text[16384];
    int ends[2];
    int error;

    *result = WRG_SANITIZED_ABSENT;
    if (!mark[0])
        return 0;
    if (pipe(ends))
        return -errno;
    error = watch(ends, fn, ctx, text, sizeof(text));
    if (error) {
        close(ends[0]);
        close(ends[1]);
        return error;
    }
    *result = strstr(text, mark) ? WRG_SANITIZED_SPOKE : WRG_SANITIZED_QUIET;
    return 0;
}
