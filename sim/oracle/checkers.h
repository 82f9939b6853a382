/* SPDX-License-Identifier: MIT */
/*
 * What the checkers know of each other and of the wiretap. Layer: oracle, internal.
 *
 * Each checker has a begin, which subscribes, and a state of its own here. `facts` is the part
 * that a snapshot keeps; the registry (oracle.c) says where it lies. Callbacks get the whole.
 */
#ifndef WRG_ORACLE_CHECKERS_H
#define WRG_ORACLE_CHECKERS_H

#include "model/store_model.h"
#include "oracle/oracle.h"
#include "wiretap/wiretap.h"
#include "vocab/events.h"

enum { WRG_JUDGE_FRONT = 1, WRG_JUDGE_BACK = 2 };

#define WRG_DATA_BLOCKS 16384
#define WRG_DATA_IOS    4096

struct wrg_ring_index {
    struct {
        struct wrg_taken {
            bool took;     /* the frontend reads response slots */
            uint32_t cons; /* the responses that it has read */
        } lanes[WRG_TAP_LANES];
    } facts;
};

struct wrg_disk_access { /* where the next vector is expected, most likely */
    uint32_t hint_serial, hint_seg;
    uint32_t hint_next; /* position of the request behind it */
    uint64_t hint_sector;
    uint16_t hint_record;
    uint8_t hint_lane;
    uint32_t moved[WRG_TAP_LANES]; /* serial of the last barrier that the disk has seen */
};

/* What the block layer knows of a sector. */
enum {
    WRG_SECTOR_CLASH = 1,   /* several writes were in flight at one time */
    WRG_SECTOR_MURKY = 2,   /* a failed write may still come: never judged again */
    WRG_SECTOR_ON_DISK = 4, /* `disk` is what the disk holds */
};
struct wrg_sector {
    uint16_t writes; /* in flight */
    uint8_t flags;
    uint8_t ncontent; /* 0: anything, 1: content[0], 2: either */
    uint32_t changed; /* when a write of the block layer began or ended */
    uint32_t disk_changed;
};
#define WRG_BLOCK_SECTORS 8
#define WRG_BLOCK_ALIGN   64
/* Sectors that are written and read together, mostly: then one state is that of all. */
struct wrg_block {
    uint64_t number;
    uint32_t epoch;
    uint8_t known; /* a bit for each sector that anything was heard of */
    bool alike;    /* the state of each is `all` */
    struct wrg_sector all;
    struct wrg_sector each[WRG_BLOCK_SECTORS];
    /* Digests. */
    _Alignas(WRG_BLOCK_ALIGN) uint64_t pending[WRG_BLOCK_SECTORS]; /* of the write in flight */
    uint64_t disk[WRG_BLOCK_SECTORS];
    uint64_t content[2][WRG_BLOCK_SECTORS];
};
struct wrg_data_io {
    uint32_t epoch; /* live while it is the run's */
    uint32_t tag;
    uint8_t op;
    uint64_t sector, nsectors;
    uint32_t since;
};
struct wrg_data {
    uint32_t epoch, now, used, inflight;
    uint32_t discarding;      /* discards in flight, and those that may still come */
    uint64_t zeros;           /* digest of a sector of them */
    struct wrg_block *blocks; /* 2 * WRG_DATA_BLOCKS, hashed, and one */
    void *memory;             /* where they lie, aligned */
    struct wrg_data_io *ios;
};

#define WRG_FAILURES 64

struct wrg_failure { /* a failed response to a request of an I/O */
    uint32_t tag;    /* of the I/O */
    uint32_t position, epoch;
    uint8_t lane, op;
    int16_t status;
    bool taken; /* the frontend has read it as it was published */
    uint64_t id, sector;
};
struct wrg_failures {
    uint32_t count;
    uint32_t misled; /* a bit a lane: its frontend was told of requests that were not answered */
    bool listening;
    struct wrg_failure at[WRG_FAILURES];
};

#define WRG_DURABLE_VERSIONS 65536

struct wrg_version { /* of a sector: what one write put there */
    uint64_t sector;
    uint64_t digest;
    uint32_t tag;
    uint32_t began, ended; /* ended 0: in flight */
    uint32_t next;         /* place in the table, from 1; 0: none */
    bool failed;
    bool kept; /* of a barrier that is done */
    bool barrier;
};
struct wrg_durable_io {
    uint32_t epoch;
    uint32_t tag;
    uint8_t op;
    uint64_t sector, nsectors;
    uint32_t began;
    uint32_t answers;  /* flushes that the backend had answered then */
    uint32_t barriers; /* likewise */
};
struct wrg_durable {
    bool lost; /* track of something: nothing is judged any more */
    uint32_t epoch, now, used, free;
    uint32_t flushed; /* what ended before is durable */
    uint32_t answers; /* flushes and barriers that the backend has answered with success */
    uint32_t barriers;
    struct {              /* during a cut */
        uint32_t reached; /* when the latest barrier began whose data are left; 0: none */
        uint32_t lost;    /* when the first write ended that is not; UINT32_MAX: none */
        uint64_t sector;  /* of that write */
    } cut;
    struct wrg_version *versions;
    uint32_t *buckets;
    struct wrg_durable_io *ios;
};

struct wrg_liveness {
    struct {
        uint32_t phase;
        uint32_t bogus; /* a bit a lane: the frontend's index was out of range once */
        bool dead;      /* a domain died */
        bool born;      /* the back's domain was built again */
        bool front_dead;
        bool front_known; /* its domid is */
        uint32_t front_domid;
        uint8_t own_state[2]; /* last written by the driver itself, by role */
        bool closing;         /* the backend closes */
        uint64_t submitted, completed;
    } facts;
};

struct wrg_states {
    struct {
        uint8_t state[2]; /* 255: not known */
    } facts;
};

struct wrg_isolation {
    uint32_t phase;
    bool touched;
    uint64_t submitted, completed;
};

struct wrg_logs {
    struct {
        uint64_t lines[2];
    } facts;
};

struct wrg_device {
    struct {
        bool touched; /* by a script: what is told of the disk is not the drivers' word any more */
    } facts;
};

struct wrg_store_rules {
    struct wrg_store_model *model;
    bool asked; /* `want` is the answer to question `number` */
    uint64_t number;
    struct wrg_op_store op;
    struct wrg_store_text text;
    struct wrg_store_answer want;
};

struct wrg_reach_state {
    uint8_t cause; /* enum wrg_reach_path: of the error that is answered next; WRG_NR_PATHS: none */
    struct wrg_reach_facts {
        uint8_t nodes; /* a bit a node that is on */
        uint8_t abi, npages, connections;
        bool blocks; /* of more than a sector */
    } facts;
};

struct wrg_oracles {
    struct wrg_trace *trace;
    struct wrg_oracle_config config;
    uint32_t forgotten;
    struct wrg_ring_index ring_index;
    struct wrg_disk_access disk_access;
    struct wrg_data data;
    struct wrg_durable durable;
    struct wrg_failures failures;
    struct wrg_liveness liveness;
    struct wrg_states states;
    struct wrg_isolation isolation;
    struct wrg_logs logs;
    struct wrg_store_rules store_rules;
    struct wrg_reach_state reach;
    struct wrg_device device;
    struct wrg_tap tap;
};

/* Whether misdeeds of this role are findings. */
static inline bool wrg_oracle_judges(const struct wrg_oracles *o, uint8_t role)
{
    return role <= WRG_ROLE_BACK && (o->config.judged >> role & 1);
}

/* What is wrong with a request itself, whatever else may fail. */
enum wrg_flaw { WRG_FLAW_NONE, WRG_FLAW_HEAD, WRG_FLAW_SEGMENT, WRG_FLAW_RANGE };
enum wrg_flaw wrg_status_flaw(const struct wrg_tap *tap, struct wrg_tap_request *request);

/* The begin of each checker; subscribes. */
void wrg_ring_index_begin(struct wrg_oracles *o);
void wrg_responses_begin(struct wrg_oracles *o);
void wrg_status_begin(struct wrg_oracles *o);
void wrg_data_begin(struct wrg_oracles *o);
void wrg_durable_begin(struct wrg_oracles *o);
void wrg_disk_access_begin(struct wrg_oracles *o);
void wrg_failures_begin(struct wrg_oracles *o);
/* BLK_COMPLETE, where something has failed. */
void wrg_failures_judge(struct wrg_oracles *o, const struct wrg_event *ev);
static inline void wrg_failures_end_io(struct wrg_oracles *o, const struct wrg_event *ev)
{
    if (WRG_UNLIKELY(o->failures.count))
        wrg_failures_judge(o, ev);
}
void wrg_grants_begin(struct wrg_oracles *o);
void wrg_info_begin(struct wrg_oracles *o);
void wrg_double_fetch_begin(struct wrg_oracles *o);
void wrg_isolation_begin(struct wrg_oracles *o);
void wrg_liveness_begin(struct wrg_oracles *o);
void wrg_ledgers_begin(struct wrg_oracles *o);
void wrg_states_begin(struct wrg_oracles *o);
void wrg_logs_begin(struct wrg_oracles *o);
void wrg_store_rules_begin(struct wrg_oracles *o);
void wrg_reach_begin(struct wrg_oracles *o);
void wrg_device_begin(struct wrg_oracles *o);

WRG_MUST_USE int wrg_store_rules_init(struct wrg_store_rules *rules);
void wrg_store_rules_fini(struct wrg_store_rules *rules);
WRG_MUST_USE int wrg_data_init(struct wrg_data *data);
void wrg_data_fini(struct wrg_data *data);
/* Whether the checkers of data have something to compare with, and somebody to blame. */
bool wrg_data_is_wanted(const struct wrg_oracle_config *config);
WRG_MUST_USE int wrg_durable_init(struct wrg_durable *durable);
void wrg_durable_fini(struct wrg_durable *durable);

#endif
