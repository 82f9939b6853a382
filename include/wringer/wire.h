/* SPDX-License-Identifier: MIT */
/*
 * The blkif protocol as bytes, and the same thing as one neutral request and response.
 *
 * Layer:   public; what an endpoint and the simulator both see. Needs no header of Xen.
 * Parts:   wire_layout.h has the numbers, wire_codec.h the inline functions; include this one only.
 * Shapes:  a slot is wrg_wire_request_size(abi) bytes; an indirect page holds 512 entries of 8
 *          bytes; a direct request carries at most 11 segments, an indirect one 8 page grefs.
 * Units:   offsets and sizes in bytes, sectors in units of 512 bytes unless negotiated otherwise.
 * Owner:   the caller owns all memory. Every function works on PRIVATE bytes: copy a slot out of
 *          the shared ring once, decode the copy (a peer may change the ring at any time).
 * Threads: pure functions, no state.
 * Errors:  none; every byte string decodes. Whether a value makes sense is the reader's business.
 * Source:  xen/io/blkif.h, xen/io/ring.h; offsets from wire_layout.h; which members are read for
 *          which operation follows Linux's converters (drivers/block/xen-blkback/blkback.c).
 * Not here: shared memory, barriers, index rules (ring layer), store keys.
 */
#ifndef WRINGER_WIRE_H
#define WRINGER_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include <wringer/wire_layout.h>

/* The codec's loads and stores are native ones; the protocol is little-endian on every machine. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "wringer needs a little-endian machine");

enum wrg_blkif_op {
    WRG_BLKIF_OP_READ = 0,
    WRG_BLKIF_OP_WRITE = 1,
    WRG_BLKIF_OP_WRITE_BARRIER = 2,
    WRG_BLKIF_OP_FLUSH_DISKCACHE = 3,
    WRG_BLKIF_OP_RESERVED_1 = 4, /* SLES once sent SCSI commands with it; unknown to all others */
    WRG_BLKIF_OP_DISCARD = 5,
    WRG_BLKIF_OP_INDIRECT = 6,
};

enum wrg_blkif_status {
    WRG_BLKIF_RSP_OKAY = 0,
    WRG_BLKIF_RSP_ERROR = -1,
    WRG_BLKIF_RSP_EOPNOTSUPP = -2,
};

enum wrg_blkif_limit {
    WRG_BLKIF_MAX_DIRECT_SEGMENTS = 11,
    WRG_BLKIF_MAX_INDIRECT_PAGES = 8,
    WRG_BLKIF_SEGMENTS_PER_PAGE = 512,
    WRG_BLKIF_MAX_INDIRECT_SEGMENTS = 4096, /* 8 pages of 512: 16 MiB a request */
    WRG_BLKIF_SECTOR_BYTES = 512,
    WRG_BLKIF_SECTORS_PER_PAGE = 8,
    WRG_BLKIF_PAGE_BYTES = 4096, /* Xen's page, whatever the guest's is */
    WRG_BLKIF_MAX_RING_PAGES = 16,
    WRG_BLKIF_MAX_RING_ENTRIES = 512,
    WRG_BLKIF_MAX_REQUEST_BYTES = 112, /* a private copy of this size holds a slot of any ABI */
    WRG_BLKIF_MAX_RESPONSE_BYTES = 16,
};

/* Bits of a discard's flag. */
enum wrg_blkif_discard_flag { WRG_BLKIF_DISCARD_SECURE = 1 };

/* Bits of the backend's node `info`. */
enum wrg_vdisk_flag {
    WRG_VDISK_CDROM = 1,
    WRG_VDISK_REMOVABLE = 2,
    WRG_VDISK_READONLY = 4,
};

/* Node `state` of either end. */
enum wrg_xenbus_state {
    WRG_XENBUS_UNKNOWN = 0,
    WRG_XENBUS_INITIALISING = 1,
    WRG_XENBUS_INIT_WAIT = 2,
    WRG_XENBUS_INITIALISED = 3,
    WRG_XENBUS_CONNECTED = 4,
    WRG_XENBUS_CLOSING = 5,
    WRG_XENBUS_CLOSED = 6,
    WRG_XENBUS_RECONFIGURING = 7,
    WRG_XENBUS_RECONFIGURED = 8,
};

/* native is the 64-bit layout, on every machine. */
enum wrg_abi { WRG_ABI_NATIVE = 0, WRG_ABI_X86_64 = 1, WRG_ABI_X86_32 = 2 };
enum { WRG_ABI_COUNT = 3 };

/* One data page of a request; the same bytes as on the wire, where two pad bytes follow. */
struct wrg_blkif_segment {
    uint32_t gref;
    uint8_t first_sect, last_sect; /* inclusive, 0..7 when honest */
};

/*
 * A request of any operation and ABI. Members that its operation does not have are zero after a
 * decode: seg is for direct operations, indirect_grefs and indirect_op for INDIRECT, flag and
 * nr_sectors for DISCARD. An unknown operation has nothing but its number and its id.
 */
struct wrg_blkif_request {
    uint8_t operation;
    uint8_t indirect_op;
    uint16_t nr_segments; /* as the peer wrote it, unchecked: 0..255 direct, 0..65535 indirect */
    uint16_t handle;
    uint8_t flag;
    uint64_t id;
    uint64_t sector_number;
    uint64_t nr_sectors;
    struct wrg_blkif_segment seg[WRG_BLKIF_MAX_DIRECT_SEGMENTS];
    uint32_t indirect_grefs[WRG_BLKIF_MAX_INDIRECT_PAGES];
};

struct wrg_blkif_response {
    uint64_t id;
    uint8_t operation;
    int16_t status;
};

/* Offsets and sizes as constants: WRG_WIRE_O64_blkif_request_id is 8, ..._O32_... is 4. */
enum wrg_wire_layout {
#define WRG_WIRE_X(st, member, o64, o32, size)                                                     \
    WRG_WIRE_O64_##st##_##member = (o64), WRG_WIRE_O32_##st##_##member = (o32),
    WRG_WIRE_ALL_FIELDS(WRG_WIRE_X, WRG_WIRE_NO_FIELD)
#undef WRG_WIRE_X
#define WRG_WIRE_X(st, size64, align64, size32, align32)                                           \
    WRG_WIRE_SIZE64_##st = (size64), WRG_WIRE_SIZE32_##st = (size32),                              \
    WRG_WIRE_ALIGN64_##st = (align64), WRG_WIRE_ALIGN32_##st = (align32),
        WRG_WIRE_STRUCTS(WRG_WIRE_X)
#undef WRG_WIRE_X
};

/* The shared ring's header is the same in all ABIs. Bytes from the start of its first page. */
enum wrg_wire_ring_offset {
    WRG_WIRE_REQ_PROD = WRG_WIRE_O64_blkif_sring_req_prod,
    WRG_WIRE_REQ_EVENT = WRG_WIRE_O64_blkif_sring_req_event,
    WRG_WIRE_RSP_PROD = WRG_WIRE_O64_blkif_sring_rsp_prod,
    WRG_WIRE_RSP_EVENT = WRG_WIRE_O64_blkif_sring_rsp_event,
    WRG_WIRE_RING = WRG_WIRE_O64_blkif_sring_ring,
};

/*
 * The members of a response, for who stores them one by one into the ring. A response's pad bytes
 * must never be stored: they would carry private memory to the peer. Same in all ABIs.
 */
struct wrg_wire_field {
    uint16_t offset_bytes, size_bytes;
};
enum { WRG_WIRE_RESPONSE_FIELD_COUNT = 3 };
static const struct wrg_wire_field wrg_wire_response_fields[WRG_WIRE_RESPONSE_FIELD_COUNT] = {
#define WRG_WIRE_X(st, member, o64, o32, size) { (o64), (size) },
    WRG_WIRE_FIELDS_blkif_response(WRG_WIRE_X, WRG_WIRE_NO_FIELD)
#undef WRG_WIRE_X
};

#include <wringer/wire_codec.h>

/* "Unknown", "Initialising" ... "Reconfigured"; "invalid" for any other number. Never NULL. */
const char *wrg_wire_state_name(unsigned int state);

/* "read", "write" ... "indirect"; "unknown" for any other number. Never NULL. */
const char *wrg_wire_op_name(unsigned int operation);

/* "native", "x86_64" or "x86_32". */
const char *wrg_wire_abi_name(enum wrg_abi abi);

/* What a frontend of this ABI writes into its node `protocol`; native is "x86_64-abi". */
const char *wrg_wire_protocol_name(enum wrg_abi abi);

/*
 * The ABI that a frontend's node `protocol` asks for. -EINVAL for anything but the two x86 names,
 * "arm-abi" included: the backends here are x86 ones, on every machine.
 */
int wrg_wire_protocol_parse(const char *protocol, enum wrg_abi *abi)
    __attribute__((warn_unused_result));

#endif
