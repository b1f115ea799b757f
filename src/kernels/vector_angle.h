/* SPDX-License-Identifier: MIT */
/*
 * The angle of a point, atan2, in float64 without branches, so that loops over it vectorise; the C library's takes ten
 * times as long. Folded to |q| <= tan(pi / 8) before the one division, then a polynomial: the minimax one of
 * (atan(q) / q - 1) / q^2 in q^2, 6e-18 off.
 */
#ifndef KERNELS_VECTOR_ANGLE_H
#define KERNELS_VECTOR_ANGLE_H

#include <math.h>

/** Angle in [0, pi] of the point (cosine, sine), sine >= 0; pi / 2 at the origin. Within 4e-16 of atan2. */
static inline __attribute__((always_inline)) double vector_angle(double cosine, double sine) {
    const double quarter_pi = 0.78539816339744830962, tangent = 0.41421356237309504880;
    double size = fabs(cosine), large = sine >= size ? sine : size, small = sine >= size ? size : sine;
    large = large > 0.0 ? large : 1.0;
    double top = small > tangent * large ? small - large : small;
    double bottom = small > tangent * large ? small + large : large;
    double q = top / bottom, z = q * q;
    double p = -0.019176887119062258989;
    p = p * z + 0.039231658295587191303;
    p = p * z - 0.050854497379402598613;
    p = p * z + 0.058581489128022098816;
    p = p * z - 0.066645114473819480001;
    p = p * z + 0.076921831908260865637;
    p = p * z - 0.090909045781239018905;
    p = p * z + 0.11111111015256361727;
    p = p * z - 0.14285714284666542922;
    p = p * z + 0.19999999999995520678;
    p = p * z - 0.3333333333333333016;
    double angle = q + q * (z * p);
    angle = small > tangent * large ? quarter_pi + angle : angle;
    angle = sine >= size ? 2 * quarter_pi - angle : angle;
    return cosine < 0.0 ? 4 * quarter_pi - angle : angle;
}

#endif
