/* SPDX-License-Identifier: MIT */
/*
 * Included before one file of a driver, in a test only: what that file says to other tasks, and
 * hears of them, it writes and reads plainly.
 *
 * Layer: world, tests only (CMakeLists.txt of this folder says which file).
 */
#ifndef WRG_WORLD_RACE_DROP_ORDER_H
#define WRG_WORLD_RACE_DROP_ORDER_H

#include <wringer/xenbus.h>

#define __atomic_store_n(to, value, order) (*(to) = (value))
#define __atomic_load_n(from, order)       (*(from))

#endif
