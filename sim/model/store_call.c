/* SPDX-License-Identifier: MIT */
#include "model/store_call.h"

#include <errno.h>
#include <string.h>

#include "base/digest.h"

static const struct wrg_store_quota quotas[] = {
    /* Small enough for a few ops. */
    { 12, 4, 2, 64, 128, 3, 6, 0, E2BIG, false },
    /* As C xenstored 4.17 counts. */
    { 12, 4, 2, 64, 2048, 3, 6, 1, E2BIG, false },
    /* Hardly anything; a dead domain's nodes stay. */
    { 3, 1, 1, 16, 64, 2, 2, 0, ENOSPC, true },
    /* The defaults, which nothing here reaches. */
    { 1000, 128, 10, 2048, 2048, 5, 1024, 1, E2BIG, false },
};

const struct wrg_store_quota *wrg_store_quota_at(uint32_t n)
{
    return &quotas[n < WRG_ARRAY_LEN(quotas) ? n : 0];
}

#define INTRODUCE(domid)                                                                           \
    {                                                                                              \
        .action = WRG_CASE_STORE_INTRODUCE, .dom = (domid)                                         \
    }
#define HOME(number)                                                                               \
    { .action = WRG_CASE_STORE_MKDIR, .path = "/local/domain/" number },                           \
    {                                                                                              \
        .action = WRG_CASE_STORE_SET_PERMS, .path = "/local/domain/" number, .value = "r" number   \
    }

const struct wrg_op_store wrg_store_preamble[] = {
    INTRODUCE(1), INTRODUCE(2), INTRODUCE(3), HOME("1"), HOME("2"), HOME("3"),
};
const unsigned wrg_store_preamble_count = WRG_ARRAY_LEN(wrg_store_preamble);

uint16_t wrg_store_domid(uint8_t client)
{
    static const uint8_t domids[WRG_STORE_CLIENTS] = { 0, 1, 2, 3, 1, 0 };

    WRG_ASSERT(client < WRG_STORE_CLIENTS);
    return domids[client];
}

static size_t pad(char *to, const char *text, char with, uint16_t count)
{
    size_t len = strlen(text);

    memcpy(to, text, len);
    memset(to + len, with, count);
    to[len + count] = 0;
    return len + count;
}

struct wrg_store_call wrg_store_call_of(const struct wrg_op_store *op, struct wrg_store_text *text)
{
    (void)pad(text->path, op->path, 'p', op->path_pad);
    size_t len = pad(text->value, op->value, 'v', op->value_pad);

    return (struct wrg_store_call){ .client = op->client,
                                    .action = op->action,
                                    .tx = op->tx,
                                    .dom = op->dom,
                                    .n = op->n,
                                    .path = text->path,
                                    .value = text->value,
                                    .len = len };
}

int wrg_store_perms_parse(const char *text, struct wrg_store_entry out[WRG_STORE_PERMS])
{
    int count = 0;

    for (; *text; text += 2, count++) {
        if (count == WRG_STORE_PERMS || !strchr("nrwb", text[0]) || text[1] < '0' || text[1] > '9')
            return -1;
        out[count] = (struct wrg_store_entry){ (uint16_t)(text[1] - '0'), text[0] };
    }
    return count;
}

size_t wrg_store_perms_print(const struct wrg_store_entry *perms, size_t count, char *out)
{
    for (size_t i = 0; i < count; i++) {
        out[2 * i] = perms[i].letter;
        out[2 * i + 1] = (char)('0' + perms[i].domid % 10);
    }
    out[2 * count] = 0;
    return 2 * count;
}

bool wrg_store_answers_agree(const struct wrg_store_answer *store,
                             const struct wrg_store_answer *model)
{
    if (model->any)
        return true;
    if (model->fails)
        return store->result != 0;
    return store->result == model->result && store->len == model->len &&
           memcmp(store->data, model->data, model->len) == 0;
}

/* ---- events ---- */

static uint32_t put_text(char *to, const char *text)
{
    size_t len = strlen(text) + 1;

    memcpy(to, text, len);
    return (uint32_t)len;
}

uint32_t wrg_store_call_pack(const struct wrg_op_store *op, uint32_t number, struct wrg_event *ev,
                             char payload[WRG_STORE_EVENT_BYTES])
{
    uint32_t len = put_text(payload, op->path);

    ev->a =
        op->client | (uint32_t)op->action << 8 | (uint32_t)op->tx << 16 | (uint32_t)op->dom << 24;
    ev->b = op->path_pad | (uint32_t)op->value_pad << 16;
    ev->c = op->n;
    ev->d = number;
    return len + put_text(payload + len, op->value);
}

/* The next text of a payload, cut where the operand ends. */
static const char *take_text(const char *from, const char *end, char *to, size_t max)
{
    size_t len = strnlen(from, (size_t)(end - from));

    memcpy(to, from, len < max ? len : max);
    return from + len + (from + len < end);
}

struct wrg_op_store wrg_store_call_unpack(const struct wrg_event *ev, const void *payload,
                                          uint32_t len)
{
    struct wrg_op_store op = { .client = (uint8_t)((ev->a & 255) % WRG_STORE_CLIENTS),
                               .action = (uint8_t)((ev->a >> 8 & 255) % WRG_COUNT_STORE),
                               .tx = (uint8_t)((ev->a >> 16 & 255) % WRG_STORE_TXS),
                               .dom = (uint8_t)((ev->a >> 24) % WRG_STORE_DOMAINS),
                               .n = (uint32_t)ev->c,
                               .path_pad = (uint16_t)((ev->b & 0xffff) % 4097),
                               .value_pad = (uint16_t)((ev->b >> 16) % 4097) };
    const char *at = payload;

    if (len == 0)
        return op;
    const char *end = at + len;
    at = take_text(at, end, op.path, sizeof(op.path) - 1);
    (void)take_text(at, end, op.value, sizeof(op.value) - 1);
    return op;
}

void wrg_store_reply_pack(const struct wrg_store_answer *answer, uint32_t number,
                          struct wrg_event *ev)
{
    ev->a = (uint32_t)-answer->result;
    ev->b = (uint32_t)answer->len;
    ev->c = wrg_digest_bytes(0, answer->data, answer->len);
    ev->d = number;
}
