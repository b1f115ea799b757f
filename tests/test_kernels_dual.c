/* SPDX-License-Identifier: MIT */
/* Duals and networks of infinite width: golden values (numpy, six decimals), quadrature, differences, invariants. */
#include "kernel_fixture.h"

#include "kernels/dual.h"

static const double golden_x[12] = {1, 2, -1, .5, 0, 1, 1, -1, -1.5, .5, 0, 2};

static void duals_at(const struct dual *dual, double a, double b, double c, double *d, double *e) {
    dual->class_->row(dual->number, 1, a, &b, &c, d, e);
}

static struct dual dual_of(const char *name, double number) { return (struct dual){dual_find(name), number}; }

static void duals_match_golden_values(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double d, e;
    } golden[] = {{"relu", .265378, .318865},
                  {"erf", .175480, .450158},
                  {"gelu", .188061, .324817},
                  {"relu_squared", .557602, 1.061512},
                  {"gaussian", .353553, .070711}};
    for (size_t i = 0; i < sizeof golden / sizeof *golden; ++i) {
        struct dual dual = dual_of(golden[i].name, 0);
        double d, e;
        duals_at(&dual, 1.3, .7, .4, &d, &e);
        if (strcmp(golden[i].name, "gaussian") == 0) {
            /* R = sqrt((1 + 2a)(1 + 2b) - 4 c^2) = sqrt(8), 4c / R^3 = 0.0707 */
            assert_near("gaussian", d, 1 / sqrt(8), 1e-15);
        }
        assert_near(golden[i].name, d, golden[i].d, 6e-7);
        assert_near(golden[i].name, e, golden[i].e, 6e-7);
    }
}

/* Simpson's rule in polar coordinates, where pieces of straight lines are smooth between multiples of small angles. */
static double expectation(const struct dual *dual, bool slope, double a, double b, double c) {
    double (*function)(double, double) = slope ? dual->class_->slope : dual->class_->value;
    enum { POINTS = 1200 };
    const double reach = 9;
    double along = c / sqrt(a), across = sqrt(b - along * along), sum = 0, h = 2 * reach / POINTS;
    for (int i = 0; i < POINTS; ++i)
        for (int j = 0; j < POINTS; ++j) {
            double s = -reach + (i + .5) * h, t = -reach + (j + .5) * h;
            sum += exp(-.5 * (s * s + t * t)) * function(dual->number, sqrt(a) * s) *
                   function(dual->number, along * s + across * t);
        }
    return sum * h * h / (2 * M_PI);
}

static double number_of(const struct dual_class *class_) {
    return strcmp(class_->name, "leaky_relu") == 0 ? .2
         : strcmp(class_->name, "hermite") == 0    ? 3
                                                   : class_->number_fallback;
}

static void duals_are_expectations(void **state) {
    (void)state;
    for (size_t i = 0; i < dual_table_size; ++i) {
        struct dual dual = {dual_table[i], number_of(dual_table[i])};
        double a = dual.class_->unit_variance ? 1 : 1.3, b = dual.class_->unit_variance ? 1 : .7, c = -.45, d, e;
        double rough = dual.class_->homogeneous ? 3e-3 : 2e-5; /* the midpoint rule at kinks and jumps */
        duals_at(&dual, a, b, c, &d, &e);
        assert_near(dual.class_->name, d, expectation(&dual, false, a, b, c), rough);
        if (!dual.class_->no_tangent) assert_near(dual.class_->name, e, expectation(&dual, true, a, b, c), 3e-3);
        if (!dual.class_->homogeneous && !dual.class_->no_tangent && strcmp(dual.class_->name, "relu_squared") != 0)
            assert_near(dual.class_->name, e, expectation(&dual, true, a, b, c), 2e-5);
    }
}

static void slopes_are_derivatives_and_diagonals_are_limits(void **state) {
    (void)state;
    for (size_t i = 0; i < dual_table_size; ++i) {
        struct dual dual = {dual_table[i], number_of(dual_table[i])};
        const double variances[][3] = {{1.3, .7, .4}, {.2, 3, -.6}, {1, 1, .93}, {1, 1, -.2}};
        for (size_t k = dual.class_->unit_variance ? 2 : 0; k < 4; ++k) {
            const double *v = variances[k], h = 1e-5;
            double d, e, up, down, unused;
            duals_at(&dual, v[0], v[1], v[2], &d, &e);
            duals_at(&dual, v[0], v[1], v[2] + h, &up, &unused);
            duals_at(&dual, v[0], v[1], v[2] - h, &down, &unused);
            if (!dual.class_->no_tangent)
                assert_near(dual.class_->name, (up - down) / (2 * h), e, 1e-7 * fmax(1, fabs(e)));
        }
        double d, e, near_d, near_e;
        dual.class_->diagonal(dual.number, 1, &d, &e);
        duals_at(&dual, 1, 1, 1 - 1e-14, &near_d, &near_e);
        assert_near(dual.class_->name, near_d, d, 2e-7 * fmax(1, fabs(d)));
        assert_near(dual.class_->name, near_e, e, 2e-7 * fmax(1, fabs(e)));
        for (double x = -1.7; x < 2; x += .9)
            assert_near(dual.class_->name,
                        (dual.class_->value(dual.number, x + 1e-6) - dual.class_->value(dual.number, x - 1e-6)) / 2e-6,
                        dual.class_->slope(dual.number, x), 1e-7 * fmax(1, fabs(dual.class_->slope(dual.number, x))));
    }
}

static void networks_match_golden_values(void **state) {
    (void)state;
    static const struct {
        const char *arguments;
        double nngp[3], ntk[3];
    } golden[] = {
        {"activation=relu, weight_variance=2", {3.425000, 1.429022, 1.160794}, {9.975000, 2.195317, 1.318057}},
        {"activation=leaky_relu, slope=.2, weight_variance=2",
         {3.692160, 1.221471, .700931},
         {10.772480, 2.076200, .476145}},
        {"activation=erf, weight_variance=1", {.484816, .207615, .099163}, {1.435765, .366184, .038965}},
        {"activation=gelu", {.454151, .211496, .176191}, {1.191708, .314592, .199990}},
        {"activation=sin", {.443887, .195844, .113406}, {1.390767, .331145, .081189}},
        {"activation=square", {211.362831, 24.340636, 26.468052}, {864.149387, 36.073106, 40.345452}},
    };
    static const size_t entries[3] = {0, 1, 5}; /* 00, 01, 12 of [3, 3] */
    for (size_t i = 0; i < sizeof golden / sizeof *golden; ++i)
        for (int tangent = 0; tangent < 2; ++tangent) {
            char text[160];
            double gram[9];
            snprintf(text, sizeof text, "%s(layers=2, bias_variance=0.1, %s)", tangent ? "ntk" : "nngp",
                     golden[i].arguments);
            struct kernel kernel = make(text, 3, golden_x, 4, NULL);
            assert_int_equal(kernel_gram(ctx, NULL, &kernel, 3, golden_x, 3, golden_x, gram), STRATA_OK);
            for (size_t k = 0; k < 3; ++k)
                assert_near(text, gram[entries[k]], tangent ? golden[i].ntk[k] : golden[i].nngp[k],
                            6e-7 * fmax(1, fabs(gram[entries[k]])));
        }
}

static void residual_networks_match_golden_values(void **state) {
    (void)state;
    double gram[9];
    struct kernel kernel = make("nngp(layers=2, skip=.5, bias_variance=0)", 3, golden_x, 4, NULL);
    assert_int_equal(kernel_gram(ctx, NULL, &kernel, 3, golden_x, 3, golden_x, gram), STRATA_OK);
    assert_near("S 01", gram[1], .729936, 6e-7);
    assert_near("S 12", gram[5], -.514140, 6e-7);
    kernel = make("ntk(layers=2, skip=.5, bias_variance=0)", 3, golden_x, 4, NULL);
    assert_int_equal(kernel_gram(ctx, NULL, &kernel, 3, golden_x, 3, golden_x, gram), STRATA_OK);
    assert_near("T 01", gram[1], .831078, 6e-7);
    assert_near("T 12", gram[5], -.664567, 6e-7);
}

static double entry(const char *text, size_t i, size_t j) {
    double gram[9];
    struct kernel kernel = make(text, 3, golden_x, 4, NULL);
    assert_int_equal(kernel_gram(ctx, NULL, &kernel, 3, golden_x, 3, golden_x, gram), STRATA_OK);
    return gram[3 * i + j];
}

/* The tangent kernel is a sum over the trained layers, and readouts of all layers add up. */
static void parts_of_networks_add_up(void **state) {
    (void)state;
    for (size_t j = 1; j < 3; ++j) {
        double whole = entry("ntk(layers=2)", 0, j), hidden = entry("ntk(layers=2, train_readout=0)", 0, j),
               readout = entry("nngp(layers=2)", 0, j);
        assert_near("readout", whole - hidden, readout, 1e-12);
        double frozen = entry("ntk(layers=2, train_input=0)", 0, j), input = whole - frozen;
        double first = entry("ntk(layers=1, train_input=0)", 0, j), all = entry("ntk(layers=1)", 0, j);
        assert_near("one layer", first, entry("nngp1", 0, j), 1e-12);
        assert_true(fabs(input) > 1e-3 && fabs(all - first) > 1e-3);
        assert_near("all readouts", entry("ntk(layers=3, readout=all)", 0, j),
                    entry("ntk1", 0, j) + entry("ntk2", 0, j) + entry("ntk3", 0, j), 1e-12);
        assert_near("all readouts", entry("nngp(layers=2, readout=all)", 0, j),
                    entry("nngp1", 0, j) + entry("nngp2", 0, j), 1e-12);
    }
}

static void networks_are_semidefinite(void **state) {
    (void)state;
    enum { N = 40, D = 5 };
    double x[N * D], unit[N * D];
    normals(1, N * D, x);
    for (size_t k = 0; k < D; ++k) {
        x[5 * D + k] = x[4 * D + k];               /* twins */
        x[7 * D + k] = x[6 * D + k] * (1 + 1e-13); /* all but */
        x[9 * D + k] = -x[8 * D + k];
    }
    for (size_t i = 0; i < N; ++i) x[i * D + 2] = 1; /* a constant column */
    for (size_t i = 0; i < N; ++i) {
        double square = 0;
        for (size_t k = 0; k < D; ++k) square += x[i * D + k] * x[i * D + k];
        for (size_t k = 0; k < D; ++k) unit[i * D + k] = x[i * D + k] * sqrt(D / square);
    }
    for (size_t i = 0; i < dual_table_size; ++i)
        for (int tangent = 0; tangent < (dual_table[i]->no_tangent || dual_table[i]->unit_variance ? 1 : 2);
             ++tangent) {
            char text[96];
            snprintf(text, sizeof text, "%s(layers=2, activation=%s%s)", tangent ? "ntk" : "nngp", dual_table[i]->name,
                     dual_table[i]->unit_variance ? ", bias_variance=0" : "");
            const double *rows = dual_table[i]->unit_variance ? unit : x;
            struct kernel kernel = make(text, N, rows, D, NULL);
            double own[N], gram[N * N];
            assert_semidefinite(text, &kernel, N, rows);
            assert_int_equal(kernel_diagonal(ctx, &kernel, N, rows, own), STRATA_OK);
            assert_int_equal(kernel_gram(ctx, NULL, &kernel, N, rows, N, rows, gram), STRATA_OK);
            for (size_t r = 0; r < N; ++r) assert_true(own[r] == gram[r * N + r]);
        }
}

static void what_has_no_kernel_is_refused(void **state) {
    (void)state;
    const double x[8] = {1, 2, 3, 4, 0, 0, 0, 0};
    refuse("ntk(activation=step)", 2, x, 4, NULL, "diverges on the diagonal");
    refuse("ntk(activation=sign)", 1, x, 4, NULL, "nngp takes it");
    refuse("nngp(activation=relu, bias_variance=0)", 2, x, 4, NULL, "row 1 is zero");
    refuse("nngp(activation=hermite)", 1, x, 4, NULL, "weight_variance + bias_variance = 1");
    refuse("nngp(activation=hermite, bias_variance=0)", 1, x, 4, NULL, "normalise");
    refuse("ntk(layers=200, activation=square)", 1, x, 4, NULL, "overflows");
    refuse("nngp(activation=leaky_relu, slope=1e9)", 1, x, 4, NULL, "slope");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(duals_match_golden_values),
        cmocka_unit_test(duals_are_expectations),
        cmocka_unit_test(slopes_are_derivatives_and_diagonals_are_limits),
        cmocka_unit_test(networks_match_golden_values),
        cmocka_unit_test(residual_networks_match_golden_values),
        cmocka_unit_test(parts_of_networks_add_up),
        cmocka_unit_test(networks_are_semidefinite),
        cmocka_unit_test(what_has_no_kernel_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
