/* SPDX-License-Identifier: MIT */
/*
 * A device that changes hands without a new start of the backend (wringer/xenbus.h).
 */
#include <wringer/xenbus.h>

#define STEP_PATIENCE_NS (UINT64_C(5) * 1000 * 1000 * 1000)

#define IS(state)        (1u << WRG_XENBUS_##state)

static const struct {
    enum wrg_xenbus_state say;
    uint32_t until; /* the backend is in one of these */
} steps[] = {
    { WRG_XENBUS_CLOSING, IS(CLOSING) | IS(CLOSED) },
    { WRG_XENBUS_CLOSED, IS(CLOSED) },
    { WRG_XENBUS_INITIALISING, IS(INIT_WAIT) },
};

enum { NR_STEPS = sizeof(steps) / sizeof(*steps), FROM_CLOSING = 1, FROM_CLOSED = 2, QUEUES = 12 };

static const char num_queues[] = "multi-queue-num-queues";
static const char *const leftovers[] = { "ring-ref", "event-channel", "protocol", "ring-page-order",
                                         "num-ring-pages" };

/* Those that the number speaks of; nobody looks for others. */
static int remove_queues(struct wrg_xenbus_device *dev, uint32_t transaction)
{
    uint64_t count = wrg_xenbus_read_own_u64(dev, num_queues, 0);
    char name[] = "queue-00";
    int result = 0;

    if (count == 0)
        return 0;
    for (unsigned i = 0; i < count && i < QUEUES && !result; i++) {
        wrg_format_u64(i, name + sizeof("queue-") - 1);
        result = wrg_xenbus_remove(dev, transaction, name);
    }
    return result ? result : wrg_xenbus_remove(dev, transaction, num_queues);
}

static int remove_nodes(void *ctx, uint32_t transaction)
{
    struct wrg_xenbus_device *dev = ctx;
    char name[] = "ring-ref00";
    int result = remove_queues(dev, transaction);

    for (unsigned i = 0; i < sizeof(leftovers) / sizeof(*leftovers) && !result; i++)
        result = wrg_xenbus_remove(dev, transaction, leftovers[i]);
    for (unsigned i = 0; i < WRG_BLKIF_MAX_RING_PAGES && !result; i++) {
        wrg_format_u64(i, name + sizeof("ring-ref") - 1);
        result = wrg_xenbus_remove(dev, transaction, name);
    }
    return result;
}

void wrg_xenbus_walk_begin(struct wrg_xenbus_device *dev, struct wrg_xenbus_walk *walk)
{
    enum wrg_xenbus_state backend = wrg_xenbus_read_other_state(dev);
    unsigned step = 0;

    if (backend == WRG_XENBUS_CLOSING)
        step = FROM_CLOSING;
    else if (backend == WRG_XENBUS_CLOSED)
        step = FROM_CLOSED;
    *walk = (struct wrg_xenbus_walk){ .next = (uint8_t)(step + 1) };
}

/* Whether the step has had its time; if not, the task is woken when it has. */
static bool is_over(struct wrg_xenbus_device *dev, struct wrg_xenbus_walk *walk, uint32_t task)
{
    struct wrg_timer_set timer = { .task = task, .delay_ns = STEP_PATIENCE_NS };
    struct wrg_clock_read clock = { .now_ns = 0 };

    (void)wrg_port_clock_read(dev->port, &clock);
    if (walk->deadline_ns == 0) {
        walk->deadline_ns = clock.now_ns + STEP_PATIENCE_NS;
        (void)wrg_port_timer_set(dev->port, &timer);
    }
    return clock.now_ns >= walk->deadline_ns;
}

bool wrg_xenbus_walk_on(struct wrg_xenbus_device *dev, struct wrg_xenbus_walk *walk, uint32_t task)
{
    struct wrg_timer_set cancel = { .task = task, .delay_ns = WRG_FOREVER };

    for (; walk->next <= NR_STEPS; walk->next++, walk->deadline_ns = 0) {
        unsigned step = walk->next - 1u;
        if (wrg_xenbus_switch_state(dev, steps[step].say)) {
            if (!is_over(dev, walk, task))
                return false;
            break; /* a store that refuses this will not let us through */
        }
        uint32_t backend = (uint32_t)wrg_xenbus_read_other_state(dev);
        if (backend == WRG_XENBUS_UNKNOWN) /* there is nobody to walk with */
            break;
        /* A backend that does not follow in time gets no second chance, but is not waited for. */
        if (!(backend <= WRG_XENBUS_CLOSED && (steps[step].until >> backend & 1)) &&
            !is_over(dev, walk, task))
            return false;
    }
    walk->next = 0;
    (void)wrg_port_timer_set(dev->port, &cancel);
    (void)wrg_xenbus_transact(dev, remove_nodes, dev);
    return true;
}
