/* SPDX-License-Identifier: MIT */
/* strata attack: robust accuracy of a model over radii, with adversarial rows to look at. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "attack/suite.h"
#include "cli/attack_report.h"
#include "cli/command.h"
#include "cli/live.h"
#include "cli/terminal.h"
#include "cli/user_data.h"
#include "core/clock.h"
#include "core/memory.h"
#include "core/threads.h"

enum { WIDTH_PIPED = 80 };

/* ---- what was asked */

static strata_status read_radii(struct cli *cli, const struct arguments *arguments, const struct attack_target *target,
                                struct attack_outcome *outcome) {
    const char *text;
    char **items;
    size_t count;
    STRATA_TRY(user_required(cli, arguments, "eps", &text));
    STRATA_TRY(list_split(cli->ctx, text, &items, &count));
    strata_status status = STRATA_OK;
    if (count > ATTACK_MOST_RADII)
        status = strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "--eps: at most %d radii", ATTACK_MOST_RADII);
    for (size_t i = 0; status == STRATA_OK && i < count; ++i) {
        double radius = 0, width = target->high - target->low;
        status = user_number(cli, "eps", items[i], &radius);
        if (status == STRATA_OK && !(radius >= 0))
            status = strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "--eps: expected radii of at least 0, got '%s'",
                                 items[i]);
        if (status == STRATA_OK && outcome->norm->kind == ATTACK_LINF && radius > width)
            status = strata_fail(cli->ctx, STRATA_ERR_ARGUMENT,
                                 "--eps: %g is wider than the box [%g, %g]; 8/255 is .0314", radius, target->low,
                                 target->high);
        if (status == STRATA_OK && i > 0 && !(radius > outcome->radii[i - 1]))
            status = strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "--eps: expected rising radii, got %g after %g", radius,
                                 outcome->radii[i - 1]);
        if (status == STRATA_OK) outcome->radii[outcome->radius_count++] = radius;
    }
    for (size_t i = 0; i < count; ++i) mem_free(items[i]);
    mem_free(items);
    return status;
}

static strata_status read_box(struct cli *cli, const struct arguments *arguments, const strata_learner *model,
                              struct attack_target *target) {
    const char *text = argument_value(arguments, "box"), *comma = text ? strchr(text, ',') : NULL;
    char low[64];
    strata_learner_box(model, &target->low, &target->high);
    if (!text) return STRATA_OK;
    if (!comma || (size_t)(comma - text) >= sizeof low)
        return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "--box: expected LO,HI such as 0,1, got '%.60s'", text);
    snprintf(low, sizeof low, "%.*s", (int)(comma - text), text);
    STRATA_TRY(user_number(cli, "box", low, &target->low));
    STRATA_TRY(user_number(cli, "box", comma + 1, &target->high));
    if (target->low < target->high) return STRATA_OK;
    return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "--box: expected LO below HI, got %g and %g", target->low,
                       target->high);
}

static strata_status read_options(struct cli *cli, const struct arguments *arguments,
                                  const struct attack_outcome *outcome, struct attack_options *options) {
    uint64_t seed;
    *options = attack_options_default(outcome->norm, 0);
    STRATA_TRY(user_seed(cli, arguments, &seed));
    options->stream = rng_stream_make(seed, 1, RNG_ATTACK);
    STRATA_TRY(user_count(cli, arguments, "steps", options->steps, &options->steps));
    STRATA_TRY(user_count(cli, arguments, "restarts", options->restarts, &options->restarts));
    return user_count(cli, arguments, "queries", options->queries, &options->queries);
}

/* ---- running */

struct watching {
    struct cli *cli;
    double begun, from, share; /* seconds; share of the whole before this radius, and of this radius */
    size_t done, all;
};

static bool watch(void *user, double fraction, const char *attack) {
    struct watching *self = user;
    double passed = clock_seconds() - self->begun, share = self->from + fraction * self->share;
    const struct run_progress shown = {.tasks = self->all,
                                       .tasks_done = self->done,
                                       .unit = "radii",
                                       .task = attack,
                                       .fraction = share,
                                       .seconds = passed,
                                       .eta_seconds = share > 0 ? passed * (1 - share) / share : -1};
    live_show(self->cli->live, &shown);
    return true;
}

static strata_status run_radii(struct cli *cli, const struct attack_class *const *attacks, size_t count,
                               const struct attack_target *target, struct attack_options *options,
                               const struct attack_rows *rows, struct attack_outcome *outcome) {
    size_t d = target->functions[0].inputs;
    struct watching watching = {.cli = cli, .begun = clock_seconds(), .all = outcome->radius_count};
    bool *alive = mem_zero(rows->rows, sizeof *alive);
    strata_status status = STRATA_OK;
    if (!alive) return strata_fail(cli->ctx, STRATA_ERR_MEMORY, "no memory for %zu rows", rows->rows);
    memcpy(outcome->points, rows->x, rows->rows * d * sizeof *outcome->points);
    for (size_t i = 0; status == STRATA_OK && i < outcome->radius_count; ++i) {
        watching.from = (double)i / (double)outcome->radius_count;
        watching.share = 1.0 / (double)outcome->radius_count;
        watching.done = i;
        options->epsilon = outcome->radii[i];
        status = attack_suite_run(cli->ctx, count, attacks, target, options, rows, watch, &watching, alive,
                                  outcome->points, &outcome->reports[i]);
    }
    mem_free(alive);
    if (status == STRATA_OK)
        status = attack_trust(cli->ctx, target, options, rows, outcome->radius_count, outcome->reports, outcome->checks,
                              &outcome->check_count);
    outcome->seconds = clock_seconds() - watching.begun;
    live_end(cli->live);
    return status;
}

/* Square in l2 moves the mass of blocks about: of one or two pixels there is none to move. */
static strata_status check_square(struct cli *cli, const struct attack_class *const *attacks, size_t count,
                                  const struct attack_outcome *outcome, size_t inputs) {
    for (size_t i = 0; i < count; ++i)
        if (strcmp(attacks[i]->name, "square") == 0 && outcome->norm->kind == ATTACK_L2 && inputs < 3)
            return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT,
                               "--attacks: square in l2 needs at least 3 inputs, got %zu", inputs);
    return STRATA_OK;
}

strata_status command_attack(struct cli *cli, const struct arguments *arguments) {
    const char *norm = argument_value(arguments, "norm"), *list = argument_value(arguments, "attacks"),
               *out = argument_value(arguments, "out");
    const struct attack_class *attacks[SUITE_MOST_ATTACKS];
    struct user_copies copies = {0};
    strata_dataset *data = NULL;
    uint32_t *labels = NULL;
    struct attack_options options;
    struct attack_outcome outcome = {.norm = attack_norm_find(norm ? norm : "linf")};
    size_t count = 0;
    strata_status status = STRATA_OK;
    if (out) STRATA_GO(attack_report_begin(cli->ctx, out));
    STRATA_GO(user_copies_open(cli, arguments, &copies));
    STRATA_GO(user_check_classifier(cli, arguments, copies.models[0]));
    struct attack_target target = {
        .functions = copies.functions, .pool = copies.pool, .classes = strata_learner_classes(copies.models[0])};
    strata_learner_picture(copies.models[0], target.picture);
    STRATA_GO(read_box(cli, arguments, copies.models[0], &target));
    STRATA_GO(read_radii(cli, arguments, &target, &outcome));
    STRATA_GO(read_options(cli, arguments, &outcome, &options));
    STRATA_GO(attack_suite_parse(cli->ctx, list ? list : "standard", outcome.norm, target.classes, attacks, &count));
    STRATA_GO(user_model_data(cli, arguments, copies.models[0], false, &data));
    STRATA_GO(user_labels(cli, data, &labels));
    const struct attack_rows rows = {
        .rows = strata_dataset_get_shape(data).rows, .x = strata_dataset_inputs(data), .labels = labels};
    STRATA_GO(check_square(cli, attacks, count, &outcome, copies.functions[0].inputs));
    outcome.points = mem_zero(rows.rows * copies.functions[0].inputs, sizeof *outcome.points);
    outcome.rows = &rows;
    outcome.target = &target;
    outcome.options = &options;
    outcome.model = argument_value(arguments, "model");
    outcome.data = argument_value(arguments, "data");
    if (!outcome.points) STRATA_GO(strata_fail(cli->ctx, STRATA_ERR_MEMORY, "no memory for %zu rows", rows.rows));
    STRATA_GO(run_radii(cli, attacks, count, &target, &options, &rows, &outcome));
    if (out) STRATA_GO(attack_report_write(cli->ctx, &outcome, out));
    if (argument_given(arguments, "json"))
        STRATA_GO(attack_report_json(cli->ctx, &outcome, stdout));
    else if (!cli->quiet)
        STRATA_GO(attack_report_print(cli->ctx, &outcome, stdout, terminal_width(stdout, WIDTH_PIPED)));
    if (out) cli_note(cli, "report: %s/report.html", out);
cleanup:
    live_end(cli->live);
    mem_free(outcome.points);
    mem_free(labels);
    strata_dataset_destroy(data);
    user_copies_destroy(&copies);
    return status;
}
