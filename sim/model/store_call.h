/* SPDX-License-Identifier: MIT */
/*
 * One question to a store and its answer: what a `store` op of a case says, spelled out.
 *
 * What it is   The seam at which the store and the model of it meet: both take a wrg_store_call
 *              and give a wrg_store_answer, and the answers must be the same.
 * Layer        model
 * Bounds       6 clients (WRG_STORE_CLIENTS), 10 domains, the last 15 transactions of a client;
 *              path and value of an op with their padding
 * Ownership    a call points into the wrg_store_text that it was made in, or wherever its maker
 *              says
 * Threads      none
 * Errors       none: every op is a legal question
 * Source       docs/misc/xenstore.txt of Xen
 * Left out     the bytes on the wire: what is a malformed message never gets here
 */
#ifndef WRG_MODEL_STORE_CALL_H
#define WRG_MODEL_STORE_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "vocab/events.h"
#include "vocab/ops.h"

#define WRG_STORE_CLIENTS 6
#define WRG_STORE_DOMAINS 10 /* domids 0..9 */
#define WRG_STORE_TXS     16 /* how far back a call may reach, and one */
#define WRG_STORE_PERMS   16 /* entries that a value can spell */

/* A path and a value, each with the longest padding there is. */
#define WRG_STORE_PATH_MAX  (32 + 4096)
#define WRG_STORE_VALUE_MAX (24 + 4096)
#define WRG_STORE_REPLY_MAX (WRG_STORE_PATH_MAX + WRG_STORE_VALUE_MAX + 2)

struct wrg_store_entry { /* of a list of permissions */
    uint16_t domid;
    char letter;
};

struct wrg_store_call {
    uint8_t client;
    uint8_t action; /* enum wrg_case_store */
    uint8_t tx;     /* the nth one back from the latest; 0: none */
    uint16_t dom;
    uint32_t n;
    const char *path;
    const char *value;
    size_t len; /* of value */
};

struct wrg_store_text { /* what a call points to */
    char path[WRG_STORE_PATH_MAX + 1];
    char value[WRG_STORE_VALUE_MAX + 1];
};

/*
 * result is 0 or -errno; the bytes are those of the reply on the wire, but that directory-part
 * leaves out the generation, which is the server's to choose. The id of a transaction is left
 * out too.
 */
struct wrg_store_answer {
    int result;
    bool any;   /* of a model: it does not know, whatever the store says is right */
    bool fails; /* of a model: some error it must be */
    size_t len;
    char data[WRG_STORE_REPLY_MAX];
};

/* What a domU may have; all kinds of quota, so that a few ops reach each. */
struct wrg_store_quota {
    uint32_t nodes, watches, transactions, value_bytes, node_bytes, perms, tx_nodes;
    int32_t slack;
    int watches_errno;
    bool keep_nodes_of_dead;
};

/* Of `quota n=`; beyond the last it is the first again. */
const struct wrg_store_quota *wrg_store_quota_at(uint32_t n);

/* The domain that a client belongs to. */
uint16_t wrg_store_domid(uint8_t client);

/*
 * What has happened before the first op of a case: domains 1 to 3 are introduced, and have homes
 * of their own that the others may read.
 */
extern const struct wrg_op_store wrg_store_preamble[];
extern const unsigned wrg_store_preamble_count;

/* The question of an op; it points into text. */
struct wrg_store_call wrg_store_call_of(const struct wrg_op_store *op, struct wrg_store_text *text);

/*
 * "n0r1" as entries; returns how many, or -1 if it is no list: a letter that is none of nrwb, a
 * digit missing, more than WRG_STORE_PERMS.
 */
int wrg_store_perms_parse(const char *text, struct wrg_store_entry out[WRG_STORE_PERMS]);
/* And back; returns the length. cap of 2 * count + 1 is enough. */
size_t wrg_store_perms_print(const struct wrg_store_entry *perms, size_t count, char *out);

bool wrg_store_answers_agree(const struct wrg_store_answer *store,
                             const struct wrg_store_answer *model);

/* ---- as events, for who listens ---- */

#define WRG_STORE_EVENT_BYTES (32 + 1 + 24 + 1)

/* Fills operands a to d of a store-call and its payload; returns the length of that. */
uint32_t wrg_store_call_pack(const struct wrg_op_store *op, uint32_t number, struct wrg_event *ev,
                             char payload[WRG_STORE_EVENT_BYTES]);
/* And back, of any event and payload. */
struct wrg_op_store wrg_store_call_unpack(const struct wrg_event *ev, const void *payload,
                                          uint32_t len);
/* Operands a to d of a store-reply; its payload is the beginning of the bytes. */
void wrg_store_reply_pack(const struct wrg_store_answer *answer, uint32_t number,
                          struct wrg_event *ev);

#endif
