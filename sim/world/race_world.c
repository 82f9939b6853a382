/* SPDX-License-Identifier: MIT */
/*
 * Traffic for a driver one file of which was compiled without its locks, or without the order of
 * its atomic accesses (race_drop_locks.h, race_drop_order.h): TSan must report a race. A ctest of
 * the tsan preset expects this program to fail, and the same traffic with whole drivers to be
 * quiet.
 *
 * Whenever the backend hands a request to its disk, its other tasks are woken as well, the one that
 * keeps the pool and the one that listens to the store: else they would run only when nothing else
 * can, for time does not pass before.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case/text.h"
#include "guest/port_calls.h"
#include "world/world.h"

enum { ROUNDS = 8, HELPERS = 32, PATIENCE = 1000000 };

extern const struct wrg_endpoint wrg_back_endpoint;

static const char text[] =
    "wringer 1\n"
    "config victim=none persistent=yes front-persistent=yes queues=2 front-queues=2 "
    "pool=40\n"
    "io op=write count=80 times=100 stride=80\n"
    "io op=read count=80 times=100 stride=80\n"
    /* The driver is unbound while it is busy. */
    "io op=write count=80 times=30 stride=80\nreconnect by=back\n"
    "io op=write count=80 times=40 stride=80\nreconnect by=back\n"
    "io op=write count=80 times=50 stride=80\nreconnect by=back\n"
    "io op=write count=80 times=60 stride=80\n"
    "detach by=back\n"
    "wait for=closed\n";

static struct wrg_endpoint back;
static wrg_port_call *const *calls; /* the real ones */
static wrg_port_call *wrapped[WRG_NR_CALLS];

/* Tasks that set timers or watches, by the port they have. All is atomic, and orders nothing. */
static struct helper {
    struct wrg_port *port;
    uint32_t task;
} helpers[HELPERS];

static void note(struct wrg_port *port, uint32_t task)
{
    for (unsigned i = 0; i < HELPERS; i++) {
        struct wrg_port *nobody = NULL;
        if (__atomic_load_n(&helpers[i].port, __ATOMIC_RELAXED) == port &&
            __atomic_load_n(&helpers[i].task, __ATOMIC_RELAXED) == task)
            return;
        if (!__atomic_compare_exchange_n(&helpers[i].port, &nobody, port, false, __ATOMIC_RELAXED,
                                         __ATOMIC_RELAXED))
            continue;
        __atomic_store_n(&helpers[i].task, task, __ATOMIC_RELAXED);
        return;
    }
}

static int note_timer(struct wrg_port *port, void *ptr)
{
    note(port, ((const struct wrg_timer_set *)ptr)->task);
    return calls[WRG_CALL_TIMER_SET](port, ptr);
}

static int note_watch(struct wrg_port *port, void *ptr)
{
    note(port, ((const struct wrg_xs_watch *)ptr)->task);
    return calls[WRG_CALL_XS_WATCH](port, ptr);
}

/*
 * Who unbinds the driver meets its xenbus task in the middle of its work. That is arranged by words
 * that order nothing, or the race would be none.
 */
enum { NO_MEETING, ASKED_FOR, ARRIVED, OVER };

static int meeting;
static struct wrg_port *meeting_port; /* the first device's */

static void wait_until(int what)
{
    for (unsigned i = 0; i < PATIENCE && __atomic_load_n(&meeting, __ATOMIC_RELAXED) < what; i++)
        (void)sched_yield();
}

static int read_and_meet(struct wrg_port *port, void *ptr)
{
    int result = calls[WRG_CALL_XS_READ](port, ptr);
    int asked = ASKED_FOR;

    if (port == meeting_port && __atomic_compare_exchange_n(&meeting, &asked, ARRIVED, false,
                                                            __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        wait_until(OVER);
    return result;
}

static void wake_helpers(struct wrg_port *port)
{
    for (unsigned i = 0; i < HELPERS; i++) {
        struct wrg_task_wake wake = { .task = __atomic_load_n(&helpers[i].task, __ATOMIC_RELAXED) };
        if (__atomic_load_n(&helpers[i].port, __ATOMIC_RELAXED) == port)
            (void)calls[WRG_CALL_TASK_WAKE](port, &wake);
    }
}

static int submit_and_wake(struct wrg_port *port, void *ptr)
{
    wake_helpers(port);
    return calls[WRG_CALL_DISK_SUBMIT](port, ptr);
}

static void detach(void *self)
{
    __atomic_store_n(&meeting, ASKED_FOR, __ATOMIC_RELAXED);
    wake_helpers(meeting_port);
    wait_until(ARRIVED);
    wrg_back_endpoint.detach(self);
    __atomic_store_n(&meeting, OVER, __ATOMIC_RELAXED);
}

static int start(struct wrg_port *port, void **self)
{
    if (!meeting_port)
        meeting_port = port;
    if (!calls) {
        calls = port->calls;
        memcpy(wrapped, port->calls, sizeof(wrapped));
        wrapped[WRG_CALL_TIMER_SET] = note_timer;
        wrapped[WRG_CALL_XS_WATCH] = note_watch;
        wrapped[WRG_CALL_DISK_SUBMIT] = submit_and_wake;
        wrapped[WRG_CALL_XS_READ] = read_and_meet;
    }
    for (unsigned i = 0; i < HELPERS; i++)
        if (__atomic_load_n(&helpers[i].port, __ATOMIC_RELAXED) == port)
            __atomic_store_n(&helpers[i].port, NULL, __ATOMIC_RELAXED);
    port->calls = wrapped;
    return wrg_back_endpoint.start(port, self);
}

int main(void)
{
    const struct wrg_world_options options = { .engine = WRG_ENGINE_THREAD, .back = &back };
    static struct wrg_case c;
    struct wrg_case_list list;
    struct wrg_verdict verdict;
    char err[256];

    back = wrg_back_endpoint;
    back.start = start;
    back.detach = detach;
    struct wrg_world *world = wrg_world_create(&options);
    if (!world || wrg_case_parse(text, sizeof(text) - 1, "race", &list, err, sizeof(err)))
        return 3;
    wrg_case_list_get(&list, 0, &c);
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (wrg_world_run_case(world, &c, &verdict))
            return 3;
    }
    wrg_case_list_fini(&list);
    wrg_world_destroy(world);
    puts("nobody noticed");
    return 0;
}
