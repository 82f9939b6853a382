/* SPDX-License-Identifier: MIT */
/*
 * A response, checked against what was asked.
 */
#include <errno.h>

#include "front/front.h"

static bool echoes(const struct wrg_front *front, const struct front_slot *slot, uint8_t operation)
{
    if (operation == slot->operation)
        return true;
    /* Some backends answer an indirect request with its outer operation. */
    return slot->nindirect && operation == WRG_BLKIF_OP_INDIRECT &&
           !front->port->params.strict_echo;
}

static int error_of(const struct front_slot *slot, int16_t status)
{
    if (status == WRG_BLKIF_RSP_OKAY)
        return 0;
    if (status == WRG_BLKIF_RSP_EOPNOTSUPP &&
        (slot->operation == WRG_BLKIF_OP_FLUSH_DISKCACHE ||
         slot->operation == WRG_BLKIF_OP_WRITE_BARRIER || slot->operation == WRG_BLKIF_OP_DISCARD))
        return -EOPNOTSUPP;
    return -EIO;
}

/* What the backend offered, it does not offer any more. */
static void lose(struct wrg_front *front, uint8_t operation)
{
    if (operation == WRG_BLKIF_OP_FLUSH_DISKCACHE)
        __atomic_store_n(&front->flush, false, __ATOMIC_RELAXED);
    else if (operation == WRG_BLKIF_OP_DISCARD)
        __atomic_store_n(&front->discard, false, __ATOMIC_RELAXED);
    else
        __atomic_store_n(&front->barrier, false, __ATOMIC_RELAXED);
}

void wrg_front_take(struct front_queue *queue, const struct wrg_blkif_response *response)
{
    struct wrg_front *front = queue->front;
    struct front_ring *ring = queue->ring;
    struct front_slot *slot;

    if (response->id >= ring->ring.ring.entries) {
        wrg_front_enter_error(front, "response with an id that is out of range");
        return;
    }
    slot = &ring->slots[response->id];
    if (!slot->io) {
        wrg_front_enter_error(front, "response to a request that is not outstanding");
        return;
    }
    if (!echoes(front, slot, response->operation)) {
        wrg_front_enter_error(front, "response with the wrong operation");
        return;
    }
    int error = error_of(slot, response->status);
    if (error == -EOPNOTSUPP) {
        lose(front, slot->operation);
        if (slot->io->op ==
            WRG_IO_FLUSH) /* there is nothing to flush, as where it is not offered */
            error = 0;
    }
    wrg_front_finish(queue, slot, error);
}
