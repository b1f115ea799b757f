/* SPDX-License-Identifier: MIT */
/* Time that passes: for progress, checkpoints and measurements of speed, never for a number that must repeat. */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

/** Seconds of a clock that never jumps. */
double clock_seconds(void);

#endif
