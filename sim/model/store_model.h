/* SPDX-License-Identifier: MIT */
/*
 * What xenstore should answer: the rules once more, as plainly as they can be written.
 *
 * What it is   A second store that shares no code with the one in xen/: one flat array of nodes in
 *              the order of their creation, searched from its start; a transaction is a copy of
 *              all of it and a list of what it has touched. Slow where the other is fast, so that
 *              they are not wrong in the same way.
 * Layer        model; base and vocab only, so that a checker can use it
 * Bounds       see the enum below. A run that needs more is not judged from there on: all answers
 *              are `any`, and wrg_store_model_is_full says so
 * Ownership    the caller's, from create to destroy; all memory is allocated in create
 * Threads      none
 * Errors       those of the store, in answers
 * Source       docs/misc/xenstore.txt of Xen; C xenstored 4.17; contract of store/xenstore.h
 * Left open    where the documents are silent the model follows the store: a special path has
 *              letters, digits and '/' behind its '@'; a transaction sees a node as it is when it
 *              touches it first; a call that is refused a write has not read; what a transaction
 *              has written itself it may read without having read it; what it sees when it has
 *              lost is anything, and only that its end fails is judged
 * Left out     directories held open; what is on the wire; running out of memory
 */
#ifndef WRG_MODEL_STORE_MODEL_H
#define WRG_MODEL_STORE_MODEL_H

#include "model/store_call.h"

enum {
    WRG_MODEL_NODES = 96,
    WRG_MODEL_OPEN_TXS = 16, /* of all clients together */
    WRG_MODEL_TOUCHES = 160,
    WRG_MODEL_WATCHES = 64,
    WRG_MODEL_EVENTS = 512,
    WRG_MODEL_PATH_MAX = 3072,
    WRG_MODEL_TOKEN_MAX = 4096,
};

struct wrg_store_model;

/* NULL: out of memory. */
struct wrg_store_model *wrg_store_model_create(void);
void wrg_store_model_destroy(struct wrg_store_model *m);

/* An empty store, quota 0, every client connected. */
void wrg_store_model_begin(struct wrg_store_model *m);
void wrg_store_model_do(struct wrg_store_model *m, const struct wrg_store_call *call,
                        struct wrg_store_answer *out);
/* A bound was reached. */
bool wrg_store_model_is_full(const struct wrg_store_model *m);

#endif
