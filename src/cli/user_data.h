/* SPDX-License-Identifier: MIT */
/* The user's own data and models, as fit, predict, evaluate and attack take them. */
#ifndef CLI_USER_DATA_H
#define CLI_USER_DATA_H

#include <strata/dataset.h>
#include <strata/learner.h>

#include "cli/cli.h"
#include "core/threads.h"

struct arguments;

enum user_part { USER_TRAIN, USER_TEST };

/* Which rows are wanted, and how they are to be read. */
struct user_rows {
    enum user_part part;
    int task;            /* -1: what the targets look like */
    const char *target;  /* column where --target was not given; NULL: the last one */
    const char *columns; /* names of the input columns, one a line; NULL: all others */
    bool unlabelled;     /* targets are not needed */
};

/**
 * The rows of --data: a known data set by name (its training or test part), or a file; --target, --labels, --task and
 * --rows are read.
 */
STRATA_MUST_USE strata_status user_data_load(const struct cli *cli, const struct arguments *arguments,
                                             const struct user_rows *wanted, strata_dataset **data);

/** The model of --model: a file of ours, or with --architecture one of PyTorch's weights. */
STRATA_MUST_USE strata_status user_model_open(const struct cli *cli, const struct arguments *arguments,
                                              strata_learner **model);

/**
 * The rows of --data for a model: its columns by their names, its task and target, as many inputs and no more classes.
 * `unlabelled`: rows without targets will do.
 */
STRATA_MUST_USE strata_status user_model_data(const struct cli *cli, const struct arguments *arguments,
                                              const strata_learner *model, bool unlabelled, strata_dataset **data);

/** A number of an option such as "0.03" or "8/255"; ERR_ARGUMENT. */
STRATA_MUST_USE strata_status user_number(const struct cli *cli, const char *option, const char *text, double *number);

/** A whole number of at least 1 of an option, `fallback` where it was not given; ERR_ARGUMENT. */
STRATA_MUST_USE strata_status user_count(const struct cli *cli, const struct arguments *arguments, const char *option,
                                         size_t fallback, size_t *count);

/** --seed, `fallback` where it was not given. */
STRATA_MUST_USE strata_status user_seed(const struct cli *cli, const struct arguments *arguments, uint64_t *seed);

/** One copy of the model for every thread of --threads: a learner serves one call at a time. */
struct user_copies {
    size_t count;
    strata_learner **models;
    strata_function *functions;
    struct thread_pool *pool;
};

/** Opens --model as often; also on failure the caller destroys. */
STRATA_MUST_USE strata_status user_copies_open(struct cli *cli, const struct arguments *arguments,
                                               struct user_copies *copies);
void user_copies_destroy(struct user_copies *copies);

/** Refuses a model of numbers. */
STRATA_MUST_USE strata_status user_check_classifier(const struct cli *cli, const struct arguments *arguments,
                                                    const strata_learner *model);

/** Labels of a set of classes; the caller frees. */
STRATA_MUST_USE strata_status user_labels(const struct cli *cli, const strata_dataset *data, uint32_t **labels);

/** Class of a row of outputs: the sign of one logit, the largest of several. */
size_t user_class(size_t outputs, const float *out);

/** `name` of an option with its value, for messages: ERR_ARGUMENT when it is missing. */
STRATA_MUST_USE strata_status user_required(const struct cli *cli, const struct arguments *arguments,
                                            const char *option, const char **value);

#endif
