/* SPDX-License-Identifier: MIT */
#include "case/boundary.h"

#include "base/base.h"

#define MINUS(n) (-UINT64_C(n))

/* 11: direct limit; 512: segments a page of them; 4096: eight such pages; 256: eight bits. */
static const uint64_t nseg[] = { 0,   1,   10,  11,  12,   31,   32,   33,   255,  256,
                                 257, 511, 512, 513, 1023, 1024, 4095, 4096, 4097, 65535 };
static const uint64_t sect[] = { 0, 7, 8, 254, 255 };
/* 65535 and 65536: the end of the default disk; 2^55: sectors times 512 leave 64 bits there. */
static const uint64_t sector[] = { 0,
                                   65535,
                                   65536,
                                   UINT64_C(1) << 31,
                                   UINT32_MAX,
                                   UINT64_C(1) << 32,
                                   (UINT64_C(1) << 55) - 1,
                                   UINT64_C(1) << 55,
                                   UINT64_C(1) << 63,
                                   UINT64_MAX };
/* 32: entries of a ring of one page. */
static const uint64_t delta[] = {
    0, 1, MINUS(1), 31, 32, 33, MINUS(32), 63, 64, INT32_MAX, (uint64_t)(int64_t)INT32_MIN
};
static const uint64_t gref[] = { 0, 1, 8, WRG_AUTO_32, UINT32_MAX };
static const uint64_t id[] = { 0, 1, UINT16_MAX, UINT32_MAX, WRG_AUTO_64, UINT64_MAX };
static const uint64_t opcode[] = { 0, 1, 2, 3, 4, 5, 6, 7, 255 };
static const uint64_t status[] = { MINUS(12), MINUS(11), MINUS(10), MINUS(9), MINUS(8),
                                   MINUS(7),  MINUS(6),  MINUS(5),  MINUS(4), MINUS(3),
                                   MINUS(2),  MINUS(1),  0,         1,        WRG_AUTO_I32 };
static const uint64_t nth[] = { 1, 2, 3, 4, 8, 12, 16, 32 };
static const uint64_t count[] = { 0, 1, 2, 7, 8, 9, 31, 32, 33, 88, 96, 4096 };
static const uint64_t queue[] = { 0, 1, 2, 3, 11, 12 };
/* Fields of a slot in either layout, of a segment, the ends of slots and of the page. */
static const uint64_t offset[] = { 0, 1, 2, 4, 5, 8, 12, 16, 20, 24, 28, 64, 108, 112, 4088, 4095 };
static const uint64_t value[] = { 0,
                                  1,
                                  6,
                                  7,
                                  8,
                                  11,
                                  12,
                                  127,
                                  128,
                                  255,
                                  256,
                                  512,
                                  4096,
                                  65535,
                                  INT32_MAX,
                                  UINT64_C(1) << 31,
                                  UINT32_C(0xfffffff0),
                                  UINT32_MAX,
                                  UINT64_C(1) << 55,
                                  UINT64_MAX };

static const char *const texts[] = {
    "",           "0",          "1",           "2",          "3",     "4",      "5",
    "6",          "7",          "8",           "-1",         "11",    "4096",   "65535",
    "4294967295", "4294967296", "0x10",        "1x",         " 1",    "state",  "queue-0/ring-ref",
    "x86_32-abi", "x86_64-abi", "unheard-abi", "ring-ref31", "a/b/c", "/local", "%s%n",
};

/* Few paths, so that clients meet; some that are none. */
static const char *const store_paths[] = {
    "/a",     "/a/b",  "/a/b/c", "/d",  "/local/domain/1/a", "/local/domain/2/a", "a",
    "a/b",    "a/b/c", "d",      "a",   "/local/domain/1",   "/local/domain/2",   "/",
    "/local", "a/e",   "a/f/g",  "/a/", "@introduceDomain",  "@releaseDomain",    "@other",
    "/a//b",  "",      "a b",    "/@a", "/tool/xenstored",
};
/* Values, tokens and lists of permissions at once. */
static const char *const store_values[] = {
    "x",    "",     "t",    "n0", "b0",     "r0",       "n1", "b1",
    "r1b2", "n0r1", "n0b1", "w2", "r2w1b3", "n0r1w2b3", "x1", "n1n2n3n4n5n6",
};

#define OF(array)                                                                                  \
    {                                                                                              \
        array, WRG_ARRAY_LEN(array)                                                                \
    }

static const struct wrg_boundary boundaries[WRG_COUNT_CLASS] = {
    [WRG_CLASS_NSEG] = OF(nseg),     [WRG_CLASS_SECT] = OF(sect),
    [WRG_CLASS_SECTOR] = OF(sector), [WRG_CLASS_DELTA] = OF(delta),
    [WRG_CLASS_GREF] = OF(gref),     [WRG_CLASS_ID] = OF(id),
    [WRG_CLASS_OPCODE] = OF(opcode), [WRG_CLASS_STATUS] = OF(status),
    [WRG_CLASS_NTH] = OF(nth),       [WRG_CLASS_COUNT] = OF(count),
    [WRG_CLASS_OFFSET] = OF(offset), [WRG_CLASS_VALUE] = OF(value),
    [WRG_CLASS_QUEUE] = OF(queue),
};

#define WORDS_OF(array)                                                                            \
    {                                                                                              \
        array, WRG_ARRAY_LEN(array)                                                                \
    }

static const struct wrg_boundary_words words[WRG_COUNT_CLASS] = {
    [WRG_CLASS_TEXT] = WORDS_OF(texts),
    [WRG_CLASS_STORE_PATH] = WORDS_OF(store_paths),
    [WRG_CLASS_STORE_VALUE] = WORDS_OF(store_values),
};

struct wrg_boundary_words wrg_boundary_words(enum wrg_arg_class klass)
{
    WRG_ASSERT((unsigned)klass < WRG_COUNT_CLASS);
    return words[klass];
}

struct wrg_boundary wrg_boundary(enum wrg_arg_class klass)
{
    WRG_ASSERT((unsigned)klass < WRG_COUNT_CLASS);
    return boundaries[klass];
}
