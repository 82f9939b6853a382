#!/bin/bash
# SPDX-License-Identifier: MIT
# Compiles abi_assert.c with one compiler, then again with a planted mistake that must not compile.
#
#   abi_check.sh SOURCE_DIR COMPILER [FLAGS...]
#
# Exit: 0 as expected, 1 not, 77 the compiler is missing (1 with CI=true: nothing is skipped there).
set -u
source_dir=$1
compiler=$2
shift 2

missing() {
    echo "abi_check: $compiler $*: cannot compile here; scripts/setup --dev installs it"
    [ "${CI:-}" = true ] && exit 1
    exit 77
}

# A directory with nothing but Xen's headers: a cross compiler must not see the rest of the host's.
xen=$(mktemp -d) || exit 1
trap 'rm -rf "$xen"' EXIT
ln -s "${WRG_XEN_INCLUDE:-/usr/include}/xen" "$xen/xen" || exit 1

compile() {
    "$compiler" "$@" -std=gnu11 -ffreestanding -fsyntax-only -Wall -Wextra -Wshadow -Werror \
        -D__XEN_INTERFACE_VERSION__=__XEN_LATEST_INTERFACE_VERSION__ \
        -I "$source_dir/include" -I "$source_dir/sim" -isystem "$xen" \
        "$source_dir/sim/wire/abi_assert.c"
}

echo 'int nothing;' | "$compiler" "$@" -fsyntax-only -x c - 2>/dev/null || missing "$@"
compile "$@" || { echo "abi_check: the layout does not hold with $compiler $*"; exit 1; }
if compile "$@" -DWRG_ABI_PLANT=1 2>/dev/null; then
    echo "abi_check: a planted mistake compiled with $compiler $*: the assertions prove nothing"
    exit 1
fi
echo "abi_check: $compiler $* agrees"
