/* SPDX-License-Identifier: MIT */
/* For the store's tests: a store in static memory, and one-line operations on it. */
#ifndef WRG_STORE_XENSTORE_FIXTURE_H
#define WRG_STORE_XENSTORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/xenstore.h"

struct fixture {
    struct wrg_xenstore *xs;
    void *mem;
    struct wrg_xs_call dom0, dom1, dom2; /* a connection each, no transaction */
};

static char fixture_reply[WRG_XS_PAYLOAD_MAX + 1];
static char fixture_event[WRG_XS_EVENT_MAX];

static inline struct wrg_xs_call fixture_connect(struct fixture *f, uint16_t domid)
{
    struct wrg_xs_call call = { 0 };

    assert_int_equal(wrg_xenstore_connect(f->xs, domid, &call.conn), 0);
    return call;
}

static inline struct wrg_xs_call fixture_begin(struct fixture *f, struct wrg_xs_call call)
{
    assert_int_equal(wrg_xenstore_transaction_start(f->xs, &call, &call.tx), 0);
    return call;
}

static inline int fixture_commit(struct fixture *f, struct wrg_xs_call call)
{
    return wrg_xenstore_transaction_end(f->xs, &call, true);
}

static inline int fixture_write(struct fixture *f, struct wrg_xs_call call, const char *path,
                                const char *value)
{
    return wrg_xenstore_write(f->xs, &call, path, value, strlen(value));
}

static inline int fixture_read(struct fixture *f, struct wrg_xs_call call, const char *path)
{
    struct wrg_xs_reply reply = { .data = fixture_reply, .cap = sizeof(fixture_reply) };

    return wrg_xenstore_read(f->xs, &call, path, &reply);
}

static inline int fixture_perms(struct fixture *f, struct wrg_xs_call call, const char *path,
                                const char *text)
{
    struct wrg_xs_perm perms[16];
    size_t count = 0;

    for (; *text != '\0'; text += 2, count++)
        perms[count] =
            (struct wrg_xs_perm){ .domid = (uint16_t)(text[1] - '0'), .letter = text[0] };
    return wrg_xenstore_set_perms(f->xs, &call, path, perms, count);
}

/* Children separated by blanks; the error as text when there is one. */
static inline const char *fixture_list(struct fixture *f, struct wrg_xs_call call, const char *path)
{
    struct wrg_xs_reply reply = { .data = fixture_reply, .cap = sizeof(fixture_reply) };

    if (wrg_xenstore_directory(f->xs, &call, path, &reply) != 0)
        return "error";
    for (size_t i = 0; i < reply.len; i++)
        if (fixture_reply[i] == '\0')
            fixture_reply[i] = i + 1 == reply.len ? '\0' : ' ';
    return fixture_reply;
}

static inline void assert_value(struct fixture *f, struct wrg_xs_call call, const char *path,
                                const char *value)
{
    assert_int_equal(fixture_read(f, call, path), 0);
    assert_string_equal(fixture_reply, value);
}

/* "path token", or NULL when nothing is queued. */
static inline const char *fixture_next(struct fixture *f, struct wrg_xs_call call)
{
    struct wrg_xs_event event = { .data = fixture_event, .cap = sizeof(fixture_event) };
    int ret = wrg_xenstore_next_event(f->xs, call.conn, &event);

    if (ret == -EAGAIN)
        return NULL;
    assert_int_equal(ret, 0);
    assert_int_equal(event.len, strlen(event.path) + strlen(event.token) + 2);
    fixture_event[strlen(event.path)] = ' ';
    return fixture_event;
}

static inline void assert_event(struct fixture *f, struct wrg_xs_call call, const char *expected)
{
    const char *event = fixture_next(f, call);

    assert_non_null(event);
    assert_string_equal(event, expected);
}

static inline void assert_no_event(struct fixture *f, struct wrg_xs_call call)
{
    assert_null(fixture_next(f, call));
}

static inline int fixture_watch(struct fixture *f, struct wrg_xs_call call, const char *path,
                                const char *token)
{
    return wrg_xenstore_watch(f->xs, &call, path, token);
}

static inline void fixture_open(struct fixture *f, const struct wrg_xs_limits *limits)
{
    size_t bytes = wrg_xenstore_bytes(limits);

    f->mem = malloc(bytes);
    assert_non_null(f->mem);
    assert_int_equal(wrg_xenstore_init(&f->xs, limits, f->mem, bytes), 0);
    f->dom0 = fixture_connect(f, 0);
    f->dom1 = fixture_connect(f, 1);
    f->dom2 = fixture_connect(f, 2);
    /* Domain 1 has a home of its own, domain 2 may read it. */
    assert_int_equal(wrg_xenstore_mkdir(f->xs, &f->dom0, "/local/domain/1"), 0);
    assert_int_equal(fixture_perms(f, f->dom0, "/local/domain/1", "n1r2"), 0);
}

static inline int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    fixture_open(f, &wrg_xs_limits_small);
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    free(f->mem);
    free(f);
    return 0;
}

#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif
