/* SPDX-License-Identifier: MIT */
/*
 * The layouts of the blkif structs, as one table of numbers.
 *
 * Layer:   public. Preprocessor only, no types, includes nothing.
 * Shapes:  every struct has a list of its members in the order of Xen's header:
 *              F(struct, member, offset64, offset32, size)
 *              I(struct, member, offset32, size)       member that only x86_32 has
 *          and one line in WRG_WIRE_STRUCTS: S(struct, size64, align64, size32, align32).
 * Units:   bytes. "64" is x86_64-abi, arm-abi and native; "32" is x86_32-abi.
 *          size is the same in both, or 0 where it is not (blkif_sring.ring: one slot).
 * Source:  xen/io/blkif.h, xen/io/ring.h; blkif_request_segment_aligned from the commit "blkif:
 *          add indirect descriptors interface to public headers" (2013-12-03).
 *
 * The codec in wire.h, the output of `wringer abi` and the compile-time assertions against Xen's
 * headers (sim/wire/abi_assert.c) are all made of this table: a wrong number does not compile.
 */
#ifndef WRINGER_WIRE_LAYOUT_H
#define WRINGER_WIRE_LAYOUT_H

#define WRG_WIRE_FIELDS_blkif_request(F, I)                                                        \
    F(blkif_request, operation, 0, 0, 1)                                                           \
    F(blkif_request, nr_segments, 1, 1, 1)                                                         \
    F(blkif_request, handle, 2, 2, 2)                                                              \
    F(blkif_request, id, 8, 4, 8)                                                                  \
    F(blkif_request, sector_number, 16, 12, 8)                                                     \
    F(blkif_request, seg, 24, 20, 88)

#define WRG_WIRE_FIELDS_blkif_request_discard(F, I)                                                \
    F(blkif_request_discard, operation, 0, 0, 1)                                                   \
    F(blkif_request_discard, flag, 1, 1, 1)                                                        \
    F(blkif_request_discard, handle, 2, 2, 2)                                                      \
    F(blkif_request_discard, id, 8, 4, 8)                                                          \
    F(blkif_request_discard, sector_number, 16, 12, 8)                                             \
    F(blkif_request_discard, nr_sectors, 24, 20, 8)

/* handle comes after sector_number here, and nr_segments is where the others have handle. */
#define WRG_WIRE_FIELDS_blkif_request_indirect(F, I)                                               \
    F(blkif_request_indirect, operation, 0, 0, 1)                                                  \
    F(blkif_request_indirect, indirect_op, 1, 1, 1)                                                \
    F(blkif_request_indirect, nr_segments, 2, 2, 2)                                                \
    F(blkif_request_indirect, id, 8, 4, 8)                                                         \
    F(blkif_request_indirect, sector_number, 16, 12, 8)                                            \
    F(blkif_request_indirect, handle, 24, 20, 2)                                                   \
    F(blkif_request_indirect, indirect_grefs, 28, 24, 32)                                          \
    I(blkif_request_indirect, pad, 56, 8)

#define WRG_WIRE_FIELDS_blkif_request_segment(F, I)                                                \
    F(blkif_request_segment, gref, 0, 0, 4)                                                        \
    F(blkif_request_segment, first_sect, 4, 4, 1)                                                  \
    F(blkif_request_segment, last_sect, 5, 5, 1)

#define WRG_WIRE_FIELDS_blkif_request_segment_aligned(F, I)                                        \
    F(blkif_request_segment_aligned, gref, 0, 0, 4)                                                \
    F(blkif_request_segment_aligned, first_sect, 4, 4, 1)                                          \
    F(blkif_request_segment_aligned, last_sect, 5, 5, 1)                                           \
    F(blkif_request_segment_aligned, _pad, 6, 6, 2)

#define WRG_WIRE_FIELDS_blkif_response(F, I)                                                       \
    F(blkif_response, id, 0, 0, 8)                                                                 \
    F(blkif_response, operation, 8, 8, 1)                                                          \
    F(blkif_response, status, 10, 10, 2)

#define WRG_WIRE_FIELDS_blkif_sring(F, I)                                                          \
    F(blkif_sring, req_prod, 0, 0, 4)                                                              \
    F(blkif_sring, req_event, 4, 4, 4)                                                             \
    F(blkif_sring, rsp_prod, 8, 8, 4)                                                              \
    F(blkif_sring, rsp_event, 12, 12, 4)                                                           \
    F(blkif_sring, pvt, 16, 16, 4)                                                                 \
    F(blkif_sring, __pad, 20, 20, 44)                                                              \
    F(blkif_sring, ring, 64, 64, 0)

/* blkif_sring is counted with one slot, as the header declares it. */
#define WRG_WIRE_STRUCTS(S)                                                                        \
    S(blkif_request, 112, 8, 108, 4)                                                               \
    S(blkif_request_discard, 32, 8, 28, 4)                                                         \
    S(blkif_request_indirect, 64, 8, 64, 4)                                                        \
    S(blkif_request_segment, 8, 4, 8, 4)                                                           \
    S(blkif_request_segment_aligned, 8, 4, 8, 4)                                                   \
    S(blkif_response, 16, 8, 12, 4)                                                                \
    S(blkif_sring, 176, 8, 172, 4)

/* Every member of every struct. */
#define WRG_WIRE_ALL_FIELDS(F, I)                                                                  \
    WRG_WIRE_FIELDS_blkif_request(F, I) WRG_WIRE_FIELDS_blkif_request_discard(F, I)                \
        WRG_WIRE_FIELDS_blkif_request_indirect(F, I) WRG_WIRE_FIELDS_blkif_request_segment(F, I)   \
            WRG_WIRE_FIELDS_blkif_request_segment_aligned(F, I)                                    \
                WRG_WIRE_FIELDS_blkif_response(F, I) WRG_WIRE_FIELDS_blkif_sring(F, I)

/* For a user of the lists that does not want one of the two kinds of line. */
#define WRG_WIRE_NO_FIELD(...)

#endif
