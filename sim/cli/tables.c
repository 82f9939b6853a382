/* SPDX-License-Identifier: MIT */
/*
 * Commands that print a table of lower layers and take no argument: abi, dict, ops, faults.
 */
#include "case/dict.h"
#include "case/doc.h"
#include "cli/cli.h"
#include "vocab/faults.h"
#include "wire/abi_table.h"

enum { OPT_JSON = 256 };

static const struct argp_option json_option[] = {
    { "json", OPT_JSON, NULL, 0, "Print JSON", 0 },
    { 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    bool *json = state->input;

    switch (key) {
    case OPT_JSON: *json = true; return 0;
    case ARGP_KEY_ARG: argp_error(state, "'%s': no argument is taken", arg); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int wrg_cmd_abi(const struct wrg_cli *cli, int argc, char **argv)
{
    static const struct argp argp = {
        .options = json_option,
        .parser = parse,
        .doc = "Prints sizes and offsets, in bytes, of what stands in a ring.",
    };
    bool json = false;

    wrg_cli_parse(cli, &argp, argc, argv, &json);
    (json ? wrg_abi_print_json : wrg_abi_print_text)(stdout);
    return WRG_EXIT_OK;
}

int wrg_cmd_dict(const struct wrg_cli *cli, int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .doc = "Prints the dictionary that libFuzzer and AFL++ read.",
    };
    bool json = false;

    wrg_cli_parse(cli, &argp, argc, argv, &json);
    wrg_dict_print(stdout);
    return WRG_EXIT_OK;
}

int wrg_cmd_ops(const struct wrg_cli *cli, int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .doc = "Prints the description of the case format, as Markdown.",
    };
    bool json = false;

    wrg_cli_parse(cli, &argp, argc, argv, &json);
    wrg_ops_doc_print(stdout);
    return WRG_EXIT_OK;
}

static json_t *fault_json(const struct wrg_fault_info *info)
{
    json_t *statuses = json_array();

    for (unsigned i = 0; i < info->nstatuses; i++)
        json_array_append_new(statuses, json_integer(info->statuses[i]));
    return json_pack("{s:s, s:o, s:s}", "site", info->name, "statuses", statuses, "why", info->why);
}

int wrg_cmd_faults(const struct wrg_cli *cli, int argc, char **argv)
{
    static const struct argp argp = {
        .options = json_option,
        .parser = parse,
        .doc = "Prints the calls that a case may let fail (op `fault`), and why real ones do.",
    };
    bool json = false;
    json_t *list;

    wrg_cli_parse(cli, &argp, argc, argv, &json);
    list = json ? json_array() : NULL;
    for (unsigned site = 0; site < WRG_COUNT_SITE; site++) {
        const struct wrg_fault_info *info = wrg_fault_info((enum wrg_fault_site)site);

        if (json) {
            json_array_append_new(list, fault_json(info));
            continue;
        }
        printf("%-20s status", info->name);
        for (unsigned i = 0; i < info->nstatuses; i++)
            printf("%s %d", i ? "," : "", info->statuses[i]);
        printf("\n  %s\n", info->why);
    }
    if (json)
        wrg_cli_print_json(json_pack("{s:o}", "faults", list));
    return WRG_EXIT_OK;
}
