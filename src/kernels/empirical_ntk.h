/* SPDX-License-Identifier: MIT */
/*
 * The tangent kernel of any planned graph at its present weights: K = J J', J the derivatives of all outputs of all
 * rows by all parameters. Dense networks have a faster way, dense_ntk.h.
 */
#ifndef KERNELS_EMPIRICAL_NTK_H
#define KERNELS_EMPIRICAL_NTK_H

#include "graph/graph.h"
#include "graph/program.h"

/** What of the [n outputs, m outputs] kernel is wanted. */
enum ntk_part {
    NTK_FULL,        /* [n outputs, m outputs], outputs fastest */
    NTK_BLOCK_TRACE, /* [n, m]: mean over outputs of the diagonal blocks */
    NTK_OUTPUT       /* [n, m]: of one output */
};

/** Programs over one graph, in float64. */
struct empirical_ntk;

/**
 * @param graph   borrowed for the kernel's life; batch normalisation takes its running moments.
 * @param input   its one batched input; @param output a batched node.
 * @param rows    planned batch: rows whose derivatives are held at once.
 * @param memory_limit  bytes that derivatives may take; 0: any.
 * Errors: TOO_LARGE (over the limit, with both figures), those of program_create.
 */
STRATA_MUST_USE strata_status empirical_ntk_create(strata_context *ctx, const struct graph *graph, node input,
                                                   node output, size_t rows, size_t memory_limit,
                                                   struct empirical_ntk **ntk);
void empirical_ntk_destroy(struct empirical_ntk *ntk);

/** All parameters in the program's order. */
size_t empirical_ntk_parameter_count(const struct empirical_ntk *ntk);
/** Arrays of parameters, tracked ones among them, and their names. */
size_t empirical_ntk_arrays(const struct empirical_ntk *ntk);
const char *empirical_ntk_array_name(const struct empirical_ntk *ntk, size_t number);
void empirical_ntk_set_parameter(struct empirical_ntk *ntk, const char *name, const double *values);

/** J of one output: [n, parameters]. x [n, inputs]. */
void empirical_ntk_jacobian(struct empirical_ntk *ntk, size_t output, size_t n, const double *x, double *jacobian);

/**
 * The kernel between x [n, inputs] and z [m, inputs]; `output` is read for NTK_OUTPUT alone. Errors: ARGUMENT,
 * MEMORY.
 */
STRATA_MUST_USE strata_status empirical_ntk_gram(strata_context *ctx, struct empirical_ntk *ntk, enum ntk_part part,
                                                 size_t output, size_t n, const double *x, size_t m, const double *z,
                                                 double *out);

/** K(x, x) v for v [n, outputs], into out: a product with J', then one with J, and neither is formed. */
STRATA_MUST_USE strata_status empirical_ntk_apply(strata_context *ctx, struct empirical_ntk *ntk, size_t n,
                                                  const double *x, const double *v, double *out);

#endif
