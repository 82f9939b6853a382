/* SPDX-License-Identifier: MIT */
/*
 * The nearest known word, for messages that say "did you mean". Layer: vocab.
 *
 * Edit distance (insert, delete, change, swap of neighbours), case ignored. A word is near if at
 * most a third of what was typed would have to change, one letter of two to five. Single letters
 * and words over 40 bytes are never near.
 */
#ifndef WRG_VOCAB_WORD_H
#define WRG_VOCAB_WORD_H

#include <stddef.h>

struct wrg_nearest {
    const char *typed;
    size_t len;
    unsigned distance; /* of `best` */
    const char *best;
};

/* typed: not NUL-terminated; it must live as long as the search. */
void wrg_nearest_start(struct wrg_nearest *near, const char *typed, size_t len);
void wrg_nearest_offer(struct wrg_nearest *near, const char *word);

/* The nearest word offered (the first among equals), NULL if none is near. */
const char *wrg_nearest_word(const struct wrg_nearest *near);

#endif
