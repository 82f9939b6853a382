/* SPDX-License-Identifier: MIT */
#include "store/xenstore_fixture.h"

/* "n1r2", or the name of the error. */
static const char *perms_of(struct fixture *f, struct wrg_xs_call call, const char *path)
{
    static char text[2 * WRG_XS_PERMS_MAX + 1];
    struct wrg_xs_perm perms[WRG_XS_PERMS_MAX];
    size_t count = WRG_XS_PERMS_MAX;
    int ret = wrg_xenstore_get_perms(f->xs, &call, path, perms, &count);

    if (ret)
        return wrg_xenstore_error_name(ret);
    for (size_t i = 0; i < count; i++)
        snprintf(text + 2 * i, sizeof(text) - 2 * i, "%c%u", perms[i].letter, perms[i].domid);
    return text;
}

static void letters__what_they_allow_to_others(void **state)
{
    static const struct {
        const char *perms;
        int read, write;
    } table[] = {
        { "n1", -EACCES, -EACCES }, { "r1", 0, -EACCES },
        { "w1", -EACCES, 0 },       { "b1", 0, 0 },
        { "n1r2", 0, -EACCES },     { "n1w2", -EACCES, 0 },
        { "n1b2", 0, 0 },           { "b1n2", -EACCES, -EACCES },
        { "b1r2", 0, -EACCES },     { "b1n3", 0, 0 },
        { "n1r2b2", 0, -EACCES }, /* the first of its entries */
    };
    struct fixture *f = *state;

    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    for (size_t i = 0; i < WRG_ARRAY_LEN(table); i++) {
        assert_int_equal(fixture_perms(f, f->dom1, "a", table[i].perms), 0);
        assert_int_equal(fixture_read(f, f->dom2, "/local/domain/1/a"), table[i].read);
        assert_int_equal(fixture_write(f, f->dom2, "/local/domain/1/a", "2"), table[i].write);
        assert_string_equal(perms_of(f, f->dom1, "a"), table[i].perms);
    }
}

static void owner_and_domain_0__may_do_all(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_int_equal(fixture_perms(f, f->dom1, "a", "n1n0"), 0);
    assert_value(f, f->dom1, "a", "1");
    assert_int_equal(fixture_write(f, f->dom1, "a", "2"), 0);
    assert_value(f, f->dom0, "/local/domain/1/a", "2");
    assert_int_equal(fixture_write(f, f->dom0, "/local/domain/1/a", "3"), 0);
    assert_int_equal(fixture_perms(f, f->dom0, "/local/domain/1/a", "n2"), 0);
    assert_string_equal(perms_of(f, f->dom1, "a"), "EACCES");
}

static void set_perms_by_others__eacces(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_int_equal(fixture_perms(f, f->dom1, "a", "b1b2"), 0);
    assert_int_equal(fixture_perms(f, f->dom2, "/local/domain/1/a", "b1b2"), -EACCES);
    assert_int_equal(fixture_perms(f, f->dom2, "/local/domain/1/a", "b2"), -EACCES);
    assert_int_equal(fixture_perms(f, f->dom1, "none", "n1"), -ENOENT);
}

static void created_node__inherits_with_owner_replaced(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_perms(f, f->dom0, "/local/domain/1", "n1b2r3"), 0);
    assert_int_equal(fixture_write(f, f->dom2, "/local/domain/1/a/b", "1"), 0);
    assert_string_equal(perms_of(f, f->dom0, "/local/domain/1/a"), "n2b2r3");
    assert_string_equal(perms_of(f, f->dom0, "/local/domain/1/a/b"), "n2b2r3");
    assert_int_equal(fixture_write(f, f->dom0, "/local/domain/1/z", "1"), 0);
    assert_string_equal(perms_of(f, f->dom0, "/local/domain/1/z"), "n1b2r3"); /* not by domain 0 */
    assert_int_equal(fixture_perms(f, f->dom0, "/local/domain/1", "n1"), 0);
    assert_string_equal(perms_of(f, f->dom0, "/local/domain/1/z"), "n1b2r3"); /* once, not live */
}

static void node_readable_below_a_closed_one__found(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_write(f, f->dom0, "/closed/open", "1"), 0);
    assert_int_equal(fixture_perms(f, f->dom0, "/closed/open", "n0r1"), 0);
    assert_value(f, f->dom1, "/closed/open", "1");
    assert_int_equal(fixture_read(f, f->dom1, "/closed"), -EACCES);
}

static void target__owner_rights_and_entries(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom0, 1), 0);
    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom0, 2), 0);
    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_int_equal(fixture_perms(f, f->dom1, "a", "n1"), 0);
    assert_int_equal(fixture_write(f, f->dom0, "/other", "1"), 0);
    assert_int_equal(fixture_perms(f, f->dom0, "/other", "n0r1"), 0);
    assert_int_equal(fixture_read(f, f->dom2, "/local/domain/1/a"), -EACCES);
    assert_int_equal(fixture_read(f, f->dom2, "/other"), -EACCES);
    assert_int_equal(wrg_xenstore_set_target(f->xs, &f->dom0, 2, 1), 0);
    assert_value(f, f->dom2, "/local/domain/1/a", "1");
    assert_value(f, f->dom2, "/other", "1");
    assert_int_equal(fixture_perms(f, f->dom2, "/local/domain/1/a", "r1"), 0);
    assert_int_equal(fixture_perms(f, f->dom2, "/local/domain/1/a", "r2"), -EPERM);
    assert_int_equal(fixture_write(f, f->dom2, "/local/domain/1/b", "1"), 0);
    assert_string_equal(perms_of(f, f->dom0, "/local/domain/1/b"), "n2r2"); /* its own */
    assert_int_equal(fixture_read(f, f->dom1, "/other"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "/other", "2"), -EACCES);
    wrg_xenstore_domain_died(f->xs, 1);
    assert_int_equal(fixture_read(f, f->dom2, "/other"), -EACCES);
    assert_int_equal(fixture_perms(f, f->dom0, "/other", "n1"), 0); /* the next one's */
    assert_int_equal(fixture_read(f, f->dom2, "/other"), -EACCES);
}

static void special_paths__privileged_by_default(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(perms_of(f, f->dom0, "@introduceDomain"), "n0");
    assert_string_equal(perms_of(f, f->dom0, "@releaseDomain"), "n0");
    assert_string_equal(perms_of(f, f->dom1, "@releaseDomain"), "EACCES");
    assert_int_equal(fixture_perms(f, f->dom1, "@releaseDomain", "n0r1"), -EACCES);
    assert_string_equal(perms_of(f, f->dom0, "@other"), "EINVAL");
    assert_int_equal(fixture_perms(f, f->dom0, "@other", "n0"), -EINVAL);
    assert_int_equal(fixture_perms(f, f->dom0, "@releaseDomain", ""), -EINVAL);
}

static void special_path_opened_to_a_domu__it_is_told(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_watch(f, f->dom1, "@releaseDomain", "r"), 0);
    assert_event(f, f->dom1, "@releaseDomain r"); /* the first comes anyway */
    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom0, 3), 0);
    assert_int_equal(wrg_xenstore_release(f->xs, &f->dom0, 3), 0);
    assert_no_event(f, f->dom1);
    assert_int_equal(fixture_perms(f, f->dom0, "@releaseDomain", "n0r1"), 0);
    assert_string_equal(perms_of(f, f->dom1, "@releaseDomain"), "n0r1");
    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom0, 3), 0);
    assert_no_event(f, f->dom1); /* not of the other path */
    assert_int_equal(wrg_xenstore_release(f->xs, &f->dom0, 3), 0);
    assert_event(f, f->dom1, "@releaseDomain r");
}

static void special_path_given_away__new_owner_keeps_it(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_perms(f, f->dom0, "@introduceDomain", "n1"), 0);
    assert_int_equal(fixture_perms(f, f->dom1, "@introduceDomain", "n1r2"), 0);
    assert_int_equal(fixture_perms(f, f->dom1, "@introduceDomain", "n2"), -EPERM);
    assert_string_equal(perms_of(f, f->dom2, "@introduceDomain"), "n1r2");
    wrg_xenstore_domain_died(f->xs, 1);
    assert_string_equal(perms_of(f, f->dom0, "@introduceDomain"), "n0r2");
    wrg_xenstore_reset(f->xs);
    f->dom0 = fixture_connect(f, 0);
    assert_string_equal(perms_of(f, f->dom0, "@introduceDomain"), "n0");
}

static void release_in_a_recent_one__told_to_anybody(void **state)
{
    struct fixture *f = *state;

    wrg_xenstore_set_quota(f->xs, &wrg_xs_quota_recent);
    assert_int_equal(fixture_watch(f, f->dom1, "@releaseDomain", "r"), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "@introduceDomain", "i"), 0);
    while (fixture_next(f, f->dom1))
        ;
    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom0, 3), 0);
    assert_int_equal(wrg_xenstore_release(f->xs, &f->dom0, 3), 0);
    assert_event(f, f->dom1, "@releaseDomain r");
    assert_no_event(f, f->dom1);
}

static void special_path_as_a_node__einval(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_read(f, f->dom0, "@releaseDomain"), -EINVAL);
    assert_int_equal(fixture_write(f, f->dom0, "@releaseDomain", "1"), -EINVAL);
    assert_int_equal(wrg_xenstore_mkdir(f->xs, &f->dom0, "@introduceDomain"), -EINVAL);
    assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom0, "@introduceDomain"), -EINVAL);
    assert_string_equal(fixture_list(f, f->dom0, "@introduceDomain"), "error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(letters__what_they_allow_to_others),
        FIXTURE_TEST(owner_and_domain_0__may_do_all),
        FIXTURE_TEST(set_perms_by_others__eacces),
        FIXTURE_TEST(created_node__inherits_with_owner_replaced),
        FIXTURE_TEST(node_readable_below_a_closed_one__found),
        FIXTURE_TEST(target__owner_rights_and_entries),
        FIXTURE_TEST(special_paths__privileged_by_default),
        FIXTURE_TEST(special_path_opened_to_a_domu__it_is_told),
        FIXTURE_TEST(special_path_given_away__new_owner_keeps_it),
        FIXTURE_TEST(release_in_a_recent_one__told_to_anybody),
        FIXTURE_TEST(special_path_as_a_node__einval),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
