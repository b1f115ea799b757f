#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# `strata bench` on tiny cases: figures that fit together, the same losses in every process, refusals. No time is judged.
# usage: cli_bench.sh STRATA
# shellcheck source=tests/cli_fixture.bash
. "$(dirname "$0")/cli_fixture.bash"

small="--case chain_64 --batch 8 --width 8 --steps 3 --quick"
# $small is several words.
# shellcheck disable=SC2086
"$strata" bench $small --threads 1 >out 2>err || fault "bench: $(cat err)"
grep -q chain_64 out || fault "bench printed: $(cat out)"
# shellcheck disable=SC2086
for threads in 1 2; do
    "$strata" bench $small --threads $threads --json >"json.$threads" 2>err || fault "bench --json: $(cat err)"
done
python3 - json.1 json.2 <<'E2' || fault "the figures do not fit together"
import json, math, sys

one, two = (json.load(open(name))["measurements"][0] for name in sys.argv[1:])
for row in one, two:
    assert row["case"] == "chain_64" and row["batch"] == 8, row
    assert 0 < row["step_seconds_min"] <= row["step_seconds"] <= row["step_seconds_max"], row
    assert len(row["loss"]) == 20 and all(math.isfinite(loss) for loss in row["loss"]), row
assert one["loss"][-1] < one["loss"][0], one["loss"]
assert all(abs(a / b - 1) < 1e-4 for a, b in zip(one["loss"], two["loss"])), (one["loss"], two["loss"])
E2
# shellcheck disable=SC2086
"$strata" bench $small --threads 1 --json >again 2>err
python3 -c 'import json; a, b = (json.load(open(n))["measurements"][0]["loss"] for n in ("json.1", "again")); assert a == b' ||
    fault "the same case gave other losses"
# shellcheck disable=SC2086
"$strata" bench $small --threads 1 --export case.safetensors >out 2>err || fault "--export: $(cat err)"
[ -s case.safetensors ] || fault "--export wrote nothing"

refused() {
    local wanted=$1
    shift
    "$strata" bench "$@" >out 2>err
    local status=$?
    [ "$status" = 2 ] || fault "bench $*: status $status, expected 2"
    grep -Eq "$wanted" err || fault "bench $* said: $(cat err)"
}
refused "chain_65" --case chain_65
refused "steps" --case chain_64 --steps many
refused "batch" --case chain_64 --batch 0
done_with cli_bench
