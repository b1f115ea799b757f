/* SPDX-License-Identifier: MIT */
#include "cli/live.h"

#include <stdio.h>
#include <string.h>

#include "cli/terminal.h"

enum { PLAIN_SECONDS = 10, BAR_CELLS = 20, BAR_COLUMNS = BAR_CELLS + 3, BAR_LEAST = 64 /* columns, below no bar */ };

static void format_seconds(double seconds, char text[32]) {
    unsigned long whole = seconds > 0 ? (unsigned long)(seconds + 0.5) : 0;
    if (whole < 3600)
        snprintf(text, 32, "%lu:%02lu", whole / 60, whole % 60);
    else
        snprintf(text, 32, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
}

static void format_progress(const struct run_progress *now, char *text, size_t size) {
    char elapsed[32], left[32] = "";
    format_seconds(now->seconds, elapsed);
    if (now->eta_seconds >= 0 && now->tasks_done < now->tasks) format_seconds(now->eta_seconds, left);
    snprintf(text, size, "%3.0f%%  %zu/%zu %s  %s%s%s%s", 100 * now->fraction, now->tasks_done, now->tasks,
             now->unit ? now->unit : "tasks", elapsed, *left ? ", about " : "", left, *left ? " left" : "");
}

static void show_live(const struct run_progress *now) {
    char text[256], bar[BAR_COLUMNS + 1] = "";
    size_t width = terminal_columns(stderr), cells = (size_t)(now->fraction * BAR_CELLS);
    if (width >= BAR_LEAST) {
        snprintf(bar, sizeof bar, "[%*s] ", BAR_CELLS, "");
        memset(bar + 1, '=', cells < BAR_CELLS ? cells : BAR_CELLS);
    }
    format_progress(now, text, sizeof text);
    size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, "  %s", now->task ? now->task : "");
    int room = (int)width - (int)strlen(bar) - 1; /* the last column stays free */
    fprintf(stderr, "\r%s%.*s\033[K", bar, room > 0 ? room : 0, text);
    fflush(stderr);
}

void live_begin(struct live_line *live, bool *started) {
    live->terminal = terminal_escapes(stderr);
    live->shown = false;
    live->complete = false;
    live->last_line = 0;
    live->started = started;
}

/* A plain line is due every few seconds, and once when all is done. */
static bool line_is_due(struct live_line *live, const struct run_progress *now) {
    bool complete = now->tasks_done == now->tasks;
    bool due = complete ? !live->complete : now->seconds - live->last_line >= PLAIN_SECONDS;
    live->complete = complete;
    if (due) live->last_line = now->seconds;
    return due;
}

void live_show(void *user, const struct run_progress *now) {
    struct live_line *live = user;
    pthread_mutex_lock(&live->mutex);
    if (live->started) *live->started = true;
    if (live->quiet) {
        live->shown = false;
    } else if (live->terminal) {
        show_live(now);
        live->shown = true;
    } else if (line_is_due(live, now)) {
        char text[256];
        format_progress(now, text, sizeof text);
        fprintf(stderr, "%s\n", text);
    }
    pthread_mutex_unlock(&live->mutex);
}

static void wipe(struct live_line *live) {
    if (live->shown) fputs("\r\033[K", stderr);
    live->shown = false;
}

void live_end(struct live_line *live) {
    pthread_mutex_lock(&live->mutex);
    wipe(live);
    pthread_mutex_unlock(&live->mutex);
}

void live_log(void *user, strata_log_level level, const char *text) {
    struct live_line *live = user;
    if (level < STRATA_LOG_WARNING) return;
    pthread_mutex_lock(&live->mutex);
    wipe(live);
    text_say("warning: %s", text);
    pthread_mutex_unlock(&live->mutex);
}
