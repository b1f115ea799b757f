/* SPDX-License-Identifier: MIT */
/* metrics.jsonl: appended line by line while tasks run, settled to the lines that checkpoints vouch for. */
#include "run/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/json.h"
#include "core/memory.h"

enum { METRICS_LIMIT = 1 << 30 };

/* ---- files of lines ---- */

strata_status line_file_open(strata_context *ctx, const char *path, struct line_file *file) {
    struct stat about;
    *file = (struct line_file){.path = mem_string(path), .descriptor = -1};
    pthread_mutex_init(&file->mutex, NULL);
    if (!file->path) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: path of %s", path);
    file->descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file->descriptor < 0) return strata_fail_errno(ctx, errno, "open", path);
    if (fstat(file->descriptor, &about) != 0) return strata_fail_errno(ctx, errno, "read the size", path);
    file->size = (size_t)about.st_size;
    return STRATA_OK;
}

strata_status line_file_append(strata_context *ctx, struct line_file *file, const char *text, size_t size) {
    ssize_t written;
    int error = 0;
    pthread_mutex_lock(&file->mutex);
    do written = write(file->descriptor, text, size);
    while (written < 0 && errno == EINTR);
    if (written == (ssize_t)size) {
        file->size += size;
    } else {
        error = written < 0 ? errno : ENOSPC;
        if (ftruncate(file->descriptor, (off_t)file->size) != 0) error = errno;
    }
    pthread_mutex_unlock(&file->mutex);
    return error ? strata_fail_errno(ctx, error, "append a line", file->path) : STRATA_OK;
}

strata_status line_file_sync(strata_context *ctx, struct line_file *file) {
    return fdatasync(file->descriptor) == 0 ? STRATA_OK
                                            : strata_fail_errno(ctx, errno, "write to the disk", file->path);
}

void line_file_close(struct line_file *file) {
    if (!file->path) return;
    if (file->descriptor >= 0) close(file->descriptor);
    pthread_mutex_destroy(&file->mutex);
    mem_free(file->path);
    *file = (struct line_file){.descriptor = -1};
}

/* ---- one line ---- */

strata_status metric_print(strata_context *ctx, struct buffer *line, const char *task, size_t step, const char *series,
                           size_t count, const char *const *names, const double *values) {
    json_t *object = json_pack("{s:s, s:I, s:s}", "task", task, "step", (json_int_t)step, "series", series);
    int failed = object == NULL;
    for (size_t i = 0; i < count && !failed; ++i)
        failed = json_object_set_new(object, names[i], json_number(values[i]));
    strata_status status = failed ? strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: metric of task '%s'", task)
                                  : json_print(ctx, object, 0, line);
    if (status == STRATA_OK) status = buffer_append(ctx, line, "\n", 1);
    json_decref(object);
    return status;
}

/* ---- settling ---- */

struct task_name {
    const char *id;
    size_t task;
};

struct metric_line {
    const char *text;
    size_t size; /* with the newline */
    size_t rank; /* of its task, in order of ids */
    size_t number;
};

/** The whole file, cut into lines; names and taken are by rank. */
struct metric_table {
    const char *path;
    struct task_name *names;
    struct task_mark *taken;
    struct metric_line *lines;
    size_t task_count, line_count;
};

static int name_compare(const void *a, const void *b) {
    return strcmp(((const struct task_name *)a)->id, ((const struct task_name *)b)->id);
}

/* Steps rise within a task, so the order of a task's own lines is that of their steps. */
static int line_compare(const void *a, const void *b) {
    const struct metric_line *x = a, *y = b;
    if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* Reads what metric_print put first: {"task":"ID","step":N, (ids need no escapes). */
static strata_status line_read(strata_context *ctx, const struct metric_table *table, struct metric_line *line) {
    static const char head[] = "{\"task\":\"", middle[] = "\",\"step\":";
    char id[TASK_ID_SIZE];
    size_t head_size = sizeof head - 1, middle_size = sizeof middle - 1, size = 0;
    const char *start = line->text + head_size, *end = line->text + line->size;
    if (line->size <= head_size || memcmp(line->text, head, head_size) != 0) goto malformed;
    while (start + size < end && start[size] != '"' && size + 1 < sizeof id) ++size;
    memcpy(id, start, size);
    id[size] = '\0';
    start += size;
    if ((size_t)(end - start) <= middle_size || memcmp(start, middle, middle_size) != 0 || end[-2] != '}')
        goto malformed;
    start += middle_size;
    size = strspn(start, "0123456789");
    if (size == 0 || start[size] != ',') goto malformed;
    const struct task_name key = {.id = id},
                           *found = bsearch(&key, table->names, table->task_count, sizeof key, name_compare);
    if (!found)
        return strata_fail(ctx, STRATA_ERR_FORMAT, "%s:%zu: this run has no task '%s'", table->path, line->number, id);
    line->rank = (size_t)(found - table->names);
    return STRATA_OK;
malformed:
    return strata_fail(ctx, STRATA_ERR_FORMAT, "%s:%zu: expected {\"task\":...,\"step\":...}, found '%.*s'",
                       table->path, line->number, (int)(line->size - 1 < 60 ? line->size - 1 : 60), line->text);
}

/* Keeps the lines that a mark vouches for. */
static strata_status lines_read(strata_context *ctx, struct metric_table *table, const struct buffer *bytes,
                                const struct task_mark *marks) {
    size_t number = 0;
    for (const char *at = bytes->data, *end = at + bytes->size; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline) break;
        struct metric_line *line = &table->lines[table->line_count];
        ++number;
        *line = (struct metric_line){.text = at, .size = (size_t)(newline + 1 - at), .number = number};
        STRATA_TRY(line_read(ctx, table, line));
        struct task_mark *taken = &table->taken[line->rank];
        if (taken->lines < marks[table->names[line->rank].task].lines) {
            taken->lines++;
            taken->bytes += line->size;
            table->line_count++;
        }
        at = newline + 1;
    }
    return STRATA_OK;
}

static strata_status lines_check(strata_context *ctx, const struct metric_table *table, const struct task_mark *marks) {
    for (size_t i = 0; i < table->task_count; ++i) {
        const struct task_mark *taken = &table->taken[i], *mark = &marks[table->names[i].task];
        if (taken->lines == mark->lines && taken->bytes == mark->bytes) continue;
        return strata_fail(
            ctx, STRATA_ERR_FORMAT,
            "%s: task '%s': expected %zu lines of %zu bytes in all, found %zu of %zu; delete the task's files in "
            "checkpoint/ to redo it",
            table->path, table->names[i].id, mark->lines, mark->bytes, taken->lines, taken->bytes);
    }
    return STRATA_OK;
}

static strata_status table_create(strata_context *ctx, struct metric_table *table, const struct task_list *tasks,
                                  const struct buffer *bytes) {
    size_t lines = 1;
    for (size_t i = 0; i < bytes->size; ++i) lines += bytes->data[i] == '\n';
    table->task_count = tasks->count;
    table->names = mem_zero(tasks->count, sizeof *table->names);
    table->taken = mem_zero(tasks->count, sizeof *table->taken);
    table->lines = mem_zero(lines, sizeof *table->lines);
    if (!table->names || !table->taken || !table->lines)
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: %zu lines of %s", lines, table->path);
    for (size_t i = 0; i < tasks->count; ++i) table->names[i] = (struct task_name){.id = tasks->tasks[i].id, .task = i};
    qsort(table->names, table->task_count, sizeof *table->names, name_compare);
    return STRATA_OK;
}

strata_status metrics_settle(strata_context *ctx, const char *path, const struct task_list *tasks,
                             const struct task_mark *marks) {
    struct buffer bytes = {0}, sorted = {0};
    struct metric_table table = {.path = path};
    strata_status status = STRATA_OK;
    STRATA_GO(file_read(ctx, path, METRICS_LIMIT, &bytes));
    STRATA_GO(table_create(ctx, &table, tasks, &bytes));
    STRATA_GO(lines_read(ctx, &table, &bytes, marks));
    STRATA_GO(lines_check(ctx, &table, marks));
    qsort(table.lines, table.line_count, sizeof *table.lines, line_compare);
    for (size_t i = 0; i < table.line_count; ++i)
        STRATA_GO(buffer_append(ctx, &sorted, table.lines[i].text, table.lines[i].size));
    STRATA_GO(file_write_atomic(ctx, path, sorted.data, sorted.size));
cleanup:
    mem_free(table.names);
    mem_free(table.taken);
    mem_free(table.lines);
    buffer_destroy(&bytes);
    buffer_destroy(&sorted);
    return status;
}
