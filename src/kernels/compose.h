/* SPDX-License-Identifier: MIT */
/* One layer of a compositional kernel; both kinds keep the diagonal. */
#ifndef KERNELS_COMPOSE_H
#define KERNELS_COMPOSE_H

#include <stddef.h>

#define COMPOSE_CHOICES "arc_cosine|exponential"
enum compose_kind { COMPOSE_ARC_COSINE, COMPOSE_EXPONENTIAL };

/**
 * c[j], the layer below of rows whose own values are a and b[j], becomes the arc-cosine kernel of order 1 of it, or
 * s exp(rate (c / s - 1)) with s = sqrt(a b).
 */
void compose_row(enum compose_kind kind, double rate, size_t count, double a, const double *b, double *c);

#endif
