/* SPDX-License-Identifier: MIT */
#include "case/text.h"

#include "case/value.h"

/* Operands stand below each other, as far as the longest common name of an op goes. */
#define NAME_COLUMNS 7

static bool prints_anything(const struct wrg_op *op, const struct wrg_op_info *info)
{
    for (unsigned i = 0; i < info->nargs; i++)
        if (!wrg_arg_is_default(op, &info->args[i]))
            return true;
    return false;
}

void wrg_case_print_op(const struct wrg_op *op, FILE *out)
{
    const struct wrg_op_info *info = wrg_op_info(op->kind);

    if (op->kind == WRG_OP_EXPECT) {
        fprintf(out, "%-*s ", NAME_COLUMNS, info->name);
        wrg_value_print(op, &info->args[0], out);
        return;
    }
    if (!prints_anything(op, info)) {
        fputs(info->name, out);
        return;
    }
    fprintf(out, "%-*s", NAME_COLUMNS, info->name);
    for (unsigned i = 0; i < info->nargs; i++) {
        const struct wrg_arg *arg = &info->args[i];

        if (wrg_arg_is_default(op, arg))
            continue;
        fprintf(out, " %s=", arg->name);
        wrg_value_print(op, arg, out);
    }
}

void wrg_case_print(const struct wrg_case *from, FILE *out)
{
    fprintf(out, WRG_CASE_TEXT_MARK "%u\n", from->version);
    for (unsigned i = 0; i < from->nops; i++) {
        wrg_case_print_op(&from->ops[i], out);
        fputc('\n', out);
    }
}
