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

for words in --version --help --man "--completion bash" studies "studies bfc" "studies kernels" "studies overparam" kernels "kernels ntk" \
    "data list" "run --help"; do
    check 0 $words
done
check 0 run bfc $small $wide --out one
check 0 run kernels $kernels --out limits
check 0 run overparam $overparam --out over
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
