/* SPDX-License-Identifier: MIT */
/* From records to one number a seed and claim, tables and figures. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "studies/look.h"
#include "studies/purify/purify.h"
#include "studies/purify/purify_images.h"

/* ---- claims: a record, or the difference or ratio of two */

enum how { VALUE, MINUS, RATIO };

struct place {
    const char *task, *key;
};

static const struct {
    const char *id;
    enum how how;
    struct place a, b;
    const char *needs; /* a control runs where its claim's task does; NULL: everywhere */
} rules[] = {
    {"clean_accuracy", VALUE, {"networks", "clean.accuracy"}, {0}, NULL},
    {"clean_accuracy.shuffled", VALUE, {"controls", "shuffled.accuracy"}, {0}, NULL},
    {"nonrobust", VALUE, {"networks", "clean.worst"}, {0}, NULL},
    {"nonrobust.adversarial", VALUE, {"networks", "robust.worst"}, {0}, NULL},
    {"robust", VALUE, {"networks", "robust.worst"}, {0}, NULL},
    {"robust.random_direction", VALUE, {"networks", "noise.worst"}, {0}, NULL},
    {"robust.linearised", VALUE, {"controls", "linearised.worst"}, {0}, NULL},
    {"any", MINUS, {"networks", "robust.fgm"}, {"networks", "robust.worst"}, NULL},
    {"any.clean", MINUS, {"networks", "clean.fgm"}, {"networks", "clean.worst"}, NULL},
    {"certified", VALUE, {"networks", "robust.certified"}, {0}, NULL},
    {"certified.clean", VALUE, {"networks", "clean.certified"}, {0}, NULL},
    {"direction", VALUE, {"networks", "clean.direction"}, {0}, NULL},
    {"direction.other_labels", VALUE, {"networks", "clean.direction_random"}, {0}, NULL},
    {"dense", RATIO, {"networks", "clean.dense"}, {"networks", "robust.dense"}, NULL},
    {"dense.continued", RATIO, {"networks", "clean.dense"}, {"networks", "continued.dense"}, NULL},
    {"coherent", RATIO, {"networks", "clean.coherent"}, {"networks", "robust.coherent"}, NULL},
    {"coherent.random_direction", RATIO, {"networks", "clean.coherent"}, {"networks", "noise.coherent"}, NULL},
    {"from_clean", MINUS, {"networks", "from_clean.pgd"}, {"networks", "clean.pgd"}, NULL},
    {"from_clean.continued", MINUS, {"networks", "continued.pgd"}, {"networks", "clean.pgd"}, NULL},
    {"remove", MINUS, {"networks", "removed.pgd"}, {"networks", "clean.pgd"}, NULL},
    {"remove.random_direction", MINUS, {"networks", "removed_random.pgd"}, {"networks", "clean.pgd"}, NULL},
    {"implant", MINUS, {"networks", "robust.along"}, {"networks", "implanted.along"}, NULL},
    {"implant.random_sign", MINUS, {"networks", "robust.along"}, {"networks", "implanted_sign.along"}, NULL},
    {"sparse", MINUS, {"networks", "robust.worst"}, {"controls", "dense_robust.worst"}, NULL},
    {"sparse.dense", MINUS, {"controls", "dense_robust.worst"}, {"controls", "dense_other.worst"}, NULL},
    {"linear", VALUE, {"linear_form", "fit.worst"}, {0}, NULL},
    {"linear.network", VALUE, {"networks", "robust.worst"}, {0}, "linear_form"},
    {"random_features", VALUE, {"frozen_units", "fit.pgd"}, {0}, NULL},
    {"random_features.network", VALUE, {"networks", "robust.pgd"}, {0}, "frozen_units"},
    {"ntk_gap", MINUS, {"networks", "robust.pgd"}, {"gate_ntk", "fit.pgd"}, NULL},
    {"ntk_gap.network", MINUS, {"networks", "robust.pgd"}, {"networks", "from_clean.pgd"}, "gate_ntk"},
    {"cubic_gap", MINUS, {"networks", "robust.pgd"}, {"cubic", "fit.pgd"}, NULL},
    {"cubic_gap.network", MINUS, {"networks", "robust.pgd"}, {"networks", "from_clean.pgd"}, "cubic"},
    {"images", MINUS, {"images", "robust.pgd"}, {"images", "clean.pgd"}, NULL},
    {"images.continued", MINUS, {"images", "continued.pgd"}, {"images", "clean.pgd"}, NULL},
    {"attack_exact", VALUE, {"exact", "error"}, {0}, NULL},
    {"attack_exact.flipped", VALUE, {"exact", "error_flipped"}, {0}, NULL},
};

struct drawer {
    strata_context *ctx;
    const struct records *records;
    const struct settings *settings;
    struct summary *summary;
    size_t seeds;
};

/* False where the task was not planned. */
static bool value_at(const struct drawer *d, const struct place *place, size_t seed, double *value, char note[96]) {
    size_t step;
    *value = NAN;
    if (!records_has(d->records, "%s/seed=%zu", place->task, seed)) return false;
    *value = records_get(d->records, place->key, "%s/seed=%zu", place->task, seed);
    if (records_diverged(d->records, &step, "%s/seed=%zu", place->task, seed) && !note[0])
        snprintf(note, 96, "%s, seed %zu: diverged at step %zu", place->task, seed, step);
    return true;
}

static strata_status judge(const struct drawer *d, size_t rule) {
    double values[LOOK_MAX_SEEDS];
    size_t count = 0;
    char id[64], note[96] = "";
    for (size_t seed = 1; seed <= d->seeds && seed <= LOOK_MAX_SEEDS; ++seed) {
        double a, b = 0;
        if (rules[rule].needs && !records_has(d->records, "%s/seed=%zu", rules[rule].needs, seed)) continue;
        if (!value_at(d, &rules[rule].a, seed, &a, note)) continue;
        if (rules[rule].b.task && !value_at(d, &rules[rule].b, seed, &b, note)) continue;
        values[count++] = rules[rule].how == VALUE ? a : rules[rule].how == MINUS ? a - b : look_ratio(a, b);
    }
    if (count == 0) return STRATA_OK;
    snprintf(id, sizeof id, "purify.%s", rules[rule].id);
    return summary_claim(d->ctx, d->summary, id, count, values, note[0] ? note : NULL);
}

/* ---- statistics over seeds */

static size_t over_seeds(const struct drawer *d, const char *task, const char *key, double values[LOOK_MAX_SEEDS]) {
    size_t count = 0;
    for (size_t seed = 1; seed <= d->seeds && seed <= LOOK_MAX_SEEDS; ++seed) {
        double value = records_get(d->records, key, "%s/seed=%zu", task, seed);
        if (isfinite(value)) values[count++] = value;
    }
    return count;
}

static double mean_of(const struct drawer *d, const char *task, const char *name, const char *key) {
    double values[LOOK_MAX_SEEDS];
    char full[96];
    snprintf(full, sizeof full, "%s.%s", name, key);
    size_t count = over_seeds(d, task, full, values);
    return count ? interval_mean(count, values) : INFINITY; /* an empty cell */
}

static struct interval interval_of(const struct drawer *d, const char *task, const char *name, const char *key) {
    double values[LOOK_MAX_SEEDS];
    char full[96];
    snprintf(full, sizeof full, "%s.%s", name, key);
    return interval_student(over_seeds(d, task, full, values), values, INTERVAL_LINEAR);
}

/* Element `i` of arrays over seeds. */
static struct interval array_interval(const struct drawer *d, const char *name, const char *key, size_t i) {
    double values[LOOK_MAX_SEEDS];
    size_t count = 0;
    char full[96];
    snprintf(full, sizeof full, "%s.%s", name, key);
    for (size_t seed = 1; seed <= d->seeds && seed <= LOOK_MAX_SEEDS; ++seed) {
        const double *numbers;
        size_t size = records_array(d->records, full, &numbers, "networks/seed=%zu", seed);
        if (i < size && isfinite(numbers[i])) values[count++] = numbers[i];
    }
    return interval_student(count, values, INTERVAL_LINEAR);
}

/* ---- tables */

static strata_status draw_networks(const struct drawer *d) {
    static const char *const keys[] = {"accuracy", "fgm",   "pgd",       "apgd_ce", "universal", "transfer",
                                       "worst",    "along", "certified", "dense",   "coherent",  "outside"};
    static const char *const columns[] = {"network", "clean", "fgm",       "pgd",   "apgd_ce",  "universal", "transfer",
                                          "worst",   "along", "certified", "dense", "coherent", "outside"};
    static const char *const kinds[] = {PURIFY_NETWORKS, PURIFY_CONTROLS};
    STRATA_TRY(summary_table(d->ctx, d->summary, "networks", 13, columns));
    for (size_t k = 0; k < 2; ++k)
        for (const struct purify_phase *phase = purify_phases(kinds[k]); phase->name; ++phase) {
            double values[sizeof keys / sizeof *keys];
            if (!records_has(d->records, "%s/seed=1", kinds[k])) continue;
            for (size_t i = 0; i < sizeof keys / sizeof *keys; ++i)
                values[i] = mean_of(d, kinds[k], phase->name, keys[i]);
            STRATA_TRY(look_row(d->ctx, d->summary, "networks", 1, &phase->title, sizeof keys / sizeof *keys, values));
        }
    return STRATA_OK;
}

static const struct {
    const char *task, *name, *title;
} learners[] = {
    {"linear_form", "fit", "linear form"}, {"frozen_units", "fit", "random features"},
    {"gate_ntk", "fit", "tangent kernel"}, {"cubic", "fit", "cubic polynomial"},
    {"networks", "robust", "the network"},
};

static strata_status draw_learners(const struct drawer *d) {
    static const char *const columns[] = {"learner", "clean", "fgm", "pgd", "worst", "along"};
    STRATA_TRY(summary_table(d->ctx, d->summary, "learners", 6, columns));
    for (size_t i = 0; i < sizeof learners / sizeof *learners; ++i) {
        const char *task = learners[i].task, *name = learners[i].name;
        if (!records_has(d->records, "%s/seed=1", task)) continue;
        const double values[] = {mean_of(d, task, name, "accuracy"), mean_of(d, task, name, "fgm"),
                                 mean_of(d, task, name, "pgd"), mean_of(d, task, name, "worst"),
                                 mean_of(d, task, name, "along")};
        const struct interval pgd = interval_of(d, task, name, "pgd");
        STRATA_TRY(look_row(d->ctx, d->summary, "learners", 1, &learners[i].title, 5, values));
        STRATA_TRY(summary_rank(d->ctx, d->summary, "learners", learners[i].title, pgd.mean, pgd.low, pgd.high));
    }
    return STRATA_OK;
}

static strata_status draw_principle(const struct drawer *d) {
    static const char *const columns[] = {"measure", "value"};
    static const struct {
        const char *name, *key, *title;
    } rows[] = {
        {"cosine", "clean_start", "mean cosine of w with the start"},
        {"cosine", "tuned_clean", "mean cosine of w' with w"},
        {"cosine", "tuned_start", "mean cosine of w' with the start"},
        {"cosine", "robust_start", "mean cosine with the start, adversarial from scratch"},
        {"cosine", "same_atom", "share of units that keep their atom"},
        {"cosine", "explained", "share of w explained by w'"},
        {"cosine", "explained_robust", "share of w explained by adversarial from scratch"},
        {"change", "rank_1", "share of W' - W in its first singular direction"},
        {"change", "rank_5", "in the first 5"},
        {"change", "rank_10", "in the first 10"},
        {"change", "rank_50", "in the first 50"},
    };
    STRATA_TRY(summary_table(d->ctx, d->summary, "principle", 2, columns));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
        const double value = mean_of(d, PURIFY_NETWORKS, rows[i].name, rows[i].key);
        STRATA_TRY(look_row(d->ctx, d->summary, "principle", 1, &rows[i].title, 1, &value));
    }
    return STRATA_OK;
}

static strata_status draw_cases(const struct drawer *d, const char *key, const char *letter) {
    const double *list;
    size_t count = settings_numbers(d->settings, key, &list);
    for (size_t i = 0; i < count && i < PURIFY_MOST_CASES; ++i) {
        char task[48], title[32];
        snprintf(task, sizeof task, "scan/%s=%zu", letter, (size_t)llround(list[i]));
        snprintf(title, sizeof title, "%s = %zu", letter, (size_t)llround(list[i]));
        const char *const text = title;
        const double values[] = {mean_of(d, task, "clean", "accuracy"),  mean_of(d, task, "clean", "worst"),
                                 mean_of(d, task, "robust", "accuracy"), mean_of(d, task, "robust", "worst"),
                                 mean_of(d, task, "clean", "dense"),     mean_of(d, task, "robust", "dense")};
        STRATA_TRY(look_row(d->ctx, d->summary, "cases", 1, &text, 6, values));
    }
    return STRATA_OK;
}

/* ---- figures */

static strata_status draw_robustness(const struct drawer *d) {
    static const struct {
        const char *name, *key, *title;
    } series[] = {
        {"robust", "radii", "adversarial training"}, {"robust", "radii_certified", "adversarial training, certified"},
        {"clean", "radii", "clean training"},        {"clean", "radii_certified", "clean training, certified"},
        {"noise", "radii", "random directions"},
    };
    const double *radii;
    size_t count = settings_numbers(d->settings, "attack.radii", &radii);
    for (size_t s = 0; s < sizeof series / sizeof *series; ++s)
        for (size_t i = 0; i < count; ++i) {
            const struct interval at = array_interval(d, series[s].name, series[s].key, i);
            if (isfinite(at.mean))
                STRATA_TRY(summary_point(d->ctx, d->summary, "robustness", series[s].title, radii[i], at.mean, at.low,
                                         at.high));
        }
    return STRATA_OK;
}

static strata_status draw_purification(const struct drawer *d) {
    for (const struct purify_phase *phase = purify_phases(PURIFY_NETWORKS); phase->name; ++phase) {
        double before = phase->begins ? (double)settings_count(d->settings, "train.steps") : 0;
        for (size_t i = 0; i < PURIFY_LOOKS; ++i) {
            const struct interval step = array_interval(d, phase->name, "curve_steps", i),
                                  share = array_interval(d, phase->name, "curve_dense", i);
            if (isfinite(share.mean))
                STRATA_TRY(summary_point(d->ctx, d->summary, "purification", phase->title, before + step.mean,
                                         share.mean, NAN, NAN));
        }
    }
    return STRATA_OK;
}

static strata_status draw_interventions(const struct drawer *d) {
    static const char *const names[][2] = {{"clean", "clean network"},
                                           {"removed", "mixtures deleted"},
                                           {"removed_coherent", "coherent part deleted"},
                                           {"removed_random", "random direction deleted"},
                                           {"robust", "robust network"},
                                           {"implanted", "mixtures implanted"},
                                           {"implanted_sign", "with random signs"},
                                           {"implanted_random", "random vectors"},
                                           {"implanted_more", "mixtures times 1.5"}};
    static const char *const keys[][2] = {{"pgd", "under PGD"}, {"along", "along the labels"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
        for (size_t k = 0; k < 2; ++k) {
            const struct interval at = interval_of(d, PURIFY_NETWORKS, names[i][0], keys[k][0]);
            if (isfinite(at.mean))
                STRATA_TRY(summary_bar(d->ctx, d->summary, "interventions", keys[k][1], names[i][1], at.mean, at.low,
                                       at.high));
        }
    return STRATA_OK;
}

static strata_status draw_weights(const struct drawer *d) {
    static const char *const names[][2] = {
        {"clean", "clean"}, {"from_clean", "adversarial_from_clean"}, {"robust", "adversarial"}};
    for (size_t i = 0; i < 3; ++i) {
        const double *picture;
        char key[64];
        snprintf(key, sizeof key, "%s.picture", names[i][0]);
        size_t count = records_array(d->records, key, &picture, "networks/seed=1");
        size_t side = (size_t)lround(sqrt((double)count));
        if (side) STRATA_TRY(summary_tiles(d->ctx, d->summary, "weights", names[i][1], 1, side, side, picture));
    }
    return STRATA_OK;
}

strata_status purify_summarise(strata_context *ctx, const struct records *records, struct summary *summary) {
    static const char *const columns[] = {"case",         "clean_accuracy", "clean_worst", "robust_accuracy",
                                          "robust_worst", "clean_dense",    "robust_dense"};
    const struct drawer d = {ctx, records, records_settings(records), summary,
                             settings_count(records_settings(records), "study.seeds")};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; ++i) STRATA_TRY(judge(&d, i));
    STRATA_TRY(draw_networks(&d));
    STRATA_TRY(draw_learners(&d));
    STRATA_TRY(draw_principle(&d));
    STRATA_TRY(summary_table(ctx, summary, "cases", 7, columns));
    STRATA_TRY(draw_cases(&d, "study.dimensions", "d"));
    STRATA_TRY(draw_cases(&d, "study.sparsities", "k"));
    STRATA_TRY(draw_robustness(&d));
    STRATA_TRY(draw_purification(&d));
    STRATA_TRY(draw_interventions(&d));
    STRATA_TRY(draw_weights(&d));
    return purify_images_summarise(ctx, records, summary);
}
