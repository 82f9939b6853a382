/* SPDX-License-Identifier: MIT */
/*
 * Does the codec agree with the C structs? Requests are filled through libxen-dev's structs (and
 * for x86_32 through the transcript's), decoded by ours, encoded again, and compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <xen/io/blkif.h>

#include <wringer/wire.h>

#include "base/base.h"
#include "wire/transcript.h"

static const uint16_t counts[] = { 0,   1,   10,  11,  12,   31,   32,   33,   255,  256,
                                   257, 511, 512, 513, 1023, 1024, 4095, 4096, 4097, 65535 };
static const uint8_t sector_bounds[] = { 0, 7, 8, 254, 255 };
static const uint64_t sectors[] = { 0,
                                    1,
                                    (UINT64_C(1) << 31) - 1,
                                    UINT64_C(1) << 31,
                                    UINT32_MAX,
                                    UINT64_C(1) << 32,
                                    UINT64_C(1) << 55,
                                    UINT64_C(1) << 63,
                                    UINT64_MAX };
static const uint32_t grefs[] = { 0, 1, 8, 0x7fffffff, 0x80000000, UINT32_MAX };

/* Fills a slot's worth of one of the struct families; P is "struct blkif" or a transcript's. */
#define DEFINE_FILL(tag, P)                                                                        \
    static void fill_rw_##tag(uint8_t *slot, uint8_t op, uint8_t count, unsigned int salt)         \
    {                                                                                              \
        struct P##_request *req = (void *)slot;                                                    \
                                                                                                   \
        req->operation = op;                                                                       \
        req->nr_segments = count;                                                                  \
        req->handle = (uint16_t)(0xfedc - salt);                                                   \
        req->id = UINT64_MAX - salt;                                                               \
        req->sector_number = sectors[salt % WRG_ARRAY_LEN(sectors)];                               \
        for (unsigned int i = 0; i < 11; i++) {                                                    \
            req->seg[i].gref = grefs[(salt + i) % WRG_ARRAY_LEN(grefs)];                           \
            req->seg[i].first_sect = sector_bounds[(salt + i) % WRG_ARRAY_LEN(sector_bounds)];     \
            req->seg[i].last_sect = sector_bounds[(salt + 2 * i) % WRG_ARRAY_LEN(sector_bounds)];  \
        }                                                                                          \
    }                                                                                              \
    static void fill_discard_##tag(uint8_t *slot, uint8_t flag, unsigned int salt)                 \
    {                                                                                              \
        struct P##_request_discard *req = (void *)slot;                                            \
                                                                                                   \
        req->operation = 5;                                                                        \
        req->flag = flag;                                                                          \
        req->handle = (uint16_t)(0x0203 + salt);                                                   \
        req->id = UINT64_C(0x1122334455667788) + salt;                                             \
        req->sector_number = sectors[salt % WRG_ARRAY_LEN(sectors)];                               \
        req->nr_sectors = sectors[(salt + 3) % WRG_ARRAY_LEN(sectors)];                            \
    }                                                                                              \
    static void fill_indirect_##tag(uint8_t *slot, uint8_t op, uint16_t count, unsigned int salt)  \
    {                                                                                              \
        struct P##_request_indirect *req = (void *)slot;                                           \
                                                                                                   \
        req->operation = 6;                                                                        \
        req->indirect_op = op;                                                                     \
        req->nr_segments = count;                                                                  \
        req->id = (UINT64_C(1) << 63) + salt;                                                      \
        req->sector_number = sectors[salt % WRG_ARRAY_LEN(sectors)];                               \
        req->handle = (uint16_t)(51712 + salt);                                                    \
        for (unsigned int i = 0; i < 8; i++)                                                       \
            req->indirect_grefs[i] = grefs[(salt + i) % WRG_ARRAY_LEN(grefs)] ^ i;                 \
    }
DEFINE_FILL(xen, blkif)
DEFINE_FILL(x64, wrg_x64_blkif)
DEFINE_FILL(x32, wrg_x32_blkif)

static const struct {
    enum wrg_abi abi;
    void (*rw)(uint8_t *slot, uint8_t op, uint8_t count, unsigned int salt);
    void (*discard)(uint8_t *slot, uint8_t flag, unsigned int salt);
    void (*indirect)(uint8_t *slot, uint8_t op, uint16_t count, unsigned int salt);
} families[] = {
    { WRG_ABI_NATIVE, fill_rw_xen, fill_discard_xen, fill_indirect_xen },
    { WRG_ABI_X86_64, fill_rw_x64, fill_discard_x64, fill_indirect_x64 },
    { WRG_ABI_X86_32, fill_rw_x32, fill_discard_x32, fill_indirect_x32 },
};

struct slot {
    _Alignas(8) uint8_t bytes[WRG_BLKIF_MAX_REQUEST_BYTES];
};

/* Encoding what was decoded gives the members' bytes again; `slot` held zeroes in its pads. */
static void assert_encodes_to(enum wrg_abi abi, const struct wrg_blkif_request *req,
                              const uint8_t *slot, size_t expected_end)
{
    struct slot again = { { 0 } };
    struct wrg_blkif_request redone;

    assert_int_equal(wrg_wire_put_request(abi, req, again.bytes), expected_end);
    assert_memory_equal(again.bytes, slot, expected_end);
    wrg_wire_get_request(abi, again.bytes, &redone);
    assert_memory_equal(&redone, req, sizeof(redone));
}

static void check_rw(unsigned int family, uint8_t op, uint8_t count, unsigned int salt)
{
    const enum wrg_abi abi = families[family].abi;
    const uint32_t held = count < 11 ? count : 11;
    const size_t seg_at = abi == WRG_ABI_X86_32 ? 20 : 24;
    struct slot slot = { { 0 } };
    struct wrg_blkif_request req;

    families[family].rw(slot.bytes, op, count, salt);
    wrg_wire_get_request(abi, slot.bytes, &req);
    assert_int_equal(req.operation, op);
    assert_int_equal(req.nr_segments, count);
    assert_int_equal(req.handle, (uint16_t)(0xfedc - salt));
    assert_true(req.id == UINT64_MAX - salt);
    assert_true(req.sector_number == sectors[salt % WRG_ARRAY_LEN(sectors)]);
    for (unsigned int i = 0; i < 11; i++) {
        const uint8_t first = sector_bounds[(salt + i) % WRG_ARRAY_LEN(sector_bounds)];
        const uint8_t last = sector_bounds[(salt + 2 * i) % WRG_ARRAY_LEN(sector_bounds)];

        assert_int_equal(req.seg[i].gref, i < held ? grefs[(salt + i) % WRG_ARRAY_LEN(grefs)] : 0);
        assert_int_equal(req.seg[i].first_sect, i < held ? first : 0);
        assert_int_equal(req.seg[i].last_sect, i < held ? last : 0);
    }
    assert_int_equal(req.indirect_op | req.flag | req.indirect_grefs[0], 0);
    assert_true(req.nr_sectors == 0);
    assert_encodes_to(abi, &req, slot.bytes, held == 0 ? seg_at : seg_at + 8 * held - 2);
}

static void direct_request_of_each_abi__decodes_as_its_struct(void **state)
{
    static const uint8_t ops[] = { WRG_BLKIF_OP_READ, WRG_BLKIF_OP_WRITE,
                                   WRG_BLKIF_OP_WRITE_BARRIER, WRG_BLKIF_OP_FLUSH_DISKCACHE };

    for (unsigned int f = 0; f < WRG_ARRAY_LEN(families); f++) {
        for (unsigned int i = 0; i < WRG_ARRAY_LEN(counts); i++) {
            for (unsigned int j = 0; j < WRG_ARRAY_LEN(ops) * 9; j++)
                check_rw(f, ops[j % WRG_ARRAY_LEN(ops)], (uint8_t)counts[i], i + j);
        }
    }
}

static void discard_of_each_abi__decodes_as_its_struct(void **state)
{
    for (unsigned int f = 0; f < WRG_ARRAY_LEN(families); f++) {
        for (unsigned int salt = 0; salt < 64; salt++) {
            const enum wrg_abi abi = families[f].abi;
            struct slot slot = { { 0 } };
            struct wrg_blkif_request req;

            families[f].discard(slot.bytes, (uint8_t)(salt * 5), salt);
            wrg_wire_get_request(abi, slot.bytes, &req);
            assert_int_equal(req.operation, WRG_BLKIF_OP_DISCARD);
            assert_int_equal(req.flag, (uint8_t)(salt * 5));
            assert_int_equal(req.handle, 0x0203 + salt);
            assert_true(req.id == UINT64_C(0x1122334455667788) + salt);
            assert_true(req.sector_number == sectors[salt % WRG_ARRAY_LEN(sectors)]);
            assert_true(req.nr_sectors == sectors[(salt + 3) % WRG_ARRAY_LEN(sectors)]);
            assert_int_equal(req.nr_segments, 0);
            assert_encodes_to(abi, &req, slot.bytes, abi == WRG_ABI_X86_32 ? 28 : 32);
        }
    }
}

/* A backend once copied nr_sectors of x86_32 from where the 64-bit layout has it. */
static void discard_of_x86_32__nr_sectors_at_20_not_24(void **state)
{
    struct slot slot = { { 0 } };
    struct wrg_blkif_request req;

    slot.bytes[0] = WRG_BLKIF_OP_DISCARD;
    slot.bytes[20] = 0x14;
    slot.bytes[24] = 0x18;
    wrg_wire_get_request(WRG_ABI_X86_32, slot.bytes, &req);
    assert_true(req.nr_sectors == (UINT64_C(0x18) << 32 | 0x14));
    wrg_wire_get_request(WRG_ABI_X86_64, slot.bytes, &req);
    assert_true(req.nr_sectors == 0x18);
    assert_true(req.sector_number == UINT64_C(0x14) << 32);
}

static void check_indirect(unsigned int family, uint8_t op, uint16_t count, unsigned int salt)
{
    const enum wrg_abi abi = families[family].abi;
    const uint32_t ceil_pages = (count + 511u) / 512u;
    const uint32_t pages = ceil_pages < 8 ? ceil_pages : 8;
    const size_t handle_at = abi == WRG_ABI_X86_32 ? 20 : 24;
    struct slot slot = { { 0 } };
    struct wrg_blkif_request req;

    families[family].indirect(slot.bytes, op, count, salt);
    wrg_wire_get_request(abi, slot.bytes, &req);
    assert_int_equal(req.operation, WRG_BLKIF_OP_INDIRECT);
    assert_int_equal(req.indirect_op, op);
    assert_int_equal(req.nr_segments, count);
    assert_int_equal(req.handle, (uint16_t)(51712 + salt));
    assert_true(req.id == (UINT64_C(1) << 63) + salt);
    assert_true(req.sector_number == sectors[salt % WRG_ARRAY_LEN(sectors)]);
    for (unsigned int i = 0; i < 8; i++)
        assert_int_equal(req.indirect_grefs[i],
                         i < pages ? grefs[(salt + i) % WRG_ARRAY_LEN(grefs)] ^ i : 0);
    assert_int_equal(req.flag | req.seg[0].gref, 0);
    assert_encodes_to(abi, &req, slot.bytes,
                      pages == 0 ? handle_at + 2 : handle_at + 4 + 4 * pages);
}

static void indirect_request_of_each_abi__decodes_as_its_struct(void **state)
{
    static const uint8_t inner[] = { 0, 1, 2, 3, 4, 5, 6, 7, 255 };

    for (unsigned int f = 0; f < WRG_ARRAY_LEN(families); f++) {
        for (unsigned int i = 0; i < WRG_ARRAY_LEN(counts); i++) {
            for (unsigned int j = 0; j < WRG_ARRAY_LEN(inner); j++)
                check_indirect(f, inner[j], counts[i], i + j);
        }
    }
}

static void unknown_operation__keeps_number_and_id_only(void **state)
{
    for (unsigned int f = 0; f < WRG_ARRAY_LEN(families); f++) {
        for (unsigned int op = 0; op < 256; op++) {
            struct wrg_blkif_request req, expected;
            struct slot slot;

            if (op <= 6 && op != WRG_BLKIF_OP_RESERVED_1)
                continue;
            memset(slot.bytes, 0xa5, sizeof(slot.bytes));
            families[f].rw(slot.bytes, (uint8_t)op, 11, op);
            memset(&expected, 0, sizeof(expected));
            expected.operation = (uint8_t)op;
            expected.id = UINT64_MAX - op;
            memset(&req, 0x5a, sizeof(req));
            wrg_wire_get_request(families[f].abi, slot.bytes, &req);
            assert_memory_equal(&req, &expected, sizeof(req));
        }
    }
}

static void unknown_operation_put__is_laid_out_as_rw(void **state)
{
    struct wrg_blkif_request req;
    struct slot as_rw = { { 0 } }, slot = { { 0 } };

    memset(&req, 0, sizeof(req));
    req.id = 7;
    req.nr_segments = 2;
    req.seg[1].gref = 99;
    req.operation = WRG_BLKIF_OP_READ;
    assert_int_equal(wrg_wire_put_request(WRG_ABI_X86_32, &req, as_rw.bytes), 34);
    req.operation = 200;
    assert_int_equal(wrg_wire_put_request(WRG_ABI_X86_32, &req, slot.bytes), 34);
    assert_int_equal(slot.bytes[0], 200);
    assert_memory_equal(slot.bytes + 1, as_rw.bytes + 1, sizeof(slot.bytes) - 1);
}

static void response_of_each_abi__decodes_as_its_struct(void **state)
{
    static const int16_t statuses[] = { 0, -1, -2, 1, INT16_MAX, INT16_MIN };

    for (unsigned int i = 0; i < WRG_ARRAY_LEN(statuses); i++) {
        struct blkif_response xen = { .id = UINT64_MAX - i, .operation = 6, .status = statuses[i] };
        struct wrg_x32_blkif_response x32 = { .id = i, .operation = 255, .status = statuses[i] };
        struct wrg_blkif_response rsp;

        wrg_wire_get_response((const uint8_t *)&xen, &rsp);
        assert_true(rsp.id == UINT64_MAX - i);
        assert_int_equal(rsp.operation, 6);
        assert_int_equal(rsp.status, statuses[i]);
        wrg_wire_get_response((const uint8_t *)&x32, &rsp);
        assert_true(rsp.id == i);
        assert_int_equal(rsp.operation, 255);
        assert_int_equal(rsp.status, statuses[i]);
        memset(&xen, 0, sizeof(xen));
        wrg_wire_put_response(&rsp, (uint8_t *)&xen);
        assert_true(xen.id == i);
        assert_int_equal(xen.operation, 255);
        assert_int_equal(xen.status, statuses[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(direct_request_of_each_abi__decodes_as_its_struct),
        cmocka_unit_test(discard_of_each_abi__decodes_as_its_struct),
        cmocka_unit_test(discard_of_x86_32__nr_sectors_at_20_not_24),
        cmocka_unit_test(indirect_request_of_each_abi__decodes_as_its_struct),
        cmocka_unit_test(unknown_operation__keeps_number_and_id_only),
        cmocka_unit_test(unknown_operation_put__is_laid_out_as_rw),
        cmocka_unit_test(response_of_each_abi__decodes_as_its_struct),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
