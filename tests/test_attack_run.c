/* SPDX-License-Identifier: MIT */
/* Attacks against closed forms, the budget that they must keep, and how they are run. */
#include "attack_fixture.h"

enum { ROWS = MOST_ROWS, INPUTS = 12, HIDDEN = 24, CLASSES = 5 };

static struct model model;
static struct rows rows;
static float points[ROWS * INPUTS], other_points[ROWS * INPUTS];
static bool alive[ROWS];

/* The logits of a network are of the size of its inputs. */
static void draw(struct model *to, size_t outputs, bool linear, uint64_t seed) {
    model_draw(to, seed, INPUTS, linear ? 0 : HIDDEN, outputs);
    if (!linear) to->scale = 1.0 / HIDDEN;
}

static size_t broken_at(const struct attack_class *attack, const struct attack_target *target,
                        struct attack_options *options, double epsilon, const struct attack_rows *data) {
    struct attack_result result;
    options->epsilon = epsilon;
    memset(alive, true, sizeof alive);
    assert_ok(attack_run(ctx, attack, target, options, data, alive, points, &result));
    return result.broken;
}

/* Distance of row `r` from the boundary of the linear model, by bisection over the best point of each radius. */
static double linear_distance(const struct attack_target *target, const struct attack_norm *norm, size_t r) {
    double low = 0, high = 100, sign = rows.labels[r] ? 1 : -1;
    for (int i = 0; i < 80; ++i) { /* the best point of an l-infinity ball in a box is taken by coordinate */
        double radius = (low + high) / 2, value = model.last_offset[0], free_square = 0;
        bool fixed[INPUTS] = {false};
        double delta[INPUTS] = {0};
        if (norm->kind == ATTACK_LINF) {
            for (size_t j = 0; j < INPUTS; ++j) {
                double x = (double)rows.x[r * INPUTS + j], w = model.last[j];
                double to = sign * w > 0 ? fmax(target->low, x - radius) : fmin(target->high, x + radius);
                delta[j] = to - x;
            }
        } else { /* l2: scale the steepest direction, fix what leaves the box, share out the rest again */
            double left = radius * radius;
            for (int pass = 0; pass < INPUTS; ++pass) {
                free_square = 0;
                for (size_t j = 0; j < INPUTS; ++j)
                    if (!fixed[j]) free_square += model.last[j] * model.last[j];
                bool clipped = false;
                for (size_t j = 0; j < INPUTS; ++j) {
                    if (fixed[j]) continue;
                    double x = (double)rows.x[r * INPUTS + j];
                    delta[j] = free_square > 0 ? -sign * model.last[j] * sqrt(fmax(left, 0) / free_square) : 0;
                    double to = fmin(fmax(x + delta[j], target->low), target->high);
                    if (to == x + delta[j]) continue;
                    delta[j] = to - x;
                    left -= delta[j] * delta[j];
                    fixed[j] = clipped = true;
                    break;
                }
                if (!clipped) break;
            }
        }
        for (size_t j = 0; j < INPUTS; ++j) value += model.last[j] * ((double)rows.x[r * INPUTS + j] + delta[j]);
        if (sign * value > 0)
            low = radius;
        else
            high = radius;
    }
    return high;
}

static void attacks_reach_the_distance_of_a_linear_model(void **state) {
    (void)state;
    static const char *const names[] = {"fgm", "pgd", "apgd_ce"};
    draw(&model, 1, true, 3);
    rows_draw(&rows, &model, 4, true, 1);
    const strata_function function = model_function(&model);
    for (size_t n = 0; n < attack_norm_table_size; ++n)
        for (size_t a = 0; a < 3; ++a)
            for (uint64_t draw = 0; draw < 20; ++draw) {
                rows_draw(&rows, &model, 100 + draw, true, 1);
                const struct attack_target target = target_of(&function, false);
                struct attack_options options = attack_options_default(attack_norm_table[n], 1);
                double distance = linear_distance(&target, options.norm, 0);
                assert_int_equal(broken_at(attack_find(names[a]), &target, &options, distance * 1.0001, &rows.rows), 1);
                assert_int_equal(broken_at(attack_find(names[a]), &target, &options, distance * 0.9999, &rows.rows), 0);
            }
}

/* With a box FGM alone is not exact: it walks into the wall. PGD and APGD find the way along it. */
static void attacks_reach_the_distance_within_a_box(void **state) {
    (void)state;
    static const char *const names[] = {"pgd", "apgd_ce"};
    size_t tried = 0;
    draw(&model, 1, true, 5);
    model.last_offset[0] = 0;
    const strata_function function = model_function(&model);
    for (size_t n = 0; n < attack_norm_table_size; ++n)
        for (uint64_t draw = 0; draw < 40; ++draw) {
            rows_draw(&rows, &model, 200 + draw, true, 1);
            struct attack_target target = target_of(&function, false);
            target.low = 0, target.high = 1;
            struct attack_options options = attack_options_default(attack_norm_table[n], 1);
            options.steps = 200;
            double distance = linear_distance(&target, options.norm, 0);
            if (distance > 10) continue; /* the box holds no point of the other class */
            ++tried;
            /* Scaling into the ball and then clipping is no projection on both: a step of 2.5/200 is lost in l2. */
            double above = distance * (options.norm->kind == ATTACK_L2 ? 1.06 : 1.0001);
            for (size_t a = 0; a < 2; ++a) {
                assert_int_equal(broken_at(attack_find(names[a]), &target, &options, above, &rows.rows), 1);
                assert_int_equal(broken_at(attack_find(names[a]), &target, &options, distance * 0.9999, &rows.rows), 0);
            }
        }
    assert_true(tried > 30);
}

/* exact_linear refuses models that are not linear. */
static bool knows_norm(const struct attack_class *attack, const struct attack_norm *norm) {
    if (strcmp(attack->name, "exact_linear") == 0) return false;
    return attack->norms & norm->kind;
}

/* Every attack of the table, norm and number of classes: what it returns lies in ball and box, and breaks. */
static void budget_and_box_are_kept(void **state) {
    (void)state;
    static struct model other;
    for (size_t outputs = 1; outputs <= CLASSES; outputs += 4) {
        draw(&model, outputs, false, 7);
        draw(&other, outputs, false, 8);
        rows_draw(&rows, &model, 9, true, 150);
        const strata_function function = model_function(&model), surrogate = model_function(&other);
        struct attack_target target = target_of(&function, false);
        target.low = 0, target.high = 1, target.surrogate = &surrogate;
        for (size_t n = 0; n < attack_norm_table_size; ++n)
            for (size_t a = 0; a < attack_table_size; ++a) {
                const struct attack_class *attack = attack_table[a];
                struct attack_options options = attack_options_default(attack_norm_table[n], 0.1);
                options.queries = 200, options.steps = 10, options.apgd_steps = 20;
                if (!knows_norm(attack, options.norm) || target.classes < attack->least_classes) continue;
                memcpy(points, rows.x, sizeof points);
                (void)broken_at(attack, &target, &options, 0.1, &rows.rows);
                for (size_t r = 0; r < 150; ++r) {
                    float delta[INPUTS], out[MOST_OUTPUTS];
                    for (size_t j = 0; j < INPUTS; ++j) {
                        float point = points[r * INPUTS + j];
                        assert_true(point >= 0 && point <= 1);
                        delta[j] = point - rows.x[r * INPUTS + j];
                    }
                    assert_true(options.norm->length(INPUTS, delta) <= 0.1 * (1 + 1e-5) + 1e-6);
                    assert_ok(model_evaluate(ctx, &model, 1, points + r * INPUTS, out));
                    assert_int_equal(!alive[r], attack_broken(outputs, out, rows.labels[r]));
                }
            }
    }
}

static void compare_threads(const struct attack_class *attack, const struct attack_norm *norm,
                            const strata_function *functions, const strata_function *surrogates) {
    struct attack_options options = attack_options_default(norm, 0.2);
    options.queries = 60, options.steps = 8, options.apgd_steps = 12;
    for (size_t threads = 1; threads <= 3; ++threads) {
        struct attack_target target = target_of(functions, false);
        float *to = threads == 1 ? other_points : points;
        target.surrogate = surrogates;
        assert_ok(thread_pool_create(ctx, threads, &target.pool));
        assert_ok(attack_points(ctx, attack, &target, &options, &rows.rows, to));
        thread_pool_destroy(target.pool);
        if (threads > 1) assert_memory_equal(points, other_points, sizeof points);
    }
}

static void no_bit_depends_on_the_threads(void **state) {
    (void)state;
    static struct model copies[3], others[3];
    strata_function functions[3], surrogates[3];
    draw(&model, CLASSES, false, 11);
    rows_draw(&rows, &model, 12, true, ROWS);
    for (size_t i = 0; i < 3; ++i) {
        copies[i] = model, functions[i] = model_function(&copies[i]);
        draw(&others[i], CLASSES, false, 10), surrogates[i] = model_function(&others[i]);
    }
    for (size_t n = 0; n < attack_norm_table_size; ++n)
        for (size_t a = 0; a < attack_table_size; ++a)
            if (knows_norm(attack_table[a], attack_norm_table[n]))
                compare_threads(attack_table[a], attack_norm_table[n], functions, surrogates);
}

static void radius_zero_is_clean_accuracy(void **state) {
    (void)state;
    draw(&model, 3, false, 13);
    rows_draw(&rows, &model, 14, true, 200);
    for (size_t r = 0; r < 50; ++r) rows.labels[r] = (rows.labels[r] + 1) % 3; /* wrong as they stand */
    const strata_function function = model_function(&model);
    const struct attack_target target = target_of(&function, false);
    struct attack_options options = attack_options_default(attack_norm_find("linf"), 0);
    assert_int_equal(broken_at(attack_find("pgd"), &target, &options, 0, &rows.rows), 50);
    /* A row that is wrong as it stands is broken with delta 0. */
    assert_memory_equal(points, rows.x, 50 * INPUTS * sizeof *points);
}

static void checkpoints_are_those_of_the_paper(void **state) {
    (void)state;
    static const size_t hundred[] = {22, 41, 57, 70, 80, 87, 93, 99}, fifty[] = {11, 21, 30, 38, 45};
    size_t found[64];
    assert_int_equal(apgd_checkpoints(100, 64, found), 8);
    assert_memory_equal(found, hundred, sizeof hundred);
    size_t count = apgd_checkpoints(50, 64, found);
    assert_true(count >= 5);
    assert_memory_equal(found, fifty, sizeof fifty);
    for (size_t steps = 1; steps < 300; ++steps) {
        count = apgd_checkpoints(steps, 64, found);
        for (size_t i = 0; i < count; ++i) assert_true(found[i] < steps && (i == 0 || found[i] > found[i - 1]));
    }
}

static void an_error_inside_a_worker_reaches_the_caller(void **state) {
    (void)state;
    struct attack_result result;
    draw(&model, 1, false, 15);
    rows_draw(&rows, &model, 16, true, 200);
    rows.x[150 * INPUTS] = 2e6f;
    static struct model second;
    second = model;
    strata_function functions[2] = {model_function(&model), model_function(&second)};
    struct attack_target target = target_of(functions, false);
    const struct attack_options options = attack_options_default(attack_norm_find("l2"), 0.1);
    assert_ok(thread_pool_create(ctx, 2, &target.pool));
    assert_int_equal(attack_run(ctx, attack_find("pgd"), &target, &options, &rows.rows, NULL, points, &result),
                     STRATA_ERR_INTERNAL);
    assert_string_equal(strata_context_message(ctx), "a row that cannot be evaluated");
    thread_pool_destroy(target.pool);
}

static void wrong_requests_are_refused(void **state) {
    (void)state;
    struct attack_result result;
    draw(&model, 3, false, 17);
    rows_draw(&rows, &model, 18, true, 10);
    strata_function function = model_function(&model);
    struct attack_target target = target_of(&function, false);
    struct attack_options options = attack_options_default(attack_norm_find("l2"), -0.1);
    const struct attack_class *pgd = attack_find("pgd");
#define REFUSED(attack) \
    assert_int_equal(attack_run(ctx, attack, &target, &options, &rows.rows, NULL, points, &result), STRATA_ERR_ARGUMENT)
    REFUSED(pgd);
    options.epsilon = NAN;
    REFUSED(pgd);
    options.epsilon = 0.1;
    REFUSED(attack_find("apgd_dlr")); /* three classes */
    REFUSED(attack_find("transfer")); /* no surrogate */
    options.steps = 0;
    REFUSED(pgd);
    options.steps = 5;
    target.low = 1, target.high = 0;
    REFUSED(pgd);
    target.low = 0.5, target.high = 1;
    REFUSED(pgd);
    assert_non_null(strstr(strata_context_message(ctx), "normalised"));
    target.low = -INFINITY, target.high = INFINITY;
    rows.labels[3] = 3;
    REFUSED(pgd);
    assert_non_null(strstr(strata_context_message(ctx), "row 4"));
    rows.labels[3] = 0;
    function.vjp = NULL;
    REFUSED(pgd);
    function.vjp = model_vjp;
    target.classes = 1;
    REFUSED(pgd);
}

/* Each allocation fails in turn: an error or a result, never a crash; ASan sees leaks. */
static void memory_may_run_out_anywhere(void **state) {
    (void)state;
    draw(&model, CLASSES, false, 19);
    rows_draw(&rows, &model, 20, true, 5);
    const strata_function function = model_function(&model);
    const struct attack_target target = target_of(&function, false);
    struct attack_options options = attack_options_default(attack_norm_find("l2"), 0.1);
    options.queries = 10, options.steps = 2, options.apgd_steps = 3;
    for (size_t a = 0; a < attack_table_size; ++a) {
        if (!knows_norm(attack_table[a], options.norm) || attack_table[a]->surrogate) continue;
        strata_status status = STRATA_ERR_MEMORY;
        for (uint64_t n = 1; status != STRATA_OK; n += 1 + n / 16) { /* later ones at growing distances */
            struct attack_result result;
            mem_fail_from(n);
            status = attack_run(ctx, attack_table[a], &target, &options, &rows.rows, NULL, points, &result);
            mem_fail_from(0);
            assert_true(status == STRATA_OK || status == STRATA_ERR_MEMORY);
        }
        assert_int_equal(status, STRATA_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attacks_reach_the_distance_of_a_linear_model),
        cmocka_unit_test(attacks_reach_the_distance_within_a_box),
        cmocka_unit_test(budget_and_box_are_kept),
        cmocka_unit_test(no_bit_depends_on_the_threads),
        cmocka_unit_test(radius_zero_is_clean_accuracy),
        cmocka_unit_test(checkpoints_are_those_of_the_paper),
        cmocka_unit_test(an_error_inside_a_worker_reaches_the_caller),
        cmocka_unit_test(wrong_requests_are_refused),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
