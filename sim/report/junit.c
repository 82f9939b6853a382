/* SPDX-License-Identifier: MIT */
#include "report/report.h"

/* The length of the UTF-8 sequence at p if XML 1.0 takes it, 0 otherwise. */
static unsigned xml_char(const unsigned char *p)
{
    if (p[0] < 0x80)
        return p[0] >= 0x20 || p[0] == '\t' || p[0] == '\n' ? 1 : 0;
    if (p[0] >= 0xc2 && p[0] < 0xe0)
        return (p[1] & 0xc0) == 0x80 ? 2 : 0;
    if (p[0] < 0xe0 || p[0] > 0xf4 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
        return 0;
    if (p[0] < 0xf0) {
        unsigned code = (p[0] & 15u) << 12 | (p[1] & 63u) << 6 | (p[2] & 63u);

        return code < 0x800 || (code >= 0xd800 && code < 0xe000) || code >= 0xfffe ? 0 : 3;
    }
    if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90))
        return 0;
    return (p[3] & 0xc0) == 0x80 ? 4 : 0;
}

void wrg_xml_escape(const char *text, FILE *out)
{
    const unsigned char *p = (const unsigned char *)text;

    while (*p) {
        unsigned len = xml_char(p);

        switch (*p) {
        case '&': fputs("&amp;", out); break;
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '"': fputs("&quot;", out); break;
        case '\n': fputs("&#10;", out); break; /* kept in an attribute only so */
        case '\t': fputs("&#9;", out); break;
        default:
            if (len)
                fwrite(p, 1, len, out);
            else
                fputc('?', out);
        }
        p += len ? len : 1;
    }
}

static void print_attribute(const char *name, const char *value, FILE *out)
{
    fprintf(out, " %s=\"", name);
    wrg_xml_escape(value, out);
    fputc('"', out);
}

static void print_case(const struct wrg_junit_case *one, FILE *out)
{
    static const char *const tags[] = {
        [WRG_JUNIT_PASSED] = NULL,
        [WRG_JUNIT_FAILED] = "failure",
        [WRG_JUNIT_ERROR] = "error",
        [WRG_JUNIT_SKIPPED] = "skipped",
    };

    fputs("    <testcase", out);
    print_attribute("classname", one->classname, out);
    print_attribute("name", one->name, out);
    fprintf(out, " time=\"%.3f\"", one->seconds);
    if (!tags[one->status]) {
        fputs("/>\n", out);
        return;
    }
    fprintf(out, ">\n      <%s", tags[one->status]);
    print_attribute("message", one->message, out);
    fputs("/>\n    </testcase>\n", out);
}

void wrg_junit_print(const struct wrg_junit_case *cases, size_t count, FILE *out)
{
    unsigned of[4] = { 0 };
    double seconds = 0;

    for (size_t i = 0; i < count; i++) {
        of[cases[i].status]++;
        seconds += cases[i].seconds;
    }
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
            "  <testsuite name=\"wringer check\" tests=\"%zu\" failures=\"%u\" errors=\"%u\""
            " skipped=\"%u\" time=\"%.3f\">\n",
            count, of[WRG_JUNIT_FAILED], of[WRG_JUNIT_ERROR], of[WRG_JUNIT_SKIPPED], seconds);
    for (size_t i = 0; i < count; i++)
        print_case(&cases[i], out);
    fputs("  </testsuite>\n</testsuites>\n", out);
}
