/* SPDX-License-Identifier: MIT */
/*
 * The commands of `wringer`, and what they share.
 *
 * What it is  A table of commands, one file each; argp reads the options of each.
 * Layer       cli, the top
 * Errors      A message is one line, `wringer: PATH: what`, on stderr; exit codes: enum wrg_exit.
 *             argp ends the process itself after --help (0) and after wrong usage (2).
 * Threads     one
 * Left out    shrink, promote, explore, timeline, selfcheck, upgrade
 */
#ifndef WRG_CLI_CLI_H
#define WRG_CLI_CLI_H

#include <argp.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <wringer/wringer.h>

#include "base/base.h"
#include "runner/outcome.h"

struct wrg_cli {
    const char *program;               /* "wringer", or the program of a driver */
    const struct wrg_endpoint *driver; /* in its seat; NULL: the reference drivers */
};

struct wrg_command {
    const char *name;
    const char *help; /* one line */
    int (*run)(const struct wrg_cli *cli, int argc, char **argv);
};

/* All commands; the last one has no name. */
extern const struct wrg_command wrg_commands[];

int wrg_cmd_run(const struct wrg_cli *cli, int argc, char **argv);
int wrg_cmd_check(const struct wrg_cli *cli, int argc, char **argv);
int wrg_cmd_show(const struct wrg_cli *cli, int argc, char **argv);
int wrg_cmd_encode(const struct wrg_cli *cli, int argc, char **argv);
int wrg_cmd_rules(const struct wrg_cli *cli, int argc, char **argv);
int wrg_cmd_abi(const struct wrg_cli *cli, int argc, char **argv);
int wrg_cmd_dict(const struct wrg_cli *cli, int argc, char **argv);
int wrg_cmd_ops(const struct wrg_cli *cli, int argc, char **argv);
int wrg_cmd_faults(const struct wrg_cli *cli, int argc, char **argv);
int wrg_cmd_xenstored(const struct wrg_cli *cli, int argc, char **argv);
int wrg_cmd_disk(const struct wrg_cli *cli, int argc, char **argv);
int wrg_cmd_bench(const struct wrg_cli *cli, int argc, char **argv);
int wrg_cmd_reach(const struct wrg_cli *cli, int argc, char **argv);

/* ---- shared (usage.c, output.c) ---- */

/* `wringer: ` and the text, on stderr, one line. */
void wrg_cli_error(const struct wrg_cli *cli, const char *format, ...) WRG_PRINTF(2, 3);

/* Reads the options of argv[0], a command. Says which option is near where one is unknown. */
void wrg_cli_parse(const struct wrg_cli *cli, const struct argp *argp, int argc, char **argv,
                   void *input);

/* A number in [min, max], decimal or 0x; ends the process with usage otherwise. */
uint64_t wrg_cli_number(struct argp_state *state, const char *text, uint64_t min, uint64_t max);

/* Takes the one argument that a command has; ends the process with usage if it is not the first. */
void wrg_cli_only_argument(struct argp_state *state, char *arg, const char **argument);

/* The place of a word in a NULL-terminated list; ends the process with usage otherwise. */
unsigned wrg_cli_word(struct argp_state *state, const char *text, const char *const *words);

/* An engine by its name; ends the process with usage otherwise. */
enum wrg_engine wrg_cli_engine(struct argp_state *state, const char *text);
const char *wrg_cli_engine_name(enum wrg_engine engine);

/* The exit code of a command that is done: `code`, or a fault if stdout could not be written. */
int wrg_cli_finish(const struct wrg_cli *cli, int code);

/* Prints a JSON document, releases it. */
void wrg_cli_print_json(json_t *document);

/*
 * Writes a file in one piece: what stood there stays until all of the new content is on disk.
 * 0, or an exit code after one line on stderr.
 */
typedef void wrg_cli_writer(const void *ctx, FILE *out);
WRG_MUST_USE int wrg_cli_write_file(const struct wrg_cli *cli, const char *path,
                                    wrg_cli_writer *write, const void *ctx);

#endif
