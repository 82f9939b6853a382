/* SPDX-License-Identifier: MIT */
/*
 * The store with many nodes: what depends on their number shows.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/impl.h"
#include "store/xenstore.h"

#define VALUE_BYTES 8u
#define OPERATIONS  131072u
#define STEP        7919u /* between nodes: prime, so all come up */

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
    double began = wrg_bench_now();
    uint32_t at = 0;
    int ret = 0;

    for (uint32_t i = 0; i < count && ret == 0; i++, at = (at + STEP) % many->nodes)
        ret = write_one(many, at);
    wrg_bench_keep_best(&many->write, wrg_bench_now() - began);
    began = wrg_bench_now();
    for (uint32_t i = 0; i < count && ret == 0; i += 2, at = (at + STEP) % many->nodes)
        ret = replace_one(many, at);
    wrg_bench_keep_best(&many->churn, wrg_bench_now() - began);
    return ret;
}

static void add_many(struct wrg_bench *bench, const struct many *many, const struct many *smallest,
                     uint32_t count)
{
    char name[32];

    snprintf(name, sizeof(name), "store.nodes.%u", many->nodes);
    wrg_bench_add_beside(bench, name, count / many->write, "writes/s",
                         many == smallest ? NAN : count / smallest->write);
    snprintf(name, sizeof(name), "store.churn.%u", many->nodes);
    wrg_bench_add(bench, name, count / many->churn, "operations/s", NAN);
}

static int measure(struct wrg_bench *bench)
{
    static const uint32_t sizes[] = { 1000, 10000, 100000 };
    struct many many[WRG_ARRAY_LEN(sizes)] = { 0 };
    uint32_t count = OPERATIONS / bench->args->shorter;
    int ret = 0;

    for (size_t i = 0; i < WRG_ARRAY_LEN(sizes) && ret == 0; i++)
        ret = fill_many(&many[i], sizes[i]);
    /* In turns, so that all of them see the same machine. */
    for (unsigned round = 0; round <= bench->args->rounds && ret == 0; round++)
        for (size_t i = 0; i < WRG_ARRAY_LEN(sizes) && ret == 0; i++)
            ret = time_many(&many[i], count);
    for (size_t i = 0; i < WRG_ARRAY_LEN(sizes); i++) {
        if (ret == 0)
            add_many(bench, &many[i], &many[0], count);
        free(many[i].mem);
    }
    return ret;
}

void wrg_bench_store_nodes(struct wrg_bench *bench)
{
    int ret = 0;

    if (wrg_bench_wanted_below(bench, "store.nodes.") ||
        wrg_bench_wanted_below(bench, "store.churn."))
        ret = measure(bench);
    if (ret)
        wrg_bench_fail(bench, "store of many nodes: %s", strerror(-ret));
}
