/* SPDX-License-Identifier: MIT */
/* The paper's learner: K from W, the penalty and the output against plain loops, and the teacher as its fixed point. */
#include "learner_fixture.h"

#include "data/teacher_net.h"
#include "learn/paper.h"
#include "linalg/linalg.h"

enum { D = 6, K = 2, M = 6, ROWS = 5, MAX_INPUTS = 32, MAX_LEVELS = 3 }; /* inputs, units of K and W, rows of R */

static struct lab lab;

static int setup(void **state) {
    (void)state;
    lab_create(&lab);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    lab_destroy(&lab);
    return 0;
}

static int reset(void **state) {
    (void)state;
    lab_reset(&lab);
    lab_set(&lab, "paper.expansion_rows", "5");
    return 0;
}

/* ---- K from W ---- */

/* out = a a' for a [n, columns]. */
static void gram(size_t n, size_t columns, const double *a, double *out) {
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j) {
            out[i * n + j] = 0;
            for (size_t c = 0; c < columns; ++c) out[i * n + j] += a[i * columns + c] * a[j * columns + c];
        }
}

/* The part of w w' with the k largest eigenvalues; returns the largest. */
static double top_part(size_t n, size_t columns, size_t k, const double *w, double *part) {
    double matrix[MAX_INPUTS * MAX_INPUTS], values[MAX_INPUTS], vectors[MAX_INPUTS * MAX_INPUTS];
    gram(n, columns, w, matrix);
    assert_int_equal(linalg_eigen_symmetric(lab.ctx, n, matrix, values, vectors), STRATA_OK);
    memset(part, 0, n * n * sizeof *part);
    for (size_t e = n > k ? n - k : 0; e < n; ++e)
        for (size_t i = 0; i < n; ++i)
            for (size_t j = 0; j < n; ++j) part[i * n + j] += values[e] * vectors[e * n + i] * vectors[e * n + j];
    return values[n - 1];
}

static double largest_difference(size_t count, const double *a, const double *b) {
    double largest = 0;
    for (size_t i = 0; i < count; ++i) largest = fmax(largest, fabs(a[i] - b[i]));
    return largest;
}

/* Eckart and Young: the best rank-k part of w w' is its top-k eigen part. Rounding: n eps of the largest eigenvalue. */
static void narrow_layer_is_the_best_part_of_the_wide_one(void **state) {
    (void)state;
    const size_t sizes[][3] = {{7, 9, 1}, {7, 9, 3}, {7, 9, 7}, {9, 4, 2}, {9, 4, 4}, {5, 5, 3}, {1, 1, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
        size_t n = sizes[i][0], wide_width = sizes[i][1], k = sizes[i][2];
        double wide[MAX_INPUTS * MAX_INPUTS], kept[MAX_INPUTS * MAX_INPUTS], narrow[MAX_INPUTS * MAX_INPUTS];
        double found[MAX_INPUTS * MAX_INPUTS], expected[MAX_INPUTS * MAX_INPUTS];
        rng_normal_f64(rng_stream_at(rng_stream_make(1, 0, RNG_TEST), i), n * wide_width, wide);
        memcpy(kept, wide, sizeof kept);
        assert_int_equal(paper_narrow_from_wide(lab.ctx, n, wide_width, k, wide, narrow), STRATA_OK);
        assert_memory_equal(wide, kept, n * wide_width * sizeof *wide);
        gram(n, k, narrow, found);
        double largest = top_part(n, wide_width, k, wide, expected);
        assert_true(largest_difference(n * n, found, expected) <= 1e-13 * largest);
    }
}

static void columns_past_the_rank_are_zero(void **state) {
    (void)state;
    const double wide[3 * 2] = {1, 0, 0, 2, 0, 0};
    double narrow[3 * 4], found[9];
    const double expected[9] = {1, 0, 0, 0, 4, 0, 0, 0, 0};
    assert_int_equal(paper_narrow_from_wide(lab.ctx, 3, 2, 4, wide, narrow), STRATA_OK);
    for (size_t i = 0; i < 3; ++i) assert_true(narrow[i * 4 + 2] == 0 && narrow[i * 4 + 3] == 0);
    gram(3, 4, narrow, found);
    assert_true(largest_difference(9, found, expected) <= 1e-14);
}

/* Rows of W or K of a level, stacked: x, then the expansion and the bias. Returns their number. */
static size_t stacked(struct learner *learner, char kind, size_t level, size_t columns, double *rows) {
    static const char *const parts[] = {"x", "expansion", "bias"};
    size_t total = 0;
    for (size_t p = 0; p < (level == 1 ? 1 : 3); ++p) {
        char name[32];
        size_t count;
        snprintf(name, sizeof name, "level%zu.%c.%s", level, kind, parts[p]);
        double *values = lab_parameter(&lab, learner, name, &count);
        assert_int_equal(count % columns, 0);
        memcpy(rows + total * columns, values, count * sizeof *values);
        total += count / columns;
        mem_free(values);
    }
    return total;
}

/* How far K_l K_l' is from the top-k part of W_l W_l', relative to its largest eigenvalue. */
static double distance_from_best_part(struct learner *learner, size_t level) {
    double wide[MAX_INPUTS * M], narrow[MAX_INPUTS * K], found[MAX_INPUTS * MAX_INPUTS],
        expected[MAX_INPUTS * MAX_INPUTS];
    size_t n = stacked(learner, 'W', level, M, wide);
    assert_int_equal(stacked(learner, 'K', level, K, narrow), n);
    assert_int_equal(n, level == 1 ? D : D + ROWS + 1);
    gram(n, K, narrow, found);
    double largest = top_part(n, M, K, wide, expected);
    return largest_difference(n * n, found, expected) / largest;
}

/*
 * When a stage ends its K is the best part of its W (in float32); from then on it moves by gradient and is no
 * longer.
 */
static strata_status check_stage_end(void *user, struct learner *learner, const struct fit_point *point) {
    size_t *ends = user;
    assert_true(distance_from_best_part(learner, point->stage) <= 1e-6);
    if (point->stage == 2) assert_true(distance_from_best_part(learner, 1) > 1e-4);
    ++*ends;
    return STRATA_OK;
}

static void stages_end_with_the_best_part_and_then_move_on(void **state) {
    (void)state;
    size_t ends = 0;
    const struct fit_hooks hooks = {.user = &ends, .observe = check_stage_end};
    lab_set(&lab, "train.steps_per_stage", "40");
    struct learner *learner = lab_learner(&lab, "paper");
    assert_int_equal(learner_fit(lab.ctx, learner, &hooks), STRATA_OK);
    assert_int_equal(ends, 2);
    learner_destroy(learner);
}

/* ---- output and penalty against plain loops ---- */

/* A parameter, or zeros where the level has none. */
static void read_part(const struct training *t, char kind, size_t level, const char *part, double *values) {
    char name[32];
    snprintf(name, sizeof name, "level%zu.%c.%s", level, kind, part);
    node found = graph_find(t->graph, name);
    memset(values, 0, TRAINING_MAX_NUMBERS * sizeof *values);
    if (found != NODE_NONE) program_read_parameter(t->program, found, values);
}

/* z = part_x' x + part_expansion' below + bias for weights of a kind: [width]. */
static void level_product(const struct training *t, char kind, size_t level, size_t width, const double *x,
                          const double *below, double *z) {
    double from_x[TRAINING_MAX_NUMBERS], from_below[TRAINING_MAX_NUMBERS], bias[TRAINING_MAX_NUMBERS];
    read_part(t, kind, level, "x", from_x);
    read_part(t, kind, level, "expansion", from_below);
    read_part(t, kind, level, "bias", bias);
    for (size_t j = 0; j < width; ++j) {
        z[j] = bias[j];
        for (size_t i = 0; i < D; ++i) z[j] += from_x[i * width + j] * x[i];
        for (size_t i = 0; level > 1 && i < ROWS; ++i) z[j] += from_below[i * width + j] * below[i];
    }
}

static double truncated_square(double z, double limit) { return fabs(z) > limit ? limit * limit : z * z; }

/* b + sum_l gap^(l-1) 1' sigma(W_l [E, x]) of one row, with E_l = sigma(R_l K_l [E, x]). */
static double naive_output(const struct training *t, size_t levels, double limit, const double *x) {
    double below[TRAINING_MAX_WIDTH] = {0}, z[TRAINING_MAX_WIDTH], carried[TRAINING_MAX_WIDTH],
           matrix[TRAINING_MAX_NUMBERS], output;
    program_read_parameter(t->program, graph_find(t->graph, "output.bias"), &output);
    for (size_t l = 1; l <= levels; ++l) {
        level_product(t, 'W', l, M, x, below, z);
        for (size_t j = 0; j < M; ++j) output += pow(0.3, (double)l - 1) * truncated_square(z[j], limit);
        if (l == levels) break;
        level_product(t, 'K', l, K, x, below, carried);
        rng_normal_f64(rng_stream_at(rng_stream_make(5, 1, RNG_FEATURES), l), K * ROWS, matrix);
        for (size_t j = 0; j < ROWS; ++j) {
            double sum = 0;
            for (size_t i = 0; i < K; ++i) sum += matrix[i * ROWS + j] / sqrt(K) * carried[i];
            below[j] = truncated_square(sum, limit);
        }
    }
    return output;
}

static void output_equals_plain_loops(void **state) {
    (void)state;
    const char *const limits[] = {"0", "0.8"};
    lab_set(&lab, "network.depth", "3");
    for (size_t i = 0; i < 2; ++i) {
        struct training t;
        double output[TRAINING_ROWS];
        lab_set(&lab, "paper.truncation", limits[i]);
        training_create(&lab, lab.source, "paper", 3, &t);
        training_randomise(&t, 0.4);
        program_forward(t.program, TRAINING_ROWS, false);
        program_read(t.program, t.nodes.output, output);
        for (size_t r = 0; r < TRAINING_ROWS; ++r) {
            double expected = naive_output(&t, 3, i ? 0.8 : INFINITY, t.x + r * D);
            if (!(fabs(output[r] - expected) <= 1e-13 * (1 + fabs(expected))))
                fail_msg("expected %.17g, found %.17g", expected, output[r]);
        }
        training_destroy(&t);
    }
}

/* sum over pairs of inputs (i of part a, j of part b) of (k_i . k_j - w_i . w_j)^2, parts stored [inputs, units]. */
static double naive_gap(size_t a, const double *ka, const double *wa, size_t b, const double *kb, const double *wb,
                        size_t k, size_t m) {
    double sum = 0;
    for (size_t i = 0; i < a; ++i)
        for (size_t j = 0; j < b; ++j) {
            double difference = 0;
            for (size_t u = 0; u < k; ++u) difference += ka[i * k + u] * kb[j * k + u];
            for (size_t u = 0; u < m; ++u) difference -= wa[i * m + u] * wb[j * m + u];
            sum += difference * difference;
        }
    return sum;
}

static double squares(size_t count, const double *values) {
    double sum = 0;
    for (size_t i = 0; i < count; ++i) sum += values[i] * values[i];
    return sum;
}

static double naive_penalty(const struct training *t, size_t level, const double *lambda) {
    double kx[TRAINING_MAX_NUMBERS], wx[TRAINING_MAX_NUMBERS], ke[TRAINING_MAX_NUMBERS], we[TRAINING_MAX_NUMBERS];
    size_t e = level == 1 ? 0 : ROWS;
    read_part(t, 'K', level, "x", kx);
    read_part(t, 'W', level, "x", wx);
    read_part(t, 'K', level, "expansion", ke);
    read_part(t, 'W', level, "expansion", we);
    double cross = naive_gap(e, ke, we, D, kx, wx, K, M), own = naive_gap(e, ke, we, e, ke, we, K, M);
    double whole = naive_gap(D, kx, wx, D, kx, wx, K, M) + 2 * cross + own;
    double norms = squares(D * K, kx) + squares(D * M, wx) + squares(e * K, ke) + squares(e * M, we);
    return lambda[0] * cross + lambda[1] * own + lambda[2] * whole + lambda[3] * norms;
}

/* Each weight of the penalty alone, then all; level 3 is the newest and pays nothing. */
static void penalty_equals_plain_loops(void **state) {
    (void)state;
    static const char *const keys[] = {"paper.lambda3", "paper.lambda4", "paper.lambda5", "paper.lambda6"};
    const double lambdas[][4] = {
        {0.5, 0, 0, 0}, {0, 0.25, 0, 0}, {0, 0, 0.125, 0}, {0, 0, 0, 0.75}, {0.5, 0.25, 0.125, 0.75}};
    lab_set(&lab, "network.depth", "3");
    for (size_t i = 0; i < sizeof lambdas / sizeof *lambdas; ++i) {
        struct training t;
        for (size_t k = 0; k < 4; ++k) {
            char text[16];
            snprintf(text, sizeof text, "%g", lambdas[i][k]);
            lab_set(&lab, keys[k], text);
        }
        training_create(&lab, lab.source, "paper", 3, &t);
        training_randomise(&t, 0.4);
        program_forward(t.program, TRAINING_ROWS, false);
        double expected = naive_penalty(&t, 1, lambdas[i]) + naive_penalty(&t, 2, lambdas[i]);
        double found = program_scalar(t.program, t.penalty), loss = 0, output[TRAINING_ROWS];
        if (!(fabs(found - expected) <= 1e-13 * expected)) fail_msg("expected %.17g, found %.17g", expected, found);
        program_read(t.program, t.nodes.output, output);
        for (size_t r = 0; r < TRAINING_ROWS; ++r) loss += (output[r] - t.y[r]) * (output[r] - t.y[r]) / TRAINING_ROWS;
        assert_true(fabs(program_scalar(t.program, t.loss) - (loss + expected)) <= 1e-13 * (loss + expected));
        training_destroy(&t);
    }
}

static void no_penalty_where_all_weights_are_zero(void **state) {
    (void)state;
    struct training t;
    lab_set(&lab, "paper.lambda5", "0");
    training_create(&lab, lab.source, "paper", 2, &t);
    assert_int_equal(t.penalty, NODE_NONE);
    training_destroy(&t);
}

/* ---- the teacher in the learner's own form ---- */

static void set_part(const struct training *t, char kind, size_t level, const char *part, const double *values) {
    char name[32];
    snprintf(name, sizeof name, "level%zu.%c.%s", level, kind, part);
    node found = graph_find(t->graph, name);
    if (found != NODE_NONE) program_set_parameter(t->program, found, values);
}

/* Columns of [rows, K] in the first columns of W [rows, M] and as K. */
static void set_columns(const struct training *t, size_t level, const char *part, size_t rows, const double *columns) {
    double wide[TRAINING_MAX_NUMBERS] = {0};
    for (size_t i = 0; i < rows; ++i)
        for (size_t j = 0; j < K; ++j) wide[i * M + j] = columns[i * K + j];
    set_part(t, 'W', level, part, wide);
    set_part(t, 'K', level, part, columns);
}

/*
 * Level l of a chain teacher, h_l = A x + C (G_{l-1} - shift) scale with weight coefficient in y, as W_l and K_l.
 * The expansion E_{l-1} = (R' h)^2 spans all quadratic forms of h_{l-1}, so G_{l-1} = E_{l-1} S with S by least
 * squares.
 */
static void set_level(const struct training *t, const struct teacher_net *net, size_t l, size_t rows) {
    const struct teacher_level *level = &net->levels[l];
    double factor = sqrt(level->coefficient / pow(0.3, (double)l - 1)), columns[TRAINING_MAX_NUMBERS] = {0},
           bias[TRAINING_MAX_WIDTH] = {0};
    for (size_t i = 0; i < D; ++i)
        for (size_t j = 0; j < K; ++j) columns[i * K + j] = factor * level->from_x.f64[j * D + i];
    set_columns(t, l, "x", D, columns);
    if (l == 1) return;
    const struct teacher_level *below = &net->levels[l - 1];
    double expansion[TRAINING_ROWS * TRAINING_MAX_WIDTH], features[TRAINING_ROWS * TRAINING_MAX_WIDTH],
        solved[TRAINING_MAX_NUMBERS];
    program_forward(t->program, TRAINING_ROWS, false);
    program_read(t->program, t->nodes.layers[l - 2], expansion);
    teacher_net_features(net, l - 1, TRAINING_ROWS, t->x, features);
    assert_int_equal(linalg_ridge(lab.ctx, TRAINING_ROWS, rows, K, expansion, features, 0, solved), STRATA_OK);
    memset(columns, 0, sizeof columns);
    for (size_t j = 0; j < K; ++j)
        for (size_t u = 0; u < K; ++u) {
            double weight = factor * level->from_below.f64[j * K + u] * below->scale[u];
            bias[j] -= weight * below->shift[u];
            for (size_t i = 0; i < rows; ++i) columns[i * K + j] += weight * solved[i * K + u];
        }
    set_columns(t, l, "expansion", rows, columns);
    set_columns(t, l, "bias", 1, bias);
}

/* Largest entry of all gradients after a forward and backward pass. */
static double largest_gradient(const struct training *t) {
    double gradient[TRAINING_MAX_NUMBERS], largest = 0;
    program_forward(t->program, TRAINING_ROWS, true);
    program_backward(t->program, NULL);
    for (size_t i = 0; i < program_parameter_count(t->program); ++i) {
        program_read_gradient(t->program, program_parameter(t->program, i), gradient);
        for (size_t k = 0; k < program_parameter_size(t->program, i); ++k) largest = fmax(largest, fabs(gradient[k]));
    }
    return largest;
}

/*
 * With K(K+1)/2 = 3 rows the least squares are a square system whose condition, squared in the normal equations,
 * is below 1e6 on these seven points; twice through them the output is right to 1e-8, the loss to 1e-16.
 */
static void teacher_is_a_zero_of_loss_and_gradient(void **state) {
    (void)state;
    for (size_t depth = 1; depth <= MAX_LEVELS; ++depth) {
        char text[2] = {(char)('0' + depth), 0};
        lab_set_all(&lab, (struct setting_pair[]){{"teacher.depth", text},
                                                  {"network.depth", text},
                                                  {"paper.expansion_rows", "3"},
                                                  {"paper.lambda3", "0.5"},
                                                  {"paper.lambda4", "0.5"},
                                                  {"paper.lambda5", "0.5"},
                                                  {NULL, NULL}});
        struct teacher *teacher;
        struct sample_source *source;
        struct training t;
        assert_int_equal(teacher_create(lab.ctx, lab.settings, 1, 1, &teacher), STRATA_OK);
        assert_int_equal(source_from_teacher(lab.ctx, teacher, 1, 1, 0, TASK_REGRESSION, &source), STRATA_OK);
        training_create(&lab, source, "paper", depth, &t);
        teacher_targets_f64(teacher, TRAINING_ROWS, t.x, t.y);
        const struct teacher_net *net = teacher_net_of(teacher);
        for (size_t l = 1; l <= depth; ++l) set_level(&t, net, l, 3);
        program_set_parameter(t.program, graph_find(t.graph, "output.bias"), &(double){-net->offset});
        double gradient = largest_gradient(&t), loss = program_scalar(t.program, t.loss);
        if (!(loss <= 1e-16 && gradient <= 1e-7)) fail_msg("depth %zu: loss %g, gradient %g", depth, loss, gradient);
        program_set_parameter(t.program, graph_find(t.graph, "output.bias"),
                              &(double){0.01 - net->offset}); /* a bias off by .01 is seen */
        gradient = largest_gradient(&t), loss = program_scalar(t.program, t.loss);
        assert_true(loss > 0.99e-4 && loss < 1.01e-4 && gradient > 0.01);
        training_destroy(&t);
        source_destroy(source);
        teacher_destroy(teacher);
    }
}

/* ---- sizes and faults ---- */

static void sizes_follow_the_settings(void **state) {
    (void)state;
    const struct {
        const char *narrow, *rows;
        size_t k, expansion;
    } cases[] = {{"0", "0", 2, 3}, {"3", "0", 3, 6}, {"0", "5", 2, 5}, {"1", "4", 1, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        lab_set(&lab, "paper.narrow_width", cases[i].narrow);
        lab_set(&lab, "paper.expansion_rows", cases[i].rows);
        struct learner *learner = lab_learner(&lab, "paper");
        size_t k = cases[i].k, rows = cases[i].expansion, levels = 2;
        assert_int_equal(learner->class_->layer_width(learner, 1), rows);
        assert_int_equal(learner->class_->parameter_count(learner),
                         1 + (levels * D + (levels - 1) * (rows + 1)) * (k + M));
        learner_destroy(learner);
    }
}

static void learner_without_a_teacher_is_refused(void **state) {
    (void)state;
    const struct setting *tables[] = {learner_settings, learner_paper.settings};
    struct settings *settings;
    struct learner *learner;
    assert_int_equal(settings_create(lab.ctx, 2, tables, &settings), STRATA_OK);
    struct learner_request request = lab_request(&lab);
    request.settings = settings;
    assert_int_equal(learner_create(lab.ctx, "paper", &request, &learner), STRATA_ERR_UNSUPPORTED);
    assert_null(learner);
    settings_destroy(settings);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(narrow_layer_is_the_best_part_of_the_wide_one, reset),
        cmocka_unit_test_setup(columns_past_the_rank_are_zero, reset),
        cmocka_unit_test_setup(stages_end_with_the_best_part_and_then_move_on, reset),
        cmocka_unit_test_setup(output_equals_plain_loops, reset),
        cmocka_unit_test_setup(penalty_equals_plain_loops, reset),
        cmocka_unit_test_setup(no_penalty_where_all_weights_are_zero, reset),
        cmocka_unit_test_setup(teacher_is_a_zero_of_loss_and_gradient, reset),
        cmocka_unit_test_setup(sizes_follow_the_settings, reset),
        cmocka_unit_test_setup(learner_without_a_teacher_is_refused, reset),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
