/* SPDX-License-Identifier: MIT */
/* Somebody else's driver: a backend for direct reads and writes, as small as a correct one gets.
 * One ring page, no features; one task does everything, a segment at a time. */
/* clang-format off */
#include <errno.h>
#include <wringer/wringer.h>

struct tiny {
    struct wrg_port *port;
    struct wrg_xenbus_device bus;
    struct wrg_back_ring ring;
    struct wrg_disk_info disk;
    uint32_t task, page, evtchn; /* page and evtchn of the ring; 0: none */
    int result;                  /* of the disk operation; above 0: there is none yet */
    bool detaching;
};

static void on_disk_done(void *ctx, int error) /* called by the disk's task */
{
    struct tiny *t = ctx;
    __atomic_store_n(&t->result, error, __ATOMIC_RELEASE);
    (void)wrg_port_task_wake(t->port, &(struct wrg_task_wake){ t->task });
}

static int move(struct tiny *t, uint8_t op, uint64_t sector, const struct wrg_blkif_segment *seg)
{
    struct wrg_gnttab_map_op entry = { .gref = seg->gref };
    struct wrg_gnttab_map map = { .domid = t->bus.other_domid, .readonly = op == WRG_IO_WRITE,
                                  .count = 1, .ops = &entry };

    if (wrg_port_gnttab_map(t->port, &map) || entry.status)
        return -EFAULT;
    struct wrg_vec vec = { entry.page, (uint16_t)(seg->first_sect * WRG_SECTOR_SIZE),
                           (uint16_t)((seg->last_sect - seg->first_sect + 1u) * WRG_SECTOR_SIZE) };
    struct wrg_disk_submit submit = { .op = op, .sector = sector, .nvec = 1, .vec = &vec,
                                      .done = on_disk_done, .ctx = t };
    t->result = 1;
    if (wrg_port_disk_submit(t->port, &submit))
        t->result = -EIO;
    while (__atomic_load_n(&t->result, __ATOMIC_ACQUIRE) > 0)
        (void)wrg_port_task_wait(t->port, &(struct wrg_task_wait){ WRG_FOREVER });
    (void)wrg_port_gnttab_unmap(t->port, &(struct wrg_gnttab_unmap){ 1, &entry.page, 0 });
    return t->result;
}

/* `wire` is a copy of the slot: the frontend cannot change it between check and use. */
static int16_t execute(struct tiny *t, const struct wrg_blkif_request *wire)
{
    bool write = wire->operation == WRG_BLKIF_OP_WRITE;
    uint64_t sector = wire->sector_number, count = 0;
    const struct wrg_blkif_segment *seg = wire->seg, *end = seg + wire->nr_segments;

    if (!write && wire->operation != WRG_BLKIF_OP_READ)
        return WRG_BLKIF_RSP_EOPNOTSUPP;
    if (wire->nr_segments == 0 || wire->nr_segments > WRG_BLKIF_MAX_DIRECT_SEGMENTS)
        return WRG_BLKIF_RSP_ERROR;
    for (; seg < end; count += seg->last_sect - seg->first_sect + 1u, seg++)
        if (seg->first_sect > seg->last_sect || seg->last_sect >= WRG_BLKIF_SECTORS_PER_PAGE)
            return WRG_BLKIF_RSP_ERROR;
    if ((write && t->disk.readonly) || sector > t->disk.sectors || count > t->disk.sectors - sector)
        return WRG_BLKIF_RSP_ERROR;
    for (seg = wire->seg; seg < end; sector += seg->last_sect - seg->first_sect + 1u, seg++)
        if (move(t, write ? WRG_IO_WRITE : WRG_IO_READ, sector, seg))
            return WRG_BLKIF_RSP_ERROR;
    return WRG_BLKIF_RSP_OKAY;
}

static void disconnect(struct tiny *t)
{
    if (t->evtchn)
        (void)wrg_port_evtchn_close(t->port, &(struct wrg_evtchn_close){ t->evtchn });
    if (t->page) {
        wrg_ring_retire(&t->ring.ring);
        (void)wrg_port_gnttab_unmap(t->port, &(struct wrg_gnttab_unmap){ 1, &t->page, 0 });
    }
    t->evtchn = t->page = 0;
}

static void serve_ring(struct tiny *t)
{
    struct wrg_evtchn_eoi eoi = { .evtchn = t->evtchn, .spurious = true };
    struct wrg_blkif_request wire;
    int pending;
    do {
        while ((pending = wrg_back_ring_pending(&t->ring)) > 0) {
            wrg_back_ring_get(&t->ring, &wire);
            struct wrg_blkif_response answer = { wire.id, wire.operation, execute(t, &wire) };
            wrg_back_ring_put(&t->ring, &answer);
            if (wrg_back_ring_push(&t->ring))
                (void)wrg_port_evtchn_send(t->port, &(struct wrg_evtchn_send){ t->evtchn });
            eoi.spurious = false;
        }
    } while (pending == 0 && wrg_back_ring_final_check(&t->ring));
    if (pending == 0)
        (void)wrg_port_evtchn_eoi(t->port, &eoi);
    else
        disconnect(t); /* the index makes no sense: nothing more is read from this frontend */
}

static bool offer(struct tiny *t)
{
    return !wrg_port_disk_info(t->port, &t->disk) &&
           !wrg_xenbus_write_u64(&t->bus, 0, "sectors", t->disk.sectors) &&
           !wrg_xenbus_write_u64(&t->bus, 0, "sector-size", WRG_SECTOR_SIZE) &&
           !wrg_xenbus_write_u64(&t->bus, 0, "info", t->disk.readonly ? WRG_VDISK_READONLY : 0) &&
           !wrg_xenbus_switch_state(&t->bus, WRG_XENBUS_INIT_WAIT);
}

/* A missing node reads as a number that nothing has; disconnect gives back what was taken. */
static bool connect(struct tiny *t)
{
    uint32_t evtchn = (uint32_t)wrg_xenbus_read_u64(&t->bus, "event-channel", UINT32_MAX);
    struct wrg_evtchn_bind_interdomain bind = { t->bus.other_domid, evtchn, 0 };
    struct wrg_gnttab_map_op op = { .gref = wrg_xenbus_read_u64(&t->bus, "ring-ref", UINT32_MAX) };
    struct wrg_gnttab_map map = { .domid = t->bus.other_domid, .contiguous = true,
                                  .count = 1, .ops = &op };
    char protocol[32] = "x86_64-abi"; /* the layout of a frontend that names none */
    int result = wrg_xenbus_read_text(&t->bus, "protocol", protocol, sizeof(protocol));
    enum wrg_abi abi;

    if ((result && result != -ENOENT) || wrg_wire_protocol_parse(protocol, &abi) ||
        wrg_port_gnttab_map(t->port, &map))
        return false;
    struct wrg_ring_args args = { t->port, t->page = op.page, 1, (uint8_t)abi, 0 };
    if (wrg_back_ring_attach(&t->ring, &args) || wrg_port_evtchn_bind_interdomain(t->port, &bind))
        return false;
    t->evtchn = bind.evtchn; /* is pending: the task will run, and look at the ring */
    (void)wrg_port_evtchn_listen(t->port, &(struct wrg_evtchn_listen){ t->evtchn, t->task });
    return !wrg_xenbus_switch_state(&t->bus, WRG_XENBUS_CONNECTED);
}

/* The ring comes first: while it waits for the disk it may sleep through a change of state. */
static void work(void *self)
{
    struct tiny *t = self;

    if (t->evtchn)
        serve_ring(t);
    (void)wrg_xenbus_drain_events(&t->bus);
    enum wrg_xenbus_state front = wrg_xenbus_read_other_state(&t->bus);
    bool ready = front == WRG_XENBUS_INITIALISED || front == WRG_XENBUS_CONNECTED;
    bool idle = t->bus.state == WRG_XENBUS_INITIALISING || t->bus.state == WRG_XENBUS_CLOSED;
    if (front == WRG_XENBUS_CLOSED || front == WRG_XENBUS_UNKNOWN) {
        disconnect(t);
        (void)wrg_xenbus_switch_state(&t->bus, WRG_XENBUS_CLOSED);
    } else if (front == WRG_XENBUS_CLOSING || (t->detaching && t->bus.state != WRG_XENBUS_CLOSED)) {
        (void)wrg_xenbus_switch_state(&t->bus, WRG_XENBUS_CLOSING);
    } else if (!t->detaching && (ready || front == WRG_XENBUS_INITIALISING) &&
               ((idle && !offer(t)) ||
                (ready && t->bus.state == WRG_XENBUS_INIT_WAIT && !connect(t)))) {
        wrg_xenbus_fatal(&t->bus, -EIO, "no connection");
    }
}

static int start(struct wrg_port *port, void **self)
{
    struct wrg_alloc alloc = { sizeof(struct tiny), WRG_ALLOC_HEAP, true, NULL };
    struct wrg_task_create task = { .fn = work, .name = "tiny", .worker = true };

    if (wrg_port_alloc(port, &alloc))
        return -ENOMEM;
    struct tiny *t = task.arg = alloc.ptr;
    t->port = port;
    bool made = !wrg_xenbus_init(&t->bus, port, "frontend") && !wrg_port_task_create(port, &task);
    if (made && !wrg_xenbus_watch_state(&t->bus, t->task = task.task))
        return *self = t, 0;
    if (made)
        (void)wrg_port_task_exit(port, &(struct wrg_task_exit){ t->task });
    (void)wrg_port_free(port, &(struct wrg_free){ t });
    return -EIO;
}

static void stop(void *self)
{
    struct tiny *t = self;
    disconnect(t);
    wrg_xenbus_fini(&t->bus);
    (void)wrg_port_task_exit(t->port, &(struct wrg_task_exit){ t->task });
    (void)wrg_port_free(t->port, &(struct wrg_free){ t });
}

static void detach(void *self)
{
    struct tiny *t = self;
    t->detaching = true;
    (void)wrg_port_task_wake(t->port, &(struct wrg_task_wake){ t->task });
}

static const struct wrg_endpoint tiny_backend = { .name = "tiny", .seat = WRG_SEAT_BACK,
  .traits = WRG_TRAIT_SNAPSHOT, .start = start, .stop = stop, .detach = detach };

int main(int argc, char **argv)
{
    return wrg_main(argc, argv, &tiny_backend);
}
