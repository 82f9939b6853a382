/* SPDX-License-Identifier: MIT */
#include "store/xenstore_fixture.h"

static void set_slack(struct fixture *f, struct wrg_xs_quota *quota, int32_t slack)
{
    quota->slack = slack;
    wrg_xenstore_set_quota(f->xs, quota);
}

/* Creates n0, n1, ... until it is refused; how many. */
static unsigned create_many(struct fixture *f, struct wrg_xs_call call, unsigned from, int *why)
{
    char path[16];
    unsigned count = 0;

    for (*why = 0; count < 2000; count++) {
        snprintf(path, sizeof(path), "n%u", from + count);
        *why = fixture_write(f, call, path, "");
        if (*why)
            break;
    }
    return count;
}

static void defaults__as_published(void **state)
{
    const struct wrg_xs_quota *c = &wrg_xs_quota_default;
    const struct wrg_xs_quota *ox = &wrg_xs_quota_oxenstored;

    assert_int_equal(c->nodes, 1000);
    assert_int_equal(c->watches, 128);
    assert_int_equal(c->transactions, 10);
    assert_int_equal(c->node_bytes, 2048);
    assert_int_equal(c->perms, 5);
    assert_int_equal(c->path_bytes, 2048);
    assert_int_equal(c->tx_nodes, 1024);
    assert_int_equal(c->outstanding, 20);
    assert_int_equal(c->memory_bytes, 2.5 * 1024 * 1024);
    assert_int_equal(c->event_timeout_us, 20000000);
    assert_int_equal(ox->nodes, 1000);
    assert_int_equal(ox->value_bytes, 2048);
    assert_int_equal(ox->watches, 100);
    assert_int_equal(ox->transactions, 10);
    assert_int_equal(ox->tx_nodes, 1024);
    assert_int_equal(ox->path_bytes, 1024);
    assert_int_equal(ox->outstanding, 1024);
}

static void off_by_one__as_the_version_has_it(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;
    int why;

    quota.nodes = 10;
    quota.node_bytes = 0;
    set_slack(f, &quota, -1); /* refuses when current + 1 >= limit; the home is one */
    assert_int_equal(create_many(f, f->dom1, 0, &why), 8);
    assert_int_equal(why, -ENOSPC);
    set_slack(f, &quota, 0);
    assert_int_equal(create_many(f, f->dom1, 8, &why), 1);
    set_slack(f, &quota, 1); /* refuses when current > limit */
    assert_int_equal(create_many(f, f->dom1, 9, &why), 1);
    assert_int_equal(why, -ENOSPC);
}

static void domain_0__exempt(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;
    static const char value[4097];
    int why;

    quota.nodes = quota.watches = quota.transactions = quota.tx_nodes = quota.perms = 1;
    quota.memory_bytes = 1;
    wrg_xenstore_set_quota(f->xs, &quota);
    assert_int_equal(fixture_watch(f, f->dom0, "a", "t"), 0);
    assert_int_equal(fixture_watch(f, f->dom0, "b", "t"), 0);
    fixture_begin(f, f->dom0);
    fixture_begin(f, f->dom0);
    create_many(f, fixture_begin(f, f->dom0), 0, &why);
    assert_int_equal(why, -ENOMEM); /* the memory of this small store, no quota */
    assert_int_equal(wrg_xenstore_write(f->xs, &f->dom0, "v", value, 4096), 0);
    assert_int_equal(wrg_xenstore_write(f->xs, &f->dom0, "v", value, 4097), -ENOSPC);
    assert_int_equal(fixture_perms(f, f->dom0, "v", "n0r1r2"), 0);
}

static void node_size__value_children_and_permissions(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;

    quota.node_bytes = 24 + 16 + 20; /* 20 beyond header and the two permissions of the home */
    wrg_xenstore_set_quota(f->xs, &quota);
    assert_int_equal(fixture_write(f, f->dom1, "d", "0123456789"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "d/1234", ""), 0);
    assert_int_equal(fixture_write(f, f->dom1, "d/5678", ""), 0); /* that makes 20 */
    assert_int_equal(fixture_write(f, f->dom1, "d/9", ""), -ENOSPC);
    assert_int_equal(fixture_write(f, f->dom1, "d", "0123456789a"), -ENOSPC);
    assert_int_equal(fixture_perms(f, f->dom1, "d", "n1r2r3"), -ENOSPC);
    assert_int_equal(fixture_perms(f, f->dom1, "d", "n1"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "d", "0123456789abcdefgh"), 0);
    assert_int_equal(fixture_write(f, f->dom0, "/local/domain/1/d", "0123456789abcdefghi"), 0);
    assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom1, "d/1234"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "d/9", ""), 0);
    assert_int_equal(fixture_write(f, f->dom1, "x/0123456789012345678901", ""), -ENOSPC);
    assert_int_equal(fixture_read(f, f->dom1, "x"), -ENOENT);
}

static void node_size_in_a_transaction__counts_what_it_sees(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;
    struct wrg_xs_call tx;

    quota.node_bytes = 24 + 16 + 10;
    wrg_xenstore_set_quota(f->xs, &quota);
    assert_int_equal(fixture_write(f, f->dom1, "d/1234", ""), 0);
    assert_int_equal(fixture_write(f, f->dom1, "d/5678", ""), 0); /* full */
    tx = fixture_begin(f, f->dom1);
    assert_int_equal(wrg_xenstore_rm(f->xs, &tx, "d/1234"), 0);
    assert_int_equal(fixture_write(f, tx, "d/9012", ""), 0);
    assert_int_equal(fixture_commit(f, tx), 0);
    tx = fixture_begin(f, f->dom1);
    assert_int_equal(wrg_xenstore_rm(f->xs, &tx, "d"), 0);
    assert_int_equal(fixture_write(f, tx, "d/123456789", ""), 0);
    assert_int_equal(fixture_write(f, tx, "d/x", ""), -ENOSPC);
    assert_int_equal(wrg_xenstore_transaction_end(f->xs, &tx, false), 0);
    assert_int_equal(fixture_write(f, f->dom1, "d/x", ""), -ENOSPC);
}

static void nodes_touched_in_a_transaction__enospc_and_lost(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;
    struct wrg_xs_call tx;
    char path[12];

    quota.tx_nodes = 50;
    set_slack(f, &quota, 0);
    tx = fixture_begin(f, f->dom1);
    for (int i = 0; i < 50; i++) {
        snprintf(path, sizeof(path), "n%d", i);
        assert_int_equal(fixture_read(f, tx, path), -ENOENT);
        assert_int_equal(fixture_read(f, tx, path), -ENOENT); /* counts once */
    }
    assert_int_equal(fixture_read(f, tx, "x"), -ENOSPC);
    assert_int_equal(fixture_commit(f, tx), -ENOMEM);
}

static void memory__nodes_watches_and_events_count(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;

    quota.memory_bytes = 400;
    wrg_xenstore_set_quota(f->xs, &quota);
    /* The home: 24 + path of 15 + 2 permissions = 55. */
    assert_int_equal(fixture_write(f, f->dom1, "a", "0123456789"), 0); /* 24 + 17 + 10 + 16 */
    assert_int_equal(wrg_xenstore_stalled(f->xs, f->dom1.conn), WRG_XS_STALL_NONE);
    assert_int_equal(fixture_watch(f, f->dom1, "a", "token"), 0); /* 17 + 5, and an event of 24 */
    static const char value[300];
    assert_int_equal(wrg_xenstore_write(f->xs, &f->dom1, "b", value, 200), -ENOMEM);
    assert_int_equal(wrg_xenstore_write(f->xs, &f->dom1, "a", value, 250), -ENOMEM);
    assert_value(f, f->dom1, "a", "0123456789");
    assert_int_equal(fixture_write(f, f->dom1, "b", "0123456789012345678901234567890123456789"), 0);
    quota.memory_bytes = 340;
    wrg_xenstore_set_quota(f->xs, &quota);
    assert_int_equal(fixture_watch(f, f->dom1, "c/0123456789012345678901234567890123456789",
                                   "0123456789012345678901234567890123456789"),
                     -ENOMEM);
    /* What others write into its nodes counts too, and is not refused to them. */
    assert_int_equal(wrg_xenstore_write(f->xs, &f->dom0, "/local/domain/1/b", value, 300), 0);
    assert_int_equal(wrg_xenstore_stalled(f->xs, f->dom1.conn), WRG_XS_STALL_MEMORY);
    assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom1, "b"), 0);
    assert_int_equal(wrg_xenstore_stalled(f->xs, f->dom1.conn), WRG_XS_STALL_NONE);
}

/* Whatever comes and goes: at the end nothing is left on the books. */
static void memory__all_of_it_comes_back(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;

    for (int round = 0; round < 3; round++) {
        assert_int_equal(fixture_write(f, f->dom1, "a/b/c", "0123456789"), 0);
        struct wrg_xs_call tx = fixture_begin(f, f->dom1);
        assert_int_equal(fixture_write(f, tx, "a/b/c", "01234567890123456789"), 0);
        assert_int_equal(fixture_write(f, tx, "a/b/d", "01234567890123456789"), 0);
        assert_int_equal(fixture_perms(f, tx, "a", "n1r2r0"), 0);
        assert_int_equal(fixture_watch(f, f->dom1, "a", "t"), 0);
        assert_int_equal(fixture_commit(f, tx), 0);
        assert_int_equal(fixture_perms(f, f->dom0, "/local/domain/1/a/b", "n2"), 0);
        assert_int_equal(fixture_perms(f, f->dom0, "/local/domain/1/a/b", "n1r2"), 0);
        assert_int_equal(fixture_watch(f, f->dom2, "@releaseDomain", "t"), 0);
        wrg_xenstore_domain_died(f->xs, 2); /* an entry less */
        f->dom2 = fixture_connect(f, 2);
        assert_int_equal(wrg_xenstore_unwatch(f->xs, &f->dom1, "a", "t", round % 2), 0);
        while (fixture_next(f, f->dom1))
            ;
        assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom1, "a"), 0);
        assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom0, "/local/domain/1"), 0);
        quota.memory_bytes = 1; /* stalls whoever has anything */
        wrg_xenstore_set_quota(f->xs, &quota);
        assert_int_equal(wrg_xenstore_stalled(f->xs, f->dom1.conn), WRG_XS_STALL_NONE);
        wrg_xenstore_set_quota(f->xs, &wrg_xs_quota_default);
        assert_int_equal(wrg_xenstore_mkdir(f->xs, &f->dom0, "/local/domain/1"), 0);
        assert_int_equal(fixture_perms(f, f->dom0, "/local/domain/1", "n1r2"), 0);
    }
}

static void outstanding__requests_whose_events_wait(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;

    quota.outstanding = 3;
    wrg_xenstore_set_quota(f->xs, &quota);
    assert_int_equal(fixture_watch(f, f->dom0, "/local/domain/1", "t"), 0);
    assert_int_equal(fixture_watch(f, f->dom0, "/local", "u"), 0);
    assert_int_equal(wrg_xenstore_stalled(f->xs, f->dom0.conn), WRG_XS_STALL_NONE);
    for (char name[] = "a"; name[0] < 'f'; name[0]++) /* first events are for no request */
        assert_int_equal(fixture_watch(f, f->dom1, name, "t"), 0);
    for (char name[] = "a"; name[0] < 'f'; name[0]++)
        assert_int_equal(wrg_xenstore_unwatch(f->xs, &f->dom1, name, "t", false), 0);
    for (char name[] = "a"; name[0] < 'd'; name[0]++) {
        assert_int_equal(wrg_xenstore_stalled(f->xs, f->dom1.conn), WRG_XS_STALL_NONE);
        assert_int_equal(fixture_write(f, f->dom1, name, "1"), 0);
    }
    assert_int_equal(wrg_xenstore_stalled(f->xs, f->dom1.conn), WRG_XS_STALL_OUTSTANDING);
    assert_int_equal(wrg_xenstore_stalled(f->xs, f->dom2.conn), WRG_XS_STALL_NONE);
    assert_event(f, f->dom0, "/local/domain/1 t");
    assert_event(f, f->dom0, "/local u");
    assert_event(f, f->dom0, "/local/domain/1/a t"); /* half of the first */
    assert_int_equal(wrg_xenstore_stalled(f->xs, f->dom1.conn), WRG_XS_STALL_OUTSTANDING);
    assert_event(f, f->dom0, "/local/domain/1/a u");
    assert_int_equal(wrg_xenstore_stalled(f->xs, f->dom1.conn), WRG_XS_STALL_NONE);
    wrg_xenstore_disconnect(f->xs, f->dom0.conn); /* nobody waits for the dead */
    f->dom0 = fixture_connect(f, 0);
    quota.outstanding = 1;
    wrg_xenstore_set_quota(f->xs, &quota);
    assert_int_equal(wrg_xenstore_stalled(f->xs, f->dom1.conn), WRG_XS_STALL_NONE);
}

static void writes__limited_while_somebody_may_be_disturbed(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;
    struct wrg_xs_call tx;

    quota.writes_per_second = 200;
    wrg_xenstore_set_quota(f->xs, &quota);
    wrg_xenstore_set_time(f->xs, 1000000);
    for (int i = 0; i < 50; i++)
        assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_int_equal(wrg_xenstore_stalled(f->xs, f->dom1.conn), WRG_XS_STALL_NONE);
    tx = fixture_begin(f, f->dom2);
    for (int i = 0; i < 10; i++)
        assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_int_equal(wrg_xenstore_stalled(f->xs, f->dom1.conn), WRG_XS_STALL_NONE);
    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0); /* the burst is used up */
    assert_int_equal(wrg_xenstore_stalled(f->xs, f->dom1.conn), WRG_XS_STALL_RATE);
    assert_int_equal(wrg_xenstore_stalled(f->xs, f->dom2.conn), WRG_XS_STALL_NONE);
    assert_int_equal(wrg_xenstore_stalled_until(f->xs, f->dom1.conn), 1005000);
    wrg_xenstore_set_time(f->xs, 1004999);
    assert_int_equal(wrg_xenstore_stalled(f->xs, f->dom1.conn), WRG_XS_STALL_RATE);
    wrg_xenstore_set_time(f->xs, 1005000);
    assert_int_equal(wrg_xenstore_stalled(f->xs, f->dom1.conn), WRG_XS_STALL_NONE);
    for (int i = 0; i < 5; i++) /* removals, directories and permissions are writes, too */
        assert_int_equal(i % 2 ? wrg_xenstore_rm(f->xs, &f->dom1, "b")
                               : wrg_xenstore_mkdir(f->xs, &f->dom1, "b"),
                         0);
    assert_int_equal(wrg_xenstore_stalled_until(f->xs, f->dom1.conn), 1005000 + 25000);
    wrg_xenstore_set_time(f->xs, 100000000); /* a long wait is worth no more than the burst */
    for (int i = 0; i < 11; i++)
        assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_int_equal(wrg_xenstore_stalled(f->xs, f->dom1.conn), WRG_XS_STALL_RATE);
    assert_int_equal(fixture_commit(f, tx), 0); /* alone: costs nothing */
    assert_int_equal(wrg_xenstore_stalled(f->xs, f->dom2.conn), WRG_XS_STALL_NONE);
}

static void commits__count_as_one_write_beside_another(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;
    struct wrg_xs_call tx;

    quota.writes_per_second = 200;
    quota.writes_burst = 0;
    wrg_xenstore_set_quota(f->xs, &quota);
    fixture_begin(f, f->dom0);
    tx = fixture_begin(f, f->dom1);
    assert_int_equal(fixture_write(f, tx, "a", "1"), 0);
    assert_int_equal(fixture_write(f, tx, "b", "1"), 0);
    assert_int_equal(wrg_xenstore_stalled(f->xs, f->dom1.conn), WRG_XS_STALL_NONE);
    assert_int_equal(fixture_commit(f, tx), 0);
    assert_int_equal(wrg_xenstore_stalled_until(f->xs, f->dom1.conn), 5000);
}

static void old_events__dropped_for_domus_only(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_watch(f, f->dom1, "a", "t"), 0);
    assert_int_equal(fixture_watch(f, f->dom0, "/a", "t"), 0);
    wrg_xenstore_set_time(f->xs, 10000000);
    assert_int_equal(fixture_watch(f, f->dom1, "b", "t"), 0);
    wrg_xenstore_set_time(f->xs, 20000000);
    assert_int_equal(wrg_xenstore_events_queued(f->xs, f->dom1.conn), 2);
    wrg_xenstore_set_time(f->xs, 20000001);
    assert_event(f, f->dom1, "b t");
    assert_no_event(f, f->dom1);
    assert_event(f, f->dom0, "/a t");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults__as_published),
        FIXTURE_TEST(off_by_one__as_the_version_has_it),
        FIXTURE_TEST(domain_0__exempt),
        FIXTURE_TEST(node_size__value_children_and_permissions),
        FIXTURE_TEST(node_size_in_a_transaction__counts_what_it_sees),
        FIXTURE_TEST(nodes_touched_in_a_transaction__enospc_and_lost),
        FIXTURE_TEST(memory__nodes_watches_and_events_count),
        FIXTURE_TEST(memory__all_of_it_comes_back),
        FIXTURE_TEST(outstanding__requests_whose_events_wait),
        FIXTURE_TEST(writes__limited_while_somebody_may_be_disturbed),
        FIXTURE_TEST(commits__count_as_one_write_beside_another),
        FIXTURE_TEST(old_events__dropped_for_domus_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
