/* SPDX-License-Identifier: MIT */
/*
 * Are states, operations and ABIs called what the field calls them?
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <xen/io/protocols.h>

#include <wringer/wire.h>

#include "base/base.h"

static void state_names__as_in_xenbus(void **state)
{
    static const char *const names[] = { "Unknown",     "Initialising",  "InitWait",
                                         "Initialised", "Connected",     "Closing",
                                         "Closed",      "Reconfiguring", "Reconfigured",
                                         "invalid" };

    for (unsigned int i = 0; i < WRG_ARRAY_LEN(names); i++)
        assert_string_equal(wrg_wire_state_name(i), names[i]);
    assert_string_equal(wrg_wire_state_name(UINT32_MAX), "invalid");
}

static void op_names__unknown_from_seven_on(void **state)
{
    assert_string_equal(wrg_wire_op_name(WRG_BLKIF_OP_READ), "read");
    assert_string_equal(wrg_wire_op_name(WRG_BLKIF_OP_WRITE_BARRIER), "barrier");
    assert_string_equal(wrg_wire_op_name(WRG_BLKIF_OP_INDIRECT), "indirect");
    assert_string_equal(wrg_wire_op_name(7), "unknown");
    assert_string_equal(wrg_wire_op_name(255), "unknown");
}

static void protocol_node__parses_what_xen_names(void **state)
{
    enum wrg_abi abi = WRG_ABI_NATIVE;

    assert_string_equal(wrg_wire_protocol_name(WRG_ABI_X86_32), XEN_IO_PROTO_ABI_X86_32);
    assert_string_equal(wrg_wire_protocol_name(WRG_ABI_X86_64), XEN_IO_PROTO_ABI_X86_64);
    assert_string_equal(wrg_wire_protocol_name(WRG_ABI_NATIVE), XEN_IO_PROTO_ABI_X86_64);
    assert_int_equal(wrg_wire_protocol_parse(XEN_IO_PROTO_ABI_X86_32, &abi), 0);
    assert_int_equal(abi, WRG_ABI_X86_32);
    assert_int_equal(wrg_wire_protocol_parse(XEN_IO_PROTO_ABI_X86_64, &abi), 0);
    assert_int_equal(abi, WRG_ABI_X86_64);
}

static void protocol_node_of_another_kind__einval_and_untouched(void **state)
{
    static const char *const wrong[] = { XEN_IO_PROTO_ABI_ARM, "", "x86_64", "x86_64-abi ",
                                         "X86_32-ABI" };

    for (unsigned int i = 0; i < WRG_ARRAY_LEN(wrong); i++) {
        enum wrg_abi abi = WRG_ABI_NATIVE;

        assert_int_equal(wrg_wire_protocol_parse(wrong[i], &abi), -EINVAL);
        assert_int_equal(abi, WRG_ABI_NATIVE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_names__as_in_xenbus),
        cmocka_unit_test(op_names__unknown_from_seven_on),
        cmocka_unit_test(protocol_node__parses_what_xen_names),
        cmocka_unit_test(protocol_node_of_another_kind__einval_and_untouched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
