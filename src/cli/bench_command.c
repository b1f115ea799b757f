/* SPDX-License-Identifier: MIT */
/* strata bench: parse, measure, print. */
#include <math.h>
#include <string.h>

#include "cli/bench.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/threads.h"
#include "run/host.h"

enum { NAMES_MOST = 16 };
#define UNLIMITED ((size_t)1 << 20)

struct bench_run {
    struct bench_request request;
    struct bench_measurement measurement;
};

struct bench {
    struct cli *cli;
    const struct arguments *arguments;
    struct bench_run *runs;
    size_t count;
    size_t thread_counts[2], thread_count_count;
    bool with_peak;
    struct bench_peak peaks[2]; /* of thread_counts */
};

/* --NAME as a whole number >= 1; `otherwise` when it was not given. */
static strata_status read_count(const struct bench *bench, const char *name, size_t otherwise, size_t *count) {
    const char *text = argument_value(bench->arguments, name);
    double value = (double)otherwise;
    if (text && (!number_parse(text, &value) || value < 1 || value > 1e9 || value != floor(value)))
        return strata_fail(bench->cli->ctx, STRATA_ERR_ARGUMENT,
                           "--%s: expected a whole number from 1 to 1000000000, found '%s'", name, text);
    *count = (size_t)value;
    return STRATA_OK;
}

static strata_status find_case(const struct bench *bench, const char *name, const struct bench_case **which) {
    const char *names[NAMES_MOST];
    char suggestion[128];
    *which = bench_case_find(name);
    if (*which) return STRATA_OK;
    for (size_t i = 0; i < bench_case_count && i < NAMES_MOST; ++i) names[i] = bench_cases[i].name;
    cli_suggestion(name, names, bench_case_count, suggestion);
    return strata_fail(bench->cli->ctx, STRATA_ERR_ARGUMENT, "bench: unknown case '%s'%s; see: strata bench --help",
                       name, suggestion);
}

static strata_status add_case(struct bench *bench, const struct bench_case *which) {
    for (size_t t = 0; t < bench->thread_count_count; ++t) {
        struct bench_request *request = &bench->runs[bench->count++].request;
        *request = (struct bench_request){.which = *which,
                                          .threads = bench->thread_counts[t],
                                          .recompute = argument_given(bench->arguments, "recompute")};
        STRATA_TRY(read_count(bench, "batch", which->batch, &request->which.batch));
        STRATA_TRY(read_count(bench, "width", which->hidden_width, &request->which.hidden_width));
        STRATA_TRY(read_count(bench, "steps", 0, &request->steps));
    }
    return STRATA_OK;
}

static strata_status plan_runs(struct bench *bench) {
    const struct arguments *arguments = bench->arguments;
    size_t most;
    STRATA_TRY(cli_threads(bench->cli, arguments, &most));
    if (!argument_given(arguments, "threads") && most > 1) bench->thread_counts[bench->thread_count_count++] = 1;
    bench->thread_counts[bench->thread_count_count++] = most;
    bench->runs = mem_zero(2 * (arguments->given_count + bench_case_count), sizeof *bench->runs);
    if (!bench->runs) return strata_fail(bench->cli->ctx, STRATA_ERR_MEMORY, "out of memory for the cases");
    for (size_t i = 0; i < arguments->given_count; ++i) {
        const struct bench_case *which;
        if (strcmp(arguments->given[i].option->name, "case") != 0) continue;
        STRATA_TRY(find_case(bench, arguments->given[i].value, &which));
        STRATA_TRY(add_case(bench, which));
    }
    for (size_t i = 0; !argument_given(arguments, "case") && i < bench_case_count; ++i)
        if (!bench_cases[i].slow) STRATA_TRY(add_case(bench, &bench_cases[i]));
    if (argument_given(arguments, "export") && bench->count != 1)
        return strata_fail(bench->cli->ctx, STRATA_ERR_ARGUMENT,
                           "--export: expected one --case and --threads, found %zu measurements", bench->count);
    return STRATA_OK;
}

/* Rate over the peak of as many threads; NaN without one. */
static double share_of_peak(const struct bench *bench, const struct bench_run *run) {
    size_t which = bench->thread_count_count - 1;
    while (which > 0 && bench->thread_counts[which] != run->request.threads) --which;
    return bench->with_peak ? run->measurement.flops / run->measurement.median / bench_peak_rate(&bench->peaks[which])
                            : NAN;
}

static strata_status add_row(const struct bench *bench, struct text_table *table, const struct bench_run *run) {
    strata_context *ctx = bench->cli->ctx;
    const struct bench_measurement *m = &run->measurement;
    double rate = m->flops / m->median;
    STRATA_TRY(text_table_add(ctx, table, "%s", run->request.which.name));
    STRATA_TRY(text_table_add(ctx, table, "%zu", run->request.threads));
    STRATA_TRY(text_table_add(ctx, table, "%.4g", 1e6 * m->median));
    STRATA_TRY(text_table_add(ctx, table, "%.4g", 1e6 * m->minimum));
    STRATA_TRY(text_table_add(ctx, table, "%.4g", 1e6 * m->maximum));
    STRATA_TRY(text_table_add(ctx, table, "%.1f", 1e-9 * rate));
    return bench->with_peak ? text_table_add(ctx, table, "%.0f %%", 100 * share_of_peak(bench, run))
                            : text_table_add(ctx, table, "-");
}

static strata_status print_table(const struct bench *bench) {
    static const char *const heads[] = {"case", "threads", "us/step", "min", "max", "GFLOP/s", "of peak"};
    struct text_table table = {.columns = sizeof heads / sizeof *heads};
    strata_status status = STRATA_OK;
    for (size_t i = 0; i < table.columns; ++i) STRATA_GO(text_table_add(bench->cli->ctx, &table, "%s", heads[i]));
    for (size_t i = 0; i < bench->count; ++i) STRATA_GO(add_row(bench, &table, &bench->runs[i]));
    text_table_print(&table, stdout, terminal_width(stdout, UNLIMITED), NULL);
    for (size_t t = 0; bench->with_peak && t < bench->thread_count_count; ++t)
        printf("peak on %zu thread%s: %.1f GFLOP/s (one threaded sgemm %.1f, one sgemm a thread %.1f)\n",
               bench->thread_counts[t], bench->thread_counts[t] == 1 ? "" : "s",
               1e-9 * bench_peak_rate(&bench->peaks[t]), 1e-9 * bench->peaks[t].threaded,
               1e-9 * bench->peaks[t].summed);
cleanup:
    text_table_destroy(&table);
    return status;
}

static json_t *run_json(const struct bench *bench, const struct bench_run *run) {
    const struct bench_case *which = &run->request.which;
    const struct bench_measurement *m = &run->measurement;
    double rate = m->flops / m->median;
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:o, s:I, s:I, s:o}", "case",
                     which->name, "summary", which->summary, "threads", (json_int_t)run->request.threads, "batch",
                     (json_int_t)which->batch, "hidden_width", (json_int_t)which->hidden_width, "steps",
                     (json_int_t)m->steps, "repeats", (json_int_t)m->repeats, "step_seconds", m->median,
                     "step_seconds_min", m->minimum, "step_seconds_max", m->maximum, "flops", m->flops, "gflops",
                     1e-9 * rate, "share_of_peak", json_number(share_of_peak(bench, run)), "parameters",
                     (json_int_t)m->parameters, "bytes", (json_int_t)m->bytes, "loss",
                     json_numbers(m->loss, BENCH_TRACE));
}

static json_t *whole_json(const struct bench *bench) {
    json_t *peaks = json_array(), *rows = json_array();
    bool complete = peaks && rows;
    for (size_t t = 0; complete && bench->with_peak && t < bench->thread_count_count; ++t)
        complete = json_array_append_new(peaks, json_pack("{s:I, s:f, s:f, s:f}", "threads",
                                                          (json_int_t)bench->thread_counts[t], "gflops",
                                                          1e-9 * bench_peak_rate(&bench->peaks[t]), "threaded_sgemm",
                                                          1e-9 * bench->peaks[t].threaded, "summed_sgemm",
                                                          1e-9 * bench->peaks[t].summed)) == 0;
    for (size_t i = 0; complete && i < bench->count; ++i)
        complete = json_array_append_new(rows, run_json(bench, &bench->runs[i])) == 0;
    json_t *whole = complete ? json_pack("{s:s, s:o, s:O, s:O}", "version", strata_version(), "host", host_describe(),
                                         "peaks", peaks, "measurements", rows)
                             : NULL;
    json_decref(peaks);
    json_decref(rows);
    return whole;
}

static strata_status print_json(const struct bench *bench) {
    struct buffer text = {0};
    json_t *whole = whole_json(bench);
    strata_status status = whole
                             ? json_print(bench->cli->ctx, whole, 1, &text)
                             : strata_fail(bench->cli->ctx, STRATA_ERR_MEMORY, "out of memory for the table as JSON");
    if (status == STRATA_OK) printf("%s\n", text.data);
    buffer_destroy(&text);
    json_decref(whole);
    return status;
}

static strata_status measure_all(struct bench *bench) {
    strata_context *ctx = bench->cli->ctx;
    bench->cli->started = true;
    for (size_t t = 0; bench->with_peak && t < bench->thread_count_count; ++t)
        STRATA_TRY(bench_peak_measure(ctx, bench->thread_counts[t], &bench->peaks[t]));
    for (size_t i = 0; i < bench->count; ++i)
        STRATA_TRY(bench_measure(ctx, &bench->runs[i].request, argument_value(bench->arguments, "export"),
                                 &bench->runs[i].measurement));
    return STRATA_OK;
}

strata_status command_bench(struct cli *cli, const struct arguments *arguments) {
    struct bench bench = {.cli = cli, .arguments = arguments, .with_peak = !argument_given(arguments, "quick")};
    strata_status status = STRATA_OK;
    STRATA_GO(plan_runs(&bench));
    STRATA_GO(measure_all(&bench));
    STRATA_GO(argument_given(arguments, "json") ? print_json(&bench) : print_table(&bench));
cleanup:
    mem_free(bench.runs);
    return status;
}
