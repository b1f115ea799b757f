/* SPDX-License-Identifier: MIT */
/*
 * Kernels of pictures: golden values (numpy, six decimals), convolutions written out pixel by pixel, random
 * convolutional networks of finite width, and what every Gram matrix must keep.
 */
#include "kernel_fixture.h"

static const size_t small_image[3] = {1, 3, 3};
static const double small_pictures[2 * 9] = {1, 0, -1, .5, 2, 0, -.5, 1, 1.5, 0, 1, 1, -1, .5, 2, 1, -.5, 0};

static void golden_values_are_met(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double expected[3]; /* 00, 01, 11 */
    } cases[] = {
        {"cntk(layers=1)", {.500673, .359616, .343207}},
        {"cntk(layers=1, pooling=flat)", {1.518519, .176582, 1.179012}},
        {"cntk(layers=2)", {.445731, .302803, .330325}},
        {"cntk(layers=2, pooling=flat)", {1.449588, .265685, 1.156379}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        double gram[4];
        struct kernel kernel = make(cases[i].text, 2, small_pictures, 9, small_image);
        assert_int_equal(kernel_gram(ctx, NULL, &kernel, 2, small_pictures, 2, small_pictures, gram), STRATA_OK);
        assert_near(cases[i].text, gram[0], cases[i].expected[0], 6e-7);
        assert_near(cases[i].text, gram[1], cases[i].expected[1], 6e-7);
        assert_near(cases[i].text, gram[3], cases[i].expected[2], 6e-7);
    }
}

/* ---- the recursion, written out for pairs of pixels */

enum { SIDE_Y = 4, SIDE_X = 6, CHANNELS = 2, PIXELS = SIDE_Y * SIDE_X, INPUTS = CHANNELS * PIXELS, ROWS = 5 };
static const size_t image[3] = {CHANNELS, SIDE_Y, SIDE_X};
static double pictures[ROWS * INPUTS];

struct plain {
    size_t height, width;
    double cell[PIXELS * PIXELS];
};

static double cell_at(const struct plain *p, long y, long x, long v, long u) {
    long h = (long)p->height, w = (long)p->width;
    if (y < 0 || y >= h || v < 0 || v >= h || x < 0 || x >= w || u < 0 || u >= w) return 0;
    return p->cell[(y * w + x) * h * w + v * w + u];
}

static void plain_convolution(long radius, double scale, struct plain *p) {
    static struct plain from;
    from = *p;
    long h = (long)p->height, w = (long)p->width;
    for (long i = 0; i < h * w; ++i)
        for (long j = 0; j < h * w; ++j) {
            double sum = 0;
            for (long a = -radius; a <= radius; ++a)
                for (long b = -radius; b <= radius; ++b)
                    sum += cell_at(&from, i / w + a, i % w + b, j / w + a, j % w + b);
            p->cell[i * h * w + j] = scale * sum;
        }
}

static void plain_products(const double *x, const double *z, struct plain *p) {
    p->height = SIDE_Y, p->width = SIDE_X;
    for (size_t i = 0; i < PIXELS; ++i)
        for (size_t j = 0; j < PIXELS; ++j) {
            p->cell[i * PIXELS + j] = 0;
            for (size_t c = 0; c < CHANNELS; ++c) p->cell[i * PIXELS + j] += x[c * PIXELS + i] * z[c * PIXELS + j];
        }
}

static double plain_output(const struct plain *p, bool average) {
    size_t n = p->height * p->width;
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j)
            if (average || i == j) sum += p->cell[i * n + j] / (double)n / (average ? (double)n : 1);
    return sum;
}

/* CNTK of leaky ReLU with slope .2, radius 2, three layers. */
static double plain_cntk(const double *x, const double *z, bool average, bool train_input, bool train_readout) {
    static struct plain s[3], t; /* xx, zz, xz */
    const struct dual_class *dual = dual_find("leaky_relu");
    const double *pair[3][2] = {{x, x}, {z, z}, {x, z}};
    for (size_t k = 0; k < 3; ++k) {
        plain_products(pair[k][0], pair[k][1], &s[k]);
        plain_convolution(2, 2 / 25., &s[k]);
    }
    t = s[2];
    if (!train_input) memset(t.cell, 0, sizeof t.cell);
    for (size_t layer = 0; layer < 3; ++layer) {
        double variance[2][PIXELS];
        for (size_t i = 0; i < PIXELS; ++i)
            for (size_t k = 0; k < 2; ++k) variance[k][i] = s[k].cell[i * PIXELS + i];
        for (size_t k = 3; k-- > 0;)
            for (size_t i = 0; i < PIXELS * PIXELS; ++i) {
                double d, e, *c = &s[k].cell[i], a = variance[k == 1][i / PIXELS], b = variance[k != 0][i % PIXELS];
                dual->row(.2, 1, a, &b, c, &d, &e);
                if (k == 2) t.cell[i] = (layer == 2 && !train_readout ? 0 : d) + e * t.cell[i];
                *c = d;
            }
        if (layer == 2) return plain_output(&t, average);
        for (size_t k = 0; k < 3; ++k) plain_convolution(2, 2 / 25., &s[k]);
        plain_convolution(2, 2 / 25., &t);
    }
    return NAN;
}

static void recursion_equals_pixel_by_pixel(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool average, train_input, train_readout;
    } cases[] = {
        {"cntk(layers=3, activation=leaky_relu, slope=0.2, filter=5)", true, true, true},
        {"cntk(layers=3, activation=leaky_relu, slope=0.2, filter=5, pooling=flat)", false, true, true},
        {"cntk(layers=3, activation=leaky_relu, slope=0.2, filter=5, train_input=0)", true, false, true},
        {"cntk(layers=3, activation=leaky_relu, slope=0.2, filter=5, train_readout=0)", true, true, false},
        {"cntk(layers=3, activation=leaky_relu, slope=0.2, filter=5, train_readout=0, pooling=flat)", false, true,
         false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        double gram[ROWS * ROWS];
        struct kernel kernel = make(cases[i].text, ROWS, pictures, INPUTS, image);
        assert_int_equal(kernel_gram(ctx, NULL, &kernel, ROWS, pictures, ROWS, pictures, gram), STRATA_OK);
        for (size_t a = 0; a < 2; ++a)
            for (size_t b = 0; b <= a; ++b)
                assert_near(cases[i].text, gram[a * ROWS + b],
                            plain_cntk(pictures + a * INPUTS, pictures + b * INPUTS, cases[i].average,
                                       cases[i].train_input, cases[i].train_readout),
                            1e-9);
    }
}

/* Two layers with a 2 x 2 average between them, exponential nonlinearity. */
static double plain_conv_comp(const double *x, const double *z) {
    static struct plain s[3], half;
    const double *pair[3][2] = {{x, x}, {z, z}, {x, z}};
    for (size_t k = 0; k < 3; ++k) plain_products(pair[k][0], pair[k][1], &s[k]);
    for (size_t layer = 0; layer < 2; ++layer) {
        double variance[2][PIXELS];
        for (size_t k = 0; k < 3; ++k) plain_convolution(1, 1 / 9., &s[k]);
        size_t n = s[0].height * s[0].width;
        for (size_t i = 0; i < n; ++i)
            for (size_t k = 0; k < 2; ++k) variance[k][i] = s[k].cell[i * n + i];
        for (size_t k = 0; k < 3; ++k)
            for (size_t i = 0; i < n * n; ++i) {
                double root = sqrt(variance[k == 1][i / n] * variance[k != 0][i % n]);
                s[k].cell[i] = root * exp(.7 * (s[k].cell[i] / root - 1));
            }
        if (layer) return plain_output(&s[2], true);
        for (size_t k = 0; k < 3; ++k) {
            half.height = SIDE_Y / 2, half.width = SIDE_X / 2;
            for (size_t i = 0; i < n / 4; ++i)
                for (size_t j = 0; j < n / 4; ++j) {
                    double sum = 0;
                    for (size_t q = 0; q < 16; ++q)
                        sum += cell_at(&s[k], (long)(2 * (i / half.width) + q / 8),
                                       (long)(2 * (i % half.width) + q / 4 % 2),
                                       (long)(2 * (j / half.width) + q / 2 % 2), (long)(2 * (j % half.width) + q % 2));
                    half.cell[i * n / 4 + j] = sum / 16;
                }
            s[k] = half;
        }
    }
    return NAN;
}

static void halved_pictures_equal_pixel_by_pixel(void **state) {
    (void)state;
    double gram[ROWS * ROWS];
    struct kernel kernel = make("conv_comp(layers=2, nonlinearity=exponential, rate=0.7, halvings=1)", ROWS, pictures,
                                INPUTS, image);
    assert_int_equal(kernel_gram(ctx, NULL, &kernel, ROWS, pictures, ROWS, pictures, gram), STRATA_OK);
    for (size_t a = 0; a < ROWS; ++a)
        for (size_t b = 0; b <= a; ++b)
            assert_near("conv_comp", gram[a * ROWS + b], plain_conv_comp(pictures + a * INPUTS, pictures + b * INPUTS),
                        1e-10);
}

/* ---- networks of `width` channels: mean product of outputs over random weights comes close as 1 / sqrt(samples) */

static void random_networks_come_close(void **state) {
    (void)state;
    enum { WIDTH = 96, NETWORKS = 300, TAPS = 9 };
    static double hidden[2][WIDTH * 9], weights[WIDTH * TAPS];
    double sums[3] = {0}, gram[4];
    for (size_t network = 0; network < NETWORKS; ++network) {
        double mean[2] = {0}, readout[WIDTH];
        normals(1000 + 2 * network, WIDTH * TAPS, weights);
        normals(1001 + 2 * network, WIDTH, readout);
        for (size_t p = 0; p < 2; ++p)
            for (size_t c = 0; c < WIDTH; ++c)
                for (long i = 0; i < 9; ++i) {
                    double sum = 0;
                    for (long o = 0; o < TAPS; ++o) {
                        long y = i / 3 + o / 3 - 1, x = i % 3 + o % 3 - 1;
                        if (y >= 0 && y < 3 && x >= 0 && x < 3)
                            sum += weights[c * TAPS + (size_t)o] * small_pictures[p * 9 + (size_t)(y * 3 + x)];
                    }
                    hidden[p][c * 9 + (size_t)i] = fmax(0, sum * sqrt(2. / TAPS));
                    mean[p] += readout[c] * hidden[p][c * 9 + (size_t)i] / 9 / sqrt(WIDTH);
                }
        sums[0] += mean[0] * mean[0] / NETWORKS;
        sums[1] += mean[0] * mean[1] / NETWORKS;
        sums[2] += mean[1] * mean[1] / NETWORKS;
    }
    struct kernel kernel = make("cnngp1", 2, small_pictures, 9, small_image);
    assert_int_equal(kernel_gram(ctx, NULL, &kernel, 2, small_pictures, 2, small_pictures, gram), STRATA_OK);
    assert_near("00", sums[0], gram[0], 5 * 1.5 * gram[0] / sqrt(NETWORKS));
    assert_near("01", sums[1], gram[1], 5 * 1.5 * gram[0] / sqrt(NETWORKS));
    assert_near("11", sums[2], gram[3], 5 * 1.5 * gram[3] / sqrt(NETWORKS));
}

static void gram_matrices_are_semidefinite(void **state) {
    (void)state;
    static const char *const texts[] = {"cntk2",
                                        "cntk(layers=2, pooling=flat)",
                                        "cntk(layers=2, activation=erf)",
                                        "cnngp(layers=2, activation=step)",
                                        "cnngp(layers=2, activation=gelu)",
                                        "conv_comp(layers=2, halvings=1)",
                                        "conv_comp(layers=2, pooling=flat)"};
    double degenerate[3 * INPUTS] = {0};
    memcpy(degenerate, pictures, INPUTS * sizeof *degenerate);
    memcpy(degenerate + INPUTS, pictures, INPUTS * sizeof *degenerate);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i) {
        struct kernel kernel = make(texts[i], ROWS, pictures, INPUTS, image);
        assert_semidefinite(texts[i], &kernel, ROWS, pictures);
        assert_semidefinite(texts[i], &kernel, 3, degenerate);
    }
}

static void threads_and_blocks_change_no_bit(void **state) {
    (void)state;
    double one[ROWS * ROWS], many[ROWS * ROWS], block[ROWS * ROWS], diagonal[ROWS];
    struct thread_pool *pool;
    struct kernel kernel = make("cntk3", ROWS, pictures, INPUTS, image);
    assert_int_equal(thread_pool_create(ctx, 3, &pool), STRATA_OK);
    assert_int_equal(kernel_gram(ctx, NULL, &kernel, ROWS, pictures, ROWS, pictures, one), STRATA_OK);
    assert_int_equal(kernel_gram(ctx, pool, &kernel, ROWS, pictures, ROWS, pictures, many), STRATA_OK);
    assert_memory_equal(one, many, sizeof one);
    assert_int_equal(kernel_gram(ctx, pool, &kernel, 2, pictures, ROWS, pictures, block), STRATA_OK);
    assert_int_equal(kernel_diagonal(ctx, &kernel, ROWS, pictures, diagonal), STRATA_OK);
    for (size_t j = 0; j < ROWS; ++j) {
        assert_near("block", block[ROWS + j], one[ROWS + j], 1e-13);
        assert_near("diagonal", diagonal[j], one[j * ROWS + j], 0);
    }
    thread_pool_destroy(pool);
}

static void bad_input_is_refused(void **state) {
    (void)state;
    refuse("cntk", ROWS, pictures, INPUTS, NULL, "compares pictures");
    refuse("cntk(filter=2)", ROWS, pictures, INPUTS, image, "expected an odd side");
    refuse("cntk(activation=step)", ROWS, pictures, INPUTS, image, "has no tangent kernel");
    refuse("cnngp(activation=hermite)", ROWS, pictures, INPUTS, image, "unit variances");
    refuse("conv_comp(halvings=2)", ROWS, pictures, INPUTS, image, "cannot be halved");
    refuse("conv_comp(layers=1, halvings=1)", ROWS, pictures, INPUTS, image, "fewer halvings than layers");
}

static int draw(void **state) {
    normals(1, ROWS * INPUTS, pictures);
    return setup(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_values_are_met),
        cmocka_unit_test(recursion_equals_pixel_by_pixel),
        cmocka_unit_test(halved_pictures_equal_pixel_by_pixel),
        cmocka_unit_test(random_networks_come_close),
        cmocka_unit_test(gram_matrices_are_semidefinite),
        cmocka_unit_test(threads_and_blocks_change_no_bit),
        cmocka_unit_test(bad_input_is_refused),
    };
    return cmocka_run_group_tests(tests, draw, teardown);
}
