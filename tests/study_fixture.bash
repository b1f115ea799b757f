# SPDX-License-Identifier: MIT
# What scripts that test a study share; sourced with STRATA as $1. Skips (77) instrumented builds, where it would take an
# hour.
[ "${STRATA_INSTRUMENTED:-}" != true ] || { echo "too slow in an instrumented build"; exit 77; }
# shellcheck source=tests/cli_fixture.bash
. "$(dirname "${BASH_SOURCE[0]}")/cli_fixture.bash"

# smoke STUDY LEAST: its smallest preset; every claim (at least so many with controls) holds, every control fails
smoke() {
    "$strata" run "$1" --preset smoke --check --quiet --threads 2 --out smoke >out 2>err ||
        fault "smoke --check: status $?: $(tail -n 5 err)"
    python3 - smoke/result.json "$2" <<'END' || fault "the claims of the smoke preset"
import json, sys

claims = {claim["id"]: claim for claim in json.load(open(sys.argv[1]))["claims"]}
assert len(claims) >= int(sys.argv[2]), sorted(claims)
for claim in claims.values():
    if claim["role"] == "claim":
        assert claim["verdict"] == "holds" and claim["controls"], claim
        assert all(claims[control]["verdict"] == "fails" for control in claim["controls"]), claim
END
}

# same_on_threads STUDY WORDS...: one and two threads give the same claims and tables
same_on_threads() {
    for threads in 1 2; do
        "$strata" run "$@" --threads $threads --quiet --out "threads$threads" 2>err || fault "$(cat err)"
    done
    same_result threads1 threads2
}

# kill_midway NAME SECONDS STUDY WORDS...: a run on one thread that keeps states so often, killed after the first one
kill_midway() {
    local name=$1 seconds=$2 running
    shift 2
    "$strata" run "$@" --set "checkpoint.seconds=$seconds" --threads 1 --quiet --out "$name" 2>err &
    running=$!
    for _ in $(seq 3000); do
        [ -z "$(find "$name/checkpoint" -name "*.safetensors" 2>/dev/null)" ] || break
        sleep 0.01
    done
    kill -KILL $running
    wait $running 2>/dev/null
    [ -n "$(find "$name/checkpoint" -name "*.safetensors")" ] || fault "$name: no state was left: $(cat err)"
}

# same_result ONE TWO: claims and tables of two runs
same_result() {
    python3 - "$1/result.json" "$2/result.json" <<'END' || fault "$1 and $2 differ"
import json, sys

one, two = (json.load(open(name)) for name in sys.argv[1:])
assert one["claims"] == two["claims"] and one["tables"] == two["tables"]
END
}

# refused WANTED STUDY WORDS...: status 2, a message that says so, no result
refused() {
    local wanted=$1 status
    shift
    "$strata" run "$@" --out refused >out 2>err
    status=$?
    [ "$status" = 2 ] || fault "$*: status $status, expected 2: $(tail -n 1 err)"
    grep -Eq "$wanted" err || fault "$*: $(tail -n 1 err)"
    [ ! -e refused/result.json ] || fault "$*: a result was written"
    rm -rf refused
}
