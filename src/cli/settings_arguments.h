/* SPDX-License-Identifier: MIT */
/* From --preset, --config, --set, --seed, --seeds to resolved settings. */
#ifndef CLI_SETTINGS_ARGUMENTS_H
#define CLI_SETTINGS_ARGUMENTS_H

#include "cli/command.h"
#include "core/settings.h"
#include "run/run.h"

/**
 * Resolves table, preset, --config, then the rest from left to right, then `extra` ("section.key=value" each,
 * of a sweep).
 * Errors: as run_settings; ERR_ARGUMENT for a --set that is not SECTION.KEY=VALUE.
 */
STRATA_MUST_USE strata_status settings_from_arguments(strata_context *ctx, const struct study *study,
                                                      const struct arguments *arguments, size_t extra_count,
                                                      const char *const *extra, struct settings **settings);

#endif
