/* SPDX-License-Identifier: MIT */
/*
 * Rule ids, their numbers and texts. Layer: vocab. Pure data, see rules.def.
 *
 * The number stands in bytes, the id string everywhere a human or another program looks.
 */
#ifndef WRG_VOCAB_RULES_H
#define WRG_VOCAB_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "vocab/rules.def"

#define WRG_RULE_VALUE(number, symbol, id, level, demand, source) WRG_RULE_##symbol = (number),
enum wrg_rule { WRG_RULE_CLEAN = 0, WRG_RULES(WRG_RULE_VALUE) };
#undef WRG_RULE_VALUE

enum wrg_rule_level { WRG_RULE_LEVEL_ERROR, WRG_RULE_LEVEL_WARNING };

struct wrg_rule_info {
    enum wrg_rule number;
    enum wrg_rule_level level;
    const char *id;     /* "RING-001" */
    const char *demand; /* one sentence */
    const char *source; /* document and section */
};

/* Rules by place in the table, 0 .. count-1, sorted by number; clean is not among them. */
size_t wrg_rule_count(void);
const struct wrg_rule_info *wrg_rule_at(size_t place);

/* NULL for a number or an id that no rule has, and for clean. */
const struct wrg_rule_info *wrg_rule_by_number(unsigned number);
const struct wrg_rule_info *wrg_rule_by_id(const char *id);

/* "clean", the id, or "unknown". Never NULL. */
const char *wrg_rule_id(unsigned number);

/* Whether it is for a sanitizer to say, not for a checker; of any number. */
bool wrg_rule_is_sanitizer(int number);

/* The id (or "clean") closest to what was typed, NULL if none is close. */
const char *wrg_rule_nearest(const char *typed);

#endif
