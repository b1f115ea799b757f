/* SPDX-License-Identifier: MIT */
/*
 * The user's own layers in the formulas of the chain, from teacher.file:
 *   .npy          one [width, dimension] matrix, the W of layer 1;
 *   safetensors   layer1.weight [width 1, dimension];
 *                 layerL.weight [width L, width L-1], L >= 2;
 *                 layerL.skip   [width L, dimension], L >= 2, optional (absent: the layer does not read x);
 *                 layerL.output [width L], optional (absent: ones), its weights in the layer's sum.
 * Numbers are used as they stand. Layers that the file lacks below teacher.depth are drawn as in the
 * chain, as wide as the layer below.
 */
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/safetensors.h"
#include "data/dataset.h"
#include "data/teacher_net.h"

static strata_status weights_copy(strata_context *ctx, size_t count, const double *values,
                                  struct teacher_weights *weights) {
    STRATA_TRY(teacher_weights_create(ctx, count, weights));
    memcpy(weights->f64, values, count * sizeof *values);
    teacher_weights_round(weights, count);
    return STRATA_OK;
}

static strata_status weights_from_tensor(strata_context *ctx, const char *path, const struct tensor *tensor,
                                         size_t rows, size_t columns, struct teacher_weights *weights) {
    bool vector = columns == 0;
    if (tensor->rank != (vector ? 1u : 2u) || tensor->dims[0] != rows || (!vector && tensor->dims[1] != columns))
        return vector ? strata_fail(ctx, STRATA_ERR_CONFIG,
                                    "%s: tensor '%s': expected shape [%zu], got rank %u, %zu elements", path,
                                    tensor->name, rows, tensor->rank, tensor_count(tensor))
                      : strata_fail(ctx, STRATA_ERR_CONFIG,
                                    "%s: tensor '%s': expected shape [%zu, %zu], got rank %u, %zu elements", path,
                                    tensor->name, rows, columns, tensor->rank, tensor_count(tensor));
    if (tensor->type != TENSOR_F32 && tensor->type != TENSOR_F64)
        return strata_fail(ctx, STRATA_ERR_CONFIG, "%s: tensor '%s': expected F32 or F64 numbers", path, tensor->name);
    size_t count = tensor_count(tensor);
    STRATA_TRY(teacher_weights_create(ctx, count, weights));
    for (size_t i = 0; i < count; ++i) {
        float single;
        if (tensor->type == TENSOR_F64)
            memcpy(&weights->f64[i], (const char *)tensor->data + i * sizeof(double), sizeof(double));
        else
            memcpy(&single, (const char *)tensor->data + i * sizeof single, sizeof single),
                weights->f64[i] = (double)single;
    }
    teacher_weights_round(weights, count);
    return STRATA_OK;
}

static const struct tensor *find_layer(const struct tensor_file *file, size_t layer, const char *part, size_t *used) {
    char name[32];
    snprintf(name, sizeof name, "layer%zu.%s", layer, part);
    const struct tensor *tensor = tensor_file_find(file, name);
    if (tensor) ++*used;
    return tensor;
}

static strata_status check_width(strata_context *ctx, const char *path, size_t layer, size_t width) {
    if (width >= 1 && width <= TEACHER_MAX_WIDTH) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_CONFIG, "%s: layer %zu: expected a width of 1 to %d, got %zu", path, layer,
                       (int)TEACHER_MAX_WIDTH, width);
}

/* Layers 1.. of the file, as long as layerL.weight is there; `count` of them. */
static strata_status read_layers(strata_context *ctx, const char *path, const struct tensor_file *file,
                                 struct teacher_net *net, size_t *count) {
    size_t used = 0;
    const struct tensor *weight;
    for (*count = 0; (weight = find_layer(file, *count + 1, "weight", &used)); ++*count) {
        size_t l = *count + 1;
        if (l > net->depth)
            return strata_fail(ctx, STRATA_ERR_CONFIG, "%s: has tensor '%s', expected layers 1 to teacher.depth = %zu",
                               path, weight->name, net->depth);
        struct teacher_level *level = &net->levels[l];
        level->width = weight->rank ? weight->dims[0] : 0;
        STRATA_TRY(check_width(ctx, path, l, level->width));
        size_t columns = l == 1 ? net->dimension : net->levels[l - 1].width;
        STRATA_TRY(weights_from_tensor(ctx, path, weight, level->width, columns,
                                       l == 1 ? &level->from_x : &level->from_below));
        const struct tensor *skip = l == 1 ? NULL : find_layer(file, l, "skip", &used),
                            *output = find_layer(file, l, "output", &used);
        if (skip) STRATA_TRY(weights_from_tensor(ctx, path, skip, level->width, net->dimension, &level->from_x));
        STRATA_TRY(output ? weights_from_tensor(ctx, path, output, level->width, 0, &level->output)
                          : teacher_output_ones(ctx, level));
    }
    if (*count == 0) return strata_fail(ctx, STRATA_ERR_CONFIG, "%s: no tensor 'layer1.weight'", path);
    if (used == file->tensor_count) return STRATA_OK;
    return strata_fail(
        ctx, STRATA_ERR_CONFIG,
        "%s: %zu of its %zu tensors are not layerL.weight, layerL.skip (L >= 2) or layerL.output of layers 1 to %zu",
        path, file->tensor_count - used, file->tensor_count, *count);
}

static strata_status read_npy(strata_context *ctx, const char *path, struct teacher_net *net) {
    struct npy_array array = {0};
    STRATA_TRY(npy_read(ctx, path, &array));
    strata_status status = STRATA_OK;
    if (array.rank != 2 || array.dims[1] != net->dimension) {
        status = strata_fail(ctx, STRATA_ERR_CONFIG,
                             "%s: expected a matrix [width, data.dimension = %zu], got rank %u with %zu columns", path,
                             net->dimension, array.rank, array.rank == 2 ? array.dims[1] : 0);
        goto cleanup;
    }
    struct teacher_level *level = &net->levels[1];
    level->width = array.dims[0];
    STRATA_GO(check_width(ctx, path, 1, level->width));
    STRATA_GO(weights_copy(ctx, level->width * net->dimension, array.values, &level->from_x));
    STRATA_GO(teacher_output_ones(ctx, level));
cleanup:
    npy_destroy(&array);
    return status;
}

static strata_status read_safetensors(strata_context *ctx, const char *path, struct teacher_net *net, size_t *count) {
    struct tensor_file file = {0};
    STRATA_TRY(tensor_file_read(ctx, path, &file));
    strata_status status = read_layers(ctx, path, &file, net, count);
    tensor_file_destroy(&file);
    return status;
}

static strata_status matrix_create(strata_context *ctx, const struct settings *settings, uint64_t seed,
                                   uint64_t replicate, struct teacher_net *net) {
    const char *path = settings_text(settings, "teacher.file");
    net->depth = settings_count(settings, "teacher.depth");
    net->first = 1;
    net->standardised = true;
    if (!*path)
        return strata_fail(ctx, STRATA_ERR_CONFIG,
                           "teacher.file: expected a .npy or safetensors file for teacher.kind = matrix, got nothing");
    size_t count = 1, length = strlen(path);
    if (length >= 4 && !strcmp(path + length - 4, ".npy"))
        STRATA_TRY(read_npy(ctx, path, net));
    else
        STRATA_TRY(read_safetensors(ctx, path, net, &count));
    for (size_t l = count + 1; l <= net->depth; ++l)
        STRATA_TRY(teacher_level_draw(ctx, settings, seed, replicate, l, net->levels[l - 1].width, net));
    return STRATA_OK;
}

const struct teacher_class teacher_matrix = {
    .name = "matrix",
    .summary = "layers of your own from teacher.file, in the formulas of the chain",
    .create = matrix_create,
};
