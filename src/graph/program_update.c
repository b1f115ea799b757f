/* SPDX-License-Identifier: MIT */
/* The update of a step: gradients of all shards summed in their order, clipped, made noisy, handed to the optimizer. */
#include <math.h>
#include <string.h>

#include "core/clones.h"
#include "graph/program_parts.h"

enum {
    CHUNK = 2048,       /* numbers that an update holds on the stack */
    NOISE_CHUNK = 256,  /* part of the results: draws are addressed by the chunk's first number */
    PARALLEL_BLOCKS = 4 /* fewer are not worth waking threads for */
};

struct update update_default(double learning_rate) {
    struct update update = {.learning_rate = learning_rate};
    for (size_t i = 0; i < sizeof update.group_scale / sizeof *update.group_scale; ++i) update.group_scale[i] = 1;
    return update;
}

/* Sums `count` squares in double, in eight fixed lanes that the compiler may vectorise. */
STRATA_CLONES static double square_sum(const void *values, size_t count, bool single) {
    double lanes[8] = {0};
    if (single) {
        const float *v = values;
        for (size_t i = 0; i + 8 <= count; i += 8)
            for (size_t k = 0; k < 8; ++k) lanes[k] += (double)v[i + k] * (double)v[i + k];
        for (size_t i = count / 8 * 8; i < count; ++i) lanes[0] += (double)v[i] * (double)v[i];
    } else {
        const double *v = values;
        for (size_t i = 0; i < count; ++i) lanes[i % 8] += v[i] * v[i];
    }
    double sum = 0;
    for (size_t k = 0; k < 8; ++k) sum += lanes[k];
    return sum;
}

STRATA_CLONES static void add_numbers(void *to, const void *from, size_t count, bool single) {
    if (single)
        for (size_t i = 0; i < count; ++i) ((float *)to)[i] += ((const float *)from)[i];
    else
        for (size_t i = 0; i < count; ++i) ((double *)to)[i] += ((const double *)from)[i];
}

/*
 * Numbers [begin, begin + count) of the gradient, summed over active shards in shard order into `sum`. The shards'
 * own numbers stay: writing them here would take their cache lines from the thread that writes them in every step.
 */
static void sum_gradients(const struct program *program, size_t begin, size_t count, void *sum) {
    bool first = true;
    for (size_t shard = 0; shard < program->options.shards; ++shard) {
        if (shard_empty(program, shard)) continue;
        const unsigned char *part = program->gradients + (shard * program->trainable + begin) * program->element;
        if (first)
            memcpy(sum, part, count * program->element);
        else
            add_numbers(sum, part, count, program->element == sizeof(float));
        first = false;
    }
    if (first) memset(sum, 0, count * program->element); /* no rows at all */
}

/* Squared norm of a block of the gradient. */
static void measure_block(struct program *program, size_t block, size_t begin, size_t end) {
    _Alignas(MEM_ALIGNMENT) double sum[CHUNK];
    program->norms[block] = 0;
    for (size_t count; begin < end; begin += count) {
        count = end - begin < CHUNK ? end - begin : CHUNK;
        sum_gradients(program, begin, count, sum);
        program->norms[block] += square_sum(sum, count, program->element == sizeof(float));
    }
}

static void add_noise(const struct program *program, size_t begin, size_t count, void *gradient) {
    struct rng_stream stream = rng_stream_sub(rng_stream_sub(program->options.stream, UINT64_MAX), program->steps_done);
    float noise[NOISE_CHUNK];
    for (size_t i = 0; i < count; i += NOISE_CHUNK) {
        size_t part = count - i < NOISE_CHUNK ? count - i : NOISE_CHUNK;
        rng_normal_f32(rng_stream_at(stream, begin + i), part, noise);
        for (size_t k = 0; k < part; ++k) {
            double add = program->update->noise * (double)noise[k] / program->gradient_scale;
            if (program->element == sizeof(float))
                ((float *)gradient)[i + k] += (float)add;
            else
                ((double *)gradient)[i + k] += add;
        }
    }
}

/* Moves the parameters [begin, begin + count), which lie within a segment, by the same numbers of `gradient`. */
static void move_parameters(struct program *program, const struct segment *segment, size_t begin, size_t count,
                            const void *gradient) {
    enum { MAX_SLOTS = 4 };
    void *slots[MAX_SLOTS];
    for (size_t s = 0; s < program->options.optimizer->slots; ++s)
        slots[s] = program->states + (s * program->trainable + begin) * program->element;
    struct optimizer_step step = {.number = program->steps_done,
                                  .weight_decay = program->update->weight_decay,
                                  .learning_rate = program->update->learning_rate *
                                                   program->update->group_scale[segment->group],
                                  .gradient_scale = program->gradient_scale};
    optimizer_update(program->options.optimizer, program->options.precision, &step, count,
                     program->block + begin * program->element, gradient, slots);
}

static void update_chunk(struct program *program, size_t begin, size_t end) {
    _Alignas(MEM_ALIGNMENT) double sum[CHUNK];
    const unsigned char *gradient = program->gradients + begin * program->element;
    if (program->options.shards > 1 || program->update->noise > 0) {
        sum_gradients(program, begin, end - begin, sum);
        if (program->update->noise > 0) add_noise(program, begin, end - begin, sum);
        gradient = (const unsigned char *)sum;
    }
    for (size_t i = 0; i < program->segment_count; ++i) {
        const struct segment *segment = &program->segments[i];
        size_t first = segment->begin > begin ? segment->begin : begin;
        size_t last = segment->begin + segment->count < end ? segment->begin + segment->count : end;
        if (first < last)
            move_parameters(program, segment, first, last - first, gradient + (first - begin) * program->element);
    }
}

static void update_block(struct program *program, size_t block, size_t begin, size_t end) {
    (void)block;
    for (size_t next; begin < end; begin = next) {
        next = end - begin < CHUNK ? end : begin + CHUNK;
        update_chunk(program, begin, next);
    }
}

/* A pass over all blocks: as many runs of blocks as threads, so that a thread meets the same ones in every step. */
struct block_pass {
    struct program *program;
    void (*run)(struct program *program, size_t block, size_t begin, size_t end);
    size_t blocks, parts;
};

static void run_part(void *user, size_t part, size_t worker) {
    const struct block_pass *pass = user;
    size_t trainable = pass->program->trainable;
    (void)worker;
    for (size_t block = pass->blocks * part / pass->parts; block < pass->blocks * (part + 1) / pass->parts; ++block) {
        size_t begin = block * UPDATE_BLOCK;
        pass->run(pass->program, block, begin, trainable - begin < UPDATE_BLOCK ? trainable : begin + UPDATE_BLOCK);
    }
}

static void run_blocks(struct block_pass *pass,
                       void (*run)(struct program *program, size_t block, size_t begin, size_t end)) {
    pass->run = run;
    thread_pool_run(pass->program->options.pool, pass->parts, run_part, pass);
}

double program_update(struct program *program, const struct update *update) {
    size_t blocks = (program->trainable + UPDATE_BLOCK - 1) / UPDATE_BLOCK;
    struct block_pass pass = {program, NULL, blocks, 1};
    if (blocks >= PARALLEL_BLOCKS) pass.parts = thread_pool_size(program->options.pool);
    double norm = 0;
    program->update = update;
    program->gradient_scale = 1;
    if (update->clip_norm > 0) {
        run_blocks(&pass, measure_block);
        for (size_t i = 0; i < blocks; ++i) norm += program->norms[i];
        norm = sqrt(norm);
        if (!isfinite(norm)) return norm;
        if (norm > update->clip_norm) program->gradient_scale = update->clip_norm / norm;
    }
    ++program->steps_done;
    run_blocks(&pass, update_block);
    return norm;
}
