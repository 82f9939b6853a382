/* SPDX-License-Identifier: MIT */
/* The store's rules as a client on the wire meets them. */
#include "store/xenstore_wire_fixture.h"

static void drain(struct fixture *f, struct wrg_xs_call call)
{
    while (wrg_xs_wire_event(f->xs, call.conn, fixture_answer) != 0)
        continue;
}

/* READ of a path of `len` bytes: "/" or nothing, then letters. */
static uint32_t read_path(struct fixture *f, struct wrg_xs_call call, bool absolute, size_t len)
{
    static char path[WRG_XS_PAYLOAD_MAX];

    memset(path, 'p', len);
    if (absolute)
        path[0] = '/';
    path[len] = '\0';
    return ask_in(f, call, XS_READ, path, len + 1);
}

static const char *error(void)
{
    return (const char *)fixture_answer + WRG_XS_HEADER_BYTES;
}

static void paths_of_other_characters_or_shape__einval(void **state)
{
    static const struct {
        const char *path;
        size_t len;
    } bad[] = {
        { BYTES("\0") },          { BYTES("//\0") },   { BYTES("/a/\0") },    { BYTES("a/\0") },
        { BYTES("/a//b\0") },     { BYTES("/a b\0") }, { BYTES("/a.b\0") },   { BYTES("/a:b\0") },
        { BYTES("/\xc3\xa4\0") }, { BYTES("/a\n\0") }, { BYTES("@other\0") },
    };
    static const uint32_t types[] = { XS_READ, XS_DIRECTORY, XS_GET_PERMS, XS_MKDIR, XS_RM };
    struct fixture *f = *state;

    for (size_t i = 0; i < WRG_ARRAY_LEN(bad); i++)
        for (size_t k = 0; k < WRG_ARRAY_LEN(types); k++)
            expect_error(f, f->dom0, types[k], bad[i].path, bad[i].len, "EINVAL");
    expect_ok(f, f->dom0, XS_MKDIR, BYTES("/azAZ09-_@\0"));
}

static void path_length__2048_fit_3073_never_do(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(read_path(f, f->dom0, true, 2048), XS_ERROR);
    assert_string_equal(error(), "ENOENT");
    assert_int_equal(read_path(f, f->dom0, true, 3073), XS_ERROR);
    assert_string_equal(error(), "EINVAL");
    assert_int_equal(read_path(f, f->dom1, false, 2048), XS_ERROR);
    assert_string_equal(error(), "ENOENT");
    assert_int_equal(read_path(f, f->dom1, false, 2049), XS_ERROR);
    assert_string_equal(error(), "EINVAL");
}

static void new_node__permissions_of_the_parent_owner_who_made_it(void **state)
{
    struct fixture *f = *state;

    expect_ok(f, f->dom0, XS_SET_PERMS, BYTES("/local/domain/1\0r0\0b1\0w2\0"));
    expect_ok(f, f->dom1, XS_WRITE, BYTES("mine\0v"));
    expect(f, f->dom0, XS_GET_PERMS, BYTES("/local/domain/1/mine\0"), BYTES("r1\0b1\0w2\0"));
    expect_ok(f, f->dom0, XS_WRITE, BYTES("/local/domain/1/theirs\0v"));
    expect(f, f->dom0, XS_GET_PERMS, BYTES("/local/domain/1/theirs\0"), BYTES("r0\0b1\0w2\0"));
}

static void letters__r_w_b_n_for_others_all_for_the_owner(void **state)
{
    static const struct {
        const char *perms;
        size_t len;
        bool reads, writes;
    } rows[] = {
        { BYTES("/n\0n0\0"), false, false },    { BYTES("/n\0r0\0"), true, false },
        { BYTES("/n\0w0\0"), false, true },     { BYTES("/n\0b0\0"), true, true },
        { BYTES("/n\0n0\0r1\0"), true, false }, { BYTES("/n\0b0\0n1\0"), false, false },
        { BYTES("/n\0n1\0"), true, true },      { BYTES("/n\0n0\0w1\0b2\0"), false, true },
    };
    struct fixture *f = *state;

    expect_ok(f, f->dom0, XS_MKDIR, BYTES("/n\0"));
    for (size_t i = 0; i < WRG_ARRAY_LEN(rows); i++) {
        expect_ok(f, f->dom0, XS_SET_PERMS, rows[i].perms, rows[i].len);
        if (rows[i].reads)
            expect(f, f->dom1, XS_READ, BYTES("/n\0"), "", 0);
        else
            expect_error(f, f->dom1, XS_READ, BYTES("/n\0"), "EACCES");
        if (rows[i].writes)
            expect_ok(f, f->dom1, XS_WRITE, BYTES("/n\0"));
        else
            expect_error(f, f->dom1, XS_WRITE, BYTES("/n\0"), "EACCES");
        expect(f, f->dom0, XS_READ, BYTES("/n\0"), "", 0);
    }
}

static void too_many_permissions__enospc(void **state)
{
    struct fixture *f = *state;

    expect_ok(f, f->dom1, XS_SET_PERMS, BYTES("/local/domain/1\0n1\0r2\0r3\0r4\0r5\0"));
    expect_error(f, f->dom1, XS_SET_PERMS, BYTES("/local/domain/1\0n1\0r2\0r3\0r4\0r5\0r6\0"),
                 "ENOSPC");
}

static void write_of_the_same_value__fires(void **state)
{
    struct fixture *f = *state;

    expect_ok(f, f->dom0, XS_WRITE, BYTES("/a\0v"));
    expect_ok(f, f->dom0, XS_WATCH, BYTES("/a\0t\0"));
    drain(f, f->dom0);
    expect_ok(f, f->dom0, XS_WRITE, BYTES("/a\0v"));
    expect_event(f, f->dom0, BYTES("/a\0t\0"));
    expect_ok(f, f->dom0, XS_SET_PERMS, BYTES("/a\0r0\0"));
    expect_event(f, f->dom0, BYTES("/a\0t\0"));
    expect(f, f->dom0, XS_READ, BYTES("/a\0"), BYTES("v"));
    expect_no_event(f, f->dom0);
}

static void equal_events__wait_as_one(void **state)
{
    struct fixture *f = *state;

    expect_ok(f, f->dom0, XS_WATCH, BYTES("/a\0t\0"));
    drain(f, f->dom0);
    for (unsigned i = 0; i < 3; i++)
        expect_ok(f, f->dom0, XS_WRITE, BYTES("/a\0v"));
    expect_event(f, f->dom0, BYTES("/a\0t\0"));
    expect_no_event(f, f->dom0);
}

static void rm__one_event_to_those_above_one_to_each_watcher_below(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call above = fixture_connect(f, 0), below = fixture_connect(f, 0);

    expect_ok(f, f->dom0, XS_WRITE, BYTES("/a/b/c\0v"));
    expect_ok(f, above, XS_WATCH, BYTES("/a\0t\0"));
    expect_ok(f, below, XS_WATCH, BYTES("/a/b/c\0t\0"));
    drain(f, above);
    drain(f, below);
    expect_ok(f, f->dom0, XS_RM, BYTES("/a/b\0"));
    expect_event(f, above, BYTES("/a/b\0t\0"));
    expect_no_event(f, above);
    expect_event(f, below, BYTES("/a/b/c\0t\0"));
    expect_no_event(f, below);
}

static void transaction__no_event_until_commit_then_one_a_node(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx;

    expect_ok(f, f->dom0, XS_MKDIR, BYTES("/a\0"));
    expect_ok(f, f->dom0, XS_WATCH, BYTES("/a\0t\0"));
    drain(f, f->dom0);
    tx = fixture_begin(f, fixture_connect(f, 0));
    expect_ok(f, tx, XS_WRITE,
              BYTES("/a/x\0"
                    "1"));
    expect_ok(f, tx, XS_WRITE,
              BYTES("/a/x\0"
                    "2"));
    expect_ok(f, tx, XS_WRITE,
              BYTES("/a/y\0"
                    "1"));
    expect_no_event(f, f->dom0);
    expect_ok(f, tx, XS_TRANSACTION_END, BYTES("T\0"));
    expect_event(f, f->dom0, BYTES("/a/x\0t\0"));
    expect_event(f, f->dom0, BYTES("/a/y\0t\0"));
    expect_no_event(f, f->dom0);
}

static void node_read_and_changed__eagain_written_blindly__not(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx;

    expect_ok(f, f->dom0, XS_WRITE,
              BYTES("/a\0"
                    "1"));
    tx = fixture_begin(f, f->dom0);
    expect_ok(f, tx, XS_WRITE,
              BYTES("/a\0"
                    "2"));
    expect_ok(f, f->dom0, XS_WRITE,
              BYTES("/a\0"
                    "3"));
    expect_ok(f, tx, XS_TRANSACTION_END, BYTES("T\0"));
    expect(f, f->dom0, XS_READ, BYTES("/a\0"), BYTES("2"));
    tx = fixture_begin(f, f->dom0);
    expect(f, tx, XS_READ, BYTES("/a\0"), BYTES("2"));
    expect_ok(f, tx, XS_WRITE,
              BYTES("/b\0"
                    "1"));
    expect_ok(f, f->dom0, XS_WRITE,
              BYTES("/a\0"
                    "2"));
    expect_error(f, tx, XS_TRANSACTION_END, BYTES("T\0"), "EAGAIN");
    expect_error(f, f->dom0, XS_READ, BYTES("/b\0"), "ENOENT");
}

static void transaction_of_another_connection__enoent(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx = fixture_begin(f, f->dom0);
    struct wrg_xs_call other = fixture_connect(f, 0);

    other.tx = tx.tx;
    expect_error(f, other, XS_READ, BYTES("/\0"), "ENOENT");
    expect(f, tx, XS_READ, BYTES("/\0"), "", 0);
}

static void watcher_that_may_not_read__not_told(void **state)
{
    struct fixture *f = *state;

    expect_ok(f, f->dom1, XS_WATCH, BYTES("/secret\0t\0"));
    expect_ok(f, f->dom1, XS_WATCH, BYTES("@introduceDomain\0t\0"));
    drain(f, f->dom1);
    expect_ok(f, f->dom0, XS_WRITE, BYTES("/secret\0v"));
    expect_ok(f, f->dom0, XS_INTRODUCE,
              BYTES("5\0"
                    "17\0"
                    "3\0"));
    expect_no_event(f, f->dom1);
    expect_ok(f, f->dom0, XS_SET_PERMS, BYTES("/secret\0n0\0r1\0"));
    expect_event(f, f->dom1, BYTES("/secret\0t\0"));
}

static void released_domain__its_nodes_go_domain_0_s_stay(void **state)
{
    struct fixture *f = *state;

    expect_ok(f, f->dom0, XS_INTRODUCE,
              BYTES("1\0"
                    "17\0"
                    "3\0"));
    expect_ok(f, f->dom1, XS_WRITE, BYTES("data\0v"));
    expect_ok(f, f->dom0, XS_WRITE, BYTES("/backend/1\0v"));
    expect_ok(f, f->dom0, XS_RELEASE, BYTES("1\0"));
    expect_error(f, f->dom0, XS_READ, BYTES("/local/domain/1/data\0"), "ENOENT");
    expect(f, f->dom0, XS_READ, BYTES("/backend/1\0"), BYTES("v"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(paths_of_other_characters_or_shape__einval),
        FIXTURE_TEST(path_length__2048_fit_3073_never_do),
        FIXTURE_TEST(new_node__permissions_of_the_parent_owner_who_made_it),
        FIXTURE_TEST(letters__r_w_b_n_for_others_all_for_the_owner),
        FIXTURE_TEST(too_many_permissions__enospc),
        FIXTURE_TEST(write_of_the_same_value__fires),
        FIXTURE_TEST(equal_events__wait_as_one),
        FIXTURE_TEST(rm__one_event_to_those_above_one_to_each_watcher_below),
        FIXTURE_TEST(transaction__no_event_until_commit_then_one_a_node),
        FIXTURE_TEST(node_read_and_changed__eagain_written_blindly__not),
        FIXTURE_TEST(transaction_of_another_connection__enoent),
        FIXTURE_TEST(watcher_that_may_not_read__not_told),
        FIXTURE_TEST(released_domain__its_nodes_go_domain_0_s_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
