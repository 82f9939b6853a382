/* SPDX-License-Identifier: MIT */
/*
 * How data gets from one end to the other: what is mapped, granted and copied in each of the ways,
 * when it is done again, and when it is given up.
 */
#include "vocab/events.h"
#include "world/world_fixture.h"

struct counts {
    uint32_t map, unmap, grant, grant_end, copy;
    bool connected;
};

static void count(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct counts *n = ctx;

    n->connected |= ev->kind == WRG_EV_PHASE && ev->a == WRG_PHASE_SAFETY;
    if (!n->connected)
        return;
    n->map += ev->kind == WRG_EV_MAP && !(ev->d >> 32);
    n->unmap += ev->kind == WRG_EV_UNMAP;
    n->grant += ev->kind == WRG_EV_GRANT;
    n->grant_end += ev->kind == WRG_EV_GRANT_END && !ev->c;
    n->copy += ev->kind == WRG_EV_COPY && !(uint32_t)ev->d;
}

/* What happened between the end of negotiation and the end of the case. */
static struct counts run(const char *config, const char *ops)
{
    struct counts n = { 0 };
    const struct wrg_world_options options = {
        .engine = WRG_ENGINE_FIBER, .oracles = true, .tap = count, .tap_ctx = &n
    };
    struct wrg_world *world = wrg_world_create(&options);
    char text[2048];

    assert_non_null(world);
    snprintf(text, sizeof(text), "config victim=none %s\n%s", config, ops);
    struct wrg_case *c = fixture_case(text);
    struct wrg_verdict verdict = fixture_run(world, c);
    fixture_expect_clean(&verdict, text);
    assert_int_equal(verdict.ios_failed, 0);
    wrg_world_destroy(world);
    free(c);
    return n;
}

#define BOTH  "persistent=yes front-persistent=yes "
#define WRITE "io op=write sector=8 count=88 pattern=1\nwait\n"  /* 11 pages */
#define READ  "io op=read sector=8 count=88\nwait\n"             /* likewise */
#define LARGE "io op=write sector=8 count=240 pattern=1\nwait\n" /* 30, and one of segments */
#define LATER "wait for=time-ms n=100000\n"

static void agreed__mapped_and_granted_once(void **state)
{
    struct counts n = run(BOTH, WRITE READ WRITE READ);

    assert_int_equal(n.map, 11);
    assert_int_equal(n.grant, 11);
    assert_int_equal(n.unmap, 0);
    assert_int_equal(n.grant_end, 0);
}

static void agreed__page_of_segments_is_kept_too(void **state)
{
    struct counts n = run(BOTH, LARGE LARGE LARGE);

    assert_int_equal(n.map, 31);
    assert_int_equal(n.grant, 31);
}

static void one_end_offers__mapped_each_time(void **state)
{
    static const char *const configs[] = { "", "persistent=yes", "front-persistent=yes" };

    for (size_t i = 0; i < WRG_ARRAY_LEN(configs); i++) {
        struct counts n = run(configs[i], WRITE READ);
        assert_int_equal(n.map, 22);
        assert_int_equal(n.unmap, 22);
        assert_int_equal(n.grant, 22);
        assert_int_equal(n.grant_end, 22);
    }
}

static void node_changes_after_connecting__means_nothing(void **state)
{
    struct counts n = run(BOTH, "xs by=front node=feature-persistent value=\"0\"\n"
                                "xs by=back node=feature-persistent value=\"0\"\n" WRITE READ);
    struct counts later =
        run("persistent=yes", "xs by=front node=feature-persistent value=\"1\"\n" WRITE READ);

    assert_int_equal(n.map, 11);
    assert_int_equal(later.map, 22);
    assert_int_equal(later.unmap, 22 + 1); /* who meddles with the store has the device closed */
}

static void idle_for_a_minute__given_up_by_both(void **state)
{
    struct counts n = run(BOTH, LARGE LATER);
    struct counts again = run(BOTH, LARGE LATER LARGE);

    assert_int_equal(n.unmap, 31);
    assert_int_equal(n.grant_end, 31);
    assert_int_equal(again.map, 62);
}

static void used_every_second__kept(void **state)
{
    char ops[1024] = LARGE;
    struct counts n;

    for (unsigned i = 0; i < 8; i++)
        strcat(ops, "wait for=time-ms n=15000\n" LARGE);
    n = run(BOTH, ops);
    assert_int_equal(n.map, 31);
    assert_int_equal(n.unmap, 0);
}

/* 20 of 31 pages find room; the others are mapped for each request. */
static void pool_overflows__rest_is_mapped_each_time(void **state)
{
    struct counts n = run(BOTH "pool=20", LARGE LARGE);

    assert_int_equal(n.map, 31 + 11);
    assert_int_equal(n.unmap, 22);
}

/* A tenth of a second after that one of the 20 has gone, which is 5 %. */
static void pool_overflowed__some_room_soon(void **state)
{
    struct counts n = run(BOTH "pool=20", LARGE "wait for=time-ms n=150\n");
    struct counts not_yet = run(BOTH "pool=20", LARGE "wait for=time-ms n=50\n");

    assert_int_equal(n.unmap, 11 + 1);
    assert_int_equal(not_yet.unmap, 11);
}

static void no_pool__mapped_each_time(void **state)
{
    struct counts n = run(BOTH "pool=0", WRITE READ);

    assert_int_equal(n.map, 22);
    assert_int_equal(n.unmap, 22);
    assert_int_equal(n.grant, 11); /* the frontend keeps them all the same */
}

static void grant_table_of_version_2__given_up_at_the_end_only(void **state)
{
    struct counts n = run(BOTH "grant-version=2", LARGE LATER);

    assert_int_equal(n.unmap, 31);
    assert_int_equal(n.grant_end, 0);
}

static void connection_closed__nothing_is_left(void **state)
{
    struct counts n = run(BOTH "end=close", LARGE READ);

    assert_int_equal(n.map, 31);
    assert_int_equal(n.unmap, 31 + 1); /* the ring */
    assert_int_equal(n.grant_end, 31 + 1);
}

static void copied__no_data_is_mapped(void **state)
{
    struct counts n = run("data=copy", WRITE READ LARGE);

    assert_int_equal(n.copy, 11 + 11 + 30);
    assert_int_equal(n.map, 1); /* the page of segments, which is read in place */
    assert_int_equal(n.unmap, 1);
}

static void copying_backend__does_not_offer_to_keep(void **state)
{
    struct counts n = run(BOTH "data=copy", WRITE READ);

    assert_int_equal(n.map, 0);
    assert_int_equal(n.copy, 22);
    assert_int_equal(n.grant, 22);
    assert_int_equal(n.grant_end, 22);
}

static void untrusted__pages_go_with_their_request(void **state)
{
    struct counts n = run("trusted=no", WRITE READ);

    assert_int_equal(n.map, 22);
    assert_int_equal(n.grant, 22);
    assert_int_equal(n.grant_end, 22);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agreed__mapped_and_granted_once),
        cmocka_unit_test(agreed__page_of_segments_is_kept_too),
        cmocka_unit_test(one_end_offers__mapped_each_time),
        cmocka_unit_test(node_changes_after_connecting__means_nothing),
        cmocka_unit_test(idle_for_a_minute__given_up_by_both),
        cmocka_unit_test(used_every_second__kept),
        cmocka_unit_test(pool_overflows__rest_is_mapped_each_time),
        cmocka_unit_test(pool_overflowed__some_room_soon),
        cmocka_unit_test(no_pool__mapped_each_time),
        cmocka_unit_test(grant_table_of_version_2__given_up_at_the_end_only),
        cmocka_unit_test(connection_closed__nothing_is_left),
        cmocka_unit_test(copied__no_data_is_mapped),
        cmocka_unit_test(copying_backend__does_not_offer_to_keep),
        cmocka_unit_test(untrusted__pages_go_with_their_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
