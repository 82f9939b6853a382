/* SPDX-License-Identifier: MIT */
#include "cli/bench_store.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest/guest.h"

#define NAMES       32u /* in the directory of a device */
#define NAME_BYTES  16u
#define VALUE_BYTES 8u
#define OPERATIONS  131072u
#define STEP        7919u /* between the nodes of a big directory: prime, so all come up */

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void keep_best(double *best, double seconds)
{
    if (*best == 0 || seconds < *best)
        *best = seconds;
}

/* ---- through the port ---- */

static int no_disk_info(void *ctx, struct wrg_disk_info *args)
{
    return -ENODEV;
}

static int no_disk_submit(void *ctx, struct wrg_disk_submit *args)
{
    return -ENODEV;
}

static void on_ready(void *ctx, const struct wrg_blk_ready *args)
{
}

static void on_complete(void *ctx, const struct wrg_blk_complete *args)
{
}

static void on_gone(void *ctx, const struct wrg_blk_gone *args)
{
}

struct port_bench {
    struct wrg_sched sched;
    struct wrg_trace trace;
    struct wrg_fault fault;
    struct wrg_xen xen;
    struct wrg_guest guest;
    uint32_t dir;
    char names[NAMES][NAME_BYTES]; /* padded with NULs */
};

static int fill_directory(struct port_bench *bench)
{
    const struct wrg_xs_call dom0 = { .conn = bench->xen.domains[WRG_DOM_TOOLSTACK].xs_conn };
    const struct wrg_xs_perm owner = { .domid = WRG_DOM_FRONT, .letter = 'n' };
    struct wrg_xs_open open = { .path = "/bench" };
    int ret = wrg_xenstore_mkdir(bench->xen.store, &dom0, "/bench");

    if (ret == 0)
        ret = wrg_xenstore_set_perms(bench->xen.store, &dom0, "/bench", &owner, 1);
    if (ret == 0)
        ret = wrg_port_xs_open(&bench->guest.port, &open);
    bench->dir = open.dir;
    for (unsigned i = 0; i < NAMES && ret == 0; i++) {
        struct wrg_xs_write write = {
            .dir = bench->dir, .name = bench->names[i], .value = "01234567", .len = VALUE_BYTES
        };
        snprintf(bench->names[i], NAME_BYTES, "ring-ref%u", i);
        ret = wrg_port_xs_write(&bench->guest.port, &write);
    }
    return ret;
}

static int start_port(struct port_bench *bench)
{
    const struct wrg_sched_limits sched = { .engine = WRG_ENGINE_FIBER };
    const struct wrg_xen_limits limits = { .frames = 4096, .mappings = 64 };
    const struct wrg_guest_args args = { .xen = &bench->xen,
                                         .domid = WRG_DOM_FRONT,
                                         .peer_domid = WRG_DOM_BACK,
                                         .edge = { .disk_info = no_disk_info,
                                                   .disk_submit = no_disk_submit,
                                                   .blk_ready = on_ready,
                                                   .blk_complete = on_complete,
                                                   .blk_gone = on_gone } };
    int ret = wrg_sched_init(&bench->sched, &sched);

    if (ret)
        return ret;
    wrg_trace_init(&bench->trace);
    wrg_fault_begin(&bench->fault);
    bench->xen.sched = &bench->sched;
    bench->xen.trace = &bench->trace;
    bench->xen.fault = &bench->fault;
    ret = wrg_xen_init(&bench->xen, &limits);
    if (ret) {
        wrg_sched_fini(&bench->sched);
        return ret;
    }
    wrg_sched_begin(&bench->sched, &(struct wrg_sched_run){ .strategy = WRG_STRATEGY_STAY });
    ret = wrg_guest_init(&bench->guest, &args);
    return ret ? ret : fill_directory(bench);
}

static void stop_port(struct port_bench *bench)
{
    wrg_sched_reset(&bench->sched);
    wrg_guest_fini(&bench->guest);
    wrg_xen_fini(&bench->xen);
    wrg_trace_fini(&bench->trace);
    wrg_sched_fini(&bench->sched);
}

static int time_port(struct port_bench *bench, bool write, uint32_t count, double *best)
{
    double began = seconds_now();
    char value[VALUE_BYTES + 1] = "01234567";
    int ret = 0;

    for (uint32_t i = 0; i < count && ret == 0; i++) {
        struct wrg_xs_read in = {
            .dir = bench->dir, .name = bench->names[i % NAMES], .value = value, .cap = sizeof(value)
        };
        struct wrg_xs_write out = {
            .dir = bench->dir, .name = in.name, .value = value, .len = VALUE_BYTES
        };
        ret = write ? wrg_port_xs_write(&bench->guest.port, &out)
                    : wrg_port_xs_read(&bench->guest.port, &in);
    }
    keep_best(best, seconds_now() - began);
    return ret;
}

/* What no store can do without: hash a name, compare it, copy the value. */
struct bare_entry {
    char name[NAME_BYTES];
    char value[VALUE_BYTES];
};

#define BARE_ENTRIES (4 * NAMES)

/* Names are padded with NULs, so two words are all of one. */
static struct bare_entry *bare_find(struct bare_entry *table, const char *name)
{
    uint64_t words[2], hash;

    memcpy(words, name, sizeof(words));
    hash = (words[0] * UINT64_C(0x9e3779b97f4a7c15) ^ words[1]) * UINT64_C(0x9e3779b97f4a7c15);
    for (hash >>= 32;; hash++) {
        struct bare_entry *entry = &table[hash % BARE_ENTRIES];
        if (entry->name[0] == '\0' || memcmp(entry->name, name, NAME_BYTES) == 0)
            return entry;
    }
}

static void time_bare(struct port_bench *bench, bool write, uint32_t count, double *best)
{
    struct bare_entry table[BARE_ENTRIES] = { 0 };
    char value[VALUE_BYTES] = "0123456";

    for (unsigned i = 0; i < NAMES; i++)
        memcpy(bare_find(table, bench->names[i])->name, bench->names[i], NAME_BYTES);
    double began = seconds_now();
    for (uint32_t i = 0; i < count; i++) {
        struct bare_entry *entry = bare_find(table, bench->names[i % NAMES]);
        if (write)
            memcpy(entry->value, value, VALUE_BYTES);
        else
            memcpy(value, entry->value, VALUE_BYTES);
        __asm__ volatile("" : : "r"(value), "r"(table) : "memory"); /* done, each time */
    }
    keep_best(best, seconds_now() - began);
}

static int measure_port(const struct wrg_bench_sink *sink, struct port_bench *bench)
{
    uint32_t count = OPERATIONS / sink->shorter;
    int ret = 0;

    for (int write = 0; write < 2 && ret == 0; write++) {
        double best = 0, limit = 0;

        for (unsigned round = 0; round <= sink->rounds && ret == 0; round++) {
            ret = time_port(bench, write, count, &best);
            time_bare(bench, write, count, &limit);
        }
        if (ret == 0)
            sink->add(sink->ctx, write ? "store.write" : "store.read", count / best,
                      write ? "writes/s" : "reads/s", count / limit);
    }
    return ret;
}

static int bench_port(const struct wrg_bench_sink *sink)
{
    struct port_bench *bench;
    int ret;

    if (!sink->is_wanted(sink->ctx, "store.read") && !sink->is_wanted(sink->ctx, "store.write"))
        return 0;
    bench = calloc(1, sizeof(*bench));
    if (!bench)
        return -ENOMEM;
    ret = start_port(bench);
    if (ret == 0)
        ret = measure_port(sink, bench);
    if (bench->guest.xen) /* else there is nothing to stop */
        stop_port(bench);
    free(bench);
    return ret;
}

/* ---- many nodes ---- */

struct many {
    struct wrg_xenstore *xs;
    struct wrg_xs_call dom0;
    void *mem;
    uint32_t nodes;
    double write, churn; /* the best, seconds */
};

static int write_one(struct many *many, uint32_t i)
{
    char path[24];

    snprintf(path, sizeof(path), "/bench/%07u", i);
    return wrg_xenstore_write(many->xs, &many->dom0, path, "01234567", VALUE_BYTES);
}

static int replace_one(struct many *many, uint32_t i)
{
    char path[24];
    int ret;

    snprintf(path, sizeof(path), "/bench/%07u", i);
    ret = wrg_xenstore_rm(many->xs, &many->dom0, path);
    return ret ? ret : wrg_xenstore_write(many->xs, &many->dom0, path, "01234567", VALUE_BYTES);
}

static int fill_many(struct many *many, uint32_t nodes)
{
    struct wrg_xs_limits limits = wrg_xs_limits_small;
    size_t bytes;
    int ret;

    limits.nodes = nodes + 64;
    limits.heap_bytes = (nodes + 64) * 2 * 32 + 4096; /* a name and a value each */
    bytes = wrg_xenstore_bytes(&limits);
    *many = (struct many){ .mem = aligned_alloc(64, (bytes + 63) / 64 * 64), .nodes = nodes };
    if (!many->mem)
        return -ENOMEM;
    ret = wrg_xenstore_init(&many->xs, &limits, many->mem, bytes);
    if (ret == 0)
        ret = wrg_xenstore_connect(many->xs, 0, &many->dom0.conn);
    for (uint32_t i = 0; i < nodes && ret == 0; i++)
        ret = write_one(many, i);
    return ret;
}

static int time_many(struct many *many, uint32_t count)
{
    double began = seconds_now();
    uint32_t at = 0;
    int ret = 0;

    for (uint32_t i = 0; i < count && ret == 0; i++, at = (at + STEP) % many->nodes)
        ret = write_one(many, at);
    keep_best(&many->write, seconds_now() - began);
    began = seconds_now();
    for (uint32_t i = 0; i < count && ret == 0; i += 2, at = (at + STEP) % many->nodes)
        ret = replace_one(many, at);
    keep_best(&many->churn, seconds_now() - began);
    return ret;
}

static void add_many(const struct wrg_bench_sink *sink, const struct many *many,
                     const struct many *smallest, uint32_t count)
{
    char name[32];

    snprintf(name, sizeof(name), "store.nodes.%u", many->nodes);
    sink->add(sink->ctx, name, count / many->write, "writes/s",
              many == smallest ? NAN : count / smallest->write);
    snprintf(name, sizeof(name), "store.churn.%u", many->nodes);
    sink->add(sink->ctx, name, count / many->churn, "operations/s", NAN);
}

static int bench_nodes(const struct wrg_bench_sink *sink)
{
    static const uint32_t sizes[] = { 1000, 10000, 100000 };
    struct many many[WRG_ARRAY_LEN(sizes)] = { 0 };
    uint32_t count = OPERATIONS / sink->shorter;
    int ret = 0;

    if (!sink->is_wanted(sink->ctx, "store.nodes.") && !sink->is_wanted(sink->ctx, "store.churn."))
        return 0;
    for (size_t i = 0; i < WRG_ARRAY_LEN(sizes) && ret == 0; i++)
        ret = fill_many(&many[i], sizes[i]);
    /* In turns, so that all of them see the same machine. */
    for (unsigned round = 0; round <= sink->rounds && ret == 0; round++)
        for (size_t i = 0; i < WRG_ARRAY_LEN(sizes) && ret == 0; i++)
            ret = time_many(&many[i], count);
    for (size_t i = 0; i < WRG_ARRAY_LEN(sizes); i++) {
        if (ret == 0)
            add_many(sink, &many[i], &many[0], count);
        free(many[i].mem);
    }
    return ret;
}

int wrg_bench_store(const struct wrg_bench_sink *sink)
{
    int ret = bench_port(sink);

    return ret ? ret : bench_nodes(sink);
}
