/* SPDX-License-Identifier: MIT */
/*
 * Scripted peers in whole worlds: honest unless told otherwise, and caught when told otherwise.
 */
#include "hostile/hostile.h"

#include "world/world_fixture.h"

struct example {
    const char *name;
    const char *ops;
    enum wrg_rule rule;
};

static void check(const struct example *example, bool snapshot)
{
    struct wrg_world *world = fixture_world(WRG_ENGINE_FIBER, snapshot);
    struct wrg_case *c = fixture_case(example->ops);
    struct wrg_verdict verdict = fixture_run(world, c);

    if (verdict.rule != example->rule)
        fail_msg("%s: %s instead of %s: %s", example->name, wrg_rule_id(verdict.rule),
                 wrg_rule_id(example->rule), verdict.detail);
    /* A finding ends the run: what comes later in the case has no effect. */
    if (example->rule == WRG_RULE_CLEAN && verdict.dead_ops)
        fail_msg("%s: op %u is dead", example->name, verdict.dead[0]);
    free(c);
    wrg_world_destroy(world);
}

static void check_all(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check(&examples[i], false);
        check(&examples[i], true);
    }
}

#define PAIR                                                                                       \
    "config victim=front judge=back\nio op=write count=24\nwait for=idle\nio op=read count=24\n"
#define BIG                                                                                        \
    "config victim=front judge=back indirect-max=1024\nio op=write count=1600\nwait for=idle\n"    \
    "io op=read count=1600\n"

static void honest_back__nothing_found(void **state)
{
    static const struct example examples[] = {
        { "direct", PAIR "io op=flush\n", WRG_RULE_CLEAN },
        { "indirect", BIG, WRG_RULE_CLEAN },
        { "both judged", "config victim=front judge=both ring-order=2 abi=x86_32\nio times=80\n",
          WRG_RULE_CLEAN },
        { "front detaches", PAIR "detach by=front\n", WRG_RULE_CLEAN },
        { "back detaches", PAIR "detach by=back\n", WRG_RULE_CLEAN },
        { "readonly", "config victim=front judge=back readonly=yes\nio op=read\n", WRG_RULE_CLEAN },
    };

    check_all(examples, WRG_ARRAY_LEN(examples));
}

static void misdeed__its_rule(void **state)
{
    static const struct example examples[] = {
        { "twice", PAIR "rsp misdeed=twice\n", WRG_RULE_RING_003 },
        { "early", PAIR "rsp misdeed=early\n", WRG_RULE_GNT_005 },
        { "refetch", PAIR "rsp misdeed=refetch\n", WRG_RULE_DF_001 },
        { "leak-pad", PAIR "rsp misdeed=leak-pad\n", WRG_RULE_INFO_002 },
        { "leak-secret", PAIR "rsp misdeed=leak-secret\n", WRG_RULE_INFO_001 },
        { "touch", PAIR "rsp misdeed=touch-after-unmap\n", WRG_RULE_GNT_001 },
        { "keep", PAIR "rsp misdeed=keep-mapped\n", WRG_RULE_GNT_005 },
        { "wrong read", PAIR "rsp req=2 misdeed=wrong-data\n", WRG_RULE_DATA_001 },
        { "wrong write", PAIR "rsp req=1 misdeed=wrong-data\n", WRG_RULE_DATA_002 },
        { "short write",
          "config victim=front judge=back\nio op=write count=1\nrsp misdeed=wrong-data\n",
          WRG_RULE_DATA_002 },
        { "wrong sector", PAIR "rsp misdeed=wrong-sector\n", WRG_RULE_DATA_003 },
        { "readonly write", PAIR "rsp misdeed=write-readonly\n", WRG_RULE_GNT_002 },
        { "readonly read", PAIR "rsp req=2 misdeed=write-readonly\n", WRG_RULE_GNT_002 },
        { "unasked", PAIR "rsp misdeed=unasked-gref\n", WRG_RULE_GNT_004 },
        { "write anyway",
          "config victim=front judge=back readonly=yes\nxs by=back node=info value=\"0\"\n"
          "resize sectors=70000\nwait\nio op=write\nrsp misdeed=write-anyway\n",
          WRG_RULE_DATA_004 },
        { "keep ring", "config victim=front judge=back end=close\nio\nrsp misdeed=keep-ring\n",
          WRG_RULE_GNT_003 },
        { "spin", PAIR "rsp misdeed=spin\n", WRG_RULE_LIVE_002 },
        { "idle-loop", PAIR "rsp misdeed=idle-loop\n", WRG_RULE_LIVE_002 },
        { "in indirect", BIG "rsp req=2 misdeed=early\n", WRG_RULE_GNT_005 },
    };

    check_all(examples, WRG_ARRAY_LEN(examples));
}

static void false_answer__its_rule(void **state)
{
    static const struct example examples[] = {
        { "id", PAIR "rsp id=77\n", WRG_RULE_RING_004 },
        { "operation", PAIR "rsp operation=3\n", WRG_RULE_RING_005 },
        { "status", PAIR "rsp status=-1\n", WRG_RULE_RING_006 },
        { "index ahead", PAIR "rsp prod=1000\n", WRG_RULE_RING_007 },
    };

    check_all(examples, WRG_ARRAY_LEN(examples));
}

static void hostile_back__front_is_not_to_blame(void **state)
{
    static const struct example examples[] = {
        { "drop", "config victim=front\nio times=3\nrsp misdeed=drop\n", WRG_RULE_CLEAN },
        { "twice", "config victim=front\nio times=3\nrsp misdeed=twice\n", WRG_RULE_CLEAN },
        { "index", "config victim=front\nio times=3\nrsp prod=100\n", WRG_RULE_CLEAN },
        { "id", "config victim=front\nio times=3\nrsp id=9999\n", WRG_RULE_CLEAN },
        { "poke",
          "config victim=front\nio times=3\nwait for=idle\n"
          "poke by=back target=rsp-prod val=12345\nevent by=back action=send count=3\n",
          WRG_RULE_CLEAN },
        { "close", "config victim=front\nio times=3\nwait for=idle\nevent by=back action=close\n",
          WRG_RULE_CLEAN },
    };

    check_all(examples, WRG_ARRAY_LEN(examples));
}

#define FRONT "config victim=back judge=both\n"

static void honest_front__nothing_found(void **state)
{
    static const struct example examples[] = {
        { "direct", FRONT "req op=write nseg=11 sector=8\nreq op=read nseg=3\npublish\n",
          WRG_RULE_CLEAN },
        { "indirect",
          FRONT "req op=indirect inner=write nseg=256 sector=8\npublish\nwait for=idle\n"
                "req op=indirect nseg=200\npublish\n",
          WRG_RULE_CLEAN },
        { "flush", FRONT "req op=flush nseg=0\npublish\n", WRG_RULE_CLEAN },
        { "unpublished", FRONT "req\nreq\n", WRG_RULE_CLEAN },
        { "big ring", "config victim=back judge=both ring-order=3 abi=x86_32\nreq\nreq\npublish\n",
          WRG_RULE_CLEAN },
        { "detach", FRONT "req\npublish\nwait for=idle\ndetach by=front\n", WRG_RULE_CLEAN },
        { "answered", FRONT "req\nreq\npublish\nwait for=responses n=2\n", WRG_RULE_CLEAN },
    };

    check_all(examples, WRG_ARRAY_LEN(examples));
}

#define REQ "config victim=back\nreq op=write nseg=5 sector=8\n"
#define IND "config victim=back\nreq op=indirect inner=read nseg=200 sector=8\n"

static void hostile_front__back_is_not_to_blame(void **state)
{
    static const struct example examples[] = {
        { "readonly", "config victim=back\nreq\ngrant kind=readonly\npublish\n", WRG_RULE_CLEAN },
        { "revoked", REQ "grant index=1 kind=revoked\npublish\n", WRG_RULE_CLEAN },
        { "foreign", REQ "grant index=1 kind=foreign\npublish\n", WRG_RULE_CLEAN },
        { "zero", REQ "grant index=1 kind=zero\npublish\n", WRG_RULE_CLEAN },
        { "ones", REQ "grant index=1 kind=all-ones\npublish\n", WRG_RULE_CLEAN },
        { "ring", REQ "grant index=1 kind=ring\npublish\n", WRG_RULE_CLEAN },
        { "unowned", REQ "grant index=1 kind=unowned\npublish\n", WRG_RULE_CLEAN },
        { "transfer", REQ "grant index=1 kind=transfer\npublish\n", WRG_RULE_CLEAN },
        { "other", REQ "grant index=1 kind=other-domid\npublish\n", WRG_RULE_CLEAN },
        { "indirect", IND "grant of=indirect kind=zero\npublish\n", WRG_RULE_CLEAN },
        { "own page", IND "grant index=3 count=9 kind=indirect\npublish\n", WRG_RULE_CLEAN },
        { "segments", IND "seg index=100 count=50 first=7 last=0\npublish\n", WRG_RULE_CLEAN },
        { "fill", IND "fill of=indirect seed=5\npublish\n", WRG_RULE_CLEAN },
        { "data", REQ "fill count=5 seed=5\npublish\n", WRG_RULE_CLEAN },
        { "index", REQ "publish prod=1000 notify=yes\n", WRG_RULE_CLEAN },
        { "backwards", REQ "publish\nwait for=idle\npublish prod=-1 notify=yes\n", WRG_RULE_CLEAN },
        { "entry", REQ "poke by=front target=grant index=10 off=0 len=2 val=0\npublish\n",
          WRG_RULE_CLEAN },
        { "slot", REQ "publish\npoke by=front target=slot len=8 mode=xor val=0xff00ff\n",
          WRG_RULE_CLEAN },
        { "events",
          REQ "event by=front action=mask\nevent by=front action=send count=99\n"
              "event by=front action=unmask\nevent by=front action=close\n",
          WRG_RULE_CLEAN },
    };

    check_all(examples, WRG_ARRAY_LEN(examples));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest_back__nothing_found),
        cmocka_unit_test(misdeed__its_rule),
        cmocka_unit_test(false_answer__its_rule),
        cmocka_unit_test(hostile_back__front_is_not_to_blame),
        cmocka_unit_test(honest_front__nothing_found),
        cmocka_unit_test(hostile_front__back_is_not_to_blame),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
