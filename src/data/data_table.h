/* SPDX-License-Identifier: MIT */
/* The known data sets, each defined beside its loader. */
#ifndef DATA_DATA_TABLE_H
#define DATA_DATA_TABLE_H

#include "data/dataset.h"

extern const struct data_source data_fashion_mnist, data_mnist, data_cifar10;

/** FOLDER/NAME, or else FOLDER/NAME.gz, as a fresh string; *path = NULL when neither is there. ERR_MEMORY. */
STRATA_MUST_USE strata_status data_find_file(strata_context *ctx, const char *folder, const char *name, char **path);

#endif
