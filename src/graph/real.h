/* SPDX-License-Identifier: MIT */
/* The precision of the file being compiled: REAL_BITS is 32 or 64, OP_VARIANT names the instruction set. */
#ifndef GRAPH_REAL_H
#define GRAPH_REAL_H

#include <math.h>

#define REAL_JOIN_(a, b, c) a##_f##b##_##c
#define REAL_JOIN(a, b, c)  REAL_JOIN_(a, b, c)
/** name_f32_v3 and so on: one symbol per precision and instruction set. */
#define REAL_NAME(name)     REAL_JOIN(name, REAL_BITS, OP_VARIANT)
#define OP_CLASS(name)      REAL_NAME(op_##name)

#if REAL_BITS == 32
typedef float real;
#define REAL(function) function##f /* REAL(exp)(x) */
#elif REAL_BITS == 64
typedef double real;
#define REAL(function) function
#else
#error "REAL_BITS must be 32 or 64"
#endif

#endif
