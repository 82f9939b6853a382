/* SPDX-License-Identifier: MIT */
/*
 * With nobody listening, grants go through loops of their own, and single pages have a way of
 * their own always: after the same calls, they leave the same state as the general code, and tell
 * the same of it. Who says that others may do the same at this moment makes that do all the work.
 */
#include "base/rng.h"
#include "xen/test_xen.h"

enum { PAGES = 128, LIVE_MAX = 512, BATCH_MAX = 120, STEPS = 3000 };

/* What a run knows, and what came of its calls. */
struct play {
    struct wrg_rng rng;
    bool tidy; /* as a driver does: neighbours, one call after the other, hardly ever a mistake */
    uint32_t pages[PAGES];
    uint32_t ngrefs, grefs[LIVE_MAX];
    uint32_t nmaps, maps[LIVE_MAX];
    uint64_t outcome;
};

static uint32_t below(struct play *p, uint32_t bound)
{
    return wrg_rng_below(&p->rng, bound);
}

static bool rarely(struct play *p, uint32_t n)
{
    return below(p, p->tidy ? 20 * n : n) == 0;
}

/* One page has ways of its own. */
static uint32_t batch(struct play *p)
{
    if (p->tidy)
        return 1 + below(p, BATCH_MAX);
    return below(p, 2) ? 1 : below(p, BATCH_MAX);
}

static uint32_t some(struct play *p, uint32_t n)
{
    if (p->tidy && !rarely(p, 2))
        return n;
    return n && below(p, 2) ? 1 : below(p, n + 1);
}

/* Where entry i of a batch takes its number from, of n: from anywhere, or behind the last one. */
static uint32_t place(struct play *p, bool in_order, uint32_t last, uint32_t n)
{
    return in_order && !rarely(p, 40) ? (last + 1) % n : below(p, n);
}

static void note(struct play *p, uint64_t value)
{
    p->outcome = (p->outcome ^ value) * UINT64_C(0x9e3779b97f4a7c15);
}

static void play_grant(struct play *p)
{
    uint32_t pages[BATCH_MAX], grefs[BATCH_MAX];
    struct wrg_gnttab_grant args = { .domid = WRG_DOM_BACK,
                                     .readonly = rarely(p, 3),
                                     .count = batch(p),
                                     .pages = pages,
                                     .grefs = grefs };

    bool in_order = p->tidy || below(p, 2);
    uint32_t at = below(p, PAGES);

    if (p->ngrefs + args.count > LIVE_MAX)
        return;
    for (uint32_t i = 0; i < args.count; i++) {
        at = place(p, in_order, at, PAGES);
        pages[i] = p->pages[at];
    }
    if (args.count && rarely(p, 8))
        pages[below(p, args.count)] = 12345; /* no page of the front */
    int result = wrg_gnttab_grant(&t.xen, t.front, &args);
    note(p, (uint64_t)result);
    for (uint32_t i = 0; i < args.count && result == 0; i++)
        p->grefs[p->ngrefs++] = grefs[i];
}

static void play_map(struct play *p)
{
    struct wrg_gnttab_map_op ops[BATCH_MAX];
    struct wrg_gnttab_map args = { .domid = rarely(p, 30) ? WRG_DOM_STRANGER : WRG_DOM_FRONT,
                                   .readonly = p->tidy || below(p, 2),
                                   .count = batch(p),
                                   .ops = ops };

    bool in_order = p->tidy || below(p, 2);
    uint32_t at = 0;

    if (p->nmaps + args.count > LIVE_MAX || !p->ngrefs)
        return;
    if (p->tidy) /* the latest */
        at = args.count < p->ngrefs ? p->ngrefs - args.count - 1 : p->ngrefs - 1;
    for (uint32_t i = 0; i < args.count; i++) {
        at = place(p, in_order, at, p->ngrefs);
        ops[i].gref = rarely(p, 40) ? below(p, 1u << 16) : p->grefs[at];
    }
    assert_int_equal(wrg_gnttab_map(&t.xen, t.back, &args), 0);
    for (uint32_t i = 0; i < args.count; i++) {
        note(p, (uint64_t)(uint16_t)ops[i].status << 32 | ops[i].page);
        if (ops[i].status == GNTST_okay)
            p->maps[p->nmaps++] = ops[i].page;
    }
}

static void play_unmap(struct play *p)
{
    struct wrg_gnttab_unmap args = { .count = some(p, p->nmaps) };

    args.pages = p->maps + (p->nmaps - args.count);
    if (args.count && rarely(p, 6))
        p->maps[p->nmaps - 1 - below(p, args.count)] = p->maps[p->nmaps - 1]; /* one twice */
    wrg_gnttab_unmap(&t.xen, t.back, &args);
    p->nmaps -= args.count;
}

static void play_end(struct play *p)
{
    struct wrg_gnttab_end args = { .count = some(p, p->ngrefs), .grefs = p->grefs };
    uint32_t left = 0;

    wrg_gnttab_end(&t.xen, t.front, &args);
    note(p, args.still_in_use);
    for (uint32_t i = 0; i < p->ngrefs; i++)
        if (p->grefs[i] != WRG_NO_GREF)
            p->grefs[left++] = p->grefs[i];
    p->ngrefs = left;
}

static void play_poke(struct play *p)
{
    struct wrg_grant_entry entry;

    if (!p->ngrefs)
        return;
    uint32_t gref = p->grefs[below(p, p->ngrefs)];
    assert_true(wrg_gnttab_peek(&t.xen, t.front, gref, &entry));
    switch (below(p, 4)) {
    case 0: entry.flags ^= (uint16_t)(1u << below(p, 9)); break;
    case 1: entry.domid = (uint16_t)below(p, WRG_DOMAINS); break;
    case 2: entry.frame = below(p, 10000); break;
    default: entry.frame = t.front->first_frame + below(p, 4096); break;
    }
    wrg_gnttab_poke(&t.xen, t.front, gref, &entry);
}

enum manner { QUIET, HEARD, GENERAL };

static void play(struct play *p, uint64_t seed, bool tidy, enum manner manner)
{
    static void (*const moves[])(struct play *) = {
        play_grant, play_map, play_unmap, play_end, play_map, play_poke,
    };

    memset(p, 0, sizeof(*p));
    wrg_rng_seed(&p->rng, seed);
    p->tidy = tidy;
    t.trace.on = manner != QUIET;
    t.xen.parallel = manner == GENERAL;
    wrg_trace_tap(&t.trace, NULL, NULL);
    for (uint32_t i = 0; i < PAGES; i++)
        p->pages[i] = page_of(t.front, 1);
    for (uint32_t i = 0; i < STEPS; i++)
        moves[tidy && !rarely(p, 1) ? i % 4 : below(p, WRG_ARRAY_LEN(moves))](p);
}

/* All that maps and grants may change, field by field: padding does not count. */
static uint64_t digest_views(const struct wrg_domain *dom)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < dom->nviews; i++) {
        const struct wrg_view *view = &dom->views[i];
        sum = (sum ^ view->handle ^ (view->base ? (uint64_t)view->frame << 32 : 0)) * 3;
        sum += view->base ? view->flags : 0;
    }
    return sum;
}

static uint64_t digest_bytes(const void *at, size_t len)
{
    const uint8_t *bytes = at;
    uint64_t sum = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < len; i++)
        sum = (sum ^ bytes[i]) * UINT64_C(1099511628211);
    return sum;
}

struct state {
    uint64_t table, views[2], refs, mappings, frames, dirty, pins;
    uint32_t given, pinned, taken[2];
};

static uint64_t digest_pins(const struct wrg_gnttab *gnttab)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < wrg_gnttab_size(gnttab); i++) {
        const struct wrg_grant_pin *pin = &gnttab->pins[i];
        uint32_t counts;
        memcpy(&counts, pin->count, sizeof(counts));
        sum = (sum ^ counts) * 3;
        if (counts)
            sum = (sum ^ pin->frame ^ (uint64_t)pin->grantee << 32) * 3;
    }
    return sum;
}

static struct state state_now(void)
{
    const struct wrg_memory *mem = &t.xen.memory;
    struct state s = { .given = t.front->gnttab.given,
                       .pinned = t.front->gnttab.pinned,
                       .taken = { t.front->gnttab.refs.taken, t.back->mappings.taken } };

    s.table =
        digest_bytes(wrg_memory_at(mem, t.front->gnttab.first_frame),
                     (size_t)wrg_gnttab_size(&t.front->gnttab) * sizeof(struct wrg_grant_entry));
    s.views[0] = digest_views(t.front);
    s.views[1] = digest_views(t.back);
    s.refs = digest_bytes(t.front->gnttab.refs.words, 512);
    s.mappings = digest_bytes(t.back->mappings.words, 512);
    s.frames = 0;
    for (uint32_t i = 0; i < mem->nframes; i++)
        s.frames = (s.frames ^ mem->frames[i].granted ^ (uint32_t)mem->frames[i].mapped << 16) * 3;
    s.dirty = digest_bytes(mem->dirty, mem->nframes);
    s.pins = digest_pins(&t.front->gnttab);
    return s;
}

/* What a run in this manner leaves behind. */
static struct state leave(void **state, struct play *p, uint64_t seed, bool tidy,
                          enum manner manner, uint64_t *told)
{
    play(p, seed, tidy, manner);
    struct state left = state_now();
    *told = wrg_trace_hash(&t.trace);
    teardown_xen(state);
    setup_xen(state);
    return left;
}

static void assert_same(const struct play *a, const struct play *b)
{
    assert_true(a->outcome == b->outcome);
    assert_int_equal(a->ngrefs, b->ngrefs);
    assert_int_equal(a->nmaps, b->nmaps);
}

static void assert_manners_agree(void **state, bool tidy)
{
    static struct play plays[3];
    uint64_t told[3];

    for (uint64_t seed = 0; seed < 8; seed++) {
        const struct state quiet = leave(state, &plays[QUIET], seed, tidy, QUIET, &told[QUIET]);
        const struct state heard = leave(state, &plays[HEARD], seed, tidy, HEARD, &told[HEARD]);
        const struct state general =
            leave(state, &plays[GENERAL], seed, tidy, GENERAL, &told[GENERAL]);
        assert_same(&plays[QUIET], &plays[GENERAL]);
        assert_same(&plays[HEARD], &plays[GENERAL]);
        assert_memory_equal(&quiet, &general, sizeof(quiet));
        assert_memory_equal(&heard, &general, sizeof(heard));
        assert_true(told[HEARD] == told[GENERAL] && told[HEARD] != told[QUIET]);
    }
}

static void random_calls__same_state_and_events_as_of_the_general_code(void **state)
{
    assert_manners_agree(state, false);
}

static void calls_of_neighbours__same_state_and_events_as_of_the_general_code(void **state)
{
    assert_manners_agree(state, true);
}

/* ---- what random calls hardly ever come to ---- */

enum { RUN = 32 };

/* Grants RUN neighbours, from this page on, with nobody listening. */
static void grant_all(uint32_t first, uint32_t grefs[RUN])
{
    uint32_t pages[RUN];
    struct wrg_gnttab_grant args = {
        .domid = WRG_DOM_BACK, .count = RUN, .pages = pages, .grefs = grefs
    };

    t.trace.on = false;
    for (uint32_t i = 0; i < RUN; i++)
        pages[i] = first + i;
    assert_int_equal(wrg_gnttab_grant(&t.xen, t.front, &args), 0);
}

static void map_all(const uint32_t grefs[RUN], uint32_t pages[RUN])
{
    struct wrg_gnttab_map_op ops[RUN];
    struct wrg_gnttab_map args = { .domid = WRG_DOM_FRONT, .count = RUN, .ops = ops };

    for (uint32_t i = 0; i < RUN; i++)
        ops[i] = (struct wrg_gnttab_map_op){ .gref = grefs[i] };
    assert_int_equal(wrg_gnttab_map(&t.xen, t.back, &args), 0);
    for (uint32_t i = 0; i < RUN; i++) {
        assert_int_equal(ops[i].status, GNTST_okay);
        pages[i] = ops[i].page;
    }
}

static void unmap_all(const uint32_t pages[RUN])
{
    struct wrg_gnttab_unmap args = { .count = RUN, .pages = pages };

    wrg_gnttab_unmap(&t.xen, t.back, &args);
}

static void refs_on_both_sides_of_a_border__both_frames_marked(void **state)
{
    const struct wrg_memory *mem = &t.xen.memory;
    uint32_t page = page_of(t.front, RUN), grefs[RUN], last = 0;

    while (last + 1 < WRG_GNTTAB_PER_FRAME - 24) /* so many fit into the first frame */
        last = grant_page(t.front, WRG_DOM_BACK, page, false);
    grant_all(page, grefs); /* the table grows */
    struct wrg_gnttab_end end = { .count = RUN, .grefs = grefs };
    wrg_gnttab_end(&t.xen, t.front, &end);
    assert_true(wrg_memory_save(&t.xen.memory));
    grant_all(page, grefs);
    assert_int_equal(grefs[0], WRG_GNTTAB_PER_FRAME - 24);
    assert_int_equal(mem->dirty[t.front->gnttab.first_frame], WRG_FRAME_DIRTY);
    assert_int_equal(mem->dirty[t.front->gnttab.first_frame + 1], WRG_FRAME_DIRTY);
}

static void entries_of_refs_nobody_took__not_ended(void **state)
{
    uint32_t page = page_of(t.front, RUN), grefs[RUN], others[RUN];
    struct wrg_gnttab_end end = { .count = RUN, .grefs = others };

    grant_all(page, grefs);
    for (uint32_t i = 0; i < RUN; i++) {
        struct wrg_grant_entry entry;
        others[i] = 200 + i;
        assert_true(wrg_gnttab_peek(&t.xen, t.front, grefs[i], &entry));
        wrg_gnttab_poke(&t.xen, t.front, others[i], &entry);
    }
    wrg_gnttab_end(&t.xen, t.front, &end);
    assert_int_equal(t.front->gnttab.given, RUN);
    for (uint32_t i = 0; i < RUN; i++)
        assert_int_equal(others[i], 200 + i);
}

static void handles_of_the_next_mappings__not_unmapped(void **state)
{
    uint32_t grefs[RUN], pages[RUN];

    grant_all(page_of(t.front, RUN), grefs);
    for (uint32_t round = 0; round < 3; round++) { /* from the second on, slots have handles */
        map_all(grefs, pages);
        unmap_all(pages);
        assert_int_equal(t.back->mappings.taken, 0);
        for (uint32_t i = 0; i < RUN; i++)
            pages[i] += 1u << WRG_VIEW_BITS;
        unmap_all(pages);
        assert_int_equal(t.back->mappings.taken, 0);
        assert_int_equal(t.front->gnttab.pinned, 0);
    }
}

/* What stood in their slots last is mapped again, elsewhere. */
static void handles_of_slots_that_are_free__not_unmapped(void **state)
{
    uint32_t grefs[2][RUN], pages[2][RUN];

    grant_all(page_of(t.front, RUN), grefs[0]);
    grant_all(page_of(t.front, RUN), grefs[1]);
    map_all(grefs[0], pages[0]);
    map_all(grefs[1], pages[1]);
    unmap_all(pages[0]);
    unmap_all(pages[1]);
    map_all(grefs[1], pages[0]);
    for (uint32_t i = 0; i < RUN; i++)
        pages[1][i] += 1u << WRG_VIEW_BITS;
    unmap_all(pages[1]);
    assert_int_equal(t.back->mappings.taken, RUN);
    assert_int_equal(t.front->gnttab.pinned, RUN);
}

static void last_handle_of_a_slot__first_one_follows(void **state)
{
    uint32_t grefs[RUN], pages[RUN];

    grant_all(page_of(t.front, RUN), grefs);
    for (uint32_t round = 0; round < 1u << (32 - WRG_VIEW_BITS); round++) {
        map_all(grefs, pages);
        assert_int_equal(pages[RUN - 1] >> WRG_VIEW_BITS, round % 4095 + 1);
        unmap_all(pages);
    }
}

static void entries_with_other_frames__nothing_taken_from_those(void **state)
{
    uint32_t page = page_of(t.front, 2 * RUN), grefs[RUN];
    struct wrg_gnttab_end end = { .count = RUN, .grefs = grefs };

    grant_all(page, grefs);
    for (uint32_t i = 0; i < RUN; i++) {
        struct wrg_grant_entry entry;
        assert_true(wrg_gnttab_peek(&t.xen, t.front, grefs[i], &entry));
        entry.frame += RUN;
        wrg_gnttab_poke(&t.xen, t.front, grefs[i], &entry);
    }
    wrg_gnttab_end(&t.xen, t.front, &end);
    for (uint32_t i = 0; i < 2 * RUN; i++)
        assert_int_equal(t.xen.memory.frames[wrg_xen_view(t.front, page + i)->frame].granted,
                         i < RUN);
}

static int grant_result(const uint32_t pages[RUN])
{
    uint32_t grefs[RUN];
    struct wrg_gnttab_grant args = {
        .domid = WRG_DOM_BACK, .count = RUN, .pages = pages, .grefs = grefs
    };

    return wrg_gnttab_grant(&t.xen, t.front, &args);
}

static void pages_that_are_gone__not_granted(void **state)
{
    uint32_t first = page_of(t.front, RUN), pages[RUN];

    t.trace.on = false;
    wrg_xen_page_free(&t.xen, t.front, first, RUN);
    for (uint32_t i = 0; i < RUN; i++)
        pages[i] = first + i + (1u << WRG_VIEW_BITS); /* handles that are next */
    assert_int_equal(grant_result(pages), -EINVAL);
    first = page_of(t.front, RUN);
    assert_int_equal(first, pages[0]);
    assert_int_equal(grant_result(pages), 0);
    memset(pages, 0, sizeof(pages)); /* where the table lies, and views have no handles */
    assert_int_equal(grant_result(pages), -EINVAL);
    assert_int_equal(t.front->gnttab.given, RUN);
}

/* Neighbours in memory, by refs that are none. */
static void pages_granted_twice__each_ref_is_let_go(void **state)
{
    uint32_t page = page_of(t.front, RUN), grefs[2][RUN], pages[2][RUN];

    grant_all(page, grefs[0]);
    grant_all(page, grefs[1]);
    for (uint32_t i = 5; i < RUN; i++) {
        uint32_t gref = grefs[0][i];
        grefs[0][i] = grefs[1][i];
        grefs[1][i] = gref;
    }
    for (uint32_t round = 0; round < 3; round++) {
        map_all(grefs[0], pages[0]);
        map_all(grefs[1], pages[1]);
        for (uint32_t k = 0; k < 2; k++) {
            unmap_all(pages[k]);
            for (uint32_t i = 0; i < RUN; i++) {
                const struct wrg_grant_pin *pins = t.front->gnttab.pins;
                assert_int_equal(pins[grefs[0][i]].count[WRG_PIN_HOST_WRITE], 0);
                assert_int_equal(pins[grefs[1][i]].count[WRG_PIN_HOST_WRITE], k == 0);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        X(random_calls__same_state_and_events_as_of_the_general_code),
        X(calls_of_neighbours__same_state_and_events_as_of_the_general_code),
        X(refs_on_both_sides_of_a_border__both_frames_marked),
        X(entries_of_refs_nobody_took__not_ended),
        X(handles_of_the_next_mappings__not_unmapped),
        X(handles_of_slots_that_are_free__not_unmapped),
        X(last_handle_of_a_slot__first_one_follows),
        X(entries_with_other_frames__nothing_taken_from_those),
        X(pages_that_are_gone__not_granted),
        X(pages_granted_twice__each_ref_is_let_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
