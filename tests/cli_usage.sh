#!/bin/sh
# SPDX-License-Identifier: MIT
# Wrong usage is refused with status 2 and a message that helps; --help, the manual and the completion are well formed.
# usage: cli_usage.sh STRATA
set -u
strata=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

fault() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# expect STATUS PATTERN WORDS...: the exit status, and a pattern (grep -E) in standard error.
expect() {
    wanted=$1 pattern=$2
    shift 2
    "$strata" "$@" >"$work/out" 2>"$work/err" </dev/null
    got=$?
    [ "$got" = "$wanted" ] || fault "strata $*: status $got, expected $wanted"
    grep -Eq -e "$pattern" "$work/err" || fault "strata $*: no '$pattern' in: $(cat "$work/err")"
    [ "$wanted" != 2 ] || [ ! -s "$work/out" ] || fault "strata $*: a refusal printed on standard output"
}

# prints WORDS...: status 0, something on standard output, nothing on standard error, at most 80 columns.
prints() {
    "$strata" "$@" >"$work/out" 2>"$work/err" </dev/null || fault "strata $*: status $?"
    [ -s "$work/out" ] || fault "strata $*: printed nothing"
    [ ! -s "$work/err" ] || fault "strata $*: $(cat "$work/err")"
    awk -v what="$*" 'length($0) > 80 { print "FAILED: strata " what ": over 80 columns: " $0; bad = 1 } END { exit bad }' "$work/out" || failures=$((failures + 1))
}

expect 2 'command is missing.*--help'
expect 2 "unknown command 'rnu' \(did you mean 'run'\?\)" rnu bfc
expect 2 "unknown command 'help' \(did you mean '--help'\?\)" help
expect 2 "unknown command 'qqqqqqqq'; see" qqqqqqqq
expect 2 "unknown option '--versoin' \(did you mean '--version'\?\)" --versoin
expect 2 "one word too many" --version now
expect 2 "expected bash, found 'zsh'" --completion zsh
expect 2 "expected STUDY" run
expect 2 "'extra' is one word too many" run bfc extra
expect 2 "did you mean 'bfc'" run BFC
expect 2 "did you mean 'run'" RUN bfc
expect 2 "did you mean '--preset'" run bfc --PRESET smoke
expect 2 "did you mean 'study.seeds'" run bfc --set STUDY.SEEDS=3
expect 2 "did you mean 'smoke'" run bfc --preset SMOKE
expect 2 "learner.list.*stands in the list twice" run bfc --set learner.list=sgd_joint,sgd_joint
expect 2 "takes no parameters" run bfc --set "learner.list=sgd_joint(foo=3)"
expect 2 "a list name an entry twice" run bfc --set study.gaps=0.1,0.1 --out "$work/twice"
expect 2 "no such file in /.*no known data set.*did you mean 'fashion-mnist'.*strata data list" fit --data fashionmnist --out "$work/x"
expect 2 "is a device" fit --data fashion-mnist --out /dev/null
expect 1 "Input/output error" run bfc --config /proc/self/mem
expect 2 "unknown study 'no_such_study'" run no_such_study
expect 2 "unknown study 'no_such_study'" studies no_such_study
expect 2 "unknown study 'no_such_study'" sweep no_such_study --grid a.b=1
expect 2 "unknown option '--seeed' \(did you mean '--seed'\?\)" run bfc --seeed 3
expect 2 "unknown option '--seeed' \(did you mean '--seed'\?\)" run bfc --seeed=3
expect 2 "unknown option '--thread' \(did you mean '--threads'\?\)" run bfc --thread 3
expect 2 "unknown option '-x'" run bfc -x
expect 2 "unknown option '--grid'" run bfc --grid a.b=1
expect 2 "found 'smok' \(did you mean 'smoke'\?\)" run bfc --preset smok
expect 2 "expected smoke\|default\|paper, found 'smoke.default'" run bfc --preset 'smoke|default'
expect 2 "'--seed' needs an argument" run bfc --seed
expect 2 "'--out' needs an argument" run bfc --out ''
expect 2 "'--seed' is given twice" run bfc --seed 1 --seed 2
expect 2 "'--json' takes no argument" run bfc --json=yes
expect 2 "expected DIR" resume
expect 2 "nowhere" resume "$work/nowhere"
expect 2 "nowhere" report "$work/nowhere"
expect 2 "expected DIR DIR" compare "$work"
expect 2 "not a run directory" compare "$work" "$work"
expect 2 "expected list\|show" data
expect 2 "found 'lits' \(did you mean 'list'\?\)" data lits
expect 2 "expected the name" data get
expect 2 "unknown data set 'fashion'" data get fashion
expect 2 "expected the name" data show
expect 2 "unknown data set 'no-such-set'" data show no-such-set
expect 2 "one word too many" data list fashion-mnist
expect 2 "unknown kernel .ntkk. .did you mean .ntk..." kernels ntkk

prints --help
prints --version
prints studies
prints kernels
"$strata" fit --help | grep -q "^usage: strata fit --data FILE --out MODEL" || fault "fit --help: its usage lacks what is required"
for kernel in $("$strata" kernels | sed -n "s/^\([a-z_]*\) .*/\1/p"); do prints kernels "$kernel"; done
commands=$("$strata" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ "$(echo "$commands" | wc -w)" -ge 7 ] || fault "commands found in --help: $commands"
for command in $commands; do
    prints "$command" --help
    grep -q "^usage: strata $command " "$work/out" || fault "strata $command --help: no usage"
done
[ "$("$strata" --version)" = "strata $("$strata" --version | sed 's/strata //')" ] || fault "--version is more than one line"
"$strata" --version | grep -Eq '^strata [0-9]+\.[0-9]+\.[0-9]+$' || fault "--version: $("$strata" --version)"

# Everything that --help lists, the manual and the completion know too.
"$strata" --man >"$work/strata.1" || fault "--man: status $?"
"$strata" --completion bash >"$work/strata.bash" || fault "--completion: status $?"
bash -n "$work/strata.bash" || fault "the completion is not bash"
for command in $commands; do
    grep -q "^\.SS \"$command " "$work/strata.1" || fault "the manual lacks $command"
    for option in $("$strata" "$command" --help | sed -n 's/^  --\([a-z]*\).*/\1/p'); do
        grep -q "\\\\-\\\\-$option" "$work/strata.1" || fault "the manual lacks --$option"
        bash -c '. "$1"; COMP_WORDS=(strata "$2" "--$3"); COMP_CWORD=2; _strata; [[ " ${COMPREPLY[*]} " == *" --$3 "* ]]' sh \
            "$work/strata.bash" "$command" "$option" || fault "the completion of $command lacks --$option"
    done
done
bash -c '. "$1"; COMP_WORDS=(strata run --preset s); COMP_CWORD=3; _strata; [[ ${COMPREPLY[*]} == smoke ]]' sh "$work/strata.bash" ||
    fault "the completion does not offer a preset"
if command -v groff >/dev/null; then
    groff -man -ww -Tascii "$work/strata.1" >"$work/page" 2>"$work/err" || fault "groff refuses the manual"
    [ ! -s "$work/err" ] || fault "groff: $(cat "$work/err")"
fi

# Output that cannot be written is a failure, a reader who leaves is not worth a message.
if [ -w /dev/full ]; then
    "$strata" --help >/dev/full 2>"$work/err"
    [ $? = 1 ] || fault "a full disk under --help: not status 1"
    grep -q 'cannot write' "$work/err" || fault "a full disk under --help: no message"
fi
"$strata" --help >&- 2>/dev/null
[ $? = 1 ] || fault "a closed standard output: not status 1"

[ "$failures" = 0 ] && echo "cli usage: all as expected"
[ "$failures" = 0 ]
