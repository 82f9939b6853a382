/* SPDX-License-Identifier: MIT */
/*
 * The bare ring between two threads: what the thread engine stands beside.
 *
 * One thread puts requests while there is room, and takes responses; the other one copies a page
 * for each, and answers. Who finds nothing looks again.
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "bench/limits.h"

#define SLOTS 32u
#define LOOKS 1000u /* before a thread lets others run */

struct index { /* on a line of its own */
    _Alignas(64) uint32_t value;
};

struct ring {
    struct index req_prod, rsp_prod;
    _Alignas(64) uint32_t slot[SLOTS][28]; /* 112 bytes */
};

struct pair {
    struct ring ring;
    struct wrg_limit *limit;
    uint32_t requests;
    bool write;
};

static void publish(struct index *index, uint32_t value)
{
    __atomic_store_n(&index->value, value, __ATOMIC_RELEASE);
}

/* Until the index is another than `seen`, which it returns. */
static uint32_t await(const struct index *index, uint32_t seen)
{
    uint32_t value = __atomic_load_n(&index->value, __ATOMIC_ACQUIRE);

    for (uint32_t looks = 1; value == seen; looks++) {
        if (looks % LOOKS == 0)
            (void)sched_yield();
        value = __atomic_load_n(&index->value, __ATOMIC_ACQUIRE);
    }
    return value;
}

static void *answer(void *arg)
{
    struct pair *pair = arg;
    uint32_t prod = 0;

    for (uint32_t cons = 0; cons != pair->requests;) {
        prod = await(&pair->ring.req_prod, cons);
        for (; cons != prod; cons++) {
            uint32_t request[28];
            memcpy(request, pair->ring.slot[cons % SLOTS], sizeof(request));
            wrg_limit_move(pair->limit, pair->write, request[1], request[2]);
            pair->ring.slot[cons % SLOTS][0] = request[0];
        }
        publish(&pair->ring.rsp_prod, cons);
    }
    return NULL;
}

static void put(struct pair *pair, uint32_t prod)
{
    uint32_t *slot = pair->ring.slot[prod % SLOTS];

    memset(slot, 0, sizeof(pair->ring.slot[0]));
    slot[0] = prod;
    slot[1] = prod % pair->limit->npages;
    slot[2] = prod % pair->limit->disk_pages;
}

static void ask(struct pair *pair)
{
    uint32_t prod = 0, cons = 0;
    uint64_t sum = 0;

    while (cons != pair->requests) {
        uint32_t end = wrg_min_u32(cons + SLOTS, pair->requests);
        while (prod != end)
            put(pair, prod++);
        publish(&pair->ring.req_prod, prod);
        uint32_t answered = await(&pair->ring.rsp_prod, cons);
        for (; cons != answered; cons++)
            sum += pair->ring.slot[cons % SLOTS][0];
    }
    WRG_ASSERT(sum == (uint64_t)cons * (cons - 1) / 2);
}

void wrg_limit_threads(struct wrg_limit *limit, bool write, uint32_t requests)
{
    struct pair pair = { .limit = limit, .requests = requests, .write = write };
    pthread_t other;

    WRG_ASSERT(pthread_create(&other, NULL, answer, &pair) == 0);
    ask(&pair);
    WRG_ASSERT(pthread_join(other, NULL) == 0);
}
