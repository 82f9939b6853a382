/* SPDX-License-Identifier: MIT */
/*
 * `wringer disk SOURCE TARGET`: copies an image through the simulated rings.
 *
 * A guest with two devices, each with a frontend, a ring and a backend, reads from the one and
 * writes to the other (disk_copy.h); below the backends are the files (disk_image.h).
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/disk_impl.h"

enum {
    OPT_RING_ORDER = 256,
    OPT_QUEUES,
    OPT_SEGMENTS,
    OPT_PERSISTENT,
    OPT_ABI,
    OPT_ENGINE,
    OPT_DEPTH,
    OPT_VERIFY,
    OPT_FAULTS,
    OPT_FORCE,
    OPT_NO_SPARSE,
    OPT_CHECK,
    OPT_DIRECT,
    OPT_SYNC,
    OPT_JSON
};

static volatile sig_atomic_t stop;

static const char *const engines[] = { "fiber", "thread", NULL };
static const char *const abis[] = { "native", "x86_32", "x86_64", NULL };

static const struct argp_option options[] = {
    { "ring-order", OPT_RING_ORDER, "N", 0, "Rings of 2^N pages, 0..4 (default 2)", 0 },
    { "queues", OPT_QUEUES, "N", 0, "Queues of each device, 1..12 (default 1)", 0 },
    { "segments", OPT_SEGMENTS, "N", 0, "Pages of a request, 1..4096 (default 256)", 0 },
    { "depth", OPT_DEPTH, "N", 0, "Pieces at a time, 1..64 (default 4)", 0 },
    { "persistent", OPT_PERSISTENT, NULL, 0, "Keep grants mapped", 0 },
    { "abi", OPT_ABI, "ABI", 0, "native (default), x86_64 or x86_32", 0 },
    { "engine", OPT_ENGINE, "E", 0, "fiber (default), or thread: drivers on real threads", 0 },
    { "verify", OPT_VERIFY, NULL, 0, "Read both images again through the rings, and compare", 0 },
    { "faults", OPT_FAULTS, "SEED", 0,
      "Let calls of the drivers and of their disks fail now and then", 0 },
    { "force", OPT_FORCE, NULL, 0, "Replace a target that exists", 0 },
    { "no-sparse", OPT_NO_SPARSE, NULL, 0, "Write holes of the source as zeros", 0 },
    { "direct", OPT_DIRECT, NULL, 0, "Past the page cache, where the file system lets us", 0 },
    { "sync", OPT_SYNC, NULL, 0, "End when the copy is on the medium", 0 },
    { "check", OPT_CHECK, NULL, 0, "Let the checkers judge the drivers; much slower", 0 },
    { "json", OPT_JSON, NULL, 0, "Print the result as JSON", 0 },
    { 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct wrg_disk_command *disk = state->input;

    switch (key) {
    case OPT_RING_ORDER: disk->ring_order = (unsigned)wrg_cli_number(state, arg, 0, 4); break;
    case OPT_QUEUES: disk->queues = (unsigned)wrg_cli_number(state, arg, 1, 12); break;
    case OPT_SEGMENTS: disk->segments = (unsigned)wrg_cli_number(state, arg, 1, 4096); break;
    case OPT_DEPTH: disk->depth = (unsigned)wrg_cli_number(state, arg, 1, WRG_COPY_SLOTS); break;
    case OPT_PERSISTENT: disk->persistent = true; break;
    case OPT_ABI: disk->abi = abis[wrg_cli_word(state, arg, abis)]; break;
    case OPT_ENGINE: disk->engine = (enum wrg_engine)wrg_cli_word(state, arg, engines); break;
    case OPT_VERIFY: disk->verify = true; break;
    case OPT_FAULTS:
        disk->has_faults = true;
        disk->faults = wrg_cli_number(state, arg, 0, UINT64_MAX);
        break;
    case OPT_FORCE: disk->images.force = true; break;
    case OPT_NO_SPARSE: disk->images.sparse = false; break;
    case OPT_CHECK: disk->check = true; break;
    case OPT_DIRECT: disk->direct = true; break;
    case OPT_SYNC: disk->sync = true; break;
    case OPT_JSON: disk->json = true; break;
    case ARGP_KEY_ARG:
        if (disk->images.target_name)
            argp_error(state, "'%s': one SOURCE and one TARGET", arg);
        else if (disk->images.source_name)
            disk->images.target_name = arg;
        else
            disk->images.source_name = arg;
        break;
    case ARGP_KEY_END:
        if (!disk->images.target_name)
            argp_usage(state);
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .args_doc = "SOURCE TARGET",
    .doc =
        "Copies a disk image through the simulated rings.\v"
        "A guest reads from its first device, whose backend serves SOURCE, and writes to its "
        "second one, whose backend serves the copy. Holes of SOURCE stay holes. The copy grows in "
        "TARGET.wringer-part and becomes TARGET when it is complete. After a kill or an interrupt "
        "the same command goes on where it was, if SOURCE has not changed since; after a failure "
        "nothing is left.\n"
        "\n"
        "Checkers are off unless --check is given: they want to see every access, and remember "
        "64 MiB of a disk. With --faults a piece that fails is tried again, up to 32 times; the "
        "copy is right, or the command says what failed.\n"
        "\n"
        "Exit codes: 0 TARGET is the copy, 1 a rule was broken or the copy differs, 2 usage, or an "
        "image that cannot be used, 3 a fault of the machine below, I/O that failed for good, or "
        "an "
        "interrupt.",
};

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

/* A second one ends the process at once. A file that is too large is an error like others. */
static void catch_signals(void)
{
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGXFSZ, SIG_IGN);
}

static void clear_line(const struct wrg_disk_command *disk)
{
    if (disk->tty)
        fputs("\r\033[K", stderr);
}

int wrg_cmd_disk(const struct wrg_cli *cli, int argc, char **argv)
{
    struct wrg_disk_command *disk = calloc(1, sizeof(*disk));
    int code;

    WRG_ASSERT(disk);
    disk->cli = disk->images.cli = cli;
    disk->ring_order = 2;
    disk->queues = 1;
    disk->segments = 256;
    disk->depth = 4;
    disk->abi = abis[0];
    disk->images.sparse = true;
    wrg_cli_parse(cli, &argp, argc, argv, disk);
    disk->tty = isatty(STDERR_FILENO);
    catch_signals();
    code = wrg_disk_images_open(&disk->images);
    if (!code) {
        code = wrg_disk_command_build(disk, &stop);
        if (!code)
            code = wrg_disk_command_run(disk);
        clear_line(disk);
        if (code)
            wrg_disk_images_abandon(&disk->images);
        else
            code = wrg_disk_command_conclude(disk);
        if (!code)
            wrg_disk_command_print(disk);
        wrg_disk_command_demolish(disk);
    }
    wrg_disk_images_close(&disk->images);
    free(disk);
    return code;
}
