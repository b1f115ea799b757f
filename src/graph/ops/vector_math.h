/* SPDX-License-Identifier: MIT */
/*
 * exp, erf, tanh and the normal distribution function over `real`. In float64 they are the C library's; in
 * float32 branch-free polynomials that a compiler vectorises, within 2 ulp of the exact value (the distribution
 * function: within 2^-23), with NaN kept and overflow to infinity or 0; tests sweep them against the C library.
 *
 * exp: reduction to |r| <= ln(2) / 2 and the polynomial of Cephes' expf, scaled by 2^n in two halves so that
 * subnormals come out. tanh: Cephes' tanhf. erf: an odd polynomial near 0, else 1 - exp(-q(|x|)), q fitted to
 * -log erfc on [0.9, 4.2] with least maximal error times sqrt(erfc); exp(-q) also gives the normal
 * distribution's lower tail without cancellation.
 */
#ifndef GRAPH_OPS_VECTOR_MATH_H
#define GRAPH_OPS_VECTOR_MATH_H

#include <stdint.h>
#include <string.h>

#include "graph/real.h"

#define REAL_CONSTANT(value) ((real)(value))
/* A call left in a loop forbids its vectorisation. */
#define VECTOR_INLINE        static inline __attribute__((always_inline))

#if REAL_BITS == 64

VECTOR_INLINE double real_exp(double x) { return exp(x); }
VECTOR_INLINE double real_erf(double x) { return erf(x); }
VECTOR_INLINE double real_tanh(double x) { return tanh(x); }
VECTOR_INLINE double real_normal_cdf(double x) { return 0.5 * erfc(x * -0.70710678118654752440); }

#else

VECTOR_INLINE uint32_t float_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* 2^n for -126 <= n <= 127; n as two's complement. */
VECTOR_INLINE float float_power_of_two(uint32_t n) {
    uint32_t bits = (n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

VECTOR_INLINE float real_exp(float x) {
    const float to_integer = 0x1.8p23f; /* adding it rounds to the nearest integer, found in the low bits */
    float y = x > 100.0f ? 100.0f : x;  /* beyond: infinity and 0 all the same */
    y = y < -120.0f ? -120.0f : y;
    float shifted = y * 1.44269504f + to_integer, n = shifted - to_integer;
    float r = y - n * 0.693359375f; /* exact: this part of ln(2) has 9 bits */
    r = r - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    uint32_t whole = float_bits(shifted) - float_bits(to_integer);
    uint32_t half = (whole >> 1) | (whole & UINT32_C(0x80000000)); /* floor(n / 2), signed */
    return p * float_power_of_two(half) * float_power_of_two(whole - half);
}

/* erf(x) for |x| <= 0.92. */
VECTOR_INLINE float float_erf_centre(float x) {
    float s = x * x;
    float p = -5.99104969e-4f;
    p = p * s + 4.99339588e-3f;
    p = p * s - 2.67667342e-2f;
    p = p * s + 1.12818025e-1f;
    p = p * s - 3.76124859e-1f;
    p = p * s + 1.28379151e-1f;
    return p * x + x;
}

/* 1 - erf(t) for t >= 0.92. */
VECTOR_INLINE float float_erf_rest(float t) {
    float p = 1.70845155e-5f;
    p = p * t - 3.81203630e-4f;
    p = p * t + 3.87816782e-3f;
    p = p * t - 2.42546727e-2f;
    p = p * t + 1.06799292e-1f;
    p = p * t + 6.34818508e-1f;
    p = p * t + 1.28728312e-1f;
    return real_exp(-(p * t + t));
}

VECTOR_INLINE float real_erf(float x) {
    float t = fabsf(x), tail = copysignf(1.0f - float_erf_rest(t), x), centre = float_erf_centre(x);
    return t > 0.921875f ? tail : centre;
}

VECTOR_INLINE float real_tanh(float x) {
    float t = fabsf(x), z = x * x;
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    float centre = p * z * x + x, tail = copysignf(1.0f - 2.0f / (real_exp(2.0f * t) + 1.0f), x);
    return t > 0.625f ? tail : centre;
}

/* (1 + erf(x / sqrt 2)) / 2 */
VECTOR_INLINE float real_normal_cdf(float x) {
    float z = x * 0.70710678f, t = fabsf(z), rest = 0.5f * float_erf_rest(t);
    float tail = x < 0 ? rest : 1.0f - rest, centre = 0.5f + 0.5f * float_erf_centre(z);
    return t > 0.921875f ? tail : centre;
}

#endif

#endif
