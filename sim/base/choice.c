/* SPDX-License-Identifier: MIT */
#include "base/choice.h"

static void init(struct wrg_choice *c, enum wrg_choice_mode mode, struct wrg_choice_step *taken,
                 size_t cap)
{
    WRG_ASSERT(taken != NULL || cap == 0);
    *c = (struct wrg_choice){ .mode = mode, .taken = taken, .taken_cap = cap };
}

void wrg_choice_constant(struct wrg_choice *c, struct wrg_choice_step *taken, size_t cap)
{
    init(c, WRG_CHOICE_CONSTANT, taken, cap);
}

void wrg_choice_prng(struct wrg_choice *c, uint64_t seed, struct wrg_choice_step *taken, size_t cap)
{
    init(c, WRG_CHOICE_PRNG, taken, cap);
    wrg_rng_seed(&c->rng, seed);
}

void wrg_choice_recorded(struct wrg_choice *c, const uint32_t *values, size_t values_len,
                         struct wrg_choice_step *taken, size_t cap)
{
    WRG_ASSERT(values != NULL || values_len == 0);
    init(c, WRG_CHOICE_RECORDED, taken, cap);
    c->recorded = values;
    c->recorded_len = values_len;
}

void wrg_choice_enumerate(struct wrg_choice *c, struct wrg_choice_step *digits, size_t cap)
{
    init(c, WRG_CHOICE_ENUMERATE, digits, cap);
}

bool wrg_choice_next(struct wrg_choice *c)
{
    size_t depth = c->taken_count < c->taken_cap ? c->taken_count : c->taken_cap;

    WRG_ASSERT(c->mode == WRG_CHOICE_ENUMERATE);
    while (depth > 0 && c->taken[depth - 1].value + 1 >= c->taken[depth - 1].bound)
        depth--;
    c->taken_count = 0;
    c->recorded_len = depth;
    if (depth == 0)
        return false;
    c->taken[depth - 1].value++;
    return true;
}

static uint32_t fold(struct wrg_choice *c, uint32_t value, uint32_t bound)
{
    if (WRG_LIKELY(value < bound))
        return value;
    c->folded_count++;
    return value % bound;
}

uint32_t wrg_choice_take_slow(struct wrg_choice *c, uint32_t bound)
{
    size_t at = c->taken_count;

    switch (c->mode) {
    case WRG_CHOICE_RECORDED: return at < c->recorded_len ? fold(c, c->recorded[at], bound) : 0;
    case WRG_CHOICE_ENUMERATE: return at < c->recorded_len ? fold(c, c->taken[at].value, bound) : 0;
    case WRG_CHOICE_PRNG: return wrg_rng_below(&c->rng, bound);
    case WRG_CHOICE_CONSTANT: break;
    }
    return 0;
}

const char *wrg_choice_why_name(uint32_t why)
{
    static const char *const names[WRG_CHOICE_WHYS] = {
        [WRG_CHOICE_TASK] = "task",   [WRG_CHOICE_PREEMPT] = "preempt",
        [WRG_CHOICE_WAKE] = "wake",   [WRG_CHOICE_FLUSH] = "flush",
        [WRG_CHOICE_FAULT] = "fault", [WRG_CHOICE_VALUE] = "value",
        [WRG_CHOICE_OTHER] = "other",
    };

    return why < WRG_CHOICE_WHYS ? names[why] : "?";
}
