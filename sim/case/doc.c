/* SPDX-License-Identifier: MIT */
#include "case/doc.h"

#include <inttypes.h>

#include "case/codec.h"
#include "case/value.h"

static const char intro[] =
    "# The case format\n"
    "\n"
    "This file is made from the op table (`sim/vocab/ops.def`); do not edit it.\n"
    "\n"
    "A case is one file that decides a whole run. It has two forms. Bytes are for fuzzers: every\n"
    "byte string is a legal case. Text is for people: a mistake in it is an error with file, line\n"
    "and column. `wringer show` prints bytes as text, `wringer encode` makes bytes of text.\n"
    "\n"
    "## Text\n"
    "\n"
    "A file is text if its name ends in `.wring` or it begins with `wringer `. The first line is\n"
    "`wringer 1`. Then one op a line: `op name=value ...`, operands in any order. Those left out\n"
    "take their defaults. `#` begins a comment. Numbers are decimal or `0x`. Texts are quoted, "
    "with\n"
    "`\\n \\t \\r \\\" \\\\ \\xNN`. The rule of `expect` stands without a name.\n"
    "\n"
    "```\n"
    "wringer 1\n"
    "repeat  n=1,511,512,513           # one case of each value, used as $n below\n"
    "req     op=indirect inner=write nseg=$n sector=8\n"
    "publish\n"
    "expect  clean\n"
    "```\n"
    "\n"
    "Several `repeat` lines multiply, up to 4096 cases a file; the first varies fastest. Names in "
    "one\n"
    "line step together, as the columns of a table: `repeat op=read,write nseg=1,11` is two "
    "cases.\n"
    "\n"
    "## Bytes\n"
    "\n"
    "`version(1) op*`, with op = `kind(1) len(1) operands[len]`, little-endian, operands in the\n"
    "order of the tables below, 255 bytes at most, and 256 ops at most. Kinds are never "
    "renumbered,\n"
    "and operands are only appended. When bytes are read, unknown and reserved kinds are skipped "
    "by\n"
    "their length; operands missing at the end of a block take their default, one that is there "
    "in\n"
    "part too; surplus bytes are ignored; numbers out of range are folded to `min + v % (max - min "
    "+\n"
    "1)`, unknown names likewise. A first byte that is no known version counts as 1. Encoding "
    "what\n"
    "was decoded gives the canonical bytes.\n"
    "\n"
    "Beside their range, some operands have a value of their own: `absent` is the largest number "
    "of\n"
    "its width, `auto` (whatever an honest peer would put there) the largest but one.\n";

static void print_default(const struct wrg_arg *arg, const struct wrg_op *op, FILE *out)
{
    fputc('`', out);
    wrg_value_print(op, arg, out);
    fputc('`', out);
}

static void print_op(unsigned kind, FILE *out)
{
    const struct wrg_op_info *info = wrg_op_info(kind);
    struct wrg_op op = wrg_op_make((enum wrg_op_kind)kind);
    char range[2048];

    fprintf(out, "\n### %s (%u)\n\n%c%s.\n\n", info->name, kind, info->help[0] & ~0x20,
            info->help + 1);
    fputs("| operand | bytes | takes | default | meaning |\n|---|---|---|---|---|\n", out);
    for (unsigned i = 0; i < info->nargs; i++) {
        const struct wrg_arg *arg = &info->args[i];

        fprintf(out, "| `%s` | %u | %s | ", arg->name, arg->wire_bytes,
                wrg_value_range(arg, range, sizeof(range)));
        print_default(arg, &op, out);
        fprintf(out, " | %s |\n", arg->help);
    }
}

static void print_reserved(FILE *out)
{
    fputs("\n### Reserved\n\nThese kinds have their number, and mean nothing yet:", out);
    for (unsigned kind = 1; kind <= WRG_OP_KIND_MAX; kind++) {
        const struct wrg_op_info *info = wrg_op_info(kind);

        if (info->name && !info->live)
            fprintf(out, " `%s` (%u)", info->name, kind);
    }
    fputs(".\n", out);
}

static void print_faults(FILE *out)
{
    fputs("\n## Fault sites\n\nThe first status is the default. In text another than these is a "
          "mistake, in\nbytes it is read as `auto`. [faults.md](faults.md) says of each why a real "
          "system may do this.\n\n| site | status | what is refused |\n|---|---|---|\n",
          out);
    for (unsigned s = 0; s < WRG_COUNT_SITE; s++) {
        const struct wrg_fault_info *info = wrg_fault_info((enum wrg_fault_site)s);

        fprintf(out, "| `%s` | ", info->name);
        for (unsigned i = 0; i < info->nstatuses; i++)
            fprintf(out, "%s%" PRId32, i ? ", " : "", info->statuses[i].status);
        fprintf(out, " | %s |\n", info->what);
    }
}

static const char faults_intro[] =
    "# What may be refused\n"
    "\n"
    "This file is made from the table of faults (`sim/vocab/faults.def`); do not edit it.\n"
    "\n"
    "Every call of the port that can fail in a real guest can fail here, with each status that it "
    "can\n"
    "fail with there: by `fault`, which names the nth call of a site, or by `fault-rate`. Calls "
    "that\n"
    "release something (unmap, close, free, unwatch) never fail, nor do those of which\n"
    "`include/wringer/calls.def` says why. What a caller's own mistake brings about is no fault "
    "and\n"
    "is not listed. The first status of a site is its default.\n";

void wrg_faults_doc_print(FILE *out)
{
    fputs(faults_intro, out);
    for (unsigned group = 0; group < WRG_FAULT_GROUP_COUNT; group++) {
        const char *name = wrg_fault_group_name((enum wrg_fault_group)group);

        fprintf(out,
                "\n## %c%s\n\n| site | status | why a real system may do this |\n|---|---|---|\n",
                name[0] & ~0x20, name + 1);
        for (unsigned s = 0; s < WRG_COUNT_SITE; s++) {
            const struct wrg_fault_info *info = wrg_fault_info((enum wrg_fault_site)s);

            if (info->group != group)
                continue;
            fprintf(out, "| `%s` | | *%s* |\n", info->name, info->what);
            for (unsigned i = 0; i < info->nstatuses; i++)
                fprintf(out, "| | %" PRId32 " %s | %s |\n", info->statuses[i].status,
                        wrg_fault_status_name((enum wrg_fault_site)s, info->statuses[i].status),
                        info->statuses[i].why);
        }
    }
}

void wrg_ops_doc_print(FILE *out)
{
    fputs(intro, out);
    fputs("\n## Ops\n", out);
    for (unsigned kind = 1; kind <= WRG_OP_KIND_MAX; kind++)
        if (wrg_op_info(kind)->live)
            print_op(kind, out);
    print_reserved(out);
    print_faults(out);
}
