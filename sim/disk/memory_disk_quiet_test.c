/* SPDX-License-Identifier: MIT */
/*
 * With nobody listening, whole pages that follow each other go to or from the disk in one piece:
 * whatever a request is made of, its bytes land where a plain model of pages and disk has them.
 */
#include "base/rng.h"
#include "disk/test_disk.h"

enum { DISK_BYTES = DISK_CHUNKS * WRG_MEMORY_DISK_CHUNK_BYTES, STEPS = 300 };

struct model {
    struct wrg_rng rng;
    uint8_t disk[DISK_BYTES];
    uint8_t pages[DISK_PAGES][WRG_PAGE_SIZE];
    bool readonly[DISK_PAGES];
};

static struct model m;

static uint32_t below(uint32_t bound)
{
    return wrg_rng_below(&m.rng, bound);
}

/* Neighbours in order and whole, all of them or most. Returns the bytes of all. */
static uint32_t draw_vectors(uint32_t nvec)
{
    uint32_t page = below(DISK_PAGES), bytes = 0;
    bool steady = below(2);

    for (uint32_t i = 0; i < nvec; i++, page++) {
        if (page == DISK_PAGES || (!steady && below(8) == 0))
            page = below(DISK_PAGES);
        uint32_t first = steady || below(24) ? 0 : below(8);
        uint32_t n = steady || below(24) ? 8 - first : 1 + below(8); /* also beyond the page */
        d.vec[i] = (struct wrg_vec){ .page = d.page + page,
                                     .off = (uint16_t)(first * WRG_SECTOR_SIZE),
                                     .len = (uint16_t)(n * WRG_SECTOR_SIZE) };
        bytes += d.vec[i].len;
    }
    return bytes;
}

/* What a request comes to, in the model. */
static int move(uint8_t op, uint32_t byte, uint32_t nvec)
{
    for (uint32_t i = 0; i < nvec; i++) {
        const struct wrg_vec *vec = &d.vec[i];
        uint32_t page = vec->page - d.page;
        if ((op == WRG_IO_READ && m.readonly[page]) || vec->off + vec->len > WRG_PAGE_SIZE)
            return -EFAULT;
        if (op == WRG_IO_READ)
            memcpy(m.pages[page] + vec->off, m.disk + byte, vec->len);
        else
            memcpy(m.disk + byte, m.pages[page] + vec->off, vec->len);
        byte += vec->len;
    }
    return 0;
}

/* Another writer's bytes, so that none are twice what they were. */
static void scribble(void)
{
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t page = below(DISK_PAGES);
        wrg_rng_fill(&m.rng, m.pages[page], WRG_PAGE_SIZE);
        memcpy(bytes_of(t.back, d.page + page), m.pages[page], WRG_PAGE_SIZE);
    }
}

static struct wrg_view *view_of(uint32_t page)
{
    return &t.back->views[(d.page + page) & WRG_VIEW_MASK];
}

/* Neighbours by their handles need not lie beside each other. */
static void shuffle_views(void)
{
    for (uint32_t i = 0; i < 4; i++) {
        struct wrg_view *a = view_of(below(DISK_PAGES)), *b = view_of(below(DISK_PAGES));
        const struct wrg_view was = *a;
        a->base = b->base;
        a->frame = b->frame;
        b->base = was.base;
        b->frame = was.frame;
    }
}

static void start(uint64_t seed)
{
    memset(&m, 0, sizeof(m));
    wrg_rng_seed(&m.rng, seed);
    for (uint32_t i = 0; i < DISK_PAGES; i++) {
        memset(bytes_of(t.back, d.page + i), 0, WRG_PAGE_SIZE);
        m.readonly[i] = below(16) == 0;
        view_of(i)->flags = m.readonly[i] ? 0 : WRG_VIEW_WRITE;
    }
    shuffle_views();
    wrg_disk_reset(&d.md.disk);
    t.trace.on = false;
}

static void requests_of_any_shape__bytes_as_in_a_plain_model(void **state)
{
    for (uint64_t seed = 0; seed < 8; seed++) {
        start(seed);
        for (uint32_t step = 0; step < STEPS; step++) {
            uint8_t op = below(2) ? WRG_IO_READ : WRG_IO_WRITE;
            uint32_t nvec = below(2) ? 1 : 1 + below(DISK_PAGES), bytes = draw_vectors(nvec);
            uint32_t unit = below(3) ? WRG_PAGE_SIZE : WRG_SECTOR_SIZE;
            uint32_t byte = below((DISK_BYTES - bytes) / unit + 1) * unit;
            scribble();
            assert_int_equal(run_on(&d.md.disk, op, byte / WRG_SECTOR_SIZE, nvec),
                             move(op, byte, nvec));
        }
        for (uint32_t i = 0; i < DISK_PAGES; i++)
            assert_memory_equal(bytes_of(t.back, d.page + i), m.pages[i], WRG_PAGE_SIZE);
        for (uint32_t i = 0; i < DISK_BYTES / WRG_PAGE_SIZE; i++) {
            d.vec[0] = (struct wrg_vec){ .page = d.page, .len = WRG_PAGE_SIZE };
            view_of(0)->flags = WRG_VIEW_WRITE;
            assert_int_equal(run_on(&d.md.disk, WRG_IO_READ, i * 8, 1), 0);
            assert_memory_equal(bytes_of(t.back, d.page), m.disk + i * WRG_PAGE_SIZE,
                                WRG_PAGE_SIZE);
        }
    }
}

static void read_into_clean_pages__each_is_marked(void **state)
{
    const struct wrg_memory *mem = &t.xen.memory;

    start(1);
    assert_int_equal(run_on(&d.md.disk, WRG_IO_WRITE, 0, 32), 0);
    assert_true(wrg_memory_save(&t.xen.memory));
    for (uint32_t i = 0; i < 32; i++) {
        assert_int_equal(mem->dirty[view_of(i)->frame], WRG_FRAME_CLEAN);
        view_of(i)->flags = WRG_VIEW_WRITE;
    }
    wrg_memory_mark(&t.xen.memory, view_of(0)->frame);
    wrg_memory_mark(&t.xen.memory, view_of(2)->frame);
    assert_int_equal(run_on(&d.md.disk, WRG_IO_READ, 0, 32), 0);
    for (uint32_t i = 0; i < 32; i++)
        assert_int_equal(mem->dirty[view_of(i)->frame], WRG_FRAME_DIRTY);
}

/* Requests of one page have a way of their own. */
static void single_page_read_into_a_clean_one__is_marked(void **state)
{
    start(1);
    assert_int_equal(run_on(&d.md.disk, WRG_IO_WRITE, 0, 1), 0);
    assert_true(wrg_memory_save(&t.xen.memory));
    view_of(0)->flags = WRG_VIEW_WRITE;
    assert_int_equal(run_on(&d.md.disk, WRG_IO_READ, 0, 1), 0);
    assert_int_equal(t.xen.memory.dirty[view_of(0)->frame], WRG_FRAME_DIRTY);
}

static void single_page_whose_mapping_is_gone__efault(void **state)
{
    start(1);
    assert_int_equal(run_on(&d.md.disk, WRG_IO_WRITE, 0, 1), 0);
    view_of(0)->handle += 1u << WRG_VIEW_BITS;
    assert_int_equal(run_on(&d.md.disk, WRG_IO_WRITE, 0, 1), -EFAULT);
}

static void single_page_behind_the_end_of_a_smaller_disk__eio(void **state)
{
    start(1);
    assert_int_equal(run_on(&d.md.disk, WRG_IO_WRITE, 8, 1), 0);
    wrg_memory_disk_resize(&d.md, 15);
    assert_int_equal(run_on(&d.md.disk, WRG_IO_READ, 8, 1), -EIO);
    wrg_memory_disk_resize(&d.md, 16);
    assert_int_equal(run_on(&d.md.disk, WRG_IO_READ, 8, 1), 0);
    assert_int_equal(run_on(&d.md.disk, WRG_IO_READ, UINT64_MAX - 7, 1), -EIO);
}

static void single_page_written_over_digests__they_are_forgotten(void **state)
{
    start(1);
    t.trace.on = true;
    assert_int_equal(run_on(&d.md.disk, WRG_IO_WRITE, 0, 1), 0);
    assert_int_equal(d.md.chunk[0].digested & 1, 1);
    t.trace.on = false;
    assert_int_equal(run_on(&d.md.disk, WRG_IO_WRITE, 0, 1), 0);
    assert_int_equal(d.md.chunk[0].digested & 1, 0);
}

static void pages_of_several_chunks_written_over_digests__all_are_forgotten(void **state)
{
    start(1);
    t.trace.on = true;
    assert_int_equal(run_on(&d.md.disk, WRG_IO_WRITE, 0, 40), 0);
    t.trace.on = false;
    assert_int_equal(run_on(&d.md.disk, WRG_IO_WRITE, 8, 38), 0);
    assert_int_equal(d.md.chunk[0].digested, 1);
    assert_int_equal(d.md.chunk[1].digested, 0);
    assert_int_equal(d.md.chunk[2].digested, 0x80);
}

static void chunks_out_of_order__each_is_found(void **state)
{
    start(1);
    for (uint32_t i = DISK_PAGES; i-- > 0;)
        memset(bytes_of(t.back, d.page + i), (int)i + 1, WRG_PAGE_SIZE);
    for (uint32_t i = 4; i-- > 0;) /* the last one first */
        assert_int_equal(run_on(&d.md.disk, WRG_IO_WRITE, i * 128, 16), 0);
    for (uint32_t i = 0; i < 64; i++)
        view_of(i)->flags = WRG_VIEW_WRITE;
    assert_int_equal(run_on(&d.md.disk, WRG_IO_READ, 0, 64), 0);
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(bytes_of(t.back, d.page + i)[i], i % 16 + 1);
}

static void chunks_from_before_a_reset__are_not_found(void **state)
{
    start(1);
    memset(bytes_of(t.back, d.page), 1, WRG_PAGE_SIZE);
    assert_int_equal(run_on(&d.md.disk, WRG_IO_WRITE, 0, 33), 0);
    wrg_disk_reset(&d.md.disk);
    assert_int_equal(run_on(&d.md.disk, WRG_IO_WRITE, 0, 16), 0);
    for (uint32_t i = 0; i < 33; i++)
        view_of(i)->flags = WRG_VIEW_WRITE;
    assert_int_equal(run_on(&d.md.disk, WRG_IO_READ, 0, 33), 0);
    for (uint32_t i = 16; i < 33; i++)
        assert_zero(bytes_of(t.back, d.page + i), WRG_PAGE_SIZE);
}

static void hole_in_the_next_chunk__reads_as_zeros(void **state)
{
    start(1);
    for (uint32_t i = 0; i < 48; i++)
        memset(bytes_of(t.back, d.page + i), 1, WRG_PAGE_SIZE);
    assert_int_equal(run_on(&d.md.disk, WRG_IO_WRITE, 0, 48), 0);
    wrg_disk_reset(&d.md.disk); /* the bytes stay where they were */
    assert_int_equal(run_on(&d.md.disk, WRG_IO_WRITE, 0, 20), 0);
    for (uint32_t i = 0; i < 40; i++)
        view_of(i)->flags = WRG_VIEW_WRITE;
    assert_int_equal(run_on(&d.md.disk, WRG_IO_READ, 0, 40), 0);
    for (uint32_t i = 20; i < 40; i++)
        assert_zero(bytes_of(t.back, d.page + i), WRG_PAGE_SIZE);
}

/* The next handle of a slot stands there before it is mapped. */
static void pages_that_are_not_mapped_yet__efault(void **state)
{
    start(1);
    view_of(0)->base = NULL;
    view_of(1)->base = NULL;
    assert_int_equal(run_on(&d.md.disk, WRG_IO_WRITE, 0, 2), -EFAULT);
}

/* What lies there is nobody's, whatever it looks like. */
static void page_behind_the_last_view__efault(void **state)
{
    struct wrg_view *last = &t.back->views[t.back->nviews - 1];

    start(1);
    assert_true(t.back->nframes < t.xen.memory.nframes); /* there is room for one more */
    last[0] = *view_of(0);
    last[0].handle = 1u << WRG_VIEW_BITS | (t.back->nviews - 1);
    last[1] = last[0];
    last[1].base += WRG_PAGE_SIZE;
    last[1].handle++;
    d.vec[0].page = last[0].handle;
    d.vec[1].page = last[1].handle;
    assert_int_equal(run_on(&d.md.disk, WRG_IO_WRITE, 0, 2), -EFAULT);
}

static void page_whose_mapping_is_gone__efault_behind_what_was_moved(void **state)
{
    start(1);
    for (uint32_t i = 0; i < DISK_PAGES; i++) {
        d.vec[i] = (struct wrg_vec){ .page = d.page + i, .len = WRG_PAGE_SIZE };
        memset(bytes_of(t.back, d.page + i), 0xff, WRG_PAGE_SIZE);
    }
    assert_int_equal(run_on(&d.md.disk, WRG_IO_WRITE, 0, DISK_PAGES), 0); /* all blocks are there */
    for (uint32_t gone = 0; gone < DISK_PAGES; gone++) {
        uint32_t handle = view_of(gone)->handle;
        view_of(gone)->handle += 1u << WRG_VIEW_BITS;
        for (uint32_t i = 0; i < DISK_PAGES; i++)
            d.md.chunk[i / 16].bytes[i % 16 * WRG_PAGE_SIZE] = 0;
        assert_int_equal(run_on(&d.md.disk, WRG_IO_WRITE, 0, DISK_PAGES), -EFAULT);
        for (uint32_t i = 0; i < DISK_PAGES; i++)
            assert_int_equal(d.md.chunk[i / 16].bytes[i % 16 * WRG_PAGE_SIZE], i < gone ? 0xff : 0);
        view_of(gone)->handle = handle;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        D(requests_of_any_shape__bytes_as_in_a_plain_model),
        D(read_into_clean_pages__each_is_marked),
        D(single_page_read_into_a_clean_one__is_marked),
        D(single_page_whose_mapping_is_gone__efault),
        D(single_page_behind_the_end_of_a_smaller_disk__eio),
        D(single_page_written_over_digests__they_are_forgotten),
        D(pages_of_several_chunks_written_over_digests__all_are_forgotten),
        D(chunks_out_of_order__each_is_found),
        D(chunks_from_before_a_reset__are_not_found),
        D(hole_in_the_next_chunk__reads_as_zeros),
        D(pages_that_are_not_mapped_yet__efault),
        D(page_behind_the_last_view__efault),
        D(page_whose_mapping_is_gone__efault_behind_what_was_moved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
