/* SPDX-License-Identifier: MIT */
#include "report/report.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/base.h"
#include "case/text.h"

static json_t *checked(json_t *value)
{
    WRG_ASSERT(value); /* jansson: out of memory, or text that is not UTF-8 */
    return value;
}

/* Details may quote bytes of a guest, which need not be UTF-8. */
static json_t *text(const char *s)
{
    char clean[512];
    size_t i = 0;

    for (; s[i] && i < sizeof(clean) - 1; i++)
        clean[i] = (unsigned char)s[i] < 0x80 ? s[i] : '?';
    clean[i] = '\0';
    return checked(json_string(clean));
}

json_t *wrg_report_string(const char *s)
{
    json_t *value = json_string(s);

    return value ? value : text(s);
}

/* What was printed into a memory stream. */
static json_t *taken(FILE *out, char **buf)
{
    json_t *value;

    fclose(out);
    value = wrg_report_string(*buf);
    free(*buf);
    return value;
}

json_t *wrg_report_op_string(const struct wrg_op *op)
{
    char *buf = NULL;
    size_t len;
    FILE *out = open_memstream(&buf, &len);

    WRG_ASSERT(out);
    wrg_case_print_op(op, out);
    return taken(out, &buf);
}

static json_t *event_text(const struct wrg_event *ev)
{
    char *buf = NULL;
    size_t len;
    FILE *out = open_memstream(&buf, &len);

    WRG_ASSERT(out);
    wrg_report_event(ev, out);
    return taken(out, &buf);
}

/* 64 bits do not survive a reader that holds numbers as doubles. */
static json_t *hex64(uint64_t value)
{
    return checked(json_sprintf("%016" PRIx64, value));
}

static json_t *finding(const struct wrg_report *report)
{
    const struct wrg_verdict *verdict = report->verdict;
    const struct wrg_rule_info *rule = wrg_rule_by_number(verdict->rule);
    const struct wrg_op *op = wrg_report_op(report);
    json_t *events = checked(json_array());

    if (verdict->rule == WRG_RULE_CLEAN) {
        json_decref(events);
        return checked(json_null());
    }
    for (uint32_t i = 0; i < report->window_count; i++)
        json_array_append_new(events, event_text(&report->window[i]));
    return checked(json_pack("{s:s, s:s, s:s, s:i, s:o, s:o, s:o}", "rule",
                             wrg_rule_id(verdict->rule), "demand", rule ? rule->demand : "?", "who",
                             wrg_role_name(verdict->role), "step", (int)verdict->step, "detail",
                             text(verdict->detail), "op",
                             op ? wrg_report_op_string(op) : json_null(), "events", events));
}

static json_t *dead_ops(const struct wrg_report *report)
{
    json_t *list = checked(json_array());

    for (uint32_t i = 0; i < report->verdict->dead_ops; i++)
        json_array_append_new(list,
                              wrg_report_op_string(&report->c->ops[report->verdict->dead[i]]));
    return list;
}

static json_t *blind(uint32_t bits)
{
    json_t *list = checked(json_array());

    for (unsigned bit = 0; bit < 32; bit++) {
        const char *checker = bits >> bit & 1 ? wrg_world_checker_name(bit) : NULL;

        if (checker)
            json_array_append_new(list, text(checker));
    }
    return list;
}

json_t *wrg_report_json(const struct wrg_report *report)
{
    const struct wrg_verdict *v = report->verdict;
    json_t *expected = v->has_expect ? text(wrg_rule_id(v->expected)) : checked(json_null());
    json_t *object = json_pack(
        "{s:o, s:o, s:s, s:o, s:s, s:o, s:o, s:I, s:i, s:i, s:i, s:i, s:b, s:b, s:i, s:o, s:o}",
        "case", wrg_report_string(report->path), "label", text(report->label), "verdict",
        wrg_rule_id(v->rule), "expected", expected, "engine", report->engine, "hash",
        hex64(v->hash), "peer_hash", hex64(v->peer_hash), "steps", (json_int_t)v->steps, "requests",
        (int)v->requests, "ios", (int)v->ios, "ios_failed", (int)v->ios_failed, "fallible_calls",
        (int)v->fallible_calls, "from_snapshot", (int)v->from_snapshot, "cut", (int)v->cut, "ops",
        (int)v->ops, "dead_ops", dead_ops(report), "blind", blind(v->blind));

    checked(object);
    json_object_set_new(object, "replay", wrg_report_string(report->replay));
    json_object_set_new(object, "finding", finding(report));
    return object;
}
