/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer entry of the reader of figures' numbers: any bytes give a result or a refusal, never a fault or a leak,
 * and what was read is one of the kind's points. The first byte picks the kind.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "run/figure_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const enum figure_kind kinds[] = {FIGURE_LINES, FIGURE_POINTS, FIGURE_BARS, FIGURE_RANKING};
    struct figure_data figure;
    if (!size) return 0;
    enum figure_kind kind = kinds[data[0] % 4];
    if (figure_data_parse(NULL, kind, "fuzz.csv", (const char *)data + 1, size - 1, &figure) != STRATA_OK) return 0;
    for (size_t i = 0; i < figure.point_count; ++i) {
        const struct figure_point *point = &figure.points[i];
        if (point->series >= figure.series.count) abort();
        if (kind == FIGURE_BARS && point->category >= figure.categories.count) abort();
    }
    figure_data_destroy(&figure);
    return 0;
}
