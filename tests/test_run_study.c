/* SPDX-License-Identifier: MIT */
/* Whole runs of the toy study: settings, the directory, result.json, threads, resume. */
#include "run/tasks.h"
#include "toy_study.h"

/* ---- settings ---- */

static void later_sources_of_settings_win(void **state) {
    (void)state;
    toy_write("a.ini", "[walk]\nsteps = 50\ndecay = 0.5\n[study]\nseed = 9\n");
    char file[400];
    snprintf(file, sizeof file, "@%s", toy_path("a.ini"));
    struct settings *table = toy_settings(NULL, NULL), *preset = toy_settings("smoke", NULL);
    struct settings *config = toy_settings("smoke", (const char *const[]){file, NULL});
    struct settings *set = toy_settings(
        "smoke", (const char *const[]){file, "walk.steps=60", "study.seed=11", "walk.steps=70", NULL});
    assert_int_equal(settings_count(table, "walk.steps"), 30);
    assert_int_equal(settings_count(preset, "walk.steps"), 20);
    assert_int_equal(settings_count(preset, "study.seeds"), 4);
    assert_int_equal(settings_count(config, "walk.steps"), 50);
    assert_int_equal(settings_count(config, "study.seeds"), 4);
    assert_int_equal(settings_count(set, "walk.steps"), 70);
    assert_int_equal(settings_count(set, "study.seed"), 11);
    assert_true(settings_number(set, "walk.decay") == 0.5);
    assert_string_equal(settings_text(table, "study.preset"), "default");
    assert_string_equal(settings_text(preset, "study.preset"), "smoke");
    settings_destroy(table);
    settings_destroy(preset);
    settings_destroy(config);
    settings_destroy(set);
}

/* A stored config.ini repeats its run although nobody names the preset again. */
static void preset_of_a_config_file_counts_and_round_trips(void **state) {
    (void)state;
    struct settings *first = toy_settings("paper",
                                          (const char *const[]){"walk.decay=0.3", "walk.note=a ; b # c", NULL});
    struct buffer text = {0}, again = {0};
    char file[400];
    TOY_OK(settings_print(ctx, first, &text));
    toy_write("b.ini", text.data);
    snprintf(file, sizeof file, "@%s", toy_path("b.ini"));
    struct settings *second = toy_settings(NULL, (const char *const[]){file, NULL});
    TOY_OK(settings_print(ctx, second, &again));
    assert_string_equal(text.data, again.data);
    assert_int_equal(settings_preset(second), PRESET_PAPER);
    struct settings *third = toy_settings(NULL, (const char *const[]){"study.preset=paper", NULL});
    assert_int_equal(settings_count(third, "walk.steps"), 300);
    buffer_destroy(&text);
    buffer_destroy(&again);
    settings_destroy(first);
    settings_destroy(second);
    settings_destroy(third);
}

static void assert_settings_refused(const char *preset, const char *assignment, strata_status expected,
                                    const char *part) {
    struct settings *settings = NULL;
    strata_status status = run_settings(ctx, &toy_study, preset, assignment ? 1 : 0, &assignment, &settings);
    if (status != expected || !strstr(strata_context_message(ctx), part))
        fail_msg("%d: %s", (int)status, strata_context_message(ctx));
    assert_null(settings);
}

static void bad_settings_are_refused_by_name(void **state) {
    (void)state;
    assert_settings_refused("huge", NULL, STRATA_ERR_CONFIG, "huge");
    assert_settings_refused("smoke", "walk.stepz=3", STRATA_ERR_CONFIG, "walk.steps");
    assert_settings_refused("smoke", "walk.steps=0", STRATA_ERR_CONFIG, "walk.steps");
    assert_settings_refused("smoke", "walk.steps=13", STRATA_ERR_CONFIG, "bad luck");
    assert_settings_refused("smoke", "study.preset=tiny", STRATA_ERR_CONFIG, "tiny");
    assert_settings_refused("smoke", "@/nowhere/x.ini", STRATA_ERR_NOT_FOUND, "/nowhere/x.ini");
}

/* ---- a finished run ---- */

static void result_has_the_fields_of_the_contract_in_order(void **state) {
    (void)state;
    static const char *const fields[] = {"study",   "version", "preset", "seed",   "seeds",  "threads",
                                         "seconds", "host",    "config", "claims", "tables", "figures"};
    static const char *const claim_fields[] = {"id",       "role",  "expected", "statement", "source",
                                               "measured", "low",   "high",     "unit",      "scale",
                                               "seeds",    "bound", "verdict",  "controls"};
    json_t *result, *value;
    const char *key;
    size_t i = 0;
    TOY_OK(toy_start("run", NULL, 2, 0, &result));
    json_object_foreach(result, key, value) assert_string_equal(key, fields[i++]);
    assert_int_equal(i, sizeof fields / sizeof *fields);
    json_t *claims = json_object_get(result, "claims"), *claim = json_array_get(claims, 0),
           *control = json_array_get(claims, 1);
    i = 0;
    json_object_foreach(claim, key, value) assert_string_equal(key, claim_fields[i++]);
    assert_int_equal(i, sizeof claim_fields / sizeof *claim_fields);
    assert_int_equal(json_array_size(claims), 3); /* toy.long does not run in smoke */
    assert_string_equal(json_string_value(json_object_get(claim, "verdict")), "holds");
    assert_string_equal(json_string_value(json_object_get(claim, "bound")), "<= 100");
    assert_string_equal(json_string_value(json_object_get(control, "id")), "toy.small.drift");
    assert_string_equal(json_string_value(json_object_get(control, "role")), "control");
    assert_string_equal(json_string_value(json_object_get(control, "verdict")), "fails");
    assert_string_equal(json_string_value(json_array_get(json_object_get(claim, "controls"), 0)), "toy.small.drift");
    assert_int_equal(json_array_size(json_object_get(control, "controls")), 0);
    json_t *config = json_object_get(result, "config");
    assert_int_equal(json_integer_value(json_object_get(config, "walk.steps")), 20);
    assert_true(json_real_value(json_object_get(config, "walk.decay")) == 0.9);
    assert_true(json_is_false(json_object_get(config, "report.png")));
    json_t *table = json_array_get(json_object_get(result, "tables"), 0);
    assert_int_equal(json_array_size(json_object_get(result, "tables")), 1);
    assert_int_equal(json_array_size(json_object_get(table, "rows")), 4);
    assert_int_equal(json_array_size(json_object_get(result, "figures")), 1);
    assert_string_equal(json_string_value(json_array_get(json_object_get(result, "figures"), 0)), "figures/path.svg");
    json_decref(result);
}

static void finished_directory_holds_what_it_should(void **state) {
    (void)state;
    json_t *result, *stored;
    TOY_OK(toy_start("run", NULL, 1, 0, &result));
    static const char *const files[] = {
        "config.ini",       "metrics.jsonl",   "result.json",         "log.txt",
        "figures/path.csv", "checkpoint/lock", "checkpoint/run.json", "checkpoint/walk/width=1/seed=1.done.json"};
    for (size_t i = 0; i < sizeof files / sizeof *files; ++i) {
        char name[200];
        snprintf(name, sizeof name, "run/%s", files[i]);
        if (!file_exists(toy_path(name))) fail_msg("%s is missing", name);
    }
    assert_false(file_exists(toy_path("run/checkpoint/walk/width=1/seed=1.safetensors")));
    TOY_OK(json_read(ctx, toy_path("run/result.json"), &stored));
    assert_true(json_equal(result, stored));
    json_decref(result);
    json_decref(stored);
}

/* 8 tasks of 20 steps, a line every 5: sorted by (task, step), non-finite values as null. */
static void metrics_end_sorted_and_whole(void **state) {
    (void)state;
    json_t *result;
    TOY_OK(toy_start("run", NULL, 2, 0, &result));
    struct buffer text = toy_read("run/metrics.jsonl");
    char last[200] = "";
    json_int_t last_step = 0;
    size_t lines = 0;
    for (char *line = text.data, *end; *line; line = end + 1, ++lines) {
        end = strchr(line, '\n');
        json_t *object = json_loadb(line, (size_t)(end - line), 0, NULL);
        assert_non_null(object);
        const char *task = json_string_value(json_object_get(object, "task"));
        json_int_t step = json_integer_value(json_object_get(object, "step"));
        int order = strcmp(last, task);
        assert_true(order < 0 || (order == 0 && last_step < step));
        assert_string_equal(json_string_value(json_object_get(object, "series")), "walk");
        assert_true(json_is_null(json_object_get(object, "gone")) && json_is_real(json_object_get(object, "x")));
        snprintf(last, sizeof last, "%s", task);
        last_step = step;
        json_decref(object);
    }
    assert_int_equal(lines, 8 * 4);
    buffer_destroy(&text);
    json_decref(result);
}

static void one_and_two_threads_give_equal_runs(void **state) {
    (void)state;
    json_t *one, *two;
    TOY_OK(toy_start("one", NULL, 1, 0, &one));
    TOY_OK(toy_start("two", NULL, 2, 0, &two));
    toy_assert_equal_runs("one", one, "two", two);
    assert_int_equal(json_integer_value(json_object_get(two, "threads")), 2);
    json_decref(two);
    TOY_OK(toy_start("other", (const char *const[]){"study.seed=2", NULL}, 1, 0, &two));
    assert_false(result_equal(one, two));
    json_decref(one);
    json_decref(two);
}

static void diverged_seed_fails_its_claim_and_says_where(void **state) {
    (void)state;
    json_t *result;
    TOY_OK(toy_start("run", (const char *const[]){"walk.diverge_seed=3", NULL}, 2, 0, &result));
    json_t *claims = json_object_get(result, "claims"), *small = json_array_get(claims, 0),
           *steps = json_array_get(claims, 2);
    assert_string_equal(json_string_value(json_object_get(small, "verdict")), "fails");
    assert_true(json_is_null(json_object_get(small, "measured")) && json_is_null(json_object_get(small, "low")) &&
                json_is_null(json_object_get(small, "high")));
    assert_string_equal(json_string_value(json_object_get(small, "note")), "seed 3 diverged");
    assert_string_equal(json_string_value(json_object_get(steps, "note")), "seed 3 diverged at step 7");
    json_t *rows = json_object_get(json_array_get(json_object_get(result, "tables"), 0), "rows");
    assert_true(json_is_null(json_array_get(json_array_get(rows, 2), 2)));
    json_decref(result);
}

static void default_directory_is_named_after_study_and_time(void **state) {
    (void)state;
    char before[400];
    char *first, *second;
    json_t *result;
    struct settings *settings = toy_settings("smoke", (const char *const[]){"walk.steps=1", NULL});
    const struct run_options options = {.study = &toy_study, .threads = 1};
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(toy_folder), 0);
    TOY_OK(run_study(ctx, &options, settings, &first, &result));
    json_decref(result);
    TOY_OK(run_study(ctx, &options, settings, &second, &result));
    json_decref(result);
    assert_int_equal(chdir(before), 0);
    assert_string_not_equal(first, second);
    unsigned date, time, hash;
    int size = 0;
    assert_int_equal(sscanf(first, "runs/toy-%8u-%6u-%8x%n", &date, &time, &hash, &size), 3);
    assert_int_equal(first[size], '\0');
    mem_free(first);
    mem_free(second);
    settings_destroy(settings);
}

static void used_or_unusable_directories_are_refused(void **state) {
    (void)state;
    json_t *result;
    toy_write("file", "x");
    assert_int_equal(mkdir(toy_path("full"), 0777), 0);
    assert_int_equal(mkdir(toy_path("empty"), 0777), 0);
    toy_write("full/a.txt", "x");
    assert_int_equal(toy_start("full", NULL, 1, 0, &result), STRATA_ERR_ARGUMENT);
    assert_non_null(strstr(strata_context_message(ctx), "a.txt"));
    assert_int_equal(toy_start("file", NULL, 1, 0, &result), STRATA_ERR_IO);
    assert_int_equal(toy_start("file/below", NULL, 1, 0, &result), STRATA_ERR_IO);
    assert_null(result);
    TOY_OK(toy_start("empty", NULL, 1, 0, &result));
    json_decref(result);
}

struct calls {
    size_t count, tasks_done;
    double fraction, last;
    bool fell;
};

static void count_calls(void *user, const struct run_progress *progress) {
    struct calls *calls = user;
    calls->count++;
    calls->fell = calls->fell || progress->fraction < calls->fraction - 1e-12;
    calls->fraction = progress->fraction;
    calls->tasks_done = progress->tasks_done;
}

static void progress_rises_to_one(void **state) {
    (void)state;
    struct calls calls = {0};
    struct settings *settings = toy_settings("smoke", NULL);
    const struct run_options options = {
        .study = &toy_study, .out = toy_path("run"), .threads = 1, .progress = count_calls, .user = &calls};
    char *directory;
    json_t *result;
    TOY_OK(run_study(ctx, &options, settings, &directory, &result));
    assert_true(calls.count >= 2 && !calls.fell && calls.tasks_done == 8);
    assert_true(fabs(calls.fraction - 1) < 1e-12);
    mem_free(directory);
    json_decref(result);
    settings_destroy(settings);
}

/* ---- stopping and resuming ---- */

static void resumed_runs_equal_uninterrupted_ones(void **state) {
    (void)state;
    json_t *whole, *result;
    char name[32];
    TOY_OK(toy_start("whole", NULL, 1, 0, &whole));
    for (long stop = 1; stop < 160; stop += 13) {
        snprintf(name, sizeof name, "stop%ld", stop);
        assert_int_equal(toy_start(name, NULL, 1 + (size_t)stop % 2, stop, &result), STRATA_ERR_INTERRUPTED);
        assert_non_null(strstr(strata_context_message(ctx), "strata resume "));
        assert_non_null(strstr(strata_context_message(ctx), name));
        assert_null(result);
        char path[64];
        snprintf(path, sizeof path, "%s/result.json", name);
        assert_false(file_exists(toy_path(path)));
        strata_status status = toy_resume(name, 1, 9, &result);
        if (status == STRATA_ERR_INTERRUPTED) status = toy_resume(name, 2, 0, &result);
        TOY_OK(status);
        toy_assert_equal_runs("whole", whole, name, result);
        json_decref(result);
    }
    json_decref(whole);
}

/* A checkpoint after every step, then lines behind the last checkpoint and half a line, as a crash leaves them. */
static void lines_behind_the_checkpoint_are_dropped(void **state) {
    (void)state;
    json_t *whole, *result;
    static const char *const often[] = {"checkpoint.seconds=0", NULL};
    TOY_OK(toy_start("whole", often, 1, 0, &whole));
    assert_int_equal(toy_start("run", often, 1, 52, &result), STRATA_ERR_INTERRUPTED);
    FILE *file = fopen(toy_path("run/metrics.jsonl"), "a");
    assert_non_null(file);
    fputs("{\"task\":\"walk/width=2/seed=3\",\"step\":999,\"series\":\"walk\",\"x\":1.0}\n{\"task\":\"walk/wi", file);
    fclose(file);
    TOY_OK(toy_resume("run", 1, 0, &result));
    toy_assert_equal_runs("whole", whole, "run", result);
    json_decref(whole);
    json_decref(result);
}

static void resuming_a_finished_run_returns_its_result(void **state) {
    (void)state;
    json_t *first, *second;
    TOY_OK(toy_start("run", NULL, 1, 0, &first));
    TOY_OK(toy_resume("run", 1, 0, &second));
    assert_true(json_equal(first, second));
    json_decref(first);
    json_decref(second);
}

static void failing_task_ends_the_run_and_keeps_the_others(void **state) {
    (void)state;
    json_t *result;
    assert_int_equal(toy_start("run", (const char *const[]){"walk.fail_seed=3", NULL}, 1, 0, &result),
                     STRATA_ERR_CONVERGENCE);
    assert_non_null(strstr(strata_context_message(ctx), "walk/width=2/seed=3"));
    assert_non_null(strstr(strata_context_message(ctx), "no way out"));
    assert_true(file_exists(toy_path("run/checkpoint/walk/width=2/seed=1.done.json"))); /* heaviest first */
    assert_false(file_exists(toy_path("run/checkpoint/walk/width=1/seed=1.done.json")));
    assert_int_equal(toy_resume("run", 2, 0, &result), STRATA_ERR_CONVERGENCE);
}

static void study_name_is_read_from_the_directory(void **state) {
    (void)state;
    json_t *result;
    char *name;
    TOY_OK(toy_start("run", NULL, 1, 0, &result));
    TOY_OK(run_study_name(ctx, toy_path("run"), &name));
    assert_string_equal(name, "toy");
    mem_free(name);
    assert_int_equal(run_study_name(ctx, toy_folder, &name), STRATA_ERR_NOT_FOUND);
    assert_null(name);
    json_decref(result);
}

/* ---- task ids ---- */

static strata_status add(struct task_list *list, const char *id) {
    return task_list_add(ctx, list, "k", NULL, 1, 1.0, NULL, "%s", id);
}

static void unsafe_or_repeated_task_ids_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",     "/a", "a//b", "a/",   "../a",   "a/..", ".a",
                                      "a/.b", "A",  "a b",  "lock", "lock/a", "a\n",  "\xc3\xa4"};
    struct task_list list = {0};
    char long_id[300];
    memset(long_id, 'a', sizeof long_id);
    long_id[sizeof long_id - 1] = '\0';
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i)
        if (add(&list, bad[i]) != STRATA_ERR_INTERNAL) fail_msg("'%s' was accepted", bad[i]);
    assert_int_equal(add(&list, long_id), STRATA_ERR_INTERNAL);
    TOY_OK(add(&list, "a/b=1.5/c-2_x"));
    assert_int_equal(add(&list, "a/b=1.5/c-2_x"), STRATA_ERR_CONFIG);
    assert_int_equal(task_list_add(ctx, &list, "k", NULL, 1, 0.0, NULL, "b"), STRATA_ERR_INTERNAL);
    assert_int_equal(list.count, 1);
    task_list_destroy(&list);
}

#define TOY_TEST(name) cmocka_unit_test_setup_teardown(name, toy_setup, toy_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TOY_TEST(later_sources_of_settings_win),
        TOY_TEST(preset_of_a_config_file_counts_and_round_trips),
        TOY_TEST(bad_settings_are_refused_by_name),
        TOY_TEST(result_has_the_fields_of_the_contract_in_order),
        TOY_TEST(finished_directory_holds_what_it_should),
        TOY_TEST(metrics_end_sorted_and_whole),
        TOY_TEST(one_and_two_threads_give_equal_runs),
        TOY_TEST(diverged_seed_fails_its_claim_and_says_where),
        TOY_TEST(default_directory_is_named_after_study_and_time),
        TOY_TEST(used_or_unusable_directories_are_refused),
        TOY_TEST(progress_rises_to_one),
        TOY_TEST(resumed_runs_equal_uninterrupted_ones),
        TOY_TEST(lines_behind_the_checkpoint_are_dropped),
        TOY_TEST(resuming_a_finished_run_returns_its_result),
        TOY_TEST(failing_task_ends_the_run_and_keeps_the_others),
        TOY_TEST(study_name_is_read_from_the_directory),
        TOY_TEST(unsafe_or_repeated_task_ids_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
