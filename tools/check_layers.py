#!/usr/bin/env python3
"""The layer rule: a folder of src/ includes only itself and what stands below it.

usage: check_layers.py SOURCE_ROOT
Prints one line per offending include and exits with 1; `--selftest` shows that it can fail.
"""
import pathlib
import re
import sys

# Lowest first; folders in one row do not know each other.
LAYERS = [
    ["core"],
    ["linalg"],
    ["data"],
    ["graph"],
    ["model"],
    ["measure"],
    ["attack", "explain", "kernels", "geometry"],
    ["learn"],
    ["run"],
    ["studies"],
    ["api", "cli"],
]
LEVEL = {folder: level for level, row in enumerate(LAYERS) for folder in row}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([a-z_]+)/')


def offences(root):
    for path in sorted((root / "src").rglob("*.[ch]")):
        folder = path.relative_to(root / "src").parts[0]
        if folder not in LEVEL:
            if path.parent != root / "src":
                yield f"{path}: folder '{folder}' has no layer in tools/check_layers.py"
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match or match[1] == folder:
                continue
            if match[1] not in LEVEL or LEVEL[match[1]] >= LEVEL[folder]:
                yield f"{path}:{number}: {folder} must not include {match[1]}"


def selftest():
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        (root / "src/core").mkdir(parents=True)
        (root / "src/core/bad.c").write_text('#include "run/run.h"\n')
        return len(list(offences(root))) == 1


if __name__ == "__main__":
    if not selftest():
        sys.exit("check_layers.py: the self-test did not see a forbidden include")
    found = list(offences(pathlib.Path(sys.argv[1])))
    print("\n".join(found) if found else "layers: every include points down")
    sys.exit(1 if found else 0)
