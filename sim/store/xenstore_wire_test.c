/* SPDX-License-Identifier: MIT */
#include "store/xenstore_wire_fixture.h"

/* ---- framing ---- */

static void size__needs_the_header_and_no_more(void **state)
{
    struct xsd_sockmsg header = { .type = XS_READ, .len = 5 };

    for (size_t have = 0; have < sizeof(header); have++)
        assert_int_equal(wrg_xs_wire_size(&header, have), 0);
    assert_int_equal(wrg_xs_wire_size(&header, sizeof(header)), 21);
    header.len = 0;
    assert_int_equal(wrg_xs_wire_size(&header, sizeof(header)), 16);
    header.len = 4096;
    assert_int_equal(wrg_xs_wire_size(&header, sizeof(header)), 4112);
}

static void length_over_4096__drop_the_connection(void **state)
{
    static const uint32_t lengths[] = { 4097, 0x7fffffff, 0x80000000, 0xffffffff };

    for (size_t i = 0; i < WRG_ARRAY_LEN(lengths); i++) {
        struct xsd_sockmsg header = { .type = XS_READ, .len = lengths[i] };
        assert_int_equal(wrg_xs_wire_size(&header, sizeof(header)), -EPROTO);
    }
}

static void header__is_type_req_id_tx_id_len(void **state)
{
    static const uint8_t read_root[] = { 2, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 2, 0, 0, 0, '/', 0 };
    static const uint8_t reply[] = { 2, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0 };
    struct fixture *f = *state;

    assert_int_equal(wrg_xs_wire_handle(f->xs, f->dom0.conn, read_root, fixture_answer),
                     sizeof(reply));
    assert_memory_equal(fixture_answer, reply, sizeof(reply));
}

static void types__have_the_numbers_of_the_wire(void **state)
{
    assert_int_equal(XS_CONTROL, 0);
    assert_int_equal(XS_TRANSACTION_START, 6);
    assert_int_equal(XS_WRITE, 11);
    assert_int_equal(XS_WATCH_EVENT, 15);
    assert_int_equal(XS_ERROR, 16);
    assert_int_equal(XS_SET_TARGET, 19);
    assert_int_equal(XS_RESET_WATCHES, 21);
    assert_int_equal(XS_DIRECTORY_PART, 22);
}

static void types_nobody_may_send__enosys(void **state)
{
    static const uint32_t types[] = { XS_WATCH_EVENT, XS_ERROR,   20,        23, 24, 25, 26,
                                      0xffff,         0x80000000, 0xffffffff };
    struct fixture *f = *state;

    for (size_t i = 0; i < WRG_ARRAY_LEN(types); i++) {
        expect_error(f, f->dom0, types[i], BYTES("/\0"), "ENOSYS");
        expect_error(f, f->dom1, types[i], "", 0, "ENOSYS");
    }
}

/* ---- shape of the arguments ---- */

static void malformed_arguments__einval(void **state)
{
    static const struct {
        uint32_t type;
        const char *payload;
        size_t len;
    } rows[] = {
        /* exactly one string: none, without its NUL, bytes or a string behind it */
        { XS_DIRECTORY, BYTES("") },
        { XS_DIRECTORY, BYTES("/") },
        { XS_READ, BYTES("") },
        { XS_READ, BYTES("/") },
        { XS_READ, BYTES("/\0x") },
        { XS_READ, BYTES("/\0x\0") },
        { XS_READ, BYTES("\0") },
        { XS_GET_PERMS, BYTES("") },
        { XS_GET_PERMS, BYTES("/\0/\0") },
        { XS_MKDIR, BYTES("") },
        { XS_MKDIR, BYTES("/a") },
        { XS_RM, BYTES("") },
        { XS_RM, BYTES("/a") },
        { XS_RM, BYTES("/\0") },
        { XS_RELEASE, BYTES("") },
        { XS_RESUME, BYTES("1") },
        { XS_GET_DOMAIN_PATH, BYTES("") },
        { XS_IS_DOMAIN_INTRODUCED, BYTES("1") },
        { XS_TRANSACTION_END, BYTES("") },
        { XS_TRANSACTION_END, BYTES("T") },
        { XS_TRANSACTION_END, BYTES("X\0") },
        { XS_TRANSACTION_END, BYTES("\0") },
        /* two */
        { XS_WATCH, BYTES("") },
        { XS_WATCH, BYTES("/a\0") },
        { XS_WATCH, BYTES("/a\0t") },
        { XS_WATCH, BYTES("/a\0t\0u\0") },
        { XS_WATCH, BYTES("a b\0t\0") },
        { XS_UNWATCH, BYTES("/a\0") },
        { XS_UNWATCH, BYTES("/a\0t\0u\0") },
        { XS_DIRECTORY_PART, BYTES("/\0") },
        { XS_DIRECTORY_PART, BYTES("/\0"
                                   "0\0"
                                   "0\0") },
        /* at least so many */
        { XS_CONTROL, BYTES("") },
        { XS_CONTROL, BYTES("no-such-command\0") },
        { XS_WRITE, BYTES("") },
        { XS_WRITE, BYTES("/a") },
        { XS_WRITE, BYTES("a b\0v") },
        { XS_SET_PERMS, BYTES("/local\0") },
        { XS_SET_PERMS, BYTES("/local\0n0") },
        { XS_SET_PERMS, BYTES("/local\0x0\0") },
        { XS_SET_PERMS, BYTES("/local\0n\0") },
        { XS_SET_PERMS, BYTES("/local\0n0x\0") },
        { XS_SET_PERMS, BYTES("/local\0n65536\0") },
        { XS_SET_PERMS, BYTES("/local\0n-1\0") },
        { XS_SET_PERMS, BYTES("/local\0\0") },
        { XS_INTRODUCE, BYTES("1\0"
                              "2\0") },
        { XS_INTRODUCE, BYTES("1\0"
                              "2\0"
                              "0\0") },
        { XS_INTRODUCE, BYTES("65536\0"
                              "2\0"
                              "3\0") },
        { XS_INTRODUCE, BYTES("-1\0"
                              "2\0"
                              "3\0") },
        { XS_SET_TARGET, BYTES("1\0") },
        { XS_SET_TARGET, BYTES("70000\0"
                               "1\0") },
        /* a domain that is none */
        { XS_RELEASE, BYTES("0\0") },
        { XS_RELEASE, BYTES("x\0") },
        { XS_RESUME, BYTES("0\0") },
    };
    struct fixture *f = *state;
    uint64_t mark;

    /* An empty payload is no transaction's end; the others must not find one missing either. */
    struct wrg_xs_call tx = fixture_begin(f, f->dom0);
    mark = wrg_xenstore_mark(f->xs);
    for (size_t i = 0; i < WRG_ARRAY_LEN(rows); i++)
        expect_error(f, rows[i].type == XS_TRANSACTION_END ? tx : f->dom0, rows[i].type,
                     rows[i].payload, rows[i].len, "EINVAL");
    assert_false(wrg_xenstore_changed_since(f->xs, mark));
}

static void bytes_behind_the_last_string__ignored_where_two_are_taken(void **state)
{
    struct fixture *f = *state;

    expect_ok(f, f->dom0, XS_WATCH, BYTES("/a\0t\0trailing"));
    expect_ok(f, f->dom0, XS_UNWATCH, BYTES("/a\0t\0trailing"));
    expect_ok(f, f->dom0, XS_SET_PERMS, BYTES("/local\0n0\0r"));
    expect(f, f->dom0, XS_GET_PERMS, BYTES("/local\0"), BYTES("n0\0"));
}

static void payload_of_any_bytes__a_reply_always(void **state)
{
    struct fixture *f = *state;
    uint32_t seed = 1;
    uint8_t payload[64];

    for (unsigned i = 0; i < 20000; i++) {
        struct wrg_xs_call call = i % 2 ? f->dom0 : f->dom1;
        size_t len = i % sizeof(payload);

        for (size_t k = 0; k < len; k++) {
            seed = seed * 1664525 + 1013904223;
            payload[k] = seed >> 30 ? (uint8_t) "/ab\0"
                                                "01nrT"[(seed >> 16) % 9]
                                    : seed >> 16;
        }
        call.tx = i % 7 == 0 ? 1 : 0;
        (void)ask_in(f, call, i % 24, payload, len);
    }
}

/* ---- nodes ---- */

static void write_and_read__value_without_nul(void **state)
{
    struct fixture *f = *state;

    expect_ok(f, f->dom0, XS_WRITE, BYTES("/a/b\0val"));
    expect(f, f->dom0, XS_READ, BYTES("/a/b\0"), BYTES("val"));
    expect(f, f->dom0, XS_READ, BYTES("/a\0"), "", 0);
    expect_ok(f, f->dom0, XS_WRITE, BYTES("/a/b\0x\0\xffy\0"));
    expect(f, f->dom0, XS_READ, BYTES("/a/b\0"), BYTES("x\0\xffy\0"));
    expect_ok(f, f->dom0, XS_WRITE, BYTES("/a/b\0"));
    expect(f, f->dom0, XS_READ, BYTES("/a/b\0"), "", 0);
}

static void largest_value__comes_back_whole(void **state)
{
    static char payload[WRG_XS_PAYLOAD_MAX] = "/big";
    struct fixture *f = *state;

    memset(payload + 5, 'v', sizeof(payload) - 5);
    expect_ok(f, f->dom0, XS_WRITE, payload, sizeof(payload));
    expect(f, f->dom0, XS_READ, BYTES("/big\0"), payload + 5, sizeof(payload) - 5);
}

static void relative_path__below_the_home_of_the_domain(void **state)
{
    struct fixture *f = *state;

    expect_ok(f, f->dom0, XS_WRITE, BYTES("name\0Domain-0"));
    expect(f, f->dom0, XS_READ, BYTES("/local/domain/0/name\0"), BYTES("Domain-0"));
    expect_ok(f, f->dom1, XS_WRITE, BYTES("name\0guest"));
    expect(f, f->dom0, XS_READ, BYTES("/local/domain/1/name\0"), BYTES("guest"));
}

static void directory__names_each_with_its_nul(void **state)
{
    struct fixture *f = *state;

    expect_ok(f, f->dom0, XS_MKDIR, BYTES("/d/one\0"));
    expect_ok(f, f->dom0, XS_MKDIR, BYTES("/d/two\0"));
    expect(f, f->dom0, XS_DIRECTORY, BYTES("/d\0"), BYTES("one\0two\0"));
    expect(f, f->dom0, XS_DIRECTORY, BYTES("/d/one\0"), "", 0);
    expect_error(f, f->dom0, XS_DIRECTORY, BYTES("/no\0"), "ENOENT");
}

static void rm__takes_the_tree_and_forgives_a_missing_leaf(void **state)
{
    struct fixture *f = *state;

    expect_ok(f, f->dom0, XS_MKDIR, BYTES("/d/one/two\0"));
    expect_ok(f, f->dom0, XS_RM, BYTES("/d/one\0"));
    expect_ok(f, f->dom0, XS_RM, BYTES("/d/one\0"));
    expect_error(f, f->dom0, XS_RM, BYTES("/d/one/two\0"), "ENOENT");
    expect_error(f, f->dom0, XS_READ, BYTES("/d/one/two\0"), "ENOENT");
    expect(f, f->dom0, XS_DIRECTORY, BYTES("/d\0"), "", 0);
}

static void big_directory__e2big_and_in_parts(void **state)
{
    char path[64], name[32], all[12000];
    size_t at = 0, len, parts = 0;
    uint64_t generation = 0;
    struct fixture *f = *state;

    for (unsigned i = 0; i < 300; i++) {
        len = (size_t)snprintf(path, sizeof(path), "/d/child-with-a-name-%04u", i) + 1;
        expect_ok(f, f->dom0, XS_MKDIR, path, len);
    }
    expect_error(f, f->dom0, XS_DIRECTORY, BYTES("/d\0"), "E2BIG");
    for (bool ended = false; !ended; parts++) {
        const char *reply = (char *)fixture_answer + WRG_XS_HEADER_BYTES;
        len = (size_t)snprintf(path, sizeof(path), "/d%c%zu", 0, at) + 1;
        assert_int_equal(ask_in(f, f->dom0, XS_DIRECTORY_PART, path, len), XS_DIRECTORY_PART);
        if (parts > 0)
            assert_int_equal(strtoull(reply, NULL, 10), generation);
        generation = strtoull(reply, NULL, 10);
        len = answer_header().len - strlen(reply) - 1;
        memcpy(all + at, reply + strlen(reply) + 1, len);
        at += len;
        ended = all[at - 1] == '\0' && all[at - 2] == '\0';
    }
    assert_true(parts > 1);
    at = 0;
    for (unsigned i = 0; i < 300; i++, at += strlen(name) + 1) {
        snprintf(name, sizeof(name), "child-with-a-name-%04u", i);
        assert_string_equal(all + at, name);
    }
}

static void perms__letters_and_decimal_ids(void **state)
{
    struct fixture *f = *state;

    expect(f, f->dom0, XS_GET_PERMS, BYTES("/\0"), BYTES("n0\0"));
    expect_ok(f, f->dom0, XS_SET_PERMS, BYTES("/local/domain/1\0n1\0r2\0w3\0b65535\0"));
    expect(f, f->dom0, XS_GET_PERMS, BYTES("/local/domain/1\0"), BYTES("n1\0r2\0w3\0b65535\0"));
    expect_error(f, f->dom1, XS_SET_PERMS, BYTES("/local/domain/1\0n2\0"), "EPERM");
    expect_error(f, f->dom1, XS_SET_PERMS, BYTES("/local/domain/1\0n1\0r2\0r3\0r4\0r5\0r6\0"),
                 "ENOSPC");
    expect_error(f, f->dom2, XS_SET_PERMS, BYTES("/local/domain/1\0n2\0"), "EACCES");
}

static void what_the_store_refuses__errno_by_name(void **state)
{
    static char payload[WRG_XS_PAYLOAD_MAX] = "big";
    struct fixture *f = *state;

    expect_error(f, f->dom0, XS_READ, BYTES("/no/such\0"), "ENOENT");
    expect_error(f, f->dom1, XS_READ, BYTES("/no/such\0"), "EACCES");
    expect_error(f, f->dom1, XS_READ, BYTES("no\0"), "ENOENT");
    expect_error(f, f->dom1, XS_WRITE, payload, 4 + 2049, "ENOSPC");
    expect_error(f, f->dom2, XS_WRITE, BYTES("/local/domain/1/a\0v"), "EACCES");
}

static void errors_that_the_wire_has_no_name_for__einval(void **state)
{
    struct fixture *f = *state;

    wrg_xenstore_disconnect(f->xs, f->dom1.conn);
    expect_error(f, f->dom1, XS_READ, BYTES("/\0"), "EINVAL"); /* EBADF of the store */
}

/* ---- domains ---- */

static void privileged_types__eacces_to_a_guest(void **state)
{
    static const uint32_t types[] = { XS_CONTROL, XS_INTRODUCE, XS_RELEASE, XS_RESUME,
                                      XS_SET_TARGET };
    struct fixture *f = *state;

    for (size_t i = 0; i < WRG_ARRAY_LEN(types); i++) {
        expect_error(f, f->dom1, types[i],
                     BYTES("2\0"
                           "3\0"
                           "4\0"),
                     "EACCES");
        expect_error(f, f->dom1, types[i], "", 0, "EACCES"); /* whatever it looks like */
    }
}

static void domains__introduced_resumed_released(void **state)
{
    struct fixture *f = *state;

    expect(f, f->dom0, XS_IS_DOMAIN_INTRODUCED, BYTES("0\0"), BYTES("T\0"));
    expect(f, f->dom0, XS_IS_DOMAIN_INTRODUCED, BYTES("32752\0"), BYTES("T\0")); /* DOMID_SELF */
    expect(f, f->dom1, XS_IS_DOMAIN_INTRODUCED, BYTES("5\0"), BYTES("F\0"));
    expect(f, f->dom1, XS_IS_DOMAIN_INTRODUCED, BYTES("65541\0"), BYTES("F\0"));
    expect_error(f, f->dom0, XS_RESUME, BYTES("5\0"), "ENOENT");
    expect_error(f, f->dom0, XS_RELEASE, BYTES("5\0"), "ENOENT");
    expect_ok(f, f->dom0, XS_INTRODUCE,
              BYTES("5\0"
                    "17\0"
                    "3\0"));
    expect(f, f->dom1, XS_IS_DOMAIN_INTRODUCED, BYTES("5\0"), BYTES("T\0"));
    expect_ok(f, f->dom0, XS_RESUME, BYTES("5\0"));
    expect_ok(f, f->dom0, XS_RELEASE, BYTES("5\0"));
    expect(f, f->dom0, XS_IS_DOMAIN_INTRODUCED, BYTES("5\0"), BYTES("F\0"));
}

static void set_target__rights_of_the_target(void **state)
{
    struct fixture *f = *state;

    expect_ok(f, f->dom0, XS_MKDIR, BYTES("/secret\0"));
    expect_ok(f, f->dom0, XS_SET_PERMS, BYTES("/secret\0n1\0"));
    expect_error(f, f->dom2, XS_READ, BYTES("/secret\0"), "EACCES");
    expect_ok(f, f->dom0, XS_INTRODUCE,
              BYTES("1\0"
                    "17\0"
                    "3\0"));
    expect_ok(f, f->dom0, XS_INTRODUCE,
              BYTES("2\0"
                    "17\0"
                    "3\0"));
    expect_error(f, f->dom0, XS_SET_TARGET,
                 BYTES("2\0"
                       "9\0"),
                 "ENOENT");
    expect_ok(f, f->dom0, XS_SET_TARGET,
              BYTES("2\0"
                    "1\0"));
    expect(f, f->dom2, XS_READ, BYTES("/secret\0"), "", 0);
}

static void domain_path__of_any_number(void **state)
{
    struct fixture *f = *state;

    expect(f, f->dom1, XS_GET_DOMAIN_PATH, BYTES("0\0"), BYTES("/local/domain/0\0"));
    expect(f, f->dom1, XS_GET_DOMAIN_PATH, BYTES("12345\0"), BYTES("/local/domain/12345\0"));
    expect(f, f->dom1, XS_GET_DOMAIN_PATH, BYTES("x\0"), BYTES("/local/domain/0\0"));
}

static void control_help__lists_itself(void **state)
{
    struct fixture *f = *state;

    expect(f, f->dom0, XS_CONTROL, BYTES("help\0"), BYTES("Supported commands:\n\thelp\0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(size__needs_the_header_and_no_more),
        cmocka_unit_test(length_over_4096__drop_the_connection),
        cmocka_unit_test(types__have_the_numbers_of_the_wire),
        FIXTURE_TEST(header__is_type_req_id_tx_id_len),
        FIXTURE_TEST(types_nobody_may_send__enosys),
        FIXTURE_TEST(malformed_arguments__einval),
        FIXTURE_TEST(bytes_behind_the_last_string__ignored_where_two_are_taken),
        FIXTURE_TEST(payload_of_any_bytes__a_reply_always),
        FIXTURE_TEST(write_and_read__value_without_nul),
        FIXTURE_TEST(largest_value__comes_back_whole),
        FIXTURE_TEST(relative_path__below_the_home_of_the_domain),
        FIXTURE_TEST(directory__names_each_with_its_nul),
        FIXTURE_TEST(rm__takes_the_tree_and_forgives_a_missing_leaf),
        FIXTURE_TEST(big_directory__e2big_and_in_parts),
        FIXTURE_TEST(perms__letters_and_decimal_ids),
        FIXTURE_TEST(what_the_store_refuses__errno_by_name),
        FIXTURE_TEST(errors_that_the_wire_has_no_name_for__einval),
        FIXTURE_TEST(privileged_types__eacces_to_a_guest),
        FIXTURE_TEST(domains__introduced_resumed_released),
        FIXTURE_TEST(set_target__rights_of_the_target),
        FIXTURE_TEST(domain_path__of_any_number),
        FIXTURE_TEST(control_help__lists_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
