/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <wringer/page.h>

/* The long way: through private memory, so that each byte is read once. */
static void copy_slowly(struct wrg_port *port, const struct wrg_page_copy *args, enum wrg_site site)
{
    uint8_t bytes[WRG_PAGE_SIZE];

    wrg_page_load(port, args->from, args->from_off, bytes, args->len, site);
    wrg_page_store(port, args->to, args->to_off, bytes, args->len, site);
}

void wrg_page_copy(struct wrg_port *port, const struct wrg_page_copy *args, enum wrg_site site)
{
    const uint8_t *from = wrg_page_fast(port, args->from, args->from_off, args->len, false);
    uint8_t *to = wrg_page_fast(port, args->to, args->to_off, args->len, true);

    if (from && to)
        memcpy(to, from, args->len);
    else
        copy_slowly(port, args, site);
}
