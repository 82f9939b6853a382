/* SPDX-License-Identifier: MIT */
/* Many segments are written at once as each by itself is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "front/front.h"

enum { COUNT = 36 };

/* Whatever part of a page a vector is: COUNT of them. */
static void fill(struct wrg_vec *vecs, uint32_t *grefs)
{
    uint32_t n = 0;

    for (uint32_t first = 0; first < 8; first++)
        for (uint32_t last = first; last < 8; last++, n++) {
            grefs[n] = UINT32_MAX - n * 0x01010101;
            vecs[n] = (struct wrg_vec){ .page = grefs[n] ^ 0x55555555,
                                        .off = (uint16_t)(first * WRG_SECTOR_SIZE),
                                        .len = (uint16_t)((last - first + 1) * WRG_SECTOR_SIZE) };
        }
    assert_int_equal(n, COUNT);
}

static void many__same_bytes_as_one_by_one(void **state)
{
    struct wrg_vec vecs[COUNT];
    uint32_t grefs[COUNT];

    fill(vecs, grefs);
    for (uint32_t shift = 9; shift <= 12; shift++)
        for (uint32_t n = 0; n <= COUNT; n++) {
            uint8_t bytes[COUNT * FRONT_SEGMENT_BYTES] = { 0 }, want[sizeof(bytes)] = { 0 };
            for (uint32_t i = 0; i < n; i++) {
                const struct wrg_blkif_segment seg = wrg_front_segment(&vecs[i], grefs[i], shift);
                wrg_wire_put_segment(want, i, &seg);
            }
            wrg_front_put_segments(bytes, vecs, grefs, shift, n);
            assert_memory_equal(bytes, want, sizeof(want));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many__same_bytes_as_one_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
