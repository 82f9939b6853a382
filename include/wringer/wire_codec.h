/* SPDX-License-Identifier: MIT */
/*
 * Sizes, ring geometry, and bytes to and from the neutral request and response, inline: they run
 * once a request in the fuzz targets and the benchmark.
 *
 * Layer:   public; part of wire.h, whose header comment holds for this file too.
 * Owner:   private bytes only, as everywhere in this module; never point these at a shared page.
 */
#ifndef WRINGER_WIRE_CODEC_H
#define WRINGER_WIRE_CODEC_H

#include <wringer/wire.h>

/*
 * Everything that differs between the layouts lies 4 bytes lower in x86_32, because an i386
 * compiler aligns id to 4. So one code path serves all ABIs, with no table at run time.
 */
#define WRG_WIRE_X(st, member, o64, o32, size)                                                     \
    _Static_assert((o64) == (o32) || (o64) == (o32) + 4, #st "." #member " shifts by 0 or 4");
WRG_WIRE_ALL_FIELDS(WRG_WIRE_X, WRG_WIRE_NO_FIELD)
#undef WRG_WIRE_X

/* How far x86_32 lies below the 64-bit layout: 0 or 4 bytes. */
static inline uint32_t wrg_wire_shift(enum wrg_abi abi)
{
    return abi == WRG_ABI_X86_32 ? 4 : 0;
}

/* Offset of a member in the ABI with this shift; `shift` is evaluated at most once. */
#define WRG_WIRE_AT(shift, st, member)                                                             \
    ((uint32_t)WRG_WIRE_O64_##st##_##member -                                                      \
     (WRG_WIRE_O64_##st##_##member == WRG_WIRE_O32_##st##_##member ? 0u : (uint32_t)(shift)))

/* Bytes of a request slot, which is also the stride of the ring: 112, or 108 in x86_32. */
static inline uint32_t wrg_wire_request_size(enum wrg_abi abi)
{
    return abi == WRG_ABI_X86_32 ? WRG_WIRE_SIZE32_blkif_request : WRG_WIRE_SIZE64_blkif_request;
}

/* Bytes of a response: 16, or 12 in x86_32. */
static inline uint32_t wrg_wire_response_size(enum wrg_abi abi)
{
    return abi == WRG_ABI_X86_32 ? WRG_WIRE_SIZE32_blkif_response : WRG_WIRE_SIZE64_blkif_response;
}

/* Alignment of a slot within the ring: 8, or 4 in x86_32. */
static inline uint32_t wrg_wire_request_align(enum wrg_abi abi)
{
    return abi == WRG_ABI_X86_32 ? WRG_WIRE_ALIGN32_blkif_request : WRG_WIRE_ALIGN64_blkif_request;
}

/*
 * Slots in a ring of so many pages (ring.h, __CONST_RING_SIZE): what fits, rounded down to a power
 * of two. 32 for one page, doubling with the pages to 512 for 16. 0 for no pages.
 */
static inline uint32_t wrg_wire_ring_entries(enum wrg_abi abi, uint32_t pages)
{
    uint64_t bytes = (uint64_t)pages * WRG_BLKIF_PAGE_BYTES;
    uint32_t fits;

    if (pages == 0)
        return 0;
    fits = (uint32_t)((bytes - WRG_WIRE_RING) / wrg_wire_request_size(abi));
    return UINT32_C(1) << (31 - __builtin_clz(fits));
}

/*
 * Byte offset of the slot of a free-running index, from the start of the ring's first page.
 * `entries` is a power of two. A slot may straddle two pages of a ring.
 */
static inline uint32_t wrg_wire_slot_offset(enum wrg_abi abi, uint32_t entries, uint32_t index)
{
    return WRG_WIRE_RING + (index & (entries - 1)) * wrg_wire_request_size(abi);
}

/* Pages that hold this many indirect segments: ceil(n / 512). May exceed 8. */
static inline uint32_t wrg_wire_indirect_pages(uint32_t nr_segments)
{
    return nr_segments / WRG_BLKIF_SEGMENTS_PER_PAGE +
           (nr_segments % WRG_BLKIF_SEGMENTS_PER_PAGE != 0);
}

/* Segments that a direct slot really holds when its nr_segments says so many. */
static inline uint32_t wrg_wire_direct_count(uint32_t nr_segments)
{
    return nr_segments < WRG_BLKIF_MAX_DIRECT_SEGMENTS ? nr_segments
                                                       : WRG_BLKIF_MAX_DIRECT_SEGMENTS;
}

/* Page grefs that an indirect slot really holds when its nr_segments says so many. */
static inline uint32_t wrg_wire_indirect_count(uint32_t nr_segments)
{
    uint32_t pages = wrg_wire_indirect_pages(nr_segments);

    return pages < WRG_BLKIF_MAX_INDIRECT_PAGES ? pages : WRG_BLKIF_MAX_INDIRECT_PAGES;
}

/* Unaligned loads and stores. Builtins, since a freestanding build has no string.h. */
static inline uint16_t wrg_wire_load16(const uint8_t *at)
{
    uint16_t value;

    __builtin_memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint32_t wrg_wire_load32(const uint8_t *at)
{
    uint32_t value;

    __builtin_memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint64_t wrg_wire_load64(const uint8_t *at)
{
    uint64_t value;

    __builtin_memcpy(&value, at, sizeof(value));
    return value;
}

static inline void wrg_wire_store16(uint8_t *at, uint16_t value)
{
    __builtin_memcpy(at, &value, sizeof(value));
}

static inline void wrg_wire_store32(uint8_t *at, uint32_t value)
{
    __builtin_memcpy(at, &value, sizeof(value));
}

static inline void wrg_wire_store64(uint8_t *at, uint64_t value)
{
    __builtin_memcpy(at, &value, sizeof(value));
}

_Static_assert(sizeof(struct wrg_blkif_request) == 152 &&
                   offsetof(struct wrg_blkif_request, seg) == 32 &&
                   offsetof(struct wrg_blkif_request, indirect_grefs) == 120,
               "wrg_wire_clear_request clears every byte");

_Static_assert(sizeof(struct wrg_blkif_segment) == WRG_WIRE_SIZE64_blkif_request_segment_aligned &&
                   offsetof(struct wrg_blkif_segment, last_sect) ==
                       WRG_WIRE_O64_blkif_request_segment_aligned_last_sect,
               "a neutral segment is a wire segment, so that it can be moved as one word");

/*
 * Entries of an indirect page, and segments of a direct slot: `entries` points at the first, each
 * has 8 bytes. get ignores the pad (a peer may leave anything there) and clears it in `out`, so
 * that decoded requests compare equal as bytes. put writes all 8 bytes, the pad as zero.
 */
static inline void wrg_wire_get_segment(const uint8_t *entries, uint32_t index,
                                        struct wrg_blkif_segment *out)
{
    uint64_t word = wrg_wire_load64(entries + (size_t)index * 8) & UINT64_C(0x0000ffffffffffff);

    __builtin_memcpy(out, &word, sizeof(*out));
}

static inline void wrg_wire_put_segment(uint8_t *entries, uint32_t index,
                                        const struct wrg_blkif_segment *seg)
{
    uint64_t word = seg->gref | (uint64_t)seg->first_sect << 32 | (uint64_t)seg->last_sect << 40;

    wrg_wire_store64(entries + (size_t)index * 8, word);
}

/* A run of entries from the start of a page, `count` of them. */
static inline void wrg_wire_get_segments(const uint8_t *entries, uint32_t count,
                                         struct wrg_blkif_segment *out)
{
    for (uint32_t i = 0; i < count; i++)
        wrg_wire_get_segment(entries, i, &out[i]);
}

static inline void wrg_wire_get_rw(uint32_t shift, const uint8_t *slot,
                                   struct wrg_blkif_request *out)
{
    out->nr_segments = slot[WRG_WIRE_AT(shift, blkif_request, nr_segments)];
    out->handle = wrg_wire_load16(slot + WRG_WIRE_AT(shift, blkif_request, handle));
    out->sector_number = wrg_wire_load64(slot + WRG_WIRE_AT(shift, blkif_request, sector_number));
    wrg_wire_get_segments(slot + WRG_WIRE_AT(shift, blkif_request, seg),
                          wrg_wire_direct_count(out->nr_segments), out->seg);
}

static inline void wrg_wire_get_discard(uint32_t shift, const uint8_t *slot,
                                        struct wrg_blkif_request *out)
{
    out->flag = slot[WRG_WIRE_AT(shift, blkif_request_discard, flag)];
    out->handle = wrg_wire_load16(slot + WRG_WIRE_AT(shift, blkif_request_discard, handle));
    out->sector_number =
        wrg_wire_load64(slot + WRG_WIRE_AT(shift, blkif_request_discard, sector_number));
    out->nr_sectors = wrg_wire_load64(slot + WRG_WIRE_AT(shift, blkif_request_discard, nr_sectors));
}

static inline void wrg_wire_get_indirect(uint32_t shift, const uint8_t *slot,
                                         struct wrg_blkif_request *out)
{
    const uint8_t *grefs = slot + WRG_WIRE_AT(shift, blkif_request_indirect, indirect_grefs);
    uint32_t count;

    out->indirect_op = slot[WRG_WIRE_AT(shift, blkif_request_indirect, indirect_op)];
    out->nr_segments =
        wrg_wire_load16(slot + WRG_WIRE_AT(shift, blkif_request_indirect, nr_segments));
    out->handle = wrg_wire_load16(slot + WRG_WIRE_AT(shift, blkif_request_indirect, handle));
    out->sector_number =
        wrg_wire_load64(slot + WRG_WIRE_AT(shift, blkif_request_indirect, sector_number));
    count = wrg_wire_indirect_count(out->nr_segments);
    for (uint32_t i = 0; i < count; i++)
        out->indirect_grefs[i] = wrg_wire_load32(grefs + (size_t)i * 4);
}

/*
 * Zeroes all of *out, padding included. In parts, because gcc makes one memset of this size a
 * `rep stos`, which takes five times as long as all the rest of a decode.
 */
static inline void wrg_wire_clear_request(struct wrg_blkif_request *out)
{
    __builtin_memset(out, 0, offsetof(struct wrg_blkif_request, seg));
    __builtin_memset(&out->seg[0], 0, 5 * sizeof(out->seg[0]));
    __builtin_memset(&out->seg[5], 0, 6 * sizeof(out->seg[0]));
    __builtin_memset(out->indirect_grefs, 0, sizeof(out->indirect_grefs));
}

/*
 * Decodes a private copy of a slot (wrg_wire_request_size bytes). The operation byte is read once.
 * Copies min(11, n) segments or min(8, ceil(n / 512)) page grefs, whatever n claims to be; of an
 * unknown operation the id alone. Every other byte of *out is zero, padding included.
 */
static inline void wrg_wire_get_request(enum wrg_abi abi, const uint8_t *slot,
                                        struct wrg_blkif_request *out)
{
    const uint32_t shift = wrg_wire_shift(abi);
    const uint8_t operation = slot[WRG_WIRE_O64_blkif_request_operation];

    wrg_wire_clear_request(out);
    out->operation = operation;
    out->id = wrg_wire_load64(slot + WRG_WIRE_AT(shift, blkif_request, id));
    switch (operation) {
    case WRG_BLKIF_OP_READ:
    case WRG_BLKIF_OP_WRITE:
    case WRG_BLKIF_OP_WRITE_BARRIER:
    case WRG_BLKIF_OP_FLUSH_DISKCACHE: wrg_wire_get_rw(shift, slot, out); break;
    case WRG_BLKIF_OP_DISCARD: wrg_wire_get_discard(shift, slot, out); break;
    case WRG_BLKIF_OP_INDIRECT: wrg_wire_get_indirect(shift, slot, out); break;
    default: break;
    }
}

static inline uint32_t wrg_wire_put_rw(uint32_t shift, const struct wrg_blkif_request *req,
                                       uint8_t *slot)
{
    const uint32_t count = wrg_wire_direct_count((uint8_t)req->nr_segments);
    uint32_t end = WRG_WIRE_AT(shift, blkif_request, seg);
    uint8_t *at = slot + end;

    slot[WRG_WIRE_AT(shift, blkif_request, nr_segments)] = (uint8_t)req->nr_segments;
    wrg_wire_store16(slot + WRG_WIRE_AT(shift, blkif_request, handle), req->handle);
    wrg_wire_store64(slot + WRG_WIRE_AT(shift, blkif_request, sector_number), req->sector_number);
    for (uint32_t i = 0; i < count; i++, at += WRG_WIRE_SIZE64_blkif_request_segment) {
        wrg_wire_store32(at + WRG_WIRE_O64_blkif_request_segment_gref, req->seg[i].gref);
        at[WRG_WIRE_O64_blkif_request_segment_first_sect] = req->seg[i].first_sect;
        at[WRG_WIRE_O64_blkif_request_segment_last_sect] = req->seg[i].last_sect;
    }
    /* The two pad bytes of the last segment are not part of what was written. */
    return count == 0 ? end : end + count * WRG_WIRE_SIZE64_blkif_request_segment - 2;
}

static inline uint32_t wrg_wire_put_discard(uint32_t shift, const struct wrg_blkif_request *req,
                                            uint8_t *slot)
{
    const uint32_t last = WRG_WIRE_AT(shift, blkif_request_discard, nr_sectors);

    slot[WRG_WIRE_AT(shift, blkif_request_discard, flag)] = req->flag;
    wrg_wire_store16(slot + WRG_WIRE_AT(shift, blkif_request_discard, handle), req->handle);
    wrg_wire_store64(slot + WRG_WIRE_AT(shift, blkif_request_discard, sector_number),
                     req->sector_number);
    wrg_wire_store64(slot + last, req->nr_sectors);
    return last + 8;
}

static inline uint32_t wrg_wire_put_indirect(uint32_t shift, const struct wrg_blkif_request *req,
                                             uint8_t *slot)
{
    const uint32_t count = wrg_wire_indirect_count(req->nr_segments);
    const uint32_t handle = WRG_WIRE_AT(shift, blkif_request_indirect, handle);
    const uint32_t grefs = WRG_WIRE_AT(shift, blkif_request_indirect, indirect_grefs);

    slot[WRG_WIRE_AT(shift, blkif_request_indirect, indirect_op)] = req->indirect_op;
    wrg_wire_store16(slot + WRG_WIRE_AT(shift, blkif_request_indirect, nr_segments),
                     req->nr_segments);
    wrg_wire_store64(slot + WRG_WIRE_AT(shift, blkif_request_indirect, sector_number),
                     req->sector_number);
    wrg_wire_store16(slot + handle, req->handle);
    for (uint32_t i = 0; i < count; i++)
        wrg_wire_store32(slot + grefs + (size_t)i * 4, req->indirect_grefs[i]);
    return count == 0 ? handle + 2 : grefs + count * 4;
}

/*
 * Encodes into a private slot of wrg_wire_request_size bytes and returns the number of bytes up to
 * the end of the last member written, so that a frontend can store only those. Writes members
 * only: pads, and members beyond the count, keep what the slot held, so start from a zeroed slot
 * unless leaking is the intention. nr_segments is written unchecked, its low 8 bits for a direct
 * operation. An unknown operation is encoded like a read or write, for hostile use.
 */
static inline size_t wrg_wire_put_request(enum wrg_abi abi, const struct wrg_blkif_request *req,
                                          uint8_t *slot)
{
    const uint32_t shift = wrg_wire_shift(abi);

    slot[WRG_WIRE_O64_blkif_request_operation] = req->operation;
    wrg_wire_store64(slot + WRG_WIRE_AT(shift, blkif_request, id), req->id);
    switch (req->operation) {
    case WRG_BLKIF_OP_DISCARD: return wrg_wire_put_discard(shift, req, slot);
    case WRG_BLKIF_OP_INDIRECT: return wrg_wire_put_indirect(shift, req, slot);
    default: return wrg_wire_put_rw(shift, req, slot);
    }
}

/* Decodes a private copy of a response; 12 bytes are enough in every ABI. */
static inline void wrg_wire_get_response(const uint8_t *bytes, struct wrg_blkif_response *out)
{
    __builtin_memset(out, 0, sizeof(*out));
    out->id = wrg_wire_load64(bytes + WRG_WIRE_O64_blkif_response_id);
    out->operation = bytes[WRG_WIRE_O64_blkif_response_operation];
    out->status = (int16_t)wrg_wire_load16(bytes + WRG_WIRE_O64_blkif_response_status);
}

/* Encodes a response, members only; 12 bytes are enough in every ABI. */
static inline void wrg_wire_put_response(const struct wrg_blkif_response *rsp, uint8_t *bytes)
{
    wrg_wire_store64(bytes + WRG_WIRE_O64_blkif_response_id, rsp->id);
    bytes[WRG_WIRE_O64_blkif_response_operation] = rsp->operation;
    wrg_wire_store16(bytes + WRG_WIRE_O64_blkif_response_status, (uint16_t)rsp->status);
}

#endif
