/* SPDX-License-Identifier: MIT */
/*
 * A covariance is [pixels of x, pixels of z]. A row of it holds the second picture line by line with `radius` zeros
 * behind each line, so that a shift is one offset for the whole row. A convolution is two passes: over shifts along
 * lines, done while a line of the first picture is still in cache, and over shifts across lines, done as the next layer
 * reads it. Where the output reads equal pixels alone and nothing is halved, they are all that is computed.
 */
#include "kernels/convolution.h"

#include <string.h>

#include "core/clones.h"

/* One layer's pictures. */
struct frame {
    size_t height, width, pitch, length; /* a row: `length` = height x pitch numbers */
};

static struct frame frame_of(const struct convolution *c, size_t layer) {
    size_t halved = layer < c->halvings ? layer : c->halvings;
    struct frame f = {.height = c->height >> halved, .width = c->width >> halved};
    f.pitch = f.width + c->radius;
    f.length = f.height * f.pitch;
    return f;
}

/* Where the work of one pair lies. */
struct workspace {
    double *cells[2][2];   /* [layer parity][S, T]: rows summed along lines */
    double *lines[2];      /* S, T: two lines of the first picture, not yet summed */
    double *s, *t, *d, *e; /* one row each */
    double *sum;           /* one row */
};

static size_t row_cells(const struct convolution *c) { return c->height * c->width * frame_of(c, 0).length; }

static bool diagonal_only(const struct convolution *c) { return !c->average && c->halvings == 0; }

static struct workspace workspace_in(const struct convolution *c, double *scratch) {
    struct frame f = frame_of(c, 0);
    struct workspace w = {0};
    for (size_t part = 0; part < (c->tangent ? 2 : 1); ++part) {
        for (size_t parity = 0; parity < 2; ++parity) {
            w.cells[parity][part] = scratch;
            scratch += row_cells(c);
        }
        w.lines[part] = scratch;
        scratch += 2 * f.width * f.length;
    }
    double **const rows[] = {&w.s, &w.t, &w.d, &w.e, &w.sum};
    for (size_t i = 0; i < 5; ++i) {
        *rows[i] = scratch;
        scratch += f.length;
    }
    return w;
}

/* ---- loops over a row */

STRATA_CLONES static void add_row(size_t count, const double *restrict from, double *restrict to) {
    for (size_t j = 0; j < count; ++j) to[j] += from[j];
}

STRATA_CLONES static void add_scaled_row(size_t count, double factor, const double *restrict from,
                                         double *restrict to) {
    for (size_t j = 0; j < count; ++j) to[j] += factor * from[j];
}

STRATA_CLONES static void scale_row(size_t count, double factor, const double *restrict from, double *restrict to) {
    for (size_t j = 0; j < count; ++j) to[j] = factor * from[j];
}

/* Both covariances of a hidden layer, times a factor: d and d + e t. */
STRATA_CLONES static void hidden_row(size_t count, double factor, const double *restrict d, const double *restrict e,
                                     const double *restrict t, double *restrict s_to, double *restrict t_to) {
    for (size_t j = 0; j < count; ++j) {
        s_to[j] = factor * d[j];
        t_to[j] = factor * (d[j] + e[j] * t[j]);
    }
}

/* fresh d + e t, and onto a sum. */
STRATA_CLONES static void output_row(size_t count, double fresh, const double *restrict d, const double *restrict e,
                                     const double *restrict t, double *restrict to, double *restrict sum) {
    for (size_t j = 0; j < count; ++j) {
        to[j] = fresh * d[j] + e[j] * t[j];
        sum[j] += to[j];
    }
}

/* to[j] += from[j + shift] where that lies in the row. */
static void add_shifted(size_t length, ptrdiff_t shift, const double *from, double *to) {
    size_t by = (size_t)(shift < 0 ? -shift : shift);
    if (by >= length) return;
    if (shift < 0)
        add_row(length - by, from, to + by);
    else
        add_row(length - by, from + by, to);
}

STRATA_CLONES static void three_rows(size_t count, const double *restrict centre, const double *restrict before,
                                     const double *restrict after, double *restrict to) {
    for (size_t j = 0; j < count; ++j) to[j] = centre[j] + before[j] + after[j];
}

/* Three taps at once, the common filter: to[j] = centre[j] + before[j - by] + after[j + by]. */
static void add_three(size_t length, size_t by, const double *centre, const double *before, const double *after,
                      double *to) {
    if (2 * by >= length) {
        memcpy(to, centre, length * sizeof *to);
        add_shifted(length, -(ptrdiff_t)by, before, to);
        add_shifted(length, (ptrdiff_t)by, after, to);
        return;
    }
    for (size_t j = 0; j < by; ++j) to[j] = centre[j] + after[j + by];
    three_rows(length - 2 * by, centre + by, before, after + 2 * by, to + by);
    for (size_t j = length - by; j < length; ++j) to[j] = centre[j] + before[j - by];
}

/* What stands in the padding is anything until a line is made ready for shifts along it. */
static void clear_padding(const struct frame *f, size_t radius, double *row) {
    for (size_t x = f->width; x < f->width + radius; ++x)
        for (size_t y = 0; y < f->height; ++y) row[y * f->pitch + x] = 0;
}

/* ---- the two passes of a convolution */

/* Line y of the first picture, summed along lines. */
static void sum_along(const struct convolution *c, const struct frame *f, size_t y, const double *line, double *cells) {
    ptrdiff_t r = (ptrdiff_t)c->radius, width = (ptrdiff_t)f->width;
    for (ptrdiff_t x = 0; x < width; ++x) {
        double *to = cells + (y * f->width + (size_t)x) * f->length;
        const double *own = line + (size_t)x * f->length;
        if (r == 1 && x > 0 && x + 1 < width) {
            add_three(f->length, 1, own, own - f->length, own + f->length, to);
            continue;
        }
        memcpy(to, own, f->length * sizeof *to);
        for (ptrdiff_t o = -r; o <= r; ++o)
            if (o && x + o >= 0 && x + o < width) add_shifted(f->length, o, line + (size_t)(x + o) * f->length, to);
    }
}

/* Row (y, x), summed across lines. */
static void sum_across(const struct convolution *c, const struct frame *f, size_t y, size_t x, const double *cells,
                       double *to) {
    ptrdiff_t r = (ptrdiff_t)c->radius, height = (ptrdiff_t)f->height, line = (ptrdiff_t)y;
    const double *own = cells + (y * f->width + x) * f->length;
    if (r == 1 && line > 0 && line + 1 < height) {
        size_t step = f->width * f->length;
        add_three(f->length, f->pitch, own, own - step, own + step, to);
        return;
    }
    memcpy(to, own, f->length * sizeof *to);
    for (ptrdiff_t o = -r; o <= r; ++o)
        if (o && line + o >= 0 && line + o < height)
            add_shifted(f->length, o * (ptrdiff_t)f->pitch, cells + ((size_t)(line + o) * f->width + x) * f->length,
                        to);
}

/* ---- layers */

/* Products of pixels, times the scale, line by line into cells[0]. */
static void input_layer(const struct convolution *c, const double *x, const double *z, struct workspace *w) {
    struct frame f = frame_of(c, 0);
    size_t pixels = f.height * f.width;
    for (size_t y = 0; y < f.height; ++y) {
        memset(w->lines[0], 0, f.width * f.length * sizeof(double));
        for (size_t p = 0; p < f.width; ++p)
            for (size_t k = 0; k < c->channels; ++k)
                for (size_t other = 0; other < f.height; ++other)
                    add_scaled_row(f.width, c->scale * x[k * pixels + y * f.width + p],
                                   z + k * pixels + other * f.width, w->lines[0] + p * f.length + other * f.pitch);
        sum_along(c, &f, y, w->lines[0], w->cells[0][0]);
    }
}

/* A picture's own variances: what sum_across gives for equal pixels. */
static void own_variances(const struct convolution *c, const struct frame *f, const double *cells, double *state) {
    ptrdiff_t r = (ptrdiff_t)c->radius, height = (ptrdiff_t)f->height;
    memset(state, 0, f->length * sizeof *state);
    for (ptrdiff_t y = 0; y < height; ++y)
        for (size_t x = 0; x < f->width; ++x) {
            size_t place = (size_t)y * f->pitch + x;
            state[place] = cells[((size_t)y * f->width + x) * f->length + place];
            for (ptrdiff_t o = -r; o <= r; ++o)
                if (o && y + o >= 0 && y + o < height)
                    state[place] +=
                        cells[((size_t)(y + o) * f->width + x) * f->length + (size_t)(y + o) * f->pitch + x];
        }
}

/* Lines y - 1 and y, in `lines`, to line y / 2 of half the size, over the first of them. */
static void halve_lines(const struct frame *f, const struct frame *half, double *lines) {
    for (size_t x = 0; x < half->width; ++x) {
        double *to = lines + x * half->length;
        const double *rows[4];
        for (size_t i = 0; i < 4; ++i) rows[i] = lines + ((i / 2) * f->width + 2 * x + i % 2) * f->length;
        for (size_t y = 0; y < half->height; ++y) {
            for (size_t p = 0; p < half->width; ++p) {
                double sum = 0;
                for (size_t i = 0; i < 4; ++i) {
                    const double *from = rows[i] + 2 * y * f->pitch + 2 * p;
                    sum += from[0] + from[1] + from[f->pitch] + from[f->pitch + 1];
                }
                to[y * half->pitch + p] = sum / 16;
            }
            for (size_t p = half->width; p < half->pitch; ++p) to[y * half->pitch + p] = 0;
        }
    }
}

/* The two covariances of row (y, x), then D and E of it. */
static void nonlinearity(const struct convolution *c, const struct frame *f, size_t layer, size_t y, size_t x,
                         double own, const double *other, struct workspace *w) {
    double **cells = w->cells[layer % 2];
    sum_across(c, f, y, x, cells[0], w->s);
    if (c->tangent && layer == 0)
        scale_row(f->length, c->train_input ? 1 : 0, w->s, w->t);
    else if (c->tangent)
        sum_across(c, f, y, x, cells[1], w->t);
    c->layer(c->kernel, f->length, own, other, w->s, w->d, w->e);
}

/* The layer's rows, times `factor`, as a line of `lines`; and the convolution that follows it. */
static void hidden_layer(const struct convolution *c, size_t layer, const double *own, const double *other,
                         struct workspace *w) {
    struct frame f = frame_of(c, layer), next = frame_of(c, layer + 1);
    bool halved = next.height < f.height;
    for (size_t y = 0; y < f.height; ++y) {
        size_t line = halved ? y % 2 : 0, parts = c->tangent ? 2 : 1;
        for (size_t x = 0; x < f.width; ++x) {
            double *to[2] = {w->lines[0] + (line * f.width + x) * f.length,
                             c->tangent ? w->lines[1] + (line * f.width + x) * f.length : NULL};
            nonlinearity(c, &f, layer, y, x, own[y * f.pitch + x], other, w);
            if (c->tangent)
                hidden_row(f.length, c->scale, w->d, w->e, w->t, to[0], to[1]);
            else
                scale_row(f.length, c->scale, w->d, to[0]);
            for (size_t part = 0; part < parts; ++part) clear_padding(&f, c->radius, to[part]);
        }
        if (halved && line == 0) continue;
        for (size_t part = 0; part < parts; ++part) {
            if (halved) halve_lines(&f, &next, w->lines[part]);
            sum_along(c, &next, halved ? y / 2 : y, w->lines[part], w->cells[(layer + 1) % 2][part]);
        }
    }
}

static double row_total(const struct frame *f, const double *row) {
    double total = 0;
    for (size_t y = 0; y < f->height; ++y)
        for (size_t x = 0; x < f->width; ++x) total += row[y * f->pitch + x];
    return total;
}

static double output_layer(const struct convolution *c, const double *own, const double *other, struct workspace *w) {
    struct frame f = frame_of(c, c->layers - 1);
    double pixels = (double)(f.height * f.width), equal = 0;
    memset(w->sum, 0, f.length * sizeof(double));
    for (size_t y = 0; y < f.height; ++y)
        for (size_t x = 0; x < f.width; ++x) {
            size_t place = y * f.pitch + x;
            nonlinearity(c, &f, c->layers - 1, y, x, own[place], other, w);
            if (c->tangent)
                output_row(f.length, c->train_readout ? 1 : 0, w->d, w->e, w->t, w->s, w->sum);
            else
                add_row(f.length, w->d, w->sum);
            equal += (c->tangent ? w->s : w->d)[place];
        }
    return c->average ? row_total(&f, w->sum) / (pixels * pixels) : equal / pixels;
}

/* With `fill` the two pictures are one, whose variances are found on the way. */
static double run(const struct convolution *c, const double *x, const double *x_state, const double *z,
                  const double *z_state, double *scratch, double *fill) {
    struct workspace w = workspace_in(c, scratch);
    double result = 0;
    input_layer(c, x, z, &w);
    for (size_t l = 0; l < c->layers; ++l) {
        struct frame f = frame_of(c, l);
        if (fill) {
            own_variances(c, &f, w.cells[l % 2][0], fill);
            x_state = z_state = fill;
            fill += f.length;
        }
        if (l + 1 < c->layers)
            hidden_layer(c, l, x_state, z_state, &w);
        else if (!fill)
            result = output_layer(c, x_state, z_state, &w);
        x_state += f.length;
        z_state += f.length;
    }
    return result;
}

/* ---- equal pixels alone */

static void sum_box(const struct convolution *c, const struct frame *f, double factor, const double *from, double *to) {
    ptrdiff_t r = (ptrdiff_t)c->radius, height = (ptrdiff_t)f->height, width = (ptrdiff_t)f->width;
    for (ptrdiff_t y = 0; y < height; ++y)
        for (ptrdiff_t x = 0; x < width; ++x) {
            double sum = 0;
            for (ptrdiff_t v = y < r ? -y : -r; v <= r && y + v < height; ++v)
                for (ptrdiff_t u = x < r ? -x : -r; u <= r && x + u < width; ++u)
                    sum += from[(size_t)(y + v) * f->pitch + (size_t)(x + u)];
            to[(size_t)y * f->pitch + (size_t)x] = factor * sum;
        }
}

static double run_diagonal(const struct convolution *c, const double *x, const double *x_state, const double *z,
                           const double *z_state, double *scratch, double *fill) {
    struct frame f = frame_of(c, 0);
    size_t pixels = f.height * f.width;
    double *s = scratch, *t = s + f.length, *d = t + f.length, *backward = d + f.length, total = 0;
    memset(scratch, 0, 4 * f.length * sizeof *scratch);
    for (size_t p = 0; p < pixels; ++p)
        for (size_t k = 0; k < c->channels; ++k)
            d[p / f.width * f.pitch + p % f.width] += x[k * pixels + p] * z[k * pixels + p];
    sum_box(c, &f, c->scale, d, s);
    if (c->train_input) memcpy(t, s, f.length * sizeof *t);
    for (size_t l = 0; l < c->layers; ++l) {
        bool last = l + 1 == c->layers;
        if (fill) x_state = z_state = memcpy(fill + l * f.length, s, f.length * sizeof *s);
        total = 0;
        for (size_t p = 0; p < pixels; ++p) {
            size_t place = p / f.width * f.pitch + p % f.width;
            double e;
            c->layer(c->kernel, 1, x_state[place], z_state + place, s + place, d + place, &e);
            backward[place] = (last && !c->train_readout ? 0 : d[place]) + e * t[place];
            total += c->tangent ? backward[place] : d[place];
        }
        if (last) break;
        sum_box(c, &f, c->scale, d, s);
        if (c->tangent) sum_box(c, &f, c->scale, backward, t);
        x_state += f.length;
        z_state += f.length;
    }
    return total / (double)pixels;
}

/* ---- the second form of a kernel */

size_t convolution_state_size(const struct kernel *kernel) {
    struct convolution c = kernel->class_->convolution(kernel);
    size_t size = 0;
    for (size_t l = 0; l < c.layers; ++l) size += frame_of(&c, l).length;
    return size;
}

size_t convolution_scratch_size(const struct kernel *kernel) {
    struct convolution c = kernel->class_->convolution(kernel);
    struct frame f = frame_of(&c, 0);
    size_t parts = c.tangent ? 2 : 1;
    if (diagonal_only(&c)) return 4 * f.length;
    return 2 * parts * row_cells(&c) + parts * 2 * f.width * f.length + 5 * f.length;
}

void convolution_state(const struct kernel *kernel, const double *x, double *state, double *scratch) {
    struct convolution c = kernel->class_->convolution(kernel);
    (diagonal_only(&c) ? run_diagonal : run)(&c, x, NULL, x, NULL, scratch, state);
}

double convolution_pair(const struct kernel *kernel, const double *x, const double *x_state, const double *z,
                        const double *z_state, double *scratch) {
    struct convolution c = kernel->class_->convolution(kernel);
    return (diagonal_only(&c) ? run_diagonal : run)(&c, x, x_state, z, z_state, scratch, NULL);
}
