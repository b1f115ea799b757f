/* SPDX-License-Identifier: MIT */
/*
 * FGM and PGD adversarial training (Goodfellow et al. 2015; Madry et al. 2018), fast adversarial training with random
 * start (Wong et al. 2020), TRADES (Zhang et al. 2019), free adversarial training (Shafahi et al. 2019), and training
 * on random directions as a control.
 */
#include "learn/adversary.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"

enum { LOOK_STEPS = 10 };
static const double BESIDE = 1e-3;

/* ---- losses by hand: their derivative to the logits ---- */

static void softmax(size_t outputs, const float *logits, double *p) {
    double top = (double)logits[0], sum = 0;
    for (size_t i = 1; i < outputs; ++i) top = fmax(top, (double)logits[i]);
    for (size_t i = 0; i < outputs; ++i) sum += p[i] = exp((double)logits[i] - top);
    for (size_t i = 0; i < outputs; ++i) p[i] /= sum;
}

/* Probabilities of two classes from one logit, so that one form of the divergence serves. */
static size_t probabilities(size_t outputs, const float *logits, double *p) {
    if (outputs > 1) {
        softmax(outputs, logits, p);
        return outputs;
    }
    p[1] = 1 / (1 + exp(-(double)logits[0]));
    p[0] = 1 - p[1];
    return 2;
}

enum { MOST_CLASSES = 4096 };

static size_t label_of(const struct adversary *self, const float *y, size_t row) {
    return self->task == TASK_REGRESSION ? 0 : (size_t)y[row];
}

/* Derivative of a row's own loss: the direction in which it is wrong. */
static void loss_seed(const struct adversary *self, const float *logits, const float *y, size_t row, float *seed) {
    if (self->task == TASK_REGRESSION) {
        for (size_t i = 0; i < self->outputs; ++i) seed[i] = logits[i] - y[row * self->outputs + i];
        return;
    }
    size_t label = label_of(self, y, row);
    if (self->outputs == 1) {
        seed[0] = label ? -1.f : 1.f;
        return;
    }
    (void)attack_loss_cross_entropy.value(self->outputs, logits, (uint32_t)label, 0, seed);
}

struct seed_job {
    struct adversary *self;
    const float *y;
};

static void loss_seeds(void *user, size_t first, size_t rows, const float *out, float *seed) {
    const struct seed_job *job = user;
    size_t outputs = job->self->outputs;
    for (size_t r = 0; r < rows; ++r) loss_seed(job->self, out + r * outputs, job->y, first + r, seed + r * outputs);
}

/* d/dz' KL(p || p') = p' - p; `logits` of the clean rows are in self->logits. */
static void divergence_seeds(void *user, size_t first, size_t rows, const float *out, float *seed) {
    const struct adversary *self = ((struct seed_job *)user)->self;
    size_t outputs = self->outputs;
    double p[MOST_CLASSES], q[MOST_CLASSES];
    for (size_t r = 0; r < rows; ++r) {
        (void)probabilities(outputs, self->logits + (first + r) * outputs, p);
        (void)probabilities(outputs, out + r * outputs, q);
        for (size_t i = 0; i < outputs; ++i) seed[r * outputs + i] = (float)(outputs == 1 ? q[1] - p[1] : q[i] - p[i]);
    }
}

double adversary_pair_loss(const struct adversary *self, const float *logits, const float *y, float *seeds) {
    size_t outputs = self->outputs, rows = self->batch;
    double p[MOST_CLASSES], q[MOST_CLASSES], loss = 0, share = 1 / (double)rows, beta = self->trades_weight;
    for (size_t r = 0; r < rows; ++r) {
        const float *clean = logits + r * outputs, *moved = logits + (rows + r) * outputs;
        size_t classes = probabilities(outputs, clean, p), label = label_of(self, y, r);
        double divergence = 0, ratio[2] = {0};
        (void)probabilities(outputs, moved, q);
        for (size_t i = 0; i < classes; ++i) {
            double log_ratio = log(fmax(p[i], 1e-30)) - log(fmax(q[i], 1e-30));
            divergence += p[i] * log_ratio;
            if (i < 2) ratio[i] = log_ratio;
        }
        loss += share * (beta * divergence - log(fmax(p[label], 1e-30)));
        for (size_t i = 0; i < outputs; ++i) {
            size_t c = outputs == 1 ? 1 : i;
            double log_ratio = outputs == 1 ? ratio[1] : log(fmax(p[i], 1e-30)) - log(fmax(q[i], 1e-30));
            double own = p[c] - (c == label ? 1 : 0) + beta * p[c] * (log_ratio - divergence);
            seeds[r * outputs + i] = (float)(share * own);
            seeds[(rows + r) * outputs + i] = (float)(share * beta * (q[c] - p[c]));
        }
    }
    return loss;
}

/* ---- moving rows ---- */

static void project(const struct adversary *self, const float *x, float *moved) {
    for (size_t r = 0; r < self->batch; ++r)
        self->norm->project(self->inputs, x + r * self->inputs, self->epsilon, self->low, self->high,
                            moved + r * self->inputs);
}

/* moved += length * steepest direction of `gradients`, then back into ball and box. */
static void climb(struct adversary *self, const float *x, double length, float *moved) {
    for (size_t r = 0; r < self->batch; ++r) {
        float *gradient = self->gradients + r * self->inputs, *point = moved + r * self->inputs;
        self->norm->steepest(self->inputs, gradient, gradient);
        for (size_t j = 0; j < self->inputs; ++j) point[j] += (float)length * gradient[j];
    }
    project(self, x, moved);
}

static strata_status loss_gradients(strata_context *ctx, struct adversary *self, const float *moved, const float *y) {
    struct seed_job job = {self, y};
    return strata_function_pull(ctx, self->function, self->batch, moved, loss_seeds, &job, NULL, self->gradients);
}

static strata_status move_fgm(strata_context *ctx, struct adversary *self, const float *x, const float *y,
                              float *moved) {
    STRATA_TRY(loss_gradients(ctx, self, moved, y));
    climb(self, x, self->epsilon, moved);
    return STRATA_OK;
}

static strata_status ascend(strata_context *ctx, struct adversary *self, size_t steps, const float *x, const float *y,
                            float *moved) {
    double length = self->norm->step(steps) * self->epsilon;
    for (size_t step = 0; step < steps; ++step) {
        STRATA_TRY(loss_gradients(ctx, self, moved, y));
        climb(self, x, length, moved);
    }
    return STRATA_OK;
}

static void start_randomly(struct adversary *self, bool sphere, const float *x, float *moved) {
    struct rng_stream stream = rng_stream_sub(self->stream, self->step);
    for (size_t r = 0; r < self->batch; ++r) {
        float *draw = self->gradients + r * self->inputs;
        if (sphere)
            self->norm->random_on_sphere(rng_stream_at(stream, r), self->inputs, draw);
        else
            self->norm->random_in_ball(rng_stream_at(stream, r), self->inputs, draw);
        for (size_t j = 0; j < self->inputs; ++j) moved[r * self->inputs + j] += (float)self->epsilon * draw[j];
    }
    project(self, x, moved);
}

static strata_status move_pgd(strata_context *ctx, struct adversary *self, const float *x, const float *y,
                              float *moved) {
    start_randomly(self, false, x, moved);
    return ascend(ctx, self, self->steps, x, y, moved);
}

static strata_status move_fast(strata_context *ctx, struct adversary *self, const float *x, const float *y,
                               float *moved) {
    start_randomly(self, false, x, moved);
    STRATA_TRY(loss_gradients(ctx, self, moved, y));
    climb(self, x, self->alpha * self->epsilon, moved);
    return STRATA_OK;
}

static strata_status move_noise(strata_context *ctx, struct adversary *self, const float *x, const float *y,
                                float *moved) {
    (void)ctx, (void)y;
    start_randomly(self, true, x, moved);
    return STRATA_OK;
}

/* At x itself the divergence has no gradient: begin beside it. */
static strata_status move_trades(strata_context *ctx, struct adversary *self, const float *x, const float *y,
                                 float *moved) {
    struct seed_job job = {self, y};
    struct rng_stream stream = rng_stream_sub(self->stream, self->step);
    STRATA_TRY(strata_function_evaluate(ctx, self->function, self->batch, x, self->logits));
    rng_normal_rows_f32(stream, 0, self->batch, self->inputs, self->gradients);
    for (size_t i = 0; i < self->batch * self->inputs; ++i) moved[i] += (float)BESIDE * self->gradients[i];
    project(self, x, moved);
    for (size_t step = 0; step < self->steps; ++step) {
        STRATA_TRY(strata_function_pull(ctx, self->function, self->batch, moved, divergence_seeds, &job, NULL,
                                        self->gradients));
        climb(self, x, self->epsilon / 4, moved);
    }
    return STRATA_OK;
}

/* Where the steps before, on this batch and the one before it, have moved rows of that place to. */
static strata_status move_freely(strata_context *ctx, struct adversary *self, const float *x, const float *y,
                                 float *moved) {
    (void)ctx, (void)y;
    for (size_t i = 0; i < self->batch * self->inputs; ++i) moved[i] += self->offsets[i];
    project(self, x, moved);
    return STRATA_OK;
}

void adversary_follow(struct adversary *self, const float *x, const double *gradient) {
    size_t numbers = self->batch * self->inputs;
    for (size_t i = 0; i < numbers; ++i) self->gradients[i] = (float)gradient[i];
    climb(self, x, self->epsilon, self->moved);
    for (size_t i = 0; i < numbers; ++i) self->offsets[i] = self->moved[i] - x[i];
}

static const struct adversary_class fgm = {
    .name = "fgm", .summary = "one gradient step of the whole radius", .move = move_fgm};
static const struct adversary_class pgd = {
    .name = "pgd", .summary = "several projected gradient steps from a random start", .move = move_pgd};
static const struct adversary_class fgsm_rs = {
    .name = "fgsm_rs", .summary = "a random start and one step of 1.25 radii", .guard = true, .move = move_fast};
static const struct adversary_class trades = {.name = "trades",
                                              .summary = "clean loss and divergence to the worst point found",
                                              .pairs = true,
                                              .move = move_trades};
static const struct adversary_class free_steps = {
    .name = "free", .summary = "moves by the gradients that training makes anyway", .stays = true, .move = move_freely};
static const struct adversary_class noise = {
    .name = "noise", .summary = "random points on the sphere: a control", .move = move_noise};

const struct adversary_class *const adversary_table[] = {&fgm, &pgd, &fgsm_rs, &trades, &free_steps, &noise};
const size_t adversary_table_size = sizeof adversary_table / sizeof *adversary_table;

/* ---- life ---- */

static strata_status read_settings(strata_context *ctx, const struct settings *settings, struct adversary *self) {
    const double *box;
    size_t count = settings_numbers(settings, "adversarial.box", &box);
    self->norm = attack_norm_find(settings_text(settings, "adversarial.norm"));
    self->full_epsilon = settings_number(settings, "adversarial.epsilon");
    self->ramp = settings_number(settings, "adversarial.ramp");
    self->steps = settings_count(settings, "adversarial.steps");
    self->from_step = settings_count(settings, "adversarial.from_step");
    self->trades_weight = settings_number(settings, "adversarial.trades_weight");
    self->alpha = settings_number(settings, "adversarial.fast_step");
    self->low = count == 2 ? box[0] : -INFINITY;
    self->high = count == 2 ? box[1] : INFINITY;
    if (!(self->full_epsilon > 0))
        return strata_fail(ctx, STRATA_ERR_CONFIG,
                           "key 'adversarial.epsilon': expected a radius above 0, got %g; adversarial.method=none is "
                           "clean training",
                           self->full_epsilon);
    if ((count != 0 && count != 2) || !(self->low < self->high))
        return strata_fail(ctx, STRATA_ERR_CONFIG, "key 'adversarial.box': expected two numbers, low below high");
    if (self->full_epsilon > self->high - self->low)
        return strata_fail(ctx, STRATA_ERR_CONFIG,
                           "key 'adversarial.epsilon': expected at most the box's width %g, got %g (8/255 is .0314)",
                           self->high - self->low, self->full_epsilon);
    return STRATA_OK;
}

strata_status adversary_create(strata_context *ctx, const struct settings *settings, enum learning_task task,
                               size_t batch, size_t inputs, size_t outputs, struct rng_stream stream,
                               struct adversary **adversary) {
    const char *name = settings_text(settings, "adversarial.method");
    struct adversary made = {.task = task, .batch = batch, .inputs = inputs, .outputs = outputs, .stream = stream};
    size_t numbers;
    *adversary = NULL;
    for (size_t i = 0; i < adversary_table_size; ++i)
        if (strcmp(adversary_table[i]->name, name) == 0) made.class_ = adversary_table[i];
    if (!made.class_) return STRATA_OK;
    STRATA_TRY(read_settings(ctx, settings, &made));
    if (made.class_->pairs && (task == TASK_REGRESSION || outputs > MOST_CLASSES))
        return strata_fail(ctx, STRATA_ERR_CONFIG,
                           "key 'adversarial.method': trades trains classifiers of at most %d "
                           "classes",
                           MOST_CLASSES);
    STRATA_TRY(mem_product(ctx, 2 * batch, inputs, "a moved batch", &numbers));
    made.moved = mem_zero(numbers, sizeof(float));
    made.gradients = mem_zero(numbers / 2, sizeof(float));
    made.offsets = made.class_->stays ? mem_zero(numbers / 2, sizeof(float)) : NULL;
    made.logits = mem_zero(2 * batch * outputs, sizeof(float));
    made.seeds = mem_zero(2 * batch * outputs, sizeof(float));
    struct adversary *self = mem_zero(1, sizeof *self);
    if (self && made.moved && made.gradients && made.logits && made.seeds && (made.offsets || !made.class_->stays)) {
        *self = made;
        *adversary = self;
        return STRATA_OK;
    }
    adversary_destroy(self);
    mem_free(made.moved);
    mem_free(made.gradients);
    mem_free(made.offsets);
    mem_free(made.logits);
    mem_free(made.seeds);
    return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for adversarial training with batches of %zu rows", batch);
}

void adversary_destroy(struct adversary *self) {
    if (!self) return;
    mem_free(self->moved);
    mem_free(self->gradients);
    mem_free(self->offsets);
    mem_free(self->logits);
    mem_free(self->seeds);
    mem_free(self->good);
    mem_free(self);
}

size_t adversary_batch(const struct adversary *self, size_t step) {
    if (!self->class_->stays || step < self->from_step) return step;
    return self->from_step + (step - self->from_step) / self->steps;
}

strata_status adversary_move(strata_context *ctx, struct adversary *self, const strata_function *function, size_t step,
                             size_t total, const float *x, const float *y, const float **moved) {
    size_t numbers = self->batch * self->inputs;
    float *target = self->class_->pairs ? self->moved + numbers : self->moved;
    double rising = self->ramp * (double)total;
    *moved = x;
    memcpy(target, x, numbers * sizeof *target);
    if (self->class_->pairs) memcpy(self->moved, x, numbers * sizeof *target);
    if (self->class_->pairs) *moved = self->moved;
    if (step < self->from_step) return STRATA_OK;
    self->function = function;
    self->step = step;
    self->epsilon = self->full_epsilon * (rising > 0 ? fmin(1, (double)(step + 1) / rising) : 1);
    STRATA_TRY(self->class_->move(ctx, self, x, y, target));
    if (!self->class_->pairs) *moved = target;
    return STRATA_OK;
}

strata_status adversary_look(strata_context *ctx, struct adversary *self, const strata_function *function,
                             const float *x, const float *y, double *fgm_accuracy, double *pgd_accuracy) {
    double *accuracies[] = {fgm_accuracy, pgd_accuracy};
    size_t numbers = self->batch * self->inputs;
    self->function = function;
    self->epsilon = self->full_epsilon; /* looks compare, and a fit that goes on looks at the same */
    for (size_t k = 0; k < 2; ++k) {
        size_t right = 0;
        memcpy(self->moved, x, numbers * sizeof *self->moved);
        STRATA_TRY(k == 0 ? move_fgm(ctx, self, x, y, self->moved) : ascend(ctx, self, LOOK_STEPS, x, y, self->moved));
        STRATA_TRY(strata_function_evaluate(ctx, function, self->batch, self->moved, self->logits));
        for (size_t r = 0; r < self->batch; ++r)
            right += !attack_broken(self->outputs, self->logits + r * self->outputs, (uint32_t)label_of(self, y, r));
        *accuracies[k] = (double)right / (double)self->batch;
    }
    return STRATA_OK;
}
