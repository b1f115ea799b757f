#!/bin/sh
# SPDX-License-Identifier: MIT
# Every command of the program once, on the smallest work that reaches all of the study's code: for builds with
# sanitizers and for valgrind, where the contract tests (tests/cli_*.sh) would take an hour.
# usage: check_program.sh STRATA [WRAPPER...]; the checker must end a faulty program with status 99.
strata=$(realpath "$1")
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

# check STATUS WORDS...: runs the program, under the wrapper if there is one.
wrapper=$*
check() {
    wanted=$1
    shift
    $wrapper "$strata" "$@" >out 2>err </dev/null
    got=$?
    [ $got = "$wanted" ] && return
    failures=$((failures + 1))
    echo "FAILED: strata $*: status $got, expected $wanted"
    tail -n 40 err
}

small="--preset smoke --seeds 1 --threads 2 --set train.steps_per_stage=8 --set train.warmup=2 --set train.batch_size=8
    --set mlp.steps=4 --set data.test_size=32 --set study.label_test_size=100 --set study.sample_steps=4
    --set teacher.width=2 --set network.hidden_width=4 --set paper.expansion_rows=12"
wide="--set study.gaps=1,0.3 --set study.dimensions=6,8 --set study.sample_sizes=20,40 --set study.kernel_dimensions=3,4
    --set study.kernel_sample_sizes=20,30 --set study.kernel_train_size=30 --set kernel.selection_rows=20
    --set random_features.count=8 --set study.longer=true --set data.dimension=4
    --set learner.list=sgd_joint,sgd_staged,layerwise,layerwise_refit,staged_cut,two_layer,paper,paper_frozen,paper_cut"

kernels="--preset smoke --seeds 1 --threads 2 --set sphere.seeds=1 --set study.sample_sizes=20,40 --set study.epochs=2
    --set train.warmup=1 --set data.test_size=64 --set data.dimension=4 --set teacher.width=2 --set study.feature_learning=true
    --set study.sequential=two_stage,residual,kernel_pca --set stack.components=5 --set sphere.dimension=4
    --set sphere.sizes=10,20,30,40 --set sphere.staircase=10,20,30,40 --set sphere.test_size=32
    --set exponent.dimensions=4,5,6 --set exponent.sizes=10,20,40 --set monomials.dimension=6
    --set monomials.train_size=20 --set monomials.test_size=32 --set limit.widths=8,16,32 --set limit.networks=2"

overparam="--preset smoke --seeds 1 --threads 2 --set network.widths=8,16,32 --set network.width=16 --set train.steps=4
    --set long.steps=4 --set stochastic.steps=4 --set norms.networks=3 --set norms.width=16 --set depth.width=8
    --set depth.layers=4 --set cnn.widths=8,12,16 --set separation.networks=2"

depth="--preset smoke --seeds 1 --threads 2 --set study.networks=true --set study.sample_sizes=60 --set data.train_size=100
    --set data.pool=100 --set data.test_size=60 --set picture.steps=4 --set correction.seeds=1 --set layers.seeds=1
    --set train.warmup=2 --set probe.times=3 --set probe.train_size=40 --set probe.test_size=40 --set tiles.count=2
    --set tiles.steps=3 --set kernel.train_size=20 --set kernel.test_size=20 --set train.batch_size=8"

purify="--preset smoke --seeds 1 --threads 2 --set study.dimensions=none --set study.sparsities=none --set data.dimension=16
    --set study.baseline_seeds=1 --set data.test_size=100 --set attack.steps=4 --set attack.restarts=1 --set attack.radii=0.1
    --set linear_form.steps=4 --set frozen_units.steps=4 --set frozen_units.count=20 --set gate_ntk.steps=4
    --set gate_ntk.count=20 --set cubic.steps=4 --set cubic.count=20 --set train.batch_size=8"

for words in --version --help --man "--completion bash" studies "studies bfc" "studies kernels" "studies overparam" kernels "kernels ntk" \
    "data list" "run --help"; do
    check 0 $words
done
check 0 run bfc $small $wide --out one
check 0 run kernels $kernels --out limits
check 0 run overparam $overparam --out over
"$strata" data show fashion-mnist >out 2>&1 && check 0 run depth $depth --out depth
check 0 run purify $purify --out purify
for row in 0.1,0.2,0 0.4,-0.3,1 0.5,0.6,0 -0.7,0.8,1 0.9,0.1,1 0.2,-0.4,0 0.3,-0.1,0 -0.2,0.4,1; do echo $row; done >rows.csv
model="--set train.batch_size=4 --set mlp.steps=20 --set mlp.hidden_width=8"
for learner in mlp_relu krr rfm random_features; do
    [ $learner = mlp_relu ] || model=
    check 0 fit --data rows.csv --learner $learner --out $learner.model $model --quiet
    check 0 evaluate --model $learner.model --data rows.csv
done
check 0 attack --model mlp_relu.model --data rows.csv --eps 0.1 --queries 20 --threads 2 --out attacked
check 0 certify --model mlp_relu.model --data rows.csv --sigma 0.5 --votes 100
check 0 resume one --json
check 0 report one
check 0 run bfc $small --config one/config.ini --seed 2 --out two --quiet
check 0 compare one two
check 0 sweep bfc $small --grid study.seed=1,2 --out grid
check 3 run bfc $small --check --out checked
check 2 run bfc --set train.learning_rate=fast
check 2 run bfc $small --out one
check 2 run kernels --set "study.kernels=ntk(activation=sign)"
check 2 kernels nothing
check 2 resume nowhere
check 2 unknown
[ $failures = 0 ] && echo "program: clean"
[ $failures = 0 ]
