/* SPDX-License-Identifier: MIT */
/* Over libcurl; checksums by OpenSSL's libcrypto. */
#include "data/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"

enum { MD5_BYTES = 16, MD5_TEXT = 2 * MD5_BYTES + 1, CONNECT_SECONDS = 30, STALL_SECONDS = 60 };

/* ---- checksums */

static strata_status file_md5(strata_context *ctx, const char *path, char text[MD5_TEXT]) {
    unsigned char digest[MD5_BYTES], bytes[1 << 14];
    EVP_MD_CTX *md5 = EVP_MD_CTX_new();
    FILE *file = fopen(path, "rb");
    strata_status status = STRATA_OK;
    size_t count;
    bool fine = md5 && EVP_DigestInit_ex(md5, EVP_md5(), NULL) == 1;
    if (!file) STRATA_GO(strata_fail_errno(ctx, errno, "open", path));
    if (!fine) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a checksum"));
    while ((count = fread(bytes, 1, sizeof bytes, file)) > 0) fine = fine && EVP_DigestUpdate(md5, bytes, count) == 1;
    if (ferror(file)) STRATA_GO(strata_fail_errno(ctx, errno, "read", path));
    if (!fine || EVP_DigestFinal_ex(md5, digest, NULL) != 1)
        STRATA_GO(strata_fail(ctx, STRATA_ERR_INTERNAL, "%s: the checksum cannot be taken", path));
    for (size_t i = 0; i < MD5_BYTES; ++i) snprintf(text + 2 * i, 3, "%02x", digest[i]);
cleanup:
    if (file) fclose(file);
    EVP_MD_CTX_free(md5);
    return status;
}

/* ---- one file */

struct transfer {
    strata_context *ctx;
    CURL *curl;
    FILE *part;
    const char *path; /* of the part */
    uint64_t from;    /* bytes that were there */
    int write_error;
    uint64_t before, *total; /* bytes of the files before; of all that are known */
    const char *name;
    fetch_progress progress;
    void *user;
    bool stopped;
};

static size_t receive(char *bytes, size_t size, size_t count, void *user) {
    struct transfer *self = user;
    size_t written = fwrite(bytes, size, count, self->part);
    if (written < count && !self->write_error) self->write_error = errno ? errno : EIO;
    return written * size;
}

static int report(void *user, curl_off_t total, curl_off_t now, curl_off_t unused, curl_off_t also_unused) {
    struct transfer *self = user;
    (void)unused, (void)also_unused;
    uint64_t all = self->before + self->from + (uint64_t)(total > 0 ? total : now);
    if (all > *self->total) *self->total = all;
    self->stopped = context_cancelled(self->ctx) ||
                    (self->progress &&
                     !self->progress(self->user, self->name, self->before + self->from + (uint64_t)now, *self->total));
    return self->stopped;
}

static strata_status failure(const struct transfer *self, CURLcode code, const char *address) {
    long answer = 0;
    curl_easy_getinfo(self->curl, CURLINFO_RESPONSE_CODE, &answer);
    if (self->stopped)
        return strata_fail(self->ctx, STRATA_ERR_INTERRUPTED, "stopped; the same command goes on from %s", self->path);
    if (self->write_error) return strata_fail_errno(self->ctx, self->write_error, "write", self->path);
    if (code == CURLE_HTTP_RETURNED_ERROR)
        return strata_fail(self->ctx, STRATA_ERR_NOT_FOUND, "%s: the server answers %ld", address, answer);
    return strata_fail(self->ctx, STRATA_ERR_IO, "%s: %s; the same command goes on where it ended", address,
                       curl_easy_strerror(code));
}

static CURLcode perform(struct transfer *self, const char *address) {
    CURL *curl = self->curl;
    curl_easy_setopt(curl, CURLOPT_URL, address);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, self);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, report);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, self);
    if (self->from > 0) curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)self->from);
    return curl_easy_perform(curl);
}

/* Receives into the part; 416 is a part that is whole already, and a server without ranges begins again. */
static strata_status receive_part(struct transfer *self, const char *address) {
    struct stat there;
    strata_status status = STRATA_OK;
    long answer = 0;
    self->from = stat(self->path, &there) == 0 ? (uint64_t)there.st_size : 0;
    self->part = fopen(self->path, "ab");
    if (!self->part) return strata_fail_errno(self->ctx, errno, "write", self->path);
    self->curl = curl_easy_init();
    CURLcode code = self->curl ? perform(self, address) : CURLE_OUT_OF_MEMORY;
    if (self->curl) curl_easy_getinfo(self->curl, CURLINFO_RESPONSE_CODE, &answer);
    if (fclose(self->part) != 0 && !self->write_error) self->write_error = errno;
    if (code == CURLE_RANGE_ERROR && self->from > 0 && unlink(self->path) == 0) {
        curl_easy_cleanup(self->curl);
        return receive_part(self, address);
    }
    if ((code != CURLE_OK && !(answer == 416 && self->from > 0)) || self->write_error)
        status = self->curl ? failure(self, code, address)
                            : strata_fail(self->ctx, STRATA_ERR_MEMORY, "no memory for a connection");
    curl_easy_cleanup(self->curl);
    return status;
}

static strata_status check_part(strata_context *ctx, const char *path, const struct data_file *file) {
    char found[MD5_TEXT];
    STRATA_TRY(file_md5(ctx, path, found));
    if (strcmp(found, file->md5) == 0) return STRATA_OK;
    (void)unlink(path);
    return strata_fail(ctx, STRATA_ERR_FORMAT, "%s: expected MD5 %s, found %s; the file was removed", file->name,
                       file->md5, found);
}

static strata_status fetch_file(strata_context *ctx, const struct data_file *file, const char *folder,
                                const char *mirror, struct transfer *transfer) {
    char *final = string_format("%s/%s", folder, file->name), *part = string_format("%s/%s.part", folder, file->name),
         *address = string_format("%s%s", mirror ? mirror : file->address, file->name), found[MD5_TEXT];
    strata_status status = STRATA_OK;
    if (!final || !part || !address) STRATA_GO(strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a path"));
    if (file_exists(final)) {
        STRATA_GO(file_md5(ctx, final, found));
        if (strcmp(found, file->md5) == 0) goto cleanup;
        STRATA_GO(strata_fail(ctx, STRATA_ERR_FORMAT,
                              "%s: is there with MD5 %s, expected %s; remove it to fetch it anew", final, found,
                              file->md5));
    }
    transfer->path = part;
    transfer->name = file->name;
    STRATA_GO(receive_part(transfer, address));
    STRATA_GO(check_part(ctx, part, file));
    if (rename(part, final) != 0) STRATA_GO(strata_fail_errno(ctx, errno, "rename", part));
cleanup:
    mem_free(final);
    mem_free(part);
    mem_free(address);
    return status;
}

static strata_status unpack(strata_context *ctx, const struct data_file *file, const char *folder) {
    char *path = string_format("%s/%s", folder, file->name);
    if (!path) return strata_fail(ctx, STRATA_ERR_MEMORY, "no memory for a path");
    strata_status status = tar_unpack(ctx, path, folder);
    if (status == STRATA_OK) (void)unlink(path);
    mem_free(path);
    return status;
}

strata_status data_fetch(strata_context *ctx, const struct data_source *source, const char *folder, const char *mirror,
                         fetch_progress progress, void *user) {
    uint64_t total = 0, before = 0;
    STRATA_TRY(file_make_folder(ctx, folder));
    for (const struct data_file *file = source->files; file->name; ++file) {
        struct transfer transfer = {.ctx = ctx, .before = before, .total = &total, .progress = progress, .user = user};
        STRATA_TRY(fetch_file(ctx, file, folder, mirror, &transfer));
        if (source->archive) STRATA_TRY(unpack(ctx, file, folder));
        before = total;
    }
    return STRATA_OK;
}
