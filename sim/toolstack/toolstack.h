/* SPDX-License-Identifier: MIT */
/*
 * What libxl does to the store: device nodes, hotplug, unplug, removal.
 *
 * Layer: toolstack. The world calls it with a connection of domain 0; it keeps no state of its
 * own, all is in the store.
 *
 * Shapes. A virtual block device is named by (frontend domid, backend domid, vdev). Its two
 * directories are /local/domain/F/device/vbd/V and /local/domain/B/backend/vbd/F/V. All that one
 * call writes is one transaction: the drivers see all of it or nothing.
 * Units: vdev as xen-vbd-interface.7 encodes it; major and minor as numbers, in the store in hex.
 * Owners: the frontend directory is the frontend's, readable by the backend; the backend
 * directory the other way round; nobody else reads either.
 *
 * Errors: 0 or -errno of the store. -EAGAIN of a commit is retried here, a few times, as libxl
 * does; what then remains is returned. A failed call has changed nothing.
 * Threads: none of its own. Source: libxl of Xen 4.17 (libxl_disk.c, libxl_device.c), Linux's
 * hotplug script block.
 * Left out: /libxl/<domid>, domain building, removal of parents that become empty. What is done
 * when, and how long the toolstack waits for it, is in life.h.
 */
#ifndef WRG_TOOLSTACK_TOOLSTACK_H
#define WRG_TOOLSTACK_TOOLSTACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "store/xenstore.h"

#define WRG_VBD_PATH_MAX 64 /* bytes of either path, with NUL; the longest has 53 */

#define WRG_VDEV_XVDA    51712u

struct wrg_vbd_id {
    uint16_t front_domid;
    uint16_t back_domid;
    uint32_t vdev;
};

struct wrg_vbd_spec {
    struct wrg_vbd_id id;
    bool readonly;
    bool removable;
    bool cdrom;           /* device-type cdrom: removable and read-only, as libxl has it */
    bool untrusted;       /* trusted=0 in the frontend directory */
    bool no_discard;      /* discard-enable=0 */
    bool direct_io_safe;  /* direct-io-safe=1 in the backend directory */
    const char *params;   /* what the hotplug script opens; NULL: "/dev/wringer" */
    const char *protocol; /* written into the frontend directory as libxl may; NULL: not */
};

/* vdev of the disk-th "xvd" disk (0: xvda), partition 0 for all of it. */
static inline uint32_t wrg_vdev_xvd(uint32_t disk, uint32_t part)
{
    if (disk < 16 && part < 16)
        return 202u << 8 | disk << 4 | part;
    return 1u << 28 | disk << 8 | part; /* disk < 2^20, part < 256 */
}

/* The same of emulated disks: 16 of "sd", of 15 partitions; 4 of "hd", two a major, of 63. */
static inline uint32_t wrg_vdev_sd(uint32_t disk, uint32_t part)
{
    return 8u << 8 | (disk & 15) << 4 | (part & 15);
}
static inline uint32_t wrg_vdev_hd(uint32_t disk, uint32_t part)
{
    return (disk < 2 ? 3u : 22u) << 8 | (disk & 1) << 6 | (part & 63);
}

/* Its name, "xvda", "sdb3" or "hdc", to out[16]; of other encodings "xvd?". */
void wrg_vdev_name(uint32_t vdev, char *out);

void wrg_vbd_front_path(const struct wrg_vbd_id *id, char out[WRG_VBD_PATH_MAX]);
void wrg_vbd_back_path(const struct wrg_vbd_id *id, char out[WRG_VBD_PATH_MAX]);

/*
 * Makes both directories in state Initialising, replacing what an earlier device left. The domains'
 * home directories, which the domains own, are made by wrg_toolstack_add_domain first.
 */
WRG_MUST_USE int wrg_toolstack_add_vbd(struct wrg_xenstore *xs, uint16_t conn,
                                       const struct wrg_vbd_spec *spec);

/*
 * /local/domain/<domid>, owned by domain 0 and readable by the domain, with device/, error/ and
 * data/ its own; introduces it (not domain 0).
 */
WRG_MUST_USE int wrg_toolstack_add_domain(struct wrg_xenstore *xs, uint16_t conn, uint16_t domid);

/*
 * The script has opened the device: physical-device "maj:min" in hex, hotplug-status connected.
 * -ENOENT: there is no such device.
 */
WRG_MUST_USE int wrg_toolstack_hotplug_done(struct wrg_xenstore *xs, uint16_t conn,
                                            const struct wrg_vbd_id *id, uint32_t major,
                                            uint32_t minor);
/* It could not: hotplug-status error, hotplug-error `reason`. */
WRG_MUST_USE int wrg_toolstack_hotplug_failed(struct wrg_xenstore *xs, uint16_t conn,
                                              const struct wrg_vbd_id *id, const char *reason);

/* It is used by somebody else: hotplug-status busy. */
WRG_MUST_USE int wrg_toolstack_hotplug_busy(struct wrg_xenstore *xs, uint16_t conn,
                                            const struct wrg_vbd_id *id);
/* The node online alone, whatever else happens to the device. -ENOENT: there is no such device. */
WRG_MUST_USE int wrg_toolstack_set_online(struct wrg_xenstore *xs, uint16_t conn,
                                          const struct wrg_vbd_id *id, uint32_t online);

/* Asks for the device: online 0 and backend state Closing. -ENOENT: there is no such device. */
WRG_MUST_USE int wrg_toolstack_unplug(struct wrg_xenstore *xs, uint16_t conn,
                                      const struct wrg_vbd_id *id);

/* Removes both directories once both ends are Closed or gone; -EBUSY before that. */
WRG_MUST_USE int wrg_toolstack_remove(struct wrg_xenstore *xs, uint16_t conn,
                                      const struct wrg_vbd_id *id);
/* Removes them whatever state the ends are in. */
WRG_MUST_USE int wrg_toolstack_remove_by_force(struct wrg_xenstore *xs, uint16_t conn,
                                               const struct wrg_vbd_id *id);

/* What the two ends and the script have written, as the toolstack sees it. */
enum wrg_hotplug {
    WRG_HOTPLUG_NONE, /* no word yet */
    WRG_HOTPLUG_CONNECTED,
    WRG_HOTPLUG_FAILED, /* error, busy, or anything else */
};
struct wrg_vbd_view {
    int32_t front_state, back_state; /* Unknown where there is none */
    enum wrg_hotplug hotplug;
};
void wrg_toolstack_look(struct wrg_xenstore *xs, uint16_t conn, const struct wrg_vbd_id *id,
                        struct wrg_vbd_view *view);
/* Closed, or gone: both ends of it. */
bool wrg_vbd_is_closed(const struct wrg_vbd_view *view);

#endif
