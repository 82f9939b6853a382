/* SPDX-License-Identifier: MIT */
/*
 * The fuzzers' dictionary, made from the op table. Layer: case.
 */
#ifndef WRG_CASE_DICT_H
#define WRG_CASE_DICT_H

#include <stdio.h>

/*
 * Prints a dictionary as libFuzzer and AFL++ read it: each op with its defaults, and the boundary
 * values in every width that an operand has them in.
 */
void wrg_dict_print(FILE *out);

#endif
