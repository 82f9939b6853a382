/* SPDX-License-Identifier: MIT */
/* For the tests of the store's protocol: one message, and the reply that it must get. */
#ifndef WRG_STORE_XENSTORE_WIRE_FIXTURE_H
#define WRG_STORE_XENSTORE_WIRE_FIXTURE_H

#include "store/xenstore_fixture.h"
#include "store/xenstore_wire.h"

#include <xen/io/xs_wire.h>

static uint8_t fixture_message[WRG_XS_MESSAGE_MAX];
static uint8_t fixture_answer[WRG_XS_EVENT_ROOM];

/* The payload of a text, its last NUL left out: "a\0b\0" is two strings. */
#define BYTES(text) text, sizeof(text) - 1

static inline struct xsd_sockmsg answer_header(void)
{
    struct xsd_sockmsg header;

    memcpy(&header, fixture_answer, sizeof(header));
    return header;
}

static inline uint32_t ask_in(struct fixture *f, struct wrg_xs_call call, uint32_t type,
                              const void *payload, size_t len)
{
    struct xsd_sockmsg header = {
        .type = type, .req_id = 0x1234567, .tx_id = call.tx, .len = (uint32_t)len
    };
    uint8_t *exact = malloc(sizeof(header) + len); /* so that a read beyond it is noticed */
    size_t size;

    assert_non_null(exact);
    memcpy(fixture_message, &header, sizeof(header));
    memcpy(fixture_message + sizeof(header), payload, len);
    assert_int_equal(wrg_xs_wire_size(fixture_message, sizeof(fixture_message)),
                     sizeof(header) + len);
    memset(fixture_answer, 0xee, sizeof(fixture_answer));
    memcpy(exact, fixture_message, sizeof(header) + len);
    size = wrg_xs_wire_handle(f->xs, call.conn, exact, fixture_answer);
    free(exact);
    header = answer_header();
    assert_int_equal(size, sizeof(header) + header.len);
    assert_int_equal(header.req_id, 0x1234567);
    assert_int_equal(header.tx_id, call.tx);
    return header.type;
}

/* The request succeeds with that payload. */
static inline void expect(struct fixture *f, struct wrg_xs_call call, uint32_t type,
                          const void *payload, size_t len, const void *reply, size_t reply_len)
{
    uint32_t got = ask_in(f, call, type, payload, len);

    if (got != type)
        print_message("type %u: %s\n", type, (char *)fixture_answer + WRG_XS_HEADER_BYTES);
    assert_int_equal(got, type);
    assert_int_equal(answer_header().len, reply_len);
    assert_memory_equal(fixture_answer + WRG_XS_HEADER_BYTES, reply, reply_len);
}

static inline void expect_ok(struct fixture *f, struct wrg_xs_call call, uint32_t type,
                             const void *payload, size_t len)
{
    expect(f, call, type, payload, len, "OK", 3);
}

static inline void expect_error(struct fixture *f, struct wrg_xs_call call, uint32_t type,
                                const void *payload, size_t len, const char *name)
{
    uint32_t got = ask_in(f, call, type, payload, len);

    if (got != XS_ERROR)
        print_message("type %u, %zu bytes: no error, expected %s\n", type, len, name);
    assert_int_equal(got, XS_ERROR);
    assert_int_equal(answer_header().len, strlen(name) + 1);
    assert_string_equal((char *)fixture_answer + WRG_XS_HEADER_BYTES, name);
}

static inline void expect_event(struct fixture *f, struct wrg_xs_call call, const void *payload,
                                size_t len)
{
    struct xsd_sockmsg header;

    assert_int_equal(wrg_xs_wire_event(f->xs, call.conn, fixture_answer), sizeof(header) + len);
    header = answer_header();
    assert_int_equal(header.type, XS_WATCH_EVENT);
    assert_int_equal(header.req_id, 0);
    assert_int_equal(header.tx_id, 0);
    assert_int_equal(header.len, len);
    assert_memory_equal(fixture_answer + WRG_XS_HEADER_BYTES, payload, len);
}

static inline void expect_no_event(struct fixture *f, struct wrg_xs_call call)
{
    assert_int_equal(wrg_xs_wire_event(f->xs, call.conn, fixture_answer), 0);
}

#endif
