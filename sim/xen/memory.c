/* SPDX-License-Identifier: MIT */
#include "xen/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <wringer/port.h>

#include "base/digest.h"

WRG_STATIC_ASSERT(WRG_FRAME_SECTORS *WRG_DIGEST_BYTES == WRG_PAGE_SIZE, "a digest a sector");

/* Rings, grant frames and indirect pages of a connection; a snapshot of more would not pay. */
#define SAVED_FRAMES_MAX 512

static void *map_zeroed(size_t bytes, bool prefault)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);

    if (at == MAP_FAILED)
        return NULL;
    if (prefault) {
        madvise(at, bytes, MADV_HUGEPAGE);
        madvise(at, bytes, MADV_POPULATE_WRITE);
    }
    return at;
}

int wrg_memory_init(struct wrg_memory *mem, uint32_t nframes, bool prefault)
{
    memset(mem, 0, sizeof(*mem));
    mem->nframes = nframes;
    mem->saved_cap = SAVED_FRAMES_MAX;
    mem->base = map_zeroed((size_t)nframes << WRG_PAGE_SHIFT, prefault);
    mem->dirty = calloc(nframes, 1);
    mem->dirty_list = calloc(nframes, sizeof(*mem->dirty_list));
    mem->frames = calloc(nframes, sizeof(*mem->frames));
    mem->digests = calloc(nframes, sizeof(*mem->digests));
    mem->behind = calloc(nframes, sizeof(*mem->behind));
    mem->saved_frame = calloc(SAVED_FRAMES_MAX, sizeof(*mem->saved_frame));
    mem->saved_meta = calloc(SAVED_FRAMES_MAX, sizeof(*mem->saved_meta));
    mem->saved_bytes = malloc((size_t)SAVED_FRAMES_MAX << WRG_PAGE_SHIFT);
    mem->saved_index = calloc(nframes, sizeof(*mem->saved_index));
    if (mem->base && mem->dirty && mem->dirty_list && mem->frames && mem->digests && mem->behind &&
        mem->saved_frame && mem->saved_meta && mem->saved_bytes && mem->saved_index)
        return 0;
    wrg_memory_fini(mem);
    return -ENOMEM;
}

void wrg_memory_fini(struct wrg_memory *mem)
{
    if (mem->base)
        munmap(mem->base, (size_t)mem->nframes << WRG_PAGE_SHIFT);
    free(mem->dirty);
    free(mem->dirty_list);
    free(mem->frames);
    free(mem->digests);
    free(mem->behind);
    free(mem->saved_frame);
    free(mem->saved_meta);
    free(mem->saved_bytes);
    free(mem->saved_index);
    memset(mem, 0, sizeof(*mem));
}

void wrg_memory_mark_slow(struct wrg_memory *mem, uint32_t frame)
{
    if (!mem->parallel) {
        if (mem->dirty[frame] == WRG_FRAME_CLEAN)
            mem->dirty_list[mem->ndirty++] = frame;
        mem->dirty[frame] = WRG_FRAME_DIRTY;
        return;
    }
    /* Two tasks in parallel may both come here: one of them lists the frame. */
    if (__atomic_exchange_n(&mem->dirty[frame], WRG_FRAME_DIRTY, __ATOMIC_RELAXED))
        return;
    uint32_t at = __atomic_fetch_add(&mem->ndirty, 1, __ATOMIC_RELAXED);
    mem->dirty_list[at] = frame;
}

/* A stale digest would hide a finding: builds for development look at each. */
static void check_digests(const struct wrg_memory *mem, uint32_t frame)
{
#ifdef WRG_PARANOID
    uint64_t digests[WRG_FRAME_SECTORS];

    wrg_digest_sectors(wrg_memory_at(mem, frame), WRG_FRAME_SECTORS, digests);
    WRG_ASSERT(memcmp(digests, mem->digests[frame], sizeof(digests)) == 0);
#else
#endif
}

/* Of a page whose first words are these, one a sector. */
static inline void join(const struct wrg_memory *mem, uint32_t frame, const uint8_t *bytes)
{
    for (uint32_t i = 0; i < WRG_FRAME_SECTORS; i++) {
        uint64_t word;
        memcpy(&word, bytes + (size_t)i * WRG_DIGEST_BYTES, sizeof(word));
        mem->digests[frame][i] = wrg_digest_join(mem->behind[frame][i], word);
    }
}

const uint64_t *wrg_memory_digests(struct wrg_memory *mem, uint32_t frame)
{
    if (mem->dirty[frame] < WRG_FRAME_DIGESTED) {
        const uint8_t *bytes = wrg_memory_at(mem, frame);
        wrg_memory_mark_meta(mem, frame);
        wrg_digest_behind(bytes, WRG_FRAME_SECTORS, mem->behind[frame]);
        join(mem, frame, bytes);
        mem->dirty[frame] = WRG_FRAME_PARTED;
    }
    check_digests(mem, frame);
    return mem->digests[frame];
}

void wrg_memory_stamp(struct wrg_memory *mem, uint32_t frame, uint64_t first)
{
    const bool known = __atomic_load_n(&mem->dirty[frame], __ATOMIC_RELAXED) == WRG_FRAME_PARTED;
    uint8_t *bytes = wrg_memory_at(mem, frame);

    if (!known)
        wrg_memory_mark(mem, frame);
    for (uint32_t i = 0; i < WRG_FRAME_SECTORS; i++, bytes += WRG_DIGEST_BYTES, first++) {
        memcpy(bytes, &first, sizeof(first));
        if (known)
            mem->digests[frame][i] = wrg_digest_join(mem->behind[frame][i], first);
    }
    if (known)
        check_digests(mem, frame);
}

void wrg_memory_set_digests(struct wrg_memory *mem, uint32_t frame,
                            const uint64_t digests[WRG_FRAME_SECTORS])
{
    wrg_memory_mark_meta(mem, frame);
    memcpy(mem->digests[frame], digests, sizeof(*mem->digests));
    mem->dirty[frame] = WRG_FRAME_DIGESTED;
    check_digests(mem, frame);
}

typedef uint64_t pair __attribute__((vector_size(16)));

void wrg_memory_fill_secret(void *dst, size_t len)
{
    const uint64_t secret = WRG_SECRET;
    const pair secrets = { secret, secret };
    uint8_t *at = dst;

    for (; len >= 4 * sizeof(secrets); at += 4 * sizeof(secrets), len -= 4 * sizeof(secrets))
        for (uint32_t i = 0; i < 4; i++)
            memcpy(at + i * sizeof(secrets), &secrets, sizeof(secrets));
    for (; len >= sizeof(secret); at += sizeof(secret), len -= sizeof(secret))
        memcpy(at, &secret, sizeof(secret));
    memcpy(at, &secret, len);
}

/* Four words at a time, in a form that compilers turn into vectors where there are any. */
typedef uint32_t quad __attribute__((vector_size(16)));

bool wrg_memory_has_secret(const void *buf, size_t len)
{
    const uint32_t low = (uint32_t)WRG_SECRET, high = (uint32_t)(WRG_SECRET >> 32);
    const quad lows = { low, low, low, low }, highs = { high, high, high, high };
    const uint8_t *at = buf;
    quad found = { 0 };
    uint64_t sums[2];
    uint32_t word;

    for (; len >= sizeof(quad); at += sizeof(quad), len -= sizeof(quad)) {
        quad words;
        memcpy(&words, at, sizeof(words));
        found |= (quad)(words == lows) | (quad)(words == highs);
    }
    memcpy(sums, &found, sizeof(sums));
    for (; len >= sizeof(word); at += sizeof(word), len -= sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        sums[0] |= wrg_memory_is_secret(word);
    }
    return (sums[0] | sums[1]) != 0;
}

bool wrg_memory_save(struct wrg_memory *mem)
{
    /* What an earlier snapshot holds, and nobody has touched since, belongs to this one too. */
    for (uint32_t i = 0; i < mem->nsaved; i++)
        wrg_memory_mark(mem, mem->saved_frame[i]);
    if (mem->ndirty > mem->saved_cap)
        return false;
    for (uint32_t i = 0; i < mem->nsaved; i++)
        mem->saved_index[mem->saved_frame[i]] = 0;
    mem->nsaved = mem->ndirty;
    for (uint32_t i = 0; i < mem->ndirty; i++) {
        uint32_t frame = mem->dirty_list[i];
        mem->saved_frame[i] = frame;
        mem->saved_meta[i] = mem->frames[frame];
        mem->saved_index[frame] = i + 1;
        memcpy(mem->saved_bytes + ((size_t)i << WRG_PAGE_SHIFT), wrg_memory_at(mem, frame),
               WRG_PAGE_SIZE);
        mem->dirty[frame] = 0;
    }
    mem->ndirty = 0;
    return true;
}

void wrg_memory_restore(struct wrg_memory *mem)
{
    for (uint32_t i = 0; i < mem->ndirty; i++) {
        uint32_t frame = mem->dirty_list[i];
        uint32_t index = mem->saved_index[frame];

        mem->dirty[frame] = 0;
        if (index)
            memcpy(wrg_memory_at(mem, frame),
                   mem->saved_bytes + ((size_t)(index - 1) << WRG_PAGE_SHIFT), WRG_PAGE_SIZE);
        else
            memset(&mem->frames[frame], 0, sizeof(mem->frames[frame]));
    }
    mem->ndirty = 0;
    /* What the snapshot's mappings and grants are to a frame ends without a mark on it. */
    for (uint32_t i = 0; i < mem->nsaved; i++)
        mem->frames[mem->saved_frame[i]] = mem->saved_meta[i];
}

void wrg_memory_reset(struct wrg_memory *mem)
{
    wrg_memory_restore(mem);
    for (uint32_t i = 0; i < mem->nsaved; i++) {
        mem->saved_index[mem->saved_frame[i]] = 0;
        memset(&mem->frames[mem->saved_frame[i]], 0, sizeof(*mem->frames));
    }
    mem->nsaved = 0;
}
