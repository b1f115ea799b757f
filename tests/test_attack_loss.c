/* SPDX-License-Identifier: MIT */
/* Losses of attacks: derivatives against central differences with their sign, and what they are invariant under. */
#include "attack_fixture.h"

static const struct attack_loss *const losses[] = {&attack_loss_cross_entropy, &attack_loss_margin, &attack_loss_dlr,
                                                   &attack_loss_dlr_targeted};

static void derivatives_match_central_differences(void **state) {
    (void)state;
    const float h = 1e-3f;
    for (size_t l = 0; l < 4; ++l)
        for (size_t outputs = 1; outputs <= MOST_OUTPUTS; ++outputs)
            for (uint64_t draw = 0; draw < 30; ++draw) {
                float logits[MOST_OUTPUTS], seed[MOST_OUTPUTS];
                uint32_t label = (uint32_t)(draw % (outputs == 1 ? 2 : outputs)), aim = (uint32_t)(label ? 0 : 1);
                rng_normal_f32(rng_stream_at(rng_stream_make(l + 1, outputs, RNG_TEST), draw), outputs, logits);
                for (size_t i = 0; i < outputs; ++i) /* away from ties, where the derivative jumps */
                    logits[i] += 0.02f * (float)i;
                bool near_tie = false;
                for (size_t i = 0; i < outputs; ++i)
                    for (size_t j = 0; j < i; ++j) near_tie = near_tie || fabsf(logits[i] - logits[j]) < 4 * h;
                if (near_tie) continue;
                (void)losses[l]->value(outputs, logits, label, aim, seed);
                for (size_t i = 0; i < outputs; ++i) {
                    float up[MOST_OUTPUTS], down[MOST_OUTPUTS];
                    memcpy(up, logits, sizeof up);
                    memcpy(down, logits, sizeof down);
                    up[i] += h, down[i] -= h;
                    double slope = (losses[l]->value(outputs, up, label, aim, NULL) -
                                    losses[l]->value(outputs, down, label, aim, NULL)) /
                                   ((double)up[i] - (double)down[i]);
                    /* h^2 times the third derivative, which the quotient's small denominators raise */
                    assert_true(fabs(slope - (double)seed[i]) <= 2e-3 * (1 + fabs(slope) * 10));
                }
            }
}

static void ratio_of_logits_is_invariant(void **state) {
    (void)state;
    float logits[MOST_OUTPUTS], moved[MOST_OUTPUTS];
    for (uint64_t draw = 0; draw < 50; ++draw) {
        rng_normal_f32(rng_stream_at(rng_stream_make(5, 1, RNG_TEST), draw), MOST_OUTPUTS, logits);
        for (size_t i = 0; i < MOST_OUTPUTS; ++i) moved[i] = 3 * logits[i] + 7;
        for (size_t l = 2; l < 4; ++l) {
            double a = losses[l]->value(MOST_OUTPUTS, logits, 1, 3, NULL),
                   b = losses[l]->value(MOST_OUTPUTS, moved, 1, 3, NULL);
            assert_true(fabs(a - b) <= 1e-4 * (1 + fabs(a)));
        }
        /* ... and the margin is not. */
        assert_true(fabs(losses[1]->value(MOST_OUTPUTS, moved, 1, 0, NULL) -
                         3 * losses[1]->value(MOST_OUTPUTS, logits, 1, 0, NULL)) < 1e-4);
    }
}

static void ratio_of_logits_has_its_values(void **state) {
    (void)state;
    const float logits[4] = {1, 4, 2, 3};                                                  /* sorted: 4, 3, 2, 1 */
    assert_true(fabs(attack_loss_dlr.value(4, logits, 1, 0, NULL) + 0.5) < 1e-6);          /* -(4 - 3) / (4 - 2) */
    assert_true(fabs(attack_loss_dlr.value(4, logits, 0, 0, NULL) - 1.5) < 1e-6);          /* -(1 - 4) / (4 - 2) */
    assert_true(fabs(attack_loss_dlr_targeted.value(4, logits, 1, 2, NULL) + 0.8) < 1e-6); /* -(4 - 2) / (4 - 1.5) */
    uint32_t order[3];
    attack_rank_others(4, logits, 1, order);
    assert_true(order[0] == 3 && order[1] == 2 && order[2] == 0);
}

static void ties_and_numbers_that_are_none_are_broken(void **state) {
    (void)state;
    const float tie[2] = {1, 1}, none[2] = {NAN, 0}, right[2] = {2, 1}, zero = 0, nan = NAN, above = 1;
    assert_true(attack_broken(2, tie, 0) && attack_broken(2, tie, 1));
    assert_true(attack_broken(2, none, 0) && !attack_broken(2, right, 0) && attack_broken(2, right, 1));
    assert_true(attack_broken(1, &zero, 1) && !attack_broken(1, &zero, 0) && !attack_broken(1, &above, 1));
    assert_true(attack_broken(1, &nan, 0) && attack_broken(1, &nan, 1));
}

/* A cross-entropy of scaled logits loses its gradient; the attack's does not with one output. */
static void one_output_never_saturates(void **state) {
    (void)state;
    float logits = 1e4f, seed;
    (void)attack_loss_cross_entropy.value(1, &logits, 1, 0, &seed);
    assert_true(seed == -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(derivatives_match_central_differences),
        cmocka_unit_test(ratio_of_logits_is_invariant),
        cmocka_unit_test(ratio_of_logits_has_its_values),
        cmocka_unit_test(ties_and_numbers_that_are_none_are_broken),
        cmocka_unit_test(one_output_never_saturates),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
