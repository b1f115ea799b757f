#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The study `purify`: on its smallest preset every claim holds and every control fails; any number of threads and a run
# that was stopped give the same numbers; what cannot be is refused before anything is written.
# usage: cli_purify.sh STRATA
# shellcheck source=tests/study_fixture.bash
. "$(dirname "$0")/study_fixture.bash"

smoke purify 26
small=(purify --preset smoke --seeds 2 --set data.dimension=20 --set data.test_size=100 --set train.steps=60
    --set study.baselines=linear_form,gate_ntk --set gate_ntk.count=20 --set gate_ntk.steps=20 --set linear_form.steps=20)
same_on_threads "${small[@]}"

# Stopped in the middle of a training and resumed: equal numbers.
long=(purify --preset smoke --seeds 1 --set study.baselines=none --set train.steps=3000 --set data.test_size=100)
"$strata" run "${long[@]}" --quiet --threads 1 --out whole >out 2>err || fault "whole: $(tail -n 1 err)"
kill_midway stopped 0.3 "${long[@]}"
"$strata" resume stopped --quiet --threads 1 >out 2>err || fault "resume: $(tail -n 1 err)"
same_result whole stopped

# A few pictures through the whole image part.
if "$strata" data list | grep -q "fashion-mnist.*found\|fashion-mnist.*/"; then
    "$strata" run purify --preset smoke --seeds 1 --set study.baselines=none --set data.dimension=20 --set train.steps=10 \
        --set data.test_size=100 --set images.data=fashion-mnist --set images.train_size=256 --set images.test_size=100 \
        --set images.epochs=2 --set images.adversarial_epochs=1 --quiet --out pictures >out 2>err ||
        fault "pictures: $(tail -n 1 err)"
    for figure in image_features image_filters image_gradients; do
        [ -s pictures/figures/$figure.json ] || fault "no figure $figure"
    done
fi

refused "adversarial.epsilon.*above 0" "${small[@]}" --set adversarial.epsilon=0
refused "adversarial.epsilon" "${small[@]}" --set adversarial.epsilon=-1
refused "adversarial.epsilon" "${small[@]}" --set adversarial.epsilon=nan
refused "adversarial.method.*fgsm_rs" "${small[@]}" --set adversarial.method=fgsm_rs
refused "teacher.sparsity.*quarter" "${small[@]}" --set teacher.sparsity=6
refused "teacher.margin.*sparsity" "${small[@]}" --set teacher.margin=4
refused "network.threshold_end.*1 / root k" "${small[@]}" --set network.threshold_end=0.6
refused "attack.radii" "${small[@]}" --set attack.radii=0.2,0.1
refused "attack.names" "${small[@]}" --set attack.names=pdg
refused "attack.steps" "${small[@]}" --set attack.steps=0
refused "data.test_size" "${small[@]}" --set data.test_size=10
refused "images.epsilon.*8/255" "${small[@]}" --set images.data=mnist --set images.epsilon=0
done_with cli_purify
