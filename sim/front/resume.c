/* SPDX-License-Identifier: MIT */
/*
 * The guest was moved to another host. Its memory has come along, what the old backend had mapped
 * has not: all grants can be taken back. What was in flight is asked for again, as a whole, because
 * the next backend may take smaller requests. I/O that was done in part is done again: the block
 * layer has not been told of it.
 */
#include <stddef.h>

#include "front/front.h"

void wrg_front_resume(void *self)
{
    struct wrg_front *front = self;

    __atomic_store_n(&front->suspended, true, __ATOMIC_RELEASE);
    wrg_front_wake_xenbus(front);
}

/* Nothing of it is on a ring any more. */
static void start_over(struct front_queue *queue, struct front_io *io)
{
    io->sector = wrg_front_block_io(io)->sector;
    io->done_vec = 0;
    if (!io->all_put) /* it is the first one that waits */
        return;
    io->all_put = false;
    io->next = queue->todo;
    queue->todo = io;
    if (!queue->todo_tail)
        queue->todo_tail = io;
}

/* Under ring_lock. */
static void take_back_all(struct front_queue *queue)
{
    struct front_ring *ring = queue->ring;

    /* From the last one on: each goes to the head of the list, which ends up in order of ids. */
    for (uint32_t i = ring->ring.ring.entries; i-- > 0;) {
        struct front_io *io = ring->slots[i].io;
        if (!io)
            continue;
        wrg_front_let_go(queue, &ring->slots[i]);
        if (io->parts == 0)
            start_over(queue, io);
    }
}

int wrg_front_recover(struct wrg_front *front)
{
    uint8_t up = FRONT_UP;

    if (!wrg_front_detaches(front) &&
        __atomic_compare_exchange_n(&front->state, &up, FRONT_SUSPENDED, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
        for (unsigned i = 0; i < front->nqueues; i++) {
            struct front_queue *queue = &front->queues[i];
            wrg_port_lock(front->port, queue->ring_lock);
            if (queue->ring)
                take_back_all(queue);
            wrg_port_unlock(front->port, queue->ring_lock);
        }
    }
    wrg_front_tear_down(front);
    wrg_front_retry_kept(front);
    wrg_front_stop_timer(front);
    front->walk.next = 0;
    front->close_tries = 0;
    return wrg_xenbus_reopen(&front->bus, "backend");
}
