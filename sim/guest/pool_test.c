/* SPDX-License-Identifier: MIT */
#include "guest/pool.h"

#include "xen/test_xen.h"

static struct wrg_pool pool;

static int setup(void **state)
{
    return wrg_pool_init(&pool);
}

static int teardown(void **state)
{
    wrg_pool_fini(&pool);
    return 0;
}

#define L(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void *take(size_t size)
{
    void *ptr = wrg_pool_alloc(&pool, size, WRG_ALLOC_POOL);

    assert_non_null(ptr);
    return ptr;
}

static void *take_heap(size_t size)
{
    void *ptr = wrg_pool_alloc(&pool, size, WRG_ALLOC_HEAP);

    assert_non_null(ptr);
    return ptr;
}

/* What was freed: its size; SIZE_MAX: refused. */
static size_t put(void *ptr)
{
    enum wrg_alloc_kind kind;
    size_t size;

    return wrg_pool_free(&pool, ptr, &kind, &size) ? size : SIZE_MAX;
}

static void freed_block__is_taken_next(void **state)
{
    void *a = take(100), *b = take(100);

    assert_ptr_not_equal(a, b);
    assert_int_equal(pool.npool, 2);
    assert_int_equal(put(a), 100);
    assert_ptr_equal(take(128), a); /* the same class */
    assert_ptr_not_equal(take(129), a);
    assert_int_equal(pool.npool, 3);
}

static void sizes_of_all_classes__have_room_for_their_bytes(void **state)
{
    static const size_t sizes[] = { 0, 1, 64, 65, 4096, 100000, 512 << 10 };

    for (size_t i = 0; i < WRG_ARRAY_LEN(sizes); i++) {
        uint8_t *at = take(sizes[i]);
        memset(at, 0xff, sizes[i]);
        assert_int_equal(put(at), sizes[i] ? sizes[i] : 1);
    }
    assert_null(wrg_pool_alloc(&pool, (512 << 10) + 1, WRG_ALLOC_POOL));
    assert_int_equal(pool.npool, 0);
}

static void class_used_up__null(void **state)
{
    for (unsigned i = 0; i < WRG_POOL_CLASS_BYTES / (512 << 10); i++)
        take(512 << 10);
    assert_null(wrg_pool_alloc(&pool, 512 << 10, WRG_ALLOC_POOL));
    take(1);
}

static void heap_table_full__null(void **state)
{
    void *last = NULL;

    for (unsigned i = 0; i < WRG_POOL_HEAP_MAX; i++)
        last = take_heap(10);
    assert_null(wrg_pool_alloc(&pool, 10, WRG_ALLOC_HEAP));
    assert_int_equal(put(last), 10);
    take_heap(10);
    assert_int_equal(pool.nheap, WRG_POOL_HEAP_MAX);
}

static void free_of_what_is_not_a_live_block__refused(void **state)
{
    uint8_t *block = take(64);
    int local = 0;

    assert_int_equal(put(block + 1), SIZE_MAX);
    assert_int_equal(put(block + 64), SIZE_MAX); /* never taken */
    assert_int_equal(put(&local), SIZE_MAX);
    assert_int_equal(put(block), 64);
    assert_int_equal(put(block), SIZE_MAX); /* twice */
    void *heap = take_heap(8);
    assert_int_equal(put(heap), 8);
    assert_int_equal(pool.npool + pool.nheap, 0);
}

static void free__tells_kind(void **state)
{
    enum wrg_alloc_kind kind;
    size_t size;

    assert_true(wrg_pool_free(&pool, take(5), &kind, &size));
    assert_int_equal(kind, WRG_ALLOC_POOL);
    assert_true(wrg_pool_free(&pool, take_heap(6), &kind, &size));
    assert_int_equal(kind, WRG_ALLOC_HEAP);
    assert_int_equal(size, 6);
}

/* ---- snapshot ---- */

static void restore__bytes_and_blocks_of_the_save(void **state)
{
    char *a = take(10), *b = take(200), *h = take_heap(7);

    strcpy(a, "first");
    strcpy(b, "second");
    strcpy(h, "heap");
    struct wrg_pool_saved *saved = wrg_pool_save(&pool);
    for (unsigned round = 0; round < 3; round++) {
        strcpy(a, "changed");
        strcpy(h, "lost");
        put(b);
        take(11);
        take(3000);
        take_heap(100);
        wrg_pool_restore(&pool, saved);
        assert_string_equal(a, "first");
        assert_string_equal(b, "second");
        assert_string_equal(h, "heap");
        assert_int_equal(pool.npool, 2);
        assert_int_equal(pool.nheap, 1);
    }
    assert_int_equal(put(b), 200);
    assert_ptr_equal(take(200), b);
    wrg_pool_saved_free(saved);
}

static void block_freed_and_taken_with_other_size__size_of_the_save(void **state)
{
    char *a = take(100);

    struct wrg_pool_saved *saved = wrg_pool_save(&pool);
    put(a);
    assert_ptr_equal(take(128), a);
    wrg_pool_restore(&pool, saved);
    assert_int_equal(put(a), 100);
    wrg_pool_saved_free(saved);
}

static void heap_block_of_snapshot_freed__back_in_its_place(void **state)
{
    char *h = take_heap(7);

    strcpy(h, "kept");
    struct wrg_pool_saved *saved = wrg_pool_save(&pool);
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(put(h), 7);
        assert_int_equal(pool.nheap, 0);
        assert_int_equal(put(h), SIZE_MAX); /* no live block */
        assert_ptr_not_equal(take_heap(7), h);
        wrg_pool_restore(&pool, saved);
        assert_string_equal(h, "kept");
        assert_int_equal(pool.nheap, 1);
    }
    wrg_pool_saved_free(saved);
}

static void heap_blocks_of_snapshot_freed__room_for_as_many_as_without(void **state)
{
    char *blocks[WRG_POOL_HEAP_MAX];

    for (uint32_t i = 0; i < WRG_POOL_HEAP_MAX; i++)
        blocks[i] = take_heap(8);
    struct wrg_pool_saved *saved = wrg_pool_save(&pool);
    for (uint32_t i = 0; i < WRG_POOL_HEAP_MAX; i++)
        put(blocks[i]);
    heap_table_full__null(state);
    wrg_pool_restore(&pool, saved);
    assert_int_equal(pool.nheap, WRG_POOL_HEAP_MAX);
    wrg_pool_saved_free(saved);
}

static void save_after_a_save__the_earlier_blocks_are_let_go(void **state)
{
    void *h = take_heap(7);
    struct wrg_pool_saved *first = wrg_pool_save(&pool);

    put(h);
    struct wrg_pool_saved *second = wrg_pool_save(&pool);
    wrg_pool_restore(&pool, second);
    assert_int_equal(pool.nheap, 0);
    assert_int_equal(put(h), SIZE_MAX);
    wrg_pool_saved_free(first);
    wrg_pool_saved_free(second);
}

static void reset__gives_all_back_and_a_new_snapshot_is_good(void **state)
{
    take_heap(7);
    take(7);
    struct wrg_pool_saved *saved = wrg_pool_save(&pool);
    wrg_pool_reset(&pool);
    assert_int_equal(pool.npool + pool.nheap, 0);
    wrg_pool_saved_free(saved);
    saved = wrg_pool_save(&pool);
    take(9);
    take_heap(9);
    wrg_pool_restore(&pool, saved);
    assert_int_equal(pool.npool + pool.nheap, 0);
    wrg_pool_saved_free(saved);
}

static void reset__next_block_is_the_first_again(void **state)
{
    void *first = take(64);

    take(64);
    wrg_pool_reset(&pool);
    assert_ptr_equal(take(64), first);
}

/* ---- ASan ---- */

#if WRG_HAS_ASAN
static volatile char sink;

static void read_byte(void *at)
{
    sink = *(volatile char *)at;
}

static void read_of_freed_or_foreign_bytes__ends_the_process(void **state)
{
    char *a = take(100), *b = take(100);

    assert_false(dies_of_asan(read_byte, a));
    assert_false(dies_of_asan(read_byte, a + 99));
    assert_true(dies_of_asan(read_byte, a + 104)); /* behind what was asked for */
    assert_true(dies_of_asan(read_byte, b + 128)); /* the block behind the last */
    put(a);
    assert_true(dies_of_asan(read_byte, a));
    assert_false(dies_of_asan(read_byte, b));
}

static void read_of_freed_heap__ends_the_process(void **state)
{
    char *h = take_heap(10);

    put(h);
    assert_true(dies_of_asan(read_byte, h));
}

static void read_of_freed_heap_of_a_snapshot__ends_the_process_until_restored(void **state)
{
    char *h = take_heap(10);
    struct wrg_pool_saved *saved = wrg_pool_save(&pool);

    put(h);
    assert_true(dies_of_asan(read_byte, h));
    wrg_pool_restore(&pool, saved);
    assert_false(dies_of_asan(read_byte, h));
    wrg_pool_saved_free(saved);
}

static void restore__poisons_what_came_after_the_save(void **state)
{
    char *a = take(70);

    struct wrg_pool_saved *saved = wrg_pool_save(&pool);
    char *later = take(70);
    put(a);
    assert_ptr_equal(take(128), a);
    wrg_pool_restore(&pool, saved);
    assert_true(dies_of_asan(read_byte, later));
    assert_true(dies_of_asan(read_byte, a + 100));
    assert_false(dies_of_asan(read_byte, a + 69));
    wrg_pool_saved_free(saved);
}

static void reset__poisons_everything(void **state)
{
    char *a = take(70);

    wrg_pool_reset(&pool);
    assert_true(dies_of_asan(read_byte, a));
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        L(freed_block__is_taken_next),
        L(sizes_of_all_classes__have_room_for_their_bytes),
        L(class_used_up__null),
        L(heap_table_full__null),
        L(free_of_what_is_not_a_live_block__refused),
        L(free__tells_kind),
        L(restore__bytes_and_blocks_of_the_save),
        L(block_freed_and_taken_with_other_size__size_of_the_save),
        L(heap_block_of_snapshot_freed__back_in_its_place),
        L(heap_blocks_of_snapshot_freed__room_for_as_many_as_without),
        L(save_after_a_save__the_earlier_blocks_are_let_go),
        L(reset__gives_all_back_and_a_new_snapshot_is_good),
        L(reset__next_block_is_the_first_again),
#if WRG_HAS_ASAN
        L(read_of_freed_or_foreign_bytes__ends_the_process),
        L(read_of_freed_heap__ends_the_process),
        L(read_of_freed_heap_of_a_snapshot__ends_the_process_until_restored),
        L(restore__poisons_what_came_after_the_save),
        L(reset__poisons_everything),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
