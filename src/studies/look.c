/* SPDX-License-Identifier: MIT */
#include "studies/look.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

double look_get(struct look *look, const char *key, const char *learner, const char *case_format, ...) {
    char case_[96];
    va_list arguments;
    va_start(arguments, case_format);
    vsnprintf(case_, sizeof case_, case_format, arguments);
    va_end(arguments);
    if (!records_has(look->records, "%s/%s/seed=%zu", learner, case_, look->seed)) {
        look->absent = true;
        return NAN;
    }
    size_t step;
    if (records_diverged(look->records, &step, "%s/%s/seed=%zu", learner, case_, look->seed) && !look->note[0])
        snprintf(look->note, sizeof look->note, "seed %zu: %s diverged at step %zu", look->seed, learner, step);
    double value = records_get(look->records, key, "%s/%s/seed=%zu", learner, case_, look->seed);
    /*
     * A finished fit without the record: the measure does not apply, such as a form error where layer 1 is no form of
     * x.
     */
    if (isnan(value) && !records_diverged(look->records, &step, "%s/%s/seed=%zu", learner, case_, look->seed))
        look->absent = true;
    return value;
}

size_t look_array(struct look *look, const char *key, const double **values, const char *learner,
                  const char *case_format, ...) {
    char case_[96];
    va_list arguments;
    va_start(arguments, case_format);
    vsnprintf(case_, sizeof case_, case_format, arguments);
    va_end(arguments);
    size_t count = records_array(look->records, key, values, "%s/%s/seed=%zu", learner, case_, look->seed);
    if (count == 0) look->absent = true;
    return count;
}

strata_status look_claim(strata_context *ctx, const struct records *records, struct summary *summary, const char *id,
                         size_t seeds, double (*value)(struct look *look)) {
    double values[LOOK_MAX_SEEDS];
    struct look look = {.records = records, .settings = records_settings(records)};
    for (look.seed = 1; look.seed <= seeds; ++look.seed) values[look.seed - 1] = value(&look);
    if (look.absent) return STRATA_OK;
    return summary_claim(ctx, summary, id, seeds, values, look.note[0] ? look.note : NULL);
}

double look_ratio(double a, double b) {
    const double floor = 1e-6;
    if (isnan(a) || isnan(b)) return NAN;
    return fmax(a, floor) / fmax(b, floor);
}

bool look_interval(const struct records *records, size_t seeds, const char *key, const char *learner, const char *case_,
                   enum interval_scale scale, struct interval *interval) {
    double values[LOOK_MAX_SEEDS];
    size_t count = 0;
    for (size_t seed = 1; seed <= seeds && seed <= LOOK_MAX_SEEDS; ++seed) {
        double value = records_get(records, key, "%s/%s/seed=%zu", learner, case_, seed);
        if (isfinite(value)) values[count++] = value;
    }
    *interval = interval_student(count, values, scale);
    return count > 0;
}

strata_status look_row(strata_context *ctx, struct summary *summary, const char *table, size_t text_count,
                       const char *const *texts, size_t count, const double *values) {
    STRATA_TRY(summary_row(ctx, summary, table));
    for (size_t i = 0; i < text_count; ++i) STRATA_TRY(summary_cell_text(ctx, summary, table, texts[i]));
    for (size_t i = 0; i < count; ++i)
        STRATA_TRY(isinf(values[i]) ? summary_cell_text(ctx, summary, table, "")
                                    : summary_cell(ctx, summary, table, values[i]));
    return STRATA_OK;
}
