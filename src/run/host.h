/* SPDX-License-Identifier: MIT */
/* The machine a run was made on. */
#ifndef RUN_HOST_H
#define RUN_HOST_H

#include <jansson.h>

/** {"cpu":"...","cores":N,"blas":"..."}; NULL when memory is short. */
json_t *host_describe(void);

#endif
