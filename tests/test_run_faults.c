/* SPDX-License-Identifier: MIT */
/* What may go wrong with a run directory: locks, damage, full disks, kills, short memory. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "run/checkpoint.h"
#include "toy_study.h"

#define DONE  "run/checkpoint/walk/width=2/seed=1.done.json"
#define STATE "run/checkpoint/walk/width=2/seed=2.safetensors"

static const char *const often[] = {"checkpoint.seconds=0", NULL};

/* One thread: seed 1 of the heavier walks done (20 steps), seed 2 at step 12. */
static void interrupt_in_second_task(void) {
    json_t *result;
    assert_int_equal(toy_start("run", often, 1, 32, &result), STRATA_ERR_INTERRUPTED);
    assert_true(file_exists(toy_path(DONE)) && file_exists(toy_path(STATE)));
}

static void assert_resume_refused(strata_status expected, const char *part) {
    json_t *result;
    strata_status status = toy_resume("run", 1, 0, &result);
    if (status != expected || !strstr(strata_context_message(ctx), part))
        fail_msg("expected %d with '%s', found %d: %s", (int)expected, part, (int)status, strata_context_message(ctx));
    assert_null(result);
}

static void assert_resume_equals_whole(void) {
    json_t *whole, *result;
    TOY_OK(toy_start("whole", often, 1, 0, &whole));
    TOY_OK(toy_resume("run", 2, 0, &result));
    toy_assert_equal_runs("whole", whole, "run", result);
    json_decref(whole);
    json_decref(result);
}

/* ---- locks ---- */

static void locked_directory_is_busy(void **state) {
    (void)state;
    interrupt_in_second_task();
    int lock = open(toy_path("run/checkpoint/lock"), O_RDWR | O_CLOEXEC);
    assert_true(lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0);
    assert_resume_refused(STRATA_ERR_BUSY, "run");
    close(lock);
    assert_resume_equals_whole();
}

/* ---- damage ---- */

/* The last digits of a number may be beyond a double's precision: changed, they are the same number. */
static bool beyond_precision(const char *text, size_t at) {
    size_t digits = 0;
    while (at > 0 && (isdigit((unsigned char)text[at - 1]) || text[at - 1] == '.')) --at, ++digits;
    return digits >= 15;
}

/* Every truncation and every flipped byte of a file is found, named, and healed by following the advice. */
static void assert_damage_is_found(const char *name, size_t stride) {
    struct buffer bytes = toy_read(name);
    for (size_t size = 0; size < bytes.size; size += stride) {
        if (size + strspn(bytes.data + size, " \n") == bytes.size) continue; /* white space alone is lost */
        TOY_OK(file_write_atomic(ctx, toy_path(name), bytes.data, size));
        assert_resume_refused(STRATA_ERR_FORMAT, strrchr(name, '/') + 1);
        assert_non_null(strstr(strata_context_message(ctx), "delete it to redo this task"));
    }
    for (size_t i = 0; i < bytes.size; i += stride) {
        if (beyond_precision(bytes.data, i)) continue;
        bytes.data[i] ^= 1;
        TOY_OK(file_write_atomic(ctx, toy_path(name), bytes.data, bytes.size));
        bytes.data[i] ^= 1;
        if (strchr(" \n", bytes.data[i])) continue; /* white space of JSON carries nothing */
        assert_resume_refused(STRATA_ERR_FORMAT, strrchr(name, '/') + 1);
    }
    assert_int_equal(unlink(toy_path(name)), 0);
    buffer_destroy(&bytes);
}

static void damaged_records_are_named(void **state) {
    (void)state;
    interrupt_in_second_task();
    assert_damage_is_found(DONE, 7);
    assert_resume_equals_whole();
}

static void damaged_state_is_named(void **state) {
    (void)state;
    interrupt_in_second_task();
    assert_damage_is_found(STATE, 7);
    assert_resume_equals_whole();
}

static void files_of_another_task_or_run_are_refused(void **state) {
    (void)state;
    json_t *result;
    interrupt_in_second_task();
    struct buffer own = toy_read(DONE);
    assert_int_equal(rename(toy_path(DONE), toy_path("run/checkpoint/walk/width=2/seed=3.done.json")), 0);
    assert_resume_refused(STRATA_ERR_FORMAT, "another task");
    assert_int_equal(unlink(toy_path("run/checkpoint/walk/width=2/seed=3.done.json")), 0);
    TOY_OK(toy_start("other", (const char *const[]){"study.seed=5", NULL}, 1, 0, &result));
    json_decref(result);
    assert_int_equal(rename(toy_path("other/checkpoint/walk/width=2/seed=1.done.json"), toy_path(DONE)), 0);
    assert_resume_refused(STRATA_ERR_FORMAT, "another configuration");
    TOY_OK(file_write_atomic(ctx, toy_path(DONE), own.data, own.size));
    buffer_destroy(&own);
    assert_resume_equals_whole();
}

static void changed_or_missing_config_is_refused(void **state) {
    (void)state;
    interrupt_in_second_task();
    struct buffer config = toy_read("run/config.ini"), changed = {0};
    TOY_OK(buffer_print(ctx, &changed, "%s# a comment\n", config.data));
    toy_write("run/config.ini", changed.data);
    assert_resume_refused(STRATA_ERR_CONFIG, "config.ini");
    assert_int_equal(unlink(toy_path("run/config.ini")), 0);
    assert_resume_refused(STRATA_ERR_NOT_FOUND, "config.ini");
    toy_write("run/config.ini", config.data);
    assert_resume_equals_whole();
    buffer_destroy(&config);
    buffer_destroy(&changed);
}

static void another_version_or_a_damaged_description_is_refused(void **state) {
    (void)state;
    json_t *description;
    bool whole;
    interrupt_in_second_task();
    struct buffer text = toy_read("run/checkpoint/run.json");
    TOY_OK(json_read(ctx, toy_path("run/checkpoint/run.json"), &description));
    json_object_set_new(description, "version", json_string("0.0.9"));
    TOY_OK(json_write(ctx, description, 1, toy_path("run/checkpoint/run.json")));
    assert_resume_refused(STRATA_ERR_FORMAT, "run.json");
    TOY_OK(json_unseal(ctx, description, &whole));
    assert_false(whole);
    TOY_OK(json_seal(ctx, description));
    TOY_OK(json_write(ctx, description, 1, toy_path("run/checkpoint/run.json")));
    assert_resume_refused(STRATA_ERR_UNSUPPORTED, "0.0.9");
    json_decref(description);
    toy_write("run/checkpoint/run.json", "{\"study\":");
    assert_resume_refused(STRATA_ERR_FORMAT, "run.json");
    assert_int_equal(unlink(toy_path("run/checkpoint/run.json")), 0);
    assert_resume_refused(STRATA_ERR_NOT_FOUND, "run directory");
    toy_write("run/checkpoint/run.json", text.data);
    assert_resume_equals_whole();
    buffer_destroy(&text);
}

static void damaged_metrics_are_named_by_line_or_task(void **state) {
    (void)state;
    interrupt_in_second_task();
    struct buffer text = toy_read("run/metrics.jsonl"), bad = {0};
    TOY_OK(buffer_print(ctx, &bad, "nonsense\n%s", text.data));
    toy_write("run/metrics.jsonl", bad.data);
    assert_resume_refused(STRATA_ERR_FORMAT, "metrics.jsonl:1");
    buffer_clear(&bad);
    TOY_OK(buffer_print(ctx, &bad, "%s{\"task\":\"nobody\",\"step\":1,\"series\":\"a\"}\n", text.data));
    toy_write("run/metrics.jsonl", bad.data);
    assert_resume_refused(STRATA_ERR_FORMAT, "nobody");
    toy_write("run/metrics.jsonl", strchr(text.data, '\n') + 1);
    assert_resume_refused(STRATA_ERR_FORMAT, "walk/width=2/seed=1");
    toy_write("run/metrics.jsonl", text.data);
    assert_resume_equals_whole();
    buffer_destroy(&text);
    buffer_destroy(&bad);
}

static void files_a_killed_process_was_writing_are_removed(void **state) {
    (void)state;
    static const char *const left[] = {"run/result.json.tmp-12",
                                       "run/checkpoint/walk/width=2/seed=9.done.json.tmp-3456"};
    interrupt_in_second_task();
    toy_write(left[0], "{");
    toy_write(left[1], "{");
    toy_write("run/mine.tmp-x", "kept");
    assert_resume_equals_whole();
    assert_false(file_exists(toy_path(left[0])) || file_exists(toy_path(left[1])));
    assert_true(file_exists(toy_path("run/mine.tmp-x")));
}

/* ---- full disks ---- */

static int temporary_files;

static int count_temporary(const char *path, const struct stat *about, int kind, struct FTW *walk) {
    (void)about, (void)kind, (void)walk;
    temporary_files += strstr(path, ".tmp-") != NULL;
    return 0;
}

static void assert_whole_lines(const char *name) {
    if (!file_exists(toy_path(name))) return;
    struct buffer text = toy_read(name);
    assert_true(text.size == 0 || text.data[text.size - 1] == '\n');
    buffer_destroy(&text);
}

/* The size of every file is limited, so that writes fail as on a full disk at one point after the other. */
static void full_disk_leaves_no_partial_file_and_a_run_that_goes_on(void **state) {
    (void)state;
    json_t *whole, *result;
    size_t refused = 0;
    TOY_OK(toy_start("whole", often, 1, 0, &whole));
    for (rlim_t limit = 0; limit < 6000; limit += 1 + limit / 4) {
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            signal(SIGXFSZ, SIG_IGN);
            setrlimit(RLIMIT_FSIZE, &(struct rlimit){limit, limit});
            _exit((int)toy_start("run", often, 2, 0, &result));
        }
        int ended;
        assert_int_equal(waitpid(child, &ended, 0), child);
        assert_true(WIFEXITED(ended) &&
                    (WEXITSTATUS(ended) == STRATA_ERR_DISK_FULL || WEXITSTATUS(ended) == STRATA_OK));
        refused += WEXITSTATUS(ended) == STRATA_ERR_DISK_FULL;
        temporary_files = 0;
        nftw(toy_folder, count_temporary, 16, FTW_PHYS);
        assert_int_equal(temporary_files, 0);
        if (WEXITSTATUS(ended) != STRATA_OK) assert_false(file_exists(toy_path("run/result.json")));
        assert_whole_lines("run/metrics.jsonl");
        assert_whole_lines("run/log.txt");
        if (file_exists(toy_path("run/checkpoint/run.json"))) {
            TOY_OK(toy_resume("run", 1, 0, &result));
            toy_assert_equal_runs("whole", whole, "run", result);
            json_decref(result);
        }
        toy_remove(toy_path("run"));
    }
    assert_true(refused > 5);
    json_decref(whole);
}

/* ---- kills ---- */

/* In a child: goes on with what the last one left, or begins. */
static void run_or_resume(void) {
    json_t *result;
    bool begun = file_exists(toy_path("run/checkpoint/run.json"));
    if (!begun) toy_remove(toy_path("run"));
    strata_status status = begun ? toy_resume("run", 2, 0, &result) : toy_start("run", often, 2, 0, &result);
    if (status != STRATA_OK) fprintf(stderr, "%s\n", strata_context_message(ctx));
    _exit(status == STRATA_OK ? 0 : 1);
}

static void killed_at_any_moment_a_run_ends_with_the_same_result(void **state) {
    (void)state;
    json_t *whole, *result;
    uint32_t delays[200];
    size_t kills = 0, rounds = 6, delay = 0;
    TOY_OK(toy_start("whole", often, 1, 0, &whole));
    rng_bits(rng_stream_make(1, 0, RNG_TEST), 0, 200, delays);
    for (size_t round = 0; round < rounds; ++round) {
        for (bool ended = false; !ended && delay < 200;) {
            int how;
            fflush(NULL);
            pid_t child = fork();
            if (child == 0) run_or_resume();
            nanosleep(&(struct timespec){0, (long)(delays[delay++] % 6000000)}, NULL);
            kill(child, SIGKILL);
            assert_int_equal(waitpid(child, &how, 0), child);
            ended = WIFEXITED(how);
            if (ended)
                assert_int_equal(WEXITSTATUS(how), 0);
            else
                kills++;
        }
        TOY_OK(file_exists(toy_path("run/checkpoint/run.json")) ? toy_resume("run", 1, 0, &result)
                                                                : toy_start("run", often, 1, 0, &result));
        toy_assert_equal_runs("whole", whole, "run", result);
        json_decref(result);
        toy_remove(toy_path("run"));
    }
    assert_true(kills > 0);
    json_decref(whole);
}

/* ---- short memory ---- */

static const char *const tiny[] = {"walk.steps=3", "study.seeds=1", "walk.widths=2", "checkpoint.seconds=0", NULL};

static void every_allocation_of_a_run_may_fail(void **state) {
    (void)state;
    json_t *result = NULL;
    struct settings *settings = toy_settings(NULL, tiny);
    const struct run_options options = {.study = &toy_study, .out = toy_path("run"), .threads = 1};
    strata_status status = STRATA_ERR_MEMORY;
    uint64_t n = 1;
    for (; status == STRATA_ERR_MEMORY; ++n) {
        char *directory;
        toy_remove(toy_folder);
        mkdir(toy_folder, 0777);
        mem_fail_from(n);
        status = run_study(ctx, &options, settings, &directory, &result);
        mem_fail_from(0);
        mem_free(directory);
    }
    TOY_OK(status);
    assert_true(n > 50);
    json_decref(result);
    settings_destroy(settings);
}

static void every_allocation_of_a_resumed_run_may_fail(void **state) {
    (void)state;
    json_t *whole, *result = NULL;
    TOY_OK(toy_start("whole", tiny, 1, 0, &whole));
    assert_int_equal(toy_start("run", tiny, 1, 2, &result), STRATA_ERR_INTERRUPTED);
    strata_status status = STRATA_ERR_MEMORY;
    for (uint64_t n = 1; status == STRATA_ERR_MEMORY; ++n) {
        mem_fail_from(n);
        status = toy_resume("run", 1, 0, &result);
        mem_fail_from(0);
    }
    TOY_OK(status);
    toy_assert_equal_runs("whole", whole, "run", result);
    json_decref(whole);
    json_decref(result);
}

static void every_allocation_of_resolving_settings_may_fail(void **state) {
    (void)state;
    struct settings *settings = NULL;
    strata_status status = STRATA_ERR_MEMORY;
    for (uint64_t n = 1; status == STRATA_ERR_MEMORY; ++n) {
        mem_fail_from(n);
        status = run_settings(ctx, &toy_study, "smoke", 1, tiny, &settings);
        mem_fail_from(0);
    }
    TOY_OK(status);
    settings_destroy(settings);
}

#define TOY_TEST(name) cmocka_unit_test_setup_teardown(name, toy_setup, toy_teardown)

/* Hundreds of runs: without gnuplot, which a report can do without, they take a second instead of ten. */
int main(void) {
    setenv("PATH", "/nowhere", 1);
    const struct CMUnitTest tests[] = {
        TOY_TEST(locked_directory_is_busy),
        TOY_TEST(damaged_records_are_named),
        TOY_TEST(damaged_state_is_named),
        TOY_TEST(files_of_another_task_or_run_are_refused),
        TOY_TEST(changed_or_missing_config_is_refused),
        TOY_TEST(another_version_or_a_damaged_description_is_refused),
        TOY_TEST(damaged_metrics_are_named_by_line_or_task),
        TOY_TEST(files_a_killed_process_was_writing_are_removed),
        TOY_TEST(full_disk_leaves_no_partial_file_and_a_run_that_goes_on),
        TOY_TEST(killed_at_any_moment_a_run_ends_with_the_same_result),
        TOY_TEST(every_allocation_of_a_run_may_fail),
        TOY_TEST(every_allocation_of_a_resumed_run_may_fail),
        TOY_TEST(every_allocation_of_resolving_settings_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
