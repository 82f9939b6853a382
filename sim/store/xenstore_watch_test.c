/* SPDX-License-Identifier: MIT */
#include "store/xenstore_fixture.h"

static void registration__fires_at_once_path_as_registered(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_watch(f, f->dom1, "device/vbd/1/state", "rel"), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "/local/domain/1/other", "abs"), 0);
    assert_int_equal(wrg_xenstore_events_queued(f->xs, f->dom1.conn), 2);
    assert_event(f, f->dom1, "device/vbd/1/state rel");
    assert_event(f, f->dom1, "/local/domain/1/other abs");
    assert_no_event(f, f->dom1);
    assert_int_equal(fixture_write(f, f->dom1, "device/vbd/1/state", "1"), 0);
    assert_event(f, f->dom1, "device/vbd/1/state rel");
    assert_no_event(f, f->dom1);
}

static void change__fires_for_the_node_and_its_ancestors(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_watch(f, f->dom0, "/local/domain/1/a", "node"), 0);
    assert_int_equal(fixture_watch(f, f->dom0, "/", "root"), 0);
    assert_int_equal(fixture_watch(f, f->dom0, "/local/domain/1/a/b", "below"), 0);
    assert_int_equal(fixture_watch(f, f->dom0, "/local/domain/1/ab", "beside"), 0);
    while (fixture_next(f, f->dom0))
        ;
    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_event(f, f->dom0, "/local/domain/1/a node");
    assert_event(f, f->dom0, "/local/domain/1/a root");
    assert_no_event(f, f->dom0);
    assert_int_equal(fixture_write(f, f->dom1, "a/b/c", "1"), 0);
    assert_event(f, f->dom0, "/local/domain/1/a/b/c node"); /* in order of registration */
    assert_event(f, f->dom0, "/local/domain/1/a/b/c root");
    assert_event(f, f->dom0, "/local/domain/1/a/b/c below");
    assert_no_event(f, f->dom0);
}

static void same_value_mkdir_and_perms__fire_too(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "a", "t"), 0);
    assert_event(f, f->dom1, "a t");
    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_event(f, f->dom1, "a t");
    assert_int_equal(fixture_perms(f, f->dom1, "a", "n1"), 0);
    assert_event(f, f->dom1, "a t");
    assert_int_equal(wrg_xenstore_mkdir(f->xs, &f->dom1, "a/b"), 0);
    assert_event(f, f->dom1, "a/b t");
    assert_int_equal(wrg_xenstore_mkdir(f->xs, &f->dom1, "a/b"), 0);
    assert_int_equal(fixture_read(f, f->dom1, "a"), 0);
    assert_no_event(f, f->dom1);
}

static void rm__subtree_match_for_itself_exact_match_below(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_write(f, f->dom1, "a/b/c", "1"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "a/d", "1"), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "/local", "above"), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "a/d", "d"), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "a/b/c", "c"), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "a/none", "none"), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "a/b", "b"), 0);
    while (fixture_next(f, f->dom1))
        ;
    assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom1, "a"), 0);
    assert_event(f, f->dom1, "a/b/c c"); /* children before parents, in creation order */
    assert_event(f, f->dom1, "a/b b");
    assert_event(f, f->dom1, "a/d d");
    assert_event(f, f->dom1, "/local/domain/1/a above");
    assert_no_event(f, f->dom1);
    assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom1, "a"), 0); /* nothing there, nothing said */
    assert_no_event(f, f->dom1);
    assert_int_equal(fixture_write(f, f->dom1, "a/none", "1"), 0); /* the watch outlived it all */
    assert_event(f, f->dom1, "/local/domain/1/a/none above");
    assert_event(f, f->dom1, "a/none none");
}

static void identical_queued_event__coalesced(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_watch(f, f->dom1, "a", "t"), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "a/b", "1"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_event(f, f->dom1, "a t");
    assert_event(f, f->dom1, "a/b t");
    assert_no_event(f, f->dom1);
    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_event(f, f->dom1, "a t");
}

static void identical_event_of_another_watch__coalesced(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_watch(f, f->dom1, "a", "t"), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "a/b", "t"), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "/local/domain/1/a", "u"), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "/local/domain/1", "t"), 0);
    while (fixture_next(f, f->dom1))
        ;
    assert_int_equal(fixture_write(f, f->dom1, "a/b/c", "1"), 0);
    assert_event(f, f->dom1, "a/b/c t"); /* of two */
    assert_event(f, f->dom1, "/local/domain/1/a/b/c u");
    assert_event(f, f->dom1, "/local/domain/1/a/b/c t"); /* another path to the reader */
    assert_no_event(f, f->dom1);
    assert_int_equal(wrg_xenstore_unwatch(f->xs, &f->dom1, "/local/domain/1", "t", true), 0);
    assert_int_equal(fixture_write(f, f->dom1, "a/b/c", "1"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "a/b/d", "1"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "a/b/c", "1"), 0); /* still queued: says it all */
    assert_event(f, f->dom1, "a/b/c t");
    assert_event(f, f->dom1, "/local/domain/1/a/b/c u");
    assert_event(f, f->dom1, "a/b/d t");
    assert_event(f, f->dom1, "/local/domain/1/a/b/d u");
    assert_no_event(f, f->dom1);
}

static void overlong_event__not_sent(void **state)
{
    static char token[WRG_XS_PAYLOAD_MAX];
    struct fixture *f = *state;

    memset(token, 't', 4096 - 6); /* "/a", two NULs: two bytes are left */
    assert_int_equal(fixture_watch(f, f->dom0, "/a", token), 0);
    assert_non_null(fixture_next(f, f->dom0));
    assert_int_equal(fixture_write(f, f->dom0, "/a/b", "1"), 0); /* takes them */
    assert_non_null(fixture_next(f, f->dom0));
    assert_int_equal(fixture_write(f, f->dom0, "/a/bc", "1"), 0);
    assert_no_event(f, f->dom0);
    assert_int_equal(wrg_xenstore_events_lost(f->xs), 0);
}

static void created_on_the_way__not_told(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_watch(f, f->dom1, "a", "t"), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "a/b/c/d", "d"), 0);
    while (fixture_next(f, f->dom1))
        ;
    assert_int_equal(fixture_write(f, f->dom1, "a/b/c", "1"), 0);
    assert_event(f, f->dom1, "a/b/c t");
    assert_no_event(f, f->dom1);
}

static void inside_a_transaction__nothing_until_commit(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx = fixture_begin(f, f->dom1);

    assert_int_equal(fixture_watch(f, f->dom2, "/local/domain/1", "t"), 0);
    assert_event(f, f->dom2, "/local/domain/1 t");
    assert_int_equal(fixture_write(f, tx, "a", "1"), 0);
    assert_int_equal(wrg_xenstore_rm(f->xs, &tx, "a"), 0);
    assert_int_equal(fixture_write(f, tx, "b", "1"), 0);
    assert_int_equal(fixture_write(f, tx, "b", "2"), 0);
    assert_no_event(f, f->dom2);
    assert_int_equal(fixture_watch(f, tx, "b", "w"), 0); /* is of no transaction */
    assert_event(f, f->dom1, "b w");
    assert_int_equal(fixture_commit(f, tx), 0);
    assert_event(f, f->dom2, "/local/domain/1/b t");
    assert_event(f, f->dom1, "b w");
    assert_no_event(f, f->dom2);
}

static void two_connections__each_its_own_order(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call other = fixture_connect(f, 0);

    assert_int_equal(fixture_watch(f, f->dom0, "/a", "first"), 0);
    assert_int_equal(fixture_watch(f, other, "/", "first"), 0);
    assert_int_equal(fixture_watch(f, other, "/a", "second"), 0);
    assert_int_equal(fixture_watch(f, f->dom0, "/", "second"), 0);
    while (fixture_next(f, f->dom0) || fixture_next(f, other))
        ;
    assert_int_equal(fixture_write(f, f->dom0, "/a", "1"), 0);
    assert_event(f, f->dom0, "/a first");
    assert_event(f, f->dom0, "/a second");
    assert_event(f, other, "/a first");
    assert_event(f, other, "/a second");
}

static void special_events__not_coalesced_and_for_domain_0(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_watch(f, f->dom0, "@introduceDomain", "i"), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "@introduceDomain", "i"), 0);
    assert_int_equal(fixture_watch(f, f->dom0, "@bad name", "i"), -EINVAL);
    assert_event(f, f->dom1, "@introduceDomain i");
    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom0, 1), 0);
    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom0, 2), 0);
    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom0, 2), 0); /* again: no event */
    for (int i = 0; i < 3; i++)
        assert_event(f, f->dom0, "@introduceDomain i");
    assert_no_event(f, f->dom0);
    assert_no_event(f, f->dom1);
}

static void watcher_without_read_permission__not_told(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_write(f, f->dom0, "/p/secret/x", "1"), 0);
    assert_int_equal(fixture_watch(f, f->dom2, "/p", "t"), 0);
    assert_event(f, f->dom2, "/p t");
    assert_int_equal(fixture_write(f, f->dom0, "/p/secret/x", "2"), 0);
    assert_no_event(f, f->dom2);
    assert_int_equal(fixture_perms(f, f->dom0, "/p/secret", "n0r2"), 0);
    assert_event(f, f->dom2, "/p/secret t");
    assert_int_equal(fixture_write(f, f->dom0, "/p/secret/x", "2"), 0);
    assert_event(f, f->dom2, "/p/secret/x t"); /* it can read the parent */
    assert_int_equal(fixture_perms(f, f->dom0, "/p/secret", "n0"), 0);
    assert_event(f, f->dom2, "/p/secret t"); /* the old permissions count */
    assert_int_equal(fixture_write(f, f->dom0, "/p/secret", "2"), 0);
    assert_no_event(f, f->dom2);
}

static void duplicate_watch__eexist_unknown__enoent(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_watch(f, f->dom1, "a", "t"), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "a", "t"), -EEXIST);
    assert_int_equal(fixture_watch(f, f->dom1, "a", "u"), 0);
    assert_int_equal(fixture_watch(f, f->dom2, "/local/domain/1/a", "t"), 0);
    assert_int_equal(wrg_xenstore_unwatch(f->xs, &f->dom1, "a", "v", true), -ENOENT);
    assert_int_equal(wrg_xenstore_unwatch(f->xs, &f->dom1, "b", "t", true), -ENOENT);
    assert_int_equal(wrg_xenstore_unwatch(f->xs, &f->dom1, "b//", "t", true), -EINVAL);
    assert_int_equal(wrg_xenstore_unwatch(f->xs, &f->dom1, "a", "t", true), 0);
    assert_int_equal(wrg_xenstore_unwatch(f->xs, &f->dom1, "a", "t", true), -ENOENT);
    assert_event(f, f->dom1, "a u");
    assert_no_event(f, f->dom1);
}

static void unwatch__queued_events_stay_or_go(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_watch(f, f->dom1, "a", "t"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "a/b", "1"), 0);
    assert_int_equal(wrg_xenstore_unwatch(f->xs, &f->dom1, "a", "t", false), 0);
    assert_int_equal(fixture_write(f, f->dom1, "a/c", "1"), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "a", "t"), 0); /* a new one of the same name */
    assert_event(f, f->dom1, "a t"); /* says what the new one's first would say */
    assert_event(f, f->dom1, "a/b t");
    assert_no_event(f, f->dom1);
    assert_int_equal(fixture_write(f, f->dom1, "a/b", "1"), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "z", "z"), 0);
    assert_int_equal(wrg_xenstore_unwatch(f->xs, &f->dom1, "a", "t", true), 0);
    assert_event(f, f->dom1, "z z");
    assert_no_event(f, f->dom1);
}

static void watch_quota__e2big_or_as_set(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;

    quota.watches = 2;
    quota.slack = 0;
    wrg_xenstore_set_quota(f->xs, &quota);
    assert_int_equal(fixture_watch(f, f->dom1, "a", "t"), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "b", "t"), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "c", "t"), -E2BIG);
    quota.watches_errno = ENOSPC;
    wrg_xenstore_set_quota(f->xs, &quota);
    assert_int_equal(fixture_watch(f, f->dom1, "c", "t"), -ENOSPC);
    assert_int_equal(wrg_xenstore_unwatch(f->xs, &f->dom1, "a", "t", true), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "c", "t"), 0);
    for (char name[] = "/a"; name[1] < 'e'; name[1]++)
        assert_int_equal(fixture_watch(f, f->dom0, name, "t"), 0);
}

static void full_queue__events_lost_and_counted(void **state)
{
    struct fixture *f = *state;
    char path[32];

    assert_int_equal(fixture_watch(f, f->dom0, "/d", "t"), 0);
    for (int i = 0; i < 300; i++) {
        snprintf(path, sizeof(path), "/d/%d", i);
        assert_int_equal(fixture_write(f, f->dom0, path, ""), 0);
    }
    assert_int_equal(wrg_xenstore_events_queued(f->xs, f->dom0.conn), 256);
    assert_int_equal(wrg_xenstore_events_lost(f->xs), 301 - 256);
    assert_event(f, f->dom0, "/d t");
    assert_event(f, f->dom0, "/d/0 t");
}

static void small_buffer__event_stays_queued(void **state)
{
    struct fixture *f = *state;
    char small[8];
    struct wrg_xs_event event = { .data = small, .cap = sizeof(small) };

    assert_int_equal(fixture_watch(f, f->dom0, "/longer/path", "t"), 0);
    assert_int_equal(wrg_xenstore_next_event(f->xs, f->dom0.conn, &event), -ERANGE);
    assert_int_equal(event.len, strlen("/longer/path") + strlen("t") + 2);
    assert_event(f, f->dom0, "/longer/path t");
    assert_int_equal(wrg_xenstore_next_event(f->xs, f->dom0.conn, &event), -EAGAIN);
    assert_int_equal(wrg_xenstore_next_event(f->xs, 0x1234, &event), -EBADF);
}

static void reset_watches__also_ends_transactions(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx = fixture_begin(f, f->dom1);

    assert_int_equal(fixture_watch(f, f->dom1, "a", "t"), 0);
    assert_int_equal(fixture_write(f, tx, "b", "1"), 0);
    assert_int_equal(wrg_xenstore_reset_watches(f->xs, &f->dom1), 0);
    assert_no_event(f, f->dom1);
    assert_int_equal(fixture_commit(f, tx), -ENOENT);
    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_no_event(f, f->dom1);
    assert_int_equal(fixture_watch(f, f->dom1, "a", "t"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(registration__fires_at_once_path_as_registered),
        FIXTURE_TEST(change__fires_for_the_node_and_its_ancestors),
        FIXTURE_TEST(same_value_mkdir_and_perms__fire_too),
        FIXTURE_TEST(rm__subtree_match_for_itself_exact_match_below),
        FIXTURE_TEST(identical_queued_event__coalesced),
        FIXTURE_TEST(identical_event_of_another_watch__coalesced),
        FIXTURE_TEST(overlong_event__not_sent),
        FIXTURE_TEST(created_on_the_way__not_told),
        FIXTURE_TEST(inside_a_transaction__nothing_until_commit),
        FIXTURE_TEST(two_connections__each_its_own_order),
        FIXTURE_TEST(special_events__not_coalesced_and_for_domain_0),
        FIXTURE_TEST(watcher_without_read_permission__not_told),
        FIXTURE_TEST(duplicate_watch__eexist_unknown__enoent),
        FIXTURE_TEST(unwatch__queued_events_stay_or_go),
        FIXTURE_TEST(watch_quota__e2big_or_as_set),
        FIXTURE_TEST(full_queue__events_lost_and_counted),
        FIXTURE_TEST(small_buffer__event_stays_queued),
        FIXTURE_TEST(reset_watches__also_ends_transactions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
