/* SPDX-License-Identifier: MIT */
/* `wringer xenstored`: the store on a unix socket, until a signal ends it. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/cli.h"
#include "serve/listen.h"
#include "serve/serve.h"

enum { OPT_SOCKET = 256, OPT_PID_FILE, OPT_NODES };

struct xenstored {
    const char *socket;
    const char *pid_file;
    uint32_t nodes;
};

static const struct argp_option options[] = {
    { "socket", OPT_SOCKET, "PATH", 0, "Where clients connect", 0 },
    { "pid-file", OPT_PID_FILE, "FILE", 0, "Write the process id there, while it runs", 0 },
    { "nodes", OPT_NODES, "N", 0, "Room for N nodes (default 100000)", 0 },
    { 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct xenstored *x = state->input;

    switch (key) {
    case OPT_SOCKET: x->socket = arg; break;
    case OPT_PID_FILE: x->pid_file = arg; break;
    case OPT_NODES:
        x->nodes = (uint32_t)wrg_cli_number(state, arg, WRG_SERVE_NODES_MIN, WRG_SERVE_NODES_MAX);
        break;
    case ARGP_KEY_ARG: argp_error(state, "'%s': no argument is taken", arg); break;
    case ARGP_KEY_END:
        if (!x->socket)
            argp_error(state, "--socket PATH is needed");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .doc = "Serves the simulator's xenstore on a unix socket. Every client is domain 0. Prints one "
           "line when it is ready; SIGTERM and SIGINT end it with exit code 0.\v"
           "XENSTORED_PATH=PATH points the xenstore-* programs of Xen at it.",
};

/* A descriptor that is readable once a signal asks for the end, or -errno. */
static int open_signals(void)
{
    sigset_t signals;
    int fd;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return -errno;
    fd = signalfd(-1, &signals, SFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static void write_pid(const void *ctx, FILE *out)
{
    fprintf(out, "%jd\n", (intmax_t) * (const pid_t *)ctx);
}

static int listen_error(const struct wrg_cli *cli, const char *path, int error)
{
    switch (-error) {
    case EADDRINUSE: wrg_cli_error(cli, "%s: another server answers there", path); break;
    case ENOTSOCK: wrg_cli_error(cli, "%s: is there, and is no socket", path); break;
    case ENAMETOOLONG: wrg_cli_error(cli, "%s: a socket's path has 107 bytes at most", path); break;
    default: wrg_cli_error(cli, "%s: %s", path, strerror(-error)); break;
    }
    return WRG_EXIT_USAGE;
}

/* The socket listens. */
static int serve_until_signal(const struct wrg_cli *cli, const struct xenstored *x,
                              struct wrg_serve *serve, const struct wrg_serve_socket *socket,
                              int signal_fd)
{
    pid_t pid = getpid();
    int ret = x->pid_file ? wrg_cli_write_file(cli, x->pid_file, write_pid, &pid) : 0;

    if (ret)
        return ret;
    printf("ready: %s\n", x->socket);
    fflush(stdout);
    ret = wrg_serve_run(serve, socket->fd, signal_fd);
    if (x->pid_file)
        unlink(x->pid_file);
    if (ret == 0)
        return WRG_EXIT_OK;
    wrg_cli_error(cli, "%s: %s", x->socket, strerror(-ret));
    return WRG_EXIT_FAULT;
}

int wrg_cmd_xenstored(const struct wrg_cli *cli, int argc, char **argv)
{
    struct xenstored x = { .nodes = WRG_SERVE_NODES };
    struct wrg_serve_socket socket;
    struct wrg_serve *serve = NULL;
    int signal_fd, ret, code;

    wrg_cli_parse(cli, &argp, argc, argv, &x);
    signal_fd = open_signals();
    ret = signal_fd < 0 ? signal_fd : wrg_serve_create(&serve, x.nodes);
    if (ret) {
        wrg_cli_error(cli, "%s: %s", x.socket, strerror(-ret));
        return WRG_EXIT_FAULT;
    }
    ret = wrg_serve_listen(&socket, x.socket);
    if (ret) {
        code = listen_error(cli, x.socket, ret);
    } else {
        code = serve_until_signal(cli, &x, serve, &socket, signal_fd);
        wrg_serve_unlisten(&socket);
    }
    wrg_serve_destroy(serve);
    close(signal_fd);
    return code;
}
