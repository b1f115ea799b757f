/* SPDX-License-Identifier: MIT */
#include "studies/checks.h"

#include <string.h>

#include "core/memory.h"

strata_status check_rising(strata_context *ctx, const struct settings *settings, const char *key, size_t least,
                           size_t most) {
    const double *values;
    size_t count = settings_numbers(settings, key, &values);
    if (count < least || count > most)
        return strata_fail(ctx, STRATA_ERR_CONFIG, "key '%s': expected %zu to %zu values, found %zu", key, least, most,
                           count);
    for (size_t i = 1; i < count; ++i)
        if (!(values[i] > values[i - 1]))
            return strata_fail(ctx, STRATA_ERR_CONFIG, "key '%s': expected rising values, found %g after %g", key,
                               values[i], values[i - 1]);
    return STRATA_OK;
}

strata_status run_by_kind(strata_context *ctx, struct task_run *run, const struct task_kind *kinds) {
    const char *kind = task_run_task(run)->kind;
    for (; kinds->kind; ++kinds)
        if (strcmp(kinds->kind, kind) == 0) return kinds->run(ctx, run);
    return strata_fail(ctx, STRATA_ERR_INTERNAL, "no task of kind '%s'", kind);
}
