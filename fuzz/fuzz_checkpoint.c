/* SPDX-License-Identifier: MIT */
/*
 * The files below checkpoint/. The first byte: a task's records (done.json) or checkpoint/run.json as JSON text, which
 * is sealed here so that a mutation is not lost on its checksum, or taken as it stands; or a task's state as HEADER NUL
 * DATA. Records that were read are written and read again.
 */
#include "foreign.h"
#include "run/checkpoint.h"
#include "run/directory.h"

static const uint64_t CONFIG = 1;
static const char TASK[] = "walk/seed=1";

static void read_again(const struct record_set *records, const struct task_mark *mark) {
    char path[128];
    struct record_set again = {0};
    struct task_mark found = {0};
    foreign_write("again", "", 0, path);
    const struct checkpoint_owner owner = {.path = path, .task = TASK, .config = CONFIG};
    if (done_write(foreign_context(), &owner, records, mark) != STRATA_OK) return; /* counts beyond what JSON holds */
    if (done_read(foreign_context(), &owner, &again, &found) != STRATA_OK || again.count != records->count) abort();
    record_set_destroy(&again);
}

static void read_done(const char *path) {
    const struct checkpoint_owner owner = {.path = path, .task = TASK, .config = CONFIG};
    struct record_set records = {0};
    struct task_mark mark = {0};
    if (done_read(foreign_context(), &owner, &records, &mark) == STRATA_OK) read_again(&records, &mark);
    record_set_destroy(&records);
}

static void read_state(const uint8_t *data, size_t size) {
    char path[64];
    size_t total;
    uint8_t *bytes = foreign_tensors(data, size, &total);
    int file = foreign_open(bytes, total, path);
    const struct checkpoint_owner owner = {.path = path, .task = TASK, .config = CONFIG};
    struct record_set records = {0};
    struct task_mark mark = {0};
    struct tensor_file state = {0};
    if (state_read(foreign_context(), &owner, &records, &mark, &state) == STRATA_OK) read_again(&records, &mark);
    record_set_destroy(&records);
    tensor_file_destroy(&state);
    close(file);
    free(bytes);
}

static void read_json(const struct buffer *text, bool run) {
    char path[128];
    struct run_directory directory;
    if (run) {
        snprintf(path, sizeof path, "%s/checkpoint", foreign_folder());
        if (file_make_folder(foreign_context(), path) != STRATA_OK) abort();
    }
    foreign_write(run ? "checkpoint/run.json" : "done.json", text->data, text->size, path);
    if (!run) {
        read_done(path);
        return;
    }
    if (directory_describe(foreign_context(), foreign_folder(), &directory) == STRATA_OK &&
        (!directory.study || !directory.preset))
        abort();
    directory_close(&directory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buffer text = {0};
    json_t *object = NULL;
    if (size == 0) return 0;
    unsigned kind = data[0];
    ++data, --size;
    if (kind & 2) {
        read_state(data, size);
        return 0;
    }
    bool sealed = !(kind & 4) &&
                  json_parse(foreign_context(), "fuzz", (const char *)data, size, &object) == STRATA_OK &&
                  json_is_object(object) && json_object_del(object, "checksum") <= 0 &&
                  json_seal(NULL, object) == STRATA_OK && json_print(NULL, object, 0, &text) == STRATA_OK;
    if (!sealed) buffer_clear(&text);
    if (sealed || buffer_append(NULL, &text, size ? (const char *)data : "", size) == STRATA_OK)
        read_json(&text, kind & 1);
    json_decref(object);
    buffer_destroy(&text);
    return 0;
}
