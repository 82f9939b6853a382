/* SPDX-License-Identifier: MIT */
/* Pool elements and heap blocks of the store: indices, free lists, no memory of its own. */
#include "store/xenstore_impl.h"

#include <errno.h>
#include <string.h>

#define HEAP_MIN_BYTES 32u

uint32_t wrg_xsi_take(struct wrg_xsi_pool *pool, void *base)
{
    uint32_t index = pool->free;
    char *element = (char *)base + (size_t)index * pool->size_bytes;

    if (index != WRG_XSI_NONE) {
        memcpy(&pool->free, element, sizeof(pool->free));
        return index;
    }
    if (pool->used == pool->count)
        return WRG_XSI_NONE;
    index = pool->used++;
    /* Not only for tidiness: what outlives a free (birth, serial) starts from 0 after a reset. */
    memset((char *)base + (size_t)index * pool->size_bytes, 0, pool->size_bytes);
    return index;
}

void wrg_xsi_give(struct wrg_xsi_pool *pool, void *base, uint32_t index)
{
    WRG_ASSERT(index != WRG_XSI_NONE && index < pool->used);
    memcpy((char *)base + (size_t)index * pool->size_bytes, &pool->free, sizeof(pool->free));
    pool->free = index;
}

static unsigned heap_class(size_t len)
{
    return len <= HEAP_MIN_BYTES ? 0 : 59 - (unsigned)__builtin_clzll((uint64_t)len - 1);
}

uint32_t wrg_xsi_heap_take(struct wrg_xenstore *xs, size_t len)
{
    unsigned class = heap_class(len);
    uint32_t bytes = HEAP_MIN_BYTES << class;
    uint32_t block = xs->s.heap_free[class];

    WRG_ASSERT(class < WRG_XSI_HEAP_CLASSES);
    if (block != 0) {
        memcpy(&xs->s.heap_free[class], xs->heap + block, sizeof(block));
        return block;
    }
    if (xs->limits.heap_bytes - xs->s.heap_used < bytes)
        return 0;
    block = xs->s.heap_used;
    xs->s.heap_used += bytes;
    /* An image of the store holds the whole block: no bytes of an earlier run may be in it. */
    memset(xs->heap + block, 0, bytes);
    return block;
}

void wrg_xsi_heap_give(struct wrg_xenstore *xs, uint32_t block, size_t len)
{
    unsigned class = heap_class(len);

    if (block == 0)
        return;
    memcpy(xs->heap + block, &xs->s.heap_free[class], sizeof(block));
    xs->s.heap_free[class] = block;
}

int wrg_xsi_set_value(struct wrg_xenstore *xs, struct wrg_xsi_body *body, const void *value,
                      size_t len)
{
    uint32_t block = body->value;

    if (len == 0) {
        wrg_xsi_drop_body(xs, body);
        return 0;
    }
    if (block == 0 || heap_class(len) != heap_class(body->len)) {
        block = wrg_xsi_heap_take(xs, len);
        if (block == 0)
            return -ENOMEM;
        wrg_xsi_heap_give(xs, body->value, body->len);
    }
    memcpy(xs->heap + block, value, len);
    body->value = block;
    body->len = (uint16_t)len;
    return 0;
}

void wrg_xsi_drop_body(struct wrg_xenstore *xs, struct wrg_xsi_body *body)
{
    wrg_xsi_heap_give(xs, body->value, body->len);
    body->value = 0;
    body->len = 0;
}
