/* SPDX-License-Identifier: MIT */
/*
 * A teacher: settings, inputs, calibrated targets.
 *
 * Inputs have mean 0 and covariance I for each teacher.input, so E ||Wx||^2 is the same for all:
 *   gaussian  N(0, I);
 *   mixture   two Gaussians with means ±0.8 u and variance 0.36 along one direction u, 1 across it;
 *   uniform   independent on [-√3, √3].
 */
#include "data/teacher.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "data/teacher_net.h"

enum {
    BLOCK = TEACHER_LANES,
    MARGIN_RETRIES = 2000, /* with MARGIN_KEEPS a sample is still inside after them with probability < 1e-44 */
};
static const double MARGIN_KEEPS = 0.05; /* least share of samples outside the margin */
static const float MIXTURE_OFFSET = 0.8f, MIXTURE_SD = 0.6f;
static const uint64_t COMPONENT = UINT64_C(1) << 63; /* sub-stream of the mixture's signs; retries count from 1 */

typedef void (*input_drawer)(const struct teacher *teacher, struct rng_stream stream, uint64_t first, size_t rows,
                             float *x);

struct teacher {
    struct teacher_net net;
    input_drawer draw;
    float *direction; /* [dimension], unit length; mixture only */
    enum learning_task task;
    double median, margin; /* margin 0: every sample is kept */
    uint64_t seed, replicate;
};

/* ---- inputs ---- */

static void draw_gaussian(const struct teacher *teacher, struct rng_stream stream, uint64_t first, size_t rows,
                          float *x) {
    rng_normal_rows_f32(stream, first, rows, teacher->net.dimension, x);
}

static void draw_mixture(const struct teacher *teacher, struct rng_stream stream, uint64_t first, size_t rows,
                         float *x) {
    size_t d = teacher->net.dimension;
    struct rng_stream signs = rng_stream_sub(rng_stream_at(stream, 0), COMPONENT);
    rng_normal_rows_f32(stream, first, rows, d, x);
    for (size_t r = 0; r < rows; ++r) {
        float *row = x + r * d, along = 0;
        uint32_t bits;
        rng_bits(rng_stream_at(signs, first + r), 0, 1, &bits);
        for (size_t i = 0; i < d; ++i) along += row[i] * teacher->direction[i];
        float move = (bits & 1 ? MIXTURE_OFFSET : -MIXTURE_OFFSET) + (MIXTURE_SD - 1) * along;
        for (size_t i = 0; i < d; ++i) row[i] += move * teacher->direction[i];
    }
}

static void draw_uniform(const struct teacher *teacher, struct rng_stream stream, uint64_t first, size_t rows,
                         float *x) {
    size_t d = teacher->net.dimension;
    for (size_t r = 0; r < rows; ++r) {
        float *row = x + r * d;
        rng_uniform_f32(rng_stream_at(stream, first + r), d, row);
        for (size_t i = 0; i < d; ++i) row[i] = (2 * row[i] - 1) * 1.7320508f;
    }
}

static const struct input_law {
    const char *name;
    input_drawer draw;
    bool directed;
} input_laws[] = {
    {"gaussian", draw_gaussian, false},
    {"mixture", draw_mixture, true},
    {"uniform", draw_uniform, false},
};

static strata_status direction_create(strata_context *ctx, struct teacher *teacher) {
    size_t d = teacher->net.dimension;
    double sum = 0;
    teacher->direction = mem_alloc(d * sizeof(float));
    if (!teacher->direction)
        return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a teacher's mixture of dimension %zu", d);
    rng_normal_f32(rng_stream_make(teacher->seed, teacher->replicate, RNG_TEACHER), d, teacher->direction);
    for (size_t i = 0; i < d; ++i) sum += (double)teacher->direction[i] * (double)teacher->direction[i];
    for (size_t i = 0; i < d; ++i) teacher->direction[i] *= (float)(1 / sqrt(sum));
    return STRATA_OK;
}

static bool inside_margin(const struct teacher *teacher, float value) {
    return fabs((double)value - teacher->median) < teacher->margin;
}

/* Retry t of sample i is the sub-stream t at i; a block's rejected rows are drawn again together. */
static void replace_inside_margin(const struct teacher *teacher, struct rng_stream stream, uint64_t first, size_t rows,
                                  float *x) {
    size_t d = teacher->net.dimension;
    float y[BLOCK];
    bool rejected = true;
    for (uint64_t retry = 1; rejected && retry <= MARGIN_RETRIES; ++retry) {
        struct rng_stream again = rng_stream_sub(rng_stream_at(stream, 0), retry);
        teacher_net_values_f32(&teacher->net, rows, x, y);
        rejected = false;
        for (size_t r = 0; r < rows; ++r)
            if (inside_margin(teacher, y[r])) {
                teacher->draw(teacher, again, first + r, 1, x + r * d);
                rejected = true;
            }
    }
}

void teacher_inputs_from(const struct teacher *teacher, struct rng_stream stream, uint64_t first, size_t rows,
                         float *x) {
    teacher->draw(teacher, stream, first, rows, x);
    for (size_t row = 0; teacher->margin > 0 && row < rows; row += BLOCK)
        replace_inside_margin(teacher, stream, first + row, rows - row < BLOCK ? rows - row : BLOCK,
                              x + row * teacher->net.dimension);
}

void teacher_inputs(const struct teacher *teacher, enum rng_purpose purpose, uint64_t first, size_t rows, float *x) {
    teacher_inputs_from(teacher, rng_stream_make(teacher->seed, teacher->replicate, purpose), first, rows, x);
}

/* ---- creation ---- */

static const struct teacher_class *const classes[] = {&teacher_chain, &teacher_densenet, &teacher_matrix};

static strata_status net_create(strata_context *ctx, const struct settings *settings, uint64_t seed, uint64_t replicate,
                                struct teacher_net *net) {
    const char *kind = settings_text(settings, "teacher.kind"); /* a choice: one of the classes */
    size_t at = 0;
    while (at + 1 < sizeof classes / sizeof *classes && strcmp(classes[at]->name, kind) != 0) ++at;
    net->dimension = settings_count(settings, "data.dimension");
    return classes[at]->create(ctx, settings, seed, replicate, net);
}

strata_status teacher_check(strata_context *ctx, const struct settings *settings) {
    struct teacher *teacher;
    if (!(teacher = mem_zero(1, sizeof *teacher)))
        return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a teacher");
    strata_status status = net_create(ctx, settings, 1, 1, &teacher->net);
    teacher_destroy(teacher);
    return status;
}

static void sample_inputs(const void *user, uint64_t first, size_t rows, float *x) {
    const struct teacher *teacher = user;
    teacher->draw(teacher, rng_stream_make(teacher->seed, teacher->replicate, RNG_CALIBRATION), first, rows, x);
}

static void swap(double *a, double *b) {
    double old = *a;
    *a = *b;
    *b = old;
}

/* Hoare's selection: afterwards values[0..k) <= values[k] <= values(k..count). */
static double select_rank(double *values, size_t count, size_t k) {
    size_t low = 0, high = count - 1;
    while (low < high) {
        double pivot = values[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (values[i] < pivot) ++i;
            while (values[j] > pivot) --j;
            if (i >= j) break;
            swap(&values[i++], &values[j--]);
        }
        /* values[low..i) <= pivot <= values[i..high], and i = j only on the pivot itself. */
        size_t cut = i > j ? j : i;
        if (k <= cut)
            high = cut;
        else
            low = cut + 1;
    }
    return values[k];
}

static double median_of(double *values, size_t count) {
    double upper = select_rank(values, count, count / 2), lower = values[0];
    for (size_t i = 1; i < count / 2; ++i) lower = fmax(lower, values[i]);
    return count % 2 ? upper : (lower + upper) / 2;
}

static strata_status check_margin(strata_context *ctx, const struct teacher *teacher, const double *values) {
    size_t kept = 0;
    for (size_t i = 0; i < TEACHER_CALIBRATION_ROWS; ++i) kept += fabs(values[i] - teacher->median) >= teacher->margin;
    if ((double)kept >= MARGIN_KEEPS * TEACHER_CALIBRATION_ROWS) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_CONFIG,
                       "data.margin: expected to keep at least %g %% of the samples, got %g, which keeps %g %%",
                       100 * MARGIN_KEEPS, teacher->margin, 100.0 * (double)kept / TEACHER_CALIBRATION_ROWS);
}

static strata_status calibrate(strata_context *ctx, const struct settings *settings, struct teacher *teacher) {
    double *values = mem_alloc(TEACHER_CALIBRATION_ROWS * sizeof *values);
    if (!values) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory to calibrate a teacher");
    strata_status status = teacher_net_calibrate(ctx, &teacher->net, settings_number(settings, "teacher.gap"),
                                                 settings_flag(settings, "teacher.drop_upper"), sample_inputs, teacher,
                                                 values);
    if (status == STRATA_OK) {
        teacher->median = median_of(values, TEACHER_CALIBRATION_ROWS);
        status = check_margin(ctx, teacher, values);
    }
    mem_free(values);
    return status;
}

strata_status teacher_create(strata_context *ctx, const struct settings *settings, uint64_t seed, uint64_t replicate,
                             struct teacher **out) {
    *out = NULL;
    struct teacher *teacher = mem_zero(1, sizeof *teacher);
    if (!teacher) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a teacher");
    strata_status status = STRATA_OK;
    const struct input_law *law = input_laws;
    while (strcmp(law->name, settings_text(settings, "teacher.input"))) ++law;
    teacher->seed = seed;
    teacher->replicate = replicate;
    teacher->draw = law->draw;
    teacher->task = strcmp(settings_text(settings, "data.task"), "classification") ? TASK_REGRESSION : TASK_BINARY;
    teacher->margin = teacher->task == TASK_BINARY ? settings_number(settings, "data.margin") : 0;
    STRATA_GO(net_create(ctx, settings, seed, replicate, &teacher->net));
    if (law->directed) STRATA_GO(direction_create(ctx, teacher));
    STRATA_GO(calibrate(ctx, settings, teacher));
    *out = teacher;
cleanup:
    if (!*out) teacher_destroy(teacher);
    return status;
}

void teacher_destroy(struct teacher *teacher) {
    if (!teacher) return;
    teacher_net_destroy(&teacher->net);
    mem_free(teacher->direction);
    mem_free(teacher);
}

/* ---- questions ---- */

const struct teacher_net *teacher_net_of(const struct teacher *teacher) { return &teacher->net; }
size_t teacher_dimension(const struct teacher *teacher) { return teacher->net.dimension; }
size_t teacher_depth(const struct teacher *teacher) { return teacher->net.depth; }
enum learning_task teacher_task(const struct teacher *teacher) { return teacher->task; }
double teacher_median(const struct teacher *teacher) { return teacher->median; }

size_t teacher_layer_width(const struct teacher *teacher, size_t layer) {
    return layer < teacher->net.first ? teacher->net.dimension : teacher->net.levels[layer].width;
}

void teacher_values(const struct teacher *teacher, size_t rows, const float *x, float *y) {
    teacher_net_values_f32(&teacher->net, rows, x, y);
}

void teacher_targets(const struct teacher *teacher, size_t rows, const float *x, float *y) {
    teacher_values(teacher, rows, x, y);
    if (teacher->task == TASK_REGRESSION) return;
    for (size_t r = 0; r < rows; ++r) y[r] = (double)y[r] > teacher->median;
}

void teacher_targets_f64(const struct teacher *teacher, size_t rows, const double *x, double *y) {
    teacher_net_values_f64(&teacher->net, rows, x, y);
}

void teacher_features(const struct teacher *teacher, size_t layer, size_t rows, const double *x, double *features) {
    teacher_net_features(&teacher->net, layer, rows, x, features);
}

strata_status teacher_form(strata_context *ctx, const struct teacher *teacher, double *form) {
    const struct teacher_net *net = &teacher->net;
    if (net->first != 1)
        return strata_fail(ctx, STRATA_ERR_UNSUPPORTED,
                           "teacher.kind: layer 1 of this kind is fixed, so it has no quadratic form to learn; "
                           "expected chain or matrix");
    const struct teacher_level *level = &net->levels[1];
    size_t d = net->dimension;
    memset(form, 0, d * d * sizeof *form);
    for (size_t k = 0; k < level->width; ++k) {
        const double *row = level->from_x.f64 + k * d;
        for (size_t i = 0; i < d; ++i)
            for (size_t j = 0; j < d; ++j) form[i * d + j] += level->output.f64[k] * row[i] * row[j];
    }
    return STRATA_OK;
}

const struct setting teacher_settings[] = {
    {"teacher.kind", SETTING_CHOICE, "chain", 0, 0, "chain|densenet|matrix",
     "family of targets; matrix takes its layers from teacher.file"},
    {"teacher.depth", SETTING_COUNT, "2", 1, TEACHER_MAX_DEPTH, NULL,
     "quadratic layers q; the degree 2^q stays at most 64, beyond which moments leave the range of doubles"},
    {"teacher.width", SETTING_COUNT, "6", 1, TEACHER_MAX_WIDTH, NULL, "units k of a layer, at most data.dimension"},
    {"teacher.gap", SETTING_NUMBER, "0.3", 0, 1, NULL,
     "weight of a layer's term in y over that of the layer below; 0 keeps the first alone"},
    {"teacher.skip", SETTING_NUMBER, "0.7", 0, 2, NULL, "weight of the input in layers 2 and up (chain)"},
    {"teacher.links", SETTING_CHOICE, "below_and_inputs", 0, 0, "below|below_and_x|below_and_inputs",
     "what layers 2 and up read (densenet); inputs are x and its squares"},
    {"teacher.input", SETTING_CHOICE, "gaussian", 0, 0, "gaussian|mixture|uniform",
     "law of x, mean 0 and covariance I"},
    {"teacher.drop_upper", SETTING_FLAG, "false", 0, 0, NULL,
     "leave the terms of layers 2 and up out of y, whatever the gap (control)"},
    {"teacher.file", SETTING_TEXT, "", 0, 0, NULL,
     "layers of a matrix teacher: .npy (layer 1) or safetensors (layer1.weight, layer2.weight, layer2.skip, ...)"},
    {"data.dimension", SETTING_COUNT, "20", 2, 2000, NULL, "inputs d"},
    {"data.task", SETTING_CHOICE, "regression", 0, 0, "regression|classification", "targets: y, or labels y > median"},
    {"data.margin", SETTING_NUMBER, "0", 0, 10, NULL,
     "classification: only samples with |y - median| at least this, in sd of y"},
    {"data.noise", SETTING_NUMBER, "0", 0, 100, NULL,
     "sd of Gaussian noise added to y of training samples, in sd of y"},
    {NULL, 0, NULL, 0, 0, NULL, NULL},
};

const struct setting teacher_size_settings[] = {
    {"data.train_size", SETTING_COUNT, "0", 0, 1e8, NULL, "training samples; 0: fresh samples at every step"},
    {"data.test_size", SETTING_COUNT, "8192", 2, 1e8, NULL, "test samples"},
    {NULL, 0, NULL, 0, 0, NULL, NULL},
};
