/* SPDX-License-Identifier: MIT */
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <wringer/page.h>

#include "case/codec.h"
#include "case/text.h"

/*
 * Each world has the snapshot of one connection, and a run that begins with another one takes
 * several times as long: so there are several, and a case runs in one that knows its connection.
 * What a case does is the same in each. Cases that may spoil negotiation, and those that always
 * connect afresh, have worlds of their own.
 */
enum { KIND_CALM, KIND_ROUGH, KIND_EARLY, KINDS };
enum { CALM_WORLDS = 4, ROUGH_WORLDS = 1, EARLY_WORLDS = 1 };
enum { WORLDS = CALM_WORLDS + ROUGH_WORLDS + EARLY_WORLDS };

static const struct {
    unsigned first, count;
} worlds_of[KINDS] = {
    [KIND_CALM] = { 0, CALM_WORLDS },
    [KIND_ROUGH] = { CALM_WORLDS, ROUGH_WORLDS },
    [KIND_EARLY] = { CALM_WORLDS + ROUGH_WORLDS, EARLY_WORLDS },
};

static struct {
    struct wrg_world *worlds[WORLDS];
    uint64_t used[WORLDS];   /* the run that used it last */
    struct wrg_world *world; /* of the last run */
    struct wrg_case c;
    struct wrg_verdict verdict;
    struct wrg_fuzz_stats own, *stats;
    struct wrg_reach *reach;
    struct wrg_reach own_reach;
} fuzz = { .stats = &fuzz.own, .reach = &fuzz.own_reach };

/* ---- the world ---- */

static enum wrg_target target(void)
{
    if (strcmp(WRG_FUZZ_TARGET, "xenstore") == 0)
        return WRG_TARGET_XENSTORE;
    return strcmp(WRG_FUZZ_TARGET, "front") == 0 ? WRG_TARGET_FRONT : WRG_TARGET_BACK;
}

int wrg_fuzz_init(bool engine)
{
    /* The hash is for replays: a finding is the same without it. */
    struct wrg_world_options options = {
        .engine = WRG_ENGINE_FIBER,
        .target = target(),
        .oracles = true,
        .hash = false,
        .prefault = engine,
        .snapshot = engine, /* without, a use of freed memory is shown with its stacks */
        .tap = wrg_feedback_on_event,
        .reach = wrg_feedback_reach(fuzz.reach),
    };

    for (unsigned i = 0; i < WORLDS && !fuzz.worlds[i]; i++) {
        bool own = i == 0 || (engine && target() != WRG_TARGET_XENSTORE);
        fuzz.worlds[i] = own ? wrg_world_create(&options) : fuzz.worlds[0];
        if (!fuzz.worlds[i])
            return -ENOMEM;
        options.prefault = false; /* the others run less often, and the start would take longer */
    }
    fuzz.world = fuzz.worlds[0];
    return 0;
}

static unsigned kind_of(const struct wrg_case *c)
{
    unsigned kind = KIND_CALM;

    for (unsigned i = 0; i < c->nops; i++) {
        const struct wrg_op *op = &c->ops[i];
        if ((op->kind == WRG_OP_WAIT && op->wait.what == WRG_CASE_WAIT_CONNECTED) ||
            (op->kind == WRG_OP_TOOLSTACK && op->toolstack.action == WRG_CASE_ACTION_HOLD))
            return KIND_EARLY;
        if (op->kind == WRG_OP_FAULT || op->kind == WRG_OP_PREEMPT)
            kind = KIND_ROUGH;
    }
    return kind;
}

/* The world that knows the case's connection, or the one that has not been used for longest. */
static struct wrg_world *world_for(const struct wrg_case *c)
{
    const unsigned kind = kind_of(c);
    const unsigned first = worlds_of[kind].first, end = first + worlds_of[kind].count;
    unsigned which = first;

    for (unsigned i = first; i < end; i++) {
        if (kind != KIND_EARLY && wrg_world_knows(fuzz.worlds[i], c)) {
            which = i;
            break;
        }
        if (fuzz.used[i] < fuzz.used[which])
            which = i;
    }
    fuzz.used[which] = fuzz.stats->execs + 1;
    return fuzz.worlds[which];
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void count(const struct wrg_verdict *verdict, uint32_t requests)
{
    struct wrg_fuzz_stats *stats = fuzz.stats;

    stats->execs++;
    stats->requests += requests;
    stats->snapshots += verdict->from_snapshot;
    stats->findings += verdict->rule != WRG_RULE_CLEAN;
    if (requests && !stats->first_request_ns)
        stats->first_request_ns = now_ns();
}

const struct wrg_verdict *wrg_fuzz_run(const struct wrg_case *c)
{
    fuzz.world = world_for(c);
    if (wrg_world_run_case(fuzz.world, c, &fuzz.verdict)) {
        fprintf(stderr, "wringer: internal error: out of memory for a world\n");
        abort();
    }
    uint32_t answered = wrg_feedback_note(c, &fuzz.verdict);
    /* A hostile backend may store any number of answers; what the block layer got back is true. */
    count(&fuzz.verdict, target() == WRG_TARGET_FRONT ? fuzz.verdict.ios : answered);
    return &fuzz.verdict;
}

const struct wrg_fuzz_stats *wrg_fuzz_stats(void)
{
    return fuzz.stats;
}

/* ---- findings ---- */

/* What the event was that made a checker speak: the site of an access, or the event's own name. */
static const char *place_of(const struct wrg_event *before, const struct wrg_event *ev)
{
#define WRG_SITE(symbol, name) name,
    static const char *const sites[] = {
#include <wringer/sites.def>
    };

    if (ev->kind == WRG_EV_STORE_REPLY) /* what was asked stands before it */
        return wrg_name(WRG_NAMES_STORE, before->a >> 8 & 255);
    if (ev->kind != WRG_EV_LOAD && ev->kind != WRG_EV_STORE)
        return wrg_event_name(ev->kind);
    return wrg_event_site(ev) < WRG_ARRAY_LEN(sites) ? sites[wrg_event_site(ev)] : "?";
}

void wrg_fuzz_token(char token[WRG_FUZZ_TOKEN_MAX])
{
    struct wrg_event last[2] = { 0 };
    uint32_t have = wrg_world_window(fuzz.world, last, 2);

    snprintf(token, WRG_FUZZ_TOKEN_MAX, "%s--%s.%s", wrg_rule_id(fuzz.verdict.rule),
             wrg_role_name(fuzz.verdict.role), have == 2 ? place_of(&last[0], &last[1]) : "?");
}

/* WRG_FUZZ_KNOWN: tokens with blanks between them, of findings that need not end the process. */
static bool is_known(const char *token)
{
    const char *known = getenv("WRG_FUZZ_KNOWN");
    size_t len = strlen(token);

    for (const char *at = known; at && (at = strstr(at, token)); at += len)
        if ((at == known || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
            return true;
    return false;
}

static void report(const struct wrg_verdict *verdict)
{
    const struct wrg_rule_info *rule = wrg_rule_by_number(verdict->rule);
    char token[WRG_FUZZ_TOKEN_MAX];

    wrg_fuzz_token(token);
    if (is_known(token))
        return;
    if (verdict->rule >= WRG_RULE_TOOL_001)
        fprintf(stderr, "wringer: internal error: %s\n", verdict->detail);
    fprintf(stderr, "%s: %s\n  detail  %s\nDEDUP_TOKEN: %s\n", wrg_rule_id(verdict->rule),
            rule ? rule->demand : "?", verdict->detail, token);
    abort();
}

/* ---- what engines call ---- */

/* Wrong options must not stop a campaign half way: they are fatal here. */
static void *map_file(const char *path, size_t size)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    void *at = MAP_FAILED;

    if (fd >= 0 && ftruncate(fd, (off_t)size) == 0)
        at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        fprintf(stderr, "wringer: internal error: %s: %s\n", path, strerror(errno));
        exit(3);
    }
    close(fd);
    return at;
}

static void map_files(void)
{
    const char *stats = getenv("WRG_FUZZ_STATS");
    const char *reach = getenv("WRG_FUZZ_REACH");

    if (stats)
        fuzz.stats = map_file(stats, sizeof(*fuzz.stats));
    if (reach)
        fuzz.reach = map_file(reach, sizeof(*fuzz.reach));
}

/* The first run leaves a snapshot, and pages are touched at their first use. */
static void warm_up(void)
{
    wrg_case_decode(NULL, 0, &fuzz.c);
    for (unsigned i = 0; i < 2 * WORLDS; i++)
        if (wrg_world_run_case(fuzz.worlds[i % WORLDS], &fuzz.c, &fuzz.verdict))
            abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    map_files();
    if (wrg_fuzz_init(true)) {
        fprintf(stderr, "wringer: internal error: out of memory for a world\n");
        exit(3);
    }
    warm_up();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct wrg_verdict *verdict;

    if (wrg_case_is_text(data, size))
        return 0;
    wrg_case_decode(data, size, &fuzz.c);
    verdict = wrg_fuzz_run(&fuzz.c);
    if (WRG_UNLIKELY(verdict->rule != WRG_RULE_CLEAN))
        report(verdict);
    return 0;
}

/* Leaks of a driver are judged by the ledger checker, which also says whose they are. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=16:malloc_context_size=4:detect_stack_use_after_return=0:"
           "detect_leaks=0";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
    return "print_stacktrace=1";
}
