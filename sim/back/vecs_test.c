/* SPDX-License-Identifier: MIT */
/* Vectors of many segments are made at once as each by itself is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "back/data.h"

enum { COUNT = 36 };

/* Every segment that passes the check: COUNT of them. What pads one counts for nothing. */
static void fill(struct wrg_blkif_segment *segs, uint32_t *pages)
{
    uint32_t n = 0;

    memset(segs, 0xff, COUNT * sizeof(*segs));
    for (uint32_t first = 0; first < 8; first++)
        for (uint32_t last = first; last < 8; last++, n++) {
            segs[n].gref = UINT32_MAX - n * 0x01010101;
            segs[n].first_sect = (uint8_t)first;
            segs[n].last_sect = (uint8_t)last;
            pages[n] = segs[n].gref ^ 0x55555555;
        }
    assert_int_equal(n, COUNT);
}

static void many__same_as_one_by_one(void **state)
{
    struct wrg_blkif_segment segs[COUNT];
    uint32_t pages[COUNT];

    fill(segs, pages);
    for (uint32_t n = 0; n <= COUNT; n++) {
        struct wrg_vec vecs[COUNT] = { 0 }, want[COUNT] = { 0 };
        for (uint32_t i = 0; i < n; i++)
            want[i] = wrg_back_vec(&segs[i], pages[i]);
        wrg_back_vecs(vecs, segs, pages, n);
        assert_memory_equal(vecs, want, sizeof(want));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many__same_as_one_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
