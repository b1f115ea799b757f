/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as metrics.jsonl of a run with three tasks; three bytes before them say how many lines the tasks vouch
 * for, a fourth from which on their bytes are not to be found. What was settled settles again to itself.
 */
#include "foreign.h"
#include "run/metrics.h"
#include "run/tasks.h"

enum { TASKS = 3, HEAD = TASKS + 1 };

static struct task tasks[TASKS] = {{.id = "walk/seed=1"}, {.id = "walk/seed=2"}, {.id = "a"}};

/* Lines and bytes of a task as a plain reader counts them. */
static void count_lines(const uint8_t *data, size_t size, size_t most, const char *id, struct task_mark *mark) {
    char head[64];
    size_t length = (size_t)snprintf(head, sizeof head, "{\"task\":\"%s\"", id);
    *mark = (struct task_mark){0};
    while (mark->lines < most && size) {
        const uint8_t *end = memchr(data, '\n', size);
        if (!end) return;
        size_t line = (size_t)(end + 1 - data);
        if (line > length && memcmp(data, head, length) == 0) mark->lines++, mark->bytes += line;
        data += line, size -= line;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[128];
    struct task_mark marks[TASKS];
    struct buffer first = {0}, second = {0};
    const struct task_list list = {.tasks = tasks, .count = TASKS};
    if (size < HEAD) return 0;
    for (size_t i = 0; i < TASKS; ++i) {
        count_lines(data + HEAD, size - HEAD, data[i], tasks[i].id, &marks[i]);
        marks[i].bytes += data[TASKS] > 250;
    }
    foreign_write("metrics.jsonl", data + HEAD, size - HEAD, path);
    if (metrics_settle(foreign_context(), path, &list, marks) == STRATA_OK) {
        if (file_read(foreign_context(), path, size, &first) != STRATA_OK) abort();
        if (metrics_settle(foreign_context(), path, &list, marks) != STRATA_OK) abort();
        if (file_read(foreign_context(), path, size, &second) != STRATA_OK || first.size != second.size) abort();
        if (first.size && memcmp(first.data, second.data, first.size) != 0) abort();
    }
    buffer_destroy(&first);
    buffer_destroy(&second);
    return 0;
}
