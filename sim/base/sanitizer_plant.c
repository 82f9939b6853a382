/* SPDX-License-Identifier: MIT */
/*
 * A planted undefined shift: the test beside it proves that UBSan ends the process. Without
 * -fno-sanitize-recover it prints and goes on, and every finding of its kind counts as a pass.
 */
#include <stdio.h>

int main(int argc, char **argv)
{
    volatile int bits = 31 + argc;
    volatile int value = 1 << bits;

    printf("went on with %d\n", value);
    return 0;
}
