/* SPDX-License-Identifier: MIT */
/*
 * A world: a simulated Xen, a driver or a script in each seat, a disk, checkers, and one case.
 *
 * What it is    Builds a run from a case, drives it through its phases (connect, safety, liveness,
 *               quiet, closed) and gives the verdict. Worlds are built once and run many cases; a
 *               case that leaves negotiation at a known profile starts from a snapshot of the
 *               connected world, with the hash of a fresh connect.
 * Layer         world
 * Bounds        WRG_WORLD_DEVICES devices, of as many guests at most, all served by one backend
 *               domain; memory as the first case of the world says
 * Ownership     the caller's, from create to destroy; cases are borrowed while they run
 * Threads       one thread calls; the thread engine makes its own
 * Errors        -errno where something of the host fails; everything a case can do is a verdict
 */
#ifndef WRG_WORLD_WORLD_H
#define WRG_WORLD_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include <wringer/port.h>

#include "base/base.h"
#include "oracle/oracle.h"
#include "sched/sched.h"
#include "trace/trace.h"
#include "vocab/ops.h"

struct wrg_world;
struct wrg_disk;

#define WRG_WORLD_DEVICES 4 /* most of them in a world */

/* Which seat is under attack; a fuzz target overrides what the case says. */
enum wrg_target { WRG_TARGET_CASE, WRG_TARGET_BACK, WRG_TARGET_FRONT, WRG_TARGET_XENSTORE };

struct wrg_world_options {
    enum wrg_engine engine;
    enum wrg_target target;
    bool oracles;       /* checkers listen */
    bool hash;          /* the trace is hashed */
    bool peer_hash;     /* so is what peers see of it, to compare drivers by; fiber engine */
    bool prefault;      /* guest memory is touched when it is made, with huge pages */
    bool prefault_disk; /* the disk's too: 128 MiB, for benchmarks that move as much */
    uint32_t spin;      /* thread engine: more looks for a wake before a task sleeps */
    /* Thread engine: a pthread runs whatever is ready. Not where races are looked for, nor where
     * tasks wait for the host, whose processors then seem busy. */
    bool share;
    bool snapshot;                           /* start from the connected world where possible */
    const struct wrg_endpoint *front, *back; /* NULL: the reference drivers */
    wrg_trace_fn *tap;                       /* sees every event, or NULL */
    void *tap_ctx;
    struct wrg_reach_sink reach; /* needs oracles */
    /*
     * A program that does block I/O (program.h), beside what the case does: a task of the world,
     * which begins when all devices are connected, and NULL where there is none. The run goes on
     * until it has returned.
     */
    void (*program)(void *ctx, struct wrg_world *world);
    void *program_ctx;
    bool faults_for_all; /* they hit the drivers of all devices, not those of the first alone */
    uint8_t devices;     /* of the first guest: 0 and 1 mean one; 2 .. WRG_WORLD_DEVICES */
    /*
     * Below the backend of each of them; NULL: a disk in memory as the case's config says. The
     * caller's, until the world is destroyed. Its reset is called at the start of each run.
     */
    struct wrg_disk *disks[WRG_WORLD_DEVICES];
};

/* A finished run. */
struct wrg_verdict {
    enum wrg_rule rule; /* WRG_RULE_CLEAN or what was broken first */
    enum wrg_rule expected;
    bool has_expect;
    uint32_t step; /* of the finding */
    uint8_t role;  /* who did it, enum wrg_role */
    char detail[160];
    uint64_t hash;      /* of the trace; 0 on the thread engine */
    uint64_t peer_hash; /* of what the peers could see: responses, data, disk effects; or 0 */
    uint64_t steps;     /* since the device was connected */
    uint32_t requests;  /* ring requests that were answered */
    uint32_t ios;       /* of the block layer, completed */
    uint32_t ios_failed;
    uint32_t
        ios_outstanding;    /* submitted, never completed: only where the frontend's domain died */
    uint32_t ops, dead_ops; /* of the case */
    uint16_t dead[WRG_CASE_OPS_MAX]; /* indices of the dead ones */
    uint32_t blind; /* a bit a checker that could not see (wrg_world_checker_name) */
    bool from_snapshot;
    bool cut;       /* the step budget ended the run, and who spent it is not judged: `cut_by` */
    uint8_t cut_by; /* enum wrg_role */
    uint32_t fallible_calls; /* fault points passed; 0 where nothing listens and none is armed */
};

enum wrg_world_end {
    WRG_WORLD_FINISHED,
    WRG_WORLD_BLOCKED,      /* waits for something outside */
    WRG_WORLD_BUDGET_SPENT, /* of this call; call again */
};

/* NULL: out of memory. */
struct wrg_world *wrg_world_create(const struct wrg_world_options *options);
void wrg_world_destroy(struct wrg_world *world);

/* Makes the world ready for a case, which must stay where it is until the next start. -ENOMEM */
WRG_MUST_USE int wrg_world_start(struct wrg_world *world, const struct wrg_case *c);
/*
 * Whether the connection that c begins with is the one that the world has a snapshot of, so that a
 * run need not connect, unless faults or preemptions of c hit negotiation.
 */
bool wrg_world_knows(const struct wrg_world *world, const struct wrg_case *c);
/* Seeds the strategy of a case that has none, or another one: `run --schedules`. After start. */
void wrg_world_schedule(struct wrg_world *world, uint64_t seed);
/* Lets the n-th fallible port call (1..) fail with its site's default status. After start. */
void wrg_world_fail_nth(struct wrg_world *world, uint32_t nth);
/* Goes on for at most `steps` scheduler steps (0: to the end). */
enum wrg_world_end wrg_world_run(struct wrg_world *world, uint64_t steps);
/* After FINISHED. */
void wrg_world_verdict(const struct wrg_world *world, struct wrg_verdict *verdict);

/*
 * After FINISHED: how many calls there were at a site while faults could hit, so that a `fault`
 * with nth up to this many has an effect in the same case.
 */
uint32_t wrg_world_fallible(const struct wrg_world *world, enum wrg_fault_site site);

/* start, run to the end, verdict. */
WRG_MUST_USE int wrg_world_run_case(struct wrg_world *world, const struct wrg_case *c,
                                    struct wrg_verdict *verdict);

/* Name of checker `bit` of wrg_verdict.blind; NULL beyond the last. */
const char *wrg_world_checker_name(unsigned bit);

/* The last events before the end, oldest first: for reports. Returns how many were copied. */
uint32_t wrg_world_window(const struct wrg_world *world, struct wrg_event *events, uint32_t cap);

/* The choices that the run has taken, in order; returns how many there were, also beyond cap. */
size_t wrg_world_choices(const struct wrg_world *world, struct wrg_choice_step *out, size_t cap);

/* A preemption that was taken in this run, for concretising a schedule. */
uint32_t wrg_world_deviations(const struct wrg_world *world, struct wrg_sched_preempt *out,
                              uint32_t cap);

#endif
