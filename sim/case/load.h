/* SPDX-License-Identifier: MIT */
/*
 * A case from a file: text or bytes.
 *
 * Layer: case. Left out: standard input, since a case must be a file to be replayed.
 */
#ifndef WRG_CASE_LOAD_H
#define WRG_CASE_LOAD_H

#include "case/text.h"

/*
 * A file is text if its name ends in .wring or if it begins with `wringer `, and bytes otherwise.
 * 0, or -errno with one line in err (-EINVAL: a mistake in the text); nothing is left in out then.
 */
WRG_MUST_USE int wrg_case_load(const char *path, struct wrg_case_list *out, char *err,
                               size_t errcap);

#endif
