/* SPDX-License-Identifier: MIT */
/*
 * Events in words: the names of the operands come from events.def, packed ones are taken apart.
 */
#include "report/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <wringer/wire.h>

#include "base/errno_name.h"

struct field {
    const char *name;
    size_t len;
    unsigned bits;
    uint64_t value;
};

static const char *site_name(uint64_t site)
{
    static const char *const names[] = {
#define WRG_SITE(symbol, name) name,
#include <wringer/sites.def>
    };

    return site < WRG_ARRAY_LEN(names) ? names[site] : "?";
}

static const char *shared_name(uint64_t shared)
{
    static const char *const names[] = { "private", "ring-index", "ring-slot", "indirect" };

    return shared < WRG_ARRAY_LEN(names) ? names[shared] : "?";
}

static const char *phase_name(uint64_t phase)
{
    static const char *const names[] = { "connect", "safety", "liveness", "quiet",
                                         "close",   "closed", "end" };

    return phase < WRG_ARRAY_LEN(names) ? names[phase] : "?";
}

static const char *ledger_name(uint64_t kind)
{
    static const char *const names[] = { "mappings",    "grants",  "pages",   "pool-blocks",
                                         "heap-blocks", "evtchns", "watches", "transactions" };

    return kind < WRG_ARRAY_LEN(names) ? names[kind] : "?";
}

/* The word for a value, NULL where the number itself says it best. */
static const char *word_of(uint16_t kind, const struct field *field)
{
    bool is_access = kind == WRG_EV_LOAD || kind == WRG_EV_STORE;

    if (is_access && strncmp(field->name, "site", field->len) == 0)
        return site_name(field->value);
    if (is_access && strncmp(field->name, "class", field->len) == 0)
        return shared_name(field->value);
    switch (kind) {
    case WRG_EV_PHASE:
        return strncmp(field->name, "phase", field->len)
                   ? wrg_wire_state_name((unsigned)field->value)
                   : phase_name(field->value);
    case WRG_EV_VIEW_FAULT:
        return strncmp(field->name, "rule", field->len) ? NULL
                                                        : wrg_rule_id((unsigned)field->value);
    case WRG_EV_FAULT:
        return strncmp(field->name, "site", field->len)
                   ? NULL
                   : wrg_name(WRG_NAMES_SITE, (unsigned)field->value);
    case WRG_EV_STORE_CALL:
        return strncmp(field->name, "action", field->len)
                   ? NULL
                   : wrg_name(WRG_NAMES_STORE, (unsigned)field->value);
    case WRG_EV_LEDGER:
        return strncmp(field->name, "kind", field->len) ? NULL : ledger_name(field->value);
    case WRG_EV_DISK_DONE:
    case WRG_EV_BLK_COMPLETE:
    case WRG_EV_BLK_GONE:
    case WRG_EV_STORE_REPLY:
        return strncmp(field->name, "error", field->len)
                   ? NULL
                   : wrg_errno_name((int32_t)(uint32_t)field->value);
    default: return NULL;
    }
}

/* Zero says nothing for these. */
static bool is_noise(const struct field *field)
{
    static const char *const quiet[] = { "again",    "secret",    "order", "request",
                                         "path-pad", "value-pad", "lane",  "device" };

    for (size_t i = 0; i < WRG_ARRAY_LEN(quiet); i++)
        if (field->value == 0 && strlen(quiet[i]) == field->len &&
            memcmp(quiet[i], field->name, field->len) == 0)
            return true;
    return false;
}

static void print_field(uint16_t kind, const struct field *field, FILE *out)
{
    const char *word = word_of(kind, field);

    if (is_noise(field))
        return;
    fprintf(out, " %.*s=", (int)field->len, field->name);
    if (word)
        fputs(word, out);
    else if (strncmp(field->name, "status", field->len) == 0)
        fprintf(out, "%" PRId32, (int32_t)(uint32_t)field->value);
    else if (field->value < 4096)
        fprintf(out, "%" PRIu64, field->value);
    else
        fprintf(out, "0x%" PRIx64, field->value);
}

/* "off:16|len:16" into its fields, 8 at most; values are not set yet. */
static unsigned split(const char *names, struct field fields[8])
{
    unsigned count = 0;

    while (*names && count < 8) {
        size_t len = strcspn(names, ":|");
        struct field *field = &fields[count++];

        *field = (struct field){ .name = names, .len = len, .bits = 64 };
        names += len;
        if (*names == ':') {
            char *end;

            field->bits = (unsigned)strtoul(names + 1, &end, 10);
            names = end;
        }
        names += *names == '|';
    }
    return count;
}

static uint64_t take(uint64_t *value, unsigned bits)
{
    uint64_t taken = bits >= 64 ? *value : *value & ((UINT64_C(1) << bits) - 1);

    *value = bits >= 64 ? 0 : *value >> bits;
    return taken;
}

/*
 * The first field stands in the low bits, but for places in a page (`off:16|len:16`), where it
 * stands in the high ones so that the number sorts by place.
 */
static void print_operand(uint16_t kind, const char *names, uint64_t value, FILE *out)
{
    struct field fields[8];
    unsigned count = split(names, fields);
    bool high_first = strstr(names, "off:") != NULL;

    if (strcmp(names, "-") == 0)
        return;
    for (unsigned i = 0; i < count; i++) {
        struct field *field = &fields[high_first ? count - 1 - i : i];

        field->value = take(&value, field->bits);
    }
    for (unsigned i = 0; i < count; i++)
        print_field(kind, &fields[i], out);
}

void wrg_report_event(const struct wrg_event *ev, FILE *out)
{
    fprintf(out, "%6" PRIu32 "  %-9s  %s", ev->step, wrg_role_name(ev->role),
            wrg_event_name(ev->kind));
    print_operand(ev->kind, wrg_event_operand(ev->kind, 0), ev->a, out);
    print_operand(ev->kind, wrg_event_operand(ev->kind, 1), ev->b, out);
    print_operand(ev->kind, wrg_event_operand(ev->kind, 2), ev->c, out);
    print_operand(ev->kind, wrg_event_operand(ev->kind, 3), ev->d, out);
}
