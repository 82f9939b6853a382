/* SPDX-License-Identifier: MIT */
#include "oracle/oracle.h"

#include <stdlib.h>
#include <string.h>

#include "oracle/checkers.h"

#define FACTS(member)                                                                              \
    offsetof(struct wrg_oracles, member.facts), sizeof(((struct wrg_oracles *)NULL)->member.facts)

static const struct checker {
    const char *name;
    bool accesses; /* blind without loads and stores */
    void (*begin)(struct wrg_oracles *o);
    size_t facts, facts_size; /* what a snapshot keeps of it */
} checkers[] = {
    /* The order of those that judge a response: what it answers, how, and when. */
    { "ring-index", true, wrg_ring_index_begin, FACTS(ring_index) },
    { "responses", true, wrg_responses_begin, 0, 0 },
    { "status", true, wrg_status_begin, 0, 0 },
    { "grants", true, wrg_grants_begin, 0, 0 },
    { "info", true, wrg_info_begin, 0, 0 },
    { "double-fetch", true, wrg_double_fetch_begin, 0, 0 },
    { "disk-access", true, wrg_disk_access_begin, 0, 0 },
    { "data", false, wrg_data_begin, 0, 0 },
    { "durable", true, wrg_durable_begin, 0, 0 },
    { "liveness", false, wrg_liveness_begin, FACTS(liveness) },
    { "ledger", false, wrg_ledgers_begin, 0, 0 },
    { "states", false, wrg_states_begin, FACTS(states) },
    { "log", false, wrg_logs_begin, FACTS(logs) },
    { "store", false, wrg_store_rules_begin, 0, 0 },
    { "device", false, wrg_device_begin, FACTS(device) },
    { "failures", true, wrg_failures_begin, 0, 0 },
};

WRG_STATIC_ASSERT(WRG_ARRAY_LEN(checkers) <= 32, "a bit a checker");

struct wrg_oracles *wrg_oracles_create(void)
{
    struct wrg_oracles *o = calloc(1, sizeof(*o));

    if (!o)
        return NULL;
    if (wrg_tap_init(&o->tap) || wrg_data_init(&o->data) || wrg_durable_init(&o->durable) ||
        wrg_store_rules_init(&o->store_rules)) {
        wrg_oracles_destroy(o);
        return NULL;
    }
    return o;
}

void wrg_oracles_destroy(struct wrg_oracles *o)
{
    if (!o)
        return;
    wrg_tap_fini(&o->tap);
    wrg_data_fini(&o->data);
    wrg_durable_fini(&o->durable);
    wrg_store_rules_fini(&o->store_rules);
    free(o);
}

/* What the configuration tells before any event does. */
static void tell_tap(struct wrg_oracles *o)
{
    struct wrg_tap_facts *facts = &o->tap.facts;

    o->tap.front_linux = o->config.front_linux;
    o->tap.units = o->config.units;
    facts->has_indirect_max = o->config.indirect_max != WRG_ABSENT;
    facts->indirect_max = facts->has_indirect_max ? o->config.indirect_max : 0;
    facts->has_capacity = o->config.sectors != 0;
    facts->least_sectors = facts->most_sectors = o->config.sectors;
    facts->readonly = o->config.readonly;
}

void wrg_oracles_begin(struct wrg_oracles *o, struct wrg_trace *trace,
                       const struct wrg_oracle_config *config)
{
    o->trace = trace;
    o->config = *config;
    o->forgotten = 0;
    wrg_trace_unsubscribe_all(trace);
    wrg_isolation_begin(o); /* before others call what it looks for by another name */
    wrg_tap_begin(&o->tap, trace, config->accesses);
    tell_tap(o);
    for (size_t i = 0; i < WRG_ARRAY_LEN(checkers); i++)
        checkers[i].begin(o);
    wrg_reach_begin(o);
}

/* ---- snapshots ---- */

static size_t move_facts(uint8_t *saved, void *state, size_t size, bool save, size_t at)
{
    WRG_ASSERT(at + size <= WRG_ORACLES_SAVED_BYTES);
    if (save)
        memcpy(saved + at, state, size);
    else
        memcpy(state, saved + at, size);
    return at + size;
}

static uint32_t move_all(struct wrg_oracles *o, uint8_t *saved, bool save)
{
    size_t at = move_facts(saved, &o->tap.facts, sizeof(o->tap.facts), save, 0);

    for (uint32_t i = 0; i < o->tap.facts.nlanes; i++)
        at = move_facts(saved, &o->tap.lanes[i].facts, sizeof(o->tap.lanes[i].facts), save, at);
    for (size_t i = 0; i < WRG_ARRAY_LEN(checkers); i++)
        at = move_facts(saved, (uint8_t *)o + checkers[i].facts, checkers[i].facts_size, save, at);
    at = move_facts(saved, &o->reach.facts, sizeof(o->reach.facts), save, at);
    return (uint32_t)at;
}

bool wrg_oracles_save(const struct wrg_oracles *o, struct wrg_oracles_saved *saved)
{
    saved->valid = !o->tap.nactive && !o->tap.unsure && !o->tap.facts.disk_inflight &&
                   !o->data.inflight && !o->data.used;
    if (!saved->valid)
        return false;
    /* move_all only reads what it saves from. */
    saved->len = move_all((struct wrg_oracles *)(uintptr_t)o, saved->bytes, true);
    return true;
}

void wrg_oracles_restore(struct wrg_oracles *o, const struct wrg_oracles_saved *saved)
{
    WRG_ASSERT(saved->valid);
    uint32_t len = move_all(o, (uint8_t *)(uintptr_t)saved->bytes, false);
    WRG_ASSERT(len == saved->len);
    wrg_tap_resume(&o->tap);
}

/* ---- who sees what ---- */

const char *wrg_oracle_name(unsigned bit)
{
    return bit < WRG_ARRAY_LEN(checkers) ? checkers[bit].name : NULL;
}

uint32_t wrg_oracles_blind(const struct wrg_oracles *o)
{
    uint32_t blind = 0;

    for (size_t i = 0; i < WRG_ARRAY_LEN(checkers); i++)
        if (checkers[i].accesses && !o->config.accesses)
            blind |= UINT32_C(1) << i;
    return blind;
}

uint32_t wrg_oracles_forgotten(const struct wrg_oracles *o)
{
    return o->forgotten + (o->tap.unsure != 0);
}
