/* SPDX-License-Identifier: MIT */
#include "case/generate.h"

#include <string.h>

#include "case/boundary.h"
#include "case/generate_store.h"

/* How often an op is chosen, of the sum of its column. */
static const struct {
    uint8_t kind;
    uint8_t weight[WRG_PROFILE_XENSTORE]; /* of profiles before that */
} weights[] = {
    { WRG_OP_REQ, { 46, 0 } },      { WRG_OP_IO, { 0, 40 } },    { WRG_OP_RSP, { 0, 20 } },
    { WRG_OP_TAMPER, { 12, 9 } },   { WRG_OP_POKE, { 8, 8 } },   { WRG_OP_FAULT, { 7, 6 } },
    { WRG_OP_PREEMPT, { 6, 6 } },   { WRG_OP_SCHED, { 2, 2 } },  { WRG_OP_FILL, { 3, 0 } },
    { WRG_OP_PUBLISH, { 5, 0 } },   { WRG_OP_XS, { 2, 2 } },     { WRG_OP_EVENT, { 3, 3 } },
    { WRG_OP_WAIT, { 3, 3 } },      { WRG_OP_CONFIG, { 1, 1 } }, { WRG_OP_RECONNECT, { 1, 1 } },
    { WRG_OP_DETACH, { 1, 1 } },    { WRG_OP_KILL, { 1, 1 } },   { WRG_OP_FAULT_RATE, { 1, 2 } },
    { WRG_OP_TOOLSTACK, { 1, 2 } }, { WRG_OP_RESIZE, { 1, 1 } },
};

static bool one_in(struct wrg_rng *rng, uint32_t n)
{
    return wrg_rng_below(rng, n) == 0;
}

static uint64_t pick(struct wrg_rng *rng, enum wrg_arg_class klass)
{
    struct wrg_boundary b = wrg_boundary(klass);

    return b.count ? b.values[wrg_rng_below(rng, (uint32_t)b.count)] : wrg_rng_u64(rng);
}

uint32_t wrg_generate_nseg(struct wrg_rng *rng)
{
    uint32_t percent = wrg_rng_below(rng, 100);

    if (percent < 76)
        return 1 + wrg_rng_below(rng, 12);
    if (percent < 98)
        return 13 + wrg_rng_below(rng, 52);
    return (uint32_t)pick(rng, WRG_CLASS_NSEG);
}

/* ---- operands ---- */

/* Each power of two is as likely as the next: small numbers matter most. */
static uint64_t small(struct wrg_rng *rng, unsigned bits)
{
    uint32_t top = wrg_rng_below(rng, bits + 1);

    return wrg_rng_below(rng, UINT32_C(1) << top);
}

static uint64_t draw_choice(struct wrg_rng *rng, const struct wrg_arg *arg)
{
    if (arg->type == WRG_ARG_ACTOR) {
        unsigned role = wrg_rng_below(rng, 2);

        return WRG_ACTOR(role, one_in(rng, 8) ? 1 : 0);
    }
    return arg->min + wrg_rng_below(rng, (uint32_t)(arg->max - arg->min + 1));
}

static uint64_t draw_nth(struct wrg_rng *rng, const struct wrg_arg *arg)
{
    uint32_t kind;

    if (arg->type != WRG_ARG_SECTION)
        return arg->min + small(rng, 6);
    kind = one_in(rng, 2) ? WRG_SECTION_REQUEST : wrg_rng_below(rng, WRG_COUNT_SECTION);
    return WRG_SECTION(kind, 1 + small(rng, 3));
}

/* Most worlds have one queue, most others two. */
static uint64_t draw_queue(struct wrg_rng *rng, const struct wrg_arg *arg)
{
    if (one_in(rng, 8))
        return draw_choice(rng, arg);
    return arg->min + (one_in(rng, 2) ? 1 : 0);
}

static uint64_t draw(struct wrg_rng *rng, const struct wrg_arg *arg)
{
    switch (arg->klass) {
    case WRG_CLASS_CHOICE: return draw_choice(rng, arg);
    case WRG_CLASS_NSEG: return wrg_generate_nseg(rng);
    case WRG_CLASS_SECT: return one_in(rng, 8) ? pick(rng, arg->klass) : wrg_rng_below(rng, 8);
    case WRG_CLASS_SECTOR: return small(rng, 10) * 8;
    case WRG_CLASS_DELTA: return one_in(rng, 4) ? pick(rng, arg->klass) : 0;
    case WRG_CLASS_GREF:
    case WRG_CLASS_ID:
    case WRG_CLASS_STATUS: return one_in(rng, 3) ? pick(rng, arg->klass) : arg->dflt;
    case WRG_CLASS_OPCODE: return wrg_rng_below(rng, WRG_COUNT_OPCODE);
    case WRG_CLASS_NTH: return draw_nth(rng, arg);
    case WRG_CLASS_COUNT: return 1 + small(rng, 4);
    case WRG_CLASS_OFFSET: return one_in(rng, 2) ? pick(rng, arg->klass) : small(rng, 7);
    case WRG_CLASS_VALUE: return one_in(rng, 4) ? wrg_rng_u64(rng) : pick(rng, arg->klass);
    case WRG_CLASS_QUEUE: return draw_queue(rng, arg);
    case WRG_CLASS_SEED: return wrg_rng_u64(rng) >> 32;
    case WRG_CLASS_FIXED: return arg->dflt;
    default: return wrg_rng_u64(rng);
    }
}

static void draw_text(struct wrg_rng *rng, const struct wrg_arg *arg, char *to)
{
    struct wrg_boundary_words b = wrg_boundary_words(arg->klass);
    const char *text = b.words[wrg_rng_below(rng, (uint32_t)b.count)];
    size_t max = arg->max;
    size_t len = strnlen(text, max);

    memset(to, 0, max + 1);
    memcpy(to, text, len);
}

void wrg_generate_arg(struct wrg_rng *rng, struct wrg_op *op, const struct wrg_arg *arg)
{
    if (arg->type == WRG_ARG_TEXT)
        draw_text(rng, arg, wrg_arg_text_mut(op, arg));
    else
        wrg_arg_set(op, arg, draw(rng, arg));
}

/* ---- ops ---- */

/* Every operand is redrawn with a chance of share / 12. */
static struct wrg_op draw_op(struct wrg_rng *rng, enum wrg_op_kind kind, uint32_t share)
{
    const struct wrg_op_info *info = wrg_op_info(kind);
    struct wrg_op op = wrg_op_make(kind);

    for (unsigned i = 0; i < info->nargs; i++)
        if (wrg_rng_below(rng, 12) < share)
            wrg_generate_arg(rng, &op, &info->args[i]);
    return op;
}

static struct wrg_op draw_req(struct wrg_rng *rng)
{
    struct wrg_op op = wrg_op_make(WRG_OP_REQ);
    uint32_t way = wrg_rng_below(rng, 16);

    op.req.nseg = (uint16_t)wrg_generate_nseg(rng);
    op.req.op = (uint8_t)wrg_rng_below(rng, 2);
    op.req.sector = small(rng, 10) * 8;
    if (op.req.nseg > 11 || way < 4) {
        op.req.inner = op.req.op;
        op.req.op = WRG_OPCODE_INDIRECT;
    } else if (way == 4) {
        op.req.op = WRG_OPCODE_FLUSH;
        op.req.nseg = 0;
    } else if (way == 5) {
        op.req.op = WRG_OPCODE_DISCARD;
        op.req.nr_sectors = 1 + small(rng, 8);
        op.req.flag = (uint8_t)one_in(rng, 2);
    } else if (way == 6) {
        op.req.op = WRG_OPCODE_BARRIER;
    }
    if (way == 15) { /* one operand of an otherwise valid request */
        const struct wrg_op_info *info = wrg_op_info(WRG_OP_REQ);

        wrg_generate_arg(rng, &op, &info->args[wrg_rng_below(rng, info->nargs)]);
    }
    return op;
}

/* With one of the statuses that the site may have; half of them with the first. */
static struct wrg_op draw_fault(struct wrg_rng *rng)
{
    struct wrg_op op = draw_op(rng, WRG_OP_FAULT, 8);
    const struct wrg_fault_info *info = wrg_fault_info((enum wrg_fault_site)op.fault.site);

    op.fault.status = WRG_AUTO_I32;
    if (one_in(rng, 2))
        op.fault.status = info->statuses[wrg_rng_below(rng, info->nstatuses)].status;
    return op;
}

/* Most faults are rare; but where all calls of one kind fail, what follows is seen at once. */
static void fail_all(struct wrg_rng *rng, struct wrg_op *op)
{
    static const uint8_t sites[] = { WRG_FAULT_ALLOC,       WRG_FAULT_GNTTAB_MAP,
                                     WRG_FAULT_XS_READ,     WRG_FAULT_DISK_READ,
                                     WRG_FAULT_DISK_WRITE,  WRG_FAULT_DISK_FLUSH,
                                     WRG_FAULT_DISK_DISCARD };
    uint8_t site = sites[wrg_rng_below(rng, WRG_ARRAY_LEN(sites))];

    op->fault_rate.site = (uint8_t)(WRG_CASE_SITES_ALL + 1 + site);
    op->fault_rate.per_1000 = 1000;
    op->fault_rate.since = WRG_CASE_SINCE_CONNECTED;
}

/* Seldom much: where every other call fails nothing is ever connected. */
static struct wrg_op draw_rate(struct wrg_rng *rng)
{
    struct wrg_op op = draw_op(rng, WRG_OP_FAULT_RATE, 6);

    op.fault_rate.per_1000 = (uint16_t)(1 + small(rng, one_in(rng, 8) ? 9 : 6));
    op.fault_rate.since = one_in(rng, 8) ? WRG_CASE_SINCE_START : WRG_CASE_SINCE_CONNECTED;
    if (one_in(rng, 4))
        fail_all(rng, &op);
    return op;
}

/* An index and a count that touch something of this request. */
static void aim(struct wrg_rng *rng, const struct wrg_op *req, uint16_t *index, uint16_t *count)
{
    uint32_t nseg = wrg_max_u32(wrg_min_u32(req->req.nseg, 4096), 1);

    *index = (uint16_t)wrg_rng_below(rng, nseg);
    *count = (uint16_t)(1 + wrg_rng_below(rng, one_in(rng, 4) ? nseg - *index : 1));
}

static struct wrg_op draw_edit(struct wrg_rng *rng, const struct wrg_op *req)
{
    struct wrg_op op;

    if (one_in(rng, 2)) {
        op = draw_op(rng, WRG_OP_SEG, 6);
        aim(rng, req, &op.seg.index, &op.seg.count);
    } else {
        op = draw_op(rng, WRG_OP_GRANT, 10);
        aim(rng, req, &op.grant.index, &op.grant.count);
        if (op.grant.of == WRG_CASE_GRANT_OF_INDIRECT)
            op.grant.index /= 512;
    }
    return op;
}

static unsigned draw_request(struct wrg_rng *rng, struct wrg_op *out)
{
    unsigned n = 0;

    out[n++] = draw_req(rng);
    if (one_in(rng, 4)) {
        out[n] = draw_edit(rng, &out[0]);
        n++;
    }
    if (!one_in(rng, 3)) /* else it is published with the next one */
        out[n++] = draw_op(rng, WRG_OP_PUBLISH, one_in(rng, 8) ? 6 : 0);
    return n;
}

static struct wrg_op draw_io(struct wrg_rng *rng)
{
    struct wrg_op op = wrg_op_make(WRG_OP_IO);

    op.io.op = (uint8_t)wrg_rng_below(rng, 2);
    if (one_in(rng, 4)) /* what has no data, or is seldom offered */
        op.io.op = (uint8_t)(WRG_CASE_IO_FLUSH +
                             (one_in(rng, 2) ? 0 : wrg_rng_below(rng, WRG_COUNT_IO - 2)));
    op.io.sector = small(rng, 12);
    op.io.count = wrg_min_u32(wrg_generate_nseg(rng), 4096) * 8;
    if (op.io.count > 0 && one_in(rng, 4))
        op.io.count -= 1 + wrg_rng_below(rng, 7);
    op.io.first = (uint8_t)(one_in(rng, 4) ? wrg_rng_below(rng, 8) : 0);
    op.io.times = (uint16_t)(one_in(rng, 4) ? 1 + small(rng, 4) : 1);
    op.io.pattern = (uint32_t)small(rng, 8);
    return op;
}

/* ---- the world ---- */

/* Something that both ends agree on, alone: where all is drawn at random little is agreed on. */
static void agree(struct wrg_rng *rng, struct wrg_op_config *config)
{
    switch (wrg_rng_below(rng, 11)) {
    case 0: config->ring_order = (uint8_t)(1 + wrg_rng_below(rng, 4)); break;
    case 1: config->abi = WRG_CASE_ABI_X86_32; break;
    case 2: config->barrier = WRG_CASE_BARRIER_YES; break;
    case 3: config->discard = WRG_CASE_DISCARD_SECURE; break;
    case 4: config->readonly = WRG_YES; break;
    case 5: config->persistent = config->front_persistent = WRG_YES; break;
    case 6: config->data = WRG_CASE_DATA_COPY; break;
    case 7: config->queues = (uint8_t)(2 + wrg_rng_below(rng, 3)); break;
    case 8: config->sector_size = 4096; break;
    case 9: config->trusted = WRG_NO; break;
    default: config->delay = (uint16_t)(1 + small(rng, 10)); break;
    }
}

static struct wrg_op draw_config(struct wrg_rng *rng)
{
    struct wrg_op op = wrg_op_make(WRG_OP_CONFIG);

    if (one_in(rng, 2))
        return draw_op(rng, WRG_OP_CONFIG, 1);
    do
        agree(rng, &op.config);
    while (one_in(rng, 2));
    return op;
}

/* Half of what is written is the state of an end, forged or its own. */
static struct wrg_op draw_xs(struct wrg_rng *rng)
{
    struct wrg_op op = draw_op(rng, WRG_OP_XS, 8);

    if (one_in(rng, 2)) {
        op = wrg_op_make(WRG_OP_XS);
        op.xs.by = (uint8_t)(one_in(rng, 2) ? WRG_CASE_BY_FRONT : WRG_CASE_BY_BACK);
        op.xs.node = WRG_NODE_STATE;
        op.xs.value[0] = (char)('1' + wrg_rng_below(rng, 6));
    }
    return op;
}

/* ---- what comes next ---- */

static enum wrg_op_kind draw_kind(struct wrg_rng *rng, enum wrg_profile profile)
{
    uint32_t sum = 0;
    uint32_t at;

    for (size_t i = 0; i < WRG_ARRAY_LEN(weights); i++)
        sum += weights[i].weight[profile];
    at = wrg_rng_below(rng, sum);
    for (size_t i = 0; i < WRG_ARRAY_LEN(weights); i++) {
        if (at < weights[i].weight[profile])
            return (enum wrg_op_kind)weights[i].kind;
        at -= weights[i].weight[profile];
    }
    WRG_ASSERT(!"a draw beyond the sum of the weights");
    return WRG_OP_WAIT;
}

unsigned wrg_generate_ops(struct wrg_rng *rng, enum wrg_profile profile,
                          struct wrg_op out[WRG_GENERATE_MAX])
{
    if (profile == WRG_PROFILE_XENSTORE)
        return wrg_generate_store(rng, out);
    enum wrg_op_kind kind = draw_kind(rng, profile);

    switch (kind) {
    case WRG_OP_REQ: return draw_request(rng, out);
    case WRG_OP_IO: out[0] = draw_io(rng); return 1;
    case WRG_OP_CONFIG: out[0] = draw_config(rng); return 1;
    case WRG_OP_XS: out[0] = draw_xs(rng); return 1;
    case WRG_OP_FAULT: out[0] = draw_fault(rng); return 1;
    case WRG_OP_FAULT_RATE: out[0] = draw_rate(rng); return 1;
    case WRG_OP_RSP: out[0] = draw_op(rng, kind, 3); return 1;
    default: out[0] = draw_op(rng, kind, 8); return 1;
    }
}
