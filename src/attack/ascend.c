/* SPDX-License-Identifier: MIT */
/* Projected gradient ascent from given points: what PGD, its randomly started forms and transfer share. */
#include <math.h>
#include <string.h>

#include "attack/attack.h"
#include "core/memory.h"

/* Rows on the way; those that break leave, and the others move up. */
struct walk {
    size_t count;
    uint32_t *rows, *labels, *aims; /* [count]: number in the block, label, class to reach */
    float *points, *gradients, *out;
    double *losses;
};

static void walk_destroy(struct walk *walk) {
    mem_free(walk->rows);
    mem_free(walk->labels);
    mem_free(walk->aims);
    mem_free(walk->points);
    mem_free(walk->gradients);
    mem_free(walk->out);
    mem_free(walk->losses);
}

static strata_status walk_create(strata_context *ctx, const struct attack_block *block, struct walk *walk) {
    size_t rows = block->rows;
    *walk = (struct walk){.rows = mem_zero(rows, sizeof(uint32_t)),
                          .labels = mem_zero(rows, sizeof(uint32_t)),
                          .aims = mem_zero(rows, sizeof(uint32_t)),
                          .points = mem_zero(rows * block->inputs, sizeof(float)),
                          .gradients = mem_zero(rows * block->inputs, sizeof(float)),
                          .out = mem_zero(rows * block->outputs, sizeof(float)),
                          .losses = mem_zero(rows, sizeof(double))};
    if (walk->rows && walk->labels && walk->aims && walk->points && walk->gradients && walk->out && walk->losses)
        return STRATA_OK;
    walk_destroy(walk);
    return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory to attack %zu rows", rows);
}

static void walk_begin(const struct attack_block *block, const uint32_t *aims, const float *starts,
                       const bool *standing, struct walk *walk) {
    for (size_t r = 0; r < block->rows; ++r) {
        if (!standing[r]) continue;
        walk->rows[walk->count] = (uint32_t)r;
        walk->labels[walk->count] = block->labels[r];
        walk->aims[walk->count] = aims ? aims[r] : 0;
        memcpy(walk->points + walk->count++ * block->inputs, starts + r * block->inputs, block->inputs * sizeof(float));
    }
}

/* Keeps the points that break or raise the loss; rows that broke leave. */
static void walk_look(const struct attack_block *block, struct walk *walk, bool *standing, double *best,
                      float *points) {
    size_t kept = 0, d = block->inputs;
    for (size_t i = 0; i < walk->count; ++i) {
        size_t row = walk->rows[i];
        bool broken = attack_broken(block->outputs, walk->out + i * block->outputs, walk->labels[i]);
        if (walk->losses[i] > best[row] || (broken && !block->exhaustive)) {
            best[row] = walk->losses[i];
            memcpy(points + row * d, walk->points + i * d, d * sizeof *points);
        }
        if (broken && !block->exhaustive) {
            standing[row] = false;
            continue;
        }
        if (kept < i) {
            walk->rows[kept] = walk->rows[i];
            walk->labels[kept] = walk->labels[i];
            walk->aims[kept] = walk->aims[i];
            memcpy(walk->points + kept * d, walk->points + i * d, d * sizeof(float));
            memcpy(walk->gradients + kept * d, walk->gradients + i * d, d * sizeof(float));
        }
        ++kept;
    }
    walk->count = kept;
}

static void mark_stuck(const struct attack_block *block, const struct walk *walk, bool *stuck) {
    for (size_t i = 0; i < walk->count; ++i) {
        const float *gradient = walk->gradients + i * block->inputs;
        bool moves = false;
        for (size_t j = 0; j < block->inputs && !moves; ++j) moves = gradient[j] != 0;
        block->counts->stuck_rows += !moves;
        stuck[walk->rows[i]] = !moves;
    }
}

strata_status attack_ascend(strata_context *ctx, const struct attack_block *block, const struct attack_loss *loss,
                            const uint32_t *aims, const float *starts, bool *standing, bool *stuck, double *best,
                            float *points) {
    const struct attack_options *options = block->options;
    double length = options->norm->step(options->steps) * options->epsilon;
    struct walk walk;
    strata_status status = STRATA_OK;
    STRATA_TRY(walk_create(ctx, block, &walk));
    walk_begin(block, aims, starts, standing, &walk);
    for (size_t step = 0; step < options->steps && walk.count > 0; ++step) {
        STRATA_GO(attack_gradient(ctx, block, loss, walk.count, walk.points, walk.labels, walk.aims, walk.losses,
                                  walk.gradients, walk.out));
        if (step == 0 && stuck) mark_stuck(block, &walk, stuck);
        walk_look(block, &walk, standing, best, points);
        for (size_t i = 0; i < walk.count; ++i)
            attack_step(block, block->x + walk.rows[i] * block->inputs, walk.gradients + i * block->inputs, length,
                        walk.points + i * block->inputs);
    }
    if (walk.count > 0) { /* the last iterate too */
        STRATA_GO(attack_evaluate(ctx, block, walk.count, walk.points, walk.out));
        for (size_t i = 0; i < walk.count; ++i)
            walk.losses[i] = loss->value(block->outputs, walk.out + i * block->outputs, walk.labels[i], walk.aims[i],
                                         NULL);
        walk_look(block, &walk, standing, best, points);
    }
cleanup:
    walk_destroy(&walk);
    return status;
}
