/* SPDX-License-Identifier: MIT */
#include "base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static uint8_t bytes[3 * WRG_DIGEST_BYTES];

/* Neighbours of each other differ, words too. */
static void fill(void)
{
    for (uint32_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 131 + (i >> 3) * 17 + (i >> 9));
}

static uint64_t digest_of(const void *at)
{
    uint64_t digest;

    wrg_digest_sectors(at, 1, &digest);
    return digest;
}

static void flip_of_any_bit__another_digest(void **state)
{
    fill();
    const uint64_t before = digest_of(bytes);
    for (uint32_t bit = 0; bit < WRG_DIGEST_BYTES * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(digest_of(bytes) != before);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(digest_of(bytes) == before);
}

static void flip_of_any_bit_of_zeros__another_digest_each(void **state)
{
    static uint64_t seen[WRG_DIGEST_BYTES * 8];

    memset(bytes, 0, sizeof(bytes));
    for (uint32_t bit = 0; bit < WRG_DIGEST_BYTES * 8; bit++) {
        bytes[bit / 8] = (uint8_t)(1u << bit % 8);
        seen[bit] = digest_of(bytes);
        bytes[bit / 8] = 0;
        assert_true(seen[bit] != digest_of(bytes));
        for (uint32_t i = 0; i < bit; i++)
            assert_true(seen[i] != seen[bit]);
    }
}

static void swap_of_any_two_words__another_digest(void **state)
{
    uint64_t words[WRG_DIGEST_BYTES / 8];

    fill();
    memcpy(words, bytes, sizeof(words));
    const uint64_t before = digest_of(words);
    for (uint32_t i = 0; i < WRG_DIGEST_BYTES / 8; i++) {
        for (uint32_t k = 0; k < i; k++) {
            uint64_t word = words[i];
            words[i] = words[k];
            words[k] = word;
            assert_true(digest_of(words) != before);
            words[k] = words[i];
            words[i] = word;
        }
    }
}

static void stamps_of_neighbours__all_differ(void **state)
{
    static uint64_t seen[1024];

    fill();
    for (uint64_t stamp = 0; stamp < 1024; stamp++) {
        memcpy(bytes, &stamp, sizeof(stamp));
        seen[stamp] = digest_of(bytes);
        for (uint64_t i = 0; i < stamp; i++)
            assert_true(seen[i] != seen[stamp]);
    }
}

static void several_sectors__one_each_wherever_they_lie(void **state)
{
    uint64_t digests[2];

    fill();
    for (uint32_t off = 0; off < 33; off++) {
        wrg_digest_sectors(bytes + off, 2, digests);
        assert_true(digests[0] == digest_of(bytes + off));
        assert_true(digests[1] == digest_of(bytes + off + WRG_DIGEST_BYTES));
    }
}

static void first_word_joined__as_of_the_whole(void **state)
{
    uint64_t behind, before, word;

    fill();
    wrg_digest_behind(bytes, 1, &behind);
    for (uint64_t i = 0; i < 1000; i++) {
        word = i * UINT64_C(0x9e3779b97f4a7c15);
        memcpy(bytes, &word, sizeof(word));
        before = behind;
        wrg_digest_behind(bytes, 1, &behind);
        assert_true(behind == before);
        assert_true(wrg_digest_join(behind, word) == digest_of(bytes));
    }
    bytes[8] ^= 1;
    wrg_digest_behind(bytes, 1, &behind);
    assert_true(behind != before);
}

/* Stored hashes and other machines must agree: whatever vectors the compiler finds. */
static void known_sector__known_digest(void **state)
{
    memset(bytes, 0, sizeof(bytes));
    assert_true(digest_of(bytes) == UINT64_C(0x6308d4f4d0158daa));
    fill();
    assert_true(digest_of(bytes) == UINT64_C(0xdfa1b93d8e2916e9));
}

static uint8_t turn[WRG_DIGEST_TURN];

static void flip_of_any_bit_of_a_turn__another_digest_each(void **state)
{
    static uint64_t seen[WRG_DIGEST_TURN * 8];

    memset(turn, 0, sizeof(turn));
    const uint64_t before = wrg_digest_turn(turn);
    for (uint32_t bit = 0; bit < sizeof(turn) * 8; bit++) {
        turn[bit / 8] = (uint8_t)(1u << bit % 8);
        seen[bit] = wrg_digest_turn(turn);
        turn[bit / 8] = 0;
        assert_true(seen[bit] != before);
        for (uint32_t i = 0; i < bit; i++)
            assert_true(seen[i] != seen[bit]);
    }
}

static void swap_of_neighbours_in_a_turn__another_digest(void **state)
{
    uint64_t words[WRG_DIGEST_TURN / 8];

    for (uint32_t i = 0; i < sizeof(turn); i++)
        turn[i] = (uint8_t)(i * 131 + (i >> 3) * 17 + (i >> 9));
    memcpy(words, turn, sizeof(words));
    const uint64_t before = wrg_digest_turn(words);
    for (uint32_t by = 1; by < 64; by++) { /* words, and stripes of eight of them */
        for (uint32_t i = 0; i + by < sizeof(words) / 8; i++) {
            uint64_t word = words[i];
            if (word == words[i + by])
                continue;
            words[i] = words[i + by];
            words[i + by] = word;
            assert_true(wrg_digest_turn(words) != before);
            words[i + by] = words[i];
            words[i] = word;
        }
    }
}

/* The same everywhere, whatever the width of vectors. */
static void known_turn__known_digest(void **state)
{
    for (uint32_t i = 0; i < sizeof(turn); i++)
        turn[i] = (uint8_t)(i * 131 + (i >> 3) * 17 + (i >> 9));
    assert_true(wrg_digest_turn(turn) == UINT64_C(0x24ab7f1f8875e5de));
}

static void flip_of_any_bit_of_any_length__another_chain(void **state)
{
    fill();
    for (size_t len = 0; len <= 130; len++) {
        const uint64_t before = wrg_digest_bytes(7, bytes, len);
        assert_true(wrg_digest_bytes(8, bytes, len) != before);
        assert_true(wrg_digest_bytes(7, bytes, len + 1) != before);
        for (uint32_t bit = 0; bit < len * 8; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_true(wrg_digest_bytes(7, bytes, len) != before);
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

static void zeros_of_another_length__another_chain(void **state)
{
    uint64_t seen[64];

    memset(bytes, 0, sizeof(bytes));
    for (size_t len = 0; len < 64; len++) {
        seen[len] = wrg_digest_bytes(0, bytes, len);
        for (size_t i = 0; i < len; i++)
            assert_true(seen[i] != seen[len]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flip_of_any_bit__another_digest),
        cmocka_unit_test(flip_of_any_bit_of_zeros__another_digest_each),
        cmocka_unit_test(swap_of_any_two_words__another_digest),
        cmocka_unit_test(stamps_of_neighbours__all_differ),
        cmocka_unit_test(several_sectors__one_each_wherever_they_lie),
        cmocka_unit_test(first_word_joined__as_of_the_whole),
        cmocka_unit_test(known_sector__known_digest),
        cmocka_unit_test(flip_of_any_bit_of_a_turn__another_digest_each),
        cmocka_unit_test(swap_of_neighbours_in_a_turn__another_digest),
        cmocka_unit_test(known_turn__known_digest),
        cmocka_unit_test(flip_of_any_bit_of_any_length__another_chain),
        cmocka_unit_test(zeros_of_another_length__another_chain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
