/* SPDX-License-Identifier: MIT */
/* Many nodes: what they cost, `wringer bench --only store.` tells; here, that all are right. */
#include "store/xenstore_fixture.h"

#define NODES 100000

static void open_big(struct fixture *f, uint32_t nodes)
{
    struct wrg_xs_limits limits = wrg_xs_limits_small;

    limits.nodes = nodes + 1000;
    limits.heap_bytes = nodes * 64 + 1024 * 1024;
    limits.tx_records = nodes + 1000;
    fixture_open(f, &limits);
}

static void path_of(char path[24], int i)
{
    snprintf(path, 24, "/d/n%d", i);
}

/* All names of /d, part by part. */
static size_t count_children(struct fixture *f)
{
    struct wrg_xs_reply reply = { .data = fixture_reply, .cap = sizeof(fixture_reply) };
    size_t offset = 0, names = 0;

    for (bool last = false; !last;) {
        assert_int_equal(wrg_xenstore_directory_part(f->xs, &f->dom0, "/d", offset, &reply), 0);
        for (size_t at = strlen(reply.data) + 1; at < reply.len;) {
            size_t len = strlen(reply.data + at) + 1;
            last = len == 1;
            names += !last;
            offset += last ? 0 : len;
            at += len;
        }
    }
    return names;
}

static void many_children__each_found_removed_and_made_anew(void **state)
{
    struct fixture f = { 0 };
    char path[24];

    open_big(&f, NODES);
    for (int i = 0; i < NODES; i++) {
        path_of(path, i);
        assert_int_equal(fixture_write(&f, f.dom0, path, "1"), 0);
    }
    assert_int_equal(count_children(&f), NODES);
    assert_string_equal(fixture_list(&f, f.dom0, "/d"), "error"); /* too big for one reply */
    for (int i = 0; i < NODES; i += 2) {
        path_of(path, i);
        assert_int_equal(wrg_xenstore_rm(f.xs, &f.dom0, path), 0);
    }
    assert_int_equal(count_children(&f), NODES / 2);
    for (int i = 0; i < NODES; i++) {
        path_of(path, i);
        assert_int_equal(fixture_read(&f, f.dom0, path), i % 2 ? 0 : -ENOENT);
        assert_int_equal(fixture_write(&f, f.dom0, path, "2"), 0);
    }
    assert_int_equal(wrg_xenstore_rm(f.xs, &f.dom0, "/d"), 0);
    assert_int_equal(fixture_read(&f, f.dom0, "/d/n1"), -ENOENT);
    free(f.mem);
}

static void big_transaction__commits_and_removes(void **state)
{
    struct fixture f = { 0 };
    struct wrg_xs_call tx;
    char path[24];

    open_big(&f, NODES);
    tx = fixture_begin(&f, f.dom0);
    for (int i = 0; i < NODES; i++) {
        path_of(path, i);
        assert_int_equal(fixture_write(&f, tx, path, "1"), 0);
    }
    assert_int_equal(fixture_read(&f, f.dom0, "/d"), -ENOENT);
    assert_int_equal(fixture_commit(&f, tx), 0);
    assert_int_equal(count_children(&f), NODES);
    tx = fixture_begin(&f, f.dom0);
    assert_int_equal(wrg_xenstore_rm(f.xs, &tx, "/d"), 0);
    assert_int_equal(fixture_commit(&f, tx), 0);
    assert_int_equal(fixture_read(&f, f.dom0, "/d"), -ENOENT);
    free(f.mem);
}

/* A watcher that never reads: its queue is long, and must not be searched. */
static void long_queue__events_still_coalesced(void **state)
{
    struct fixture f = { 0 };
    struct wrg_xs_limits limits = wrg_xs_limits_small;
    char path[24];

    limits.nodes = 30000;
    limits.heap_bytes = 4 * 1024 * 1024;
    limits.events = limits.conn_events = 30000;
    fixture_open(&f, &limits);
    assert_int_equal(fixture_watch(&f, f.dom0, "/d", "t"), 0);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 20000; i++) {
            path_of(path, i);
            assert_int_equal(fixture_write(&f, f.dom0, path, "1"), 0);
        }
    assert_int_equal(wrg_xenstore_events_queued(f.xs, f.dom0.conn), 20001);
    assert_int_equal(wrg_xenstore_events_lost(f.xs), 0);
    free(f.mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_children__each_found_removed_and_made_anew),
        cmocka_unit_test(big_transaction__commits_and_removes),
        cmocka_unit_test(long_queue__events_still_coalesced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
