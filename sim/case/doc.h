/* SPDX-License-Identifier: MIT */
/*
 * The description of the case format, made from the op table. Layer: case.
 */
#ifndef WRG_CASE_DOC_H
#define WRG_CASE_DOC_H

#include <stdio.h>

/* Prints docs/case-format.md: Markdown, the same on every run. */
void wrg_ops_doc_print(FILE *out);

#endif
