/* SPDX-License-Identifier: MIT */
/*
 * Neural tangent kernel of a fully connected ReLU network, by the arc-cosine recursion. With w, b the
 * variances of weights (times fan-in) and biases, D and E the dual of ReLU and of its derivative:
 *
 *   S_0 = T_0 = w x.z / d + b;   S_l = w D(S_{l-1}) + b;   T_l = S_l + w E(S_{l-1}) T_{l-1},  l = 1..layers
 *   D = sqrt(a a' - c^2) / 2 pi + E c,   E = 1/2 - angle / 2 pi,   angle = atan2(sqrt(a a' - c^2), c)
 *
 * for an entry c of S with diagonal entries a, a'; k = T_layers. On the diagonal D = a / 2, E = 1/2. The
 * angle never goes through acos, which loses half the digits near the diagonal.
 * Sources: Cho & Saul, NIPS 2009; Jacot, Gabriel & Hongler, NeurIPS 2018, eq. (6).
 */
#include <math.h>

#include "core/clones.h"
#include "kernels/kernel.h"

enum { CHUNK = 256 };
static const double pi = 3.14159265358979323846;

/*
 * atan2 with the octant folded away and a rational function on [0, tan(pi/8) or so] (Cephes, Moshier
 * 1989): no branches, so that compilers vectorise it; the C library's takes ten times as long.
 */
STRATA_CLONES void kernel_angles(size_t count, const double *cosine, double *sine) {
    for (size_t j = 0; j < count; ++j) {
        double s = sine[j], c = cosine[j], size = fabs(c);
        double large = s >= size ? s : size, small = s >= size ? size : s;
        double ratio = small / (large > 0.0 ? large : 1.0);
        double folded = (ratio - 1.0) / (ratio + 1.0);
        double q = ratio > 0.66 ? folded : ratio, z = q * q;
        double top = (((-8.750608600031904122785e-1 * z - 1.615753718733365076637e1) * z - 7.500855792314704667340e1) *
                          z -
                      1.228866684490136173410e2) *
                         z -
                     6.485021904942025371773e1;
        double bottom =
            ((((z + 2.485846490142306297962e1) * z + 1.650270098316988542046e2) * z + 4.328810604912902668951e2) * z +
             4.853903996359136964868e2) *
                z +
            1.945506571482613964425e2;
        double angle = q + q * (z * top / bottom);
        angle = ratio > 0.66 ? 0.25 * pi + angle : angle;
        angle = s >= size ? 0.5 * pi - angle : angle;
        sine[j] = c < 0.0 ? pi - angle : angle;
    }
}

/* One layer for a chunk: c, t entries of S and T, `other` = a' (carried along), `own` = a. `angle` is scratch. */
STRATA_CLONES static void layer_pass(size_t count, double own, double w, double b, double *restrict other,
                                     double *restrict c, double *restrict t, double *restrict root,
                                     double *restrict angle) {
    for (size_t j = 0; j < count; ++j) {
        double square = own * other[j] - c[j] * c[j];
        root[j] = angle[j] = __builtin_sqrt(square > 0.0 ? square : 0.0);
    }
    kernel_angles(count, c, angle);
    for (size_t j = 0; j < count; ++j) {
        double derivative = 0.5 - angle[j] * (0.5 / pi), dual = root[j] * (0.5 / pi) + derivative * c[j];
        c[j] = w * dual + b;
        t[j] = c[j] + w * derivative * t[j];
        other[j] = 0.5 * w * other[j] + b;
    }
}

static void relu_ntk_row(const struct kernel_options *options, size_t dimension, size_t count, double xx,
                         const double *zz, double *values) {
    double w = options->weight_variance, b = options->bias_variance, per_input = w / (double)dimension;
    double other[CHUNK], c[CHUNK], root[CHUNK], angle[CHUNK];
    for (size_t first = 0; first < count; first += CHUNK) {
        size_t rest = count - first < CHUNK ? count - first : CHUNK;
        double own = per_input * xx + b, *t = values + first;
        for (size_t j = 0; j < rest; ++j) {
            t[j] = c[j] = per_input * t[j] + b;
            other[j] = per_input * zz[first + j] + b;
        }
        for (size_t l = 0; l < options->layers; ++l) {
            layer_pass(rest, own, w, b, other, c, t, root, angle);
            own = 0.5 * w * own + b;
        }
    }
}

static double relu_ntk_diagonal(const struct kernel_options *options, size_t dimension, double xx) {
    double w = options->weight_variance, b = options->bias_variance;
    double s = w / (double)dimension * xx + b, t = s;
    for (size_t l = 0; l < options->layers; ++l) {
        s = 0.5 * w * s + b;
        t = s + 0.5 * w * t;
    }
    return t;
}

const struct kernel_class kernel_relu_ntk = {
    .name = "relu_ntk",
    .formula = "T_L of the arc-cosine recursion",
    .source = "Jacot, Gabriel & Hongler 2018, eq. (6)",
    .row = relu_ntk_row,
    .diagonal = relu_ntk_diagonal,
};
