/* SPDX-License-Identifier: MIT */
/*
 * Cases of `strata bench` and the measurement of one. Every repeat starts from the initial weights, so that all
 * repeats do the same work; the first steps give the losses that a rival must reproduce.
 */
#include "cli/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/threads.h"
#include "graph/optimizer.h"
#include "graph/program.h"
#include "learn/objective.h"
#include "model/picture_network.h"

enum { BENCH_REPEATS = 9, BENCH_LEAST_STEPS = 3, NAME_SIZE = 64 };
static const double BENCH_SECONDS = 1.5;
static const double BENCH_WARM_SECONDS = 0.2;

struct engine {
    const struct bench_case *which;
    struct network network;
    struct picture_network picture; /* where the case is one */
    struct graph *graph;
    struct network_nodes nodes;
    node target;
    struct thread_pool *pool;
    struct program *program;
    struct update update;
    float *x, *y;
    double **weights; /* initial values by parameter number */
};

static void engine_destroy(struct engine *engine) {
    size_t count = engine->weights ? program_parameter_count(engine->program) : 0;
    for (size_t i = 0; i < count; ++i) mem_free(engine->weights[i]);
    mem_free(engine->weights);
    program_destroy(engine->program);
    graph_destroy(engine->graph);
    thread_pool_destroy(engine->pool);
    mem_free(engine->x);
    mem_free(engine->y);
}

/* A fixed batch: normal inputs, normal targets or classes in turn. */
static strata_status make_batch(strata_context *ctx, struct engine *engine) {
    const struct bench_case *which = engine->which;
    bool classes = which->task == TASK_MULTICLASS;
    size_t columns = classes ? 1 : which->outputs, inputs, targets;
    STRATA_TRY(mem_product(ctx, which->batch, which->inputs * sizeof *engine->x, "a batch", &inputs));
    STRATA_TRY(mem_product(ctx, which->batch, columns * sizeof *engine->y, "targets", &targets));
    engine->x = mem_aligned(inputs);
    engine->y = mem_aligned(targets);
    if (!engine->x || !engine->y)
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a batch of %zu rows", which->batch);
    rng_normal_rows_f32(rng_stream_make(1, 0, RNG_TRAIN_INPUT), 0, which->batch, which->inputs, engine->x);
    if (!classes) rng_normal_rows_f32(rng_stream_make(1, 0, RNG_LABEL_NOISE), 0, which->batch, columns, engine->y);
    for (size_t i = 0; classes && i < which->batch; ++i) engine->y[i] = (float)(i % which->outputs);
    return STRATA_OK;
}

/* Convolutions of stride 1 and equal width, to see what they alone reach. */
static bool is_stack(const struct bench_case *which) { return strcmp(which->kind, "conv_stack") == 0; }

static bool is_cnn(const struct bench_case *which) { return strcmp(which->kind, "cnn_small") == 0 || is_stack(which); }

/* Layer l of a cnn: its channels, taps along a side, and stride. */
static size_t cnn_channels(const struct bench_case *which, size_t l) {
    return which->hidden_width << (is_stack(which) ? 0 : l);
}
static size_t cnn_taps(const struct bench_case *which, size_t l) { return l || is_stack(which) ? 3 : 5; }
static size_t cnn_stride(const struct bench_case *which) { return is_stack(which) ? 1 : 2; }

static bool is_picture(const struct bench_case *which) { return which->channels > 0 && !is_cnn(which); }

/* Normal weights of variance 1 / fan-in, biases zero. */
static void initialise_cnn(const struct engine *engine, size_t number, double *values) {
    const struct shape shape = graph_shape(engine->graph, program_parameter(engine->program, number));
    const char *name = program_parameter_name(engine->program, number);
    size_t count = shape_size(&shape), fan_in = shape.rank == 4 ? count / shape.dims[0] : shape.dims[0];
    if (shape.rank == 1) return;
    rng_normal_f64(rng_stream_at(rng_stream_make(1, 0, RNG_INIT), rng_hash(name)), count, values);
    for (size_t i = 0; i < count; ++i) values[i] /= sqrt((double)fan_in);
}

static strata_status make_weights(strata_context *ctx, struct engine *engine) {
    size_t count = program_parameter_count(engine->program);
    engine->weights = mem_zero(count, sizeof *engine->weights);
    if (!engine->weights) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for weights");
    for (size_t i = 0; i < count; ++i) {
        size_t size = program_parameter_size(engine->program, i);
        engine->weights[i] = mem_zero(size, sizeof **engine->weights);
        if (!engine->weights[i]) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for weights");
        const char *name = program_parameter_name(engine->program, i);
        struct rng_stream stream = rng_stream_make(1, 0, RNG_INIT);
        if (is_cnn(engine->which))
            initialise_cnn(engine, i, engine->weights[i]);
        else if (is_picture(engine->which))
            picture_initialise(&engine->picture, stream, name, size, engine->weights[i]);
        else
            STRATA_TRY(network_initialise(ctx, &engine->network, stream, name, size, engine->weights[i]));
    }
    return STRATA_OK;
}

static strata_status build_picture(strata_context *ctx, struct engine *engine) {
    const struct bench_case *which = engine->which;
    const struct picture_request request = {.channels = which->channels,
                                            .height = which->side,
                                            .width = which->side,
                                            .classes = which->outputs,
                                            .family = which->kind,
                                            .depth = which->depth,
                                            .base_channels = which->hidden_width,
                                            .widen = 1,
                                            .growth = 12};
    STRATA_TRY(picture_describe(ctx, &request, &engine->picture));
    const struct network_view view = {.layers = engine->picture.unit_count, .last_readout = true};
    return picture_build(&engine->picture, &view, engine->graph, &engine->nodes);
}

/* The network of the learner cnn_small (src/learn/cnn.c), or a stack. */
static strata_status build_cnn(struct engine *engine) {
    const struct bench_case *which = engine->which;
    const struct op_attributes picture = {.size = {3, which->channels, which->side, which->side}};
    struct graph *graph = engine->graph;
    size_t in = which->channels, side = which->side;
    char name[NAME_SIZE];
    engine->nodes.input = graph_input(graph, "x", shape_rows(which->inputs));
    node h = graph_apply(graph, OP_RESHAPE, &picture, 1, &engine->nodes.input);
    for (size_t l = 0; l < which->depth; ++l) {
        size_t out = cnn_channels(which, l), kernel = cnn_taps(which, l), stride = cnn_stride(which);
        const struct op_attributes attributes = {.size = {stride, kernel / 2}};
        snprintf(name, sizeof name, "layer%zu.weight", l + 1);
        node weight = graph_parameter(graph, name, (struct shape){.rank = 4, .dims = {out, in, kernel, kernel}},
                                      GROUP_LAYER);
        snprintf(name, sizeof name, "layer%zu.bias", l + 1);
        node bias = graph_parameter(graph, name, shape_vector(out), GROUP_LAYER);
        h = graph_unary(graph, OP_RELU, graph_apply(graph, OP_CONV2D, &attributes, 3, (node[]){h, weight, bias}));
        in = out, side = (side + stride - 1) / stride;
    }
    const struct op_attributes rows = {.size = {1, in * side * side}};
    node weight = graph_parameter(graph, "output.weight", shape_matrix(in * side * side, which->outputs),
                                  GROUP_READOUT);
    node bias = graph_parameter(graph, "output.bias", shape_vector(which->outputs), GROUP_OUTPUT_BIAS);
    engine->nodes.output = graph_apply(graph, OP_DENSE, NULL, 3,
                                       (node[]){graph_apply(graph, OP_RESHAPE, &rows, 1, &h), weight, bias});
    return graph_status(graph);
}

static strata_status build_network(strata_context *ctx, struct engine *engine) {
    const struct bench_case *which = engine->which;
    struct network_request request = {.inputs = which->inputs,
                                      .outputs = which->outputs,
                                      .depth = which->depth,
                                      .hidden_width = which->hidden_width,
                                      .activation = which->activation};
    STRATA_TRY(network_describe(ctx, which->kind, &request, &engine->network));
    return network_build(&engine->network, &(struct network_view){.layers = engine->network.layer_count}, engine->graph,
                         &engine->nodes);
}

static strata_status engine_create(strata_context *ctx, const struct bench_case *which, size_t threads, bool recompute,
                                   struct engine *engine) {
    engine->which = which;
    engine->update = update_default(which->learning_rate);
    STRATA_TRY(graph_create(ctx, &engine->graph));
    STRATA_TRY(is_cnn(which)       ? build_cnn(engine)
               : is_picture(which) ? build_picture(ctx, engine)
                                   : build_network(ctx, engine));
    engine->target = graph_input(engine->graph, "target",
                                 shape_rows(which->task == TASK_MULTICLASS ? 1 : which->outputs));
    node loss = objective_node(engine->graph, which->task, 0, engine->nodes.output, engine->target);
    STRATA_TRY(graph_status(engine->graph));
    STRATA_TRY(thread_pool_create(ctx, threads, &engine->pool));
    struct program_options options = program_options_default();
    options.rows = which->batch;
    options.shards = threads < which->batch ? threads : which->batch;
    options.gradients = true;
    options.optimizer = optimizer_find(which->optimizer);
    options.pool = engine->pool;
    options.recompute = recompute;
    STRATA_TRY(program_create(ctx, engine->graph, loss, &options, &engine->program));
    STRATA_TRY(make_batch(ctx, engine));
    STRATA_TRY(make_weights(ctx, engine));
    program_bind(engine->program, engine->nodes.input, engine->x);
    program_bind(engine->program, engine->target, engine->y);
    return STRATA_OK;
}

static void engine_restart(struct engine *engine) {
    for (size_t i = 0; i < program_parameter_count(engine->program); ++i)
        program_set_parameter(engine->program, program_parameter(engine->program, i), engine->weights[i]);
    program_reset_optimizer(engine->program);
}

/* Seconds a step over `steps` steps from the initial weights; the losses of the first ones where `trace` is given. */
static strata_status run_steps(strata_context *ctx, struct engine *engine, size_t steps, double *trace,
                               double *seconds) {
    double loss = 0;
    engine_restart(engine);
    double start = clock_seconds();
    for (size_t i = 0; i < steps; ++i) {
        loss = program_step(engine->program, engine->which->batch, &engine->update);
        if (trace && i < BENCH_TRACE) trace[i] = loss;
    }
    *seconds = (clock_seconds() - start) / (double)steps;
    if (context_cancelled(ctx)) return strata_fail(ctx, STRATA_ERR_INTERRUPTED, "interrupted");
    if (!isfinite(loss))
        return strata_fail(ctx, STRATA_ERR_DIVERGED, "bench: case %s diverged within %zu steps", engine->which->name,
                           steps);
    return STRATA_OK;
}

/* Warm-up gives the losses and, unless the caller says, how many steps a repeat takes. */
static strata_status measure(strata_context *ctx, struct engine *engine, size_t steps,
                             struct bench_measurement *measurement) {
    double times[BENCH_REPEATS], warm = 0;
    STRATA_TRY(run_steps(ctx, engine, BENCH_TRACE, measurement->loss, &warm));
    for (double end = clock_seconds() + BENCH_WARM_SECONDS; clock_seconds() < end;)
        STRATA_TRY(run_steps(ctx, engine, BENCH_TRACE, NULL, &warm));
    double wanted = BENCH_SECONDS / BENCH_REPEATS / warm;
    measurement->steps = steps ? steps : wanted > BENCH_LEAST_STEPS ? (size_t)wanted : BENCH_LEAST_STEPS;
    measurement->repeats = BENCH_REPEATS;
    for (size_t i = 0; i < BENCH_REPEATS; ++i) STRATA_TRY(run_steps(ctx, engine, measurement->steps, NULL, &times[i]));
    qsort(times, BENCH_REPEATS, sizeof *times, number_compare);
    measurement->minimum = times[0];
    measurement->median = times[BENCH_REPEATS / 2];
    measurement->maximum = times[BENCH_REPEATS - 1];
    return STRATA_OK;
}

/* Products alone: forward, to the weights, and to every input that is no data; 2 a multiply-add. */
static double step_flops(const struct network *network, size_t batch) {
    double products = 0;
    for (size_t l = 0; l < network->layer_count; ++l) {
        const struct layer *layer = &network->layers[l];
        double width = (double)layer->width;
        for (size_t s = 0; s < layer->source_count; ++s) {
            int source = layer->sources[s].layer;
            if (source == SOURCE_INPUT)
                products += 2 * width * (double)(network->input_squares ? 2 * network->inputs : network->inputs);
            else
                products += 3 * width * (double)network->layers[source].width;
        }
        if (layer->readout) products += 3 * width * (double)network->outputs;
    }
    return 2 * (double)batch * products;
}

/* The gradient to the first convolution's input is not taken. */
static double picture_flops(const struct picture_network *network, size_t batch) {
    return 2 * (double)batch * (3 * picture_products(network, SIZE_MAX) - picture_products(network, 1));
}

/* Likewise for a cnn, layer by layer. */
static double cnn_flops(const struct bench_case *which) {
    double products = 0, in = (double)which->channels, side = (double)which->side;
    for (size_t l = 0; l < which->depth; ++l) {
        double out = (double)cnn_channels(which, l), taps = (double)cnn_taps(which, l),
               stride = (double)cnn_stride(which);
        side = floor((side + stride - 1) / stride);
        products += (l ? 3 : 2) * in * out * taps * taps * side * side;
        in = out;
    }
    return 2 * (double)which->batch * (products + 3 * in * side * side * (double)which->outputs);
}

static size_t parameter_numbers(const struct program *program) {
    size_t sum = 0;
    for (size_t i = 0; i < program_parameter_count(program); ++i) sum += program_parameter_size(program, i);
    return sum;
}

static strata_status add_tensors(strata_context *ctx, const struct engine *engine, struct tensor_file *file) {
    const struct bench_case *which = engine->which;
    for (size_t i = 0; i < program_parameter_count(engine->program); ++i) {
        struct shape shape = graph_shape(engine->graph, program_parameter(engine->program, i));
        STRATA_TRY(tensor_file_add(ctx, file, program_parameter_name(engine->program, i), TENSOR_F64, shape.rank,
                                   shape.dims, engine->weights[i]));
    }
    STRATA_TRY(tensor_file_add(ctx, file, "x", TENSOR_F32, 2, (size_t[]){which->batch, which->inputs}, engine->x));
    size_t columns = graph_shape(engine->graph, engine->target).dims[0];
    return tensor_file_add(ctx, file, "target", TENSOR_F32, 2, (size_t[]){which->batch, columns}, engine->y);
}

static strata_status add_metadata(strata_context *ctx, const struct bench_case *which, struct tensor_file *file) {
    static const char *const tasks[] = {
        [TASK_REGRESSION] = "regression", [TASK_BINARY] = "binary", [TASK_MULTICLASS] = "multiclass"};
    char number[32];
    const struct {
        const char *key, *value;
    } texts[] = {{"case", which->name},
                 {"kind", which->kind},
                 {"optimizer", which->optimizer},
                 {"activation", activation_names[which->activation]},
                 {"task", tasks[which->task]}};
    const struct {
        const char *key;
        double value;
    } numbers[] = {{"inputs", (double)which->inputs},     {"outputs", (double)which->outputs},
                   {"depth", (double)which->depth},       {"hidden_width", (double)which->hidden_width},
                   {"batch", (double)which->batch},       {"learning_rate", which->learning_rate},
                   {"channels", (double)which->channels}, {"side", (double)which->side}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i)
        STRATA_TRY(tensor_file_set(ctx, file, texts[i].key, texts[i].value));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; ++i) {
        number_format(numbers[i].value, number);
        STRATA_TRY(tensor_file_set(ctx, file, numbers[i].key, number));
    }
    return STRATA_OK;
}

static strata_status export_case(strata_context *ctx, const struct engine *engine, const double *loss,
                                 const char *path) {
    struct tensor_file file = {0};
    strata_status status = STRATA_OK;
    STRATA_GO(add_tensors(ctx, engine, &file));
    STRATA_GO(tensor_file_add(ctx, &file, "loss", TENSOR_F64, 1, (size_t[]){BENCH_TRACE}, loss));
    STRATA_GO(add_metadata(ctx, engine->which, &file));
    STRATA_GO(tensor_file_write(ctx, &file, path));
cleanup:
    tensor_file_destroy(&file);
    return status;
}

strata_status bench_measure(strata_context *ctx, const struct bench_request *request, const char *export_path,
                            struct bench_measurement *measurement) {
    struct engine engine = {0};
    strata_status status = STRATA_OK;
    STRATA_GO(engine_create(ctx, &request->which, request->threads, request->recompute, &engine));
    STRATA_GO(measure(ctx, &engine, request->steps, measurement));
    bool picture = is_picture(&request->which);
    measurement->flops = is_cnn(&request->which) ? cnn_flops(&request->which)
                       : picture                 ? picture_flops(&engine.picture, request->which.batch)
                                                 : step_flops(&engine.network, request->which.batch);
    measurement->parameters = is_cnn(&request->which) ? parameter_numbers(engine.program)
                            : picture                 ? picture_parameter_count(&engine.picture)
                                                      : network_parameter_count(&engine.network);
    measurement->bytes = program_bytes(engine.program);
    if (export_path) STRATA_GO(export_case(ctx, &engine, measurement->loss, export_path));
cleanup:
    engine_destroy(&engine);
    return status;
}

const struct bench_case *bench_case_find(const char *name) {
    for (size_t i = 0; i < bench_case_count; ++i)
        if (strcmp(bench_cases[i].name, name) == 0) return &bench_cases[i];
    return NULL;
}

const struct bench_case bench_cases[] = {
    {"chain_64", "quadratic chain, d = 32, width 64, 3 layers, batch 64, Adam", "quadratic_chain", 32, 1, 3, 64,
     ACTIVATION_SQUARE, 64, TASK_REGRESSION, "adam", 1e-3, 0, 0, false},
    {"chain_256", "quadratic chain, d = 64, width 256, 4 layers, batch 128, Adam", "quadratic_chain", 64, 1, 4, 256,
     ACTIVATION_SQUARE, 128, TASK_REGRESSION, "adam", 1e-4, 0, 0, false},
    {"mlp_512", "MLP 784-512-512-10, batch 256, Adam", "mlp", 784, 10, 2, 512, ACTIVATION_RELU, 256, TASK_MULTICLASS,
     "adam", 1e-3, 0, 0, false},
    {"mlp_4096", "MLP 2048-4096-4096-10, batch 512, SGD", "mlp", 2048, 10, 2, 4096, ACTIVATION_RELU, 512,
     TASK_MULTICLASS, "sgd", 1e-2, 0, 0, false},
    {"cnn_small", "three convolutions of stride 2, 3 x 32 x 32, batch 128, Adam", "cnn_small", 3072, 10, 3, 16,
     ACTIVATION_RELU, 128, TASK_MULTICLASS, "adam", 1e-3, 3, 32, false},
    {"resnet_20", "residual network of 20 layers, 3 x 32 x 32, batch 128, momentum", "resnet", 3072, 10, 20, 16,
     ACTIVATION_RELU, 128, TASK_MULTICLASS, "momentum", 1e-2, 3, 32, false},
    {"resnet_110", "residual network of 110 layers, 3 x 32 x 32, batch 128, momentum", "resnet", 3072, 10, 110, 16,
     ACTIVATION_RELU, 128, TASK_MULTICLASS, "momentum", 1e-2, 3, 32, true},
    {"conv_16", "eight convolutions 3 x 3 of 16 channels, 32 x 32, batch 128, SGD", "conv_stack", 16384, 10, 8, 16,
     ACTIVATION_RELU, 128, TASK_MULTICLASS, "sgd", 1e-3, 16, 32, true},
    {"conv_32", "eight convolutions 3 x 3 of 32 channels, 16 x 16, batch 128, SGD", "conv_stack", 8192, 10, 8, 32,
     ACTIVATION_RELU, 128, TASK_MULTICLASS, "sgd", 1e-3, 32, 16, true},
    {"conv_64", "eight convolutions 3 x 3 of 64 channels, 8 x 8, batch 128, SGD", "conv_stack", 4096, 10, 8, 64,
     ACTIVATION_RELU, 128, TASK_MULTICLASS, "sgd", 1e-3, 64, 8, true},
};
const size_t bench_case_count = sizeof bench_cases / sizeof *bench_cases;
