/* SPDX-License-Identifier: MIT */
/*
 * The inside of a program. program_plan.c makes it, with program_buffers.c and program_calls.c; program.c runs it,
 * program_update.c moves its parameters, program_access.c reads and writes its numbers.
 */
#ifndef GRAPH_PROGRAM_PARTS_H
#define GRAPH_PROGRAM_PARTS_H

#include "core/memory.h"
#include "graph/graph_nodes.h"
#include "graph/optimizer.h"
#include "graph/program.h"

#define NO_OFFSET SIZE_MAX

/* What the plan knows of a node. Offsets are bytes: of parameters into their block, else into a shard's region. */
struct slot {
    bool reached; /* by root or a kept node */
    bool wants_gradient;
    bool tracked; /* a parameter that an op rewrites: it never moves by gradients */
    size_t size;  /* numbers in a row, or in the whole of an unbatched node */
    size_t value, gradient, tangent;
    size_t fixed;      /* parameters: element index in the block; constants: byte offset */
    const void *bound; /* inputs */
    size_t step;       /* that computes it; NO_OFFSET: a leaf, or not reached */
    bool tangent_set;  /* leaves: the caller gave one; ops: some input has one */
};

/* One planned op: the same call on each shard. */
struct op_step {
    node output;
    const struct op_class *class_;
    bool backward; /* some input wants a gradient */
    bool fast_rows;
    size_t saved;            /* offset in a shard's saved bytes */
    size_t parts, part_size; /* offset of its parts in the program's, bytes of one */
    size_t recompute_at;     /* its output is computed again before that step goes backward; NO_OFFSET: never */
};

/* A run of parameters that share a group. */
struct segment {
    unsigned group;
    size_t begin, count;
};

struct program {
    const struct graph *graph;
    node root;
    struct program_options options;
    size_t element;        /* bytes of a number */
    size_t shard_rows;     /* planned rows of a shard */
    struct slot *slots;    /* [graph->count] */
    struct op_step *steps; /* [step_count] in forward order */
    size_t step_count;
    struct op_call *calls; /* [shards, step_count] */
    node *parameters;      /* trainable first, by group; then frozen */
    size_t parameter_count;
    size_t trainable, total; /* padded numbers in the block: trainable part, all */
    struct segment *segments;
    size_t segment_count;
    bool fast_rows; /* per-sample mode: every step has a fast rule */

    struct arena arena;
    unsigned char *block;     /* parameters [total] */
    unsigned char *gradients; /* [shards or rows, trainable] */
    unsigned char *states;    /* optimizer [slots, trainable] */
    unsigned char *constants;
    unsigned char *parameter_tangents; /* [total] */
    unsigned char *regions;            /* [shards, region_size] */
    unsigned char *scratch;            /* [shards, scratch_size] */
    unsigned char *saved;              /* [shards, saved_size] */
    unsigned char *parts;              /* of ops that mix rows: [parts_size] */
    unsigned char *prepared;
    double *norms; /* partial squared norms of update blocks */
    size_t region_size, scratch_size, saved_size, parts_size, constants_size, prepared_size, update_blocks;

    size_t rows; /* live rows of the last forward */
    size_t active_shards;
    bool training;
    const void *seed;
    size_t run_begin, run_end; /* steps of the running segment */
    double clip_norm;          /* of the running update */
    const struct update *update;
    double gradient_scale;
    uint64_t steps_done;
};

enum { UPDATE_BLOCK = 16384 }; /* numbers per job of an update */

static inline const struct graph_node *node_of(const struct program *program, node n) {
    return &program->graph->nodes[n];
}

static inline bool is_leaf(const struct graph_node *n) {
    return n->kind == OP_INPUT || n->kind == OP_PARAMETER || n->kind == OP_CONSTANT;
}

/* First row of a shard for `rows` live rows. */
static inline size_t shard_begin(const struct program *program, size_t rows, size_t shard) {
    return rows * shard / program->options.shards;
}

/* Fewer rows than shards leave some shards empty; those are the ones that begin where they end. */
static inline bool shard_empty(const struct program *program, size_t shard) {
    return shard_begin(program, program->rows, shard) == shard_begin(program, program->rows, shard + 1);
}

static inline unsigned char *region_of(const struct program *program, size_t shard) {
    return program->regions + shard * program->region_size;
}

/* ---- steps of planning ---- */

/* Offsets of values, gradients and tangents within a shard's region, and its size. */
STRATA_MUST_USE strata_status plan_buffers(strata_context *ctx, struct program *program);

/* Bytes that the calls and the constants want. */
void plan_measure_calls(struct program *program);

/* When the arena is there. */
void plan_fill_constants(struct program *program);
void plan_fill_calls(struct program *program);

/* ---- running ---- */

/* Address of a node's value on a shard (the shard's first row for bound inputs). */
const void *program_value(const struct program *program, size_t shard, node value);

#endif
