/* SPDX-License-Identifier: MIT */
/* Named arrays of doubles that outlive the programs which train them; saved and loaded as tensors. */
#ifndef LEARN_PARAMETER_STORE_H
#define LEARN_PARAMETER_STORE_H

#include "core/safetensors.h"
#include "graph/program.h"

struct stored_parameter {
    char *name;
    size_t count;
    unsigned group;
    bool tracked; /* running moments and their like: not trained */
    double *values;
    double *slots; /* [slot_count, count] optimizer state */
};

struct parameter_store {
    struct stored_parameter *items;
    size_t count, slot_count;
};

/** One zeroed entry per parameter of a program. */
STRATA_MUST_USE strata_status store_create(strata_context *ctx, const struct program *program, size_t slot_count,
                                           struct parameter_store *store);
void store_destroy(struct parameter_store *store);

struct stored_parameter *store_find(const struct parameter_store *store, const char *name);

/** No value is infinite or NaN. */
bool store_finite(const struct parameter_store *store);

/** Values of a program's parameters from the store, and back; `state`: optimizer slots too. */
void store_to_program(const struct parameter_store *store, struct program *program, bool state);
void store_from_program(struct parameter_store *store, const struct program *program, bool state);

/**
 * As tensors "parameter.NAME" and "slot0.NAME"; loading checks names and sizes (ERR_FORMAT, nothing changed). Data is
 * borrowed until written.
 */
STRATA_MUST_USE strata_status store_save(strata_context *ctx, const struct parameter_store *store,
                                         struct tensor_file *file);
STRATA_MUST_USE strata_status store_load(strata_context *ctx, struct parameter_store *store,
                                         const struct tensor_file *file);

/** Whole numbers in the metadata of a checkpoint. */
STRATA_MUST_USE strata_status state_set_count(strata_context *ctx, struct tensor_file *file, const char *key,
                                              uint64_t value);
STRATA_MUST_USE strata_status state_get_count(strata_context *ctx, const struct tensor_file *file, const char *key,
                                              uint64_t *value);

#endif
