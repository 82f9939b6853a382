/* SPDX-License-Identifier: MIT */
/*
 * `wringer disk SOURCE TARGET`: copies an image through the simulated rings.
 *
 * A guest with two devices, each with a frontend, a ring and a backend, reads from the one and
 * writes to the other; below the backends are the files (image/job.h).
 */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "image/job.h"

#define SECTOR 512u

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

struct command {
    bool json;
    struct wrg_image_job job;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct command *disk = state->input;
    struct wrg_image_job *job = &disk->job;

    switch (key) {
    case OPT_RING_ORDER: job->ring_order = (unsigned)wrg_cli_number(state, arg, 0, 4); break;
    case OPT_QUEUES: job->queues = (unsigned)wrg_cli_number(state, arg, 1, 12); break;
    case OPT_SEGMENTS: job->segments = (unsigned)wrg_cli_number(state, arg, 1, 4096); break;
    case OPT_DEPTH: job->depth = (unsigned)wrg_cli_number(state, arg, 1, WRG_COPY_SLOTS); break;
    case OPT_PERSISTENT: job->persistent = true; break;
    case OPT_ABI: job->abi = abis[wrg_cli_word(state, arg, abis)]; break;
    case OPT_ENGINE: job->engine = wrg_cli_engine(state, arg); break;
    case OPT_VERIFY: job->verify = true; break;
    case OPT_FAULTS:
        job->has_faults = true;
        job->faults = wrg_cli_number(state, arg, 0, UINT64_MAX);
        break;
    case OPT_FORCE: job->files.force = true; break;
    case OPT_NO_SPARSE: job->files.sparse = false; break;
    case OPT_CHECK: job->check = true; break;
    case OPT_DIRECT: job->direct = true; break;
    case OPT_SYNC: job->sync = true; break;
    case OPT_JSON: disk->json = true; break;
    case ARGP_KEY_ARG:
        if (job->files.target_name)
            argp_error(state, "'%s': one SOURCE and one TARGET", arg);
        else if (job->files.source_name)
            job->files.target_name = arg;
        else
            job->files.source_name = arg;
        break;
    case ARGP_KEY_END:
        if (!job->files.target_name)
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

/* ---- what is said ---- */

static double mib(uint64_t sectors)
{
    return (double)sectors * SECTOR / (1u << 20);
}

static void show(void *ctx, const struct wrg_copy *copy, double seconds)
{
    fprintf(stderr, "\r%s %.0f of %.0f MiB, %.0f MiB/s ", copy->verifying ? "comparing" : "copying",
            mib(copy->verifying ? copy->compared : copy->copied), mib(copy->sectors),
            mib(copy->verifying ? copy->compared : copy->moved) / (seconds + 1e-9));
}

static json_int_t bytes_of(uint64_t sectors)
{
    return (json_int_t)sectors * (json_int_t)SECTOR;
}

static void print_json(const struct wrg_image_job *job)
{
    const struct wrg_copy *copy = &job->copy;

    wrg_cli_print_json(json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:s, s:s}", "source", job->files.source_name,
        "target", job->files.target_name, "bytes", bytes_of(copy->sectors), "copied_bytes",
        bytes_of(copy->moved), "begun_at_bytes", bytes_of(copy->begin), "compared_bytes",
        bytes_of(copy->compared), "tried_again", (json_int_t)copy->retried, "seconds", job->seconds,
        "engine", wrg_cli_engine_name(job->engine), "files", job->waiting));
}

static void print_text(const struct wrg_image_job *job)
{
    const struct wrg_copy *copy = &job->copy;

    printf("%s: %" PRIu64 " bytes, %.1f MiB copied in %.2f s, %.0f MiB/s", job->files.target_name,
           copy->sectors * SECTOR, mib(copy->moved), job->seconds,
           mib(copy->moved) / (job->seconds + 1e-9));
    if (copy->begin)
        printf(", begun at %.1f MiB", mib(copy->begin));
    if (job->has_faults)
        printf(", %" PRIu64 " pieces tried again", copy->retried);
    if (job->verify)
        printf(", %.1f MiB compared", mib(copy->compared));
    putchar('\n');
}

/* ---- the command ---- */

int wrg_cmd_disk(const struct wrg_cli *cli, int argc, char **argv)
{
    struct command *disk = calloc(1, sizeof(*disk));
    struct wrg_image_job *job = &disk->job;
    int code;

    WRG_ASSERT(disk);
    wrg_image_job_init(job);
    job->stop = &stop;
    wrg_cli_parse(cli, &argp, argc, argv, disk);
    job->show = isatty(STDERR_FILENO) ? show : NULL;
    catch_signals();
    code = wrg_image_job_run(job);
    if (job->show)
        fputs("\r\033[K", stderr);
    if (code)
        wrg_cli_error(cli, "%s", job->files.problem);
    else if (disk->json)
        print_json(job);
    else
        print_text(job);
    wrg_image_job_fini(job);
    free(disk);
    return code;
}
