/* SPDX-License-Identifier: MIT */
#include "store/xenstore_fixture.h"

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Random operations of three connections, two of them with a transaction open now and then. */
static void churn(struct fixture *f, struct wrg_xs_call calls[3], uint32_t seed, int steps)
{
    static const char *const names[] = { "a",
                                         "b",
                                         "a/b",
                                         "a/c",
                                         "a/b/c",
                                         "b/longer-name-of-a-node",
                                         "/local/domain/1/a",
                                         "/local/domain/1/a/b",
                                         "/local/domain/1",
                                         "c/d/e/f",
                                         "c/d",
                                         "c" };
    static const char values[300];
    struct wrg_xs_reply reply = { .data = fixture_reply, .cap = sizeof(fixture_reply) };
    struct wrg_xs_perm perms[2] = { { 1, 'n' }, { 2, 'b' } };
    struct wrg_xs_event event = { .data = fixture_event, .cap = sizeof(fixture_event) };
    uint32_t refused = 0;

    for (int i = 0; i < steps; i++) {
        struct wrg_xs_call *call = &calls[next_random(&seed) % 3];
        const char *path = names[next_random(&seed) % WRG_ARRAY_LEN(names)];
        size_t len = next_random(&seed) % 3 ? next_random(&seed) % 20 : next_random(&seed) % 300;
        size_t count = 0;
        int ret = 0;
        switch (next_random(&seed) % 18) {
        case 0:
        case 1:
        case 2: ret = wrg_xenstore_write(f->xs, call, path, values, len); break;
        case 3: ret = wrg_xenstore_read(f->xs, call, path, &reply); break;
        case 4: ret = wrg_xenstore_mkdir(f->xs, call, path); break;
        case 5: ret = wrg_xenstore_rm(f->xs, call, path); break;
        case 6: ret = wrg_xenstore_directory(f->xs, call, path, &reply); break;
        case 7: ret = wrg_xenstore_get_perms(f->xs, call, path, perms, &count); break;
        case 8: ret = wrg_xenstore_set_perms(f->xs, call, path, perms, 2); break;
        case 9: ret = wrg_xenstore_watch(f->xs, call, path, len % 2 ? "t" : "u"); break;
        case 10:
            ret = wrg_xenstore_unwatch(f->xs, call, path, len % 2 ? "t" : "u", len % 4 < 2);
            break;
        case 11: ret = wrg_xenstore_next_event(f->xs, call->conn, &event); break;
        case 12:
            if (call->tx == 0)
                ret = wrg_xenstore_transaction_start(f->xs, call, &call->tx);
            break;
        case 13: wrg_xenstore_set_time(f->xs, (uint64_t)i * 1000000); break;
        case 14: ret = wrg_xenstore_set_perms(f->xs, call, "@releaseDomain", perms, 1); break;
        case 15:
            ret = len % 2 ? wrg_xenstore_introduce(f->xs, call, 3)
                          : wrg_xenstore_release(f->xs, call, 3);
            break;
        case 16: wrg_xenstore_domain_shut_down(f->xs, 3); break;
        default:
            ret = call->tx ? wrg_xenstore_transaction_end(f->xs, call, len % 4 != 0) : 0;
            call->tx = 0;
        }
        refused += ret != 0;
    }
    assert_true(refused < (uint32_t)steps);
}

static void *image_of(struct fixture *f, size_t *bytes)
{
    void *image;

    *bytes = wrg_xenstore_save_bytes(f->xs);
    image = malloc(*bytes);
    assert_int_equal(wrg_xenstore_save(f->xs, image, *bytes), 0);
    return image;
}

static void assert_same_images(void *a, size_t a_bytes, void *b, size_t b_bytes)
{
    assert_int_equal(a_bytes, b_bytes);
    assert_memory_equal(a, b, a_bytes);
    free(a);
    free(b);
}

static void restore__same_future_as_before(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call calls[3] = { f->dom0, f->dom1, f->dom2 }, saved[3];
    size_t bytes, once_bytes, twice_bytes;

    for (uint32_t round = 0; round < 20; round++) {
        churn(f, calls, round, 300);
        memcpy(saved, calls, sizeof(saved));
        void *image = image_of(f, &bytes);
        churn(f, calls, round + 1000, 500);
        void *once = image_of(f, &once_bytes);
        uint64_t mark = wrg_xenstore_mark(f->xs);
        assert_int_equal(wrg_xenstore_restore(f->xs, image, bytes), 0);
        assert_true(wrg_xenstore_changed_since(f->xs, mark));
        memcpy(calls, saved, sizeof(saved));
        churn(f, calls, round + 1000, 500);
        void *twice = image_of(f, &twice_bytes);
        assert_same_images(once, once_bytes, twice, twice_bytes);
        free(image);
    }
}

static void reset__as_new(void **state)
{
    struct fixture *f = *state;
    struct fixture fresh = { 0 };
    size_t bytes, fresh_bytes;
    struct wrg_xs_call calls[3] = { f->dom0, f->dom1, f->dom2 };

    churn(f, calls, 7, 3000);
    wrg_xenstore_reset(f->xs);
    assert_int_equal(fixture_read(f, f->dom0, "/"), -EBADF);
    fixture_open(&fresh, &wrg_xs_limits_small);
    f->dom0 = fixture_connect(f, 0);
    f->dom1 = fixture_connect(f, 1);
    f->dom2 = fixture_connect(f, 2);
    assert_int_equal(wrg_xenstore_mkdir(f->xs, &f->dom0, "/local/domain/1"), 0);
    assert_int_equal(fixture_perms(f, f->dom0, "/local/domain/1", "n1r2"), 0);
    void *image = image_of(f, &bytes);
    void *fresh_image = image_of(&fresh, &fresh_bytes);
    assert_same_images(image, bytes, fresh_image, fresh_bytes);
    free(fresh.mem);
}

static void everything_removed__nothing_leaks(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_call calls[3] = { f->dom0, f->dom1, f->dom2 };
    struct wrg_xs_limits limits = wrg_xs_limits_small;
    struct wrg_xs_quota any = wrg_xs_quota_default;
    struct fixture small = { 0 };

    any.memory_bytes = any.outstanding = 1;
    /* A leak of any kind of element would run these small pools dry within the rounds. */
    limits.nodes = 60;
    limits.watches = 80;
    limits.tx_records = 80;
    limits.heap_bytes = 16384;
    fixture_open(&small, &limits);
    for (uint32_t round = 0; round < 200; round++) {
        calls[0] = small.dom0;
        calls[1] = small.dom1;
        calls[2] = small.dom2;
        churn(&small, calls, round, 200);
        for (int i = 0; i < 3; i++)
            assert_int_equal(wrg_xenstore_reset_watches(small.xs, &calls[i]), 0);
        assert_int_equal(wrg_xenstore_rm(small.xs, &small.dom0, "/local"), 0);
        assert_string_equal(fixture_list(&small, small.dom0, "/"), "");
        wrg_xenstore_set_quota(small.xs, &any); /* whoever has anything on the books is stalled */
        for (int i = 0; i < 3; i++)
            assert_int_equal(wrg_xenstore_stalled(small.xs, calls[i].conn), WRG_XS_STALL_NONE);
        wrg_xenstore_set_quota(small.xs, &wrg_xs_quota_default);
    }
    for (char name[] = "/n00"; name[2] < '4'; name[2]++)
        for (name[3] = '0'; name[3] <= '9'; name[3]++)
            assert_int_equal(fixture_write(&small, small.dom0, name, "1"), 0);
    free(small.mem);
}

static void marks__reads_do_not_count_as_change(void **state)
{
    struct fixture *f = *state;
    uint64_t mark;

    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    mark = wrg_xenstore_mark(f->xs);
    assert_value(f, f->dom1, "a", "1");
    assert_int_equal(fixture_read(f, f->dom1, "none"), -ENOENT);
    assert_string_equal(fixture_list(f, f->dom1, "/local/domain/1"), "a");
    assert_false(wrg_xenstore_changed_since(f->xs, mark));
    assert_int_equal(fixture_write(f, f->dom1, "a", "1"), 0);
    assert_true(wrg_xenstore_changed_since(f->xs, mark));
}

static void bad_image__refused_and_unharmed(void **state)
{
    struct fixture *f = *state;
    struct fixture other = { 0 };
    struct wrg_xs_limits limits = wrg_xs_limits_small;
    size_t bytes;
    void *image = image_of(f, &bytes);

    assert_int_equal(wrg_xenstore_save(f->xs, image, bytes - 1), -ERANGE);
    assert_int_equal(wrg_xenstore_restore(f->xs, image, bytes - 1), -EINVAL);
    limits.nodes++;
    fixture_open(&other, &limits);
    assert_int_equal(wrg_xenstore_restore(other.xs, image, bytes), -EINVAL);
    assert_string_equal(fixture_list(&other, other.dom0, "/"), "local");
    free(other.mem);
    free(image);
}

static void bad_memory_or_limits__refused(void **state)
{
    struct fixture *f = *state;
    struct wrg_xs_limits limits = wrg_xs_limits_small;
    struct wrg_xenstore *xs;
    size_t bytes = wrg_xenstore_bytes(&limits);

    assert_int_equal(wrg_xenstore_init(&xs, &limits, f->mem, bytes - 1), -ENOMEM);
    assert_int_equal(wrg_xenstore_init(&xs, &limits, (char *)f->mem + 8, bytes), -EINVAL);
    limits.connections = 256;
    assert_int_equal(wrg_xenstore_init(&xs, &limits, f->mem, bytes), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(restore__same_future_as_before),
        FIXTURE_TEST(reset__as_new),
        FIXTURE_TEST(everything_removed__nothing_leaks),
        FIXTURE_TEST(marks__reads_do_not_count_as_change),
        FIXTURE_TEST(bad_image__refused_and_unharmed),
        FIXTURE_TEST(bad_memory_or_limits__refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
