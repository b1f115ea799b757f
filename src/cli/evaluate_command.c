/* SPDX-License-Identifier: MIT */
/* strata predict and strata evaluate: a model on rows of the user's. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/terminal.h"
#include "cli/user_data.h"
#include "core/json.h"
#include "core/memory.h"
#include "data/dataset.h"
#include "measure/interval.h"

enum { CONFUSION_CLASSES = 20, WIDTH_PIPED = 80 };

/* A model, its rows, and what it says of them. */
struct judged {
    strata_learner *model;
    strata_dataset *data;
    strata_dataset_shape shape;
    size_t outputs;
    float *out; /* [rows, outputs] */
};

static strata_status judge(struct cli *cli, const struct arguments *arguments, bool unlabelled, struct judged *judged) {
    STRATA_TRY(user_model_open(cli, arguments, &judged->model));
    STRATA_TRY(user_model_data(cli, arguments, judged->model, unlabelled, &judged->data));
    judged->shape = strata_dataset_get_shape(judged->data);
    judged->outputs = strata_learner_outputs(judged->model);
    size_t numbers;
    STRATA_TRY(mem_product(cli->ctx, judged->shape.rows, judged->outputs, "the outputs of a model", &numbers));
    judged->out = mem_zero(numbers, sizeof *judged->out);
    if (!judged->out) return strata_fail(cli->ctx, STRATA_ERR_MEMORY, "no memory for %zu outputs", numbers);
    STRATA_TRY(strata_learner_predict(cli->ctx, judged->model, judged->shape.rows, strata_dataset_inputs(judged->data),
                                      judged->out));
    for (size_t i = 0; i < numbers; ++i)
        if (!isfinite(judged->out[i]))
            return strata_fail(cli->ctx, STRATA_ERR_FORMAT,
                               "%s: row %zu: the output is not a finite number: are the model's weights damaged?",
                               argument_value(arguments, "model"), i / judged->outputs + 1);
    return STRATA_OK;
}

static void judged_destroy(struct judged *judged) {
    strata_learner_destroy(judged->model);
    strata_dataset_destroy(judged->data);
    mem_free(judged->out);
}

/* ---- predict */

static bool classifies(const struct judged *judged) {
    return strata_learner_task(judged->model) != STRATA_TASK_REGRESSION;
}

static strata_status predictions_text(struct cli *cli, const struct judged *judged, struct buffer *text) {
    char number[32];
    if (classifies(judged)) STRATA_TRY(buffer_print(cli->ctx, text, "class,"));
    for (size_t i = 0; i < judged->outputs; ++i)
        STRATA_TRY(buffer_print(cli->ctx, text, "%s_%zu%s", classifies(judged) ? "logit" : "prediction", i,
                                i + 1 < judged->outputs ? "," : "\n"));
    for (size_t r = 0; r < judged->shape.rows; ++r) {
        const float *out = judged->out + r * judged->outputs;
        if (classifies(judged)) STRATA_TRY(buffer_print(cli->ctx, text, "%zu,", user_class(judged->outputs, out)));
        for (size_t i = 0; i < judged->outputs; ++i) {
            number_format((double)out[i], number);
            STRATA_TRY(buffer_print(cli->ctx, text, "%s%s", number, i + 1 < judged->outputs ? "," : "\n"));
        }
    }
    return STRATA_OK;
}

static strata_status write_array(struct cli *cli, const struct judged *judged, const char *path) {
    const size_t dims[2] = {judged->shape.rows, judged->outputs};
    double *values = mem_zero(dims[0] * dims[1], sizeof *values);
    if (!values) return strata_fail(cli->ctx, STRATA_ERR_MEMORY, "no memory for %zu outputs", dims[0] * dims[1]);
    for (size_t i = 0; i < dims[0] * dims[1]; ++i) values[i] = (double)judged->out[i];
    strata_status status = npy_write(cli->ctx, path, 2, dims, values, true);
    mem_free(values);
    return status;
}

strata_status command_predict(struct cli *cli, const struct arguments *arguments) {
    const char *path = argument_value(arguments, "out"), *dot = path ? strrchr(path, '.') : NULL;
    struct judged judged = {0};
    struct buffer text = {0};
    strata_status status = STRATA_OK;
    if (path && (!dot || (strcmp(dot, ".csv") != 0 && strcmp(dot, ".npy") != 0)))
        return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "--out: expected a .csv or .npy file, got '%s'", path);
    STRATA_GO(judge(cli, arguments, true, &judged));
    if (path && strcmp(dot, ".npy") == 0) STRATA_GO(write_array(cli, &judged, path));
    if (!path || strcmp(dot, ".csv") == 0) STRATA_GO(predictions_text(cli, &judged, &text));
    if (path && text.size) STRATA_GO(file_write_atomic(cli->ctx, path, text.data, text.size));
    if (!path) fwrite(text.data, 1, text.size, stdout);
    if (path) cli_note(cli, "%zu rows in %s", judged.shape.rows, path);
cleanup:
    buffer_destroy(&text);
    judged_destroy(&judged);
    return status;
}

/* ---- evaluate */

/* counts[label * classes + class]. */
static size_t confuse(const struct judged *judged, size_t classes, size_t *counts) {
    const float *targets = strata_dataset_targets(judged->data);
    size_t right = 0;
    for (size_t r = 0; r < judged->shape.rows; ++r) {
        size_t label = (size_t)targets[r], said = user_class(judged->outputs, judged->out + r * judged->outputs);
        right += label == said;
        if (counts) ++counts[label * classes + said];
    }
    return right;
}

static strata_status print_confusion(struct cli *cli, size_t classes, const size_t *counts) {
    struct text_table table = {.columns = classes + 1};
    strata_status status = text_table_add(cli->ctx, &table, "class");
    for (size_t c = 0; status == STRATA_OK && c < classes; ++c) status = text_table_add(cli->ctx, &table, "as %zu", c);
    for (size_t i = 0; status == STRATA_OK && i < classes * (classes + 1); ++i) {
        size_t row = i / (classes + 1), column = i % (classes + 1);
        status = column == 0 ? text_table_add(cli->ctx, &table, "%zu", row)
                             : text_table_add(cli->ctx, &table, "%zu", counts[row * classes + column - 1]);
    }
    if (status == STRATA_OK) (void)text_table_print(&table, stdout, terminal_width(stdout, WIDTH_PIPED), NULL);
    text_table_destroy(&table);
    return status;
}

static json_t *confusion_json(size_t classes, const size_t *counts) {
    json_t *rows = json_array();
    for (size_t r = 0; counts && r < classes; ++r) {
        json_t *row = json_array();
        for (size_t c = 0; c < classes; ++c)
            row = json_list_add(row, json_integer((json_int_t)counts[r * classes + c]));
        rows = json_list_add(rows, row);
    }
    return rows;
}

static strata_status evaluate_classes(struct cli *cli, const struct arguments *arguments, const struct judged *judged) {
    size_t classes = strata_learner_classes(judged->model);
    bool small = classes <= CONFUSION_CLASSES;
    size_t *counts = small ? mem_zero(classes * classes, sizeof *counts) : NULL;
    if (small && !counts) return strata_fail(cli->ctx, STRATA_ERR_MEMORY, "no memory for %zu classes", classes);
    size_t right = confuse(judged, classes, counts);
    struct interval accuracy = interval_wilson(right, judged->shape.rows);
    strata_status status = STRATA_OK;
    if (argument_given(arguments, "json")) {
        status = cli_print_json(cli, json_pack("{s:I,s:I,s:o,s:o,s:o,s:o}", "rows", (json_int_t)judged->shape.rows,
                                               "classes", (json_int_t)classes, "accuracy", json_number(accuracy.mean),
                                               "low", json_number(accuracy.low), "high", json_number(accuracy.high),
                                               "confusion", confusion_json(classes, counts)));
    } else {
        printf("accuracy %.4g [%.4g, %.4g] on %zu rows\n", accuracy.mean, accuracy.low, accuracy.high,
               judged->shape.rows);
        if (small && !cli->quiet) status = print_confusion(cli, classes, counts);
    }
    mem_free(counts);
    return status;
}

strata_status command_evaluate(struct cli *cli, const struct arguments *arguments) {
    struct judged judged = {0};
    double error = NAN;
    strata_status status = STRATA_OK;
    STRATA_GO(judge(cli, arguments, false, &judged));
    if (classifies(&judged)) {
        STRATA_GO(evaluate_classes(cli, arguments, &judged));
    } else {
        STRATA_GO(strata_learner_test_error(cli->ctx, judged.model, judged.data, &error));
        if (argument_given(arguments, "json"))
            STRATA_GO(cli_print_json(cli, json_pack("{s:I,s:o}", "rows", (json_int_t)judged.shape.rows,
                                                    "relative_error", json_number(error))));
        else
            printf("relative error %.4g on %zu rows (1: no better than the mean)\n", error, judged.shape.rows);
    }
cleanup:
    judged_destroy(&judged);
    return status;
}
