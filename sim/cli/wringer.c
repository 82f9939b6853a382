/* SPDX-License-Identifier: MIT */
#include <wringer/wringer.h>

int main(int argc, char **argv)
{
    return wrg_main(argc, argv, NULL);
}
