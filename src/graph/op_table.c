/* SPDX-License-Identifier: MIT */
/* Tables of op classes per precision and instruction set, all made from op_list.h. */
#include "graph/op.h"

#define OP_ENUM(upper, lower) [OP_##upper] = #lower,
const char *const op_names[OP_COUNT] = {
    [OP_INPUT] = "input",
    [OP_PARAMETER] = "parameter",
    [OP_CONSTANT] = "constant",
#include "graph/op_list.h"
};
#undef OP_ENUM

#define OP_ENUM(upper, lower) extern const struct op_class op_##lower##_f32_base, op_##lower##_f64_base;
#include "graph/op_list.h"
#undef OP_ENUM

#define OP_ENUM(upper, lower) [OP_##upper] = &op_##lower##_f32_base,
static const struct op_class *const table_f32_base[OP_COUNT] = {
#include "graph/op_list.h"
};
#undef OP_ENUM
#define OP_ENUM(upper, lower) [OP_##upper] = &op_##lower##_f64_base,
static const struct op_class *const table_f64_base[OP_COUNT] = {
#include "graph/op_list.h"
};
#undef OP_ENUM

#if STRATA_X86_VARIANTS
#define OP_ENUM(upper, lower) \
    extern const struct op_class op_##lower##_f32_v3, op_##lower##_f64_v3, op_##lower##_f32_v4, op_##lower##_f64_v4;
#include "graph/op_list.h"
#undef OP_ENUM
#define OP_ENUM(upper, lower) [OP_##upper] = &op_##lower##_f32_v3,
static const struct op_class *const table_f32_v3[OP_COUNT] = {
#include "graph/op_list.h"
};
#undef OP_ENUM
#define OP_ENUM(upper, lower) [OP_##upper] = &op_##lower##_f64_v3,
static const struct op_class *const table_f64_v3[OP_COUNT] = {
#include "graph/op_list.h"
};
#undef OP_ENUM
#define OP_ENUM(upper, lower) [OP_##upper] = &op_##lower##_f32_v4,
static const struct op_class *const table_f32_v4[OP_COUNT] = {
#include "graph/op_list.h"
};
#undef OP_ENUM
#define OP_ENUM(upper, lower) [OP_##upper] = &op_##lower##_f64_v4,
static const struct op_class *const table_f64_v4[OP_COUNT] = {
#include "graph/op_list.h"
};
#undef OP_ENUM
#endif

const struct op_class *op_class_variant(enum op_kind kind, enum precision precision, enum op_variant variant) {
#if STRATA_X86_VARIANTS
    if (variant == OP_VARIANT_V4) return (precision == PRECISION_F32 ? table_f32_v4 : table_f64_v4)[kind];
    if (variant == OP_VARIANT_V3) return (precision == PRECISION_F32 ? table_f32_v3 : table_f64_v3)[kind];
#else
    if (variant != OP_VARIANT_BASE) return NULL;
#endif
    return (precision == PRECISION_F32 ? table_f32_base : table_f64_base)[kind];
}

enum op_variant op_variant_best(void) {
#if STRATA_X86_VARIANTS
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd"))
        return OP_VARIANT_V4;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        return OP_VARIANT_V3;
#endif
    return OP_VARIANT_BASE;
}

const struct op_class *op_class_get(enum op_kind kind, enum precision precision) {
    return op_class_variant(kind, precision, op_variant_best());
}
