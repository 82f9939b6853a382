/* SPDX-License-Identifier: MIT */
#include "toolstack/life.h"

#include <wringer/wire.h>

/* What the nodes say of the thing that is waited for. */
enum word { NOT_YET, REACHED, FAILED };

static enum word is_announced(const struct wrg_vbd_view *view)
{
    if (view->back_state >= WRG_XENBUS_CLOSING)
        return FAILED;
    return view->back_state >= WRG_XENBUS_INIT_WAIT ? REACHED : NOT_YET;
}

static enum word script_has_answered(const struct wrg_vbd_view *view)
{
    static const enum word words[] = { [WRG_HOTPLUG_NONE] = NOT_YET,
                                       [WRG_HOTPLUG_CONNECTED] = REACHED,
                                       [WRG_HOTPLUG_FAILED] = FAILED };

    return words[view->hotplug];
}

static enum word is_closed(const struct wrg_vbd_view *view)
{
    return wrg_vbd_is_closed(view) ? REACHED : NOT_YET;
}

static void settle(struct wrg_vbd_life *life)
{
    life->phase = WRG_VBD_SETTLED;
    life->deadline_ns = UINT64_MAX;
}

/* ---- what follows ---- */

static void run_script(struct wrg_vbd_life *life, const struct wrg_vbd_place *place,
                       uint64_t now_ns)
{
    life->phase = WRG_VBD_WAIT_HOTPLUG;
    life->deadline_ns = now_ns + WRG_VBD_HOTPLUG_NS;
}

static void is_there(struct wrg_vbd_life *life, const struct wrg_vbd_place *place, uint64_t now_ns)
{
    settle(life);
}

static void abandon(struct wrg_vbd_life *life, const struct wrg_vbd_place *place, uint64_t now_ns)
{
    life->aborted = true;
    if (wrg_vbd_life_unplug(life, place, now_ns))
        settle(life); /* there is no device any more */
}

static void take_away(struct wrg_vbd_life *life, const struct wrg_vbd_place *place, uint64_t now_ns)
{
    if (wrg_toolstack_remove(place->xs, place->conn, place->id))
        return;
    life->removed = true;
    settle(life);
}

static void take_away_by_force(struct wrg_vbd_life *life, const struct wrg_vbd_place *place,
                               uint64_t now_ns)
{
    life->forced = life->removed =
        wrg_toolstack_remove_by_force(place->xs, place->conn, place->id) == 0;
    settle(life);
}

typedef void next_fn(struct wrg_vbd_life *life, const struct wrg_vbd_place *place, uint64_t now_ns);

static const struct phase {
    enum word (*look)(const struct wrg_vbd_view *view);
    next_fn *reached;
    next_fn *failed; /* or the time is over */
} phases[WRG_NR_VBD_PHASES] = {
    [WRG_VBD_WAIT_INIT] = { is_announced, run_script, abandon },
    [WRG_VBD_WAIT_HOTPLUG] = { script_has_answered, is_there, abandon },
    [WRG_VBD_WAIT_CLOSED] = { is_closed, take_away, take_away_by_force },
};

void wrg_vbd_life_added(struct wrg_vbd_life *life, uint64_t now_ns)
{
    *life = (struct wrg_vbd_life){ .phase = WRG_VBD_WAIT_INIT,
                                   .deadline_ns = now_ns + WRG_VBD_INIT_NS };
}

int wrg_vbd_life_unplug(struct wrg_vbd_life *life, const struct wrg_vbd_place *place,
                        uint64_t now_ns)
{
    int result = wrg_toolstack_unplug(place->xs, place->conn, place->id);

    if (result)
        return result;
    life->phase = WRG_VBD_WAIT_CLOSED;
    life->deadline_ns = now_ns + WRG_VBD_DESTROY_NS;
    return 0;
}

void wrg_vbd_life_step(struct wrg_vbd_life *life, const struct wrg_vbd_place *place,
                       uint64_t now_ns)
{
    uint8_t before = WRG_NR_VBD_PHASES;

    /* What one step leads to may be there already. */
    while (life->phase != WRG_VBD_SETTLED && life->phase != before) {
        const struct phase *phase = &phases[life->phase];
        struct wrg_vbd_view view;
        before = life->phase;
        wrg_toolstack_look(place->xs, place->conn, place->id, &view);
        enum word word = phase->look(&view);
        if (word == REACHED)
            phase->reached(life, place, now_ns);
        else if (word == FAILED || now_ns >= life->deadline_ns)
            phase->failed(life, place, now_ns);
    }
}
