#!/usr/bin/env python3
"""What no source file may call, how every file begins, and how long files and functions may be; after curl's
checksrc.pl.

usage: check_source.py SOURCE_ROOT
Prints one line per offence and exits with 1. Comments and texts are not looked at.
"""
import pathlib
import re
import sys

# Names, the files or folders that may use them, and what to use instead.
BANNED = [
    ("printf vprintf fprintf vfprintf puts putchar fputs perror psignal", ["src/cli/"],
     "the library never prints: use strata_fail or context_log"),
    ("exit _exit _Exit quick_exit abort atexit signal sigaction", ["src/cli/"],
     "the library never ends or redirects the process: return a status"),
    ("malloc calloc realloc reallocarray aligned_alloc posix_memalign free strdup strndup asprintf vasprintf getline",
     ["src/core/memory.c"], "memory comes from core/memory.h, so that tests can let it fail"),
    ("atoi atol atoll atof strtof strtold strtod", ["src/core/text.c"],
     "use number_parse, which knows errors and the point whatever the locale"),
    ("setlocale uselocale newlocale", ["src/cli/main.c", "src/core/c_locale.h"], "the locale is the caller's"),
    ("sprintf vsprintf strcpy strcat strncpy strncat stpcpy gets scanf fscanf", [],
     "unbounded: use snprintf, string_format or buffer_print"),
    ("rand srand random srandom drand48 rand_r", [], "random numbers come from core/rng.h"),
    ("strtok localtime gmtime ctime asctime getpwuid strsignal", [], "not safe with threads: use the _r variant"),
    ("setenv putenv unsetenv", [], "the environment is the caller's"),
    ("system popen alloca setjmp longjmp", [], "not in this project"),
]
# A call of that name, not of a member; a stream wherever it is named.
RULES = [(re.compile(r"(?<![\w.>])(%s)(?=\s*\()" % "|".join(names.split())), allowed, why)
         for names, allowed, why in BANNED]
RULES.append((re.compile(r"\b(stdout|stderr)\b"), ["src/cli/"], BANNED[0][2]))
NOISE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
LICENCE = "/* SPDX-License-Identifier: MIT */"
LINE = 120  # clang-format leaves comments alone
FILE, FUNCTION = 400, 50  # lines: a longer file has a second subject, a longer function a second purpose
LONG = {}  # name of a file, or "file:function": why it reads better in one piece
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def bare(text):
    """The text without comments and literals, line by line as long as before."""
    return NOISE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def functions(text):
    """Name, first line and length of every function; its head begins and its last brace stands in column 1."""
    head = None
    for number, line in enumerate(bare(text).splitlines(), 1):
        if re.match(r"\w+(?!\w|:)", line):  # no label
            head = number, re.search(r"(\w+)\s*\(|$", line)[1]
        elif line.startswith("}"):
            if head and line == "}":
                yield head[1], head[0], number - head[0] + 1
            head = None


def lengths(root):
    folders = [root / folder for folder in ("src", "include", "examples", "fuzz", "bench")]
    for path in sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in (".c", ".h", ".inc")):
        name, text = str(path.relative_to(root)), path.read_text()
        count = len(text.splitlines())
        if count > FILE and name not in LONG:
            yield f"{name}:{count}: {count} lines, at most {FILE}: split it by subject"
        for function, line, count in functions(text):
            if count > FUNCTION and f"{name}:{function}" not in LONG:
                yield f"{name}:{line}: {function} has {count} lines, at most {FUNCTION}"


def offences(root):
    yield from lengths(root)
    for path in sorted(path for folder in ("src", "include") for path in (root / folder).rglob("*.[ch]")):
        name, text = str(path.relative_to(root)), path.read_text()
        if not text.startswith(LICENCE + "\n"):
            yield f"{name}:1: the first line must be {LICENCE}"
        for number, line in enumerate(text.splitlines(), 1):
            if UNFINISHED.search(line):
                yield f"{name}:{number}: {UNFINISHED.search(line)[1]} in the tree"
            if len(line) > LINE:
                yield f"{name}:{number}: {len(line)} characters, at most {LINE}"
            if line != line.rstrip() or "\t" in line:
                yield f"{name}:{number}: blank at the end of the line, or a tab"
        for number, line in enumerate(bare(text).splitlines(), 1):
            for pattern, allowed, why in RULES:
                for match in pattern.finditer(line):
                    if not any(name.startswith(place) for place in allowed):
                        yield f"{name}:{number}: {match[1]}: {why}"


def selftest():
    import tempfile

    good = LICENCE + '\n/* printf(x) */\nconst char *text = "exit(1) // rand()"; int a = call->free(x) + my_exit(1);\n'
    bad = LICENCE + "\nvoid f(void) { fputs(text, stderr); exit(1); }\nint y = atoi (x); /* TODO */\n/* " + 120 * "x" + " */\n"
    with tempfile.TemporaryDirectory() as name:
        (pathlib.Path(name) / "src").mkdir()
        path = pathlib.Path(name) / "src/file.c"
        path.write_text(good)
        quiet = list(offences(pathlib.Path(name)))
        path.write_text(bad)
        faults = len(list(offences(pathlib.Path(name))))
        path.write_text(LICENCE + "\nint f(int a,\n      int b) {\n" + 47 * "    a += b;\n" + "end:\n}\n" + 400 * "\n")
        long = list(offences(pathlib.Path(name)))
        return not quiet and faults == 6 and len(long) == 2 and "f has 51 lines" in long[1]


if __name__ == "__main__":
    if not selftest():
        sys.exit("check_source.py: the self-test went wrong")
    found = list(offences(pathlib.Path(sys.argv[1])))
    print("\n".join(found) if found else "source: no banned call, nothing too long")
    sys.exit(1 if found else 0)
