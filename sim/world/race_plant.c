/* SPDX-License-Identifier: MIT */
/*
 * A planted race, which TSan must report: a producer that publishes its index before the payload,
 * through the accessors that drivers use. A ctest of the tsan preset expects this program to fail.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <wringer/page.h>

enum { ROUNDS = 2000, SLOT = 128 };

static uint8_t memory[WRG_PAGE_SIZE] __attribute__((aligned(64)));
static uint8_t dirty[1] = { 1 };
static struct wrg_view views[1] = {
    { .base = memory, .handle = 1u << WRG_VIEW_BITS, .flags = WRG_VIEW_WRITE }
};

static struct wrg_port make_port(void)
{
    return (struct wrg_port){ .views = views, .reach = 1, .dirty = dirty };
}

static void *produce(void *arg)
{
    struct wrg_port port = make_port();

    for (uint32_t i = 1; i <= ROUNDS; i++) {
        uint64_t payload = i;
        wrg_page_store_u32(&port, views[0].handle, 0, i, WRG_ORDER_RELEASE, WRG_SITE_REQ_PROD);
        wrg_page_store(&port, views[0].handle, SLOT, &payload, sizeof(payload), WRG_SITE_REQUEST);
    }
    return NULL;
}

static void *consume(void *arg)
{
    struct wrg_port port = make_port();
    uint64_t sum = 0;

    for (uint32_t seen = 0; seen < ROUNDS;) {
        uint64_t payload;
        seen = wrg_page_load_u32(&port, views[0].handle, 0, WRG_ORDER_ACQUIRE, WRG_SITE_REQ_PROD);
        wrg_page_load(&port, views[0].handle, SLOT, &payload, sizeof(payload), WRG_SITE_REQUEST);
        sum += payload;
    }
    return sum ? NULL : arg;
}

int main(void)
{
    pthread_t threads[2];

    if (pthread_create(&threads[0], NULL, produce, NULL) ||
        pthread_create(&threads[1], NULL, consume, NULL))
        return 3;
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    puts("nobody noticed");
    return 0;
}
