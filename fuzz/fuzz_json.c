/* SPDX-License-Identifier: MIT */
/* Any bytes as JSON: refused, or printed and read back as an equal value. */
#include <stdint.h>
#include <stdlib.h>

#include "core/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    json_t *value = NULL, *again = NULL;
    struct buffer text = {0};
    if (json_parse(NULL, "fuzz", (const char *)data, size, &value) != STRATA_OK) return 0;
    strata_status status = json_print(NULL, value, size % 3, &text);
    if (status == STRATA_OK) {
        if (json_parse(NULL, "printed", text.data, text.size, &again) != STRATA_OK || !json_equal(value, again))
            abort();
    } else if (status != STRATA_ERR_TOO_LARGE)
        abort();
    json_decref(value);
    json_decref(again);
    buffer_destroy(&text);
    return 0;
}
