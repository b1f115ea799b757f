/* SPDX-License-Identifier: MIT */
/** @file
 * The whole public interface of Strata.
 *
 * Teachers (strata/teacher.h) are synthetic targets with known hidden features; data sets
 * (strata/dataset.h) hold rows of inputs and targets; learners (strata/learner.h) are fitted to
 * either; studies (strata/study.h) are whole experiments that end in verdicts; functions
 * (strata/function.h) are what attacks and explanations work on; kernels (strata/kernel.h) are
 * those of wide networks and their rivals, with ridge regression and Gaussian processes.
 *
 * - Every call that can fail takes a context and returns a strata_status. The message is in the context.
 * - Objects come from a `*_create` (or `*_read`, `*_open`, `*_run`) and go to the `*_destroy` of their type,
 *   for which NULL is fine. On failure the object handed out is NULL.
 * - Pointers must not be NULL unless a comment says so.
 * - Arrays are row-major, borrowed and not kept, unless a comment says for how long.
 * - A context, and an object that is not const, serve one call at a time; different ones serve different threads.
 * - The library never prints and never ends the process. Numbers in texts have '.' in every locale.
 */
#ifndef STRATA_STRATA_H
#define STRATA_STRATA_H

#include <strata/context.h>
#include <strata/dataset.h>
#include <strata/function.h>
#include <strata/kernel.h>
#include <strata/learner.h>
#include <strata/status.h>
#include <strata/study.h>
#include <strata/teacher.h>

#endif
