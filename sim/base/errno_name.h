/* SPDX-License-Identifier: MIT */
/*
 * Names of error numbers, both ways.
 *
 * Layer: base. Bounds: the names xenstore sends on the wire (xs_wire.h) and those that a driver
 * of ours returns. Not strerror(): its text depends on libc and locale, and an output that is
 * compared between machines must not.
 */
#ifndef WRG_BASE_ERRNO_NAME_H
#define WRG_BASE_ERRNO_NAME_H

/* "ENOENT" for ENOENT or -ENOENT, "OK" for 0, "E?" for what is not in the table. Never NULL. */
const char *wrg_errno_name(int err);

/* The positive number of a name, 0 for "OK", -1 for an unknown name. */
int wrg_errno_from_name(const char *name);

#endif
