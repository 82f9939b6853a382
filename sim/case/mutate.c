/* SPDX-License-Identifier: MIT */
#include "case/mutate.h"

#include <string.h>

#include "case/boundary.h"

/* ---- segment budget ---- */

static uint64_t segments_of(const struct wrg_op *op)
{
    if (op->kind == WRG_OP_REQ)
        return op->req.op == WRG_OPCODE_INDIRECT ? op->req.nseg : op->req.nseg & 255u;
    if (op->kind == WRG_OP_IO && op->io.op != WRG_CASE_IO_FLUSH && op->io.op < WRG_CASE_IO_DISCARD)
        return wrg_div_up_u64((uint64_t)op->io.count + op->io.first, 8) * op->io.times;
    return 0;
}

uint64_t wrg_case_segments(const struct wrg_case *from)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < from->nops; i++)
        sum += segments_of(&from->ops[i]);
    return sum;
}

static void shrink_op(struct wrg_rng *rng, struct wrg_op *op)
{
    uint32_t nseg = 1 + wrg_rng_below(rng, 12);

    if (op->kind == WRG_OP_REQ) {
        op->req.nseg = (uint16_t)nseg;
    } else {
        op->io.count = nseg * 8;
        op->io.times = 1;
    }
}

/* Back to the budget, or to what the case had before; the biggest goes first. */
static void bound_segments(struct wrg_rng *rng, struct wrg_case *c, uint64_t before)
{
    uint64_t allowed = wrg_max_u64(before, WRG_SEGMENT_BUDGET);
    bool exception = wrg_rng_below(rng, 64) == 0;

    while (!exception && wrg_case_segments(c) > allowed) {
        struct wrg_op *biggest = &c->ops[0];

        for (unsigned i = 1; i < c->nops; i++)
            if (segments_of(&c->ops[i]) > segments_of(biggest))
                biggest = &c->ops[i];
        if (segments_of(biggest) <= 13) /* many small ones: shrinking would not end */
            break;
        shrink_op(rng, biggest);
    }
}

/* ---- lists of ops ---- */

static void insert_at(struct wrg_case *c, unsigned at, const struct wrg_op *op)
{
    if (c->nops == WRG_CASE_OPS_MAX)
        return;
    memmove(&c->ops[at + 1], &c->ops[at], (c->nops - at) * sizeof(c->ops[0]));
    c->ops[at] = *op;
    c->nops++;
}

static void remove_at(struct wrg_case *c, unsigned at)
{
    c->nops--;
    memmove(&c->ops[at], &c->ops[at + 1], (c->nops - at) * sizeof(c->ops[0]));
}

/* Of config and sched the first counts, so a new one stands first. */
static bool stands_first(const struct wrg_op *op)
{
    return op->kind == WRG_OP_CONFIG || op->kind == WRG_OP_SCHED;
}

static void replace_first(struct wrg_case *c, const struct wrg_op *op)
{
    for (unsigned i = 0; i < c->nops; i++)
        if (c->ops[i].kind == op->kind) {
            c->ops[i] = *op;
            return;
        }
    insert_at(c, 0, op);
}

/* ---- mutations ---- */

/* Ops that belong together are of one queue, of those that the case has. */
static void choose_queue(struct wrg_rng *rng, const struct wrg_case *c, struct wrg_op *ops,
                         unsigned n)
{
    const struct wrg_op *config = wrg_case_first(c, WRG_OP_CONFIG);
    uint8_t queues = config ? config->config.queues : 1;

    if (queues <= 1)
        return;
    uint64_t queue = wrg_rng_below(rng, queues);
    for (unsigned i = 0; i < n; i++) {
        const struct wrg_op_info *info = wrg_op_info((enum wrg_op_kind)ops[i].kind);
        for (unsigned k = 0; k < info->nargs && ops[i].kind != WRG_OP_CONFIG; k++)
            if (info->args[k].klass == WRG_CLASS_QUEUE)
                wrg_arg_set(&ops[i], &info->args[k], queue);
    }
}

static void mutate_insert(struct wrg_rng *rng, struct wrg_case *c, enum wrg_profile profile)
{
    struct wrg_op ops[WRG_GENERATE_MAX];
    unsigned n = wrg_generate_ops(rng, profile, ops);
    unsigned at = wrg_rng_below(rng, c->nops + 1u);

    choose_queue(rng, c, ops, n);
    if (wrg_rng_below(rng, 2) == 0)
        at = c->nops; /* a session grows at its end */
    for (unsigned i = 0; i < n; i++)
        if (stands_first(&ops[i]))
            replace_first(c, &ops[i]);
        else
            insert_at(c, at + i <= c->nops ? at + i : c->nops, &ops[i]);
}

static void mutate_delete(struct wrg_rng *rng, struct wrg_case *c, enum wrg_profile profile)
{
    unsigned at = wrg_rng_below(rng, c->nops);
    unsigned n = 1 + (wrg_rng_below(rng, 4) == 0 ? wrg_rng_below(rng, c->nops - at) : 0);

    for (unsigned i = 0; i < n; i++)
        remove_at(c, at);
}

static void mutate_duplicate(struct wrg_rng *rng, struct wrg_case *c, enum wrg_profile profile)
{
    struct wrg_op op = c->ops[wrg_rng_below(rng, c->nops)];

    if (!stands_first(&op))
        insert_at(c, wrg_rng_below(rng, c->nops + 1u), &op);
}

static void mutate_swap(struct wrg_rng *rng, struct wrg_case *c, enum wrg_profile profile)
{
    unsigned a = wrg_rng_below(rng, c->nops);
    unsigned b = wrg_rng_below(rng, c->nops);
    struct wrg_op op = c->ops[a];

    c->ops[a] = c->ops[b];
    c->ops[b] = op;
}

static uint64_t changed(struct wrg_rng *rng, const struct wrg_arg *arg, uint64_t v)
{
    struct wrg_boundary b = wrg_boundary(arg->klass);
    uint64_t special = v;
    const char *word;

    switch (wrg_rng_below(rng, 8)) {
    case 0: return v + 1 + wrg_rng_below(rng, 4);
    case 1: return v - 1 - wrg_rng_below(rng, 4);
    case 2: return v ^ UINT64_C(1) << wrg_rng_below(rng, 8u * arg->wire_bytes);
    case 3: return wrg_arg_special(arg, &special, &word) ? special : arg->dflt;
    case 4:
    case 5: return b.count ? b.values[wrg_rng_below(rng, (uint32_t)b.count)] : wrg_rng_u64(rng);
    default: return v; /* redraw */
    }
}

static void mutate_arg(struct wrg_rng *rng, struct wrg_op *op, const struct wrg_arg *arg)
{
    uint64_t before, after;

    if (arg->klass == WRG_CLASS_FIXED)
        return;
    if (arg->type == WRG_ARG_TEXT || arg->klass == WRG_CLASS_CHOICE) {
        wrg_generate_arg(rng, op, arg);
        return;
    }
    before = wrg_arg_get(op, arg);
    after = changed(rng, arg, before);
    if (after == before || (arg->klass == WRG_CLASS_NSEG && wrg_rng_below(rng, 4)))
        wrg_generate_arg(rng, op, arg); /* keeps the distribution of segment counts */
    else
        wrg_arg_set(op, arg, after);
}

static void mutate_change(struct wrg_rng *rng, struct wrg_case *c, enum wrg_profile profile)
{
    struct wrg_op *op = &c->ops[wrg_rng_below(rng, c->nops)];
    const struct wrg_op_info *info = wrg_op_info(op->kind);

    mutate_arg(rng, op, &info->args[wrg_rng_below(rng, info->nargs)]);
    wrg_op_settle(op);
}

static void mutate_once(struct wrg_rng *rng, struct wrg_case *c, enum wrg_profile profile)
{
    static void (*const ways[16])(struct wrg_rng *, struct wrg_case *, enum wrg_profile) = {
        mutate_insert,    mutate_insert, mutate_insert, mutate_insert,
        mutate_insert,    mutate_change, mutate_change, mutate_change,
        mutate_change,    mutate_change, mutate_change, mutate_duplicate,
        mutate_duplicate, mutate_swap,   mutate_delete, mutate_delete,
    };
    uint32_t way = wrg_rng_below(rng, WRG_ARRAY_LEN(ways));

    if (c->nops == 0)
        mutate_insert(rng, c, profile);
    else
        ways[way](rng, c, profile);
}

size_t wrg_mutate(uint8_t *data, size_t size, size_t max, uint64_t seed, enum wrg_profile profile)
{
    struct wrg_case c;
    struct wrg_rng rng;
    uint64_t before;

    wrg_rng_seed(&rng, seed);
    wrg_case_decode(data, size, &c);
    before = wrg_case_segments(&c);
    do
        mutate_once(&rng, &c, profile);
    while (wrg_rng_below(&rng, 2));
    bound_segments(&rng, &c, before);
    return wrg_case_encode(&c, data, max);
}

/* ---- crossover ---- */

/* Ops that say when and how things go wrong; keyed, so they hold wherever they stand. */
static bool is_circumstance(const struct wrg_op *op)
{
    return op->kind == WRG_OP_SCHED || op->kind == WRG_OP_PREEMPT || op->kind == WRG_OP_TAMPER ||
           op->kind == WRG_OP_FAULT || op->kind == WRG_OP_FAULT_RATE;
}

static unsigned count_data(const struct wrg_case *c)
{
    unsigned n = 0;

    for (unsigned i = 0; i < c->nops; i++)
        n += !is_circumstance(&c->ops[i]);
    return n;
}

/* Data ops number from .. to-1, of those that are data ops. */
static void append_data(struct wrg_case *to, const struct wrg_case *c, unsigned from,
                        unsigned until)
{
    unsigned n = 0;

    for (unsigned i = 0; i < c->nops; i++) {
        const struct wrg_op *op = &c->ops[i];

        if (is_circumstance(op))
            continue;
        if (n >= from && n < until && !(stands_first(op) && wrg_case_first(to, op->kind)))
            (void)wrg_case_append(to, op);
        n++;
    }
}

static void append_circumstances(struct wrg_case *to, const struct wrg_case *c)
{
    for (unsigned i = 0; i < c->nops; i++)
        if (is_circumstance(&c->ops[i]))
            (void)wrg_case_append(to, &c->ops[i]);
}

size_t wrg_crossover(struct wrg_bytes a, struct wrg_bytes b, uint8_t *out, size_t max,
                     uint64_t seed)
{
    struct wrg_case first, second, child;
    struct wrg_rng rng;
    unsigned cut_first, cut_second;

    wrg_rng_seed(&rng, seed);
    wrg_case_decode(a.data, a.size, &first);
    wrg_case_decode(b.data, b.size, &second);
    cut_first = wrg_rng_below(&rng, count_data(&first) + 1);
    cut_second = wrg_rng_below(&rng, count_data(&second) + 1);
    wrg_case_init(&child);
    append_circumstances(&child, wrg_rng_below(&rng, 2) ? &first : &second);
    append_data(&child, &first, 0, cut_first);
    append_data(&child, &second, cut_second, WRG_CASE_OPS_MAX);
    bound_segments(&rng, &child,
                   wrg_max_u64(wrg_case_segments(&first), wrg_case_segments(&second)));
    return wrg_case_encode(&child, out, max);
}
