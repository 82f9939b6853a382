/* SPDX-License-Identifier: MIT */
/*
 * Honest drivers on real threads for as long as one likes: `world-soak_test [SECONDS [FIRST]]`.
 *
 * What it is    Worlds of one to three guests, of one to four queues, with traffic, in which the
 *               disk changes its size, drivers and domains come and go, the guest moves and the
 *               power fails. Each is a case made of a number, so that one which ends badly can be
 *               run again: it is printed. Under TSan a race ends the program.
 * Exit code     0 all were clean; 1 one was not
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "case/text.h"
#include "world/world.h"

enum { TEXT_MAX = 8192, OPS = 30, LEAST_SECTORS = 32768, REBUILDS = 3, SECONDS = 4 };

struct script {
    char text[TEXT_MAX];
    size_t len;
    uint64_t random;
    unsigned rebuilds;
};

static uint32_t draw(struct script *s, uint32_t bound)
{
    return (uint32_t)(wrg_splitmix64(&s->random) >> 33) % bound;
}

__attribute__((format(printf, 2, 3))) static void say(struct script *s, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    s->len += (size_t)vsnprintf(s->text + s->len, sizeof(s->text) - s->len, format, args);
    va_end(args);
    WRG_ASSERT(s->len < sizeof(s->text));
}

/* ---- what happens ---- */

static void some_io(struct script *s)
{
    static const char *const ops[] = { "write", "write", "read", "read", "flush", "discard" };
    uint32_t count = 1 + draw(s, 300), times = 1 + draw(s, 12);

    say(s, "io op=%s sector=%u count=%u times=%u stride=%u\n", ops[draw(s, 6)],
        draw(s, LEAST_SECTORS / 2), count, times, count + draw(s, 64));
}

static void resize(struct script *s)
{
    say(s, "resize sectors=%u\n", LEAST_SECTORS + draw(s, 16) * 1024);
}

static void come_back(struct script *s)
{
    static const char *const ways[] = { "by=front", "by=back", "how=kexec", "how=firmware",
                                        "how=migrate" };
    uint32_t way = draw(s, 5);

    if (way == 4 && s->rebuilds++ >= REBUILDS)
        return;
    say(s, "reconnect %s indirect-max=%u\n", ways[way], 16 + draw(s, 200));
}

static void unplug(struct script *s)
{
    say(s, "toolstack action=unplug\nwait for=closed\nwait\ntoolstack action=add\n");
}

static void cut_power(struct script *s)
{
    if (s->rebuilds++ < REBUILDS)
        say(s, "toolstack action=power-cut value=1\n");
}

static void pause(struct script *s)
{
    say(s, draw(s, 2) ? "wait\n" : "wait for=time-ms n=5\n");
}

static void write_case(struct script *s, uint64_t number)
{
    static void (*const ops[])(struct script * s) = { some_io, some_io, some_io,   some_io,
                                                      some_io, some_io, resize,    come_back,
                                                      unplug,  pause,   cut_power, resize };
    uint32_t queues = 1 + (uint32_t)number % 4;
    static const char *const words[] = { "no", "yes" };

    *s = (struct script){ .random = number };
    say(s,
        "wringer 1\nconfig victim=none guests=%u queues=%u front-queues=%u sectors=%u "
        "indirect-max=%u depth=%u discard=yes data=%s",
        1 + draw(s, 3), queues, queues, (unsigned)LEAST_SECTORS, 11 + draw(s, 100), 8 + draw(s, 56),
        draw(s, 3) ? "map" : "copy");
    const char *persistent = words[draw(s, 2)];
    say(s, " persistent=%s front-persistent=%s\n", persistent, persistent);
    for (unsigned i = 0; i < OPS; i++)
        ops[draw(s, WRG_ARRAY_LEN(ops))](s);
    say(s, "wait\ndetach by=front\n");
}

/* ---- running it ---- */

static bool load(const struct script *s, struct wrg_case *c)
{
    struct wrg_case_list list;
    char err[256];

    if (wrg_case_parse(s->text, s->len, "soak", &list, err, sizeof(err))) {
        fprintf(stderr, "%s\n", err);
        return false;
    }
    wrg_case_list_get(&list, 0, c);
    wrg_case_list_fini(&list);
    return true;
}

static bool run_one(struct wrg_world *world, uint64_t number, uint64_t *ios)
{
    static struct script script;
    static struct wrg_case c;
    struct wrg_verdict verdict;

    write_case(&script, number);
    if (!load(&script, &c) || wrg_world_run_case(world, &c, &verdict))
        return false;
    *ios += verdict.ios;
    if (verdict.rule == WRG_RULE_CLEAN && !verdict.ios_outstanding)
        return true;
    fprintf(stderr, "case %llu: %s: %s, %u outstanding\n%s", (unsigned long long)number,
            wrg_rule_id(verdict.rule), verdict.detail, verdict.ios_outstanding, script.text);
    return false;
}

static double now(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    const struct wrg_world_options options[] = {
        { .engine = WRG_ENGINE_THREAD, .oracles = true },
        { .engine = WRG_ENGINE_THREAD, .oracles = true, .share = true },
    };
    double end = now() + (argc > 1 ? atof(argv[1]) : SECONDS);
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    uint64_t number = first, ios = 0;
    struct wrg_world *worlds[] = { wrg_world_create(&options[0]), wrg_world_create(&options[1]) };
    bool good = worlds[0] && worlds[1];

    for (; good && (number == first || now() < end); number++)
        good = run_one(worlds[number / 4 % 2], number, &ios);
    wrg_world_destroy(worlds[0]);
    wrg_world_destroy(worlds[1]);
    printf("%llu worlds, %llu I/Os\n", (unsigned long long)(number - first),
           (unsigned long long)ios);
    return good && ios ? 0 : 1;
}
