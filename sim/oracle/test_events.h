/* SPDX-License-Identifier: MIT */
/*
 * For the tests of checkers: a trace with all of them attached, and events made by hand.
 *
 * The world behind the events: one ring from frame 100 on, both ends attached at index `start`, the
 * backend judged unless a test says otherwise. Where a test sets `lane` to 1, what follows is of a
 * second ring, from frame 150 on. Layer: oracle, tests only.
 */
#ifndef WRG_ORACLE_TEST_EVENTS_H
#define WRG_ORACLE_TEST_EVENTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "oracle/checkers.h"
#include "oracle/oracle.h"

enum { FRONT = WRG_ROLE_FRONT, BACK = WRG_ROLE_BACK, RING_FRAME = 100, PAGE_FRAME = 200 };
enum { LANES = 2, LANE_FRAMES = 50 };

struct bench {
    struct wrg_trace trace;
    struct wrg_oracles *o;
    struct wrg_oracle_config config;
    enum wrg_abi abi;
    uint32_t npages, entries, start;
    uint8_t lane;
    uint32_t scope[LANES], step;
};

struct spec { /* an event; what is not given is 0 */
    uint16_t kind;
    uint8_t role;
    uint32_t a, b;
    uint64_t c, d;
};

__attribute__((unused)) static void emit_bytes(struct bench *t, struct spec s, const void *bytes,
                                               uint32_t len)
{
    struct wrg_event ev = {
        .kind = s.kind, .role = s.role, .step = ++t->step, .a = s.a, .b = s.b, .c = s.c, .d = s.d
    };

    wrg_trace_emit(&t->trace, &ev, bytes, len, 0);
}

#define emit(t, ...) emit_bytes((t), (struct spec){ __VA_ARGS__ }, NULL, 0)

/* ---- accesses ---- */

struct span {
    uint8_t role, class, site;
    bool flag; /* loads: again, stores: secret */
    uint32_t frame, off, request;
    uint8_t lane;
};

static inline uint32_t ring_frame(const struct bench *t)
{
    return RING_FRAME + t->lane * LANE_FRAMES;
}

__attribute__((unused)) static void load(struct bench *t, struct span at, const void *bytes,
                                         uint32_t len)
{
    emit_bytes(t,
               (struct spec){ .kind = WRG_EV_LOAD,
                              .role = at.role,
                              .a = at.frame,
                              .b = at.off << 16 | len,
                              .c = (uint64_t)at.class << 8 | (uint64_t)at.flag << 16 |
                                   wrg_event_scope(at.lane, at.request) },
               bytes, wrg_min_u32(len, WRG_TRACE_PAYLOAD_MAX));
}

__attribute__((unused)) static void store_over(struct bench *t, struct span at, const void *bytes,
                                               const void *old, uint32_t len)
{
    uint8_t payload[WRG_TRACE_PAYLOAD_MAX];
    uint32_t shown = wrg_min_u32(len, WRG_TRACE_PAYLOAD_MAX / 2);

    memcpy(payload, bytes, shown);
    memcpy(payload + shown, old, shown);
    emit_bytes(t,
               (struct spec){ .kind = WRG_EV_STORE,
                              .role = at.role,
                              .a = at.frame,
                              .b = at.off << 16 | len,
                              .c = at.site | (uint64_t)at.class << 8 | (uint64_t)at.flag << 16 |
                                   wrg_event_scope(at.lane, 0) },
               payload, 2 * shown);
}

__attribute__((unused)) static void store(struct bench *t, struct span at, const void *bytes,
                                          uint32_t len)
{
    static const uint8_t zeros[4096];

    store_over(t, at, bytes, zeros, len);
}

__attribute__((unused)) static void store_index(struct bench *t, uint8_t role, uint32_t value)
{
    store(t,
          (struct span){ .role = role,
                         .class = WRG_SHARED_RING_INDEX,
                         .frame = ring_frame(t),
                         .lane = t->lane,
                         .off = role == BACK ? WRG_WIRE_RSP_PROD : WRG_WIRE_REQ_PROD },
          &value, sizeof(value));
}

__attribute__((unused)) static void load_index(struct bench *t, uint8_t role, uint32_t value)
{
    load(t,
         (struct span){ .role = role,
                        .class = WRG_SHARED_RING_INDEX,
                        .frame = ring_frame(t),
                        .lane = t->lane,
                        .off = role == BACK ? WRG_WIRE_REQ_PROD : WRG_WIRE_RSP_PROD },
         &value, sizeof(value));
}

static inline struct span slot_at(const struct bench *t, uint8_t role, uint32_t position)
{
    uint32_t off = wrg_wire_slot_offset(t->abi, t->entries, position);

    return (struct span){ .role = role,
                          .class = WRG_SHARED_RING_SLOT,
                          .frame = ring_frame(t) + off / WRG_BLKIF_PAGE_BYTES,
                          .lane = t->lane,
                          .off = off % WRG_BLKIF_PAGE_BYTES };
}

/* The pieces of an access that runs over the end of a page are events of their own. */
static inline uint32_t in_page(struct span at, uint32_t len)
{
    return wrg_min_u32(len, WRG_BLKIF_PAGE_BYTES - at.off);
}

/* ---- the ring ---- */

__attribute__((unused)) static void declare(struct bench *t, uint8_t seat)
{
    uint32_t frames[WRG_BLKIF_MAX_RING_PAGES];

    for (uint32_t i = 0; i < t->npages; i++)
        frames[i] = ring_frame(t) + i;
    emit_bytes(t,
               (struct spec){ .kind = WRG_EV_RING_DECLARE,
                              .role = seat,
                              .a = t->lane,
                              .b = t->entries,
                              .c = (uint64_t)t->abi | (uint64_t)t->npages << 8 |
                                   (uint64_t)seat << 16 | (uint64_t)t->lane << 24,
                              .d = t->start },
               frames, t->npages * (uint32_t)sizeof(*frames));
}

__attribute__((unused)) static void connect_ring(struct bench *t)
{
    t->entries = wrg_wire_ring_entries(t->abi, t->npages);
    declare(t, FRONT);
    declare(t, BACK);
}

/* Both rings, as a connection of two queues begins; what follows is of the first. */
__attribute__((unused)) static void connect_two_rings(struct bench *t)
{
    for (t->lane = 0; t->lane < LANES; t->lane++)
        connect_ring(t);
    t->lane = 0;
}

/* The frontend fills a slot. */
__attribute__((unused)) static void put(struct bench *t, uint32_t position,
                                        const struct wrg_blkif_request *request)
{
    uint8_t slot[WRG_BLKIF_MAX_REQUEST_BYTES] = { 0 };
    uint32_t len = (uint32_t)wrg_wire_put_request(t->abi, request, slot);
    struct span at = slot_at(t, FRONT, position);
    uint32_t here = in_page(at, len);

    store(t, at, slot, here);
    if (here == len)
        return;
    at.frame++;
    at.off = 0;
    store(t, at, slot + here, len - here);
}

/* The backend copies a slot; no look at the index. */
__attribute__((unused)) static void fetch(struct bench *t, uint32_t position,
                                          const struct wrg_blkif_request *request)
{
    uint8_t slot[WRG_BLKIF_MAX_REQUEST_BYTES] = { 0 };
    uint32_t len = wrg_wire_request_size(t->abi);
    struct span at = slot_at(t, BACK, position);
    uint32_t here = in_page(at, len);

    (void)wrg_wire_put_request(t->abi, request, slot);
    at.request = ++t->scope[t->lane];
    load(t, at, slot, here);
    if (here == len)
        return;
    at.frame++;
    at.off = 0;
    load(t, at, slot + here, len - here);
}

/* The frontend publishes, the backend looks and fetches. */
__attribute__((unused)) static void ask(struct bench *t, uint32_t position,
                                        const struct wrg_blkif_request *request)
{
    put(t, position, request);
    store_index(t, FRONT, position + 1);
    load_index(t, BACK, position + 1);
    fetch(t, position, request);
}

struct answer {
    uint64_t id;
    uint8_t operation;
    int16_t status;
};

/* The backend fills a slot. */
__attribute__((unused)) static void respond(struct bench *t, uint32_t position,
                                            struct answer answer)
{
    const struct wrg_blkif_response response = { .id = answer.id,
                                                 .operation = answer.operation,
                                                 .status = answer.status };
    uint8_t slot[WRG_BLKIF_MAX_RESPONSE_BYTES] = { 0 };
    struct span at = slot_at(t, BACK, position);

    wrg_wire_put_response(&response, slot);
    store(t, at, slot, 9);
    at.off += 10;
    store(t, at, slot + 10, 2);
}

/* ... and publishes it. */
__attribute__((unused)) static void reply(struct bench *t, uint32_t position, struct answer answer)
{
    respond(t, position, answer);
    store_index(t, BACK, position + 1);
}

/* ---- requests ---- */

__attribute__((unused)) static struct wrg_blkif_request rw(uint8_t operation, uint64_t id,
                                                           uint64_t sector, uint16_t nseg)
{
    struct wrg_blkif_request request = {
        .operation = operation, .id = id, .sector_number = sector, .nr_segments = nseg
    };

    for (uint32_t i = 0; i < wrg_wire_direct_count(nseg); i++)
        request.seg[i] = (struct wrg_blkif_segment){ .gref = 20 + i, .last_sect = 7 };
    return request;
}

__attribute__((unused)) static struct wrg_blkif_request indirect(uint8_t inner, uint64_t id,
                                                                 uint64_t sector, uint16_t nseg)
{
    struct wrg_blkif_request request = { .operation = WRG_BLKIF_OP_INDIRECT,
                                         .indirect_op = inner,
                                         .id = id,
                                         .sector_number = sector,
                                         .nr_segments = nseg };

    for (uint32_t i = 0; i < WRG_BLKIF_MAX_INDIRECT_PAGES; i++)
        request.indirect_grefs[i] = 400 + i;
    return request;
}

/* ---- grants and disk: gref g shows frame g + PAGE_FRAME, by handle g + 5000 ---- */

__attribute__((unused)) static void map_status(struct bench *t, uint32_t gref, int32_t status)
{
    emit(t, .kind = WRG_EV_MAP, .role = BACK, .a = gref, .b = gref + 5000,
         .c = status ? UINT32_MAX : gref + PAGE_FRAME, .d = 1 | (uint64_t)(uint32_t)status << 32);
}

__attribute__((unused)) static void map(struct bench *t, uint32_t gref)
{
    map_status(t, gref, 0);
}

__attribute__((unused)) static void unmap(struct bench *t, uint32_t gref)
{
    emit(t, .kind = WRG_EV_UNMAP, .role = BACK, .a = gref, .b = gref + 5000, .c = gref + PAGE_FRAME,
         .d = 1);
}

/* Maps, loads and unmaps an indirect page of so many segments: gref 1000 + i, whole pages. */
__attribute__((unused)) static void parse_page(struct bench *t, uint32_t k, uint32_t count)
{
    uint8_t bytes[WRG_BLKIF_PAGE_BYTES] = { 0 };
    struct span at = { .role = BACK,
                       .class = WRG_SHARED_INDIRECT,
                       .request = t->scope[t->lane],
                       .lane = t->lane,
                       .frame = 400 + k + PAGE_FRAME };

    for (uint32_t i = 0; i < count; i++) {
        const struct wrg_blkif_segment seg = { .last_sect = 7, .gref = 1000 + k * 512 + i };
        wrg_wire_put_segment(bytes, i, &seg);
    }
    map(t, 400 + k);
    for (; at.off < count * 8; at.off += WRG_TRACE_PAYLOAD_MAX)
        load(t, at, bytes + at.off, wrg_min_u32(WRG_TRACE_PAYLOAD_MAX, count * 8 - at.off));
    unmap(t, 400 + k);
}

__attribute__((unused)) static void disk_data(struct bench *t, uint8_t op, uint64_t sector,
                                              uint32_t gref, uint64_t digest)
{
    uint64_t digests[8];

    for (uint32_t i = 0; i < 8; i++)
        digests[i] = digest + i;
    emit_bytes(t,
               (struct spec){ .kind = WRG_EV_DISK_DATA,
                              .role = BACK,
                              .a = 1,
                              .b = op,
                              .c = sector,
                              .d = (uint64_t)(gref + PAGE_FRAME) << 32 | 4096 },
               digests, sizeof(digests));
}

__attribute__((unused)) static void change(struct bench *t, uint8_t role, const char *path,
                                           const char *value)
{
    char payload[WRG_TRACE_PAYLOAD_MAX];
    size_t path_len = strlen(path) + 1;

    memcpy(payload, path, path_len);
    memcpy(payload + path_len, value, strlen(value));
    emit_bytes(t, (struct spec){ .kind = WRG_EV_XS_CHANGE, .role = role, .a = role + 1u }, payload,
               (uint32_t)(path_len + strlen(value)));
}

/* ---- one test ---- */

static inline void bench_config(struct bench *t)
{
    t->config = (struct wrg_oracle_config){ .judged = WRG_JUDGE_BACK,
                                            .honest_back = true,
                                            .sectors = 2048,
                                            .indirect_max = 1024,
                                            .accesses = true };
    t->abi = WRG_ABI_X86_64;
    t->npages = 1;
}

__attribute__((unused)) static int bench_open(void **state)
{
    static struct bench bench;

    memset(&bench, 0, sizeof(bench));
    wrg_trace_init(&bench.trace);
    bench.trace.on = true;
    bench.o = wrg_oracles_create();
    *state = &bench;
    return bench.o ? 0 : -1;
}

__attribute__((unused)) static int bench_close(void **state)
{
    struct bench *t = *state;

    wrg_oracles_destroy(t->o);
    return 0;
}

__attribute__((unused)) static void bench_begin(struct bench *t)
{
    wrg_trace_reset(&t->trace);
    memset(t->scope, 0, sizeof(t->scope));
    t->lane = 0;
    t->step = 0;
    wrg_oracles_begin(t->o, &t->trace, &t->config);
}

struct scenario {
    const char *name;
    enum wrg_rule rule; /* what the last event fires, and no event before it */
    void (*play)(struct bench *t);
};

/* A step of a scenario that must be clean up to here. */
#define QUIETLY(t) assert_int_equal((t)->trace.finding.rule, WRG_RULE_CLEAN)

__attribute__((unused)) static void play_all(struct bench *t, const struct scenario *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bench_config(t);
        t->start = 0;
        bench_begin(t);
        all[i].play(t);
        if (t->trace.finding.rule != all[i].rule)
            fail_msg("%s: %s, expected %s: %s", all[i].name, wrg_rule_id(t->trace.finding.rule),
                     wrg_rule_id(all[i].rule), t->trace.finding.detail);
    }
}

#define PLAY(name, rule)                                                                           \
    {                                                                                              \
#name, WRG_RULE_##rule, name                                                               \
    }

#endif
