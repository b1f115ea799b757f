/* SPDX-License-Identifier: MIT */
/*
 * Rows of the sparse-coding model. The gaps between active atoms of a Bernoulli code are geometric, so that a row of k
 * active atoms takes k + 1 draws and not d.
 */
#include "data/sparse_coding.h"

#include <math.h>
#include <string.h>

#include "core/clones.h"
#include "core/memory.h"
#include "linalg/linalg.h"

enum { MOST_INPUTS = 4096, WORDS = 16, TRIALS = 4000 };

/* Streams below one purpose. */
enum { CODE_STREAM = 1, NOISE_STREAM = 2 };

/* A code: values of its active atoms. */
struct code {
    size_t count;
    uint32_t atoms[MOST_INPUTS];
    float values[MOST_INPUTS];
};

static void draw_sparse(const struct sparse_coding_options *options, struct rng_stream stream, struct code *code) {
    const double per_log = 1 / log1p(-(double)options->sparsity / (double)options->dimension);
    const float value = (float)(1 / sqrt((double)options->sparsity));
    uint32_t words[WORDS];
    size_t used = 0;
    double place = -1;
    code->count = 0;
    for (;;) {
        if (used % WORDS == 0) rng_bits(stream, used, WORDS, words);
        uint32_t word = words[used++ % WORDS];
        place += 1 + floor(log(((double)(word >> 1) + 0.5) / 2147483648.0) * per_log);
        if (place >= (double)options->dimension) return;
        code->atoms[code->count] = (uint32_t)place;
        code->values[code->count++] = word & 1 ? value : -value;
    }
}

static void draw_dense(const struct sparse_coding_options *options, struct rng_stream stream, struct code *code) {
    const float scale = (float)(1 / sqrt((double)options->dimension));
    code->count = options->dimension;
    rng_normal_f32(stream, code->count, code->values);
    for (size_t j = 0; j < code->count; ++j) {
        code->atoms[j] = (uint32_t)j;
        code->values[j] *= scale;
    }
}

static double code_score(const struct sparse_coding *coding, const struct code *code) {
    double score = 0;
    for (size_t i = 0; i < code->count; ++i) score += (double)code->values[i] * (double)coding->signs[code->atoms[i]];
    return score;
}

/* One draw; false when it falls inside the margin. */
static bool draw_code(const struct sparse_coding *coding, struct rng_stream stream, struct code *code, double *score) {
    const struct sparse_coding_options *options = &coding->options;
    if (options->dense)
        draw_dense(options, stream, code);
    else
        draw_sparse(options, stream, code);
    *score = code_score(coding, code);
    return fabs(*score) * sqrt((double)options->sparsity) >= (double)options->margin - 0.5;
}

static strata_status check_options(strata_context *ctx, const struct sparse_coding_options *options) {
    size_t d = options->dimension, k = options->sparsity;
    if (d < 8 || d > MOST_INPUTS)
        return strata_fail(ctx, STRATA_ERR_CONFIG, "key 'data.dimension': expected 8 to %d, got %zu", MOST_INPUTS, d);
    if (k < 1 || k > d / 4)
        return strata_fail(ctx, STRATA_ERR_CONFIG,
                           "key 'teacher.sparsity': expected 1 to a quarter of data.dimension = %zu, got %zu", d, k);
    if (options->margin < 1 || options->margin > k)
        return strata_fail(ctx, STRATA_ERR_CONFIG,
                           "key 'teacher.margin': expected 1 to teacher.sparsity = %zu, got %zu: no more atoms than "
                           "that are active in the mean",
                           k, options->margin);
    if (!(options->noise >= 0 && options->noise <= 2))
        return strata_fail(ctx, STRATA_ERR_CONFIG, "key 'teacher.input_noise': expected 0 to 2, got %g",
                           options->noise);
    return STRATA_OK;
}

/* More than 99 % of the draws rejected: whoever asked for that margin should know. */
static strata_status check_margin(strata_context *ctx, const struct sparse_coding *coding) {
    struct rng_stream stream = rng_stream_make(coding->seed, coding->replicate, RNG_CALIBRATION);
    struct code *code = mem_alloc(sizeof *code);
    size_t kept = 0;
    double score;
    if (!code) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a code");
    for (size_t i = 0; i < TRIALS; ++i) kept += draw_code(coding, rng_stream_at(stream, i), code, &score);
    mem_free(code);
    if (kept * 100 >= TRIALS) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_CONFIG,
                       "key 'teacher.margin': %zu keeps %zu of %d draws, expected at least 1 %%; lower the margin",
                       coding->options.margin, kept, TRIALS);
}

static strata_status draw_atoms(strata_context *ctx, struct sparse_coding *coding) {
    size_t d = coding->options.dimension;
    struct rng_stream stream = rng_stream_make(coding->seed, coding->replicate, RNG_TEACHER);
    double *wide = mem_zero(d * d, sizeof *wide);
    if (!wide) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu atoms", d);
    rng_normal_f64(stream, d * d, wide);
    strata_status status = linalg_orthonormal_rows(ctx, d, d, wide);
    for (size_t i = 0; i < d * d; ++i) coding->atoms[i] = (float)wide[i];
    mem_free(wide);
    STRATA_TRY(status);
    uint32_t word;
    for (size_t j = 0; j < d; ++j) {
        rng_bits(rng_stream_at(stream, 1), j, 1, &word);
        coding->signs[j] = word & 1 ? 1 : -1;
        for (size_t i = 0; i < d; ++i)
            coding->direction[i] += coding->signs[j] * coding->atoms[j * d + i] / (float)sqrt((double)d);
    }
    return STRATA_OK;
}

strata_status sparse_coding_create(strata_context *ctx, const struct sparse_coding_options *options, uint64_t seed,
                                   uint64_t replicate, struct sparse_coding *coding) {
    *coding = (struct sparse_coding){.options = *options, .seed = seed, .replicate = replicate};
    STRATA_TRY(check_options(ctx, options));
    size_t d = options->dimension;
    coding->atoms = mem_zero(d * d, sizeof *coding->atoms);
    coding->signs = mem_zero(d, sizeof *coding->signs);
    coding->direction = mem_zero(d, sizeof *coding->direction);
    strata_status status = STRATA_OK;
    if (!coding->atoms || !coding->signs || !coding->direction)
        status = strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu atoms", d);
    if (status == STRATA_OK) status = draw_atoms(ctx, coding);
    if (status == STRATA_OK) status = check_margin(ctx, coding);
    if (status != STRATA_OK) sparse_coding_destroy(coding);
    return status;
}

void sparse_coding_destroy(struct sparse_coding *coding) {
    mem_free(coding->atoms);
    mem_free(coding->signs);
    mem_free(coding->direction);
    *coding = (struct sparse_coding){0};
}

STRATA_CLONES static void add_atoms(const struct code *code, size_t d, const float *restrict atoms,
                                    float *restrict row) {
    for (size_t i = 0; i < code->count; ++i) {
        const float *atom = atoms + code->atoms[i] * d;
        const float value = code->values[i];
        for (size_t j = 0; j < d; ++j) row[j] += value * atom[j];
    }
}

void sparse_coding_rows(const struct sparse_coding *coding, enum rng_purpose purpose, uint64_t first, size_t rows,
                        float *x, float *y, float *z) {
    const size_t d = coding->options.dimension;
    const float noise = (float)(coding->options.noise / sqrt((double)d));
    const struct rng_stream stream = rng_stream_make(coding->seed, coding->replicate, purpose);
    const struct rng_stream codes = rng_stream_sub(stream, CODE_STREAM);
    struct code code;
    if (noise > 0)
        rng_normal_rows_f32(rng_stream_sub(stream, NOISE_STREAM), first, rows, d, x);
    else
        memset(x, 0, rows * d * sizeof *x);
    for (size_t i = 0; noise > 0 && i < rows * d; ++i) x[i] *= noise;
    for (size_t r = 0; r < rows; ++r) {
        double score = 0;
        struct rng_stream own = rng_stream_at(codes, first + r);
        for (uint64_t draw = 0; !draw_code(coding, rng_stream_sub(own, draw), &code, &score);) ++draw;
        y[r] = score > 0;
        add_atoms(&code, d, coding->atoms, x + r * d);
        if (!z) continue;
        memset(z + r * d, 0, d * sizeof *z);
        for (size_t i = 0; i < code.count; ++i) z[r * d + code.atoms[i]] = code.values[i];
    }
}

strata_status sparse_coding_dataset(strata_context *ctx, const struct sparse_coding *coding, enum rng_purpose purpose,
                                    uint64_t first, size_t rows, struct dataset *data) {
    *data = (struct dataset){
        .task = TASK_BINARY, .rows = rows, .inputs = coding->options.dimension, .outputs = 1, .classes = 2};
    STRATA_TRY(dataset_allocate(ctx, data));
    sparse_coding_rows(coding, purpose, first, rows, data->x, data->y, NULL);
    return STRATA_OK;
}
