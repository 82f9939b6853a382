/* SPDX-License-Identifier: MIT */
/*
 * The checkers: they listen to the events of a world, and report what breaks a rule.
 *
 * What it is    A registry of checkers, one a file, on the wiretap that they share.
 *               What a checker knows comes from events alone, so it judges a stored or a
 *               hand-written trace as well as a running world.
 * Layer         oracle: sees vocab, wire and trace only
 * Bounds        one device (a world has a registry for each), 16 queues, 2,048 requests in flight,
 *               16,384 blocks of eight sectors of the shadow disk, 65,536 writes that a crash may
 *               undo; beyond that a checker forgets and stays silent
 * Ownership     made once a world; all memory is allocated then. Subscribes to a trace that must
 *               live until the next begin
 * Threads       fiber engine: one task at a time. Thread engine: emission is serialised by the
 *               trace; checkers that need accesses are blind there (wrg_oracles_blind)
 * Errors        none; a broken rule goes to wrg_trace_report
 * Source        vocab/rules.def, one source a rule
 * Left out      persistent grants; checking after the join of the thread engine
 */
#ifndef WRG_ORACLE_ORACLE_H
#define WRG_ORACLE_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wringer/units.h>

#include "base/base.h"
#include "trace/trace.h"
#include "vocab/reach.h"

struct wrg_oracles;

/* Where the cells go that requests reach. */
struct wrg_reach_sink {
    struct wrg_reach *reach; /* NULL: nobody wants to know */
    uint8_t *counters;       /* for a fuzzer, fewer than there are cells */
    uint32_t ncounters;      /* 0: none */
};

/* What a world knows in advance of its run. */
struct wrg_oracle_config {
    uint8_t judged; /* whose misdeeds are findings: 1 the frontend's, 2 the backend's */
    bool honest_front, honest_back; /* a driver is in that seat, not a script */
    bool front_linux;               /* the echo of op 6 for an indirect request is a violation */
    bool echo_outer;                /* the backend echoes op 6; legal unless front_linux */
    bool readonly;
    uint64_t sectors;      /* of 512 bytes */
    uint32_t indirect_max; /* as advertised, WRG_ABSENT: not at all */
    bool accesses;         /* loads and stores are events (false: thread engine) */
    bool faults;           /* some fault rule is armed: a call may fail */
    bool disk_errors;      /* the disk may fail */
    bool innocent;         /* a device that nobody has touched: nothing may happen to it, */
    uint16_t front_domid, back_domid; /* as long as these domains live */
    bool volatile_cache;              /* the disk may lose what was not flushed */
    bool barriers;                    /* the backend may offer them */
    struct wrg_reach_sink reach;
    struct wrg_units units; /* that the backend counts in: all zero for 512 bytes */
    bool units_differ;   /* from what the frontend counts in: they do not mean the same sectors */
    uint32_t vdisk_info; /* VDISK_*, as the toolstack made the device */
};

/* What is kept with a snapshot of the connected world. Copy it as you like. */
#define WRG_ORACLES_SAVED_BYTES 6144
struct wrg_oracles_saved {
    bool valid;
    uint32_t len;
    _Alignas(8) uint8_t bytes[WRG_ORACLES_SAVED_BYTES];
};

/* NULL: out of memory. */
struct wrg_oracles *wrg_oracles_create(void);
void wrg_oracles_destroy(struct wrg_oracles *oracles);

/*
 * Before a run: forgets the last one, takes all subscriptions of `trace` away and subscribes anew.
 * The cost does not depend on capacities. The trace's tap is left alone.
 */
void wrg_oracles_begin(struct wrg_oracles *oracles, struct wrg_trace *trace,
                       const struct wrg_oracle_config *config);

/* Of a quiescent connected world; false (and saved->valid false) while anything is in flight. */
bool wrg_oracles_save(const struct wrg_oracles *oracles, struct wrg_oracles_saved *saved);
/* After begin: goes on from the snapshot. `saved` must be valid. */
void wrg_oracles_restore(struct wrg_oracles *oracles, const struct wrg_oracles_saved *saved);

/* Name of checker `bit`; NULL beyond the last. */
const char *wrg_oracle_name(unsigned bit);
/* A bit a checker that could not see what it needs in this run. */
uint32_t wrg_oracles_blind(const struct wrg_oracles *oracles);
/* How often a bound made a checker forget something, since begin. */
uint32_t wrg_oracles_forgotten(const struct wrg_oracles *oracles);

#endif
