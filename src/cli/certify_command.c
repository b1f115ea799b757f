/* SPDX-License-Identifier: MIT */
/* strata certify: l2 radii that no attack can break, by randomised smoothing of a model. */
#include <math.h>
#include <stdio.h>

#include "attack/certificate.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "cli/user_data.h"
#include "core/json.h"
#include "core/memory.h"
#include "measure/interval.h"

enum { WIDTH_PIPED = 80, RADII = 6 };
static const double MULTIPLES[RADII] = {0, 0.5, 1, 1.5, 2, 3}; /* of sigma */

struct certified {
    double sigma;
    size_t rows, votes, abstained;
    double radii[RADII];
    struct interval accuracy[RADII]; /* right, and certified at the radius; the first: right at all */
};

/* Abstaining counts as wrong. */
static void count_rows(const struct smoothing_result *results, const uint32_t *labels, struct certified *certified) {
    for (size_t r = 0; r < certified->rows; ++r) certified->abstained += results[r].abstained;
    for (size_t i = 0; i < RADII; ++i) {
        size_t right = 0;
        certified->radii[i] = MULTIPLES[i] * certified->sigma;
        for (size_t r = 0; r < certified->rows; ++r)
            right += !results[r].abstained && results[r].class_ == labels[r] &&
                     (i == 0 || results[r].radius > certified->radii[i]);
        certified->accuracy[i] = interval_wilson(right, certified->rows);
    }
}

static strata_status print_table(struct cli *cli, const struct certified *certified) {
    struct text_table table = {.columns = 3};
    static const char *const header[] = {"l2 radius", "certified", "interval"};
    strata_status status = STRATA_OK;
    for (size_t i = 0; i < 3; ++i) STRATA_GO(text_table_add(cli->ctx, &table, "%s", header[i]));
    for (size_t i = 0; i < RADII; ++i) {
        STRATA_GO(text_table_add(cli->ctx, &table, "%.4g", certified->radii[i]));
        STRATA_GO(text_table_add(cli->ctx, &table, "%.4g", certified->accuracy[i].mean));
        STRATA_GO(
            text_table_add(cli->ctx, &table, "[%.3g, %.3g]", certified->accuracy[i].low, certified->accuracy[i].high));
    }
    printf("smoothed by noise of deviation %g, %zu draws a row: %zu rows, %zu without an answer\n\n", certified->sigma,
           certified->votes, certified->rows, certified->abstained);
    (void)text_table_print(&table, stdout, terminal_width(stdout, WIDTH_PIPED), NULL);
cleanup:
    text_table_destroy(&table);
    return status;
}

static strata_status print_json(struct cli *cli, const struct certified *certified) {
    json_t *radii = json_array();
    for (size_t i = 0; i < RADII; ++i)
        radii = json_list_add(radii, json_pack("{s:o,s:o,s:o,s:o}", "radius", json_number(certified->radii[i]),
                                               "certified", json_number(certified->accuracy[i].mean), "low",
                                               json_number(certified->accuracy[i].low), "high",
                                               json_number(certified->accuracy[i].high)));
    json_t *object = json_pack("{s:o,s:I,s:I,s:I,s:o}", "sigma", json_number(certified->sigma), "rows",
                               (json_int_t)certified->rows, "votes", (json_int_t)certified->votes, "abstained",
                               (json_int_t)certified->abstained, "radii", radii);
    return cli_print_json(cli, object);
}

static strata_status read_options(struct cli *cli, const struct arguments *arguments,
                                  struct smoothing_options *options) {
    const char *sigma;
    uint64_t seed;
    double value;
    STRATA_TRY(user_required(cli, arguments, "sigma", &sigma));
    STRATA_TRY(user_number(cli, "sigma", sigma, &value));
    STRATA_TRY(user_seed(cli, arguments, &seed));
    *options = smoothing_options_default(value);
    options->stream = rng_stream_make(seed, 1, RNG_SMOOTHING);
    return user_count(cli, arguments, "votes", options->votes, &options->votes);
}

strata_status command_certify(struct cli *cli, const struct arguments *arguments) {
    struct user_copies copies = {0};
    strata_dataset *data = NULL;
    uint32_t *labels = NULL;
    struct smoothing_result *results = NULL;
    struct smoothing_options options;
    struct certified certified = {0};
    strata_status status = STRATA_OK;
    STRATA_GO(read_options(cli, arguments, &options));
    STRATA_GO(user_copies_open(cli, arguments, &copies));
    STRATA_GO(user_check_classifier(cli, arguments, copies.models[0]));
    STRATA_GO(user_model_data(cli, arguments, copies.models[0], false, &data));
    STRATA_GO(user_labels(cli, data, &labels));
    certified = (struct certified){
        .sigma = options.sigma, .votes = options.votes, .rows = strata_dataset_get_shape(data).rows};
    results = mem_zero(certified.rows, sizeof *results);
    if (!results) STRATA_GO(strata_fail(cli->ctx, STRATA_ERR_MEMORY, "no memory for %zu rows", certified.rows));
    STRATA_GO(certificate_smoothing(cli->ctx, copies.functions, copies.pool, strata_learner_classes(copies.models[0]),
                                    &options, certified.rows, strata_dataset_inputs(data), results));
    count_rows(results, labels, &certified);
    STRATA_GO(argument_given(arguments, "json") ? print_json(cli, &certified) : print_table(cli, &certified));
cleanup:
    mem_free(results);
    mem_free(labels);
    strata_dataset_destroy(data);
    user_copies_destroy(&copies);
    return status;
}
