/* SPDX-License-Identifier: MIT */
/*
 * What the block layer above the reference frontend is told of each answer of a backend: the
 * checkers judge what goes over the ring, and not what a frontend makes of it.
 */
#include "world/world_fixture.h"

#include <wringer/port.h>

struct answer {
    const char *ops; /* of the case, behind its config */
    unsigned ios, failed;
};

/* The first response is the one that is wrong; what is outstanding when the device stops fails. */
static const struct answer answers[] = {
    { "rsp req=1 status=0\nio op=read times=3\n", 3, 0 },
    { "rsp req=1 status=-1\nio op=read times=3\n", 3, 1 },
    { "rsp req=1 status=-2\nio op=read times=3\n", 3, 1 },
    { "rsp req=1 status=1\nio op=read times=3\n", 3, 1 },
    { "rsp req=1 status=-3\nio op=write times=3\n", 3, 1 },
    { "rsp req=1 status=32767\nio op=write count=400\nio op=read\n", 2, 1 },
    { "rsp req=1 status=-32768\nio op=write count=400\nio op=read\n", 2, 1 },
    /* one of the two requests of an I/O is enough */
    { "rsp req=2 status=-1\nio op=write count=4096\nio op=read\n", 2, 1 },
    { "rsp req=1 id=1\nio op=write times=3\n", 3, 2 },
    { "rsp req=1 id=5\nio op=write times=3\n", 3, 3 },
    { "rsp req=1 id=32\nio op=write times=3\n", 3, 3 },
    { "rsp req=1 id=18446744073709551615\nio op=write times=3\n", 3, 3 },
    { "rsp req=1 operation=read\nio op=write times=3\n", 3, 3 },
    { "rsp req=1 operation=7\nio op=write times=3\n", 3, 3 },
    { "rsp req=1 operation=indirect\nio op=write count=400\n", 1, 0 },
    { "rsp req=1 operation=flush\nio op=write count=400\n", 1, 1 },
    { "rsp req=1 misdeed=twice\nio op=write times=3\n", 3, 3 },
    { "rsp req=2 id=0\nio op=write times=3\n", 3, 2 },
    { "rsp req=1 prod=1 notify=yes\nio op=write\n", 1, 1 },
    { "rsp req=1 prod=33 notify=yes\nio op=write\n", 1, 1 },
    { "rsp req=1 prod=-2 notify=yes\nio op=write\n", 1, 1 },
    { "rsp req=1 misdeed=keep-mapped\nio op=write times=3\n", 3, 3 },
    /* a disk that does not flush has nothing to flush; a flush that fails has failed */
    { "rsp req=1 status=-2\nio op=flush times=3\nwait\nio op=flush\n", 4, 0 },
    { "rsp req=1 status=-1\nio op=flush times=3\nwait\nio op=flush\n", 4, 1 },
    { "rsp req=1 status=-2\nio op=barrier count=8\nwait\nio op=barrier count=8\n", 2, 2 },
    { "rsp req=1 status=-1\nio op=barrier count=8\nwait\nio op=barrier count=8\n", 2, 1 },
    { "rsp req=1 status=-2\nio op=discard\nwait\nio op=discard\nio op=write\n", 3, 2 },
    { "rsp req=1 status=-1\nio op=discard\nwait\nio op=discard\nio op=write\n", 3, 1 },
};

static void each_answer__the_block_layer_is_told(void **state)
{
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);

    for (size_t i = 0; i < WRG_ARRAY_LEN(answers); i++) {
        char text[256];
        snprintf(text, sizeof(text), "config victim=front barrier=yes discard=secure\n%s",
                 answers[i].ops);
        struct wrg_case *c = fixture_case(text);
        struct wrg_verdict verdict = fixture_run(world, c);
        fixture_expect_clean(&verdict, answers[i].ops);
        if (verdict.ios != answers[i].ios || verdict.ios_failed != answers[i].failed)
            fail_msg("%s%u I/Os, of which %u failed, not %u", answers[i].ops, verdict.ios,
                     verdict.ios_failed, answers[i].failed);
        free(c);
    }
    wrg_world_destroy(world);
}

static void inner_operation_insisted_on__outer_one_fails(void **state)
{
    struct wrg_case *c = fixture_case("config victim=front front=linux\n"
                                      "rsp req=1 operation=indirect\nio op=write count=400\n");
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, true);
    struct wrg_verdict verdict = fixture_run(world, c);

    fixture_expect_clean(&verdict, "outer operation");
    assert_int_equal(verdict.ios_failed, 1);
    wrg_world_destroy(world);
    free(c);
}

/* ---- a frontend that takes every answer for a success ---- */

extern const struct wrg_endpoint wrg_front_endpoint;

static int (*calls[WRG_NR_CALLS])(struct wrg_port *port, void *args);
static int (*complete)(struct wrg_port *port, void *args);

static int complete_in_any_case(struct wrg_port *port, void *args)
{
    struct wrg_blk_complete *done = args;

    done->error = 0;
    return complete(port, done);
}

static int start_believer(struct wrg_port *port, void **self)
{
    memcpy(calls, port->calls, sizeof(calls));
    complete = calls[WRG_CALL_BLK_COMPLETE];
    calls[WRG_CALL_BLK_COMPLETE] = complete_in_any_case;
    port->calls = calls;
    return wrg_front_endpoint.start(port, self);
}

static void believes_what_failed__found(void **state)
{
    static const char *const ops[] = {
        "rsp req=1 status=-1\nio op=read times=3\n",
        "rsp req=1 status=1\nio op=read times=3\n",
        "rsp req=1 status=32767\nio op=write count=400\nio op=read\n",
        "rsp req=2 status=-1\nio op=write count=4096\nio op=read\n",
        "rsp req=1 status=-1\nio op=barrier count=8\n",
    };
    struct wrg_endpoint believer = wrg_front_endpoint;
    const struct wrg_world_options options = { .oracles = true, .hash = true, .front = &believer };

    believer.start = start_believer;
    for (size_t i = 0; i < WRG_ARRAY_LEN(ops); i++) {
        char text[256];
        snprintf(text, sizeof(text), "config victim=front barrier=yes\n%s", ops[i]);
        struct wrg_case *c = fixture_case(text);
        struct wrg_world *world = wrg_world_create(&options);
        struct wrg_verdict verdict = fixture_run(world, c);
        if (verdict.rule != WRG_RULE_DATA_007)
            fail_msg("%s: %s", ops[i], wrg_rule_id(verdict.rule));
        assert_int_equal(verdict.role, WRG_ROLE_FRONT);
        wrg_world_destroy(world);
        free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_answer__the_block_layer_is_told),
        cmocka_unit_test(believes_what_failed__found),
        cmocka_unit_test(inner_operation_insisted_on__outer_one_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
