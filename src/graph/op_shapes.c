/* SPDX-License-Identifier: MIT */
#include "graph/op_shapes.h"

#include <stdio.h>

/* Appends to text[size] from `used`; a full text is cut, never overrun. Returns the new end. */
static size_t text_append(char *text, size_t size, size_t used, const char *part) {
    int written = snprintf(text + used, size - used, "%s", part);
    size_t end = used + (written > 0 ? (size_t)written : 0);
    return end < size ? end : size - 1;
}

const char *shape_text(const struct shape *shape, char *text) {
    size_t used = text_append(text, SHAPE_TEXT_SIZE, 0, shape->batched ? "[batch" : "[");
    for (unsigned axis = 0; axis < shape->rank; ++axis) {
        char number[32];
        snprintf(number, sizeof number, "%s%zu", axis || shape->batched ? ", " : "", shape->dims[axis]);
        used = text_append(text, SHAPE_TEXT_SIZE, used, number);
    }
    text_append(text, SHAPE_TEXT_SIZE, used, "]");
    return text;
}

bool shape_same_dims(const struct shape *a, const struct shape *b) {
    if (a->rank != b->rank) return false;
    for (unsigned axis = 0; axis < a->rank; ++axis)
        if (a->dims[axis] != b->dims[axis]) return false;
    return true;
}

size_t shape_last(const struct shape *shape) { return shape->rank ? shape->dims[shape->rank - 1] : 1; }

strata_status op_refuse(strata_context *ctx, const char *name, size_t count, const struct shape *const *inputs,
                        const char *expected) {
    char found[512] = "";
    size_t used = 0;
    for (size_t i = 0; i < count; ++i) {
        char one[SHAPE_TEXT_SIZE];
        if (i) used = text_append(found, sizeof found, used, ", ");
        used = text_append(found, sizeof found, used, shape_text(inputs[i], one));
    }
    return strata_fail(ctx, STRATA_ERR_ARGUMENT, "%s: expected %s, found %s", name, expected, found);
}

strata_status op_shape_broadcast(strata_context *ctx, const char *name, size_t count, const struct shape *const *inputs,
                                 struct shape *output) {
    *output = *inputs[0];
    for (size_t i = 1; i < count; ++i) {
        if (!shape_same_dims(inputs[0], inputs[i]))
            return op_refuse(ctx, name, count, inputs, "inputs of equal row shapes");
        if (inputs[i]->batched) output->batched = true;
    }
    return STRATA_OK;
}
