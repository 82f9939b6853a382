/* SPDX-License-Identifier: MIT */
/* The store as a whole: its memory, emptying it, and images of it. */
#include "store/xenstore_impl.h"

#include <errno.h>
#include <string.h>

#define ALIGN       16u
#define IMAGE_MAGIC 0x31736758u

const struct wrg_xs_limits wrg_xs_limits_small = {
    .nodes = 1024, /* two domains, a few devices of 40 nodes each, and what a hostile one adds */
    .connections = 16,
    .domains = 8,
    .watches = 256,
    .events = 512,
    .transactions = 32,
    .tx_records = 512,
    .heap_bytes = 128 * 1024,
    .conn_events = 256,
};

struct part {
    size_t offset;
    size_t size_bytes; /* of one */
    uint32_t count;
};

enum {
    NODES,
    RECORDS,
    TXNS,
    WATCHES,
    EVENTS,
    CAUSES,
    CONNS,
    DOMAINS,
    BUCKETS,
    MATCHES,
    SCRATCH,
    HEAP,
    NPARTS
};

static size_t align_up(size_t bytes)
{
    return (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

static uint32_t bucket_count(uint32_t nodes)
{
    uint32_t count = 16;

    while (count < nodes)
        count *= 2;
    return count;
}

/* Where everything lies behind the struct; element 0 of each pool is never used. */
static size_t lay_out(const struct wrg_xs_limits *l, struct part parts[NPARTS])
{
    const struct part sizes[NPARTS] = {
        [NODES] = { 0, sizeof(struct wrg_xsi_node), l->nodes + WRG_XSI_SPECIALS + 1 },
        [RECORDS] = { 0, sizeof(struct wrg_xsi_record), l->tx_records + 1 },
        [TXNS] = { 0, sizeof(struct wrg_xsi_txn), l->transactions + 1 },
        [WATCHES] = { 0, sizeof(struct wrg_xsi_watch), l->watches + 1 },
        [EVENTS] = { 0, sizeof(struct wrg_xsi_event), l->events + 1 },
        [CAUSES] = { 0, sizeof(struct wrg_xsi_cause), l->events + 1 },
        [CONNS] = { 0, sizeof(struct wrg_xsi_conn), l->connections + 1 },
        [DOMAINS] = { 0, sizeof(struct wrg_xsi_domain), l->domains + 1 },
        [BUCKETS] = { 0, sizeof(uint32_t), bucket_count(l->nodes) },
        [MATCHES] = { 0, sizeof(uint32_t), l->watches + 1 },
        [SCRATCH] = { 0, 1, WRG_XS_ABS_PATH_MAX + 1 },
        [HEAP] = { 0, 1, l->heap_bytes },
    };
    size_t at = align_up(sizeof(struct wrg_xenstore));

    for (int i = 0; i < NPARTS; i++) {
        parts[i] = sizes[i];
        parts[i].offset = at;
        at += align_up(parts[i].size_bytes * parts[i].count);
    }
    return at;
}

size_t wrg_xenstore_bytes(const struct wrg_xs_limits *limits)
{
    struct part parts[NPARTS];

    return lay_out(limits, parts);
}

static void init_pool(struct wrg_xsi_pool *pool, const struct part *part)
{
    pool->count = part->count;
    pool->size_bytes = (uint32_t)part->size_bytes;
}

static void make_empty(struct wrg_xenstore *xs)
{
    struct wrg_xsi_state *s = &xs->s;
    struct wrg_xsi_pool *pools[] = { &s->nodes,  &s->records, &s->txns,  &s->watches,
                                     &s->events, &s->causes,  &s->conns, &s->domains };

    for (size_t i = 0; i < WRG_ARRAY_LEN(pools); i++) {
        pools[i]->used = 1;
        pools[i]->free = WRG_XSI_NONE;
    }
    memset(s->heap_free, 0, sizeof(s->heap_free));
    s->heap_used = 32; /* block 0 means none */
    s->generation = 0;
    s->watch_order = 0;
    s->events_lost = 0;
    s->now_us = 0;
    s->ntxns = 0;
    s->commits = 0;
    wrg_xsi_reset_specials(xs);
    wrg_xsi_begin_cause(xs, WRG_XSI_NONE);
    memset(&xs->node[0], 0, sizeof(xs->node[0]));
    uint32_t root = wrg_xsi_take(&s->nodes, xs->node);
    uint32_t specials = wrg_xsi_take(&s->nodes, xs->node);
    WRG_ASSERT(root == WRG_XSI_ROOT && specials == WRG_XSI_SPECIALS);
    xs->node[root].refs = 1;
    xs->node[root].live = 1;
    xs->node[root].birth = 1;
    xs->node[root].path_len = 1;
    xs->node[root].generation = ++s->generation;
    xs->node[root].body.nperms = 1;
    xs->node[root].body.letters[0] = 'n';
    xs->node[specials].refs = 1;
    xs->clock++;
}

static bool are_valid(const struct wrg_xs_limits *l)
{
    return l->nodes != 0 && l->nodes < WRG_XSI_DIR_NODE_MASK - WRG_XSI_SPECIALS &&
           l->connections != 0 && l->connections <= 255 && l->domains != 0 && l->watches != 0 &&
           l->events != 0 && l->transactions != 0 && l->tx_records != 0 && l->heap_bytes >= 4096 &&
           l->heap_bytes <= 1u << 30 && l->conn_events != 0 &&
           (l->domains | l->watches | l->events | l->transactions | l->tx_records) < 1u << 24;
}

int wrg_xenstore_init(struct wrg_xenstore **out, const struct wrg_xs_limits *limits, void *mem,
                      size_t bytes)
{
    struct part parts[NPARTS];
    struct wrg_xenstore *xs = mem;
    char *base = mem;

    if (!are_valid(limits) || (uintptr_t)mem % ALIGN != 0)
        return -EINVAL;
    if (bytes < lay_out(limits, parts))
        return -ENOMEM;
    memset(xs, 0, sizeof(*xs));
    xs->limits = *limits;
    xs->quota = wrg_xs_quota_default;
    xs->node = (void *)(base + parts[NODES].offset);
    xs->record = (void *)(base + parts[RECORDS].offset);
    xs->txn = (void *)(base + parts[TXNS].offset);
    xs->watch = (void *)(base + parts[WATCHES].offset);
    xs->event = (void *)(base + parts[EVENTS].offset);
    xs->cause_pool = (void *)(base + parts[CAUSES].offset);
    xs->conn = (void *)(base + parts[CONNS].offset);
    xs->domain = (void *)(base + parts[DOMAINS].offset);
    xs->buckets = (void *)(base + parts[BUCKETS].offset);
    xs->matches = (void *)(base + parts[MATCHES].offset);
    xs->scratch = base + parts[SCRATCH].offset;
    xs->heap = base + parts[HEAP].offset;
    xs->bucket_mask = parts[BUCKETS].count - 1;
    memset(xs->buckets, 0, parts[BUCKETS].size_bytes * parts[BUCKETS].count);
    init_pool(&xs->s.nodes, &parts[NODES]);
    init_pool(&xs->s.records, &parts[RECORDS]);
    init_pool(&xs->s.txns, &parts[TXNS]);
    init_pool(&xs->s.watches, &parts[WATCHES]);
    init_pool(&xs->s.events, &parts[EVENTS]);
    init_pool(&xs->s.causes, &parts[CAUSES]);
    init_pool(&xs->s.conns, &parts[CONNS]);
    init_pool(&xs->s.domains, &parts[DOMAINS]);
    make_empty(xs);
    *out = xs;
    return 0;
}

static void clear_buckets(struct wrg_xenstore *xs)
{
    for (uint32_t n = WRG_XSI_SPECIALS + 1; n < xs->s.nodes.used; n++)
        if (xs->node[n].in_use)
            xs->buckets[xs->node[n].hash & xs->bucket_mask] = WRG_XSI_NONE;
}

void wrg_xenstore_reset(struct wrg_xenstore *xs)
{
    clear_buckets(xs);
    make_empty(xs);
}

void wrg_xenstore_set_observer(struct wrg_xenstore *xs, const struct wrg_xs_observer *observer)
{
    xs->observer = *observer;
}

void wrg_xenstore_set_quota(struct wrg_xenstore *xs, const struct wrg_xs_quota *quota)
{
    xs->quota = *quota;
}

uint64_t wrg_xenstore_mark(const struct wrg_xenstore *xs)
{
    return xs->clock;
}

bool wrg_xenstore_changed_since(const struct wrg_xenstore *xs, uint64_t mark)
{
    return xs->clock != mark;
}

uint64_t wrg_xenstore_events_lost(const struct wrg_xenstore *xs)
{
    return xs->s.events_lost;
}

/* ---- images: header, state, the used part of each pool, the used part of the heap ---- */

struct header {
    uint32_t magic;
    uint32_t reserved;
    uint64_t bytes;
    struct wrg_xs_limits limits;
};

struct span {
    void *data;
    size_t bytes;
};

enum { NSPANS = 9 };

static void list_spans(const struct wrg_xenstore *xs, const struct wrg_xsi_state *s,
                       struct span spans[NSPANS])
{
    const struct span list[NSPANS] = {
        { xs->node, (size_t)s->nodes.used * s->nodes.size_bytes },
        { xs->record, (size_t)s->records.used * s->records.size_bytes },
        { xs->txn, (size_t)s->txns.used * s->txns.size_bytes },
        { xs->watch, (size_t)s->watches.used * s->watches.size_bytes },
        { xs->event, (size_t)s->events.used * s->events.size_bytes },
        { xs->cause_pool, (size_t)s->causes.used * s->causes.size_bytes },
        { xs->conn, (size_t)s->conns.used * s->conns.size_bytes },
        { xs->domain, (size_t)s->domains.used * s->domains.size_bytes },
        { xs->heap, s->heap_used },
    };
    memcpy(spans, list, sizeof(list));
}

static size_t image_bytes(const struct span spans[NSPANS])
{
    size_t bytes = sizeof(struct header) + sizeof(struct wrg_xsi_state);

    for (int i = 0; i < NSPANS; i++)
        bytes += spans[i].bytes;
    return bytes;
}

size_t wrg_xenstore_save_bytes(const struct wrg_xenstore *xs)
{
    struct span spans[NSPANS];

    list_spans(xs, &xs->s, spans);
    return image_bytes(spans);
}

int wrg_xenstore_save(const struct wrg_xenstore *xs, void *buf, size_t cap)
{
    struct span spans[NSPANS];
    struct header header;
    char *at = buf;

    memset(&header, 0, sizeof(header)); /* its padding is part of the image */
    header.magic = IMAGE_MAGIC;
    header.limits = xs->limits;

    list_spans(xs, &xs->s, spans);
    header.bytes = image_bytes(spans);
    if (cap < header.bytes)
        return -ERANGE;
    memcpy(at, &header, sizeof(header));
    at += sizeof(header);
    memcpy(at, &xs->s, sizeof(xs->s));
    at += sizeof(xs->s);
    for (int i = 0; i < NSPANS; i++) {
        memcpy(at, spans[i].data, spans[i].bytes);
        at += spans[i].bytes;
    }
    return 0;
}

int wrg_xenstore_restore(struct wrg_xenstore *xs, const void *buf, size_t bytes)
{
    struct header header;
    struct span spans[NSPANS];
    const char *at = buf;

    if (bytes < sizeof(header) + sizeof(xs->s))
        return -EINVAL;
    memcpy(&header, at, sizeof(header));
    if (header.magic != IMAGE_MAGIC || header.bytes > bytes ||
        memcmp(&header.limits, &xs->limits, sizeof(header.limits)) != 0)
        return -EINVAL;
    clear_buckets(xs);
    at += sizeof(header);
    memcpy(&xs->s, at, sizeof(xs->s));
    at += sizeof(xs->s);
    list_spans(xs, &xs->s, spans);
    WRG_ASSERT(image_bytes(spans) == header.bytes);
    for (int i = 0; i < NSPANS; i++) {
        memcpy(spans[i].data, at, spans[i].bytes);
        at += spans[i].bytes;
    }
    for (uint32_t n = WRG_XSI_SPECIALS + 1; n < xs->s.nodes.used; n++)
        if (xs->node[n].in_use)
            wrg_xsi_hash_insert(xs, n);
    xs->clock++;
    return 0;
}
