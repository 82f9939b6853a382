/* SPDX-License-Identifier: MIT */
/* The engines of file I/O, and a file disk and its queue on top of each. */
#include "disk/test_disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "disk/aio.h"
#include "disk/file_disk.h"
#include "disk/log.h"
#include "disk/queue.h"

enum { IMAGE_PAGES = 64, DEPTH = 8 };

typedef int create_fn(struct wrg_aio **aio, uint32_t depth);

static create_fn *const engines[] = { wrg_aio_create_threads, wrg_aio_create_uring };

static struct {
    char folder[64], path[96];
    struct wrg_aio *aio;
    struct wrg_file_disk disk;
    struct wrg_disk_queue queue;
    uint32_t ndone;
    int errors[256];
} f;

static int setup_file(void **state)
{
    int fd;

    if (setup_disk(state))
        return -1;
    memset(&f, 0, sizeof(f));
    strcpy(f.folder, "/tmp/wringer-aio.XXXXXX");
    if (!mkdtemp(f.folder))
        return -1;
    snprintf(f.path, sizeof(f.path), "%s/image", f.folder);
    fd = open(f.path, O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, IMAGE_PAGES * (off_t)WRG_PAGE_SIZE), 0);
    close(fd);
    t.trace.on = false; /* requests land later only where nobody listens */
    return 0;
}

static int teardown_file(void **state)
{
    (void)!unlink(f.path);
    (void)!rmdir(f.folder);
    return teardown_disk(state);
}

#define F(f) cmocka_unit_test_setup_teardown(f, setup_file, teardown_file)

/* False: this kernel lets nobody use it. */
static bool open_all(create_fn *create)
{
    struct wrg_file_disk_args args = { .path = f.path, .discard = true };

    f.ndone = 0;
    if (create(&f.aio, DEPTH)) {
        assert_ptr_equal(create, wrg_aio_create_uring);
        return false;
    }
    args.aio = f.aio;
    assert_int_equal(wrg_file_disk_open(&f.disk, &args), 0);
    wrg_disk_queue_init(&f.queue, &t.xen, t.back, &f.disk.disk);
    f.queue.async = true;
    assert_int_equal(wrg_disk_queue_start(&f.queue), 0);
    return true;
}

static void close_all(void)
{
    wrg_aio_destroy(f.aio);
    wrg_sched_reset(&t.sched);
    wrg_file_disk_close(&f.disk);
}

static void on_done(void *ctx, int error)
{
    f.errors[(uintptr_t)ctx] = error;
    f.ndone++;
}

static void submit(uint8_t op, uint64_t sector, uint32_t nvec, uintptr_t tag)
{
    const struct wrg_disk_submit args = { .op = op,
                                          .sector = sector,
                                          .nvec = nvec,
                                          .vec = d.vec,
                                          .nsectors = op == WRG_IO_DISCARD ? 8 : 0,
                                          .done = on_done,
                                          .ctx = (void *)tag };

    assert_int_equal(wrg_disk_queue_submit(&f.queue, &args), 0);
}

static uint32_t run_to_the_end(void)
{
    uint32_t waits = 0;

    for (;; waits++) {
        assert_int_equal(wrg_sched_run(&t.sched), WRG_SCHED_IDLE);
        if (!wrg_disk_queue_flying(&f.queue))
            return waits;
        (void)wrg_aio_reap(f.aio, true);
    }
}

static void written_and_read(void)
{
    fill_pages(5);
    d.vec[1].len = 1024; /* not all of a page, and the next one elsewhere in memory */
    d.vec[1].off = 512;
    submit(WRG_IO_WRITE, 8, 4, 1);
    assert_true(run_to_the_end() > 0);
    submit(WRG_IO_FLUSH, 0, 0, 2);
    (void)run_to_the_end();
    fill_pages(0);
    submit(WRG_IO_READ, 8, 4, 3);
    (void)run_to_the_end();
    assert_int_equal(f.ndone, 3);
    for (unsigned i = 1; i <= 3; i++)
        assert_int_equal(f.errors[i], 0);
    assert_int_equal(bytes_of(t.back, d.page)[3], (uint8_t)(5 + 3));
    assert_int_equal(bytes_of(t.back, d.page + 1)[511], (uint8_t)(31 + 511));
    assert_int_equal(bytes_of(t.back, d.page + 1)[512], (uint8_t)(5 + 31 + 7 + 512));
    assert_int_equal(bytes_of(t.back, d.page + 1)[1536], (uint8_t)(31 + 21 + 1536));
    assert_int_equal(bytes_of(t.back, d.page + 3)[9], (uint8_t)(5 + 93 + 9));
    d.vec[1] = (struct wrg_vec){ .page = d.page + 1, .len = WRG_PAGE_SIZE };
}

static void requests__land_with_their_data(void **state)
{
    for (size_t i = 0; i < WRG_ARRAY_LEN(engines); i++) {
        if (!open_all(engines[i]))
            continue;
        written_and_read();
        close_all();
    }
}

static void more_than_the_depth__all_end(void **state)
{
    for (size_t i = 0; i < WRG_ARRAY_LEN(engines); i++) {
        if (!open_all(engines[i]))
            continue;
        for (uintptr_t k = 0; k < 100; k++)
            submit(k % 8 ? WRG_IO_WRITE : WRG_IO_FLUSH, k % 8 * 8, k % 8 ? 3 : 0, k);
        (void)run_to_the_end();
        assert_int_equal(f.ndone, 100);
        assert_int_equal(wrg_disk_queue_pending(&f.queue), 0);
        for (uintptr_t k = 0; k < 100; k++)
            assert_int_equal(f.errors[k], 0);
        close_all();
    }
}

static void vectors_beyond_a_batch__in_several(void **state)
{
    enum { MANY = 48 };

    assert_true(open_all(wrg_aio_create_threads));
    /* Backwards, so that no two are neighbours; the batch is made small. */
    for (uint32_t i = 0; i < MANY; i++)
        d.vec[i].page = d.page + MANY - 1 - i;
    fill_pages(1);
    struct wrg_file_move *move = &f.disk.moves[0];
    const struct wrg_disk_request request = { .op = WRG_IO_WRITE, .nvec = MANY, .vec = d.vec };
    assert_int_equal(wrg_file_move_begin(move, f.disk.fd, &request, &d.context), 0);
    assert_int_equal(move->op.niov, MANY);
    /* What the kernel moves in part goes on where it stopped, also within a vector. */
    assert_int_equal(wrg_file_move_step(move, 2 * WRG_PAGE_SIZE + 512), -EINPROGRESS);
    assert_int_equal(move->op.niov, MANY - 2);
    assert_int_equal(move->op.iov[0].iov_len, WRG_PAGE_SIZE - 512);
    assert_int_equal(move->op.offset, 2 * WRG_PAGE_SIZE + 512);
    assert_int_equal(wrg_file_move_step(move, -EINTR), -EINPROGRESS);
    assert_int_equal(wrg_file_move_step(move, (MANY - 2) * (int64_t)WRG_PAGE_SIZE - 512), 0);
    assert_int_equal(wrg_file_move_begin(move, f.disk.fd, &request, &d.context), 0);
    assert_int_equal(wrg_file_move_step(move, 0), -EIO);
    for (uint32_t i = 0; i < MANY; i++)
        d.vec[i].page = d.page + i;
    close_all();
}

static void errors__land_too(void **state)
{
    for (size_t i = 0; i < WRG_ARRAY_LEN(engines); i++) {
        assert_int_equal(truncate(f.path, IMAGE_PAGES * (off_t)WRG_PAGE_SIZE), 0);
        if (!open_all(engines[i]))
            continue;
        assert_int_equal(truncate(f.path, 3 * (off_t)WRG_PAGE_SIZE), 0);
        /* One after the other: all go to the same pages. */
        submit(WRG_IO_READ, 16, 3, 1);
        (void)run_to_the_end();
        submit(WRG_IO_READ, IMAGE_PAGES * 8, 1, 2);
        (void)run_to_the_end();
        submit(WRG_IO_READ, 0, 1, 3);
        (void)run_to_the_end();
        assert_int_equal(f.errors[1], -EIO);
        assert_int_equal(f.errors[2], -EIO);
        assert_int_equal(f.errors[3], 0);
        assert_int_equal(f.disk.error, -ENODATA);
        close_all();
    }
}

static void discard__makes_a_hole(void **state)
{
    struct stat before, after;

    for (size_t i = 0; i < WRG_ARRAY_LEN(engines); i++) {
        if (!open_all(engines[i]))
            continue;
        fill_pages(9);
        submit(WRG_IO_WRITE, 0, 4, 1);
        submit(WRG_IO_FLUSH, 0, 0, 2);
        (void)run_to_the_end();
        assert_int_equal(stat(f.path, &before), 0);
        submit(WRG_IO_DISCARD, 8, 0, 3);
        (void)run_to_the_end();
        submit(WRG_IO_READ, 8, 1, 4);
        (void)run_to_the_end();
        assert_int_equal(stat(f.path, &after), 0);
        if (f.errors[3] == 0) { /* a file system may not know how */
            assert_zero(bytes_of(t.back, d.page), WRG_PAGE_SIZE);
            assert_true(after.st_blocks < before.st_blocks);
        } else {
            assert_int_equal(f.errors[3], -EOPNOTSUPP);
        }
        assert_int_equal(before.st_size, after.st_size);
        close_all();
    }
}

static void backend_dies__what_flies_is_forgotten(void **state)
{
    assert_true(open_all(wrg_aio_create_threads));
    submit(WRG_IO_READ, 0, 1, 1);
    assert_int_equal(wrg_sched_run(&t.sched), WRG_SCHED_IDLE);
    assert_int_equal(wrg_disk_queue_flying(&f.queue), 1);
    wrg_disk_queue_drop(&f.queue);
    assert_int_equal(wrg_disk_queue_flying(&f.queue), 1);
    while (!wrg_aio_reap(f.aio, true))
        ;
    assert_int_equal(wrg_disk_queue_pending(&f.queue), 0);
    assert_int_equal(f.ndone, 0);
    close_all();
}

static void somebody_listens__nothing_lands_later(void **state)
{
    t.trace.on = true;
    assert_true(open_all(wrg_aio_create_threads));
    submit(WRG_IO_WRITE, 0, 2, 1);
    assert_int_equal(run_to_the_end(), 0);
    assert_int_equal(f.ndone, 1);
    assert_int_equal(count_events(WRG_EV_DISK_DATA), 2);
    close_all();
}

static void keep_error(void *ctx, const struct wrg_disk_record *record)
{
    *(int *)ctx = record->error;
}

static void log_of_what_lands_later__started(void **state)
{
    struct wrg_log_disk log;
    int error = 0;

    assert_true(open_all(wrg_aio_create_threads));
    wrg_log_disk_init(&log, &f.disk.disk, keep_error, &error);
    f.queue.disk = &log.disk;
    submit(WRG_IO_READ, 0, 2, 1);
    (void)run_to_the_end();
    assert_int_equal(error, -EINPROGRESS);
    assert_int_equal(f.ndone, 1);
    close_all();
}

/* What a container's policy does. */
static void forbid_io_uring(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = { .len = WRG_ARRAY_LEN(code), .filter = code };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        _exit(2);
}

static void io_uring_forbidden__threads(void **state)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        struct wrg_aio *aio;
        forbid_io_uring();
        if (wrg_aio_create(&aio, DEPTH))
            _exit(3);
        _exit(strcmp(aio->engine->name, "threads") == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        F(requests__land_with_their_data),
        F(more_than_the_depth__all_end),
        F(vectors_beyond_a_batch__in_several),
        F(errors__land_too),
        F(discard__makes_a_hole),
        F(backend_dies__what_flies_is_forgotten),
        F(somebody_listens__nothing_lands_later),
        F(log_of_what_lands_later__started),
        cmocka_unit_test(io_uring_forbidden__threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
