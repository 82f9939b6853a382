/* SPDX-License-Identifier: MIT */
#include "guest/port_calls.h"

#include <errno.h>
#include <string.h>

#include "guest/guest.h"
#include "guest/late_eoi.h"

/* A case names places by these numbers, drivers by those. */
WRG_STATIC_ASSERT((int)WRG_AT_IDLE == (int)WRG_SECTION_IDLE &&
                      (int)WRG_AT_FINAL_CHECK == (int)WRG_SECTION_FINAL_CHECK &&
                      (int)WRG_AT_SUBMIT == (int)WRG_SECTION_SUBMIT &&
                      (int)WRG_NR_AT == (int)WRG_COUNT_SECTION,
                  "sections of the port are those of the case");

/* ---- tasks, time, locks ---- */

static int task_create(struct wrg_guest *guest, void *ptr)
{
    struct wrg_task_create *args = ptr;
    const struct wrg_task_args task = { .fn = args->fn,
                                        .arg = args->arg,
                                        .name = args->name,
                                        .role = guest->role,
                                        .worker = args->worker,
                                        .housekeeping = args->housekeeping };

    if (wrg_sched_tasks_left(guest->xen->sched) <= WRG_GUEST_TASKS_KEPT)
        return wrg_guest_refuse(guest, WRG_FAULT_TASK_CREATE, -ENOSPC);
    int id = wrg_sched_task_create(guest->xen->sched, &task);
    if (id < 0)
        return id;
    guest->state.ntasks++;
    args->task = (uint32_t)id;
    return 0;
}

static int task_exit(struct wrg_guest *guest, void *ptr)
{
    const struct wrg_task_exit *args = ptr;

    wrg_sched_task_retire(guest->xen->sched, (int)args->task);
    guest->state.ntasks--;
    return 0;
}

static int task_wake(struct wrg_guest *guest, void *ptr)
{
    const struct wrg_task_wake *args = ptr;

    wrg_sched_wake(guest->xen->sched, (int)args->task);
    return 0;
}

static int task_wait(struct wrg_guest *guest, void *ptr)
{
    const struct wrg_task_wait *args = ptr;

    return wrg_sched_wait(guest->xen->sched, args->timeout_ns);
}

static int timer_set(struct wrg_guest *guest, void *ptr)
{
    const struct wrg_timer_set *args = ptr;
    struct wrg_sched *sched = guest->xen->sched;

    if (args->task >= WRG_SCHED_TASKS)
        return -EINVAL;
    int *timer = &guest->state.timers[args->task];
    if (*timer)
        wrg_sched_timer_cancel(sched, *timer - 1);
    *timer = 0;
    if (args->delay_ns == WRG_FOREVER)
        return 0;
    const struct wrg_timer_args set = { .task = (int)args->task,
                                        .deadline_ns = wrg_sched_now(sched) + args->delay_ns,
                                        .housekeeping = sched->tasks[args->task].housekeeping };
    int id = wrg_sched_timer_set(sched, &set);
    if (id < 0)
        return id;
    *timer = id + 1;
    return 0;
}

static int clock_read(struct wrg_guest *guest, void *ptr)
{
    struct wrg_clock_read *args = ptr;

    args->now_ns = wrg_sched_now(guest->xen->sched);
    return 0;
}

static int lock_create(struct wrg_guest *guest, void *ptr)
{
    struct wrg_lock_create *args = ptr;

    for (uint32_t i = 0; i < WRG_LOCKS_MAX; i++) {
        if (guest->locks_used[i])
            continue;
        guest->locks_used[i] = true;
        args->lock = i;
        return 0;
    }
    return -ENOSPC;
}

static int lock_destroy(struct wrg_guest *guest, void *ptr)
{
    const struct wrg_lock_destroy *args = ptr;

    guest->locks_used[args->lock] = false;
    return 0;
}

/*
 * Who holds a lock never blocks, so whoever finds it held just lets the others go on. Sleeping
 * instead would have to tell the wake of the lock from the wakes of the task's own work; and a task
 * that is stopped meanwhile must not leave a host's mutex locked behind.
 */
static int lock_take(struct wrg_guest *guest, void *ptr)
{
    const struct wrg_lock_take *args = ptr;

    if (args->lock >= WRG_LOCKS_MAX)
        return -EINVAL;
    bool *held = &guest->locks_held[args->lock];
    if (WRG_LIKELY(!guest->xen->parallel && !*held)) {
        *held = true;
        return 0;
    }
    while (__atomic_exchange_n(held, true, __ATOMIC_ACQUIRE))
        wrg_sched_yield(guest->xen->sched);
    return 0;
}

static int lock_drop(struct wrg_guest *guest, void *ptr)
{
    const struct wrg_lock_drop *args = ptr;

    if (args->lock >= WRG_LOCKS_MAX)
        return -EINVAL;
    __atomic_store_n(&guest->locks_held[args->lock], false, __ATOMIC_RELEASE);
    return 0;
}

/* ---- memory ---- */

static void lock_pool(struct wrg_guest *guest)
{
    if (guest->xen->parallel)
        wrg_mutex_lock(&guest->pool_lock);
}

static void unlock_pool(struct wrg_guest *guest)
{
    if (guest->xen->parallel)
        wrg_mutex_unlock(&guest->pool_lock);
}

/* Out of the way of the many calls that nobody hears of, as in the functions below. */
__attribute__((noinline)) static void tell_alloc(struct wrg_guest *guest,
                                                 const struct wrg_alloc *args)
{
    if (!args->zero)
        wrg_memory_fill_secret(args->ptr, args->size);
    wrg_xen_emit(guest->xen, .kind = WRG_EV_ALLOC, .role = guest->dom->role, .b = args->kind,
                 .c = args->size);
}

static int alloc(struct wrg_guest *guest, void *ptr)
{
    struct wrg_alloc *args = ptr;

    lock_pool(guest);
    args->ptr = wrg_pool_alloc(&guest->pool, args->size, (enum wrg_alloc_kind)args->kind);
    unlock_pool(guest);
    if (WRG_UNLIKELY(!args->ptr))
        return wrg_guest_refuse(guest, WRG_FAULT_ALLOC, -ENOMEM);
    if (args->zero)
        memset(args->ptr, 0, args->size);
    if (WRG_UNLIKELY(guest->xen->trace->on))
        tell_alloc(guest, args);
    return 0;
}

struct freed {
    enum wrg_alloc_kind kind;
    size_t size;
    bool known; /* else there is no such block */
};

__attribute__((noinline)) static int tell_free(struct wrg_guest *guest, const struct freed *freed)
{
    if (freed->known)
        wrg_xen_emit(guest->xen, .kind = WRG_EV_FREE, .role = guest->dom->role, .b = freed->kind,
                     .c = freed->size);
    else
        wrg_xen_emit(guest->xen, .kind = WRG_EV_VIEW_FAULT, .role = guest->dom->role,
                     .c = WRG_RULE_MEM_001);
    return freed->known ? 0 : -EINVAL;
}

static int free_block(struct wrg_guest *guest, void *ptr)
{
    const struct wrg_free *args = ptr;
    struct freed freed = { .kind = WRG_ALLOC_POOL };

    if (!args->ptr)
        return 0;
    lock_pool(guest);
    freed.known = wrg_pool_free(&guest->pool, args->ptr, &freed.kind, &freed.size);
    unlock_pool(guest);
    if (WRG_LIKELY(freed.known && !guest->xen->trace->on))
        return 0;
    return tell_free(guest, &freed);
}

static int page_alloc(struct wrg_guest *guest, void *ptr)
{
    struct wrg_page_alloc *args = ptr;

    args->page = wrg_xen_page_alloc(guest->xen, guest->dom, args->count,
                                    args->zero ? WRG_FILL_ZERO : WRG_FILL_SECRET);
    return args->page == WRG_NO_PAGE ? wrg_guest_refuse(guest, WRG_FAULT_PAGE_ALLOC, -ENOMEM) : 0;
}

static int page_free(struct wrg_guest *guest, void *ptr)
{
    const struct wrg_page_free *args = ptr;

    wrg_xen_page_free(guest->xen, guest->dom, args->page, args->count);
    return 0;
}

static int window_open(struct wrg_guest *guest, void *ptr)
{
    struct wrg_window_open *args = ptr;

    args->ptr = NULL; /* alias windows come with adapters of foreign code */
    return -EOPNOTSUPP;
}

static int log_text(struct wrg_guest *guest, void *ptr)
{
    const struct wrg_log *args = ptr;
    size_t len = strnlen(args->text, WRG_TRACE_PAYLOAD_MAX - 1);

    wrg_xen_emit(guest->xen, .kind = WRG_EV_LOG, .role = guest->dom->role, .payload = args->text,
                 .len = (uint32_t)len);
    return 0;
}

/* ---- grant tables ---- */

static int gnttab_grant(struct wrg_guest *guest, void *args)
{
    return wrg_gnttab_grant(guest->xen, guest->dom, args);
}

static int gnttab_end(struct wrg_guest *guest, void *ptr)
{
    struct wrg_gnttab_end *args = ptr;

    wrg_gnttab_end(guest->xen, guest->dom, args);
    if (WRG_UNLIKELY(args->abandon && args->still_in_use))
        wrg_guest_defer(guest, args);
    return 0;
}

static int gnttab_map(struct wrg_guest *guest, void *args)
{
    return wrg_gnttab_map(guest->xen, guest->dom, args);
}

static int gnttab_unmap(struct wrg_guest *guest, void *args)
{
    wrg_gnttab_unmap(guest->xen, guest->dom, args);
    return 0;
}

static int gnttab_copy(struct wrg_guest *guest, void *args)
{
    return wrg_gnttab_copy(guest->xen, guest->dom, args);
}

static int gnttab_edit(struct wrg_guest *guest, void *ptr)
{
    const struct wrg_gnttab_edit *args = ptr;
    const struct wrg_grant_entry entry = { .flags = args->flags,
                                           .domid = args->domid,
                                           .frame = args->frame };
    struct wrg_gnttab *gnttab = &guest->dom->gnttab;

    if (args->gref >= wrg_gnttab_size(gnttab))
        return -EINVAL;
    wrg_gnttab_poke(guest->xen, guest->dom, args->gref, &entry);
    if (args->flips)
        gnttab->flip =
            (struct wrg_grant_flip){ .gref = args->gref, .mask = args->flip, .times = args->flips };
    return 0;
}

static int gnttab_set_version(struct wrg_guest *guest, void *ptr)
{
    const struct wrg_gnttab_set_version *args = ptr;

    return wrg_gnttab_set_version(guest->xen, guest->dom, args->version);
}

static int gnttab_query(struct wrg_guest *guest, void *args)
{
    wrg_gnttab_query(guest->xen, args);
    return 0;
}

static int gnttab_status_frames(struct wrg_guest *guest, void *args)
{
    wrg_gnttab_status_frames(guest->xen, args);
    return 0;
}

/* ---- event channels ---- */

#define EVTCHN_HANDLER(name)                                                                       \
    static int evtchn_##name(struct wrg_guest *guest, void *args)                                  \
    {                                                                                              \
        return wrg_evtchn_##name(guest->xen, guest->dom, args);                                    \
    }
EVTCHN_HANDLER(alloc_unbound)
EVTCHN_HANDLER(bind_interdomain)
EVTCHN_HANDLER(listen)
EVTCHN_HANDLER(send)
EVTCHN_HANDLER(mask)
EVTCHN_HANDLER(unmask)
EVTCHN_HANDLER(status)
EVTCHN_HANDLER(bind_virq)
EVTCHN_HANDLER(bind_ipi)
EVTCHN_HANDLER(bind_pirq)
EVTCHN_HANDLER(bind_vcpu)
EVTCHN_HANDLER(init_control)
EVTCHN_HANDLER(expand_array)
EVTCHN_HANDLER(set_priority)

/* Calls in which the guest's kernel has a part of its own. */
#define EVTCHN_KERNEL_HANDLER(name)                                                                \
    static int evtchn_##name(struct wrg_guest *guest, void *args)                                  \
    {                                                                                              \
        return wrg_late_eoi_##name(guest, args);                                                   \
    }
EVTCHN_KERNEL_HANDLER(eoi)
EVTCHN_KERNEL_HANDLER(close)
EVTCHN_KERNEL_HANDLER(reset)

/* ---- declarations ---- */

static uint8_t seat_of(const struct wrg_guest *guest)
{
    return guest->dom->role == WRG_ROLE_FRONT ? WRG_SEAT_FRONT : WRG_SEAT_BACK;
}

/* Operand `a` of what is said of a ring. */
static uint32_t ring_name(const struct wrg_guest *guest, uint8_t queue)
{
    return queue | (uint32_t)guest->device << 8;
}

/* Real threads load and store without a lock, so nothing may change that they look into. */
static struct wrg_fetch_spots *spots_of(struct wrg_guest *guest)
{
    return guest->xen->parallel ? NULL : &guest->dom->spots;
}

static int ring_declare(struct wrg_guest *guest, void *ptr)
{
    const struct wrg_ring_declare *args = ptr;
    uint32_t frames[WRG_FETCH_RING_PAGES];
    uint8_t seat = seat_of(guest);

    if (args->npages == 0 || args->npages > WRG_FETCH_RING_PAGES)
        return -EINVAL;
    for (uint8_t i = 0; i < args->npages; i++) {
        const struct wrg_view *view = wrg_xen_view(guest->dom, args->page + i);
        if (!view)
            return -EINVAL;
        frames[i] = view->frame;
    }
    const struct wrg_fetch_declare declare = { .seat = seat,
                                               .abi = args->abi,
                                               .npages = args->npages,
                                               .device = guest->device,
                                               .queue = args->queue,
                                               .index = args->index,
                                               .page = args->page,
                                               .frame = frames[0] };
    uint8_t lane = wrg_fetch_declare(&guest->xen->fetch, spots_of(guest), &declare);
    wrg_xen_emit(
        guest->xen, .kind = WRG_EV_RING_DECLARE, .role = guest->dom->role,
        .a = ring_name(guest, args->queue),
        .b = wrg_wire_ring_entries((enum wrg_abi)args->abi, args->npages),
        .c = args->abi | (uint64_t)args->npages << 8 | (uint64_t)seat << 16 | (uint64_t)lane << 24,
        .d = args->index, .payload = frames, .len = args->npages * (uint32_t)sizeof(*frames));
    return 0;
}

static int ring_retire(struct wrg_guest *guest, void *ptr)
{
    const struct wrg_ring_retire *args = ptr;
    uint8_t lane = wrg_fetch_lane(&guest->xen->fetch, guest->device, args->queue);

    wrg_fetch_retire(&guest->xen->fetch, spots_of(guest), seat_of(guest), lane);
    wrg_xen_emit(guest->xen, .kind = WRG_EV_RING_RETIRE, .role = guest->dom->role,
                 .a = ring_name(guest, args->queue), .b = seat_of(guest), .c = lane);
    return 0;
}

/* ---- the block edge ---- */

static int disk_info(struct wrg_guest *guest, void *args)
{
    return guest->edge.disk_info(guest->edge.ctx, args);
}

static int disk_submit(struct wrg_guest *guest, void *args)
{
    return guest->edge.disk_submit(guest->edge.ctx, args);
}

static int blk_ready(struct wrg_guest *guest, void *args)
{
    guest->edge.blk_ready(guest->edge.ctx, args);
    return 0;
}

static int blk_complete(struct wrg_guest *guest, void *args)
{
    guest->edge.blk_complete(guest->edge.ctx, args);
    return 0;
}

static int blk_gone(struct wrg_guest *guest, void *args)
{
    guest->edge.blk_gone(guest->edge.ctx, args);
    return 0;
}

/* ---- the table ---- */

enum { NO_FAULT = 255 };

#define XS_HANDLER(name)                                                                           \
    static int xs_##name(struct wrg_guest *guest, void *args)                                      \
    {                                                                                              \
        return wrg_guest_xs_##name(guest, args);                                                   \
    }
XS_HANDLER(open)
XS_HANDLER(read)
XS_HANDLER(write)
XS_HANDLER(mkdir)
XS_HANDLER(rm)
XS_HANDLER(directory)
XS_HANDLER(get_perms)
XS_HANDLER(set_perms)
XS_HANDLER(watch)
XS_HANDLER(unwatch)
XS_HANDLER(next_event)
XS_HANDLER(transaction_start)
XS_HANDLER(transaction_end)

#define WRG_FAULT_NONE NO_FAULT
/* Either the call has a site, or it says why it cannot fail. */
#define WRG_PORT_CALL(symbol, name, site, why)                                                     \
    WRG_STATIC_ASSERT(((int)WRG_FAULT_##site == (int)NO_FAULT) == (sizeof(why) > 1),               \
                      "fault site of " #name);
#include <wringer/calls.def>

typedef int handler(struct wrg_guest *guest, void *args);

/* Calls that block, or take locks of their own, or hand over to somebody who does. */
static bool is_unlocked(enum wrg_call call)
{
    static const bool unlocked[WRG_NR_CALLS] = {
        [WRG_CALL_TASK_WAIT] = true,   [WRG_CALL_TASK_WAKE] = true, [WRG_CALL_CLOCK_READ] = true,
        [WRG_CALL_LOCK_TAKE] = true,   [WRG_CALL_LOCK_DROP] = true, [WRG_CALL_DISK_INFO] = true,
        [WRG_CALL_DISK_SUBMIT] = true, [WRG_CALL_BLK_READY] = true, [WRG_CALL_BLK_COMPLETE] = true,
        [WRG_CALL_BLK_GONE] = true,    [WRG_CALL_ALLOC] = true,     [WRG_CALL_FREE] = true,
    };

    return unlocked[call];
}

int wrg_guest_refuse(struct wrg_guest *guest, uint8_t site, int32_t status)
{
    wrg_xen_emit(guest->xen, .kind = WRG_EV_FAULT, .role = guest->dom->role, .a = site,
                 .b = wrg_fault_nth(guest->xen->fault, (enum wrg_fault_site)site, guest->fault_row),
                 .c = (uint32_t)status);
    return status;
}

/* One copy a call, in which everything but the run is known when it is compiled. */
__attribute__((always_inline)) static inline int dispatch(struct wrg_port *port, enum wrg_call call,
                                                          uint8_t site, handler *handle, void *args)
{
    struct wrg_guest *guest = wrg_guest_of(port);

    wrg_sched_point(guest->xen->sched, WRG_POINT_CALL);
    if (site != NO_FAULT) {
        int32_t status =
            wrg_fault_point(guest->xen->fault, (enum wrg_fault_site)site, guest->fault_row);
        if (status)
            return wrg_guest_refuse(guest, site, status);
    }
    if (WRG_LIKELY(!guest->xen->parallel) || is_unlocked(call))
        return handle(guest, args);
    wrg_xen_lock(guest->xen);
    int result = handle(guest, args);
    wrg_xen_unlock(guest->xen);
    return result;
}

#define free free_block
#define log  log_text
#define WRG_PORT_CALL(symbol, name, site, why)                                                     \
    static int call_##name(struct wrg_port *port, void *args)                                      \
    {                                                                                              \
        return dispatch(port, WRG_CALL_##symbol, WRG_FAULT_##site, name, args);                    \
    }                                                                                              \
    static int quiet_##name(struct wrg_port *port, void *args)                                     \
    {                                                                                              \
        return name(wrg_guest_of(port), args);                                                     \
    }
#include <wringer/calls.def>
#undef free
#undef log

wrg_port_call *const wrg_guest_calls[WRG_NR_CALLS] = {
#define WRG_PORT_CALL(symbol, name, site, why) [WRG_CALL_##symbol] = call_##name,
#include <wringer/calls.def>
};

wrg_port_call *const wrg_guest_quiet_calls[WRG_NR_CALLS] = {
#define WRG_PORT_CALL(symbol, name, site, why) [WRG_CALL_##symbol] = quiet_##name,
#include <wringer/calls.def>
};
