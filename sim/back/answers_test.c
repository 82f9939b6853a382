/* SPDX-License-Identifier: MIT */
/*
 * What the reference backend answers to each request, to the letter: the checkers take whatever the
 * protocol allows, and this backend has to answer as most of its kind do.
 */
#include "world/driver_fixture.h"

#include <wringer/ring.h>

#define ERROR_PATH "/local/domain/2/error/backend/vbd/1/51712/error"

enum { SECTORS = 2048, R = WRG_BLKIF_OP_READ, W = WRG_BLKIF_OP_WRITE, B = 2, F = 3, D = 5, I = 6 };
enum { OKAY = WRG_BLKIF_RSP_OKAY, ERROR = WRG_BLKIF_RSP_ERROR, NOTSUPP = WRG_BLKIF_RSP_EOPNOTSUPP };

static struct wrg_front_ring ring;

/* ---- the frontend, by hand ---- */

/* A page that the backend may write, or not. */
static uint32_t share(bool readonly)
{
    uint32_t page = port_pages(g.front, 1), gref;
    struct wrg_gnttab_grant grant = {
        .domid = WRG_DOM_BACK, .readonly = readonly, .count = 1, .pages = &page, .grefs = &gref
    };

    assert_int_equal(wrg_port_gnttab_grant(g.front, &grant), 0);
    return gref;
}

static void connect_back(void)
{
    const struct wrg_ring_args args = { .port = g.front, .npages = 1, .abi = WRG_ABI_X86_64 };
    struct wrg_ring_args mine = args;

    g.serves = true;
    hotplug();
    offer_ring();
    mine.page = ring_page;
    wrg_front_ring_init(&ring, &mine);
    start(&wrg_back_endpoint, g.back);
    front_says("3");
    assert_string_equal(get(BACK "/state"), "4");
}

static void kick(void)
{
    struct wrg_evtchn_send send = { .evtchn = ring_evtchn };

    assert_int_equal(wrg_port_evtchn_send(g.front, &send), 0);
    settle();
}

static struct wrg_blkif_response ask(const struct wrg_blkif_request *request)
{
    struct wrg_blkif_response response = { .status = 1 };

    wrg_front_ring_put(&ring, request);
    (void)wrg_front_ring_push(&ring);
    kick();
    assert_int_equal(wrg_front_ring_pending(&ring), 1);
    wrg_front_ring_get(&ring, &response);
    assert_int_equal(response.id, request->id);
    return response;
}

/* ---- one request after the other ---- */

struct row {
    const char *what;
    uint8_t operation, inner;
    uint16_t nseg;
    uint64_t sector;
    uint8_t first, last;
    int status;
    uint8_t echo;   /* of the response */
    uint8_t flag;   /* of a discard; its length is in nseg */
    bool untouched; /* the disk was not asked */
};

static struct wrg_blkif_request request_of(const struct row *row, uint32_t gref, uint32_t indirect)
{
    struct wrg_blkif_request request = { .operation = row->operation,
                                         .indirect_op = row->inner,
                                         .nr_segments = row->operation == D ? 0 : row->nseg,
                                         .flag = row->flag,
                                         .id = UINT64_C(0x1234567890abcdef),
                                         .sector_number = row->sector,
                                         .nr_sectors = row->operation == D ? row->nseg : 0 };

    for (unsigned i = 0; i < WRG_BLKIF_MAX_DIRECT_SEGMENTS; i++)
        request.seg[i] = (struct wrg_blkif_segment){ .gref = gref,
                                                     .first_sect = row->first,
                                                     .last_sect = row->last };
    for (unsigned i = 0; i < WRG_BLKIF_MAX_INDIRECT_PAGES; i++)
        request.indirect_grefs[i] = indirect;
    return request;
}

/* A page of segments, all alike. */
static uint32_t share_segments(const struct row *row, uint32_t gref)
{
    uint32_t page = port_pages(g.front, 1), indirect;
    struct wrg_gnttab_grant grant = {
        .domid = WRG_DOM_BACK, .readonly = true, .count = 1, .pages = &page, .grefs = &indirect
    };
    uint8_t *bytes = bytes_of(t.front, page);

    for (unsigned i = 0; i < 512; i++, bytes += 8) {
        memcpy(bytes, &gref, sizeof(gref));
        bytes[4] = row->first;
        bytes[5] = row->last;
    }
    assert_int_equal(wrg_port_gnttab_grant(g.front, &grant), 0);
    return indirect;
}

static void expect_row(const struct row *row)
{
    uint32_t gref = share(false);
    const struct wrg_blkif_request request = request_of(row, gref, share_segments(row, gref));
    unsigned submits = g.submits;
    struct wrg_blkif_response response = ask(&request);

    if (response.status != row->status || response.operation != row->echo)
        fail_msg("%s: status %d, operation %u", row->what, response.status, response.operation);
    if ((g.submits == submits) != row->untouched)
        fail_msg("%s: the disk was %sasked", row->what, row->untouched ? "" : "not ");
}

static void expect_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect_row(&rows[i]);
}

/* clang-format off */
#define FAILS(text, op, in, n, at, f, l, s, e) \
    { .what = (text), .operation = (op), .inner = (in), .nseg = (n), .sector = (at), .first = (f), \
      .last = (l), .status = (s), .echo = (e), .untouched = true }
#define WORKS(text, op, in, n, at, f, l, e) \
    { .what = (text), .operation = (op), .inner = (in), .nseg = (n), .sector = (at), .first = (f), \
      .last = (l), .status = OKAY, .echo = (e) }

static const struct row plain_rows[] = {
    WORKS("read", R, 0, 1, 8, 0, 7, R),
    WORKS("write of eleven", W, 0, 11, 8, 0, 7, W),
    WORKS("last sector of the page", R, 0, 1, 8, 7, 7, R),
    WORKS("last sectors of the disk", W, 0, 1, SECTORS - 8, 0, 7, W),
    WORKS("indirect read of one", I, R, 1, 8, 0, 7, R),
    WORKS("indirect write of the limit", I, W, 32, 8, 0, 7, W),
    FAILS("read of nothing", R, 0, 0, 8, 0, 7, ERROR, R),
    FAILS("write of nothing", W, 0, 0, 8, 0, 7, ERROR, W),
    FAILS("write of twelve", W, 0, 12, 8, 0, 7, ERROR, W),
    FAILS("read of 255", R, 0, 255, 8, 0, 7, ERROR, R),
    FAILS("first behind last", R, 0, 2, 8, 5, 4, ERROR, R),
    FAILS("sector eight", W, 0, 2, 8, 0, 8, ERROR, W),
    FAILS("sectors of 255", W, 0, 2, 8, 255, 255, ERROR, W),
    FAILS("over the end", R, 0, 1, SECTORS - 7, 0, 7, ERROR, R),
    FAILS("from the end", W, 0, 1, SECTORS, 0, 7, ERROR, W),
    FAILS("sector that wraps", W, 0, 1, UINT64_MAX - 3, 0, 7, ERROR, W),
    FAILS("sector whose bytes wrap", R, 0, 1, UINT64_C(1) << 55, 0, 7, ERROR, R),
    FAILS("reserved", 4, 0, 1, 8, 0, 7, NOTSUPP, 4),
    FAILS("unknown, next", 7, 0, 1, 8, 0, 7, NOTSUPP, 7),
    FAILS("unknown, last", 255, 0, 1, 8, 0, 7, NOTSUPP, 255),
    FAILS("barrier not offered", B, 0, 1, 8, 0, 7, NOTSUPP, B),
    FAILS("flush not offered", F, 0, 0, 0, 0, 0, NOTSUPP, F),
    FAILS("discard not offered", D, 0, 8, 8, 0, 0, NOTSUPP, D),
    FAILS("indirect of nothing", I, W, 0, 8, 0, 7, ERROR, W),
    FAILS("indirect over the limit", I, W, 33, 8, 0, 7, ERROR, W),
    FAILS("indirect whose low byte would do", I, R, 256 + 8, 8, 0, 7, ERROR, R),
    FAILS("indirect barrier", I, B, 1, 8, 0, 7, ERROR, B),
    FAILS("indirect flush", I, F, 1, 8, 0, 7, ERROR, F),
    FAILS("indirect discard", I, D, 1, 8, 0, 7, ERROR, D),
    FAILS("indirect indirect", I, I, 1, 8, 0, 7, ERROR, I),
    FAILS("indirect unknown", I, 77, 1, 8, 0, 7, ERROR, 77),
    FAILS("indirect first behind last", I, R, 12, 8, 5, 4, ERROR, R),
    FAILS("indirect sector eight", I, W, 12, 8, 0, 8, ERROR, W),
    FAILS("indirect over the end", I, R, 12, SECTORS - 88, 0, 7, ERROR, R),
};

static const struct row offered_rows[] = {
    WORKS("flush", F, 0, 0, 0, 0, 0, F),
    WORKS("barrier", B, 0, 1, 8, 0, 7, B),
    WORKS("empty barrier", B, 0, 0, 0, 0, 0, B),
    FAILS("barrier of twelve", B, 0, 12, 8, 0, 7, ERROR, B),
    FAILS("barrier over the end", B, 0, 1, SECTORS, 0, 7, ERROR, B),
    WORKS("discard", D, 0, 8, 8, 0, 0, D),
    FAILS("discard over the end", D, 0, 9, SECTORS - 8, 0, 0, ERROR, D),
    FAILS("discard that wraps", D, 0, 9, UINT64_MAX - 3, 0, 0, ERROR, D),
};

static const struct row read_only_rows[] = {
    WORKS("read", R, 0, 1, 8, 0, 7, R),
    WORKS("indirect read", I, R, 12, 8, 0, 7, R),
    FAILS("write", W, 0, 1, 8, 0, 7, ERROR, W),
    FAILS("indirect write", I, W, 12, 8, 0, 7, ERROR, W),
    FAILS("barrier", B, 0, 1, 8, 0, 7, ERROR, B),
    FAILS("flush", F, 0, 0, 0, 0, 0, ERROR, F),
    FAILS("discard", D, 0, 8, 8, 0, 0, ERROR, D),
};

static const struct row without_indirect_rows[] = {
    FAILS("indirect not supported", I, R, 1, 8, 0, 7, NOTSUPP, I),
    FAILS("indirect not supported, and wrong", I, D, 0, 8, 0, 7, NOTSUPP, I),
};

static const struct row outer_rows[] = {
    WORKS("indirect read", I, R, 12, 8, 0, 7, I),
    FAILS("indirect over the limit", I, W, 33, 8, 0, 7, ERROR, I),
    FAILS("indirect discard", I, D, 1, 8, 0, 7, ERROR, I),
};
/* clang-format on */

static void all_features(void)
{
    g.info = (struct wrg_disk_info){
        .sectors = SECTORS, .flush = true, .discard_granularity_bytes = 512, .block_bytes = 512
    };
    g.back->params.barrier = true;
}

static void plain_disk__each_request(void **state)
{
    g.info = (struct wrg_disk_info){ .sectors = SECTORS, .block_bytes = 512 };
    connect_back();
    expect_rows(plain_rows, WRG_ARRAY_LEN(plain_rows));
}

static void everything_offered__each_request(void **state)
{
    all_features();
    connect_back();
    expect_rows(offered_rows, WRG_ARRAY_LEN(offered_rows));
}

static void read_only_disk__each_request(void **state)
{
    all_features();
    set(BACK "/mode", "r");
    connect_back();
    expect_rows(read_only_rows, WRG_ARRAY_LEN(read_only_rows));
}

static void indirect_not_supported__outer_operation_echoed(void **state)
{
    g.info = (struct wrg_disk_info){ .sectors = SECTORS, .block_bytes = 512 };
    g.back->params.indirect_absent = true;
    connect_back();
    expect_rows(without_indirect_rows, WRG_ARRAY_LEN(without_indirect_rows));
}

static void backend_of_the_other_kind__echoes_the_outer_operation(void **state)
{
    g.info = (struct wrg_disk_info){ .sectors = SECTORS, .block_bytes = 512 };
    g.back->params.echo_outer = true;
    connect_back();
    expect_rows(outer_rows, WRG_ARRAY_LEN(outer_rows));
}

/* ---- the disk below ---- */

static void disk_that_fails__status_of_its_error(void **state)
{
    static const struct {
        int error, status;
    } rows[] = { { -EIO, ERROR }, { -ENOSPC, ERROR }, { -EOPNOTSUPP, NOTSUPP } };
    const struct row read = { .operation = R, .nseg = 1, .sector = 8, .last = 7 };
    struct wrg_blkif_request request;

    all_features();
    connect_back();
    request = request_of(&read, share(false), 0);
    for (size_t i = 0; i < WRG_ARRAY_LEN(rows); i++) {
        g.disk_error = rows[i].error;
        assert_int_equal(ask(&request).status, rows[i].status);
    }
}

static void flush_not_supported_after_all__node_withdrawn(void **state)
{
    const struct wrg_blkif_request flush = { .operation = F, .id = 1 };

    all_features();
    connect_back();
    assert_string_equal(get(BACK "/feature-flush-cache"), "1");
    g.disk_error = -EIO;
    assert_int_equal(ask(&flush).status, ERROR);
    assert_string_equal(get(BACK "/feature-flush-cache"), "1");
    g.disk_error = -EOPNOTSUPP;
    assert_int_equal(ask(&flush).status, NOTSUPP);
    assert_string_equal(get(BACK "/feature-flush-cache"), "0");
    g.disk_error = 0;
    assert_int_equal(ask(&flush).status, NOTSUPP);
}

static void barrier_not_supported_after_all__node_withdrawn(void **state)
{
    const struct wrg_blkif_request barrier = { .operation = B, .id = 1 };

    all_features();
    connect_back();
    assert_string_equal(get(BACK "/feature-barrier"), "1");
    g.disk_error = -EOPNOTSUPP;
    assert_int_equal(ask(&barrier).status, NOTSUPP);
    assert_string_equal(get(BACK "/feature-barrier"), "0");
}

static void secure_discard__counts_where_it_is_offered(void **state)
{
    const struct wrg_blkif_request secure = {
        .operation = D, .id = 1, .flag = WRG_BLKIF_DISCARD_SECURE, .nr_sectors = 8
    };

    for (unsigned offered = 0; offered < 2; offered++) {
        if (offered)
            assert_int_equal(setup(state), 0);
        all_features();
        g.info.discard_secure = offered;
        connect_back();
        assert_string_equal(get(BACK "/discard-secure"), offered ? "1" : "0");
        assert_int_equal(ask(&secure).status, OKAY);
        assert_int_equal(g.last_op, offered ? WRG_IO_SECURE_ERASE : WRG_IO_DISCARD);
        if (!offered)
            teardown_guests(state);
    }
}

static void discard_enable__zero_forbids(void **state)
{
    static const struct {
        const char *enable, *offered;
    } rows[] = { { "0", "0" }, { "1", "1" }, { "7", "1" }, { "x", "1" }, { "", "1" } };

    for (size_t i = 0; i < WRG_ARRAY_LEN(rows); i++) {
        if (i)
            assert_int_equal(setup(state), 0);
        all_features();
        set(BACK "/discard-enable", rows[i].enable);
        connect_back();
        assert_string_equal(get(BACK "/feature-discard"), rows[i].offered);
        if (i + 1 < WRG_ARRAY_LEN(rows))
            teardown_guests(state);
    }
}

/* ---- grants ---- */

static void page_granted_read_only__may_be_written_to_the_disk_only(void **state)
{
    const struct row row = { .operation = R, .nseg = 1, .sector = 8, .last = 7 };
    struct wrg_blkif_request request;

    all_features();
    connect_back();
    request = request_of(&row, share(true), 0);
    assert_int_equal(ask(&request).status, ERROR);
    assert_int_equal(g.submits, 0);
    request.operation = W;
    assert_int_equal(ask(&request).status, OKAY);
}

static void page_that_is_not_granted__error_and_the_disk_is_not_asked(void **state)
{
    const struct row row = { .operation = W, .nseg = 3, .sector = 8, .last = 7 };
    struct wrg_blkif_request request;

    all_features();
    connect_back();
    request = request_of(&row, share(false), 0);
    request.seg[1].gref = 4000;
    assert_int_equal(ask(&request).status, ERROR);
    request.operation = I;
    request.indirect_op = W;
    request.indirect_grefs[0] = 4000;
    assert_int_equal(ask(&request).status, ERROR);
    assert_int_equal(g.submits, 0);
}

/* ---- the ring ---- */

static void index_too_far_ahead__ring_is_stopped_for_good(void **state)
{
    uint32_t sane = 1, far = 40;
    uint8_t *bytes;

    all_features();
    connect_back();
    bytes = bytes_of(t.front, ring_page);
    memcpy(bytes, &far, sizeof(far));
    kick();
    assert_int_equal(g.submits, 0);
    memcpy(bytes, &sane, sizeof(sane));
    kick();
    kick();
    memcpy(&sane, bytes + 8, sizeof(sane)); /* rsp_prod */
    assert_int_equal(sane, 0);
    assert_string_equal(get(BACK "/state"), "4"); /* the rest of the device is not given up */
    front_says("5");
    front_says("6");
    assert_string_equal(get(BACK "/state"), "6");
    assert_string_equal(get(ERROR_PATH), "");
}

static uint32_t index_stores(void)
{
    uint32_t stores = 0;

    for (uint32_t n = 0; n < count_events(WRG_EV_STORE); n++)
        stores += wrg_event_site(&nth_event(WRG_EV_STORE, n)->ev) == WRG_SITE_RSP_PROD;
    return stores;
}

static void many_requests_at_once__answered_by_one_index_and_one_event(void **state)
{
    struct row row = { .operation = W, .nseg = 1, .last = 7 };

    all_features();
    connect_back();
    for (uint64_t i = 0; i < 8; i++) {
        row.sector = i == 5 ? SECTORS : i * 8; /* one of them is refused */
        const struct wrg_blkif_request request = request_of(&row, share(false), 0);
        wrg_front_ring_put(&ring, &request);
    }
    (void)wrg_front_ring_push(&ring);
    hooks(true);
    forget_events();
    kick();
    assert_int_equal(wrg_front_ring_pending(&ring), 8);
    assert_int_equal(index_stores(), 1);
    assert_int_equal(count_events(WRG_EV_EVTCHN_SEND), 2); /* the frontend's own, and one back */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(plain_disk__each_request),
        T(everything_offered__each_request),
        T(read_only_disk__each_request),
        T(indirect_not_supported__outer_operation_echoed),
        T(backend_of_the_other_kind__echoes_the_outer_operation),
        T(disk_that_fails__status_of_its_error),
        T(flush_not_supported_after_all__node_withdrawn),
        T(barrier_not_supported_after_all__node_withdrawn),
        T(secure_discard__counts_where_it_is_offered),
        T(discard_enable__zero_forbids),
        T(page_granted_read_only__may_be_written_to_the_disk_only),
        T(page_that_is_not_granted__error_and_the_disk_is_not_asked),
        T(index_too_far_ahead__ring_is_stopped_for_good),
        T(many_requests_at_once__answered_by_one_index_and_one_event),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
