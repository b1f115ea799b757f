/* SPDX-License-Identifier: MIT */
/*
 * Loaded before a program (LD_PRELOAD), lets its calls fail one after the other: at each call of main's thread the
 * process forks, and in the child this call fails. The child goes on in a copy of the working folder, with copies of the
 * files it has open, until it ends; the parent never notices. So one run tries every call, and each trial costs no more
 * than the way from its fault to the end. Read from the environment:
 *   FAULT_KIND     memory | file      which calls
 *   FAULT_FOLDER   trial N-MODE leaves its folder here, what it said in N-MODE.err, and the call in N-MODE.trace
 *   FAULT_JOURNAL  a line for each trial, "N MODE STATUS", negative for a signal; at the end "count N"
 *   FAULT_FIRST    so many calls are all tried (0), after them
 *   FAULT_STRIDE   every so-manieth (0: none)
 *   FAULT_ONLY     N or N,MODE: no trials, this call fails here, for a debugger
 * Modes of memory: 0 this call fails, 1 it and all later ones. Modes of files: 0 this call, the disk is full; 1 it and
 * all later ones; 2 this call, EIO; 3 half of what is written, then the disk is full.
 */
#undef _FILE_OFFSET_BITS /* open and open64 are two names here */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KIND_NONE, KIND_MEMORY, KIND_FILE };
enum { MODE_ONCE, MODE_FROM, MODE_ERROR, MODE_HALF, TRIAL_SECONDS = 60, MOST_FILES = 64, DEPTH = 24 };

static int kind, only_mode, modes;
static bool counting, inside, fallen; /* in main; in here; a trial whose first fault has been */
static int fault_mode;
static long count, first, stride, only;
static pid_t owner;
static const char *journal, *trials;
static char home[PATH_MAX];

#define REAL(name)                             \
    static __typeof__(&(name)) real;           \
    if (!real) {                               \
        void *found = dlsym(RTLD_NEXT, #name); \
        memcpy(&real, &found, sizeof real);    \
    }

/* ---- trials ---- */

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void note(const char *format, ...) {
    char line[128];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    int file = open(journal, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file < 0 || size < 0 || syscall(SYS_write, file, line, (size_t)size) != size) _exit(120);
    close(file);
}

static void copy_file(const char *from, const char *to, mode_t mode) {
    static char bytes[1 << 16];
    int source = open(from, O_RDONLY | O_CLOEXEC), target = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, mode & 0777u);
    if (source < 0 || target < 0) _exit(121);
    for (ssize_t got; (got = read(source, bytes, sizeof bytes)) > 0;)
        if (syscall(SYS_write, target, bytes, (size_t)got) != got) _exit(122);
    close(source);
    close(target);
}

static void copy_tree(const char *from, const char *to) {
    if (mkdir(to, 0777) != 0) _exit(123);
    DIR *folder = opendir(from);
    for (const struct dirent *entry; folder && (entry = readdir(folder)) != NULL;) {
        char source[PATH_MAX], target[PATH_MAX];
        struct stat about;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (snprintf(source, sizeof source, "%s/%s", from, entry->d_name) >= PATH_MAX) _exit(124);
        if (snprintf(target, sizeof target, "%s/%s", to, entry->d_name) >= PATH_MAX) _exit(124);
        if (lstat(source, &about) != 0) _exit(124);
        if (S_ISDIR(about.st_mode))
            copy_tree(source, target);
        else if (S_ISREG(about.st_mode))
            copy_file(source, target, about.st_mode);
    }
    if (folder) closedir(folder);
}

/* Forked files share their position: opens each anew, those of the working folder in the copy. */
static void reopen_files(const char *copy) {
    for (int file = 3; file < MOST_FILES; ++file) {
        char name[64], path[PATH_MAX], mine[PATH_MAX];
        struct stat about;
        int flags = fcntl(file, F_GETFL);
        if (flags < 0 || fstat(file, &about) != 0 || !S_ISREG(about.st_mode) || about.st_nlink == 0) continue;
        snprintf(name, sizeof name, "/proc/self/fd/%d", file);
        ssize_t size = readlink(name, path, sizeof path - 1);
        if (size <= 0) continue;
        path[size] = '\0';
        size_t common = strlen(home);
        bool own = strncmp(path, home, common) == 0 && path[common] == '/';
        if (snprintf(mine, sizeof mine, "%s%s", own ? copy : "", own ? path + common : path) >= PATH_MAX) _exit(125);
        int opened = open(mine, (flags & (O_ACCMODE | O_APPEND)) | O_CLOEXEC);
        if (opened < 0) continue;
        lseek(opened, lseek(file, 0, SEEK_CUR), SEEK_SET);
        if (own && strstr(path, "lock")) flock(opened, LOCK_EX | LOCK_NB);
        dup3(opened, file, O_CLOEXEC);
        close(opened);
    }
}

static void say_where(const char *path) {
    void *frames[DEPTH];
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    backtrace_symbols_fd(frames, backtrace(frames, DEPTH), file);
    close(file);
}

static void trial_begin(int mode) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%ld-%d.trace", trials, count, mode);
    say_where(path);
    snprintf(path, sizeof path, "%s/%ld-%d.err", trials, count, mode);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0) _exit(126);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    close(file);
    snprintf(path, sizeof path, "%s/%ld-%d", trials, count, mode);
    copy_tree(home, path);
    if (chdir(path) != 0) _exit(126);
    reopen_files(path);
    signal(SIGALRM, SIG_DFL);
    alarm(TRIAL_SECONDS);
    fallen = true;
    fault_mode = mode;
}

/* Whether the call fails here. In a trial's child: yes. */
static bool fails(int which, bool writes) {
    if (which != kind || !counting || inside || gettid() != owner) return false;
    if (fallen) return fault_mode == MODE_FROM || (fault_mode == MODE_HALF && writes);
    ++count;
    if (only) {
        fallen = count == only;
        fault_mode = only_mode;
        return fallen;
    }
    if (count > first && (!stride || (count - first) % stride != 0)) return false;
    int kept = errno;
    bool child = false;
    inside = true;
    for (int mode = 0; mode < modes && !child; ++mode) {
        if (mode == MODE_HALF && !writes) continue;
        int how = 0;
        pid_t pid = fork();
        if (pid < 0) _exit(127);
        child = pid == 0;
        if (child) {
            owner = gettid();
            trial_begin(mode);
        } else {
            waitpid(pid, &how, 0);
            note("%ld %d %d\n", count, mode, WIFSIGNALED(how) ? -WTERMSIG(how) : WEXITSTATUS(how));
        }
    }
    inside = false;
    errno = kept;
    return child;
}

static int (*program)(int, char **, char **);

static int program_counted(int argc, char **argv, char **variables) {
    counting = true;
    int status = program(argc, argv, variables);
    counting = false;
    if (!fallen && journal) note("count %ld\n", count);
    return status;
}

static long number_of(const char *name) {
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : 0;
}

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*loader)(void), void *stack);

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*loader)(void), void *stack) {
    REAL(__libc_start_main)
    const char *wanted = getenv("FAULT_KIND"), *alone = getenv("FAULT_ONLY");
    void *frame;
    if (!wanted) return real(main, argc, argv, init, fini, loader, stack);
    journal = getenv("FAULT_JOURNAL");
    trials = getenv("FAULT_FOLDER");
    first = number_of("FAULT_FIRST");
    stride = number_of("FAULT_STRIDE");
    only = number_of("FAULT_ONLY");
    only_mode = alone && strchr(alone, ',') ? strchr(alone, ',')[1] - '0' : 0;
    if (!getcwd(home, sizeof home)) _exit(119);
    owner = gettid();
    backtrace(&frame, 1); /* loads what it needs */
    unsetenv("LD_PRELOAD");
    kind = strcmp(wanted, "memory") == 0 ? KIND_MEMORY : KIND_FILE;
    modes = kind == KIND_MEMORY ? 2 : 4;
    program = main;
    return real(program_counted, argc, argv, init, fini, loader, stack);
}

/* ---- memory ---- */

/* dlsym itself may ask for memory: from here, until it has answered. */
static char early[1 << 14];
static volatile size_t early_used;
static volatile bool looking; /* volatile: dlsym is declared never to call back */

static void *early_take(size_t size) {
    size_t padded = (size + 15) & ~(size_t)15;
    if (padded > sizeof early - early_used) _exit(118);
    early_used += padded;
    return early + early_used - padded;
}

static bool is_early(const void *block) {
    return (const char *)block >= early && (const char *)block < early + sizeof early;
}

#define REAL_MEMORY(name)                      \
    static __typeof__(&(name)) real;           \
    if (!real && !looking) {                   \
        looking = true;                        \
        void *found = dlsym(RTLD_NEXT, #name); \
        memcpy(&real, &found, sizeof real);    \
        looking = false;                       \
    }

void *malloc(size_t size) {
    REAL_MEMORY(malloc)
    if (!real) return early_take(size);
    if (!fails(KIND_MEMORY, false)) return real(size);
    errno = ENOMEM;
    return NULL;
}

void *calloc(size_t items, size_t size) {
    REAL_MEMORY(calloc)
    if (!real) return early_take(items * size);
    if (!fails(KIND_MEMORY, false)) return real(items, size);
    errno = ENOMEM;
    return NULL;
}

void *realloc(void *block, size_t size) {
    REAL_MEMORY(realloc)
    if (!real || is_early(block)) {
        void *moved = malloc(size);
        if (moved && block) memcpy(moved, block, size);
        return moved;
    }
    if (!fails(KIND_MEMORY, false)) return real(block, size);
    errno = ENOMEM;
    return NULL;
}

void *aligned_alloc(size_t alignment, size_t size) {
    REAL_MEMORY(aligned_alloc)
    if (!fails(KIND_MEMORY, false)) return real(alignment, size);
    errno = ENOMEM;
    return NULL;
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    REAL_MEMORY(posix_memalign)
    return fails(KIND_MEMORY, false) ? ENOMEM : real(block, alignment, size);
}

void free(void *block) {
    REAL_MEMORY(free)
    if (real && !is_early(block)) real(block);
}

/* Not ours to try: glibc 2.41 keeps a lock when memory is short in setlocale, and dlerror then ends the process. */
#define NOT_TRIED(type, name, parameters, arguments) \
    type name parameters {                           \
        REAL(name)                                   \
        bool outside = !inside;                      \
        inside = true;                               \
        type result = real arguments;                \
        inside = !outside;                           \
        return result;                               \
    }

typedef char *text;
NOT_TRIED(text, setlocale, (int category, const char *locale), (category, locale))
NOT_TRIED(text, dlerror, (void), ())

/* Nor is this: jansson 2.14 goes on without a character that found no memory, and asserts where it builds objects. */
typedef struct json_t *json;
json json_loadb(const char *bytes, size_t size, size_t flags, void *error);
NOT_TRIED(json, json_loadb, (const char *bytes, size_t size, size_t flags, void *error), (bytes, size, flags, error))

/* ---- files ---- */

static int file_error(void) {
    errno = fault_mode == MODE_ERROR ? EIO : ENOSPC;
    return -1;
}

static bool is_file(int file) {
    struct stat about;
    return file > STDERR_FILENO && fstat(file, &about) == 0 && S_ISREG(about.st_mode);
}

#define OPEN(name)                                                                         \
    int name(const char *path, int flags, ...) {                                           \
        REAL(name)                                                                         \
        mode_t mode = 0;                                                                   \
        if (flags & (O_CREAT | __O_TMPFILE)) {                                             \
            va_list arguments;                                                             \
            va_start(arguments, flags);                                                    \
            mode = va_arg(arguments, mode_t);                                              \
            va_end(arguments);                                                             \
        }                                                                                  \
        bool writes = (flags & O_ACCMODE) != O_RDONLY;                                     \
        return writes && fails(KIND_FILE, false) ? file_error() : real(path, flags, mode); \
    }

OPEN(open)
OPEN(open64)

FILE *tmpfile(void) {
    REAL(tmpfile)
    if (!fails(KIND_FILE, false)) return real();
    file_error();
    return NULL;
}

ssize_t write(int file, const void *bytes, size_t size) {
    REAL(write)
    bool half = fallen && fault_mode == MODE_HALF; /* the second time: nothing more */
    if (kind != KIND_FILE || !is_file(file) || !fails(KIND_FILE, true)) return real(file, bytes, size);
    return fault_mode == MODE_HALF && !half && size > 1 ? real(file, bytes, size / 2) : file_error();
}

int fsync(int file) {
    REAL(fsync)
    return fails(KIND_FILE, false) ? file_error() : real(file);
}

int fdatasync(int file) {
    REAL(fdatasync)
    return fails(KIND_FILE, false) ? file_error() : real(file);
}

int rename(const char *from, const char *to) {
    REAL(rename)
    return fails(KIND_FILE, false) ? file_error() : real(from, to);
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir)
    return access(path, F_OK) != 0 && fails(KIND_FILE, false) ? file_error() : real(path, mode);
}

/* The number is free after a failed close too. */
int close(int file) {
    REAL(close)
    bool written = kind == KIND_FILE && !inside && is_file(file) && (fcntl(file, F_GETFL) & O_ACCMODE) != O_RDONLY;
    bool bad = written && fails(KIND_FILE, false);
    int status = real(file);
    return bad ? file_error() : status;
}
