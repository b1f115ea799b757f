/* SPDX-License-Identifier: MIT */
/*
 * Runs a study's smoke preset and prints its verdicts. Further words are settings, as after --set.
 *
 *     $ cc run_study.c -o run_study $(pkg-config --cflags --libs strata) && ./run_study bfc
 *     holds         2.4e+02 in [76, 7.5e+02]    bfc.correction
 *     fails               1 in [1, 1]            bfc.correction.frozen (control)
 *     ...
 *     the report is in runs/bfc-20260131-235959-1a2b3c4d/report.html
 */
#include <stdio.h>

#include <strata/strata.h>

static void show(void *user, const strata_study_progress *progress) {
    (void)user;
    fprintf(stderr, "\r%zu of %zu tasks", progress->tasks_done, progress->tasks);
}

static void print_verdicts(const strata_run *run) {
    strata_claim claim;
    for (size_t i = 0; strata_run_claim(run, i, &claim); ++i)
        printf("%-12s %8.2g in [%.2g, %.2g]\t%s%s\n", claim.verdict, claim.measured, claim.low, claim.high, claim.id,
               claim.control ? " (control)" : "");
    printf("the report is in %s/report.html\n", strata_run_directory(run));
}

int main(int count, char **words) {
    strata_study_options options = strata_study_options_default();
    strata_context *ctx;
    strata_run *run;
    if (count < 2) {
        fprintf(stderr, "usage: run_study STUDY [SECTION.KEY=VALUE]...\n");
        return 2;
    }
    if (strata_context_create(&ctx)) return 1;
    options.preset = "smoke";
    options.settings = (const char *const *)&words[2];
    options.progress = show;
    strata_status status = strata_study_run(ctx, words[1], &options, &run);
    fprintf(stderr, "\n");
    if (status == STRATA_OK)
        print_verdicts(run);
    else
        fprintf(stderr, "%s\n", strata_context_message(ctx));
    strata_run_destroy(run);
    strata_context_destroy(ctx);
    return status != STRATA_OK;
}
