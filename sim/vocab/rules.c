/* SPDX-License-Identifier: MIT */
#include "vocab/rules.h"

#include <string.h>

#include "base/base.h"
#include "vocab/word.h"

static const struct wrg_rule_info rules[] = {
#define RULE(n, symbol, text, lvl, what, where)                                                    \
    { .number = WRG_RULE_##symbol,                                                                 \
      .level = WRG_RULE_LEVEL_##lvl,                                                               \
      .id = text,                                                                                  \
      .demand = what,                                                                              \
      .source = where },
    WRG_RULES(RULE)
#undef RULE
};

size_t wrg_rule_count(void)
{
    return WRG_ARRAY_LEN(rules);
}

const struct wrg_rule_info *wrg_rule_at(size_t place)
{
    WRG_ASSERT(place < WRG_ARRAY_LEN(rules));
    return &rules[place];
}

const struct wrg_rule_info *wrg_rule_by_number(unsigned number)
{
    for (size_t i = 0; i < WRG_ARRAY_LEN(rules); i++)
        if (rules[i].number == number)
            return &rules[i];
    return NULL;
}

const struct wrg_rule_info *wrg_rule_by_id(const char *id)
{
    for (size_t i = 0; i < WRG_ARRAY_LEN(rules); i++)
        if (strcmp(rules[i].id, id) == 0)
            return &rules[i];
    return NULL;
}

const char *wrg_rule_id(unsigned number)
{
    const struct wrg_rule_info *rule = wrg_rule_by_number(number);

    if (number == WRG_RULE_CLEAN)
        return "clean";
    return rule ? rule->id : "unknown";
}

bool wrg_rule_is_sanitizer(int number)
{
    return number >= WRG_RULE_SAN_ASAN && number < WRG_RULE_TOOL_001;
}

const char *wrg_rule_nearest(const char *typed)
{
    struct wrg_nearest near;

    wrg_nearest_start(&near, typed, strlen(typed));
    wrg_nearest_offer(&near, "clean");
    for (size_t i = 0; i < WRG_ARRAY_LEN(rules); i++)
        wrg_nearest_offer(&near, rules[i].id);
    return wrg_nearest_word(&near);
}
