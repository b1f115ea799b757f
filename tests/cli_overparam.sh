#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The study `overparam`: on its smallest preset every claim holds and every control fails; any number of threads gives the
# same numbers; what cannot be is refused before anything is written.
# usage: cli_overparam.sh STRATA; skipped (77) in an instrumented build, where it would take an hour.
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

"$strata" run overparam --preset smoke --check --quiet --threads 2 --out smoke >out 2>err ||
    fault "smoke --check: status $?: $(tail -n 5 err)"
python3 - smoke/result.json <<'E2' || fault "the claims of the smoke preset"
import json, sys

claims = {claim["id"]: claim for claim in json.load(open(sys.argv[1]))["claims"]}
assert len(claims) >= 24, sorted(claims)
for claim in claims.values():
    if claim["role"] == "claim":
        assert claim["verdict"] == "holds" and claim["controls"], claim
        assert all(claims[control]["verdict"] == "fails" for control in claim["controls"]), claim
E2

small=(--preset smoke --seeds 2 --set "network.widths=16,32,64" --set network.width=32 --set train.steps=20 --set long.steps=40
    --set stochastic.steps=40 --set norms.networks=5 --set depth.width=32 --set depth.layers=10 --set "cnn.widths=8,16,32")
for threads in 1 2; do
    "$strata" run overparam "${small[@]}" --threads $threads --quiet --out "threads$threads" 2>err || fault "$(cat err)"
done
python3 - threads1/result.json threads2/result.json <<'E2' || fault "one and two threads differ"
import json, sys

one, two = (json.load(open(name)) for name in sys.argv[1:])
assert one["claims"] == two["claims"] and one["tables"] == two["tables"]
E2

# A rate above 4 is refused, one that diverges is told of; the other fits go on.
"$strata" run overparam "${small[@]}" --set train.relative_rate=3.9 --out fast >out 2>err || fault "fast: $(tail -n 1 err)"
grep -q "diverges from 2 on" err || fault "no warning of a rate of 3.9: $(cat err)"

# refused WANTED WORDS...: status 2, a message that says so, no result
refused() {
    local wanted=$1
    shift
    "$strata" run overparam "${small[@]}" --out refused "$@" >out 2>err
    local status=$?
    [ "$status" = 2 ] || fault "$*: status $status, expected 2: $(tail -n 1 err)"
    grep -Eq "$wanted" err || fault "$*: $(tail -n 1 err)"
    [ ! -e refused/result.json ] || fault "$*: a result was written"
    rm -rf refused
}
refused "network.widths.*expected 3" --set network.widths=64,128
refused "network.widths.*rising" --set network.widths=128,64,256
refused "train.relative_rate" --set train.relative_rate=0
refused "train.relative_rate" --set train.relative_rate=5
refused "conflicting_pairs.*half of 24" --set data.conflicting_pairs=13
refused "network.patch.*odd" --set network.patch=4
refused "true labels need pictures" --set data.labels=true
refused "data.separation = 1.2.*farthest" --set data.separation=1.2
[ "$failures" = 0 ] && echo "cli_overparam: all as expected"
exit "$((failures > 0))"
