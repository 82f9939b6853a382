/* SPDX-License-Identifier: MIT */
/*
 * After warm-up a run allocates nothing, calls no kernel and takes no page fault, and the process
 * does not grow. Counted: malloc and friends are wrapped by the linker; system calls end a child
 * that runs under strict seccomp; faults are the process's own.
 */
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sanitizers.h"
#include "world/world_fixture.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

static unsigned long allocations;

void *__wrap_malloc(size_t size)
{
    allocations++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    allocations++;
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *ptr, size_t size)
{
    allocations++;
    return __real_realloc(ptr, size);
}

static const char *const cases[] = {
    "config victim=xenstore\nstore action=start\nstore tx=1 path=\"a/b\" value=\"x\"\n"
    "store client=2 action=watch path=\"/local\" value=\"t\"\nstore action=commit tx=1\n",
    "config victim=none\nio op=write times=10\nio op=read times=10\n",
    "config victim=back\nreq op=write nseg=3 sector=16\nreq op=indirect inner=read nseg=20\n"
    "publish notify=yes\n",
    "config victim=none queues=4\nio op=write times=10\nio op=read times=10\n",
    "config victim=back queues=3\nreq op=write nseg=3 queue=2\nreq op=indirect inner=read nseg=20\n"
    "publish\npublish queue=2\n",
    "config victim=none persistent=yes front-persistent=yes\nio op=write times=10\n"
    "io op=read times=10\n",
    "config victim=none data=copy trusted=no\nio op=write times=10\nio op=read times=10\n",
};

enum { WARM_UP = 200, RUNS = 10000 };

static void run_often(struct wrg_world *world, const struct wrg_case *c, unsigned runs)
{
    for (unsigned i = 0; i < runs; i++) {
        struct wrg_verdict verdict;
        if (wrg_world_run_case(world, c, &verdict) || verdict.rule != WRG_RULE_CLEAN)
            abort();
    }
}

static void after_warm_up__no_allocation(void **state)
{
    for (size_t i = 0; i < WRG_ARRAY_LEN(cases); i++) {
        struct wrg_case *c = fixture_case(cases[i]);
        struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);
        run_often(world, c, WARM_UP);
        unsigned long before = allocations;
        run_often(world, c, RUNS);
        assert_int_equal(allocations, before);
        wrg_world_destroy(world);
        free(c);
    }
}

static long minor_faults(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

/* Best of five: the process may be disturbed by its host. */
static void after_warm_up__no_page_fault(void **state)
{
    if (WRG_HAS_ASAN || WRG_HAS_TSAN) /* their shadows grow and fault on their own */
        skip();
    for (size_t i = 0; i < WRG_ARRAY_LEN(cases); i++) {
        struct wrg_case *c = fixture_case(cases[i]);
        struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);
        long best = -1;
        run_often(world, c, WARM_UP);
        for (unsigned round = 0; round < 5; round++) {
            long before = minor_faults();
            run_often(world, c, RUNS / 5);
            long faults = minor_faults() - before;
            best = best < 0 || faults < best ? faults : best;
        }
        assert_int_equal(best, 0);
        wrg_world_destroy(world);
        free(c);
    }
}

/* Strict seccomp kills the child at any call but read, write, _exit and sigreturn. */
static void after_warm_up__no_system_call(void **state)
{
    if (WRG_HAS_TSAN)
        skip();
    for (size_t i = 0; i < WRG_ARRAY_LEN(cases); i++) {
        struct wrg_case *c = fixture_case(cases[i]);
        struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);
        int status = 0;
        run_often(world, c, WARM_UP);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
                _exit(77);
            run_often(world, c, 1000);
            syscall(SYS_exit, 0); /* exit_group is not among the four */
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        wrg_world_destroy(world);
        free(c);
    }
}

static long resident_kib(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void ten_thousand_runs__process_does_not_grow(void **state)
{
    if (WRG_HAS_ASAN || WRG_HAS_TSAN)
        skip();
    struct wrg_case *c = fixture_case(cases[1]);
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);
    run_often(world, c, WARM_UP);
    long before = resident_kib();
    run_often(world, c, RUNS);
    assert_in_range(resident_kib() - before, 0, 64);
    wrg_world_destroy(world);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_warm_up__no_allocation),
        cmocka_unit_test(after_warm_up__no_page_fault),
        cmocka_unit_test(after_warm_up__no_system_call),
        cmocka_unit_test(ten_thousand_runs__process_does_not_grow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
