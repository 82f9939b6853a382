/* SPDX-License-Identifier: MIT */
/*
 * What the other events tell about a connection: what is offered, and what may make requests fail.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "wiretap/wiretap.h"

bool wrg_tap_path_ends(const char *text, uint32_t len, const char *name, const char **value,
                       uint32_t *value_len)
{
    uint32_t path_len = (uint32_t)strnlen(text, len);
    size_t name_len = strlen(name);

    if (path_len <= name_len || text[path_len - name_len - 1] != '/' ||
        memcmp(text + path_len - name_len, name, name_len) != 0)
        return false;
    *value = path_len < len ? text + path_len + 1 : text + len;
    *value_len = path_len < len ? (uint32_t)strnlen(*value, len - path_len - 1) : 0;
    return true;
}

bool wrg_tap_number(const char *text, uint32_t len, uint32_t *number)
{
    uint64_t value = 0;
    uint32_t i;

    for (i = 0; i < len && text[i] >= '0' && text[i] <= '9' && value <= UINT32_MAX; i++)
        value = value * 10 + (uint64_t)(text[i] - '0');
    *number = (uint32_t)wrg_min_u64(value, UINT32_MAX);
    return i > 0;
}

/* Whose node it is shows in its path; an end reads the other's while it connects. */
static void note_persistent(struct wrg_tap_facts *facts, const char *path, const char *value,
                            uint32_t value_len)
{
    uint8_t *seen = &facts->persistent[strstr(path, "/backend/") != NULL];
    uint32_t number;
    bool on = wrg_tap_number(value, value_len, &number) && number;

    *seen = (uint8_t)((*seen & WRG_TAP_EVER_ON) | (on ? WRG_TAP_EVER_ON | WRG_TAP_NOW_ON : 0));
}

void wrg_tap_forget_persistent(struct wrg_tap_facts *facts)
{
    for (unsigned seat = 0; seat < 2; seat++)
        if (!(facts->persistent[seat] & WRG_TAP_NOW_ON))
            facts->persistent[seat] = 0;
}

const char *wrg_tap_queue_text(const struct wrg_tap_lane *lane)
{
    static const char *const texts[] = { "",
                                         " of queue 1",
                                         " of queue 2",
                                         " of queue 3",
                                         " of queue 4",
                                         " of queue 5",
                                         " of queue 6",
                                         " of queue 7",
                                         " of queue 8",
                                         " of queue 9",
                                         " of queue 10",
                                         " of queue 11" };

    return lane->facts.queue < WRG_ARRAY_LEN(texts) ? texts[lane->facts.queue]
                                                    : " of another queue";
}

static void on_change(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_tap_facts *facts = &((struct wrg_tap *)ctx)->facts;
    const struct {
        const char *name;
        uint8_t *offer;
    } offers[] = {
        { "feature-flush-cache", &facts->flush },
        { "feature-barrier", &facts->barrier },
        { "feature-discard", &facts->discard },
    };
    const char *value;
    uint32_t value_len, number;

    facts->trouble++;
    if (wrg_tap_path_ends(payload, len, "feature-persistent", &value, &value_len))
        note_persistent(facts, payload, value, value_len);
    if (ev->role != WRG_ROLE_BACK)
        return;
    for (unsigned i = 0; i < WRG_ARRAY_LEN(offers); i++) {
        if (wrg_tap_path_ends(payload, len, offers[i].name, &value, &value_len))
            *offers[i].offer = wrg_tap_number(value, value_len, &number) && number
                                   ? WRG_TAP_OFFERED
                                   : WRG_TAP_NOT_OFFERED;
    }
    if (wrg_tap_path_ends(payload, len, "discard-granularity", &value, &value_len) &&
        wrg_tap_number(value, value_len, &number))
        facts->discard_granularity = number;
    if (wrg_tap_path_ends(payload, len, "feature-max-indirect-segments", &value, &value_len)) {
        facts->told_indirect_max = true; /* also that it is not offered any more */
        facts->has_indirect_max = wrg_tap_number(value, value_len, &number);
        facts->indirect_max = facts->has_indirect_max ? number : 0;
    }
    /* Connected is the end of the offer: what a backend could have offered and did not, is not. */
    if (!facts->told_indirect_max && wrg_tap_path_ends(payload, len, "state", &value, &value_len) &&
        wrg_tap_number(value, value_len, &number) && number == WRG_XENBUS_CONNECTED) {
        facts->has_indirect_max = false;
        facts->indirect_max = 0;
    }
}

static void on_disk_info(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_tap_facts *facts = &((struct wrg_tap *)ctx)->facts;

    facts->disk = true;
    if (!facts->has_capacity) {
        facts->least_sectors = facts->most_sectors = ev->c;
        facts->readonly = ev->a != 0;
    }
    facts->has_capacity = true;
    facts->least_sectors = wrg_min_u64(facts->least_sectors, ev->c);
    facts->most_sectors = wrg_max_u64(facts->most_sectors, ev->c);
    facts->trouble += facts->readonly != (ev->a != 0);
    facts->readonly |= ev->a != 0;
}

/* The back's domain is there again, and nothing was offered by it yet. */
static void on_birth(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_tap_facts *facts = &((struct wrg_tap *)ctx)->facts;

    facts->told_indirect_max = false;
    facts->disk_inflight = 0;
    facts->trouble++;
}

static void on_trouble(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_tap *tap = ctx;

    tap->facts.trouble++;
}

static void on_phase(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    if (ev->a >= WRG_PHASE_QUIET)
        on_trouble(ctx, ev, payload, len);
}

static void on_copy(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_tap *tap = ctx;

    if (ev->role != WRG_ROLE_BACK)
        return;
    tap->facts.copies = true;
    tap->facts.trouble += (uint32_t)ev->d != 0;
}

static void on_disk_submit(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_tap *tap = ctx;

    tap->facts.disk = true;
    tap->facts.disk_inflight++;
}

static void on_disk_done(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_tap *tap = ctx;

    if (tap->facts.disk_inflight)
        tap->facts.disk_inflight--;
    tap->facts.trouble += ev->b != 0;
    tap->facts.refused |= (int32_t)ev->b == -EOPNOTSUPP;
}

static void on_page_alloc(void *ctx, const struct wrg_event *ev, const void *payload, uint32_t len)
{
    struct wrg_tap_facts *facts = &((struct wrg_tap *)ctx)->facts;

    /* Or will: why else would it have pages of its own? */
    facts->copies |= ev->role == WRG_ROLE_BACK;
}

void wrg_tap_subscribe_facts(struct wrg_tap *tap, struct wrg_trace *trace)
{
    wrg_trace_subscribe(trace, WRG_EV_XS_CHANGE, on_change, tap);
    wrg_trace_subscribe(trace, WRG_EV_DISK_INFO, on_disk_info, tap);
    wrg_trace_subscribe(trace, WRG_EV_DISK_SUBMIT, on_disk_submit, tap);
    wrg_trace_subscribe(trace, WRG_EV_DISK_DONE, on_disk_done, tap);
    wrg_trace_subscribe(trace, WRG_EV_COPY, on_copy, tap);
    wrg_trace_subscribe(trace, WRG_EV_PAGE_ALLOC, on_page_alloc, tap);
    wrg_trace_subscribe(trace, WRG_EV_FAULT, on_trouble, tap);
    wrg_trace_subscribe(trace, WRG_EV_DEATH, on_trouble, tap);
    wrg_trace_subscribe(trace, WRG_EV_BIRTH, on_birth, tap);
    wrg_trace_subscribe(trace, WRG_EV_PHASE, on_phase, tap);
}
