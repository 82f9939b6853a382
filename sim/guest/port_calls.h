/* SPDX-License-Identifier: MIT */
/*
 * The dispatcher of port calls. Layer: guest.
 */
#ifndef WRG_GUEST_PORT_CALLS_H
#define WRG_GUEST_PORT_CALLS_H

#include <wringer/port.h>

/* Every port call of every endpoint comes through here. */
int wrg_guest_call(struct wrg_port *port, enum wrg_call call, void *args);

#endif
