/* SPDX-License-Identifier: MIT */
#include "case/generate_store.h"

#include <string.h>

#include "case/boundary.h"

/* How often an action is chosen, of the sum. */
static const uint8_t weights[WRG_COUNT_STORE] = {
    [WRG_CASE_STORE_READ] = 10,         [WRG_CASE_STORE_WRITE] = 24,
    [WRG_CASE_STORE_MKDIR] = 6,         [WRG_CASE_STORE_RM] = 10,
    [WRG_CASE_STORE_DIRECTORY] = 6,     [WRG_CASE_STORE_DIRECTORY_PART] = 2,
    [WRG_CASE_STORE_GET_PERMS] = 4,     [WRG_CASE_STORE_SET_PERMS] = 9,
    [WRG_CASE_STORE_WATCH] = 12,        [WRG_CASE_STORE_UNWATCH] = 5,
    [WRG_CASE_STORE_EVENT] = 8,         [WRG_CASE_STORE_START] = 6,
    [WRG_CASE_STORE_COMMIT] = 6,        [WRG_CASE_STORE_ABORT] = 1,
    [WRG_CASE_STORE_INTRODUCE] = 2,     [WRG_CASE_STORE_RELEASE] = 1,
    [WRG_CASE_STORE_SET_TARGET] = 1,    [WRG_CASE_STORE_IS_INTRODUCED] = 1,
    [WRG_CASE_STORE_DIE] = 1,           [WRG_CASE_STORE_CONNECT] = 3,
    [WRG_CASE_STORE_DISCONNECT] = 1,    [WRG_CASE_STORE_QUOTA] = 1,
    [WRG_CASE_STORE_RESET_WATCHES] = 1,
};

static bool one_in(struct wrg_rng *rng, uint32_t n)
{
    return wrg_rng_below(rng, n) == 0;
}

static uint8_t draw_action(struct wrg_rng *rng)
{
    uint32_t sum = 0, at;
    uint8_t action = 0;

    for (unsigned i = 0; i < WRG_COUNT_STORE; i++)
        sum += weights[i];
    at = wrg_rng_below(rng, sum);
    while (at >= weights[action])
        at -= weights[action++];
    return action;
}

static void draw_word(struct wrg_rng *rng, enum wrg_arg_class klass, char *to, size_t max)
{
    struct wrg_boundary_words b = wrg_boundary_words(klass);
    const char *word = b.words[wrg_rng_below(rng, (uint32_t)b.count)];

    memset(to, 0, max + 1);
    memcpy(to, word, strnlen(word, max));
}

/* Ends of names: a small quota, the longest relative and absolute paths, one payload. */
static uint16_t draw_pad(struct wrg_rng *rng)
{
    static const uint16_t edges[] = { 15,   16,   63,   64,   65,   127,  2030, 2046,
                                      2047, 2048, 3054, 3070, 3071, 3072, 4095, 4096 };

    if (!one_in(rng, 48))
        return 0;
    return (uint16_t)(edges[wrg_rng_below(rng, WRG_ARRAY_LEN(edges))] + wrg_rng_below(rng, 3) - 1);
}

/* Domain 0 is a third of the clients, so that quotas and rights count for most. */
static struct wrg_op draw(struct wrg_rng *rng)
{
    struct wrg_op op = wrg_op_make(WRG_OP_STORE);

    op.store.action = draw_action(rng);
    op.store.client = (uint8_t)wrg_rng_below(rng, 6);
    op.store.dom = (uint8_t)wrg_rng_below(rng, one_in(rng, 8) ? 10 : 4);
    op.store.n = wrg_rng_below(rng, 4);
    op.store.tx = (uint8_t)(one_in(rng, 3) ? 1 + one_in(rng, 6) : 0);
    draw_word(rng, WRG_CLASS_STORE_PATH, op.store.path, sizeof(op.store.path) - 1);
    draw_word(rng, WRG_CLASS_STORE_VALUE, op.store.value, sizeof(op.store.value) - 1);
    if (op.store.action == WRG_CASE_STORE_UNWATCH || op.store.action == WRG_CASE_STORE_WATCH)
        strcpy(op.store.value, one_in(rng, 4) ? "x" : "t"); /* few tokens, so that they meet */
    op.store.path_pad = draw_pad(rng);
    op.store.value_pad = draw_pad(rng);
    switch (op.store.action) {
    case WRG_CASE_STORE_START: op.store.tx = one_in(rng, 8); break;
    case WRG_CASE_STORE_COMMIT:
    case WRG_CASE_STORE_ABORT: op.store.tx = (uint8_t)(1 + one_in(rng, 4)); break;
    case WRG_CASE_STORE_INTRODUCE:
    case WRG_CASE_STORE_RELEASE:
    case WRG_CASE_STORE_SET_TARGET: op.store.client = one_in(rng, 4) ? op.store.client : 0; break;
    default: break;
    }
    return op;
}

unsigned wrg_generate_store(struct wrg_rng *rng, struct wrg_op out[WRG_GENERATE_MAX])
{
    uint8_t client;

    out[0] = draw(rng);
    if (out[0].store.action != WRG_CASE_STORE_START || out[0].store.tx)
        return 1;
    client = out[0].store.client;
    for (unsigned i = 1; i < WRG_GENERATE_MAX; i++) {
        out[i] = draw(rng);
        if (one_in(rng, 4)) /* somebody else, in between */
            continue;
        out[i].store.client = client;
        out[i].store.tx = 1;
    }
    if (one_in(rng, 2)) {
        out[WRG_GENERATE_MAX - 1] = wrg_op_make(WRG_OP_STORE);
        out[WRG_GENERATE_MAX - 1].store.action = WRG_CASE_STORE_COMMIT;
        out[WRG_GENERATE_MAX - 1].store.client = client;
        out[WRG_GENERATE_MAX - 1].store.tx = 1;
    }
    return WRG_GENERATE_MAX;
}
