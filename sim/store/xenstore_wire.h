/* SPDX-License-Identifier: MIT */
/*
 * The store's protocol as bytes: a request message in, the calls of xenstore.h it stands for, a
 * reply message out; and watch events as messages.
 *
 * Layer: store. Above it whoever moves the bytes: a socket, a shared ring. It keeps no state of its
 * own; what there is lies in the store.
 *
 * Shapes and bounds. A message is a header of 16 bytes (type, req_id, tx_id, length of the
 * payload; 32 bits each, in the byte order of the machine, which is little-endian) and at most 4096
 * bytes of payload. A longer one is not skipped: the connection that sent it is to be dropped.
 * A reply repeats type, req_id and tx_id; an error has type ERROR and, as payload, the errno's name
 * with its NUL. Success without data is "OK" with its NUL. Values carry no NUL, all else does.
 *
 * Arguments are NUL-terminated strings one after the other. As with C xenstored, a request that
 * takes one string must consist of just that; where more are taken, bytes behind the last NUL are
 * no string and are ignored. Domain ids and numbers are read by the rules of atoi.
 *
 * Order of checks: type (ENOSYS), privilege (EACCES), transaction (ENOENT), shape of the arguments
 * (EINVAL), then whatever the store says.
 *
 * Threads: as the store. Errors: what a client gets wrong is a reply, never a return value.
 * Source: xen/io/xs_wire.h, xenstore.txt; C xenstored 4.17.
 *
 * Left out: CONTROL but for its `help`; the shared page (grant reference and port of INTRODUCE are
 * checked for shape and go nowhere); features and quotas of later versions (types 23 to 26).
 */
#ifndef WRG_STORE_XENSTORE_WIRE_H
#define WRG_STORE_XENSTORE_WIRE_H

#include "store/xenstore.h"

#define WRG_XS_HEADER_BYTES 16
#define WRG_XS_MESSAGE_MAX  (WRG_XS_HEADER_BYTES + WRG_XS_PAYLOAD_MAX)

/* Room that a reply needs while it is made: the store adds a NUL to what it returns. */
#define WRG_XS_REPLY_ROOM (WRG_XS_MESSAGE_MAX + 1)
/* Room that an event needs while it is made: an over-long one is noticed when it is there. */
#define WRG_XS_EVENT_ROOM (WRG_XS_HEADER_BYTES + WRG_XS_EVENT_MAX)

/*
 * The size of the message that begins at data[have], header included; 0: the header is not there
 * yet. -EPROTO: its length is over the limit, the connection is to be dropped.
 */
WRG_MUST_USE int wrg_xs_wire_size(const void *data, size_t have);

/*
 * Carries out one whole message, of the size wrg_xs_wire_size told, for a connection; writes the
 * reply to out[WRG_XS_REPLY_ROOM] and returns its size.
 */
WRG_MUST_USE size_t wrg_xs_wire_handle(struct wrg_xenstore *xs, uint16_t conn, const void *message,
                                       void *out);

/*
 * Whether the reply goes out before events that the request caused on its own connection. True of
 * WATCH: its first event follows the reply. Whoever changes a node that he watches himself sees
 * the event first.
 */
bool wrg_xs_wire_reply_first(const void *message);

/*
 * Takes the oldest event of a connection, as a message, to out[WRG_XS_EVENT_ROOM]; returns its
 * size, 0 if there is none. Events that do not fit a payload are dropped, as xenstored does.
 */
WRG_MUST_USE size_t wrg_xs_wire_event(struct wrg_xenstore *xs, uint16_t conn, void *out);

#endif
