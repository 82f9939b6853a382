/* SPDX-License-Identifier: MIT */
/*
 * The store of xen/ behind the seam of model/store_call.h: a store, and clients that ask it.
 *
 * What it is   Takes questions as the model does and carries them out on the real store. It knows
 *              which connection and which transactions a client has.
 * Layer        world
 * Bounds       those of store_call.h; the store has room for more than the model keeps, so that it
 *              never runs out where the model goes on
 * Ownership    the caller's, from create to destroy; all memory is allocated in create
 * Threads      none
 * Errors       those of the store, in answers
 */
#ifndef WRG_WORLD_STORE_DRIVER_H
#define WRG_WORLD_STORE_DRIVER_H

#include "model/store_call.h"

struct wrg_store_driver;

/* NULL: out of memory. */
struct wrg_store_driver *wrg_store_driver_create(void);
void wrg_store_driver_destroy(struct wrg_store_driver *d);

/* An empty store, quota 0, every client connected. */
void wrg_store_driver_begin(struct wrg_store_driver *d);
/* Carries out an op; the answer lies in the driver until the next one. */
void wrg_store_driver_ask(struct wrg_store_driver *d, const struct wrg_op_store *op);
struct wrg_store_answer *wrg_store_driver_answer(struct wrg_store_driver *d);
void wrg_store_driver_do(struct wrg_store_driver *d, const struct wrg_store_call *call,
                         struct wrg_store_answer *out);

#endif
