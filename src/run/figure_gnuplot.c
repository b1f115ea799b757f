/* SPDX-License-Identifier: MIT */
/*
 * gnuplot as a child process without a shell. Its three standard streams are unnamed temporary files, so that
 * neither side can wait for the other and a child that dies early raises no SIGPIPE here.
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "run/figure_draw.h"

extern char **environ;

enum { STREAM_IN, STREAM_OUT, STREAM_ERR, STREAMS };

static strata_status streams_open(strata_context *ctx, FILE *streams[STREAMS]) {
    for (size_t i = 0; i < STREAMS; i++) {
        streams[i] = tmpfile();
        if (!streams[i]) return strata_fail_errno(ctx, errno, "make a temporary file", "gnuplot");
    }
    return STRATA_OK;
}

/** Starts the program with `-d` (no start-up files) and waits; `code` is what waitpid says. */
static strata_status child_run(strata_context *ctx, const char *program, FILE *streams[STREAMS], int *code) {
    char *arguments[] = {(char *)(uintptr_t)program, (char[]){"-d"}, NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;
    int error = posix_spawn_file_actions_init(&actions);
    if (error) return strata_fail_errno(ctx, error, "start it", program);
    for (int i = 0; i < STREAMS && !error; i++)
        error = posix_spawn_file_actions_adddup2(&actions, fileno(streams[i]), i);
    if (!error) error = posix_spawnp(&child, program, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error) return strata_fail_errno(ctx, error, "start it", program);
    while (waitpid(child, code, 0) < 0)
        if (errno != EINTR) return strata_fail_errno(ctx, errno, "wait for it", program);
    return STRATA_OK;
}

/** The first line of what the program said that is not empty, position marks and warnings left out. */
static void complaint_read(FILE *stream, char text[160]) {
    *text = '\0';
    rewind(stream);
    while (fgets(text, 160, stream)) {
        size_t blank = strspn(text, " \t^");
        memmove(text, text + blank, strlen(text + blank) + 1);
        text[strcspn(text, "\n")] = '\0';
        if (*text && !strstr(text, "warning")) return;
    }
    snprintf(text, 160, "no message");
}

static strata_status output_read(strata_context *ctx, FILE *stream, struct buffer *out) {
    char block[4096];
    size_t size;
    rewind(stream);
    while ((size = fread(block, 1, sizeof block, stream)) > 0) STRATA_TRY(buffer_append(ctx, out, block, size));
    return ferror(stream) ? strata_fail_errno(ctx, errno, "read its picture", "gnuplot") : STRATA_OK;
}

strata_status gnuplot_run(strata_context *ctx, const char *program, const struct buffer *script, struct buffer *out) {
    FILE *streams[STREAMS] = {NULL};
    char complaint[160];
    int code = 0;
    strata_status status;
    STRATA_GO(streams_open(ctx, streams));
    if (fwrite(script->data, 1, script->size, streams[STREAM_IN]) != script->size || fflush(streams[STREAM_IN])) {
        status = strata_fail_errno(ctx, errno, "write its script", program);
        goto cleanup;
    }
    rewind(streams[STREAM_IN]);
    STRATA_GO(child_run(ctx, program, streams, &code));
    if (!WIFEXITED(code) || WEXITSTATUS(code) != 0) {
        complaint_read(streams[STREAM_ERR], complaint);
        bool signalled = WIFSIGNALED(code);
        status = strata_fail(ctx, STRATA_ERR_UNSUPPORTED, "%s: %s %d: %s", program,
                             signalled ? "ended by signal" : "exit status",
                             signalled ? WTERMSIG(code) : WEXITSTATUS(code), complaint);
        goto cleanup;
    }
    STRATA_GO(output_read(ctx, streams[STREAM_OUT], out));
cleanup:
    for (size_t i = 0; i < STREAMS; i++)
        if (streams[i]) fclose(streams[i]);
    return status;
}
