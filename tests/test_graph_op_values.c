/* SPDX-License-Identifier: MIT */
/* Ops against closed forms: extreme logits, truncation, masks, sums, elementary functions. */
#include "op_case.h"

#define ROWS(width)        \
    {                      \
        true, 1, { width } \
    }
#define VECTOR(width)       \
    {                       \
        false, 1, { width } \
    }
#define MATRIX(rows, columns)       \
    {                               \
        false, 2, { rows, columns } \
    }

static void fill(double *to, size_t count, const double *values) { memcpy(to, values, count * sizeof *values); }

/* Output of a case, and the gradient of its sum to input 0. */
static void run(struct op_case *c, double *output, double *gradient) {
    double ones[CASE_NUMBERS], *wanted[OP_MAX_INPUTS] = {gradient};
    const bool keep[OP_MAX_INPUTS] = {false};
    for (size_t i = 0; i < CASE_NUMBERS; ++i) ones[i] = 1;
    case_forward(c, output);
    if (gradient) case_backward(c, ones, wanted, keep);
}

static void for_both(void (*check)(enum precision precision, double epsilon)) {
    check(PRECISION_F32, 0x1p-24);
    check(PRECISION_F64, 0x1p-53);
}

/* ---- losses ---- */

static void check_softmax_large(enum precision precision, double epsilon) {
    const struct shape shapes[2] = {ROWS(3), ROWS(1)};
    struct op_case *c = case_of(OP_SOFTMAX_CROSS_ENTROPY, precision, 4, 2, shapes, NULL);
    double y[CASE_NUMBERS], g[CASE_NUMBERS];
    const double labels[4] = {0, 1, 2, 1};
    fill(c->inputs[0], 12, (double[]){1000, 0, -1000, 1000, 0, -1000, 30000, 30000, 30000, -5, -40000, -5});
    fill(c->inputs[1], 4, labels);
    run(c, y, g);
    const double expected[4] = {0, 1000, log(3), 39995 + log(2)};
    for (size_t r = 0; r < 4; ++r) {
        double probabilities = g[3 * r] + g[3 * r + 1] + g[3 * r + 2] + 1; /* gradient = p - (1 at the label) */
        check_close(c, "loss", r, y[r], expected[r], 4 * epsilon * (1 + expected[r]));
        check_close(c, "sum of probabilities", r, probabilities, 1, 4 * epsilon);
    }
    free(c);
}

static void softmax_large_logits_sums_to_one(void **state) {
    (void)state;
    for_both(check_softmax_large);
}

/* logits (0, -20), label 0: log1p(e^-20) and p - 1 = -e^-20 / (1 + e^-20), far below epsilon of float32. */
static void check_softmax_confident(enum precision precision, double epsilon) {
    const struct shape shapes[2] = {ROWS(2), ROWS(1)};
    struct op_case *c = case_of(OP_SOFTMAX_CROSS_ENTROPY, precision, 1, 2, shapes, NULL);
    double y[CASE_NUMBERS], g[CASE_NUMBERS], rest = exp(-20);
    fill(c->inputs[0], 2, (double[]){0, -20});
    run(c, y, g);
    check_close(c, "loss", 0, y[0], log1p(rest), 8 * epsilon * rest);
    check_close(c, "gradient", 0, g[0], -rest / (1 + rest), 8 * epsilon * rest);
    check_close(c, "gradient", 1, g[1], rest / (1 + rest), 8 * epsilon * rest);
    free(c);
}

static void softmax_confident_logits_keep_their_digits(void **state) {
    (void)state;
    for_both(check_softmax_confident);
}

static void check_softmax_labels(enum precision precision, double epsilon) {
    const struct shape shapes[2] = {ROWS(3), ROWS(1)};
    struct op_case *c = case_of(OP_SOFTMAX_CROSS_ENTROPY, precision, 6, 2, shapes, NULL);
    double y[CASE_NUMBERS], g[CASE_NUMBERS];
    fill(c->inputs[1], 6, (double[]){-1, 3, 0.5, NAN, 1e30, 2});
    run(c, y, g);
    for (size_t r = 0; r < 5; ++r) assert_true(isnan(y[r]) && isnan(g[3 * r]));
    check_close(c, "valid row", 5, y[5], log(3), 4 * epsilon);
    check_close(c, "valid row", 5, g[17], -2.0 / 3, 4 * epsilon);
    free(c);
}

static void softmax_label_that_is_no_class_gives_nan_in_its_row_only(void **state) {
    (void)state;
    for_both(check_softmax_labels);
}

static void check_logistic(enum precision precision, double epsilon) {
    const struct shape shapes[2] = {ROWS(1), ROWS(1)};
    struct op_case *c = case_of(OP_LOGISTIC, precision, 7, 2, shapes, NULL);
    double y[CASE_NUMBERS], g[CASE_NUMBERS];
    fill(c->inputs[0], 7, (double[]){1000, -1000, 1000, -1000, 0, 40, -40});
    fill(c->inputs[1], 7, (double[]){1, 0, 0, 1, 1, 1, 0});
    run(c, y, g);
    const double loss[7] = {0, 0, 1000, 1000, log(2), log1p(exp(-40)), log1p(exp(-40))};
    const double slope[7] = {0, 0, 1, -1, -0.5, -exp(-40), exp(-40)};
    for (size_t r = 0; r < 7; ++r) {
        check_close(c, "loss", r, y[r], loss[r], 4 * epsilon * loss[r]);
        check_close(c, "slope", r, g[r], slope[r], 4 * epsilon * fabs(slope[r]));
    }
    free(c);
}

static void logistic_extreme_logits_are_exact(void **state) {
    (void)state;
    for_both(check_logistic);
}

static void check_squared_error(enum precision precision, double epsilon) {
    const struct shape shapes[2] = {ROWS(3), ROWS(3)};
    struct op_case *c = case_of(OP_SQUARED_ERROR, precision, 2, 2, shapes, NULL);
    double y[CASE_NUMBERS], g[CASE_NUMBERS];
    fill(c->inputs[0], 6, (double[]){1, 2, 3, 0, 0, 0});
    fill(c->inputs[1], 6, (double[]){0, 4, 3, 0, -1, 5});
    run(c, y, g);
    const double slope[6] = {2, -4, 0, 0, 2, -10};
    (void)epsilon; /* small integers are exact */
    check_close(c, "error", 0, y[0], 5, 0);
    check_close(c, "error", 1, y[1], 26, 0);
    for (size_t i = 0; i < 6; ++i) check_close(c, "slope", i, g[i], slope[i], 0);
    free(c);
}

static void squared_error_sums_over_the_row(void **state) {
    (void)state;
    for_both(check_squared_error);
}

/* ---- sums ---- */

/* 4096 times float(0.1): the exact sum is 4096 float(0.1), which a float accumulator misses by far. */
static void check_sum(enum precision precision, double epsilon) {
    const struct shape shape = ROWS(64);
    const double tenth = (double)0.1f;
    double y[CASE_NUMBERS], g[CASE_NUMBERS];
    struct op_case *c = case_of(OP_SUM, precision, 64, 1, &shape, NULL);
    for (size_t i = 0; i < CASE_NUMBERS; ++i) c->inputs[0][i] = tenth;
    run(c, y, g);
    check_close(c, "sum", 0, y[0], 4096 * tenth, epsilon * 4096 * tenth);
    check_close(c, "gradient", 4095, g[4095], 1, 0);
    free(c);
    c = case_of(OP_MEAN, precision, 32, 1, &shape, NULL);
    c->total_rows = 64; /* half a batch gives half the mean */
    for (size_t i = 0; i < CASE_NUMBERS; ++i) c->inputs[0][i] = tenth;
    run(c, y, g);
    check_close(c, "mean", 0, y[0], tenth / 2, 2 * epsilon * tenth);
    check_close(c, "gradient", 0, g[0], 1.0 / 4096, 0);
    free(c);
}

static void sum_and_mean_are_accurate_and_count_the_whole_batch(void **state) {
    (void)state;
    for_both(check_sum);
}

/* ---- elementwise ---- */

static void check_square(enum precision precision, double epsilon) {
    const struct shape shape = ROWS(1);
    const struct op_attributes truncated = {.number = {1.5, 0.25}};
    const double x[6] = {-3, -1.5, -1, 0.5, 1.5, 1000}, square[6] = {2, 2, 0.75, 0, 2, 2},
                 slope[6] = {0, -3, -2, 1, 3, 0};
    double y[CASE_NUMBERS], g[CASE_NUMBERS];
    (void)epsilon; /* all exact */
    for (int whole = 0; whole < 2; ++whole) {
        struct op_case *c = case_of(OP_SQUARE, precision, 6, 1, &shape, whole ? NULL : &truncated);
        fill(c->inputs[0], 6, x);
        run(c, y, g);
        for (size_t i = 0; i < 6; ++i) {
            check_close(c, "square", i, y[i], whole ? (double)(float)(x[i] * x[i]) : square[i], 0);
            check_close(c, "slope", i, g[i], whole ? 2 * x[i] : slope[i], 0);
        }
        free(c);
    }
}

static void square_is_flat_beyond_its_truncation(void **state) {
    (void)state;
    for_both(check_square);
}

static double gelu_exact(double x) { return x * 0.5 * erfc(-x / sqrt(2)); }
static double sigmoid_exact(double x) { return 1 / (1 + exp(-x)); }

/* What is swept: `relative` in last places, `absolute` in units of 2^-24 min(1, |x|); subnormals may be 0. */
static const struct {
    enum op_kind kind;
    double (*exact)(double x);
    double relative, absolute;
} swept[] = {
    {OP_ERF, erf, 2, 0},
    {OP_TANH, tanh, 2, 0},
    {OP_SIGMOID, sigmoid_exact, 3, 0},
    {OP_GELU, gelu_exact, 2, 2},
};

/* Floats of every exponent from 2^-60 to 2^7, both signs, through every variant of the op. */
static void float32_functions_are_within_their_bounds(void **state) {
    (void)state;
    const struct shape shape = VECTOR(CASE_NUMBERS);
    for (size_t s = 0; s < sizeof swept / sizeof *swept; ++s)
        for (int variant = OP_VARIANT_BASE; variant <= (int)op_variant_best(); ++variant)
            for (int exponent = -60; exponent < 7; ++exponent) {
                const struct op_class *op = op_class_variant(swept[s].kind, PRECISION_F32, (enum op_variant)variant);
                struct op_case *c = case_of_shapes(op, PRECISION_F32, 1, 1, &shape, NULL);
                double y[CASE_NUMBERS];
                for (size_t i = 0; i < CASE_NUMBERS; ++i) {
                    double mantissa = 1 + (double)(i / 2) / (CASE_NUMBERS / 2) + 0x1p-14 * (double)(i % 7);
                    c->inputs[0][i] = (double)(float)ldexp(i % 2 ? -mantissa : mantissa, exponent);
                }
                case_forward(c, y);
                for (size_t i = 0; i < CASE_NUMBERS; ++i) {
                    double x = c->inputs[0][i], exact = swept[s].exact(x),
                           place = ldexp(1, ilogb(fmax(fabs(exact), 0x1p-126)) - 23);
                    check_close(c, "value", i, y[i], exact,
                                swept[s].relative * place + swept[s].absolute * 0x1p-24 * fmin(1, fabs(x)) + 0x1p-126);
                }
                free(c);
            }
}

static void check_saturation(enum precision precision, double epsilon) {
    static const struct {
        enum op_kind kind;
        double low, high;
    } limits[] = {{OP_ERF, -1, 1}, {OP_TANH, -1, 1}, {OP_SIGMOID, 0, 1}, {OP_RELU, 0, 1e30}, {OP_GELU, 0, 1e30}};
    const struct shape shape = VECTOR(3);
    (void)epsilon;
    for (size_t s = 0; s < sizeof limits / sizeof *limits; ++s) {
        struct op_case *c = case_of(limits[s].kind, precision, 1, 1, &shape, NULL);
        double y[CASE_NUMBERS], g[CASE_NUMBERS], high = (double)(float)limits[s].high;
        fill(c->inputs[0], 3, (double[]){-(double)1e30f, (double)1e30f, NAN});
        run(c, y, g);
        check_close(c, "at -1e30", 0, y[0], limits[s].low, 0);
        check_close(c, "at 1e30", 1, y[1], high, 0);
        check_close(c, "slope at -1e30", 0, g[0], 0, 0);
        check_close(c, "slope at 1e30", 1, g[1], high > 1 ? 1 : 0, 0);
        assert_true(isnan(y[2]));
        free(c);
    }
}

static void activations_saturate_and_keep_nan(void **state) {
    (void)state;
    for_both(check_saturation);
}

/* ---- dropout ---- */

static struct op_case *dropout_case(enum precision precision, double rate, size_t rows, size_t width) {
    const struct shape shape = ROWS(width);
    const struct op_attributes attributes = {.number = {rate}};
    struct op_case *c = case_of(OP_DROPOUT, precision, rows, 1, &shape, &attributes);
    for (size_t i = 0; i < rows * width; ++i) c->inputs[0][i] = 3;
    return c;
}

static void check_dropout(enum precision precision, double epsilon) {
    double y[CASE_NUMBERS], g[CASE_NUMBERS];
    struct op_case *c = dropout_case(precision, 0.25, 31, 130);
    size_t count = output_size(c), dropped = 0;
    run(c, y, g);
    for (size_t i = 0; i < count; ++i) {
        dropped += y[i] == 0;
        check_close(c, "value", i, y[i], y[i] == 0 ? 0 : 4, 4 * 4 * epsilon);
        check_close(c, "slope", i, g[i], y[i] / 3, 4 * epsilon);
    }
    /* Binomial: within 4 standard deviations of the rate. */
    check_close(c, "dropped", 0, (double)dropped, 0.25 * (double)count, 4 * sqrt(0.25 * 0.75 * (double)count));
    c->training = false;
    run(c, y, g);
    for (size_t i = 0; i < count; ++i) {
        check_close(c, "value in evaluation", i, y[i], 3, 0);
        check_close(c, "slope in evaluation", i, g[i], 1, 0);
    }
    free(c);
}

static void dropout_mask_is_shared_by_forward_and_backward_and_has_its_rate(void **state) {
    (void)state;
    for_both(check_dropout);
}

static void dropout_mask_depends_on_the_row_but_not_on_the_precision(void **state) {
    (void)state;
    double narrow[CASE_NUMBERS], wide[CASE_NUMBERS];
    struct op_case *a = dropout_case(PRECISION_F32, 0.5, 8, 100), *b = dropout_case(PRECISION_F64, 0.5, 8, 100);
    size_t equal = 0;
    case_forward(a, narrow);
    case_forward(b, wide);
    for (size_t i = 0; i < 800; ++i) check_close(b, "mask", i, narrow[i], wide[i], 0);
    for (size_t i = 0; i < 100; ++i) equal += wide[i] == wide[100 + i];
    check_close(b, "equal entries of two rows", 0, (double)equal, 50, 20); /* 4 standard deviations */
    b->first_row = 1;
    case_forward(b, narrow);
    for (size_t i = 0; i < 700; ++i) check_close(b, "mask of the next rows", i, narrow[i], wide[100 + i], 0);
    free(a);
    free(b);
}

/* ---- linear ---- */

static void check_linear(enum precision precision, double epsilon) {
    double y[CASE_NUMBERS], g[CASE_NUMBERS];
    const struct shape pair[2] = {MATRIX(2, 2), MATRIX(3, 2)};
    struct op_case *c = case_of(OP_CROSS_PRODUCT, precision, 1, 2, pair, NULL);
    fill(c->inputs[0], 4, (double[]){1, 3, 2, 4});
    fill(c->inputs[1], 6, (double[]){1, 0, 0, 1, 2, -1});
    run(c, y, g);
    const double product[6] = {1, 3, -1, 2, 4, 0}, slope[4] = {3, 0, 3, 0};
    for (size_t i = 0; i < 6; ++i) check_close(c, "A B^T", i, y[i], product[i], 0);
    for (size_t i = 0; i < 4; ++i) check_close(c, "dA", i, g[i], slope[i], 0);
    free(c);

    const struct shape parts[3] = {ROWS(2), ROWS(1), ROWS(3)};
    c = case_of(OP_CONCAT, precision, 2, 3, parts, NULL);
    fill(c->inputs[0], 4, (double[]){0, 1, 10, 11});
    fill(c->inputs[1], 2, (double[]){2, 12});
    fill(c->inputs[2], 6, (double[]){3, 4, 5, 13, 14, 15});
    run(c, y, NULL);
    for (size_t i = 0; i < 12; ++i) check_close(c, "joined", i, y[i], (double)(i < 6 ? i : i + 4), 0);
    free(c);

    const struct shape standard[3] = {ROWS(2), VECTOR(2), VECTOR(2)};
    c = case_of(OP_NORMALISE, precision, 1, 3, standard, NULL);
    fill(c->inputs[0], 2, (double[]){5, -1});
    fill(c->inputs[1], 2, (double[]){3, 1});
    fill(c->inputs[2], 2, (double[]){0.5, 4});
    run(c, y, g);
    check_close(c, "normalised", 0, y[0], 1, epsilon);
    check_close(c, "normalised", 1, y[1], -8, epsilon);
    check_close(c, "slope", 1, g[1], 4, epsilon);
    free(c);
}

static void linear_ops_match_values_worked_out_by_hand(void **state) {
    (void)state;
    for_both(check_linear);
}

static void stop_gradient_gives_zeros_back(void **state) {
    (void)state;
    const struct shape shape = ROWS(2);
    double y[CASE_NUMBERS] = {0}, g[CASE_NUMBERS] = {NAN, NAN}, u[CASE_NUMBERS] = {1, 1}, *wanted[OP_MAX_INPUTS] = {g};
    const double *tangents[OP_MAX_INPUTS] = {u};
    const bool keep[OP_MAX_INPUTS] = {false};
    struct op_case *c = case_of(OP_STOP_GRADIENT, PRECISION_F64, 1, 1, &shape, NULL);
    fill(c->inputs[0], 2, (double[]){7, 8});
    case_backward(c, u, wanted, keep);
    assert_true(g[0] == 0 && g[1] == 0);
    case_tangent(c, tangents, y);
    assert_true(y[0] == 0 && y[1] == 0);
    case_forward(c, y);
    assert_true(y[0] == 7 && y[1] == 8);
    free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softmax_large_logits_sums_to_one),
        cmocka_unit_test(softmax_confident_logits_keep_their_digits),
        cmocka_unit_test(softmax_label_that_is_no_class_gives_nan_in_its_row_only),
        cmocka_unit_test(logistic_extreme_logits_are_exact),
        cmocka_unit_test(squared_error_sums_over_the_row),
        cmocka_unit_test(sum_and_mean_are_accurate_and_count_the_whole_batch),
        cmocka_unit_test(square_is_flat_beyond_its_truncation),
        cmocka_unit_test(float32_functions_are_within_their_bounds),
        cmocka_unit_test(activations_saturate_and_keep_nan),
        cmocka_unit_test(dropout_mask_is_shared_by_forward_and_backward_and_has_its_rate),
        cmocka_unit_test(dropout_mask_depends_on_the_row_but_not_on_the_precision),
        cmocka_unit_test(linear_ops_match_values_worked_out_by_hand),
        cmocka_unit_test(stop_gradient_gives_zeros_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
