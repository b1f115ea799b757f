/* SPDX-License-Identifier: MIT */
/*
 * Both files hold the same body, a JSON object sealed by a checksum over its compact text:
 *   {"format":1, "task":ID, "config":HEX, "step":N, "diverged":STEP or null,
 *    "metrics":{"lines":N, "bytes":N, "step":N}, "seconds":S, "tensors":HEX, "records":{...}, "checksum":HEX}
 * as TASK.done.json, or as one metadata entry of TASK.safetensors, whose own checksum covers the tensors'
 * bytes; "tensors" covers their names and shapes and the rest of the metadata.
 */
#include "run/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/json.h"
#include "core/memory.h"

enum { CHECKPOINT_FORMAT = 1 };

static const char body_key[] = "strata_task";
static const char redo[] = "delete it to redo this task";

void checksum_text(uint64_t checksum, char text[17]) { snprintf(text, 17, "%016" PRIx64, checksum); }

/* ---- seals ---- */

static strata_status json_checksum(strata_context *ctx, const json_t *object, char text[17]) {
    struct buffer compact = {0};
    strata_status status = json_print(ctx, object, 0, &compact);
    if (status == STRATA_OK) checksum_text(file_checksum(compact.data, compact.size), text);
    buffer_destroy(&compact);
    return status;
}

strata_status json_seal(strata_context *ctx, json_t *object) {
    char text[17];
    STRATA_TRY(json_checksum(ctx, object, text));
    if (json_object_set_new(object, "checksum", json_string(text)) != 0)
        return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: checksum");
    return STRATA_OK;
}

strata_status json_unseal(strata_context *ctx, json_t *object, bool *whole) {
    char stored[17] = "", text[17];
    const char *found = json_string_value(json_object_get(object, "checksum"));
    if (found) snprintf(stored, sizeof stored, "%s", found);
    json_object_del(object, "checksum");
    STRATA_TRY(json_checksum(ctx, object, text));
    *whole = strcmp(stored, text) == 0;
    return STRATA_OK;
}

/* ---- the body ---- */

/* Independent of the order of entries, which a reader need not keep. */
static strata_status tensors_checksum(strata_context *ctx, const struct tensor_file *file, uint64_t *sum) {
    struct buffer text = {0};
    strata_status status = STRATA_OK;
    *sum = 0;
    for (size_t i = 0; i < file->metadata_count; ++i) {
        if (strcmp(file->keys[i], body_key) == 0 || strcmp(file->keys[i], "checksum") == 0) continue;
        buffer_clear(&text);
        STRATA_GO(buffer_print(ctx, &text, "%s=%s", file->keys[i], file->values[i]));
        *sum += file_checksum(text.data, text.size);
    }
    for (size_t i = 0; i < file->tensor_count; ++i) {
        const struct tensor *tensor = &file->tensors[i];
        buffer_clear(&text);
        STRATA_GO(buffer_print(ctx, &text, "%s:%d", tensor->name, (int)tensor->type));
        for (unsigned d = 0; d < tensor->rank; ++d) STRATA_GO(buffer_print(ctx, &text, ",%zu", tensor->dims[d]));
        *sum += file_checksum(text.data, text.size);
    }
cleanup:
    buffer_destroy(&text);
    return status;
}

static strata_status body_make(strata_context *ctx, const struct checkpoint_owner *owner, size_t step,
                               const struct record_set *records, const struct task_mark *mark, uint64_t tensors,
                               json_t **body) {
    char config[17], shapes[17];
    checksum_text(owner->config, config);
    checksum_text(tensors, shapes);
    json_t *diverged = records->diverged ? json_integer((json_int_t)records->diverged_step) : json_null();
    json_t *found = record_set_json(records);
    *body = json_pack("{s:i, s:s, s:s, s:I, s:o, s:{s:I, s:I, s:I}, s:f, s:s, s:o}", "format", CHECKPOINT_FORMAT,
                      "task", owner->task, "config", config, "step", (json_int_t)step, "diverged", diverged, "metrics",
                      "lines", (json_int_t)mark->lines, "bytes", (json_int_t)mark->bytes, "step",
                      (json_int_t)mark->step, "seconds", mark->seconds, "tensors", shapes, "records", found);
    if (!*body) return strata_fail(ctx, STRATA_ERR_MEMORY, "out of memory: checkpoint of task '%s'", owner->task);
    strata_status status = json_seal(ctx, *body);
    if (status == STRATA_OK) return STRATA_OK;
    json_decref(*body);
    *body = NULL;
    return status;
}

static strata_status damaged(strata_context *ctx, const struct checkpoint_owner *owner, const char *what) {
    return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: %s; %s", owner->path, what, redo);
}

/* A reader's own message, with the advice behind it. */
static strata_status advise(strata_context *ctx, strata_status status) {
    if (status != STRATA_ERR_FORMAT || !ctx) return status;
    char message[900];
    snprintf(message, sizeof message, "%s", strata_context_message(ctx));
    return strata_fail(ctx, status, "%s; %s", message, redo);
}

static size_t member_count(const json_t *object, const char *key) {
    return (size_t)json_integer_value(json_object_get(object, key));
}

static strata_status body_read(strata_context *ctx, const struct checkpoint_owner *owner, json_t *body,
                               uint64_t tensors, struct record_set *records, struct task_mark *mark) {
    bool whole = false;
    char config[17], shapes[17];
    if (!json_is_object(body)) return damaged(ctx, owner, "expected an object");
    STRATA_TRY(json_unseal(ctx, body, &whole));
    if (!whole) return damaged(ctx, owner, "its checksum differs: it was changed or damaged");
    checksum_text(owner->config, config);
    checksum_text(tensors, shapes);
    const char *task = json_string_value(json_object_get(body, "task")),
               *made_for = json_string_value(json_object_get(body, "config"));
    const char *stored = json_string_value(json_object_get(body, "tensors"));
    if (json_integer_value(json_object_get(body, "format")) != CHECKPOINT_FORMAT)
        return damaged(ctx, owner, "its format is not of this version");
    if (!task || strcmp(task, owner->task) != 0) return damaged(ctx, owner, "it belongs to another task");
    if (!made_for || strcmp(made_for, config) != 0) return damaged(ctx, owner, "it was made for another configuration");
    if (!stored || strcmp(stored, shapes) != 0) return damaged(ctx, owner, "its header was changed or damaged");
    const json_t *diverged = json_object_get(body, "diverged"), *metrics = json_object_get(body, "metrics");
    *mark = (struct task_mark){.lines = member_count(metrics, "lines"),
                               .bytes = member_count(metrics, "bytes"),
                               .step = member_count(metrics, "step"),
                               .seconds = json_number_value(json_object_get(body, "seconds"))};
    STRATA_TRY(advise(ctx, record_set_read(ctx, owner->path, json_object_get(body, "records"), records)));
    records->diverged = json_is_integer(diverged);
    records->diverged_step = records->diverged ? (size_t)json_integer_value(diverged) : 0;
    return STRATA_OK;
}

/* ---- the files ---- */

strata_status done_write(strata_context *ctx, const struct checkpoint_owner *owner, const struct record_set *records,
                         const struct task_mark *mark) {
    json_t *body;
    STRATA_TRY(body_make(ctx, owner, mark->step, records, mark, 0, &body));
    strata_status status = json_write(ctx, body, 1, owner->path);
    json_decref(body);
    return status;
}

strata_status done_read(strata_context *ctx, const struct checkpoint_owner *owner, struct record_set *records,
                        struct task_mark *mark) {
    json_t *body = NULL;
    STRATA_TRY(advise(ctx, json_read(ctx, owner->path, &body)));
    strata_status status = body_read(ctx, owner, body, 0, records, mark);
    json_decref(body);
    return status;
}

strata_status state_write(strata_context *ctx, const struct checkpoint_owner *owner, size_t step,
                          const struct record_set *records, const struct task_mark *mark, struct tensor_file *state) {
    struct buffer text = {0};
    json_t *body = NULL;
    uint64_t tensors;
    strata_status status = STRATA_OK;
    STRATA_GO(tensors_checksum(ctx, state, &tensors));
    STRATA_GO(body_make(ctx, owner, step, records, mark, tensors, &body));
    STRATA_GO(json_print(ctx, body, 0, &text));
    STRATA_GO(tensor_file_set(ctx, state, body_key, text.data));
    STRATA_GO(tensor_file_write(ctx, state, owner->path));
cleanup:
    json_decref(body);
    buffer_destroy(&text);
    return status;
}

strata_status state_read(strata_context *ctx, const struct checkpoint_owner *owner, struct record_set *records,
                         struct task_mark *mark, struct tensor_file *state) {
    json_t *body = NULL;
    uint64_t tensors;
    strata_status status = STRATA_OK;
    STRATA_GO(advise(ctx, tensor_file_read(ctx, owner->path, state)));
    const char *text = tensor_file_get(state, body_key);
    if (!text) {
        status = damaged(ctx, owner, "it is not the state of a task");
        goto cleanup;
    }
    STRATA_GO(tensors_checksum(ctx, state, &tensors));
    STRATA_GO(advise(ctx, json_parse(ctx, owner->path, text, strlen(text), &body)));
    STRATA_GO(body_read(ctx, owner, body, tensors, records, mark));
cleanup:
    json_decref(body);
    return status;
}
