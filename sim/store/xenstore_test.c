/* SPDX-License-Identifier: MIT */
#include "store/xenstore_fixture.h"

static void bad_paths__einval(void **state)
{
    static const char *const paths[] = { "",     "//",   "/a/",  "a/",    "/a//b", "a//b",
                                         "/a b", "/a.b", "/a\n", "/\xe4", "@a",    "@releaseDomain",
                                         "/a/+" };
    struct fixture *f = *state;

    for (size_t i = 0; i < WRG_ARRAY_LEN(paths); i++) {
        assert_int_equal(fixture_read(f, f->dom0, paths[i]), -EINVAL);
        assert_int_equal(fixture_write(f, f->dom0, paths[i], "1"), -EINVAL);
        assert_int_equal(wrg_xenstore_mkdir(f->xs, &f->dom0, paths[i]), -EINVAL);
        assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom0, paths[i]), -EINVAL);
    }
}

static void missing_node__enoent_if_ancestor_readable_else_eacces(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_read(f, f->dom0, "/no/such"), -ENOENT);
    assert_int_equal(fixture_read(f, f->dom1, "/no/such"), -EACCES);
    assert_int_equal(fixture_read(f, f->dom1, "no/such"), -ENOENT);
    assert_int_equal(fixture_read(f, f->dom2, "/local/domain/1/no/such"), -ENOENT);
    assert_int_equal(fixture_write(f, f->dom2, "/local/domain/1/no", "1"), -EACCES);
    assert_int_equal(fixture_write(f, f->dom0, "/local/domain/1/secret", "1"), 0);
    assert_int_equal(fixture_perms(f, f->dom0, "/local/domain/1/secret", "n0"), 0);
    assert_int_equal(fixture_read(f, f->dom1, "secret"), -EACCES);
}

static void write_and_read__value_kept(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_reply small = { .data = fixture_reply, .cap = 3 };

    assert_int_equal(fixture_write(f, f->dom1, "a/b/c", "hello"), 0);
    assert_value(f, f->dom1, "a/b/c", "hello");
    assert_value(f, f->dom0, "/local/domain/1/a/b/c", "hello");
    assert_value(f, f->dom1, "a/b", "");
    assert_int_equal(fixture_write(f, f->dom1, "a/b/c", ""), 0);
    assert_value(f, f->dom1, "a/b/c", "");
    assert_int_equal(fixture_write(f, f->dom1, "a/b/c", "four"), 0);
    assert_int_equal(wrg_xenstore_read(f->xs, &f->dom1, "a/b/c", &small), -ERANGE);
    assert_int_equal(small.len, 4);
}

static void values__limited_for_a_domu_and_by_the_wire(void **state)
{
    struct fixture *f = *state;
    static char value[4097];

    /* A node of 2048 bytes: 24 of header, 8 for each of two permissions. */
    assert_int_equal(wrg_xenstore_write(f->xs, &f->dom1, "v", value, 2008), 0);
    assert_int_equal(wrg_xenstore_write(f->xs, &f->dom1, "v", value, 2009), -ENOSPC);
    assert_int_equal(wrg_xenstore_write(f->xs, &f->dom1, "w", value, 2009), -ENOSPC);
    assert_int_equal(wrg_xenstore_write(f->xs, &f->dom1, "w", value, 2049), -ENOSPC);
    assert_int_equal(wrg_xenstore_write(f->xs, &f->dom0, "v", value, 4096), 0);
    assert_int_equal(wrg_xenstore_write(f->xs, &f->dom0, "v", value, 4097), -ENOSPC);
    assert_int_equal(fixture_read(f, f->dom1, "w"), -ENOENT);
}

static void mkdir__keeps_what_is_there(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_int_equal(wrg_xenstore_mkdir(f->xs, &f->dom1, "a"), 0);
    assert_value(f, f->dom1, "a", "1");
    assert_int_equal(wrg_xenstore_mkdir(f->xs, &f->dom2, "/local/domain/1/b"), -EACCES);
}

static void rm__takes_the_subtree(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_write(f, f->dom1, "a/b/c", "1"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "a/d", "1"), 0);
    assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom1, "a"), 0);
    assert_int_equal(fixture_read(f, f->dom1, "a/b/c"), -ENOENT);
    assert_int_equal(fixture_read(f, f->dom1, "a"), -ENOENT);
    assert_string_equal(fixture_list(f, f->dom1, "/local/domain/1"), "");
}

static void rm_of_missing__ok_if_parent_exists(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom1, "none"), 0);
    assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom1, "none/below"), -ENOENT);
    assert_int_equal(fixture_watch(f, f->dom1, "none/below", "t"), 0); /* makes the path known */
    assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom1, "none"), 0);
    assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom1, "none/below"), -ENOENT);
    assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom0, "/"), -EINVAL);
}

static void directory__in_order_of_creation(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_write(f, f->dom1, "d/zz", "1"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "d/aa", "1"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "d/mm/x", "1"), 0);
    assert_string_equal(fixture_list(f, f->dom1, "d"), "zz aa mm");
    assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom1, "d/aa"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "d/aa", "1"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "d/zz", "2"), 0);
    assert_string_equal(fixture_list(f, f->dom1, "d"), "zz mm aa");
}

static void big_directory__e2big_and_in_parts(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_reply reply = { .data = fixture_reply, .cap = sizeof(fixture_reply) };
    char path[80];
    size_t names = 0, offset = 0;
    bool last = false;

    for (int i = 0; i < 100; i++) {
        snprintf(path, sizeof(path), "/d/%050d", i);
        assert_int_equal(fixture_write(f, f->dom0, path, ""), 0);
    }
    assert_int_equal(wrg_xenstore_directory(f->xs, &f->dom0, "/d", &reply), -E2BIG);
    for (int part = 0; part < 3 && !last; part++) {
        assert_int_equal(wrg_xenstore_directory_part(f->xs, &f->dom0, "/d", offset, &reply), 0);
        for (size_t at = strlen(reply.data) + 1; at < reply.len; at += 51) {
            last = reply.data[at] == '\0';
            names += !last;
            offset += last ? 0 : 51;
        }
    }
    assert_true(last);
    assert_int_equal(names, 100);
}

static void directory_part__from_any_byte_on(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_reply reply = { .data = fixture_reply, .cap = sizeof(fixture_reply) };
    struct wrg_xs_call tx;
    size_t names;

    assert_int_equal(fixture_write(f, f->dom1, "d/abc", "1"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "d/de", "1"), 0);
    assert_int_equal(wrg_xenstore_directory_part(f->xs, &f->dom1, "d", 0, &reply), 0);
    names = strlen(fixture_reply) + 1;
    assert_int_equal(reply.len, names + 8);
    assert_memory_equal(fixture_reply + names, "abc\0de\0", 8);
    assert_int_equal(wrg_xenstore_directory_part(f->xs, &f->dom1, "d", 4, &reply), 0);
    assert_memory_equal(fixture_reply + names, "de\0", 4);
    assert_int_equal(wrg_xenstore_directory_part(f->xs, &f->dom1, "d", 2, &reply), 0);
    assert_memory_equal(fixture_reply + names, "c\0de\0", 6);
    for (size_t offset = 7; offset < 100; offset += 31) { /* beyond the list: the end mark */
        assert_int_equal(wrg_xenstore_directory_part(f->xs, &f->dom1, "d", offset, &reply), 0);
        assert_int_equal(reply.len, names + 1);
        assert_int_equal(fixture_reply[names], '\0');
    }
    tx = fixture_begin(f, f->dom1);
    assert_int_equal(wrg_xenstore_rm(f->xs, &tx, "d/abc"), 0);
    assert_int_equal(fixture_write(f, tx, "d/f", "1"), 0);
    assert_int_equal(wrg_xenstore_directory_part(f->xs, &tx, "d", 0, &reply), 0);
    assert_memory_equal(fixture_reply + names, "de\0f\0", 6);
    assert_int_equal(wrg_xenstore_directory_part(f->xs, &f->dom1, "none", 0, &reply), -ENOENT);
    assert_int_equal(wrg_xenstore_directory_part(f->xs, &f->dom2, "/none", 0, &reply), -EACCES);
}

static void directory_part__end_mark_only_where_it_fits(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_reply reply = { .data = fixture_reply, .cap = sizeof(fixture_reply) };
    size_t whole;

    assert_int_equal(fixture_write(f, f->dom1, "d/a-name-of-20-letters", "1"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "d/b-name-of-20-letters", "1"), 0);
    assert_int_equal(wrg_xenstore_directory_part(f->xs, &f->dom1, "d", 0, &reply), 0);
    whole = reply.len;
    reply.cap = whole;
    assert_int_equal(wrg_xenstore_directory_part(f->xs, &f->dom1, "d", 0, &reply), 0);
    assert_int_equal(reply.len, whole);
    reply.cap = whole - 1; /* then the last name waits for the next part, with the mark */
    assert_int_equal(wrg_xenstore_directory_part(f->xs, &f->dom1, "d", 0, &reply), 0);
    assert_int_equal(reply.len, whole - 1 - 21);
    reply.cap = 10;
    assert_int_equal(wrg_xenstore_directory_part(f->xs, &f->dom1, "d", 0, &reply), -ERANGE);
}

static void directory_part__generation_says_that_the_list_changed(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_reply reply = { .data = fixture_reply, .cap = sizeof(fixture_reply) };
    char before[32];

    assert_int_equal(fixture_write(f, f->dom1, "d/a", "1"), 0);
    assert_int_equal(wrg_xenstore_directory_part(f->xs, &f->dom1, "d", 0, &reply), 0);
    strcpy(before, fixture_reply);
    assert_int_equal(fixture_write(f, f->dom1, "d/a", "2"), 0); /* not the list */
    assert_int_equal(wrg_xenstore_directory_part(f->xs, &f->dom1, "d", 0, &reply), 0);
    assert_string_equal(fixture_reply, before);
    assert_int_equal(fixture_write(f, f->dom1, "d/b", "1"), 0);
    assert_int_equal(wrg_xenstore_directory_part(f->xs, &f->dom1, "d", 0, &reply), 0);
    assert_string_not_equal(fixture_reply, before);
}

static void created_nodes__inherit_permissions(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_perm perms[8];
    size_t count = 8;

    assert_int_equal(fixture_perms(f, f->dom0, "/local/domain/1", "n1b2"), 0);
    assert_int_equal(fixture_write(f, f->dom2, "/local/domain/1/a/b", "1"), 0);
    assert_int_equal(wrg_xenstore_get_perms(f->xs, &f->dom2, "/local/domain/1/a", perms, &count),
                     0);
    assert_int_equal(count, 2);
    assert_int_equal(perms[0].domid, 2);
    assert_int_equal(perms[0].letter, 'n');
    assert_int_equal(perms[1].domid, 2);
    assert_int_equal(perms[1].letter, 'b');
    assert_int_equal(fixture_read(f, f->dom1, "a/b"), -EACCES); /* it is domain 2's now */
    assert_int_equal(fixture_write(f, f->dom0, "/local/domain/1/z", "1"), 0);
    assert_value(f, f->dom1, "z", "1"); /* domain 0's creations stay the parent's owner's */
    count = 1;
    assert_int_equal(wrg_xenstore_get_perms(f->xs, &f->dom1, "z", perms, &count), -ERANGE);
    assert_int_equal(count, 2);
}

static void set_perms__owner_only_and_keeps_owner(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_perms(f, f->dom1, "", "n1"), -EINVAL);
    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_int_equal(fixture_perms(f, f->dom2, "/local/domain/1/a", "n2"), -EACCES);
    assert_int_equal(fixture_perms(f, f->dom1, "a", "n2"), -EPERM);
    assert_int_equal(fixture_perms(f, f->dom1, "a", "x1"), -EINVAL);
    assert_int_equal(fixture_perms(f, f->dom1, "a", "n1r2r3r4r5r6"), -ENOSPC);
    assert_int_equal(fixture_perms(f, f->dom1, "a", "w1r2"), 0);
    assert_int_equal(fixture_read(f, f->dom2, "/local/domain/1/a"), 0);
    assert_int_equal(fixture_write(f, f->dom2, "/local/domain/1/a", "2"), -EACCES);
    assert_int_equal(fixture_perms(f, f->dom1, "a", "w1"), 0);
    assert_int_equal(fixture_read(f, f->dom2, "/local/domain/1/a"), -EACCES);
    assert_int_equal(fixture_write(f, f->dom2, "/local/domain/1/a", "2"), 0);
    assert_int_equal(fixture_perms(f, f->dom0, "/local/domain/1/a", "n2"), 0);
    assert_value(f, f->dom2, "/local/domain/1/a", "2");
}

static void node_quota__limit_and_slack(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;

    quota.nodes = 3; /* the home is one of them */
    wrg_xenstore_set_quota(f->xs, &quota);
    assert_int_equal(fixture_write(f, f->dom1, "a/b", ""), 0);
    assert_int_equal(fixture_write(f, f->dom1, "c/d", ""), -ENOSPC);
    assert_int_equal(fixture_read(f, f->dom1, "c"), -ENOENT);
    assert_int_equal(fixture_write(f, f->dom1, "c", ""), 0); /* limit + 1, as 4.17 does */
    assert_int_equal(fixture_write(f, f->dom1, "e", ""), -ENOSPC);
    assert_int_equal(fixture_write(f, f->dom0, "/local/domain/1/e", ""), 0);
    assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom0, "/local/domain/1/e"), 0);
    assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom1, "a"), 0);
    quota.slack = -1;
    wrg_xenstore_set_quota(f->xs, &quota);
    assert_int_equal(fixture_write(f, f->dom1, "e", ""), -ENOSPC);
    quota.slack = 0;
    wrg_xenstore_set_quota(f->xs, &quota);
    assert_int_equal(fixture_write(f, f->dom1, "e", ""), 0);
}

static void out_of_memory__nothing_changed(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_limits limits = wrg_xs_limits_small;
    struct fixture small = { 0 };
    char path[40];
    int ret = 0;

    (void)f;
    limits.nodes = 20;
    fixture_open(&small, &limits);
    for (int i = 0; i < 100 && ret == 0; i++) {
        snprintf(path, sizeof(path), "/d/%d", i);
        ret = fixture_write(&small, small.dom0, path, "");
    }
    assert_int_equal(ret, -ENOMEM);
    uint64_t mark = wrg_xenstore_mark(small.xs);
    assert_int_equal(wrg_xenstore_rm(small.xs, &small.dom0, "/d/0"), 0);
    assert_true(wrg_xenstore_changed_since(small.xs, mark));
    assert_int_equal(fixture_write(&small, small.dom0, "/x/y/z", ""), -ENOMEM);
    assert_int_equal(fixture_read(&small, small.dom0, "/x"), -ENOENT);
    assert_int_equal(fixture_write(&small, small.dom0, "/x", ""), 0); /* the one place is back */
    free(small.mem);
}

static void directory_handle__names_within(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call in = f->dom1;

    assert_int_equal(wrg_xenstore_open(f->xs, &f->dom1, "d", &in.dir), -ENOENT);
    assert_int_equal(fixture_write(f, f->dom1, "d/state", "1"), 0);
    assert_int_equal(wrg_xenstore_open(f->xs, &f->dom1, "d", &in.dir), 0);
    assert_int_not_equal(in.dir, 0);
    assert_value(f, in, "state", "1");
    assert_int_equal(fixture_write(f, in, "queue-0/ring-ref", "8"), 0);
    assert_value(f, f->dom1, "d/queue-0/ring-ref", "8");
    assert_string_equal(fixture_list(f, in, ""), "state queue-0");
    assert_value(f, in, "/local/domain/1/d/state", "1"); /* absolute stays absolute */
    assert_int_equal(fixture_write(f, f->dom0, "/secret/a", "1"), 0);
    assert_int_equal(wrg_xenstore_open(f->xs, &f->dom1, "/secret", &in.dir), -EACCES);
}

static void directory_handle_after_rm_and_recreate__enoent(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call in = f->dom1, again = f->dom1;

    assert_int_equal(fixture_write(f, f->dom1, "d/state", "1"), 0);
    assert_int_equal(wrg_xenstore_open(f->xs, &f->dom1, "d", &in.dir), 0);
    assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom1, "d"), 0);
    assert_int_equal(fixture_read(f, in, "state"), -ENOENT);
    assert_int_equal(fixture_write(f, in, "state", "2"), -ENOENT);
    assert_int_equal(fixture_write(f, f->dom1, "d/state", "3"), 0);
    assert_int_equal(fixture_read(f, in, "state"), -ENOENT);
    assert_int_equal(wrg_xenstore_open(f->xs, &f->dom1, "d", &again.dir), 0);
    assert_int_not_equal(again.dir, in.dir);
    assert_value(f, again, "state", "3");
    again = fixture_begin(f, again); /* recreated within a transaction: stale as well */
    assert_int_equal(wrg_xenstore_rm(f->xs, &again, "/local/domain/1/d"), 0);
    assert_int_equal(wrg_xenstore_mkdir(f->xs, &again, "/local/domain/1/d"), 0);
    assert_int_equal(fixture_commit(f, again), 0);
    again.tx = 0;
    assert_int_equal(fixture_write(f, again, "state", "4"), -ENOENT);
}

static void closed_connection__ebadf(void **state)
{
    struct fixture *f = *state;
    uint16_t conn;

    wrg_xenstore_disconnect(f->xs, f->dom2.conn);
    wrg_xenstore_disconnect(f->xs, f->dom2.conn);
    assert_int_equal(fixture_read(f, f->dom2, "/"), -EBADF);
    assert_int_equal(wrg_xenstore_connect(f->xs, 0, &conn), 0);
    assert_int_not_equal(conn, f->dom2.conn); /* the slot is the same, the id is not */
    assert_int_equal(fixture_read(f, f->dom2, "/"), -EBADF);
}

static void dead_domain__its_nodes_go_others_stay(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_write(f, f->dom1, "device/vbd/1/state", "4"), 0);
    assert_int_equal(fixture_write(f, f->dom0, "/local/domain/0/backend/vbd/1/1/state", "4"), 0);
    assert_int_equal(fixture_watch(f, f->dom0, "@releaseDomain", "r"), 0);
    assert_event(f, f->dom0, "@releaseDomain r");
    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom1, 1), -EACCES);
    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom0, 1), 0);
    assert_true(wrg_xenstore_is_introduced(f->xs, 1));
    wrg_xenstore_domain_died(f->xs, 1);
    assert_false(wrg_xenstore_is_introduced(f->xs, 1));
    assert_event(f, f->dom0, "@releaseDomain r");
    assert_int_equal(fixture_read(f, f->dom1, "device"), -EBADF);
    assert_int_equal(fixture_read(f, f->dom0, "/local/domain/1"), -ENOENT);
    assert_value(f, f->dom0, "/local/domain/0/backend/vbd/1/1/state", "4");
    assert_int_equal(wrg_xenstore_release(f->xs, &f->dom0, 1), -ENOENT);
}

static void target__gives_a_stub_domain_its_rights(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_perms(f, f->dom0, "/local/domain/1", "n1"), 0);
    assert_int_equal(fixture_write(f, f->dom2, "/local/domain/1/a", "1"), -EACCES);
    assert_int_equal(wrg_xenstore_set_target(f->xs, &f->dom2, 2, 1), -EACCES);
    assert_int_equal(wrg_xenstore_set_target(f->xs, &f->dom0, 2, 1), -ENOENT);
    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom0, 1), 0);
    assert_int_equal(wrg_xenstore_set_target(f->xs, &f->dom0, 2, 1), -ENOENT);
    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom0, 2), 0);
    assert_int_equal(wrg_xenstore_set_target(f->xs, &f->dom0, 2, 1), 0);
    assert_int_equal(fixture_write(f, f->dom2, "/local/domain/1/a", "1"), 0);
}

struct log {
    char text[2000];
    unsigned queued;
};

static void on_change(void *ctx, uint16_t domid, const char *path, const char *value, size_t len,
                      enum wrg_xs_change kind)
{
    struct log *log = ctx;
    size_t at = strlen(log->text);

    snprintf(log->text + at, sizeof(log->text) - at, "%u%c%s=%.*s;", domid, "WMXPIR"[kind], path,
             (int)len, value);
}

static void on_event_queued(void *ctx, uint16_t conn)
{
    struct log *log = ctx;

    log->queued++;
}

static void observer__told_of_each_change_that_took_effect(void **state)
{
    struct fixture *f = *state;
    struct log log = { { 0 }, 0 };
    struct wrg_xs_observer observer = { &log, on_change, on_event_queued };
    struct wrg_xs_call tx;

    wrg_xenstore_set_observer(f->xs, &observer);
    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_int_equal(wrg_xenstore_mkdir(f->xs, &f->dom1, "b"), 0);
    assert_int_equal(fixture_watch(f, f->dom0, "/local", "t"), 0);
    assert_int_equal(fixture_perms(f, f->dom0, "/local/domain/1/a", "n1"), 0);
    assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom1, "a"), 0);
    assert_int_equal(fixture_write(f, f->dom2, "/local/domain/1/b", "1"), -EACCES);
    assert_string_equal(log.text, "1W/local/domain/1/a=1;1M/local/domain/1/b=;"
                                  "0P/local/domain/1/a=1;1X/local/domain/1/a=1;");
    assert_int_equal(log.queued, 2); /* first event; a's, coalesced with its removal */
    log.text[0] = '\0';
    tx = fixture_begin(f, f->dom1);
    assert_int_equal(fixture_write(f, tx, "b", "2"), 0);
    assert_int_equal(fixture_write(f, tx, "b", "3"), 0);
    assert_string_equal(log.text, "");
    assert_int_equal(fixture_commit(f, tx), 0);
    assert_string_equal(log.text, "1W/local/domain/1/b=3;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(bad_paths__einval),
        FIXTURE_TEST(missing_node__enoent_if_ancestor_readable_else_eacces),
        FIXTURE_TEST(write_and_read__value_kept),
        FIXTURE_TEST(values__limited_for_a_domu_and_by_the_wire),
        FIXTURE_TEST(mkdir__keeps_what_is_there),
        FIXTURE_TEST(rm__takes_the_subtree),
        FIXTURE_TEST(rm_of_missing__ok_if_parent_exists),
        FIXTURE_TEST(directory__in_order_of_creation),
        FIXTURE_TEST(big_directory__e2big_and_in_parts),
        FIXTURE_TEST(directory_part__from_any_byte_on),
        FIXTURE_TEST(directory_part__end_mark_only_where_it_fits),
        FIXTURE_TEST(directory_part__generation_says_that_the_list_changed),
        FIXTURE_TEST(created_nodes__inherit_permissions),
        FIXTURE_TEST(set_perms__owner_only_and_keeps_owner),
        FIXTURE_TEST(node_quota__limit_and_slack),
        FIXTURE_TEST(out_of_memory__nothing_changed),
        FIXTURE_TEST(directory_handle__names_within),
        FIXTURE_TEST(directory_handle_after_rm_and_recreate__enoent),
        FIXTURE_TEST(closed_connection__ebadf),
        FIXTURE_TEST(dead_domain__its_nodes_go_others_stay),
        FIXTURE_TEST(target__gives_a_stub_domain_its_rights),
        FIXTURE_TEST(observer__told_of_each_change_that_took_effect),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
