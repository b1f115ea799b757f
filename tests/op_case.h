/* SPDX-License-Identifier: MIT */
/*
 * One op class on one set of inputs, called by hand: no graph, no program. Values cross as doubles and are
 * converted to the class's precision; every buffer has its exact size, so that sanitizers see overruns.
 */
#ifndef TESTS_OP_CASE_H
#define TESTS_OP_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "graph/op.h"

enum { CASE_NUMBERS = 4096 }; /* no value of a test is larger */

struct op_case {
    const struct op_class *op;
    enum precision precision;
    size_t input_count, rows, first_row, total_rows; /* live rows of a call; the batch has total_rows */
    bool training;
    struct op_attributes attributes;
    struct shape input_shapes[OP_MAX_INPUTS], output_shape;
    unsigned constant_inputs;
    double inputs[OP_MAX_INPUTS][CASE_NUMBERS];
};

static inline struct rng_stream test_stream(uint64_t index) {
    return rng_stream_at(rng_stream_make(7, 0, RNG_TEST), index);
}

/* Numbers of a value over `rows` rows. */
static inline size_t value_size(const struct shape *shape, size_t rows) {
    return shape->batched ? rows * shape_size(shape) : shape_size(shape);
}

static inline size_t input_size(const struct op_case *c, size_t i) { return value_size(&c->input_shapes[i], c->rows); }
static inline size_t output_size(const struct op_case *c) { return value_size(&c->output_shape, c->rows); }
static inline bool differentiable(const struct op_case *c, size_t i) { return !(c->constant_inputs >> i & 1); }
static inline double case_epsilon(const struct op_case *c) { return c->precision == PRECISION_F32 ? 0x1p-24 : 0x1p-53; }

/* Infers the output's shape; inputs are left to the caller. */
static inline struct op_case *case_of_shapes(const struct op_class *op, enum precision precision, size_t rows,
                                             size_t count, const struct shape *shapes,
                                             const struct op_attributes *attributes) {
    struct op_case *c = calloc(1, sizeof *c);
    const struct shape *pointers[OP_MAX_INPUTS];
    assert_non_null(c);
    c->op = op, c->precision = precision, c->input_count = count, c->rows = c->total_rows = rows, c->training = true;
    if (attributes) c->attributes = *attributes;
    for (size_t i = 0; i < count; ++i) {
        c->input_shapes[i] = shapes[i];
        pointers[i] = &c->input_shapes[i];
        assert_true(input_size(c, i) <= CASE_NUMBERS);
    }
    assert_int_equal(op->shape(NULL, &c->attributes, count, pointers, &c->output_shape), STRATA_OK);
    assert_true(output_size(c) <= CASE_NUMBERS);
    return c;
}

/* A probe's case: normal draws, adjusted, and rounded to float so that both precisions see the same numbers. */
static inline struct op_case *case_of(enum op_kind kind, enum precision precision, size_t rows, size_t count,
                                      const struct shape *shapes, const struct op_attributes *attributes) {
    return case_of_shapes(op_class_get(kind, precision), precision, rows, count, shapes, attributes);
}

static inline struct op_case *case_of_probe(const struct op_class *op, enum precision precision,
                                            const struct op_probe *probe, size_t rows) {
    struct op_case *c = case_of_shapes(op, precision, rows, probe->input_count, probe->inputs, &probe->attributes);
    c->constant_inputs = probe->constant_inputs;
    for (size_t i = 0; i < c->input_count; ++i) {
        rng_normal_f64(test_stream(i), input_size(c, i), c->inputs[i]);
        if (probe->adjust) probe->adjust(i, input_size(c, i), c->inputs[i]);
        for (size_t j = 0; j < input_size(c, i); ++j) c->inputs[i][j] = (double)(float)c->inputs[i][j];
    }
    return c;
}

/* ---- typed buffers ---- */

static inline void *typed_make(const struct op_case *c, size_t count, const double *values) {
    if (c->precision == PRECISION_F64) {
        double *buffer = malloc(count * sizeof *buffer);
        assert_non_null(buffer);
        /* the analyser loses sight of the count: NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign) */
        for (size_t i = 0; i < count; ++i) buffer[i] = values ? values[i] : NAN;
        return buffer;
    }
    float *buffer = malloc(count * sizeof *buffer);
    assert_non_null(buffer);
    /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign) */
    for (size_t i = 0; i < count; ++i) buffer[i] = values ? (float)values[i] : NAN;
    return buffer;
}

static inline void typed_read(const struct op_case *c, size_t count, const void *buffer, double *values) {
    for (size_t i = 0; i < count; ++i)
        values[i] = c->precision == PRECISION_F64 ? ((const double *)buffer)[i] : (double)((const float *)buffer)[i];
}

/* ---- calls ---- */

/* A call with NaN in its output; `poisoned` inputs hold NaN, to show that a rule does not read them. */
static inline struct op_call *call_open(struct op_case *c, bool poisoned) {
    struct op_call *call = calloc(1, sizeof *call);
    assert_non_null(call);
    call->attributes = &c->attributes;
    call->output_shape = &c->output_shape;
    call->input_count = c->input_count;
    call->rows = c->rows, call->total_rows = c->total_rows, call->first_row = c->first_row;
    call->training = c->training;
    call->stream = test_stream(99);
    for (size_t i = 0; i < c->input_count; ++i) {
        call->input_shapes[i] = &c->input_shapes[i];
        call->inputs[i] = typed_make(c, input_size(c, i), poisoned ? NULL : c->inputs[i]);
    }
    call->output = typed_make(c, output_size(c), NULL);
    call->scratch = mem_aligned(c->op->scratch ? c->op->scratch(call, c->rows) + 1 : 1);
    call->saved = mem_aligned(c->op->saved ? c->op->saved(call, c->rows) + 1 : 1);
    call->part_count = 1;
    call->part_size = c->op->part ? c->op->part(call) : 0;
    call->parts = mem_aligned(call->part_size + 1);
    call->prepared = mem_aligned(c->op->prepared_size + 1);
    if (c->op->prepare) c->op->prepare(call, c->rows);
    return call;
}

/* Forward, with the pass before it that some ops have. */
static inline void call_forward(const struct op_case *c, const struct op_call *call) {
    if (c->op->gather && c->training) c->op->gather(call);
    c->op->forward(call);
}

static inline void call_close(struct op_call *call) {
    for (size_t i = 0; i < call->input_count; ++i) {
        free((void *)(uintptr_t)call->inputs[i]);
        free((void *)(uintptr_t)call->input_tangents[i]);
    }
    free(call->output);
    free(call->output_tangent);
    free((void *)(uintptr_t)call->output_gradient);
    mem_free(call->scratch);
    mem_free(call->saved);
    mem_free(call->parts);
    mem_free(call->prepared);
    free(call);
}

static inline void case_forward(struct op_case *c, double *output) {
    struct op_call *call = call_open(c, false);
    call_forward(c, call);
    typed_read(c, output_size(c), call->output, output);
    call_close(call);
}

/* A call for tangent and backward: what the class does not declare as read is NaN. */
static inline struct op_call *call_after_forward(struct op_case *c) {
    struct op_call *call = call_open(c, !(c->op->reads & OP_READS_INPUTS));
    if (c->op->reads & OP_READS_OUTPUT) {
        double output[CASE_NUMBERS];
        case_forward(c, output);
        free(call->output);
        call->output = typed_make(c, output_size(c), output);
    }
    if (c->op->saved) {
        struct op_call *before = call_open(c, false);
        call_forward(c, before);
        memcpy(call->saved, before->saved, c->op->saved(call, c->rows));
        call_close(before);
    }
    return call;
}

/* tangents[i] NULL = zero. */
static inline void case_tangent(struct op_case *c, const double *const *tangents, double *output_tangent) {
    struct op_call *call = call_after_forward(c);
    for (size_t i = 0; i < c->input_count; ++i)
        if (tangents[i]) call->input_tangents[i] = typed_make(c, input_size(c, i), tangents[i]);
    call->output_tangent = typed_make(c, output_size(c), NULL);
    c->op->tangent(call);
    typed_read(c, output_size(c), call->output_tangent, output_tangent);
    call_close(call);
}

/* gradients[i] is in and out; NULL = not wanted; equal pointers share one buffer, as for a node used twice. */
static inline void case_backward(struct op_case *c, const double *output_gradient, double *const *gradients,
                                 const bool *keep) {
    struct op_call *call = call_after_forward(c);
    call->output_gradient = typed_make(c, output_size(c), output_gradient);
    for (size_t i = 0; i < c->input_count; ++i) {
        call->keep[i] = keep[i];
        if (!gradients[i]) continue;
        for (size_t j = 0; j < i; ++j)
            if (gradients[j] == gradients[i]) call->input_gradients[i] = call->input_gradients[j];
        if (!call->input_gradients[i]) call->input_gradients[i] = typed_make(c, input_size(c, i), gradients[i]);
    }
    if (c->op->gather_back && c->training) c->op->gather_back(call);
    c->op->backward(call);
    for (size_t i = 0; i < c->input_count; ++i)
        if (gradients[i]) typed_read(c, input_size(c, i), call->input_gradients[i], gradients[i]);
    for (size_t i = 0; i < c->input_count; ++i) {
        bool shared = false;
        for (size_t j = 0; j < i; ++j) shared |= call->input_gradients[j] == call->input_gradients[i];
        if (!shared) free(call->input_gradients[i]);
    }
    call_close(call);
}

/* Rows [begin, end) of a case as a case of their own; reducing ops still divide by the whole batch. */
static inline struct op_case *case_rows(const struct op_case *c, size_t begin, size_t end) {
    struct op_case *part = malloc(sizeof *part);
    assert_non_null(part);
    *part = *c;
    part->rows = end - begin;
    part->first_row = c->first_row + begin;
    for (size_t i = 0; i < c->input_count; ++i) {
        size_t width = shape_size(&c->input_shapes[i]);
        if (c->input_shapes[i].batched)
            memmove(part->inputs[i], part->inputs[i] + begin * width, part->rows * width * sizeof(double));
    }
    return part;
}

/* Fails with the op, precision, place and both numbers unless |found - expected| <= tolerance (false for NaN). */
static inline void check_close(const struct op_case *c, const char *what, size_t index, double found, double expected,
                               double tolerance) {
    if (!(fabs(found - expected) <= tolerance))
        fail_msg("%s f%d, first input width %zu: %s[%zu]: expected %.17g within %g, found %.17g", c->op->name,
                 c->precision == PRECISION_F32 ? 32 : 64, shape_size(&c->input_shapes[0]), what, index, expected,
                 tolerance, found);
}

static inline double largest(const double *values, size_t count) {
    double most = 0;
    for (size_t i = 0; i < count; ++i) most = fmax(most, fabs(values[i]));
    return most;
}

#endif
