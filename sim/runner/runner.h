/* SPDX-License-Identifier: MIT */
/*
 * Runs cases one after another, in one world.
 *
 * Layer   runner
 * Owner   a runner owns its world; it stays where it is while it is in use, because an internal
 *         assertion prints the case and step from it
 * Errors  0 or -errno; what a case does is in the verdict
 */
#ifndef WRG_RUNNER_RUNNER_H
#define WRG_RUNNER_RUNNER_H

#include "runner/outcome.h"
#include "world/world.h"

struct wrg_runner {
    struct wrg_world_options options;
    struct wrg_world *world;
    const char *path; /* of the case that runs */
    const char *label;
};

struct wrg_runner_args {
    const char *path;
    const char *label;
    const struct wrg_case *c;
    uint64_t seed; /* of the schedule, if it has one */
    bool has_seed;
    uint32_t fail_nth; /* 0: none */
};

/* Options of a run: fiber engine, checkers and hash on, the driver, if any, in its seat. */
void wrg_runner_init(struct wrg_runner *runner, const struct wrg_endpoint *driver);
void wrg_runner_fini(struct wrg_runner *runner);
WRG_MUST_USE int wrg_runner_run(struct wrg_runner *runner, const struct wrg_runner_args *args,
                                struct wrg_verdict *verdict);

/* Whether the case expects a SAN- rule, which only wrg_runner_sanitized can judge. */
bool wrg_runner_wants_sanitizer(const struct wrg_case *c);
/*
 * Runs such a case in a child. PASS if its sanitizer reports something, FAIL if not, SKIP where
 * this program is built without it.
 */
enum wrg_outcome wrg_runner_sanitized(struct wrg_runner *runner,
                                      const struct wrg_runner_args *args);

/*
 * Runs the case under seeds first .. first + count - 1. It stops at the first verdict that was not
 * expected, and, where a rule is expected, at the first schedule that breaks it. *seed: of the run
 * that the verdict is of. progress: a line on stderr, if that is a terminal.
 */
struct wrg_schedules {
    uint64_t first, count;
    bool progress;
};
WRG_MUST_USE int wrg_runner_schedules(struct wrg_runner *runner, const struct wrg_runner_args *args,
                                      const struct wrg_schedules *schedules,
                                      struct wrg_verdict *verdict, uint64_t *seed);

#endif
