#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The study `kernels`: on its smallest preset every claim holds and every control fails; any number of threads gives the
# same numbers; what cannot be is refused before anything is written.
# usage: cli_kernels.sh STRATA; skipped (77) in an instrumented build, where it would take an hour.
set -u
[ "${STRATA_INSTRUMENTED:-}" != true ] || { echo "too slow in an instrumented build"; exit 77; }
strata=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

fault() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

"$strata" run kernels --preset smoke --check --quiet --threads 2 --out smoke >out 2>err ||
    fault "smoke --check: status $?: $(tail -n 5 err)"
python3 - smoke/result.json <<'E2' || fault "the claims of the smoke preset"
import json, sys

claims = {claim["id"]: claim for claim in json.load(open(sys.argv[1]))["claims"]}
assert len(claims) >= 12, sorted(claims)
for claim in claims.values():
    if claim["role"] == "claim":
        assert claim["verdict"] == "holds" and claim["controls"], claim
        assert all(claims[control]["verdict"] == "fails" for control in claim["controls"]), claim
E2
for figure in errors theory limit; do [ -s "smoke/figures/$figure.svg" ] || fault "no figure $figure"; done

small=(--preset smoke --seeds 2 --set sphere.seeds=2 --set study.sample_sizes=60,120 --set study.epochs=20)
for threads in 1 2; do
    "$strata" run kernels "${small[@]}" --threads $threads --quiet --out "threads$threads" 2>err || fault "$(cat err)"
done
python3 - threads1/result.json threads2/result.json <<'E2' || fault "one and two threads differ"
import json, sys

one, two = (json.load(open(name)) for name in sys.argv[1:])
assert one["claims"] == two["claims"] and one["tables"] == two["tables"]
E2

# refused WANTED WORDS...: status 2, a message that says so, no run directory
refused() {
    local wanted=$1
    shift
    "$strata" run kernels --preset smoke --out refused "$@" >out 2>err
    local status=$?
    [ "$status" = 2 ] || fault "$*: status $status, expected 2: $(tail -n 1 err)"
    grep -Eq "$wanted" err || fault "$*: $(tail -n 1 err)"
    [ ! -e refused/result.json ] || fault "$*: a result was written"
    rm -rf refused
}
refused "study.kernels.*no kernel.*rfb.*rbf" --set study.kernels=rfb
refused "activation sign has no tangent kernel" --set "study.kernels=ntk(activation=sign)"
refused "activation hermite" --set "study.kernels=nngp(activation=hermite, degree=2, bias_variance=0.5)"
refused "bias_variance" --set "study.kernels=ntk(bias_variance=-1)"
refused "study.ridges.*-1" --set study.ridges=-1
refused "rising sizes" --set study.sample_sizes=200,100
refused "sphere.staircase" --set sphere.staircase=15,200,40,500
refused "exponent.dimensions" --set exponent.dimensions=4,8
refused "compares pictures" --set study.kernels=cntk3
refused "kernel.memory_mb" --set study.sample_sizes=100000 --set kernel.memory_mb=64
refused "stack.construction|study.sequential" --set study.sequential=three_stage
[ "$failures" = 0 ] && echo "cli_kernels: all as expected"
exit "$((failures > 0))"
