/* SPDX-License-Identifier: MIT */
/*
 * Included before one file of a driver, in a test only: that file takes no lock.
 *
 * Layer: world, tests only (CMakeLists.txt of this folder says which file).
 */
#ifndef WRG_WORLD_RACE_DROP_LOCKS_H
#define WRG_WORLD_RACE_DROP_LOCKS_H

#include <wringer/workers.h>

#define wrg_port_lock(port, lock)   ((void)(port), (void)(lock))
#define wrg_port_unlock(port, lock) ((void)(port), (void)(lock))

#endif
