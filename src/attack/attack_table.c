/* SPDX-License-Identifier: MIT */
/* The table of attacks: one line an attack. */
#include <string.h>

#include "attack/attack.h"

#define ATTACK_LIST(X) \
    X(random)          \
    X(fgm)             \
    X(r_fgsm)          \
    X(fgsm_rs)         \
    X(pgd)             \
    X(apgd_ce)         \
    X(apgd_dlr)        \
    X(universal)       \
    X(transfer)        \
    X(fab)             \
    X(deepfool)        \
    X(cw)              \
    X(exact_linear)    \
    X(square)

#define DECLARE(name) extern const struct attack_class attack_##name;
ATTACK_LIST(DECLARE)
#undef DECLARE

#define ENTRY(name) &attack_##name,
const struct attack_class *const attack_table[] = {ATTACK_LIST(ENTRY)};
#undef ENTRY
const size_t attack_table_size = sizeof attack_table / sizeof *attack_table;

const struct attack_class *attack_find(const char *name) {
    for (size_t i = 0; i < attack_table_size; ++i)
        if (strcmp(attack_table[i]->name, name) == 0) return attack_table[i];
    return NULL;
}
