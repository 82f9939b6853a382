/* SPDX-License-Identifier: MIT */
#include "vocab/word.h"

#include <string.h>

#include "base/base.h"

#define WORD_MAX 40u

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;

    return least < c ? least : c;
}

/* Optimal string alignment: three rows of the matrix suffice. */
static unsigned distance(const char *a, size_t alen, const char *b, size_t blen)
{
    unsigned row[3][WORD_MAX + 1];

    for (unsigned j = 0; j <= blen; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= alen; i++) {
        unsigned *now = row[i % 3];
        const unsigned *up = row[(i + 2) % 3];
        const unsigned *upup = row[(i + 1) % 3];

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= blen; j++) {
            unsigned change = lower(a[i - 1]) != lower(b[j - 1]);

            now[j] = min3(up[j] + 1, now[j - 1] + 1, up[j - 1] + change);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1]) && upup[j - 2] + 1 < now[j])
                now[j] = upup[j - 2] + 1;
        }
    }
    return row[alen % 3][blen];
}

void wrg_nearest_start(struct wrg_nearest *near, const char *typed, size_t len)
{
    size_t allowed = len < 6 ? len > 1 : len / 3;

    *near = (struct wrg_nearest){ .typed = typed, .len = len, .distance = (unsigned)allowed + 1 };
}

void wrg_nearest_offer(struct wrg_nearest *near, const char *word)
{
    size_t len = strlen(word);
    unsigned d;

    if (len > WORD_MAX || near->len > WORD_MAX || near->len == 0)
        return;
    d = distance(near->typed, near->len, word, len);
    if (d < near->distance) {
        near->distance = d;
        near->best = word;
    }
}

const char *wrg_nearest_word(const struct wrg_nearest *near)
{
    return near->best;
}
