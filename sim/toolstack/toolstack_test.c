/* SPDX-License-Identifier: MIT */
#include "toolstack/toolstack.h"

#include "store/xenstore_fixture.h"

static const struct wrg_vbd_id xvda = { .front_domid = 1, .back_domid = 0, .vdev = 51712 };

#define FRONT "/local/domain/1/device/vbd/51712"
#define BACK  "/local/domain/0/backend/vbd/1/51712"

struct node {
    const char *name;
    const char *value;
};

static const struct node front_nodes[] = {
    { "backend", BACK },           { "backend-id", "0" },     { "state", "1" },
    { "virtual-device", "51712" }, { "device-type", "disk" }, { "trusted", "1" },
};

static const struct node back_nodes[] = {
    { "frontend", FRONT },
    { "params", "/dev/wringer" },
    { "script", "/etc/xen/scripts/block" },
    { "frontend-id", "1" },
    { "online", "1" },
    { "removable", "0" },
    { "bootable", "1" },
    { "state", "1" },
    { "dev", "xvda" },
    { "type", "phy" },
    { "mode", "w" },
    { "device-type", "disk" },
    { "discard-enable", "1" },
    { "specification", "xen" },
};

/* Exactly these nodes, in this order, each with this owner and that one reader. */
static void assert_dir(struct fixture *f, const char *dir, const struct node *nodes, size_t count,
                       const uint16_t domids[2])
{
    struct wrg_xs_call in = f->dom0;
    char names[1000] = "";

    assert_int_equal(wrg_xenstore_open(f->xs, &f->dom0, dir, &in.dir), 0);
    for (size_t i = 0; i < count; i++) {
        struct wrg_xs_perm perms[8];
        size_t nperms = 8;
        strcat(strcat(names, i ? " " : ""), nodes[i].name);
        assert_value(f, in, nodes[i].name, nodes[i].value);
        assert_int_equal(wrg_xenstore_get_perms(f->xs, &in, nodes[i].name, perms, &nperms), 0);
        assert_int_equal(nperms, 2);
        assert_int_equal(perms[0].domid, domids[0]);
        assert_int_equal(perms[0].letter, 'n');
        assert_int_equal(perms[1].domid, domids[1]);
        assert_int_equal(perms[1].letter, 'r');
    }
    assert_string_equal(fixture_list(f, in, ""), names);
}

static void add_xvda(struct fixture *f)
{
    const struct wrg_vbd_spec spec = { .id = xvda };

    assert_int_equal(wrg_toolstack_add_domain(f->xs, f->dom0.conn, 0), 0);
    assert_int_equal(wrg_toolstack_add_domain(f->xs, f->dom0.conn, 1), 0);
    assert_int_equal(wrg_toolstack_add_vbd(f->xs, f->dom0.conn, &spec), 0);
}

static void add__nodes_as_libxl_writes_them(void **state)
{
    struct fixture *f = *state;

    add_xvda(f);
    assert_dir(f, FRONT, front_nodes, WRG_ARRAY_LEN(front_nodes), (const uint16_t[]){ 1, 0 });
    assert_dir(f, BACK, back_nodes, WRG_ARRAY_LEN(back_nodes), (const uint16_t[]){ 0, 1 });
    assert_true(wrg_xenstore_is_introduced(f->xs, 1));
}

static void ends__write_their_own_and_read_the_other(void **state)
{
    struct fixture *f = *state;

    add_xvda(f);
    assert_int_equal(fixture_write(f, f->dom1, "device/vbd/51712/ring-ref", "8"), 0);
    assert_int_equal(fixture_read(f, f->dom1, BACK "/state"), 0);
    assert_int_equal(fixture_write(f, f->dom1, BACK "/state", "6"), -EACCES);
    assert_int_equal(fixture_read(f, f->dom2, FRONT "/state"), -EACCES);
    assert_int_equal(fixture_read(f, f->dom2, BACK "/state"), -EACCES);
}

static void add_with_options__in_a_driver_domain(void **state)
{
    struct fixture *f = *state;
    const struct wrg_vbd_spec spec = { .id = { .front_domid = 1, .back_domid = 2, .vdev = 51745 },
                                       .readonly = true,
                                       .removable = true,
                                       .untrusted = true,
                                       .no_discard = true,
                                       .direct_io_safe = true,
                                       .params = "/dev/other",
                                       .protocol = "x86_32-abi" };

    assert_int_equal(wrg_toolstack_add_domain(f->xs, f->dom0.conn, 1), 0);
    assert_int_equal(wrg_toolstack_add_domain(f->xs, f->dom0.conn, 2), 0);
    assert_int_equal(wrg_toolstack_add_vbd(f->xs, f->dom0.conn, &spec), 0);
    assert_value(f, f->dom2, "backend/vbd/1/51745/mode", "r");
    assert_value(f, f->dom2, "backend/vbd/1/51745/removable", "1");
    assert_value(f, f->dom2, "backend/vbd/1/51745/discard-enable", "0");
    assert_value(f, f->dom2, "backend/vbd/1/51745/direct-io-safe", "1");
    assert_value(f, f->dom2, "backend/vbd/1/51745/params", "/dev/other");
    assert_value(f, f->dom2, "backend/vbd/1/51745/dev", "xvdc1");
    assert_value(f, f->dom1, "device/vbd/51745/trusted", "0");
    assert_value(f, f->dom1, "device/vbd/51745/protocol", "x86_32-abi");
    assert_value(f, f->dom2, "/local/domain/1/device/vbd/51745/backend-id", "2");
    assert_int_equal(fixture_write(f, f->dom2, "backend/vbd/1/51745/state", "2"), 0);
}

static void add_cdrom__removable_and_read_only(void **state)
{
    struct fixture *f = *state;
    const struct wrg_vbd_spec spec = {
        .id = { .front_domid = 1, .back_domid = 2, .vdev = WRG_VDEV_XVDA }, .cdrom = true
    };

    assert_int_equal(wrg_toolstack_add_domain(f->xs, f->dom0.conn, 1), 0);
    assert_int_equal(wrg_toolstack_add_domain(f->xs, f->dom0.conn, 2), 0);
    assert_int_equal(wrg_toolstack_add_vbd(f->xs, f->dom0.conn, &spec), 0);
    assert_value(f, f->dom2, "backend/vbd/1/51712/device-type", "cdrom");
    assert_value(f, f->dom2, "backend/vbd/1/51712/removable", "1");
    assert_value(f, f->dom2, "backend/vbd/1/51712/mode", "r");
    assert_value(f, f->dom1, "device/vbd/51712/device-type", "cdrom");
}

static void add_again__nothing_stale_is_left(void **state)
{
    struct fixture *f = *state;

    add_xvda(f);
    assert_int_equal(fixture_write(f, f->dom1, "device/vbd/51712/ring-page-order", "4"), 0);
    assert_int_equal(fixture_write(f, f->dom0, BACK "/feature-persistent", "1"), 0);
    add_xvda(f);
    assert_dir(f, FRONT, front_nodes, WRG_ARRAY_LEN(front_nodes), (const uint16_t[]){ 1, 0 });
    assert_dir(f, BACK, back_nodes, WRG_ARRAY_LEN(back_nodes), (const uint16_t[]){ 0, 1 });
}

static void hotplug__device_in_hex_and_status(void **state)
{
    struct fixture *f = *state;

    add_xvda(f);
    assert_int_equal(wrg_toolstack_hotplug_done(f->xs, f->dom0.conn, &xvda, 202, 4096), 0);
    assert_value(f, f->dom0, BACK "/physical-device", "ca:1000");
    assert_value(f, f->dom0, BACK "/hotplug-status", "connected");
    assert_int_equal(wrg_toolstack_hotplug_done(f->xs, f->dom0.conn, &xvda, 8, 0), 0);
    assert_value(f, f->dom0, BACK "/physical-device", "8:0");
    assert_int_equal(wrg_toolstack_hotplug_failed(f->xs, f->dom0.conn, &xvda, "no file"), 0);
    assert_value(f, f->dom0, BACK "/hotplug-error", "no file");
    assert_value(f, f->dom0, BACK "/hotplug-status", "error");
}

static void unplug__online_and_state_at_once(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(wrg_toolstack_unplug(f->xs, f->dom0.conn, &xvda), -ENOENT);
    assert_int_equal(wrg_toolstack_hotplug_done(f->xs, f->dom0.conn, &xvda, 1, 1), -ENOENT);
    assert_int_equal(fixture_read(f, f->dom0, "/local/domain/0/backend"), -ENOENT);
    add_xvda(f);
    assert_int_equal(fixture_watch(f, f->dom1, BACK, "t"), 0);
    assert_event(f, f->dom1, BACK " t");
    assert_int_equal(wrg_toolstack_unplug(f->xs, f->dom0.conn, &xvda), 0);
    assert_event(f, f->dom1, BACK "/online t");
    assert_event(f, f->dom1, BACK "/state t");
    assert_no_event(f, f->dom1);
    assert_value(f, f->dom0, BACK "/online", "0");
    assert_value(f, f->dom0, BACK "/state", "5");
}

static void remove__only_when_both_are_closed(void **state)
{
    struct fixture *f = *state;

    add_xvda(f);
    assert_int_equal(wrg_toolstack_remove(f->xs, f->dom0.conn, &xvda), -EBUSY);
    assert_int_equal(fixture_write(f, f->dom0, BACK "/state", "6"), 0);
    assert_int_equal(wrg_toolstack_remove(f->xs, f->dom0.conn, &xvda), -EBUSY);
    assert_int_equal(fixture_read(f, f->dom0, BACK "/state"), 0);
    assert_int_equal(fixture_write(f, f->dom1, "device/vbd/51712/state", "6"), 0);
    assert_int_equal(wrg_toolstack_remove(f->xs, f->dom0.conn, &xvda), 0);
    assert_int_equal(fixture_read(f, f->dom0, BACK), -ENOENT);
    assert_int_equal(fixture_read(f, f->dom0, FRONT), -ENOENT);
    assert_int_equal(wrg_toolstack_remove(f->xs, f->dom0.conn, &xvda), 0);
}

static void remove_after_death_of_the_front__backend_closed_is_enough(void **state)
{
    struct fixture *f = *state;

    add_xvda(f);
    wrg_xenstore_domain_died(f->xs, 1);
    assert_int_equal(wrg_toolstack_remove(f->xs, f->dom0.conn, &xvda), -EBUSY);
    assert_int_equal(fixture_write(f, f->dom0, BACK "/state", "6"), 0);
    assert_int_equal(wrg_toolstack_remove(f->xs, f->dom0.conn, &xvda), 0);
    assert_int_equal(fixture_read(f, f->dom0, BACK), -ENOENT);
}

static void vdev__encoding_and_name(void **state)
{
    static const struct {
        uint32_t disk, part, vdev;
        const char *name;
    } table[] = { { 0, 0, 51712, "xvda" },        { 1, 3, 51731, "xvdb3" },
                  { 15, 15, 51967, "xvdp15" },    { 16, 0, 268439552, "xvdq" },
                  { 26, 1, 268442113, "xvdaa1" }, { 0, 16, 268435472, "xvda16" } };
    char name[16];

    for (size_t i = 0; i < WRG_ARRAY_LEN(table); i++) {
        assert_int_equal(wrg_vdev_xvd(table[i].disk, table[i].part), table[i].vdev);
        wrg_vdev_name(table[i].vdev, name);
        assert_string_equal(name, table[i].name);
    }
    wrg_vdev_name(0x1fffffff, name);
    assert_string_equal(name, "xvdbgqcv255");
}

static void vdev_of_emulated_disks__encoding_and_name(void **state)
{
    const struct {
        uint32_t vdev, expected;
        const char *name;
    } table[] = {
        { wrg_vdev_sd(0, 0), 2048, "sda" }, { wrg_vdev_sd(15, 15), 2303, "sdp15" },
        { wrg_vdev_hd(0, 0), 768, "hda" },  { wrg_vdev_hd(1, 3), 835, "hdb3" },
        { wrg_vdev_hd(2, 0), 5632, "hdc" }, { wrg_vdev_hd(3, 63), 5759, "hdd63" },
    };
    char name[16];

    for (size_t i = 0; i < WRG_ARRAY_LEN(table); i++) {
        assert_int_equal(table[i].vdev, table[i].expected);
        wrg_vdev_name(table[i].vdev, name);
        assert_string_equal(name, table[i].name);
    }
    wrg_vdev_name(9 << 8, name);
    assert_string_equal(name, "xvd?");
    wrg_vdev_name(3 << 8 | 128, name);
    assert_string_equal(name, "xvd?");
}

static void online__alone(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(wrg_toolstack_set_online(f->xs, f->dom0.conn, &xvda, 0), -ENOENT);
    add_xvda(f);
    assert_int_equal(wrg_toolstack_set_online(f->xs, f->dom0.conn, &xvda, 0), 0);
    assert_value(f, f->dom0, BACK "/online", "0");
    assert_value(f, f->dom0, BACK "/state", "1");
}

static void remove_by_force__whatever_the_states_are(void **state)
{
    struct fixture *f = *state;

    add_xvda(f);
    assert_int_equal(fixture_write(f, f->dom0, BACK "/state", "4"), 0);
    assert_int_equal(wrg_toolstack_remove_by_force(f->xs, f->dom0.conn, &xvda), 0);
    assert_int_equal(fixture_read(f, f->dom0, BACK), -ENOENT);
    assert_int_equal(fixture_read(f, f->dom0, FRONT), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(add__nodes_as_libxl_writes_them),
        FIXTURE_TEST(ends__write_their_own_and_read_the_other),
        FIXTURE_TEST(add_with_options__in_a_driver_domain),
        FIXTURE_TEST(add_cdrom__removable_and_read_only),
        FIXTURE_TEST(add_again__nothing_stale_is_left),
        FIXTURE_TEST(hotplug__device_in_hex_and_status),
        FIXTURE_TEST(unplug__online_and_state_at_once),
        FIXTURE_TEST(remove__only_when_both_are_closed),
        FIXTURE_TEST(remove_after_death_of_the_front__backend_closed_is_enough),
        FIXTURE_TEST(vdev__encoding_and_name),
        FIXTURE_TEST(vdev_of_emulated_disks__encoding_and_name),
        FIXTURE_TEST(online__alone),
        FIXTURE_TEST(remove_by_force__whatever_the_states_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
