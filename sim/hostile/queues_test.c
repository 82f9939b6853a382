/* SPDX-License-Identifier: MIT */
/*
 * Scripted peers with several queues, in whole worlds: against each other, so that what is tested
 * here is theirs.
 */
#include "hostile/hostile.h"

#include "world/world_fixture.h"

struct example {
    const char *name;
    const char *ops;
    uint32_t requests; /* that are answered */
    uint32_t dead;     /* ops */
};

static struct wrg_world *scripted_pair(bool snapshot)
{
    const struct wrg_world_options options = { .engine = WRG_ENGINE_FIBER,
                                               .back = &wrg_hostile_back_endpoint,
                                               .oracles = true,
                                               .hash = true,
                                               .snapshot = snapshot };
    struct wrg_world *world = wrg_world_create(&options);

    assert_non_null(world);
    return world;
}

static void check(const struct example *example, bool snapshot)
{
    struct wrg_world *world = scripted_pair(snapshot);
    struct wrg_case *c = fixture_case(example->ops);
    struct wrg_verdict first = fixture_run(world, c);

    for (unsigned run = 0; run < 3; run++) { /* from the third one on with the snapshot */
        struct wrg_verdict verdict = fixture_run(world, c);
        fixture_expect_clean(&verdict, example->name);
        if (verdict.requests != example->requests || verdict.dead_ops != example->dead)
            fail_msg("%s: %u requests, %u dead ops", example->name, verdict.requests,
                     verdict.dead_ops);
        assert_int_equal(verdict.hash, first.hash);
    }
    free(c);
    wrg_world_destroy(world);
}

#define TWO    "config queues=2\n"
#define TWELVE "config queues=12\n"

static const struct example examples[] = {
    { "both queues", TWO "req\nreq queue=1\npublish\npublish queue=1\n", 2, 0 },
    { "no publish: all of them", TWO "req\nreq queue=1\nreq queue=1\n", 3, 0 },
    { "one id on both", TWO "req id=5\nreq queue=1 id=5\npublish queue=1\npublish\n", 2, 0 },
    { "several pages a ring",
      "config queues=2 ring-order=2 abi=x86_32\nreq queue=1\npublish queue=1\n", 1, 0 },
    { "indirect on both",
      TWO "req op=indirect nseg=20\nreq op=indirect nseg=600 queue=1 sector=800\n"
          "publish queue=1\npublish\n",
      2, 0 },
    { "edits of the last request",
      TWO "req queue=1 nseg=2\nseg index=1 first=3\ngrant index=0 kind=readonly\n"
          "fill seed=7\npublish queue=1\n",
      1, 0 },
    { "the last queue of twelve", TWELVE "req queue=11\npublish queue=11\n", 1, 0 },
    { "a queue that is not there",
      TWO "req queue=2\npublish queue=2\nevent queue=2\n"
          "poke by=front queue=2 target=slot\n",
      0, 4 },
    { "one queue is what there is by default", "req queue=1\npublish queue=1\nreq\npublish\n", 1,
      2 },
    { "more queues than the backend offers", TWO "req queue=11\n", 0, 1 },
    /* The other ring goes on. */
    { "index out of range on the second",
      TWO "req queue=1\npublish queue=1 prod=100\nwait\nreq\npublish\n", 1, 0 },
    { "index out of range on the first",
      TWO "req\npublish prod=100\nwait\nreq queue=1\n"
          "publish queue=1\n",
      1, 0 },
    { "index poked on the second",
      TWO "poke by=front queue=1 target=req-prod val=0x80000000\nevent queue=1\nwait\nreq\n"
          "publish\n",
      1, 0 },
    { "slot poked on the second",
      TWO "req queue=1\npoke by=front queue=1 target=slot off=8 len=8 val=0x99\n"
          "publish queue=1\n",
      1, 0 },
    { "grant entry of the second, whichever queue is named",
      TWO "req queue=1\npoke by=front target=grant index=100 len=2 val=0\npublish queue=1\n", 1,
      0 },
    { "channel of the second closed",
      TWO "event queue=1 action=close\nreq queue=1\npublish queue=1\nreq\npublish\n", 1, 0 },
    { "channel of the second masked",
      TWO "event queue=1 action=mask\nreq queue=1\npublish queue=1\nevent queue=1 action=unmask\n",
      1, 0 },
    { "tamper in the second",
      TWO "req\nreq queue=1\ntamper queue=1 req=1 off=8 val=0x42\npublish\npublish queue=1\n", 2,
      0 },
    { "tamper in a queue without requests",
      TWO "req\ntamper queue=1 req=1 off=8 val=0x42\npublish\n", 1, 1 },
    { "closed behind work on both",
      TWO "req\nreq queue=1\npublish\npublish queue=1\nwait\ndetach by=front\n", 2, 0 },
    { "connects again",
      TWO "req queue=1\npublish queue=1\nwait\nreconnect by=front\nreq queue=1\n"
          "publish queue=1\n",
      2, 0 },
    { "dies", TWO "req queue=1\npublish queue=1\nwait\nkill dom=front\n", 1, 0 },
};

static void several_queues__each_on_its_own(void **state)
{
    for (size_t i = 0; i < WRG_ARRAY_LEN(examples); i++) {
        check(&examples[i], false);
        check(&examples[i], true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_queues__each_on_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
