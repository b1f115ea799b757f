/* SPDX-License-Identifier: MIT */
/* Function multiversioning for the few vectorised loops outside the op table (which has variants of its own). */
#ifndef CORE_CLONES_H
#define CORE_CLONES_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__) && !defined(STRATA_NO_CLONES)
#define STRATA_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define STRATA_CLONES
#endif

#endif
