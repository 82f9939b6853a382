/* SPDX-License-Identifier: MIT */
#include "base/mutex.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { THREADS = 4, ROUNDS = 20000 };

static struct {
    struct wrg_mutex mutex;
    uint64_t first, second; /* plain, and always the same under the mutex */
    uint32_t differed;
} shared;

static void *count(void *arg)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        wrg_mutex_lock(&shared.mutex);
        shared.differed += shared.first != shared.second;
        shared.first++;
        __asm__ volatile("" ::: "memory");
        shared.second++;
        wrg_mutex_unlock(&shared.mutex);
    }
    return arg;
}

static void four_threads__one_at_a_time(void **state)
{
    pthread_t threads[THREADS];

    memset(&shared, 0, sizeof(shared));
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(shared.first, THREADS * ROUNDS);
    assert_int_equal(shared.second, THREADS * ROUNDS);
    assert_int_equal(shared.differed, 0);
}

static void given_back__free_again(void **state)
{
    struct wrg_mutex mutex = { .held = 0 };

    wrg_mutex_lock(&mutex);
    assert_int_equal(mutex.held, 1);
    wrg_mutex_unlock(&mutex);
    assert_int_equal(mutex.held, 0);
    wrg_mutex_lock(&mutex);
    wrg_mutex_unlock(&mutex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_threads__one_at_a_time),
        cmocka_unit_test(given_back__free_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
