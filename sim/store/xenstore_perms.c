/* SPDX-License-Identifier: MIT */
/* Permissions, of nodes and of the special paths. */
#include <errno.h>
#include <string.h>

#include "store/xenstore_impl.h"

const char *const wrg_xsi_special_names[WRG_XSI_SPECIALS_NAMED] = { "@introduceDomain",
                                                                    "@releaseDomain" };

/* Owned by domain 0, and told to nobody else: how xenstored starts. */
void wrg_xsi_reset_specials(struct wrg_xenstore *xs)
{
    memset(xs->s.special, 0, sizeof(xs->s.special));
    for (unsigned i = 0; i < WRG_XSI_SPECIALS_NAMED; i++) {
        xs->s.special[i].nperms = 1;
        xs->s.special[i].letters[0] = 'n';
    }
}

bool wrg_xsi_special_readable(const struct wrg_xenstore *xs, uint16_t domid, uint32_t which)
{
    if (which == 1 && xs->quota.anyone_reads_release)
        return true;
    return wrg_xsi_perm_for(xs, domid, &xs->s.special[which]) & WRG_XSI_READ;
}

bool wrg_xsi_forget_domain(struct wrg_xsi_body *body, uint16_t domid)
{
    uint8_t kept = 0;
    uint8_t had = body->nperms;

    for (uint8_t i = 0; i < had; i++) {
        if (i != 0 && body->domids[i] == domid)
            continue;
        body->letters[kept] = body->letters[i];
        body->domids[kept++] = body->domids[i];
    }
    body->nperms = kept;
    return kept != had;
}

static int find_special(const char *path, uint32_t *which)
{
    for (*which = 0; *which < WRG_XSI_SPECIALS_NAMED; ++*which)
        if (strcmp(path, wrg_xsi_special_names[*which]) == 0)
            return 0;
    return -EINVAL;
}

/* The body that the caller may read; special paths take no part in transactions. */
static int locate_readable(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                           const char *path, struct wrg_xsi_body **body)
{
    struct wrg_xsi_where where;
    uint32_t which;
    int ret;

    if (path[0] != '@') {
        ret = wrg_xsi_locate_to_read(xs, call, path, &where);
        return ret ? ret : wrg_xsi_access(xs, &where, WRG_XSI_READ, body);
    }
    ret = wrg_xsi_begin(xs, call, &where);
    if (ret == 0)
        ret = find_special(path, &which);
    if (ret == 0 && !wrg_xsi_special_readable(xs, where.domid, which))
        ret = -EACCES;
    if (ret == 0)
        *body = &xs->s.special[which];
    return ret;
}

int wrg_xenstore_get_perms(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                           const char *path, struct wrg_xs_perm *perms, size_t *count)
{
    struct wrg_xsi_body *body;
    size_t cap = *count;
    int ret = locate_readable(xs, call, path, &body);

    if (ret)
        return ret;
    *count = body->nperms;
    if (cap < body->nperms)
        return -ERANGE;
    for (size_t i = 0; i < *count; i++)
        perms[i] =
            (struct wrg_xs_perm){ .domid = body->domids[i], .letter = (char)body->letters[i] };
    return 0;
}

static int parse_perms(const struct wrg_xs_perm *perms, size_t count, size_t quota,
                       struct wrg_xsi_body *body)
{
    memset(body, 0, sizeof(*body));
    if (count == 0)
        return -EINVAL;
    if (count > wrg_min_u64(quota, WRG_XS_PERMS_MAX))
        return -ENOSPC;
    for (size_t i = 0; i < count; i++) {
        if (perms[i].letter == '\0' || !strchr("nrwb", perms[i].letter))
            return -EINVAL;
        body->letters[i] = (uint8_t)perms[i].letter;
        body->domids[i] = perms[i].domid;
    }
    body->nperms = (uint8_t)count;
    return 0;
}

static void set_perms_now(struct wrg_xenstore *xs, const struct wrg_xsi_where *where,
                          struct wrg_xsi_body *perms)
{
    struct wrg_xsi_node *node = &xs->node[where->node];
    struct wrg_xsi_body before = node->body;

    perms->value = before.value;
    perms->len = before.len;
    wrg_xsi_own(xs, &before, -1);
    wrg_xsi_uncharge(xs, where->node);
    node->body = *perms;
    wrg_xsi_own(xs, perms, 1);
    wrg_xsi_touch(xs, where->node);
    node->perms_generation = node->generation;
    wrg_xsi_debit(xs, where->domid, 0);
    wrg_xsi_notify(xs, where->domid, where->node, WRG_XS_CHANGE_PERMS);
    wrg_xsi_fire(xs, where->node, false, &before);
}

static int set_special(struct wrg_xenstore *xs, uint16_t domid, const char *path,
                       const struct wrg_xsi_body *perms)
{
    uint32_t which;
    int ret = find_special(path, &which);

    if (ret)
        return ret;
    if (!(wrg_xsi_perm_for(xs, domid, &xs->s.special[which]) & WRG_XSI_OWNER))
        return -EACCES;
    if (domid != 0 && perms->domids[0] != xs->s.special[which].domids[0])
        return -EPERM;
    xs->s.special[which] = *perms;
    xs->clock++;
    return 0;
}

static int check_new_perms(struct wrg_xenstore *xs, const struct wrg_xsi_where *where,
                           const struct wrg_xsi_body *now, const struct wrg_xsi_body *perms)
{
    int ret;

    if (where->domid != 0 && perms->domids[0] != now->domids[0])
        return -EPERM;
    ret = wrg_xsi_check_size(xs, where->domid, now->len,
                             wrg_xsi_child_bytes(xs, where->domid, where->txn, where->node),
                             perms->nperms);
    if (ret && where->txn != WRG_XSI_NONE)
        return wrg_xsi_tx_poison(xs, where->txn, ret);
    return ret;
}

int wrg_xenstore_set_perms(struct wrg_xenstore *xs, const struct wrg_xs_call *call,
                           const char *path, const struct wrg_xs_perm *perms, size_t count)
{
    struct wrg_xsi_where where;
    struct wrg_xsi_body parsed, *body;
    int ret = wrg_xsi_begin(xs, call, &where);

    if (ret == 0)
        ret = parse_perms(perms, count, where.domid ? xs->quota.perms : SIZE_MAX, &parsed);
    if (ret)
        return ret;
    if (path[0] == '@')
        return set_special(xs, where.domid, path, &parsed);
    ret = wrg_xsi_locate(xs, call, path, &where);
    if (ret == 0)
        ret = wrg_xsi_access(xs, &where, WRG_XSI_WRITE | WRG_XSI_OWNER, &body);
    if (ret == 0)
        ret = check_new_perms(xs, &where, body, &parsed);
    if (ret)
        return ret;
    if (where.txn != WRG_XSI_NONE)
        return wrg_xsi_tx_set_perms(xs, &where, &parsed);
    set_perms_now(xs, &where, &parsed);
    return 0;
}
