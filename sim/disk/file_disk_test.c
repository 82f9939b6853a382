/* SPDX-License-Identifier: MIT */
#include "disk/test_disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "disk/cache.h"
#include "disk/file_disk.h"

enum { IMAGE_SECTORS = 96 };

static struct {
    char folder[64];
    char path[96];
    struct wrg_file_disk disk;
} f;

static void make_image(off_t bytes)
{
    int fd = open(f.path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, bytes), 0);
    close(fd);
}

static int open_with(bool readonly, bool direct)
{
    const struct wrg_file_disk_args args = { .path = f.path,
                                             .readonly = readonly,
                                             .direct = direct };

    return wrg_file_disk_open(&f.disk, &args);
}

static int setup_file(void **state)
{
    if (setup_disk(state))
        return -1;
    strcpy(f.folder, "/tmp/wringer-file-disk.XXXXXX");
    if (!mkdtemp(f.folder))
        return -1;
    snprintf(f.path, sizeof(f.path), "%s/image", f.folder);
    make_image(IMAGE_SECTORS * (off_t)WRG_SECTOR_SIZE);
    return 0;
}

static int teardown_file(void **state)
{
    (void)!unlink(f.path);
    (void)!rmdir(f.folder);
    return teardown_disk(state);
}

#define F(f) cmocka_unit_test_setup_teardown(f, setup_file, teardown_file)

static void written__there_when_it_is_opened_again(void **state)
{
    for (unsigned direct = 0; direct < 2; direct++) {
        assert_int_equal(open_with(false, direct), 0);
        fill_pages((uint8_t)(5 + direct));
        d.vec[0] = (struct wrg_vec){ .page = d.page, .off = 512, .len = 1024 };
        assert_int_equal(run_on(&f.disk.disk, WRG_IO_WRITE, 9, 3), 0);
        assert_int_equal(run_on(&f.disk.disk, WRG_IO_FLUSH, 0, 0), 0);
        wrg_file_disk_close(&f.disk);
        assert_int_equal(open_with(true, direct), 0);
        fill_pages(0);
        assert_int_equal(run_on(&f.disk.disk, WRG_IO_READ, 9, 3), 0);
        assert_int_equal(bytes_of(t.back, d.page)[512], (uint8_t)(5 + direct + 7 + 512));
        assert_int_equal(bytes_of(t.back, d.page)[511], (uint8_t)511); /* beside it */
        assert_int_equal(bytes_of(t.back, d.page + 2)[0], (uint8_t)(5 + direct + 62));
        wrg_file_disk_close(&f.disk);
    }
}

static void events__digests_of_what_was_moved(void **state)
{
    uint64_t digests[8];

    assert_int_equal(open_with(false, false), 0);
    fill_pages(9);
    wrg_digest_sectors(bytes_of(t.back, d.page), 8, digests);
    forget_events();
    assert_int_equal(run_on(&f.disk.disk, WRG_IO_WRITE, 16, 1), 0);
    assert_int_equal(run_on(&f.disk.disk, WRG_IO_READ, 16, 1), 0);
    assert_int_equal(count_events(WRG_EV_DISK_DATA), 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(nth_event(WRG_EV_DISK_DATA, i)->ev.c, 16);
        assert_memory_equal(nth_event(WRG_EV_DISK_DATA, i)->payload, digests, sizeof(digests));
    }
    wrg_file_disk_close(&f.disk);
}

static void opened_readonly__refuses_writes(void **state)
{
    struct wrg_disk_info out = { 0 };
    uint8_t bytes[WRG_SECTOR_SIZE];
    const struct wrg_disk_run run = { .write = true, .count = 1, .bytes = bytes };

    assert_int_equal(open_with(true, false), 0);
    assert_int_equal(run_on(&f.disk.disk, WRG_IO_WRITE, 0, 1), -EROFS);
    assert_int_equal(wrg_disk_transfer(&f.disk.disk, &run), -EROFS);
    wrg_disk_info(&f.disk.disk, &out);
    assert_true(out.readonly);
    assert_int_equal(out.sectors, IMAGE_SECTORS);
    wrg_file_disk_close(&f.disk);
}

static void request_that_does_not_fit__refused(void **state)
{
    assert_int_equal(open_with(false, false), 0);
    assert_int_equal(run_on(&f.disk.disk, WRG_IO_READ, IMAGE_SECTORS - 7, 1), -EIO);
    assert_int_equal(run_on(&f.disk.disk, WRG_IO_READ, IMAGE_SECTORS - 8, 1), 0);
    assert_int_equal(run_on(&f.disk.disk, WRG_IO_READ, UINT64_MAX, 1), -EIO);
    assert_int_equal(run_on(&f.disk.disk, UINT8_MAX, 0, 1), -EINVAL);
    d.vec[0].len = 100;
    assert_int_equal(run_on(&f.disk.disk, WRG_IO_READ, 0, 1), -EINVAL);
    d.vec[0] = (struct wrg_vec){ .page = WRG_NO_PAGE, .len = WRG_SECTOR_SIZE };
    assert_int_equal(run_on(&f.disk.disk, WRG_IO_READ, 0, 1), -EFAULT);
    wrg_file_disk_close(&f.disk);
}

static void file_that_shrinks__eio_where_nothing_is(void **state)
{
    assert_int_equal(open_with(true, false), 0);
    assert_int_equal(truncate(f.path, 10 * (off_t)WRG_SECTOR_SIZE), 0);
    assert_int_equal(run_on(&f.disk.disk, WRG_IO_READ, 0, 1), 0);
    assert_int_equal(run_on(&f.disk.disk, WRG_IO_READ, 8, 1), -EIO); /* it ends within */
    assert_int_equal(run_on(&f.disk.disk, WRG_IO_READ, 16, 1), -EIO);
    wrg_file_disk_close(&f.disk);
}

static void assert_refused(int error)
{
    assert_int_equal(open_with(true, true), error);
    assert_string_not_equal(wrg_file_disk_reason(error), wrg_file_disk_reason(-1000));
}

static void not_an_image__refused_with_a_reason(void **state)
{
    make_image(IMAGE_SECTORS * (off_t)WRG_SECTOR_SIZE - 1);
    assert_refused(-EMEDIUMTYPE);
    make_image(0);
    assert_refused(-ENODATA);
    assert_int_equal(unlink(f.path), 0);
    assert_refused(-ENOENT);
    assert_int_equal(mkfifo(f.path, 0600), 0);
    assert_refused(-ENODEV);
    assert_int_equal(unlink(f.path), 0);
    assert_int_equal(mkdir(f.path, 0700), 0);
    assert_refused(-EISDIR);
    assert_int_equal(open_with(false, false), -EISDIR);
    assert_int_equal(rmdir(f.path), 0);
    make_image(512);
    strcat(f.path, "/below");
    assert_refused(-ENOTDIR);
    *strrchr(f.path, '/') = 0;
}

static void unreadable__refused(void **state)
{
    if (geteuid() == 0) /* who may read everything */
        skip();
    assert_int_equal(chmod(f.path, 0), 0);
    assert_refused(-EACCES);
}

static void transfer_of_many_pages__reads_back(void **state)
{
    static uint8_t out[20 * WRG_SECTOR_SIZE], in[20 * WRG_SECTOR_SIZE];
    struct wrg_disk_run run = { .write = true, .sector = 5, .count = 20, .bytes = out };

    for (size_t i = 0; i < sizeof(out); i++)
        out[i] = (uint8_t)(i / 7 + i / 512);
    assert_int_equal(open_with(false, true), 0);
    assert_int_equal(wrg_disk_transfer(&f.disk.disk, &run), 0);
    run.write = false;
    run.bytes = in;
    assert_int_equal(wrg_disk_transfer(&f.disk.disk, &run), 0);
    assert_memory_equal(in, out, sizeof(in));
    run.sector = IMAGE_SECTORS - 19;
    assert_int_equal(wrg_disk_transfer(&f.disk.disk, &run), -EIO);
    wrg_file_disk_close(&f.disk);
}

static void below_a_volatile_cache__rolled_back(void **state)
{
    const struct wrg_cut_args args = { .lost = WRG_CUT_ALL };
    struct wrg_cache_disk cache;

    assert_int_equal(open_with(false, false), 0);
    assert_int_equal(wrg_cache_disk_init(&cache, &f.disk.disk), 0);
    fill_pages(1);
    assert_int_equal(run_on(&cache.disk, WRG_IO_WRITE, 0, 4), 0);
    wrg_cache_disk_cut(&cache, &args, &d.context);
    assert_int_equal(run_on(&cache.disk, WRG_IO_READ, 0, 4), 0);
    for (uint32_t i = 0; i < 4; i++)
        assert_zero(bytes_of(t.back, d.page + i), WRG_PAGE_SIZE);
    wrg_cache_disk_fini(&cache);
    wrg_file_disk_close(&f.disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        F(written__there_when_it_is_opened_again),
        F(events__digests_of_what_was_moved),
        F(opened_readonly__refuses_writes),
        F(request_that_does_not_fit__refused),
        F(file_that_shrinks__eio_where_nothing_is),
        F(not_an_image__refused_with_a_reason),
        F(unreadable__refused),
        F(transfer_of_many_pages__reads_back),
        F(below_a_volatile_cache__rolled_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
