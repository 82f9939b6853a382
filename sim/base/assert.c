/* SPDX-License-Identifier: MIT */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

__attribute__((weak)) void wrg_assert_hook(void)
{
}

void wrg_assert_failed(const char *file, int line, const char *cond)
{
    fprintf(stderr, "wringer: internal error: %s:%d: %s\n", file, line, cond);
    fflush(stderr);
    wrg_assert_hook();
    abort();
}
