/* SPDX-License-Identifier: MIT */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/terminal.h"

enum { PLAIN_SECONDS = 10, BAR_CELLS = 20 };

static void format_seconds(double seconds, char text[32]) {
    unsigned long whole = seconds > 0 ? (unsigned long)(seconds + 0.5) : 0;
    if (whole < 3600) snprintf(text, 32, "%lu:%02lu", whole / 60, whole % 60);
    else snprintf(text, 32, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
}

static void format_progress(const struct run_progress *now, char *text, size_t size) {
    char elapsed[32], left[32] = "";
    format_seconds(now->seconds, elapsed);
    if (now->eta_seconds >= 0) format_seconds(now->eta_seconds, left);
    snprintf(text, size, "%3.0f%%  %zu/%zu tasks  %s%s%s%s", 100 * now->fraction, now->tasks_done, now->tasks, elapsed,
        *left ? ", about " : "", left, *left ? " left" : "");
}

static void show_live(const struct run_progress *now) {
    char text[256], bar[BAR_CELLS + 1];
    size_t width = terminal_width(stderr, 80), cells = (size_t)(now->fraction * BAR_CELLS);
    for (size_t i = 0; i < BAR_CELLS; ++i) bar[i] = i < cells ? '=' : ' ';
    bar[BAR_CELLS] = '\0';
    format_progress(now, text, sizeof text);
    size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, "  %s", now->task ? now->task : "");
    int room = (int)width - BAR_CELLS - 4; /* brackets, a blank, and the last column stays free */
    fprintf(stderr, "\r[%s] %.*s\033[K", bar, room > 0 ? room : 0, text);
    fflush(stderr);
}

void progress_begin(struct progress *progress, bool *started) {
    progress->live = isatty(STDERR_FILENO);
    progress->shown = false;
    progress->last_line = 0;
    progress->started = started;
}

void progress_show(void *user, const struct run_progress *now) {
    struct progress *progress = user;
    pthread_mutex_lock(&progress->mutex);
    if (progress->started) *progress->started = true;
    if (!progress->quiet && progress->live) {
        show_live(now);
        progress->shown = true;
    } else if (!progress->quiet && (now->seconds - progress->last_line >= PLAIN_SECONDS ||
                                   (now->tasks_done == now->tasks && progress->last_line >= 0))) {
        char text[256];
        format_progress(now, text, sizeof text);
        fprintf(stderr, "%s\n", text);
        progress->last_line = now->tasks_done == now->tasks ? -PLAIN_SECONDS - now->seconds : now->seconds;
    }
    pthread_mutex_unlock(&progress->mutex);
}

static void wipe(struct progress *progress) {
    if (progress->shown) fputs("\r\033[K", stderr);
    progress->shown = false;
}

void progress_end(struct progress *progress) {
    pthread_mutex_lock(&progress->mutex);
    wipe(progress);
    pthread_mutex_unlock(&progress->mutex);
}

void progress_log(void *user, strata_log_level level, const char *text) {
    struct progress *progress = user;
    if (level < STRATA_LOG_WARNING) return;
    pthread_mutex_lock(&progress->mutex);
    wipe(progress);
    fprintf(stderr, "strata: warning: %s\n", text);
    pthread_mutex_unlock(&progress->mutex);
}
