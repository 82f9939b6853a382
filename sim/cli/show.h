/* SPDX-License-Identifier: MIT */
/*
 * Loading a file of which one case is wanted, for show and encode. Layer: cli.
 */
#ifndef WRG_CLI_SHOW_H
#define WRG_CLI_SHOW_H

#include "case/text.h"
#include "cli/cli.h"

/* only: which case is wanted, from 1, or 0. 0, or an exit code after a message. */
WRG_MUST_USE int wrg_cli_load(const struct wrg_cli *cli, const char *path, size_t only,
                              struct wrg_case_list *list);

#endif
