/* SPDX-License-Identifier: MIT */
/*
 * Every refusal, survived: each seed case is run again and again, each time with one call of one
 * site refused by one of the statuses that the table of faults has for it.
 *
 * What must hold each time: no rule is broken (nothing leaks, hangs, is lost, or is touched after
 * it was given back), whatever the block layer submitted is completed, and the fault has hit.
 * A second pass lets a site fail from a call on until faults stop, a third draws calls of all sites
 * by rate. Whether the case would still meet its own expectations is not asked: a refusal may well
 * change what it sees.
 *
 * usage: fault_sweep_test [quick | full | all] [FILE.wring...]
 *   quick  some calls of each site, the statuses in turn (the default: for slow builds)
 *   full   every call of a site up to the 512th, and 32 of those beyond, the last one included
 *   all    every call; and the regressions, as quick does
 * Without files: corpus/seed, and small cases that close and connect again in every way.
 */
#include <glob.h>
#include <unistd.h>

#include <wringer/wringer.h>

#include "case/load.h"
#include "world/world_fixture.h"

enum depth { QUICK, FULL, ALL };
enum { NTHS_MAX = 8192, SHOWN_MAX = 8 };

/* Runs of a case by rate. */
static const unsigned rate_runs[] = { [QUICK] = 20, [FULL] = 400, [ALL] = 2000 };

static enum depth depth;
static char **files;
static int nfiles;

/* Ways to close: each step of them is a call that may be refused. */
static const char *const endings[] = {
    "config victim=none\nio op=write\ndetach by=front\nwait for=closed\n",
    "config victim=none\nio op=write\ndetach by=back\nwait for=closed\n",
    "config victim=none\nio op=write\ndetach by=toolstack\nwait for=closed\n",
    "config victim=none ring-order=1\nio op=write\nreconnect by=front\nio op=read\nwait\n",
    "config victim=none\nio op=write\nreconnect by=back\nio op=read\nwait\n",
    "config victim=none depth=4\nio op=write count=160 times=6 stride=160\ndetach by=front\n",
    "config victim=none\nkill dom=back after=30\nio op=write times=4 stride=8\n",
    "config victim=back end=close\nreq op=write nseg=2 sector=16\npublish\n",
    "config victim=front end=close\nio op=write\nio op=flush\n",
    "config victim=none\nwait for=connected\nio op=write\nwait\nio op=read\n",
};

/* What is seen of a run besides its verdict. */
struct watch {
    bool gone;            /* the frontend has no disk, as far as is known */
    bool asked;           /* a world that is not idle yet is told to close */
    uint64_t front, back; /* states before that */
};

struct sweep {
    struct wrg_world *world;
    struct watch watch;
    const char *name;
    struct wrg_case base;   /* the case without the fault */
    struct wrg_case broken; /* and with it */
    uint16_t at;            /* its place in it */
    uint32_t nths[NTHS_MAX];
    uint32_t nnths;
    uint64_t runs;
    unsigned failures;
    bool may_miss; /* a rate need not hit */
};

/* ---- which calls ---- */

/* Ascending. Boundaries of batches and of pages of segments lie within the first few hundred. */
static void choose_calls(struct sweep *sweep, uint32_t calls)
{
    static const uint32_t dense[] = { [QUICK] = 8, [FULL] = 512, [ALL] = NTHS_MAX };
    static const uint32_t spread[] = { [QUICK] = 4, [FULL] = 32, [ALL] = 0 };
    uint32_t first = wrg_min_u32(calls, dense[depth]);

    sweep->nnths = 0;
    for (uint32_t nth = 1; nth <= first; nth++)
        sweep->nths[sweep->nnths++] = nth;
    for (uint32_t i = 1; i <= spread[depth] && first < calls; i++)
        sweep->nths[sweep->nnths++] = first + (calls - first) * i / spread[depth];
}

/* ---- one run ---- */

static void on_event(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct watch *watch = ctx;

    if (watch->asked)
        return;
    if (ev->kind == WRG_EV_BLK_READY)
        watch->gone = false;
    else if (ev->kind == WRG_EV_BLK_GONE ||
             (ev->kind == WRG_EV_PHASE && ev->a == WRG_PHASE_CONNECT))
        watch->gone = true;
    else if (ev->kind == WRG_EV_PHASE && ev->a == WRG_PHASE_CLOSE) {
        watch->asked = true;
        watch->front = ev->b;
        watch->back = ev->c;
    }
}

static bool has_op(const struct wrg_case *c, enum wrg_op_kind kind)
{
    return wrg_case_first(c, kind) != NULL;
}

/* Or has never begun, or is gone. */
static bool has_closed(uint64_t state)
{
    return state == WRG_XENBUS_CLOSED || state <= WRG_XENBUS_INITIALISING;
}

/*
 * Of two honest drivers, one refusal of which anything is: what was to be closed is closed, without
 * being told once more; and who says Connected has a disk.
 */
static const char *complaint_of_states(const struct sweep *sweep, const struct wrg_op *fault)
{
    const struct wrg_case *c = &sweep->base;
    const struct wrg_op *detach = wrg_case_first(c, WRG_OP_DETACH);
    const struct watch *watch = &sweep->watch;

    if (!watch->asked || fault->kind != WRG_OP_FAULT || fault->fault.count > 1 ||
        wrg_case_config(c).victim != WRG_CASE_VICTIM_NONE || has_op(c, WRG_OP_KILL) ||
        has_op(c, WRG_OP_FAULT))
        return NULL;
    if (watch->front == WRG_XENBUS_CONNECTED && watch->gone)
        return "the frontend says Connected and has no disk";
    /* A toolstack may have written Closing over Closed. */
    if (detach && watch->front != WRG_XENBUS_INITIALISING &&
        !(has_closed(watch->front) &&
          (has_closed(watch->back) || detach->detach.by == WRG_CASE_DETACH_TOOLSTACK)))
        return "the device was to be closed and is not";
    return NULL;
}

static bool front_dies(const struct wrg_case *c)
{
    for (uint16_t i = 0; i < c->nops; i++)
        if (c->ops[i].kind == WRG_OP_KILL && c->ops[i].kill.dom == WRG_CASE_DOM_FRONT)
            return true;
    return false;
}

static bool is_dead(const struct wrg_verdict *verdict, uint16_t op)
{
    for (uint32_t i = 0; i < verdict->dead_ops; i++)
        if (verdict->dead[i] == op)
            return true;
    return false;
}

/* What went wrong; NULL: nothing. */
static const char *complaint(const struct sweep *sweep, const struct wrg_verdict *verdict,
                             const struct wrg_op *fault)
{
    if (verdict->rule != WRG_RULE_CLEAN)
        return verdict->detail;
    if (verdict->ios_outstanding && !front_dies(&sweep->broken))
        return "I/O was submitted and never completed";
    if (!sweep->may_miss && is_dead(verdict, sweep->at))
        return "the fault did not hit";
    return complaint_of_states(sweep, fault);
}

static void show_failure(struct sweep *sweep, const struct wrg_verdict *verdict, const char *what)
{
    sweep->failures++;
    if (sweep->failures > SHOWN_MAX)
        return;
    fprintf(stderr, "\n--- %s: %s: %s\n", sweep->name, wrg_rule_id(verdict->rule), what);
    wrg_case_print(&sweep->broken, stderr);
}

/* Before faults of the case itself: of two that hit the same call the first one counts. */
static void insert_fault(struct sweep *sweep, const struct wrg_op *fault)
{
    struct wrg_case *c = &sweep->broken;

    *c = sweep->base;
    assert_true(c->nops < WRG_CASE_OPS_MAX);
    for (sweep->at = 0; sweep->at < c->nops; sweep->at++)
        if (c->ops[sweep->at].kind == WRG_OP_FAULT)
            break;
    memmove(&c->ops[sweep->at + 1], &c->ops[sweep->at],
            (size_t)(c->nops - sweep->at) * sizeof(c->ops[0]));
    c->ops[sweep->at] = *fault;
    c->nops++;
}

static void run_broken(struct sweep *sweep, const struct wrg_op *fault)
{
    struct wrg_verdict verdict;
    const char *what;

    insert_fault(sweep, fault);
    memset(&sweep->watch, 0, sizeof(sweep->watch));
    assert_int_equal(wrg_world_run_case(sweep->world, &sweep->broken, &verdict), 0);
    sweep->runs++;
    what = complaint(sweep, &verdict, fault);
    if (what)
        show_failure(sweep, &verdict, what);
}

/* The site fails for good: what a driver tries again must have an end. */
static void sweep_for_good(struct sweep *sweep, enum wrg_fault_site site)
{
    const struct wrg_fault_info *info = wrg_fault_info(site);
    struct wrg_op fault = wrg_op_make(WRG_OP_FAULT);

    fault.fault.site = (uint8_t)site;
    fault.fault.count = UINT16_MAX;
    for (uint32_t i = 0; i < sweep->nnths; i++) {
        fault.fault.nth = sweep->nths[i];
        fault.fault.status = info->statuses[i % info->nstatuses].status;
        run_broken(sweep, &fault);
    }
}

/* Every other run with a schedule of its own, where the case has none. */
static void sweep_rates(struct sweep *sweep)
{
    static const uint16_t rates[] = { 3, 10, 30, 100, 300 };
    struct wrg_op rate = wrg_op_make(WRG_OP_FAULT_RATE);
    struct wrg_op sched = wrg_op_make(WRG_OP_SCHED);
    bool shuffle = !has_op(&sweep->base, WRG_OP_SCHED);

    sweep->may_miss = true;
    for (unsigned i = 0; i < rate_runs[depth]; i++) {
        rate.fault_rate.seed = i;
        rate.fault_rate.per_1000 = rates[i % WRG_ARRAY_LEN(rates)];
        rate.fault_rate.side = (uint8_t)(i / 7 % WRG_COUNT_WHOSE);
        rate.fault_rate.since = (uint8_t)(i / 3 % WRG_COUNT_SINCE);
        sched.sched.seed = i;
        if (shuffle && i % 2)
            assert_true(wrg_case_append(&sweep->base, &sched));
        run_broken(sweep, &rate);
        sweep->base.nops -= shuffle && i % 2;
    }
    sweep->may_miss = false;
}

static void sweep_site(struct sweep *sweep, enum wrg_fault_site site)
{
    const struct wrg_fault_info *info = wrg_fault_info(site);
    struct wrg_op fault = wrg_op_make(WRG_OP_FAULT);

    fault.fault.site = (uint8_t)site;
    for (uint32_t i = 0; i < sweep->nnths; i++) {
        fault.fault.nth = sweep->nths[i];
        for (unsigned k = 0; k < info->nstatuses; k++) {
            if (depth == QUICK && k != i % info->nstatuses)
                continue;
            fault.fault.status = info->statuses[k].status;
            run_broken(sweep, &fault);
        }
    }
}

/* ---- one case ---- */

static void sweep_case(struct sweep *sweep)
{
    uint32_t calls[WRG_COUNT_SITE];
    struct wrg_verdict verdict;

    assert_int_equal(wrg_world_run_case(sweep->world, &sweep->base, &verdict), 0);
    fixture_expect_clean(&verdict, sweep->name);
    for (unsigned site = 0; site < WRG_COUNT_SITE; site++)
        calls[site] = wrg_world_fallible(sweep->world, (enum wrg_fault_site)site);
    for (unsigned site = 0; site < WRG_COUNT_SITE; site++) {
        if (isatty(STDERR_FILENO))
            fprintf(stderr, "\r\033[K%9lu runs  %s: %u x %s", (unsigned long)sweep->runs,
                    sweep->name, calls[site], wrg_fault_info((enum wrg_fault_site)site)->name);
        choose_calls(sweep, calls[site]);
        sweep_site(sweep, (enum wrg_fault_site)site);
        sweep_for_good(sweep, (enum wrg_fault_site)site);
    }
    sweep_rates(sweep);
}

static struct sweep *new_sweep(void)
{
    struct sweep *sweep = calloc(1, sizeof(*sweep));

    assert_non_null(sweep);
    const struct wrg_world_options options = { .engine = WRG_ENGINE_FIBER,
                                               .oracles = true,
                                               .hash = true,
                                               .snapshot = true,
                                               .tap = on_event,
                                               .tap_ctx = &sweep->watch };
    sweep->world = wrg_world_create(&options);
    assert_non_null(sweep->world);
    return sweep;
}

static void end_sweep(struct sweep *sweep)
{
    unsigned failures = sweep->failures;

    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K");
    print_message("%lu runs, %u failed\n", (unsigned long)sweep->runs, failures);
    assert_true(sweep->runs > 0);
    wrg_world_destroy(sweep->world);
    free(sweep);
    if (failures)
        fail_msg("%u runs failed", failures);
}

static void sweep_text(struct sweep *sweep, const char *ops)
{
    struct wrg_case *c = fixture_case(ops);

    sweep->name = ops;
    sweep->base = *c;
    free(c);
    sweep_case(sweep);
}

static void sweep_file(struct sweep *sweep, const char *path)
{
    struct wrg_case_list list;
    char err[256] = "";

    if (wrg_case_load(path, &list, err, sizeof(err)))
        fail_msg("%s", err);
    sweep->name = path;
    for (size_t i = 0; i < list.count; i++) {
        wrg_case_list_get(&list, i, &sweep->base);
        if (wrg_case_expect(&sweep->base) <= WRG_RULE_CLEAN) /* else its script breaks a rule */
            sweep_case(sweep);
    }
    wrg_case_list_fini(&list);
}

static void sweep_folder(struct sweep *sweep, const char *name)
{
    char pattern[512];
    glob_t found;

    snprintf(pattern, sizeof(pattern), WRG_SOURCE_DIR "/corpus/%s/*.wring", name);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        sweep_file(sweep, found.gl_pathv[i]);
    globfree(&found);
}

/* ---- tests ---- */

static void every_call_of_a_seed_refused__drivers_survive(void **state)
{
    struct sweep *sweep = new_sweep();

    for (int i = 0; i < nfiles; i++)
        sweep_file(sweep, files[i]);
    if (nfiles == 0)
        sweep_folder(sweep, "seed");
    end_sweep(sweep);
}

static void every_call_of_an_ending_refused__drivers_survive(void **state)
{
    struct sweep *sweep;

    if (nfiles)
        return;
    sweep = new_sweep();
    for (size_t i = 0; i < WRG_ARRAY_LEN(endings); i++)
        sweep_text(sweep, endings[i]);
    for (size_t i = 0; i < WRG_ARRAY_LEN(fixture_seeds); i++)
        sweep_text(sweep, fixture_seeds[i]);
    end_sweep(sweep);
}

static void some_calls_of_a_regression_refused__drivers_survive(void **state)
{
    struct sweep *sweep;

    if (nfiles || depth != ALL)
        return;
    depth = QUICK;
    sweep = new_sweep();
    sweep_folder(sweep, "regress");
    end_sweep(sweep);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_of_a_seed_refused__drivers_survive),
        cmocka_unit_test(every_call_of_an_ending_refused__drivers_survive),
        cmocka_unit_test(some_calls_of_a_regression_refused__drivers_survive),
    };

    if (argc > 1) {
        depth = strcmp(argv[1], "all") == 0 ? ALL : strcmp(argv[1], "full") == 0 ? FULL : QUICK;
        files = argv + 2;
        nfiles = argc - 2;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
