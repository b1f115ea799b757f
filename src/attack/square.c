/* SPDX-License-Identifier: MIT */
/*
 * Square attack: random search that changes one square of a picture at a time and keeps what lowers the margin. No
 * derivative is used, so that it sees through masked gradients. The square's side is round(sqrt(p h w)), p falling
 * from .8 by halves on a schedule of the queries.
 *
 *   l-infinity  starts from vertical stripes of +-epsilon and adds +-2 epsilon a channel inside the square, projected;
 *   l2          starts from tiles of a pseudo-Gaussian pattern and moves the mass of one square to another, where it
 *               adds such a pattern with new signs; rescaled to epsilon.
 *
 * Rows that are no pictures have no neighbours: the square becomes a random set of p d coordinates with a sign each.
 * Source: Andriushchenko et al. 2020, with the constants of its reference implementation.
 */
#include <math.h>
#include <string.h>

#include "attack/attack.h"
#include "core/memory.h"

enum { LEAST_SIDE = 3, TILES = 5, WORDS = 16 }; /* tiles a side of the first l2 point */
static const double FIRST_SHARE = 0.8, TINY = 1e-12;

struct shape {
    size_t channels, height, width;
    bool picture;
};

static struct shape shape_of(const struct attack_block *block) {
    const size_t *picture = block->target->picture;
    if (picture[0] * picture[1] * picture[2] == block->inputs)
        return (struct shape){picture[0], picture[1], picture[2], true};
    return (struct shape){block->inputs, 1, 1, false};
}

/* Share of the coordinates that query number `query` changes. */
static double share_at(size_t query, size_t queries) {
    static const double halvings[] = {10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000}; /* of 10000 */
    double place = (double)query / (double)queries * 10000, share = FIRST_SHARE;
    for (size_t i = 0; i < sizeof halvings / sizeof *halvings; ++i)
        if (place > halvings[i]) share /= 2;
    return share;
}

/* What one row's query draws from. */
struct draw {
    struct rng_stream stream;
    size_t used;
    uint32_t words[WORDS];
};

static uint32_t bits(struct draw *draw) {
    if (draw->used % WORDS == 0) rng_bits(draw->stream, draw->used, WORDS, draw->words);
    return draw->words[draw->used++ % WORDS];
}

static size_t below(struct draw *draw, size_t count) { return (size_t)((uint64_t)bits(draw) * count >> 32); }

static float sign(struct draw *draw) { return bits(draw) & 1 ? 1.f : -1.f; }

/* ---- l-infinity ---- */

/* `delta` [inputs] out, in units of epsilon. */
static void stripes(const struct shape *shape, struct draw *draw, double *delta) {
    for (size_t c = 0; c < shape->channels; ++c)
        for (size_t j = 0; j < shape->width; ++j) {
            double value = (double)sign(draw);
            for (size_t i = 0; i < shape->height; ++i) delta[(c * shape->height + i) * shape->width + j] = value;
        }
}

static size_t limit(size_t value, size_t least, size_t most) {
    return value < least ? least : value < most ? value : most;
}

static size_t side_at(const struct shape *shape, double share, size_t least) {
    size_t most = shape->height < shape->width ? shape->height : shape->width;
    double side = round(sqrt(share * (double)(shape->height * shape->width)));
    return limit((size_t)side, least, most > least ? most - 1 : least);
}

static void change_square(const struct shape *shape, double share, struct draw *draw, double *delta) {
    size_t side = side_at(shape, share, 1);
    size_t top = below(draw, shape->height - side + 1), left = below(draw, shape->width - side + 1);
    for (size_t c = 0; c < shape->channels; ++c) {
        double change = 2 * (double)sign(draw);
        for (size_t i = top; i < top + side; ++i)
            for (size_t j = left; j < left + side; ++j) {
                double *value = &delta[(c * shape->height + i) * shape->width + j];
                *value = fmin(fmax(*value + change, -1), 1);
            }
    }
}

static size_t set_size(const struct shape *shape, double share, size_t most) {
    return limit((size_t)round(share * (double)shape->channels), 1, most);
}

/* The first `count` of `order` [channels] become a random set. */
static void draw_set(const struct shape *shape, size_t count, struct draw *draw, uint32_t *order) {
    for (size_t i = 0; i < shape->channels; ++i) order[i] = (uint32_t)i;
    for (size_t i = 0; i < count; ++i) {
        size_t other = i + below(draw, shape->channels - i);
        uint32_t kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
}

static void change_set(const struct shape *shape, double share, struct draw *draw, uint32_t *order, double *delta) {
    size_t count = set_size(shape, share, shape->channels);
    draw_set(shape, count, draw, order);
    for (size_t i = 0; i < count; ++i) {
        double *value = &delta[order[i]];
        *value = fmin(fmax(*value + 2 * (double)sign(draw), -1), 1);
    }
}

/* ---- l2 ---- */

static double square_of(size_t count, const double *values) {
    double sum = 0;
    for (size_t i = 0; i < count; ++i) sum += values[i] * values[i];
    return sum;
}

static void scale_to_one(size_t count, double *delta) {
    double length = sqrt(square_of(count, delta));
    for (size_t j = 0; length > 0 && j < count; ++j) delta[j] /= length;
}

/* Squares around the centre, the k-th adding 1 / (k + 1)^2 to what lies inside: value at (i, j) of height x width. */
static double bump(size_t height, size_t width, size_t i, size_t j) {
    size_t down = i > height / 2 ? i - height / 2 : height / 2 - i;
    size_t right = j > width / 2 ? j - width / 2 : width / 2 - j;
    size_t rings = (height > width ? height : width) / 2 + 1;
    double sum = 0;
    for (size_t k = down > right ? down : right; k < rings; ++k) sum += 1 / (double)((k + 1) * (k + 1));
    return sum;
}

/* `pattern` [side, side] of length 1: a bump in the upper half, one turned down in the lower. */
static void draw_pattern(size_t side, double *pattern) {
    size_t half = side / 2;
    for (size_t i = 0; i < side; ++i)
        for (size_t j = 0; j < side; ++j)
            pattern[i * side + j] = i < half ? bump(half, side, i, j) : -bump(side - half, side, i - half, j);
    scale_to_one(half * side, pattern);
    scale_to_one((side - half) * side, pattern + half * side);
    scale_to_one(side * side, pattern);
}

static double pattern_at(const double *pattern, size_t side, bool turned, size_t i, size_t j) {
    return pattern[turned ? j * side + i : i * side + j];
}

/* Lengths of one channel of delta inside a square, its mass to be moved. */
struct window {
    size_t top, left, side;
};

static bool inside(const struct window *window, size_t i, size_t j) {
    return i - window->top < window->side && j - window->left < window->side; /* wraps below top and left */
}

static size_t tile_side(const struct shape *shape) {
    size_t side = (shape->height < shape->width ? shape->height : shape->width) / TILES;
    return side ? side : 1;
}

static void tiles(const struct shape *shape, const double *pattern, struct draw *draw, double *delta) {
    size_t side = tile_side(shape), rows = shape->height / side, columns = shape->width / side;
    size_t top = (shape->height - rows * side) / 2, left = (shape->width - columns * side) / 2;
    for (size_t tile = 0; tile < rows * columns; ++tile) {
        size_t first_row = top + tile / columns * side, first_column = left + tile % columns * side;
        bool turned = bits(draw) & 1;
        for (size_t c = 0; c < shape->channels; ++c) {
            double up = (double)sign(draw);
            for (size_t i = 0; i < side; ++i)
                for (size_t j = 0; j < side; ++j)
                    delta[(c * shape->height + first_row + i) * shape->width + first_column + j] =
                        up * pattern_at(pattern, side, turned, i, j);
        }
    }
}

/* One channel: `to` takes the mass of both squares and what length is left to the whole, in a new pattern. */
static void move_channel(const struct shape *shape, const struct window *to, const struct window *from, double spare,
                         const double *pattern, bool turned, double up, double *delta) {
    double both = 0, old = 0, fresh = 0;
    for (size_t i = 0; i < shape->height; ++i)
        for (size_t j = 0; j < shape->width; ++j) {
            double value = delta[i * shape->width + j];
            old += inside(to, i, j) ? value * value : 0;
            both += inside(to, i, j) || inside(from, i, j) ? value * value : 0;
        }
    for (size_t pass = 0; pass < 2; ++pass)
        for (size_t i = 0; i < to->side; ++i)
            for (size_t j = 0; j < to->side; ++j) {
                double *value = &delta[(to->top + i) * shape->width + to->left + j];
                if (pass == 0) {
                    *value = up * pattern_at(pattern, to->side, turned, i, j) + *value / (TINY + sqrt(old));
                    fresh += *value * *value;
                } else
                    *value *= fresh > 0 ? sqrt((spare + both) / fresh) : 0;
            }
    for (size_t i = from->top; i < from->top + from->side; ++i)
        for (size_t j = from->left; j < from->left + from->side; ++j)
            if (!inside(to, i, j)) delta[i * shape->width + j] = 0;
}

/* Odd, so that a pattern has a middle. */
static size_t odd_side_at(const struct shape *shape, double share) {
    size_t side = side_at(shape, share, LEAST_SIDE);
    if (side % 2 == 1) return side;
    return side + 1 < shape->height && side + 1 < shape->width ? side + 1 : side - 1;
}

static void move_square(const struct shape *shape, double share, const double *pattern, struct draw *draw,
                        double *delta) {
    size_t side = odd_side_at(shape, share), area = shape->height * shape->width;
    struct window to = {.side = side}, from = {.side = side};
    to.top = below(draw, shape->height - side + 1);
    to.left = below(draw, shape->width - side + 1);
    from.top = below(draw, shape->height - side + 1);
    from.left = below(draw, shape->width - side + 1);
    double spare = fmax(1 - square_of(shape->channels * area, delta), 0) / (double)shape->channels;
    bool turned = bits(draw) & 1;
    for (size_t c = 0; c < shape->channels; ++c)
        move_channel(shape, &to, &from, spare, pattern, turned, (double)sign(draw), delta + c * area);
    scale_to_one(shape->channels * area, delta);
}

/* The same for a set of coordinates: new signs of one size, added to what was there. */
static void move_set(const struct shape *shape, double share, struct draw *draw, uint32_t *order, double *delta) {
    size_t count = set_size(shape, share, shape->channels / 2);
    double both = 0, old = 0, fresh = 0, spare = fmax(1 - square_of(shape->channels, delta), 0);
    draw_set(shape, 2 * count, draw, order);
    for (size_t i = 0; i < 2 * count; ++i) {
        double square = delta[order[i]] * delta[order[i]];
        both += square;
        old += i < count ? square : 0;
    }
    for (size_t i = 0; i < count; ++i) {
        double *value = &delta[order[i]];
        *value = (double)sign(draw) / sqrt((double)count) + *value / (TINY + sqrt(old));
        fresh += *value * *value;
        delta[order[count + i]] = 0;
    }
    for (size_t i = 0; i < count; ++i) delta[order[i]] *= fresh > 0 ? sqrt((spare + both) / fresh) : 0;
    scale_to_one(shape->channels, delta);
}

/* ---- the search ---- */

struct search {
    size_t count;
    uint32_t *rows;       /* [count] on the way */
    float *trials, *out;  /* [count, inputs], [count, outputs] */
    double *best, *delta; /* [rows] margins; [inputs] */
    double *pattern;      /* [inputs] of this query's square */
    uint32_t *order;      /* [inputs] */
};

static void search_destroy(struct search *search) {
    mem_free(search->rows);
    mem_free(search->trials);
    mem_free(search->out);
    mem_free(search->best);
    mem_free(search->delta);
    mem_free(search->pattern);
    mem_free(search->order);
}

static strata_status search_create(strata_context *ctx, const struct attack_block *block, struct search *s) {
    size_t rows = block->rows, d = block->inputs;
    *s = (struct search){.rows = mem_zero(rows, sizeof(uint32_t)),
                         .trials = mem_zero(rows * d, sizeof(float)),
                         .out = mem_zero(rows * block->outputs, sizeof(float)),
                         .best = mem_zero(rows, sizeof(double)),
                         .delta = mem_zero(d, sizeof(double)),
                         .pattern = mem_zero(d, sizeof(double)),
                         .order = mem_zero(d, sizeof(uint32_t))};
    if (!s->rows || !s->trials || !s->out || !s->best || !s->delta || !s->pattern || !s->order) {
        search_destroy(s);
        return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory to attack %zu rows", rows);
    }
    for (size_t r = 0; r < rows; ++r) s->rows[r] = (uint32_t)r, s->best[r] = -INFINITY;
    s->count = rows;
    return STRATA_OK;
}

/* The trial of one row, from its best point in `points`. */
static void propose(const struct attack_block *block, const struct shape *shape, size_t query, size_t i,
                    const float *points, struct search *s) {
    const struct attack_options *options = block->options;
    size_t d = block->inputs, row = s->rows[i];
    bool linf = options->norm->kind == ATTACK_LINF;
    const float *x = block->x + row * d, *point = points + row * d;
    float *trial = s->trials + i * d;
    double share = share_at(query, options->queries);
    struct draw draw = {.stream = attack_stream(block, row, query)};
    for (size_t j = 0; j < d; ++j) s->delta[j] = ((double)point[j] - (double)x[j]) / options->epsilon;
    if (query == 0 && (linf || !shape->picture))
        stripes(shape, &draw, s->delta);
    else if (query == 0)
        tiles(shape, s->pattern, &draw, s->delta);
    else if (!shape->picture)
        (linf ? change_set : move_set)(shape, share, &draw, s->order, s->delta);
    else if (linf)
        change_square(shape, share, &draw, s->delta);
    else
        move_square(shape, share, s->pattern, &draw, s->delta);
    if (query == 0 && !linf) scale_to_one(d, s->delta);
    for (size_t j = 0; j < d; ++j) trial[j] = (float)((double)x[j] + options->epsilon * s->delta[j]);
    options->norm->project(d, x, options->epsilon, block->target->low, block->target->high, trial);
}

/* Keeps what raises the loss; rows that broke leave. */
static void judge(const struct attack_block *block, struct search *s, float *points) {
    size_t kept = 0, d = block->inputs;
    for (size_t i = 0; i < s->count; ++i) {
        size_t row = s->rows[i];
        const float *out = s->out + i * block->outputs;
        double loss = attack_loss_margin.value(block->outputs, out, block->labels[row], 0, NULL);
        bool broken = !block->exhaustive && attack_broken(block->outputs, out, block->labels[row]);
        if (broken || loss > s->best[row]) {
            s->best[row] = loss;
            memcpy(points + row * d, s->trials + i * d, d * sizeof *points);
        }
        if (!broken) s->rows[kept++] = (uint32_t)row;
    }
    s->count = kept;
}

static strata_status square_attack(strata_context *ctx, const struct attack_block *block, float *points) {
    const struct shape shape = shape_of(block);
    size_t least = shape.height < shape.width ? shape.height : shape.width;
    bool linf = block->options->norm->kind == ATTACK_LINF;
    struct search search;
    strata_status status = STRATA_OK;
    if (!linf && (shape.picture ? least : block->inputs) < LEAST_SIDE)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "attack square, l2: expected at least %d %s, got %zu", LEAST_SIDE,
                           shape.picture ? "pixels a side" : "inputs", shape.picture ? least : block->inputs);
    STRATA_TRY(search_create(ctx, block, &search));
    for (size_t query = 0; query < block->options->queries && search.count > 0; ++query) {
        double share = share_at(query, block->options->queries);
        if (shape.picture && !linf)
            draw_pattern(query ? odd_side_at(&shape, share) : tile_side(&shape), search.pattern);
        for (size_t i = 0; i < search.count; ++i) propose(block, &shape, query, i, points, &search);
        STRATA_GO(attack_evaluate(ctx, block, search.count, search.trials, search.out));
        judge(block, &search, points);
    }
cleanup:
    search_destroy(&search);
    return status;
}

const struct attack_class attack_square = {
    .name = "square",
    .title = "Square",
    .summary = "random search by squares of the picture, without derivatives (Andriushchenko et al. 2020)",
    .norms = ATTACK_L2 | ATTACK_LINF,
    .least_classes = 2,
    .attack = square_attack,
};
