/* SPDX-License-Identifier: MIT */
/* Known data sets: where each is looked for. */
#include "data/data_table.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

static const size_t MAX_BYTES = (size_t)1 << 30; /* of one file */

const struct data_source *const data_table[] = {&data_fashion_mnist, &data_mnist, &data_cifar10};
const size_t data_table_size = sizeof data_table / sizeof *data_table;

const struct data_source *data_find(const char *name) {
    for (size_t i = 0; i < data_table_size; ++i)
        if (!strcmp(data_table[i]->name, name)) return data_table[i];
    return NULL;
}

strata_status data_find_file(strata_context *ctx, const char *folder, const char *name, char **path) {
    static const char *const endings[] = {"", ".gz"};
    for (size_t i = 0; i < 2; ++i) {
        *path = string_format("%s/%s%s", folder, name, endings[i]);
        if (!*path) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a path in %s", folder);
        if (file_exists(*path)) return STRATA_OK;
        mem_free(*path);
    }
    *path = NULL;
    return STRATA_OK;
}

static strata_status holds_set(strata_context *ctx, const struct data_source *source, const char *folder, bool *holds) {
    char *path;
    STRATA_TRY(data_find_file(ctx, folder, source->marker, &path));
    *holds = path != NULL;
    mem_free(path);
    return STRATA_OK;
}

/* True when DIR is the folder of another known set: the file names alone would not tell. */
static bool belongs_to_another(const struct data_source *source, const char *folder) {
    size_t length = strlen(folder);
    while (length && folder[length - 1] == '/') --length;
    for (size_t i = 0; i < data_table_size; ++i) {
        size_t size = strlen(data_table[i]->folder);
        bool same = length >= size && !memcmp(folder + length - size, data_table[i]->folder, size) &&
                    (length == size || folder[length - size - 1] == '/');
        if (data_table[i] != source && same) return true;
    }
    return false;
}

/* Takes `candidate` (freed unless it becomes *path) and notes it among the places tried. */
static strata_status try_folder(strata_context *ctx, const struct data_source *source, char *candidate,
                                struct buffer *tried, char **path) {
    bool holds = false;
    strata_status status = candidate
                             ? STRATA_OK
                             : strata_fail(ctx, STRATA_ERR_MEMORY, "no memory to look for data set '%s'", source->name);
    STRATA_GO(status);
    STRATA_GO(buffer_print(ctx, tried, "%s%s", tried->size ? ", " : "", candidate));
    STRATA_GO(holds_set(ctx, source, candidate, &holds));
cleanup:
    if (status == STRATA_OK && holds)
        *path = candidate;
    else
        mem_free(candidate);
    return status;
}

/* DIR/folder, then DIR itself. */
static strata_status try_root(strata_context *ctx, const struct data_source *source, const char *root,
                              struct buffer *tried, char **path) {
    if (*path || !root || !*root) return STRATA_OK;
    STRATA_TRY(try_folder(ctx, source, string_format("%s/%s", root, source->folder), tried, path));
    if (*path || belongs_to_another(source, root)) return STRATA_OK;
    return try_folder(ctx, source, mem_string(root), tried, path);
}

static strata_status try_home(strata_context *ctx, const struct data_source *source, struct buffer *tried,
                              char **path) {
    const char *home = getenv("HOME");
    if (*path || !home || !*home) return STRATA_OK;
    return try_folder(ctx, source, string_format("%s/.local/share/strata/%s", home, source->folder), tried, path);
}

strata_status data_locate(strata_context *ctx, const struct data_source *source, const char *data_folder, char **path) {
    struct buffer tried = {0};
    strata_status status = STRATA_OK;
    *path = NULL;
    STRATA_GO(try_root(ctx, source, data_folder, &tried, path));
    STRATA_GO(try_root(ctx, source, getenv("STRATA_DATA"), &tried, path));
    STRATA_GO(try_home(ctx, source, &tried, path));
    if (!*path && source->package_folder)
        STRATA_GO(try_folder(ctx, source, mem_string(source->package_folder), &tried, path));
    if (!*path)
        status = strata_fail(ctx, STRATA_ERR_NOT_FOUND,
                             "data set '%s' not found; looked for %s in %s. Fetch it with 'strata data get %s'%s%s",
                             source->name, source->marker, tried.size ? tried.data : "no folder", source->name,
                             source->package ? " or install the Debian package " : "",
                             source->package ? source->package : "");
cleanup:
    buffer_destroy(&tried);
    return status;
}

/* The checksum so far, the file's name and its bytes into the next checksum. */
static strata_status add_file(strata_context *ctx, const char *folder, const char *name, uint64_t *checksum) {
    struct buffer bytes = {0};
    char *path;
    STRATA_TRY(data_find_file(ctx, folder, name, &path));
    if (!path) return STRATA_OK;
    strata_status status = file_read(ctx, path, MAX_BYTES, &bytes);
    const uint64_t parts[] = {*checksum, file_checksum(name, strlen(name)), file_checksum(bytes.data, bytes.size)};
    *checksum = file_checksum(parts, sizeof parts);
    buffer_destroy(&bytes);
    mem_free(path);
    return status;
}

strata_status data_checksum(strata_context *ctx, const struct data_source *source, const char *data_folder,
                            uint64_t *checksum) {
    char *folder;
    strata_status status = data_locate(ctx, source, data_folder, &folder);
    *checksum = 0;
    for (const char *const *part = source->parts; status == STRATA_OK && *part; ++part)
        status = add_file(ctx, folder, *part, checksum);
    mem_free(folder);
    return status;
}

strata_status data_load(strata_context *ctx, const char *name, const char *data_folder, struct dataset *train,
                        struct dataset *test) {
    return data_load_some(ctx, name, data_folder, SIZE_MAX, train, test);
}

strata_status data_load_some(strata_context *ctx, const char *name, const char *data_folder, size_t train_rows,
                             struct dataset *train, struct dataset *test) {
    const struct data_source *source = data_find(name);
    struct buffer known = {0};
    if (!source) {
        strata_status status = STRATA_OK;
        for (size_t i = 0; i < data_table_size && status == STRATA_OK; ++i)
            status = buffer_print(ctx, &known, "%s%s", i ? ", " : "", data_table[i]->name);
        if (status == STRATA_OK)
            status = strata_fail(ctx, STRATA_ERR_NOT_FOUND, "data set '%s' is not known; expected one of %s", name,
                                 known.data);
        buffer_destroy(&known);
        return status;
    }
    char *folder;
    STRATA_TRY(data_locate(ctx, source, data_folder, &folder));
    strata_status status = source->load(ctx, folder, train_rows, train, test);
    mem_free(folder);
    return status;
}
