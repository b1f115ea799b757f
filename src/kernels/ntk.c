/* SPDX-License-Identifier: MIT */
/*
 * Fully connected networks of infinite width: the NNGP kernel of their outputs at random weights and the tangent kernel
 * of training, by recursion over layers. With w, b the variances of weights (times fan-in) and biases, D and E the
 * duals of the activation and of its slope:
 *
 *   S_0 = w x.z / d + b,  T_0 = S_0 (0 when the first layer is not trained);
 *   S_l = w D(S_{l-1}) + b,  T_l = S_l + w E(S_{l-1}) T_{l-1},  l = 1..layers.
 *
 * nngp = S_layers, ntk = T_layers (less S_layers in the last step when the output layer is not trained). Residual
 * layers h + skip (W phi(h) + bias) add skip^2 times both increments to S and T instead. With readout=all every layer
 * has output weights of its own, whose kernels add up.
 *
 * Sources: Lee et al., ICLR 2018 (NNGP); Jacot, Gabriel & Hongler, NeurIPS 2018, eq. (6) (NTK).
 */
#include <math.h>
#include <string.h>

#include "core/clones.h"
#include "kernels/kernel.h"

enum { LAYERS, ACTIVATION, WEIGHT_VARIANCE, BIAS_VARIANCE, SKIP, READOUT, TRAIN_INPUT, TRAIN_READOUT };
enum { READOUT_LAST, READOUT_ALL };
enum { CHUNK = 256 };

#define NETWORK_PARAMETERS                                                                                        \
    [LAYERS] = {"layers", 3, 1, 1000, true, NULL, "hidden layers"}, [ACTIVATION] = {"activation",                 \
                                                                                    0,                            \
                                                                                    0,                            \
                                                                                    0,                            \
                                                                                    false,                        \
                                                                                    NULL,                         \
                                                                                    "of hidden layers"},          \
    [WEIGHT_VARIANCE] =                                                                                           \
        {"weight_variance", -1, -1, 1e6, false, NULL, "of a weight times its fan-in; -1: the activation's gain"}, \
    [BIAS_VARIANCE] = {"bias_variance", 0.1, 0, 1e6, false, NULL, "of a bias"},                                   \
    [SKIP] = {"skip", 0, 0, 1e3, false, NULL, "weight of a residual layer's branch; 0: no residual layers"},      \
    [READOUT] = {"readout", READOUT_LAST, 0, 0, false, "last|all", "layers that the output reads"}

static const struct kernel_parameter nngp_parameters[] = {NETWORK_PARAMETERS, {0}};
static const struct kernel_parameter ntk_parameters[] = {
    NETWORK_PARAMETERS,
    [TRAIN_INPUT] = {"train_input", 1, 0, 1, true, NULL, "1: the first layer is trained, 0: it is not"},
    [TRAIN_READOUT] = {"train_readout", 1, 0, 1, true, NULL, "1: the output layer is trained, 0: it is not"},
    {0},
};

/* What the recursion reads, once a row. */
struct recursion {
    const struct dual *dual;
    size_t layers;
    double w, b, skip;
    double branch; /* what an increment is multiplied with: 1, or skip^2 */
    bool all, train_input, train_readout;
    double ratio; /* of a layer's dual on the diagonal to its variance, of homogeneous activations */
};

static struct recursion recursion_of(const struct kernel *kernel, bool tangent) {
    const double *number = kernel->number;
    struct recursion r = {.dual = &kernel->dual,
                          .layers = (size_t)number[LAYERS],
                          .w = number[WEIGHT_VARIANCE],
                          .b = number[BIAS_VARIANCE],
                          .skip = number[SKIP],
                          .branch = number[SKIP] > 0 ? number[SKIP] * number[SKIP] : 1,
                          .all = number[READOUT] == READOUT_ALL,
                          .train_input = tangent && number[TRAIN_INPUT] > 0,
                          .train_readout = tangent && number[TRAIN_READOUT] > 0};
    double unused;
    if (r.dual->class_->homogeneous) r.dual->class_->diagonal(r.dual->number, 1, &r.ratio, &unused);
    return r;
}

/* The variance of the layer above one of variance s. */
static double variance_next(const struct recursion *r, double s) {
    double d, e;
    r->dual->class_->diagonal(r->dual->number, s, &d, &e);
    return (r->skip > 0 ? s : 0) + r->branch * (r->w * d + r->b);
}

STRATA_CLONES static void ratio_loop(size_t count, double slope, double offset, double *restrict s) {
    for (size_t j = 0; j < count; ++j) s[j] = slope * s[j] + offset;
}

static void variances_next(const struct recursion *r, size_t count, double *s) {
    const struct dual_class *class_ = r->dual->class_;
    if (class_->homogeneous && !class_->no_tangent)
        ratio_loop(count, (r->skip > 0 ? 1 : 0) + r->branch * r->w * r->ratio, r->branch * r->b, s);
    else
        for (size_t j = 0; j < count; ++j) s[j] = variance_next(r, s[j]);
}

/* One layer: c holds S, t holds T. `fresh`: the new layer's weights are trained. */
STRATA_CLONES static void layer_loop(size_t count, double w, double b, double branch, double keep, double fresh,
                                     const double *restrict d, const double *restrict e, double *restrict c,
                                     double *restrict t) {
    for (size_t j = 0; j < count; ++j) {
        double s = w * d[j] + b;
        t[j] = keep * t[j] + branch * (fresh * s + w * e[j] * t[j]);
        c[j] = keep * c[j] + branch * s;
    }
}

STRATA_CLONES static void add_loop(size_t count, const double *restrict from, double *restrict to) {
    for (size_t j = 0; j < count; ++j) to[j] += from[j];
}

/*
 * From c = t = S_0 to the kernel in `out`: NNGP (tangent false) or NTK. `own` and `other`: variances of the two rows.
 */
static void chunk_run(const struct recursion *r, bool tangent, size_t count, double own, double *other, double *c,
                      double *t, double *out) {
    double d[CHUNK], e[CHUNK], keep = r->skip > 0 ? 1 : 0;
    memset(out, 0, count * sizeof *out);
    for (size_t l = 1; l <= r->layers; ++l) {
        bool read = r->all || l == r->layers, last = l == r->layers;
        r->dual->class_->row(r->dual->number, count, own, other, c, d, e);
        if (read && tangent && !r->train_readout) {
            double frozen[CHUNK], s[CHUNK];
            memcpy(frozen, t, count * sizeof *t);
            memcpy(s, c, count * sizeof *c);
            layer_loop(count, r->w, r->b, r->branch, keep, 0, d, e, s, frozen);
            add_loop(count, frozen, out);
        }
        layer_loop(count, r->w, r->b, r->branch, keep, 1, d, e, c, t);
        if (read && (!tangent || r->train_readout)) add_loop(count, tangent ? t : c, out);
        if (last) break;
        own = variance_next(r, own);
        variances_next(r, count, other);
    }
}

static void network_row(const struct kernel *kernel, bool tangent, size_t count, double xx, const double *zz,
                        double *values) {
    struct recursion r = recursion_of(kernel, tangent);
    double per_input = r.w / (double)kernel->dimension, other[CHUNK], c[CHUNK], t[CHUNK];
    for (size_t first = 0; first < count; first += CHUNK) {
        size_t rest = count - first < CHUNK ? count - first : CHUNK;
        for (size_t j = 0; j < rest; ++j) {
            c[j] = per_input * values[first + j] + r.b;
            t[j] = r.train_input ? c[j] : 0;
            other[j] = per_input * zz[first + j] + r.b;
        }
        chunk_run(&r, tangent, rest, per_input * xx + r.b, other, c, t, values + first);
    }
}

static double network_diagonal(const struct kernel *kernel, bool tangent, double xx) {
    struct recursion r = recursion_of(kernel, tangent);
    double s = r.w / (double)kernel->dimension * xx + r.b, t = r.train_input ? s : 0, out = 0, d, e;
    double keep = r.skip > 0 ? 1 : 0;
    for (size_t l = 1; l <= r.layers; ++l) {
        r.dual->class_->diagonal(r.dual->number, s, &d, &e);
        double step = r.w * d + r.b, backward = keep * t + r.branch * r.w * e * t;
        s = keep * s + r.branch * step;
        t = backward + r.branch * step;
        if (r.all || l == r.layers) out += !tangent ? s : r.train_readout ? t : backward;
    }
    return out;
}

/* ---- refusals */

static strata_status warn_of_diagonal(strata_context *ctx, const struct kernel *kernel, size_t n, const double *x) {
    double least = INFINITY, most = 0;
    bool finite = true;
    for (size_t i = 0; i < n; ++i) {
        double square = 0;
        for (size_t k = 0; k < kernel->dimension; ++k)
            square += x[i * kernel->dimension + k] * x[i * kernel->dimension + k];
        double value = kernel->class_->diagonal(kernel, square);
        least = fmin(least, value);
        most = fmax(most, value);
        finite = finite && isfinite(value);
    }
    if (!finite)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                           "kernel '%s': the diagonal overflows: take a smaller weight_variance or fewer layers",
                           kernel->class_->name);
    if (n && (least < 1e-6 || most > 1e6))
        context_log(ctx, STRATA_LOG_WARNING,
                    "kernel '%s': the diagonal reaches from %g to %g: scale the rows, or take another weight_variance",
                    kernel->class_->name, least, most);
    return STRATA_OK;
}

static strata_status network_prepare(strata_context *ctx, struct kernel *kernel, size_t n, const double *x) {
    const struct dual_class *dual = kernel->dual.class_;
    double w = kernel->number[WEIGHT_VARIANCE] < 0.0 ? dual->gain : kernel->number[WEIGHT_VARIANCE],
           b = kernel->number[BIAS_VARIANCE];
    kernel->number[WEIGHT_VARIANCE] = w;
    if (dual->unit_variance && (fabs(w + b - 1) > 1e-9 || kernel->number[SKIP] > 0))
        return strata_fail(ctx, STRATA_ERR_CONFIG,
                           "kernel '%s': activation %s needs unit variances in every layer: expected weight_variance + "
                           "bias_variance = 1 and skip = 0, got %g + %g and %g",
                           kernel->class_->name, dual->name, w, b, kernel->number[SKIP]);
    return warn_of_diagonal(ctx, kernel, n, x);
}

static strata_status ntk_prepare(strata_context *ctx, struct kernel *kernel, size_t n, const double *x) {
    const struct dual_class *dual = kernel->dual.class_;
    if (dual->no_tangent && (kernel->number[TRAIN_INPUT] > 0 || kernel->number[LAYERS] > 1))
        return strata_fail(ctx, STRATA_ERR_CONFIG,
                           "kernel 'ntk': activation %s has no tangent kernel: %s; nngp takes it, or layers=1 with "
                           "train_input=0",
                           dual->name, dual->no_tangent);
    return network_prepare(ctx, kernel, n, x);
}

static strata_status network_check(strata_context *ctx, const struct kernel *kernel, const char *what, size_t n,
                                   const double *x) {
    const struct dual_class *dual = kernel->dual.class_;
    bool bias = kernel->number[BIAS_VARIANCE] > 0;
    for (size_t i = 0; i < n && ((dual->homogeneous && !bias) || dual->unit_variance); ++i) {
        double square = 0;
        for (size_t k = 0; k < kernel->dimension; ++k)
            square += x[i * kernel->dimension + k] * x[i * kernel->dimension + k];
        if (dual->homogeneous && !bias && square == 0)
            return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                               "kernel '%s': %s %zu is zero: activation %s without a bias gives it no angle to others; "
                               "expected bias_variance > 0 or no such row",
                               kernel->class_->name, what, i, dual->name);
        if (dual->unit_variance && fabs(square / (double)kernel->dimension - 1) > 1e-6)
            return strata_fail(
                ctx, STRATA_ERR_ARGUMENT,
                "kernel '%s': %s %zu has norm %g: activation %s expects rows of norm sqrt(%zu): normalise "
                "them",
                kernel->class_->name, what, i, sqrt(square), dual->name, kernel->dimension);
    }
    return STRATA_OK;
}

/* ---- the classes */

static void nngp_row(const struct kernel *kernel, size_t count, double xx, const double *zz, double *values) {
    network_row(kernel, false, count, xx, zz, values);
}

static double nngp_diagonal(const struct kernel *kernel, double xx) { return network_diagonal(kernel, false, xx); }

static void ntk_row(const struct kernel *kernel, size_t count, double xx, const double *zz, double *values) {
    network_row(kernel, true, count, xx, zz, values);
}

static double ntk_diagonal(const struct kernel *kernel, double xx) { return network_diagonal(kernel, true, xx); }

extern const struct kernel_class kernel_nngp, kernel_ntk;

const struct kernel_class kernel_nngp = {
    .name = "nngp",
    .formula = "S_L: S <- w D(S) + b, S_0 = w x.z / d + b",
    .derivative = "w E(S), layer by layer",
    .domain = "any; without a bias no zero rows",
    .source = "Lee et al. 2018",
    .parameters = nngp_parameters,
    .shorthand = "layers",
    .network = true,
    .prepare = network_prepare,
    .check = network_check,
    .row = nngp_row,
    .diagonal = nngp_diagonal,
};

const struct kernel_class kernel_ntk = {
    .name = "ntk",
    .formula = "T_L: T <- S + w E(S) T, S <- w D(S) + b, T_0 = S_0",
    .derivative = "",
    .domain = "any; without a bias no zero rows",
    .source = "Jacot, Gabriel & Hongler 2018, eq. (6)",
    .parameters = ntk_parameters,
    .shorthand = "layers",
    .network = true,
    .prepare = ntk_prepare,
    .check = network_check,
    .row = ntk_row,
    .diagonal = ntk_diagonal,
};
