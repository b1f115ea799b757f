/* SPDX-License-Identifier: MIT */
/* Picture networks against PyTorch in float64: loss, logits, every parameter's gradient, and the running moments' work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "graph/program.h"
#include "learn/objective.h"
#include "model/picture_network.h"

/* Of tests/picture_golden.py. */
enum { ROWS = 4, CHANNELS = 2, SIDE = 8, CLASSES = 3, INPUTS = CHANNELS * SIDE * SIDE, MOST = 100 };

struct golden_gradient {
    const char *name;
    double sum;
};
#include "picture_golden.h"

static const struct golden {
    const char *family;
    size_t n;
    const struct golden_gradient *gradients;
    const double *logits;
    double loss, after;
} cases[] = {
#define CASE(name) \
    { #name, golden_n_##name, golden_##name, golden_logits_##name, golden_loss_##name, golden_after_##name }
    CASE(resnet), CASE(plain), CASE(preresnet), CASE(wide_resnet), CASE(vgg), CASE(densenet)};

static void check(const char *family, const char *what, double found, double expected) {
    if (!(fabs(found - expected) <= 1e-9 * (1 + fabs(expected))))
        fail_msg("%s: %s: expected %.12g, found %.12g", family, what, expected, found);
}

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* Number of a trained parameter in the order of names. */
static size_t number_of(const struct program *program, const char *name) {
    const char *names[MOST];
    size_t count = 0, at = 0;
    for (size_t i = 0; i < program_parameter_count(program); ++i)
        if (!program_parameter_tracked(program, i)) names[count++] = program_parameter_name(program, i);
    qsort(names, count, sizeof *names, by_name);
    while (strcmp(names[at], name) != 0) ++at;
    return at;
}

static void fill(struct program *program, const struct graph *graph) {
    for (size_t i = 0; i < program_parameter_count(program); ++i) {
        const char *name = program_parameter_name(program, i), *part = strrchr(name, '.') + 1;
        size_t count = program_parameter_size(program, i);
        struct shape shape = graph_shape(graph, program_parameter(program, i));
        double *values = mem_zero(count, sizeof *values);
        assert_non_null(values);
        bool tracked = program_parameter_tracked(program, i), weight = strcmp(part, "weight") == 0;
        double p = tracked ? 0 : (double)number_of(program, name);
        double fan_in = (double)(shape.rank == 4 ? count / shape.dims[0] : shape.dims[0]);
        for (size_t k = 0; k < count; ++k) {
            double x = (double)k;
            if (tracked)
                values[k] = strcmp(part, "variance") == 0;
            else if (weight)
                values[k] = (shape.rank == 4 ? sqrt(2) : 1) * cos(0.37 * x * x + p) / sqrt(fan_in);
            else
                values[k] = 0.1 * cos(x + p) + (strcmp(part, "scale") == 0);
        }
        program_set_parameter(program, program_parameter(program, i), values);
        mem_free(values);
    }
}

static double gradient_sum(const struct program *program, const struct graph *graph, const char *name) {
    node parameter = graph_find(graph, name);
    struct shape shape = graph_shape(graph, parameter);
    double *gradient = mem_zero(shape_size(&shape), sizeof *gradient), sum = 0;
    assert_non_null(gradient);
    program_read_gradient(program, parameter, gradient);
    for (size_t k = 0; k < shape_size(&shape); ++k) sum += gradient[k] * cos(0.7 * (double)k);
    mem_free(gradient);
    return sum;
}

static void check_case(strata_context *ctx, const struct golden *golden) {
    double x[ROWS * INPUTS], y[ROWS], logits[ROWS * CLASSES];
    struct picture_request request = {.channels = CHANNELS,
                                      .height = SIDE,
                                      .width = SIDE,
                                      .classes = CLASSES,
                                      .family = golden->family,
                                      .base_channels = 4,
                                      .widen = 2,
                                      .growth = 3};
    for (size_t i = 0; i < picture_family_count; ++i)
        if (strcmp(picture_families[i].name, golden->family) == 0)
            request.depth = picture_families[i].step * golden->n + picture_families[i].offset;
    struct picture_network network;
    struct network_nodes nodes = {0};
    struct graph *graph;
    struct program *program;
    if (picture_describe(ctx, &request, &network) != STRATA_OK) fail_msg("%s", strata_context_message(ctx));
    assert_int_equal(graph_create(ctx, &graph), STRATA_OK);
    const struct network_view view = {.layers = network.unit_count, .last_readout = true};
    assert_int_equal(picture_build(&network, &view, graph, &nodes), STRATA_OK);
    node target = graph_input(graph, "target", shape_rows(1));
    node loss = objective_node(graph, TASK_MULTICLASS, 0, nodes.output, target);
    graph_keep(graph, nodes.output);
    struct program_options options = program_options_default();
    options.precision = PRECISION_F64, options.rows = ROWS, options.gradients = true;
    if (program_create(ctx, graph, loss, &options, &program) != STRATA_OK) fail_msg("%s", strata_context_message(ctx));
    fill(program, graph);
    for (size_t i = 0; i < ROWS * INPUTS; ++i) x[i] = cos(0.11 * (double)i * (double)i);
    for (size_t i = 0; i < ROWS; ++i) y[i] = (double)(i % CLASSES);
    program_bind(program, nodes.input, x);
    program_bind(program, target, y);
    program_forward(program, ROWS, true);
    program_backward(program, NULL);
    program_read(program, nodes.output, logits);
    check(golden->family, "loss", program_scalar(program, loss), golden->loss);
    for (size_t i = 0; i < ROWS * CLASSES; ++i) check(golden->family, "logit", logits[i], golden->logits[i]);
    size_t count = 0;
    for (const struct golden_gradient *g = golden->gradients; g->name; ++g, ++count)
        check(golden->family, g->name, gradient_sum(program, graph, g->name), g->sum);
    for (size_t i = 0; i < program_parameter_count(program); ++i) count -= !program_parameter_tracked(program, i);
    assert_int_equal(count, 0); /* no parameter is without a golden value */
    program_forward(program, ROWS, false);
    program_read(program, nodes.output, logits);
    check(golden->family, "logit in evaluation mode", logits[CLASSES + 2], golden->after);
    program_destroy(program);
    graph_destroy(graph);
}

static void families_agree_with_pytorch(void **state) {
    (void)state;
    strata_context *ctx;
    assert_int_equal(strata_context_create(&ctx), STRATA_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) check_case(ctx, &cases[i]);
    strata_context_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(families_agree_with_pytorch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
