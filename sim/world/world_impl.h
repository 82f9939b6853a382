/* SPDX-License-Identifier: MIT */
/*
 * The inside of a world. Layer: world; private to it.
 *
 * A run goes through stages (stages.c); in stage SAFETY the director (director.c), a task of the
 * scheduler, carries out the ops of the case; the block edge (edge.c) stands above the frontend and
 * hands the disk to the backend; connect.c sets the device up, snapshot.c keeps the connected world
 * for the next run.
 */
#ifndef WRG_WORLD_WORLD_IMPL_H
#define WRG_WORLD_WORLD_IMPL_H

#include <pthread.h>

#include "hostile/hostile.h"
#include "toolstack/life.h"
#include "world/vbd.h"
#include "world/world.h"
#include "xen/hypervisor.h"

enum wrg_stage {
    WRG_STAGE_CONNECT,
    WRG_STAGE_SAFETY,
    WRG_STAGE_LIVENESS,
    WRG_STAGE_CLOSE,
    WRG_STAGE_DONE
};

/* What decides how negotiation goes: cases that agree in it share a snapshot. */
struct wrg_profile {
    uint64_t sectors;
    uint32_t indirect_max;
    uint16_t front_indirect;
    uint16_t memory_mib;
    uint16_t sector_size, physical_sector_size, pool;
    uint8_t abi, ring_order, readonly, victim, echo, front, grant_version, barrier, discard;
    uint8_t persistent, front_persistent, data, trusted;
    uint8_t units, front_units, media, ring_nodes, back_ring_nodes;
    uint8_t queues, front_queues, guests, devices;
};

/* ---- the toolstack ---- */

#define WRG_WORLD_AGENDA 32

struct wrg_agenda_item { /* what it does later */
    uint64_t at_ns;
    uint16_t op; /* index */
};

struct wrg_world_toolstack {
    int task;  /* WRG_TASK_NONE: there was nothing to do yet */
    int timer; /* -1: none */
    bool hold; /* the hotplug script has not answered when the drivers start */
    uint32_t nagenda;
    struct wrg_agenda_item agenda[WRG_WORLD_AGENDA];
    struct wrg_vbd_life life;
};

struct wrg_world_program { /* the task of struct wrg_world_options.program */
    int task;
    uint32_t pages; /* that it has */
    bool waiting, given_up;
};

/* What the backend of the next connection is like, where it is not as the case's config says. */
struct wrg_next_back {
    bool set;
    uint32_t indirect_max; /* WRG_ABSENT: not offered */
    uint8_t ring_order;
    bool no_flush;
    bool persistent;
    uint8_t queues;
};

/* ---- snapshot ---- */

struct wrg_vbd_saved { /* of each device */
    struct wrg_guest_saved *guests[WRG_WORLD_SEATS];
    struct wrg_oracles_saved oracles;
    struct wrg_edge_state edge;
    void *self[WRG_WORLD_SEATS];
    uint32_t baseline[WRG_WORLD_SEATS][WRG_NR_LEDGERS];
    uint64_t peer_hash;
    uint32_t disk_tickets;
};

struct wrg_snapshot {
    bool valid;
    struct wrg_profile profile;
    struct wrg_xen_saved *xen;
    struct wrg_trace_saved trace;
    uint32_t fault_calls[WRG_FAULT_ROWS][WRG_COUNT_SITE];
    uint8_t *sched; /* WRG_SCHED_SAVE_MAX */
    struct wrg_vbd_saved devices[WRG_WORLD_DEVICES];
};

struct wrg_world {
    struct wrg_world_options options;
    struct wrg_trace trace;
    struct wrg_sched sched;
    struct wrg_fault fault;
    struct wrg_xen xen;
    struct wrg_world_vbd vbd;                            /* device 0, which cases speak of */
    struct wrg_world_vbd *others[WRG_WORLD_DEVICES - 1]; /* NULL until first asked for */
    unsigned nvbds;                                      /* of this run */
    struct wrg_world_toolstack toolstack;
    struct wrg_world_program program;
    struct wrg_snapshot snapshot;
    struct wrg_store_driver *store; /* of cases whose victim is the store, from the first one on */
    uint32_t store_calls;
    bool built; /* xen exists */
    bool instrumented;

    /* the run */
    const struct wrg_case *c;
    struct wrg_op_config config;
    struct wrg_profile profile;
    uint8_t victim; /* enum wrg_case_victim */
    uint8_t judged; /* a bit a seat */
    enum wrg_stage stage;
    bool fresh, from_snapshot, early; /* early: ops begin before the device is connected */
    bool director_done;
    bool dead[WRG_WORLD_SEATS]; /* domains */
    bool reconnected;           /* the connection is not the one of the start */
    struct wrg_next_back next_back;
    uint32_t rebuilds; /* of the back's domain, in this run */
    uint32_t cut_fate; /* of the last power cut */
    bool closing;      /* an op has closed or killed something */
    bool ended;
    bool cut;       /* by the step budget, of which no checker has spoken */
    uint8_t cut_by; /* enum wrg_role */
    bool scripting; /* an op writes to the store */
    bool has_schedule;
    int director;
    int kill_dom; /* domid to kill at the alarm, 0: none */
    uint64_t alarm_kill, alarm_pause, pause_steps;
    struct wrg_op_sched schedule;
    struct wrg_choice choice;
    struct wrg_choice_step choices[4096]; /* as they were taken in this run */
    uint32_t fail_nth;
    uint32_t fallible[WRG_COUNT_SITE]; /* calls until faults stopped */
    uint32_t npreempts, nanswers;
    struct wrg_sched_preempt preempts[WRG_CASE_OPS_MAX];
    struct wrg_sched_preempt deviations[256];
    struct wrg_hostile_answer answers[WRG_CASE_OPS_MAX];
    uint16_t preempt_op[WRG_CASE_OPS_MAX], answer_op[WRG_CASE_OPS_MAX];
    bool effective[WRG_CASE_OPS_MAX];
};

static inline bool wrg_world_scripted(const struct wrg_world *w, unsigned seat)
{
    return (seat == WRG_SEAT_FRONT && w->victim == WRG_CASE_VICTIM_BACK) ||
           (seat == WRG_SEAT_BACK && w->victim == WRG_CASE_VICTIM_FRONT);
}

/* A scripted endpoint is in the seat. */
static inline bool wrg_vbd_scripted(const struct wrg_world_vbd *vbd, unsigned seat)
{
    return vbd->index == 0 && wrg_world_scripted(vbd->w, seat);
}

static inline uint16_t wrg_world_domid(unsigned seat)
{
    return seat == WRG_SEAT_FRONT ? WRG_DOM_FRONT : WRG_DOM_BACK;
}

static inline struct wrg_world_vbd *wrg_world_device(struct wrg_world *w, unsigned index)
{
    return index == 0 ? &w->vbd : w->others[index - 1];
}

/* What follows may take so many steps more. On threads nobody counts them. */
static inline void wrg_world_grant_steps(struct wrg_world *w, uint64_t steps)
{
    if (!w->xen.parallel)
        w->sched.budget_steps += steps;
}

/* devices.c */
/* The state nodes may have changed: they are read again when they are asked for. */
void wrg_world_forget_states(struct wrg_world *w);
/* Whose directory a path of the store leads into; of any other: whom the caller speaks for. */
unsigned wrg_world_device_at(struct wrg_world *w, const char *path);
/* Drivers, edges and disks of those beside the first, as after their build. */
void wrg_devices_reset(struct wrg_world *w);
/* After the first's. */
void wrg_devices_begin_checkers(struct wrg_world *w);
/* Adds their nodes, and starts their drivers. */
void wrg_devices_connect(struct wrg_world *w);
/* The guests beside the first begin to do I/O, and the program does. */
void wrg_devices_begin(struct wrg_world *w);
/* Nothing is runnable any more; true: one of them is asked to go on with less. */
bool wrg_devices_unstick(struct wrg_world *w);
/* Whether a request to a disk is outside of the world, and will land. */
bool wrg_devices_flying(struct wrg_world *w);
void wrg_devices_phase(struct wrg_world *w, enum wrg_phase phase);
/* Ask the frontends beside the first to close; at the end, all is taken away. */
void wrg_devices_close(struct wrg_world *w);
void wrg_devices_stop(struct wrg_world *w);
/* A domain has died. */
void wrg_devices_on_death(struct wrg_world *w, uint16_t domid);
/* That a device beside the first may take to connect, and to close. */
#define WRG_DEVICE_STEPS 20000

/* program.c */
void wrg_program_begin(struct wrg_world *w);
/* Nobody else can run: true if it waits, and goes on to be told so. */
bool wrg_program_unstick(struct wrg_world *w);

/* connect.c */
void wrg_world_prepare(struct wrg_world *w); /* fresh or from the snapshot: at stage CONNECT */
void wrg_world_begin_sched(struct wrg_world *w, bool negotiating);
/* What checkers of the first device are told. */
struct wrg_oracle_config wrg_world_oracle_config(const struct wrg_world *w);
void wrg_world_begin_checkers(struct wrg_world *w);
/* Beside the checkers of a device, of the audience that is chosen. */
void wrg_vbd_begin_peer_hash(struct wrg_world_vbd *vbd);

/* Of the device of the case. */
static inline uint32_t wrg_world_state(struct wrg_world *w, unsigned seat)
{
    return wrg_vbd_state(&w->vbd, seat);
}
static inline bool wrg_world_connected(struct wrg_world *w)
{
    return wrg_vbd_connected(&w->vbd);
}

/* snapshot.c */
void wrg_world_take_snapshot(struct wrg_world *w); /* of a quiet, connected, unspoilt world */
void wrg_world_drop_snapshot(struct wrg_world *w);
/* False: there is none that fits, or it is spoilt. */
bool wrg_world_restore(struct wrg_world *w);

/* store_stage.c: all of a run whose victim is the store */
WRG_MUST_USE int wrg_store_stage_prepare(struct wrg_world *w); /* -ENOMEM */
void wrg_store_stage_fini(struct wrg_world *w);
void wrg_store_stage_run(struct wrg_world *w);

/* director.c */
void wrg_director_main(void *world);
/* Takes faults, tampers, preemptions and answers out of the case. */
void wrg_director_collect(struct wrg_world *w);
/* What the collected ops have done, into w->effective. */
void wrg_director_account(struct wrg_world *w);
void wrg_director_kill(struct wrg_world *w, uint16_t domid);

/* After a scripted driver has started: what its script says of it. */
void wrg_director_brief(struct wrg_world *w);

/* toolstack.c */
/* At the start of a run whose hotplug script has not answered: the toolstack waits for it. */
void wrg_toolstack_watch_over(struct wrg_world *w);
/* The store has queued an event for domain 0. */
void wrg_toolstack_on_event(struct wrg_world *w);
bool wrg_op_toolstack(struct wrg_world *w, const struct wrg_op *op);

/* reconnect.c: drivers and domains come back. */
bool wrg_op_reconnect(struct wrg_world *w, const struct wrg_op *op);
/* The device is added again, after it was removed; false: it is there, or an end is dead. */
bool wrg_world_add_again(struct wrg_world *w);
/*
 * The backend's host goes down in an instant, and comes up again. The fate of writes that the disk
 * has not flushed: 0 all are lost, 1 none, else the seed of which.
 */
bool wrg_world_power_cut(struct wrg_world *w, uint32_t fate);

/* wait.c: of the director. */
/* Sleeps until nobody else can run: virtual time moves only then. False: something has woken it. */
bool wrg_wait_idle(struct wrg_world *w, uint64_t pause_ns);
/* The disk takes its time over a request: sleeps until it has done one. False: there is none. */
bool wrg_wait_disk(struct wrg_world *w);
bool wrg_wait_until(struct wrg_world *w, bool (*reached)(struct wrg_world *w, uint64_t n),
                    uint64_t n, uint64_t patience_ns);
/* Virtual time after which a driver that was asked to close has done so, or never will. */
#define WRG_CLOSE_PATIENCE_NS (UINT64_C(60) * 1000 * 1000 * 1000)
bool wrg_wait_connected(struct wrg_world_vbd *vbd);
/* Both ends of the first device closed or gone; one seat of any. */
bool wrg_wait_closed(struct wrg_world *w);
bool wrg_wait_seat_closed(struct wrg_world_vbd *vbd, unsigned seat);
bool wrg_op_wait(struct wrg_world *w, const struct wrg_op *op);
uint64_t wrg_op_wait_steps(const struct wrg_op *op);

/* ops.c: one op of the case; false: it had no effect. */
bool wrg_op_execute(struct wrg_world *w, const struct wrg_op *op);

/* Of the first device; devices.c tells the others'. */
#define wrg_world_emit_phase(w, phase)                                                             \
    wrg_xen_emit(&(w)->xen, .kind = WRG_EV_PHASE, .role = WRG_ROLE_SCRIPT, .a = (phase),           \
                 .b = wrg_world_state((w), WRG_SEAT_FRONT),                                        \
                 .c = wrg_world_state((w), WRG_SEAT_BACK))

#endif
