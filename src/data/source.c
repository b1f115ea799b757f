/* SPDX-License-Identifier: MIT */
/*
 * Batches by step. Row r of batch `step` is sample step * rows + r of the stream, or position
 * step * rows + r of the endless walk over shuffled epochs; only the current epoch's order is kept.
 */
#include "data/source.h"

#include <assert.h>
#include <string.h>

#include "core/memory.h"

/* Samples of a teacher under one address. */
struct teacher_stream {
    const struct teacher *teacher;
    struct rng_stream inputs, noise;
    double noise_sd;
    enum learning_task task;
};

struct sample_source {
    struct teacher_stream fresh;
    const struct sparse_coding *coding; /* NULL: fresh samples of the teacher */
    const struct dataset *data;         /* NULL: fresh samples */
    struct rng_stream shuffle, changes;
    struct augmentation augmentation;
    uint32_t *order; /* [rows] of `epoch` */
    uint64_t epoch;
    uint64_t first;  /* address of the first row of a sparse coding */
    size_t capacity; /* rows a batch may have */
    float *x, *y;
    float *other; /* [inputs]: a row to be mixed in */
};

enum { MIXED_TARGETS = 3 };
static const uint64_t MIXING = 0x6d6978; /* of a row's stream of changes */

/* ---- samples of a teacher ---- */

static strata_status stream_make(strata_context *ctx, const struct teacher *teacher, enum rng_purpose purpose,
                                 uint64_t seed, uint64_t replicate, double noise, enum learning_task task,
                                 struct teacher_stream *stream) {
    if (task != TASK_REGRESSION && task != TASK_BINARY)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                           "a teacher gives numbers or two classes; expected task regression or binary");
    *stream = (struct teacher_stream){
        .teacher = teacher,
        .inputs = rng_stream_make(seed, replicate, purpose),
        .noise = rng_stream_sub(rng_stream_make(seed, replicate, RNG_LABEL_NOISE), (uint64_t)purpose),
        .noise_sd = noise,
        .task = task,
    };
    return STRATA_OK;
}

static void stream_samples(const struct teacher_stream *stream, uint64_t first, size_t rows, float *x, float *y) {
    teacher_inputs_from(stream->teacher, stream->inputs, first, rows, x);
    teacher_values(stream->teacher, rows, x, y);
    for (size_t r = 0; r < rows && stream->noise_sd > 0; ++r) {
        float draw;
        rng_normal_f32(rng_stream_at(stream->noise, first + r), 1, &draw);
        y[r] += (float)stream->noise_sd * draw;
    }
    if (stream->task == TASK_REGRESSION) return;
    double median = teacher_median(stream->teacher);
    for (size_t r = 0; r < rows; ++r) y[r] = (double)y[r] > median;
}

strata_status dataset_from_teacher(strata_context *ctx, const struct teacher *teacher, enum rng_purpose purpose,
                                   uint64_t first, size_t rows, double noise, enum learning_task task, uint64_t seed,
                                   uint64_t replicate, struct dataset *data) {
    struct teacher_stream stream;
    STRATA_TRY(stream_make(ctx, teacher, purpose, seed, replicate, noise, task, &stream));
    struct dataset result = {.task = task,
                             .rows = rows,
                             .inputs = teacher_dimension(teacher),
                             .outputs = 1,
                             .classes = task == TASK_BINARY ? 2 : 0};
    STRATA_TRY(dataset_allocate(ctx, &result));
    stream_samples(&stream, first, rows, result.x, result.y);
    *data = result;
    return STRATA_OK;
}

/* ---- sources ---- */

static strata_status source_allocate(strata_context *ctx, struct sample_source **source) {
    *source = mem_zero(1, sizeof **source);
    return *source ? STRATA_OK : strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a sample source");
}

strata_status source_from_teacher(strata_context *ctx, const struct teacher *teacher, uint64_t seed, uint64_t replicate,
                                  double noise, enum learning_task task, struct sample_source **source) {
    struct teacher_stream stream;
    *source = NULL;
    STRATA_TRY(stream_make(ctx, teacher, RNG_TRAIN_INPUT, seed, replicate, noise, task, &stream));
    STRATA_TRY(source_allocate(ctx, source));
    (*source)->fresh = stream;
    return STRATA_OK;
}

strata_status source_from_sparse_coding(strata_context *ctx, const struct sparse_coding *coding, uint64_t first,
                                        struct sample_source **source) {
    STRATA_TRY(source_allocate(ctx, source));
    (*source)->coding = coding;
    (*source)->first = first;
    return STRATA_OK;
}

static void shuffle_epoch(struct sample_source *source, uint64_t epoch) {
    rng_permutation(rng_stream_at(source->shuffle, epoch), source->data->rows, source->order);
    source->epoch = epoch;
}

strata_status source_from_dataset(strata_context *ctx, const struct dataset *data, uint64_t seed, uint64_t replicate,
                                  struct sample_source **out) {
    struct sample_source *source;
    *out = NULL;
    if (data->rows == 0) return strata_fail(ctx, STRATA_ERR_ARGUMENT, "a training set needs at least one row");
    if (data->rows > UINT32_MAX)
        return strata_fail(ctx, STRATA_ERR_TOO_LARGE, "a training set has at most 4294967295 rows, got %zu",
                           data->rows);
    STRATA_TRY(source_allocate(ctx, &source));
    source->data = data;
    source->shuffle = rng_stream_make(seed, replicate, RNG_SHUFFLE);
    source->changes = rng_stream_make(seed, replicate, RNG_AUGMENT);
    source->order = mem_zero(data->rows, sizeof *source->order);
    if (!source->order) {
        source_destroy(source);
        return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory to shuffle %zu rows", data->rows);
    }
    shuffle_epoch(source, 0);
    *out = source;
    return STRATA_OK;
}

void source_augment(struct sample_source *source, const struct augmentation *augmentation) {
    source->augmentation = *augmentation;
    if (source_task(source) != TASK_MULTICLASS) source->augmentation.mixup = 0;
}

size_t source_target_width(const struct sample_source *source) {
    return source->augmentation.mixup > 0 ? MIXED_TARGETS : source_outputs(source);
}

void source_destroy(struct sample_source *source) {
    if (!source) return;
    mem_free(source->order);
    mem_free(source->x);
    mem_free(source->y);
    mem_free(source->other);
    mem_free(source);
}

enum learning_task source_task(const struct sample_source *source) {
    if (source->coding) return TASK_BINARY;
    return source->data ? source->data->task : source->fresh.task;
}
size_t source_inputs(const struct sample_source *source) {
    if (source->coding) return source->coding->options.dimension;
    return source->data ? source->data->inputs : teacher_dimension(source->fresh.teacher);
}
size_t source_outputs(const struct sample_source *source) { return source->data ? source->data->outputs : 1; }
size_t source_rows(const struct sample_source *source) { return source->data ? source->data->rows : 0; }
const struct dataset *source_dataset(const struct sample_source *source) { return source->data; }

size_t source_classes(const struct sample_source *source) {
    if (source->data) return source->data->classes;
    return source_task(source) == TASK_BINARY ? 2 : 0;
}

strata_status source_reserve(strata_context *ctx, struct sample_source *source, size_t rows) {
    size_t inputs, outputs;
    if (rows <= source->capacity) return STRATA_OK;
    STRATA_TRY(mem_product(ctx, rows, source_inputs(source) * sizeof(float), "a batch", &inputs));
    STRATA_TRY(mem_product(ctx, rows, source_target_width(source) * sizeof(float), "a batch", &outputs));
    float *x = mem_aligned(inputs), *y = mem_aligned(outputs),
          *other = mem_aligned(source_inputs(source) * sizeof(float));
    if (!x || !y || !other) {
        mem_free(x);
        mem_free(y);
        mem_free(other);
        return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for batches of %zu rows", rows);
    }
    mem_free(source->x);
    mem_free(source->y);
    mem_free(source->other);
    source->x = x;
    source->y = y;
    source->other = other;
    source->capacity = rows;
    return STRATA_OK;
}

/* One row of the set, changed by the stream, as it is read at a place of the walk. */
static void read_row(const struct sample_source *source, size_t from, struct rng_stream changes, float *to) {
    const struct dataset *data = source->data;
    const float *row = data->x + from * data->inputs;
    if (augment_any(&source->augmentation))
        augment_picture(&source->augmentation, data->image, changes, row, to);
    else
        memcpy(to, row, data->inputs * sizeof *to);
}

/* x = share x + (1 - share) other, the other row drawn from the whole set at this place of the walk. */
static void mix_row(struct sample_source *source, uint64_t position, size_t from, float *x, float *y) {
    const struct dataset *data = source->data;
    struct rng_stream stream = rng_stream_sub(rng_stream_at(source->changes, position), MIXING);
    uint32_t word;
    rng_bits(stream, 0, 1, &word);
    size_t other = (size_t)((uint64_t)word * data->rows >> 32);
    float share = (float)augment_mixing_share(source->augmentation.mixup, rng_stream_sub(stream, 1));
    read_row(source, other, rng_stream_sub(stream, 2), source->other);
    for (size_t j = 0; j < data->inputs; ++j) x[j] = share * x[j] + (1 - share) * source->other[j];
    y[0] = data->y[from];
    y[1] = data->y[other];
    y[2] = share;
}

static void gather_rows(struct sample_source *source, uint64_t position, size_t rows) {
    const struct dataset *data = source->data;
    size_t width = source_target_width(source);
    for (size_t r = 0; r < rows; ++r, ++position) {
        uint64_t epoch = position / data->rows;
        if (epoch != source->epoch) shuffle_epoch(source, epoch);
        size_t from = source->order[position % data->rows];
        float *x = source->x + r * data->inputs, *y = source->y + r * width;
        read_row(source, from, rng_stream_at(source->changes, position), x);
        if (source->augmentation.mixup > 0)
            mix_row(source, position, from, x, y);
        else
            memcpy(y, data->y + from * width, width * sizeof *y);
    }
}

void source_batch(struct sample_source *source, uint64_t step, size_t rows, const float **x, const float **y) {
    assert(rows <= source->capacity);
    if (source->data)
        gather_rows(source, step * rows, rows);
    else if (source->coding)
        sparse_coding_rows(source->coding, RNG_TRAIN_INPUT, source->first + step * rows, rows, source->x, source->y,
                           NULL);
    else
        stream_samples(&source->fresh, step * rows, rows, source->x, source->y);
    *x = source->x;
    *y = source->y;
}
