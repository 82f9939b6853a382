/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"

struct wrg_cursor wrg_cursor_sub(struct wrg_cursor *c, size_t n)
{
    struct wrg_cursor sub = { 0 };
    size_t at;

    if (!wrg_cursor_claim(c, n, &at)) {
        sub.failed = true;
        return sub;
    }
    if (n == 0)
        return sub;
    sub.in = c->in + at;
    sub.out = c->out ? c->out + at : NULL;
    sub.len_bytes = n;
    return sub;
}

void wrg_cursor_get_bytes(struct wrg_cursor *c, void *to, size_t n)
{
    size_t at;

    if (n == 0)
        return;
    if (wrg_cursor_claim(c, n, &at))
        memcpy(to, c->in + at, n);
    else
        memset(to, 0, n);
}

void wrg_cursor_put_bytes(struct wrg_cursor *c, const void *from, size_t n)
{
    size_t at;

    WRG_ASSERT(c->out != NULL || c->len_bytes == 0);
    if (n != 0 && wrg_cursor_claim(c, n, &at))
        memcpy(c->out + at, from, n);
}
