/* The entry: plans each sample, picks the kernel for this processor, and shares the images among threads. */

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "jointaug.h"

#define LARGE (4 << 20) /* bytes of a result that are worth asking for large pages */
#define KEPT (16 << 20) /* bytes of scratch memory that a thread may leave for the next call */

#define ALIGNMENT 64

void *ja_take(ja_arena *arena, enum ja_slot slot, int64_t bytes) {
    if (arena->size[slot] < bytes) {
        free(arena->memory[slot]);
        arena->memory[slot] = malloc((size_t)bytes + ALIGNMENT);
        arena->size[slot] = arena->memory[slot] ? bytes : 0;
        if (!arena->memory[slot]) return NULL;
    }
    return (void *)(((uintptr_t)arena->memory[slot] + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

static void drop(ja_arena *arena) {
    for (int slot = 0; slot < JA_SLOTS; slot++) free(arena->memory[slot]);
    memset(arena, 0, sizeof *arena);
}

/* One arena waits here between calls, so that a single image does not pay for fresh pages each time. The lock is only ever tried: a
 * child forked while it was held works without. */
static atomic_flag spare_lock = ATOMIC_FLAG_INIT;
static ja_arena spare;

static ja_arena borrow(void) {
    ja_arena arena = {0};
    if (!atomic_flag_test_and_set_explicit(&spare_lock, memory_order_acquire)) {
        arena = spare;
        memset(&spare, 0, sizeof spare);
        atomic_flag_clear_explicit(&spare_lock, memory_order_release);
    }
    return arena;
}

static void give_back(ja_arena *arena) {
    int64_t size = 0;
    for (int slot = 0; slot < JA_SLOTS; slot++) size += arena->size[slot];
    if (size <= KEPT && !atomic_flag_test_and_set_explicit(&spare_lock, memory_order_acquire)) {
        ja_arena old = spare;
        spare = *arena;
        atomic_flag_clear_explicit(&spare_lock, memory_order_release);
        *arena = old;
    }
    drop(arena);
}

typedef struct {
    const ja_job *job;
    const ja_op *ops;
    const ja_column *columns;
    const ja_image *list;
    ja_kernel *kernel;
    atomic_llong next;
    atomic_int failed;
} work;

/* Whether a step changes anything: neutral ones leave every bit as it is. */
static int acts(const ja_step *step) {
    switch (step->kind) {
        case JA_BRIGHTNESS:
        case JA_CONTRAST:
        case JA_SATURATION:
            return ja_parameter(step, 0) != 1.0f;
        case JA_HUE:
            return ja_parameter(step, 0) != 0.0f;
        case JA_BLUR:
            return ja_parameter(step, 0) > 0.155f; /* below it the neighbors' weights are under 2**-30, and dropped */
    }
    return 1;
}

static int plan_sample(ja_plan *plan, const work *w, int64_t image, int64_t view, ja_arena *arena) {
    const ja_job *job = w->job;
    const int64_t row = image * job->views + view;
    *plan = (ja_plan){.row = row, .result = view * job->images + image};
    plan->steps = ja_take(arena, JA_STEP_ROOM, (int64_t)sizeof(ja_step) * (4 * job->op_count + 1));
    if (!plan->steps) return 1;
    if (job->flip) plan->flip_x = job->flip[row] != 0;
    for (int i = 0; i < job->op_count; i++) {
        const ja_op *op = &w->ops[i];
        const ja_column *columns = w->columns + op->column;
        if (op->where && !op->where[row]) continue;
        ja_step step = {op->kind, op->radius_x, op->radius_y, columns, row};
        switch (op->kind) {
            case JA_FLIP_X: /* all steps commute with mirroring, so the source is read mirrored */
                plan->flip_x ^= 1;
                break;
            case JA_FLIP_Y:
                plan->flip_y ^= 1;
                break;
            case JA_JITTER:
                for (int k = 0; k < 4; k++) {
                    step.kind = (int)columns[4].data[row * columns[4].stride + k];
                    step.columns = columns + step.kind;
                    if (acts(&step)) plan->steps[plan->count++] = step;
                }
                break;
            default:
                if (acts(&step)) plan->steps[plan->count++] = step;
        }
    }
    return 0;
}

/* A large result is fresh memory, whose pages come one by one as they are written, which takes longer than the work. Pages of 2 MiB,
 * where the system allows them on request, take a sixth of that. */
static void use_large_pages(const ja_job *job) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    const uintptr_t page = 4096, element = job->result_type == JA_UINT8 ? 1 : 4;
    const uintptr_t bytes = (uintptr_t)(job->images * job->views * job->channels) * job->height * job->width * element;
    const uintptr_t start = ((uintptr_t)job->result + page - 1) / page * page, end = ((uintptr_t)job->result + bytes) / page * page;
    if (bytes >= LARGE) (void)madvise((void *)start, end - start, MADV_HUGEPAGE); /* if not, then not */
#else
    (void)job;
#endif
}

static ja_kernel *kernel_for(int level) {
#if defined(__x86_64__)
    if (level >= 2) return ja_sample_avx512;
    if (level >= 1) return ja_sample_avx2;
#else
    (void)level;
#endif
    return ja_sample_portable;
}

PUBLIC int ja_interface(void) { return JA_INTERFACE; }

static void *worker(void *shared) {
    work *w = shared;
    const ja_job *job = w->job;
    const int64_t element = job->source_type == JA_UINT8 ? 1 : 4;
    ja_arena arena = borrow();
    for (int64_t n; (n = atomic_fetch_add(&w->next, 1)) < job->images && !atomic_load(&w->failed);) {
        ja_image image = w->list ? w->list[n] : job->first;
        if (!w->list) image.data = (const char *)image.data + n * job->stride * element;
        for (int64_t v = 0; v < job->views; v++) { /* all views of an image while it is in the cache */
            ja_plan plan;
            if (plan_sample(&plan, w, n, v, &arena) || w->kernel(job, &image, &plan, &arena)) atomic_store(&w->failed, 1);
        }
    }
    give_back(&arena);
    return NULL;
}

/* Without `list`, the images are a batch. 0, or 1 where there was no memory. Threads live as long as the call: nothing is left that a
 * fork could break. */
PUBLIC int ja_run(const ja_job *job, const ja_op *ops, const ja_column *columns, const ja_image *list, int threads, int level) {
    work w = {.job = job, .ops = ops, .columns = columns, .list = list, .kernel = kernel_for(level)};
    use_large_pages(job);
    if (threads > job->images) threads = (int)job->images;
    pthread_t helpers[threads > 1 ? threads - 1 : 1];
    int started = 0;
    while (started < threads - 1 && !pthread_create(&helpers[started], NULL, worker, &w)) started++;
    worker(&w);
    while (started) pthread_join(helpers[--started], NULL);
    return atomic_load(&w.failed);
}
