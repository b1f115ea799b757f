/* SPDX-License-Identifier: MIT */
/*
 * Numbers per seed to a verdict. The interval is Student's t, 95 %, on the claim's scale; exact statements
 * have their worst case in place of an interval. A value that is not finite is a fit that diverged.
 */
#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "core/file.h"
#include "measure/interval.h"
#include "run/run.h"

enum { SEEDS_LEAST = 3 };

const char *verdict_name(enum verdict verdict) {
    static const char *const names[] = {
        [VERDICT_HOLDS] = "holds", [VERDICT_FAILS] = "fails", [VERDICT_INCONCLUSIVE] = "inconclusive"};
    return names[verdict];
}

const char *expectation_name(enum expectation expected) {
    static const char *const names[] = {[EXPECT_HOLDS] = "holds", [EXPECT_FAILS] = "fails", [EXPECT_OPEN] = "open"};
    return names[expected];
}

void claim_bound_text(const struct claim *claim, char text[64]) {
    char low[32], high[32];
    number_format(claim->low, low);
    number_format(claim->high, high);
    assert(!isnan(claim->low) && !isnan(claim->high) && (isfinite(claim->low) || isfinite(claim->high)));
    if (isinf(claim->high))
        snprintf(text, 64, ">= %s", low);
    else if (isinf(claim->low))
        snprintf(text, 64, "<= %s", high);
    else
        snprintf(text, 64, "in [%.24s, %.24s]", low, high);
}

/* The value that violates the bound most, or keeps it by least. */
static double worst_case(const struct claim *claim, size_t count, const double *values) {
    double worst = values[0], excess = -INFINITY;
    for (size_t i = 0; i < count; ++i) {
        double here = fmax(claim->low - values[i], values[i] - claim->high);
        if (here <= excess) continue;
        excess = here;
        worst = values[i];
    }
    return worst;
}

/* Equal values have no spread: no logarithm may move them across a bound that they meet. */
static struct interval claim_interval(const struct claim *claim, size_t count, const double *values) {
    bool logarithmic = claim->scale == SCALE_LOG;
    bool equal = count > 1;
    for (size_t i = 1; i < count; ++i) equal = equal && values[i] == values[0];
    if (equal && !(logarithmic && values[0] < 1e-12)) return (struct interval){values[0], values[0], values[0]};
    return interval_student(count, values, logarithmic ? INTERVAL_LOG : INTERVAL_LINEAR);
}

static enum verdict claim_verdict(const struct claim *claim, const struct claim_result *result) {
    if (result->diverged) return VERDICT_FAILS;
    if (result->seeds == 0 || (result->seeds < SEEDS_LEAST && !claim->exact)) return VERDICT_INCONCLUSIVE;
    if (result->low >= claim->low && result->high <= claim->high) return VERDICT_HOLDS;
    if (result->high < claim->low || result->low > claim->high) return VERDICT_FAILS;
    return VERDICT_INCONCLUSIVE;
}

void claim_evaluate(const struct claim *claim, size_t count, const double *values, struct claim_result *result) {
    *result = (struct claim_result){.measured = NAN, .low = NAN, .high = NAN, .seeds = count};
    for (size_t i = 0; i < count; ++i) result->diverged = result->diverged || !isfinite(values[i]);
    if (count > 0 && !result->diverged && claim->exact) {
        result->measured = result->low = result->high = worst_case(claim, count, values);
    } else if (count > 0 && !result->diverged) {
        struct interval interval = claim_interval(claim, count, values);
        result->measured = interval.mean;
        result->low = interval.low;
        result->high = interval.high;
    }
    result->verdict = claim_verdict(claim, result);
}
