/* SPDX-License-Identifier: MIT */
#include "base/plain_string.h"

#include <dlfcn.h>

#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memmem
#undef strlen
#undef strnlen
#undef strcmp

struct wrg_plain_string wrg_plain_string = {
    .copy = memcpy,
    .move = memmove,
    .set = memset,
    .compare = memcmp,
    .find = memmem,
    .length = strlen,
    .bounded_length = strnlen,
    .compare_text = strcmp,
};

/* The next one behind the program's, which are the interceptors. */
static void take(void *pointer, const char *name)
{
    void *own = dlsym(RTLD_NEXT, name);

    if (own)
        memcpy(pointer, &own, sizeof(own));
}

__attribute__((constructor)) static void take_all(void)
{
    take(&wrg_plain_string.copy, "memcpy");
    take(&wrg_plain_string.move, "memmove");
    take(&wrg_plain_string.set, "memset");
    take(&wrg_plain_string.compare, "memcmp");
    take(&wrg_plain_string.find, "memmem");
    take(&wrg_plain_string.length, "strlen");
    take(&wrg_plain_string.bounded_length, "strnlen");
    take(&wrg_plain_string.compare_text, "strcmp");
}
