/* SPDX-License-Identifier: MIT */
/* What the public handles hold, for the files of this folder. */
#ifndef API_HANDLES_H
#define API_HANDLES_H

#include <strata/strata.h>

#include "core/settings.h"
#include "data/source.h"
#include "data/teacher.h"
#include "learn/learner.h"

struct strata_teacher {
    struct settings *settings;
    struct teacher *teacher;
    double noise; /* sd, on training targets */
    uint64_t seed, replicate;
};

struct strata_dataset {
    struct dataset data;
    bool owned;             /* the arrays are ours */
    char *columns, *target; /* of a table with a header: its inputs, one a line; NULL: none */
};

struct strata_learner {
    struct settings *settings;
    struct sample_source *source;
    struct learner *learner;
    struct thread_pool *pool; /* of its fit; NULL: one thread */
    uint64_t seed, replicate;
    bool opened;             /* from a file, without its data: */
    struct dataset blank;    /* one row of zeros in its sizes */
    size_t most_numbers;     /* that it may hold; 0: any */
    float *mean, *sd;        /* [inputs] of its preprocessing; NULL: none */
    struct dataset prepared; /* the training set after it */
    size_t picture[3];
    struct tensor_file notes; /* metadata alone */
};

/** Preprocessing of a learner from the columns of a set; keeps the set's rows after it in `prepared`. */
STRATA_MUST_USE strata_status learner_standardise(strata_context *ctx, strata_learner *learner,
                                                  const struct dataset *data);

/** Rows as the learner wants them: `x` itself, or a copy that the caller frees, in `*own`. */
STRATA_MUST_USE strata_status learner_rows(strata_context *ctx, const strata_learner *learner, size_t rows,
                                           const float *x, const float **ready, float **own);

/** A handle with the settings of a learner's tables, all at their defaults, without source and learner. */
STRATA_MUST_USE strata_status learner_handle(strata_context *ctx, const char *name, strata_learner **learner);

/** Makes the learner of a handle that has its settings, source, seed and replicate. */
STRATA_MUST_USE strata_status learner_handle_finish(strata_context *ctx, const char *name, strata_learner *learner);

/** A zeroed handle that owns what will be put into `data`; NULL when memory is short. */
strata_dataset *dataset_handle(void);

/** The set of a strata_dataset_read into a fresh handle: its file's rows and names, labels not yet checked. */
STRATA_MUST_USE strata_status dataset_file_read(strata_context *ctx, const strata_dataset_file *file,
                                                strata_dataset *data);

/**
 * Finite numbers; labels that are classes: a class count of 0 is set from them. ERR_FORMAT or ERR_ARGUMENT (`fault`).
 */
STRATA_MUST_USE strata_status dataset_check(strata_context *ctx, strata_status fault, const char *where,
                                            struct dataset *data);

/** Whether pictures of these channels, height and width are rows of `inputs` numbers; no product that could wrap. */
bool picture_fits(const size_t picture[3], size_t inputs);

/** ERR_NOT_FOUND: nothing of that `kind` is called so; the nearest of `names` is offered. */
STRATA_MUST_USE strata_status name_unknown(strata_context *ctx, const char *kind, const char *name,
                                           const char *const *names, size_t count);

/** "section.key=value" strings up to NULL (`assignments` NULL: none), set from left to right. */
STRATA_MUST_USE strata_status settings_set_all(strata_context *ctx, struct settings *settings, const char *where,
                                               const char *const *assignments);

#endif
