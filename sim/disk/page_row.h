/* SPDX-License-Identifier: MIT */
/*
 * Whole pages that lie in a row, which a disk moves in one piece.
 *
 * What it is    What big requests are made of: their pages are neighbours, and so are the places
 *               where they are mapped. A disk that looks at all of them before it copies the first
 *               finds what it reads still in the caches.
 * Layer         disk
 * Units         vectors, which are pages
 * Errors        none: what is wrong with a vector is found where it is moved alone
 */
#ifndef WRG_DISK_PAGE_ROW_H
#define WRG_DISK_PAGE_ROW_H

#include "disk/disk.h"

/*
 * How many from the first of `count` vectors on are whole pages, follow each other in memory from
 * the first one's view on, and may be moved without a word to anybody: mapped, and for a read of
 * the disk writable and known as dirty. 0: the first is not. write: to the disk. Sees no view but
 * those that the vectors name.
 */
uint32_t wrg_page_row_count(const struct wrg_disk_context *context, const struct wrg_vec *vec,
                            uint32_t count, bool write);

#endif
