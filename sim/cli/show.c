/* SPDX-License-Identifier: MIT */
#include "cli/show.h"

#include <errno.h>
#include <stdlib.h>

#include "case/load.h"
#include "report/report.h"

enum { OPT_CASE = 256, OPT_JSON };

struct show {
    const char *path;
    size_t only; /* 0: all */
    bool json;
};

static const struct argp_option options[] = {
    { "case", OPT_CASE, "K", 0, "Only the Kth case of a file with `repeat`", 0 },
    { "json", OPT_JSON, NULL, 0, "Print the ops as JSON", 0 },
    { 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct show *show = state->input;

    switch (key) {
    case OPT_CASE: show->only = (size_t)wrg_cli_number(state, arg, 1, WRG_CASE_REPEATS_MAX); break;
    case OPT_JSON: show->json = true; break;
    case ARGP_KEY_ARG: wrg_cli_only_argument(state, arg, &show->path); break;
    case ARGP_KEY_END:
        if (!show->path)
            argp_usage(state);
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .args_doc = "FILE",
    .doc = "Prints a case, bytes or text, as canonical text.",
};

int wrg_cli_load(const struct wrg_cli *cli, const char *path, size_t only,
                 struct wrg_case_list *list)
{
    char err[512];
    int result = wrg_case_load(path, list, err, sizeof(err));

    if (result) {
        wrg_cli_error(cli, "%s", err);
        return result == -ENOMEM ? WRG_EXIT_FAULT : WRG_EXIT_USAGE;
    }
    if (only <= list->count)
        return WRG_EXIT_OK;
    wrg_cli_error(cli, "%s: holds %zu cases, not %zu", path, list->count, only);
    wrg_case_list_fini(list);
    return WRG_EXIT_USAGE;
}

static json_t *case_json(const struct wrg_case *c, const char *label)
{
    json_t *ops = json_array();

    for (unsigned i = 0; i < c->nops; i++)
        json_array_append_new(
            ops, json_pack("{s:s, s:o, s:i}", "op", wrg_op_info(c->ops[i].kind)->name, "text",
                           wrg_report_op_string(&c->ops[i]), "line", (int)c->ops[i].line));
    return json_pack("{s:s, s:o}", "label", label, "ops", ops);
}

static void show_one(const struct wrg_case_list *list, size_t i, struct wrg_case *c, json_t *cases)
{
    char label[256];

    wrg_case_list_get(list, i, c);
    wrg_case_list_label(list, i, label, sizeof(label));
    if (cases) {
        json_array_append_new(cases, case_json(c, label));
        return;
    }
    if (list->count > 1)
        printf("%s# case %zu of %zu: %s\n", i ? "\n" : "", i + 1, list->count, label);
    wrg_case_print(c, stdout);
}

int wrg_cmd_show(const struct wrg_cli *cli, int argc, char **argv)
{
    struct show show = { 0 };
    struct wrg_case_list list;
    struct wrg_case *c;
    json_t *cases;
    int code;

    wrg_cli_parse(cli, &argp, argc, argv, &show);
    code = wrg_cli_load(cli, show.path, show.only, &list);
    if (code)
        return code;
    c = malloc(sizeof(*c));
    WRG_ASSERT(c);
    cases = show.json ? json_array() : NULL;
    for (size_t i = 0; i < list.count; i++)
        if (!show.only || i + 1 == show.only)
            show_one(&list, i, c, cases);
    if (cases)
        wrg_cli_print_json(json_pack("{s:o}", "cases", cases));
    free(c);
    wrg_case_list_fini(&list);
    return WRG_EXIT_OK;
}
