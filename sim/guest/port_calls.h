/* SPDX-License-Identifier: MIT */
/*
 * The handlers of port calls: every call of every endpoint goes through one of these tables.
 * Layer: guest.
 */
#ifndef WRG_GUEST_PORT_CALLS_H
#define WRG_GUEST_PORT_CALLS_H

#include <wringer/port.h>

typedef int wrg_port_call(struct wrg_port *port, void *args);

/* With a preemption point, a fault point, and the lock of the thread engine. */
extern wrg_port_call *const wrg_guest_calls[WRG_NR_CALLS];
/* For a run in which none of these three can matter. */
extern wrg_port_call *const wrg_guest_quiet_calls[WRG_NR_CALLS];

#endif
