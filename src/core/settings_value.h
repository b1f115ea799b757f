/* SPDX-License-Identifier: MIT */
/* One setting's text turned into its value, once, when it is set. Only settings.c includes this. */
#ifndef CORE_SETTINGS_VALUE_H
#define CORE_SETTINGS_VALUE_H

#include "core/settings.h"

struct setting_value {
    char *text;       /* as given, blanks trimmed */
    double number;    /* of numbers, counts and flags (0 or 1) */
    size_t count;     /* of lists */
    double *numbers;  /* [count] */
    char **names;     /* [count] */
    char **arguments; /* [count], "key=value,key=value" or "" */
};

/** Checks and converts `text`; an empty text passes only when `may_be_empty`. `value` is untouched on failure. */
STRATA_MUST_USE strata_status setting_value_parse(strata_context *ctx, const struct setting *row, const char *where,
                                                  const char *text, bool may_be_empty, struct setting_value *value);

void setting_value_destroy(struct setting_value *value);

#endif
