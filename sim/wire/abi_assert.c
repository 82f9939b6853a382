/* SPDX-License-Identifier: MIT */
/*
 * Compile-time proof that wringer/wire_layout.h is what Xen's headers say.
 *
 * Layer:    wire. No code: whatever compiles this file has checked it. The library does, for its
 *           own target; the tests labelled `abi` do with gcc, clang, both with -m32, and aarch64.
 * Checked:  size, alignment, every member's offset and size, of both layouts against transcript.h
 *           and of the target's layout against libxen-dev; constants; ring sizes; grant structs.
 * Limits:   must compile freestanding (-m32 has no libc here), so no string.h and no libc header.
 * Includes: <xen/io/...> only, and grant_table.h through them: a name that is in sim/xen/ as well
 *           would be found there first.
 * Source:   xen/io/blkif.h, xen/io/ring.h, xen/io/xenbus.h, xen/grant_table.h.
 */
#include <stddef.h>
#include <stdint.h>

#include <xen/io/blkif.h>
#include <xen/io/xenbus.h>

#include <wringer/wire.h>

#include "wire/transcript.h"

/* Set by a test that wants to see every assertion on an offset fail. */
#ifndef WRG_ABI_PLANT
#define WRG_ABI_PLANT 0
#endif

#define CHECK(cond) _Static_assert(cond, #cond)

#define CHECK_FIELD(type, member, offset, size)                                                    \
    CHECK(offsetof(type, member) == (offset) + WRG_ABI_PLANT);                                     \
    CHECK((size) == 0 || sizeof(((type *)0)->member) == (size));
#define CHECK_STRUCT(type, size, align)                                                            \
    CHECK(sizeof(type) == (size));                                                                 \
    CHECK(_Alignof(type) == (align));

/* Both layouts, on every compiler, against the transcript. */
#define X64_FIELD(st, member, o64, o32, size)                                                      \
    CHECK_FIELD(struct wrg_x64_##st, member, o64, size)                                            \
    CHECK_FIELD(struct wrg_x32_##st, member, o32, size)
#define X32_ONLY(st, member, o32, size) CHECK_FIELD(struct wrg_x32_##st, member, o32, size)
#define BOTH_STRUCTS(st, size64, align64, size32, align32)                                         \
    CHECK_STRUCT(struct wrg_x64_##st, size64, align64)                                             \
    CHECK_STRUCT(struct wrg_x32_##st, size32, align32)
WRG_WIRE_ALL_FIELDS(X64_FIELD, X32_ONLY)
WRG_WIRE_STRUCTS(BOTH_STRUCTS)

#define STRUCT32(st) CHECK_STRUCT(struct st, WRG_WIRE_SIZE32_##st, WRG_WIRE_ALIGN32_##st)
#define STRUCT64(st) CHECK_STRUCT(struct st, WRG_WIRE_SIZE64_##st, WRG_WIRE_ALIGN64_##st)

/* The layout of this target, against libxen-dev. */
#if defined(__i386__)
#define REAL_FIELD(st, member, o64, o32, size) CHECK_FIELD(struct st, member, o32, size)
#define REAL_ONLY32(st, member, o32, size)     CHECK_FIELD(struct st, member, o32, size)
#define REAL_STRUCT(st)                        STRUCT32(st)
#define REAL_STRIDE                            WRG_WIRE_SIZE32_blkif_request
#else
#define REAL_FIELD(st, member, o64, o32, size) CHECK_FIELD(struct st, member, o64, size)
#define REAL_ONLY32(st, member, o32, size)
#define REAL_STRUCT(st) STRUCT64(st)
#define REAL_STRIDE     WRG_WIRE_SIZE64_blkif_request
#endif
WRG_WIRE_FIELDS_blkif_request(REAL_FIELD, REAL_ONLY32)
    WRG_WIRE_FIELDS_blkif_request_discard(REAL_FIELD, REAL_ONLY32)
        WRG_WIRE_FIELDS_blkif_request_indirect(REAL_FIELD, REAL_ONLY32)
            WRG_WIRE_FIELDS_blkif_request_segment(REAL_FIELD, REAL_ONLY32)
                WRG_WIRE_FIELDS_blkif_response(REAL_FIELD, REAL_ONLY32)
                    WRG_WIRE_FIELDS_blkif_sring(REAL_FIELD, REAL_ONLY32) REAL_STRUCT(blkif_request)
                        REAL_STRUCT(blkif_request_discard) REAL_STRUCT(blkif_request_indirect)
                            REAL_STRUCT(blkif_request_segment) REAL_STRUCT(blkif_response)
                                REAL_STRUCT(blkif_sring)
                                    CHECK(sizeof(union blkif_sring_entry) == REAL_STRIDE);

/* An entry of an indirect page may be read as the segment it once was. */
CHECK(sizeof(struct wrg_x64_blkif_request_segment_aligned) == sizeof(struct blkif_request_segment));
CHECK(4096 / sizeof(struct wrg_x64_blkif_request_segment_aligned) == WRG_BLKIF_SEGMENTS_PER_PAGE);

/* Whatever the operation is, id lies at one place: an unknown one can be answered. */
CHECK(WRG_WIRE_O64_blkif_request_id == WRG_WIRE_O64_blkif_request_discard_id);
CHECK(WRG_WIRE_O64_blkif_request_id == WRG_WIRE_O64_blkif_request_indirect_id);
CHECK(WRG_WIRE_O32_blkif_request_id == WRG_WIRE_O32_blkif_request_discard_id);
CHECK(WRG_WIRE_O32_blkif_request_id == WRG_WIRE_O32_blkif_request_indirect_id);

CHECK(WRG_BLKIF_OP_READ == BLKIF_OP_READ);
CHECK(WRG_BLKIF_OP_WRITE == BLKIF_OP_WRITE);
CHECK(WRG_BLKIF_OP_WRITE_BARRIER == BLKIF_OP_WRITE_BARRIER);
CHECK(WRG_BLKIF_OP_FLUSH_DISKCACHE == BLKIF_OP_FLUSH_DISKCACHE);
CHECK(WRG_BLKIF_OP_RESERVED_1 == BLKIF_OP_RESERVED_1);
CHECK(WRG_BLKIF_OP_DISCARD == BLKIF_OP_DISCARD);
CHECK(WRG_BLKIF_OP_INDIRECT == BLKIF_OP_INDIRECT);
CHECK((int)WRG_BLKIF_RSP_OKAY == BLKIF_RSP_OKAY);
CHECK((int)WRG_BLKIF_RSP_ERROR == BLKIF_RSP_ERROR);
CHECK((int)WRG_BLKIF_RSP_EOPNOTSUPP == BLKIF_RSP_EOPNOTSUPP);
CHECK(WRG_BLKIF_DISCARD_SECURE == BLKIF_DISCARD_SECURE);
CHECK(WRG_BLKIF_MAX_DIRECT_SEGMENTS == BLKIF_MAX_SEGMENTS_PER_REQUEST);
CHECK(WRG_BLKIF_MAX_INDIRECT_PAGES == BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST);
CHECK(WRG_BLKIF_MAX_INDIRECT_SEGMENTS ==
      WRG_BLKIF_MAX_INDIRECT_PAGES * WRG_BLKIF_SEGMENTS_PER_PAGE);
CHECK(WRG_VDISK_CDROM == VDISK_CDROM);
CHECK(WRG_VDISK_REMOVABLE == VDISK_REMOVABLE);
CHECK(WRG_VDISK_READONLY == VDISK_READONLY);
CHECK((int)WRG_XENBUS_UNKNOWN == XenbusStateUnknown);
CHECK((int)WRG_XENBUS_INITIALISING == XenbusStateInitialising);
CHECK((int)WRG_XENBUS_INIT_WAIT == XenbusStateInitWait);
CHECK((int)WRG_XENBUS_INITIALISED == XenbusStateInitialised);
CHECK((int)WRG_XENBUS_CONNECTED == XenbusStateConnected);
CHECK((int)WRG_XENBUS_CLOSING == XenbusStateClosing);
CHECK((int)WRG_XENBUS_CLOSED == XenbusStateClosed);
CHECK((int)WRG_XENBUS_RECONFIGURING == XenbusStateReconfiguring);
CHECK((int)WRG_XENBUS_RECONFIGURED == XenbusStateReconfigured);

/* What fits into a ring before rounding, in both layouts, and after it, by Xen's own macro. */
#define CHECK_RING(pages, fits32, fits64, entries)                                                 \
    CHECK((4096 * (pages)-WRG_WIRE_RING) / WRG_WIRE_SIZE32_blkif_request == (fits32));             \
    CHECK((4096 * (pages)-WRG_WIRE_RING) / WRG_WIRE_SIZE64_blkif_request == (fits64));             \
    CHECK(__CONST_RING_SIZE(blkif, 4096 * (pages)) == (entries));
CHECK_RING(1, 37, 36, 32)
CHECK_RING(2, 75, 72, 64)
CHECK_RING(4, 151, 145, 128)
CHECK_RING(8, 302, 292, 256)
CHECK_RING(16, 606, 584, 512)
CHECK(__CONST_RING_SIZE(blkif, 4096 * 32) == 1024);

/* The structs of the grant table that cross between guest and hypervisor. */
CHECK(sizeof(struct grant_entry_v1) == 8);
CHECK(offsetof(struct grant_entry_v1, flags) == 0);
CHECK(offsetof(struct grant_entry_v1, domid) == 2);
CHECK(offsetof(struct grant_entry_v1, frame) == 4);
CHECK(sizeof(union grant_entry_v2) == 16);
CHECK(sizeof(struct gnttab_map_grant_ref) == 32);
CHECK(sizeof(struct gnttab_unmap_grant_ref) == 24);
#if defined(__i386__)
CHECK(sizeof(struct gnttab_copy) == 24);
#else
CHECK(sizeof(struct gnttab_copy) == 40);
#endif
