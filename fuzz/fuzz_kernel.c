/* SPDX-License-Identifier: MIT */
/* Any text as a kernel, as a saved machine names it: refused, or printed to a text of the same kernel. */
#include "foreign.h"
#include "kernels/kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { ROWS = 3, INPUTS = 4 };
    static const double x[ROWS * INPUTS] = {1, 2, 0, -1, 0.5, 0.5, 0.25, 3, -2, 1, 1, 0};
    static const size_t image[3] = {1, 2, 2};
    struct kernel kernel, again;
    double gram[ROWS * ROWS];
    char first[KERNEL_TEXT], second[KERNEL_TEXT];
    char *text = mem_zero(size + 1, 1);
    if (!text) abort();
    if (size) memcpy(text, data, size);
    size_t rows = size % 2 ? ROWS : 0;
    if (kernel_create(foreign_context(), text, rows, rows ? x : NULL, INPUTS, image, &kernel) == STRATA_OK) {
        kernel_text(&kernel, first);
        if (kernel_create(foreign_context(), first, rows, rows ? x : NULL, INPUTS, image, &again) != STRATA_OK) abort();
        kernel_text(&again, second);
        if (strcmp(first, second) != 0) abort();
        if (kernel_gram(foreign_context(), NULL, &kernel, ROWS, x, ROWS, x, gram) == STRATA_ERR_INTERNAL) abort();
    }
    mem_free(text);
    return 0;
}
