/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "measure/response.h"

/* Two rows, mean input (2, 3): a unit active on the first row alone sees its difference from the mean. */
static void unit_active_on_one_row_sees_that_row(void **state) {
    (void)state;
    const float x[] = {1, 5, 3, 1}, features[] = {2, 0, 1, 0, 0, -1};
    double means[6];
    response_means(2, 2, x, 3, features, 3, means);
    const double expected[] = {-1, 2, 0, 0, 0, 0};
    for (size_t i = 0; i < 4; ++i) assert_true(fabs(means[i] - expected[i]) <= 1e-15);
    /* Activations 1 and -1: half the difference of the rows. */
    assert_true(fabs(means[4] - -1) <= 1e-15 && fabs(means[5] - 2) <= 1e-15);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(unit_active_on_one_row_sees_that_row)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
