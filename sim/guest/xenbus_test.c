/* SPDX-License-Identifier: MIT */
#include <wringer/xenbus.h>

#include "guest/test_guest.h"

#define FRONT "/local/domain/1/device/vbd/51712"
#define BACK  "/local/domain/2/backend/vbd/1/51712"

static struct wrg_xenbus_device dev;

static struct wrg_xs_call dom0(void)
{
    return (struct wrg_xs_call){ .conn = t.xen.domains[WRG_DOM_TOOLSTACK].xs_conn };
}

static void dom0_write(const char *path, const char *value)
{
    const struct wrg_xs_call call = dom0();

    assert_int_equal(wrg_xenstore_write(t.xen.store, &call, path, value, strlen(value)), 0);
}

static void own_by(const char *path, uint16_t owner, uint16_t reader)
{
    const struct wrg_xs_perm perms[] = { { owner, 'n' }, { reader, 'r' } };
    const struct wrg_xs_call call = dom0();

    dom0_write(path, "");
    assert_int_equal(wrg_xenstore_set_perms(t.xen.store, &call, path, perms, 2), 0);
}

/* What stands there, or "(none)". */
static const char *dom0_read(const char *path)
{
    static char text[128];
    const struct wrg_xs_call call = dom0();
    struct wrg_xs_reply reply = { .data = text, .cap = sizeof(text) - 1 };

    if (wrg_xenstore_read(t.xen.store, &call, path, &reply))
        return "(none)";
    text[reply.len] = 0;
    return text;
}

static int setup(void **state)
{
    if (setup_guests(state))
        return -1;
    own_by(FRONT, WRG_DOM_FRONT, WRG_DOM_BACK);
    own_by(BACK, WRG_DOM_BACK, WRG_DOM_FRONT);
    own_by("/local/domain/1/error", WRG_DOM_FRONT, WRG_DOM_FRONT);
    dom0_write(FRONT "/state", "1");
    dom0_write(FRONT "/backend", BACK);
    dom0_write(FRONT "/backend-id", "2");
    dom0_write(BACK "/state", "2");
    strcpy(g.front->nodename, FRONT);
    return wrg_xenbus_init(&dev, g.front, "backend");
}

#define B(f) cmocka_unit_test_setup_teardown(f, setup, teardown_guests)

static void nothing(void *arg)
{
}

static void numbers__as_the_kernel_reads_them(void **state)
{
    static const struct {
        const char *text;
        uint32_t value;
    } table[] = {
        { "12", 12 }, { "12x", 12 }, { "0x10", 0 }, { "4294967296", 0 }, { "4294967299", 3 },
        { "", 77 },   { "-1", 77 },  { "yes", 77 }, { " 5", 5 },
    };
    uint32_t value;

    assert_int_equal(wrg_xenbus_read_unsigned(&dev, "order", 77), 77);
    assert_int_equal(wrg_xenbus_read_u32(&dev, "order", &value), -ENOENT);
    for (size_t i = 0; i < WRG_ARRAY_LEN(table); i++) {
        dom0_write(BACK "/order", table[i].text);
        assert_int_equal(wrg_xenbus_read_unsigned(&dev, "order", 77), table[i].value);
    }
    dom0_write(BACK "/order", "yes");
    assert_int_equal(wrg_xenbus_read_u32(&dev, "order", &value), -ERANGE);
}

static void state__signed_and_unknown_when_missing(void **state)
{
    const struct wrg_xs_call call = dom0();

    assert_int_equal(wrg_xenbus_read_other_state(&dev), WRG_XENBUS_INIT_WAIT);
    dom0_write(BACK "/state", "4 and more");
    assert_int_equal(wrg_xenbus_read_other_state(&dev), WRG_XENBUS_CONNECTED);
    dom0_write(BACK "/state", "-1");
    assert_int_equal((int)wrg_xenbus_read_other_state(&dev), -1);
    dom0_write(BACK "/state", "x");
    assert_int_equal(wrg_xenbus_read_other_state(&dev), WRG_XENBUS_UNKNOWN);
    assert_int_equal(wrg_xenstore_rm(t.xen.store, &call, BACK "/state"), 0);
    assert_int_equal(wrg_xenbus_read_other_state(&dev), WRG_XENBUS_UNKNOWN);
    assert_int_equal(wrg_xenbus_read_own_state(&dev), WRG_XENBUS_INITIALISING);
}

static void fatal__number_and_text_in_the_error_directory(void **state)
{
    wrg_xenbus_fatal(&dev, -EINVAL, "ring-ref is missing");
    assert_string_equal(dom0_read("/local/domain/1/error/device/vbd/51712/error"),
                        "22 ring-ref is missing");
    assert_string_equal(dom0_read(FRONT "/state"), "5");
}

static void names__relative_part_and_handle(void **state)
{
    assert_string_equal(wrg_xenbus_relative_name(FRONT), "device/vbd/51712");
    assert_string_equal(wrg_xenbus_relative_name("/local/domain/12/x"), "x");
    assert_string_equal(wrg_xenbus_relative_name("device/vbd/1"), "device/vbd/1");
    assert_int_equal(wrg_xenbus_handle(FRONT), 51712);
    assert_int_equal(wrg_xenbus_handle(BACK), 51712);
    assert_int_equal(wrg_xenbus_handle("/a/b"), 0);
}

static void switch_over_a_toolstack_that_closes__refused(void **state)
{
    dom0_write(FRONT "/state", "5");
    assert_int_equal(wrg_xenbus_switch_state(&dev, WRG_XENBUS_INITIALISED), -ESHUTDOWN);
    assert_string_equal(dom0_read(FRONT "/state"), "5");
    assert_int_equal(wrg_xenbus_switch_state(&dev, WRG_XENBUS_CLOSED), 0);
    assert_string_equal(dom0_read(FRONT "/state"), "6");
}

static int write_size(void *ctx, uint32_t transaction)
{
    return wrg_xenbus_write_u64(ctx, transaction, "sectors", 99);
}

static void rewrite__node_and_the_same_state_at_once(void **state)
{
    assert_int_equal(wrg_xenbus_rewrite_state(&dev, write_size, &dev), 0);
    assert_string_equal(dom0_read(FRONT "/sectors"), "99");
    assert_string_equal(dom0_read(FRONT "/state"), "1");
}

static void rewrite_when_the_state_is_another__nothing_written(void **state)
{
    dom0_write(FRONT "/state", "5");
    assert_int_equal(wrg_xenbus_rewrite_state(&dev, write_size, &dev), -ESHUTDOWN);
    assert_string_equal(dom0_read(FRONT "/sectors"), "(none)");
    assert_string_equal(dom0_read(FRONT "/state"), "5");
}

static void watch_of_an_own_node__told_apart(void **state)
{
    uint32_t task = make_task(g.front, nothing, NULL, true);

    assert_int_equal(wrg_xenbus_watch_state(&dev, task), 0);
    assert_int_equal(wrg_xenbus_watch_own(&dev, "physical-device", task), 0);
    assert_int_equal(wrg_xenbus_drain_events(&dev), 2);
    assert_true(dev.own_changed);
    dom0_write(BACK "/state", "4");
    assert_int_equal(wrg_xenbus_drain_events(&dev), 1);
    assert_false(dev.own_changed);
    dom0_write(FRONT "/physical-device", "8:0");
    assert_int_equal(wrg_xenbus_drain_events(&dev), 1);
    assert_true(dev.own_changed);
    wrg_xenbus_fini(&dev);
    assert_int_equal(g.front_guest.state.nwatches, 0);
}

/* ---- the walk ---- */

static uint32_t walker(void)
{
    return make_task(g.front, nothing, NULL, true);
}

static void walk__step_by_step_and_nothing_is_left(void **state)
{
    struct wrg_xenbus_walk walk;
    uint32_t task = walker();

    dom0_write(FRONT "/state", "4");
    dom0_write(FRONT "/ring-ref", "8");
    dom0_write(FRONT "/ring-ref15", "9");
    dom0_write(FRONT "/ring-page-order", "4");
    dom0_write(FRONT "/num-ring-pages", "16");
    dom0_write(FRONT "/event-channel", "1");
    dom0_write(FRONT "/protocol", "x86_64-abi");
    dom0_write(BACK "/state", "4");
    dev.state = WRG_XENBUS_CONNECTED;
    wrg_xenbus_walk_begin(&dev, &walk);
    assert_false(wrg_xenbus_walk_on(&dev, &walk, task));
    assert_string_equal(dom0_read(FRONT "/state"), "5");
    dom0_write(BACK "/state", "5");
    assert_false(wrg_xenbus_walk_on(&dev, &walk, task));
    assert_string_equal(dom0_read(FRONT "/state"), "6");
    dom0_write(BACK "/state", "6");
    assert_false(wrg_xenbus_walk_on(&dev, &walk, task));
    assert_string_equal(dom0_read(FRONT "/state"), "1");
    assert_string_equal(dom0_read(FRONT "/ring-ref"), "8");
    dom0_write(BACK "/state", "2");
    assert_true(wrg_xenbus_walk_on(&dev, &walk, task));
    assert_string_equal(dom0_read(FRONT "/ring-ref"), "(none)");
    assert_string_equal(dom0_read(FRONT "/ring-ref15"), "(none)");
    assert_string_equal(dom0_read(FRONT "/ring-page-order"), "(none)");
    assert_string_equal(dom0_read(FRONT "/num-ring-pages"), "(none)");
    assert_string_equal(dom0_read(FRONT "/event-channel"), "(none)");
    assert_string_equal(dom0_read(FRONT "/protocol"), "(none)");
    assert_string_equal(dom0_read(FRONT "/backend-id"), "2");
    assert_int_equal(dev.state, WRG_XENBUS_INITIALISING);
}

static void walk_with_a_backend_that_is_closed__begins_there(void **state)
{
    struct wrg_xenbus_walk walk;

    dom0_write(FRONT "/state", "6");
    dom0_write(BACK "/state", "6");
    dev.state = WRG_XENBUS_CLOSED;
    wrg_xenbus_walk_begin(&dev, &walk);
    assert_false(wrg_xenbus_walk_on(&dev, &walk, walker()));
    assert_string_equal(dom0_read(FRONT "/state"), "1");
}

static void walk_with_a_backend_that_does_nothing__5_seconds_a_step(void **state)
{
    struct wrg_xenbus_walk walk;
    uint32_t task = walker();

    dom0_write(FRONT "/state", "4");
    dom0_write(BACK "/state", "4");
    dev.state = WRG_XENBUS_CONNECTED;
    wrg_xenbus_walk_begin(&dev, &walk);
    for (unsigned step = 0; step < 3; step++) {
        assert_false(wrg_xenbus_walk_on(&dev, &walk, task));
        t.sched.now_ns += UINT64_C(4999999999);
        assert_false(wrg_xenbus_walk_on(&dev, &walk, task));
        t.sched.now_ns += 1;
    }
    assert_true(wrg_xenbus_walk_on(&dev, &walk, task));
    assert_string_equal(dom0_read(FRONT "/state"), "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        B(numbers__as_the_kernel_reads_them),
        B(state__signed_and_unknown_when_missing),
        B(fatal__number_and_text_in_the_error_directory),
        B(names__relative_part_and_handle),
        B(switch_over_a_toolstack_that_closes__refused),
        B(rewrite__node_and_the_same_state_at_once),
        B(rewrite_when_the_state_is_another__nothing_written),
        B(watch_of_an_own_node__told_apart),
        B(walk__step_by_step_and_nothing_is_left),
        B(walk_with_a_backend_that_is_closed__begins_there),
        B(walk_with_a_backend_that_does_nothing__5_seconds_a_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
