/* SPDX-License-Identifier: MIT */
#include "toolstack/life.h"

#include "store/xenstore_fixture.h"

static const struct wrg_vbd_id xvda = { .front_domid = 1, .back_domid = 0, .vdev = 51712 };

#define FRONT  "/local/domain/1/device/vbd/51712"
#define BACK   "/local/domain/0/backend/vbd/1/51712"
#define SECOND UINT64_C(1000000000)

static struct wrg_vbd_life life;

static struct wrg_vbd_place place(struct fixture *f)
{
    return (struct wrg_vbd_place){ .xs = f->xs, .conn = f->dom0.conn, .id = &xvda };
}

static void step(struct fixture *f, uint64_t now_ns)
{
    const struct wrg_vbd_place at = place(f);

    wrg_vbd_life_step(&life, &at, now_ns);
}

/* Both directories are written at time 0. */
static void add(struct fixture *f)
{
    const struct wrg_vbd_spec spec = { .id = xvda };

    assert_int_equal(wrg_toolstack_add_domain(f->xs, f->dom0.conn, 1), 0);
    assert_int_equal(wrg_toolstack_add_vbd(f->xs, f->dom0.conn, &spec), 0);
    wrg_vbd_life_added(&life, 0);
    step(f, 0);
}

static void set(struct fixture *f, const char *path, const char *value)
{
    assert_int_equal(fixture_write(f, f->dom0, path, value), 0);
}

static void expect_asked_for(struct fixture *f)
{
    assert_int_equal(life.phase, WRG_VBD_WAIT_CLOSED);
    assert_value(f, f->dom0, BACK "/online", "0");
    assert_value(f, f->dom0, BACK "/state", "5");
}

static void device_that_comes_up__settled(void **state)
{
    struct fixture *f = *state;

    add(f);
    assert_int_equal(life.phase, WRG_VBD_WAIT_INIT);
    assert_int_equal(life.deadline_ns, 10 * SECOND);
    set(f, BACK "/state", "2");
    step(f, SECOND);
    assert_int_equal(life.phase, WRG_VBD_WAIT_HOTPLUG);
    assert_int_equal(life.deadline_ns, 41 * SECOND);
    assert_int_equal(wrg_toolstack_hotplug_done(f->xs, f->dom0.conn, &xvda, 8, 0), 0);
    step(f, 2 * SECOND);
    assert_int_equal(life.phase, WRG_VBD_SETTLED);
    assert_false(life.aborted);
    assert_int_equal(life.deadline_ns, UINT64_MAX);
}

static void backend_that_does_not_announce_itself__given_up_after_10_s(void **state)
{
    struct fixture *f = *state;

    add(f);
    step(f, 10 * SECOND - 1);
    assert_int_equal(life.phase, WRG_VBD_WAIT_INIT);
    step(f, 10 * SECOND);
    expect_asked_for(f);
    assert_true(life.aborted);
}

static void script_that_does_not_answer__given_up_after_40_s(void **state)
{
    struct fixture *f = *state;

    add(f);
    set(f, BACK "/state", "2");
    step(f, 0);
    step(f, 40 * SECOND - 1);
    assert_int_equal(life.phase, WRG_VBD_WAIT_HOTPLUG);
    step(f, 40 * SECOND);
    expect_asked_for(f);
}

static void script_that_fails__given_up_at_once(void **state)
{
    struct fixture *f = *state;

    add(f);
    set(f, BACK "/state", "2");
    assert_int_equal(wrg_toolstack_hotplug_failed(f->xs, f->dom0.conn, &xvda, "no"), 0);
    step(f, 1);
    expect_asked_for(f);
    assert_int_equal(life.deadline_ns, 10 * SECOND + 1);
}

static void device_that_is_busy__given_up_at_once(void **state)
{
    struct fixture *f = *state;

    add(f);
    set(f, BACK "/state", "2");
    assert_int_equal(wrg_toolstack_hotplug_busy(f->xs, f->dom0.conn, &xvda), 0);
    assert_value(f, f->dom0, BACK "/hotplug-status", "busy");
    step(f, 1);
    expect_asked_for(f);
}

static void unplug__nodes_go_when_both_have_closed(void **state)
{
    struct fixture *f = *state;
    const struct wrg_vbd_place at = place(f);

    add(f);
    assert_int_equal(wrg_vbd_life_unplug(&life, &at, SECOND), 0);
    set(f, BACK "/state", "6");
    step(f, 2 * SECOND);
    assert_int_equal(life.phase, WRG_VBD_WAIT_CLOSED);
    assert_int_equal(fixture_read(f, f->dom0, FRONT "/state"), 0);
    set(f, FRONT "/state", "6");
    step(f, 3 * SECOND);
    assert_int_equal(life.phase, WRG_VBD_SETTLED);
    assert_true(life.removed && !life.forced);
    assert_int_equal(fixture_read(f, f->dom0, FRONT), -ENOENT);
    assert_int_equal(fixture_read(f, f->dom0, BACK), -ENOENT);
}

static void unplug_with_an_end_that_does_not_close__by_force_after_10_s(void **state)
{
    struct fixture *f = *state;
    const struct wrg_vbd_place at = place(f);

    add(f);
    assert_int_equal(wrg_vbd_life_unplug(&life, &at, SECOND), 0);
    set(f, BACK "/state", "6");
    step(f, 11 * SECOND - 1);
    assert_int_equal(fixture_read(f, f->dom0, BACK "/state"), 0);
    step(f, 11 * SECOND);
    assert_true(life.removed && life.forced);
    assert_int_equal(fixture_read(f, f->dom0, FRONT), -ENOENT);
    assert_int_equal(fixture_read(f, f->dom0, BACK), -ENOENT);
}

static void unplug_of_nothing__nobody_waits(void **state)
{
    struct fixture *f = *state;
    const struct wrg_vbd_place at = place(f);

    life = (struct wrg_vbd_life){ .phase = WRG_VBD_SETTLED };
    assert_int_equal(wrg_vbd_life_unplug(&life, &at, 0), -ENOENT);
    assert_int_equal(life.phase, WRG_VBD_SETTLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(device_that_comes_up__settled),
        FIXTURE_TEST(backend_that_does_not_announce_itself__given_up_after_10_s),
        FIXTURE_TEST(script_that_does_not_answer__given_up_after_40_s),
        FIXTURE_TEST(script_that_fails__given_up_at_once),
        FIXTURE_TEST(device_that_is_busy__given_up_at_once),
        FIXTURE_TEST(unplug__nodes_go_when_both_have_closed),
        FIXTURE_TEST(unplug_with_an_end_that_does_not_close__by_force_after_10_s),
        FIXTURE_TEST(unplug_of_nothing__nobody_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
