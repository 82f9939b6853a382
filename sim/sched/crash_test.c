/* SPDX-License-Identifier: MIT */
#include "base/sanitizers.h"
#include "sched/sched.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * Bugs planted inside tasks on fibers: each must be found by ASan as if it were on a thread, with
 * a trace down to the trampoline; and what is no bug must not be called one. Each runs in a
 * process of its own, this program with the name of the plant. Without ASan they are skipped. The
 * last one is for TSan, on the thread engine.
 */

#define NOINLINE __attribute__((noinline))

__attribute__((weak)) int __lsan_do_recoverable_leak_check(void);

static struct wrg_sched sched;
static char *volatile shared;
static void *volatile kept;
static jmp_buf jump;
static int other;

/* ---- plants: bodies of tasks ---- */

static NOINLINE void use(volatile char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (char)i;
}

static void overflow_local(void *arg)
{
    char local[32];

    wrg_sched_yield(&sched);
    use(local, sizeof(local) + 1 + (arg != NULL));
}

/* A function of its own, or gcc sees the plant and warns. */
static NOINLINE void keep_address(char *p)
{
    shared = p;
}

static NOINLINE void leave_address_behind(void)
{
    char local[32];

    use(local, sizeof(local));
    keep_address(local);
}

static void use_after_return(void *arg)
{
    leave_address_behind();
    wrg_sched_yield(&sched);
    shared[3] = 1;
}

static void return_and_wait(void *arg)
{
    leave_address_behind();
    wrg_sched_wake(&sched, other);
    if (wrg_sched_wait(&sched, WRG_SCHED_FOREVER) == 0)
        abort();
}

static void use_of_other(void *arg)
{
    if (wrg_sched_wait(&sched, WRG_SCHED_FOREVER) != 0)
        abort();
    shared[3] = 1;
}

static void heap_use_after_free(void *arg)
{
    shared = malloc(10);
    free(shared);
    wrg_sched_yield(&sched);
    shared[2] = 1;
}

static void wild_write(void *arg)
{
    shared = (char *)16;
    *shared = 1;
}

static NOINLINE void *get_block(void)
{
    return malloc(77);
}

static NOINLINE void big_frame(void)
{
    char local[8000];

    use(local, sizeof(local));
}

static void lose_block(void *arg)
{
    kept = get_block();
    kept = arg;
    big_frame(); /* over what dead frames still hold */
}

static NOINLINE int recurse(volatile int depth)
{
    volatile char frame[512];

    frame[depth % 512] = 1;
    if (depth == 20000)
        return frame[0];
    return recurse(depth + 1) + frame[depth % 512];
}

static void run_away(void *arg)
{
    other = recurse(0);
}

static void hold_block(void *arg)
{
    void *volatile block = get_block();

    if (wrg_sched_wait(&sched, WRG_SCHED_FOREVER) == 0)
        free(block);
}

static NOINLINE void jump_up(void)
{
    char local[1000];

    use(local, sizeof(local));
    longjmp(jump, 1);
}

static void jump_then_big_frame(void *arg)
{
    if (setjmp(jump) == 0)
        jump_up();
    big_frame();
    wrg_sched_yield(&sched);
    big_frame();
}

static NOINLINE void wait_deep(void)
{
    char local[2000];

    use(local, sizeof(local));
    if (wrg_sched_wait(&sched, WRG_SCHED_FOREVER) == 0)
        big_frame();
}

static void suspend_deep(void *arg)
{
    wait_deep();
}

static void use_big_frame(void *arg)
{
    big_frame();
}

/* Both must be under way, or the lock at the end of one task orders it before the other. */
static NOINLINE void write_unordered(void *arg)
{
    static volatile int raced;
    static int arrived;

    (void)__atomic_fetch_add(&arrived, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&arrived, __ATOMIC_RELAXED) < 2)
        wrg_sched_yield(&sched);
    for (int i = 0; i < 1000; i++)
        raced++;
}

/* ---- the process that carries a plant ---- */

struct plant {
    const char *name;
    void (*tasks[2])(void *arg);
    const char *asan_options;
    const char *must_say[3]; /* empty: must end well and say nothing */
    bool threads;            /* on the thread engine, for TSan */
};

#define UAR    "detect_stack_use_after_return=1"
#define NO_UAR "detect_stack_use_after_return=0"
#define BASE   "wrg_fiber_trampoline" /* the trace reaches the end of the stack, and ends there */

static const struct plant plants[] = {
    { "overflow", { overflow_local, NULL }, NO_UAR, { "stack-buffer-overflow", "'local'", BASE } },
    { "return", { use_after_return, NULL }, UAR, { "stack-use-after-return", "local", BASE } },
    { "other",
      { return_and_wait, use_of_other },
      UAR,
      { "AddressSanitizer", "use_of_other", BASE } },
    { "free", { heap_use_after_free, NULL }, NO_UAR, { "heap-use-after-free", BASE } },
    { "segv", { wild_write, NULL }, NO_UAR, { "SEGV", "wild_write", BASE } },
    { "leak", { lose_block, NULL }, NO_UAR, { "detected memory leaks", "77 byte", "get_block" } },
    { "recursion", { run_away, NULL }, NO_UAR, { "stack-overflow", "recurse" } },
    { "held", { hold_block, NULL }, NO_UAR, { NULL } },
    { "longjmp", { jump_then_big_frame, NULL }, NO_UAR, { NULL } },
    { "longjmp", { jump_then_big_frame, NULL }, UAR, { NULL } },
    { "unwound", { suspend_deep, use_big_frame }, NO_UAR, { NULL } },
    { "unwound", { suspend_deep, use_big_frame }, UAR, { NULL } },
    { "race", { write_unordered, write_unordered }, "", { "data race", "write_unordered" }, true },
};

static int start(void (*fn)(void *))
{
    return wrg_sched_task_create(&sched, &(struct wrg_task_args){ .fn = fn, .name = "plant" });
}

static int carry(const char *name)
{
    const struct plant *p = plants;
    int rc;

    while (strcmp(p->name, name) != 0)
        p++;
    rc = wrg_sched_init(&sched, &(struct wrg_sched_limits){
                                    .engine = p->threads ? WRG_ENGINE_THREAD : WRG_ENGINE_FIBER });
    if (rc != 0 || start(p->tasks[0]) < 0)
        return 9;
    if (strcmp(name, "unwound") == 0) { /* the next task gets the same stack */
        if (wrg_sched_run(&sched) != WRG_SCHED_IDLE)
            return 9;
        wrg_sched_reset(&sched);
    }
    if (p->tasks[1])
        other = start(p->tasks[1]);
    if (wrg_sched_run(&sched) != WRG_SCHED_IDLE)
        return 9;
    if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check() != 0)
        return 8;
    wrg_sched_fini(&sched);
    if (p->threads)
        return 0; /* TSan's exit code comes at exit */
    _exit(0);     /* blocks held by frames that were unwound are not this test's matter */
}

/* Runs this program again with the plant; its exit status, and what it said. */
static int run_plant(const struct plant *p, char *said, size_t said_size)
{
    int out[2];
    size_t len = 0;
    ssize_t got;
    int status;
    pid_t pid;

    assert_int_equal(pipe(out), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(out[1], 2);
        close(out[0]);
        setenv("ASAN_OPTIONS", p->asan_options, 1);
        execl("/proc/self/exe", "crash_test", "--plant", p->name, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    while ((got = read(out[0], said + len, said_size - 1 - len)) > 0)
        len += (size_t)got;
    said[len] = 0;
    close(out[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void check(const struct plant *p)
{
    static char said[1 << 16];
    int status = run_plant(p, said, sizeof(said));
    bool well = (status == 0) == !p->must_say[0];

    for (size_t i = 0; i < WRG_ARRAY_LEN(p->must_say) && p->must_say[i]; i++)
        well &= strstr(said, p->must_say[i]) != NULL;
    well &= p->must_say[0] || said[0] == 0; /* no warnings either */
    if (!well)
        print_error("plant %s: exit %d, said:\n%s\n", p->name, status, said);
    assert_true(well);
}

static void check_named(const char *name)
{
    size_t count = 0;

    if (strcmp(name, "race") == 0 ? !WRG_HAS_TSAN : !WRG_HAS_ASAN)
        skip();
    for (size_t i = 0; i < WRG_ARRAY_LEN(plants); i++) {
        if (strcmp(plants[i].name, name) != 0)
            continue;
        check(&plants[i]);
        count++;
    }
    assert_true(count > 0);
}

#define PLANT(test, name)                                                                          \
    static void test(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        check_named(name);                                                                         \
    }

PLANT(overflow_of_a_stack_local__found_with_the_whole_trace, "overflow")
PLANT(use_after_return_in_the_same_task__found_and_the_frame_named, "return")
PLANT(use_after_return_by_the_other_task__found, "other")
PLANT(heap_use_after_free_in_a_task__found_with_the_whole_trace, "free")
PLANT(segv_in_a_task__found_with_the_whole_trace, "segv")
PLANT(lost_heap_block__found, "leak")
PLANT(runaway_recursion__stack_overflow, "recursion")
PLANT(block_held_by_a_suspended_stack_only__no_leak, "held")
PLANT(longjmp_in_a_task_then_a_big_frame__clean, "longjmp")
PLANT(frames_unwound_by_reset_then_a_big_frame__clean, "unwound")
PLANT(unordered_writes_of_two_tasks_on_threads__data_race, "race")

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overflow_of_a_stack_local__found_with_the_whole_trace),
        cmocka_unit_test(use_after_return_in_the_same_task__found_and_the_frame_named),
        cmocka_unit_test(use_after_return_by_the_other_task__found),
        cmocka_unit_test(heap_use_after_free_in_a_task__found_with_the_whole_trace),
        cmocka_unit_test(segv_in_a_task__found_with_the_whole_trace),
        cmocka_unit_test(lost_heap_block__found),
        cmocka_unit_test(runaway_recursion__stack_overflow),
        cmocka_unit_test(block_held_by_a_suspended_stack_only__no_leak),
        cmocka_unit_test(longjmp_in_a_task_then_a_big_frame__clean),
        cmocka_unit_test(frames_unwound_by_reset_then_a_big_frame__clean),
        cmocka_unit_test(unordered_writes_of_two_tasks_on_threads__data_race),
    };

    if (argc == 3 && strcmp(argv[1], "--plant") == 0)
        return carry(argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
