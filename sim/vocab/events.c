/* SPDX-License-Identifier: MIT */
#include "vocab/events.h"

static const struct {
    const char *name;
    const char *operands[4];
} events[] = {
#define WRG_EVENT(symbol, name, a, b, c, d, payload) { name, { a, b, c, d } },
#include "vocab/events.def"
};

const char *wrg_event_name(uint16_t kind)
{
    return kind < WRG_NR_EVENTS ? events[kind].name : "unknown";
}

const char *wrg_event_operand(uint16_t kind, unsigned operand)
{
    return kind < WRG_NR_EVENTS && operand < 4 ? events[kind].operands[operand] : "-";
}

const char *wrg_role_name(uint8_t role)
{
    static const char *const others[][2] = { { "front-2", "back-2" },
                                             { "front-3", "back-3" },
                                             { "front-4", "back-4" } };
    unsigned device = role >> 2;

    if (role < WRG_COUNT_ROLE)
        return wrg_name(WRG_NAMES_ROLE, role);
    if (device > sizeof(others) / sizeof(others[0]))
        return "nobody";
    return (role & 3) < 2 ? others[device - 1][role & 3] : wrg_name(WRG_NAMES_ROLE, role & 3);
}
