# SPDX-License-Identifier: MIT
# What scripts that test the program share; sourced with STRATA as $1. Changes to a folder of its own.
set -u
strata=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

fault() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# done_with NAME: the last line of a script
done_with() {
    [ "$failures" = 0 ] && echo "$1: all as expected"
    exit "$((failures > 0))"
}
