#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The study `kernels`: on its smallest preset every claim holds and every control fails; any number of threads gives the
# same numbers; what cannot be is refused before anything is written.
# usage: cli_kernels.sh STRATA
# shellcheck source=tests/study_fixture.bash
. "$(dirname "$0")/study_fixture.bash"

smoke kernels 12
for figure in errors theory limit; do [ -s "smoke/figures/$figure.svg" ] || fault "no figure $figure"; done
small=(kernels --preset smoke --seeds 2 --set sphere.seeds=2 --set study.sample_sizes=60,120 --set study.epochs=20)
same_on_threads "${small[@]}"
refused "study.kernels.*no kernel.*rfb.*rbf" kernels --preset smoke --set study.kernels=rfb
refused "activation sign has no tangent kernel" kernels --preset smoke --set "study.kernels=ntk(activation=sign)"
refused "activation hermite" kernels --preset smoke --set "study.kernels=nngp(activation=hermite, degree=2, bias_variance=0.5)"
refused "bias_variance" kernels --preset smoke --set "study.kernels=ntk(bias_variance=-1)"
refused "study.ridges.*-1" kernels --preset smoke --set study.ridges=-1
refused "rising values" kernels --preset smoke --set study.sample_sizes=200,100
refused "sphere.staircase" kernels --preset smoke --set sphere.staircase=15,200,40,500
refused "exponent.dimensions" kernels --preset smoke --set exponent.dimensions=4,8
refused "compares pictures" kernels --preset smoke --set study.kernels=cntk3
refused "kernel.memory_mb" kernels --preset smoke --set study.sample_sizes=100000 --set kernel.memory_mb=64
refused "stack.construction|study.sequential" kernels --preset smoke --set study.sequential=three_stage
done_with cli_kernels
