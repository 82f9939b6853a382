/* SPDX-License-Identifier: MIT */
/*
 * XS-001: walks of the xenbus state that nothing allows.
 *
 * Clearly illegal ones only; implementations differ in what they skip (firmware goes from
 * Initialising to Connected). Each seat is judged for what it writes itself; what the toolstack
 * writes counts as the state from then on. Layer: oracle. Source: xen/io/xenbus.h, xen/io/blkif.h.
 */
#include <stdlib.h>
#include <string.h>

#include "oracle/checkers.h"

#define NOT_KNOWN  255
#define TO(state)  (1u << WRG_XENBUS_##state)
#define LAST_STATE WRG_XENBUS_RECONFIGURED

static const uint16_t illegal[LAST_STATE + 1] = {
    [WRG_XENBUS_CONNECTED] = TO(INITIALISING) | TO(INIT_WAIT),
    [WRG_XENBUS_CLOSING] = TO(INIT_WAIT) | TO(INITIALISED) | TO(CONNECTED),
    [WRG_XENBUS_CLOSED] = TO(INITIALISED) | TO(CONNECTED),
};

static bool contains(const char *text, uint32_t len, const char *part)
{
    return memmem(text, strnlen(text, len), part, strlen(part)) != NULL;
}

/* Whose directory it is, -1: nobody's. */
static int owner_of(const char *path, uint32_t len)
{
    if (contains(path, len, "/backend/vbd/"))
        return WRG_ROLE_BACK;
    return contains(path, len, "/device/vbd/") ? WRG_ROLE_FRONT : -1;
}

static void judge(struct wrg_oracles *o, const struct wrg_event *ev, uint8_t from, uint32_t to,
                  bool is_number)
{
    if (!wrg_oracle_judges(o, ev->role))
        return;
    if (!is_number || to > LAST_STATE)
        wrg_trace_report(o->trace, WRG_RULE_XS_001, ev, "a state is written that does not exist");
    else if (from <= LAST_STATE && (illegal[from] >> to & 1))
        wrg_trace_report(o->trace, WRG_RULE_XS_001, ev, "state goes from %u (%s) to %u (%s)", from,
                         wrg_wire_state_name(from), to, wrg_wire_state_name(to));
}

static void on_change(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_oracles *o = ctx;
    int owner = owner_of(payload, len);
    const char *value;
    uint32_t value_len, state = 0;

    if (owner < 0)
        return;
    uint8_t *now = &o->states.facts.state[owner];
    if (!wrg_tap_path_ends(payload, len, "state", &value, &value_len))
        return;
    if (value_len == 0) { /* created without a value, or removed */
        *now = NOT_KNOWN;
        return;
    }
    bool is_number = wrg_tap_number(value, value_len, &state);
    if (ev->role == owner)
        judge(o, ev, *now, state, is_number);
    /* Nobody can make a driver connected by saying so: where it stands is not known then. */
    if (ev->role != owner && state == WRG_XENBUS_CONNECTED)
        is_number = false;
    *now = is_number && state <= LAST_STATE ? (uint8_t)state : NOT_KNOWN;
}

void wrg_states_begin(struct wrg_oracles *o)
{
    o->states.facts.state[0] = o->states.facts.state[1] = NOT_KNOWN;
    wrg_trace_subscribe(o->trace, WRG_EV_XS_CHANGE, on_change, o);
}
