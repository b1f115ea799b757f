#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The library as its users get it: installed, found by pkg-config, linked shared and static, from C and C++.
# usage: api_install.sh STRATA, with STRATA in a plain build folder; skipped (77) in an instrumented one.
set -u
[ "${STRATA_INSTRUMENTED:-}" != true ] || { echo "an instrumented build is not installed"; exit 77; }
build=$(dirname "$(realpath "$1")")
source=${STRATA_SOURCE:?the source folder}
command -v pkg-config >/dev/null || { echo "no pkg-config"; exit 77; }
CC=${CC:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C
failures=0

fault() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

meson install -C "$build" --no-rebuild --destdir "$work/root" >"$work/install.log" 2>&1 ||
    { cat "$work/install.log"; exit 1; }
pc=$(find "$work/root" -name strata.pc)
[ -n "$pc" ] || { echo "FAILED: strata.pc is not installed"; exit 1; }
root=$work/root$(PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --variable=prefix strata)
libraries=$(dirname "$(dirname "$pc")")
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
shared="pkg-config --define-variable=prefix=$root"
mkdir "$work/archive" "$work/examples"
cp "$libraries/libstrata.a" "$work/archive/"
static="$shared --static --define-variable=libdir=$work/archive"

# ---- headers: alone, as C and C++, with nothing but each other and four of C's
CXX=$(command -v "${CXX:-c++}" || true)
for header in "$source"/include/strata/*.h; do
    name=strata/${header##*/}
    [ -f "$root/include/$name" ] || fault "$name is not installed"
    echo "#include <$name>" | "$CC" -x c -std=c17 -pedantic -Wall -Wextra -Werror -fsyntax-only -I "$root/include" - ||
        fault "$name does not compile as C17"
    [ -z "$CXX" ] || echo "#include <$name>" |
        "$CXX" -x c++ -std=c++17 -pedantic -Wall -Wextra -Werror -fsyntax-only -I "$root/include" - ||
        fault "$name does not compile as C++17"
    ! awk '/^[A-Za-z].*strata_[a-z0-9_]*\(/ && before !~ /\*\/$/ { print FILENAME ":" FNR ": " $0 } { before = $0 }' "$header" |
        grep . || fault "$name: functions without a comment"
    ! grep '#include' "$header" | grep -Ev '<(stddef|stdint|stdbool)\.h>|<strata/[a-z_]+\.h>' || fault "$name includes more"
done

# ---- symbols: what the headers declare, no more and no less, in both libraries
sed -e 's:^ *\(/\*\| \*\).*::' "$source"/include/strata/*.h | grep -o 'strata_[a-z0-9_]*(' | tr -d '(' | sort -u >"$work/declared"
nm -D --defined-only "$libraries/libstrata.so" | awk '{ print $NF }' | sort >"$work/shown"
nm -g --defined-only "$libraries/libstrata.a" | awk 'NF == 3 { print $NF }' | sort >"$work/global"
[ "$(wc -l <"$work/declared")" -gt 40 ] || fault "only $(wc -l <"$work/declared") declarations found"
diff "$work/declared" "$work/shown" || fault "libstrata.so: declared (<) is not what it shows (>)"
diff "$work/declared" "$work/global" || fault "libstrata.a: declared (<) is not what it shows (>)"

# ---- examples
cp "$source"/examples/* "$work/examples/"
cd "$work/examples" || exit 1
export LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
make -s CC="$CC" CFLAGS="-O1 -Wall -Wextra -Werror" PKG_CONFIG="$shared" || fault "the examples do not build"
lines=$(sed -n '/^#include/,$p' learn_teacher.c | grep -c '[^ ]')
[ "$lines" -le 30 ] || fault "learn_teacher.c has $lines lines of code, expected at most 30"

# Errors as printed: joint below 1e-3 and a fifth of layer-wise at most (measured: 3.9e-05 and 1.9e-03).
check_teacher() {
    "$1" >out 2>&1 || fault "$1: $(cat out)"
    awk '$1 == "sgd_joint" { joint = $4 } $1 == "layerwise" { layered = $4 }
         END { exit !(joint > 0 && joint < 1e-3 && layered > 5 * joint) }' out || fault "$1 printed: $(cat out)"
}
check_teacher ./learn_teacher
cp out out.shared

# $static and $shared are commands with their words.
# shellcheck disable=SC2046,SC2086
"$CC" -std=c17 $($static --cflags strata) learn_teacher.c -o learn_static $($static --libs strata) ||
    fault "learn_teacher.c does not link with libstrata.a"
check_teacher ./learn_static
cmp out.shared out || fault "the static program prints other numbers"
! ldd ./learn_static | grep libstrata || fault "the static program needs libstrata.so"

./own_data example.csv model.safetensors >out 2>&1 || fault "own_data: $(cat out)"
awk '$1 == "test" { error = $3 } END { exit !(error > 0 && error < 0.2) }' out || fault "own_data printed: $(cat out)"
[ -s model.safetensors ] || fault "own_data kept no model"
! ./own_data missing.csv model.safetensors 2>out || fault "own_data missing.csv: expected a failure"
grep -q '^missing.csv: ' out || fault "own_data missing.csv said: $(cat out)"

./kernel_ridge example.csv >out 2>&1 || fault "kernel_ridge: $(cat out)"
awk 'NR == 1 { exit !($1 == 400 && $NF > 0 && $NF < 0.05) }' out || fault "kernel_ridge printed: $(cat out)"
/usr/bin/env python3 -c 'import struct, sys
rows = [l.split(",") for l in open("example.csv")][1:]
text = "{\"descr\": \"<f8\", \"fortran_order\": False, \"shape\": (%d, %d), }" % (len(rows), len(rows[0]))
text = (text + " " * (63 - (10 + len(text)) % 64) + "\n").encode()
data = b"".join(struct.pack("<%dd" % len(r), *map(float, r)) for r in rows)
open("example.npy", "wb").write(b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text + data)' &&
    ./kernel_ridge example.npy >out.npy 2>&1
cmp out out.npy || fault "kernel_ridge example.npy printed: $(cat out.npy)"
! ./kernel_ridge missing.npy 2>out || fault "kernel_ridge missing.npy: expected a failure"

./run_study bfc study.seeds=1 train.steps_per_stage=30 learner.list=sgd_joint study.classification=false >out 2>err ||
    fault "run_study: $(cat err)"
[ -f "$(sed -n 's/^the report is in //p' out)" ] || fault "run_study printed: $(cat out)"

if [ -n "$CXX" ]; then
    cat >list.cpp <<'CPP'
#include <cstdio>
#include <strata/strata.h>
int main() {
    for (std::size_t i = 0; i < strata_learner_count(); ++i) std::puts(strata_learner_name(i));
    strata_context *ctx = nullptr;
    strata_teacher *teacher = nullptr;
    if (strata_context_create(&ctx) != STRATA_OK) return 1;
    strata_teacher_options options = strata_teacher_options_default();
    options.kind = "ring";
    bool refused = strata_teacher_create(ctx, &options, &teacher) == STRATA_ERR_CONFIG && !teacher;
    std::puts(strata_context_message(ctx));
    strata_context_destroy(ctx);
    return refused ? 0 : 1;
}
CPP
    # shellcheck disable=SC2046,SC2086
    "$CXX" -std=c++17 -Wall -Wextra $($shared --cflags strata) list.cpp -o list $($shared --libs strata) && ./list >out ||
        fault "list.cpp does not build or run"
    grep -q '^sgd_joint$' out || fault "list printed: $(cat out)"
fi

[ "$("$root/bin/strata" --version)" = "strata $(pkg-config --modversion strata)" ] || fault "strata --version"
[ "$failures" = 0 ] && echo "api_install: all as expected"
exit "$((failures > 0))"
