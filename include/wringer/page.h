/* SPDX-License-Identifier: MIT */
/*
 * Access to pages that another domain can write: the only place where that happens.
 *
 * What it is    Loads and stores through a page handle, with the site and the memory order given.
 *               There sit preemption, tracing, double-fetch detection and injected hostile writes.
 *               With nothing listening an access costs two predicted branches.
 * Layer         public
 * Bounds        a range may run over the pages of one handle (multi-page rings, off up to 64 KiB)
 * Errors        an access through a handle that is not mapped (any more), beyond it, or a store
 *               through a read-only one is a finding (GNT-001, GNT-008, GNT-002), not an error
 *               code: loads yield zeros, stores are dropped, and the run ends
 * Threads       index words are atomics with the order asked for, everything else is a plain copy
 * Source        xen/io/ring.h for the orders
 */
#ifndef WRINGER_PAGE_H
#define WRINGER_PAGE_H

#include <stdint.h>
#include <string.h>

#include <wringer/port.h>

enum wrg_site {
#define WRG_SITE(symbol, name) WRG_SITE_##symbol,
#include <wringer/sites.def>
    WRG_NR_SITES
};

enum wrg_order { WRG_ORDER_PLAIN, WRG_ORDER_RELAXED, WRG_ORDER_ACQUIRE, WRG_ORDER_RELEASE };
enum wrg_fence { WRG_FENCE_MB, WRG_FENCE_RMB, WRG_FENCE_WMB };

enum { WRG_VIEW_WRITE = 1 };

/* One page of an endpoint's address space: its own, or one that it maps. */
struct wrg_view {
    uint8_t *base;   /* NULL: nothing here */
    uint32_t handle; /* the one handle that is valid for this slot */
    uint32_t frame : 24;
    uint32_t flags : 8;
};

/* An access that goes the long way. */
struct wrg_access {
    uint32_t page;
    uint32_t off;
    uint32_t len;
    uint8_t site;  /* enum wrg_site */
    uint8_t order; /* enum wrg_order */
    bool write;
    void *buf; /* private memory of the caller, len bytes */
};

/* Where the range is in memory, or NULL: it must go the long way. Of the accessors below only. */
static inline uint8_t *wrg_page_fast(const struct wrg_port *port, uint32_t page, uint32_t off,
                                     uint32_t len, bool write)
{
    uint32_t handle = page + (off >> WRG_PAGE_SHIFT);
    uint32_t slot = handle & WRG_VIEW_MASK;
    uint32_t within = off & (WRG_PAGE_SIZE - 1);

    if (__builtin_expect(slot >= port->reach || within + len > WRG_PAGE_SIZE, 0))
        return NULL;
    const struct wrg_view *view = &port->views[slot];
    if (__builtin_expect(view->handle != handle || !view->base, 0))
        return NULL;
    /* The first store to a frame goes the long way, which puts it on the list of dirty frames. */
    if (write && (!(view->flags & WRG_VIEW_WRITE) ||
                  !__atomic_load_n(&port->dirty[view->frame], __ATOMIC_RELAXED)))
        return NULL;
    return view->base + within;
}

/* Copies `len` bytes at `off` of the page(s) into private memory. */
static inline void wrg_page_load(struct wrg_port *port, uint32_t page, uint32_t off, void *dst,
                                 uint32_t len, enum wrg_site site)
{
    const uint8_t *src = wrg_page_fast(port, page, off, len, false);

    if (__builtin_expect(src != NULL, 1)) {
        memcpy(dst, src, len);
        return;
    }
    struct wrg_access access = { .page = page,
                                 .off = off,
                                 .len = len,
                                 .site = (uint8_t)site,
                                 .order = WRG_ORDER_PLAIN,
                                 .buf = dst };
    port->access(port, &access);
}

/* Copies `len` bytes of private memory to `off` of the page(s). */
static inline void wrg_page_store(struct wrg_port *port, uint32_t page, uint32_t off,
                                  const void *src, uint32_t len, enum wrg_site site)
{
    uint8_t *dst = wrg_page_fast(port, page, off, len, true);

    if (__builtin_expect(dst != NULL, 1)) {
        memcpy(dst, src, len);
        return;
    }
    struct wrg_access access = { .page = page,
                                 .off = off,
                                 .len = len,
                                 .site = (uint8_t)site,
                                 .order = WRG_ORDER_PLAIN,
                                 .write = true,
                                 .buf = (void *)src };
    port->access(port, &access);
}

struct wrg_page_copy {
    uint32_t to, from;         /* page handles, of two pages */
    uint16_t to_off, from_off; /* in bytes */
    uint16_t len;              /* in bytes; within either page */
};

/* Copies from one page to another; each byte is read once. Implemented by sim/guest. */
void wrg_page_copy(struct wrg_port *port, const struct wrg_page_copy *args, enum wrg_site site);

/* Loads an aligned 32-bit word; order is RELAXED or ACQUIRE. */
static inline uint32_t wrg_page_load_u32(struct wrg_port *port, uint32_t page, uint32_t off,
                                         enum wrg_order order, enum wrg_site site)
{
    const uint8_t *src = wrg_page_fast(port, page, off, sizeof(uint32_t), false);
    uint32_t value = 0;

    if (__builtin_expect(src != NULL, 1))
        return order == WRG_ORDER_ACQUIRE
                   ? __atomic_load_n((const uint32_t *)(const void *)src, __ATOMIC_ACQUIRE)
                   : __atomic_load_n((const uint32_t *)(const void *)src, __ATOMIC_RELAXED);
    struct wrg_access access = { .page = page,
                                 .off = off,
                                 .len = sizeof(value),
                                 .site = (uint8_t)site,
                                 .order = (uint8_t)order,
                                 .buf = &value };
    port->access(port, &access);
    return value;
}

/* Stores an aligned 32-bit word; order is RELAXED or RELEASE. */
static inline void wrg_page_store_u32(struct wrg_port *port, uint32_t page, uint32_t off,
                                      uint32_t value, enum wrg_order order, enum wrg_site site)
{
    uint8_t *dst = wrg_page_fast(port, page, off, sizeof(value), true);

    if (__builtin_expect(dst != NULL, 1)) {
        if (order == WRG_ORDER_RELEASE)
            __atomic_store_n((uint32_t *)(void *)dst, value, __ATOMIC_RELEASE);
        else
            __atomic_store_n((uint32_t *)(void *)dst, value, __ATOMIC_RELAXED);
        return;
    }
    struct wrg_access access = { .page = page,
                                 .off = off,
                                 .len = sizeof(value),
                                 .site = (uint8_t)site,
                                 .order = (uint8_t)order,
                                 .write = true,
                                 .buf = &value };
    port->access(port, &access);
}

/*
 * Fences. mb is the one that orders a store before a later load: it stands between the store of an
 * own index and the load of the peer's event index, and between the store of an own event index and
 * the load of the peer's producer index.
 */
static inline void wrg_page_fence(struct wrg_port *port, enum wrg_fence kind)
{
    if (__builtin_expect(port->hooks != 0, 0))
        port->fence(port, kind);
    else if (!port->parallel) /* one task at a time, on one processor */
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
    else if (kind == WRG_FENCE_MB)
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    else if (kind == WRG_FENCE_RMB)
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    else
        __atomic_thread_fence(__ATOMIC_RELEASE);
}

/* Two aligned 32-bit words of one page: an own index, and where the peer wants to hear of it. */
struct wrg_page_publish {
    uint32_t store_off, load_off;
    uint8_t store_site, load_site; /* enum wrg_site */
};

/*
 * Stores the one with RELEASE, and loads the other behind a full fence. The same as the three calls
 * one after the other, with one look at the handle.
 */
static inline uint32_t wrg_page_publish(struct wrg_port *port, uint32_t page,
                                        const struct wrg_page_publish *args, uint32_t value)
{
    uint8_t *base = wrg_page_fast(port, page, 0, WRG_PAGE_SIZE, true);

    if (__builtin_expect(base != NULL, 1)) {
        __atomic_store_n((uint32_t *)(void *)(base + args->store_off), value, __ATOMIC_RELEASE);
        wrg_page_fence(port, WRG_FENCE_MB);
        return __atomic_load_n((uint32_t *)(void *)(base + args->load_off), __ATOMIC_RELAXED);
    }
    wrg_page_store_u32(port, page, args->store_off, value, WRG_ORDER_RELEASE,
                       (enum wrg_site)args->store_site);
    wrg_page_fence(port, WRG_FENCE_MB);
    return wrg_page_load_u32(port, page, args->load_off, WRG_ORDER_RELAXED,
                             (enum wrg_site)args->load_site);
}

#endif
