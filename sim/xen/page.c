/* SPDX-License-Identifier: MIT */
/*
 * Pages through handles: allocation, and the long way of an access (hypervisor.h says the rest).
 */
#include <string.h>

#include "base/copy.h"
#include "xen/fetch_slot.h"
#include "xen/hypervisor.h"

/* In the layout that nearly all rings have. */
enum {
    REQUEST_BYTES = WRG_BLKIF_MAX_REQUEST_BYTES,
    ONE_SEGMENT_BYTES =
        WRG_WIRE_SIZE64_blkif_request -
        (WRG_BLKIF_MAX_DIRECT_SEGMENTS - 1) * WRG_WIRE_SIZE64_blkif_request_segment -
        2, /* up to the end of its last_sect */
    RESPONSE_BYTES = WRG_BLKIF_MAX_RESPONSE_BYTES,
    STATUS_BYTES = RESPONSE_BYTES - 4, /* up to the end of the status */
};

/* Present when the program is linked with ASan, whatever this file was compiled with. */
__attribute__((weak)) void __asan_loadN(const void *p, size_t size);
__attribute__((weak)) void __asan_storeN(void *p, size_t size);

uint32_t wrg_xen_page_alloc(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t count,
                            enum wrg_fill fill)
{
    uint32_t slot = count ? wrg_slots_take_run(&dom->own, count) : WRG_SLOTS_NONE;

    if (slot == WRG_SLOTS_NONE)
        return WRG_NO_PAGE;
    for (uint32_t i = slot; i < slot + count; i++) {
        struct wrg_view *view = &dom->views[i];
        uint32_t frame = dom->first_frame + i;
        uint8_t *bytes = wrg_memory_at(&xen->memory, frame);
        wrg_memory_mark(&xen->memory, frame);
        if (fill == WRG_FILL_ZERO)
            memset(bytes, 0, WRG_PAGE_SIZE);
        else if (fill == WRG_FILL_SECRET)
            wrg_memory_fill_secret(bytes, WRG_PAGE_SIZE);
        xen->memory.frames[frame].tainted = fill == WRG_FILL_SECRET;
        view->base = bytes;
        view->frame = frame & 0xffffff;
        view->flags = WRG_VIEW_WRITE;
    }
    wrg_xen_emit(xen, .kind = WRG_EV_PAGE_ALLOC, .role = dom->role, .a = dom->first_frame + slot,
                 .b = count);
    /* A run of fresh handles has one generation only if its slots have: level them. */
    uint32_t generation = 0;
    for (uint32_t i = slot; i < slot + count; i++)
        generation = wrg_max_u32(generation, dom->views[i].handle & ~WRG_VIEW_MASK);
    if (generation == 0)
        generation = 1u << WRG_VIEW_BITS;
    for (uint32_t i = slot; i < slot + count; i++)
        dom->views[i].handle = generation | i;
    return generation | slot;
}

/* The handle dies; the next one of the slot differs. Generation 0 is never used. */
static void retire_view(struct wrg_view *view)
{
    uint32_t slot = view->handle & WRG_VIEW_MASK;
    uint32_t generation = (view->handle & ~WRG_VIEW_MASK) + (1u << WRG_VIEW_BITS);

    view->base = NULL;
    view->handle = (generation ? generation : 1u << WRG_VIEW_BITS) | slot;
}

static void view_fault(struct wrg_xen *xen, struct wrg_domain *dom, const struct wrg_access *access,
                       enum wrg_rule rule)
{
    wrg_xen_emit(xen, .kind = WRG_EV_VIEW_FAULT, .role = dom->role, .a = access->page,
                 .b = access->off, .c = (uint64_t)rule, .d = access->len);
}

void wrg_xen_page_free(struct wrg_xen *xen, struct wrg_domain *dom, uint32_t page, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct wrg_view *view = wrg_xen_view(dom, page + i);
        struct wrg_access access = { .page = page + i };
        if (!view || ((page + i) & WRG_VIEW_MASK) >= dom->nframes) {
            view_fault(xen, dom, &access, WRG_RULE_GNT_008);
            continue;
        }
        const struct wrg_frame *meta = &xen->memory.frames[view->frame];
        wrg_xen_emit(xen, .kind = WRG_EV_PAGE_FREE, .role = dom->role, .a = view->frame, .b = 1,
                     .c = (uint64_t)meta->granted | (uint64_t)meta->mapped << 32);
        retire_view(view);
        wrg_slots_put(&dom->own, (page + i) & WRG_VIEW_MASK);
    }
}

void wrg_xen_peek(struct wrg_xen *xen, uint32_t frame, uint32_t off, void *dst, uint32_t len)
{
    memcpy(dst, wrg_memory_at(&xen->memory, frame) + off, len);
}

void wrg_xen_patch(struct wrg_xen *xen, uint32_t frame, uint32_t off, const void *src, uint32_t len)
{
    wrg_memory_mark(&xen->memory, frame);
    memcpy(wrg_memory_at(&xen->memory, frame) + off, src, len);
}

/* Which rule an access through this handle breaks, or none. */
static enum wrg_rule view_check(const struct wrg_domain *dom, uint32_t first, uint32_t page,
                                bool write)
{
    const struct wrg_view *view = wrg_xen_view(dom, page);

    if (!view) /* beyond the end of a valid handle, or a handle that is not valid at all? */
        return page != first && wrg_xen_view(dom, first) ? WRG_RULE_GNT_008 : WRG_RULE_GNT_001;
    if (write && !(view->flags & WRG_VIEW_WRITE))
        return WRG_RULE_GNT_002;
    return WRG_RULE_CLEAN;
}

uint8_t *wrg_xen_dma(struct wrg_xen *xen, struct wrg_domain *dom, const struct wrg_vec *vec,
                     bool write)
{
    const struct wrg_access access = { .page = vec->page, .off = vec->off, .len = vec->len };
    const struct wrg_view *view = wrg_xen_view(dom, vec->page);
    enum wrg_rule rule;

    if (WRG_LIKELY(view && (uint32_t)vec->off + vec->len <= WRG_PAGE_SIZE &&
                   (!write || (view->flags & WRG_VIEW_WRITE)))) {
        if (write)
            wrg_memory_mark(&xen->memory, view->frame);
        return view->base + vec->off;
    }
    rule = view_check(dom, vec->page, vec->page, write);
    view_fault(xen, dom, &access, rule == WRG_RULE_CLEAN ? WRG_RULE_GNT_008 : rule);
    return NULL;
}

/* Bytes that are all in an operand of their event. */
static inline bool in_operand(uint32_t len)
{
    return len <= sizeof(uint64_t);
}

static inline uint64_t first_bytes(const void *buf, uint32_t len)
{
    uint64_t value = 0;

    if (len >= sizeof(value))
        memcpy(&value, buf, sizeof(value));
    else
        wrg_copy(&value, buf, len);
    return value;
}

static void apply_tamper(struct wrg_xen *xen, uint32_t frame, uint32_t off,
                         struct wrg_tamper *tamper)
{
    uint32_t at = off + tamper->off;
    uint64_t old = 0;
    uint64_t value = tamper->value;

    if (at + tamper->len > WRG_PAGE_SIZE)
        return; /* stays unfired: a dead op */
    wrg_xen_peek(xen, frame, at, &old, tamper->len);
    if (tamper->mode == 1)
        value ^= old;
    else if (tamper->mode == 2)
        value += old;
    wrg_xen_patch(xen, frame, at, &value, tamper->len);
    tamper->fired = true;
    wrg_xen_emit(xen, .kind = WRG_EV_TAMPER, .role = WRG_ROLE_SCRIPT, .a = frame,
                 .b = at << 16 | tamper->len, .c = tamper->op, .d = value);
}

WRG_STATIC_ASSERT((int)WRG_EVENT_SITE_SCRIPT == (int)WRG_SITE_SCRIPT, "a number of sites.def");
WRG_STATIC_ASSERT((int)WRG_SEAT_FRONT == (int)WRG_ROLE_FRONT && WRG_ROLE_FRONT == 0 &&
                      (int)WRG_SEAT_BACK == (int)WRG_ROLE_BACK && WRG_ROLE_BACK == 1,
                  "the roles of the two seats are their numbers, and the lowest");

/* To or from shared memory. */
static inline void copy_bytes(void *to, const void *from, uint32_t len)
{
    if (WRG_LIKELY(len <= WRG_TRACE_PAYLOAD_MAX))
        wrg_copy(to, from, len);
    else
        memcpy(to, from, len);
}

/* In its page. */
static inline uint32_t off_of(const struct wrg_access *access)
{
    return access->off & (WRG_PAGE_SIZE - 1);
}

/* A word with an order is moved in one access, in that order. */
static inline bool is_word(const struct wrg_access *access, uint32_t len)
{
    return access->order != WRG_ORDER_PLAIN && len == sizeof(uint32_t);
}

/* ---- loads ---- */

static inline void load_bytes(const struct wrg_access *access, const struct wrg_view *view,
                              uint32_t len)
{
    const uint8_t *bytes = view->base + off_of(access);

    if (is_word(access, len)) {
        uint32_t word = __atomic_load_n((const uint32_t *)(const void *)bytes, __ATOMIC_ACQUIRE);
        memcpy(access->buf, &word, sizeof(word));
    } else {
        copy_bytes(access->buf, bytes, len);
    }
}

__attribute__((always_inline)) static inline void emit_load(struct wrg_xen *xen, uint8_t role,
                                                            uint32_t frame, uint32_t off,
                                                            uint64_t what, const uint8_t *bytes,
                                                            uint32_t len)
{
    wrg_xen_emit(xen, .kind = WRG_EV_LOAD, .role = role, .a = frame, .b = off << 16 | len,
                 .c = what, .d = first_bytes(bytes, len), .payload = bytes, .len = len,
                 .implied = in_operand(len) ? len : 0);
}

/* Bulk loads are shown in events of what a payload holds: checkers follow the bytes. */
__attribute__((noinline)) static void emit_bulk(struct wrg_xen *xen, uint8_t role, uint32_t frame,
                                                const struct wrg_access *access, uint64_t what)
{
    for (uint32_t done = 0; done < access->len; done += WRG_TRACE_PAYLOAD_MAX)
        emit_load(xen, role, frame, off_of(access) + done, what,
                  (const uint8_t *)access->buf + done,
                  wrg_min_u32(access->len - done, WRG_TRACE_PAYLOAD_MAX));
}

static inline uint64_t what_of(const struct wrg_access *access, enum wrg_shared class,
                               uint32_t lane, uint32_t request)
{
    return access->site | (uint64_t) class << 8 | (uint64_t)access->order << 24 |
           wrg_event_scope((uint8_t)lane, request);
}

__attribute__((always_inline)) static inline void show_load(struct wrg_xen *xen, uint8_t role,
                                                            const struct wrg_access *access,
                                                            uint32_t frame, uint64_t what,
                                                            uint32_t len)
{
    if (WRG_LIKELY(len <= WRG_TRACE_PAYLOAD_MAX))
        emit_load(xen, role, frame, off_of(access), what, access->buf, len);
    else if (xen->trace->on)
        emit_bulk(xen, role, frame, access, what);
}

/* Of other requests than indirect ones, the operation is all that is asked for later. */
static inline void keep_slot(uint8_t *to, const uint8_t *bytes, uint32_t len)
{
    if (WRG_LIKELY(len == sizeof(((struct wrg_fetch_scope *)NULL)->bytes) &&
                   bytes[0] != WRG_BLKIF_OP_INDIRECT))
        to[0] = bytes[0];
    else
        wrg_copy(to, bytes, len);
}

__attribute__((always_inline)) static inline void load_from_slot(
    struct wrg_xen *xen, const struct wrg_domain *dom, const struct wrg_access *access,
    const struct wrg_view *view, struct wrg_fetch_at at, uint32_t len)
{
    const uint8_t seat = dom->role;
    const uint32_t frame = view->frame;
    struct wrg_fetch_ring *ring = &xen->fetch.rings[seat][at.lane];
    const struct wrg_fetch_slot slot = wrg_fetch_load_slot(ring, at.off, len);
    uint32_t request = 0;

    if (WRG_LIKELY(slot.scope)) {
        struct wrg_tamper *tamper = wrg_fetch_due(&xen->fetch, seat, (uint8_t)at.lane, slot.scope);
        if (WRG_UNLIKELY(tamper))
            apply_tamper(xen, frame, off_of(access), tamper);
        request = slot.scope->request;
    }
    load_bytes(access, view, len);
    if (slot.scope && !slot.again)
        keep_slot(slot.scope->bytes + slot.within, access->buf, slot.len);
    show_load(xen, seat, access, frame,
              what_of(access, WRG_SHARED_RING_SLOT, at.lane, request) | (uint64_t)slot.again << 16,
              len);
}

/*
 * From a slot of a ring on. Nearly all are requests and responses, whole: with the length known,
 * nothing is left of copies and bounds but moves.
 */
__attribute__((noinline)) static void load_slot(struct wrg_xen *xen, const struct wrg_domain *dom,
                                                const struct wrg_access *access,
                                                const struct wrg_view *view, struct wrg_fetch_at at)
{
    if (WRG_LIKELY(access->len == REQUEST_BYTES))
        load_from_slot(xen, dom, access, view, at, REQUEST_BYTES);
    else if (WRG_LIKELY(access->len == RESPONSE_BYTES))
        load_from_slot(xen, dom, access, view, at, RESPONSE_BYTES);
    else
        load_from_slot(xen, dom, access, view, at, access->len);
}

/* From its header on. */
__attribute__((noinline)) static void load_index(struct wrg_xen *xen, const struct wrg_domain *dom,
                                                 const struct wrg_access *access,
                                                 const struct wrg_view *view, uint32_t lane)
{
    const uint64_t what = what_of(access, WRG_SHARED_RING_INDEX, lane, 0);

    /* Most are words: with the length known, nothing is left of copies but a load and a store. */
    if (WRG_LIKELY(access->len == sizeof(uint32_t))) {
        load_bytes(access, view, sizeof(uint32_t));
        emit_load(xen, dom->role, view->frame, off_of(access), what, access->buf, sizeof(uint32_t));
        return;
    }
    load_bytes(access, view, access->len);
    show_load(xen, dom->role, access, view->frame, what, access->len);
}

/* A page that may be an indirect one; returns what the event tells of it. */
static uint64_t load_indirect(struct wrg_xen *xen, uint8_t seat, const struct wrg_access *access,
                              const struct wrg_view *view)
{
    const struct wrg_fetch_place place = { .ring_off = WRG_FETCH_NOT_IN_RING,
                                           .frame = view->frame,
                                           .off = off_of(access),
                                           .len = access->len,
                                           .indirect = xen->memory.frames[view->frame].indirect };
    struct wrg_fetch_result fetch = wrg_fetch_load(&xen->fetch, seat, &place);

    if (WRG_UNLIKELY(fetch.tamper))
        apply_tamper(xen, view->frame, off_of(access), fetch.tamper);
    load_bytes(access, view, access->len);
    return what_of(access, (enum wrg_shared)fetch.class, fetch.lane, fetch.request) |
           (uint64_t)fetch.again << 16;
}

/* Not from a ring. */
__attribute__((noinline)) static void load_page(struct wrg_xen *xen, const struct wrg_domain *dom,
                                                const struct wrg_access *access,
                                                const struct wrg_view *view)
{
    uint64_t what = what_of(access, WRG_SHARED_NONE, 0, 0);

    if (dom->role <= WRG_ROLE_BACK && xen->memory.frames[view->frame].indirect)
        what = load_indirect(xen, dom->role, access, view);
    else
        load_bytes(access, view, access->len);
    show_load(xen, dom->role, access, view->frame, what, access->len);
}

/* ---- stores ---- */

static void note_index(struct wrg_xen *xen, uint8_t seat, const struct wrg_access *access,
                       struct wrg_fetch_at at)
{
    uint32_t own = seat == WRG_SEAT_BACK ? WRG_WIRE_RSP_PROD : WRG_WIRE_REQ_PROD;
    uint32_t index;

    if (at.off != own || access->len != sizeof(index))
        return;
    memcpy(&index, access->buf, sizeof(index));
    wrg_fetch_published(&xen->fetch, seat, (uint8_t)at.lane, index);
}

static inline bool has_secret(const uint8_t *bytes, uint32_t len)
{
    uint32_t word;

    if (len != sizeof(word))
        return wrg_memory_may_have_secret(bytes, len) && wrg_memory_has_secret(bytes, len);
    memcpy(&word, bytes, sizeof(word));
    return wrg_memory_is_secret(word);
}

/* The page is marked for it: whether anybody else may see what is secret. */
__attribute__((noinline)) static bool shows_secret(struct wrg_xen *xen, uint32_t frame)
{
    struct wrg_frame *meta = &xen->memory.frames[frame];

    meta->tainted = true; /* found again when the page is granted later */
    return meta->granted || meta->mapped;
}

__attribute__((always_inline)) static inline void store_bytes(
    struct wrg_xen *xen, const struct wrg_domain *dom, const struct wrg_access *access,
    const struct wrg_view *view, enum wrg_shared class, struct wrg_fetch_at at, uint32_t len)
{
    const uint8_t *buf = access->buf;
    uint8_t *bytes = view->base + off_of(access);

    /* What lay there goes out with the event, behind the new bytes: padding is judged by it. */
    uint8_t local[WRG_TRACE_PAYLOAD_MAX];
    uint8_t *payload = xen->parallel ? local : wrg_trace_room(xen->trace);
    uint32_t shown = wrg_min_u32(len, sizeof(local) / 2);
    wrg_copy(payload, buf, shown);
    wrg_copy(payload + shown, bytes, shown);

    wrg_memory_mark(&xen->memory, view->frame);
    if (is_word(access, len)) {
        uint32_t word;
        memcpy(&word, buf, sizeof(word));
        __atomic_store_n((uint32_t *)(void *)bytes, word, __ATOMIC_RELEASE);
    } else {
        copy_bytes(bytes, buf, len);
    }
    if (class == WRG_SHARED_RING_INDEX)
        note_index(xen, dom->role, access, at);
    bool secret = has_secret(buf, len);
    if (WRG_UNLIKELY(secret))
        secret = shows_secret(xen, view->frame);
    wrg_xen_emit(xen, .kind = WRG_EV_STORE, .role = dom->role, .a = view->frame,
                 .b = off_of(access) << 16 | len,
                 .c = what_of(access, class, at.lane, 0) | (uint64_t)secret << 16,
                 .d = first_bytes(buf, len), .payload = payload, .len = 2 * shown,
                 .implied = in_operand(len) ? 2 * shown : shown);
}

__attribute__((noinline)) static void store_slot(struct wrg_xen *xen, const struct wrg_domain *dom,
                                                 const struct wrg_access *access,
                                                 const struct wrg_view *view,
                                                 struct wrg_fetch_at at)
{
    if (WRG_LIKELY(access->len == ONE_SEGMENT_BYTES))
        store_bytes(xen, dom, access, view, WRG_SHARED_RING_SLOT, at, ONE_SEGMENT_BYTES);
    else if (WRG_LIKELY(access->len == STATUS_BYTES))
        store_bytes(xen, dom, access, view, WRG_SHARED_RING_SLOT, at, STATUS_BYTES);
    else
        store_bytes(xen, dom, access, view, WRG_SHARED_RING_SLOT, at, access->len);
}

__attribute__((noinline)) static void store_index(struct wrg_xen *xen, const struct wrg_domain *dom,
                                                  const struct wrg_access *access,
                                                  const struct wrg_view *view,
                                                  struct wrg_fetch_at at)
{
    if (WRG_LIKELY(access->len == sizeof(uint32_t)))
        store_bytes(xen, dom, access, view, WRG_SHARED_RING_INDEX, at, sizeof(uint32_t));
    else
        store_bytes(xen, dom, access, view, WRG_SHARED_RING_INDEX, at, access->len);
}

__attribute__((noinline)) static void store_page(struct wrg_xen *xen, const struct wrg_domain *dom,
                                                 const struct wrg_access *access,
                                                 const struct wrg_view *view)
{
    const struct wrg_fetch_at nowhere = { .off = WRG_FETCH_NOT_IN_RING };

    store_bytes(xen, dom, access, view, WRG_SHARED_NONE, nowhere, access->len);
}

/* ---- both ---- */

__attribute__((always_inline)) static inline void access_ring(struct wrg_xen *xen,
                                                              const struct wrg_domain *dom,
                                                              const struct wrg_access *access,
                                                              const struct wrg_view *view,
                                                              struct wrg_fetch_at at)
{
    if (at.off >= WRG_WIRE_RING) {
        if (access->write)
            store_slot(xen, dom, access, view, at);
        else
            load_slot(xen, dom, access, view, at);
    } else if (access->write) {
        store_index(xen, dom, access, view, at);
    } else {
        load_index(xen, dom, access, view, at.lane);
    }
}

/* Not to the first ring of its domain. */
__attribute__((noinline)) static void access_elsewhere(struct wrg_xen *xen,
                                                       const struct wrg_domain *dom,
                                                       const struct wrg_access *access,
                                                       const struct wrg_view *view)
{
    struct wrg_fetch_at at = { .off = WRG_FETCH_NOT_IN_RING };

    if (dom->role <= WRG_ROLE_BACK)
        at = wrg_fetch_find(&dom->spots, access->page, access->off);
    if (at.off != WRG_FETCH_NOT_IN_RING)
        access_ring(xen, dom, access, view, at);
    else if (access->write)
        store_page(xen, dom, access, view);
    else
        load_page(xen, dom, access, view);
}

/* One that lies within a page, of this view, which allows it. */
__attribute__((always_inline)) static inline void access_page(struct wrg_xen *xen,
                                                              const struct wrg_domain *dom,
                                                              const struct wrg_access *access,
                                                              const struct wrg_view *view)
{
    const struct wrg_fetch_at at = wrg_fetch_find_first(&dom->spots, access->page, access->off);

    if (WRG_LIKELY(dom->role <= WRG_ROLE_BACK && at.off != WRG_FETCH_NOT_IN_RING))
        access_ring(xen, dom, access, view, at);
    else
        access_elsewhere(xen, dom, access, view);
}

/* Straddling, or wrong. */
__attribute__((noinline)) static void access_pieces(struct wrg_xen *xen, struct wrg_domain *dom,
                                                    const struct wrg_access *access)
{
    uint32_t len;

    for (uint32_t done = 0; done < access->len; done += len) {
        uint32_t off = access->off + done;
        uint32_t page = access->page + (off >> WRG_PAGE_SHIFT);
        const struct wrg_view *view = wrg_xen_view(dom, page);
        if (WRG_UNLIKELY(!view || (access->write && !(view->flags & WRG_VIEW_WRITE)))) {
            if (!access->write)
                memset((uint8_t *)access->buf + done, 0, access->len - done);
            view_fault(xen, dom, access, view_check(dom, access->page, page, access->write));
            return;
        }
        len = wrg_min_u32(access->len - done, WRG_PAGE_SIZE - (off & (WRG_PAGE_SIZE - 1)));
        struct wrg_access part = *access;
        part.off = off;
        part.len = len;
        part.buf = (uint8_t *)access->buf + done;
        access_page(xen, dom, &part, view);
    }
}

/* Is the caller's memory there? */
__attribute__((noinline)) static void ask_asan(const struct wrg_access *access)
{
    if (access->write)
        __asan_loadN(access->buf, access->len);
    else
        __asan_storeN(access->buf, access->len);
}

/* Nearly all lie within a page, and are right. An empty one is neither. */
__attribute__((always_inline)) static inline void access_now(struct wrg_xen *xen,
                                                             struct wrg_domain *dom,
                                                             const struct wrg_access *access)
{
    const struct wrg_view *view = wrg_xen_view(dom, access->page + (access->off >> WRG_PAGE_SHIFT));

    if (WRG_LIKELY(view && access->len - 1 < WRG_PAGE_SIZE - off_of(access) &&
                   (!access->write || (view->flags & WRG_VIEW_WRITE))))
        access_page(xen, dom, access, view);
    else
        access_pieces(xen, dom, access);
}

static inline enum wrg_point point_of(const struct wrg_access *access)
{
    return access->write ? WRG_POINT_STORE : WRG_POINT_LOAD;
}

__attribute__((noinline)) static void access_later(struct wrg_xen *xen, struct wrg_domain *dom,
                                                   const struct wrg_access *access)
{
    wrg_sched_point(xen->sched, point_of(access));
    if (__asan_loadN) /* and the other one with it */
        ask_asan(access);
    access_now(xen, dom, access);
}

/* Calls stand last: they are jumps, and nothing needs to be saved. */
void wrg_xen_access(struct wrg_xen *xen, struct wrg_domain *dom, struct wrg_access *access)
{
    if (WRG_UNLIKELY(__asan_loadN || !wrg_sched_pass(xen->sched)))
        access_later(xen, dom, access);
    else
        access_now(xen, dom, access);
}
