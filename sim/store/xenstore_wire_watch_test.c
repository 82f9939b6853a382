/* SPDX-License-Identifier: MIT */
#include "store/xenstore_wire_fixture.h"

/* ---- watches ---- */

static void watch__first_event_follows_with_path_and_token(void **state)
{
    struct fixture *f = *state;

    expect_ok(f, f->dom0, XS_WATCH, BYTES("/a\0tok en\0"));
    assert_true(wrg_xs_wire_reply_first(fixture_message));
    expect_event(f, f->dom0, BYTES("/a\0tok en\0"));
    expect_no_event(f, f->dom0);
    expect_error(f, f->dom0, XS_WATCH, BYTES("/a\0tok en\0"), "EEXIST");
    expect_ok(f, f->dom1, XS_WRITE,
              BYTES("x\0"
                    "1"));
    assert_false(wrg_xs_wire_reply_first(fixture_message));
    expect_no_event(f, f->dom0);
    expect_ok(f, f->dom0, XS_WRITE,
              BYTES("/a/b\0"
                    "1"));
    expect_event(f, f->dom0, BYTES("/a/b\0tok en\0"));
    expect_ok(f, f->dom0, XS_UNWATCH, BYTES("/a\0tok en\0"));
    expect_error(f, f->dom0, XS_UNWATCH, BYTES("/a\0tok en\0"), "ENOENT");
    expect_ok(f, f->dom0, XS_WRITE,
              BYTES("/a/b\0"
                    "2"));
    expect_no_event(f, f->dom0);
}

static void relative_watch__relative_events(void **state)
{
    struct fixture *f = *state;

    expect_ok(f, f->dom1, XS_WATCH, BYTES("device\0t\0"));
    expect_event(f, f->dom1, BYTES("device\0t\0"));
    expect_ok(f, f->dom1, XS_WRITE,
              BYTES("device/vbd\0"
                    "1"));
    expect_event(f, f->dom1, BYTES("device/vbd\0t\0"));
}

static void special_watch__fires_at_introduce_and_release(void **state)
{
    struct fixture *f = *state;

    expect_ok(f, f->dom0, XS_WATCH, BYTES("@introduceDomain\0i\0"));
    expect_ok(f, f->dom0, XS_WATCH, BYTES("@releaseDomain\0r\0"));
    expect_event(f, f->dom0, BYTES("@introduceDomain\0i\0"));
    expect_event(f, f->dom0, BYTES("@releaseDomain\0r\0"));
    expect_ok(f, f->dom0, XS_INTRODUCE,
              BYTES("5\0"
                    "17\0"
                    "3\0"));
    expect_event(f, f->dom0, BYTES("@introduceDomain\0i\0"));
    expect_ok(f, f->dom0, XS_RELEASE, BYTES("5\0"));
    expect_event(f, f->dom0, BYTES("@releaseDomain\0r\0"));
    expect_no_event(f, f->dom0);
}

static void event_over_4096_bytes__dropped(void **state)
{
    static char watch[WRG_XS_PAYLOAD_MAX], path[64];
    struct fixture *f = *state;

    /* Path and token fill the request; the event below it would be longer. */
    memset(watch, 't', sizeof(watch) - 1);
    memcpy(watch, "/a", 3);
    expect_ok(f, f->dom0, XS_WATCH, watch, sizeof(watch));
    expect_event(f, f->dom0, watch, sizeof(watch));
    memcpy(path, "/a/b\0v", 6);
    expect_ok(f, f->dom0, XS_WRITE, path, 6);
    expect_ok(f, f->dom0, XS_WATCH, BYTES("/c\0t\0"));
    expect_event(f, f->dom0, BYTES("/c\0t\0"));
    expect_no_event(f, f->dom0);
}

static void reset_watches__all_gone_transactions_too(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx = fixture_begin(f, f->dom0);

    expect_ok(f, f->dom0, XS_WATCH, BYTES("/a\0t\0"));
    expect_ok(f, f->dom0, XS_RESET_WATCHES, BYTES("\0"));
    expect_no_event(f, f->dom0);
    expect_ok(f, f->dom0, XS_WRITE,
              BYTES("/a\0"
                    "1"));
    expect_no_event(f, f->dom0);
    expect_error(f, tx, XS_READ, BYTES("/a\0"), "ENOENT");
}

/* ---- transactions ---- */

static struct wrg_xs_call start(struct fixture *f, struct wrg_xs_call call)
{
    assert_int_equal(ask_in(f, call, XS_TRANSACTION_START, "", 1), XS_TRANSACTION_START);
    assert_int_equal(fixture_answer[WRG_XS_HEADER_BYTES + answer_header().len - 1], '\0');
    call.tx = (uint32_t)strtoul((char *)fixture_answer + WRG_XS_HEADER_BYTES, NULL, 10);
    assert_int_not_equal(call.tx, 0);
    return call;
}

static void transaction__unseen_until_committed(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx = start(f, f->dom0);

    expect_ok(f, tx, XS_WRITE,
              BYTES("/a\0"
                    "1"));
    expect(f, tx, XS_READ, BYTES("/a\0"), BYTES("1"));
    expect_error(f, f->dom0, XS_READ, BYTES("/a\0"), "ENOENT");
    expect_ok(f, tx, XS_TRANSACTION_END, BYTES("T\0"));
    expect(f, f->dom0, XS_READ, BYTES("/a\0"), BYTES("1"));
    tx = start(f, f->dom0);
    expect_ok(f, tx, XS_WRITE,
              BYTES("/a\0"
                    "2"));
    expect_ok(f, tx, XS_TRANSACTION_END, BYTES("F\0"));
    expect(f, f->dom0, XS_READ, BYTES("/a\0"), BYTES("1"));
}

static void conflict__eagain(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call tx = start(f, f->dom0);

    expect(f, tx, XS_READ, BYTES("/\0"), "", 0);
    expect(f, tx, XS_DIRECTORY, BYTES("/local/domain\0"), BYTES("1\0"));
    expect_ok(f, f->dom0, XS_WRITE, BYTES("/local/domain/2\0"));
    expect_ok(f, tx, XS_WRITE,
              BYTES("/x\0"
                    "1"));
    expect_error(f, tx, XS_TRANSACTION_END, BYTES("T\0"), "EAGAIN");
    expect_error(f, tx, XS_TRANSACTION_END, BYTES("T\0"), "ENOENT");
}

static void unknown_transaction__enoent_for_every_type_but_watches(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call bad = f->dom0;

    bad.tx = 77;
    for (uint32_t type = 0; type < XS_TYPE_COUNT; type++) {
        if (type == XS_WATCH_EVENT || type == XS_ERROR || type == 20)
            continue;
        if (type == XS_WATCH || type == XS_UNWATCH)
            expect_ok(f, bad, type, BYTES("/a\0t\0"));
        else
            expect_error(f, bad, type, BYTES("/\0"), "ENOENT");
    }
    bad.tx = 0;
    expect_error(f, bad, XS_TRANSACTION_END, BYTES("T\0"), "ENOENT");
}

static void start_in_a_transaction__ebusy(void **state)
{
    struct fixture *f = *state;

    expect_error(f, start(f, f->dom0), XS_TRANSACTION_START, BYTES("\0"), "EBUSY");
}

static void quota_of_a_domain__enospc_and_e2big(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_quota quota = wrg_xs_quota_default;

    quota.transactions = quota.watches = 1;
    quota.nodes = 3;
    quota.slack = 0;
    wrg_xenstore_set_quota(f->xs, &quota);
    (void)start(f, f->dom1);
    expect_error(f, f->dom1, XS_TRANSACTION_START, BYTES("\0"), "ENOSPC");
    expect_ok(f, f->dom1, XS_WATCH, BYTES("a\0t\0"));
    expect_error(f, f->dom1, XS_WATCH, BYTES("b\0t\0"), "E2BIG");
    expect_ok(f, f->dom1, XS_MKDIR, BYTES("a/b\0"));
    expect_error(f, f->dom1, XS_MKDIR, BYTES("a/c\0"), "ENOSPC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(watch__first_event_follows_with_path_and_token),
        FIXTURE_TEST(relative_watch__relative_events),
        FIXTURE_TEST(special_watch__fires_at_introduce_and_release),
        FIXTURE_TEST(event_over_4096_bytes__dropped),
        FIXTURE_TEST(reset_watches__all_gone_transactions_too),
        FIXTURE_TEST(transaction__unseen_until_committed),
        FIXTURE_TEST(conflict__eagain),
        FIXTURE_TEST(unknown_transaction__enoent_for_every_type_but_watches),
        FIXTURE_TEST(start_in_a_transaction__ebusy),
        FIXTURE_TEST(quota_of_a_domain__enospc_and_e2big),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
