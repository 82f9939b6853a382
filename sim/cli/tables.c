/* SPDX-License-Identifier: MIT */
/*
 * Commands that print a table of lower layers and take no argument: abi, dict, ops, faults.
 */
#include "case/dict.h"
#include "case/doc.h"
#include "cli/cli.h"
#include "vocab/faults.h"
#include "wire/abi_table.h"

enum { OPT_JSON = 256, OPT_MARKDOWN };

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

static json_t *fault_json(enum wrg_fault_site site)
{
    const struct wrg_fault_info *info = wrg_fault_info(site);
    json_t *statuses = json_array();

    for (unsigned i = 0; i < info->nstatuses; i++)
        json_array_append_new(
            statuses, json_pack("{s:i, s:s, s:s}", "status", info->statuses[i].status, "name",
                                wrg_fault_status_name(site, info->statuses[i].status), "why",
                                info->statuses[i].why));
    return json_pack("{s:s, s:s, s:s, s:o}", "site", info->name, "group",
                     wrg_fault_group_name((enum wrg_fault_group)info->group), "what", info->what,
                     "statuses", statuses);
}

static void print_fault(enum wrg_fault_site site)
{
    const struct wrg_fault_info *info = wrg_fault_info(site);

    printf("%s: %s\n", info->name, info->what);
    for (unsigned i = 0; i < info->nstatuses; i++)
        printf("  %4d %-18s %s\n", info->statuses[i].status,
               wrg_fault_status_name(site, info->statuses[i].status), info->statuses[i].why);
}

enum faults_form { FAULTS_TEXT, FAULTS_JSON, FAULTS_MARKDOWN };

static error_t parse_faults(int key, char *arg, struct argp_state *state)
{
    enum faults_form *form = state->input;

    switch (key) {
    case OPT_JSON: *form = FAULTS_JSON; return 0;
    case OPT_MARKDOWN: *form = FAULTS_MARKDOWN; return 0;
    case ARGP_KEY_ARG: argp_error(state, "'%s': no argument is taken", arg); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int wrg_cmd_faults(const struct wrg_cli *cli, int argc, char **argv)
{
    static const struct argp_option options[] = {
        { "json", OPT_JSON, NULL, 0, "Print JSON", 0 },
        { "markdown", OPT_MARKDOWN, NULL, 0, "Print docs/faults.md", 0 },
        { 0 },
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_faults,
        .doc =
            "Prints the calls that a case may let fail (op `fault`), with which statuses, and why "
            "real ones do.",
    };
    enum faults_form form = FAULTS_TEXT;
    json_t *list;

    wrg_cli_parse(cli, &argp, argc, argv, &form);
    if (form == FAULTS_MARKDOWN) {
        wrg_faults_doc_print(stdout);
        return WRG_EXIT_OK;
    }
    list = form == FAULTS_JSON ? json_array() : NULL;
    for (unsigned site = 0; site < WRG_COUNT_SITE; site++) {
        if (list)
            json_array_append_new(list, fault_json((enum wrg_fault_site)site));
        else
            print_fault((enum wrg_fault_site)site);
    }
    if (list)
        wrg_cli_print_json(json_pack("{s:o}", "faults", list));
    return WRG_EXIT_OK;
}
