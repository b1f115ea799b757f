/* SPDX-License-Identifier: MIT */
/* Signals, standard streams, and the way from a status to the process's exit status. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/live.h"
#include "cli/terminal.h"
#include "core/file.h"
#include "core/memory.h"
#include "linalg/linalg.h"

static volatile sig_atomic_t stop_asked;

/*
 * First: a clean stop. Second: now; but not within a quarter of a second, because timeout(1) and some
 * wrappers pass one Ctrl-C on to the process and to its group.
 */
static void on_stop(int signal_number) {
    static struct timespec first;
    static const char text[] = "\nstrata: stopping, saving what is done; once more to stop at once\n";
    struct timespec now;
    int kept = errno;
    (void)signal_number;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (stop_asked && (double)(now.tv_sec - first.tv_sec) + 1e-9 * (double)(now.tv_nsec - first.tv_nsec) > 0.25)
        _exit(STATUS_STOPPED);
    if (!stop_asked) {
        first = now;
        ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
        (void)written;
    }
    stop_asked = 1;
    errno = kept;
}

static void catch_signals(void) {
    struct sigaction stop = {.sa_handler = on_stop, .sa_flags = SA_RESTART}, ignore = {.sa_handler = SIG_IGN};
    sigaddset(&stop.sa_mask, SIGINT); /* the handler keeps state */
    sigaddset(&stop.sa_mask, SIGTERM);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL); /* a closed pipe is a failed write, seen when standard output is flushed */
    sigaction(SIGXFSZ, &ignore, NULL); /* as is a file size limit */
}

/* A closed standard stream would lend its number to the next file opened. Writing to these fails. */
static void fill_standard_streams(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
        if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) return;
}

int exit_status_of(const struct cli *cli, strata_status status) {
    static const int statuses[STRATA_STATUS_COUNT] = {
        [STRATA_OK] = STATUS_DONE,
        [STRATA_ERR_ARGUMENT] = STATUS_USAGE,
        [STRATA_ERR_MEMORY] = STATUS_STOPPED,
        [STRATA_ERR_NOT_FOUND] = STATUS_USAGE,
        [STRATA_ERR_FORMAT] = STATUS_USAGE,
        [STRATA_ERR_CONFIG] = STATUS_USAGE,
        [STRATA_ERR_IO] = STATUS_USAGE,
        [STRATA_ERR_DISK_FULL] = STATUS_STOPPED,
        [STRATA_ERR_BUSY] = STATUS_USAGE,
        [STRATA_ERR_TOO_LARGE] = STATUS_USAGE,
        [STRATA_ERR_UNSUPPORTED] = STATUS_USAGE,
        [STRATA_ERR_CONVERGENCE] = STATUS_STOPPED,
        [STRATA_ERR_DIVERGED] = STATUS_STOPPED,
        [STRATA_ERR_INTERRUPTED] = STATUS_STOPPED,
        [STRATA_ERR_INTERNAL] = STATUS_STOPPED,
    };
    bool no_usage = status == STRATA_ERR_IO && (cli->started || context_device_failed(cli->ctx));
    return no_usage ? STATUS_STOPPED : statuses[status];
}

void cli_note(const struct cli *cli, const char *format, ...) {
    if (cli->quiet) return;
    va_list values;
    va_start(values, format);
    text_say_list(format, values);
    va_end(values);
}

static strata_status run_command(struct cli *cli, const char *name, int argc, char **argv) {
    const struct command *command;
    struct arguments arguments = {0};
    STRATA_TRY(command_find(cli->ctx, name, &command));
    strata_status status = arguments_parse(cli->ctx, command, argc, argv, &arguments);
    if (status == STRATA_OK && arguments.help) {
        help_command(stdout, command);
    } else if (status == STRATA_OK) {
        cli->quiet = cli->live->quiet = argument_given(&arguments, "quiet");
        status = command->run(cli, &arguments);
    }
    arguments_destroy(&arguments);
    return status;
}

static strata_status print_about(const struct cli *cli, const char *option, int argc, char **argv) {
    const char *shell = argc > 0 ? argv[0] : "";
    bool completion = strcmp(option, "completion") == 0;
    if (completion && strcmp(shell, "bash") != 0)
        return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "--completion: expected bash, found '%s'", shell);
    if (argc > (completion ? 1 : 0))
        return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "'%s' is one word too many after --%s",
                           argv[completion ? 1 : 0], option);
    if (strcmp(option, "help") == 0) help_program(stdout);
    if (strcmp(option, "version") == 0) printf("strata %s\n", strata_version());
    if (strcmp(option, "man") == 0) print_manual(stdout);
    if (completion) print_bash_completion(stdout);
    return STRATA_OK;
}

static strata_status run_program(struct cli *cli, int argc, char **argv) {
    if (argc < 2) return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "a command is missing; see: strata --help");
    const char *word = argv[1];
    if (word[0] != '-') return run_command(cli, word, argc - 2, argv + 2);
    if (strcmp(word, "-h") == 0) word = "--help";
    const char *names[] = {"--help", "--version"};
    for (size_t i = 0; program_options[i]; ++i)
        if (strncmp(word, "--", 2) == 0 && strcmp(word + 2, program_options[i]->name) == 0)
            return print_about(cli, word + 2, argc - 2, argv + 2);
    char suggestion[128];
    cli_suggestion(word, names, 2, suggestion);
    return strata_fail(cli->ctx, STRATA_ERR_ARGUMENT, "unknown option '%s'%s; options of a command stand after it",
                       word, suggestion);
}

/* Standard output is checked once, here: a reader who left (EPIPE) needs no message. */
static int finish(int exit_status) {
    errno = 0;
    bool failed = ferror(stdout) != 0;
    if (fflush(stdout) != 0) failed = true;
    if (!failed) return exit_status;
    if (errno != EPIPE)
        fprintf(stderr, "strata: cannot write to standard output: %s\n", errno ? strerror(errno) : "write failed");
    return exit_status == STATUS_USAGE ? STATUS_USAGE : STATUS_STOPPED;
}

/* Starts the program anew, once, with the BLAS kernels that fit the CPU; where it can't be, slower ones do. */
static void take_fitting_blas(char **argv) {
    const char *core = getenv("OPENBLAS_CORETYPE") ? NULL : linalg_blas_better_core();
    size_t count = 0;
    char wanted[64];
    if (!core) return;
    while (environ[count]) ++count;
    char **variables = mem_zero(count + 2, sizeof *variables);
    if (!variables) return;
    snprintf(wanted, sizeof wanted, "OPENBLAS_CORETYPE=%s", core);
    memcpy(variables, environ, count * sizeof *variables);
    variables[count] = wanted;
    execve("/proc/self/exe", argv, variables);
    mem_free(variables);
}

int main(int argc, char **argv) {
    take_fitting_blas(argv);
    struct live_line live = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    struct cli cli = {.live = &live};
    fill_standard_streams();
    setlocale(LC_CTYPE, ""); /* which symbols a terminal shows; numbers stay in the C locale */
    catch_signals();
    if (strata_context_create(&cli.ctx) != STRATA_OK) {
        fputs("strata: out of memory\n", stderr);
        return STATUS_STOPPED;
    }
    strata_context_set_cancel(cli.ctx, &stop_asked);
    strata_context_set_log(cli.ctx, live_log, &live);
    strata_status status = run_program(&cli, argc, argv);
    live_end(&live);
    int exit_status = status == STRATA_OK ? cli.exit_status : exit_status_of(&cli, status);
    if (status != STRATA_OK) {
        const char *message = strata_context_message(cli.ctx);
        fflush(stdout);
        text_say("%s", *message ? message : strata_status_text(status));
    }
    strata_context_destroy(cli.ctx);
    return finish(exit_status);
}
