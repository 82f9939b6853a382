/* SPDX-License-Identifier: MIT */
/* What may happen to a device that nobody has touched, and what excuses it. */
#include "oracle/test_events.h"

enum { GUEST = 4, DRIVERS = 2, CONNECTED = WRG_XENBUS_CONNECTED };

static void phase(struct bench *t, enum wrg_phase phase, uint32_t state)
{
    emit(t, .kind = WRG_EV_PHASE, .role = WRG_ROLE_SCRIPT, .a = phase, .b = state, .c = state);
}

static void begin(struct bench *t)
{
    t->config.innocent = true;
    t->config.front_domid = GUEST;
    t->config.back_domid = DRIVERS;
    wrg_oracles_begin(t->o, &t->trace, &t->config);
    phase(t, WRG_PHASE_SAFETY, CONNECTED);
}

static void submit(struct bench *t)
{
    emit(t, .kind = WRG_EV_BLK_SUBMIT, .a = 7, .b = 2);
}

static void complete(struct bench *t, int error)
{
    emit(t, .kind = WRG_EV_BLK_COMPLETE, .a = 7, .b = (uint32_t)error);
}

static void gone(struct bench *t)
{
    emit(t, .kind = WRG_EV_BLK_GONE);
}

static void close_it(struct bench *t, uint8_t role)
{
    change(t, role, "/local/domain/2/backend/vbd/4/51712/state", "5");
}

/* ---- fires ---- */

static void io_fails__fires(struct bench *t)
{
    begin(t);
    submit(t);
    QUIETLY(t);
    complete(t, -5);
}

static void io_stalls__fires(struct bench *t)
{
    begin(t);
    submit(t);
    QUIETLY(t);
    phase(t, WRG_PHASE_QUIET, CONNECTED);
}

static void device_closes__fires(struct bench *t)
{
    begin(t);
    close_it(t, BACK);
    QUIETLY(t);
    gone(t);
}

static void device_is_not_connected_in_the_end__fires(struct bench *t)
{
    begin(t);
    QUIETLY(t);
    phase(t, WRG_PHASE_QUIET, WRG_XENBUS_CLOSING);
}

static void death_of_another_guest__excuses_nothing(struct bench *t)
{
    begin(t);
    emit(t, .kind = WRG_EV_DEATH, .a = 1);
    QUIETLY(t);
    gone(t);
}

/* ---- clean ---- */

static void all_is_well__clean(struct bench *t)
{
    begin(t);
    submit(t);
    complete(t, 0);
    phase(t, WRG_PHASE_QUIET, CONNECTED);
}

static void closed_by_the_world__clean(struct bench *t)
{
    begin(t);
    phase(t, WRG_PHASE_CLOSE, CONNECTED);
    submit(t);
    complete(t, -5);
    gone(t);
}

static void toolstack_has_touched_it__clean(struct bench *t)
{
    begin(t);
    close_it(t, WRG_ROLE_TOOLSTACK);
    gone(t);
    phase(t, WRG_PHASE_QUIET, WRG_XENBUS_CLOSED);
}

static void case_has_touched_it__clean(struct bench *t)
{
    begin(t);
    close_it(t, WRG_ROLE_SCRIPT);
    gone(t);
}

static void domain_of_the_backend_died__clean(struct bench *t)
{
    begin(t);
    emit(t, .kind = WRG_EV_DEATH, .a = DRIVERS);
    gone(t);
}

static void its_own_domain_died__clean(struct bench *t)
{
    begin(t);
    submit(t);
    emit(t, .kind = WRG_EV_DEATH, .a = GUEST);
    phase(t, WRG_PHASE_QUIET, WRG_XENBUS_UNKNOWN);
}

/* What is done before the case begins is how the device comes to be there. */
static void toolstack_has_added_it__fires_all_the_same(struct bench *t)
{
    t->config.innocent = true;
    wrg_oracles_begin(t->o, &t->trace, &t->config);
    close_it(t, WRG_ROLE_TOOLSTACK);
    phase(t, WRG_PHASE_SAFETY, CONNECTED);
    QUIETLY(t);
    gone(t);
}

static void device_that_is_not_innocent__clean(struct bench *t)
{
    wrg_oracles_begin(t->o, &t->trace, &t->config);
    phase(t, WRG_PHASE_SAFETY, CONNECTED);
    gone(t);
}

static const struct scenario scenarios[] = {
    PLAY(io_fails__fires, ISO_001),
    PLAY(io_stalls__fires, ISO_001),
    PLAY(device_closes__fires, ISO_001),
    PLAY(device_is_not_connected_in_the_end__fires, ISO_001),
    PLAY(death_of_another_guest__excuses_nothing, ISO_001),
    PLAY(all_is_well__clean, CLEAN),
    PLAY(closed_by_the_world__clean, CLEAN),
    PLAY(toolstack_has_touched_it__clean, CLEAN),
    PLAY(case_has_touched_it__clean, CLEAN),
    PLAY(domain_of_the_backend_died__clean, CLEAN),
    PLAY(its_own_domain_died__clean, CLEAN),
    PLAY(toolstack_has_added_it__fires_all_the_same, ISO_001),
    PLAY(device_that_is_not_innocent__clean, CLEAN),
};

static void sequences__fire_their_rule_or_none(void **state)
{
    play_all(*state, scenarios, WRG_ARRAY_LEN(scenarios));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sequences__fire_their_rule_or_none, bench_open,
                                        bench_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
