/* SPDX-License-Identifier: MIT */
/* From records to one number per seed and claim. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "studies/bfc/bfc.h"

/* ---- values per seed ---- */

static double worst_error(struct look *look, const char *learner) {
    const double *depths;
    size_t count = settings_numbers(look->settings, "study.depths", &depths);
    double worst = 0;
    for (size_t i = 0; i < count; ++i) {
        double error = look_get(look, "test_error", learner, BFC_DEPTH, (size_t)depths[i]);
        if (isnan(error)) return NAN;
        worst = fmax(worst, error);
    }
    return worst;
}

static double efficient(struct look *look) { return worst_error(look, "sgd_joint"); }
static double efficient_two_layer(struct look *look) { return worst_error(look, "two_layer"); }

static double correction_in(struct look *look, const char *learner, const char *case_) {
    return look_ratio(look_get(look, "stage1.feature_error.1", learner, "%s", case_),
                      look_get(look, "feature_error.1", learner, "%s", case_));
}

static double correction_of(struct look *look, const char *learner) {
    const double *depths;
    char case_[32];
    if (settings_numbers(look->settings, "study.depths", &depths) == 0) return NAN;
    snprintf(case_, sizeof case_, BFC_DEPTH, (size_t)depths[0]);
    return correction_in(look, learner, case_);
}

static double correction(struct look *look) { return correction_of(look, "sgd_staged"); }
static double correction_frozen(struct look *look) { return correction_of(look, "layerwise"); }
static double correction_cut(struct look *look) { return correction_of(look, "staged_cut"); }
static double correction_paper(struct look *look) { return correction_of(look, "paper"); }
static double correction_paper_frozen(struct look *look) { return correction_of(look, "paper_frozen"); }
static double correction_paper_cut(struct look *look) { return correction_of(look, "paper_cut"); }

/* Slope over the gaps of log form error; `no_upper` tasks have one stage, so their end is what stage 1 leaves. */
static double bias_slope(struct look *look, bool no_upper) {
    const double *gaps;
    double x[64], y[64];
    size_t count = settings_numbers(look->settings, "study.gaps", &gaps);
    if (count > 64) count = 64;
    for (size_t i = 0; i < count; ++i) {
        char gap[32], case_[64];
        bfc_number_text(gaps[i], gap);
        bfc_gap_case(look->settings, gaps[i], "layerwise", case_);
        x[i] = log(gaps[i]);
        y[i] = log(no_upper ? look_get(look, "form_error", "layerwise", BFC_NO_UPPER, gap)
                            : look_get(look, "stage1.form_error", "layerwise", "%s", case_));
    }
    if (count < 2) look->absent = true;
    return count < 2 ? NAN : least_squares_slope(count, x, y);
}

static double bias(struct look *look) { return bias_slope(look, false); }
static double bias_no_upper(struct look *look) { return bias_slope(look, true); }

/* Largest, or smallest, of a value over the gaps. */
static double over_gaps(struct look *look, double (*value)(struct look *, double gap, const char *learner),
                        const char *learner, bool largest) {
    const double *gaps;
    size_t count = settings_numbers(look->settings, "study.gaps", &gaps);
    double worst = NAN;
    for (size_t i = 0; i < count; ++i) {
        double one = value(look, gaps[i], learner);
        if (isnan(one)) return NAN;
        worst = i == 0 ? one : largest ? fmax(worst, one) : fmin(worst, one);
    }
    if (count == 0) look->absent = true;
    return worst;
}

static double at_gap(struct look *look, double gap, const char *learner, const char *key) {
    char case_[64];
    bfc_gap_case(look->settings, gap, learner, case_);
    return look_get(look, key, learner, "%s", case_);
}

static double bias_kept(struct look *look, double gap, const char *learner) {
    return at_gap(look, gap, learner, "form_error") / at_gap(look, gap, learner, "stage1.form_error");
}

static double bias_removed(struct look *look) { return over_gaps(look, bias_kept, "sgd_staged", true); }
static double bias_removed_cut(struct look *look) { return over_gaps(look, bias_kept, "staged_cut", true); }

static double layerwise(struct look *look) {
    const double *depths;
    size_t count = settings_numbers(look->settings, "study.depths", &depths);
    double least = INFINITY;
    for (size_t i = 0; i < count; ++i) {
        double ratio = look_ratio(look_get(look, "test_error", "layerwise", BFC_DEPTH, (size_t)depths[i]),
                                  look_get(look, "test_error", "sgd_joint", BFC_DEPTH, (size_t)depths[i]));
        if (isnan(ratio)) return NAN;
        least = fmin(least, ratio);
    }
    return least;
}

static double in_case(struct look *look, const char *case_) {
    return look_ratio(look_get(look, "test_error", "layerwise", "%s", case_),
                      look_get(look, "test_error", "sgd_joint", "%s", case_));
}

static double layerwise_linear_teacher(struct look *look) { return in_case(look, BFC_LINEAR_TEACHER); }

static double amplified_against(struct look *look, bool longer) {
    const double *depths;
    size_t count = settings_numbers(look->settings, "study.depths", &depths);
    double least = INFINITY;
    for (size_t i = 0; i < count; ++i)
        for (size_t l = 1; l < (size_t)depths[i]; ++l) {
            char key[48];
            snprintf(key, sizeof key, "feature_error.%zu", l);
            double frozen = look_get(look, key, "layerwise", BFC_DEPTH, (size_t)depths[i]);
            double other = longer ? look_get(look, key, "layerwise", BFC_LONGER, (size_t)depths[i])
                                  : look_get(look, key, "sgd_staged", BFC_DEPTH, (size_t)depths[i]);
            if (isnan(frozen) || isnan(other)) return NAN;
            least = fmin(least, look_ratio(frozen, other));
        }
    return least;
}

static double amplified(struct look *look) { return amplified_against(look, false); }
static double amplified_longer(struct look *look) { return amplified_against(look, true); }

static double sample_exponent(struct look *look, const char *learner, const char *dimension_key, const char *size_key) {
    const double *dimensions;
    double x[64], y[64];
    size_t count = settings_numbers(look->settings, dimension_key, &dimensions), found = 0;
    for (size_t i = 0; i < count && found < 64; ++i) {
        double needed = bfc_samples_needed(look, learner, size_key, (size_t)dimensions[i]);
        if (!isfinite(needed)) continue; /* outside the grid: the table shows it */
        x[found] = log(dimensions[i]);
        y[found++] = log(needed);
    }
    if (count < 2) look->absent = true;
    return found < 2 ? NAN : least_squares_slope(found, x, y);
}

static double samples(struct look *look) {
    return sample_exponent(look, "sgd_joint", "study.dimensions", "study.sample_sizes");
}
static double samples_kernel(struct look *look) {
    return sample_exponent(look, "krr_poly4", "study.kernel_dimensions", "study.kernel_sample_sizes");
}

static double kernel_gap(struct look *look) {
    size_t n = settings_count(look->settings, "study.kernel_train_size"),
           rivals = settings_names(look->settings, "kernel.list");
    double joint = look_get(look, "test_error", "sgd_joint", BFC_FEW, n), least = INFINITY;
    for (size_t i = 0; i < rivals; ++i) {
        double ratio = look_ratio(
            look_get(look, "test_error", settings_name(look->settings, "kernel.list", i), BFC_FEW, n), joint);
        if (isnan(ratio)) return NAN;
        least = fmin(least, ratio);
    }
    if (rivals == 0) look->absent = true;
    return least;
}

static double kernel_gap_degree_two(struct look *look) {
    size_t n = settings_count(look->settings, "study.kernel_train_size");
    return look_ratio(look_get(look, "test_error", "krr_poly2", BFC_FEW_GAP_ZERO, n),
                      look_get(look, "test_error", "sgd_joint", BFC_FEW_GAP_ZERO, n));
}

static double classification(struct look *look) { return look_get(look, "test_error", "sgd_joint", BFC_LABELS); }
static double classification_linear(struct look *look) { return look_get(look, "test_error", "linear", BFC_LABELS); }
static double classification_layerwise(struct look *look) { return in_case(look, BFC_LABELS); }
static double classification_layerwise_linear_teacher(struct look *look) {
    return in_case(look, BFC_LABELS_LINEAR_TEACHER);
}
static double classification_correction(struct look *look) { return correction_in(look, "sgd_staged", BFC_LABELS); }
static double classification_correction_frozen(struct look *look) {
    return correction_in(look, "layerwise", BFC_LABELS);
}
static double classification_correction_cut(struct look *look) { return correction_in(look, "staged_cut", BFC_LABELS); }

static double gap_ratio(struct look *look, double gap, const char *learner) {
    return look_ratio(at_gap(look, gap, learner, "test_error"), at_gap(look, gap, "sgd_joint", "test_error"));
}

static double gap(struct look *look) { return over_gaps(look, gap_ratio, "layerwise", false); }
static double gap_zero(struct look *look) { return gap_ratio(look, 0, "layerwise"); }

static double real_difference(struct look *look, const char *activation) {
    return 100 * (look_get(look, "test_accuracy", "dense_joint", "images/%s", activation) -
                  look_get(look, "test_accuracy", "dense_greedy", "images/%s", activation));
}

static double real(struct look *look) { return real_difference(look, "relu"); }
static double real_linear(struct look *look) { return real_difference(look, "identity"); }

/* ---- the table ---- */

struct rule {
    const char *id;
    double (*value)(struct look *look);
    enum bfc_seeds seeds;
};

static const struct rule rules[] = {
    {"bfc.efficient", efficient, SEEDS_USUAL},
    {"bfc.efficient.two_layer", efficient_two_layer, SEEDS_USUAL},
    {"bfc.correction", correction, SEEDS_WIDE},
    {"bfc.correction.frozen", correction_frozen, SEEDS_USUAL},
    {"bfc.correction.cut", correction_cut, SEEDS_WIDE},
    {"bfc.correction_paper", correction_paper, SEEDS_WIDE},
    {"bfc.correction_paper.frozen", correction_paper_frozen, SEEDS_WIDE},
    {"bfc.correction_paper.cut", correction_paper_cut, SEEDS_WIDE},
    {"bfc.bias", bias, SEEDS_USUAL},
    {"bfc.bias.no_upper", bias_no_upper, SEEDS_USUAL},
    {"bfc.bias_removed", bias_removed, SEEDS_WIDE},
    {"bfc.bias_removed.cut", bias_removed_cut, SEEDS_WIDE},
    {"bfc.layerwise", layerwise, SEEDS_USUAL},
    {"bfc.layerwise.linear_teacher", layerwise_linear_teacher, SEEDS_USUAL},
    {"bfc.amplified", amplified, SEEDS_WIDE},
    {"bfc.amplified.longer", amplified_longer, SEEDS_WIDE},
    {"bfc.samples", samples, SEEDS_FEW},
    {"bfc.samples.kernel", samples_kernel, SEEDS_FEW},
    {"bfc.kernel_gap", kernel_gap, SEEDS_FEW},
    {"bfc.kernel_gap.degree_two", kernel_gap_degree_two, SEEDS_FEW},
    {"bfc.classification", classification, SEEDS_USUAL},
    {"bfc.classification.linear", classification_linear, SEEDS_USUAL},
    {"bfc.classification_layerwise", classification_layerwise, SEEDS_USUAL},
    {"bfc.classification_layerwise.linear_teacher", classification_layerwise_linear_teacher, SEEDS_USUAL},
    {"bfc.classification_correction", classification_correction, SEEDS_USUAL},
    {"bfc.classification_correction.frozen", classification_correction_frozen, SEEDS_USUAL},
    {"bfc.classification_correction.cut", classification_correction_cut, SEEDS_USUAL},
    {"bfc.gap", gap, SEEDS_USUAL},
    {"bfc.gap.zero", gap_zero, SEEDS_USUAL},
    {"bfc.real", real, SEEDS_USUAL},
    {"bfc.real.linear", real_linear, SEEDS_USUAL},
};

strata_status bfc_summarise(strata_context *ctx, const struct records *records, struct summary *summary) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; ++i)
        STRATA_TRY(look_claim(ctx, records, summary, rules[i].id,
                              bfc_seed_count(records_settings(records), rules[i].seeds), rules[i].value));
    return bfc_draw(ctx, records, summary);
}
