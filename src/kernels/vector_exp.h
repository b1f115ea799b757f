/* SPDX-License-Identifier: MIT */
/*
 * exp in float64 without branches, so that loops over it vectorise: reduction to |r| <= ln(2) / 2 and Cephes' rational
 * function (Moshier 1989), within 2 ulp. Below -708 it is 0, above 709 infinite; NaN stays NaN.
 */
#ifndef KERNELS_VECTOR_EXP_H
#define KERNELS_VECTOR_EXP_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline __attribute__((always_inline)) double vector_exp(double x) {
    const double to_integer = 0x1.8p52; /* adding it rounds to the nearest integer, found in the low bits */
    double y = x > 708.0 ? 708.0 : x;
    y = y < -708.0 ? -708.0 : y;
    double shifted = y * 1.4426950408889634074 + to_integer, n = shifted - to_integer;
    double r = y - n * 6.93145751953125e-1;
    r -= n * 1.42860682030941723212e-6;
    double s = r * r;
    double p = r * ((1.26177193074810590878e-4 * s + 3.02994407707441961300e-2) * s + 9.99999999999999999910e-1);
    double q = ((3.00198505138664455042e-6 * s + 2.52448340349684104192e-3) * s + 2.27265548208155028766e-1) * s + 2.0;
    uint64_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    double value = (1.0 + 2.0 * p / (q - p)) * power;
    value = x < -708.0 ? 0.0 : value;
    return x > 709.0 ? (double)INFINITY : value;
}

#endif
