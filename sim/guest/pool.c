/* SPDX-License-Identifier: MIT */
#include "guest/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Present when the program is linked with ASan, whatever this file was compiled with. */
__attribute__((weak)) void __asan_poison_memory_region(void const volatile *addr, size_t size);
__attribute__((weak)) void __asan_unpoison_memory_region(void const volatile *addr, size_t size);

static void poison(const void *at, size_t bytes)
{
    if (__asan_poison_memory_region)
        __asan_poison_memory_region(at, bytes);
}

static void unpoison(const void *at, size_t bytes)
{
    if (__asan_unpoison_memory_region)
        __asan_unpoison_memory_region(at, bytes);
}

static size_t class_size(unsigned class)
{
    return (size_t)1 << (class + WRG_POOL_MIN_SHIFT);
}

static uint8_t *block_at(const struct wrg_pool *pool, unsigned class, uint32_t slot)
{
    return pool->base + class * WRG_POOL_CLASS_BYTES + slot * class_size(class);
}

int wrg_pool_init(struct wrg_pool *pool)
{
    size_t bytes = WRG_POOL_CLASSES * WRG_POOL_CLASS_BYTES;

    memset(pool, 0, sizeof(*pool));
    pool->base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pool->base == MAP_FAILED) {
        pool->base = NULL;
        return -ENOMEM;
    }
    for (unsigned i = 0; i < WRG_POOL_CLASSES; i++) {
        uint32_t count = (uint32_t)(WRG_POOL_CLASS_BYTES / class_size(i));
        pool->classes[i].words = calloc(wrg_slots_words(count), sizeof(uint64_t));
        pool->classes[i].sizes = calloc(count, sizeof(uint32_t));
        if (!pool->classes[i].words || !pool->classes[i].sizes) {
            wrg_pool_fini(pool);
            return -ENOMEM;
        }
        wrg_slots_init(&pool->classes[i].slots, pool->classes[i].words, count);
    }
    return 0;
}

static void free_heap(struct wrg_heap_block *block)
{
    if (!block->ptr) /* ASan takes a stack trace for the NULL, too */
        return;
    unpoison(block->ptr, block->size);
    free(block->ptr);
    *block = (struct wrg_heap_block){ .ptr = NULL };
}

void wrg_pool_fini(struct wrg_pool *pool)
{
    for (uint32_t i = 0; i < WRG_ARRAY_LEN(pool->heap); i++)
        free_heap(&pool->heap[i]);
    for (unsigned i = 0; i < WRG_POOL_CLASSES; i++) {
        free(pool->classes[i].words);
        free(pool->classes[i].sizes);
    }
    if (pool->base) {
        unpoison(pool->base, WRG_POOL_CLASSES * WRG_POOL_CLASS_BYTES);
        munmap(pool->base, WRG_POOL_CLASSES * WRG_POOL_CLASS_BYTES);
    }
    memset(pool, 0, sizeof(*pool));
}

/* The smallest whose blocks have room. */
static unsigned class_of(size_t size)
{
    size_t last = (size - 1) >> WRG_POOL_MIN_SHIFT;

    return last ? 64 - (unsigned)__builtin_clzll(last) : 0;
}

/* The block behind the highest is poisoned too, so that an overflow of the last one is seen. */
static void poison_first(struct wrg_pool_class *cls, unsigned class, uint32_t slot,
                         const uint8_t *at)
{
    if (slot + 1 == cls->slots.count)
        return;
    poison(at, 2 * class_size(class));
    cls->poisoned = slot + 1;
}

static void *take_block(struct wrg_pool *pool, size_t size)
{
    unsigned class = class_of(size);

    if (class >= WRG_POOL_CLASSES)
        return NULL;
    struct wrg_pool_class *cls = &pool->classes[class];
    uint32_t slot = wrg_slots_take(&cls->slots);
    if (slot == WRG_SLOTS_NONE)
        return NULL;
    uint8_t *at = block_at(pool, class, slot);
    if (WRG_UNLIKELY(slot >= cls->poisoned))
        poison_first(cls, class, slot, at);
    unpoison(at, size);
    cls->sizes[slot] = (uint32_t)size;
    pool->npool++;
    return at;
}

__attribute__((noinline)) static void *take_heap(struct wrg_pool *pool, size_t size)
{
    uint32_t i = 0;

    if (pool->nheap == WRG_POOL_HEAP_MAX)
        return NULL;
    while (pool->heap[i].ptr)
        i++;
    void *ptr = malloc(size);
    if (!ptr)
        return NULL;
    pool->heap[i] = (struct wrg_heap_block){ .ptr = ptr, .size = size, .alive = true };
    pool->nheap++;
    return ptr;
}

void *wrg_pool_alloc(struct wrg_pool *pool, size_t size, enum wrg_alloc_kind kind)
{
    size += !size;
    if (WRG_UNLIKELY(kind == WRG_ALLOC_HEAP))
        return take_heap(pool, size);
    return take_block(pool, size);
}

__attribute__((noinline)) static bool put_heap(struct wrg_pool *pool, void *ptr, size_t *size)
{
    for (uint32_t i = 0; i < WRG_ARRAY_LEN(pool->heap); i++) {
        struct wrg_heap_block *block = &pool->heap[i];
        if (block->ptr != ptr || !block->alive)
            continue;
        *size = block->size;
        pool->nheap--;
        block->alive = false;
        if (block->saved)
            poison(ptr, block->size);
        else
            free_heap(block);
        return true;
    }
    return false;
}

static void put_block(struct wrg_pool *pool, unsigned class, uint32_t slot)
{
    wrg_slots_put(&pool->classes[class].slots, slot);
    pool->npool--;
    poison(block_at(pool, class, slot), class_size(class));
}

bool wrg_pool_free(struct wrg_pool *pool, void *ptr, enum wrg_alloc_kind *kind, size_t *size)
{
    uintptr_t off = (uintptr_t)ptr - (uintptr_t)pool->base;

    if (WRG_UNLIKELY(off >= WRG_POOL_CLASSES * WRG_POOL_CLASS_BYTES)) {
        *kind = WRG_ALLOC_HEAP;
        return put_heap(pool, ptr, size);
    }
    unsigned class = (unsigned)(off / WRG_POOL_CLASS_BYTES);
    struct wrg_pool_class *cls = &pool->classes[class];
    uint32_t slot = (uint32_t)(off % WRG_POOL_CLASS_BYTES >> (class + WRG_POOL_MIN_SHIFT));
    *kind = WRG_ALLOC_POOL;
    if ((off & (class_size(class) - 1)) || !wrg_slots_is_taken(&cls->slots, slot))
        return false;
    *size = cls->sizes[slot];
    put_block(pool, class, slot);
    return true;
}

/* ---- snapshot ---- */

struct saved_block {
    void *at;
    size_t size;
    void *bytes;
    uint32_t *known_size; /* of a pool block: where the pool keeps it */
    size_t block_bytes;   /* of a pool block: its class's */
};

struct wrg_pool_saved {
    struct wrg_slots_saved slots[WRG_POOL_CLASSES];
    uint64_t *words[WRG_POOL_CLASSES]; /* within `memory`, as are the blocks and their bytes */
    uint32_t npool, nheap, nblocks;
    struct saved_block *blocks;
    uint8_t *memory, *next; /* one piece: snapshots come and go often */
};

static size_t aligned(size_t bytes)
{
    return (bytes + 15) & ~(size_t)15;
}

static void *take_memory(struct wrg_pool_saved *saved, size_t bytes)
{
    void *at = saved->next;

    saved->next += aligned(bytes);
    return at;
}

/* What a snapshot takes, and a word more: a copy of nothing is made from somewhere, too. */
static size_t saved_bytes(const struct wrg_pool *pool)
{
    size_t bytes = aligned((pool->npool + pool->nheap + 1) * sizeof(struct saved_block)) + 16;

    for (unsigned class = 0; class < WRG_POOL_CLASSES; class ++) {
        const struct wrg_pool_class *cls = &pool->classes[class];
        bytes += aligned(cls->slots.touched * sizeof(uint64_t));
        for (uint32_t slot = 0; slot < wrg_slots_high(&cls->slots); slot++)
            if (wrg_slots_is_taken(&cls->slots, slot))
                bytes += aligned(cls->sizes[slot]);
    }
    for (uint32_t i = 0; i < WRG_ARRAY_LEN(pool->heap); i++)
        bytes += pool->heap[i].alive ? aligned(pool->heap[i].size) : 0;
    return bytes;
}

static struct saved_block *save_block(struct wrg_pool_saved *saved, void *at, size_t size)
{
    struct saved_block *block = &saved->blocks[saved->nblocks++];

    *block = (struct saved_block){ .at = at, .size = size, .bytes = take_memory(saved, size) };
    memcpy(block->bytes, at, size);
    return block;
}

static void save_class(struct wrg_pool *pool, unsigned class, struct wrg_pool_saved *saved)
{
    struct wrg_pool_class *cls = &pool->classes[class];

    saved->words[class] = take_memory(saved, cls->slots.touched * sizeof(uint64_t));
    wrg_slots_save(&cls->slots, &saved->slots[class], saved->words[class]);
    for (uint32_t slot = 0; slot < wrg_slots_high(&cls->slots); slot++) {
        if (!wrg_slots_is_taken(&cls->slots, slot))
            continue;
        struct saved_block *block =
            save_block(saved, block_at(pool, class, slot), cls->sizes[slot]);
        block->known_size = &cls->sizes[slot];
        block->block_bytes = class_size(class);
    }
}

static void save_heap(struct wrg_pool *pool, struct wrg_pool_saved *saved)
{
    for (uint32_t i = 0; i < WRG_ARRAY_LEN(pool->heap); i++) {
        struct wrg_heap_block *block = &pool->heap[i];
        if (!block->alive) /* an earlier snapshot may have it */
            free_heap(block);
        block->saved = block->alive;
        if (block->alive)
            (void)save_block(saved, block->ptr, block->size);
    }
}

struct wrg_pool_saved *wrg_pool_save(struct wrg_pool *pool)
{
    struct wrg_pool_saved *saved = calloc(1, sizeof(*saved));

    WRG_ASSERT(saved);
    saved->memory = saved->next = malloc(saved_bytes(pool));
    WRG_ASSERT(saved->memory);
    saved->blocks = take_memory(saved, (pool->npool + pool->nheap + 1) * sizeof(*saved->blocks));
    saved->npool = pool->npool;
    saved->nheap = pool->nheap;
    for (unsigned class = 0; class < WRG_POOL_CLASSES; class ++)
        save_class(pool, class, saved);
    save_heap(pool, saved);
    return saved;
}

void wrg_pool_saved_free(struct wrg_pool_saved *saved)
{
    if (saved)
        free(saved->memory);
    free(saved);
}

/* Blocks that are alive now and were not in the snapshot. */
static void drop_blocks(struct wrg_pool *pool, unsigned class, const struct wrg_slots_saved *kept,
                        const uint64_t *words)
{
    struct wrg_pool_class *cls = &pool->classes[class];

    if (cls->slots.taken == (kept ? kept->slots.taken : 0) && !kept)
        return;
    for (uint32_t slot = 0; slot < wrg_slots_high(&cls->slots); slot++) {
        bool was = kept && slot / 64 < kept->nwords && (words[slot / 64] >> (slot % 64) & 1);
        if (!was && wrg_slots_is_taken(&cls->slots, slot))
            put_block(pool, class, slot);
    }
}

void wrg_pool_reset(struct wrg_pool *pool)
{
    for (uint32_t i = 0; i < WRG_ARRAY_LEN(pool->heap); i++)
        free_heap(&pool->heap[i]);
    pool->nheap = 0;
    for (unsigned class = 0; class < WRG_POOL_CLASSES; class ++)
        drop_blocks(pool, class, NULL, NULL);
}

static void restore_heap(struct wrg_pool *pool, const struct wrg_pool_saved *saved)
{
    uint32_t nsaved = 0;

    for (uint32_t i = 0; i < WRG_ARRAY_LEN(pool->heap); i++) {
        struct wrg_heap_block *block = &pool->heap[i];
        if (!block->saved)
            free_heap(block);
        block->alive = block->saved;
        nsaved += block->saved;
    }
    WRG_ASSERT(nsaved == saved->nheap); /* no reset, and no other snapshot, since */
    pool->nheap = nsaved;
}

void wrg_pool_restore(struct wrg_pool *pool, const struct wrg_pool_saved *saved)
{
    restore_heap(pool, saved);
    for (unsigned class = 0; class < WRG_POOL_CLASSES; class ++) {
        struct wrg_pool_class *cls = &pool->classes[class];
        if (!cls->slots.touched)
            continue;
        drop_blocks(pool, class, &saved->slots[class], saved->words[class]);
        wrg_slots_restore(&cls->slots, &saved->slots[class], saved->words[class]);
    }
    pool->npool = saved->npool;
    for (uint32_t i = 0; i < saved->nblocks; i++) {
        const struct saved_block *block = &saved->blocks[i];
        if (block->known_size && *block->known_size != block->size) {
            /* Freed in the run, and taken again for something of another size. */
            poison(block->at, block->block_bytes);
            *block->known_size = (uint32_t)block->size;
        }
        unpoison(block->at, block->size);
        memcpy(block->at, block->bytes, block->size);
    }
}
