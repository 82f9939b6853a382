/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "case/codec.h"
#include "cli/show.h"

enum { OPT_CASE = 256 };

struct encode {
    const char *path;
    const char *out; /* NULL or "-": stdout */
    size_t only;
};

struct bytes {
    uint8_t *data;
    size_t len;
};

static const struct argp_option options[] = {
    { "output", 'o', "OUT", 0, "Write to this file", 0 },
    { "case", OPT_CASE, "K", 0, "The Kth case of a file with `repeat`", 0 },
    { 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct encode *encode = state->input;

    switch (key) {
    case 'o': encode->out = arg; break;
    case OPT_CASE:
        encode->only = (size_t)wrg_cli_number(state, arg, 1, WRG_CASE_REPEATS_MAX);
        break;
    case ARGP_KEY_ARG: wrg_cli_only_argument(state, arg, &encode->path); break;
    case ARGP_KEY_END:
        if (!encode->path)
            argp_usage(state);
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .args_doc = "FILE",
    .doc = "Writes a case as canonical bytes, as fuzzers read it.",
};

static void write_bytes(const void *ctx, FILE *out)
{
    const struct bytes *bytes = ctx;

    fwrite(bytes->data, 1, bytes->len, out);
}

static int write_case(const struct wrg_cli *cli, const struct encode *encode,
                      const struct wrg_case *c)
{
    struct bytes bytes = { .len = wrg_case_encoded_bytes(c) };
    int code = WRG_EXIT_OK;

    bytes.data = malloc(bytes.len);
    WRG_ASSERT(bytes.data);
    bytes.len = wrg_case_encode(c, bytes.data, bytes.len);
    if (encode->out && strcmp(encode->out, "-") != 0)
        code = wrg_cli_write_file(cli, encode->out, write_bytes, &bytes);
    else
        write_bytes(&bytes, stdout);
    free(bytes.data);
    return code;
}

static bool is_tty(const struct encode *encode)
{
    FILE *out;
    bool result;

    if (!encode->out || strcmp(encode->out, "-") == 0)
        return isatty(STDOUT_FILENO);
    out = access(encode->out, F_OK) == 0 ? fopen(encode->out, "re") : NULL;
    result = out && isatty(fileno(out));
    if (out)
        fclose(out);
    return result;
}

int wrg_cmd_encode(const struct wrg_cli *cli, int argc, char **argv)
{
    struct encode encode = { 0 };
    struct wrg_case_list list;
    struct wrg_case *c;
    int code;

    wrg_cli_parse(cli, &argp, argc, argv, &encode);
    if (is_tty(&encode)) {
        wrg_cli_error(cli, "%s: bytes are not written to a terminal; use -o FILE", encode.path);
        return WRG_EXIT_USAGE;
    }
    code = wrg_cli_load(cli, encode.path, encode.only, &list);
    if (code)
        return code;
    if (list.count > 1 && !encode.only) {
        wrg_cli_error(cli, "%s: holds %zu cases; choose one with --case", encode.path, list.count);
        wrg_case_list_fini(&list);
        return WRG_EXIT_USAGE;
    }
    c = malloc(sizeof(*c));
    WRG_ASSERT(c);
    wrg_case_list_get(&list, encode.only ? encode.only - 1 : 0, c);
    code = write_case(cli, &encode, c);
    free(c);
    wrg_case_list_fini(&list);
    return code;
}
