/* SPDX-License-Identifier: MIT */
/* What others than the learners themselves read of the settings "picture.*". */
#ifndef LEARN_PICTURE_LEARNERS_H
#define LEARN_PICTURE_LEARNERS_H

#include "core/settings.h"
#include "model/picture_network.h"

extern const struct setting picture_settings[];

/**
 * The network that the settings describe, for pictures of `shape` (channels, height, width). Errors: those of
 * picture_describe.
 */
STRATA_MUST_USE strata_status picture_from_settings(strata_context *ctx, const struct settings *settings,
                                                    const size_t shape[3], size_t classes,
                                                    struct picture_network *network);

/** The same as a request, to be changed before it is described. */
struct picture_request picture_request_of(const struct settings *settings, const size_t shape[3], size_t classes);

#endif
