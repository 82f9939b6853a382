/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "vocab/word.h"

void wrg_cli_error(const struct wrg_cli *cli, const char *format, ...)
{
    va_list args;

    fflush(stdout); /* keep the order of lines where both go to one place */
    fprintf(stderr, "%s: ", cli->program);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* getopt_long takes any prefix of an option; what argp adds is listed here. */
static bool is_known(const struct argp *argp, const char *name, size_t len)
{
    static const char *const added[] = { "help", "usage" };

    for (const struct argp_option *o = argp->options; o && (o->name || o->key); o++)
        if (o->name && strncmp(o->name, name, len) == 0)
            return true;
    for (size_t i = 0; i < WRG_ARRAY_LEN(added); i++)
        if (strncmp(added[i], name, len) == 0)
            return true;
    return false;
}

static const char *nearest_option(const struct argp *argp, const char *name, size_t len)
{
    struct wrg_nearest near;

    wrg_nearest_start(&near, name, len);
    wrg_nearest_offer(&near, "help");
    for (const struct argp_option *o = argp->options; o && (o->name || o->key); o++)
        if (o->name)
            wrg_nearest_offer(&near, o->name);
    return wrg_nearest_word(&near);
}

static void refuse_unknown(const struct wrg_cli *cli, const struct argp *argp, int argc,
                           char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *name = argv[i] + 2;
        size_t len;
        const char *near;

        if (strncmp(argv[i], "--", 2) != 0)
            continue;
        len = strcspn(name, "=");
        if (is_known(argp, name, len))
            continue;
        near = nearest_option(argp, name, len);
        wrg_cli_error(cli, "%s has no option --%.*s%s%s%s", argv[0], (int)len, name,
                      near ? "; did you mean --" : "; see --help", near ? near : "",
                      near ? "?" : "");
        exit(WRG_EXIT_USAGE);
    }
}

void wrg_cli_parse(const struct wrg_cli *cli, const struct argp *argp, int argc, char **argv,
                   void *input)
{
    char *name = NULL;
    int result;

    refuse_unknown(cli, argp, argc, argv);
    /* argp prints argv[0] as the program, so that is "wringer run" while it looks. */
    WRG_ASSERT(asprintf(&name, "%s %s", cli->program, argv[0]) > 0);
    argv[0] = name;
    argp_err_exit_status = WRG_EXIT_USAGE;
    result = argp_parse(argp, argc, argv, 0, NULL, input);
    free(name);
    argv[0] = NULL;
    if (result) {
        wrg_cli_error(cli, "%s", strerror(result));
        exit(WRG_EXIT_FAULT);
    }
}

void wrg_cli_only_argument(struct argp_state *state, char *arg, const char **argument)
{
    if (*argument)
        argp_error(state, "'%s': one argument at a time", arg);
    *argument = arg;
}

uint64_t wrg_cli_number(struct argp_state *state, const char *text, uint64_t min, uint64_t max)
{
    bool hex = text[0] == '0' && (text[1] | 0x20) == 'x';
    const char *digits = hex ? text + 2 : text;
    char *end = NULL;
    uint64_t value;

    errno = 0;
    value = strtoull(digits, &end, hex ? 16 : 10);
    /* strtoull itself would take blanks and signs. */
    if (!strchr("0123456789abcdefABCDEF", digits[0]) || digits[0] == '\0' || *end || errno ||
        value < min || value > max)
        argp_error(state, "'%s': expected a number in %llu..%llu", text, (unsigned long long)min,
                   (unsigned long long)max);
    return value;
}

unsigned wrg_cli_word(struct argp_state *state, const char *text, const char *const *words)
{
    char list[256] = "";

    for (unsigned i = 0; words[i]; i++) {
        if (strcmp(words[i], text) == 0)
            return i;
        snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? ", " : "", words[i]);
    }
    argp_error(state, "'%s': expected one of %s", text, list);
    return 0;
}

/* By enum wrg_engine. */
static const char *const engines[] = { "fiber", "thread", NULL };

enum wrg_engine wrg_cli_engine(struct argp_state *state, const char *text)
{
    return (enum wrg_engine)wrg_cli_word(state, text, engines);
}

const char *wrg_cli_engine_name(enum wrg_engine engine)
{
    return engines[engine];
}
