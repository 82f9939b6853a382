/* SPDX-License-Identifier: MIT */
/*
 * Names of states, operations and ABIs, as the field spells them.
 *
 * Layer:  wire. Pure data.
 * Source: xen/io/xenbus.h, xen/io/blkif.h, xen/io/protocols.h.
 */
#include <wringer/wire.h>

#include <errno.h>
#include <string.h>

#include "base/base.h"

static const char *const state_names[] = {
    [WRG_XENBUS_UNKNOWN] = "Unknown",
    [WRG_XENBUS_INITIALISING] = "Initialising",
    [WRG_XENBUS_INIT_WAIT] = "InitWait",
    [WRG_XENBUS_INITIALISED] = "Initialised",
    [WRG_XENBUS_CONNECTED] = "Connected",
    [WRG_XENBUS_CLOSING] = "Closing",
    [WRG_XENBUS_CLOSED] = "Closed",
    [WRG_XENBUS_RECONFIGURING] = "Reconfiguring",
    [WRG_XENBUS_RECONFIGURED] = "Reconfigured",
};

static const char *const op_names[] = {
    [WRG_BLKIF_OP_READ] = "read",
    [WRG_BLKIF_OP_WRITE] = "write",
    [WRG_BLKIF_OP_WRITE_BARRIER] = "barrier",
    [WRG_BLKIF_OP_FLUSH_DISKCACHE] = "flush",
    [WRG_BLKIF_OP_RESERVED_1] = "reserved",
    [WRG_BLKIF_OP_DISCARD] = "discard",
    [WRG_BLKIF_OP_INDIRECT] = "indirect",
};

static const struct {
    const char *name, *protocol;
} abis[WRG_ABI_COUNT] = {
    [WRG_ABI_NATIVE] = { "native", "x86_64-abi" },
    [WRG_ABI_X86_64] = { "x86_64", "x86_64-abi" },
    [WRG_ABI_X86_32] = { "x86_32", "x86_32-abi" },
};

const char *wrg_wire_state_name(unsigned int state)
{
    return state < WRG_ARRAY_LEN(state_names) ? state_names[state] : "invalid";
}

const char *wrg_wire_op_name(unsigned int operation)
{
    return operation < WRG_ARRAY_LEN(op_names) ? op_names[operation] : "unknown";
}

const char *wrg_wire_abi_name(enum wrg_abi abi)
{
    WRG_ASSERT((unsigned int)abi < WRG_ABI_COUNT);
    return abis[abi].name;
}

const char *wrg_wire_protocol_name(enum wrg_abi abi)
{
    WRG_ASSERT((unsigned int)abi < WRG_ABI_COUNT);
    return abis[abi].protocol;
}

int wrg_wire_protocol_parse(const char *protocol, enum wrg_abi *abi)
{
    for (unsigned int i = WRG_ABI_X86_64; i < WRG_ABI_COUNT; i++) {
        if (strcmp(protocol, abis[i].protocol) == 0) {
            *abi = (enum wrg_abi)i;
            return 0;
        }
    }
    return -EINVAL;
}
