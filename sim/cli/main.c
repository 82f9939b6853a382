/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <string.h>

#include "vocab/word.h"

static int cmd_help(const struct wrg_cli *cli, int argc, char **argv);
static int cmd_version(const struct wrg_cli *cli, int argc, char **argv);

const struct wrg_command wrg_commands[] = {
    { "run", "run cases, and report what was broken", wrg_cmd_run },
    { "check", "run all cases below folders, against the verdicts they expect", wrg_cmd_check },
    { "show", "print a case as text", wrg_cmd_show },
    { "encode", "write a case as bytes", wrg_cmd_encode },
    { "rules", "what the protocol demands, rule by rule", wrg_cmd_rules },
    { "ops", "the case format, as Markdown", wrg_cmd_ops },
    { "faults", "the calls that a case may let fail", wrg_cmd_faults },
    { "abi", "the layout of requests and responses in memory", wrg_cmd_abi },
    { "dict", "the dictionary for fuzzers", wrg_cmd_dict },
    { "xenstored", "serve the store on a unix socket", wrg_cmd_xenstored },
    { "reach", "what requests have gone through, and what never", wrg_cmd_reach },
    { "disk", "copy a disk image through the simulated rings", wrg_cmd_disk },
    { "bench", "measure, each figure beside its limit", wrg_cmd_bench },
    { "version", "print the version", cmd_version },
    { "help", "print this, or the help of a command", cmd_help },
    { NULL, NULL, NULL },
};

static void print_usage(const struct wrg_cli *cli, FILE *out)
{
    fprintf(out, "usage: %s COMMAND [OPTION...] [FILE...]\n\n", cli->program);
    if (cli->driver)
        fprintf(out, "The driver in the %s seat is %s.\n\n",
                cli->driver->seat == WRG_SEAT_FRONT ? "front" : "back", cli->driver->name);
    for (const struct wrg_command *command = wrg_commands; command->name; command++)
        fprintf(out, "  %-9s %s\n", command->name, command->help);
    fprintf(out,
            "\n`%s COMMAND --help` says more.\n"
            "Exit codes: 0 clean or as expected, 1 finding, 2 usage or unreadable input,\n"
            "3 fault of the tool or the machine.\n",
            cli->program);
}

static const struct wrg_command *find(const char *name)
{
    for (const struct wrg_command *command = wrg_commands; command->name; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

static int unknown(const struct wrg_cli *cli, const char *name)
{
    struct wrg_nearest near;
    const char *best;

    wrg_nearest_start(&near, name, strlen(name));
    for (const struct wrg_command *command = wrg_commands; command->name; command++)
        wrg_nearest_offer(&near, command->name);
    best = wrg_nearest_word(&near);
    if (best)
        wrg_cli_error(cli, "there is no command '%.40s'; did you mean '%s'?", name, best);
    else
        wrg_cli_error(cli, "there is no command '%.40s'; `%s help` lists them", name, cli->program);
    return WRG_EXIT_USAGE;
}

static int cmd_help(const struct wrg_cli *cli, int argc, char **argv)
{
    static char option[] = "--help";
    const struct wrg_command *command = argc > 1 ? find(argv[1]) : NULL;
    char *forwarded[] = { argc > 1 ? argv[1] : NULL, option, NULL };

    if (argc > 1 && argv[1][0] != '-' && !command)
        return unknown(cli, argv[1]);
    if (command && command->run != cmd_help)
        return command->run(cli, 2, forwarded);
    print_usage(cli, stdout);
    return WRG_EXIT_OK;
}

static int cmd_version(const struct wrg_cli *cli, int argc, char **argv)
{
    static const struct argp argp = { .doc = "Prints the version." };

    wrg_cli_parse(cli, &argp, argc, argv, NULL);
    printf("%s %s\n", cli->program, WRG_VERSION);
    return WRG_EXIT_OK;
}

static const char *base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;

    if (slash)
        return slash + 1;
    return path && path[0] ? path : "wringer";
}

int wrg_main(int argc, char **argv, const struct wrg_endpoint *driver)
{
    struct wrg_cli cli = { .program = base_name(argc > 0 ? argv[0] : NULL), .driver = driver };
    const struct wrg_command *command;

    if (argc < 2) {
        print_usage(&cli, stderr);
        return WRG_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0)
        argv[1] += 2;
    else if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return wrg_cli_finish(&cli, cmd_help(&cli, 1, argv + 1));
    command = find(argv[1]);
    if (!command)
        return unknown(&cli, argv[1]);
    return wrg_cli_finish(&cli, command->run(&cli, argc - 1, argv + 1));
}
