/* SPDX-License-Identifier: MIT */
/*
 * For tests of whole worlds: a case from its text, a run, a verdict. Layer: world, tests only.
 */
#ifndef WRG_WORLD_WORLD_FIXTURE_H
#define WRG_WORLD_WORLD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "case/text.h"
#include "world/world.h"

/* Case `index` of the text, which must be right. */
static inline struct wrg_case *fixture_case(const char *ops)
{
    struct wrg_case *c = malloc(sizeof(*c));
    struct wrg_case_list list;
    char text[4096];
    char err[256] = "";

    assert_non_null(c);
    snprintf(text, sizeof(text), "wringer 1\n%s", ops);
    if (wrg_case_parse(text, strlen(text), "test", &list, err, sizeof(err)))
        fail_msg("%s", err);
    wrg_case_list_get(&list, 0, c);
    wrg_case_list_fini(&list);
    return c;
}

static inline struct wrg_world *fixture_world(enum wrg_engine engine, bool snapshot)
{
    const struct wrg_world_options options = {
        .engine = engine, .oracles = true, .hash = true, .peer_hash = true, .snapshot = snapshot
    };
    struct wrg_world *world = wrg_world_create(&options);

    assert_non_null(world);
    return world;
}

static inline struct wrg_verdict fixture_run(struct wrg_world *world, const struct wrg_case *c)
{
    struct wrg_verdict verdict;

    assert_int_equal(wrg_world_run_case(world, c, &verdict), 0);
    return verdict;
}

static inline void fixture_expect_clean(const struct wrg_verdict *verdict, const char *what)
{
    if (verdict->rule != WRG_RULE_CLEAN)
        fail_msg("%s: %s at step %u: %s", what, wrg_rule_id(verdict->rule), verdict->step,
                 verdict->detail);
}

/* Small cases that between them touch every feature. */
static const char *const fixture_seeds[] = {
    "config victim=none\nio op=write sector=8\nio op=read sector=8\n",
    "config victim=none indirect-max=1024\nio op=write sector=8 count=4800\nwait for=idle\n"
    "io op=read sector=8 count=4800\n",
    "config victim=none ring-order=1 abi=x86_32\nio op=write times=40 stride=16\nio op=flush\n"
    "io op=read times=40 stride=16\ndetach by=front\n",
    "config victim=none readonly=yes\nio op=read\nio op=write\ndetach by=toolstack\n",
    "config victim=back\nreq op=write nseg=3 sector=16\nreq op=indirect inner=read nseg=20 "
    "sector=16\n"
    "publish notify=yes\nwait for=idle\n",
    "config victim=front\nio op=write sector=8 count=24\nwait for=idle\nio op=read sector=8 "
    "count=24\n"
    "rsp req=2 status=-1\n",
    "config victim=none\nio op=write\nreconnect by=front\nio op=read\n",
    "config victim=none sectors=1024\nresize sectors=2048\nwait\nio op=write sector=2040\n",
    "config victim=none\nio op=write count=400 times=4\nreconnect how=migrate indirect-max=16\n"
    "io op=read\n",
    "config victim=front\nio op=write\nwait\nreconnect how=kexec\nio op=read\n",
    "config victim=none\ntoolstack action=hold\ntoolstack action=hotplug when=5\n"
    "wait for=connected\nio op=write\ntoolstack action=unplug\n",
    "config victim=none\nio op=write\nwait\ntoolstack action=power-cut\nio op=read\n",
    "config victim=none grant-version=2 indirect-max=1024\nio op=write sector=8 count=4800\n"
    "wait for=idle\nio op=read sector=8 count=4800\n",
    "config victim=none barrier=only\nio op=write sector=8 times=3\nio op=barrier sector=64 "
    "count=120\nio op=flush\nio op=read sector=64 count=120\n",
    "config victim=none discard=secure\nio op=write sector=8 count=64\nwait\nio op=discard "
    "sector=9 "
    "count=30\nio op=secure-erase sector=50 count=9\nwait\nio op=read sector=8 count=64\n",
    "config victim=none queues=4 ring-order=1 barrier=yes\nio op=write sector=8 times=12\n"
    "io op=barrier sector=64 times=3 stride=8\nwait\nio op=read sector=8 times=12\n",
    "config victim=none queues=2\nio op=write sector=8 times=8\nwait\n"
    "reconnect how=migrate queues=12\nio op=read sector=8 times=24\n",
    "config victim=none sector-size=4096 units=all front-units=all\nio op=write sector=8 "
    "count=640\n"
    "wait\nio op=read sector=8 count=640\n",
    "config victim=none media=cdrom sector-size=2048 ring-order=2 ring-nodes=both\nio op=read\n"
    "io op=write\n",
    "config victim=back queues=3\nreq op=write nseg=3 sector=16 queue=2\nreq op=indirect "
    "inner=read "
    "nseg=20 sector=16\npublish queue=2\npublish notify=yes\nwait for=idle\n",
    "config victim=front queues=2\nio op=write sector=8 times=8\nrsp req=2 queue=1 "
    "status=-1\nwait\n"
    "reconnect how=kexec\nio op=read\n",
    "config victim=none persistent=yes front-persistent=yes pool=20\nio op=write sector=8 count=88 "
    "times=2\nwait\nio op=read sector=8 count=160\nwait for=time-ms n=70000\nio op=write "
    "sector=3\n",
    "config victim=none data=copy trusted=no\nio op=write sector=8 count=88 times=2\nwait\n"
    "io op=read sector=8 count=160\n",
    "config victim=back persistent=yes front-persistent=yes\nreq op=write nseg=3 sector=16\n"
    "req op=indirect inner=read nseg=20 sector=16\npublish\nwait\nreq op=read nseg=3\npublish\n",
    "config victim=none guests=3 persistent=yes front-persistent=yes queues=2\nio op=write "
    "sector=8 "
    "count=88 times=2\nwait\nio op=read sector=8 count=160\n",
    "config victim=back neighbour=yes guests=2 data=copy\nreq op=write nseg=3 sector=16\npublish\n"
    "wait\nfault site=gnttab-copy nth=9 device=1\nreq op=indirect nseg=20\npublish\n",
};

#endif
