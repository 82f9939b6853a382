/* SPDX-License-Identifier: MIT */
#include "report/report.h"

#include <inttypes.h>

#include "case/text.h"

/* With the rest of the report, what a terminal of 40 lines shows. */
#define EVENTS_SHOWN 16u
#define DEAD_SHOWN   8u

void wrg_report_name(const struct wrg_report *report, FILE *out)
{
    fputs(report->path, out);
    if (report->label[0])
        fprintf(out, " (%s)", report->label);
}

static const struct wrg_op *nth_request(const struct wrg_case *c, uint8_t queue, uint32_t nth)
{
    for (unsigned i = 0; i < c->nops; i++)
        if (c->ops[i].kind == WRG_OP_REQ && c->ops[i].req.queue == queue && --nth == 0)
            return &c->ops[i];
    return NULL;
}

/* Lanes are given as rings are declared: with one guest, they are its queues. */
static const struct wrg_op *op_of(const struct wrg_report *report, const struct wrg_event *ev)
{
    struct wrg_op_config config = wrg_case_config(report->c);
    uint8_t lane = wrg_event_lane(ev);

    if (lane && (config.guests > 1 || config.neighbour))
        return NULL;
    return nth_request(report->c, lane, wrg_event_request(ev));
}

/*
 * Only a backend under attack handles the requests of the case one by one, each queue's in their
 * order.
 */
const struct wrg_op *wrg_report_op(const struct wrg_report *report)
{
    struct wrg_op_config config = wrg_case_config(report->c);

    if (config.victim != WRG_CASE_VICTIM_BACK || report->verdict->role != WRG_ROLE_BACK)
        return NULL;
    for (uint32_t i = report->window_count; i-- > 0;) {
        const struct wrg_event *ev = &report->window[i];

        if (ev->kind == WRG_EV_PHASE)
            return NULL; /* found at the end of the run, about the whole of it */
        if (ev->kind == WRG_EV_LOAD && ev->role == WRG_ROLE_BACK && wrg_event_request(ev) != 0)
            return op_of(report, ev);
    }
    return NULL;
}

static void print_op_line(const char *head, const struct wrg_op *op, FILE *out)
{
    fprintf(out, "  %-8s", head);
    if (op->line)
        fprintf(out, "line %u: ", op->line);
    wrg_case_print_op(op, out);
    fputc('\n', out);
}

static void print_dead(const struct wrg_report *report, FILE *out)
{
    const struct wrg_verdict *verdict = report->verdict;

    for (uint32_t i = 0; i < verdict->dead_ops && i < DEAD_SHOWN; i++)
        print_op_line("dead op", &report->c->ops[verdict->dead[i]], out);
    if (verdict->dead_ops > DEAD_SHOWN)
        fprintf(out, "  ... and %" PRIu32 " more dead ops\n", verdict->dead_ops - DEAD_SHOWN);
}

/* Not a finding: what a script does is the case's own affair. But nothing was judged behind it. */
static void print_cut(const struct wrg_verdict *verdict, FILE *out)
{
    if (verdict->cut)
        fprintf(out, "  cut     by the step budget, which %s has spent: the end was not judged\n",
                wrg_role_name(verdict->cut_by));
}

static void print_blind(uint32_t blind, FILE *out)
{
    const char *separator = "  blind   ";

    for (unsigned bit = 0; bit < 32; bit++) {
        const char *name = blind >> bit & 1 ? wrg_world_checker_name(bit) : NULL;

        if (!name)
            continue;
        fprintf(out, "%s%s", separator, name);
        separator = ", ";
    }
    if (separator[0] == ',')
        fputc('\n', out);
}

static void print_window(const struct wrg_report *report, FILE *out)
{
    uint32_t count = report->window_count;
    uint32_t first = count > EVENTS_SHOWN ? count - EVENTS_SHOWN : 0;

    if (count == 0)
        return;
    fputs("  last events (step, who, what)\n", out);
    for (uint32_t i = first; i < count; i++) {
        fputs("    ", out);
        wrg_report_event(&report->window[i], out);
        fputc('\n', out);
    }
}

static void print_finding(const struct wrg_report *report, FILE *out)
{
    const struct wrg_verdict *verdict = report->verdict;
    const struct wrg_rule_info *rule = wrg_rule_by_number(verdict->rule);
    const struct wrg_op *op = wrg_report_op(report);

    fprintf(out, "%s: %s\n", wrg_rule_id(verdict->rule), rule ? rule->demand : "?");
    fputs("  case    ", out);
    wrg_report_name(report, out);
    fprintf(out, "\n  broken by %s at step %" PRIu32 "\n", wrg_role_name(verdict->role),
            verdict->step);
    if (verdict->detail[0])
        fprintf(out, "  detail  %s\n", verdict->detail);
    if (rule)
        fprintf(out, "  source  %s\n", rule->source);
    if (op)
        print_op_line("during", op, out);
}

void wrg_report_text(const struct wrg_report *report, FILE *out)
{
    if (report->verdict->rule != WRG_RULE_CLEAN)
        print_finding(report, out);
    print_dead(report, out);
    print_cut(report->verdict, out);
    print_blind(report->verdict->blind, out);
    if (report->verdict->rule != WRG_RULE_CLEAN)
        print_window(report, out);
    fprintf(out, "  replay: %s\n", report->replay);
}
