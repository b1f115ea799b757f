/* SPDX-License-Identifier: MIT */
/* The C locale for the calling thread, so that printf and strtod use '.' whatever the environment says. */
#ifndef CORE_C_LOCALE_H
#define CORE_C_LOCALE_H

#include <locale.h>

struct c_locale {
    locale_t own, before;
};

/** Enters the C locale; glibc hands out a static object, so nothing is allocated. */
static inline struct c_locale c_locale_enter(void) {
    struct c_locale scope = {.own = newlocale(LC_ALL_MASK, "C", (locale_t)0), .before = (locale_t)0};
    if (scope.own) scope.before = uselocale(scope.own);
    return scope;
}

/** Back to the thread's own locale. */
static inline void c_locale_leave(struct c_locale scope) {
    if (!scope.own) return;
    uselocale(scope.before);
    freelocale(scope.own);
}

#endif
