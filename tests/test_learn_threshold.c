/* SPDX-License-Identifier: MIT */
/* The sparse-coding model, the threshold network with its derivatives, its training, and mixtures of atoms. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/memory.h"
#include "data/source.h"
#include "learn/threshold_fit.h"
#include "measure/mixture.h"

enum { D = 40, WIDTH = 60, ROWS = 3000 };

static strata_context *ctx;
static struct sparse_coding coding;
static struct threshold_net net;
static float x[ROWS * D], y[ROWS], z[ROWS * D], values[ROWS], gradient[ROWS * D], seeds[ROWS];

#define assert_ok(call)                                                                  \
    do {                                                                                 \
        if ((call) != STRATA_OK) fail_msg("%s: %s", #call, strata_context_message(ctx)); \
    } while (0)

static int setup(void **state) {
    (void)state;
    const struct sparse_coding_options options = {D, 3, 2, 0.3, false};
    if (strata_context_create(&ctx) != STRATA_OK) return 1;
    if (sparse_coding_create(ctx, &options, 1, 1, &coding) != STRATA_OK) return 1;
    if (threshold_net_create(ctx, WIDTH, D, &net) != STRATA_OK) return 1;
    threshold_net_initialise(&net, rng_stream_make(1, 1, RNG_INIT), 0.3);
    threshold_net_set_thresholds(&net, 0.1);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    threshold_net_destroy(&net);
    sparse_coding_destroy(&coding);
    strata_context_destroy(ctx);
    return 0;
}

/* ---- data */

static double inner(const float *a, const float *b) {
    double sum = 0;
    for (size_t j = 0; j < D; ++j) sum += (double)a[j] * (double)b[j];
    return sum;
}

static void atoms_are_orthonormal(void **state) {
    (void)state;
    for (size_t i = 0; i < D; ++i)
        for (size_t j = 0; j <= i; ++j)
            assert_true(fabs(inner(coding.atoms + i * D, coding.atoms + j * D) - (i == j)) < 1e-5);
    assert_true(fabs(inner(coding.direction, coding.direction) - 1) < 1e-5);
    for (size_t j = 0; j < D; ++j)
        assert_true(fabs(inner(coding.direction, coding.atoms + j * D) - (double)coding.signs[j] / sqrt(D)) < 1e-5);
}

/* Codes as defined: values +-1/sqrt k, margin kept, labels by w*, k active in the mean but for what the margin bends. */
static void codes_follow_their_definition(void **state) {
    (void)state;
    double active = 0, residual = 0, positive = 0;
    sparse_coding_rows(&coding, RNG_TEST_INPUT, 0, ROWS, x, y, z);
    for (size_t r = 0; r < ROWS; ++r) {
        double score = 0;
        for (size_t j = 0; j < D; ++j) {
            double value = (double)z[r * D + j];
            assert_true(value == 0 || fabs(fabs(value) - 1 / sqrt(3)) < 1e-6);
            active += value != 0;
            score += value * (double)coding.signs[j];
            double noise = inner(x + r * D, coding.atoms + j * D) - value;
            residual += noise * noise;
        }
        assert_true(fabs(score) * sqrt(3) >= 1.5);
        assert_true((y[r] > 0) == (score > 0));
        positive += (double)y[r];
    }
    assert_true(active / ROWS > 2.5 && active / ROWS < 4.5);
    assert_true(fabs(residual / ROWS - 0.09) < 0.003); /* sigma_x^2 */
    assert_true(fabs(positive / ROWS - 0.5) < 4 * 0.5 / sqrt(ROWS));
}

static void codes_without_margin_have_k_active(void **state) {
    (void)state;
    struct sparse_coding free_coding;
    const struct sparse_coding_options options = {D, 4, 1, 0, false};
    double active = 0, variance = 0;
    assert_ok(sparse_coding_create(ctx, &options, 2, 1, &free_coding));
    sparse_coding_rows(&free_coding, RNG_TEST_INPUT, 0, ROWS, x, y, z);
    for (size_t i = 0; i < (size_t)ROWS * D; ++i) active += z[i] != 0;
    /* Margin 1 rejects the ties alone: P(no tie) from the binomial law of the count and fair signs. */
    double kept = 0, mean = 0, law = pow(0.9, D);
    for (size_t n = 0; n <= D; ++n) {
        double tie = n % 2 ? 0 : exp(lgamma((double)n + 1) - 2 * lgamma((double)n / 2 + 1) - (double)n * log(2));
        kept += law * (1 - tie);
        mean += law * (1 - tie) * (double)n;
        law *= (double)(D - n) / (double)(n + 1) * 0.1 / 0.9;
    }
    variance = 4;
    assert_true(fabs(active / ROWS - mean / kept) < 5 * sqrt(variance / ROWS));
    sparse_coding_destroy(&free_coding);
}

static void rows_are_addressed(void **state) {
    (void)state;
    sparse_coding_rows(&coding, RNG_TRAIN_INPUT, 0, 50, x, y, NULL);
    sparse_coding_rows(&coding, RNG_TRAIN_INPUT, 17, 5, gradient, values, NULL);
    assert_memory_equal(x + 17 * D, gradient, 5 * D * sizeof *x);
    struct sample_source *source;
    const float *batch, *labels;
    assert_ok(source_from_sparse_coding(ctx, &coding, 7, &source));
    assert_ok(source_reserve(ctx, source, 10));
    source_batch(source, 1, 10, &batch, &labels);
    assert_memory_equal(batch, x + 17 * D, 10 * D * sizeof *x);
    assert_memory_equal(labels, y + 17, 10 * sizeof *y);
    source_destroy(source);
}

static void impossible_models_are_refused(void **state) {
    (void)state;
    static const struct sparse_coding_options wrong[] = {
        {4, 1, 1, 0, false},  {40, 0, 1, 0, false},   {40, 11, 1, 0, false}, {40, 3, 4, 0, false},
        {40, 3, 0, 0, false}, {40, 3, 2, NAN, false}, {40, 3, 2, 3, false},  {400, 100, 90, 0, false}};
    struct sparse_coding made;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i)
        assert_int_equal(sparse_coding_create(ctx, &wrong[i], 1, 1, &made), STRATA_ERR_CONFIG);
}

/* ---- network */

static double value_of(const float *row, const struct threshold_net *of) {
    double sum = 0;
    for (size_t i = 0; i < WIDTH; ++i) {
        double u = inner(row, of->weights + i * D), b = (double)of->thresholds[i];
        sum += fmax(u - b, 0) - fmax(-u - b, 0);
    }
    return sum;
}

static void values_follow_the_formula(void **state) {
    (void)state;
    sparse_coding_rows(&coding, RNG_TEST_INPUT, 0, 150, x, y, NULL);
    threshold_net_values(&net, 150, x, values);
    for (size_t r = 0; r < 150; ++r) assert_true(fabs((double)values[r] - value_of(x + r * D, &net)) < 1e-4);
    for (size_t i = 0; i < WIDTH; ++i)
        assert_true(fabs((double)net.thresholds[i] - 0.1 * sqrt(inner(net.weights + i * D, net.weights + i * D))) <
                    1e-6);
}

/* Exact between kinks: the function is piecewise linear. */
static void input_gradients_match_differences(void **state) {
    (void)state;
    const float h = 1e-3f;
    size_t compared = 0;
    sparse_coding_rows(&coding, RNG_TEST_INPUT, 0, 100, x, y, NULL);
    for (size_t r = 0; r < 100; ++r) seeds[r] = r % 2 ? 1.5f : -1;
    threshold_net_input_gradient(&net, 100, x, seeds, values, gradient);
    for (size_t r = 0; r < 100; ++r)
        for (size_t j = 0; j < D; j += 7) {
            float moved[D];
            memcpy(moved, x + r * D, sizeof moved);
            moved[j] += h;
            double up = value_of(moved, &net);
            moved[j] = x[r * D + j] - h;
            double down = value_of(moved, &net), middle = value_of(x + r * D, &net);
            if (fabs(up + down - 2 * middle) > 1e-7) continue; /* a kink lies between */
            ++compared;
            assert_true(fabs((up - down) / (2 * (double)h) * (double)seeds[r] - (double)gradient[r * D + j]) < 2e-3);
        }
    assert_true(compared > 300);
}

/* d loss / d W with b held, against differences of the loss in float64. */
static double loss_of(size_t rows, const struct threshold_net *of) {
    double loss = 0;
    for (size_t r = 0; r < rows; ++r) {
        double margin = (2 * (double)y[r] - 1) * value_of(x + r * D, of);
        loss += log1p(exp(-margin)) / (double)rows;
    }
    return loss;
}

static void weight_gradients_match_differences(void **state) {
    (void)state;
    static float found[WIDTH * D], by_seed[WIDTH * D];
    size_t compared = 0;
    sparse_coding_rows(&coding, RNG_TEST_INPUT, 0, 90, x, y, NULL);
    memset(found, 0, sizeof found);
    double loss = threshold_net_loss_gradient(&net, 90, x, y, found);
    assert_true(fabs(loss - loss_of(90, &net)) < 1e-5);
    for (size_t i = 0; i < WIDTH * D; i += 37) {
        float kept = net.weights[i];
        const float h = 2e-3f;
        net.weights[i] = kept + h;
        double up = loss_of(90, &net), above = (double)net.weights[i];
        net.weights[i] = kept - h;
        double down = loss_of(90, &net), below = (double)net.weights[i];
        net.weights[i] = kept;
        double slope = (up - down) / (above - below);
        /* Rows on a kink within h bend the loss by at most their share. */
        compared += fabs(slope - (double)found[i]) < 1e-3;
    }
    assert_true(compared >= 60); /* of 65 */
    threshold_net_values(&net, 90, x, values);
    for (size_t r = 0; r < 90; ++r) {
        double sign = 2 * (double)y[r] - 1;
        seeds[r] = (float)(-sign / (1 + exp(sign * (double)values[r])) / 90);
    }
    memset(by_seed, 0, sizeof by_seed);
    threshold_net_weight_gradient(&net, 90, x, seeds, by_seed);
    for (size_t i = 0; i < WIDTH * D; ++i) assert_true(fabsf(by_seed[i] - found[i]) < 1e-6f);
}

/* ---- training */

static struct threshold_fit_options options_of(const char *method) {
    return (struct threshold_fit_options){.perturbation = perturbation_find(method),
                                          .epsilon = 0.25,
                                          .steps = 400,
                                          .batch_size = 64,
                                          .learning_rate = 0.8,
                                          .weight_decay = 3e-4,
                                          .beta_start = 0.1,
                                          .beta_end = 0.2,
                                          .perturbation_steps = 7,
                                          .beta_trades = 6,
                                          .stream = rng_stream_make(3, 1, RNG_ADVERSARY)};
}

static void train(const char *method, size_t steps, struct threshold_net *of) {
    struct threshold_fit_options options = options_of(method);
    struct threshold_fit fit;
    assert_ok(threshold_net_create(ctx, 4 * D, D, of));
    threshold_net_initialise(of, rng_stream_make(3, 1, RNG_INIT), 0.02);
    assert_ok(threshold_fit_create(ctx, &options, &coding, of, &fit));
    for (size_t step = 0; step < steps; ++step) (void)threshold_fit_step(&fit, step);
    threshold_fit_destroy(&fit);
}

static void perturbations_stay_in_the_ball(void **state) {
    (void)state;
    for (size_t i = 0; i < perturbation_table_size; ++i) {
        struct threshold_fit_options options = options_of(perturbation_table[i]->name);
        struct threshold_fit fit;
        struct threshold_net own;
        bool moved = false;
        train("none", 100, &own);
        assert_ok(threshold_fit_create(ctx, &options, &coding, &own, &fit));
        uint64_t before = mem_count();
        (void)threshold_fit_step(&fit, 100);
        assert_true(mem_count() == before); /* nothing is allocated in a step */
        for (size_t r = 0; perturbation_table[i]->move && r < options.batch_size; ++r) {
            double square = 0;
            for (size_t j = 0; j < D; ++j) {
                double delta = (double)fit.moved[r * D + j] - (double)fit.x[r * D + j];
                square += delta * delta;
            }
            assert_true(sqrt(square) <= 0.25 * (1 + 1e-5));
            moved = moved || square > 0;
        }
        assert_true(moved == (perturbation_table[i]->move != NULL));
        threshold_fit_destroy(&fit);
        threshold_net_destroy(&own);
    }
}

static double fgm_accuracy(struct threshold_net *of) {
    enum { COUNT = 500 };
    size_t right = 0;
    sparse_coding_rows(&coding, RNG_TEST_INPUT, 0, COUNT, x, y, NULL);
    for (size_t r = 0; r < COUNT; ++r) seeds[r] = 1 - 2 * y[r];
    threshold_net_input_gradient(of, COUNT, x, seeds, NULL, gradient);
    for (size_t r = 0; r < COUNT; ++r) {
        double norm = sqrt(inner(gradient + r * D, gradient + r * D));
        for (size_t j = 0; j < D && norm > 0; ++j) x[r * D + j] += (float)(0.25 / norm * (double)gradient[r * D + j]);
    }
    threshold_net_values(of, COUNT, x, values);
    for (size_t r = 0; r < COUNT; ++r) right += (values[r] > 0) == (y[r] > 0);
    return (double)right / COUNT;
}

static void adversarial_training_protects_and_noise_does_not(void **state) {
    (void)state;
    struct threshold_net clean, robust, noise;
    train("none", 400, &clean);
    train("fgm", 400, &robust);
    train("noise", 400, &noise);
    double accuracies[] = {fgm_accuracy(&clean), fgm_accuracy(&robust), fgm_accuracy(&noise)};
    assert_true(accuracies[1] > accuracies[0] + 0.2 && accuracies[1] > accuracies[2] + 0.2);
    threshold_net_destroy(&clean);
    threshold_net_destroy(&robust);
    threshold_net_destroy(&noise);
}

/* ---- mixtures */

static void mixtures_have_their_closed_forms(void **state) {
    (void)state;
    static float weights[WIDTH * D], residuals[WIDTH * D];
    uint32_t dominant[WIDTH];
    struct mixture mixture;
    /* w_i = 2 M_{i mod D} + 0.5 w^: the atom's own share of w^ is 1 / d of it. */
    for (size_t i = 0; i < WIDTH; ++i)
        for (size_t j = 0; j < D; ++j)
            weights[i * D + j] = 2 * coding.atoms[i % D * D + j] + 0.5f * coding.direction[j];
    mixture_split(WIDTH, D, weights, coding.atoms, residuals, dominant);
    assert_ok(mixture_measure(ctx, WIDTH, D, weights, residuals, coding.direction, &mixture));
    double left = 0.25 * (1 - 1.0 / D), all = 0, along = 0;
    for (size_t i = 0; i < WIDTH; ++i) {
        assert_int_equal(dominant[i], i % D);
        all += inner(weights + i * D, weights + i * D);
        double share = 0.5 * (1 - 1.0 / D); /* <v, w^> */
        along += share * share;
    }
    assert_true(fabs(mixture.purity - (1 - WIDTH * left / all)) < 1e-5);
    assert_true(fabs(mixture.coherent - along / all) < 1e-5);
    assert_true(fabs(mixture.residual - sqrt(left)) < 1e-5);
    assert_true(mixture.alignment > 0.99 && mixture.energy > 0.9);
    for (size_t i = 0; i < WIDTH * D; ++i) weights[i] = coding.atoms[i / D % D * D + i % D];
    mixture_split(WIDTH, D, weights, coding.atoms, residuals, NULL);
    assert_ok(mixture_measure(ctx, WIDTH, D, weights, residuals, coding.direction, &mixture));
    assert_true(mixture.purity > 1 - 1e-9 && mixture.coherent < 1e-9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(atoms_are_orthonormal),
        cmocka_unit_test(codes_follow_their_definition),
        cmocka_unit_test(codes_without_margin_have_k_active),
        cmocka_unit_test(rows_are_addressed),
        cmocka_unit_test(impossible_models_are_refused),
        cmocka_unit_test(values_follow_the_formula),
        cmocka_unit_test(input_gradients_match_differences),
        cmocka_unit_test(weight_gradients_match_differences),
        cmocka_unit_test(perturbations_stay_in_the_ball),
        cmocka_unit_test(adversarial_training_protects_and_noise_does_not),
        cmocka_unit_test(mixtures_have_their_closed_forms),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
