/* SPDX-License-Identifier: MIT */
/* Tasks on networks: train, then measure. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "attack/certificate.h"
#include "core/memory.h"
#include "studies/purify/purify.h"

/* All networks of a task with the rows of their own model. */
static strata_status measure(strata_context *ctx, struct task_run *run, struct purify_trained *trained, size_t index,
                             struct threshold_net *surrogate, bool geometry) {
    const struct purify_phase *phase = &trained->phases[index];
    struct threshold_net *net = &trained->nets[index];
    const strata_function function = threshold_net_function(net);
    const strata_function other = surrogate ? threshold_net_function(surrogate) : (strata_function){0};
    struct sparse_coding coding = {0};
    struct purify_test test = {0};
    strata_status status = STRATA_OK;
    STRATA_GO(purify_coding(ctx, run, phase->dense, phase->other, &coding));
    STRATA_GO(purify_test_create(ctx, run, &coding, &test));
    STRATA_GO(purify_attack(ctx, run, phase->name, &function, surrogate ? &other : NULL, &test));
    STRATA_GO(purify_along(ctx, run, phase->name, &function, &coding, &test));
    if (geometry) STRATA_GO(purify_geometry(ctx, run, phase->name, net, &coding, &test));
    if (geometry) STRATA_GO(purify_radii(ctx, run, phase->name, net, &test));
cleanup:
    purify_test_destroy(&test);
    sparse_coding_destroy(&coding);
    return status;
}

strata_status purify_run_networks(strata_context *ctx, struct task_run *run) {
    struct purify_trained trained = {0};
    struct sparse_coding coding = {0};
    struct purify_test test = {0};
    strata_status status = STRATA_OK;
    STRATA_GO(purify_train(ctx, run, &trained));
    for (size_t i = 0; i < trained.count; ++i) /* the clean network's attacks are tried on all others, and back */
        STRATA_GO(measure(ctx, run, &trained, i, &trained.nets[i == 0], true));
    STRATA_GO(purify_coding(ctx, run, false, false, &coding));
    STRATA_GO(purify_test_create(ctx, run, &coding, &test));
    STRATA_GO(purify_interventions(ctx, run, &trained, &coding, &test));
    STRATA_GO(purify_principle(ctx, run, &trained, &coding));
cleanup:
    purify_test_destroy(&test);
    sparse_coding_destroy(&coding);
    purify_trained_destroy(&trained);
    return status;
}

strata_status purify_run_controls(strata_context *ctx, struct task_run *run) {
    struct purify_trained trained = {0};
    strata_status status = purify_train(ctx, run, &trained);
    for (size_t i = 0; status == STRATA_OK && i < trained.count; ++i)
        status = measure(ctx, run, &trained, i, NULL, false);
    purify_trained_destroy(&trained);
    return status;
}

strata_status purify_run_scan(strata_context *ctx, struct task_run *run) {
    struct purify_trained trained = {0};
    strata_status status = purify_train(ctx, run, &trained);
    for (size_t i = 0; status == STRATA_OK && i < trained.count; ++i)
        status = measure(ctx, run, &trained, i, &trained.nets[i == 0], true);
    purify_trained_destroy(&trained);
    return status;
}

/* Bounds this close to 0 are not trusted: networks run in single precision. */
static const double CERTAIN = 1e-5;

/* Rows proved right at a radius; `proved` [rows] out. */
static strata_status certify(strata_context *ctx, const struct threshold_net *net, const struct purify_test *test,
                             double radius, bool *proved, double *accuracy) {
    const struct threshold_weights weights = {net->width, net->inputs, net->weights, net->thresholds};
    double *scratch = mem_zero(net->inputs, sizeof *scratch);
    size_t count = 0;
    if (!scratch) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a certificate");
    for (size_t r = 0; r < test->rows; ++r)
        count += proved[r] = certificate_threshold(&weights, test->x + r * test->inputs, test->labels[r] ? 1 : -1,
                                                   radius, scratch, NULL) > CERTAIN;
    mem_free(scratch);
    *accuracy = (double)count / (double)test->rows;
    return STRATA_OK;
}

/* No attack may break what was proved. */
static strata_status radius_pair(strata_context *ctx, const struct task_run *run, struct threshold_net *net,
                                 const struct purify_test *test, double radius, double *attacked, double *certified) {
    const strata_function function = threshold_net_function(net);
    bool *proved = mem_zero(test->rows, sizeof *proved), *alive = mem_zero(test->rows, sizeof *alive);
    strata_status status = STRATA_OK;
    if (!proved || !alive) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for %zu rows", test->rows));
    STRATA_GO(certify(ctx, net, test, radius, proved, certified));
    STRATA_GO(purify_survivors(ctx, run, "pgd", &function, test, radius, alive, attacked));
    for (size_t r = 0; r < test->rows; ++r)
        if (proved[r] && !alive[r])
            STRATA_GO(strata_fail(ctx, STRATA_ERR_INTERNAL,
                                  "row %zu: an attack of radius %g breaks what a certificate proves", r + 1, radius));
cleanup:
    mem_free(proved);
    mem_free(alive);
    return status;
}

strata_status purify_radii(strata_context *ctx, struct task_run *run, const char *name, struct threshold_net *net,
                           const struct purify_test *test) {
    const struct settings *settings = task_run_settings(run);
    const double *radii;
    double attacked[PURIFY_MOST_RADII], certified[PURIFY_MOST_RADII], at = NAN, other;
    size_t count = settings_numbers(settings, "attack.radii", &radii);
    char key[64];
    for (size_t i = 0; i < count; ++i)
        STRATA_TRY(radius_pair(ctx, run, net, test, radii[i], &attacked[i], &certified[i]));
    STRATA_TRY(radius_pair(ctx, run, net, test, settings_number(settings, "certificate.radius"), &other, &at));
    STRATA_TRY(purify_keep(ctx, run, name, "certified", at));
    snprintf(key, sizeof key, "%s.radii", name);
    STRATA_TRY(task_record_array(ctx, run, key, count, attacked));
    snprintf(key, sizeof key, "%s.radii_certified", name);
    return task_record_array(ctx, run, key, count, certified);
}
