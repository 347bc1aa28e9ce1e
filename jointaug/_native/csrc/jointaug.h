/* The native kernels' interface: plain C structures, which _native.py packs with Python's struct. */

#ifndef JOINTAUG_H
#define JOINTAUG_H

#include <stdint.h>

/* Raise it with every change of this file or of the meaning of a field; _native.py refuses a library of another number. */
#define JA_INTERFACE 6

#if defined(_WIN32)
#define PUBLIC __declspec(dllexport)
#else
#define PUBLIC __attribute__((visibility("default")))
#endif

enum ja_kind { /* the same numbers as _table.KERNELS */
    JA_BRIGHTNESS,
    JA_CONTRAST,
    JA_SATURATION,
    JA_HUE,
    JA_JITTER, /* brightness, contrast, saturation, hue, then four positions naming them */
    JA_GRAYSCALE,
    JA_SOLARIZE,
    JA_POSTERIZE,
    JA_INVERT,
    JA_NORMALIZE, /* C means, then C standard deviations */
    JA_BLUR,
    JA_FLIP_X,
    JA_FLIP_Y,
};

enum ja_type { JA_UINT8, JA_FLOAT32 };

enum ja_mode { JA_WHOLE, JA_NEAREST, JA_NEAREST_EXACT, JA_BILINEAR, JA_BICUBIC };

typedef struct { /* one image; strides count elements */
    const void *data;
    int64_t channel, row, column;
    int32_t height, width;
} ja_image;

typedef struct { /* one parameter of a step: data[row * stride] for the sample of that row, or a constant where data is NULL */
    const float *data;
    int64_t stride;
    float constant;
    int32_t unused;
} ja_column;

typedef struct { /* one step on all samples */
    int32_t kind;
    int32_t column;             /* its first parameter among the job's columns */
    const uint8_t *where;       /* [rows], or NULL: on all */
    int32_t radius_x, radius_y; /* of the blur's kernel, or -1: it follows sigma */
} ja_op;

typedef struct {
    int64_t images;  /* N */
    int64_t views;   /* V; view v of image n has row n * V + v of all parameters, and is result v * N + n */
    ja_image first;  /* the first image of a batch; ignored where there is a list */
    int64_t stride;  /* from one image of the batch to the next, in elements */
    void *result;    /* [V * N, C, h, w] */
    const int64_t *boxes; /* [rows, 4]: top, left, height, width */
    const uint8_t *flip;  /* [rows], or NULL: none */
    int32_t source_type, result_type;
    int32_t channels, height, width; /* of the results */
    int32_t mode, antialias;
    int32_t op_count;
    int32_t levels; /* work on 0..255 by the conventions for uint8, and truncate (1) or round (2); 0: on [0, 1], and round */
    int32_t clip; /* keep crops between black and white, after the columns and after the rows */
} ja_job;

/* The steps that are left for one sample when those that do nothing are dropped. */
typedef struct {
    int32_t kind;
    int32_t radius_x, radius_y;
    const ja_column *columns;
    int64_t row;
} ja_step;

static inline float ja_value(const ja_column *column, int64_t row) {
    return column->data ? column->data[row * column->stride] : column->constant;
}

/* Parameter i of the step. */
static inline float ja_parameter(const ja_step *step, int i) { return ja_value(&step->columns[i], step->row); }

typedef struct {
    int64_t row;    /* of the parameters */
    int64_t result; /* where the sample goes */
    ja_step *steps;
    int32_t count;
    int32_t flip_x, flip_y;
} ja_plan;

/* Memory of one thread, kept between samples: each buffer grows to what the largest sample needed. */
enum ja_slot { JA_PLANE_ROOM, JA_TAP_ROOM, JA_CROP_ROOM, JA_BLUR_ROOM, JA_STEP_ROOM, JA_SLOTS };

typedef struct {
    void *memory[JA_SLOTS]; /* as it came from malloc */
    int64_t size[JA_SLOTS];
} ja_arena;

/* At least `bytes` bytes, aligned to 64, of undefined content; NULL where there is no memory. */
void *ja_take(ja_arena *arena, enum ja_slot slot, int64_t bytes);

/* Makes one sample; 0, or 1 where there is no memory. */
typedef int ja_kernel(const ja_job *job, const ja_image *image, const ja_plan *plan, ja_arena *arena);

ja_kernel ja_sample_portable, ja_sample_avx2, ja_sample_avx512;

#endif
