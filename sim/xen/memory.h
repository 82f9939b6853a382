/* SPDX-License-Identifier: MIT */
/*
 * Guest memory: one arena of 4 KiB frames, with what the simulator knows of each.
 *
 * What it is    Frames by machine-wide number, a dirty list that makes reset cost what was touched,
 *               and a snapshot of the frames that were in use when it was taken.
 * Layer         xen
 * Bounds        up to 2^24 frames; mapped lazily, or touched at once with `prefault`
 * Ownership     the arena belongs to the world; ranges of frames belong to domains
 * Threads       with `parallel`, frames are listed by atomic operations
 * Errors        -ENOMEM from the host when the arena is made, nothing later
 */
#ifndef WRG_XEN_MEMORY_H
#define WRG_XEN_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/base.h"

/* Fresh pages and port allocations carry it, so that bytes nobody meant to share are seen. */
#define WRG_SECRET UINT64_C(0x9ae5c3f17bd24e6f)

struct wrg_frame {
    uint16_t granted;  /* grant entries that name it, given through the port */
    uint16_t mapped;   /* live mappings by another domain */
    bool tainted;      /* was filled with the secret pattern, and may still carry it */
    uint16_t indirect; /* 1 + index of its record in the fetch shadow, 0: none */
};

#define WRG_FRAME_SECTORS 8u

enum wrg_frame_state {
    WRG_FRAME_CLEAN,
    WRG_FRAME_DIRTY,
    WRG_FRAME_DIGESTED, /* dirty, and the digests of its sectors are those of its bytes */
    WRG_FRAME_PARTED,   /* likewise, and what is behind the first words is known by itself */
};

struct wrg_memory {
    uint8_t *base;
    uint32_t nframes;
    uint8_t *dirty; /* one byte a frame: touched since the last restore, enum wrg_frame_state */
    uint32_t *dirty_list;
    uint32_t ndirty;
    bool parallel; /* several tasks write at the same time */
    struct wrg_frame *frames;
    uint64_t (*digests)[WRG_FRAME_SECTORS]; /* a frame, valid from state WRG_FRAME_DIGESTED on */
    uint64_t (*behind)[WRG_FRAME_SECTORS];  /* valid in state WRG_FRAME_PARTED */
    /* snapshot: frames that were dirty when it was taken */
    uint32_t nsaved;
    uint32_t saved_cap;
    uint32_t *saved_frame;
    struct wrg_frame *saved_meta;
    uint8_t *saved_bytes;
    uint32_t *saved_index; /* by frame: 1 + index, 0: not saved */
};

WRG_MUST_USE int wrg_memory_init(struct wrg_memory *mem, uint32_t nframes, bool prefault);
void wrg_memory_fini(struct wrg_memory *mem);

static inline uint8_t *wrg_memory_at(const struct wrg_memory *mem, uint32_t frame)
{
    return mem->base + ((size_t)frame << 12);
}

void wrg_memory_mark_slow(struct wrg_memory *mem, uint32_t frame);

/* Before a write to a frame. */
static inline void wrg_memory_mark(struct wrg_memory *mem, uint32_t frame)
{
    if (__atomic_load_n(&mem->dirty[frame], __ATOMIC_RELAXED) != WRG_FRAME_DIRTY)
        wrg_memory_mark_slow(mem, frame);
}

/* Before a change of what is known of a frame, and not of its bytes. */
static inline void wrg_memory_mark_meta(struct wrg_memory *mem, uint32_t frame)
{
    if (__atomic_load_n(&mem->dirty[frame], __ATOMIC_RELAXED) == WRG_FRAME_CLEAN)
        wrg_memory_mark_slow(mem, frame);
}

/*
 * The digests of a frame's sectors, which are kept until it is marked: what moves unchanged from a
 * disk to a guest, or back, is read once. Not if `parallel`: nobody may write meanwhile.
 */
const uint64_t *wrg_memory_digests(struct wrg_memory *mem, uint32_t frame);
/* They are known from elsewhere: the frame has just been filled with bytes of these digests. */
void wrg_memory_set_digests(struct wrg_memory *mem, uint32_t frame,
                            const uint64_t digests[WRG_FRAME_SECTORS]);

/*
 * Writes the first word of each sector: first, first + 1, and so on. Digests that are known stay
 * so, which makes writing the same buffer again cheap to judge.
 */
void wrg_memory_stamp(struct wrg_memory *mem, uint32_t frame, uint64_t first);

/* Fills a page with the secret pattern. */
void wrg_memory_fill_secret(void *dst, size_t len);
/* Whether 4 aligned bytes of the pattern stand in the buffer. */
bool wrg_memory_has_secret(const void *buf, size_t len);
static inline bool wrg_memory_is_secret(uint32_t word)
{
    return word == (uint32_t)WRG_SECRET || word == (uint32_t)(WRG_SECRET >> 32);
}
static inline uint32_t wrg_memory_word(const void *buf, uint32_t off)
{
    uint32_t word;

    memcpy(&word, (const uint8_t *)buf + off, sizeof(word));
    return word;
}
/* False: none do, of a few words, at little cost. */
static inline bool wrg_memory_may_have_secret(const void *buf, uint32_t len)
{
    typedef uint32_t quad __attribute__((vector_size(16)));
    const uint32_t low = (uint32_t)WRG_SECRET, high = (uint32_t)(WRG_SECRET >> 32);
    const quad lows = { low, low, low, low }, highs = { high, high, high, high };
    const uint32_t whole = len & ~(uint32_t)3;
    quad head, tail;
    uint64_t sums[2];

    if (whole == 12) /* a response, up to its status */
        return wrg_memory_is_secret(wrg_memory_word(buf, 0)) ||
               wrg_memory_is_secret(wrg_memory_word(buf, 4)) ||
               wrg_memory_is_secret(wrg_memory_word(buf, 8));
    if (whole < sizeof(quad) || whole > 2 * sizeof(quad))
        return true;
    memcpy(&head, buf, sizeof(head));
    memcpy(&tail, (const uint8_t *)buf + whole - sizeof(tail), sizeof(tail));
    head =
        (quad)(head == lows) | (quad)(head == highs) | (quad)(tail == lows) | (quad)(tail == highs);
    memcpy(sums, &head, sizeof(sums));
    return (sums[0] | sums[1]) != 0;
}

/* False: too many frames are in use for a snapshot. */
WRG_MUST_USE bool wrg_memory_save(struct wrg_memory *mem);
/* Back to the snapshot. Frames outside of it keep bytes that nobody may read before they are
 * filled. */
void wrg_memory_restore(struct wrg_memory *mem);
/* Back to nothing: as after init, without a snapshot. */
void wrg_memory_reset(struct wrg_memory *mem);

#endif
