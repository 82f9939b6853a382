/* SPDX-License-Identifier: MIT */
#include "trace/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct wrg_trace tr;

static struct {
    uint32_t calls;
    uint32_t a;
    uint8_t payload[WRG_TRACE_PAYLOAD_MAX];
    uint32_t len;
    char order[16];
} s;

static int setup(void **state)
{
    memset(&s, 0, sizeof(s));
    wrg_trace_init(&tr);
    tr.on = tr.hashing = true;
    return 0;
}

static int teardown(void **state)
{
    return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Letters that subscribers leave in s.order. */
static char letter_1[] = "1", letter_2[] = "2", letter_3[] = "3", letter_t[] = "t";

static void emit(enum wrg_event_kind kind, uint32_t a, const char *payload)
{
    const struct wrg_event ev = { .kind = (uint16_t)kind, .a = a, .step = a };

    wrg_trace_emit(&tr, &ev, payload, payload ? (uint32_t)strlen(payload) : 0, 0);
}

static void listen(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    s.calls++;
    s.a = ev->a;
    s.len = len;
    if (len)
        memcpy(s.payload, payload, len);
    strncat(s.order, ctx, sizeof(s.order) - strlen(s.order) - 1);
}

static uint64_t hash_of(uint32_t first, uint32_t n, const char *payload)
{
    wrg_trace_reset(&tr);
    for (uint32_t i = first; i < first + n; i++)
        emit(WRG_EV_LOAD, i, payload);
    return wrg_trace_hash(&tr);
}

static void subscriber__sees_its_kind_only(void **state)
{
    wrg_trace_subscribe(&tr, WRG_EV_LOAD, listen, letter_1);
    emit(WRG_EV_STORE, 1, NULL);
    assert_int_equal(s.calls, 0);
    emit(WRG_EV_LOAD, 7, "bytes");
    assert_int_equal(s.calls, 1);
    assert_int_equal(s.a, 7);
    assert_int_equal(s.len, 5);
    assert_memory_equal(s.payload, "bytes", 5);
    wrg_trace_unsubscribe_all(&tr);
    emit(WRG_EV_LOAD, 8, NULL);
    assert_int_equal(s.calls, 1);
}

static void several_subscribers__in_order_after_the_tap(void **state)
{
    wrg_trace_subscribe(&tr, WRG_EV_LOAD, listen, letter_1);
    wrg_trace_subscribe(&tr, WRG_EV_LOAD, listen, letter_2);
    wrg_trace_tap(&tr, listen, letter_t);
    emit(WRG_EV_LOAD, 1, NULL);
    emit(WRG_EV_STORE, 1, NULL);
    assert_string_equal(s.order, "t12t");
    wrg_trace_tap(&tr, NULL, NULL);
    wrg_trace_subscribe(&tr, WRG_EV_LOAD, listen, letter_3);
    emit(WRG_EV_LOAD, 1, NULL);
    assert_string_equal(s.order, "t12t123");
}

static void hash__same_events_same_hash(void **state)
{
    uint64_t want = hash_of(0, 500, "payload");
    assert_true(want != 0);
    assert_true(hash_of(0, 500, "payload") == want);
}

static void hash__any_difference_shows(void **state)
{
    uint64_t want = hash_of(0, 100, "payload");
    assert_true(hash_of(1, 100, "payload") != want);
    assert_true(hash_of(0, 99, "payload") != want);
    assert_true(hash_of(0, 101, "payload") != want);
    assert_true(hash_of(0, 100, "payloae") != want);
    assert_true(hash_of(0, 100, "payloa") != want);
    assert_true(hash_of(0, 100, NULL) != want);
    (void)hash_of(0, 50, "payload"); /* one kind differs */
    emit(WRG_EV_STORE, 50, "payload");
    for (uint32_t i = 51; i < 100; i++)
        emit(WRG_EV_LOAD, i, "payload");
    assert_true(wrg_trace_hash(&tr) != want);
}

static void hash_of_odd_payload__of_its_bytes_alone(void **state)
{
    char first[9] = "odd\0aaaa", second[9] = "odd\0bbbb"; /* what lies behind the payload */
    uint64_t want = hash_of(0, 10, first);
    memset(tr.window, 0x55, sizeof(tr.window));
    assert_true(hash_of(0, 10, second) == want);
}

static void restore__hash_of_a_run_from_the_start(void **state)
{
    static const uint32_t prefixes[] = {
        0, 1, 63, 64, 65, 200
    }; /* around a full turn of the window */
    struct wrg_trace_saved saved;

    for (size_t i = 0; i < WRG_ARRAY_LEN(prefixes); i++) {
        uint32_t n = prefixes[i];
        uint64_t fresh = hash_of(0, n + 50, NULL);
        (void)hash_of(0, n, NULL);
        wrg_trace_save(&tr, &saved);
        for (unsigned round = 0; round < 3; round++) {
            for (uint32_t k = 0; k < 77 * round; k++)
                emit(WRG_EV_STORE, k, "another run");
            wrg_trace_restore(&tr, &saved);
            for (uint32_t k = n; k < n + 50; k++)
                emit(WRG_EV_LOAD, k, NULL);
            assert_true(wrg_trace_hash(&tr) == fresh);
            assert_int_equal(wrg_trace_count(&tr), n + 50);
        }
    }
}

static void hash_asked_for_in_between__changes_nothing(void **state)
{
    uint64_t want = hash_of(0, 200, "x");
    wrg_trace_reset(&tr);
    for (uint32_t i = 0; i < 200; i++) {
        emit(WRG_EV_LOAD, i, "x");
        (void)wrg_trace_hash(&tr);
    }
    assert_true(wrg_trace_hash(&tr) == want);
}

static void finding__first_counts_and_ends_the_stream(void **state)
{
    const struct wrg_event ev = { .step = 12, .role = WRG_ROLE_BACK };
    const struct wrg_event later = { .step = 13 };

    wrg_trace_subscribe(&tr, WRG_EV_LOAD, listen, letter_1);
    assert_false(wrg_trace_has_finding(&tr));
    wrg_trace_report(&tr, WRG_RULE_GNT_002, &ev, "page %u", 5);
    wrg_trace_report(&tr, WRG_RULE_GNT_001, &later, "other");
    assert_int_equal(tr.finding.rule, WRG_RULE_GNT_002);
    assert_int_equal(tr.finding.step, 12);
    assert_int_equal(tr.finding.role, WRG_ROLE_BACK);
    assert_string_equal(tr.finding.detail, "page 5");
    emit(WRG_EV_LOAD, 1, NULL);
    assert_int_equal(s.calls, 0);
    assert_int_equal(wrg_trace_count(&tr), 0);
    wrg_trace_reset(&tr);
    emit(WRG_EV_LOAD, 1, NULL);
    assert_int_equal(s.calls, 1); /* forgets what was seen, keeps who listens */
}

static void detail_too_long__cut(void **state)
{
    const struct wrg_event ev = { 0 };
    char text[400];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    wrg_trace_report(&tr, WRG_RULE_GNT_001, &ev, "%s", text);
    assert_int_equal(strlen(tr.finding.detail), sizeof(tr.finding.detail) - 1);
}

static void window__holds_the_last_events(void **state)
{
    for (uint32_t i = 0; i < WRG_TRACE_WINDOW + 5; i++)
        emit(WRG_EV_LOAD, i, NULL);
    assert_int_equal(wrg_trace_count(&tr), WRG_TRACE_WINDOW + 5);
    assert_int_equal(tr.next[-1].a, WRG_TRACE_WINDOW + 4);
    assert_int_equal(tr.next->a, 5);
}

/* Payloads of many lengths, among them turns of what is kept that end within one. */
static void emit_payloads(uint32_t first, uint32_t n, bool in_place)
{
    for (uint32_t i = first; i < first + n; i++) {
        uint8_t bytes[WRG_TRACE_PAYLOAD_MAX];
        uint32_t len = i * 37 % (sizeof(bytes) + 1);
        const struct wrg_event ev = { .kind = WRG_EV_STORE, .step = i };
        uint8_t *payload = in_place ? wrg_trace_room(&tr) : bytes;
        memset(payload, (int)(i * 5 + 1), sizeof(bytes));
        wrg_trace_emit(&tr, &ev, payload, len, 0);
    }
}

static uint64_t hash_with_implied(const char *payload, uint32_t implied)
{
    const struct wrg_event ev = { .kind = WRG_EV_STORE };

    wrg_trace_reset(&tr);
    wrg_trace_emit(&tr, &ev, payload, (uint32_t)strlen(payload), implied);
    return wrg_trace_hash(&tr);
}

static void implied_bytes__told_and_not_hashed(void **state)
{
    wrg_trace_subscribe(&tr, WRG_EV_STORE, listen, letter_1);
    uint64_t want = hash_with_implied("abcdefgh-old", 4);
    assert_int_equal(s.len, 12);
    assert_memory_equal(s.payload, "abcdefgh-old", 12);
    assert_true(hash_with_implied("abcdefgh-new", 4) == want);
    assert_true(hash_with_implied("abcdefgi-old", 4) != want);
    assert_true(hash_with_implied("abcdefgh-old", 3) != want);
    assert_true(hash_with_implied("abcdefgh-old", 12) == hash_with_implied("", 0));
}

static void payloads_restored__hash_of_a_run_from_the_start(void **state)
{
    struct wrg_trace_saved saved;

    for (uint32_t n = 0; n < 70; n += 3) {
        wrg_trace_reset(&tr);
        emit_payloads(0, n + 100, false);
        uint64_t fresh = wrg_trace_hash(&tr);
        wrg_trace_reset(&tr);
        emit_payloads(0, n, false);
        wrg_trace_save(&tr, &saved);
        emit_payloads(1, n, false);
        wrg_trace_restore(&tr, &saved);
        emit_payloads(n, 100, false);
        assert_true(wrg_trace_hash(&tr) == fresh);
    }
}

static void payload_put_together_in_place__hash_of_a_copied_one(void **state)
{
    wrg_trace_subscribe(&tr, WRG_EV_STORE, listen, letter_1);
    for (uint32_t n = 1; n < 100; n++) {
        wrg_trace_reset(&tr);
        emit_payloads(0, n, false);
        uint64_t copied = wrg_trace_hash(&tr);
        wrg_trace_reset(&tr);
        s.order[0] = 0;
        emit_payloads(0, n, true);
        assert_true(wrg_trace_hash(&tr) == copied);
        for (uint32_t i = 0; i < s.len; i++)
            assert_int_equal(s.payload[i], (uint8_t)((n - 1) * 5 + 1));
        s.order[0] = 0;
    }
}

static void payload_of_any_length__each_byte_counts(void **state)
{
    uint8_t payload[WRG_TRACE_PAYLOAD_MAX] = { 0 };
    const struct wrg_event ev = { .kind = WRG_EV_LOAD };
    uint64_t before = 0;

    for (uint32_t len = 0; len <= sizeof(payload); len++) {
        wrg_trace_reset(&tr);
        wrg_trace_emit(&tr, &ev, payload, len, 0);
        uint64_t zeros = wrg_trace_hash(&tr);
        assert_true(zeros != before); /* of zeros alone, but one more */
        before = zeros;
        for (uint32_t i = 0; i < len; i++) {
            payload[i] = 0x80;
            wrg_trace_reset(&tr);
            wrg_trace_emit(&tr, &ev, payload, len, 0);
            assert_true(wrg_trace_hash(&tr) != zeros);
            payload[i] = 0;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(subscriber__sees_its_kind_only),
        T(several_subscribers__in_order_after_the_tap),
        T(hash__same_events_same_hash),
        T(hash__any_difference_shows),
        T(hash_of_odd_payload__of_its_bytes_alone),
        T(restore__hash_of_a_run_from_the_start),
        T(hash_asked_for_in_between__changes_nothing),
        T(finding__first_counts_and_ends_the_stream),
        T(detail_too_long__cut),
        T(window__holds_the_last_events),
        T(implied_bytes__told_and_not_hashed),
        T(payloads_restored__hash_of_a_run_from_the_start),
        T(payload_put_together_in_place__hash_of_a_copied_one),
        T(payload_of_any_length__each_byte_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
