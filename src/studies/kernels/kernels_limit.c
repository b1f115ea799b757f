/* SPDX-License-Identifier: MIT */
/* Tangent kernels of random finite networks against the closed form of infinite width. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "kernels/dense_ntk.h"
#include "studies/kernels/kernels.h"

enum { ROWS = 12, INPUTS = 10 };

struct limit {
    strata_context *ctx;
    struct task_run *run;
    struct kernel kernel;
    bool mean_field;
    double x[ROWS * INPUTS], gram[ROWS * ROWS];
};

/* Relative root mean square deviation of one network's kernel. Mean field: what a network of its width should have. */
static strata_status deviation(struct limit *limit, size_t width, size_t network, double *square) {
    double finite[ROWS * ROWS], difference = 0, norm = 0;
    struct rng_stream stream = task_run_stream(limit->run, RNG_INIT);
    stream = rng_stream_sub(rng_stream_sub(stream, width), network);
    STRATA_TRY(finite_ntk_gram(limit->ctx, &limit->kernel, width, limit->mean_field, stream, ROWS, limit->x, finite));
    for (size_t i = 0; i < ROWS * ROWS; ++i) {
        difference += (finite[i] - limit->gram[i]) * (finite[i] - limit->gram[i]);
        norm += limit->gram[i] * limit->gram[i];
    }
    *square = difference / norm;
    return STRATA_OK;
}

static strata_status measure(struct limit *limit) {
    const double *widths;
    const struct settings *settings = task_run_settings(limit->run);
    size_t count = settings_numbers(settings, "limit.widths", &widths),
           networks = settings_count(settings, "limit.networks");
    double *deviations = mem_zero(count, sizeof *deviations);
    if (!deviations) return strata_fail(limit->ctx, STRATA_ERR_MEMORY, "out of memory for %zu widths", count);
    strata_status status = STRATA_OK;
    for (size_t w = 0; status == STRATA_OK && w < count; ++w) {
        double sum = 0, square = 0;
        for (size_t k = 0; status == STRATA_OK && k < networks; ++k, sum += square)
            status = deviation(limit, (size_t)llround(widths[w]), k, &square);
        deviations[w] = sqrt(sum / (double)networks);
        task_progress(limit->run, (double)(w + 1) / (double)count);
    }
    if (status == STRATA_OK) status = task_record_array(limit->ctx, limit->run, "deviation", count, deviations);
    mem_free(deviations);
    return status;
}

strata_status kernels_run_limit(strata_context *ctx, struct task_run *run) {
    const struct settings *settings = task_run_settings(run);
    struct limit limit = {.ctx = ctx, .run = run};
    limit.mean_field = strstr(task_run_task(run)->id, "/" CASE_MEAN_FIELD "/") != NULL;
    rng_normal_f64(task_run_stream(run, RNG_TRAIN_INPUT), ROWS * INPUTS, limit.x);
    STRATA_TRY(kernel_create(ctx, settings_text(settings, "kernel.name"), ROWS, limit.x, INPUTS, NULL, &limit.kernel));
    STRATA_TRY(kernel_gram(ctx, NULL, &limit.kernel, ROWS, limit.x, ROWS, limit.x, limit.gram));
    return measure(&limit);
}
