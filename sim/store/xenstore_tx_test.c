/* SPDX-License-Identifier: MIT */
#include "store/xenstore_fixture.h"

static void until_commit__seen_inside_only(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx;

    assert_int_equal(fixture_write(f, f->dom1, "a", "old"), 0);
    assert_int_equal(fixture_watch(f, f->dom0, "/local/domain/1", "t"), 0);
    assert_event(f, f->dom0, "/local/domain/1 t");
    tx = fixture_begin(f, f->dom1);
    assert_int_equal(fixture_write(f, tx, "a", "new"), 0);
    assert_int_equal(fixture_write(f, tx, "b/c", "1"), 0);
    assert_value(f, tx, "a", "new");
    assert_value(f, tx, "b/c", "1");
    assert_string_equal(fixture_list(f, tx, "/local/domain/1"), "a b");
    assert_value(f, f->dom1, "a", "old");
    assert_int_equal(fixture_read(f, f->dom1, "b"), -ENOENT);
    assert_string_equal(fixture_list(f, f->dom1, "/local/domain/1"), "a");
    assert_no_event(f, f->dom0);
    assert_int_equal(fixture_commit(f, tx), 0);
    assert_event(f, f->dom0, "/local/domain/1/a t");
    assert_event(f, f->dom0, "/local/domain/1/b/c t"); /* not b, which nobody named */
    assert_no_event(f, f->dom0);
    assert_value(f, f->dom1, "a", "new");
    assert_value(f, f->dom1, "b/c", "1");
    assert_int_equal(fixture_commit(f, tx), -ENOENT);
}

static void abort__as_if_nothing_had_been(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx;

    assert_int_equal(fixture_write(f, f->dom1, "a/b", "old"), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "a", "t"), 0);
    assert_event(f, f->dom1, "a t");
    tx = fixture_begin(f, f->dom1);
    assert_int_equal(wrg_xenstore_rm(f->xs, &tx, "a"), 0);
    assert_int_equal(fixture_write(f, tx, "n", "1"), 0);
    assert_int_equal(fixture_read(f, tx, "a/b"), -ENOENT);
    assert_int_equal(wrg_xenstore_transaction_end(f->xs, &tx, false), 0);
    assert_value(f, f->dom1, "a/b", "old");
    assert_int_equal(fixture_read(f, f->dom1, "n"), -ENOENT);
    assert_no_event(f, f->dom1);
}

static void ids__unknown_enoent_nested_ebusy_too_many_enospc(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;
    struct wrg_xs_call tx = fixture_begin(f, f->dom1), other = f->dom2;
    uint32_t id;

    assert_int_not_equal(tx.tx, 0);
    assert_int_equal(wrg_xenstore_transaction_start(f->xs, &tx, &id), -EBUSY);
    other.tx = tx.tx; /* of another connection */
    assert_int_equal(fixture_read(f, other, "/local/domain/1"), -ENOENT);
    assert_int_equal(wrg_xenstore_transaction_start(f->xs, &other, &id), -ENOENT);
    assert_int_equal(fixture_commit(f, other), -ENOENT);
    assert_int_equal(fixture_commit(f, f->dom1), -ENOENT);
    quota.transactions = 2;
    quota.slack = 0;
    wrg_xenstore_set_quota(f->xs, &quota);
    fixture_begin(f, f->dom1);
    assert_int_equal(wrg_xenstore_transaction_start(f->xs, &f->dom1, &id), -ENOSPC);
    assert_int_equal(fixture_commit(f, tx), 0);
    assert_int_equal(wrg_xenstore_transaction_start(f->xs, &f->dom1, &id), 0);
}

/* What a transaction does, what happens outside meanwhile, and what its commit says. */
struct conflict {
    const char *inside; /* operation letter and path: read, write, mkdir, x rm, list, perms */
    const char *outside;
    int result;
};

static int operate(struct fixture *f, struct wrg_xs_call call, const char *what)
{
    switch (what[0]) {
    case 'r': return fixture_read(f, call, what + 1);
    case 'w': return fixture_write(f, call, what + 1, "new");
    case 'm': return wrg_xenstore_mkdir(f->xs, &call, what + 1);
    case 'x': return wrg_xenstore_rm(f->xs, &call, what + 1);
    case 'l': fixture_list(f, call, what + 1); return 0;
    default: return fixture_perms(f, call, what + 1, "n1");
    }
}

static void commit__eagain_only_on_conflict(void **state)
{
    static const struct conflict table[] = {
        { "rd/a", "rd/a", 0 },
        { "rd/a", "wd/b", 0 },
        { "rd/a", "wd/a", -EAGAIN },
        { "rd/a", "pd/a", -EAGAIN },
        { "rd/a", "xd/a", -EAGAIN },
        { "rd/a", "xd", -EAGAIN },
        { "wd/a", "wd/a", 0 },
        { "wd/a", "pd/a", 0 },
        { "wd/a", "xd/a", -EAGAIN },
        { "wd/a", "wd/new", 0 },
        { "rd/none", "wd/none", -EAGAIN },
        { "rd/none", "wd/new", 0 },
        { "rnone/none", "wnone/none", -EAGAIN },
        { "wd/new", "wd/other", -EAGAIN }, /* both read the parent */
        { "wd/new", "xd", -EAGAIN },
        { "wd/new", "we/new", 0 },
        { "ld", "wd/new", -EAGAIN },
        { "ld", "xd/a", -EAGAIN },
        { "ld", "wd/a", 0 },
        { "xd/a", "wd/a", -EAGAIN },
        { "xd", "wd/a", -EAGAIN },
        { "xd", "wd/new", -EAGAIN },
        { "xd/a", "we/a", 0 },
        { "md/a", "wd/a", 0 },
        { "pd/a", "wd/a", -EAGAIN },
        { "md/new", "md/new", -EAGAIN },
    };

    for (size_t i = 0; i < WRG_ARRAY_LEN(table); i++) {
        struct fixture *f;
        fixture_setup((void **)&f);
        assert_int_equal(fixture_write(f, f->dom1, "d/a", "1"), 0);
        assert_int_equal(fixture_write(f, f->dom1, "d/b", "1"), 0);
        assert_int_equal(fixture_write(f, f->dom1, "e/a", "1"), 0);
        struct wrg_xs_call tx = fixture_begin(f, f->dom1);
        int inside = operate(f, tx, table[i].inside);
        assert_true(inside == 0 || inside == -ENOENT);
        assert_int_equal(operate(f, f->dom1, table[i].outside), 0);
        if (fixture_commit(f, tx) != table[i].result)
            fail_msg("%s against %s", table[i].inside, table[i].outside);
        fixture_teardown((void **)&f);
    }
}

static void lost_transaction__changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx = fixture_begin(f, f->dom1);

    assert_int_equal(fixture_read(f, tx, "seen"), -ENOENT);
    assert_int_equal(fixture_write(f, tx, "a/b", "1"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "seen", "1"), 0);
    assert_int_equal(fixture_commit(f, tx), -EAGAIN);
    assert_int_equal(fixture_read(f, f->dom1, "a"), -ENOENT);
    assert_string_equal(fixture_list(f, f->dom1, "/local/domain/1"), "seen");
}

static void two_writers_one_reads__second_loses(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call first, second;

    assert_int_equal(fixture_write(f, f->dom1, "count", "1"), 0);
    first = fixture_begin(f, f->dom1);
    second = fixture_begin(f, f->dom1);
    assert_value(f, first, "count", "1");
    assert_value(f, second, "count", "1");
    assert_int_equal(fixture_write(f, first, "count", "2"), 0);
    assert_int_equal(fixture_write(f, second, "count", "2"), 0);
    assert_int_equal(fixture_commit(f, first), 0);
    assert_int_equal(fixture_commit(f, second), -EAGAIN);
    assert_value(f, f->dom1, "count", "2");
}

static void parent_came_and_went__commit_loses(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx = fixture_begin(f, f->dom1);

    assert_int_equal(fixture_read(f, tx, "d"), -ENOENT);
    assert_int_equal(fixture_write(f, f->dom1, "d", "1"), 0);
    assert_int_equal(fixture_write(f, tx, "d/below", "2"), 0);
    assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom1, "d"), 0);
    assert_int_equal(fixture_commit(f, tx), -EAGAIN);
    assert_int_equal(fixture_read(f, f->dom1, "d"), -ENOENT);
}

static void rm_and_recreate_inside__new_content_only(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx;

    assert_int_equal(fixture_write(f, f->dom1, "d/old/x", "1"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "d/kept", "old"), 0);
    tx = fixture_begin(f, f->dom1);
    assert_int_equal(fixture_write(f, tx, "d/inside", "1"), 0);
    assert_int_equal(wrg_xenstore_rm(f->xs, &tx, "d"), 0);
    assert_int_equal(fixture_read(f, tx, "d/inside"), -ENOENT);
    assert_int_equal(fixture_write(f, tx, "d/deep/new", "2"), 0);
    assert_int_equal(fixture_write(f, tx, "d/kept", "new"), 0);
    assert_string_equal(fixture_list(f, tx, "d"), "deep kept");
    assert_int_equal(fixture_commit(f, tx), 0);
    assert_string_equal(fixture_list(f, f->dom1, "d"), "deep kept");
    assert_value(f, f->dom1, "d/kept", "new");
    assert_value(f, f->dom1, "d/deep/new", "2");
    assert_int_equal(fixture_read(f, f->dom1, "d/old/x"), -ENOENT);
}

static void read_before_parent_is_made__parent_comes_first(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx = fixture_begin(f, f->dom1);

    assert_int_equal(fixture_read(f, tx, "a/b/c"), -ENOENT);
    assert_int_equal(fixture_read(f, tx, "a/b"), -ENOENT);
    assert_int_equal(wrg_xenstore_mkdir(f->xs, &tx, "a"), 0);
    assert_int_equal(fixture_write(f, tx, "a/b/c", "1"), 0);
    assert_int_equal(fixture_commit(f, tx), 0);
    assert_value(f, f->dom1, "a/b/c", "1");
}

static void perms_inside__count_after_commit(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx;

    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_int_equal(fixture_perms(f, f->dom1, "a", "n1"), 0);
    tx = fixture_begin(f, f->dom1);
    assert_int_equal(fixture_perms(f, tx, "a", "n1r2"), 0);
    assert_value(f, tx, "a", "1");
    assert_int_equal(fixture_read(f, f->dom2, "/local/domain/1/a"), -EACCES);
    assert_int_equal(fixture_commit(f, tx), 0);
    assert_value(f, f->dom2, "/local/domain/1/a", "1");
}

static void blind_write__keeps_permissions_set_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx;

    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    tx = fixture_begin(f, f->dom1);
    assert_int_equal(fixture_write(f, tx, "a", "2"), 0);
    assert_int_equal(fixture_perms(f, f->dom1, "a", "n1"), 0);
    assert_int_equal(fixture_commit(f, tx), 0);
    assert_value(f, f->dom1, "a", "2");
    assert_int_equal(fixture_read(f, f->dom2, "/local/domain/1/a"), -EACCES);
}

static void directory_handle__works_inside(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx, in = f->dom1;

    assert_int_equal(fixture_write(f, f->dom1, "d/state", "1"), 0);
    assert_int_equal(wrg_xenstore_open(f->xs, &f->dom1, "d", &in.dir), 0);
    tx = fixture_begin(f, in);
    assert_int_equal(fixture_write(f, tx, "ring-ref", "8"), 0);
    assert_int_equal(fixture_write(f, tx, "state", "3"), 0);
    assert_value(f, in, "state", "1");
    assert_int_equal(fixture_commit(f, tx), 0);
    assert_value(f, in, "ring-ref", "8");
    assert_value(f, in, "state", "3");
}

static void quota_inside__poisons_or_refuses_at_commit(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;
    struct wrg_xs_call tx, other;

    quota.nodes = 3;
    quota.slack = 0;
    quota.tx_nodes = 6;
    wrg_xenstore_set_quota(f->xs, &quota);
    tx = fixture_begin(f, f->dom1);
    other = fixture_begin(f, f->dom1);
    assert_int_equal(fixture_write(f, tx, "a/b", "1"), 0);
    assert_int_equal(fixture_write(f, tx, "a/b/c", "1"), 0); /* each alone would pass */
    assert_int_equal(fixture_commit(f, tx), -ENOSPC);
    assert_int_equal(fixture_read(f, f->dom1, "a"), -ENOENT);
    for (char path[] = "0"; path[0] < '6'; path[0]++)
        assert_int_equal(fixture_read(f, other, path), -ENOENT);
    assert_int_equal(fixture_read(f, other, "6"), -ENOSPC);
    assert_int_equal(fixture_commit(f, other), -ENOMEM);
}

static void quota_or_memory_inside__poisons(void **state)
{
    static const char big[2049];
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;
    struct wrg_xs_call size = fixture_begin(f, f->dom1), nodes, memory, room;

    assert_int_equal(wrg_xenstore_write(f->xs, &size, "a", big, sizeof(big)), -ENOSPC);
    assert_int_equal(fixture_write(f, size, "a", "1"), 0); /* goes on, to no avail */
    assert_int_equal(fixture_commit(f, size), -ENOMEM);
    assert_int_equal(fixture_read(f, f->dom1, "a"), -ENOENT);
    quota.nodes = 1;
    wrg_xenstore_set_quota(f->xs, &quota);
    nodes = fixture_begin(f, f->dom1);
    assert_int_equal(fixture_write(f, nodes, "a/b", "1"), -ENOSPC);
    assert_int_equal(fixture_commit(f, nodes), -ENOMEM);
    quota.memory_bytes = 60;
    wrg_xenstore_set_quota(f->xs, &quota);
    memory = fixture_begin(f, f->dom1);
    assert_int_equal(fixture_write(f, memory, "a", "0123456789"), -ENOMEM);
    assert_int_equal(fixture_commit(f, memory), -ENOMEM);
    wrg_xenstore_set_quota(f->xs, &wrg_xs_quota_default);
    room = fixture_begin(f, f->dom0);
    int ret = 0;
    for (int i = 0; i < 1000 && ret == 0; i++) {
        snprintf(fixture_event, sizeof(fixture_event), "/n/%d", i);
        ret = fixture_write(f, room, fixture_event, "1");
    }
    assert_int_equal(ret, -ENOMEM);
    assert_int_equal(fixture_commit(f, room), -ENOMEM);
    assert_int_equal(fixture_read(f, f->dom0, "/n"), -ENOENT);
}

static void what_the_request_got_wrong__does_not_poison(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx = fixture_begin(f, f->dom1);

    assert_int_equal(fixture_write(f, tx, "a b", "1"), -EINVAL);
    assert_int_equal(fixture_write(f, tx, "/secret", "1"), -EACCES);
    assert_int_equal(fixture_read(f, tx, "none"), -ENOENT);
    assert_int_equal(fixture_perms(f, tx, "", "n1r2r3r4r5r6"), -ENOSPC);
    assert_int_equal(fixture_write(f, tx, "a", "1"), 0);
    assert_int_equal(fixture_commit(f, tx), 0);
    assert_value(f, f->dom1, "a", "1");
}

static void node_quota_at_commit__before_the_conflict(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;
    struct wrg_xs_call tx;

    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    quota.nodes = 3;
    quota.slack = 0;
    wrg_xenstore_set_quota(f->xs, &quota);
    tx = fixture_begin(f, f->dom1);
    assert_int_equal(fixture_write(f, tx, "b", "1"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "c", "1"), 0); /* that was the last one */
    assert_int_equal(fixture_commit(f, tx), -ENOSPC);
    tx = fixture_begin(f, f->dom1);
    assert_int_equal(wrg_xenstore_rm(f->xs, &tx, "a"), 0);
    assert_int_equal(fixture_write(f, tx, "c", "2"), 0);
    assert_int_equal(fixture_commit(f, tx), 0);
    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
}

static void events_of_a_commit__in_order_of_first_touch(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx;

    assert_int_equal(fixture_write(f, f->dom1, "d/old/x", "1"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "d/old/y", "1"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "p", "1"), 0);
    assert_int_equal(fixture_watch(f, f->dom0, "/", "t"), 0);
    assert_int_equal(fixture_watch(f, f->dom0, "/local/domain/1/d/old/y", "y"), 0);
    while (fixture_next(f, f->dom0))
        ;
    tx = fixture_begin(f, f->dom1);
    assert_int_equal(fixture_read(f, tx, "p"), 0); /* touched first, changed last */
    assert_int_equal(fixture_write(f, tx, "new/deep", "1"), 0);
    assert_int_equal(fixture_write(f, tx, "d/old/x", "2"), 0);
    assert_int_equal(fixture_write(f, tx, "gone", "1"), 0);
    assert_int_equal(wrg_xenstore_rm(f->xs, &tx, "gone"), 0);
    assert_int_equal(wrg_xenstore_rm(f->xs, &tx, "d"), 0);
    assert_int_equal(fixture_write(f, tx, "new/deep", "2"), 0); /* once is enough */
    assert_int_equal(fixture_perms(f, tx, "p", "n1"), 0);
    assert_no_event(f, f->dom0);
    assert_int_equal(fixture_commit(f, tx), 0);
    assert_event(f, f->dom0, "/local/domain/1/p t");
    assert_event(f, f->dom0, "/local/domain/1/new/deep t");
    assert_event(f, f->dom0, "/local/domain/1/d/old/x t"); /* written before it went */
    assert_event(f, f->dom0, "/local/domain/1/d t");
    assert_event(f, f->dom0, "/local/domain/1/d/old/y y"); /* went with the rest: exact only */
    assert_no_event(f, f->dom0);
}

static void removed_in_a_commit__told_to_those_who_could_read_it(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx;

    assert_int_equal(fixture_write(f, f->dom1, "open", "1"), 0); /* domain 2 may read it */
    assert_int_equal(fixture_write(f, f->dom1, "closed", "1"), 0);
    assert_int_equal(fixture_perms(f, f->dom1, "closed", "n1"), 0);
    assert_int_equal(fixture_watch(f, f->dom2, "/local/domain/1", "t"), 0);
    assert_event(f, f->dom2, "/local/domain/1 t");
    tx = fixture_begin(f, f->dom1);
    assert_int_equal(wrg_xenstore_rm(f->xs, &tx, "open"), 0);
    assert_int_equal(wrg_xenstore_rm(f->xs, &tx, "closed"), 0);
    assert_int_equal(fixture_commit(f, tx), 0);
    assert_event(f, f->dom2, "/local/domain/1/open t");
    assert_no_event(f, f->dom2);
}

static void size_of_a_known_node_inside__poisons(void **state)
{
    static const char big[2040];
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;
    struct wrg_xs_call value, perms;

    assert_int_equal(fixture_write(f, f->dom1, "a", "0123456789"), 0);
    value = fixture_begin(f, f->dom1);
    assert_int_equal(wrg_xenstore_write(f->xs, &value, "a", big, sizeof(big)), -ENOSPC);
    assert_int_equal(fixture_commit(f, value), -ENOMEM);
    quota.node_bytes = 24 + 10 + 16;
    wrg_xenstore_set_quota(f->xs, &quota);
    perms = fixture_begin(f, f->dom1);
    assert_int_equal(fixture_perms(f, perms, "a", "n1r2r3"), -ENOSPC);
    assert_int_equal(fixture_commit(f, perms), -ENOMEM);
}

static void made_anew_after_its_parent_went__told_to_all(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx;

    assert_int_equal(fixture_write(f, f->dom1, "d/y", "1"), 0);
    assert_int_equal(fixture_watch(f, f->dom0, "/", "t"), 0);
    assert_event(f, f->dom0, "/ t");
    tx = fixture_begin(f, f->dom1);
    assert_int_equal(wrg_xenstore_rm(f->xs, &tx, "d"), 0);
    assert_int_equal(fixture_write(f, tx, "d/y", "2"), 0);
    assert_int_equal(fixture_commit(f, tx), 0);
    assert_event(f, f->dom0, "/local/domain/1/d t");
    assert_event(f, f->dom0, "/local/domain/1/d/y t");
    assert_no_event(f, f->dom0);
}

static void tree_conflicts__with_permissions_of_another_commit(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota tree = wrg_xs_quota_default;
    struct wrg_xs_call first, second;

    tree.tree_conflicts = true;
    wrg_xenstore_set_quota(f->xs, &tree);
    assert_int_equal(fixture_write(f, f->dom1, "d/a", "1"), 0);
    first = fixture_begin(f, f->dom1);
    second = fixture_begin(f, f->dom1);
    assert_value(f, first, "d/a", "1");
    assert_int_equal(fixture_perms(f, second, "d", "n1"), 0);
    assert_int_equal(fixture_commit(f, second), 0);
    assert_int_equal(fixture_commit(f, first), -EAGAIN);
}

static void writes_conflict__if_so_set(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;
    struct wrg_xs_call tx;

    for (int set = 0; set < 2; set++) {
        quota.writes_conflict = set;
        wrg_xenstore_set_quota(f->xs, &quota);
        assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
        tx = fixture_begin(f, f->dom1);
        assert_int_equal(fixture_write(f, tx, "a", "2"), 0);
        assert_int_equal(fixture_write(f, f->dom1, "a", "3"), 0);
        assert_int_equal(fixture_commit(f, tx), set ? -EAGAIN : 0);
    }
}

static void each_third_commit__lost_if_so_set(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;

    quota.lose_every = 3;
    wrg_xenstore_set_quota(f->xs, &quota);
    for (int i = 1; i <= 9; i++) {
        struct wrg_xs_call tx = fixture_begin(f, f->dom1);
        assert_int_equal(fixture_write(f, tx, "a", "1"), 0);
        assert_int_equal(fixture_commit(f, tx), i % 3 == 0 ? -EAGAIN : 0);
    }
}

/* The rules of oxenstored, where they say something else than those of C. */
static void tree_conflicts__below_the_lowest_common_path(void **state)
{
    static const struct {
        const char *inside[2];
        const char *outside;
        int tree, nodes;
    } table[] = {
        { { "rd/a", NULL }, "wd/b", 0, 0 },
        { { "rd", NULL }, "wd/a", -EAGAIN, 0 }, /* all below what was read */
        { { "rd/a", "rd/b" }, "we/a", 0, 0 },
        { { "rd/a", "rd/b" }, "wd/c", -EAGAIN, 0 }, /* a cousin of both */
        { { "rd/a", "re/a" }, "wf", -EAGAIN, 0 },
        { { "wd/a", NULL }, "wd/a", -EAGAIN, 0 }, /* blind writes conflict */
        { { "wd/a", NULL }, "wd/b", 0, 0 },
        { { "wd/new", NULL }, "wd/a", -EAGAIN, 0 },
        { { "wd/new", NULL }, "we/new", 0, 0 },
        { { "wd/a", "re/a" }, "wf", 0, 0 },     /* reads and writes each have their own */
        { { "rd/a", NULL }, "pd", -EAGAIN, 0 }, /* permissions above */
        { { "rd/none", NULL }, "wd/other", 0, 0 },
        { { "xd/a", NULL }, "wd/b", -EAGAIN, 0 },
        { { "wd/a", "pd/b" }, "wd/c", -EAGAIN, 0 },
        { { "rd/a", NULL }, "xd", -EAGAIN, -EAGAIN },
    };
    struct wrg_xs_quota tree = wrg_xs_quota_default;

    tree.tree_conflicts = true;
    for (size_t i = 0; i < 2 * WRG_ARRAY_LEN(table); i++) {
        struct fixture *f;
        fixture_setup((void **)&f);
        wrg_xenstore_set_quota(f->xs, i % 2 ? &tree : &wrg_xs_quota_default);
        for (const char *const *path =
                 (const char *const[]){ "d/a", "d/b", "d/c", "e/a", "f", NULL };
             *path; path++)
            assert_int_equal(fixture_write(f, f->dom1, *path, "1"), 0);
        struct wrg_xs_call tx = fixture_begin(f, f->dom1);
        for (int k = 0; k < 2 && table[i / 2].inside[k]; k++)
            (void)operate(f, tx, table[i / 2].inside[k]);
        assert_int_equal(operate(f, f->dom1, table[i / 2].outside), 0);
        if (fixture_commit(f, tx) != (i % 2 ? table[i / 2].tree : table[i / 2].nodes))
            fail_msg("%s against %s, %s", table[i / 2].inside[0], table[i / 2].outside,
                     i % 2 ? "tree" : "nodes");
        fixture_teardown((void **)&f);
    }
}

static void disconnect__drops_open_transactions(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx = fixture_begin(f, f->dom2);
    struct wrg_xs_call again;

    assert_int_equal(fixture_read(f, tx, "/local/domain/1/none"), -ENOENT);
    wrg_xenstore_disconnect(f->xs, f->dom2.conn);
    assert_int_equal(fixture_commit(f, tx), -EBADF);
    again = fixture_connect(f, 2);
    again.tx = tx.tx;
    assert_int_equal(fixture_commit(f, again), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(until_commit__seen_inside_only),
        FIXTURE_TEST(abort__as_if_nothing_had_been),
        FIXTURE_TEST(ids__unknown_enoent_nested_ebusy_too_many_enospc),
        cmocka_unit_test(commit__eagain_only_on_conflict),
        FIXTURE_TEST(lost_transaction__changes_nothing),
        FIXTURE_TEST(two_writers_one_reads__second_loses),
        FIXTURE_TEST(parent_came_and_went__commit_loses),
        FIXTURE_TEST(rm_and_recreate_inside__new_content_only),
        FIXTURE_TEST(read_before_parent_is_made__parent_comes_first),
        FIXTURE_TEST(perms_inside__count_after_commit),
        FIXTURE_TEST(blind_write__keeps_permissions_set_meanwhile),
        FIXTURE_TEST(directory_handle__works_inside),
        FIXTURE_TEST(quota_inside__poisons_or_refuses_at_commit),
        FIXTURE_TEST(quota_or_memory_inside__poisons),
        FIXTURE_TEST(what_the_request_got_wrong__does_not_poison),
        FIXTURE_TEST(node_quota_at_commit__before_the_conflict),
        FIXTURE_TEST(events_of_a_commit__in_order_of_first_touch),
        FIXTURE_TEST(removed_in_a_commit__told_to_those_who_could_read_it),
        FIXTURE_TEST(size_of_a_known_node_inside__poisons),
        FIXTURE_TEST(made_anew_after_its_parent_went__told_to_all),
        FIXTURE_TEST(tree_conflicts__with_permissions_of_another_commit),
        FIXTURE_TEST(writes_conflict__if_so_set),
        FIXTURE_TEST(each_third_commit__lost_if_so_set),
        cmocka_unit_test(tree_conflicts__below_the_lowest_common_path),
        FIXTURE_TEST(disconnect__drops_open_transactions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
