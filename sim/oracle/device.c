/* SPDX-License-Identifier: MIT */
/*
 * DATA-005: the block layer is told of the disk as it is.
 *
 * What it is    Compares what a frontend tells the block layer of its device with the disk at the
 *               other end: sectors, size of a block, VDISK_*. A disk that was resized may be told
 *               of in any size that it had. Of a backend whose nodes a script has written nothing
 *               is demanded, nor where calls may fail: what cannot be read is taken for its
 *               default.
 * Layer         oracle
 * Source        xen/io/blkif.h: sectors, sector-size, info
 */
#include <inttypes.h>
#include <string.h>

#include "oracle/checkers.h"

static void on_change(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    static const char *const names[] = { "sectors",     "sector-size", "info",           "mode",
                                         "device-type", "removable",   "physical-device" };
    struct wrg_oracles *o = ctx;
    const char *value;
    uint32_t value_len;

    if (ev->role != WRG_ROLE_SCRIPT)
        return;
    for (unsigned i = 0; i < WRG_ARRAY_LEN(names); i++)
        o->device.facts.touched |= wrg_tap_path_ends(payload, len, names[i], &value, &value_len);
}

static void report(struct wrg_oracles *o, const struct wrg_event *ev, const char *what,
                   uint64_t told, uint64_t is)
{
    struct wrg_event event = *ev;

    if (o->config.judged & WRG_JUDGE_BACK) /* whoever got it wrong, the backend is asked first */
        event.role = WRG_ROLE_BACK;
    wrg_trace_report(o->trace, WRG_RULE_DATA_005, &event,
                     "the block layer is told of %s %" PRIu64 ", the disk has %" PRIu64, what, told,
                     is);
}

static void on_ready(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    const struct wrg_tap_facts *facts = &o->tap.facts;
    uint32_t info = o->config.vdisk_info | (facts->readonly ? WRG_VDISK_READONLY : 0u);
    uint64_t above =
        ((uint64_t)WRG_BLKIF_SECTOR_BYTES << o->config.units.block) - WRG_BLKIF_SECTOR_BYTES;

    if (o->device.facts.touched)
        return;
    if (facts->has_capacity && (ev->c < facts->least_sectors || ev->c > facts->most_sectors))
        report(o, ev, "sectors:", ev->c, facts->most_sectors);
    if (ev->d != above)
        report(o, ev, "bytes of a block:", ev->d + WRG_BLKIF_SECTOR_BYTES,
               above + WRG_BLKIF_SECTOR_BYTES);
    if (ev->b != info)
        report(o, ev, "info:", ev->b, info);
}

void wrg_device_begin(struct wrg_oracles *o)
{
    memset(&o->device, 0, sizeof(o->device));
    /* It takes two to tell, so that both must be drivers. */
    if (o->config.faults || !o->config.honest_back || !wrg_data_is_wanted(&o->config))
        return;
    wrg_trace_subscribe(o->trace, WRG_EV_XS_CHANGE, on_change, o);
    wrg_trace_subscribe(o->trace, WRG_EV_BLK_READY, on_ready, o);
}
