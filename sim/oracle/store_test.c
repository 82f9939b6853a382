/* SPDX-License-Identifier: MIT */
/* Is a store that answers wrongly noticed, and one that answers rightly left alone? */
#include <errno.h>
#include <stdio.h>

#include "base/digest.h"
#include "oracle/test_events.h"

struct talk { /* one question and what the store says to it */
    uint8_t client, action, tx;
    const char *path, *value;
    int result;
    const char *reply; /* NULL: none */
    size_t len;        /* of it; 0: as a text without its NUL */
};

static void say(struct bench *t, const struct talk *talk, uint32_t number)
{
    struct wrg_op op = wrg_op_make(WRG_OP_STORE);
    struct wrg_event ev = { .kind = WRG_EV_STORE_CALL, .role = WRG_ROLE_SCRIPT, .step = ++t->step };
    char payload[WRG_STORE_EVENT_BYTES];
    static struct wrg_store_answer answer;

    op.store.client = talk->client;
    op.store.action = talk->action;
    op.store.tx = talk->tx;
    if (talk->path)
        strcpy(op.store.path, talk->path);
    if (talk->value)
        strcpy(op.store.value, talk->value);
    uint32_t len = wrg_store_call_pack(&op.store, number, &ev, payload);
    wrg_trace_emit(&t->trace, &ev, payload, len, 0);
    answer.result = talk->result;
    answer.len = 0;
    if (talk->reply) {
        answer.len = talk->len ? talk->len : strlen(talk->reply);
        memcpy(answer.data, talk->reply, answer.len);
    }
    ev.kind = WRG_EV_STORE_REPLY;
    wrg_store_reply_pack(&answer, number, &ev);
    wrg_trace_emit(&t->trace, &ev, answer.data, (uint32_t)answer.len, 0);
}

static void talk_all(struct bench *t, const struct talk *talks, size_t count)
{
    bench_config(t);
    t->config.judged = 0; /* whoever is judged: a store is no driver */
    bench_begin(t);
    for (size_t i = 0; i < count; i++)
        say(t, &talks[i], (uint32_t)i + 1);
}

#define READ(client_, path_, ...)                                                                  \
    {                                                                                              \
        .client = (client_), .action = WRG_CASE_STORE_READ, .path = (path_), __VA_ARGS__           \
    }
#define WRITE(client_, path_, value_)                                                              \
    {                                                                                              \
        .client = (client_), .action = WRG_CASE_STORE_WRITE, .path = (path_), .value = (value_)    \
    }

static void right_answers__clean(void **state)
{
    static const struct talk talks[] = {
        WRITE(0, "/a/b", "hello"),
        READ(0, "/a/b", .reply = "hello"),
        READ(1, "/a/b", .result = -EACCES),
        READ(0, "/a/c", .result = -ENOENT),
        { .client = 0, .action = WRG_CASE_STORE_WATCH, .path = "/a", .value = "t" },
        WRITE(0, "/a/b", "again"),
        { .client = 0, .action = WRG_CASE_STORE_EVENT, .reply = "/a\0t", .len = 5 },
        { .client = 0, .action = WRG_CASE_STORE_EVENT, .reply = "/a/b\0t", .len = 7 },
        { .client = 0, .action = WRG_CASE_STORE_EVENT, .result = -EAGAIN },
    };
    struct bench *t = *state;

    talk_all(t, talks, WRG_ARRAY_LEN(talks));
    QUIETLY(t);
}

/* The last answer of each is what a broken store would say. */
static const struct wrong {
    const char *what;
    struct talk talks[5];
    size_t count;
    const char *detail; /* a part of it */
} wrongs[] = {
    { "a write is lost",
      { WRITE(0, "/a", "old"), WRITE(0, "/a", "new"), READ(0, "/a", .reply = "old") },
      3,
      "client 0 read: the store says OK 'old' (3 bytes), the rules OK 'new' (3)" },
    { "a value grows by a byte",
      { WRITE(0, "/a", "x"), READ(0, "/a", .reply = "x\0", .len = 2) },
      2,
      "(2 bytes)" },
    { "permissions are not asked for",
      { WRITE(0, "/a", "secret"), READ(2, "/a", .reply = "secret") },
      2,
      "the rules EACCES" },
    { "a conflict is missed",
      { { .client = 0, .action = WRG_CASE_STORE_START },
        READ(0, "/a", .tx = 1, .result = -ENOENT),
        WRITE(0, "/a", "x"),
        { .client = 0, .action = WRG_CASE_STORE_COMMIT, .tx = 1 } },
      4,
      "client 0 commit: the store says OK '' (0 bytes), the rules EAGAIN" },
    { "a watch does not fire",
      { { .client = 0, .action = WRG_CASE_STORE_WATCH, .path = "/a", .value = "t" },
        { .client = 0, .action = WRG_CASE_STORE_EVENT, .reply = "/a\0t", .len = 5 },
        WRITE(0, "/a/b", "x"),
        { .client = 0, .action = WRG_CASE_STORE_EVENT, .result = -EAGAIN } },
      4,
      "client 0 event: the store says EAGAIN '' (0 bytes), the rules OK '/a/b t" },
    { "an event says more than it should",
      { { .client = 0, .action = WRG_CASE_STORE_WATCH, .path = "/a", .value = "t" },
        { .client = 0, .action = WRG_CASE_STORE_EVENT, .reply = "/a\0tt", .len = 6 } },
      2,
      "client 0 event" },
    { "a quota is not kept",
      { { .client = 1, .action = WRG_CASE_STORE_START },
        { .client = 1, .action = WRG_CASE_STORE_START },
        { .client = 1, .action = WRG_CASE_STORE_START } },
      3,
      "client 1 start: the store says OK '' (0 bytes), the rules ENOSPC" },
};

static void wrong_answers__xs_003(void **state)
{
    struct bench *t = *state;

    for (size_t i = 0; i < WRG_ARRAY_LEN(wrongs); i++) {
        talk_all(t, wrongs[i].talks, wrongs[i].count - 1);
        if (t->trace.finding.rule != WRG_RULE_CLEAN)
            fail_msg("%s, too early: %s", wrongs[i].what, t->trace.finding.detail);
        say(t, &wrongs[i].talks[wrongs[i].count - 1], (uint32_t)wrongs[i].count);
        if (t->trace.finding.rule != WRG_RULE_XS_003 ||
            !strstr(t->trace.finding.detail, wrongs[i].detail))
            fail_msg("%s: rule %d, %s", wrongs[i].what, (int)t->trace.finding.rule,
                     t->trace.finding.detail);
    }
}

static void reply_without_its_question__not_judged(void **state)
{
    struct bench *t = *state;

    bench_config(t);
    bench_begin(t);
    emit(t, .kind = WRG_EV_STORE_REPLY, .a = ENOENT, .d = 1);
    emit(t, .kind = WRG_EV_STORE_CALL, .a = WRG_CASE_STORE_READ << 8, .d = 2);
    emit(t, .kind = WRG_EV_STORE_REPLY, .a = 0, .d = 3);
    QUIETLY(t);
    emit(t, .kind = WRG_EV_STORE_REPLY, .a = 0, .d = 2); /* the empty path is EINVAL */
    assert_int_equal(t->trace.finding.rule, WRG_RULE_XS_003);
}

/* What the model has no room for is not judged, and that is counted. */
static void more_than_the_model_holds__silent_and_counted(void **state)
{
    struct bench *t = *state;
    char path[16];

    bench_config(t);
    bench_begin(t);
    for (uint32_t i = 0; i < WRG_MODEL_NODES; i++) {
        struct talk talk = WRITE(0, path, "");
        snprintf(path, sizeof(path), "/n%u", i);
        say(t, &talk, i);
    }
    QUIETLY(t);
    assert_int_equal(wrg_oracles_forgotten(t->o), 1);
    say(t, &(struct talk)READ(0, "/n0", .result = -ENOENT), 1000);
    QUIETLY(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(right_answers__clean, bench_open, bench_close),
        cmocka_unit_test_setup_teardown(wrong_answers__xs_003, bench_open, bench_close),
        cmocka_unit_test_setup_teardown(reply_without_its_question__not_judged, bench_open,
                                        bench_close),
        cmocka_unit_test_setup_teardown(more_than_the_model_holds__silent_and_counted, bench_open,
                                        bench_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
