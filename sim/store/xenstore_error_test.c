/* SPDX-License-Identifier: MIT */
/* The table of errors, a test a row, and what stands around it: names, paths, the shared page. */
#include "store/xenstore_fixture.h"

#include <xen/io/xs_wire.h>

static char long_path[4200];

static const char *path_of_length(const char *prefix, size_t len)
{
    size_t at = strlen(prefix);

    memset(long_path, 'a', len);
    memcpy(long_path, prefix, at);
    long_path[len] = '\0';
    return long_path;
}

static void bad_path_or_character__einval(void **state)
{
    static const char *const paths[] = { "/a b", "/a.b",   "/a\n", "/\xe4", "/a/+",
                                         "/a:b", "/a\x7f", "a\\b", "@a",    "" };
    struct fixture *f = *state;

    for (size_t i = 0; i < WRG_ARRAY_LEN(paths); i++) {
        assert_int_equal(fixture_write(f, f->dom0, paths[i], "1"), -EINVAL);
        assert_int_equal(fixture_read(f, f->dom1, paths[i]), -EINVAL);
        assert_string_equal(fixture_list(f, f->dom0, paths[i]), "error");
    }
    assert_int_equal(fixture_write(f, f->dom0, "/AZaz09-_@", "1"), 0);
}

static void double_or_trailing_slash__einval(void **state)
{
    static const char *const paths[] = { "//", "/a/", "a/", "/a//b", "a//b", "//a", "/a//" };
    struct fixture *f = *state;

    assert_int_equal(fixture_write(f, f->dom0, "/a/b", "1"), 0);
    for (size_t i = 0; i < WRG_ARRAY_LEN(paths); i++) {
        assert_int_equal(fixture_read(f, f->dom0, paths[i]), -EINVAL);
        assert_int_equal(fixture_watch(f, f->dom0, paths[i], "t"), -EINVAL);
        assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom0, paths[i]), -EINVAL);
        assert_int_equal(fixture_perms(f, f->dom0, paths[i], "n0"), -EINVAL);
    }
}

static void too_long_path__einval(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;

    /* 2048 after the way home, whoever's home it is, and however it is written. */
    assert_int_equal(fixture_write(f, f->dom0, path_of_length("/", 2048), "1"), 0);
    assert_int_equal(fixture_write(f, f->dom0, path_of_length("/", 2049), "1"), -EINVAL);
    assert_int_equal(fixture_write(f, f->dom0, path_of_length("/local/domain/1/", 2048 + 16), "1"),
                     0);
    assert_int_equal(fixture_write(f, f->dom0, path_of_length("/local/domain/1/", 2049 + 16), "1"),
                     -EINVAL);
    assert_int_equal(fixture_write(f, f->dom0, path_of_length("/local/domain/12345/", 2068), "1"),
                     0);
    assert_int_equal(fixture_write(f, f->dom0, path_of_length("/local/domain/123456/", 2069), "1"),
                     -EINVAL); /* nobody's home */
    assert_int_equal(fixture_write(f, f->dom0, path_of_length("/local/domain/1x/", 2065), "1"),
                     -EINVAL);
    assert_int_equal(fixture_write(f, f->dom1, path_of_length("b", 2048), "1"), -ENOSPC); /* size */
    assert_int_equal(fixture_write(f, f->dom0, path_of_length("b", 2048), "1"), 0);
    assert_int_equal(fixture_write(f, f->dom0, path_of_length("b", 2049), "1"), -EINVAL);
    assert_int_equal(fixture_watch(f, f->dom1, path_of_length("c", 2048), "t"), 0);
    assert_int_equal(fixture_watch(f, f->dom1, path_of_length("c", 2049), "t"), -EINVAL);
    quota.path_bytes = 0; /* the protocol alone */
    wrg_xenstore_set_quota(f->xs, &quota);
    assert_int_equal(fixture_write(f, f->dom0, path_of_length("/", 3072), "1"), 0);
    assert_value(f, f->dom0, path_of_length("/", 3072), "1");
    assert_int_equal(fixture_write(f, f->dom0, path_of_length("/", 3073), "1"), -EINVAL);
    assert_int_equal(fixture_write(f, f->dom0, path_of_length("d", 2049), "1"), -EINVAL);
    wrg_xenstore_set_quota(f->xs, &wrg_xs_quota_oxenstored);
    assert_int_equal(fixture_write(f, f->dom0, path_of_length("/e", 1024), "1"), 0);
    assert_int_equal(fixture_write(f, f->dom0, path_of_length("/e", 1025), "1"), -EINVAL);
}

static void malformed_permissions__einval(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_int_equal(fixture_perms(f, f->dom1, "a", ""), -EINVAL);
    assert_int_equal(fixture_perms(f, f->dom1, "a", "x1"), -EINVAL);
    assert_int_equal(fixture_perms(f, f->dom1, "a", "n1R2"), -EINVAL);
}

static void privileged_call_by_domu__eacces(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom1, 2), -EACCES);
    assert_int_equal(wrg_xenstore_release(f->xs, &f->dom1, 1), -EACCES);
    assert_int_equal(wrg_xenstore_resume(f->xs, &f->dom1, 1), -EACCES);
    assert_int_equal(wrg_xenstore_set_target(f->xs, &f->dom1, 1, 2), -EACCES);
    f->dom1.tx = 77; /* is asked about afterwards */
    assert_int_equal(wrg_xenstore_release(f->xs, &f->dom1, 1), -EACCES);
    f->dom0.tx = 77;
    assert_int_equal(wrg_xenstore_release(f->xs, &f->dom0, 1), -ENOENT);
    assert_int_equal(wrg_xenstore_introduce(f->xs, &f->dom0, 1), -ENOENT);
}

static void missing_node__enoent_if_ancestor_readable(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_read(f, f->dom0, "/no/such"), -ENOENT);
    assert_int_equal(fixture_read(f, f->dom1, "no/such"), -ENOENT);
    assert_int_equal(fixture_read(f, f->dom2, "/local/domain/1/no/such"), -ENOENT);
    assert_string_equal(fixture_list(f, f->dom2, "/local/domain/1/no"), "error");
}

static void missing_node__eacces_if_no_ancestor_readable(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_read(f, f->dom1, "/no/such"), -EACCES);
    assert_int_equal(fixture_write(f, f->dom2, "/local/domain/1/no", "1"), -EACCES);
    /* The nearest one that exists decides, not one further up. */
    assert_int_equal(fixture_write(f, f->dom0, "/local/domain/1/secret", "1"), 0);
    assert_int_equal(fixture_perms(f, f->dom0, "/local/domain/1/secret", "n0"), 0);
    assert_int_equal(fixture_read(f, f->dom2, "/local/domain/1/secret/a/b"), -EACCES);
    assert_int_equal(fixture_read(f, f->dom2, "/local/domain/1/public/a/b"), -ENOENT);
}

static void unknown_transaction__enoent(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call call = f->dom1;

    call.tx = 4711;
    assert_int_equal(fixture_read(f, call, "a"), -ENOENT);
    assert_int_equal(fixture_read(f, call, "a//"), -ENOENT); /* before the path is looked at */
    assert_int_equal(fixture_write(f, call, "a", "1"), -ENOENT);
    assert_int_equal(wrg_xenstore_rm(f->xs, &call, "a"), -ENOENT);
    assert_int_equal(fixture_perms(f, call, "a", "n1"), -ENOENT);
    assert_int_equal(wrg_xenstore_reset_watches(f->xs, &call), -ENOENT);
    assert_int_equal(fixture_commit(f, call), -ENOENT);
    assert_int_equal(fixture_watch(f, call, "a", "t"), 0); /* does not look at it */
    assert_int_equal(wrg_xenstore_unwatch(f->xs, &call, "a", "t", true), 0);
}

static void start_inside_a_transaction__ebusy(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx = fixture_begin(f, f->dom1);
    uint32_t id;

    assert_int_equal(wrg_xenstore_transaction_start(f->xs, &tx, &id), -EBUSY);
    assert_int_equal(fixture_commit(f, tx), 0); /* and no harm done */
}

static void commit_conflict__eagain(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx;

    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    tx = fixture_begin(f, f->dom1);
    assert_value(f, tx, "a", "1");
    assert_int_equal(fixture_write(f, f->dom1, "a", "2"), 0);
    assert_int_equal(fixture_commit(f, tx), -EAGAIN);
}

/* Starts transactions until one is refused; how many there are then, and why. */
static unsigned start_many(struct fixture *f, struct wrg_xs_call call, int *why)
{
    unsigned count = 0;
    uint32_t id;

    while ((*why = wrg_xenstore_transaction_start(f->xs, &call, &id)) == 0 && count < 30)
        count++;
    return count;
}

static void too_many_transactions__enospc(void **state)
{
    struct fixture *f = *state;
    int why;

    assert_int_equal(start_many(f, f->dom1, &why), 11); /* 4.17: one more than its limit */
    assert_int_equal(why, -ENOSPC);
    wrg_xenstore_set_quota(f->xs, &wrg_xs_quota_recent);
    assert_int_equal(start_many(f, f->dom2, &why), 9); /* and here one less */
    assert_int_equal(why, -ENOSPC);
}

static void too_many_transactions_for_oxenstored__equota(void **state)
{
    struct fixture *f = *state;
    int why;

    wrg_xenstore_set_quota(f->xs, &wrg_xs_quota_oxenstored);
    assert_int_equal(start_many(f, f->dom1, &why), 10);
    assert_string_equal(wrg_xenstore_error_name(why), "EQUOTA");
}

static unsigned watch_many(struct fixture *f, struct wrg_xs_call call, int *why)
{
    unsigned count = 0;
    char token[12];

    for (*why = 0; count < 300; count++) {
        snprintf(token, sizeof(token), "%u", count);
        *why = fixture_watch(f, call, "w", token);
        if (*why)
            break;
    }
    return count;
}

static void too_many_watches__e2big(void **state)
{
    struct fixture *f = *state;
    int why;

    assert_int_equal(watch_many(f, f->dom1, &why), 129);
    assert_int_equal(why, -E2BIG);
    assert_int_equal(fixture_watch(f, f->dom1, "w", "0"), -EEXIST); /* is said first */
}

static void too_many_watches_for_a_recent_one__enospc(void **state)
{
    struct fixture *f = *state;
    int why;

    wrg_xenstore_set_quota(f->xs, &wrg_xs_quota_recent);
    assert_int_equal(watch_many(f, f->dom1, &why), 127);
    assert_int_equal(why, -ENOSPC);
}

static void too_many_watches_for_oxenstored__equota(void **state)
{
    struct fixture *f = *state;
    int why;

    wrg_xenstore_set_quota(f->xs, &wrg_xs_quota_oxenstored);
    assert_int_equal(watch_many(f, f->dom1, &why), 100);
    assert_string_equal(wrg_xenstore_error_name(why), "EQUOTA");
}

static void too_many_nodes__enospc_or_equota(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;

    quota.nodes = 2;
    wrg_xenstore_set_quota(f->xs, &quota);
    assert_int_equal(fixture_write(f, f->dom1, "a", ""), 0); /* the home is the first */
    assert_int_equal(fixture_write(f, f->dom1, "b", ""), 0);
    assert_int_equal(fixture_write(f, f->dom1, "c", ""), -ENOSPC);
    assert_int_equal(wrg_xenstore_mkdir(f->xs, &f->dom1, "c"), -ENOSPC);
    quota = wrg_xs_quota_oxenstored;
    quota.nodes = 3;
    wrg_xenstore_set_quota(f->xs, &quota);
    assert_int_equal(fixture_write(f, f->dom1, "c", ""), -WRG_XS_EQUOTA);
    assert_int_equal(fixture_write(f, f->dom0, "/local/domain/1/c", ""), 0); /* exempt */
}

static void value_too_big__enospc(void **state)
{
    static const char value[2049];
    struct fixture *f = *state;

    assert_int_equal(wrg_xenstore_write(f->xs, &f->dom1, "a", value, sizeof(value)), -ENOSPC);
    assert_int_equal(fixture_read(f, f->dom1, "a"), -ENOENT);
    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_int_equal(wrg_xenstore_write(f->xs, &f->dom1, "a", value, sizeof(value)), -ENOSPC);
    assert_value(f, f->dom1, "a", "1");
}

static void value_too_big_for_oxenstored__e2big(void **state)
{
    static const char value[2049];
    struct fixture *f = *state;

    wrg_xenstore_set_quota(f->xs, &wrg_xs_quota_oxenstored);
    assert_int_equal(wrg_xenstore_write(f->xs, &f->dom1, "a", value, 2049), -E2BIG);
    assert_int_equal(wrg_xenstore_write(f->xs, &f->dom1, "a", value, 2048), 0);
}

static void duplicate_watch__eexist(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_watch(f, f->dom1, "a", "t"), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "a", "t"), -EEXIST);
    assert_int_equal(fixture_watch(f, f->dom1, "/local/domain/1/a", "t"), -EEXIST); /* the same */
    assert_int_equal(fixture_watch(f, f->dom1, "a", "u"), 0);
    assert_int_equal(fixture_watch(f, f->dom1, "b", "t"), 0);
}

static void unwatch_of_an_unknown_one__enoent(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_watch(f, f->dom1, "a", "t"), 0);
    assert_int_equal(wrg_xenstore_unwatch(f->xs, &f->dom1, "a", "u", false), -ENOENT);
    assert_int_equal(wrg_xenstore_unwatch(f->xs, &f->dom1, "b", "t", false), -ENOENT);
    assert_int_equal(wrg_xenstore_unwatch(f->xs, &f->dom2, "/local/domain/1/a", "t", false),
                     -ENOENT);
}

static void too_many_permissions__enospc(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_int_equal(fixture_perms(f, f->dom1, "a", "n1r2r3r4r5"), 0);
    assert_int_equal(fixture_perms(f, f->dom1, "a", "n1r2r3r4r5r6"), -ENOSPC);
    assert_int_equal(fixture_perms(f, f->dom1, "a//", "n1r2r3r4r5r6"), -ENOSPC); /* said first */
    assert_int_equal(fixture_perms(f, f->dom0, "/local/domain/1/a", "n1r2r3r4r5r6r7r8"), 0);
    assert_int_equal(fixture_perms(f, f->dom0, "/local/domain/1/a", "n1r2r3r4r5r6r7r8r9"),
                     -ENOSPC); /* there is no room here */
}

static void change_of_owner_by_domu__eperm(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_int_equal(fixture_perms(f, f->dom1, "a", "n2"), -EPERM);
    assert_int_equal(fixture_perms(f, f->dom1, "a", "n2r1"), -EPERM);
    assert_int_equal(fixture_perms(f, f->dom0, "/local/domain/1/a", "n2r1"), 0);
}

static void directory_over_4096_bytes__e2big(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_reply reply = { .data = fixture_reply, .cap = sizeof(fixture_reply) };
    char path[80];

    for (int i = 0; i < 64; i++) { /* each name takes 64 bytes */
        snprintf(path, sizeof(path), "/d/%063d", i);
        assert_int_equal(fixture_write(f, f->dom0, path, ""), 0);
    }
    assert_int_equal(wrg_xenstore_directory(f->xs, &f->dom0, "/d", &reply), 0);
    assert_int_equal(reply.len, 4096);
    assert_int_equal(fixture_write(f, f->dom0, "/d/x", ""), 0);
    assert_int_equal(wrg_xenstore_directory(f->xs, &f->dom0, "/d", &reply), -E2BIG);
    assert_int_equal(reply.len, 4098);
}

static void rm_of_a_missing_node__ok_if_parent_exists(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom1, "none"), 0);
    assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom1, "none/below"), -ENOENT);
    assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom2, "/local/domain/1/none"), -EACCES);
}

static void rm_of_the_root__einval(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom0, "/"), -EINVAL);
    assert_int_equal(wrg_xenstore_rm(f->xs, &f->dom1, "/"), -EACCES);
}

static void names_of_errors__as_in_the_table_of_xen(void **state)
{
    for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
        assert_string_equal(wrg_xenstore_error_name(-xsd_errors[i].errnum),
                            xsd_errors[i].errstring);
    assert_string_equal(wrg_xenstore_error_name(-WRG_XS_EQUOTA), "EQUOTA"); /* not in it */
    assert_string_equal(wrg_xenstore_error_name(-ERANGE), "EINVAL");
}

static void shared_page__offsets_and_values(void **state)
{
    assert_int_equal(XENSTORE_RING_SIZE, 1024);
    assert_int_equal(offsetof(struct xenstore_domain_interface, req), 0);
    assert_int_equal(offsetof(struct xenstore_domain_interface, rsp), 1024);
    assert_int_equal(offsetof(struct xenstore_domain_interface, req_cons), 2048);
    assert_int_equal(offsetof(struct xenstore_domain_interface, req_prod), 2052);
    assert_int_equal(offsetof(struct xenstore_domain_interface, rsp_cons), 2056);
    assert_int_equal(offsetof(struct xenstore_domain_interface, rsp_prod), 2060);
    assert_int_equal(offsetof(struct xenstore_domain_interface, server_features), 2064);
    assert_int_equal(offsetof(struct xenstore_domain_interface, connection), 2068);
    assert_int_equal(offsetof(struct xenstore_domain_interface, error), 2072);
    assert_int_equal(XENSTORE_SERVER_FEATURE_RECONNECTION, 1);
    assert_int_equal(XENSTORE_SERVER_FEATURE_ERROR, 2);
    assert_int_equal(XENSTORE_RECONNECT, 1);
    assert_int_equal(XENSTORE_ERROR_PROTO, 3);
    assert_int_equal(XENSTORE_PAYLOAD_MAX, WRG_XS_PAYLOAD_MAX);
    assert_int_equal(XENSTORE_ABS_PATH_MAX, WRG_XS_ABS_PATH_MAX);
    assert_int_equal(XENSTORE_REL_PATH_MAX, WRG_XS_REL_PATH_MAX);
}

static void types_of_messages__numbers(void **state)
{
    static const int numbers[] = { XS_CONTROL,
                                   XS_DIRECTORY,
                                   XS_READ,
                                   XS_GET_PERMS,
                                   XS_WATCH,
                                   XS_UNWATCH,
                                   XS_TRANSACTION_START,
                                   XS_TRANSACTION_END,
                                   XS_INTRODUCE,
                                   XS_RELEASE,
                                   XS_GET_DOMAIN_PATH,
                                   XS_WRITE,
                                   XS_MKDIR,
                                   XS_RM,
                                   XS_SET_PERMS,
                                   XS_WATCH_EVENT,
                                   XS_ERROR,
                                   XS_IS_DOMAIN_INTRODUCED,
                                   XS_RESUME,
                                   XS_SET_TARGET };

    for (size_t i = 0; i < WRG_ARRAY_LEN(numbers); i++)
        assert_int_equal(numbers[i], i);
    assert_int_equal(XS_RESET_WATCHES, 21); /* 20 was removed */
    assert_int_equal(XS_DIRECTORY_PART, 22);
    assert_int_equal(XS_INVALID, 0xffff);
    assert_int_equal(sizeof(struct xsd_sockmsg), 16);
    assert_int_equal(offsetof(struct xsd_sockmsg, req_id), 4);
    assert_int_equal(offsetof(struct xsd_sockmsg, tx_id), 8);
    assert_int_equal(offsetof(struct xsd_sockmsg, len), 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(bad_path_or_character__einval),
        FIXTURE_TEST(double_or_trailing_slash__einval),
        FIXTURE_TEST(too_long_path__einval),
        FIXTURE_TEST(malformed_permissions__einval),
        FIXTURE_TEST(privileged_call_by_domu__eacces),
        FIXTURE_TEST(missing_node__enoent_if_ancestor_readable),
        FIXTURE_TEST(missing_node__eacces_if_no_ancestor_readable),
        FIXTURE_TEST(unknown_transaction__enoent),
        FIXTURE_TEST(start_inside_a_transaction__ebusy),
        FIXTURE_TEST(commit_conflict__eagain),
        FIXTURE_TEST(too_many_transactions__enospc),
        FIXTURE_TEST(too_many_transactions_for_oxenstored__equota),
        FIXTURE_TEST(too_many_watches__e2big),
        FIXTURE_TEST(too_many_watches_for_a_recent_one__enospc),
        FIXTURE_TEST(too_many_watches_for_oxenstored__equota),
        FIXTURE_TEST(too_many_nodes__enospc_or_equota),
        FIXTURE_TEST(value_too_big__enospc),
        FIXTURE_TEST(value_too_big_for_oxenstored__e2big),
        FIXTURE_TEST(duplicate_watch__eexist),
        FIXTURE_TEST(unwatch_of_an_unknown_one__enoent),
        FIXTURE_TEST(too_many_permissions__enospc),
        FIXTURE_TEST(change_of_owner_by_domu__eperm),
        FIXTURE_TEST(directory_over_4096_bytes__e2big),
        FIXTURE_TEST(rm_of_a_missing_node__ok_if_parent_exists),
        FIXTURE_TEST(rm_of_the_root__einval),
        cmocka_unit_test(names_of_errors__as_in_the_table_of_xen),
        cmocka_unit_test(shared_page__offsets_and_values),
        cmocka_unit_test(types_of_messages__numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
