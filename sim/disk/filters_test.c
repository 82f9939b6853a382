/* SPDX-License-Identifier: MIT */
#include "disk/test_disk.h"

#include "base/digest.h"
#include "disk/delay.h"
#include "disk/error.h"
#include "disk/faulty.h"
#include "disk/log.h"
#include "disk/null.h"
#include "disk/readonly.h"

static void readonly_write__erofs_and_nothing_moved(void **state)
{
    struct wrg_readonly_disk ro;
    struct wrg_disk_info info = { 0 };

    wrg_readonly_disk_init(&ro, &d.md.disk);
    assert_int_equal(run_on(&ro.disk, WRG_IO_WRITE, 0, 1), -EROFS);
    assert_int_equal(d.md.used, 0);
    assert_int_equal(run_on(&ro.disk, WRG_IO_READ, 0, 1), 0);
    assert_int_equal(run_on(&ro.disk, WRG_IO_FLUSH, 0, 0), 0);
    wrg_disk_info(&ro.disk, &info);
    assert_true(info.readonly);
    assert_int_equal(info.sectors, DISK_SECTORS);
}

static void readonly_switched_off__writes_pass(void **state)
{
    struct wrg_readonly_disk ro;
    struct wrg_disk_info info = { 0 };

    wrg_readonly_disk_init(&ro, &d.md.disk);
    ro.on = false;
    assert_int_equal(run_on(&ro.disk, WRG_IO_WRITE, 0, 1), 0);
    assert_int_equal(d.md.used, 1);
    wrg_disk_info(&ro.disk, &info);
    assert_false(info.readonly);
    wrg_disk_reset(&ro.disk);
    assert_int_equal(d.md.used, 0);
}

static void bad_spot__fails_what_touches_it(void **state)
{
    static const struct {
        uint64_t sector;
        uint32_t pages;
        int error;
    } cases[] = {
        { 92, 1, 0 },                       /* ends just before */
        { 93, 1, -EIO },                    /* last sector in it */
        { 100, 1, -EIO }, { 109, 1, -EIO }, /* first sector in it */
        { 110, 1, 0 },    { 60, 9, -EIO },  /* around it */
        { 0, 1, 0 },
    };
    struct wrg_error_disk bad;

    wrg_error_disk_init(&bad, &d.md.disk);
    assert_int_equal(run_on(&bad.disk, WRG_IO_WRITE, 100, 1), 0);
    wrg_error_disk_set(&bad, 100, 10);
    for (size_t i = 0; i < WRG_ARRAY_LEN(cases); i++) {
        assert_int_equal(run_on(&bad.disk, WRG_IO_READ, cases[i].sector, cases[i].pages),
                         cases[i].error);
        assert_int_equal(run_on(&bad.disk, WRG_IO_WRITE, cases[i].sector, cases[i].pages),
                         cases[i].error);
    }
    assert_int_equal(run_on(&bad.disk, WRG_IO_FLUSH, 100, 0), 0);
}

static void bad_spot_to_the_end_of_numbers__does_not_wrap(void **state)
{
    struct wrg_error_disk bad;

    wrg_error_disk_init(&bad, &d.md.disk);
    wrg_error_disk_set(&bad, 100, UINT64_MAX);
    assert_int_equal(run_on(&bad.disk, WRG_IO_READ, 0, 1), 0);
    assert_int_equal(run_on(&bad.disk, WRG_IO_READ, 1000, 1), -EIO);
}

static void fault_rules__asked_once_a_request_at_its_site(void **state)
{
    const struct wrg_fault_rule rule = {
        .site = WRG_FAULT_DISK_WRITE, .nth = 2, .count = 1, .status = -ENOSPC
    };
    struct wrg_faulty_disk faulty;

    wrg_faulty_disk_init(&faulty, &d.md.disk);
    assert_true(wrg_fault_add(&t.fault, &rule));
    wrg_fault_enable(&t.fault, true);
    forget_events();
    assert_int_equal(run_on(&faulty.disk, WRG_IO_WRITE, 0, 5), 0);
    assert_int_equal(run_on(&faulty.disk, WRG_IO_READ, 0, 5), 0);
    assert_int_equal(run_on(&faulty.disk, WRG_IO_FLUSH, 0, 0), 0);
    uint32_t moved = count_events(WRG_EV_DISK_DATA);
    assert_int_equal(run_on(&faulty.disk, WRG_IO_WRITE, 0, 5), -ENOSPC);
    assert_int_equal(count_events(WRG_EV_DISK_DATA), moved);
    assert_int_equal(run_on(&faulty.disk, WRG_IO_WRITE, 0, 5), 0);
    assert_int_equal(t.fault.calls[WRG_ROLE_BACK][WRG_FAULT_DISK_WRITE], 3);
    assert_int_equal(t.fault.calls[WRG_ROLE_BACK][WRG_FAULT_DISK_READ], 1);
    assert_int_equal(t.fault.calls[WRG_ROLE_BACK][WRG_FAULT_DISK_FLUSH], 1);
    assert_int_equal(count_events(WRG_EV_FAULT), 1);
    assert_int_equal(nth_event(WRG_EV_FAULT, 0)->ev.a, WRG_FAULT_DISK_WRITE);
    assert_int_equal((int32_t)nth_event(WRG_EV_FAULT, 0)->ev.c, -ENOSPC);
}

static void unknown_operation__einval(void **state)
{
    struct wrg_faulty_disk faulty;

    wrg_faulty_disk_init(&faulty, &d.md.disk);
    assert_int_equal(run_on(&faulty.disk, 77, 0, 1), -EINVAL);
}

static void whole_chain__each_filter_in_its_turn(void **state)
{
    struct wrg_error_disk bad;
    struct wrg_readonly_disk ro;
    struct wrg_faulty_disk faulty;
    const struct wrg_fault_rule rule = {
        .site = WRG_FAULT_DISK_READ, .nth = 2, .count = 1, .status = -ENOMEM
    };

    wrg_error_disk_init(&bad, &d.md.disk);
    wrg_readonly_disk_init(&ro, &bad.disk);
    wrg_faulty_disk_init(&faulty, &ro.disk);
    wrg_error_disk_set(&bad, 64, 8);
    (void)!wrg_fault_add(&t.fault, &rule);
    wrg_fault_enable(&t.fault, true);
    assert_int_equal(run_on(&faulty.disk, WRG_IO_READ, 64, 1), -EIO);
    assert_int_equal(run_on(&faulty.disk, WRG_IO_READ, 0, 1), -ENOMEM);
    assert_int_equal(run_on(&faulty.disk, WRG_IO_READ, 0, 1), 0);
    assert_int_equal(run_on(&faulty.disk, WRG_IO_WRITE, 64, 1), -EROFS);
}

static void null__reads_zeros_after_a_write(void **state)
{
    struct wrg_null_disk null;
    struct wrg_disk_info info = { 0 };

    wrg_null_disk_init(&null, 64);
    fill_pages(3);
    assert_int_equal(run_on(&null.disk, WRG_IO_WRITE, 0, 2), 0);
    assert_int_equal(bytes_of(t.back, d.page)[1], 4);
    forget_events();
    assert_int_equal(run_on(&null.disk, WRG_IO_READ, 0, 2), 0);
    assert_zero(bytes_of(t.back, d.page), WRG_PAGE_SIZE);
    assert_zero(bytes_of(t.back, d.page + 1), WRG_PAGE_SIZE);
    assert_int_equal(count_events(WRG_EV_DISK_DATA), 2);
    assert_int_equal(nth_event(WRG_EV_DISK_DATA, 1)->ev.c, 8);
    assert_memory_equal(nth_event(WRG_EV_DISK_DATA, 0)->payload, &null.zero_digest, 8);
    wrg_disk_info(&null.disk, &info);
    assert_int_equal(info.sectors, 64);
}

static void null__refuses_what_a_disk_refuses(void **state)
{
    struct wrg_null_disk null;

    wrg_null_disk_init(&null, 64);
    assert_int_equal(run_on(&null.disk, WRG_IO_WRITE, 57, 1), -EIO);
    assert_int_equal(run_on(&null.disk, WRG_IO_READ, UINT64_MAX, 1), -EIO);
    assert_int_equal(run_on(&null.disk, WRG_IO_FLUSH, 0, 0), 0);
    assert_int_equal(run_on(&null.disk, UINT8_MAX, 0, 1), -EINVAL);
    d.vec[0].len = 100;
    assert_int_equal(run_on(&null.disk, WRG_IO_READ, 0, 1), -EINVAL);
    d.vec[0] = (struct wrg_vec){ .page = WRG_NO_PAGE, .len = WRG_SECTOR_SIZE };
    assert_int_equal(run_on(&null.disk, WRG_IO_READ, 0, 1), -EFAULT);
}

static void delays__within_the_bound_and_of_the_seed(void **state)
{
    struct wrg_delay_disk delay;
    uint64_t longest = 0, same = 0;

    wrg_delay_disk_init(&delay, &d.md.disk);
    assert_int_equal(wrg_delay_disk_ns(&delay, 1), 0);
    for (uint32_t ticket = 1; ticket <= 1000; ticket++) {
        wrg_delay_disk_set(&delay, 100, 1);
        uint64_t ns = wrg_delay_disk_ns(&delay, ticket);
        assert_true(ns <= 100 * 1000);
        longest = wrg_max_u64(longest, ns);
        assert_int_equal(wrg_delay_disk_ns(&delay, ticket), ns);
        wrg_delay_disk_set(&delay, 100, 2);
        same += wrg_delay_disk_ns(&delay, ticket) == ns;
    }
    assert_true(longest > 90 * 1000);
    assert_true(same < 10);
}

static void null__discards_what_is_in_range(void **state)
{
    struct wrg_null_disk null;
    struct wrg_disk_info info = { 0 };
    struct wrg_disk_request request = { .op = WRG_IO_DISCARD, .sector = 60, .nsectors = 4 };

    wrg_null_disk_init(&null, 64);
    wrg_disk_info(&null.disk, &info);
    assert_int_equal(info.discard_granularity_bytes, 512);
    assert_true(info.discard_secure);
    assert_int_equal(wrg_disk_execute(&null.disk, &request, &d.context), 0);
    assert_int_equal(count_events(WRG_EV_DISK_DISCARD), 1);
    assert_int_equal(nth_event(WRG_EV_DISK_DISCARD, 0)->ev.d, 4);
    request.op = WRG_IO_SECURE_ERASE;
    assert_int_equal(wrg_disk_execute(&null.disk, &request, &d.context), 0);
    request.nsectors = 5;
    assert_int_equal(wrg_disk_execute(&null.disk, &request, &d.context), -EIO);
    request.sector = UINT64_MAX;
    assert_int_equal(wrg_disk_execute(&null.disk, &request, &d.context), -EIO);
}

struct journal {
    uint32_t count;
    char lines[4][64];
};

static void keep_line(void *ctx, const struct wrg_disk_record *record)
{
    struct journal *journal = ctx;

    if (journal->count < WRG_ARRAY_LEN(journal->lines))
        wrg_disk_record_print(record, journal->lines[journal->count], 64);
    journal->count++;
}

static void log__a_record_a_request_with_its_result(void **state)
{
    struct wrg_readonly_disk ro;
    struct wrg_log_disk log;
    struct journal journal = { 0 };
    const struct wrg_disk_request discard = { .op = WRG_IO_DISCARD, .sector = 8, .nsectors = 24 };

    wrg_readonly_disk_init(&ro, &d.md.disk);
    wrg_log_disk_init(&log, &ro.disk, keep_line, &journal);
    assert_int_equal(run_on(&log.disk, WRG_IO_WRITE, 16, 2), -EROFS);
    assert_int_equal(run_on(&log.disk, WRG_IO_READ, 3, 1), 0);
    assert_int_equal(run_on(&log.disk, WRG_IO_FLUSH, 0, 0), 0);
    assert_int_equal(wrg_disk_execute(&log.disk, &discard, &d.context), -EROFS);
    assert_int_equal(journal.count, 4);
    assert_string_equal(journal.lines[0], "7 write 16+16 EROFS");
    assert_string_equal(journal.lines[1], "7 read 3+8 ok");
    assert_string_equal(journal.lines[2], "7 flush 0+0 ok");
    assert_string_equal(journal.lines[3], "7 discard 8+24 EROFS");
}

static void log_of_what_goes_on_and_of_what_nobody_knows__named_so(void **state)
{
    const struct wrg_disk_record record = { .ticket = 1, .op = UINT8_MAX, .error = -EINPROGRESS };
    char line[64];

    wrg_disk_record_print(&record, line, sizeof(line));
    assert_string_equal(line, "1 unknown 0+0 started");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        D(readonly_write__erofs_and_nothing_moved),
        D(readonly_switched_off__writes_pass),
        D(bad_spot__fails_what_touches_it),
        D(bad_spot_to_the_end_of_numbers__does_not_wrap),
        D(fault_rules__asked_once_a_request_at_its_site),
        D(unknown_operation__einval),
        D(whole_chain__each_filter_in_its_turn),
        D(null__reads_zeros_after_a_write),
        D(null__refuses_what_a_disk_refuses),
        D(null__discards_what_is_in_range),
        D(log__a_record_a_request_with_its_result),
        D(log_of_what_goes_on_and_of_what_nobody_knows__named_so),
        D(delays__within_the_bound_and_of_the_seed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
