/* SPDX-License-Identifier: MIT */
#include "xen/test_xen.h"

#include "base/digest.h"

#define FRAMES 1024

static struct wrg_memory mem;

static int setup(void **state)
{
    return wrg_memory_init(&mem, FRAMES, false);
}

static int teardown(void **state)
{
    wrg_memory_fini(&mem);
    return 0;
}

#define M(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void touch(uint32_t frame, uint8_t value)
{
    wrg_memory_mark(&mem, frame);
    memset(wrg_memory_at(&mem, frame), value, WRG_PAGE_SIZE);
    mem.frames[frame].granted = value;
    mem.frames[frame].mapped = value;
}

static bool holds(uint32_t frame, uint8_t value)
{
    const uint8_t *at = wrg_memory_at(&mem, frame);

    return at[0] == value && memcmp(at, at + 1, WRG_PAGE_SIZE - 1) == 0 &&
           mem.frames[frame].granted == value && mem.frames[frame].mapped == value;
}

static void frame_touched_twice__listed_once(void **state)
{
    touch(5, 1);
    touch(9, 1);
    touch(5, 2);
    assert_int_equal(mem.ndirty, 2);
    assert_int_equal(mem.dirty_list[0], 5);
    assert_int_equal(mem.dirty_list[1], 9);
}

static void restore__brings_back_bytes_and_what_is_known(void **state)
{
    touch(1, 11);
    touch(2, 22);
    assert_true(wrg_memory_save(&mem));
    assert_int_equal(mem.ndirty, 0);
    for (unsigned round = 0; round < 3; round++) {
        touch(2, 99);
        touch(3, 33);
        wrg_memory_restore(&mem);
        assert_true(holds(1, 11));
        assert_true(holds(2, 22));
        assert_int_equal(mem.frames[3].granted, 0);
        assert_int_equal(mem.frames[3].mapped, 0);
        assert_int_equal(mem.ndirty, 0);
        assert_int_equal(mem.dirty[2] | mem.dirty[3], 0);
    }
}

static void restore__copies_only_what_was_touched(void **state)
{
    touch(1, 11);
    touch(2, 22);
    assert_true(wrg_memory_save(&mem));
    /* A write that is not marked stays: it proves that frame 1 is not copied. */
    wrg_memory_at(&mem, 1)[0] = 77;
    touch(2, 99);
    wrg_memory_restore(&mem);
    assert_int_equal(wrg_memory_at(&mem, 1)[0], 77);
    assert_true(holds(2, 22));
}

static void second_save__keeps_untouched_frames_of_the_first(void **state)
{
    touch(1, 11);
    assert_true(wrg_memory_save(&mem));
    touch(2, 22);
    assert_true(wrg_memory_save(&mem));
    touch(1, 99);
    touch(2, 99);
    wrg_memory_restore(&mem);
    assert_true(holds(1, 11));
    assert_true(holds(2, 22));
}

static void too_many_frames__no_snapshot(void **state)
{
    for (uint32_t i = 0; i < FRAMES; i++)
        touch(i, 1);
    assert_false(wrg_memory_save(&mem));
    assert_int_equal(mem.ndirty, FRAMES);
}

static void reset__forgets_the_snapshot(void **state)
{
    touch(1, 11);
    assert_true(wrg_memory_save(&mem));
    touch(2, 22);
    wrg_memory_reset(&mem);
    assert_int_equal(mem.frames[1].granted, 0);
    assert_int_equal(mem.frames[2].granted, 0);
    assert_int_equal(mem.nsaved, 0);
    touch(1, 44);
    wrg_memory_restore(&mem);
    assert_int_equal(mem.frames[1].granted, 0);
    assert_true(wrg_memory_at(&mem, 1)[0] == 44); /* no snapshot, nothing to copy back */
}

static void frame_written_after_its_digests_were_made__made_anew(void **state)
{
    uint64_t before;

    touch(3, 1);
    before = wrg_memory_digests(&mem, 3)[7];
    touch(3, 2);
    assert_true(wrg_memory_digests(&mem, 3)[7] != before);
    touch(3, 1);
    assert_true(wrg_memory_digests(&mem, 3)[7] == before);
}

static void digests_of_a_restored_frame__those_of_its_bytes(void **state)
{
    uint64_t saved;

    touch(3, 1);
    saved = wrg_memory_digests(&mem, 3)[0];
    assert_true(wrg_memory_save(&mem));
    touch(3, 2);
    assert_true(wrg_memory_digests(&mem, 3)[0] != saved);
    wrg_memory_restore(&mem);
    assert_true(wrg_memory_digests(&mem, 3)[0] == saved);
}

static void change_of_what_is_known__digests_stay(void **state)
{
    static const uint64_t given[WRG_FRAME_SECTORS] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    uint64_t digests[WRG_FRAME_SECTORS];

    touch(3, 1);
    memcpy(digests, wrg_memory_digests(&mem, 3), sizeof(digests));
    wrg_memory_mark_meta(&mem, 3);
    assert_int_equal(mem.dirty[3], WRG_FRAME_PARTED);
    touch(4, 1);
    wrg_memory_set_digests(&mem, 4, digests);
    assert_memory_equal(wrg_memory_digests(&mem, 4), digests, sizeof(digests));
    memcpy(mem.digests[4], given, sizeof(given));
    wrg_memory_mark(&mem, 4);
    assert_memory_equal(wrg_memory_digests(&mem, 4), digests, sizeof(digests));
}

static void stamps_of_a_digested_frame__digests_follow(void **state)
{
    uint64_t word, seen[WRG_FRAME_SECTORS];

    touch(3, 1);
    wrg_memory_digests(&mem, 3);
    wrg_memory_stamp(&mem, 3, UINT64_C(0xfffffffffffffffd));
    assert_int_equal(mem.dirty[3], WRG_FRAME_PARTED);
    memcpy(seen, wrg_memory_digests(&mem, 3), sizeof(seen));
    memcpy(&word, wrg_memory_at(&mem, 3) + 3 * WRG_DIGEST_BYTES, sizeof(word));
    assert_int_equal(word, 0);
    wrg_memory_mark(&mem, 3);
    assert_memory_equal(wrg_memory_digests(&mem, 3), seen, sizeof(seen));
}

static void stamps_where_only_digests_were_given__made_anew(void **state)
{
    uint64_t given[WRG_FRAME_SECTORS], seen[WRG_FRAME_SECTORS];

    touch(3, 1);
    wrg_memory_digests(&mem, 3);
    touch(3, 2);
    touch(4, 2);
    memcpy(given, wrg_memory_digests(&mem, 4), sizeof(given));
    wrg_memory_set_digests(&mem, 3, given);
    wrg_memory_stamp(&mem, 3, 5);
    wrg_memory_stamp(&mem, 4, 5);
    memcpy(seen, wrg_memory_digests(&mem, 3), sizeof(seen));
    assert_memory_equal(seen, wrg_memory_digests(&mem, 4), sizeof(seen));
    assert_true(seen[1] != given[1]);
}

static void secret__seen_at_word_offsets_only(void **state)
{
    uint8_t buf[64];

    memset(buf, 0, sizeof(buf));
    assert_false(wrg_memory_has_secret(buf, sizeof(buf)));
    for (uint32_t off = 0; off + 4 <= sizeof(buf); off += 4) {
        memset(buf, 0, sizeof(buf));
        wrg_memory_fill_secret(buf + off, 4);
        assert_true(wrg_memory_has_secret(buf, sizeof(buf)));
        buf[off] ^= 1;
        assert_false(wrg_memory_has_secret(buf, sizeof(buf)));
    }
    memset(buf, 0, sizeof(buf));
    wrg_memory_fill_secret(buf, 8);
    memset(buf, 0, 4); /* the upper half alone */
    assert_true(wrg_memory_has_secret(buf, sizeof(buf)));
    assert_false(wrg_memory_has_secret(buf, 7)); /* not whole any more */
}

static void secret_of_odd_length__does_not_run_over(void **state)
{
    uint8_t buf[24];

    memset(buf, 0xaa, sizeof(buf));
    wrg_memory_fill_secret(buf, 19);
    assert_int_equal(buf[19], 0xaa);
    assert_int_equal(buf[18], (uint8_t)(WRG_SECRET >> 16));
    assert_true(wrg_memory_has_secret(buf, 16));
}

/* ---- a whole Xen: hash of all that a run could see ---- */

#define XXH_INLINE_ALL
#include <xxhash.h>

static uint64_t hash_more(uint64_t hash, const void *bytes, size_t len)
{
    return XXH3_64bits_withSeed(bytes, len, hash);
}

/* The bytes of frames in `only`, and the tables of all domains. */
static uint64_t hash_of_xen(const uint32_t *only, uint32_t nonly)
{
    uint64_t hash =
        hash_more(0, t.xen.memory.frames, t.xen.memory.nframes * sizeof(struct wrg_frame));

    for (uint32_t i = 0; i < nonly; i++)
        hash = hash_more(hash, wrg_memory_at(&t.xen.memory, only[i]), WRG_PAGE_SIZE);
    for (unsigned i = 0; i < WRG_DOMAINS; i++) {
        const struct wrg_domain *dom = &t.xen.domains[i];
        hash = hash_more(hash, dom->views, dom->nviews * sizeof(*dom->views));
        hash = hash_more(hash, dom->own.words, wrg_slots_words(dom->own.count) * 8);
        hash = hash_more(hash, dom->mappings.words, wrg_slots_words(dom->mappings.count) * 8);
        hash = hash_more(hash, dom->gnttab.refs.words, wrg_slots_words(dom->gnttab.refs.count) * 8);
        hash = hash_more(hash, dom->evtchns.slots.words,
                         wrg_slots_words(dom->evtchns.slots.count) * 8);
        hash = hash_more(hash, &dom->alive, 1);
        for (uint32_t port = 0; port < dom->evtchns.slots.count; port++)
            if (wrg_slots_is_taken(&dom->evtchns.slots, port))
                hash = hash_more(hash, &dom->evtchns.ports[port], sizeof(struct wrg_evtchn));
        for (uint32_t ref = 0; ref < wrg_gnttab_size(&dom->gnttab); ref++) {
            const struct wrg_grant_pin *pins = &dom->gnttab.pins[ref];
            hash = hash_more(hash, pins->count, sizeof(pins->count));
        }
        hash = hash_more(hash, &dom->gnttab.version, 1);
        hash = hash_more(hash, &dom->gnttab.nframes, sizeof(dom->gnttab.nframes));
        hash = hash_more(hash, &dom->gnttab.pinned, sizeof(dom->gnttab.pinned));
        hash = hash_more(hash, &dom->gnttab.given, sizeof(dom->gnttab.given));
    }
    return hash;
}

static void store_write(const char *path, const char *value)
{
    const struct wrg_xs_call dom0 = { .conn = t.xen.domains[WRG_DOM_TOOLSTACK].xs_conn };

    assert_int_equal(wrg_xenstore_write(t.xen.store, &dom0, path, value, strlen(value)), 0);
}

static void assert_store_holds(const char *path, const char *value)
{
    const struct wrg_xs_call dom0 = { .conn = t.xen.domains[WRG_DOM_TOOLSTACK].xs_conn };
    char buf[64];
    struct wrg_xs_reply reply = { .data = buf, .cap = sizeof(buf) };
    int result = wrg_xenstore_read(t.xen.store, &dom0, path, &reply);

    if (!value) {
        assert_int_equal(result, -ENOENT);
        return;
    }
    assert_int_equal(result, 0);
    assert_string_equal(buf, value);
}

/* Does a little of everything; `n` makes rounds differ. */
static void disturb(uint32_t ring, uint32_t mapped, uint32_t port, uint32_t n)
{
    uint32_t page = page_of(t.front, 100 + n); /* beyond what the snapshot has used */
    uint32_t gref = grant_page(t.front, WRG_DOM_BACK, page, false);
    uint32_t other = back_maps(gref, false);
    struct wrg_evtchn_alloc_unbound alloc = { .remote_domid = WRG_DOM_BACK };
    struct wrg_evtchn_send send = { .evtchn = port };
    uint32_t value = 0xdeadbeef + n;
    struct wrg_access access = { .page = ring, .off = 0, .len = 4, .write = true, .buf = &value };

    wrg_xen_access(&t.xen, t.front, &access);
    access.page = other;
    wrg_xen_access(&t.xen, t.back, &access);
    assert_int_equal(wrg_evtchn_alloc_unbound(&t.xen, t.front, &alloc), 0);
    assert_int_equal(wrg_evtchn_send(&t.xen, t.front, &send), 0);
    unmap_page(t.back, mapped); /* one that the snapshot has */
    if (n % 2)
        unmap_page(t.back, other);
    store_write("/local/domain/1/x", "changed");
    store_write("/local/domain/1/new", "1");
    if (n == 2)
        wrg_xen_kill_domain(&t.xen, WRG_DOM_BACK);
}

static void xen_restore__hash_equals_that_at_save(void **state)
{
    uint32_t ring = page_of(t.front, 1);
    uint32_t gref = grant_page(t.front, WRG_DOM_BACK, ring, false);
    uint32_t mapped = back_maps(gref, false);
    struct wrg_evtchn_alloc_unbound alloc = { .remote_domid = WRG_DOM_BACK };
    struct wrg_evtchn_bind_interdomain bind = { .remote_domid = WRG_DOM_FRONT };
    uint32_t only[] = { frame_of(t.front, ring), t.front->gnttab.first_frame,
                        t.front->gnttab.first_frame + 1 };

    assert_int_equal(wrg_evtchn_alloc_unbound(&t.xen, t.front, &alloc), 0);
    bind.remote_evtchn = alloc.evtchn;
    assert_int_equal(wrg_evtchn_bind_interdomain(&t.xen, t.back, &bind), 0);
    store_write("/local/domain/1/x", "old");
    struct wrg_xen_saved *saved = wrg_xen_save(&t.xen);
    assert_non_null(saved);
    uint64_t want = hash_of_xen(only, WRG_ARRAY_LEN(only));
    for (uint32_t n = 0; n < 4; n++) {
        disturb(ring, mapped, alloc.evtchn, n);
        assert_true(hash_of_xen(only, WRG_ARRAY_LEN(only)) != want);
        wrg_xen_restore(&t.xen, saved);
        assert_true(hash_of_xen(only, WRG_ARRAY_LEN(only)) == want);
        assert_store_holds("/local/domain/1/x", "old");
        assert_store_holds("/local/domain/1/new", NULL);
        assert_int_equal(map_gref(t.back, WRG_DOM_FRONT, gref, false).status, GNTST_okay);
        wrg_xen_restore(&t.xen, saved);
    }
    wrg_xen_saved_free(saved);
}

static void xen_reset__hash_equals_that_of_a_new_one(void **state)
{
    uint32_t only[] = { t.front->gnttab.first_frame };
    uint64_t want = hash_of_xen(only, 1);
    uint32_t ring = page_of(t.front, 1);
    uint32_t gref = grant_page(t.front, WRG_DOM_BACK, ring, false);
    uint32_t mapped = back_maps(gref, false);
    struct wrg_evtchn_alloc_unbound alloc = { .remote_domid = WRG_DOM_BACK };

    assert_int_equal(wrg_evtchn_alloc_unbound(&t.xen, t.front, &alloc), 0);
    disturb(ring, mapped, alloc.evtchn, 2);
    assert_true(hash_of_xen(only, 1) != want);
    wrg_xen_reset(&t.xen);
    assert_true(hash_of_xen(only, 1) == want);
    assert_store_holds("/local/domain/1/x", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        M(frame_touched_twice__listed_once),
        M(restore__brings_back_bytes_and_what_is_known),
        M(restore__copies_only_what_was_touched),
        M(second_save__keeps_untouched_frames_of_the_first),
        M(too_many_frames__no_snapshot),
        M(reset__forgets_the_snapshot),
        M(frame_written_after_its_digests_were_made__made_anew),
        M(digests_of_a_restored_frame__those_of_its_bytes),
        M(change_of_what_is_known__digests_stay),
        M(stamps_of_a_digested_frame__digests_follow),
        M(stamps_where_only_digests_were_given__made_anew),
        M(secret__seen_at_word_offsets_only),
        M(secret_of_odd_length__does_not_run_over),
        X(xen_restore__hash_equals_that_at_save),
        X(xen_reset__hash_equals_that_of_a_new_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
