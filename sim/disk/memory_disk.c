/* SPDX-License-Identifier: MIT */
#include "disk/memory_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/digest.h"
#include "disk/page_row.h"

#define CHUNK_BYTES WRG_MEMORY_DISK_CHUNK_BYTES
#define BLOCK_SHIFT 12
#define BLOCK_BYTES (1u << BLOCK_SHIFT)
/* The most that is copied at once: memcpy has a slower way for what is longer than some caches. */
#define PIECE_BYTES     (256u << 10)
#define SECTORS_A_VEC   (WRG_PAGE_SIZE / WRG_SECTOR_SIZE)
#define SECTORS_A_CHUNK (CHUNK_BYTES / WRG_SECTOR_SIZE)
#define SECTORS_A_BLOCK (BLOCK_BYTES / WRG_SECTOR_SIZE)
/* Fibonacci hashing: neighbouring chunks land in different buckets, and one multiply is enough. */
#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)

WRG_STATIC_ASSERT(CHUNK_BYTES / BLOCK_BYTES <= 31, "a bit a block, and one to spare for the mask");
WRG_STATIC_ASSERT(BLOCK_BYTES == WRG_MEMORY_DISK_GRANULARITY, "what is forgotten is blocks");

static const struct wrg_disk_ops ops;

static struct wrg_memory_disk *self_of(struct wrg_disk *disk)
{
    return (struct wrg_memory_disk *)(void *)disk;
}

static size_t pool_bytes(const struct wrg_memory_disk *md)
{
    return (size_t)md->chunks * CHUNK_BYTES;
}

static int map_pool(struct wrg_memory_disk *md, bool prefault)
{
    void *at = mmap(NULL, pool_bytes(md), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (at == MAP_FAILED)
        return -ENOMEM;
    if (prefault) {
        /* Advice: without huge pages, or on an old kernel, the disk is slower and works. */
        (void)madvise(at, pool_bytes(md), MADV_HUGEPAGE);
        (void)madvise(at, pool_bytes(md), MADV_POPULATE_WRITE);
    }
    md->pool = at;
    return 0;
}

int wrg_memory_disk_init(struct wrg_memory_disk *md, const struct wrg_memory_disk_args *args)
{
    static const uint8_t zeros[WRG_SECTOR_SIZE];
    uint32_t bits = 4;

    memset(md, 0, sizeof(*md));
    if (args->chunks == 0 || args->chunks > 1u << 24 || args->sectors > WRG_MEMORY_DISK_SECTORS_MAX)
        return -EINVAL;
    while (1u << bits < 2 * args->chunks)
        bits++;
    md->disk.ops = &ops;
    md->sectors = args->sectors;
    md->chunks = args->chunks;
    md->mask = (1u << bits) - 1;
    md->shift = 64 - bits;
    md->epoch = 1;
    wrg_digest_sectors(zeros, 1, &md->zero_digest);
    md->chunk = calloc(args->chunks, sizeof(*md->chunk));
    md->buckets = calloc((size_t)md->mask + 1, sizeof(*md->buckets));
    md->digests = calloc((size_t)args->chunks * SECTORS_A_CHUNK, sizeof(*md->digests));
    if (!md->chunk || !md->buckets || !md->digests || map_pool(md, args->prefault)) {
        wrg_memory_disk_fini(md);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < md->chunks; i++) {
        md->chunk[i].bytes = md->pool + (size_t)i * CHUNK_BYTES;
        md->chunk[i].digests = md->digests + (size_t)i * SECTORS_A_CHUNK;
    }
    return 0;
}

void wrg_memory_disk_fini(struct wrg_memory_disk *md)
{
    if (md->pool)
        munmap(md->pool, pool_bytes(md));
    free(md->chunk);
    free(md->buckets);
    free(md->digests);
    memset(md, 0, sizeof(*md));
}

void wrg_memory_disk_resize(struct wrg_memory_disk *md, uint64_t sectors)
{
    WRG_ASSERT(sectors <= WRG_MEMORY_DISK_SECTORS_MAX);
    md->sectors = sectors;
}

static void reset(struct wrg_disk *disk)
{
    struct wrg_memory_disk *md = self_of(disk);

    md->used = 0;
    if (++md->epoch == 0) { /* after 2^32 resets: old buckets would come to life again */
        memset(md->buckets, 0, ((size_t)md->mask + 1) * sizeof(*md->buckets));
        md->epoch = 1;
    }
}

static void info(const struct wrg_disk *disk, struct wrg_disk_info *out)
{
    const struct wrg_memory_disk *md = (const struct wrg_memory_disk *)(const void *)disk;

    out->sectors = md->sectors;
    out->readonly = false;
    out->flush = true;
    out->discard_granularity_bytes = md->discard ? WRG_MEMORY_DISK_GRANULARITY : 0;
    out->discard_secure = md->discard && md->secure;
}

/* ---- chunks ---- */

static uint32_t bucket_of(const struct wrg_memory_disk *md, uint64_t number)
{
    return (uint32_t)((number * GOLDEN) >> md->shift);
}

/* Whether it is in its first place, as most are. */
static inline bool is_chunk(const struct wrg_memory_disk *md, uint32_t at, uint64_t number)
{
    return md->buckets[at].epoch == md->epoch && md->buckets[at].number == number;
}

/* NULL: a hole (take false), or the pool is used up (take true). */
static struct wrg_disk_chunk *find_chunk(struct wrg_memory_disk *md, uint64_t number, bool take)
{
    uint32_t at = bucket_of(md, number);

    /* Ends: at most half of the buckets are in use. */
    for (; md->buckets[at].epoch == md->epoch; at = (at + 1) & md->mask)
        if (md->buckets[at].number == number)
            return &md->chunk[md->buckets[at].slot];
    if (!take || md->used == md->chunks)
        return NULL;
    md->buckets[at] =
        (struct wrg_disk_bucket){ .number = number, .epoch = md->epoch, .slot = md->used };
    md->chunk[md->used].number = number;
    md->chunk[md->used].present = 0;
    return &md->chunk[md->used++];
}

static uint32_t blocks_of(uint32_t off, uint32_t len)
{
    return (2u << ((off + len - 1) >> BLOCK_SHIFT)) - (1u << (off >> BLOCK_SHIFT));
}

static void copy_out(const struct wrg_disk_chunk *chunk, uint32_t off, uint8_t *dst, uint32_t len)
{
    uint32_t blocks = blocks_of(off, len);

    if (WRG_LIKELY(chunk && (chunk->present & blocks) == blocks)) {
        memcpy(dst, chunk->bytes + off, len);
        return;
    }
    while (len) {
        uint32_t n = wrg_min_u32(len, BLOCK_BYTES - off % BLOCK_BYTES);
        if (chunk && (chunk->present >> (off >> BLOCK_SHIFT) & 1))
            memcpy(dst, chunk->bytes + off, n);
        else
            memset(dst, 0, n);
        dst += n;
        off += n;
        len -= n;
    }
}

/* A block that is to be written in part, and held nothing, becomes zeros first. */
static void zero_around(struct wrg_disk_chunk *chunk, uint32_t off, uint32_t len)
{
    while (len) {
        uint32_t block = off >> BLOCK_SHIFT;
        uint32_t n = wrg_min_u32(len, BLOCK_BYTES - off % BLOCK_BYTES);
        if (!(chunk->present >> block & 1) && n < BLOCK_BYTES)
            memset(chunk->bytes + (block << BLOCK_SHIFT), 0, BLOCK_BYTES);
        off += n;
        len -= n;
    }
}

static void copy_in(struct wrg_disk_chunk *chunk, uint32_t off, const uint8_t *src, uint32_t len)
{
    uint32_t blocks = blocks_of(off, len);

    if ((chunk->present & blocks) != blocks) {
        zero_around(chunk, off, len);
        chunk->present |= blocks;
    }
    chunk->digested &= ~blocks;
    memcpy(chunk->bytes + off, src, len);
}

/* ---- requests ---- */

struct run { /* a request on its way */
    struct wrg_memory_disk *md;
    uint64_t byte; /* the next one of the disk */
    struct wrg_disk_chunk *chunk;
    bool write;
    bool found; /* chunk is that of `byte` */
    bool digest;
    struct wrg_memory *pages; /* keeps digests of whole pages; NULL on the thread engine */
    uint32_t frame;           /* of the page */
    uint32_t ndigests;
    uint64_t *digests; /* of a vector: SECTORS_A_VEC */
};

/* A whole page is a whole block: whichever of the two is known tells the other. */
static void page_digests(struct run *run, uint32_t off, uint64_t *out)
{
    struct wrg_disk_chunk *chunk = run->chunk;
    uint64_t *kept = chunk->digests + off / WRG_SECTOR_SIZE;
    uint32_t bit = 1u << (off >> BLOCK_SHIFT);

    if (run->write) {
        memcpy(kept, wrg_memory_digests(run->pages, run->frame), SECTORS_A_BLOCK * sizeof(*kept));
    } else {
        if (!(chunk->digested & bit))
            wrg_digest_sectors(chunk->bytes + off, SECTORS_A_BLOCK, kept);
        wrg_memory_set_digests(run->pages, run->frame, kept);
    }
    chunk->digested |= bit;
    memcpy(out, kept, SECTORS_A_BLOCK * sizeof(*out));
}

/*
 * Those of sectors of one block. The digests of a whole block stay until it is written again: most
 * blocks are read many times.
 */
static void block_digests(struct wrg_disk_chunk *chunk, uint32_t off, uint32_t len, uint64_t *out)
{
    uint32_t block = off >> BLOCK_SHIFT;
    uint32_t count = len / WRG_SECTOR_SIZE;
    uint64_t *kept = chunk->digests + off / WRG_SECTOR_SIZE;

    if (!(chunk->digested >> block & 1)) {
        wrg_digest_sectors(chunk->bytes + off, count, out);
        if (len < BLOCK_BYTES)
            return;
        memcpy(kept, out, count * sizeof(*out));
        chunk->digested |= 1u << block;
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        out[i] = kept[i];
}

/* From the disk's side, which no guest can change meanwhile. */
static void add_digests(struct run *run, uint32_t off, uint32_t len)
{
    struct wrg_disk_chunk *chunk = run->chunk;

    while (len) {
        uint32_t n = wrg_min_u32(len, BLOCK_BYTES - off % BLOCK_BYTES);
        uint64_t *digests = run->digests + run->ndigests;
        run->ndigests += n / WRG_SECTOR_SIZE;
        bool present = chunk && (chunk->present >> (off >> BLOCK_SHIFT) & 1);
        if (present && n == BLOCK_BYTES && run->pages)
            page_digests(run, off, digests);
        else if (present)
            block_digests(chunk, off, n, digests);
        else
            for (uint32_t i = 0; i < n / WRG_SECTOR_SIZE; i++)
                digests[i] = run->md->zero_digest;
        off += n;
        len -= n;
    }
}

/*
 * Chunks that were first written in order lie beside each other: whether the one behind that which
 * was used last has this number. Other than a bucket, that is not lost from the caches by a copy.
 */
static inline struct wrg_disk_chunk *next_chunk(const struct wrg_memory_disk *md, uint64_t number)
{
    struct wrg_disk_chunk *next = &md->chunk[md->last + 1];

    return md->last + 1 < md->used && next->number == number ? next : NULL;
}

static inline void use_chunk(struct run *run, struct wrg_disk_chunk *chunk)
{
    run->chunk = chunk;
    run->found = true;
    if (chunk)
        run->md->last = (uint32_t)(chunk - run->md->chunk);
}

/* The chunk of `byte`, which only a run of writes takes. */
static inline int enter_chunk(struct run *run)
{
    uint64_t number = run->byte / CHUNK_BYTES;
    struct wrg_disk_chunk *next = next_chunk(run->md, number);

    use_chunk(run, next ? next : find_chunk(run->md, number, run->write));
    /* -ENOSPC below, and so it comes out of a real disk too. */
    return run->write && !run->chunk ? -EIO : 0;
}

/* Makes the next chunk the one, if all of its first bytes are there. */
static inline bool step_chunk(struct run *run, uint64_t number, uint32_t len)
{
    const uint32_t blocks = blocks_of(0, len);
    struct wrg_disk_chunk *next = next_chunk(run->md, number);

    if (!next || (next->present & blocks) != blocks)
        return false;
    if (run->write)
        next->digested &= ~blocks;
    use_chunk(run, next);
    return true;
}

/*
 * As much as lies in one piece, from the chunk on: many a chunk is copied sooner than the next one
 * is found. Returns how many bytes, 0: the first ones are not there.
 */
static uint32_t move_piece(struct run *run, uint32_t off, uint8_t *bytes, uint32_t len)
{
    struct wrg_disk_chunk *chunk = run->chunk;
    uint32_t n = wrg_min_u32(len, CHUNK_BYTES - off);
    const uint32_t most = wrg_min_u32(len, PIECE_BYTES), blocks = blocks_of(off, n);

    if (!chunk || (chunk->present & blocks) != blocks)
        return 0;
    if (run->write)
        chunk->digested &= ~blocks;
    for (uint64_t number = run->byte / CHUNK_BYTES + 1; n < most; number++) {
        uint32_t more = wrg_min_u32(most - n, CHUNK_BYTES);
        if (!step_chunk(run, number, more))
            break;
        n += more;
    }
    if (run->write)
        memcpy(chunk->bytes + off, bytes, n);
    else
        memcpy(bytes, chunk->bytes + off, n);
    return n;
}

/* Up to the end of a chunk, at most. Returns how many bytes. */
static uint32_t move_part(struct run *run, uint32_t off, uint8_t *bytes, uint32_t len)
{
    uint32_t n = wrg_min_u32(len, CHUNK_BYTES - off);

    if (run->write)
        copy_in(run->chunk, off, bytes, n);
    else
        copy_out(run->chunk, off, bytes, n);
    if (run->digest)
        add_digests(run, off, n);
    return n;
}

static int move_bytes(struct run *run, uint8_t *bytes, uint32_t len)
{
    run->ndigests = 0;
    for (uint32_t n; len; run->byte += n, bytes += n, len -= n) {
        uint32_t off = (uint32_t)(run->byte % CHUNK_BYTES);
        if (off == 0 || !run->found) {
            int error = enter_chunk(run);
            if (error)
                return error;
        }
        n = run->digest ? 0 : move_piece(run, off, bytes, len);
        if (!n)
            n = move_part(run, off, bytes, len);
    }
    return 0;
}

/* Offset and, above that, length of a vector as one number: compilers take several at a time. */
static inline uint32_t part_of(const struct wrg_vec *vec)
{
    uint32_t part;

    WRG_STATIC_ASSERT(sizeof(*vec) == sizeof(vec->page) + sizeof(part), "two halves");
    memcpy(&part, &vec->off, sizeof(part));
    return part;
}

/*
 * What no ring request can ask for is the driver's mistake: a vector that it did not fill in, as
 * for a page that was not mapped.
 */
static void blame_vectors(const struct wrg_disk_request *request,
                          const struct wrg_disk_context *context)
{
    for (uint32_t i = 0; i < request->nvec; i++) {
        const struct wrg_vec *vec = &request->vec[i];
        if (vec->len % WRG_SECTOR_SIZE == 0 && vec->len <= WRG_PAGE_SIZE)
            continue;
        wrg_xen_emit(context->xen, .kind = WRG_EV_VIEW_FAULT, .role = context->dom->role,
                     .a = vec->page, .b = vec->off, .c = WRG_RULE_GNT_008, .d = vec->len);
        return;
    }
}

static int check(const struct wrg_memory_disk *md, const struct wrg_disk_request *request,
                 const struct wrg_disk_context *context)
{
    const struct wrg_vec *vec = request->vec;
    const uint32_t nvec = request->nvec;
    uint32_t sectors = 0, odd = 0, spare = 0;

    for (uint32_t i = 0; i < nvec; i++) {
        uint32_t len = part_of(&vec[i]) >> 16;
        sectors += len / WRG_SECTOR_SIZE;
        odd |= len;
        spare |= WRG_PAGE_SIZE - len;
    }
    if (odd % WRG_SECTOR_SIZE || spare >> 31) {
        blame_vectors(request, context);
        return -EINVAL;
    }
    if (request->sector > md->sectors || sectors > md->sectors - request->sector)
        return -EIO;
    return 0;
}

static void emit_data(const struct run *run, const struct wrg_disk_request *request,
                      const struct wrg_disk_context *context, const struct wrg_vec *vec)
{
    uint64_t sector = (run->byte - vec->len) >> WRG_DISK_SECTOR_SHIFT;

    wrg_xen_emit(context->xen, .kind = WRG_EV_DISK_DATA, .role = context->dom->role,
                 .a = context->ticket, .b = request->op, .c = sector,
                 .d = (uint64_t)run->frame << 32 | (uint32_t)vec->off << 16 | vec->len,
                 .payload = run->digests, .len = run->ndigests * (uint32_t)sizeof(uint64_t));
}

static int move_vecs(struct run *run, const struct wrg_disk_request *request,
                     struct wrg_disk_context *context)
{
    uint64_t digests[SECTORS_A_VEC];
    int error = 0;

    run->digests = digests;
    for (uint32_t i = 0, n; i < request->nvec && !error; i += n) {
        const struct wrg_vec *vec = &request->vec[i];
        n = run->digest ? 0 : wrg_page_row_count(context, vec, request->nvec - i, run->write);
        if (n) {
            uint8_t *pages = context->dom->views[vec->page & WRG_VIEW_MASK].base;
            error = move_bytes(run, pages, n * BLOCK_BYTES);
            continue;
        }
        /* A read of the disk is a write to the page. */
        uint8_t *page = wrg_xen_dma(context->xen, context->dom, vec, !run->write);
        if (!page)
            return -EFAULT;
        /* By address: in the thread engine the handle may die under the transfer. */
        run->frame = (uint32_t)((page - context->xen->memory.base) >> WRG_PAGE_SHIFT);
        error = move_bytes(run, page, vec->len);
        if (run->digest && !error)
            emit_data(run, request, context, vec);
        n = 1;
    }
    return error;
}

/* One whole page, to or from a block that is there: what small requests are made of. */
static inline bool move_page(struct wrg_memory_disk *md, const struct wrg_disk_request *request,
                             const struct wrg_disk_context *context)
{
    const struct wrg_vec *vec = request->vec, whole = { .len = BLOCK_BYTES };
    const uint32_t slot = vec->page & WRG_VIEW_MASK;
    const uint64_t number = request->sector / SECTORS_A_CHUNK;
    const uint32_t at = bucket_of(md, number);
    const uint32_t block = (uint32_t)(request->sector % SECTORS_A_CHUNK) / SECTORS_A_BLOCK;

    if (request->sector % SECTORS_A_BLOCK || part_of(vec) != part_of(&whole) ||
        request->sector >= md->sectors || md->sectors - request->sector < SECTORS_A_BLOCK ||
        slot >= context->dom->nviews || !is_chunk(md, at, number))
        return false;
    struct wrg_disk_chunk *chunk = &md->chunk[md->buckets[at].slot];
    const struct wrg_view *view = &context->dom->views[slot];
    if (!(chunk->present >> block & 1) || view->handle != vec->page || !view->base)
        return false;
    uint8_t *bytes = chunk->bytes + block * BLOCK_BYTES;
    if (request->op == WRG_IO_WRITE) {
        chunk->digested &= ~(1u << block);
        memcpy(bytes, view->base, BLOCK_BYTES);
        return true;
    }
    if (!(view->flags & WRG_VIEW_WRITE) || !context->xen->memory.dirty[view->frame])
        return false;
    memcpy(view->base, bytes, BLOCK_BYTES);
    return true;
}

/* What moves no data. */
__attribute__((noinline)) static int execute_other(struct wrg_memory_disk *md,
                                                   const struct wrg_disk_request *request,
                                                   const struct wrg_disk_context *context)
{
    if (request->op == WRG_IO_FLUSH)
        return 0;
    return wrg_disk_discards(request->op) ? wrg_memory_disk_discard(md, request, context) : -EINVAL;
}

static int execute(struct wrg_disk *disk, const struct wrg_disk_request *request,
                   struct wrg_disk_context *context)
{
    struct wrg_memory_disk *md = self_of(disk);

    if (request->op != WRG_IO_READ && request->op != WRG_IO_WRITE)
        return execute_other(md, request, context);
    if (request->nvec == 1 && !context->xen->trace->on && move_page(md, request, context))
        return 0;
    int error = check(md, request, context);
    if (error)
        return error;
    struct run run = { .md = md,
                       .byte = request->sector << WRG_DISK_SECTOR_SHIFT,
                       .write = request->op == WRG_IO_WRITE,
                       .digest = context->xen->trace->on,
                       .pages = context->xen->parallel ? NULL : &context->xen->memory };
    return move_vecs(&run, request, context);
}

/* ---- without a guest ---- */

/* A write takes all chunks that it needs before it changes the first byte. */
static bool has_room(struct wrg_memory_disk *md, const struct wrg_disk_run *run)
{
    uint64_t last = (run->sector + run->count - 1) / SECTORS_A_CHUNK;

    for (uint64_t number = run->sector / SECTORS_A_CHUNK; number <= last; number++)
        if (!find_chunk(md, number, true))
            return false;
    return true;
}

static int transfer(struct wrg_disk *disk, const struct wrg_disk_run *run)
{
    struct wrg_memory_disk *md = self_of(disk);
    uint64_t byte = run->sector << WRG_DISK_SECTOR_SHIFT;
    uint32_t done = 0, len = run->count << WRG_DISK_SECTOR_SHIFT;

    WRG_ASSERT(run->count <= UINT32_MAX >> WRG_DISK_SECTOR_SHIFT);
    if (run->sector > md->sectors || run->count > md->sectors - run->sector)
        return -EIO;
    if (!run->count)
        return 0;
    if (run->write && !has_room(md, run))
        return -EIO;
    while (done < len) {
        uint32_t off = (uint32_t)((byte + done) % CHUNK_BYTES);
        uint32_t n = wrg_min_u32(len - done, CHUNK_BYTES - off);
        struct wrg_disk_chunk *chunk = find_chunk(md, (byte + done) / CHUNK_BYTES, false);
        if (run->write)
            copy_in(chunk, off, run->bytes + done, n);
        else
            copy_out(chunk, off, run->bytes + done, n);
        done += n;
    }
    return 0;
}

static const struct wrg_disk_ops ops = {
    .execute = execute, .transfer = transfer, .info = info, .reset = reset
};
