/* SPDX-License-Identifier: MIT */
/*
 * The store through a guest's port: names in an open directory, beside a bare hash lookup and copy
 * of the same sizes.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/impl.h"
#include "guest/guest.h"

#define NAMES       32u /* in the directory of a device */
#define NAME_BYTES  16u
#define VALUE_BYTES 8u
#define OPERATIONS  131072u

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

struct port {
    struct wrg_sched sched;
    struct wrg_trace trace;
    struct wrg_fault fault;
    struct wrg_xen xen;
    struct wrg_guest guest;
    uint32_t dir;
    char names[NAMES][NAME_BYTES]; /* padded with NULs */
};

static int fill_directory(struct port *port)
{
    const struct wrg_xs_call dom0 = { .conn = port->xen.domains[WRG_DOM_TOOLSTACK].xs_conn };
    const struct wrg_xs_perm owner = { .domid = WRG_DOM_FRONT, .letter = 'n' };
    struct wrg_xs_open open = { .path = "/bench" };
    int ret = wrg_xenstore_mkdir(port->xen.store, &dom0, "/bench");

    if (ret == 0)
        ret = wrg_xenstore_set_perms(port->xen.store, &dom0, "/bench", &owner, 1);
    if (ret == 0)
        ret = wrg_port_xs_open(&port->guest.port, &open);
    port->dir = open.dir;
    for (unsigned i = 0; i < NAMES && ret == 0; i++) {
        struct wrg_xs_write write = {
            .dir = port->dir, .name = port->names[i], .value = "01234567", .len = VALUE_BYTES
        };
        snprintf(port->names[i], NAME_BYTES, "ring-ref%u", i);
        ret = wrg_port_xs_write(&port->guest.port, &write);
    }
    return ret;
}

static int start_port(struct port *port)
{
    const struct wrg_sched_limits sched = { .engine = WRG_ENGINE_FIBER };
    const struct wrg_xen_limits limits = { .frames = 4096, .mappings = 64 };
    const struct wrg_guest_args args = { .xen = &port->xen,
                                         .domid = WRG_DOM_FRONT,
                                         .peer_domid = WRG_DOM_BACK,
                                         .edge = { .disk_info = no_disk_info,
                                                   .disk_submit = no_disk_submit,
                                                   .blk_ready = on_ready,
                                                   .blk_complete = on_complete,
                                                   .blk_gone = on_gone } };
    int ret = wrg_sched_init(&port->sched, &sched);

    if (ret)
        return ret;
    wrg_trace_init(&port->trace);
    wrg_fault_begin(&port->fault);
    port->xen.sched = &port->sched;
    port->xen.trace = &port->trace;
    port->xen.fault = &port->fault;
    ret = wrg_xen_init(&port->xen, &limits);
    if (ret) {
        wrg_sched_fini(&port->sched);
        return ret;
    }
    wrg_sched_begin(&port->sched, &(struct wrg_sched_run){ .strategy = WRG_STRATEGY_STAY });
    ret = wrg_guest_init(&port->guest, &args);
    return ret ? ret : fill_directory(port);
}

static void stop_port(struct port *port)
{
    wrg_sched_reset(&port->sched);
    wrg_guest_fini(&port->guest);
    wrg_xen_fini(&port->xen);
    wrg_sched_fini(&port->sched);
}

static int time_port(struct port *port, bool write, uint32_t count, double *best)
{
    double began = wrg_bench_now();
    char value[VALUE_BYTES + 1] = "01234567";
    int ret = 0;

    for (uint32_t i = 0; i < count && ret == 0; i++) {
        struct wrg_xs_read in = {
            .dir = port->dir, .name = port->names[i % NAMES], .value = value, .cap = sizeof(value)
        };
        struct wrg_xs_write out = {
            .dir = port->dir, .name = in.name, .value = value, .len = VALUE_BYTES
        };
        ret = write ? wrg_port_xs_write(&port->guest.port, &out)
                    : wrg_port_xs_read(&port->guest.port, &in);
    }
    wrg_bench_keep_best(best, wrg_bench_now() - began);
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

static void time_bare(struct port *port, bool write, uint32_t count, double *best)
{
    struct bare_entry table[BARE_ENTRIES] = { 0 };
    char value[VALUE_BYTES] = "0123456";

    for (unsigned i = 0; i < NAMES; i++)
        memcpy(bare_find(table, port->names[i])->name, port->names[i], NAME_BYTES);
    double began = wrg_bench_now();
    for (uint32_t i = 0; i < count; i++) {
        struct bare_entry *entry = bare_find(table, port->names[i % NAMES]);
        if (write)
            memcpy(entry->value, value, VALUE_BYTES);
        else
            memcpy(value, entry->value, VALUE_BYTES);
        __asm__ volatile("" : : "r"(value), "r"(table) : "memory"); /* done, each time */
    }
    wrg_bench_keep_best(best, wrg_bench_now() - began);
}

static int measure(struct wrg_bench *bench, struct port *port)
{
    uint32_t count = OPERATIONS / bench->args->shorter;
    int ret = 0;

    for (int write = 0; write < 2 && ret == 0; write++) {
        double best = 0, limit = 0;

        for (unsigned round = 0; round <= bench->args->rounds && ret == 0; round++) {
            ret = time_port(port, write, count, &best);
            time_bare(port, write, count, &limit);
        }
        if (ret == 0)
            wrg_bench_add(bench, write ? "store.write" : "store.read", count / best,
                          write ? "writes/s" : "reads/s", count / limit);
    }
    return ret;
}

static int make_and_measure(struct wrg_bench *bench)
{
    struct port *port = calloc(1, sizeof(*port));
    int ret;

    if (!port)
        return -ENOMEM;
    ret = start_port(port);
    if (ret == 0)
        ret = measure(bench, port);
    if (port->guest.xen) /* else there is nothing to stop */
        stop_port(port);
    free(port);
    return ret;
}

void wrg_bench_store_port(struct wrg_bench *bench)
{
    int ret = 0;

    if (wrg_bench_wanted_below(bench, "store.read") || wrg_bench_wanted_below(bench, "store.write"))
        ret = make_and_measure(bench);
    if (ret)
        wrg_bench_fail(bench, "store: %s", strerror(-ret));
}
