/* SPDX-License-Identifier: MIT */
#include "image/copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR 512u

enum { SECTORS_A_PAGE = WRG_PAGE_SIZE / SECTOR };

static struct wrg_copy_slot *flusher(struct wrg_copy *copy)
{
    return &copy->slot[WRG_COPY_SLOTS];
}

/* ---- memory ---- */

static bool make_buffer(struct wrg_copy_slot *slot, unsigned which)
{
    uint32_t pages = slot->copy->pages;

    if (!slot->vec[which])
        slot->vec[which] = calloc(pages, sizeof(*slot->vec[which]));
    slot->page[which] = wrg_program_pages_alloc(slot->world, pages);
    if (!slot->vec[which] || slot->page[which] == WRG_NO_PAGE)
        return false;
    for (uint32_t i = 0; i < pages; i++)
        slot->vec[which][i] =
            (struct wrg_vec){ .page = slot->page[which] + i, .len = WRG_PAGE_SIZE };
    return true;
}

/* False: not even for one piece. */
static bool make_slots(struct wrg_copy *copy, struct wrg_world *world)
{
    unsigned buffers = copy->verify ? 2 : 1;
    uint32_t made = 0;

    for (uint32_t i = 0; i <= WRG_COPY_SLOTS; i++)
        copy->slot[i] = (struct wrg_copy_slot){ .copy = copy, .world = world };
    for (; made < copy->slots; made++)
        for (unsigned which = 0; which < buffers; which++)
            if (!make_buffer(&copy->slot[made], which))
                goto out; /* fewer will do */
out:
    copy->slots = made;
    return made > 0;
}

void wrg_copy_fini(struct wrg_copy *copy)
{
    for (uint32_t i = 0; i <= WRG_COPY_SLOTS; i++)
        for (unsigned which = 0; which < 2; which++)
            free(copy->slot[i].vec[which]);
}

/* The backend may still write the pages: others take their place. */
static void replace_buffer(struct wrg_copy_slot *slot)
{
    slot->pages_kept = false;
    slot->lost = !make_buffer(slot, slot->step == WRG_COPY_READ_BACK);
}

/* ---- requests ---- */

static void on_done(const struct wrg_program_done *done)
{
    struct wrg_copy_slot *slot = done->ctx;

    slot->error = done->error;
    slot->pages_kept = done->pages_kept;
    __atomic_store_n(&slot->landed, 1, __ATOMIC_RELEASE);
    wrg_program_wake(slot->world);
}

static bool has_landed(struct wrg_copy_slot *slot)
{
    if (!__atomic_load_n(&slot->landed, __ATOMIC_ACQUIRE))
        return false;
    slot->landed = 0;
    return true;
}

static unsigned device_of(const struct wrg_copy_slot *slot)
{
    return slot->step == WRG_COPY_READ ? WRG_COPY_SOURCE : WRG_COPY_TARGET;
}

/* The step of the slot, now or as soon as there is room. */
static void submit(struct wrg_copy_slot *slot)
{
    static const uint8_t ops[] = { [WRG_COPY_READ] = WRG_IO_READ,
                                   [WRG_COPY_WRITE] = WRG_IO_WRITE,
                                   [WRG_COPY_FLUSH] = WRG_IO_FLUSH,
                                   [WRG_COPY_READ_BACK] = WRG_IO_READ };
    unsigned which = slot->step == WRG_COPY_READ_BACK;
    uint32_t nvec = (slot->count + SECTORS_A_PAGE - 1) / SECTORS_A_PAGE;
    struct wrg_program_io io = { .device = device_of(slot),
                                 .op = ops[slot->step],
                                 .sector = slot->sector,
                                 .nvec = nvec,
                                 .vec = slot->vec[which],
                                 .done = on_done,
                                 .ctx = slot };
    int result;

    for (uint32_t i = 0; i < nvec; i++)
        slot->vec[which][i].len = WRG_PAGE_SIZE;
    if (slot->count % SECTORS_A_PAGE)
        slot->vec[which][nvec - 1].len = (uint16_t)(slot->count % SECTORS_A_PAGE * SECTOR);
    result = wrg_program_submit(slot->world, &io);
    slot->waiting = result == -EAGAIN;
    if (result && !slot->waiting) {
        slot->error = result;
        __atomic_store_n(&slot->landed, 1, __ATOMIC_RELEASE);
    }
}

static void begin_step(struct wrg_copy_slot *slot, enum wrg_copy_step step)
{
    slot->step = step;
    submit(slot);
}

static void fail(struct wrg_copy *copy, enum wrg_copy_end end, const struct wrg_copy_slot *slot)
{
    if (copy->end != WRG_COPY_DONE)
        return; /* the first counts */
    copy->end = end;
    copy->failed = slot->sector;
    copy->failed_device = device_of(slot);
    copy->error = slot->error;
}

/* ---- pieces ---- */

static void compare(struct wrg_copy_slot *slot)
{
    struct wrg_copy *copy = slot->copy;
    const uint8_t *want = wrg_program_page(slot->world, slot->page[0]);
    const uint8_t *have = wrg_program_page(slot->world, slot->page[1]);

    for (uint32_t i = 0; i < slot->count; i++) {
        if (memcmp(want + (size_t)i * SECTOR, have + (size_t)i * SECTOR, SECTOR) == 0)
            continue;
        slot->sector += i;
        fail(copy, WRG_COPY_DIFFERS, slot);
        return;
    }
    copy->compared += slot->count;
}

/* It has succeeded. */
static void next_step(struct wrg_copy_slot *slot)
{
    struct wrg_copy *copy = slot->copy;

    slot->tries = 0;
    if (slot->step == WRG_COPY_READ && copy->end == WRG_COPY_DONE) {
        begin_step(slot, copy->verifying ? WRG_COPY_READ_BACK : WRG_COPY_WRITE);
        return;
    }
    if (slot->step == WRG_COPY_WRITE)
        copy->moved += slot->count;
    else if (slot->step == WRG_COPY_READ_BACK)
        compare(slot);
    else if (slot->step == WRG_COPY_FLUSH)
        copy->durable = copy->flushing;
    slot->step = WRG_COPY_IDLE;
}

static void try_again(struct wrg_copy_slot *slot)
{
    struct wrg_copy *copy = slot->copy;

    if (slot->step == WRG_COPY_FLUSH && slot->error == -EOPNOTSUPP) {
        slot->step = WRG_COPY_IDLE; /* nobody offers it: nothing becomes durable that way */
        return;
    }
    if (slot->pages_kept && slot->step != WRG_COPY_FLUSH)
        replace_buffer(slot);
    if (copy->end == WRG_COPY_DONE && ++slot->tries < copy->tries && !slot->lost) {
        /* What was read before may be gone with the pages. */
        bool again = slot->step == WRG_COPY_FLUSH || slot->step == WRG_COPY_READ_BACK;
        copy->retried++;
        begin_step(slot, again ? slot->step : WRG_COPY_READ);
        return;
    }
    fail(copy, WRG_COPY_FAILED, slot);
    slot->step = WRG_COPY_IDLE;
}

/* The next piece of a run with data; false: there is none. */
static bool cut_piece(struct wrg_copy *copy, struct wrg_copy_slot *slot)
{
    uint64_t first = 0;

    if (!copy->left) {
        if (!copy->next(copy->ctx, copy->verifying, copy->from, &first, &copy->left))
            copy->left = 0;
        if (!copy->left)
            return false;
        copy->at = first;
    }
    slot->sector = copy->at;
    slot->count = (uint32_t)wrg_min_u64(copy->left, (uint64_t)copy->pages * SECTORS_A_PAGE);
    copy->at += slot->count;
    copy->left -= slot->count;
    copy->from = copy->at;
    return true;
}

/* ---- the task ---- */

/* Everything below is copied: what is on its way counts as not, and what has failed never will. */
static void raise_mark(struct wrg_copy *copy, bool any_left)
{
    uint64_t mark = any_left ? copy->from : copy->sectors;

    if (copy->verifying || copy->end != WRG_COPY_DONE)
        return;
    for (uint32_t i = 0; i < copy->slots; i++)
        if (copy->slot[i].step != WRG_COPY_IDLE)
            mark = wrg_min_u64(mark, copy->slot[i].sector);
    copy->copied = mark;
}

static void advance(struct wrg_copy_slot *slot)
{
    if (slot->waiting)
        submit(slot);
    while (slot->step != WRG_COPY_IDLE && has_landed(slot)) {
        if (slot->error)
            try_again(slot);
        else
            next_step(slot);
    }
}

static bool is_stopping(const struct wrg_copy *copy)
{
    return copy->end != WRG_COPY_DONE || *copy->stop;
}

/* Moves everything on as far as it goes now. Returns how many slots are busy. */
static uint32_t turn(struct wrg_copy *copy, bool *any_left)
{
    uint32_t busy = 0;

    for (uint32_t i = 0; i < copy->slots; i++) {
        struct wrg_copy_slot *slot = &copy->slot[i];
        advance(slot);
        while (*any_left && slot->step == WRG_COPY_IDLE && !slot->lost && !is_stopping(copy)) {
            *any_left = cut_piece(copy, slot);
            if (!*any_left)
                break;
            begin_step(slot, WRG_COPY_READ);
            advance(slot);
        }
        busy += slot->step != WRG_COPY_IDLE;
    }
    advance(flusher(copy));
    return busy + (flusher(copy)->step != WRG_COPY_IDLE);
}

static void begin_flush(struct wrg_copy *copy, uint64_t mark)
{
    if (flusher(copy)->step != WRG_COPY_IDLE)
        return;
    copy->flushing = mark;
    begin_step(flusher(copy), WRG_COPY_FLUSH);
}

/* All pieces from `from` on; false: it has ended before its time. */
static bool pass(struct wrg_copy *copy, struct wrg_world *world, uint64_t from)
{
    bool any_left = true;

    copy->from = from;
    copy->left = 0;
    while (turn(copy, &any_left) > 0) {
        raise_mark(copy, any_left);
        if (copy->progress(copy->ctx, copy) && !copy->verifying && !is_stopping(copy))
            begin_flush(copy, copy->copied);
        if (!wrg_program_wait(world)) {
            copy->end = copy->end == WRG_COPY_DONE ? WRG_COPY_STUCK : copy->end;
            return false;
        }
    }
    raise_mark(copy, any_left);
    if (copy->end == WRG_COPY_DONE && any_left)
        copy->end = *copy->stop ? WRG_COPY_STOPPED : WRG_COPY_NO_MEMORY;
    return copy->end == WRG_COPY_DONE;
}

/* Waits for a flush of everything that is written. */
static bool flush_all(struct wrg_copy *copy, struct wrg_world *world)
{
    begin_flush(copy, copy->copied);
    for (;;) {
        advance(flusher(copy));
        if (flusher(copy)->step == WRG_COPY_IDLE)
            return copy->end == WRG_COPY_DONE;
        if (!wrg_program_wait(world)) {
            copy->end = WRG_COPY_STUCK;
            return false;
        }
    }
}

void wrg_copy_main(void *ctx, struct wrg_world *world)
{
    struct wrg_copy *copy = ctx;

    copy->started = true;
    if (!make_slots(copy, world)) {
        copy->end = WRG_COPY_NO_MEMORY;
        return;
    }
    if (!pass(copy, world, copy->begin)) {
        if (copy->end == WRG_COPY_STOPPED) { /* what is durable is safe for the next copy */
            copy->end = WRG_COPY_DONE;
            (void)flush_all(copy, world);
            copy->end = WRG_COPY_STOPPED;
        }
        return;
    }
    if (copy->flush && !flush_all(copy, world))
        return;
    copy->verifying = copy->verify;
    if (copy->verify)
        (void)pass(copy, world, 0);
}
