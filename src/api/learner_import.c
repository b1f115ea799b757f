/* SPDX-License-Identifier: MIT */
/*
 * A learner from the weights of a PyTorch network. An untrained learner of the sizes that the file shows lends its
 * state; the file's numbers take the place of its own.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/handles.h"
#include "core/memory.h"

enum { MOST_LAYERS = 26, CONVOLUTIONS = 3, NAME_SIZE = 96 };

/* A layer of the file: [out, in] or [out, in, side, side], and [out]. */
struct file_layer {
    const struct tensor *weight, *bias;
    size_t out, in, side; /* side 0: dense */
};

strata_import strata_import_default(const char *architecture) { return (strata_import){.architecture = architecture}; }

/* ---- what the file holds ---- */

static void shape_text(const struct tensor *tensor, char text[64]) {
    size_t used = (size_t)snprintf(text, 64, "[");
    for (unsigned i = 0; i < tensor->rank && used < 60; ++i)
        used += (size_t)snprintf(text + used, 64 - used, "%s%zu", i ? ", " : "", tensor->dims[i]);
    snprintf(text + (used < 62 ? used : 62), 2, "]");
}

static strata_status wrong_tensor(strata_context *ctx, const char *path, const struct tensor *tensor,
                                  const char *expected) {
    char text[64];
    shape_text(tensor, text);
    return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: tensor '%.60s': expected %s, found %s of shape %s", path,
                       tensor->name, expected,
                       tensor->type == TENSOR_F32   ? "float32"
                       : tensor->type == TENSOR_F64 ? "float64"
                                                    : "whole numbers",
                       text);
}

/* Convolutions first, then by name with runs of digits as numbers. */
static int compare_layers(const void *a, const void *b) {
    const struct file_layer *first = a, *second = b;
    const char *p = first->weight->name, *q = second->weight->name;
    if (!first->side != !second->side) return first->side ? -1 : 1;
    while (*p && *q) {
        if (isdigit((unsigned char)*p) && isdigit((unsigned char)*q)) {
            while (*p == '0') ++p;
            while (*q == '0') ++q;
            size_t m = strspn(p, "0123456789"), n = strspn(q, "0123456789");
            int order = m != n ? (m < n ? -1 : 1) : memcmp(p, q, m);
            if (order) return order;
            p += m, q += n;
        } else {
            if (*p != *q) break;
            ++p, ++q;
        }
    }
    return (unsigned char)*p - (unsigned char)*q;
}

/*
 * safetensors.torch writes tensors by their names, which is no order of layers: "10.weight" comes before "2.weight".
 * Another order is the writer's own and stands.
 */
static void order_layers(const struct tensor_file *file, struct file_layer *layers, size_t count) {
    bool sorted = true;
    for (size_t i = 1; i < file->tensor_count; ++i)
        sorted = sorted && strcmp(file->tensors[i - 1].name, file->tensors[i].name) < 0;
    if (sorted) qsort(layers, count, sizeof *layers, compare_layers);
}

static strata_status read_pair(strata_context *ctx, const char *path, const struct tensor *weight,
                               const struct tensor *bias, struct file_layer *layer) {
    if (weight->rank == 1) { /* by name "bias" comes before "weight" */
        const struct tensor *other = weight;
        weight = bias;
        bias = other;
    }
    if (weight->type != TENSOR_F32 || (weight->rank != 2 && weight->rank != 4) ||
        (weight->rank == 4 && weight->dims[2] != weight->dims[3]) || tensor_count(weight) == 0)
        return wrong_tensor(ctx, path, weight, "a float32 weight, [out, in] or [out, in, side, side]");
    if (bias->type != TENSOR_F32 || bias->rank != 1 || bias->dims[0] != weight->dims[0])
        return wrong_tensor(ctx, path, bias, "a float32 bias as long as its weight");
    *layer = (struct file_layer){.weight = weight,
                                 .bias = bias,
                                 .out = weight->dims[0],
                                 .in = weight->dims[1],
                                 .side = weight->rank == 4 ? weight->dims[2] : 0};
    return STRATA_OK;
}

static strata_status read_layers(strata_context *ctx, const char *path, const struct tensor_file *file,
                                 struct file_layer layers[MOST_LAYERS], size_t *count) {
    *count = file->tensor_count / 2;
    if (file->tensor_count == 0 || file->tensor_count % 2 || file->tensor_count > 2 * MOST_LAYERS)
        return strata_fail(ctx, STRATA_ERR_FORMAT,
                           "%s: expected a weight and a bias for each of at most %d layers, found %zu tensors", path,
                           MOST_LAYERS, file->tensor_count);
    for (size_t i = 0; i < *count; ++i)
        STRATA_TRY(read_pair(ctx, path, &file->tensors[2 * i], &file->tensors[2 * i + 1], &layers[i]));
    order_layers(file, layers, *count);
    return STRATA_OK;
}

/* ---- the learner that fits it ---- */

struct fitted {
    size_t inputs, outputs;
    char settings[3][64];
};

static strata_status fit_mlp(strata_context *ctx, const char *path, const struct file_layer *layers, size_t count,
                             const size_t picture[3], struct fitted *fitted) {
    if (count < 2)
        return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: mlp_relu: expected at least two layers, found %zu", path,
                           count);
    for (size_t i = 0; i < count; ++i) {
        if (layers[i].side) return wrong_tensor(ctx, path, layers[i].weight, "a dense weight [out, in]");
        if (i > 0 && layers[i].in != layers[i - 1].out)
            return wrong_tensor(ctx, path, layers[i].weight, "as many inputs as the layer before has outputs");
        if (i + 1 < count && layers[i].out != layers[0].out)
            return wrong_tensor(ctx, path, layers[i].weight, "hidden layers of one width");
    }
    fitted->inputs = layers[0].in;
    fitted->outputs = layers[count - 1].out;
    if (picture[0] && !picture_fits(picture, fitted->inputs))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                           "mlp_relu: expected pictures of its %zu inputs, got %zu x %zu x %zu", fitted->inputs,
                           picture[0], picture[1], picture[2]);
    snprintf(fitted->settings[0], 64, "mlp.depth=%zu", count - 1);
    snprintf(fitted->settings[1], 64, "mlp.hidden_width=%zu", layers[0].out);
    return STRATA_OK;
}

static strata_status fit_cnn(strata_context *ctx, const char *path, const struct file_layer *layers, size_t count,
                             const strata_import *import, struct fitted *fitted) {
    const size_t *picture = import->picture, sides[CONVOLUTIONS] = {5, 3, 3};
    size_t in = picture[0], height = picture[1], width = picture[2], channels = count ? layers[0].out : 0;
    if (in == 0 || height == 0 || width == 0 || in > 4096 || height > 65536 || width > 65536)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                           "cnn_small: expected channels, height and width of its pictures, got %zu, %zu, %zu", in,
                           height, width);
    if (count != CONVOLUTIONS + 1)
        return strata_fail(ctx, STRATA_ERR_FORMAT,
                           "%s: cnn_small: expected 3 convolutions and a dense layer, found "
                           "%zu layers",
                           path, count);
    for (size_t i = 0; i < CONVOLUTIONS; ++i) {
        char expected[96];
        snprintf(expected, sizeof expected, "[%zu, %zu, %zu, %zu]", channels << i, in, sides[i], sides[i]);
        if (layers[i].side != sides[i] || layers[i].in != in || layers[i].out != channels << i)
            return wrong_tensor(ctx, path, layers[i].weight, expected);
        in = channels << i, height = (height + 1) / 2, width = (width + 1) / 2;
    }
    if (layers[CONVOLUTIONS].side || layers[CONVOLUTIONS].in != in * height * width)
        return wrong_tensor(ctx, path, layers[CONVOLUTIONS].weight, "a dense weight over the last convolution");
    fitted->inputs = picture[0] * picture[1] * picture[2];
    fitted->outputs = layers[CONVOLUTIONS].out;
    snprintf(fitted->settings[0], 64, "cnn.channels=%zu", channels);
    return STRATA_OK;
}

static strata_status make_learner(strata_context *ctx, const strata_import *import, const struct fitted *fitted,
                                  strata_learner **learner) {
    const char *pairs[4] = {NULL};
    strata_status status = STRATA_OK;
    strata_learner *made = NULL;
    for (size_t i = 0; i < 3 && fitted->settings[i][0]; ++i) pairs[i] = fitted->settings[i];
    STRATA_GO(learner_handle(ctx, import->architecture, &made));
    made->opened = true;
    made->seed = made->replicate = 1;
    memcpy(made->picture, import->picture, sizeof made->picture);
    STRATA_GO(settings_set_all(ctx, made->settings, import->architecture, pairs));
    made->blank = (struct dataset){.task = fitted->outputs == 1 ? TASK_BINARY : TASK_MULTICLASS,
                                   .rows = 1,
                                   .inputs = fitted->inputs,
                                   .outputs = 1,
                                   .classes = fitted->outputs == 1 ? 2 : fitted->outputs,
                                   .image = {import->picture[0], import->picture[1], import->picture[2]}};
    STRATA_GO(dataset_allocate(ctx, &made->blank));
    STRATA_GO(source_from_dataset(ctx, &made->blank, 1, 1, &made->source));
    STRATA_GO(learner_handle_finish(ctx, import->architecture, made));
    *learner = made;
    made = NULL;
cleanup:
    strata_learner_destroy(made);
    return status;
}

/* ---- its numbers ---- */

/* Dense weights stand [in, out] here. */
static void convert(const struct file_layer *layer, bool bias, double *to) {
    const float *from = bias ? layer->bias->data : layer->weight->data;
    size_t numbers = bias ? layer->out : tensor_count(layer->weight);
    if (bias || layer->side) {
        for (size_t i = 0; i < numbers; ++i) to[i] = (double)from[i];
        return;
    }
    for (size_t o = 0; o < layer->out; ++o)
        for (size_t i = 0; i < layer->in; ++i) to[i * layer->out + o] = (double)from[o * layer->in + i];
}

/* Puts one array of the file in the place of the state's; the copy is owned by `arrays`. */
static strata_status replace(strata_context *ctx, const char *path, struct tensor_file *state, const char *name,
                             const struct file_layer *layer, bool bias, double **array) {
    size_t count = bias ? layer->out : tensor_count(layer->weight);
    for (size_t i = 0; i < state->tensor_count; ++i) {
        struct tensor *tensor = &state->tensors[i];
        if (strcmp(tensor->name, name) != 0) continue;
        if (tensor_count(tensor) != count) break;
        *array = mem_zero(count, sizeof **array);
        if (!*array) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for '%s'", name);
        convert(layer, bias, *array);
        for (size_t k = 0; k < count; ++k)
            if (!isfinite((*array)[k]))
                return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: tensor '%.60s': expected finite numbers", path,
                                   bias ? layer->bias->name : layer->weight->name);
        tensor->data = *array;
        return STRATA_OK;
    }
    return strata_fail(ctx, STRATA_ERR_INTERNAL, "the learner has no place for '%s' of %zu numbers", name, count);
}

static void layer_name(bool dense_network, size_t layer, size_t count, bool bias, char name[NAME_SIZE]) {
    if (layer + 1 == count)
        snprintf(name, NAME_SIZE, "parameter.output.%s", bias ? "bias" : "weight");
    else
        snprintf(name, NAME_SIZE, "parameter.layer%zu.%s", layer + 1, bias ? "bias" : "weight");
    /* Dense networks name weights by their source. */
    if (dense_network && !bias && layer == 0) snprintf(name, NAME_SIZE, "parameter.layer1.input");
    if (dense_network && !bias && layer > 0 && layer + 1 < count)
        snprintf(name, NAME_SIZE, "parameter.layer%zu.layer%zu", layer + 1, layer);
    if (dense_network && !bias && layer + 1 == count) snprintf(name, NAME_SIZE, "parameter.readout%zu", layer);
}

static strata_status put_numbers(strata_context *ctx, const char *path, const struct file_layer *layers, size_t count,
                                 strata_learner *learner) {
    struct tensor_file state = {0};
    double *arrays[2 * MOST_LAYERS] = {NULL};
    char name[NAME_SIZE];
    bool dense = layers[0].side == 0;
    strata_status status = STRATA_OK;
    STRATA_GO(learner_save(ctx, learner->learner, &state));
    for (size_t i = 0; i < 2 * count; ++i) {
        layer_name(dense, i / 2, count, i % 2, name);
        STRATA_GO(replace(ctx, path, &state, name, &layers[i / 2], i % 2, &arrays[i]));
    }
    STRATA_GO(learner_load(ctx, learner->learner, &state));
cleanup:
    for (size_t i = 0; i < 2 * MOST_LAYERS; ++i) mem_free(arrays[i]);
    tensor_file_destroy(&state);
    return status;
}

static strata_status set_moments(strata_context *ctx, const strata_import *import, size_t inputs,
                                 strata_learner *learner) {
    size_t count = import->moments, channels = learner->picture[0];
    if (count == 0) return STRATA_OK;
    if (count != 1 && count != inputs && (channels == 0 || count != channels))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                           "preprocessing: expected 1 mean and deviation, %s%zu (one for each input), got %zu",
                           channels ? "one for each channel of its pictures or " : "", inputs, count);
    for (size_t i = 0; i < count; ++i)
        if (!isfinite(import->mean[i]) || !(import->sd[i] > 0) || !isfinite(import->sd[i]))
            return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                               "preprocessing: expected finite means and positive deviations, got %g and %g",
                               import->mean[i], import->sd[i]);
    learner->mean = mem_zero(inputs, sizeof *learner->mean);
    learner->sd = mem_zero(inputs, sizeof *learner->sd);
    if (!learner->mean || !learner->sd)
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu inputs", inputs);
    for (size_t j = 0; j < inputs; ++j) {
        size_t from = j / (inputs / count); /* the channel of a picture's pixel */
        learner->mean[j] = (float)import->mean[from];
        learner->sd[j] = (float)import->sd[from];
    }
    return STRATA_OK;
}

strata_status strata_learner_open_weights(strata_context *ctx, const char *path, const strata_import *import,
                                          strata_learner **learner) {
    struct tensor_file file = {0};
    struct file_layer layers[MOST_LAYERS];
    struct fitted fitted = {0};
    size_t count;
    strata_learner *made = NULL;
    strata_status status = STRATA_OK;
    *learner = NULL;
    bool mlp = strcmp(import->architecture, "mlp_relu") == 0, cnn = strcmp(import->architecture, "cnn_small") == 0;
    if (!mlp && !cnn)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "architecture '%.40s': expected mlp_relu or cnn_small",
                           import->architecture);
    STRATA_GO(tensor_file_read(ctx, path, &file));
    STRATA_GO(read_layers(ctx, path, &file, layers, &count));
    if (mlp)
        STRATA_GO(fit_mlp(ctx, path, layers, count, import->picture, &fitted));
    else
        STRATA_GO(fit_cnn(ctx, path, layers, count, import, &fitted));
    STRATA_GO(make_learner(ctx, import, &fitted, &made));
    STRATA_GO(put_numbers(ctx, path, layers, count, made));
    STRATA_GO(set_moments(ctx, import, fitted.inputs, made));
    *learner = made;
    made = NULL;
cleanup:
    strata_learner_destroy(made);
    tensor_file_destroy(&file);
    return status;
}
