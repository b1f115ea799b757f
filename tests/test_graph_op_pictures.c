/* SPDX-License-Identifier: MIT */
/* Ops on pictures against their definitions, written out; and a network of them that learns. */
#include "op_case.h"

#include "data/source.h"
#include "learn/learner.h"
#include "measure/errors.h"

enum { MOST = 4096 };

/* x[c, y, x] of a row; 0 outside. */
static double pixel(const struct shape *s, const double *row, size_t c, long y, long x) {
    long h = (long)s->dims[1], w = (long)s->dims[2];
    return y < 0 || y >= h || x < 0 || x >= w ? 0 : row[(c * (size_t)h + (size_t)y) * (size_t)w + (size_t)x];
}

static void convolutions_are_their_definition(void **state) {
    (void)state;
    static const struct {
        size_t c, h, w, o, kh, kw, stride, padding, dilation, groups;
    } cases[] = {{3, 7, 5, 4, 3, 3, 1, 1, 1, 1}, {2, 9, 8, 3, 2, 3, 3, 2, 2, 1}, {4, 5, 5, 6, 3, 1, 2, 1, 1, 2},
                 {3, 4, 6, 3, 3, 3, 1, 0, 1, 3}, {5, 3, 2, 7, 1, 1, 1, 0, 1, 1}, {2, 3, 3, 2, 3, 3, 5, 3, 1, 1}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; ++k) {
        const struct shape shapes[2] = {
            {true, 3, {cases[k].c, cases[k].h, cases[k].w}},
            {false, 4, {cases[k].o, cases[k].c / cases[k].groups, cases[k].kh, cases[k].kw}}};
        const struct op_attributes attributes = {
            .size = {cases[k].stride, cases[k].padding, cases[k].dilation, cases[k].groups}};
        struct op_case *c = case_of(OP_CONV2D, PRECISION_F64, 2, 2, shapes, &attributes);
        double y[MOST] = {0};
        for (size_t i = 0; i < 2; ++i)
            rng_normal_f64(rng_stream_make(k, i, RNG_TEST), (i ? 1 : 2) * shape_size(&shapes[i]), c->inputs[i]);
        case_forward(c, y);
        const struct shape *out = &c->output_shape;
        size_t group_in = cases[k].c / cases[k].groups, group_out = cases[k].o / cases[k].groups, at = 0;
        for (size_t r = 0; r < 2; ++r)
            for (size_t o = 0; o < cases[k].o; ++o)
                for (size_t i = 0; i < out->dims[1]; ++i)
                    for (size_t j = 0; j < out->dims[2]; ++j, ++at) {
                        double sum = 0;
                        for (size_t q = 0; q < group_in; ++q)
                            for (size_t v = 0; v < cases[k].kh; ++v)
                                for (size_t u = 0; u < cases[k].kw; ++u)
                                    sum += c->inputs[1][((o * group_in + q) * cases[k].kh + v) * cases[k].kw + u] *
                                           pixel(&shapes[0], c->inputs[0] + r * shape_size(&shapes[0]),
                                                 o / group_out * group_in + q,
                                                 (long)(i * cases[k].stride + v * cases[k].dilation) -
                                                     (long)cases[k].padding,
                                                 (long)(j * cases[k].stride + u * cases[k].dilation) -
                                                     (long)cases[k].padding);
                        check_close(c, "y", at, y[at], sum, 1e-12);
                    }
        assert_int_equal(at, 2 * shape_size(out));
        free(c);
    }
}

/* Every pixel of x lays its kernel down, one number after the other. */
static void transposed_convolutions_lay_kernels_down(void **state) {
    (void)state;
    static const struct {
        size_t in, h, w, out, kh, kw, stride, padding, dilation, groups, more;
    } cases[] = {{3, 4, 3, 2, 3, 3, 2, 1, 1, 1, 1},
                 {2, 3, 2, 3, 2, 3, 3, 2, 2, 1, 0},
                 {4, 2, 3, 4, 3, 1, 1, 0, 1, 2, 0},
                 {1, 5, 5, 1, 4, 4, 2, 1, 1, 1, 0}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; ++k) {
        size_t group_in = cases[k].in / cases[k].groups, group_out = cases[k].out / cases[k].groups;
        const struct shape shapes[2] = {{true, 3, {cases[k].in, cases[k].h, cases[k].w}},
                                        {false, 4, {cases[k].in, group_out, cases[k].kh, cases[k].kw}}};
        const struct op_attributes attributes = {
            .size = {cases[k].stride, cases[k].padding, cases[k].dilation, cases[k].groups, cases[k].more}};
        struct op_case *c = case_of(OP_CONV_TRANSPOSE2D, PRECISION_F64, 2, 2, shapes, &attributes);
        double y[MOST] = {0}, expected[MOST] = {0};
        for (size_t i = 0; i < 2; ++i)
            rng_normal_f64(rng_stream_make(k, i, RNG_TEST), (i ? 1 : 2) * shape_size(&shapes[i]), c->inputs[i]);
        case_forward(c, y);
        const size_t *out = c->output_shape.dims;
        /* The smallest stride-1 case is the full overlap of kernel and picture. */
        assert_int_equal(out[1], (cases[k].h - 1) * cases[k].stride + cases[k].dilation * (cases[k].kh - 1) + 1 +
                                     cases[k].more - 2 * cases[k].padding);
        for (size_t r = 0; r < 2; ++r)
            for (size_t i = 0; i < cases[k].in; ++i)
                for (size_t p = 0; p < cases[k].h * cases[k].w; ++p)
                    for (size_t o = 0; o < group_out; ++o)
                        for (size_t tap = 0; tap < cases[k].kh * cases[k].kw; ++tap) {
                            size_t channel = i / group_in * group_out + o;
                            long line = (long)(p / cases[k].w * cases[k].stride +
                                               tap / cases[k].kw * cases[k].dilation) -
                                        (long)cases[k].padding,
                                 column = (long)(p % cases[k].w * cases[k].stride +
                                                 tap % cases[k].kw * cases[k].dilation) -
                                          (long)cases[k].padding;
                            if (line < 0 || column < 0 || line >= (long)out[1] || column >= (long)out[2]) continue;
                            expected[((r * out[0] + channel) * out[1] + (size_t)line) * out[2] + (size_t)column] +=
                                c->inputs[0][(r * cases[k].in + i) * cases[k].h * cases[k].w + p] *
                                c->inputs[1][(i * group_out + o) * cases[k].kh * cases[k].kw + tap];
                        }
        for (size_t i = 0; i < output_size(c); ++i) check_close(c, "pixel", i, y[i], expected[i], 1e-12);
        free(c);
    }
}

static void pools_take_mean_and_maximum(void **state) {
    (void)state;
    const struct shape shape = {true, 3, {1, 3, 3}};
    const struct op_attributes padded = {.size = {2, 2, 2, 1}}, global = {{0}, {0}};
    static const double x[9] = {1, -2, 3, -4, -5, -6, 7, 8, -9};
    static const double means[4] = {.25, .25, .75, -3}, maxima[4] = {1, 3, 7, 8};
    double y[MOST] = {0};
    for (int max = 0; max < 2; ++max) {
        struct op_case *c = case_of(max ? OP_MAX_POOL : OP_AVERAGE_POOL, PRECISION_F64, 1, 1, &shape, &padded);
        memcpy(c->inputs[0], x, sizeof x);
        case_forward(c, y);
        for (size_t i = 0; i < 4; ++i) check_close(c, "y", i, y[i], (max ? maxima : means)[i], 1e-14);
        free(c);
        c = case_of(max ? OP_MAX_POOL : OP_AVERAGE_POOL, PRECISION_F64, 1, 1, &shape, &global);
        memcpy(c->inputs[0], x, sizeof x);
        case_forward(c, y);
        check_close(c, "global", 0, y[0], max ? 8 : -7. / 9, 1e-14);
        free(c);
    }
}

/* As PyTorch's interpolate(scale_factor=2, mode="bilinear", align_corners=False). */
static void upsampling_repeats_or_mixes(void **state) {
    (void)state;
    const struct shape shape = {true, 3, {1, 1, 2}};
    static const double repeated[8] = {1, 1, 3, 3, 1, 1, 3, 3}, mixed[8] = {1, 1.5, 2.5, 3, 1, 1.5, 2.5, 3};
    for (size_t bilinear = 0; bilinear < 2; ++bilinear) {
        const struct op_attributes attributes = {.size = {2, bilinear}};
        struct op_case *c = case_of(OP_UPSAMPLE, PRECISION_F64, 1, 1, &shape, &attributes);
        double y[MOST] = {0};
        c->inputs[0][0] = 1, c->inputs[0][1] = 3;
        case_forward(c, y);
        for (size_t i = 0; i < 8; ++i) check_close(c, "y", i, y[i], (bilinear ? mixed : repeated)[i], 1e-14);
        free(c);
    }
}

static void a_frame_stands_around_a_picture(void **state) {
    (void)state;
    const struct shape shape = {true, 3, {1, 1, 2}};
    const struct op_attributes attributes = {.number = {7}, .size = {1, 0, 1, 2}};
    static const double expected[10] = {7, 7, 7, 7, 7, 7, 1, 3, 7, 7};
    struct op_case *c = case_of(OP_PAD, PRECISION_F64, 1, 1, &shape, &attributes);
    double y[MOST] = {0};
    c->inputs[0][0] = 1, c->inputs[0][1] = 3;
    case_forward(c, y);
    for (size_t i = 0; i < 10; ++i) check_close(c, "y", i, y[i], expected[i], 0);
    free(c);
}

/* Logits log(1), log(2), log(5), label 1: -log(2/8) plus .3 times (log 2 less a third of log 10). */
static void smoothed_labels_pull_towards_all_classes(void **state) {
    (void)state;
    const struct shape shapes[2] = {{true, 1, {3}}, {true, 1, {1}}};
    const struct op_attributes attributes = {.number = {0.3}};
    struct op_case *c = case_of(OP_SOFTMAX_CROSS_ENTROPY, PRECISION_F64, 1, 2, shapes, &attributes);
    double y[MOST] = {0};
    c->inputs[0][0] = 0, c->inputs[0][1] = log(2), c->inputs[0][2] = log(5), c->inputs[1][0] = 1;
    case_forward(c, y);
    check_close(c, "loss", 0, y[0], log(4) + .3 * (log(2) - log(10) / 3), 1e-14);
    free(c);
}

static void normalised_groups_have_mean_0_and_variance_1(void **state) {
    (void)state;
    const struct shape shapes[3] = {{true, 3, {4, 3, 5}}, {false, 1, {4}}, {false, 1, {4}}};
    const struct op_attributes attributes = {.number = {1e-12}, .size = {2}};
    struct op_case *c = case_of(OP_GROUP_NORM, PRECISION_F64, 3, 3, shapes, &attributes);
    double y[MOST] = {0};
    rng_normal_f64(rng_stream_make(1, 0, RNG_TEST), 3 * 60, c->inputs[0]);
    for (size_t i = 0; i < 4; ++i) c->inputs[1][i] = 1, c->inputs[2][i] = 0;
    case_forward(c, y);
    for (size_t k = 0; k < 6; ++k) {
        double mean = 0, square = 0;
        for (size_t i = 0; i < 30; ++i) mean += y[k * 30 + i] / 30;
        for (size_t i = 0; i < 30; ++i) square += (y[k * 30 + i] - mean) * (y[k * 30 + i] - mean) / 30;
        check_close(c, "mean", k, mean, 0, 1e-13);
        check_close(c, "variance", k, square, 1, 1e-10);
    }
    free(c);
}

/* Which quarter of a 12 x 12 picture has the bright 4 x 4 square: a linear map of few pixels cannot say. */
static void a_convolutional_network_learns(void **state) {
    (void)state;
    enum { TRAIN = 400, TEST = 200, SIDE = 12 };
    struct dataset sets[2] = {0};
    strata_context *ctx;
    struct settings *settings;
    struct sample_source *source;
    struct learner *learner;
    const struct setting *tables[2] = {learner_settings, learner_find("cnn_small")->settings};
    assert_int_equal(strata_context_create(&ctx), STRATA_OK);
    assert_int_equal(settings_create(ctx, 2, tables, &settings), STRATA_OK);
    assert_int_equal(settings_set(ctx, settings, "test", "cnn.steps", "300"), STRATA_OK);
    assert_int_equal(settings_set(ctx, settings, "test", "cnn.channels", "4"), STRATA_OK);
    assert_int_equal(settings_set(ctx, settings, "test", "train.batch_size", "32"), STRATA_OK);
    assert_int_equal(settings_set(ctx, settings, "test", "train.warmup", "20"), STRATA_OK);
    for (size_t k = 0; k < 2; ++k) {
        sets[k] = (struct dataset){.task = TASK_MULTICLASS,
                                   .rows = k ? TEST : TRAIN,
                                   .inputs = SIDE * SIDE,
                                   .outputs = 1,
                                   .classes = 4,
                                   .image = {1, SIDE, SIDE}};
        assert_int_equal(dataset_allocate(ctx, &sets[k]), STRATA_OK);
        rng_normal_rows_f32(rng_stream_make(4, k, RNG_TEST), 0, sets[k].rows, SIDE * SIDE, sets[k].x);
        for (size_t i = 0; i < sets[k].rows; ++i) {
            size_t quarter = i % 4, y = quarter / 2 * 6 + i / 4 % 3, x = quarter % 2 * 6 + i / 12 % 3;
            for (size_t p = 0; p < 16; ++p) sets[k].x[i * SIDE * SIDE + (y + p / 4) * SIDE + x + p % 4] += 1.5f;
            sets[k].y[i] = (float)quarter;
        }
    }
    assert_int_equal(source_from_dataset(ctx, &sets[0], 1, 1, &source), STRATA_OK);
    const struct learner_request request = {.settings = settings, .train = source, .seed = 1, .replicate = 1};
    if (learner_create(ctx, "cnn_small", &request, &learner) != STRATA_OK) fail_msg("%s", strata_context_message(ctx));
    if (learner_fit(ctx, learner, NULL) != STRATA_OK) fail_msg("%s", strata_context_message(ctx));
    float logits[TEST * 4];
    assert_int_equal(learner_predict(ctx, learner, TEST, sets[1].x, logits), STRATA_OK);
    double error = multiclass_error_rate(TEST, 4, logits, sets[1].y);
    if (!(error < 0.1)) fail_msg("error rate %g", error);
    learner_destroy(learner);
    sets[0].image[0] = 0; /* no pictures now */
    assert_int_equal(learner_create(ctx, "cnn_small", &request, &learner), STRATA_ERR_UNSUPPORTED);
    assert_non_null(strstr(strata_context_message(ctx), "reads pictures"));
    source_destroy(source);
    settings_destroy(settings);
    dataset_destroy(&sets[0]), dataset_destroy(&sets[1]);
    strata_context_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_are_their_definition),
        cmocka_unit_test(transposed_convolutions_lay_kernels_down),
        cmocka_unit_test(pools_take_mean_and_maximum),
        cmocka_unit_test(upsampling_repeats_or_mixes),
        cmocka_unit_test(a_frame_stands_around_a_picture),
        cmocka_unit_test(smoothed_labels_pull_towards_all_classes),
        cmocka_unit_test(normalised_groups_have_mean_0_and_variance_1),
        cmocka_unit_test(a_convolutional_network_learns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
