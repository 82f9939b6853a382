/* SPDX-License-Identifier: MIT */
/*
 * What Xen checks of an entry, and what it notes: the first pin reads the entry, the first pin for
 * writing asks again whether it may; while a pin is there, what was recorded then counts.
 */
#include "xen/gnttab.h"
#include "xen/gnttab_impl.h"

#define IN_USE (GTF_reading | GTF_writing)

struct head { /* of an entry of either version */
    uint16_t flags, domid;
};
union head_word {
    struct head head;
    uint32_t word;
};

static struct head load_head(const uint32_t *at)
{
    return (union head_word){ .word = __atomic_load_n(at, __ATOMIC_ACQUIRE) }.head;
}

/* The guest's other processor strikes, if it is to. */
static void flip(struct wrg_domain *granter, uint32_t gref, uint32_t *at)
{
    struct wrg_grant_flip *flip = &granter->gnttab.flip;

    if (WRG_LIKELY(!flip->times) || flip->gref != gref)
        return;
    flip->times--;
    *at ^= flip->mask;
}

static uint16_t bits_of(const struct wrg_pin_args *args)
{
    return (uint16_t)(GTF_reading | (args->write ? GTF_writing : 0));
}

static void set_bits(struct wrg_xen *xen, uint16_t *at, uint16_t bits)
{
    if (WRG_UNLIKELY(xen->parallel))
        __atomic_fetch_or(at, bits, __ATOMIC_SEQ_CST);
    else
        *at |= bits;
}

static void clear_bits(struct wrg_xen *xen, uint16_t *at, uint16_t bits)
{
    if (WRG_UNLIKELY(xen->parallel))
        __atomic_fetch_and(at, (uint16_t)~bits, __ATOMIC_SEQ_CST);
    else
        *at &= (uint16_t)~bits;
}

/* Whether the entry allows it. Of a pinned one, only whether it may be written. */
static bool allows(struct head head, const struct wrg_pin_args *args, bool pinned)
{
    /* A part of a page can be copied, not mapped. Version 1 has none: a copy ignores the flag. */
    uint16_t mask = args->copy ? GTF_type_mask : GTF_type_mask | GTF_sub_page;

    if (!pinned && ((head.flags & mask) != GTF_permit_access || head.domid != args->grantee))
        return false;
    return !args->write || !(head.flags & GTF_readonly);
}

/* *at from seen to want; false: it was something else, and seen is that now. */
static bool swap(const struct wrg_xen *xen, uint32_t *at, uint32_t *seen, uint32_t want)
{
    if (WRG_UNLIKELY(xen->parallel))
        return __atomic_compare_exchange_n(at, seen, want, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_RELAXED);
    if (*at != *seen) {
        *seen = *at;
        return false;
    }
    *at = want;
    return true;
}

/* Version 1: one atomic step, tried again when the entry has changed meanwhile. */
static bool claim_v1(struct wrg_xen *xen, struct wrg_domain *granter,
                     const struct wrg_pin_args *args, bool pinned)
{
    uint32_t *at = wrg_gnttab_head(xen, granter, args->gref);
    union head_word seen = { .head = load_head(at) };

    for (unsigned i = 0; i < WRG_GNTTAB_TRIES; i++) {
        union head_word want = seen;
        if (!allows(seen.head, args, pinned))
            return false;
        want.head.flags |= bits_of(args);
        flip(granter, args->gref, at);
        if (swap(xen, at, &seen.word, want.word))
            return true;
    }
    return false;
}

/* Version 2: the status is noted, then the entry is looked at again. */
static bool claim_v2(struct wrg_xen *xen, struct wrg_domain *granter,
                     const struct wrg_pin_args *args, bool pinned)
{
    uint32_t *at = wrg_gnttab_head(xen, granter, args->gref);
    uint16_t *use = wrg_gnttab_use(xen, granter, args->gref);

    if (!allows(load_head(at), args, pinned))
        return false;
    set_bits(xen, use, bits_of(args));
    flip(granter, args->gref, at);
    if (allows(load_head(at), args, pinned))
        return true;
    clear_bits(xen, use, pinned ? GTF_writing : IN_USE);
    return false;
}

static uint64_t granted_frame(struct wrg_xen *xen, const struct wrg_domain *granter, uint32_t gref)
{
    return granter->gnttab.version == 2 ? wrg_gnttab_entry_v2(xen, granter, gref)->frame
                                        : wrg_gnttab_entry(xen, granter, gref)->frame;
}

/* What is granted of the page. All that stays pinned is whole pages. */
static void set_range(struct wrg_xen *xen, const struct wrg_domain *granter, uint32_t gref,
                      bool pinned, struct wrg_pinned *out)
{
    out->off = 0;
    out->len = WRG_PAGE_SIZE;
    if (granter->gnttab.version != 2 || pinned)
        return;
    const struct wrg_grant_entry_v2 *entry = wrg_gnttab_entry_v2(xen, granter, gref);
    if (entry->flags & GTF_sub_page) {
        out->off = entry->off;
        out->len = entry->len;
    }
}

/* The counters that a mapping of these kinds moves. */
static void count_pins(struct wrg_grant_pin *pin, const struct wrg_pin_args *args, int by)
{
    if (args->kinds & GNTMAP_host_map)
        pin->count[args->write ? WRG_PIN_HOST_WRITE : WRG_PIN_HOST_READ] += (uint8_t)by;
    if (args->kinds & GNTMAP_device_map)
        pin->count[args->write ? WRG_PIN_DEVICE_WRITE : WRG_PIN_DEVICE_READ] += (uint8_t)by;
}

static bool would_overflow(const struct wrg_grant_pin *pin, const struct wrg_pin_args *args)
{
    bool host = args->kinds & GNTMAP_host_map, device = args->kinds & GNTMAP_device_map;
    unsigned write = args->write;

    return (host && pin->count[WRG_PIN_HOST_READ + write] >= WRG_GNTTAB_PINS_MAX) ||
           (device && pin->count[WRG_PIN_DEVICE_READ + write] >= WRG_GNTTAB_PINS_MAX);
}

static bool is_written(const struct wrg_grant_pin *pin)
{
    return pin->count[WRG_PIN_HOST_WRITE] || pin->count[WRG_PIN_DEVICE_WRITE];
}

static bool claim(struct wrg_xen *xen, struct wrg_domain *granter, const struct wrg_pin_args *args,
                  bool pinned)
{
    return granter->gnttab.version == 2 ? claim_v2(xen, granter, args, pinned)
                                        : claim_v1(xen, granter, args, pinned);
}

int16_t wrg_gnttab_pin(struct wrg_xen *xen, struct wrg_domain *granter,
                       const struct wrg_pin_args *args, struct wrg_pinned *out)
{
    if (args->gref >= wrg_gnttab_size(&granter->gnttab))
        return GNTST_bad_gntref;
    struct wrg_grant_pin *pin = &granter->gnttab.pins[args->gref];
    bool pinned = wrg_gnttab_pins(pin) != 0;
    if (pinned && (pin->grantee != args->grantee || would_overflow(pin, args)))
        return GNTST_general_error;
    wrg_gnttab_mark(xen, granter, args->gref);
    if ((!pinned || (args->write && !is_written(pin))) && !claim(xen, granter, args, pinned))
        return GNTST_general_error;
    if (!pinned) {
        uint64_t frame = granted_frame(xen, granter, args->gref);
        if (!wrg_gnttab_owns(granter, frame)) {
            clear_bits(xen, wrg_gnttab_use(xen, granter, args->gref), IN_USE);
            return GNTST_bad_page;
        }
        pin->frame = (uint32_t)frame & 0xffffff;
        pin->grantee = args->grantee & 0xff;
    }
    count_pins(pin, args, 1);
    granter->gnttab.pinned++;
    out->frame = pin->frame;
    set_range(xen, granter, args->gref, pinned, out);
    return GNTST_okay;
}

void wrg_gnttab_unpin(struct wrg_xen *xen, struct wrg_domain *granter,
                      const struct wrg_pin_args *args)
{
    struct wrg_grant_pin *pin = &granter->gnttab.pins[args->gref];
    uint16_t clear = 0;

    count_pins(pin, args, -1);
    granter->gnttab.pinned--;
    if (!wrg_gnttab_pins(pin))
        clear = IN_USE;
    else if (!is_written(pin))
        clear = GTF_writing;
    wrg_gnttab_mark(xen, granter, args->gref);
    clear_bits(xen, wrg_gnttab_use(xen, granter, args->gref), clear);
}
