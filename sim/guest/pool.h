/* SPDX-License-Identifier: MIT */
/*
 * Memory that a driver allocates through its port.
 *
 * What it is    Two kinds. Pool: blocks of power-of-two classes, free ones poisoned for ASan,
 *               always the lowest free block of a class. Heap: malloc, for the few objects of a
 *               connection whose lifetime bugs deserve a stack. All blocks are known, counted and
 *               given back.
 * Layer         guest
 * Bounds        pool blocks of 64 bytes to 512 KiB, 8 MiB a class; 64 heap blocks
 * Ownership     the endpoint's until it frees them; whatever is left goes at a restore. A snapshot
 *               keeps the heap blocks that it holds where they are, so a use after free of one
 *               reads as a use of poisoned memory; only a pool without one has the stacks.
 * Threads       under the Xen lock
 * Errors        NULL when a class or the heap table is full
 */
#ifndef WRG_GUEST_POOL_H
#define WRG_GUEST_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wringer/port.h>

#include "base/slots.h"

#define WRG_POOL_CLASSES     14
#define WRG_POOL_CLASS_BYTES ((size_t)8 << 20)
#define WRG_POOL_MIN_SHIFT   6
#define WRG_POOL_HEAP_MAX    64

struct wrg_pool_class {
    struct wrg_slots slots;
    uint64_t *words;
    uint32_t *sizes;   /* of the live blocks, as asked for */
    uint32_t poisoned; /* blocks below it have been poisoned once */
};

struct wrg_heap_block {
    void *ptr; /* NULL: free entry */
    size_t size;
    bool alive; /* the endpoint has not freed it */
    bool saved; /* alive in the snapshot, so it stays where it is: poisoned once it is freed */
};

struct wrg_pool {
    uint8_t *base;
    struct wrg_pool_class classes[WRG_POOL_CLASSES];
    struct wrg_heap_block heap[2 * WRG_POOL_HEAP_MAX]; /* alive, and of the snapshot */
    uint32_t nheap;                                    /* alive */
    uint32_t npool;
};

struct wrg_pool_saved;

WRG_MUST_USE int wrg_pool_init(struct wrg_pool *pool);
void wrg_pool_fini(struct wrg_pool *pool);
void *wrg_pool_alloc(struct wrg_pool *pool, size_t size, enum wrg_alloc_kind kind);
/* False: no live block starts there. */
WRG_MUST_USE bool wrg_pool_free(struct wrg_pool *pool, void *ptr, enum wrg_alloc_kind *kind,
                                size_t *size);
/* Gives everything back. */
void wrg_pool_reset(struct wrg_pool *pool);

/* Snapshots: of the last one only, and until the next reset. */
struct wrg_pool_saved *wrg_pool_save(struct wrg_pool *pool);
void wrg_pool_saved_free(struct wrg_pool_saved *saved);
void wrg_pool_restore(struct wrg_pool *pool, const struct wrg_pool_saved *saved);

#endif
