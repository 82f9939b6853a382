/* SPDX-License-Identifier: MIT */
/*
 * All that a driver needs, in one include; and the program that judges it.
 */
#ifndef WRINGER_WRINGER_H
#define WRINGER_WRINGER_H

#include <wringer/grant.h>
#include <wringer/page.h>
#include <wringer/port.h>
#include <wringer/ring.h>
#include <wringer/scan.h>
#include <wringer/units.h>
#include <wringer/wire.h>
#include <wringer/workers.h>
#include <wringer/xenbus.h>

/*
 * The whole program `wringer`, with this driver in its seat (NULL: the reference drivers in both).
 * Returns the exit code: 0 clean or as expected, 1 finding, 2 usage or unreadable input, 3 tool
 * fault.
 */
int wrg_main(int argc, char **argv, const struct wrg_endpoint *driver);

#endif
