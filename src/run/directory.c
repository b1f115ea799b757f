/* SPDX-License-Identifier: MIT */
/* Run directories. flock, not a file's existence, is the lock: it ends with its process, however that dies. */
#include "run/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/json.h"
#include "core/memory.h"
#include "run/checkpoint.h"

enum { DIRECTORY_FORMAT = 1, CONFIG_LIMIT = 1 << 20, NAME_ATTEMPTS = 100, LOCK_ATTEMPTS = 10, LEFTOVER_FOLDERS = 8 };

void clock_text(enum clock_style style, char text[32]) {
    struct tm parts = {.tm_mday = 1}; /* what a time beyond all years leaves */
    time_t now = time(NULL);
    gmtime_r(&now, &parts);
    if (style == CLOCK_NAME)
        strftime(text, 32, "%Y%m%d-%H%M%S", &parts);
    else
        strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

static strata_status path_made(strata_context *ctx, const char *directory, char *path) {
    return path ? STRATA_OK : strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: a path in %s", directory);
}

strata_status directory_file(strata_context *ctx, const char *directory, const char *name, char **path) {
    *path = string_format("%s/%s", directory, name);
    return path_made(ctx, directory, *path);
}

strata_status directory_task_file(strata_context *ctx, const char *directory, const char *task, const char *extension,
                                  char **path) {
    *path = string_format("%s/checkpoint/%s.%s", directory, task, extension);
    return path_made(ctx, directory, *path);
}

/* ---- the folder ---- */

static strata_status folder_check_empty(strata_context *ctx, const char *path) {
    DIR *folder = opendir(path);
    if (!folder) return strata_fail_errno(ctx, errno, "open the folder", path);
    const struct dirent *entry;
    char found[256] = "";
    while (!*found && (entry = readdir(folder)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            snprintf(found, sizeof found, "%s", entry->d_name);
    closedir(folder);
    if (!*found) return STRATA_OK;
    return strata_fail(ctx, STRATA_ERR_ARGUMENT,
                       "%s: the folder is not empty, it holds '%s'; expected a new or an empty one", path, found);
}

/* runs/STUDY-YYYYMMDD-HHMMSS-HASH; the hash tells runs of one second apart, so a name that is taken gets the next. */
static strata_status folder_make_named(strata_context *ctx, const char *study, uint64_t config, char **path) {
    char date[32];
    clock_text(CLOCK_NAME, date);
    STRATA_TRY(file_make_folder(ctx, "runs"));
    for (uint64_t attempt = 0; attempt < NAME_ATTEMPTS; ++attempt) {
        const uint64_t key[2] = {config, attempt};
        *path = string_format("runs/%s-%s-%08" PRIx32, study, date, (uint32_t)file_checksum(key, sizeof key));
        STRATA_TRY(path_made(ctx, "runs", *path));
        if (mkdir(*path, 0777) == 0) return STRATA_OK;
        int error = errno;
        strata_status status = strata_fail_errno(ctx, error, "make the folder", *path);
        mem_free(*path);
        *path = NULL;
        if (error != EEXIST) return status;
    }
    return strata_fail(ctx, STRATA_ERR_BUSY, "runs: no free name for a run of '%s'; give one with --out", study);
}

static strata_status folder_make(strata_context *ctx, const char *path, const char *study,
                                 struct run_directory *directory) {
    if (!path) return folder_make_named(ctx, study, directory->config, &directory->path);
    directory->path = mem_string(path);
    STRATA_TRY(path_made(ctx, path, directory->path));
    STRATA_TRY(file_make_folder(ctx, path));
    return folder_check_empty(ctx, path);
}

/* ---- the lock ---- */

/*
 * Tries for a tenth of a second: a process that was killed while it started gnuplot leaves a child with the lock
 * until its exec.
 */
static int lock_take(int file) {
    int taken = flock(file, LOCK_EX | LOCK_NB);
    for (int attempt = 0; taken != 0 && errno == EWOULDBLOCK && attempt < LOCK_ATTEMPTS; ++attempt) {
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        taken = flock(file, LOCK_EX | LOCK_NB);
    }
    return taken;
}

static strata_status directory_lock(strata_context *ctx, struct run_directory *directory) {
    char *path;
    strata_status status = STRATA_OK;
    STRATA_TRY(directory_file(ctx, directory->path, "checkpoint/lock", &path));
    directory->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (directory->lock < 0)
        status = strata_fail_errno(ctx, errno, "open", path);
    else if (lock_take(directory->lock) != 0)
        status = errno == EWOULDBLOCK
                   ? strata_fail(ctx, STRATA_ERR_BUSY, "%s: another process is running there (it has locked %s)",
                                 directory->path, path)
                   : strata_fail_errno(ctx, errno, "lock", path);
    mem_free(path);
    return status;
}

/* ---- what a killed process left ---- */

/* PATH.tmp-PID of file_write_atomic. Failing to remove one harms nothing. */
static int leftover_remove(const char *path, const struct stat *about, int kind, struct FTW *walk) {
    const char *name = path + walk->base, *ending = strstr(name, ".tmp-");
    (void)about;
    if (kind == FTW_F && ending && ending[5] && ending[5 + strspn(ending + 5, "0123456789")] == '\0') unlink(path);
    return 0;
}

/* ---- checkpoint/run.json ---- */

static strata_status describe_write(strata_context *ctx, const struct run_directory *directory) {
    char config[17], data[17], *path = NULL;
    strata_status status = STRATA_OK;
    checksum_text(directory->config, config);
    checksum_text(directory->data, data);
    json_t *object = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:f}", "format", DIRECTORY_FORMAT, "study",
                               directory->study, "version", strata_version(), "preset", directory->preset, "config",
                               config, "data", data, "seconds", directory->seconds);
    if (!object) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: description of %s", directory->path);
    STRATA_GO(json_seal(ctx, object));
    STRATA_GO(directory_file(ctx, directory->path, "checkpoint/run.json", &path));
    STRATA_GO(json_write(ctx, object, 1, path));
cleanup:
    mem_free(path);
    json_decref(object);
    return status;
}

strata_status directory_save(strata_context *ctx, const struct run_directory *directory) {
    return describe_write(ctx, directory);
}

static strata_status describe_check(strata_context *ctx, const char *path, json_t *object,
                                    struct run_directory *directory, char **version) {
    bool whole = false;
    const char *study = json_string_value(json_object_get(object, "study")),
               *preset = json_string_value(json_object_get(object, "preset"));
    const char *made_by = json_string_value(json_object_get(object, "version")),
               *config = json_string_value(json_object_get(object, "config")),
               *data = json_string_value(json_object_get(object, "data"));
    if (json_is_object(object)) STRATA_TRY(json_unseal(ctx, object, &whole));
    if (!whole || !study || !preset || !made_by || !config || !data)
        return strata_fail(ctx, STRATA_ERR_FORMAT,
                           "%s: its checksum differs: it was changed or damaged; the run cannot go on", path);
    directory->study = mem_string(study);
    directory->preset = mem_string(preset);
    *version = mem_string(made_by);
    directory->seconds = json_number_value(json_object_get(object, "seconds"));
    directory->config = strtoull(config, NULL, 16);
    directory->data = strtoull(data, NULL, 16);
    if (!directory->study || !directory->preset || !*version)
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: description of %s", path);
    return STRATA_OK;
}

static strata_status describe_read(strata_context *ctx, const char *folder, struct run_directory *directory,
                                   char **version) {
    char *path = NULL;
    json_t *object = NULL;
    strata_status status = STRATA_OK;
    directory->path = mem_string(folder);
    STRATA_GO(path_made(ctx, folder, directory->path));
    STRATA_GO(directory_file(ctx, folder, "checkpoint/run.json", &path));
    status = json_read(ctx, path, &object);
    if (status == STRATA_ERR_NOT_FOUND)
        status = strata_fail(ctx, status, "%s: expected a run directory, found no checkpoint/run.json in it", folder);
    if (status == STRATA_OK) status = describe_check(ctx, path, object, directory, version);
cleanup:
    json_decref(object);
    mem_free(path);
    return status;
}

strata_status directory_describe(strata_context *ctx, const char *path, struct run_directory *directory) {
    char *version = NULL;
    *directory = (struct run_directory){.lock = -1};
    strata_status status = describe_read(ctx, path, directory, &version);
    mem_free(version);
    return status;
}

/* ---- making and opening ---- */

strata_status directory_create(strata_context *ctx, const char *path, const struct study *study,
                               const struct settings *settings, uint64_t data, struct run_directory *directory) {
    struct buffer text = {0};
    char *folder = NULL, *config = NULL;
    strata_status status = STRATA_OK;
    *directory = (struct run_directory){.lock = -1, .data = data};
    STRATA_GO(settings_print(ctx, settings, &text));
    directory->config = file_checksum(text.data, text.size);
    directory->study = mem_string(study->name);
    directory->preset = mem_string(settings_text(settings, "study.preset"));
    STRATA_GO(path_made(ctx, study->name, directory->study && directory->preset ? directory->study : NULL));
    STRATA_GO(folder_make(ctx, path, study->name, directory));
    STRATA_GO(directory_file(ctx, directory->path, "checkpoint", &folder));
    STRATA_GO(file_make_folder(ctx, folder));
    STRATA_GO(directory_lock(ctx, directory));
    STRATA_GO(directory_file(ctx, directory->path, "config.ini", &config));
    if (file_exists(config)) /* made since the folder was found empty */
        STRATA_GO(strata_fail(ctx, STRATA_ERR_BUSY, "%s: another process has just made a run there", directory->path));
    STRATA_GO(file_write_atomic(ctx, config, text.data, text.size));
    STRATA_GO(describe_write(ctx, directory));
cleanup:
    buffer_destroy(&text);
    mem_free(folder);
    mem_free(config);
    return status;
}

static strata_status config_check(strata_context *ctx, const struct run_directory *directory) {
    struct buffer text = {0};
    char *path;
    STRATA_TRY(directory_file(ctx, directory->path, "config.ini", &path));
    strata_status status = file_read(ctx, path, CONFIG_LIMIT, &text);
    if (status == STRATA_OK && file_checksum(text.data, text.size) != directory->config)
        status = strata_fail(
            ctx, STRATA_ERR_CONFIG,
            "%s: changed since the run began, so its results would not belong together; put it back, or start a new "
            "run with --config",
            path);
    buffer_destroy(&text);
    mem_free(path);
    return status;
}

strata_status directory_open(strata_context *ctx, const char *path, struct run_directory *directory) {
    char *version = NULL;
    *directory = (struct run_directory){.lock = -1};
    strata_status status = describe_read(ctx, path, directory, &version);
    if (status == STRATA_OK) status = directory_lock(ctx, directory);
    if (status == STRATA_OK && strcmp(version, strata_version()) != 0)
        status = strata_fail(ctx, STRATA_ERR_UNSUPPORTED,
                             "%s: made by version %s, this is %s: their numbers may differ, start a new run", path,
                             version, strata_version());
    if (status == STRATA_OK) status = config_check(ctx, directory);
    if (status == STRATA_OK) nftw(path, leftover_remove, LEFTOVER_FOLDERS, FTW_PHYS);
    mem_free(version);
    return status;
}

void directory_close(struct run_directory *directory) {
    if (directory->lock >= 0) close(directory->lock);
    mem_free(directory->path);
    mem_free(directory->study);
    mem_free(directory->preset);
    *directory = (struct run_directory){.lock = -1};
}
