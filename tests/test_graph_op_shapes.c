/* SPDX-License-Identifier: MIT */
/* Shape rules: what they infer, what they refuse and how they say it. */
#include "graph/op_shapes.h"
#include "op_case.h"

#define ROWS(width)        \
    {                      \
        true, 1, { width } \
    }
#define VECTOR(width)       \
    {                       \
        false, 1, { width } \
    }
#define MATRIX(rows, columns)       \
    {                               \
        false, 2, { rows, columns } \
    }

static const struct {
    enum op_kind kind;
    size_t count;
    struct shape shapes[3];
    struct op_attributes attributes;
    struct shape output;
} inferred[] = {
    {OP_BIAS, 2, {ROWS(3), VECTOR(3)}, {{0}, {0}}, ROWS(3)},
    {OP_BIAS, 2, {MATRIX(2, 3), VECTOR(3)}, {{0}, {0}}, MATRIX(2, 3)},
    {OP_ADD, 2, {VECTOR(3), ROWS(3)}, {{0}, {0}}, ROWS(3)},
    {OP_ADD, 2, {VECTOR(3), VECTOR(3)}, {{0}, {0}}, VECTOR(3)},
    {OP_CONCAT, 3, {ROWS(3), ROWS(1), ROWS(4)}, {{0}, {0}}, ROWS(8)},
    {OP_SLICE, 1, {ROWS(9)}, {{0}, {7, 2}}, ROWS(2)},
    {OP_SLICE, 1, {VECTOR(9)}, {{0}, {0, 9}}, VECTOR(9)},
    {OP_MULTIPLY, 2, {MATRIX(2, 3), MATRIX(2, 3)}, {{0}, {0}}, MATRIX(2, 3)},
    {OP_RELU, 1, {MATRIX(2, 3)}, {{0}, {0}}, MATRIX(2, 3)},
    {OP_SOFTMAX_CROSS_ENTROPY, 2, {ROWS(10), ROWS(1)}, {{0}, {0}}, ROWS(1)},
    {OP_LOGISTIC, 2, {ROWS(1), ROWS(1)}, {{0}, {0}}, ROWS(1)},
    {OP_SQUARED_ERROR, 2, {ROWS(4), ROWS(4)}, {{0}, {0}}, ROWS(1)},
    {OP_SUM, 1, {ROWS(4)}, {{0}, {0}}, {0}},
    {OP_MEAN, 1, {MATRIX(4, 2)}, {{0}, {0}}, {0}},
    {OP_NORMALISE, 3, {ROWS(4), VECTOR(4), VECTOR(4)}, {{0}, {0}}, ROWS(4)},
    {OP_DROPOUT, 1, {ROWS(4)}, {{0.5}, {0}}, ROWS(4)},
    {OP_CROSS_PRODUCT, 2, {MATRIX(2, 5), MATRIX(3, 5)}, {{0}, {0}}, MATRIX(2, 3)},
};

static void shapes_are_inferred(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof inferred / sizeof *inferred; ++i) {
        const struct op_class *op = op_class_get(inferred[i].kind, PRECISION_F32);
        struct op_case *c = case_of_shapes(op, PRECISION_F32, 1, inferred[i].count, inferred[i].shapes,
                                           &inferred[i].attributes);
        if (!shape_equal(&c->output_shape, &inferred[i].output))
            fail_msg("%s, case %zu: another output shape", op->name, i);
        free(c);
    }
}

static const struct {
    enum op_kind kind;
    size_t count;
    struct shape shapes[3];
    struct op_attributes attributes;
    const char *message; /* part of it */
} refused[] = {
    {OP_BIAS, 2, {ROWS(3), VECTOR(4)}, {{0}, {0}}, "an unbatched vector [n], found [batch, 3], [4]"},
    {OP_BIAS, 2, {ROWS(3), ROWS(3)}, {{0}, {0}}, "found [batch, 3], [batch, 3]"},
    {OP_ADD, 3, {ROWS(3), VECTOR(3), MATRIX(3, 1)}, {{0}, {0}}, "row shapes, found [batch, 3], [3], [3, 1]"},
    {OP_MULTIPLY, 2, {ROWS(3), VECTOR(2)}, {{0}, {0}}, "multiply: expected inputs of equal row shapes"},
    {OP_CONCAT, 2, {ROWS(3), VECTOR(3)}, {{0}, {0}}, "concat: expected batched rows"},
    {OP_SLICE, 1, {ROWS(5)}, {{0}, {3, 3}}, "within [batch, 5], found 3 + 3"},
    {OP_SLICE, 1, {ROWS(5)}, {{0}, {0, 0}}, "found 0 + 0"},
    {OP_SLICE, 1, {ROWS(5)}, {{0}, {SIZE_MAX, 2}}, "slice: expected"},
    {OP_SLICE, 1, {MATRIX(5, 2)}, {{0}, {0, 1}}, "slice: expected rows or a vector of rank 1, found [5, 2]"},
    {OP_SQUARE, 1, {ROWS(5)}, {{-1}, {0}}, "square: expected a truncation number[0] >= 0 (0 = none), found -1"},
    {OP_SQUARE, 1, {ROWS(5)}, {{NAN}, {0}}, "square: expected"},
    {OP_SQUARE, 1, {ROWS(5)}, {{1, NAN}, {0}}, "square: expected a finite offset number[1], found nan"},
    {OP_SCALE, 1, {ROWS(5)}, {{1, INFINITY}, {0}}, "scale: expected finite number[0] and number[1], found 1 and inf"},
    {OP_DROPOUT, 1, {ROWS(5)}, {{1}, {0}}, "dropout: expected a rate number[0] in [0, 1), found 1"},
    {OP_DROPOUT, 1, {VECTOR(5)}, {{0.5}, {0}}, "dropout: expected batched rows, found [5]"},
    {OP_SOFTMAX_CROSS_ENTROPY, 2, {ROWS(5), ROWS(5)}, {{0}, {0}}, "found [batch, 5], [batch, 5]"},
    {OP_SOFTMAX_CROSS_ENTROPY, 2, {VECTOR(5), ROWS(1)}, {{0}, {0}}, "expected logits [batch, c] and"},
    {OP_LOGISTIC, 2, {ROWS(2), ROWS(1)}, {{0}, {0}}, "logistic: expected logit [batch, 1]"},
    {OP_SQUARED_ERROR, 2, {ROWS(2), ROWS(3)}, {{0}, {0}}, "squared_error: expected prediction [batch, n]"},
    {OP_NORMALISE, 3, {ROWS(2), VECTOR(2), VECTOR(3)}, {{0}, {0}}, "found [batch, 2], [2], [3]"},
    {OP_CROSS_PRODUCT, 2, {MATRIX(2, 3), MATRIX(3, 2)}, {{0}, {0}}, "unbatched matrices [a, k] and [b, k]"},
};

static void shape_faults_are_refused_with_the_op_and_the_shapes(void **state) {
    (void)state;
    strata_context *ctx;
    assert_int_equal(strata_context_create(&ctx), STRATA_OK);
    uint64_t allocations = mem_count();
    for (size_t i = 0; i < sizeof refused / sizeof *refused; ++i) {
        const struct shape *shapes[3] = {&refused[i].shapes[0], &refused[i].shapes[1], &refused[i].shapes[2]};
        struct shape output;
        const struct op_class *op = op_class_get(refused[i].kind, PRECISION_F64);
        assert_int_equal(op->shape(ctx, &refused[i].attributes, refused[i].count, shapes, &output),
                         STRATA_ERR_ARGUMENT);
        if (strncmp(strata_context_message(ctx), op->name, strlen(op->name)) != 0 ||
            !strstr(strata_context_message(ctx), refused[i].message))
            fail_msg("expected '%s' in the message, found '%s'", refused[i].message, strata_context_message(ctx));
    }
    assert_int_equal(mem_count(), allocations);
    strata_context_destroy(ctx);
}

static void shape_text_of_the_largest_shape_fits(void **state) {
    (void)state;
    const struct shape shape = {true, 4, {SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX}};
    const struct shape scalar = {0};
    char text[SHAPE_TEXT_SIZE];
    const char *one = "18446744073709551615]";
    assert_true(strlen(shape_text(&shape, text)) > strlen(one));
    assert_string_equal(text + strlen(text) - strlen(one), one);
    assert_string_equal(shape_text(&scalar, text), "[]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_are_inferred),
        cmocka_unit_test(shape_faults_are_refused_with_the_op_and_the_shapes),
        cmocka_unit_test(shape_text_of_the_largest_shape_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
