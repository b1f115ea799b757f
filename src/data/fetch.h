/* SPDX-License-Identifier: MIT */
/* Known data sets from their public addresses. */
#ifndef DATA_FETCH_H
#define DATA_FETCH_H

#include "data/dataset.h"

/** Bytes of all files so far, and of all that are known; false stops with ERR_INTERRUPTED. */
typedef bool (*fetch_progress)(void *user, const char *file, uint64_t done, uint64_t total);

/**
 * Fetches the files of a set into `folder`, made if it is missing. Each is written as NAME.part, from where an earlier
 * call left it, checked against its MD5, and renamed; files that are there and right are kept. An archive is unpacked,
 * each of its files by rename, and removed.
 *
 * @param mirror  address ending in '/' in place of the set's own; NULL: none.
 * Errors: NOT_FOUND (the server has no such file), FORMAT (another checksum: what was expected and found; a damaged
 * archive), IO (no connection, or it broke off: the part stays), DISK_FULL, INTERRUPTED, MEMORY.
 */
STRATA_MUST_USE strata_status data_fetch(strata_context *ctx, const struct data_source *source, const char *folder,
                                         const char *mirror, fetch_progress progress, void *user);

/**
 * The plain files of a .tar.gz, at most 256 MiB each, into a folder under their last names; names that are no plain
 * words are refused. FORMAT with the byte.
 */
STRATA_MUST_USE strata_status tar_unpack(strata_context *ctx, const char *path, const char *folder);

#endif
