/* SPDX-License-Identifier: MIT */
/*
 * Do the store and the model of it answer alike? Random ops of several clients go to both, and
 * what they disagree about is cut down to a case that `wringer run` takes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/errno_name.h"
#include "base/rng.h"
#include "case/generate_store.h"
#include "case/text.h"
#include "model/store_model.h"
#include "world/store_driver.h"

enum { OPS_MAX = 1500, AGREED = -1 };

typedef void plant_fn(const struct wrg_store_call *call, struct wrg_store_answer *answer);

struct bench {
    struct wrg_store_driver *store;
    struct wrg_store_model *model;
    plant_fn *plant; /* makes the model wrong, or NULL */
    struct wrg_store_text text;
    struct wrg_store_answer of_store, of_model;
    uint64_t judged, unjudged;
    uint64_t succeeded[WRG_COUNT_STORE], failed[WRG_COUNT_STORE];
};

/* ---- running ---- */

static bool ask_both(struct bench *t, const struct wrg_op_store *op)
{
    struct wrg_store_call call = wrg_store_call_of(op, &t->text);

    wrg_store_driver_do(t->store, &call, &t->of_store);
    wrg_store_model_do(t->model, &call, &t->of_model);
    if (t->plant)
        t->plant(&call, &t->of_model);
    *(t->of_model.any ? &t->unjudged : &t->judged) += 1;
    (t->of_store.result ? t->failed : t->succeeded)[op->action]++;
    return wrg_store_answers_agree(&t->of_store, &t->of_model);
}

/* All events that are left are compared as if clients took them. */
static bool drain(struct bench *t)
{
    struct wrg_op op = wrg_op_make(WRG_OP_STORE);

    op.store.action = WRG_CASE_STORE_EVENT;
    for (op.store.client = 0; op.store.client < WRG_STORE_CLIENTS; op.store.client++)
        do {
            if (!ask_both(t, &op.store))
                return false;
        } while (t->of_store.result == 0);
    return true;
}

/* Where they disagree: an op, or `count` for an event that was left. */
static int run(struct bench *t, const struct wrg_op *ops, int count)
{
    wrg_store_driver_begin(t->store);
    wrg_store_model_begin(t->model);
    for (unsigned i = 0; i < wrg_store_preamble_count; i++)
        if (!ask_both(t, &wrg_store_preamble[i]))
            return 0;
    for (int i = 0; i < count; i++)
        if (!ask_both(t, &ops[i].store))
            return i;
    return drain(t) ? AGREED : count;
}

/* ---- shrinking ---- */

/* Takes out ever smaller pieces as long as they still disagree; returns how many ops are left. */
static int shrink(struct bench *t, struct wrg_op *ops, int count)
{
    static struct wrg_op fewer[OPS_MAX];

    for (int piece = count / 2; piece > 0;) {
        bool smaller = false;
        for (int at = 0; at + piece <= count; at += piece) {
            memcpy(fewer, ops, (size_t)at * sizeof(*ops));
            memcpy(fewer + at, ops + at + piece, (size_t)(count - at - piece) * sizeof(*ops));
            if (run(t, fewer, count - piece) == AGREED)
                continue;
            count -= piece;
            memcpy(ops, fewer, (size_t)count * sizeof(*ops));
            at -= piece;
            smaller = true;
        }
        if (!smaller || piece > count)
            piece /= 2;
    }
    return count;
}

static void print_answer(FILE *out, const char *who, const struct wrg_store_answer *answer)
{
    fprintf(out, "# %s: %s, %zu bytes:", who,
            answer->result ? wrg_errno_name(answer->result) : "ok", answer->len);
    for (size_t i = 0; i < answer->len && i < 100; i++)
        fprintf(out, answer->data[i] > ' ' ? " %c" : " %02x", (unsigned char)answer->data[i]);
    fputc('\n', out);
}

static void print(struct bench *t, const struct wrg_op *ops, int count, FILE *out)
{
    int at = run(t, ops, count);

    fputs("wringer 1\nconfig victim=xenstore\n", out);
    for (int i = 0; i < count; i++) {
        wrg_case_print_op(&ops[i], out);
        fputc('\n', out);
        if (i == at || (i == count - 1 && at == count)) {
            print_answer(out, "store", &t->of_store);
            print_answer(out, "model", &t->of_model);
        }
    }
}

/* ---- the tests ---- */

static int draw(struct wrg_rng *rng, struct wrg_op *ops, int count)
{
    int n = 0;

    while (n + (int)WRG_GENERATE_MAX <= count)
        n += (int)wrg_generate_store(rng, ops + n);
    return n;
}

static struct wrg_op ops[OPS_MAX];

/* True: shrunk and printed into `out`. */
static bool disagrees(struct bench *t, uint64_t seed, int count, FILE *out)
{
    struct wrg_rng rng;

    wrg_rng_seed(&rng, seed);
    count = draw(&rng, ops, count);
    int at = run(t, ops, count);
    if (at == AGREED)
        return false;
    count = shrink(t, ops, at < count ? at + 1 : count);
    fprintf(out, "# seed %llu\n", (unsigned long long)seed);
    print(t, ops, count, out);
    return true;
}

static void random_ops__store_and_model_agree(void **state)
{
    struct bench *t = *state;
    const char *more = getenv("WRG_AGREEMENT_RUNS");
    int runs = more ? atoi(more) : 4000, wrong = 0;

    for (int i = 0; i < runs && wrong < 5; i++)
        wrong += disagrees(t, (uint64_t)i, i % 20 == 0 ? OPS_MAX : 100, stderr);
    assert_int_equal(wrong, 0);
    if (runs < 1000)
        return;
    assert_true(t->judged > 100000);
    /* A model that gives up early would agree with anything. */
    if (t->unjudged > t->judged / 8)
        fail_msg("%llu answers judged, %llu not", (unsigned long long)t->judged,
                 (unsigned long long)t->unjudged);
    for (unsigned action = 0; action < WRG_COUNT_STORE; action++) {
        bool may_fail = action < WRG_CASE_STORE_IS_INTRODUCED;
        if (t->succeeded[action] < 50 || (may_fail && t->failed[action] < 20))
            fail_msg("%s: %llu succeeded, %llu failed", wrg_name(WRG_NAMES_STORE, action),
                     (unsigned long long)t->succeeded[action],
                     (unsigned long long)t->failed[action]);
    }
}

/* Wrong once a watch is there: nodes without a value read as "?". */
static void plant_read(const struct wrg_store_call *call, struct wrg_store_answer *answer)
{
    if (call->action == WRG_CASE_STORE_READ && answer->result == 0 && answer->len == 0 &&
        !answer->any) {
        answer->len = 1;
        answer->data[0] = '?';
    }
}

static void plant_event(const struct wrg_store_call *call, struct wrg_store_answer *answer)
{
    if (call->action == WRG_CASE_STORE_EVENT && answer->len > 3 && !answer->any)
        answer->data[1] ^= 1;
}

static void plant_error(const struct wrg_store_call *call, struct wrg_store_answer *answer)
{
    if (call->action == WRG_CASE_STORE_COMMIT && answer->result == -EAGAIN)
        answer->result = 0;
}

/* What is left is 1-minimal, names the action, and is short. */
static void wrong_model__is_found_and_shrunk(void **state)
{
    static const struct {
        plant_fn *fn;
        const char *action;
        int most;
    } plants[] = { { plant_read, "action=read", 3 },
                   { plant_event, "action=watch", 2 },
                   { plant_error, "action=commit", 5 } };
    struct bench *t = *state;

    for (size_t i = 0; i < WRG_ARRAY_LEN(plants); i++) {
        char *text = NULL;
        size_t len = 0;
        FILE *out = open_memstream(&text, &len);
        uint64_t seed = 1;

        assert_non_null(out);
        t->plant = plants[i].fn;
        while (!disagrees(t, seed, 200, out))
            assert_true(seed++ < 200);
        fclose(out);
        int lines = -3; /* seed, version, config */
        for (const char *at = text; *at; at++)
            lines += *at == '\n' && at[1] != '#';
        if (!strstr(text, plants[i].action) || !strstr(text, "# model") || lines > plants[i].most)
            fail_msg("not shrunk to %d ops with %s:\n%s", plants[i].most, plants[i].action, text);
        free(text);
    }
}

static int open_bench(void **state)
{
    struct bench *t = calloc(1, sizeof(*t));

    assert_non_null(t);
    t->store = wrg_store_driver_create();
    t->model = wrg_store_model_create();
    assert_non_null(t->store);
    assert_non_null(t->model);
    *state = t;
    return 0;
}

static int close_bench(void **state)
{
    struct bench *t = *state;

    wrg_store_driver_destroy(t->store);
    wrg_store_model_destroy(t->model);
    free(t);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_ops__store_and_model_agree, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(wrong_model__is_found_and_shrunk, open_bench, close_bench),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
