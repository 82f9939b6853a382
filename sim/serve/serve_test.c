/* SPDX-License-Identifier: MIT */
#include "serve/serve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>

#include "serve/listen.h"
#include "store/xenstore_wire.h"

#define WAIT_MS 20000 /* longer than anything takes, shorter than the test's own limit */

/* A server in a thread of its own, and clients of it. */
struct fixture {
    struct wrg_serve *serve;
    pthread_t thread;
    int stop;
    int client[3];
};

struct answer {
    struct xsd_sockmsg header;
    char payload[WRG_XS_PAYLOAD_MAX + 1];
};

static void *run_server(void *arg)
{
    struct fixture *f = arg;

    return (void *)(intptr_t)wrg_serve_run(f->serve, -1, f->stop);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    assert_int_equal(wrg_serve_create(&f->serve, WRG_SERVE_NODES), 0);
    for (size_t i = 0; i < WRG_ARRAY_LEN(f->client); i++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(wrg_serve_attach(f->serve, pair[0]), 0);
        f->client[i] = pair[1];
    }
    f->stop = eventfd(0, EFD_CLOEXEC);
    assert_true(f->stop >= 0);
    assert_int_equal(pthread_create(&f->thread, NULL, run_server, f), 0);
    *state = f;
    return 0;
}

/* Ends the server; returns how many clients it still had. */
static uint32_t stop(struct fixture *f)
{
    const uint64_t one = 1;
    void *result = NULL;

    assert_int_equal(write(f->stop, &one, sizeof(one)), sizeof(one));
    assert_int_equal(pthread_join(f->thread, &result), 0);
    assert_null(result);
    close(f->stop);
    f->stop = -1;
    return wrg_serve_clients(f->serve);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->stop >= 0)
        (void)stop(f);
    wrg_serve_destroy(f->serve);
    for (size_t i = 0; i < WRG_ARRAY_LEN(f->client); i++)
        if (f->client[i] >= 0)
            close(f->client[i]);
    free(f);
    return 0;
}

/* ---- a client's side ---- */

static size_t compose(char *out, uint32_t type, uint32_t req_id, const void *payload, size_t len)
{
    struct xsd_sockmsg header = { .type = type, .req_id = req_id, .len = (uint32_t)len };

    memcpy(out, &header, sizeof(header));
    memcpy(out + sizeof(header), payload, len);
    return sizeof(header) + len;
}

static void send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);
        assert_true(sent > 0);
        data += sent;
        len -= (size_t)sent;
    }
}

/* False when the server has closed the connection. */
static bool receive(int fd, void *to, size_t len)
{
    for (size_t at = 0; at < len;) {
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        ssize_t got;

        assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
        got = recv(fd, (char *)to + at, len - at, 0);
        if (got <= 0)
            return false;
        at += (size_t)got;
    }
    return true;
}

static bool next(int fd, struct answer *answer)
{
    if (!receive(fd, &answer->header, sizeof(answer->header)))
        return false;
    assert_true(answer->header.len <= WRG_XS_PAYLOAD_MAX);
    answer->payload[answer->header.len] = '\0';
    return receive(fd, answer->payload, answer->header.len);
}

static void ask(int fd, uint32_t type, const void *payload, size_t len)
{
    char message[WRG_XS_MESSAGE_MAX];

    send_all(fd, message, compose(message, type, 0, payload, len));
}

static void expect(int fd, uint32_t type, const char *payload)
{
    struct answer answer;

    assert_true(next(fd, &answer));
    assert_int_equal(answer.header.type, type);
    assert_string_equal(answer.payload, payload);
}

static void write_value(int fd, const char *path, const char *value)
{
    char payload[256];
    size_t len = (size_t)snprintf(payload, sizeof(payload), "%s%c%s", path, 0, value);

    ask(fd, XS_WRITE, payload, len);
    expect(fd, XS_WRITE, "OK");
}

static void read_value(int fd, const char *path, const char *value)
{
    ask(fd, XS_READ, path, strlen(path) + 1);
    expect(fd, XS_READ, value);
}

static void watch(int fd, const char *path)
{
    char payload[256];
    size_t len = (size_t)snprintf(payload, sizeof(payload), "%s%ct", path, 0) + 1;

    ask(fd, XS_WATCH, payload, len);
    expect(fd, XS_WATCH, "OK");
    expect(fd, XS_WATCH_EVENT, path);
}

/* ---- tests ---- */

static void fresh_store__has_what_xenstored_puts_there(void **state)
{
    const struct fixture *f = *state;

    read_value(f->client[0], "/tool/xenstored", "");
}

static void several_clients__one_store(void **state)
{
    const struct fixture *f = *state;

    write_value(f->client[0], "/a", "1");
    read_value(f->client[1], "/a", "1");
    write_value(f->client[2], "/a", "2");
    read_value(f->client[0], "/a", "2");
}

static void message_byte_by_byte__answered_once_whole(void **state)
{
    const struct fixture *f = *state;
    char message[64];
    size_t len = compose(message, XS_READ, 7, "/tool", 6);
    struct answer answer;

    for (size_t i = 0; i < len; i++) {
        read_value(f->client[1], "/", "");
        send_all(f->client[0], message + i, 1);
    }
    assert_true(next(f->client[0], &answer));
    assert_int_equal(answer.header.req_id, 7);
    assert_int_equal(answer.header.type, XS_READ);
}

static void many_requests_in_one_piece__replies_in_order(void **state)
{
    const struct fixture *f = *state;
    static char messages[1000 * 22];
    size_t len = 0;

    for (uint32_t i = 0; i < 1000; i++)
        len += compose(messages + len, XS_READ, i, "/tool", 6);
    send_all(f->client[0], messages, len);
    for (uint32_t i = 0; i < 1000; i++) {
        struct answer answer;
        assert_true(next(f->client[0], &answer));
        assert_int_equal(answer.header.req_id, i);
    }
}

static void over_long_message__connection_dropped_after_what_came_before(void **state)
{
    struct fixture *f = *state;
    struct xsd_sockmsg bad = { .type = XS_READ, .len = 4097 };
    char messages[64];
    size_t len = compose(messages, XS_READ, 0, "/tool", 6);
    struct answer answer;

    memcpy(messages + len, &bad, sizeof(bad));
    send_all(f->client[0], messages, len + sizeof(bad));
    expect(f->client[0], XS_READ, "");
    assert_false(next(f->client[0], &answer));
    read_value(f->client[1], "/tool", "");
    assert_int_equal(stop(f), 2);
}

static void unknown_type__answered_and_the_connection_lives(void **state)
{
    const struct fixture *f = *state;

    ask(f->client[0], 0xffff, "x", 1);
    expect(f->client[0], XS_ERROR, "ENOSYS");
    read_value(f->client[0], "/tool", "");
}

static void client_gone_mid_message__others_never_notice(void **state)
{
    struct fixture *f = *state;
    char message[64];
    size_t len = compose(message, XS_WRITE, 0, "/gone\0value", 11);

    watch(f->client[0], "/a");
    send_all(f->client[0], message, len - 3);
    close(f->client[0]);
    f->client[0] = -1;
    write_value(f->client[1], "/a", "1");
    ask(f->client[1], XS_READ, "/gone", 6);
    expect(f->client[1], XS_ERROR, "ENOENT");
    assert_int_equal(stop(f), 2);
}

static void watch_events__after_the_reply_of_watch_before_that_of_a_write(void **state)
{
    const struct fixture *f = *state;

    watch(f->client[0], "/a");
    ask(f->client[0], XS_WRITE, "/a/b\0x", 6);
    expect(f->client[0], XS_WATCH_EVENT, "/a/b");
    expect(f->client[0], XS_WRITE, "OK");
}

static void watch_events__reach_every_watcher_but_no_other(void **state)
{
    const struct fixture *f = *state;

    watch(f->client[0], "/a");
    watch(f->client[1], "/a/b");
    write_value(f->client[2], "/a/c", "1");
    write_value(f->client[2], "/a/b", "1");
    expect(f->client[0], XS_WATCH_EVENT, "/a/c");
    expect(f->client[0], XS_WATCH_EVENT, "/a/b");
    expect(f->client[1], XS_WATCH_EVENT, "/a/b");
    read_value(f->client[2], "/a/c", "1");
}

/* Fills its socket with requests until the server takes no more; returns how many went out. */
static uint32_t flood(int fd, uint32_t limit)
{
    char message[64];
    size_t len = compose(message, XS_DIRECTORY, 0, "/d", 3);
    uint32_t sent = 0;

    for (; sent < limit; sent++) {
        struct pollfd wait = { .fd = fd, .events = POLLOUT };
        if (poll(&wait, 1, 200) == 0)
            break;
        send_all(fd, message, len);
    }
    return sent;
}

static void client_that_does_not_read__waits_alone_and_loses_nothing(void **state)
{
    const struct fixture *f = *state;
    char path[64];
    uint32_t asked;

    for (unsigned i = 0; i < 100; i++) {
        snprintf(path, sizeof(path), "/d/a-child-with-a-long-name-%02u", i);
        write_value(f->client[1], path, "");
    }
    asked = flood(f->client[0], 100000);
    assert_true(asked < 100000); /* the server has stopped reading */
    read_value(f->client[1], "/tool", "");
    for (uint32_t i = 0; i < asked; i++) {
        struct answer answer;
        assert_true(next(f->client[0], &answer));
        assert_int_equal(answer.header.type, XS_DIRECTORY);
        assert_true(answer.header.len == 2800);
    }
    read_value(f->client[0], "/tool", "");
}

/* Writes nodes that are watched; their names tell how many. */
static void write_many(int fd, unsigned count)
{
    static char messages[100 * 64];

    for (unsigned i = 0; i < count; i += 100) {
        size_t len = 0;
        for (unsigned k = i; k < i + 100; k++) {
            char payload[32];
            size_t size = (size_t)snprintf(payload, sizeof(payload), "/many/%u%cv", k, 0);
            len += compose(messages + len, XS_WRITE, k, payload, size);
        }
        send_all(fd, messages, len);
        for (unsigned k = 0; k < 100; k++)
            expect(fd, XS_WRITE, "OK");
    }
}

static void slow_watcher__gets_every_event_in_order(void **state)
{
    const struct fixture *f = *state;
    char path[32];

    watch(f->client[0], "/many");
    write_many(f->client[1], 10000);
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(path, sizeof(path), "/many/%u", i);
        expect(f->client[0], XS_WATCH_EVENT, path);
    }
}

static void watcher_too_far_behind__disconnected_for_it_has_lost_events(void **state)
{
    struct fixture *f = *state;
    struct answer answer;
    unsigned events = 0;

    watch(f->client[0], "/many");
    watch(f->client[2], "/elsewhere");
    write_many(f->client[1], 60000);
    while (next(f->client[0], &answer))
        events++;
    assert_true(events < 60000);
    write_value(f->client[1], "/elsewhere", "1");
    expect(f->client[2], XS_WATCH_EVENT, "/elsewhere");
    assert_int_equal(stop(f), 2);
}

static void nodes_out_of_range__einval(void **state)
{
    struct wrg_serve *serve;

    assert_int_equal(wrg_serve_create(&serve, WRG_SERVE_NODES_MIN - 1), -EINVAL);
    assert_int_equal(wrg_serve_create(&serve, WRG_SERVE_NODES_MAX + 1), -EINVAL);
    assert_int_equal(wrg_serve_create(&serve, WRG_SERVE_NODES_MAX), 0);
    wrg_serve_destroy(serve);
}

/* ---- the socket's file ---- */

static char folder[] = "/tmp/wrg-serve-test-XXXXXX"; /* a template of mkdtemp */

static void remove_in_folder(const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    unlink(path);
}

static int make_folder(void **state)
{
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    remove_in_folder("s");
    return rmdir(folder);
}

static void socket_in_use__refused_stale__replaced(void **state)
{
    struct wrg_serve_socket first, second;
    char path[128];

    snprintf(path, sizeof(path), "%s/s", folder);
    assert_int_equal(wrg_serve_listen(&first, path), 0);
    assert_int_equal(wrg_serve_listen(&second, path), -EADDRINUSE);
    close(first.fd); /* died: the file is still there */
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(wrg_serve_listen(&second, path), 0);
    wrg_serve_unlisten(&second);
    assert_int_equal(access(path, F_OK), -1);
}

static void file_of_another_server__not_removed(void **state)
{
    struct wrg_serve_socket first, second;
    char path[128];

    snprintf(path, sizeof(path), "%s/s", folder);
    assert_int_equal(wrg_serve_listen(&first, path), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(wrg_serve_listen(&second, path), 0);
    wrg_serve_unlisten(&first);
    assert_int_equal(access(path, F_OK), 0);
    wrg_serve_unlisten(&second);
}

static void paths_that_cannot_be__said_so(void **state)
{
    struct wrg_serve_socket socket;
    char path[256];
    int fd;

    snprintf(path, sizeof(path), "%s/s", folder);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(wrg_serve_listen(&socket, path), -ENOTSOCK);
    unlink(path);
    snprintf(path, sizeof(path), "%s/no/s", folder);
    assert_int_equal(wrg_serve_listen(&socket, path), -ENOENT);
    assert_int_equal(wrg_serve_listen(&socket, ""), -ENOENT);
    memset(path, 'a', sizeof(path));
    path[108] = '\0';
    assert_int_equal(wrg_serve_listen(&socket, path), -ENAMETOOLONG);
}

#define SERVED(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(fresh_store__has_what_xenstored_puts_there),
        SERVED(several_clients__one_store),
        SERVED(message_byte_by_byte__answered_once_whole),
        SERVED(many_requests_in_one_piece__replies_in_order),
        SERVED(over_long_message__connection_dropped_after_what_came_before),
        SERVED(unknown_type__answered_and_the_connection_lives),
        SERVED(client_gone_mid_message__others_never_notice),
        SERVED(watch_events__after_the_reply_of_watch_before_that_of_a_write),
        SERVED(watch_events__reach_every_watcher_but_no_other),
        SERVED(client_that_does_not_read__waits_alone_and_loses_nothing),
        SERVED(slow_watcher__gets_every_event_in_order),
        SERVED(watcher_too_far_behind__disconnected_for_it_has_lost_events),
        cmocka_unit_test(nodes_out_of_range__einval),
        cmocka_unit_test(socket_in_use__refused_stale__replaced),
        cmocka_unit_test(file_of_another_server__not_removed),
        cmocka_unit_test(paths_that_cannot_be__said_so),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
