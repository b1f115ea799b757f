/* SPDX-License-Identifier: MIT */
/* Every op of the table, in both precisions, against differences, against itself and against its variants. */
#include "op_case.h"

enum { ROWS = 7, SPLIT = 3 };

/* ---- loops over the table ---- */

static void for_each_case(enum precision precision, void (*check)(struct op_case *c)) {
    for (int kind = OP_CONSTANT + 1; kind < OP_COUNT; ++kind) {
        const struct op_class *op = op_class_get((enum op_kind)kind, precision);
        assert_non_null(op);
        for (const struct op_probe *probe = op->probe; probe; probe = probe->next) {
            struct op_case *c = case_of_probe(op, precision, probe, ROWS);
            check(c);
            c->training = false; /* where that is another rule */
            if (op->mixes_rows || op->draws) check(c);
            free(c);
        }
    }
}

static void draws(uint64_t index, size_t count, double *values) {
    rng_normal_f64(test_stream(1000 + index), count, values);
}

/* Directions in (-1, 1): differences along them stay off the kinks, which probes keep 0.1 away. */
static void directions(uint64_t index, size_t count, double *values) {
    rng_uniform_f64(test_stream(2000 + index), count, values);
    for (size_t i = 0; i < count; ++i) values[i] = 2 * values[i] - 1;
}

static const bool keep_none[OP_MAX_INPUTS] = {false};

/* Gradients of <v, output> into fresh buffers that held NaN; grads[i] stays NaN where not differentiable. */
static void gradients_of(struct op_case *c, const double *v, double (*grads)[CASE_NUMBERS]) {
    double *wanted[OP_MAX_INPUTS] = {0};
    for (size_t i = 0; i < c->input_count; ++i) {
        for (size_t j = 0; j < CASE_NUMBERS; ++j) grads[i][j] = NAN;
        wanted[i] = differentiable(c, i) ? grads[i] : NULL;
    }
    case_backward(c, v, wanted, keep_none);
}

static void every_op_has_a_probe_and_a_formula(void **state) {
    (void)state;
    for (int kind = OP_CONSTANT + 1; kind < OP_COUNT; ++kind)
        for (int precision = PRECISION_F32; precision <= PRECISION_F64; ++precision) {
            const struct op_class *op = op_class_get((enum op_kind)kind, (enum precision)precision);
            assert_non_null(op);
            assert_string_equal(op->name, op_names[kind]);
            assert_non_null(op->formula);
            assert_non_null(op->probe);
            assert_true(op->shape && op->forward && op->tangent && op->backward);
        }
}

/* ---- differences ----
 * D(h) = (f(+h) - f(-h)) / 2h = f' + h^2 f'''/6 + h^4 f'''''/120 + rounding. With h = 2^-8 and e(h) = D(h) - f':
 * |e(h)| <= 10 h^2 S, and the error falls as h^2: |4 e(h/2) - e(h)| <= 3 h^4 S + rounding, for derivatives up
 * to order five below 60 S; rounding is a few epsilon S / h. S is the size of what the difference sees.
 */
static const double step_size = 0x1p-8;

static void check_difference(const struct op_case *c, const char *what, size_t at, double exact, double coarse,
                             double fine, double size) {
    double h = step_size, rounding = 64 * 0x1p-53 * size / h;
    check_close(c, what, at, coarse, exact, 10 * h * h * size + rounding);
    double e_coarse = coarse - exact, e_fine = fine - exact;
    check_close(c, what, at, exact + (4 * e_fine - e_coarse) / 3, exact, h * h * h * h * size + rounding);
}

/* D(h) of <v, output> for one number of input i; `size` adds |v| (1 + |output|) where the output moves. */
static double difference_of(struct op_case *c, const double *v, size_t i, size_t at, double h, double *size) {
    double up[CASE_NUMBERS], down[CASE_NUMBERS], centre = c->inputs[i][at], sum = 0;
    c->inputs[i][at] = centre + h;
    case_forward(c, up);
    c->inputs[i][at] = centre - h;
    case_forward(c, down);
    c->inputs[i][at] = centre;
    *size = 1;
    for (size_t k = 0; k < output_size(c); ++k) {
        sum += v[k] * (up[k] - down[k]);
        if (up[k] != down[k]) *size += fabs(v[k]) * (1 + fabs(up[k]));
    }
    return sum / (2 * h);
}

static void check_backward_against_differences(struct op_case *c) {
    static double grads[OP_MAX_INPUTS][CASE_NUMBERS];
    double v[CASE_NUMBERS];
    if (c->op->stops_gradient) return;
    draws(0, output_size(c), v);
    gradients_of(c, v, grads);
    for (size_t i = 0; i < c->input_count; ++i)
        for (size_t at = 0; differentiable(c, i) && at < input_size(c, i); ++at) {
            double size, coarse = difference_of(c, v, i, at, step_size, &size);
            double fine = difference_of(c, v, i, at, step_size / 2, &size);
            check_difference(c, "gradient", at, grads[i][at], coarse, fine, size);
        }
}

static void backward_agrees_with_central_differences(void **state) {
    (void)state;
    for_each_case(PRECISION_F64, check_backward_against_differences);
}

/* Output moved along the directions of the inputs of `mask`, times h. */
static void forward_moved(struct op_case *c, unsigned mask, double h, double *output) {
    struct op_case *moved = case_rows(c, 0, c->rows);
    for (size_t i = 0; i < c->input_count; ++i) {
        double u[CASE_NUMBERS];
        directions(i, input_size(c, i), u);
        for (size_t j = 0; (mask >> i & 1) && j < input_size(c, i); ++j) moved->inputs[i][j] += h * u[j];
    }
    case_forward(moved, output);
    free(moved);
}

/* Tangent along the same directions. */
static void tangent_of(struct op_case *c, unsigned mask, double *output) {
    static double u[OP_MAX_INPUTS][CASE_NUMBERS];
    const double *tangents[OP_MAX_INPUTS] = {0};
    for (size_t i = 0; i < c->input_count; ++i) {
        directions(i, input_size(c, i), u[i]);
        if (mask >> i & 1) tangents[i] = u[i];
    }
    case_tangent(c, tangents, output);
}

static void check_tangent_mask(struct op_case *c, unsigned mask) {
    double tangent[CASE_NUMBERS], values[4][CASE_NUMBERS];
    const double h = step_size, at[4] = {h, -h, h / 2, -h / 2};
    tangent_of(c, mask, tangent);
    for (size_t k = 0; k < 4; ++k) forward_moved(c, mask, at[k], values[k]);
    for (size_t k = 0; k < output_size(c); ++k) {
        double coarse = (values[0][k] - values[1][k]) / (2 * h), fine = (values[2][k] - values[3][k]) / h;
        check_difference(c, "tangent", k, tangent[k], coarse, fine, 8 * (1 + fabs(values[0][k]) + fabs(tangent[k])));
    }
}

static void check_tangent(struct op_case *c) {
    unsigned all = ((1u << c->input_count) - 1) & ~c->constant_inputs;
    if (c->op->stops_gradient) return;
    check_tangent_mask(c, 0);
    check_tangent_mask(c, all);
    for (size_t i = 0; i < c->input_count; ++i)
        if (differentiable(c, i)) check_tangent_mask(c, 1u << i);
}

static void tangent_agrees_with_central_differences(void **state) {
    (void)state;
    for_each_case(PRECISION_F64, check_tangent);
}

/* ---- tangent and backward are transposes: <v, J u> = <J'v, u> ---- */

static void check_transposes(struct op_case *c) {
    static double grads[OP_MAX_INPUTS][CASE_NUMBERS];
    double v[CASE_NUMBERS], forward[CASE_NUMBERS], left = 0, right = 0, size = 0;
    unsigned all = ((1u << c->input_count) - 1) & ~c->constant_inputs;
    draws(0, output_size(c), v);
    tangent_of(c, all, forward);
    gradients_of(c, v, grads);
    for (size_t k = 0; k < output_size(c); ++k) left += v[k] * forward[k], size += fabs(v[k] * forward[k]);
    for (size_t i = 0; i < c->input_count; ++i) {
        double u[CASE_NUMBERS];
        directions(i, input_size(c, i), u);
        for (size_t j = 0; differentiable(c, i) && j < input_size(c, i); ++j)
            right += grads[i][j] * u[j], size += fabs(grads[i][j] * u[j]);
    }
    check_close(c, "<v, J u>", 0, left, right, 1e-12 * size);
}

static void tangent_and_backward_are_transposes(void **state) {
    (void)state;
    for_each_case(PRECISION_F64, check_transposes);
}

/* ---- keep, overwrite, not wanted, shared ---- */

static void check_keep(struct op_case *c) {
    static double fresh[OP_MAX_INPUTS][CASE_NUMBERS], kept[OP_MAX_INPUTS][CASE_NUMBERS];
    double v[CASE_NUMBERS], *wanted[OP_MAX_INPUTS] = {0};
    const double epsilon = case_epsilon(c);
    bool keep[OP_MAX_INPUTS];
    draws(0, output_size(c), v);
    gradients_of(c, v, fresh);
    for (size_t i = 0; i < c->input_count; ++i) {
        for (size_t j = 0; j < input_size(c, i); ++j) kept[i][j] = (double)j - 3;
        wanted[i] = differentiable(c, i) ? kept[i] : NULL;
        keep[i] = true;
    }
    case_backward(c, v, wanted, keep);
    for (size_t i = 0; i < c->input_count; ++i) {
        double most = largest(fresh[i], differentiable(c, i) ? input_size(c, i) : 0);
        for (size_t j = 0; differentiable(c, i) && j < input_size(c, i);
             ++j) /* one more rounding; GEMM may also reorder */
            check_close(c, "kept gradient", j, kept[i][j], fresh[i][j] + (double)j - 3,
                        32 * epsilon * (1 + most + (double)j));
    }
}

/* Wanting one gradient gives the bits that wanting all gives. */
static void check_single(struct op_case *c) {
    static double all[OP_MAX_INPUTS][CASE_NUMBERS];
    double v[CASE_NUMBERS], one[CASE_NUMBERS];
    draws(0, output_size(c), v);
    gradients_of(c, v, all);
    for (size_t i = 0; i < c->input_count; ++i) {
        double *wanted[OP_MAX_INPUTS] = {0};
        if (!differentiable(c, i)) continue;
        for (size_t j = 0; j < CASE_NUMBERS; ++j) one[j] = NAN;
        wanted[i] = one;
        case_backward(c, v, wanted, keep_none);
        for (size_t j = 0; j < input_size(c, i); ++j) check_close(c, "single gradient", j, one[j], all[i][j], 0);
    }
}

/* One node used for every input: the first use overwrites, later ones add into the same buffer. */
static void check_shared(struct op_case *c) {
    static double apart[OP_MAX_INPUTS][CASE_NUMBERS];
    double v[CASE_NUMBERS], shared[CASE_NUMBERS], *wanted[OP_MAX_INPUTS] = {0};
    bool keep[OP_MAX_INPUTS] = {false};
    if (c->input_count < 2 || c->constant_inputs) return;
    for (size_t i = 1; i < c->input_count; ++i)
        if (!shape_equal(&c->input_shapes[0], &c->input_shapes[i])) return;
    draws(0, output_size(c), v);
    for (size_t j = 0; j < CASE_NUMBERS; ++j) shared[j] = NAN;
    for (size_t i = 0; i < c->input_count; ++i) {
        memcpy(c->inputs[i], c->inputs[0], sizeof c->inputs[0]);
        wanted[i] = shared;
        keep[i] = i > 0;
    }
    gradients_of(c, v, apart);
    case_backward(c, v, wanted, keep);
    for (size_t j = 0; j < input_size(c, 0); ++j) {
        double sum = 0;
        for (size_t i = 0; i < c->input_count; ++i) sum += apart[i][j];
        check_close(c, "shared gradient", j, shared[j], sum,
                    32 * case_epsilon(c) * (1 + largest(apart[0], input_size(c, 0))));
    }
}

static void gradients_add_when_kept_and_overwrite_garbage_otherwise(void **state) {
    (void)state;
    for (int precision = PRECISION_F32; precision <= PRECISION_F64; ++precision) {
        for_each_case((enum precision)precision, check_keep);
        for_each_case((enum precision)precision, check_single);
        for_each_case((enum precision)precision, check_shared);
    }
}

/* ---- rows ---- */

static bool any_batched(const struct op_case *c) {
    for (size_t i = 0; i < c->input_count; ++i)
        if (c->input_shapes[i].batched) return true;
    return false;
}

/* Outputs and row gradients of two shards are those of the batch, bit for bit; reduced ones are summed.
 * Products are the exception: BLAS orders a sum by the shape it is given. */
static void check_shards(struct op_case *c) {
    static double whole_gradient[OP_MAX_INPUTS][CASE_NUMBERS], part_gradient[OP_MAX_INPUTS][CASE_NUMBERS];
    static double summed[OP_MAX_INPUTS][CASE_NUMBERS];
    double whole[CASE_NUMBERS], v[CASE_NUMBERS], reduced[CASE_NUMBERS] = {0};
    bool product = strcmp(c->op->name, "dense") == 0, batched = c->output_shape.batched;
    if (!any_batched(c) || (c->training && c->op->mixes_rows)) return;
    memset(summed, 0, sizeof summed);
    case_forward(c, whole);
    draws(0, output_size(c), v);
    gradients_of(c, v, whole_gradient);
    for (int half = 0; half < 2; ++half) {
        size_t begin = half ? SPLIT : 0, end = half ? ROWS : SPLIT, width = shape_size(&c->output_shape);
        size_t offset = batched ? begin * width : 0;
        struct op_case *part = case_rows(c, begin, end);
        double output[CASE_NUMBERS], slack = product ? 32 * case_epsilon(c) * (1 + largest(whole, output_size(c))) : 0;
        case_forward(part, output);
        for (size_t k = 0; k < output_size(part); ++k) {
            reduced[k] += output[k];
            if (batched) check_close(c, "shard output", k, output[k], whole[offset + k], slack);
        }
        gradients_of(part, v + offset, part_gradient);
        for (size_t i = 0; i < c->input_count; ++i) {
            size_t from = c->input_shapes[i].batched ? begin * shape_size(&c->input_shapes[i]) : 0;
            for (size_t j = 0; differentiable(c, i) && j < input_size(part, i); ++j) {
                summed[i][j] += part_gradient[i][j];
                if (c->input_shapes[i].batched)
                    check_close(c, "shard gradient", j, part_gradient[i][j], whole_gradient[i][from + j], slack);
            }
        }
        free(part);
    }
    for (size_t k = 0; !batched && k < output_size(c); ++k)
        check_close(c, "summed output", k, reduced[k], whole[k],
                    32 * case_epsilon(c) * (1 + largest(whole, output_size(c))));
    for (size_t i = 0; i < c->input_count; ++i)
        for (size_t j = 0; differentiable(c, i) && !c->input_shapes[i].batched && j < input_size(c, i); ++j)
            check_close(c, "summed gradient", j, summed[i][j], whole_gradient[i][j],
                        32 * case_epsilon(c) * (1 + largest(whole_gradient[i], input_size(c, i))));
}

static void shards_give_the_bits_of_the_whole_batch(void **state) {
    (void)state;
    for_each_case(PRECISION_F32, check_shards);
    for_each_case(PRECISION_F64, check_shards);
}

/* backward_rows: block r of an unbatched input is the gradient of row r alone; gaps between blocks stay. */
static void check_row_blocks(struct op_case *c) {
    static double replay[OP_MAX_INPUTS][CASE_NUMBERS];
    double v[CASE_NUMBERS], blocks[CASE_NUMBERS];
    size_t stride[OP_MAX_INPUTS] = {0};
    if (!c->op->backward_rows || !c->output_shape.batched) return;
    draws(0, output_size(c), v);
    struct op_call *call = call_after_forward(c);
    call->output_gradient = typed_make(c, output_size(c), v);
    for (size_t i = 0; i < c->input_count; ++i) {
        stride[i] = shape_size(&c->input_shapes[i]) + 1;
        if (differentiable(c, i)) call->input_gradients[i] = typed_make(c, c->rows * stride[i], NULL);
    }
    c->op->backward_rows(call, stride);
    for (size_t i = 0; i < c->input_count; ++i) {
        size_t size = shape_size(&c->input_shapes[i]), step = c->input_shapes[i].batched ? size : stride[i];
        if (!differentiable(c, i)) continue;
        assert_true(c->rows * stride[i] <= CASE_NUMBERS);
        typed_read(c, c->rows * stride[i], call->input_gradients[i], blocks);
        for (size_t row = 0; row < c->rows; ++row) {
            struct op_case *single = case_rows(c, row, row + 1);
            gradients_of(single, v + row * shape_size(&c->output_shape), replay);
            for (size_t j = 0; j < size; ++j)
                check_close(c, "row block", row * step + j, blocks[row * step + j], replay[i][j],
                            32 * case_epsilon(c) * (1 + largest(replay[i], size)));
            if (step > size) assert_true(isnan(blocks[row * step + size]));
            free(single);
        }
        free(call->input_gradients[i]);
    }
    call_close(call);
}

static void row_blocks_equal_one_row_replays(void **state) {
    (void)state;
    for_each_case(PRECISION_F32, check_row_blocks);
    for_each_case(PRECISION_F64, check_row_blocks);
}

/* ---- precisions and variants ----
 * Norm-wise: a result is a chain of at most about 20 roundings (17-term products, the 2 ulp of exp and erf) of
 * numbers not far above the result's largest or 1, so 32 epsilon (1 + largest) holds.
 */
static void check_same(struct op_case *c, struct op_case *other, const char *what) {
    static double g_one[OP_MAX_INPUTS][CASE_NUMBERS], g_two[OP_MAX_INPUTS][CASE_NUMBERS];
    double one[CASE_NUMBERS] = {0}, two[CASE_NUMBERS] = {0}, v[CASE_NUMBERS];
    const double epsilon = fmax(case_epsilon(c), case_epsilon(other));
    unsigned all = ((1u << c->input_count) - 1) & ~c->constant_inputs;
    for (int tangent = 0; tangent < 2; ++tangent) {
        if (tangent)
            tangent_of(c, all, one), tangent_of(other, all, two);
        else
            case_forward(c, one), case_forward(other, two);
        for (size_t k = 0; k < output_size(c); ++k)
            check_close(c, what, k, two[k], one[k], 32 * epsilon * (1 + largest(one, output_size(c))));
    }
    draws(0, output_size(c), v);
    gradients_of(c, v, g_one);
    gradients_of(other, v, g_two);
    for (size_t i = 0; i < c->input_count; ++i)
        for (size_t j = 0; differentiable(c, i) && j < input_size(c, i); ++j)
            check_close(c, what, j, g_two[i][j], g_one[i][j], 32 * epsilon * (1 + largest(g_one[i], input_size(c, i))));
}

static void float32_agrees_with_float64(void **state) {
    (void)state;
    for (int kind = OP_CONSTANT + 1; kind < OP_COUNT; ++kind) {
        const struct op_class *wide = op_class_get((enum op_kind)kind, PRECISION_F64);
        const struct op_class *narrow = op_class_get((enum op_kind)kind, PRECISION_F32);
        for (const struct op_probe *probe = wide->probe; probe; probe = probe->next) {
            struct op_case *one = case_of_probe(wide, PRECISION_F64, probe, ROWS);
            struct op_case *two = case_of_probe(narrow, PRECISION_F32, probe, ROWS);
            check_same(one, two, "float32");
            free(one);
            free(two);
        }
    }
}

static void variants_agree_with_the_portable_one(void **state) {
    (void)state;
    for (int kind = OP_CONSTANT + 1; kind < OP_COUNT; ++kind)
        for (int precision = PRECISION_F32; precision <= PRECISION_F64; ++precision)
            for (int variant = OP_VARIANT_V3; variant <= (int)op_variant_best(); ++variant) {
                const struct op_class *base = op_class_variant((enum op_kind)kind, (enum precision)precision,
                                                               OP_VARIANT_BASE);
                const struct op_class *fast = op_class_variant((enum op_kind)kind, (enum precision)precision,
                                                               (enum op_variant)variant);
                for (const struct op_probe *probe = base->probe; probe; probe = probe->next) {
                    struct op_case *one = case_of_probe(base, (enum precision)precision, probe, ROWS);
                    struct op_case *two = case_of_probe(fast, (enum precision)precision, probe, ROWS);
                    check_same(one, two, variant == OP_VARIANT_V3 ? "AVX2 variant" : "AVX-512 variant");
                    free(one);
                    free(two);
                }
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_op_has_a_probe_and_a_formula),
        cmocka_unit_test(backward_agrees_with_central_differences),
        cmocka_unit_test(tangent_agrees_with_central_differences),
        cmocka_unit_test(tangent_and_backward_are_transposes),
        cmocka_unit_test(gradients_add_when_kept_and_overwrite_garbage_otherwise),
        cmocka_unit_test(shards_give_the_bits_of_the_whole_batch),
        cmocka_unit_test(row_blocks_equal_one_row_replays),
        cmocka_unit_test(float32_agrees_with_float64),
        cmocka_unit_test(variants_agree_with_the_portable_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
