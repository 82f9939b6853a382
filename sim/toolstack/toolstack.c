/* SPDX-License-Identifier: MIT */
#include "toolstack/toolstack.h"

#include <errno.h>
#include <string.h>

#include <wringer/scan.h>
#include <wringer/wire.h>

#define COMMIT_TRIES 16

/* ---- text, without printf: a connect is done for many a fuzz input ---- */

static char *put_text(char *at, const char *text)
{
    size_t len = strlen(text);

    memcpy(at, text, len + 1);
    return at + len;
}

static char *put_number(char *at, uint64_t value)
{
    return at + wrg_format_u64(value, at);
}

static char *put_hex(char *at, uint32_t value)
{
    int shift = 28;

    while (shift > 0 && value >> shift == 0)
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        *at++ = "0123456789abcdef"[value >> shift & 15];
    *at = '\0';
    return at;
}

void wrg_vbd_front_path(const struct wrg_vbd_id *id, char out[WRG_VBD_PATH_MAX])
{
    char *at = put_number(put_text(out, "/local/domain/"), id->front_domid);

    put_number(put_text(at, "/device/vbd/"), id->vdev);
}

void wrg_vbd_back_path(const struct wrg_vbd_id *id, char out[WRG_VBD_PATH_MAX])
{
    char *at = put_number(put_text(out, "/local/domain/"), id->back_domid);

    at = put_number(put_text(at, "/backend/vbd/"), id->front_domid);
    put_number(put_text(at, "/"), id->vdev);
}

/* ---- a batch of store operations in one transaction; the first error sticks ---- */

struct batch {
    struct wrg_xenstore *xs;
    struct wrg_xs_call call;
    int error;
};

static void begin(struct batch *batch, struct wrg_xenstore *xs, uint16_t conn)
{
    *batch = (struct batch){ .xs = xs, .call = { .conn = conn } };
    batch->error = wrg_xenstore_transaction_start(xs, &batch->call, &batch->call.tx);
}

static int end(struct batch *batch)
{
    int ret = 0;

    if (batch->call.tx != 0)
        ret = wrg_xenstore_transaction_end(batch->xs, &batch->call, batch->error == 0);
    return batch->error ? batch->error : ret;
}

static void join(char *out, const char *dir, const char *name)
{
    put_text(put_text(put_text(out, dir), "/"), name);
}

static void put(struct batch *batch, const char *dir, const char *name, const char *value)
{
    char path[2 * WRG_VBD_PATH_MAX];

    if (batch->error)
        return;
    join(path, dir, name);
    batch->error = wrg_xenstore_write(batch->xs, &batch->call, path, value, strlen(value));
}

static void put_u32(struct batch *batch, const char *dir, const char *name, uint32_t value)
{
    char text[WRG_FORMAT_U64_MAX + 1];

    wrg_format_u64(value, text);
    put(batch, dir, name, text);
}

/* A number within the batch; `absent` when there is none. */
static int32_t get_i32(struct batch *batch, const char *dir, const char *name, int32_t absent)
{
    char path[2 * WRG_VBD_PATH_MAX];
    char text[32];
    struct wrg_xs_reply reply = { .data = text, .cap = sizeof(text) - 1 };
    int32_t value = absent;

    if (batch->error)
        return absent;
    join(path, dir, name);
    /* Whatever a guest wrote there that is no number counts as absent, also an endless one. */
    if (wrg_xenstore_read(batch->xs, &batch->call, path, &reply) != 0)
        return absent;
    text[reply.len] = '\0';
    if (wrg_scan_i32(text, &value) != 0)
        return absent;
    return value;
}

static void remove_dir(struct batch *batch, const char *path)
{
    int ret;

    if (batch->error)
        return;
    ret = wrg_xenstore_rm(batch->xs, &batch->call, path);
    batch->error = ret == -ENOENT ? 0 : ret; /* not even a parent: gone is gone */
}

/* Owned by one domain, readable by the other, by nobody else. */
static void make_dir(struct batch *batch, const char *path, uint16_t owner, uint16_t reader)
{
    const struct wrg_xs_perm perms[] = { { .domid = owner, .letter = 'n' },
                                         { .domid = reader, .letter = 'r' } };

    if (batch->error == 0)
        batch->error = wrg_xenstore_mkdir(batch->xs, &batch->call, path);
    if (batch->error == 0)
        batch->error = wrg_xenstore_set_perms(batch->xs, &batch->call, path, perms,
                                              owner == reader ? 1 : WRG_ARRAY_LEN(perms));
}

/* ---- what libxl does ---- */

static void put_front(struct batch *batch, const struct wrg_vbd_spec *spec, const char *front,
                      const char *back)
{
    remove_dir(batch, front);
    make_dir(batch, front, spec->id.front_domid, spec->id.back_domid);
    put(batch, front, "backend", back);
    put_u32(batch, front, "backend-id", spec->id.back_domid);
    put_u32(batch, front, "state", WRG_XENBUS_INITIALISING);
    put_u32(batch, front, "virtual-device", spec->id.vdev);
    put(batch, front, "device-type", spec->cdrom ? "cdrom" : "disk");
    put(batch, front, "trusted", spec->untrusted ? "0" : "1");
    if (spec->protocol)
        put(batch, front, "protocol", spec->protocol);
}

static void put_back(struct batch *batch, const struct wrg_vbd_spec *spec, const char *front,
                     const char *back)
{
    char name[16];

    wrg_vdev_name(spec->id.vdev, name);
    remove_dir(batch, back);
    make_dir(batch, back, spec->id.back_domid, spec->id.front_domid);
    put(batch, back, "frontend", front);
    put(batch, back, "params", spec->params ? spec->params : "/dev/wringer");
    put(batch, back, "script", "/etc/xen/scripts/block");
    put_u32(batch, back, "frontend-id", spec->id.front_domid);
    put(batch, back, "online", "1");
    put(batch, back, "removable", spec->removable || spec->cdrom ? "1" : "0");
    put(batch, back, "bootable", "1");
    put_u32(batch, back, "state", WRG_XENBUS_INITIALISING);
    put(batch, back, "dev", name);
    put(batch, back, "type", "phy");
    put(batch, back, "mode", spec->readonly || spec->cdrom ? "r" : "w");
    put(batch, back, "device-type", spec->cdrom ? "cdrom" : "disk");
    put(batch, back, "discard-enable", spec->no_discard ? "0" : "1");
    if (spec->direct_io_safe)
        put(batch, back, "direct-io-safe", "1");
    put(batch, back, "specification", "xen");
}

int wrg_toolstack_add_vbd(struct wrg_xenstore *xs, uint16_t conn, const struct wrg_vbd_spec *spec)
{
    char front[WRG_VBD_PATH_MAX], back[WRG_VBD_PATH_MAX];
    struct batch batch;
    int ret = -EAGAIN;

    wrg_vbd_front_path(&spec->id, front);
    wrg_vbd_back_path(&spec->id, back);
    for (int i = 0; i < COMMIT_TRIES && ret == -EAGAIN; i++) {
        begin(&batch, xs, conn);
        put_front(&batch, spec, front, back);
        put_back(&batch, spec, front, back);
        ret = end(&batch);
    }
    return ret;
}

int wrg_toolstack_add_domain(struct wrg_xenstore *xs, uint16_t conn, uint16_t domid)
{
    static const char *const own_dirs[] = { "device", "error", "data" };
    char home[WRG_VBD_PATH_MAX], path[2 * WRG_VBD_PATH_MAX];
    struct wrg_xs_call call = { .conn = conn };
    struct batch batch;
    int ret = -EAGAIN;

    put_number(put_text(home, "/local/domain/"), domid);
    for (int i = 0; i < COMMIT_TRIES && ret == -EAGAIN; i++) {
        begin(&batch, xs, conn);
        make_dir(&batch, home, 0, domid);
        for (size_t d = 0; d < WRG_ARRAY_LEN(own_dirs); d++) {
            join(path, home, own_dirs[d]);
            make_dir(&batch, path, domid, domid);
        }
        ret = end(&batch);
    }
    return ret || domid == 0 ? ret : wrg_xenstore_introduce(xs, &call, domid);
}

/* Writing into a directory that is gone would create half a device. */
static void require_device(struct batch *batch, const char *back)
{
    uint32_t dir;

    if (batch->error == 0)
        batch->error = wrg_xenstore_open(batch->xs, &batch->call, back, &dir);
}

struct node {
    const char *name, *value;
};

/* Nodes of the backend's directory, all at once. */
static int write_back(struct wrg_xenstore *xs, uint16_t conn, const struct wrg_vbd_id *id,
                      const struct node *nodes, size_t count)
{
    char back[WRG_VBD_PATH_MAX];
    struct batch batch;
    int ret = -EAGAIN;

    wrg_vbd_back_path(id, back);
    for (int i = 0; i < COMMIT_TRIES && ret == -EAGAIN; i++) {
        begin(&batch, xs, conn);
        require_device(&batch, back);
        for (size_t k = 0; k < count; k++)
            put(&batch, back, nodes[k].name, nodes[k].value);
        ret = end(&batch);
    }
    return ret;
}

int wrg_toolstack_hotplug_done(struct wrg_xenstore *xs, uint16_t conn, const struct wrg_vbd_id *id,
                               uint32_t major, uint32_t minor)
{
    char device[20];
    const struct node nodes[] = { { "physical-device", device },
                                  { "physical-device-path", "/dev/wringer" },
                                  { "hotplug-status", "connected" } };

    put_hex(put_text(put_hex(device, major), ":"), minor);
    return write_back(xs, conn, id, nodes, WRG_ARRAY_LEN(nodes));
}

int wrg_toolstack_hotplug_failed(struct wrg_xenstore *xs, uint16_t conn,
                                 const struct wrg_vbd_id *id, const char *reason)
{
    const struct node nodes[] = { { "hotplug-error", reason }, { "hotplug-status", "error" } };

    return write_back(xs, conn, id, nodes, WRG_ARRAY_LEN(nodes));
}

int wrg_toolstack_hotplug_busy(struct wrg_xenstore *xs, uint16_t conn, const struct wrg_vbd_id *id)
{
    const struct node node = { "hotplug-status", "busy" };

    return write_back(xs, conn, id, &node, 1);
}

int wrg_toolstack_set_online(struct wrg_xenstore *xs, uint16_t conn, const struct wrg_vbd_id *id,
                             uint32_t online)
{
    char text[WRG_FORMAT_U64_MAX + 1];
    const struct node node = { "online", text };

    wrg_format_u64(online, text);
    return write_back(xs, conn, id, &node, 1);
}

int wrg_toolstack_unplug(struct wrg_xenstore *xs, uint16_t conn, const struct wrg_vbd_id *id)
{
    const struct node nodes[] = { { "online", "0" }, { "state", "5" } };

    WRG_STATIC_ASSERT(WRG_XENBUS_CLOSING == 5, "as written above");
    return write_back(xs, conn, id, nodes, WRG_ARRAY_LEN(nodes));
}

/* ---- removal ---- */

static bool is_closed(int32_t state)
{
    return state == WRG_XENBUS_CLOSED || state == WRG_XENBUS_UNKNOWN;
}

bool wrg_vbd_is_closed(const struct wrg_vbd_view *view)
{
    return is_closed(view->front_state) && is_closed(view->back_state);
}

static int remove_both(struct wrg_xenstore *xs, uint16_t conn, const struct wrg_vbd_id *id,
                       bool by_force)
{
    char front[WRG_VBD_PATH_MAX], back[WRG_VBD_PATH_MAX];
    struct batch batch;
    int ret = -EAGAIN;

    wrg_vbd_front_path(id, front);
    wrg_vbd_back_path(id, back);
    for (int i = 0; i < COMMIT_TRIES && ret == -EAGAIN; i++) {
        struct wrg_vbd_view view;
        begin(&batch, xs, conn);
        view.front_state = get_i32(&batch, front, "state", WRG_XENBUS_UNKNOWN);
        view.back_state = get_i32(&batch, back, "state", WRG_XENBUS_UNKNOWN);
        if (batch.error == 0 && !by_force && !wrg_vbd_is_closed(&view))
            batch.error = -EBUSY;
        remove_dir(&batch, front);
        remove_dir(&batch, back);
        ret = end(&batch);
    }
    return ret;
}

int wrg_toolstack_remove(struct wrg_xenstore *xs, uint16_t conn, const struct wrg_vbd_id *id)
{
    return remove_both(xs, conn, id, false);
}

int wrg_toolstack_remove_by_force(struct wrg_xenstore *xs, uint16_t conn,
                                  const struct wrg_vbd_id *id)
{
    return remove_both(xs, conn, id, true);
}

/* ---- looking ---- */

static enum wrg_hotplug get_hotplug(struct batch *batch, const char *back)
{
    char path[2 * WRG_VBD_PATH_MAX];
    char text[32] = "";
    struct wrg_xs_reply reply = { .data = text, .cap = sizeof(text) - 1 };
    int ret;

    join(path, back, "hotplug-status");
    ret = wrg_xenstore_read(batch->xs, &batch->call, path, &reply);
    if (ret == -ENOENT)
        return WRG_HOTPLUG_NONE;
    return ret == 0 && strcmp(text, "connected") == 0 ? WRG_HOTPLUG_CONNECTED : WRG_HOTPLUG_FAILED;
}

void wrg_toolstack_look(struct wrg_xenstore *xs, uint16_t conn, const struct wrg_vbd_id *id,
                        struct wrg_vbd_view *view)
{
    struct batch batch = { .xs = xs, .call = { .conn = conn } };
    char front[WRG_VBD_PATH_MAX], back[WRG_VBD_PATH_MAX];

    wrg_vbd_front_path(id, front);
    wrg_vbd_back_path(id, back);
    view->front_state = get_i32(&batch, front, "state", WRG_XENBUS_UNKNOWN);
    view->back_state = get_i32(&batch, back, "state", WRG_XENBUS_UNKNOWN);
    view->hotplug = get_hotplug(&batch, back);
}
