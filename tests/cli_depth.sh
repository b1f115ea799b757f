#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The study `depth`: on its smallest preset every claim holds and every control fails; any number of threads gives the same
# numbers; a killed run ends with them too; what cannot be is refused before anything is written. Needs Fashion-MNIST.
# usage: cli_depth.sh STRATA
# shellcheck source=tests/study_fixture.bash
. "$(dirname "$0")/study_fixture.bash"
"$strata" data show fashion-mnist >/dev/null 2>&1 || { echo "no Fashion-MNIST on this machine"; exit 77; }

smoke depth 4
small=(depth --preset smoke --seeds 2 --set data.train_size=200 --set data.test_size=200 --set picture.steps=12
    --set correction.seeds=2 --set layers.seeds=2 --set train.warmup=2 --set probe.train_size=100 --set probe.test_size=100)
same_on_threads "${small[@]}"

# Every task of the study in small, with kernels and all networks; then killed on the way and resumed.
whole=("${small[@]}" --set study.networks=true --set study.sample_sizes=60 --set kernel.train_size=20
    --set kernel.test_size=20 --set picture.steps=6 --set
    "study.rules=joint,freeze,layerwise,layerwise_long,overlap,staged,cut,cut_one,layerwise_one,reuse,reuse_alone")
"$strata" run "${whole[@]}" --threads 2 --quiet --out whole 2>err || fault "whole: $(cat err)"
"$strata" run "${whole[@]}" --threads 2 --quiet --out killed 2>err &
sleep 1.5
kill -INT $! 2>/dev/null
wait $!
if [ ! -e killed/result.json ]; then
    "$strata" resume killed --quiet 2>err || fault "resume: $(cat err)"
fi
same_result whole killed
python3 - whole/result.json <<'END' || fault "networks are missing from the table"
import json, sys

one = json.load(open(sys.argv[1]))
assert {row[0] for table in one["tables"] if table["id"] == "networks" for row in table["rows"]} >= {
    "residual", "plain", "three convolutions", "tangent kernel at the start"}, one["tables"]
END

refused "6 n \+ 2" depth --set picture.depth=21
refused "6 n \+ 2" depth --set shallow.depth=9
refused "units.*expected at most" depth --set picture.depth=8 --set picture.units=7
refused "probe.times.*multiple of 3" depth --set probe.times=4
refused "data.train_size.*data.pool" depth --set data.train_size=20001
refused "study.sample_sizes.*rising" depth --set study.sample_sizes=500,100
refused "study.rules" depth --set study.rules=greedy
refused "at least 2 rows" depth --set train.batch_size=1
done_with cli_depth
