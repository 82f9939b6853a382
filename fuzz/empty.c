/* SPDX-License-Identifier: MIT */
/* The limit: what the engine itself costs. Built and linked as the other targets are. */
#include "target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return 0;
}
