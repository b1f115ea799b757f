/* SPDX-License-Identifier: MIT */
/* Teachers: degree, calibration, formulas against naive loops, and one function whatever is asked of it. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/memory.h"
#include "teacher_fixture.h"

enum { SAMPLE = TEACHER_CALIBRATION_ROWS };

/* ---- degree ---- */

/* n-th finite difference of y at n + 1 points of [-1, 1] along a random line; `scale` = Σ C(n, i) |y_i|. */
static double difference(const struct teacher *teacher, size_t n, double *scale) {
    size_t d = teacher_dimension(teacher);
    double line[2][64], *x = malloc((n + 1) * d * sizeof *x), y[64], sum = 0, binomial = 1;
    for (uint64_t i = 0; i < 2; ++i) rng_normal_f64(rng_stream_at(rng_stream_make(3, 1, RNG_TEST), i), d, line[i]);
    for (size_t p = 0; p <= n; ++p)
        for (size_t i = 0; i < d; ++i) x[p * d + i] = line[0][i] + (2.0 * (double)p / (double)n - 1) * 2 * line[1][i];
    teacher_targets_f64(teacher, n + 1, x, y);
    *scale = 0;
    for (size_t i = 0; i <= n; ++i) {
        sum += ((n - i) % 2 ? -1 : 1) * binomial * y[i];
        *scale += binomial * fabs(y[i]);
        binomial *= (double)(n - i) / (double)(i + 1);
    }
    free(x);
    return sum;
}

/*
 * Rounding: y carries at most about 4 (d + k) q 2^q unit roundoffs of its own size (sums of d and k terms, a
 * squaring doubles relative errors), so an exact polynomial leaves |difference| <= 1e4 eps * scale.
 */
static void assert_degree(const struct teacher *teacher, size_t degree) {
    double scale, bound = 1e4 * DBL_EPSILON;
    assert_true(fabs(difference(teacher, degree + 1, &scale)) <= bound * scale);
    assert_true(fabs(difference(teacher, degree, &scale)) > 10 * bound * scale);
}

static void chain_has_degree_two_to_the_depth(void **state) {
    (void)state;
    const char *depths[] = {"1", "2", "3", "4"};
    for (size_t q = 1; q <= 4; ++q) {
        struct teacher *teacher = make_teacher(1, "teacher.depth", depths[q - 1], "teacher.width", "4",
                                               "data.dimension", "8", NULL);
        assert_degree(teacher, (size_t)1 << q);
        teacher_destroy(teacher);
    }
}

static void densenet_has_degree_two_to_the_depth(void **state) {
    (void)state;
    const char *links[] = {"below", "below_and_x", "below_and_inputs"};
    for (size_t i = 0; i < 3; ++i) {
        struct teacher *teacher = make_teacher(1, "teacher.kind", "densenet", "teacher.links", links[i],
                                               "teacher.depth", "3", "teacher.width", "4", "data.dimension", "8", NULL);
        assert_degree(teacher, 8);
        teacher_destroy(teacher);
    }
}

/* ---- one function ---- */

static void rows_have_the_same_bits_in_any_split(void **state) {
    (void)state;
    enum { ROWS = 101, D = 70 }; /* neither a multiple of the lanes nor of the panel */
    const char *kinds[] = {"chain", "densenet"};
    const size_t splits[] = {1, 7, 32, 33};
    for (size_t kind = 0; kind < 2; ++kind) {
        struct teacher *teacher = make_teacher(2, "teacher.kind", kinds[kind], "teacher.depth", "3", "teacher.width",
                                               "5", "data.dimension", "70", NULL);
        float x[ROWS * D], y[ROWS], part_x[ROWS * D], part[ROWS];
        double wide[ROWS * D], yd[ROWS], features[ROWS * 5], part_d[ROWS], part_f[ROWS * 5];
        teacher_inputs(teacher, RNG_TRAIN_INPUT, 1000, ROWS, x);
        for (size_t i = 0; i < ROWS * D; ++i) wide[i] = (double)x[i];
        teacher_targets(teacher, ROWS, x, y);
        teacher_targets_f64(teacher, ROWS, wide, yd);
        teacher_features(teacher, 3, ROWS, wide, features);
        for (size_t s = 0; s < sizeof splits / sizeof *splits; ++s) {
            for (size_t row = 0; row < ROWS; row += splits[s]) {
                size_t rows = ROWS - row < splits[s] ? ROWS - row : splits[s];
                teacher_inputs(teacher, RNG_TRAIN_INPUT, 1000 + row, rows, part_x + row * D);
                teacher_targets(teacher, rows, x + row * D, part + row);
                teacher_targets_f64(teacher, rows, wide + row * D, part_d + row);
                teacher_features(teacher, 3, rows, wide + row * D, part_f + row * 5);
            }
            assert_memory_equal(part_x, x, sizeof x);
            assert_memory_equal(part, y, sizeof y);
            assert_memory_equal(part_d, yd, sizeof yd);
            assert_memory_equal(part_f, features, sizeof features);
        }
        teacher_destroy(teacher);
    }
}

static void same_seed_gives_the_same_function(void **state) {
    (void)state;
    double x[10 * 8], y[3][10];
    struct teacher *teachers[3];
    for (size_t i = 0; i < 3; ++i)
        teachers[i] = make_teacher(i == 2 ? 6 : 5, "teacher.width", "3", "data.dimension", "8", NULL);
    draw_f64(teachers[0], 0, 10, x);
    for (size_t i = 0; i < 3; ++i) {
        teacher_targets_f64(teachers[i], 10, x, y[i]);
        teacher_destroy(teachers[i]);
    }
    assert_memory_equal(y[0], y[1], sizeof y[0]);
    assert_memory_not_equal(y[0], y[2], sizeof y[0]);
}

/* ---- formulas ---- */

static void naive_product(size_t rows, size_t columns, const double *w, const double *x, double *h) {
    for (size_t i = 0; w && i < rows; ++i)
        for (size_t j = 0; j < columns; ++j) h[i] += w[i * columns + j] * x[j];
}

/* y of one row from the formulas of the chain or the dense block, written as in the specification. */
static double naive_value(const struct teacher_net *net, const double *x) {
    size_t d = net->dimension;
    double squares[128], below[64] = {0}, y = -net->offset;
    for (size_t i = 0; i < d; ++i) squares[i] = (x[i] * x[i] - 1) / sqrt(2);
    for (size_t l = net->first; l <= net->depth; ++l) {
        const struct teacher_level *level = &net->levels[l];
        double h[64] = {0}, sum = 0;
        naive_product(level->width, d, level->from_x.f64, x, h);
        naive_product(level->width, d, level->from_square.f64, squares, h);
        naive_product(level->width, net->levels[l - 1].width, level->from_below.f64, below, h);
        for (size_t i = 0; i < level->width; ++i) {
            sum += h[i] * h[i];
            below[i] = net->standardised ? (h[i] * h[i] - level->mean[i]) / level->sd[i] : h[i] * h[i];
        }
        y += level->coefficient * sum;
    }
    return y;
}

static void targets_agree_with_naive_loops(void **state) {
    (void)state;
    enum { ROWS = 50, D = 70 };
    const char *kinds[] = {"chain", "densenet"};
    for (size_t kind = 0; kind < 2; ++kind) {
        struct teacher *teacher = make_teacher(3, "teacher.kind", kinds[kind], "teacher.depth", "3", "teacher.width",
                                               "6", "data.dimension", "70", NULL);
        double x[ROWS * D], y[ROWS];
        float single[ROWS * D], y_single[ROWS];
        draw_f64(teacher, 0, ROWS, x);
        teacher_inputs(teacher, RNG_TEST_INPUT, 0, ROWS, single);
        teacher_targets_f64(teacher, ROWS, x, y);
        teacher_targets(teacher, ROWS, single, y_single);
        for (size_t r = 0; r < ROWS; ++r) {
            double naive = naive_value(teacher_net_of(teacher), x + r * D);
            /*
             * Sums of 70 terms, three squarings and the cancellation of the offset (a few units): some 1e3 roundoffs.
             */
            assert_true(fabs(y[r] - naive) <= 1e3 * DBL_EPSILON * (10 + fabs(naive)));
            assert_true(fabs((double)y_single[r] - naive) <= 1e3 * (double)FLT_EPSILON * (10 + fabs(naive)));
        }
        teacher_destroy(teacher);
    }
}

/* Rows of [5, columns] weights are orthogonal with squared length `square`. */
static void assert_orthogonal(const double *w, size_t columns, double square) {
    for (size_t i = 0; i < 5; ++i)
        for (size_t j = 0; j < 5; ++j) {
            double dot = 0;
            for (size_t k = 0; k < columns; ++k) dot += w[i * columns + k] * w[j * columns + k];
            assert_true(fabs(dot - (i == j ? square : 0)) < 1e-14);
        }
}

static void weights_have_orthogonal_rows(void **state) {
    (void)state;
    struct teacher *teacher = make_teacher(4, "teacher.width", "5", "teacher.skip", "0.5", "data.dimension", "9", NULL);
    const struct teacher_level *levels = teacher_net_of(teacher)->levels;
    assert_orthogonal(levels[1].from_x.f64, 9, 1);
    assert_orthogonal(levels[2].from_x.f64, 9, 0.25);
    assert_orthogonal(levels[2].from_below.f64, 5, 1);
    teacher_destroy(teacher);
    teacher = make_teacher(4, "teacher.kind", "densenet", "teacher.depth", "3", "teacher.width", "5", "data.dimension",
                           "9", NULL);
    levels = teacher_net_of(teacher)->levels;
    assert_orthogonal(levels[2].from_x.f64, 9, 1.0 / 2);
    assert_orthogonal(levels[2].from_square.f64, 9, 1.0 / 2);
    assert_null(levels[2].from_below.f64);
    assert_orthogonal(levels[3].from_x.f64, 9, 1.0 / 3);
    assert_orthogonal(levels[3].from_square.f64, 9, 1.0 / 3);
    assert_orthogonal(levels[3].from_below.f64, 5, 1.0 / 3);
    teacher_destroy(teacher);
}

static void form_is_the_first_level(void **state) {
    (void)state;
    strata_context *ctx = make_context();
    struct teacher *teacher = make_teacher(4, "teacher.width", "3", "data.dimension", "6", NULL);
    double form[36], x[6], g[3], quadratic = 0, trace = 0;
    assert_int_equal(teacher_form(ctx, teacher, form), STRATA_OK);
    draw_f64(teacher, 17, 1, x);
    teacher_features(teacher, 1, 1, x, g);
    for (size_t i = 0; i < 6; ++i) {
        trace += form[i * 6 + i];
        for (size_t j = 0; j < 6; ++j) quadratic += x[i] * form[i * 6 + j] * x[j];
    }
    assert_true(fabs(trace - 3) < 1e-13);
    assert_true(fabs(quadratic - (g[0] + g[1] + g[2])) < 1e-12 * (1 + quadratic));
    teacher_destroy(teacher);
    teacher = make_teacher(4, "teacher.kind", "densenet", "teacher.width", "3", "data.dimension", "6", NULL);
    assert_int_equal(teacher_form(ctx, teacher, form), STRATA_ERR_UNSUPPORTED);
    assert_int_equal(teacher_layer_width(teacher, 1), 6);
    teacher_destroy(teacher);
    strata_context_destroy(ctx);
}

static void gap_zero_and_drop_upper_leave_the_first_level(void **state) {
    (void)state;
    struct teacher *teachers[] = {
        make_teacher(7, "teacher.depth", "1", "teacher.width", "3", "data.dimension", "6", NULL),
        make_teacher(7, "teacher.depth", "3", "teacher.gap", "0", "teacher.width", "3", "data.dimension", "6", NULL),
        make_teacher(7, "teacher.depth", "3", "teacher.gap", "0.6", "teacher.drop_upper", "true", "teacher.width", "3",
                     "data.dimension", "6", NULL),
    };
    double x[40 * 6], y[3][40];
    draw_f64(teachers[0], 0, 40, x);
    for (size_t i = 0; i < 3; ++i) {
        teacher_targets_f64(teachers[i], 40, x, y[i]);
        teacher_destroy(teachers[i]);
    }
    assert_memory_equal(y[0], y[1], sizeof y[0]);
    assert_memory_equal(y[0], y[2], sizeof y[0]);
}

/* ---- calibration ---- */

struct moments {
    double mean, variance, mean_error, variance_error;
};

/* Mean, variance and their standard errors from `count` values `stride` apart. */
static struct moments moments_of(const double *values, size_t count, size_t stride) {
    double n = (double)count, sum = 0, second = 0, fourth = 0;
    for (size_t i = 0; i < count; ++i) sum += values[i * stride];
    for (size_t i = 0; i < count; ++i) {
        double square = pow(values[i * stride] - sum / n, 2);
        second += square / n;
        fourth += square * square / n;
    }
    return (struct moments){sum / n, second, sqrt(second / n), sqrt((fourth - second * second) / n)};
}

/* Two independent samples of the same size: the difference has √2 of one's standard error. */
static void assert_calibrated(const struct moments *fresh, double mean, double variance) {
    assert_true(fabs(fresh->mean - mean) <= 4 * sqrt(2) * fresh->mean_error);
    assert_true(fabs(fresh->variance - variance) <= 4 * sqrt(2) * fresh->variance_error);
}

static void calibration_agrees_with_a_fresh_sample(void **state) {
    (void)state;
    const char *kinds[] = {"chain", "densenet"};
    for (size_t kind = 0; kind < 2; ++kind) {
        struct teacher *teacher = make_teacher(8, "teacher.kind", kinds[kind], "teacher.width", "3", "data.dimension",
                                               "8", NULL);
        const struct teacher_net *net = teacher_net_of(teacher);
        double *x = malloc(SAMPLE * 8 * sizeof *x), *g = malloc(SAMPLE * 3 * sizeof *g),
               *y = malloc(SAMPLE * sizeof *y);
        draw_f64(teacher, 0, SAMPLE, x);
        teacher_targets_f64(teacher, SAMPLE, x, y);
        struct moments moments = moments_of(y, SAMPLE, 1);
        assert_calibrated(&moments, 0, 1);
        for (size_t l = net->first; l <= net->depth; ++l) {
            teacher_features(teacher, l, SAMPLE, x, g);
            for (size_t i = 0; i < 3; ++i) {
                moments = moments_of(g + i, SAMPLE, 3);
                assert_calibrated(&moments, net->levels[l].mean[i], pow(net->levels[l].sd[i], 2));
            }
        }
        size_t above = 0;
        for (size_t r = 0; r < SAMPLE; ++r) above += y[r] > teacher_median(teacher);
        /* The share above a median estimated from as many samples: sd √(2 / 4n). */
        assert_true(fabs((double)above / SAMPLE - 0.5) <= 4 * sqrt(0.5 / SAMPLE));
        free(x), free(g), free(y);
        teacher_destroy(teacher);
    }
}

static void terms_fall_by_the_gap(void **state) {
    (void)state;
    enum { ROWS = 50000 };
    const char *kinds[] = {"chain", "densenet"};
    for (size_t kind = 0; kind < 2; ++kind) {
        struct teacher *teacher = make_teacher(8, "teacher.kind", kinds[kind], "teacher.depth", "3", "teacher.gap",
                                               "0.3", "teacher.width", "3", "data.dimension", "8", NULL);
        const struct teacher_net *net = teacher_net_of(teacher);
        double *x = malloc(ROWS * 8 * sizeof *x), *g = malloc(ROWS * 3 * sizeof *g), *sum = malloc(ROWS * sizeof *sum),
               first = 0;
        draw_f64(teacher, 0, ROWS, x);
        for (size_t l = net->first; l <= 3; ++l) {
            teacher_features(teacher, l, ROWS, x, g);
            for (size_t r = 0; r < ROWS; ++r) sum[r] = g[3 * r] + g[3 * r + 1] + g[3 * r + 2];
            struct moments moments = moments_of(sum, ROWS, 1);
            double share = net->levels[l].coefficient * sqrt(moments.variance);
            if (l == net->first) first = share;
            /* Two variances: the fresh sample's error dominates the one of 200,000 draws. */
            double error = 0.5 * moments.variance_error / moments.variance;
            double expected = first * pow(0.3, (double)(l - net->first));
            assert_true(fabs(share - expected) <= 4 * sqrt(2) * error * expected);
        }
        free(x), free(g), free(sum);
        teacher_destroy(teacher);
    }
}

static void first_level_has_mean_k_for_every_input_law(void **state) {
    (void)state;
    const char *laws[] = {"gaussian", "mixture", "uniform"};
    for (size_t law = 0; law < 3; ++law) {
        struct teacher *teacher = make_teacher(9, "teacher.depth", "1", "teacher.width", "4", "data.dimension", "5",
                                               "teacher.input", laws[law], NULL);
        double *x = malloc(SAMPLE * 5 * sizeof *x), *g = malloc(SAMPLE * 4 * sizeof *g),
               *sum = malloc(SAMPLE * sizeof *sum);
        draw_f64(teacher, 0, SAMPLE, x);
        teacher_features(teacher, 1, SAMPLE, x, g);
        for (size_t r = 0; r < SAMPLE; ++r) sum[r] = g[4 * r] + g[4 * r + 1] + g[4 * r + 2] + g[4 * r + 3];
        struct moments moments = moments_of(sum, SAMPLE, 1);
        assert_true(fabs(moments.mean - 4) <= 4 * moments.mean_error);
        if (law == 0)
            assert_true(fabs(moments.variance - 8) <= 4 * moments.variance_error); /* Var ||Wx||^2 = 2k */
        else
            assert_true(fabs(moments.variance - 8) > 4 * moments.variance_error); /* the laws differ */
        for (size_t i = 0; i < 5; ++i) {
            moments = moments_of(x + i, SAMPLE, 5);
            assert_true(fabs(moments.mean) <= 4 * moments.mean_error &&
                        fabs(moments.variance - 1) <= 4 * moments.variance_error);
        }
        free(x), free(g), free(sum);
        teacher_destroy(teacher);
    }
}

/* ---- labels ---- */

static void margin_replaces_rows_by_their_own_retries(void **state) {
    (void)state;
    enum { ROWS = 200 };
    struct teacher *plain = make_teacher(10, "data.task", "classification", "teacher.width", "3", "data.dimension", "6",
                                         NULL);
    struct teacher *margin = make_teacher(10, "data.task", "classification", "data.margin", "0.4", "teacher.width", "3",
                                          "data.dimension", "6", NULL);
    float x[2][ROWS * 6], y[ROWS], labels[ROWS], part[ROWS * 6];
    teacher_inputs(plain, RNG_TRAIN_INPUT, 50, ROWS, x[0]);
    teacher_inputs(margin, RNG_TRAIN_INPUT, 50, ROWS, x[1]);
    teacher_values(plain, ROWS, x[0], y);
    size_t replaced = 0;
    for (size_t r = 0; r < ROWS; ++r) {
        bool kept = fabs((double)y[r] - teacher_median(plain)) >= 0.4;
        assert_int_equal(kept, !memcmp(x[0] + 6 * r, x[1] + 6 * r, 6 * sizeof(float)));
        replaced += !kept;
    }
    assert_in_range(replaced, 1, ROWS - 1);
    teacher_values(margin, ROWS, x[1], y);
    teacher_targets(margin, ROWS, x[1], labels);
    assert_int_equal(teacher_task(margin), TASK_BINARY);
    for (size_t r = 0; r < ROWS; ++r) {
        assert_true(fabs((double)y[r] - teacher_median(margin)) >= 0.4);
        assert_true(labels[r] == (y[r] > (float)teacher_median(margin) ? 1.0f : 0.0f));
    }
    for (size_t r = 0; r < ROWS; ++r) teacher_inputs(margin, RNG_TRAIN_INPUT, 50 + r, 1, part + 6 * r);
    assert_memory_equal(part, x[1], sizeof part);
    teacher_destroy(plain);
    teacher_destroy(margin);
}

/* ---- refusals ---- */

static void impossible_teachers_are_refused(void **state) {
    (void)state;
    assert_refused("teacher.width", "teacher.width", "9", "data.dimension", "8", NULL);
    assert_refused("teacher.width", "teacher.kind", "densenet", "teacher.width", "9", "data.dimension", "8", NULL);
    assert_refused("teacher.depth", "teacher.kind", "densenet", "teacher.depth", "1", NULL);
    assert_refused("data.margin", "teacher.width", "3", "data.dimension", "6", "data.task", "classification",
                   "data.margin", "9", NULL);
    strata_context *ctx = make_context();
    const struct setting *tables[] = {teacher_settings};
    struct settings *settings;
    assert_int_equal(settings_create(ctx, 1, tables, &settings), STRATA_OK);
    assert_int_equal(teacher_check(ctx, settings), STRATA_OK);
    assert_int_equal(settings_set(ctx, settings, "test", "teacher.depth", "7"), STRATA_ERR_CONFIG);
    assert_int_equal(settings_set(ctx, settings, "test", "teacher.width", "21"), STRATA_OK);
    assert_int_equal(teacher_check(ctx, settings), STRATA_ERR_CONFIG);
    settings_destroy(settings);
    strata_context_destroy(ctx);
}

static void creation_survives_every_failed_allocation(void **state) {
    (void)state;
    strata_context *ctx = make_context();
    const struct setting *tables[] = {teacher_settings};
    struct settings *settings;
    struct teacher *teacher = NULL;
    assert_int_equal(settings_create(ctx, 1, tables, &settings), STRATA_OK);
    assert_int_equal(settings_set(ctx, settings, "test", "teacher.input", "mixture"), STRATA_OK);
    strata_status status = STRATA_ERR_MEMORY;
    uint64_t n = 0;
    while (status == STRATA_ERR_MEMORY && ++n < 1000) {
        mem_fail_from(n);
        status = teacher_create(ctx, settings, 1, 1, &teacher);
        mem_fail_from(0);
        if (status != STRATA_OK) assert_null(teacher);
    }
    assert_int_equal(status, STRATA_OK);
    assert_true(n > 10);
    teacher_destroy(teacher);
    settings_destroy(settings);
    strata_context_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain_has_degree_two_to_the_depth),
        cmocka_unit_test(densenet_has_degree_two_to_the_depth),
        cmocka_unit_test(rows_have_the_same_bits_in_any_split),
        cmocka_unit_test(same_seed_gives_the_same_function),
        cmocka_unit_test(targets_agree_with_naive_loops),
        cmocka_unit_test(weights_have_orthogonal_rows),
        cmocka_unit_test(form_is_the_first_level),
        cmocka_unit_test(gap_zero_and_drop_upper_leave_the_first_level),
        cmocka_unit_test(calibration_agrees_with_a_fresh_sample),
        cmocka_unit_test(terms_fall_by_the_gap),
        cmocka_unit_test(first_level_has_mean_k_for_every_input_law),
        cmocka_unit_test(margin_replaces_rows_by_their_own_retries),
        cmocka_unit_test(impossible_teachers_are_refused),
        cmocka_unit_test(creation_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
