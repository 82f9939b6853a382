/* SPDX-License-Identifier: MIT */
/*
 * The store behind a socket, under measurement: reads, one at a time, beside a bare ping-pong.
 *
 * Layer: cli. Both ends move the same bytes over a socket pair between two threads; the limit's
 * other end knows what to answer without looking. All of them share one processor, so that both
 * figures are of the same kind: across two, a wake-up costs more than the rest.
 * Errors: -errno of the machine.
 */
#ifndef WRG_CLI_BENCH_SOCKET_H
#define WRG_CLI_BENCH_SOCKET_H

#include <pthread.h>
#include <sched.h>

#include "serve/serve.h"

struct wrg_bench_socket {
    struct wrg_serve *serve;
    int stop_fd;  /* of the server */
    int store_fd; /* a client's end */
    int limit_fd;
    int echo_fd; /* the other end of the limit */
    pthread_t server, echo;
    cpu_set_t allowed; /* until init, and again after fini */
};

/* Starts both threads, writes the node that is read. */
WRG_MUST_USE int wrg_bench_socket_init(struct wrg_bench_socket *s);
void wrg_bench_socket_fini(struct wrg_bench_socket *s);

/* So many reads of one node, or round trips of as many bytes; -EPROTO: a wrong answer. */
WRG_MUST_USE int wrg_bench_socket_reads(struct wrg_bench_socket *s, uint32_t count);
WRG_MUST_USE int wrg_bench_socket_limit(struct wrg_bench_socket *s, uint32_t count);

#endif
