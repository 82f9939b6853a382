/* SPDX-License-Identifier: MIT */
/*
 * What a verdict means for whoever waits for the exit code of a program.
 *
 * Layer   runner
 * Shapes  verdict -> outcome, by what the case expects -> exit code; of several the gravest counts
 */
#ifndef WRG_RUNNER_OUTCOME_H
#define WRG_RUNNER_OUTCOME_H

#include "world/world.h"

enum wrg_exit {
    WRG_EXIT_OK,      /* clean, or as expected */
    WRG_EXIT_FINDING, /* or a verdict other than the expected one */
    WRG_EXIT_USAGE,   /* usage, unreadable input, a mistake in text */
    WRG_EXIT_FAULT,   /* of the tool, or of the machine below it */
};

enum wrg_outcome { WRG_OUTCOME_PASS, WRG_OUTCOME_FAIL, WRG_OUTCOME_SKIP, WRG_OUTCOME_FAULT };

/* SKIP where a SAN- rule is expected: that is not for checkers to say. */
enum wrg_outcome wrg_outcome_of(const struct wrg_verdict *verdict);
enum wrg_exit wrg_outcome_exit(enum wrg_outcome outcome);

/* The graver of two. */
int wrg_exit_join(int a, int b);

#endif
