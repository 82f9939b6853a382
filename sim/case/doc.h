/* SPDX-License-Identifier: MIT */
/*
 * Documents made from tables: the case format, and what may be refused. Layer: case.
 */
#ifndef WRG_CASE_DOC_H
#define WRG_CASE_DOC_H

#include <stdio.h>

/* Prints docs/case-format.md: Markdown, the same on every run. */
void wrg_ops_doc_print(FILE *out);

/* Prints docs/faults.md, likewise. */
void wrg_faults_doc_print(FILE *out);

#endif
