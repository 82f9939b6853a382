/* SPDX-License-Identifier: MIT */
#include "guest/test_guest.h"

#define HOME "/local/domain/1/device/vbd/51712"

static struct {
    uint32_t runs[2];
} s;

static void dom0_write(const char *path, const char *value)
{
    const struct wrg_xs_call dom0 = { .conn = t.xen.domains[WRG_DOM_TOOLSTACK].xs_conn };

    assert_int_equal(wrg_xenstore_write(t.xen.store, &dom0, path, value, strlen(value)), 0);
}

/* A directory that belongs to the front, and one that it may not read. */
static int setup(void **state)
{
    const struct wrg_xs_perm perms[] = { { WRG_DOM_FRONT, 'n' } };
    const struct wrg_xs_perm closed[] = { { 0, 'n' } };

    memset(&s, 0, sizeof(s));
    if (setup_guests(state))
        return -1;
    const struct wrg_xs_call dom0 = { .conn = t.xen.domains[WRG_DOM_TOOLSTACK].xs_conn };
    dom0_write(HOME, "");
    assert_int_equal(wrg_xenstore_set_perms(t.xen.store, &dom0, HOME, perms, 1), 0);
    dom0_write("/secret/x", "1");
    assert_int_equal(wrg_xenstore_set_perms(t.xen.store, &dom0, "/secret", closed, 1), 0);
    assert_int_equal(wrg_xenstore_set_perms(t.xen.store, &dom0, "/secret/x", closed, 1), 0);
    return 0;
}

#define S(f) cmocka_unit_test_setup_teardown(f, setup, teardown_guests)

static uint32_t open_home(void)
{
    struct wrg_xs_open args = { .path = HOME };

    assert_int_equal(wrg_port_xs_open(g.front, &args), 0);
    return args.dir;
}

static int write_node(uint32_t transaction, uint32_t dir, const char *name, const char *value)
{
    struct wrg_xs_write args = {
        .transaction = transaction, .dir = dir, .name = name, .value = value, .len = strlen(value)
    };

    return wrg_port_xs_write(g.front, &args);
}

static int read_node(uint32_t transaction, uint32_t dir, const char *name, char *out, size_t cap)
{
    struct wrg_xs_read args = {
        .transaction = transaction, .dir = dir, .name = name, .value = out, .cap = cap
    };

    return wrg_port_xs_read(g.front, &args);
}

static void name_in_open_directory__same_node_as_its_path(void **state)
{
    uint32_t dir = open_home();
    char value[16];

    assert_int_equal(write_node(0, dir, "state", "4"), 0);
    assert_int_equal(read_node(0, 0, HOME "/state", value, sizeof(value)), 0);
    assert_string_equal(value, "4");
    assert_int_equal(write_node(0, 0, HOME "/ring-ref", "8"), 0);
    assert_int_equal(read_node(0, dir, "ring-ref", value, sizeof(value)), 0);
    assert_string_equal(value, "8");
}

static void read_errors__as_the_port_states_them(void **state)
{
    uint32_t dir = open_home();
    char value[8];
    struct wrg_xs_open open = { .path = HOME "/nothing" };

    assert_int_equal(read_node(0, dir, "nothing", value, sizeof(value)), -ENOENT);
    assert_int_equal(read_node(0, 0, "/secret/x", value, sizeof(value)), -EACCES);
    assert_int_equal(wrg_port_xs_open(g.front, &open), -ENOENT);
    open.path = "/secret";
    assert_int_equal(wrg_port_xs_open(g.front, &open), -EACCES);
    assert_int_equal(write_node(0, 0, "/secret/x", "2"), -EACCES);
}

static void value_without_room_for_its_nul__erange(void **state)
{
    uint32_t dir = open_home();
    char value[8];

    assert_int_equal(write_node(0, dir, "a", "1234567"), 0);
    assert_int_equal(read_node(0, dir, "a", value, 8), 0);
    assert_string_equal(value, "1234567");
    assert_int_equal(write_node(0, dir, "a", "12345678"), 0);
    assert_int_equal(read_node(0, dir, "a", value, 8), -ERANGE);
    assert_int_equal(write_node(0, dir, "a", "123456789abcdef"), 0);
    assert_int_equal(read_node(0, dir, "a", value, 8), -ERANGE);
}

static void directory_mkdir_rm__work_by_path_and_name(void **state)
{
    uint32_t dir = open_home();
    char names[64];
    struct wrg_xs_mkdir mkdir = { .path = HOME "/queue-0" };
    struct wrg_xs_directory list = { .path = HOME, .names = names, .cap = sizeof(names) };
    struct wrg_xs_rm rm = { .dir = dir, .name = "queue-0" };

    assert_int_equal(wrg_port_xs_mkdir(g.front, &mkdir), 0);
    assert_int_equal(write_node(0, dir, "state", "1"), 0);
    assert_int_equal(wrg_port_xs_directory(g.front, &list), 0);
    assert_int_equal(list.len, sizeof("queue-0") + sizeof("state"));
    assert_memory_equal(names, "queue-0\0state", list.len);
    assert_int_equal(wrg_port_xs_rm(g.front, &rm), 0);
    list.cap = sizeof(names);
    assert_int_equal(wrg_port_xs_directory(g.front, &list), 0);
    assert_int_equal(list.len, sizeof("state"));
}

static void perms__set_and_got_back(void **state)
{
    struct wrg_xs_perm set[] = { { WRG_DOM_FRONT, 'n' }, { WRG_DOM_BACK, 'r' } };
    struct wrg_xs_perm got[4];
    struct wrg_xs_set_perms set_args = { .path = HOME, .perms = set, .count = 2 };
    struct wrg_xs_get_perms get_args = { .path = HOME, .perms = got, .cap = 4 };

    assert_int_equal(wrg_port_xs_set_perms(g.front, &set_args), 0);
    assert_int_equal(wrg_port_xs_get_perms(g.front, &get_args), 0);
    assert_int_equal(get_args.count, 2);
    assert_int_equal(got[1].domid, WRG_DOM_BACK);
    assert_int_equal(got[1].letter, 'r');
}

/* ---- transactions ---- */

static void transaction__unseen_until_its_end(void **state)
{
    struct wrg_xs_transaction_start start;
    uint32_t dir = open_home(), ledger[WRG_NR_LEDGERS];
    char value[8];

    assert_int_equal(wrg_port_xs_transaction_start(g.front, &start), 0);
    assert_int_equal(write_node(start.transaction, dir, "state", "3"), 0);
    assert_int_equal(read_node(0, dir, "state", value, sizeof(value)), -ENOENT);
    wrg_guest_ledger(&g.front_guest, ledger);
    assert_int_equal(ledger[WRG_LEDGER_TRANSACTIONS], 1);
    struct wrg_xs_transaction_end end = { .transaction = start.transaction };
    assert_int_equal(wrg_port_xs_transaction_end(g.front, &end), 0);
    assert_int_equal(read_node(0, dir, "state", value, sizeof(value)), 0);
    wrg_guest_ledger(&g.front_guest, ledger);
    assert_int_equal(ledger[WRG_LEDGER_TRANSACTIONS], 0);
    assert_int_equal(wrg_port_xs_transaction_end(g.front, &end), -ENOENT);
}

static void transaction_aborted__nothing_happened(void **state)
{
    struct wrg_xs_transaction_start start;
    uint32_t dir = open_home();
    char value[8];

    assert_int_equal(wrg_port_xs_transaction_start(g.front, &start), 0);
    assert_int_equal(write_node(start.transaction, dir, "state", "3"), 0);
    struct wrg_xs_transaction_end end = { .transaction = start.transaction, .abort = true };
    assert_int_equal(wrg_port_xs_transaction_end(g.front, &end), 0);
    assert_int_equal(read_node(0, dir, "state", value, sizeof(value)), -ENOENT);
    assert_int_equal(g.front_guest.state.ntransactions, 0);
}

/* ---- watches ---- */

static void count_run(void *arg)
{
    s.runs[(intptr_t)arg]++;
}

static int watch(const char *path, const char *token, uint32_t task)
{
    struct wrg_xs_watch args = { .path = path, .token = token, .task = task };

    return wrg_port_xs_watch(g.front, &args);
}

static int unwatch(const char *path, const char *token)
{
    struct wrg_xs_unwatch args = { .path = path, .token = token };

    return wrg_port_xs_unwatch(g.front, &args);
}

static uint32_t drain(char *path, size_t cap)
{
    struct wrg_xs_next_event event;
    uint32_t count = 0;

    while (wrg_port_xs_next_event(g.front, &event) == 0) {
        snprintf(path, cap, "%s %s", event.path, event.token);
        count++;
    }
    return count;
}

static void watch__first_event_at_once_then_for_each_change(void **state)
{
    uint32_t task = make_task(g.front, count_run, (void *)0, true);
    char last[256];

    assert_int_equal(watch(HOME, "tok", task), 0);
    run_idle();
    assert_int_equal(s.runs[0], 1);
    assert_int_equal(drain(last, sizeof(last)), 1);
    assert_string_equal(last, HOME " tok");
    dom0_write(HOME "/state", "5");
    run_idle();
    assert_int_equal(s.runs[0], 2);
    assert_int_equal(drain(last, sizeof(last)), 1);
    assert_string_equal(last, HOME "/state tok");
    assert_int_equal(watch(HOME, "tok", task), -EEXIST);
    assert_int_equal(g.front_guest.state.nwatches, 1);
}

static void first_watch_removed__task_of_the_second_is_still_woken(void **state)
{
    uint32_t a = make_task(g.front, count_run, (void *)0, true);
    uint32_t b = make_task(g.front, count_run, (void *)1, true);
    char last[256];

    assert_int_equal(watch(HOME "/a", "1", a), 0);
    assert_int_equal(watch(HOME "/b", "2", b), 0);
    run_idle();
    assert_int_equal(unwatch(HOME "/a", "1"), 0);
    (void)drain(last, sizeof(last)); /* an event that is queued already would not come again */
    memset(s.runs, 0, sizeof(s.runs));
    dom0_write(HOME "/b", "x");
    run_idle();
    assert_int_equal(s.runs[0], 0);
    assert_int_equal(s.runs[1], 1);
    assert_int_equal(drain(last, sizeof(last)), 1);
    assert_int_equal(unwatch(HOME "/b", "2"), 0);
    dom0_write(HOME "/b", "y");
    run_idle();
    assert_int_equal(s.runs[1], 1);
    assert_int_equal(g.front_guest.state.nwatches, 0);
    assert_int_equal(unwatch(HOME "/b", "2"), -ENOENT);
}

static void event_longer_than_the_callers_buffer__cut_and_gone(void **state)
{
    uint32_t task = make_task(g.front, count_run, (void *)0, true);
    char path[400], last[256];

    assert_int_equal(watch(HOME, "tok", task), 0);
    assert_int_equal(drain(last, sizeof(last)), 1);
    /* A peer makes a node whose path does not fit: the driver must still see what comes after. */
    snprintf(path, sizeof(path), "%s/%0200d", HOME, 7);
    dom0_write(path, "x");
    dom0_write(HOME "/state", "6");
    assert_int_equal(drain(last, sizeof(last)), 2);
    assert_string_equal(last, HOME "/state tok");
}

static void watches_used_up__e2big(void **state)
{
    uint32_t task = make_task(g.front, count_run, (void *)0, true);
    char token[8];

    for (unsigned i = 0; i < WRG_GUEST_WATCHES; i++) {
        snprintf(token, sizeof(token), "%u", i);
        assert_int_equal(watch(HOME, token, task), 0);
    }
    assert_int_equal(watch(HOME, "more", task), -E2BIG);
    assert_int_equal(unwatch(HOME, "3"), 0);
    assert_int_equal(watch(HOME, "more", task), 0);
}

static void next_event_with_none__eagain(void **state)
{
    struct wrg_xs_next_event event;

    assert_int_equal(wrg_port_xs_next_event(g.front, &event), -EAGAIN);
}

static void watch_events__traced(void **state)
{
    uint32_t task = make_task(g.front, count_run, (void *)0, true);

    forget_events();
    assert_int_equal(watch(HOME, "t", task), 0);
    assert_int_equal(unwatch(HOME, "t"), 0);
    assert_int_equal(count_events(WRG_EV_XS_WATCH), 2);
    assert_int_equal(nth_event(WRG_EV_XS_WATCH, 0)->ev.a, 1);
    assert_int_equal(nth_event(WRG_EV_XS_WATCH, 1)->ev.a, 0);
    assert_int_equal(nth_event(WRG_EV_XS_WATCH, 0)->len, strlen(HOME));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        S(name_in_open_directory__same_node_as_its_path),
        S(read_errors__as_the_port_states_them),
        S(value_without_room_for_its_nul__erange),
        S(directory_mkdir_rm__work_by_path_and_name),
        S(perms__set_and_got_back),
        S(transaction__unseen_until_its_end),
        S(transaction_aborted__nothing_happened),
        S(watch__first_event_at_once_then_for_each_change),
        S(first_watch_removed__task_of_the_second_is_still_woken),
        S(event_longer_than_the_callers_buffer__cut_and_gone),
        S(watches_used_up__e2big),
        S(next_event_with_none__eagain),
        S(watch_events__traced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
