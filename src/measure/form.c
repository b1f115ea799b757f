/* SPDX-License-Identifier: MIT */
/* Quadratic form of a layer with quadratic activations, and its distance from another up to scale. */
#include "measure/form.h"

#include <math.h>

#include "core/memory.h"
#include "linalg/linalg.h"

strata_status form_of_layer(strata_context *ctx, size_t units, size_t dimension, const double *a, const double *o,
                            double *form) {
    size_t cells = 0;
    STRATA_TRY(mem_product(ctx, units, dimension, "quadratic form", &cells));
    double *scaled = mem_zero(cells, sizeof *scaled);
    if (!scaled) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a quadratic form of %zu units", units);
    for (size_t i = 0; i < cells; ++i) scaled[i] = o[i / dimension] * a[i];
    linalg_gemm_f64(TRANSPOSED, AS_IS, dimension, dimension, units, 1.0, a, dimension, scaled, dimension, 0.0, form,
                    dimension);
    mem_free(scaled);
    return STRATA_OK;
}

double form_error(size_t dimension, const double *form, const double *target) {
    size_t cells = dimension * dimension;
    double form_square = 0.0, target_square = 0.0, product = 0.0, residual = 0.0;
    for (size_t i = 0; i < cells; ++i) {
        form_square += form[i] * form[i];
        target_square += target[i] * target[i];
        product += form[i] * target[i];
    }
    if (!(form_square > 0.0 && target_square > 0.0)) return NAN;
    /* |Q - s Q*|^2 / |Q|^2 at s = <Q, Q*> / |Q*|^2 has the same least value, and it is defined at <Q, Q*> = 0. */
    double scale = product / target_square;
    for (size_t i = 0; i < cells; ++i) residual += (form[i] - scale * target[i]) * (form[i] - scale * target[i]);
    return residual / form_square;
}
