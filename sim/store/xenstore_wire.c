/* SPDX-License-Identifier: MIT */
#include "store/xenstore_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <wringer/scan.h>
#include <xen/io/xs_wire.h>

WRG_STATIC_ASSERT(sizeof(struct xsd_sockmsg) == WRG_XS_HEADER_BYTES, "header");
WRG_STATIC_ASSERT(XENSTORE_PAYLOAD_MAX == WRG_XS_PAYLOAD_MAX, "payload");
WRG_STATIC_ASSERT(XENSTORE_ABS_PATH_MAX == WRG_XS_ABS_PATH_MAX, "absolute path");
WRG_STATIC_ASSERT(XENSTORE_REL_PATH_MAX == WRG_XS_REL_PATH_MAX, "relative path");
WRG_STATIC_ASSERT(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "headers are copied as they are");

#define DOMID_SELF   0x7ff0u
#define DOMID_LAST   0x7fefu /* of a real domain */
#define PERMS_STRING 3       /* bytes of the shortest entry: letter, digit, NUL */
#define ARGS_MAX     3       /* strings that a handler looks at by index */

/* One request while it is carried out. */
struct request {
    struct wrg_xenstore *xs;
    struct wrg_xs_call call;
    const char *payload;
    size_t len;
    const char *arg[ARGS_MAX];
    unsigned nargs;            /* strings in the payload, also those beyond arg */
    struct wrg_xs_reply reply; /* payload of the reply; cap leaves room for a NUL */
};

/* ---- arguments and replies ---- */

static void split(struct request *r)
{
    const char *at = r->payload;
    const char *end = r->payload + r->len;
    const char *nul;

    for (r->nargs = 0; at < end && (nul = memchr(at, '\0', (size_t)(end - at))); r->nargs++) {
        if (r->nargs < ARGS_MAX)
            r->arg[r->nargs] = at;
        at = nul + 1;
    }
}

/* atoi, but of any text: a value beyond the type is its largest or smallest. */
static long number(const char *text)
{
    return strtol(text, NULL, 10);
}

static int parse_domid(const char *text, uint16_t *domid)
{
    long value = number(text);

    if (value < 0 || value > (long)DOMID_LAST)
        return -EINVAL;
    *domid = (uint16_t)value;
    return 0;
}

static int put_text(struct request *r, const char *text)
{
    r->reply.len = strlen(text) + 1;
    memcpy(r->reply.data, text, r->reply.len);
    return 0;
}

/* Number, with a NUL; `before` goes in front of it. */
static int put_number(struct request *r, const char *before, uint64_t value)
{
    size_t len = strlen(before);

    memcpy(r->reply.data, before, len);
    len += wrg_format_u64(value, r->reply.data + len);
    r->reply.data[len] = '\0';
    r->reply.len = len + 1;
    return 0;
}

/* Success without data. */
static int acknowledge(struct request *r, int ret)
{
    return ret ? ret : put_text(r, "OK");
}

/* ---- nodes ---- */

static int do_directory(struct request *r)
{
    return wrg_xenstore_directory(r->xs, &r->call, r->arg[0], &r->reply);
}

static int do_directory_part(struct request *r)
{
    long offset = number(r->arg[1]);

    return wrg_xenstore_directory_part(r->xs, &r->call, r->arg[0], (size_t)offset, &r->reply);
}

static int do_read(struct request *r)
{
    return wrg_xenstore_read(r->xs, &r->call, r->arg[0], &r->reply);
}

static int do_write(struct request *r)
{
    size_t skip = strlen(r->arg[0]) + 1;

    return acknowledge(
        r, wrg_xenstore_write(r->xs, &r->call, r->arg[0], r->payload + skip, r->len - skip));
}

static int do_mkdir(struct request *r)
{
    return acknowledge(r, wrg_xenstore_mkdir(r->xs, &r->call, r->arg[0]));
}

static int do_rm(struct request *r)
{
    return acknowledge(r, wrg_xenstore_rm(r->xs, &r->call, r->arg[0]));
}

static int do_get_perms(struct request *r)
{
    struct wrg_xs_perm perms[WRG_XS_PERMS_MAX];
    size_t count = WRG_ARRAY_LEN(perms);
    char *at = r->reply.data;
    int ret = wrg_xenstore_get_perms(r->xs, &r->call, r->arg[0], perms, &count);

    for (size_t i = 0; i < count && ret == 0; i++) {
        *at++ = perms[i].letter;
        at += wrg_format_u64(perms[i].domid, at);
        *at++ = '\0';
    }
    r->reply.len = (size_t)(at - r->reply.data);
    return ret;
}

static int parse_perm(const char *text, struct wrg_xs_perm *perm)
{
    char *end;
    long domid;

    if (text[0] == '\0' || !strchr("nrwb", text[0]) || text[1] == '\0')
        return -EINVAL;
    domid = strtol(text + 1, &end, 0);
    if (*end != '\0' || domid < 0 || domid > UINT16_MAX)
        return -EINVAL;
    *perm = (struct wrg_xs_perm){ .domid = (uint16_t)domid, .letter = text[0] };
    return 0;
}

static int do_set_perms(struct request *r)
{
    struct wrg_xs_perm perms[WRG_XS_PAYLOAD_MAX / PERMS_STRING + 1];
    const char *text = r->arg[1];
    size_t count = r->nargs - 1;

    for (size_t i = 0; i < count; i++) {
        int ret = parse_perm(text, &perms[i]);

        if (ret)
            return ret;
        text += strlen(text) + 1;
    }
    return acknowledge(r, wrg_xenstore_set_perms(r->xs, &r->call, r->arg[0], perms, count));
}

/* ---- watches and transactions ---- */

static int do_watch(struct request *r)
{
    return acknowledge(r, wrg_xenstore_watch(r->xs, &r->call, r->arg[0], r->arg[1]));
}

static int do_unwatch(struct request *r)
{
    return acknowledge(r, wrg_xenstore_unwatch(r->xs, &r->call, r->arg[0], r->arg[1], false));
}

static int do_reset_watches(struct request *r)
{
    return acknowledge(r, wrg_xenstore_reset_watches(r->xs, &r->call));
}

static int do_transaction_start(struct request *r)
{
    uint32_t tx;
    int ret = wrg_xenstore_transaction_start(r->xs, &r->call, &tx);

    return ret ? ret : put_number(r, "", tx);
}

static int do_transaction_end(struct request *r)
{
    bool commit = strcmp(r->arg[0], "T") == 0;

    if (!commit && strcmp(r->arg[0], "F") != 0)
        return -EINVAL;
    return acknowledge(r, wrg_xenstore_transaction_end(r->xs, &r->call, commit));
}

/* ---- domains ---- */

static int do_introduce(struct request *r)
{
    uint16_t domid;
    int ret = parse_domid(r->arg[0], &domid);

    if (ret == 0 && number(r->arg[2]) <= 0) /* the event channel */
        ret = -EINVAL;
    if (ret)
        return ret;
    return acknowledge(r, wrg_xenstore_introduce(r->xs, &r->call, domid));
}

static int do_release(struct request *r)
{
    uint16_t domid;
    int ret = parse_domid(r->arg[0], &domid);

    return ret ? ret : acknowledge(r, wrg_xenstore_release(r->xs, &r->call, domid));
}

static int do_resume(struct request *r)
{
    uint16_t domid;
    int ret = parse_domid(r->arg[0], &domid);

    return ret ? ret : acknowledge(r, wrg_xenstore_resume(r->xs, &r->call, domid));
}

static int do_set_target(struct request *r)
{
    uint16_t domid, target;
    int ret = parse_domid(r->arg[0], &domid);

    if (ret == 0)
        ret = parse_domid(r->arg[1], &target);
    if (ret)
        return ret;
    return acknowledge(r, wrg_xenstore_set_target(r->xs, &r->call, domid, target));
}

static int do_is_domain_introduced(struct request *r)
{
    long domid = number(r->arg[0]);
    bool known = domid == (long)DOMID_SELF || (domid >= 0 && domid <= (long)DOMID_LAST &&
                                               wrg_xenstore_is_introduced(r->xs, (uint16_t)domid));

    return put_text(r, known ? "T" : "F");
}

/* Of any number: nobody asks whether there is such a domain. */
static int do_get_domain_path(struct request *r)
{
    return put_number(r, "/local/domain/", (uint32_t)number(r->arg[0]));
}

static int do_control(struct request *r)
{
    if (strcmp(r->arg[0], "help") != 0)
        return -EINVAL;
    return put_text(r, "Supported commands:\n\thelp");
}

/* ---- the table of types ---- */

enum shape { FREE, ONE, TWO, AT_LEAST_1, AT_LEAST_2, AT_LEAST_3 };

static const struct {
    unsigned min, max; /* strings */
    bool fill;         /* nothing may follow them */
} shapes[] = {
    [FREE] = { 0, UINT32_MAX, false },
    [ONE] = { 1, 1, true },
    [TWO] = { 2, 2, false },
    [AT_LEAST_1] = { 1, UINT32_MAX, false },
    [AT_LEAST_2] = { 2, UINT32_MAX, false },
    [AT_LEAST_3] = { 3, UINT32_MAX, false },
};

enum { PRIVILEGED = 1, NO_TRANSACTION = 2 }; /* the second: tx_id is not even looked at */

static const struct {
    int (*handle)(struct request *r); /* 0 and the reply's payload, or -errno */
    enum shape shape;
    uint8_t flags;
} types[XS_TYPE_COUNT] = {
    [XS_CONTROL] = { do_control, AT_LEAST_1, PRIVILEGED },
    [XS_DIRECTORY] = { do_directory, ONE, 0 },
    [XS_READ] = { do_read, ONE, 0 },
    [XS_GET_PERMS] = { do_get_perms, ONE, 0 },
    [XS_WATCH] = { do_watch, TWO, NO_TRANSACTION },
    [XS_UNWATCH] = { do_unwatch, TWO, NO_TRANSACTION },
    [XS_TRANSACTION_START] = { do_transaction_start, FREE, 0 },
    [XS_TRANSACTION_END] = { do_transaction_end, ONE, 0 },
    [XS_INTRODUCE] = { do_introduce, AT_LEAST_3, PRIVILEGED },
    [XS_RELEASE] = { do_release, ONE, PRIVILEGED },
    [XS_GET_DOMAIN_PATH] = { do_get_domain_path, ONE, 0 },
    [XS_WRITE] = { do_write, AT_LEAST_1, 0 },
    [XS_MKDIR] = { do_mkdir, ONE, 0 },
    [XS_RM] = { do_rm, ONE, 0 },
    [XS_SET_PERMS] = { do_set_perms, AT_LEAST_2, 0 },
    [XS_IS_DOMAIN_INTRODUCED] = { do_is_domain_introduced, ONE, 0 },
    [XS_RESUME] = { do_resume, ONE, PRIVILEGED },
    [XS_SET_TARGET] = { do_set_target, AT_LEAST_2, PRIVILEGED },
    [XS_RESET_WATCHES] = { do_reset_watches, FREE, 0 },
    [XS_DIRECTORY_PART] = { do_directory_part, TWO, 0 },
};

static int check_shape(const struct request *r, enum shape shape)
{
    if (r->nargs < shapes[shape].min || r->nargs > shapes[shape].max)
        return -EINVAL;
    return shapes[shape].fill && strlen(r->payload) + 1 != r->len ? -EINVAL : 0;
}

/* A start within a transaction does nothing but say whether that one exists. */
static int check_transaction(const struct request *r)
{
    uint32_t none;

    if (r->call.tx == 0 || wrg_xenstore_transaction_start(r->xs, &r->call, &none) == -EBUSY)
        return 0;
    return -ENOENT;
}

static int dispatch(struct request *r, uint32_t type)
{
    int ret = 0;

    if (type >= XS_TYPE_COUNT || !types[type].handle)
        return -ENOSYS;
    if ((types[type].flags & PRIVILEGED) && !wrg_xenstore_is_privileged(r->xs, r->call.conn))
        return -EACCES;
    if (types[type].flags & NO_TRANSACTION)
        r->call.tx = 0;
    else
        ret = check_transaction(r);
    if (ret)
        return ret;
    split(r);
    ret = check_shape(r, types[type].shape);
    return ret ? ret : types[type].handle(r);
}

/* ---- messages ---- */

static struct xsd_sockmsg header_of(const void *message)
{
    struct xsd_sockmsg header;

    memcpy(&header, message, sizeof(header));
    return header;
}

int wrg_xs_wire_size(const void *data, size_t have)
{
    uint32_t len;

    if (have < WRG_XS_HEADER_BYTES)
        return 0;
    len = header_of(data).len;
    return len > WRG_XS_PAYLOAD_MAX ? -EPROTO : (int)(WRG_XS_HEADER_BYTES + len);
}

bool wrg_xs_wire_reply_first(const void *message)
{
    return header_of(message).type == XS_WATCH;
}

size_t wrg_xs_wire_handle(struct wrg_xenstore *xs, uint16_t conn, const void *message, void *out)
{
    struct xsd_sockmsg header = header_of(message);
    struct request r = {
        .xs = xs,
        .call = { .conn = conn, .tx = header.tx_id },
        .payload = (const char *)message + WRG_XS_HEADER_BYTES,
        .len = header.len,
        .reply = { .data = (char *)out + WRG_XS_HEADER_BYTES, .cap = WRG_XS_PAYLOAD_MAX + 1 },
    };
    int ret = dispatch(&r, header.type);

    if (ret) {
        header.type = XS_ERROR;
        put_text(&r, wrg_xenstore_error_name(ret));
    }
    WRG_ASSERT(r.reply.len <= WRG_XS_PAYLOAD_MAX);
    header.len = (uint32_t)r.reply.len;
    memcpy(out, &header, sizeof(header));
    return WRG_XS_HEADER_BYTES + r.reply.len;
}

size_t wrg_xs_wire_event(struct wrg_xenstore *xs, uint16_t conn, void *out)
{
    struct wrg_xs_event event = { .data = (char *)out + WRG_XS_HEADER_BYTES,
                                  .cap = WRG_XS_EVENT_MAX };
    struct xsd_sockmsg header = { .type = XS_WATCH_EVENT };

    do {
        if (wrg_xenstore_next_event(xs, conn, &event))
            return 0;
    } while (event.len > WRG_XS_PAYLOAD_MAX);
    header.len = (uint32_t)event.len;
    memcpy(out, &header, sizeof(header));
    return WRG_XS_HEADER_BYTES + event.len;
}
