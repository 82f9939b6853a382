/* SPDX-License-Identifier: MIT */
/*
 * Does a sanitizer report something? In a child, because a report ends the process.
 *
 * Layer   runner
 * Errors  -errno of fork and pipe
 * Left out what a sanitizer of gcc's UBSan finds: gcc does not tell a program that it is there
 */
#ifndef WRG_RUNNER_SANITIZED_H
#define WRG_RUNNER_SANITIZED_H

#include "base/base.h"
#include "vocab/rules.h"

enum wrg_sanitized {
    WRG_SANITIZED_ABSENT, /* this program is built without that sanitizer */
    WRG_SANITIZED_QUIET,  /* nothing, or something else, was reported */
    WRG_SANITIZED_SPOKE,
};

/* rule: one of SAN-. fn runs in the child, which then exits, so that leaks are looked for. */
WRG_MUST_USE int wrg_sanitized_run(enum wrg_rule rule, void (*fn)(void *), void *ctx,
                                   enum wrg_sanitized *result);

#endif
