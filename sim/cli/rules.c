/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include "vocab/rules.h"

enum { OPT_JSON = 256 };

struct rules {
    const char *id;
    bool json;
};

static const struct argp_option options[] = {
    { "json", OPT_JSON, NULL, 0, "Print JSON", 0 },
    { 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct rules *rules = state->input;

    switch (key) {
    case OPT_JSON: rules->json = true; break;
    case ARGP_KEY_ARG: wrg_cli_only_argument(state, arg, &rules->id); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .args_doc = "[ID]",
    .doc = "Prints what the protocol demands: all rules, or one with its source.",
};

static const char *level(const struct wrg_rule_info *rule)
{
    return rule->level == WRG_RULE_LEVEL_WARNING ? "warning" : "error";
}

static json_t *rule_json(const struct wrg_rule_info *rule)
{
    return json_pack("{s:s, s:i, s:s, s:s, s:s}", "id", rule->id, "number", (int)rule->number,
                     "level", level(rule), "demand", rule->demand, "source", rule->source);
}

static void print_all(bool json)
{
    json_t *list = json ? json_array() : NULL;

    for (size_t i = 0; i < wrg_rule_count(); i++) {
        const struct wrg_rule_info *rule = wrg_rule_at(i);

        if (json)
            json_array_append_new(list, rule_json(rule));
        else
            printf("%-9s %s\n", rule->id, rule->demand);
    }
    if (json)
        wrg_cli_print_json(json_pack("{s:o}", "rules", list));
}

static int print_one(const struct wrg_cli *cli, const struct rules *rules)
{
    const struct wrg_rule_info *rule = wrg_rule_by_id(rules->id);
    const char *near = rule ? NULL : wrg_rule_nearest(rules->id);

    if (!rule) {
        wrg_cli_error(cli, "there is no rule '%.40s'%s%s%s", rules->id,
                      near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
        return WRG_EXIT_USAGE;
    }
    if (rules->json)
        wrg_cli_print_json(rule_json(rule));
    else
        printf("%s (%s)\n  %s\n  source: %s\n", rule->id, level(rule), rule->demand, rule->source);
    return WRG_EXIT_OK;
}

int wrg_cmd_rules(const struct wrg_cli *cli, int argc, char **argv)
{
    struct rules rules = { 0 };

    wrg_cli_parse(cli, &argp, argc, argv, &rules);
    if (rules.id)
        return print_one(cli, &rules);
    print_all(rules.json);
    return WRG_EXIT_OK;
}
