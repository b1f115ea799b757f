#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A run whose disk is full: status 1, a message that names the file, nothing that looks whole, and once there is room
# again `resume` ends with the numbers of an undisturbed run. Needs a file system of its own: root, else skipped (77).
# usage: cli_disk_full.sh STRATA
# shellcheck source=tests/cli_fixture.bash
. "$(dirname "$0")/cli_fixture.bash"
full=$work/full
mkdir "$full"
mount -t tmpfs -o size=64k tmpfs "$full" 2>/dev/null || { echo "no file system can be mounted"; exit 77; }
trap 'umount "$full" 2>/dev/null; rm -rf "$work"' EXIT

small="--preset smoke --seeds 1 --threads 1 --set train.steps_per_stage=20 --set train.warmup=2 --set train.batch_size=8
    --set data.test_size=64 --set study.classification=false --set learner.list=sgd_joint,layerwise --set kernel.list=none
    --set study.gaps=none --set study.sample_steps=4"

# Room for ever more of a run: it must stop cleanly wherever it is, or be done.
stopped=0
# $small is several words.
# shellcheck disable=SC2086
for kilobytes in 0 8 16 24 32 40 48; do
    rm -rf "${full:?}"/*
    mount -o remount,size=64k "$full" || exit 77
    [ "$kilobytes" = 64 ] || head -c $(((60 - kilobytes) * 1024)) /dev/zero >"$full/ballast" 2>/dev/null
    "$strata" run bfc $small --out "$full/run" >out 2>err
    status=$?
    [ "$status" = 0 ] && continue
    stopped=$((stopped + 1))
    [ "$status" = 1 ] || fault "$kilobytes KiB left: status $status, expected 1: $(tail -n 1 err)"
    grep -q "No space left" err || fault "$kilobytes KiB left: $(tail -n 1 err)"
    grep -q "$full/run" err || fault "$kilobytes KiB left: no file named: $(tail -n 1 err)"
    [ ! -e "$full/run/result.json" ] || fault "$kilobytes KiB left: a result stands there"
    [ -z "$(find "$full" -name '*.tmp*' -size +0)" ] || fault "$kilobytes KiB left: $(find "$full" -name '*.tmp*')"
done
[ "$stopped" -gt 2 ] || fault "only $stopped of the runs met a full disk"

# Room again.
rm -f "$full/ballast"
mount -o remount,size=16m "$full" || exit 77
# shellcheck disable=SC2086
"$strata" run bfc $small --out whole >out 2>err || fault "the undisturbed run: $(tail -n 1 err)"
if [ -e "$full/run/config.ini" ] && [ ! -e "$full/run/result.json" ]; then
    "$strata" resume "$full/run" >out 2>err || fault "resume: $(tail -n 1 err)"
    python3 - "$full/run/result.json" whole/result.json <<'E2' || fault "resume ended with other numbers"
import json, sys

one, two = (json.load(open(name)) for name in sys.argv[1:])
assert one["claims"] == two["claims"]
E2
fi
done_with cli_disk_full
