/* SPDX-License-Identifier: MIT */
/*
 * Is it the network that is robust, or the attack that failed? Checks after Carlini et al. 2019 ("On Evaluating
 * Adversarial Robustness") and what users of attack libraries stumble over; docs/attacks.md describes each.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attack/suite.h"
#include "core/file.h"
#include "core/memory.h"

static const double MASKED = 0.002, UNCONVERGED = 0.01, FULL_BALL = 0.01, STUCK = 0.01, REPEATED = 1e-4;
enum { LONG_STEPS = 200, LOOKED_AT = 256 };

/* What the checks share: rows, and a place for points and flags. */
struct trust {
    const struct attack_target *target;
    const struct attack_options *options;
    struct attack_rows rows;
    float *points;
    bool *alive, *white; /* rows that white-box attacks leave standing */
    struct attack_check *checks;
    size_t *count;
};

static struct attack_check *begin(struct trust *trust, const char *id) {
    struct attack_check *check = &trust->checks[(*trust->count)++];
    *check = (struct attack_check){.id = id, .ran = true};
    return check;
}

static strata_status survivors(strata_context *ctx, struct trust *trust, const char *name,
                               const struct attack_options *options, struct attack_result *result, double *share) {
    struct attack_result own;
    memset(trust->alive, true, trust->rows.rows * sizeof *trust->alive);
    STRATA_TRY(attack_run(ctx, attack_find(name), trust->target, options, &trust->rows, trust->alive, trust->points,
                          result ? result : &own));
    size_t standing = 0;
    for (size_t r = 0; r < trust->rows.rows; ++r) standing += trust->alive[r];
    *share = (double)standing / (double)trust->rows.rows;
    return STRATA_OK;
}

static strata_status check_still(strata_context *ctx, struct trust *trust) {
    const strata_function *function = &trust->target->functions[0];
    struct attack_options still = *trust->options;
    struct attack_check *check = begin(trust, "epsilon_zero");
    size_t outputs = function->outputs, right = 0;
    double share;
    float *out = mem_zero(trust->rows.rows * outputs, sizeof *out);
    if (!out) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu rows", trust->rows.rows);
    strata_status status = strata_function_evaluate(ctx, function, trust->rows.rows, trust->rows.x, out);
    for (size_t r = 0; status == STRATA_OK && r < trust->rows.rows; ++r)
        right += !attack_broken(outputs, out + r * outputs, trust->rows.labels[r]);
    mem_free(out);
    STRATA_TRY(status);
    still.epsilon = 0;
    STRATA_TRY(survivors(ctx, trust, function->vjp ? "pgd" : "random", &still, NULL, &share));
    double clean = (double)right / (double)trust->rows.rows;
    check->passed = share == clean;
    snprintf(check->text, sizeof check->text, "at radius 0 the accuracy is %.4g, the clean one %.4g", share, clean);
    return STRATA_OK;
}

static strata_status check_repeated(strata_context *ctx, struct trust *trust) {
    const strata_function *function = &trust->target->functions[0];
    struct attack_check *check = begin(trust, "repeatable");
    size_t numbers = trust->rows.rows * function->outputs;
    float *out = mem_zero(2 * numbers, sizeof *out);
    double largest = 0;
    if (!out) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu rows", trust->rows.rows);
    strata_status status = strata_function_evaluate(ctx, function, trust->rows.rows, trust->rows.x, out);
    if (status == STRATA_OK)
        status = strata_function_evaluate(ctx, function, trust->rows.rows, trust->rows.x, out + numbers);
    for (size_t i = 0; status == STRATA_OK && i < numbers; ++i)
        largest = fmax(largest, fabs((double)out[i] - (double)out[numbers + i]));
    mem_free(out);
    check->passed = largest <= REPEATED;
    snprintf(check->text, sizeof check->text, "two evaluations differ by at most %.3g%s", largest,
             check->passed ? "" : ": a randomised model; attack and judge the mean of 20 draws");
    return status;
}

static void check_monotone(struct trust *trust, size_t count, const struct suite_report *reports) {
    struct attack_check *check = begin(trust, "monotone");
    check->passed = true;
    check->ran = count > 1;
    for (size_t i = 1; i < count; ++i) check->passed = check->passed && reports[i].robust <= reports[i - 1].robust;
    snprintf(check->text, sizeof check->text, "robust accuracy %s as the radius grows",
             !check->ran     ? "was measured at one radius only"
             : check->passed ? "does not rise"
                             : "rises");
}

/* Where no classifier can be right: the whole box, or ten times the length of a median row. */
static strata_status full_radius(strata_context *ctx, const struct trust *trust, double *radius) {
    size_t d = trust->target->functions[0].inputs;
    if (isfinite(trust->target->high - trust->target->low)) {
        bool cube = trust->options->norm->kind == ATTACK_LINF;
        *radius = (trust->target->high - trust->target->low) * (cube ? 1 : sqrt((double)d));
        return STRATA_OK;
    }
    double *lengths = mem_zero(trust->rows.rows, sizeof *lengths);
    if (!lengths) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu rows", trust->rows.rows);
    for (size_t r = 0; r < trust->rows.rows; ++r) lengths[r] = trust->options->norm->length(d, trust->rows.x + r * d);
    qsort(lengths, trust->rows.rows, sizeof *lengths, number_compare);
    *radius = 10 * lengths[trust->rows.rows / 2];
    mem_free(lengths);
    return STRATA_OK;
}

static strata_status check_full(strata_context *ctx, struct trust *trust) {
    struct attack_options options = *trust->options;
    struct attack_check *check = begin(trust, "full_ball");
    double share;
    STRATA_TRY(full_radius(ctx, trust, &options.epsilon));
    STRATA_TRY(survivors(ctx, trust, "pgd", &options, NULL, &share));
    check->passed = share <= FULL_BALL;
    snprintf(check->text, sizeof check->text,
             "at radius %.4g, where everything is allowed, accuracy is %.4g (expected "
             "at most %g)",
             options.epsilon, share, FULL_BALL);
    return STRATA_OK;
}

/* PGD against one step, against more steps, and the gradients it met; leaves its survivors in trust->white. */
static strata_status check_gradient_attacks(strata_context *ctx, struct trust *trust) {
    struct attack_options longer = *trust->options;
    struct attack_result result;
    double fgm, pgd, more;
    STRATA_TRY(survivors(ctx, trust, "fgm", trust->options, NULL, &fgm));
    STRATA_TRY(survivors(ctx, trust, "pgd", trust->options, &result, &pgd));
    memcpy(trust->white, trust->alive, trust->rows.rows * sizeof *trust->white);
    struct attack_check *check = begin(trust, "pgd_beats_fgm");
    check->passed = pgd <= fgm;
    snprintf(check->text, sizeof check->text, "accuracy %.4g under PGD, %.4g under one step", pgd, fgm);
    check = begin(trust, "gradients");
    double share = (double)result.counts.stuck_rows / (double)trust->rows.rows;
    check->passed = share <= STUCK && result.counts.wild_gradients == 0;
    snprintf(check->text, sizeof check->text,
             "first gradients of zero on %.3g of the rows, %llu gradients not finite%s", share,
             (unsigned long long)result.counts.wild_gradients,
             check->passed ? "" : ": those rows were tried again on the margin from random starts");
    longer.steps = longer.steps > LONG_STEPS ? 2 * longer.steps : LONG_STEPS;
    STRATA_TRY(survivors(ctx, trust, "pgd", &longer, NULL, &more));
    check = begin(trust, "converged");
    check->passed = pgd - more <= UNCONVERGED;
    snprintf(check->text, sizeof check->text, "PGD of %zu steps leaves %.4g, of %zu steps %.4g", trust->options->steps,
             pgd, longer.steps, more);
    return STRATA_OK;
}

/* Rows that white-box attacks left, and an attack without gradients breaks. */
static strata_status check_masking(strata_context *ctx, struct trust *trust, const char *name, const char *id,
                                   double limit, const char *meaning) {
    const struct attack_class *attack = attack_find(name);
    struct attack_result result;
    if (!attack || !(attack->norms & trust->options->norm->kind) || (attack->surrogate && !trust->target->surrogate))
        return STRATA_OK;
    struct attack_check *check = begin(trust, id);
    memcpy(trust->alive, trust->white, trust->rows.rows * sizeof *trust->alive);
    STRATA_TRY(
        attack_run(ctx, attack, trust->target, trust->options, &trust->rows, trust->alive, trust->points, &result));
    double share = (double)result.broken / (double)trust->rows.rows;
    check->passed = share <= limit;
    snprintf(check->text, sizeof check->text, "%s breaks %.4g of the rows that PGD did not%s%s", name, share,
             check->passed ? "" : ": ", check->passed ? "" : meaning);
    return STRATA_OK;
}

/* Without a derivative nothing but outputs can be asked, and nothing be said of gradients. */
static void check_no_gradients(struct trust *trust) {
    struct attack_check *check = begin(trust, "gradients");
    check->ran = false;
    check->passed = true;
    snprintf(check->text, sizeof check->text,
             "the model has no derivative: only attacks on its outputs ran, and others might find more");
}

/*
 * A suite in which an attack without gradients came after others with them has the answer already, and for all of its
 * attacks: what it broke then.
 */
static bool masking_in_suite(struct trust *trust, const struct suite_report *report, const char *name) {
    const struct suite_entry *entry = NULL;
    bool white = false;
    for (size_t i = 0; i < report->entry_count && !entry; ++i) {
        if (strcmp(report->entries[i].attack->name, name) == 0) entry = &report->entries[i];
        white = white || (!entry && report->entries[i].attack->gradient);
    }
    if (!entry || !white || report->rows == 0) return false;
    struct attack_check *check = begin(trust, "masking");
    double share = (double)entry->result.broken / (double)report->rows;
    check->passed = share <= MASKED;
    snprintf(check->text, sizeof check->text, "%s breaks %.4g of the rows that no attack before it did%s", name, share,
             check->passed ? "" : ": the gradients are masked");
    return true;
}

static strata_status run_checks(strata_context *ctx, struct trust *trust, size_t report_count,
                                const struct suite_report *reports) {
    STRATA_TRY(check_still(ctx, trust));
    check_monotone(trust, report_count, reports);
    if (!trust->target->functions[0].vjp) {
        check_no_gradients(trust);
        return check_repeated(ctx, trust);
    }
    STRATA_TRY(check_full(ctx, trust));
    STRATA_TRY(check_gradient_attacks(ctx, trust));
    STRATA_TRY(check_masking(ctx, trust, "random", "noise_floor", MASKED, "random points beat the gradient"));
    if (report_count == 0 || !masking_in_suite(trust, &reports[report_count - 1], "square"))
        STRATA_TRY(check_masking(ctx, trust, "square", "masking", MASKED, "the gradients are masked"));
    STRATA_TRY(check_masking(ctx, trust, "transfer", "transfer", MASKED, "the gradients are masked"));
    return check_repeated(ctx, trust);
}

strata_status attack_trust(strata_context *ctx, const struct attack_target *target,
                           const struct attack_options *options, const struct attack_rows *rows, size_t report_count,
                           const struct suite_report *reports, struct attack_check checks[SUITE_MOST_CHECKS],
                           size_t *check_count) {
    size_t count = rows->rows < LOOKED_AT ? rows->rows : LOOKED_AT, d = target->functions[0].inputs;
    struct trust trust = {.target = target,
                          .options = options,
                          .rows = {.rows = count, .x = rows->x, .labels = rows->labels},
                          .points = mem_zero(count * d + 1, sizeof(float)),
                          .alive = mem_zero(count + 1, sizeof(bool)),
                          .white = mem_zero(count + 1, sizeof(bool)),
                          .checks = checks,
                          .count = check_count};
    strata_status status = STRATA_OK;
    *check_count = 0;
    if (!trust.points || !trust.alive || !trust.white)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu rows", count));
    if (count > 0) STRATA_GO(run_checks(ctx, &trust, report_count, reports));
cleanup:
    mem_free(trust.points);
    mem_free(trust.alive);
    mem_free(trust.white);
    return status;
}

bool attack_trusted(size_t count, const struct attack_check *checks) {
    for (size_t i = 0; i < count; ++i)
        if (checks[i].ran && !checks[i].passed) return false;
    return true;
}
