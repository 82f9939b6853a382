/* SPDX-License-Identifier: MIT */
/*
 * Which bytes does the encoder write? Members and nothing else: a pad byte that is stored carries
 * private memory to the peer. The expected set comes from the table that `wringer abi` prints.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <wringer/wire.h>

#include "base/base.h"
#include "wire/abi_table.h"

static const enum wrg_abi abis[] = { WRG_ABI_NATIVE, WRG_ABI_X86_64, WRG_ABI_X86_32 };

struct mask {
    uint8_t written[WRG_BLKIF_MAX_REQUEST_BYTES];
};

static void mark(struct mask *mask, uint32_t offset, uint32_t size)
{
    memset(mask->written + offset, 1, size);
}

static void mark_struct(struct mask *mask, enum wrg_abi abi, const char *name, const char *array,
                        uint32_t array_bytes)
{
    const struct wrg_abi_struct *st = wrg_abi_find(abi, name);

    assert_non_null(st);
    for (unsigned int i = 0; i < st->field_count; i++) {
        const struct wrg_abi_field *field = &st->fields[i];

        if (strcmp(field->name, array) == 0)
            mark(mask, field->offset_bytes, array_bytes);
        else if (strcmp(field->name, "pad") != 0)
            mark(mask, field->offset_bytes, field->size_bytes);
    }
}

static void expect_mask(struct mask *mask, enum wrg_abi abi, const struct wrg_blkif_request *req)
{
    memset(mask, 0, sizeof(*mask));
    if (req->operation == WRG_BLKIF_OP_DISCARD) {
        mark_struct(mask, abi, "blkif_request_discard", "", 0);
    } else if (req->operation == WRG_BLKIF_OP_INDIRECT) {
        uint32_t pages = (req->nr_segments + 511u) / 512u;

        mark_struct(mask, abi, "blkif_request_indirect", "indirect_grefs",
                    4 * (pages < 8 ? pages : 8));
    } else {
        uint32_t seg_at = abi == WRG_ABI_X86_32 ? 20 : 24;
        uint32_t count = (uint8_t)req->nr_segments;

        mark_struct(mask, abi, "blkif_request", "seg", 0);
        for (uint32_t i = 0; i < (count < 11 ? count : 11); i++)
            mark(mask, seg_at + 8 * i, 6);
    }
}

static void check_written(enum wrg_abi abi, const struct wrg_blkif_request *req)
{
    uint8_t low[WRG_BLKIF_MAX_REQUEST_BYTES], high[WRG_BLKIF_MAX_REQUEST_BYTES];
    struct mask mask;
    size_t end;

    memset(low, 0x11, sizeof(low));
    memset(high, 0xee, sizeof(high));
    expect_mask(&mask, abi, req);
    end = wrg_wire_put_request(abi, req, low);
    assert_int_equal(wrg_wire_put_request(abi, req, high), end);
    assert_true(end <= wrg_wire_request_size(abi));
    assert_int_equal(mask.written[end - 1], 1);
    for (uint32_t i = 0; i < sizeof(low); i++) {
        /* An untouched byte differs between the two, a written one does not. */
        if (mask.written[i]) {
            assert_true(i < end);
            assert_int_equal(low[i], high[i]);
        } else {
            assert_int_equal(low[i], 0x11);
            assert_int_equal(high[i], 0xee);
        }
    }
}

static void encoded_request__touches_members_only(void **state)
{
    static const uint16_t counts[] = { 0,   1,   10,  11,   12,   255,  256,  257,
                                       511, 512, 513, 1024, 4095, 4096, 4097, 65535 };
    struct wrg_blkif_request req;

    memset(&req, 0x77, sizeof(req));
    for (unsigned int a = 0; a < WRG_ARRAY_LEN(abis); a++) {
        for (unsigned int op = 0; op < 256; op++) {
            for (unsigned int i = 0; i < WRG_ARRAY_LEN(counts); i++) {
                req.operation = (uint8_t)op;
                req.nr_segments = counts[i];
                check_written(abis[a], &req);
            }
        }
    }
}

static void encoded_response__touches_members_only(void **state)
{
    const struct wrg_blkif_response rsp = { .id = 1, .operation = 2, .status = -2 };
    uint8_t bytes[WRG_BLKIF_MAX_RESPONSE_BYTES], stored[WRG_BLKIF_MAX_RESPONSE_BYTES];

    memset(bytes, 0xcc, sizeof(bytes));
    wrg_wire_put_response(&rsp, bytes);
    assert_int_equal(bytes[9], 0xcc);
    for (unsigned int i = 12; i < sizeof(bytes); i++)
        assert_int_equal(bytes[i], 0xcc);

    /* The table of members names exactly what was written. */
    memset(stored, 0xcc, sizeof(stored));
    for (unsigned int i = 0; i < WRG_WIRE_RESPONSE_FIELD_COUNT; i++)
        memcpy(stored + wrg_wire_response_fields[i].offset_bytes,
               bytes + wrg_wire_response_fields[i].offset_bytes,
               wrg_wire_response_fields[i].size_bytes);
    assert_memory_equal(stored, bytes, sizeof(bytes));
}

/* Whatever a peer leaves in a slot, decoding and encoding it reaches a fixpoint at once. */
static void any_slot__decode_of_encode_is_a_fixpoint(void **state)
{
    uint64_t random = 88172645463325252u;

    for (unsigned int round = 0; round < 20000; round++) {
        const enum wrg_abi abi = abis[round % WRG_ARRAY_LEN(abis)];
        uint8_t slot[WRG_BLKIF_MAX_REQUEST_BYTES], again[WRG_BLKIF_MAX_REQUEST_BYTES] = { 0 };
        struct wrg_blkif_request first, second;

        for (unsigned int i = 0; i < sizeof(slot); i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            slot[i] = (uint8_t)random;
        }
        slot[0] = (uint8_t)(round % 9);
        wrg_wire_get_request(abi, slot, &first);
        (void)wrg_wire_put_request(abi, &first, again);
        wrg_wire_get_request(abi, again, &second);
        assert_memory_equal(&first, &second, sizeof(first));
    }
}

/* x86_32's slot is 4 bytes shorter: ASan sees a read beyond it, cmocka's guard a write. */
static void slot_of_exact_size__nothing_beyond_it_is_read(void **state)
{
    for (unsigned int a = 0; a < WRG_ARRAY_LEN(abis); a++) {
        const uint32_t size = wrg_wire_request_size(abis[a]);

        for (unsigned int op = 0; op < 256; op++) {
            struct wrg_blkif_request req;
            uint8_t *slot = test_malloc(size);

            memset(slot, 0xff, size);
            slot[0] = (uint8_t)op;
            wrg_wire_get_request(abis[a], slot, &req);
            assert_true(wrg_wire_put_request(abis[a], &req, slot) <= size);
            test_free(slot);
        }
    }
}

static void indirect_page__512_entries_pads_ignored_and_cleared(void **state)
{
    static const uint8_t bounds[] = { 0, 7, 8, 254, 255 };
    uint8_t page[WRG_BLKIF_PAGE_BYTES];
    struct wrg_blkif_segment out[WRG_BLKIF_SEGMENTS_PER_PAGE];

    memset(page, 0xdd, sizeof(page));
    for (uint32_t i = 0; i < WRG_BLKIF_SEGMENTS_PER_PAGE; i++) {
        const struct wrg_blkif_segment seg = { .gref = UINT32_MAX - i,
                                               .first_sect = bounds[i % 5],
                                               .last_sect = bounds[i / 5 % 5] };
        wrg_wire_put_segment(page, i, &seg);
    }
    for (uint32_t i = 0; i < sizeof(page); i += 8) {
        assert_int_equal(page[i + 6] | page[i + 7], 0);
        page[i + 6] = page[i + 7] = 0x99;
    }
    wrg_wire_get_segments(page, WRG_BLKIF_SEGMENTS_PER_PAGE, out);
    for (uint32_t i = 0; i < WRG_BLKIF_SEGMENTS_PER_PAGE; i++) {
        assert_int_equal(out[i].gref, UINT32_MAX - i);
        assert_int_equal(out[i].first_sect, bounds[i % 5]);
        assert_int_equal(out[i].last_sect, bounds[i / 5 % 5]);
        assert_int_equal(((uint8_t *)&out[i])[6] | ((uint8_t *)&out[i])[7], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoded_request__touches_members_only),
        cmocka_unit_test(encoded_response__touches_members_only),
        cmocka_unit_test(any_slot__decode_of_encode_is_a_fixpoint),
        cmocka_unit_test(slot_of_exact_size__nothing_beyond_it_is_read),
        cmocka_unit_test(indirect_page__512_entries_pads_ignored_and_cleared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
