/* SPDX-License-Identifier: MIT */
/* strata_teacher: options to settings, and questions to data/teacher.h. */
#include <strata/teacher.h>

#include "api/handles.h"
#include "core/memory.h"

enum { FEATURE_ROWS = 256 };

strata_status settings_set_all(strata_context *ctx, struct settings *settings, const char *where,
                               const char *const *assignments) {
    for (; assignments && *assignments; ++assignments)
        STRATA_TRY(settings_set_pair(ctx, settings, where, *assignments));
    return STRATA_OK;
}

strata_teacher_options strata_teacher_options_default(void) {
    return (strata_teacher_options){
        .kind = "chain", .depth = 2, .width = 6, .dimension = 20, .gap = 0.3, .seed = 1, .replicate = 1};
}

/* The fields as rows of the settings table, so that they are checked as on the command line. */
static strata_status set_fields(strata_context *ctx, struct settings *settings, const strata_teacher_options *options) {
    static const char where[] = "teacher options";
    const struct {
        const char *key;
        double value;
    } numbers[] = {
        {"teacher.depth", (double)options->depth},
        {"teacher.width", (double)options->width},
        {"data.dimension", (double)options->dimension},
        {"teacher.gap", options->gap},
        {"data.noise", options->noise},
    };
    STRATA_TRY(settings_set(ctx, settings, where, "teacher.kind", options->kind));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; ++i) {
        char text[32];
        number_format(numbers[i].value, text);
        STRATA_TRY(settings_set(ctx, settings, where, numbers[i].key, text));
    }
    return settings_set_all(ctx, settings, where, options->settings);
}

strata_status strata_teacher_create(strata_context *ctx, const strata_teacher_options *options,
                                    strata_teacher **teacher) {
    const strata_teacher_options standard = strata_teacher_options_default();
    const struct setting *const tables[] = {teacher_settings};
    strata_status status = STRATA_OK;
    if (!options) options = &standard;
    *teacher = NULL;
    strata_teacher *made = mem_zero(1, sizeof *made);
    if (!made) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for a teacher");
    STRATA_GO(settings_create(ctx, 1, tables, &made->settings));
    STRATA_GO(set_fields(ctx, made->settings, options));
    STRATA_GO(teacher_create(ctx, made->settings, options->seed, options->replicate, &made->teacher));
    made->noise = settings_number(made->settings, "data.noise");
    made->seed = options->seed, made->replicate = options->replicate;
    *teacher = made;
    made = NULL;
cleanup:
    strata_teacher_destroy(made);
    return status;
}

void strata_teacher_destroy(strata_teacher *teacher) {
    if (!teacher) return;
    teacher_destroy(teacher->teacher);
    settings_destroy(teacher->settings);
    mem_free(teacher);
}

size_t strata_teacher_dimension(const strata_teacher *teacher) { return teacher_dimension(teacher->teacher); }

size_t strata_teacher_depth(const strata_teacher *teacher) { return teacher_depth(teacher->teacher); }

static bool has_layer(const strata_teacher *teacher, size_t layer) {
    return layer >= 1 && layer <= teacher_depth(teacher->teacher);
}

size_t strata_teacher_layer_width(const strata_teacher *teacher, size_t layer) {
    return has_layer(teacher, layer) ? teacher_layer_width(teacher->teacher, layer) : 0;
}

strata_status strata_teacher_inputs(strata_context *ctx, const strata_teacher *teacher, strata_part part,
                                    uint64_t first, size_t rows, float *x) {
    if (part != STRATA_PART_TRAIN && part != STRATA_PART_TEST)
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "part %d of a teacher's samples: expected train or test",
                           (int)part);
    teacher_inputs(teacher->teacher, part == STRATA_PART_TRAIN ? RNG_TRAIN_INPUT : RNG_TEST_INPUT, first, rows, x);
    return STRATA_OK;
}

strata_status strata_teacher_targets(strata_context *ctx, const strata_teacher *teacher, size_t rows, const float *x,
                                     float *y) {
    (void)ctx;
    teacher_targets(teacher->teacher, rows, x, y);
    return STRATA_OK;
}

strata_status strata_teacher_features(strata_context *ctx, const strata_teacher *teacher, size_t layer, size_t rows,
                                      const float *x, double *features) {
    size_t inputs = teacher_dimension(teacher->teacher), width = strata_teacher_layer_width(teacher, layer);
    if (!has_layer(teacher, layer))
        return strata_fail(ctx, STRATA_ERR_ARGUMENT, "layer %zu of a teacher: expected 1 to %zu", layer,
                           teacher_depth(teacher->teacher));
    double *wide = mem_zero(FEATURE_ROWS * inputs, sizeof *wide);
    if (!wide) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory for %zu inputs", inputs);
    for (size_t begin = 0; begin < rows; begin += FEATURE_ROWS) {
        size_t count = rows - begin < FEATURE_ROWS ? rows - begin : FEATURE_ROWS;
        for (size_t i = 0; i < count * inputs; ++i) wide[i] = (double)x[begin * inputs + i];
        teacher_features(teacher->teacher, layer, count, wide, features + begin * width);
    }
    mem_free(wide);
    return STRATA_OK;
}
