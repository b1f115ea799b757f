/* SPDX-License-Identifier: MIT */
/* Several attacks one after the other, each on the rows that survived; robust accuracy, and whether to trust it. */
#ifndef ATTACK_SUITE_H
#define ATTACK_SUITE_H

#include "attack/attack.h"
#include "measure/interval.h"

enum { SUITE_MOST_ATTACKS = 16, SUITE_MOST_CHECKS = 16, SUITE_CHECK_TEXT = 240 };

/** One named list: "standard" = apgd_ce, apgd_dlr, fab, square. */
struct attack_suite {
    const char *name, *summary;
    const char *attacks[SUITE_MOST_ATTACKS]; /* ends with NULL */
};
extern const struct attack_suite attack_suites[]; /* ends with name NULL */

/**
 * Attacks of a list such as "standard" or "fgm,pgd,square"; names of suites are replaced by their attacks, repeats
 * dropped. Those that cannot run on this many classes are replaced or dropped as the suite says (apgd_dlr needs four:
 * with fewer, apgd_ce alone).
 * @return STRATA_OK; STRATA_ERR_ARGUMENT (unknown name: the nearest is offered; not for this norm).
 */
STRATA_MUST_USE strata_status attack_suite_parse(strata_context *ctx, const char *list, const struct attack_norm *norm,
                                                 size_t classes, const struct attack_class **attacks, size_t *count);

/** A trust check: what was looked at, whether it held, and what was seen. */
struct attack_check {
    const char *id; /* "epsilon_zero", "monotone", "full_box", "pgd_beats_fgm", "converged", "masking", ... */
    bool ran, passed;
    char text[SUITE_CHECK_TEXT];
};

struct suite_entry {
    const struct attack_class *attack;
    struct attack_result result;
    size_t given;   /* rows it was given */
    double robust;  /* robust accuracy after it */
    double seconds; /* wall time: for people, never in a result that must repeat */
};

struct suite_report {
    double epsilon;
    size_t rows, clean, robust;                      /* correct rows without, and under the worst attack */
    struct interval clean_accuracy, robust_accuracy; /* Wilson */
    size_t entry_count;
    struct suite_entry entries[SUITE_MOST_ATTACKS];
};

/** Progress: a share of all in [0, 1]; returning false stops with ERR_INTERRUPTED. */
typedef bool (*suite_progress)(void *user, double fraction, const char *attack);

/**
 * Runs the attacks. `alive` [rows] out: rows that no attack broke. `points` [rows, inputs]: on entry points to try
 * first (warm start from a smaller ball; x itself without), on return the breaking points, x for the survivors.
 */
STRATA_MUST_USE strata_status attack_suite_run(strata_context *ctx, size_t count,
                                               const struct attack_class *const *attacks,
                                               const struct attack_target *target, const struct attack_options *options,
                                               const struct attack_rows *rows, suite_progress progress, void *user,
                                               bool *alive, float *points, struct suite_report *report);

/**
 * The trust checks of docs/attacks.md on the given rows (a few hundred are enough): each says whether the measurement,
 * not the network, may be at fault. `reports` [report_count]: suites at rising epsilon. A failed check makes the
 * figures "unreliable".
 */
STRATA_MUST_USE strata_status attack_trust(strata_context *ctx, const struct attack_target *target,
                                           const struct attack_options *options, const struct attack_rows *rows,
                                           size_t report_count, const struct suite_report *reports,
                                           struct attack_check checks[SUITE_MOST_CHECKS], size_t *check_count);

/** False when a check that ran did not pass. */
bool attack_trusted(size_t count, const struct attack_check *checks);

#endif
