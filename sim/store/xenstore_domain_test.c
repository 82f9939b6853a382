/* SPDX-License-Identifier: MIT */
#include "store/xenstore_fixture.h"

static void introduce__told_once(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_watch(f, f->dom0, "@introduceDomain", "i"), 0);
    assert_event(f, f->dom0, "@introduceDomain i");
    assert_false(wrg_xenstore_is_introduced(f->xs, 1));
    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom0, 1), 0);
    assert_event(f, f->dom0, "@introduceDomain i");
    assert_true(wrg_xenstore_is_introduced(f->xs, 1));
    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom0, 1), 0);
    assert_no_event(f, f->dom0);
    assert_true(wrg_xenstore_is_introduced(f->xs, 0));
}

static void introduced_again__starts_with_a_clean_slate(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx;

    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom0, 1), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "a", "t"), 0);
    tx = fixture_begin(f, f->dom1);
    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom0, 1), 0);
    assert_no_event(f, f->dom1);
    assert_int_equal(fixture_commit(f, tx), -ENOENT);
    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_no_event(f, f->dom1);
}

static void release__of_whom(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(wrg_xenstore_release(f->xs, &f->dom0, 0), -EINVAL);
    assert_int_equal(wrg_xenstore_release(f->xs, &f->dom0, 1), -ENOENT);
    assert_int_equal(wrg_xenstore_release(f->xs, &f->dom0, 99), -ENOENT);
    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom0, 1), 0);
    assert_int_equal(wrg_xenstore_release(f->xs, &f->dom0, 1), 0);
    assert_int_equal(fixture_read(f, f->dom1, "a"), -EBADF);
    assert_int_equal(wrg_xenstore_release(f->xs, &f->dom0, 1), -ENOENT);
}

static void shutdown__told_once_until_resumed(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(wrg_xenstore_resume(f->xs, &f->dom0, 0), -EINVAL);
    assert_int_equal(wrg_xenstore_resume(f->xs, &f->dom0, 1), -ENOENT);
    assert_int_equal(fixture_watch(f, f->dom0, "@releaseDomain", "r"), 0);
    assert_event(f, f->dom0, "@releaseDomain r");
    wrg_xenstore_domain_shut_down(f->xs, 1); /* not introduced */
    assert_no_event(f, f->dom0);
    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom0, 1), 0);
    wrg_xenstore_domain_shut_down(f->xs, 1);
    wrg_xenstore_domain_shut_down(f->xs, 1);
    assert_event(f, f->dom0, "@releaseDomain r");
    assert_no_event(f, f->dom0);
    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0); /* it is still there */
    assert_int_equal(wrg_xenstore_resume(f->xs, &f->dom0, 1), 0);
    assert_no_event(f, f->dom0);
    wrg_xenstore_domain_shut_down(f->xs, 1);
    assert_event(f, f->dom0, "@releaseDomain r");
}

static void special_events__not_coalesced(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_watch(f, f->dom0, "@introduceDomain", "i"), 0);
    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom0, 1), 0);
    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom0, 2), 0);
    assert_event(f, f->dom0, "@introduceDomain i");
    assert_event(f, f->dom0, "@introduceDomain i");
    assert_event(f, f->dom0, "@introduceDomain i");
    assert_no_event(f, f->dom0);
}

static void death__own_nodes_go_and_are_told(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_perms(f, f->dom0, "/local/domain/1", "n1b2"), 0);
    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom0, 1), 0);
    assert_int_equal(fixture_write(f, f->dom1, "a/b", "1"), 0);
    assert_int_equal(fixture_write(f, f->dom2, "/local/domain/1/a2", "2"), 0);
    assert_int_equal(fixture_write(f, f->dom0, "/local/domain/0/backend/1/state", "4"), 0);
    assert_int_equal(fixture_write(f, f->dom0, "/vm/x", "4"), 0);
    assert_int_equal(fixture_perms(f, f->dom0, "/vm/x", "n1"), 0);
    assert_int_equal(fixture_watch(f, f->dom0, "/", "w"), 0);
    assert_int_equal(fixture_watch(f, f->dom0, "@releaseDomain", "r"), 0);
    while (fixture_next(f, f->dom0))
        ;
    wrg_xenstore_domain_died(f->xs, 1);
    assert_event(f, f->dom0, "/local/domain/1 w"); /* with all that is in it, also others' */
    assert_event(f, f->dom0, "/vm/x w");
    assert_event(f, f->dom0, "@releaseDomain r");
    assert_no_event(f, f->dom0);
    assert_string_equal(fixture_list(f, f->dom0, "/local/domain"), "0");
    assert_string_equal(fixture_list(f, f->dom0, "/vm"), "");
    assert_value(f, f->dom0, "/local/domain/0/backend/1/state", "4");
}

static void death__entries_in_other_permissions_go(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;
    struct wrg_xs_call tx;

    assert_int_equal(fixture_write(f, f->dom0, "/a", "1"), 0);
    assert_int_equal(fixture_perms(f, f->dom0, "/a", "n0b2r3"), 0);
    tx = fixture_begin(f, f->dom0); /* holds some, too */
    assert_int_equal(fixture_write(f, tx, "/t", "1"), 0);
    assert_int_equal(fixture_perms(f, tx, "/t", "n0b2"), 0);
    assert_value(f, f->dom2, "/a", "1");
    wrg_xenstore_domain_died(f->xs, 2);
    assert_int_equal(fixture_commit(f, tx), 0);
    f->dom2 = fixture_connect(f, 2); /* the next one with this number */
    assert_int_equal(fixture_read(f, f->dom2, "/a"), -EACCES);
    assert_int_equal(fixture_read(f, f->dom2, "/t"), -EACCES);
    quota.keep_perms_of_dead = true;
    wrg_xenstore_set_quota(f->xs, &quota);
    assert_int_equal(fixture_perms(f, f->dom0, "/a", "n0b2r3"), 0);
    wrg_xenstore_domain_died(f->xs, 2);
    f->dom2 = fixture_connect(f, 2);
    assert_value(f, f->dom2, "/a", "1");
}

static void death__nodes_kept_if_so_set(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;

    quota.keep_nodes_of_dead = true;
    wrg_xenstore_set_quota(f->xs, &quota);
    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    wrg_xenstore_domain_died(f->xs, 1);
    wrg_xenstore_domain_died(f->xs, 99); /* unknown: fine */
    assert_value(f, f->dom0, "/local/domain/1/a", "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(introduce__told_once),
        FIXTURE_TEST(introduced_again__starts_with_a_clean_slate),
        FIXTURE_TEST(release__of_whom),
        FIXTURE_TEST(shutdown__told_once_until_resumed),
        FIXTURE_TEST(special_events__not_coalesced),
        FIXTURE_TEST(death__own_nodes_go_and_are_told),
        FIXTURE_TEST(death__entries_in_other_permissions_go),
        FIXTURE_TEST(death__nodes_kept_if_so_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
