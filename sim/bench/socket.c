/* SPDX-License-Identifier: MIT */
/*
 * The store behind a socket: reads, one at a time, beside a bare ping-pong.
 *
 * Both ends move the same bytes over a socket pair between two threads; the limit's other end knows
 * what to answer without looking. All of them share one processor, so that both figures are of the
 * same kind: across two, a wake-up costs more than the rest.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>

#include "bench/impl.h"
#include "serve/serve.h"

#define PATH   "/local/domain/1/device/vbd/51712/state"
#define VALUE  "4"

#define READS  512u /* some milliseconds: short enough to find quiet ones */
#define ROUNDS 16u  /* for each of the others */

struct bench_socket {
    struct wrg_serve *serve;
    int stop_fd;  /* of the server */
    int store_fd; /* a client's end */
    int limit_fd;
    int echo_fd; /* the other end of the limit */
    pthread_t server, echo;
    cpu_set_t allowed; /* until init, and again after fini */
};

struct times {
    double reads, limit; /* the best, seconds */
};

struct message {
    struct xsd_sockmsg header;
    char payload[64];
};

#define REQUEST_BYTES (sizeof(struct xsd_sockmsg) + sizeof(PATH))
#define REPLY_BYTES   (sizeof(struct xsd_sockmsg) + sizeof(VALUE) - 1)

static struct message compose(uint32_t type, const void *payload, size_t len)
{
    struct message m = { .header = { .type = type, .len = (uint32_t)len } };

    memcpy(m.payload, payload, len);
    return m;
}

/* One message there, `reply_bytes` back. */
static int round_trip(int fd, const void *out, size_t bytes, struct message *reply,
                      size_t reply_bytes)
{
    if (send(fd, out, bytes, MSG_NOSIGNAL) != (ssize_t)bytes ||
        recv(fd, reply, reply_bytes, MSG_WAITALL) != (ssize_t)reply_bytes)
        return -EPROTO;
    return 0;
}

static int read_node(int fd, uint32_t count)
{
    const struct message request = compose(XS_READ, PATH, sizeof(PATH));
    struct message reply;

    for (uint32_t i = 0; i < count; i++) {
        int ret = round_trip(fd, &request, REQUEST_BYTES, &reply, REPLY_BYTES);

        if (ret)
            return ret;
        if (reply.header.type != XS_READ || reply.payload[0] != VALUE[0])
            return -EPROTO;
    }
    return 0;
}

static int write_node(int fd)
{
    const struct message request = compose(XS_WRITE, PATH "\0" VALUE, sizeof(PATH VALUE));
    struct message reply;
    int ret = round_trip(fd, &request, sizeof(request.header) + request.header.len, &reply,
                         sizeof(reply.header) + sizeof("OK"));

    return ret == 0 && reply.header.type != XS_WRITE ? -EPROTO : ret;
}

/* ---- the other ends ---- */

static void *run_server(void *arg)
{
    const struct bench_socket *s = arg;

    return (void *)(intptr_t)wrg_serve_run(s->serve, -1, s->stop_fd);
}

static void *run_echo(void *arg)
{
    const struct bench_socket *s = arg;
    const struct message reply = compose(XS_READ, VALUE, sizeof(VALUE) - 1);
    struct message request;

    while (recv(s->echo_fd, &request, REQUEST_BYTES, MSG_WAITALL) == (ssize_t)REQUEST_BYTES)
        if (send(s->echo_fd, &reply, REPLY_BYTES, MSG_NOSIGNAL) != (ssize_t)REPLY_BYTES)
            break;
    return NULL;
}

/* A server with one client, without a thread yet. */
static int make_store(struct bench_socket *s)
{
    int pair[2], ret;

    ret = wrg_serve_create(&s->serve, WRG_SERVE_NODES_MIN);
    if (ret)
        return ret;
    s->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (s->stop_fd < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    s->store_fd = pair[1];
    return wrg_serve_attach(s->serve, pair[0]);
}

/* For this thread and those that it starts; where it is not allowed, figures vary more. */
static void share_one_processor(struct bench_socket *s)
{
    int cpu = sched_getcpu();
    cpu_set_t one;

    CPU_ZERO(&s->allowed);
    if (cpu < 0 || sched_getaffinity(0, sizeof(s->allowed), &s->allowed))
        return;
    CPU_ZERO(&one);
    CPU_SET((unsigned)cpu, &one);
    (void)sched_setaffinity(0, sizeof(one), &one);
}

static void spread_again(const struct bench_socket *s)
{
    if (CPU_COUNT(&s->allowed) > 0)
        (void)sched_setaffinity(0, sizeof(s->allowed), &s->allowed);
}

static void close_all(struct bench_socket *s)
{
    const int fds[] = { s->stop_fd, s->store_fd, s->limit_fd, s->echo_fd };

    wrg_serve_destroy(s->serve);
    for (size_t i = 0; i < WRG_ARRAY_LEN(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    spread_again(s);
}

static void join_server(struct bench_socket *s)
{
    const uint64_t one = 1;

    WRG_ASSERT(write(s->stop_fd, &one, sizeof(one)) == (ssize_t)sizeof(one));
    pthread_join(s->server, NULL);
}

static void stop(struct bench_socket *s)
{
    shutdown(s->limit_fd, SHUT_RDWR);
    pthread_join(s->echo, NULL);
    join_server(s);
    close_all(s);
}

/* Starts both threads, writes the node that is read. */
static int start(struct bench_socket *s)
{
    int pair[2], ret;

    *s = (struct bench_socket){ .stop_fd = -1, .store_fd = -1, .limit_fd = -1, .echo_fd = -1 };
    share_one_processor(s);
    ret = make_store(s);
    if (ret == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        ret = -errno;
    if (ret == 0) {
        s->limit_fd = pair[0];
        s->echo_fd = pair[1];
        ret = -pthread_create(&s->server, NULL, run_server, s);
    }
    if (ret) {
        close_all(s);
        return ret;
    }
    ret = -pthread_create(&s->echo, NULL, run_echo, s);
    if (ret) {
        join_server(s);
        close_all(s);
        return ret;
    }
    ret = write_node(s->store_fd);
    if (ret)
        stop(s);
    return ret;
}

/* ---- the row ---- */

static int time_round(struct bench_socket *s, struct times *best)
{
    double began = wrg_bench_now();
    int ret = read_node(s->store_fd, READS);

    wrg_bench_keep_best(&best->reads, wrg_bench_now() - began);
    began = wrg_bench_now();
    if (ret == 0)
        ret = read_node(s->limit_fd, READS);
    wrg_bench_keep_best(&best->limit, wrg_bench_now() - began);
    return ret;
}

void wrg_bench_socket(struct wrg_bench *bench)
{
    static const char name[] = "store.socket";
    struct bench_socket s;
    struct times best = { 0 };
    int ret;

    if (!wrg_bench_wanted(bench, name))
        return;
    ret = start(&s);
    if (ret == 0) {
        for (unsigned round = 0; round < bench->args->rounds * ROUNDS && ret == 0; round++)
            ret = time_round(&s, &best);
        stop(&s);
    }
    if (ret == 0) {
        wrg_bench_add(bench, name, READS / best.reads, "reads/s", READS / best.limit);
        return;
    }
    wrg_bench_fail(bench, "%s: %s", name, strerror(-ret));
}
