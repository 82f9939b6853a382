/* SPDX-License-Identifier: MIT */
/*
 * Whatever a case does to the connected world, the snapshot of it stays good: every case of the
 * corpus, from a fresh connect and from snapshots, with what the cases before have left.
 */
#include <glob.h>

#include "case/load.h"
#include "world/world_fixture.h"

#define ROWS_MAX 4 /* of a file: its cases differ in operands only */

struct pair {
    struct wrg_world *fresh, *kept; /* without and with snapshots */
    uint32_t runs, from_snapshot;
};

static void expect_same(const struct wrg_verdict *verdict, const struct wrg_verdict *expected,
                        const char *path)
{
    if (verdict->hash != expected->hash || verdict->peer_hash != expected->peer_hash ||
        verdict->steps != expected->steps || verdict->rule != expected->rule)
        fail_msg("%s: %s '%s', %lu steps; afresh: %s '%s', %lu steps", path,
                 wrg_rule_id(verdict->rule), verdict->detail, (unsigned long)verdict->steps,
                 wrg_rule_id(expected->rule), expected->detail, (unsigned long)expected->steps);
}

static void run_case(struct pair *pair, const struct wrg_case *c, const char *path)
{
    struct wrg_verdict expected = fixture_run(pair->fresh, c);

    for (unsigned i = 0; i < 3; i++) {
        struct wrg_verdict verdict = fixture_run(pair->kept, c);
        expect_same(&verdict, &expected, path);
        pair->from_snapshot += verdict.from_snapshot;
        pair->runs++;
    }
}

static void run_file(struct pair *pair, const char *path)
{
    struct wrg_case_list list;
    char err[256] = "";
    static struct wrg_case c; /* too large for the stack */

    if (wrg_case_load(path, &list, err, sizeof(err)))
        fail_msg("%s", err);
    for (size_t i = 0; i < list.count && i < ROWS_MAX; i++) {
        wrg_case_list_get(&list, i, &c);
        run_case(pair, &c, path);
    }
    wrg_case_list_fini(&list);
}

static void every_case_of_the_corpus__same_from_a_snapshot(void **state)
{
    struct pair pair = { .fresh = fixture_world(WRG_ENGINE_FIBER, false),
                         .kept = fixture_world(WRG_ENGINE_FIBER, true) };
    glob_t found;

    assert_int_equal(glob(WRG_SOURCE_DIR "/corpus/*/*.wring", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        run_file(&pair, found.gl_pathv[i]);
    globfree(&found);
    /* Two of three, but for those that begin before the device is connected. */
    assert_in_range(pair.from_snapshot, pair.runs / 2, pair.runs * 2 / 3);
    wrg_world_destroy(pair.kept);
    wrg_world_destroy(pair.fresh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_of_the_corpus__same_from_a_snapshot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
