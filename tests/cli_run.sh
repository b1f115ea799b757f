#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The contract of run, resume, sweep, compare and report, on a small study.
# usage: cli_run.sh STRATA [STUDY]; skipped (77) when the study is not built in.
set -u
strata=$(realpath "$1")
study=${2:-bfc}
"$strata" studies | grep -q "^$study " || { echo "no study $study"; exit 77; }
command -v python3 >/dev/null || { echo "no python3"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C
failures=0
small=(run "$study" --preset smoke --seeds 2 --set train.steps_per_stage=1000 --set checkpoint.seconds=0.3)

fault() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# expect STATUS PATTERN WORDS...: exit status, and a pattern in standard error.
expect() {
    local wanted=$1 pattern=$2 got
    shift 2
    "$strata" "$@" >out 2>err </dev/null
    got=$?
    [ "$got" = "$wanted" ] || fault "strata $*: status $got, expected $wanted: $(tail -n 2 err)"
    [ -z "$pattern" ] || grep -Eq -e "$pattern" err || fault "strata $*: no '$pattern' in: $(cat err)"
}

# same A B: the records of two runs are equal except for what the contract allows.
same() {
    python3 - "$1" "$2" <<'PYTHON' || fault "$1 and $2 are not equal runs"
import json, pathlib, sys
a, b = (pathlib.Path(path) for path in sys.argv[1:])

def result(folder):
    whole = json.loads((folder / "result.json").read_text(), parse_constant=lambda name: sys.exit("not JSON: " + name))
    for key in ("seconds", "threads", "host", "started", "finished"):
        whole.pop(key, None)
    for table in whole["tables"]:
        keep = [i for i, name in enumerate(table["columns"]) if not name.endswith("_seconds")]
        table["rows"] = [[row[i] for i in keep] for row in table["rows"]]
    return whole

def files(folder):
    return sorted(str(path.relative_to(folder)) for path in (folder / "figures").iterdir())

bad = []
if result(a) != result(b):
    bad.append("result.json")
if files(a) != files(b):
    bad.append("list of figures")
for name in ["config.ini", "metrics.jsonl"] + files(a):
    if (b / name).exists() and (a / name).read_bytes() != (b / name).read_bytes():
        bad.append(name)
sys.exit(("differ: " + ", ".join(bad)) if bad else 0)
PYTHON
}

# ---- a whole run, --json, --check, --quiet ----
"$strata" run "$study" --preset smoke --check --json --out smoke >out 2>err
got=$?
[ $got = 0 ] || fault "smoke --check: status $got: $(tail -n 5 err)"
cmp -s out smoke/result.json || fault "--json is not result.json"
python3 -c 'import json,sys; r=json.load(open(sys.argv[1])); ids=[c["id"] for c in r["claims"]]; assert ids and len(set(ids))==len(ids); assert all(k in r for k in "study version preset seed seeds threads seconds host config claims tables figures".split())' out ||
    fault "result.json lacks something"
grep -q $'\033' err && fault "escapes in standard error that is no terminal"
for file in config.ini metrics.jsonl report.html log.txt; do [ -s "smoke/$file" ] || fault "smoke/$file is missing"; done
"$strata" resume smoke --json 2>err | cmp -s - smoke/result.json || fault "resume of a finished run does not print its result"
"$strata" resume smoke >out 2>err || fault "resume of a finished run: $(cat err)"
grep -q "^Report: smoke/report.html" out || fault "the table does not end with the report"
grep -q $'\033' out && fault "escapes in a pipe"
expect 0 '' resume smoke --quiet
[ ! -s out ] || fault "--quiet prints"

# ---- equal runs ----
"$strata" "${small[@]}" --threads 2 --out two >/dev/null 2>err || fault "two threads: $(cat err)"
LC_ALL=de_DE.UTF-8 "$strata" "${small[@]}" --threads 1 --out one >/dev/null 2>err || fault "one thread: $(cat err)"
same two one
"$strata" run "$study" --config two/config.ini --threads 2 --quiet --out again 2>err || fault "--config: $(cat err)"
same two again
cp two/report.html report.html
rm -r two/report.html two/figures/*.svg
"$strata" report two >out 2>err || fault "report: $(cat err)"
cmp -s report.html two/report.html || fault "report makes another report.html"
same two one

# ---- interruption: Ctrl-C, then SIGKILL at several moments ----
started() { for _ in $(seq 100); do [ -s "$1/metrics.jsonl" ] && return; sleep 0.05; done; }

"$strata" "${small[@]}" --out stopped >out 2>err &
child=$!
started stopped
kill -INT $child
wait $child
got=$?
if [ -f stopped/result.json ]; then
    echo "note: the run was over before it could be interrupted"
else
    [ $got = 1 ] || fault "Ctrl-C: status $got"
    grep -q 'strata resume stopped' err || fault "Ctrl-C: no hint in: $(cat err)"
fi
"$strata" resume stopped --threads 1 >out 2>err || fault "resume: $(cat err)"
same two stopped

"$strata" "${small[@]}" --out locked >out 2>err &
child=$!
started locked
expect 2 'locked' resume locked
kill -INT $child
sleep 0.4
kill -INT $child 2>/dev/null
wait $child
[ $? -le 1 ] || fault "Ctrl-C twice: status $?"

for moment in 0.2 0.7 1.3 2.1; do
    rm -rf killed
    "$strata" "${small[@]}" --out killed >out 2>err &
    child=$!
    sleep "$(awk -v base="$moment" -v seed=$$ 'BEGIN { srand(seed + base * 10); print base + 0.2 * rand() }')"
    kill -KILL $child 2>/dev/null
    wait $child 2>/dev/null
    if [ -f killed/checkpoint/run.json ]; then
        "$strata" resume killed >out 2>err || fault "resume after SIGKILL at $moment: $(cat err)"
        same two killed
    fi
done

# ---- refusals ----
expect 2 'not empty|empty folder' "${small[@]}" --out two
touch file
expect 2 'file of that name is in the way' "${small[@]}" --out file/below
expect 2 'no result.json|not a run' compare two nowhere
expect 2 'nowhere.ini' "${small[@]}" --config nowhere.ini
printf '[study]\nseeds = 3\nsede = 4\n' >bad.ini
expect 2 "bad.ini:3.*seed" "${small[@]}" --config bad.ini
printf '[study]\nseeds = many\n' >bad.ini
expect 2 "bad.ini:2" "${small[@]}" --config bad.ini
expect 2 "study.seeds" run "$study" --set study.seeds=0
expect 2 "study.sed'?.*study.seed" run "$study" --set study.sed=1
expect 2 "SECTION.KEY=VALUE" run "$study" --set study.seeds
expect 2 "whole number" "${small[@]}" --threads x
for threads in -1 0 1.5 9999 1e99; do expect 2 "whole number from 1 to" "${small[@]}" --threads $threads; done
expect 2 "^strata: --seeds: key .study.seeds.: expected a whole number" run "$study" --seeds x
expect 2 "^strata: --seed: key .study.seed.: expected a whole number" run "$study" --seed -1
expect 2 "^strata: --grid: key .study.seed.: expected a whole number" sweep "$study" --preset smoke --grid study.seed=x
cp -r two damaged
sed -i 's/^seeds = 2/seeds = 3/' damaged/config.ini
expect 2 'config.ini' resume damaged
rm -rf damaged && cp -r two damaged && rm damaged/result.json && echo '{' >damaged/checkpoint/run.json
expect 2 'damaged' resume damaged
rm -rf damaged && cp -r two damaged && echo '{"study": 1' >damaged/result.json
expect 2 'result.json' compare two damaged
expect 2 '--grid SECTION.KEY' sweep "$study" --preset smoke
expect 2 'empty|value' sweep "$study" --preset smoke --grid study.seed=1,,2
expect 2 'study.sed' sweep "$study" --preset smoke --grid study.sed=1,2
expect 2 'given twice' sweep "$study" --preset smoke --grid study.seed=1 --grid study.seed=2
[ ! -e runs ] || fault "a refused command made runs/"

# ---- one seed is inconclusive: status 3 with --check, 0 without; threads are clamped ----
one=(run "$study" --preset smoke --seeds 1 --set train.steps_per_stage=150)
expect 3 '' "${one[@]}" --check --threads 1 --out single
grep -q '^NOT AS EXPECTED:' out || fault "verdicts unlike the expected ones are not said"
expect 0 '' "${one[@]}" --quiet --out single2 --set study.seed=2
expect 0 'threads 4096: ' "${one[@]}" --threads 4096 --out single3

# ---- several runs ----
"$strata" compare single single2 >out 2>err || fault "compare: $(cat err)"
grep -Eq '^study.seed +1 +2$' out || fault "compare does not say that the seeds differ"
"$strata" sweep "$study" --preset smoke --seeds 1 --set train.steps_per_stage=150 --grid study.seed=1,2 --out grid >out 2>err || fault "sweep: $(cat err)"
grep -q '^study.seed,claim,role,verdict' grid/sweep.csv || fault "sweep.csv"
same single grid/001-seed=1
"$strata" sweep "$study" --preset smoke --seeds 1 --set train.steps_per_stage=150 --grid study.seed=1,2 --out grid --json 2>err |
    python3 -c 'import json,sys; r=json.load(sys.stdin); assert [x["set"]["study.seed"] for x in r["runs"]]==["1","2"]' || fault "sweep --json: $(cat err)"
expect 2 'other settings' sweep "$study" --preset smoke --seeds 2 --set train.steps_per_stage=150 --grid study.seed=1,2 --out grid

# ---- a terminal: live line, colours, 80 columns ----
cat >terminal.py <<'PYTHON'
"""Runs a command on a pseudo-terminal of a given width; prints what it wrote."""
import fcntl, os, pty, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(sys.argv[1]), 0, 0))
    os.execv(sys.argv[2], sys.argv[2:])
while True:
    try:
        block = os.read(fd, 65536)
    except OSError:
        break
    if not block:
        break
    os.write(1, block)
os.waitpid(pid, 0)
PYTHON
for width in 80 50; do
    LC_ALL=C.UTF-8 TERM=xterm NO_COLOR= python3 terminal.py $width "$strata" resume smoke >out
    grep -q $'\033\[32m\xe2\x9c\x93 holds' out || fault "no colour and symbol on a terminal"
    sed 's/\x1b\[[0-9;]*[mK]//g; s/\r//g' out | LC_ALL=C.UTF-8 awk -v width=$width '!/report.html|^note|^  .*expected.*measured/ && length($0) > width { print; bad = 1 } END { exit bad }' ||
        fault "wider than $width columns"
done
TERM=xterm NO_COLOR=1 python3 terminal.py 80 "$strata" resume smoke >out
grep -q $'\033\[3' out && fault "NO_COLOR is not honoured"
TERM=xterm python3 terminal.py 80 "$strata" "${one[@]}" --out live >out
grep -q $'\r\[=* *\] ' out || fault "no live progress on a terminal"

TERM=xterm python3 terminal.py 40 "$strata" "${one[@]}" --out narrow >out
sed 's/\x1b\[[0-9;]*[mK]//g' out | tr '\r' '\n' | awk '/%  / && length($0) > 39 { bad = 1 } END { exit bad }' || fault "the live line wraps at 40 columns"
TERM=dumb python3 terminal.py 80 "$strata" "${one[@]}" --out dumb >out
grep -q $'\033' out && fault "escapes on a dumb terminal"

# ---- names of foreign files reach a terminal without their control characters ----
cp -r single 'sly run'
sed -i 's/"preset": "smoke"/"preset": "smo\\u001b[31mke\\u009b"/' 'sly run/result.json'
expect 0 '' compare single 'sly run'
LC_ALL=C grep -q -e $'\033' -e $'\xc2\x9b' out && fault "compare prints escapes of a foreign file"
rm 'sly run/result.json'
expect 2 "strata resume 'sly run'" report 'sly run'

[ "$failures" = 0 ] && echo "cli run: all as expected"
[ "$failures" = 0 ]
