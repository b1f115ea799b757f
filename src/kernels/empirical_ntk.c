/* SPDX-License-Identifier: MIT */
#include "kernels/empirical_ntk.h"

#include <assert.h>
#include <string.h>

#include "core/memory.h"
#include "linalg/linalg.h"

struct empirical_ntk {
    const struct graph *graph;
    node input, output;
    size_t rows, inputs, outputs, parameters;
    struct program *samples; /* per-sample gradients */
    struct program *pushes;  /* gradients and tangents */
    double *seed;            /* [rows, outputs] */
    double *padded;          /* [rows, inputs] */
    double *direction;       /* [parameters] */
};

static strata_status programs_create(strata_context *ctx, struct empirical_ntk *ntk) {
    struct program_options options = program_options_default();
    options.precision = PRECISION_F64;
    options.rows = ntk->rows;
    options.per_sample = true;
    STRATA_TRY(program_create(ctx, ntk->graph, ntk->output, &options, &ntk->samples));
    options.per_sample = false;
    options.gradients = true;
    options.tangents = true;
    return program_create(ctx, ntk->graph, ntk->output, &options, &ntk->pushes);
}

static strata_status buffers_create(strata_context *ctx, struct empirical_ntk *ntk, size_t memory_limit) {
    for (size_t i = 0; i < program_parameter_count(ntk->samples); ++i)
        ntk->parameters += program_parameter_size(ntk->samples, i);
    size_t bytes = ntk->rows * ntk->parameters * sizeof(double);
    if (memory_limit && bytes > memory_limit)
        return strata_fail(ctx, STRATA_ERR_TOO_LARGE,
                           "tangent kernel: derivatives of %zu rows by %zu parameters take %zu MB of the %zu allowed: "
                           "expected fewer rows at a time",
                           ntk->rows, ntk->parameters, bytes >> 20, memory_limit >> 20);
    ntk->seed = mem_zero(ntk->rows * ntk->outputs, sizeof(double));
    ntk->padded = mem_zero(ntk->rows * ntk->inputs, sizeof(double));
    ntk->direction = mem_zero(ntk->parameters, sizeof(double));
    return ntk->seed && ntk->padded && ntk->direction
             ? STRATA_OK
             : strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a tangent kernel of %zu parameters",
                           ntk->parameters);
}

strata_status empirical_ntk_create(strata_context *ctx, const struct graph *graph, node input, node output, size_t rows,
                                   size_t memory_limit, struct empirical_ntk **ntk) {
    struct empirical_ntk *self = mem_zero(1, sizeof *self);
    *ntk = NULL;
    if (!self) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a tangent kernel");
    struct shape in = graph_shape(graph, input), out = graph_shape(graph, output);
    *self = (struct empirical_ntk){.graph = graph,
                                   .input = input,
                                   .output = output,
                                   .rows = rows,
                                   .inputs = shape_size(&in),
                                   .outputs = shape_size(&out)};
    strata_status status = programs_create(ctx, self);
    if (status == STRATA_OK) status = buffers_create(ctx, self, memory_limit);
    if (status != STRATA_OK) {
        empirical_ntk_destroy(self);
        return status;
    }
    *ntk = self;
    return STRATA_OK;
}

void empirical_ntk_destroy(struct empirical_ntk *ntk) {
    if (!ntk) return;
    program_destroy(ntk->samples);
    program_destroy(ntk->pushes);
    mem_free(ntk->seed);
    mem_free(ntk->padded);
    mem_free(ntk->direction);
    mem_free(ntk);
}

size_t empirical_ntk_parameter_count(const struct empirical_ntk *ntk) { return ntk->parameters; }

size_t empirical_ntk_arrays(const struct empirical_ntk *ntk) { return program_parameter_count(ntk->samples); }

const char *empirical_ntk_array_name(const struct empirical_ntk *ntk, size_t number) {
    return program_parameter_name(ntk->samples, number);
}

void empirical_ntk_set_parameter(struct empirical_ntk *ntk, const char *name, const double *values) {
    node parameter = graph_find(ntk->graph, name);
    assert(parameter != NODE_NONE);
    program_set_parameter(ntk->samples, parameter, values);
    program_set_parameter(ntk->pushes, parameter, values);
}

/* ---- derivatives */

/* One row's derivatives by all parameters, side by side. */
static void read_row(const struct empirical_ntk *ntk, size_t row, double *jacobian) {
    for (size_t i = 0; i < program_parameter_count(ntk->samples); ++i) {
        program_read_sample_gradient(ntk->samples, program_parameter(ntk->samples, i), row, jacobian);
        jacobian += program_parameter_size(ntk->samples, i);
    }
}

void empirical_ntk_jacobian(struct empirical_ntk *ntk, size_t output, size_t n, const double *x, double *jacobian) {
    assert(output < ntk->outputs);
    for (size_t i = 0; i < ntk->rows * ntk->outputs; ++i) ntk->seed[i] = i % ntk->outputs == output;
    for (size_t first = 0; first < n; first += ntk->rows) {
        size_t rows = n - first < ntk->rows ? n - first : ntk->rows;
        memcpy(ntk->padded, x + first * ntk->inputs, rows * ntk->inputs * sizeof *x);
        program_bind(ntk->samples, ntk->input, ntk->padded);
        program_forward(ntk->samples, rows, false);
        program_backward(ntk->samples, ntk->seed);
        for (size_t i = 0; i < rows; ++i) read_row(ntk, i, jacobian + (first + i) * ntk->parameters);
    }
}

/* ---- the kernel, block by block of rows, output by output */

struct blocks {
    enum ntk_part part;
    size_t n, m, outputs;
    double *a, *b; /* [rows, parameters] */
    double *product;
    double *out;
};

static void block_add(const struct empirical_ntk *ntk, const struct blocks *w, size_t i, size_t rows, size_t j,
                      size_t columns, size_t out_a, size_t out_b) {
    size_t p = ntk->parameters, c = w->outputs;
    linalg_gemm_f64(AS_IS, TRANSPOSED, rows, columns, p, 1.0, w->a, p, w->b, p, 0.0, w->product, columns);
    for (size_t r = 0; r < rows; ++r)
        for (size_t k = 0; k < columns; ++k) {
            double value = w->product[r * columns + k];
            if (w->part == NTK_FULL)
                w->out[((i + r) * c + out_a) * w->m * c + (j + k) * c + out_b] = value;
            else
                w->out[(i + r) * w->m + j + k] += value / (w->part == NTK_BLOCK_TRACE ? (double)c : 1);
        }
}

static void gram_rows(struct empirical_ntk *ntk, const struct blocks *w, size_t out_a, size_t i, size_t rows,
                      const double *x, const double *z) {
    empirical_ntk_jacobian(ntk, out_a, rows, x + i * ntk->inputs, w->a);
    for (size_t j = 0; j < w->m; j += ntk->rows) {
        size_t columns = w->m - j < ntk->rows ? w->m - j : ntk->rows;
        for (size_t out_b = 0; out_b < ntk->outputs; ++out_b) {
            if (w->part != NTK_FULL && out_b != out_a) continue;
            empirical_ntk_jacobian(ntk, out_b, columns, z + j * ntk->inputs, w->b);
            block_add(ntk, w, i, rows, j, columns, out_a, out_b);
        }
    }
}

strata_status empirical_ntk_gram(strata_context *ctx, struct empirical_ntk *ntk, enum ntk_part part, size_t output,
                                 size_t n, const double *x, size_t m, const double *z, double *out) {
    size_t c = ntk->outputs, cells;
    if (part == NTK_OUTPUT && output >= c)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "tangent kernel: output %zu of %zu", output, c);
    STRATA_TRY(mem_product(ctx, ntk->rows, ntk->parameters, "tangent kernel", &cells));
    struct blocks work = {.part = part,
                          .n = n,
                          .m = m,
                          .outputs = c,
                          .a = mem_zero(cells, sizeof(double)),
                          .b = mem_zero(cells, sizeof(double)),
                          .product = mem_zero(ntk->rows * ntk->rows, sizeof(double)),
                          .out = out};
    bool whole = work.a && work.b && work.product;
    if (whole && part != NTK_FULL) memset(out, 0, n * m * sizeof *out);
    for (size_t o = 0; whole && o < c; ++o)
        for (size_t i = 0; i < n && (part != NTK_OUTPUT || o == output); i += ntk->rows)
            gram_rows(ntk, &work, o, i, n - i < ntk->rows ? n - i : ntk->rows, x, z);
    mem_free(work.a);
    mem_free(work.b);
    mem_free(work.product);
    return whole
             ? STRATA_OK
             : strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for derivatives by %zu parameters", ntk->parameters);
}

/* ---- products without the Jacobian */

static void pull(struct empirical_ntk *ntk, size_t rows, const double *x, const double *v) {
    memcpy(ntk->padded, x, rows * ntk->inputs * sizeof *x);
    memcpy(ntk->seed, v, rows * ntk->outputs * sizeof *v);
    program_bind(ntk->pushes, ntk->input, ntk->padded);
    program_forward(ntk->pushes, rows, false);
    program_backward(ntk->pushes, ntk->seed);
}

static void push(struct empirical_ntk *ntk, size_t rows, const double *x, double *out) {
    memcpy(ntk->padded, x, rows * ntk->inputs * sizeof *x);
    program_bind(ntk->pushes, ntk->input, ntk->padded);
    program_forward(ntk->pushes, rows, false);
    program_tangent(ntk->pushes);
    program_read_tangent(ntk->pushes, ntk->output, out);
}

strata_status empirical_ntk_apply(strata_context *ctx, struct empirical_ntk *ntk, size_t n, const double *x,
                                  const double *v, double *out) {
    double *gradient = mem_zero(ntk->parameters + 1, sizeof *gradient);
    if (!gradient) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu parameters", ntk->parameters);
    memset(ntk->direction, 0, ntk->parameters * sizeof *ntk->direction);
    size_t count = program_parameter_count(ntk->pushes);
    for (size_t first = 0; first < n; first += ntk->rows) {
        size_t rows = n - first < ntk->rows ? n - first : ntk->rows, offset = 0;
        pull(ntk, rows, x + first * ntk->inputs, v + first * ntk->outputs);
        for (size_t i = 0; i < count; offset += program_parameter_size(ntk->pushes, i++)) {
            program_read_gradient(ntk->pushes, program_parameter(ntk->pushes, i), gradient);
            for (size_t k = 0; k < program_parameter_size(ntk->pushes, i); ++k)
                ntk->direction[offset + k] += gradient[k];
        }
    }
    program_set_tangent(ntk->pushes, ntk->input, NULL);
    for (size_t i = 0, offset = 0; i < count; offset += program_parameter_size(ntk->pushes, i++))
        program_set_tangent(ntk->pushes, program_parameter(ntk->pushes, i), ntk->direction + offset);
    for (size_t first = 0; first < n; first += ntk->rows) {
        size_t rows = n - first < ntk->rows ? n - first : ntk->rows;
        push(ntk, rows, x + first * ntk->inputs, out + first * ntk->outputs);
    }
    mem_free(gradient);
    return STRATA_OK;
}
