/* SPDX-License-Identifier: MIT */
/* What hidden weights and adversarial perturbations are made of, and what changing the weights by hand does. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "linalg/linalg.h"
#include "measure/mixture.h"
#include "studies/purify/purify.h"

enum { CONTROL_DIRECTION = 1 << 20 }; /* index of a stream that no row has */

static double inner(size_t count, const float *a, const float *b) {
    double sum = 0;
    for (size_t j = 0; j < count; ++j) sum += (double)a[j] * (double)b[j];
    return sum;
}

static double cosine(size_t count, const float *a, const float *b) {
    double lengths = sqrt(inner(count, a, a) * inner(count, b, b));
    return lengths > 0 ? inner(count, a, b) / lengths : 0;
}

/* ---- perturbations */

/* Share of |delta|^2 outside the atoms that a row is made of. */
static double outside_share(const struct sparse_coding *coding, const float *z, const float *delta) {
    size_t d = coding->options.dimension;
    double all = inner(d, delta, delta), inside = 0;
    for (size_t j = 0; j < d; ++j) {
        if (z[j] == 0) continue;
        double share = inner(d, delta, coding->atoms + j * d);
        inside += share * share;
    }
    return all > 0 ? 1 - inside / all : 0;
}

static strata_status measure_perturbations(strata_context *ctx, struct task_run *run, const char *name,
                                           struct threshold_net *net, const struct sparse_coding *coding,
                                           const struct purify_test *test) {
    const strata_function function = threshold_net_function(net);
    size_t d = test->inputs;
    float *points = mem_zero(test->rows * d, sizeof *points), *mean = mem_zero(d, sizeof *mean),
          *random = mem_zero(d, sizeof *random);
    double outside = 0, each = 0;
    strata_status status = STRATA_OK;
    if (!points || !mean || !random) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for perturbations"));
    STRATA_GO(purify_points(ctx, run, &function, test, settings_number(task_run_settings(run), "adversarial.epsilon"),
                            points));
    for (size_t r = 0; r < test->rows; ++r) {
        float *delta = points + r * d, sign = test->labels[r] ? -1 : 1;
        for (size_t j = 0; j < d; ++j) {
            delta[j] -= test->x[r * d + j];
            mean[j] += sign * delta[j];
        }
        outside += outside_share(coding, test->z + r * d, delta) / (double)test->rows;
        each += (double)sign * cosine(d, delta, coding->direction) / (double)test->rows;
    }
    for (size_t j = 0; j < d; ++j) { /* the direction of other labels */
        uint32_t word;
        rng_bits(rng_stream_at(task_run_stream(run, RNG_PROBE), CONTROL_DIRECTION), j, 1, &word);
        for (size_t c = 0; c < d; ++c) random[c] += (word & 1 ? 1.f : -1.f) * coding->atoms[j * d + c];
    }
    STRATA_GO(purify_keep(ctx, run, name, "outside", outside));
    STRATA_GO(purify_keep(ctx, run, name, "direction", cosine(d, mean, coding->direction)));
    STRATA_GO(purify_keep(ctx, run, name, "direction_each", each));
    STRATA_GO(purify_keep(ctx, run, name, "direction_random", cosine(d, mean, random)));
cleanup:
    mem_free(points);
    mem_free(mean);
    mem_free(random);
    return status;
}

/* ---- weights */

/* The neurons that weigh most, sorted by their atom: shares |<w_i, M_j>| / |w_i| as a picture. */
static strata_status keep_picture(strata_context *ctx, struct task_run *run, const char *name,
                                  const struct threshold_net *net, const struct sparse_coding *coding,
                                  const uint32_t *dominant) {
    size_t d = net->inputs, units = 0, shown = PURIFY_PICTURE_UNITS < d ? PURIFY_PICTURE_UNITS : d;
    double *picture = mem_zero(shown * shown, sizeof *picture);
    char key[64];
    if (!picture) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a picture of weights");
    for (size_t atom = 0; atom < d && units < shown; ++atom) { /* for every atom its largest neuron */
        size_t best = net->width;
        double most = 0;
        for (size_t i = 0; i < net->width; ++i) {
            double square = inner(d, net->weights + i * d, net->weights + i * d);
            if (dominant[i] == atom && square > most) most = square, best = i;
        }
        for (size_t j = 0; best < net->width && j < shown; ++j)
            picture[units * shown + j] = fabs(inner(d, net->weights + best * d, coding->atoms + j * d)) / sqrt(most);
        ++units;
    }
    snprintf(key, sizeof key, "%s.picture", name);
    strata_status status = task_record_array(ctx, run, key, shown * shown, picture);
    mem_free(picture);
    return status;
}

strata_status purify_geometry(strata_context *ctx, struct task_run *run, const char *name, struct threshold_net *net,
                              const struct sparse_coding *coding, const struct purify_test *test) {
    size_t m = net->width, d = net->inputs;
    float *residuals = mem_zero(m * d, sizeof *residuals);
    uint32_t *dominant = mem_zero(m, sizeof *dominant);
    struct mixture mixture;
    strata_status status = STRATA_OK;
    if (!residuals || !dominant) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for residuals"));
    mixture_split(m, d, net->weights, coding->atoms, residuals, dominant);
    STRATA_GO(mixture_measure(ctx, m, d, net->weights, residuals, coding->direction, &mixture));
    STRATA_GO(purify_keep(ctx, run, name, "purity", mixture.purity));
    STRATA_GO(purify_keep(ctx, run, name, "dense", 1 - mixture.purity));
    STRATA_GO(purify_keep(ctx, run, name, "coherent", mixture.coherent));
    STRATA_GO(purify_keep(ctx, run, name, "residual", mixture.residual));
    STRATA_GO(purify_keep(ctx, run, name, "alignment", mixture.alignment));
    STRATA_GO(purify_keep(ctx, run, name, "energy", mixture.energy));
    if (task_run_task(run)->replicate == 1) STRATA_GO(keep_picture(ctx, run, name, net, coding, dominant));
    STRATA_GO(measure_perturbations(ctx, run, name, net, coding, test));
cleanup:
    mem_free(residuals);
    mem_free(dominant);
    return status;
}

/* ---- interventions */

/* What a change by hand may read: rows of one neuron. */
struct neuron {
    size_t inputs, index;
    const float *residual;  /* v_i of the clean network */
    const float *direction; /* w^ */
    const float *random;    /* a unit vector */
    double scale;           /* |w_i| of the robust network over that of the clean one */
    struct rng_stream stream;
    float *weights; /* to be changed */
};

static void add(size_t count, double factor, const float *row, float *weights) {
    for (size_t j = 0; j < count; ++j) weights[j] += (float)(factor * (double)row[j]);
}

static void remove_residual(const struct neuron *neuron) { add(neuron->inputs, -1, neuron->residual, neuron->weights); }

static void remove_coherent(const struct neuron *neuron) {
    add(neuron->inputs, -inner(neuron->inputs, neuron->residual, neuron->direction), neuron->direction,
        neuron->weights);
}

static void remove_random(const struct neuron *neuron) {
    add(neuron->inputs, -inner(neuron->inputs, neuron->residual, neuron->random), neuron->random, neuron->weights);
}

static void implant(const struct neuron *neuron) {
    add(neuron->inputs, neuron->scale, neuron->residual, neuron->weights);
}

static void implant_more(const struct neuron *neuron) {
    add(neuron->inputs, 1.5 * neuron->scale, neuron->residual, neuron->weights);
}

static void implant_sign(const struct neuron *neuron) {
    uint32_t word;
    rng_bits(rng_stream_at(neuron->stream, neuron->index), 0, 1, &word);
    add(neuron->inputs, word & 1 ? neuron->scale : -neuron->scale, neuron->residual, neuron->weights);
}

/* A random vector as long as the residual; drawn in blocks so that any number of inputs fits. */
static void implant_random(const struct neuron *neuron) {
    enum { BLOCK = 64 };
    double draws[BLOCK], square = 0, length = sqrt(inner(neuron->inputs, neuron->residual, neuron->residual));
    for (int pass = 0; pass < 2; ++pass) /* its length first */
        for (size_t begin = 0; begin < neuron->inputs; begin += BLOCK) {
            size_t count = neuron->inputs - begin < BLOCK ? neuron->inputs - begin : BLOCK;
            rng_normal_f64(rng_stream_at(rng_stream_sub(neuron->stream, neuron->index), begin), count, draws);
            for (size_t j = 0; j < count; ++j)
                if (pass == 0)
                    square += draws[j] * draws[j];
                else
                    neuron->weights[begin + j] += (float)(neuron->scale * length / sqrt(square) * draws[j]);
        }
}

static const struct {
    const char *name, *base;
    void (*change)(const struct neuron *neuron);
} interventions[] = {
    {"removed", "clean", remove_residual},      {"removed_coherent", "clean", remove_coherent},
    {"removed_random", "clean", remove_random}, {"implanted", "robust", implant},
    {"implanted_sign", "robust", implant_sign}, {"implanted_random", "robust", implant_random},
    {"implanted_more", "robust", implant_more},
};

static strata_status intervene(strata_context *ctx, struct task_run *run, struct purify_trained *trained, size_t index,
                               const float *residuals, const float *random, const struct sparse_coding *coding,
                               const struct purify_test *test) {
    const struct threshold_net *clean = purify_find(trained, "clean"), *robust = purify_find(trained, "robust");
    const struct threshold_net *base = purify_find(trained, interventions[index].base);
    const char *name = interventions[index].name;
    size_t d = clean->inputs;
    struct threshold_net net;
    double accuracy = NAN;
    STRATA_TRY(threshold_net_create(ctx, clean->width, d, &net));
    memcpy(net.weights, base->weights, net.width * d * sizeof *net.weights);
    for (size_t i = 0; i < net.width; ++i) {
        const float *from = clean->weights + i * d, *to = robust->weights + i * d;
        double square = inner(d, from, from);
        interventions[index].change(&(struct neuron){.inputs = d,
                                                     .index = i,
                                                     .residual = residuals + i * d,
                                                     .direction = coding->direction,
                                                     .random = random,
                                                     .scale = square > 0 ? sqrt(inner(d, to, to) / square) : 0,
                                                     .stream = rng_stream_sub(task_run_stream(run, RNG_PROBE), 1),
                                                     .weights = net.weights + i * d});
    }
    threshold_net_set_thresholds(&net, base->beta);
    const strata_function function = threshold_net_function(&net);
    strata_status status = purify_accuracy(ctx, run, "pgd", &function, test,
                                           settings_number(task_run_settings(run), "adversarial.epsilon"), &accuracy);
    if (status == STRATA_OK) status = purify_keep(ctx, run, name, "pgd", accuracy);
    if (status == STRATA_OK) status = purify_along(ctx, run, name, &function, coding, test);
    threshold_net_destroy(&net);
    return status;
}

strata_status purify_interventions(strata_context *ctx, struct task_run *run, struct purify_trained *trained,
                                   const struct sparse_coding *coding, const struct purify_test *test) {
    const struct threshold_net *clean = purify_find(trained, "clean");
    size_t d = clean->inputs;
    float *residuals = mem_zero(clean->width * d, sizeof *residuals), *random = mem_zero(d, sizeof *random);
    strata_status status = STRATA_OK;
    if (!residuals || !random) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for residuals"));
    mixture_split(clean->width, d, clean->weights, coding->atoms, residuals, NULL);
    attack_norm_find("l2")->random_on_sphere(rng_stream_sub(task_run_stream(run, RNG_PROBE), 2), d, random);
    for (size_t i = 0; i < sizeof interventions / sizeof *interventions; ++i)
        STRATA_GO(intervene(ctx, run, trained, i, residuals, random, coding, test));
cleanup:
    mem_free(residuals);
    mem_free(random);
    return status;
}

/* ---- the paper's principle for weights: w = beta w' + v */

static strata_status initial_net(strata_context *ctx, struct task_run *run, const struct threshold_net *like,
                                 struct threshold_net *net) {
    const struct settings *settings = task_run_settings(run);
    STRATA_TRY(threshold_net_create(ctx, like->width, like->inputs, net));
    threshold_net_initialise(net, task_run_stream(run, RNG_INIT), settings_number(settings, "network.initial_scale"));
    return STRATA_OK;
}

static double mean_cosine(const struct threshold_net *a, const struct threshold_net *b) {
    double sum = 0;
    for (size_t i = 0; i < a->width; ++i)
        sum += cosine(a->inputs, a->weights + i * a->inputs, b->weights + i * a->inputs);
    return sum / (double)a->width;
}

/* Share of sum |beta w'|^2 in sum |w|^2, beta = <w, w'> / |w'|^2. */
static double explained(const struct threshold_net *from, const struct threshold_net *to) {
    double part = 0, all = 0;
    for (size_t i = 0; i < from->width; ++i) {
        const float *w = from->weights + i * from->inputs, *other = to->weights + i * from->inputs;
        double square = inner(from->inputs, w, w), share = cosine(from->inputs, w, other);
        all += square;
        part += square * share * share;
    }
    return all > 0 ? part / all : NAN;
}

static double same_atom(const struct threshold_net *a, const uint32_t *atoms, const uint32_t *others) {
    size_t same = 0;
    for (size_t i = 0; i < a->width; ++i) same += atoms[i] == others[i];
    return (double)same / (double)a->width;
}

strata_status purify_spectrum(strata_context *ctx, size_t rows, size_t columns, double *matrix, size_t count,
                              const size_t *ranks, double *parts, double *all) {
    size_t least = rows < columns ? rows : columns;
    double *singular = mem_zero(least, sizeof *singular);
    *all = 0;
    if (!singular) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for singular values");
    strata_status status = linalg_svd(ctx, rows, columns, matrix, NULL, singular, NULL);
    for (size_t i = 0; i < least; ++i) *all += singular[i] * singular[i];
    for (size_t k = 0; k < count; ++k) {
        parts[k] = 0;
        for (size_t i = 0; i < least && i < ranks[k]; ++i) parts[k] += singular[i] * singular[i];
    }
    mem_free(singular);
    return status;
}

enum { RANKS = 4 };

/* Shares of |W' - W|^2 in its first singular directions. */
static strata_status keep_ranks(strata_context *ctx, struct task_run *run, const struct threshold_net *from,
                                const struct threshold_net *to) {
    static const size_t ranks[RANKS] = {1, 5, 10, 50};
    size_t m = from->width, d = from->inputs;
    double *change = mem_zero(m * d, sizeof *change), parts[RANKS], all;
    if (!change) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for singular values");
    for (size_t i = 0; i < m * d; ++i) change[i] = (double)to->weights[i] - (double)from->weights[i];
    strata_status status = purify_spectrum(ctx, m, d, change, RANKS, ranks, parts, &all);
    mem_free(change);
    for (size_t k = 0; status == STRATA_OK && k < RANKS; ++k) {
        char key[32];
        snprintf(key, sizeof key, "rank_%zu", ranks[k]);
        status = purify_keep(ctx, run, "change", key, all > 0 ? parts[k] / all : NAN);
    }
    return status;
}

strata_status purify_principle(strata_context *ctx, struct task_run *run, struct purify_trained *trained,
                               const struct sparse_coding *coding) {
    const struct threshold_net *clean = purify_find(trained, "clean"), *tuned = purify_find(trained, "from_clean"),
                               *robust = purify_find(trained, "robust");
    size_t m = clean->width, d = clean->inputs;
    struct threshold_net start = {0};
    float *residuals = mem_zero(m * d, sizeof *residuals);
    uint32_t *atoms = mem_zero(2 * m, sizeof *atoms);
    strata_status status = STRATA_OK;
    if (!residuals || !atoms) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for residuals"));
    STRATA_GO(initial_net(ctx, run, clean, &start));
    mixture_split(m, d, clean->weights, coding->atoms, residuals, atoms);
    mixture_split(m, d, tuned->weights, coding->atoms, residuals, atoms + m);
    STRATA_GO(purify_keep(ctx, run, "cosine", "clean_start", mean_cosine(clean, &start)));
    STRATA_GO(purify_keep(ctx, run, "cosine", "tuned_clean", mean_cosine(tuned, clean)));
    STRATA_GO(purify_keep(ctx, run, "cosine", "tuned_start", mean_cosine(tuned, &start)));
    STRATA_GO(purify_keep(ctx, run, "cosine", "robust_start", mean_cosine(robust, &start)));
    STRATA_GO(purify_keep(ctx, run, "cosine", "same_atom", same_atom(clean, atoms, atoms + m)));
    STRATA_GO(purify_keep(ctx, run, "cosine", "explained", explained(clean, tuned)));
    STRATA_GO(purify_keep(ctx, run, "cosine", "explained_robust", explained(clean, robust)));
    STRATA_GO(keep_ranks(ctx, run, clean, tuned));
cleanup:
    threshold_net_destroy(&start);
    mem_free(residuals);
    mem_free(atoms);
    return status;
}
