/* SPDX-License-Identifier: MIT */
/*
 * A verdict for people (text), programs (JSON) and CI (JUnit XML).
 *
 * Layer    report
 * Owner    the caller owns everything it hands in; JSON objects are the caller's to release
 * Errors   a full disk is seen by whoever closes the FILE; out of memory in jansson is an assertion
 * Left out SARIF and the timeline
 */
#ifndef WRG_REPORT_REPORT_H
#define WRG_REPORT_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "trace/trace.h"
#include "vocab/ops.h"
#include "world/world.h"

struct wrg_report {
    const char *path;  /* of the case, as it was given */
    const char *label; /* which case of a `repeat`; "" otherwise */
    const char *engine;
    const char *replay; /* the command line that shows it again */
    const struct wrg_case *c;
    const struct wrg_verdict *verdict;
    const struct wrg_event *window; /* the last events, oldest first */
    uint32_t window_count;
};

/* One screen: what was broken, by whom, where, what came before it, how to see it again. */
void wrg_report_text(const struct wrg_report *report, FILE *out);

/* A new object; `finding` in it is null unless a rule was broken. */
json_t *wrg_report_json(const struct wrg_report *report);

/* A string that need not be UTF-8, such as a file name; what JSON cannot hold becomes '?'. */
json_t *wrg_report_string(const char *s);
/* An op as canonical text. */
json_t *wrg_report_op_string(const struct wrg_op *op);

/*
 * The request of the case that the finding is about: the `req` that the backend under attack was
 * handling last. NULL where that cannot be told.
 */
const struct wrg_op *wrg_report_op(const struct wrg_report *report);

/* One event in words, without a newline. */
void wrg_report_event(const struct wrg_event *ev, FILE *out);

/* Path and label: "a.wring" or "a.wring (nseg=512)". */
void wrg_report_name(const struct wrg_report *report, FILE *out);

/* ---- JUnit ---- */

enum wrg_junit_status { WRG_JUNIT_PASSED, WRG_JUNIT_FAILED, WRG_JUNIT_ERROR, WRG_JUNIT_SKIPPED };

struct wrg_junit_case {
    const char *classname;
    const char *name;
    const char *message; /* why; "" where it passed */
    double seconds;
    enum wrg_junit_status status;
};

void wrg_junit_print(const struct wrg_junit_case *cases, size_t count, FILE *out);

/* Text as XML takes it; bytes that XML has no form for become '?'. */
void wrg_xml_escape(const char *text, FILE *out);

#endif
