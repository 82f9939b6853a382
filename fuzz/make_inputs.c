/* SPDX-License-Identifier: MIT */
/*
 * wrg-fuzz-inputs: files that fuzz targets start from; made at build time, never committed.
 *
 * usage: wrg-fuzz-inputs dict FILE             the dictionary, from the op table
 *        wrg-fuzz-inputs fixed TARGET NSEG DIR the inputs that speed is measured with: ten requests
 *                                              of NSEG pages each
 *        wrg-fuzz-inputs seeds TARGET DIR TEXT...  the cases that have this target as their victim
 * Exit codes: 0, 2 usage or a mistake in a text, 3 something cannot be written.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "case/dict.h"
#include "case/load.h"
#include "case/mutate.h"

#define REQUESTS 10u
#define VARIANTS 8u

/* A file that tries every combination gives some of them: to read all takes a campaign's time. */
#define SEEDS_OF_A_FILE 8u

static struct wrg_case one; /* too large for the stack */
static uint8_t bytes[WRG_CASE_BYTES_MAX];

static int complain(const char *path)
{
    fprintf(stderr, "wrg-fuzz-inputs: %s: %s\n", path, strerror(errno));
    return 3;
}

static int make_dir(const char *path)
{
    return mkdir(path, 0777) && errno != EEXIST ? complain(path) : 0;
}

static int write_case(const struct wrg_case *c, const char *dir, const char *name, size_t number)
{
    char path[4096];
    size_t len = wrg_case_encode(c, bytes, sizeof(bytes));
    FILE *out;
    bool good;

    snprintf(path, sizeof(path), "%s/%s-%zu", dir, name, number);
    out = fopen(path, "wbe");
    if (!out)
        return complain(path);
    good = fwrite(bytes, 1, len, out) == len;
    if (fclose(out) || !good)
        return complain(path);
    return 0;
}

static int make_dict(const char *path)
{
    FILE *out = fopen(path, "we");

    if (!out)
        return complain(path);
    wrg_dict_print(out);
    return fclose(out) ? complain(path) : 0;
}

/* ---- fixed inputs ---- */

static void add_io(unsigned i, unsigned variant, unsigned nseg)
{
    struct wrg_op op = wrg_op_make(WRG_OP_IO);

    op.io.op = (uint8_t)((i + variant) % 2);
    op.io.sector = (uint64_t)i * nseg * 8 + variant;
    op.io.count = nseg * 8;
    WRG_ASSERT(wrg_case_append(&one, &op));
}

/* Variants publish after each request, or after two, five, all ten; odd ones begin with a write. */
static void add_req(unsigned i, unsigned variant, unsigned nseg)
{
    static const unsigned batches[] = { 1, 2, 5, 10 };
    struct wrg_op op = wrg_op_make(WRG_OP_REQ);

    op.req.op = (uint8_t)((i + variant) % 2);
    op.req.sector = (uint64_t)i * nseg * 8 + variant;
    op.req.nseg = (uint16_t)nseg;
    WRG_ASSERT(wrg_case_append(&one, &op));
    if ((i + 1) % batches[variant / 2 % 4] == 0) {
        op = wrg_op_make(WRG_OP_PUBLISH);
        WRG_ASSERT(wrg_case_append(&one, &op));
    }
}

/* NSEG writes and reads of one node a request; variants differ in who asks. */
static void add_store(unsigned i, unsigned variant, unsigned nseg)
{
    struct wrg_op op = wrg_op_make(WRG_OP_STORE);

    op.store.client = (uint8_t)(variant % 4);
    strcpy(op.store.path, "a");
    strcpy(op.store.value, "x");
    for (unsigned k = 0; k < nseg; k++) {
        op.store.action = (i + k) % 2 ? WRG_CASE_STORE_READ : WRG_CASE_STORE_WRITE;
        WRG_ASSERT(wrg_case_append(&one, &op));
    }
}

static int make_fixed(const char *target, unsigned nseg, const char *dir)
{
    int code = make_dir(dir);
    void (*add)(unsigned i, unsigned variant, unsigned nseg) = add_req;

    if (strcmp(target, "front") == 0)
        add = add_io;
    else if (strcmp(target, "xenstore") == 0)
        add = add_store;
    for (unsigned variant = 0; variant < VARIANTS && !code; variant++) {
        wrg_case_init(&one);
        for (unsigned i = 0; i < REQUESTS; i++)
            add(i, variant, nseg);
        code = write_case(&one, dir, "fixed", variant);
    }
    return code;
}

/* ---- seeds ---- */

/*
 * A seed beyond the budget of segments would keep all that is made of it there, and slow. So would
 * one of a world of another size, which has to be built for it.
 */
static bool attacks(const struct wrg_case *c, const char *target)
{
    const struct wrg_op usual = wrg_op_make(WRG_OP_CONFIG);
    const struct wrg_op_config config = wrg_case_config(c);

    return strcmp(wrg_name(WRG_NAMES_VICTIM, config.victim), target) == 0 &&
           wrg_case_segments(c) <= WRG_SEGMENT_BUDGET && config.guests == 1 && !config.neighbour &&
           config.memory == usual.config.memory;
}

static int add_seed(const char *target, const char *dir, const char *path)
{
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    struct wrg_case_list list;
    char err[512];
    int code = 0;

    if (wrg_case_load(path, &list, err, sizeof(err))) {
        fprintf(stderr, "wrg-fuzz-inputs: %s\n", err);
        return 2;
    }
    for (size_t i = 0; i < list.count && !code; i += list.count / SEEDS_OF_A_FILE + 1) {
        wrg_case_list_get(&list, i, &one);
        if (attacks(&one, target))
            code = write_case(&one, dir, name, i);
    }
    wrg_case_list_fini(&list);
    return code;
}

static int make_seeds(const char *target, const char *dir, char **paths, int count)
{
    int code = make_dir(dir);

    for (int i = 0; i < count && !code; i++)
        code = add_seed(target, dir, paths[i]);
    return code;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "dict") == 0)
        return make_dict(argv[2]);
    if (argc == 5 && strcmp(argv[1], "fixed") == 0)
        return make_fixed(argv[2], (unsigned)strtoul(argv[3], NULL, 10), argv[4]);
    if (argc >= 4 && strcmp(argv[1], "seeds") == 0)
        return make_seeds(argv[2], argv[3], argv + 4, argc - 4);
    fprintf(stderr, "usage: wrg-fuzz-inputs dict FILE | fixed TARGET NSEG DIR | "
                    "seeds TARGET DIR TEXT...\n");
    return 2;
}
