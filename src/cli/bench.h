/* SPDX-License-Identifier: MIT */
/*
 * Speed of training steps. A case is a network with its batch and optimizer; a measurement runs it on a number of
 * threads, which is also the number of shards of its batch.
 */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#include "core/safetensors.h"
#include "core/status.h"
#include "data/dataset.h"
#include "model/network.h"

enum { BENCH_TRACE = 20 };

struct bench_case {
    const char *name, *summary;
    const char *kind;                            /* of the network, or the family of a picture network */
    size_t inputs, outputs, depth, hidden_width; /* of a picture network: channels of the first resolution */
    enum activation activation;
    size_t batch;
    enum learning_task task;
    const char *optimizer;
    double learning_rate;
    size_t channels, side; /* of a picture network's input; else 0 */
    bool slow;             /* measured only when it is asked for by name */
};

extern const struct bench_case bench_cases[];
extern const size_t bench_case_count;

/** NULL when unknown. */
const struct bench_case *bench_case_find(const char *name);

struct bench_request {
    struct bench_case which;
    size_t threads;
    bool recompute; /* as train.recompute */
    size_t steps;   /* in each repeat; 0: as many as take BENCH_SECONDS over all repeats */
};

struct bench_measurement {
    double minimum, median, maximum; /* seconds a step, over repeats */
    size_t steps, repeats;
    double flops; /* of a step's products */
    size_t parameters, bytes;
    double loss[BENCH_TRACE]; /* of the first steps */
};

/**
 * Builds, trains and times one case.
 *
 * @param export_path  NULL, or a safetensors file to write: initial weights by name, the batch as "x" and "target",
 *                     "loss" [BENCH_TRACE], and the case in its metadata.
 * Errors: MEMORY, TOO_LARGE, DIVERGED (a loss that is not finite: the times would be of other work), INTERRUPTED.
 */
STRATA_MUST_USE strata_status bench_measure(strata_context *ctx, const struct bench_request *request,
                                            const char *export_path, struct bench_measurement *measurement);

/**
 * Peak of this machine in FLOP/s: the larger of one threaded sgemm and the summed rate of one
 * single-threaded sgemm on each thread at once, each at its best shape.
 */
struct bench_peak {
    double threaded, summed;
};
STRATA_MUST_USE strata_status bench_peak_measure(strata_context *ctx, size_t threads, struct bench_peak *peak);

static inline double bench_peak_rate(const struct bench_peak *peak) {
    return peak->threaded > peak->summed ? peak->threaded : peak->summed;
}

#endif
