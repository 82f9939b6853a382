/* SPDX-License-Identifier: MIT */
#include "world/program.h"

#include <errno.h>

#include "world/world_impl.h"

static struct wrg_domain *domain_of(struct wrg_world *w)
{
    return w->vbd.guests[WRG_SEAT_FRONT].dom;
}

/* ---- memory ---- */

uint32_t wrg_program_pages_alloc(struct wrg_world *w, uint32_t count)
{
    wrg_xen_lock(&w->xen);
    uint32_t page = wrg_xen_page_alloc(&w->xen, domain_of(w), count, WRG_FILL_ZERO);
    if (page != WRG_NO_PAGE)
        w->program.pages += count;
    wrg_xen_unlock(&w->xen);
    return page;
}

void wrg_program_pages_free(struct wrg_world *w, uint32_t page, uint32_t count)
{
    wrg_xen_lock(&w->xen);
    w->program.pages -= count;
    wrg_xen_page_free(&w->xen, domain_of(w), page, count);
    wrg_xen_unlock(&w->xen);
}

uint8_t *wrg_program_page(struct wrg_world *w, uint32_t page)
{
    const struct wrg_view *view = wrg_xen_view(domain_of(w), page);

    WRG_ASSERT(view);
    wrg_memory_mark(&w->xen.memory, view->frame);
    return view->base;
}

/* ---- requests ---- */

int wrg_program_submit(struct wrg_world *w, const struct wrg_program_io *io)
{
    if (io->device >= w->nvbds || io->nvec > WRG_WORLD_IO_PAGES)
        return -EINVAL;
    return wrg_edge_submit_program(wrg_world_device(w, io->device), io);
}

uint64_t wrg_program_sectors(struct wrg_world *w, unsigned device)
{
    const struct wrg_world_vbd *vbd = device < w->nvbds ? wrg_world_device(w, device) : NULL;

    return vbd && wrg_edge_is_ready(vbd) ? wrg_edge_sectors(vbd) : 0;
}

/* ---- its task ---- */

bool wrg_program_wait(struct wrg_world *w)
{
    struct wrg_world_program *program = &w->program;

    __atomic_store_n(&program->waiting, true, __ATOMIC_RELEASE);
    (void)!wrg_sched_wait(&w->sched, WRG_SCHED_FOREVER);
    __atomic_store_n(&program->waiting, false, __ATOMIC_RELEASE);
    return !program->given_up;
}

void wrg_program_wake(struct wrg_world *w)
{
    wrg_sched_wake(&w->sched, w->program.task);
}

static void run(void *arg)
{
    struct wrg_world *w = arg;

    w->options.program(w->options.program_ctx, w);
}

void wrg_program_begin(struct wrg_world *w)
{
    const struct wrg_task_args args = {
        .fn = run, .arg = w, .name = "program", .role = WRG_ROLE_SCRIPT
    };

    w->program = (struct wrg_world_program){ .task = WRG_TASK_NONE };
    if (!w->options.program)
        return;
    w->program.task = wrg_sched_task_create(&w->sched, &args);
    WRG_ASSERT(w->program.task >= 0);
}

bool wrg_program_unstick(struct wrg_world *w)
{
    struct wrg_world_program *program = &w->program;

    if (!program->waiting || program->given_up)
        return false;
    program->given_up = true;
    wrg_sched_wake(&w->sched, program->task);
    return true;
}
