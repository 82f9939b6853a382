/* SPDX-License-Identifier: MIT */
/*
 * Names of virtual devices, from their numbers.
 */
#include <string.h>

#include <wringer/scan.h>

#include "toolstack/toolstack.h"

/* a..z, aa..zz and so on, as the kernel names disks. */
static char *put_disk_letters(char *at, uint32_t disk)
{
    char letters[8];
    int len = 0;

    for (disk++; disk != 0; disk = (disk - 1) / 26)
        letters[len++] = (char)('a' + (disk - 1) % 26);
    while (len > 0)
        *at++ = letters[--len];
    *at = '\0';
    return at;
}

/* How a major number (and the bit of the extended encoding) spreads disks over vdevs. */
static const struct vdev_range {
    uint32_t from, to; /* vdevs, inclusive */
    const char *name;
    uint8_t part_bits;
    uint8_t first_disk;
} vdev_ranges[] = {
    { 202u << 8, 202u << 8 | 255, "xvd", 4, 0 }, { 1u << 28, (1u << 29) - 1, "xvd", 8, 0 },
    { 8u << 8, 8u << 8 | 255, "sd", 4, 0 },      { 3u << 8, 3u << 8 | 127, "hd", 6, 0 },
    { 22u << 8, 22u << 8 | 127, "hd", 6, 2 },
};

void wrg_vdev_name(uint32_t vdev, char *out)
{
    for (size_t i = 0; i < WRG_ARRAY_LEN(vdev_ranges); i++) {
        const struct vdev_range *range = &vdev_ranges[i];
        uint32_t off = vdev - range->from;
        uint32_t part = off & ((1u << range->part_bits) - 1);
        if (vdev < range->from || vdev > range->to)
            continue;
        char *at = put_disk_letters(stpcpy(out, range->name),
                                    range->first_disk + (off >> range->part_bits));
        if (part != 0)
            wrg_format_u64(part, at);
        return;
    }
    strcpy(out, "xvd?");
}
