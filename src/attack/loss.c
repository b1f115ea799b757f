/* SPDX-License-Identifier: MIT */
/*
 * Losses that attacks raise. The ratios of logits are invariant under shifts and positive scales of the logits (Croce &
 * Hein 2020b); their denominators carry 1e-12 against ties.
 */
#include <math.h>
#include <string.h>

#include "attack/attack.h"

enum { RANKS = 4 };
static const double TINY = 1e-12;

/* y = +-1 times the one output, with sign turned: what an attack raises. */
static double one_output(const float *logits, uint32_t label, float *seed) {
    double sign = label ? -1 : 1;
    if (seed) seed[0] = (float)sign;
    return sign * (double)logits[0];
}

/* Indices of the largest logits, descending; the first of equal ones first. */
static size_t largest(size_t outputs, const float *logits, size_t order[RANKS]) {
    size_t count = 0;
    for (size_t i = 0; i < outputs; ++i) {
        size_t place = count;
        while (place > 0 && logits[i] > logits[order[place - 1]]) --place;
        if (place == RANKS) continue;
        if (count < RANKS) ++count;
        for (size_t k = count - 1; k > place; --k) order[k] = order[k - 1];
        order[place] = i;
    }
    return count;
}

static size_t best_other(size_t outputs, const float *logits, uint32_t label) {
    size_t best = label == 0 ? 1 : 0;
    for (size_t i = 0; i < outputs; ++i)
        if (i != label && logits[i] > logits[best]) best = i;
    return best;
}

static double cross_entropy(size_t outputs, const float *logits, uint32_t label, uint32_t aim, float *seed) {
    (void)aim;
    if (outputs == 1) return one_output(logits, label, seed);
    double top = (double)logits[0], sum = 0;
    for (size_t i = 1; i < outputs; ++i) top = fmax(top, (double)logits[i]);
    for (size_t i = 0; i < outputs; ++i) sum += exp((double)logits[i] - top);
    if (seed)
        for (size_t i = 0; i < outputs; ++i)
            seed[i] = (float)(exp((double)logits[i] - top) / sum - (i == label ? 1 : 0));
    return top + log(sum) - (double)logits[label];
}

static double margin(size_t outputs, const float *logits, uint32_t label, uint32_t aim, float *seed) {
    (void)aim;
    if (outputs == 1) return one_output(logits, label, seed);
    size_t other = best_other(outputs, logits, label);
    if (seed) {
        memset(seed, 0, outputs * sizeof *seed);
        seed[other] = 1;
        seed[label] = -1;
    }
    return (double)logits[other] - (double)logits[label];
}

/* numerator / denominator, with the derivative of each logit's part in both. */
static void quotient(double top, double bottom, size_t index, double in_top, double in_bottom, float *seed) {
    seed[index] += (float)(in_top / bottom - top * in_bottom / (bottom * bottom));
}

static double dlr(size_t outputs, const float *logits, uint32_t label, uint32_t aim, float *seed) {
    size_t order[RANKS];
    (void)aim;
    if (outputs == 1) return one_output(logits, label, seed);
    if (outputs < 3) return margin(outputs, logits, label, aim, seed);
    (void)largest(outputs, logits, order);
    size_t other = best_other(outputs, logits, label);
    double top = (double)logits[other] - (double)logits[label];
    double bottom = (double)logits[order[0]] - (double)logits[order[2]] + TINY;
    if (seed) {
        memset(seed, 0, outputs * sizeof *seed);
        quotient(top, bottom, other, 1, 0, seed);
        quotient(top, bottom, label, -1, 0, seed);
        quotient(top, bottom, order[0], 0, 1, seed);
        quotient(top, bottom, order[2], 0, -1, seed);
    }
    return top / bottom;
}

static double dlr_targeted(size_t outputs, const float *logits, uint32_t label, uint32_t aim, float *seed) {
    size_t order[RANKS];
    if (outputs == 1) return one_output(logits, label, seed);
    if (outputs < 4) return margin(outputs, logits, label, aim, seed);
    (void)largest(outputs, logits, order);
    double top = (double)logits[aim] - (double)logits[label];
    double bottom = (double)logits[order[0]] - 0.5 * ((double)logits[order[2]] + (double)logits[order[3]]) + TINY;
    if (seed) {
        memset(seed, 0, outputs * sizeof *seed);
        quotient(top, bottom, aim, 1, 0, seed);
        quotient(top, bottom, label, -1, 0, seed);
        quotient(top, bottom, order[0], 0, 1, seed);
        quotient(top, bottom, order[2], 0, -0.5, seed);
        quotient(top, bottom, order[3], 0, -0.5, seed);
    }
    return top / bottom;
}

const struct attack_loss attack_loss_cross_entropy = {"cross_entropy", 2, cross_entropy};
const struct attack_loss attack_loss_margin = {"margin", 2, margin};
const struct attack_loss attack_loss_dlr = {"dlr", 3, dlr};
const struct attack_loss attack_loss_dlr_targeted = {"dlr_targeted", 4, dlr_targeted};

bool attack_broken(size_t outputs, const float *logits, uint32_t label) {
    if (outputs == 1) return label ? !(logits[0] > 0) : !(logits[0] <= 0);
    for (size_t i = 0; i < outputs; ++i)
        if (i != label && !(logits[label] > logits[i])) return true;
    return false;
}

void attack_rank_others(size_t outputs, const float *logits, uint32_t label, uint32_t *classes) {
    size_t count = 0;
    for (uint32_t i = 0; i < outputs; ++i) {
        if (i == label) continue;
        size_t place = count++;
        for (; place > 0 && logits[i] > logits[classes[place - 1]]; --place) classes[place] = classes[place - 1];
        classes[place] = i;
    }
}
