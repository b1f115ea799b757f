/* SPDX-License-Identifier: MIT */
/*
 * What an op is. One file in graph/ops/ per op, written once over `real` and compiled for each
 * precision and instruction set; its class is the last thing in the file:
 *
 *     const struct op_class OP_CLASS(relu) = { .name = "relu", ... };
 */
#ifndef GRAPH_OP_H
#define GRAPH_OP_H

#include "graph/graph.h"

/** Everything one invocation sees. Pointers of batched values are at the shard's first row. */
struct op_call {
    const struct op_attributes *attributes;
    const struct shape *input_shapes[OP_MAX_INPUTS];
    const struct shape *output_shape;
    size_t input_count;
    size_t rows;       /* live rows of this call, <= planned rows; 0 never happens */
    size_t total_rows; /* live rows of the whole batch over all shards: what `mean` divides by */
    size_t first_row;  /* index of this call's first row in the batch: addresses dropout masks */
    bool training;
    struct rng_stream stream; /* of this node and step */

    const void *inputs[OP_MAX_INPUTS];
    void *output; /* written by forward; readable in tangent and backward */

    const void *input_tangents[OP_MAX_INPUTS]; /* NULL = zero */
    void *output_tangent;                      /* tangent overwrites it */

    const void *output_gradient;
    void *input_gradients[OP_MAX_INPUTS]; /* NULL = not wanted */
    bool keep[OP_MAX_INPUTS];             /* true: add to what is there; false: overwrite it */

    void *scratch; /* class->scratch bytes, MEM_ALIGNMENT aligned */
    void *saved;   /* class->saved bytes of this node and shard: forward writes them, the other rules read them */
    /*
     * Of ops that mix rows in training: [part_count] parts of class->part bytes, one a shard, this call's being number
     * `part`; those of shards without rows are zero.
     */
    unsigned char *parts;
    size_t part, part_count, part_size;
    void *prepared; /* what class->prepare made for this node and shard size, or NULL */
};

/** What backward and tangent read, so that the planner knows how long a value lives. */
enum op_reads { OP_READS_INPUTS = 1, OP_READS_OUTPUT = 2 };

struct op_class {
    const char *name;
    const char *formula; /* one line, for documentation: "y = max(x, 0)" */
    unsigned min_inputs, max_inputs;
    unsigned reads;      /* op_reads of backward */
    bool mixes_rows;     /* in training a row's output depends on other rows: see program_options.per_sample */
    unsigned tracks;     /* bit i: input i is a parameter that forward rewrites in training; it gets no gradient */
    bool reduces_rows;   /* batched in, unbatched out (sum, mean): summed over shards by the executor */
    bool stops_gradient; /* nothing flows back */
    bool draws;          /* reads call->stream while training */

    /** Checks input shapes and attributes and infers the output's; allocates nothing. */
    strata_status (*shape)(strata_context *ctx, const struct op_attributes *attributes, size_t count,
                           const struct shape *const *inputs, struct shape *output);

    /** Optional: bytes of scratch for a call of at most `rows` rows. */
    size_t (*scratch)(const struct op_call *planned, size_t rows);

    /** Optional: bytes that forward leaves for tangent and backward, for a call of at most `rows` rows. */
    size_t (*saved)(const struct op_call *planned, size_t rows);

    /**
     * Of ops that mix rows in training: bytes of a shard's part, and what fills it before forward and before backward.
     * Both rules then read the parts of all shards. Without them such an op takes one shard.
     */
    size_t (*part)(const struct op_call *planned);
    void (*gather)(const struct op_call *call);
    void (*gather_back)(const struct op_call *call);

    /** Optional: choices made once per plan (which GEMM, which kernel); `prepared_size` bytes, zeroed, are given. */
    size_t prepared_size;
    void (*prepare)(struct op_call *planned, size_t rows);

    void (*forward)(const struct op_call *call);
    /** Optional, of cheap ops: the output once more, from inputs and `saved`, with equal bits and no effect. */
    void (*recompute)(const struct op_call *call);
    /** Directional derivative (JVP): output_tangent = sum_i d output / d input_i * input_tangents[i]. */
    void (*tangent)(const struct op_call *call);
    /** Vector-Jacobian product: adds (keep) or writes into every wanted input_gradients[i]. */
    void (*backward)(const struct op_call *call);
    /**
     * Optional fast rule of the per-sample mode: like backward, but the gradient of an unbatched
     * input i has one block per row: input_gradients[i] + row * stride[i] (elements), overwritten or kept.
     * Without it the executor replays backward row by row.
     */
    void (*backward_rows)(const struct op_call *call, const size_t *stride);

    /**
     * Inputs for the generic check: fills input i (`count` elements) from normal draws in `values`,
     * moving them off kinks or into the domain; labels become valid labels. NULL entry is refused by the test.
     * `sample` is a list of shape settings to test, see op_probe_case.
     */
    const struct op_probe *probe;
};

/** One case of the generic check: input shapes, attributes, and how to turn normal draws into valid inputs. */
struct op_probe {
    size_t input_count;
    struct shape inputs[OP_MAX_INPUTS];
    struct op_attributes attributes;
    unsigned constant_inputs;                                   /* bit i: input i is not differentiated (labels) */
    void (*adjust)(size_t input, size_t count, double *values); /* NULL: normal draws as they are */
    const struct op_probe *next;
};

extern const char *const op_names[OP_COUNT];

/* Instruction sets that op files are compiled for; on other machines only the base exists. */
enum op_variant { OP_VARIANT_BASE, OP_VARIANT_V3 /* AVX2, FMA */, OP_VARIANT_V4 /* AVX-512 */ };
enum op_variant op_variant_best(void);
/** The class of one variant, NULL when it was not built; running one that the CPU lacks is an illegal instruction. */
const struct op_class *op_class_variant(enum op_kind kind, enum precision precision, enum op_variant variant);

/**
 * The class of an op for a precision, from the variant for this CPU. Input, parameter and constant have none (NULL).
 */
const struct op_class *op_class_get(enum op_kind kind, enum precision precision);

#endif
