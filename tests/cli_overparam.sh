#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The study `overparam`: on its smallest preset every claim holds and every control fails; any number of threads gives the
# same numbers; what cannot be is refused before anything is written.
# usage: cli_overparam.sh STRATA
# shellcheck source=tests/study_fixture.bash
. "$(dirname "$0")/study_fixture.bash"

smoke overparam 24
small=(overparam --preset smoke --seeds 2 --set "network.widths=16,32,64" --set network.width=32 --set train.steps=20
    --set long.steps=40 --set stochastic.steps=40 --set norms.networks=5 --set depth.width=32 --set depth.layers=10
    --set "cnn.widths=8,16,32")
same_on_threads "${small[@]}"

# Killed within a fit, of all data or of batches: it goes on from its state to the same numbers, but with no other pictures.
kill_midway killed 0 "${small[@]}"
"$strata" resume killed --quiet 2>err || fault "resume: $(cat err)"
grep -q "goes on" killed/log.txt || fault "no task went on from its state"
same_result threads1 killed

batches=("${small[@]}" --set train.batch_size=5 --set pictures.name=fashion-mnist)
"$strata" run "${batches[@]}" --quiet --out batches 2>err || fault "$(cat err)"
kill_midway killed_batches 0 "${batches[@]}"
mkdir -p other/fashion-mnist
for part in images-idx3 labels-idx1; do
    for half in train t10k; do
        cp "/usr/share/datasets/fashion-mnist/t10k-$part-ubyte.gz" "other/fashion-mnist/$half-$part-ubyte.gz"
    done
done
"$strata" resume killed_batches --data other >out 2>err
status=$?
[ "$status" = 2 ] && grep -q "killed_batches: the data sets found now are not those" err ||
    fault "resume with other pictures: status $status: $(tail -n 1 err)"
"$strata" resume killed_batches --quiet 2>err || fault "resume: $(cat err)"
same_result batches killed_batches

# The rings of the convolutional networks stay when all else sees pictures.
"$strata" run "${small[@]}" --set data.name=fashion-mnist --set data.labels=true --quiet --out all_pictures 2>err ||
    fault "data.name: $(tail -n 1 err)"

# A rate above 2 is told of; fits that diverge do not stop the others.
"$strata" run "${small[@]}" --set train.relative_rate=3.9 --out fast >out 2>err || fault "fast: $(tail -n 1 err)"
grep -q "diverges from 2 on" err || fault "no warning of a rate of 3.9: $(cat err)"

refused "network.widths.*expected 3" "${small[@]}" --set network.widths=64,128
refused "network.widths.*rising" "${small[@]}" --set network.widths=128,64,256
refused "train.relative_rate" "${small[@]}" --set train.relative_rate=0
refused "train.relative_rate" "${small[@]}" --set train.relative_rate=5
refused "conflicting_pairs.*half of 24" "${small[@]}" --set data.conflicting_pairs=13
refused "network.patch.*odd" "${small[@]}" --set network.patch=4
refused "true labels need pictures" "${small[@]}" --set data.labels=true
refused "data.separation = 1.2.*farthest" "${small[@]}" --set data.separation=1.2
done_with cli_overparam
